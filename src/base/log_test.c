/* base/log_test.c - tests of messages and trace sites. */
#include <assert.h>
#include <fcntl.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"

/* What standard error gets while fn runs. */
static char *captured(void (*fn)(void))
{
    char path[] = "/tmp/myna-log-XXXXXX";
    int fd = mkstemp(path), saved = dup(STDERR_FILENO);
    assert(fd >= 0 && saved >= 0 && dup2(fd, STDERR_FILENO) >= 0);
    fn();
    dup2(saved, STDERR_FILENO);
    char *text = xalloc(65536);
    assert(pread(fd, text, 65535, 0) >= 0);
    close(fd);
    close(saved);
    unlink(path);
    return text;
}

static void say_some(void)
{
    log_error("disk '%s' is full", "hda");
    log_info("silent");
    log_verbose(true);
    log_info("said");
    log_verbose(false);
}

TEST(log_lines_are_prefixed)
{
    char *text = captured(say_some);
    assert(!strcmp(text, "myna: disk 'hda' is full\nmyna: said\n"));
    free(text);
}

static void say_long(void)
{
    char text[3000];
    memset(text, 'y', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    log_error("%s", text);
}

TEST(log_long_line_is_cut_and_ends)
{
    char *text = captured(say_long);
    size_t len = strlen(text);
    assert(len > 1000 && len < 1100 && text[len - 1] == '\n' && text[len - 2] == 'y');
    free(text);
}

static void warn_often(void)
{
    for (int i = 0; i < 1000; i++)
        log_warn("queue is full");
}

TEST(log_warnings_are_rate_limited)
{
    char *text = captured(warn_often);
    int lines = 0;
    for (char *p = text; (p = strchr(p, '\n')); p++)
        lines++;
    assert(!strncmp(text, "myna: warning: queue is full\n", 29));
    assert(lines >= 1 && lines <= 20); /* a second may pass in between */
    free(text);
}

static void trace_some(int n)
{
    TRACE("logtest-a: n is %d", n);
    TRACE("logtest-b: nothing");
}

TEST(trace_is_switched_by_glob)
{
    struct error err;
    char path[] = "/tmp/myna-trace-XXXXXX", text[200] = "";
    int fd = mkstemp(path);
    assert(fd >= 0 && log_file(path, &err));
    clock_fake(1234567000, 0);
    trace_some(1);
    assert(!trace_enable("no-such-*") && trace_enable("logtest-a*") == 1);
    trace_some(2);
    clock_real();
    assert(read(fd, text, sizeof(text) - 1) > 0 && !strcmp(text, "1.234567 logtest-a: n is 2\n"));
    assert(log_file(NULL, &err) && log_stream() == stderr);
    close(fd);
    unlink(path);
}

TEST(log_file_that_cannot_be_written)
{
    struct error err;
    assert(!log_file("/nonexistent/x", &err));
    assert(strstr(err.msg, "'/nonexistent/x'"));
}
