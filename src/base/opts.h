/* base/opts.h - typed properties: one table row gives name, type, default, range and help. */
#ifndef BASE_OPTS_H
#define BASE_OPTS_H
#include "base/base.h"

enum prop_type { PROP_T_BOOL, PROP_T_I64, PROP_T_U64, PROP_T_SIZE, PROP_T_STR, PROP_T_ENUM };
struct prop {
    const char *name, *dflt, *doc; /* dflt is text as a user types it; NULL: no default (0, NULL) */
    u32 off;                       /* of the member in the object */
    u8 type;
    i64 min, max;              /* both 0: no range */
    const char *const *values; /* ENUM: NULL-terminated names; the member is an int */
};
/* clang-format off */
#define PROP_ROW(T, m, dflt, doc, type, lo, hi, values) \
    {#m, dflt, doc, offsetof(T, m), type, lo, hi, values}
#define PROPS(...) (const struct prop[]){__VA_ARGS__, {0}}
/* clang-format on */
/* One per type of member: bool; i64; u64; u64 with K M G T; char *, owned; int. */
#define PROP_BOOL(T, m, dflt, doc) PROP_ROW(T, m, dflt, doc, PROP_T_BOOL, 0, 0, NULL)
#define PROP_I64(T, m, dflt, lo, hi, doc) PROP_ROW(T, m, dflt, doc, PROP_T_I64, lo, hi, NULL)
#define PROP_U64(T, m, dflt, lo, hi, doc) PROP_ROW(T, m, dflt, doc, PROP_T_U64, lo, hi, NULL)
#define PROP_SIZE(T, m, dflt, lo, hi, doc) PROP_ROW(T, m, dflt, doc, PROP_T_SIZE, lo, hi, NULL)
#define PROP_STR(T, m, dflt, doc) PROP_ROW(T, m, dflt, doc, PROP_T_STR, 0, 0, NULL)
#define PROP_ENUM(T, m, dflt, vals, doc) PROP_ROW(T, m, dflt, doc, PROP_T_ENUM, 0, 0, vals)

void props_defaults(const struct prop *, void *obj);
/* An unknown name is an error that names the nearest known one; '-' and '_' are the same. */
bool props_set(const struct prop *, void *obj, const char *name, const char *value, struct error *);
const struct prop *props_find(const struct prop *, const char *name);
/* The current value as text; the caller frees. NULL: no such property, or a string not set. */
char *props_get(const struct prop *, const void *obj, const char *name);
void props_free(const struct prop *, void *obj); /* frees the strings */

/* "first,key=value,flag,no-flag,k2=v,,w" (QEMU's grammar: ",," is a comma). Calls each(); the first
 * word without '=' is given with key NULL when it stands at the front. Stops at the first false. */
bool opts_parse(const char *text,
                bool (*each)(void *arg, const char *key, const char *value, struct error *),
                void *arg, struct error *);
/* "512" (of dflt_unit bytes each), "64k", "1.5G". */
bool parse_size(const char *text, u64 dflt_unit, u64 *out, struct error *);
/* Decimal or 0x, the whole string. */
bool parse_u64(const char *text, u64 *out, struct error *);
/* The candidate nearest to `word` (edit distance), or NULL when none is near. */
const char *nearest(const char *word, const char *const *candidates, size_t n);
/* "no WHAT 'NAME'; did you mean 'CANDIDATE'?" and ENOENT; none near: all of them, if few. */
bool error_unknown(struct error *, const char *what, const char *name,
                   const char *const *candidates, size_t n);
#endif
