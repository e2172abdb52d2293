/* board/virt_riscv_test.c - the riscv64 `virt` machine: its tree, how it starts and ends. */
#include <assert.h>
#include <libfdt.h>
#include <unistd.h>
#include "base/bits.h"
#include "board/board.h"

/* ---- rig ------------------------------------------------------------------------------------- */
struct rig {
    struct machine_opts o;
    struct error err;
    struct machine *m;
    char path[32];
};

static void setup(struct rig *r, unsigned cpus)
{
    *r = (struct rig){.path = "/tmp/myna-virt-XXXXXX"};
    machine_opts_init(&r->o);
    r->o.cpus = cpus;
}

static void set(struct rig *r, const char *prop, const char *value)
{
    assert(props_set(machine_props, &r->o, prop, value, &r->err));
}

enum { PROGRAM_MIN = 64 }; /* shorter ones are refused */

/* The code becomes a file, and the value of `prop`. */
static void program(struct rig *r, const char *prop, const u32 *code, size_t size)
{
    int fd = mkstemp(r->path);
    assert(fd >= 0 && write(fd, code, size) == (ssize_t)size);
    assert(!ftruncate(fd, (off_t)MAX(size, PROGRAM_MIN)));
    close(fd);
    set(r, prop, r->path);
}

static void make(struct rig *r)
{
    r->m = machine_new(&r->o, &r->err);
    if (!r->m)
        printf("%s\n", r->err.msg);
    assert(r->m);
}

static void teardown(struct rig *r)
{
    machine_free(r->m);
    machine_opts_fini(&r->o);
    unlink(r->path);
}

/* ---- the tree -------------------------------------------------------------------------------- */
static const void *tree(const struct rig *r)
{
    size_t len;
    EACH(board, b)
        if (!strcmp((*b)->name, "virt") && !strcmp((*b)->guest, "riscv64"))
            return (*b)->tree(r->m, &len);
    return NULL;
}

static const void *prop(const void *fdt, const char *path, const char *name, int *len)
{
    int node = fdt_path_offset(fdt, path);
    if (node < 0)
        printf("no node %s\n", path);
    assert(node >= 0);
    const void *p = fdt_getprop(fdt, node, name, len);
    assert(p);
    return p;
}

static u32 cell(const void *fdt, const char *path, const char *name, int n)
{
    int len;
    const u8 *p = prop(fdt, path, name, &len);
    assert(len >= 4 * (n + 1));
    return ld_be32(p + 4 * n);
}

/* What guests look for, as QEMU 7.2 tells it. */
TEST(virt_tree_has_what_guests_look_for)
{
    static const struct {
        const char *path, *compatible;
        u64 base, size;
        u32 irq;
    } facts[] = {
        {"/soc/rtc@101000", "google,goldfish-rtc", 0x101000, 0x1000, 11},
        {"/soc/serial@10000000", "ns16550a", 0x10000000, 0x100, 10},
        {"/soc/test@100000", "syscon", 0x100000, 0x1000, 0},
        {"/soc/plic@c000000", "riscv,plic0", 0xc000000, 0x600000, 0},
        {"/soc/clint@2000000", "riscv,clint0", 0x2000000, 0x10000, 0},
        {"/soc/pci@30000000", "pci-host-ecam-generic", 0x30000000, 0x10000000, 0},
        {"/soc/virtio_mmio@10001000", "virtio,mmio", 0x10001000, 0x1000, 1},
        {"/soc/virtio_mmio@10008000", "virtio,mmio", 0x10008000, 0x1000, 8},
        {"/fw-cfg@10100000", "qemu,fw-cfg-mmio", 0x10100000, 0x18, 0},
        {"/flash@20000000", "cfi-flash", 0x20000000, 0x2000000, 0},
        {"/memory@80000000", NULL, 0x80000000, 128 << 20, 0},
    };
    struct rig r;
    int len;
    setup(&r, 2);
    set(&r, "dumpdtb", "/dev/null");
    make(&r);
    const void *t = tree(&r);
    for (unsigned i = 0; i < ARRAY_LEN(facts); i++) {
        const u8 *reg = prop(t, facts[i].path, "reg", &len);
        assert(ld_be64(reg) == facts[i].base && ld_be64(reg + 8) == facts[i].size);
        int node = fdt_path_offset(t, facts[i].path);
        assert(!facts[i].compatible || !fdt_node_check_compatible(t, node, facts[i].compatible));
        if (facts[i].irq) {
            assert(cell(t, facts[i].path, "interrupts", 0) == facts[i].irq);
            assert(cell(t, facts[i].path, "interrupt-parent", 0) == 5);
        }
    }
    assert(cell(t, "/cpus", "timebase-frequency", 0) == 10000000);
    assert(cell(t, "/cpus/cpu@0", "phandle", 0) == 3 && cell(t, "/cpus/cpu@1", "phandle", 0) == 1);
    assert(cell(t, "/cpus/cpu@0/interrupt-controller", "phandle", 0) == 4);
    assert(cell(t, "/soc/plic@c000000", "phandle", 0) == 5);
    assert(cell(t, "/soc/plic@c000000", "interrupts-extended", 3) == 9);
    assert(cell(t, "/poweroff", "regmap", 0) == cell(t, "/soc/test@100000", "phandle", 0));
    assert(cell(t, "/poweroff", "value", 0) == 0x5555 && cell(t, "/reboot", "value", 0) == 0x7777);
    assert(!strncmp(prop(t, "/cpus/cpu@0", "riscv,isa", &len), "rv64imafdc", 10));
    prop(t, "/soc/pci@30000000", "interrupt-map", &len);
    assert(len == 16 * 6 * 4 && cell(t, "/soc/pci@30000000", "interrupt-map", 16 * 6 - 1) == 34);
    teardown(&r);
}

/* ---- programs -------------------------------------------------------------------------------- */
enum { T0 = 5, T1 = 6, T2 = 7, A0 = 10, A1 = 11, A2 = 12, A3 = 13 };
#define LUI(rd, v) (((v)&0xfffff000) | (rd) << 7 | 0x37)
#define ADDI(rd, rs, v) ((u32)(v) << 20 | (rs) << 15 | (rd) << 7 | 0x13)
#define SLLI(rd, rs, n) ((n) << 20 | (rs) << 15 | 1 << 12 | (rd) << 7 | 0x13)
#define ADD(rd, a, b) ((b) << 20 | (a) << 15 | (rd) << 7 | 0x33)
#define SUB(rd, a, b) (1 << 30 | ADD(rd, a, b))
#define MUL(rd, a, b) (1 << 25 | ADD(rd, a, b))
#define LW(rd, rs) ((rs) << 15 | 2 << 12 | (rd) << 7 | 0x03)
#define SW(value, rs) ((value) << 20 | (rs) << 15 | 2 << 12 | 0x23)
/* To the test finisher: 0x5555 ends, 0x7777 resets, 0x3333 and a code above it fails. */
#define VALUE(rd, v) LUI(rd, v), ADDI(rd, rd, (v)&0xfff)
#define FINISH_WITH(rs) LUI(T0, 0x100000), SW(rs, T0), 0x0000006f /* j . */
#define FINISH(v) VALUE(T1, v), FINISH_WITH(T1)

/* The exit status of a machine whose `what` is the code. A guest that never ends kills us. */
static int run(const u32 *code, size_t size, const char *what, const char *bios, bool no_reboot)
{
    struct rig r;
    setup(&r, 1);
    set(&r, "bios", bios);
    program(&r, what, code, size);
    r.o.no_reboot = no_reboot;
    make(&r);
    alarm(10);
    int status = machine_run(r.m);
    alarm(0);
    teardown(&r);
    return status;
}

TEST(virt_ends_as_the_guest_says)
{
    static const u32 off[] = {FINISH(0x5555)}, fail[] = {FINISH(0x73333)};
    static const u32 zero[] = {FINISH(0x3333)}, reset[] = {FINISH(0x7777)};
    assert(run(off, sizeof off, "kernel", "default", false) == 0);
    assert(run(off, sizeof off, "kernel", "none", false) == 0);
    assert(run(off, sizeof off, "bios", "default", false) == 0);
    assert(run(fail, sizeof fail, "kernel", "default", false) == 7);
    assert(run(zero, sizeof zero, "kernel", "default", false) == 1);
    assert(run(reset, sizeof reset, "kernel", "default", true) == 0);
}

/* A word at 0x80400000 counts the starts: the first one resets, the second one ends. */
TEST(virt_starts_again_after_a_reset)
{
    static const u32 code[] = {
        LUI(T2, 0x400000),
        ADDI(T0, 0, 1),
        SLLI(T0, T0, 31),
        ADD(T2, T2, T0),
        LW(A2, T2),
        ADDI(A2, A2, 1),
        SW(A2, T2),
        VALUE(T1, 0x2222),
        MUL(T1, T1, A2),
        LUI(A1, 0xa000),
        ADDI(A1, A1, 0x9999 - 0xa000),
        SUB(A1, A1, T1),
        FINISH_WITH(A1),
    };
    assert(run(code, sizeof code, "kernel", "default", false) == 0);
    assert(run(code, sizeof code, "kernel", "none", false) == 0);
}

/* a0 is the hart, a1 the device tree: any difference spoils the power-off code. */
TEST(virt_tells_hart_and_tree)
{
    static const u32 code[] = {
        LW(A2, A1),      LUI(A3, 0xedfe1000), ADDI(A3, A3, 0xdd0 - 0x1000),
        SUB(A2, A2, A3), ADD(A2, A2, A0),     VALUE(T1, 0x5555),
        ADD(T1, T1, A2), FINISH_WITH(T1),
    };
    assert(run(code, sizeof code, "kernel", "default", false) == 0);
    assert(run(code, sizeof code, "kernel", "none", false) == 0);
    assert(run(code, sizeof code, "bios", "default", false) == 0);
}

/* Firmware finds struct fw_dynamic_info at a2. */
TEST(virt_tells_firmware_where_to_go)
{
    static const u32 code[] = {
        LW(A2, A2),        LUI(A3, 0x49425000), ADDI(A3, A3, 0x34f), SUB(A2, A2, A3),
        VALUE(T1, 0x5555), ADD(T1, T1, A2),     FINISH_WITH(T1),
    };
    assert(run(code, sizeof code, "bios", "default", false) == 0);
}

TEST(virt_quits_from_outside)
{
    static const u32 forever[] = {0x0000006f};
    struct rig r;
    setup(&r, 8);
    program(&r, "kernel", forever, sizeof forever);
    make(&r);
    machine_quit(r.m);
    assert(machine_run(r.m) == 0);
    teardown(&r);
}

/* ---- memory ---------------------------------------------------------------------------------- */
/* A file of `size` bytes, all holes. */
static void holes(char *path, u64 size)
{
    int fd = mkstemp(path);
    assert(fd >= 0 && !ftruncate(fd, (off_t)size));
    close(fd);
}

TEST(virt_places_the_ram_disk)
{
    static const u32 code[] = {FINISH(0x5555)};
    static const struct {
        u64 disk, at;
    } cases[] = {{1 << 20, 0x80200000 + (16 << 20)}, {24 << 20, 0}, {32 << 20, ~0ull}};
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig r;
        char disk[] = "/tmp/myna-disk-XXXXXX";
        setup(&r, 1);
        program(&r, "kernel", code, sizeof code);
        holes(disk, cases[i].disk);
        set(&r, "initrd", disk);
        set(&r, "memory", "32M");
        set(&r, "append", "a b");
        r.m = machine_new(&r.o, &r.err);
        assert(!r.m == (cases[i].at == ~0ull));
        if (r.m) {
            int len;
            const void *t = tree(&r);
            u64 start = ld_be64(prop(t, "/chosen", "linux,initrd-start", &len));
            u64 end = ld_be64(prop(t, "/chosen", "linux,initrd-end", &len));
            assert(end - start == cases[i].disk && start % 4096 == 0 && end <= 0x82000000);
            assert(!cases[i].at || start == cases[i].at);
            assert(!strcmp(prop(t, "/chosen", "bootargs", &len), "a b"));
        } else {
            assert(strstr(r.err.msg, "initrd") && strstr(r.err.msg, "32768 KiB do not fit"));
        }
        teardown(&r);
        unlink(disk);
    }
}
