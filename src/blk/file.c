/* blk/file.c - the host file below an image: locks, O_DIRECT alignment, reads, writes, holes. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/bits.h"
#include "blk/driver.h"

enum { IOV_CHUNK = 256, BOUNCE_MAX = 1 << 20, ZERO_CHUNK = 1 << 16 };

/* ---- places in a request's memory ------------------------------------------------------------ */

/* The next `len` bytes as at most `max` iovecs; what did not fit is left to the next call. */
static int span_iov(const struct span *s, u64 len, struct iovec *out, int max)
{
    size_t skip = s->skip;
    int n = 0;
    for (const struct iovec *v = s->iov; len && n < max; v++, skip = 0) {
        if (v->iov_len == skip)
            continue;
        size_t part = MIN(v->iov_len - skip, len);
        out[n++] = (struct iovec){(u8 *)v->iov_base + skip, part};
        len -= part;
    }
    return n;
}

static void span_advance(struct span *s, u64 len)
{
    while (len) {
        size_t part = MIN(s->iov->iov_len - s->skip, len);
        s->skip += part;
        len -= part;
        if (s->skip == s->iov->iov_len) {
            s->iov++;
            s->skip = 0;
        }
    }
}

/* Calls for each piece of the next `len` bytes; advances. */
static void span_each(struct span *s, u64 len, void (*piece)(void *mem, size_t n, u8 **buf),
                      u8 *buf)
{
    struct iovec v;
    for (; len; len -= v.iov_len) {
        span_iov(s, len, &v, 1);
        piece(v.iov_base, v.iov_len, &buf);
        span_advance(s, v.iov_len);
    }
}

static void piece_zero(void *mem, size_t n, u8 **buf)
{
    (void)buf;
    memset(mem, 0, n);
}

static void piece_fill(void *mem, size_t n, u8 **buf)
{
    memcpy(mem, *buf, n);
    *buf += n;
}

static void piece_take(void *mem, size_t n, u8 **buf)
{
    memcpy(*buf, mem, n);
    *buf += n;
}

void span_zero(struct span *s, u64 len) { span_each(s, len, piece_zero, NULL); }

static bool span_aligned(const struct span *s, u64 len, u32 align)
{
    struct span at = *s;
    struct iovec v;
    for (; len; len -= v.iov_len) {
        span_iov(&at, len, &v, 1);
        if (((uintptr_t)v.iov_base | v.iov_len) & (align - 1))
            return false;
        span_advance(&at, v.iov_len);
    }
    return true;
}

/* ---- open and close -------------------------------------------------------------------------- */

/* One writer, or any number of readers. File systems without locks are used without. */
static bool lock_file(struct hostfile *f, bool readonly, struct error *err)
{
    struct flock l = {.l_type = readonly ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET};
    if (!fcntl(f->fd, F_OFD_SETLK, &l))
        return true;
    if (errno == EAGAIN || errno == EACCES)
        return error_set(err, EBUSY,
                         readonly ? "in use: another process or disk writes it"
                                  : "in use by another process or disk");
    if (errno == EINVAL || errno == ENOLCK || errno == EOPNOTSUPP)
        return true;
    return error_set(err, errno, "cannot lock: %s", strerror(errno));
}

static bool find_size(struct hostfile *f, struct error *err)
{
    struct stat st;
    if (fstat(f->fd, &st))
        return error_set(err, errno, "%s", strerror(errno));
    if (S_ISDIR(st.st_mode))
        return error_set(err, EISDIR, "is a directory, not a disk image");
    if (S_ISREG(st.st_mode))
        f->size = (u64)st.st_size;
    else if (!S_ISBLK(st.st_mode))
        return error_set(err, EINVAL, "is neither a file nor a block device");
    else if (ioctl(f->fd, BLKGETSIZE64, &f->size))
        return error_set(err, errno, "cannot tell the device's size: %s", strerror(errno));
    return true;
}

/* The kernel refuses a direct read that is aligned too little: try 512, settle for 4096. */
static u32 direct_align(int fd)
{
    void *buf = NULL;
    if (posix_memalign(&buf, 4096, 8192))
        return 4096;
    bool small = pread(fd, (u8 *)buf + 512, 512, 0) >= 0;
    free(buf);
    return small ? 512 : 4096;
}

bool hostfile_open(struct hostfile *f, const struct blk_opts *o, struct error *err)
{
    bool direct = o->cache == CACHE_NONE || o->cache == CACHE_DIRECTSYNC;
    bool sync = o->cache == CACHE_WRITETHROUGH || o->cache == CACHE_DIRECTSYNC;
    int flags = (o->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK;
    pthread_rwlock_init(&f->edge, NULL);
    f->fd = open(o->file, flags | (direct ? O_DIRECT : 0) | (sync ? O_DSYNC : 0));
    if (f->fd < 0 && errno == EISDIR)
        return error_set(err, EISDIR, "is a directory, not a disk image");
    if (f->fd < 0 && errno == EINVAL && direct)
        return error_set(err, EINVAL, "its file system has no O_DIRECT; use another cache mode");
    if (f->fd < 0 && (errno == EACCES || errno == EROFS || errno == EPERM) && !o->readonly)
        return error_set(err, errno, "%s (readonly=on would only read it)", strerror(errno));
    if (f->fd < 0)
        return error_set(err, errno, "%s", strerror(errno));
    f->align = 1;
    f->unmap = o->unmap;
    f->flush = o->cache != CACHE_UNSAFE;
    if (!find_size(f, err) || !lock_file(f, o->readonly, err))
        return false;
    if (direct)
        f->align = direct_align(f->fd);
    return true;
}

void hostfile_close(struct hostfile *f)
{
    if (f->fd < 0)
        return;
    close(f->fd);
    pthread_rwlock_destroy(&f->edge);
}

/* ---- reading and writing --------------------------------------------------------------------- */

/* preadv or pwritev until all `len` bytes are moved. */
static int move_span(struct hostfile *f, u64 off, u64 len, struct span *at,
                     ssize_t (*move)(int, const struct iovec *, int, off_t))
{
    struct iovec v[IOV_CHUNK];
    while (len) {
        ssize_t n = move(f->fd, v, span_iov(at, len, v, IOV_CHUNK), (off_t)off);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n ? -errno : -EIO;
        span_advance(at, (u64)n);
        off += (u64)n;
        len -= (u64)n;
    }
    return 0;
}

/* Reads `len` bytes at `off`, both aligned, or what there is; returns how many or -errno. */
static i64 read_blocks(struct hostfile *f, u64 off, u8 *buf, u64 len)
{
    u64 have = 0;
    while (have < len) {
        ssize_t got = pread(f->fd, buf + have, len - have, (off_t)(off + have));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        have += (u64)got;
        if (!got || have & (f->align - 1))
            break;
    }
    return (i64)have;
}

static int bounce_read(struct hostfile *f, u64 off, u64 len, struct span *at, u8 *buf)
{
    while (len) {
        u64 lo = align_down(off, f->align), head = off - lo;
        i64 got = read_blocks(f, lo, buf, MIN(align_up(head + len, f->align), BOUNCE_MAX));
        if (got < 0)
            return (int)got;
        if ((u64)got <= head)
            return -EIO;
        u64 n = MIN((u64)got - head, len);
        span_each(at, n, piece_fill, buf + head);
        off += n;
        len -= n;
    }
    return 0;
}

/* Whole blocks around the bytes: the rest of the first and the last is read first and kept. */
static int bounce_write(struct hostfile *f, u64 off, u64 len, struct span *at, u8 *buf)
{
    while (len) {
        u64 lo = align_down(off, f->align), head = off - lo;
        u64 whole = MIN(align_up(head + len, f->align), BOUNCE_MAX);
        u64 n = MIN(whole - head, len);
        if (head || n < whole) {
            i64 got = read_blocks(f, lo, buf, whole);
            if (got < 0)
                return (int)got;
            memset(buf + got, 0, whole - (u64)got);
        }
        span_each(at, n, piece_take, buf + head);
        struct iovec v = {buf, whole};
        int ret = move_span(f, lo, whole, &(struct span){&v, 0}, pwritev);
        if (ret)
            return ret;
        u64 end = MAX(__atomic_load_n(&f->size, __ATOMIC_RELAXED), off + n);
        if (lo + whole > end && ftruncate(f->fd, (off_t)end))
            return -errno;
        off += n;
        len -= n;
    }
    return 0;
}

static int bounce(struct hostfile *f, u64 off, u64 len, struct span *at,
                  int (*move)(struct hostfile *, u64, u64, struct span *, u8 *))
{
    void *buf = NULL;
    if (posix_memalign(&buf, f->align, BOUNCE_MAX))
        return -ENOMEM;
    int ret = move(f, off, len, at, buf);
    free(buf);
    return ret;
}

int hostfile_read(struct hostfile *f, u64 off, u64 len, struct span *at)
{
    if (f->align > 1 && ((off | len) & (f->align - 1) || !span_aligned(at, len, f->align)))
        return bounce(f, off, len, at, bounce_read);
    return move_span(f, off, len, at, preadv);
}

bool hostfile_read_cached(struct hostfile *f, u64 off, u64 len, const struct iovec *iov, int niov)
{
    return f->align == 1 && niov <= IOV_CHUNK &&
           preadv2(f->fd, iov, niov, (off_t)off, RWF_NOWAIT) == (ssize_t)len;
}

int hostfile_write(struct hostfile *f, u64 off, u64 len, struct span *at)
{
    int ret;
    bool whole = !((off | len) & (f->align - 1));
    if (whole)
        pthread_rwlock_rdlock(&f->edge);
    else
        pthread_rwlock_wrlock(&f->edge);
    if (f->align > 1 && (!whole || !span_aligned(at, len, f->align)))
        ret = bounce(f, off, len, at, bounce_write);
    else
        ret = move_span(f, off, len, at, pwritev);
    pthread_rwlock_unlock(&f->edge);
    u64 size = __atomic_load_n(&f->size, __ATOMIC_RELAXED);
    while (!ret && off + len > size &&
           !__atomic_compare_exchange_n(&f->size, &size, off + len, false, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED))
        ;
    return ret;
}

/* ---- flush, discard, zeroes ------------------------------------------------------------------ */

int hostfile_flush(struct hostfile *f) { return f->flush && fdatasync(f->fd) ? -errno : 0; }

static bool unsupported(int code) { return code == EOPNOTSUPP || code == EINVAL || code == ENODEV; }

int hostfile_discard(struct hostfile *f, u64 off, u64 len)
{
    if (!f->unmap || !len)
        return 0;
    if (!fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)len))
        return 0;
    return unsupported(errno) ? 0 : -errno; /* a discard is advice */
}

int hostfile_zero(struct hostfile *f, u64 off, u64 len)
{
    static _Alignas(4096) u8 zeroes[ZERO_CHUNK];
    if (!len)
        return 0;
    if (!fallocate(f->fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)len))
        return 0;
    if (!unsupported(errno))
        return -errno;
    for (u64 n; len; off += n, len -= n) {
        n = MIN(len, sizeof zeroes);
        struct iovec v = {zeroes, n};
        int ret = hostfile_write(f, off, n, &(struct span){&v, 0});
        if (ret)
            return ret;
    }
    return 0;
}
