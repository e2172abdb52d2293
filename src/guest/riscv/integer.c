/* guest/riscv/integer.c - RV64I: arithmetic, memory, jumps (unpriv 2, 4); Zicond (unpriv 12). */
#include "guest/riscv/riscv.h"

static val pc_plus_imm(struct lift *l, const struct args *a)
{
    return ir_const(l->ir, l->pc + (u64)a->imm);
}

/* clang-format off */
RV(lui,   U, "....... ..... ..... ... ..... 0110111", 0) { setx(l, a->rd, imm(l, a)); }
RV(auipc, U, "....... ..... ..... ... ..... 0010111", 0) { setx(l, a->rd, pc_plus_imm(l, a)); }

RV(addi,  I,  "............ ..... 000 ..... 0010011",  0) { ri64(l, a, IR_add); }
RV(xori,  I,  "............ ..... 100 ..... 0010011",  0) { ri64(l, a, IR_xor); }
RV(ori,   I,  "............ ..... 110 ..... 0010011",  0) { ri64(l, a, IR_or); }
RV(andi,  I,  "............ ..... 111 ..... 0010011",  0) { ri64(l, a, IR_and); }
RV(slli,  SH, "000000 ...... ..... 001 ..... 0010011", 0) { ri64(l, a, IR_shl); }
RV(srli,  SH, "000000 ...... ..... 101 ..... 0010011", 0) { ri64(l, a, IR_shr); }
RV(srai,  SH, "010000 ...... ..... 101 ..... 0010011", 0) { ri64(l, a, IR_sar); }
RV(addiw, I,  "............ ..... 000 ..... 0011011",  0) { ri32(l, a, IR_add); }
RV(slliw, SH, "0000000 ..... ..... 001 ..... 0011011", 0) { ri32(l, a, IR_shl); }
RV(srliw, SH, "0000000 ..... ..... 101 ..... 0011011", 0) { ri32(l, a, IR_shr); }
RV(sraiw, SH, "0100000 ..... ..... 101 ..... 0011011", 0) { ri32(l, a, IR_sar); }

RV(add,  R, "0000000 ..... ..... 000 ..... 0110011", 0) { rr64(l, a, IR_add); }
RV(sub,  R, "0100000 ..... ..... 000 ..... 0110011", 0) { rr64(l, a, IR_sub); }
RV(sll,  R, "0000000 ..... ..... 001 ..... 0110011", 0) { rr64(l, a, IR_shl); }
RV(srl,  R, "0000000 ..... ..... 101 ..... 0110011", 0) { rr64(l, a, IR_shr); }
RV(sra,  R, "0100000 ..... ..... 101 ..... 0110011", 0) { rr64(l, a, IR_sar); }
RV(xor,  R, "0000000 ..... ..... 100 ..... 0110011", 0) { rr64(l, a, IR_xor); }
RV(or,   R, "0000000 ..... ..... 110 ..... 0110011", 0) { rr64(l, a, IR_or); }
RV(and,  R, "0000000 ..... ..... 111 ..... 0110011", 0) { rr64(l, a, IR_and); }
RV(addw, R, "0000000 ..... ..... 000 ..... 0111011", 0) { rr32(l, a, IR_add); }
RV(subw, R, "0100000 ..... ..... 000 ..... 0111011", 0) { rr32(l, a, IR_sub); }
RV(sllw, R, "0000000 ..... ..... 001 ..... 0111011", 0) { rr32(l, a, IR_shl); }
RV(srlw, R, "0000000 ..... ..... 101 ..... 0111011", 0) { rr32(l, a, IR_shr); }
RV(sraw, R, "0100000 ..... ..... 101 ..... 0111011", 0) { rr32(l, a, IR_sar); }

static void less(struct lift *l, const struct args *a, enum ir_cc cc, val q)
{
    setx(l, a->rd, ir_setcc(l->ir, I64, cc, x(l, a->rs1), q));
}
RV(slt,   R, "0000000 ..... ..... 010 ..... 0110011", 0) { less(l, a, CC_LTS, x(l, a->rs2)); }
RV(sltu,  R, "0000000 ..... ..... 011 ..... 0110011", 0) { less(l, a, CC_LTU, x(l, a->rs2)); }
RV(slti,  I, "............ ..... 010 ..... 0010011",  0) { less(l, a, CC_LTS, imm(l, a)); }
RV(sltiu, I, "............ ..... 011 ..... 0010011",  0) { less(l, a, CC_LTU, imm(l, a)); }

static void load(struct lift *l, const struct args *a, u16 mop)
{
    setx(l, a->rd, ir_ld(l->ir, mop, x(l, a->rs1), (i32)a->imm));
}
static void store(struct lift *l, const struct args *a, u16 mop)
{
    ir_st(l->ir, mop, x(l, a->rs1), (i32)a->imm, x(l, a->rs2));
}
RV(lb,  L, "............ ..... 000 ..... 0000011",  0) { load(l, a, MOP_8 | MOP_SIGNED); }
RV(lh,  L, "............ ..... 001 ..... 0000011",  0) { load(l, a, MOP_16 | MOP_SIGNED); }
RV(lw,  L, "............ ..... 010 ..... 0000011",  0) { load(l, a, MOP_32 | MOP_SIGNED); }
RV(ld,  L, "............ ..... 011 ..... 0000011",  0) { load(l, a, MOP_64); }
RV(lbu, L, "............ ..... 100 ..... 0000011",  0) { load(l, a, MOP_8); }
RV(lhu, L, "............ ..... 101 ..... 0000011",  0) { load(l, a, MOP_16); }
RV(lwu, L, "............ ..... 110 ..... 0000011",  0) { load(l, a, MOP_32); }
RV(sb,  S, "....... ..... ..... 000 ..... 0100011", 0) { store(l, a, MOP_8); }
RV(sh,  S, "....... ..... ..... 001 ..... 0100011", 0) { store(l, a, MOP_16); }
RV(sw,  S, "....... ..... ..... 010 ..... 0100011", 0) { store(l, a, MOP_32); }
RV(sd,  S, "....... ..... ..... 011 ..... 0100011", 0) { store(l, a, MOP_64); }

static void branch(struct lift *l, const struct args *a, enum ir_cc cc)
{
    lift_branch(l, I64, cc, x(l, a->rs1), x(l, a->rs2), l->pc + (u64)a->imm);
}
RV(beq,  B, "....... ..... ..... 000 ..... 1100011", 0) { branch(l, a, CC_EQ); }
RV(bne,  B, "....... ..... ..... 001 ..... 1100011", 0) { branch(l, a, CC_NE); }
RV(blt,  B, "....... ..... ..... 100 ..... 1100011", 0) { branch(l, a, CC_LTS); }
RV(bge,  B, "....... ..... ..... 101 ..... 1100011", 0) { branch(l, a, CC_GES); }
RV(bltu, B, "....... ..... ..... 110 ..... 1100011", 0) { branch(l, a, CC_LTU); }
RV(bgeu, B, "....... ..... ..... 111 ..... 1100011", 0) { branch(l, a, CC_GEU); }

RV(jal, J, "....... ..... ..... ... ..... 1101111", 0)
{
    setx(l, a->rd, ir_const(l->ir, next_pc(l)));
    lift_jump(l, l->pc + (u64)a->imm);
}

static bool is_link(u8 r) { return r == 1 || r == 5; }

/* What rd and rs1 say about calls and returns: unpriv 2.5.1, table 3. */
RV(jalr, JR, "............ ..... 000 ..... 1100111", 0)
{
    bool returns = !a->rd && is_link(a->rs1);
    val to = ir_bin(l->ir, IR_add, I64, x(l, a->rs1), imm(l, a));
    to = ir_bin(l->ir, IR_and, I64, to, ir_const(l->ir, ~1ull));
    setx(l, a->rd, ir_const(l->ir, next_pc(l)));
    ir_exiti(l->ir, to, is_link(a->rd) ? HINT_CALL : returns ? HINT_RET : HINT_JUMP);
    l->ended = true;
}

RV(czero_eqz, R, "0000111 ..... ..... 101 ..... 0110011", ZICOND)
{
    setx(l, a->rd, ir_sel(l->ir, x(l, a->rs2), x(l, a->rs1), ir_const(l->ir, 0)));
}
RV(czero_nez, R, "0000111 ..... ..... 111 ..... 0110011", ZICOND)
{
    setx(l, a->rd, ir_sel(l->ir, x(l, a->rs2), ir_const(l->ir, 0), x(l, a->rs1)));
}
