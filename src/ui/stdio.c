/* ui/stdio.c - standard input and output as a console; the terminal's raw mode and its way back. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>
#include "ui/backend.h"

struct stdio {
    struct chr chr;
    bool signal, mux;
};
static const struct prop props[] = {
    PROP_BOOL(struct stdio, signal, "off", "Ctrl-C and the like act on the program, not the guest"),
    PROP_BOOL(struct stdio, mux, "off", "Ctrl-A is a command on a pipe, too"),
    {0},
};

/* ---- the terminal ---------------------------------------------------------------------------- */

static struct termios saved;
static volatile sig_atomic_t raw;
static bool taken; /* one console at a time */

void ui_restore_terminal(void)
{
    if (!raw)
        return;
    raw = 0;
    tcsetattr(STDIN_FILENO, TCSANOW, &saved);
}

static void die(int sig)
{
    ui_restore_terminal();
    raise(sig); /* SA_RESETHAND: the default action */
}

/* Signals that end the program pass by the terminal first, unless somebody handles them better. */
static void catch_signals(void)
{
    static const int deadly[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGSEGV, SIGBUS,
                                 SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS,  SIGXCPU};
    struct sigaction old, act = {.sa_handler = die, .sa_flags = SA_RESETHAND | SA_NODEFER};
    for (unsigned i = 0; i < ARRAY_LEN(deadly); i++)
        if (!sigaction(deadly[i], NULL, &old) && !(old.sa_flags & SA_SIGINFO) &&
            old.sa_handler == SIG_DFL)
            sigaction(deadly[i], &act, NULL);
}

static bool make_raw(bool signals, struct error *err)
{
    static bool prepared;
    if (tcgetattr(STDIN_FILENO, &saved))
        return error_set(err, errno, "cannot ask the terminal: %s", strerror(errno));
    if (!prepared) {
        atexit(ui_restore_terminal);
        catch_signals();
        prepared = true;
    }
    struct termios t = saved;
    t.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    t.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | IEXTEN | (signals ? 0 : ISIG));
    t.c_cflag &= ~(tcflag_t)(CSIZE | PARENB);
    t.c_cflag |= CS8;
    t.c_cc[VMIN] = 1;
    t.c_cc[VTIME] = 0;
    raw = 1;
    if (tcsetattr(STDIN_FILENO, TCSANOW, &t))
        return error_set(err, errno, "cannot set the terminal: %s", strerror(errno));
    return true;
}

/* ---- the back end ---------------------------------------------------------------------------- */

/* Our own non-blocking way to standard output. The descriptor itself is shared with the shell and
 * is left as it is; a socket cannot be opened again, and a plain file never blocks. */
static int open_output(void)
{
    struct stat st;
    int fd = -1;
    if (fstat(STDOUT_FILENO, &st))
        return -1;
    if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode))
        fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0)
        return fd;
    if (S_ISSOCK(st.st_mode))
        fcntl(STDOUT_FILENO, F_SETFL, fcntl(STDOUT_FILENO, F_GETFL) | O_NONBLOCK);
    return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
}

static bool stdio_open(struct chr *c, struct error *err)
{
    struct stdio *s = container_of(c, struct stdio, chr);
    if (taken)
        return error_set(err, EBUSY, "standard input and output are in use already");
    c->terminal = isatty(STDIN_FILENO);
    c->keys |= c->terminal || s->mux;
    if (c->terminal && !make_raw(s->signal, err))
        return false;
    taken = true;
    fflush(stdout);
    chr_connect(c, fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3), open_output());
    return true;
}

static void stdio_close(struct chr *c)
{
    (void)c;
    ui_restore_terminal();
    taken = false;
}

CHR_KIND(stdio, .name = "stdio", .doc = "standard input and output", .props = props,
         .size = sizeof(struct stdio), .open = stdio_open, .close = stdio_close);
