/* hw/virtio/driver.h - the guest's side of a memory-mapped virtio device. Tests only. */
#ifndef HW_VIRTIO_DRIVER_H
#define HW_VIRTIO_DRIVER_H
#include "base/bits.h"
#include "hw/rig.h"
#include "hw/virtio/virtio.h"

enum { DRV_RAM = 1 << 20, DRV_QUEUES = 6, DRV_QUEUE_BYTES = 0x4000, DRV_HEAP = 0x20000 };
enum { DRV_DRIVER_AREA = 0x1000, DRV_DEVICE_AREA = 0x2000, DRV_TABLES = 0x3000 };
#define DRV_BASE 0x80000000ull
enum {
    R_DEVICE_FEATURES = 0x10,
    R_DEVICE_SEL = 0x14,
    R_DRIVER_FEATURES = 0x20,
    R_DRIVER_SEL = 0x24,
    R_QUEUE_SEL = 0x30,
    R_QUEUE_MAX = 0x34,
    R_QUEUE_SIZE = 0x38,
    R_QUEUE_READY = 0x44,
    R_NOTIFY = 0x50,
    R_ISR = 0x60,
    R_ACK = 0x64,
    R_STATUS = 0x70,
    R_DESC = 0x80,
    R_DRIVER = 0x90,
    R_DEVICE = 0xa0,
    R_GENERATION = 0xfc,
    R_CONFIG = 0x100
};
enum { D_NEXT = 1, D_WRITE = 2, D_INDIRECT = 4, D_AVAIL = 0x80, D_USED = 0x8000 };

struct drv_queue {
    u16 size, next, used, free; /* next to make available, next used to see, next free descriptor */
    u16 slots[256];             /* packed: that a request took */
    bool next_wrap, used_wrap;
};
struct drv {
    struct rig r;
    struct ram *ram;
    u64 features;
    struct drv_queue q[DRV_QUEUES];
    u64 heap;
};
struct drv_buf {
    gpa addr;
    u32 len;
    bool in; /* the device writes it */
};

static inline u32 drv_get(struct drv *g, u64 reg) { return (u32)device_read(g->r.d, 0, reg, 4); }
static inline void drv_set(struct drv *g, u64 reg, u32 val)
{
    device_write(g->r.d, 0, reg, val, 4);
}
static inline u8 *drv_at(struct drv *g, gpa addr) { return g->ram->host + (addr - DRV_BASE); }
static inline u8 *drv_part(struct drv *g, int q, u64 part)
{
    return g->ram->host + (u64)q * DRV_QUEUE_BYTES + part;
}
static inline gpa drv_addr(int q, u64 part) { return DRV_BASE + (u64)q * DRV_QUEUE_BYTES + part; }

static inline gpa drv_alloc(struct drv *g, u64 len)
{
    gpa p = DRV_BASE + g->heap;
    g->heap += align_up(len, 16);
    assert(g->heap <= DRV_RAM);
    return p;
}

static inline struct drv_buf drv_text(struct drv *g, const void *bytes, u32 len)
{
    struct drv_buf b = {drv_alloc(g, len), len, false};
    memcpy(drv_at(g, b.addr), bytes, len);
    return b;
}

static inline struct drv_buf drv_room(struct drv *g, u32 len)
{
    return (struct drv_buf){drv_alloc(g, len), len, true};
}

/* A machine with RAM; back ends may be provided and the device started (rig_start) after it. */
static inline void drv_init(struct drv *g)
{
    struct error err;
    *g = (struct drv){.heap = DRV_HEAP};
    rig_init(&g->r);
    g->ram = ram_new(DRV_RAM, false, &err);
    bool ok = g->ram && space_add_ram(g->r.hw.space, DRV_BASE, g->ram, 0, DRV_RAM, false, &err);
    assert(ok);
}

static inline void drv_fini(struct drv *g)
{
    rig_fini(&g->r);
    ram_free(g->ram);
}

static inline u64 drv_offered(struct drv *g)
{
    drv_set(g, R_DEVICE_SEL, 1);
    u64 high = drv_get(g, R_DEVICE_FEATURES);
    drv_set(g, R_DEVICE_SEL, 0);
    return high << 32 | drv_get(g, R_DEVICE_FEATURES);
}

/* 3.1.1 up to FEATURES_OK; true: the device agreed. */
static inline bool drv_negotiate(struct drv *g, u64 features)
{
    g->features = features;
    drv_set(g, R_STATUS, 0);
    drv_set(g, R_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
    for (u32 half = 0; half < 2; half++) {
        drv_set(g, R_DRIVER_SEL, half);
        drv_set(g, R_DRIVER_FEATURES, (u32)(features >> 32 * half));
    }
    drv_set(g, R_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
    return drv_get(g, R_STATUS) & STATUS_FEATURES_OK;
}

static inline void drv_queue(struct drv *g, int q, u16 size)
{
    memset(drv_part(g, q, 0), 0, DRV_QUEUE_BYTES);
    g->q[q] = (struct drv_queue){.size = size, .next_wrap = true, .used_wrap = true};
    drv_set(g, R_QUEUE_SEL, (u32)q);
    drv_set(g, R_QUEUE_SIZE, size);
    drv_set(g, R_DESC, (u32)drv_addr(q, 0));
    drv_set(g, R_DRIVER, (u32)drv_addr(q, DRV_DRIVER_AREA));
    drv_set(g, R_DEVICE, (u32)drv_addr(q, DRV_DEVICE_AREA));
    drv_set(g, R_QUEUE_READY, 1);
}

static inline void drv_go(struct drv *g)
{
    drv_set(g, R_STATUS,
            STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
}

/* All at once: these features and `n` queues. */
static inline void drv_start(struct drv *g, u64 features, int n, u16 size)
{
    bool ok = drv_negotiate(g, features | FEATURE(F_VERSION_1));
    assert(ok);
    for (int q = 0; q < n; q++)
        drv_queue(g, q, size);
    drv_go(g);
}

static inline bool drv_packed(const struct drv *g) { return g->features & FEATURE(F_PACKED); }

static inline void drv_desc(u8 *table, u32 i, struct drv_buf b, u16 at12, u16 at14)
{
    st_le64(table + 16 * i, b.addr);
    st_le32(table + 16 * i + 8, b.len);
    st_le16(table + 16 * i + 12, at12);
    st_le16(table + 16 * i + 14, at14);
}

static inline u16 drv_flags(struct drv_buf b, bool more)
{
    return (u16)((b.in ? D_WRITE : 0) | (more ? D_NEXT : 0));
}

static inline u16 drv_add_split(struct drv *g, int qi, const struct drv_buf *b, int n, u16 extra)
{
    struct drv_queue *q = &g->q[qi];
    u8 *avail = drv_part(g, qi, DRV_DRIVER_AREA);
    u16 head = q->free;
    for (int i = 0; i < n; i++) {
        u16 next = (u16)((q->free + 1) % q->size);
        drv_desc(drv_part(g, qi, 0), q->free, b[i], (u16)(drv_flags(b[i], i + 1 < n) | extra),
                 next);
        q->free = next;
    }
    st_le16(avail + 4 + 2 * (q->next % q->size), head);
    st_le16(avail + 2, ++q->next);
    return head;
}

static inline u16 drv_add_packed(struct drv *g, int qi, const struct drv_buf *b, int n, u16 extra)
{
    struct drv_queue *q = &g->q[qi];
    u16 id = q->next;
    for (int i = 0; i < n; i++) {
        u16 turn = q->next_wrap ? D_AVAIL : D_USED;
        drv_desc(drv_part(g, qi, 0), q->next, b[i], id,
                 (u16)(drv_flags(b[i], i + 1 < n) | turn | extra));
        if (++q->next == q->size) {
            q->next = 0;
            q->next_wrap = !q->next_wrap;
        }
    }
    q->slots[id] = (u16)n;
    return id;
}

/* Makes a chain available; returns what the device will call it. */
static inline u16 drv_add(struct drv *g, int q, const struct drv_buf *b, int n)
{
    return drv_packed(g) ? drv_add_packed(g, q, b, n, 0) : drv_add_split(g, q, b, n, 0);
}

/* The same through a table of its own. */
static inline u16 drv_add_indirect(struct drv *g, int q, const struct drv_buf *b, int n)
{
    struct drv_buf table = {drv_alloc(g, 16 * (u64)n), 16 * (u32)n, false};
    bool packed = drv_packed(g);
    for (u16 i = 0; i < n; i++) {
        u16 flags = drv_flags(b[i], !packed && i + 1 < n);
        drv_desc(drv_at(g, table.addr), i, b[i], packed ? 0 : flags, packed ? flags : (u16)(i + 1));
    }
    return packed ? drv_add_packed(g, q, &table, 1, D_INDIRECT)
                  : drv_add_split(g, q, &table, 1, D_INDIRECT);
}

static inline void drv_kick(struct drv *g, int q) { drv_set(g, R_NOTIFY, (u32)q); }

/* The next request that the device returned; false: none. */
static inline bool drv_used(struct drv *g, int qi, u16 *id, u32 *len)
{
    struct drv_queue *q = &g->q[qi];
    if (!drv_packed(g)) {
        u8 *used = drv_part(g, qi, DRV_DEVICE_AREA), *entry = used + 4 + 8 * (q->used % q->size);
        if (ld_le16(used + 2) == q->used)
            return false;
        *id = (u16)ld_le32(entry);
        *len = ld_le32(entry + 4);
        q->used++;
        return true;
    }
    u8 *d = drv_part(g, qi, 0) + 16 * q->used;
    u16 flags = ld_le16(d + 14);
    if (!!(flags & D_USED) != q->used_wrap || !!(flags & D_AVAIL) != q->used_wrap)
        return false;
    *id = ld_le16(d + 12);
    *len = ld_le32(d + 8);
    q->used = (u16)(q->used + q->slots[*id]);
    if (q->used >= q->size) {
        q->used = (u16)(q->used - q->size);
        q->used_wrap = !q->used_wrap;
    }
    return true;
}

/* Adds, notifies, and waits for the answer, letting the loop turn; returns the bytes written. */
static inline u32 drv_do(struct drv *g, int q, const struct drv_buf *b, int n)
{
    u16 want = drv_add(g, q, b, n), id;
    u32 len = 0;
    drv_kick(g, q);
    for (int i = 0; !drv_used(g, q, &id, &len); i++) {
        assert(i < 1000);
        loop_poll(g->r.hw.loop, 10);
    }
    assert(id == want);
    return len;
}

static inline bool drv_broken(struct drv *g) { return drv_get(g, R_STATUS) & STATUS_NEEDS_RESET; }
#endif
