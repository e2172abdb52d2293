/* fp/cmp.c - comparisons, minimum and maximum (IEEE 754-2019, 5.6.1, 5.11 and 9.6). */
#include "fp/num.h"

/* Maps numbers to integers of the same order; both zeros to 0. */
static i64 ordinal(enum fp_format f, u64 a)
{
    bool sign = fp_unpack(f, a).sign;
    i64 magnitude = (i64)(sign ? fp_negate(f, a) : a);
    return sign ? -magnitude : magnitude;
}

/* A NaN among the inputs of a comparison: invalid when it signals or `loud`. */
static bool unordered(enum fp_format f, u64 a, u64 b, bool loud, struct fp_env *env)
{
    if (!fp_is_nan(f, a) && !fp_is_nan(f, b))
        return false;
    if (loud || fp_unpack(f, a).class == FP_SNAN || fp_unpack(f, b).class == FP_SNAN)
        env->flags |= FP_INVALID;
    return true;
}

bool fp_eq(enum fp_format f, u64 a, u64 b, struct fp_env *env)
{
    return !unordered(f, a, b, false, env) && ordinal(f, a) == ordinal(f, b);
}

bool fp_lt(enum fp_format f, u64 a, u64 b, struct fp_env *env)
{
    return !unordered(f, a, b, true, env) && ordinal(f, a) < ordinal(f, b);
}

bool fp_le(enum fp_format f, u64 a, u64 b, struct fp_env *env)
{
    return !unordered(f, a, b, true, env) && ordinal(f, a) <= ordinal(f, b);
}

static u64 lesser(enum fp_format f, u64 a, u64 b, bool want_greater, struct fp_env *env)
{
    if (unordered(f, a, b, false, env)) {
        if (fp_is_nan(f, a) && fp_is_nan(f, b))
            return fp_nan(f);
        return fp_is_nan(f, a) ? b : a;
    }
    i64 x = ordinal(f, a), y = ordinal(f, b);
    bool a_less = x != y ? x < y : fp_unpack(f, a).sign;
    return a_less != want_greater ? a : b;
}

u64 fp_min(enum fp_format f, u64 a, u64 b, struct fp_env *env)
{
    return lesser(f, a, b, false, env);
}
u64 fp_max(enum fp_format f, u64 a, u64 b, struct fp_env *env)
{
    return lesser(f, a, b, true, env);
}
