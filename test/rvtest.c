/* test/rvtest.c - runs bare-metal RISC-V test programs that report through a `tohost` symbol.
 *
 * usage: rvtest [--jit | --interp | --check] [--level N] FILE...
 *
 * For ELF files linked at 0x80000000 as the public riscv-tests are: 1 written to tohost is success, any
 * other odd value is the number of the failed test, shifted left by one.
 */
#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"
#include "engine/engine.h"

#define RAM_BASE 0x80000000ull
enum { RAM_SIZE = 32 << 20, TIMEOUT_S = 20 };

/* ---- the program ------------------------------------------------------------------------------------ */

struct program {
    const u8 *file;
    size_t size;
    struct ram *ram;
    u64 *tohost;
};

static void *ram_at(const struct program *p, u64 at, u64 len)
{
    bool inside = at >= RAM_BASE && len <= RAM_SIZE && at - RAM_BASE <= RAM_SIZE - len;
    return inside ? p->ram->host + (at - RAM_BASE) : NULL;
}

/* A table of n entries of `each` bytes inside the file, or NULL. */
static const void *table(const struct program *p, u64 off, u64 n, u64 each)
{
    u64 len, end;
    bool ok = mul_ok(n, each, &len) && add_ok(off, len, &end) && end <= p->size;
    return ok ? p->file + off : NULL;
}

static bool load_segments(const struct program *p, const Elf64_Ehdr *eh)
{
    const Elf64_Phdr *ph = table(p, eh->e_phoff, eh->e_phnum, sizeof *ph);
    for (unsigned i = 0; ph && i < eh->e_phnum; i++) {
        if (ph[i].p_type != PT_LOAD)
            continue;
        const void *from = table(p, ph[i].p_offset, ph[i].p_filesz, 1);
        void *to = ram_at(p, ph[i].p_paddr, ph[i].p_memsz);
        if (!from || !to || ph[i].p_filesz > ph[i].p_memsz)
            return false;
        memcpy(to, from, ph[i].p_filesz);
    }
    return ph;
}

static u64 *find_tohost(const struct program *p, const Elf64_Ehdr *eh)
{
    const Elf64_Shdr *sh = table(p, eh->e_shoff, eh->e_shnum, sizeof *sh);
    for (unsigned i = 0; sh && i < eh->e_shnum; i++) {
        if (sh[i].sh_type != SHT_SYMTAB || sh[i].sh_link >= eh->e_shnum)
            continue;
        u64 n = sh[i].sh_size / sizeof(Elf64_Sym), len = sh[sh[i].sh_link].sh_size;
        const Elf64_Sym *sym = table(p, sh[i].sh_offset, n, sizeof *sym);
        const char *names = table(p, sh[sh[i].sh_link].sh_offset, len, 1);
        for (u64 k = 0; sym && names && k < n; k++)
            if (sym[k].st_name < len &&
                !strncmp(names + sym[k].st_name, "tohost", len - sym[k].st_name))
                return ram_at(p, sym[k].st_value & ~7ull, 8);
    }
    return NULL;
}

static bool load_elf(struct program *p)
{
    const Elf64_Ehdr *eh = table(p, 0, 1, sizeof *eh);
    bool ours = eh && !memcmp(eh->e_ident, ELFMAG, SELFMAG) && eh->e_machine == EM_RISCV;
    if (!ours || !load_segments(p, eh))
        return false;
    p->tohost = find_tohost(p, eh);
    return p->tohost;
}

static bool load(struct program *p, const char *path)
{
    struct stat st;
    bool ok = false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && !fstat(fd, &st) && st.st_size > 0) {
        p->size = (size_t)st.st_size;
        void *map = mmap(NULL, p->size, PROT_READ, MAP_PRIVATE, fd, 0);
        p->file = map;
        if (map != MAP_FAILED) {
            ok = load_elf(p);
            munmap(map, p->size);
        }
    }
    if (fd >= 0)
        close(fd);
    return ok;
}

/* ---- running it -------------------------------------------------------------------------------------- */

/* What the program wrote to tohost; 0: nothing in time. */
static u64 verdict(const struct program *p)
{
    u64 said, deadline = clock_host_ns() + TIMEOUT_S * 1000000000ull;
    while (!(said = __atomic_load_n(p->tohost, __ATOMIC_ACQUIRE)) && clock_host_ns() < deadline)
        usleep(100);
    return said;
}

static bool run(const char *path, const struct engine_opts *opts)
{
    struct error err = {0};
    struct program p = {.ram = ram_new(RAM_SIZE, false, &err)};
    struct space *space = space_new();
    struct engine *e = NULL;
    struct cpu *c = NULL;
    u64 said = 0;
    if (p.ram && space_add_ram(space, RAM_BASE, p.ram, 0, RAM_SIZE, false, &err))
        e = engine_new(guest_find("riscv64"), space, p.ram, opts, &err);
    if (e)
        c = engine_add_cpu(e, NULL, &err);
    if (c && !load(&p, path)) {
        error_set(&err, 22, "not a RISC-V program with a symbol tohost");
    } else if (c) {
        c->pc = RAM_BASE;
        engine_start(e);
        said = verdict(&p);
        engine_stop(e);
        error_set(&err, 0, said ? "test %llu" : "no answer in time", (unsigned long long)said >> 1);
    }
    engine_free(e);
    space_free(space);
    ram_free(p.ram);
    if (said == 1)
        printf("ok %s\n", path);
    else
        printf("FAIL %s: %s\n", path, err.msg);
    return said == 1;
}

int main(int argc, char **argv)
{
    struct engine_opts opts = {.mode = ENGINE_JIT, .level = 2};
    int good = 0, bad = 0;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--jit"))
            opts.mode = ENGINE_JIT;
        else if (!strcmp(argv[i], "--interp"))
            opts.mode = ENGINE_INTERP;
        else if (!strcmp(argv[i], "--check"))
            opts.mode = ENGINE_CHECK;
        else if (!strcmp(argv[i], "--level") && i + 1 < argc)
            opts.level = atoi(argv[++i]);
        else if (run(argv[i], &opts))
            good++;
        else
            bad++;
    }
    printf("%d passed, %d failed\n", good, bad);
    return bad || !good;
}
