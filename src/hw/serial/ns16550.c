/* hw/serial/ns16550.c - NS16550A UART: 16-byte receive FIFO, modem lines, loopback.
 *
 * Section numbers are those of the PC16550D data sheet (National Semiconductor, 1995). A byte
 * leaves the moment it is written: the transmitter is always empty, its FIFO never seen. The
 * receiver keeps the pace of its reader: the back end is asked for no more than fits. */
#include "hw/device.h"
#include "ui/ui.h"

enum { DATA, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR, REGS };
enum { IER_RX = 1, IER_THRE = 2, IER_LINE = 4, IER_MODEM = 8, IER_ALL = 15 };
enum { IIR_MODEM = 0, IIR_NONE = 1, IIR_THRE = 2, IIR_RX = 4, IIR_LINE = 6, IIR_TIMEOUT = 12 };
enum { IIR_FIFO = 0xc0 };
enum { FCR_FIFO = 1, FCR_CLEAR_RX = 2, FCR_KEPT = 0xc9 };
enum { LCR_STOP2 = 4, LCR_PARITY = 8, LCR_BREAK = 0x40, LCR_DLAB = 0x80 };
enum { MCR_DTR = 1, MCR_RTS = 2, MCR_OUT1 = 4, MCR_OUT2 = 8, MCR_LOOP = 16, MCR_ALL = 31 };
enum { LSR_DR = 1, LSR_OE = 2, LSR_BI = 16, LSR_THRE = 32, LSR_TEMT = 64, LSR_FIFO_ERROR = 128 };
enum { MSR_CTS = 16, MSR_DSR = 32, MSR_RI = 64, MSR_DCD = 128 };
enum { FIFO = 16 };

struct ns16550 {
    struct device dev;
    struct timer timeout;
    char *chardev;
    u64 regshift, clock;
    struct chr *chr;
    bool starved; /* the back end was told that there is no room */
    struct ns16550_state {
        u8 ier, fcr, lcr, mcr, scr;
        u8 divisor_lo, divisor_hi;
        u8 modem;     /* MSR as last seen, with the changes since it was read */
        u8 thre;      /* the transmitter-empty interrupt is pending */
        u8 timed_out; /* the character-timeout interrupt is pending */
        u8 overrun;
        u8 head, used; /* of the receive FIFO */
        u8 rx[FIFO];
        u8 rx_break[FIFO]; /* the character is a break */
    } s;
};

static struct ns16550 *self(struct device *dev) { return container_of(dev, struct ns16550, dev); }

static unsigned depth(const struct ns16550 *d) { return d->s.fcr & FCR_FIFO ? FIFO : 1; }

static unsigned room(const struct ns16550 *d)
{
    return d->s.mcr & MCR_LOOP ? 0 : depth(d) - MIN(depth(d), d->s.used);
}

static unsigned trigger(const struct ns16550 *d) /* 8.5 */
{
    static const u8 levels[] = {1, 4, 8, 14};
    return d->s.fcr & FCR_FIFO ? levels[d->s.fcr >> 6] : 1;
}

/* Bits 0-3 of IIR: the enabled interrupt of the highest priority, 8.6 and table IV. */
static u8 interrupt(const struct ns16550 *d)
{
    const struct ns16550_state *s = &d->s;
    if (s->ier & IER_LINE && (s->overrun || (s->used && s->rx_break[s->head])))
        return IIR_LINE;
    if (s->ier & IER_RX && s->used >= trigger(d))
        return IIR_RX;
    if (s->ier & IER_RX && s->timed_out)
        return IIR_TIMEOUT;
    if (s->ier & IER_THRE && s->thre)
        return IIR_THRE;
    if (s->ier & IER_MODEM && s->modem & 15)
        return IIR_MODEM;
    return IIR_NONE;
}

/* After every change: the line, and input that waited for room. */
static void update(struct ns16550 *d)
{
    irq_set(&d->dev.irq[0], interrupt(d) != IIR_NONE);
    if (d->starved && room(d)) {
        d->starved = false;
        chr_ready(d->chr);
    }
}

/* ---- receiver ------------------------------------------------------------------------------- */
/* The timeout interrupt comes four characters after the last one moved, 8.11. */
static void restart_timeout(struct ns16550 *d)
{
    d->s.timed_out = 0;
    timer_stop(&d->timeout);
    if (!d->s.used || !(d->s.fcr & FCR_FIFO))
        return;
    u64 divisor = d->s.divisor_lo | d->s.divisor_hi << 8;
    u64 bits = 1u + 5 + (d->s.lcr & 3) + !!(d->s.lcr & LCR_PARITY) + (d->s.lcr & LCR_STOP2 ? 2 : 1);
    timer_at(&d->timeout, clock_now_ns() + 4 * bits * 16 * MAX(divisor, 1) * 1000000000 / d->clock);
}

static void timeout(struct device *dev)
{
    self(dev)->s.timed_out = 1;
    update(self(dev));
}

static void receive(struct ns16550 *d, u8 byte, bool is_break)
{
    struct ns16550_state *s = &d->s;
    if (s->used >= depth(d)) {
        s->overrun = 1;
        return;
    }
    unsigned at = (s->head + s->used++) % FIFO;
    s->rx[at] = byte;
    s->rx_break[at] = is_break;
}

static u8 take(struct ns16550 *d)
{
    struct ns16550_state *s = &d->s;
    if (!s->used)
        return 0;
    u8 byte = s->rx[s->head];
    s->head = (u8)((s->head + 1) % FIFO);
    s->used--;
    restart_timeout(d);
    return byte;
}

static void clear_rx(struct ns16550 *d)
{
    d->s.head = d->s.used = 0;
    restart_timeout(d);
}

static size_t can(void *arg)
{
    struct ns16550 *d = arg;
    device_lock(&d->dev);
    size_t n = room(d);
    d->starved = !n;
    device_unlock(&d->dev);
    return n;
}

static void got(void *arg, const u8 *buf, size_t len)
{
    struct ns16550 *d = arg;
    device_lock(&d->dev);
    for (size_t i = 0; i < len && !(d->s.mcr & MCR_LOOP); i++)
        receive(d, buf[i], false);
    restart_timeout(d);
    update(d);
    device_unlock(&d->dev);
}

static void got_break(void *arg)
{
    struct ns16550 *d = arg;
    device_lock(&d->dev);
    if (!(d->s.mcr & MCR_LOOP))
        receive(d, 0, true);
    restart_timeout(d);
    update(d);
    device_unlock(&d->dev);
}

/* ---- modem lines ---------------------------------------------------------------------------- */
/* A peer that is always there and ready; in loopback our own outputs, 8.8. */
static u8 modem_lines(const struct ns16550 *d)
{
    u8 mcr = d->s.mcr;
    if (!(mcr & MCR_LOOP))
        return MSR_CTS | MSR_DSR | MSR_DCD;
    return (u8)((mcr & MCR_RTS ? MSR_CTS : 0) | (mcr & MCR_DTR ? MSR_DSR : 0) |
                (mcr & MCR_OUT1 ? MSR_RI : 0) | (mcr & MCR_OUT2 ? MSR_DCD : 0));
}

/* Notes what changed since MSR was read; for the ring indicator only its end counts, 8.9. */
static void sample_modem(struct ns16550 *d)
{
    u8 was = d->s.modem, is = modem_lines(d);
    u8 changed = (u8)(((was ^ is) & ~MSR_RI) | (was & ~is & MSR_RI));
    d->s.modem = (u8)(is | (was & 15) | changed >> 4);
}

/* ---- registers ------------------------------------------------------------------------------ */
static void transmit(struct ns16550 *d, u8 byte)
{
    d->s.thre = 1;
    if (d->s.mcr & MCR_LOOP) {
        receive(d, byte, false);
        restart_timeout(d);
    } else if (d->chr) {
        chr_write(d->chr, &byte, 1);
    }
}

static u8 read_iir(struct ns16550 *d)
{
    u8 iir = interrupt(d);
    if (iir == IIR_THRE)
        d->s.thre = 0;
    return iir | (d->s.fcr & FCR_FIFO ? IIR_FIFO : 0);
}

static u8 read_lsr(struct ns16550 *d) /* 8.4 */
{
    struct ns16550_state *s = &d->s;
    u8 lsr = LSR_THRE | LSR_TEMT;
    if (s->overrun)
        lsr |= LSR_OE;
    if (s->used)
        lsr |= LSR_DR;
    for (unsigned i = 0; i < s->used && s->fcr & FCR_FIFO; i++)
        if (s->rx_break[(s->head + i) % FIFO])
            lsr |= LSR_FIFO_ERROR;
    if (s->used && s->rx_break[s->head])
        lsr |= LSR_BI;
    s->overrun = s->rx_break[s->head] = 0;
    return lsr;
}

static u8 read_msr(struct ns16550 *d)
{
    u8 msr = d->s.modem;
    d->s.modem &= 0xf0;
    return msr;
}

static u8 read_reg(struct ns16550 *d, u64 reg)
{
    struct ns16550_state *s = &d->s;
    bool dlab = s->lcr & LCR_DLAB;
    switch (reg) {
    case DATA: return dlab ? s->divisor_lo : take(d);
    case IER: return dlab ? s->divisor_hi : s->ier;
    case IIR_FCR: return read_iir(d);
    case LCR: return s->lcr;
    case MCR: return s->mcr;
    case LSR: return read_lsr(d);
    case MSR: return read_msr(d);
    default: return s->scr;
    }
}

static void write_ier(struct ns16550 *d, u8 val)
{
    if (~d->s.ier & val & IER_THRE)
        d->s.thre = 1; /* the transmitter is empty: enabling raises it */
    d->s.ier = val & IER_ALL;
}

static void write_fcr(struct ns16550 *d, u8 val)
{
    if ((d->s.fcr ^ val) & FCR_FIFO || val & FCR_CLEAR_RX)
        clear_rx(d);
    d->s.fcr = val & FCR_FIFO ? val & FCR_KEPT : 0;
}

static void write_lcr(struct ns16550 *d, u8 val)
{
    bool looped_break = ~d->s.lcr & val & LCR_BREAK && d->s.mcr & MCR_LOOP;
    d->s.lcr = val;
    if (looped_break) {
        receive(d, 0, true);
        restart_timeout(d);
    }
}

static void write_reg(struct ns16550 *d, u64 reg, u8 val)
{
    struct ns16550_state *s = &d->s;
    bool dlab = s->lcr & LCR_DLAB;
    switch (reg) {
    case DATA:
        if (dlab)
            s->divisor_lo = val;
        else
            transmit(d, val);
        break;
    case IER:
        if (dlab)
            s->divisor_hi = val;
        else
            write_ier(d, val);
        break;
    case IIR_FCR: write_fcr(d, val); break;
    case LCR: write_lcr(d, val); break;
    case MCR:
        s->mcr = val & MCR_ALL;
        sample_modem(d);
        break;
    case SCR: s->scr = val; break;
    default: guest_error(&d->dev, "write of status register %llu", (unsigned long long)reg);
    }
}

static u64 ns16550_read(struct device *dev, u64 off, unsigned size)
{
    struct ns16550 *d = self(dev);
    u64 reg = off >> d->regshift;
    if (reg >= REGS) {
        guest_error(dev, "read%u of register %#llx", size, (unsigned long long)off);
        return 0;
    }
    u8 val = read_reg(d, reg);
    update(d);
    return val;
}

static void ns16550_write(struct device *dev, u64 off, u64 val, unsigned size)
{
    struct ns16550 *d = self(dev);
    u64 reg = off >> d->regshift;
    if (reg >= REGS) {
        guest_error(dev, "write%u of register %#llx", size, (unsigned long long)off);
        return;
    }
    write_reg(d, reg, (u8)val);
    update(d);
}

enum { SHIFTS = 3 };
static const struct mmio_ops regs[SHIFTS] = {
    /* an access is as wide as the registers' distance */
    {ns16550_read, ns16550_write, .min = 1, .max = 1},
    {ns16550_read, ns16550_write, .min = 2, .max = 2},
    {ns16550_read, ns16550_write, .min = 4, .max = 4},
};

/* ---- life ----------------------------------------------------------------------------------- */
static bool ns16550_init(struct device *dev, struct error *err)
{
    struct ns16550 *d = self(dev);
    if (d->chardev) {
        d->chr = hw_take(dev->hw, "chardev", d->chardev, err);
        if (!d->chr)
            return false;
    }
    mmio_add(dev, 0, &regs[d->regshift], 0x100);
    irq_outputs(dev, 1);
    timer_init(&d->timeout, dev, timeout);
    if (d->chr) {
        chr_attach(d->chr, can, got, d);
        chr_on_break(d->chr, got_break);
    }
    return true;
}

static void ns16550_reset(struct device *dev)
{
    struct ns16550 *d = self(dev);
    d->s.modem = modem_lines(d);
    update(d);
}

static void ns16550_restored(struct device *dev)
{
    struct ns16550 *d = self(dev);
    d->s.head %= FIFO;
    d->s.used = MIN(d->s.used, FIFO);
    if (!d->s.timed_out)
        restart_timeout(d);
    update(d);
}

static const struct prop props[] = {
    PROP_STR(struct ns16550, chardev, NULL, "character back end; none: output is lost"),
    PROP_U64(struct ns16550, regshift, "0", 0, SHIFTS - 1, "distance of registers: 1 << this"),
    PROP_U64(struct ns16550, clock, "3686400", 1, 1 << 30, "input clock, Hz"),
    {0},
};

#define F(m) FIELD(struct ns16550_state, m)
DEVICE(ns16550, .name = "ns16550", .doc = "16550A serial port", .compatible = "ns16550a",
       DEVICE_STATE(struct ns16550, s),
       .fields = FIELDS(F(ier), F(fcr), F(lcr), F(mcr), F(scr), F(divisor_lo), F(divisor_hi),
                        F(modem), F(thre), F(timed_out), F(overrun), F(head), F(used), F(rx),
                        F(rx_break)),
       .props = props, .init = ns16550_init, .reset = ns16550_reset, .restored = ns16550_restored);
