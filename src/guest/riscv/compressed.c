/* guest/riscv/compressed.c - C: 16-bit forms of instructions meant elsewhere (unpriv 26). */
#include "guest/riscv/riscv.h"

/* clang-format off */
#define C(id, fmt, picture, same) RV_SAME(c_##id, fmt, picture, RVC, same)
#define CD(id, fmt, picture, quiet, same) RV_SAME(c_##id, fmt, picture, RVC | RVD | quiet, same)

/* quadrant 0 */
C(addi4spn, CIW, "000 ........ ... 00", addi);
RV_RESERVED(c_0_000, "000 00000000 ... 00"); /* all zeroes: defined to be illegal */
CD(fld, CFLD, "001 ... ... .. ... 00", 0, fld);
C(lw,   CLW,  "010 ... ... .. ... 00", lw);
C(ld,   CLD,  "011 ... ... .. ... 00", ld);
CD(fsd, CFSD, "101 ... ... .. ... 00", RV_FP_QUIET, fsd);
C(sw,   CSW,  "110 ... ... .. ... 00", sw);
C(sd,   CSD,  "111 ... ... .. ... 00", sd);

/* quadrant 1 */
C(addi,  CI,   "000 . ..... ..... 01", addi);
C(nop,   NONE, "000 0 00000 00000 01", addi);
C(addiw, CI,   "001 . ..... ..... 01", addiw);
RV_RESERVED(c_1_001, "001 . 00000 ..... 01");
C(li,       CLI,  "010 . ..... ..... 01", addi);
C(lui,      CLUI, "011 . ..... ..... 01", lui);
C(addi16sp, CI16, "011 . 00010 ..... 01", addi);
RV_RESERVED(c_1_011_0, "011 0 ..... 00000 01");
RV_RESERVED(c_1_011_2, "011 0 00010 00000 01");
C(srli, CSHB, "100 . 00 ... ..... 01",  srli);
C(srai, CSHB, "100 . 01 ... ..... 01",  srai);
C(andi, CIB,  "100 . 10 ... ..... 01",  andi);
C(sub,  CA,   "100 0 11 ... 00 ... 01", sub);
C(xor,  CA,   "100 0 11 ... 01 ... 01", xor);
C(or,   CA,   "100 0 11 ... 10 ... 01", or);
C(and,  CA,   "100 0 11 ... 11 ... 01", and);
C(subw, CA,   "100 1 11 ... 00 ... 01", subw);
C(addw, CA,   "100 1 11 ... 01 ... 01", addw);
C(j,    CJ,   "101 ........... 01",     jal);
C(beqz, CBR,  "110 ... ... ..... 01",   beq);
C(bnez, CBR,  "111 ... ... ..... 01",   bne);

/* quadrant 2 */
C(slli,   CSH,    "000 . ..... ..... 10", slli);
CD(fldsp, CFLDSP, "001 . ..... ..... 10", 0, fld);
C(lwsp,   CLWSP,  "010 . ..... ..... 10", lw);
RV_RESERVED(c_2_010,   "010 . 00000 ..... 10");
C(ldsp, CLDSP, "011 . ..... ..... 10", ld);
RV_RESERVED(c_2_011,   "011 . 00000 ..... 10");
C(mv, CMV, "100 0 ..... ..... 10", add);
C(jr, CJR, "100 0 ..... 00000 10", jalr);
RV_RESERVED(c_2_1000,  "100 0 00000 00000 10");
C(add,    CADD,   "100 1 ..... ..... 10", add);
C(jalr,   CJALR,  "100 1 ..... 00000 10", jalr);
C(ebreak, SYS,    "100 1 00000 00000 10", ebreak);
CD(fsdsp, CFSDSP, "101 ...... ..... 10",  RV_FP_QUIET, fsd);
C(swsp,   CSWSP,  "110 ...... ..... 10",  sw);
C(sdsp,   CSDSP,  "111 ...... ..... 10",  sd);
