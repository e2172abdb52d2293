/* flow.S - calls, returns, jumps in and out of loops, recursion (unpriv 2.5).
 * a0 = 55
 * a1 = 210
 * a2 = 3
 * a3 = 1
 * a4 = 6
 */
    .globl _start
_start:
    la sp, stack_top
    li a0, 10
    call fib
    mv s0, a0
    li a1, 0                    /* 1 + 2 + ... + 20, entered in the middle of the loop */
    li t0, 20
    j 2f
1:  addi t0, t0, -1
2:  add a1, a1, t0
    bnez t0, 1b

    li a2, 0                    /* leaves the inner loop of three early */
    li t0, 3
3:  li t1, 10
4:  addi t1, t1, -1
    li t2, 7
    beq t1, t2, 5f
    bnez t1, 4b
    addi a2, a2, 100
5:  addi a2, a2, 1
    addi t0, t0, -1
    bnez t0, 3b

    li a4, 0                    /* jalr: rd is rs1; bit 0 of the target is dropped */
    la t0, 6f
    addi t0, t0, 1
    li a3, 0
    jalr t0, 0(t0)
    li a3, 1
    j 7f
6:  addi a4, a4, 6
    jr t0
7:  mv a0, s0
    ebreak

fib:
    li t0, 2
    bltu a0, t0, 8f
    addi sp, sp, -32
    sd ra, 0(sp)
    sd a0, 8(sp)
    addi a0, a0, -1
    call fib
    sd a0, 16(sp)
    ld a0, 8(sp)
    addi a0, a0, -2
    call fib
    ld t0, 16(sp)
    add a0, a0, t0
    ld ra, 0(sp)
    addi sp, sp, 32
8:  ret

    .balign 16
    .space 1024
stack_top:
