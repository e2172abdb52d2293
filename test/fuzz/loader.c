/* test/fuzz/loader.c - fuzz target: programs (ELF, Image, raw, packed) and device trees. */
#include <assert.h>
#include <elf.h>
#include "base/bits.h"
#include "board/boot.h"
#include "board/fdt.h"
#include "test/fuzz/fuzz.h"

enum { RAM_SIZE = 4 << 20, ROOM = 8192 };
#define BASE 0x80000000ull

static struct space *space(void)
{
    static struct space *s;
    struct error err;
    if (!s) {
        struct ram *ram = ram_new(RAM_SIZE, false, &err);
        s = space_new();
        assert(ram && space_add_ram(s, BASE, ram, 0, RAM_SIZE, false, &err));
    }
    return s;
}

static void program(const u8 *data, size_t size)
{
    struct boot boot = {.space = space(), .ram = BASE, .ram_size = RAM_SIZE};
    struct boot_file f;
    struct boot_image image;
    struct error err;
    boot.elf_machine = EM_RISCV;
    file_memory(&f, "kernel", data, size);
    if (boot_program(&boot, &f, BASE, &image, &err))
        assert(image.end >= BASE && image.end <= BASE + RAM_SIZE && boot.n_spans);
    else
        assert(*err.msg);
}

static void tree(const u8 *data, size_t size)
{
    struct boot_file f;
    struct error err;
    file_memory(&f, "device tree", data, size);
    struct dt *t = dt_read(&f, &err);
    if (t)
        dt_chosen(t, "bootargs", "quiet", 6, &err);
    dt_free(t);
}

/* Good beginnings, so that random bytes reach beyond the first check. Each returns its length. */
static size_t begin_elf(u8 *out)
{
    enum { SEGMENTS = 2, STEP = 0x10000 };
    const Elf64_Ehdr h = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB},
                          .e_type = ET_EXEC,
                          .e_machine = EM_RISCV,
                          .e_entry = BASE,
                          .e_phoff = sizeof h,
                          .e_phentsize = sizeof(Elf64_Phdr),
                          .e_phnum = SEGMENTS};
    memcpy(out, &h, sizeof h);
    for (unsigned i = 0; i < SEGMENTS; i++) {
        const Elf64_Phdr p = {.p_type = PT_LOAD,
                              .p_vaddr = BASE + i * STEP,
                              .p_paddr = BASE + i * STEP,
                              .p_filesz = sizeof h,
                              .p_memsz = PAGE_SIZE};
        memcpy(out + sizeof h + i * sizeof p, &p, sizeof p);
    }
    return sizeof h + SEGMENTS * sizeof(Elf64_Phdr);
}

/* An Image of one page that is a PE program of one section too. */
static size_t begin_image(u8 *out)
{
    enum { SIZE = 16, MAGIC2 = 56, PE_OFFSET = 60, PE = 64, SECTION = PE + 24, END = SECTION + 40 };
    memcpy(out, "MZ", 2);
    st_le64(out + SIZE, PAGE_SIZE);
    memcpy(out + MAGIC2, "RSC\x05", 4);
    st_le32(out + PE_OFFSET, PE);
    memcpy(out + PE, "PE\0\0\x64\x50\x01", 7); /* machine, sections */
    st_le32(out + SECTION + 16, END);          /* size of its data */
    return END;
}

static size_t beginning(unsigned kind, u8 *out)
{
    static const u8 gzip[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};
    static const u8 zstd[] = {0x28, 0xb5, 0x2f, 0xfd};
    switch (kind) {
    case 1: return begin_elf(out);
    case 2: memcpy(out, gzip, sizeof gzip); return sizeof gzip;
    case 3: memcpy(out, zstd, sizeof zstd); return sizeof zstd;
    case 4: memcpy(out, "MZ\0\0zimg\x10\0\0", 11); return 12;
    case 5: return begin_image(out);
    }
    return 0;
}

/* The input's first byte says how many places it changes: offset, value. Returns what it took. */
static size_t change(u8 *file, size_t n, const u8 *data, size_t size)
{
    size_t taken = 1;
    for (unsigned left = *data % 8; left && taken + 2 <= size; left--, taken += 2)
        file[data[taken] % n] = data[taken + 1];
    return taken;
}

/* A good tree, changed at places that the input chooses: offset (2 bytes), value. */
static void changed_tree(const u8 *data, size_t size)
{
    struct dt *t = dt_new();
    for (unsigned i = 0; i < 3; i++) {
        dt_begin(t, "node@%u", i);
        dt_str(t, "compatible", "a,b");
        dt_end(t);
    }
    dt_finish(t);
    size_t len;
    const void *good = dt_data(t, &len);
    u8 *bad = xalloc(len);
    memcpy(bad, good, len);
    for (; size >= 3; data += 3, size -= 3)
        bad[ld_le16(data) % len] = data[2];
    tree(bad, len);
    free(bad);
    dt_free(t);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    if (!size)
        return 0;
    unsigned kind = *data++ % 8;
    size = MIN(size - 1, (size_t)ROOM / 2);
    u8 *file = xalloc(ROOM);
    size_t n = beginning(kind, file), taken = n && size ? change(file, n, data, size) : 0;
    memcpy(file + n, data + taken, size - taken);
    if (kind == 6)
        tree(data, size);
    else if (kind == 7)
        changed_tree(data, size);
    else
        program(file, n + size - taken);
    free(file);
    return 0;
}
