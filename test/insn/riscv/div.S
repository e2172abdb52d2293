/* div.S - division by zero and overflow (unpriv 13.2, table 11).
 * a0 = 0xffffffffffffffff
 * a1 = 7
 * a2 = 0x8000000000000000
 * a3 = 0
 * a4 = 0xffffffff80000000
 * a5 = 0
 * a6 = 0xffffffffffffffff
 * a7 = 0xffffffff87654321
 * s2 = 0xffffffffffffffff
 */
    .globl _start
_start:
    li t0, 7
    li t1, 1 << 63
    li t2, -1
    div a0, t0, zero
    rem a1, t0, zero
    div a2, t1, t2
    rem a3, t1, t2
    li t1, 0x1234567880000000   /* the upper half does not count */
    divw a4, t1, t2
    remw a5, t1, t2
    li t4, 0x1234567887654321
    divuw a6, t4, zero
    remuw a7, t4, zero
    divu s2, t4, zero
    ebreak
