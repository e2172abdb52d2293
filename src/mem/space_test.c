/* mem/space_test.c - the map finds what was added, refuses overlaps, changes under readers. */
#include <assert.h>
#include <errno.h>
#include "base/thread.h"
#include "mem/space.h"

struct probe {
    u64 off, val;
    unsigned size, reads, writes;
};
static u64 probe_read(void *obj, u64 off, unsigned size)
{
    struct probe *p = obj;
    p->off = off;
    p->size = size;
    p->reads++;
    return p->val;
}
static void probe_write(void *obj, u64 off, u64 val, unsigned size)
{
    struct probe *p = obj;
    p->off = off;
    p->size = size;
    p->val = val;
    p->writes++;
}
static const struct space_io probe_io = {probe_read, probe_write};

TEST(space_finds_windows_and_ram)
{
    struct error err;
    struct probe a = {0}, b = {.val = 0x55};
    struct space *s = space_new();
    struct ram *ram = ram_new(4 * PAGE_SIZE, false, &err);
    assert(space_add_io(s, 0x2000, 0x100, &probe_io, &b, &err));
    assert(space_add_ram(s, 0x80000000, ram, PAGE_SIZE, 2 * PAGE_SIZE, false, &err));
    assert(space_add_io(s, 0x1000, 0x100, &probe_io, &a, &err));

    struct space_range r;
    u64 v;
    assert(space_find(s, 0x10ff, &r) && r.obj == &a && r.base == 0x1000);
    assert(!space_find(s, 0x1100, &r) && !space_find(s, 0, &r) && !space_find(s, ~0ull, &r));
    assert(space_read(s, 0x2004, 4, &v) && v == 0x55 && b.off == 4 && b.size == 4);
    assert(space_write(s, 0x1008, 8, 0x1234) && a.off == 8 && a.val == 0x1234);
    assert(!space_read(s, 0x20fe, 4, &v) && b.reads == 1); /* would leave the window */
    assert(!space_write(s, 0x3000, 1, 0));

    for (unsigned size = 1; size <= 8; size *= 2)
        for (unsigned off = 0; off < 8; off++) {
            u64 want = 0x8877665544332211ull >> (64 - 8 * size);
            assert(space_write(s, 0x80000010 + off, size, want));
            assert(space_read(s, 0x80000010 + off, size, &v) && v == want);
            assert(!memcmp(ram->host + PAGE_SIZE + 0x10 + off, &want, size));
        }
    assert(!space_read(s, 0x80001ffc, 8, &v)); /* would leave the RAM */

    space_remove(s, 0x1000);
    space_remove(s, 0x1001); /* no range begins there */
    assert(!space_find(s, 0x1000, &r) && space_find(s, 0x2000, &r));
    assert(space_find(s, 0x80000000, &r) && r.ram == ram);
    space_free(s);
    ram_free(ram);
}

TEST(space_refuses_overlaps_and_nonsense)
{
    struct error err;
    struct probe p = {0};
    struct space *s = space_new();
    assert(space_add_io(s, 0x1000, 0x1000, &probe_io, &p, &err));
    assert(space_add_io(s, 0x3000, 0x1000, &probe_io, &p, &err));
    assert(!space_add_io(s, 0x1fff, 1, &probe_io, &p, &err));
    assert(err.code == EEXIST && strstr(err.msg, "0x1000"));
    assert(!space_add_io(s, 0x2000, 0x1001, &probe_io, &p, &err) && strstr(err.msg, "0x3000"));
    assert(!space_add_io(s, 0, 0x10000, &probe_io, &p, &err));
    assert(!space_add_io(s, 0x5000, 0, &probe_io, &p, &err) && err.code == EINVAL);
    assert(!space_add_io(s, ~0ull, 2, &probe_io, &p, &err) && err.code == EINVAL);
    assert(space_add_io(s, 0x2000, 0x1000, &probe_io, &p, &err)); /* fits exactly */

    struct ram *ram = ram_new(PAGE_SIZE, false, &err);
    assert(!space_add_ram(s, 0x10000, ram, 1, PAGE_SIZE, false, &err));
    assert(!space_add_ram(s, 0x10000, ram, ~0ull, 2, false, &err));
    bool ok = true;
    unsigned n = 0;
    for (; ok && n < 10000; n++)
        ok = space_add_io(s, 0x100000 + 16 * n, 16, &probe_io, &p, &err);
    assert(!ok && err.code == ENOSPC);
    space_free(s);
    ram_free(ram);
}

TEST(space_readonly_ram_drops_writes)
{
    struct error err;
    u64 v, len = 8;
    struct space *s = space_new();
    struct ram *ram = ram_new(PAGE_SIZE, false, &err);
    ram->host[0] = 0x42;
    assert(space_add_ram(s, 0, ram, 0, PAGE_SIZE, true, &err));
    assert(space_write(s, 0, 1, 0) && space_read(s, 0, 1, &v) && v == 0x42);
    assert(!dma_write(s, 0, &v, 1) && !dma_map(s, 0, &len, true) && dma_map(s, 0, &len, false));
    space_free(s);
    ram_free(ram);
}

TEST(dma_crosses_ranges_and_stops_at_gaps)
{
    struct error err;
    struct probe p = {0};
    struct space *s = space_new();
    struct ram *ram = ram_new(3 * PAGE_SIZE, false, &err);
    assert(space_add_ram(s, 0x10000, ram, PAGE_SIZE, PAGE_SIZE, false, &err));
    assert(space_add_ram(s, 0x11000, ram, 0, PAGE_SIZE, false, &err));
    assert(space_add_io(s, 0x12000, 0x1000, &probe_io, &p, &err));

    u8 in[64], out[64];
    for (unsigned i = 0; i < sizeof in; i++)
        in[i] = (u8)(i + 1);
    assert(dma_write(s, 0x10ff0, in, sizeof in) && dma_read(s, 0x10ff0, out, sizeof out));
    assert(!memcmp(in, out, sizeof in) && ram->host[0] == 17 && ram->host[2 * PAGE_SIZE - 1] == 16);
    assert(!dma_write(s, 0x11ff0, in, sizeof in));
    assert(ram->host[PAGE_SIZE - 1] == 16); /* up to the gap */
    assert(!p.reads && !p.writes);
    assert(!dma_read(s, 0x12000, out, 4) && !dma_read(s, ~0ull, out, 4));
    assert(dma_read(s, 0x5, out, 0));

    u64 len = 100;
    assert(dma_map(s, 0x10ff0, &len, true) == ram->host + 2 * PAGE_SIZE - 16 && len == 16);
    len = 100;
    assert(!dma_map(s, 0x12000, &len, false));

    struct ram *hit;
    u64 off;
    assert(space_ram(s, 0x10000, PAGE_SIZE, &hit, &off) && hit == ram && off == PAGE_SIZE);
    assert(!space_ram(s, 0x10000, PAGE_SIZE + 1, &hit, &off));
    assert(!space_ram(s, 0x12000, 4, &hit, &off));
    space_free(s);
    ram_free(ram);
}

static unsigned code_bytes;
static void hear(void *arg, struct ram *r, u64 off, u64 len)
{
    (void)arg, (void)r, (void)off;
    code_bytes += (unsigned)len;
}

TEST(dma_tells_code_pages)
{
    struct error err;
    struct space *s = space_new();
    struct ram *ram = ram_new(2 * PAGE_SIZE, false, &err);
    assert(space_add_ram(s, 0, ram, 0, 2 * PAGE_SIZE, false, &err));
    ram->code_written = hear;
    ram->track[1] = TRACK_CODE;
    assert(dma_write(s, 0, "abcd", 4) && !code_bytes);
    assert(dma_write(s, PAGE_SIZE, "abcd", 4) && code_bytes == 4);
    assert(space_write(s, PAGE_SIZE + 8, 2, 0) && code_bytes == 6);
    dma_written(s, PAGE_SIZE + 1, 3);
    assert(code_bytes == 9);
    dma_written(s, 0x10000, 3);
    dma_written(s, PAGE_SIZE, 0);
    assert(code_bytes == 9);
    space_free(s);
    ram_free(ram);
}

/* Readers of a steady window while others come and go around it. */
static bool stop;
static void *read_steadily(void *arg)
{
    unsigned long found = 0;
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        struct space_range r;
        assert(space_find(arg, 0x5008, &r));
        assert(r.base == 0x5000 && r.size == 0x10 && r.io == &probe_io);
        if (space_find(arg, 0x1001, &r))
            assert(r.base == 0x1000 && r.size == 8);
        found++;
    }
    return (void *)found;
}

TEST(space_changes_under_readers)
{
    struct error err;
    struct probe p = {0};
    struct space *s = space_new();
    assert(space_add_io(s, 0x5000, 0x10, &probe_io, &p, &err));
    __atomic_store_n(&stop, false, __ATOMIC_RELAXED);
    pthread_t reader = thread_start("reader", read_steadily, s);
    for (int i = 0; i < 20000; i++) {
        assert(space_add_io(s, 0x1000, 8, &probe_io, &p, &err));
        assert(space_add_io(s, 0x9000, 8, &probe_io, &p, &err));
        space_remove(s, 0x1000);
        space_remove(s, 0x9000);
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    thread_join(reader);
    space_free(s);
}
