/* cli/cli_test.c - command lines: every option of the table, both grammars, and what is refused. */
#include <assert.h>
#include "base/log.h"
#include "cli/cli.h"

enum { MAX_ARGS = 64 };

struct rig {
    struct cli c;
    struct error err;
    char *out;
    size_t out_len;
};

/* The words of `line`, of which 'a b' is one. */
static int split(char *line, char **argv)
{
    int n = 0;
    while (*(line += strspn(line, " "))) {
        bool quoted = *line == '\'';
        line += quoted;
        argv[n++] = line;
        line += strcspn(line, quoted ? "'" : " ");
        if (*line)
            *line++ = 0;
    }
    return n;
}

static bool parse(struct rig *r, u8 grammar, const char *line)
{
    char *copy = xstrdup(line), *argv[MAX_ARGS] = {"myna"};
    int argc = 1 + split(copy, argv + 1);
    memset(r, 0, sizeof *r);
    cli_init(&r->c, grammar, "myna", grammar == QEMU ? "riscv64" : NULL);
    r->c.out = open_memstream(&r->out, &r->out_len);
    bool ok = cli_parse(&r->c, argc, argv, &r->err);
    fclose(r->c.out);
    if (!ok)
        assert(r->err.code && *r->err.msg);
    free(copy);
    return ok;
}

static void done(struct rig *r)
{
    cli_fini(&r->c);
    free(r->out);
}

/* All parts as "kind id text" lines. */
static char *parts(const struct rig *r)
{
    static const char *const kinds[] = {"chardev", "drive", "netdev", "device"};
    char *all = xstrdup("");
    for (const struct part *p = r->c.m.parts; p; p = p->next) {
        char *more = xprintf("%s%s %s %s\n", all, kinds[p->kind], p->id, p->text);
        free(all);
        all = more;
    }
    return all;
}

static bool has_parts(u8 grammar, const char *line, const char *want)
{
    struct rig r;
    bool ok = parse(&r, grammar, line);
    char *got = parts(&r);
    if (!ok || strcmp(got, want))
        printf("%s\n%s%s", line, r.err.msg, got);
    ok = ok && !strcmp(got, want);
    free(got);
    done(&r);
    return ok;
}

static bool refused(u8 grammar, const char *line, const char *why)
{
    struct rig r;
    bool ok = parse(&r, grammar, line);
    if (ok || strcmp(r.err.msg, why))
        printf("%s\n%s\n", line, r.err.msg);
    ok = !ok && !strcmp(r.err.msg, why);
    done(&r);
    return ok;
}

/* ---- every option --------------------------------------------------------------------------- */
/* A value that each option with an argument takes; "" : the option is refused whatever it says. */
static const char *const samples[][2] = {
    {"kernel", "K"},
    {"initrd", "I"},
    {"append", "'a b'"},
    {"bios", "none"},
    {"dtb", "T"},
    {"machine", "virt,accel=tcg"},
    {"cpu", "rv64,sv57=off"},
    {"cpus", "4"},
    {"smp", "4,cores=4"},
    {"memory", "1G"},
    {"m", "512"},
    {"accel", "jit,level=1"},
    {"disk", "D,readonly=on,serial=x"},
    {"serial", "null"},
    {"add", "virtio-rng-pci"},
    {"device", "virtio-rng-pci,id=r"},
    {"drive", "file=D,if=none,id=d0,format=raw,cache=writeback,aio=native"},
    {"blockdev", "driver=raw,node-name=d,file.driver=file,file.filename=D,read-only=on"},
    {"hda", "D"},
    {"cdrom", "D"},
    {"netdev", "user,id=n0"},
    {"nic", "user,model=virtio"},
    {"net", "none"},
    {"chardev", "null,id=c"},
    {"object", "rng-random,id=r,filename=/dev/urandom"},
    {"monitor", "none"},
    {"mon", "none"},
    {"qmp", "none"},
    {"parallel", "none"},
    {"display", "none"},
    {"vga", "none"},
    {"action", "reboot=shutdown"},
    {"pidfile", "P"},
    {"dump", "in,out"},
    {"trace", "*"},
    {"log-file", "/dev/null"},
    {"d", "in_asm"},
    {"D", "/dev/null"},
    {"list", "machines"},
    {"name", "N"},
    {"uuid", "U"},
    {"rtc", "base=utc"},
    {"L", "D"},
    {"boot", "order=c"},
    {"msg", "timestamp=on"},
    {"overcommit", "mem-lock=off"},
    {"global", "virtio-mmio.force-legacy=false"},
    {"audio", "none"},
    {"sandbox", "off"},
    {"gdb", ""},
    {"icount", ""},
    {"loadvm", ""},
    {"incoming", ""},
};

static const char *sample(const char *name)
{
    for (unsigned i = 0; i < ARRAY_LEN(samples); i++)
        if (!strcmp(samples[i][0], name))
            return samples[i][1];
    return NULL;
}

static void try_option(const struct option *o, u8 grammar, const char *name)
{
    struct rig r;
    const char *value = o->arg ? sample(o->name) : "";
    if (!value)
        printf("no sample of %s\n", o->name);
    assert(value);
    const char *dashes = grammar == RUN && name[1] ? "--" : "-";
    char *line = xprintf("%s%s %s", dashes, name, o->arg && !*value ? "x" : value);
    bool ok = parse(&r, grammar, line);
    if (ok == option_refused(o))
        printf("%s: %s\n", line, r.err.msg);
    assert(ok != option_refused(o));
    assert(ok || strstr(r.err.msg, "not available"));
    done(&r);
    if (o->arg) { /* and without it */
        char *bare = xprintf("%s%s needs a value: %s", dashes, name, o->arg);
        line[strcspn(line, " ")] = 0;
        assert(refused(grammar, line, bare));
        free(bare);
    }
    free(line);
}

TEST(cli_every_option_is_parsed)
{
    for (const struct option *o = options; o->name; o++)
        for (u8 grammar = RUN; grammar <= QEMU; grammar++)
            if (o->grammar & grammar) {
                try_option(o, grammar, o->name);
                if (o->alias)
                    try_option(o, grammar, o->alias);
            }
    struct error err;
    assert(log_file(NULL, &err));
}

TEST(cli_no_option_is_there_twice)
{
    for (const struct option *o = options; o->name; o++) {
        assert(*option_help(o));
        for (const struct option *p = o + 1; p->name; p++)
            assert(!(o->grammar & p->grammar) ||
                   (strcmp(o->name, p->name) && (!p->alias || strcmp(o->name, p->alias)) &&
                    (!o->alias || strcmp(o->alias, p->name))));
    }
}

/* ---- what they mean ------------------------------------------------------------------------- */
TEST(cli_run_and_qemu_say_the_same)
{
    struct rig a, b;
    assert(parse(&a, RUN,
                 "--kernel K --initrd=I --append 'x y=z' --cpus 2 --memory 1G --bios B "
                 "--cpu rv64,sv57=off --no-reboot --accel interp"));
    assert(parse(&b, QEMU,
                 "-M virt -kernel K -initrd I -append 'x y=z' -smp 2 -m 1G -bios B "
                 "-cpu rv64,sv57=off -no-reboot -accel interp -serial stdio"));
    for (const struct prop *p = machine_props; p->name; p++) {
        char *x = props_get(machine_props, &a.c.m, p->name);
        char *y = props_get(machine_props, &b.c.m, p->name);
        assert(x ? y && !strcmp(x, y) : !y);
        free(x);
        free(y);
    }
    assert(a.c.m.cpus == 2 && a.c.m.memory == 1 << 30 && a.c.m.no_reboot);
    assert(a.c.m.engine.mode == ENGINE_INTERP && b.c.m.engine.mode == ENGINE_INTERP);
    done(&a);
    done(&b);
}

TEST(cli_bench_kit)
{
    assert(has_parts(QEMU,
                     "-M virt -accel tcg -m 512 -smp 1 -display none -serial stdio -monitor none "
                     "-no-reboot -nodefaults -kernel K -initrd I -append 'console=ttyS0 quiet' "
                     "-drive file=D,if=none,id=d0,format=raw,cache=writeback "
                     "-device virtio-blk-pci,drive=d0 -netdev user,id=n0 "
                     "-device virtio-net-pci,netdev=n0",
                     "chardev serial0 stdio,signal=on\n"
                     "drive d0 file=D,format=raw,cache=writeback\n"
                     "device #2 virtio-blk-pci,drive=d0\n"
                     "netdev n0 user\n"
                     "device #4 virtio-net-pci,netdev=n0\n"));
}

TEST(cli_disks)
{
    assert(has_parts(RUN, "--serial none --disk a,,b=c.raw,readonly=on,serial=S1",
                     "drive #0 file=a,,b=c.raw,readonly=on\n"
                     "device #1 virtio-blk-pci,drive=#0,serial=S1\n"));
    assert(has_parts(QEMU, "-nodefaults -drive file=D,media=cdrom,discard=unmap,werror=stop",
                     "drive #0 file=D,readonly=on,unmap=on\n"
                     "device #1 virtio-blk-pci,drive=#0\n"));
    assert(has_parts(QEMU, "-nodefaults disk.raw",
                     "drive #0 file=disk.raw\ndevice #1 virtio-blk-pci,drive=#0\n"));
    assert(has_parts(QEMU,
                     "-nodefaults -blockdev driver=file,node-name=f,filename=D,cache.direct=on "
                     "-blockdev driver=raw,node-name=d,file=f,read-only=on",
                     "drive d format=raw,file=f,readonly=on,format=raw,file=D,cache=none\n"));
}

TEST(cli_networks)
{
    assert(has_parts(RUN, "--serial none --net user,hostfwd=tcp::2222-:22",
                     "netdev #0 user,hostfwd=tcp::2222-:22\n"
                     "device #1 virtio-net-pci,netdev=#0\n"));
    assert(has_parts(QEMU,
                     "-nodefaults -nic user,id=n,model=virtio-net-device,mac=52:54:00:01:02:03",
                     "netdev n user\n"
                     "device #1 virtio-net-device,netdev=n,mac=52:54:00:01:02:03\n"));
    assert(has_parts(QEMU, "-nodefaults -nic none -net none", ""));
}

TEST(cli_serial_lines)
{
    assert(has_parts(RUN, "--kernel K", "chardev serial0 stdio\n"));
    assert(has_parts(QEMU, "-kernel K", "chardev serial0 mon:stdio\n"));
    assert(has_parts(QEMU, "-display none", ""));
    assert(has_parts(QEMU, "-display none -nographic", "chardev serial0 mon:stdio\n"));
    assert(has_parts(QEMU, "-nodefaults -nographic", ""));
    assert(has_parts(QEMU, "-serial none", ""));
    assert(has_parts(QEMU, "-serial file:x -serial none", "chardev serial0 file:x\n"));
    struct rig r;
    assert(parse(&r, QEMU, "-chardev socket,id=c0,path=/s,server=on,wait=off -serial chardev:c0"));
    assert(!strcmp(r.c.m.serial, "c0"));
    char *all = parts(&r);
    assert(!strcmp(all, "chardev c0 unix,address=/s,server=on,wait=off\n"));
    free(all);
    done(&r);
    assert(has_parts(QEMU,
                     "-nodefaults -chardev file,id=f,path=a,,b,append=on -chardev null,id=n "
                     "-chardev socket,id=t,host=::1,port=99,nodelay=off "
                     "-chardev stdio,id=s,mux=on,signal=off",
                     "chardev f file,path=a,,b,append=on\nchardev n null\n"
                     "chardev t tcp,address=::1:99\n"
                     "chardev s stdio,signal=on,mux=on,signal=off\n"));
}

TEST(cli_devices_and_objects)
{
    assert(has_parts(QEMU,
                     "-nodefaults -object rng-random,id=rng0,filename=/dev/urandom "
                     "-device virtio-rng-pci,rng=rng0,id=r,max-bytes=1024",
                     "device r virtio-rng-pci,max-bytes=1024\n"));
    assert(has_parts(QEMU, "-nodefaults -device virtio-rng -device virtio-rng-device -device nn",
                     "device #0 virtio-rng-pci\ndevice #1 virtio-rng-device\ndevice #2 nn\n"));
    assert(refused(QEMU, "-device virtio-rng-pci,rng=rng1", "-device: rng=rng1: no such -object"));
}

TEST(cli_smp)
{
    static const struct {
        const char *text;
        u64 cpus;
    } good[] = {{"3", 3},
                {"cpus=2", 2},
                {"2,maxcpus=2,sockets=1,cores=2,threads=1", 2},
                {"sockets=2,cores=2", 4},
                {"0", 0},
                {"1000", 1000}};
    for (unsigned i = 0; i < ARRAY_LEN(good); i++) {
        struct rig r;
        char *line = xprintf("-smp %s", good[i].text);
        assert(parse(&r, QEMU, line) && r.c.m.cpus == good[i].cpus);
        free(line);
        done(&r);
    }
    assert(refused(QEMU, "-smp 2,cores=4", "-smp: 2 CPUs, but sockets, cores and threads make 4"));
    assert(refused(QEMU, "-smp 2,maxcpus=4", "-smp: maxcpus=4: CPUs cannot be added later"));
}

TEST(cli_accelerators)
{
    struct rig r;
    assert(parse(&r, QEMU, "-accel kvm -accel tcg,thread=multi,tb-size=64"));
    assert(r.c.m.engine.mode == ENGINE_JIT && r.c.m.engine.cache_size == 64 << 20);
    done(&r);
    assert(parse(&r, QEMU, "-M virt,accel=kvm:tcg -singlestep") && r.c.m.engine.level == 0);
    done(&r);
    assert(refused(QEMU, "-accel kvm", "'kvm' cannot run this guest on this host; use jit"));
    assert(refused(RUN, "--accel turbo",
                   "--accel: no accelerator 'turbo': jit (tcg), interp or check"));
}

/* ---- refusals ------------------------------------------------------------------------------- */
TEST(cli_unknown_options_name_the_nearest)
{
    assert(refused(RUN, "--kernal K", "no option '--kernal'; did you mean '--kernel'?"));
    assert(refused(RUN, "-kernel K", "no option '-kernel'; did you mean '--kernel'?"));
    assert(refused(RUN, "--memroy=1G", "no option '--memroy=1G'; did you mean '--memory'?"));
    assert(refused(QEMU, "-netdv user", "no option '-netdv'; did you mean '-netdev'?"));
    assert(refused(QEMU, "-frobnicate", "no option '-frobnicate'; --help lists them"));
    assert(refused(RUN, "disk.img", "'disk.img' is no option; did you mean --kernel disk.img?"));
    assert(refused(RUN, "--verbose=1", "--verbose takes no value"));
    assert(refused(QEMU, "-drive file=D,fromat=raw",
                   "-drive: no option 'fromat'; did you mean 'format'?"));
    assert(refused(QEMU, "-M virt,dumpdbt=x", "-M: no option 'dumpdbt'; did you mean 'dumpdtb'?"));
    assert(refused(QEMU, "-d in_asn", "-d: no log item 'in_asn'; did you mean 'in_asm'?"));
}

TEST(cli_refuses_what_is_not_there)
{
    assert(refused(QEMU, "-S", "-S: not available: there is no monitor to start the machine with"));
    assert(refused(QEMU, "-display gtk", "-display: 'gtk' is not available; accepted: none"));
    assert(
        refused(QEMU, "-monitor stdio", "-monitor: 'stdio' is not available; accepted: none null"));
    assert(refused(QEMU, "-blockdev {'driver':'raw'}",
                   "-blockdev: JSON is not read here; write it as key=value,..."));
    assert(refused(QEMU, "-drive if=ide,file=D",
                   "-drive: if=ide is not available; accepted: none, virtio"));
    assert(refused(QEMU, "-drive if=virtio", "-drive: file=PATH is missing"));
    assert(refused(QEMU, "-m 1X", "-m: '1X' is not a size such as 512, 64k, 1.5G"));
    assert(refused(QEMU, "-serial null -serial stdio",
                   "-serial: 'stdio': there is one serial port, and it has its line"));
}

/* ---- texts from the tables ------------------------------------------------------------------ */
static char *text_of(void (*print)(FILE *))
{
    char *text;
    size_t len;
    FILE *f = open_memstream(&text, &len);
    print(f);
    fclose(f);
    return text;
}

TEST(cli_texts_have_every_option)
{
    char *man = text_of(help_man), *completion = text_of(help_completion);
    struct rig run, qemu;
    assert(parse(&run, RUN, "--help") && parse(&qemu, QEMU, "-h") && run.c.done);
    for (const struct option *o = options; o->name; o++) {
        assert(strstr(man, option_help(o)) || strchr(option_help(o), '-'));
        assert(strstr(completion, o->name));
        assert(!(o->grammar & RUN) || strstr(run.out, o->name));
        assert(!(o->grammar & QEMU) || strstr(qemu.out, o->name));
    }
    done(&run);
    done(&qemu);
    free(man);
    free(completion);
}

TEST(cli_lists)
{
    static const char *const lists[] = {"devices", "machines", "cpus",   "guests",
                                        "netdevs", "accels",   "traces", "help"};
    struct error err;
    for (unsigned i = 0; i < ARRAY_LEN(lists); i++) {
        char *text;
        size_t len;
        FILE *f = open_memstream(&text, &len);
        assert(help_list(f, lists[i], &err));
        fclose(f);
        assert(len);
        free(text);
    }
    struct rig r;
    assert(parse(&r, QEMU, "-device ns16550,help") && strstr(r.out, "chardev") && r.c.done);
    done(&r);
    assert(!help_list(stdout, "device", &err) && strstr(err.msg, "'devices'"));
}

TEST(cli_config_is_json)
{
    struct rig r;
    assert(parse(&r, RUN, "--append 'a\"b\\c' --disk D"));
    char *text;
    size_t len;
    FILE *f = open_memstream(&text, &len);
    help_config(f, &r.c.m);
    fclose(f);
    assert(strstr(text, "\"append\": \"a\\\"b\\\\c\",\n"));
    assert(strstr(text, "{\"drive\": \"file=D\", \"id\": \"#0\"}"));
    free(text);
    done(&r);
}
