/* ui/file.c - characters to nowhere, to a file, and through named pipes. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "ui/backend.h"

/* ---- null ------------------------------------------------------------------------------------ */

static bool null_open(struct chr *c, struct error *err)
{
    (void)c, (void)err;
    return true;
}

static const struct prop no_props[] = {{0}};
CHR_KIND(null, .name = "null", .doc = "no input, output is dropped", .props = no_props,
         .size = sizeof(struct chr), .open = null_open);

/* ---- file ------------------------------------------------------------------------------------ */

struct file {
    struct chr chr;
    char *path;
    bool append;
};
static const struct prop file_props[] = {
    PROP_STR(struct file, path, NULL, "the file written"),
    PROP_BOOL(struct file, append, "off", "keep what the file holds"),
    {0},
};

static bool file_open(struct chr *c, struct error *err)
{
    struct file *f = container_of(c, struct file, chr);
    int fd = open(f->path, O_WRONLY | O_CREAT | O_CLOEXEC | (f->append ? O_APPEND : O_TRUNC), 0666);
    if (fd < 0)
        return error_set(err, errno, "%s", strerror(errno));
    chr_connect(c, -1, fd);
    return true;
}

CHR_KIND(file, .name = "file", .doc = "output to a file", .address = "path", .props = file_props,
         .size = sizeof(struct file), .open = file_open);

/* ---- pipe ------------------------------------------------------------------------------------ */

struct pipes {
    struct chr chr;
    char *path;
};
static const struct prop pipe_props[] = {
    PROP_STR(struct pipes, path, NULL, "PATH.in and PATH.out, or one FIFO for both"),
    {0},
};

/* Opened for both directions, a FIFO neither blocks nor ends when its other side goes. */
static int open_side(const char *path, const char *suffix)
{
    char *name = xprintf("%s%s", path, suffix);
    int fd = open(name, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    free(name);
    return fd;
}

static bool pipe_open(struct chr *c, struct error *err)
{
    struct pipes *p = container_of(c, struct pipes, chr);
    int in = open_side(p->path, ".in"), out = open_side(p->path, ".out");
    if (in < 0 || out < 0) {
        if (in >= 0)
            close(in);
        if (out >= 0)
            close(out);
        in = open_side(p->path, "");
        out = in < 0 ? -1 : fcntl(in, F_DUPFD_CLOEXEC, 3);
    }
    if (in < 0)
        return error_set(err, errno, "%s", strerror(errno));
    c->lossy = true;
    chr_connect(c, in, out);
    return true;
}

CHR_KIND(pipes, .name = "pipe", .doc = "named pipes", .address = "path", .props = pipe_props,
         .size = sizeof(struct pipes), .open = pipe_open);
