/* hw/misc/finisher.c - SiFive test finisher: one register through which a guest ends. */
#include "hw/device.h"

enum { FINISH_FAIL = 0x3333, FINISH_PASS = 0x5555, FINISH_RESET = 0x7777 };

static u64 finisher_read(struct device *dev, u64 off, unsigned size)
{
    if (off)
        guest_error(dev, "read%u of register %#llx", size, (unsigned long long)off);
    return 0;
}

/* Low half: how to end; high half: the code of a failure. */
static void finisher_write(struct device *dev, u64 off, u64 val, unsigned size)
{
    enum hw_request what;
    switch (off ? 0 : val & 0xffff) {
    case FINISH_FAIL: what = HW_FAIL; break;
    case FINISH_PASS: what = HW_POWEROFF; break;
    case FINISH_RESET: what = HW_RESET; break;
    default:
        guest_error(dev, "write%u of %#llx to register %#llx", size, (unsigned long long)val,
                    (unsigned long long)off);
        return;
    }
    if (dev->hw->request)
        dev->hw->request(dev->hw->request_arg, what, what == HW_FAIL ? (int)(val >> 16) : 0);
}

static const struct mmio_ops regs = {finisher_read, finisher_write, .min = 4, .max = 4};

static bool finisher_init(struct device *dev, struct error *err)
{
    (void)err;
    mmio_add(dev, 0, &regs, 0x1000);
    return true;
}

DEVICE(finisher, .name = "sifive.test", .doc = "SiFive test finisher: power-off, reset, failure",
       .compatible = "sifive,test1 sifive,test0 syscon", .size = sizeof(struct device),
       .init = finisher_init);
