/* zicond.S - czero.eqz and czero.nez (unpriv 12).
 * a0 = 0
 * a1 = 5
 * a2 = 5
 * a3 = 0
 * a4 = 0
 */
#define EQZ .insn r 0x33, 5, 7, /* czero.eqz, which the assembler may not know */
#define NEZ .insn r 0x33, 7, 7,
    .globl _start
_start:
    li s0, 5
    li s1, 1 << 40
    EQZ a0, s0, zero
    EQZ a1, s0, s1
    NEZ a2, s0, zero
    NEZ a3, s0, s1
    li a4, -1
    NEZ a4, a4, a4        /* one register in every place */
    ebreak
