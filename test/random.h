/* test/random.h - random numbers that a seed repeats. */
#ifndef TEST_RANDOM_H
#define TEST_RANDOM_H
#include "base/base.h"

/* The next number of the sequence that any value of *state begins (splitmix64). */
static inline u64 random_next(u64 *state)
{
    u64 z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}
#endif
