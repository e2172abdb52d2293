/* hw/virtio/rng.c - the virtio entropy device: the host's random bytes. Virtio 1.2, section 5.4. */
#include <sys/random.h>
#include "hw/virtio/virtio.h"

enum { REQUEST_MAX = 4096 }; /* bytes given at once: the driver asks again */

struct virtio_rng {
    struct virtio v;
    struct rng_state {
        u64 left; /* bytes of this period */
    } s;
    struct timer period_end;
    struct virtq_elem *elem;
    char *rng;
    u64 max_bytes, period;
};

static struct virtio_rng *self(struct virtio *v) { return container_of(v, struct virtio_rng, v); }

static void fill(struct virtio_rng *d, struct virtq *q)
{
    u8 buf[REQUEST_MAX];
    u64 len = MIN(MIN(d->elem->in_len, d->s.left), (u64)REQUEST_MAX);
    ssize_t got = getrandom(buf, len, 0);
    d->elem->written = got > 0 ? (u32)virtq_write(d->elem, 0, buf, (u64)got) : 0;
    d->s.left -= d->elem->written;
    virtq_push(q, &d->elem, 1);
}

/* Without bytes left, requests stay in the ring until the period ends. */
static bool rng_notify(struct virtio *v, struct virtq *q)
{
    struct virtio_rng *d = self(v);
    for (unsigned n = q->s->size; n; n--) {
        if (!d->s.left) {
            if (!d->period_end.on)
                timer_at(&d->period_end, clock_now_ns() + d->period * 1000000);
            return true;
        }
        if (!virtq_pop(q, d->elem))
            return true;
        fill(d, q);
    }
    return false;
}

static void next_period(struct device *dev)
{
    struct virtio_rng *d = self(to_virtio(dev));
    d->s.left = d->max_bytes;
    virtio_kick(&d->v, 0);
}

static bool rng_init(struct virtio *v, struct error *err)
{
    struct virtio_rng *d = self(v);
    (void)err;
    timer_init(&d->period_end, &v->dev, next_period);
    d->elem = virtq_elem_new(VIRTQ_SIZE_MAX);
    virtio_queue(v, 0, 8);
    return true;
}

static void rng_reset(struct virtio *v)
{
    timer_stop(&self(v)->period_end);
    self(v)->s.left = self(v)->max_bytes;
}

static void rng_fini(struct virtio *v) { free(self(v)->elem); }

static const struct virtio_class virtio_rng = {
    .type = 4,
    .pci_class = 0x00ff00,
    .init = rng_init,
    .fini = rng_fini,
    .reset = rng_reset,
    .notify = rng_notify,
};
/* clang-format off */
#define RNG_PROPS                                                                                  \
    PROP_STR(struct virtio_rng, rng, NULL, "id of a source; all are the host's generator"),        \
    PROP_U64(struct virtio_rng, max_bytes, "0x7fffffffffffffff", 0, 0, "limit of a period"),       \
    PROP_U64(struct virtio_rng, period, "65536", 1, 1000000000, "milliseconds")
/* clang-format on */
VIRTIO_DEVICE(rng, struct virtio_rng, "virtio-rng", "virtio entropy source", virtio_rng, RNG_PROPS,
              VIRTIO_FIELD(struct virtio_rng, left));
