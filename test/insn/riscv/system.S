/* system.S - privileged instructions: where they go, and that U-mode may not (priv 3.3, 10.2, 11).
 * a0 = 1
 * a1 = 2
 * a2 = 5
 * a3 = 2
 * a4 = 0
 * a5 = 3
 */
    .globl _start
_start:
    la t0, handler
    csrw mtvec, t0
    li t0, -1                   /* let S and U reach memory: one NAPOT entry for all */
    csrw pmpaddr0, t0
    li t0, 31
    csrw pmpcfg0, t0
    li s0, 0                    /* traps */
    li s1, 0                    /* of illegal instructions */

    csrsi mie, 2                /* wfi ends when an interrupt is pending, enabled or not */
    csrsi mip, 2
    wfi
    csrci mip, 2
    li a0, 1

    la t0, supervisor
    csrw mepc, t0
    li t0, 3 << 11
    csrc mstatus, t0
    li t0, 1 << 11
    csrs mstatus, t0
    mret
supervisor:
    sfence.vma
    sfence.vma t0, zero
    sfence.vma zero, t0
    sfence.w.inval
    sinval.vma t0, t0
    sfence.inval.ir
    mv a4, s0                   /* no trap so far */
    li a1, 2
    la t0, user
    csrw sepc, t0
    li t0, 1 << 8
    csrc sstatus, t0
    sret
user:
    sfence.vma                  /* five that U-mode may not */
    sinval.vma t0, t0
    sfence.w.inval
    sfence.inval.ir
    sret
    mv a2, s1
    li a3, 2
    ecall
    li a5, 3
    c.ebreak

    .balign 4
handler:
    addi s0, s0, 1
    csrr t1, mcause
    li t2, 2
    bne t1, t2, 1f
    addi s1, s1, 1
1:  csrr t1, mepc
    addi t1, t1, 4
    csrw mepc, t1
    mret
