/* hw/timer/clint_test.c - software interrupts, the clock, and timers that rise and fall. */
#include "hw/rig.h"

enum { MTIMECMP = 0x4000, MTIME = 0xbff8 };
static struct rig r;

static u64 get(u64 off, unsigned size) { return device_read(r.d, 0, off, size); }
static void set(u64 off, u64 val, unsigned size) { device_write(r.d, 0, off, val, size); }
static void begin(void)
{
    rig_init(&r);
    rig_start(&r, "riscv.clint", "harts", "3", NULL);
}

TEST(clint_software_interrupts)
{
    begin();
    set(4, 1, 4);
    assert(r.lines == 1 << 2 && get(4, 4) == 1 && get(0, 8) == 1ull << 32);
    set(4, 0xfffffffe, 4);
    assert(!r.lines && get(4, 4) == 0);
    set(0, 0x100000001, 8);
    assert(r.lines == (1 << 0 | 1 << 2));
    set(12, 1, 4); /* no such hart */
    assert(r.lines == (1 << 0 | 1 << 2) && r.d->guest_errors == 1);
    device_reset(r.d);
    assert(!r.lines);
    rig_fini(&r);
}

TEST(clint_time_runs_at_10_mhz)
{
    begin();
    assert(get(MTIME, 8) == 10000);
    rig_step(&r, 1ull << 40);
    u64 t = 10000 + (1ull << 40) / 100;
    assert(get(MTIME, 8) == t && get(MTIME, 4) == (u32)t && get(MTIME + 4, 4) == t >> 32);
    set(MTIME + 4, 5, 4);
    set(MTIME, 6, 4);
    assert(get(MTIME, 8) == 0x500000006);
    rig_step(&r, 100);
    assert(get(MTIME, 8) == 0x500000007);
    rig_fini(&r);
}

TEST(clint_timers)
{
    begin();
    u64 t = get(MTIME, 8);
    assert(get(MTIMECMP, 8) == ~0ull);
    set(MTIMECMP, t + 20, 8);
    set(MTIMECMP + 8, t + 10, 8);
    set(MTIMECMP + 16, 0, 4); /* the high half still says never */
    assert(!r.lines);
    rig_step(&r, 999);
    assert(!r.lines);
    rig_step(&r, 1);
    assert(r.lines == 1 << 3);
    rig_step(&r, 1000);
    assert(r.lines == (1 << 1 | 1 << 3));
    set(MTIMECMP + 8, ~0ull, 8);
    assert(r.lines == 1 << 1);
    set(MTIMECMP, t + 30, 8);
    assert(!r.lines);
    set(MTIME, t + 100, 8); /* setting the clock ahead */
    assert(r.lines == 1 << 1);
    set(MTIME, t, 8);
    assert(!r.lines);
    set(MTIMECMP + 16 + 4, 0, 4);
    assert(r.lines == 1 << 5); /* the past: at once */
    rig_fini(&r);
}

TEST(clint_restored_timer_fires)
{
    struct error err;
    u8 buf[1024];
    begin();
    set(0, 1, 4);
    set(MTIMECMP, get(MTIME, 8) + 5, 8);
    size_t n = device_save(r.d, buf);
    assert(n <= sizeof buf);
    device_reset(r.d);
    assert(!r.lines && device_restore(r.d, buf, n, &err) && r.lines == 1);
    rig_step(&r, 500);
    assert(r.lines == 3);
    rig_fini(&r);
}
