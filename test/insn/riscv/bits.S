/* bits.S - corners of Zbb and Zbc (unpriv 28).
 * a0 = 32
 * a1 = 32
 * a2 = 64
 * a3 = 0
 * a4 = 0xff00ff0000ff00ff
 * a5 = 0x0807060504030201
 * a6 = 0xffffffff80000000
 * a7 = 0xffffffffffffffff
 * s2 = 0x8000000000000000
 * s3 = 1
 */
    .globl _start
_start:
    li t0, 1 << 32
    ctzw a0, t0                 /* the upper half does not count */
    clzw a1, t0
    ctz a2, zero
    cpopw a3, t0
    li t1, 0x8000100000010080
    orc.b a4, t1
    li t1, 0x0102030405060708
    rev8 a5, t1
    li t1, 1
    rorw a6, t1, t1
    li t2, -1
    rolw a7, t2, t1
    li t1, 1 << 63
    li t2, 1
    clmulr s2, t1, t2           /* bit 63 of the product is bit 0 */
    slli s2, s2, 63
    clmulh s3, t1, t1           /* bit 126 */
    srli s3, s3, 62
    ebreak
