/* mem/tlb.c - address-space contexts, and guest memory access off the fast path. */
#include "base/bits.h"
#include "mem/cpu.h"

/* ---- contexts -------------------------------------------------------------------------------- */

enum { GROUPS = 32, GROUP = TLB_SIZE / GROUPS, FETCH_GROUP = FETCH_SIZE / GROUPS };

static void clear_entries(struct tlb_entry *e, u64 *used)
{
    for (; *used; *used &= *used - 1) {
        unsigned g = (unsigned)__builtin_ctzll(*used) * GROUP;
        for (unsigned i = 0; i < GROUP; i++)
            e[g + i].tag = TLB_INVALID;
    }
}

static void clear_near(struct tlb *t)
{
    if (!t->near_used)
        return;
    t->near_used = false;
    for (unsigned i = 0; i < NEAR_SIZE; i++)
        t->near_read[i].tag = t->near_write[i].tag = TLB_INVALID;
}

static void clear_context(struct tlb *t)
{
    clear_near(t);
    clear_entries(t->read, &t->used_read);
    clear_entries(t->write, &t->used_write);
    for (; t->used_fetch; t->used_fetch &= t->used_fetch - 1)
        memset(&t->fetch[__builtin_ctzll(t->used_fetch) * FETCH_GROUP], 0,
               FETCH_GROUP * sizeof t->fetch[0]);
    t->large_base = t->large_mask = 0;
}

static struct tlb *context_new(void)
{
    struct tlb *t = new(struct tlb);
    t->used_read = t->used_write = (1ull << GROUPS) - 1;
    t->near_used = true;
    clear_context(t);
    return t;
}

void tlb_select(struct cpu *c, u64 root, u32 mode, u32 key)
{
    struct tlb *t = c->tlb;
    if (t && t->root == root && t->mode == mode && t->key == key)
        return;
    int i;
    for (i = 0; i < c->n_contexts; i++) {
        t = c->contexts[i];
        if (t->root == root && t->mode == mode && t->key == key)
            break;
    }
    if (i == c->n_contexts) {
        if (i < TLB_CONTEXTS) {
            t = context_new();
            c->n_contexts++;
        } else {
            t = c->contexts[--i];
            clear_context(t);
        }
        t->root = root;
        t->mode = mode;
        t->key = key;
    }
    memmove(c->contexts + 1, c->contexts, (size_t)i * sizeof *c->contexts);
    c->contexts[0] = c->tlb = t;
    t->near_used = true;
}

void cpu_fini_tlb(struct cpu *c)
{
    while (c->n_contexts)
        free(c->contexts[--c->n_contexts]);
    c->tlb = NULL;
}

static struct tlb_entry *slot(struct tlb_entry *table, gva a)
{
    return &table[a >> PAGE_BITS & (TLB_SIZE - 1)];
}

void tlb_flush(struct cpu *c, u64 page, bool (*match)(u64 root, u64 arg), u64 arg)
{
    for (int i = 0; i < c->n_contexts; i++) {
        struct tlb *t = c->contexts[i];
        if (match && !match(t->root, arg))
            continue;
        if (page == ~0ull || (t->large_mask && (page & t->large_mask) == t->large_base)) {
            clear_context(t);
            continue;
        }
        clear_near(t);
        page &= ~(u64)PAGE_MASK;
        if ((slot(t->read, page)->tag & ~(u64)TLB_FLAGS) == page)
            slot(t->read, page)->tag = TLB_INVALID;
        if ((slot(t->write, page)->tag & ~(u64)TLB_FLAGS) == page)
            slot(t->write, page)->tag = TLB_INVALID;
        t->fetch[page >> PAGE_BITS & (FETCH_SIZE - 1)] = 0;
    }
    if (c->tlb)
        c->tlb->near_used = true; /* generated code will not say so */
}

bool tlb_slow_page(struct cpu *c, const u8 *host)
{
    bool found = false;
    for (int i = 0; i < c->n_contexts; i++) {
        struct tlb *t = c->contexts[i];
        clear_near(t);
        for (u64 used = t->used_write; used; used &= used - 1) {
            struct tlb_entry *e = &t->write[(unsigned)__builtin_ctzll(used) * GROUP];
            for (unsigned k = 0; k < GROUP; k++)
                if (!(e[k].tag & TLB_FLAGS) && e[k].tag + e[k].addend == (uintptr_t)host) {
                    e[k].tag |= TLB_SLOW;
                    found = true;
                }
        }
    }
    if (c->tlb)
        c->tlb->near_used = true;
    return found;
}

/* ---- filling --------------------------------------------------------------------------------- */

/* One large mapping's range joins the context's: a flush of any page inside flushes the context. */
static void note_large(struct tlb *t, gva a, unsigned page_bits)
{
    u64 mask = ~0ull << page_bits, base = a & mask;
    if (t->large_mask) {
        mask &= t->large_mask;
        while ((base & mask) != (t->large_base & mask))
            mask <<= 1;
    }
    t->large_mask = mask;
    t->large_base = base & mask;
}

static void insert(struct tlb_entry *table, u64 *used, gva page, u64 tag, u64 target)
{
    unsigned i = page >> PAGE_BITS & (TLB_SIZE - 1);
    table[i] = (struct tlb_entry){.tag = tag, .addend = target - page};
    *used |= 1ull << (i / GROUP);
}

/* Where one access goes: RAM (host) or a device (pa). */
struct place {
    u8 *host;
    gpa pa;
    struct ram *ram; /* set when the write must be reported */
    u64 ram_off;
    bool readonly;
};

static bool ram_place(const struct space_range *r, gpa pa, struct place *p)
{
    p->pa = pa;
    if (!r->ram)
        return false;
    p->ram = r->ram;
    p->ram_off = r->ram_off + (pa - r->base);
    p->host = r->ram->host + p->ram_off;
    p->readonly = r->readonly;
    return true;
}

/* Walks, fills the TLB, says where the `size` bytes at `a` are. False: raised. */
static bool fill(struct cpu *c, gva a, unsigned size, enum access kind, struct place *p)
{
    struct walk w = {0}, last;
    struct space_range r;
    if (!c->walk(c, a, kind, &w))
        return false;
    if (!w.cacheable && size > 1 && !c->walk(c, a + size - 1, kind, &last))
        return false; /* a page whose parts differ: the access may reach into another part */
    *p = (struct place){.pa = w.pa};
    if (!space_find(c->space, w.pa, &r)) {
        c->access_fault(c, a, kind, false);
        return false;
    }
    struct tlb *t = c->tlb;
    gva page = a & ~(u64)PAGE_MASK;
    gpa pa_page = w.pa & ~(u64)PAGE_MASK;
    bool is_ram = ram_place(&r, w.pa, p);
    if (!w.cacheable || pa_page < r.base || pa_page - r.base + PAGE_SIZE > r.size) /* shared page */
        return true;
    if (w.page_bits > PAGE_BITS)
        note_large(t, a, w.page_bits);
    if (!is_ram) {
        if (w.read)
            insert(t->read, &t->used_read, page, page | TLB_SLOW | TLB_IO, pa_page);
        if (w.write)
            insert(t->write, &t->used_write, page, page | TLB_SLOW | TLB_IO, pa_page);
        return true;
    }
    u64 host_page = (uintptr_t)p->host & ~(u64)PAGE_MASK;
    if (w.read)
        insert(t->read, &t->used_read, page, page, host_page);
    if (kind == ACCESS_WRITE && w.write && !r.readonly) {
        u8 *track = &r.ram->track[p->ram_off >> PAGE_BITS];
        /* Pairs with the engine, which sets TRACK_CODE and then looks for TRACK_WRITABLE. */
        u8 old = __atomic_fetch_or(track, TRACK_WRITABLE, __ATOMIC_SEQ_CST);
        insert(t->write, &t->used_write, page, page | (old & TRACK_ANY ? TLB_SLOW : 0), host_page);
    }
    return true;
}

/* Says where one access that stays inside a page goes. False: raised. */
static bool locate(struct cpu *c, gva a, unsigned size, enum access kind, struct place *p)
{
    struct tlb *t = c->tlb;
    struct tlb_entry *e = slot(kind == ACCESS_WRITE ? t->write : t->read, a);
    if ((e->tag & ~(u64)(TLB_SLOW | TLB_IO)) != (a & ~(u64)PAGE_MASK))
        return fill(c, a, size, kind, p);
    *p = (struct place){.pa = a + e->addend};
    if (e->tag & TLB_IO)
        return true;
    p->host = (u8 *)(uintptr_t)p->pa;
    if (e->tag & TLB_SLOW) { /* a store that must be reported */
        p->ram_off = (u64)(p->host - c->ram->host);
        if (p->ram_off >= c->ram->size)
            return fill(c, a, size, kind, p);
        p->ram = c->ram;
    }
    return true;
}

/* ---- access ---------------------------------------------------------------------------------- */

static u64 extend(u64 v, u16 mop)
{
    unsigned width = 8u << (mop & MOP_SIZE);
    return mop & MOP_SIGNED ? (u64)sext(v, width) : v & (~0ull >> (64 - width));
}

static bool check_aligned(struct cpu *c, gva a, u16 mop, enum access kind)
{
    if (!(mop & MOP_ALIGNED) || !(a & ((1u << (mop & MOP_SIZE)) - 1)))
        return true;
    c->access_fault(c, a, kind, true);
    return false;
}

static bool load_in_page(struct cpu *c, gva a, unsigned size, enum access kind, u64 *out)
{
    struct place p;
    if (!locate(c, a, size, kind, &p))
        return false;
    if (p.host) {
        *out = ram_load(p.host, size);
        return true;
    }
    if (!space_read(c->space, p.pa, size, out)) {
        c->access_fault(c, a, kind, false);
        return false;
    }
    return true;
}

static bool store_in_page(struct cpu *c, gva a, unsigned size, u64 v)
{
    struct place p;
    if (!locate(c, a, size, ACCESS_WRITE, &p))
        return false;
    if (!p.host) {
        if (space_write(c->space, p.pa, size, v))
            return true;
        c->access_fault(c, a, ACCESS_WRITE, false);
        return false;
    }
    if (p.readonly)
        return true;
    ram_store(p.host, v, size);
    if (p.ram)
        ram_written(p.ram, p.ram_off, size);
    return true;
}

bool cpu_load(struct cpu *c, gva a, u16 mop, u64 *out)
{
    unsigned size = 1u << (mop & MOP_SIZE);
    enum access kind = mop & MOP_STORE_PROBE ? ACCESS_WRITE : ACCESS_READ;
    if (!check_aligned(c, a, mop, kind))
        return false;
    unsigned first = PAGE_SIZE - (unsigned)(a & PAGE_MASK);
    u64 v;
    if (LIKELY(size <= first)) {
        if (!load_in_page(c, a, size, kind, &v))
            return false;
    } else { /* crosses into the next page: byte by byte, either page may fault */
        u64 byte;
        v = 0;
        for (unsigned i = 0; i < size; i++) {
            if (!load_in_page(c, a + i, 1, kind, &byte))
                return false;
            v |= byte << 8 * i;
        }
    }
    *out = extend(v, mop);
    return true;
}

bool cpu_store(struct cpu *c, gva a, u16 mop, u64 v)
{
    unsigned size = 1u << (mop & MOP_SIZE);
    struct place p;
    if (!check_aligned(c, a, mop, ACCESS_WRITE))
        return false;
    unsigned first = PAGE_SIZE - (unsigned)(a & PAGE_MASK);
    if (LIKELY(size <= first))
        return store_in_page(c, a, size, v);
    if (!locate(c, a, first, ACCESS_WRITE, &p) ||
        !locate(c, a + first, size - first, ACCESS_WRITE, &p))
        return false; /* nothing is stored unless both pages take it */
    for (unsigned i = 0; i < size; i++)
        if (!store_in_page(c, a + i, 1, v >> 8 * i))
            return false;
    return true;
}

/* ---- atomics: RAM only, naturally aligned ---------------------------------------------------- */

static u8 *atomic_host(struct cpu *c, gva a, u16 mop, struct place *p)
{
    unsigned size = 1u << (mop & MOP_SIZE);
    if (!check_aligned(c, a, mop | MOP_ALIGNED, ACCESS_WRITE) ||
        !locate(c, a, size, ACCESS_WRITE, p))
        return NULL;
    if (!p->host || p->readonly) {
        c->access_fault(c, a, ACCESS_WRITE, false);
        return NULL;
    }
    return p->host;
}

static u64 amo_result(u16 aux, u64 old, u64 v)
{
    bool wide = (aux & MOP_SIZE) == MOP_64;
    i64 so = wide ? (i64)old : (i32)old, sv = wide ? (i64)v : (i32)v;
    u64 uo = wide ? old : (u32)old, uv = wide ? v : (u32)v;
    switch ((enum ir_amo)(aux >> 8)) {
    case AMO_SWAP: return v;
    case AMO_ADD: return old + v;
    case AMO_AND: return old & v;
    case AMO_OR: return old | v;
    case AMO_XOR: return old ^ v;
    case AMO_MINS: return (u64)MIN(so, sv);
    case AMO_MAXS: return (u64)MAX(so, sv);
    case AMO_MINU: return MIN(uo, uv);
    case AMO_MAXU: return MAX(uo, uv);
    }
    return v;
}

static u64 cas_host(u8 *host, u16 mop, u64 expected, u64 v)
{
    u32 e32 = (u32)expected;
    if ((mop & MOP_SIZE) == MOP_64) {
        __atomic_compare_exchange_n((u64 *)(void *)host, &expected, v, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST);
        return expected;
    }
    __atomic_compare_exchange_n((u32 *)(void *)host, &e32, (u32)v, false, __ATOMIC_SEQ_CST,
                                __ATOMIC_SEQ_CST);
    return e32;
}

bool cpu_cas(struct cpu *c, gva a, u16 mop, u64 expected, u64 v, u64 *old)
{
    struct place p;
    u8 *host = atomic_host(c, a, mop, &p);
    if (!host)
        return false;
    *old = extend(cas_host(host, mop, expected, v), mop);
    if (p.ram)
        ram_written(p.ram, p.ram_off, 1u << (mop & MOP_SIZE));
    return true;
}

bool cpu_amo(struct cpu *c, gva a, u16 aux, u64 v, u64 *old)
{
    struct place p;
    u8 *host = atomic_host(c, a, aux, &p);
    if (!host)
        return false;
    u64 was, seen = ram_load(host, 1u << (aux & MOP_SIZE));
    do {
        was = seen;
        seen = cas_host(host, aux, was, amo_result(aux, was, v));
    } while (seen != was);
    *old = extend(was, aux);
    if (p.ram)
        ram_written(p.ram, p.ram_off, 1u << (aux & MOP_SIZE));
    return true;
}

/* ---- fetch
 * -----------------------------------------------------------------------------------------------
 * */

bool cpu_fetch_page(struct cpu *c, gva a, gpa *pa, const u8 **host)
{
    struct walk w = {0};
    struct space_range r;
    if (!c->walk(c, a, ACCESS_FETCH, &w))
        return false;
    struct place p = {0};
    if (!space_find(c->space, w.pa, &r) || !ram_place(&r, w.pa, &p)) {
        c->access_fault(c, a, ACCESS_FETCH, false);
        return false;
    }
    if (w.page_bits > PAGE_BITS)
        note_large(c->tlb, a, w.page_bits);
    *pa = w.pa & ~(u64)PAGE_MASK;
    *host = (const u8 *)((uintptr_t)p.host & ~(uintptr_t)PAGE_MASK);
    return true;
}
