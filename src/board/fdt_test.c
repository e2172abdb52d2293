/* board/fdt_test.c - device trees: written, changed, read back, refused. */
#include <assert.h>
#include <libfdt.h>
#include "base/bits.h"
#include "board/boot.h"
#include "board/fdt.h"

static struct dt *sample(void)
{
    struct dt *t = dt_new();
    dt_str(t, "model", "a model");
    dt_begin(t, "bus@%x", 0x10);
    dt_words(t, "compatible", "one two,three");
    DT_CELLS(t, "reg", DT64(0x123456789aull), DT64(16));
    dt_flag(t, "ranges");
    dt_end(t);
    dt_finish(t);
    return t;
}

static const void *prop(const void *fdt, const char *path, const char *name, int *len)
{
    int node = fdt_path_offset(fdt, path);
    return node < 0 ? NULL : fdt_getprop(fdt, node, name, len);
}

TEST(dt_reads_as_written)
{
    struct dt *t = sample();
    size_t size;
    int len;
    const void *fdt = dt_data(t, &size);
    assert(!fdt_check_full(fdt, size));
    assert(!strcmp(prop(fdt, "/", "model", &len), "a model"));
    assert(!memcmp(prop(fdt, "/bus@10", "compatible", &len), "one\0two,three", 14) && len == 14);
    const u8 *reg = prop(fdt, "/bus@10", "reg", &len);
    assert(len == 16 && ld_be64(reg) == 0x123456789a && ld_be64(reg + 8) == 16);
    assert(prop(fdt, "/bus@10", "ranges", &len) && len == 0);
    dt_free(t);
}

TEST(dt_grows)
{
    struct dt *t = dt_new();
    for (unsigned i = 0; i < 2000; i++) {
        dt_begin(t, "node@%u", i);
        dt_u32(t, "reg", i);
        dt_end(t);
    }
    dt_finish(t);
    struct error err;
    size_t size;
    int len;
    char *args = xalloc(100001);
    memset(args, 'x', 100000);
    assert(dt_chosen(t, "bootargs", "short", 6, &err));
    assert(dt_chosen(t, "bootargs", args, 100001, &err));
    const void *fdt = dt_data(t, &size);
    assert(!fdt_check_full(fdt, size));
    assert(!strcmp(prop(fdt, "/chosen", "bootargs", &len), args) && len == 100001);
    assert(ld_be32(prop(fdt, "/node@1999", "reg", &len)) == 1999);
    free(args);
    dt_free(t);
}

TEST(dt_from_a_file)
{
    struct dt *t = sample();
    struct error err;
    struct boot_file f;
    size_t size;
    int len;
    const void *data = dt_data(t, &size);
    file_memory(&f, "device tree", data, size);
    struct dt *read = dt_read(&f, &err);
    assert(read && dt_chosen(read, "bootargs", "x", 2, &err));
    data = dt_data(read, &size);
    assert(!strcmp(prop(data, "/", "model", &len), "a model"));
    assert(!strcmp(prop(data, "/chosen", "bootargs", &len), "x"));
    dt_free(read);
    dt_free(t);
}

TEST(dt_refuses_what_is_none)
{
    struct dt *t = sample();
    struct error err;
    struct boot_file f;
    size_t size;
    const u8 *data = dt_data(t, &size);
    u8 *copy = xalloc(size);
    for (size_t cut = 1; cut < size; cut++) {
        file_memory(&f, "device tree", data, cut);
        assert(!dt_read(&f, &err) && strstr(err.msg, "is not a device tree"));
    }
    for (size_t i = 0; i < size; i++) { /* damaged: refused, or still a whole tree */
        memcpy(copy, data, size);
        copy[i] ^= 0xff;
        file_memory(&f, "device tree", copy, size);
        struct dt *read = dt_read(&f, &err);
        if (read)
            dt_chosen(read, "bootargs", "x", 2, &err);
        dt_free(read);
    }
    static u8 large[(2 << 20) + 1];
    file_memory(&f, "device tree", large, sizeof large);
    assert(!dt_read(&f, &err) && strstr(err.msg, "too large"));
    free(copy);
    dt_free(t);
}
