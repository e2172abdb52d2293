/* engine/loop.c - a vCPU's thread: requests, interrupts, find a unit, run it, see how it ended. */
#include "engine/priv.h"

static bool quitting(const struct vcpu *v)
{
    return __atomic_load_n(&v->engine->quit, __ATOMIC_ACQUIRE);
}

static bool should_sleep(const struct vcpu *v, bool halted)
{
    if (quitting(v) || v->requests || __atomic_load_n(&v->engine->pausing, __ATOMIC_ACQUIRE))
        return false;
    return v->parked || (halted && !v->engine->guest->wake(v->cpu));
}

/* Sleeps while parked, or while `halted` and nothing is pending; serves requests and pauses
 * meanwhile. */
static void wait_for_work(struct vcpu *v, bool halted)
{
    for (;;) {
        __atomic_store_n(&v->cpu->exit_req, 0, __ATOMIC_SEQ_CST);
        vcpu_requests(v);
        vcpu_fence(v);
        vcpu_pause_point(v);
        mutex_lock(&v->lock);
        bool sleep = should_sleep(v, halted);
        if (sleep)
            cond_wait(&v->wake, &v->lock);
        bool done = quitting(v) || (!sleep && !v->requests && !v->parked &&
                                    !__atomic_load_n(&v->engine->pausing, __ATOMIC_ACQUIRE));
        mutex_unlock(&v->lock);
        if (done)
            return;
    }
}

void vcpu_deliver(struct vcpu *v)
{
    struct engine *e = v->engine;
    struct cpu *c = v->cpu;
    if (e->trap_hook && e->trap_hook(e->trap_arg, c)) {
        c->exc = 0;
        return;
    }
    e->guest->raise(c);
    c->exc = 0;
}

static struct jit_result run(struct vcpu *v, const struct unit *u)
{
    return jit_enter(v->engine->jit, v->cpu, u->j.code + u->j.entry);
}

/* One unit after another until something must be looked at. Returns true when the CPU halts. */
static bool execute(struct vcpu *v)
{
    struct engine *e = v->engine;
    struct cpu *c = v->cpu;
    struct jit_result last = {JIT_NEXT, 0};
    u64 generation = e->stats.flushes;
    while (!__atomic_load_n(&c->exit_req, __ATOMIC_RELAXED)) {
        if (e->guest->interrupt(c))
            last.exit = JIT_NEXT;
        struct unit *u = unit_find(e, c);
        if (c->exc) {
            vcpu_deliver(v);
            last.exit = JIT_NEXT;
            continue;
        }
        if (!u)
            return false;
        if (generation != e->stats.flushes) {
            generation = e->stats.flushes;
            last.exit = JIT_NEXT;
        }
        if (last.exit == JIT_LINK || last.exit == JIT_LINK_FAR)
            unit_link(e, last.site, u, last.exit == JIT_LINK_FAR);
        struct jump *j = &c->jump[c->pc >> 1 & (JUMP_SIZE - 1)];
        if (last.exit == JIT_INDIRECT || j->pc == c->pc)
            *j = (struct jump){c->pc, u->j.code};
        last = run(v, u);
        if (last.exit == JIT_EXCEPTION)
            vcpu_deliver(v);
        else if (last.exit >= JIT_REASON)
            return true;
    }
    return false;
}

void *vcpu_main(void *arg)
{
    struct vcpu *v = arg;
    vcpu_enter_thread(v);
    bool halted = false;
    while (!quitting(v)) {
        wait_for_work(v, halted);
        if (quitting(v))
            break;
        halted = v->engine->jit ? execute(v) : vcpu_interpret(v);
    }
    vcpu_finish(v);
    mutex_lock(&v->lock); /* a stopped vCPU counts as paused */
    v->paused = true;
    mutex_unlock(&v->lock);
    return NULL;
}
