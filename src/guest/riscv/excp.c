/* guest/riscv/excp.c - traps, interrupts, and the instructions that make or end them. */
#include "guest/riscv/cpu.h"

#define IRQ(n) (1ull << RV_IRQ_##n)
#define CAUSE_INTERRUPT (1ull << 63)

void rv_set_priv(struct rv_cpu *cpu, enum rv_priv priv)
{
    cpu->priv = (u8)priv;
    if (cpu->filtered)
        rv_counter_mode(cpu);
    rv_mode_changed(cpu);
}

/* ---- taking traps (priv 3.1.6-8, 10.1.1-2) ----------------------------------------------- */

static u64 vector(u64 tvec, u64 cause)
{
    bool vectored = tvec & 1 && cause & CAUSE_INTERRUPT;
    return (tvec & ~3ull) + (vectored ? 4 * (cause & ~CAUSE_INTERRUPT) : 0);
}

static void trap_s(struct rv_cpu *cpu, u64 cause, u64 tval)
{
    u64 status = cpu->mstatus & ~(RV_SIE | RV_SPIE | RV_SPP);
    status |= cpu->mstatus & RV_SIE ? RV_SPIE : 0;
    status |= cpu->priv == RV_S ? RV_SPP : 0;
    cpu->mstatus = status;
    cpu->sepc = cpu->c.pc;
    cpu->scause = cause;
    cpu->stval = tval;
    cpu->c.pc = vector(cpu->stvec, cause);
    rv_set_priv(cpu, RV_S);
}

static void trap_m(struct rv_cpu *cpu, u64 cause, u64 tval)
{
    u64 status = cpu->mstatus & ~(RV_MIE | RV_MPIE | RV_MPP);
    status |= cpu->mstatus & RV_MIE ? RV_MPIE : 0;
    status |= (u64)cpu->priv << RV_MPP_SHIFT;
    cpu->mstatus = status;
    cpu->mepc = cpu->c.pc;
    cpu->mcause = cause;
    cpu->mtval = tval;
    cpu->c.pc = vector(cpu->mtvec, cause);
    rv_set_priv(cpu, RV_M);
}

void rv_raise(struct cpu *c)
{
    struct rv_cpu *cpu = rv_cpu(c);
    u64 cause = c->exc_cause;
    c->exc = 0;
    if (rv_counts_instructions(cpu)) /* what traps does not retire (priv 3.3.1) */
        cpu->retired--;
    if (cpu->priv != RV_M && cpu->medeleg >> cause & 1)
        trap_s(cpu, cause, c->exc_value);
    else
        trap_m(cpu, cause, c->exc_value);
}

/* ---- interrupts (priv 3.1.9, 10.1.3) ----------------------------------------------------- */

/* What is pending, mostly without asking the clock: the timer's STI is a hint to be checked. */
static u64 pending(struct rv_cpu *cpu)
{
    u64 mip = __atomic_load_n(&cpu->c.irq_pending, __ATOMIC_SEQ_CST);
    if (mip & IRQ(STI) || !cpu->timer || cpu->running >> 3)
        return rv_mip(cpu);
    return cpu->seip ? mip | IRQ(SEI) : mip;
}

u64 rv_mip(struct rv_cpu *cpu)
{
    rv_counter_overflows(cpu);
    rv_timer_check(cpu);
    u64 mip = __atomic_load_n(&cpu->c.irq_pending, __ATOMIC_SEQ_CST);
    return cpu->seip ? mip | IRQ(SEI) : mip;
}

/* The pending interrupts that may be taken now, of the mode they go to: M's come before S's. */
static u64 takeable(struct rv_cpu *cpu)
{
    u64 ready = pending(cpu) & cpu->mie;
    u64 to_m = ready & ~cpu->mideleg, to_s = ready & cpu->mideleg;
    if (to_m && (cpu->priv < RV_M || cpu->mstatus & RV_MIE))
        return to_m;
    if (to_s && (cpu->priv < RV_S || (cpu->priv == RV_S && cpu->mstatus & RV_SIE)))
        return to_s;
    return 0;
}

bool rv_interrupt(struct cpu *c)
{
    static const u8 order[] = {RV_IRQ_MEI, RV_IRQ_MSI, RV_IRQ_MTI,  RV_IRQ_SEI,
                               RV_IRQ_SSI, RV_IRQ_STI, RV_IRQ_LCOFI};
    struct rv_cpu *cpu = rv_cpu(c);
    u64 set = takeable(cpu);
    if (cpu->running >> 3) /* an overflow may have been announced too early */
        rv_timer_update(cpu);
    for (unsigned i = 0; set && i < ARRAY_LEN(order); i++) {
        u64 cause = CAUSE_INTERRUPT | order[i];
        if (!(set >> order[i] & 1))
            continue;
        if (cpu->mideleg >> order[i] & 1)
            trap_s(cpu, cause, 0);
        else
            trap_m(cpu, cause, 0);
        return true;
    }
    return false;
}

bool rv_wake(const struct cpu *c)
{
    struct rv_cpu *cpu = rv_cpu((struct cpu *)c);
    return pending(cpu) & cpu->mie;
}

void rv_poke(struct rv_cpu *cpu)
{
    if (takeable(cpu))
        __atomic_store_n(&cpu->c.exit_req, 1, __ATOMIC_SEQ_CST);
}

/* ---- instructions ------------------------------------------------------------------------ */

static u64 illegal(struct cpu *c, u64 insn)
{
    cpu_raise(c, RV_EXC_ILLEGAL, insn);
    return 0;
}

static u64 do_illegal(void *c, u64 insn, u64 b, u64 z)
{
    (void)b, (void)z;
    return illegal(c, insn);
}

static u64 do_ecall(void *c, u64 a, u64 b, u64 z)
{
    (void)a, (void)b, (void)z;
    cpu_raise(c, RV_EXC_ECALL_U + rv_cpu(c)->priv, 0);
    return 0;
}

static u64 do_ebreak(void *c, u64 a, u64 b, u64 z)
{
    (void)a, (void)b, (void)z;
    cpu_raise(c, RV_EXC_BREAKPOINT, ((struct cpu *)c)->pc);
    return 0;
}

static void leave(struct rv_cpu *cpu, enum rv_priv to, u64 pc)
{
    if (to != RV_M)
        cpu->mstatus &= ~RV_MPRV;
    cpu->c.pc = pc;
    cpu->c.res_addr = ~0ull;
    rv_set_priv(cpu, to);
    rv_poke(cpu);
}

static u64 do_mret(void *c, u64 insn, u64 b, u64 z)
{
    struct rv_cpu *cpu = rv_cpu(c);
    (void)b, (void)z;
    if (cpu->priv != RV_M)
        return illegal(c, insn);
    u64 old = cpu->mstatus;
    cpu->mstatus = (old & ~(RV_MIE | RV_MPP)) | RV_MPIE | (old & RV_MPIE ? RV_MIE : 0);
    leave(cpu, (enum rv_priv)(old >> RV_MPP_SHIFT & 3), cpu->mepc);
    return 0;
}

static u64 do_sret(void *c, u64 insn, u64 b, u64 z)
{
    struct rv_cpu *cpu = rv_cpu(c);
    (void)b, (void)z;
    if (cpu->priv == RV_U || (cpu->priv == RV_S && cpu->mstatus & RV_TSR))
        return illegal(c, insn);
    u64 old = cpu->mstatus;
    cpu->mstatus = (old & ~(RV_SIE | RV_SPP)) | RV_SPIE | (old & RV_SPIE ? RV_SIE : 0);
    leave(cpu, old & RV_SPP ? RV_S : RV_U, cpu->sepc);
    return 0;
}

/* With TW set, and in U-mode, the bounded time that WFI may wait is none (priv 3.1.6.5). */
static u64 do_wfi(void *c, u64 insn, u64 b, u64 z)
{
    struct rv_cpu *cpu = rv_cpu(c);
    (void)b, (void)z;
    if (cpu->priv == RV_U || (cpu->priv == RV_S && cpu->mstatus & RV_TW))
        return illegal(c, insn);
    return 0;
}

const struct ir_helper rv_h_illegal = {"illegal", do_illegal, HELP_FAULT};
const struct ir_helper rv_h_ecall = {"ecall", do_ecall, HELP_FAULT};
const struct ir_helper rv_h_ebreak = {"ebreak", do_ebreak, HELP_FAULT};
const struct ir_helper rv_h_mret = {"mret", do_mret, HELP_FAULT};
const struct ir_helper rv_h_sret = {"sret", do_sret, HELP_FAULT};
const struct ir_helper rv_h_wfi = {"wfi", do_wfi, HELP_FAULT};
