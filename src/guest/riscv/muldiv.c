/* guest/riscv/muldiv.c - M: multiplication and division (unpriv 13). */
#include "guest/riscv/riscv.h"

/* clang-format off */
RV(mul,    R, "0000001 ..... ..... 000 ..... 0110011", RVM) { rr64(l, a, IR_mul); }
RV(mulh,   R, "0000001 ..... ..... 001 ..... 0110011", RVM) { rr64(l, a, IR_mulhs); }
RV(mulhsu, R, "0000001 ..... ..... 010 ..... 0110011", RVM) { rr64(l, a, IR_mulhsu); }
RV(mulhu,  R, "0000001 ..... ..... 011 ..... 0110011", RVM) { rr64(l, a, IR_mulhu); }
RV(div,    R, "0000001 ..... ..... 100 ..... 0110011", RVM) { rr64(l, a, IR_divs); }
RV(divu,   R, "0000001 ..... ..... 101 ..... 0110011", RVM) { rr64(l, a, IR_divu); }
RV(rem,    R, "0000001 ..... ..... 110 ..... 0110011", RVM) { rr64(l, a, IR_rems); }
RV(remu,   R, "0000001 ..... ..... 111 ..... 0110011", RVM) { rr64(l, a, IR_remu); }
RV(mulw,   R, "0000001 ..... ..... 000 ..... 0111011", RVM) { rr32(l, a, IR_mul); }
RV(divw,   R, "0000001 ..... ..... 100 ..... 0111011", RVM) { rr32(l, a, IR_divs); }
RV(divuw,  R, "0000001 ..... ..... 101 ..... 0111011", RVM) { rr32(l, a, IR_divu); }
RV(remw,   R, "0000001 ..... ..... 110 ..... 0111011", RVM) { rr32(l, a, IR_rems); }
RV(remuw,  R, "0000001 ..... ..... 111 ..... 0111011", RVM) { rr32(l, a, IR_remu); }
