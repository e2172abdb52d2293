/* hw/misc/fw_cfg_test.c - the directory, reads by register and by DMA, and bad requests. */
#include "base/bits.h"
#include "hw/rig.h"

enum { DATA = 0, SELECTOR = 8, DMA = 16, REQUEST = 0x100, BUFFER = 0x200 };
enum { READ = 2, SKIP = 4, SELECT = 8, WRITE = 16 };
static struct rig r;
static struct ram *ram;
static struct blob hello = {"hello, firmware", 15}, empty = {NULL, 0};

static void begin(void)
{
    struct error err;
    rig_init(&r);
    ram = ram_new(PAGE_SIZE, false, &err);
    assert(space_add_ram(r.hw.space, 0, ram, 0, PAGE_SIZE, false, &err));
    hw_provide(&r.hw, "fw_cfg", "opt/hello", &hello);
    hw_provide(&r.hw, "drive", "opt/none", NULL);
    hw_provide(&r.hw, "fw_cfg", "opt/empty", &empty);
    rig_start(&r, "fw-cfg", NULL);
}

static void end(void)
{
    rig_fini(&r);
    ram_free(ram);
}

static void choose(u16 key) { device_write(r.d, 0, SELECTOR, __builtin_bswap16(key), 2); }
static u64 get(unsigned size) { return device_read(r.d, 0, DATA, size); }

/* Runs a DMA request, returns its result. */
static u32 dma(u32 control, u32 len, u64 addr)
{
    st_be32(ram->host + REQUEST, control);
    st_be32(ram->host + REQUEST + 4, len);
    st_be64(ram->host + REQUEST + 8, addr);
    device_write(r.d, 0, DMA, __builtin_bswap64(REQUEST), 8);
    return ld_be32(ram->host + REQUEST);
}

/* The key of a file, from the directory; 0: it is not there. */
static u16 find(const char *name, u32 *size)
{
    u8 dir[4 + 2 * 64];
    assert(dma(READ | SELECT | 0x19u << 16, sizeof dir, BUFFER) == 0);
    memcpy(dir, ram->host + BUFFER, sizeof dir);
    assert(ld_be32(dir) == 2);
    for (u8 *e = dir + 4; e < dir + sizeof dir; e += 64)
        if (!strcmp((char *)e + 8, name)) {
            *size = ld_be32(e);
            return ld_be16(e + 4);
        }
    return 0;
}

TEST(fw_cfg_says_what_it_is)
{
    begin();
    assert(get(4) == ld_le32("QEMU") && get(4) == 0);
    choose(1);
    assert(get(1) == 3 && get(1) == 0);
    assert(device_read(r.d, 0, DMA, 8) == ld_le64("QEMU CFG"));
    assert(device_read(r.d, 0, DMA + 4, 4) == ld_le32(" CFG"));
    choose(0x1234);
    assert(get(8) == 0);
    end();
}

TEST(fw_cfg_files)
{
    u32 size;
    begin();
    assert(!find("opt/none", &size) && find("opt/empty", &size) && size == 0);
    u16 key = find("opt/hello", &size);
    assert(key >= 0x20 && size == 15);
    choose(key);
    assert(get(8) == ld_le64("hello, f") && get(2) == ld_le16("ir"));
    assert(get(8) == ld_le64("mware\0\0") && get(1) == 0);
    end();
}

TEST(fw_cfg_dma)
{
    u32 size;
    begin();
    u16 key = find("opt/hello", &size);
    assert(dma(SKIP | SELECT | (u32)key << 16, 7, 0) == 0);
    memset(ram->host + BUFFER, 0xff, 32);
    assert(dma(READ, 10, BUFFER) == 0);
    assert(!memcmp(ram->host + BUFFER, "firmware\0\0\xff", 11)); /* zeroes behind the end */
    choose(key);
    st_be32(ram->host + REQUEST, READ);
    st_be32(ram->host + REQUEST + 4, 5);
    device_write(r.d, 0, DMA, 0, 4); /* the address in halves */
    device_write(r.d, 0, DMA + 4, __builtin_bswap32(REQUEST), 4);
    assert(ld_be32(ram->host + REQUEST) == 0 && !memcmp(ram->host + BUFFER, "hello", 5));
    end();
}

TEST(fw_cfg_refuses_bad_dma)
{
    begin();
    assert(dma(WRITE, 4, BUFFER) == 1);
    assert(dma(READ, 4, 0x100000) == 1);
    assert(dma(READ, ~0u, BUFFER) == 1);
    assert(dma(SKIP, ~0u, 0) == 0 && dma(SKIP, ~0u, 0) == 0 && dma(READ, 1, BUFFER) == 0);
    device_write(r.d, 0, DMA, ~0ull, 8); /* a request that is not in RAM */
    device_write(r.d, 0, DMA, 0xf8ff, 8);
    device_write(r.d, 0, SELECTOR, 0, 4);
    get(1);
    assert(r.d->guest_errors == 6);
    end();
}

TEST(fw_cfg_limits_file_names)
{
    struct error err;
    rig_init(&r);
    hw_provide(&r.hw, "fw_cfg", "opt/a/name/longer/than/the/fifty-five/characters/allowed", &hello);
    struct device *d = device_new(&r.hw, device_class_find("fw-cfg"), "f");
    assert(!device_start(d, &err) && strstr(err.msg, "55"));
    rig_fini(&r);
}
