/* hw/serial/ns16550_test.c - FIFO, interrupts, loopback and modem lines, and a back end's pace. */
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "hw/rig.h"
#include "ui/ui.h"

enum { DATA, IER, IIR, FCR = IIR, LCR, MCR, LSR, MSR, SCR };
enum { LOOP = 16 };
static struct rig r;

static u64 get(u64 reg) { return device_read(r.d, 0, reg, 1); }
static void set(u64 reg, u64 val) { device_write(r.d, 0, reg, val, 1); }
static void begin(void)
{
    rig_init(&r);
    rig_start(&r, "ns16550", NULL);
    set(LCR, 3);
}
static void end(void) { rig_fini(&r); }

TEST(uart_registers)
{
    begin();
    assert(get(LSR) == 0x60 && get(MSR) == 0xb0 && get(IIR) == 1 && get(LCR) == 3);
    set(SCR, 0xa5);
    assert(get(SCR) == 0xa5);
    set(LCR, 0x83);
    set(DATA, 0x34);
    set(IER, 0x12);
    assert(get(DATA) == 0x34 && get(IER) == 0x12);
    set(LCR, 3);
    assert(get(DATA) == 0 && get(IER) == 0);
    set(IER, 0xff);
    assert(get(IER) == 0x0f);
    set(MCR, 0xff);
    assert(get(MCR) == 0x1f);
    set(FCR, 1);
    assert((get(IIR) & 0xc0) == 0xc0);
    set(LSR, 0);
    get(9);
    assert(r.d->guest_errors == 2);
    end();
}

TEST(uart_register_distance)
{
    rig_init(&r);
    rig_start(&r, "ns16550", "regshift", "2", NULL);
    device_write(r.d, 0, SCR << 2, 0x77, 4);
    assert(device_read(r.d, 0, SCR << 2, 4) == 0x77 && device_read(r.d, 0, SCR << 2, 1) == 0x77);
    device_write(r.d, 0, MCR << 2, LOOP, 4);
    device_write(r.d, 0, FCR << 2, 1, 4);
    device_write(r.d, 0, DATA, 'a', 4);
    device_write(r.d, 0, DATA, 'b', 4);
    assert(device_read(r.d, 0, DATA, 4) == 'a' && device_read(r.d, 0, DATA, 2) == 'b');
    end();
}

TEST(uart_transmitter_interrupt)
{
    begin();
    set(IER, 2);
    assert(r.lines && get(IIR) == 2); /* told once */
    assert(!r.lines && get(IIR) == 1);
    set(IER, 0);
    set(IER, 2);
    assert(r.lines && get(IIR) == 2);
    set(DATA, 'x');
    assert(r.lines && get(IIR) == 2 && !r.lines);
    end();
}

TEST(uart_fifo_trigger_and_timeout)
{
    begin();
    set(MCR, LOOP);
    set(FCR, 0x41); /* 4 bytes */
    set(IER, 1);
    for (int i = 0; i < 3; i++)
        set(DATA, 'a' + i);
    assert(!r.lines && get(IIR) == 0xc1 && get(LSR) == 0x61);
    /* four characters of 10 bits at 3686400 / 16 / 1 bits per second are 173 us */
    rig_step(&r, 173000);
    assert(!r.lines);
    rig_step(&r, 1000);
    assert(r.lines && get(IIR) == 0xcc);
    assert(get(DATA) == 'a' && !r.lines); /* any read ends it */
    rig_step(&r, 174000);
    assert(r.lines);
    set(DATA, 'd'); /* a new character does not */
    set(DATA, 'e');
    assert(r.lines && get(IIR) == 0xc4);
    for (int i = 1; i < 5; i++)
        assert(get(DATA) == (u64)'a' + i);
    rig_step(&r, 10000000);
    assert(!r.lines && get(LSR) == 0x60 && get(DATA) == 0);
    end();
}

TEST(uart_overrun_and_priorities)
{
    begin();
    set(MCR, LOOP);
    set(FCR, 0xc1);
    set(IER, 7);
    for (int i = 0; i < 17; i++)
        set(DATA, i);
    assert(get(IIR) == 0xc6 && get(LSR) == 0x63); /* the line status first */
    assert(get(LSR) == 0x61 && get(IIR) == 0xc4); /* then data, then the transmitter */
    for (u64 i = 0; i < 3; i++)
        assert(get(DATA) == i);
    assert(get(IIR) == 0xc2 && get(IIR) == 0xc1);
    set(FCR, 0xc3);
    assert(get(LSR) == 0x60);
    set(FCR, 0); /* without FIFO: one byte */
    set(DATA, 'x');
    set(DATA, 'y');
    assert(get(LSR) == 0x63 && get(DATA) == 'x' && get(LSR) == 0x60);
    end();
}

TEST(uart_break)
{
    begin();
    set(MCR, LOOP);
    set(FCR, 1);
    set(IER, 4);
    set(DATA, 'a');
    set(LCR, 0x43);
    set(LCR, 0x03);
    assert(!r.lines && get(LSR) == 0xe1); /* the break is behind 'a' */
    assert(get(DATA) == 'a' && r.lines && get(IIR) == 0xc6);
    assert(get(LSR) == 0xf1 && !r.lines);
    assert(get(DATA) == 0 && get(LSR) == 0x60);
    end();
}

TEST(uart_modem_lines)
{
    begin();
    set(IER, 8);
    assert(get(MSR) == 0xb0);
    set(MCR, LOOP | 0x0a); /* what drivers probe with: OUT2 and RTS come back */
    assert(r.lines && get(IIR) == 0);
    assert(get(MSR) == (0x90 | 2) && !r.lines);
    set(MCR, LOOP | 4);
    assert(get(MSR) == (0x40 | 1 | 8));
    set(MCR, LOOP);
    assert(get(MSR) == 4); /* the ring ended */
    set(MCR, 0);
    assert(get(MSR) == (0xb0 | 11) && get(MSR) == 0xb0);
    end();
}

TEST(uart_restored_timeout)
{
    struct error err;
    u8 buf[512];
    begin();
    set(MCR, LOOP);
    set(FCR, 0x81);
    set(IER, 1);
    set(DATA, 'q');
    size_t n = device_save(r.d, buf);
    device_reset(r.d);
    assert(!r.lines && device_restore(r.d, buf, n, &err) && !r.lines);
    rig_step(&r, 1000000);
    assert(r.lines && get(IIR) == 0xcc && get(DATA) == 'q');
    end();
}

/* A connection to the UART: what is sent there arrives in pieces that fit, in order. */
TEST(uart_keeps_the_pace_of_its_reader)
{
    struct error err;
    char name[160], text[128], back[8] = "";
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    snprintf(sun.sun_path, sizeof sun.sun_path, "/tmp/myna-uart-%d", (int)getpid());
    snprintf(name, sizeof name, "unix:%s,server,nowait", sun.sun_path);
    rig_init(&r);
    struct chr *chr = chr_open(name, r.hw.loop, &err);
    assert(chr);
    hw_provide(&r.hw, "chardev", "c0", chr);
    rig_start(&r, "ns16550", "chardev", "c0", NULL);
    set(FCR, 1);

    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert(fd >= 0 && !connect(fd, (void *)&sun, sizeof sun));
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('!' + i % 90);
    assert(write(fd, text, sizeof text) == sizeof text);
    size_t n = 0;
    for (int turn = 0; n < sizeof text && turn < 1000; turn++) {
        loop_poll(r.hw.loop, 1);
        while (get(LSR) & 1)
            assert(n < sizeof text && get(DATA) == (u8)text[n++]);
    }
    assert(n == sizeof text);
    for (const char *p = "hi!\n"; *p; p++)
        set(DATA, (u64)*p);
    for (int turn = 0; turn < 1000 && recv(fd, back, 4, MSG_PEEK | MSG_DONTWAIT) < 4; turn++)
        loop_poll(r.hw.loop, 1);
    assert(read(fd, back, 4) == 4 && !strcmp(back, "hi!\n"));
    close(fd);
    hw_fini(&r.hw);
    chr_close(chr);
    loop_free(r.hw.loop);
    space_free(r.hw.space);
    clock_real();
    unlink(sun.sun_path);
}

TEST(uart_names_a_missing_back_end)
{
    struct error err;
    rig_init(&r);
    struct device *d = device_new(&r.hw, device_class_find("ns16550"), "uart0");
    assert(device_set(d, "chardev", "nobody", &err) && !device_start(d, &err));
    assert(!strcmp(err.msg, "ns16550 'uart0': there is no chardev 'nobody'"));
    end();
}
