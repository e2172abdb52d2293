/* test/fuzz/opts.c - fuzz target: option text, sizes and numbers, property values. */
#include <assert.h>
#include "base/opts.h"
#include "test/fuzz/fuzz.h"

struct target {
    bool on;
    i64 number;
    u64 size;
    char *text;
    int choice;
};

static const char *const choices[] = {"one", "two", NULL};
static const struct prop *const props =
    PROPS(PROP_BOOL(struct target, on, "off", ""), PROP_I64(struct target, number, "0", -9, 99, ""),
          PROP_SIZE(struct target, size, "1M", 0, 0, ""), PROP_STR(struct target, text, NULL, ""),
          PROP_ENUM(struct target, choice, "one", choices, ""));

/* What a value reads as must be a value that is accepted and reads the same. */
static void round_trip(struct target *t, const char *name)
{
    struct error err;
    char *text = props_get(props, t, name);
    assert(text && props_set(props, t, name, text, &err));
    char *again = props_get(props, t, name);
    assert(!strcmp(text, again));
    free(text);
    free(again);
}

static bool each(void *arg, const char *key, const char *value, struct error *err)
{
    struct target *t = arg;
    if (!key)
        return true;
    if (props_set(props, t, key, value, err))
        round_trip(t, key);
    else
        assert(*err->msg);
    assert(t->number >= -9 && t->number <= 99 && t->choice >= 0 && t->choice <= 1);
    return true;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct target t;
    struct error err;
    u64 v;
    char *text = xalloc(size + 1);
    memcpy(text, data, size);
    props_defaults(props, &t);
    opts_parse(text, each, &t, &err);
    parse_size(text, 1, &v, &err);
    parse_u64(text, &v, &err);
    props_free(props, &t);
    free(text);
    return 0;
}
