/* guest/decode_test.c - which row wins, what is reserved, what overlaps. */
#include <assert.h>
#include "guest/decode.h"

static void body(struct lift *l, const struct args *a) { (void)l, (void)a; }
#define ROW(id, picture) static const struct insn id = {#id, picture, NULL, body, 0}
ROW(add, "0000000 ..... ..... 000 ..... 0110011");
ROW(sub, "0100000 ..... ..... 000 ..... 0110011");
ROW(any, "....... ..... ..... 000 ..... 0110011");
ROW(cross, "....... ..... ..... ... 00001 0110011");
ROW(corner, "0000000 ..... ..... 000 00001 0110011");
ROW(half, "000 ........ ... 00");
ROW(bad, "0000000 ....x ..... 000 ..... 0110011");
static const struct insn reserved = {"reserved", "0100000 ..... ..... 000 00000 0110011", NULL,
                                     NULL, 0};

TEST(decode_special_wins)
{
    const struct insn *const rows[] = {&any, &sub, &add, &half, &reserved, &bad};
    struct decoder *d = decoder_new(rows, rows + ARRAY_LEN(rows), 32);
    assert(decode(d, 0x00b50533) == &add);
    assert(decode(d, 0x40b50533) == &sub);
    assert(decode(d, 0x80b50533) == &any);
    assert(!decode(d, 0x40b50033)); /* reserved */
    assert(!decode(d, 0x00b51533) && !decode(d, 0));
    decoder_free(d);
    d = decoder_new(rows, rows + ARRAY_LEN(rows), 16);
    assert(decode(d, 0x0004) == &half && !decode(d, 0x2004));
    decoder_free(d);
}

TEST(decode_no_rows)
{
    struct decoder *d = decoder_new(NULL, NULL, 32);
    assert(!decode(d, 0) && !decode(d, ~0u));
    decoder_free(d);
    decoder_free(NULL);
}

TEST(decode_many)
{
    enum { N = 2048 };
    static char picture[N][33];
    static struct insn many[N];
    static const struct insn *rows[N];
    for (unsigned i = 0; i < N; i++) { /* eleven fixed bits at both ends */
        for (unsigned k = 0; k < 32; k++)
            picture[i][k] = k >= 7 && k < 28 ? '.' : i >> (k < 7 ? k : k - 21) & 1 ? '1' : '0';
        many[i] = (struct insn){"m", picture[i], NULL, body, 0};
        rows[i] = &many[i];
    }
    struct decoder *d = decoder_new(rows, rows + N, 32);
    for (unsigned i = 0; i < N; i++) {
        u32 mask, value;
        assert(insn_picture(rows[i], 32, &mask, &value));
        assert(decode(d, value) == rows[i] && decode(d, value | ~mask) == rows[i]);
    }
    decoder_free(d);
}

TEST(decode_overlap)
{
    struct error err;
    const struct insn *const fine[] = {&any, &add, &reserved, &sub, &half};
    assert(decoder_check(fine, fine + 5, 32, &err));
    const struct insn *const two[] = {&add, &cross};
    assert(!decoder_check(two, two + 2, 32, &err) && !strcmp(err.msg, "add and cross overlap"));
    const struct insn *const settled[] = {&add, &cross, &corner};
    assert(decoder_check(settled, settled + 3, 32, &err));
    const struct insn *const twice[] = {&add, &add};
    assert(!decoder_check(twice, twice + 2, 32, &err));
}
