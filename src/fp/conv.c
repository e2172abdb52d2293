/* fp/conv.c - between formats and to and from integers (IEEE 754-2019, 5.4.1, 5.8 and 5.9). */
#include "base/bits.h"
#include "fp/num.h"

u64 fp_convert(enum fp_format to, enum fp_format from, u64 a, struct fp_env *env)
{
    struct fp_num x = fp_unpack(from, a);
    switch (x.class) {
    case FP_ZERO: return fp_zero(to, x.sign);
    case FP_INF: return fp_inf(to, x.sign);
    case FP_FINITE: return fp_round_pack(to, &x, env);
    default: return fp_nan_of(to, (const struct fp_num *[]){&x}, 1, env);
    }
}

/* |x| as an integer; of magnitudes from 2^64 up, something from 2^64 up. */
static u128 integer_part(const struct fp_num *x, enum fp_round mode, bool *inexact)
{
    *inexact = false;
    if (x->exp >= 0) /* the top bit of sig is bit 63: 2^63 or more */
        return x->exp > 0 ? (u128)1 << 64 : x->sig;
    u128 scaled = fp_shift_jam(x->sig << 2, -x->exp); /* two bits of fraction */
    u128 rest = scaled & 3, whole = scaled >> 2;
    *inexact = rest;
    return whole + fp_rounds_up(mode, x->sign, whole & 1, rest, 2);
}

u64 fp_to_integral(enum fp_format f, u64 a, struct fp_env *env)
{
    struct fp_num x = fp_unpack(f, a);
    if (fp_nan_class(&x))
        return fp_nan_of(f, (const struct fp_num *[]){&x}, 1, env);
    if (x.class != FP_FINITE || x.exp >= 0)
        return a;
    bool inexact;
    struct fp_num n = {
        .class = FP_FINITE, .sign = x.sign, .sig = integer_part(&x, env->round, &inexact)};
    if (inexact)
        env->flags |= FP_INEXACT;
    return n.sig ? fp_round_pack(f, &n, env) : fp_zero(f, x.sign);
}

static const struct limits {
    u64 negative, positive; /* largest magnitude below and above zero */
} limits[] = {
    [FP_S32] = {1ull << 31, (1ull << 31) - 1},
    [FP_U32] = {0, 0xffffffff},
    [FP_S64] = {1ull << 63, (1ull << 63) - 1},
    [FP_U64] = {0, ~0ull},
};

u64 fp_to_int(enum fp_format f, enum fp_int kind, u64 a, struct fp_env *env)
{
    struct fp_num x = fp_unpack(f, a);
    bool nan = fp_nan_class(&x), sign = x.sign && !nan, inexact = false;
    u64 limit = sign ? limits[kind].negative : limits[kind].positive;
    u128 n = x.class == FP_ZERO ? 0 : (u128)1 << 64; /* not a number, or infinite */
    if (x.class == FP_FINITE)
        n = integer_part(&x, env->round, &inexact);
    if (n > limit) {
        env->flags |= FP_INVALID;
        n = limit;
    } else if (inexact) {
        env->flags |= FP_INEXACT;
    }
    u64 r = sign ? -(u64)n : (u64)n;
    return kind == FP_S32 || kind == FP_U32 ? (u64)sext(r, 32) : r;
}

u64 fp_from_int(enum fp_format f, enum fp_int kind, u64 a, struct fp_env *env)
{
    if (kind == FP_S32)
        a = (u64)sext(a, 32);
    else if (kind == FP_U32)
        a = (u32)a;
    bool sign = (kind == FP_S32 || kind == FP_S64) && (i64)a < 0;
    struct fp_num n = {.class = FP_FINITE, .sign = sign};
    a = sign ? -a : a;
    n.sig = a;
    return n.sig ? fp_round_pack(f, &n, env) : fp_zero(f, false);
}
