/* hw/rtc/goldfish.c - Goldfish RTC: a 64-bit nanosecond clock, one alarm. */
#include "hw/device.h"

/* Registers of the Goldfish timer, which this is without its monotonic half. */
enum { TIME_LO = 0x00, TIME_HI = 0x04, ALARM_LO = 0x08, ALARM_HI = 0x0c };
enum { IRQ_ENABLE = 0x10, ALARM_CLEAR = 0x14, ALARM_STATUS = 0x18, IRQ_CLEAR = 0x1c };

struct goldfish {
    struct device dev;
    struct timer timer;
    i64 skew;
    struct goldfish_state {
        u64 offset;  /* guest time minus host time, ns */
        u64 alarm;   /* the registers */
        u64 due;     /* what they said when the alarm was armed */
        u32 time_hi; /* latched by a read of TIME_LO */
        u32 armed, pending, enabled;
    } s;
};

static struct goldfish *self(struct device *dev) { return container_of(dev, struct goldfish, dev); }
static u64 now(const struct goldfish *d) { return clock_wall_ns() + d->s.offset; }
static u64 with_lo(u64 v, u64 lo) { return (v & ~0xffffffffull) | (u32)lo; }
static u64 with_hi(u64 v, u64 hi) { return (u32)v | hi << 32; }

static void drive_irq(struct goldfish *d) { irq_set(&d->dev.irq[0], d->s.pending && d->s.enabled); }

/* Fires an alarm that is due, or sleeps until it is: again, should the host's clock be set back. */
static void update(struct device *dev)
{
    struct goldfish *d = self(dev);
    u64 t = now(d), when;
    timer_stop(&d->timer);
    if (d->s.armed && d->s.due <= t) {
        d->s.armed = 0;
        d->s.pending = 1;
    } else if (d->s.armed && add_ok(clock_now_ns(), d->s.due - t, &when)) {
        timer_at(&d->timer, when);
    }
    drive_irq(d);
}

static void arm(struct goldfish *d, u64 alarm)
{
    d->s.alarm = d->s.due = alarm;
    d->s.armed = 1;
}

static u64 goldfish_read(struct device *dev, u64 off, unsigned size)
{
    struct goldfish *d = self(dev);
    u64 t = now(d);
    switch (off) {
    case TIME_LO: d->s.time_hi = (u32)(t >> 32); return (u32)t;
    case TIME_HI: return d->s.time_hi;
    case ALARM_LO: return (u32)d->s.alarm;
    case ALARM_HI: return d->s.alarm >> 32;
    case IRQ_ENABLE: return d->s.enabled;
    case ALARM_STATUS: return d->s.armed;
    }
    guest_error(dev, "read%u of register %#llx", size, (unsigned long long)off);
    return 0;
}

static void goldfish_write(struct device *dev, u64 off, u64 val, unsigned size)
{
    struct goldfish *d = self(dev);
    u64 t = now(d);
    switch (off) {
    case TIME_LO: d->s.offset += with_lo(t, val) - t; break;
    case TIME_HI: d->s.offset += with_hi(t, val) - t; break;
    case ALARM_LO: arm(d, with_lo(d->s.alarm, val)); break;
    case ALARM_HI: d->s.alarm = with_hi(d->s.alarm, val); return; /* ALARM_LO arms */
    case IRQ_ENABLE: d->s.enabled = val & 1; break;
    case ALARM_CLEAR: d->s.armed = 0; break;
    case IRQ_CLEAR: d->s.pending = 0; break;
    default: guest_error(dev, "write%u of register %#llx", size, (unsigned long long)off); return;
    }
    update(dev);
}

static const struct mmio_ops regs = {goldfish_read, goldfish_write, .min = 4, .max = 4};

static bool goldfish_init(struct device *dev, struct error *err)
{
    (void)err;
    mmio_add(dev, 0, &regs, 0x1000);
    irq_outputs(dev, 1);
    timer_init(&self(dev)->timer, dev, update);
    return true;
}

static void goldfish_reset(struct device *dev)
{
    struct goldfish *d = self(dev);
    d->s.offset = (u64)d->skew * 1000000000;
    drive_irq(d);
}

enum { YEAR = 366 * 24 * 3600 };
static const struct prop props[] = {
    PROP_I64(struct goldfish, skew, "0", -YEAR, YEAR, "seconds ahead of the host's clock"),
    {0},
};

#define F(m) FIELD(struct goldfish_state, m)
DEVICE(goldfish, .name = "goldfish-rtc", .doc = "Goldfish real-time clock",
       .compatible = "google,goldfish-rtc", DEVICE_STATE(struct goldfish, s),
       .fields = FIELDS(F(offset), F(alarm), F(due), F(time_hi), F(armed), F(pending), F(enabled)),
       .props = props, .init = goldfish_init, .reset = goldfish_reset, .restored = update);
