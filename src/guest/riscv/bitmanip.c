/* guest/riscv/bitmanip.c - Zba, Zbb, Zbc, Zbs: addresses, basic and single bits, carry-less products (unpriv 28). */
#include "guest/riscv/riscv.h"

static val shl(struct lift *l, val v, unsigned n)
{
    return ir_bin(l->ir, IR_shl, I64, v, ir_const(l->ir, n));
}
static val shr(struct lift *l, val v, unsigned n)
{
    return ir_bin(l->ir, IR_shr, I64, v, ir_const(l->ir, n));
}
static val zext32(struct lift *l, val v) { return ir_un(l->ir, IR_zext32, I64, v); }

/* clang-format off */

/* ---- Zba: rs2 plus rs1 as an index of elements of 1 << n bytes ---- */
static void shadd(struct lift *l, const struct args *a, val index, unsigned n)
{
    set64(l, a, IR_add, shl(l, index, n), x(l, a->rs2));
}
INSN(riscv, sh1add,    R,  "0010000 ..... ..... 010 ..... 0110011", NEED(zba)) { shadd(l, a, x(l, a->rs1), 1); }
INSN(riscv, sh2add,    R,  "0010000 ..... ..... 100 ..... 0110011", NEED(zba)) { shadd(l, a, x(l, a->rs1), 2); }
INSN(riscv, sh3add,    R,  "0010000 ..... ..... 110 ..... 0110011", NEED(zba)) { shadd(l, a, x(l, a->rs1), 3); }
INSN(riscv, add_uw,    R,  "0000100 ..... ..... 000 ..... 0111011", NEED(zba)) { shadd(l, a, zext32(l, x(l, a->rs1)), 0); }
INSN(riscv, sh1add_uw, R,  "0010000 ..... ..... 010 ..... 0111011", NEED(zba)) { shadd(l, a, zext32(l, x(l, a->rs1)), 1); }
INSN(riscv, sh2add_uw, R,  "0010000 ..... ..... 100 ..... 0111011", NEED(zba)) { shadd(l, a, zext32(l, x(l, a->rs1)), 2); }
INSN(riscv, sh3add_uw, R,  "0010000 ..... ..... 110 ..... 0111011", NEED(zba)) { shadd(l, a, zext32(l, x(l, a->rs1)), 3); }
INSN(riscv, slli_uw,   SH, "000010 ...... ..... 001 ..... 0011011", NEED(zba)) { set64(l, a, IR_shl, zext32(l, x(l, a->rs1)), imm(l, a)); }

/* ---- Zbb ---- */
static val not(struct lift *l, val v) { return ir_bin(l->ir, IR_xor, I64, v, ir_const(l->ir, ~0ull)); }
INSN(riscv, andn, R, "0100000 ..... ..... 111 ..... 0110011", NEED(zbb)) { set64(l, a, IR_andn, x(l, a->rs1), x(l, a->rs2)); }
INSN(riscv, orn,  R, "0100000 ..... ..... 110 ..... 0110011", NEED(zbb)) { set64(l, a, IR_or, x(l, a->rs1), not(l, x(l, a->rs2))); }
INSN(riscv, xnor, R, "0100000 ..... ..... 100 ..... 0110011", NEED(zbb)) { set64(l, a, IR_xor, x(l, a->rs1), not(l, x(l, a->rs2))); }

static void unary(struct lift *l, const struct args *a, enum ir_opcode op, enum ir_type t)
{
    setx(l, a->rd, ir_un(l->ir, op, t, x(l, a->rs1)));
}
INSN(riscv, clz,    R1, "0110000 00000 ..... 001 ..... 0010011", NEED(zbb)) { unary(l, a, IR_clz, I64); }
INSN(riscv, ctz,    R1, "0110000 00001 ..... 001 ..... 0010011", NEED(zbb)) { unary(l, a, IR_ctz, I64); }
INSN(riscv, cpop,   R1, "0110000 00010 ..... 001 ..... 0010011", NEED(zbb)) { unary(l, a, IR_popcnt, I64); }
INSN(riscv, clzw,   R1, "0110000 00000 ..... 001 ..... 0011011", NEED(zbb)) { unary(l, a, IR_clz, I32); }
INSN(riscv, ctzw,   R1, "0110000 00001 ..... 001 ..... 0011011", NEED(zbb)) { unary(l, a, IR_ctz, I32); }
INSN(riscv, cpopw,  R1, "0110000 00010 ..... 001 ..... 0011011", NEED(zbb)) { unary(l, a, IR_popcnt, I32); }
INSN(riscv, sext_b, R1, "0110000 00100 ..... 001 ..... 0010011", NEED(zbb)) { unary(l, a, IR_sext8, I64); }
INSN(riscv, sext_h, R1, "0110000 00101 ..... 001 ..... 0010011", NEED(zbb)) { unary(l, a, IR_sext16, I64); }
INSN(riscv, zext_h, R1, "0000100 00000 ..... 100 ..... 0111011", NEED(zbb)) { unary(l, a, IR_zext16, I64); }
INSN(riscv, rev8,   R1, "0110101 11000 ..... 101 ..... 0010011", NEED(zbb)) { unary(l, a, IR_bswap, I64); }

INSN(riscv, max,  R, "0000101 ..... ..... 110 ..... 0110011", NEED(zbb)) { set64(l, a, IR_maxs, x(l, a->rs1), x(l, a->rs2)); }
INSN(riscv, maxu, R, "0000101 ..... ..... 111 ..... 0110011", NEED(zbb)) { set64(l, a, IR_maxu, x(l, a->rs1), x(l, a->rs2)); }
INSN(riscv, min,  R, "0000101 ..... ..... 100 ..... 0110011", NEED(zbb)) { set64(l, a, IR_mins, x(l, a->rs1), x(l, a->rs2)); }
INSN(riscv, minu, R, "0000101 ..... ..... 101 ..... 0110011", NEED(zbb)) { set64(l, a, IR_minu, x(l, a->rs1), x(l, a->rs2)); }

INSN(riscv, rol,   R,  "0110000 ..... ..... 001 ..... 0110011", NEED(zbb)) { set64(l, a, IR_rol, x(l, a->rs1), x(l, a->rs2)); }
INSN(riscv, ror,   R,  "0110000 ..... ..... 101 ..... 0110011", NEED(zbb)) { set64(l, a, IR_ror, x(l, a->rs1), x(l, a->rs2)); }
INSN(riscv, rori,  SH, "011000 ...... ..... 101 ..... 0010011", NEED(zbb)) { set64(l, a, IR_ror, x(l, a->rs1), imm(l, a)); }
INSN(riscv, rolw,  R,  "0110000 ..... ..... 001 ..... 0111011", NEED(zbb)) { set32(l, a, IR_rol, x(l, a->rs1), x(l, a->rs2)); }
INSN(riscv, rorw,  R,  "0110000 ..... ..... 101 ..... 0111011", NEED(zbb)) { set32(l, a, IR_ror, x(l, a->rs1), x(l, a->rs2)); }
INSN(riscv, roriw, SH, "0110000 ..... ..... 101 ..... 0011011", NEED(zbb)) { set32(l, a, IR_ror, x(l, a->rs1), imm(l, a)); }

/* Each byte becomes 0 or 0xff: bit 7 of (b & 0x7f) + 0x7f | b says "not zero"; times 255 spreads it. */
INSN(riscv, orc_b, R1, "0010100 00111 ..... 101 ..... 0010011", NEED(zbb))
{
    val v = x(l, a->rs1), low = ir_const(l->ir, 0x7f7f7f7f7f7f7f7full);
    val sum = ir_bin(l->ir, IR_add, I64, ir_bin(l->ir, IR_and, I64, v, low), low);
    val ones = shr(l, ir_bin(l->ir, IR_andn, I64, ir_bin(l->ir, IR_or, I64, sum, v), low), 7);
    set64(l, a, IR_sub, shl(l, ones, 8), ones);
}

/* ---- Zbc ---- */
INSN(riscv, clmul,  R, "0000101 ..... ..... 001 ..... 0110011", NEED(zbc)) { set64(l, a, IR_clmul, x(l, a->rs1), x(l, a->rs2)); }
INSN(riscv, clmulh, R, "0000101 ..... ..... 011 ..... 0110011", NEED(zbc)) { set64(l, a, IR_clmulh, x(l, a->rs1), x(l, a->rs2)); }
INSN(riscv, clmulr, R, "0000101 ..... ..... 010 ..... 0110011", NEED(zbc))
{
    val p = x(l, a->rs1), q = x(l, a->rs2); /* bits 126:63 of the product */
    val lo = ir_bin(l->ir, IR_clmul, I64, p, q), hi = ir_bin(l->ir, IR_clmulh, I64, p, q);
    set64(l, a, IR_or, shl(l, hi, 1), shr(l, lo, 63));
}

/* ---- Zbs ---- */
static val bit(struct lift *l, val n) { return ir_bin(l->ir, IR_shl, I64, ir_const(l->ir, 1), n); }
static void extract(struct lift *l, const struct args *a, val n)
{
    set64(l, a, IR_and, ir_bin(l->ir, IR_shr, I64, x(l, a->rs1), n), ir_const(l->ir, 1));
}
INSN(riscv, bclr,  R,  "0100100 ..... ..... 001 ..... 0110011", NEED(zbs)) { set64(l, a, IR_andn, x(l, a->rs1), bit(l, x(l, a->rs2))); }
INSN(riscv, binv,  R,  "0110100 ..... ..... 001 ..... 0110011", NEED(zbs)) { set64(l, a, IR_xor, x(l, a->rs1), bit(l, x(l, a->rs2))); }
INSN(riscv, bset,  R,  "0010100 ..... ..... 001 ..... 0110011", NEED(zbs)) { set64(l, a, IR_or, x(l, a->rs1), bit(l, x(l, a->rs2))); }
INSN(riscv, bext,  R,  "0100100 ..... ..... 101 ..... 0110011", NEED(zbs)) { extract(l, a, x(l, a->rs2)); }
INSN(riscv, bclri, SH, "010010 ...... ..... 001 ..... 0010011", NEED(zbs)) { set64(l, a, IR_andn, x(l, a->rs1), bit(l, imm(l, a))); }
INSN(riscv, binvi, SH, "011010 ...... ..... 001 ..... 0010011", NEED(zbs)) { set64(l, a, IR_xor, x(l, a->rs1), bit(l, imm(l, a))); }
INSN(riscv, bseti, SH, "001010 ...... ..... 001 ..... 0010011", NEED(zbs)) { set64(l, a, IR_or, x(l, a->rs1), bit(l, imm(l, a))); }
INSN(riscv, bexti, SH, "010010 ...... ..... 101 ..... 0010011", NEED(zbs)) { extract(l, a, imm(l, a)); }
