/* jit/x64_int.c - integer operations. */
#include "jit/emit.h"

/* dst = src, as wide as the operation. */
static void copy(struct emit *e, u32 w, unsigned dst, struct rm src)
{
    if (src.reg != dst)
        x_mov(&e->c, w, dst, src);
}

/* Operations x86 has as `dst op= src`; commutative ones may be turned round. */
static void two_operand(struct emit *e, u32 opcode, bool commutes)
{
    const struct ir_ins *x = cur_ins(e);
    u32 w = width_of(x->type);
    unsigned a = alloc_use(e, x->a);
    struct rm b = alloc_operand(e, x->b);
    alloc_operands_done(e);
    unsigned d = alloc_def(e);
    if (d == b.reg && d != a) {
        if (commutes) {
            b = rm_reg(a);
        } else {
            x_mov(&e->c, W, RAX, b);
            b = rm_reg(RAX);
            copy(e, w, d, rm_reg(a));
        }
    } else
        copy(e, w, d, rm_reg(a));
    x_op(&e->c, opcode | w, d, b);
}

static bool with_imm(struct emit *e, enum alu op)
{
    const struct ir_ins *x = cur_ins(e);
    u32 w = width_of(x->type);
    i32 imm;
    if (e->ir->ins[x->b].op == IR_constant && !w)
        imm = (i32)e->ir->ins[x->b].imm; /* a 32-bit operation takes any constant */
    else if (!alloc_imm(e, x->b, &imm))
        return false;
    struct rm a = alloc_operand(e, x->a);
    alloc_operands_done(e);
    unsigned d = alloc_def(e);
    if (op == ALU_ADD && a.reg != NOREG && a.reg != d)
        x_lea(&e->c, w, d, rm_mem(a.reg, imm));
    else {
        copy(e, w, d, a);
        x_alu_imm(&e->c, op, w, rm_reg(d), imm);
    }
    return true;
}

static void add(struct emit *e)
{
    const struct ir_ins *x = cur_ins(e);
    u32 w = width_of(x->type);
    if (with_imm(e, ALU_ADD))
        return;
    unsigned a = alloc_use(e, x->a);
    struct rm b = alloc_operand(e, x->b);
    alloc_operands_done(e);
    unsigned d = alloc_def(e);
    if (b.reg != NOREG && d != a && d != b.reg)
        x_lea(&e->c, w, d, rm_sib(a, b.reg, 1, 0));
    else if (d == b.reg)
        x_alu(&e->c, ALU_ADD, w, d, rm_reg(a));
    else {
        copy(e, w, d, rm_reg(a));
        x_alu(&e->c, ALU_ADD, w, d, b);
    }
}

static void alu(struct emit *e, enum alu op)
{
    if (!with_imm(e, op))
        two_operand(e, (u32)op * 8 + 3, op != ALU_SUB);
}

static void multiply(struct emit *e)
{
    const struct ir_ins *x = cur_ins(e);
    i32 imm;
    if (alloc_imm(e, x->b, &imm)) {
        struct rm a = alloc_operand(e, x->a);
        alloc_operands_done(e);
        unsigned d = alloc_def(e);
        x_op(&e->c, 0x69 | width_of(x->type), d, a);
        emit32(&e->c, (u32)imm);
    } else
        two_operand(e, 0x0faf, true);
}

/* High half of a product: one-operand mul leaves it in rdx. */
static void multiply_high(struct emit *e)
{
    const struct ir_ins *x = cur_ins(e);
    u32 w = width_of(x->type);
    unsigned a = alloc_use(e, x->a), b = alloc_use(e, x->b);
    alloc_operands_done(e);
    unsigned d = alloc_def(e);
    x_mov(&e->c, W, RAX, rm_reg(a));
    if (x->op == IR_mulhsu) { /* unsigned product less b where a is negative */
        x_mov(&e->c, W, RCX, rm_reg(a));
        x_op(&e->c, 0xc1 | w, 7, rm_reg(RCX)); /* sar rcx, width - 1 */
        emit8(&e->c, w ? 63 : 31);
        x_alu(&e->c, ALU_AND, w, RCX, rm_reg(b));
        x_op(&e->c, 0xf7 | w, 4, rm_reg(b));
        x_alu(&e->c, ALU_SUB, w, RDX, rm_reg(RCX));
    } else
        x_op(&e->c, 0xf7 | w, x->op == IR_mulhs ? 5 : 4, rm_reg(b));
    x_mov(&e->c, w, d, rm_reg(RDX));
}

/* RISC-V unprivileged 13.2: no traps; x/0 = -1, x%0 = x, min/-1 = min, min%-1 = 0. */
static void divide(struct emit *e)
{
    const struct ir_ins *x = cur_ins(e);
    struct code *c = &e->c;
    u32 w = width_of(x->type);
    bool is_signed = x->op == IR_divs || x->op == IR_rems,
         rem = x->op == IR_remu || x->op == IR_rems;
    unsigned a = alloc_use(e, x->a), b = alloc_use(e, x->b);
    alloc_operands_done(e);
    unsigned d = alloc_def(e);
    u8 *minus_one = NULL, *out = NULL;
    x_mov(c, w, RCX, rm_reg(b));
    x_mov(c, w, RAX, rm_reg(a));
    x_op(c, 0x85 | w, RCX, rm_reg(RCX));
    u8 *zero = x_jcc(c, X_E);
    if (is_signed) {
        x_alu_imm(c, ALU_CMP, w, rm_reg(RCX), -1);
        minus_one = x_jcc(c, X_E);
        if (w)
            emit8(c, 0x48);
        emit8(c, 0x99); /* cdq, cqo */
    } else
        x_zero(c, RDX);
    x_op(c, 0xf7 | w, is_signed ? 7 : 6, rm_reg(RCX));
    u8 *done = x_jmp(c);
    if (minus_one) {
        x_patch(c, minus_one, c->p);
        x_zero(c, RDX);
        x_op(c, 0xf7 | w, 3, rm_reg(RAX)); /* neg */
        out = x_jmp(c);
    }
    x_patch(c, zero, c->p);
    x_mov(c, w, RDX, rm_reg(RAX));
    x_mov_imm(c, RAX, w ? ~0ull : 0xffffffff);
    x_patch(c, done, c->p);
    if (out)
        x_patch(c, out, c->p);
    x_mov(c, w, d, rm_reg(rem ? RDX : RAX));
}

static void shift(struct emit *e)
{
    static const u8 ext[] = {[IR_shl - IR_shl] = 4,
                             [IR_shr - IR_shl] = 5,
                             [IR_sar - IR_shl] = 7,
                             [IR_rol - IR_shl] = 0,
                             [IR_ror - IR_shl] = 1};
    static const u32 bmi2[] = {P66, PF2, PF3}; /* shlx, shrx, sarx */
    const struct ir_ins *x = cur_ins(e);
    struct code *c = &e->c;
    u32 w = width_of(x->type);
    unsigned kind = x->op - IR_shl, mask = w ? 63 : 31;
    if (e->ir->ins[x->b].op == IR_constant) {
        struct rm a = alloc_operand(e, x->a);
        alloc_operands_done(e);
        unsigned d = alloc_def(e), n = (unsigned)e->ir->ins[x->b].imm & mask;
        copy(e, w, d, a);
        if (n) {
            x_op(c, 0xc1 | w, ext[kind], rm_reg(d));
            emit8(c, n);
        } else if (!w)
            x_mov(c, 0, d, rm_reg(d));
        return;
    }
    if (x->op <= IR_sar) {
        struct rm a = alloc_operand(e, x->a);
        unsigned b = alloc_use(e, x->b);
        alloc_operands_done(e);
        x_vex(c, 0xf7 | bmi2[kind] | w, 2, alloc_def(e), b, a);
        return;
    }
    unsigned a = alloc_use(e, x->a);
    x_mov(c, 0, RCX, alloc_operand(e, x->b));
    alloc_operands_done(e);
    unsigned d = alloc_def(e);
    copy(e, w, d, rm_reg(a));
    x_op(c, 0xd3 | w, ext[kind], rm_reg(d));
}

static void min_max(struct emit *e)
{
    static const u8 keep_b[] = {[IR_minu - IR_minu] = X_A,
                                [IR_maxu - IR_minu] = X_B,
                                [IR_mins - IR_minu] = X_G,
                                [IR_maxs - IR_minu] = X_L};
    const struct ir_ins *x = cur_ins(e);
    u32 w = width_of(x->type);
    unsigned a = alloc_use(e, x->a), b = alloc_use(e, x->b);
    alloc_operands_done(e);
    unsigned d = alloc_def(e);
    x_mov(&e->c, w, RAX, rm_reg(a));
    x_alu(&e->c, ALU_CMP, w, a, rm_reg(b));
    x_op(&e->c, 0x0f40u | keep_b[x->op - IR_minu] | w, RAX, rm_reg(b)); /* cmov */
    x_mov(&e->c, w, d, rm_reg(RAX));
}

static void carryless(struct emit *e)
{
    const struct ir_ins *x = cur_ins(e);
    alloc_load(e, RAX, x->a);
    emit_move(e, XMM0, rm_reg(RAX));
    alloc_load(e, RAX, x->b);
    emit_move(e, XMM0 + 1, rm_reg(RAX));
    alloc_operands_done(e);
    unsigned d = alloc_def(e);
    x_vex(&e->c, 0x44 | P66, 3, XMM0, XMM0, rm_reg(XMM0 + 1));
    emit8(&e->c, 0);
    if (x->op == IR_clmulh) {
        x_vex(&e->c, 0x16 | P66 | W, 3, XMM0, NOREG, rm_reg(d)); /* vpextrq 1 */
        emit8(&e->c, 1);
    } else
        emit_move(e, d, rm_reg(XMM0));
}

/* One source, one result, any operand. */
static void unary(struct emit *e)
{
    static const struct {
        u8 op;
        u32 code;
        bool fixed_width;
    } rows[] = {
        {IR_clz, 0x0fbd | PF3, false},    {IR_ctz, 0x0fbc | PF3, false},
        {IR_popcnt, 0x0fb8 | PF3, false}, {IR_sext8, 0x0fbe | BYTE | W, true},
        {IR_sext16, 0x0fbf | W, true},    {IR_sext32, 0x63 | W, true},
        {IR_zext8, 0x0fb6 | BYTE, true},  {IR_zext16, 0x0fb7, true},
        {IR_zext32, 0x8b, true},
    };
    const struct ir_ins *x = cur_ins(e);
    struct rm a = alloc_operand(e, x->a);
    alloc_operands_done(e);
    unsigned d = alloc_def(e);
    if (x->op == IR_bswap) {
        copy(e, width_of(x->type), d, a);
        if (width_of(x->type) | high(d))
            emit8(&e->c, 0x40 | (width_of(x->type) ? 8u : 0) | high(d));
        emit8(&e->c, 0x0f);
        emit8(&e->c, 0xc8 | (d & 7));
        return;
    }
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].op == x->op)
            x_op(&e->c, rows[i].code | (rows[i].fixed_width ? 0 : width_of(x->type)), d, a);
}

void emit_compare(struct emit *e, unsigned type, unsigned cc, val a, val b, enum x64_cc *out)
{
    static const u8 conds[CC_COUNT] = {X_E, X_NE, X_B, X_AE, X_BE, X_A, X_L, X_GE, X_LE, X_G};
    u32 w = width_of(type);
    i32 imm;
    *out = conds[cc];
    bool direct =
        alloc_imm(e, b, &imm) ||
        (!w && e->ir->ins[b].op == IR_constant); /* a 32-bit comparison takes any constant */
    if (direct && !imm) {
        unsigned r = alloc_use(e, a);
        x_op(&e->c, 0x85 | w, r, rm_reg(r));
    } else if (direct)
        x_alu_imm(&e->c, ALU_CMP, w, alloc_operand(e, a), imm);
    else {
        unsigned r = alloc_use(e, a);
        x_alu(&e->c, ALU_CMP, w, r, alloc_operand(e, b));
    }
}

static void set_if(struct emit *e)
{
    const struct ir_ins *x = cur_ins(e);
    enum x64_cc cc;
    emit_compare(e, x->type, x->aux, x->a, x->b, &cc);
    x_setcc(&e->c, cc, RAX);
    alloc_operands_done(e);
    x_op(&e->c, 0x0fb6 | BYTE, alloc_def(e), rm_reg(RAX)); /* movzx */
}

static void select_value(struct emit *e)
{
    const struct ir_ins *x = cur_ins(e);
    struct code *c = &e->c;
    alloc_load(e, RAX, x->c);
    alloc_load(e, RDX, x->b);
    unsigned a = alloc_use(e, x->a);
    x_op(c, 0x85 | W, a, rm_reg(a));
    x_op(c, 0x0f40u | X_NE | W, RAX, rm_reg(RDX));
    alloc_operands_done(e);
    x_mov(c, W, alloc_def(e), rm_reg(RAX));
}

static void and_not(struct emit *e)
{
    const struct ir_ins *x = cur_ins(e);
    struct rm a = alloc_operand(e, x->a);
    unsigned b = alloc_use(e, x->b);
    alloc_operands_done(e);
    x_vex(&e->c, 0xf2 | width_of(x->type), 2, alloc_def(e), b, a); /* andn: ~b & a */
}

void emit_int(struct emit *e)
{
    switch (cur_ins(e)->op) {
    case IR_add: add(e); break;
    case IR_sub: alu(e, ALU_SUB); break;
    case IR_and: alu(e, ALU_AND); break;
    case IR_or: alu(e, ALU_OR); break;
    case IR_xor: alu(e, ALU_XOR); break;
    case IR_andn: and_not(e); break;
    case IR_mul: multiply(e); break;
    case IR_mulhu:
    case IR_mulhs:
    case IR_mulhsu: multiply_high(e); break;
    case IR_divu:
    case IR_divs:
    case IR_remu:
    case IR_rems: divide(e); break;
    case IR_shl:
    case IR_shr:
    case IR_sar:
    case IR_rol:
    case IR_ror: shift(e); break;
    case IR_minu:
    case IR_maxu:
    case IR_mins:
    case IR_maxs: min_max(e); break;
    case IR_clmul:
    case IR_clmulh: carryless(e); break;
    case IR_setcc: set_if(e); break;
    case IR_sel: select_value(e); break;
    default: unary(e);
    }
}
