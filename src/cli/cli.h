/* cli/cli.h - the command line: one table of options, two grammars, and what both fill in. */
#ifndef CLI_CLI_H
#define CLI_CLI_H
#include "board/board.h"

enum { RUN = 1, QEMU = 2, BOTH = RUN | QEMU }; /* `myna run --name VALUE`; QEMU's `-name VALUE` */

struct cli { /* what a command line asked for */
    u8 grammar;
    const char *program; /* as messages and help name us */
    const char *guest;   /* of `system GUEST`; NULL: any */
    FILE *out;           /* for help and lists */
    struct machine_opts m;
    bool done; /* help or a list was printed: nothing is to run */
    /* rows of cli_props */
    bool show_config, daemonize, verbose, nodefaults, nographic;
    char *pidfile;
    /* while parsing */
    bool serial_given, no_display;
    char *objects; /* ids of -object, each followed by a space */
    bool accel_found;
    struct error accel; /* why those named before will not do; code 0: none was named */
    unsigned disks, nets;
};

struct option {
    const char *name;  /* without dashes */
    const char *alias; /* a second spelling, or NULL */
    u8 grammar;
    const char *arg; /* what the value is; NULL: none is taken */
    bool (*set)(struct cli *, const struct option *, const char *value, struct error *);
    const char *what; /* for `set`: a property, the values accepted, a reason */
    const char *help; /* NULL: that of the property `what` of the machine, or the reason */
};
extern const struct option options[]; /* ends with name NULL */
const char *option_help(const struct option *);
bool option_refused(const struct option *); /* known, and never possible: its help says why */

void cli_init(struct cli *, u8 grammar, const char *program, const char *guest);
void cli_fini(struct cli *);
/* Reads argv[1] and on, then completes what was left open. False: the error names the argument. */
bool cli_parse(struct cli *, int argc, char **argv, struct error *);
/* Makes and runs the machine; returns the exit status. */
int cli_run(struct cli *);

/* set_*.c, options.c: setters of rows. */
typedef bool option_set(struct cli *, const struct option *, const char *value, struct error *);
option_set set_machine_prop, set_machine, set_cpu, set_memory, set_smp, set_accel, set_level0;
option_set set_dump, set_trace, set_log_file, set_log;
option_set set_disk, set_drive, set_hd, set_blockdev, set_nic, set_netdev, set_net, set_chardev,
    set_serial, set_device, set_object;
extern const struct prop accel_props[];
bool is_help(const char *value); /* "help" or "?" */
/* help_list, and nothing is to run. */
bool show_list(struct cli *, const char *what, struct error *);

/* help.c: texts made from the tables. */
void help_options(FILE *, u8 grammar, const char *program);
void help_man(FILE *);
void help_completion(FILE *);
bool help_list(FILE *, const char *what, struct error *); /* "devices", "machines" ... */
void help_props(FILE *, const struct prop *);
void help_config(FILE *, const struct machine_opts *); /* as JSON */

struct command { /* `myna NAME ARGS` */
    const char *name, *args, *help;
    int (*run)(int argc, char **argv); /* argv[0] is the name */
};
extern const struct command commands[]; /* ends with name NULL */
extern const char version_text[];
int cli_fail(const struct error *);  /* prints it; the exit status */
int cli_main(int argc, char **argv); /* the whole program; returns its exit status */
#endif
