/* test/insn.c - runs assembler tests: build/insn NAME.bin NAME.S ...
 *
 * The binary is loaded and entered at HART_RAM in M-mode and runs, taking its traps, until an
 * ebreak. The first comment of the source says what registers hold then: lines " * a0 = 0x5" with
 * the names of the guest's register table. Every mode must agree.
 */
#include "test/hart.h"

enum { RAM_SIZE = 1 << 20, EXPECT_MAX = 64, UNITS_MAX = 100000 };

struct expected {
    const struct guest_reg *reg;
    u64 value;
};

static const struct guest_reg *find_reg(const struct guest *g, const char *name)
{
    for (const struct guest_reg *r = g->regs; r->name; r++)
        if (!strcmp(r->name, name))
            return r;
    return NULL;
}

static int fail(const char *name, const char *why, const char *what)
{
    printf("FAIL %s: %s%s\n", name, why, what);
    return -1;
}

/* Reads the expectations; how many, or -1 when a line is wrong. */
static int read_expected(const struct guest *g, const char *path, struct expected *e)
{
    FILE *f = fopen(path, "r");
    char line[256], reg[16], value[32];
    int n = 0;
    while (f && fgets(line, sizeof line, f) && !strstr(line, "*/")) {
        if (sscanf(line, " * %15[a-z0-9] = %31s", reg, value) != 2)
            continue;
        const struct guest_reg *r = find_reg(g, reg);
        char *end;
        u64 v = strtoull(value, &end, 0);
        if (!r || *end || n == EXPECT_MAX) {
            fclose(f);
            return fail(path, "cannot read: ", line);
        }
        e[n++] = (struct expected){r, v};
    }
    if (f)
        fclose(f);
    return n ? n : fail(path, "expects nothing", "");
}

static bool load_binary(struct hart *h, const char *path)
{
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(hart_at(h, HART_RAM), 1, RAM_SIZE, f) : 0;
    if (f)
        fclose(f);
    return n > 0;
}

static bool run_to_ebreak(struct hart *h)
{
    struct cpu *c = &h->cpu->c;
    for (int traps = 0; traps < 1000 && hart_run(h, UNITS_MAX); traps++) {
        if (c->exc_cause == RV_EXC_BREAKPOINT)
            return true;
        c->guest->raise(c);
    }
    return false;
}

static bool check(struct hart *h, const char *name, const struct expected *e, int n)
{
    bool ok = true;
    for (int i = 0; i < n; i++) {
        u64 have = 0;
        memcpy(&have, (const char *)h->cpu + e[i].reg->off, e[i].reg->bits / 8);
        if (have == e[i].value)
            continue;
        printf("FAIL %s: %s: %s is %#llx, not %#llx\n", name, h->mode->name, e[i].reg->name,
               (unsigned long long)have, (unsigned long long)e[i].value);
        ok = false;
    }
    return ok;
}

static bool run_test(const char *binary, const char *source)
{
    struct expected e[EXPECT_MAX];
    bool ok = true;
    int n = read_expected(guest_find("riscv64"), source, e);
    for (unsigned m = 0; m < hart_n_modes && ok && n > 0; m++) {
        struct hart *h = hart_new(RAM_SIZE, &hart_modes[m]);
        if (!load_binary(h, binary))
            ok = fail(source, "cannot read ", binary) == 0;
        else if (!run_to_ebreak(h))
            ok = fail(source, "did not reach ebreak: ", h->mode->name) == 0;
        else
            ok = check(h, source, e, n);
        hart_free(h);
    }
    if (ok && n > 0)
        printf("ok %s\n", source);
    return ok && n > 0;
}

int main(int argc, char **argv)
{
    int bad = argc < 3 || argc % 2 == 0;
    for (int i = 1; i + 1 < argc; i += 2)
        bad |= !run_test(argv[i], argv[i + 1]);
    return bad;
}
