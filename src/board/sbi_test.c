/* board/sbi_test.c - the built-in firmware as a supervisor sees it: harts that run a list of
 * ecalls. */
#include <assert.h>
#include <unistd.h>
#include "base/clock.h"
#include "board/sbi.h"
#include "guest/riscv/cpu.h"

#define BASE 0x80000000ull
enum { RAM = 1 << 20, LIST = 0x10000, LIST_SIZE = 0x4000, BUFFER = 0x80000 };
enum {
    NOT_SUPPORTED = -2,
    INVALID_PARAM = -3,
    INVALID_ADDRESS = -5,
    ALREADY_AVAILABLE = -6,
    ALREADY_STARTED = -7,
    ALREADY_STOPPED = -8
};
enum {
    EXT_BASE = 0x10,
    EXT_TIME = 0x54494d45,
    EXT_IPI = 0x735049,
    EXT_RFENCE = 0x52464e43,
    EXT_HSM = 0x48534d,
    EXT_SRST = 0x53525354,
    EXT_DBCN = 0x4442434e,
    EXT_PMU = 0x504d55
};

struct ecall { /* as the program reads it */
    u64 ext, fn, a[6];
    i64 error;
    u64 value;
};

/* Runs the list at a1: loads a7, a6, a0..a5; ecall; stores a0 and a1; until a7 is -1. Then
 * sleeps. */
static const u32 program[] = {
    0x00058413, /* start: mv s0, a1 */
    0x00043883, /* next: ld a7, 0(s0) */
    0x00843803, 0x01043503, 0x01843583, 0x02043603,
    0x02843683, 0x03043703, 0x03843783, 0xfff00293, /* li t0, -1 */
    0x00588c63,                                     /* beq a7, t0, done */
    0x00000073,                                     /* ecall */
    0x04a43023, 0x04b43423, 0x05040413,             /* addi s0, s0, 80 */
    0xfc9ff06f,                                     /* j next */
    0x04543023,                                     /* done: sd t0, 64(s0) */
    0x10500073,                                     /* wfi */
    0xffdff06f,                                     /* j -4 */
};

struct rig {
    struct space *space;
    struct ram *ram;
    struct engine *engine;
    struct sbi *sbi;
    char out[64];
    size_t out_len;
    const char *in;
    u32 asked; /* atomic: enum hw_request + 1 */
    int value;
};

static void console_write(void *arg, const u8 *buf, size_t len)
{
    struct rig *r = arg;
    assert(r->out_len + len <= sizeof r->out);
    memcpy(r->out + r->out_len, buf, len);
    r->out_len += len;
}

static size_t console_read(void *arg, u8 *buf, size_t len)
{
    struct rig *r = arg;
    size_t n = MIN(len, strlen(r->in));
    memcpy(buf, r->in, n);
    r->in += n;
    return n;
}

static void request(void *arg, enum hw_request what, int value)
{
    struct rig *r = arg;
    r->value = value;
    __atomic_store_n(&r->asked, (u32)what + 1, __ATOMIC_RELEASE);
}

static struct rig *rig_new(unsigned harts)
{
    struct error err;
    struct rig *r = new(struct rig);
    const struct engine_opts opts = {.mode = ENGINE_INTERP};
    r->in = "";
    r->space = space_new();
    r->ram = ram_new(RAM, false, &err);
    assert(r->ram && space_add_ram(r->space, BASE, r->ram, 0, RAM, false, &err));
    memcpy(r->ram->host, program, sizeof program);
    r->engine = engine_new(guest_find("riscv64"), r->space, r->ram, &opts, &err);
    for (unsigned i = 0; i < harts; i++)
        assert(engine_add_cpu(r->engine, NULL, &err));
    r->sbi = sbi_new(r->engine, &(struct sbi_host){console_write, console_read, request, r});
    sbi_boot(r->sbi, BASE, BASE + LIST);
    return r;
}

static void rig_free(struct rig *r)
{
    engine_stop(r->engine);
    sbi_free(r->sbi);
    engine_free(r->engine);
    space_free(r->space);
    ram_free(r->ram);
    free(r);
}

static struct rv_cpu *hart(struct rig *r, unsigned i) { return rv_cpu(engine_cpu(r->engine, i)); }
static u64 list_of(unsigned h) { return BASE + LIST + h * LIST_SIZE; }

static struct ecall *ecall_of(struct rig *r, unsigned h, unsigned n)
{
    return (struct ecall *)(void *)(r->ram->host + (list_of(h) - BASE)) + n;
}

/* Writes hart h's list, which ends with an ext of -1. */
static void give(struct rig *r, unsigned h, const struct ecall *calls)
{
    unsigned n = 0;
    do
        *ecall_of(r, h, n) = calls[n];
    while (calls[n++].ext != ~0ull);
}

static bool finished(struct rig *r, unsigned h)
{
    struct ecall *e = ecall_of(r, h, 0);
    while (e->ext != ~0ull)
        e++;
    return __atomic_load_n(&e->error, __ATOMIC_ACQUIRE) == -1;
}

#define SOON(condition)                                                     \
    do {                                                                    \
        for (unsigned tries_ = 0; !(condition) && tries_ < 10000; tries_++) \
            usleep(500);                                                    \
        assert(condition);                                                  \
    } while (0)

/* Runs a list on hart 0 to its end and stops; the caller looks at what was stored. */
static void run(struct rig *r, const struct ecall *calls)
{
    give(r, 0, calls);
    engine_start(r->engine);
    SOON(finished(r, 0));
    engine_stop(r->engine); /* from here on all is ours to read */
}

#define CALL(e, f, ...)                         \
    {                                           \
        .ext = e, .fn = f, .a = { __VA_ARGS__ } \
    }
#define END          \
    {                \
        .ext = ~0ull \
    }

TEST(sbi_boot_state)
{
    struct rig *r = rig_new(2);
    struct rv_cpu *h = hart(r, 0);
    assert(h->priv == RV_S && h->c.pc == BASE && h->c.r[10] == 0 && h->c.r[11] == BASE + LIST);
    assert(!h->satp && !h->mie && !(h->mstatus & RV_SIE) && h->pmp_open && h->stimecmp == ~0ull);
    assert((h->medeleg & (1 << RV_EXC_ECALL_U | 1 << RV_EXC_ECALL_S)) == 1 << RV_EXC_ECALL_U);
    assert(h->mideleg == 0x2222 && h->menvcfg == (RV_ENV_STCE | RV_ENV_PBMTE | RV_ENV_ADUE | 0xf1));
    rig_free(r);
}

TEST(sbi_base)
{
    struct rig *r = rig_new(1);
    run(r, (struct ecall[]){CALL(EXT_BASE, 0, 0), CALL(EXT_BASE, 3, EXT_HSM), CALL(EXT_BASE, 3, 2),
                            CALL(EXT_BASE, 3, 4), CALL(EXT_BASE, 3, 0x53555350),
                            CALL(EXT_BASE, 4, 0), CALL(EXT_BASE, 7, 0), CALL(0x12345678, 0, 0),
                            CALL(EXT_TIME, ~0ull, 0), END});
    static const struct {
        i64 error;
        u64 value;
    } want[] = {{0, 2 << 24},
                {0, 1},
                {0, 1},
                {0, 0},
                {0, 0},
                {0, 0},
                {NOT_SUPPORTED, 0},
                {NOT_SUPPORTED, 0},
                {NOT_SUPPORTED, 0}};
    for (unsigned i = 0; i < ARRAY_LEN(want); i++)
        assert(ecall_of(r, 0, i)->error == want[i].error &&
               ecall_of(r, 0, i)->value == want[i].value);
    rig_free(r);
}

TEST(sbi_console)
{
    struct rig *r = rig_new(1);
    r->in = "xyz";
    memcpy(r->ram->host + BUFFER, "hello", 5);
    run(r, (struct ecall[]){CALL(EXT_DBCN, 0, 5, BASE + BUFFER, 0), CALL(EXT_DBCN, 2, '!'),
                            CALL(1, 0, '?', 77), CALL(EXT_DBCN, 0, 5, BASE + RAM - 2, 0),
                            CALL(EXT_DBCN, 0, 5, BASE + BUFFER, 1), CALL(EXT_DBCN, 0, 0, 0, 0),
                            CALL(2, 0, 0), CALL(EXT_DBCN, 1, 9, BASE + BUFFER + 8, 0),
                            CALL(EXT_DBCN, 1, 9, BASE + BUFFER + 8, 0),
                            CALL(EXT_DBCN, 1, 9, 0x1000, 0), CALL(2, 0, 0), END});
    assert(r->out_len == 7 && !memcmp(r->out, "hello!?", 7));
    assert(ecall_of(r, 0, 0)->value == 5 && ecall_of(r, 0, 2)->error == 0);
    assert(ecall_of(r, 0, 2)->value == 77); /* a legacy call keeps a1 */
    assert(ecall_of(r, 0, 3)->error == INVALID_PARAM && ecall_of(r, 0, 4)->error == INVALID_PARAM);
    assert(ecall_of(r, 0, 5)->error == 0 && ecall_of(r, 0, 6)->error == 'x');
    assert(ecall_of(r, 0, 7)->value == 2 && !memcmp(r->ram->host + BUFFER + 8, "yz", 2));
    assert(ecall_of(r, 0, 8)->error == 0 && ecall_of(r, 0, 8)->value == 0);
    assert(ecall_of(r, 0, 9)->error == INVALID_PARAM && ecall_of(r, 0, 10)->error == -1);
    rig_free(r);
}

TEST(sbi_reset)
{
    static const struct {
        struct ecall call;
        u32 asked;
        int value;
    } rows[] = {
        {CALL(EXT_SRST, 0, 0, 0), HW_POWEROFF, 0}, {CALL(EXT_SRST, 0, 0, 1), HW_FAIL, 1},
        {CALL(EXT_SRST, 0, 1, 0), HW_RESET, 0},    {CALL(EXT_SRST, 0, 2, 1), HW_RESET, 0},
        {CALL(8, 0, 0), HW_POWEROFF, 0},
    };
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct rig *r = rig_new(1);
        give(r, 0, (struct ecall[]){rows[i].call, END});
        engine_start(r->engine);
        SOON(__atomic_load_n(&r->asked, __ATOMIC_ACQUIRE));
        engine_stop(r->engine);
        assert(r->asked == rows[i].asked + 1 && r->value == rows[i].value);
        assert(!finished(r, 0)); /* it does not return */
        rig_free(r);
    }
    struct rig *r = rig_new(1);
    run(r, (struct ecall[]){CALL(EXT_SRST, 0, 3, 0), CALL(EXT_SRST, 0, 0, 2), END});
    assert(!r->asked && ecall_of(r, 0, 0)->error == INVALID_PARAM &&
           ecall_of(r, 0, 1)->error == INVALID_PARAM);
    rig_free(r);
}

static void read_pc(struct cpu *c, void *pc) { *(u64 *)pc = c->pc; }

static u64 pc_of(struct rig *r, unsigned h)
{
    u64 pc;
    cpu_call(engine_cpu(r->engine, h), read_pc, &pc, true);
    return pc;
}

TEST(sbi_hart_states)
{
    struct rig *r = rig_new(3);
    give(r, 1, (struct ecall[]){CALL(EXT_HSM, 2, 1), CALL(EXT_HSM, 1, 0), END});
    give(r, 2, (struct ecall[]){CALL(EXT_BASE, 0, 0), END});
    give(r, 0,
         (struct ecall[]){CALL(EXT_HSM, 2, 1), CALL(EXT_HSM, 0, 1, BASE, list_of(1)),
                          CALL(EXT_HSM, 0, 2, BASE, list_of(2)), CALL(EXT_HSM, 0, 0, BASE, 0),
                          CALL(EXT_HSM, 0, 3, BASE, 0), CALL(EXT_HSM, 0, 1, 0x1000, 0),
                          CALL(EXT_HSM, 2, 3), CALL(EXT_HSM, 3, 0), CALL(EXT_HSM, 3, 0x80000000),
                          CALL(EXT_HSM, 3, 5), END});
    engine_start(r->engine);
    for (unsigned h = 0; h < 3; h += 2)
        SOON(finished(r, h));
    SOON(pc_of(r, 1) == BASE + 12 * 4); /* behind the ecall that stopped it */
    engine_stop(r->engine);
    static const i64 want[] = {0,
                               0,
                               0,
                               ALREADY_AVAILABLE,
                               INVALID_PARAM,
                               INVALID_ADDRESS,
                               INVALID_PARAM,
                               0,
                               NOT_SUPPORTED,
                               INVALID_PARAM};
    for (unsigned i = 0; i < ARRAY_LEN(want); i++)
        assert(ecall_of(r, 0, i)->error == want[i]);
    assert(ecall_of(r, 0, 0)->value == 1); /* stopped */
    assert(ecall_of(r, 1, 0)->value == 0 && !finished(r, 1));
    assert(hart(r, 2)->c.r[10] == 0 && hart(r, 2)->priv == RV_S);
    rig_free(r);
}

TEST(sbi_ipi_names_harts)
{
    struct rig *r = rig_new(3);
    run(r, (struct ecall[]){CALL(EXT_IPI, 0, 2, 1), CALL(EXT_IPI, 0, 8, 0), CALL(EXT_IPI, 0, 1, 3),
                            CALL(EXT_IPI, 0, 1ull << 63, 1), CALL(EXT_IPI, 0, 1, 64),
                            CALL(EXT_IPI, 0, 0, 0), END});
    assert(ecall_of(r, 0, 0)->error == 0 && hart(r, 2)->c.irq_pending == 1 << RV_IRQ_SSI);
    assert(!hart(r, 0)->c.irq_pending && !hart(r, 1)->c.irq_pending);
    for (unsigned i = 1; i < 5; i++)
        assert(ecall_of(r, 0, i)->error == INVALID_PARAM);
    assert(ecall_of(r, 0, 5)->error == 0);
    rig_free(r);
    r = rig_new(2);
    run(r, (struct ecall[]){CALL(EXT_IPI, 0, 0, ~0ull), END});
    assert(hart(r, 0)->c.irq_pending && hart(r, 1)->c.irq_pending);
    rig_free(r);
}

TEST(sbi_timer)
{
    struct rig *r = rig_new(1);
    run(r, (struct ecall[]){CALL(EXT_TIME, 0, 0), END});
    assert(hart(r, 0)->stimecmp == 0 && rv_mip(hart(r, 0)) == 1 << RV_IRQ_STI);
    rig_free(r);
}

/* Four harts fence each other at once: nobody may wait for ever. */
TEST(sbi_fences_cross)
{
    enum { HARTS = 4, ROUNDS = 20 };
    struct rig *r = rig_new(HARTS);
    struct ecall list[ROUNDS + HARTS];
    for (unsigned h = 0; h < HARTS; h++) {
        unsigned n = 0;
        for (unsigned i = 1; !h && i < HARTS; i++)
            list[n++] = (struct ecall)CALL(EXT_HSM, 0, i, BASE, list_of(i));
        for (unsigned i = 0; i < ROUNDS; i++)
            list[n++] = (struct ecall)CALL(EXT_RFENCE, i % 3, 0, ~0ull, i << 12, 0x1000ull << i, i);
        list[n] = (struct ecall)END;
        give(r, h, list);
    }
    engine_start(r->engine);
    for (unsigned h = 0; h < HARTS; h++)
        SOON(finished(r, h));
    engine_stop(r->engine);
    for (unsigned h = 0; h < HARTS; h++)
        for (unsigned i = 0; i < ROUNDS; i++)
            assert(ecall_of(r, h, i)->error == 0);
    rig_free(r);
}

/* The machine stops while harts wait for each other. */
TEST(sbi_stop_amid_fences)
{
    enum { HARTS = 4, CALLS = LIST_SIZE / sizeof(struct ecall) - 1, TIMES = 20 };
    static struct ecall list[CALLS + 1];
    for (unsigned t = 0; t < TIMES; t++) {
        struct rig *r = rig_new(HARTS);
        for (unsigned h = 0; h < HARTS; h++) {
            unsigned n = 0;
            for (unsigned i = 1; !h && i < HARTS; i++)
                list[n++] = (struct ecall)CALL(EXT_HSM, 0, i, BASE, list_of(i));
            for (; n < CALLS; list[n++].error = 1)
                list[n] = (struct ecall)CALL(EXT_RFENCE, 1, 0, ~0ull);
            list[n] = (struct ecall)END;
            give(r, h, list);
        }
        engine_start(r->engine);
        SOON(ecall_of(r, HARTS - 1, t)->error == 0);
        engine_stop(r->engine);
        assert(!finished(r, 0));
        rig_free(r);
    }
}

/* A fence of the caller itself is done when the call returns: the event was counted. */
TEST(sbi_fence_of_oneself)
{
    enum { FW_SFENCE_RECEIVED = 15 << 16 | 11 };
    struct rig *r = rig_new(2);
    run(r,
        (struct ecall[]){CALL(EXT_PMU, 2, 40, 1, 2 | 4, FW_SFENCE_RECEIVED),
                         CALL(EXT_RFENCE, 1, 0, ~0ull, 0x1000, 0x3000), CALL(EXT_PMU, 5, 40), END});
    assert(ecall_of(r, 0, 0)->value == 40 && ecall_of(r, 0, 2)->value == 1);
    rig_free(r);
}

TEST(sbi_fence_arguments)
{
    struct rig *r = rig_new(1);
    run(r, (struct ecall[]){
               CALL(EXT_RFENCE, 1, 2, 0, 0, 0), CALL(EXT_RFENCE, 1, 1, 0, -4096ull, 8192),
               CALL(EXT_RFENCE, 3, 1, 0, 0, 0), CALL(EXT_RFENCE, 2, 1, 0, 0, ~0ull, 3), END});
    static const i64 want[] = {INVALID_PARAM, INVALID_ADDRESS, NOT_SUPPORTED, 0};
    for (unsigned i = 0; i < ARRAY_LEN(want); i++)
        assert(ecall_of(r, 0, i)->error == want[i]);
    rig_free(r);
}

TEST(sbi_pmu)
{
    enum { CYCLES = 1, INSTRUCTIONS = 2, FW_SET_TIMER = 15 << 16 | 5, ALL_HW = ~2, FW = 32 };
    struct rig *r = rig_new(1);
    run(r, (struct ecall[]){CALL(EXT_PMU, 0, 0),
                            CALL(EXT_PMU, 1, 2),
                            CALL(EXT_PMU, 1, 1),
                            CALL(EXT_PMU, 1, FW),
                            CALL(EXT_PMU, 1, 48),
                            CALL(EXT_PMU, 2, 0, 5, 2 | 4, INSTRUCTIONS), /* 5: clear, start */
                            CALL(EXT_PMU, 3, 2, 1, 0),
                            CALL(EXT_PMU, 4, 2, 1, 1),
                            CALL(EXT_PMU, 4, 2, 1, 0),
                            CALL(EXT_PMU, 2, FW, 0xffff, 2 | 4, FW_SET_TIMER), /* 9 */
                            CALL(EXT_TIME, 0, ~0ull),
                            CALL(EXT_TIME, 0, ~0ull),
                            CALL(EXT_PMU, 5, 47), /* 12 */
                            CALL(EXT_PMU, 5, 3),
                            CALL(EXT_PMU, 2, 0, 0xfffffffd, 0, CYCLES), /* 14: a programmable one */
                            CALL(EXT_PMU, 3, 31, 1, 1, 12345),
                            CALL(EXT_PMU, 2, 0, 1, 0, INSTRUCTIONS),
                            CALL(EXT_PMU, 2, 0, 0, 0, CYCLES),
                            CALL(EXT_PMU, 2, 60, 1, 0, CYCLES),
                            CALL(EXT_PMU, 2, 3, 1, 1, CYCLES), /* 19: not configured */
                            CALL(EXT_PMU, 7, 0),
                            END});
    static const struct {
        i64 error;
        u64 value;
    } want[] = {{0, 48},
                {0, 63 << 12 | 0xc02},
                {INVALID_PARAM, 0},
                {0, 1ull << 63},
                {INVALID_PARAM, 0},
                {0, 2},
                {ALREADY_STARTED, 0},
                {0, 0},
                {ALREADY_STOPPED, 0},
                {0, 47},
                {0, 0},
                {0, 0},
                {0, 2},
                {INVALID_PARAM, 0},
                {0, 31},
                {0, 0},
                {NOT_SUPPORTED, 0},
                {INVALID_PARAM, 0},
                {INVALID_PARAM, 0},
                {-1, 0},
                {NOT_SUPPORTED, 0}};
    for (unsigned i = 0; i < ARRAY_LEN(want); i++) {
        struct ecall *e = ecall_of(r, 0, i);
        if (e->error != want[i].error || e->value != want[i].value)
            fprintf(stderr, "call %u: %lld, %#llx\n", i, (long long)e->error, (long long)e->value);
        assert(e->error == want[i].error && e->value == want[i].value);
    }
    assert(hart(r, 0)->running >> 31 && rv_counter_read(hart(r, 0), 31) > 12345);
    rig_free(r);
}

/* Random calls with arguments near every edge: errors, never a crash or a hang. */
TEST(sbi_survives_anything)
{
    static const u64 exts[] = {EXT_BASE, EXT_TIME, EXT_IPI, EXT_RFENCE, EXT_DBCN, EXT_PMU, 0, 1, 2};
    static const u64 odd[] = {0,
                              1,
                              2,
                              3,
                              31,
                              32,
                              47,
                              48,
                              63,
                              64,
                              ~0ull,
                              1ull << 63,
                              0x1000,
                              BASE,
                              BASE + BUFFER,
                              BASE + RAM - 1,
                              15 << 16,
                              0xfffff,
                              0x7fffffffffffffff};
    enum { CALLS = 150 };
    u64 seed = clock_host_ns();
    struct rig *r = rig_new(2);
    struct ecall list[CALLS + 1];
    for (unsigned i = 0; i < CALLS; i++) {
        u64 v[8];
        for (unsigned k = 0; k < ARRAY_LEN(v); k++)
            v[k] = (seed = seed * 6364136223846793005u + 1442695040888963407u) >> 33;
        list[i] = (struct ecall){.ext = exts[v[0] % ARRAY_LEN(exts)], .fn = v[1] % 9};
        for (unsigned k = 0; k < 6; k++)
            list[i].a[k] = odd[v[k + 2] % ARRAY_LEN(odd)];
        if (list[i].ext == EXT_DBCN && !list[i].fn)
            list[i].a[0] = 0; /* what it would print is tested elsewhere */
        if (list[i].ext == 1 || (list[i].ext == EXT_DBCN && list[i].fn == 2))
            list[i].ext = EXT_PMU;
    }
    list[CALLS] = (struct ecall)END;
    run(r, list);
    rig_free(r);
}
