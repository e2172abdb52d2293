/* memory.S - extension of loads, misaligned accesses, also across a page (unpriv 2.6).
 * a0 = 0xffffffffffffff88
 * a1 = 0x88
 * a2 = 0xffffffffffff8877
 * a3 = 0x8877
 * a4 = 0xffffffff88776655
 * a5 = 0x88776655
 * a6 = 0x1122334455667788
 * a7 = 0x3344
 * s2 = 0xffffffffffffff88
 */
    .globl _start
_start:
    la s0, cell
    li t0, 0x8877665544332211
    sd t0, 0(s0)
    lb a0, 7(s0)
    lbu a1, 7(s0)
    lh a2, 6(s0)
    lhu a3, 6(s0)
    lw a4, 4(s0)
    lwu a5, 4(s0)
    la s1, edge
    li t0, 0x1122334455667788
    sd t0, -3(s1)
    ld a6, -3(s1)
    lhu a7, 1(s1)
    lb zero, 0(s0)              /* no register, but an access */
    lb s2, -3(s1)
    ebreak
    .balign 8
cell:
    .dword 0
    .balign 4096
edge:
    .dword 0
