/* hw/virtio/pci.c - virtio over PCI: four structures in one memory BAR, named by capabilities.
 * Virtio 1.2, section 4.1, without the legacy interface and without MSI-X. */
#include <errno.h>
#include "base/bits.h"
#include "hw/virtio/virtio.h"

enum {
    COMMON = 0,
    ISR = 0x1000,
    DEVICE = 0x2000,
    NOTIFY = 0x3000,
    BAR_SIZE = 0x4000,
    PART = 0x1000
};
enum { COMMON_SIZE = 0x38, NOTIFY_STEP = 4, BAR = 4 };
enum { MSIX_CONFIG = 0x10, QUEUE_MSIX = 0x1a, NOTIFY_OFF = 0x1e, NO_VECTOR = 0xffff };
enum { CAP_VENDOR = 0x09, CAP_COMMON = 1, CAP_NOTIFY, CAP_ISR, CAP_DEVICE, CAP_PCI };
enum { CAP_BAR = 4, CAP_OFFSET = 8, CAP_LENGTH = 12, CAP_EXTRA = 16 }; /* inside a capability */

/* struct virtio_pci_common_cfg, 4.1.4.3. */
static const struct {
    u8 reg, size;
} common[COMMON_SIZE] = {
    [0x00] = {REG_DEVICE_SEL, 4}, [0x04] = {REG_DEVICE_FEATURES, 4},
    [0x08] = {REG_DRIVER_SEL, 4}, [0x0c] = {REG_DRIVER_FEATURES, 4},
    [0x12] = {REG_NUM_QUEUES, 2}, [0x14] = {REG_STATUS, 1},
    [0x15] = {REG_GENERATION, 1}, [0x16] = {REG_QUEUE_SEL, 2},
    [0x18] = {REG_QUEUE_SIZE, 2}, [0x1c] = {REG_QUEUE_READY, 2},
    [0x20] = {REG_DESC_LO, 4},    [0x24] = {REG_DESC_HI, 4},
    [0x28] = {REG_DRIVER_LO, 4},  [0x2c] = {REG_DRIVER_HI, 4},
    [0x30] = {REG_DEVICE_LO, 4},  [0x34] = {REG_DEVICE_HI, 4},
};

static u64 common_read(struct virtio *v, u64 off, unsigned size)
{
    if (size == 2 && (off == MSIX_CONFIG || off == QUEUE_MSIX))
        return NO_VECTOR;
    if (size == 2 && off == NOTIFY_OFF)
        return v->s.queue_sel;
    if (off < COMMON_SIZE && common[off].size == size)
        return virtio_reg_read(v, common[off].reg);
    guest_error(&v->dev, "read%u of common register %#llx", size, (unsigned long long)off);
    return 0;
}

static void common_write(struct virtio *v, u64 off, u32 val, unsigned size)
{
    if (size == 2 && (off == MSIX_CONFIG || off == QUEUE_MSIX))
        return; /* reads back as NO_VECTOR */
    if (off < COMMON_SIZE && common[off].size == size)
        virtio_reg_write(v, common[off].reg, val);
    else
        guest_error(&v->dev, "write%u of common register %#llx", size, (unsigned long long)off);
}

static u64 bar_read(struct device *dev, u64 off, unsigned size)
{
    struct virtio *v = to_virtio(dev);
    switch (align_down(off, PART)) {
    case COMMON: return common_read(v, off, size);
    case ISR: return off == ISR ? virtio_isr_take(v, ISR_QUEUE | ISR_CONFIG) : 0;
    case DEVICE: return virtio_config_read(v, off - DEVICE, size);
    }
    return 0;
}

static void bar_write(struct device *dev, u64 off, u64 val, unsigned size)
{
    struct virtio *v = to_virtio(dev);
    switch (align_down(off, PART)) {
    case COMMON: common_write(v, off, (u32)val, size); break;
    case DEVICE: virtio_config_write(v, off - DEVICE, (u32)val, size); break;
    case NOTIFY: virtio_kick(v, (u32)(off - NOTIFY) / NOTIFY_STEP); break;
    }
}

static const struct mmio_ops bar_ops = {bar_read, bar_write, .min = 1, .max = 4};

/* ---- configuration space -------------------------------------------------------------------- */

static u8 *add_cap(struct virtio *v, u8 type, u32 off, u32 len, unsigned size)
{
    u8 *cap = pci_cap_add(&v->pci, CAP_VENDOR, size);
    cap[2] = (u8)size;
    cap[3] = type;
    cap[CAP_BAR] = BAR;
    st_le32(cap + CAP_OFFSET, off);
    st_le32(cap + CAP_LENGTH, len);
    return cap;
}

/* 4.1.4.9: the last capability is a keyhole from configuration space into the BAR. */
static void keyhole(struct virtio *v, unsigned cap, bool write)
{
    u8 *c = v->pci.config + cap, *data = c + CAP_EXTRA;
    u32 off = ld_le32(c + CAP_OFFSET), len = ld_le32(c + CAP_LENGTH);
    bool width = len == 1 || len == 2 || len == 4;
    bool ok = width && c[CAP_BAR] == BAR && off < BAR_SIZE && off % len == 0;
    if (write && ok)
        bar_write(&v->dev, off, ld_le32(data) & (u32)(~0ull >> (64 - 8 * len)), len);
    else if (!write)
        st_le32(data, ok ? (u32)bar_read(&v->dev, off, len) : 0);
}

static void config_touched(struct device *dev, unsigned off, unsigned size, bool write)
{
    struct virtio *v = to_virtio(dev);
    unsigned cap = v->pci.last_cap - 1;
    if (off < cap + CAP_EXTRA + 4 && cap + CAP_EXTRA < off + size)
        keyhole(v, cap, write);
    if (write)
        virtio_dma(v, v->pci.config[PCI_COMMAND] & PCI_COMMAND_MASTER);
}

const char *const virtio_on_off_auto[] = {"on", "off", "auto", NULL};

bool virtio_pci_init(struct device *dev, struct error *err)
{
    struct virtio *v = to_virtio(dev);
    if (v->disable_modern)
        return error_set(err, ENOTSUP,
                         "disable-modern=on leaves nothing: there is no legacy interface");
    if (!virtio_init(v, err))
        return false;
    struct pci_id id = {.vendor = 0x1af4,
                        .device = (u16)(0x1040 + v->class->type),
                        .sub_vendor = 0x1af4,
                        .sub_device = 0x1100,
                        .class = v->class->pci_class,
                        .revision = 1};
    mmio_add(dev, 0, &bar_ops, BAR_SIZE);
    pci_func_init(&v->pci, dev, v->pci_config, &id);
    pci_bar_add(&v->pci, BAR, 0, BAR_64 | BAR_PREFETCH);
    add_cap(v, CAP_COMMON, COMMON, COMMON_SIZE, 16);
    add_cap(v, CAP_ISR, ISR, 1, 16);
    add_cap(v, CAP_DEVICE, DEVICE, MAX(v->class->config_size, 4), 16);
    st_le32(add_cap(v, CAP_NOTIFY, NOTIFY, v->n_queues * NOTIFY_STEP, 20) + CAP_EXTRA, NOTIFY_STEP);
    u8 *cap = add_cap(v, CAP_PCI, 0, 0, 20);
    u8 *writable = v->pci.writable + (cap - v->pci.init);
    writable[CAP_BAR] = 0xff;
    memset(writable + CAP_OFFSET, 0xff, CAP_EXTRA + 4 - CAP_OFFSET);
    v->pci.touched = config_touched;
    return pci_plug(&v->pci, err);
}

/* Unplugged, there is no command register that could say otherwise. */
static void follow_master(struct virtio *v)
{
    v->no_dma = v->pci.bus && !(v->pci.config[PCI_COMMAND] & PCI_COMMAND_MASTER);
}

void virtio_pci_reset(struct device *dev)
{
    struct virtio *v = to_virtio(dev);
    pci_func_reset(&v->pci);
    follow_master(v);
    virtio_reset(v);
}

void virtio_pci_restored(struct device *dev)
{
    struct virtio *v = to_virtio(dev);
    pci_func_restored(&v->pci);
    follow_master(v);
    virtio_restored(v);
}
