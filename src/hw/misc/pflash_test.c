/* hw/misc/pflash_test.c - identification, erase, both ways to program, files and their errors. */
#include <fcntl.h>
#include <unistd.h>
#include "hw/rig.h"

enum { BLOCK = 256 << 10, READY = 0x00800080 };
static struct rig r;

static u32 get(u64 off) { return (u32)device_read(r.d, 0, off, 4); }
static void put(u64 off, u32 val) { device_write(r.d, 0, off, val, 4); }
static void cmd(u64 off, u8 c) { put(off, c | (u32)c << 16); } /* to both chips */
static u32 array(u64 off)
{
    cmd(0, 0xff);
    return get(off);
}
static void program(u64 off, u32 val)
{
    cmd(off, 0x40);
    put(off, val);
}
static void begin(void)
{
    rig_init(&r);
    rig_start(&r, "cfi.pflash01", "size", "1M", NULL);
}

TEST(pflash_identifies_itself)
{
    begin();
    cmd(0x55 * 4, 0x98);
    assert(get(0x10 * 4) == ('Q' | 'Q' << 16) && get(0x12 * 4) == ('Y' | 'Y' << 16));
    assert((u8)get(0x13 * 4) == 1 && (u8)get(0x31 * 4) == 'P');
    assert(1u << (u8)get(0x27 * 4) == (1 << 20) / 2);                       /* one chip's size */
    assert((u8)get(0x2d * 4) == 3 && (u8)get(0x30 * 4) << 16 == BLOCK / 2); /* blocks, and theirs */
    assert(device_read(r.d, 0, 0x10 * 4 + 2, 1) == 'Q' && get(0xff * 4) == 0);
    cmd(0, 0x90);
    assert(get(0) == 0x00890089 && get(4) == 0x00180018);
    assert(array(0) == ~0u);
    rig_fini(&r);
}

TEST(pflash_programs_and_erases)
{
    begin();
    program(BLOCK + 8, 0x12345678);
    assert(get(0) == READY && array(BLOCK + 8) == 0x12345678 && array(BLOCK + 12) == ~0u);
    program(BLOCK + 8, 0xffff0000);
    assert(array(BLOCK + 8) == 0x12340000); /* bits only fall */
    program(8, 0);
    cmd(BLOCK + 4, 0x20);
    cmd(BLOCK + 4, 0xd0);
    assert(get(0) == READY && array(BLOCK + 8) == ~0u && array(8) == 0);
    device_reset(r.d);
    assert(get(8) == 0);
    cmd(8, 0x20);
    cmd(8, 0xff); /* no confirmation */
    assert(get(0) == (READY | 0x00300030) && array(8) == 0);
    cmd(0, 0x50);
    cmd(0, 0x70);
    assert(get(0) == READY);
    cmd(0, 0x60);
    cmd(0, 0xd0);
    assert(get(0) == READY && r.d->guest_errors == 1);
    rig_fini(&r);
}

TEST(pflash_programs_through_its_buffer)
{
    begin();
    cmd(64, 0xe8);
    assert(get(64) == READY);
    cmd(64, 3);
    for (u32 i = 0; i < 4; i++)
        put(64 + 4 * i, 0x1111 * i);
    cmd(64, 0xd0);
    assert(get(64) == READY);
    for (u32 i = 0; i < 4; i++)
        assert(array(64 + 4 * i) == 0x1111 * i);
    assert(array(80) == ~0u);

    cmd(128, 0xe8);
    cmd(128, 200); /* too many */
    assert(get(0) & 0x10);
    cmd(128, 0xe8);
    cmd(128, 1);
    put(128, 0);
    put(200, 0); /* outside */
    cmd(128, 0xd0);
    assert(array(128) == ~0u && array(200) == ~0u);
    cmd((1 << 20) - 4, 0xe8); /* over the end of the flash */
    cmd(0, 1);
    put((1 << 20) - 4, 0);
    device_write(r.d, 0, (1 << 20) - 2, 0, 2);
    device_write(r.d, 0, (1 << 20) - 2, 0, 2);
    cmd(0, 0x50);
    cmd(0, 0xd0);
    assert(array((1 << 20) - 4) == ~0u);
    rig_fini(&r);
}

TEST(pflash_keeps_a_file)
{
    struct error err;
    char path[] = "/tmp/myna-flash-XXXXXX";
    int fd = mkstemp(path);
    u32 v = 0;
    assert(fd >= 0 && !ftruncate(fd, 1 << 20) && pwrite(fd, "boot", 4, 0) == 4);
    rig_init(&r);
    rig_start(&r, "cfi.pflash01", "size", "1M", "file", path, NULL);
    assert(get(0) == 0x746f6f62 && get(4) == 0);
    cmd(0, 0x20);
    cmd(0, 0xd0);
    program(4, 0xcafef00d);
    assert(pread(fd, &v, 4, 4) == 4 && v == 0xcafef00d && pread(fd, &v, 4, 0) == 4 && v == ~0u);

    struct device *d = device_new(&r.hw, device_class_find("cfi.pflash01"), "f1");
    assert(device_set(d, "file", path, &err) && !device_start(d, &err));
    assert(strstr(err.msg, "33554432 bytes is needed, this has 1048576"));
    d = device_new(&r.hw, device_class_find("cfi.pflash01"), "f2");
    assert(device_set(d, "file", "/nowhere/at/all", &err) && !device_start(d, &err));
    d = device_new(&r.hw, device_class_find("cfi.pflash01"), "f3");
    assert(device_set(d, "size", "3M", &err) && !device_start(d, &err) && strstr(err.msg, "power"));
    rig_fini(&r);

    rig_init(&r);
    rig_start(&r, "cfi.pflash01", "size", "1M", "file", path, "readonly", "on", NULL);
    program(0, 0);
    assert(get(0) == (READY | 0x00100010) && array(0) == ~0u);
    rig_fini(&r);
    close(fd);
    unlink(path);
}
