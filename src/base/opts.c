/* base/opts.c - property values from text and back, and the "key=value,..." grammar. */
#include <assert.h>
#include <errno.h>
#include "base/log.h"
#include "base/opts.h"

/* ---- numbers --------------------------------------------------------------------------------- */

static int digit(char c)
{
    int lower = c | 0x20;
    return c >= '0' && c <= '9' ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : 99;
}

/* Reads digits from *p on. False: none, or the value does not fit. */
static bool read_digits(const char **p, u64 *out)
{
    bool hex = (*p)[0] == '0' && ((*p)[1] | 0x20) == 'x';
    u64 base = hex ? 16 : 10, v = 0;
    const char *start = *p += hex ? 2 : 0;
    for (; digit(**p) < (int)base; ++*p)
        if (!mul_ok(v, base, &v) || !add_ok(v, (u64)digit(**p), &v))
            return false;
    *out = v;
    return *p > start;
}

bool parse_u64(const char *text, u64 *out, struct error *err)
{
    const char *p = text;
    u64 v;
    if (!read_digits(&p, &v) || *p)
        return error_set(err, EINVAL, "'%s' is not a number from 0 to 2^64-1", text);
    *out = v;
    return true;
}

static bool parse_i64(const char *text, i64 *out, struct error *err)
{
    bool minus = *text == '-';
    const char *p = text + minus;
    u64 v;
    if (!read_digits(&p, &v) || *p || v > (u64)INT64_MAX + minus)
        return error_set(err, EINVAL, "'%s' is not a number from -2^63 to 2^63-1", text);
    *out = (i64)(minus ? 0 - v : v);
    return true;
}

static u64 size_unit(char suffix)
{
    static const char names[] = "BKMGTPE";
    for (unsigned i = 0; i < sizeof(names) - 1; i++)
        if ((suffix & ~0x20) == names[i])
            return 1ull << 10 * i;
    return 0;
}

/* The digits after a decimal point, as a fraction of 2^64; those beyond the 19th cannot matter. */
static u64 read_fraction(const char **p)
{
    u64 v = 0, scale = 1;
    for (; **p >= '0' && **p <= '9'; ++*p)
        if (scale < 1000000000000000000) {
            v = v * 10 + (u64)(**p - '0');
            scale *= 10;
        }
    return (u64)(((u128)v << 64) / scale);
}

bool parse_size(const char *text, u64 dflt_unit, u64 *out, struct error *err)
{
    const char *p = text;
    u64 whole, fraction = 0, unit = dflt_unit;
    bool ok = read_digits(&p, &whole);
    if (ok && *p == '.' && p[1] >= '0' && p[1] <= '9') {
        p++;
        fraction = read_fraction(&p);
    }
    if (ok && *p)
        unit = size_unit(*p++);
    if (!ok || !unit || *p)
        return error_set(err, EINVAL, "'%s' is not a size such as 512, 64k, 1.5G", text);
    if (!mul_ok(whole, unit, &whole) || !add_ok(whole, (u64)((u128)fraction * unit >> 64), &whole))
        return error_set(err, ERANGE, "size '%s' is more than 2^64-1 bytes", text);
    *out = whole;
    return true;
}

/* ---- names ----------------------------------------------------------------------------------- */

static char fold(char c) { return c == '_' ? '-' : c; }

static bool same_name(const char *a, const char *b)
{
    while (*a && fold(*a) == fold(*b))
        a++, b++;
    return fold(*a) == fold(*b);
}

enum { WORD_MAX = 63 }; /* longer ones are nobody's typing mistake */

/* Levenshtein's distance, one row of the table at a time. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[WORD_MAX + 1], n = (unsigned)strlen(b);
    for (unsigned j = 0; j <= n; j++)
        row[j] = j;
    for (unsigned i = 1; a[i - 1]; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= n; j++) {
            unsigned change = diagonal + (fold(a[i - 1]) != fold(b[j - 1]));
            diagonal = row[j];
            row[j] = MIN(change, MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[n];
}

const char *nearest(const char *word, const char *const *candidates, size_t n)
{
    const char *best = NULL;
    size_t len = strlen(word);
    unsigned limit = (unsigned)MIN(len, WORD_MAX) / 3 + 1; /* about one mistake in three letters */
    for (size_t i = 0; i < n && len <= WORD_MAX; i++) {
        size_t clen = strlen(candidates[i]);
        unsigned d = clen <= WORD_MAX ? distance(word, candidates[i]) : limit + 1;
        if (d <= limit && d < MAX(len, clen)) {
            best = candidates[i];
            limit = d - !!d;
        }
    }
    return best;
}

bool error_unknown(struct error *err, const char *what, const char *name,
                   const char *const *candidates, size_t n)
{
    enum { FEW = 8 };
    const char *near = nearest(name, candidates, n);
    if (near)
        return error_set(err, ENOENT, "no %s '%s'; did you mean '%s'?", what, name, near);
    error_set(err, ENOENT, "no %s '%s'", what, name);
    for (size_t i = 0; n <= FEW && i < n; i++) {
        size_t len = strlen(err->msg);
        snprintf(err->msg + len, sizeof err->msg - len, "%s%s",
                 i ? ", " : "; known: ", candidates[i]);
    }
    return false;
}

/* ---- properties ------------------------------------------------------------------------------ */

const struct prop *props_find(const struct prop *props, const char *name)
{
    for (const struct prop *p = props; p && p->name; p++)
        if (same_name(p->name, name))
            return p;
    return NULL;
}

static bool unknown(const struct prop *props, const char *name, struct error *err)
{
    size_t n = 0;
    while (props && props[n].name)
        n++;
    const char **names = new_array(const char *, n);
    for (size_t i = 0; i < n; i++)
        names[i] = props[i].name;
    const char *near = nearest(name, names, n);
    free(names);
    if (!near)
        return error_set(err, ENOENT, "no option '%s'", name);
    char *typed = xstrdup(near); /* as a user would */
    for (char *c = typed; *c; c++)
        *c = fold(*c);
    error_set(err, ENOENT, "no option '%s'; did you mean '%s'?", name, typed);
    free(typed);
    return false;
}

static bool parse_bool(const char *text, bool *out, struct error *err)
{
    static const char *const words[] = {"off", "on", "no", "yes", "false", "true", "0", "1"};
    for (unsigned i = 0; i < ARRAY_LEN(words); i++)
        if (!strcmp(text, words[i])) {
            *out = i & 1;
            return true;
        }
    return error_set(err, EINVAL, "'%s' is neither on nor off", text);
}

static bool parse_enum(const struct prop *p, const char *text, int *out, struct error *err)
{
    char names[200] = "";
    size_t len = 0;
    for (int i = 0; p->values[i]; i++) {
        if (same_name(p->values[i], text)) {
            *out = i;
            return true;
        }
        if (len < sizeof(names))
            len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", i ? ", " : "",
                                    p->values[i]);
    }
    return error_set(err, EINVAL, "'%s' is not one of: %s", text, names);
}

static bool in_range(const struct prop *p, bool below, bool above, const char *text,
                     struct error *err)
{
    if (!(p->min || p->max) || !(below || above))
        return true;
    return error_set(err, ERANGE, "%s is %s than %lld", text, below ? "less" : "more",
                     (long long)(below ? p->min : p->max));
}

static bool set_unsigned(const struct prop *p, u64 *m, const char *text, struct error *err)
{
    u64 v;
    if (!(p->type == PROP_T_SIZE ? parse_size(text, 1, &v, err) : parse_u64(text, &v, err)))
        return false;
    if (!in_range(p, p->min > 0 && v < (u64)p->min, p->max >= 0 && v > (u64)p->max, text, err))
        return false;
    *m = v;
    return true;
}

static bool set_signed(const struct prop *p, i64 *m, const char *text, struct error *err)
{
    i64 v;
    if (!parse_i64(text, &v, err))
        return false;
    if (!in_range(p, v<p->min, v> p->max, text, err))
        return false;
    *m = v;
    return true;
}

static bool set_string(char **m, const char *text)
{
    char *old = *m;
    *m = text ? xstrdup(text) : NULL;
    free(old);
    return true;
}

static void *member(const struct prop *p, const void *obj)
{
    return (char *)(uintptr_t)obj + p->off;
}

static bool set(const struct prop *p, void *obj, const char *text, struct error *err)
{
    void *m = member(p, obj);
    switch ((enum prop_type)p->type) {
    case PROP_T_BOOL: return parse_bool(text, m, err);
    case PROP_T_I64: return set_signed(p, m, text, err);
    case PROP_T_U64:
    case PROP_T_SIZE: return set_unsigned(p, m, text, err);
    case PROP_T_STR: return set_string(m, text);
    case PROP_T_ENUM: return parse_enum(p, text, m, err);
    }
    return false;
}

static size_t member_size(const struct prop *p)
{
    static const u8 sizes[] = {
        [PROP_T_BOOL] = sizeof(bool), [PROP_T_I64] = sizeof(i64),    [PROP_T_U64] = sizeof(u64),
        [PROP_T_SIZE] = sizeof(u64),  [PROP_T_STR] = sizeof(char *), [PROP_T_ENUM] = sizeof(int),
    };
    return sizes[p->type];
}

void props_defaults(const struct prop *props, void *obj)
{
    for (const struct prop *p = props; p && p->name; p++) {
        struct error err = {0};
        memset(member(p, obj), 0, member_size(p));
        bool ok = !p->dflt || set(p, obj, p->dflt, &err);
        if (!ok)
            log_error("default of '%s': %s", p->name, err.msg);
        assert(ok);
    }
}

bool props_set(const struct prop *props, void *obj, const char *name, const char *value,
               struct error *err)
{
    const struct prop *p = props_find(props, name);
    if (!p)
        return unknown(props, name, err);
    return set(p, obj, value, err) || error_prefix(err, "%s: ", name);
}

static char *size_text(u64 v)
{
    unsigned i = 0;
    while (v && v % 1024 == 0 && i < 6) {
        v /= 1024;
        i++;
    }
    return xprintf("%llu%.1s", (unsigned long long)v, &"\0KMGTPE"[i]);
}

char *props_get(const struct prop *props, const void *obj, const char *name)
{
    const struct prop *p = props_find(props, name);
    if (!p)
        return NULL;
    const void *m = member(p, obj);
    switch ((enum prop_type)p->type) {
    case PROP_T_BOOL: return xstrdup(*(const bool *)m ? "on" : "off");
    case PROP_T_I64: return xprintf("%lld", (long long)*(const i64 *)m);
    case PROP_T_U64: return xprintf("%llu", (unsigned long long)*(const u64 *)m);
    case PROP_T_SIZE: return size_text(*(const u64 *)m);
    case PROP_T_STR: return *(char *const *)m ? xstrdup(*(char *const *)m) : NULL;
    case PROP_T_ENUM: return xstrdup(p->values[*(const int *)m]);
    }
    return NULL;
}

void props_free(const struct prop *props, void *obj)
{
    for (const struct prop *p = props; p && p->name; p++)
        if (p->type == PROP_T_STR)
            set_string(member(p, obj), NULL);
}

/* ---- "first,key=value,flag,no-flag,k2=v,,w" -------------------------------------------------- */

typedef bool each_fn(void *arg, const char *key, const char *value, struct error *err);

/* One word, its commas unescaped; `front`: it is the first. */
static bool word(char *w, bool front, each_fn *each, void *arg, struct error *err)
{
    char *eq = strchr(w, '=');
    if (eq) {
        *eq = 0;
        return each(arg, w, eq + 1, err);
    }
    if (front)
        return each(arg, NULL, w, err);
    if (!strncmp(w, "no-", 3) && w[3])
        return each(arg, w + 3, "off", err);
    return each(arg, w, "on", err);
}

bool opts_parse(const char *text, each_fn *each, void *arg, struct error *err)
{
    char *buf = xalloc(strlen(text) + 1);
    bool ok = true;
    for (const char *p = text; ok && *p;) {
        char *out = buf;
        bool front = p == text;
        for (; *p && (*p != ',' || p[1] == ','); p++) {
            p += *p == ',';
            *out++ = *p;
        }
        *out = 0;
        p += *p == ',';
        if (*buf && *buf != '=')
            ok = word(buf, front, each, arg, err);
        else
            ok = error_set(err, EINVAL, "an option without a name in '%s'", text);
    }
    free(buf);
    return ok;
}
