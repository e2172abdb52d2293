/* engine/priv.h - what the files of the engine share. */
#ifndef ENGINE_PRIV_H
#define ENGINE_PRIV_H
#include "engine/engine.h"
#include "jit/jit.h"

/* A translated unit. Found by (pc, id); killed when its guest bytes are written; freed at the next
 * flush. */
struct unit {
    struct jit_unit j;
    u64 pa, pa2; /* RAM offsets: of the first byte; of the second page, if it reaches there */
    u32 len;     /* guest bytes covered */
    bool dead;
    struct unit *next; /* in its hash bucket */
    struct page_node { /* on the lists of the pages whose bytes it was made from */
        struct unit *unit;
        struct page_node *next;
    } node[2];
    struct in_link { /* exits of other units that jump here */
        u32 site;
        i32 old;
    } * links;
    u32 n_links;
};
struct mapping { /* a page executed at a virtual address under a key; its index is the mapping id */
    gva page;
    gpa pa;
    const u8 *host;
    u32 key;
    u32 next; /* in its hash bucket */
};
enum {
    UNIT_HASH_BITS = 16,
    UNIT_HASH = 1 << UNIT_HASH_BITS,
    MAP_HASH = 1 << 13,
    MAX_UNITS = 1 << 20,
    MAX_MAPPINGS = 1 << 20,
};

enum vcpu_state { VCPU_RUNNING, VCPU_HALTED, VCPU_PAUSED };
struct request { /* a call for a vCPU's thread; lives on the waiter's stack or the heap */
    void (*fn)(struct cpu *, void *);
    void *arg;
    struct request *next;
    bool waited, done;
};
struct vcpu {
    struct engine *engine;
    struct cpu *cpu;
    pthread_t thread;
    struct mutex lock; /* of what follows */
    struct cond wake;
    struct request *requests, **last;
    bool parked, paused;
    u32 code_pages; /* atomic: slow-page requests not yet handled */
    bool fence;     /* own thread: an instruction-fetch fence waits for them */
    struct ir *ir;  /* the interpreter's unit */
};
struct engine {
    const struct guest *guest;
    struct space *space;
    struct ram *ram;
    struct engine_opts opts;
    struct jit *jit; /* NULL: IR interpreter */
    struct vcpu *vcpu[64];
    unsigned n_vcpus;
    bool started, quit; /* quit: atomic */
    u32 running;        /* atomic: vCPU threads that may still want something of others */
    bool (*trap_hook)(void *, struct cpu *);
    void *trap_arg;

    u32 pausing; /* atomic: vCPUs stop at their next turn */

    struct mutex lock; /* translation: everything below; lookups read without it */
    struct unit *bucket[UNIT_HASH];
    struct unit **by_code; /* in order of code address */
    u32 n_units;
    struct mapping *mapping;
    u32 n_mappings, map_bucket[MAP_HASH];
    struct page_node **page; /* per RAM page */
    struct ir ir;
    struct engine_stats stats;
};

/* units.c */
bool units_init(struct engine *, struct error *);
void units_fini(struct engine *);
/* The unit at cpu->pc, translated if new. NULL: cpu->exc is set, or code memory was full and was
 * flushed. */
struct unit *unit_find(struct engine *, struct cpu *);
void unit_link(struct engine *, u32 site, struct unit *, bool far);
/* stops all and forgets all units; own thread */
void units_make_room(struct engine *, struct cpu *);
/* Lifts and optimizes the unit at cpu->pc; the engine's lock is held. 0: as for unit_mapping. */
unsigned unit_lift(struct engine *, struct cpu *, struct ir *, u32 id, u32 *id2, int level);
void unit_sync_code(struct cpu *); /* cpu_sync_code */
/* 0: cpu->exc is set, or the table is full */
u32 unit_mapping(struct engine *, struct cpu *, gva pc);

/* call.c */
void vcpu_requests(struct vcpu *);    /* runs what was posted; own thread */
void vcpu_pause_point(struct vcpu *); /* stays here while the engine is paused; own thread */
void vcpu_kick(struct vcpu *);
void vcpu_fence(struct vcpu *); /* the waiting part of a fence, if one was begun; own thread */
void vcpu_finish(struct vcpu *); /* serves the others until none needs it; own thread */
bool engine_pause(struct engine *,
                  struct vcpu *self); /* false: another stop was under way and has passed */
void engine_resume(struct engine *);

/* loop.c, interp.c, dump.c */
void *vcpu_main(void *);
void vcpu_enter_thread(struct vcpu *); /* this thread is v's from now on */
void vcpu_deliver(struct vcpu *);      /* cpu->exc: to the trap hook or the guest */
bool vcpu_interpret(struct vcpu *);    /* like the JIT's loop; true: the CPU halts */
/* what: "in", "ir0", "ir", "out"; prints when the engine's dump option lists it. */
void dump_unit(struct engine *, const char *what, const struct ir *, const struct unit *, gva pc,
               unsigned len, const u8 *code);
#endif
