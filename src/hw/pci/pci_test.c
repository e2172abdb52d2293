/* hw/pci/pci_test.c - configuration space, BARs and lines, as a guest sees them. */
#include "base/bits.h"
#include "hw/pci/pci.h"
#include "hw/rig.h"

/* ---- a card: a 64-bit BAR, a 32-bit one, an I/O one and an interrupt ------------------------ */

struct card {
    struct device dev;
    struct pci_func pci;
    struct card_state {
        u8 config[PCI_CONFIG];
        u32 reg;
    } s;
};

static struct card *self(struct device *dev) { return container_of(dev, struct card, dev); }
static u64 card_read(struct device *dev, u64 off, unsigned size)
{
    (void)size;
    return self(dev)->s.reg + off;
}
static void card_write(struct device *dev, u64 off, u64 val, unsigned size)
{
    (void)off, (void)size;
    self(dev)->s.reg = (u32)val;
    irq_set(&dev->irq[0], val & 1);
}
static const struct mmio_ops card_ops = {card_read, card_write, .min = 1, .max = 4};

static bool card_init(struct device *dev, struct error *err)
{
    static const struct pci_id id = {0x1234, 0x5678, 0x9abc, 0xdef0, 0x020304, 5};
    struct card *d = self(dev);
    static const u64 sizes[] = {0x4000, 0x1000, 0x20};
    for (int i = 0; i < 3; i++)
        mmio_add(dev, i, &card_ops, sizes[i]);
    irq_outputs(dev, 1);
    pci_func_init(&d->pci, dev, d->s.config, &id);
    pci_bar_add(&d->pci, 0, 0, BAR_64 | BAR_PREFETCH);
    pci_bar_add(&d->pci, 2, 1, 0);
    pci_bar_add(&d->pci, 3, 2, BAR_IO);
    pci_cap_add(&d->pci, 0x09, 7);
    pci_cap_add(&d->pci, 0x05, 12);
    return pci_plug(&d->pci, err);
}
static void card_reset(struct device *dev) { pci_func_reset(&self(dev)->pci); }
static void card_restored(struct device *dev) { pci_func_restored(&self(dev)->pci); }

DEVICE(card, .name = "test-pci-card", .doc = "a card to test the bus with",
       DEVICE_STATE(struct card, s), .bus = "pci",
       .fields = FIELDS(FIELD(struct card_state, config), FIELD(struct card_state, reg)),
       .props = PROPS(PCI_PROPS(struct card, pci)), .init = card_init, .reset = card_reset,
       .restored = card_restored);

/* ---- a machine with a bridge ---------------------------------------------------------------- */

enum { COMMAND_ALL = PCI_COMMAND_IO | PCI_COMMAND_MEM | PCI_COMMAND_MASTER };

static void open_bus(struct rig *r)
{
    struct error err;
    rig_init(r);
    r->d = device_new(&r->hw, device_class_find("pci-host-ecam-generic"), "pcie.0");
    bool ok = device_start(r->d, &err) && device_map(r->d, 0, 0x30000000, &err);
    assert(ok);
    for (int i = 0; i < PCI_LINES; i++)
        irq_connect_fn(r->d, i, rig_line, r, i);
}

static bool add(struct rig *r, const char *id, const char *addr, const char *multi,
                struct error *err)
{
    struct device *d = device_new(&r->hw, &card_class, id);
    return (!addr || device_set(d, "addr", addr, err)) &&
           device_set(d, "multifunction", multi, err) && device_start(d, err);
}

static void must_add(struct rig *r, const char *id, const char *addr)
{
    struct error err;
    bool ok = add(r, id, addr, "off", &err);
    assert(ok);
}

static u64 ecam(unsigned slot, unsigned fn, unsigned reg)
{
    return 0x30000000 + (slot << 15 | fn << 12 | reg);
}

static u32 get(struct rig *r, u64 addr, unsigned size)
{
    u64 v;
    bool ok = space_read(r->hw.space, addr, size, &v);
    assert(ok);
    return (u32)v;
}

static void set(struct rig *r, u64 addr, unsigned size, u64 v)
{
    bool ok = space_write(r->hw.space, addr, size, v);
    assert(ok);
}

/* ---- configuration space -------------------------------------------------------------------- */

TEST(pci_config_is_laid_out_as_the_header_says)
{
    struct rig r;
    open_bus(&r);
    must_add(&r, "a", NULL);
    assert(get(&r, ecam(0, 0, 0), 4) == 0x00081b36 && get(&r, ecam(0, 0, 10), 2) == 0x0600);
    assert(get(&r, ecam(1, 0, 0), 4) == 0x56781234);
    assert(get(&r, ecam(1, 0, 8), 4) == 0x02030405);
    assert(get(&r, ecam(1, 0, 0x2c), 4) == 0xdef09abc);
    assert(get(&r, ecam(1, 0, 0x3c), 4) == 0x00000100);
    assert(get(&r, ecam(1, 0, 6), 2) == PCI_STATUS_CAPS);
    assert(get(&r, ecam(1, 0, 0x34), 1) == 0x40 && get(&r, ecam(1, 0, 0x40), 2) == 0x4809);
    assert(get(&r, ecam(1, 0, 0x48), 2) == 0x0005);
    assert(get(&r, ecam(1, 0, 0x100), 4) == 0); /* no extended capabilities */
    rig_fini(&r);
}

TEST(pci_absent_functions_read_as_ones)
{
    struct rig r;
    open_bus(&r);
    must_add(&r, "a", NULL);
    assert(get(&r, ecam(2, 0, 0), 4) == 0xffffffff && get(&r, ecam(1, 1, 0), 2) == 0xffff);
    assert(get(&r, 0x30000000 + (1 << 20), 4) == 0xffffffff); /* bus 1 */
    set(&r, ecam(2, 0, 4), 2, 7);
    rig_fini(&r);
}

TEST(pci_read_only_bits_stay)
{
    struct rig r;
    open_bus(&r);
    must_add(&r, "a", NULL);
    static const u32 writable[PCI_CONFIG / 4] = {
        [0x04 / 4] = 0x407,      [0x0c / 4] = 0xff,       [0x10 / 4] = 0xffffc000,
        [0x14 / 4] = 0xffffffff, [0x18 / 4] = 0xfffff000, [0x1c / 4] = 0xffffffe0,
        [0x3c / 4] = 0xff,
    };
    for (unsigned reg = 0; reg < PCI_CONFIG; reg += 4) {
        u32 before = get(&r, ecam(1, 0, reg), 4);
        set(&r, ecam(1, 0, reg), 4, 0xffffffff);
        assert((get(&r, ecam(1, 0, reg), 4) ^ before) == writable[reg / 4]);
    }
    rig_fini(&r);
}

TEST(pci_config_takes_bytes_and_halves)
{
    struct rig r;
    open_bus(&r);
    must_add(&r, "a", NULL);
    set(&r, ecam(1, 0, 0x11), 1, 0xab);
    set(&r, ecam(1, 0, 0x12), 2, 0x1234);
    assert(get(&r, ecam(1, 0, 0x10), 4) == 0x1234800c);
    rig_fini(&r);
}

/* ---- addresses ------------------------------------------------------------------------------ */

TEST(pci_slots_are_given_and_taken)
{
    struct rig r;
    struct error err;
    open_bus(&r);
    must_add(&r, "a", "1f");
    must_add(&r, "b", "0x2.0");
    must_add(&r, "c", NULL);
    must_add(&r, "d", NULL); /* 2 is taken */
    assert(get(&r, ecam(31, 0, 0), 2) == 0x1234 && get(&r, ecam(3, 0, 0), 2) == 0x1234);
    assert(!add(&r, "e", "2", "off", &err));
    assert(!strcmp(err.msg, "test-pci-card 'e': addr 2 is taken by 'b'"));
    assert(!add(&r, "f", "20", "off", &err) && !add(&r, "g", "4.8", "off", &err));
    assert(!add(&r, "h", "", "off", &err) && !add(&r, "i", "4.", "off", &err));
    assert(!add(&r, "j", "4x", "off", &err) && !add(&r, "k", "-1", "off", &err));
    assert(!add(&r, "l", " 4", "off", &err) && !add(&r, "m", "4.+1", "off", &err));
    for (int i = 4; i < 31; i++)
        must_add(&r, "more", NULL);
    assert(!add(&r, "full", NULL, "off", &err) && strstr(err.msg, "all 32 slots of pcie.0"));
    rig_fini(&r);
}

TEST(pci_functions_share_a_slot_when_the_first_says_so)
{
    struct rig r;
    struct error err;
    open_bus(&r);
    assert(!add(&r, "a", "5.1", "off", &err));
    assert(add(&r, "b", "5", "on", &err) && add(&r, "c", "5.1", "off", &err));
    assert(get(&r, ecam(5, 0, 0x0e), 1) == 0x80 && get(&r, ecam(5, 1, 0x0e), 1) == 0);
    rig_fini(&r);
}

TEST(pci_without_a_bus_is_no_error_unless_one_is_named)
{
    struct rig r;
    struct error err;
    rig_init(&r);
    must_add(&r, "a", "1f");
    struct device *d = device_new(&r.hw, &card_class, "b");
    assert(device_set(d, "bus", "pci.7", &err) && !device_start(d, &err));
    rig_fini(&r);
}

/* ---- base address registers ----------------------------------------------------------------- */

static bool seen(struct rig *r, gpa addr)
{
    struct space_range range;
    return space_find(r->hw.space, addr, &range);
}

TEST(pci_bars_appear_where_and_while_enabled)
{
    struct rig r;
    open_bus(&r);
    must_add(&r, "a", NULL);
    set(&r, ecam(1, 0, 0x10), 4, 0x4000);
    set(&r, ecam(1, 0, 0x14), 4, 4); /* 0x400004000 */
    set(&r, ecam(1, 0, 0x18), 4, 0x40001000);
    set(&r, ecam(1, 0, 0x1c), 4, 0x100);
    assert(!seen(&r, 0x400004000) && !seen(&r, 0x40001000) && !seen(&r, 0x3000100));
    set(&r, ecam(1, 0, 4), 2, PCI_COMMAND_MEM);
    assert(seen(&r, 0x400004000) && seen(&r, 0x40001fff) && !seen(&r, 0x3000100));
    set(&r, ecam(1, 0, 4), 2, COMMAND_ALL);
    assert(seen(&r, 0x3000100) && !seen(&r, 0x3000120) && !seen(&r, 0x30000ff));
    set(&r, 0x40001000, 4, 0x100);
    assert(get(&r, 0x400004008, 4) == 0x108);
    set(&r, ecam(1, 0, 0x18), 4, 0x40005000); /* moves at once */
    assert(!seen(&r, 0x40001000) && seen(&r, 0x40005000));
    set(&r, ecam(1, 0, 0x10), 4, 0x40008000);
    set(&r, ecam(1, 0, 0x14), 4, 0); /* a 64-bit register may name the lower window */
    assert(!seen(&r, 0x400004000) && seen(&r, 0x4000bfff));
    set(&r, ecam(1, 0, 4), 2, 0);
    assert(!seen(&r, 0x40008000) && !seen(&r, 0x3000100));
    rig_fini(&r);
}

TEST(pci_bars_tell_their_size)
{
    struct rig r;
    open_bus(&r);
    must_add(&r, "a", NULL);
    static const u32 want[] = {0xffffc00c, 0xffffffff, 0xfffff000, 0xffffffe1, 0, 0};
    for (unsigned i = 0; i < PCI_BARS; i++) {
        set(&r, ecam(1, 0, 0x10 + 4 * i), 4, 0xffffffff);
        assert(get(&r, ecam(1, 0, 0x10 + 4 * i), 4) == want[i]);
    }
    assert(get(&r, ecam(1, 0, 0x30), 4) == 0); /* no ROM */
    rig_fini(&r);
}

TEST(pci_bars_outside_the_windows_or_over_others_are_ignored)
{
    struct rig r;
    open_bus(&r);
    must_add(&r, "a", NULL);
    must_add(&r, "b", NULL);
    static const u32 bad[] = {0, 0x1000, 0x30000000, 0x3ffff000, 0x80000000, 0xfffff000};
    set(&r, ecam(1, 0, 4), 2, COMMAND_ALL);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        set(&r, ecam(1, 0, 0x18), 4, bad[i]);
        assert(self(device_find(&r.hw, "a"))->dev.mmio[1].base == ~0ull);
    }
    set(&r, ecam(1, 0, 0x18), 4, 0x7ffff000); /* the last page */
    assert(seen(&r, 0x7fffffff));
    set(&r, ecam(2, 0, 0x18), 4, 0x7ffff000);
    set(&r, ecam(2, 0, 4), 2, COMMAND_ALL);
    struct device *b = device_find(&r.hw, "b");
    assert(b->guest_errors == 1 && b->mmio[1].base == ~0ull);
    set(&r, ecam(1, 0, 4), 2, 0);
    set(&r, ecam(2, 0, 4), 2, COMMAND_ALL); /* tries again */
    assert(b->mmio[1].base == 0x7ffff000);
    rig_fini(&r);
}

TEST(pci_bars_are_unmapped_by_reset_and_mapped_by_restore)
{
    struct rig r;
    struct error err;
    open_bus(&r);
    must_add(&r, "a", NULL);
    struct device *a = device_find(&r.hw, "a");
    set(&r, ecam(1, 0, 0x18), 4, 0x40000000);
    set(&r, ecam(1, 0, 4), 2, PCI_COMMAND_MEM);
    size_t n = device_save(a, NULL);
    u8 *state = xalloc(n);
    device_save(a, state);
    hw_reset(&r.hw);
    assert(!seen(&r, 0x40000000) && get(&r, ecam(1, 0, 0x18), 4) == 0);
    bool ok = device_restore(a, state, n, &err);
    assert(ok && seen(&r, 0x40000000));
    free(state);
    rig_fini(&r);
}

/* ---- interrupt lines ------------------------------------------------------------------------ */

TEST(pci_interrupts_reach_the_line_of_their_slot)
{
    struct rig r;
    open_bus(&r);
    must_add(&r, "a", "1");
    must_add(&r, "b", "2");
    must_add(&r, "c", "5"); /* the same line as slot 1 */
    struct device *a = device_find(&r.hw, "a"), *b = device_find(&r.hw, "b"),
                  *c = device_find(&r.hw, "c");
    device_write(b, 0, 0, 1, 4);
    assert(r.lines == 1 << 2 && get(&r, ecam(2, 0, 6), 2) & PCI_STATUS_INTX);
    device_write(a, 0, 0, 1, 4);
    device_write(c, 0, 0, 1, 4);
    device_write(a, 0, 0, 0, 4);
    assert(r.lines == (1 << 2 | 1 << 1));
    device_write(c, 0, 0, 0, 4);
    assert(r.lines == 1 << 2);
    set(&r, ecam(2, 0, 4), 2, PCI_COMMAND_NO_INTX); /* still pending, not told */
    assert(r.lines == 0 && get(&r, ecam(2, 0, 6), 2) & PCI_STATUS_INTX);
    set(&r, ecam(2, 0, 4), 2, 0);
    assert(r.lines == 1 << 2);
    rig_fini(&r);
}
