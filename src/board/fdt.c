/* board/fdt.c - device trees over libfdt, which no other file knows. */
#include <assert.h>
#include <errno.h>
#include <libfdt.h>
#include <stdarg.h>
#include "base/bits.h"
#include "board/boot.h"
#include "board/fdt.h"

enum { FIRST_SIZE = 16 << 10, FILE_LIMIT = 2 << 20 /* what the Linux boot protocols allow */ };

struct dt {
    char *buf;
    int size;
    bool finished;
};

static void grow(struct dt *t)
{
    int size = t->size * 2;
    char *bigger = xalloc((size_t)size);
    int r = t->finished ? fdt_open_into(t->buf, bigger, size) : fdt_resize(t->buf, bigger, size);
    assert(r == 0);
    free(t->buf);
    t->buf = bigger;
    t->size = size;
}

/* Calls libfdt until the tree has room for the result; what we write fails for no other reason. */
#define GROWING(t, call)                          \
    do {                                          \
        int r_;                                   \
        while ((r_ = (call)) == -FDT_ERR_NOSPACE) \
            grow(t);                              \
        assert(r_ >= 0);                          \
    } while (0)

static struct dt *alloc(int size)
{
    struct dt *t = new(struct dt);
    t->size = size;
    t->buf = xalloc((size_t)size);
    return t;
}

struct dt *dt_new(void)
{
    struct dt *t = alloc(FIRST_SIZE);
    int r = fdt_create(t->buf, t->size);
    assert(r == 0);
    GROWING(t, fdt_finish_reservemap(t->buf));
    GROWING(t, fdt_begin_node(t->buf, ""));
    return t;
}

void dt_free(struct dt *t)
{
    if (t)
        free(t->buf);
    free(t);
}

struct dt *dt_read(const struct boot_file *b, struct error *err)
{
    if (b->size > FILE_LIMIT) {
        file_bad(b, err, "%llu KiB is too large for a device tree, the limit is %d KiB",
                 (unsigned long long)b->size >> 10, FILE_LIMIT >> 10);
        return NULL;
    }
    char *raw = xalloc(b->size);
    struct dt *t = alloc((int)b->size * 2 + FIRST_SIZE);
    bool ok = file_read(b, 0, raw, b->size, err);
    if (ok) {
        int r = fdt_check_full(raw, b->size);
        if (!r)
            r = fdt_open_into(raw, t->buf, t->size);
        if (r)
            ok = file_bad(b, err, "is not a device tree: %s", fdt_strerror(r));
    }
    t->finished = true;
    free(raw);
    if (ok)
        return t;
    dt_free(t);
    return NULL;
}

void dt_begin(struct dt *t, const char *fmt, ...)
{
    char name[64];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(name, sizeof name, fmt, ap);
    va_end(ap);
    GROWING(t, fdt_begin_node(t->buf, name));
}

void dt_end(struct dt *t) { GROWING(t, fdt_end_node(t->buf)); }

void dt_bytes(struct dt *t, const char *name, const void *v, size_t len)
{
    GROWING(t, fdt_property(t->buf, name, v, (int)len));
}

void dt_flag(struct dt *t, const char *name) { dt_bytes(t, name, NULL, 0); }

void dt_str(struct dt *t, const char *name, const char *v) { dt_bytes(t, name, v, strlen(v) + 1); }

void dt_words(struct dt *t, const char *name, const char *words)
{
    size_t len = strlen(words) + 1;
    char *list = xstrdup(words);
    for (size_t i = 0; i < len; i++)
        if (list[i] == ' ')
            list[i] = 0;
    dt_bytes(t, name, list, len);
    free(list);
}

void dt_cells(struct dt *t, const char *name, const u32 *cells, size_t n)
{
    u32 *be = new_array(u32, n);
    for (size_t i = 0; i < n; i++)
        st_be32(&be[i], cells[i]);
    dt_bytes(t, name, be, n * sizeof *be);
    free(be);
}

void dt_u32(struct dt *t, const char *name, u32 v) { dt_cells(t, name, &v, 1); }

void dt_finish(struct dt *t)
{
    dt_end(t);
    GROWING(t, fdt_finish(t->buf));
    t->finished = true;
}

bool dt_chosen(struct dt *t, const char *name, const void *v, size_t len, struct error *err)
{
    for (;;) {
        int node = fdt_path_offset(t->buf, "/chosen");
        if (node == -FDT_ERR_NOTFOUND)
            node = fdt_add_subnode(t->buf, 0, "chosen");
        int r = node < 0 ? node : fdt_setprop(t->buf, node, name, v, (int)len);
        if (r >= 0)
            return true;
        if (r != -FDT_ERR_NOSPACE)
            return error_set(err, EINVAL, "device tree: /chosen/%s cannot be set: %s", name,
                             fdt_strerror(r));
        grow(t);
    }
}

const void *dt_data(const struct dt *t, size_t *len)
{
    *len = fdt_totalsize(t->buf);
    return t->buf;
}
