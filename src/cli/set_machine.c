/* cli/set_machine.c - the setters of machine, CPU, memory and accelerator, in both grammars. */
#include <errno.h>
#include "cli/cli.h"

static bool add_accel(struct cli *c, const char *name, struct error *err)
{
    static const struct {
        const char *name;
        int mode;
    } ours[] = {{"jit", ENGINE_JIT},
                {"tcg", ENGINE_JIT},
                {"interp", ENGINE_INTERP},
                {"check", ENGINE_CHECK}};
    for (unsigned i = 0; i < ARRAY_LEN(ours); i++)
        if (!strcmp(name, ours[i].name)) {
            if (!c->accel_found)
                c->m.engine.mode = ours[i].mode;
            c->accel_found = true;
            return true;
        }
    static const char *const others[] = {"kvm", "xen", "hvf", "hax", "whpx", "nvmm", "qtest"};
    for (unsigned i = 0; i < ARRAY_LEN(others); i++)
        if (!strcmp(name, others[i])) {
            error_set(&c->accel, ENOTSUP, "'%s' cannot run this guest on this host; use jit", name);
            return true;
        }
    return error_set(err, ENOENT, "no accelerator '%s': jit (tcg), interp or check", name);
}

struct accel_words { /* QEMU's and ours */
    u64 tb_size, cache;
    int level, thread;
    bool one_insn_per_tb, split_wx, perf;
};
static const char *const levels[] = {"0", "1", "2", NULL};
static const char *const threads[] = {"multi", "single", NULL};
#define A struct accel_words
const struct prop accel_props[] = {
    PROP_SIZE(A, cache, "0", 0, 4ll << 30, "code memory; 0: as needed"),
    PROP_ENUM(A, level, "2", levels, "0: one instruction at a time; 2: all optimizations"),
    PROP_BOOL(A, perf, "off", "write /tmp/perf-PID.map for perf"),
    PROP_U64(A, tb_size, "0", 0, 4096, "code memory in MiB"),
    PROP_BOOL(A, one_insn_per_tb, "off", "the same as level=0"),
    PROP_ENUM(A, thread, "multi", threads, "no effect: every CPU has its thread"),
    PROP_BOOL(A, split_wx, "on", "no effect: code memory is always so"),
    {0},
};
#undef A

struct accel_arg {
    struct cli *c;
    struct accel_words words;
};

static bool each_accel(void *arg, const char *key, const char *value, struct error *err)
{
    struct accel_arg *a = arg;
    return key ? props_set(accel_props, &a->words, key, value, err) : add_accel(a->c, value, err);
}

bool set_accel(struct cli *c, const struct option *o, const char *value, struct error *err)
{
    (void)o;
    if (is_help(value))
        return show_list(c, "accels", err);
    struct accel_arg a = {c, {0}};
    props_defaults(accel_props, &a.words);
    if (!opts_parse(value, each_accel, &a, err))
        return false;
    struct engine_opts *e = &c->m.engine;
    e->level = a.words.one_insn_per_tb ? 0 : a.words.level;
    e->cache_size = a.words.cache ? a.words.cache : a.words.tb_size << 20;
    e->perf_map |= a.words.perf;
    return true;
}

bool set_level0(struct cli *c, const struct option *o, const char *value, struct error *err)
{
    (void)o, (void)value, (void)err;
    c->m.engine.level = 0;
    return true;
}

static bool each_machine(void *arg, const char *key, const char *value, struct error *err)
{
    struct cli *c = arg;
    if (!key || !strcmp(key, "type"))
        return props_set(machine_props, &c->m, "machine", value, err);
    if (!strcmp(key, "firmware"))
        return props_set(machine_props, &c->m, "bios", value, err);
    if (!strcmp(key, "accel")) {
        char *list = xstrdup(value), *rest = list;
        bool ok = true;
        for (char *name; ok && (name = strsep(&rest, ":"));)
            ok = add_accel(c, name, err);
        free(list);
        return ok;
    }
    static const char *const absent[] = {"aclint",          "acpi",     "usb", "graphics", "vmport",
                                         "dump-guest-core", "mem-merge"};
    for (unsigned i = 0; i < ARRAY_LEN(absent); i++)
        if (!strcmp(key, absent[i]))
            return !strcmp(value, "off") ||
                   error_set(err, ENOTSUP, "%s=%s is not available", key, value);
    if (!strcmp(key, "aia"))
        return !strcmp(value, "none") ||
               error_set(err, ENOTSUP, "%s=%s is not available", key, value);
    return props_set(machine_props, &c->m, key, value, err);
}

bool set_machine(struct cli *c, const struct option *o, const char *value, struct error *err)
{
    (void)o;
    return is_help(value) ? show_list(c, "machines", err) : opts_parse(value, each_machine, c, err);
}

bool set_cpu(struct cli *c, const struct option *o, const char *value, struct error *err)
{
    return is_help(value) ? show_list(c, "cpus", err) : set_machine_prop(c, o, value, err);
}

static bool each_memory(void *arg, const char *key, const char *value, struct error *err)
{
    struct cli *c = arg;
    if (!key || !strcmp(key, "size"))
        return parse_size(value, 1 << 20, &c->m.memory, err);
    return error_set(err, ENOTSUP, "%s=%s is not available: memory cannot be added later", key,
                     value);
}

bool set_memory(struct cli *c, const struct option *o, const char *value, struct error *err)
{
    (void)o;
    return opts_parse(value, each_memory, c, err);
}

struct smp {
    u64 cpus, maxcpus, sockets, dies, clusters, cores, threads;
};
#define S struct smp
static const struct prop smp_props[] = {
    PROP_U64(S, cpus, "0", 0, 0, NULL),        PROP_U64(S, maxcpus, "0", 0, 0, NULL),
    PROP_U64(S, sockets, "1", 1, 4096, NULL),  PROP_U64(S, dies, "1", 1, 4096, NULL),
    PROP_U64(S, clusters, "1", 1, 4096, NULL), PROP_U64(S, cores, "1", 1, 4096, NULL),
    PROP_U64(S, threads, "1", 1, 4096, NULL),  {0},
};
#undef S

struct smp_arg {
    struct smp smp;
    bool given;
};

static bool each_smp(void *arg, const char *key, const char *value, struct error *err)
{
    struct smp_arg *a = arg;
    a->given |= !key || !strcmp(key, "cpus");
    return props_set(smp_props, &a->smp, key ? key : "cpus", value, err);
}

bool set_smp(struct cli *c, const struct option *o, const char *value, struct error *err)
{
    (void)o;
    struct smp_arg a = {0};
    props_defaults(smp_props, &a.smp);
    if (!opts_parse(value, each_smp, &a, err))
        return false;
    const struct smp *s = &a.smp;
    u64 product = s->sockets * s->dies * s->clusters * s->cores * s->threads;
    c->m.cpus = a.given ? s->cpus : product;
    if (s->maxcpus && s->maxcpus != c->m.cpus)
        return error_set(err, ENOTSUP, "maxcpus=%llu: CPUs cannot be added later",
                         (unsigned long long)s->maxcpus);
    if (product > 1 && product != c->m.cpus)
        return error_set(err, EINVAL, "%llu CPUs, but sockets, cores and threads make %llu",
                         (unsigned long long)c->m.cpus, (unsigned long long)product);
    return true;
}
