/* test/hart.c - a RISC-V hart for tests: see hart.h. */
#include <assert.h>
#include "base/clock.h"
#include "test/hart.h"

/* clang-format off */
const struct hart_mode hart_modes[] = {
    {"level 0, plain", 0, true, false},
    {"level 0", 0, false, false},
    {"level 1", 1, false, false},
    {"level 2, plain", 2, true, false},
    {"level 2", 2, false, false},
    {"jit, level 0", 0, false, true},
    {"jit, level 1", 1, false, true},
    {"jit, level 2", 2, false, true},
};
/* clang-format on */
const unsigned hart_n_modes = ARRAY_LEN(hart_modes);

enum { CODE_MEMORY = 16 << 20 };

/* On the vCPU's thread: every trap ends the run instead of being taken. */
static bool stop_at_trap(void *arg, struct cpu *c)
{
    struct hart *h = arg;
    cpu_park(c, true);
    mutex_lock(&h->lock);
    h->raised = true;
    cond_signal(&h->stopped);
    mutex_unlock(&h->lock);
    return true;
}

struct hart *hart_new(u64 ram_size, const struct hart_mode *mode)
{
    struct error err;
    struct hart *h = new(struct hart);
    struct engine_opts opts = {.mode = mode->jit ? ENGINE_JIT : ENGINE_INTERP,
                               .level = mode->level,
                               .cache_size = CODE_MEMORY};
    h->mode = mode;
    h->ram = ram_new(ram_size, false, &err);
    h->space = space_new();
    h->ir = new(struct ir);
    mutex_init(&h->lock, RANK_LEAF, "hart");
    cond_init(&h->stopped);
    bool ok = h->ram && space_add_ram(h->space, HART_RAM, h->ram, 0, ram_size, false, &err);
    assert(ok);
    h->engine = engine_new(guest_find("riscv64"), h->space, h->ram, &opts, &err);
    assert(h->engine);
    engine_trap_hook(h->engine, stop_at_trap, h);
    h->cpu = rv_cpu(engine_add_cpu(h->engine, NULL, &err));
    h->cpu->mstatus |= 3 << 13; /* FS: Dirty */
    rv_mode_changed(h->cpu);
    h->cpu->c.pc = HART_RAM;
    return h;
}

void hart_free(struct hart *h)
{
    engine_free(h->engine);
    cond_fini(&h->stopped);
    mutex_fini(&h->lock);
    space_free(h->space);
    ram_free(h->ram);
    free(h->ir);
    free(h);
}

void *hart_at(struct hart *h, u64 addr) { return h->ram->host + (addr - HART_RAM); }

/* ---- on the interpreter ------------------------------------------------------------------- */
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

static void lift_at(struct hart *h, u64 pc)
{
    const struct cpu *c = &h->cpu->c;
    unsigned avail = PAGE_SIZE - (pc & PAGE_MASK);
    unsigned more = (unsigned)MIN(h->ram->size - (pc - HART_RAM) - avail, PAGE_SIZE);
    const u8 *code = hart_at(h, pc);
    h->ir->plain = h->mode->plain;
    unsigned n = lift_unit(c->guest, h->ir, pc, c->tlb->key, code, avail,
                           more ? code + avail : NULL, more, h->mode->level);
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

static bool interpret(struct hart *h, u64 units)
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

/* ---- translated --------------------------------------------------------------------------- */
static bool translate(struct hart *h)
{
    enum { MINUTE = 60 };
    u64 deadline = clock_host_ns() + MINUTE * 1000000000ull;
    bool in_time = true;
    h->raised = false;
    cpu_park(&h->cpu->c, false);
    engine_start(h->engine);
    mutex_lock(&h->lock);
    while (!h->raised && in_time)
        in_time = cond_wait_until(&h->stopped, &h->lock, deadline);
    mutex_unlock(&h->lock);
    engine_stop(h->engine);
    h->cpu->c.exc = h->raised;
    return h->raised;
}

bool hart_run(struct hart *h, u64 units)
{
    h->cpu->c.exc = 0;
    return h->mode->jit ? translate(h) : interpret(h, units);
}
