/* board/machine.c - the life of a machine: made, started, reset, stopped, taken apart. */
#include <errno.h>
#include <sys/sysinfo.h>
#include "base/log.h"
#include "blk/blk.h"
#include "board/machine.h"
#include "net/net.h"
#include "ui/ui.h"

enum { MAX_NAMES = 256 }; /* candidates for "did you mean" */

/* ---- options ----------------------------------------------------------------------- */
#define O struct machine_opts
const struct prop machine_props[] = {
    PROP_STR(O, guest, "riscv64", "instruction set"),
    PROP_STR(O, machine, "virt", "kind of machine"),
    PROP_STR(O, cpu, NULL, "CPU model and its features: rv64,sv57=off"),
    PROP_U64(O, cpus, "1", 0, 0, "number of CPUs"),
    PROP_SIZE(O, memory, "128M", 0, 0, "RAM of the guest"),
    PROP_STR(O, kernel, NULL, "program to boot: Linux Image, ELF or raw, also gzip or zstd packed"),
    PROP_STR(O, initrd, NULL, "initial RAM disk for the kernel"),
    PROP_STR(O, append, NULL, "kernel command line"),
    PROP_STR(O, bios, "default", "firmware: default (built in), none, or a file"),
    PROP_STR(O, dtb, NULL, "device tree to use instead of the machine's own"),
    PROP_STR(O, dumpdtb, NULL, "write the device tree to this file and exit"),
    PROP_STR(O, serial, NULL, "id of the character device behind the serial port"),
    PROP_BOOL(O, huge_pages, "off", "back the guest's RAM with 2 MiB pages where the host has them"),
    PROP_BOOL(O, no_reboot, "off", "end when the guest reboots"),
    {0},
};
#undef O

void machine_opts_init(struct machine_opts *o)
{
    *o = (struct machine_opts){.engine.level = 2};
    props_defaults(machine_props, o);
}

void machine_opts_fini(struct machine_opts *o)
{
    props_free(machine_props, o);
    free(o->engine.dump);
    while (o->parts) {
        struct part *p = o->parts;
        o->parts = p->next;
        free(p->id);
        free(p->text);
        free(p);
    }
}

const char *machine_opts_add(struct machine_opts *o, enum part_kind kind, const char *id,
                             const char *text)
{
    struct part **end = &o->parts, *p = new(struct part);
    unsigned n = 0;
    for (; *end; end = &(*end)->next)
        n++;
    p->kind = kind;
    p->id = id ? xstrdup(id) : xprintf("#%u", n);
    p->text = xstrdup(text);
    *end = p;
    return p->id;
}

/* ---- back ends --------------------------------------------------------------------- */
struct backend {
    struct backend *next;
    struct chr *chr;
    struct blk *blk;
    struct net *net;
};

static bool set_drive(void *arg, const char *key, const char *value, struct error *err)
{
    return props_set(blk_props, arg, key ? key : "file", value, err);
}

static struct blk *open_drive(const char *text, struct loop *loop, struct error *err)
{
    struct blk_opts o;
    props_defaults(blk_props, &o);
    struct blk *b = opts_parse(text, set_drive, &o, err) ? blk_open(&o, loop, err) : NULL;
    props_free(blk_props, &o);
    return b;
}

static bool open_backend(struct machine *m, const struct part *p, struct error *err)
{
    struct backend *b = new(struct backend);
    b->next = m->backends;
    m->backends = b;
    switch (p->kind) {
    case PART_CHARDEV:
        if ((b->chr = chr_open(p->text, m->loop, err)))
            hw_provide(&m->hw, "chardev", p->id, b->chr);
        return b->chr;
    case PART_DRIVE:
        if ((b->blk = open_drive(p->text, m->loop, err)))
            hw_provide(&m->hw, "drive", p->id, b->blk);
        return b->blk;
    case PART_NETDEV:
        if ((b->net = net_open(p->text, p->id, m->loop, err)))
            hw_provide(&m->hw, "netdev", p->id, b->net);
        return b->net;
    case PART_DEVICE: break;
    }
    return true;
}

static void close_backends(struct machine *m)
{
    while (m->backends) {
        struct backend *b = m->backends;
        m->backends = b->next;
        if (b->net)
            net_close(b->net);
        if (b->blk)
            blk_close(b->blk);
        if (b->chr)
            chr_close(b->chr);
        free(b);
    }
}

/* ---- devices ----------------------------------------------------------------------- */
static bool set_prop(void *arg, const char *key, const char *value, struct error *err)
{
    return device_set(arg, key ? key : value, key ? value : "on", err);
}

static void no_class(const char *name, struct error *err)
{
    const char *names[MAX_NAMES];
    size_t n = 0;
    EACH(device_class, c)
        if ((*c)->bus && n < MAX_NAMES)
            names[n++] = (*c)->name;
    error_unknown(err, "device", name, names, n);
}

struct device *machine_device(struct machine *m, const char *class_name, const char *id,
                              const char *props, struct error *err)
{
    const struct device_class *class = device_class_find(class_name);
    if (!class) {
        no_class(class_name, err);
        return NULL;
    }
    struct device *d = device_new(&m->hw, class, id);
    return !props || opts_parse(props, set_prop, d, err) ? d : NULL;
}

/* The user's device, onto the bus of its class. */
static bool plug(struct machine *m, const struct part *p, struct error *err)
{
    size_t n = strcspn(p->text, ",");
    char *name = xprintf("%.*s", (int)n, p->text);
    struct device *d = machine_device(m, name, p->id, p->text[n] ? p->text + n + 1 : NULL, err);
    bool ok = d && (d->class->bus ||
                    error_set(err, EINVAL, "it is a part of machines and cannot be added"));
    ok = ok ? device_start(d, err) : d && error_prefix(err, "%s '%s': ", name, p->id);
    free(name);
    return ok;
}

/* ---- requests ---------------------------------------------------------------------- */
#define REQUEST(what, value) ((u32)(what) + 1 + ((u32)(value) << 8))

static void end(struct machine *m, int status)
{
    m->status = status;
    loop_stop(m->loop);
}

/* No CPU runs, and no request is under way: nothing else touches devices and memory now. */
static void quiesce(struct machine *m)
{
    if (m->engine)
        engine_stop(m->engine);
    for (struct backend *b = m->backends; b; b = b->next)
        if (b->blk)
            blk_finish(b->blk);
}

static void restart(struct machine *m)
{
    struct error err = {0};
    quiesce(m);
    hw_reset(&m->hw);
    if (!m->board->boot(m, &err)) {
        log_error("reset: %s", err.msg);
        end(m, 1);
        return;
    }
    engine_start(m->engine);
}

/* On the loop's thread: what the guest asked for last. */
static void serve(void *arg)
{
    struct machine *m = arg;
    u32 r = __atomic_exchange_n(&m->request, 0, __ATOMIC_ACQ_REL);
    int value = (int)(r >> 8);
    if (!r)
        return;
    switch ((enum hw_request)((r & 0xff) - 1)) {
    case HW_POWEROFF:
        log_info("the guest powered off");
        end(m, 0);
        return;
    case HW_FAIL:
        log_info("the guest failed with %d", value);
        end(m, value & 0xff ? value & 0xff : 1);
        return;
    case HW_RESET:
        log_info("the guest rebooted");
        if (m->opts->no_reboot)
            end(m, 0);
        else
            restart(m);
        return;
    }
}

static void on_request(void *arg, enum hw_request what, int value)
{
    struct machine *m = arg;
    u32 none = 0;
    if (__atomic_compare_exchange_n(&m->request, &none, REQUEST(what, value), false,
                                    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        loop_post(m->loop, serve, m);
}

static void on_quit(void *arg) { machine_quit(arg); }

/* ---- life -------------------------------------------------------------------------- */
static const struct board *find_board(const struct machine_opts *o, struct error *err)
{
    const char *names[MAX_NAMES];
    size_t n = 0;
    if (!guest_find(o->guest)) {
        EACH(guest, g)
            if (n < MAX_NAMES)
                names[n++] = (*g)->name;
        error_unknown(err, "guest", o->guest, names, n);
        return NULL;
    }
    EACH(board, b) {
        if (strcmp((*b)->guest, o->guest))
            continue;
        if (!strcmp((*b)->name, o->machine))
            return *b;
        if (n < MAX_NAMES)
            names[n++] = (*b)->name;
    }
    error_unknown(err, "machine", o->machine, names, n);
    return NULL;
}

static bool check_size(const struct board *b, const struct machine_opts *o, struct error *err)
{
    struct sysinfo host;
    if (o->cpus < 1 || o->cpus > b->max_cpus)
        return error_set(err, ERANGE, "%llu CPUs: the machine '%s' has 1 to %llu",
                         (unsigned long long)o->cpus, b->name, (unsigned long long)b->max_cpus);
    if (o->memory < b->min_memory || o->memory > b->max_memory)
        return error_set(err, ERANGE, "memory of %llu MiB: the machine '%s' has %llu to %llu MiB",
                         (unsigned long long)o->memory >> 20, b->name,
                         (unsigned long long)b->min_memory >> 20,
                         (unsigned long long)b->max_memory >> 20);
    if (o->memory & PAGE_MASK)
        return error_set(err, EINVAL, "memory of %llu bytes is not a multiple of %d",
                         (unsigned long long)o->memory, PAGE_SIZE);
    if (sysinfo(&host) == 0 && o->memory / host.mem_unit > host.totalram + host.totalswap)
        return error_set(err, ENOMEM, "memory of %llu MiB is more than the host's %llu MiB",
                         (unsigned long long)o->memory >> 20,
                         (unsigned long long)(host.totalram + host.totalswap) * host.mem_unit >>
                             20);
    return true;
}

static bool build(struct machine *m, struct error *err)
{
    const struct machine_opts *o = m->opts;
    m->ram = ram_new(o->memory + m->board->rom_size, o->huge_pages, err);
    if (!m->ram)
        return false;
    m->engine = engine_new(guest_find(o->guest), m->space, m->ram, &o->engine, err);
    if (!m->engine)
        return false;
    for (u64 i = 0; i < o->cpus; i++)
        if (!engine_add_cpu(m->engine, o->cpu, err))
            return false;
    for (const struct part *p = o->parts; p; p = p->next)
        if (!open_backend(m, p, err))
            return false;
    if (!m->board->build(m, err))
        return false;
    for (const struct part *p = o->parts; p; p = p->next)
        if (p->kind == PART_DEVICE && !plug(m, p, err))
            return false;
    return m->board->boot(m, err);
}

struct machine *machine_new(const struct machine_opts *o, struct error *err)
{
    const struct board *board = find_board(o, err);
    if (!board || !check_size(board, o, err))
        return NULL;
    struct machine *m = xalloc(board->size);
    m->board = board;
    m->opts = o;
    m->loop = loop_new();
    m->space = space_new();
    hw_init(&m->hw, m->space, m->loop);
    m->hw.request = on_request;
    m->hw.request_arg = m;
    chr_on_quit(on_quit, m);
    if (build(m, err))
        return m;
    machine_free(m);
    return NULL;
}

bool machine_dump_tree(struct machine *m, const char *path, struct error *err)
{
    size_t len;
    const void *tree = m->board->tree(m, &len);
    FILE *f = fopen(path, "we");
    bool ok = f && fwrite(tree, 1, len, f) == len;
    if (f)
        ok &= !fclose(f);
    return ok || error_set(err, errno, "device tree '%s': %s", path, strerror(errno));
}

int machine_run(struct machine *m)
{
    engine_start(m->engine);
    loop_run(m->loop);
    quiesce(m);
    return m->status;
}

void machine_quit(struct machine *m) { loop_stop(m->loop); }

void machine_free(struct machine *m)
{
    if (!m)
        return;
    chr_on_quit(NULL, NULL);
    quiesce(m);
    m->board->fini(m);
    hw_fini(&m->hw);
    engine_free(m->engine);
    close_backends(m);
    space_free(m->space);
    ram_free(m->ram);
    loop_free(m->loop);
    free(m);
}
