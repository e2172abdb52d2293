/* base/clock.h - the clocks of host and machine, which a test may replace. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H
#include "base/base.h"

u64 clock_host_ns(void); /* CLOCK_MONOTONIC; never faked: for deadlines and measuring */
u64 clock_now_ns(void);  /* the machine's clock: host clock since its first reading, or the fake */
u64 clock_wall_ns(void); /* nanoseconds since 1970, or the fake */
/* From now on both machine clocks stand still and move only by clock_step(); tests only. */
void clock_fake(u64 now_ns, u64 wall_ns);
void clock_step(u64 ns);
void clock_real(void);
bool clock_faked(void);
#endif
