/* blk/raw.c - a raw image: guest byte n is file byte n; a partial last sector reads as zeroes. */
#include <errno.h>
#include "base/bits.h"
#include "blk/driver.h"

static bool raw_open(struct blk *b, struct error *err)
{
    if (b->file.size > (u64)INT64_MAX - 511)
        return error_set(err, EFBIG, "size of %llu bytes is too large",
                         (unsigned long long)b->file.size);
    b->size = align_up(b->file.size, 512);
    return true;
}

static enum blk_where raw_map(struct blk *b, u64 off, u64 *len, u64 *host, bool write)
{
    u64 end = __atomic_load_n(&b->file.size, __ATOMIC_ACQUIRE);
    *host = off;
    if (write)
        return WHERE_FILE;
    if (off >= end)
        return WHERE_ZERO;
    *len = MIN(*len, end - off);
    return WHERE_FILE;
}

BLK_DRIVER(raw, .doc = "plain disk image", .open = raw_open, .map = raw_map);
