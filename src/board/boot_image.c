/* board/boot_image.c - RISC-V Linux Images (boot-image-header.rst, version 0.2). */
#include "base/bits.h"
#include "board/boot.h"

enum { HEADER = 64, PLACE_ALIGN = 2 << 20 };
enum { TEXT_OFFSET = 8, IMAGE_SIZE = 16, FLAGS = 24, MAGIC2 = 56, PE_OFFSET = 60 };
enum { FLAG_BIG_ENDIAN = 1 };

static bool has_magic(const u8 *h) { return !memcmp(h + MAGIC2, "RSC\x05", 4); }

bool is_riscv_image(const struct boot_file *b)
{
    u8 h[HEADER];
    struct error ignored;
    return (file_read(b, 0, h, HEADER, &ignored) && has_magic(h)) ||
           (file_read(b, 0, h, 2, &ignored) && !memcmp(h, "MZ", 2));
}

/* Most Images are PE programs too (their EFI stub). That header tells of other machines, and its
 * sections how long the file must be: a truncated download is named here, and does not die as a
 * guest. PE format, "COFF File Header" and "Section Table". */
static bool check_pe(const struct boot_file *b, const u8 *header, struct error *err)
{
    enum { COFF = 24, SECTION = 40, MAX_SECTIONS = 96, PE_RISCV64 = 0x5064 };
    u8 h[COFF], s[SECTION];
    u32 pe = ld_le32(header + PE_OFFSET);
    if (!file_read(b, pe, h, sizeof h, err))
        return false;
    unsigned machine = ld_le16(h + 4), n = MIN(ld_le16(h + 6), (u16)MAX_SECTIONS);
    if (memcmp(h, "PE\0\0", 4))
        return file_bad(b, err, "has no PE header where its first bytes promise one");
    if (machine != PE_RISCV64)
        return file_bad(b, err, "is a program for PE machine 0x%x, this machine is 0x%x", machine,
                        PE_RISCV64);
    u64 at = (u64)pe + COFF + ld_le16(h + 20);
    for (unsigned i = 0; i < n; i++, at += SECTION) {
        if (!file_read(b, at, s, sizeof s, err))
            return false;
        u64 end = (u64)ld_le32(s + 16) + ld_le32(s + 20);
        if (end > b->size)
            return file_bad(b, err,
                            "is cut short: its last section ends at %llu, the file has %llu bytes",
                            (unsigned long long)end, (unsigned long long)b->size);
    }
    return true;
}

bool boot_riscv_image(struct boot *boot, const struct boot_file *b, gpa at,
                      struct boot_image *image, struct error *err)
{
    u8 h[HEADER];
    if (!file_read(b, 0, h, sizeof h, err) || (!memcmp(h, "MZ", 2) && !check_pe(b, h, err)))
        return false;
    if (!has_magic(h))
        return file_bad(b, err, "is an EFI program, but no Linux Image");
    u64 offset = ld_le64(h + TEXT_OFFSET), room = ld_le64(h + IMAGE_SIZE);
    if (ld_le64(h + FLAGS) & FLAG_BIG_ENDIAN)
        return file_bad(b, err, "is a big-endian Image, this machine is little-endian");
    if (offset >= boot->ram_size || room > boot->ram_size)
        return file_bad(b, err, "wants %llu MiB at offset 0x%llx, the memory has %llu MiB",
                        (unsigned long long)(room >> 20), (unsigned long long)offset,
                        (unsigned long long)(boot->ram_size >> 20));
    gpa to = MAX(at, boot->ram + offset);
    if (offset % PLACE_ALIGN == 0)
        to = align_up(to, PLACE_ALIGN);
    /* What lies beyond the file is the kernel's .bss, which it clears itself. */
    room = MAX(room, b->size);
    if (!boot_place(boot, b, 0, b->size, b->size, to, err))
        return false;
    if (to + room > boot->ram + boot->ram_size)
        return file_bad(b, err, "wants %llu MiB at 0x%llx, the memory ends at 0x%llx",
                        (unsigned long long)(room >> 20), (unsigned long long)to,
                        (unsigned long long)(boot->ram + boot->ram_size - 1));
    *image = (struct boot_image){.entry = to, .end = to + room};
    return true;
}
