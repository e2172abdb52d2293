/* hw/misc/finisher_test.c - the three ways to end, and what is none. */
#include "hw/rig.h"

static int calls, last_what, last_value;
static void request(void *arg, enum hw_request what, int value)
{
    (void)arg;
    calls++;
    last_what = (int)what;
    last_value = value;
}

TEST(finisher_requests)
{
    struct rig r;
    rig_init(&r);
    rig_start(&r, "sifive.test", NULL);
    device_write(r.d, 0, 0, 0x5555, 4); /* nobody listens */
    r.hw.request = request;
    device_write(r.d, 0, 0, 0x5555, 4);
    assert(calls == 1 && last_what == HW_POWEROFF && last_value == 0);
    device_write(r.d, 0, 0, 0x7777, 2);
    assert(calls == 2 && last_what == HW_RESET && last_value == 0);
    device_write(r.d, 0, 0, 42 << 16 | 0x3333, 4);
    assert(calls == 3 && last_what == HW_FAIL && last_value == 42);
    assert(device_read(r.d, 0, 0, 4) == 0 && !r.d->guest_errors);
    device_write(r.d, 0, 0, 0x1234, 4);
    device_write(r.d, 0, 4, 0x5555, 4);
    assert(calls == 3 && r.d->guest_errors == 2);
    rig_fini(&r);
}
