/* net/user.c - user-mode networking: libslirp's TCP/IP between the guest and the host's sockets. */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <slirp/libslirp.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "net/frames.h"
#include "net/net.h"

/* libslirp wants to be asked which sockets to poll before every sleep. Its sockets so live in an
 * epoll set of their own, which the loop watches as one descriptor: when it is ready, when frames
 * came in, or when slirp's time-out has passed, turn() lets slirp work and updates the set. */

enum { BACKLOG_MAX = 1 << 20, BACKLOG_PAUSE = 1 << 17 };

struct watch {             /* one of slirp's descriptors, by number */
    u32 want, have, ready; /* EPOLL bits: asked for in this turn, registered, reported */
    bool listed;           /* in user.listed */
};

struct user {
    struct net base;
    char *net, *host, *dns, *dhcpstart, *hostname, *domainname, *tftp, *bootfile, *hostfwd;
    bool restricted, ipv4, ipv6;

    struct in_addr guest_addr;
    Slirp *slirp;
    struct loop_fd set; /* the epoll set */
    struct loop_timer tick;
    struct watch *watches;
    int *listed; /* descriptors whose watch is not all zero */
    int n_watches, n_listed, cap_listed;
    struct frames backlog; /* world to guest: the card had no room */
};

static const struct prop props[] = {
    PROP_STR(struct user, net, "10.0.2.0/24", "the guest's IPv4 network: ADDRESS/BITS"),
    PROP_STR(struct user, host, NULL, "the gateway's address in it (default: .2)"),
    PROP_STR(struct user, dns, NULL, "the name server's address in it (default: .3)"),
    PROP_STR(struct user, dhcpstart, NULL, "the first address DHCP gives away (default: .15)"),
    PROP_STR(struct user, hostname, NULL, "host name told by DHCP"),
    PROP_STR(struct user, domainname, NULL, "domain name told by DHCP"),
    PROP_STR(struct user, tftp, NULL, "directory of the built-in TFTP server"),
    PROP_STR(struct user, bootfile, NULL, "boot file name told by DHCP"),
    PROP_STR(struct user, hostfwd, NULL,
             "[tcp|udp]:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT; may be given again"),
    {"restrict", "off", "the guest reaches neither host nor world",
     offsetof(struct user, restricted), PROP_T_BOOL, 0, 0, NULL},
    PROP_BOOL(struct user, ipv4, "on", "IPv4"),
    PROP_BOOL(struct user, ipv6, "on", "IPv6, as fec0::/64"),
    {0},
};

static struct user *self(struct net *n) { return container_of(n, struct user, base); }

/* ---- frames to the guest --------------------------------------------------------------------- */

static bool backlogged(const struct user *u)
{
    return u->backlog.end - u->backlog.at > BACKLOG_PAUSE;
}

static void deliver(struct user *u)
{
    u32 len;
    for (const u8 *frame; (frame = frames_first(&u->backlog, &len)); frames_pop(&u->backlog))
        if (u->base.receive && !u->base.receive(u->base.card, frame, len))
            return;
}

static ssize_t send_packet(const void *buf, size_t len, void *opaque)
{
    struct user *u = opaque;
    bool waits = !frames_empty(&u->backlog);
    if (!u->base.receive || len > NET_FRAME_MAX)
        return (ssize_t)len;
    if (waits || !u->base.receive(u->base.card, buf, (u32)len))
        frames_add(&u->backlog, buf, (u32)len, BACKLOG_MAX); /* full: dropped, TCP sends it again */
    return (ssize_t)len;
}

/* ---- slirp's descriptors --------------------------------------------------------------------- */

static const struct {
    int slirp;
    u32 epoll;
} event_map[] = {
    {SLIRP_POLL_IN, EPOLLIN},   {SLIRP_POLL_OUT, EPOLLOUT}, {SLIRP_POLL_PRI, EPOLLPRI},
    {SLIRP_POLL_ERR, EPOLLERR}, {SLIRP_POLL_HUP, EPOLLHUP},
};

/* slirp's index of a descriptor is its number. */
static int add_poll(int fd, int events, void *opaque)
{
    struct user *u = opaque;
    if (fd >= u->n_watches) {
        u->watches = xresize(u->watches, sizeof(struct watch) * (size_t)(fd + 1));
        memset(u->watches + u->n_watches, 0,
               sizeof(struct watch) * (size_t)(fd + 1 - u->n_watches));
        u->n_watches = fd + 1;
    }
    struct watch *w = &u->watches[fd];
    for (unsigned i = 0; i < ARRAY_LEN(event_map); i++)
        if (events & event_map[i].slirp)
            w->want |= event_map[i].epoll;
    if (!w->listed) {
        if (u->n_listed == u->cap_listed) {
            u->cap_listed = u->cap_listed * 2 + 16;
            u->listed = xresize(u->listed, sizeof(int) * (size_t)u->cap_listed);
        }
        u->listed[u->n_listed++] = fd;
        w->listed = true;
    }
    return fd;
}

static int get_revents(int fd, void *opaque)
{
    struct user *u = opaque;
    u32 ready = fd >= 0 && fd < u->n_watches ? u->watches[fd].ready : 0;
    int events = 0;
    for (unsigned i = 0; i < ARRAY_LEN(event_map); i++)
        if (ready & event_map[i].epoll)
            events |= event_map[i].slirp;
    return events;
}

/* slirp is about to close it; the number may come back for another socket. */
static void unregister_poll_fd(int fd, void *opaque)
{
    struct user *u = opaque;
    if (fd < 0 || fd >= u->n_watches)
        return;
    if (u->watches[fd].have)
        epoll_ctl(u->set.fd, EPOLL_CTL_DEL, fd, NULL);
    u->watches[fd].have = u->watches[fd].ready = 0;
}

static void register_poll_fd(int fd, void *opaque) { (void)fd, (void)opaque; }

/* The epoll set becomes what slirp asked for. */
static void update_set(struct user *u)
{
    int kept = 0;
    for (int i = 0; i < u->n_listed; i++) {
        int fd = u->listed[i];
        struct watch *w = &u->watches[fd];
        struct epoll_event e = {.events = w->want, .data.fd = fd};
        if (w->want != w->have) {
            int op = !w->want ? EPOLL_CTL_DEL : w->have ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
            epoll_ctl(u->set.fd, op, fd, &e);
        }
        *w = (struct watch){.have = w->want, .listed = w->want};
        if (w->listed)
            u->listed[kept++] = fd;
    }
    u->n_listed = kept;
}

/* ---- turns ----------------------------------------------------------------------------------- */

static void collect_ready(struct user *u)
{
    struct epoll_event events[64];
    int n = epoll_wait(u->set.fd, events, ARRAY_LEN(events), 0);
    for (int i = 0; i < n; i++)
        u->watches[events[i].data.fd].ready = events[i].events;
}

/* While the card has no room, nothing is read from the world. */
static void turn(void *arg)
{
    struct user *u = arg;
    u32 timeout_ms = UINT32_MAX;
    deliver(u);
    loop_fd_events(&u->set, backlogged(u) ? 0 : EPOLLIN);
    if (backlogged(u))
        return;
    collect_ready(u);
    slirp_pollfds_poll(u->slirp, 0, get_revents, u);
    slirp_pollfds_fill(u->slirp, &timeout_ms, add_poll, u);
    update_set(u);
    if (timeout_ms != UINT32_MAX)
        loop_timer_set(u->base.loop, &u->tick, clock_now_ns() + timeout_ms * 1000000ull);
}

static void set_ready(void *arg, u32 events)
{
    (void)events;
    turn(arg);
}

static void user_send(struct net *n, const u8 *frame, u32 len)
{
    struct user *u = self(n);
    slirp_input(u->slirp, frame, (int)len);
    loop_timer_set(n->loop, &u->tick, 0);
}

static void user_poll(struct net *n) { loop_timer_set(n->loop, &self(n)->tick, 0); }

/* ---- slirp's clock, timers and messages ------------------------------------------------------ */

struct slirp_timer {
    struct loop_timer t;
    struct user *user;
    SlirpTimerId id;
    void *opaque;
};

static int64_t clock_get_ns(void *opaque)
{
    (void)opaque;
    return (i64)clock_now_ns();
}

static void timer_fire(void *arg)
{
    struct slirp_timer *t = arg;
    slirp_handle_timer(t->user->slirp, t->id, t->opaque);
}

static void *timer_new_opaque(SlirpTimerId id, void *cb_opaque, void *opaque)
{
    struct slirp_timer *t = new(struct slirp_timer);
    *t = (struct slirp_timer){{.fire = timer_fire, .arg = t}, opaque, id, cb_opaque};
    return t;
}

static void timer_free(void *timer, void *opaque)
{
    struct slirp_timer *t = timer;
    struct user *u = opaque;
    if (!t)
        return;
    loop_timer_stop(u->base.loop, &t->t);
    free(t);
}

static void timer_mod(void *timer, int64_t expire_ms, void *opaque)
{
    struct slirp_timer *t = timer;
    struct user *u = opaque;
    loop_timer_set(u->base.loop, &t->t, (u64)MAX(expire_ms, 0) * 1000000);
}

static void notify(void *opaque) { user_poll(&((struct user *)opaque)->base); }
static void init_completed(Slirp *slirp, void *opaque) { ((struct user *)opaque)->slirp = slirp; }

static void slirp_says(const char *msg, void *opaque)
{
    (void)opaque;
    TRACE("net-user: %s", msg);
}

static const SlirpCb callbacks = {
    .send_packet = send_packet,
    .guest_error = slirp_says,
    .clock_get_ns = clock_get_ns,
    .timer_free = timer_free,
    .timer_mod = timer_mod,
    .register_poll_fd = register_poll_fd,
    .unregister_poll_fd = unregister_poll_fd,
    .notify = notify,
    .init_completed = init_completed,
    .timer_new_opaque = timer_new_opaque,
};

/* ---- addresses ------------------------------------------------------------------------------- */

static bool parse_network(const char *text, SlirpConfig *cfg, struct error *err)
{
    char *addr = xstrdup(text), *slash = strchr(addr, '/');
    u64 bits = 24;
    if (slash)
        *slash++ = 0;
    bool ok = inet_pton(AF_INET, addr, &cfg->vnetwork) == 1;
    if (ok && slash && !inet_pton(AF_INET, slash, &cfg->vnetmask)) {
        ok = parse_u64(slash, &bits, err) && bits >= 4 && bits <= 29;
        slash = NULL;
    }
    free(addr);
    if (!ok)
        return error_set(err, EINVAL, "net: '%s' is not ADDRESS/BITS with 4 to 29 bits", text);
    if (!slash)
        cfg->vnetmask.s_addr = htonl(~0u << (32 - bits));
    cfg->vnetwork.s_addr &= cfg->vnetmask.s_addr;
    return true;
}

/* An address of the guest's network, or its dflt-th when none is given. */
static bool parse_member(const char *name, const char *text, u32 dflt, const SlirpConfig *cfg,
                         struct in_addr *out, struct error *err)
{
    out->s_addr = cfg->vnetwork.s_addr | htonl(dflt & ~ntohl(cfg->vnetmask.s_addr));
    if (!text)
        return true;
    if (inet_pton(AF_INET, text, out) != 1)
        return error_set(err, EINVAL, "%s: '%s' is not an IPv4 address", name, text);
    if ((out->s_addr & cfg->vnetmask.s_addr) != cfg->vnetwork.s_addr)
        return error_set(err, EINVAL, "%s: %s is outside the guest's network", name, text);
    return true;
}

struct forward {
    bool udp;
    struct in_addr host, guest;
    u16 host_port, guest_port;
};

/* "ADDRESS:PORT", the address may be empty. */
static bool parse_end(const char *text, struct in_addr *addr, u16 *port)
{
    char host[INET_ADDRSTRLEN];
    const char *colon = strchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : 0;
    struct error ignored;
    u64 value;
    if (!colon || n >= sizeof host)
        return false;
    memcpy(host, text, n);
    host[n] = 0;
    if (n && inet_pton(AF_INET, host, addr) != 1)
        return false;
    if (!parse_u64(colon + 1, &value, &ignored) || value > 65535)
        return false;
    *port = (u16)value;
    return true;
}

static bool parse_forward(const char *text, struct forward *f)
{
    char *copy = xstrdup(text), *to = strchr(copy, '-'), *from = strchr(copy, ':');
    bool ok = to && from && from < to;
    if (ok) {
        *to++ = *from++ = 0;
        f->udp = !strcmp(copy, "udp");
        ok = f->udp || !*copy || !strcmp(copy, "tcp");
    }
    ok = ok && parse_end(from, &f->host, &f->host_port) &&
         parse_end(to, &f->guest, &f->guest_port) && f->guest_port;
    free(copy);
    return ok;
}

static bool add_forward(struct user *u, const char *text, struct error *err)
{
    struct forward f = {.guest = u->guest_addr};
    char host[INET_ADDRSTRLEN];
    if (!parse_forward(text, &f))
        return error_set(err, EINVAL,
                         "hostfwd: '%s' is not [tcp|udp]:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT",
                         text);
    if (!slirp_add_hostfwd(u->slirp, f.udp, f.host, f.host_port, f.guest, f.guest_port))
        return true;
    int code = errno;
    inet_ntop(AF_INET, &f.host, host, sizeof host);
    return error_set(err, code, "hostfwd: %s port %u on %s: %s", f.udp ? "udp" : "tcp", f.host_port,
                     host, strerror(code));
}

static bool add_forwards(struct user *u, struct error *err)
{
    char *list = xstrdup(u->hostfwd ? u->hostfwd : ""), *at = list;
    bool ok = true;
    for (char *one; ok && (one = strsep(&at, ","));)
        ok = !*one || add_forward(u, one, err);
    free(list);
    return ok;
}

/* ---- opening and closing --------------------------------------------------------------------- */

static bool configure(struct user *u, SlirpConfig *cfg, struct error *err)
{
    *cfg = (SlirpConfig){
        .version = 4,
        .restricted = u->restricted,
        .in_enabled = u->ipv4,
        .in6_enabled = u->ipv6,
        .vprefix_len = 64,
        .vhostname = u->hostname,
        .vdomainname = u->domainname,
        .tftp_path = u->tftp,
        .bootfile = u->bootfile,
    };
    inet_pton(AF_INET6, "fec0::", &cfg->vprefix_addr6);
    inet_pton(AF_INET6, "fec0::2", &cfg->vhost6);
    inet_pton(AF_INET6, "fec0::3", &cfg->vnameserver6);
    if (!u->ipv4 && !u->ipv6)
        return error_set(err, EINVAL, "ipv4 and ipv6 are both off");
    return parse_network(u->net, cfg, err) &&
           parse_member("host", u->host, 2, cfg, &cfg->vhost, err) &&
           parse_member("dns", u->dns, 3, cfg, &cfg->vnameserver, err) &&
           parse_member("dhcpstart", u->dhcpstart, 15, cfg, &cfg->vdhcp_start, err);
}

static void user_close(struct net *n)
{
    struct user *u = self(n);
    if (u->slirp)
        slirp_cleanup(u->slirp);
    loop_timer_stop(n->loop, &u->tick);
    loop_fd_del(&u->set);
    close(u->set.fd);
    free(u->watches);
    free(u->listed);
    free(u->backlog.buf);
}

static bool user_open(struct net *n, struct error *err)
{
    struct user *u = self(n);
    SlirpConfig cfg;
    if (!configure(u, &cfg, err))
        return false;
    int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0)
        return error_set(err, errno, "no epoll set: %s", strerror(errno));
    signal(SIGPIPE, SIG_IGN); /* a peer that left is an error of write() */
    u->guest_addr = cfg.vdhcp_start;
    u->tick = (struct loop_timer){.fire = turn, .arg = u};
    u->set = (struct loop_fd){.fd = fd, .events = EPOLLIN, .ready = set_ready, .arg = u};
    loop_fd_add(n->loop, &u->set);
    u->slirp = slirp_new(&cfg, &callbacks, u);
    if (!u->slirp)
        error_set(err, EINVAL, "libslirp refuses this configuration");
    else if (add_forwards(u, err)) {
        loop_timer_set(n->loop, &u->tick, 0);
        return true;
    }
    user_close(n);
    return false;
}

NET_KIND(user, .name = "user", .doc = "the host's own connections, shared with the guest (NAT)",
         .props = props, .list = "hostfwd", .size = sizeof(struct user), .open = user_open,
         .close = user_close, .send = user_send, .poll = user_poll);
