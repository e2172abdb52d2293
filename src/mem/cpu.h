/* mem/cpu.h - the head of every guest CPU, and its translation buffers: what generated code
 * touches. */
#ifndef MEM_CPU_H
#define MEM_CPU_H
#include "ir/ir.h"
#include "mem/space.h"

struct guest;
struct vcpu;

enum {
    TLB_BITS = 11,
    TLB_SIZE = 1 << TLB_BITS,
    NEAR_SIZE = 64,
    FETCH_BITS = 10,
    FETCH_SIZE = 1 << FETCH_BITS,
    JUMP_BITS = 12,
    JUMP_SIZE = 1 << JUMP_BITS,
    TLB_CONTEXTS = 16,
};
/* tag = page address; any flag bit makes the fast path's compare fail. host = address + addend;
 * with TLB_IO: physical = address + addend. */
enum { TLB_SLOW = 1u << 11, TLB_INVALID = 1u << 10, TLB_IO = 1u << 9, TLB_FLAGS = PAGE_MASK };
struct tlb_entry {
    u64 tag, addend;
};
/* One address-space context: translations under one (root, mode, key). r15 points here in generated
 * code. */
struct tlb {
    struct tlb_entry read[TLB_SIZE], write[TLB_SIZE];
    struct tlb_entry near_read[NEAR_SIZE], near_write[NEAR_SIZE]; /* jit/x64_mem.c: near probes */
    u32 fetch[FETCH_SIZE]; /* mapping id of the page that executes at this address; 0: unknown */
    u64 root;              /* page-table root incl. ASID as the guest gave it (satp) */
    u32 mode; /* what else decides data access: privilege, SUM, MXR ... guest's own bits */
    u32 key;  /* what is constant in translations: see guest_ops.lift */
    bool near_used; /* was active since the near entries were cleared */
    /* bit n: group n (1/32 of the entries) holds something */
    u64 used_read, used_write, used_fetch;
    u64 large_base, large_mask; /* where mappings larger than a page lie; mask 0: there are none */
};

enum access { ACCESS_READ, ACCESS_WRITE, ACCESS_FETCH };
struct walk { /* a translated page: what a guest's page walk answers */
    gpa pa;   /* of the address asked for */
    u8 page_bits; /* size of the mapping; at least 12 */
    /* What the TLB may allow without asking again; write only when the page is dirty already. */
    bool read, write, exec;
    bool cacheable; /* false: the answer holds for this access only (PMP finer than a page) */
};

struct cpu {
    u32 exit_req; /* atomic; nonzero: leave generated code at the next poll. First: see jit/jit.h */
    u32 exc;      /* nonzero: a synchronous exception is pending (set with cpu_raise) */
    u64 r[64];    /* guest registers; the first take one-byte displacements in generated code */
    u64 pc;       /* true outside generated code and where helpers that fault are called */
    struct tlb *tlb;                      /* the active context */
    u64 exc_cause, exc_value; /* guest's own numbers */
    u32 mxcsr; /* the guest's rounding mode and sticky flags while generated code does not run */
    u32 host_mxcsr;          /* what C code runs with */
    u64 res_addr, res_value; /* load-reserved: address (~0: none) and what was read */
    const struct guest *guest;
    struct space *space;
    struct ram *ram;   /* the machine's main memory */
    struct vcpu *vcpu; /* the engine's side */
    /* The guest's page walk and its access fault, from its struct guest (mem/ does not know
     * guests). */
    bool (*walk)(struct cpu *, gva, enum access, struct walk *);
    void (*access_fault)(struct cpu *, gva, enum access, bool misaligned);
    struct tlb *contexts[TLB_CONTEXTS]; /* tlb_select's, last used first */
    int n_contexts;
    int index;         /* 0 .. */
    u64 irq_pending;   /* atomic bits, guest's numbering; set with cpu_irq */
    u64 slow_accesses; /* statistics */
    u64 consts[8][2];  /* constants that generated code takes from memory (jit_init_cpu) */
    /* Where indirect jumps go: guest pc to host code, direct mapped; the target checks its own
     * mapping. */
    struct jump {
        u64 pc;
        const void *host;
    } jump[JUMP_SIZE];
};

/* A synchronous exception: first one wins. The run loop delivers it with guest->raise at cpu->pc.
 * */
static inline void cpu_raise(struct cpu *c, u64 cause, u64 value)
{
    if (!c->exc) {
        c->exc = 1;
        c->exc_cause = cause;
        c->exc_value = value;
    }
}

/* Makes the context of (root, mode, key) the active one; called by the guest after every change of
 * what they are made of. Own thread only. */
void tlb_select(struct cpu *, u64 root, u32 mode, u32 key);
/* Forget translations of every context for which match(root) holds (NULL: all); page ~0: all pages.
 * Own thread. */
void tlb_flush(struct cpu *, u64 page, bool (*match)(u64 root, u64 arg), u64 arg);
/* Loads and stores as the guest does them, slow but complete: TLB, walk, MMIO, page crossing.
 * False: raised. Own thread. */
bool cpu_load(struct cpu *, gva addr, u16 mop, u64 *out);
bool cpu_store(struct cpu *, gva addr, u16 mop, u64 v);
/* Atomic read-modify-write as IR_amo and IR_cas. Memory-mapped devices raise an access fault. */
bool cpu_amo(struct cpu *, gva addr, u16 aux, u64 v, u64 *old);
bool cpu_cas(struct cpu *, gva addr, u16 mop, u64 expected, u64 v, u64 *old);

/* Physical page behind a fetch address and its RAM; false: raised. Not cached here: see tlb->fetch.
 * */
bool cpu_fetch_page(struct cpu *, gva addr, gpa *pa, const u8 **host);
/* Stores to RAM page `host` (page aligned) leave the fast path from now on; true: one could have
 * been on it. Own thread. */
bool tlb_slow_page(struct cpu *, const u8 *host);
void cpu_fini_tlb(struct cpu *); /* frees the contexts */
#endif
