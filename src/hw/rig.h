/* hw/rig.h - a device on the bench: the machine around it that a unit test needs. Tests only. */
#ifndef HW_RIG_H
#define HW_RIG_H
#include <assert.h>
#include <stdarg.h>
#include "hw/device.h"

struct rig {
    struct hw hw;
    struct device *d; /* the device under test */
    u64 lines;        /* its output lines, a bit each */
};

static inline void rig_line(void *to, int n, bool level)
{
    struct rig *r = to;
    r->lines = (r->lines & ~(1ull << n)) | (u64)level << n;
}

/* An empty machine on a clock that stands still at 1 ms, and in 1970. */
static inline void rig_init(struct rig *r)
{
    *r = (struct rig){0};
    clock_fake(1000000, 0);
    hw_init(&r->hw, space_new(), loop_new());
}

/* A started device of that class; then property names and values, ended by NULL. */
static inline void rig_start(struct rig *r, const char *class, ...)
{
    struct error err;
    va_list ap;
    r->d = device_new(&r->hw, device_class_find(class), "dut");
    va_start(ap, class);
    for (const char *prop; (prop = va_arg(ap, const char *));) {
        bool ok = device_set(r->d, prop, va_arg(ap, const char *), &err);
        assert(ok);
    }
    va_end(ap);
    bool ok = device_start(r->d, &err);
    assert(ok);
    for (int i = 0; i < r->d->n_irq; i++)
        irq_connect_fn(r->d, i, rig_line, r, i);
}

static inline void rig_fini(struct rig *r)
{
    hw_fini(&r->hw);
    loop_free(r->hw.loop);
    space_free(r->hw.space);
    clock_real();
}

static inline void rig_step(struct rig *r, u64 ns) /* time passes, timers fire */
{
    clock_step(ns);
    loop_poll(r->hw.loop, 0);
}
#endif
