/* base/pool.c - worker threads that take blocking work from one queue. */
#include "base/pool.h"
#include "base/thread.h"

struct pool {
    struct mutex lock;
    struct cond more;
    struct work *first, **last; /* the queue; last points to the end's `next` */
    bool stopping;
    unsigned n;
    pthread_t threads[];
};

static void finish(void *arg)
{
    struct work *w = arg;
    w->done(w);
}

/* NULL: the queue is empty and no more will come. */
static struct work *take(struct pool *p)
{
    mutex_lock(&p->lock);
    while (!p->first && !p->stopping)
        cond_wait(&p->more, &p->lock);
    struct work *w = p->first;
    if (w) {
        p->first = w->next;
        if (!p->first)
            p->last = &p->first;
    }
    mutex_unlock(&p->lock);
    return w;
}

static void *worker(void *arg)
{
    struct work *w;
    while ((w = take(arg))) {
        w->run(w);
        if (w->loop)
            loop_post(w->loop, finish, w);
        else
            finish(w);
    }
    return NULL;
}

struct pool *pool_new(unsigned threads)
{
    struct pool *p = xalloc(sizeof(*p) + threads * sizeof(p->threads[0]));
    mutex_init(&p->lock, RANK_LEAF, "pool");
    cond_init(&p->more);
    p->last = &p->first;
    for (p->n = 0; p->n < threads; p->n++)
        p->threads[p->n] = thread_start("myna-worker", worker, p);
    return p;
}

void pool_free(struct pool *p)
{
    if (!p)
        return;
    mutex_lock(&p->lock);
    p->stopping = true;
    cond_broadcast(&p->more);
    mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->n; i++)
        thread_join(p->threads[i]);
    cond_fini(&p->more);
    mutex_fini(&p->lock);
    free(p);
}

void pool_submit(struct pool *p, struct work *w)
{
    w->next = NULL;
    mutex_lock(&p->lock);
    *p->last = w;
    p->last = &w->next;
    cond_signal(&p->more);
    mutex_unlock(&p->lock);
}
