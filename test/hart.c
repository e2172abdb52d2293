/* test/hart.c - see hart.h. */
#include <assert.h>
#include "test/hart.h"

const struct hart_mode hart_modes[] = {
    {"level 0, plain", 0, true}, {"level 0", 0, false}, {"level 1", 1, false},
    {"level 2, plain", 2, true}, {"level 2", 2, false},
};
const unsigned hart_n_modes = ARRAY_LEN(hart_modes);

static bool load(void *cpu, u64 addr, u16 mop, u64 *out) { return cpu_load(cpu, addr, mop, out); }
static bool store(void *cpu, u64 addr, u16 mop, u64 v) { return cpu_store(cpu, addr, mop, v); }
static bool amo(void *cpu, u64 addr, u16 aux, u64 v, u64 *old)
{
    return cpu_amo(cpu, addr, aux, v, old);
}
static bool cas(void *cpu, u64 addr, u16 mop, u64 expected, u64 v, u64 *old)
{
    return cpu_cas(cpu, addr, mop, expected, v, old);
}
static bool poll(void *cpu)
{
    (void)cpu;
    return false;
}

struct hart *hart_new(u64 ram_size)
{
    struct error err;
    struct hart *h = new(struct hart);
    const struct guest *g = guest_find("riscv64");
    h->mode = hart_modes;
    h->ram = ram_new(ram_size, false, &err);
    h->space = space_new();
    h->ir = new(struct ir);
    h->cpu = xalloc(g->cpu_size);
    struct cpu *c = &h->cpu->c;
    c->guest = g;
    c->space = h->space;
    c->walk = g->walk;
    c->access_fault = g->access_fault;
    bool ok = h->ram && space_add_ram(h->space, HART_RAM, h->ram, 0, ram_size, false, &err) &&
              g->init(c, NULL, &err);
    assert(ok);
    hart_reset(h);
    return h;
}

void hart_free(struct hart *h)
{
    h->cpu->c.guest->fini(&h->cpu->c);
    for (int i = 0; i < h->cpu->c.n_contexts; i++)
        free(h->cpu->c.contexts[i]);
    free(h->cpu);
    space_free(h->space);
    ram_free(h->ram);
    free(h->ir);
    free(h);
}

void hart_reset(struct hart *h)
{
    h->cpu->c.guest->reset(&h->cpu->c);
    h->cpu->c.exc = 0;
    h->cpu->mstatus |= 3 << 13; /* FS: Dirty */
    rv_mode_changed(h->cpu);
    h->cpu->c.pc = HART_RAM;
}

void *hart_at(struct hart *h, u64 addr) { return h->ram->host + (addr - HART_RAM); }

static void lift_at(struct hart *h, u64 pc)
{
    unsigned avail = PAGE_SIZE - (pc & PAGE_MASK);
    u64 left = h->ram->size - (pc - HART_RAM) - avail;
    const u8 *code = hart_at(h, pc);
    h->ir->plain = h->mode->plain;
    unsigned n =
        lift_unit(h->cpu->c.guest, h->ir, pc, h->cpu->c.tlb->key, code, avail,
                  left ? code + avail : NULL, (unsigned)MIN(left, PAGE_SIZE), h->mode->level);
    assert(n);
    struct error err;
    if (h->mode->level == 2)
        ir_optimize(h->ir);
    if (!ir_verify(h->ir, &err)) {
        fprintf(stderr, "unit at %#llx: %s\n", (unsigned long long)pc, err.msg);
        ir_dump(h->ir, stderr);
        abort();
    }
}

bool hart_run(struct hart *h, u64 units)
{
    struct cpu *c = &h->cpu->c;
    struct ir_machine m = {c, &c->mxcsr, &c->pc, &c->exc, load, store, amo, cas, poll};
    while (units--) {
        lift_at(h, c->pc);
        struct ir_result r = ir_interp(h->ir, &m);
        if (r.end == END_FAULT)
            return true;
        if (r.end != END_EXITX)
            c->pc = r.pc;
    }
    return false;
}
