/* test/rvdis.c - prints words of every instruction row with random operands, and their text.
 *
 * rvdis SEED COUNT: COUNT lines "word, tab, text" per row, as if laid out one after the other.
 */
#include "base/bits.h"
#include "guest/riscv/riscv.h"
#include "test/random.h"
#include "test/rvgen.h"

static void print_word(u32 word, unsigned size, u64 pc)
{
    u8 code[4];
    char text[80];
    st_le32(code, word);
    rv_disasm(pc, code, size, text, sizeof text);
    printf("0x%0*x\t%s\n", (int)size * 2, word, text);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: rvdis SEED COUNT\n");
        return 2;
    }
    u64 seed = strtoull(argv[1], NULL, 0), count = strtoull(argv[2], NULL, 0), pc = 0;
    for (const struct insn *const *i = __start_insn_riscv; i < __stop_insn_riscv; i++) {
        u32 mask, value;
        bool wide = insn_picture(*i, 32, &mask, &value);
        if (!wide)
            insn_picture(*i, 16, &mask, &value);
        for (u64 n = 0; n < count && (*i)->lift; n++) {
            unsigned size = wide ? 4 : 2;
            u32 word = ((u32)random_next(&seed) & ~mask) | value;
            print_word(wide ? word : word & 0xffff, size, pc);
            pc += size;
        }
    }
    return 0;
}
