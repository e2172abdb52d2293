/* guest/riscv/mmu_test.c - page walks: modes, levels, permissions, A and D, sizes, types. */
#include "guest/riscv/rig.h"

enum { V = 1, R = 2, W = 4, X = 8, U = 16, A = 64, D = 128, RWX = V | R | W | X | A | D };
enum { SV39 = 8, SV48 = 9, SV57 = 10 };
#define ROOT (RIG_BASE + 0x10000)
#define TARGET 0x123456789000ull

static u64 pte(gpa pa, u64 flags) { return pa >> 12 << 10 | flags; }

static u64 *entry(struct rig *r, gva va, unsigned level, unsigned top)
{
    return rig_word(r, ROOT + (top - level) * 0x1000 + (va >> (12 + 9 * level) & 511) * 8);
}

/* One chain of tables down to a leaf at `level`; tables lie one page apart behind the root. */
static void map(struct rig *r, unsigned mode, gva va, unsigned level, u64 leaf)
{
    unsigned top = mode - SV39 + 2;
    for (unsigned l = top; l > level; l--)
        *entry(r, va, l, top) = pte(ROOT + (top - l + 1) * 0x1000, V);
    *entry(r, va, level, top) = leaf;
    rig_set(r, 0x180, (u64)mode << 60 | ROOT >> 12);
}

static u64 *leaf_of(struct rig *r, gva va) { return entry(r, va, 0, 2); }

static struct rig rig_mapped(u64 flags, enum rv_priv priv) /* Sv39, one 4 KiB page */
{
    struct rig r = rig_new(NULL);
    map(&r, SV39, 0x5000, 0, pte(TARGET, flags));
    rig_open(&r, priv);
    return r;
}

static u64 walk_cause(struct rig *r, gva va, enum access access)
{
    struct walk w;
    bool ok = rv_walk(&r->cpu->c, va, access, &w);
    if (!ok)
        assert(r->cpu->c.exc_value == va);
    u64 cause = rig_cause(r);
    assert(ok == (cause == ~0ull));
    return cause;
}

TEST(mmu_every_mode_and_level)
{
    for (unsigned mode = SV39; mode <= SV57; mode++)
        for (unsigned level = 0; level <= mode - SV39 + 2; level++) {
            struct rig r = rig_new(NULL);
            struct walk w;
            unsigned size = 12 + 9 * level;
            gva va = 0xffffffc123456789ull;
            gpa pa = 0x80000000000000ull >> (57 - 55) & ~((1ull << size) - 1);
            map(&r, mode, va, level, pte(pa, RWX));
            rig_open(&r, RV_S);
            assert(rv_walk(&r.cpu->c, va, ACCESS_READ, &w));
            assert(w.pa == (pa | (va & ((1ull << size) - 1))) && w.page_bits == size);
            assert(w.read && w.write && w.exec && w.cacheable);
            if (level) { /* a superpage that is not aligned */
                map(&r, mode, va, level, pte(pa | 1ull << 12, RWX));
                assert(walk_cause(&r, va, ACCESS_READ) == RV_EXC_LOAD_PAGE);
            }
            rig_free(&r);
        }
}

TEST(mmu_address_must_be_sign_extended)
{
    static const u8 width[] = {39, 48, 57};
    for (unsigned mode = SV39; mode <= SV57; mode++) {
        struct rig r = rig_new(NULL);
        gva va = 1ull << (width[mode - SV39] - 1);
        map(&r, mode, va, 0, pte(TARGET, RWX));
        rig_open(&r, RV_S);
        assert(walk_cause(&r, va, ACCESS_FETCH) == RV_EXC_FETCH_PAGE);
        assert(walk_cause(&r, va | ~(va - 1), ACCESS_FETCH) == ~0ull);
        rig_free(&r);
    }
}

TEST(mmu_permissions)
{
    static const struct {
        u32 flags, status;
        enum rv_priv priv;
        bool read, write, exec;
    } rows[] = {
        {V | R | A | D, 0, RV_S, 1, 0, 0},
        {V | R | W | A | D, 0, RV_S, 1, 1, 0},
        {V | X | A | D, 0, RV_S, 0, 0, 1},
        {V | X | A | D, RV_MXR, RV_S, 1, 0, 1},
        {V | X | U | A | D, RV_MXR, RV_U, 1, 0, 1},
        {RWX, 0, RV_S, 1, 1, 1},
        {RWX, 0, RV_U, 0, 0, 0},
        {RWX | U, 0, RV_U, 1, 1, 1},
        {RWX | U, RV_SUM, RV_U, 1, 1, 1},
        {RWX | U, 0, RV_S, 0, 0, 0},
        {RWX | U, RV_SUM, RV_S, 1, 1, 0},
        {V | W | A | D, 0, RV_S, 0, 0, 0},
        {V | W | X | A | D, 0, RV_S, 0, 0, 0},
        {R | W | X | A | D, 0, RV_S, 0, 0, 0},
    };
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct rig r = rig_mapped(rows[i].flags, rows[i].priv);
        r.cpu->mstatus |= rows[i].status;
        assert(walk_cause(&r, 0x5008, ACCESS_READ) == (rows[i].read ? ~0ull : RV_EXC_LOAD_PAGE));
        assert(walk_cause(&r, 0x5008, ACCESS_WRITE) == (rows[i].write ? ~0ull : RV_EXC_STORE_PAGE));
        assert(walk_cause(&r, 0x5008, ACCESS_FETCH) == (rows[i].exec ? ~0ull : RV_EXC_FETCH_PAGE));
        rig_free(&r);
    }
}

TEST(mmu_accessed_and_dirty_by_hardware)
{
    struct rig r = rig_mapped(V | R | W, RV_S);
    struct walk w;
    assert(rv_walk(&r.cpu->c, 0x5000, ACCESS_READ, &w) && w.read && !w.write);
    assert(*leaf_of(&r, 0x5000) == pte(TARGET, V | R | W | A));
    assert(rv_walk(&r.cpu->c, 0x5000, ACCESS_WRITE, &w) && w.write);
    assert(*leaf_of(&r, 0x5000) == pte(TARGET, V | R | W | A | D));
    *leaf_of(&r, 0x5000) = pte(TARGET, V | R | W | D);
    assert(rv_walk(&r.cpu->c, 0x5000, ACCESS_WRITE, &w));
    assert(*leaf_of(&r, 0x5000) == pte(TARGET, V | R | W | A | D));
    rig_free(&r);
}

TEST(mmu_accessed_and_dirty_by_fault)
{
    struct rig r = rig_mapped(V | R | W, RV_S);
    r.cpu->menvcfg &= ~RV_ENV_ADUE;
    assert(walk_cause(&r, 0x5000, ACCESS_READ) == RV_EXC_LOAD_PAGE);
    *leaf_of(&r, 0x5000) |= A;
    assert(walk_cause(&r, 0x5000, ACCESS_READ) == ~0ull);
    assert(walk_cause(&r, 0x5000, ACCESS_WRITE) == RV_EXC_STORE_PAGE);
    assert(*leaf_of(&r, 0x5000) == pte(TARGET, V | R | W | A));
    rig_free(&r);
}

TEST(mmu_tables_must_be_memory)
{
    struct rig r = rig_mapped(RWX, RV_S);
    rig_set(&r, 0x180, (u64)SV39 << 60 | 0x1000);
    assert(walk_cause(&r, 0x5000, ACCESS_WRITE) == RV_EXC_STORE_ACCESS);
    rig_free(&r);
}

TEST(mmu_pmp_guards_the_tables)
{
    struct rig r = rig_mapped(V | R | W | A, RV_S);
    rv_pmp_write_cfg(r.cpu, 0, 0x1f1900); /* entry 1: the leaf table read-only; 2: all the rest */
    rv_pmp_write_addr(r.cpu, 1, (ROOT + 0x2000) >> 2 | 0x1ff);
    rv_pmp_write_addr(r.cpu, 2, ~0ull);
    assert(walk_cause(&r, 0x5000, ACCESS_READ) == ~0ull);
    assert(walk_cause(&r, 0x5000, ACCESS_WRITE) == RV_EXC_STORE_ACCESS); /* D cannot be set */
    rv_pmp_write_cfg(r.cpu, 0, 0x1f1800);
    assert(walk_cause(&r, 0x5000, ACCESS_READ) == RV_EXC_LOAD_ACCESS);
    rig_free(&r);
}

TEST(mmu_reserved_bits)
{
    struct rig r = rig_mapped(RWX, RV_S);
    for (unsigned bit = 54; bit < 61; bit++) {
        *leaf_of(&r, 0x5000) = pte(TARGET, RWX) | 1ull << bit;
        assert(walk_cause(&r, 0x5000, ACCESS_READ) == RV_EXC_LOAD_PAGE);
    }
    static const u64 in_pointers[] = {U, A, D, 1ull << 61, 1ull << 62, 1ull << 63};
    for (unsigned i = 0; i < ARRAY_LEN(in_pointers); i++) {
        *leaf_of(&r, 0x5000) = pte(TARGET, RWX);
        *entry(&r, 0x5000, 1, 2) |= in_pointers[i];
        assert(walk_cause(&r, 0x5000, ACCESS_READ) == RV_EXC_LOAD_PAGE);
        *entry(&r, 0x5000, 1, 2) &= ~in_pointers[i];
    }
    *leaf_of(&r, 0x5000) = pte(TARGET, V); /* a pointer where no level is left */
    assert(walk_cause(&r, 0x5000, ACCESS_READ) == RV_EXC_LOAD_PAGE);
    rig_free(&r);
}

TEST(mmu_memory_types)
{
    struct rig r = rig_mapped(RWX, RV_S);
    for (u64 type = 0; type < 4; type++) {
        *leaf_of(&r, 0x5000) = pte(TARGET, RWX) | type << 61;
        r.cpu->menvcfg |= RV_ENV_PBMTE;
        assert((walk_cause(&r, 0x5000, ACCESS_READ) == ~0ull) == (type != 3));
        r.cpu->menvcfg &= ~RV_ENV_PBMTE;
        assert((walk_cause(&r, 0x5000, ACCESS_READ) == ~0ull) == (type == 0));
    }
    rig_free(&r);
}

TEST(mmu_napot)
{
    struct rig r = rig_new(NULL);
    struct walk w;
    gva va = 0x7654321;
    map(&r, SV39, va, 0, pte(TARGET & ~0xffffull, RWX) | 8 << 10 | 1ull << 63);
    rig_open(&r, RV_S);
    assert(rv_walk(&r.cpu->c, va, ACCESS_READ, &w) && w.page_bits == 16);
    assert(w.pa == ((TARGET & ~0xffffull) | (va & 0xffff)));
    *leaf_of(&r, va) ^= 1 << 10; /* not one of the encodings */
    assert(walk_cause(&r, va, ACCESS_READ) == RV_EXC_LOAD_PAGE);
    *entry(&r, va, 1, 2) = pte(0x40000000, RWX) | 1ull << 63; /* not for superpages */
    assert(walk_cause(&r, va, ACCESS_READ) == RV_EXC_LOAD_PAGE);
    rig_free(&r);
    r = rig_new("rv64,svnapot=off");
    map(&r, SV39, va, 0, pte(TARGET & ~0xffffull, RWX) | 8 << 10 | 1ull << 63);
    rig_open(&r, RV_S);
    assert(walk_cause(&r, va, ACCESS_READ) == RV_EXC_LOAD_PAGE);
    rig_free(&r);
}

/* MPRV: M's data accesses translate and are checked as MPP's; its fetches are not. */
TEST(mmu_modify_privilege)
{
    struct rig r = rig_mapped(RWX, RV_M);
    struct walk w;
    assert(rv_walk(&r.cpu->c, 0x5000, ACCESS_READ, &w) && w.pa == 0x5000);
    rig_set(&r, 0x300, RV_MPRV | 1 << RV_MPP_SHIFT);
    assert(rv_walk(&r.cpu->c, 0x5000, ACCESS_READ, &w) && w.pa == TARGET && !w.exec);
    assert(rv_walk(&r.cpu->c, 0x5000, ACCESS_FETCH, &w) && w.pa == 0x5000 && !w.read && !w.write);
    rig_set(&r, 0x300, RV_MPRV);
    assert(walk_cause(&r, 0x5000, ACCESS_READ) == RV_EXC_LOAD_PAGE); /* not a user page */
    rig_free(&r);
}

/* What is cached under one mode is not seen under another. */
TEST(mmu_contexts)
{
    struct rig r = rig_mapped(RWX | U, RV_S);
    u64 v;
    *leaf_of(&r, 0x5000) = pte(RIG_BASE, RWX | U);
    *rig_word(&r, RIG_BASE) = 77;
    assert(!cpu_load(&r.cpu->c, 0x5000, MOP_64, &v) && rig_cause(&r) == RV_EXC_LOAD_PAGE);
    rig_set(&r, 0x100, RV_SUM);
    assert(cpu_load(&r.cpu->c, 0x5000, MOP_64, &v) && v == 77);
    rig_set(&r, 0x100, 0);
    assert(!cpu_load(&r.cpu->c, 0x5000, MOP_64, &v) && rig_cause(&r) == RV_EXC_LOAD_PAGE);
    rv_set_priv(r.cpu, RV_U);
    assert(cpu_load(&r.cpu->c, 0x5000, MOP_64, &v) && v == 77);
    rig_free(&r);
}

TEST(mmu_fences)
{
    struct rig r = rig_mapped(RWX, RV_S);
    u64 v;
    *leaf_of(&r, 0x5000) = pte(RIG_BASE, RWX);
    rig_set(&r, 0x180, rig_csr(&r, 0x180) | 7ull << 44);
    assert(cpu_load(&r.cpu->c, 0x5000, MOP_64, &v));
    *leaf_of(&r, 0x5000) = 0;
    rig_call(&r, &rv_h_sfence, 0x5000, 8, 3); /* another address space */
    assert(cpu_load(&r.cpu->c, 0x5000, MOP_64, &v));
    rig_call(&r, &rv_h_sfence, 0x6000, 0, 1); /* another page */
    assert(cpu_load(&r.cpu->c, 0x5000, MOP_64, &v));
    rig_call(&r, &rv_h_sfence, 0x5abc, 7, 3);
    assert(!cpu_load(&r.cpu->c, 0x5000, MOP_64, &v) && rig_cause(&r) == RV_EXC_LOAD_PAGE);
    r.cpu->mstatus |= RV_TVM;
    rig_call(&r, &rv_h_sfence, 0, 0, 0x12345678ull << 32);
    assert(r.cpu->c.exc_value == 0x12345678 && rig_cause(&r) == RV_EXC_ILLEGAL);
    r.cpu->mstatus &= ~RV_TVM;
    rv_set_priv(r.cpu, RV_U);
    rig_call(&r, &rv_h_sfence, 0, 0, 0);
    assert(rig_cause(&r) == RV_EXC_ILLEGAL);
    rig_free(&r);
}

TEST(mmu_cache_blocks)
{
    struct rig r = rig_mapped(V | R | A, RV_S);
    rig_call(&r, &rv_h_cbo, 0x5000, RV_CBO_CLEAN, 0);
    assert(rig_cause(&r) == RV_EXC_ILLEGAL); /* menvcfg does not open it */
    r.cpu->menvcfg |= RV_ENV_CBIE | RV_ENV_CBCFE | RV_ENV_CBZE;
    rig_call(&r, &rv_h_cbo, 0x5000, RV_CBO_CLEAN, 0);
    assert(rig_cause(&r) == ~0ull);
    rig_call(&r, &rv_h_cbo, 0x6000, RV_CBO_FLUSH, 0);
    assert(r.cpu->c.exc_value == 0x6000 && rig_cause(&r) == RV_EXC_STORE_PAGE);
    rig_call(&r, &rv_h_cbo, 0x5010, RV_CBO_ZERO, 0);
    assert(r.cpu->c.exc_value == 0x5010 && rig_cause(&r) == RV_EXC_STORE_PAGE);
    *leaf_of(&r, 0x5000) = pte(RIG_BASE, RWX);
    for (unsigned i = 0; i < 24; i++)
        *rig_word(&r, RIG_BASE + 8 * i) = ~0ull;
    rig_call(&r, &rv_h_cbo, 0x5000 + 64 + 13, RV_CBO_ZERO, 0);
    for (unsigned i = 0; i < 24; i++)
        assert(*rig_word(&r, RIG_BASE + 8 * i) == (i / 8 == 1 ? 0 : ~0ull));
    rv_set_priv(r.cpu, RV_U);
    rig_call(&r, &rv_h_cbo, 0x5000, RV_CBO_ZERO, 0);
    assert(rig_cause(&r) == RV_EXC_ILLEGAL); /* nor does senvcfg */
    rig_free(&r);
}
