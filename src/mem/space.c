/* mem/space.c - the physical map: a short sorted array, searched without a lock.
 *
 * Readers run on every CPU thread; writers are rare (boards at set-up, PCI BARs later). The array
 * sits under a sequence lock: a writer makes `seq` odd, changes entries, makes it even; a reader
 * copies the one entry it wants and tries again when `seq` moved meanwhile. Words are loaded with
 * acquire and stored with release, so a torn copy is always noticed and thrown away. An access that
 * already found its window may still arrive there just after space_remove: objects behind windows
 * outlive the threads that access memory. */
#include <errno.h>
#include "base/thread.h"
#include "mem/space.h"

enum { SPACE_MAX = 256, BASE_WORD = offsetof(struct space_range, base) / 8 };
struct slot { /* struct space_range as words, so that it can be copied while it changes */
    u64 word[sizeof(struct space_range) / 8];
};
_Static_assert(sizeof(struct slot) == sizeof(struct space_range), "space_range is whole words");

struct space {
    u32 seq, n;
    struct slot slot[SPACE_MAX];
    struct mutex lock;       /* writers */
    struct space_range main; /* the first RAM: it never goes, and is most of what is asked for */
};
static _Thread_local u32 hint; /* the entry that answered last, to be tried first */

struct space *space_new(void)
{
    struct space *s = new(struct space);
    mutex_init(&s->lock, RANK_LEAF, "space");
    return s;
}

void space_free(struct space *s)
{
    if (!s)
        return;
    mutex_fini(&s->lock);
    free(s);
}

static void load(struct space_range *to, const struct slot *from)
{
    struct slot copy;
    for (size_t i = 0; i < ARRAY_LEN(copy.word); i++)
        copy.word[i] = __atomic_load_n(&from->word[i], __ATOMIC_ACQUIRE);
    memcpy(to, &copy, sizeof *to);
}

static void store(struct slot *to, const struct space_range *from)
{
    struct slot copy;
    memcpy(&copy, from, sizeof copy);
    for (size_t i = 0; i < ARRAY_LEN(copy.word); i++)
        __atomic_store_n(&to->word[i], copy.word[i], __ATOMIC_RELEASE);
}

static bool covers(const struct space_range *r, gpa addr) { return addr - r->base < r->size; }

/* The last entry with base <= addr; `n` when there is none. Entries may change under our feet. */
static u32 search(const struct space *s, u32 n, gpa addr)
{
    u32 lo = 0, hi = n;
    while (lo < hi) {
        u32 mid = (lo + hi) / 2;
        if (__atomic_load_n(&s->slot[mid].word[BASE_WORD], __ATOMIC_ACQUIRE) <= addr)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo ? lo - 1 : n;
}

static bool lookup_once(const struct space *s, gpa addr, struct space_range *out)
{
    u32 n = __atomic_load_n(&s->n, __ATOMIC_ACQUIRE);
    u32 i = hint;
    if (i < n) {
        load(out, &s->slot[i]);
        if (covers(out, addr))
            return true;
    }
    i = search(s, n, addr);
    if (i == n)
        return false;
    load(out, &s->slot[i]);
    if (!covers(out, addr))
        return false;
    hint = i;
    return true;
}

bool space_find(const struct space *s, gpa addr, struct space_range *out)
{
    for (;;) {
        u32 seq = __atomic_load_n(&s->seq, __ATOMIC_ACQUIRE);
        bool found = lookup_once(s, addr, out);
        if (LIKELY(!(seq & 1) && __atomic_load_n(&s->seq, __ATOMIC_RELAXED) == seq))
            return found;
    }
}

static void write_begin(struct space *s)
{
    mutex_lock(&s->lock);
    __atomic_store_n(&s->seq, s->seq + 1, __ATOMIC_RELAXED);
}

static void write_end(struct space *s)
{
    __atomic_store_n(&s->seq, s->seq + 1, __ATOMIC_RELEASE);
    mutex_unlock(&s->lock);
}

static void move(struct space *s, u32 to, u32 from)
{
    struct space_range r;
    load(&r, &s->slot[from]);
    store(&s->slot[to], &r);
}

/* Puts the range in its place, or says what is in the way. */
static bool insert(struct space *s, const struct space_range *r, struct error *err)
{
    struct space_range old = {0};
    u32 at = search(s, s->n, r->base);
    at = at == s->n ? 0 : at + 1; /* the first entry behind it */
    bool clash = false;
    if (at > 0) {
        load(&old, &s->slot[at - 1]);
        clash = covers(&old, r->base);
    }
    if (!clash && at < s->n) {
        load(&old, &s->slot[at]);
        clash = covers(r, old.base);
    }
    if (clash)
        return error_set(err, EEXIST, "addresses %#llx to %#llx overlap %#llx to %#llx",
                         (unsigned long long)r->base, (unsigned long long)(r->base + r->size - 1),
                         (unsigned long long)old.base,
                         (unsigned long long)(old.base + old.size - 1));
    if (s->n == SPACE_MAX)
        return error_set(err, ENOSPC, "more than %d address ranges", SPACE_MAX);
    for (u32 i = s->n; i > at; i--)
        move(s, i, i - 1);
    store(&s->slot[at], r);
    __atomic_store_n(&s->n, s->n + 1, __ATOMIC_RELEASE);
    return true;
}

static bool add(struct space *s, const struct space_range *r, struct error *err)
{
    u64 end;
    if (!r->size || !add_ok(r->base, r->size, &end))
        return error_set(err, EINVAL, "%#llx bytes at %#llx are not a range of addresses",
                         (unsigned long long)r->size, (unsigned long long)r->base);
    write_begin(s);
    bool ok = insert(s, r, err);
    write_end(s);
    return ok;
}

bool space_add_ram(struct space *s, gpa base, struct ram *ram, u64 off, u64 size, bool readonly,
                   struct error *err)
{
    u64 end;
    if (!add_ok(off, size, &end) || end > ram->size)
        return error_set(err, EINVAL, "%#llx bytes at offset %#llx are not in %#llx bytes of RAM",
                         (unsigned long long)size, (unsigned long long)off,
                         (unsigned long long)ram->size);
    struct space_range r = {
        .base = base,
        .size = size,
        .ram = ram,
        .ram_off = off,
        .readonly = readonly,
    };
    if (!add(s, &r, err))
        return false;
    if (!s->main.ram)
        s->main = r;
    return true;
}

bool space_add_io(struct space *s, gpa base, u64 size, const struct space_io *io, void *obj,
                  struct error *err)
{
    struct space_range r = {.base = base, .size = size, .io = io, .obj = obj};
    return add(s, &r, err);
}

void space_remove(struct space *s, gpa base)
{
    write_begin(s);
    u32 at = search(s, s->n, base);
    if (at < s->n) {
        struct space_range r;
        load(&r, &s->slot[at]);
        if (r.base == base) {
            for (u32 i = at; i + 1 < s->n; i++)
                move(s, i, i + 1);
            __atomic_store_n(&s->n, s->n - 1, __ATOMIC_RELEASE);
        }
    }
    write_end(s);
}

void *space_ram(const struct space *s, gpa addr, u64 len, struct ram **ram, u64 *off)
{
    struct space_range r = s->main;
    if (addr - r.base >= r.size && !space_find(s, addr, &r))
        return NULL;
    if (!r.ram || len > r.size - (addr - r.base))
        return NULL;
    *ram = r.ram;
    *off = r.ram_off + (addr - r.base);
    return r.ram->host + *off;
}

/* ---- one access by a CPU --------------------------------------------------------------------- */
static bool find_access(const struct space *s, gpa addr, unsigned size, struct space_range *r)
{
    return space_find(s, addr, r) && size <= r->size - (addr - r->base);
}

bool space_read(const struct space *s, gpa addr, unsigned size, u64 *val)
{
    struct space_range r;
    if (!find_access(s, addr, size, &r))
        return false;
    u64 off = addr - r.base;
    *val = r.ram ? ram_load(r.ram->host + r.ram_off + off, size) : r.io->read(r.obj, off, size);
    return true;
}

bool space_write(const struct space *s, gpa addr, unsigned size, u64 val)
{
    struct space_range r;
    if (!find_access(s, addr, size, &r))
        return false;
    u64 off = addr - r.base;
    if (!r.ram) {
        r.io->write(r.obj, off, val, size);
    } else if (!r.readonly) {
        ram_store(r.ram->host + r.ram_off + off, val, size);
        ram_written(r.ram, r.ram_off + off, size);
    }
    return true;
}
