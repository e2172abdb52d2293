/* mem/ram.h - guest RAM: one memory object, and per page who must be told of a write. */
#ifndef MEM_RAM_H
#define MEM_RAM_H
#include "base/base.h"

enum { PAGE_BITS = 12, PAGE_SIZE = 1 << PAGE_BITS, PAGE_MASK = PAGE_SIZE - 1 };

/* track[] bits: a set bit keeps stores to the page off the fast path until it is cleared. */
enum {
    TRACK_CODE = 1,
    TRACK_MIGRATE = 2,
    TRACK_DISPLAY = 4,
    TRACK_ANY = 7,
    TRACK_WRITABLE = 128, /* not a request: some CPU may hold a fast write entry for the page */
};

struct ram {
    u8 *host; /* page-aligned mapping of `size` bytes */
    u64 size;
    u64 mapped; /* size, rounded up to what the host maps */
    int fd;     /* memfd */
    u8 *track;  /* one byte per page, atomic */
    /* Set by the engine: `len` bytes at `off` in a TRACK_CODE page were written. Any thread. */
    void (*code_written)(void *arg, struct ram *, u64 off, u64 len);
    void *code_arg;
};
/* huge: back with 2 MiB pages when the host has them. Pages are not touched: unused RAM is free. */
struct ram *ram_new(u64 size, bool huge, struct error *);
void ram_free(struct ram *);

/* Accesses by a CPU: what is aligned is seen by the others whole or not at all. */
static inline u64 ram_load(const u8 *p, unsigned size)
{
    switch ((uintptr_t)p & (size - 1) ? 0 : size) {
    case 1: return __atomic_load_n(p, __ATOMIC_RELAXED);
    case 2: return __atomic_load_n((const u16 *)p, __ATOMIC_RELAXED);
    case 4: return __atomic_load_n((const u32 *)p, __ATOMIC_RELAXED);
    case 8: return __atomic_load_n((const u64 *)p, __ATOMIC_RELAXED);
    }
    u64 v = 0;
    memcpy(&v, p, size);
    return v;
}

static inline void ram_store(u8 *p, u64 v, unsigned size)
{
    switch ((uintptr_t)p & (size - 1) ? 0 : size) {
    case 1: __atomic_store_n(p, (u8)v, __ATOMIC_RELAXED); return;
    case 2: __atomic_store_n((u16 *)p, (u16)v, __ATOMIC_RELAXED); return;
    case 4: __atomic_store_n((u32 *)p, (u32)v, __ATOMIC_RELAXED); return;
    case 8: __atomic_store_n((u64 *)p, v, __ATOMIC_RELAXED); return;
    }
    memcpy(p, &v, size);
}

/* Call after any write that generated code did not do itself (DMA, loaders, slow path). The look at
 * track[] is a full barrier: who sets TRACK_CODE and then reads sees the write, or is told. */
static inline void ram_written(struct ram *r, u64 off, u64 len)
{
    for (u64 p = off >> PAGE_BITS; p << PAGE_BITS < off + len; p++)
        if (UNLIKELY(__atomic_fetch_or(&r->track[p], 0, __ATOMIC_SEQ_CST) & TRACK_CODE) &&
            r->code_written)
            r->code_written(r->code_arg, r, off, len);
}
#endif
