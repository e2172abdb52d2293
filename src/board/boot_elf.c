/* board/boot_elf.c - ELF programs at their physical addresses (System V gABI 4 and 5). */
#include <elf.h>
#include "base/bits.h"
#include "board/boot.h"

enum { MAX_SEGMENTS = 64 };

bool is_elf(const struct boot_file *b)
{
    u8 magic[SELFMAG];
    struct error ignored;
    return file_read(b, 0, magic, sizeof magic, &ignored) && !memcmp(magic, ELFMAG, SELFMAG);
}

static bool read_header(const struct boot *boot, const struct boot_file *b, Elf64_Ehdr *h,
                        struct error *err)
{
    if (!file_read(b, 0, h, sizeof *h, err))
        return false;
    if (h->e_ident[EI_CLASS] != ELFCLASS64)
        return file_bad(b, err, "is not a 64-bit ELF file");
    if (h->e_ident[EI_DATA] != ELFDATA2LSB)
        return file_bad(b, err, "is a big-endian ELF file, this machine is little-endian");
    if (h->e_machine != boot->elf_machine)
        return file_bad(b, err, "is an ELF file for machine %u, this machine is %u", h->e_machine,
                        boot->elf_machine);
    if (h->e_type != ET_EXEC && h->e_type != ET_DYN)
        return file_bad(b, err, "is an ELF file of type %u, not a program", h->e_type);
    if (h->e_phentsize != sizeof(Elf64_Phdr) || !h->e_phnum)
        return file_bad(b, err, "has no ELF program headers");
    if (h->e_phnum > MAX_SEGMENTS)
        return file_bad(b, err, "has %u ELF program headers, the limit is %d", h->e_phnum,
                        MAX_SEGMENTS);
    return true;
}

static bool loaded(const Elf64_Phdr *p) { return p->p_type == PT_LOAD && p->p_memsz; }

/* How far a program linked below RAM moves up; 0 for one that is at home. */
static u64 displacement(const struct boot *boot, const Elf64_Phdr *ph, unsigned n, gpa at)
{
    gpa lowest = ~0ull;
    for (unsigned i = 0; i < n; i++)
        if (loaded(&ph[i]))
            lowest = MIN(lowest, ph[i].p_paddr);
    return lowest < boot->ram ? at - lowest : 0;
}

bool boot_elf(struct boot *boot, const struct boot_file *b, gpa at, struct boot_image *image,
              struct error *err)
{
    Elf64_Ehdr h;
    Elf64_Phdr ph[MAX_SEGMENTS];
    if (!read_header(boot, b, &h, err) || !file_read(b, h.e_phoff, ph, h.e_phnum * sizeof *ph, err))
        return false;
    u64 shift = displacement(boot, ph, h.e_phnum, at);
    *image = (struct boot_image){.entry = h.e_entry};
    bool any = false, entered = false;
    for (unsigned i = 0; i < h.e_phnum; i++) {
        const Elf64_Phdr *p = &ph[i];
        if (!loaded(p))
            continue;
        gpa to = p->p_paddr + shift;
        if (p->p_filesz > p->p_memsz)
            return file_bad(b, err, "ELF segment %u has %llu bytes in the file, %llu in memory", i,
                            (unsigned long long)p->p_filesz, (unsigned long long)p->p_memsz);
        if (!boot_place(boot, b, p->p_offset, p->p_filesz, p->p_memsz, to, err))
            return false;
        image->end = MAX(image->end, to + p->p_memsz);
        if (h.e_entry - p->p_vaddr < p->p_memsz && !entered) {
            image->entry = h.e_entry - p->p_vaddr + to; /* may be linked at virtual addresses */
            entered = true;
        }
        any = true;
    }
    if (!any)
        return file_bad(b, err, "has no ELF segment to load");
    if (!entered)
        return file_bad(b, err, "its entry point 0x%llx is in no segment",
                        (unsigned long long)h.e_entry);
    return true;
}
