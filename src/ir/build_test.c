/* ir/build_test.c - the builder's rules, one by one and on random operands. */
#include <assert.h>
#include "ir/ir.h"
#include "test/random.h"

enum { A, B, F, SLOTS };
static const struct ir_slot slots[SLOTS] = {{"a", 0, I64}, {"b", 8, I64}, {"f", 16, F64}};
static struct ir unit;

static struct ir *start(void)
{
    ir_start(&unit, slots, SLOTS, 0x1000);
    return &unit;
}

static bool is_const(val v, u64 want)
{
    u64 k;
    return ir_isconst(&unit, v, &k) && k == want;
}

static bool is_op(val v, enum ir_opcode op, val a)
{
    return unit.ins[v].op == op && unit.ins[v].a == a;
}

TEST(equal_values_have_one_number)
{
    struct ir *ir = start();
    val a = ir_get(ir, A), b = ir_get(ir, B);
    assert(ir_const(ir, 5) == ir_const(ir, 5) && ir_const(ir, 5) != ir_const(ir, 6));
    assert(ir_bin(ir, IR_add, I64, a, b) == ir_bin(ir, IR_add, I64, b, a));
    assert(ir_bin(ir, IR_sub, I64, a, b) != ir_bin(ir, IR_sub, I64, b, a));
    assert(ir_bin(ir, IR_add, I64, a, b) != ir_bin(ir, IR_add, I32, a, b));
}

TEST(values_end_at_labels)
{
    struct ir *ir = start();
    val a = ir_get(ir, A), k = ir_const(ir, 5);
    ir_label(ir, ir_newlabel(ir));
    assert(ir_get(ir, A) > a && ir_const(ir, 5) > k);
}

TEST(slots_are_forwarded)
{
    static const struct ir_helper reads = {"reads", NULL, HELP_READS},
                                  writes = {"writes", NULL, HELP_WRITES};
    struct ir *ir = start();
    val a = ir_get(ir, A);
    assert(ir_get(ir, A) == a);
    ir_set(ir, B, a);
    assert(ir_get(ir, B) == a);
    u32 n = ir->n;
    ir_set(ir, B, a);
    ir_set(ir, A, a);
    assert(ir->n == n);
    ir_call(ir, &reads, 0, 0, 0);
    assert(ir_get(ir, B) == a);
    ir_call(ir, &writes, 0, 0, 0);
    assert(ir_get(ir, A) != a && ir_get(ir, B) != a);
}

TEST(arithmetic_identities)
{
    struct ir *ir = start();
    val a = ir_get(ir, A), b = ir_get(ir, B), zero = ir_const(ir, 0), ones = ir_const(ir, ~0ull);
    assert(ir_bin(ir, IR_add, I64, zero, a) == a && ir_bin(ir, IR_sub, I64, a, zero) == a);
    assert(ir_bin(ir, IR_and, I64, a, ones) == a && is_const(ir_bin(ir, IR_and, I64, zero, a), 0));
    assert(ir_bin(ir, IR_or, I64, a, a) == a && is_const(ir_bin(ir, IR_or, I64, a, ones), ~0ull));
    assert(is_const(ir_bin(ir, IR_xor, I64, a, a), 0) &&
           is_const(ir_bin(ir, IR_sub, I64, b, b), 0));
    assert(ir_bin(ir, IR_mul, I64, a, ir_const(ir, 1)) == a);
    assert(is_op(ir_bin(ir, IR_mul, I64, a, ir_const(ir, 8)), IR_shl, a));
    assert(is_op(ir_bin(ir, IR_remu, I64, a, ir_const(ir, 256)), IR_zext8, a));
    assert(ir_bin(ir, IR_sar, I64, a, ir_const(ir, 64)) == a);
    val sum =
        ir_bin(ir, IR_add, I64, ir_bin(ir, IR_add, I64, a, ir_const(ir, 5)), ir_const(ir, -7ull));
    assert(is_op(sum, IR_add, a) && is_const(ir->ins[sum].b, -2ull));
    assert(ir_bin(ir, IR_add, I64, sum, ir_const(ir, 2)) == a);
    val inverse = ir_bin(ir, IR_xor, I64, a, ones);
    assert(ir_bin(ir, IR_xor, I64, inverse, ones) == a);
}

TEST(extensions_vanish)
{
    struct ir *ir = start();
    val a = ir_get(ir, A), b = ir_get(ir, B), k32 = ir_const(ir, 32);
    val w = ir_bin(ir, IR_add, I32, a, b), s = ir_un(ir, IR_sext32, I64, w);
    assert(ir_un(ir, IR_zext32, I64, w) == w && ir_un(ir, IR_sext32, I64, s) == s);
    assert(is_op(ir_bin(ir, IR_sub, I32, s, b), IR_sub, w));
    val byte = ir_ld(ir, MOP_8, a, 0), word = ir_ld(ir, MOP_32 | MOP_SIGNED, a, 0);
    assert(ir_un(ir, IR_zext8, I64, byte) == byte && ir_un(ir, IR_sext16, I64, byte) == byte);
    assert(ir_un(ir, IR_sext32, I64, word) == word && ir_un(ir, IR_zext32, I64, word) != word);
    assert(ir_bin(ir, IR_and, I64, byte, ir_const(ir, 0x1ff)) == byte);
    val flag = ir_setcc(ir, I64, CC_LTU, a, b);
    assert(ir_un(ir, IR_zext8, I64, flag) == flag && ir_un(ir, IR_sext8, I64, flag) == flag);
    assert(is_op(ir_bin(ir, IR_shr, I64, ir_bin(ir, IR_shl, I64, a, k32), k32), IR_zext32, a));
    assert(is_op(ir_bin(ir, IR_sar, I64, ir_bin(ir, IR_shl, I64, a, k32), k32), IR_sext32, a));
    val k48 = ir_const(ir, 48), k56 = ir_const(ir, 56);
    assert(is_op(ir_bin(ir, IR_sar, I64, ir_bin(ir, IR_shl, I64, a, k48), k48), IR_sext16, a));
    assert(is_op(ir_bin(ir, IR_sar, I64, ir_bin(ir, IR_shl, I64, a, k56), k56), IR_sext8, a));
    ir_st(ir, MOP_16, a, 0, ir_un(ir, IR_sext16, I64, b));
    assert(ir->ins[ir->n - 1].b == b);
}

TEST(comparisons_fold)
{
    struct ir *ir = start();
    val a = ir_get(ir, A), b = ir_get(ir, B), zero = ir_const(ir, 0);
    val lt = ir_setcc(ir, I64, CC_LTS, a, b);
    assert(ir_setcc(ir, I64, CC_NE, lt, zero) == lt);
    val ge = ir_setcc(ir, I64, CC_EQ, lt, zero);
    assert(is_op(ge, IR_setcc, a) && ir->ins[ge].aux == CC_GES);
    assert(ir_bin(ir, IR_xor, I64, lt, ir_const(ir, 1)) == ge);
    assert(is_const(ir_setcc(ir, I64, CC_LEU, a, a), 1) &&
           is_const(ir_setcc(ir, I64, CC_LTU, a, zero), 0));
    val eq = ir_setcc(ir, I64, CC_LTU, ir_bin(ir, IR_xor, I64, a, b), ir_const(ir, 1));
    assert(eq == ir_setcc(ir, I64, CC_EQ, a, b));
    val difference = ir_bin(ir, IR_sub, I64, a, b),
        low_equal = ir_setcc(ir, I32, CC_EQ, difference, zero);
    assert(ir->ins[low_equal].type == I32);
    val sa = ir_un(ir, IR_sext32, I64, a), sb = ir_un(ir, IR_sext32, I64, b);
    assert(ir_setcc(ir, I64, CC_LTS, sa, sb) == ir_setcc(ir, I32, CC_LTS, a, b));
    assert(ir_sel(ir, zero, a, b) == b && ir_sel(ir, lt, a, a) == a);
}

TEST(branches_fold)
{
    struct ir *ir = start();
    u32 l = ir_newlabel(ir);
    ir_brcc(ir, I64, CC_EQ, ir_const(ir, 1), ir_const(ir, 2), l);
    assert(ir->ins[ir->n - 1].op == IR_constant);
    ir_brcc(ir, I64, CC_NE, ir_const(ir, 1), ir_const(ir, 2), l);
    assert(ir->ins[ir->n - 1].op == IR_br);
    val lt = ir_setcc(ir, I64, CC_LTU, ir_get(ir, A), ir_get(ir, B));
    ir_brcc(ir, I64, CC_EQ, lt, ir_const(ir, 0), l);
    assert(ir->ins[ir->n - 1].op == IR_brcc && ir->ins[ir->n - 1].aux == CC_GEU);
    ir_exiti(ir, ir_const(ir, 0x40), HINT_JUMP);
    assert(ir->ins[ir->n - 1].op == IR_exit && ir->ins[ir->n - 1].imm == 0x40);
}

TEST(addresses_fold)
{
    struct ir *ir = start();
    val a = ir_get(ir, A);
    val v = ir_ld(ir, MOP_64, ir_bin(ir, IR_add, I64, a, ir_const(ir, -8ull)), 24);
    assert(ir->ins[v].a == a && ir->ins[v].c == 16);
    val far = ir_bin(ir, IR_add, I64, a, ir_const(ir, 0x7fffffff));
    v = ir_ld(ir, MOP_64, far, 1);
    assert(ir->ins[v].a == far && ir->ins[v].c == 1);
}

TEST(floats_fold)
{
    struct ir *ir = start();
    val a = ir_get(ir, A), f = ir_get(ir, F), s = ir_un(ir, IR_unbox32, F32, f);
    val boxed = ir_un(ir, IR_box32, F64, s);
    assert(ir_un(ir, IR_unbox32, F32, boxed) == s);
    assert(ir_op(ir, IR_fsgn, F64, 0, f, f, 0) == f && ir_op(ir, IR_fsgn, F64, 1, f, f, 0) != f);
    assert(ir_un(ir, IR_mov_fi, F64, ir_un(ir, IR_mov_if, F64, a)) == a);
    val sum = ir_bin(ir, IR_fadd, F64, f, f);
    assert(ir_un(ir, IR_fnan, F64, sum) != sum);
    val whole = ir_op(ir, IR_ftoi, F64, INT_S64, f, 0, 0),
        word = ir_op(ir, IR_ftoi, F64, INT_U32, f, 0, 0);
    assert(ir_un(ir, IR_sext32, I64, word) == word && ir_un(ir, IR_sext32, I64, whole) != whole);
    static const struct ir_helper rounds = {"rounds", NULL, HELP_FP};
    assert(ir_bin(ir, IR_fadd, F64, f, f) == sum);
    ir_call(ir, &rounds, 0, 0, 0);
    assert(ir_bin(ir, IR_fadd, F64, f, f) != sum);
}

TEST(a_full_unit_overflows)
{
    struct ir *ir = start();
    for (int i = 0; i < IR_MAX + 10; i++)
        ir_ste(ir, I64, 64, ir_bin(ir, IR_add, I64, ir_get(ir, A), ir_const(ir, (u64)i)));
    ir_brcc(ir, I64, CC_EQ, 0, 0, ir_newlabel(ir));
    ir_ld(ir, MOP_64, 0, 8);
    assert(ir->overflow && ir->n == IR_MAX);
    struct error err;
    assert(!ir_verify(ir, &err));
    start();
    for (int i = 0; i < IR_LABELS; i++)
        assert(ir_newlabel(ir) == (u32)i);
    assert(!ir->overflow && ir_newlabel(ir) == 0 && ir->overflow);
}

/* ---- random operands: what the rules make of an op is what the op means ---------------------- */

static u64 seed = 1;
static u64 rnd(void) { return random_next(&seed); }

static u64 interesting(void)
{
    static const u64 list[] = {0,          1,          2,          31,
                               32,         63,         64,         0xff,
                               0xffff,     0x7fffffff, 0x80000000, 0xffffffff,
                               1ull << 63, ~0ull,      ~0ull >> 1, 0xffffffff80000000};
    u64 k = list[rnd() % ARRAY_LEN(list)];
    switch (rnd() % 4) {
    case 0: return rnd();
    case 1: return k + rnd() % 5 - 2;
    default: return k;
    }
}

static bool never(void *cpu)
{
    (void)cpu;
    return false;
}

static u64 run(const struct ir *ir, u64 a, u64 b)
{
    u64 cpu[SLOTS] = {a, b, 0}, pc;
    u32 mxcsr = 0, exc = 0;
    struct ir_machine m = {.cpu = cpu, .mxcsr = &mxcsr, .pc = &pc, .exc = &exc, .poll = never};
    struct ir_result r = ir_interp(ir, &m);
    assert(r.end == END_NEXT || r.end == END_INDIRECT);
    return r.pc;
}

static const struct operation {
    u8 op, type;
} extensions[] = {{IR_sext8, I64}, {IR_sext16, I64}, {IR_sext32, I64},
                  {IR_zext8, I64}, {IR_zext16, I64}, {IR_zext32, I64}};

/* One random pure integer op; ops of one family meet in most rules. */
static struct ir_ins random_op(unsigned family)
{
    static const u8 families[][4] = {{IR_shl, IR_shr, IR_sar, IR_shl},
                                     {IR_add, IR_sub, IR_xor, IR_setcc},
                                     {IR_and, IR_or, IR_xor, IR_andn}};
    struct ir_ins x = {.type = rnd() % 2 ? I64 : I32};
    if (family < ARRAY_LEN(families)) {
        x.op = families[family][rnd() % 4];
        x.aux = x.op == IR_setcc ? (u16)(rnd() % CC_COUNT) : 0;
        return x;
    }
    switch (rnd() % 4) {
    case 0:
        x.op = extensions[rnd() % ARRAY_LEN(extensions)].op;
        x.type = I64;
        break;
    case 1:
        x.op = IR_setcc;
        x.aux = (u16)(rnd() % CC_COUNT);
        break;
    default: x.op = (u8)(IR_add + rnd() % (IR_bswap - IR_add + 1)); break;
    }
    if (x.op == IR_clmul || x.op == IR_clmulh)
        x.type = I64;
    return x;
}

TEST(rules_keep_the_meaning)
{
    enum { CHAIN = 4 };
    for (int round = 0; round < 100000; round++) {
        u64 in[2] = {interesting(), interesting()}, value[2 + 2 * CHAIN];
        val v[2 + 2 * CHAIN];
        struct ir *ir = start();
        unsigned n = 2, family = (unsigned)(rnd() % 6);
        for (unsigned i = 0; i < n; i++) {
            v[i] = ir_get(ir, i);
            value[i] = in[i];
        }
        for (int i = 0; i < CHAIN; i++) {
            struct ir_ins x = random_op(rnd() % 8 ? family : ~0u);
            u64 k = family == 0 ? rnd() % 66 : interesting();
            v[n] = ir_const(ir, k);
            value[n++] = k;
            unsigned a = rnd() % 4 ? n - 2 : (unsigned)(rnd() % n); /* the last result, or any */
            unsigned b = rnd() % 2 ? n - 1 : (unsigned)(rnd() % n); /* the constant, or any */
            unsigned one_in = ir_opinfo[x.op].ins == 1;
            v[n] = ir_op(ir, x.op, x.type, x.aux, v[a], one_in ? 0 : v[b], 0);
            value[n++] = ir_eval(x.op, x.type, x.aux, value[a], one_in ? 0 : value[b], 0, NULL);
        }
        ir_exiti(ir, v[n - 1], HINT_JUMP);
        struct error err;
        assert(ir_verify(ir, &err));
        ir_optimize(ir);
        assert(run(ir, in[0], in[1]) == value[n - 1]);
    }
}

TEST(rotates_are_recognized)
{
    struct ir *ir = start();
    val x = ir_get(ir, A), k = ir_const(ir, 7), rest = ir_const(ir, 25);
    val low = ir_bin(ir, IR_shl, I32, x, k), high = ir_bin(ir, IR_shr, I32, x, rest);
    val v = ir_bin(ir, IR_or, I64, ir_un(ir, IR_sext32, I64, low), high);
    assert(ir->ins[v].op == IR_sext32 && ir->ins[ir->ins[v].a].op == IR_rol);
    assert(ir->ins[ir_bin(ir, IR_or, I64, high, low)].op == IR_rol);
    val other = ir_bin(ir, IR_shr, I32, x, ir_const(ir, 24));
    assert(ir->ins[ir_bin(ir, IR_or, I64, low, other)].op == IR_or);
    val wide = ir_bin(ir, IR_or, I64, ir_bin(ir, IR_shl, I64, x, k),
                      ir_bin(ir, IR_shr, I64, x, ir_const(ir, 57)));
    assert(ir->ins[wide].op == IR_rol && ir->ins[wide].type == I64);
}
