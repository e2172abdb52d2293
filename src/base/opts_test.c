/* base/opts_test.c - tests of properties and of the option grammar. */
#include <assert.h>
#include <errno.h>
#include "base/opts.h"

static const char *const modes[] = {"slow", "very-fast", NULL};

struct thing {
    bool on;
    i64 skew;
    u64 max_count, memory;
    char *file;
    int mode;
};

static const struct prop *const props =
    PROPS(PROP_BOOL(struct thing, on, "on", "is it on"),
          PROP_I64(struct thing, skew, "-3", -10, 10, "seconds"),
          PROP_U64(struct thing, max_count, NULL, 1, 8, "how many"),
          PROP_SIZE(struct thing, memory, "1.5M", 0, 0, "bytes"),
          PROP_STR(struct thing, file, NULL, "path"),
          PROP_ENUM(struct thing, mode, "very-fast", modes, "how"));

static bool reads_as(const struct thing *t, const char *name, const char *text)
{
    char *s = props_get(props, t, name);
    bool same = s && !strcmp(s, text);
    free(s);
    return same;
}

TEST(props_defaults_and_text)
{
    struct thing t;
    memset(&t, 0xff, sizeof(t));
    props_defaults(props, &t);
    assert(t.on && t.skew == -3 && !t.max_count && t.memory == 3 << 19 && !t.file && t.mode == 1);
    assert(reads_as(&t, "on", "on") && reads_as(&t, "skew", "-3") &&
           reads_as(&t, "max-count", "0"));
    assert(reads_as(&t, "memory", "1536K") && reads_as(&t, "mode", "very-fast"));
    assert(!props_get(props, &t, "file") && !props_get(props, &t, "nothing"));
    t.memory = 0;
    assert(reads_as(&t, "memory", "0"));
    t.memory = 5;
    assert(reads_as(&t, "memory", "5"));
    props_free(props, &t);
}

TEST(props_set_and_replace)
{
    struct thing t;
    struct error e;
    props_defaults(props, &t);
    assert(props_set(props, &t, "on", "off", &e) && !t.on);
    assert(props_set(props, &t, "skew", "10", &e) && t.skew == 10);
    assert(props_set(props, &t, "max-count", "0x8", &e) && t.max_count == 8);
    assert(props_set(props, &t, "memory", "16E", &e) == false && e.code == ERANGE);
    assert(props_set(props, &t, "file", "a", &e) && props_set(props, &t, "file", "b,c", &e));
    assert(!strcmp(t.file, "b,c") && reads_as(&t, "file", "b,c"));
    assert(props_set(props, &t, "mode", "very_fast", &e) && t.mode == 1);
    assert(props_set(props, &t, "mode", "slow", &e) && t.mode == 0);
    props_free(props, &t);
    assert(!t.file);
}

static bool refused(const char *name, const char *value, const char *because)
{
    struct thing t, before;
    struct error e;
    props_defaults(props, &t);
    before = t;
    bool ok = props_set(props, &t, name, value, &e);
    bool kept = !memcmp(&t, &before, sizeof(t));
    if (ok || !kept || strcmp(e.msg, because))
        printf("%s=%s: %s\n", name, value, ok ? "accepted" : e.msg);
    return !ok && kept && !strcmp(e.msg, because);
}

TEST(props_bad_values_are_named)
{
    assert(refused("on", "maybe", "on: 'maybe' is neither on nor off"));
    assert(refused("skew", "11", "skew: 11 is more than 10"));
    assert(refused("skew", "-11", "skew: -11 is less than -10"));
    assert(refused("skew", "", "skew: '' is not a number from -2^63 to 2^63-1"));
    assert(refused("max-count", "0", "max-count: 0 is less than 1"));
    assert(refused("max-count", "9", "max-count: 9 is more than 8"));
    assert(refused("max-count", "-1", "max-count: '-1' is not a number from 0 to 2^64-1"));
    assert(refused("memory", "1Q", "memory: '1Q' is not a size such as 512, 64k, 1.5G"));
    assert(refused("mode", "fast", "mode: 'fast' is not one of: slow, very-fast"));
    assert(refused("skwe", "1", "no option 'skwe'; did you mean 'skew'?"));
    assert(refused("max-cont", "1", "no option 'max-cont'; did you mean 'max-count'?"));
    assert(refused("entirely-else", "1", "no option 'entirely-else'"));
    assert(refused("", "1", "no option ''"));
}

TEST(numbers_at_their_limits)
{
    struct error e;
    struct prop p = {.name = "x", .type = PROP_T_I64};
    u64 v = 7;
    i64 i;
    assert(parse_u64("18446744073709551615", &v, &e) && v == UINT64_MAX);
    assert(parse_u64("0xFFFFFFFFffffffff", &v, &e) && v == UINT64_MAX);
    v = 7;
    static const char *const bad[] = {
        "",  "18446744073709551616", "0x", "0x10000000000000000", " 1", "1 ", "+1", "1a", "0xg",
        "-0"};
    for (unsigned k = 0; k < ARRAY_LEN(bad); k++)
        assert(!parse_u64(bad[k], &v, &e) && v == 7);
    assert(props_set(&p, &i, "x", "-9223372036854775808", &e) && i == INT64_MIN);
    assert(props_set(&p, &i, "x", "9223372036854775807", &e) && i == INT64_MAX);
    assert(!props_set(&p, &i, "x", "-9223372036854775809", &e));
    assert(!props_set(&p, &i, "x", "9223372036854775808", &e) && !props_set(&p, &i, "x", "-", &e));
}

TEST(sizes_with_units_and_fractions)
{
    struct error e;
    /* clang-format off */
    static const struct {
        const char *text;
        u64 value;
    } good[] = {
        {"512", 512 << 20}, {"512B", 512}, {"64k", 65536}, {"0x10K", 16384}, {"0", 0},
        {"3m", 3 << 20}, {"1T", 1ull << 40}, {"2P", 2ull << 50}, {"15E", 15ull << 60},
        {"1.5G", 3ull << 29}, {"0.5K", 512}, {"0.1", 104857},
        {"1.9999999999999999999999999K", 2047},
        {"17592186044415.5", (1ull << 44) * 1048576 - (1 << 19)},
    };
    static const char *const bad[] = {
        "", "K", "1.", ".5", "1.5.5", "1KK", "-1", "16E", "1e3x", "1 K", "1.K",
    };
    /* clang-format on */
    u64 v;
    for (unsigned i = 0; i < ARRAY_LEN(good); i++)
        assert(parse_size(good[i].text, 1 << 20, &v, &e) && v == good[i].value);
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
        assert(!parse_size(bad[i], 1, &v, &e));
}

TEST(nearest_word)
{
    static const char *const words[] = {"readonly", "file", "format", "cache"};
    assert(!strcmp(nearest("read-only", words, 4), "readonly"));
    assert(!strcmp(nearest("fiel", words, 4), "file") &&
           !strcmp(nearest("cash", words, 4), "cache"));
    assert(!nearest("zzzz", words, 4) && !nearest("", words, 4) && !nearest("file", words, 0));
    char longest[1000];
    memset(longest, 'f', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = 0;
    const char *const one = longest;
    assert(!nearest(longest, words, 4) && !nearest("ffff", &one, 1));
}

static bool collect(void *arg, const char *key, const char *value, struct error *err)
{
    char *out = arg;
    if (key && !strcmp(key, "stop"))
        return error_set(err, 1, "stopped");
    size_t n = strlen(out);
    snprintf(out + n, 200 - n, "<%s|%s>", key ? key : "-", value);
    return true;
}

static bool parses(const char *text, const char *expected)
{
    struct error e;
    char out[200] = "";
    return opts_parse(text, collect, out, &e) && !strcmp(out, expected);
}

TEST(opts_grammar)
{
    struct error e;
    char out[200] = "";
    assert(parses("virtio-blk,drive=d0,ro,no-cache,file=a,,b,x=", "<-|virtio-blk><drive|d0><ro|on>"
                                                                  "<cache|off><file|a,b><x|>"));
    assert(parses("", "") && parses("a=b=c", "<a|b=c>") && parses("a,,b,c", "<-|a,b><c|on>"));
    assert(parses("no-a", "<-|no-a>") && parses("a,no-", "<-|a><no-|on>") && parses("a,", "<-|a>"));
    assert(!opts_parse("a=1,stop,b=2", collect, out, &e) && !strcmp(out, "<a|1>") && e.code == 1);
    assert(!opts_parse("=x", collect, out, &e) && !opts_parse("a,=x", collect, out, &e));
    assert(!opts_parse(",a", collect, out, &e) &&
           !strcmp(e.msg, "an option without a name in ',a'"));
}
