/* jit/jit.h - from IR to x86-64 code: compile a unit, enter it, link its exits.
 *
 * Register convention, the same at every unit's entry and exit:
 *   r14 = &cpu + 128, r15 = cpu->tlb, rsp = the frame that jit_enter opened;
 *   the guest registers at the head of the guest's hot lists live in host registers (emit.h: pins),
 *   all other guest registers in the CPU struct; MXCSR is the guest's.
 * rax, rcx, rdx and xmm0-2 are scratch inside one operation; the rest hold values of the running
 * unit. A unit has two entries: `entry` polls cpu->exit_req and falls into the code; `checked`
 * first compares the active context's mapping ids with those that the unit was made under.
 */
#ifndef JIT_JIT_H
#define JIT_JIT_H
#include "ir/ir.h"
#include "mem/cpu.h"

struct jit;
struct jit_config {
    const struct ir_slot *slots;
    u32 n_slots;
    const u8 *hot, *hot_fp; /* slots for host registers, most used first; 0 ends */
    u64 cache_size;         /* bytes of code */
    bool perf_map;
};
/* NULL and an error when the host CPU lacks AVX, BMI or FMA, or gives no executable memory. */
struct jit *jit_new(const struct jit_config *, struct error *);
void jit_free(struct jit *);
void jit_init_cpu(struct cpu *); /* what generated code expects in a new CPU */

struct jit_pc { /* one place where code may fault or call out: host offset and guest pc offset */
    u32 host;
    i32 guest;
};
struct jit_unit {
    /* in: what to check on entry */
    u64 pc;
    u32 id, fetch_slot; /* mapping id of pc's page and its place in tlb->fetch */
    u32 id2,
        fetch_slot2; /* of the following page when the unit reaches into it; id2 0: it does not */
    /* out */
    const u8 *code;     /* executable view; also the checked entry */
    u32 size;           /* bytes */
    u32 entry, fail;    /* offsets: `entry`; where a failed check or a poll leaves */
    struct jit_pc *pcs; /* sorted by host; freed by jit_release */
    u32 n_pcs;
};
/* Compiles ir into code memory. FULL: flush and try again. CROWDED: more values live at once than
 * there are places for; make a smaller unit (one instruction always fits). One thread at a time. */
enum jit_made { JIT_MADE, JIT_FULL, JIT_CROWDED };
enum jit_made jit_compile(struct jit *, const struct ir *, struct jit_unit *);
void jit_release(struct jit_unit *);
/* Forgets all code. No CPU may be inside. */
void jit_flush(struct jit *);
u64 jit_used(const struct jit *); /* bytes */

/* Why jit_enter returned. In all cases cpu->pc and all guest state are true. */
enum jit_exit {
    JIT_NEXT,      /* go on at cpu->pc */
    JIT_LINK,      /* likewise, and the exit at `site` may be linked; target in the same page */
    JIT_LINK_FAR,  /* likewise, target in another page */
    JIT_INDIRECT,  /* go on at cpu->pc, which may be entered into the jump cache */
    JIT_EXCEPTION, /* cpu->exc is set */
    JIT_REASON,    /* + the reason given to ir_exitx, beyond EXITX_NEXT */
};
struct jit_result {
    u32 exit, site;
};
struct jit_result jit_enter(struct jit *, struct cpu *, const u8 *code);
/* Aims the exit at `site` at code (an entry or a checked entry); returns what undoes it. Any
 * thread. */
i32 jit_link(struct jit *, u32 site, const u8 *code);
void jit_unlink(struct jit *, u32 site, i32 old);
/* From now on the unit's entries leave to the run loop at once. Any thread. */
void jit_kill(struct jit *, const struct jit_unit *);
/* The guest pc of a host address inside the unit. */
u64 jit_guest_pc(const struct jit_unit *, const u8 *host);
/* Set by the engine: the unit that holds a host address. */
extern const struct jit_unit *(*jit_find_unit)(struct cpu *, const u8 *host);
#endif
