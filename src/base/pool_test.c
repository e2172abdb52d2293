/* base/pool_test.c - tests of the worker threads. */
#include <assert.h>
#include "base/pool.h"

enum { JOBS = 200 };

struct job {
    struct work work;
    bool ran, done;
};

static int finished; /* on the loop's thread only, or atomic */

static void job_run(struct work *w)
{
    struct job *j = container_of(w, struct job, work);
    assert(!w->loop || !loop_here(w->loop));
    j->ran = true;
}

static void job_done(struct work *w)
{
    struct job *j = container_of(w, struct job, work);
    assert(j->ran && !j->done);
    j->done = true;
    __atomic_fetch_add(&finished, 1, __ATOMIC_RELAXED);
}

static void submit_all(struct pool *p, struct job *jobs, struct loop *loop)
{
    finished = 0;
    for (int i = 0; i < JOBS; i++) {
        jobs[i].work = (struct work){job_run, job_done, loop, NULL};
        pool_submit(p, &jobs[i].work);
    }
}

TEST(pool_completes_on_the_loop)
{
    struct job *jobs = new_array(struct job, JOBS);
    struct loop *loop = loop_new();
    struct pool *p = pool_new(3);
    submit_all(p, jobs, loop);
    while (finished < JOBS)
        assert(loop_poll(loop, 10000));
    pool_free(p);
    loop_free(loop);
    free(jobs);
}

TEST(pool_takes_work_after_it_was_idle)
{
    struct loop *loop = loop_new();
    struct pool *p = pool_new(1);
    finished = 0;
    for (int i = 0; i < 10; i++) {
        struct job j = {.work = {job_run, job_done, loop, NULL}};
        pool_submit(p, &j.work);
        assert(loop_poll(loop, 10000) && finished == i + 1);
    }
    pool_free(p);
    loop_free(loop);
}

TEST(pool_free_finishes_what_was_submitted)
{
    struct job *jobs = new_array(struct job, JOBS);
    struct pool *p = pool_new(2);
    submit_all(p, jobs, NULL);
    pool_free(p);
    assert(finished == JOBS);
    pool_free(NULL);
    free(jobs);
}
