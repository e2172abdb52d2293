/* engine/call.c - work for a vCPU's own thread, and stopping all of them at once. */
#include <time.h>
#include "base/clock.h"
#include "engine/priv.h"

static _Thread_local struct vcpu *self; /* the vCPU whose thread this is */

void vcpu_enter_thread(struct vcpu *v) { self = v; }

void vcpu_kick(struct vcpu *v)
{
    __atomic_store_n(&v->cpu->exit_req, 1, __ATOMIC_SEQ_CST);
    mutex_lock(&v->lock);
    cond_broadcast(&v->wake);
    mutex_unlock(&v->lock);
}

void vcpu_requests(struct vcpu *v)
{
    mutex_lock(&v->lock);
    while (v->requests) {
        struct request *r = v->requests;
        v->requests = r->next;
        if (!v->requests)
            v->last = &v->requests;
        mutex_unlock(&v->lock);
        r->fn(v->cpu, r->arg);
        if (r->waited)
            __atomic_store_n(&r->done, true, __ATOMIC_RELEASE);
        else
            free(r);
        mutex_lock(&v->lock);
    }
    mutex_unlock(&v->lock);
}

static void post(struct vcpu *v, struct request *r)
{
    mutex_lock(&v->lock);
    *v->last = r;
    v->last = &r->next;
    mutex_unlock(&v->lock);
    vcpu_kick(v);
}

/* While a vCPU waits for another it serves what is asked of itself, so that no two can wait for
 * each other. */
static void wait_a_little(unsigned turn)
{
    if (self) {
        vcpu_requests(self);
        vcpu_pause_point(self);
    }
    if (turn < 200)
        __builtin_ia32_pause();
    else
        nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
}

void cpu_call(struct cpu *c, void (*fn)(struct cpu *, void *), void *arg, bool wait)
{
    struct vcpu *v = c->vcpu;
    if (wait && (self == v || !v->engine->started)) {
        fn(c, arg);
        return;
    }
    if (!wait) {
        struct request *r = new(struct request);
        *r = (struct request){.fn = fn, .arg = arg};
        post(v, r);
        return;
    }
    struct request r = {.fn = fn, .arg = arg, .waited = true};
    post(v, &r);
    for (unsigned turn = 0; !__atomic_load_n(&r.done, __ATOMIC_ACQUIRE); turn++)
        wait_a_little(turn);
}

/* Who asked for a slow page did so before it read the page. So a store that its translation missed,
 * and whatever tells us of that store, came later: the count that we see here includes it. */
static bool stores_unseen(const struct engine *e)
{
    for (unsigned i = 0; i < e->n_vcpus; i++)
        if (__atomic_load_n(&e->vcpu[i]->code_pages, __ATOMIC_ACQUIRE))
            return true;
    return false;
}

void unit_sync_code(struct cpu *c)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (stores_unseen(c->vcpu->engine)) { /* the next unit's entry leaves to the run loop */
        c->vcpu->fence = true;
        __atomic_store_n(&c->exit_req, 1, __ATOMIC_SEQ_CST);
    }
}

void vcpu_fence(struct vcpu *v)
{
    for (unsigned turn = 0; v->fence && stores_unseen(v->engine); turn++)
        wait_a_little(turn);
    v->fence = false;
}

void cpu_fence_code(struct cpu *c)
{
    unit_sync_code(c);
    vcpu_fence(c->vcpu);
}

/* Others may wait for an answer to what they asked of us; then they stop, and ask no more. */
void vcpu_finish(struct vcpu *v)
{
    __atomic_fetch_sub(&v->engine->running, 1, __ATOMIC_SEQ_CST);
    for (unsigned turn = 0; __atomic_load_n(&v->engine->running, __ATOMIC_SEQ_CST); turn++)
        wait_a_little(turn);
    vcpu_requests(v);
}

void vcpu_pause_point(struct vcpu *v)
{
    struct engine *e = v->engine;
    if (!__atomic_load_n(&e->pausing, __ATOMIC_ACQUIRE))
        return;
    mutex_lock(&v->lock);
    v->paused = true;
    while (__atomic_load_n(&e->pausing, __ATOMIC_ACQUIRE))
        cond_wait(&v->wake, &v->lock);
    v->paused = false;
    mutex_unlock(&v->lock);
}

static bool all_paused(struct engine *e, const struct vcpu *except)
{
    for (unsigned i = 0; i < e->n_vcpus; i++) {
        struct vcpu *v = e->vcpu[i];
        mutex_lock(&v->lock);
        bool there = v == except || v->paused;
        mutex_unlock(&v->lock);
        if (!there)
            return false;
    }
    return true;
}

bool engine_pause(struct engine *e, struct vcpu *me)
{
    u32 none = 0;
    while (!__atomic_compare_exchange_n(&e->pausing, &none, 1, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST)) {
        if (me) { /* somebody else stops us: that will do for the caller's purpose */
            vcpu_pause_point(me);
            return false;
        }
        nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
        none = 0;
    }
    for (unsigned i = 0; i < e->n_vcpus; i++)
        if (e->vcpu[i] != me)
            vcpu_kick(e->vcpu[i]);
    while (e->started && !all_paused(e, me))
        nanosleep(&(struct timespec){.tv_nsec = 10000}, NULL);
    return true;
}

void engine_resume(struct engine *e)
{
    __atomic_store_n(&e->pausing, 0, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < e->n_vcpus; i++)
        vcpu_kick(e->vcpu[i]);
}

void engine_quiesce(struct engine *e, void (*fn)(void *), void *arg)
{
    while (!engine_pause(e, self && self->engine == e ? self : NULL))
        continue;
    fn(arg);
    engine_resume(e);
}

void cpu_park(struct cpu *c, bool parked)
{
    struct vcpu *v = c->vcpu;
    mutex_lock(&v->lock);
    v->parked = parked;
    mutex_unlock(&v->lock);
    vcpu_kick(v);
}
