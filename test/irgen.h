/* test/irgen.h - random units of IR, a machine to run them on, and a shrinker. */
#ifndef TEST_IRGEN_H
#define TEST_IRGEN_H
#include "ir/ir.h"

enum { IRGEN_WINDOW = 65536 }; /* bytes of guest memory that units access */

/* What units are made of. Any machine will do whose CPU struct holds the slots and fields named
 * here, whose slot `base` holds the address of the window, and on which the 64 KiB after the window
 * fault. */
struct irgen_opts {
    const struct ir_slot *slots;
    u32 n_slots;
    u32 base;  /* I64 slot: address of the window; units do not set it */
    u32 count; /* I64 slot: what bounds loops; units set it first */
    u32 field; /* offset of 16 bytes in the CPU struct for lde and ste */
    u32 pc;    /* offset of the pc in the CPU struct */
    const struct ir_helper *const *helpers;
    u32 n_helpers;  /* may be 0 */
    unsigned insns; /* guest instructions, about */
    bool floats, atomics, faults, control;
};

/* The unit of this seed; the same program with ir->plain set or not. It verifies and ends in an
 * exit. */
void irgen(struct ir *, u64 seed, const struct irgen_opts *);

/* Slots r0..r31 and f0..f31, at home in struct irgen_cpu; a helper that works on any CPU. */
extern const struct ir_slot irgen_slots[64];
extern const struct ir_helper irgen_pure;

/* A machine for ir_interp, and options that fit it (60 instructions, everything on). */
struct irgen_cpu {
    u64 r[64];
    u64 pc, field[2];
    u32 mxcsr, exc;
    u32 polls, poll_limit; /* the poll number poll_limit leaves */
    u8 window[IRGEN_WINDOW];
};
extern const struct irgen_opts irgen_default;
void irgen_reset(struct irgen_cpu *, u64 seed); /* random registers and memory */
struct ir_result irgen_run(const struct ir *, struct irgen_cpu *);

/* Makes the unit smaller while it verifies and fails(): drops instructions, puts constants for
 * values. Loops keep their polls but may lose their count: fails() must leave at a poll some day.
 */
void irgen_shrink(struct ir *, bool (*fails)(void *arg, const struct ir *), void *arg);
#endif
