/* guest/riscv/muldiv.c - M: multiplication and division (unpriv 13). */
#include "guest/riscv/riscv.h"

/* clang-format off */
INSN(riscv, mul,    R, "0000001 ..... ..... 000 ..... 0110011", NEED(m)) { set64(l, a, IR_mul, x(l, a->rs1), x(l, a->rs2)); }
INSN(riscv, mulh,   R, "0000001 ..... ..... 001 ..... 0110011", NEED(m)) { set64(l, a, IR_mulhs, x(l, a->rs1), x(l, a->rs2)); }
INSN(riscv, mulhsu, R, "0000001 ..... ..... 010 ..... 0110011", NEED(m)) { set64(l, a, IR_mulhsu, x(l, a->rs1), x(l, a->rs2)); }
INSN(riscv, mulhu,  R, "0000001 ..... ..... 011 ..... 0110011", NEED(m)) { set64(l, a, IR_mulhu, x(l, a->rs1), x(l, a->rs2)); }
INSN(riscv, div,    R, "0000001 ..... ..... 100 ..... 0110011", NEED(m)) { set64(l, a, IR_divs, x(l, a->rs1), x(l, a->rs2)); }
INSN(riscv, divu,   R, "0000001 ..... ..... 101 ..... 0110011", NEED(m)) { set64(l, a, IR_divu, x(l, a->rs1), x(l, a->rs2)); }
INSN(riscv, rem,    R, "0000001 ..... ..... 110 ..... 0110011", NEED(m)) { set64(l, a, IR_rems, x(l, a->rs1), x(l, a->rs2)); }
INSN(riscv, remu,   R, "0000001 ..... ..... 111 ..... 0110011", NEED(m)) { set64(l, a, IR_remu, x(l, a->rs1), x(l, a->rs2)); }
INSN(riscv, mulw,   R, "0000001 ..... ..... 000 ..... 0111011", NEED(m)) { set32(l, a, IR_mul, x(l, a->rs1), x(l, a->rs2)); }
INSN(riscv, divw,   R, "0000001 ..... ..... 100 ..... 0111011", NEED(m)) { set32(l, a, IR_divs, x(l, a->rs1), x(l, a->rs2)); }
INSN(riscv, divuw,  R, "0000001 ..... ..... 101 ..... 0111011", NEED(m)) { set32(l, a, IR_divu, x(l, a->rs1), x(l, a->rs2)); }
INSN(riscv, remw,   R, "0000001 ..... ..... 110 ..... 0111011", NEED(m)) { set32(l, a, IR_rems, x(l, a->rs1), x(l, a->rs2)); }
INSN(riscv, remuw,  R, "0000001 ..... ..... 111 ..... 0111011", NEED(m)) { set32(l, a, IR_remu, x(l, a->rs1), x(l, a->rs2)); }
