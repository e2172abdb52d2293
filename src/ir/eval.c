/* ir/eval.c - the meaning of each pure op on raw bits: for the interpreter, folding and tests. */
#include <assert.h>
#include "base/bits.h"
#include "fp/fp.h"
#include "ir/ir.h"

/* ---- integers: I64 on whole registers, I32 on low halves ------------------------------------- */

static u64 divide(enum ir_opcode op, u64 a, u64 b, unsigned w)
{
    i64 sa = sext(a, w), sb = sext(b, w);
    bool wraps = sb == -1; /* min / -1 does not fit */
    switch (op) {
    case IR_divu: return b ? a / b : ~0ull;
    case IR_remu: return b ? a % b : a;
    case IR_divs: return !sb ? ~0ull : wraps ? -a : (u64)(sa / sb);
    default: return !sb ? a : wraps ? 0 : (u64)(sa % sb);
    }
}

static u64 carryless(u64 a, u64 b, bool high)
{
    u128 r = 0;
    for (int i = 0; i < 64; i++)
        if (b >> i & 1)
            r ^= (u128)a << i;
    return (u64)(high ? r >> 64 : r);
}

static u64 rotate_left(u64 a, unsigned by, unsigned w) { return by ? a << by | a >> (w - by) : a; }

/* a and b are zero-extended from w bits; of the result, the low w count. */
static u64 binary(enum ir_opcode op, u64 a, u64 b, unsigned w)
{
    i64 sa = sext(a, w), sb = sext(b, w);
    unsigned by = (unsigned)b & (w - 1);
    switch (op) {
    case IR_add: return a + b;
    case IR_sub: return a - b;
    case IR_mul: return a * b;
    case IR_mulhu: return (u64)((u128)a * b >> w);
    case IR_mulhs: return (u64)((i128)sa * sb >> w);
    case IR_mulhsu: return (u64)((i128)sa * (i128)b >> w);
    case IR_and: return a & b;
    case IR_or: return a | b;
    case IR_xor: return a ^ b;
    case IR_andn: return a & ~b;
    case IR_shl: return a << by;
    case IR_shr: return a >> by;
    case IR_sar: return (u64)(sa >> by);
    case IR_rol: return rotate_left(a, by, w);
    case IR_ror: return rotate_left(a, -by & (w - 1), w);
    case IR_minu: return MIN(a, b);
    case IR_maxu: return MAX(a, b);
    case IR_mins: return (u64)MIN(sa, sb);
    case IR_maxs: return (u64)MAX(sa, sb);
    case IR_clmul: return carryless(a, b, false);
    case IR_clmulh: return carryless(a, b, true);
    default: return divide(op, a, b, w);
    }
}

static u64 unary(enum ir_opcode op, u64 a, unsigned w)
{
    switch (op) {
    case IR_clz: return a ? (unsigned)__builtin_clzll(a) - (64 - w) : w;
    case IR_ctz: return a ? (unsigned)__builtin_ctzll(a) : w;
    case IR_popcnt: return (unsigned)__builtin_popcountll(a);
    default: return __builtin_bswap64(a) >> (64 - w);
    }
}

static u64 extend(enum ir_opcode op, u64 a)
{
    switch (op) {
    case IR_sext8: return (u64)sext(a, 8);
    case IR_sext16: return (u64)sext(a, 16);
    case IR_sext32: return (u64)sext(a, 32);
    case IR_zext8: return (u8)a;
    case IR_zext16: return (u16)a;
    default: return (u32)a;
    }
}

static bool compare(u16 cc, u64 a, u64 b, unsigned w)
{
    i64 sa = sext(a, w), sb = sext(b, w);
    assert(cc < CC_COUNT);
    switch ((enum ir_cc)cc) {
    case CC_EQ: return a == b;
    case CC_NE: return a != b;
    case CC_LTU: return a < b;
    case CC_GEU: return a >= b;
    case CC_LEU: return a <= b;
    case CC_GTU: return a > b;
    case CC_LTS: return sa < sb;
    case CC_GES: return sa >= sb;
    case CC_LES: return sa <= sb;
    case CC_GTS: return sa > sb;
    case CC_COUNT: break;
    }
    return false;
}

/* ---- floating point -------------------------------------------------------------------------- */

/* MXCSR's rounding control, bits 13 and 14 (Intel SDM volume 1, 10.2.3). */
static enum fp_round rounding(u32 mxcsr)
{
    static const u8 mode[] = {FP_RNE, FP_RDN, FP_RUP, FP_RTZ};
    return mode[mxcsr >> 13 & 3];
}

static u64 sign_inject(enum fp_format f, u16 how, u64 a, u64 b)
{
    u64 sign = f == FP32 ? 1ull << 31 : 1ull << 63;
    u64 from = how == 0 ? b : how == 1 ? ~b : a ^ b;
    return (a & ~sign) | (from & sign);
}

static u64 multiply_add(enum fp_format f, u16 aux, u64 a, u64 b, u64 c, struct fp_env *env)
{
    if (aux & 1)
        a = fp_negate(f, a);
    if (aux & 2)
        c = fp_negate(f, c);
    return fp_fma(f, a, b, c, env);
}

static u64 float_compare(enum fp_format f, u16 cc, u64 a, u64 b, struct fp_env *env)
{
    assert(cc <= FCC_LE);
    switch ((enum ir_fcc)cc) {
    case FCC_EQ: return fp_eq(f, a, b, env);
    case FCC_LT: return fp_lt(f, a, b, env);
    case FCC_LE: break;
    }
    return fp_le(f, a, b, env);
}

static u64 to_integer(enum fp_format f, u16 aux, u64 a, struct fp_env *env)
{
    struct fp_env e = {aux & 8 ? FP_RTZ : env->round, 0};
    u64 r = fp_to_int(f, (enum fp_int)(aux & 7), a, &e);
    env->flags |= e.flags;
    return r;
}

static u64 floating(enum ir_opcode op, enum fp_format f, u16 aux, u64 a, u64 b, u64 c,
                    struct fp_env *env)
{
    enum fp_format other = f == FP32 ? FP64 : FP32;
    switch (op) {
    case IR_fadd: return fp_add(f, a, b, env);
    case IR_fsub: return fp_sub(f, a, b, env);
    case IR_fmul: return fp_mul(f, a, b, env);
    case IR_fdiv: return fp_div(f, a, b, env);
    case IR_fsqrt: return fp_sqrt(f, a, env);
    case IR_fma: return multiply_add(f, aux, a, b, c, env);
    case IR_fnan: return fp_is_nan(f, a) ? fp_nan(f) : a;
    case IR_fmin: return fp_min(f, a, b, env);
    case IR_fmax: return fp_max(f, a, b, env);
    case IR_fsgn: return sign_inject(f, aux, a, b);
    case IR_setf: return float_compare(f, aux, a, b, env);
    case IR_fcvt: return fp_convert(f, other, a, env);
    case IR_itof: return fp_from_int(f, (enum fp_int)aux, a, env);
    case IR_ftoi: return to_integer(f, aux, a, env);
    case IR_unbox32: return a >> 32 == 0xffffffff ? (u32)a : fp_nan(FP32);
    case IR_box32: return a | 0xffffffffull << 32;
    default: break;
    }
    assert(op == IR_mov_if || op == IR_mov_fi);
    return a;
}

static u64 on_floats(enum ir_opcode op, enum ir_type type, u16 aux, u64 a, u64 b, u64 c, u32 *mxcsr)
{
    enum fp_format f = type == F32 ? FP32 : FP64;
    struct fp_env env = {mxcsr ? rounding(*mxcsr) : FP_RNE, 0};
    bool wide = op == IR_fcvt || op == IR_itof || op == IR_unbox32; /* inputs of another type */
    if (type == F32 && !wide) {
        a = (u32)a;
        b = (u32)b;
        c = (u32)c;
    } else if (op == IR_fcvt && type == F64) {
        a = (u32)a;
    }
    u64 r = floating(op, f, aux, a, b, c, &env);
    if (mxcsr)
        *mxcsr |= env.flags;
    return r;
}

u64 ir_eval(enum ir_opcode op, enum ir_type type, u16 aux, u64 a, u64 b, u64 c, u32 *mxcsr)
{
    if (type == F32 || type == F64)
        return on_floats(op, type, aux, a, b, c, mxcsr);
    if (op == IR_sel)
        return a ? b : c;
    if (op >= IR_sext8 && op <= IR_zext32)
        return extend(op, a);
    unsigned w = type == I32 ? 32 : 64;
    u64 mask = ~0ull >> (64 - w);
    a &= mask;
    b &= mask;
    if (op == IR_setcc)
        return compare(aux, a, b, w);
    return mask & (ir_opinfo[op].ins == 2 ? binary(op, a, b, w) : unary(op, a, w));
}
