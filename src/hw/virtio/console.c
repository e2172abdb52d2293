/* hw/virtio/console.c - the virtio console device and the ports that plug into it.
 * Virtio 1.2, section 5.3. */
#include <errno.h>
#include "base/bits.h"
#include "hw/virtio/virtio.h"
#include "ui/ui.h"

enum { F_MULTIPORT = 1, F_EMERG_WRITE = 2 };
enum { PORTS = 31, CTRL_TO_DRIVER = 2, CTRL_TO_DEVICE = 3, QUEUE_SIZE = 128, CTRL_QUEUE_SIZE = 32 };
enum {
    DEVICE_READY = 0,
    DEVICE_ADD = 1,
    PORT_READY = 3,
    CONSOLE_PORT = 4,
    PORT_OPEN = 6,
    PORT_NAME = 7
};
enum {
    MESSAGE = 8,
    NAME_MAX_LEN = 64,
    WRITE_MAX = 1 << 20,
    CONFIG_SIZE = 12,
    CONFIG_EMERG_WRITE = 8
};

struct port {
    struct virtio_console *d;
    struct chr *chr;  /* NULL: bytes go nowhere and none come */
    const char *name; /* NULL: none */
    bool plugged, console;
    bool full; /* the back end was told that there is no room */
};

struct virtio_console {
    struct virtio v;
    struct console_state {
        u8 pending[PORTS]; /* messages to the driver: bit n is event n */
        u8 open[PORTS];    /* the driver's end is */
    } s;
    struct port port[PORTS];
    struct virtq_elem *elem;
    u64 max_ports;
    bool emergency_write;
};

static struct virtio_console *self(struct virtio *v)
{
    return container_of(v, struct virtio_console, v);
}

/* 5.3.2: port 0 has the first pair of queues, the control queues follow, then the other ports. */
static struct virtq *port_queue(struct virtio_console *d, unsigned nr, unsigned dir)
{
    return &d->v.queue[(nr ? 2 * nr + 2 : 0) + dir];
}

static struct port *queue_port(struct virtio_console *d, const struct virtq *q)
{
    return &d->port[q->index < CTRL_TO_DRIVER ? 0 : q->index / 2 - 1];
}

static unsigned port_nr(const struct port *p) { return (unsigned)(p - p->d->port); }

/* Without MULTIPORT there is one port, always open; else the driver opens what it wants. */
static bool is_open(const struct port *p)
{
    return virtio_has(&p->d->v, F_MULTIPORT) ? p->d->s.open[port_nr(p)] : !port_nr(p);
}

/* ---- bytes to the guest --------------------------------------------------------------------- */

/* How many bytes the next buffer takes. */
static size_t port_can(void *arg)
{
    struct port *p = arg;
    struct virtio_console *d = p->d;
    device_lock(&d->v.dev);
    struct virtq *q = port_queue(d, port_nr(p), 0);
    size_t room = 0;
    if (is_open(p) && virtq_pop(q, d->elem)) {
        room = d->elem->in_len;
        virtq_unpop(q, &d->elem, 1);
    }
    p->full = !room;
    device_unlock(&d->v.dev);
    return room;
}

static void port_got(void *arg, const u8 *buf, size_t len)
{
    struct port *p = arg;
    struct virtio_console *d = p->d;
    device_lock(&d->v.dev);
    struct virtq *q = port_queue(d, port_nr(p), 0);
    while (len && virtq_pop(q, d->elem)) {
        u64 n = virtq_write(d->elem, 0, buf, len);
        d->elem->written = (u32)n;
        virtq_push(q, &d->elem, 1);
        buf += n;
        len -= n;
    }
    device_unlock(&d->v.dev);
}

static void port_resume(struct port *p)
{
    bool was = p->full;
    p->full = false;
    if (was && p->chr)
        chr_ready(p->chr);
}

/* ---- bytes from the guest ------------------------------------------------------------------- */

static bool port_transmit(struct virtio_console *d, struct virtq *q)
{
    const struct port *p = queue_port(d, q);
    for (unsigned n = q->s->size; n; n--) {
        if (!virtq_pop(q, d->elem))
            return true;
        u64 left = WRITE_MAX;
        if (d->elem->out_len > left)
            guest_error(&d->v.dev, "%llu bytes at once", (unsigned long long)d->elem->out_len);
        for (int i = 0; p->chr && i < d->elem->n_out && left; i++) {
            u64 len = MIN(d->elem->iov[i].iov_len, left);
            chr_write(p->chr, d->elem->iov[i].iov_base, len);
            left -= len;
        }
        virtq_push(q, &d->elem, 1);
    }
    return false;
}

/* ---- control messages: 5.3.6.2 -------------------------------------------------------------- */

/* Sends what is pending as far as the driver has buffers; within a port in the events' order. */
static void send_pending(struct virtio_console *d)
{
    struct virtq *q = &d->v.queue[CTRL_TO_DRIVER];
    for (unsigned nr = 0; nr < d->max_ports; nr++) {
        while (d->s.pending[nr] && virtq_pop(q, d->elem)) {
            u8 buf[MESSAGE + NAME_MAX_LEN];
            const struct port *p = &d->port[nr];
            unsigned event = (unsigned)__builtin_ctz(d->s.pending[nr]);
            size_t name = event == PORT_NAME && p->name ? strnlen(p->name, NAME_MAX_LEN) : 0;
            st_le32(buf, nr);
            st_le16(buf + 4, (u16)event);
            st_le16(buf + 6, 1);
            if (name)
                memcpy(buf + MESSAGE, p->name, name);
            d->elem->written = (u32)virtq_write(d->elem, 0, buf, MESSAGE + name);
            d->s.pending[nr] &= (u8) ~(1u << event);
            virtq_push(q, &d->elem, 1);
        }
    }
}

static void announce(struct virtio_console *d, u32 nr)
{
    const struct port *p = &d->port[nr];
    d->s.pending[nr] |= (u8)((p->console ? 1 << CONSOLE_PORT : 0) | (p->name ? 1 << PORT_NAME : 0) |
                             (p->chr ? 1 << PORT_OPEN : 0));
}

static void control(struct virtio_console *d, u32 nr, u16 event, u16 value)
{
    if (event == DEVICE_READY) {
        for (unsigned i = 0; i < d->max_ports; i++)
            if (value && d->port[i].plugged)
                d->s.pending[i] = 1 << DEVICE_ADD;
    } else if (nr >= d->max_ports || !d->port[nr].plugged) {
        guest_error(&d->v.dev, "control message %u for port %u", event, nr);
    } else if (event == PORT_READY && value) {
        announce(d, nr);
    } else if (event == PORT_OPEN) {
        d->s.open[nr] = value & 1;
        port_resume(&d->port[nr]);
    }
}

static bool take_control(struct virtio_console *d, struct virtq *q)
{
    for (unsigned n = q->s->size; n; n--) {
        u8 buf[MESSAGE];
        if (!virtq_pop(q, d->elem))
            return true;
        bool whole = virtq_read(d->elem, 0, buf, MESSAGE) == MESSAGE;
        virtq_push(q, &d->elem, 1);
        if (whole)
            control(d, ld_le32(buf), ld_le16(buf + 4), ld_le16(buf + 6));
        send_pending(d);
    }
    return false;
}

static bool console_notify(struct virtio *v, struct virtq *q)
{
    struct virtio_console *d = self(v);
    if (q->index == CTRL_TO_DEVICE)
        return take_control(d, q);
    if (q->index & 1)
        return port_transmit(d, q);
    if (q->index == CTRL_TO_DRIVER)
        send_pending(d);
    else
        port_resume(queue_port(d, q));
    return true;
}

/* ---- the device ----------------------------------------------------------------------------- */

static void console_config(struct virtio *v, u8 *c) { st_le32(c + 4, (u32)self(v)->max_ports); }

static void console_config_write(struct virtio *v, u32 off, u32 val, unsigned size)
{
    struct virtio_console *d = self(v);
    u8 byte = (u8)val;
    if (off != CONFIG_EMERG_WRITE || !d->emergency_write)
        guest_error(&v->dev, "write%u of configuration %#x", size, off);
    else if (d->port[0].chr)
        chr_write(d->port[0].chr, &byte, 1);
}

static bool console_init(struct virtio *v, struct error *err)
{
    struct virtio_console *d = self(v);
    (void)err;
    v->offered |= FEATURE(F_MULTIPORT) | (d->emergency_write ? FEATURE(F_EMERG_WRITE) : 0);
    for (unsigned i = 0; i < 2 * (d->max_ports + 1); i++)
        virtio_queue(v, i,
                     i == CTRL_TO_DRIVER || i == CTRL_TO_DEVICE ? CTRL_QUEUE_SIZE : QUEUE_SIZE);
    for (unsigned i = 0; i < PORTS; i++)
        d->port[i].d = d;
    d->elem = virtq_elem_new(VIRTQ_SIZE_MAX);
    return true;
}

static void console_reset(struct virtio *v)
{
    for (unsigned i = 0; i < PORTS; i++)
        port_resume(&self(v)->port[i]);
}

static void console_fini(struct virtio *v) { free(self(v)->elem); }

static const struct virtio_class virtio_console = {
    .type = 3,
    .pci_class = 0x078000,
    .config_size = CONFIG_SIZE,
    .init = console_init,
    .fini = console_fini,
    .reset = console_reset,
    .notify = console_notify,
    .config = console_config,
    .config_write = console_config_write,
};
/* clang-format off */
#define CONSOLE_PROPS                                                                              \
    PROP_U64(struct virtio_console, max_ports, "31", 1, PORTS, "ports that may be plugged in"),    \
    PROP_BOOL(struct virtio_console, emergency_write, "on", "offer output without a queue")
/* clang-format on */
VIRTIO_DEVICE(console, struct virtio_console, "virtio-serial", "virtio console", virtio_console,
              CONSOLE_PROPS, VIRTIO_FIELD(struct virtio_console, pending),
              VIRTIO_FIELD(struct virtio_console, open));

/* ---- what plugs into it: a port, whose lock and state are the console's --------------------- */

struct port_dev {
    struct device dev;
    char *bus, *chardev, *name;
    i64 nr;
};

/* "ID.0" is the bus of the console with that id. */
static bool is_bus(const struct device *d, const char *name)
{
    size_t len = strlen(d->id);
    return !name || (!strncmp(name, d->id, len) && (!name[len] || !strcmp(name + len, ".0")));
}

static struct virtio_console *find_console(const struct port_dev *p)
{
    for (struct device *d = p->dev.hw->devices; d; d = d->next)
        if (d->class->more == &virtio_console && d->started && is_bus(d, p->bus))
            return self(to_virtio(d));
    return NULL;
}

static bool plug_port(struct port_dev *p, bool console, struct error *err)
{
    struct virtio_console *d = find_console(p);
    struct chr *chr = NULL;
    if (!d && (p->bus || p->chardev))
        return error_set(err, ENOENT, "there is no virtio-serial device '%s'",
                         p->bus ? p->bus : "");
    if (p->chardev && !(chr = hw_take(p->dev.hw, "chardev", p->chardev, err)))
        return false;
    if (!d)
        return true;
    u64 nr = p->nr >= 0 ? (u64)p->nr : !console; /* port 0 is for a console */
    while (p->nr < 0 && nr < d->max_ports && d->port[nr].plugged)
        nr++;
    if (nr >= d->max_ports)
        return error_set(err, ENOSPC, "port %llu is beyond the %llu of '%s'",
                         (unsigned long long)nr, (unsigned long long)d->max_ports, d->v.dev.id);
    if (d->port[nr].plugged)
        return error_set(err, EBUSY, "port %llu of '%s' is taken", (unsigned long long)nr,
                         d->v.dev.id);
    d->port[nr] =
        (struct port){.d = d, .chr = chr, .name = p->name, .plugged = true, .console = console};
    if (chr)
        chr_attach(chr, port_can, port_got, &d->port[nr]);
    return true;
}

static bool virtconsole_init(struct device *dev, struct error *err)
{
    return plug_port(container_of(dev, struct port_dev, dev), true, err);
}

static bool virtserialport_init(struct device *dev, struct error *err)
{
    return plug_port(container_of(dev, struct port_dev, dev), false, err);
}

static const struct prop port_props[] = {
    PROP_STR(struct port_dev, bus, NULL, "virtio-serial bus to plug into"),
    PROP_STR(struct port_dev, chardev, NULL, "id of the character back end"),
    PROP_STR(struct port_dev, name, NULL, "name told to the guest"),
    PROP_I64(struct port_dev, nr, "-1", -1, PORTS - 1, "number; -1: the first free one"),
    {0},
};
DEVICE(virtconsole, .name = "virtconsole", .doc = "console on a virtio-serial bus",
       .bus = "virtio-serial", .size = sizeof(struct port_dev), .props = port_props,
       .init = virtconsole_init);
DEVICE(virtserialport, .name = "virtserialport", .doc = "port on a virtio-serial bus",
       .bus = "virtio-serial", .size = sizeof(struct port_dev), .props = port_props,
       .init = virtserialport_init);
