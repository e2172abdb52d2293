/* test/hart.h - a RISC-V hart with nothing but RAM, on the IR interpreter or translated. */
#ifndef TEST_HART_H
#define TEST_HART_H
#include "engine/engine.h"
#include "guest/riscv/cpu.h"

enum { HART_RAM = 0x80000000u };
extern const struct hart_mode { /* the ways to run that must all agree */
    const char *name;
    int level;  /* of units; at 2 they are optimized too */
    bool plain; /* built without folding */
    bool jit;
} hart_modes[];
extern const unsigned hart_n_modes;

struct hart {
    const struct hart_mode *mode;
    struct rv_cpu *cpu;
    struct ram *ram; /* at HART_RAM */
    struct space *space;
    struct engine *engine;
    struct ir *ir;
    struct mutex lock; /* of what follows */
    struct cond stopped;
    bool raised;
};
/* Reset, in M-mode at HART_RAM, without translation, floating point on and dirty. */
struct hart *hart_new(u64 ram_size, const struct hart_mode *);
void hart_free(struct hart *);
void *hart_at(struct hart *, u64 addr); /* the RAM behind it */
/* Runs from c.pc until an exception is raised, which stays in c.exc with c.pc where it happened;
 * false when none came within so many units, or a minute. */
bool hart_run(struct hart *, u64 units);
#endif
