/* nan.S - canonical NaNs, boxing, saturation and their flags (unpriv 21.3, 21.7, 22.2).
 * a0 = 0x7fc00000
 * a1 = 16
 * a2 = 0xffffffff7fc00000
 * a3 = 0x7fffffff
 * a4 = 0x8000000000000000
 * a5 = 0xffffffffffffffff
 * a6 = 0
 * a7 = 512
 * s2 = 256
 * s3 = 0x8000000000000000
 * s4 = 0
 * s5 = 16
 * s6 = 0xffffffffffffffff
 * s7 = 0
 */
    .globl _start
_start:
    li t0, 0x7f800001           /* signaling */
    fmv.w.x fa0, t0
    fadd.s fa1, fa0, fa0
    fmv.x.w a0, fa1
    csrr a1, fflags
    li t0, 0x3f800000           /* 1.0f without its box is a NaN */
    fmv.d.x fa1, t0
    fsgnj.s fa1, fa1, fa1
    fmv.x.d a2, fa1
    fcvt.w.s a3, fa1            /* NaN: the largest */
    li t0, 0xc3f0000000000000   /* -2^64 */
    fmv.d.x fa2, t0
    fcvt.l.d a4, fa2
    fneg.d fa3, fa2
    fcvt.lu.d a5, fa3
    fcvt.lu.d a6, fa2
    fclass.s a7, fa1
    fclass.s s2, fa0
    fmv.d.x fa4, zero           /* -0 is less than +0 for fmin */
    fneg.d fa5, fa4
    fmin.d fa6, fa4, fa5
    fmv.x.d s3, fa6
    csrwi fflags, 0
    li t0, 0x7ff8000000000000
    fmv.d.x fa7, t0
    feq.d s4, fa7, fa7          /* quiet */
    csrr s7, fflags
    flt.d t1, fa7, fa7          /* signals */
    csrr s5, fflags
    fcvt.wu.s s6, fa1           /* unsigned, but sign-extended */
    ebreak
