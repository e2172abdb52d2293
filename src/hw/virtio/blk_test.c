/* hw/virtio/blk_test.c - every request of the block device against a file. */
#include <fcntl.h>
#include <unistd.h>
#include "blk/blk.h"
#include "hw/virtio/driver.h"

enum { T_IN, T_OUT, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_WRITE_ZEROES = 13 };
enum { F_RO = 5, F_FLUSH = 9, F_CONFIG_WCE = 11, F_MQ = 12, SECTORS = 2048, NO_ANSWER = 0xff };
#define FEATURES (FEATURE(F_FLUSH) | FEATURE(F_CONFIG_WCE) | FEATURE(F_INDIRECT))

struct disk {
    struct drv g;
    struct blk *blk;
    char path[32];
};

static u8 pattern(u64 byte) { return (u8)(byte * 31 + byte / 512); }

static void open_disk(struct disk *d, u64 size, bool readonly)
{
    struct error err;
    strcpy(d->path, "/tmp/myna-blk-XXXXXX");
    int fd = mkstemp(d->path);
    for (u64 i = 0; i < size; i += 512) {
        u8 sector[512];
        for (u64 k = 0; k < 512; k++)
            sector[k] = pattern(i + k);
        ssize_t n = write(fd, sector, MIN(size - i, 512u));
        assert(n > 0);
    }
    close(fd);
    drv_init(&d->g);
    struct blk_opts o;
    props_defaults(blk_props, &o);
    free(o.file);
    o.file = d->path;
    o.readonly = readonly;
    d->blk = blk_open(&o, d->g.r.hw.loop, &err);
    assert(d->blk);
    free(o.format);
    hw_provide(&d->g.r.hw, "drive", "d0", d->blk);
}

static void close_disk(struct disk *d)
{
    blk_close(d->blk);
    drv_fini(&d->g);
    unlink(d->path);
}

static void start(struct disk *d)
{
    rig_start(&d->g.r, "virtio-blk-device", "drive", "d0", "serial", "S123", NULL);
    drv_start(&d->g, FEATURES, 1, 64);
}

static void open_started(struct disk *d)
{
    open_disk(d, SECTORS * 512, false);
    start(d);
}

static struct drv_buf header(struct disk *d, u32 type, u64 sector)
{
    u8 h[16];
    st_le32(h, type);
    st_le32(h + 4, 0);
    st_le64(h + 8, sector);
    return drv_text(&d->g, h, 16);
}

static u8 status_of(struct disk *d, struct drv_buf b) { return *drv_at(&d->g, b.addr); }

/* One request with up to one data buffer; returns its status. */
static u8 request(struct disk *d, u32 type, u64 sector, struct drv_buf data)
{
    struct drv_buf st = drv_room(&d->g, 1);
    struct drv_buf b[3] = {header(d, type, sector), data, st};
    *drv_at(&d->g, st.addr) = NO_ANSWER;
    if (!data.len)
        b[1] = st;
    drv_do(&d->g, 0, b, data.len ? 3 : 2);
    return status_of(d, st);
}

static const struct drv_buf none = {0, 0, false};

static bool holds_pattern(struct disk *d, struct drv_buf b, u64 first)
{
    for (u32 i = 0; i < b.len; i++)
        if (drv_at(&d->g, b.addr)[i] != pattern(first + i))
            return false;
    return true;
}

static bool holds(struct disk *d, struct drv_buf b, u8 value)
{
    for (u32 i = 0; i < b.len; i++)
        if (drv_at(&d->g, b.addr)[i] != value)
            return false;
    return true;
}

static struct drv_buf filled(struct disk *d, u32 len, u8 value)
{
    struct drv_buf b = {drv_alloc(&d->g, len), len, false};
    memset(drv_at(&d->g, b.addr), value, len);
    return b;
}

TEST(blk_describes_the_disk)
{
    struct disk d;
    open_disk(&d, 1000, false);
    rig_start(&d.g.r, "virtio-blk-device", "drive", "d0", "physical-block-size", "4096", NULL);
    assert(drv_get(&d.g, 8) == 2);
    assert(drv_get(&d.g, R_CONFIG) == 2 && drv_get(&d.g, R_CONFIG + 4) == 0); /* rounded up */
    assert(drv_get(&d.g, R_CONFIG + 12) == 510 && drv_get(&d.g, R_CONFIG + 20) == 512);
    assert(device_read(d.g.r.d, 0, R_CONFIG + 24, 1) == 3);
    assert(drv_get(&d.g, R_CONFIG + 36) && drv_get(&d.g, R_CONFIG + 40) == 1);
    assert(!(drv_offered(&d.g) & (FEATURE(F_RO) | FEATURE(F_MQ))));
    close_disk(&d);
}

TEST(blk_reads_and_writes)
{
    struct disk d;
    open_started(&d);
    struct drv_buf in = drv_room(&d.g, 4096);
    assert(request(&d, T_IN, 3, in) == 0 && holds_pattern(&d, in, 3 * 512));
    assert(request(&d, T_OUT, 4, filled(&d, 1024, 0xaa)) == 0);
    assert(request(&d, T_IN, 4, in) == 0);
    in.len = 1024;
    assert(holds(&d, in, 0xaa));
    assert(request(&d, T_IN, SECTORS - 2, in) == 0 && holds_pattern(&d, in, (SECTORS - 2) * 512));
    close_disk(&d);
}

TEST(blk_takes_any_layout_of_buffers)
{
    struct disk d;
    open_started(&d);
    struct drv_buf h = header(&d, T_OUT, 8), data = filled(&d, 1024, 0x55), st = drv_room(&d.g, 1);
    struct drv_buf b[6] = {
        {h.addr, 5, false},          {h.addr + 5, 11, false},       {data.addr, 1, false},
        {data.addr + 1, 511, false}, {data.addr + 512, 512, false}, st};
    drv_do(&d.g, 0, b, 6);
    assert(status_of(&d, st) == 0);
    /* Header and data in one buffer; data and status in one buffer. */
    struct drv_buf all = {drv_alloc(&d.g, 16 + 512), 16 + 512, false};
    memcpy(drv_at(&d.g, all.addr), drv_at(&d.g, h.addr), 16);
    st_le64(drv_at(&d.g, all.addr) + 8, 10);
    memset(drv_at(&d.g, all.addr) + 16, 0x66, 512);
    struct drv_buf two[2] = {all, st};
    drv_do(&d.g, 0, two, 2);
    assert(status_of(&d, st) == 0);
    struct drv_buf in = drv_room(&d.g, 1536 + 1);
    struct drv_buf read[2] = {header(&d, T_IN, 8), in};
    assert(drv_do(&d.g, 0, read, 2) == 1537 && !drv_at(&d.g, in.addr)[1536]);
    in.len = 1024;
    assert(holds(&d, in, 0x55));
    in = (struct drv_buf){in.addr + 1024, 512, true};
    assert(holds(&d, in, 0x66));
    close_disk(&d);
}

TEST(blk_keeps_many_requests_under_way)
{
    struct disk d;
    open_started(&d);
    enum { N = 16 };
    struct drv_buf in[N];
    u32 seen = 0, len;
    u16 id;
    for (u32 i = 0; i < N; i++) {
        in[i] = drv_room(&d.g, 512);
        struct drv_buf b[3] = {header(&d, T_IN, i * 7), in[i], drv_room(&d.g, 1)};
        drv_add_indirect(&d.g, 0, b, 3);
    }
    drv_kick(&d.g, 0);
    for (int turn = 0; seen < N && turn < 1000; turn++) {
        loop_poll(d.g.r.hw.loop, 10);
        while (drv_used(&d.g, 0, &id, &len)) {
            assert(len == 513);
            seen++;
        }
    }
    assert(seen == N);
    for (u32 i = 0; i < N; i++)
        assert(holds_pattern(&d, in[i], i * 7 * 512));
    close_disk(&d);
}

TEST(blk_refuses_what_is_out_of_bounds)
{
    struct disk d;
    open_started(&d);
    struct drv_buf in = drv_room(&d.g, 1024), odd = drv_room(&d.g, 100), out = filled(&d, 1024, 1);
    static const u64 bad[] = {SECTORS - 1, SECTORS, 1ull << 55, ~0ull};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert(request(&d, T_IN, bad[i], in) == 1);
        assert(request(&d, T_OUT, bad[i], out) == 1);
    }
    assert(request(&d, T_IN, 0, odd) == 1);
    assert(request(&d, 99, 0, none) == 2);
    in.len = 512;
    assert(request(&d, T_IN, SECTORS - 1, in) == 0 && holds_pattern(&d, in, (SECTORS - 1) * 512));
    assert(!drv_broken(&d.g));
    close_disk(&d);
}

TEST(blk_requests_without_header_or_status_stop_the_device)
{
    for (int i = 0; i < 2; i++) {
        struct disk d;
        open_started(&d);
        struct drv_buf b = i ? drv_room(&d.g, 1) : header(&d, T_FLUSH, 0);
        drv_add(&d.g, 0, &b, 1);
        drv_kick(&d.g, 0);
        assert(drv_broken(&d.g) && !to_virtio(d.g.r.d)->queue[0].inflight);
        close_disk(&d);
    }
}

TEST(blk_flushes_and_tells_its_serial_number)
{
    struct disk d;
    open_started(&d);
    assert(request(&d, T_FLUSH, 0, none) == 0);
    struct drv_buf id = drv_room(&d.g, 20);
    assert(request(&d, T_GET_ID, 0, id) == 0 && !memcmp(drv_at(&d.g, id.addr), "S123\0", 5));
    id.len = 2;
    assert(request(&d, T_GET_ID, 0, id) == 0);
    close_disk(&d);
}

static struct drv_buf range(struct disk *d, u64 sector, u32 n, u32 flags)
{
    u8 r[16];
    st_le64(r, sector);
    st_le32(r + 8, n);
    st_le32(r + 12, flags);
    return drv_text(&d->g, r, 16);
}

TEST(blk_discards_and_zeroes)
{
    struct disk d;
    open_started(&d);
    struct drv_buf in = drv_room(&d.g, 2048);
    assert(request(&d, T_WRITE_ZEROES, 0, range(&d, 8, 4, 1)) == 0);
    assert(request(&d, T_IN, 8, in) == 0 && holds(&d, in, 0));
    assert(request(&d, T_IN, 12, in) == 0 && holds_pattern(&d, in, 12 * 512));
    assert(request(&d, T_DISCARD, 0, range(&d, 16, 8, 0)) == 0);
    assert(request(&d, T_DISCARD, 0, range(&d, 16, 8, 1)) == 2); /* unknown flag */
    assert(request(&d, T_WRITE_ZEROES, 0, range(&d, SECTORS, 1, 0)) == 1);
    assert(request(&d, T_WRITE_ZEROES, 0, range(&d, 0, 0xffffffff, 0)) == 1);
    assert(request(&d, T_WRITE_ZEROES, 0, none) == 2);
    close_disk(&d);
}

TEST(blk_read_only_disks_are_not_written)
{
    struct disk d;
    open_disk(&d, SECTORS * 512, true);
    start(&d);
    struct drv_buf in = drv_room(&d.g, 512);
    assert(drv_offered(&d.g) & FEATURE(F_RO));
    assert(request(&d, T_OUT, 0, filled(&d, 512, 0)) == 1);
    assert(request(&d, T_WRITE_ZEROES, 0, range(&d, 0, 1, 0)) == 1);
    assert(request(&d, T_IN, 0, in) == 0 && holds_pattern(&d, in, 0));
    assert(request(&d, T_FLUSH, 0, none) == 0);
    close_disk(&d);
}

TEST(blk_write_cache_is_the_drivers_choice)
{
    struct disk d;
    open_started(&d);
    assert(device_read(d.g.r.d, 0, R_CONFIG + 32, 1) == 1);
    device_write(d.g.r.d, 0, R_CONFIG + 32, 0, 1);
    assert(device_read(d.g.r.d, 0, R_CONFIG + 32, 1) == 0);
    assert(request(&d, T_OUT, 0, filled(&d, 512, 7)) == 0); /* then a flush, unseen */
    struct drv_buf in = drv_room(&d.g, 512);
    assert(request(&d, T_IN, 0, in) == 0 && holds(&d, in, 7));
    drv_start(&d.g, 0, 1, 64); /* a driver that knows no caches */
    device_write(d.g.r.d, 0, R_CONFIG + 32, 0, 1);
    assert(device_read(d.g.r.d, 0, R_CONFIG + 32, 1) == 1);
    assert(request(&d, T_OUT, 0, filled(&d, 512, 8)) == 0);
    close_disk(&d);
}

TEST(blk_without_a_disk_fails_requests)
{
    struct disk d;
    open_disk(&d, 512, false);
    rig_start(&d.g.r, "virtio-blk-device", NULL);
    drv_start(&d.g, 0, 1, 64);
    assert(drv_get(&d.g, R_CONFIG) == 0);
    assert(request(&d, T_IN, 0, drv_room(&d.g, 512)) == 1 && request(&d, T_FLUSH, 0, none) == 1);
    close_disk(&d);
}

TEST(blk_properties_are_checked)
{
    static const char *const bad[][2] = {
        {"drive", "nope"},
        {"queue-size", "100"},
        {"logical-block-size", "1000"},
        {"physical-block-size", "768"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct rig r;
        struct error err;
        rig_init(&r);
        struct device *b = device_new(&r.hw, device_class_find("virtio-blk-pci"), "b");
        bool ok = device_set(b, bad[i][0], bad[i][1], &err) && device_start(b, &err);
        assert(!ok);
        rig_fini(&r);
    }
}

TEST(blk_reset_with_requests_under_way)
{
    struct disk d;
    open_started(&d);
    for (int round = 0; round < 20; round++) {
        struct drv_buf b[3] = {header(&d, T_IN, 0), drv_room(&d.g, 4096), drv_room(&d.g, 1)};
        drv_add(&d.g, 0, b, 3);
        drv_kick(&d.g, 0);
        drv_start(&d.g, FEATURES, 1, 64);
        loop_poll(d.g.r.hw.loop, 1);
        assert(!drv_broken(&d.g));
        struct drv_buf in = drv_room(&d.g, 512);
        assert(request(&d, T_IN, 1, in) == 0 && holds_pattern(&d, in, 512));
    }
    close_disk(&d);
}
