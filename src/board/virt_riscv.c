/* board/virt_riscv.c - the riscv64 `virt` machine: devices at the addresses and lines of QEMU's. */
#include "board/virt_riscv.h"
#include "guest/riscv/cpu.h"

/* ---- wires ------------------------------------------------------------------------- */
static void set_cpu_line(void *cpu, int line, bool level) { cpu_irq(cpu, (unsigned)line, level); }

static void timer_due(void *cpu) { cpu_irq(cpu, RV_IRQ_STI, true); }

static void set_timer(struct rv_cpu *cpu, u64 when_ns)
{
    struct virt *v = cpu->timer_arg;
    struct loop_timer *t = &v->timer[cpu->c.index];
    if (when_ns == ~0ull)
        loop_timer_stop(v->m.loop, t);
    else
        loop_timer_set(v->m.loop, t, when_ns);
}

static void wire_harts(struct virt *v, struct device *clint)
{
    for (unsigned i = 0; i < engine_cpus(v->m.engine); i++) {
        struct cpu *c = engine_cpu(v->m.engine, i);
        irq_connect_fn(clint, (int)(2 * i), set_cpu_line, c, RV_IRQ_MSI);
        irq_connect_fn(clint, (int)(2 * i + 1), set_cpu_line, c, RV_IRQ_MTI);
        irq_connect_fn(v->plic, (int)(2 * i), set_cpu_line, c, RV_IRQ_MEI);
        irq_connect_fn(v->plic, (int)(2 * i + 1), set_cpu_line, c, RV_IRQ_SEI);
        v->timer[i] = (struct loop_timer){.fire = timer_due, .arg = c};
        rv_cpu(c)->timer_arg = v;
        rv_cpu(c)->timer = set_timer;
    }
}

/* ---- devices ----------------------------------------------------------------------- */
/* Makes, starts and maps a device. NULL: failed. */
static struct device *put(struct virt *v, const char *class_name, const char *id, const char *props,
                          gpa base, struct error *err)
{
    struct device *d = machine_device(&v->m, class_name, id, props, err);
    return d && device_start(d, err) && device_map(d, 0, base, err) ? d : NULL;
}

gpa virt_mmio64_base(const struct virt *v)
{
    u64 end = RAM_BASE + v->m.opts->memory;
    return (end + MMIO64_SIZE - 1) & ~(MMIO64_SIZE - 1);
}

static bool put_pci(struct virt *v, struct error *err)
{
    char *props = xprintf("pio_base=%llu,pio_size=%llu,mmio_base=%llu,mmio_size=%llu,"
                          "mmio64_base=%llu,mmio64_size=%llu",
                          PIO_BASE, PIO_SIZE, MMIO_BASE, MMIO_SIZE,
                          (unsigned long long)virt_mmio64_base(v), MMIO64_SIZE);
    struct device *pci = put(v, "pci-host-ecam-generic", "pcie.0", props, ECAM_BASE, err);
    free(props);
    for (int i = 0; pci && i < 4; i++)
        irq_connect(pci, i, v->plic, IRQ_PCI0 + i);
    return pci;
}

static bool put_slots(struct virt *v, struct error *err)
{
    for (unsigned i = 0; i < VIRT_SLOTS; i++) {
        char *id = xprintf("virtio-mmio-bus.%u", i);
        struct device *slot = put(v, "virtio-mmio", id, NULL, SLOT_BASE + i * SLOT_STEP, err);
        free(id);
        if (!slot)
            return false;
        irq_connect(slot, 0, v->plic, (int)(IRQ_SLOT0 + i));
    }
    return true;
}

/* What needs no properties; line 0: none. */
static bool put_plain(struct virt *v, struct error *err)
{
    static const struct {
        const char *class_name, *id;
        gpa base;
        int line;
    } plain[] = {{"sifive.test", "test", TEST_BASE, 0},
                 {"goldfish-rtc", "rtc", RTC_BASE, IRQ_RTC},
                 {"fw-cfg", "fw-cfg", FW_CFG_BASE, 0},
                 {"cfi.pflash01", "flash0", FLASH_BASE, 0},
                 {"cfi.pflash01", "flash1", FLASH_BASE + FLASH_SIZE, 0}};
    for (unsigned i = 0; i < ARRAY_LEN(plain); i++) {
        struct device *d = put(v, plain[i].class_name, plain[i].id, NULL, plain[i].base, err);
        if (!d)
            return false;
        if (plain[i].line)
            irq_connect(d, 0, v->plic, plain[i].line);
    }
    return true;
}

static bool put_devices(struct virt *v, struct error *err)
{
    char *harts = xprintf("harts=%u", engine_cpus(v->m.engine));
    char *chardev = v->m.opts->serial ? xprintf("chardev=%s", v->m.opts->serial) : NULL;
    struct device *clint = put(v, "riscv.clint", "clint", harts, CLINT_BASE, err);
    v->plic = clint ? put(v, "riscv.plic", "plic", harts, PLIC_BASE, err) : NULL;
    v->uart = v->plic ? put(v, "ns16550", "serial0", chardev, UART_BASE, err) : NULL;
    free(harts);
    free(chardev);
    if (!v->uart || !put_plain(v, err) || !put_slots(v, err) || !put_pci(v, err))
        return false;
    irq_connect(v->uart, 0, v->plic, IRQ_UART);
    wire_harts(v, clint);
    return true;
}

/* ---- the built-in firmware's console ----------------------------------------------- */
/* Like any firmware it drives the serial port by its registers (16550: THR, RBR at 0, LSR at 5). */
enum { UART_DATA = 0, UART_LSR = 5, LSR_DATA_READY = 1 };

static void console_write(void *arg, const u8 *buf, size_t len)
{
    struct virt *v = arg;
    for (size_t i = 0; i < len; i++)
        device_write(v->uart, 0, UART_DATA, buf[i], 1);
}

static size_t console_read(void *arg, u8 *buf, size_t len)
{
    struct virt *v = arg;
    size_t n = 0;
    while (n < len && device_read(v->uart, 0, UART_LSR, 1) & LSR_DATA_READY)
        buf[n++] = (u8)device_read(v->uart, 0, UART_DATA, 1);
    return n;
}

/* ---- the board --------------------------------------------------------------------- */
static bool virt_build(struct machine *m, struct error *err)
{
    struct virt *v = to_virt(m);
    const struct machine_opts *o = m->opts;
    if (!space_add_ram(m->space, RAM_BASE, m->ram, 0, o->memory, false, err) ||
        !space_add_ram(m->space, ROM_BASE, m->ram, o->memory, ROM_SIZE, true, err) ||
        !put_devices(v, err))
        return false;
    if (!strcmp(o->bios, "default")) {
        struct sbi_host host = {console_write, console_read, m->hw.request, m->hw.request_arg};
        v->sbi = sbi_new(m->engine, &host);
    }
    v->tree = virt_tree(v);
    return true;
}

static const void *virt_tree_data(struct machine *m, size_t *len)
{
    return dt_data(to_virt(m)->tree, len);
}

static void virt_fini(struct machine *m)
{
    struct virt *v = to_virt(m);
    for (unsigned i = 0; i < VIRT_HARTS; i++)
        loop_timer_stop(m->loop, &v->timer[i]);
    sbi_free(v->sbi);
    dt_free(v->tree);
}

BOARD(virt_riscv, .name = "virt", .guest = "riscv64",
      .doc = "RISC-V machine with PCIe and virtio, as QEMU's virt", .cpu_models = "rv64 max",
      .cpu_props = rv_cpu_props, .size = sizeof(struct virt), .max_cpus = VIRT_HARTS,
      .min_memory = 2 << 20, .max_memory = 1ull << 40, .rom_size = ROM_SIZE, .build = virt_build,
      .tree = virt_tree_data, .boot = virt_boot, .fini = virt_fini);
