/* base/clock.c - the clocks of host and machine, and their fake for tests. */
#include <time.h>
#include "base/clock.h"

static bool faked; /* the three words below are set before it */
static u64 fake_now, fake_wall;
static u64 first_ns; /* host clock when the machine's clock was first read */

static u64 read_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

u64 clock_host_ns(void) { return read_ns(CLOCK_MONOTONIC); }

u64 clock_now_ns(void)
{
    if (UNLIKELY(clock_faked()))
        return __atomic_load_n(&fake_now, __ATOMIC_RELAXED);
    u64 now = clock_host_ns(), first = __atomic_load_n(&first_ns, __ATOMIC_RELAXED);
    if (UNLIKELY(!first)) {
        if (__atomic_compare_exchange_n(&first_ns, &first, now, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
            first = now;
    }
    return now > first ? now - first : 0;
}

u64 clock_wall_ns(void)
{
    return clock_faked() ? __atomic_load_n(&fake_wall, __ATOMIC_RELAXED) : read_ns(CLOCK_REALTIME);
}

void clock_fake(u64 now_ns, u64 wall_ns)
{
    __atomic_store_n(&fake_now, now_ns, __ATOMIC_RELAXED);
    __atomic_store_n(&fake_wall, wall_ns, __ATOMIC_RELAXED);
    __atomic_store_n(&faked, true, __ATOMIC_RELEASE);
}

void clock_step(u64 ns)
{
    __atomic_fetch_add(&fake_now, ns, __ATOMIC_RELAXED);
    __atomic_fetch_add(&fake_wall, ns, __ATOMIC_RELAXED);
}

void clock_real(void) { __atomic_store_n(&faked, false, __ATOMIC_RELEASE); }

bool clock_faked(void) { return __atomic_load_n(&faked, __ATOMIC_ACQUIRE); }
