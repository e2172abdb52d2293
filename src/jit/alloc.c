/* jit/alloc.c - where values live: one forward pass, furthest next use is evicted first.
 *
 * A value may be in a host register (a pin, when it equals that guest register; else a temporary),
 * in the memory home of a guest register, and in a spill slot of the frame. Constants are remade.
 * Guest registers are written at their `set`, or earlier, when the value can be computed in its pin
 * because nothing between looks at the old contents; so at every point that can leave the unit all
 * homes are true.
 */
#include "jit/emit.h"

const u8 pin_regs[N_PIN] = {RBX, RBP, R12, R13, RDI, RSI, R8, R9};
const u8 temp_regs[N_TEMP] = {R10, R11};
const u8 fpin_regs[N_FPIN] = {XMM0 + 3, XMM0 + 4, XMM0 + 5, XMM0 + 6,
                              XMM0 + 7, XMM0 + 8, XMM0 + 9, XMM0 + 10};
const u8 ftemp_regs[N_FTEMP] = {XMM0 + 11, XMM0 + 12, XMM0 + 13, XMM0 + 14, XMM0 + 15};

static bool makes_float(const struct emit *e, val v)
{
    const struct ir_ins *x = &e->ir->ins[v];
    switch (x->op) {
    case IR_setf:
    case IR_ftoi:
    case IR_mov_fi: return false;
    case IR_get: return is_float(e->jit->cfg.slots[x->aux].type);
    case IR_ld: return x->aux & MOP_FLOAT;
    default: return is_float(x->type);
    }
}

static unsigned operands(const struct ir_ins *x, val out[3])
{
    out[0] = x->a;
    out[1] = x->b;
    out[2] = x->c;
    return ir_opinfo[x->op].ins;
}

void alloc_prepare(struct emit *e)
{
    const struct ir *ir = e->ir;
    u32 *seen = e->use; /* next use while walking backwards */
    memset(seen, 0, ir->n * sizeof *seen);
    for (u32 i = ir->n; --i;) {
        val in[3];
        unsigned n = operands(&ir->ins[i], in);
        e->first_use[i] = seen[i];
        for (unsigned k = n; k--;) {
            e->next_use[i][k] = seen[in[k]];
            seen[in[k]] = i;
        }
    }
    memcpy(e->use, e->first_use, ir->n * sizeof *seen);
}

void alloc_begin(struct emit *e)
{
    e->locked = 0;
    e->frames &= ~e->frames_done;
    e->frames_done = 0;
}

void alloc_scope(struct emit *e)
{
    memset(e->owner, 0, sizeof e->owner);
    memset(e->in_slot, 0, e->jit->cfg.n_slots * sizeof e->in_slot[0]);
    e->frames = e->frames_done = 0;
    e->locked = 0;
}

static struct rm frame_rm(int n) { return rm_mem(RSP, n * 8); }
static struct rm slot_rm(const struct emit *e, unsigned s)
{
    return rm_cpu(e->jit->cfg.slots[s].off);
}
static bool is_temp(const struct emit *e, unsigned r) { return e->slot_of[r] == ~0u; }

static void drop_reg(struct emit *e, val v)
{
    struct value *x = &e->v[v];
    if (x->reg != NOREG)
        e->owner[x->reg] = 0;
    x->reg = NOREG;
}

static void spill(struct emit *e, val v)
{
    struct value *x = &e->v[v];
    if (x->frame >= 0 || x->slot >= 0 || e->ir->ins[v].op == IR_constant)
        return;
    if (!~e->frames) {
        e->failed = true;
        return;
    }
    x->frame = (i16)__builtin_ctzll(~e->frames);
    e->frames |= 1ull << x->frame;
    if (is_xmm(x->reg))
        x_vex(&e->c, 0xd6 | P66, 1, x->reg, NOREG, frame_rm(x->frame));
    else
        x_store(&e->c, W, frame_rm(x->frame), x->reg);
}

static unsigned new_temp(struct emit *e, bool fp)
{
    const u8 *regs = fp ? ftemp_regs : e->temps;
    unsigned n = fp ? N_FTEMP : e->n_temps, best = NOREG;
    u32 far = 0;
    for (unsigned i = 0; i < n; i++) {
        unsigned r = regs[i];
        if (e->locked >> r & 1)
            continue;
        if (!e->owner[r])
            return r;
        if (e->use[e->owner[r]] >= far) {
            far = e->use[e->owner[r]];
            best = r;
        }
    }
    if (best == NOREG) { /* every temporary is an operand */
        e->failed = true;
        return regs[0];
    }
    spill(e, e->owner[best]);
    drop_reg(e, e->owner[best]);
    return best;
}

static void own(struct emit *e, unsigned r, val v)
{
    e->owner[r] = v;
    e->v[v].reg = (u8)r;
}

/* Where v is when not in a register. */
static struct rm backup(const struct emit *e, val v)
{
    const struct value *x = &e->v[v];
    return x->slot >= 0 ? slot_rm(e, (unsigned)x->slot) : frame_rm(x->frame);
}

unsigned alloc_use(struct emit *e, val v)
{
    struct value *x = &e->v[v];
    if (x->reg == NOREG) {
        unsigned r = new_temp(e, makes_float(e, v));
        if (e->ir->ins[v].op == IR_constant)
            x_mov_imm(&e->c, r, e->ir->ins[v].imm);
        else
            emit_move(e, r, backup(e, v));
        own(e, r, v);
    }
    e->locked |= 1u << x->reg;
    return x->reg;
}

/* Is v used after the current instruction, and a temporary to be had: worth loading now? */
static bool worth_loading(const struct emit *e, val v)
{
    const u8 *regs = makes_float(e, v) ? ftemp_regs : e->temps;
    unsigned n = makes_float(e, v) ? N_FTEMP : e->n_temps;
    bool again = false, room = false;
    val in[3];
    for (unsigned k = operands(cur_ins(e), in); k--;)
        again |= in[k] == v && e->next_use[e->cur][k];
    for (unsigned i = 0; i < n; i++)
        room |= !(e->locked >> regs[i] & 1);
    return again && room;
}

struct rm alloc_operand(struct emit *e, val v)
{
    if (e->v[v].reg != NOREG || e->ir->ins[v].op == IR_constant || worth_loading(e, v))
        return rm_reg(alloc_use(e, v));
    return backup(e, v);
}

void alloc_load(struct emit *e, unsigned reg, val v)
{
    u32 locked = e->locked;
    if (e->ir->ins[v].op == IR_constant && e->v[v].reg == NOREG)
        x_mov_imm(&e->c, reg, e->ir->ins[v].imm);
    else
        emit_move(e, reg, alloc_operand(e, v));
    e->locked = locked;
}

bool alloc_imm(const struct emit *e, val v, i32 *imm)
{
    const struct ir_ins *x = &e->ir->ins[v];
    *imm = (i32)x->imm;
    return x->op == IR_constant && (i64)x->imm == *imm;
}

static void release(struct emit *e, val v)
{
    struct value *x = &e->v[v];
    if (x->reg != NOREG) {
        e->locked &= ~(1u << x->reg);
        drop_reg(e, v);
    }
    if (x->frame >= 0)
        e->frames_done |= 1ull << x->frame; /* the instruction may still read it */
    if (x->slot >= 0)
        e->in_slot[x->slot] = 0;
    x->frame = x->slot = -1;
}

void alloc_operands_done(struct emit *e)
{
    val in[3];
    unsigned n = operands(cur_ins(e), in);
    for (unsigned k = 0; k < n; k++)
        e->use[in[k]] = e->next_use[e->cur][k];
    for (unsigned k = 0; k < n; k++)
        if (in[k] && !e->use[in[k]])
            release(e, in[k]);
}

/* The pin that the current value may be computed in: its `set` follows soon, and nothing in between
 * needs the guest register's old contents. */
static unsigned wanted_pin(struct emit *e)
{
    const struct ir *ir = e->ir;
    u32 last = MIN(e->cur + 8, ir->n);
    for (u32 j = e->cur + 1; j < last; j++) {
        const struct ir_ins *x = &ir->ins[j];
        if (x->op == IR_set && x->a == e->cur) {
            unsigned pin = e->pin[x->aux];
            if (pin == NOREG || (e->owner[pin] && e->use[e->owner[pin]]))
                return NOREG;
            for (u32 k = e->cur + 1; k < j; k++)
                if ((ir->ins[k].op == IR_get || ir->ins[k].op == IR_set) &&
                    ir->ins[k].aux == x->aux)
                    return NOREG;
            return pin;
        }
        if (ir_opinfo[x->op].fx & FX_LEAVE || x->op == IR_label)
            break;
    }
    return NOREG;
}

void alloc_bind(struct emit *e, unsigned reg)
{
    struct value *x = &e->v[e->cur];
    *x = (struct value){NOREG, -1, -1, false};
    if (reg != NOREG)
        own(e, reg, e->cur);
}

unsigned alloc_def(struct emit *e)
{
    bool fp = makes_float(e, e->cur);
    alloc_bind(e, NOREG);
    if (!e->first_use[e->cur])
        return fp ? XMM0 : RAX;
    unsigned r = wanted_pin(e);
    e->locked =
        0; /* a result may take an operand's register: every emitter reads before it writes */
    if (r == NOREG)
        r = new_temp(e, fp);
    else if (e->owner[r])
        drop_reg(e, e->owner[r]);
    own(e, r, e->cur);
    return r;
}

/* The home of v is about to be overwritten: move it away if it is needed again. */
static void rescue(struct emit *e, val v)
{
    struct value *x = &e->v[v];
    if (!e->use[v] || e->use[v] <= e->cur)
        return;
    unsigned r = new_temp(e, makes_float(e, v));
    emit_move(e, r, x->reg != NOREG ? rm_reg(x->reg) : backup(e, v));
    drop_reg(e, v);
    own(e, r, v);
}

void alloc_get(struct emit *e)
{
    unsigned s = cur_ins(e)->aux, pin = e->pin[s];
    val old = pin != NOREG ? e->owner[pin] : e->in_slot[s];
    alloc_bind(e, NOREG);
    if (old) /* the same contents under an older name */
        rescue(e, old);
    if (pin != NOREG) {
        if (e->owner[pin])
            drop_reg(e, e->owner[pin]);
        own(e, pin, e->cur);
    } else {
        if (old)
            e->v[old].slot = -1;
        e->v[e->cur].slot = (i16)s;
        e->in_slot[s] = e->cur;
    }
}

static void set_pinned(struct emit *e, unsigned pin, val w)
{
    val old = e->owner[pin];
    if (old == w) {
        alloc_operands_done(e);
        return;
    }
    unsigned from = e->v[w].reg;
    if (old) {
        e->locked |= from != NOREG ? 1u << from : 0;
        if (e->v[old].frame < 0)
            rescue(e, old);
        if (e->owner[pin])
            drop_reg(e, old);
    }
    if (e->ir->ins[w].op == IR_constant && from == NOREG) {
        if (e->ir->ins[w].imm)
            x_mov_imm(&e->c, pin, e->ir->ins[w].imm);
        else
            x_zero(&e->c, pin);
        alloc_operands_done(e);
        return;
    }
    emit_move(e, pin, from != NOREG ? rm_reg(from) : backup(e, w));
    alloc_operands_done(e);
    if (e->use[w] && (from == NOREG || is_temp(e, from))) {
        drop_reg(e, w);
        own(e, pin, w);
    }
}

static void set_memory(struct emit *e, unsigned s, val w)
{
    i32 imm;
    val old = e->in_slot[s];
    if (old == w) {
        alloc_operands_done(e);
        return;
    }
    bool direct = alloc_imm(e, w, &imm) && e->v[w].reg == NOREG;
    unsigned r = direct ? NOREG : alloc_use(e, w);
    if (old) {
        if (e->v[old].reg == NOREG && e->v[old].frame < 0)
            rescue(e, old);
        e->v[old].slot = -1;
    }
    e->in_slot[s] = 0;
    if (direct)
        x_store_imm(&e->c, slot_rm(e, s), imm);
    else if (is_xmm(r))
        x_vex(&e->c, 0xd6 | P66, 1, r, NOREG, slot_rm(e, s));
    else
        x_store(&e->c, W, slot_rm(e, s), r);
    alloc_operands_done(e);
    if (e->use[w] && !direct) {
        if (e->v[w].slot >= 0)
            e->in_slot[e->v[w].slot] = 0;
        e->v[w].slot = (i16)s;
        e->in_slot[s] = w;
    }
}

void alloc_set(struct emit *e)
{
    unsigned s = cur_ins(e)->aux, pin = e->pin[s];
    if (pin != NOREG)
        set_pinned(e, pin, cur_ins(e)->a);
    else
        set_memory(e, s, cur_ins(e)->a);
}

void alloc_for_call(struct emit *e, u32 help_flags)
{
    if (help_flags & HELP_PURE)
        return;
    for (unsigned r = 0; r < REGS; r++) {
        val v = e->owner[r];
        if (!v || !(is_temp(e, r) || help_flags & HELP_WRITES))
            continue;
        if (e->use[v] > e->cur)
            spill(e, v);
        drop_reg(e, v);
    }
    if (!(help_flags & HELP_WRITES))
        return;
    for (unsigned s = 0; s < e->jit->cfg.n_slots; s++) {
        val v = e->in_slot[s];
        if (!v)
            continue;
        if (e->use[v] > e->cur && e->v[v].frame < 0) {
            unsigned r = alloc_use(e, v);
            e->v[v].slot = -1;
            spill(e, v);
            e->locked &= ~(1u << r);
            drop_reg(e, v);
        }
        e->v[v].slot = -1;
        e->in_slot[s] = 0;
    }
}
