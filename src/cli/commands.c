/* cli/commands.c - the commands of the program, and the names it can be called by. */
#include "base/log.h"
#include "cli/cli.h"

#define VERSION "0.1.0"
const char version_text[] =
    "myna " VERSION " (with the command line of QEMU emulator version 7.2.0)";

int cli_fail(const struct error *err)
{
    log_error("%s", err->msg);
    return 1;
}

static int machine(u8 grammar, const char *program, const char *guest, int argc, char **argv)
{
    struct cli c;
    struct error err = {0};
    cli_init(&c, grammar, program, guest);
    int status = 0;
    if (!cli_parse(&c, argc, argv, &err))
        status = cli_fail(&err);
    else if (!c.done)
        status = cli_run(&c);
    cli_fini(&c);
    return status;
}

static int cmd_run(int argc, char **argv) { return machine(RUN, "myna run", NULL, argc, argv); }

static int cmd_system(int argc, char **argv)
{
    if (argc < 2 || argv[1][0] == '-') {
        log_error("system: which guest? 'myna list guests' tells");
        return 1;
    }
    char program[64];
    snprintf(program, sizeof program, "myna system %s", argv[1]);
    return machine(QEMU, program, argv[1], argc - 1, argv + 1);
}

static int cmd_list(int argc, char **argv)
{
    struct error err = {0};
    return help_list(stdout, argc > 1 ? argv[1] : "help", &err) ? 0 : cli_fail(&err);
}

static int cmd_version(int argc, char **argv)
{
    (void)argc, (void)argv;
    puts(version_text);
    return 0;
}

static int cmd_completion(int argc, char **argv)
{
    if (argc != 2 || strcmp(argv[1], "bash")) {
        log_error("completion: the shell must be bash");
        return 1;
    }
    help_completion(stdout);
    return 0;
}

static void overview(void)
{
    printf("%s\n\n", version_text);
    for (const struct command *c = commands; c->name; c++)
        printf("  myna %-10s %-20s %s\n", c->name, c->args, c->help);
    puts("\nFor example: myna run --kernel Image --initrd initrd.img --disk disk.img --cpus 2");
}

static int cmd_help(int argc, char **argv)
{
    static const char *const topics[] = {"run", "system", "--man"};
    const char *topic = argc > 1 ? argv[1] : NULL;
    struct error err;
    if (!topic) {
        overview();
    } else if (!strcmp(topic, "--man")) {
        help_man(stdout);
    } else if (!strcmp(topic, "run")) {
        help_options(stdout, RUN, "myna run");
    } else if (!strcmp(topic, "system")) {
        help_options(stdout, QEMU, "myna system GUEST");
    } else {
        error_unknown(&err, "help topic", topic, topics, ARRAY_LEN(topics));
        return cli_fail(&err);
    }
    return 0;
}

const struct command commands[] = {
    {"run", "[OPTION]...", "run a machine; options: myna help run", cmd_run},
    {"system", "GUEST [OPTION]...", "the same with the command line of QEMU", cmd_system},
    {"list", "[WHAT]", "list devices, machines, guests, ...", cmd_list},
    {"help", "[run|system|--man]", "print this, all options, or the manual page", cmd_help},
    {"version", "", "print the version", cmd_version},
    {"completion", "bash", "print a script that completes command lines", cmd_completion},
    {0},
};

static const struct command *find_command(const char *name)
{
    name += strncmp(name, "--", 2) ? 0 : 2; /* --help, --version, --list */
    for (const struct command *c = commands; c->name; c++)
        if (!strcmp(c->name, name) || (!strcmp(name, "-h") && c->run == cmd_help))
            return c;
    return NULL;
}

int cli_main(int argc, char **argv)
{
    static const char qemu[] = "qemu-system-";
    const char *slash = argc ? strrchr(argv[0], '/') : NULL,
               *self = argc ? slash ? slash + 1 : argv[0] : "";
    if (!strncmp(self, qemu, sizeof qemu - 1))
        return machine(QEMU, self, self + sizeof qemu - 1, argc, argv);
    if (argc < 2)
        return cmd_help(0, argv);
    const struct command *c = find_command(argv[1]);
    if (c)
        return c->run(argc - 1, argv + 1);
    const char *names[16];
    size_t n = 0;
    for (const struct command *k = commands; k->name; k++)
        names[n++] = k->name;
    struct error err;
    error_unknown(&err, "command", argv[1], names, n);
    return cli_fail(&err);
}
