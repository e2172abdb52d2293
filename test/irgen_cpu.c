/* test/irgen_cpu.c - the machine that random units run on under the interpreter. */
#include <stddef.h>
#include "base/bits.h"
#include "test/irgen.h"

enum { BASE = 30, COUNT = 31 };
static const u64 window_at = 0x40000000;

/* clang-format off */
#define R(n) {"r" #n, 8 * (n), I64}
#define F(n) {"f" #n, 256 + 8 * (n), F64}
const struct ir_slot irgen_slots[64] = {
    R(0), R(1), R(2), R(3), R(4), R(5), R(6), R(7),
    R(8), R(9), R(10), R(11), R(12), R(13), R(14), R(15),
    R(16), R(17), R(18), R(19), R(20), R(21), R(22), R(23),
    R(24), R(25), R(26), R(27), R(28), R(29), R(30), R(31),
    F(0), F(1), F(2), F(3), F(4), F(5), F(6), F(7),
    F(8), F(9), F(10), F(11), F(12), F(13), F(14), F(15),
    F(16), F(17), F(18), F(19), F(20), F(21), F(22), F(23),
    F(24), F(25), F(26), F(27), F(28), F(29), F(30), F(31),
};
/* clang-format on */

/* ---- helpers --------------------------------------------------------------------------------- */

static u64 pure(void *cpu, u64 a, u64 b, u64 c)
{
    (void)cpu;
    return (a * 3 ^ b) + (c >> 1);
}

static u64 reads(void *cpu, u64 a, u64 b, u64 c)
{
    const struct irgen_cpu *k = cpu;
    return (k->r[1] + k->r[33]) ^ a ^ b ^ c;
}

static u64 writes(void *cpu, u64 a, u64 b, u64 c)
{
    struct irgen_cpu *k = cpu;
    u64 old = k->r[2];
    k->r[2] ^= a + k->r[1];
    k->r[34] = b + c;
    return old;
}

static u64 faults(void *cpu, u64 a, u64 b, u64 c)
{
    struct irgen_cpu *k = cpu;
    if ((a ^ b) % 8 == 7)
        k->exc = 1;
    return c;
}

static u64 rounds(void *cpu, u64 a, u64 b, u64 c)
{
    struct irgen_cpu *k = cpu;
    u32 old = k->mxcsr;
    k->mxcsr = 0x1f80 | (u32)(a ^ b ^ c) % 4 << 13;
    return old;
}

const struct ir_helper irgen_pure = {"pure", pure, HELP_PURE};
static const struct ir_helper h_reads = {"reads", reads, HELP_READS};
static const struct ir_helper h_writes = {"writes", writes, HELP_WRITES};
static const struct ir_helper h_faults = {"faults", faults, HELP_FAULT};
static const struct ir_helper h_rounds = {"rounds", rounds, HELP_FP};
static const struct ir_helper *const helpers[] = {&irgen_pure, &h_reads, &h_writes, &h_faults,
                                                  &h_rounds};

const struct irgen_opts irgen_default = {
    .slots = irgen_slots,
    .n_slots = ARRAY_LEN(irgen_slots),
    .base = BASE,
    .count = COUNT,
    .field = offsetof(struct irgen_cpu, field),
    .pc = offsetof(struct irgen_cpu, pc),
    .helpers = helpers,
    .n_helpers = ARRAY_LEN(helpers),
    .insns = 60,
    .floats = true,
    .atomics = true,
    .faults = true,
    .control = true,
};

/* ---- memory ---------------------------------------------------------------------------------- */

/* Where an access lands, or NULL: it raised. */
static u8 *place(struct irgen_cpu *k, u64 addr, u16 mop)
{
    u64 size = 1u << (mop & MOP_SIZE), off = addr - window_at;
    if (off > IRGEN_WINDOW - size || (mop & MOP_ALIGNED && addr % size)) {
        k->exc = 1;
        return NULL;
    }
    return k->window + off;
}

static u64 extended(u64 v, u16 mop)
{
    unsigned bits = 8u << (mop & MOP_SIZE);
    return mop & MOP_SIGNED ? (u64)sext(v, bits) : v & (~0ull >> (64 - bits));
}

static bool load(void *cpu, u64 addr, u16 mop, u64 *out)
{
    const u8 *p = place(cpu, addr, mop);
    if (!p)
        return false;
    *out = 0;
    memcpy(out, p, 1u << (mop & MOP_SIZE));
    *out = extended(*out, mop);
    return true;
}

static bool store(void *cpu, u64 addr, u16 mop, u64 v)
{
    u8 *p = place(cpu, addr, mop);
    if (p)
        memcpy(p, &v, 1u << (mop & MOP_SIZE));
    return p;
}

static u64 modified(enum ir_amo op, u64 old, u64 v, u16 mop)
{
    u64 uo = extended(old, mop & (u16)~MOP_SIGNED), uv = extended(v, mop & (u16)~MOP_SIGNED);
    i64 so = (i64)extended(old, mop | MOP_SIGNED), sv = (i64)extended(v, mop | MOP_SIGNED);
    switch (op) {
    case AMO_SWAP: return v;
    case AMO_ADD: return old + v;
    case AMO_AND: return old & v;
    case AMO_OR: return old | v;
    case AMO_XOR: return old ^ v;
    case AMO_MINS: return (u64)MIN(so, sv);
    case AMO_MAXS: return (u64)MAX(so, sv);
    case AMO_MINU: return MIN(uo, uv);
    case AMO_MAXU: return MAX(uo, uv);
    }
    return 0;
}

static bool amo(void *cpu, u64 addr, u16 aux, u64 v, u64 *old)
{
    u16 mop = aux & 0xff;
    return load(cpu, addr, mop, old) && store(cpu, addr, mop, modified(aux >> 8, *old, v, mop));
}

static bool cas(void *cpu, u64 addr, u16 mop, u64 expected, u64 v, u64 *old)
{
    if (!load(cpu, addr, mop, old))
        return false;
    return *old != extended(expected, mop) || store(cpu, addr, mop, v);
}

static bool poll(void *cpu)
{
    struct irgen_cpu *k = cpu;
    return ++k->polls >= k->poll_limit;
}

/* ---- running --------------------------------------------------------------------------------- */

static u64 next(u64 *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    return *seed ^= *seed << 17;
}

/* Integers of all sizes; floats of both formats, boxed or not, few of them NaNs. */
static u64 random_register(u64 *seed, bool is_float)
{
    u64 v = next(seed);
    if (!is_float)
        return (u64)((i64)v >> next(seed) % 64);
    /* clang-format off */
    static const u64 special[] = {
        0, 1, 0x7ff0000000000000, 0x7ff8000000000000, 0x7ff4000000000000, 0xffffffff00000000,
        0xffffffff7f800000, 0xffffffff7fc00000, 0xffffffff7fa00000, 0xffffffff00000001,
        0x0010000000000000,
    };
    /* clang-format on */
    switch (next(seed) % 6) {
    case 0: return v;
    case 3: return special[v % ARRAY_LEN(special)];
    case 4: return special[v % ARRAY_LEN(special)] ^ 1ull << (v >> 63 ? 63 : 31);
    case 1: return v | 0xffffffffull << 32;
    case 2: return (0x3f000000 + v % 0x02000000) | 0xffffffffull << 32;
    default: return 0x3fe0000000000000 + v % 0x0040000000000000;
    }
}

void irgen_reset(struct irgen_cpu *k, u64 seed)
{
    seed = seed * 2 + 1;
    memset(k, 0, sizeof *k);
    for (int i = 0; i < 64; i++)
        k->r[i] = random_register(&seed, i >= 32);
    k->r[BASE] = window_at;
    k->field[0] = next(&seed);
    k->field[1] = next(&seed);
    for (size_t i = 0; i < IRGEN_WINDOW; i += 8)
        st_le64(k->window + i, next(&seed));
    k->mxcsr = 0x1f80 | (u32)next(&seed) % 4 << 13;
    k->poll_limit = 2 + next(&seed) % 16;
}

struct ir_result irgen_run(const struct ir *ir, struct irgen_cpu *k)
{
    struct ir_machine m = {.cpu = k,
                           .mxcsr = &k->mxcsr,
                           .pc = &k->pc,
                           .exc = &k->exc,
                           .load = load,
                           .store = store,
                           .amo = amo,
                           .cas = cas,
                           .poll = poll};
    return ir_interp(ir, &m);
}
