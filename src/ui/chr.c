/* ui/chr.c - character back ends: buffered output from any thread, paced input, the Ctrl-A keys. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "ui/backend.h"

/* Output goes out at once when a line ends or the line was quiet; a burst of single bytes is
 * gathered for up to GATHER_NS. What the reader does not take waits in `output`; when that is full
 * the writer waits, but not longer than WRITE_PATIENCE_MS before bytes are dropped. */
enum { GATHER_NS = 1000000, WRITE_PATIENCE_MS = 500, CLOSE_PATIENCE_MS = 10000, GATHER_MAX = 4096 };

static void (*quit_fn)(void *);
static void *quit_arg;

void chr_on_quit(void (*quit)(void *), void *arg)
{
    quit_fn = quit;
    quit_arg = arg;
}

static void quit(void)
{
    if (quit_fn)
        quit_fn(quit_arg);
}

/* ---- output ---------------------------------------------------------------------------------- */

/* Writes what the reader takes without waiting; with the lock. False: it can take no more now. */
static bool flush(struct chr *c)
{
    c->flushed_ns = clock_host_ns();
    while (c->start < c->end) {
        ssize_t n = write(c->out.fd, c->output + c->start, c->end - c->start);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return false;
        if (n < 0) /* the reader is gone; input tells when it was a connection */
            break;
        c->start += (size_t)n;
        c->stalled = false;
    }
    c->start = c->end = 0;
    return true;
}

/* Waits until the reader takes something; the lock is not held meanwhile. */
static bool wait_reader(struct chr *c, int timeout_ms)
{
    struct pollfd p = {.fd = c->out.fd, .events = POLLOUT};
    mutex_unlock(&c->lock);
    int n = poll(&p, 1, timeout_ms);
    mutex_lock(&c->lock);
    return n > 0;
}

/* Room for at least one byte, or false: what comes is lost. With the lock. */
static bool make_room(struct chr *c)
{
    if (!flush(c) && c->end - c->start == CHR_OUTPUT && !c->stalled && !c->lossy) {
        c->stalled = !wait_reader(c, WRITE_PATIENCE_MS);
        if (c->stalled)
            log_warn("%s: nobody reads; output is dropped", c->name);
        else
            flush(c);
    }
    memmove(c->output, c->output + c->start, c->end - c->start);
    c->end -= c->start;
    c->start = 0;
    return c->end < CHR_OUTPUT;
}

void chr_write(struct chr *c, const u8 *buf, size_t len)
{
    bool line = memchr(buf, '\n', len), blocked = false, gather = false;
    mutex_lock(&c->lock);
    while (len && c->out.fd >= 0 && (c->end < CHR_OUTPUT || make_room(c))) {
        size_t n = MIN(len, CHR_OUTPUT - c->end);
        memcpy(c->output + c->end, buf, n);
        c->end += n;
        buf += n;
        len -= n;
    }
    if (line || c->end - c->start >= GATHER_MAX || clock_host_ns() - c->flushed_ns > GATHER_NS)
        blocked = !flush(c);
    else if (!c->gathering)
        c->gathering = gather = true;
    mutex_unlock(&c->lock);
    if (blocked)
        loop_timer_set(c->loop, &c->soon, 0);
    else if (gather)
        loop_timer_set(c->loop, &c->later, clock_now_ns() + GATHER_NS);
}

/* On the loop's thread: goes on with what waits, and watches for the reader when it must. */
static void serve_output(struct chr *c)
{
    mutex_lock(&c->lock);
    bool done = flush(c);
    c->gathering = false;
    mutex_unlock(&c->lock);
    if (c->out.loop)
        loop_fd_events(&c->out, done ? 0 : EPOLLOUT);
}

static void out_ready(void *arg, u32 events)
{
    (void)events;
    serve_output(arg);
}

static void drain(struct chr *c)
{
    mutex_lock(&c->lock);
    int patience_ms = c->lossy || c->stalled ? 0 : CLOSE_PATIENCE_MS;
    while (!flush(c) && wait_reader(c, patience_ms))
        ;
    mutex_unlock(&c->lock);
}

/* ---- input ----------------------------------------------------------------------------------- */

static void help(struct chr *c)
{
    static const char text[] = "\r\n"
                               "Ctrl-A X       end the machine\r\n"
                               "Ctrl-A B       send a break\r\n"
                               "Ctrl-A H       this help\r\n"
                               "Ctrl-A Ctrl-A  send Ctrl-A\r\n";
    chr_write(c, (const u8 *)text, sizeof text - 1);
}

/* Takes one byte from the user; false: it was a command. */
static bool keep_byte(struct chr *c, u8 byte)
{
    enum { CTRL_A = 1 };
    if (!c->keys)
        return true;
    if (!c->escaped) {
        c->escaped = byte == CTRL_A;
        return !c->escaped;
    }
    c->escaped = false;
    switch (byte | 0x20) {
    case 'x': quit(); return false;
    case 'h':
    case '?': help(c); return false;
    case 'b':
        if (c->broke)
            c->broke(c->dev);
        return false;
    }
    return byte == CTRL_A;
}

/* Gives the device what it takes; reads on when there is room for more. */
static void serve_input(struct chr *c)
{
    size_t at = 0, room;
    while (c->got && at < c->n_input && (room = c->can(c->dev))) {
        size_t n = MIN(room, c->n_input - at);
        c->got(c->dev, c->input + at, n);
        at += n;
    }
    c->n_input -= at;
    memmove(c->input, c->input + at, c->n_input);
    bool more = c->n_input < CHR_INPUT;
    if (c->in_plain && more && c->got)
        loop_timer_set(c->loop, &c->soon, 0);
    else if (c->in.loop)
        loop_fd_events(&c->in, more ? EPOLLIN : 0);
}

static void input_ended(struct chr *c)
{
    if (c->in.loop)
        loop_fd_del(&c->in);
    close(c->in.fd);
    c->in = (struct loop_fd){.fd = -1};
    c->in_plain = false;
    if (c->terminal)
        quit();
    if (c->kind->hangup)
        c->kind->hangup(c);
}

/* Reads once what fits. */
static void read_input(struct chr *c)
{
    u8 buf[CHR_INPUT];
    ssize_t n = read(c->in.fd, buf, CHR_INPUT - c->n_input);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n <= 0) {
        input_ended(c);
        return;
    }
    for (ssize_t i = 0; i < n; i++)
        if (keep_byte(c, buf[i]))
            c->input[c->n_input++] = buf[i];
    serve_input(c);
}

static void in_ready(void *arg, u32 events)
{
    (void)events;
    read_input(arg);
}

static void serve(void *arg)
{
    struct chr *c = arg;
    serve_output(c);
    if (c->in_plain && c->got && c->n_input < CHR_INPUT)
        read_input(c);
    else
        serve_input(c);
}

void chr_attach(struct chr *c, size_t (*can)(void *), void (*got)(void *, const u8 *, size_t),
                void *dev)
{
    c->can = can;
    c->got = got;
    c->dev = dev;
    chr_ready(c);
}

void chr_on_break(struct chr *c, void (*broke)(void *dev)) { c->broke = broke; }
void chr_ready(struct chr *c) { loop_timer_set(c->loop, &c->soon, 0); }

/* ---- opening and closing --------------------------------------------------------------------- */

void chr_connect(struct chr *c, int in, int out)
{
    struct stat st;
    c->in = (struct loop_fd){.fd = in, .events = EPOLLIN, .ready = in_ready, .arg = c};
    if (in >= 0 && !loop_fd_add(c->loop, &c->in)) {
        c->in.loop = NULL;
        c->in_plain = !fstat(in, &st) && S_ISREG(st.st_mode);
    }
    mutex_lock(&c->lock);
    c->out = (struct loop_fd){.fd = out, .ready = out_ready, .arg = c};
    c->stalled = false;
    mutex_unlock(&c->lock);
    if (out >= 0 && !loop_fd_add(c->loop, &c->out))
        c->out.loop = NULL;
}

void chr_disconnect(struct chr *c)
{
    if (c->in.loop)
        loop_fd_del(&c->in);
    if (c->out.loop)
        loop_fd_del(&c->out);
    if (c->in.fd >= 0)
        close(c->in.fd);
    mutex_lock(&c->lock);
    if (c->out.fd >= 0)
        close(c->out.fd);
    c->in = c->out = (struct loop_fd){.fd = -1};
    c->start = c->end = 0;
    mutex_unlock(&c->lock);
    c->in_plain = false;
}

static bool set_option(void *arg, const char *key, const char *value, struct error *err)
{
    struct chr *c = arg;
    if (!key) {
        key = value;
        value = "on";
    }
    if (!strcmp(key, "nowait")) {
        key = "wait";
        value = "off";
    }
    return props_set(c->kind->props, c, key, value, err);
}

/* "KIND:ADDRESS,key=value": a comma in the address is written twice. */
static bool parse(struct chr *c, const char *text, struct error *err)
{
    const char *rest = text + strcspn(text, ":,");
    if (*rest == ':') {
        char *address = xstrdup(++rest), *end = address;
        for (; *rest && (*rest != ',' || rest[1] == ','); rest++) {
            rest += *rest == ',';
            *end++ = *rest;
        }
        *end = 0;
        bool ok = c->kind->address ? props_set(c->kind->props, c, c->kind->address, address, err)
                                   : error_set(err, EINVAL, "takes no '%s'", address);
        free(address);
        if (!ok)
            return false;
    }
    return opts_parse(rest + (*rest == ','), set_option, c, err);
}

static bool has_address(const struct chr *c, struct error *err)
{
    if (!c->kind->address)
        return true;
    char *value = props_get(c->kind->props, c, c->kind->address);
    bool ok = value && *value;
    free(value);
    return ok || error_set(err, EINVAL, "no %s given", c->kind->address);
}

static const struct chr_kind *find_kind(const char *text)
{
    size_t n = strcspn(text, ":,");
    EACH(chr_kind, k)
        if (strlen((*k)->name) == n && !memcmp((*k)->name, text, n))
            return *k;
    return NULL;
}

static bool unknown_kind(const char *text, struct error *err)
{
    const char *names[32];
    size_t n = 0;
    EACH(chr_kind, k)
        if (n < ARRAY_LEN(names))
            names[n++] = (*k)->name;
    char *word = xprintf("%.*s", (int)strcspn(text, ":,"), text);
    error_unknown(err, "character back end", word, names, n);
    free(word);
    return false;
}

struct chr *chr_open(const char *text, struct loop *loop, struct error *err)
{
    bool keys = !strncmp(text, "mon:", 4);
    const struct chr_kind *kind = find_kind(text + 4 * keys);
    if (!kind) {
        unknown_kind(text + 4 * keys, err);
        return NULL;
    }
    signal(SIGPIPE, SIG_IGN); /* a reader that left is an error of write() */
    struct chr *c = xalloc(kind->size);
    c->kind = kind;
    c->loop = loop;
    c->name = xstrdup(text);
    c->keys = keys;
    c->in.fd = c->out.fd = -1;
    c->output = xalloc(CHR_OUTPUT);
    mutex_init(&c->lock, RANK_BACKEND, "chr");
    c->soon = c->later = (struct loop_timer){.fire = serve, .arg = c};
    props_defaults(kind->props, c);
    c->opened = parse(c, text + 4 * keys, err) && has_address(c, err) && kind->open(c, err);
    if (c->opened)
        return c;
    error_prefix(err, "%s: ", text);
    chr_close(c);
    return NULL;
}

void chr_close(struct chr *c)
{
    if (!c)
        return;
    drain(c);
    loop_timer_stop(c->loop, &c->soon);
    loop_timer_stop(c->loop, &c->later);
    chr_disconnect(c);
    if (c->opened && c->kind->close)
        c->kind->close(c);
    props_free(c->kind->props, c);
    mutex_fini(&c->lock);
    free(c->output);
    free(c->name);
    free(c);
}
