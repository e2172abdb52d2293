/* base/error.c - error messages, and memory that is never NULL. */
#include <stdarg.h>
#include "base/base.h"
#include "base/log.h"

void error_put(struct error *e, int code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
    va_end(ap);
    e->code = code;
}

void error_put_prefix(struct error *e, const char *fmt, ...)
{
    char msg[sizeof(e->msg)];
    va_list ap;
    memcpy(msg, e->msg, sizeof(msg));
    va_start(ap, fmt);
    int n = vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof(e->msg))
        snprintf(e->msg + n, sizeof(e->msg) - (size_t)n, "%s", msg);
}

void *xalloc(size_t n) { return xalloc_array(n, 1); }

void *xalloc_array(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size);
    if (!p)
        fatal("out of memory: %zu x %zu bytes", n, size);
    return p;
}

void *xresize(void *p, size_t n)
{
    p = realloc(p, n ? n : 1);
    if (!p)
        fatal("out of memory: %zu bytes", n);
    return p;
}

char *xstrdup(const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(xalloc(n), s, n);
}

char *xprintf(const char *fmt, ...)
{
    char *s;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&s, fmt, ap) < 0)
        fatal("out of memory for a text");
    va_end(ap);
    return s;
}
