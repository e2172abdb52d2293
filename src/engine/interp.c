/* engine/interp.c - a vCPU on the IR interpreter: the oracle, and hosts without generated code. */
#include "engine/priv.h"

static bool load(void *c, u64 addr, u16 mop, u64 *out) { return cpu_load(c, addr, mop, out); }
static bool store(void *c, u64 addr, u16 mop, u64 v) { return cpu_store(c, addr, mop, v); }
static bool amo(void *c, u64 addr, u16 aux, u64 v, u64 *old)
{
    return cpu_amo(c, addr, aux, v, old);
}
static bool cas(void *c, u64 addr, u16 mop, u64 expected, u64 v, u64 *old)
{
    return cpu_cas(c, addr, mop, expected, v, old);
}
static bool poll(void *c)
{
    return __atomic_load_n(&((struct cpu *)c)->exit_req, __ATOMIC_RELAXED);
}

/* Lifts the unit at cpu->pc; false: cpu->exc is set, or it must be tried again. */
static bool lift(struct vcpu *v)
{
    struct engine *e = v->engine;
    u32 id2, id = unit_mapping(e, v->cpu, v->cpu->pc);
    bool ok = false;
    if (id) {
        mutex_lock(&e->lock);
        ok = unit_lift(e, v->cpu, v->ir, id, &id2, e->opts.level);
        mutex_unlock(&e->lock);
    }
    if (!ok && !v->cpu->exc)
        units_make_room(e, v->cpu);
    return ok;
}

bool vcpu_interpret(struct vcpu *v)
{
    struct cpu *c = v->cpu;
    if (!v->ir)
        v->ir = new(struct ir);
    const struct ir_machine m = {.cpu = c,
                                 .mxcsr = &c->mxcsr,
                                 .pc = &c->pc,
                                 .exc = &c->exc,
                                 .load = load,
                                 .store = store,
                                 .amo = amo,
                                 .cas = cas,
                                 .poll = poll};
    while (!__atomic_load_n(&c->exit_req, __ATOMIC_RELAXED)) {
        v->engine->guest->interrupt(c);
        struct ir_result r = {.end = END_EXITX, .reason = EXITX_NEXT};
        if (lift(v))
            r = ir_interp(v->ir, &m);
        if (c->exc)
            vcpu_deliver(v);
        else if (r.end == END_EXITX && r.reason != EXITX_NEXT)
            return true;
        else if (r.end != END_EXITX)
            c->pc = r.pc;
    }
    return false;
}
