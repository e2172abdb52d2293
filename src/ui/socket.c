/* ui/socket.c - a console on a Unix or TCP socket: client, or server for one client at a time. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/log.h"
#include "ui/backend.h"

struct sock {
    struct chr chr;
    char *address;
    bool server, wait;
    struct loop_fd listener; /* of a server; paused while it has a client */
};
#define SOCK_PROPS(what)                                                                          \
    {                                                                                             \
        PROP_STR(struct sock, address, NULL, what),                                               \
            PROP_BOOL(struct sock, server, "off", "listen; one client at a time"),                \
            PROP_BOOL(struct sock, wait, "on", "a server starts when its first client is there"), \
            {0},                                                                                  \
    }
static const struct prop unix_props[] = SOCK_PROPS("path of the socket");
static const struct prop tcp_props[] = SOCK_PROPS("HOST:PORT; a server's host may be empty");

static struct sock *self(struct chr *c) { return container_of(c, struct sock, chr); }

/* ---- connections ----------------------------------------------------------------------------- */

static void connected(struct sock *s, int fd)
{
    int on = 1;
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* a Unix socket refuses; no matter */
    chr_connect(&s->chr, fd, fcntl(fd, F_DUPFD_CLOEXEC, 3));
}

static void client_waits(void *arg, u32 events)
{
    struct sock *s = arg;
    (void)events;
    int fd = accept4(s->listener.fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    loop_fd_events(&s->listener, 0);
    connected(s, fd);
}

static void sock_hangup(struct chr *c)
{
    struct sock *s = self(c);
    chr_disconnect(c);
    if (s->server)
        loop_fd_events(&s->listener, EPOLLIN);
}

static bool serve(struct sock *s, int fd, struct error *err)
{
    if (listen(fd, 1)) {
        error_set(err, errno, "cannot listen: %s", strerror(errno));
        close(fd);
        return false;
    }
    s->listener = (struct loop_fd){.fd = fd, .events = EPOLLIN, .ready = client_waits, .arg = s};
    loop_fd_add(s->chr.loop, &s->listener);
    if (s->wait) {
        log_warn("waiting for a connection to %s", s->chr.name);
        client_waits(s, EPOLLIN);
    }
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return true;
}

static void sock_close(struct chr *c)
{
    struct sock *s = self(c);
    if (!s->server)
        return;
    loop_fd_del(&s->listener);
    close(s->listener.fd);
    if (s->chr.kind->props == unix_props)
        unlink(s->address);
}

/* ---- Unix ------------------------------------------------------------------------------------ */

/* A socket that nobody listens on any more is in the way of a new server. */
static void remove_stale(const struct sockaddr_un *a)
{
    struct stat st;
    if (lstat(a->sun_path, &st) || !S_ISSOCK(st.st_mode))
        return;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (connect(fd, (const struct sockaddr *)a, sizeof *a) && errno == ECONNREFUSED)
        unlink(a->sun_path);
    close(fd);
}

static bool unix_open(struct chr *c, struct error *err)
{
    struct sock *s = self(c);
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t len = strlen(s->address);
    if (len >= sizeof a.sun_path)
        return error_set(err, ENAMETOOLONG, "path has %zu bytes, a socket's at most %zu", len,
                         sizeof a.sun_path - 1);
    memcpy(a.sun_path, s->address, len);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_set(err, errno, "%s", strerror(errno));
    if (s->server)
        remove_stale(&a);
    if ((s->server ? bind : connect)(fd, (struct sockaddr *)&a, sizeof a)) {
        error_set(err, errno, "%s", strerror(errno));
        close(fd);
        return false;
    }
    if (!s->server) {
        connected(s, fd);
        return true;
    }
    return serve(s, fd, err);
}

CHR_KIND(unix_socket, .name = "unix", .doc = "a Unix socket", .address = "address",
         .props = unix_props, .size = sizeof(struct sock), .open = unix_open, .close = sock_close,
         .hangup = sock_hangup);

/* ---- TCP ------------------------------------------------------------------------------------- */

/* The first address that works; -1 with errno. */
static int tcp_socket(const struct addrinfo *list, bool server)
{
    int on = 1, code = EADDRNOTAVAIL;
    for (const struct addrinfo *a = list; a; a = a->ai_next) {
        int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        if (fd < 0)
            continue;
        if (server)
            setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (!(server ? bind : connect)(fd, a->ai_addr, a->ai_addrlen))
            return fd;
        code = errno;
        close(fd);
    }
    errno = code;
    return -1;
}

static bool tcp_open(struct chr *c, struct error *err)
{
    struct sock *s = self(c);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = s->server ? AI_PASSIVE : 0},
                    *list;
    char *host = s->address, *port = strrchr(host, ':');
    if (!port)
        return error_set(err, EINVAL, "'%s' is not HOST:PORT", host);
    *port++ = 0;
    if (*host == '[' && port[-2] == ']') {
        host++;
        port[-2] = 0;
    }
    int ret = getaddrinfo(*host ? host : NULL, port, &hints, &list);
    if (ret)
        return error_set(err, EINVAL, "host '%s' port '%s': %s", host, port, gai_strerror(ret));
    int fd = tcp_socket(list, s->server);
    freeaddrinfo(list);
    if (fd < 0)
        return error_set(err, errno, "port %s: %s", port, strerror(errno));
    if (s->server)
        return serve(s, fd, err);
    connected(s, fd);
    return true;
}

CHR_KIND(tcp_socket, .name = "tcp", .doc = "a TCP socket", .address = "address", .props = tcp_props,
         .size = sizeof(struct sock), .open = tcp_open, .close = sock_close, .hangup = sock_hangup);
