/* cbo.S - cache blocks: zero clears 64 bytes, the others change nothing; prefetches are hints (unpriv 20).
 * a0 = 0x5555555555555555
 * a1 = 0
 * a2 = 0
 * a3 = 0x5555555555555555
 * a4 = 0x5555555555555555
 */
    .globl _start
_start:
    la s0, block
    li t0, 0x5555555555555555
    sd t0, -8(s0)
    sd t0, 0(s0)
    sd t0, 56(s0)
    sd t0, 64(s0)
    cbo.clean (s0)
    cbo.flush (s0)
    cbo.inval (s0)              /* there is no cache: memory is what it was */
    prefetch.i 32(s0)
    prefetch.r -32(s0)
    prefetch.w 0(s0)
    ld a4, 0(s0)
    addi s1, s0, 13
    cbo.zero (s1)
    ld a0, -8(s0)
    ld a1, 0(s0)
    ld a2, 56(s0)
    ld a3, 64(s0)
    ebreak
    .balign 4096
    .space 128
block:
    .space 128
