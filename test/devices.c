/* test/devices.c - rules every registered device must keep, without naming one.
 *
 * The environment's SEED begins the random sequence; a failure prints the one in use. */
#include "hw/rig.h"
#include "test/random.h"

static u64 first_seed;
enum { RAM_SIZE = 1 << 20, ACCESSES = 20000, HOSTILE_STATES = 50, MAX_CUTS = 2000 };

#define RULE(class, cond)                                                                       \
    do {                                                                                        \
        if (!(cond)) {                                                                          \
            fprintf(stderr, "%s: %s: not so: %s (SEED=%llu)\n", __FILE__, (class)->name, #cond, \
                    (unsigned long long)first_seed);                                            \
            abort();                                                                            \
        }                                                                                       \
    } while (0)

static u64 rnd(void)
{
    static u64 state;
    if (!first_seed) {
        const char *text = getenv("SEED");
        state = first_seed = text ? MAX(strtoull(text, NULL, 0), 1) : 1;
    }
    return random_next(&state);
}

/* ---- a machine with some RAM at 0, and one device ------------------------------------------- */
static struct ram *ram;

static void ignore(void *arg, enum hw_request what, int value)
{
    (void)arg, (void)what, (void)value;
}

static void setup(struct rig *r)
{
    struct error err;
    rig_init(r);
    r->hw.request = ignore;
    ram = ram_new(RAM_SIZE, false, &err);
    assert(ram && space_add_ram(r->hw.space, 0, ram, 0, RAM_SIZE, false, &err));
    for (u64 i = 0; i < RAM_SIZE; i += 8) { /* what may pass for lengths, flags, addresses */
        u64 v = rnd() >> rnd() % 64;
        memcpy(ram->host + i, &v, 8);
    }
}

static void teardown(struct rig *r)
{
    rig_fini(r);
    ram_free(ram);
}

static struct device *start(struct rig *r, const struct device_class *c)
{
    struct error err;
    struct device *d = device_new(&r->hw, c, "dut");
    bool starts_with_defaults = device_start(d, &err);
    if (!starts_with_defaults)
        fprintf(stderr, "%s\n", err.msg);
    RULE(c, starts_with_defaults);
    return d;
}

/* ---- a guest without manners ---------------------------------------------------------------- */
static u64 any_value(void)
{
    static const u64 special[] = {0, 1, ~0ull, 0x80000000, 0x7fffffff, 0x8000000000000000};
    switch (rnd() % 4) {
    case 0: return special[rnd() % ARRAY_LEN(special)];
    case 1: return rnd() % RAM_SIZE & ~7ull; /* an address in RAM */
    default: return rnd() >> rnd() % 64;
    }
}

static u64 any_offset(u64 size)
{
    static u64 last;
    switch (rnd() % 4) {
    case 0: last = rnd() % size; break;
    case 1: last = rnd() % 0x200 % size; break;
    case 2: last = (last + 4) % size; break;
    default: last = (rnd() % size) & ~(u64)(rnd() % 0x1000); break;
    }
    return last;
}

static void any_access(struct device *d)
{
    int window = (int)(rnd() % DEVICE_WINDOWS);
    u64 size = d->mmio[window].size;
    if (!size)
        return;
    if (rnd() & 1)
        device_write(d, window, any_offset(size), any_value(), 1u << rnd() % 4);
    else
        device_read(d, window, any_offset(size), 1u << rnd() % 4);
}

static void any_line(struct device *d)
{
    if (!d->class->irq_in)
        return;
    device_lock(d);
    d->class->irq_in(d, (int)(rnd() & 1 ? rnd() % 128 : rnd()), rnd() & 1);
    device_unlock(d);
}

static void any_event(struct rig *r, struct device *d)
{
    switch (rnd() % 64) {
    case 0: rig_step(r, rnd() % 1000000000); break;
    case 1: any_line(d); break;
    case 2:
        if (rnd() % 64 == 0)
            device_reset(d);
        break;
    default: any_access(d);
    }
}

/* ---- the rules ------------------------------------------------------------------------------ */
TEST(devices_are_described)
{
    EACH(device_class, p) {
        const struct device_class *c = *p;
        RULE(c, c->name && *c->name && c->doc && *c->doc);
        RULE(c, device_class_find(c->name) == c);
        RULE(c, c->size >= sizeof(struct device));
        for (const struct prop *o = c->props; o && o->name; o++)
            RULE(c, o->doc && *o->doc && o->off >= sizeof(struct device) && o->off < c->size);
    }
}

TEST(devices_save_every_state_byte_once)
{
    EACH(device_class, p) {
        const struct device_class *c = *p;
        u8 *seen = xalloc(c->state_size + 1);
        RULE(c, !c->state_size || c->state_off >= sizeof(struct device));
        RULE(c, c->state_off + c->state_size <= c->size);
        for (const struct field *f = c->fields; f && f->name; f++) {
            RULE(c, f->size && f->off + f->size <= c->state_size);
            for (u32 i = 0; i < f->size; i++)
                RULE(c, !seen[f->off + i]++);
        }
        RULE(c, !memchr(seen, 0, c->state_size));
        free(seen);
    }
}

TEST(devices_survive_any_access)
{
    EACH(device_class, p) {
        struct rig r;
        setup(&r);
        struct device *d = start(&r, *p);
        for (int i = 0; i < ACCESSES; i++)
            any_event(&r, d);
        teardown(&r);
    }
}

TEST(devices_restore_what_they_saved)
{
    EACH(device_class, p) {
        struct rig r;
        struct error err;
        setup(&r);
        struct device *from = start(&r, *p), *to = start(&r, *p);
        for (int round = 0; round < 10; round++) {
            for (int i = 0; i < 200; i++)
                any_event(&r, from);
            size_t n = device_save(from, NULL);
            u8 *a = xalloc(n + 1), *b = xalloc(n + 1);
            RULE(*p, device_save(from, a) == n);
            RULE(*p, device_restore(to, a, n, &err));
            RULE(*p, device_save(to, b) == n && !memcmp(a, b, n));
            free(a);
            free(b);
        }
        teardown(&r);
    }
}

TEST(devices_survive_cut_state)
{
    EACH(device_class, p) {
        struct rig r;
        struct error err;
        setup(&r);
        struct device *d = start(&r, *p);
        size_t n = device_save(d, NULL);
        u8 *full = xalloc(n + 1);
        device_save(d, full);
        for (size_t cut = 0; cut < n; cut += 1 + n / MAX_CUTS) {
            u8 *in = xalloc(cut + 1); /* of its own size, so that a sanitizer sees reads beyond */
            memcpy(in, full, cut);
            in = xresize(in, MAX(cut, 1));
            device_restore(d, in, cut, &err);
            free(in);
        }
        free(full);
        teardown(&r);
    }
}

/* A stream with right names and sizes, and anything at all as values. */
static void spoil(const struct device_class *c, u8 *stream)
{
    for (const struct field *f = c->fields; f && f->name; f++) {
        u8 *value = stream + 1 + strlen(f->name) + 4;
        for (u32 i = 0; i < f->size; i++)
            if (rnd() & 1)
                value[i] = (u8)rnd();
        stream = value + f->size;
    }
}

TEST(devices_survive_hostile_state)
{
    EACH(device_class, p) {
        struct rig r;
        struct error err;
        setup(&r);
        struct device *d = start(&r, *p);
        size_t n = device_save(d, NULL);
        u8 *stream = xalloc(n + 1);
        for (int round = 0; round < HOSTILE_STATES; round++) {
            device_save(d, stream);
            spoil(*p, stream);
            RULE(*p, device_restore(d, stream, n, &err));
            for (int i = 0; i < 100; i++)
                any_event(&r, d);
        }
        free(stream);
        teardown(&r);
    }
}

static void try_value(const struct device_class *c, const struct prop *o, i64 value, bool good)
{
    struct rig r;
    struct error err;
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    setup(&r);
    struct device *d = device_new(&r.hw, c, "dut");
    RULE(c, device_set(d, o->name, text, &err) == good);
    if (good && device_start(d, &err))
        for (int i = 0; i < 500; i++)
            any_event(&r, d);
    teardown(&r);
}

TEST(devices_take_the_ends_of_every_range)
{
    EACH(device_class, p)
        for (const struct prop *o = (*p)->props; o && o->name; o++) {
            if ((o->type != PROP_T_I64 && o->type != PROP_T_U64) || (!o->min && !o->max))
                continue;
            try_value(*p, o, o->min, true);
            try_value(*p, o, o->max, true);
            i64 beyond;
            if (add_ok(o->max, (i64)1, &beyond))
                try_value(*p, o, beyond, false);
            if (add_ok(o->min, (i64)-1, &beyond))
                try_value(*p, o, beyond, false);
        }
}
