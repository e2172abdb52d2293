/* guest/riscv/pmp_test.c - memory protection: matching, order, locks, pages that are split. */
#include "guest/riscv/rig.h"

enum { TOR = 1 << 3, NA4 = 2 << 3, NAPOT = 3 << 3, LOCK = 1 << 7 };
enum {
    PERM_R = RV_PMP_R,
    PERM_RW = RV_PMP_R | RV_PMP_W,
    PERM_ALL = RV_PMP_R | RV_PMP_W | RV_PMP_X
};

static unsigned allows(struct rig *r, gpa pa, u64 len, enum rv_priv priv)
{
    bool whole;
    return rv_pmp_allows(r->cpu, pa, len, priv, &whole);
}

static bool is_whole(struct rig *r, gpa pa)
{
    bool whole;
    rv_pmp_allows(r->cpu, pa, 1, RV_S, &whole);
    return whole;
}

TEST(pmp_nothing_matches)
{
    struct rig r = rig_new(NULL);
    assert(allows(&r, 0x1000, 4, RV_M) == PERM_ALL);
    assert(allows(&r, 0x1000, 4, RV_S) == 0 && allows(&r, 0x1000, 4, RV_U) == 0);
    rig_free(&r);
}

TEST(pmp_napot_sizes)
{
    for (unsigned bits = 3; bits <= 55; bits++) {
        struct rig r = rig_new(NULL);
        u64 size = 1ull << bits, base = bits < 50 ? 4 * size : 0;
        rig_set(&r, 0x3b0, base >> 2 | ((size >> 3) - 1));
        rig_set(&r, 0x3a0, NAPOT | PERM_RW);
        assert(allows(&r, base, 4, RV_S) == PERM_RW &&
               allows(&r, base + size - 4, 4, RV_U) == PERM_RW);
        assert(allows(&r, base + size, 4, RV_S) == 0);
        if (base)
            assert(allows(&r, base - 4, 4, RV_S) == 0);
        rig_free(&r);
    }
}

TEST(pmp_na4_and_tor)
{
    struct rig r = rig_new(NULL);
    rig_set(&r, 0x3b0, 0x1000 >> 2);
    rig_set(&r, 0x3b1, 0x3000 >> 2);
    rig_set(&r, 0x3b2, 0x5004 >> 2);
    rig_set(&r, 0x3a0, (TOR | PERM_R) << 8 | (u64)(NA4 | PERM_ALL) << 16);
    assert(allows(&r, 0xffc, 4, RV_S) == 0 && allows(&r, 0x1000, 4, RV_S) == PERM_R);
    assert(allows(&r, 0x2ffc, 4, RV_S) == PERM_R && allows(&r, 0x3000, 4, RV_S) == 0);
    assert(allows(&r, 0x5000, 4, RV_S) == 0 && allows(&r, 0x5004, 4, RV_S) == PERM_ALL);
    assert(allows(&r, 0x5004, 8, RV_S) == 0); /* only half of it matches */
    rig_set(&r, 0x3b0, 0x4000 >> 2);          /* bottom above top: empty */
    assert(allows(&r, 0x1000, 4, RV_S) == 0);
    rig_set(&r, 0x3a0, TOR | PERM_R); /* entry 0 begins at 0 */
    assert(allows(&r, 0, 8, RV_S) == PERM_R && allows(&r, 0x4000, 8, RV_S) == 0);
    rig_free(&r);
}

TEST(pmp_first_match_decides)
{
    struct rig r = rig_new(NULL);
    rig_set(&r, 0x3b0, 0x1000 >> 2 | 0x1ff);
    rig_set(&r, 0x3b1, ~0ull);
    rig_set(&r, 0x3a0, NAPOT | (NAPOT | PERM_ALL) << 8);
    assert(allows(&r, 0x1800, 4, RV_S) == 0 && allows(&r, 0x2000, 4, RV_S) == PERM_ALL);
    assert(!r.cpu->pmp_open);
    rig_set(&r, 0x3a0, (NAPOT | PERM_ALL) << 8);
    assert(r.cpu->pmp_open && allows(&r, 0x1800, 4, RV_S) == PERM_ALL);
    rig_free(&r);
}

TEST(pmp_locks)
{
    struct rig r = rig_new(NULL);
    rig_set(&r, 0x3b1, 0x3000 >> 2);
    assert(rig_set(&r, 0x3a0, (LOCK | TOR | PERM_R) << 8) == (LOCK | TOR | PERM_R) << 8);
    assert(allows(&r, 0x1000, 4, RV_M) == PERM_R); /* binds M too */
    assert(allows(&r, 0x3000, 4, RV_M) == PERM_ALL);
    assert(rig_set(&r, 0x3a0, 0) == (LOCK | TOR | PERM_R) << 8);
    assert(rig_set(&r, 0x3b1, 0) == 0x3000 >> 2);
    assert(rig_set(&r, 0x3b0, 4) == 0); /* the base of a locked TOR entry */
    assert(rig_set(&r, 0x3b2, 4) == 4);
    rig_free(&r);
}

TEST(pmp_pages_that_are_split)
{
    struct rig r = rig_new(NULL);
    rig_set(&r, 0x3b0, 0x1800 >> 2);
    rig_set(&r, 0x3b1, ~0ull);
    rig_set(&r, 0x3a0, TOR | PERM_R | (NAPOT | PERM_ALL) << 8);
    assert(is_whole(&r, 0x0) && !is_whole(&r, 0x1000) && !is_whole(&r, 0x1900) &&
           is_whole(&r, 0x2000));
    rig_free(&r);
}

/* A split page is asked for anew at each access. */
TEST(pmp_through_the_tlb)
{
    struct rig r = rig_new(NULL);
    u64 v;
    rig_set(&r, 0x3b0, (RIG_BASE + 0x800) >> 2);
    rig_set(&r, 0x3b1, ~0ull);
    rig_set(&r, 0x3a0, TOR | PERM_R | (NAPOT | PERM_ALL) << 8);
    rv_set_priv(r.cpu, RV_S);
    assert(cpu_load(&r.cpu->c, RIG_BASE, MOP_64, &v));
    assert(!cpu_store(&r.cpu->c, RIG_BASE, MOP_64, 1) && rig_cause(&r) == RV_EXC_STORE_ACCESS);
    assert(cpu_store(&r.cpu->c, RIG_BASE + 0x800, MOP_64, 1));
    assert(!cpu_store(&r.cpu->c, RIG_BASE + 0x7f8, MOP_64, 1) &&
           rig_cause(&r) == RV_EXC_STORE_ACCESS);
    assert(!cpu_store(&r.cpu->c, RIG_BASE + 0x7fe, MOP_32, 1) &&
           rig_cause(&r) == RV_EXC_STORE_ACCESS); /* both parts must allow it */
    rv_set_priv(r.cpu, RV_M);
    rig_set(&r, 0x3a0, TOR | PERM_ALL | NAPOT << 8);
    rv_set_priv(r.cpu, RV_S);
    assert(!cpu_load(&r.cpu->c, RIG_BASE + 0x7fc, MOP_64, &v) &&
           rig_cause(&r) == RV_EXC_LOAD_ACCESS);
    assert(cpu_load(&r.cpu->c, RIG_BASE + 0x7fc, MOP_32, &v));
    rv_set_priv(r.cpu, RV_M);
    assert(cpu_store(&r.cpu->c, RIG_BASE, MOP_64, 1));
    rig_free(&r);
}
