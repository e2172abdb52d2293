/* hw/virtio/blk.c - the virtio block device. Virtio 1.2, section 5.2.
 *
 * A request is taken and submitted on the thread of the CPU that notified us, and returned on the
 * disk's loop. Its last byte is the status; the driver learns every end of a request through it. */
#include <errno.h>
#include "base/bits.h"
#include "blk/blk.h"
#include "hw/virtio/virtio.h"

enum {
    F_SEG_MAX = 2,
    F_GEOMETRY = 4,
    F_RO = 5,
    F_BLK_SIZE = 6,
    F_FLUSH = 9,
    F_TOPOLOGY = 10,
    F_CONFIG_WCE = 11,
    F_MQ = 12,
    F_DISCARD = 13,
    F_WRITE_ZEROES = 14
};
enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_WRITE_ZEROES = 13 };
enum { S_OK = 0, S_IOERR = 1, S_UNSUPP = 2 };
enum { HEADER = 16, RANGE = 16, RANGE_UNMAP = 1, ID_LEN = 20, SECTOR = 512 };
enum { CONFIG_SIZE = 60, CONFIG_WCE = 32, RANGE_MAX_SECTORS = 1 << 22 };

struct virtio_blk {
    struct virtio v;
    struct blk_state {
        u8 writeback; /* the driver's choice, when it may choose */
    } s;
    struct blk *disk; /* NULL: no medium */
    struct io *spare;
    char *drive, *serial;
    u64 num_queues, queue_size, logical_block_size, physical_block_size, min_io_size, opt_io_size;
    u64 cyls, heads, secs;
    bool config_wce, discard, write_zeroes;
};

struct io {
    struct virtio_blk *d;
    struct virtq *q;
    struct virtq_elem *elem;
    struct iovec *tail; /* the last buffer, without the status byte at its end */
    struct blk_req req;
    struct io *next;
};

static struct virtio_blk *self(struct virtio *v) { return container_of(v, struct virtio_blk, v); }

/* ---- requests ------------------------------------------------------------------------------- */

static struct io *io_get(struct virtio_blk *d)
{
    struct io *io = d->spare;
    if (io) {
        d->spare = io->next;
        return io;
    }
    io = new(struct io);
    io->d = d;
    io->elem = virtq_elem_new((int)d->queue_size);
    return io;
}

static void io_put(struct io *io)
{
    io->next = io->d->spare;
    io->d->spare = io;
}

static void finish(struct io *io, u8 status, u64 written)
{
    *((u8 *)io->tail->iov_base + io->tail->iov_len++) = status;
    io->elem->written = (u32)written + 1;
    virtq_push(io->q, &io->elem, 1);
    io_put(io);
}

/* 5.2.6.2: is a write only done when it is on the medium? */
static bool write_through(const struct virtio_blk *d)
{
    return virtio_has(&d->v, F_CONFIG_WCE) ? !d->s.writeback : !virtio_has(&d->v, F_FLUSH);
}

static void io_done(struct blk_req *req, int ret)
{
    struct io *io = container_of(req, struct io, req);
    struct virtio_blk *d = io->d;
    device_lock(&d->v.dev);
    if (!ret && req->op != BLK_READ && req->op != BLK_FLUSH && write_through(d)) {
        req->op = BLK_FLUSH;
        blk_submit(d->disk, req);
    } else {
        u8 status = !ret ? S_OK : ret == -ENOTSUP ? S_UNSUPP : S_IOERR;
        finish(io, status, !ret && req->op == BLK_READ ? req->len : 0);
    }
    device_unlock(&d->v.dev);
}

static bool in_bounds(const struct virtio_blk *d, u64 sector, u64 len, u64 *off)
{
    u64 end;
    return mul_ok(sector, SECTOR, off) && add_ok(*off, len, &end) && d->disk &&
           end <= align_up(blk_size(d->disk), SECTOR) && !((*off | len) % d->logical_block_size) &&
           len <= INT32_MAX;
}

static void submit(struct io *io, enum blk_op op, u64 sector, u64 len)
{
    struct blk_req *r = &io->req;
    r->op = op;
    r->len = len;
    r->done = io_done;
    if (!in_bounds(io->d, sector, len, &r->off))
        finish(io, S_IOERR, 0);
    else if (op != BLK_READ && op != BLK_FLUSH && blk_readonly(io->d->disk))
        finish(io, S_IOERR, 0);
    else
        blk_submit(io->d->disk, r);
}

/* Data to write: what follows the header. */
static void start_write(struct io *io, u64 sector)
{
    struct virtq_elem *e = io->elem;
    int i = 0;
    u64 skip = HEADER;
    while (i < e->n_out && skip >= e->iov[i].iov_len)
        skip -= e->iov[i++].iov_len;
    if (i < e->n_out) {
        e->iov[i].iov_base = (u8 *)e->iov[i].iov_base + skip;
        e->iov[i].iov_len -= skip;
    }
    io->req.iov = e->iov + i;
    io->req.niov = e->n_out - i;
    submit(io, BLK_WRITE, sector, e->out_len - HEADER);
}

static void start_read(struct io *io, u64 sector)
{
    struct virtq_elem *e = io->elem;
    io->req.iov = e->iov + e->n_out;
    io->req.niov = e->n_in - !io->tail->iov_len;
    submit(io, BLK_READ, sector, e->in_len - 1);
}

/* 5.2.6: one range of sectors, as max_discard_seg and max_write_zeroes_seg promise. */
static void start_range(struct io *io, enum blk_op op, bool offered)
{
    u8 range[RANGE];
    if (!offered || io->elem->out_len != HEADER + RANGE) {
        finish(io, S_UNSUPP, 0);
        return;
    }
    virtq_read(io->elem, HEADER, range, RANGE);
    u32 sectors = ld_le32(range + 8), flags = ld_le32(range + 12);
    if (flags & ~(op == BLK_ZEROES ? RANGE_UNMAP : 0u))
        finish(io, S_UNSUPP, 0);
    else if (sectors > RANGE_MAX_SECTORS)
        finish(io, S_IOERR, 0);
    else
        submit(io, op, ld_le64(range), (u64)sectors * SECTOR);
}

static void get_id(struct io *io)
{
    char id[ID_LEN] = {0};
    const char *serial = io->d->serial ? io->d->serial : "";
    memcpy(id, serial, MIN(strlen(serial), (size_t)ID_LEN));
    finish(io, S_OK, virtq_write(io->elem, 0, id, MIN((u64)ID_LEN, io->elem->in_len - 1)));
}

static void start(struct io *io)
{
    const struct virtio_blk *d = io->d;
    struct virtq_elem *e = io->elem;
    u8 header[HEADER];
    virtq_read(e, 0, header, HEADER);
    io->tail = &e->iov[e->n_out + e->n_in - 1];
    io->tail->iov_len--;
    u64 sector = ld_le64(header + 8);
    switch (ld_le32(header)) {
    case T_IN: start_read(io, sector); return;
    case T_OUT: start_write(io, sector); return;
    case T_FLUSH: submit(io, BLK_FLUSH, 0, 0); return;
    case T_GET_ID: get_id(io); return;
    case T_DISCARD: start_range(io, BLK_DISCARD, d->discard); return;
    case T_WRITE_ZEROES: start_range(io, BLK_ZEROES, d->write_zeroes); return;
    default: finish(io, S_UNSUPP, 0);
    }
}

static bool blk_notify(struct virtio *v, struct virtq *q)
{
    for (unsigned n = q->s->size; n; n--) {
        struct io *io = io_get(self(v));
        if (!virtq_pop(q, io->elem)) {
            io_put(io);
            return true;
        }
        io->q = q;
        if (io->elem->out_len < HEADER || !io->elem->in_len) {
            virtio_broken(v, "a request without a header or without a status byte");
            virtq_push(q, &io->elem, 1);
            io_put(io);
            return true;
        }
        start(io);
    }
    return false;
}

/* ---- configuration: struct virtio_blk_config, 5.2.4 ----------------------------------------- */

static void blk_config(struct virtio *v, u8 *c)
{
    const struct virtio_blk *d = self(v);
    u64 sectors = d->disk ? (blk_size(d->disk) + SECTOR - 1) / SECTOR : 0,
        track = d->heads * d->secs;
    st_le64(c, sectors);
    st_le32(c + 12, (u32)d->queue_size - 2); /* header and status need a buffer each */
    st_le16(c + 16, (u16)(d->cyls ? d->cyls : MIN(sectors / track, 16383)));
    c[18] = (u8)d->heads;
    c[19] = (u8)d->secs;
    st_le32(c + 20, (u32)d->logical_block_size);
    c[24] = (u8)__builtin_ctzll(d->physical_block_size / d->logical_block_size);
    st_le16(c + 26, (u16)(d->min_io_size / d->logical_block_size));
    st_le32(c + 28, (u32)(d->opt_io_size / d->logical_block_size));
    c[CONFIG_WCE] = d->s.writeback;
    st_le16(c + 34, (u16)d->num_queues);
    for (int at = 36; at <= 48; at += 12) { /* discard, then write zeroes */
        st_le32(c + at, RANGE_MAX_SECTORS);
        st_le32(c + at + 4, 1);
    }
    st_le32(c + 44, (u32)(d->logical_block_size / SECTOR));
    c[56] = 1; /* zeroes may be holes */
}

static void blk_config_write(struct virtio *v, u32 off, u32 val, unsigned size)
{
    if (off == CONFIG_WCE && size == 1 && virtio_has(v, F_CONFIG_WCE))
        self(v)->s.writeback = val & 1;
    else
        guest_error(&v->dev, "write%u of configuration %#x", size, off);
}

/* ---- life ----------------------------------------------------------------------------------- */

static bool check_sizes(const struct virtio_blk *d, struct error *err)
{
    if (!is_pow2(d->logical_block_size) || !is_pow2(d->physical_block_size))
        return error_set(err, EINVAL, "block sizes of %llu and %llu are not powers of two",
                         (unsigned long long)d->logical_block_size,
                         (unsigned long long)d->physical_block_size);
    if (d->physical_block_size < d->logical_block_size)
        return error_set(
            err, EINVAL, "physical_block_size %llu is less than logical_block_size %llu",
            (unsigned long long)d->physical_block_size, (unsigned long long)d->logical_block_size);
    if (!is_pow2(d->queue_size))
        return error_set(err, EINVAL, "queue-size %llu is not a power of two",
                         (unsigned long long)d->queue_size);
    return true;
}

static bool blk_init(struct virtio *v, struct error *err)
{
    struct virtio_blk *d = self(v);
    if (!check_sizes(d, err) ||
        (d->drive && !(d->disk = hw_take(v->dev.hw, "drive", d->drive, err))))
        return false;
    v->offered |=
        FEATURE(F_SEG_MAX) | FEATURE(F_GEOMETRY) | FEATURE(F_BLK_SIZE) | FEATURE(F_FLUSH) |
        FEATURE(F_TOPOLOGY) | (d->disk && blk_readonly(d->disk) ? FEATURE(F_RO) : 0) |
        (d->config_wce ? FEATURE(F_CONFIG_WCE) : 0) | (d->num_queues > 1 ? FEATURE(F_MQ) : 0) |
        (d->discard ? FEATURE(F_DISCARD) : 0) | (d->write_zeroes ? FEATURE(F_WRITE_ZEROES) : 0);
    for (unsigned i = 0; i < d->num_queues; i++)
        virtio_queue(v, i, d->queue_size);
    return true;
}

static void blk_reset(struct virtio *v) { self(v)->s.writeback = 1; }

static void blk_fini(struct virtio *v)
{
    for (struct io *io; (io = self(v)->spare);) {
        self(v)->spare = io->next;
        free(io->elem);
        free(io);
    }
}

static const struct virtio_class virtio_blk = {
    .type = 2,
    .pci_class = 0x010000,
    .config_size = CONFIG_SIZE,
    .init = blk_init,
    .fini = blk_fini,
    .reset = blk_reset,
    .notify = blk_notify,
    .config = blk_config,
    .config_write = blk_config_write,
};
/* clang-format off */
#define BLK_PROPS                                                                                  \
    PROP_STR(struct virtio_blk, drive, NULL, "id of the disk"),                                    \
    PROP_STR(struct virtio_blk, serial, NULL, "serial number, 20 bytes"),                          \
    PROP_U64(struct virtio_blk, num_queues, "1", 1, VIRTQ_MAX, "request queues"),                  \
    PROP_U64(struct virtio_blk, queue_size, "512", 4, VIRTQ_SIZE_MAX, "entries of a queue"),       \
    PROP_SIZE(struct virtio_blk, logical_block_size, "512", 512, 2 << 20,                          \
             "smallest unit of a request"),                                                        \
    PROP_SIZE(struct virtio_blk, physical_block_size, "512", 512, 2 << 20,                         \
             "smallest efficient unit"),                                                           \
    PROP_SIZE(struct virtio_blk, min_io_size, "0", 0, 32 << 20, "preferred unit; 0: unknown"),     \
    PROP_SIZE(struct virtio_blk, opt_io_size, "0", 0, 1 << 30, "best unit; 0: unknown"),           \
    PROP_U64(struct virtio_blk, cyls, "0", 0, 65535, "cylinders; 0: from the size"),               \
    PROP_U64(struct virtio_blk, heads, "16", 1, 255, "heads"),                                     \
    PROP_U64(struct virtio_blk, secs, "63", 1, 255, "sectors of a track"),                         \
    PROP_BOOL(struct virtio_blk, config_wce, "on", "the driver may choose write-through"),         \
    PROP_BOOL(struct virtio_blk, discard, "on", "offer discard"),                                  \
    PROP_BOOL(struct virtio_blk, write_zeroes, "on", "offer writing of zeroes")
/* clang-format on */
VIRTIO_DEVICE(blk, struct virtio_blk, "virtio-blk", "virtio disk", virtio_blk, BLK_PROPS,
              VIRTIO_FIELD(struct virtio_blk, writeback));
