/* guest/riscv/mmu.c - address translation: Sv39 to Sv57, Svadu, Svnapot, Svpbmt (priv 10). */
#include "base/bits.h"
#include "guest/riscv/cpu.h"

#define PTE_V (1ull << 0)
#define PTE_R (1ull << 1)
#define PTE_W (1ull << 2)
#define PTE_X (1ull << 3)
#define PTE_U (1ull << 4)
#define PTE_A (1ull << 6)
#define PTE_D (1ull << 7)
#define PTE_PPN(pte) bits(pte, 53, 10)
#define PTE_RESERVED (0x7full << 54)
#define PTE_PBMT (3ull << 61)
#define PTE_N (1ull << 63)
enum { SATP_BARE = 0, SATP_SV39 = 8, SATP_SV48 = 9, SATP_SV57 = 10, NAPOT_BITS = 16 };

static bool raise_for(struct cpu *c, gva va, enum access access, const u8 cause[3])
{
    cpu_raise(c, cause[access], va);
    return false;
}

static bool page_fault(struct cpu *c, gva va, enum access access)
{
    return raise_for(c, va, access,
                     (const u8[]){RV_EXC_LOAD_PAGE, RV_EXC_STORE_PAGE, RV_EXC_FETCH_PAGE});
}

static bool access_fault(struct cpu *c, gva va, enum access access)
{
    return raise_for(c, va, access,
                     (const u8[]){RV_EXC_LOAD_ACCESS, RV_EXC_STORE_ACCESS, RV_EXC_FETCH_ACCESS});
}

void rv_access_fault(struct cpu *c, gva va, enum access access, bool misaligned)
{
    if (misaligned)
        raise_for(
            c, va, access,
            (const u8[]){RV_EXC_LOAD_MISALIGNED, RV_EXC_STORE_MISALIGNED, RV_EXC_FETCH_MISALIGNED});
    else
        access_fault(c, va, access);
}

bool rv_satp_ok(const struct rv_cpu *cpu, u64 satp)
{
    switch (satp >> 60) {
    case SATP_BARE: return true;
    case SATP_SV39: return RV_HAS(cpu, sv39);
    case SATP_SV48: return RV_HAS(cpu, sv48);
    case SATP_SV57: return RV_HAS(cpu, sv57);
    }
    return false;
}

/* A leaf that was found: what it may be used for, before A, D and PMP. */
static unsigned leaf_allows(const struct rv_cpu *cpu, u64 pte, enum rv_priv priv)
{
    bool user = pte & PTE_U, supervisor = priv == RV_S;
    if (user ? supervisor && !(cpu->mstatus & RV_SUM) : !supervisor)
        return 0;
    bool readable = pte & PTE_R || (pte & PTE_X && cpu->mstatus & RV_MXR);
    bool exec = pte & PTE_X && !(user && supervisor);
    return (readable ? RV_PMP_R : 0) | (pte & PTE_W ? RV_PMP_W : 0) | (exec ? RV_PMP_X : 0);
}

static unsigned needed(enum access access)
{
    static const u8 perm[] = {RV_PMP_R, RV_PMP_W, RV_PMP_X};
    return perm[access];
}

/* Is the entry one this hart's extensions give a meaning to (steps 3 and 4 of priv 10.3.2)? */
static bool pte_ok(const struct rv_cpu *cpu, u64 pte, int level)
{
    bool leaf = pte & (PTE_R | PTE_X);
    u64 reserved = PTE_RESERVED;
    if (!leaf || !(cpu->menvcfg & RV_ENV_PBMTE))
        reserved |= PTE_PBMT;
    if (!leaf || level || !RV_HAS(cpu, svnapot))
        reserved |= PTE_N;
    if (!leaf)
        reserved |= PTE_U | PTE_A | PTE_D;
    if (!(pte & PTE_V) || (pte & (PTE_R | PTE_W)) == PTE_W || pte & reserved)
        return false;
    if ((pte & PTE_PBMT) == PTE_PBMT)
        return false;
    if (pte & PTE_N)
        return (PTE_PPN(pte) & 15) == 8; /* 64 KiB is the only NAPOT size there is */
    return leaf ? !(PTE_PPN(pte) & ((1ull << 9 * level) - 1)) : level > 0;
}

/* Where a page-table entry lives; NULL: not in RAM the supervisor may read (and write). */
static u64 *pte_host(const struct rv_cpu *cpu, gpa at, bool write, struct ram **ram, u64 *off)
{
    bool whole;
    unsigned need = write ? RV_PMP_R | RV_PMP_W : RV_PMP_R;
    if ((rv_pmp_allows(cpu, at, 8, RV_S, &whole) & need) != need)
        return NULL;
    struct space_range range;
    if (write && (!space_find(cpu->c.space, at, &range) || range.readonly))
        return NULL;
    return space_ram(cpu->c.space, at, 8, ram, off);
}

/* Sets A (and D for a store) in the entry if it still is what was read; false: it changed, look
 * again. */
static bool set_used(u64 *host, u64 *pte, u64 used, struct ram *ram, u64 off)
{
    u64 seen = *pte;
    if (!__atomic_compare_exchange_n(host, &seen, *pte | used, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_RELAXED))
        return false;
    *pte |= used;
    ram_written(ram, off, 8);
    return true;
}

/* The algorithm of priv 10.3.2. Fills pa, page_bits, read, write, exec without PMP. */
static bool translate(struct rv_cpu *cpu, gva va, enum access access, enum rv_priv priv,
                      struct walk *w)
{
    struct cpu *c = &cpu->c;
    int levels = 3 + (int)(cpu->satp >> 60) - SATP_SV39;
    gpa table = bits(cpu->satp, 43, 0) << PAGE_BITS;
    if (sext(va, 12 + 9 * (unsigned)levels) != (i64)va)
        return page_fault(c, va, access);
    for (int level = levels - 1; level >= 0;) {
        struct ram *ram;
        u64 off, shift = PAGE_BITS + 9 * (u64)level;
        gpa at = table + (va >> shift & 511) * 8;
        u64 *host = pte_host(cpu, at, false, &ram, &off);
        if (!host)
            return access_fault(c, va, access);
        u64 pte = __atomic_load_n(host, __ATOMIC_ACQUIRE);
        if (!pte_ok(cpu, pte, level))
            return page_fault(c, va, access);
        if (!(pte & (PTE_R | PTE_X))) {
            table = PTE_PPN(pte) << PAGE_BITS;
            level--;
            continue;
        }
        unsigned allowed = leaf_allows(cpu, pte, priv);
        if (!(allowed & needed(access)))
            return page_fault(c, va, access);
        u64 used = access == ACCESS_WRITE ? PTE_A | PTE_D : PTE_A;
        if ((pte & used) != used) {
            if (!(cpu->menvcfg & RV_ENV_ADUE))
                return page_fault(c, va, access);
            if (!pte_host(cpu, at, true, &ram, &off))
                return access_fault(c, va, access);
            if (!set_used(host, &pte, used, ram, off))
                continue;
        }
        w->page_bits = pte & PTE_N ? NAPOT_BITS : (u8)shift;
        u64 in_page = (1ull << w->page_bits) - 1;
        w->pa = (PTE_PPN(pte) << PAGE_BITS & ~in_page) | (va & in_page);
        w->read = allowed & RV_PMP_R;
        w->write = allowed & RV_PMP_W && pte & PTE_D;
        w->exec = allowed & RV_PMP_X;
        return true;
    }
    return page_fault(c, va, access);
}

bool rv_walk(struct cpu *c, gva va, enum access access, struct walk *w)
{
    struct rv_cpu *cpu = rv_cpu(c);
    enum rv_priv data = rv_data_priv(cpu),
                 priv = access == ACCESS_FETCH ? (enum rv_priv)cpu->priv : data;
    *w = (struct walk){.pa = va, .page_bits = PAGE_BITS, .read = true, .write = true, .exec = true};
    if (priv != RV_M && cpu->satp >> 60 != SATP_BARE && !translate(cpu, va, access, priv, w))
        return false;
    unsigned allowed = rv_pmp_allows(cpu, w->pa, 1, priv, &w->cacheable);
    if (!(allowed & needed(access)))
        return access_fault(c, va, access);
    /* Under MPRV fetches and data differ in privilege: one says nothing about the other. */
    bool data_true = access != ACCESS_FETCH || data == priv;
    w->read &= data_true && allowed & RV_PMP_R;
    w->write &= data_true && allowed & RV_PMP_W;
    w->exec &= (access == ACCESS_FETCH || priv == cpu->priv) && allowed & RV_PMP_X;
    return true;
}

/* ---- instructions ------------------------------------------------------------------------ */

static u64 illegal(struct cpu *c, u64 insn)
{
    cpu_raise(c, RV_EXC_ILLEGAL, insn);
    return 0;
}

static bool has_asid(u64 satp, u64 asid) { return bits(satp, 59, 44) == asid; }

/* SFENCE.VMA and SINVAL.VMA (priv 10.2.1). Global pages go with the rest: nobody may mind. */
static u64 do_sfence(void *c, u64 va, u64 asid, u64 how)
{
    struct rv_cpu *cpu = rv_cpu(c);
    bool one_page = how & 1, one_asid = how & 2;
    if (cpu->priv == RV_U || (cpu->priv == RV_S && cpu->mstatus & RV_TVM))
        return illegal(c, how >> 32);
    tlb_flush(c, one_page ? va & ~(u64)PAGE_MASK : ~0ull, one_asid ? has_asid : NULL, (u16)asid);
    return 0;
}

/* menvcfg opens a cache-block instruction to S and U, senvcfg to U (unpriv 20). */
static bool cbo_open(const struct rv_cpu *cpu, u64 kind)
{
    u64 field = kind == RV_CBO_ZERO    ? RV_ENV_CBZE
                : kind == RV_CBO_INVAL ? RV_ENV_CBIE
                                       : RV_ENV_CBCFE;
    if (cpu->priv < RV_M && !(cpu->menvcfg & field))
        return false;
    return cpu->priv != RV_U || cpu->senvcfg & field;
}

/* Caches are coherent, so all but CBO.ZERO only check: readable will do, the fault is a store's. */
static u64 do_cbo(void *arg, u64 addr, u64 kind, u64 insn)
{
    struct cpu *c = arg;
    struct walk w;
    if (!cbo_open(rv_cpu(c), kind))
        return illegal(c, insn);
    if (kind != RV_CBO_ZERO) {
        if (!rv_walk(c, addr, ACCESS_READ, &w))
            c->exc_cause += RV_EXC_STORE_ACCESS - RV_EXC_LOAD_ACCESS;
        return 0;
    }
    if (!rv_walk(c, addr, ACCESS_WRITE, &w))
        return 0;
    for (gva a = align_down(addr, RV_CBO_BLOCK), end = a + RV_CBO_BLOCK; a != end; a += 8)
        if (!cpu_store(c, a, MOP_64, 0))
            return 0;
    return 0;
}

const struct ir_helper rv_h_sfence = {"sfence", do_sfence, HELP_FAULT};
const struct ir_helper rv_h_cbo = {"cbo", do_cbo, HELP_FAULT};
