/* test/fuzz/virtio.c - fuzz target: every virtio device against a driver that does anything. */
#include <sys/mman.h>
#include <unistd.h>
#include "blk/blk.h"
#include "hw/virtio/driver.h"
#include "net/net.h"
#include "test/fuzz/fuzz.h"
#include "ui/ui.h"

enum { DISK_SIZE = 64 << 10, QUEUES = 6, CHAIN = 5, HEAP_LIMIT = DRV_RAM - 0x20000 };

struct input {
    const u8 *at, *end;
};

static u64 take(struct input *in, unsigned bytes)
{
    u64 v = 0;
    for (; bytes && in->at < in->end; bytes--)
        v = v << 8 | *in->at++;
    return v;
}

/* ---- back ends ------------------------------------------------------------------------------ */

static bool sink_open(struct net *n, struct error *err) { return n && err; }
static void sink_close(struct net *n) { (void)n; }
static void sink_send(struct net *n, const u8 *frame, u32 len) { (void)n, (void)frame, (void)len; }
NET_KIND(sink, .name = "fuzz-sink", .doc = "hears everything, says nothing",
         .size = sizeof(struct net), .open = sink_open, .close = sink_close, .send = sink_send);

struct world {
    struct drv g;
    int file;
    struct blk *blk;
    struct net *net;
    struct chr *chr;
};

static void open_disk(struct world *w)
{
    struct error err;
    struct blk_opts o;
    w->file = memfd_create("disk", MFD_CLOEXEC);
    bool ok = !ftruncate(w->file, DISK_SIZE);
    props_defaults(blk_props, &o);
    o.file = xprintf("/proc/self/fd/%d", w->file);
    w->blk = blk_open(&o, w->g.r.hw.loop, &err);
    props_free(blk_props, &o);
    assert(ok && w->blk);
    hw_provide(&w->g.r.hw, "drive", "x", w->blk);
    rig_start(&w->g.r, "virtio-blk-device", "drive", "x", "packed", "on", NULL);
}

static void open_world(struct world *w, unsigned kind)
{
    struct error err;
    *w = (struct world){.file = -1};
    drv_init(&w->g);
    switch (kind % 4) {
    case 0: open_disk(w); break;
    case 1:
        w->net = net_open("fuzz-sink,id=x", NULL, w->g.r.hw.loop, &err);
        hw_provide(&w->g.r.hw, "netdev", "x", w->net);
        rig_start(&w->g.r, "virtio-net-device", "netdev", "x", "packed", "on", NULL);
        break;
    case 2:
        rig_start(&w->g.r, "virtio-rng-device", "max-bytes", "9999", "packed", "on", NULL);
        break;
    case 3:
        w->chr = chr_open("null", w->g.r.hw.loop, &err);
        hw_provide(&w->g.r.hw, "chardev", "x", w->chr);
        struct device *console =
            device_new(&w->g.r.hw, device_class_find("virtio-serial-device"), "c");
        struct device *port = device_new(&w->g.r.hw, device_class_find("virtconsole"), "p");
        bool ok = device_set(console, "packed", "on", &err) && device_start(console, &err) &&
                  device_set(port, "chardev", "x", &err) && device_start(port, &err);
        assert(ok);
        w->g.r.d = console;
    }
}

static void close_world(struct world *w)
{
    blk_close(w->blk);
    net_close(w->net);
    chr_close(w->chr);
    drv_fini(&w->g);
    if (w->file >= 0)
        close(w->file);
}

/* ---- what a driver may do ------------------------------------------------------------------- */

/* Lets the disk finish, so that the same input does the same. */
static void settle(struct world *w)
{
    struct virtio *v = to_virtio(w->g.r.d);
    for (unsigned i = 0; i < v->n_queues; i++)
        while (w->blk && v->queue[i].inflight)
            loop_poll(w->g.r.hw.loop, 1);
}

/* Features that are offered, or any; queues of any size. */
static void restart(struct world *w, struct input *in)
{
    u64 pick = take(in, 1), features = take(in, 5) | FEATURE(F_VERSION_1);
    u16 size = (u16)(2u << pick % 8);
    if (pick < 0xf0)
        features &= drv_offered(&w->g);
    w->g.heap = DRV_HEAP;
    if (drv_negotiate(&w->g, features))
        for (int q = 0; q < QUEUES; q++)
            drv_queue(&w->g, q, size);
    drv_go(&w->g);
}

/* A chain that looks right, or nearly so: the first buffer holds bytes of the input. */
static void request(struct world *w, struct input *in)
{
    struct drv_buf b[CHAIN];
    u8 bytes[16];
    int q = (int)take(in, 1) % QUEUES, n = 1 + (int)take(in, 1) % CHAIN,
        n_out = 1 + (int)take(in, 1) % n;
    if (w->g.heap > HEAP_LIMIT || w->g.q[q].size < n)
        return;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (u8)take(in, 1);
    for (int i = 0; i < n; i++) {
        u64 shape = take(in, 2);
        b[i] = i ? drv_room(&w->g, 1 + shape % 2048) : drv_text(&w->g, bytes, sizeof bytes);
        b[i].in = (i >= n_out) ^ (shape >> 11 == 31);
        if (shape >> 11 == 30)
            b[i].addr = take(in, 8);
    }
    if (take(in, 1) & 1)
        drv_add_indirect(&w->g, q, b, n);
    else
        drv_add(&w->g, q, b, n);
    drv_kick(&w->g, q);
}

static void poke(struct world *w, struct input *in)
{
    u64 off = take(in, 3) % (DRV_RAM - 8), len = take(in, 1) % 8;
    for (; len; len--)
        w->g.ram->host[off++] = (u8)take(in, 1);
}

static void frame(struct world *w, struct input *in)
{
    u8 bytes[2000] = {0};
    u32 len = (u32)take(in, 2) % sizeof bytes;
    st_le64(bytes, take(in, 6));
    if (w->net)
        w->net->receive(w->net->card, bytes, len);
}

static void save_and_restore(struct world *w)
{
    struct error err;
    size_t n = device_save(w->g.r.d, NULL);
    u8 *state = xalloc(n);
    device_save(w->g.r.d, state);
    bool ok = device_restore(w->g.r.d, state, n, &err);
    assert(ok);
    free(state);
}

static void act(struct world *w, struct input *in)
{
    u64 off;
    switch (take(in, 1) % 16) {
    case 0: restart(w, in); break;
    case 1:
        off = take(in, 2) % 0x200;
        device_write(w->g.r.d, 0, off, take(in, 4), 1u << take(in, 1) % 4);
        break;
    case 2: device_read(w->g.r.d, 0, take(in, 2) % 0x200, 1u << take(in, 1) % 4); break;
    case 3: drv_kick(&w->g, (int)take(in, 1) % QUEUES); break;
    case 4: poke(w, in); break;
    case 5: rig_step(&w->g.r, take(in, 1) * 1000000000); break;
    case 6: frame(w, in); break;
    case 7: save_and_restore(w); break;
    default: request(w, in); break;
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct input in = {data, data + size};
    struct world w;
    open_world(&w, (unsigned)take(&in, 1));
    restart(&w, &in);
    while (in.at < in.end) {
        act(&w, &in);
        settle(&w);
    }
    close_world(&w);
    return 0;
}
