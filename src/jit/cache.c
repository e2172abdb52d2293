/* jit/cache.c - code memory: two views of one object, entry, linking and forwarding. */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>
#include "jit/emit.h"

static bool map_views(struct jit *j, struct error *err)
{
    j->fd = memfd_create("myna-code", MFD_CLOEXEC);
    if (j->fd < 0 || ftruncate(j->fd, (off_t)j->size))
        return error_set(err, errno, "no memory for %llu bytes of translated code: %s",
                         (unsigned long long)j->size, strerror(errno));
    void *rw = mmap(NULL, j->size, PROT_READ | PROT_WRITE, MAP_SHARED, j->fd, 0);
    void *rx = mmap(NULL, j->size, PROT_READ | PROT_EXEC, MAP_SHARED, j->fd, 0);
    j->rw = rw == MAP_FAILED ? NULL : rw;
    j->rx = rx == MAP_FAILED ? NULL : rx;
    return (j->rw && j->rx) ||
           error_set(err, errno, "the host refuses executable memory: %s", strerror(errno));
}

static bool check_host(struct jit *j, struct error *err)
{
    static const char *const missing = "this host CPU lacks %s, which translated code needs";
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2"))
        return error_set(err, ENOTSUP, missing, "AVX2");
    if (!__builtin_cpu_supports("bmi") || !__builtin_cpu_supports("bmi2"))
        return error_set(err, ENOTSUP, missing, "BMI1 and BMI2");
    if (!__builtin_cpu_supports("fma"))
        return error_set(err, ENOTSUP, missing, "FMA");
    if (!__builtin_cpu_supports("pclmul"))
        return error_set(err, ENOTSUP, missing, "PCLMULQDQ");
    j->avx512 = __builtin_cpu_supports("avx512f");
    return true;
}

static void assign_pins(struct jit *j, const u8 *hot, const u8 *regs, unsigned n)
{
    for (unsigned i = 0; i < n && hot[i]; i++) {
        j->pin[hot[i]] = regs[i];
        j->slot_of[regs[i]] = hot[i];
    }
}

struct jit *jit_new(const struct jit_config *cfg, struct error *err)
{
    struct jit *j = new(struct jit);
    j->cfg = *cfg;
    j->size = cfg->cache_size;
    j->fd = -1;
    memset(j->pin, NOREG, sizeof j->pin);
    memset(j->slot_of, 0xff, sizeof j->slot_of);
    assign_pins(j, cfg->hot, pin_regs, N_PIN);
    assign_pins(j, cfg->hot_fp, fpin_regs, N_FPIN);
    if (!check_host(j, err) || !map_views(j, err)) {
        jit_free(j);
        return NULL;
    }
    if (!jit_make_thunks(j)) {
        error_set(err, EINVAL, "%llu bytes are too few for translated code",
                  (unsigned long long)j->size);
        jit_free(j);
        return NULL;
    }
    if (cfg->perf_map) {
        char path[64];
        snprintf(path, sizeof path, "/tmp/perf-%d.map", (int)getpid());
        j->perf = fopen(path, "w");
    }
    return j;
}

void jit_free(struct jit *j)
{
    if (!j)
        return;
    if (j->rw)
        munmap(j->rw, j->size);
    if (j->rx)
        munmap(j->rx, j->size);
    if (j->fd >= 0)
        close(j->fd);
    if (j->perf)
        fclose(j->perf);
    free(j);
}

void jit_init_cpu(struct cpu *c)
{
    static const u64 consts[][2] = {
        [K_HI_ONES] = {0xffffffff00000000, 0},
        [K_SIGN64] = {1ull << 63, 0},
        [K_SIGN32] = {1u << 31, 0},
        [K_NAN64] = {0x7ff8000000000000, 0},
        [K_NAN32] = {0xffffffff7fc00000, 0},
    };
    memcpy(c->consts, consts, sizeof consts);
    for (u64 i = 0; i < JUMP_SIZE; i++)
        c->jump[i].pc = (i ^ 1) << 1; /* looked for elsewhere: never equal */
}

void jit_flush(struct jit *j)
{
    j->used = j->thunks_end;
    if (j->perf)
        fflush(j->perf);
}

/* The writable view of finished code is let go: its pages stay mapped for execution only. */
void jit_took(struct jit *j, u64 used)
{
    enum { CHUNK = 1 << 20 };
    u64 from = j->used / CHUNK, to = used / CHUNK;
    j->used = used;
    if (from != to)
        madvise(j->rw + from * CHUNK, (to - from) * CHUNK, MADV_DONTNEED);
}

u64 jit_used(const struct jit *j) { return j->used; }

struct jit_result jit_enter(struct jit *j, struct cpu *c, const u8 *code)
{
    struct jit_result (*enter)(struct cpu *, const u8 *) =
        (struct jit_result(*)(struct cpu *, const u8 *))(uintptr_t)(j->enter + (j->rx - j->rw));
    return enter(c, code);
}

i32 jit_link(struct jit *j, u32 site, const u8 *code)
{
    return __atomic_exchange_n((i32 *)(void *)(j->rw + site), (i32)(code - (j->rx + site + 4)),
                               __ATOMIC_RELEASE);
}

void jit_unlink(struct jit *j, u32 site, i32 old)
{
    __atomic_store_n((i32 *)(void *)(j->rw + site), old, __ATOMIC_RELEASE);
}

/* The first instruction at either entry is at least five bytes long and 8-byte aligned, so no CPU
 * can be between its bytes when a jump replaces it. */
void jit_kill(struct jit *j, const struct jit_unit *u)
{
    const u32 entries[2] = {0, u->entry};
    for (unsigned i = 0; i < ARRAY_LEN(entries); i++) {
        u8 *at = j->rw + (u->code - j->rx) + entries[i];
        i32 disp = (i32)(u->fail - (entries[i] + 5));
        u64 bytes;
        memcpy(&bytes, at, 8);
        bytes = (bytes & ~0xffffffffffull) | 0xe9 | (u64)(u32)disp << 8;
        __atomic_store_n((u64 *)(void *)at, bytes, __ATOMIC_RELEASE);
    }
}
