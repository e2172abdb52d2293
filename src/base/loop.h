/* base/loop.h - the event loop: descriptors, timers and calls posted from other threads. */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H
#include <sys/epoll.h>
#include "base/base.h"

struct loop;
struct loop *loop_new(void);
/* After loop_run returned; posted calls that did not run are dropped. */
void loop_free(struct loop *);
/* Until loop_stop; the calling thread becomes the loop's thread. */
void loop_run(struct loop *);
/* One turn, for tests: waits at most timeout_ms (-1: no limit); true when something ran. */
bool loop_poll(struct loop *, int timeout_ms);
void loop_stop(struct loop *);       /* any thread, also from a signal handler */
bool loop_here(const struct loop *); /* is this the loop's thread? */

/* Runs fn(arg) on the loop's thread, in the order posted. Any thread. */
void loop_post(struct loop *, void (*fn)(void *arg), void *arg);

/* A watched descriptor. The owner keeps the struct alive until loop_fd_del, on the loop's thread
 * (loop_fd_add before loop_run is fine). events: EPOLLIN | EPOLLOUT; 0 pauses. */
struct loop_fd {
    int fd;
    u32 events;
    void (*ready)(void *arg, u32 events);
    void *arg;
    struct loop *loop;
};
bool loop_fd_add(struct loop *, struct loop_fd *); /* false: not pollable (a plain file) */
void loop_fd_events(struct loop_fd *, u32 events);
void loop_fd_del(struct loop_fd *);

/* A timer on clock_now_ns(). Set and stop from any thread; fire() runs on the loop's thread and may
 * come once more after a stop from another thread that raced with it: the owner checks under its
 * lock. A time in the past: at the loop's next turn. With a fake clock the loop does not sleep for
 * deadlines: a timer fires in the first loop_poll after clock_step() passed it. */
struct loop_timer {
    void (*fire)(void *arg);
    void *arg;
    u64 when_ns;
    u32 index; /* place in the heap + 1; 0: not set */
};
void loop_timer_set(struct loop *, struct loop_timer *, u64 when_ns);
void loop_timer_stop(struct loop *, struct loop_timer *);
#endif
