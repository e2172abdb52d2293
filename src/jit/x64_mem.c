/* jit/x64_mem.c - guest memory: the inline TLB probes, and atomics.
 *
 * The far probe: index by the page of the first byte, compare the entry's tag with the page of the
 * last byte (or with the low bits that must be zero where alignment is demanded), add the entry's
 * addend. A tag with any flag bit never matches. What fails goes through mem/tlb.c.
 *
 * Its loads depend on the address, so the access itself starts a dozen cycles late. In loops, and
 * relative to the stack pointer, an access mostly stays in the page of the last one: there the near
 * probe first compares with an entry at a fixed place, whose addend is at hand before the address
 * is. That entry cannot tell which page the access begins in, so it serves aligned ones only. Out
 * of line the far probe refills it.
 */
#include "jit/emit.h"

static unsigned size_of(unsigned mop) { return 1u << (mop & MOP_SIZE); }

static bool stays_near(const struct emit *e)
{
    val base = cur_ins(e)->a;
    return e->scale[e->cur] > 1 || e->value_slot[base] == e->jit->cfg.hot[0];
}

/* rdx = what a tag must equal for the access to be in one page, and aligned if MOP_ALIGNED is set.
 * */
static void expected_tag(struct emit *e, unsigned base, i32 disp, u64 mop)
{
    unsigned size = size_of((unsigned)mop);
    bool aligned = mop & MOP_ALIGNED && size > 1;
    i64 last = (i64)disp + (aligned ? 0 : size - 1);
    if (last)
        x_lea(&e->c, W, RDX, rm_mem(base, last));
    else
        x_mov(&e->c, W, RDX, rm_reg(base));
    x_alu_imm(&e->c, ALU_AND, W, rm_reg(RDX), -PAGE_SIZE | (i32)(aligned ? size - 1 : 0));
}

void emit_far_probe(struct code *c, u32 table)
{
    x_op(c, 0xc1, 5, rm_reg(RCX)); /* shr ecx: page number times 16 */
    emit8(c, PAGE_BITS - 4);
    x_alu_imm(c, ALU_AND, 0, rm_reg(RCX), (TLB_SIZE - 1) << 4);
    x_alu(c, ALU_CMP, W, RDX, rm_sib(R15, RCX, 1, table));
}

static void address_to_ecx(struct emit *e, struct rm address)
{
    if (address.disp)
        x_lea(&e->c, 0, RCX, address);
    else
        x_mov(&e->c, 0, RCX, rm_reg(address.base));
}

/* The near entry missed: probe far and remember, or access through C. */
static void near_miss(struct emit *e, const struct cold *k)
{
    if (!(k->imm & MOP_ALIGNED))
        expected_tag(e, k->mem.base, k->mem.disp, k->imm);
    address_to_ecx(e, k->mem);
    x_patch(&e->c, x_call(&e->c), k->fill);
    x_patch(&e->c, x_jcc(&e->c, X_E), k->probed);
    k->slow(e, k);
}

/* Leaves the addend in rcx; uses rdx. On a miss `slow` makes the access out of line. */
static struct cold *probe(struct emit *e, unsigned base, i32 disp, unsigned mop, bool write,
                          void (*slow)(struct emit *, const struct cold *))
{
    struct rm address = rm_mem(base, disp);
    struct code *c = &e->c;
    struct cold *k;
    bool near_first = stays_near(e);
    expected_tag(e, base, disp, near_first ? mop | MOP_ALIGNED : mop);
    if (near_first) {
        unsigned n = e->near++ % NEAR_SIZE;
        u64 near = (write ? offsetof(struct tlb, near_write) : offsetof(struct tlb, near_read)) +
                   n * sizeof(struct tlb_entry);
        x_alu(c, ALU_CMP, W, RDX, rm_mem(R15, (i64)near));
        k = emit_cold(e, near_miss, x_jcc(c, X_NE));
        x_mov(c, W, RCX, rm_mem(R15, (i64)near + 8));
        k->fill = e->jit->near_fill[write][n];
        k->slow = slow;
        k->probed = c->p;
    } else {
        u32 table = write ? offsetof(struct tlb, write) : offsetof(struct tlb, read);
        address_to_ecx(e, address);
        emit_far_probe(c, table);
        k = emit_cold(e, slow, x_jcc(c, X_NE));
        x_mov(c, W, RCX, rm_sib(R15, RCX, 1, table + 8));
    }
    k->mem = address;
    k->imm = mop;
    return k;
}

/* The access through C: rdx = address, other arguments are in place. */
static void slow_call(struct emit *e, const struct cold *k, const u8 *thunk)
{
    x_lea(&e->c, W, RDX, k->mem);
    emit_call_thunk(e, thunk, false);
}

static void slow_load(struct emit *e, const struct cold *k)
{
    slow_call(e, k, e->jit->load[k->imm]);
    emit_move(e, k->reg[0], rm_reg(RAX));
    x_patch(&e->c, x_jmp(&e->c), k->back);
}

static void load(struct emit *e)
{
    static const u32 opcodes[8] = {
        [MOP_8] = 0x0fb6,
        [MOP_16] = 0x0fb7,
        [MOP_32] = 0x8b,
        [MOP_64] = 0x8b | W,
        [MOP_SIGNED | MOP_8] = 0x0fbe | W,
        [MOP_SIGNED | MOP_16] = 0x0fbf | W,
        [MOP_SIGNED | MOP_32] = 0x63 | W,
        [MOP_SIGNED | MOP_64] = 0x8b | W,
    };
    const struct ir_ins *x = cur_ins(e);
    unsigned base = alloc_use(e, x->a);
    i32 disp = (i32)x->c;
    alloc_operands_done(e);
    unsigned d = alloc_def(e);
    struct cold *k = probe(e, base, disp, x->aux, x->aux & MOP_STORE_PROBE, slow_load);
    struct rm m = rm_sib(RCX, base, 1, disp);
    if (x->aux & MOP_FLOAT)
        x_vex(&e->c, 0x10 | ((x->aux & MOP_SIZE) == MOP_64 ? PF2 : PF3), 1, d, NOREG, m);
    else
        x_op(&e->c, opcodes[x->aux & (MOP_SIZE | MOP_SIGNED)], d, m);
    k->back = e->c.p;
    k->reg[0] = (u8)d;
}

static void slow_store(struct emit *e, const struct cold *k)
{
    if (k->reg[0] == NOREG)
        x_mov_imm(&e->c, RAX, e->ir->ins[cur_ins(e)->b].imm);
    else
        emit_move(e, RAX, rm_reg(k->reg[0]));
    slow_call(e, k, e->jit->store[k->imm]);
    x_patch(&e->c, x_jmp(&e->c), k->back);
}

static void store(struct emit *e)
{
    const struct ir_ins *x = cur_ins(e);
    struct code *c = &e->c;
    unsigned base = alloc_use(e, x->a), value = NOREG, size = size_of(x->aux);
    i32 disp = (i32)x->c, imm;
    bool direct = alloc_imm(e, x->b, &imm) && e->v[x->b].reg == NOREG && !(x->aux & MOP_FLOAT);
    if (!direct) {
        struct rm v = alloc_operand(e, x->b);
        if (v.reg == NOREG)
            emit_move(e, x->aux & MOP_FLOAT ? XMM0 : RAX, v);
        value = v.reg != NOREG ? v.reg : x->aux & MOP_FLOAT ? XMM0 : RAX;
    }
    struct cold *k = probe(e, base, disp, x->aux, true, slow_store);
    struct rm m = rm_sib(RCX, base, 1, disp);
    u32 prefix = size == 8 ? W : size == 2 ? P66 : size == 1 ? BYTE : 0;
    if (x->aux & MOP_FLOAT)
        x_vex(c, 0x11 | (size == 8 ? PF2 : PF3), 1, value, NOREG, m);
    else if (direct) {
        x_op(c, (size == 1 ? 0xc6u : 0xc7u) | prefix, 0, m);
        emit_bytes(c, &imm, MIN(size, 4));
    } else
        x_op(c, (size == 1 ? 0x88u : 0x89u) | prefix, value, m);
    k->back = c->p;
    k->reg[0] = (u8)value;
    alloc_operands_done(e);
}

/* ---- atomics --------------------------------------------------------------------------------- */

/* The old value, in rax, becomes the result: extended as the mop says. */
static void finish_atomic(struct emit *e, u32 w, unsigned mop)
{
    alloc_operands_done(e);
    unsigned d = alloc_def(e);
    if (!w && mop & MOP_SIGNED)
        x_op(&e->c, 0x63 | W, d, rm_reg(RAX));
    else
        x_mov(&e->c, w, d, rm_reg(RAX));
}

static void slow_atomic(struct emit *e, const struct cold *k)
{
    if (cur_ins(e)->op == IR_cas) {
        x_store(&e->c, W, rm_mem(RSP, FRAME_ARG), k->reg[1]);
        x_mov(&e->c, W, RAX, rm_reg(k->reg[0]));
    } else
        x_mov(&e->c, W, RAX, rm_reg(k->reg[0]));
    x_mov_imm(&e->c, RCX, k->imm);
    slow_call(e, k, cur_ins(e)->op == IR_cas ? e->jit->cas : e->jit->amo);
    x_patch(&e->c, x_jmp(&e->c), k->back);
}

/* rax = old value; a compare-and-exchange loop around `rdx = old op v`. */
static void amo_loop(struct emit *e, u32 w, unsigned kind, unsigned v)
{
    static const u8 alus[] = {[AMO_AND] = ALU_AND, [AMO_OR] = ALU_OR, [AMO_XOR] = ALU_XOR};
    static const u8 keep_v[] = {
        [AMO_MINS] = X_G, [AMO_MAXS] = X_L, [AMO_MINU] = X_A, [AMO_MAXU] = X_B};
    struct code *c = &e->c;
    struct rm mem = rm_mem(RCX, 0);
    x_mov(c, w, RAX, mem);
    u8 *again = c->p;
    x_mov(c, w, RDX, rm_reg(RAX));
    if (kind <= AMO_XOR)
        x_alu(c, (enum alu)alus[kind], w, RDX, rm_reg(v));
    else {
        x_alu(c, ALU_CMP, w, RAX, rm_reg(v));
        x_op(c, 0x0f40u | keep_v[kind] | w, RDX, rm_reg(v));
    }
    x_op(c, 0x0fb1 | LOCK | w, RDX, mem); /* cmpxchg */
    x_patch(c, x_jcc(c, X_NE), again);
}

static void amo(struct emit *e)
{
    const struct ir_ins *x = cur_ins(e);
    struct code *c = &e->c;
    unsigned mop = x->aux & 0xff, kind = x->aux >> 8, base = alloc_use(e, x->a),
             v = alloc_use(e, x->b);
    u32 w = (mop & MOP_SIZE) == MOP_64 ? W : 0;
    struct cold *k = probe(e, base, 0, mop | MOP_ALIGNED, true, slow_atomic);
    x_alu(c, ALU_ADD, W, RCX, rm_reg(base));
    if (kind == AMO_SWAP || kind == AMO_ADD) {
        x_mov(c, W, RAX, rm_reg(v));
        x_op(c, (kind == AMO_SWAP ? 0x87u : 0x0fc1u | LOCK) | w, RAX, rm_mem(RCX, 0));
    } else
        amo_loop(e, w, kind, v);
    k->back = c->p;
    k->imm = x->aux | MOP_ALIGNED;
    k->reg[0] = (u8)v;
    finish_atomic(e, w, mop);
}

static void compare_and_swap(struct emit *e)
{
    const struct ir_ins *x = cur_ins(e);
    struct code *c = &e->c;
    unsigned mop = x->aux, base = alloc_use(e, x->a), v = alloc_use(e, x->c);
    u32 w = (mop & MOP_SIZE) == MOP_64 ? W : 0;
    alloc_load(e, RAX, x->b);
    struct cold *k = probe(e, base, 0, mop | MOP_ALIGNED, true, slow_atomic);
    x_alu(c, ALU_ADD, W, RCX, rm_reg(base));
    x_op(c, 0x0fb1 | LOCK | w, v, rm_mem(RCX, 0));
    k->back = c->p;
    k->reg[0] = RAX;
    k->reg[1] = (u8)v;
    finish_atomic(e, w, mop);
}

void emit_mem(struct emit *e)
{
    switch (cur_ins(e)->op) {
    case IR_ld: load(e); break;
    case IR_st: store(e); break;
    case IR_amo: amo(e); break;
    default: compare_and_swap(e);
    }
}
