/* base/thread.c - ranked mutexes, condition variables, threads. */
#include <assert.h>
#include <errno.h>
#include <time.h>
#include "base/log.h"
#include "base/thread.h"

/* Ranks only grow along a thread's locks, so it holds at most one of each: held[rank]. The check
 * makes a possible deadlock a failed assert in the first run that takes the locks in that order,
 * not a hang in the one run where two threads meet. */
#ifndef NDEBUG_LOCKS
static __thread const struct mutex *held[RANK_LEAF + 1];

static void note_lock(const struct mutex *m)
{
    for (unsigned r = m->rank; r <= RANK_LEAF; r++) {
        if (UNLIKELY(held[r]))
            log_error("lock order: '%s' taken while holding '%s'", m->name, held[r]->name);
        assert(!held[r]);
    }
    held[m->rank] = m;
}

static void note_unlock(const struct mutex *m)
{
    assert(held[m->rank] == m);
    held[m->rank] = NULL;
}

bool mutex_held(const struct mutex *m) { return held[m->rank] == m; }
#else
static void note_lock(const struct mutex *m) { (void)m; }
static void note_unlock(const struct mutex *m) { (void)m; }
bool mutex_held(const struct mutex *m) { return m; }
#endif

/* What pthread functions say about our own mistakes (EPERM, EINVAL, EDEADLK). */
static void must(int ret) { assert(!ret); }

void mutex_init(struct mutex *m, enum lock_rank rank, const char *name)
{
    assert(rank <= RANK_LEAF);
    m->rank = (u8)rank;
    m->name = name;
    must(pthread_mutex_init(&m->m, NULL));
}

void mutex_fini(struct mutex *m) { must(pthread_mutex_destroy(&m->m)); }

void mutex_lock(struct mutex *m)
{
    note_lock(m);
    must(pthread_mutex_lock(&m->m));
}

void mutex_unlock(struct mutex *m)
{
    note_unlock(m);
    must(pthread_mutex_unlock(&m->m));
}

void cond_init(struct cond *c)
{
    pthread_condattr_t attr;
    must(pthread_condattr_init(&attr));
    must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC));
    must(pthread_cond_init(&c->c, &attr));
    must(pthread_condattr_destroy(&attr));
}

void cond_fini(struct cond *c) { must(pthread_cond_destroy(&c->c)); }

void cond_wait(struct cond *c, struct mutex *m)
{
    note_unlock(m);
    must(pthread_cond_wait(&c->c, &m->m));
    note_lock(m);
}

bool cond_wait_until(struct cond *c, struct mutex *m, u64 deadline_ns)
{
    struct timespec t = {(time_t)(deadline_ns / 1000000000), (long)(deadline_ns % 1000000000)};
    note_unlock(m);
    int ret = pthread_cond_timedwait(&c->c, &m->m, &t);
    note_lock(m);
    assert(!ret || ret == ETIMEDOUT);
    return !ret;
}

void cond_signal(struct cond *c) { must(pthread_cond_signal(&c->c)); }

void cond_broadcast(struct cond *c) { must(pthread_cond_broadcast(&c->c)); }

struct start { /* from thread_start to the new thread, which frees it */
    void *(*fn)(void *);
    void *arg;
    char name[16];
};

static void *run(void *arg)
{
    struct start s = *(struct start *)arg;
    free(arg);
    pthread_setname_np(pthread_self(), s.name);
    return s.fn(s.arg);
}

pthread_t thread_start(const char *name, void *(*fn)(void *), void *arg)
{
    struct start *s = new(struct start);
    pthread_t t;
    *s = (struct start){fn, arg, ""};
    snprintf(s->name, sizeof(s->name), "%s", name);
    int ret = pthread_create(&t, NULL, run, s);
    if (ret)
        fatal("cannot start thread '%s': %s", name, strerror(ret));
    return t;
}

void thread_join(pthread_t t) { must(pthread_join(t, NULL)); }
