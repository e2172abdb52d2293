/* test/rvdiff.c - random RISC-V programs: do we end in the same state as qemu-riscv64?
 *
 * rvdiff [--seed N] [--blocks N] [--seconds N]: programs of N blocks, one at least, until time
 * is up. The first block that differs is shrunk and printed. Exit status 77: no qemu-riscv64 here.
 * rvdiff --others: names the instructions that never come.
 */
#include <assert.h>
#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/bits.h"
#include "base/clock.h"
#include "guest/riscv/riscv.h"
#include "test/random.h"
#include "test/rvgen.h"

enum { RAM_SIZE = 32 << 20, BLOCKS_MAX = 4096 };
enum { A7 = 17, SYS_EXIT = 93 };
#define ORACLE "qemu-riscv64"

/* ---- the oracle --------------------------------------------------------------------------- */
static void write_elf(int fd, const struct rvgen_image *im)
{
    /* clang-format off */
    const struct {
        Elf64_Ehdr e;
        Elf64_Phdr p;
    } h = {
        .e = {
            .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
            .e_type = ET_EXEC, .e_machine = EM_RISCV, .e_version = EV_CURRENT,
            .e_entry = RVGEN_BASE, .e_flags = 5, /* compressed, double-float ABI */
            .e_ehsize = sizeof h.e, .e_phoff = sizeof h.e, .e_phentsize = sizeof h.p, .e_phnum = 1,
        },
        .p = {
            .p_type = PT_LOAD, .p_flags = PF_R | PF_W | PF_X, .p_align = PAGE_SIZE,
            .p_offset = PAGE_SIZE, .p_vaddr = RVGEN_BASE, .p_filesz = im->len, .p_memsz = im->len,
        },
    };
    /* clang-format on */
    bool ok = pwrite(fd, &h, sizeof h, 0) == sizeof h &&
              pwrite(fd, im->bytes, im->len, PAGE_SIZE) == (ssize_t)im->len;
    assert(ok && "no room for a temporary file");
}

/* The program's data as the oracle leaves it, or NULL when the oracle did not get that far. */
static u8 *run_oracle(const struct rvgen_image *im)
{
    char path[] = "/tmp/rvdiff-XXXXXX", command[128];
    int fd = mkstemp(path);
    assert(fd >= 0);
    write_elf(fd, im);
    fchmod(fd, 0700);
    close(fd);
    snprintf(command, sizeof command, ORACLE " %s", path);
    FILE *f = popen(command, "r");
    u8 *data = xalloc(im->data_len);
    size_t got = f ? fread(data, 1, im->data_len, f) : 0;
    int status = f ? pclose(f) : -1;
    unlink(path);
    if (got == im->data_len && status == 0)
        return data;
    free(data);
    return NULL;
}

/* ---- our side ----------------------------------------------------------------------------- */
static u8 *run_hart(const struct rvgen_image *im, const struct hart_mode *m)
{
    struct hart *h = hart_new(RAM_SIZE, m);
    memcpy(hart_at(h, RVGEN_BASE), im->bytes, im->len);
    struct cpu *c = &h->cpu->c;
    u8 *data = NULL;
    while (hart_run(h, 1 << 24) && c->exc_cause == RV_EXC_ECALL_M && c->r[A7] != SYS_EXIT)
        c->pc += 4;
    if (c->exc && c->exc_cause == RV_EXC_ECALL_M) {
        data = xalloc(im->data_len);
        memcpy(data, hart_at(h, RVGEN_BASE + im->data), im->data_len);
    } else {
        printf("%s: stopped at %#llx, cause %llu\n", m->name, (unsigned long long)c->pc,
               (unsigned long long)c->exc_cause);
    }
    hart_free(h);
    return data;
}

/* ---- comparing ---------------------------------------------------------------------------- */
enum { SAME = -1, WINDOW = -2, BROKEN = -3 };

struct difference {
    int block; /* the first that differs, or SAME ... */
    const struct hart_mode *mode;
    struct rvgen_record ours, theirs;
};

/* Compares what one mode left with what is wanted. */
static void compare(struct difference *d, const struct rvgen_image *im, const u8 *have,
                    const u8 *want)
{
    const struct rvgen_record *x = (const void *)have, *y = (const void *)want;
    u32 n = (u32)((im->data_len - RVGEN_WINDOW) / sizeof *x);
    if (!have) {
        d->block = BROKEN;
        return;
    }
    if (memcmp(have, want, im->data_len))
        d->block = WINDOW;
    for (u32 i = 0; i < n; i++)
        if (memcmp(&x[i], &y[i], sizeof x[i])) {
            d->block = (int)i;
            d->ours = x[i];
            d->theirs = y[i];
            break;
        }
}

static struct difference run_all(const struct rvgen_block *b, u32 n, u64 seed)
{
    struct rvgen_image im;
    rvgen_image(&im, b, n, seed);
    u8 *want = run_oracle(&im);
    struct difference d = {.block = want ? SAME : BROKEN};
    for (u32 m = 0; m < hart_n_modes && d.block == SAME; m++) {
        d.mode = &hart_modes[m];
        u8 *have = run_hart(&im, d.mode);
        compare(&d, &im, have, want);
        free(have);
    }
    free(want);
    free(im.bytes);
    return d;
}

static void drop_item(struct rvgen_block *b, u32 i)
{
    memmove(&b->item[i], &b->item[i + 1], (b->n - i - 1) * sizeof b->item[0]);
    b->n--;
    b->loop_from -= b->loop_from > i || b->loop_from == b->n;
    b->loop_to -= b->loop_to > i || b->loop_to == b->n;
}

static bool still_differs(const struct rvgen_block *b, u64 seed)
{
    return run_all(b, 1, seed).block != SAME;
}

/* Takes away what is not needed for the difference. */
static void shrink(struct rvgen_block *b, u64 seed)
{
    for (u32 i = 0; i < b->n && b->n > 1;) {
        struct rvgen_block less = *b;
        drop_item(&less, i);
        if (still_differs(&less, seed))
            *b = less;
        else
            i++;
    }
}

static void print_block(const struct rvgen_block *b)
{
    for (u32 i = 0; i < b->n; i++)
        for (u32 k = 0; k < 3 && b->item[i].word[k]; k++) {
            char text[80];
            u8 code[4];
            st_le32(code, b->item[i].word[k]);
            rv_disasm(0, code, 4, text, sizeof text);
            printf("    %08x %s\n", b->item[i].word[k], text);
        }
}

static void print_registers(const struct difference *d)
{
    for (u32 r = 0; r < RVGEN_REGS; r++) {
        char name[8] = "fcsr";
        if (r < 64)
            snprintf(name, sizeof name, "%c%u", r < 32 ? 'x' : 'f', r & 31);
        printf("  %-4s %016llx", name, (unsigned long long)d->ours.before[r]);
        if (d->ours.after[r] != d->theirs.after[r])
            printf(" ours %016llx, " ORACLE " %016llx", (unsigned long long)d->ours.after[r],
                   (unsigned long long)d->theirs.after[r]);
        printf("\n");
    }
}

static void report(struct rvgen_block *b, struct difference d, u64 seed)
{
    if (d.block < 0) {
        printf("%s\n", d.block == WINDOW ? "memory differs" : "a program did not reach its end");
        return;
    }
    struct rvgen_block *one = &b[d.block];
    printf("block %d, %s\n", d.block, d.mode->name);
    if (still_differs(one, seed)) {
        shrink(one, seed);
        d = run_all(one, 1, seed);
    }
    print_block(one);
    print_registers(&d);
}

/* Names the rows that should have been used and were not, or those that are never made. */
static u32 list_rows(bool never_made)
{
    u32 n = 0;
    for (const struct insn *const *i = __start_insn_riscv; i < __stop_insn_riscv; i++) {
        const u32 *uses = rvgen_uses(*i);
        if (!(*i)->lift || (uses && *uses) || !uses != never_made)
            continue;
        printf("%s%s\n", never_made ? "" : "not used: ", (*i)->name);
        n++;
    }
    return n;
}

static bool read_options(int argc, char **argv, u64 *seed, u64 *blocks, u64 *seconds)
{
    for (int i = 1; i < argc; i += 2) {
        u64 *out = NULL;
        if (!strcmp(argv[i], "--seed"))
            out = seed;
        else if (!strcmp(argv[i], "--blocks"))
            out = blocks;
        else if (!strcmp(argv[i], "--seconds"))
            out = seconds;
        if (!out || i + 1 == argc)
            return false;
        *out = strtoull(argv[i + 1], NULL, 0);
    }
    *blocks = MIN(MAX(*blocks, 1), (u64)BLOCKS_MAX);
    return true;
}

/* One program; false: there is a difference, and it was told. */
static bool try_program(u64 seed, u32 blocks)
{
    struct rvgen_block *b = new_array(struct rvgen_block, blocks);
    u64 state = seed;
    for (u32 i = 0; i < blocks; i++)
        rvgen_block(&b[i], random_next(&state));
    struct difference d = run_all(b, blocks, seed);
    if (d.block != SAME) {
        printf("--seed %llu --blocks %u: differs\n", (unsigned long long)seed, blocks);
        report(b, d, seed);
    }
    free(b);
    return d.block == SAME;
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "--others")) {
        list_rows(true);
        return 0;
    }
    u64 start = clock_host_ns(), seed = start, blocks = 500, seconds = 0, programs = 0;
    if (!read_options(argc, argv, &seed, &blocks, &seconds)) {
        fprintf(stderr, "usage: rvdiff [--seed N] [--blocks N] [--seconds N]\n");
        return 2;
    }
    if (system("command -v " ORACLE " >/dev/null"))
        return 77;
    do {
        if (!try_program(seed + programs, (u32)blocks))
            return 1;
        programs++;
    } while (clock_host_ns() - start < seconds * 1000000000);
    printf("%llu programs of %llu blocks from seed %llu: all agree\n", (unsigned long long)programs,
           (unsigned long long)blocks, (unsigned long long)seed);
    return blocks * programs > 400 && list_rows(false);
}
