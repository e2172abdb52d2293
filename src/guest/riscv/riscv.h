/* guest/riscv/riscv.h - what the files that lift RISC-V instructions share. */
#ifndef GUEST_RISCV_RISCV_H
#define GUEST_RISCV_RISCV_H
#include "base/bits.h"
#include "guest/decode.h"
#include "guest/riscv/cpu.h"

extern const struct insn *const __start_insn_riscv[], *const __stop_insn_riscv[];

/* The last word of a row: the extensions it needs, and how it treats the floating-point state. */
/* clang-format off */
enum {
#define _(name, ext) name = 1 << RV_EXT_##ext,
    _(RVM, m) _(RVA, a) _(RVF, f) _(RVD, d) _(RVC, c) _(ZICBOM, zicbom) _(ZICBOZ, zicboz)
    _(ZICOND, zicond) _(ZICSR, zicsr) _(ZIFENCEI, zifencei) _(ZBA, zba) _(ZBB, zbb) _(ZBC, zbc)
    _(ZBS, zbs) _(SVINVAL, svinval)
#undef _
    RV_FP = RVF | RVD,
    RV_FP_QUIET = 1 << 30, /* writes no register of that state and no flag: FS need not be Dirty */
};
/* clang-format on */

#define RV(id, fmt, picture, needs) INSN(riscv, id, fmt, picture, needs)
#define RV_SAME(id, fmt, picture, needs, same) INSN_SAME(riscv, id, fmt, picture, needs, same)
#define RV_RESERVED(id, picture) INSN_RESERVED(riscv, id, NONE, picture)

/* name, decode function, operands (letters: disasm.c), where control goes */
/* clang-format off */
#define RV_FORMATS(_)                                   \
    _(R, r, "d,s,t", FLOW_NEXT)                         \
    _(R1, r, "d,s", FLOW_NEXT)                          \
    _(I, i, "d,s,i", FLOW_NEXT)                         \
    _(SH, sh, "d,s,h", FLOW_NEXT)                       \
    _(L, i, "d,i(s)", FLOW_NEXT)                        \
    _(S, s, "t,i(s)", FLOW_NEXT)                        \
    _(B, b, "s,t,p", FLOW_BRANCH)                       \
    _(U, u, "d,u", FLOW_NEXT)                           \
    _(J, j, "d,p", FLOW_JUMP)                           \
    _(JR, i, "d,i(s)", FLOW_INDIRECT)                   \
    _(AMO, r, "qd,t,(s)", FLOW_NEXT)                    \
    _(LR, r, "qd,(s)", FLOW_NEXT)                       \
    _(FENCE, fence, "e", FLOW_NEXT)                     \
    _(NONE, r, "", FLOW_NEXT)                           \
    _(SYS, r, "", FLOW_STOP)                            \
    _(SYS2, r, "s,t", FLOW_STOP)                        \
    _(CSR, csr, "d,c,s", FLOW_STOP)                     \
    _(CSRI, csr, "d,c,z", FLOW_STOP)                    \
    _(CBO, r, "(s)", FLOW_NEXT)                         \
    _(PREF, s, "i(s)", FLOW_NEXT)                       \
    _(FL, i, "D,i(s)", FLOW_NEXT)                       \
    _(FS, s, "T,i(s)", FLOW_NEXT)                       \
    _(F2, r, "D,S,T", FLOW_NEXT)                        \
    _(F2M, r, "D,S,Tm", FLOW_NEXT)                      \
    _(F1M, r, "D,Sm", FLOW_NEXT)                        \
    _(F1, r, "D,S", FLOW_NEXT)                          \
    _(F4M, r4, "D,S,T,Rm", FLOW_NEXT)                   \
    _(FCMP, r, "d,S,T", FLOW_NEXT)                      \
    _(FX, r, "d,S", FLOW_NEXT)                          \
    _(FXM, r, "d,Sm", FLOW_NEXT)                        \
    _(XF, r, "D,s", FLOW_NEXT)                          \
    _(XFM, r, "D,sm", FLOW_NEXT)                        \
    _(CIW, ciw, "d,s,i", FLOW_NEXT)                     \
    _(CLW, clw, "d,i(s)", FLOW_NEXT)                    \
    _(CLD, cld, "d,i(s)", FLOW_NEXT)                    \
    _(CFLD, cld, "D,i(s)", FLOW_NEXT)                   \
    _(CSW, clw, "t,i(s)", FLOW_NEXT)                    \
    _(CSD, cld, "t,i(s)", FLOW_NEXT)                    \
    _(CFSD, cld, "T,i(s)", FLOW_NEXT)                   \
    _(CI, ci, "d,i", FLOW_NEXT)                         \
    _(CLI, cli, "d,i", FLOW_NEXT)                       \
    _(CI16, ci16, "d,i", FLOW_NEXT)                     \
    _(CLUI, clui, "d,u", FLOW_NEXT)                     \
    _(CSH, csh, "d,h", FLOW_NEXT)                       \
    _(CSHB, cshb, "d,h", FLOW_NEXT)                     \
    _(CIB, cib, "d,i", FLOW_NEXT)                       \
    _(CA, ca, "d,t", FLOW_NEXT)                         \
    _(CBR, cb, "s,p", FLOW_BRANCH)                      \
    _(CJ, cj, "p", FLOW_JUMP)                           \
    _(CLWSP, clwsp, "d,i(s)", FLOW_NEXT)                \
    _(CLDSP, cldsp, "d,i(s)", FLOW_NEXT)                \
    _(CFLDSP, cldsp, "D,i(s)", FLOW_NEXT)               \
    _(CSWSP, cswsp, "t,i(s)", FLOW_NEXT)                \
    _(CSDSP, csdsp, "t,i(s)", FLOW_NEXT)                \
    _(CFSDSP, csdsp, "T,i(s)", FLOW_NEXT)               \
    _(CMV, cmv, "d,t", FLOW_NEXT)                       \
    _(CADD, cadd, "d,t", FLOW_NEXT)                     \
    _(CJR, cjr, "s", FLOW_INDIRECT)                     \
    _(CJALR, cjalr, "s", FLOW_INDIRECT)
/* clang-format on */
#define _(name, fn, show, flow) extern const struct format riscv_fmt_##name;
RV_FORMATS(_)
#undef _

/* The row and operands of the instruction at `code`. *len is 0 when `avail` bytes do not hold it;
 * the row is NULL when it is none under this key (a->word is valid). */
const struct insn *rv_decode(const u8 *code, unsigned avail, u32 key, struct args *a, u8 *len);
/* Does this CSR instruction end its unit? */
bool rv_csr_stops(const struct args *a, u32 key);

/* ---- for instruction bodies --------------------------------------------------------------- */
static inline val x(struct lift *l, u8 r) { return r ? ir_get(l->ir, r) : ir_const(l->ir, 0); }
static inline void setx(struct lift *l, u8 r, val v)
{
    if (r)
        ir_set(l->ir, r, v);
}
static inline val imm(struct lift *l, const struct args *a) { return ir_const(l->ir, (u64)a->imm); }
static inline gva next_pc(const struct lift *l) { return l->pc + l->len; }

/* Results: of 64 bits, or of 32 bits sign-extended as every W instruction does. */
static inline void set64(struct lift *l, const struct args *a, enum ir_opcode op, val p, val q)
{
    setx(l, a->rd, ir_bin(l->ir, op, I64, p, q));
}
static inline void set32(struct lift *l, const struct args *a, enum ir_opcode op, val p, val q)
{
    setx(l, a->rd, ir_un(l->ir, IR_sext32, I64, ir_bin(l->ir, op, I32, p, q)));
}

/* Of the operands rs1 and rs2, or rs1 and the immediate. */
static inline void rr64(struct lift *l, const struct args *a, enum ir_opcode op)
{
    set64(l, a, op, x(l, a->rs1), x(l, a->rs2));
}
static inline void ri64(struct lift *l, const struct args *a, enum ir_opcode op)
{
    set64(l, a, op, x(l, a->rs1), imm(l, a));
}
static inline void rr32(struct lift *l, const struct args *a, enum ir_opcode op)
{
    set32(l, a, op, x(l, a->rs1), x(l, a->rs2));
}
static inline void ri32(struct lift *l, const struct args *a, enum ir_opcode op)
{
    set32(l, a, op, x(l, a->rs1), imm(l, a));
}

/* Leaves for the run loop, to go on at pc, or after the instruction. */
static inline void leave_at(struct lift *l, gva pc, enum exitx_reason why)
{
    ir_ste(l->ir, I64, offsetof(struct cpu, pc), ir_const(l->ir, pc));
    ir_exitx(l->ir, (u16)why);
    l->ended = true;
}
static inline void leave(struct lift *l, enum exitx_reason why) { leave_at(l, next_pc(l), why); }
/* The instruction does nothing but raise. */
void rv_illegal(struct lift *l, const struct args *a);
#endif
