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

/* A good beginning, so that random bytes reach beyond the first check. Returns its length. */
static size_t beginning(unsigned kind, u8 *out)
{
    static const u8 elf[] = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB};
    static const u8 gzip[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};
    static const u8 zstd[] = {0x28, 0xb5, 0x2f, 0xfd};
    memset(out, 0, 64);
    switch (kind) {
    case 1:
        memcpy(out, elf, sizeof elf);
        st_le16(out + offsetof(Elf64_Ehdr, e_type), ET_EXEC);
        st_le16(out + offsetof(Elf64_Ehdr, e_machine), EM_RISCV);
        out[offsetof(Elf64_Ehdr, e_phoff)] = sizeof(Elf64_Ehdr);
        out[offsetof(Elf64_Ehdr, e_phentsize)] = sizeof(Elf64_Phdr);
        out[offsetof(Elf64_Ehdr, e_phnum)] = 2;
        return sizeof(Elf64_Ehdr);
    case 2: memcpy(out, gzip, sizeof gzip); return sizeof gzip;
    case 3: memcpy(out, zstd, sizeof zstd); return sizeof zstd;
    case 4: memcpy(out, "MZ\0\0zimg\x10\0\0", 11); return 12;
    case 5: memcpy(out + 56, "RSC\x05@", 5); return 64;
    }
    return 0;
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
    size = MIN(size - 1, (size_t)ROOM - 64);
    u8 *file = xalloc(ROOM);
    size_t n = beginning(kind, file);
    memcpy(file + n, data, size);
    if (kind == 6)
        tree(data, size);
    else if (kind == 7)
        changed_tree(data, size);
    else
        program(file, n + size);
    free(file);
    return 0;
}
