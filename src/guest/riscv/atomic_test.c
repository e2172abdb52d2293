/* guest/riscv/atomic_test.c - harts that really run at the same time lose no increment. */
#include <assert.h>
#include "base/bits.h"
#include "engine/engine.h"
#include "guest/riscv/cpu.h"

enum { HARTS = 4, TURNS = 20000, RAM = 0x80000000u, RAM_SIZE = 1 << 20, CELLS = RAM_SIZE / 2 };
enum { A0 = 10, A4 = 14, A5, A6 };

/* 1: lr.d t0,(a0); addi t0,t0,1; sc.d t1,t0,(a0); bnez t1,1b
 * 2: lr.w t0,(a1); addiw t0,t0,1; sc.w t1,t0,(a1); bnez t1,2b
 *    amoadd.d zero,a4,(a2); amoadd.w zero,a4,(a3)
 * 3: amoswap.w.aq t0,a4,(a5); bnez t0,3b; ld t0,8(a5); addi t0,t0,1; sd t0,8(a5)
 *    fence rw,w; amoswap.w.rl zero,zero,(a5)
 *    addi a6,a6,-1; bnez a6,1b; ecall */
static const u16 code[] = {
    0x32af, 0x1005, 0x0285, 0x332f, 0x1855, 0x1be3, 0xfe03, 0xa2af, 0x1005, 0x2285, 0xa32f, 0x1855,
    0x1be3, 0xfe03, 0x302f, 0x00e6, 0xa02f, 0x00e6, 0xa2af, 0x0ce7, 0x9ee3, 0xfe02, 0xb283, 0x0087,
    0x0285, 0xb423, 0x0057, 0x000f, 0x0310, 0xa02f, 0x0a07, 0x187d, 0x10e3, 0xfc08, 0x0073, 0x0000,
};

struct finish {
    struct mutex lock;
    struct cond changed;
    int ended;
    u64 wrong; /* traps that are no ecall */
};

static bool at_trap(void *arg, struct cpu *c)
{
    struct finish *f = arg;
    cpu_park(c, true);
    mutex_lock(&f->lock);
    f->ended++;
    f->wrong += c->exc_cause != RV_EXC_ECALL_M;
    cond_signal(&f->changed);
    mutex_unlock(&f->lock);
    return true;
}

static void add_hart(struct engine *e)
{
    struct error err;
    struct cpu *c = engine_add_cpu(e, NULL, &err);
    c->pc = RAM;
    for (int i = 0; i < 4; i++) /* a0 .. a3: four counters, two of them words */
        c->r[A0 + i] = RAM + CELLS + 8 * i;
    c->r[A4] = 1;
    c->r[A5] = RAM + CELLS + 64; /* a lock and what it guards */
    c->r[A6] = TURNS;
}

static void run(int mode)
{
    struct error err;
    struct finish f = {.ended = 0};
    const struct engine_opts opts = {.mode = mode, .level = 2};
    struct ram *ram = ram_new(RAM_SIZE, false, &err);
    struct space *space = space_new();
    bool ok = ram && space_add_ram(space, RAM, ram, 0, RAM_SIZE, false, &err);
    assert(ok);
    memcpy(ram->host, code, sizeof code);
    mutex_init(&f.lock, RANK_LEAF, "finish");
    cond_init(&f.changed);
    struct engine *e = engine_new(guest_find("riscv64"), space, ram, &opts, &err);
    engine_trap_hook(e, at_trap, &f);
    for (int i = 0; i < HARTS; i++)
        add_hart(e);
    engine_start(e);
    mutex_lock(&f.lock);
    while (f.ended < HARTS)
        cond_wait(&f.changed, &f.lock);
    mutex_unlock(&f.lock);
    engine_free(e);
    assert(!f.wrong);
    for (int i = 0; i < 4; i++)
        assert(ld_le64(ram->host + CELLS + 8 * i) == HARTS * TURNS);
    assert(ld_le64(ram->host + CELLS + 72) == HARTS * TURNS);
    space_free(space);
    ram_free(ram);
    mutex_fini(&f.lock);
    cond_fini(&f.changed);
}

TEST(atomics_translated) { run(ENGINE_JIT); }
TEST(atomics_interpreted) { run(ENGINE_INTERP); }
