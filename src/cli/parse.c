/* cli/parse.c - from argv to the table's setters, and what a command line leaves open. */
#include <errno.h>
#include "base/log.h"
#include "cli/cli.h"

static const struct option *find(u8 grammar, const char *name, size_t len)
{
    for (const struct option *o = options; o->name; o++) {
        const char *names[] = {o->name, o->alias};
        for (unsigned i = 0; (o->grammar & grammar) && i < ARRAY_LEN(names); i++)
            if (names[i] && strlen(names[i]) == len && !memcmp(names[i], name, len))
                return o;
    }
    return NULL;
}

static const char *dashes(const struct cli *c, const char *name)
{
    return c->grammar == RUN && name[1] ? "--" : "-";
}

static bool unknown(const struct cli *c, const char *arg, struct error *err)
{
    enum { MAX_NAMES = 256 };
    const char *names[MAX_NAMES];
    size_t n = 0;
    for (const struct option *o = options; o->name && n + 2 <= MAX_NAMES; o++) {
        if (!(o->grammar & c->grammar))
            continue;
        names[n++] = o->name;
        if (o->alias)
            names[n++] = o->alias;
    }
    char *name = xstrdup(arg + strspn(arg, "-"));
    name[strcspn(name, "=")] = 0;
    const char *near = nearest(name, names, n);
    free(name);
    if (near)
        return error_set(err, EINVAL, "no option '%s'; did you mean '%s%s'?", arg, dashes(c, near),
                         near);
    return error_set(err, EINVAL, "no option '%s'; --help lists them", arg);
}

/* One option and its value at argv[*i]; *i moves to the last word used. */
static bool parse_one(struct cli *c, int argc, char **argv, int *i, struct error *err)
{
    const char *arg = argv[*i], *name = arg + (arg[1] == '-' ? 2 : 1), *value = NULL;
    size_t len = c->grammar == RUN ? strcspn(name, "=") : strlen(name);
    const struct option *o = len ? find(c->grammar, name, len) : NULL;
    if (o && c->grammar == RUN && strlen(dashes(c, o->name)) != (size_t)(name - arg) && len > 1)
        o = NULL; /* -kernel is QEMU's spelling */
    if (!o)
        return unknown(c, arg, err);
    if (name[len]) {
        value = name + len + 1;
        if (!o->arg)
            return error_set(err, EINVAL, "%.*s takes no value", (int)(name - arg + (int)len), arg);
    } else if (o->arg) {
        if (*i + 1 >= argc)
            return error_set(err, EINVAL, "%s needs a value: %s", arg, o->arg);
        value = argv[++*i];
    }
    return o->set(c, o, value, err) ||
           error_prefix(err, "%.*s: ", (int)(name - arg + (int)len), arg);
}

/* QEMU without a display shows the serial port on the terminal; -display none shows nothing. */
static bool complete(struct cli *c, struct error *err)
{
    static const struct option serial = {.name = "serial"};
    if (c->accel.code && !c->accel_found) {
        *err = c->accel;
        return false;
    }
    if (c->guest && !props_set(machine_props, &c->m, "guest", c->guest, err))
        return false;
    log_verbose(c->verbose);
    if (c->serial_given || c->nodefaults || (c->no_display && !c->nographic))
        return true;
    return set_serial(c, &serial, c->grammar == RUN ? "stdio" : "mon:stdio", err);
}

bool cli_parse(struct cli *c, int argc, char **argv, struct error *err)
{
    for (int i = 1; i < argc && !c->done; i++) {
        if (argv[i][0] == '-' && argv[i][1]) {
            if (!parse_one(c, argc, argv, &i, err))
                return false;
        } else if (c->grammar == QEMU) {
            if (!set_disk(c, NULL, argv[i], err))
                return error_prefix(err, "disk '%s': ", argv[i]);
        } else {
            return error_set(err, EINVAL, "'%s' is no option; did you mean --kernel %s?", argv[i],
                             argv[i]);
        }
    }
    return c->done || complete(c, err);
}
