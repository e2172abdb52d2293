/* guest/riscv/float.c - F and D: arithmetic on the host's floating-point unit (unpriv 21, 22).
 *
 * Rounding: generated code runs with the guest's dynamic mode (fcsr.frm, a part of the key) loaded
 * in the host. An instruction whose mode is that one is an IR op. Another static mode, and "to
 * nearest, ties away" (RMM), which no host has, go to the soft-float library; a truncating
 * conversion to integer and one that is always exact need neither. An undefined mode is illegal.
 */
#include "fp/fp.h"
#include "guest/riscv/riscv.h"

enum { RTZ = 1, RMM = 4, DYN = 7 };
enum { F0 = 32 }; /* slot of f0 */

static val f(struct lift *l, enum ir_type t, u8 r)
{
    val v = ir_get(l->ir, F0 + r);
    return t == F32 ? ir_un(l->ir, IR_unbox32, F32, v) : v;
}
static void setf(struct lift *l, enum ir_type t, u8 r, val v)
{
    ir_set(l->ir, F0 + r, t == F32 ? ir_un(l->ir, IR_box32, F64, v) : v);
}
static val bits_of(struct lift *l, enum ir_type t, val v) { return ir_un(l->ir, IR_mov_fi, t, v); }
static val of_bits(struct lift *l, enum ir_type t, val v) { return ir_un(l->ir, IR_mov_if, t, v); }
/* The register's bits as they are, boxed or not. */
static val raw(struct lift *l, u8 r) { return bits_of(l, F64, f(l, F64, r)); }

/* ---- loads, stores, moves ----------------------------------------------------------------- */
static void fload(struct lift *l, const struct args *a, enum ir_type t, u16 mop)
{
    setf(l, t, a->rd, ir_ld(l->ir, mop | MOP_FLOAT, x(l, a->rs1), (i32)a->imm));
}
static void fstore(struct lift *l, const struct args *a, u16 mop)
{
    ir_st(l->ir, mop, x(l, a->rs1), (i32)a->imm, raw(l, a->rs2));
}
/* clang-format off */
RV(flw, FL, "............ ..... 010 ..... 0000111",  RVF) { fload(l, a, F32, MOP_32); }
RV(fld, FL, "............ ..... 011 ..... 0000111",  RVD) { fload(l, a, F64, MOP_64); }
RV(fsw, FS, "....... ..... ..... 010 ..... 0100111", RVF | RV_FP_QUIET) { fstore(l, a, MOP_32); }
RV(fsd, FS, "....... ..... ..... 011 ..... 0100111", RVD | RV_FP_QUIET) { fstore(l, a, MOP_64); }

/* clang-format on */

RV(fmv_x_w, FX, "1110000 00000 ..... 000 ..... 1010011", RVF | RV_FP_QUIET)
{
    setx(l, a->rd, ir_un(l->ir, IR_sext32, I64, raw(l, a->rs1)));
}
RV(fmv_x_d, FX, "1110001 00000 ..... 000 ..... 1010011", RVD | RV_FP_QUIET)
{
    setx(l, a->rd, raw(l, a->rs1));
}
static void from_bits(struct lift *l, const struct args *a, enum ir_type t)
{
    setf(l, t, a->rd, of_bits(l, t, x(l, a->rs1)));
}
static void sign(struct lift *l, const struct args *a, enum ir_type t, u16 how)
{
    setf(l, t, a->rd, ir_op(l->ir, IR_fsgn, t, how, f(l, t, a->rs1), f(l, t, a->rs2), 0));
}
/* clang-format off */
RV(fmv_w_x,  XF, "1111000 00000 ..... 000 ..... 1010011", RVF) { from_bits(l, a, F32); }
RV(fmv_d_x,  XF, "1111001 00000 ..... 000 ..... 1010011", RVD) { from_bits(l, a, F64); }
RV(fsgnj_s,  F2, "0010000 ..... ..... 000 ..... 1010011", RVF) { sign(l, a, F32, 0); }
RV(fsgnjn_s, F2, "0010000 ..... ..... 001 ..... 1010011", RVF) { sign(l, a, F32, 1); }
RV(fsgnjx_s, F2, "0010000 ..... ..... 010 ..... 1010011", RVF) { sign(l, a, F32, 2); }
RV(fsgnj_d,  F2, "0010001 ..... ..... 000 ..... 1010011", RVD) { sign(l, a, F64, 0); }
RV(fsgnjn_d, F2, "0010001 ..... ..... 001 ..... 1010011", RVD) { sign(l, a, F64, 1); }
RV(fsgnjx_d, F2, "0010001 ..... ..... 010 ..... 1010011", RVD) { sign(l, a, F64, 2); }
/* clang-format on */

/* fclass: one bit of ten (unpriv 21.9, table 27) for a number with `frac` bits of fraction. */
static u64 class_of(u64 v, unsigned width, unsigned frac)
{
    u64 exp = bits(v, width - 2, frac), fraction = bits(v, frac - 1, 0);
    bool negative = v >> (width - 1), top = exp == bits(~0ull, width - 2, frac);
    if (top && fraction)
        return fraction >> (frac - 1) ? 1 << 9 : 1 << 8;
    unsigned size = top ? 3 : exp ? 2 : fraction ? 1 : 0; /* infinite, normal, subnormal, zero */
    return 1u << (negative ? 3 - size : 4 + size);
}
static u64 class_s(void *cpu, u64 v, u64 b, u64 c)
{
    (void)cpu, (void)b, (void)c;
    return class_of((u32)v, 32, 23);
}
static u64 class_d(void *cpu, u64 v, u64 b, u64 c)
{
    (void)cpu, (void)b, (void)c;
    return class_of(v, 64, 52);
}
static const struct ir_helper h_class_s = {"rv_fclass_s", class_s, HELP_PURE};
static const struct ir_helper h_class_d = {"rv_fclass_d", class_d, HELP_PURE};

static void classify(struct lift *l, const struct args *a, enum ir_type t)
{
    const struct ir_helper *h = t == F32 ? &h_class_s : &h_class_d;
    setx(l, a->rd, ir_call(l->ir, h, bits_of(l, t, f(l, t, a->rs1)), 0, 0));
}
RV(fclass_s, FX, "1110000 00000 ..... 001 ..... 1010011", RVF | RV_FP_QUIET)
{
    classify(l, a, F32);
}
RV(fclass_d, FX, "1110001 00000 ..... 001 ..... 1010011", RVD | RV_FP_QUIET)
{
    classify(l, a, F64);
}

/* ---- comparisons, minimum, maximum: no rounding ------------------------------------------- */
static void compare(struct lift *l, const struct args *a, enum ir_type t, enum ir_fcc cc)
{
    setx(l, a->rd, ir_op(l->ir, IR_setf, t, (u16)cc, f(l, t, a->rs1), f(l, t, a->rs2), 0));
}
static void choose(struct lift *l, const struct args *a, enum ir_type t, enum ir_opcode op)
{
    setf(l, t, a->rd, ir_bin(l->ir, op, t, f(l, t, a->rs1), f(l, t, a->rs2)));
}
/* clang-format off */
RV(feq_s,  FCMP, "1010000 ..... ..... 010 ..... 1010011", RVF) { compare(l, a, F32, FCC_EQ); }
RV(flt_s,  FCMP, "1010000 ..... ..... 001 ..... 1010011", RVF) { compare(l, a, F32, FCC_LT); }
RV(fle_s,  FCMP, "1010000 ..... ..... 000 ..... 1010011", RVF) { compare(l, a, F32, FCC_LE); }
RV(feq_d,  FCMP, "1010001 ..... ..... 010 ..... 1010011", RVD) { compare(l, a, F64, FCC_EQ); }
RV(flt_d,  FCMP, "1010001 ..... ..... 001 ..... 1010011", RVD) { compare(l, a, F64, FCC_LT); }
RV(fle_d,  FCMP, "1010001 ..... ..... 000 ..... 1010011", RVD) { compare(l, a, F64, FCC_LE); }
RV(fmin_s, F2,   "0010100 ..... ..... 000 ..... 1010011", RVF) { choose(l, a, F32, IR_fmin); }
RV(fmax_s, F2,   "0010100 ..... ..... 001 ..... 1010011", RVF) { choose(l, a, F32, IR_fmax); }
RV(fmin_d, F2,   "0010101 ..... ..... 000 ..... 1010011", RVD) { choose(l, a, F64, IR_fmin); }
RV(fmax_d, F2,   "0010101 ..... ..... 001 ..... 1010011", RVD) { choose(l, a, F64, IR_fmax); }
/* clang-format on */

/* ---- arithmetic and conversions: rounded -------------------------------------------------- */
/* how: op, IR type << 8, aux << 16, rm << 24; enum fp_round is numbered as rm. */
static u64 soft(void *cpu, u64 p, u64 q, u64 how)
{
    enum fp_format fmt = (how >> 8 & 255) == F32 ? FP32 : FP64, other = fmt == FP32 ? FP64 : FP32;
    enum fp_int as = (enum fp_int)(how >> 16 & 255);
    struct fp_env env = {(enum fp_round)(how >> 24), 0};
    u64 v;
    switch ((enum ir_opcode)(how & 255)) {
    case IR_fadd: v = fp_add(fmt, p, q, &env); break;
    case IR_fsub: v = fp_sub(fmt, p, q, &env); break;
    case IR_fmul: v = fp_mul(fmt, p, q, &env); break;
    case IR_fdiv: v = fp_div(fmt, p, q, &env); break;
    case IR_fsqrt: v = fp_sqrt(fmt, p, &env); break;
    case IR_fcvt: v = fp_convert(fmt, other, p, &env); break;
    case IR_itof: v = fp_from_int(fmt, as, p, &env); break;
    default: v = fp_to_int(fmt, as, p, &env); break;
    }
    ((struct cpu *)cpu)->mxcsr |= env.flags;
    return v;
}
static const struct ir_helper h_soft = {"rv_soft", soft, HELP_FP};

/* The fused operation takes all three arguments: its mode and format are in the function. */
#define SOFT_FMA(fmt, rm)                                       \
    static u64 fma_##fmt##_##rm(void *cpu, u64 p, u64 q, u64 r) \
    {                                                           \
        struct fp_env env = {rm, 0};                            \
        u64 v = fp_fma(fmt, p, q, r, &env);                     \
        ((struct cpu *)cpu)->mxcsr |= env.flags;                \
        return v;                                               \
    }
#define FMA_MODES(_, fmt) _(fmt, FP_RNE) _(fmt, FP_RTZ) _(fmt, FP_RDN) _(fmt, FP_RUP) _(fmt, FP_RMM)
FMA_MODES(SOFT_FMA, FP32)
FMA_MODES(SOFT_FMA, FP64)
#define HELPER(fmt, rm) {"rv_fma_" #fmt "_" #rm, fma_##fmt##_##rm, HELP_FP},
static const struct ir_helper h_fma[][5] = {
    {FMA_MODES(HELPER, FP32)}, {FMA_MODES(HELPER, FP64)}, /* by rm */
};

struct rounded { /* one operation: IR op, its type and aux, operands (IR values) */
    enum ir_opcode op;
    enum ir_type t;
    u16 aux;
    val p, q, r;
};

/* Operands and result of a soft operation travel as bits. */
static val call_soft(struct lift *l, const struct rounded *o, unsigned rm)
{
    enum ir_type from = o->op == IR_fcvt ? (o->t == F32 ? F64 : F32) : o->t;
    val p = o->p, q = o->q, r = o->r, v;
    if (o->op == IR_fma) {
        if (o->aux & 1)
            p = ir_op(l->ir, IR_fsgn, o->t, 1, p, p, 0);
        if (o->aux & 2)
            r = ir_op(l->ir, IR_fsgn, o->t, 1, r, r, 0);
        v = ir_call(l->ir, &h_fma[from == F64][rm], bits_of(l, from, p), bits_of(l, from, q),
                    bits_of(l, from, r));
    } else {
        u64 how = o->op | (u64)o->t << 8 | (u64)o->aux << 16 | (u64)rm << 24;
        val bits_p = o->op == IR_itof ? p : bits_of(l, from, p);
        v = ir_call(l->ir, &h_soft, bits_p, q ? bits_of(l, from, q) : 0, ir_const(l->ir, how));
    }
    return o->op == IR_ftoi ? v : of_bits(l, o->t, v);
}

/* A conversion to a format that holds every value of the source. */
static bool is_exact(const struct rounded *o)
{
    return o->t == F64 && (o->op == IR_fcvt || (o->op == IR_itof && o->aux < INT_S64));
}

/* The rounded result, NaNs canonical; 0 when the mode is undefined: lifted as illegal. */
static val rounded(struct lift *l, const struct args *a, struct rounded o)
{
    unsigned frm = l->key >> RV_KEY_FRM_SHIFT & 7, rm = a->mode == DYN ? frm : a->mode;
    if (rm > RMM) {
        rv_illegal(l, a);
        return 0;
    }
    bool truncates = o.op == IR_ftoi && rm == RTZ;
    if (!truncates && !is_exact(&o) && (rm != frm || rm == RMM))
        return call_soft(l, &o, rm);
    val v = ir_op(l->ir, o.op, o.t, truncates ? o.aux | 8 : o.aux, o.p, o.q, o.r);
    bool canonical = o.op == IR_ftoi || o.op == IR_itof || o.op == IR_fcvt;
    return canonical ? v : ir_un(l->ir, IR_fnan, o.t, v);
}

static void fresult(struct lift *l, const struct args *a, struct rounded o)
{
    val v = rounded(l, a, o);
    if (v)
        setf(l, o.t, a->rd, v);
}
static void arith(struct lift *l, const struct args *a, enum ir_type t, enum ir_opcode op)
{
    fresult(l, a, (struct rounded){op, t, 0, f(l, t, a->rs1), f(l, t, a->rs2), 0});
}
static void root(struct lift *l, const struct args *a, enum ir_type t)
{
    fresult(l, a, (struct rounded){IR_fsqrt, t, 0, f(l, t, a->rs1), 0, 0});
}
static void fused(struct lift *l, const struct args *a, enum ir_type t, u16 negate)
{
    val p = f(l, t, a->rs1), q = f(l, t, a->rs2), r = f(l, t, a->rs3);
    fresult(l, a, (struct rounded){IR_fma, t, negate, p, q, r});
}
static void from_int(struct lift *l, const struct args *a, enum ir_type t, enum ir_int as)
{
    fresult(l, a, (struct rounded){IR_itof, t, (u16)as, x(l, a->rs1), 0, 0});
}
static void to_int(struct lift *l, const struct args *a, enum ir_type t, enum ir_int as)
{
    val v = rounded(l, a, (struct rounded){IR_ftoi, t, (u16)as, f(l, t, a->rs1), 0, 0});
    if (v)
        setx(l, a->rd, v);
}
static void convert(struct lift *l, const struct args *a, enum ir_type from, enum ir_type to)
{
    fresult(l, a, (struct rounded){IR_fcvt, to, 0, f(l, from, a->rs1), 0, 0});
}

/* clang-format off */
RV(fadd_s,  F2M, "0000000 ..... ..... ... ..... 1010011", RVF) { arith(l, a, F32, IR_fadd); }
RV(fsub_s,  F2M, "0000100 ..... ..... ... ..... 1010011", RVF) { arith(l, a, F32, IR_fsub); }
RV(fmul_s,  F2M, "0001000 ..... ..... ... ..... 1010011", RVF) { arith(l, a, F32, IR_fmul); }
RV(fdiv_s,  F2M, "0001100 ..... ..... ... ..... 1010011", RVF) { arith(l, a, F32, IR_fdiv); }
RV(fsqrt_s, F1M, "0101100 00000 ..... ... ..... 1010011", RVF) { root(l, a, F32); }
RV(fadd_d,  F2M, "0000001 ..... ..... ... ..... 1010011", RVD) { arith(l, a, F64, IR_fadd); }
RV(fsub_d,  F2M, "0000101 ..... ..... ... ..... 1010011", RVD) { arith(l, a, F64, IR_fsub); }
RV(fmul_d,  F2M, "0001001 ..... ..... ... ..... 1010011", RVD) { arith(l, a, F64, IR_fmul); }
RV(fdiv_d,  F2M, "0001101 ..... ..... ... ..... 1010011", RVD) { arith(l, a, F64, IR_fdiv); }
RV(fsqrt_d, F1M, "0101101 00000 ..... ... ..... 1010011", RVD) { root(l, a, F64); }

RV(fmadd_s,  F4M, "..... 00 ..... ..... ... ..... 1000011", RVF) { fused(l, a, F32, 0); }
RV(fmsub_s,  F4M, "..... 00 ..... ..... ... ..... 1000111", RVF) { fused(l, a, F32, 2); }
RV(fnmsub_s, F4M, "..... 00 ..... ..... ... ..... 1001011", RVF) { fused(l, a, F32, 1); }
RV(fnmadd_s, F4M, "..... 00 ..... ..... ... ..... 1001111", RVF) { fused(l, a, F32, 3); }
RV(fmadd_d,  F4M, "..... 01 ..... ..... ... ..... 1000011", RVD) { fused(l, a, F64, 0); }
RV(fmsub_d,  F4M, "..... 01 ..... ..... ... ..... 1000111", RVD) { fused(l, a, F64, 2); }
RV(fnmsub_d, F4M, "..... 01 ..... ..... ... ..... 1001011", RVD) { fused(l, a, F64, 1); }
RV(fnmadd_d, F4M, "..... 01 ..... ..... ... ..... 1001111", RVD) { fused(l, a, F64, 3); }

RV(fcvt_w_s,  FXM, "1100000 00000 ..... ... ..... 1010011", RVF) { to_int(l, a, F32, INT_S32); }
RV(fcvt_wu_s, FXM, "1100000 00001 ..... ... ..... 1010011", RVF) { to_int(l, a, F32, INT_U32); }
RV(fcvt_l_s,  FXM, "1100000 00010 ..... ... ..... 1010011", RVF) { to_int(l, a, F32, INT_S64); }
RV(fcvt_lu_s, FXM, "1100000 00011 ..... ... ..... 1010011", RVF) { to_int(l, a, F32, INT_U64); }
RV(fcvt_w_d,  FXM, "1100001 00000 ..... ... ..... 1010011", RVD) { to_int(l, a, F64, INT_S32); }
RV(fcvt_wu_d, FXM, "1100001 00001 ..... ... ..... 1010011", RVD) { to_int(l, a, F64, INT_U32); }
RV(fcvt_l_d,  FXM, "1100001 00010 ..... ... ..... 1010011", RVD) { to_int(l, a, F64, INT_S64); }
RV(fcvt_lu_d, FXM, "1100001 00011 ..... ... ..... 1010011", RVD) { to_int(l, a, F64, INT_U64); }
RV(fcvt_s_w,  XFM, "1101000 00000 ..... ... ..... 1010011", RVF) { from_int(l, a, F32, INT_S32); }
RV(fcvt_s_wu, XFM, "1101000 00001 ..... ... ..... 1010011", RVF) { from_int(l, a, F32, INT_U32); }
RV(fcvt_s_l,  XFM, "1101000 00010 ..... ... ..... 1010011", RVF) { from_int(l, a, F32, INT_S64); }
RV(fcvt_s_lu, XFM, "1101000 00011 ..... ... ..... 1010011", RVF) { from_int(l, a, F32, INT_U64); }
RV(fcvt_d_w,  XFM, "1101001 00000 ..... ... ..... 1010011", RVD) { from_int(l, a, F64, INT_S32); }
RV(fcvt_d_wu, XFM, "1101001 00001 ..... ... ..... 1010011", RVD) { from_int(l, a, F64, INT_U32); }
RV(fcvt_d_l,  XFM, "1101001 00010 ..... ... ..... 1010011", RVD) { from_int(l, a, F64, INT_S64); }
RV(fcvt_d_lu, XFM, "1101001 00011 ..... ... ..... 1010011", RVD) { from_int(l, a, F64, INT_U64); }
RV(fcvt_s_d,  F1M, "0100000 00001 ..... ... ..... 1010011", RVD) { convert(l, a, F64, F32); }
RV(fcvt_d_s,  F1M, "0100001 00000 ..... ... ..... 1010011", RVD) { convert(l, a, F32, F64); }
