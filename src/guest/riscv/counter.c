/* guest/riscv/counter.c - time, the supervisor timer, and the hardware performance counters.
 *
 * Cycles are nanoseconds of the machine's clock. A counter of instructions makes translated code
 * count exactly while it runs (RV_KEY_COUNT). minstret always runs: it too shows nanoseconds
 * until software writes it. So counting costs nothing unless somebody measures.
 */
#include "base/clock.h"
#include "guest/riscv/cpu.h"

u64 rv_time(void) { return clock_now_ns() / RV_TIME_NS; }

/* The board's timer sets STI from another thread, perhaps for a deadline that was moved since.
 * If that happened between our look at the clock and the clearing, the second look sees it. */
void rv_timer_check(struct rv_cpu *cpu)
{
    const u64 sti = 1ull << RV_IRQ_STI;
    if (!(cpu->menvcfg & RV_ENV_STCE))
        return;
    if (rv_time() < cpu->stimecmp)
        __atomic_fetch_and(&cpu->c.irq_pending, ~sti, __ATOMIC_SEQ_CST);
    if (rv_time() >= cpu->stimecmp)
        __atomic_fetch_or(&cpu->c.irq_pending, sti, __ATOMIC_SEQ_CST);
}

enum { MINSTRET = 2 };

static bool counts_insns(const struct rv_cpu *cpu, const struct rv_counter *n)
{
    return (u8)n->event == RV_EVENT_INSTRET && (n != &cpu->counter[MINSTRET] || cpu->counting);
}

static u64 clock_of(const struct rv_cpu *cpu, const struct rv_counter *n)
{
    return counts_insns(cpu, n) ? cpu->retired : clock_now_ns();
}

/* Should counter n run? Sscofpmf's filters are those of mhpmevent only (priv 12). */
static bool wanted(const struct rv_cpu *cpu, unsigned n)
{
    static const u64 inhibit[] = {
        [RV_U] = RV_EVENT_UINH, [RV_S] = RV_EVENT_SINH, [RV_M] = RV_EVENT_MINH};
    u64 event = cpu->counter[n].event;
    if (cpu->mcountinhibit >> n & 1 || event & inhibit[cpu->priv])
        return false;
    return (u8)event == RV_EVENT_CYCLES || (u8)event == RV_EVENT_INSTRET;
}

static u64 current(const struct rv_cpu *cpu, unsigned n)
{
    const struct rv_counter *ctr = &cpu->counter[n];
    return cpu->running >> n & 1 ? ctr->value + (clock_of(cpu, ctr) - ctr->since) : ctr->value;
}

static void halt(struct rv_cpu *cpu, unsigned n)
{
    cpu->counter[n].value = current(cpu, n);
    cpu->running &= ~(1u << n);
}

static void resume(struct rv_cpu *cpu, unsigned n)
{
    if (!wanted(cpu, n))
        return;
    cpu->counter[n].since = clock_of(cpu, &cpu->counter[n]);
    cpu->running |= 1u << n;
}

/* The instruction that reads has itself been counted already, though it retires only afterwards. */
u64 rv_counter_read(const struct rv_cpu *cpu, unsigned n)
{
    bool early = cpu->running >> n & 1 && counts_insns(cpu, &cpu->counter[n]);
    return current(cpu, n) - early;
}

bool rv_counts_instructions(const struct rv_cpu *cpu)
{
    for (u32 left = cpu->running; left; left &= left - 1)
        if (counts_insns(cpu, &cpu->counter[__builtin_ctz(left)]))
            return true;
    return false;
}

static void changed(struct rv_cpu *cpu)
{
    rv_timer_update(cpu);
    rv_mode_changed(cpu);
}

void rv_counter_write(struct rv_cpu *cpu, unsigned n, u64 v)
{
    rv_counter_overflows(cpu);
    halt(cpu, n);
    cpu->counting |= n == MINSTRET;
    cpu->counter[n].value = v;
    resume(cpu, n);
    changed(cpu);
}

void rv_counter_event(struct rv_cpu *cpu, unsigned n, u64 event)
{
    bool filtered = event & (RV_EVENT_MINH | RV_EVENT_SINH | RV_EVENT_UINH);
    rv_counter_overflows(cpu);
    halt(cpu, n);
    cpu->counter[n].event = event;
    cpu->filtered = (cpu->filtered & ~(1u << n)) | (u32)filtered << n;
    resume(cpu, n);
    changed(cpu);
}

void rv_counter_inhibit(struct rv_cpu *cpu, u64 mcountinhibit)
{
    rv_counter_overflows(cpu);
    cpu->mcountinhibit = mcountinhibit;
    rv_counter_mode(cpu);
    changed(cpu);
}

void rv_counter_mode(struct rv_cpu *cpu)
{
    for (unsigned n = 0; n < RV_COUNTERS; n++) {
        bool runs = cpu->running >> n & 1;
        if (runs && !wanted(cpu, n))
            halt(cpu, n);
        else if (!runs)
            resume(cpu, n);
    }
}

void rv_counter_reset(struct rv_cpu *cpu)
{
    memset(cpu->counter, 0, sizeof cpu->counter);
    cpu->counter[0].event = RV_EVENT_CYCLES;
    cpu->counter[MINSTRET].event = RV_EVENT_INSTRET;
    cpu->counting = false;
    cpu->running = cpu->filtered = 0;
    cpu->retired = 0;
    cpu->mcountinhibit = 0;
    rv_counter_mode(cpu);
}

/* ---- overflow interrupts (priv 12) ------------------------------------------------------- */

/* Running mhpmcounters whose overflow is still to be reported */
static u32 armed(const struct rv_cpu *cpu)
{
    u32 set = 0;
    if (RV_HAS(cpu, sscofpmf))
        for (u32 left = cpu->running & ~7u; left; left &= left - 1)
            if (!(cpu->counter[__builtin_ctz(left)].event & RV_EVENT_OF))
                set |= left & -left;
    return set;
}

void rv_counter_overflows(struct rv_cpu *cpu)
{
    for (u32 left = armed(cpu); left; left &= left - 1) {
        unsigned n = (unsigned)__builtin_ctz(left);
        struct rv_counter *ctr = &cpu->counter[n];
        if (clock_of(cpu, ctr) - ctr->since <= ~ctr->value)
            continue;
        halt(cpu, n);
        ctr->event |= RV_EVENT_OF;
        resume(cpu, n);
        __atomic_fetch_or(&cpu->c.irq_pending, 1ull << RV_IRQ_LCOFI, __ATOMIC_SEQ_CST);
    }
}

/* When counter n may wrap. Instructions have no clock: look again after a fraction of the time they
 * would take at 4 per nanosecond, and not before 10 us. */
static u64 overflow_ns(const struct rv_cpu *cpu, unsigned n)
{
    u64 left = ~current(cpu, n), when;
    if (counts_insns(cpu, &cpu->counter[n]))
        left = MAX(left / 4, 10000);
    return add_ok(clock_now_ns(), left, &when) && add_ok(when, 1, &when) ? when : ~0ull;
}

void rv_timer_update(struct rv_cpu *cpu)
{
    u64 when = ~0ull, ns;
    rv_timer_check(cpu);
    if (!cpu->timer)
        return;
    if (cpu->menvcfg & RV_ENV_STCE && mul_ok(cpu->stimecmp, (u64)RV_TIME_NS, &ns))
        when = ns;
    for (u32 left = armed(cpu); left; left &= left - 1) {
        ns = overflow_ns(cpu, (unsigned)__builtin_ctz(left));
        when = MIN(when, ns);
    }
    cpu->timer(cpu, when);
}
