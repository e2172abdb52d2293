/* smc.S - code that writes code is seen after fence.i, also in a loop (unpriv 6).
 * a0 = 1
 * a1 = 7
 * a2 = 12
 */
    .globl _start
_start:
    li a2, 0
    la s0, patch
    lw s1, new
    call patch
    sw s1, 0(s0)
    fence.i
    mv s2, a0
    call patch
    mv a1, a0
    mv a0, s2

    li t0, 3                    /* each turn writes its own next instruction: addi a2, a2, 3 ... 5 */
    li t3, 3
1:  li t1, 0x00060613
    slli t4, t3, 20
    add t1, t1, t4
    addi t3, t3, 1
    la t2, 2f
    sw t1, 0(t2)
    fence.i
    .balign 4
2:  addi a2, a2, 1000
    addi t0, t0, -1
    bnez t0, 1b
    ebreak
    .balign 4
    .option norvc
patch:
    addi a0, zero, 1
    ret
new:
    addi a0, zero, 7
