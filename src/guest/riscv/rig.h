/* guest/riscv/rig.h - a hart with a little RAM, for tests of the privileged architecture. */
#ifndef GUEST_RISCV_RIG_H
#define GUEST_RISCV_RIG_H
#include <assert.h>
#include "base/clock.h"
#include "guest/riscv/cpu.h"

enum { RIG_RAM = 1 << 20 };
#define RIG_BASE 0x80000000ull

struct rig {
    struct space *space;
    struct ram *ram;
    struct rv_cpu *cpu;
};

/* A hart after reset; its clock stands at one second. */
static inline struct rig rig_new(const char *model)
{
    struct error err;
    struct rig r = {
        .space = space_new(), .ram = ram_new(RIG_RAM, false, &err), .cpu = new(struct rv_cpu)};
    assert(r.ram && space_add_ram(r.space, RIG_BASE, r.ram, 0, RIG_RAM, false, &err));
    r.cpu->c.guest = guest_find("riscv64");
    r.cpu->c.space = r.space;
    r.cpu->c.walk = rv_walk;
    r.cpu->c.access_fault = rv_access_fault;
    clock_fake(1000000000, 0);
    assert(rv_init(&r.cpu->c, model ? model : "max", &err));
    rv_reset(&r.cpu->c);
    return r;
}

static inline void rig_free(struct rig *r)
{
    cpu_fini_tlb(&r->cpu->c);
    free(r->cpu);
    space_free(r->space);
    ram_free(r->ram);
    clock_real();
}

/* The hart in `priv` with all of memory open to it. */
static inline void rig_open(struct rig *r, enum rv_priv priv)
{
    rv_pmp_write_addr(r->cpu, 0, ~0ull);
    rv_pmp_write_cfg(r->cpu, 0, 0x1f);
    rv_set_priv(r->cpu, priv);
}

static inline u64 *rig_word(struct rig *r, gpa at)
{
    return (u64 *)(void *)(r->ram->host + (at - RIG_BASE));
}

/* What a CSR reads; it must be readable. */
static inline u64 rig_csr(struct rig *r, unsigned number)
{
    u64 v = 0;
    assert(rv_csr_read(r->cpu, number, &v));
    return v;
}

/* Writes, and says what reads back. */
static inline u64 rig_set(struct rig *r, unsigned number, u64 v)
{
    assert(rv_csr_write(r->cpu, number, v));
    return rig_csr(r, number);
}

/* The cause of the exception that is pending, which is dropped; ~0: none is. */
static inline u64 rig_cause(struct rig *r)
{
    u64 cause = r->cpu->c.exc ? r->cpu->c.exc_cause : ~0ull;
    r->cpu->c.exc = 0;
    return cause;
}

static inline u64 rig_call(struct rig *r, const struct ir_helper *h, u64 a, u64 b, u64 c)
{
    return h->fn(&r->cpu->c, a, b, c);
}
#endif
