/* hw/virtio/ring.c - split and packed rings: the one place that reads what a driver wrote there.
 * Virtio 1.2, sections 2.7 and 2.8.
 *
 * The rings are memory that the guest's CPUs change while we look. Therefore:
 * 1. a descriptor is copied once, and only the copy is looked at;
 * 2. a walk is bounded by the size of its table, the number of requests by that of the ring;
 * 3. an address is used only after dma_map() said that it is RAM;
 * 4. what breaks a rule stops the device (NEEDS_RESET); nothing is guessed.
 *
 * Memory order. Driver and device each publish an index (or a flag) after what it stands for:
 * acquire and release. Each also says "do not tell me" and looks once more after having said the
 * opposite. Between a store and that look stands a full fence, on both sides: else both miss. */
#include "base/bits.h"
#include "hw/virtio/virtio.h"

enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4, DESC_AVAIL = 1 << 7, DESC_USED = 1 << 15 };
enum { DESC_SIZE = 16 };
/* Split: both areas are u16 flags, u16 idx, ring[], u16 event; flags 1 means "do not tell me". */
enum { AREA_FLAGS = 0, AREA_IDX = 2, AREA_RING = 4, AVAIL_ENTRY = 2, USED_ENTRY = 8, NO_TELL = 1 };
/* Packed: both areas are u16 off_wrap, u16 flags. */
enum { EVENT_OFF_WRAP = 0, EVENT_FLAGS = 2, EVENT_SIZE = 4 };
enum { EVENT_ENABLE = 0, EVENT_DISABLE = 1, EVENT_DESC = 2 };
enum { WRAP = 0x8000 };

struct desc {
    u64 addr;
    u32 len;
    u16 flags;
    u16 next; /* split: index of the next one */
    u16 id;   /* packed */
};

static u16 load16(const u8 *p)
{
    return __atomic_load_n((const u16 *)(const void *)p, __ATOMIC_ACQUIRE);
}
static void store16(u8 *p, u16 v) { __atomic_store_n((u16 *)(void *)p, v, __ATOMIC_RELEASE); }

static bool is_packed(const struct virtq *q) { return virtio_has(q->v, F_PACKED); }

/* The barrier keeps the compiler from going back to guest memory for what it has copied. */
static struct desc load_desc(const u8 *table, u32 i, bool packed)
{
    u8 raw[DESC_SIZE];
    memcpy(raw, table + (u64)i * DESC_SIZE, sizeof raw);
    __asm__ volatile("" ::: "memory");
    struct desc d = {.addr = ld_le64(raw), .len = ld_le32(raw + 8)};
    d.flags = ld_le16(raw + (packed ? 14 : 12));
    d.next = ld_le16(raw + 14);
    d.id = ld_le16(raw + 12);
    return d;
}

/* ---- the three parts in memory -------------------------------------------------------------- */

static u64 desc_bytes(const struct virtq *q) { return (u64)q->s->size * DESC_SIZE; }
static u64 driver_bytes(const struct virtq *q)
{
    return is_packed(q) ? EVENT_SIZE : AREA_RING + (u64)q->s->size * AVAIL_ENTRY + 2;
}
static u64 device_bytes(const struct virtq *q)
{
    return is_packed(q) ? EVENT_SIZE : AREA_RING + (u64)q->s->size * USED_ENTRY + 2;
}

static u8 *map_part(const struct virtq *q, gpa addr, u64 len, u64 align, bool write)
{
    u64 got = len;
    u8 *p = addr % align ? NULL : dma_map(q->v->dev.hw->space, addr, &got, write);
    return p && got == len ? p : NULL;
}

bool virtq_map(struct virtq *q)
{
    const struct virtq_state *s = q->s;
    bool packed = is_packed(q);
    if (!s->size || s->size > q->size_max || (!packed && !is_pow2(s->size)))
        return false;
    if (packed && ((s->avail & ~WRAP) >= s->size || (s->used & ~WRAP) >= s->size))
        return false;
    q->desc = map_part(q, s->desc, desc_bytes(q), DESC_SIZE, packed);
    q->driver = map_part(q, s->driver, driver_bytes(q), packed ? 4 : 2, false);
    q->device = map_part(q, s->device, device_bytes(q), 4, true);
    if (!q->desc || !q->driver || !q->device)
        virtq_unmap(q);
    return q->desc;
}

void virtq_unmap(struct virtq *q)
{
    q->desc = q->driver = q->device = NULL;
    q->quiet = false;
    q->inflight = 0;
    q->epoch++;
}

bool virtq_live(const struct virtq *q)
{
    return q->desc && q->s->ready && !q->v->no_dma &&
           (q->v->s.status & (STATUS_DRIVER_OK | STATUS_NEEDS_RESET)) == STATUS_DRIVER_OK;
}

/* Those who watch RAM (translated code, migration) hear of our stores. */
static void wrote_device(const struct virtq *q, u64 off, u64 len)
{
    dma_written(q->v->dev.hw->space, q->s->device + off, len);
}

/* ---- positions: a plain counter when split, offset and wrap counter when packed ------------- */

static u16 advance(const struct virtq *q, u16 pos, unsigned n)
{
    if (!is_packed(q))
        return (u16)(pos + n);
    unsigned off = (pos & ~WRAP) + n, wrap = pos & WRAP;
    return (u16)(off < q->s->size ? wrap | off : (wrap ^ WRAP) | (off - q->s->size));
}

/* ---- taking a request ----------------------------------------------------------------------- */

struct virtq_elem *virtq_elem_new(int max)
{
    size_t iov = (size_t)max * sizeof(struct iovec);
    struct virtq_elem *e = xalloc(sizeof *e + iov + (size_t)max * sizeof(gpa));
    e->max = max;
    e->iov = (struct iovec *)(e + 1);
    e->addr = (gpa *)(void *)((u8 *)e->iov + iov);
    return e;
}

static bool bad(struct virtq *q, const char *why, u64 value)
{
    virtio_broken(q->v, "queue %u: %s (%#llx)", q->index, why, (unsigned long long)value);
    return false;
}

/* One buffer; it may be several pieces of host memory. */
static bool add_buffer(struct virtq *q, struct virtq_elem *e, const struct desc *d)
{
    bool write = d->flags & DESC_WRITE;
    u64 end, addr = d->addr;
    if (!d->len || !add_ok(addr, (u64)d->len, &end))
        return bad(q, "a buffer that is empty or wraps, at", addr);
    if (!write && e->n_in)
        return bad(q, "a readable buffer after a writable one, at", addr);
    for (u64 left = d->len, len; left; addr += len, left -= len) {
        int n = e->n_out + e->n_in;
        len = left;
        void *host = n < e->max ? dma_map(q->v->dev.hw->space, addr, &len, write) : NULL;
        if (!host)
            return bad(q, n < e->max ? "a buffer outside RAM" : "too many buffers", addr);
        e->iov[n] = (struct iovec){host, len};
        e->addr[n] = addr;
        e->n_in += write;
        e->n_out += !write;
    }
    if (write)
        e->in_len += d->len;
    else
        e->out_len += d->len;
    return true;
}

/* A table of its own: in it, split rings follow `next`, packed ones take every entry (2.8.7). */
static bool add_indirect(struct virtq *q, struct virtq_elem *e, const struct desc *ind)
{
    u64 len = ind->len, count = len / DESC_SIZE;
    bool packed = is_packed(q);
    if (!virtio_has(q->v, F_INDIRECT) || ind->flags & DESC_NEXT)
        return bad(q, "an indirect table that was not agreed on, flags", ind->flags);
    if (!count || len % DESC_SIZE || count > VIRTQ_SIZE_MAX)
        return bad(q, "an indirect table of length", len);
    const u8 *table = dma_map(q->v->dev.hw->space, ind->addr, &len, false);
    if (!table || len != ind->len)
        return bad(q, "an indirect table outside RAM", ind->addr);
    for (u32 i = 0, steps = 0;; steps++) {
        struct desc d = load_desc(table, i, packed);
        if (steps == count || d.flags & DESC_INDIRECT)
            return bad(q, "an indirect table that loops or nests at", i);
        if (!add_buffer(q, e, &d))
            return false;
        if (packed ? steps + 1 == count : !(d.flags & DESC_NEXT))
            return true;
        i = packed ? i + 1 : d.next;
        if (i >= count)
            return bad(q, "an indirect descriptor with next", i);
    }
}

/* The chain whose first descriptor is at `head`; says in e->slots how many slots it takes. */
static bool add_chain(struct virtq *q, struct virtq_elem *e, u32 head)
{
    bool packed = is_packed(q);
    for (u32 i = head, steps = 1;; steps++) {
        struct desc d = load_desc(q->desc, i, packed);
        if (steps > q->s->size)
            return bad(q, "a chain that loops, from", head);
        if (d.flags & DESC_INDIRECT ? !add_indirect(q, e, &d) : !add_buffer(q, e, &d))
            return false;
        if (d.flags & DESC_NEXT && !(d.flags & DESC_INDIRECT)) {
            i = !packed ? d.next : i + 1 == q->s->size ? 0 : i + 1;
            if (i >= q->s->size)
                return bad(q, "a descriptor with next", i);
            continue;
        }
        e->id = packed ? d.id : (u16)head;
        e->slots = (u16)(packed ? steps : 1);
        return true;
    }
}

/* How many requests wait, at least; more than the ring holds means that the driver lies. */
static unsigned waiting(const struct virtq *q)
{
    if (!is_packed(q))
        return (u16)(load16(q->driver + AREA_IDX) - q->s->avail);
    u16 flags = load16(q->desc + (q->s->avail & ~WRAP) * (u64)DESC_SIZE + 14);
    bool wrap = q->s->avail & WRAP;
    return !!(flags & DESC_AVAIL) == wrap && !!(flags & DESC_USED) != wrap;
}

/* Says whether the driver shall notify us of what it makes available from now on. */
static void set_quiet(struct virtq *q, bool quiet)
{
    bool event_idx = virtio_has(q->v, F_EVENT_IDX);
    u16 when = event_idx ? EVENT_DESC : EVENT_ENABLE;
    q->quiet = quiet;
    if (is_packed(q)) {
        if (!quiet && event_idx)
            store16(q->device + EVENT_OFF_WRAP, q->s->avail);
        store16(q->device + EVENT_FLAGS, quiet ? EVENT_DISABLE : when);
        wrote_device(q, 0, EVENT_SIZE);
        return;
    }
    u64 off = event_idx ? device_bytes(q) - 2 : AREA_FLAGS;
    if (event_idx && quiet)
        return; /* the old event index lies behind: it will not be crossed */
    store16(q->device + off, event_idx ? q->s->avail : quiet ? NO_TELL : 0);
    wrote_device(q, off, 2);
}

/* Something to take? If not, asks to be notified and looks again. */
static bool any(struct virtq *q)
{
    if (!waiting(q)) {
        set_quiet(q, false);
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if (!waiting(q))
            return false;
    }
    if (!q->quiet)
        set_quiet(q, true);
    return true;
}

bool virtq_pop(struct virtq *q, struct virtq_elem *e)
{
    if (!virtq_live(q) || !any(q))
        return false;
    unsigned n = waiting(q), size = q->s->size;
    u32 head = q->s->avail & ~WRAP;
    if (n > size)
        return bad(q, "more requests than the ring holds", n);
    if (!is_packed(q))
        head = load16(q->driver + AREA_RING + (u64)(q->s->avail & (size - 1)) * AVAIL_ENTRY);
    if (head >= size)
        return bad(q, "a request at descriptor", head);
    e->n_out = e->n_in = 0;
    e->out_len = e->in_len = 0;
    e->written = 0;
    e->from = q->s->avail;
    e->epoch = q->epoch;
    if (!add_chain(q, e, head))
        return false;
    if (q->inflight + e->slots > size)
        return bad(q, "a request while all others are under way", head);
    q->s->avail = advance(q, q->s->avail, e->slots);
    q->inflight += e->slots;
    return true;
}

void virtq_unpop(struct virtq *q, struct virtq_elem *const *e, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        q->inflight -= e[i]->slots;
    if (n)
        q->s->avail = e[0]->from;
}

/* ---- returning requests --------------------------------------------------------------------- */

bool virtq_stale(const struct virtq *q, const struct virtq_elem *e) { return e->epoch != q->epoch; }

static u8 *used_slot(const struct virtq *q, u16 pos)
{
    if (is_packed(q))
        return q->desc + (u64)(pos & ~WRAP) * DESC_SIZE;
    return q->device + AREA_RING + (u64)(pos & (q->s->size - 1)) * USED_ENTRY;
}

static u16 used_flags(const struct virtq_elem *e, u16 pos)
{
    return (u16)((pos & WRAP ? DESC_AVAIL | DESC_USED : 0) | (e->written ? DESC_WRITE : 0));
}

/* Writes what the driver will find at `pos`, but does not hand it over. */
static void write_used(const struct virtq *q, const struct virtq_elem *e, u16 pos)
{
    u8 *slot = used_slot(q, pos);
    if (is_packed(q)) {
        st_le32(slot + 8, e->written);
        st_le16(slot + 12, e->id);
    } else {
        st_le32(slot, e->id);
        st_le32(slot + 4, e->written);
    }
}

/* 2.7.7 and 2.8.10: does the driver ask to hear of the `n_slots` slots before `new`? */
static bool wants_interrupt(const struct virtq *q, u16 new, u16 n_slots)
{
    bool event_idx = virtio_has(q->v, F_EVENT_IDX);
    u16 event;
    if (is_packed(q)) {
        u16 flags = load16(q->driver + EVENT_FLAGS);
        if (flags != EVENT_DESC || !event_idx)
            return flags != EVENT_DISABLE;
        u16 at = load16(q->driver + EVENT_OFF_WRAP);
        event = (u16)((at & ~WRAP) - ((at ^ new) & WRAP ? q->s->size : 0));
        new &= (u16)~WRAP;
    } else {
        if (!event_idx)
            return !(load16(q->driver + AREA_FLAGS) & NO_TELL);
        event = load16(q->driver + driver_bytes(q) - 2);
    }
    return (u16)(new - event - 1) < n_slots;
}

/* The requests' entries, the first one last: that one hands over all of them. */
static u16 publish(struct virtq *q, struct virtq_elem *const *e, unsigned n)
{
    u16 first = q->s->used, pos = first, n_slots = 0;
    for (unsigned i = 0; i < n; i++) {
        write_used(q, e[i], pos);
        if (is_packed(q) && i)
            store16(used_slot(q, pos) + 14, used_flags(e[i], pos));
        pos = advance(q, pos, e[i]->slots);
        n_slots = (u16)(n_slots + e[i]->slots);
    }
    if (is_packed(q)) {
        store16(used_slot(q, first) + 14, used_flags(e[0], first));
        dma_written(q->v->dev.hw->space, q->s->desc, desc_bytes(q));
    } else {
        store16(q->device + AREA_IDX, pos);
        wrote_device(q, 0, device_bytes(q));
    }
    q->s->used = pos;
    return n_slots;
}

void virtq_push(struct virtq *q, struct virtq_elem *const *e, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        for (int b = e[i]->n_out; b < e[i]->n_out + e[i]->n_in; b++)
            dma_written(q->v->dev.hw->space, e[i]->addr[b], e[i]->iov[b].iov_len);
    if (!n || virtq_stale(q, e[0]))
        return;
    for (unsigned i = 0; i < n; i++)
        q->inflight -= e[i]->slots;
    if (!q->inflight && q->v->draining)
        cond_broadcast(&q->v->idle);
    if (!virtq_live(q))
        return;
    u16 n_slots = publish(q, e, n);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (wants_interrupt(q, q->s->used, n_slots))
        virtio_interrupt(q->v, ISR_QUEUE);
}

/* ---- their bytes ---------------------------------------------------------------------------- */

/* Copies between `buf` and buffers iov[0..n-1], of which the first `off` bytes are passed over. */
static u64 copy(const struct iovec *iov, int n, u64 off, u8 *buf, u64 len, bool to_guest)
{
    u64 done = 0;
    for (int i = 0; i < n && done < len; i++) {
        if (off >= iov[i].iov_len) {
            off -= iov[i].iov_len;
            continue;
        }
        u8 *at = (u8 *)iov[i].iov_base + off;
        u64 part = MIN(iov[i].iov_len - off, len - done);
        if (to_guest)
            memcpy(at, buf + done, part);
        else
            memcpy(buf + done, at, part);
        done += part;
        off = 0;
    }
    return done;
}

u64 virtq_read(const struct virtq_elem *e, u64 off, void *buf, u64 len)
{
    return copy(e->iov, e->n_out, off, buf, len, false);
}

u64 virtq_write(const struct virtq_elem *e, u64 off, const void *buf, u64 len)
{
    return copy(e->iov + e->n_out, e->n_in, off, (u8 *)(uintptr_t)buf, len, true);
}
