/* net/net_test.c - the options, and a guest made of hand-written frames on the user network. */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/bits.h"
#include "net/net.h"

struct card {
    struct loop *loop;
    struct net *net;
    bool full;
    int n;
    u32 len;
    u8 last[2048]; /* the last frame that arrived */
};

static const u8 our_mac[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};

static bool receive(void *arg, const u8 *frame, u32 len)
{
    struct card *c = arg;
    if (c->full)
        return false;
    c->n++;
    c->len = len;
    memcpy(c->last, frame, MIN(len, sizeof c->last));
    return true;
}

static struct card setup(const char *text)
{
    struct card c = {.loop = loop_new()};
    struct error err = {0};
    c.net = net_open(text, "n0", c.loop, &err);
    if (!c.net)
        fprintf(stderr, "%s\n", err.msg);
    assert(c.net);
    return c;
}

static void attach(struct card *c)
{
    c->net->receive = receive;
    c->net->card = c;
}

static void teardown(struct card *c)
{
    net_close(c->net);
    loop_free(c->loop);
}

static bool wait_frame(struct card *c, int n)
{
    for (int i = 0; i < 200 && c->n < n; i++)
        loop_poll(c->loop, 10);
    return c->n >= n;
}

/* ---- frames ---------------------------------------------------------------------------------- */

static u32 ethernet(u8 *f, u16 type)
{
    memset(f, 0xff, 6);
    memcpy(f + 6, our_mac, 6);
    st_be16(f + 12, type);
    return 14;
}

static u32 make_arp(u8 *f, const char *target)
{
    u8 *p = f + ethernet(f, 0x0806);
    memset(p, 0, 28);
    st_be16(p, 1);          /* Ethernet */
    st_be16(p + 2, 0x0800); /* IPv4 */
    p[4] = 6;
    p[5] = 4;
    st_be16(p + 6, 1); /* request */
    memcpy(p + 8, our_mac, 6);
    inet_pton(AF_INET, "10.0.2.15", p + 14);
    inet_pton(AF_INET, target, p + 24);
    return 14 + 28;
}

static u16 ip_checksum(const u8 *p, int n)
{
    u32 sum = 0;
    for (int i = 0; i < n; i += 2)
        sum += ld_be16(p + i);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (u16)~sum;
}

/* RFC 2131: a DHCPDISCOVER; the UDP checksum is left out, as UDP over IPv4 may. */
static u32 make_discover(u8 *f)
{
    enum { IP = 20, UDP = 8, BOOTP = 240 + 4 };
    u8 *ip = f + ethernet(f, 0x0800), *udp = ip + IP, *bootp = udp + UDP;
    memset(ip, 0, IP + UDP + BOOTP);
    ip[0] = 0x45;
    st_be16(ip + 2, IP + UDP + BOOTP);
    ip[8] = 64;
    ip[9] = 17;
    memset(ip + 16, 0xff, 4);
    st_be16(ip + 10, ip_checksum(ip, IP));
    st_be16(udp, 68);
    st_be16(udp + 2, 67);
    st_be16(udp + 4, UDP + BOOTP);
    bootp[0] = 1; /* request */
    bootp[1] = 1;
    bootp[2] = 6;
    st_be32(bootp + 4, 0x12345678);
    memcpy(bootp + 28, our_mac, 6);
    st_be32(bootp + 236, 0x63825363);
    memcpy(bootp + 240, "\x35\1\1\xff", 4); /* message type: discover; end */
    return 14 + IP + UDP + BOOTP;
}

/* ---- tests ----------------------------------------------------------------------------------- */

TEST(net_user_answers_arp_and_dhcp)
{
    struct card c = setup("user,hostname=myna");
    u8 f[512];
    attach(&c);
    u32 len = make_arp(f, "10.0.2.2");
    net_send(c.net, f, len);
    assert(wait_frame(&c, 1) && ld_be16(c.last + 12) == 0x0806 && ld_be16(c.last + 20) == 2);
    len = make_discover(f);
    net_send(c.net, f, len);
    assert(wait_frame(&c, 2));
    u8 *bootp = c.last + 14 + 20 + 8;
    assert(ld_be16(c.last + 12) == 0x0800 && bootp[0] == 2 && ld_be32(bootp + 4) == 0x12345678);
    assert(ld_be32(bootp + 16) == 0x0a00020f);               /* 10.0.2.15 is ours */
    assert(memmem(bootp + 240, c.len - 282, "\x35\1\2", 3)); /* offer */
    assert(memmem(bootp + 240, c.len - 282, "myna", 4));
    teardown(&c);
}

TEST(net_user_keeps_frames_for_a_card_without_room)
{
    struct card c = setup("user,net=192.168.7.0/24,host=192.168.7.1");
    u8 f[512];
    attach(&c);
    c.full = true;
    u32 len = make_arp(f, "192.168.7.1");
    net_send(c.net, f, len);
    net_send(c.net, f, len);
    for (int i = 0; i < 20; i++)
        loop_poll(c.loop, 1);
    assert(c.n == 0);
    c.full = false;
    c.net->kind->poll(c.net);
    assert(wait_frame(&c, 2) && c.n == 2);
    teardown(&c);
}

TEST(net_user_survives_any_frame)
{
    struct card c = setup("user");
    static u8 f[NET_FRAME_MAX];
    attach(&c);
    u64 seed = 88172645463325252ull;
    for (int i = 0; i < 2000; i++) {
        u32 full = i & 1 ? make_arp(f, "10.0.2.2") : make_discover(f);
        for (int k = 0; k < 3; k++) {
            seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
            f[seed % full] = (u8)(seed >> 32);
        }
        net_send(c.net, f, i % 5 ? full : (u32)(seed % (full + 1)));
    }
    net_send(c.net, f, NET_FRAME_MAX);
    net_send(c.net, f, 0);
    for (int i = 0; i < 20; i++)
        loop_poll(c.loop, 1);
    int before = c.n;
    u32 len = make_arp(f, "10.0.2.2");
    net_send(c.net, f, len);
    assert(wait_frame(&c, before + 1));
    teardown(&c);
}

/* A free TCP port of the host: bound, noted, closed. */
static u16 free_port(int *keep)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert(!bind(fd, (struct sockaddr *)&a, len) && !getsockname(fd, (struct sockaddr *)&a, &len));
    if (keep && !listen(fd, 1))
        *keep = fd;
    else
        close(fd);
    return ntohs(a.sin_port);
}

TEST(net_user_forwards_a_host_port)
{
    u16 port = free_port(NULL), other = free_port(NULL);
    char *text =
        xprintf("user,hostfwd=tcp:127.0.0.1:%u-:80,hostfwd=udp::%u-10.0.2.20:9", port, other);
    struct card c = setup(text);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    u8 f[512];
    attach(&c);
    u32 len = make_arp(f, "10.0.2.2"); /* tells slirp our address */
    net_send(c.net, f, len);
    assert(wait_frame(&c, 1));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert(!connect(fd, (struct sockaddr *)&a, sizeof a));
    assert(wait_frame(&c, 2));
    u8 *ip = c.last + 14, *tcp = ip + 20;
    assert(ip[9] == 6 && ld_be32(ip + 16) == 0x0a00020f && ld_be16(tcp + 2) == 80 && tcp[13] == 2);
    close(fd);
    teardown(&c);
    free(text);
}

static bool refused(const char *text, const char *why)
{
    struct error err = {0};
    struct loop *l = loop_new();
    struct net *n = net_open(text, NULL, l, &err);
    net_close(n);
    loop_free(l);
    if (!n && !strstr(err.msg, why))
        fprintf(stderr, "%s\n", err.msg);
    return !n && strstr(err.msg, why);
}

TEST(net_open_errors)
{
    int fd = -1;
    u16 port = free_port(&fd);
    char *text = xprintf("user,id=n,hostfwd=tcp::%u-:22", port);
    char *why =
        xprintf("network 'n': hostfwd: tcp port %u on 0.0.0.0: Address already in use", port);
    assert(refused(text, why));
    free(text);
    free(why);
    close(fd);
    assert(refused("uesr,id=n", "no network back end 'uesr'; did you mean 'user'?"));
    assert(refused("user", "no id given"));
    assert(refused("user,id=n,hostfd=x", "no option 'hostfd'; did you mean 'hostfwd'?"));
    assert(refused("user,id=n,net=10.0.2.0/31", "4 to 29 bits"));
    assert(refused("user,id=n,host=1.2.3.4", "host: 1.2.3.4 is outside the guest's network"));
    assert(refused("user,id=n,dns=here", "dns: 'here' is not an IPv4 address"));
    assert(refused("user,id=n,ipv4=off,ipv6=off", "both off"));
    const char *const bad[] = {"",           "tcp",
                               "tcp::22",    "tcp:::22-:22",
                               "icmp::1-:1", "tcp::65536-:1",
                               "tcp::1-:0",  "tcp:localhost:1-:1",
                               "tcp::1-:x",  "-:"};
    for (unsigned i = 1; i < ARRAY_LEN(bad); i++) {
        text = xprintf("user,id=n,hostfwd=%s", bad[i]);
        assert(refused(text, "is not [tcp|udp]:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT"));
        free(text);
    }
}
