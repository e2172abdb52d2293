/* hw/device.c - make, reset, map, save and restore any device from its class. */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include "base/bits.h"
#include "hw/device.h"

/* ---- the machine's devices and back ends ---------------------------------------------------- */
void hw_init(struct hw *hw, struct space *space, struct loop *loop)
{
    *hw = (struct hw){.space = space, .loop = loop};
    mutex_init(&hw->lock, RANK_MACHINE, "hw");
}

static void device_free(struct device *d)
{
    if (d->class->fini)
        d->class->fini(d);
    for (struct timer *t = d->timers; t; t = t->next)
        timer_stop(t);
    for (int i = 0; i < DEVICE_WINDOWS; i++)
        device_unmap(d, i);
    props_free(d->class->props, d);
    mutex_fini(&d->lock);
    free(d->irq);
    free(d->id);
    free(d);
}

/* The list is in the order of making: unlink the last one until none is left. */
static struct device *pop_last(struct hw *hw)
{
    struct device **at = &hw->devices;
    while (*at && (*at)->next)
        at = &(*at)->next;
    struct device *last = *at;
    *at = NULL;
    return last;
}

void hw_fini(struct hw *hw)
{
    for (struct device *d; (d = pop_last(hw));)
        device_free(d);
    for (struct hw_backend *b; (b = hw->backends);) {
        hw->backends = b->next;
        free(b->id);
        free(b);
    }
    mutex_fini(&hw->lock);
}

void hw_provide(struct hw *hw, const char *kind, const char *id, void *backend)
{
    struct hw_backend *b = new(struct hw_backend);
    *b = (struct hw_backend){.kind = kind, .id = xstrdup(id), .ptr = backend, .next = hw->backends};
    hw->backends = b;
}

void *hw_take(struct hw *hw, const char *kind, const char *id, struct error *err)
{
    for (struct hw_backend *b = hw->backends; b; b = b->next) {
        if (strcmp(b->kind, kind) || strcmp(b->id, id))
            continue;
        if (b->taken) {
            error_set(err, EBUSY, "%s '%s' is in use by another device", kind, id);
            return NULL;
        }
        b->taken = true;
        return b->ptr;
    }
    error_set(err, ENOENT, "there is no %s '%s'", kind, id);
    return NULL;
}

/* ---- life ----------------------------------------------------------------------------------- */
const struct device_class *device_class_find(const char *name)
{
    EACH(device_class, c)
        if (!strcmp((*c)->name, name))
            return *c;
    return NULL;
}

struct device *device_new(struct hw *hw, const struct device_class *class, const char *id)
{
    struct device *d = xalloc(class->size);
    d->class = class;
    d->id = xstrdup(id);
    d->hw = hw;
    mutex_init(&d->lock, class->rank ? class->rank : RANK_DEVICE, class->name);
    for (int i = 0; i < DEVICE_WINDOWS; i++)
        d->mmio[i] = (struct mmio){.dev = d, .base = ~0ull};
    props_defaults(class->props, d);
    mutex_lock(&hw->lock);
    struct device **at = &hw->devices;
    while (*at)
        at = &(*at)->next;
    *at = d;
    mutex_unlock(&hw->lock);
    return d;
}

static bool fail(const struct device *d, struct error *err)
{
    return error_prefix(err, "%s '%s': ", d->class->name, d->id);
}

bool device_set(struct device *d, const char *prop, const char *value, struct error *err)
{
    return props_set(d->class->props, d, prop, value, err) || fail(d, err);
}

bool device_start(struct device *d, struct error *err)
{
    if (d->class->init && !d->class->init(d, err))
        return fail(d, err);
    d->started = true;
    device_reset(d);
    return true;
}

struct device *device_find(const struct hw *hw, const char *id)
{
    struct device *d = hw->devices;
    while (d && strcmp(d->id, id))
        d = d->next;
    return d;
}

static u8 *state(struct device *d) { return (u8 *)d + d->class->state_off; }

static void reset_locked(struct device *d)
{
    for (struct timer *t = d->timers; t; t = t->next)
        timer_stop(t);
    memset(state(d), 0, d->class->state_size);
    if (d->class->reset)
        d->class->reset(d);
}

void device_reset(struct device *d)
{
    device_lock(d);
    reset_locked(d);
    device_unlock(d);
}

void hw_reset(struct hw *hw)
{
    for (struct device *d = hw->devices; d; d = d->next)
        if (d->started)
            device_reset(d);
}

/* ---- registers ------------------------------------------------------------------------------ */
void mmio_add(struct device *d, int n, const struct mmio_ops *ops, u64 size)
{
    assert(n >= 0 && n < DEVICE_WINDOWS && size && size % ops->min == 0);
    assert(is_pow2(ops->min) && is_pow2(ops->max) && ops->min <= ops->max && ops->max <= 8);
    d->mmio[n].ops = ops;
    d->mmio[n].size = size;
}

static u64 low_bytes(u64 v, unsigned size) { return v & (~0ull >> (64 - 8 * size)); }

/* One step of an access that the device does not take whole: `width` bytes at `base` are asked of
 * the device, of which `len` at `skip` are wanted. */
struct step {
    u64 base;
    unsigned width, skip, len;
};

static struct step next_step(const struct mmio_ops *ops, u64 off, unsigned left)
{
    unsigned width = ops->max;
    while (width > left || off % width)
        width /= 2;
    if (width >= ops->min)
        return (struct step){.base = off, .width = width, .len = width};
    unsigned skip = (unsigned)(off % ops->min);
    return (struct step){
        .base = off - skip,
        .width = ops->min,
        .skip = skip,
        .len = MIN(left, ops->min - skip),
    };
}

static COLD u64 split_read(const struct mmio *m, u64 off, unsigned size)
{
    u64 v = 0;
    for (unsigned done = 0; done < size;) {
        struct step s = next_step(m->ops, off + done, size - done);
        u64 part = m->ops->read(m->dev, s.base, s.width) >> 8 * s.skip;
        v |= low_bytes(part, s.len) << 8 * done;
        done += s.len;
    }
    return v;
}

static COLD void split_write(const struct mmio *m, u64 off, u64 val, unsigned size)
{
    for (unsigned done = 0; done < size;) {
        struct step s = next_step(m->ops, off + done, size - done);
        m->ops->write(m->dev, s.base, low_bytes(val >> 8 * done, s.len) << 8 * s.skip, s.width);
        done += s.len;
    }
}

static bool direct(const struct mmio_ops *ops, u64 off, unsigned size)
{
    return LIKELY(size >= ops->min && size <= ops->max && !(off & (size - 1)));
}

static u64 window_read(void *obj, u64 off, unsigned size)
{
    const struct mmio *m = obj;
    device_lock(m->dev);
    u64 v = direct(m->ops, off, size) ? m->ops->read(m->dev, off, size) : split_read(m, off, size);
    device_unlock(m->dev);
    return low_bytes(v, size);
}

static void window_write(void *obj, u64 off, u64 val, unsigned size)
{
    const struct mmio *m = obj;
    val = low_bytes(val, size);
    device_lock(m->dev);
    if (direct(m->ops, off, size))
        m->ops->write(m->dev, off, val, size);
    else
        split_write(m, off, val, size);
    device_unlock(m->dev);
}

static const struct space_io window_io = {window_read, window_write};

bool device_map(struct device *d, int window, gpa base, struct error *err)
{
    struct mmio *m = &d->mmio[window];
    if (!m->ops || m->base != ~0ull) {
        error_set(err, EINVAL, "window %d %s", window, m->ops ? "is mapped" : "does not exist");
        return fail(d, err);
    }
    if (!space_add_io(d->hw->space, base, m->size, &window_io, m, err))
        return fail(d, err);
    m->base = base;
    return true;
}

void device_unmap(struct device *d, int window)
{
    struct mmio *m = &d->mmio[window];
    if (m->base == ~0ull)
        return;
    space_remove(d->hw->space, m->base);
    m->base = ~0ull;
}

static bool inside(const struct mmio *m, u64 off, unsigned size)
{
    return m->ops && off < m->size && size <= m->size - off;
}

u64 device_read(struct device *d, int window, u64 off, unsigned size)
{
    return inside(&d->mmio[window], off, size) ? window_read(&d->mmio[window], off, size) : 0;
}

void device_write(struct device *d, int window, u64 off, u64 val, unsigned size)
{
    if (inside(&d->mmio[window], off, size))
        window_write(&d->mmio[window], off, val, size);
}

/* ---- what the guest did wrong --------------------------------------------------------------- */
static const char *text(char *buf, size_t size, const char *fmt, va_list ap)
{
    vsnprintf(buf, size, fmt, ap);
    return buf;
}

void guest_error(struct device *d, const char *fmt, ...)
{
    enum { LOUD = 100 };
    char buf[160];
    va_list ap;
    if (++d->guest_errors > LOUD && !is_pow2(d->guest_errors))
        return;
    va_start(ap, fmt);
    TRACE("guest_error: %s '%s': %s (%llu so far)", d->class->name, d->id,
          text(buf, sizeof buf, fmt, ap), (unsigned long long)d->guest_errors);
    va_end(ap);
}

/* ---- interrupt lines ------------------------------------------------------------------------ */
void irq_outputs(struct device *d, int n)
{
    assert(n > 0 && !d->irq);
    d->irq = new_array(struct irq, n);
    d->n_irq = n;
}

void irq_connect_fn(struct device *from, int n, void (*set)(void *to, int line, bool level),
                    void *to, int line)
{
    assert(n >= 0 && n < from->n_irq);
    device_lock(from);
    struct irq *q = &from->irq[n];
    *q = (struct irq){.set = set, .to = to, .line = line, .level = q->level};
    if (q->level)
        set(to, line, true);
    device_unlock(from);
}

static void irq_into(void *to, int line, bool level)
{
    struct device *d = to;
    device_lock(d);
    d->class->irq_in(d, line, level);
    device_unlock(d);
}

void irq_connect(struct device *from, int n, struct device *to, int line)
{
    assert(to->class->irq_in);
    irq_connect_fn(from, n, irq_into, to, line);
}

/* ---- timers --------------------------------------------------------------------------------- */
static void timer_fire(void *arg)
{
    struct timer *t = arg;
    device_lock(t->dev);
    if (t->on && t->t.when_ns <= clock_now_ns()) { /* else stopped or moved while on its way here */
        t->on = false;
        t->fire(t->dev);
    }
    device_unlock(t->dev);
}

void timer_init(struct timer *t, struct device *d, void (*fire)(struct device *))
{
    *t = (struct timer){.t = {.fire = timer_fire, .arg = t}, .dev = d, .fire = fire};
    t->next = d->timers;
    d->timers = t;
}

void timer_at(struct timer *t, u64 when_ns)
{
    t->on = true;
    loop_timer_set(t->dev->hw->loop, &t->t, when_ns);
}

void timer_stop(struct timer *t)
{
    if (!t->on)
        return;
    t->on = false;
    loop_timer_stop(t->dev->hw->loop, &t->t);
}

/* ---- saved state ---------------------------------------------------------------------------- */
static const struct field *fields(const struct device *d)
{
    static const struct field none[1];
    return d->class->fields ? d->class->fields : none;
}

size_t device_save(struct device *d, u8 *out)
{
    size_t len = 0;
    device_lock(d);
    for (const struct field *f = fields(d); f->name; f++) {
        size_t name = strlen(f->name);
        if (out) {
            u8 *o = out + len;
            *o++ = (u8)name;
            memcpy(o, f->name, name);
            st_le32(o + name, f->size);
            memcpy(o + name + 4, state(d) + f->off, f->size);
        }
        len += 1 + name + 4 + f->size;
    }
    device_unlock(d);
    return len;
}

/* One field of the stream at *in; moves *in behind it. */
static bool restore_field(struct device *d, const u8 **in, const u8 *end, struct error *err)
{
    const u8 *p = *in;
    size_t name = *p++;
    if ((size_t)(end - p) < name + 4 || (size_t)(end - p) - name - 4 < ld_le32(p + name))
        return error_set(err, EINVAL, "saved state is cut short");
    u32 size = ld_le32(p + name);
    const struct field *f = fields(d);
    while (f->name && (strlen(f->name) != name || memcmp(f->name, p, name)))
        f++;
    if (!f->name || f->size != size)
        return error_set(err, EINVAL, "saved state has '%.*s' of %u bytes, which is unknown here",
                         (int)name, (const char *)p, size);
    memcpy(state(d) + f->off, p + name + 4, size);
    *in = p + name + 4 + size;
    return true;
}

bool device_restore(struct device *d, const u8 *in, size_t len, struct error *err)
{
    bool ok = true;
    device_lock(d);
    reset_locked(d);
    for (const u8 *end = in + len; ok && in < end;)
        ok = restore_field(d, &in, end, err);
    if (!ok)
        reset_locked(d);
    else if (d->class->restored)
        d->class->restored(d);
    device_unlock(d);
    return ok || fail(d, err);
}
