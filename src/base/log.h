/* base/log.h - messages for people: errors, warnings, information, and trace sites. */
#ifndef BASE_LOG_H
#define BASE_LOG_H
#include "base/base.h"

/* One line to standard error, prefixed "myna: ". Any thread. log_info is silent without -v. */
void log_error(const char *fmt, ...) PRINTF(1, 2); /* the user must act */
void log_warn(const char *fmt, ...) PRINTF(1, 2);  /* abnormal, survived; rate limited */
void log_info(const char *fmt, ...) PRINTF(1, 2);  /* a change of state */
void log_verbose(bool on);
/* log_error, then exit(1): the host lacks memory, a thread or a descriptor we cannot do without. */
_Noreturn COLD void fatal(const char *fmt, ...) PRINTF(1, 2);
/* Where trace and -d output goes; NULL or "" is standard error. */
bool log_file(const char *path, struct error *err);
FILE *log_stream(void);

/* TRACE("goldfish: alarm at %llu", when): off costs one load and one branch. The text up to the
 * first colon is the site's name; trace_enable("goldfish*") switches on by glob: how many match? */
struct trace_site {
    const char *file, *fmt;
    int line;
    u8 on;
};
void trace_emit(const struct trace_site *, ...);
int trace_enable(const char *glob);
void trace_list(FILE *); /* one site per line: what it prints, as a format */
#define TRACE(f, ...)                                                          \
    do {                                                                       \
        static struct trace_site site_ = {__FILE__, f, __LINE__, 0};           \
        static struct trace_site *const site_reg_                              \
            __attribute__((used, retain, section("reg_trace_site"))) = &site_; \
        if (UNLIKELY(__atomic_load_n(&site_.on, __ATOMIC_RELAXED))) {          \
            trace_emit(site_reg_, ##__VA_ARGS__);                              \
            if (0)                                                             \
                printf(f, ##__VA_ARGS__);                                      \
        }                                                                      \
    } while (0)
#endif
