/* jit/thunks.c - the fixed pieces of generated code: entry, exit, and calls into C. */
#include "jit/emit.h"

enum { TEMPS = N_TEMP + N_FTEMP };

static bool callee_saved(unsigned r) { return r == RBX || r == RBP || (r >= R12 && r <= R15); }

static void move_slot(struct code *c, unsigned r, struct rm home, bool to_memory)
{
    if (is_xmm(r))
        x_vex(c, to_memory ? 0xd6 | P66 : 0x7e | PF3, 1, r, NOREG, home); /* vmovq */
    else
        x_op(c, (to_memory ? 0x89u : 0x8bu) | W, r, home);
}

static void save_pins(const struct jit *j, struct code *c)
{
    for (unsigned r = 0; r < REGS; r++)
        if (j->slot_of[r] != ~0u)
            move_slot(c, r, rm_cpu(j->cfg.slots[j->slot_of[r]].off), true);
}

static void load_pins(const struct jit *j, struct code *c, bool all)
{
    for (unsigned r = 0; r < REGS; r++)
        if (j->slot_of[r] != ~0u && (all || !callee_saved(r)))
            move_slot(c, r, rm_cpu(j->cfg.slots[j->slot_of[r]].off), false);
}

/* Temporaries to and from the frame; `up` bytes of the stack lie between rsp and the frame. */
static void move_temps(struct code *c, i32 up, bool to_memory)
{
    for (unsigned i = 0; i < TEMPS; i++) {
        unsigned r = i < N_TEMP ? temp_regs[i] : ftemp_regs[i - N_TEMP];
        move_slot(c, r, rm_mem(RSP, up + FRAME_SAVE + (i32)i * 8), to_memory);
    }
}

static void move_mxcsr(struct code *c, u64 save, u64 load)
{
    x_vex(c, 0xae, 1, 3, NOREG, rm_cpu((i64)save)); /* vstmxcsr */
    x_vex(c, 0xae, 1, 2, NOREG, rm_cpu((i64)load)); /* vldmxcsr */
}
#define GUEST_MXCSR offsetof(struct cpu, mxcsr)
#define HOST_MXCSR offsetof(struct cpu, host_mxcsr)

static void adjust_rsp(struct code *c, i32 by) { x_alu_imm(c, ALU_ADD, W, rm_reg(RSP), by); }
static void cpu_to_rdi(struct code *c) { x_lea(c, W, RDI, rm_mem(R14, -CPU_BIAS)); }

/* ---- slow accesses --------------------------------------------------------------------------- */

struct slow {
    u64 value, ok;
};
const struct jit_unit *(*jit_find_unit)(struct cpu *, const u8 *host);

static struct slow slow_result(struct cpu *c, u64 v, bool ok, const u8 *from)
{
    if (!ok)
        c->pc = jit_guest_pc(jit_find_unit(c, from), from);
    c->slow_accesses++;
    return (struct slow){v, ok};
}
static struct slow slow_load(struct cpu *c, u64 addr, u32 mop, u64 v, const u8 *from)
{
    bool ok = cpu_load(c, addr, (u16)mop, &v);
    return slow_result(c, v, ok, from);
}
static struct slow slow_store(struct cpu *c, u64 addr, u32 mop, u64 v, const u8 *from)
{
    bool ok = cpu_store(c, addr, (u16)mop, v);
    return slow_result(c, 0, ok, from);
}
static struct slow slow_amo(struct cpu *c, u64 addr, u32 aux, u64 v, const u8 *from)
{
    u64 old = 0;
    bool ok = cpu_amo(c, addr, (u16)aux, v, &old);
    return slow_result(c, old, ok, from);
}
static struct slow slow_cas(struct cpu *c, u64 addr, u32 mop, u64 expected, const u8 *from, u64 v)
{
    u64 old = 0;
    bool ok = cpu_cas(c, addr, (u16)mop, expected, v, &old);
    return slow_result(c, old, ok, from);
}

/* In: rdx address, ecx how, rax value, frame: second value. Out: rax. All else is kept; on a fault
 * the unit is left with the state that its slots had. */
static const u8 *slow_thunk(struct jit *j, struct code *c, const void *fn, const u8 *fault)
{
    const u8 *start = c->p;
    adjust_rsp(c, -8);
    save_pins(j, c);
    move_temps(c, 16, true);
    cpu_to_rdi(c);
    x_mov(c, W, RSI, rm_reg(RDX));
    x_mov(c, 0, RDX, rm_reg(RCX));
    x_mov(c, W, RCX, rm_reg(RAX));
    x_mov(c, W, R8, rm_mem(RSP, 8));
    x_mov(c, W, R9, rm_mem(RSP, 16 + FRAME_ARG));
    x_mov_imm(c, RAX, (uintptr_t)fn);
    x_op(c, 0xff, 2, rm_reg(RAX));
    x_op(c, 0x85, RDX, rm_reg(RDX));
    x_patch(c, x_jcc(c, X_E), fault);
    load_pins(j, c, false);
    move_temps(c, 16, false);
    adjust_rsp(c, 8);
    emit8(c, 0xc3);
    return start;
}

/* The same for each mop, so that the places that call need not say it. */
static void mop_thunks(struct code *c, const u8 *out[MOPS], const u8 *slow)
{
    for (u32 mop = 0; mop < MOPS; mop++) {
        out[mop] = c->p;
        x_mov_imm(c, RCX, mop);
        x_patch(c, x_jmp(c), slow);
    }
}

/* The far probe for one near entry (x64_mem.c), which it fills. */
static const u8 *near_thunk(struct code *c, bool write, unsigned n)
{
    const u8 *start = c->p;
    u32 table = write ? offsetof(struct tlb, write) : offsetof(struct tlb, read);
    u32 near = (u32)(write ? offsetof(struct tlb, near_write) : offsetof(struct tlb, near_read)) +
               n * (u32)sizeof(struct tlb_entry);
    emit_far_probe(c, table);
    u8 *miss = x_jcc(c, X_NE);
    x_mov(c, W, RCX, rm_sib(R15, RCX, 1, table + 8));
    x_store(c, W, rm_mem(R15, near), RDX);
    x_store(c, W, rm_mem(R15, near + 8), RCX);
    x_patch(c, miss, c->p);
    emit8(c, 0xc3);
    return start;
}

/* In: rax function, rcx, rdx, frame: arguments. Out: rax. */
static const u8 *call_thunk(struct jit *j, struct code *c, bool keep_temps, bool fp)
{
    const u8 *start = c->p;
    adjust_rsp(c, -8);
    save_pins(j, c);
    if (keep_temps)
        move_temps(c, 16, true);
    if (fp)
        move_mxcsr(c, GUEST_MXCSR, HOST_MXCSR);
    cpu_to_rdi(c);
    x_mov(c, W, RSI, rm_reg(RCX));
    x_mov(c, W, RCX, rm_mem(RSP, 16 + FRAME_ARG));
    x_op(c, 0xff, 2, rm_reg(RAX));
    if (fp)
        x_vex(c, 0xae, 1, 2, NOREG, rm_cpu(GUEST_MXCSR));
    load_pins(j, c, true);
    if (keep_temps)
        move_temps(c, 16, false);
    adjust_rsp(c, 8);
    emit8(c, 0xc3);
    return start;
}

/* ---- entry and exits ------------------------------------------------------------------------- */

static const u8 saved_regs[] = {RBX, RBP, R12, R13, R14, R15};

static const u8 *enter_thunk(struct jit *j, struct code *c)
{
    const u8 *start = c->p;
    for (unsigned i = 0; i < ARRAY_LEN(saved_regs); i++)
        x_push(c, saved_regs[i]);
    adjust_rsp(c, -FRAME_SIZE);
    x_lea(c, W, R14, rm_mem(RDI, CPU_BIAS));
    x_mov(c, W, RAX, rm_reg(RSI));
    x_mov(c, W, R15, rm_cpu(offsetof(struct cpu, tlb)));
    move_mxcsr(c, HOST_MXCSR, GUEST_MXCSR);
    load_pins(j, c, true);
    x_op(c, 0xff, 4, rm_reg(RAX)); /* jmp rax */
    return start;
}

/* eax = enum jit_exit, edx = site. The second entry is for when pins are saved already. */
static const u8 *leave_thunk(struct jit *j, struct code *c, const u8 **saved)
{
    const u8 *start = c->p;
    save_pins(j, c);
    *saved = c->p;
    move_mxcsr(c, GUEST_MXCSR, HOST_MXCSR);
    x_op(c, 0xc1 | W, 4, rm_reg(RDX)); /* shl rdx, 32 */
    emit8(c, 32);
    x_alu(c, ALU_OR, W, RAX, rm_reg(RDX));
    adjust_rsp(c, FRAME_SIZE);
    for (unsigned i = ARRAY_LEN(saved_regs); i--;)
        x_pop(c, saved_regs[i]);
    emit8(c, 0xc3);
    return start;
}

static const u8 *exit_thunk(struct code *c, enum jit_exit why, const u8 *leave)
{
    const u8 *start = c->p;
    x_mov_imm(c, RAX, why);
    x_patch(c, x_jmp(c), leave);
    return start;
}

/* Called: behind the call lie the pc to go on at, and the site unless `why` is JIT_NEXT. */
static const u8 *data_thunk(struct code *c, enum jit_exit why, const u8 *leave)
{
    const u8 *start = c->p;
    x_pop(c, RDX);
    x_mov(c, W, RAX, rm_mem(RDX, 0));
    x_store(c, W, rm_cpu(offsetof(struct cpu, pc)), RAX);
    if (why != JIT_NEXT)
        x_mov(c, 0, RDX, rm_mem(RDX, 8));
    exit_thunk(c, why, leave);
    return start;
}

bool jit_make_thunks(struct jit *j)
{
    struct code code = {j->rw, j->rw, j->rw + j->size, false}, *c = &code;
    const u8 *leave_saved, *fault, *slow_ld, *slow_st;
    j->enter = enter_thunk(j, c);
    j->leave = leave_thunk(j, c, &leave_saved);
    j->leave_exc = exit_thunk(c, JIT_EXCEPTION, j->leave);
    fault = c->p;
    adjust_rsp(c, 16);
    exit_thunk(c, JIT_EXCEPTION, leave_saved);

    j->next = c->p;
    x_mov(c, W, R15, rm_cpu(offsetof(struct cpu, tlb)));
    x_mov(c, W, RDX, rm_cpu(offsetof(struct cpu, pc)));
    emit_jump_cache(c);
    j->indirect = c->p;
    x_store(c, W, rm_cpu(offsetof(struct cpu, pc)), RDX);
    exit_thunk(c, JIT_INDIRECT, j->leave);

    j->leave_at = data_thunk(c, JIT_NEXT, j->leave);
    j->leave_link = data_thunk(c, JIT_LINK, j->leave);
    j->leave_link_far = data_thunk(c, JIT_LINK_FAR, j->leave);

    slow_ld = slow_thunk(j, c, (const void *)slow_load, fault);
    slow_st = slow_thunk(j, c, (const void *)slow_store, fault);
    mop_thunks(c, j->load, slow_ld);
    mop_thunks(c, j->store, slow_st);
    for (unsigned i = 0; i < NEAR_SIZE; i++) {
        j->near_fill[0][i] = near_thunk(c, false, i);
        j->near_fill[1][i] = near_thunk(c, true, i);
    }
    j->amo = slow_thunk(j, c, (const void *)slow_amo, fault);
    j->cas = slow_thunk(j, c, (const void *)slow_cas, fault);
    j->call_pure = call_thunk(j, c, true, false);
    j->call_float = call_thunk(j, c, true, true);
    j->call_state = call_thunk(j, c, false, false);
    j->call_fp = call_thunk(j, c, false, true);

    j->used = j->thunks_end = (u64)(c->p - j->rw);
    return !c->full;
}
