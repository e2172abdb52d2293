/* hw/virtio/net.c - the virtio network card: two rings of frames and one of commands.
 * Virtio 1.2, section 5.1. */
#include <ctype.h>
#include <errno.h>
#include "base/bits.h"
#include "hw/virtio/virtio.h"
#include "net/net.h"

enum {
    F_MTU = 3,
    F_MAC = 5,
    F_MRG_RXBUF = 15,
    F_STATUS = 16,
    F_CTRL_VQ = 17,
    F_CTRL_RX = 18,
    F_CTRL_RX_EXTRA = 20,
    F_CTRL_MAC_ADDR = 23
};
enum { RXQ, TXQ, CTRLQ };
enum { HEADER = 12, HEADER_BUFFERS = 10, MAC = 6, LINK_UP = 1 };
enum { CTRL_RX = 0, CTRL_MAC = 1, MAC_TABLE_SET = 0, MAC_ADDR_SET = 1, CTRL_OK = 0, CTRL_ERR = 1 };
enum { PROMISC, ALLMULTI, ALLUNI, NOMULTI, NOUNI, NOBCAST, MODES }; /* commands of class CTRL_RX */
enum { TABLE = 64, RX_ELEMS = 64, CONFIG_SIZE = 12 };

struct virtio_net {
    struct virtio v;
    struct net_state {
        u8 mac[MAC];
        u8 mode[MODES];       /* the driver's receive modes */
        u8 table[TABLE][MAC]; /* what else it wants to hear: unicast first */
        u16 n_uni, n_multi;   /* of the table; TABLE + 1: more than fit, so everything */
    } s;
    struct net *net;                        /* NULL: no cable */
    bool rx_full;                           /* the back end waits for buffers */
    struct virtq_elem *rx[RX_ELEMS], *elem; /* elem: for transmission and commands */
    u8 dflt_mac[MAC], frame[NET_FRAME_MAX];
    char *netdev, *mac;
    u64 rx_queue_size, tx_queue_size, host_mtu;
    bool mrg_rxbuf, ctrl_vq;
};

static struct virtio_net *self(struct virtio *v) { return container_of(v, struct virtio_net, v); }

/* ---- guest to world ------------------------------------------------------------------------- */

static bool transmit(struct virtio_net *d, struct virtq *q)
{
    for (unsigned n = q->s->size; n; n--) {
        if (!virtq_pop(q, d->elem))
            return true;
        u64 len = d->elem->out_len - HEADER;
        if (d->elem->out_len <= HEADER || len > NET_FRAME_MAX)
            guest_error(&d->v.dev, "a frame of %lld bytes", (long long)len);
        else if (d->net)
            net_send(d->net, d->frame, (u32)virtq_read(d->elem, HEADER, d->frame, len));
        virtq_push(q, &d->elem, 1);
    }
    return false;
}

/* ---- world to guest ------------------------------------------------------------------------- */

static bool in_table(const struct virtio_net *d, unsigned from, unsigned n, const u8 *mac)
{
    for (unsigned i = from; i < MIN(from + n, (unsigned)TABLE); i++)
        if (!memcmp(d->s.table[i], mac, MAC))
            return true;
    return n > TABLE;
}

/* 5.1.6.5.1: does the driver want to hear frames to this address? */
static bool wanted(const struct virtio_net *d, const u8 *mac)
{
    static const u8 broadcast[MAC] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    const u8 *mode = d->s.mode;
    unsigned n_uni = MIN(d->s.n_uni, TABLE + 1u);
    if (mode[PROMISC])
        return true;
    if (!memcmp(mac, broadcast, MAC))
        return !mode[NOBCAST];
    if (mac[0] & 1)
        return !mode[NOMULTI] &&
               (mode[ALLMULTI] || in_table(d, n_uni > TABLE ? 0 : n_uni, d->s.n_multi, mac));
    return !mode[NOUNI] &&
           (mode[ALLUNI] || !memcmp(mac, d->s.mac, MAC) || in_table(d, 0, n_uni, mac));
}

/* Takes buffers until they hold `len` bytes; returns how many requests that were, 0: too few. */
static unsigned take_buffers(struct virtio_net *d, struct virtq *q, u64 len)
{
    unsigned n = 0, max = virtio_has(&d->v, F_MRG_RXBUF) ? RX_ELEMS : 1;
    u64 room = 0;
    while (room < len && n < max && virtq_pop(q, d->rx[n]))
        room += d->rx[n++]->in_len;
    if (room >= len)
        return n;
    d->rx_full = n < max;
    if (n == max)
        guest_error(&d->v.dev, "%u receive buffers hold %llu bytes", n, (unsigned long long)room);
    virtq_unpop(q, d->rx, n);
    return 0;
}

/* Spreads header and frame over n requests; true: done, or nobody wants it. */
static bool deliver(struct virtio_net *d, const u8 *frame, u32 len)
{
    struct virtq *q = &d->v.queue[RXQ];
    u8 header[HEADER] = {0};
    if (!virtq_live(q) || len < MAC || !wanted(d, frame))
        return true;
    unsigned n = take_buffers(d, q, (u64)HEADER + len);
    if (!n)
        return !d->rx_full;
    st_le16(header + HEADER_BUFFERS, (u16)n);
    u64 at = 0; /* in header and frame together */
    for (unsigned i = 0; i < n; i++) {
        u64 done = 0;
        if (at < HEADER)
            done = virtq_write(d->rx[i], 0, header + at, HEADER - at);
        if (at + done >= HEADER)
            done +=
                virtq_write(d->rx[i], done, frame + (at + done - HEADER), HEADER + len - at - done);
        d->rx[i]->written = (u32)done;
        at += done;
    }
    virtq_push(q, d->rx, n);
    return true;
}

static bool net_receive(void *card, const u8 *frame, u32 len)
{
    struct virtio_net *d = card;
    device_lock(&d->v.dev);
    bool done = deliver(d, frame, len);
    device_unlock(&d->v.dev);
    return done;
}

static void resume(struct virtio_net *d)
{
    bool was = d->rx_full;
    d->rx_full = false;
    if (was && d->net->kind->poll)
        d->net->kind->poll(d->net);
}

/* ---- commands: 5.1.6.5 ---------------------------------------------------------------------- */

/* One list of the table command: a count, then addresses. False: the request is too short. */
static bool read_list(struct virtio_net *d, u64 *at, unsigned from, u16 *n)
{
    u8 count[4];
    if (virtq_read(d->elem, *at, count, 4) < 4)
        return false;
    u64 len = (u64)ld_le32(count) * MAC;
    *at += 4;
    if (d->elem->out_len - *at < len)
        return false;
    *n = TABLE + 1;
    if (len <= (TABLE - from) * (u64)MAC) {
        *n = (u16)(len / MAC);
        virtq_read(d->elem, *at, d->s.table[from], len);
    }
    *at += len;
    return true;
}

static bool set_table(struct virtio_net *d)
{
    u64 at = 2;
    return read_list(d, &at, 0, &d->s.n_uni) &&
           read_list(d, &at, d->s.n_uni > TABLE ? 0 : d->s.n_uni, &d->s.n_multi);
}

static bool command(struct virtio_net *d)
{
    u8 head[2 + MAC];
    u64 len = virtq_read(d->elem, 0, head, sizeof head);
    if (len >= 3 && head[0] == CTRL_RX && head[1] < MODES) {
        d->s.mode[head[1]] = !!head[2];
        return true;
    }
    if (len >= 2 && head[0] == CTRL_MAC && head[1] == MAC_TABLE_SET)
        return set_table(d);
    if (len == sizeof head && head[0] == CTRL_MAC && head[1] == MAC_ADDR_SET) {
        memcpy(d->s.mac, head + 2, MAC);
        return true;
    }
    return false;
}

static bool commands(struct virtio_net *d, struct virtq *q)
{
    for (unsigned n = q->s->size; n; n--) {
        if (!virtq_pop(q, d->elem))
            return true;
        u8 ack = command(d) ? CTRL_OK : CTRL_ERR;
        d->elem->written = (u32)virtq_write(d->elem, 0, &ack, 1);
        virtq_push(q, &d->elem, 1);
    }
    return false;
}

static bool net_notify(struct virtio *v, struct virtq *q)
{
    switch (q->index) {
    case TXQ: return transmit(self(v), q);
    case CTRLQ: return commands(self(v), q);
    default: resume(self(v)); return true;
    }
}

/* ---- life ----------------------------------------------------------------------------------- */

static void net_config(struct virtio *v, u8 *c)
{
    const struct virtio_net *d = self(v);
    memcpy(c, d->s.mac, MAC);
    st_le16(c + 6, LINK_UP);
    st_le16(c + 8, 1); /* pairs of queues */
    st_le16(c + 10, (u16)d->host_mtu);
}

static bool parse_mac(const char *text, u8 *mac)
{
    for (int i = 0; i < MAC; i++) {
        char *end;
        unsigned long byte = strtoul(text, &end, 16);
        if (!isxdigit((u8)*text) || end > text + 2 || *end != (i == MAC - 1 ? '\0' : ':'))
            return false;
        mac[i] = (u8)byte;
        text = end + 1;
    }
    return true;
}

static const struct virtio_class virtio_net;

/* The n-th card without a `mac` gets the n-th address of a locally administered block. */
static void next_mac(const struct virtio_net *d, u8 *mac)
{
    static const u8 first[MAC] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
    memcpy(mac, first, MAC);
    for (const struct device *o = d->v.dev.hw->devices; o && o != &d->v.dev; o = o->next)
        if (o->class->more == &virtio_net)
            mac[MAC - 1]++;
}

static bool net_init(struct virtio *v, struct error *err)
{
    struct virtio_net *d = self(v);
    if (d->mac && !parse_mac(d->mac, d->dflt_mac))
        return error_set(err, EINVAL, "mac '%s' is not like 52:54:00:12:34:56", d->mac);
    if (!d->mac)
        next_mac(d, d->dflt_mac);
    if (d->dflt_mac[0] & 1)
        return error_set(err, EINVAL, "mac '%s' is a multicast address", d->mac);
    if (!is_pow2(d->rx_queue_size) || !is_pow2(d->tx_queue_size))
        return error_set(err, EINVAL, "queue sizes %llu and %llu are not powers of two",
                         (unsigned long long)d->rx_queue_size,
                         (unsigned long long)d->tx_queue_size);
    if (d->netdev && !(d->net = hw_take(v->dev.hw, "netdev", d->netdev, err)))
        return false;
    v->offered |= FEATURE(F_MAC) | FEATURE(F_STATUS) | (d->host_mtu ? FEATURE(F_MTU) : 0) |
                  (d->mrg_rxbuf ? FEATURE(F_MRG_RXBUF) : 0);
    virtio_queue(v, RXQ, d->rx_queue_size);
    virtio_queue(v, TXQ, d->tx_queue_size);
    if (d->ctrl_vq) {
        v->offered |= FEATURE(F_CTRL_VQ) | FEATURE(F_CTRL_RX) | FEATURE(F_CTRL_RX_EXTRA) |
                      FEATURE(F_CTRL_MAC_ADDR);
        virtio_queue(v, CTRLQ, 64);
    }
    for (int i = 0; i < RX_ELEMS; i++)
        d->rx[i] = virtq_elem_new(i ? 32 : VIRTQ_SIZE_MAX);
    d->elem = virtq_elem_new(VIRTQ_SIZE_MAX);
    if (d->net) {
        d->net->card = d;
        d->net->receive = net_receive;
    }
    return true;
}

static void net_reset(struct virtio *v)
{
    struct virtio_net *d = self(v);
    memcpy(d->s.mac, d->dflt_mac, MAC);
    d->s.mode[PROMISC] = 1; /* until the driver says what it wants */
    resume(d);
}

static void net_fini(struct virtio *v)
{
    struct virtio_net *d = self(v);
    for (int i = 0; i < RX_ELEMS; i++)
        free(d->rx[i]);
    free(d->elem);
}

static const struct virtio_class virtio_net = {
    .type = 1,
    .pci_class = 0x020000,
    .config_size = CONFIG_SIZE,
    .init = net_init,
    .fini = net_fini,
    .reset = net_reset,
    .notify = net_notify,
    .config = net_config,
};
/* clang-format off */
#define NET_PROPS                                                                                  \
    PROP_STR(struct virtio_net, netdev, NULL, "id of the network"),                                \
    PROP_STR(struct virtio_net, mac, NULL, "address, like 52:54:00:12:34:56"),                     \
    PROP_U64(struct virtio_net, rx_queue_size, "256", 8, VIRTQ_SIZE_MAX,                           \
             "entries of the receive queue"),                                                      \
    PROP_U64(struct virtio_net, tx_queue_size, "256", 8, VIRTQ_SIZE_MAX,                           \
             "entries of the transmit queue"),                                                     \
    PROP_U64(struct virtio_net, host_mtu, "0", 0, 65535,                                           \
             "what the driver shall use; 0: its choice"),                                          \
    PROP_BOOL(struct virtio_net, mrg_rxbuf, "on", "offer frames that span buffers"),               \
    PROP_BOOL(struct virtio_net, ctrl_vq, "on", "offer commands: receive modes, address")
/* clang-format on */
VIRTIO_DEVICE(net, struct virtio_net, "virtio-net", "virtio network card", virtio_net, NET_PROPS,
              VIRTIO_FIELD(struct virtio_net, mac), VIRTIO_FIELD(struct virtio_net, mode),
              VIRTIO_FIELD(struct virtio_net, table), VIRTIO_FIELD(struct virtio_net, n_uni),
              VIRTIO_FIELD(struct virtio_net, n_multi));
