/* mem/ram_test.c - RAM is zero; absurd sizes are refused; code pages hear of writes. */
#include <assert.h>
#include <errno.h>
#include "mem/ram.h"

TEST(ram_is_zero_and_shared)
{
    struct error err;
    for (int huge = 0; huge < 2; huge++) {
        struct ram *r = ram_new(3 << 20, huge, &err);
        assert(r && r->size == 3 << 20 && !((uintptr_t)r->host & PAGE_MASK));
        assert(!r->host[0] && !r->host[r->size - 1] && !r->track[(r->size >> PAGE_BITS) - 1]);
        r->host[r->size - 1] = 7;
        ram_free(r);
    }
    ram_free(NULL);
}

TEST(ram_refuses_bad_sizes)
{
    struct error err;
    assert(!ram_new(0, false, &err) && err.code == EINVAL);
    assert(!ram_new(PAGE_SIZE + 1, false, &err) && err.code == EINVAL);
    assert(!ram_new(1ull << 60, false, &err) && err.code == ENOMEM && strstr(err.msg, "MiB"));
    assert(!ram_new(~0ull << PAGE_BITS, true, &err));
}

static u64 heard_off, heard_len;
static int heard;
static void hear(void *arg, struct ram *r, u64 off, u64 len)
{
    assert(arg == &heard && r);
    heard_off = off;
    heard_len = len;
    heard++;
}

TEST(ram_written_reaches_code_pages_only)
{
    struct error err;
    struct ram *r = ram_new(4 * PAGE_SIZE, false, &err);
    assert(r);
    r->code_written = hear;
    r->code_arg = &heard;
    r->track[2] = TRACK_CODE;
    heard = 0;
    ram_written(r, 0, 2 * PAGE_SIZE);
    ram_written(r, 2 * PAGE_SIZE, 0);
    ram_written(r, 3 * PAGE_SIZE, PAGE_SIZE);
    assert(!heard);
    ram_written(r, 2 * PAGE_SIZE - 1, 2);
    assert(heard == 1 && heard_off == 2 * PAGE_SIZE - 1 && heard_len == 2);
    ram_written(r, 0, 4 * PAGE_SIZE);
    assert(heard == 2);
    ram_free(r);
}
