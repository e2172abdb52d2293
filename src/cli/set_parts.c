/* cli/set_parts.c - the setters of disks, networks, serial lines and devices, in both grammars. */
#include <errno.h>
#include "blk/blk.h"
#include "cli/cli.h"
#include "hw/device.h"

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
    char *rest; /* what the back end knows by the same name */
};

static bool each_chardev(void *arg, const char *key, const char *value, struct error *err)
{
    struct chardev *d = arg;
    if (!key || !strcmp(key, "backend"))
        replace(&d->kind, value);
    else if (!strcmp(key, "id"))
        replace(&d->id, value);
    else if (!strcmp(key, "path"))
        replace(&d->path, value);
    else if (!strcmp(key, "host"))
        replace(&d->host, value);
    else if (!strcmp(key, "port"))
        replace(&d->port, value);
    else if (strcmp(key, "telnet") && strcmp(key, "nodelay"))
        text_add(&d->rest, key, value);
    else if (strcmp(value, "off"))
        return error_set(err, ENOTSUP, "%s=%s is not available", key, value);
    return true;
}

/* As chr_open reads it. QEMU's socket is unix or tcp here; its stdio leaves Ctrl-C to us. */
static char *chardev_text(const struct chardev *d)
{
    bool sock = !strcmp(d->kind, "socket");
    char *text = xstrdup(!sock ? d->kind : d->path ? "unix" : "tcp");
    if (sock) {
        char *tcp = xprintf("%s:%s", d->host ? d->host : "", d->port ? d->port : "");
        text_add(&text, "address", d->path ? d->path : tcp);
        free(tcp);
    } else if (d->path) {
        text_add(&text, "path", d->path);
    } else if (!strcmp(d->kind, "stdio")) {
        text_add(&text, "signal", "on");
    }
    char *whole = xprintf("%s%s%s", text, d->rest ? "," : "", d->rest ? d->rest : "");
    free(text);
    return whole;
}

static void chardev_fini(struct chardev *d)
{
    free(d->kind);
    free(d->id);
    free(d->path);
    free(d->host);
    free(d->port);
    free(d->rest);
}

bool set_chardev(struct cli *c, const struct option *o, const char *value, struct error *err)
{
    (void)o;
    struct chardev d = {0};
    bool ok = no_json(value, err) && opts_parse(value, each_chardev, &d, err);
    if (ok && (!d.id || !d.kind))
        ok = error_set(err, EINVAL, "%s is missing", d.kind ? "id=ID" : "the kind of device");
    if (ok) {
        char *text = chardev_text(&d);
        machine_opts_add(&c->m, PART_CHARDEV, d.id, text);
        free(text);
    }
    chardev_fini(&d);
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
    if (c->grammar == QEMU && !strcmp(value, "stdio"))
        value = "stdio,signal=on"; /* its Ctrl-C is for the program, but for that of mon:stdio */
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
        char *pci = xprintf("%s-pci", value); /* "virtio-blk" is QEMU's short name for it */
        bool brief = !device_class_find(value) && device_class_find(pci);
        text_add(&a->text, NULL, brief ? pci : value);
        free(pci);
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
