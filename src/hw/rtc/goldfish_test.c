/* hw/rtc/goldfish_test.c - the clock runs and can be set; the alarm fires, the line follows. */
#include "hw/rig.h"

enum { WALL = 0x1234500 };
static struct rig r;

static void begin(const char *skew)
{
    rig_init(&r);
    clock_fake(5000, (u64)WALL << 24);
    rig_start(&r, "goldfish-rtc", "skew", skew, NULL);
}

static u64 get(u64 reg) { return device_read(r.d, 0, reg, 4); }
static void set(u64 reg, u64 val) { device_write(r.d, 0, reg, val, 4); }
static u64 get_time(void)
{
    u64 lo = get(0x00);
    return lo | get(0x04) << 32;
}
static void set_alarm(u64 t)
{
    set(0x0c, t >> 32);
    set(0x08, (u32)t);
}

TEST(goldfish_tells_and_takes_the_time)
{
    struct error err;
    begin("10");
    u64 t = ((u64)WALL << 24) + 10000000000ull;
    assert(get_time() == t);
    rig_step(&r, 123);
    assert(get_time() == t + 123);
    get(0x00);
    rig_step(&r, 1ull << 32);
    assert(get(0x04) == (t + 123) >> 32); /* latched */
    set(0x04, 0x11);
    set(0x00, 0x22);
    assert(get_time() == 0x1100000022);
    assert(!device_set(r.d, "skew", "99999999999", &err) && strstr(err.msg, "skew"));
    rig_fini(&r);
}

TEST(goldfish_alarm)
{
    begin("0");
    u64 t = get_time();
    set(0x10, 1);
    set_alarm(t + 500);
    assert(get(0x18) == 1 && !r.lines && get(0x08) == (u32)(t + 500));
    rig_step(&r, 499);
    assert(!r.lines);
    rig_step(&r, 1);
    assert(r.lines && get(0x18) == 0);
    set(0x10, 0);
    assert(!r.lines);
    set(0x10, 1);
    assert(r.lines);
    set(0x1c, 0);
    assert(!r.lines);
    set_alarm(t); /* past: at once */
    assert(r.lines && get(0x18) == 0);
    set(0x1c, 0);
    set_alarm(t + 1000);
    set(0x14, 0);
    rig_step(&r, 1000);
    assert(!r.lines);
    set_alarm(t + 1000000);
    set(0x04, t >> 32);
    set(0x00, (u32)(t + 2000000)); /* setting the clock past the alarm */
    assert(r.lines);
    set_alarm(~0ull);
    get(0x40);
    assert(r.d->guest_errors == 1);
    rig_fini(&r);
}

TEST(goldfish_restored_alarm_fires)
{
    struct error err;
    u8 buf[256];
    begin("0");
    set(0x10, 1);
    set_alarm(get_time() + 500);
    size_t n = device_save(r.d, buf);
    device_reset(r.d);
    assert(device_restore(r.d, buf, n, &err));
    rig_step(&r, 500);
    assert(r.lines);
    rig_fini(&r);
}
