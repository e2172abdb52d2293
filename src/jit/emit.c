/* jit/emit.c - compiles one unit: prologue, instructions, code out of line, side table. */
#include "jit/emit.h"

void emit_move(struct emit *e, unsigned dst, struct rm src)
{
    struct code *c = &e->c;
    if (src.reg == dst)
        return;
    if (is_xmm(dst) && is_xmm(src.reg))
        x_vex(c, 0x28, 1, dst, NOREG, src); /* vmovaps */
    else if (is_xmm(dst) && src.reg != NOREG)
        x_vex(c, 0x6e | P66 | W, 1, dst, NOREG, src); /* vmovq */
    else if (is_xmm(dst))
        x_vex(c, 0x7e | PF3, 1, dst, NOREG, src);
    else if (is_xmm(src.reg))
        x_vex(c, 0x7e | P66 | W, 1, src.reg, NOREG, rm_reg(dst));
    else
        x_mov(c, W, dst, src);
}

struct cold *emit_cold(struct emit *e, void (*fn)(struct emit *, const struct cold *), u8 *from)
{
    static struct cold sink;
    if (e->n_cold == MAX_COLD) {
        e->failed = true;
        return &sink;
    }
    struct cold *k = &e->cold[e->n_cold++];
    *k = (struct cold){.emit = fn, .from = from, .ins = e->cur, .guest = e->guest};
    return k;
}

/* The code position after a call maps to the guest instruction that makes it. */
static void note_pc(struct emit *e)
{
    if (e->n_pcs == MAX_COLD) {
        e->failed = true;
        return;
    }
    e->pcs[e->n_pcs++] = (struct jit_pc){(u32)(e->c.p - e->body), e->guest};
}

void emit_call_thunk(struct emit *e, const u8 *thunk, bool may_fault)
{
    if (e->remapped)
        emit_jump_label(e, x_call(&e->c), TO_PINS);
    x_patch(&e->c, x_call(&e->c), thunk);
    note_pc(e);
    if (may_fault) {
        x_alu_imm(&e->c, ALU_CMP, 0, rm_cpu(offsetof(struct cpu, exc)), 0);
        x_patch(&e->c, x_jcc(&e->c, X_NE), e->jit->leave_exc);
    }
    if (e->remapped)
        emit_jump_label(e, x_call(&e->c), FROM_PINS);
}

void emit_leave_at(struct emit *e, u64 pc)
{
    x_patch(&e->c, x_call(&e->c), e->jit->leave_at);
    emit64(&e->c, pc);
}

void emit_leave(struct emit *e, const u8 *thunk)
{
    map_leave(e);
    x_patch(&e->c, x_jmp(&e->c), thunk);
}

void emit_set_pc(struct emit *e, u64 pc)
{
    if ((i64)pc == (i32)pc)
        x_store_imm(&e->c, rm_cpu(offsetof(struct cpu, pc)), (i32)pc);
    else {
        x_mov_imm(&e->c, RAX, pc);
        x_store(&e->c, W, rm_cpu(offsetof(struct cpu, pc)), RAX);
    }
}

void emit_jump_label(struct emit *e, u8 *site, u32 label)
{
    if (e->label[label])
        x_patch(&e->c, site, e->label[label]);
    else if (e->n_fix < IR_MAX)
        e->fix[e->n_fix++] = (struct fixup){site, label};
    else
        e->failed = true;
}

/* Compares a context's mapping id for one page with the unit's; both jumps go to `fail`. */
static u8 *check_mapping(struct emit *e, u32 slot, u32 id)
{
    struct rm m = rm_mem(R15, (i64)offsetof(struct tlb, fetch) + slot * 4);
    x_op(&e->c, 0x81, ALU_CMP, m);
    emit32(&e->c, id);
    return x_jcc(&e->c, X_NE);
}

static void emit_instruction(struct emit *e)
{
    const struct ir_ins *x = cur_ins(e);
    alloc_begin(e);
    switch (x->op) {
    case IR_nop: break;
    case IR_constant: alloc_bind(e, NOREG); break;
    case IR_insn: e->guest = (i32)(x->imm - e->unit->pc); break;
    case IR_get: alloc_get(e); break;
    case IR_set: alloc_set(e); break;
    case IR_ld:
    case IR_st:
    case IR_amo:
    case IR_cas: emit_mem(e); break;
    case IR_label:
    case IR_br:
    case IR_brcc:
    case IR_poll:
    case IR_exit:
    case IR_exiti:
    case IR_exitx:
    case IR_call:
    case IR_fence:
    case IR_lde:
    case IR_ste: emit_control(e); break;
    default:
        if (x->op >= IR_fadd && x->op <= IR_mov_fi)
            emit_float(e);
        else
            emit_int(e);
    }
}

static void emit_unit(struct emit *e)
{
    struct code *c = &e->c;
    u8 *fail[3] = {0};
    e->body = c->p;
    fail[0] = check_mapping(e, e->unit->fetch_slot, e->unit->id);
    if (e->unit->id2)
        fail[1] = check_mapping(e, e->unit->fetch_slot2, e->unit->id2);
    while ((uintptr_t)c->p & 7 && !c->full)
        emit8(c, 0x90);
    e->unit->entry = (u32)(c->p - e->body);
    x_alu_imm(c, ALU_CMP, 0, rm_cpu(offsetof(struct cpu, exit_req)), 0); /* 5 bytes: jit_kill */
    fail[2] = x_jcc(c, X_NE);
    map_enter(e);

    for (e->cur = 1; e->cur < e->ir->n && !c->full && !e->failed; e->cur++)
        emit_instruction(e);

    e->unit->fail = (u32)(c->p - e->body);
    for (unsigned i = 0; i < ARRAY_LEN(fail); i++)
        if (fail[i])
            x_patch(c, fail[i], c->p);
    emit_leave_at(e, e->unit->pc); /* nothing of the unit has run */
    for (u32 i = 0; i < e->n_cold && !c->full; i++) {
        const struct cold *k = &e->cold[i];
        x_patch(c, k->from, c->p);
        e->cur = k->ins;
        e->guest = k->guest;
        k->emit(e, k);
    }
    if (e->remapped)
        map_subroutines(e);
    for (u32 i = 0; i < e->n_fix && !c->full; i++)
        x_patch(c, e->fix[i].site, e->label[e->fix[i].label]);
}

enum jit_made jit_compile(struct jit *j, const struct ir *ir, struct jit_unit *u)
{
    static struct emit *e; /* one compiler at a time: the caller holds the engine's lock */
    if (!e)
        e = new(struct emit);
    u8 *start = j->rw + ((j->used + 15) & ~15ull);
    e->jit = j;
    e->ir = ir;
    e->unit = u;
    e->c = (struct code){start, start, j->rw + j->size, false};
    e->n_fix = e->n_cold = e->n_pcs = 0;
    e->guest = 0;
    e->failed = false;
    memset(e->label, 0, sizeof e->label);
    map_choose(e);
    alloc_prepare(e);
    alloc_scope(e);
    emit_unit(e);
    if (e->failed)
        return JIT_CROWDED;
    if (e->c.full)
        return JIT_FULL;
    u->code = j->rx + (start - j->rw);
    u->size = (u32)(e->c.p - start);
    u->n_pcs = e->n_pcs;
    u->pcs = new_array(struct jit_pc, e->n_pcs);
    memcpy(u->pcs, e->pcs, e->n_pcs * sizeof *e->pcs);
    jit_took(j, (u64)(e->c.p - j->rw));
    if (j->perf)
        fprintf(j->perf, "%lx %x guest:%llx\n", (unsigned long)(uintptr_t)u->code, u->size,
                (unsigned long long)u->pc);
    return JIT_MADE;
}

void jit_release(struct jit_unit *u)
{
    free(u->pcs);
    u->pcs = NULL;
}

u64 jit_guest_pc(const struct jit_unit *u, const u8 *host)
{
    u32 off = (u32)(host - u->code), lo = 0, hi = u->n_pcs;
    while (lo < hi) {
        u32 mid = (lo + hi) / 2;
        if (u->pcs[mid].host < off)
            lo = mid + 1;
        else
            hi = mid;
    }
    return u->pc + (u64)(i64)(lo < u->n_pcs ? u->pcs[lo].guest : 0);
}
