/* engine/units.c - translations: found by address, made, linked, dropped when their bytes change.
 *
 * A mapping id stands for (virtual page, physical page, key) for as long as the code memory is not
 * flushed, so an id that a context holds for a page proves that translations made under it are
 * right there: TLB flushes and address-space switches only forget ids, and relearn the same ones.
 */
#include <errno.h>
#include <sys/mman.h>
#include "base/log.h"
#include "engine/priv.h"

/* A table that takes memory only where it is used. */
static void *lazy_table(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static const struct jit_unit *find_by_code(struct cpu *c, const u8 *host)
{
    struct engine *e = c->vcpu->engine;
    u32 lo = 0, hi = __atomic_load_n(&e->n_units, __ATOMIC_ACQUIRE);
    while (hi - lo > 1) {
        u32 mid = (lo + hi) / 2;
        if (e->by_code[mid]->j.code <= host)
            lo = mid;
        else
            hi = mid;
    }
    return &e->by_code[lo]->j;
}

static void unlink_all(struct engine *e, struct unit *u)
{
    for (u32 i = u->n_links; i--;) /* two CPUs may have linked one site: undo the last first */
        jit_unlink(e->jit, u->links[i].site, u->links[i].old);
    free(u->links);
    u->links = NULL;
    u->n_links = 0;
}

static void remove_node(struct engine *e, gpa pa, struct unit *u)
{
    for (struct page_node **p = &e->page[pa >> PAGE_BITS]; *p; p = &(*p)->next)
        if ((*p)->unit == u) {
            *p = (*p)->next;
            return;
        }
}

static u32 hash_unit(gva pc, u32 id)
{
    return (u32)(((pc >> 1) + id * 0x9e3779b1ull) * 0x9e3779b97f4a7c15ull >> (64 - UNIT_HASH_BITS));
}

/* RAM offset of the byte behind a fetch, from its host address. */
static u64 ram_offset(const struct engine *e, const u8 *host) { return (u64)(host - e->ram->host); }

static void kill_unit(struct engine *e, struct unit *u)
{
    struct unit **p = &e->bucket[hash_unit(u->j.pc, u->j.id)];
    while (*p != u)
        p = &(*p)->next;
    __atomic_store_n(p, u->next, __ATOMIC_RELEASE);
    u->dead = true;
    remove_node(e, u->pa, u);
    if (u->j.id2)
        remove_node(e, u->pa2, u);
    jit_kill(e->jit, &u->j);
    unlink_all(e, u);
}

/* ram->code_written: any thread. u->pa is an offset into RAM here. */
static void code_written(void *arg, struct ram *ram, u64 off, u64 len)
{
    struct engine *e = arg;
    mutex_lock(&e->lock);
    for (u64 page = off >> PAGE_BITS; page <= (off + len - 1) >> PAGE_BITS; page++) {
        struct page_node *n = e->page[page], *next;
        for (; n; n = next) {
            struct unit *u = n->unit;
            next = n->next;
            if (u->dead) /* both its pages are this one, and so were both its nodes */
                continue;
            bool crosses = u->j.id2; /* one instruction: both pages are its bytes' */
            if (crosses || (u->pa + u->len > off && u->pa < off + len))
                kill_unit(e, u);
        }
        if (!e->page[page])
            __atomic_fetch_and(&ram->track[page], (u8)~TRACK_CODE, __ATOMIC_SEQ_CST);
    }
    mutex_unlock(&e->lock);
}

bool units_init(struct engine *e, struct error *err)
{
    e->by_code = lazy_table(MAX_UNITS * sizeof *e->by_code);
    e->mapping = lazy_table(MAX_MAPPINGS * sizeof *e->mapping);
    e->page = lazy_table((e->ram->size >> PAGE_BITS) * sizeof(struct page_node *));
    if (!e->by_code || !e->mapping || !e->page)
        return error_set(err, ENOMEM, "no memory for the translation tables");
    e->n_mappings = 1;
    e->ram->code_written = code_written;
    e->ram->code_arg = e;
    jit_find_unit = find_by_code;
    return true;
}

static void free_units(struct engine *e)
{
    for (u32 i = 0; i < e->n_units; i++) {
        struct unit *u = e->by_code[i];
        jit_release(&u->j);
        free(u->links);
        free(u);
    }
    e->n_units = 0;
}

/* No CPU is inside. */
static void flush(struct engine *e)
{
    for (u32 i = 0; i < e->n_units; i++) {
        struct unit *u = e->by_code[i];
        const u64 pages[2] = {u->pa >> PAGE_BITS, (u->j.id2 ? u->pa2 : u->pa) >> PAGE_BITS};
        for (unsigned k = 0; k < ARRAY_LEN(pages); k++) {
            e->page[pages[k]] = NULL;
            __atomic_fetch_and(&e->ram->track[pages[k]], (u8)~TRACK_CODE, __ATOMIC_SEQ_CST);
        }
    }
    free_units(e);
    memset(e->bucket, 0, sizeof e->bucket);
    memset(e->map_bucket, 0, sizeof e->map_bucket);
    e->n_mappings = 1;
    if (e->jit)
        jit_flush(e->jit);
    for (unsigned i = 0; i < e->n_vcpus; i++) {
        struct cpu *c = e->vcpu[i]->cpu;
        for (int k = 0; k < c->n_contexts; k++)
            memset(c->contexts[k]->fetch, 0, sizeof c->contexts[k]->fetch);
        jit_init_cpu(c);
    }
    e->stats.flushes++;
}

void units_make_room(struct engine *e, struct cpu *c)
{
    if (engine_pause(e, c->vcpu)) {
        flush(e);
        engine_resume(e);
    }
}

void units_fini(struct engine *e)
{
    free_units(e);
    munmap(e->by_code, MAX_UNITS * sizeof *e->by_code);
    munmap(e->mapping, MAX_MAPPINGS * sizeof *e->mapping);
    munmap(e->page, (e->ram->size >> PAGE_BITS) * sizeof(struct page_node *));
    e->ram->code_written = NULL;
}

/* ---- mapping ids ----------------------------------------------------------------------------- */

static u32 intern(struct engine *e, gva page, gpa pa, const u8 *host, u32 key)
{
    u32 h = (u32)((page >> PAGE_BITS) ^ (pa >> PAGE_BITS) * 0x9e3779b1u ^ key * 31) % MAP_HASH, id;
    mutex_lock(&e->lock);
    for (id = e->map_bucket[h]; id; id = e->mapping[id].next) {
        const struct mapping *m = &e->mapping[id];
        if (m->page == page && m->pa == pa && m->key == key)
            break;
    }
    if (!id && e->n_mappings < MAX_MAPPINGS) {
        id = e->n_mappings++;
        e->mapping[id] = (struct mapping){page, pa, host, key, e->map_bucket[h]};
        e->map_bucket[h] = id;
    }
    mutex_unlock(&e->lock);
    return id;
}

u32 unit_mapping(struct engine *e, struct cpu *c, gva pc)
{
    struct tlb *t = c->tlb;
    gva page = pc & ~(u64)PAGE_MASK;
    u32 slot = pc >> PAGE_BITS & (FETCH_SIZE - 1), id = t->fetch[slot];
    gpa pa;
    const u8 *host;
    if (id && e->mapping[id].page == page)
        return id;
    if (!cpu_fetch_page(c, pc, &pa, &host))
        return 0;
    id = intern(e, page, pa, host, t->key);
    t->fetch[slot] = id;
    t->used_fetch |= 1ull << (slot / (FETCH_SIZE / 32));
    return id;
}

/* ---- translation ----------------------------------------------------------------------------- */

static void slow_page(struct cpu *c, void *host)
{
    struct engine *e = c->vcpu->engine;
    if (tlb_slow_page(c, host)) /* it may have been written since: drop what was made of it */
        code_written(e, e->ram, ram_offset(e, host), PAGE_SIZE);
    __atomic_fetch_sub(&c->vcpu->code_pages, 1, __ATOMIC_RELEASE);
}

/* Stores to the page are seen from now on: by this CPU at once, by the others when they next look
 * at their requests; an instruction-fetch fence waits for that (unit_sync_code). */
static void watch_page(struct engine *e, struct cpu *c, const u8 *host)
{
    u8 *track = &e->ram->track[ram_offset(e, host) >> PAGE_BITS];
    u8 old = __atomic_fetch_or(track, TRACK_CODE, __ATOMIC_SEQ_CST);
    if (!(old & TRACK_WRITABLE))
        return;
    __atomic_fetch_and(track, (u8)~TRACK_WRITABLE, __ATOMIC_SEQ_CST);
    tlb_slow_page(c, host);
    for (unsigned i = 0; i < e->n_vcpus; i++) {
        struct vcpu *v = e->vcpu[i];
        if (v->cpu == c)
            continue;
        __atomic_fetch_add(&v->code_pages, 1, __ATOMIC_RELEASE);
        cpu_call(v->cpu, slow_page, (void *)(uintptr_t)host, false);
    }
}

unsigned unit_lift(struct engine *e, struct cpu *c, struct ir *ir, u32 id, u32 *id2, int level)
{
    const struct mapping *m = &e->mapping[id];
    gva pc = c->pc;
    const u8 *code = m->host + (pc & PAGE_MASK);
    unsigned avail = PAGE_SIZE - (unsigned)(pc & PAGE_MASK);
    *id2 = 0;
    watch_page(e, c, m->host);
    ir_start(ir, e->guest->slots, e->guest->n_slots, pc);
    unsigned len = lift_unit(e->guest, ir, pc, m->key, code, avail, NULL, 0, level);
    if (!len) { /* the first instruction reaches into the next page */
        mutex_unlock(&e->lock);
        *id2 = unit_mapping(e, c, (pc | PAGE_MASK) + 1);
        mutex_lock(&e->lock);
        if (!*id2)
            return 0;
        const u8 *next = e->mapping[*id2].host;
        watch_page(e, c, m->host); /* a store may have ended that while the lock was free */
        watch_page(e, c, next);
        ir_start(ir, e->guest->slots, e->guest->n_slots, pc);
        len = lift_unit(e->guest, ir, pc, m->key, code, avail, next, PAGE_SIZE, 0);
    }
    dump_unit(e, "in", ir, NULL, pc, len, code);
    dump_unit(e, "ir0", ir, NULL, pc, len, code);
    if (level > 0)
        ir_optimize(ir);
    dump_unit(e, "ir", ir, NULL, pc, len, code);
    return len;
}

static void publish(struct engine *e, struct unit *u, u32 id2)
{
    u->node[0] = (struct page_node){u, e->page[u->pa >> PAGE_BITS]};
    e->page[u->pa >> PAGE_BITS] = &u->node[0];
    if (id2) {
        u64 page = ram_offset(e, e->mapping[id2].host) >> PAGE_BITS;
        u->pa2 = page << PAGE_BITS;
        u->node[1] = (struct page_node){u, e->page[page]};
        e->page[page] = &u->node[1];
    }
    e->by_code[e->n_units] = u;
    __atomic_store_n(&e->n_units, e->n_units + 1, __ATOMIC_RELEASE);
    struct unit **b = &e->bucket[hash_unit(u->j.pc, u->j.id)];
    u->next = *b;
    __atomic_store_n(b, u, __ATOMIC_RELEASE);
}

/* NULL with *full when code memory or tables have no room. */
static struct unit *translate(struct engine *e, struct cpu *c, u32 id, int level, bool *full)
{
    gva pc = c->pc;
    u32 id2;
    unsigned len = unit_lift(e, c, &e->ir, id, &id2, level);
    if (!len) {
        *full = !c->exc;
        return NULL;
    }
    const u8 *code = e->mapping[id].host + (pc & PAGE_MASK);
    struct unit *u = new(struct unit);
    u->j = (struct jit_unit){.pc = pc,
                             .id = id,
                             .fetch_slot = pc >> PAGE_BITS & (FETCH_SIZE - 1),
                             .id2 = id2,
                             .fetch_slot2 = ((pc >> PAGE_BITS) + 1) & (FETCH_SIZE - 1)};
    u->pa = ram_offset(e, code);
    u->len = len;
    enum jit_made made = e->n_units == MAX_UNITS ? JIT_FULL : jit_compile(e->jit, &e->ir, &u->j);
    if (made != JIT_MADE) {
        free(u);
        *full = made == JIT_FULL;
        return *full ? NULL : translate(e, c, id, 0, full); /* one instruction is never crowded */
    }
    publish(e, u, id2);
    dump_unit(e, "out", &e->ir, u, pc, len, code);
    e->stats.units++;
    e->stats.guest_insns += e->ir.insns;
    return u;
}

/* id2 0: any, or none. */
static struct unit *lookup(const struct engine *e, gva pc, u32 id, u32 id2)
{
    struct unit *u = __atomic_load_n(&e->bucket[hash_unit(pc, id)], __ATOMIC_ACQUIRE);
    while (u && (u->j.pc != pc || u->j.id != id || (id2 && u->j.id2 != id2)))
        u = __atomic_load_n(&u->next, __ATOMIC_ACQUIRE);
    return u;
}

struct unit *unit_find(struct engine *e, struct cpu *c)
{
    u32 id = unit_mapping(e, c, c->pc), id2 = 0;
    struct unit *u = id ? lookup(e, c->pc, id, 0) : NULL;
    bool crosses = u && u->j.id2; /* and so does every unit that begins with these bytes */
    if (crosses) {
        id2 = unit_mapping(e, c, (c->pc | PAGE_MASK) + 1);
        u = id2 ? lookup(e, c->pc, id, id2) : NULL;
    }
    bool full = (!id || (crosses && !id2)) && !c->exc;
    if (u || c->exc)
        return u;
    if (!full) {
        mutex_lock(&e->lock);
        u = lookup(e, c->pc, id, id2);
        if (!u)
            u = translate(e, c, id, e->opts.level, &full);
        mutex_unlock(&e->lock);
    }
    if (full)
        units_make_room(e, c);
    return u;
}

void unit_link(struct engine *e, u32 site, struct unit *u, bool far)
{
    mutex_lock(&e->lock);
    if (!u->dead) {
        bool check = far || u->j.id2;
        i32 old = jit_link(e->jit, site, u->j.code + (check ? 0 : u->j.entry));
        if (!(u->n_links & (u->n_links - 1))) /* full at each power of two */
            u->links = xresize(u->links, (u->n_links ? u->n_links * 2 : 1) * sizeof *u->links);
        u->links[u->n_links++] = (struct in_link){site, old};
    }
    mutex_unlock(&e->lock);
}
