/* hw/pci/ecam.c - a generic PCI Express host bridge whose configuration space is one window (ECAM).
 * PCI Express Base Specification 4.0, section 7.2.2. */
#include "hw/pci/pci.h"

enum { ECAM_SIZE = 256 << 20, BUS_SHIFT = 20, DEVFN_SHIFT = 12, REG_MASK = 0xfff };

struct ecam {
    struct device dev;
    struct pci_bus bus;
    struct pci_func root; /* the bridge itself, at 00.0 */
    u64 pio_base, pio_size, mmio_base, mmio_size, mmio64_base, mmio64_size;
    struct ecam_state {
        u8 config[PCI_CONFIG];
    } s;
};

static struct ecam *self(struct device *dev) { return container_of(dev, struct ecam, dev); }

static struct pci_func *func_at(struct ecam *d, u64 off)
{
    return off >> BUS_SHIFT ? NULL : d->bus.func[off >> DEVFN_SHIFT];
}

/* The dispatcher holds the bridge's lock; any other function has its own as well. */
static u64 ecam_read(struct device *dev, u64 off, unsigned size)
{
    struct pci_func *f = func_at(self(dev), off);
    if (!f)
        return ~0ull; /* master abort */
    if (f->dev != dev)
        device_lock(f->dev);
    u64 v = pci_config_read(f, off & REG_MASK, size);
    if (f->dev != dev)
        device_unlock(f->dev);
    return v;
}

static void ecam_write(struct device *dev, u64 off, u64 val, unsigned size)
{
    struct pci_func *f = func_at(self(dev), off);
    if (!f)
        return;
    if (f->dev != dev)
        device_lock(f->dev);
    pci_config_write(f, off & REG_MASK, (u32)val, size);
    if (f->dev != dev)
        device_unlock(f->dev);
}

static const struct mmio_ops ecam_ops = {ecam_read, ecam_write, .min = 1, .max = 4};

static bool ecam_init(struct device *dev, struct error *err)
{
    static const struct pci_id id = {.vendor = 0x1b36,
                                     .device = 0x0008,
                                     .sub_vendor = 0x1af4,
                                     .sub_device = 0x1100,
                                     .class = 0x060000};
    struct ecam *d = self(dev);
    (void)err;
    mutex_init(&d->bus.lock, RANK_ROUTER, "pci");
    d->bus.host = dev;
    d->bus.io = (struct pci_range){d->pio_base, 0, d->pio_size};
    d->bus.mem = (struct pci_range){d->mmio_base, d->mmio_base, d->mmio_size};
    d->bus.mem64 = (struct pci_range){d->mmio64_base, d->mmio64_base, d->mmio64_size};
    mmio_add(dev, 0, &ecam_ops, ECAM_SIZE);
    irq_outputs(dev, PCI_LINES);
    pci_func_init(&d->root, dev, d->s.config, &id);
    d->bus.func[0] = &d->root;
    return true;
}

static void ecam_reset(struct device *dev) { pci_func_reset(&self(dev)->root); }
static void ecam_restored(struct device *dev) { pci_func_restored(&self(dev)->root); }

static void ecam_fini(struct device *dev)
{
    if (self(dev)->bus.host)
        mutex_fini(&self(dev)->bus.lock);
}

DEVICE(ecam, .name = "pci-host-ecam-generic", .doc = "PCI Express host bridge",
       .compatible = "pci-host-ecam-generic", DEVICE_STATE(struct ecam, s), .rank = RANK_BUS,
       .fields = FIELDS(FIELD(struct ecam_state, config)),
       .props = PROPS(
           PROP_U64(struct ecam, pio_base, "0x3000000", 0, 0, "where I/O port 0 appears"),
           PROP_SIZE(struct ecam, pio_size, "64K", 0, 0, "I/O ports"),
           PROP_U64(struct ecam, mmio_base, "0x40000000", 0, 0, "memory window below 4 GiB"),
           PROP_SIZE(struct ecam, mmio_size, "1G", 0, 0, "its size"),
           PROP_U64(struct ecam, mmio64_base, "0x400000000", 0, 0, "memory window above 4 GiB"),
           PROP_SIZE(struct ecam, mmio64_size, "16G", 0, 0, "its size")),
       .init = ecam_init, .reset = ecam_reset, .restored = ecam_restored, .fini = ecam_fini);

struct pci_bus *pci_bus_find(const struct hw *hw, const char *name)
{
    for (struct device *d = hw->devices; d; d = d->next)
        if (d->class == &ecam_class && d->started && (!name || !strcmp(name, d->id)))
            return &self(d)->bus;
    return NULL;
}
