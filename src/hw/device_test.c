/* hw/device_test.c - dispatcher, lines, timers, back ends and saved state of a made-up device. */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include "hw/device.h"

struct probe {
    struct device dev;
    struct timer timer;
    u64 level;
    char *text;
    char log[256]; /* what the registers saw: "r4@8 w1@2=7f " */
    int fired;
    struct probe_state {
        u8 reg[32];
        u64 inputs;
    } s;
};

static struct probe *self(struct device *d) { return container_of(d, struct probe, dev); }

static void note(struct probe *p, const char *fmt, ...) PRINTF(2, 3);
static void note(struct probe *p, const char *fmt, ...)
{
    va_list ap;
    size_t n = strlen(p->log);
    va_start(ap, fmt);
    vsnprintf(p->log + n, sizeof p->log - n, fmt, ap);
    va_end(ap);
}

static u64 probe_read(struct device *d, u64 off, unsigned size)
{
    u64 v = 0;
    assert(mutex_held(&d->lock) && off + size <= 32 && !(off % size));
    note(self(d), "r%u@%llu ", size, (unsigned long long)off);
    memcpy(&v, self(d)->s.reg + off, size);
    return size < 8 ? v | 0xabull << 56 : v; /* what does not belong to the access is cut off */
}

static void probe_write(struct device *d, u64 off, u64 val, unsigned size)
{
    assert(mutex_held(&d->lock) && off + size <= 32 && !(off % size));
    assert(size == 8 || !(val >> 8 * size));
    note(self(d), "w%u@%llu=%llx ", size, (unsigned long long)off, (unsigned long long)val);
    memcpy(self(d)->s.reg + off, &val, size);
}

static const struct mmio_ops any = {probe_read, probe_write, .min = 1, .max = 8};
static const struct mmio_ops bytes = {probe_read, probe_write, .min = 1, .max = 1};
static const struct mmio_ops words = {probe_read, probe_write, .min = 4, .max = 4};

static void fire(struct device *d)
{
    assert(mutex_held(&d->lock));
    self(d)->fired++;
}

static bool probe_init(struct device *d, struct error *err)
{
    if (self(d)->level > 1)
        return error_set(err, EINVAL, "level %llu is not 0 or 1",
                         (unsigned long long)self(d)->level);
    mmio_add(d, 0, &any, 32);
    mmio_add(d, 1, &bytes, 32);
    mmio_add(d, 2, &words, 32);
    irq_outputs(d, 2);
    timer_init(&self(d)->timer, d, fire);
    return true;
}

static void probe_reset(struct device *d)
{
    self(d)->s.reg[31] = 0x5a;
    irq_set(&d->irq[0], self(d)->level);
}

static void probe_irq_in(struct device *d, int line, bool level)
{
    assert(mutex_held(&d->lock));
    self(d)->s.inputs = self(d)->s.inputs << 8 | (u64)line << 1 | level;
}

static const struct device_class probe_class = {
    .name = "probe",
    DEVICE_STATE(struct probe, s),
    .fields = FIELDS(FIELD(struct probe_state, reg), FIELD(struct probe_state, inputs)),
    .props = PROPS(PROP_U64(struct probe, level, "0", 0, 0, "of the first line after reset"),
                   PROP_STR(struct probe, text, NULL, "nothing")),
    .init = probe_init,
    .reset = probe_reset,
    .irq_in = probe_irq_in,
};
static const struct device_class sink_class = {
    .name = "sink",
    DEVICE_STATE(struct probe, s),
    .init = probe_init,
    .irq_in = probe_irq_in,
    .rank = RANK_INTC,
};

static struct machine {
    struct hw hw;
    struct space *space;
    struct loop *loop;
} m;

static struct probe *begin(void)
{
    struct error err;
    m.space = space_new();
    m.loop = loop_new();
    hw_init(&m.hw, m.space, m.loop);
    struct device *d = device_new(&m.hw, &probe_class, "p0");
    assert(device_start(d, &err));
    return self(d);
}

static void end(void)
{
    hw_fini(&m.hw);
    loop_free(m.loop);
    space_free(m.space);
    clock_real();
}

TEST(accesses_are_split_and_widened)
{
    struct probe *p = begin();
    for (int i = 0; i < 32; i++)
        p->s.reg[i] = (u8)(0x10 + i);
    struct {
        int window;
        unsigned off, size;
        u64 value;
        const char *log;
    } reads[] = {
        {0, 8, 8, 0x1f1e1d1c1b1a1918, "r8@8 "},
        {0, 1, 1, 0x11, "r1@1 "},
        {0, 1, 4, 0x14131211, "r1@1 r2@2 r1@4 "},
        {0, 4, 8, 0x1b1a191817161514, "r4@4 r4@8 "},
        {1, 4, 4, 0x17161514, "r1@4 r1@5 r1@6 r1@7 "},
        {2, 8, 8, 0x1f1e1d1c1b1a1918, "r4@8 r4@12 "},
        {2, 5, 1, 0x15, "r4@4 "},
        {2, 6, 4, 0x19181716, "r4@4 r4@8 "},
        {0, 31, 1, 0x2f, "r1@31 "},
        {0, 31, 2, 0, ""},
        {0, 32, 1, 0, ""},
        {3, 0, 1, 0, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(reads); i++) {
        p->log[0] = 0;
        u64 v = device_read(&p->dev, reads[i].window, reads[i].off, reads[i].size);
        assert(v == reads[i].value);
        assert(!strcmp(p->log, reads[i].log));
    }
    p->log[0] = 0;
    device_write(&p->dev, 0, 0, ~0ull, 2);
    device_write(&p->dev, 2, 8, 0x1122334455667788, 8);
    device_write(&p->dev, 2, 6, 0xbeef, 2);
    device_write(&p->dev, 1, 3, 0x1234, 2);
    device_write(&p->dev, 1, 31, 0x1234, 2);
    assert(!strcmp(p->log, "w2@0=ffff w4@8=55667788 w4@12=11223344 "
                           "w4@4=beef0000 w1@3=34 w1@4=12 "));
    end();
}

TEST(devices_are_mapped_into_the_space)
{
    struct error err;
    struct probe *p = begin();
    u64 v;
    assert(device_map(&p->dev, 0, 0x1000, &err));
    assert(!device_map(&p->dev, 0, 0x2000, &err));
    assert(!strcmp(err.msg, "probe 'p0': window 0 is mapped"));
    assert(!device_map(&p->dev, 5, 0x2000, &err));
    assert(!device_map(&p->dev, 1, 0x1010, &err) && strstr(err.msg, "overlap"));
    assert(space_write(m.space, 0x1008, 4, 0x99887766) && space_read(m.space, 0x1008, 4, &v));
    assert(v == 0x99887766 && !strcmp(p->log, "w4@8=99887766 r4@8 "));
    device_unmap(&p->dev, 0);
    device_unmap(&p->dev, 0);
    assert(!space_read(m.space, 0x1008, 4, &v) && device_map(&p->dev, 0, 0x1008, &err));
    end();
}

TEST(lines_tell_changes_only)
{
    struct error err;
    struct probe *p = begin();
    struct device *to = device_new(&m.hw, &sink_class, "sink");
    assert(device_start(to, &err));
    assert(device_set(&p->dev, "level", "1", &err));
    device_reset(&p->dev); /* the line is up before anyone listens */
    irq_connect(&p->dev, 0, to, 3);
    irq_connect(&p->dev, 1, to, 4);
    assert(self(to)->s.inputs == (3 << 1 | 1));
    device_lock(&p->dev);
    irq_set(&p->dev.irq[0], true);
    irq_set(&p->dev.irq[1], true);
    irq_set(&p->dev.irq[1], true);
    irq_set(&p->dev.irq[1], false);
    device_unlock(&p->dev);
    assert(self(to)->s.inputs == 0x070908);
    end();
}

TEST(timers_fire_once_when_due)
{
    clock_fake(1000, 0);
    struct probe *p = begin();
    device_lock(&p->dev);
    timer_at(&p->timer, 1500);
    device_unlock(&p->dev);
    clock_step(499);
    loop_poll(m.loop, 0);
    assert(!p->fired);
    clock_step(1);
    loop_poll(m.loop, 0);
    loop_poll(m.loop, 0);
    assert(p->fired == 1 && !p->timer.on);
    timer_at(&p->timer, 1600);
    timer_stop(&p->timer);
    timer_at(&p->timer, 1700);
    device_reset(&p->dev); /* stops timers */
    clock_step(1000);
    loop_poll(m.loop, 0);
    assert(p->fired == 1);
    timer_at(&p->timer, 0); /* past: next turn */
    loop_poll(m.loop, 0);
    assert(p->fired == 2);
    end();
}

TEST(set_up_errors_name_the_device)
{
    struct error err;
    begin();
    struct device *d = device_new(&m.hw, &probe_class, "p1");
    assert(device_find(&m.hw, "p1") == d && !device_find(&m.hw, "p2"));
    assert(device_set(d, "text", "hello", &err) && !strcmp(self(d)->text, "hello"));
    assert(!device_set(d, "levle", "1", &err) && strstr(err.msg, "probe 'p1': "));
    assert(device_set(d, "level", "2", &err) && !device_start(d, &err));
    assert(!strcmp(err.msg, "probe 'p1': level 2 is not 0 or 1"));
    hw_reset(&m.hw); /* skips what did not start */
    assert(!self(d)->s.reg[31]);
    end();
}

TEST(back_ends_are_taken_once)
{
    struct error err;
    int x;
    begin();
    hw_provide(&m.hw, "chardev", "a", &x);
    assert(!hw_take(&m.hw, "chardev", "b", &err) && err.code == ENOENT);
    assert(!hw_take(&m.hw, "drive", "a", &err));
    assert(hw_take(&m.hw, "chardev", "a", &err) == &x);
    assert(!hw_take(&m.hw, "chardev", "a", &err) && err.code == EBUSY && strstr(err.msg, "'a'"));
    end();
}

TEST(state_is_saved_by_name)
{
    struct error err;
    struct probe *p = begin();
    u8 buf[256];
    p->s.reg[3] = 7;
    p->s.inputs = 0x123456789abcdef0;
    size_t n = device_save(&p->dev, NULL);
    assert(n == (1 + 3 + 4 + 32) + (1 + 6 + 4 + 8) && device_save(&p->dev, buf) == n);
    device_reset(&p->dev);
    assert(p->s.reg[31] == 0x5a && !p->s.reg[3]);
    assert(device_restore(&p->dev, buf + 40, n - 40, &err)); /* what is missing is as after reset */
    assert(p->s.inputs == 0x123456789abcdef0 && p->s.reg[31] == 0x5a && !p->s.reg[3]);
    assert(device_restore(&p->dev, buf, n, &err) && p->s.reg[3] == 7);
    assert(!device_restore(&p->dev, buf, n - 1, &err));
    assert(strstr(err.msg, "probe 'p0': saved state is cut"));
    assert(!p->s.reg[3] && !p->s.inputs); /* refused: as after reset */
    buf[1] = 'R';
    assert(!device_restore(&p->dev, buf, n, &err) && strstr(err.msg, "'Reg' of 32 bytes"));
    end();
}

TEST(guest_errors_are_counted)
{
    struct probe *p = begin();
    for (int i = 0; i < 1000; i++)
        guest_error(&p->dev, "bad %d", i);
    assert(p->dev.guest_errors == 1000);
    end();
}
