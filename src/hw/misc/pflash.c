/* hw/misc/pflash.c - parallel NOR flash: two interleaved 16-bit chips with Intel's command set.
 *
 * JEDEC JESD68.01 (common flash interface) and Intel AP-646 with command set 0001. Drivers give
 * both chips the same command at once, so one state machine serves both and answers on both lanes.
 * The cells are a file, or without one an unnamed file whose holes stand for erased cells: they are
 * stored inverted there, so that an unused flash takes no memory. Contents outlive resets. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/bits.h"
#include "hw/device.h"

enum { LANES = 2, BANK_WIDTH = 4, BLOCK = 256 << 10 };
enum { BUFFER_BITS = 5, BUFFER = LANES << BUFFER_BITS };
enum command {
    CMD_PROGRAM_ALT = 0x10,
    CMD_ERASE = 0x20,
    CMD_PROGRAM = 0x40,
    CMD_CLEAR_STATUS = 0x50,
    CMD_LOCK = 0x60,
    CMD_STATUS = 0x70,
    CMD_ID = 0x90,
    CMD_QUERY = 0x98,
    CMD_SUSPEND = 0xb0,
    CMD_CONFIRM = 0xd0,
    CMD_BUFFER = 0xe8,
    CMD_ARRAY = 0xff,
};
enum { SR_READY = 0x80, SR_ERASE_ERROR = 0x20, SR_PROGRAM_ERROR = 0x10 };
enum mode { SHOW_ARRAY, SHOW_STATUS, SHOW_ID, SHOW_QUERY };
enum step { IDLE, WANT_WORD, WANT_ERASE, WANT_LOCK, WANT_COUNT, WANT_DATA, WANT_CONFIRM };
enum { MAKER = 0x89, CHIP = 0x18 };

struct pflash {
    struct device dev;
    char *file;
    bool readonly;
    u64 size;
    int fd;
    u8 flip; /* of a stored byte */
    struct pflash_state {
        u32 mode, step, status;
        u32 start, len, left; /* buffered programming: where, bytes in all and to come */
        u8 buffer[BUFFER];
    } s;
};

static struct pflash *self(struct device *dev) { return container_of(dev, struct pflash, dev); }

/* ---- cells ---------------------------------------------------------------------------------- */
static bool load(const struct pflash *d, u64 off, u8 *buf, size_t len)
{
    if (pread(d->fd, buf, len, (off_t)off) != (ssize_t)len)
        return false;
    for (size_t i = 0; i < len; i++)
        buf[i] ^= d->flip;
    return true;
}

static bool store(const struct pflash *d, u64 off, u8 *buf, size_t len)
{
    for (size_t i = 0; i < len; i++)
        buf[i] ^= d->flip;
    return !d->readonly && pwrite(d->fd, buf, len, (off_t)off) == (ssize_t)len;
}

/* Programming only clears bits. */
static void program(struct pflash *d, u64 off, const u8 *data, size_t len)
{
    u8 cells[BUFFER];
    bool ok = off < d->size && len <= d->size - off && load(d, off, cells, len);
    for (size_t i = 0; i < len && ok; i++)
        cells[i] &= data[i];
    if (!ok || !store(d, off, cells, len))
        d->s.status |= SR_PROGRAM_ERROR;
}

static void erase(struct pflash *d, u64 off)
{
    u8 cells[4096];
    bool ok = true;
    off = align_down(off, BLOCK);
    for (u64 done = 0; done < BLOCK && ok; done += sizeof cells) {
        memset(cells, 0xff, sizeof cells);
        ok = store(d, off + done, cells, sizeof cells);
    }
    if (!ok)
        d->s.status |= SR_ERASE_ERROR;
}

/* ---- what reads show ------------------------------------------------------------------------ */
static u8 query_byte(const struct pflash *d, u64 at)
{
    u64 blocks = d->size / BLOCK - 1, block = BLOCK / LANES / 256;
    /* clang-format off */
    const u8 table[] = { /* JESD68.01 2.4: from offset 0x10, for one chip */
        'Q', 'R', 'Y', 0x01, 0x00, 0x31, 0x00, 0, 0, 0, 0,
        0x45, 0x55, 0, 0, 7, 7, 10, 0, 4, 4, 4, 0,               /* volts; times as powers of two */
        (u8)__builtin_ctzll(d->size / LANES), 0x02, 0x00, BUFFER_BITS, 0,
        1, (u8)blocks, (u8)(blocks >> 8), (u8)block, (u8)(block >> 8),
        'P', 'R', 'I', '1', '0', 0, 0, 0, 0, 0, 1, 0, 0x50, 0,   /* no optional features */
    };
    /* clang-format on */
    return at >= 0x10 && at - 0x10 < sizeof table ? table[at - 0x10] : 0;
}

static u8 id_byte(u64 at) { return at == 0 ? MAKER : at == 1 ? CHIP : 0; }

static u64 pflash_read(struct device *dev, u64 off, unsigned size)
{
    struct pflash *d = self(dev);
    u8 cells[4] = {0}, lane = SR_READY;
    u64 word = off / BANK_WIDTH;
    switch (d->s.mode) {
    case SHOW_ARRAY:
        if (!load(d, off, cells, size))
            log_warn("%s '%s': cannot read the file at %#llx", dev->class->name, dev->id,
                     (unsigned long long)off);
        return ld_le32(cells);
    case SHOW_STATUS: lane |= (u8)d->s.status; break;
    case SHOW_ID: lane = id_byte(word & 0xff); break;
    case SHOW_QUERY: lane = query_byte(d, word & 0xff); break;
    }
    return (lane | (u32)lane << 16) >> 8 * (off % BANK_WIDTH);
}

/* ---- commands ------------------------------------------------------------------------------- */
static void expect(struct pflash *d, enum step next)
{
    d->s.step = next;
    d->s.mode = SHOW_STATUS;
}

static void begin_command(struct pflash *d, u8 cmd)
{
    switch (cmd) {
    case CMD_PROGRAM_ALT:
    case CMD_PROGRAM: expect(d, WANT_WORD); return;
    case CMD_ERASE: expect(d, WANT_ERASE); return;
    case CMD_LOCK: expect(d, WANT_LOCK); return;
    case CMD_BUFFER: expect(d, WANT_COUNT); return;
    case CMD_SUSPEND:
    case CMD_CONFIRM: /* nothing is ever under way */
    case CMD_STATUS: d->s.mode = SHOW_STATUS; return;
    case CMD_CLEAR_STATUS: d->s.status = 0; return;
    case CMD_ID: d->s.mode = SHOW_ID; return;
    case CMD_QUERY: d->s.mode = SHOW_QUERY; return;
    case CMD_ARRAY: d->s.mode = SHOW_ARRAY; return;
    }
    guest_error(&d->dev, "unknown flash command %#x", cmd);
    d->s.mode = SHOW_ARRAY;
}

static void refuse(struct pflash *d) /* a sequence that ends otherwise than it must */
{
    d->s.status |= SR_ERASE_ERROR | SR_PROGRAM_ERROR;
    guest_error(&d->dev, "flash command sequence is broken off");
}

/* The number of words per chip, less one. */
static void begin_buffer(struct pflash *d, u32 count)
{
    d->s.mode = SHOW_STATUS;
    if (count >= BUFFER / BANK_WIDTH) {
        refuse(d);
        return;
    }
    d->s.start = ~0u;
    d->s.len = d->s.left = (count + 1) * BANK_WIDTH;
    memset(d->s.buffer, 0xff, BUFFER);
    expect(d, WANT_DATA);
}

static void fill_buffer(struct pflash *d, u64 off, u64 val, unsigned size)
{
    if (d->s.start == ~0u)
        d->s.start = (u32)off;
    u64 at = off - d->s.start;
    if (at >= d->s.len || size > d->s.len - at) {
        d->s.step = IDLE;
        refuse(d);
        return;
    }
    memcpy(d->s.buffer + at, &val, size);
    d->s.left -= MIN(size, d->s.left);
    if (!d->s.left)
        d->s.step = WANT_CONFIRM;
}

static void pflash_write(struct device *dev, u64 off, u64 val, unsigned size)
{
    struct pflash *d = self(dev);
    u32 step = d->s.step;
    u8 cmd = (u8)val;
    if (step == WANT_DATA) {
        fill_buffer(d, off, val, size);
        return;
    }
    d->s.step = IDLE;
    if (step == IDLE)
        begin_command(d, cmd);
    else if (step == WANT_WORD)
        program(d, off, (const u8 *)&val, size);
    else if (step == WANT_COUNT)
        begin_buffer(d, (u16)val);
    else if (step == WANT_ERASE && cmd == CMD_CONFIRM)
        erase(d, off);
    else if (step == WANT_CONFIRM && cmd == CMD_CONFIRM)
        program(d, d->s.start, d->s.buffer, d->s.len);
    else if (step != WANT_LOCK) /* blocks are never locked: any lock command will do */
        refuse(d);
}

static const struct mmio_ops regs = {pflash_read, pflash_write, .min = 1, .max = BANK_WIDTH};

/* ---- life ----------------------------------------------------------------------------------- */
static bool open_cells(struct pflash *d, struct error *err)
{
    struct stat st;
    if (!d->file) {
        d->flip = 0xff;
        d->fd = memfd_create("myna-flash", MFD_CLOEXEC);
        if (d->fd < 0 || ftruncate(d->fd, (off_t)d->size))
            return error_set(err, errno, "%s", strerror(errno));
        return true;
    }
    d->fd = open(d->file, (d->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC);
    if (d->fd < 0 || fstat(d->fd, &st))
        return error_set(err, errno, "%s: %s", d->file, strerror(errno));
    if (!S_ISREG(st.st_mode) || (u64)st.st_size != d->size)
        return error_set(err, EINVAL, "%s: a file of %llu bytes is needed, this has %llu", d->file,
                         (unsigned long long)d->size, (unsigned long long)st.st_size);
    return true;
}

static bool pflash_init(struct device *dev, struct error *err)
{
    struct pflash *d = self(dev);
    d->fd = -1;
    if (!is_pow2(d->size))
        return error_set(err, EINVAL, "size of %llu bytes is not a power of two",
                         (unsigned long long)d->size);
    if (!open_cells(d, err))
        return false;
    mmio_add(dev, 0, &regs, d->size);
    return true;
}

static void pflash_restored(struct device *dev)
{
    struct pflash_state *s = &self(dev)->s;
    s->len = MIN(s->len, BUFFER);
    s->left = MIN(s->left, s->len);
}

static void pflash_fini(struct device *dev)
{
    if (self(dev)->fd > 0)
        close(self(dev)->fd);
}

static const struct prop props[] = {
    PROP_STR(struct pflash, file, NULL, "the contents; none: erased, and lost at the end"),
    PROP_BOOL(struct pflash, readonly, "off", "programming and erasing fail"),
    PROP_SIZE(struct pflash, size, "32M", BLOCK, 1 << 30, "a power of two"),
    {0},
};

#define F(m) FIELD(struct pflash_state, m)
DEVICE(pflash, .name = "cfi.pflash01", .doc = "parallel NOR flash with Intel commands",
       .compatible = "cfi-flash", DEVICE_STATE(struct pflash, s),
       .fields = FIELDS(F(mode), F(step), F(status), F(start), F(len), F(left), F(buffer)),
       .props = props, .init = pflash_init, .restored = pflash_restored, .fini = pflash_fini);
