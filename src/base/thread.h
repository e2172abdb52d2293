/* base/thread.h - ranked mutexes, threads, sleeping. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H
#include <pthread.h>
#include "base/base.h"

/* A thread may only take a mutex of a higher rank than all that it holds, so never two of one rank;
 * one of RANK_LEAF may always come last. Checked unless NDEBUG_LOCKS. */
enum lock_rank {
    RANK_MACHINE, /* machine lists, set-up and control */
    RANK_BUS,     /* bridges: configuration space of the devices behind them */
    RANK_DEVICE,  /* one device's own lock */
    RANK_ROUTER,  /* interrupt fan-out */
    RANK_INTC,    /* interrupt controllers */
    RANK_ENGINE,  /* translation tables */
    RANK_VCPU,    /* one vCPU's mailbox */
    RANK_BACKEND, /* block, net and character back ends */
    RANK_LEAF,    /* loop, timers, pool, log: calls nobody */
};
struct mutex {
    pthread_mutex_t m;
    u8 rank;
    const char *name;
};
void mutex_init(struct mutex *, enum lock_rank, const char *name);
void mutex_fini(struct mutex *);
void mutex_lock(struct mutex *);
void mutex_unlock(struct mutex *);
bool mutex_held(const struct mutex *); /* by this thread; for assert() only */

struct cond {
    pthread_cond_t c;
};
void cond_init(struct cond *);
void cond_fini(struct cond *);
void cond_wait(struct cond *, struct mutex *);
/* False when `deadline_ns` (clock_host_ns() time base) passed first. */
bool cond_wait_until(struct cond *, struct mutex *, u64 deadline_ns);
void cond_signal(struct cond *);
void cond_broadcast(struct cond *);

/* Starts fn(arg); the name shows in top and gdb (15 bytes). fatal() when the host has none left. */
pthread_t thread_start(const char *name, void *(*fn)(void *), void *arg);
void thread_join(pthread_t);
#endif
