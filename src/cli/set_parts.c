/* cli/set_parts.c - the setters of disks, networks, serial lines and devices, in both grammars. */
#include <errno.h>
#include "blk/blk.h"
#include "cli/cli.h"

/* ---- texts ------------------------------------------------------------------------- */
/* Appends ",key=value" (key NULL: the value alone), commas in the value doubled. */
static void text_add(char **text, const char *key, const char *value)
{
    char *escaped = xalloc(2 * strlen(value) + 1), *e = escaped, *old = *text;
    for (const char *v = value; *v; v++) {
        if (*v == ',')
            *e++ = ',';
        *e++ = *v;
    }
    *text = xprintf("%s%s%s%s%s", old ? old : "", old && *old ? "," : "", key ? key : "",
                    key ? "=" : "", escaped);
    free(escaped);
    free(old);
}

/* The words before the first single comma, and what follows it. */
static char *first_word(const char *text, const char **rest)
{
    char *word = xalloc(strlen(text) + 1), *w = word;
    for (; *text && (*text != ',' || text[1] == ','); text++) {
        text += *text == ',';
        *w++ = *text;
    }
    *rest = *text ? text + 1 : text;
    return word;
}

static void replace(char **to, const char *value)
{
    free(*to);
    *to = xstrdup(value);
}

static bool no_json(const char *value, struct error *err)
{
    return *value != '{' ||
           error_set(err, ENOTSUP, "JSON is not read here; write it as key=value,...");
}

static bool is_one_of(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (!strcmp(word, *list))
            return true;
    return false;
}

/* ---- disks ------------------------------------------------------------------------- */
struct drive {
    char *id, *serial, *text;
    const char *bus; /* "virtio": comes with a device; "none" */
    struct blk_opts check;
};

/* One word of -drive, -blockdev or --disk, as a property of blk_props or of ours. */
static bool each_drive(void *arg, const char *key, const char *value, struct error *err)
{
    static const struct {
        const char *theirs, *ours;
    } names[] = {{"filename", "file"},
                 {"file.filename", "file"},
                 {"driver", "format"},
                 {"read-only", "readonly"},
                 {"node-name", "id"}};
    static const char *const ignored[] = {
        "aio",          "index",    "bus",           "unit",    "werror",       "rerror",
        "file.driver",  "file.aio", "detect-zeroes", "locking", "file.locking", "auto-read-only",
        "copy-on-read", NULL};
    struct drive *d = arg;
    if (!key)
        return error_set(err, EINVAL, "'%s' has no value: file=%s is meant?", value, value);
    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        if (!strcmp(key, names[i].theirs))
            key = names[i].ours;
    if (!strcmp(key, "id")) {
        replace(&d->id, value);
    } else if (!strcmp(key, "serial")) {
        replace(&d->serial, value);
    } else if (!strcmp(key, "if")) {
        if (strcmp(value, "none") && strcmp(value, "virtio"))
            return error_set(err, ENOTSUP, "if=%s is not available; accepted: none, virtio", value);
        d->bus = *value == 'n' ? "none" : "virtio";
    } else if (!strcmp(key, "snapshot") && strcmp(value, "off")) {
        return error_set(err, ENOTSUP,
                         "snapshot=%s is not available: the image is written directly", value);
    } else if (!strcmp(key, "media") || !strcmp(key, "snapshot")) {
        if (!strcmp(value, "cdrom"))
            text_add(&d->text, "readonly", "on");
    } else if (!is_one_of(key, ignored)) {
        if (!strcmp(key, "discard")) {
            key = "unmap";
            value = !strcmp(value, "unmap") || !strcmp(value, "on") ? "on" : "off";
        } else if (!strcmp(key, "cache.direct")) {
            key = "cache";
            value = !strcmp(value, "on") ? "none" : "writeback";
        } else if (!strcmp(key, "format") && !strcmp(value, "file")) {
            value = "raw";
        }
        if (!props_set(blk_props, &d->check, key, value, err))
            return false;
        text_add(&d->text, key, value);
    }
    return true;
}

static void drive_fini(struct drive *d)
{
    props_free(blk_props, &d->check);
    free(d->id);
    free(d->serial);
    free(d->text);
}

/* The drive, and its device unless it is to have one of the user's. */
static void add_drive(struct cli *c, const struct drive *d)
{
    const char *id = machine_opts_add(&c->m, PART_DRIVE, d->id, d->text);
    if (strcmp(d->bus, "virtio"))
        return;
    char *device = xstrdup("virtio-blk-pci");
    text_add(&device, "drive", id);
    if (d->serial)
        text_add(&device, "serial", d->serial);
    machine_opts_add(&c->m, PART_DEVICE, NULL, device);
    free(device);
}

static bool need_file(const struct drive *d, struct error *err)
{
    return d->check.file || error_set(err, EINVAL, "file=PATH is missing");
}

bool set_drive(struct cli *c, const struct option *o, const char *value, struct error *err)
{
    (void)o;
    struct drive d = {.bus = "virtio"};
    bool ok = no_json(value, err) && opts_parse(value, each_drive, &d, err) && need_file(&d, err);
    if (ok)
        add_drive(c, &d);
    drive_fini(&d);
    return ok;
}

bool set_disk(struct cli *c, const struct option *o, const char *value, struct error *err)
{
    (void)o;
    struct drive d = {.bus = "virtio"};
    const char *rest;
    char *file = first_word(value, &rest);
    bool ok = each_drive(&d, "file", file, err) && opts_parse(rest, each_drive, &d, err);
    if (ok)
        add_drive(c, &d);
    free(file);
    drive_fini(&d);
    return ok;
}

bool set_hd(struct cli *c, const struct option *o, const char *value, struct error *err)
{
    struct drive d = {.bus = "virtio"};
    bool ok =
        each_drive(&d, "file", value, err) && (!o->what || each_drive(&d, o->what, "on", err));
    if (ok)
        add_drive(c, &d);
    drive_fini(&d);
    return ok;
}

/* driver=raw,file=NODE names an earlier driver=file,node-name=NODE: the two become one drive. */
bool set_blockdev(struct cli *c, const struct option *o, const char *value, struct error *err)
{
    (void)o;
    struct drive d = {.bus = "none"};
    bool ok = no_json(value, err) && opts_parse(value, each_drive, &d, err) && need_file(&d, err);
    if (ok && !d.id)
        ok = error_set(err, EINVAL, "node-name=ID is missing");
    if (ok) {
        struct part *p = c->m.parts;
        while (p && (p->kind != PART_DRIVE || strcmp(p->id, d.check.file)))
            p = p->next;
        if (p) {
            char *both = xprintf("%s,%s", d.text, p->text); /* the file named last is the one */
            free(p->text);
            p->text = both;
            replace(&p->id, d.id);
        } else {
            add_drive(c, &d);
        }
    }
    drive_fini(&d);
    return ok;
}

/* ---- networks ---------------------------------------------------------------------- */
struct nic {
    char *kind, *id, *model, *mac, *text;
};

static bool each_nic(void *arg, const char *key, const char *value, struct error *err)
{
    (void)err;
    struct nic *n = arg;
    if (!key || !strcmp(key, "type")) {
        replace(&n->kind, value);
        text_add(&n->text, NULL, value);
    } else if (!strcmp(key, "id")) {
        replace(&n->id, value);
    } else if (!strcmp(key, "model")) {
        replace(&n->model, value);
    } else if (!strcmp(key, "mac")) {
        replace(&n->mac, value);
    } else {
        text_add(&n->text, key, value);
    }
    return true;
}

static void nic_fini(struct nic *n)
{
    free(n->kind);
    free(n->id);
    free(n->model);
    free(n->mac);
    free(n->text);
}

bool set_nic(struct cli *c, const struct option *o, const char *value, struct error *err)
{
    (void)o;
    if (is_help(value))
        return show_list(c, "netdevs", err);
    struct nic n = {0};
    bool ok = opts_parse(value, each_nic, &n, err);
    if (ok && !n.kind)
        ok = error_set(err, EINVAL, "the kind of network is missing: user,...");
    if (ok && strcmp(n.kind, "none")) {
        char *device = xstrdup(n.model && strcmp(n.model, "virtio") ? n.model : "virtio-net-pci");
        text_add(&device, "netdev", machine_opts_add(&c->m, PART_NETDEV, n.id, n.text));
        if (n.mac)
            text_add(&device, "mac", n.mac);
        machine_opts_add(&c->m, PART_DEVICE, NULL, device);
        free(device);
    }
    nic_fini(&n);
    return ok;
}

bool set_netdev(struct cli *c, const struct option *o, const char *value, struct error *err)
{
    (void)o;
    if (is_help(value))
        return show_list(c, "netdevs", err);
    struct nic n = {0};
    bool ok = no_json(value, err) && opts_parse(value, each_nic, &n, err);
    if (ok && (!n.id || !n.kind))
        ok = error_set(err, EINVAL, "%s is missing", n.kind ? "id=ID" : "the kind of network");
    if (ok)
        machine_opts_add(&c->m, PART_NETDEV, n.id, n.text);
    nic_fini(&n);
    return ok;
}

bool set_net(struct cli *c, const struct option *o, const char *value, struct error *err)
{
    (void)c, (void)o;
    return !strcmp(value, "none") ||
           error_set(err, ENOTSUP, "'%s': use -nic, or -netdev with -device", value);
}

/* ---- character devices ------------------------------------------------------------- */
struct chardev {
    char *kind, *id, *path, *host, *port;
    bool server, wait, mux, signal, telnet, append, nodelay;
};
#define C struct chardev
static const struct prop chardev_props[] = {
    PROP_STR(C, kind, NULL, NULL),
    PROP_STR(C, id, NULL, NULL),
    PROP_STR(C, path, NULL, NULL),
    PROP_STR(C, host, NULL, NULL),
    PROP_STR(C, port, NULL, NULL),
    PROP_BOOL(C, server, "off", NULL),
    PROP_BOOL(C, wait, "on", NULL),
    PROP_BOOL(C, mux, "off", NULL),
    PROP_BOOL(C, signal, "on", NULL),
    PROP_BOOL(C, telnet, "off", NULL),
    PROP_BOOL(C, append, "off", NULL),
    PROP_BOOL(C, nodelay, "off", NULL),
    {0},
};
#undef C

static bool each_chardev(void *arg, const char *key, const char *value, struct error *err)
{
    return props_set(chardev_props, arg, key ? key : "kind", value, err);
}

/* As chr_open reads it; NULL: something is missing. */
static char *chardev_text(const struct chardev *d, struct error *err)
{
    const char *server = d->server ? d->wait ? ",server" : ",server,nowait" : "";
    const char *kind = d->kind ? d->kind : "";
    if (!strcmp(kind, "stdio"))
        return xstrdup(d->mux ? "mon:stdio" : "stdio");
    if (!strcmp(kind, "null") || !strcmp(kind, "pty"))
        return xstrdup(kind);
    if ((!strcmp(kind, "file") || !strcmp(kind, "pipe")) && d->path)
        return xprintf("%s:%s", kind, d->path);
    if (!strcmp(kind, "socket") && d->path)
        return xprintf("unix:%s%s", d->path, server);
    if (!strcmp(kind, "socket") && d->port)
        return xprintf("tcp:%s:%s%s", d->host ? d->host : "", d->port, server);
    error_set(err, EINVAL,
              "'%s': expected stdio, null, pty, file, pipe or socket with path= or port=", kind);
    return NULL;
}

bool set_chardev(struct cli *c, const struct option *o, const char *value, struct error *err)
{
    (void)o;
    struct chardev d;
    props_defaults(chardev_props, &d);
    char *text = NULL;
    bool ok = no_json(value, err) && opts_parse(value, each_chardev, &d, err);
    if (ok && !d.id)
        ok = error_set(err, EINVAL, "id=ID is missing");
    if (ok)
        ok = (text = chardev_text(&d, err)) != NULL;
    if (ok)
        machine_opts_add(&c->m, PART_CHARDEV, d.id, text);
    free(text);
    props_free(chardev_props, &d);
    return ok;
}

bool set_serial(struct cli *c, const struct option *o, const char *value, struct error *err)
{
    (void)o;
    if (c->m.serial)
        return !strcmp(value, "none") || !strcmp(value, "null") ||
               error_set(err, ENOTSUP, "'%s': there is one serial port, and it has its line",
                         value);
    c->serial_given = true;
    if (!strcmp(value, "none"))
        return true;
    bool named = !strncmp(value, "chardev:", 8);
    replace(&c->m.serial,
            named ? value + 8 : machine_opts_add(&c->m, PART_CHARDEV, "serial0", value));
    return true;
}

/* ---- devices ----------------------------------------------------------------------- */
/* What -object can declare, and the device property that refers to it. There is nothing to set up:
 * random bytes come from the host, and completions have their thread. */
static const struct object_type {
    const char *name, *referrer;
} object_types[] = {{"rng-random", "rng"}, {"rng-builtin", "rng"}, {"iothread", "iothread"}};

struct object_arg {
    char *type, *id;
};

static bool each_object(void *arg, const char *key, const char *value, struct error *err)
{
    struct object_arg *a = arg;
    if (!key || !strcmp(key, "qom-type"))
        replace(&a->type, value);
    else if (!strcmp(key, "id"))
        replace(&a->id, value);
    else if (strcmp(key, "filename"))
        return error_set(err, ENOENT, "no option '%s'", key);
    return true;
}

bool set_object(struct cli *c, const struct option *o, const char *value, struct error *err)
{
    (void)o;
    struct object_arg a = {0};
    bool ok = no_json(value, err) && opts_parse(value, each_object, &a, err), known = false;
    for (unsigned i = 0; ok && i < ARRAY_LEN(object_types); i++)
        known |= a.type && !strcmp(a.type, object_types[i].name);
    if (ok && !known)
        ok = error_set(err, ENOTSUP,
                       "'%s' is not available; accepted: rng-random, rng-builtin, iothread",
                       a.type ? a.type : "");
    if (ok && !a.id)
        ok = error_set(err, EINVAL, "id=ID is missing");
    if (ok)
        text_add(&c->objects, NULL, a.id);
    free(a.type);
    free(a.id);
    return ok;
}

struct device_arg {
    struct cli *c;
    char *text, *id;
    bool help;
};

static bool is_object(const struct cli *c, const char *id)
{
    const char *rest = c->objects;
    for (bool found = false; rest && *rest;) {
        char *word = first_word(rest, &rest);
        found = !strcmp(word, id);
        free(word);
        if (found)
            return true;
    }
    return false;
}

static bool each_device(void *arg, const char *key, const char *value, struct error *err)
{
    struct device_arg *a = arg;
    if (!key || !strcmp(key, "driver")) {
        text_add(&a->text, NULL, value);
        return true;
    }
    if (!strcmp(key, "help")) {
        a->help = true;
        return true;
    }
    if (!strcmp(key, "id")) {
        replace(&a->id, value);
        return true;
    }
    for (unsigned i = 0; i < ARRAY_LEN(object_types); i++)
        if (!strcmp(key, object_types[i].referrer))
            return is_object(a->c, value) ||
                   error_set(err, ENOENT, "%s=%s: no such -object", key, value);
    text_add(&a->text, key, value);
    return true;
}

bool set_device(struct cli *c, const struct option *o, const char *value, struct error *err)
{
    (void)o;
    if (is_help(value))
        return show_list(c, "devices", err);
    struct device_arg a = {.c = c};
    bool ok = no_json(value, err) && opts_parse(value, each_device, &a, err);
    if (ok && !a.text)
        ok = error_set(err, EINVAL, "the name of the device is missing");
    if (ok && a.help)
        ok = show_list(c, a.text, err);
    else if (ok)
        machine_opts_add(&c->m, PART_DEVICE, a.id, a.text);
    free(a.text);
    free(a.id);
    return ok;
}
