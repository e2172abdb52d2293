/* board/virt_riscv_tree.c - the device tree of the riscv64 `virt` machine.
 *
 * Nodes, names and phandles are those of QEMU's machine of this name, which guests know. */
#include <sys/random.h>
#include "board/virt_riscv.h"
#include "guest/riscv/cpu.h"

/* phandles: harts from the last one down, each with its interrupt controller; then the rest */
static u32 phandle_cpu(const struct virt *v, unsigned hart)
{
    return 2 * (engine_cpus(v->m.engine) - hart) - 1;
}
static u32 phandle_intc(const struct virt *v, unsigned hart) { return phandle_cpu(v, hart) + 1; }
static u32 phandle_plic(const struct virt *v) { return 2 * engine_cpus(v->m.engine) + 1; }
static u32 phandle_test(const struct virt *v) { return phandle_plic(v) + 1; }

/* ---- CPUs -------------------------------------------------------------------------- */
static void cpu_node(struct virt *v, struct dt *t, unsigned hart)
{
    const struct rv_cpu *cpu = rv_cpu(engine_cpu(v->m.engine, hart));
    char *isa = rv_isa_string(cpu);
    size_t len;
    char *list = rv_isa_list(cpu, &len);
    dt_begin(t, "cpu@%u", hart);
    dt_u32(t, "phandle", phandle_cpu(v, hart));
    dt_str(t, "device_type", "cpu");
    dt_u32(t, "reg", hart);
    dt_str(t, "status", "okay");
    dt_str(t, "compatible", "riscv");
    dt_str(t, "riscv,isa", isa);
    dt_str(t, "riscv,isa-base", "rv64i");
    dt_bytes(t, "riscv,isa-extensions", list, len);
    dt_u32(t, "riscv,cbom-block-size", RV_CBO_BLOCK);
    dt_u32(t, "riscv,cboz-block-size", RV_CBO_BLOCK);
    dt_str(t, "mmu-type", rv_mmu_type(cpu));
    dt_begin(t, "interrupt-controller");
    dt_u32(t, "#interrupt-cells", 1);
    dt_flag(t, "interrupt-controller");
    dt_str(t, "compatible", "riscv,cpu-intc");
    dt_u32(t, "phandle", phandle_intc(v, hart));
    dt_end(t);
    dt_end(t);
    free(isa);
    free(list);
}

static void cpus_node(struct virt *v, struct dt *t)
{
    unsigned n = engine_cpus(v->m.engine);
    dt_begin(t, "cpus");
    dt_u32(t, "#address-cells", 1);
    dt_u32(t, "#size-cells", 0);
    dt_u32(t, "timebase-frequency", VIRT_TIMEBASE);
    for (unsigned i = 0; i < n; i++)
        cpu_node(v, t, i);
    dt_begin(t, "cpu-map");
    dt_begin(t, "cluster0");
    for (unsigned i = 0; i < n; i++) {
        dt_begin(t, "core%u", i);
        dt_u32(t, "cpu", phandle_cpu(v, i));
        dt_end(t);
    }
    dt_end(t);
    dt_end(t);
    dt_end(t);
}

/* ---- the buses --------------------------------------------------------------------- */
/* Opens the node of a device and writes what it tells of itself; irq 0: none. */
static void device_node(struct virt *v, struct dt *t, const char *name, const struct device *d,
                        unsigned irq)
{
    const struct mmio *w = &d->mmio[0];
    dt_begin(t, "%s@%llx", name, (unsigned long long)w->base);
    dt_words(t, "compatible", d->class->compatible);
    DT_CELLS(t, "reg", DT64(w->base), DT64(w->size));
    if (irq) {
        dt_u32(t, "interrupt-parent", phandle_plic(v));
        dt_u32(t, "interrupts", irq);
    }
}

static const struct device *find(const struct virt *v, const char *id)
{
    return device_find(&v->m.hw, id);
}

/* Two lines of every hart, as pairs of its interrupt controller and the number there. */
static void hart_lines(struct virt *v, struct dt *t, u32 first, u32 second)
{
    u32 cells[4 * VIRT_HARTS], *c = cells;
    for (unsigned i = 0; i < engine_cpus(v->m.engine); i++) {
        *c++ = phandle_intc(v, i);
        *c++ = first;
        *c++ = phandle_intc(v, i);
        *c++ = second;
    }
    dt_cells(t, "interrupts-extended", cells, (size_t)(c - cells));
}

/* PCI Bus Binding to IEEE 1275; pin and slot choose one of four lines, as hw/pci wires them. */
static void pci_node(struct virt *v, struct dt *t)
{
    enum { SLOTS = 4, PINS = 4, CELLS = 6, IO = 0x1000000, MEM32 = 0x2000000, MEM64 = 0x3000000 };
    u32 map[SLOTS * PINS * CELLS], *m = map;
    for (u32 slot = 0; slot < SLOTS; slot++)
        for (u32 pin = 1; pin <= PINS; pin++) {
            const u32 row[CELLS] = {
                slot << 11, 0, 0, pin, phandle_plic(v), IRQ_PCI0 + (slot + pin - 1) % PINS};
            memcpy(m, row, sizeof row);
            m += CELLS;
        }
    device_node(v, t, "pci", find(v, "pcie.0"), 0);
    dt_str(t, "device_type", "pci");
    dt_u32(t, "#address-cells", 3);
    dt_u32(t, "#size-cells", 2);
    dt_u32(t, "#interrupt-cells", 1);
    dt_u32(t, "linux,pci-domain", 0);
    DT_CELLS(t, "bus-range", 0, 255);
    dt_flag(t, "dma-coherent");
    DT_CELLS(t, "ranges", IO, DT64(0), DT64(PIO_BASE), DT64(PIO_SIZE), MEM32, DT64(MMIO_BASE),
             DT64(MMIO_BASE), DT64(MMIO_SIZE), MEM64, DT64(virt_mmio64_base(v)),
             DT64(virt_mmio64_base(v)), DT64(MMIO64_SIZE));
    DT_CELLS(t, "interrupt-map-mask", (SLOTS - 1) << 11, 0, 0, 7);
    dt_cells(t, "interrupt-map", map, SLOTS * PINS * CELLS);
    dt_end(t);
}

static void soc_node(struct virt *v, struct dt *t)
{
    dt_begin(t, "soc");
    dt_u32(t, "#address-cells", 2);
    dt_u32(t, "#size-cells", 2);
    dt_str(t, "compatible", "simple-bus");
    dt_flag(t, "ranges");
    device_node(v, t, "rtc", find(v, "rtc"), IRQ_RTC);
    dt_end(t);
    device_node(v, t, "serial", v->uart, IRQ_UART);
    dt_u32(t, "clock-frequency", 3686400);
    dt_end(t);
    device_node(v, t, "test", find(v, "test"), 0);
    dt_u32(t, "phandle", phandle_test(v));
    dt_end(t);
    pci_node(v, t);
    for (unsigned i = 0; i < VIRT_SLOTS; i++) {
        dt_begin(t, "virtio_mmio@%llx", SLOT_BASE + i * SLOT_STEP);
        dt_str(t, "compatible", "virtio,mmio");
        DT_CELLS(t, "reg", DT64(SLOT_BASE + i * SLOT_STEP), DT64(SLOT_STEP));
        dt_u32(t, "interrupt-parent", phandle_plic(v));
        dt_u32(t, "interrupts", IRQ_SLOT0 + i);
        dt_end(t);
    }
    device_node(v, t, "plic", v->plic, 0);
    dt_u32(t, "phandle", phandle_plic(v));
    dt_u32(t, "riscv,ndev", VIRT_SOURCES);
    dt_u32(t, "#address-cells", 0);
    dt_u32(t, "#interrupt-cells", 1);
    dt_flag(t, "interrupt-controller");
    hart_lines(v, t, RV_IRQ_MEI, RV_IRQ_SEI);
    dt_end(t);
    device_node(v, t, "clint", find(v, "clint"), 0);
    hart_lines(v, t, RV_IRQ_MSI, RV_IRQ_MTI);
    dt_end(t);
    dt_end(t);
}

/* ---- the root ---------------------------------------------------------------------- */
static void syscon_node(struct virt *v, struct dt *t, const char *name, u32 value)
{
    char compatible[32];
    snprintf(compatible, sizeof compatible, "syscon-%s", name);
    dt_begin(t, "%s", name);
    dt_str(t, "compatible", compatible);
    dt_u32(t, "regmap", phandle_test(v));
    dt_u32(t, "offset", 0);
    dt_u32(t, "value", value);
    dt_end(t);
}

struct dt *virt_tree(struct virt *v)
{
    struct dt *t = dt_new();
    u8 seed[32];
    dt_u32(t, "#address-cells", 2);
    dt_u32(t, "#size-cells", 2);
    dt_str(t, "compatible", "riscv-virtio");
    dt_str(t, "model", "riscv-virtio,qemu");
    dt_begin(t, "chosen");
    dt_str(t, "stdout-path", "/soc/serial@10000000");
    if (getrandom(seed, sizeof seed, 0) == sizeof seed)
        dt_bytes(t, "rng-seed", seed, sizeof seed);
    dt_end(t);
    dt_begin(t, "memory@%llx", RAM_BASE);
    dt_str(t, "device_type", "memory");
    DT_CELLS(t, "reg", DT64(RAM_BASE), DT64(v->m.opts->memory));
    dt_end(t);
    cpus_node(v, t);
    device_node(v, t, "fw-cfg", find(v, "fw-cfg"), 0);
    dt_flag(t, "dma-coherent");
    dt_end(t);
    dt_begin(t, "flash@%llx", FLASH_BASE);
    dt_words(t, "compatible", find(v, "flash0")->class->compatible);
    DT_CELLS(t, "reg", DT64(FLASH_BASE), DT64(FLASH_SIZE), DT64(FLASH_BASE + FLASH_SIZE),
             DT64(FLASH_SIZE));
    dt_u32(t, "bank-width", 4);
    dt_end(t);
    syscon_node(v, t, "poweroff", 0x5555);
    syscon_node(v, t, "reboot", 0x7777);
    soc_node(v, t);
    dt_finish(t);
    return t;
}
