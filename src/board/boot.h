/* board/boot.h - what a guest starts from: files taken as hostile, placed in guest RAM. */
#ifndef BOARD_BOOT_H
#define BOARD_BOOT_H
#include "mem/space.h"

/* A file, trusted to be bytes and no more; one cut short under us is an error, never a signal. */
struct boot_file {
    const char *what; /* "kernel": begins every message; not owned */
    char *path;
    const u8 *data; /* a mapping: hand it to the kernel only, read it with file_read */
    u64 size, mapped;
    int fd; /* -1: data is our own memory */
};
bool file_open(struct boot_file *, const char *what, const char *path, struct error *);
/* Bytes that are already in memory, borrowed. */
void file_memory(struct boot_file *, const char *what, const void *data, u64 size);
void file_close(struct boot_file *); /* also after a failed open */
bool file_read(const struct boot_file *, u64 off, void *buf, u64 len, struct error *);
/* False with "WHAT 'PATH': ..." and errno EINVAL: the file is not what it should be. */
bool file_bad(const struct boot_file *, struct error *, const char *fmt, ...) PRINTF(3, 4);
/* gzip, zstd or EFI zboot: `out` becomes the unpacked file, of at most `limit` bytes. Not packed:
 * it shares the bytes of `in`. Close `out` first, also after a failure. */
bool file_unpack(const struct boot_file *in, struct boot_file *out, u64 limit, struct error *);

/* One start of one guest: RAM, and the ranges of it that files have taken. */
enum { BOOT_SPANS = 64 };
struct boot {
    struct space *space;
    gpa ram; /* where RAM begins */
    u64 ram_size;
    u16 elf_machine;
    struct boot_span {
        gpa start, end;
        const char *what;
    } spans[BOOT_SPANS];
    unsigned n_spans;
};
/* Copies `len` bytes at `off` of the file to `at`, zeroes the rest up to `room`, takes the range.
 * False: outside RAM, or taken. */
bool boot_place(struct boot *, const struct boot_file *, u64 off, u64 len, u64 room, gpa at,
                struct error *);

struct boot_image { /* where a program went */
    gpa entry, end;
};
/* An ELF file at its physical addresses; one linked below RAM (a vmlinux) moves up to `at`. */
bool boot_elf(struct boot *, const struct boot_file *, gpa at, struct boot_image *, struct error *);
/* A RISC-V Linux Image (boot-image-header.rst); at or above `at`, as its header asks. */
bool boot_riscv_image(struct boot *, const struct boot_file *, gpa at, struct boot_image *,
                      struct error *);
/* Any program: ELF, Image or raw bytes at `at` (64 or more), packed or not. */
bool boot_program(struct boot *, const struct boot_file *, gpa at, struct boot_image *,
                  struct error *);
bool is_elf(const struct boot_file *);
bool is_riscv_image(const struct boot_file *);
#endif
