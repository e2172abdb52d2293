/* jit/jit_test.c - random units do on the host CPU what they do in the IR interpreter. */
#include <assert.h>
#include "jit/jit.h"
#include "test/irgen.h"

enum { WINDOW = 0x40000000, ROUNDS = 1500 };

/* The generator's registers, at home in a real CPU struct. */
static struct ir_slot slots[64];
static const u8 hot[] = {1, 2, 3, 4, 5, 30, 7, 8, 0},
                hot_fp[] = {33, 34, 35, 36, 37, 38, 39, 40, 0};

static u64 reads(void *cpu, u64 a, u64 b, u64 c)
{
    const struct cpu *k = cpu;
    return (k->r[1] + k->r[33]) ^ a ^ b ^ c;
}
static u64 writes(void *cpu, u64 a, u64 b, u64 c)
{
    struct cpu *k = cpu;
    u64 old = k->r[2];
    k->r[2] ^= a + k->r[1];
    k->r[20] += b;
    k->r[34] = b + c;
    return old;
}
static u64 faults(void *cpu, u64 a, u64 b, u64 c)
{
    if ((a ^ b) % 8 == 7)
        cpu_raise(cpu, 1, 0);
    return c;
}
static u64 rounds(void *cpu, u64 a, u64 b, u64 c)
{
    struct cpu *k = cpu;
    u32 old = k->mxcsr & ~2u; /* see collect() */
    k->mxcsr = 0x1f80 | (u32)((a ^ b ^ c) % 4) << 13;
    return old;
}
static const struct ir_helper h_reads = {"reads", reads, HELP_READS},
                              h_writes = {"writes", writes, HELP_WRITES},
                              h_faults = {"faults", faults, HELP_FAULT},
                              h_rounds = {"rounds", rounds, HELP_FP};
static const struct ir_helper *const helpers[] = {&irgen_pure, &h_reads, &h_writes, &h_faults,
                                                  &h_rounds};

static bool walk(struct cpu *c, gva a, enum access kind, struct walk *w)
{
    if (a < WINDOW || a - WINDOW >= IRGEN_WINDOW) {
        cpu_raise(c, 2 + kind, a);
        return false;
    }
    *w = (struct walk){
        .pa = a, .page_bits = PAGE_BITS, .read = true, .write = true, .cacheable = true};
    return true;
}
static void access_fault(struct cpu *c, gva a, enum access kind, bool misaligned)
{
    (void)misaligned;
    cpu_raise(c, 5 + kind, a);
}

static struct rig {
    struct cpu *cpu;
    struct ram *ram;
    struct space *space;
    struct jit *jit;
    struct irgen_opts opts;
    struct ir ir, original;
    u64 seed;
    struct jit_unit unit; /* the one that runs */
} rig;

static const struct jit_unit *the_unit(struct cpu *c, const u8 *host)
{
    (void)c, (void)host;
    return &rig.unit;
}

static void rig_init(void)
{
    struct error err;
    for (unsigned i = 0; i < ARRAY_LEN(slots); i++) {
        slots[i] = irgen_slots[i];
        slots[i].off = (u32)(offsetof(struct cpu, r) + 8 * i);
    }
    struct jit_config cfg = {
        .slots = slots, .n_slots = 64, .hot = hot, .hot_fp = hot_fp, .cache_size = 1 << 20};
    rig.jit = jit_new(&cfg, &err);
    assert(rig.jit);
    rig.ram = ram_new(IRGEN_WINDOW, false, &err);
    rig.space = space_new();
    assert(rig.ram && space_add_ram(rig.space, WINDOW, rig.ram, 0, IRGEN_WINDOW, false, &err));
    rig.cpu = new(struct cpu);
    *rig.cpu = (struct cpu){.space = rig.space,
                            .ram = rig.ram,
                            .walk = walk,
                            .access_fault = access_fault,
                            .host_mxcsr = 0x1f80};
    jit_init_cpu(rig.cpu);
    tlb_select(rig.cpu, 0, 0, 0);
    jit_find_unit = the_unit;
    rig.opts = irgen_default;
    rig.opts.slots = slots;
    rig.opts.field = offsetof(struct cpu, res_addr);
    rig.opts.pc = offsetof(struct cpu, pc);
    rig.opts.helpers = helpers;
    rig.opts.n_helpers = ARRAY_LEN(helpers);
}

static void rig_fini(void)
{
    cpu_fini_tlb(rig.cpu);
    free(rig.cpu);
    space_free(rig.space);
    ram_free(rig.ram);
    jit_free(rig.jit);
}

/* What a run leaves behind. */
struct outcome {
    u64 r[64], pc, fields[2], how;
    u32 flags, exc;
    u8 window[IRGEN_WINDOW];
};
static struct outcome interpreted, translated;

static void reset(u64 seed)
{
    static struct irgen_cpu k;
    struct cpu *c = rig.cpu;
    irgen_reset(&k, seed);
    memcpy(c->r, k.r, sizeof k.r);
    memcpy(rig.ram->host, k.window, IRGEN_WINDOW);
    c->res_addr = k.field[0];
    c->res_value = k.field[1];
    c->mxcsr = k.mxcsr;
    c->exc = 0;
    c->pc = 0;
}

static void collect(struct outcome *o, u64 how, u64 pc)
{
    const struct cpu *c = rig.cpu;
    memset(o, 0, sizeof *o);
    memcpy(o->r, c->r, sizeof o->r);
    memcpy(o->window, rig.ram->host, IRGEN_WINDOW);
    o->pc = pc;
    o->fields[0] = c->res_addr;
    o->fields[1] = c->res_value;
    o->flags = c->mxcsr & ~2u; /* "denormal" is x86's alone */
    o->exc = c->exc;
    o->how = how;
}

static bool never(void *c) { return (void)c, false; }
static bool load(void *c, u64 a, u16 m, u64 *out) { return cpu_load(c, a, m, out); }
static bool store(void *c, u64 a, u16 m, u64 v) { return cpu_store(c, a, m, v); }
static bool amo(void *c, u64 a, u16 x, u64 v, u64 *old) { return cpu_amo(c, a, x, v, old); }
static bool cas(void *c, u64 a, u16 m, u64 e, u64 v, u64 *old)
{
    return cpu_cas(c, a, m, e, v, old);
}

static void run_interpreter(const struct ir *ir)
{
    struct cpu *c = rig.cpu;
    const struct ir_machine m = {.cpu = c,
                                 .mxcsr = &c->mxcsr,
                                 .pc = &c->pc,
                                 .exc = &c->exc,
                                 .load = load,
                                 .store = store,
                                 .amo = amo,
                                 .cas = cas,
                                 .poll = never};
    struct ir_result r = ir_interp(ir, &m);
    collect(&interpreted, r.end <= END_INDIRECT ? END_NEXT : r.end, r.end == END_EXITX ? 0 : r.pc);
    interpreted.how += r.end == END_EXITX ? 16 * r.reason : 0;
}

static void run_translated(const struct ir *ir)
{
    static const u8 ends[] = {[JIT_NEXT] = END_POLL,
                              [JIT_LINK] = END_NEXT,
                              [JIT_LINK_FAR] = END_NEXT,
                              [JIT_INDIRECT] = END_NEXT,
                              [JIT_EXCEPTION] = END_FAULT};
    struct cpu *c = rig.cpu;
    rig.unit = (struct jit_unit){.pc = ir->pc};
    assert(jit_compile(rig.jit, ir, &rig.unit) == JIT_MADE);
    struct jit_result r =
        jit_enter(rig.jit, c, rig.unit.code); /* checked: id 0 is in every fresh slot */
    u64 how = r.exit >= JIT_REASON ? END_EXITX + 16 * (r.exit - JIT_REASON) : ends[r.exit];
    if (interpreted.how % 16 == END_EXITX) /* pc is what helpers stored, here nothing */
        collect(&translated, r.exit == JIT_INDIRECT ? END_EXITX : how, 0);
    else
        collect(&translated, how, c->pc);
    jit_release(&rig.unit);
    jit_flush(rig.jit);
}

static bool differs(void *arg, const struct ir *ir)
{
    (void)arg;
    reset(rig.seed);
    run_interpreter(ir);
    reset(rig.seed);
    tlb_flush(rig.cpu, ~0ull, NULL, 0);
    run_translated(ir);
    return memcmp(&interpreted, &translated, sizeof interpreted) != 0;
}

static void report(void)
{
    irgen_shrink(&rig.ir, differs, NULL);
    differs(NULL, &rig.ir);
    fprintf(stderr, "seed %llu: host code and interpreter differ\n", (unsigned long long)rig.seed);
    ir_dump(&rig.ir, stderr);
    for (unsigned i = 0; i < 64; i++)
        if (interpreted.r[i] != translated.r[i])
            fprintf(stderr, "  %s: interpreter %llx, host %llx\n", slots[i].name,
                    (unsigned long long)interpreted.r[i], (unsigned long long)translated.r[i]);
    fprintf(stderr, "  end %llu/%llu pc %llx/%llx flags %x/%x exc %u/%u\n",
            (unsigned long long)interpreted.how, (unsigned long long)translated.how,
            (unsigned long long)interpreted.pc, (unsigned long long)translated.pc,
            interpreted.flags, translated.flags, interpreted.exc, translated.exc);
    abort();
}

static void compare(u64 seed, bool plain, bool optimize)
{
    rig.seed = seed;
    rig.ir.plain = plain;
    irgen(&rig.ir, seed, &rig.opts);
    if (optimize)
        ir_optimize(&rig.ir);
    if (differs(NULL, &rig.ir))
        report();
}

/* MYNA_SEEDS=first-last runs others than the usual ones. */
static void each_seed(bool plain, bool optimize)
{
    u64 first = 1, last = ROUNDS;
    const char *range = getenv("MYNA_SEEDS");
    if (range)
        sscanf(range, "%llu-%llu", (unsigned long long *)&first, (unsigned long long *)&last);
    rig_init();
    for (u64 seed = first; seed <= last; seed++)
        compare(seed, plain, optimize);
    rig_fini();
}

TEST(jit_plain) { each_seed(true, false); }
TEST(jit_folded) { each_seed(false, false); }
TEST(jit_optimized) { each_seed(false, true); }

/* A hundred values made, then all used: no place for them, and no harm done. */
TEST(jit_refuses_crowded_units)
{
    val v[100];
    struct ir *ir = &rig.ir;
    rig_init();
    ir->plain = false;
    ir_start(ir, slots, ARRAY_LEN(slots), 0x1000);
    ir_insn(ir, 0x1000, 4);
    for (unsigned i = 0; i < ARRAY_LEN(v); i++)
        v[i] = ir_bin(ir, IR_mul, I64, ir_get(ir, 1), ir_const(ir, 2 * i + 3));
    for (unsigned i = 0; i < ARRAY_LEN(v); i++)
        ir_set(ir, 2, ir_bin(ir, IR_xor, I64, ir_get(ir, 2), v[i]));
    ir_exit(ir, 0x1004);
    rig.unit = (struct jit_unit){.pc = 0x1000};
    assert(jit_compile(rig.jit, ir, &rig.unit) == JIT_CROWDED);
    rig_fini();
}
