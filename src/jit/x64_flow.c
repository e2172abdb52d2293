/* jit/x64_flow.c - control transfers, helper calls, fields of the CPU struct. */
#include "jit/emit.h"

/* Keeps a displacement that will be patched while other CPUs run it inside one cache line. */
static void align_site(struct emit *e, unsigned opcode_bytes)
{
    while ((((uintptr_t)e->c.p + opcode_bytes) & 63) > 60 && !e->c.full)
        emit8(&e->c, 0x90);
}

static void branch_if(struct emit *e)
{
    const struct ir_ins *x = cur_ins(e);
    enum x64_cc cc;
    emit_compare(e, x->type, x->aux, x->a, x->b, &cc);
    alloc_operands_done(e);
    align_site(e, 2);
    emit_jump_label(e, x_jcc(&e->c, cc), x->c);
}

static void label(struct emit *e)
{
    e->label[cur_ins(e)->c] = e->c.p;
    alloc_scope(e);
}

/* The instruction before x that emits something. */
static const struct ir_ins *before(const struct emit *e, const struct ir_ins *x)
{
    do
        x--;
    while (x > e->ir->ins && (x->op == IR_nop || x->op == IR_insn || x->op == IR_constant));
    return x;
}

/* An exit that only one conditional branch reaches is linked at that branch. */
static u8 *only_branch_here(struct emit *e)
{
    const struct ir_ins *prev = before(e, cur_ins(e));
    u8 *site = NULL;
    if (e->remapped || prev->op != IR_label || !(ir_opinfo[before(e, prev)->op].fx & FX_END))
        return NULL;
    for (u32 i = 0; i < e->n_fix; i++)
        if (e->fix[i].label == prev->c) {
            if (site)
                return NULL;
            site = e->fix[i].site;
        }
    return site;
}

static void exit_to(struct emit *e)
{
    struct code *c = &e->c;
    u64 pc = cur_ins(e)->imm;
    u8 *site = only_branch_here(e);
    if (!site) { /* falls into its own stub until linked */
        map_leave(e);
        align_site(e, 1);
        site = x_jmp(c);
    }
    bool same_page = !((pc ^ e->unit->pc) >> PAGE_BITS);
    x_patch(&e->c, x_call(c), same_page ? e->jit->leave_link : e->jit->leave_link_far);
    emit64(c, pc);
    emit32(c, (u32)(site - e->jit->rw));
}

/* rdx = target: the jump cache, then the run loop. */
static void exit_indirect(struct emit *e)
{
    const struct ir_ins *x = cur_ins(e);
    struct code *c = &e->c;
    alloc_load(e, RDX, x->a);
    map_leave(e);
    emit_jump_cache(c);
    x_patch(&e->c, x_jmp(c), e->jit->indirect);
    alloc_operands_done(e);
}

void emit_jump_cache(struct code *c)
{
    i64 table = offsetof(struct cpu, jump);
    struct rm entry = rm_sib(R14, RAX, 1, table - CPU_BIAS), host = entry;
    host.disp += (i32)offsetof(struct jump, host);
    x_mov(c, 0, RAX, rm_reg(RDX));
    x_op(c, 0xc1, 4, rm_reg(RAX)); /* shl eax: (pc / 2) * 16 */
    emit8(c, 3);
    x_alu_imm(c, ALU_AND, 0, rm_reg(RAX), (JUMP_SIZE - 1) << 4);
    x_alu(c, ALU_CMP, W, RDX, entry);
    u8 *miss = x_jcc(c, X_NE);
    x_op(c, 0xff, 4, host); /* jmp [host] */
    x_patch(c, miss, c->p);
}

static void exit_with(struct emit *e)
{
    struct code *c = &e->c;
    if (!cur_ins(e)->aux) {
        emit_leave(e, e->jit->next);
        return;
    }
    x_mov_imm(c, RAX, JIT_REASON + cur_ins(e)->aux);
    emit_leave(e, e->jit->leave);
}

static void leave_at_pc(struct emit *e, const struct cold *k)
{
    map_leave(e);
    emit_leave_at(e, k->imm);
}

static void poll(struct emit *e)
{
    x_alu_imm(&e->c, ALU_CMP, 0, rm_cpu(offsetof(struct cpu, exit_req)), 0);
    emit_cold(e, leave_at_pc, x_jcc(&e->c, X_NE))->imm = cur_ins(e)->imm;
}

/* Arguments in rcx, rdx and the frame; the function in rax. */
static void call(struct emit *e)
{
    const struct ir_ins *x = cur_ins(e);
    const struct ir_helper *h = e->ir->helper[x->aux];
    struct code *c = &e->c;
    static const u8 regs[3] = {RCX, RDX, RAX}; /* an argument that is not given is 0 */
    for (unsigned k = 3; k--;) {
        val v = (&x->a)[k];
        if (v)
            alloc_load(e, regs[k], v);
        else
            x_zero(c, regs[k]);
        if (k == 2)
            x_store(c, W, rm_mem(RSP, FRAME_ARG), RAX);
    }
    alloc_operands_done(e);
    alloc_for_call(e, h->flags);
    if (h->flags & HELP_FAULT)
        emit_set_pc(e, e->unit->pc + (u64)(i64)e->guest);
    x_mov_imm(c, RAX, (uintptr_t)h->fn);
    emit_call_thunk(e,
                    h->flags & HELP_FP     ? e->jit->call_fp
                    : h->flags & HELP_PURE ? e->jit->call_pure
                                           : e->jit->call_state,
                    h->flags & HELP_FAULT);
    if (e->first_use[e->cur])
        emit_move(e, alloc_def(e), rm_reg(RAX));
}

static void load_field(struct emit *e)
{
    const struct ir_ins *x = cur_ins(e);
    unsigned d = alloc_def(e);
    struct rm m = rm_cpu((i32)x->c);
    if (is_xmm(d))
        x_vex(&e->c, 0x10 | (x->type == F64 ? PF2 : PF3), 1, d, NOREG, m);
    else
        x_mov(&e->c, width_of(x->type), d, m);
}

static void store_field(struct emit *e)
{
    const struct ir_ins *x = cur_ins(e);
    struct rm m = rm_cpu((i32)x->c);
    i32 imm;
    if (x->type == I64 && alloc_imm(e, x->a, &imm))
        x_store_imm(&e->c, m, imm);
    else {
        unsigned a = alloc_use(e, x->a);
        if (is_xmm(a))
            x_vex(&e->c, 0x11 | (x->type == F64 ? PF2 : PF3), 1, a, NOREG, m);
        else
            x_store(&e->c, width_of(x->type), m, a);
    }
    alloc_operands_done(e);
}

void emit_control(struct emit *e)
{
    switch (cur_ins(e)->op) {
    case IR_label: label(e); break;
    case IR_br: emit_jump_label(e, x_jmp(&e->c), cur_ins(e)->c); break;
    case IR_brcc: branch_if(e); break;
    case IR_poll: poll(e); break;
    case IR_exit: exit_to(e); break;
    case IR_exiti: exit_indirect(e); break;
    case IR_exitx: exit_with(e); break;
    case IR_call: call(e); break;
    case IR_lde: load_field(e); break;
    case IR_ste: store_field(e); break;
    default: /* fence: x86 orders all but store-load (Intel SDM 3, 9.2.2) */
        if (cur_ins(e)->aux)
            x_alu_imm(&e->c, ALU_OR, LOCK, rm_mem(RSP, FRAME_ARG), 0);
    }
}
