/* guest/riscv/atomic.c - A: reservations and read-modify-write (unpriv 14); fences (unpriv 2.7).
 *
 * The reservation is an address and the value read there. SC compares and swaps: it fails when the
 * value changed, and cannot tell a value that was changed and changed back.
 * .aq and .rl need no code: on the host every one of these is a locked instruction or a plain load.
 */
#include "guest/riscv/riscv.h"

enum { W = MOP_32 | MOP_SIGNED | MOP_ALIGNED, D = MOP_64 | MOP_ALIGNED };

static void amo(struct lift *l, const struct args *a, enum ir_amo op, u16 mop)
{
    setx(l, a->rd, ir_amo(l->ir, op, mop, x(l, a->rs1), x(l, a->rs2)));
}

/* clang-format off */
RV(amoswap_w, AMO, "00001 .. ..... ..... 010 ..... 0101111", RVA) { amo(l, a, AMO_SWAP, W); }
RV(amoadd_w,  AMO, "00000 .. ..... ..... 010 ..... 0101111", RVA) { amo(l, a, AMO_ADD, W); }
RV(amoxor_w,  AMO, "00100 .. ..... ..... 010 ..... 0101111", RVA) { amo(l, a, AMO_XOR, W); }
RV(amoand_w,  AMO, "01100 .. ..... ..... 010 ..... 0101111", RVA) { amo(l, a, AMO_AND, W); }
RV(amoor_w,   AMO, "01000 .. ..... ..... 010 ..... 0101111", RVA) { amo(l, a, AMO_OR, W); }
RV(amomin_w,  AMO, "10000 .. ..... ..... 010 ..... 0101111", RVA) { amo(l, a, AMO_MINS, W); }
RV(amomax_w,  AMO, "10100 .. ..... ..... 010 ..... 0101111", RVA) { amo(l, a, AMO_MAXS, W); }
RV(amominu_w, AMO, "11000 .. ..... ..... 010 ..... 0101111", RVA) { amo(l, a, AMO_MINU, W); }
RV(amomaxu_w, AMO, "11100 .. ..... ..... 010 ..... 0101111", RVA) { amo(l, a, AMO_MAXU, W); }
RV(amoswap_d, AMO, "00001 .. ..... ..... 011 ..... 0101111", RVA) { amo(l, a, AMO_SWAP, D); }
RV(amoadd_d,  AMO, "00000 .. ..... ..... 011 ..... 0101111", RVA) { amo(l, a, AMO_ADD, D); }
RV(amoxor_d,  AMO, "00100 .. ..... ..... 011 ..... 0101111", RVA) { amo(l, a, AMO_XOR, D); }
RV(amoand_d,  AMO, "01100 .. ..... ..... 011 ..... 0101111", RVA) { amo(l, a, AMO_AND, D); }
RV(amoor_d,   AMO, "01000 .. ..... ..... 011 ..... 0101111", RVA) { amo(l, a, AMO_OR, D); }
RV(amomin_d,  AMO, "10000 .. ..... ..... 011 ..... 0101111", RVA) { amo(l, a, AMO_MINS, D); }
RV(amomax_d,  AMO, "10100 .. ..... ..... 011 ..... 0101111", RVA) { amo(l, a, AMO_MAXS, D); }
RV(amominu_d, AMO, "11000 .. ..... ..... 011 ..... 0101111", RVA) { amo(l, a, AMO_MINU, D); }
RV(amomaxu_d, AMO, "11100 .. ..... ..... 011 ..... 0101111", RVA) { amo(l, a, AMO_MAXU, D); }
/* clang-format on */

enum { RES_ADDR = offsetof(struct cpu, res_addr), RES_VALUE = offsetof(struct cpu, res_value) };

static void drop_reservation(struct lift *l)
{
    ir_ste(l->ir, I64, RES_ADDR, ir_const(l->ir, ~0ull));
}

static void load_reserved(struct lift *l, const struct args *a, u16 mop)
{
    val addr = x(l, a->rs1), v = ir_ld(l->ir, mop, addr, 0);
    ir_ste(l->ir, I64, RES_ADDR, addr);
    ir_ste(l->ir, I64, RES_VALUE, v);
    setx(l, a->rd, v);
}

static void store_conditional(struct lift *l, const struct args *a, u16 mop)
{
    enum ir_type width = (mop & MOP_SIZE) == MOP_64 ? I64 : I32;
    u32 mismatch = ir_newlabel(l->ir), fail = ir_newlabel(l->ir), done = ir_newlabel(l->ir);
    val addr = x(l, a->rs1);
    ir_brcc(l->ir, I64, CC_NE, addr, ir_lde(l->ir, I64, RES_ADDR), mismatch);
    val expected = ir_lde(l->ir, I64, RES_VALUE);
    val old = ir_cas(l->ir, mop, addr, expected, x(l, a->rs2));
    drop_reservation(l);
    setx(l, a->rd, ir_setcc(l->ir, width, CC_NE, old, expected));
    ir_br(l->ir, done);

    ir_label(l->ir, mismatch); /* a misaligned address faults all the same */
    addr = x(l, a->rs1);
    val low = ir_bin(l->ir, IR_and, I64, addr, ir_const(l->ir, (1u << (mop & MOP_SIZE)) - 1));
    ir_brcc(l->ir, I64, CC_EQ, low, ir_const(l->ir, 0), fail);
    ir_ld(l->ir, mop | MOP_STORE_PROBE, addr, 0);
    ir_label(l->ir, fail);
    drop_reservation(l);
    setx(l, a->rd, ir_const(l->ir, 1));
    ir_label(l->ir, done);
}

RV(lr_w, LR, "00010 .. 00000 ..... 010 ..... 0101111", RVA) { load_reserved(l, a, W); }
RV(lr_d, LR, "00010 .. 00000 ..... 011 ..... 0101111", RVA) { load_reserved(l, a, D); }
RV(sc_w, AMO, "00011 .. ..... ..... 010 ..... 0101111", RVA) { store_conditional(l, a, W); }
RV(sc_d, AMO, "00011 .. ..... ..... 011 ..... 0101111", RVA) { store_conditional(l, a, D); }

/* The host keeps every order but a store before a later load. */
RV(fence, FENCE, ".... .... .... ..... 000 ..... 0001111", 0)
{
    enum { W_BEFORE = 0x50, R_AFTER = 0x0a };
    ir_fence(l->ir, a->mode & W_BEFORE && a->mode & R_AFTER);
}
RV(fence_tso, NONE, "1000 0011 0011 ..... 000 ..... 0001111", 0)
{
    (void)a;
    ir_fence(l->ir, false);
}
RV(pause, NONE, "0000 0001 0000 00000 000 00000 0001111", 0) { (void)l, (void)a; }
