/* csr.S - reads, writes, sets and clears; which accesses write; privilege (unpriv 5, priv 2.1).
 * a0 = 0x1234
 * a1 = 0x1235
 * a2 = 0x1034
 * a3 = 31
 * a4 = 2
 * a5 = 2
 * a6 = 3
 * a7 = 2
 * s2 = 0x1034
 */
    .globl _start
_start:
    la t0, handler
    csrw mtvec, t0
    li t0, 0x1234
    csrw sscratch, t0
    csrr a0, sscratch
    csrsi sscratch, 1
    csrr a1, sscratch
    li t0, 0x201
    csrrc zero, sscratch, t0
    csrr a2, sscratch
    csrwi fcsr, 31
    csrr a3, fflags
    li a4, 0
    csrw mhartid, zero          /* read-only */
    mv a4, t6
    csrwi frm, 2
    csrr a5, frm
    csrrwi zero, frm, 3         /* a static key changes within the unit's life */
    csrr a6, frm
    la t0, user
    csrw mepc, t0
    li t0, 3 << 11
    csrc mstatus, t0
    li t6, 0
    li t0, -1                   /* let U-mode reach memory: one NAPOT entry for all */
    csrw pmpaddr0, t0
    li t0, 31
    csrw pmpcfg0, t0
    mret
user:
    csrr s2, sscratch           /* needs S-mode */
    mv a7, t6
    la t0, handler
    ecall
handler:
    csrr t6, mcause
    csrr t5, mepc
    addi t5, t5, 4
    csrw mepc, t5
    li t4, 8                    /* ecall from U-mode: the end */
    beq t6, t4, 1f
    mret
1:  csrr s2, sscratch
    ebreak
