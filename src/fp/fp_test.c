/* fp/fp_test.c - soft float against the host's SSE, and against binary128 where SSE lacks it. */
#include <assert.h>
#include <math.h>
#include "fp/fp.h"
#include "test/random.h"

/* ---- operands -------------------------------------------------------------------------------- */

static u64 seed = 1;
static u64 rnd(void) { return random_next(&seed); }

/* clang-format off */
static const u64 special[2][24] = {
    [FP32] = {
        0, 1, 2, 0x7fffff, 0x800000, 0x800001, 0xffffff, 0x3f800000, 0x3f7fffff, 0x3f800001,
        0x40000000, 0x3f000000, 0x4b000000, 0x4b800000, 0x4effffff, 0x4f000000, 0x5f000000,
        0x5f800000, 0x7f000000, 0x7f7fffff, 0x7f800000, 0x7fc00000, 0x7f800001, 0x34000000,
    },
    [FP64] = {
        0, 1, 2, 0xfffffffffffff, 0x10000000000000, 0x10000000000001, 0x1fffffffffffff,
        0x3ff0000000000000, 0x3fefffffffffffff, 0x3ff0000000000001, 0x4000000000000000,
        0x3fe0000000000000, 0x4330000000000000, 0x4340000000000000, 0x41dfffffffc00000,
        0x41e0000000000000, 0x43e0000000000000, 0x43f0000000000000, 0x7fe0000000000000,
        0x7fefffffffffffff, 0x7ff0000000000000, 0x7ff8000000000000, 0x7ff0000000000001,
        0x3690000000000000,
    },
};
/* clang-format on */

static u64 width_mask(enum fp_format f) { return f == FP32 ? 0xffffffff : ~0ull; }

/* Special numbers, their neighbours, short fractions (for ties), middle exponents (for sums that
 * meet), any bits. */
static u64 operand(enum fp_format f)
{
    int fraction = f == FP32 ? 23 : 52;
    u64 sign = rnd() << (f == FP32 ? 31 : 63), s = special[f][rnd() % ARRAY_LEN(special[f])];
    u64 middle = (f == FP32 ? 127 : 1023) - 30 + rnd() % 60;
    switch (rnd() % 6) {
    case 0: return (s ^ sign) & width_mask(f);
    case 1: return ((s + rnd() % 9 - 4) ^ sign) & width_mask(f);
    case 2: return ((middle << fraction | (rnd() & 0x1f) << (fraction - 5)) | sign) & width_mask(f);
    case 3:
        return ((middle << fraction | (rnd() & ((1ull << fraction) - 1))) | sign) & width_mask(f);
    case 4: return rnd() & width_mask(f) & ~((1ull << rnd() % (unsigned)fraction) - 1);
    default: return rnd() & width_mask(f);
    }
}

/* ---- the host -------------------------------------------------------------------------------- */

enum op { ADD, SUB, MUL, DIV, SQRT, FMA, CONVERT, INTEGRAL, EQ, LT, LE, OPS };
static const u32 control[] = {
    [FP_RNE] = 0x1f80, [FP_RTZ] = 0x7f80, [FP_RDN] = 0x3f80, [FP_RUP] = 0x5f80};
enum { FLAGS = FP_INVALID | FP_DIVZERO | FP_OVERFLOW | FP_UNDERFLOW | FP_INEXACT };

static void set_control(u32 mxcsr) { __asm__ volatile("ldmxcsr %0" ::"m"(mxcsr)); }

static u32 get_control(void)
{
    u32 mxcsr;
    __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
    return mxcsr;
}

#define RUN(insn) __asm__ volatile(insn : "+x"(a) : "x"(b), "x"(c))
#define EITHER(insn, operands)        \
    do {                              \
        if (f == FP32)                \
            RUN(insn "ss " operands); \
        else                          \
            RUN(insn "sd " operands); \
    } while (0)

static double host_run(enum op op, enum fp_format f, double a, double b, double c)
{
    switch (op) {
    case ADD: EITHER("add", "%1, %0"); break;
    case SUB: EITHER("sub", "%1, %0"); break;
    case MUL: EITHER("mul", "%1, %0"); break;
    case DIV: EITHER("div", "%1, %0"); break;
    case SQRT: EITHER("sqrt", "%0, %0"); break;
    case FMA: EITHER("vfmadd213", "%2, %1, %0"); break;
    case INTEGRAL: EITHER("round", "$4, %0, %0"); break;
    case EQ: EITHER("cmpeq", "%1, %0"); break;
    case LT: EITHER("cmplt", "%1, %0"); break;
    case LE: EITHER("cmple", "%1, %0"); break;
    case CONVERT: /* to f from the other format */
        if (f == FP32)
            RUN("cvtsd2ss %0, %0");
        else
            RUN("cvtss2sd %0, %0");
        break;
    case OPS: break;
    }
    return a;
}

static u64 host(enum op op, enum fp_format f, u64 a, u64 b, u64 c, struct fp_env *env)
{
    double x, y, z, r;
    memcpy(&x, &a, 8);
    memcpy(&y, &b, 8);
    memcpy(&z, &c, 8);
    set_control(control[env->round]);
    r = host_run(op, f, x, y, z);
    env->flags |= get_control() & FLAGS;
    set_control(control[FP_RNE]);
    u64 v;
    memcpy(&v, &r, 8);
    v &= width_mask(f);
    if (op == EQ || op == LT || op == LE)
        return v & 1;
    return fp_is_nan(f, v) ? fp_nan(f) : v;
}

static enum fp_format other(enum fp_format f) { return f == FP32 ? FP64 : FP32; }

static u64 ours(enum op op, enum fp_format f, u64 a, u64 b, u64 c, struct fp_env *env)
{
    switch (op) {
    case ADD: return fp_add(f, a, b, env);
    case SUB: return fp_sub(f, a, b, env);
    case MUL: return fp_mul(f, a, b, env);
    case DIV: return fp_div(f, a, b, env);
    case SQRT: return fp_sqrt(f, a, env);
    case FMA: return fp_fma(f, a, b, c, env);
    case INTEGRAL: return fp_to_integral(f, a, env);
    case CONVERT: return fp_convert(f, other(f), a, env);
    case EQ: return fp_eq(f, a, b, env);
    case LT: return fp_lt(f, a, b, env);
    default: return fp_le(f, a, b, env);
    }
}

static bool host_has(enum op op)
{
    return op == FMA        ? __builtin_cpu_supports("fma")
           : op == INTEGRAL ? __builtin_cpu_supports("sse4.1")
                            : true;
}

static void compare_one(enum op op, enum fp_format f, enum fp_round mode, u64 a, u64 b, u64 c)
{
    struct fp_env want = {mode, 0}, got = {mode, 0};
    u64 w = host(op, f, a, b, c, &want), g = ours(op, f, a, b, c, &got);
    if (w == g && want.flags == got.flags)
        return;
    fprintf(stderr,
            "op %d format %d mode %d: %#lx %#lx %#lx: host %#lx flags %#x, ours %#lx flags %#x\n",
            op, f, mode, a, b, c, w, want.flags, g, got.flags);
    abort();
}

static void compare_with_host(enum op op, int rounds)
{
    for (int i = 0; i < rounds && host_has(op); i++) {
        enum fp_format f = i & 1, from = op == CONVERT ? other(f) : f;
        u64 a = operand(from), b = operand(f), c = operand(f);
        struct fp_env exact = {FP_RNE, 0};
        if (op == FMA && i % 4 < 2) /* sums that cancel */
            c = fp_negate(f, fp_mul(f, a, b, &exact)) + rnd() % 3;
        if (op == FMA && !fp_is_nan(f, a) && !fp_is_nan(f, b) && fp_is_nan(f, c))
            continue; /* inf * 0 + NaN: IEEE 754 leaves the flag open */
        compare_one(op, f, (enum fp_round)(rnd() % 4), a, b, c);
    }
}

#define LIKE_HOST(name, op) \
    TEST(name) { compare_with_host(op, 200000); }
LIKE_HOST(add_is_the_hosts, ADD)
LIKE_HOST(sub_is_the_hosts, SUB)
LIKE_HOST(mul_is_the_hosts, MUL)
LIKE_HOST(div_is_the_hosts, DIV)
LIKE_HOST(sqrt_is_the_hosts, SQRT)
LIKE_HOST(fma_is_the_hosts, FMA)
LIKE_HOST(convert_is_the_hosts, CONVERT)
LIKE_HOST(to_integral_is_the_hosts, INTEGRAL)
LIKE_HOST(eq_is_the_hosts, EQ)
LIKE_HOST(lt_is_the_hosts, LT)
LIKE_HOST(le_is_the_hosts, LE)

/* Every pair of special numbers, both signs, every mode the host has. */
TEST(special_numbers_are_the_hosts)
{
    for (int f = FP32; f <= FP64; f++)
        for (size_t i = 0; i < 2 * ARRAY_LEN(special[f]); i++)
            for (size_t j = 0; j < 2 * ARRAY_LEN(special[f]); j++)
                for (int mode = FP_RNE; mode <= FP_RUP; mode++)
                    for (int op = ADD; op < OPS; op++) {
                        u64 a = special[f][i / 2], b = special[f][j / 2];
                        a = i & 1 ? fp_negate(f, a) : a;
                        b = j & 1 ? fp_negate(f, b) : b;
                        if (op != FMA && op != CONVERT)
                            compare_one(op, f, mode, a, b, 0);
                    }
}

/* ---- integers -------------------------------------------------------------------------------- */

#define CVT(insn, out, in) __asm__ volatile(insn " %1, %0" : "=r"(out) : "x"(in))

/* The host's conversion to 32 or 64 signed bits. */
static i64 host_to_int(enum fp_format f, bool wide, u64 a, struct fp_env *env)
{
    double x;
    i64 r64;
    i32 r32 = 0;
    memcpy(&x, &a, 8);
    set_control(control[env->round]);
    if (wide && f == FP32)
        CVT("cvtss2si", r64, x);
    else if (wide)
        CVT("cvtsd2si", r64, x);
    else if (f == FP32)
        CVT("cvtss2si", r32, x);
    else
        CVT("cvtsd2si", r32, x);
    env->flags |= get_control() & FLAGS;
    set_control(control[FP_RNE]);
    return wide ? r64 : r32;
}

/* Where the host says invalid it gives the least integer; RISC-V saturates. */
static i64 saturated(enum fp_format f, bool wide, u64 a)
{
    bool low = !fp_is_nan(f, a) && a >> (f == FP32 ? 31 : 63);
    i64 least = wide ? INT64_MIN : INT32_MIN;
    return low ? least : ~least;
}

TEST(to_signed_is_the_hosts)
{
    for (int i = 0; i < 400000; i++) {
        enum fp_format f = i & 1;
        bool wide = i & 2;
        u64 a = operand(f);
        struct fp_env want = {rnd() % 4, 0}, got = {want.round, 0};
        i64 w = host_to_int(f, wide, a, &want);
        if (want.flags & FP_INVALID)
            w = saturated(f, wide, a);
        assert((i64)fp_to_int(f, wide ? FP_S64 : FP_S32, a, &got) == w && got.flags == want.flags);
    }
}

/* Unsigned results: of 32 bits from the host's 64 signed ones; of 64 bits up to 2^63 likewise, and
 * beyond, where all numbers are integers, from half the number. */
TEST(to_unsigned_agrees_with_signed)
{
    for (int i = 0; i < 400000; i++) {
        enum fp_format f = i & 1;
        u64 a = operand(f), big = f == FP32 ? 0x5f000000 : 0x43e0000000000000;
        u64 unit = f == FP32 ? 1ull << 23 : 1ull << 52;
        struct fp_env want = {rnd() % 4, 0}, got = {want.round, 0}, got32 = got;
        bool huge = a >= big && a < big + unit;
        i64 w = host_to_int(f, true, huge ? a - unit : a, &want);
        bool negative = a >> (f == FP32 ? 31 : 63) && !fp_is_nan(f, a);
        bool out64 = want.flags & FP_INVALID || w < 0, out32 = out64 || huge || w > 0xffffffff;
        u64 w64 = out64 ? (negative ? 0 : ~0ull) : huge ? (u64)w << 1 : (u64)w;
        assert(fp_to_int(f, FP_U64, a, &got) == w64 &&
               got.flags == (out64 ? FP_INVALID : want.flags));
        u64 w32 = out32 ? (negative ? 0 : ~0ull) : (u64)(i32)w;
        assert(fp_to_int(f, FP_U32, a, &got32) == w32 &&
               got32.flags == (out32 ? FP_INVALID : want.flags));
    }
}

static u64 host_from_s64(enum fp_format f, i64 v, struct fp_env *env)
{
    double r = 0;
    set_control(control[env->round]);
    if (f == FP32)
        __asm__ volatile("cvtsi2ssq %1, %0" : "+x"(r) : "r"(v));
    else
        __asm__ volatile("cvtsi2sdq %1, %0" : "+x"(r) : "r"(v));
    env->flags |= get_control() & FLAGS;
    set_control(control[FP_RNE]);
    u64 bits;
    memcpy(&bits, &r, 8);
    return bits & width_mask(f);
}

TEST(from_integers_is_the_hosts)
{
    for (int i = 0; i < 400000; i++) {
        enum fp_format f = i & 1;
        u64 a = rnd() >> rnd() % 64 << rnd() % 40;
        for (int kind = FP_S32; kind <= FP_U64; kind++) {
            struct fp_env want = {rnd() % 4, 0}, got = {want.round, 0};
            i64 in = kind == FP_S32 ? (i32)a : kind == FP_U32 ? (i64)(u32)a : (i64)a;
            bool halved = kind == FP_U64 && in < 0; /* the bit shifted out stays as a sticky one */
            u64 w = host_from_s64(f, halved ? (i64)(a >> 1 | (a & 1)) : in, &want);
            if (halved)
                w += f == FP32 ? 1ull << 23 : 1ull << 52;
            assert(fp_from_int(f, kind, a, &got) == w && got.flags == want.flags);
        }
    }
}

/* ---- ties away from zero, which the host lacks: against exact results in binary128 ----------- */

static __float128 exact(enum fp_format f, u64 a)
{
    float s;
    double d;
    u32 low = (u32)a;
    memcpy(&s, &low, 4);
    memcpy(&d, &a, 8);
    return f == FP32 ? (__float128)s : (__float128)d;
}

/* `got` is the nearer neighbour of x, and of two equally near the one further from zero. */
static bool ties_away(enum fp_format f, __float128 x, u64 down, u64 up, u64 got)
{
    __float128 below = x - exact(f, down), above = exact(f, up) - x;
    if (below == above && down != up)
        return got == (x < 0 ? down : up);
    return got == (below < above ? down : up);
}

static bool exact_op(enum op op, enum fp_format f, const u64 in[3], __float128 *x)
{
    __float128 a = exact(op == CONVERT ? other(f) : f, in[0]), b = exact(f, in[1]),
               c = exact(f, in[2]);
    switch (op) {
    case ADD: *x = a + b; return *x - a == b && *x - b == a;
    case MUL: *x = a * b; return true;
    case FMA: *x = a * b + c; return *x - a * b == c && *x - c == a * b;
    default: *x = a; return true;
    }
}

TEST(ties_go_away_from_zero)
{
    static const enum op ops[] = {ADD, MUL, FMA, CONVERT};
    int checked = 0;
    for (int i = 0; i < 300000; i++) {
        enum op op = ops[rnd() % ARRAY_LEN(ops)];
        enum fp_format f = op == FMA || op == CONVERT ? FP32 : i & 1;
        u64 in[3] = {operand(op == CONVERT ? FP64 : f), operand(f), operand(f)}, r[FP_RMM + 1];
        u32 flags[FP_RMM + 1];
        for (int mode = FP_RNE; mode <= FP_RMM; mode++) {
            struct fp_env env = {mode, 0};
            r[mode] = ours(op, f, in[0], in[1], in[2], &env);
            flags[mode] = env.flags;
        }
        __float128 x;
        assert(flags[FP_RMM] == flags[FP_RNE] || flags[FP_RMM] & FP_INEXACT);
        if (flags[FP_RNE] & (FP_INVALID | FP_OVERFLOW) || fp_is_nan(f, r[FP_RNE])) {
            assert(r[FP_RMM] == r[FP_RNE]);
        } else if (!(flags[FP_RDN] & FP_OVERFLOW) && !(flags[FP_RUP] & FP_OVERFLOW) &&
                   exact_op(op, f, in, &x)) {
            assert(x == 0 || x - x != 0 || ties_away(f, x, r[FP_RDN], r[FP_RUP], r[FP_RMM]));
            checked++;
        }
    }
    assert(checked > 100000);
}

TEST(ties_away_to_and_from_integers)
{
    for (int i = 0; i < 200000; i++) {
        enum fp_format f = i & 1;
        struct fp_env env = {FP_RMM, 0}, down = {FP_RDN, 0}, up = {FP_RUP, 0};
        u64 halves = (u64)((i64)(rnd() << rnd() % 50) >> (12 + rnd() % 40)); /* of one half each */
        struct fp_env none = {FP_RNE, 0};
        u64 scaled = fp_from_int(FP64, FP_S64, halves, &none);
        u64 half = fp_mul(FP64, scaled, 0x3fe0000000000000, &none);
        assert(fp_to_int(FP64, FP_S64, half, &env) == (u64)llround((double)exact(FP64, half)));
        assert((double)exact(FP64, fp_to_integral(FP64, half, &env)) ==
               round((double)exact(FP64, half)));
        u64 v = rnd() >> rnd() % 40;
        u64 lo = fp_from_int(f, FP_U64, v, &down), hi = fp_from_int(f, FP_U64, v, &up);
        assert(ties_away(f, v, lo, hi, fp_from_int(f, FP_U64, v, &env)));
    }
}

/* ---- minimum and maximum --------------------------------------------------------------------- */

TEST(minimum_and_maximum)
{
    for (int i = 0; i < 200000; i++) {
        enum fp_format f = i & 1;
        u64 a = operand(f), b = operand(f), sign = fp_negate(f, 0), quiet = fp_nan(f);
        struct fp_env env = {FP_RNE, 0};
        u64 lo = fp_min(f, a, b, &env), hi = fp_max(f, a, b, &env);
        bool an = fp_is_nan(f, a), bn = fp_is_nan(f, b);
        bool signals = (an && (a & quiet) != quiet) || (bn && (b & quiet) != quiet);
        assert(env.flags == (signals ? FP_INVALID : 0u));
        if (an || bn)
            assert(lo == hi && lo == (!an ? a : !bn ? b : quiet));
        else
            assert((lo == a && hi == b) || (lo == b && hi == a));
        if (!an && !bn)
            assert(exact(f, lo) < exact(f, hi) || lo == hi || (lo == sign && hi == 0));
    }
}

TEST(signaling_products_with_nan)
{
    struct fp_env env = {FP_RNE, 0};
    u64 inf = 0x7f800000, nan = 0x7fc12345, snan = 0x7f812345, one = 0x3f800000;
    assert(fp_fma(FP32, inf, 0, nan, &env) == fp_nan(FP32) && env.flags == FP_INVALID);
    env.flags = 0;
    assert(fp_fma(FP32, one, one, nan, &env) == fp_nan(FP32) && env.flags == 0);
    assert(fp_fma(FP32, one, one, snan, &env) == fp_nan(FP32) && env.flags == FP_INVALID);
}
