/* board/virt_riscv_boot.c - how the riscv64 `virt` machine starts: firmware, kernel, disk, tree.
 *
 * With firmware of the guest's own, every hart begins in M-mode in the reset ROM, which jumps to it
 * as OpenSBI's fw_dynamic wants (its docs/firmware/fw_dynamic.md): a0 hart, a1 tree, a2 where to go
 * next. With the built-in one, hart 0 begins in S-mode in the kernel (Linux, riscv/boot.rst). */
#include <elf.h>
#include <errno.h>
#include "base/bits.h"
#include "board/boot.h"
#include "board/virt_riscv.h"
#include "guest/riscv/cpu.h"

enum { MIB = 1 << 20, FIRMWARE_SIZE = 2 * MIB, KERNEL_ALIGN = 2 * MIB };

/* ---- programs ---------------------------------------------------------------------- */
struct start {
    struct boot boot;
    struct boot_image firmware, kernel; /* entry 0: there is none */
    gpa dtb;
};

static bool load_program(struct boot *b, const char *what, const char *path, gpa at,
                         struct boot_image *image, struct error *err)
{
    struct boot_file file;
    bool ok = file_open(&file, what, path, err) && boot_program(b, &file, at, image, err);
    file_close(&file);
    return ok;
}

static bool load_programs(struct virt *v, struct start *s, struct error *err)
{
    const struct machine_opts *o = v->m.opts;
    bool none = !strcmp(o->bios, "none");
    gpa at = none ? RAM_BASE : RAM_BASE + FIRMWARE_SIZE;
    if (!none && !v->sbi) {
        if (!load_program(&s->boot, "bios", o->bios, RAM_BASE, &s->firmware, err))
            return false;
        at = MAX(at, align_up(s->firmware.end, KERNEL_ALIGN));
    }
    if (o->kernel)
        return load_program(&s->boot, "kernel", o->kernel, at, &s->kernel, err);
    if (s->firmware.entry || o->dumpdtb)
        return true;
    return error_set(err, EINVAL, "nothing to run: neither a kernel nor firmware is given");
}

/* ---- the RAM disk and the tree ----------------------------------------------------- */
/* Half of the memory, but at most 512 MiB, is left to the kernel; a large disk moves down. */
static bool load_initrd(struct virt *v, struct start *s, struct error *err)
{
    struct boot_file b;
    gpa first = align_up(s->kernel.end, PAGE_SIZE), limit = s->dtb, at;
    bool ok = file_open(&b, "initrd", v->m.opts->initrd, err);
    if (ok && (b.size > limit || limit - b.size < first))
        ok = file_bad(&b, err, "%llu KiB do not fit at 0x%llx..0x%llx, behind the kernel",
                      (unsigned long long)b.size >> 10, (unsigned long long)first,
                      (unsigned long long)limit);
    if (ok) {
        at = MAX(first,
                 (s->kernel.entry & ~(gpa)PAGE_MASK) + MIN(s->boot.ram_size / 2, 512ull * MIB));
        at = MIN(at, align_down(limit - b.size, PAGE_SIZE));
        u8 start[8], end[8];
        st_be64(start, at);
        st_be64(end, at + b.size);
        ok = boot_place(&s->boot, &b, 0, b.size, b.size, at, err) &&
             dt_chosen(v->tree, "linux,initrd-start", start, sizeof start, err) &&
             dt_chosen(v->tree, "linux,initrd-end", end, sizeof end, err);
    }
    file_close(&b);
    return ok;
}

static bool new_tree(struct virt *v, struct error *err)
{
    const struct machine_opts *o = v->m.opts;
    struct dt *t;
    if (o->dtb) {
        struct boot_file b;
        t = file_open(&b, "device tree", o->dtb, err) ? dt_read(&b, err) : NULL;
        file_close(&b);
        if (!t)
            return false;
    } else {
        t = virt_tree(v);
    }
    dt_free(v->tree);
    v->tree = t;
    return !o->append || dt_chosen(t, "bootargs", o->append, strlen(o->append) + 1, err);
}

/* At the end of RAM, in nobody's way, but below 3 GiB, where programs of 32 bits reach it. */
static bool load_tree_and_initrd(struct virt *v, struct start *s, struct error *err)
{
    enum { GROWTH = 512 }; /* for the RAM disk's two properties */
    size_t len;
    dt_data(v->tree, &len);
    gpa end = MIN(s->boot.ram + s->boot.ram_size, 3072ull * MIB);
    s->dtb = align_down(end - len - GROWTH, KERNEL_ALIGN);
    if (s->dtb < MAX(s->kernel.end, s->firmware.end)) /* little memory: no alignment then */
        s->dtb = align_down(end - len - GROWTH, PAGE_SIZE);
    if (v->m.opts->initrd && !load_initrd(v, s, err))
        return false;
    struct boot_file b;
    const void *data = dt_data(v->tree, &len);
    file_memory(&b, "device tree", data, len);
    return boot_place(&s->boot, &b, 0, len, len, s->dtb, err);
}

/* ---- the reset ROM ----------------------------------------------------------------- */
/* struct fw_dynamic_info, version 2 */
enum { DYNAMIC_MAGIC = 0x4942534f, DYNAMIC_VERSION = 2, DYNAMIC_S_MODE = 1 };
enum { ROM_ENTRY = 24, ROM_DTB = 32, ROM_DYNAMIC = 40, ROM_USED = 88 };

static void write_rom(struct virt *v, const struct start *s)
{
    static const u32 code[] = {
        0x00000297,                     /* auipc t0, 0 */
        0x00028613 | ROM_DYNAMIC << 20, /* addi a2, t0, ROM_DYNAMIC */
        0xf1402573,                     /* csrr a0, mhartid */
        0x0002b583 | ROM_DTB << 20,     /* ld a1, ROM_DTB(t0) */
        0x0002b283 | ROM_ENTRY << 20,   /* ld t0, ROM_ENTRY(t0) */
        0x00028067,                     /* jr t0 */
    };
    u64 off = v->m.opts->memory;
    u8 *rom = v->m.ram->host + off;
    memcpy(rom, code, sizeof code);
    st_le64(rom + ROM_ENTRY, s->firmware.entry ? s->firmware.entry : s->kernel.entry);
    st_le64(rom + ROM_DTB, s->dtb);
    const u64 dynamic[] = {DYNAMIC_MAGIC, DYNAMIC_VERSION, s->kernel.entry, DYNAMIC_S_MODE, 0, 0};
    for (unsigned i = 0; i < ARRAY_LEN(dynamic); i++)
        st_le64(rom + ROM_DYNAMIC + 8 * i, dynamic[i]);
    ram_written(v->m.ram, off, ROM_USED);
}

bool virt_boot(struct machine *m, struct error *err)
{
    struct virt *v = to_virt(m);
    struct start s = {.boot.space = m->space};
    s.boot.ram = RAM_BASE;
    s.boot.ram_size = m->opts->memory;
    s.boot.elf_machine = EM_RISCV;
    if (!load_programs(v, &s, err) || !new_tree(v, err) || !load_tree_and_initrd(v, &s, err))
        return false;
    write_rom(v, &s);
    if (v->sbi) {
        sbi_boot(v->sbi, s.kernel.entry, s.dtb);
        return true;
    }
    for (unsigned i = 0; i < engine_cpus(m->engine); i++) {
        struct cpu *c = engine_cpu(m->engine, i);
        rv_reset(c);
        c->pc = ROM_BASE;
        cpu_park(c, false);
    }
    return true;
}
