/* guest/guest.h - what an instruction set provides: registers, lifting, page walks, traps. */
#ifndef GUEST_GUEST_H
#define GUEST_GUEST_H
#include "ir/ir.h"
#include "mem/cpu.h"

/* Where control goes after an instruction: enough to form units without lifting. */
enum flow_kind {
    FLOW_NEXT,     /* falls through */
    FLOW_BRANCH,   /* conditional, direct: target or next */
    FLOW_JUMP,     /* unconditional, direct */
    FLOW_CALL,     /* direct, links */
    FLOW_INDIRECT, /* jump, call or return through a register */
    FLOW_STOP,     /* ends a unit: system instructions, traps, illegal */
};
struct flow {
    u8 len; /* bytes; 0: needs more bytes than were given (instruction crosses the page) */
    u8 kind;
    gva target;
};

/* Lifting one unit. guest/lift.c fills it and calls guest->lift for each instruction. */
struct lift {
    struct ir *ir;
    const struct guest *guest;
    gva pc;         /* of the instruction to lift */
    const u8 *code; /* its bytes, `len` of them */
    u8 len;
    u32 key;    /* guest's mode key: constant within the unit */
    bool ended; /* the instruction ended the unit (exit emitted) */
    void *unit; /* private to guest/lift.c */
};
/* For instruction bodies: direct control transfers. They become branches inside the unit or exits.
 * A branch that is not taken falls through. */
void lift_jump(struct lift *, gva target);
void lift_branch(struct lift *, enum ir_type width, enum ir_cc, val a, val b, gva target);

struct guest_reg { /* one register table: debugger, monitor, dump, tests */
    const char *name;
    u32 off;
    u8 bits;
};
/* Why generated code goes back to the run loop; pc is true. */
enum exitx_reason {
    EXITX_NEXT, /* look up and go on: mode, mapping or code changed */
    EXITX_HALT, /* wait for an interrupt */
};

struct guest {
    const char *name;
    u32 cpu_size;
    const struct ir_slot *slots;
    u32 n_slots;
    const u8 *hot; /* slots in order of use, integer ones: candidates for host registers; 0 ends */
    const u8 *hot_fp;
    const struct guest_reg *regs;
    u8 min_insn; /* shift of pc for hashing: 1 for compressed RISC-V */

    /* Once; model: "rv64,sv48=off" or NULL. */
    bool (*init)(struct cpu *, const char *model, struct error *);
    void (*reset)(struct cpu *);
    void (*fini)(struct cpu *);
    void (*flow)(gva pc, const u8 *code, unsigned avail, u32 key, struct flow *);
    void (*lift)(struct lift *);
    /* False: raised (cpu_raise) with the cause for this access. May set A and D. Own thread. */
    bool (*walk)(struct cpu *, gva, enum access, struct walk *);
    /* A misaligned or unanswered access: raise the guest's cause for it. */
    void (*access_fault)(struct cpu *, gva, enum access, bool misaligned);
    void (*raise)(struct cpu *);      /* deliver cpu->exc: new pc and mode */
    bool (*interrupt)(struct cpu *);  /* take the highest pending enabled interrupt, if any */
    bool (*wake)(const struct cpu *); /* something is pending that ends a halt */
    /* One instruction as text; returns its length (0: not enough bytes). */
    unsigned (*disasm)(gva pc, const u8 *code, unsigned avail, char *out, size_t size);
};
REGISTRY(guest);
#define GUEST(id, ...)                                    \
    static const struct guest id##_guest = {__VA_ARGS__}; \
    REGISTER(guest, id##_guest)
const struct guest *guest_find(const char *name);

/* Sets or clears an interrupt line bit and wakes the CPU (engine installs the kick). Any thread. */
void cpu_irq(struct cpu *, unsigned bit, bool level);
extern void (*cpu_kick)(struct cpu *); /* set by the engine at start */
/* An instruction-fetch fence: returns when translation sees every store that came before it. Own
 * thread. */
extern const struct ir_helper guest_h_sync_code;
extern void (*cpu_sync_code)(struct cpu *); /* set by the engine at start */

/* Forms and lifts one unit that starts at pc. `code`: from pc to the end of its page; `next`: first
 * bytes of the following page, or NULL when only a crossing first instruction may use it.
 * level 0: one guest instruction; 1: straight run; 2: loops and joins inside. Returns the bytes of
 * guest code covered; 0: the first instruction crosses the page and `next` is NULL. */
unsigned lift_unit(const struct guest *, struct ir *, gva pc, u32 key, const u8 *code,
                   unsigned avail, const u8 *next, unsigned next_avail, int level);
#endif
