/* test/irgen_shrink.c - makes a failing unit small. */
#include "test/irgen.h"

struct shrink {
    struct ir *ir, *trial; /* what fails, and what is tried */
    bool (*fails)(void *arg, const struct ir *);
    void *arg;
};

/* Every branch back follows a poll at once, as in irgen: without, a unit might never end. */
static bool loops_poll(const struct ir *ir)
{
    bool seen[IR_LABELS] = {false};
    u8 before = IR_nop;
    for (u32 i = 1; i < ir->n; i++) {
        const struct ir_ins *x = &ir->ins[i];
        if (x->op == IR_label)
            seen[x->c] = true;
        if ((x->op == IR_br || x->op == IR_brcc) && seen[x->c] && before != IR_poll)
            return false;
        if (x->op != IR_nop)
            before = x->op;
    }
    return true;
}

/* The trial becomes the unit when it differs, keeps the rules and still fails. */
static bool accept(struct shrink *s)
{
    struct error unused;
    size_t size = s->ir->n * sizeof s->ir->ins[0];
    if (!memcmp(s->trial->ins, s->ir->ins, size) || !ir_verify(s->trial, &unused) ||
        !loops_poll(s->trial) || !s->fails(s->arg, s->trial))
        return false;
    memcpy(s->ir->ins, s->trial->ins, size);
    return true;
}

static void copy(struct shrink *s)
{
    memcpy(s->trial->ins, s->ir->ins, s->ir->n * sizeof s->ir->ins[0]);
}

static void mark_inputs(const struct ir_ins *x, u8 *used)
{
    unsigned ins = ir_opinfo[x->op].ins;
    if (ins > 0)
        used[x->a] = true;
    if (ins > 1)
        used[x->b] = true;
    if (ins > 2)
        used[x->c] = true;
}

/* Without instructions from..to-1: integers that are used become 0, floats that are used stay. */
static bool drop(struct shrink *s, u32 from, u32 to)
{
    u8 used[IR_MAX] = {0};
    struct ir *t = s->trial;
    copy(s);
    for (u32 i = t->n - 1; i > 0; i--) {
        struct ir_ins *x = &t->ins[i];
        if (i >= from && i < to) {
            if (!used[i])
                *x = (struct ir_ins){.op = IR_nop};
            else if (ir_type_of(t, i) == I64)
                *x = (struct ir_ins){.op = IR_constant, .type = I64};
        }
        mark_inputs(x, used);
    }
    return accept(s);
}

/* One of the inputs in the place of value i. */
static bool bypass(struct shrink *s, u32 i)
{
    const struct ir_ins x = s->ir->ins[i];
    u32 in[3] = {x.a, x.b, x.c};
    for (unsigned k = 0; k < ir_opinfo[x.op].ins; k++) {
        if (ir_type_of(s->ir, in[k]) != ir_type_of(s->ir, i))
            continue;
        copy(s);
        for (u32 j = i + 1; j < s->trial->n; j++) {
            struct ir_ins *y = &s->trial->ins[j];
            unsigned ins = ir_opinfo[y->op].ins;
            y->a = ins > 0 && y->a == i ? in[k] : y->a;
            y->b = ins > 1 && y->b == i ? in[k] : y->b;
            y->c = ins > 2 && y->c == i ? in[k] : y->c;
        }
        if (accept(s))
            return true;
    }
    return false;
}

/* A plainer instruction of its kind. */
static bool simplify(struct shrink *s, u32 i)
{
    copy(s);
    struct ir_ins *x = &s->trial->ins[i];
    switch (x->op) {
    case IR_constant: x->imm = 0; break;
    case IR_brcc: *x = (struct ir_ins){.op = IR_br, .c = x->c}; break;
    case IR_exiti: *x = (struct ir_ins){.op = IR_exit, .imm = s->ir->pc}; break;
    default: return ir_opinfo[x->op].outs && bypass(s, i);
    }
    return accept(s);
}

static bool pass(struct shrink *s)
{
    bool progress = false;
    u32 n = s->ir->n;
    for (u32 len = n / 2; len > 0; len /= 2)
        for (u32 end = n; end > 1; end = end > len ? end - len : 1)
            progress |= drop(s, end > len ? end - len : 1, end);
    for (u32 i = 1; i < n; i++)
        if (s->ir->ins[i].op != IR_nop)
            progress |= simplify(s, i);
    return progress;
}

void irgen_shrink(struct ir *ir, bool (*fails)(void *arg, const struct ir *), void *arg)
{
    struct shrink s = {ir, new(struct ir), fails, arg};
    *s.trial = *ir;
    while (pass(&s))
        ;
    ir->insns = 0;
    for (u32 i = 1; i < ir->n; i++)
        ir->insns += ir->ins[i].op == IR_insn;
    free(s.trial);
}
