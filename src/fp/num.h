/* fp/num.h - numbers taken apart: what arithmetic works on before it rounds. */
#ifndef FP_NUM_H
#define FP_NUM_H
#include "fp/fp.h"

enum fp_class { FP_ZERO, FP_FINITE, FP_INF, FP_QNAN, FP_SNAN };
struct fp_num { /* finite: (-1)^sign * sig * 2^exp */
    enum fp_class class;
    bool sign;
    int exp;
    u128 sig; /* bit 63 is the highest set when unpacked; results may have more bits */
};

struct fp_num fp_unpack(enum fp_format, u64 a);
/* The nearest number of the format in env's direction, with overflow, underflow and inexact.
 * sig is neither 0 nor 2^127 or more. */
u64 fp_round_pack(enum fp_format, const struct fp_num *, struct fp_env *);
u64 fp_zero(enum fp_format, bool sign);
u64 fp_inf(enum fp_format, bool sign);
/* The canonical NaN; raises invalid. */
u64 fp_invalid(enum fp_format, struct fp_env *);
/* The result of an operation with a NaN among its inputs: invalid when one signals. */
u64 fp_nan_of(enum fp_format, const struct fp_num *const *in, int n, struct fp_env *);
/* Does rounding away `rest` (with `half` its midpoint) from an even or odd value add one unit? */
bool fp_rounds_up(enum fp_round, bool sign, bool odd, u128 rest, u128 half);
u128 fp_shift_jam(u128 v, int by); /* v >> by; bit 0 is set when any lost bit was */

static inline bool fp_nan_class(const struct fp_num *n) { return n->class >= FP_QNAN; }
static inline int fp_high_bit(u128 v) /* v is not 0 */
{
    u64 hi = (u64)(v >> 64);
    return hi ? 127 - __builtin_clzll(hi) : 63 - __builtin_clzll((u64)v);
}
#endif
