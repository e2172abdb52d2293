/* hw/virtio/console_test.c - bytes both ways through ports, and the control queue behind them. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "hw/virtio/driver.h"
#include "ui/ui.h"

enum { RX0, TX0, CTRL_IN, CTRL_OUT, RX1, TX1 }; /* CTRL_IN: from the device */
enum {
    DEVICE_READY = 0,
    DEVICE_ADD = 1,
    PORT_READY = 3,
    CONSOLE_PORT = 4,
    PORT_OPEN = 6,
    PORT_NAME = 7
};
#define F_MULTIPORT FEATURE(1)

/* A console with a port or two on named pipes, whose other ends are ours. */
struct term {
    struct drv g;
    char dir[32];
    struct chr *chr[2];
    int in[2], out[2]; /* we write and read here */
    int n;
};

static void path(char *buf, const struct term *t, int i, const char *end)
{
    sprintf(buf, "%s/%d%s", t->dir, i, end);
}

static void open_pipe(struct term *t, int i)
{
    char name[64], text[80];
    struct error err;
    path(name, t, i, ".in");
    assert(!mkfifo(name, 0600));
    path(name, t, i, ".out");
    assert(!mkfifo(name, 0600));
    t->out[i] = open(name, O_RDONLY | O_NONBLOCK);
    path(name, t, i, "");
    sprintf(text, "pipe:%s", name);
    t->chr[i] = chr_open(text, t->g.r.hw.loop, &err);
    assert(t->chr[i]);
    path(name, t, i, ".in");
    t->in[i] = open(name, O_WRONLY | O_NONBLOCK);
    assert(t->in[i] >= 0 && t->out[i] >= 0);
    path(name, t, i, "");
    hw_provide(&t->g.r.hw, "chardev", i ? "c1" : "c0", t->chr[i]);
}

static void add_port(struct term *t, const char *class, const char *chardev, const char *name)
{
    struct error err;
    struct device *d = device_new(&t->g.r.hw, device_class_find(class), class);
    bool ok = device_set(d, "chardev", chardev, &err) &&
              (!name || device_set(d, "name", name, &err)) && device_start(d, &err);
    assert(ok);
}

static void open_term(struct term *t, int n)
{
    strcpy(t->dir, "/tmp/myna-con-XXXXXX");
    char *dir = mkdtemp(t->dir);
    assert(dir);
    t->n = n;
    drv_init(&t->g);
    clock_real();
    rig_start(&t->g.r, "virtio-serial-device", "max-ports", "2", NULL);
    for (int i = 0; i < n; i++)
        open_pipe(t, i);
    add_port(t, "virtconsole", "c0", NULL);
    if (n > 1)
        add_port(t, "virtserialport", "c1", "org.test");
}

static void close_term(struct term *t)
{
    char name[64];
    for (int i = 0; i < t->n; i++) {
        chr_close(t->chr[i]);
        close(t->in[i]);
        close(t->out[i]);
        path(name, t, i, ".in");
        unlink(name);
        path(name, t, i, ".out");
        unlink(name);
    }
    drv_fini(&t->g);
    rmdir(t->dir);
}

static void turn(struct term *t)
{
    for (int i = 0; i < 5; i++)
        loop_poll(t->g.r.hw.loop, 1);
}

static bool shows(struct term *t, int i, const char *want)
{
    char buf[256];
    turn(t);
    ssize_t n = read(t->out[i], buf, sizeof buf);
    return n == (ssize_t)strlen(want) && !memcmp(buf, want, (size_t)n);
}

static void type(struct term *t, int i, const char *text)
{
    ssize_t n = write(t->in[i], text, strlen(text));
    assert(n == (ssize_t)strlen(text));
    turn(t);
}

static void say(struct term *t, int q, const char *text)
{
    struct drv_buf b = drv_text(&t->g, text, (u32)strlen(text));
    drv_do(&t->g, q, &b, 1);
}

/* The next bytes the device put into a buffer of ours; "" when none. */
static const char *heard(struct term *t, int q, struct drv_buf b)
{
    static char buf[64];
    u16 id;
    u32 len = 0;
    drv_used(&t->g, q, &id, &len);
    memcpy(buf, drv_at(&t->g, b.addr), len);
    buf[len] = 0;
    return buf;
}

TEST(console_carries_bytes_without_multiport)
{
    struct term t;
    open_term(&t, 1);
    drv_start(&t.g, 0, 2, 8);
    say(&t, TX0, "hello");
    assert(shows(&t, 0, "hello"));
    type(&t, 0, "abcdef"); /* before there is a buffer */
    struct drv_buf a = drv_room(&t.g, 4), b = drv_room(&t.g, 4);
    drv_add(&t.g, RX0, &a, 1);
    drv_kick(&t.g, RX0);
    turn(&t);
    assert(!strcmp(heard(&t, RX0, a), "abcd"));
    drv_add(&t.g, RX0, &b, 1);
    drv_kick(&t.g, RX0);
    turn(&t);
    assert(!strcmp(heard(&t, RX0, b), "ef"));
    device_write(t.g.r.d, 0, R_CONFIG + 8, 'E', 4); /* emergency write */
    assert(shows(&t, 0, "E"));
    close_term(&t);
}

static void tell(struct term *t, u32 port, u16 event, u16 value)
{
    u8 m[8];
    st_le32(m, port);
    st_le16(m + 4, event);
    st_le16(m + 6, value);
    struct drv_buf b = drv_text(&t->g, m, 8);
    drv_do(&t->g, CTRL_OUT, &b, 1);
}

/* The device's next message; the name that follows PORT_NAME in `name`. False: none. */
static bool told(struct term *t, u32 *port, u16 *event, char *name)
{
    struct drv_buf b = drv_room(&t->g, 40);
    u16 id;
    u32 len;
    drv_add(&t->g, CTRL_IN, &b, 1);
    drv_kick(&t->g, CTRL_IN);
    if (!drv_used(&t->g, CTRL_IN, &id, &len))
        return false;
    const u8 *m = drv_at(&t->g, b.addr);
    *port = ld_le32(m);
    *event = ld_le16(m + 4);
    memcpy(name, m + 8, len - 8);
    name[len - 8] = 0;
    assert(ld_le16(m + 6) == 1);
    return true;
}

static void expect(struct term *t, u32 port, u16 event, const char *name)
{
    char got_name[64];
    u32 got_port;
    u16 got;
    bool ok = told(t, &got_port, &got, got_name);
    assert(ok && got_port == port && got == event && !strcmp(got_name, name));
}

TEST(console_ports_are_announced_and_opened)
{
    struct term t;
    open_term(&t, 2);
    assert(drv_get(&t.g, R_CONFIG + 4) == 2);
    drv_start(&t.g, F_MULTIPORT, 6, 8);
    tell(&t, 0, DEVICE_READY, 1);
    expect(&t, 0, DEVICE_ADD, "");
    expect(&t, 1, DEVICE_ADD, "");
    tell(&t, 0, PORT_READY, 1);
    expect(&t, 0, CONSOLE_PORT, "");
    expect(&t, 0, PORT_OPEN, "");
    tell(&t, 1, PORT_READY, 1);
    expect(&t, 1, PORT_OPEN, "");
    expect(&t, 1, PORT_NAME, "org.test");
    tell(&t, 7, PORT_READY, 1); /* no such port */
    assert(t.g.r.d->guest_errors == 1);
    type(&t, 1, "early");
    struct drv_buf b = drv_room(&t.g, 16);
    drv_add(&t.g, RX1, &b, 1);
    drv_kick(&t.g, RX1);
    turn(&t);
    assert(!strcmp(heard(&t, RX1, b), "")); /* the driver has not opened it */
    tell(&t, 1, PORT_OPEN, 1);
    turn(&t);
    assert(!strcmp(heard(&t, RX1, b), "early"));
    say(&t, TX1, "one");
    say(&t, TX0, "null");
    assert(shows(&t, 1, "one") && shows(&t, 0, "null"));
    close_term(&t);
}

TEST(console_ports_find_their_place)
{
    static const struct {
        const char *class, *prop, *value;
        bool ok;
    } steps[] = {
        {"virtserialport", "bus", "vs.0", true}, /* 1: 0 is for a console */
        {"virtconsole", "bus", "vs.0", true},    /* 0 */
        {"virtserialport", "nr", "1", false},    /* taken */
        {"virtserialport", "nr", "3", false},    /* beyond max-ports */
        {"virtserialport", "nr", "2", true},
        {"virtserialport", "bus", "vs.0", false}, /* all taken */
        {"virtserialport", "bus", "vs.1", false},
        {"virtserialport", "bus", "v", false},
        {"virtserialport", "chardev", "nope", false},
    };
    struct rig r;
    struct error err;
    rig_init(&r);
    struct device *vs = device_new(&r.hw, device_class_find("virtio-serial-pci"), "vs");
    assert(device_set(vs, "max-ports", "3", &err) && device_start(vs, &err));
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct device *d = device_new(&r.hw, device_class_find(steps[i].class), "p");
        assert(device_set(d, steps[i].prop, steps[i].value, &err));
        assert(device_start(d, &err) == steps[i].ok);
    }
    rig_fini(&r);
}
