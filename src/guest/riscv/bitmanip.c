/* guest/riscv/bitmanip.c - Zba, Zbb, Zbc, Zbs: addresses, bits, carry-less products (unpriv 28). */
#include "guest/riscv/riscv.h"

static val shl(struct lift *l, val v, unsigned n)
{
    return ir_bin(l->ir, IR_shl, I64, v, ir_const(l->ir, n));
}
static val shr(struct lift *l, val v, unsigned n)
{
    return ir_bin(l->ir, IR_shr, I64, v, ir_const(l->ir, n));
}

/* clang-format off */

/* ---- Zba: rs2 plus rs1 as an index of elements of 1 << n bytes ---- */
static val low1(struct lift *l, const struct args *a)
{
    return ir_un(l->ir, IR_zext32, I64, x(l, a->rs1));
}
static void shadd(struct lift *l, const struct args *a, val index, unsigned n)
{
    set64(l, a, IR_add, shl(l, index, n), x(l, a->rs2));
}
RV(sh1add,    R,  "0010000 ..... ..... 010 ..... 0110011", ZBA) { shadd(l, a, x(l, a->rs1), 1); }
RV(sh2add,    R,  "0010000 ..... ..... 100 ..... 0110011", ZBA) { shadd(l, a, x(l, a->rs1), 2); }
RV(sh3add,    R,  "0010000 ..... ..... 110 ..... 0110011", ZBA) { shadd(l, a, x(l, a->rs1), 3); }
RV(add_uw,    R,  "0000100 ..... ..... 000 ..... 0111011", ZBA) { shadd(l, a, low1(l, a), 0); }
RV(sh1add_uw, R,  "0010000 ..... ..... 010 ..... 0111011", ZBA) { shadd(l, a, low1(l, a), 1); }
RV(sh2add_uw, R,  "0010000 ..... ..... 100 ..... 0111011", ZBA) { shadd(l, a, low1(l, a), 2); }
RV(sh3add_uw, R,  "0010000 ..... ..... 110 ..... 0111011", ZBA) { shadd(l, a, low1(l, a), 3); }
RV(slli_uw, SH, "000010 ...... ..... 001 ..... 0011011", ZBA)
{
    set64(l, a, IR_shl, low1(l, a), imm(l, a));
}

/* ---- Zbb ---- */
static void with_not(struct lift *l, const struct args *a, enum ir_opcode op)
{
    val inverse = ir_bin(l->ir, IR_xor, I64, x(l, a->rs2), ir_const(l->ir, ~0ull));
    set64(l, a, op, x(l, a->rs1), inverse);
}
RV(andn, R, "0100000 ..... ..... 111 ..... 0110011", ZBB) { rr64(l, a, IR_andn); }
RV(orn,  R, "0100000 ..... ..... 110 ..... 0110011", ZBB) { with_not(l, a, IR_or); }
RV(xnor, R, "0100000 ..... ..... 100 ..... 0110011", ZBB) { with_not(l, a, IR_xor); }

static void unary(struct lift *l, const struct args *a, enum ir_opcode op, enum ir_type t)
{
    setx(l, a->rd, ir_un(l->ir, op, t, x(l, a->rs1)));
}
RV(clz,    R1, "0110000 00000 ..... 001 ..... 0010011", ZBB) { unary(l, a, IR_clz, I64); }
RV(ctz,    R1, "0110000 00001 ..... 001 ..... 0010011", ZBB) { unary(l, a, IR_ctz, I64); }
RV(cpop,   R1, "0110000 00010 ..... 001 ..... 0010011", ZBB) { unary(l, a, IR_popcnt, I64); }
RV(clzw,   R1, "0110000 00000 ..... 001 ..... 0011011", ZBB) { unary(l, a, IR_clz, I32); }
RV(ctzw,   R1, "0110000 00001 ..... 001 ..... 0011011", ZBB) { unary(l, a, IR_ctz, I32); }
RV(cpopw,  R1, "0110000 00010 ..... 001 ..... 0011011", ZBB) { unary(l, a, IR_popcnt, I32); }
RV(sext_b, R1, "0110000 00100 ..... 001 ..... 0010011", ZBB) { unary(l, a, IR_sext8, I64); }
RV(sext_h, R1, "0110000 00101 ..... 001 ..... 0010011", ZBB) { unary(l, a, IR_sext16, I64); }
RV(zext_h, R1, "0000100 00000 ..... 100 ..... 0111011", ZBB) { unary(l, a, IR_zext16, I64); }
RV(rev8,   R1, "0110101 11000 ..... 101 ..... 0010011", ZBB) { unary(l, a, IR_bswap, I64); }

RV(max,  R, "0000101 ..... ..... 110 ..... 0110011", ZBB) { rr64(l, a, IR_maxs); }
RV(maxu, R, "0000101 ..... ..... 111 ..... 0110011", ZBB) { rr64(l, a, IR_maxu); }
RV(min,  R, "0000101 ..... ..... 100 ..... 0110011", ZBB) { rr64(l, a, IR_mins); }
RV(minu, R, "0000101 ..... ..... 101 ..... 0110011", ZBB) { rr64(l, a, IR_minu); }

RV(rol,   R,  "0110000 ..... ..... 001 ..... 0110011", ZBB) { rr64(l, a, IR_rol); }
RV(ror,   R,  "0110000 ..... ..... 101 ..... 0110011", ZBB) { rr64(l, a, IR_ror); }
RV(rori,  SH, "011000 ...... ..... 101 ..... 0010011", ZBB) { ri64(l, a, IR_ror); }
RV(rolw,  R,  "0110000 ..... ..... 001 ..... 0111011", ZBB) { rr32(l, a, IR_rol); }
RV(rorw,  R,  "0110000 ..... ..... 101 ..... 0111011", ZBB) { rr32(l, a, IR_ror); }
RV(roriw, SH, "0110000 ..... ..... 101 ..... 0011011", ZBB) { ri32(l, a, IR_ror); }

/* Each byte becomes 0 or 0xff: bit 7 of (b & 0x7f) + 0x7f | b says "not zero"; times 255. */
RV(orc_b, R1, "0010100 00111 ..... 101 ..... 0010011", ZBB)
{
    val v = x(l, a->rs1), low = ir_const(l->ir, 0x7f7f7f7f7f7f7f7full);
    val sum = ir_bin(l->ir, IR_add, I64, ir_bin(l->ir, IR_and, I64, v, low), low);
    val ones = shr(l, ir_bin(l->ir, IR_andn, I64, ir_bin(l->ir, IR_or, I64, sum, v), low), 7);
    set64(l, a, IR_sub, shl(l, ones, 8), ones);
}

/* ---- Zbc ---- */
RV(clmul,  R, "0000101 ..... ..... 001 ..... 0110011", ZBC) { rr64(l, a, IR_clmul); }
RV(clmulh, R, "0000101 ..... ..... 011 ..... 0110011", ZBC) { rr64(l, a, IR_clmulh); }
RV(clmulr, R, "0000101 ..... ..... 010 ..... 0110011", ZBC)
{
    val p = x(l, a->rs1), q = x(l, a->rs2); /* bits 126:63 of the product */
    val lo = ir_bin(l->ir, IR_clmul, I64, p, q), hi = ir_bin(l->ir, IR_clmulh, I64, p, q);
    set64(l, a, IR_or, shl(l, hi, 1), shr(l, lo, 63));
}

/* ---- Zbs ---- */
static void bit(struct lift *l, const struct args *a, enum ir_opcode op, val n)
{
    set64(l, a, op, x(l, a->rs1), ir_bin(l->ir, IR_shl, I64, ir_const(l->ir, 1), n));
}
static void extract(struct lift *l, const struct args *a, val n)
{
    set64(l, a, IR_and, ir_bin(l->ir, IR_shr, I64, x(l, a->rs1), n), ir_const(l->ir, 1));
}
RV(bclr,  R,  "0100100 ..... ..... 001 ..... 0110011", ZBS) { bit(l, a, IR_andn, x(l, a->rs2)); }
RV(binv,  R,  "0110100 ..... ..... 001 ..... 0110011", ZBS) { bit(l, a, IR_xor, x(l, a->rs2)); }
RV(bset,  R,  "0010100 ..... ..... 001 ..... 0110011", ZBS) { bit(l, a, IR_or, x(l, a->rs2)); }
RV(bext,  R,  "0100100 ..... ..... 101 ..... 0110011", ZBS) { extract(l, a, x(l, a->rs2)); }
RV(bclri, SH, "010010 ...... ..... 001 ..... 0010011", ZBS) { bit(l, a, IR_andn, imm(l, a)); }
RV(binvi, SH, "011010 ...... ..... 001 ..... 0010011", ZBS) { bit(l, a, IR_xor, imm(l, a)); }
RV(bseti, SH, "001010 ...... ..... 001 ..... 0010011", ZBS) { bit(l, a, IR_or, imm(l, a)); }
RV(bexti, SH, "010010 ...... ..... 101 ..... 0010011", ZBS) { extract(l, a, imm(l, a)); }
