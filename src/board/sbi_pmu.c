/* board/sbi_pmu.c - the PMU extension (SBI 2.0, chapter 11): hardware and firmware counters. */
#include "board/sbi_hart.h"

enum { TYPE_HARDWARE = 0, TYPE_FIRMWARE = 15, HW_CYCLES = 1, HW_INSTRUCTIONS = 2 };
enum {
    CONFIG_SKIP_MATCH = 1,
    CONFIG_CLEAR = 2,
    CONFIG_START = 4,
    CONFIG_UINH = 32,
    CONFIG_SINH = 64,
    CONFIG_MINH = 128,
    CONFIG_FLAGS = 255
};
enum { START_SET_VALUE = 1, STOP_RESET = 1 };
enum { CYCLE = 0, TIME = 1, INSTRET = 2, HPM = 3 };

static bool firmware(unsigned n) { return n >= RV_COUNTERS; }

/* ---- one counter ------------------------------------------------------------------------- */

static u64 events_seen(const struct sbi_hart *h, unsigned n)
{
    return __atomic_load_n(&h->fw[(u16)(h->counter[n].event - 1)], __ATOMIC_RELAXED);
}

static void inhibit(struct rv_cpu *cpu, unsigned n, bool on)
{
    rv_counter_inhibit(cpu, (cpu->mcountinhibit & ~(1ull << n)) | (u64)on << n);
}

static void set_value(struct sbi_hart *h, unsigned n, u64 v)
{
    if (!firmware(n)) {
        rv_counter_write(h->cpu, n, v);
        return;
    }
    h->counter[n].value = v;
    h->counter[n].since = events_seen(h, n);
}

static void start(struct sbi_hart *h, unsigned n)
{
    h->counter[n].running = true;
    if (firmware(n)) {
        h->counter[n].since = events_seen(h, n);
        return;
    }
    if (n >= HPM) /* the supervisor has handled the last overflow */
        rv_counter_event(h->cpu, n, h->cpu->counter[n].event & ~RV_EVENT_OF);
    inhibit(h->cpu, n, false);
}

static u64 fw_value(const struct sbi_hart *h, unsigned n)
{
    const struct sbi_counter *ctr = &h->counter[n];
    return ctr->running ? ctr->value + (events_seen(h, n) - ctr->since) : ctr->value;
}

static void stop(struct sbi_hart *h, unsigned n)
{
    if (firmware(n))
        h->counter[n].value = fw_value(h, n);
    else
        inhibit(h->cpu, n, true);
    h->counter[n].running = false;
}

/* ---- sets of counters -------------------------------------------------------------------- */

/* counter_idx_base and counter_idx_mask as a set; false: a counter that does not exist. */
static bool counters_named(u64 base, u64 mask, u64 *set)
{
    u64 all = ((1ull << SBI_COUNTERS) - 1) & ~(1ull << TIME);
    if (base >= SBI_COUNTERS)
        return false;
    *set = mask << base;
    return *set && *set >> base == mask && !(*set & ~all);
}

static struct sbi_ret num_counters(struct sbi_hart *h, const u64 *a)
{
    (void)h, (void)a;
    return sbi_ok(SBI_COUNTERS);
}

/* Bits 11:0 the CSR, 17:12 its width - 1, the top bit for firmware counters (SBI 11.6). */
static struct sbi_ret get_info(struct sbi_hart *h, const u64 *a)
{
    enum { CSR_CYCLE = 0xc00, WIDTH = 63 << 12 };
    (void)h;
    if (a[0] >= SBI_COUNTERS || a[0] == TIME)
        return sbi_error(SBI_INVALID_PARAM);
    return sbi_ok(firmware((unsigned)a[0]) ? 1ull << 63 : WIDTH | (CSR_CYCLE + a[0]));
}

/* What the hardware's event selector is for an event; 0: it cannot be counted. */
static u64 hw_selector(u64 event)
{
    switch (event) {
    case TYPE_HARDWARE << 16 | HW_CYCLES: return RV_EVENT_CYCLES;
    case TYPE_HARDWARE << 16 | HW_INSTRUCTIONS: return RV_EVENT_INSTRET;
    }
    return 0;
}

static bool can_count(const struct sbi_hart *h, unsigned n, u64 event)
{
    if (h->counter[n].event)
        return false;
    if (firmware(n))
        return event >> 16 == TYPE_FIRMWARE && (u16)event < SBI_FW_EVENTS;
    u64 selector = hw_selector(event);
    return selector && (n >= HPM || (n == CYCLE && selector == RV_EVENT_CYCLES) ||
                        (n == INSTRET && selector == RV_EVENT_INSTRET));
}

/* From the top: programmable counters filter and overflow, the fixed ones do not. */
static int find_free(const struct sbi_hart *h, u64 set, u64 event)
{
    for (int n = SBI_COUNTERS - 1; n >= 0; n--)
        if (set >> n & 1 && can_count(h, (unsigned)n, event))
            return n;
    return -1;
}

static void configure(struct sbi_hart *h, unsigned n, u64 event, u64 flags)
{
    h->counter[n].event = (u32)event + 1;
    if (firmware(n) || n < HPM)
        return;
    u64 filter = (flags & CONFIG_MINH ? RV_EVENT_MINH : 0) |
                 (flags & CONFIG_SINH ? RV_EVENT_SINH : 0) |
                 (flags & CONFIG_UINH ? RV_EVENT_UINH : 0);
    rv_counter_event(h->cpu, n, hw_selector(event) | (RV_HAS(h->cpu, sscofpmf) ? filter : 0));
}

static struct sbi_ret config_matching(struct sbi_hart *h, const u64 *a)
{
    u64 set, flags = a[2], event = a[3];
    if (!counters_named(a[0], a[1], &set) || flags & ~(u64)CONFIG_FLAGS || event >> 20)
        return sbi_error(SBI_INVALID_PARAM);
    int n = flags & CONFIG_SKIP_MATCH ? __builtin_ctzll(set) : find_free(h, set, event);
    if (n < 0)
        return sbi_error(SBI_NOT_SUPPORTED);
    if (!(flags & CONFIG_SKIP_MATCH))
        configure(h, (unsigned)n, event, flags);
    else if (!h->counter[n].event)
        return sbi_error(SBI_FAILED);
    if (flags & CONFIG_CLEAR)
        set_value(h, (unsigned)n, 0);
    if (flags & CONFIG_START)
        start(h, (unsigned)n);
    return sbi_ok((u64)n);
}

static struct sbi_ret counter_start(struct sbi_hart *h, const u64 *a)
{
    u64 set;
    struct sbi_ret ret = sbi_ok(0);
    if (!counters_named(a[0], a[1], &set) || a[2] & ~(u64)START_SET_VALUE)
        return sbi_error(SBI_INVALID_PARAM);
    for (; set; set &= set - 1) {
        unsigned n = (unsigned)__builtin_ctzll(set);
        if (h->counter[n].running || !h->counter[n].event) {
            ret = sbi_error(h->counter[n].event ? SBI_ALREADY_STARTED : SBI_INVALID_PARAM);
            continue;
        }
        if (a[2] & START_SET_VALUE)
            set_value(h, n, a[3]);
        start(h, n);
    }
    return ret;
}

static struct sbi_ret counter_stop(struct sbi_hart *h, const u64 *a)
{
    u64 set;
    struct sbi_ret ret = sbi_ok(0);
    if (!counters_named(a[0], a[1], &set) || a[2] & ~(u64)STOP_RESET)
        return sbi_error(SBI_INVALID_PARAM);
    for (; set; set &= set - 1) {
        unsigned n = (unsigned)__builtin_ctzll(set);
        if (h->counter[n].running)
            stop(h, n);
        else
            ret = sbi_error(SBI_ALREADY_STOPPED);
        if (a[2] & STOP_RESET)
            h->counter[n] = (struct sbi_counter){0};
    }
    return ret;
}

static struct sbi_ret fw_read(struct sbi_hart *h, const u64 *a)
{
    if (a[0] >= SBI_COUNTERS || !firmware((unsigned)a[0]) || !h->counter[a[0]].event)
        return sbi_error(SBI_INVALID_PARAM);
    return sbi_ok(fw_value(h, (unsigned)a[0]));
}

/* The upper half is for RV32 alone. */
static struct sbi_ret fw_read_hi(struct sbi_hart *h, const u64 *a)
{
    struct sbi_ret low = fw_read(h, a);
    return low.error ? low : sbi_ok(0);
}

sbi_fn *const sbi_pmu[SBI_PMU_FNS] = {num_counters, get_info, config_matching, counter_start,
                                      counter_stop, fw_read,  fw_read_hi};
