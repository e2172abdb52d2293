/* jit/map.c - which guest registers a unit keeps in host registers.
 *
 * At a unit's borders that is the fixed set of pins. A unit that uses other registers much more,
 * most of all in a loop, replaces some of the pins inside: on entry the replaced ones go to memory
 * and the wanted ones come in, at every exit and around every call out of the unit the reverse.
 */
#include "jit/emit.h"

enum {
    LOOP_WEIGHT = 8, /* a use inside a loop counts as so many */
    MAX_NESTING = 3,
    SWAP_COST = 6,     /* uses that pay for the moves at entry and exit */
    CROWDED_SLOTS = 8, /* from so many guest registers in use, */
    CROWDED_USES = 20, /* and uses of them between labels, */
    EXTRA_TEMPS = 3,   /* so many pins are given up for values */
};

/* How often each slot is used: by an operand whose value was read from it or is written to it. */
static void weigh(struct emit *e, u32 weight[IR_SLOTS])
{
    const struct ir *ir = e->ir;
    u32 at_label[IR_LABELS] = {0};
    for (u32 i = 0; i < ir->n; i++) {
        e->scale[i] = 1;
        e->value_slot[i] = -1;
    }
    for (u32 i = 1; i < ir->n; i++) {
        const struct ir_ins *x = &ir->ins[i];
        if (x->op == IR_label)
            at_label[x->c] = i;
        if ((x->op == IR_br || x->op == IR_brcc) && at_label[x->c]) /* backwards */
            for (u32 k = at_label[x->c]; k <= i; k++)
                if (e->scale[k] < 1u << 3 * MAX_NESTING)
                    e->scale[k] *= LOOP_WEIGHT;
        if (x->op == IR_get)
            e->value_slot[i] = (i16)x->aux;
        if (x->op == IR_set && e->value_slot[x->a] < 0)
            e->value_slot[x->a] = (i16)x->aux;
    }
    for (u32 i = 1; i < ir->n; i++) {
        const struct ir_ins *x = &ir->ins[i];
        const val in[3] = {x->a, x->b, x->c};
        for (unsigned k = 0; k < ir_opinfo[x->op].ins; k++)
            if (e->value_slot[in[k]] >= 0)
                weight[e->value_slot[in[k]]] += e->scale[i];
        if (x->op == IR_set && e->value_slot[x->a] != (i16)x->aux)
            weight[x->aux] += e->scale[i];
    }
}

/* The unpinned slot of this class with the most uses. */
static u32 heaviest(const struct emit *e, const u32 *weight, bool fp)
{
    u32 best = ~0u;
    for (u32 s = 0; s < e->jit->cfg.n_slots; s++)
        if (e->pin[s] == NOREG && is_float(e->jit->cfg.slots[s].type) == fp &&
            (best == ~0u || weight[s] > weight[best]))
            best = s;
    return best;
}

static unsigned lightest_pin(const struct emit *e, const u32 *weight, const u8 *regs, unsigned n)
{
    unsigned best = NOREG;
    for (unsigned i = 0; i < n; i++)
        if (e->slot_of[regs[i]] != ~0u &&
            (best == NOREG || weight[e->slot_of[regs[i]]] < weight[e->slot_of[best]]))
            best = regs[i];
    return best;
}

static void choose(struct emit *e, const u32 *weight, bool fp, const u8 *regs, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        u32 s = heaviest(e, weight, fp);
        unsigned r = lightest_pin(e, weight, regs, n);
        if (s == ~0u || r == NOREG || weight[s] < weight[e->slot_of[r]] + SWAP_COST)
            return;
        e->pin[e->slot_of[r]] = NOREG;
        e->pin[s] = (u8)r;
        e->slot_of[r] = s;
        e->remapped |= 1u << r;
    }
}

/* Long stretches of code without labels are full of short-lived values: there a register for values
 * is worth more than one for a guest register, whose value is at hand in a temporary after its
 * first use anyway. */
static void choose_temps(struct emit *e, const u32 *weight)
{
    u32 uses = 0, scopes = 1, distinct = 0;
    for (u32 s = 0; s < e->jit->cfg.n_slots; s++)
        if (weight[s] && !is_float(e->jit->cfg.slots[s].type)) {
            distinct++;
            uses += weight[s];
        }
    for (u32 i = 1; i < e->ir->n; i++)
        scopes += e->ir->ins[i].op == IR_label ? e->scale[i] : 0;
    memcpy(e->temps, temp_regs, sizeof temp_regs);
    e->n_temps = N_TEMP;
    if (distinct <= CROWDED_SLOTS || uses / scopes < CROWDED_USES)
        return;
    while (e->n_temps < N_TEMP + EXTRA_TEMPS) {
        unsigned r = lightest_pin(e, weight, pin_regs, N_PIN);
        e->pin[e->slot_of[r]] = NOREG;
        e->slot_of[r] = ~0u;
        e->remapped |= 1u << r;
        e->temps[e->n_temps++] = (u8)r;
    }
}

void map_choose(struct emit *e)
{
    u32 weight[IR_SLOTS] = {0};
    memcpy(e->pin, e->jit->pin, sizeof e->pin);
    memcpy(e->slot_of, e->jit->slot_of, sizeof e->slot_of);
    e->remapped = 0;
    weigh(e, weight);
    choose(e, weight, false, pin_regs, N_PIN);
    choose(e, weight, true, fpin_regs, N_FPIN);
    choose_temps(e, weight);
    e->written = 0;
    for (u32 i = 1; e->remapped && i < e->ir->n; i++)
        if (e->ir->ins[i].op == IR_set && e->pin[e->ir->ins[i].aux] != NOREG)
            e->written |= 1u << e->pin[e->ir->ins[i].aux];
}

static void move_home(struct emit *e, unsigned r, u32 slot, bool to_memory)
{
    struct rm home = rm_cpu(e->jit->cfg.slots[slot].off);
    if (!to_memory)
        emit_move(e, r, home);
    else if (is_xmm(r))
        x_vex(&e->c, 0xd6 | P66, 1, r, NOREG, home);
    else
        x_store(&e->c, W, home, r);
}

void map_enter(struct emit *e)
{
    for (u32 left = e->remapped; left; left &= left - 1) {
        unsigned r = (unsigned)__builtin_ctz(left);
        move_home(e, r, e->jit->slot_of[r], true);
        if (e->slot_of[r] != ~0u)
            move_home(e, r, e->slot_of[r], false);
    }
}

void map_leave(struct emit *e)
{
    for (u32 left = e->remapped; left; left &= left - 1) {
        unsigned r = (unsigned)__builtin_ctz(left);
        if (e->written >> r & 1)
            move_home(e, r, e->slot_of[r], true);
        move_home(e, r, e->jit->slot_of[r], false);
    }
}

void map_subroutines(struct emit *e)
{
    const i64 frame = 8 + FRAME_SAVE + 8 * 8; /* above the return address and what thunks save */
    e->label[TO_PINS] = e->c.p;
    for (u32 i = N_TEMP; i < e->n_temps; i++)
        x_store(&e->c, W, rm_mem(RSP, frame + i * 8), e->temps[i]);
    map_leave(e);
    emit8(&e->c, 0xc3);
    e->label[FROM_PINS] = e->c.p;
    map_enter(e);
    for (u32 i = N_TEMP; i < e->n_temps; i++)
        x_mov(&e->c, W, e->temps[i], rm_mem(RSP, frame + i * 8));
    emit8(&e->c, 0xc3);
}
