/* hw/misc/fw_cfg.c - firmware configuration: named files, read by registers or by DMA.
 *
 * QEMU Firmware Configuration Device, docs/specs/fw_cfg. Selector and DMA address are big-endian;
 * the data register delivers bytes in the order of memory, whatever the width. The files are the
 * machine's "fw_cfg" back ends; none is writable. */
#include <errno.h>
#include "base/bits.h"
#include "hw/device.h"

enum { DATA = 0, SELECTOR = 8, DMA = 16, WINDOW = 24 };
enum { KEY_SIGNATURE = 0, KEY_ID = 1, KEY_DIR = 0x19, KEY_FILES = 0x20, KEY_MASK = 0xbfff };
enum { ID_TRADITIONAL = 1, ID_DMA = 2 };
enum { DMA_ERROR = 1, DMA_READ = 2, DMA_SKIP = 4, DMA_SELECT = 8, DMA_WRITE = 16 };
enum { NAME_SIZE = 56, DIR_HEAD = 4, DIR_ENTRY = 64, MAX_FILES = 256 };

struct fw_cfg {
    struct device dev;
    struct blob files[MAX_FILES];
    u32 n_files;
    u8 *dir; /* the contents of KEY_DIR */
    struct fw_cfg_state {
        u64 pos; /* in the selected item */
        u32 key;
        u32 dma_hi; /* upper half of the DMA address, written first */
    } s;
};

static struct fw_cfg *self(struct device *dev) { return container_of(dev, struct fw_cfg, dev); }

static struct blob item(const struct fw_cfg *d)
{
    static const u8 id[4] = {ID_TRADITIONAL | ID_DMA};
    u32 file = d->s.key - KEY_FILES;
    switch (d->s.key) {
    case KEY_SIGNATURE: return (struct blob){"QEMU", 4};
    case KEY_ID: return (struct blob){id, sizeof id};
    case KEY_DIR: return (struct blob){d->dir, DIR_HEAD + d->n_files * DIR_ENTRY};
    }
    return file < d->n_files ? d->files[file] : (struct blob){NULL, 0};
}

static void select_item(struct fw_cfg *d, u32 key)
{
    d->s.key = key & KEY_MASK;
    d->s.pos = 0;
}

/* The next bytes of the item, at most `len`, which is shortened to what there is. */
static const u8 *take(struct fw_cfg *d, u64 *len)
{
    struct blob b = item(d);
    u64 pos = MIN(d->s.pos, b.size);
    *len = MIN(*len, b.size - pos);
    d->s.pos = pos + *len;
    return *len ? (const u8 *)b.data + pos : NULL;
}

/* ---- DMA ------------------------------------------------------------------------------------ */
static bool dma_item(struct fw_cfg *d, gpa to, u64 len)
{
    static const u8 zeroes[PAGE_SIZE];
    const struct space *space = d->dev.hw->space;
    u64 n = len;
    const u8 *from = take(d, &n);
    if (!dma_write(space, to, from, n))
        return false;
    while (n < len) { /* behind the item all is zero */
        u64 part = MIN(len - n, sizeof zeroes);
        if (!dma_write(space, to + n, zeroes, part))
            return false;
        n += part;
    }
    return true;
}

static void run_dma(struct fw_cfg *d, gpa at)
{
    const struct space *space = d->dev.hw->space;
    u8 request[16], result[4] = {0};
    bool ok = dma_read(space, at, request, sizeof request);
    u32 control = ld_be32(request);
    u64 len = ld_be32(request + 4);
    if (ok && control & DMA_SELECT)
        select_item(d, control >> 16);
    if (ok && control & DMA_READ)
        ok = dma_item(d, ld_be64(request + 8), len);
    else if (ok && control & DMA_WRITE)
        ok = false;
    else if (ok && control & DMA_SKIP)
        take(d, &len);
    st_be32(result, ok ? 0 : DMA_ERROR);
    if (!ok)
        guest_error(&d->dev, "DMA request at %#llx failed", (unsigned long long)at);
    dma_write(space, at, result, sizeof result);
}

/* ---- registers ------------------------------------------------------------------------------ */
static u64 fw_cfg_read(struct device *dev, u64 off, unsigned size)
{
    struct fw_cfg *d = self(dev);
    if (off >= DMA) /* here is DMA */
        return ld_le64("QEMU CFG") >> 8 * (off - DMA);
    if (off != DATA) {
        guest_error(dev, "read%u of register %#llx", size, (unsigned long long)off);
        return 0;
    }
    u64 val = 0, len = size;
    const u8 *from = take(d, &len);
    if (from)
        memcpy(&val, from, len);
    return val;
}

static void fw_cfg_write(struct device *dev, u64 off, u64 val, unsigned size)
{
    struct fw_cfg *d = self(dev);
    if (off == SELECTOR && size == 2) {
        select_item(d, __builtin_bswap16((u16)val));
    } else if (off == DMA && size == 4) {
        d->s.dma_hi = __builtin_bswap32((u32)val);
    } else if ((off == DMA && size == 8) || (off == DMA + 4 && size == 4)) {
        gpa at = size == 8 ? __builtin_bswap64(val)
                           : (u64)d->s.dma_hi << 32 | __builtin_bswap32((u32)val);
        d->s.dma_hi = 0;
        run_dma(d, at);
    } else {
        guest_error(dev, "write%u of register %#llx", size, (unsigned long long)off);
    }
}

static const struct mmio_ops regs = {fw_cfg_read, fw_cfg_write, .min = 1, .max = 8};

/* ---- life ----------------------------------------------------------------------------------- */
static bool add_file(struct fw_cfg *d, const struct hw_backend *b, struct error *err)
{
    const struct blob *file = b->ptr;
    if (strlen(b->id) >= NAME_SIZE)
        return error_set(err, ENAMETOOLONG, "the file name '%s' has more than %d characters", b->id,
                         NAME_SIZE - 1);
    if (d->n_files == MAX_FILES)
        return error_set(err, ENOSPC, "more than %d files", MAX_FILES);
    u8 *entry = d->dir + DIR_HEAD + d->n_files * DIR_ENTRY;
    st_be32(entry, file->size);
    st_be16(entry + 4, (u16)(KEY_FILES + d->n_files));
    strcpy((char *)entry + 8, b->id);
    d->files[d->n_files++] = *file;
    st_be32(d->dir, d->n_files);
    return true;
}

static bool fw_cfg_init(struct device *dev, struct error *err)
{
    struct fw_cfg *d = self(dev);
    d->dir = xalloc(DIR_HEAD + MAX_FILES * DIR_ENTRY);
    for (const struct hw_backend *b = dev->hw->backends; b; b = b->next)
        if (!strcmp(b->kind, "fw_cfg") && !add_file(d, b, err))
            return false;
    mmio_add(dev, 0, &regs, WINDOW);
    return true;
}

static void fw_cfg_fini(struct device *dev) { free(self(dev)->dir); }

#define F(m) FIELD(struct fw_cfg_state, m)
DEVICE(fw_cfg, .name = "fw-cfg", .doc = "firmware configuration files",
       .compatible = "qemu,fw-cfg-mmio", DEVICE_STATE(struct fw_cfg, s),
       .fields = FIELDS(F(pos), F(key), F(dma_hi)), .init = fw_cfg_init, .fini = fw_cfg_fini);
