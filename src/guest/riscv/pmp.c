/* guest/riscv/pmp.c - physical memory protection (priv 3.7): 16 entries, 4-byte grain. */
#include "guest/riscv/cpu.h"

enum {
    CFG_A_SHIFT = 3,
    CFG_A = 3 << CFG_A_SHIFT,
    CFG_L = 1 << 7,
    CFG_PERMS = RV_PMP_R | RV_PMP_W | RV_PMP_X
};
enum { A_OFF, A_TOR, A_NA4, A_NAPOT };
static const u64 addr_mask = (1ull << 54) - 1;

static unsigned kind(const struct rv_cpu *cpu, unsigned n)
{
    return cpu->pmpcfg[n] >> CFG_A_SHIFT & 3;
}

static struct rv_pmp decode(const struct rv_cpu *cpu, unsigned n)
{
    u64 addr = cpu->pmpaddr[n],
        ones = addr ^ (addr + 1); /* NAPOT: the trailing ones and the zero above */
    switch (kind(cpu, n)) {
    case A_TOR: {
        u64 first = n ? cpu->pmpaddr[n - 1] << 2 : 0, end = addr << 2;
        return first < end ? (struct rv_pmp){first, end - 1} : (struct rv_pmp){1, 0};
    }
    case A_NA4: return (struct rv_pmp){addr << 2, addr << 2 | 3};
    case A_NAPOT: return (struct rv_pmp){(addr & ~ones) << 2, (addr | ones) << 2 | 3};
    }
    return (struct rv_pmp){1, 0};
}

static void changed(struct rv_cpu *cpu)
{
    int highest = -1; /* the first entry that is not off */
    cpu->pmp_m = false;
    for (unsigned i = 0; i < RV_PMPS; i++) {
        cpu->pmp[i] = decode(cpu, i);
        cpu->pmp_m |= cpu->pmpcfg[i] & CFG_L && kind(cpu, i) != A_OFF;
        if (highest < 0 && cpu->pmp[i].first <= cpu->pmp[i].last)
            highest = (int)i;
    }
    cpu->pmp_open = highest >= 0 && !cpu->pmp[highest].first &&
                    cpu->pmp[highest].last >= addr_mask << 2 &&
                    (cpu->pmpcfg[highest] & CFG_PERMS) == CFG_PERMS;
    tlb_flush(&cpu->c, ~0ull, NULL, 0);
}

static bool locked(const struct rv_cpu *cpu, unsigned n) { return cpu->pmpcfg[n] & CFG_L; }

void rv_pmp_write_cfg(struct rv_cpu *cpu, unsigned first, u64 v)
{
    for (unsigned i = first; i < first + 8; i++, v >>= 8) {
        u8 cfg = v & (CFG_L | CFG_A | CFG_PERMS);
        if (locked(cpu, i) ||
            (cfg & (RV_PMP_R | RV_PMP_W)) == RV_PMP_W) /* write-only is reserved */
            continue;
        cpu->pmpcfg[i] = cfg;
    }
    changed(cpu);
}

void rv_pmp_write_addr(struct rv_cpu *cpu, unsigned n, u64 v)
{
    bool base_locked = n + 1 < RV_PMPS && locked(cpu, n + 1) && kind(cpu, n + 1) == A_TOR;
    if (locked(cpu, n) || base_locked)
        return;
    cpu->pmpaddr[n] = v & addr_mask;
    changed(cpu);
}

void rv_pmp_reset(struct rv_cpu *cpu)
{
    memset(cpu->pmpcfg, 0, sizeof cpu->pmpcfg);
    memset(cpu->pmpaddr, 0, sizeof cpu->pmpaddr);
    changed(cpu);
}

unsigned rv_pmp_allows(const struct rv_cpu *cpu, gpa pa, u64 len, enum rv_priv priv, bool *whole)
{
    *whole = true;
    if (priv == RV_M ? !cpu->pmp_m : cpu->pmp_open)
        return CFG_PERMS;
    gpa end = pa + len - 1, page = pa & ~(gpa)PAGE_MASK, page_end = page | PAGE_MASK;
    for (unsigned i = 0; i < RV_PMPS; i++) {
        const struct rv_pmp *e = &cpu->pmp[i];
        if (e->first > page_end || e->last < page)
            continue;
        if (e->first > page || e->last < page_end)
            *whole = false;
        if (e->first > end || e->last < pa)
            continue;
        if (e->first > pa || e->last < end) /* matches a part only: denied, whatever it allows */
            return 0;
        if (priv == RV_M && !locked(cpu, i))
            return CFG_PERMS;
        return cpu->pmpcfg[i] & CFG_PERMS;
    }
    return priv == RV_M ? CFG_PERMS : 0;
}
