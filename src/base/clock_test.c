/* base/clock_test.c - tests of the real and the fake clock. */
#include <assert.h>
#include "base/clock.h"

TEST(clock_real_moves_forward)
{
    u64 host = clock_host_ns(), now = clock_now_ns();
    while (clock_now_ns() == now)
        continue;
    assert(clock_host_ns() > host && clock_now_ns() > now);
    assert(clock_wall_ns() > 1600000000000000000);
}

TEST(clock_fake_stands_still)
{
    clock_fake(5000, 7000);
    assert(clock_faked() && clock_now_ns() == 5000 && clock_wall_ns() == 7000);
    clock_step(10);
    assert(clock_now_ns() == 5010 && clock_wall_ns() == 7010);
    clock_real();
    assert(!clock_faked() && clock_wall_ns() > 1600000000000000000);
}
