/* base/pool.h - worker threads for blocking work. */
#ifndef BASE_POOL_H
#define BASE_POOL_H
#include "base/loop.h"

struct pool;
struct pool *pool_new(unsigned threads);
void pool_free(struct pool *); /* finishes everything submitted first */
/* work->run() on a worker, then work->done() on `loop`'s thread (on the worker when loop is NULL).
 * The submitter owns the struct and keeps it alive until done(). */
struct work {
    void (*run)(struct work *);
    void (*done)(struct work *);
    struct loop *loop;
    struct work *next;
};
void pool_submit(struct pool *, struct work *);
#endif
