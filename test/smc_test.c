/* test/smc_test.c - units and accesses across pages; code whose bytes or pages change. */
#include <assert.h>
#include <unistd.h>
#include "base/clock.h"
#include "test/hart.h"

enum { A0 = 10, S0 = 8 };
enum { ADDI = 0x13, JAL = 0x6f, ECALL = 0x73, RET = 0x8067 };

static u32 addi(unsigned rd, unsigned rs1, unsigned imm)
{
    return ADDI | rd << 7 | rs1 << 15 | imm << 20;
}
static u32 jump(u32 by) /* forwards, less than 2 KiB */
{
    return JAL | (by & 0x7fe) << 20 | (by >> 11 & 1) << 20;
}

static void each_jit(void (*fn)(const struct hart_mode *))
{
    for (unsigned i = 0; i < hart_n_modes; i++)
        if (hart_modes[i].jit)
            fn(&hart_modes[i]);
}

/* ---- an instruction that lies across two pages -------------------------------------------- */
/* Virtual pages 1 and 2 are physical pages 1 and `second`, under one root for each `second`. */
enum { RAM_SIZE = 1 << 20, PAGE = PAGE_SIZE, CROSSING = 2 * PAGE - 2, START = PAGE + 0x800 };
enum { PTE_POINTER = 1, PTE_PAGE = 0xcf }; /* V; V R W X A D */

static void make_space(struct hart *h, unsigned second)
{
    gpa root = HART_RAM + (10 + 3ull * second) * PAGE;
    u64 *table[3];
    for (unsigned i = 0; i < 3; i++)
        table[i] = hart_at(h, root + i * PAGE);
    table[0][0] = (root + PAGE) >> 2 | PTE_POINTER;
    table[1][0] = (root + 2 * PAGE) >> 2 | PTE_POINTER;
    table[2][1] = (HART_RAM + PAGE) >> 2 | PTE_PAGE;
    table[2][2] = (HART_RAM + (u64)second * PAGE) >> 2 | PTE_PAGE;
}

static void use_space(struct hart *h, unsigned second)
{
    gpa root = HART_RAM + (10 + 3ull * second) * PAGE;
    h->cpu->satp = 8ull << 60 | root >> PAGE_BITS;
    rv_pmp_write_addr(h->cpu, 0, ~0ull);
    rv_pmp_write_cfg(h->cpu, 0, 0x1f);
    rv_set_priv(h->cpu, RV_S);
}

/* The crossing instruction: `addi a0, x0, imm`, then the end. */
static void put_second_half(struct hart *h, unsigned second, unsigned imm)
{
    u8 *at = hart_at(h, HART_RAM + (u64)second * PAGE);
    u32 insn = addi(A0, 0, imm), end = ECALL;
    memcpy(at, (u8 *)&insn + 2, 2);
    memcpy(at + 2, &end, 4);
}

static struct hart *crossing_hart(const struct hart_mode *mode)
{
    struct hart *h = hart_new(RAM_SIZE, mode);
    u32 insn = addi(A0, 0, 0), go = jump(CROSSING - START);
    memcpy(hart_at(h, HART_RAM + CROSSING), &insn, 2);
    memcpy(hart_at(h, HART_RAM + START), &go, 4);
    for (unsigned second = 1; second < 4; second++)
        make_space(h, second);
    return h;
}

static u64 run_at(struct hart *h, gva pc)
{
    h->cpu->c.pc = pc;
    h->cpu->c.r[A0] = ~0ull;
    bool ended = hart_run(h, 100);
    assert(ended && h->cpu->c.exc_cause == RV_EXC_ECALL_S);
    return h->cpu->c.r[A0];
}

static void second_page_differs(const struct hart_mode *mode)
{
    static const gva starts[] = {CROSSING, START}; /* found; jumped to */
    struct hart *h = crossing_hart(mode);
    put_second_half(h, 2, 22);
    put_second_half(h, 3, 33);
    for (unsigned i = 0; i < 6; i++) {
        unsigned second = 2 + i % 2;
        use_space(h, second);
        assert(run_at(h, starts[i / 3]) == 11 * second);
    }
    hart_free(h);
}
TEST(crossing_unit_of_another_second_page) { each_jit(second_page_differs); }

/* The instruction begins at the end of a page and ends at the beginning of the same one. */
static void both_pages_are_one(const struct hart_mode *mode)
{
    struct hart *h = crossing_hart(mode);
    for (unsigned imm = 1; imm < 4; imm++) {
        put_second_half(h, 1, imm);
        ram_written(h->ram, PAGE, 6);
        use_space(h, 1);
        assert(run_at(h, CROSSING) == imm);
    }
    hart_free(h);
}
TEST(crossing_unit_on_one_page_twice) { each_jit(both_pages_are_one); }

/* In a loop at every address around the border, from behind it to before it. */
static void loop_over_the_border(const struct hart_mode *mode)
{
    enum { A1 = 11, A2 = 12, AROUND = 16 };
    static const u32 loop[] = {
        0x0005b683, /* ld a3, 0(a1) */
        0x00d50533, /* add a0, a0, a3 */
        0x00168693, /* addi a3, a3, 1 */
        0x00d5b023, /* sd a3, 0(a1) */
        0xfff58593, /* addi a1, a1, -1 */
        0xfec596e3, /* bne a1, a2, loop */
        ECALL,
    };
    struct hart *h = crossing_hart(mode);
    u8 bytes[3 * AROUND],
        *half[] = {hart_at(h, HART_RAM + 2 * PAGE - AROUND), hart_at(h, HART_RAM + 3 * PAGE)};
    memcpy(hart_at(h, HART_RAM + START), loop, sizeof loop);
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (u8)(i * 37);
    memcpy(half[0], bytes, AROUND);
    memcpy(half[1], bytes + AROUND, 2 * AROUND);
    use_space(h, 3);
    h->cpu->c.r[A1] = 2 * PAGE + AROUND;
    h->cpu->c.r[A2] = 2 * PAGE - AROUND;
    u64 sum = run_at(h, START) + 1, v; /* a0 begins with -1 */
    for (unsigned i = 2 * AROUND; i; i--) {
        memcpy(&v, bytes + i, 8);
        sum -= v++;
        memcpy(bytes + i, &v, 8);
    }
    assert(!sum);
    assert(!memcmp(half[0], bytes, AROUND) && !memcmp(half[1], bytes + AROUND, 2 * AROUND));
    hart_free(h);
}
TEST(crossing_accesses_in_a_loop) { each_jit(loop_over_the_border); }

/* ---- one hart writes what another executes -------------------------------------------------- */
/* In each round the writer owns a page that it writes without being watched. The runner calls into
 * it, which starts the watch, while the writer changes it once more; a fence later only the change
 * counts. */
enum {
    ROUNDS = 40,
    PAIR_RAM = (ROUNDS + 16) * PAGE,
    SHARED = HART_RAM + 4 * PAGE,
    FIRST = 16 * PAGE
};
enum { TELL_WRITER = 0, TELL_RUNNER = 8, WRONG = 16, CHANGED = 1024 }; /* words of SHARED; a flag */

/* s0 SHARED, s1 page, s2 round, s3 `addi a0, x0, 0; ret`, s4 rounds */
static const u32 writer[] = {
    0x0134b023, /* round: sd s3, 0(s1): the function that returns 0 */
    0x00190913, /* addi s2, s2, 1 */
    0x0ff0000f, /* fence */
    0x01243423, /* sd s2, TELL_RUNNER(s0) */
    0x01491293, /* slli t0, s2, 20: the immediate becomes the round */
    0x005982b3, /* add t0, s3, t0 */
    0x07f97313, /* andi t1, s2, 127 */
    0xfff30313, /* addi t1, t1, -1: wait a little */
    0xfe604ee3, /* bgtz t1, -4 */
    0x0054a023, /* sw t0, 0(s1) */
    0x0ff0000f, /* fence */
    0x40090313, /* addi t1, s2, CHANGED */
    0x00643423, /* sd t1, TELL_RUNNER(s0) */
    0x00043303, /* ld t1, TELL_WRITER(s0) */
    0xff231ee3, /* bne t1, s2, -4 */
    0x000012b7, /* lui t0, 1 */
    0x005484b3, /* add s1, s1, t0 */
    0xfb491ee3, /* bne s2, s4, round */
    0x00000073, /* ecall */
};
static const u32 runner[] = {
    0x00190913, /* round: addi s2, s2, 1 */
    0x00843303, /* ld t1, TELL_RUNNER(s0) */
    0x3ff37393, /* andi t2, t1, CHANGED - 1 */
    0xff239ce3, /* bne t2, s2, -8 */
    0x0000100f, /* fence.i */
    0x000480e7, /* jalr s1: 0 or the round */
    0x00843303, /* ld t1, TELL_RUNNER(s0) */
    0x40037393, /* andi t2, t1, CHANGED */
    0xfe038ce3, /* beqz t2, -8 */
    0x0000100f, /* fence.i */
    0x000480e7, /* jalr s1 */
    0x01250463, /* beq a0, s2, 8 */
    0x00a43823, /* sd a0, WRONG(s0) */
    0x01243023, /* sd s2, TELL_WRITER(s0) */
    0x000012b7, /* lui t0, 1 */
    0x005484b3, /* add s1, s1, t0 */
    0xfd4910e3, /* bne s2, s4, round */
    0x00000073, /* ecall */
};

static bool count_ends(void *arg, struct cpu *c)
{
    cpu_park(c, true);
    __atomic_fetch_add((u32 *)arg, 1, __ATOMIC_SEQ_CST);
    return true;
}

static void writer_and_runner(const struct hart_mode *mode)
{
    struct error err;
    const u32 *const programs[] = {writer, runner};
    const struct engine_opts opts = {.mode = ENGINE_JIT, .level = mode->level};
    struct ram *ram = ram_new(PAIR_RAM, false, &err);
    struct space *space = space_new();
    bool ok = ram && space_add_ram(space, HART_RAM, ram, 0, PAIR_RAM, false, &err);
    assert(ok);
    struct engine *e = engine_new(guest_find("riscv64"), space, ram, &opts, &err);
    u32 ended = 0;
    engine_trap_hook(e, count_ends, &ended);
    for (unsigned i = 0; i < 2; i++) {
        struct cpu *c = engine_add_cpu(e, NULL, &err);
        memcpy(ram->host + i * PAGE, programs[i], i ? sizeof runner : sizeof writer);
        c->pc = HART_RAM + i * PAGE;
        c->r[S0] = SHARED;
        c->r[9] = HART_RAM + FIRST;
        c->r[19] = (u64)RET << 32 | addi(A0, 0, 0);
        c->r[20] = ROUNDS;
    }
    engine_start(e);
    u64 deadline = clock_host_ns() + 30000000000ull;
    while (__atomic_load_n(&ended, __ATOMIC_SEQ_CST) < 2 && clock_host_ns() < deadline)
        usleep(1000);
    engine_stop(e);
    assert(ended == 2);
    assert(*(u64 *)(void *)(ram->host + (SHARED - HART_RAM) + WRONG) == 0);
    engine_free(e);
    space_free(space);
    ram_free(ram);
}
TEST(code_written_by_another_hart) { each_jit(writer_and_runner); }
