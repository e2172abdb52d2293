/* ui/pty.c - a pseudo terminal that other programs open. */
#include <errno.h>
#include <fcntl.h>
#include <termios.h>
#include <unistd.h>
#include "ui/backend.h"

struct pty {
    struct chr chr;
    int slave; /* held open, so that the master does not hang up while nobody else has it */
};

static bool pty_open(struct chr *c, struct error *err)
{
    struct pty *p = container_of(c, struct pty, chr);
    char path[64];
    struct termios t;
    p->slave = -1;
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (master < 0)
        return error_set(err, errno, "no pseudo terminal: %s", strerror(errno));
    if (grantpt(master) || unlockpt(master) || ptsname_r(master, path, sizeof path) ||
        (p->slave = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC)) < 0 || tcgetattr(p->slave, &t)) {
        error_set(err, errno, "cannot set the pseudo terminal up: %s", strerror(errno));
        close(master);
        return false;
    }
    cfmakeraw(&t);
    tcsetattr(p->slave, TCSANOW, &t);
    c->lossy = true;
    chr_connect(c, master, fcntl(master, F_DUPFD_CLOEXEC, 3));
    printf("char device redirected to %s\n", path); /* scripts read this line */
    fflush(stdout);
    return true;
}

static void pty_close(struct chr *c)
{
    int slave = container_of(c, struct pty, chr)->slave;
    if (slave >= 0)
        close(slave);
}

CHR_KIND(pty, .name = "pty", .doc = "a pseudo terminal; its path is printed",
         .props = (const struct prop[]){{0}}, .size = sizeof(struct pty), .open = pty_open,
         .close = pty_close);
