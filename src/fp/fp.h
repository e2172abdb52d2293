/* fp/fp.h - IEEE 754-2019 binary32 and binary64 arithmetic in integers, for any host.
 *
 * Numbers are raw bits; a binary32 number is the low half of a u64, zero-extended. Every result
 * that is a NaN is the canonical one (positive, quiet, no payload). Tininess is detected after
 * rounding, as on RISC-V and x86. Functions read the rounding mode and add to the flags of `env`;
 * they keep no state and cannot fail.
 */
#ifndef FP_FP_H
#define FP_FP_H
#include "base/base.h"

enum fp_format { FP32, FP64 };
enum fp_round { FP_RNE, FP_RTZ, FP_RDN, FP_RUP, FP_RMM }; /* numbered as RISC-V's frm */
enum fp_flag {
    FP_INVALID = 1,
    FP_DIVZERO = 4,
    FP_OVERFLOW = 8,
    FP_UNDERFLOW = 16,
    FP_INEXACT = 32
}; /* as in MXCSR */
enum fp_int { FP_S32, FP_U32, FP_S64, FP_U64 };
struct fp_env {
    enum fp_round round;
    u32 flags;
};

u64 fp_add(enum fp_format, u64 a, u64 b, struct fp_env *);
u64 fp_sub(enum fp_format, u64 a, u64 b, struct fp_env *);
u64 fp_mul(enum fp_format, u64 a, u64 b, struct fp_env *);
u64 fp_div(enum fp_format, u64 a, u64 b, struct fp_env *);
u64 fp_sqrt(enum fp_format, u64 a, struct fp_env *);
u64 fp_fma(enum fp_format, u64 a, u64 b, u64 c,
           struct fp_env *); /* a * b + c, rounded once; inf * 0 + NaN is invalid */

u64 fp_convert(enum fp_format to, enum fp_format from, u64 a, struct fp_env *);
u64 fp_to_integral(enum fp_format, u64 a,
                   struct fp_env *); /* a float; inexact is raised (roundToIntegralExact) */
/* Saturates, and a NaN gives the largest number, both with `invalid` alone (RISC-V F 22.7);
 * 32-bit results, also unsigned ones, are sign-extended to 64 bits. */
u64 fp_to_int(enum fp_format, enum fp_int, u64 a, struct fp_env *);
u64 fp_from_int(enum fp_format, enum fp_int, u64 a,
                struct fp_env *); /* 32-bit kinds read the low half */

/* Comparisons are false when a NaN takes part; eq signals on signaling NaNs, lt and le on all. */
bool fp_eq(enum fp_format, u64 a, u64 b, struct fp_env *);
bool fp_lt(enum fp_format, u64 a, u64 b, struct fp_env *);
bool fp_le(enum fp_format, u64 a, u64 b, struct fp_env *);
u64 fp_min(enum fp_format, u64 a, u64 b,
           struct fp_env *); /* minimumNumber: a number wins over a NaN, -0 < +0 */
u64 fp_max(enum fp_format, u64 a, u64 b, struct fp_env *);

bool fp_is_nan(enum fp_format, u64 a);
u64 fp_nan(enum fp_format);           /* the canonical one */
u64 fp_negate(enum fp_format, u64 a); /* flips the sign bit of anything */
#endif
