/* base/loop.c - the event loop: epoll, an eventfd to wake it, a heap of timers, posted calls. */
#include <assert.h>
#include <errno.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/thread.h"

/* One turn: wait for descriptors, the first deadline or a wake-up; then run what is ready:
 * descriptors, posted calls, due timers. What these cause to be posted or set to a time that has
 * passed runs in the next turn, so nobody starves.
 *
 * Waking costs a write(), so other threads wake the loop only when it sleeps past what they ask:
 * sleep_until is the deadline it sleeps for, and 0 while it is awake and will look anyway. */

struct post {
    void (*fn)(void *arg);
    void *arg;
};

struct posts {
    struct post *v;
    size_t n, cap;
};

struct timers {
    struct loop_timer **v;
    u32 n, cap;
};

struct loop {
    int epoll, wake;
    bool stop;        /* atomic */
    pthread_t thread; /* atomic; the creator's until loop_run */
    struct epoll_event events[64];
    int n_events;         /* this turn's, for loop_fd_del */
    struct posts running; /* this turn's, kept for its memory */

    struct mutex lock; /* for what follows */
    u64 sleep_until;
    struct posts posts;
    struct timers heap; /* v[0] is due first */
    struct timers due;  /* this turn's; stopped ones are NULL */
};

/* loop_timer.index of a timer that left the heap for the list of due ones. */
enum { DUE = 1u << 31 };

/* ---- timers: a binary heap; every place is written to its timer's index ---------------------- */

static void timers_push(struct timers *h, struct loop_timer *t)
{
    if (h->n == h->cap) {
        h->cap = h->cap ? h->cap * 2 : 16;
        h->v = xresize(h->v, h->cap * sizeof(*h->v));
    }
    h->v[h->n++] = t;
}

static void heap_place(struct timers *h, u32 i, struct loop_timer *t)
{
    h->v[i] = t;
    t->index = i + 1;
}

/* Moves t, which belongs at or above or below the free place i, to where it belongs. */
static void heap_sift(struct timers *h, u32 i, struct loop_timer *t)
{
    for (; i && h->v[(i - 1) / 2]->when_ns > t->when_ns; i = (i - 1) / 2)
        heap_place(h, i, h->v[(i - 1) / 2]);
    for (;;) {
        u32 kid = 2 * i + 1;
        if (kid + 1 < h->n && h->v[kid + 1]->when_ns < h->v[kid]->when_ns)
            kid++;
        if (kid >= h->n || h->v[kid]->when_ns >= t->when_ns)
            break;
        heap_place(h, i, h->v[kid]);
        i = kid;
    }
    heap_place(h, i, t);
}

static void heap_remove(struct timers *h, struct loop_timer *t)
{
    u32 i = t->index - 1;
    struct loop_timer *last = h->v[--h->n];
    if (last != t)
        heap_sift(h, i, last);
    t->index = 0;
}

static void detach(struct loop *l, struct loop_timer *t)
{
    if (t->index & DUE)
        l->due.v[t->index & ~DUE] = NULL;
    else if (t->index)
        heap_remove(&l->heap, t);
    t->index = 0;
}

static bool fire_timers(struct loop *l)
{
    bool any = false;
    mutex_lock(&l->lock);
    u64 now = l->heap.n ? clock_now_ns() : 0;
    while (l->heap.n && l->heap.v[0]->when_ns <= now) {
        struct loop_timer *t = l->heap.v[0];
        heap_remove(&l->heap, t);
        t->index = DUE | l->due.n;
        timers_push(&l->due, t);
    }
    for (u32 i = 0; i < l->due.n; i++) {
        struct loop_timer *t = l->due.v[i];
        if (!t)
            continue;
        void (*fire)(void *) = t->fire;
        void *arg = t->arg;
        t->index = 0;
        mutex_unlock(&l->lock);
        fire(arg);
        any = true;
        mutex_lock(&l->lock);
    }
    l->due.n = 0;
    mutex_unlock(&l->lock);
    return any;
}

/* ---- waking ---------------------------------------------------------------------------------- */

/* Async-signal-safe. A full counter (EAGAIN) wakes as well. */
static void wake(const struct loop *l)
{
    int saved = errno;
    const u64 one = 1;
    ssize_t n = write(l->wake, &one, sizeof(one));
    assert(n == sizeof(one) || errno == EAGAIN);
    errno = saved;
}

/* Under the lock: something is to be done at when_ns; must the loop be woken for it? */
static bool must_wake(struct loop *l, u64 when_ns)
{
    if (when_ns >= l->sleep_until)
        return false;
    l->sleep_until = 0;
    return true;
}

void loop_timer_set(struct loop *l, struct loop_timer *t, u64 when_ns)
{
    mutex_lock(&l->lock);
    detach(l, t);
    t->when_ns = when_ns;
    timers_push(&l->heap, t);
    heap_sift(&l->heap, l->heap.n - 1, t);
    bool asleep = must_wake(l, when_ns);
    mutex_unlock(&l->lock);
    if (asleep)
        wake(l);
}

void loop_timer_stop(struct loop *l, struct loop_timer *t)
{
    mutex_lock(&l->lock);
    detach(l, t);
    mutex_unlock(&l->lock);
}

void loop_post(struct loop *l, void (*fn)(void *arg), void *arg)
{
    mutex_lock(&l->lock);
    struct posts *q = &l->posts;
    if (q->n == q->cap) {
        q->cap = q->cap ? q->cap * 2 : 16;
        q->v = xresize(q->v, q->cap * sizeof(*q->v));
    }
    q->v[q->n++] = (struct post){fn, arg};
    bool asleep = must_wake(l, 0);
    mutex_unlock(&l->lock);
    if (asleep)
        wake(l);
}

static bool run_posts(struct loop *l)
{
    mutex_lock(&l->lock);
    struct posts now = l->posts;
    l->posts = l->running;
    mutex_unlock(&l->lock);
    for (size_t i = 0; i < now.n; i++)
        now.v[i].fn(now.v[i].arg);
    bool any = now.n;
    now.n = 0;
    l->running = now;
    return any;
}

/* ---- descriptors ----------------------------------------------------------------------------- */

bool loop_fd_add(struct loop *l, struct loop_fd *f)
{
    u32 events = f->events;
    assert(loop_here(l));
    f->loop = l;
    /* Registered even when paused: whether the descriptor can be polled must be known now. */
    struct epoll_event e = {.events = events, .data.ptr = f};
    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, f->fd, &e)) {
        assert(errno != EBADF && errno != EEXIST);
        return false;
    }
    if (!events)
        epoll_ctl(l->epoll, EPOLL_CTL_DEL, f->fd, NULL);
    return true;
}

/* Paused is not registered: epoll reports hang-ups and errors of all it knows, asked or not. */
void loop_fd_events(struct loop_fd *f, u32 events)
{
    assert(loop_here(f->loop));
    if (events == f->events)
        return;
    int op = !events ? EPOLL_CTL_DEL : !f->events ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    struct epoll_event e = {.events = events, .data.ptr = f};
    int ret = epoll_ctl(f->loop->epoll, op, f->fd, &e);
    assert(!ret);
    f->events = events;
}

void loop_fd_del(struct loop_fd *f)
{
    struct loop *l = f->loop;
    loop_fd_events(f, 0);
    for (int i = 0; i < l->n_events; i++)
        if (l->events[i].data.ptr == f)
            l->events[i].data.ptr = NULL;
}

static bool run_fds(struct loop *l)
{
    bool any = false;
    for (int i = 0; i < l->n_events; i++) {
        struct loop_fd *f = l->events[i].data.ptr;
        u32 events = l->events[i].events;
        if (!f || !f->events) /* deleted or paused earlier in this turn */
            continue;
        f->ready(f->arg, events);
        any = true;
    }
    l->n_events = 0;
    return any;
}

/* ---- turns ----------------------------------------------------------------------------------- */

/* Until when may this turn sleep on the machine's clock? Notes it for must_wake. */
static u64 sleep_until(struct loop *l)
{
    mutex_lock(&l->lock);
    u64 until = l->posts.n ? 0 : l->heap.n ? l->heap.v[0]->when_ns : UINT64_MAX;
    l->sleep_until = until;
    mutex_unlock(&l->lock);
    return until;
}

/* Sleeps for at most max_ns (UINT64_MAX: no limit), then forgets wake-ups. */
static void wait_events(struct loop *l, u64 max_ns)
{
    u64 until = sleep_until(l), ns = max_ns;
    if (until != UINT64_MAX) {
        u64 now = clock_now_ns();
        if (until <= now)
            ns = 0;
        else if (!clock_faked())
            ns = MIN(ns, until - now);
    }
    struct timespec t = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
    int n =
        epoll_pwait2(l->epoll, l->events, ARRAY_LEN(l->events), ns == UINT64_MAX ? NULL : &t, NULL);
    if (n < 0 && errno != EINTR)
        fatal("cannot wait for events: %s", strerror(errno));
    l->n_events = MAX(n, 0);
    mutex_lock(&l->lock);
    l->sleep_until = 0;
    mutex_unlock(&l->lock);
    for (int i = 0; i < l->n_events; i++)
        if (l->events[i].data.ptr == l) {
            u64 count;
            ssize_t got = read(l->wake, &count, sizeof(count));
            assert(got == sizeof(count) || errno == EAGAIN);
            l->events[i].data.ptr = NULL;
        }
}

static bool turn(struct loop *l, u64 max_ns)
{
    wait_events(l, max_ns);
    bool any = run_fds(l);
    any |= run_posts(l);
    any |= fire_timers(l);
    return any;
}

bool loop_poll(struct loop *l, int timeout_ms)
{
    __atomic_store_n(&l->thread, pthread_self(), __ATOMIC_RELAXED);
    return turn(l, timeout_ms < 0 ? UINT64_MAX : (u64)timeout_ms * 1000000);
}

void loop_run(struct loop *l)
{
    __atomic_store_n(&l->thread, pthread_self(), __ATOMIC_RELAXED);
    while (!__atomic_exchange_n(&l->stop, false, __ATOMIC_ACQUIRE))
        turn(l, UINT64_MAX);
}

void loop_stop(struct loop *l)
{
    __atomic_store_n(&l->stop, true, __ATOMIC_RELEASE);
    wake(l);
}

bool loop_here(const struct loop *l)
{
    return pthread_equal(__atomic_load_n(&l->thread, __ATOMIC_RELAXED), pthread_self());
}

struct loop *loop_new(void)
{
    struct loop *l = new(struct loop);
    l->thread = pthread_self();
    mutex_init(&l->lock, RANK_LEAF, "loop");
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = l};
    if (l->epoll < 0 || l->wake < 0 || epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->wake, &e))
        fatal("cannot make an event loop: %s", strerror(errno));
    return l;
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    close(l->wake);
    close(l->epoll);
    mutex_fini(&l->lock);
    free(l->posts.v);
    free(l->running.v);
    free(l->heap.v);
    free(l->due.v);
    free(l);
}
