/* guest/riscv/disasm.c - instructions as text, from their rows: true mnemonics, no aliases. */
#include <stdarg.h>
#include "guest/riscv/riscv.h"

/* clang-format off */
static const char *const x_name[] = {
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0",
    "a1", "a2", "a3", "a4", "a5", "a6", "a7", "s2", "s3", "s4", "s5",
    "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
};
static const char *const f_name[] = {
    "ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7", "fs0", "fs1", "fa0",
    "fa1", "fa2", "fa3", "fa4", "fa5", "fa6", "fa7", "fs2", "fs3", "fs4", "fs5",
    "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11",
};
static const char *const rounding[] = {
    ",rne", ",rtz", ",rdn", ",rup", ",rmm", ",unknown", ",unknown", "",
};
/* clang-format on */

struct text {
    char *at, *end;
};

static PRINTF(2, 3) void put(struct text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(t->at, (size_t)(t->end - t->at), fmt, ap);
    va_end(ap);
    t->at += MIN(n, t->end - t->at - 1);
}

/* Letters of i, o, r, w whose bit (3 .. 0) is set. */
static void put_set(struct text *t, unsigned set)
{
    for (int i = 0; i < 4; i++)
        if (set >> (3 - i) & 1)
            put(t, "%c", "iorw"[i]);
    if (!set)
        put(t, "unknown");
}

static void put_mnemonic(struct text *t, const struct insn *in, const struct args *a)
{
    for (const char *s = in->name; *s; s++)
        put(t, "%c", *s == '_' ? '.' : *s);
    if (*in->format->show == 'q') /* bits 26 and 25 of an atomic: acquire, release */
        put(t, "%s", (const char *const[]){"", ".rl", ".aq", ".aqrl"}[a->word >> 25 & 3]);
}

static void put_operand(struct text *t, char c, const struct args *a, gva pc)
{
    switch (c) {
    case 'd': put(t, "%s", x_name[a->rd]); break;
    case 's': put(t, "%s", x_name[a->rs1]); break;
    case 't': put(t, "%s", x_name[a->rs2]); break;
    case 'D': put(t, "%s", f_name[a->rd]); break;
    case 'S': put(t, "%s", f_name[a->rs1]); break;
    case 'T': put(t, "%s", f_name[a->rs2]); break;
    case 'R': put(t, "%s", f_name[a->rs3]); break;
    case 'i': put(t, "%lld", (long long)a->imm); break;
    case 'h': put(t, "0x%llx", (unsigned long long)a->imm); break;
    case 'u': put(t, "0x%llx", (unsigned long long)a->imm >> 12 & 0xfffff); break;
    case 'p': put(t, "0x%llx", (unsigned long long)(pc + (u64)a->imm)); break;
    case 'c': put(t, "0x%llx", (unsigned long long)a->imm); break;
    case 'z': put(t, "%u", a->rs1); break;
    case 'm': put(t, "%s", rounding[a->mode]); break;
    case 'e':
        put_set(t, a->mode >> 4);
        put(t, ",");
        put_set(t, a->mode & 15);
        break;
    case 'q': break; /* in the mnemonic */
    default: put(t, "%c", c); break;
    }
}

unsigned rv_disasm(gva pc, const u8 *code, unsigned avail, char *out, size_t size)
{
    struct text t = {out, out + size};
    struct args a;
    u8 len;
    u32 everything = ~0u << RV_KEY_EXT_SHIFT | RV_KEY_FS;
    const struct insn *in = rv_decode(code, avail, everything, &a, &len);
    if (!len)
        return 0;
    if (!in) {
        put(&t, len == 2 ? ".half\t0x%04x" : ".word\t0x%08x", a.word);
        return len;
    }
    put_mnemonic(&t, in, &a);
    if (*in->format->show)
        put(&t, "\t");
    for (const char *s = in->format->show; *s; s++)
        put_operand(&t, *s, &a, pc);
    return len;
}
