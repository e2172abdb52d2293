/* test/fuzz/lift.c - fuzz target: any bytes as code of any guest make valid IR and text. */
#include <assert.h>
#include "base/bits.h"
#include "guest/guest.h"
#include "test/fuzz/fuzz.h"

enum { HEAD = 6 }; /* level, how much lies on the next page, mode key */

/* A copy of its own, so that the address sanitizer sees the first byte read behind it. */
static u8 *copy(const u8 *from, size_t n)
{
    u8 *p = xalloc(n);
    memcpy(p, from, n);
    return p;
}

static void verify(const struct ir *ir)
{
    struct error err;
    bool ok = ir->overflow || ir_verify(ir, &err);
    if (!ok)
        fprintf(stderr, "%s\n", err.msg);
    assert(ok);
}

static void disassemble(const struct guest *g, gva pc, const u8 *code, unsigned avail)
{
    char text[128];
    for (unsigned n; avail && (n = g->disasm(pc, code, avail, text, sizeof(text))); avail -= n) {
        assert(n <= avail);
        code += n;
        pc += n;
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    if (size < HEAD + 2)
        return 0;
    unsigned n = (unsigned)MIN(size - HEAD, PAGE_SIZE) & ~1u;
    unsigned rest = data[1] % n & ~1u, avail = n - rest;
    u8 *code = copy(data + HEAD, avail), *next = copy(data + HEAD + avail, rest);
    gva pc = 0x80001000 - avail;
    struct ir *ir = new(struct ir);
    EACH(guest, g) {
        unsigned len = lift_unit(*g, ir, pc, ld_le32(data + 2), code, avail, rest ? next : NULL,
                                 rest, data[0] % 3);
        assert(len <= n);
        if (len) {
            verify(ir);
            ir_optimize(ir);
            verify(ir);
        }
        disassemble(*g, pc, code, avail);
    }
    free(ir);
    free(code);
    free(next);
    return 0;
}
