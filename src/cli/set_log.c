/* cli/set_log.c - the setters of dumps, traces and logs. */
#include <errno.h>
#include "base/log.h"
#include "cli/cli.h"

bool set_dump(struct cli *c, const struct option *o, const char *value, struct error *err)
{
    (void)o, (void)err;
    free(c->m.engine.dump);
    c->m.engine.dump = xstrdup(value);
    return true;
}

bool set_trace(struct cli *c, const struct option *o, const char *value, struct error *err)
{
    (void)o;
    if (is_help(value))
        return show_list(c, "traces", err);
    const char *glob = strncmp(value, "enable=", 7) ? value : value + 7;
    return trace_enable(glob) || error_set(err, ENOENT, "no trace site matches '%s'", glob);
}

bool set_log_file(struct cli *c, const struct option *o, const char *value, struct error *err)
{
    (void)c, (void)o;
    return log_file(value, err);
}

/* QEMU's -d items in our terms: a --dump item, trace sites, or neither. */
static const struct log_item {
    const char *name, *dump, *trace;
} log_items[] = {
    {"in_asm", "in", NULL},
    {"op", "ir0", NULL},
    {"op_opt", "ir", NULL},
    {"out_asm", "out", NULL},
    {"guest_errors", NULL, "guest*"},
    {"unimp", NULL, NULL},
    {"int", NULL, NULL},
    {"exec", NULL, NULL},
    {"cpu", NULL, NULL},
    {"mmu", NULL, NULL},
    {"pcall", NULL, NULL},
    {"page", NULL, NULL},
    {"nochain", NULL, NULL},
    {"cpu_reset", NULL, NULL},
    {"op_ind", NULL, NULL},
    {"op_plugin", NULL, NULL},
    {"fpu", NULL, NULL},
    {"plugin", NULL, NULL},
    {"strace", NULL, NULL},
    {"tid", NULL, NULL},
};

static bool add_log_item(struct cli *c, const char *name, struct error *err)
{
    if (!strncmp(name, "trace:", 6))
        return set_trace(c, NULL, name + 6, err);
    const char *names[ARRAY_LEN(log_items)];
    for (unsigned i = 0; i < ARRAY_LEN(log_items); i++) {
        const struct log_item *l = &log_items[i];
        names[i] = l->name;
        if (strcmp(name, l->name))
            continue;
        if (l->trace)
            trace_enable(l->trace);
        else if (l->dump) {
            char *old = c->m.engine.dump;
            c->m.engine.dump = old ? xprintf("%s,%s", old, l->dump) : xstrdup(l->dump);
            free(old);
        } else {
            log_warn("-d %s: not available, ignored", name);
        }
        return true;
    }
    return error_unknown(err, "log item", name, names, ARRAY_LEN(names));
}

bool set_log(struct cli *c, const struct option *o, const char *value, struct error *err)
{
    (void)o;
    if (is_help(value)) {
        for (unsigned i = 0; i < ARRAY_LEN(log_items); i++)
            if (log_items[i].dump || log_items[i].trace)
                fprintf(c->out, "%s\n", log_items[i].name);
        c->done = true;
        return true;
    }
    char *list = xstrdup(value), *rest = list;
    bool ok = true;
    for (char *name; ok && (name = strsep(&rest, ","));)
        ok = add_log_item(c, name, err);
    free(list);
    return ok;
}
