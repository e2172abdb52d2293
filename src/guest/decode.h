/* guest/decode.h - fixed-width instructions: one INSN() row each, with its picture and its body.
 *
 * A row feeds the decoder, the unit former (where control goes), the lifter, the disassembler and
 * the tests' random programs. Pictures are the manual's: '0' and '1' are fixed bits, '.' is an
 * operand bit, spaces are for the eye. When two pictures match, the one that fixes more bits wins:
 * a hint, an alias or a reserved corner of an encoding is simply a row of its own.
 */
#ifndef GUEST_DECODE_H
#define GUEST_DECODE_H
#include "base/base.h"

struct lift;
struct args { /* what a format pulls out of an instruction word */
    u32 word;
    u8 rd, rs1, rs2, rs3;
    u8 mode; /* rounding mode, fence sets: the guest's own */
    i64 imm;
};
struct format {
    void (*decode)(u32 word, struct args *); /* word and zeroes are already there */
    const char *show; /* operands as text, in the letters of the guest's disassembler */
    u8 flow;          /* enum flow_kind */
};
struct insn {
    const char *name, *picture;
    const struct format *format;
    void (*lift)(struct lift *, const struct args *); /* NULL: reserved, as if no row matched */
    u32 needs; /* the guest's own bits: extensions that must be present and the like */
};

#define INSN_ROW(isa, id, fmt, picture, needs, body)                                            \
    static const struct insn isa##_##id##_insn = {#id, picture, &isa##_fmt_##fmt, body, needs}; \
    static const struct insn *const isa##_##id##_reg                                            \
        __attribute__((used, retain, section("insn_" #isa))) = &isa##_##id##_insn
/* INSN(riscv, addi, I, "............ ..... 000 ..... 0010011", 0) { body }: l lifts operands a. */
#define INSN(isa, id, fmt, picture, needs)               \
    void isa##_##id(struct lift *, const struct args *); \
    INSN_ROW(isa, id, fmt, picture, needs, isa##_##id);  \
    void isa##_##id(struct lift *l, const struct args *a)
/* Another picture (a compressed form) of the instruction `same`. */
#define INSN_SAME(isa, id, fmt, picture, needs, same)      \
    void isa##_##same(struct lift *, const struct args *); \
    INSN_ROW(isa, id, fmt, picture, needs, isa##_##same)
/* A corner of another picture that means nothing. */
#define INSN_RESERVED(isa, id, fmt, picture) INSN_ROW(isa, id, fmt, picture, 0, NULL)

/* Builds the tree of the rows whose picture has `width` bits (at most 32); never NULL. */
struct decoder *decoder_new(const struct insn *const *first, const struct insn *const *end,
                            unsigned width);
void decoder_free(struct decoder *);
/* The row that matches, or NULL. Any thread. */
const struct insn *decode(const struct decoder *, u32 word);
/* The picture's fixed bits; false when it is not `width` bits of 0, 1 and '.'. */
bool insn_picture(const struct insn *, unsigned width, u32 *mask, u32 *value);
/* For tests, n cubed: no two rows match the same word unless one is more special than the other. */
bool decoder_check(const struct insn *const *first, const struct insn *const *end, unsigned width,
                   struct error *);
#endif
