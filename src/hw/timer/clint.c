/* hw/timer/clint.c - RISC-V ACLINT in the CLINT's layout: software interrupts, mtime, mtimecmp.
 *
 * RISC-V ACLINT specification 1.0-rc4: an MSWI device at 0 (chapter 3), an MTIMER device at 0x4000
 * (chapter 2). mtime runs with the machine's clock, from which harts also read `time`. Outputs of
 * hart n: 2n is MSIP, 2n + 1 is MTIP. */
#include "hw/device.h"

enum { HARTS = 64, TICK_NS = 100, MTIMECMP = 0x4000, MTIME = 0xbff8, WINDOW = 0x10000 };

struct clint {
    struct device dev;
    struct timer timer; /* the earliest mtimecmp that is still ahead */
    u64 harts;
    struct clint_state {
        u64 mtimecmp[HARTS];
        u64 offset; /* of mtime, once it was written */
        u8 msip[HARTS];
    } s;
};

static struct clint *self(struct device *dev) { return container_of(dev, struct clint, dev); }
static u64 mtime(const struct clint *d) { return clock_now_ns() / TICK_NS + d->s.offset; }

/* Drives all lines and sleeps until the next of them changes. */
static void update(struct device *dev)
{
    struct clint *d = self(dev);
    u64 now = mtime(d), next = ~0ull, when;
    for (u64 i = 0; i < d->harts; i++) {
        bool due = now >= d->s.mtimecmp[i];
        irq_set(&dev->irq[2 * i], d->s.msip[i] & 1);
        irq_set(&dev->irq[2 * i + 1], due);
        if (!due)
            next = MIN(next, d->s.mtimecmp[i]);
    }
    timer_stop(&d->timer);
    if (add_ok(clock_now_ns() / TICK_NS, next - now, &when) && mul_ok(when, (u64)TICK_NS, &when))
        timer_at(&d->timer, when);
}

static u64 with_word(u64 old, u64 off, u64 val, unsigned size)
{
    if (size == 8)
        return val;
    return off & 4 ? (u32)old | val << 32 : (old & ~0xffffffffull) | val;
}

/* The register at `off`: its hart in *hart. */
enum reg { REG_MSIP, REG_MTIMECMP, REG_MTIME, REG_NONE };
static enum reg decode(const struct clint *d, u64 off, u64 *hart)
{
    *hart = off / 4;
    if (*hart < d->harts)
        return REG_MSIP;
    *hart = (off - MTIMECMP) / 8;
    if (off >= MTIMECMP && *hart < d->harts)
        return REG_MTIMECMP;
    return (off & ~7ull) == MTIME ? REG_MTIME : REG_NONE;
}

static u64 clint_read(struct device *dev, u64 off, unsigned size)
{
    struct clint *d = self(dev);
    u64 hart, half = off & 4 ? 32 : 0;
    switch (decode(d, off, &hart)) {
    case REG_MSIP: return d->s.msip[hart] | (size == 8 ? clint_read(dev, off + 4, 4) << 32 : 0);
    case REG_MTIMECMP: return d->s.mtimecmp[hart] >> half;
    case REG_MTIME: return mtime(d) >> half;
    case REG_NONE: break;
    }
    guest_error(dev, "read%u of register %#llx", size, (unsigned long long)off);
    return 0;
}

static void clint_write(struct device *dev, u64 off, u64 val, unsigned size)
{
    struct clint *d = self(dev);
    u64 hart, now = mtime(d);
    switch (decode(d, off, &hart)) {
    case REG_MSIP:
        d->s.msip[hart] = val & 1;
        if (size == 8)
            clint_write(dev, off + 4, val >> 32, 4);
        break;
    case REG_MTIMECMP: d->s.mtimecmp[hart] = with_word(d->s.mtimecmp[hart], off, val, size); break;
    case REG_MTIME: d->s.offset += with_word(now, off, val, size) - now; break;
    case REG_NONE: guest_error(dev, "write%u of register %#llx", size, (unsigned long long)off);
    }
    update(dev);
}

static const struct mmio_ops regs = {clint_read, clint_write, .min = 4, .max = 8};

static bool clint_init(struct device *dev, struct error *err)
{
    struct clint *d = self(dev);
    (void)err;
    mmio_add(dev, 0, &regs, WINDOW);
    irq_outputs(dev, (int)(2 * d->harts));
    timer_init(&d->timer, dev, update);
    return true;
}

static void clint_reset(struct device *dev)
{
    struct clint *d = self(dev);
    memset(d->s.mtimecmp, 0xff, sizeof d->s.mtimecmp);
    update(dev);
}

static const struct prop props[] = {
    PROP_U64(struct clint, harts, "1", 1, HARTS, "number of harts"),
    {0},
};

#define F(m) FIELD(struct clint_state, m)
DEVICE(clint, .name = "riscv.clint", .doc = "RISC-V timer and software interrupts",
       .compatible = "sifive,clint0 riscv,clint0", DEVICE_STATE(struct clint, s),
       .fields = FIELDS(F(mtimecmp), F(offset), F(msip)), .props = props, .rank = RANK_INTC,
       .init = clint_init, .reset = clint_reset, .restored = update);
