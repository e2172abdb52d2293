/* cli/help.c - help, manual page, shell completion and lists, from the tables that run. */
#include <errno.h>
#include "base/log.h"
#include "cli/cli.h"
#include "hw/device.h"
#include "net/net.h"

/* ---- options ----------------------------------------------------------------------- */
static const char *dashes(u8 grammar, const char *name)
{
    return grammar == RUN && name[1] ? "--" : "-";
}

/* "--verbose, -v" or "-drive file=..." */
static char *usage(const struct option *o, u8 grammar)
{
    const char *alias = o->alias ? o->alias : "";
    return xprintf("%s%s%s%s%s%s%s", dashes(grammar, o->name), o->name, o->alias ? ", " : "",
                   o->alias ? dashes(grammar, alias) : "", alias, o->arg ? " " : "",
                   o->arg ? o->arg : "");
}

static void list_options(FILE *f, u8 grammar, bool refused)
{
    enum { COLUMN = 36 };
    for (const struct option *o = options; o->name; o++) {
        if (!(o->grammar & grammar) || option_refused(o) != refused)
            continue;
        char *text = usage(o, grammar);
        if (strlen(text) < COLUMN)
            fprintf(f, "  %-*s%s\n", COLUMN, text, option_help(o));
        else
            fprintf(f, "  %s\n  %-*s%s\n", text, COLUMN, "", option_help(o));
        free(text);
    }
}

void help_options(FILE *f, u8 grammar, const char *program)
{
    fprintf(f, "usage: %s [OPTION]...\n\n", program);
    list_options(f, grammar, false);
    if (grammar == QEMU) {
        fputs("\nQEMU's options that are refused, and why:\n", f);
        list_options(f, grammar, true);
    }
    fputs("\nOn the terminal, Ctrl-A X ends the machine and Ctrl-A H lists the other keys.\n", f);
}

/* ---- lists ------------------------------------------------------------------------- */
static void line(FILE *f, const char *name, const char *doc)
{
    fprintf(f, "%-24s%s\n", name, doc ? doc : "");
}

static void list_devices(FILE *f)
{
    EACH(device_class, c)
        line(f, (*c)->name, (*c)->doc);
}

static void list_machines(FILE *f)
{
    EACH(board, b)
        line(f, (*b)->name, (*b)->doc);
}

static void list_guests(FILE *f)
{
    EACH(guest, g)
        line(f, (*g)->name, NULL);
}

static void list_cpus(FILE *f)
{
    EACH(board, b) {
        fprintf(f, "%s, machine %s: %s, each with\n", (*b)->guest, (*b)->name, (*b)->cpu_models);
        help_props(f, (*b)->cpu_props);
    }
}

static void list_netdevs(FILE *f)
{
    EACH(net_kind, k)
        line(f, (*k)->name, (*k)->doc);
}

static void list_traces(FILE *f) { trace_list(f); }

static void list_accels(FILE *f)
{
    line(f, "jit (or tcg)", "translates to host code");
    line(f, "interp", "interprets the intermediate representation");
    line(f, "check", "runs both and compares");
    help_props(f, accel_props);
}

static const struct list {
    const char *name, *doc;
    void (*print)(FILE *);
} lists[] = {
    {"devices", "what --add and -device take; NAME,help tells more", list_devices},
    {"machines", "kinds of machine", list_machines},
    {"cpus", "CPU models and their features", list_cpus},
    {"guests", "instruction sets", list_guests},
    {"netdevs", "what a network card can be connected to", list_netdevs},
    {"accels", "how instructions run", list_accels},
    {"traces", "trace sites", list_traces},
};

void help_props(FILE *f, const struct prop *props)
{
    static const char *const types[] = {"on|off", "number", "number", "size", "text", ""};
    for (const struct prop *p = props; p && p->name; p++) {
        char *type = xstrdup(types[p->type]);
        for (int i = 0; p->type == PROP_T_ENUM && p->values[i]; i++) {
            char *longer = xprintf("%s%s%s", type, i ? "|" : "", p->values[i]);
            free(type);
            type = longer;
        }
        fprintf(f, "  %-16s %-20s %s%s%s%s\n", p->name, type, p->doc ? p->doc : "",
                p->dflt ? " (" : "", p->dflt ? p->dflt : "", p->dflt ? ")" : "");
        free(type);
    }
}

bool help_list(FILE *f, const char *what, struct error *err)
{
    const char *names[ARRAY_LEN(lists)];
    for (unsigned i = 0; i < ARRAY_LEN(lists); i++) {
        names[i] = lists[i].name;
        if (!strcmp(lists[i].name, what)) {
            lists[i].print(f);
            return true;
        }
    }
    if (is_help(what)) {
        for (unsigned i = 0; i < ARRAY_LEN(lists); i++)
            line(f, lists[i].name, lists[i].doc);
        return true;
    }
    const struct device_class *class = device_class_find(what);
    if (class) {
        line(f, class->name, class->doc);
        help_props(f, class->props);
        return true;
    }
    return error_unknown(err, "list or device", what, names, ARRAY_LEN(names));
}

/* ---- the manual page --------------------------------------------------------------- */
/* roff(7): a dash that is a dash, and no line that begins with a request. */
static void roff(FILE *f, const char *text)
{
    for (const char *t = text; *t; t++) {
        if (*t == '-' || *t == '\\')
            fputc('\\', f);
        if (t == text && (*t == '.' || *t == '\''))
            fputs("\\&", f);
        fputc(*t, f);
    }
}

static void man_options(FILE *f, u8 grammar)
{
    for (const struct option *o = options; o->name; o++) {
        if (!(o->grammar & grammar))
            continue;
        char *text = usage(o, grammar);
        fputs(".TP\n\\fB", f);
        roff(f, text);
        fputs(option_refused(o) ? "\\fR\nRefused: " : "\\fR\n", f);
        roff(f, option_help(o));
        fputc('\n', f);
        free(text);
    }
}

void help_man(FILE *f)
{
    fprintf(f,
            ".TH MYNA 1 \"\" \"%s\" \"User Commands\"\n.SH NAME\nmyna \\- run virtual "
            "machines\n.SH SYNOPSIS\n",
            version_text);
    for (const struct command *c = commands; c->name; c++) {
        fprintf(f, "\\fBmyna %s\\fR ", c->name);
        roff(f, c->args);
        fputs("\n.br\n", f);
    }
    fputs("\\fBqemu\\-system\\-\\fIGUEST\\fR [\\fIOPTION\\fR]...\n.SH DESCRIPTION\nMyna runs "
          "operating "
          "systems made for other computers. It translates their machine code while they run, and "
          "models the machine around them.\n.SH COMMANDS\n",
          f);
    for (const struct command *c = commands; c->name; c++) {
        fprintf(f, ".TP\n\\fB%s\\fR ", c->name);
        roff(f, c->args);
        fputc('\n', f);
        roff(f, c->help);
        fputc('\n', f);
    }
    fputs(".SH OPTIONS OF RUN\nAlso written \\-\\-name=value. On the terminal Ctrl\\-A X ends the "
          "machine, and Ctrl\\-A H lists the other keys.\n",
          f);
    man_options(f, RUN);
    fputs(".SH OPTIONS OF SYSTEM\nThe grammar of QEMU; also of a program called "
          "qemu\\-system\\-\\fIGUEST\\fR.\n",
          f);
    man_options(f, QEMU);
    fputs(".SH EXIT STATUS\n0 when the guest powers off or the user ends the machine, the code of "
          "a guest that reports failure, 1 for errors.\n.SH EXAMPLES\n.nf\n"
          "myna run \\-\\-kernel Image \\-\\-initrd initrd.img \\-\\-cpus 2 \\-\\-memory 1G\n"
          "myna run \\-\\-kernel Image \\-\\-append root=/dev/vda \\-\\-disk root.img "
          "\\-\\-net user,hostfwd=tcp::2222\\-:22\n.fi\n",
          f);
}

/* ---- shell completion -------------------------------------------------------------- */
static void completion_words(FILE *f, const char *variable, u8 grammar)
{
    fprintf(f, "    %s='", variable);
    for (const struct option *o = options; o->name; o++)
        if (o->grammar & grammar)
            fprintf(f, "%s%s ", dashes(grammar, o->name), o->name);
    fputs("'\n", f);
}

void help_completion(FILE *f)
{
    fputs("# bash completion for myna; load it with: source <(myna completion bash)\n"
          "_myna() {\n    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} "
          "words\n"
          "    COMPREPLY=()\n    case $before in\n"
          "    system) words=$(myna list guests);;\n    help) words='run system --man';;\n"
          "    completion) words=bash;;\n",
          f);
    fputs(
        "    --add|-device) words=$(myna list devices | cut -d' ' -f1);;\n    --list|list) words='",
        f);
    for (unsigned i = 0; i < ARRAY_LEN(lists); i++)
        fprintf(f, "%s ", lists[i].name);
    fputs(
        "';;\n    esac\n    if [[ $words ]]; then\n        :\n"
        "    elif [[ $before == -* && $word != -* ]]; then\n        return # a value: file names\n"
        "    elif [[ $COMP_CWORD == 1 && $1 != qemu-* ]]; then\n        words='",
        f);
    for (const struct command *c = commands; c->name; c++)
        fprintf(f, "%s ", c->name);
    fputs("'\n    elif [[ $1 == qemu-* || ${COMP_WORDS[1]} == system ]]; then\n    ", f);
    completion_words(f, "words", QEMU);
    fputs("    else\n    ", f);
    completion_words(f, "words", RUN);
    fputs("    fi\n    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n}\n"
          "complete -o default -F _myna myna",
          f);
    EACH(guest, g)
        fprintf(f, " qemu-system-%s", (*g)->name);
    fputc('\n', f);
}

/* ---- the machine as JSON ----------------------------------------------------------- */
static void json_string(FILE *f, const char *s)
{
    fputc('"', f);
    for (; *s; s++)
        if (*s == '"' || *s == '\\')
            fprintf(f, "\\%c", *s);
        else if ((u8)*s < ' ')
            fprintf(f, "\\u%04x", (u8)*s);
        else
            fputc(*s, f);
    fputc('"', f);
}

void help_config(FILE *f, const struct machine_opts *m)
{
    static const char *const kinds[] = {"chardev", "drive", "netdev", "device"};
    fputs("{\n", f);
    for (const struct prop *p = machine_props; p->name; p++) {
        char *v = props_get(machine_props, m, p->name);
        if (v) {
            fprintf(f, "  \"%s\": ", p->name);
            json_string(f, v);
            fputs(",\n", f);
        }
        free(v);
    }
    fputs("  \"parts\": [", f);
    for (const struct part *p = m->parts; p; p = p->next) {
        fprintf(f, "%s\n    {\"%s\": ", p == m->parts ? "" : ",", kinds[p->kind]);
        json_string(f, p->text);
        fputs(", \"id\": ", f);
        json_string(f, p->id);
        fputc('}', f);
    }
    fputs("\n  ]\n}\n", f);
}
