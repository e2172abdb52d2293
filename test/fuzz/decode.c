/* test/fuzz/decode.c - fuzz target: any bytes as RISC-V code, lifted and disassembled. */
#include <assert.h>
#include "guest/riscv/riscv.h"
#include "test/fuzz/fuzz.h"

enum { PC = 0x80000000u };

static void lift(struct ir *ir, u32 key, const u8 *code, unsigned size, int level)
{
    const struct guest *g = guest_find("riscv64");
    struct error err;
    unsigned done = lift_unit(g, ir, PC, key, code, size, NULL, 0, level);
    assert(done <= size);
    if (!done)
        return;
    assert(ir_verify(ir, &err));
    ir_optimize(ir);
    assert(ir_verify(ir, &err));
}

static void disassemble(const u8 *code, size_t size)
{
    char text[24]; /* short: what does not fit is cut */
    for (size_t at = 0; at < size;) {
        unsigned len = rv_disasm(PC + at, code + at, (unsigned)(size - at), text, sizeof text);
        if (!len)
            break;
        assert(len <= size - at && memchr(text, 0, sizeof text));
        at += len;
    }
}

/* Four bytes of mode key, then code: at most a page. */
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    static struct ir *ir;
    if (!ir)
        ir = new(struct ir);
    if (size < 4)
        return 0;
    u32 key = ld_le32(data);
    size = MIN(size - 4, PAGE_SIZE);
    u8 *code = xalloc(size); /* of its own: sanitizers watch the end */
    memcpy(code, data + 4, size);
    for (int level = 0; level < 3; level++)
        lift(ir, key, code, (unsigned)size, level);
    disassemble(code, size);
    free(code);
    return 0;
}
