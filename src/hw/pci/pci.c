/* hw/pci/pci.c - one PCI function: configuration space, base address registers, INTx.
 * PCI Local Bus Specification 3.0, chapter 6. */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include "base/bits.h"
#include "hw/pci/pci.h"

void pci_func_init(struct pci_func *f, struct device *dev, u8 *config, const struct pci_id *id)
{
    f->dev = dev;
    f->config = config;
    f->caps_end = PCI_FIRST_CAP;
    f->last_cap = PCI_CAPS;
    st_le16(f->init + PCI_VENDOR, id->vendor);
    st_le16(f->init + PCI_DEVICE, id->device);
    st_le32(f->init + PCI_REVISION, id->class << 8 | id->revision);
    st_le16(f->init + PCI_SUB_VENDOR, id->sub_vendor);
    st_le16(f->init + PCI_SUB_DEVICE, id->sub_device);
    f->init[PCI_HEADER] = f->multifunction ? 0x80 : 0;
    st_le16(f->writable + PCI_COMMAND,
            PCI_COMMAND_IO | PCI_COMMAND_MEM | PCI_COMMAND_MASTER | PCI_COMMAND_NO_INTX);
    f->writable[PCI_CACHE_LINE] = 0xff;
    f->writable[PCI_INT_LINE] = 0xff;
}

void pci_bar_add(struct pci_func *f, int n, int window, unsigned flags)
{
    u64 size = f->dev->mmio[window].size;
    unsigned reg = PCI_BAR0 + 4 * (unsigned)n;
    assert(is_pow2(size) && size >= 16 && !f->bar[n].size);
    f->bar[n] = (struct pci_bar){.size = size, .window = window, .flags = (u8)flags};
    st_le32(f->init + reg, flags);
    st_le32(f->writable + reg, (u32) ~(size - 1));
    if (flags & BAR_64)
        st_le32(f->writable + reg + 4, (u32)(~(size - 1) >> 32));
}

u8 *pci_cap_add(struct pci_func *f, u8 id, unsigned len)
{
    unsigned off = f->caps_end;
    assert(off + len <= PCI_CONFIG);
    f->init[f->last_cap] = (u8)off;
    f->init[PCI_STATUS] |= PCI_STATUS_CAPS;
    f->init[off] = id;
    f->last_cap = off + 1;
    f->caps_end = (unsigned)align_up(off + len, 4);
    return f->init + off;
}

/* ---- base address registers ----------------------------------------------------------------- */

/* Where a range maps [addr, addr + size); ~0: it does not. */
static gpa through(const struct pci_range *r, u64 addr, u64 size)
{
    u64 off = addr - r->pci;
    return addr >= r->pci && off < r->size && size <= r->size - off ? r->cpu + off : ~0ull;
}

/* The address at which the guest wants to see BAR n; ~0: nowhere. A register of zero is unset. */
static gpa bar_wanted(const struct pci_func *f, int n)
{
    const struct pci_bar *bar = &f->bar[n];
    const u8 *reg = f->config + PCI_BAR0 + 4 * n;
    bool io = bar->flags & BAR_IO, wide = bar->flags & BAR_64;
    u64 addr = (wide ? ld_le64(reg) : ld_le32(reg)) & ~(bar->size - 1);
    if (!f->bus || !addr || !(f->config[PCI_COMMAND] & (io ? PCI_COMMAND_IO : PCI_COMMAND_MEM)))
        return ~0ull;
    if (io)
        return through(&f->bus->io, addr, bar->size);
    gpa low = through(&f->bus->mem, addr, bar->size);
    return low == ~0ull && wide ? through(&f->bus->mem64, addr, bar->size) : low;
}

/* Moves windows to where the registers say. All leave before the first arrives, so two may swap. */
static void update_bars(struct pci_func *f)
{
    for (int n = 0; n < PCI_BARS; n++)
        if (f->bar[n].size && f->dev->mmio[f->bar[n].window].base != bar_wanted(f, n))
            device_unmap(f->dev, f->bar[n].window);
    for (int n = 0; n < PCI_BARS; n++) {
        struct error err;
        if (!f->bar[n].size || f->dev->mmio[f->bar[n].window].base != ~0ull)
            continue;
        gpa base = bar_wanted(f, n);
        if (base != ~0ull && !device_map(f->dev, f->bar[n].window, base, &err))
            guest_error(f->dev, "BAR %d: %s", n, err.msg);
    }
}

/* ---- INTx: section 6.2.2 and 6.2.3, interrupt disable and interrupt status ------------------ */

static void update_intx(struct pci_func *f)
{
    struct pci_bus *bus = f->bus;
    bool level = f->config[PCI_STATUS] & PCI_STATUS_INTX &&
                 !(ld_le16(f->config + PCI_COMMAND) & PCI_COMMAND_NO_INTX);
    if (!bus)
        return;
    mutex_lock(&bus->lock);
    if (level != f->intx) {
        unsigned *asserted = &bus->asserted[pci_line(f->devfn)];
        f->intx = level;
        *asserted = level ? *asserted + 1 : *asserted - 1;
        irq_set(&bus->host->irq[pci_line(f->devfn)], *asserted);
    }
    mutex_unlock(&bus->lock);
}

static void intx(void *to, int line, bool level)
{
    struct pci_func *f = to;
    (void)line;
    f->config[PCI_STATUS] &= (u8)~PCI_STATUS_INTX;
    f->config[PCI_STATUS] |= level ? PCI_STATUS_INTX : 0;
    update_intx(f);
}

/* ---- life ----------------------------------------------------------------------------------- */

static bool parse_hex(const char **text, unsigned long *v)
{
    const char *first = *text;
    char *end;
    bool ok = isxdigit((u8)first[0]);
    *v = strtoul(first, &end, 16);
    *text = end;
    return ok;
}

static bool parse_addr(const char *text, unsigned *devfn)
{
    unsigned long slot, fn = 0;
    if (!parse_hex(&text, &slot) || (*text == '.' && (text++, !parse_hex(&text, &fn))))
        return false;
    *devfn = (unsigned)(slot << 3 | fn);
    return !*text && slot < 32 && fn < 8;
}

static bool choose_addr(const struct pci_func *f, unsigned *devfn, struct error *err)
{
    const struct pci_bus *bus = f->bus;
    if (!f->addr) {
        for (*devfn = 0; *devfn < PCI_DEVFNS; *devfn += 8)
            if (!bus->func[*devfn])
                return true;
        return error_set(err, ENOSPC, "all 32 slots of %s are taken", bus->host->id);
    }
    if (!parse_addr(f->addr, devfn))
        return error_set(err, EINVAL, "addr '%s' is not SLOT[.FUNCTION] up to 1f.7", f->addr);
    if (bus->func[*devfn])
        return error_set(err, EBUSY, "addr %s is taken by '%s'", f->addr,
                         bus->func[*devfn]->dev->id);
    const struct pci_func *first = bus->func[*devfn & ~7u];
    if (*devfn & 7 && !(first && first->multifunction))
        return error_set(err, EINVAL, "addr %s needs a function 0 with multifunction=on", f->addr);
    return true;
}

bool pci_plug(struct pci_func *f, struct error *err)
{
    unsigned devfn;
    f->bus = pci_bus_find(f->dev->hw, f->bus_name);
    if (!f->bus)
        return !f->bus_name || error_set(err, ENOENT, "there is no PCI bus '%s'", f->bus_name);
    if (!choose_addr(f, &devfn, err)) {
        f->bus = NULL;
        return false;
    }
    f->devfn = (u8)devfn;
    f->bus->func[devfn] = f;
    if (f->dev->n_irq) {
        f->init[PCI_INT_PIN] = 1;
        irq_connect_fn(f->dev, 0, intx, f, 0);
    }
    return true;
}

void pci_func_reset(struct pci_func *f)
{
    memcpy(f->config, f->init, PCI_CONFIG);
    update_bars(f);
    update_intx(f);
}

void pci_func_restored(struct pci_func *f)
{
    for (unsigned i = 0; i < PCI_CONFIG; i++)
        f->config[i] = (u8)((f->init[i] & ~f->writable[i]) | (f->config[i] & f->writable[i]));
    update_bars(f);
    update_intx(f);
}

/* ---- configuration accesses ----------------------------------------------------------------- */

static bool overlaps(unsigned off, unsigned size, unsigned reg, unsigned len)
{
    return off < reg + len && reg < off + size;
}

u32 pci_config_read(struct pci_func *f, unsigned off, unsigned size)
{
    u32 v = 0;
    if (off >= PCI_CONFIG)
        return 0; /* no extended capabilities */
    if (f->touched)
        f->touched(f->dev, off, size, false);
    memcpy(&v, f->config + off, size);
    return v;
}

void pci_config_write(struct pci_func *f, unsigned off, u32 val, unsigned size)
{
    if (off >= PCI_CONFIG)
        return;
    for (unsigned i = 0; i < size; i++) {
        u8 may = f->writable[off + i], *reg = &f->config[off + i];
        *reg = (u8)((*reg & ~may) | (val >> 8 * i & may));
    }
    if (overlaps(off, size, PCI_COMMAND, 2) || overlaps(off, size, PCI_BAR0, 4 * PCI_BARS))
        update_bars(f);
    if (overlaps(off, size, PCI_COMMAND, 2))
        update_intx(f);
    if (f->touched)
        f->touched(f->dev, off, size, true);
}
