/* mem/tlb_test.c - contexts, flushes, device pages, page crossings, pages that are watched. */
#include <assert.h>
#include "mem/cpu.h"

enum { RAM_AT = 0x80000000, RAM_PAGES = 16, IO_AT = 0x10000000, VA = 0x400000 };

/* A page walk by table: entry n maps page n from VA on. */
static struct rig {
    struct cpu cpu;
    struct ram *ram;
    gpa table[8]; /* 0: not mapped */
    bool readonly[8];
    u8 page_bits;
    int walks;
    u64 io_last;
} * rig;

static bool walk(struct cpu *c, gva a, enum access kind, struct walk *w)
{
    u64 n = (a - VA) >> PAGE_BITS;
    rig->walks++;
    if (n >= ARRAY_LEN(rig->table) || !rig->table[n] ||
        (kind == ACCESS_WRITE && rig->readonly[n])) {
        cpu_raise(c, 1 + kind, a);
        return false;
    }
    *w = (struct walk){.pa = rig->table[n] + (a & PAGE_MASK),
                       .page_bits = rig->page_bits,
                       .read = true,
                       .write = !rig->readonly[n],
                       .exec = true,
                       .cacheable = true};
    return true;
}
static void access_fault(struct cpu *c, gva a, enum access kind, bool misaligned)
{
    cpu_raise(c, (misaligned ? 20u : 10u) + kind, a);
}
static u64 io_read(void *obj, u64 off, unsigned size) { return (void)obj, off << 8 | size; }
static void io_write(void *obj, u64 off, u64 v, unsigned size)
{
    (void)obj;
    rig->io_last = v << 16 | off << 8 | size;
}
static const struct space_io io = {io_read, io_write};

static struct cpu *start(void)
{
    struct error err;
    rig = new(struct rig);
    rig->ram = ram_new(RAM_PAGES * PAGE_SIZE, false, &err);
    rig->page_bits = PAGE_BITS;
    struct cpu *c = &rig->cpu;
    c->space = space_new();
    c->ram = rig->ram;
    c->walk = walk;
    c->access_fault = access_fault;
    assert(rig->ram && space_add_ram(c->space, RAM_AT, rig->ram, 0, rig->ram->size, false, &err) &&
           space_add_io(c->space, IO_AT, PAGE_SIZE, &io, NULL, &err));
    tlb_select(c, 1, 0, 0);
    return c;
}
static void finish(struct cpu *c)
{
    cpu_fini_tlb(c);
    space_free(c->space);
    ram_free(rig->ram);
    free(rig);
}

TEST(tlb_walks_once_until_flushed)
{
    struct cpu *c = start();
    u64 v;
    rig->table[0] = RAM_AT + PAGE_SIZE;
    assert(cpu_store(c, VA + 8, MOP_64, 0x1122334455667788) && rig->walks == 1);
    assert(cpu_load(c, VA + 12, MOP_32, &v) && v == 0x11223344 && rig->walks == 1);
    assert(cpu_load(c, VA + 15, MOP_8 | MOP_SIGNED, &v) && v == 0x11);
    tlb_flush(c, VA + 5, NULL, 0);
    assert(cpu_load(c, VA + 8, MOP_16, &v) && v == 0x7788 && rig->walks == 2);
    tlb_flush(c, VA + PAGE_SIZE, NULL, 0); /* another page */
    assert(cpu_load(c, VA, MOP_64, &v) && rig->walks == 2);
    finish(c);
}

static bool root_is(u64 root, u64 arg) { return root == arg; }

TEST(tlb_contexts_keep_what_they_know)
{
    struct cpu *c = start();
    u64 v;
    rig->table[0] = RAM_AT;
    assert(cpu_load(c, VA, MOP_64, &v));
    tlb_select(c, 2, 0, 0);
    assert(cpu_load(c, VA, MOP_64, &v) && rig->walks == 2);
    tlb_select(c, 1, 0, 0);
    assert(cpu_load(c, VA, MOP_64, &v) && rig->walks == 2);
    tlb_flush(c, ~0ull, root_is, 2); /* another's */
    assert(cpu_load(c, VA, MOP_64, &v) && rig->walks == 2);
    tlb_flush(c, ~0ull, root_is, 1);
    assert(cpu_load(c, VA, MOP_64, &v) && rig->walks == 3);
    for (u64 root = 10; root < 10 + TLB_CONTEXTS; root++) /* ours is the oldest: it goes */
        tlb_select(c, root, 0, 0);
    tlb_select(c, 1, 0, 0);
    assert(c->n_contexts == TLB_CONTEXTS && cpu_load(c, VA, MOP_64, &v) && rig->walks == 4);
    finish(c);
}

TEST(tlb_flushes_reach_near_entries)
{
    struct cpu *c = start();
    struct tlb *first = c->tlb;
    for (int i = 0; i < 3; i++) {
        first->near_read[5].tag = first->near_write[6].tag = VA; /* as generated code does */
        if (i == 2)
            tlb_select(c, 2, 0, 0); /* not the active one any more */
        tlb_flush(c, VA, NULL, 0);
        assert(first->near_read[5].tag == TLB_INVALID && first->near_write[6].tag == TLB_INVALID);
    }
    finish(c);
}

TEST(tlb_large_mappings_go_as_a_whole)
{
    struct cpu *c = start();
    u64 v;
    rig->table[0] = RAM_AT;
    rig->page_bits = 21;
    assert(cpu_load(c, VA, MOP_64, &v) && rig->walks == 1);
    tlb_flush(c, VA + 5 * PAGE_SIZE, NULL, 0); /* the same 2 MiB */
    assert(cpu_load(c, VA, MOP_64, &v) && rig->walks == 2);
    finish(c);
}

TEST(tlb_device_pages_need_no_second_walk)
{
    struct cpu *c = start();
    u64 v;
    rig->table[0] = IO_AT;
    assert(cpu_load(c, VA + 0x10, MOP_32, &v) && v == (0x10 << 8 | 4) && rig->walks == 1);
    assert(cpu_store(c, VA + 0x21, MOP_8, 7) && rig->io_last == (7 << 16 | 0x21 << 8 | 1));
    assert(rig->walks == 1 && !cpu_amo(c, VA, MOP_64 | AMO_ADD << 8, 1, &v) && c->exc_cause == 11);
    finish(c);
}

TEST(tlb_accesses_cross_pages_whole_or_not_at_all)
{
    struct cpu *c = start();
    u64 v, edge = VA + PAGE_SIZE - 3;
    rig->table[0] = RAM_AT + 3 * PAGE_SIZE;
    rig->table[1] = RAM_AT; /* not the next one in memory */
    assert(cpu_store(c, edge, MOP_64, 0x0807060504030201) && cpu_load(c, edge, MOP_64, &v));
    assert(v == 0x0807060504030201 && rig->ram->host[0] == 4 &&
           rig->ram->host[4 * PAGE_SIZE - 1] == 3);
    rig->readonly[1] = true;
    tlb_flush(c, ~0ull, NULL, 0);
    assert(!cpu_store(c, edge, MOP_64, 0) && c->exc_value == VA + PAGE_SIZE);
    assert(rig->ram->host[4 * PAGE_SIZE - 1] == 3); /* nothing was stored */
    c->exc = 0;
    assert(!cpu_load(c, VA + 1, MOP_32 | MOP_ALIGNED, &v) && c->exc_cause == 20);
    finish(c);
}

static u64 reported;
static void code_written(void *arg, struct ram *r, u64 off, u64 len)
{
    (void)arg, (void)r;
    reported = off << 8 | len;
}

TEST(tlb_watched_pages_report_stores)
{
    struct cpu *c = start();
    rig->table[0] = RAM_AT + PAGE_SIZE;
    rig->ram->code_written = code_written;
    assert(cpu_store(c, VA, MOP_8, 1) && rig->ram->track[1] & TRACK_WRITABLE && !reported);
    rig->ram->track[1] |= TRACK_CODE;
    assert(tlb_slow_page(c, rig->ram->host + PAGE_SIZE) && !tlb_slow_page(c, rig->ram->host));
    assert(cpu_store(c, VA + 4, MOP_32, 1) && reported == ((PAGE_SIZE + 4) << 8 | 4));
    finish(c);
}
