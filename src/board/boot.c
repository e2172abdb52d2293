/* board/boot.c - placing files in guest RAM: bounds, overlaps, and programs of any kind. */
#include <errno.h>
#include <unistd.h>
#include "base/bits.h"
#include "board/boot.h"

enum { HEADER = 64 }; /* of an Image and of ELF; what is smaller is neither, nor a raw kernel */

/* The file's bytes go through the RAM's memory object: no page of RAM is mapped for it, and a file
 * that shrinks under us is EFAULT. */
static bool copy_in(const struct boot_file *b, u64 off, u64 len, struct ram *ram, u64 ram_off,
                    struct error *err)
{
    for (u64 done = 0; done < len;) {
        ssize_t n = pwrite(ram->fd, b->data + off + done, len - done, (off_t)(ram_off + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return file_bad(b, err, "cannot be copied to memory: %s", strerror(n ? errno : EFAULT));
        done += (u64)n;
    }
    return true;
}

static bool take(struct boot *boot, const struct boot_file *b, gpa start, gpa end,
                 struct error *err)
{
    for (unsigned i = 0; i < boot->n_spans; i++) {
        const struct boot_span *s = &boot->spans[i];
        if (start < s->end && s->start < end)
            return file_bad(b, err, "0x%llx..0x%llx overlaps the %s at 0x%llx..0x%llx",
                            (unsigned long long)start, (unsigned long long)end - 1, s->what,
                            (unsigned long long)s->start, (unsigned long long)s->end - 1);
    }
    if (boot->n_spans == BOOT_SPANS)
        return file_bad(b, err, "has too many pieces: at most %d are placed", BOOT_SPANS);
    boot->spans[boot->n_spans++] = (struct boot_span){start, end, b->what};
    return true;
}

bool boot_place(struct boot *boot, const struct boot_file *b, u64 off, u64 len, u64 room, gpa at,
                struct error *err)
{
    room = MAX(room, len);
    if (!room)
        return true;
    gpa end;
    if (at < boot->ram || !add_ok(at, room, &end) || end > boot->ram + boot->ram_size)
        return file_bad(
            b, err, "%llu KiB at 0x%llx do not fit in the memory, which is 0x%llx..0x%llx",
            (unsigned long long)((room + 1023) >> 10), (unsigned long long)at,
            (unsigned long long)boot->ram, (unsigned long long)(boot->ram + boot->ram_size - 1));
    u64 file_end;
    if (!add_ok(off, len, &file_end) || file_end > b->size)
        return file_bad(b, err, "is cut short: %llu bytes wanted at %llu, the file has %llu",
                        (unsigned long long)len, (unsigned long long)off,
                        (unsigned long long)b->size);
    struct ram *ram;
    u64 ram_off;
    u8 *host = space_ram(boot->space, at, room, &ram, &ram_off);
    if (!host)
        return file_bad(b, err, "0x%llx is not memory", (unsigned long long)at);
    if (!take(boot, b, at, end, err) || !copy_in(b, off, len, ram, ram_off, err))
        return false;
    memset(host + len, 0, room - len);
    ram_written(ram, ram_off, room);
    return true;
}

bool boot_program(struct boot *boot, const struct boot_file *file, gpa at, struct boot_image *image,
                  struct error *err)
{
    struct boot_file b;
    bool ok = file_unpack(file, &b, boot->ram_size, err);
    if (ok && !b.size)
        ok = file_bad(file, err, "is empty");
    if (ok && is_elf(&b)) {
        ok = boot_elf(boot, &b, at, image, err);
    } else if (ok && is_riscv_image(&b)) {
        ok = boot_riscv_image(boot, &b, at, image, err);
    } else if (ok && b.size < HEADER) {
        ok = file_bad(file, err, "is cut short: its %llu bytes are less than a header of %d",
                      (unsigned long long)b.size, HEADER);
    } else if (ok) {
        *image = (struct boot_image){.entry = at, .end = at + b.size};
        ok = boot_place(boot, &b, 0, b.size, b.size, at, err);
    }
    file_close(&b);
    return ok;
}
