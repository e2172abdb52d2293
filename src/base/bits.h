/* base/bits.h - bit fields, alignment and unaligned little- and big-endian access. */
#ifndef BASE_BITS_H
#define BASE_BITS_H
#include "base/base.h"

/* Bits hi..lo of v. */
static inline u64 bits(u64 v, unsigned hi, unsigned lo)
{
    return v >> lo & (~0ull >> (63 - (hi - lo)));
}
/* The low `width` bits (1 to 64) as a signed number. */
static inline i64 sext(u64 v, unsigned width) { return (i64)(v << (64 - width)) >> (64 - width); }
static inline u64 align_up(u64 v, u64 a) { return (v + a - 1) & ~(a - 1); }
static inline u64 align_down(u64 v, u64 a) { return v & ~(a - 1); }
static inline bool is_pow2(u64 v) { return v && !(v & (v - 1)); }

/* The host is little-endian: ld_le16, st_le16, ld_be16, st_be16 and so on for 32 and 64. */
#define BITS_LE(n)                                                                         \
    static inline u##n ld_le##n(const void *p)                                             \
    {                                                                                      \
        u##n v;                                                                            \
        memcpy(&v, p, sizeof(v));                                                          \
        return v;                                                                          \
    }                                                                                      \
    static inline void st_le##n(void *p, u##n v) { memcpy(p, &v, sizeof(v)); }             \
    static inline u##n ld_be##n(const void *p) { return __builtin_bswap##n(ld_le##n(p)); } \
    static inline void st_be##n(void *p, u##n v) { st_le##n(p, __builtin_bswap##n(v)); }
BITS_LE(16)
BITS_LE(32)
BITS_LE(64)
#undef BITS_LE
#endif
