/* guest/riscv/system.c - Zicsr, Zifencei, environment calls, privileged instructions, cache blocks
 * (unpriv 5, 6, 2.8, 20; priv 3.3, 11). */
#include "guest/riscv/riscv.h"

static val word(struct lift *l, const struct args *a) { return ir_const(l->ir, a->word); }

void rv_illegal(struct lift *l, const struct args *a)
{
    ir_call(l->ir, &rv_h_illegal, word(l, a), 0, 0);
    leave_at(l, l->pc, EXITX_NEXT);
}

/* A helper that decides where to go on, or raises. */
static void system_call(struct lift *l, const struct args *a, const struct ir_helper *h)
{
    ir_call(l->ir, h, word(l, a), 0, 0);
    ir_exitx(l->ir, EXITX_NEXT);
    l->ended = true;
}

/* clang-format off */
RV(ecall, SYS, "0000000 00000 00000 000 00000 1110011", 0) { system_call(l, a, &rv_h_ecall); }
RV(ebreak, SYS, "0000000 00001 00000 000 00000 1110011", 0) { system_call(l, a, &rv_h_ebreak); }
RV(sret, SYS, "0001000 00010 00000 000 00000 1110011", 0) { system_call(l, a, &rv_h_sret); }
RV(mret, SYS, "0011000 00010 00000 000 00000 1110011", 0) { system_call(l, a, &rv_h_mret); }
/* clang-format on */

RV(wfi, SYS, "0001000 00101 00000 000 00000 1110011", 0)
{
    ir_call(l->ir, &rv_h_wfi, word(l, a), 0, 0);
    leave(l, EXITX_HALT);
}

static void fence_vma(struct lift *l, const struct args *a)
{
    u64 given = (u64)a->word << 32 | (a->rs2 != 0) << 1 | (a->rs1 != 0);
    ir_call(l->ir, &rv_h_sfence, x(l, a->rs1), x(l, a->rs2), ir_const(l->ir, given));
    leave(l, EXITX_NEXT);
}
RV(sfence_vma, SYS2, "0001001 ..... ..... 000 00000 1110011", 0) { fence_vma(l, a); }
RV(sinval_vma, SYS2, "0001011 ..... ..... 000 00000 1110011", SVINVAL) { fence_vma(l, a); }

/* sinval.vma is complete when it ends: the fences around it only check privilege (priv 11). */
static void order_vma(struct lift *l, const struct args *a)
{
    if ((l->key & RV_KEY_PRIV) == RV_U)
        rv_illegal(l, a);
}
RV(sfence_w_inval, NONE, "0001100 00000 00000 000 00000 1110011", SVINVAL) { order_vma(l, a); }
RV(sfence_inval_ir, NONE, "0001100 00001 00000 000 00000 1110011", SVINVAL) { order_vma(l, a); }

/* Translations of what was stored over are gone when the fence ends: look the next unit up. */
RV(fence_i, SYS, "............ ..... 001 ..... 0001111", ZIFENCEI)
{
    (void)a;
    ir_call(l->ir, &guest_h_sync_code, 0, 0, 0);
    leave(l, EXITX_NEXT);
}

/* ---- control and status registers --------------------------------------------------------- */
enum { CSR_FFLAGS = 0x001 };

static unsigned csr_op(const struct args *a) { return a->mode & 3; } /* RV_CSR_WRITE ... */
static bool csr_writes(const struct args *a) { return csr_op(a) == RV_CSR_WRITE || a->rs1; }

/* Writing fflags changes the key only when FS was not Dirty before. */
bool rv_csr_stops(const struct args *a, u32 key)
{
    bool dirties = a->imm == CSR_FFLAGS && !(key & RV_KEY_DIRTY);
    return csr_writes(a) && (dirties || rv_csr_ends((unsigned)a->imm));
}

static void csr(struct lift *l, const struct args *a, val operand)
{
    u64 what = (u64)a->imm | (csr_writes(a) ? csr_op(a) : RV_CSR_READ) << 12;
    if (csr_op(a) == RV_CSR_WRITE && !a->rd)
        what |= RV_CSR_NO_READ;
    setx(l, a->rd, ir_call(l->ir, &rv_h_csr, ir_const(l->ir, what), operand, word(l, a)));
    if (rv_csr_stops(a, l->key))
        leave(l, EXITX_NEXT);
}

/* A CSR that is plain storage is a field: no helper when this privilege may touch it. */
static bool csr_plain(struct lift *l, const struct args *a, val operand)
{
    u32 off = rv_csr_plain((unsigned)a->imm);
    if (!off || (l->key & RV_KEY_PRIV) < (a->imm >> 8 & 3) || rv_csr_stops(a, l->key))
        return false;
    val old = ir_lde(l->ir, I64, off);
    if (csr_writes(a)) {
        static const enum ir_opcode how[] = {[RV_CSR_SET] = IR_or, [RV_CSR_CLEAR] = IR_andn};
        unsigned op = csr_op(a);
        val v = op == RV_CSR_WRITE ? operand : ir_bin(l->ir, how[op], I64, old, operand);
        ir_ste(l->ir, I64, off, v);
    }
    setx(l, a->rd, old);
    return true;
}

static void csr_access(struct lift *l, const struct args *a, val operand)
{
    if (!csr_plain(l, a, operand))
        csr(l, a, operand);
}
static void csr_reg(struct lift *l, const struct args *a) { csr_access(l, a, x(l, a->rs1)); }
static void csr_imm(struct lift *l, const struct args *a)
{
    csr_access(l, a, ir_const(l->ir, a->rs1));
}

/* clang-format off */
RV(csrrw,  CSR,  "............ ..... 001 ..... 1110011", ZICSR) { csr_reg(l, a); }
RV(csrrs,  CSR,  "............ ..... 010 ..... 1110011", ZICSR) { csr_reg(l, a); }
RV(csrrc,  CSR,  "............ ..... 011 ..... 1110011", ZICSR) { csr_reg(l, a); }
RV(csrrwi, CSRI, "............ ..... 101 ..... 1110011", ZICSR) { csr_imm(l, a); }
RV(csrrsi, CSRI, "............ ..... 110 ..... 1110011", ZICSR) { csr_imm(l, a); }
RV(csrrci, CSRI, "............ ..... 111 ..... 1110011", ZICSR) { csr_imm(l, a); }
/* clang-format on */

/* ---- Zicbom, Zicboz, Zicbop: cache blocks (unpriv 20.7) ----------------------------------- */
static void cbo(struct lift *l, const struct args *a, enum rv_cbo kind)
{
    ir_call(l->ir, &rv_h_cbo, x(l, a->rs1), ir_const(l->ir, kind), word(l, a));
}
/* clang-format off */
RV(cbo_inval, CBO, "0000000 00000 ..... 010 00000 0001111", ZICBOM) { cbo(l, a, RV_CBO_INVAL); }
RV(cbo_clean, CBO, "0000000 00001 ..... 010 00000 0001111", ZICBOM) { cbo(l, a, RV_CBO_CLEAN); }
RV(cbo_flush, CBO, "0000000 00010 ..... 010 00000 0001111", ZICBOM) { cbo(l, a, RV_CBO_FLUSH); }
RV(cbo_zero, CBO, "0000000 00100 ..... 010 00000 0001111", ZICBOZ) { cbo(l, a, RV_CBO_ZERO); }
RV_SAME(prefetch_i, PREF, "....... 00000 ..... 110 00000 0010011", 0, ori);
RV_SAME(prefetch_r, PREF, "....... 00001 ..... 110 00000 0010011", 0, ori);
RV_SAME(prefetch_w, PREF, "....... 00011 ..... 110 00000 0010011", 0, ori);
