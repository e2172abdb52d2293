/* board/boot_test.c - loaders: every kind of file, whole, cut, damaged and hostile. */
#include <assert.h>
#include <elf.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include "base/bits.h"
#include "board/boot.h"

enum { MIB = 1 << 20, RAM_SIZE = 8 * MIB };
#define BASE 0x80000000ull

struct rig {
    struct boot boot;
    struct ram *ram;
    struct boot_image image;
    struct error err;
};

static void setup(struct rig *r)
{
    *r = (struct rig){.boot = {.space = space_new(), .ram = BASE, .ram_size = RAM_SIZE}};
    r->boot.elf_machine = EM_RISCV;
    r->ram = ram_new(RAM_SIZE, false, &r->err);
    assert(r->ram && space_add_ram(r->boot.space, BASE, r->ram, 0, RAM_SIZE, false, &r->err));
    memset(r->ram->host, 0x55, RAM_SIZE);
}

static void teardown(struct rig *r)
{
    space_free(r->boot.space);
    ram_free(r->ram);
}

/* Loads the bytes as a program at BASE + 2 MiB. */
static bool load(struct rig *r, const void *data, size_t size)
{
    struct boot_file f;
    file_memory(&f, "kernel", data, size);
    r->boot.n_spans = 0;
    r->err = (struct error){0};
    bool ok = boot_program(&r->boot, &f, BASE + 2 * MIB, &r->image, &r->err);
    assert(ok || (r->err.code && *r->err.msg));
    file_close(&f);
    return ok;
}

static bool refused(struct rig *r, const void *data, size_t size, const char *why)
{
    bool ok = load(r, data, size);
    if (!ok && !strstr(r->err.msg, why))
        printf("%s\n", r->err.msg);
    return !ok && strstr(r->err.msg, why);
}

/* ---- files ---------------------------------------------------------------------------------- */
TEST(file_open_names_what_is_wrong)
{
    struct boot_file f;
    struct error err;
    static const char *const bad[][2] = {{"/nonexistent", "No such file"},
                                         {"/", "is a directory"},
                                         {"/dev/null", "is not a regular file"}};
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        assert(!file_open(&f, "kernel", bad[i][0], &err));
        assert(!strncmp(err.msg, "kernel '", 8) && strstr(err.msg, bad[i][0]));
        assert(strstr(err.msg, bad[i][1]));
        file_close(&f);
    }
    char path[] = "/tmp/myna-file-XXXXXX";
    int fd = mkstemp(path);
    assert(fd >= 0 && !file_open(&f, "initrd", path, &err) && strstr(err.msg, "is empty"));
    file_close(&f);
    close(fd);
    unlink(path);
}

TEST(file_that_shrinks_is_an_error)
{
    struct rig r;
    setup(&r);
    char path[] = "/tmp/myna-file-XXXXXX";
    u8 buf[3 * PAGE_SIZE] = {0};
    int fd = mkstemp(path);
    assert(fd >= 0 && write(fd, buf, sizeof buf) == sizeof buf);
    struct boot_file f;
    assert(file_open(&f, "initrd", path, &r.err));
    assert(file_read(&f, sizeof buf - 1, buf, 1, &r.err));
    assert(!file_read(&f, sizeof buf, buf, 1, &r.err));
    assert(!file_read(&f, ~0ull, buf, 2, &r.err));
    assert(!ftruncate(fd, 0));
    assert(!file_read(&f, 0, buf, 1, &r.err));
    assert(!boot_place(&r.boot, &f, 0, f.size, f.size, BASE, &r.err));
    file_close(&f);
    close(fd);
    unlink(path);
    teardown(&r);
}

/* ---- raw, packed ---------------------------------------------------------------------------- */
static u8 *pattern(size_t n)
{
    u8 *p = xalloc(n);
    for (size_t i = 0; i < n; i++)
        p[i] = (u8)(i * 7 + (i >> 8));
    return p;
}

TEST(raw_program_goes_where_it_is_told)
{
    struct rig r;
    setup(&r);
    u8 *raw = pattern(6 * MIB + 1);
    assert(load(&r, raw, 5000));
    assert(r.image.entry == BASE + 2 * MIB && r.image.end == BASE + 2 * MIB + 5000);
    assert(!memcmp(r.ram->host + 2 * MIB, raw, 5000) && r.ram->host[2 * MIB + 5000] == 0x55);
    assert(load(&r, raw, 6 * MIB));
    assert(refused(&r, raw, 6 * MIB + 1, "do not fit in the memory"));
    assert(refused(&r, raw, 0, "is empty"));
    assert(refused(&r, raw, 63, "is cut short: its 63 bytes"));
    free(raw);
    teardown(&r);
}

static size_t gzip(const void *in, size_t n, u8 *out, size_t room)
{
    z_stream z = {.next_in = (void *)in, .avail_in = (uInt)n, .next_out = out};
    z.avail_out = (uInt)room;
    assert(deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    assert(deflate(&z, Z_FINISH) == Z_STREAM_END);
    deflateEnd(&z);
    return room - z.avail_out;
}

TEST(packed_programs)
{
    enum { SIZE = 600000, ROOM = 700000 };
    struct rig r;
    setup(&r);
    u8 *raw = pattern(SIZE), *packed = xalloc(ROOM);
    for (int zstd = 0; zstd <= 1; zstd++) {
        size_t n = zstd ? ZSTD_compress(packed, ROOM, raw, SIZE, 1) : gzip(raw, SIZE, packed, ROOM);
        assert(load(&r, packed, n) && r.image.end - r.image.entry == SIZE);
        assert(!memcmp(r.ram->host + 2 * MIB, raw, SIZE));
        assert(load(&r, packed, n + 8)); /* what follows the end is nobody's */
        for (size_t cut = 4; cut < n; cut += n / 7)
            assert(refused(&r, packed, cut, "is cut short"));
        memset(packed + n / 2, 0xa5, 64);
        assert(refused(&r, packed, n, "damaged") || !zstd);
    }
    free(raw);
    free(packed);
    teardown(&r);
}

TEST(packed_bomb_stops_at_the_memory)
{
    enum { SIZE = 2 * RAM_SIZE };
    struct rig r;
    setup(&r);
    u8 *zeros = xalloc(SIZE), *packed = xalloc(MIB);
    assert(refused(&r, packed, gzip(zeros, SIZE, packed, MIB), "unpacks to more than the 8 MiB"));
    assert(refused(&r, packed, ZSTD_compress(packed, MIB, zeros, SIZE, 1), "unpacks to more"));
    free(zeros);
    free(packed);
    teardown(&r);
}

TEST(zboot_payload)
{
    struct rig r;
    setup(&r);
    u8 file[8192] = "MZ\0\0zimg";
    u8 *raw = pattern(3000);
    size_t n = gzip(raw, 3000, file + 512, sizeof file - 512);
    st_le32(file + 8, 512);
    st_le32(file + 12, (u32)n);
    assert(load(&r, file, 512 + n) && !memcmp(r.ram->host + 2 * MIB, raw, 3000));
    assert(refused(&r, file, 511 + n, "is cut short: its payload ends at"));
    st_le32(file + 8, 600);
    assert(refused(&r, file, 600 + n, "neither gzip nor zstd"));
    free(raw);
    teardown(&r);
}

/* ---- Linux Images --------------------------------------------------------------------------- */
static void make_image(u8 *h, u64 offset, u64 size)
{
    memset(h, 0, 1024);
    memcpy(h, "MZ", 2);
    st_le64(h + 8, offset);
    st_le64(h + 16, size);
    memcpy(h + 48, "RISCV\0\0\0RSC\x05", 12);
    st_le32(h + 60, 64); /* PE header, one section of 512 bytes at 512 */
    memcpy(h + 64, "PE\0\0", 4);
    st_le16(h + 68, 0x5064);
    st_le16(h + 70, 1);
    st_le16(h + 84, 16);
    st_le32(h + 64 + 24 + 16 + 16, 512);
    st_le32(h + 64 + 24 + 16 + 20, 512);
}

TEST(image_is_placed_by_its_header)
{
    struct rig r;
    u8 h[1024];
    setup(&r);
    make_image(h, 2 * MIB, 3 * MIB);
    assert(load(&r, h, sizeof h));
    assert(r.image.entry == BASE + 2 * MIB && r.image.end == BASE + 5 * MIB);
    make_image(h, 4 * MIB, 3 * MIB);
    assert(load(&r, h, sizeof h) && r.image.entry == BASE + 4 * MIB);
    make_image(h, 6 * MIB, 3 * MIB);
    assert(refused(&r, h, sizeof h, "the memory ends at 0x807fffff"));
    make_image(h, 0, ~0ull);
    assert(refused(&r, h, sizeof h, "the memory has 8 MiB"));
    make_image(h, ~0ull, 0);
    assert(refused(&r, h, sizeof h, "the memory has 8 MiB"));
    make_image(h, 0, 0);
    h[24] = 1;
    assert(refused(&r, h, sizeof h, "big-endian"));
    make_image(h, 0, 0);
    assert(refused(&r, h, 1023, "is cut short: its last section ends at 1024"));
    assert(refused(&r, h, 120, "is cut short"));
    assert(refused(&r, h, 80, "is cut short"));
    assert(refused(&r, h, 40, "is cut short: 64 bytes wanted"));
    h[64] = 'X';
    assert(refused(&r, h, sizeof h, "no PE header"));
    make_image(h, 0, 0);
    st_le16(h + 68, 0xaa64);
    assert(refused(&r, h, sizeof h, "PE machine 0xaa64, this machine is 0x5064"));
    make_image(h, 0, 0);
    h[56] = 'X';
    assert(refused(&r, h, sizeof h, "is an EFI program"));
    make_image(h, 2 * MIB, MIB);
    memset(h, 0, 8); /* without an EFI stub */
    assert(load(&r, h, 64) && r.image.end == BASE + 3 * MIB);
    teardown(&r);
}

/* ---- ELF ------------------------------------------------------------------------------------ */
struct elf {
    Elf64_Ehdr h;
    Elf64_Phdr p[2];
    u8 text[256];
};

static void make_elf(struct elf *e, u64 vaddr, u64 paddr)
{
    *e =
        (struct elf){.h = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB},
                           .e_type = ET_EXEC,
                           .e_machine = EM_RISCV,
                           .e_entry = vaddr + 16,
                           .e_phoff = offsetof(struct elf, p),
                           .e_phentsize = sizeof(Elf64_Phdr),
                           .e_phnum = 2}};
    for (unsigned i = 0; i < 2; i++)
        e->p[i] = (Elf64_Phdr){.p_type = PT_LOAD,
                               .p_offset = offsetof(struct elf, text),
                               .p_vaddr = vaddr + i * MIB,
                               .p_paddr = paddr + i * MIB,
                               .p_filesz = sizeof e->text,
                               .p_memsz = sizeof e->text + i * 4096};
    memset(e->text, 0xee, sizeof e->text);
}

TEST(elf_is_placed_by_its_segments)
{
    struct rig r;
    struct elf e;
    setup(&r);
    make_elf(&e, BASE, BASE);
    assert(load(&r, &e, sizeof e) && r.image.entry == BASE + 16);
    assert(r.image.end == BASE + MIB + sizeof e.text + 4096);
    assert(r.ram->host[255] == 0xee && r.ram->host[256] == 0x55);
    assert(r.ram->host[MIB + 255] == 0xee && r.ram->host[MIB + 256] == 0);
    assert(r.ram->host[MIB + 256 + 4095] == 0 && r.ram->host[MIB + 256 + 4096] == 0x55);
    /* a vmlinux: linked at virtual addresses, physical ones count from 0 */
    make_elf(&e, 0xffffffff80000000ull, 0);
    assert(load(&r, &e, sizeof e) && r.image.entry == BASE + 2 * MIB + 16);
    assert(r.ram->host[3 * MIB + 255] == 0xee);
    teardown(&r);
}

TEST(elf_for_something_else)
{
    struct rig r;
    struct elf e;
    setup(&r);
    make_elf(&e, BASE, BASE);
    e.h.e_machine = EM_X86_64;
    assert(refused(&r, &e, sizeof e, "for machine 62, this machine is 243"));
    make_elf(&e, BASE, BASE);
    e.h.e_ident[EI_CLASS] = ELFCLASS32;
    assert(refused(&r, &e, sizeof e, "64-bit"));
    make_elf(&e, BASE, BASE);
    e.h.e_ident[EI_DATA] = ELFDATA2MSB;
    assert(refused(&r, &e, sizeof e, "big-endian"));
    make_elf(&e, BASE, BASE);
    e.h.e_type = ET_REL;
    assert(refused(&r, &e, sizeof e, "not a program"));
    make_elf(&e, BASE, BASE);
    e.h.e_phnum = 65;
    assert(refused(&r, &e, sizeof e, "the limit is 64"));
    make_elf(&e, BASE, BASE);
    e.h.e_phnum = 0;
    assert(refused(&r, &e, sizeof e, "no ELF program headers"));
    make_elf(&e, BASE, BASE);
    e.p[0].p_type = e.p[1].p_type = PT_NOTE;
    assert(refused(&r, &e, sizeof e, "no ELF segment to load"));
    make_elf(&e, BASE, BASE);
    e.h.e_entry = 4;
    assert(refused(&r, &e, sizeof e, "in no segment"));
    teardown(&r);
}

TEST(elf_with_hostile_numbers)
{
    struct rig r;
    struct elf e;
    setup(&r);
    make_elf(&e, BASE, BASE);
    for (size_t cut = 4; cut < sizeof e; cut++)
        assert(refused(&r, &e, cut, "is cut short"));
    e.h.e_phoff = ~0ull - 8;
    assert(refused(&r, &e, sizeof e, "is cut short"));
    make_elf(&e, BASE, BASE);
    e.p[0].p_memsz = 255;
    assert(refused(&r, &e, sizeof e, "256 bytes in the file, 255 in memory"));
    make_elf(&e, BASE, BASE);
    e.p[1].p_offset = ~0ull - 100;
    assert(refused(&r, &e, sizeof e, "is cut short"));
    make_elf(&e, BASE, BASE);
    e.p[1].p_memsz = ~0ull;
    assert(refused(&r, &e, sizeof e, "do not fit in the memory"));
    make_elf(&e, BASE, BASE);
    e.p[1].p_paddr = BASE + RAM_SIZE - 100;
    assert(refused(&r, &e, sizeof e, "do not fit in the memory"));
    make_elf(&e, BASE, ~0ull - 4 * MIB);
    assert(refused(&r, &e, sizeof e, "do not fit in the memory"));
    make_elf(&e, BASE, BASE);
    e.p[1].p_paddr = BASE + 100;
    assert(refused(&r, &e, sizeof e, "overlaps the kernel"));
    teardown(&r);
}

TEST(files_do_not_overlap)
{
    struct rig r;
    struct boot_file f;
    setup(&r);
    u8 data[100] = {0};
    assert(load(&r, data, sizeof data));
    file_memory(&f, "initrd", data, sizeof data);
    gpa kernel = BASE + 2 * MIB;
    assert(!boot_place(&r.boot, &f, 0, 100, 100, kernel + 99, &r.err));
    assert(strstr(r.err.msg, "initrd") && strstr(r.err.msg, "overlaps the kernel"));
    assert(!boot_place(&r.boot, &f, 0, 100, 100, kernel - 99, &r.err));
    assert(boot_place(&r.boot, &f, 0, 100, 100, kernel - 100, &r.err));
    assert(boot_place(&r.boot, &f, 0, 100, 100, kernel + 100, &r.err));
    assert(!boot_place(&r.boot, &f, 0, 100, 100, BASE - 1, &r.err));
    teardown(&r);
}
