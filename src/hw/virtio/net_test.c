/* hw/virtio/net_test.c - frames both ways, receive filters and commands of the network card. */
#include "hw/virtio/driver.h"
#include "net/net.h"

enum { RXQ, TXQ, CTRLQ, HEADER = 12 };
enum { F_MTU = 3, F_MRG_RXBUF = 15, F_CTRL_VQ = 17 };
enum { CTRL_RX = 0, CTRL_MAC = 1, PROMISC = 0, ALLMULTI, ALLUNI, NOMULTI, NOUNI, NOBCAST };

/* ---- a wire that remembers the last frame --------------------------------------------------- */

struct wire {
    struct net net;
    u8 frame[NET_FRAME_MAX];
    u32 len;
    int frames, polls;
};

static bool wire_open(struct net *n, struct error *err) { return n && err; }
static void wire_close(struct net *n) { (void)n; }
static void wire_send(struct net *n, const u8 *frame, u32 len)
{
    struct wire *w = container_of(n, struct wire, net);
    memcpy(w->frame, frame, len);
    w->len = len;
    w->frames++;
}
static void wire_poll(struct net *n) { container_of(n, struct wire, net)->polls++; }

NET_KIND(wire, .name = "test-wire", .doc = "remembers the last frame", .size = sizeof(struct wire),
         .open = wire_open, .close = wire_close, .send = wire_send, .poll = wire_poll);

struct card {
    struct drv g;
    struct wire *wire;
};

static void open_card(struct card *c, u64 features)
{
    struct error err;
    drv_init(&c->g);
    struct net *n = net_open("test-wire,id=n0", NULL, c->g.r.hw.loop, &err);
    assert(n);
    c->wire = container_of(n, struct wire, net);
    hw_provide(&c->g.r.hw, "netdev", "n0", n);
    rig_start(&c->g.r, "virtio-net-device", "netdev", "n0", "host-mtu", "1400", NULL);
    drv_start(&c->g, features | FEATURE(F_CTRL_VQ), 3, 16);
}

static void close_card(struct card *c)
{
    net_close(&c->wire->net);
    drv_fini(&c->g);
}

static bool receive(struct card *c, const void *frame, u32 len)
{
    return c->wire->net.receive(c->wire->net.card, frame, len);
}

/* ---- out ------------------------------------------------------------------------------------ */

TEST(net_sends_frames)
{
    struct card c;
    u8 bytes[HEADER + 64];
    open_card(&c, 0);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (u8)i;
    struct drv_buf all = drv_text(&c.g, bytes, sizeof bytes);
    struct drv_buf parts[3] = {
        {all.addr, 5, false}, {all.addr + 5, 20, false}, {all.addr + 25, 51, false}};
    drv_do(&c.g, TXQ, &all, 1);
    drv_do(&c.g, TXQ, parts, 3);
    loop_poll(c.g.r.hw.loop, 0);
    assert(c.wire->frames == 2 && c.wire->len == 64 && !memcmp(c.wire->frame, bytes + HEADER, 64));
    close_card(&c);
}

TEST(net_drops_frames_that_are_too_short_or_too_long)
{
    struct card c;
    open_card(&c, FEATURE(F_INDIRECT));
    struct drv_buf b = {drv_alloc(&c.g, 40000), HEADER, false};
    drv_do(&c.g, TXQ, &b, 1);
    b.len = 40000;
    struct drv_buf two[2] = {b, b};
    drv_do(&c.g, TXQ, two, 2);
    loop_poll(c.g.r.hw.loop, 0);
    assert(c.wire->frames == 0 && c.g.r.d->guest_errors == 2 && !drv_broken(&c.g));
    close_card(&c);
}

/* ---- in ------------------------------------------------------------------------------------- */

TEST(net_receives_into_one_buffer)
{
    struct card c;
    u16 id;
    u32 len;
    open_card(&c, 0);
    struct drv_buf b[2] = {drv_room(&c.g, HEADER), drv_room(&c.g, 100)};
    drv_add(&c.g, RXQ, b, 2);
    assert(receive(&c, "0123456789abcdef", 16));
    assert(drv_used(&c.g, RXQ, &id, &len) && len == HEADER + 16);
    assert(ld_le16(drv_at(&c.g, b[0].addr) + 10) == 1 &&
           !memcmp(drv_at(&c.g, b[1].addr), "0123456789abcdef", 16));
    struct drv_buf small = drv_room(&c.g, 20);
    drv_add(&c.g, RXQ, &small, 1);
    assert(receive(&c, "0123456789abcdef", 16)); /* dropped: it will never fit */
    assert(!drv_used(&c.g, RXQ, &id, &len) && c.g.r.d->guest_errors == 1);
    close_card(&c);
}

TEST(net_spreads_a_frame_over_merged_buffers)
{
    for (u64 packed = 0; packed < 2; packed++) {
        struct card c;
        u8 frame[100];
        u16 id;
        u32 len;
        drv_init(&c.g);
        struct error err;
        struct net *n = net_open("test-wire,id=n0", NULL, c.g.r.hw.loop, &err);
        c.wire = container_of(n, struct wire, net);
        hw_provide(&c.g.r.hw, "netdev", "n0", n);
        rig_start(&c.g.r, "virtio-net-device", "netdev", "n0", "packed", "on", NULL);
        drv_start(&c.g, FEATURE(F_MRG_RXBUF) | packed << F_PACKED, 2, 16);
        for (size_t i = 0; i < sizeof frame; i++)
            frame[i] = (u8)(i + 1);
        struct drv_buf b[4];
        for (int i = 0; i < 4; i++) {
            b[i] = drv_room(&c.g, i ? 40 : 8); /* the first is shorter than the header */
            drv_add(&c.g, RXQ, &b[i], 1);
        }
        assert(receive(&c, frame, sizeof frame));
        static const u32 want[] = {8, 40, 40, 24};
        for (int i = 0; i < 4; i++)
            assert(drv_used(&c.g, RXQ, &id, &len) && len == want[i]);
        assert(ld_le16(drv_at(&c.g, b[1].addr) + 2) == 4); /* num_buffers */
        assert(!memcmp(drv_at(&c.g, b[1].addr) + 4, frame, 36));
        assert(!memcmp(drv_at(&c.g, b[2].addr), frame + 36, 40) &&
               !memcmp(drv_at(&c.g, b[3].addr), frame + 76, 24));
        close_card(&c);
    }
}

TEST(net_lets_the_wire_wait_for_buffers)
{
    struct card c;
    u16 id;
    u32 len;
    open_card(&c, FEATURE(F_MRG_RXBUF));
    struct drv_buf a = drv_room(&c.g, 20), b = drv_room(&c.g, 20);
    int polls = c.wire->polls;
    assert(!receive(&c, "0123456789abcdef", 16));
    drv_add(&c.g, RXQ, &a, 1);
    drv_kick(&c.g, RXQ);
    assert(c.wire->polls == polls + 1 &&
           !receive(&c, "0123456789abcdef", 16)); /* one is not enough */
    assert(!drv_used(&c.g, RXQ, &id, &len));
    drv_add(&c.g, RXQ, &b, 1);
    drv_kick(&c.g, RXQ);
    assert(c.wire->polls == polls + 2 && receive(&c, "0123456789abcdef", 16));
    assert(drv_used(&c.g, RXQ, &id, &len) && len == 20 && drv_used(&c.g, RXQ, &id, &len) &&
           len == 8);
    close_card(&c);
}

TEST(net_without_a_driver_drops_frames)
{
    struct card c;
    open_card(&c, 0);
    assert(!receive(&c, "0123456789abcdef", 16)); /* waits */
    int polls = c.wire->polls;
    drv_set(&c.g, R_STATUS, 0);
    assert(c.wire->polls == polls + 1 && receive(&c, "0123456789abcdef", 16));
    close_card(&c);
}

/* ---- commands ------------------------------------------------------------------------------- */

static u8 command(struct card *c, const void *bytes, u32 len)
{
    struct drv_buf b[2] = {drv_text(&c->g, bytes, len), drv_room(&c->g, 1)};
    drv_do(&c->g, CTRLQ, b, 2);
    return *drv_at(&c->g, b[1].addr);
}

static u8 rx_mode(struct card *c, u8 mode, u8 on)
{
    u8 bytes[3] = {CTRL_RX, mode, on};
    return command(c, bytes, 3);
}

/* Does a frame to this address arrive? */
static bool hears(struct card *c, const char *mac)
{
    u8 frame[60] = {0};
    u16 id;
    u32 len;
    struct drv_buf b = drv_room(&c->g, 100);
    memcpy(frame, mac, 6);
    drv_add(&c->g, RXQ, &b, 1);
    assert(receive(c, frame, sizeof frame));
    if (drv_used(&c->g, RXQ, &id, &len))
        return true;
    c->g.q[RXQ].next--; /* takes the buffer back */
    c->g.q[RXQ].free = (u16)((c->g.q[RXQ].free + 15) % 16);
    st_le16(drv_part(&c->g, RXQ, DRV_DRIVER_AREA) + 2, c->g.q[RXQ].next);
    return false;
}

#define OWN "\x52\x54\x00\x12\x34\x56"
#define OTHER "\x02\x00\x00\x00\x00\x01"
#define MULTI "\x33\x33\x00\x00\x00\x01"
#define ALL "\xff\xff\xff\xff\xff\xff"

TEST(net_hears_what_the_driver_wants)
{
    struct card c;
    open_card(&c, 0);
    assert(hears(&c, OWN) && hears(&c, OTHER) && hears(&c, MULTI) && hears(&c, ALL));
    assert(rx_mode(&c, PROMISC, 0) == 0);
    assert(hears(&c, OWN) && !hears(&c, OTHER) && !hears(&c, MULTI) && hears(&c, ALL));
    rx_mode(&c, ALLMULTI, 1);
    assert(!hears(&c, OTHER) && hears(&c, MULTI));
    rx_mode(&c, ALLUNI, 1);
    assert(hears(&c, OTHER));
    rx_mode(&c, NOUNI, 1);
    rx_mode(&c, NOMULTI, 1);
    rx_mode(&c, NOBCAST, 1);
    assert(!hears(&c, OWN) && !hears(&c, MULTI) && !hears(&c, ALL));
    assert(rx_mode(&c, 6, 1) == 1);
    drv_start(&c.g, FEATURE(F_CTRL_VQ), 3, 16);
    assert(hears(&c, OTHER)); /* a reset forgets all */
    close_card(&c);
}

TEST(net_hears_the_addresses_of_the_table)
{
    struct card c;
    open_card(&c, 0);
    rx_mode(&c, PROMISC, 0);
    static const char table[] = "\x01\x00\x01\0\0\0" OTHER "\x01\0\0\0" MULTI;
    assert(command(&c, table, sizeof table - 1) == 0);
    assert(hears(&c, OTHER) && hears(&c, MULTI) && hears(&c, OWN) &&
           !hears(&c, "\x02\0\0\0\0\x02"));
    assert(command(&c, table, sizeof table - 2) == 1 && command(&c, table, 5) == 1); /* cut short */
    static const char huge[] = "\x01\x00\xff\xff\xff\xff" OTHER;
    assert(command(&c, huge, sizeof huge - 1) == 1);
    u8 many[2 + 4 + 65 * 6 + 4] = {CTRL_MAC, 0, 65};
    assert(command(&c, many, sizeof many) == 0);
    assert(hears(&c, OTHER) && hears(&c, "\x02\0\0\0\0\x02") &&
           !hears(&c, MULTI)); /* more than fit: all */
    close_card(&c);
}

TEST(net_address_can_be_set)
{
    struct card c;
    open_card(&c, 0);
    rx_mode(&c, PROMISC, 0);
    assert(command(&c, "\x01\x01" OTHER, 8) == 0 && command(&c, "\x01\x01" OTHER, 7) == 1);
    assert(hears(&c, OTHER) && !hears(&c, OWN) && drv_get(&c.g, R_CONFIG) == 2);
    assert(drv_get(&c.g, R_CONFIG + 8) == (1400u << 16 | 1) && drv_offered(&c.g) & FEATURE(F_MTU));
    device_reset(c.g.r.d);
    assert(drv_get(&c.g, R_CONFIG) == 0x12005452);
    close_card(&c);
}

TEST(net_addresses_follow_one_another)
{
    struct rig r;
    rig_init(&r);
    for (u8 i = 0; i < 3; i++) {
        rig_start(&r, i & 1 ? "virtio-net-pci" : "virtio-net-device", NULL);
        assert(device_read(r.d, 0, (i & 1 ? 0x2000 : R_CONFIG) + 5, 1) == 0x56u + i);
    }
    static const char *const bad[] = {"52:54:00:12:34",
                                      "52:54:00:12:34:56:78",
                                      "x",
                                      "",
                                      "152:54:00:12:34:56",
                                      "01:00:00:00:00:00",
                                      "52-54-00-12-34-56",
                                      " 2: 2: 3: 4: 5: 6",
                                      "0x:2:3:4:5:6"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct error err;
        struct device *d = device_new(&r.hw, device_class_find("virtio-net-pci"), "n");
        assert(device_set(d, "mac", bad[i], &err) && !device_start(d, &err));
    }
    rig_fini(&r);
}
