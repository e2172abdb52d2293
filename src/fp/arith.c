/* fp/arith.c - add, multiply, fused multiply-add, divide, square root (IEEE 754-2019, 5.4.1). */
#include "fp/num.h"

/* ---- exact sums and products ----------------------------------------------------------------- */

static struct fp_num product(const struct fp_num *a, const struct fp_num *b)
{
    /* No unpacked number uses bit 0, and the product stays below 2^127. */
    return (struct fp_num){.class = FP_FINITE,
                           .sign = a->sign != b->sign,
                           .exp = a->exp + b->exp + 1,
                           .sig = (a->sig >> 1) * b->sig};
}

/* Moves the highest set bit to bit 125, which leaves one for a carry. */
static void normalize(struct fp_num *n)
{
    int up = 125 - fp_high_bit(n->sig);
    n->sig = up < 0 ? fp_shift_jam(n->sig, -up) : n->sig << up;
    n->exp -= up;
}

/* The rounded sum of two finite numbers. With at most 106 of 126 bits significant, a shift by one
 * loses nothing, and after a larger one the sum keeps far more bits than are rounded: jamming is
 * exact enough. */
static u64 sum(enum fp_format f, struct fp_num a, struct fp_num b, struct fp_env *env)
{
    normalize(&a);
    normalize(&b);
    if (a.exp < b.exp || (a.exp == b.exp && a.sig < b.sig)) {
        struct fp_num t = a;
        a = b;
        b = t;
    }
    b.sig = fp_shift_jam(b.sig, a.exp - b.exp);
    a.sig = a.sign == b.sign ? a.sig + b.sig : a.sig - b.sig;
    if (!a.sig)
        return fp_zero(f, env->round == FP_RDN);
    return fp_round_pack(f, &a, env);
}

/* p + c, where p may be infinite or zero too; c_bits is c as it came. */
static u64 add_to(enum fp_format f, const struct fp_num *p, const struct fp_num *c, u64 c_bits,
                  struct fp_env *env)
{
    if (p->class == FP_INF && c->class == FP_INF && p->sign != c->sign)
        return fp_invalid(f, env);
    if (p->class == FP_INF)
        return fp_inf(f, p->sign);
    if (c->class == FP_INF)
        return c_bits;
    if (p->class == FP_ZERO && c->class == FP_ZERO)
        return fp_zero(f, p->sign == c->sign ? p->sign : env->round == FP_RDN);
    if (p->class == FP_ZERO)
        return c_bits;
    if (c->class == FP_ZERO)
        return fp_round_pack(f, p, env);
    return sum(f, *p, *c, env);
}

u64 fp_add(enum fp_format f, u64 a, u64 b, struct fp_env *env)
{
    struct fp_num x = fp_unpack(f, a), y = fp_unpack(f, b);
    if (fp_nan_class(&x) || fp_nan_class(&y))
        return fp_nan_of(f, (const struct fp_num *[]){&x, &y}, 2, env);
    return add_to(f, &x, &y, b, env);
}

u64 fp_sub(enum fp_format f, u64 a, u64 b, struct fp_env *env)
{
    return fp_add(f, a, fp_negate(f, b), env);
}

/* x * y of any classes but NaNs; an invalid product is a signaling NaN. */
static struct fp_num multiply(const struct fp_num *x, const struct fp_num *y)
{
    bool zero = x->class == FP_ZERO || y->class == FP_ZERO;
    bool inf = x->class == FP_INF || y->class == FP_INF;
    struct fp_num p = product(x, y);
    if (zero || inf)
        p.class = zero && inf ? FP_SNAN : inf ? FP_INF : FP_ZERO;
    return p;
}

u64 fp_mul(enum fp_format f, u64 a, u64 b, struct fp_env *env)
{
    struct fp_num x = fp_unpack(f, a), y = fp_unpack(f, b);
    if (fp_nan_class(&x) || fp_nan_class(&y))
        return fp_nan_of(f, (const struct fp_num *[]){&x, &y}, 2, env);
    struct fp_num p = multiply(&x, &y);
    switch (p.class) {
    case FP_ZERO: return fp_zero(f, p.sign);
    case FP_INF: return fp_inf(f, p.sign);
    case FP_FINITE: return fp_round_pack(f, &p, env);
    default: return fp_invalid(f, env);
    }
}

u64 fp_fma(enum fp_format f, u64 a, u64 b, u64 c, struct fp_env *env)
{
    struct fp_num x = fp_unpack(f, a), y = fp_unpack(f, b), z = fp_unpack(f, c);
    struct fp_num p = multiply(&x, &y);
    if (fp_nan_class(&x) || fp_nan_class(&y))
        return fp_nan_of(f, (const struct fp_num *[]){&x, &y, &z}, 3, env);
    if (fp_nan_class(&p) || fp_nan_class(&z))
        return fp_nan_of(f, (const struct fp_num *[]){&p, &z}, 2, env);
    return add_to(f, &p, &z, c, env);
}

/* ---- quotients and roots --------------------------------------------------------------------- */

static u64 quotient(enum fp_format f, const struct fp_num *x, const struct fp_num *y,
                    struct fp_env *env)
{
    u128 n = x->sig << 63;
    u64 d = (u64)y->sig; /* its top bit is set: the quotient has 63 or 64 bits */
    struct fp_num q = {.class = FP_FINITE, .sign = x->sign != y->sign, .exp = x->exp - y->exp - 63};
    q.sig = n / d;
    q.sig |= n % d != 0;
    return fp_round_pack(f, &q, env);
}

u64 fp_div(enum fp_format f, u64 a, u64 b, struct fp_env *env)
{
    struct fp_num x = fp_unpack(f, a), y = fp_unpack(f, b);
    bool sign = x.sign != y.sign;
    if (fp_nan_class(&x) || fp_nan_class(&y))
        return fp_nan_of(f, (const struct fp_num *[]){&x, &y}, 2, env);
    if (x.class == y.class && x.class != FP_FINITE)
        return fp_invalid(f, env); /* 0 / 0, inf / inf */
    if (x.class == FP_ZERO || y.class == FP_INF)
        return fp_zero(f, sign);
    if (y.class == FP_ZERO && x.class == FP_FINITE)
        env->flags |= FP_DIVZERO;
    if (y.class == FP_ZERO || x.class == FP_INF)
        return fp_inf(f, sign);
    return quotient(f, &x, &y, env);
}

/* floor(sqrt(v)), one bit at a time; *exact when nothing is left. */
static u64 integer_root(u128 v, bool *exact)
{
    u128 root = 0;
    for (int i = 63; i >= 0; i--) {
        u128 bit = (u128)1 << i, square_step = (root << (i + 1)) + (bit << i);
        if (square_step <= v) {
            v -= square_step;
            root |= bit;
        }
    }
    *exact = !v;
    return (u64)root;
}

u64 fp_sqrt(enum fp_format f, u64 a, struct fp_env *env)
{
    struct fp_num x = fp_unpack(f, a);
    if (fp_nan_class(&x))
        return fp_nan_of(f, (const struct fp_num *[]){&x}, 1, env);
    if (x.class == FP_ZERO)
        return a;
    if (x.sign)
        return fp_invalid(f, env);
    if (x.class == FP_INF)
        return a;
    int up = x.exp & 1 ? 63 : 62; /* makes the exponent even */
    bool exact;
    struct fp_num r = {.class = FP_FINITE, .exp = (x.exp - up) / 2};
    r.sig = integer_root(x.sig << up, &exact);
    r.sig |= !exact;
    return fp_round_pack(f, &r, env);
}
