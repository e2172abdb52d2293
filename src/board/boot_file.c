/* board/boot_file.c - boot files: opened, read and unpacked with nothing taken on trust. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include "base/bits.h"
#include "board/boot.h"

enum { CHUNK = 256 << 10 };

bool file_bad(const struct boot_file *b, struct error *err, const char *fmt, ...)
{
    char text[160];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return error_set(err, EINVAL, "%s '%s': %s", b->what, b->path ? b->path : "(memory)", text);
}

bool file_open(struct boot_file *b, const char *what, const char *path, struct error *err)
{
    *b = (struct boot_file){.what = what, .path = xstrdup(path), .fd = -1};
    b->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (b->fd < 0 || fstat(b->fd, &st) < 0)
        return file_bad(b, err, "%s", strerror(errno));
    if (S_ISDIR(st.st_mode))
        return file_bad(b, err, "is a directory");
    if (!S_ISREG(st.st_mode))
        return file_bad(b, err, "is not a regular file");
    if (!st.st_size)
        return file_bad(b, err, "is empty");
    b->size = b->mapped = (u64)st.st_size;
    void *p = mmap(NULL, b->size, PROT_READ, MAP_PRIVATE, b->fd, 0);
    if (p == MAP_FAILED) {
        b->mapped = 0;
        return file_bad(b, err, "cannot be mapped: %s", strerror(errno));
    }
    b->data = p;
    return true;
}

void file_memory(struct boot_file *b, const char *what, const void *data, u64 size)
{
    *b = (struct boot_file){.what = what, .data = data, .size = size, .fd = -1};
}

void file_close(struct boot_file *b)
{
    if (b->mapped)
        munmap((void *)b->data, b->mapped);
    if (b->fd >= 0)
        close(b->fd);
    free(b->path);
    *b = (struct boot_file){.fd = -1};
}

bool file_read(const struct boot_file *b, u64 off, void *buf, u64 len, struct error *err)
{
    u64 end;
    if (!add_ok(off, len, &end) || end > b->size)
        return file_bad(b, err, "is cut short: %llu bytes wanted at %llu, the file has %llu",
                        (unsigned long long)len, (unsigned long long)off,
                        (unsigned long long)b->size);
    if (b->fd < 0) {
        memcpy(buf, b->data + off, len);
        return true;
    }
    for (u64 done = 0; done < len;) {
        ssize_t n = pread(b->fd, (u8 *)buf + done, len - done, (off_t)(off + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return file_bad(b, err, "%s", n ? strerror(errno) : "was cut short while it was read");
        done += (u64)n;
    }
    return true;
}

/* ---- unpacking --------------------------------------------------------------------- */
/* A source of packed bytes, a chunk at a time. */
struct packed {
    const struct boot_file *file;
    u64 off, end;
    u8 buf[CHUNK];
    size_t len; /* valid bytes in buf */
};

/* The next chunk; len 0 at the end. */
static bool refill(struct packed *p, struct error *err)
{
    p->len = MIN((u64)CHUNK, p->end - p->off);
    if (!file_read(p->file, p->off, p->buf, p->len, err))
        return false;
    p->off += p->len;
    return true;
}

static bool too_large(const struct boot_file *b, u64 limit, struct error *err)
{
    return file_bad(b, err, "unpacks to more than the %llu MiB of memory",
                    (unsigned long long)(limit >> 20));
}

/* RFC 1952, one member. */
static bool gunzip(struct packed *p, u8 *out, u64 limit, u64 *size, struct error *err)
{
    z_stream z = {0};
    if (inflateInit2(&z, 15 + 16) != Z_OK)
        return file_bad(p->file, err, "cannot be unpacked: no memory");
    int r = Z_OK;
    bool ok = true;
    *size = 0;
    while (ok && r != Z_STREAM_END) {
        if (!z.avail_in) {
            ok = refill(p, err);
            if (ok && !p->len)
                ok = file_bad(p->file, err, "is cut short: the gzip data has no end");
            z.next_in = p->buf;
            z.avail_in = (uInt)p->len;
        }
        if (!ok)
            break;
        uInt room = (uInt)MIN(limit - *size, 1u << 30);
        z.next_out = out + *size;
        z.avail_out = room;
        r = inflate(&z, Z_NO_FLUSH);
        *size += room - z.avail_out;
        if (r != Z_OK && r != Z_STREAM_END)
            ok = *size == limit ? too_large(p->file, limit, err)
                                : file_bad(p->file, err, "the gzip data is damaged");
    }
    inflateEnd(&z);
    return ok;
}

/* RFC 8878, one frame. */
static bool unzstd(struct packed *p, u8 *out, u64 limit, u64 *size, struct error *err)
{
    ZSTD_DStream *z = ZSTD_createDStream();
    if (!z)
        return file_bad(p->file, err, "cannot be unpacked: no memory");
    ZSTD_outBuffer o = {out, limit, 0};
    ZSTD_inBuffer i = {p->buf, 0, 0};
    size_t r = 1;
    bool ok = true;
    while (ok && r) {
        if (i.pos == i.size) {
            ok = refill(p, err);
            if (ok && !p->len)
                ok = file_bad(p->file, err, "is cut short: the zstd data has no end");
            i = (ZSTD_inBuffer){p->buf, p->len, 0};
        }
        if (!ok)
            break;
        r = ZSTD_decompressStream(z, &o, &i);
        if (ZSTD_isError(r))
            ok = file_bad(p->file, err, "the zstd data is damaged: %s", ZSTD_getErrorName(r));
        else if (r && o.pos == limit)
            ok = too_large(p->file, limit, err);
    }
    *size = o.pos;
    ZSTD_freeDStream(z);
    return ok;
}

enum packing { PACK_NONE, PACK_GZIP, PACK_ZSTD };
static enum packing packing(const struct boot_file *b, u64 off)
{
    struct error ignored;
    u8 m[4];
    if (!file_read(b, off, m, sizeof m, &ignored))
        return PACK_NONE;
    if (m[0] == 0x1f && m[1] == 0x8b)
        return PACK_GZIP;
    return ld_le32(m) == 0xfd2fb528 ? PACK_ZSTD : PACK_NONE;
}

/* A Linux EFI zboot image: "MZ", "zimg" at 4, offset and size of the payload at 8 and 12. */
static bool zboot(const struct boot_file *b, struct packed *p, struct error *err)
{
    u8 h[16];
    struct error ignored;
    if (!file_read(b, 0, h, sizeof h, &ignored) || memcmp(h, "MZ", 2) || memcmp(h + 4, "zimg", 4))
        return true;
    u32 off = ld_le32(h + 8), len = ld_le32(h + 12);
    if ((u64)off + len > b->size)
        return file_bad(b, err, "is cut short: its payload ends at %llu, the file has %llu bytes",
                        (unsigned long long)off + len, (unsigned long long)b->size);
    p->off = off;
    p->end = off + len;
    return true;
}

bool file_unpack(const struct boot_file *in, struct boot_file *out, u64 limit, struct error *err)
{
    *out = (struct boot_file){.what = in->what,
                              .path = in->path ? xstrdup(in->path) : NULL,
                              .data = in->data,
                              .size = in->size,
                              .fd = in->fd < 0 ? -1 : fcntl(in->fd, F_DUPFD_CLOEXEC, 0)};
    struct packed *p = new(struct packed);
    p->file = in;
    p->end = in->size;
    bool ok = zboot(in, p, err);
    enum packing how = ok ? packing(in, p->off) : PACK_NONE;
    if (ok && how == PACK_NONE && p->off)
        ok = file_bad(in, err, "its payload is neither gzip nor zstd");
    if (how != PACK_NONE) {
        void *m = mmap(NULL, limit, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (m == MAP_FAILED) {
            ok = file_bad(in, err, "cannot be unpacked: %s", strerror(errno));
        } else {
            if (out->fd >= 0)
                close(out->fd);
            out->fd = -1;
            out->data = m;
            out->mapped = limit;
            ok = how == PACK_GZIP ? gunzip(p, m, limit, &out->size, err)
                                  : unzstd(p, m, limit, &out->size, err);
        }
    }
    free(p);
    return ok;
}
