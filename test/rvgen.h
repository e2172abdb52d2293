/* test/rvgen.h - random RISC-V programs from the decoder's rows: user level, no traps, finite. */
#ifndef TEST_RVGEN_H
#define TEST_RVGEN_H
#include "guest/decode.h"
#include "test/hart.h"

enum {
    RVGEN_BASE = HART_RAM, /* where the program is loaded and entered */
    RVGEN_ITEMS = 40,
    RVGEN_REGS = 65,     /* x0..x31, f0..f31, fcsr */
    RVGEN_WINDOW = 8192, /* bytes that loads and stores reach */
};
struct rvgen_item { /* what stays together: one to three instructions, 0 ends */
    u32 word[3];
    u8 kind;
    u8 skip; /* a transfer goes over so many items */
};
enum {
    RVGEN_PLAIN,
    RVGEN_DIRECT,   /* a branch or jump: distance filled in by rvgen_image */
    RVGEN_INDIRECT, /* auipc, then an I form that adds the distance */
};
struct rvgen_block { /* starts from `reg`, ends by storing all registers */
    u64 reg[RVGEN_REGS];
    struct rvgen_item item[RVGEN_ITEMS];
    u32 n;
    u32 loop_from, loop_to, loops; /* these items run so many times */
};
struct rvgen_record { /* of one block, in the program's data */
    u64 before[RVGEN_REGS], after[RVGEN_REGS];
};
/* Equal seeds make equal blocks. */
void rvgen_block(struct rvgen_block *, u64 seed);
/* How often rows were used by this process; NULL for those this generator does not make. */
const u32 *rvgen_uses(const struct insn *row);

struct rvgen_image { /* the program in memory: write(1, data, data_len), then exit(0), by ecall */
    u8 *bytes;
    u64 len, data, data_len; /* data: offset of the records, followed by the window */
};
void rvgen_image(struct rvgen_image *, const struct rvgen_block *, u32 n, u64 window_seed);
#endif
