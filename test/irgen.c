/* test/irgen.c - makes random units: values, slots, a memory window, branches, loops, helpers.
 *
 * All choices come from the seed and from what was generated, never from what the builder answered:
 * a unit built plain and the same unit built with folding are the same program.
 */
#include <stddef.h>
#include "test/irgen.h"
#include "test/random.h"

enum { POOL = 64, LABELS = 8 };
struct gen {
    struct ir *ir;
    const struct irgen_opts *o;
    u64 seed;
    u64 pc;
    struct {
        val v;
        u8 type;
    } pool[POOL]; /* values of this scope, the newest ones */
    unsigned n_pool;
    u32 favorite[8];   /* slots that are used most */
    u32 ahead[LABELS]; /* labels that must still be placed */
    unsigned n_ahead;
    u32 back[LABELS]; /* labels that loops may go back to */
    u64 back_pc[LABELS];
    unsigned n_back;
};

/* ---- choices --------------------------------------------------------------------------------- */

static u64 next(struct gen *g) { return random_next(&g->seed); }

static u32 below(struct gen *g, u32 n) { return (u32)((next(g) >> 32) * n >> 32); }
static bool chance(struct gen *g, u32 one_in) { return below(g, one_in) == 0; }

static u64 constant(struct gen *g)
{
    /* clang-format off */
    static const u64 list[] = {
        0, 1, 2, 8, 31, 32, 63, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 1ull << 63, ~0ull,
        ~0ull >> 1, 0xffffffff80000000, 0x3ff0000000000000, 0x7ff8000000000000, 0x7ff0000000000000,
        0x7ff4000000000000, 0xffffffff7f800000, 0xffffffff7fa00000,
    };
    /* clang-format on */
    u64 k = list[below(g, ARRAY_LEN(list))];
    switch (below(g, 4)) {
    case 0: return next(g) >> below(g, 64);
    case 1: return k + below(g, 5) - 2;
    default: return k;
    }
}

static enum ir_type float_type(struct gen *g) { return chance(g, 2) ? F32 : F64; }
static enum ir_type int_type(struct gen *g) { return chance(g, 2) ? I32 : I64; }

/* A slot of `type`, not one that the unit needs. */
static u32 slot(struct gen *g, enum ir_type type)
{
    for (;;) {
        u32 s =
            chance(g, 5) ? below(g, g->o->n_slots) : g->favorite[below(g, ARRAY_LEN(g->favorite))];
        if (g->o->slots[s].type == type && s != g->o->base && s != g->o->count)
            return s;
    }
}

/* ---- values ---------------------------------------------------------------------------------- */

static val keep(struct gen *g, val v, enum ir_type type)
{
    if (g->n_pool == POOL)
        memmove(g->pool, g->pool + POOL / 2, sizeof g->pool[0] * (g->n_pool = POOL / 2));
    g->pool[g->n_pool].v = v;
    g->pool[g->n_pool++].type = (u8)type;
    return v;
}

static val fresh(struct gen *g, enum ir_type type)
{
    struct ir *ir = g->ir;
    if (type == I64)
        return chance(g, 3) ? ir_const(ir, constant(g)) : ir_get(ir, slot(g, I64));
    if (chance(g, 4))
        return ir_un(ir, IR_mov_if, type, ir_const(ir, constant(g)));
    val f = ir_get(ir, slot(g, F64));
    return type == F64 ? f : ir_un(ir, IR_unbox32, F32, f);
}

/* Any value of a type: I64, F32 or F64. */
static val value(struct gen *g, enum ir_type type)
{
    if (g->n_pool)
        for (int tries = 0; tries < 4; tries++) {
            unsigned span = tries < 2 ? MIN(g->n_pool, 6) : g->n_pool; /* new values first */
            unsigned i = g->n_pool - 1 - below(g, span);
            if (g->pool[i].type == type)
                return g->pool[i].v;
        }
    return keep(g, fresh(g, type), type);
}

static void integer_op(struct gen *g)
{
    struct ir *ir = g->ir;
    enum ir_type type = int_type(g);
    val a = value(g, I64), b = value(g, I64), v;
    u32 op = IR_add + below(g, IR_zext32 - IR_add + 1);
    if (chance(g, 3))
        b = ir_const(ir, constant(g));
    switch (below(g, 8)) {
    case 0: v = ir_setcc(ir, type, (enum ir_cc)below(g, CC_COUNT), a, b); break;
    case 1: v = ir_sel(ir, value(g, I64), a, b); break;
    case 2: v = ir_bin(ir, IR_add, I64, a, b); break;
    case 3: v = ir_un(ir, (enum ir_opcode)(IR_sext8 + below(g, 6)), I64, a); break;
    default:
        if (op == IR_clmul || op == IR_clmulh || op >= IR_sext8)
            type = I64;
        v = ir_op(ir, (enum ir_opcode)op, type, 0, a, ir_opinfo[op].ins > 1 ? b : 0, 0);
    }
    keep(g, v, I64);
}

/* Results whose NaN the op leaves open are kept after fnan only. */
static void float_arithmetic(struct gen *g)
{
    struct ir *ir = g->ir;
    enum ir_type t = float_type(g);
    val a = value(g, t), b = value(g, t), c = value(g, t), v;
    u32 pick = below(g, 4);
    switch (below(g, 4)) {
    case 0: v = ir_op(ir, IR_fma, t, (u16)pick, a, b, c); break;
    case 1: v = ir_un(ir, IR_fsqrt, t, a); break;
    default: v = ir_bin(ir, (enum ir_opcode)(IR_fadd + pick), t, a, b); break;
    }
    keep(g, ir_un(ir, IR_fnan, t, v), t);
}

static void float_op(struct gen *g)
{
    struct ir *ir = g->ir;
    enum ir_type t = float_type(g);
    val a = value(g, t), b = value(g, t), i = value(g, I64);
    u16 kind = (u16)below(g, INT_U64 + 1), third = (u16)below(g, 3), trunc = chance(g, 2) ? 8 : 0;
    switch (below(g, 10)) {
    case 0: keep(g, ir_bin(ir, trunc ? IR_fmin : IR_fmax, t, a, b), t); break;
    case 1: keep(g, ir_op(ir, IR_fsgn, t, third, a, b, 0), t); break;
    case 2: keep(g, ir_op(ir, IR_setf, t, third, a, b, 0), I64); break;
    case 3: keep(g, ir_un(ir, IR_fcvt, t, value(g, t == F32 ? F64 : F32)), t); break;
    case 4: keep(g, ir_op(ir, IR_itof, t, kind, i, 0, 0), t); break;
    case 5: keep(g, ir_op(ir, IR_ftoi, t, kind | trunc, a, 0, 0), I64); break;
    case 6: keep(g, ir_un(ir, IR_unbox32, F32, value(g, F64)), F32); break;
    case 7: keep(g, ir_un(ir, IR_box32, F64, value(g, F32)), F64); break;
    case 8: keep(g, ir_un(ir, IR_mov_if, t, i), t); break;
    default: keep(g, ir_un(ir, IR_mov_fi, t, a), I64); break;
    }
}

/* ---- state ----------------------------------------------------------------------------------- */

/* An address in the window with room for `disp` in 0..0x3fff; aligned to `align`; rarely one that
 * faults. */
static val address(struct gen *g, u32 align, i32 *disp)
{
    static const u32 masks[] = {0x3fff, 0x3f, 0xff8, 0x7};
    struct ir *ir = g->ir;
    u32 mask = masks[below(g, ARRAY_LEN(masks))] & -align, offset = below(g, 0x4000) & -align;
    *disp = (i32)(below(g, chance(g, 2) ? 0x4000 : 64) & -align);
    if (g->o->faults && chance(g, 64))
        offset += IRGEN_WINDOW;
    else if (g->o->faults && align > 1 && chance(g, 32))
        offset += 1;
    val index = ir_bin(ir, IR_and, I64, value(g, I64), ir_const(ir, mask));
    val a = ir_bin(ir, IR_add, I64, ir_get(ir, g->o->base), index);
    return chance(g, 2) ? ir_bin(ir, IR_add, I64, a, ir_const(ir, offset)) : a;
}

static void load_or_store(struct gen *g)
{
    struct ir *ir = g->ir;
    i32 disp;
    val a = address(g, 1, &disp);
    bool is_float = g->o->floats && chance(g, 4);
    enum ir_type type = is_float ? float_type(g) : I64;
    u16 mop = type == F32   ? MOP_FLOAT | MOP_32
              : type == F64 ? MOP_FLOAT | MOP_64
                            : (u16)below(g, 4);
    if (chance(g, 2)) {
        ir_st(ir, mop, a, disp, value(g, type));
    } else {
        mop |= !is_float && chance(g, 2) ? MOP_SIGNED : 0;
        keep(g, ir_ld(ir, mop, a, disp), type);
    }
}

static void atomic(struct gen *g)
{
    struct ir *ir = g->ir;
    i32 unused;
    u16 mop = MOP_ALIGNED | (chance(g, 2) ? MOP_32 : MOP_64);
    if (chance(g, 2))
        mop |= MOP_SIGNED;
    val a = address(g, 1u << (mop & MOP_SIZE), &unused), v = value(g, I64),
        expected = value(g, I64);
    if (chance(g, 2)) {
        keep(g, ir_amo(ir, (enum ir_amo)below(g, AMO_MAXU + 1), mop, a, v), I64);
    } else {
        if (!chance(g, 4))
            expected = ir_ld(ir, mop, a, 0);
        keep(g, ir_cas(ir, mop, a, expected, v), I64);
    }
}

static void field(struct gen *g)
{
    static const u8 types[] = {I32, I64, F32, F64};
    u8 type = types[below(g, g->o->floats ? 4 : 2)], held = type == I32 ? I64 : type;
    u32 off = g->o->field + 8 * below(g, 2);
    if (chance(g, 2))
        ir_ste(g->ir, type, off, value(g, held));
    else
        keep(g, ir_lde(g->ir, type, off), held);
}

static void call(struct gen *g)
{
    if (!g->o->n_helpers)
        return;
    val a = value(g, I64), b = value(g, I64), c = chance(g, 2) ? 0 : value(g, I64);
    keep(g, ir_call(g->ir, g->o->helpers[below(g, g->o->n_helpers)], a, b, c), I64);
}

/* ---- guest instructions ---------------------------------------------------------------------- */

static void place(struct gen *g, u32 label)
{
    ir_label(g->ir, label);
    g->n_pool = 0;
}

static void compare_and_branch(struct gen *g, u32 to)
{
    enum ir_type width = int_type(g);
    val a = value(g, I64), b = value(g, I64);
    ir_brcc(g->ir, width, (enum ir_cc)below(g, CC_COUNT), a, b, to);
}

/* A branch over an access inside one guest instruction, as of a store-conditional. */
static void skipped_access(struct gen *g)
{
    u32 over = ir_newlabel(g->ir);
    compare_and_branch(g, over);
    load_or_store(g);
    place(g, over);
}

static void step(struct gen *g)
{
    switch (below(g, 16)) {
    case 0:
    case 1:
    case 2: load_or_store(g); break;
    case 3: field(g); break;
    case 4:
        if (g->o->atomics)
            atomic(g);
        break;
    case 5:
        if (chance(g, 2))
            call(g);
        break;
    case 6:
        if (chance(g, 4))
            ir_fence(g->ir, chance(g, 2));
        break;
    case 7:
    case 8:
    case 9:
        if (g->o->floats)
            float_arithmetic(g);
        break;
    case 10:
    case 11:
        if (g->o->floats)
            float_op(g);
        break;
    default: integer_op(g); break;
    }
}

static void commit(struct gen *g)
{
    for (u32 n = below(g, 4); n > 0; n--) {
        enum ir_type type = g->o->floats && chance(g, 3) ? F64 : I64;
        u32 s = slot(g, type);
        ir_set(g->ir, s, value(g, type));
    }
}

static void loop_back(struct gen *g)
{
    struct ir *ir = g->ir;
    unsigned to = below(g, g->n_back);
    val left = ir_bin(ir, IR_add, I64, ir_get(ir, g->o->count), ir_const(ir, ~0ull));
    val zero = ir_const(ir, 0);
    ir_set(ir, g->o->count, left);
    ir_poll(ir, g->back_pc[to]);
    ir_brcc(ir, I64, CC_GTS, left, zero, g->back[to]);
}

static void branch(struct gen *g)
{
    struct ir *ir = g->ir;
    if (g->n_back && chance(g, 3)) {
        loop_back(g);
    } else if (g->n_ahead < LABELS) {
        u32 to = g->ahead[g->n_ahead++] = ir_newlabel(ir);
        if (chance(g, 8))
            ir_br(ir, to);
        else
            compare_and_branch(g, to);
    }
}

static void leave(struct gen *g)
{
    struct ir *ir = g->ir;
    switch (below(g, 3)) {
    case 0: ir_exit(ir, g->pc + 4); break;
    case 1: {
        val to = value(g, I64);
        ir_exiti(ir, to, (enum ir_hint)below(g, HINT_RET + 1));
        break;
    }
    default: ir_ste(ir, I64, g->o->pc, ir_const(ir, g->pc + 4)); ir_exitx(ir, (u16)below(g, 2));
    }
}

/* Labels that stand before the next guest instruction. */
static void labels(struct gen *g)
{
    while (g->n_ahead && chance(g, 4))
        place(g, g->ahead[--g->n_ahead]);
    if (g->n_back < LABELS && chance(g, 6)) {
        g->back_pc[g->n_back] = g->pc;
        place(g, g->back[g->n_back++] = ir_newlabel(g->ir));
    }
}

static void instruction(struct gen *g)
{
    unsigned len = chance(g, 2) ? 2 : 4;
    ir_insn(g->ir, g->pc, len);
    for (u32 n = 1 + below(g, 4); n > 0; n--)
        step(g);
    if (g->o->control && chance(g, 16))
        skipped_access(g);
    commit(g);
    if (g->o->control && chance(g, 4))
        branch(g);
    if (g->o->control && g->n_ahead && chance(g, 32)) {
        leave(g); /* the code that follows stands behind a label that is still ahead */
        place(g, g->ahead[--g->n_ahead]);
    }
    g->pc += len;
}

void irgen(struct ir *ir, u64 seed, const struct irgen_opts *o)
{
    struct gen g = {.ir = ir, .o = o, .seed = seed, .pc = 0x80000000 + (seed & 0xfff) * 2};
    for (size_t i = 0; i < ARRAY_LEN(g.favorite); i++)
        g.favorite[i] = below(&g, o->n_slots);
    ir_start(ir, o->slots, o->n_slots, g.pc);
    ir_insn(ir, g.pc, 4);
    ir_set(ir, o->count, ir_const(ir, below(&g, 8)));
    g.pc += 4;
    for (unsigned n = 0; n < o->insns; n++) {
        if (o->control)
            labels(&g);
        instruction(&g);
    }
    while (g.n_ahead)
        place(&g, g.ahead[--g.n_ahead]);
    leave(&g);
}
