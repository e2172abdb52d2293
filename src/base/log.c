/* base/log.c - messages for people, and trace sites switched on by glob. */
#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"

/* Made by the linker; weak, so that a program without a single TRACE() links too. */
extern struct trace_site *const __start_reg_trace_site[] __attribute__((weak));
extern struct trace_site *const __stop_reg_trace_site[] __attribute__((weak));

enum { WARN_BURST = 5 }; /* lines that one call site may print per second */

static bool verbose;
static FILE *trace_file;

/* One write per line, so that lines of different threads do not mix. */
static void emit(const char *kind, const char *fmt, va_list ap)
{
    char line[1024];
    int n = snprintf(line, sizeof(line), "myna: %s", kind);
    int m = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);
    size_t len = MIN((size_t)n + (size_t)MAX(m, 0), sizeof(line) - 2);
    line[len++] = '\n';
    if (write(STDERR_FILENO, line, len) < 0)
        return; /* nobody is left to tell */
}

void log_error(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    emit("", fmt, ap);
    va_end(ap);
}

void fatal(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    emit("", fmt, ap);
    va_end(ap);
    exit(1);
}

/* A call site is known by its format. Sites that share a slot share the allowance. */
static bool may_warn(const char *fmt)
{
    static struct {
        u64 second, count;
    } slots[64];
    size_t i = (uintptr_t)fmt / 8 % ARRAY_LEN(slots);
    u64 second = clock_host_ns() / 1000000000 + 1;
    if (__atomic_exchange_n(&slots[i].second, second, __ATOMIC_RELAXED) != second)
        __atomic_store_n(&slots[i].count, 0, __ATOMIC_RELAXED);
    return __atomic_fetch_add(&slots[i].count, 1, __ATOMIC_RELAXED) < WARN_BURST;
}

void log_warn(const char *fmt, ...)
{
    va_list ap;
    if (!may_warn(fmt))
        return;
    va_start(ap, fmt);
    emit("warning: ", fmt, ap);
    va_end(ap);
}

void log_info(const char *fmt, ...)
{
    va_list ap;
    if (!__atomic_load_n(&verbose, __ATOMIC_RELAXED))
        return;
    va_start(ap, fmt);
    emit("", fmt, ap);
    va_end(ap);
}

void log_verbose(bool on) { __atomic_store_n(&verbose, on, __ATOMIC_RELAXED); }

bool log_file(const char *path, struct error *err)
{
    FILE *f = NULL;
    if (path && *path) {
        f = fopen(path, "we");
        if (!f)
            return error_set(err, errno, "cannot write log file '%s': %s", path, strerror(errno));
        setvbuf(f, NULL, _IOLBF, 0);
    }
    if (trace_file)
        fclose(trace_file);
    trace_file = f;
    return true;
}

FILE *log_stream(void) { return trace_file ? trace_file : stderr; }

void trace_emit(const struct trace_site *site, ...)
{
    char line[1024];
    va_list ap;
    va_start(ap, site);
    vsnprintf(line, sizeof(line), site->fmt, ap);
    va_end(ap);
    u64 us = clock_now_ns() / 1000;
    fprintf(log_stream(), "%llu.%06llu %s\n", (unsigned long long)(us / 1000000),
            (unsigned long long)(us % 1000000), line);
}

int trace_enable(const char *glob)
{
    int matches = 0;
    for (struct trace_site *const *p = __start_reg_trace_site; p < __stop_reg_trace_site; p++) {
        char *name = xstrdup((*p)->fmt);
        name[strcspn(name, ":")] = 0;
        if (!fnmatch(glob, name, 0)) {
            __atomic_store_n(&(*p)->on, 1, __ATOMIC_RELAXED);
            matches++;
        }
        free(name);
    }
    return matches;
}

void trace_list(FILE *f)
{
    for (struct trace_site *const *p = __start_reg_trace_site; p < __stop_reg_trace_site; p++)
        fprintf(f, "%s\n", (*p)->fmt);
}
