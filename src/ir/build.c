/* ir/build.c - the builder: appends instructions, numbers equal values, forwards slots. */
#include "ir/fold.h"

const struct ir_opinfo ir_opinfo[IR_COUNT] = {
#define _(n, i, o, f) {#n, i, o, f},
    IR_OPS(_)
#undef _
};

static const struct ir_ins nothing; /* stands for what did not fit: never read for meaning */

/* ---- appending ------------------------------------------------------------------------------- */

void ir_start(struct ir *ir, const struct ir_slot *slots, u32 n_slots, u64 pc)
{
    ir->ins[0] = nothing;
    ir->n = 1;
    ir->n_labels = ir->n_helpers = ir->insns = 0;
    ir->slots = slots;
    ir->n_slots = n_slots;
    ir->pc = pc;
    ir->overflow = false;
    ir->scope = ir->fp_scope = 0;
    memset(ir->known, 0, n_slots * sizeof ir->known[0]);
}

static val emit(struct ir *ir, const struct ir_ins *x)
{
    if (ir->n == IR_MAX) {
        ir->overflow = true;
        return 0;
    }
    ir->ins[ir->n] = *x;
    return ir->n++;
}

static u32 hash(const struct ir_ins *x)
{
    u64 w[2];
    memcpy(w, x, sizeof w);
    u64 h = (w[0] ^ w[1] * 0x9e3779b97f4a7c15) * 0xff51afd7ed558ccd;
    return (u32)(h >> 54);
}

/* The value of an equal op already made in this scope, or a new one. An entry of the table proves
 * itself by its content, so entries left by earlier scopes and units need no clearing. */
static val number(struct ir *ir, const struct ir_ins *x)
{
    _Static_assert(ARRAY_LEN(ir->hash) == 1024, "hash() makes ten bits");
    u32 *entry = &ir->hash[hash(x)], i = *entry;
    u32 from = ir_opinfo[x->op].fx & FX_FP ? MAX(ir->scope, ir->fp_scope) : ir->scope;
    if (i > from && i < ir->n && !memcmp(&ir->ins[i], x, sizeof *x))
        return i;
    i = emit(ir, x);
    if (i)
        *entry = i;
    return i;
}

/* ---- values ---------------------------------------------------------------------------------- */

val ir_const(struct ir *ir, u64 imm)
{
    struct ir_ins x = {.op = IR_constant, .type = I64, .imm = imm};
    return ir->plain ? emit(ir, &x) : number(ir, &x);
}

val ir_op(struct ir *ir, enum ir_opcode op, enum ir_type type, u16 aux, val a, val b, val c)
{
    struct ir_ins x = {.op = (u8)op, .type = (u8)type, .aux = aux, .a = a, .b = b, .c = c};
    if (ir->plain || ir->overflow)
        return emit(ir, &x);
    val v = fold_op(ir, &x);
    return v ? v : number(ir, &x);
}

val ir_un(struct ir *ir, enum ir_opcode op, enum ir_type type, val a)
{
    return ir_op(ir, op, type, 0, a, 0, 0);
}

val ir_bin(struct ir *ir, enum ir_opcode op, enum ir_type type, val a, val b)
{
    return ir_op(ir, op, type, 0, a, b, 0);
}

val ir_setcc(struct ir *ir, enum ir_type width, enum ir_cc cc, val a, val b)
{
    return ir_op(ir, IR_setcc, width, (u16)cc, a, b, 0);
}

val ir_sel(struct ir *ir, val cond, val a, val b) { return ir_op(ir, IR_sel, I64, 0, cond, a, b); }

/* ---- guest state ----------------------------------------------------------------------------- */

static void forget_slots(struct ir *ir) { memset(ir->known, 0, ir->n_slots * sizeof ir->known[0]); }

val ir_get(struct ir *ir, u32 slot)
{
    if (!ir->plain && ir->known[slot])
        return ir->known[slot];
    struct ir_ins x = {.op = IR_get, .type = ir->slots[slot].type, .aux = (u16)slot};
    return ir->known[slot] = emit(ir, &x);
}

void ir_set(struct ir *ir, u32 slot, val v)
{
    if (!ir->plain && v && ir->known[slot] == v)
        return;
    struct ir_ins x = {.op = IR_set, .type = ir->slots[slot].type, .aux = (u16)slot, .a = v};
    emit(ir, &x);
    ir->known[slot] = v;
}

val ir_lde(struct ir *ir, enum ir_type type, u32 off)
{
    struct ir_ins x = {.op = IR_lde, .type = (u8)type, .c = off};
    return emit(ir, &x);
}

void ir_ste(struct ir *ir, enum ir_type type, u32 off, val v)
{
    if (type == I32 && !ir->plain)
        v = fold_low(ir, v, 32);
    struct ir_ins x = {.op = IR_ste, .type = (u8)type, .a = v, .c = off};
    emit(ir, &x);
}

/* ---- guest memory ---------------------------------------------------------------------------- */

static u8 mop_type(u16 mop)
{
    return !(mop & MOP_FLOAT) ? I64 : (mop & MOP_SIZE) == MOP_32 ? F32 : F64;
}

/* What is stored of an integer: without the extensions that a narrow store drops. */
static val stored(const struct ir *ir, u16 mop, val v)
{
    bool narrow = (mop & MOP_SIZE) != MOP_64 && !(mop & MOP_FLOAT);
    return narrow && !ir->plain ? fold_low(ir, v, 8u << (mop & MOP_SIZE)) : v;
}

val ir_ld(struct ir *ir, u16 mop, val addr, i32 disp)
{
    if (!ir->plain)
        addr = fold_address(ir, addr, &disp);
    struct ir_ins x = {.op = IR_ld, .type = mop_type(mop), .aux = mop, .a = addr, .c = (u32)disp};
    return emit(ir, &x);
}

void ir_st(struct ir *ir, u16 mop, val addr, i32 disp, val v)
{
    if (!ir->plain)
        addr = fold_address(ir, addr, &disp);
    struct ir_ins x = {.op = IR_st,
                       .type = mop_type(mop),
                       .aux = mop,
                       .a = addr,
                       .b = stored(ir, mop, v),
                       .c = (u32)disp};
    emit(ir, &x);
}

val ir_amo(struct ir *ir, enum ir_amo op, u16 mop, val addr, val v)
{
    struct ir_ins x = {
        .op = IR_amo, .type = I64, .aux = (u16)(mop | op << 8), .a = addr, .b = stored(ir, mop, v)};
    return emit(ir, &x);
}

val ir_cas(struct ir *ir, u16 mop, val addr, val expected, val v)
{
    struct ir_ins x = {.op = IR_cas,
                       .type = I64,
                       .aux = mop,
                       .a = addr,
                       .b = stored(ir, mop, expected),
                       .c = stored(ir, mop, v)};
    return emit(ir, &x);
}

void ir_fence(struct ir *ir, bool full)
{
    struct ir_ins x = {.op = IR_fence, .aux = full};
    emit(ir, &x);
}

/* ---- control --------------------------------------------------------------------------------- */

u32 ir_newlabel(struct ir *ir)
{
    if (ir->n_labels == IR_LABELS) {
        ir->overflow = true;
        return 0;
    }
    return ir->n_labels++;
}

void ir_label(struct ir *ir, u32 label)
{
    struct ir_ins x = {.op = IR_label, .c = label};
    ir->scope = emit(ir, &x);
    forget_slots(ir);
}

void ir_br(struct ir *ir, u32 label)
{
    struct ir_ins x = {.op = IR_br, .c = label};
    emit(ir, &x);
}

void ir_brcc(struct ir *ir, enum ir_type width, enum ir_cc cc, val a, val b, u32 label)
{
    struct ir_ins x = {.op = IR_brcc, .type = (u8)width, .aux = (u16)cc, .a = a, .b = b};
    bool taken;
    if (!ir->plain && !ir->overflow && fold_compare(ir, &x, &taken)) {
        if (taken)
            ir_br(ir, label);
        return;
    }
    x.c = label;
    emit(ir, &x);
}

void ir_insn(struct ir *ir, u64 pc, unsigned len)
{
    struct ir_ins x = {.op = IR_insn, .aux = (u16)len, .imm = pc};
    emit(ir, &x);
    ir->insns++;
}

void ir_poll(struct ir *ir, u64 pc)
{
    struct ir_ins x = {.op = IR_poll, .imm = pc};
    emit(ir, &x);
}

void ir_exit(struct ir *ir, u64 pc)
{
    struct ir_ins x = {.op = IR_exit, .imm = pc};
    emit(ir, &x);
}

void ir_exiti(struct ir *ir, val pc, enum ir_hint hint)
{
    u64 k;
    if (!ir->plain && ir_isconst(ir, pc, &k)) {
        ir_exit(ir, k);
        return;
    }
    struct ir_ins x = {.op = IR_exiti, .aux = (u16)hint, .a = pc};
    emit(ir, &x);
}

void ir_exitx(struct ir *ir, u16 reason)
{
    struct ir_ins x = {.op = IR_exitx, .aux = reason};
    emit(ir, &x);
}

static u16 helper_index(struct ir *ir, const struct ir_helper *h)
{
    for (u32 i = 0; i < ir->n_helpers; i++)
        if (ir->helper[i] == h)
            return (u16)i;
    if (ir->n_helpers == IR_HELPERS) {
        ir->overflow = true;
        return 0;
    }
    ir->helper[ir->n_helpers] = h;
    return (u16)ir->n_helpers++;
}

val ir_call(struct ir *ir, const struct ir_helper *h, val a, val b, val c)
{
    struct ir_ins x = {
        .op = IR_call, .type = I64, .aux = helper_index(ir, h), .a = a, .b = b, .c = c};
    if (h->flags & HELP_PURE && !ir->plain)
        return number(ir, &x);
    val v = emit(ir, &x);
    if (h->flags & HELP_WRITES)
        forget_slots(ir);
    if (h->flags & HELP_FP)
        ir->fp_scope = v;
    return v;
}
