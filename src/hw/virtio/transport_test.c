/* hw/virtio/transport_test.c - the same device behind memory-mapped slots and behind PCI. */
#include "hw/virtio/driver.h"

static bool start(struct drv *g, const char *class, const char *id, const char *prop,
                  const char *value, struct error *err)
{
    struct device *d = device_new(&g->r.hw, device_class_find(class), id);
    return (!prop || device_set(d, prop, value, err)) && device_start(d, err);
}

static void must_start(struct drv *g, const char *class, const char *id)
{
    struct error err;
    bool ok = start(g, class, id, NULL, NULL, &err);
    assert(ok);
}

static u64 get(struct drv *g, gpa addr, unsigned size)
{
    u64 v;
    bool ok = space_read(g->r.hw.space, addr, size, &v);
    assert(ok);
    return v;
}

static void set(struct drv *g, gpa addr, unsigned size, u64 v)
{
    bool ok = space_write(g->r.hw.space, addr, size, v);
    assert(ok);
}

/* ---- slots ---------------------------------------------------------------------------------- */

#define SLOT(n) (0x10001000ull + 0x1000ull * (n))

static void open_slots(struct drv *g, int n)
{
    static const char *const names[] = {"virtio-mmio-bus.0", "virtio-mmio-bus.1",
                                        "virtio-mmio-bus.2"};
    struct error err;
    drv_init(g);
    for (int i = 0; i < n; i++) {
        must_start(g, "virtio-mmio", names[i]);
        struct device *slot = device_find(&g->r.hw, names[i]);
        bool ok = device_map(slot, 0, SLOT(i), &err);
        assert(ok);
        irq_connect_fn(slot, 0, rig_line, &g->r, i);
    }
}

TEST(virtio_mmio_slots_fill_from_the_last)
{
    struct drv g;
    struct error err;
    open_slots(&g, 3);
    for (int i = 0; i < 3; i++)
        assert(get(&g, SLOT(i), 4) == 0x74726976 && get(&g, SLOT(i) + 4, 4) == 2 &&
               get(&g, SLOT(i) + 8, 4) == 0);
    set(&g, SLOT(2) + R_STATUS, 4, 1); /* an empty slot forgets */
    assert(get(&g, SLOT(2) + R_STATUS, 4) == 0);
    must_start(&g, "virtio-rng-device", "a");
    assert(start(&g, "virtio-net-device", "b", "bus", "virtio-mmio-bus.0", &err));
    must_start(&g, "virtio-blk-device", "c");
    assert(get(&g, SLOT(0) + 8, 4) == 1 && get(&g, SLOT(1) + 8, 4) == 2 &&
           get(&g, SLOT(2) + 8, 4) == 4);
    assert(get(&g, SLOT(0) + 12, 4) == 0x554d4551);
    assert(!start(&g, "virtio-rng-device", "d", NULL, NULL, &err));
    assert(!strcmp(err.msg, "virtio-rng-device 'd': all virtio-mmio slots are taken"));
    assert(!start(&g, "virtio-rng-device", "e", "bus", "virtio-mmio-bus.1", &err) &&
           strstr(err.msg, "by 'c'"));
    assert(!start(&g, "virtio-rng-device", "f", "bus", "virtio-mmio-bus.9", &err));
    drv_fini(&g);
}

TEST(virtio_mmio_uses_the_line_of_its_slot)
{
    struct drv g;
    open_slots(&g, 2);
    must_start(&g, "virtio-rng-device", "a");
    g.r.d = device_find(&g.r.hw, "a");
    drv_start(&g, 0, 1, 4);
    struct drv_buf b = drv_room(&g, 8);
    drv_add(&g, 0, &b, 1);
    set(&g, SLOT(1) + R_NOTIFY, 4, 0);
    assert(g.r.lines == 2 && get(&g, SLOT(1) + R_ISR, 4) == ISR_QUEUE);
    set(&g, SLOT(1) + R_ACK, 4, ISR_QUEUE);
    assert(g.r.lines == 0);
    hw_reset(&g.r.hw);
    assert(get(&g, SLOT(1) + R_STATUS, 4) == 0 && get(&g, SLOT(1) + 8, 4) == 4);
    drv_fini(&g);
}

TEST(virtio_mmio_registers_are_words)
{
    struct drv g;
    open_slots(&g, 1);
    must_start(&g, "virtio-net-device", "a");
    struct device *d = device_find(&g.r.hw, "a");
    u64 errors = d->guest_errors;
    assert(get(&g, SLOT(0) + R_STATUS, 1) == 0);
    set(&g, SLOT(0) + R_STATUS, 1, 1);
    set(&g, SLOT(0) + 0x10, 4, 1);               /* read-only */
    assert(get(&g, SLOT(0) + R_NOTIFY, 4) == 0); /* write-only */
    assert(d->guest_errors == errors + 4 && get(&g, SLOT(0) + R_STATUS, 4) == 0);
    assert(get(&g, SLOT(0) + 0xb0, 4) == 0xffffffff);
    assert(get(&g, SLOT(0) + R_CONFIG, 1) == 0x52 && get(&g, SLOT(0) + R_CONFIG + 4, 2) == 0x5634);
    assert(get(&g, SLOT(0) + R_CONFIG + 8, 8) == 1); /* beyond its end: zeroes */
    drv_fini(&g);
}

/* ---- PCI ------------------------------------------------------------------------------------ */

#define BAR 0x400000000ull
#define CONFIG_REG(reg) (0x30000000ull + (1 << 15) + (reg))
enum {
    COMMON = 0,
    C_STATUS = 0x14,
    C_QUEUE_SEL = 0x16,
    C_QUEUE_SIZE = 0x18,
    C_ENABLE = 0x1c,
    C_DESC = 0x20,
    ISR = 0x1000,
    DEVICE = 0x2000,
    NOTIFY = 0x3000
};

static void open_pci(struct drv *g, const char *class)
{
    struct error err;
    drv_init(g);
    must_start(g, "pci-host-ecam-generic", "pcie.0");
    struct device *host = device_find(&g->r.hw, "pcie.0");
    bool ok = device_map(host, 0, 0x30000000, &err);
    assert(ok);
    for (int i = 0; i < PCI_LINES; i++)
        irq_connect_fn(host, i, rig_line, &g->r, i);
    must_start(g, class, "dut");
    set(g, CONFIG_REG(0x20), 4, (u32)BAR);
    set(g, CONFIG_REG(0x24), 4, BAR >> 32);
    set(g, CONFIG_REG(PCI_COMMAND), 2, PCI_COMMAND_MEM | PCI_COMMAND_MASTER);
}

static void pci_negotiate(struct drv *g)
{
    set(g, BAR + C_STATUS, 1, 0);
    set(g, BAR + C_STATUS, 1, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
    set(g, BAR + 0x08, 4, 1);
    set(g, BAR + 0x0c, 4, 1); /* VERSION_1 */
    set(g, BAR + C_STATUS, 1, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
    assert(get(g, BAR + C_STATUS, 1) & STATUS_FEATURES_OK);
}

static void pci_start(struct drv *g)
{
    pci_negotiate(g);
    g->q[0] = (struct drv_queue){.size = 4};
    memset(drv_part(g, 0, 0), 0, DRV_QUEUE_BYTES);
    set(g, BAR + C_QUEUE_SEL, 2, 0);
    set(g, BAR + C_QUEUE_SIZE, 2, 4);
    for (u64 part = 0; part < 3; part++)
        set(g, BAR + C_DESC + 8 * part, 8,
            drv_addr(0, part * 0x1000)); /* in halves, by the dispatcher */
    set(g, BAR + C_ENABLE, 2, 1);
    set(g, BAR + C_STATUS, 1,
        STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
}

TEST(virtio_pci_names_its_structures)
{
    static const struct {
        u8 type;
        u32 off, len;
    } want[] = {{1, 0, 0x38}, {3, 0x1000, 1}, {4, 0x2000, 12}, {2, 0x3000, 12}, {5, 0, 0}};
    struct drv g;
    open_pci(&g, "virtio-net-pci");
    assert(get(&g, CONFIG_REG(0), 4) == 0x10411af4 && get(&g, CONFIG_REG(8), 4) == 0x02000001);
    u64 at = get(&g, CONFIG_REG(0x34), 1);
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert(get(&g, CONFIG_REG(at), 1) == 9 && get(&g, CONFIG_REG(at + 3), 1) == want[i].type);
        assert(get(&g, CONFIG_REG(at + 8), 4) == want[i].off &&
               get(&g, CONFIG_REG(at + 12), 4) == want[i].len);
        if (want[i].type == 2)
            assert(get(&g, CONFIG_REG(at + 16), 4) == 4);
        if (want[i].type != 5)
            assert(get(&g, CONFIG_REG(at + 4), 1) == 4);
        at = get(&g, CONFIG_REG(at + 1), 1);
    }
    assert(!at);
    drv_fini(&g);
}

TEST(virtio_pci_common_registers)
{
    struct drv g;
    open_pci(&g, "virtio-net-pci");
    set(&g, BAR + 0x00, 4, 1);
    assert(get(&g, BAR + 0x00, 4) == 1 && get(&g, BAR + 0x04, 4) == 1);
    assert(get(&g, BAR + 0x12, 2) == 3); /* queues */
    assert(get(&g, BAR + C_QUEUE_SIZE, 2) == 256);
    set(&g, BAR + 0x10, 2, 0);
    assert(get(&g, BAR + 0x10, 2) == 0xffff &&
           get(&g, BAR + 0x1a, 2) == 0xffff); /* no MSI-X vector */
    set(&g, BAR + C_QUEUE_SEL, 2, 2);
    assert(get(&g, BAR + 0x1e, 2) == 2); /* notify offset */
    set(&g, BAR + C_QUEUE_SEL, 2, 3);
    assert(get(&g, BAR + C_QUEUE_SIZE, 2) == 0);
    assert(get(&g, BAR + DEVICE, 4) == 0x12005452);
    struct device *d = device_find(&g.r.hw, "dut");
    u64 errors = d->guest_errors;
    assert(get(&g, BAR + C_STATUS, 4) == 0 && get(&g, BAR + 0x40, 4) == 0);
    set(&g, BAR + C_STATUS, 2, 1);
    assert(d->guest_errors == errors + 3 && get(&g, BAR + C_STATUS, 1) == 0);
    drv_fini(&g);
}

TEST(virtio_pci_carries_requests)
{
    struct drv g;
    open_pci(&g, "virtio-rng-pci");
    for (int life = 0; life < 2; life++) {
        pci_start(&g);
        struct drv_buf b = drv_room(&g, 8);
        u16 id;
        u32 len;
        drv_add(&g, 0, &b, 1);
        set(&g, BAR + NOTIFY, 2, 0);
        assert(drv_used(&g, 0, &id, &len) && len == 8 && ld_le64(drv_at(&g, b.addr)));
        assert(g.r.lines == 1 << 1);
        assert(get(&g, BAR + ISR, 1) == ISR_QUEUE && get(&g, BAR + ISR, 1) == 0 && g.r.lines == 0);
    }
    drv_fini(&g);
}

TEST(virtio_pci_reaches_memory_only_as_bus_master)
{
    struct drv g;
    open_pci(&g, "virtio-rng-pci");
    pci_start(&g);
    struct drv_buf b = drv_room(&g, 8);
    u16 id;
    u32 len;
    set(&g, CONFIG_REG(PCI_COMMAND), 2, PCI_COMMAND_MEM);
    drv_add(&g, 0, &b, 1);
    set(&g, BAR + NOTIFY, 2, 0);
    assert(!drv_used(&g, 0, &id, &len));
    set(&g, CONFIG_REG(PCI_COMMAND), 2, PCI_COMMAND_MEM | PCI_COMMAND_MASTER);
    assert(drv_used(&g, 0, &id, &len) && len == 8);
    drv_fini(&g);
}

TEST(virtio_pci_keyhole_reaches_the_bar)
{
    struct drv g;
    open_pci(&g, "virtio-net-pci");
    u64 cap = get(&g, CONFIG_REG(0x34), 1);
    while (get(&g, CONFIG_REG(cap + 3), 1) != 5)
        cap = get(&g, CONFIG_REG(cap + 1), 1);
    set(&g, CONFIG_REG(PCI_COMMAND), 2, 0); /* that is what it is for */
    assert(get(&g, CONFIG_REG(cap + 16), 4) == 0);
    set(&g, CONFIG_REG(cap + 4), 1, 4);
    set(&g, CONFIG_REG(cap + 8), 4, DEVICE);
    set(&g, CONFIG_REG(cap + 12), 4, 4);
    assert(get(&g, CONFIG_REG(cap + 16), 4) == 0x12005452);
    set(&g, CONFIG_REG(cap + 8), 4, C_STATUS);
    set(&g, CONFIG_REG(cap + 12), 4, 1);
    set(&g, CONFIG_REG(cap + 16), 4, 0xffffff03);
    assert(get(&g, CONFIG_REG(cap + 16), 4) == 3);
    for (u32 len = 0; len < 9; len++) { /* lengths and offsets that are not allowed */
        set(&g, CONFIG_REG(cap + 8), 4, 0x3fff);
        set(&g, CONFIG_REG(cap + 12), 4, len);
        set(&g, CONFIG_REG(cap + 16), 4, 5);
        set(&g, CONFIG_REG(cap + 8), 4, 0xfffffffc);
        assert(get(&g, CONFIG_REG(cap + 16), 4) == 0);
    }
    drv_fini(&g);
}

TEST(virtio_pci_saves_what_the_guest_set_up)
{
    struct drv g;
    struct error err;
    open_pci(&g, "virtio-rng-pci");
    pci_start(&g);
    struct device *d = device_find(&g.r.hw, "dut");
    size_t n = device_save(d, NULL);
    u8 *state = xalloc(n);
    device_save(d, state);
    device_reset(d);
    bool ok = device_restore(d, state, n, &err);
    free(state);
    assert(ok);
    struct drv_buf b = drv_room(&g, 8);
    u16 id;
    u32 len;
    drv_add(&g, 0, &b, 1);
    set(&g, BAR + NOTIFY, 2, 0);
    assert(drv_used(&g, 0, &id, &len) && g.r.lines == 1 << 1);
    drv_fini(&g);
}

TEST(virtio_pci_takes_the_properties_of_other_generations)
{
    struct drv g;
    struct error err;
    drv_init(&g);
    assert(start(&g, "virtio-rng-pci", "a", "disable-legacy", "on", &err));
    assert(start(&g, "virtio-rng-pci", "b", "disable-modern", "off", &err));
    assert(!start(&g, "virtio-rng-pci", "c", "disable-modern", "on", &err) &&
           strstr(err.msg, "legacy"));
    assert(start(&g, "virtio-net-pci", "d", "romfile", "", &err));
    assert(start(&g, "virtio-net-device", "e", "bootindex", "1", &err));
    rig_start(&g.r, "virtio-rng-device", "iommu_platform", "on", NULL);
    drv_start(&g, FEATURE(F_ACCESS_PLATFORM), 1, 4);
    struct drv_buf b = drv_room(&g, 8);
    assert(drv_do(&g, 0, &b, 1) == 8);
    drv_fini(&g);
}

static u64 next_random(u64 *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* BARs that move, overlap and vanish, a keyhole into registers, a bus master that comes and goes */
TEST(virtio_pci_survives_any_configuration)
{
    struct drv g;
    u64 seed = 0x9e3779b97f4a7c15, v;
    open_pci(&g, "virtio-net-pci");
    must_start(&g, "virtio-blk-pci", "second");
    must_start(&g, "virtio-serial-pci", "third");
    for (int i = 0; i < 30000; i++) {
        u64 r = next_random(&seed), slot = 1 + r % 3, reg = (r >> 8) % 0x100,
            size = 1ull << (r >> 16) % 3;
        u64 val = next_random(&seed) >> r % 64;
        if (r >> 62 == 0)
            val = 0x40000000 + (val % 4 << 12);
        u64 addr = 0x30000000 + (slot << 15) + reg;
        if (r >> 61 & 1)
            space_write(g.r.hw.space, addr, (unsigned)size, val);
        else
            space_read(g.r.hw.space, addr, (unsigned)size, &v);
        space_write(g.r.hw.space, 0x40000000 + val % 0x8000, (unsigned)size, r);
    }
    struct space_range range;
    hw_reset(&g.r.hw);
    for (u64 addr = 0x40000000; addr < 0x80000000; addr += 0x1000)
        assert(!space_find(g.r.hw.space, addr, &range));
    assert(!g.r.lines);
    drv_fini(&g);
}
