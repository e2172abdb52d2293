/* round.S - every rounding mode, static and dynamic, in arithmetic, fused operations and conversions (unpriv 21.2).
 * a0 = 2
 * a1 = 2
 * a2 = 2
 * a3 = 3
 * a4 = 3
 * a5 = 0xfffffffffffffffd
 * a6 = 3
 * a7 = 1
 * s2 = 0x3f800001
 * s3 = 0x3f800000
 * s4 = 0xbff0000000000001
 * s5 = 0xbff0000000000000
 * s6 = 1
 * s7 = 0x5f000000
 * s8 = 0x5effffff
 */
    .globl _start
_start:
    li t0, 5
    fcvt.d.w fa0, t0
    li t0, 2
    fcvt.d.w fa1, t0
    fdiv.d fa0, fa0, fa1        /* 2.5 */
    fcvt.w.d a0, fa0, rne
    fcvt.w.d a1, fa0, rtz
    fcvt.w.d a2, fa0, rdn
    fcvt.w.d a3, fa0, rup
    fcvt.w.d a4, fa0, rmm
    fneg.d fa1, fa0
    csrwi frm, 4                /* dynamic, to nearest away */
    fcvt.w.d a5, fa1
    csrwi frm, 3                /* dynamic, up */
    fcvt.l.d a6, fa0
    csrwi fflags, 0
    fcvt.l.d t0, fa0, rtz
    csrr a7, fflags             /* inexact */

    li t0, 0x3f800000           /* 1 + 2^-24 in single precision */
    fmv.w.x fa0, t0
    li t0, 0x33800000
    fmv.w.x fa1, t0
    csrwi frm, 0
    fadd.s fa2, fa0, fa1, rup
    fmv.x.w s2, fa2
    fadd.s fa2, fa0, fa1, rdn
    fmv.x.w s3, fa2

    fcvt.d.s fa0, fa0           /* -(1 * 1) - 2^-53 */
    li t0, 0x3ca0000000000000
    fmv.d.x fa1, t0
    fnmadd.d fa2, fa0, fa0, fa1, rmm
    fmv.x.d s4, fa2
    fnmadd.d fa2, fa0, fa0, fa1, rne
    fmv.x.d s5, fa2

    csrwi fflags, 0
    li t0, 0x7fffffffffffffff
    fcvt.s.l fa0, t0, rup
    csrr s6, fflags
    fmv.x.w s7, fa0
    fcvt.s.l fa0, t0, rtz
    fmv.x.w s8, fa0
    ebreak
