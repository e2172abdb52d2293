/* guest/riscv/format.c - where operands are in an instruction word (unpriv 2.2, 2.3, 26.2). */
#include "guest/riscv/riscv.h"

/* clang-format off */

static i64 high(u32 w, unsigned lo) { return (i32)w >> lo; } /* bits 31:lo, signed */
static u8 reg(u32 w, unsigned lo) { return w >> lo & 31; }
static u8 creg(u32 w, unsigned lo) { return 8 + (w >> lo & 7); } /* x8..x15 */

static void r(u32 w, struct args *a)
{
    a->rd = reg(w, 7);
    a->rs1 = reg(w, 15);
    a->rs2 = reg(w, 20);
    a->mode = w >> 12 & 7;
}
static void r4(u32 w, struct args *a) { r(w, a), a->rs3 = reg(w, 27); }
static void i(u32 w, struct args *a) { r(w, a), a->imm = high(w, 20); }
static void sh(u32 w, struct args *a) { r(w, a), a->imm = w >> 20 & 63; }
static void s(u32 w, struct args *a) { r(w, a), a->imm = high(w, 25) * 32 | (w >> 7 & 31); }
static void u(u32 w, struct args *a) { r(w, a), a->imm = high(w, 12) * 4096; }
static void csr(u32 w, struct args *a) { r(w, a), a->imm = w >> 20; }
static void fence(u32 w, struct args *a) { r(w, a), a->mode = (u8)(w >> 20); } /* both sets */
static void b(u32 w, struct args *a)
{
    r(w, a);
    a->imm = high(w, 31) * 4096 | (w << 4 & 0x800) | (w >> 20 & 0x7e0) | (w >> 7 & 0x1e);
}
static void j(u32 w, struct args *a)
{
    r(w, a);
    a->imm = high(w, 31) * 0x100000 | (w & 0xff000) | (w >> 9 & 0x800) | (w >> 20 & 0x7fe);
}

/* ---- 16 bits: what a form implies (sp, zero, ra) is filled in, as its long form has it ------ */
static void ciw(u32 w, struct args *a)
{
    a->rd = creg(w, 2);
    a->rs1 = 2;
    a->imm = (w >> 7 & 0x30) | (w >> 1 & 0x3c0) | (w >> 4 & 4) | (w >> 2 & 8);
}
static void cl(u32 w, struct args *a) /* loads and stores: rs2 is where rd is */
{
    a->rd = a->rs2 = creg(w, 2);
    a->rs1 = creg(w, 7);
}
static void clw(u32 w, struct args *a)
{
    cl(w, a);
    a->imm = (w >> 7 & 0x38) | (w >> 4 & 4) | (w << 1 & 0x40);
}
static void cld(u32 w, struct args *a) { cl(w, a), a->imm = (w >> 7 & 0x38) | (w << 1 & 0xc0); }

static u32 cimm(u32 w) { return (w >> 7 & 32) | (w >> 2 & 31); }
static void ci(u32 w, struct args *a)
{
    a->rd = a->rs1 = reg(w, 7);
    a->imm = sext(cimm(w), 6);
}
static void cli(u32 w, struct args *a) { ci(w, a), a->rs1 = 0; }
static void clui(u32 w, struct args *a) { ci(w, a), a->imm *= 4096; }
static void csh(u32 w, struct args *a) { ci(w, a), a->imm = cimm(w); }
static void ci16(u32 w, struct args *a)
{
    ci(w, a);
    u32 v = (w >> 3 & 0x200) | (w << 4 & 0x180) | (w << 1 & 0x40) | (w << 3 & 0x20) |
            (w >> 2 & 0x10);
    a->imm = sext(v, 10);
}
static void cib(u32 w, struct args *a)
{
    a->rd = a->rs1 = creg(w, 7);
    a->imm = sext(cimm(w), 6);
}
static void cshb(u32 w, struct args *a) { cib(w, a), a->imm = cimm(w); }
static void ca(u32 w, struct args *a)
{
    a->rd = a->rs1 = creg(w, 7);
    a->rs2 = creg(w, 2);
}
static void cb(u32 w, struct args *a)
{
    a->rs1 = creg(w, 7);
    u32 v = (w >> 4 & 0x100) | (w >> 7 & 0x18) | (w << 1 & 0xc0) | (w >> 2 & 6) | (w << 3 & 0x20);
    a->imm = sext(v, 9);
}
static void cj(u32 w, struct args *a)
{
    u32 v = (w >> 1 & 0xb40) | (w << 2 & 0x400) | (w << 1 & 0x80) | (w << 3 & 0x20) |
            (w >> 7 & 0x10) | (w >> 2 & 0xe);
    a->imm = sext(v, 12);
}
static void clwsp(u32 w, struct args *a)
{
    a->rd = reg(w, 7);
    a->rs1 = 2;
    a->imm = (w >> 7 & 0x20) | (w >> 2 & 0x1c) | (w << 4 & 0xc0);
}
static void cldsp(u32 w, struct args *a)
{
    clwsp(w, a);
    a->imm = (w >> 7 & 0x20) | (w >> 2 & 0x18) | (w << 4 & 0x1c0);
}
static void cswsp(u32 w, struct args *a)
{
    a->rs1 = 2;
    a->rs2 = reg(w, 2);
    a->imm = (w >> 7 & 0x3c) | (w >> 1 & 0xc0);
}
static void csdsp(u32 w, struct args *a)
{
    cswsp(w, a);
    a->imm = (w >> 7 & 0x38) | (w >> 1 & 0x1c0);
}
static void cmv(u32 w, struct args *a)
{
    a->rd = reg(w, 7);
    a->rs2 = reg(w, 2);
}
static void cadd(u32 w, struct args *a) { cmv(w, a), a->rs1 = a->rd; }
static void cjr(u32 w, struct args *a) { a->rs1 = reg(w, 7); }
static void cjalr(u32 w, struct args *a) { cjr(w, a), a->rd = 1; }

#define _(name, fn, show, flow) const struct format riscv_fmt_##name = {fn, show, flow};
RV_FORMATS(_)
#undef _
