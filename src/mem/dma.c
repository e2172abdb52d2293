/* mem/dma.c - how devices reach guest memory: RAM only, so an access never re-enters a device. */
#include "mem/space.h"

/* Host address of `addr`, and how much of `len` is contiguous there; NULL: not (writable) RAM. */
static u8 *chunk(const struct space *s, gpa addr, u64 *len, bool write, struct space_range *r)
{
    if (!space_find(s, addr, r) || !r->ram || (write && r->readonly))
        return NULL;
    u64 off = addr - r->base;
    *len = MIN(*len, r->size - off);
    return r->ram->host + r->ram_off + off;
}

bool dma_read(const struct space *s, gpa addr, void *buf, u64 len)
{
    for (u8 *to = buf; len;) {
        struct space_range r;
        u64 n = len;
        const u8 *from = chunk(s, addr, &n, false, &r);
        if (!from)
            return false;
        memcpy(to, from, n);
        to += n;
        addr += n;
        len -= n;
    }
    return true;
}

bool dma_write(const struct space *s, gpa addr, const void *buf, u64 len)
{
    for (const u8 *from = buf; len;) {
        struct space_range r;
        u64 n = len;
        u8 *to = chunk(s, addr, &n, true, &r);
        if (!to)
            return false;
        memcpy(to, from, n);
        ram_written(r.ram, r.ram_off + (addr - r.base), n);
        from += n;
        addr += n;
        len -= n;
    }
    return true;
}

void *dma_map(const struct space *s, gpa addr, u64 *len, bool write)
{
    struct space_range r;
    return chunk(s, addr, len, write, &r);
}

void dma_written(const struct space *s, gpa addr, u64 len)
{
    while (len) {
        struct space_range r;
        u64 n = len;
        if (!chunk(s, addr, &n, true, &r))
            return;
        ram_written(r.ram, r.ram_off + (addr - r.base), n);
        addr += n;
        len -= n;
    }
}
