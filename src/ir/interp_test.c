/* ir/interp_test.c - the oracle itself: known results of each op, and how units end. */
#include <assert.h>
#include "ir/ir.h"

#define M64 0x8000000000000000ull
#define M32 0x80000000ull
#define ONES (~0ull)

/* clang-format off */
static const struct vector {
    u8 op, type;
    u16 aux;
    u64 a, b, want;
} vectors[] = {
    {IR_add, I32, 0, 0xffffffff, 1, 0}, {IR_add, I64, 0, ONES, 2, 1},
    {IR_sub, I32, 0, 0, 1, 0xffffffff}, {IR_mul, I32, 0, 0x10001, 0x10001, 0x20001},
    {IR_mul, I64, 0, ONES, ONES, 1}, {IR_mulhu, I64, 0, ONES, ONES, ONES - 1},
    {IR_mulhu, I32, 0, 0xffffffff, 0xffffffff, 0xfffffffe}, {IR_mulhs, I64, 0, ONES, 5, ONES},
    {IR_mulhs, I64, 0, M64, M64, M64 >> 1}, {IR_mulhs, I32, 0, M32, 2, 0xffffffff},
    {IR_mulhsu, I64, 0, ONES, ONES, ONES}, {IR_mulhsu, I64, 0, 2, ONES, 1},
    {IR_divu, I64, 0, 7, 0, ONES}, {IR_divu, I32, 0, 7, 1ull << 32, 0xffffffff},
    {IR_divu, I64, 0, ONES, 2, ONES >> 1}, {IR_divs, I64, 0, -7ull, 2, -3ull},
    {IR_divs, I64, 0, 7, 0, ONES}, {IR_divs, I64, 0, M64, ONES, M64},
    {IR_divs, I32, 0, M32, 0xffffffff, M32}, {IR_remu, I64, 0, 7, 0, 7}, {IR_remu, I32, 0, 7, 4, 3},
    {IR_rems, I64, 0, -7ull, 2, ONES}, {IR_rems, I64, 0, M64, ONES, 0},
    {IR_rems, I32, 0, -7ull, 0, 0xfffffff9}, {IR_and, I64, 0, 0xff0f, 0x0fff, 0x0f0f},
    {IR_or, I32, 0, ONES << 32, 1, 1}, {IR_xor, I64, 0, ONES, 1, ONES - 1},
    {IR_andn, I64, 0, 0xff, 0x0f, 0xf0}, {IR_shl, I64, 0, 1, 65, 2}, {IR_shl, I32, 0, 3, 31, M32},
    {IR_shl, I32, 0, 1, 33, 2}, {IR_shr, I64, 0, M64, 63, 1}, {IR_shr, I32, 0, ONES, 4, 0x0fffffff},
    {IR_sar, I64, 0, M64, 63, ONES}, {IR_sar, I32, 0, M32, 31, 0xffffffff},
    {IR_rol, I64, 0, M64 | 2, 1, 5}, {IR_rol, I32, 0, M32 | 2, 33, 5},
    {IR_ror, I64, 0, 5, 1, M64 | 2}, {IR_ror, I32, 0, 5, 0, 5}, {IR_ror, I32, 0, 5, 1, M32 | 2},
    {IR_minu, I64, 0, ONES, 1, 1}, {IR_maxu, I64, 0, ONES, 1, ONES},
    {IR_mins, I64, 0, ONES, 1, ONES}, {IR_maxs, I64, 0, ONES, 1, 1},
    {IR_mins, I32, 0, 0xffffffff, 1, 0xffffffff}, {IR_maxs, I32, 0, M32, 1, 1},
    {IR_clmul, I64, 0, 3, 3, 5}, {IR_clmul, I64, 0, M64, 2, 0}, {IR_clmulh, I64, 0, M64, 2, 1},
    {IR_clmulh, I64, 0, ONES, ONES, 0x5555555555555555}, {IR_clz, I64, 0, 1, 0, 63},
    {IR_clz, I32, 0, 1ull << 32, 0, 32}, {IR_clz, I32, 0, 1, 0, 31}, {IR_clz, I64, 0, 0, 0, 64},
    {IR_ctz, I64, 0, M64, 0, 63}, {IR_ctz, I32, 0, 0, 0, 32}, {IR_ctz, I64, 0, 0, 0, 64},
    {IR_popcnt, I64, 0, ONES, 0, 64}, {IR_popcnt, I32, 0, ONES, 0, 32},
    {IR_bswap, I64, 0, 0x0102030405060708, 0, 0x0807060504030201},
    {IR_bswap, I32, 0, 0x01020304, 0, 0x04030201}, {IR_sext8, I64, 0, 0x180, 0, -128ull},
    {IR_sext16, I64, 0, 0x18000, 0, -32768ull}, {IR_sext32, I64, 0, M32, 0, ONES << 31},
    {IR_zext8, I64, 0, ONES, 0, 0xff}, {IR_zext16, I64, 0, ONES, 0, 0xffff},
    {IR_zext32, I64, 0, ONES, 0, 0xffffffff}, {IR_setcc, I64, CC_EQ, 1ull << 32, 0, 0},
    {IR_setcc, I32, CC_EQ, 1ull << 32, 0, 1}, {IR_setcc, I64, CC_NE, 1, 2, 1},
    {IR_setcc, I64, CC_LTU, 1, ONES, 1}, {IR_setcc, I64, CC_LTS, 1, ONES, 0},
    {IR_setcc, I64, CC_GEU, 1, 1, 1}, {IR_setcc, I64, CC_LEU, 1, 1, 1},
    {IR_setcc, I64, CC_GTU, ONES, 1, 1}, {IR_setcc, I32, CC_GES, M32, 0, 0},
    {IR_setcc, I32, CC_LES, M32, 0, 1}, {IR_setcc, I64, CC_GTS, M32, 0, 1},
    {IR_fnan, F32, 0, 0xff812345, 0, 0x7fc00000}, {IR_fnan, F64, 0, 1, 0, 1},
    {IR_fsgn, F32, 0, 0x3f800000, M32, 0xbf800000}, {IR_fsgn, F64, 1, 0, 0, M64},
    {IR_fsgn, F64, 2, M64, M64, 0}, {IR_unbox32, F32, 0, 0xffffffff3f800000, 0, 0x3f800000},
    {IR_unbox32, F32, 0, 0x3f800000, 0, 0x7fc00000},
    {IR_box32, F64, 0, 0x3f800000, 0, 0xffffffff3f800000}, {IR_mov_if, F32, 0, ONES, 0, 0xffffffff},
    {IR_mov_fi, F64, 0, M64, 0, M64}, {IR_fadd, F32, 0, 0x3f800000, 0x3f800000, 0x40000000},
    {IR_fsub, F64, 0, 0x4000000000000000, 0x3ff0000000000000, 0x3ff0000000000000},
    {IR_setf, F64, FCC_LT, 0, 0x3ff0000000000000, 1}, {IR_setf, F64, FCC_LE, M64, 0, 1},
    {IR_setf, F32, FCC_EQ, 0, M32, 1}, {IR_fcvt, F64, 0, 0x3f800000, 0, 0x3ff0000000000000},
    {IR_fcvt, F32, 0, 0x3ff0000000000000, 0, 0x3f800000},
    {IR_itof, F64, INT_S32, 0xffffffff, 0, 0xbff0000000000000},
    {IR_itof, F32, INT_U32, 0xffffffff, 0, 0x4f800000},
    {IR_ftoi, F64, INT_U32, 0x41efffffffe00000, 0, ONES},
    {IR_ftoi, F32, INT_S64, 0xbf800000, 0, ONES}, {IR_fmin, F64, 0, M64, 0, M64},
    {IR_fmax, F32, 0, 0x7fc00001, 0x3f800000, 0x3f800000},
};
/* clang-format on */

TEST(ops_have_their_known_results)
{
    bool seen[IR_COUNT] = {false};
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        const struct vector *v = &vectors[i];
        u32 mxcsr = 0x1f80;
        u64 got = ir_eval(v->op, v->type, v->aux, v->a, v->b, 0, &mxcsr);
        if (got != v->want)
            fprintf(stderr, "%s: %#llx\n", ir_opinfo[v->op].name, (unsigned long long)got);
        assert(got == v->want);
        seen[v->op] = true;
    }
    for (u32 op = IR_add; op < IR_setcc; op++)
        assert(seen[op]);
}

TEST(float_ops_use_mxcsr)
{
    const u64 one = 0x3ff0000000000000, three = 0x4008000000000000, third = 0x3fd5555555555555;
    u32 nearest = 0x1f80, up = 0x5f80, down = 0x3f80, zero = 0x7f80;
    assert(ir_eval(IR_fdiv, F64, 0, one, three, 0, &nearest) == third &&
           nearest == (0x1f80 | 0x20));
    assert(ir_eval(IR_fdiv, F64, 0, one, three, 0, &up) == third + 1 && up == (0x5f80 | 0x20));
    const u64 minus = one | M64, low = third | M64;
    assert(ir_eval(IR_fdiv, F64, 0, minus, three, 0, &down) == low + 1 && down == (0x3f80 | 0x20));
    assert(ir_eval(IR_fdiv, F64, 0, minus, three, 0, &zero) == low);
    assert(ir_eval(IR_ftoi, F64, INT_S64, 0x3ffc000000000000, 0, 0, &up) == 2);
    assert(ir_eval(IR_ftoi, F64, INT_S64 | 8, 0x3ffc000000000000, 0, 0, &up) == 1);
    assert(ir_eval(IR_fma, F64, 1, one, three, three, &nearest) == 0);
    assert(ir_eval(IR_fma, F64, 2, one, one, three, &nearest) == 0xc000000000000000);
    assert(ir_eval(IR_fsqrt, F64, 0, minus, 0, 0, &nearest) == 0x7ff8000000000000 && nearest & 1);
}

/* ---- units ----------------------------------------------------------------------------------- */

static struct machine {
    u64 r[2], f, field, pc;
    u32 mxcsr, exc, polls;
    u64 addr, pc_seen;
} cpu;
static const struct ir_slot slots[] = {
    {"a", 0, I64}, {"b", 8, I64}, {"f", offsetof(struct machine, f), F64}};
static struct ir unit;

static bool load(void *c, u64 addr, u16 mop, u64 *out)
{
    struct machine *m = c;
    m->addr = addr;
    m->pc_seen = m->pc;
    *out = mop;
    return addr != 0;
}

static bool poll(void *c) { return ++((struct machine *)c)->polls == 3; }

static u64 fault(void *c, u64 a, u64 b, u64 d)
{
    struct machine *m = c;
    m->pc_seen = m->pc;
    m->exc = a == 1;
    return a + b + d;
}
static const struct ir_helper faults = {"faults", fault, HELP_FAULT};

static struct ir *start(void)
{
    memset(&cpu, 0, sizeof cpu);
    ir_start(&unit, slots, ARRAY_LEN(slots), 0x1000);
    ir_insn(&unit, 0x1000, 4);
    return &unit;
}

static struct ir_result run(void)
{
    struct error err;
    struct ir_machine m = {.cpu = &cpu,
                           .mxcsr = &cpu.mxcsr,
                           .pc = &cpu.pc,
                           .exc = &cpu.exc,
                           .load = load,
                           .poll = poll};
    assert(ir_verify(&unit, &err));
    return ir_interp(&unit, &m);
}

static bool ended(struct ir_result r, enum ir_end end, u64 pc)
{
    return r.end == end && r.pc == pc;
}

TEST(units_end_as_they_say)
{
    ir_exit(start(), 0x1004);
    assert(ended(run(), END_NEXT, 0x1004));
    struct ir *ir = start();
    ir_exiti(ir, ir_get(ir, 0), HINT_RET);
    cpu.r[0] = 0x5678;
    assert(ended(run(), END_INDIRECT, 0x5678));
    ir = start();
    ir_ste(ir, I64, offsetof(struct machine, pc), ir_const(ir, 0x9abc));
    ir_exitx(ir, 7);
    struct ir_result r = run();
    assert(ended(r, END_EXITX, 0x9abc) && r.reason == 7);
}

TEST(faults_name_the_instruction)
{
    struct ir *ir = start();
    val one = ir_const(ir, 1);
    ir_set(ir, 1, one);
    ir_insn(ir, 0x1004, 2);
    ir_set(ir, 0, ir_ld(ir, MOP_32, ir_get(ir, 0), -16));
    ir_exit(ir, 0x1006);
    cpu.r[0] = 16;
    assert(ended(run(), END_FAULT, 0x1004) && cpu.pc_seen == 0x1004 && cpu.r[0] == 16 &&
           cpu.r[1] == 1);
    cpu.r[0] = 24;
    assert(ended(run(), END_NEXT, 0x1006) && cpu.addr == 8 && cpu.r[0] == MOP_32);

    ir = start();
    ir_set(ir, 1, ir_call(ir, &faults, ir_get(ir, 0), ir_const(ir, 5), 0));
    ir_exit(ir, 0x1004);
    cpu.r[0] = 2;
    assert(ended(run(), END_NEXT, 0x1004) && cpu.r[1] == 7 && cpu.pc_seen == 0x1000);
    cpu.r[0] = 1;
    assert(ended(run(), END_FAULT, 0x1000) && cpu.r[1] == 7);
}

TEST(loops_poll)
{
    struct ir *ir = start();
    u32 top = ir_newlabel(ir), out = ir_newlabel(ir);
    ir_label(ir, top);
    val n = ir_bin(ir, IR_add, I64, ir_get(ir, 0), ir_const(ir, 1)), ten = ir_const(ir, 10);
    ir_set(ir, 0, n);
    ir_brcc(ir, I64, CC_EQ, n, ten, out);
    ir_poll(ir, 0x1000);
    ir_br(ir, top);
    ir_label(ir, out);
    ir_exit(ir, 0x2000);
    assert(ended(run(), END_POLL, 0x1000) && cpu.r[0] == 3);
    assert(ended(run(), END_NEXT, 0x2000) && cpu.r[0] == 10);
}

TEST(fields_have_their_width)
{
    struct ir *ir = start();
    u32 off = offsetof(struct machine, field);
    ir_ste(ir, I32, off, ir_get(ir, 0));
    ir_set(ir, 1, ir_lde(ir, I32, off));
    ir_set(ir, 0, ir_lde(ir, I64, off));
    ir_exit(ir, 0);
    cpu.r[0] = ONES;
    cpu.field = 0x1234567800000000;
    run();
    assert(cpu.r[1] == 0xffffffff && cpu.r[0] == 0x12345678ffffffff);
}
