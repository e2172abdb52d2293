/* hw/virtio/virtio.c - what every virtio device is: status, features, queues, configuration.
 * Virtio 1.2, chapters 2 and 3. */
#include <assert.h>
#include <stdarg.h>
#include "base/bits.h"
#include "hw/virtio/virtio.h"

/* A driver that resets the device must find it idle. A disk may keep it waiting for this long; what
 * is later still goes to the memory it was given, but is not returned. */
#define DRAIN_NS 5000000000ull

static bool live(const struct virtio *v)
{
    return (v->s.status & (STATUS_DRIVER_OK | STATUS_NEEDS_RESET)) == STATUS_DRIVER_OK;
}

/* ---- telling the driver --------------------------------------------------------------------- */

void virtio_interrupt(struct virtio *v, u8 bits)
{
    v->s.isr |= bits;
    irq_set(v->irq, true);
}

u8 virtio_isr_take(struct virtio *v, u8 mask)
{
    u8 was = v->s.isr & mask;
    v->s.isr &= (u8)~mask;
    irq_set(v->irq, v->s.isr);
    return was;
}

void virtio_config_changed(struct virtio *v)
{
    v->s.generation++;
    if (v->s.status & STATUS_DRIVER_OK)
        virtio_interrupt(v, ISR_CONFIG);
}

void virtio_broken(struct virtio *v, const char *fmt, ...)
{
    char why[128];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    guest_error(&v->dev, "%s", why);
    if (v->s.status & STATUS_NEEDS_RESET)
        return;
    v->s.status |= STATUS_NEEDS_RESET;
    virtio_config_changed(v);
}

/* ---- hearing from the driver ---------------------------------------------------------------- */

static void defer(struct virtio *v, u64 queues);

static void notify(struct virtio *v, struct virtq *q)
{
    if (virtq_live(q) && !v->class->notify(v, q))
        defer(v, 1ull << q->index);
}

static void run_deferred(void *arg)
{
    struct virtio *v = arg;
    device_lock(&v->dev);
    u64 queues = v->deferred;
    v->deferred = 0;
    for (; queues; queues &= queues - 1)
        notify(v, &v->queue[__builtin_ctzll(queues)]);
    device_unlock(&v->dev);
}

static void defer(struct virtio *v, u64 queues)
{
    if (!v->deferred && queues)
        loop_post(v->dev.hw->loop, run_deferred, v);
    v->deferred |= queues;
}

static void notify_all(struct virtio *v)
{
    for (unsigned i = 0; i < v->n_queues; i++)
        notify(v, &v->queue[i]);
}

void virtio_kick(struct virtio *v, u32 index)
{
    if (index >= v->n_queues)
        guest_error(&v->dev, "notification of queue %u", index);
    else
        notify(v, &v->queue[index]);
}

void virtio_dma(struct virtio *v, bool on)
{
    bool was = !v->no_dma;
    v->no_dma = !on;
    if (on && !was)
        notify_all(v);
}

/* ---- reset ---------------------------------------------------------------------------------- */

static bool idle(const struct virtio *v, unsigned first, unsigned n)
{
    for (unsigned i = first; i < first + n; i++)
        if (v->queue[i].inflight)
            return false;
    return true;
}

/* Waits, without the lock, until `n` queues have no request under way. They are not live: none is
 * added. The loop cannot wait, for completions come on it: there, what is late becomes stale. */
static void drain(struct virtio *v, unsigned first, unsigned n)
{
    u64 deadline = clock_host_ns() + DRAIN_NS;
    if (loop_here(v->dev.hw->loop))
        return;
    v->draining = true;
    while (!idle(v, first, n) && cond_wait_until(&v->idle, &v->dev.lock, deadline))
        ;
    v->draining = false;
}

void virtio_reset(struct virtio *v)
{
    v->deferred = 0;
    for (unsigned i = 0; i < v->n_queues; i++) {
        virtq_unmap(&v->queue[i]);
        v->s.queue[i].size = v->queue[i].size_max;
    }
    irq_set(v->irq, false);
    if (v->class->reset)
        v->class->reset(v);
}

/* All state but the transport's. */
static void reset_by_driver(struct virtio *v)
{
    const struct device_class *c = v->dev.class;
    v->s.status = 0;
    drain(v, 0, v->n_queues);
    memset(&v->s, 0, c->state_off + c->state_size - offsetof(struct virtio, s));
    virtio_reset(v);
}

void virtio_restored(struct virtio *v)
{
    for (unsigned i = 0; i < v->n_queues; i++)
        if (v->s.queue[i].ready && !virtq_map(&v->queue[i]))
            virtio_broken(v, "restored queue %u is not in RAM", i);
    irq_set(v->irq, v->s.isr);
    if (live(v))
        defer(v, ~0ull >> (64 - v->n_queues));
}

/* ---- registers ------------------------------------------------------------------------------ */

static void set_status(struct virtio *v, u8 val)
{
    u8 set = val & (u8)~v->s.status;
    if (!val) {
        reset_by_driver(v);
        return;
    }
    if (set & STATUS_FEATURES_OK && (v->s.features & ~v->offered || !virtio_has(v, F_VERSION_1))) {
        guest_error(&v->dev, "driver features %#llx", (unsigned long long)v->s.features);
        val &= (u8)~STATUS_FEATURES_OK;
    }
    if (set & STATUS_DRIVER_OK && !(val & STATUS_FEATURES_OK)) {
        guest_error(&v->dev, "status %#x without FEATURES_OK", val);
        val &= (u8)~STATUS_DRIVER_OK;
    }
    v->s.status = val | (v->s.status & STATUS_NEEDS_RESET);
    if (set & val & STATUS_DRIVER_OK)
        notify_all(v);
}

static void set_half(u64 *reg, bool high, u32 val)
{
    *reg = high ? (u32)*reg | (u64)val << 32 : (*reg & ~0xffffffffull) | val;
}

static u32 get_half(u64 reg, bool high) { return (u32)(high ? reg >> 32 : reg); }

static void set_ready(struct virtio *v, struct virtq *q, bool ready)
{
    if (ready == q->s->ready)
        return;
    if (!ready) {
        q->s->ready = 0;
        drain(v, q->index, 1);
        virtq_unmap(q);
        return;
    }
    if (!(v->s.status & STATUS_FEATURES_OK)) {
        guest_error(&v->dev, "queue %u is enabled before FEATURES_OK", q->index);
        return;
    }
    q->s->avail = q->s->used = virtio_has(v, F_PACKED) ? 0x8000 : 0;
    q->s->ready = virtq_map(q);
    if (!q->s->ready)
        virtio_broken(v, "queue %u of %u entries is not in RAM", q->index, q->s->size);
}

/* Bits that were not offered are refused when the driver sets FEATURES_OK. */
static void set_features(struct virtio *v, u32 val)
{
    if (v->s.status & STATUS_FEATURES_OK)
        guest_error(&v->dev, "driver features %#x after FEATURES_OK", val);
    else if (v->s.driver_sel <= 1)
        set_half(&v->s.features, v->s.driver_sel, val);
}

static void write_queue(struct virtio *v, struct virtq *q, enum virtio_reg reg, u32 val)
{
    if (reg == REG_QUEUE_READY) {
        set_ready(v, q, val & 1);
        return;
    }
    if (q->s->ready || (reg == REG_QUEUE_SIZE && (!val || val > q->size_max))) {
        guest_error(&v->dev, "write of %#x to register %d of queue %u", val, reg, q->index);
        return;
    }
    switch (reg) {
    case REG_QUEUE_SIZE: q->s->size = (u16)val; break;
    case REG_DESC_LO:
    case REG_DESC_HI: set_half(&q->s->desc, reg == REG_DESC_HI, val); break;
    case REG_DRIVER_LO:
    case REG_DRIVER_HI: set_half(&q->s->driver, reg == REG_DRIVER_HI, val); break;
    case REG_DEVICE_LO:
    case REG_DEVICE_HI: set_half(&q->s->device, reg == REG_DEVICE_HI, val); break;
    default: guest_error(&v->dev, "write to read-only register %d", reg);
    }
}

void virtio_reg_write(struct virtio *v, enum virtio_reg reg, u32 val)
{
    if (v->draining)
        return; /* another CPU is in the middle of a reset */
    switch (reg) {
    case REG_DEVICE_SEL: v->s.device_sel = val; return;
    case REG_DRIVER_SEL: v->s.driver_sel = val; return;
    case REG_DRIVER_FEATURES: set_features(v, val); return;
    case REG_STATUS: set_status(v, (u8)val); return;
    case REG_QUEUE_SEL: v->s.queue_sel = (u16)val; return;
    case REG_QUEUE_NOTIFY: virtio_kick(v, val); return;
    case REG_ISR_ACK: virtio_isr_take(v, (u8)val); return;
    default: break;
    }
    if (v->s.queue_sel < v->n_queues)
        write_queue(v, &v->queue[v->s.queue_sel], reg, val);
    else
        guest_error(&v->dev, "write to register %d of queue %u", reg, v->s.queue_sel);
}

u32 virtio_reg_read(struct virtio *v, enum virtio_reg reg)
{
    bool none = v->s.queue_sel >= v->n_queues;
    const struct virtq *q = &v->queue[none ? 0 : v->s.queue_sel];
    switch (reg) {
    case REG_DEVICE_SEL: return v->s.device_sel;
    case REG_DEVICE_FEATURES:
        return v->s.device_sel > 1 ? 0 : get_half(v->offered, v->s.device_sel);
    case REG_DRIVER_SEL: return v->s.driver_sel;
    case REG_DRIVER_FEATURES:
        return v->s.driver_sel > 1 ? 0 : get_half(v->s.features, v->s.driver_sel);
    case REG_STATUS: return v->s.status;
    case REG_GENERATION: return v->s.generation;
    case REG_NUM_QUEUES: return v->n_queues;
    case REG_QUEUE_SEL: return v->s.queue_sel;
    case REG_QUEUE_SIZE_MAX: return none ? 0 : q->size_max;
    case REG_QUEUE_SIZE: return none ? 0 : q->s->size;
    case REG_QUEUE_READY: return none ? 0 : q->s->ready;
    case REG_DESC_LO:
    case REG_DESC_HI: return none ? 0 : get_half(q->s->desc, reg == REG_DESC_HI);
    case REG_DRIVER_LO:
    case REG_DRIVER_HI: return none ? 0 : get_half(q->s->driver, reg == REG_DRIVER_HI);
    case REG_DEVICE_LO:
    case REG_DEVICE_HI: return none ? 0 : get_half(q->s->device, reg == REG_DEVICE_HI);
    case REG_ISR: return v->s.isr;
    default: guest_error(&v->dev, "read of write-only register %d", reg); return 0;
    }
}

/* ---- the device's configuration ------------------------------------------------------------- */

u32 virtio_config_read(struct virtio *v, u64 off, unsigned size)
{
    u8 buf[VIRTIO_CONFIG] = {0};
    u32 val = 0;
    if (off + size <= v->class->config_size) {
        v->class->config(v, buf);
        memcpy(&val, buf + off, size);
    }
    return val;
}

void virtio_config_write(struct virtio *v, u64 off, u32 val, unsigned size)
{
    if (v->class->config_write && off + size <= v->class->config_size)
        v->class->config_write(v, (u32)off, val, size);
    else
        guest_error(&v->dev, "write%u of configuration %#llx", size, (unsigned long long)off);
}

/* ---- life ----------------------------------------------------------------------------------- */

void virtio_queue(struct virtio *v, unsigned index, u64 size_max)
{
    assert(index < VIRTQ_MAX && size_max && size_max <= VIRTQ_SIZE_MAX);
    v->queue[index] =
        (struct virtq){.v = v, .index = index, .size_max = (u16)size_max, .s = &v->s.queue[index]};
    v->n_queues = MAX(v->n_queues, index + 1);
}

bool virtio_init(struct virtio *v, struct error *err)
{
    v->class = v->dev.class->more;
    cond_init(&v->idle);
    v->offered = FEATURE(F_VERSION_1) | (v->packed ? FEATURE(F_PACKED) : 0) |
                 (v->event_idx ? FEATURE(F_EVENT_IDX) : 0) |
                 (v->indirect_desc ? FEATURE(F_INDIRECT) : 0) |
                 (v->iommu_platform ? FEATURE(F_ACCESS_PLATFORM) : 0);
    irq_outputs(&v->dev, 1);
    v->irq = &v->dev.irq[0];
    return v->class->init(v, err);
}

void virtio_fini(struct device *dev)
{
    struct virtio *v = to_virtio(dev);
    if (!v->class)
        return;
    if (v->class->fini)
        v->class->fini(v);
    cond_fini(&v->idle);
}
