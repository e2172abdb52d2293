/* test/rvdiff.c - random RISC-V programs: does our interpreter end in the same state as qemu-riscv64?
 *
 * rvdiff [--seed N] [--blocks N] [--seconds N]: programs of N blocks until the time is over (one at least).
 * The first block that differs is shrunk and printed. Exit status 77: no qemu-riscv64 here.
 */
#include <assert.h>
#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/bits.h"
#include "base/clock.h"
#include "guest/riscv/riscv.h"
#include "test/rvgen.h"

enum { RAM_SIZE = 32 << 20, BLOCKS_MAX = 4096 };
enum { A7 = 17, SYS_EXIT = 93 };
#define ORACLE "qemu-riscv64"

/* ---- the oracle -------------------------------------------------------------------------------------- */
static void write_elf(int fd, const struct rvgen_image *im)
{
    struct {
        Elf64_Ehdr e;
        Elf64_Phdr p;
    } h = {
        .e = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
              .e_type = ET_EXEC, .e_machine = EM_RISCV, .e_version = EV_CURRENT, .e_entry = RVGEN_BASE,
              .e_phoff = sizeof(Elf64_Ehdr), .e_flags = 5 /* RVC, double-float ABI */,
              .e_ehsize = sizeof(Elf64_Ehdr), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 1},
        .p = {.p_type = PT_LOAD, .p_flags = PF_R | PF_W | PF_X, .p_offset = PAGE_SIZE, .p_vaddr = RVGEN_BASE,
              .p_paddr = RVGEN_BASE, .p_filesz = im->len, .p_memsz = im->len, .p_align = PAGE_SIZE},
    };
    bool ok = pwrite(fd, &h, sizeof h, 0) == sizeof h && pwrite(fd, im->bytes, im->len, PAGE_SIZE) == (ssize_t)im->len;
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

/* ---- our side ---------------------------------------------------------------------------------------- */
static u8 *run_hart(const struct rvgen_image *im, const struct hart_mode *m)
{
    struct hart *h = hart_new(RAM_SIZE);
    h->mode = m;
    memcpy(hart_at(h, RVGEN_BASE), im->bytes, im->len);
    struct cpu *c = &h->cpu->c;
    u8 *data = NULL;
    while (hart_run(h, 1 << 24) && c->exc_cause == RV_EXC_ECALL_M && c->r[A7] != SYS_EXIT) {
        c->exc = 0;
        c->pc += 4;
    }
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

/* ---- comparing ----------------------------------------------------------------------------------------- */
enum { SAME = -1, WINDOW = -2, BROKEN = -3 };

/* The first block whose result differs in some mode, or SAME ...; *mode names it, *ours and *theirs show it. */
static int first_difference(const struct rvgen_block *b, u32 n, u64 seed, const struct hart_mode **mode,
                            struct rvgen_record *ours, struct rvgen_record *theirs)
{
    struct rvgen_image im;
    rvgen_image(&im, b, n, seed);
    u8 *want = run_oracle(&im);
    int where = want ? SAME : BROKEN;
    for (u32 m = 0; m < hart_n_modes && where == SAME; m++) {
        *mode = &hart_modes[m];
        u8 *have = run_hart(&im, &hart_modes[m]);
        struct rvgen_record *x = (void *)have, *y = (void *)want;
        for (u32 i = 0; have && i < n && where == SAME; i++)
            if (memcmp(&x[i], &y[i], sizeof x[i])) {
                where = (int)i;
                *ours = x[i];
                *theirs = y[i];
            }
        if (where == SAME && (!have || memcmp(have, want, im.data_len)))
            where = have ? WINDOW : BROKEN;
        free(have);
    }
    free(want);
    free(im.bytes);
    return where;
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
    const struct hart_mode *m;
    struct rvgen_record x, y;
    return first_difference(b, 1, seed, &m, &x, &y) != SAME;
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

static void report(struct rvgen_block *b, u32 n, u64 seed)
{
    const struct hart_mode *mode = NULL;
    struct rvgen_record ours, theirs;
    int i = first_difference(b, n, seed, &mode, &ours, &theirs);
    if (i < 0) {
        printf("%s\n", i == WINDOW ? "memory differs at the end" : "a program did not reach its end");
        return;
    }
    struct rvgen_block *one = &b[i];
    printf("block %d, %s\n", i, mode->name);
    if (still_differs(one, seed))
        shrink(one, seed), first_difference(one, 1, seed, &mode, &ours, &theirs);
    print_block(one);
    for (u32 r = 0; r < RVGEN_REGS; r++)
        if (ours.after[r] != theirs.after[r])
            printf("  %c%u: before %016llx, ours %016llx, " ORACLE " %016llx\n", r < 32 ? 'x' : r < 64 ? 'f' : 'c', r & 31,
                   (unsigned long long)ours.before[r], (unsigned long long)ours.after[r],
                   (unsigned long long)theirs.after[r]);
    for (u32 r = 0; r < RVGEN_REGS; r++)
        printf("%s%c%u=%016llx", r & 3 ? " " : "\n  ", r < 32 ? 'x' : r < 64 ? 'f' : 'c', r & 31,
               (unsigned long long)ours.before[r]);
    printf("\n");
}

static u32 unused_rows(void)
{
    u32 n = 0;
    for (const struct insn *const *i = __start_insn_riscv; i < __stop_insn_riscv; i++) {
        const u32 *uses = rvgen_uses(*i);
        if (uses && !*uses)
            printf("row %s was not used\n", (*i)->name), n++;
    }
    return n;
}

int main(int argc, char **argv)
{
    u64 seed = clock_host_ns(), blocks = 500, seconds = 0, programs = 0, end;
    for (int i = 1; i < argc; i += 2) {
        u64 *out = !strcmp(argv[i], "--seed") ? &seed : !strcmp(argv[i], "--blocks") ? &blocks
                 : !strcmp(argv[i], "--seconds") ? &seconds : NULL;
        if (!out || i + 1 == argc) {
            fprintf(stderr, "usage: rvdiff [--seed N] [--blocks N] [--seconds N]\n");
            return 2;
        }
        *out = strtoull(argv[i + 1], NULL, 0);
    }
    if (system("command -v " ORACLE " >/dev/null"))
        return 77;
    blocks = MIN(MAX(blocks, 1), (u64)BLOCKS_MAX);
    struct rvgen_block *b = new_array(struct rvgen_block, blocks);
    for (end = clock_host_ns() + seconds * 1000000000; !programs || clock_host_ns() < end; programs++) {
        const struct hart_mode *mode;
        struct rvgen_record x, y;
        u64 s = seed + programs, state = s;
        for (u32 i = 0; i < blocks; i++)
            rvgen_block(&b[i], rvgen_random(&state));
        if (first_difference(b, (u32)blocks, s, &mode, &x, &y) != SAME) {
            printf("seed %llu --blocks %llu: differs\n", (unsigned long long)s, (unsigned long long)blocks);
            report(b, (u32)blocks, s);
            return 1;
        }
    }
    u32 unused = blocks * programs > 400 ? unused_rows() : 0;
    printf("%llu programs of %llu blocks from seed %llu: all agree\n", (unsigned long long)programs,
           (unsigned long long)blocks, (unsigned long long)seed);
    free(b);
    return unused != 0;
}
