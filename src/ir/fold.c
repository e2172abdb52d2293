/* ir/fold.c - the builder's rules: constants, identities, known bits, comparisons.
 *
 * Every rule replaces a pure op by an equal value that is cheaper: a constant, a value that exists,
 * or an op with simpler inputs. Rules work in canonical form, which fold_op makes first: a constant
 * input of a commutative op is on the right, and constants of I32 ops are sign-extended from 32
 * bits. Inputs of I32 ops lose the extensions that only set upper bits, so that chains of 32-bit
 * guest arithmetic connect directly.
 */
#include "base/bits.h"
#include "ir/fold.h"

enum { DEPTH = 3 }; /* how far known bits are followed */

static unsigned least(unsigned a, unsigned b) { return MIN(a, b); }
static unsigned most(unsigned a, unsigned b) { return MAX(a, b); }
static unsigned width(enum ir_type type) { return type == I32 ? 32 : 64; }

static const struct ir_ins *made_by(const struct ir *ir, val v, enum ir_opcode op)
{
    return ir->ins[v].op == op ? &ir->ins[v] : NULL;
}

/* k as constants of `type` are kept */
static u64 immediate(enum ir_type type, u64 k) { return type == I32 ? (u64)sext(k, 32) : k; }

/* `v` as a result of `type`: I32 results have no upper bits. */
static val as_type(struct ir *ir, enum ir_type type, val v)
{
    return type == I32 ? ir_un(ir, IR_zext32, I64, v) : v;
}

static val bin_const(struct ir *ir, enum ir_opcode op, enum ir_type type, val a, u64 k)
{
    return ir_bin(ir, op, type, a, ir_const(ir, immediate(type, k)));
}

/* ---- known bits ------------------------------------------------------------------------------ */

static unsigned unsigned_bits(const struct ir *ir, val v, int depth);

static unsigned shifted_bits(const struct ir *ir, const struct ir_ins *x, unsigned w, int depth)
{
    u64 k;
    if (!ir_isconst(ir, x->b, &k))
        return w;
    unsigned by = (unsigned)k & (w - 1), from = least(w, unsigned_bits(ir, x->a, depth));
    if (x->op == IR_shl)
        return least(w, from + by);
    return from > by ? from - by : 0;
}

/* Bits from this one up are zero in v. */
static unsigned unsigned_bits(const struct ir *ir, val v, int depth)
{
    const struct ir_ins *x = &ir->ins[v];
    unsigned w = width(x->type);
    if (x->op == IR_constant)
        return x->imm ? 64 - __builtin_clzll(x->imm) : 0;
    if (!depth--)
        return 64;
#define BITS(in) unsigned_bits(ir, x->in, depth)
    switch (x->op) {
    case IR_setcc:
    case IR_setf: return 1;
    case IR_clz:
    case IR_ctz:
    case IR_popcnt: return 7;
    case IR_zext8: return least(8, BITS(a));
    case IR_zext16: return least(16, BITS(a));
    case IR_zext32: return least(32, BITS(a));
    case IR_ld: return x->aux & MOP_SIGNED ? 64 : 8u << (x->aux & MOP_SIZE);
    case IR_mov_fi: return x->type == F32 ? 32 : 64;
    case IR_and:
    case IR_minu: return least(w, least(BITS(a), BITS(b)));
    case IR_or:
    case IR_xor:
    case IR_maxu: return least(w, most(BITS(a), BITS(b)));
    case IR_andn:
    case IR_remu: return least(w, BITS(a));
    case IR_add: return least(w, most(BITS(a), BITS(b)) + 1);
    case IR_sel: return most(BITS(b), BITS(c));
    case IR_shl:
    case IR_shr: return shifted_bits(ir, x, w, depth);
    default: return w;
    }
#undef BITS
}

/* v is the sign extension of its low bits, this many. */
static unsigned signed_bits(const struct ir *ir, val v, int depth)
{
    const struct ir_ins *x = &ir->ins[v];
    if (x->op == IR_constant)
        return 64 - (unsigned)__builtin_clrsbll((i64)x->imm);
    unsigned n = least(64, unsigned_bits(ir, v, depth) + 1);
    if (n < 64 || !depth--)
        return n;
#define BITS(in) signed_bits(ir, x->in, depth)
    switch (x->op) {
    case IR_sext8: return 8;
    case IR_sext16: return 16;
    case IR_sext32: return 32;
    case IR_ld:
    case IR_amo:
    case IR_cas: return x->aux & MOP_SIGNED ? 8u << (x->aux & MOP_SIZE) : 64;
    case IR_ftoi: return (x->aux & 7) <= INT_U32 ? 32 : 64;
    case IR_and:
    case IR_or:
    case IR_xor:
    case IR_mins:
    case IR_maxs: return most(BITS(a), BITS(b));
    case IR_sel: return most(BITS(b), BITS(c));
    default: return 64;
    }
#undef BITS
}

val fold_low(const struct ir *ir, val v, unsigned bits)
{
    u64 mask = ~0ull >> (64 - bits), k;
    for (;;) {
        const struct ir_ins *x = &ir->ins[v];
        bool wider = x->op == IR_sext32 || x->op == IR_zext32 ||
                     (bits <= 16 && (x->op == IR_sext16 || x->op == IR_zext16)) ||
                     (bits <= 8 && (x->op == IR_sext8 || x->op == IR_zext8)) ||
                     (x->op == IR_and && ir_isconst(ir, x->b, &k) && (k & mask) == mask);
        if (!wider || bits > 32)
            return v;
        v = x->a;
    }
}

val fold_address(const struct ir *ir, val addr, i32 *disp)
{
    const struct ir_ins *x = made_by(ir, addr, IR_add);
    u64 k;
    i64 sum;
    if (!x || x->type != I64 || !ir_isconst(ir, x->b, &k) || !add_ok((i64)k, (i64)*disp, &sum) ||
        sum != (i32)sum)
        return addr;
    *disp = (i32)sum;
    return x->a;
}

/* ---- comparisons ----------------------------------------------------------------------------- */

static const u8 swapped[CC_COUNT] = {
    [CC_EQ] = CC_EQ,   [CC_NE] = CC_NE,   [CC_LTU] = CC_GTU, [CC_GTU] = CC_LTU, [CC_GEU] = CC_LEU,
    [CC_LEU] = CC_GEU, [CC_LTS] = CC_GTS, [CC_GTS] = CC_LTS, [CC_GES] = CC_LES, [CC_LES] = CC_GES,
};

static u16 inverted(u16 cc) { return cc ^ 1; }

static bool is_signed(u16 cc) { return cc >= CC_LTS; }

static bool true_of_equals(u16 cc)
{
    return cc == CC_EQ || cc == CC_GEU || cc == CC_LEU || cc == CC_GES || cc == CC_LES;
}

/* A 64-bit comparison of extended 32-bit values is one of the values. */
static void narrow_compare(const struct ir *ir, struct ir_ins *x)
{
    if (x->type != I64)
        return;
    u8 a = ir->ins[x->a].op, b = ir->ins[x->b].op;
    bool s = (a == IR_sext32 || b == IR_sext32) && signed_bits(ir, x->a, 1) <= 32 &&
             signed_bits(ir, x->b, 1) <= 32;
    bool u = (a == IR_zext32 || b == IR_zext32) && !is_signed(x->aux) &&
             unsigned_bits(ir, x->a, 1) <= 32 && unsigned_bits(ir, x->b, 1) <= 32;
    if (s || u)
        x->type = I32;
}

/* Unsigned comparisons with 0 and 1 that are tests for zero. */
static void zero_test(struct ir *ir, struct ir_ins *x, u64 k)
{
    u16 cc = x->aux;
    if ((k == 0 && cc == CC_LEU) || (k == 1 && cc == CC_LTU))
        x->aux = CC_EQ;
    else if ((k == 0 && cc == CC_GTU) || (k == 1 && cc == CC_GEU))
        x->aux = CC_NE;
    if (x->aux != cc)
        x->b = ir_const(ir, 0);
}

/* Equality with the constant k of what another op made: one of that op's inputs. */
static bool through_equality(struct ir *ir, struct ir_ins *x, u64 k)
{
    const struct ir_ins a = ir->ins[x->a];
    u64 c;
    if (a.op == IR_setcc && k == 0) {
        *x = (struct ir_ins){.op = x->op,
                             .type = a.type,
                             .a = a.a,
                             .b = a.b,
                             .aux = x->aux == CC_NE ? a.aux : inverted(a.aux)};
        return true;
    }
    if (a.type != I32 && a.type != x->type)
        return false;
    if ((a.op == IR_sub || a.op == IR_xor) && k == 0) {
        x->b = a.b;
    } else if (a.op == IR_add && a.type == x->type && ir_isconst(ir, a.b, &c)) {
        x->b = ir_const(ir, immediate(a.type, k - c));
    } else {
        return false;
    }
    x->type = a.type;
    x->a = a.a;
    return true;
}

bool fold_compare(struct ir *ir, struct ir_ins *x, bool *out)
{
    u64 j, k;
    if (ir_isconst(ir, x->a, &j) && !ir_isconst(ir, x->b, &k)) {
        val t = x->a;
        x->a = x->b;
        x->b = t;
        x->aux = swapped[x->aux];
    }
    narrow_compare(ir, x);
    if (x->type == I32) {
        x->a = fold_low(ir, x->a, 32);
        x->b = fold_low(ir, x->b, 32);
    }
    if (x->a == x->b) {
        *out = true_of_equals(x->aux);
        return true;
    }
    if (!ir_isconst(ir, x->b, &k))
        return false;
    if (ir_isconst(ir, x->a, &j)) {
        *out = ir_eval(IR_setcc, x->type, x->aux, j, k, 0, NULL);
        return true;
    }
    if (k != immediate(x->type, k)) {
        k = immediate(x->type, k);
        x->b = ir_const(ir, k);
    }
    if (k == 0 && (x->aux == CC_LTU || x->aux == CC_GEU)) {
        *out = x->aux == CC_GEU;
        return true;
    }
    zero_test(ir, x, k);
    if ((x->aux == CC_EQ || x->aux == CC_NE) && through_equality(ir, x, ir->ins[x->b].imm))
        return fold_compare(ir, x, out);
    return false;
}

static val fold_setcc(struct ir *ir, struct ir_ins *x)
{
    bool out;
    u64 k;
    if (fold_compare(ir, x, &out))
        return ir_const(ir, out);
    if (x->aux == CC_NE && ir_isconst(ir, x->b, &k) && k == 0 && unsigned_bits(ir, x->a, 1) <= 1)
        return x->a;
    return 0;
}

/* ---- arithmetic ------------------------------------------------------------------------------ */

/* (y op c) op k, in one op */
static val reassociate(struct ir *ir, const struct ir_ins *x, u64 k)
{
    const struct ir_ins *a = made_by(ir, x->a, x->op);
    u64 c;
    if (!a || a->type != x->type || !ir_isconst(ir, a->b, &c))
        return 0;
    return bin_const(ir, x->op, x->type, a->a, ir_eval(x->op, x->type, 0, c, k, 0, NULL));
}

static val fold_add(struct ir *ir, const struct ir_ins *x, bool constant, u64 k)
{
    if (!constant)
        return 0;
    return k ? reassociate(ir, x, k) : as_type(ir, x->type, x->a);
}

static val fold_sub(struct ir *ir, const struct ir_ins *x, bool constant, u64 k)
{
    if (x->a == x->b)
        return ir_const(ir, 0);
    return constant ? bin_const(ir, IR_add, x->type, x->a, -k) : 0;
}

static val fold_mul(struct ir *ir, const struct ir_ins *x, bool constant, u64 k)
{
    u64 uk = x->type == I32 ? (u32)k : k;
    if (!constant)
        return 0;
    if (k == 0 && x->op == IR_mul)
        return ir_const(ir, 0);
    if (!is_pow2(uk))
        return 0;
    u64 log2 = (unsigned)__builtin_ctzll(uk);
    switch (x->op) {
    case IR_mul: return bin_const(ir, IR_shl, x->type, x->a, log2);
    case IR_divu: return bin_const(ir, IR_shr, x->type, x->a, log2);
    case IR_remu: return bin_const(ir, IR_and, x->type, x->a, uk - 1);
    default: return 0;
    }
}

static val fold_and(struct ir *ir, const struct ir_ins *x, bool constant, u64 k)
{
    if (x->a == x->b)
        return as_type(ir, x->type, x->a);
    if (!constant)
        return 0;
    if (k == 0)
        return x->b;
    u64 mask = x->type == I32 ? (u32)k : k;
    unsigned n = MIN(width(x->type), unsigned_bits(ir, x->a, DEPTH));
    if (n == 0 || (mask & ~0ull >> (64 - n)) == ~0ull >> (64 - n))
        return as_type(ir, x->type, x->a);
    switch (mask) {
    case 0xff: return ir_un(ir, IR_zext8, I64, x->a);
    case 0xffff: return ir_un(ir, IR_zext16, I64, x->a);
    case 0xffffffff: return ir_un(ir, IR_zext32, I64, x->a);
    default: return reassociate(ir, x, k);
    }
}

/* v << n | v >> (width - n), as programs for machines without a rotate write it; or 0. The 32-bit
 * form may have its left half sign-extended: then so is the result. */
static val fold_rotate(struct ir *ir, val left, val right)
{
    const struct ir_ins *l = &ir->ins[left], *r = &ir->ins[right];
    bool extended = l->op == IR_sext32;
    u64 n, m;
    if (extended)
        l = &ir->ins[l->a];
    if (l->op != IR_shl || r->op != IR_shr || l->type != r->type || l->a != r->a ||
        (extended && l->type != I32) || !ir_isconst(ir, l->b, &n) || !ir_isconst(ir, r->b, &m) ||
        n + m != width(l->type) || !n || !m)
        return 0;
    val v = bin_const(ir, IR_rol, l->type, l->a, n);
    return extended ? ir_un(ir, IR_sext32, I64, v) : v;
}

static val fold_or(struct ir *ir, const struct ir_ins *x, bool constant, u64 k)
{
    val rotated = fold_rotate(ir, x->a, x->b);
    if (!rotated)
        rotated = fold_rotate(ir, x->b, x->a);
    if (rotated)
        return rotated;
    if (x->a == x->b || (constant && k == 0))
        return as_type(ir, x->type, x->a);
    if (!constant)
        return 0;
    return k == ~0ull ? ir_const(ir, x->type == I32 ? (u32)k : k) : reassociate(ir, x, k);
}

static val fold_xor(struct ir *ir, const struct ir_ins *x, bool constant, u64 k)
{
    if (x->a == x->b)
        return ir_const(ir, 0);
    if (!constant)
        return 0;
    if (k == 0)
        return as_type(ir, x->type, x->a);
    const struct ir_ins a = ir->ins[x->a];
    if (k == 1 && a.op == IR_setcc)
        return ir_setcc(ir, a.type, inverted(a.aux), a.a, a.b);
    return reassociate(ir, x, k);
}

static val fold_andn(struct ir *ir, const struct ir_ins *x, bool constant, u64 k)
{
    if (x->a == x->b)
        return ir_const(ir, 0);
    return constant ? bin_const(ir, IR_and, x->type, x->a, ~k) : 0;
}

/* ---- shifts ---------------------------------------------------------------------------------- */

/* x is a shift by the constant k, 0 < k < w, of the shift `a` by the constant c, 0 < c < w, of
 * equal type. */
static val fold_shifts(struct ir *ir, const struct ir_ins *x, unsigned k, const struct ir_ins *a,
                       unsigned c)
{
    unsigned w = width(x->type), sum = k + c;
    if (a->op == x->op) {
        if (sum >= w && x->op != IR_sar)
            return ir_const(ir, 0);
        return bin_const(ir, x->op, x->type, a->a, MIN(sum, w - 1));
    }
    if (c != k)
        return 0;
    if (x->op == IR_shr && a->op == IR_shl && w - k <= 32)
        return bin_const(ir, IR_and, x->type, a->a, ~0ull >> (64 - (w - k)));
    if (x->op == IR_shl && a->op == IR_shr && k < 32)
        return bin_const(ir, IR_and, x->type, a->a, ~0ull << k);
    if (x->op == IR_sar && a->op == IR_shl && x->type == I64)
        switch (k) {
        case 32: return ir_un(ir, IR_sext32, I64, a->a);
        case 48: return ir_un(ir, IR_sext16, I64, a->a);
        case 56: return ir_un(ir, IR_sext8, I64, a->a);
        }
    return 0;
}

static val fold_shift(struct ir *ir, struct ir_ins *x, bool constant, u64 k)
{
    if (!constant)
        return 0;
    unsigned w = width(x->type), by = (unsigned)k & (w - 1);
    if (by == 0)
        return as_type(ir, x->type, x->a);
    if (by != k)
        x->b = ir_const(ir, by);
    if (x->op == IR_rol || x->op == IR_ror)
        return 0;
    if (x->op == IR_shr && unsigned_bits(ir, x->a, DEPTH) <= by)
        return ir_const(ir, 0);
    const struct ir_ins a = ir->ins[x->a];
    u64 c;
    bool shift = a.op == IR_shl || a.op == IR_shr || a.op == IR_sar;
    if (!shift || a.type != x->type || !ir_isconst(ir, a.b, &c))
        return 0;
    return fold_shifts(ir, x, by, &a, (unsigned)c);
}

/* ---- the rest -------------------------------------------------------------------------------- */

static val fold_extension(struct ir *ir, struct ir_ins *x, bool is_signed_ext, unsigned bits)
{
    x->a = fold_low(ir, x->a, bits);
    unsigned have = is_signed_ext ? signed_bits(ir, x->a, DEPTH) : unsigned_bits(ir, x->a, DEPTH);
    return have <= bits ? x->a : 0;
}

static val fold_sel(const struct ir *ir, const struct ir_ins *x)
{
    u64 k;
    if (x->b == x->c)
        return x->b;
    if (!ir_isconst(ir, x->a, &k))
        return 0;
    return k ? x->b : x->c;
}

static val fold_float(struct ir *ir, struct ir_ins *x)
{
    const struct ir_ins a = ir->ins[x->a];
    switch (x->op) {
    case IR_fsgn: return x->a == x->b && x->aux == 0 ? x->a : 0;
    case IR_unbox32: return a.op == IR_box32 ? a.a : 0;
    case IR_itof:
        if (x->aux <= INT_U32)
            x->a = fold_low(ir, x->a, 32);
        return 0;
    case IR_mov_fi:
        if (a.op != IR_mov_if)
            return 0;
        return x->type == F32 ? ir_un(ir, IR_zext32, I64, a.a) : a.a;
    case IR_mov_if:
        if (x->type == F32)
            x->a = fold_low(ir, x->a, 32);
        return ir->ins[x->a].op == IR_mov_fi && ir->ins[x->a].type == x->type ? ir->ins[x->a].a : 0;
    default: return 0;
    }
}

static bool commutes(u8 op)
{
    switch (op) {
    case IR_add:
    case IR_mul:
    case IR_mulhu:
    case IR_mulhs:
    case IR_and:
    case IR_or:
    case IR_xor:
    case IR_minu:
    case IR_maxu:
    case IR_mins:
    case IR_maxs:
    case IR_clmul:
    case IR_clmulh: return true;
    default: return false;
    }
}

/* The canonical form that the rules expect; a value when all inputs are constant. */
static val canonical(struct ir *ir, struct ir_ins *x)
{
    u64 a = 0, b = 0, c = 0;
    unsigned ins = ir_opinfo[x->op].ins;
    bool a_const = ir_isconst(ir, x->a, &a), b_const = ins < 2 || ir_isconst(ir, x->b, &b);
    if (a_const && b_const && (ins < 3 || ir_isconst(ir, x->c, &c)))
        return ir_const(ir, ir_eval(x->op, x->type, x->aux, a, b, c, NULL));
    if (commutes(x->op) && (a_const || (!b_const && x->a > x->b))) {
        val t = x->a;
        x->a = x->b;
        x->b = t;
    }
    if (x->type == I32) {
        x->a = fold_low(ir, x->a, 32);
        x->b = fold_low(ir, x->b, 32);
        if (ins == 2 && ir_isconst(ir, x->b, &b) && b != immediate(I32, b))
            x->b = ir_const(ir, immediate(I32, b));
    }
    return 0;
}

val fold_op(struct ir *ir, struct ir_ins *x)
{
    if (x->type == F32 || x->type == F64)
        return fold_float(ir, x);
    val v = canonical(ir, x);
    if (v)
        return v;
    u64 k = 0;
    bool constant = ir_isconst(ir, x->b, &k);
    switch (x->op) {
    case IR_add: return fold_add(ir, x, constant, k);
    case IR_sub: return fold_sub(ir, x, constant, k);
    case IR_mul:
    case IR_divu:
    case IR_remu: return fold_mul(ir, x, constant, k);
    case IR_and: return fold_and(ir, x, constant, k);
    case IR_or: return fold_or(ir, x, constant, k);
    case IR_xor: return fold_xor(ir, x, constant, k);
    case IR_andn: return fold_andn(ir, x, constant, k);
    case IR_shl:
    case IR_shr:
    case IR_sar:
    case IR_rol:
    case IR_ror: return fold_shift(ir, x, constant, k);
    case IR_minu:
    case IR_maxu:
    case IR_mins:
    case IR_maxs: return x->a == x->b ? as_type(ir, x->type, x->a) : 0;
    case IR_sext8: return fold_extension(ir, x, true, 8);
    case IR_sext16: return fold_extension(ir, x, true, 16);
    case IR_sext32: return fold_extension(ir, x, true, 32);
    case IR_zext8: return fold_extension(ir, x, false, 8);
    case IR_zext16: return fold_extension(ir, x, false, 16);
    case IR_zext32: return fold_extension(ir, x, false, 32);
    case IR_setcc: return fold_setcc(ir, x);
    case IR_sel: return fold_sel(ir, x);
    default: return 0;
    }
}
