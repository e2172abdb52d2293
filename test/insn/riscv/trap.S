/* trap.S - what traps report, and that what came before the trap is done (priv 3.1.14 to 3.1.16).
 * s0 = 6
 * s2 = 2
 * s3 = 0xfffff0ff
 * s4 = 2
 * s5 = 0
 * s6 = 11
 * s7 = 6
 * s8 = 0
 * s9 = 4
 * s10 = 2
 */
    .globl _start
_start:
    la t0, handler
    csrw mtvec, t0
    li s0, 0
    .word 0xfffff0ff            /* no instruction */
    mv s2, a0
    mv s3, a1
    .half 0
    mv s4, a0
    mv s5, a1
    ecall
    mv s6, a0
    la t0, cell
    addi t0, t0, 1
    li a2, 1
    amoadd.w a2, a2, (t0)       /* misaligned; a2 stays */
    mv s7, a0
    sub s8, a1, t0
    lr.w a2, (t0)
    mv s9, a0
    csrwi frm, 5
    fadd.s fa0, fa0, fa0        /* the dynamic mode is none */
    mv s10, a0
    ebreak

    .balign 4
handler:                        /* a0, a1: cause and value; goes on behind the instruction */
    addi s0, s0, 1
    csrr a0, mcause
    csrr a1, mtval
    csrr t1, mepc
    lhu t2, 0(t1)
    andi t2, t2, 3
    addi t1, t1, 2
    li t3, 3
    bne t2, t3, 1f
    addi t1, t1, 2
1:  csrw mepc, t1
    mret
    .balign 8
cell:
    .word 0, 0
