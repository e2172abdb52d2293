/* board/sbi.c - the built-in SBI 2.0 firmware: calls, harts, timers, fences, console, reset. */
#include <assert.h>
#include "board/sbi_hart.h"

enum { A0 = 10, A1 = 11, A6 = 16, A7 = 17 };
enum { STARTED, STOPPED, START_PENDING };        /* hart states (SBI 9.1) */
enum { IMPL_ID = 0x4d796e61, IMPL_VERSION = 1 }; /* not a registered identifier: "Myna" */
#define SPEC_VERSION (2ull << 24)
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

static struct cpu *cpu_of(struct sbi_hart *h) { return &h->cpu->c; }

/* ---- entering S-mode --------------------------------------------------------------------- */

static void set_csr(struct rv_cpu *cpu, unsigned number, u64 v)
{
    bool ok = rv_csr_write(cpu, number, v);
    assert(ok);
    (void)ok;
}

/* Reset, then what machine-mode firmware would do before it leaves for S-mode. Nothing of M-mode is
 * ever enabled, so nothing can be taken there. */
static void enter(struct sbi_hart *h)
{
    enum {
        MEDELEG = 0x302,
        MIDELEG = 0x303,
        MCOUNTEREN = 0x306,
        MENVCFG = 0x30a,
        MCOUNTINHIBIT = 0x320
    };
    enum { PMPCFG0 = 0x3a0, PMPADDR0 = 0x3b0, NAPOT_RWX = 0x1f, ALL_BUT_FIXED = ~7 };
    struct rv_cpu *cpu = h->cpu;
    rv_reset(&cpu->c);
    set_csr(cpu, MEDELEG, ~(1ull << RV_EXC_ECALL_S));
    set_csr(cpu, MIDELEG, ~0ull);
    set_csr(cpu, MCOUNTEREN, ~0ull);
    set_csr(cpu, MCOUNTINHIBIT, (u64)ALL_BUT_FIXED);
    set_csr(cpu, MENVCFG, ~0ull);
    cpu->menvcfg |= RV_ENV_STCE; /* also without Sstc: set_timer uses the same comparator */
    set_csr(cpu, PMPADDR0, ~0ull);
    set_csr(cpu, PMPCFG0, NAPOT_RWX);
    memset(h->counter, 0, sizeof h->counter);
    cpu->c.r[A0] = (u64)cpu->c.index;
    cpu->c.r[A1] = h->start_arg;
    cpu->c.pc = h->start_pc;
    rv_set_priv(cpu, RV_S);
    cpu_park(&cpu->c, false);
    __atomic_store_n(&h->state, STARTED, __ATOMIC_SEQ_CST);
}

static void enter_here(struct cpu *c, void *arg)
{
    (void)c;
    enter(arg);
}

void sbi_boot(struct sbi *s, u64 pc, u64 dtb)
{
    for (unsigned i = 0; i < s->harts; i++) {
        s->hart[i].state = STOPPED;
        cpu_park(cpu_of(&s->hart[i]), true);
    }
    s->hart[0].start_pc = pc;
    s->hart[0].start_arg = dtb;
    enter(&s->hart[0]);
}

/* ---- sets of harts (SBI 3.1) ------------------------------------------------------------- */

/* hart_mask and hart_mask_base as bits of our harts, of which there are at most 64. */
static bool harts_named(const struct sbi *s, u64 mask, u64 base, u64 *set)
{
    u64 all = ~0ull >> (64 - s->harts);
    *set = all;
    if (base == ~0ull)
        return true;
    *set = base < 64 ? mask << base : 0;
    return mask ? base < 64 && *set >> base == mask && !(*set & ~all) : base < s->harts;
}

static struct sbi_hart *next_hart(struct sbi *s, u64 *set)
{
    if (!*set)
        return NULL;
    struct sbi_hart *h = &s->hart[__builtin_ctzll(*set)];
    *set &= *set - 1;
    return h;
}

/* ---- base, time, inter-processor interrupts (SBI 4, 6, 7) -------------------------------- */

static struct sbi_ret base_spec(struct sbi_hart *h, const u64 *a)
{
    return (void)h, (void)a, sbi_ok(SPEC_VERSION);
}
static struct sbi_ret base_impl(struct sbi_hart *h, const u64 *a)
{
    return (void)h, (void)a, sbi_ok(IMPL_ID);
}
static struct sbi_ret base_impl_version(struct sbi_hart *h, const u64 *a)
{
    return (void)h, (void)a, sbi_ok(IMPL_VERSION);
}
static struct sbi_ret base_zero(struct sbi_hart *h, const u64 *a)
{
    return (void)h, (void)a, sbi_ok(0);
}

static struct sbi_ret time_set(struct sbi_hart *h, const u64 *a)
{
    h->cpu->stimecmp = a[0];
    sbi_count(h, SBI_FW_SET_TIMER);
    rv_timer_update(h->cpu);
    rv_poke(h->cpu);
    return sbi_ok(0);
}

static struct sbi_ret ipi_send(struct sbi_hart *h, const u64 *a)
{
    u64 set;
    if (!harts_named(h->sbi, a[0], a[1], &set))
        return sbi_error(SBI_INVALID_PARAM);
    for (struct sbi_hart *to; (to = next_hart(h->sbi, &set));) {
        sbi_count(h, SBI_FW_IPI_SENT);
        sbi_count(to, SBI_FW_IPI_RECEIVED);
        cpu_irq(cpu_of(to), RV_IRQ_SSI, true);
    }
    return sbi_ok(0);
}

/* ---- remote fences (SBI 8) --------------------------------------------------------------- */

static bool has_asid(u64 satp, u64 asid) { return (u16)(satp >> 44) == asid; }

static void fence_here(struct cpu *c, void *arg)
{
    const struct sbi_hart *from = arg;
    const struct sbi_fence *f = &from->fence;
    bool (*match)(u64, u64) = f->one_asid ? has_asid : NULL;
    sbi_count(&from->sbi->hart[c->index],
              f->one_asid ? SBI_FW_SFENCE_ASID_RECEIVED : SBI_FW_SFENCE_RECEIVED);
    if (!f->pages)
        tlb_flush(c, ~0ull, match, f->asid);
    for (u64 i = 0; i < f->pages; i++)
        tlb_flush(c, f->start + i * PAGE_SIZE, match, f->asid);
}

static void nothing(struct cpu *c, void *arg) { (void)c, (void)arg; }

static void fence_i_here(struct cpu *c, void *arg)
{
    struct sbi *s = arg;
    sbi_count(&s->hart[c->index], SBI_FW_FENCE_I_RECEIVED);
}

/* All targets are told before any is waited for, so they flush side by side. */
static struct sbi_ret remote_fence(struct sbi_hart *h, const u64 *a, bool one_asid)
{
    enum { MANY_PAGES = 64 };
    u64 set, end, start = a[2] & ~(u64)PAGE_MASK;
    if (!harts_named(h->sbi, a[0], a[1], &set))
        return sbi_error(SBI_INVALID_PARAM);
    bool all = (!a[2] && !a[3]) || a[3] == ~0ull;
    if (!all && !add_ok(a[2], a[3], &end))
        return sbi_error(SBI_INVALID_ADDRESS);
    u64 pages = all ? 0 : (end - start + PAGE_MASK) >> PAGE_BITS;
    h->fence = (struct sbi_fence){start, pages > MANY_PAGES ? 0 : pages, (u16)a[4], one_asid};
    sbi_count(h, one_asid ? SBI_FW_SFENCE_ASID_SENT : SBI_FW_SFENCE_SENT);
    u64 others = set & ~(1ull << cpu_of(h)->index), left = others;
    for (struct sbi_hart *to; (to = next_hart(h->sbi, &left));)
        cpu_call(cpu_of(to), fence_here, h, false);
    if (others != set)
        fence_here(cpu_of(h), h);
    for (struct sbi_hart *to; (to = next_hart(h->sbi, &others));)
        cpu_call(cpu_of(to), nothing, NULL, true);
    return sbi_ok(0);
}

/* Translations follow every store by themselves. A hart that runs one which is no longer true
 * leaves it. */
static struct sbi_ret fence_i(struct sbi_hart *h, const u64 *a)
{
    u64 set;
    if (!harts_named(h->sbi, a[0], a[1], &set))
        return sbi_error(SBI_INVALID_PARAM);
    sbi_count(h, SBI_FW_FENCE_I_SENT);
    cpu_fence_code(cpu_of(h));
    for (struct sbi_hart *to; (to = next_hart(h->sbi, &set));)
        cpu_call(cpu_of(to), fence_i_here, h->sbi, true);
    return sbi_ok(0);
}

static struct sbi_ret fence_vma(struct sbi_hart *h, const u64 *a)
{
    return remote_fence(h, a, false);
}

static struct sbi_ret fence_vma_asid(struct sbi_hart *h, const u64 *a)
{
    return remote_fence(h, a, true);
}

/* ---- hart state management (SBI 9) ------------------------------------------------------- */

static struct sbi_ret hart_start(struct sbi_hart *h, const u64 *a)
{
    if (a[0] >= h->sbi->harts)
        return sbi_error(SBI_INVALID_PARAM);
    struct ram *ram;
    u64 off;
    if (a[1] & 1 || !space_ram(cpu_of(h)->space, a[1], 2, &ram, &off))
        return sbi_error(SBI_INVALID_ADDRESS);
    struct sbi_hart *to = &h->sbi->hart[a[0]];
    u32 state = STOPPED;
    if (!__atomic_compare_exchange_n(&to->state, &state, START_PENDING, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST))
        return sbi_error(SBI_ALREADY_AVAILABLE);
    to->start_pc = a[1];
    to->start_arg = a[2];
    cpu_call(cpu_of(to), enter_here, to, false);
    return sbi_ok(0);
}

static struct sbi_ret hart_stop(struct sbi_hart *h, const u64 *a)
{
    (void)a;
    cpu_park(cpu_of(h), true);
    __atomic_store_n(&h->state, STOPPED, __ATOMIC_SEQ_CST);
    return sbi_error(SBI_FAILED); /* seen by nobody: the hart starts anew */
}

static struct sbi_ret hart_status(struct sbi_hart *h, const u64 *a)
{
    if (a[0] >= h->sbi->harts)
        return sbi_error(SBI_INVALID_PARAM);
    return sbi_ok(__atomic_load_n(&h->sbi->hart[a[0]].state, __ATOMIC_SEQ_CST));
}

/* A retentive suspend may end for the platform's own reasons: this one ends at once. */
static struct sbi_ret hart_suspend(struct sbi_hart *h, const u64 *a)
{
    enum { RETENTIVE = 0, NON_RETENTIVE = 0x80000000u };
    (void)h;
    if ((u32)a[0] == RETENTIVE)
        return sbi_ok(0);
    return sbi_error((u32)a[0] == NON_RETENTIVE ? SBI_NOT_SUPPORTED : SBI_INVALID_PARAM);
}

/* ---- system reset (SBI 10) --------------------------------------------------------------- */

/* The machine will be stopped or reset by its own thread; until then this hart does nothing
 * more. */
static struct sbi_ret request(struct sbi_hart *h, enum hw_request what, int value)
{
    h->sbi->host.request(h->sbi->host.arg, what, value);
    cpu_park(cpu_of(h), true);
    return sbi_ok(0);
}

static struct sbi_ret system_reset(struct sbi_hart *h, const u64 *a)
{
    enum { SHUTDOWN, COLD_REBOOT, WARM_REBOOT, NO_REASON = 0, SYSTEM_FAILURE = 1 };
    u32 type = (u32)a[0], reason = (u32)a[1];
    if (type > WARM_REBOOT || reason > SYSTEM_FAILURE)
        return sbi_error(SBI_INVALID_PARAM);
    if (type != SHUTDOWN)
        return request(h, HW_RESET, 0);
    return reason == NO_REASON ? request(h, HW_POWEROFF, 0) : request(h, HW_FAIL, 1);
}

/* ---- console (SBI 5, 12) ----------------------------------------------------------------- */

static void put(struct sbi_hart *h, const u8 *buf, size_t n)
{
    h->sbi->host.write(h->sbi->host.arg, buf, n);
}

static size_t take(struct sbi_hart *h, u8 *buf, size_t n)
{
    return h->sbi->host.read ? h->sbi->host.read(h->sbi->host.arg, buf, n) : 0;
}

static struct sbi_ret console_write(struct sbi_hart *h, const u64 *a)
{
    u8 buf[256]; /* the call may write less than asked: the caller comes back */
    u64 n = MIN(a[0], sizeof buf);
    if (a[2] || (n && !dma_read(cpu_of(h)->space, a[1], buf, n)))
        return sbi_error(SBI_INVALID_PARAM);
    put(h, buf, n);
    return sbi_ok(n);
}

static struct sbi_ret console_read(struct sbi_hart *h, const u64 *a)
{
    u8 buf[256];
    u64 n = MIN(a[0], sizeof buf), room = n;
    if (a[2] || (n && !dma_map(cpu_of(h)->space, a[1], &room, true)))
        return sbi_error(SBI_INVALID_PARAM);
    n = take(h, buf, room);
    dma_write(cpu_of(h)->space, a[1], buf, n);
    return sbi_ok(n);
}

static struct sbi_ret console_write_byte(struct sbi_hart *h, const u64 *a)
{
    put(h, &(u8){(u8)a[0]}, 1);
    return sbi_ok(0);
}

/* ---- dispatch ---------------------------------------------------------------------------- */

static sbi_fn base_probe;
static sbi_fn *const base[] = {base_spec, base_impl, base_impl_version, base_probe,
                               base_zero, base_zero, base_zero};
static sbi_fn *const rfence[] = {fence_i, fence_vma, fence_vma_asid};
static sbi_fn *const hsm[] = {hart_start, hart_stop, hart_status, hart_suspend};
static sbi_fn *const dbcn[] = {console_write, console_read, console_write_byte};

static const struct extension {
    u64 id;
    sbi_fn *const *fn;
    u64 n;
} extensions[] = {
    {EXT_BASE, base, ARRAY_LEN(base)},
    {EXT_TIME, (sbi_fn *const[]){time_set}, 1},
    {EXT_IPI, (sbi_fn *const[]){ipi_send}, 1},
    {EXT_RFENCE, rfence, ARRAY_LEN(rfence)},
    {EXT_HSM, hsm, ARRAY_LEN(hsm)},
    {EXT_SRST, (sbi_fn *const[]){system_reset}, 1},
    {EXT_DBCN, dbcn, ARRAY_LEN(dbcn)},
    {EXT_PMU, sbi_pmu, SBI_PMU_FNS},
};

static const struct extension *find(u64 id)
{
    for (unsigned i = 0; i < ARRAY_LEN(extensions); i++)
        if (extensions[i].id == id)
            return &extensions[i];
    return NULL;
}

/* The legacy calls (SBI 5): the number is the extension's, the answer is in a0 alone. */
static bool legacy(struct sbi_hart *h, u64 id, u64 *r)
{
    enum { SET_TIMER, PUTCHAR, GETCHAR, SHUTDOWN = 8 };
    u8 byte;
    switch (id) {
    case SET_TIMER: time_set(h, &r[A0]); break;
    case PUTCHAR: console_write_byte(h, &r[A0]); break;
    case GETCHAR: r[A0] = take(h, &byte, 1) ? byte : ~0ull; return true;
    case SHUTDOWN: request(h, HW_POWEROFF, 0); break;
    default: return false;
    }
    r[A0] = 0;
    return true;
}

static struct sbi_ret base_probe(struct sbi_hart *h, const u64 *a)
{
    enum { LEGACY = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 8 };
    (void)h;
    return sbi_ok(find(a[0]) || (a[0] < 9 && LEGACY >> a[0] & 1));
}

static bool trap(void *arg, struct cpu *c)
{
    struct sbi *s = arg;
    struct sbi_hart *h = &s->hart[c->index];
    if (c->exc_cause != RV_EXC_ECALL_S)
        return false;
    c->exc = 0;
    c->pc += 4;
    u64 id = c->r[A7], fn = c->r[A6];
    const struct extension *e = find(id);
    if (!e && legacy(h, id, c->r))
        return true;
    struct sbi_ret ret = e && fn < e->n ? e->fn[fn](h, &c->r[A0]) : sbi_error(SBI_NOT_SUPPORTED);
    c->r[A0] = (u64)ret.error;
    c->r[A1] = ret.value;
    return true;
}

struct sbi *sbi_new(struct engine *e, const struct sbi_host *host)
{
    unsigned n = engine_cpus(e);
    struct sbi *s = xalloc(sizeof *s + n * sizeof s->hart[0]);
    s->engine = e;
    s->host = *host;
    s->harts = n;
    for (unsigned i = 0; i < n; i++) {
        s->hart[i].sbi = s;
        s->hart[i].cpu = rv_cpu(engine_cpu(e, i));
        s->hart[i].state = STOPPED;
    }
    engine_trap_hook(e, trap, s);
    return s;
}

void sbi_free(struct sbi *s)
{
    if (s)
        engine_trap_hook(s->engine, NULL, NULL);
    free(s);
}
