/* test/hart.h - a RISC-V hart with nothing but RAM, run unit by unit by the IR interpreter. */
#ifndef TEST_HART_H
#define TEST_HART_H
#include "guest/riscv/cpu.h"

enum { HART_RAM = 0x80000000u };
struct hart {
    struct rv_cpu *cpu; /* reset: M-mode, no translation, floating point on and dirty */
    struct ram *ram;    /* at HART_RAM */
    struct space *space;
    struct ir *ir;
    const struct hart_mode *mode;
};
extern const struct hart_mode { /* the ways to run that must all agree */
    const char *name;
    int level;  /* of units; at 2 they are optimized too */
    bool plain; /* built without folding */
} hart_modes[];
extern const unsigned hart_n_modes;
struct hart *hart_new(u64 ram_size);
void hart_free(struct hart *);
void hart_reset(struct hart *);
void *hart_at(struct hart *, u64 addr); /* the RAM behind it */
/* Runs from c.pc until an exception is raised, which stays in c.exc with c.pc where it happened;
 * false when none came within `units` units. */
bool hart_run(struct hart *, u64 units);
#endif
