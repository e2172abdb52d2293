/* base/error_test.c - tests of error messages and allocation. */
#include <assert.h>
#include <errno.h>
#include "base/bits.h"

TEST(error_context_grows_outward)
{
    struct error e;
    assert(!error_set(&e, EINVAL, "skew of %d s", 7));
    assert(!error_prefix(&e, "rtc '%s': ", "rtc0"));
    assert(e.code == EINVAL && !strcmp(e.msg, "rtc 'rtc0': skew of 7 s"));
}

TEST(error_of_any_length_ends)
{
    struct error e;
    char text[1000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    error_set(&e, 1, "%s", text);
    assert(strlen(e.msg) == sizeof(e.msg) - 1);
    error_prefix(&e, "a: ");
    assert(strlen(e.msg) == sizeof(e.msg) - 1 && !strncmp(e.msg, "a: xxx", 6));
    error_prefix(&e, "%s", text);
    assert(strlen(e.msg) == sizeof(e.msg) - 1);
}

TEST(alloc_zeroed_and_never_null)
{
    char *p = xalloc(0);
    assert(p);
    p = xresize(p, 10);
    memcpy(p, "123456789", 10);
    p = xresize(p, 100000);
    assert(!strcmp(p, "123456789"));
    free(p);
    u64 *v = new_array(u64, 100);
    for (int i = 0; i < 100; i++)
        assert(!v[i]);
    free(v);
    char *s = xprintf("%d-%s", 5, "x"), *t = xstrdup(s);
    assert(!strcmp(t, "5-x") && t != s);
    free(s);
    free(t);
}

TEST(sizes_that_overflow_are_refused)
{
    u64 v;
    assert(add_ok(1ull, 2ull, &v) && v == 3);
    assert(!add_ok(UINT64_MAX, 1ull, &v));
    assert(!mul_ok(1ull << 32, 1ull << 32, &v));
}

TEST(bits_and_byte_order)
{
    u8 b[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    assert(bits(0xabcd, 11, 4) == 0xbc && bits(UINT64_MAX, 63, 0) == UINT64_MAX);
    assert(sext(0x800, 12) == -2048 && sext(0x7ff, 12) == 2047);
    assert(align_up(4097, 4096) == 8192 && align_down(4097, 4096) == 4096);
    assert(is_pow2(64) && !is_pow2(0) && !is_pow2(65));
    assert(ld_le32(b) == 0x04030201 && ld_be32(b) == 0x01020304);
    assert(ld_be64(b) == 0x0102030405060708 && ld_le16(b + 1) == 0x0302);
    st_be16(b, 0x1234);
    assert(b[0] == 0x12 && b[1] == 0x34);
}
