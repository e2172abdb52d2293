/* tools/mkinitramfs.c - writes a cpio archive ("newc", Linux's initramfs format) from a list.
 *
 * mkinitramfs < LIST > ARCHIVE; a line of the list is one of
 *   dir PATH MODE | file PATH HOSTFILE MODE | link PATH TARGET | node PATH MAJOR MINOR MODE
 * with octal modes, character devices, and no blanks in names. Owner is root, times are 0: the same
 * list gives the same archive.
 * Format: Linux, Documentation/driver-api/early-userspace/buffer-format. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct entry {
    const char *path;
    unsigned mode, major, minor;
    const char *data; /* `size` bytes, or NULL: they come from `from` */
    FILE *from;
    unsigned long size;
};

static unsigned line;

static void die(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "mkinitramfs: line %u: ", line);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(1);
}

static void put(const void *data, size_t n)
{
    if (fwrite(data, 1, n, stdout) != n)
        die("cannot write: %s", strerror(errno));
}

static void pad(unsigned long n)
{
    static const char zeroes[4];
    put(zeroes, -n & 3);
}

static void copy(const struct entry *e)
{
    char buf[65536];
    for (unsigned long left = e->size; left;) {
        size_t n = fread(buf, 1, left < sizeof buf ? left : sizeof buf, e->from);
        if (!n)
            die("%s: the file became shorter", e->path);
        put(buf, n);
        left -= n;
    }
}

static void write_entry(const struct entry *e)
{
    static unsigned inode;
    const char *path = e->path + strspn(e->path, "/");
    unsigned long len = strlen(path) + 1;
    /* magic inode mode uid gid nlink mtime size dev(2) rdev(2) namesize check */
    printf("070701%08X%08X%08X%08X%08X%08X%08lX%08X%08X%08X%08X%08lX%08X", ++inode, e->mode, 0, 0,
           1, 0, e->size, 0, 0, e->major, e->minor, len, 0);
    put(path, len);
    pad(110 + len);
    if (e->data)
        put(e->data, e->size);
    else
        copy(e);
    pad(e->size);
}

static unsigned number(const char *text, int base)
{
    char *end;
    unsigned long v = strtoul(text, &end, base);
    if (!*text || *end || v > 0xffffff)
        die("'%s' is not a number", text);
    return (unsigned)v;
}

static void write_file(struct entry e, const char *host)
{
    struct stat st;
    e.from = fopen(host, "rb");
    if (!e.from || fstat(fileno(e.from), &st))
        die("%s: %s", host, strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_size > 0xffffffffl)
        die("%s: not a file of less than 4 GiB", host);
    e.size = (unsigned long)st.st_size;
    write_entry(&e);
    fclose(e.from);
}

static void do_line(char **w, int n)
{
    struct entry e = {.path = n > 1 ? w[1] : "", .data = ""};
    if (n == 3 && !strcmp(w[0], "dir")) {
        e.mode = S_IFDIR | number(w[2], 8);
    } else if (n == 3 && !strcmp(w[0], "link")) {
        e.mode = S_IFLNK | 0777;
        e.data = w[2];
        e.size = strlen(w[2]);
    } else if (n == 5 && !strcmp(w[0], "node")) {
        e.mode = S_IFCHR | number(w[4], 8);
        e.major = number(w[2], 10);
        e.minor = number(w[3], 10);
    } else if (n == 4 && !strcmp(w[0], "file")) {
        e.mode = S_IFREG | number(w[3], 8);
        e.data = NULL;
        write_file(e, w[2]);
        return;
    } else {
        die("'%s' with %d words is no entry", w[0], n);
    }
    write_entry(&e);
}

int main(void)
{
    char buf[8192], *w[6];
    while (fgets(buf, sizeof buf, stdin)) {
        int n = 0;
        line++;
        if (!strchr(buf, '\n'))
            die("longer than %zu bytes or cut", sizeof buf - 2);
        for (char *p = strtok(buf, " \t\n"); p && n < 6; p = strtok(NULL, " \t\n"))
            w[n++] = p;
        if (n && *w[0] != '#')
            do_line(w, n);
    }
    write_entry(&(struct entry){.path = "TRAILER!!!", .data = ""});
    if (fflush(stdout))
        die("cannot write: %s", strerror(errno));
    return 0;
}
