/* ir/interp.c - runs a unit instruction by instruction: what translated code must do. */
#include "ir/ir.h"

struct run {
    const struct ir *ir;
    const struct ir_machine *m;
    u64 pc;                /* of the guest instruction being run */
    u64 v[IR_MAX];         /* values, by instruction */
    u16 target[IR_LABELS]; /* labels' instructions */
};

static struct ir_result leave(enum ir_end end, u64 pc)
{
    return (struct ir_result){.end = end, .pc = pc};
}

/* Fields of the CPU struct: slots, lde and ste. */
static u64 read_field(const struct run *r, enum ir_type type, u32 off)
{
    u64 v = 0;
    memcpy(&v, (const char *)r->m->cpu + off, type == I32 || type == F32 ? 4 : 8);
    return v;
}

static void write_field(const struct run *r, enum ir_type type, u32 off, u64 v)
{
    memcpy((char *)r->m->cpu + off, &v, type == I32 || type == F32 ? 4 : 8);
}

/* ld, st, amo, cas. False: the access raised. */
static bool access(struct run *r, u32 i)
{
    const struct ir_machine *m = r->m;
    const struct ir_ins *x = &r->ir->ins[i];
    u64 addr = r->v[x->a];
    *m->pc = r->pc;
    switch (x->op) {
    case IR_ld: return m->load(m->cpu, addr + (u64)(i32)x->c, x->aux, &r->v[i]);
    case IR_st: return m->store(m->cpu, addr + (u64)(i32)x->c, x->aux, r->v[x->b]);
    case IR_amo: return m->amo(m->cpu, addr, x->aux, r->v[x->b], &r->v[i]);
    default: return m->cas(m->cpu, addr, x->aux, r->v[x->b], r->v[x->c], &r->v[i]);
    }
}

/* False: the helper raised. */
static bool call(struct run *r, u32 i)
{
    const struct ir_ins *x = &r->ir->ins[i];
    const struct ir_helper *h = r->ir->helper[x->aux];
    *r->m->pc = r->pc;
    r->v[i] = h->fn(r->m->cpu, r->v[x->a], r->v[x->b], r->v[x->c]);
    return !(h->flags & HELP_FAULT) || !*r->m->exc;
}

static void find_labels(struct run *r)
{
    for (u32 i = 1; i < r->ir->n; i++)
        if (r->ir->ins[i].op == IR_label)
            r->target[r->ir->ins[i].c] = (u16)i;
}

struct ir_result ir_interp(const struct ir *ir, const struct ir_machine *m)
{
    struct run r;
    r.ir = ir;
    r.m = m;
    r.pc = ir->pc;
    r.v[0] = 0; /* "none" */
    find_labels(&r);
    for (u32 i = 1;; i++) {
        const struct ir_ins *x = &ir->ins[i];
        switch (x->op) {
        case IR_nop:
        case IR_label: break;
        case IR_fence: __atomic_thread_fence(__ATOMIC_SEQ_CST); break;
        case IR_constant: r.v[i] = x->imm; break;
        case IR_insn: r.pc = x->imm; break;
        case IR_get: r.v[i] = read_field(&r, x->type, ir->slots[x->aux].off); break;
        case IR_set: write_field(&r, x->type, ir->slots[x->aux].off, r.v[x->a]); break;
        case IR_lde: r.v[i] = read_field(&r, x->type, x->c); break;
        case IR_ste: write_field(&r, x->type, x->c, r.v[x->a]); break;
        case IR_ld:
        case IR_st:
        case IR_amo:
        case IR_cas:
            if (!access(&r, i))
                return leave(END_FAULT, r.pc);
            break;
        case IR_call:
            if (!call(&r, i))
                return leave(END_FAULT, r.pc);
            break;
        case IR_br: i = r.target[x->c]; break;
        case IR_brcc:
            if (ir_eval(IR_setcc, x->type, x->aux, r.v[x->a], r.v[x->b], 0, NULL))
                i = r.target[x->c];
            break;
        case IR_poll:
            if (m->poll(m->cpu))
                return leave(END_POLL, x->imm);
            break;
        case IR_exit: return leave(END_NEXT, x->imm);
        case IR_exiti: return leave(END_INDIRECT, r.v[x->a]);
        case IR_exitx: return (struct ir_result){.end = END_EXITX, .reason = x->aux, .pc = *m->pc};
        default:
            r.v[i] = ir_eval(x->op, x->type, x->aux, r.v[x->a], r.v[x->b], r.v[x->c], m->mxcsr);
        }
    }
}
