/* cli/system.c - runs the machine of a command line: signals, background, exit status. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>
#include "base/log.h"
#include "cli/cli.h"
#include "ui/ui.h"

/* The machine that the signal handler ends. */
static struct machine *running;

static void on_signal(int sig)
{
    (void)sig;
    struct machine *m = __atomic_load_n(&running, __ATOMIC_ACQUIRE);
    if (m)
        machine_quit(m);
}

/* A signal that was ignored when we were started (nohup) stays so. */
static void catch_signals(void)
{
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, old;
    for (unsigned i = 0; i < ARRAY_LEN(ends); i++)
        if (!sigaction(ends[i], NULL, &old) && old.sa_handler != SIG_IGN)
            sigaction(ends[i], &act, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* ---- background -------------------------------------------------------------------- */
/* Returns in the child, with what background_ready() reports to; the parent waits for that here. */
static bool background(int *ready, struct error *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_set(err, errno, "daemonize: %s", strerror(errno));
    pid_t pid = fork();
    if (pid < 0)
        return error_set(err, errno, "daemonize: %s", strerror(errno));
    if (pid) {
        char ok = 0;
        close(ends[1]);
        ssize_t n = read(ends[0], &ok, 1);
        _exit(n == 1 ? 0 : 1);
    }
    close(ends[0]);
    setsid();
    *ready = ends[1];
    return true;
}

static void background_ready(int ready)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    close(null);
    if (write(ready, "", 1) < 0)
        log_warn("daemonize: the parent is gone");
    close(ready);
}

static bool write_pidfile(const char *path, struct error *err)
{
    FILE *f = fopen(path, "we");
    bool ok = f && fprintf(f, "%ld\n", (long)getpid()) > 0;
    if (f)
        ok &= !fclose(f);
    return ok || error_set(err, errno, "pidfile '%s': %s", path, strerror(errno));
}

/* ---- running ----------------------------------------------------------------------- */
static int run(struct cli *c, int ready)
{
    struct error err = {0};
    struct machine *m = machine_new(&c->m, &err);
    if (!m)
        return cli_fail(&err);
    int status = 0;
    if (c->m.dumpdtb) {
        if (!machine_dump_tree(m, c->m.dumpdtb, &err))
            status = cli_fail(&err);
    } else if (c->pidfile && !write_pidfile(c->pidfile, &err)) {
        status = cli_fail(&err);
    } else {
        if (ready >= 0)
            background_ready(ready);
        catch_signals();
        __atomic_store_n(&running, m, __ATOMIC_RELEASE);
        status = machine_run(m);
        __atomic_store_n(&running, NULL, __ATOMIC_RELEASE);
        if (c->pidfile)
            unlink(c->pidfile);
    }
    machine_free(m);
    return status;
}

int cli_run(struct cli *c)
{
    if (c->show_config) {
        help_config(stdout, &c->m);
        return 0;
    }
    struct error err = {0};
    int ready = -1;
    if (c->daemonize && !background(&ready, &err))
        return cli_fail(&err);
    return run(c, ready);
}
