/* jit/x64_fp.c - scalar floating point on the host's SSE units; the rare cases go out of line.
 *
 * Host and RISC-V agree on rounding, on tininess (detected after rounding) and on the sticky flags;
 * they differ in NaN results (canonical, RISC-V unprivileged 22.3), in min/max and in what an
 * overflowing conversion to integer gives. MXCSR holds the guest's rounding mode and flags all the
 * time.
 */
#include "jit/emit.h"

static u32 scalar(const struct emit *e) { return cur_ins(e)->type == F64 ? PF2 : PF3; }
static u32 packed(const struct emit *e) { return cur_ins(e)->type == F64 ? P66 : 0; }

static void compare(struct emit *e, u32 opcode, unsigned a, struct rm b)
{
    x_vex(&e->c, opcode | packed(e), 1, a, NOREG, b);
}
enum { UCOMIS = 0x2e, COMIS = 0x2f };

/* A float32 result keeps the upper bits of the operand that VEX copies them from. */
static void result_boxed(struct emit *e, bool boxed)
{
    e->v[e->cur].boxed = cur_ins(e)->type == F32 && boxed;
}

static void arithmetic(struct emit *e)
{
    static const u8 opcodes[] = {0x58, 0x5c, 0x59, 0x5e}; /* add sub mul div */
    const struct ir_ins *x = cur_ins(e);
    unsigned a = alloc_use(e, x->a);
    struct rm b = alloc_operand(e, x->b);
    bool boxed = e->v[x->a].boxed;
    alloc_operands_done(e);
    x_vex(&e->c, opcodes[x->op - IR_fadd] | scalar(e), 1, alloc_def(e), a, b);
    result_boxed(e, boxed);
}

static void square_root(struct emit *e)
{
    unsigned a = alloc_use(e, cur_ins(e)->a);
    bool boxed = e->v[cur_ins(e)->a].boxed;
    alloc_operands_done(e);
    x_vex(&e->c, 0x51 | scalar(e), 1, alloc_def(e), a, rm_reg(a));
    result_boxed(e, boxed);
}

/* Infinity times zero is invalid even when the addend is a quiet NaN (RISC-V unprivileged 22.6);
 * x86 then raises nothing. */
static u64 check_product(void *cpu, u64 a, u64 b, u64 is_double)
{
    u64 inf = is_double ? 0x7ffull << 53 : 0xffull << 24; /* without the sign */
    u64 x = is_double ? a << 1 : (u32)(a << 1), y = is_double ? b << 1 : (u32)(b << 1);
    if ((x == inf && !y) || (!x && y == inf))
        ((struct cpu *)cpu)->mxcsr |= 1;
    return 0;
}

static void nan_product(struct emit *e, const struct cold *k)
{
    struct code *c = &e->c;
    x_vex(c, 0xd6 | P66, 1, XMM0, NOREG, rm_mem(RSP, FRAME_SAVE + 15 * 8));
    emit_move(e, RCX, rm_reg(k->reg[0]));
    emit_move(e, RDX, rm_reg(k->reg[1]));
    x_store_imm(c, rm_mem(RSP, FRAME_ARG), cur_ins(e)->type == F64);
    x_mov_imm(c, RAX, (uintptr_t)check_product);
    emit_call_thunk(e, e->jit->call_float, false);
    emit_move(e, XMM0, rm_mem(RSP, FRAME_SAVE + 15 * 8));
    x_patch(c, x_jmp(c), k->back);
}

/* FMA3, form 213: dst = src2 * dst + src3; the sign variants are neighbours in the opcode map. */
static void fused(struct emit *e)
{
    static const u8 opcodes[4] = {0xa9, 0xad, 0xab, 0xaf}; /* +a*b+c, -a*b+c, a*b-c, -a*b-c */
    const struct ir_ins *x = cur_ins(e);
    unsigned a = alloc_use(e, x->a), b = alloc_use(e, x->b);
    struct rm m = alloc_operand(e, x->c);
    bool boxed = e->v[x->a].boxed;
    emit_move(e, XMM0, rm_reg(a));
    alloc_operands_done(e);
    x_vex(&e->c, opcodes[x->aux & 3] | P66 | (x->type == F64 ? W : 0), 2, XMM0, b, m);
    compare(e, UCOMIS, XMM0, rm_reg(XMM0));
    struct cold *k = emit_cold(e, nan_product, x_jcc(&e->c, X_P));
    k->back = e->c.p;
    k->reg[0] = (u8)a;
    k->reg[1] = (u8)b;
    emit_move(e, alloc_def(e), rm_reg(XMM0));
    result_boxed(e, boxed);
}

static void canonical_nan(struct emit *e, const struct cold *k)
{
    emit_move(e, k->reg[0], rm_k(cur_ins(e)->type == F64 ? K_NAN64 : K_NAN32));
    x_patch(&e->c, x_jmp(&e->c), k->back);
}

/* `reg` becomes the canonical NaN if it is any NaN. Its flags are already right: a quiet NaN raises
 * none. */
static void fix_nan(struct emit *e, unsigned reg)
{
    compare(e, UCOMIS, reg, rm_reg(reg));
    struct cold *k = emit_cold(e, canonical_nan, x_jcc(&e->c, X_P));
    k->back = e->c.p;
    k->reg[0] = (u8)reg;
}

static void fix(struct emit *e)
{
    unsigned a = alloc_use(e, cur_ins(e)->a);
    bool boxed = e->v[cur_ins(e)->a].boxed;
    alloc_operands_done(e);
    unsigned d = alloc_def(e);
    emit_move(e, d, rm_reg(a));
    fix_nan(e, d);
    result_boxed(e, boxed);
}

static void unordered_min_max(struct emit *e, const struct cold *k)
{
    struct code *c = &e->c;
    unsigned d = k->reg[0], a = k->reg[1], b = k->reg[2];
    compare(e, UCOMIS, a, rm_reg(a));
    u8 *a_is_nan = x_jcc(c, X_P);
    emit_move(e, d, rm_reg(a));
    x_patch(c, x_jmp(c), k->back);
    x_patch(c, a_is_nan, c->p);
    emit_move(e, d, rm_reg(b));
    compare(e, UCOMIS, b, rm_reg(b));
    x_patch(c, x_jcc(c, X_NP), k->back);
    canonical_nan(e, k);
}

/* RISC-V unprivileged 22.6: the number beats a NaN, -0 is less than +0. Equal operands: or (min)
 * and and (max) of the bits give the right zero. */
static void min_max(struct emit *e)
{
    const struct ir_ins *x = cur_ins(e);
    struct code *c = &e->c;
    unsigned a = alloc_use(e, x->a), b = alloc_use(e, x->b);
    emit_move(e, XMM0, rm_reg(a)); /* out of the way of the result */
    emit_move(e, XMM0 + 1, rm_reg(b));
    alloc_operands_done(e);
    unsigned d = alloc_def(e);
    compare(e, UCOMIS, XMM0, rm_reg(XMM0 + 1));
    struct cold *k = emit_cold(e, unordered_min_max, x_jcc(c, X_P));
    u8 *differ = x_jcc(c, X_NE);
    x_vex(c, (x->op == IR_fmin ? 0x56u : 0x54u) | packed(e), 1, d, XMM0, rm_reg(XMM0 + 1));
    u8 *equal = x_jmp(c);
    x_patch(c, differ, c->p);
    x_vex(c, (x->op == IR_fmin ? 0x5du : 0x5fu) | scalar(e), 1, d, XMM0, rm_reg(XMM0 + 1));
    x_patch(c, equal, c->p);
    k->back = c->p;
    k->reg[0] = (u8)d;
    k->reg[1] = XMM0;
    k->reg[2] = XMM0 + 1;
    result_boxed(e, false);
}

static void sign_inject(struct emit *e)
{
    const struct ir_ins *x = cur_ins(e);
    struct code *c = &e->c;
    struct rm sign = rm_k(x->type == F64 ? K_SIGN64 : K_SIGN32);
    unsigned a = alloc_use(e, x->a), b = alloc_use(e, x->b);
    bool boxed = e->v[x->a].boxed;
    emit_move(e, XMM0 + 1, sign);
    x_vex(c, 0x54 | P66, 1, XMM0, b, rm_reg(XMM0 + 1)); /* b's sign */
    if (x->aux == 1)
        x_vex(c, 0x57 | P66, 1, XMM0, XMM0, rm_reg(XMM0 + 1));
    if (x->aux != 2) {
        x_vex(c, 0x55 | P66, 1, XMM0 + 1, XMM0 + 1, rm_reg(a)); /* a without its sign */
        a = XMM0 + 1;
    }
    alloc_operands_done(e);
    x_vex(c, 0x57 | P66, 1, alloc_def(e), XMM0, rm_reg(a));
    result_boxed(e, boxed);
}

static void compare_set(struct emit *e)
{
    const struct ir_ins *x = cur_ins(e);
    struct code *c = &e->c;
    if (x->aux == FCC_EQ) {
        unsigned a = alloc_use(e, x->a);
        compare(e, UCOMIS, a, alloc_operand(e, x->b));
        x_setcc(c, X_NP, RAX);
        x_setcc(c, X_E, RCX);
        x_op(c, 0x22 | BYTE, RAX, rm_reg(RCX));
    } else { /* b above a: false when unordered */
        unsigned b = alloc_use(e, x->b);
        compare(e, COMIS, b, alloc_operand(e, x->a));
        x_setcc(c, x->aux == FCC_LT ? X_A : X_AE, RAX);
    }
    alloc_operands_done(e);
    x_op(c, 0x0fb6 | BYTE, alloc_def(e), rm_reg(RAX));
}

static void convert_format(struct emit *e)
{
    const struct ir_ins *x = cur_ins(e);
    unsigned a = alloc_use(e, x->a);
    alloc_operands_done(e);
    unsigned d = alloc_def(e);
    x_vex(&e->c, 0x5a | (x->type == F64 ? PF3 : PF2), 1, d, a, rm_reg(a));
    fix_nan(e, d);
    result_boxed(e, false);
}

/* An unsigned 64-bit value with the top bit set: halve with a sticky bit, convert, double. */
static void from_large_unsigned(struct emit *e, const struct cold *k)
{
    struct code *c = &e->c;
    x_mov(c, 0, RCX, rm_reg(RAX));
    x_alu_imm(c, ALU_AND, 0, rm_reg(RCX), 1);
    x_op(c, 0xd1 | W, 5, rm_reg(RAX));
    x_alu(c, ALU_OR, W, RAX, rm_reg(RCX));
    x_vex(c, 0x2a | scalar(e) | W, 1, k->reg[0], XMM0, rm_reg(RAX));
    x_vex(c, 0x58 | scalar(e), 1, k->reg[0], k->reg[0], rm_reg(k->reg[0]));
    x_patch(c, x_jmp(c), k->back);
}

static void from_integer(struct emit *e)
{
    const struct ir_ins *x = cur_ins(e);
    struct code *c = &e->c;
    alloc_load(e, RAX, x->a);
    alloc_operands_done(e);
    unsigned d = alloc_def(e);
    emit_move(e, XMM0,
              rm_k(K_HI_ONES)); /* the upper bits of the result: boxed, and no false dependency */
    struct cold *k = NULL;
    if (x->aux == INT_U32)
        x_mov(c, 0, RAX, rm_reg(RAX));
    if (x->aux == INT_U64) {
        x_op(c, 0x85 | W, RAX, rm_reg(RAX));
        k = emit_cold(e, from_large_unsigned, x_jcc(c, X_S));
        k->reg[0] = (u8)d;
    }
    x_vex(c, 0x2a | scalar(e) | (x->aux == INT_S32 ? 0 : W), 1, d, XMM0, rm_reg(RAX));
    if (k)
        k->back = c->p;
    result_boxed(e, true);
}

/* The whole conversion as the interpreter does it: where x86 gives its "integer indefinite". */
static u64 convert_slowly(void *cpu, u64 raw, u64 how, u64 unused)
{
    (void)unused;
    return ir_eval(IR_ftoi, how & 0xff, (u16)(how >> 8), raw, 0, 0, &((struct cpu *)cpu)->mxcsr);
}

static void out_of_range(struct emit *e, const struct cold *k)
{
    struct code *c = &e->c;
    emit_move(e, RCX, rm_reg(XMM0));
    x_mov_imm(c, RDX, cur_ins(e)->type | (u32)cur_ins(e)->aux << 8);
    x_mov_imm(c, RAX, (uintptr_t)convert_slowly);
    emit_call_thunk(e, e->jit->call_float, false);
    x_patch(c, x_jmp(c), k->back);
}

/* Signed: the indefinite value is the only one that `cmp r, 1` overflows for. Unsigned, with
 * AVX-512: all ones; without it there is no such conversion and all of them go out of line. */
static void to_integer(struct emit *e)
{
    const struct ir_ins *x = cur_ins(e);
    struct code *c = &e->c;
    unsigned kind = x->aux & 3;
    u32 w = kind == INT_S64 || kind == INT_U64 ? W : 0;
    u8 *miss;
    alloc_load(e, XMM0, x->a);
    alloc_operands_done(e);
    if (kind == INT_S32 || kind == INT_S64) {
        x_vex(c, (x->aux & 8 ? 0x2cu : 0x2du) | scalar(e) | w, 1, RAX, NOREG, rm_reg(XMM0));
        x_alu_imm(c, ALU_CMP, w, rm_reg(RAX), 1);
        miss = x_jcc(c, X_O);
    } else if (e->jit->avx512) {
        x_evex(c, (x->aux & 8 ? 0x78u : 0x79u) | scalar(e) | w, RAX, NOREG, XMM0);
        x_alu_imm(c, ALU_CMP, w, rm_reg(RAX), -1);
        miss = x_jcc(c, X_E);
    } else
        miss = x_jmp(c);
    if (!w)
        x_op(c, 0x63 | W, RAX, rm_reg(RAX));
    emit_cold(e, out_of_range, miss)->back = c->p;
    x_mov(c, W, alloc_def(e), rm_reg(RAX));
}

static void not_boxed(struct emit *e, const struct cold *k) { canonical_nan(e, k); }

static void unbox(struct emit *e)
{
    unsigned a = alloc_use(e, cur_ins(e)->a);
    alloc_operands_done(e);
    unsigned d = alloc_def(e);
    x_vex(&e->c, 0x16 | P66, 3, a, NOREG, rm_reg(RAX)); /* vpextrd 1 */
    emit8(&e->c, 1);
    emit_move(e, d, rm_reg(a));
    x_alu_imm(&e->c, ALU_CMP, 0, rm_reg(RAX), -1);
    struct cold *k = emit_cold(e, not_boxed, x_jcc(&e->c, X_NE));
    k->back = e->c.p;
    k->reg[0] = (u8)d;
    e->v[e->cur].boxed = true; /* the canonical NaN constant is kept boxed */
}

static void box(struct emit *e)
{
    unsigned a = alloc_use(e, cur_ins(e)->a);
    bool boxed = e->v[cur_ins(e)->a].boxed;
    alloc_operands_done(e);
    unsigned d = alloc_def(e);
    if (boxed)
        emit_move(e, d, rm_reg(a));
    else
        x_vex(&e->c, 0x56 | P66, 1, d, a, rm_k(K_HI_ONES));
}

static void move_bits(struct emit *e)
{
    const struct ir_ins *x = cur_ins(e);
    if (x->op == IR_mov_if) {
        alloc_load(e, RAX, x->a);
        alloc_operands_done(e);
        emit_move(e, alloc_def(e), rm_reg(RAX));
        result_boxed(e, false);
        return;
    }
    unsigned a = alloc_use(e, x->a);
    alloc_operands_done(e);
    unsigned d = alloc_def(e);
    x_vex(&e->c, 0x7e | P66 | width_of(x->type), 1, a, NOREG, rm_reg(d));
}

void emit_float(struct emit *e)
{
    switch (cur_ins(e)->op) {
    case IR_fadd:
    case IR_fsub:
    case IR_fmul:
    case IR_fdiv: arithmetic(e); break;
    case IR_fsqrt: square_root(e); break;
    case IR_fma: fused(e); break;
    case IR_fnan: fix(e); break;
    case IR_fmin:
    case IR_fmax: min_max(e); break;
    case IR_fsgn: sign_inject(e); break;
    case IR_setf: compare_set(e); break;
    case IR_fcvt: convert_format(e); break;
    case IR_itof: from_integer(e); break;
    case IR_ftoi: to_integer(e); break;
    case IR_unbox32: unbox(e); break;
    case IR_box32: box(e); break;
    default: move_bits(e);
    }
}
