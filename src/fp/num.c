/* fp/num.c - takes numbers apart and rounds them back (IEEE 754-2019, 3.4, 4.3 and 7). */
#include "fp/num.h"

static const struct format {
    u8 bits, fraction; /* width in all, and of the stored fraction */
    i16 bias;
} formats[] = {[FP32] = {32, 23, 127}, [FP64] = {64, 52, 1023}};

static u64 sign_bit(enum fp_format f) { return 1ull << (formats[f].bits - 1); }
static u64 exponent_mask(enum fp_format f) { return sign_bit(f) - (1ull << formats[f].fraction); }

u64 fp_zero(enum fp_format f, bool sign) { return sign ? sign_bit(f) : 0; }
u64 fp_inf(enum fp_format f, bool sign) { return fp_zero(f, sign) | exponent_mask(f); }
u64 fp_nan(enum fp_format f) { return exponent_mask(f) | 1ull << (formats[f].fraction - 1); }
u64 fp_negate(enum fp_format f, u64 a) { return a ^ sign_bit(f); }
bool fp_is_nan(enum fp_format f, u64 a) { return (a & (sign_bit(f) - 1)) > exponent_mask(f); }

struct fp_num fp_unpack(enum fp_format f, u64 a)
{
    const struct format *fm = &formats[f];
    u64 frac = a & ((1ull << fm->fraction) - 1);
    int e = (int)((a & exponent_mask(f)) >> fm->fraction),
        top = (int)(exponent_mask(f) >> fm->fraction);
    struct fp_num n = {.sign = a & sign_bit(f)};
    if (e == top) {
        bool quiet = frac >> (fm->fraction - 1);
        n.class = !frac ? FP_INF : quiet ? FP_QNAN : FP_SNAN;
        return n;
    }
    if (e)
        frac |= 1ull << fm->fraction;
    else
        e = 1; /* subnormal: the least exponent without the implied bit */
    if (!frac)
        return n;
    int up = __builtin_clzll(frac);
    n.class = FP_FINITE;
    n.sig = frac << up;
    n.exp = e - fm->bias - fm->fraction - up;
    return n;
}

u64 fp_invalid(enum fp_format f, struct fp_env *env)
{
    env->flags |= FP_INVALID;
    return fp_nan(f);
}

u64 fp_nan_of(enum fp_format f, const struct fp_num *const *in, int n, struct fp_env *env)
{
    for (int i = 0; i < n; i++)
        if (in[i]->class == FP_SNAN)
            return fp_invalid(f, env);
    return fp_nan(f);
}

u128 fp_shift_jam(u128 v, int by)
{
    if (by <= 0)
        return v;
    if (by > 127)
        return v != 0;
    return v >> by | ((v & (((u128)1 << by) - 1)) != 0);
}

bool fp_rounds_up(enum fp_round mode, bool sign, bool odd, u128 rest, u128 half)
{
    switch (mode) {
    case FP_RNE: return rest > half || (rest == half && odd);
    case FP_RMM: return rest >= half;
    case FP_RDN: return sign && rest;
    case FP_RUP: return !sign && rest;
    case FP_RTZ: break;
    }
    return false;
}

/* sig without its `drop` lowest bits, rounded. */
static u64 rounded(const struct fp_num *n, int drop, enum fp_round mode, bool *inexact)
{
    u128 sig = n->sig;
    if (drop > 127) { /* all of it is far below half a unit */
        sig = 1;
        drop = 2;
    }
    if (drop <= 0) {
        *inexact = false;
        return (u64)(sig << -drop);
    }
    u128 rest = sig & (((u128)1 << drop) - 1);
    u64 kept = (u64)(sig >> drop);
    *inexact = rest;
    return kept + fp_rounds_up(mode, n->sign, kept & 1, rest, (u128)1 << (drop - 1));
}

static u64 overflow(enum fp_format f, bool sign, struct fp_env *env)
{
    env->flags |= FP_OVERFLOW | FP_INEXACT;
    bool to_inf =
        env->round == FP_RNE || env->round == FP_RMM || env->round == (sign ? FP_RDN : FP_RUP);
    return fp_inf(f, sign) - !to_inf; /* the largest finite number stands before infinity */
}

u64 fp_round_pack(enum fp_format f, const struct fp_num *n, struct fp_env *env)
{
    const struct format *fm = &formats[f];
    bool inexact, ignored;
    int high = fp_high_bit(n->sig);
    int drop = high - fm->fraction;   /* as if the exponent had no bounds */
    int e = n->exp + high + fm->bias; /* the biased exponent then */
    u64 unbounded = rounded(n, drop, env->round, &ignored);
    int carry = (int)(unbounded >> (fm->fraction + 1));
    if (e + carry >= (int)(exponent_mask(f) >> fm->fraction))
        return overflow(f, n->sign, env);
    bool tiny = e + carry < 1;
    int lost = e < 1 ? 1 - e : 0; /* bits a subnormal has less */
    u64 sig = rounded(n, drop + lost, env->round, &inexact);
    if (inexact)
        env->flags |= FP_INEXACT | (tiny ? FP_UNDERFLOW : 0);
    /* A carry out of the fraction runs into the exponent, which is what it should do. */
    u64 exponent = (u64)(e < 1 ? 0 : e - 1) << fm->fraction;
    return fp_zero(f, n->sign) + exponent + sig;
}
