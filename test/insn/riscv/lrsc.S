/* lrsc.S - reservations: taken, lost, dropped; a counter in a retry loop (unpriv 14.2).
 * a0 = 100
 * a1 = 1
 * a2 = 1
 * a3 = 0
 * a4 = 1
 * a5 = 0xffffffff80000000
 * a6 = 1
 */
    .globl _start
_start:
    la s0, cell
    li t2, 100
1:  lr.d.aq t0, (s0)
    addi t0, t0, 1
    sc.d.rl t1, t0, (s0)
    bnez t1, 1b
    addi t2, t2, -1
    bnez t2, 1b
    ld a0, 0(s0)

    sc.d a1, zero, (s0)         /* none is held */
    lr.d t0, (s0)
    addi t3, s0, 8
    sc.d a2, zero, (t3)         /* another address */
    lr.w t0, (s0)
    sd t0, 8(s0)                /* a store elsewhere does not matter */
    sc.w a3, t0, (s0)
    sc.w a4, t0, (s0)           /* used up */
    li t0, 0x80000000
    sw t0, 0(s0)
    lr.w a5, (s0)
    sw zero, 0(s0)              /* the value changes */
    sc.w a6, t0, (s0)
    ebreak
    .balign 8
cell:
    .dword 0, 0
