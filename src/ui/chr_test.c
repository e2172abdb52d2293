/* ui/chr_test.c - character back ends: nothing lost, nobody stalled, the terminal given back. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/thread.h"
#include "ui/ui.h"

struct dev { /* a device that takes `room` bytes */
    size_t room, n;
    int breaks;
    u8 got[8192];
};

static size_t dev_can(void *arg) { return ((struct dev *)arg)->room; }
static void dev_broke(void *arg) { ((struct dev *)arg)->breaks++; }
static void dev_got(void *arg, const u8 *buf, size_t n)
{
    struct dev *d = arg;
    assert(n <= d->room && n <= sizeof d->got - d->n);
    memcpy(d->got + d->n, buf, n);
    d->n += n;
    d->room -= n;
}

static void turn(struct loop *l)
{
    for (int i = 0; i < 50 && loop_poll(l, 5); i++)
        ;
}

static char *temp_path(const char *suffix)
{
    char dir[] = "/tmp/myna-chr-XXXXXX";
    assert(mkdtemp(dir));
    return xprintf("%s/%s", dir, suffix);
}

static void temp_free(char *path)
{
    unlink(path);
    *strrchr(path, '/') = 0;
    assert(!rmdir(path));
    free(path);
}

static size_t slurp(const char *path, char *buf, size_t max)
{
    FILE *f = fopen(path, "r");
    assert(f);
    size_t n = fread(buf, 1, max, f);
    fclose(f);
    return n;
}

static struct chr *open_chr(struct loop *l, const char *kind, const char *path, const char *opts)
{
    struct error err = {0};
    char *text = xprintf("%s:%s%s", kind, path, opts);
    struct chr *c = chr_open(text, l, &err);
    if (!c)
        fprintf(stderr, "%s\n", err.msg);
    assert(c);
    free(text);
    return c;
}

static void put(struct chr *c, const char *s) { chr_write(c, (const u8 *)s, strlen(s)); }

TEST(chr_output_reaches_the_file_whether_a_line_ends_or_not)
{
    char *path = temp_path("log"), buf[64];
    struct loop *l = loop_new();
    struct chr *c = open_chr(l, "file", path, "");
    put(c, "one line\n");
    assert(slurp(path, buf, sizeof buf) == 9); /* at once */
    put(c, "log");
    put(c, "in: ");
    for (int i = 0; i < 100 && slurp(path, buf, sizeof buf) < 16; i++)
        loop_poll(l, 10); /* soon */
    assert(slurp(path, buf, sizeof buf) == 16);
    put(c, "x");
    chr_close(c);
    assert(slurp(path, buf, sizeof buf) == 17 && !memcmp(buf, "one line\nlogin: x", 17));
    c = open_chr(l, "file", path, ",append=on");
    put(c, "y\n");
    chr_close(c);
    assert(slurp(path, buf, sizeof buf) == 19);
    loop_free(l);
    temp_free(path);
}

TEST(chr_input_waits_for_the_device)
{
    char *path = temp_path("fifo");
    assert(!mkfifo(path, 0600));
    struct loop *l = loop_new();
    struct chr *c = open_chr(l, "pipe", path, "");
    struct dev d = {.room = 3};
    int fd = open(path, O_WRONLY);
    assert(write(fd, "hello", 5) == 5);
    turn(l);
    chr_attach(c, dev_can, dev_got, &d);
    turn(l);
    assert(d.n == 3 && !memcmp(d.got, "hel", 3));
    d.room = 8;
    chr_ready(c);
    turn(l);
    assert(d.n == 5 && !memcmp(d.got, "hello", 5));
    close(fd);
    chr_close(c);
    loop_free(l);
    temp_free(path);
}

static void count(void *arg) { ++*(int *)arg; }

TEST(chr_ctrl_a_keys)
{
    char *path = temp_path("fifo");
    int quits = 0;
    assert(!mkfifo(path, 0600));
    struct loop *l = loop_new();
    struct chr *c = open_chr(l, "mon:pipe", path, "");
    struct dev d = {.room = 100};
    chr_attach(c, dev_can, dev_got, &d);
    chr_on_break(c, dev_broke);
    chr_on_quit(count, &quits);
    int fd = open(path, O_WRONLY);
    assert(write(fd, "a\1b\1\1c\1q\1", 9) == 9);
    turn(l);
    assert(d.n == 3 && !memcmp(d.got, "a\1c", 3) && d.breaks == 1 && !quits);
    assert(write(fd, "xd", 2) == 2); /* the key may come later than its Ctrl-A */
    turn(l);
    assert(quits == 1 && d.n == 4 && d.got[3] == 'd');
    chr_on_quit(NULL, NULL);
    close(fd);
    chr_close(c);
    loop_free(l);
    temp_free(path);
}

static int connect_unix(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    strcpy(a.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert(fd >= 0 && !connect(fd, (struct sockaddr *)&a, sizeof a));
    return fd;
}

TEST(chr_unix_server_serves_one_client_after_another)
{
    char *path = temp_path("sock"), buf[16];
    struct loop *l = loop_new();
    struct chr *c = open_chr(l, "unix", path, ",server,nowait");
    struct dev d = {.room = 100};
    chr_attach(c, dev_can, dev_got, &d);
    put(c, "nobody hears this\n");
    for (int i = 0; i < 3; i++) {
        int fd = connect_unix(path);
        turn(l);
        assert(write(fd, "ab", 2) == 2);
        turn(l);
        assert(d.n == 2 * (size_t)(i + 1));
        put(c, "hi\n");
        assert(read(fd, buf, sizeof buf) == 3 && !memcmp(buf, "hi\n", 3));
        close(fd);
        turn(l);
    }
    chr_close(c);
    assert(access(path, F_OK));
    loop_free(l);
    temp_free(path);
}

TEST(chr_unix_client_and_stale_server_socket)
{
    char *path = temp_path("sock");
    struct error err = {0};
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct loop *l = loop_new();
    strcpy(a.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert(!bind(fd, (struct sockaddr *)&a, sizeof a));
    close(fd); /* the path stays, with nobody behind it */
    struct chr *server = open_chr(l, "unix", path, ",server=on,wait=off");
    char *text = xprintf("unix:%s,server,nowait", path);
    assert(!chr_open(text, l, &err) && err.code == EADDRINUSE && strstr(err.msg, path));
    free(text);
    struct chr *client = open_chr(l, "unix", path, "");
    struct dev d = {.room = 100};
    chr_attach(server, dev_can, dev_got, &d);
    turn(l);
    put(client, "to the server\n");
    turn(l);
    assert(d.n == 14);
    chr_close(client);
    turn(l);
    chr_close(server);
    loop_free(l);
    temp_free(path);
}

TEST(chr_reader_that_stopped_delays_the_writer_but_does_not_hold_it)
{
    char *path = temp_path("sock");
    static u8 block[65536];
    struct loop *l = loop_new();
    struct chr *c = open_chr(l, "unix", path, ",server,nowait");
    int fd = connect_unix(path);
    turn(l);
    u64 start = clock_host_ns();
    for (int i = 0; i < 64; i++)
        chr_write(c, block, sizeof block);
    assert(clock_host_ns() - start < 3000000000);
    close(fd);
    chr_close(c);
    loop_free(l);
    temp_free(path);
}

enum { SLOW_BLOCK = 50000, SLOW_COUNT = 60 };

static u8 slow_byte(int i) { return (u8)(i % SLOW_BLOCK * 3); }

static void *read_slowly(void *arg)
{
    static u8 block[SLOW_BLOCK];
    int *at = arg, fd = *at; /* takes the descriptor, gives how many bytes were right */
    *at = 0;
    for (ssize_t n; (n = read(fd, block, sizeof block)) > 0; usleep(1000))
        for (ssize_t i = 0; i < n; i++)
            *at += block[i] == slow_byte(*at);
    close(fd);
    return NULL;
}

TEST(chr_reader_that_is_slow_gets_everything)
{
    char *path = temp_path("sock");
    static u8 block[SLOW_BLOCK];
    struct loop *l = loop_new();
    struct chr *c = open_chr(l, "unix", path, ",server,nowait");
    int arg = connect_unix(path);
    turn(l);
    pthread_t reader = thread_start("reader", read_slowly, &arg);
    for (int i = 0; i < SLOW_BLOCK; i++)
        block[i] = slow_byte(i);
    for (int i = 0; i < SLOW_COUNT; i++)
        chr_write(c, block, sizeof block);
    chr_close(c);
    thread_join(reader);
    assert(arg == SLOW_BLOCK * SLOW_COUNT);
    loop_free(l);
    temp_free(path);
}

static bool refused(const char *text, const char *why)
{
    struct error err = {0};
    struct loop *l = loop_new();
    struct chr *c = chr_open(text, l, &err);
    chr_close(c);
    loop_free(l);
    if (!c && !strstr(err.msg, why))
        fprintf(stderr, "%s\n", err.msg);
    return !c && strstr(err.msg, why);
}

TEST(chr_open_errors)
{
    assert(refused("stdoi", "no character back end 'stdoi'; did you mean 'stdio'?"));
    assert(refused("file:/nonexistent/x", "file:/nonexistent/x: No such file"));
    assert(refused("file", "no path given"));
    assert(refused("null:x", "takes no 'x'"));
    assert(refused("unix:/nonexistent/s", "No such file"));
    assert(refused("tcp:5", "'5' is not HOST:PORT"));
    assert(refused("unix:/tmp/s,sever", "no option 'sever'; did you mean 'server'?"));
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert(!bind(fd, (struct sockaddr *)&a, len) && !listen(fd, 1));
    assert(!getsockname(fd, (struct sockaddr *)&a, &len));
    char *text = xprintf("tcp:127.0.0.1:%u,server,nowait", ntohs(a.sin_port));
    char *why = xprintf("port %u: Address already in use", ntohs(a.sin_port));
    assert(refused(text, why));
    free(text);
    free(why);
    close(fd);
}

/* ---- the terminal: a child has a pseudo terminal as standard input and output ---------------- */

static void child_end(int how)
{
    if (how == 0)
        exit(0);
    if (how == 1)
        raise(SIGTERM);
    if (how == 2)
        abort();
}

static void run_child(const char *tty, int how)
{
    struct error err = {0};
    int fd = open(tty, O_RDWR);
    dup2(fd, 0);
    dup2(fd, 1);
    for (int sig = 1; sig < 32; sig++)
        signal(sig, SIG_DFL);
    struct loop *l = loop_new();
    struct chr *c = chr_open("stdio", l, &err);
    if (!c || chr_open("mon:stdio", l, &err) || err.code != EBUSY)
        _exit(99);
    put(c, "ready\n");
    struct dev d = {.room = 100};
    chr_attach(c, dev_can, dev_got, &d);
    while (!d.n)
        loop_poll(l, 100);
    if (how == 3)
        chr_close(c);
    child_end(how);
    _exit(0);
}

TEST(chr_stdio_gives_the_terminal_back)
{
    for (int how = 0; how < 4; how++) {
        struct termios before, during, after;
        char tty[64], buf[64];
        int master = posix_openpt(O_RDWR | O_NOCTTY);
        assert(master >= 0 && !grantpt(master) && !unlockpt(master));
        assert(!ptsname_r(master, tty, sizeof tty));
        int slave = open(tty, O_RDWR | O_NOCTTY);
        assert(!tcgetattr(slave, &before) && before.c_lflag & ICANON);
        fflush(NULL);
        pid_t pid = fork();
        if (!pid)
            run_child(tty, how);
        assert(read(master, buf, sizeof buf) > 0);
        assert(!tcgetattr(slave, &during) && !(during.c_lflag & (ICANON | ECHO | ISIG)));
        assert(write(master, "\3", 1) == 1); /* Ctrl-C is a character for the guest */
        int status;
        assert(waitpid(pid, &status, 0) == pid);
        assert(how != 1 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM));
        assert(how == 1 || how == 2 || status == 0);
        assert(!tcgetattr(slave, &after) && after.c_lflag == before.c_lflag &&
               after.c_iflag == before.c_iflag);
        close(slave);
        close(master);
    }
}

TEST(chr_pty)
{
    struct loop *l = loop_new();
    struct error err = {0};
    struct chr *c = chr_open("pty", l, &err);
    assert(c);
    put(c, "nobody listens, and it does not matter\n");
    chr_close(c);
    loop_free(l);
}
