/* blk/blk_test.c - every request completes exactly once, good or bad, in every cache mode. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "blk/blk.h"

struct disk {
    char path[64];
    struct loop *loop;
    struct blk *blk;
    struct blk_opts opts;
};

static void make_file(struct disk *d, off_t size)
{
    strcpy(d->path, "/var/tmp/myna-blk-XXXXXX");
    int fd = mkstemp(d->path);
    assert(fd >= 0 && !ftruncate(fd, size));
    close(fd);
    d->loop = loop_new();
    props_defaults(blk_props, &d->opts);
    d->opts.file = xstrdup(d->path);
}

static struct disk setup(off_t size, int cache)
{
    struct disk d = {0};
    struct error err = {0};
    make_file(&d, size);
    d.opts.cache = cache;
    d.blk = blk_open(&d.opts, d.loop, &err);
    if (!d.blk && err.code == EINVAL && (cache == CACHE_NONE || cache == CACHE_DIRECTSYNC))
        return d; /* this file system has no O_DIRECT */
    assert(d.blk);
    return d;
}

static void teardown(struct disk *d)
{
    blk_close(d->blk);
    loop_free(d->loop);
    props_free(blk_props, &d->opts);
    unlink(d->path);
}

struct call {
    struct blk_req r;
    int calls, ret;
};

static void call_done(struct blk_req *r, int ret)
{
    struct call *c = container_of(r, struct call, r);
    c->calls++;
    c->ret = ret;
}

static int run_iov(struct disk *d, enum blk_op op, u64 off, u64 len, struct iovec *iov, int niov)
{
    struct call c = {
        .r = {.op = op, .off = off, .len = len, .iov = iov, .niov = niov, .done = call_done}};
    blk_submit(d->blk, &c.r);
    while (!c.calls)
        loop_poll(d->loop, 1000);
    assert(c.calls == 1);
    return c.ret;
}

static int run(struct disk *d, enum blk_op op, u64 off, void *mem, u64 len)
{
    struct iovec v = {mem, len};
    return run_iov(d, op, off, len, &v, 1);
}

static u8 pattern(u64 at) { return (u8)(at * 7 + at / 251 + 1); }

static void fill(u8 *buf, u64 at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf[i] = pattern(at + i);
}

static bool zero(const u8 *buf, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (buf[i])
            return false;
    return true;
}

TEST(blk_write_and_reread_in_every_cache_mode)
{
    for (int cache = CACHE_WRITEBACK; cache <= CACHE_DIRECTSYNC; cache++) {
        struct disk d = setup(1 << 20, cache);
        static u8 out[300000], in[300000];
        fill(out, 0, sizeof out);
        if (d.blk) {
            struct iovec odd[] = {
                {out, 1000}, {out + 1000, 0}, {out + 1000, 7 * 512 + 24}, {out + 4608, 4608}};
            assert(!run(&d, BLK_WRITE, 512, out, 200 * 512)); /* memory at any address */
            assert(!run(&d, BLK_READ, 512, in + 3, 200 * 512) && !memcmp(in + 3, out, 200 * 512));
            assert(!run_iov(&d, BLK_WRITE, 128 * 1024, 9216, odd, 4));
            assert(!run(&d, BLK_READ, 128 * 1024 - 512, in, 9216 + 1024));
            assert(!memcmp(in + 512, out, 9216) && zero(in + 512 + 9216, 512));
            assert(!run(&d, BLK_FLUSH, 0, NULL, 0));
            assert(!run(&d, BLK_READ, 0, in, 512) && zero(in, 512));
        }
        teardown(&d);
    }
}

TEST(blk_many_small_iovecs)
{
    struct disk d = setup(1 << 20, CACHE_WRITEBACK);
    static u8 out[1500 * 512], in[1500 * 512];
    struct iovec v[1500];
    fill(out, 9, sizeof out);
    for (int i = 0; i < 1500; i++)
        v[i] = (struct iovec){out + i * 512, 512};
    assert(!run_iov(&d, BLK_WRITE, 1024, sizeof out, v, 1500));
    assert(!run(&d, BLK_READ, 1024, in, sizeof in) && !memcmp(in, out, sizeof in));
    teardown(&d);
}

TEST(blk_requests_outside_the_disk_fail)
{
    struct disk d = setup(1 << 20, CACHE_WRITEBACK);
    u8 buf[1024] = {0};
    assert(run(&d, BLK_READ, (1 << 20) - 512, buf, 1024) == -EIO);
    assert(run(&d, BLK_WRITE, 1 << 20, buf, 512) == -EIO);
    assert(run(&d, BLK_READ, ~0ull - 100, buf, 512) == -EIO);
    assert(run(&d, BLK_DISCARD, 0, NULL, ~0ull) == -EIO);
    assert(run_iov(&d, BLK_READ, 0, 1024, &(struct iovec){buf, 512}, 1) == -EINVAL);
    assert(!run(&d, BLK_READ, 1 << 20, buf, 0));
    teardown(&d);
}

TEST(blk_size_that_is_no_multiple_of_the_sector)
{
    for (int cache = CACHE_WRITEBACK; cache <= CACHE_NONE; cache++) {
        struct disk d = setup(1000, cache);
        struct stat st;
        u8 buf[1024], one[512];
        if (d.blk) {
            assert(blk_size(d.blk) == 1024);
            memset(buf, 1, sizeof buf);
            assert(!run(&d, BLK_READ, 0, buf, 1024) && zero(buf, 1024));
            fill(one, 0, sizeof one);
            assert(!run(&d, BLK_WRITE, 512, one, 512));
            assert(!run(&d, BLK_READ, 0, buf, 1024) && zero(buf, 512) &&
                   !memcmp(buf + 512, one, 512));
            assert(!stat(d.path, &st) && st.st_size == 1024);
        }
        teardown(&d);
    }
}

TEST(blk_discard_and_zeroes)
{
    struct disk d = setup(4 << 20, CACHE_WRITEBACK);
    static u8 buf[1 << 20];
    struct stat before, after;
    memset(buf, 0xaa, sizeof buf);
    assert(!run(&d, BLK_WRITE, 0, buf, sizeof buf) &&
           !run(&d, BLK_WRITE, 1 << 20, buf, sizeof buf));
    assert(!run(&d, BLK_FLUSH, 0, NULL, 0) && !stat(d.path, &before));
    assert(!run(&d, BLK_DISCARD, 0, NULL, 1 << 20) && !run(&d, BLK_FLUSH, 0, NULL, 0));
    assert(!stat(d.path, &after) && after.st_blocks < before.st_blocks);
    assert(!run(&d, BLK_ZEROES, (1 << 20) + 512, NULL, 8192));
    assert(!run(&d, BLK_READ, 1 << 20, buf, 16384));
    assert(buf[511] == 0xaa && zero(buf + 512, 8192) && buf[512 + 8192] == 0xaa);
    teardown(&d);
}

TEST(blk_readonly)
{
    struct disk d = {0};
    struct error err = {0};
    u8 buf[512];
    make_file(&d, 4096);
    d.opts.readonly = true;
    d.blk = blk_open(&d.opts, d.loop, &err);
    assert(d.blk && blk_readonly(d.blk));
    assert(run(&d, BLK_WRITE, 0, buf, 512) == -EROFS &&
           run(&d, BLK_DISCARD, 0, NULL, 512) == -EROFS);
    assert(!run(&d, BLK_READ, 0, buf, 512) && !run(&d, BLK_FLUSH, 0, NULL, 0));
    teardown(&d);
}

TEST(blk_one_writer_or_many_readers)
{
    struct disk d = setup(4096, CACHE_WRITEBACK);
    struct error err = {0};
    assert(!blk_open(&d.opts, d.loop, &err) && err.code == EBUSY && strstr(err.msg, d.path));
    d.opts.readonly = true;
    assert(!blk_open(&d.opts, d.loop, &err) && err.code == EBUSY);
    blk_close(d.blk);
    d.blk = blk_open(&d.opts, d.loop, &err);
    struct blk *second = blk_open(&d.opts, d.loop, &err);
    assert(d.blk && second);
    d.opts.readonly = false;
    assert(!blk_open(&d.opts, d.loop, &err) && err.code == EBUSY);
    blk_close(second);
    teardown(&d);
}

static bool refused(struct disk *d, const char *file, const char *format, const char *why)
{
    struct error err = {0};
    struct blk_opts o = {.file = (char *)file, .format = (char *)format};
    struct blk *b = blk_open(&o, d->loop, &err);
    blk_close(b);
    return !b && strstr(err.msg, why);
}

TEST(blk_open_errors_name_the_file_and_the_reason)
{
    struct disk d = {0};
    make_file(&d, 4096);
    assert(refused(&d, "/nonexistent/disk", "raw", "/nonexistent/disk: No such file"));
    assert(refused(&d, "/var/tmp", "raw", "/var/tmp: is a directory"));
    assert(refused(&d, "/dev/null", "raw", "/dev/null: is neither a file nor a block device"));
    assert(refused(&d, d.path, "qcow9", "no image format 'qcow9'"));
    assert(refused(&d, NULL, "raw", "no file given"));
    teardown(&d);
}

TEST(blk_close_completes_what_is_under_way)
{
    struct disk d = setup(8 << 20, CACHE_WRITEBACK);
    static struct call calls[64];
    static u8 buf[64][65536];
    struct iovec v[64];
    for (int i = 0; i < 64; i++) {
        fill(buf[i], (u64)i * 65536, 65536);
        v[i] = (struct iovec){buf[i], 65536};
        calls[i] = (struct call){.r = {.op = BLK_WRITE,
                                       .off = (u64)i * 65536,
                                       .len = 65536,
                                       .iov = &v[i],
                                       .niov = 1,
                                       .done = call_done}};
        blk_submit(d.blk, &calls[i].r);
    }
    blk_close(d.blk);
    for (int i = 0; i < 64; i++)
        assert(calls[i].calls == 1 && !calls[i].ret);
    struct error err = {0};
    d.blk = blk_open(&d.opts, d.loop, &err);
    static u8 in[65536];
    assert(!run(&d, BLK_READ, 63 * 65536, in, 65536) && !memcmp(in, buf[63], 65536));
    teardown(&d);
}
