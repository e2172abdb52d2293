/* amo.S - old values and results of the word forms, which are signed when they are extended (unpriv 14.4).
 * a0 = 0xffffffff80000001
 * a1 = 0x7fffffff
 * a2 = 0xffffffff80000001
 * a3 = 0x12345678
 * a4 = 0x12345678
 * a5 = 0xffffffffffffffff
 */
    .globl _start
_start:
    la s0, cell
    li t0, 0x7fffffff
    amomax.w a0, t0, (s0)       /* signed: 7fffffff wins */
    lw a1, 0(s0)
    li t0, 0x80000001
    amomaxu.w zero, t0, (s0)    /* unsigned: 80000001 wins; no result wanted */
    lw a2, 0(s0)
    lw a3, 4(s0)                /* the neighbour is untouched */
    li t0, -1
    addi s1, s0, 4
    amoswap.w.aqrl a4, t0, (s1)
    lw a5, 4(s0)
    ebreak
    .balign 8
cell:
    .word 0x80000001, 0x12345678
