/* guest/riscv/integer.c - RV64I: arithmetic, loads, stores, jumps (unpriv 2 and 4); Zicond (unpriv 12). */
#include "guest/riscv/riscv.h"

/* clang-format off */
INSN(riscv, lui,   U, "....... ..... ..... ... ..... 0110111", 0) { setx(l, a->rd, imm(l, a)); }
INSN(riscv, auipc, U, "....... ..... ..... ... ..... 0010111", 0) { setx(l, a->rd, ir_const(l->ir, l->pc + (u64)a->imm)); }

INSN(riscv, addi,  I,  "............ ..... 000 ..... 0010011", 0) { set64(l, a, IR_add, x(l, a->rs1), imm(l, a)); }
INSN(riscv, xori,  I,  "............ ..... 100 ..... 0010011", 0) { set64(l, a, IR_xor, x(l, a->rs1), imm(l, a)); }
INSN(riscv, ori,   I,  "............ ..... 110 ..... 0010011", 0) { set64(l, a, IR_or, x(l, a->rs1), imm(l, a)); }
INSN(riscv, andi,  I,  "............ ..... 111 ..... 0010011", 0) { set64(l, a, IR_and, x(l, a->rs1), imm(l, a)); }
INSN(riscv, slli,  SH, "000000 ...... ..... 001 ..... 0010011", 0) { set64(l, a, IR_shl, x(l, a->rs1), imm(l, a)); }
INSN(riscv, srli,  SH, "000000 ...... ..... 101 ..... 0010011", 0) { set64(l, a, IR_shr, x(l, a->rs1), imm(l, a)); }
INSN(riscv, srai,  SH, "010000 ...... ..... 101 ..... 0010011", 0) { set64(l, a, IR_sar, x(l, a->rs1), imm(l, a)); }
INSN(riscv, addiw, I,  "............ ..... 000 ..... 0011011", 0) { set32(l, a, IR_add, x(l, a->rs1), imm(l, a)); }
INSN(riscv, slliw, SH, "0000000 ..... ..... 001 ..... 0011011", 0) { set32(l, a, IR_shl, x(l, a->rs1), imm(l, a)); }
INSN(riscv, srliw, SH, "0000000 ..... ..... 101 ..... 0011011", 0) { set32(l, a, IR_shr, x(l, a->rs1), imm(l, a)); }
INSN(riscv, sraiw, SH, "0100000 ..... ..... 101 ..... 0011011", 0) { set32(l, a, IR_sar, x(l, a->rs1), imm(l, a)); }

INSN(riscv, add,   R, "0000000 ..... ..... 000 ..... 0110011", 0) { set64(l, a, IR_add, x(l, a->rs1), x(l, a->rs2)); }
INSN(riscv, sub,   R, "0100000 ..... ..... 000 ..... 0110011", 0) { set64(l, a, IR_sub, x(l, a->rs1), x(l, a->rs2)); }
INSN(riscv, sll,   R, "0000000 ..... ..... 001 ..... 0110011", 0) { set64(l, a, IR_shl, x(l, a->rs1), x(l, a->rs2)); }
INSN(riscv, srl,   R, "0000000 ..... ..... 101 ..... 0110011", 0) { set64(l, a, IR_shr, x(l, a->rs1), x(l, a->rs2)); }
INSN(riscv, sra,   R, "0100000 ..... ..... 101 ..... 0110011", 0) { set64(l, a, IR_sar, x(l, a->rs1), x(l, a->rs2)); }
INSN(riscv, xor,   R, "0000000 ..... ..... 100 ..... 0110011", 0) { set64(l, a, IR_xor, x(l, a->rs1), x(l, a->rs2)); }
INSN(riscv, or,    R, "0000000 ..... ..... 110 ..... 0110011", 0) { set64(l, a, IR_or, x(l, a->rs1), x(l, a->rs2)); }
INSN(riscv, and,   R, "0000000 ..... ..... 111 ..... 0110011", 0) { set64(l, a, IR_and, x(l, a->rs1), x(l, a->rs2)); }
INSN(riscv, addw,  R, "0000000 ..... ..... 000 ..... 0111011", 0) { set32(l, a, IR_add, x(l, a->rs1), x(l, a->rs2)); }
INSN(riscv, subw,  R, "0100000 ..... ..... 000 ..... 0111011", 0) { set32(l, a, IR_sub, x(l, a->rs1), x(l, a->rs2)); }
INSN(riscv, sllw,  R, "0000000 ..... ..... 001 ..... 0111011", 0) { set32(l, a, IR_shl, x(l, a->rs1), x(l, a->rs2)); }
INSN(riscv, srlw,  R, "0000000 ..... ..... 101 ..... 0111011", 0) { set32(l, a, IR_shr, x(l, a->rs1), x(l, a->rs2)); }
INSN(riscv, sraw,  R, "0100000 ..... ..... 101 ..... 0111011", 0) { set32(l, a, IR_sar, x(l, a->rs1), x(l, a->rs2)); }

static void less(struct lift *l, const struct args *a, enum ir_cc cc, val q)
{
    setx(l, a->rd, ir_setcc(l->ir, I64, cc, x(l, a->rs1), q));
}
INSN(riscv, slt,   R, "0000000 ..... ..... 010 ..... 0110011", 0) { less(l, a, CC_LTS, x(l, a->rs2)); }
INSN(riscv, sltu,  R, "0000000 ..... ..... 011 ..... 0110011", 0) { less(l, a, CC_LTU, x(l, a->rs2)); }
INSN(riscv, slti,  I, "............ ..... 010 ..... 0010011", 0) { less(l, a, CC_LTS, imm(l, a)); }
INSN(riscv, sltiu, I, "............ ..... 011 ..... 0010011", 0) { less(l, a, CC_LTU, imm(l, a)); }

static void load(struct lift *l, const struct args *a, u16 mop)
{
    setx(l, a->rd, ir_ld(l->ir, mop, x(l, a->rs1), (i32)a->imm));
}
static void store(struct lift *l, const struct args *a, u16 mop)
{
    ir_st(l->ir, mop, x(l, a->rs1), (i32)a->imm, x(l, a->rs2));
}
INSN(riscv, lb,  L, "............ ..... 000 ..... 0000011", 0) { load(l, a, MOP_8 | MOP_SIGNED); }
INSN(riscv, lh,  L, "............ ..... 001 ..... 0000011", 0) { load(l, a, MOP_16 | MOP_SIGNED); }
INSN(riscv, lw,  L, "............ ..... 010 ..... 0000011", 0) { load(l, a, MOP_32 | MOP_SIGNED); }
INSN(riscv, ld,  L, "............ ..... 011 ..... 0000011", 0) { load(l, a, MOP_64); }
INSN(riscv, lbu, L, "............ ..... 100 ..... 0000011", 0) { load(l, a, MOP_8); }
INSN(riscv, lhu, L, "............ ..... 101 ..... 0000011", 0) { load(l, a, MOP_16); }
INSN(riscv, lwu, L, "............ ..... 110 ..... 0000011", 0) { load(l, a, MOP_32); }
INSN(riscv, sb,  S, "....... ..... ..... 000 ..... 0100011", 0) { store(l, a, MOP_8); }
INSN(riscv, sh,  S, "....... ..... ..... 001 ..... 0100011", 0) { store(l, a, MOP_16); }
INSN(riscv, sw,  S, "....... ..... ..... 010 ..... 0100011", 0) { store(l, a, MOP_32); }
INSN(riscv, sd,  S, "....... ..... ..... 011 ..... 0100011", 0) { store(l, a, MOP_64); }

static void branch(struct lift *l, const struct args *a, enum ir_cc cc)
{
    lift_branch(l, I64, cc, x(l, a->rs1), x(l, a->rs2), l->pc + (u64)a->imm);
}
INSN(riscv, beq,  B, "....... ..... ..... 000 ..... 1100011", 0) { branch(l, a, CC_EQ); }
INSN(riscv, bne,  B, "....... ..... ..... 001 ..... 1100011", 0) { branch(l, a, CC_NE); }
INSN(riscv, blt,  B, "....... ..... ..... 100 ..... 1100011", 0) { branch(l, a, CC_LTS); }
INSN(riscv, bge,  B, "....... ..... ..... 101 ..... 1100011", 0) { branch(l, a, CC_GES); }
INSN(riscv, bltu, B, "....... ..... ..... 110 ..... 1100011", 0) { branch(l, a, CC_LTU); }
INSN(riscv, bgeu, B, "....... ..... ..... 111 ..... 1100011", 0) { branch(l, a, CC_GEU); }

INSN(riscv, jal, J, "....... ..... ..... ... ..... 1101111", 0)
{
    setx(l, a->rd, ir_const(l->ir, next_pc(l)));
    lift_jump(l, l->pc + (u64)a->imm);
}

static bool is_link(u8 r) { return r == 1 || r == 5; }

/* What rd and rs1 say about calls and returns: unpriv 2.5.1, table 3. */
INSN(riscv, jalr, JR, "............ ..... 000 ..... 1100111", 0)
{
    val target = ir_bin(l->ir, IR_add, I64, x(l, a->rs1), imm(l, a));
    target = ir_bin(l->ir, IR_and, I64, target, ir_const(l->ir, ~1ull));
    setx(l, a->rd, ir_const(l->ir, next_pc(l)));
    ir_exiti(l->ir, target, is_link(a->rd) ? HINT_CALL : !a->rd && is_link(a->rs1) ? HINT_RET : HINT_JUMP);
    l->ended = true;
}

INSN(riscv, czero_eqz, R, "0000111 ..... ..... 101 ..... 0110011", NEED(zicond))
{
    setx(l, a->rd, ir_sel(l->ir, x(l, a->rs2), x(l, a->rs1), ir_const(l->ir, 0)));
}
INSN(riscv, czero_nez, R, "0000111 ..... ..... 111 ..... 0110011", NEED(zicond))
{
    setx(l, a->rd, ir_sel(l->ir, x(l, a->rs2), ir_const(l->ir, 0), x(l, a->rs1)));
}
