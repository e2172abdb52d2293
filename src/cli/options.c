/* cli/options.c - all options of both grammars in one table, and the simple setters. */
#include <errno.h>
#include "cli/cli.h"

#define C struct cli
static const struct prop cli_props[] = {
    PROP_BOOL(C, show_config, "off", NULL),
    PROP_BOOL(C, daemonize, "off", NULL),
    PROP_BOOL(C, verbose, "off", NULL),
    PROP_BOOL(C, nodefaults, "off", NULL),
    PROP_BOOL(C, nographic, "off", NULL),
    PROP_STR(C, pidfile, NULL, NULL),
    {0},
};
#undef C

void cli_init(struct cli *c, u8 grammar, const char *program, const char *guest)
{
    *c = (struct cli){.grammar = grammar,
                      .program = program,
                      .guest = guest,
                      .out = stdout,
                      .objects = xstrdup("")};
    props_defaults(cli_props, c);
    machine_opts_init(&c->m);
}

void cli_fini(struct cli *c)
{
    machine_opts_fini(&c->m);
    props_free(cli_props, c);
    free(c->objects);
}

/* ---- setters for many rows --------------------------------------------------------- */
bool is_help(const char *value) { return !strcmp(value, "help") || !strcmp(value, "?"); }

bool set_machine_prop(struct cli *c, const struct option *o, const char *value, struct error *err)
{
    return props_set(machine_props, &c->m, o->what, value ? value : "on", err);
}

static bool set_own(struct cli *c, const struct option *o, const char *value, struct error *err)
{
    return props_set(cli_props, c, o->what, value ? value : "on", err);
}

static bool accept(struct cli *c, const struct option *o, const char *value, struct error *err)
{
    (void)c, (void)o, (void)value, (void)err;
    return true;
}

/* Only the words in `what` mean something here, and they are what is the case anyway. */
static bool accept_only(struct cli *c, const struct option *o, const char *value, struct error *err)
{
    (void)c;
    size_t len = strcspn(value, ",");
    for (const char *p = o->what; *p;) {
        size_t n = strcspn(p, " ");
        if (n == len && !memcmp(p, value, n))
            return true;
        p += n + (p[n] == ' ');
    }
    return error_set(err, ENOTSUP, "'%s' is not available; accepted: %s", value, o->what);
}

static bool set_display(struct cli *c, const struct option *o, const char *value, struct error *err)
{
    c->no_display = true;
    return accept_only(c, o, value, err);
}

static bool refuse(struct cli *c, const struct option *o, const char *value, struct error *err)
{
    (void)c, (void)value;
    return error_set(err, ENOTSUP, "not available: %s", o->what);
}

bool show_list(struct cli *c, const char *what, struct error *err)
{
    c->done = true;
    return help_list(c->out, what, err);
}

static bool set_action(struct cli *c, const struct option *o, const char *value, struct error *err)
{
    (void)o;
    if (strstr(value, "reboot=shutdown"))
        c->m.no_reboot = true;
    else if (strcmp(value, "reboot=reset"))
        return error_set(err, ENOTSUP,
                         "'%s' is not available; accepted: reboot=shutdown, reboot=reset", value);
    return true;
}

static bool set_help(struct cli *c, const struct option *o, const char *value, struct error *err)
{
    (void)o, (void)value, (void)err;
    help_options(c->out, c->grammar, c->program);
    c->done = true;
    return true;
}

static bool set_list(struct cli *c, const struct option *o, const char *value, struct error *err)
{
    (void)o;
    return show_list(c, value, err);
}

static bool set_version(struct cli *c, const struct option *o, const char *value, struct error *err)
{
    (void)o, (void)value, (void)err;
    fprintf(c->out, "%s\n", version_text);
    c->done = true;
    return true;
}

/* clang-format off */
const struct option options[] = {
    {"kernel", NULL, BOTH, "FILE", set_machine_prop, "kernel", NULL},
    {"initrd", NULL, BOTH, "FILE", set_machine_prop, "initrd", NULL},
    {"append", NULL, BOTH, "TEXT", set_machine_prop, "append", NULL},
    {"bios", NULL, BOTH, "none|default|FILE", set_machine_prop, "bios", NULL},
    {"dtb", NULL, BOTH, "FILE", set_machine_prop, "dtb", NULL},
    {"machine", "M", BOTH, "NAME[,PROPERTY=VALUE]", set_machine, NULL,
     "kind of machine; 'help' lists them"},
    {"cpu", NULL, BOTH, "MODEL", set_cpu, "cpu", NULL},
    {"cpus", NULL, RUN, "N", set_machine_prop, "cpus", "number of CPUs (1)"},
    {"smp", NULL, QEMU, "N|cpus=N,cores=N", set_smp, NULL, "number of CPUs (1)"},
    {"memory", NULL, RUN, "SIZE", set_memory, "memory",
     "RAM of the guest, in MiB unless a unit is given (128)"},
    {"m", NULL, QEMU, "SIZE", set_memory, NULL,
     "RAM of the guest, in MiB unless a unit is given (128)"},
    {"huge-pages", NULL, RUN, NULL, set_machine_prop, "huge_pages", NULL},
    {"accel", NULL, BOTH, "jit|interp|check[,PROPERTY=VALUE]", set_accel, NULL,
     "how instructions run; 'help' tells more"},
    {"enable-kvm", NULL, QEMU, NULL, refuse, "KVM runs no RISC-V guest on this host", NULL},
    {"singlestep", "one-insn-per-tb", QEMU, NULL, set_level0, NULL,
     "translate one instruction at a time"},

    {"disk", NULL, RUN, "FILE[,PROPERTY=VALUE]", set_disk, NULL,
     "attach a disk image: readonly=on, cache=none, serial=TEXT"},
    {"net", NULL, RUN, "user[,hostfwd=tcp::2222-:22]|none", set_nic, NULL,
     "network card and what it is connected to"},
    {"serial", NULL, BOTH, "stdio|none|file:PATH|pty|...", set_serial, NULL,
     "where the serial port leads"},
    {"add", NULL, RUN, "DEVICE[,PROPERTY=VALUE]", set_device, NULL,
     "add a device; 'help' lists them"},
    {"device", NULL, QEMU, "DEVICE[,PROPERTY=VALUE]", set_device, NULL,
     "add a device; 'help' lists them"},
    {"drive", NULL, QEMU, "file=FILE,if=none|virtio,id=ID,...", set_drive, NULL,
     "open a disk image"},
    {"blockdev", NULL, QEMU, "driver=raw,node-name=ID,...", set_blockdev, NULL,
     "open a disk image"},
    {"hda", "hdb", QEMU, "FILE", set_hd, NULL, "attach a disk image"},
    {"cdrom", NULL, QEMU, "FILE", set_hd, "readonly", "attach a disk image, read only"},
    {"netdev", NULL, QEMU, "user,id=ID[,hostfwd=...]", set_netdev, NULL, "open a network back end"},
    {"nic", NULL, QEMU, "user[,model=CARD,mac=...]|none", set_nic, NULL,
     "network card and what it is connected to"},
    {"net", NULL, QEMU, "none", set_net, NULL, "no network card; for one, see -nic"},
    {"chardev", NULL, QEMU, "KIND,id=ID,...", set_chardev, NULL, "open a character device"},
    {"object", NULL, QEMU, "TYPE,id=ID", set_object, NULL,
     "declare a back end: rng-random, rng-builtin, iothread"},
    {"monitor", NULL, QEMU, "none|null", accept_only, "none null", "there is no monitor"},
    {"mon", NULL, QEMU, "none|null", accept_only, "none null", "there is no monitor"},
    {"qmp", NULL, QEMU, "none", accept_only, "none null", "there is no monitor"},
    {"parallel", NULL, QEMU, "none", accept_only, "none null", "there is no parallel port"},
    {"display", NULL, QEMU, "none", set_display, "none", "there is no display"},
    {"vga", NULL, QEMU, "none", accept_only, "none", "there is no display"},
    {"nographic", NULL, QEMU, NULL, set_own, "nographic",
     "no display; the serial port on the terminal"},
    {"nodefaults", NULL, QEMU, NULL, set_own, "nodefaults",
     "nothing on the serial port unless asked for"},

    {"no-reboot", NULL, BOTH, NULL, set_machine_prop, "no_reboot", NULL},
    {"action", NULL, QEMU, "reboot=shutdown|reset", set_action, NULL, "what a reboot does"},
    {"daemonize", NULL, QEMU, NULL, set_own, "daemonize",
     "go to the background once the machine is made"},
    {"pidfile", NULL, QEMU, "FILE", set_own, "pidfile", "write the process id to a file"},
    {"dump", NULL, RUN, "in,ir0,ir,out", set_dump, NULL,
     "print guest code, IR and host code of what is translated"},
    {"trace", NULL, BOTH, "GLOB", set_trace, NULL,
     "print what trace sites report; 'help' lists them"},
    {"log-file", NULL, RUN, "FILE", set_log_file, NULL, "where dumps and traces go"},
    {"d", NULL, QEMU, "in_asm,op,op_opt,out_asm,guest_errors", set_log, NULL,
     "what to log; 'help' lists the items"},
    {"D", NULL, QEMU, "FILE", set_log_file, NULL, "where logs go"},
    {"show-config", NULL, BOTH, NULL, set_own, "show_config", "print the machine as JSON and exit"},
    {"verbose", "v", RUN, NULL, set_own, "verbose", "tell more of what happens"},
    {"list", NULL, RUN, "WHAT", set_list, NULL, "list devices, machines, cpus, ..."},
    {"help", "h", BOTH, NULL, set_help, NULL, "print this text"},
    {"version", NULL, BOTH, NULL, set_version, NULL, "print the version"},

    {"name", NULL, BOTH, "TEXT", accept, NULL, "no effect"},
    {"uuid", NULL, QEMU, "UUID", accept, NULL, "no effect"},
    {"rtc", NULL, QEMU, "base=utc", accept_only, "base=utc clock=host", "the clock is the host's"},
    {"no-user-config", NULL, QEMU, NULL, accept, NULL, "no effect: there is no user configuration"},
    {"L", NULL, QEMU, "DIRECTORY", accept, NULL, "no effect: firmware is built in"},
    {"boot", NULL, QEMU, "order=...", accept, NULL, "no effect: firmware decides"},
    {"msg", NULL, QEMU, "timestamp=on", accept, NULL, "no effect"},
    {"overcommit", NULL, QEMU, "mem-lock=off", accept_only, "mem-lock=off cpu-pm=off",
     "memory is allocated when it is used"},
    {"global", NULL, QEMU, "virtio-mmio.force-legacy=false", accept_only,
     "virtio-mmio.force-legacy=false virtio-mmio.force-legacy=off", "virtio is 1.x only"},
    {"audio", "audiodev", QEMU, "none", accept_only, "none", "there is no sound"},
    {"S", NULL, QEMU, NULL, refuse, "there is no monitor to start the machine with", NULL},
    {"s", NULL, QEMU, NULL, refuse, "there is no debugger stub", NULL},
    {"gdb", NULL, QEMU, "PORT", refuse, "there is no debugger stub", NULL},
    {"icount", NULL, QEMU, "N", refuse, "time does not follow the instruction count", NULL},
    {"loadvm", NULL, QEMU, "TAG", refuse, "there are no snapshots", NULL},
    {"incoming", NULL, QEMU, "URI", refuse, "there is no migration", NULL},
    {"snapshot", NULL, QEMU, NULL, refuse, "disks are written directly; copy the image", NULL},
    {"no-shutdown", NULL, QEMU, NULL, refuse, "there is no monitor to go on with", NULL},
    {"sandbox", NULL, QEMU, "off", accept_only, "off", "there is no sandbox"},
    {0},
};
/* clang-format on */

bool option_refused(const struct option *o) { return o->set == refuse; }

const char *option_help(const struct option *o)
{
    if (option_refused(o))
        return o->what;
    return o->help ? o->help : props_find(machine_props, o->what)->doc;
}
