/* ir/opt.c - removes what nobody reads: code after an end, slot stores, values. */
#include "ir/ir.h"

static void drop(struct ir_ins *x) { *x = (struct ir_ins){.op = IR_nop}; }

/* ---- code that control does not reach -------------------------------------------------------- */

static bool is_branch(u8 op) { return op == IR_br || op == IR_brcc; }

static void remove_unreachable(struct ir *ir)
{
    bool wanted[IR_LABELS] = {false}, reached = true;
    for (u32 i = 1; i < ir->n; i++)
        if (is_branch(ir->ins[i].op))
            wanted[ir->ins[i].c] = true;
    for (u32 i = 1; i < ir->n; i++) {
        struct ir_ins *x = &ir->ins[i];
        if (x->op == IR_label)
            reached |= wanted[x->c];
        if (!reached)
            drop(x);
        else if (ir_opinfo[x->op].fx & FX_END)
            reached = false;
    }
}

/* Branches to the instruction after them. */
static void remove_short_branches(struct ir *ir)
{
    u32 next = 0; /* the instruction that comes after i */
    for (u32 i = ir->n - 1; i > 0; i--) {
        struct ir_ins *x = &ir->ins[i];
        if (is_branch(x->op) && next && ir->ins[next].op == IR_label && ir->ins[next].c == x->c)
            drop(x);
        else if (x->op != IR_nop)
            next = i;
    }
}

/* ---- stores and values that are not read ----------------------------------------------------- */

struct live {
    bool slot[IR_SLOTS]; /* somebody may read the slot before it is set again */
    u8 used[IR_MAX];     /* values */
};

/* What a call's flags say; other ops have their row. */
static u8 effects(const struct ir *ir, const struct ir_ins *x)
{
    if (x->op != IR_call)
        return ir_opinfo[x->op].fx;
    u32 flags = ir->helper[x->aux]->flags;
    if (flags & HELP_PURE)
        return FX_PURE;
    return FX_WRITE | (flags & (HELP_READS | HELP_WRITES | HELP_FAULT) ? FX_LEAVE : 0);
}

static bool is_dead(const struct ir *ir, const struct live *l, u32 i)
{
    const struct ir_ins *x = &ir->ins[i];
    if (x->op == IR_set)
        return !l->slot[x->aux];
    return ir_opinfo[x->op].outs && effects(ir, x) == FX_PURE && !l->used[i];
}

static void remove_dead(struct ir *ir)
{
    struct live l;
    memset(l.slot, true, sizeof l.slot);
    memset(l.used, 0, ir->n);
    for (u32 i = ir->n - 1; i > 0; i--) {
        struct ir_ins *x = &ir->ins[i];
        if (is_dead(ir, &l, i)) {
            drop(x);
            continue;
        }
        if (effects(ir, x) & FX_LEAVE)
            memset(l.slot, true, ir->n_slots);
        if (x->op == IR_set || x->op == IR_get)
            l.slot[x->aux] = x->op == IR_get;
        unsigned ins = ir_opinfo[x->op].ins;
        if (ins > 0)
            l.used[x->a] = true;
        if (ins > 1)
            l.used[x->b] = true;
        if (ins > 2)
            l.used[x->c] = true;
    }
}

void ir_optimize(struct ir *ir)
{
    remove_unreachable(ir);
    remove_short_branches(ir);
    remove_dead(ir);
}
