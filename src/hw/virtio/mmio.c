/* hw/virtio/mmio.c - virtio over memory-mapped registers: a board's slots, and what fills them.
 * Virtio 1.2, section 4.2. */
#include <errno.h>
#include "hw/virtio/virtio.h"

enum {
    MAGIC = 0x000,
    VERSION = 0x004,
    DEVICE_ID = 0x008,
    VENDOR_ID = 0x00c,
    SHM_FIRST = 0x0b0,
    SHM_LAST = 0x0bc,
    CONFIG = 0x100,
    WINDOW = 0x1000
};
/* Some guests know no other vendor. */
enum { MAGIC_VALUE = 0x74726976, VERSION_VALUE = 2, VENDOR_VALUE = 0x554d4551 };

static const u8 reads[CONFIG / 4] = {
    [0x010 / 4] = REG_DEVICE_FEATURES, [0x034 / 4] = REG_QUEUE_SIZE_MAX,
    [0x044 / 4] = REG_QUEUE_READY,     [0x060 / 4] = REG_ISR,
    [0x070 / 4] = REG_STATUS,          [0x0fc / 4] = REG_GENERATION,
};
static const u8 writes[CONFIG / 4] = {
    [0x014 / 4] = REG_DEVICE_SEL,   [0x020 / 4] = REG_DRIVER_FEATURES,
    [0x024 / 4] = REG_DRIVER_SEL,   [0x030 / 4] = REG_QUEUE_SEL,
    [0x038 / 4] = REG_QUEUE_SIZE,   [0x044 / 4] = REG_QUEUE_READY,
    [0x050 / 4] = REG_QUEUE_NOTIFY, [0x064 / 4] = REG_ISR_ACK,
    [0x070 / 4] = REG_STATUS,       [0x080 / 4] = REG_DESC_LO,
    [0x084 / 4] = REG_DESC_HI,      [0x090 / 4] = REG_DRIVER_LO,
    [0x094 / 4] = REG_DRIVER_HI,    [0x0a0 / 4] = REG_DEVICE_LO,
    [0x0a4 / 4] = REG_DEVICE_HI,
};

static u64 mmio_read(struct device *dev, u64 off, unsigned size)
{
    struct virtio *v = to_virtio(dev);
    if (off >= CONFIG)
        return virtio_config_read(v, off - CONFIG, size);
    if (size == 4) {
        switch (off) {
        case MAGIC: return MAGIC_VALUE;
        case VERSION: return VERSION_VALUE;
        case DEVICE_ID: return v->class->type;
        case VENDOR_ID: return VENDOR_VALUE;
        }
        if (off >= SHM_FIRST && off <= SHM_LAST)
            return 0xffffffff; /* no shared memory region has this number */
        if (reads[off / 4])
            return virtio_reg_read(v, reads[off / 4]);
    }
    guest_error(dev, "read%u of register %#llx", size, (unsigned long long)off);
    return 0;
}

static void mmio_write(struct device *dev, u64 off, u64 val, unsigned size)
{
    struct virtio *v = to_virtio(dev);
    if (off >= CONFIG)
        virtio_config_write(v, off - CONFIG, (u32)val, size);
    else if (size == 4 && writes[off / 4])
        virtio_reg_write(v, writes[off / 4], (u32)val);
    else
        guest_error(dev, "write%u of register %#llx", size, (unsigned long long)off);
}

static const struct mmio_ops mmio_ops = {mmio_read, mmio_write, .min = 1, .max = 4};

/* ---- slots: where the board put the registers and wired the line ---------------------------- */

struct slot {
    struct device dev;
    struct virtio *filled; /* NULL: empty */
};

static u64 empty_read(struct device *dev, u64 off, unsigned size)
{
    (void)dev;
    if (size == 4 && off == MAGIC)
        return MAGIC_VALUE;
    if (size == 4 && off == VERSION)
        return VERSION_VALUE;
    return size == 4 && off == VENDOR_ID ? VENDOR_VALUE : 0; /* device id 0: nothing here */
}

static void empty_write(struct device *dev, u64 off, u64 val, unsigned size)
{
    guest_error(dev, "write%u of %#llx to register %#llx of an empty slot", size,
                (unsigned long long)val, (unsigned long long)off);
}

static const struct mmio_ops empty_ops = {empty_read, empty_write, .min = 1, .max = 4};

static bool slot_init(struct device *dev, struct error *err)
{
    (void)err;
    mmio_add(dev, 0, &empty_ops, WINDOW);
    irq_outputs(dev, 1);
    return true;
}

DEVICE(slot, .name = "virtio-mmio", .doc = "slot for a memory-mapped virtio device",
       .compatible = "virtio,mmio", .size = sizeof(struct slot), .init = slot_init);

/* The slot named by the property, or the empty one made last, or NULL: none at all. */
static struct slot *find_slot(const struct virtio *v)
{
    struct slot *found = NULL;
    for (struct device *d = v->dev.hw->devices; d; d = d->next) {
        struct slot *slot = container_of(d, struct slot, dev);
        if (d->class != &slot_class || !d->started)
            continue;
        if (v->slot ? !strcmp(v->slot, d->id) : !slot->filled || !found)
            found = slot;
    }
    return found;
}

/* The slot's registers become the device's: one look-up, one lock. So does its line. */
static bool fill_slot(struct virtio *v, struct error *err)
{
    struct slot *slot = find_slot(v);
    if (!slot)
        return !v->slot || error_set(err, ENOENT, "there is no virtio-mmio slot '%s'", v->slot);
    if (slot->filled && v->slot)
        return error_set(err, EBUSY, "slot '%s' is taken by '%s'", v->slot, slot->filled->dev.id);
    if (slot->filled)
        return error_set(err, ENOSPC, "all virtio-mmio slots are taken");
    slot->filled = v;
    slot->dev.mmio[0].dev = &v->dev;
    slot->dev.mmio[0].ops = &mmio_ops;
    v->irq = &slot->dev.irq[0];
    return true;
}

/* ---- devices -------------------------------------------------------------------------------- */

bool virtio_mmio_init(struct device *dev, struct error *err)
{
    struct virtio *v = to_virtio(dev);
    if (!virtio_init(v, err))
        return false;
    mmio_add(dev, 0, &mmio_ops, WINDOW);
    return fill_slot(v, err);
}

void virtio_mmio_reset(struct device *dev) { virtio_reset(to_virtio(dev)); }
void virtio_mmio_restored(struct device *dev) { virtio_restored(to_virtio(dev)); }
