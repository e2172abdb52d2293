/* guest/riscv/excp_test.c - traps: delegation, priority, vectors, the status stack, and returns. */
#include "guest/riscv/rig.h"

#define INTERRUPT (1ull << 63)

static struct rig rig_trap(enum rv_priv priv)
{
    struct rig r = rig_new(NULL);
    rig_set(&r, 0x305, 0x1001); /* mtvec, stvec: vectored */
    rig_set(&r, 0x105, 0x2001);
    rig_open(&r, priv);
    r.cpu->c.pc = 0x80000040;
    return r;
}

static void raise_now(struct rig *r, u64 cause, u64 value)
{
    cpu_raise(&r->cpu->c, cause, value);
    rv_raise(&r->cpu->c);
    assert(!r->cpu->c.exc);
}

TEST(excp_to_machine)
{
    struct rig r = rig_trap(RV_U);
    r.cpu->mstatus |= RV_MIE;
    raise_now(&r, RV_EXC_LOAD_PAGE, 0x1234);
    assert(r.cpu->priv == RV_M && r.cpu->c.pc == 0x1000 && r.cpu->mepc == 0x80000040);
    assert(r.cpu->mcause == RV_EXC_LOAD_PAGE && r.cpu->mtval == 0x1234);
    assert((r.cpu->mstatus & (RV_MIE | RV_MPIE | RV_MPP)) == RV_MPIE);
    assert((r.cpu->c.tlb->key & RV_KEY_PRIV) == RV_M);
    rig_free(&r);
}

TEST(excp_delegated_to_supervisor)
{
    struct rig r = rig_trap(RV_S);
    r.cpu->medeleg = 1 << RV_EXC_LOAD_PAGE;
    r.cpu->mstatus |= RV_SIE;
    raise_now(&r, RV_EXC_LOAD_PAGE, 0x1234);
    assert(r.cpu->priv == RV_S && r.cpu->c.pc == 0x2000 && r.cpu->sepc == 0x80000040);
    assert(r.cpu->scause == RV_EXC_LOAD_PAGE && r.cpu->stval == 0x1234);
    assert((r.cpu->mstatus & (RV_SIE | RV_SPIE | RV_SPP)) == (RV_SPIE | RV_SPP));
    raise_now(&r, RV_EXC_STORE_PAGE, 0);
    assert(r.cpu->priv == RV_M && (r.cpu->mstatus & RV_MPP) == (u64)RV_S << RV_MPP_SHIFT);
    rig_free(&r);
    r = rig_trap(RV_M); /* never downwards */
    r.cpu->medeleg = 1 << RV_EXC_LOAD_PAGE;
    raise_now(&r, RV_EXC_LOAD_PAGE, 0);
    assert(r.cpu->priv == RV_M);
    rig_free(&r);
}

TEST(excp_first_one_wins)
{
    struct rig r = rig_trap(RV_M);
    cpu_raise(&r.cpu->c, RV_EXC_ILLEGAL, 1);
    raise_now(&r, RV_EXC_BREAKPOINT, 2);
    assert(r.cpu->mcause == RV_EXC_ILLEGAL && r.cpu->mtval == 1);
    rig_free(&r);
}

TEST(excp_interrupt_order_and_vector)
{
    static const u8 order[] = {11, 3, 7, 9, 1, 5, 13};
    struct rig r = rig_trap(RV_U);
    r.cpu->mie = ~0ull;
    r.cpu->c.irq_pending = 0x2aaa;
    for (unsigned i = 0; i < ARRAY_LEN(order); i++) {
        rv_set_priv(r.cpu, RV_U);
        assert(rv_interrupt(&r.cpu->c));
        assert(r.cpu->mcause == (INTERRUPT | order[i]) && r.cpu->c.pc == 0x1000 + 4u * order[i]);
        cpu_irq(&r.cpu->c, order[i], false);
    }
    rv_set_priv(r.cpu, RV_U);
    assert(!rv_interrupt(&r.cpu->c));
    rig_free(&r);
}

TEST(excp_interrupt_enables)
{
    struct rig r = rig_trap(RV_M);
    r.cpu->mie = ~0ull;
    r.cpu->mideleg = 1 << RV_IRQ_SSI;
    cpu_irq(&r.cpu->c, RV_IRQ_SSI, true);
    r.cpu->mstatus |= RV_MIE | RV_SIE;
    assert(!rv_interrupt(&r.cpu->c) && rv_wake(&r.cpu->c)); /* S's, and the hart is in M */
    rv_set_priv(r.cpu, RV_S);
    r.cpu->mstatus &= ~RV_SIE;
    assert(!rv_interrupt(&r.cpu->c));
    r.cpu->mstatus |= RV_SIE;
    assert(rv_interrupt(&r.cpu->c) && r.cpu->priv == RV_S && r.cpu->scause == (INTERRUPT | 1));
    rv_set_priv(r.cpu, RV_U);
    r.cpu->mstatus &= ~RV_SIE;
    assert(rv_interrupt(&r.cpu->c) && r.cpu->priv == RV_S); /* lower modes cannot mask it */
    r.cpu->mie = 0;
    assert(!rv_interrupt(&r.cpu->c) && !rv_wake(&r.cpu->c));
    rig_free(&r);
}

TEST(excp_machine_before_supervisor)
{
    struct rig r = rig_trap(RV_U);
    r.cpu->mie = ~0ull;
    r.cpu->mideleg = 1 << RV_IRQ_SEI;
    r.cpu->c.irq_pending = 1 << RV_IRQ_SEI | 1 << RV_IRQ_MTI;
    assert(rv_interrupt(&r.cpu->c) && r.cpu->priv == RV_M && r.cpu->mcause == (INTERRUPT | 7));
    rig_free(&r);
}

/* Enabling what is pending asks generated code to leave. */
TEST(excp_enable_is_noticed)
{
    struct rig r = rig_trap(RV_M);
    cpu_irq(&r.cpu->c, RV_IRQ_MSI, true);
    r.cpu->c.exit_req = 0;
    rig_set(&r, 0x304, 8);
    assert(!r.cpu->c.exit_req);
    rig_set(&r, 0x300, RV_MIE);
    assert(r.cpu->c.exit_req);
    rig_free(&r);
}

TEST(excp_mret)
{
    struct rig r = rig_trap(RV_M);
    rig_set(&r, 0x341, 0x80000100);
    rig_set(&r, 0x300, RV_MPIE | RV_MPRV | (u64)RV_S << RV_MPP_SHIFT);
    rig_call(&r, &rv_h_mret, 0, 0, 0);
    assert(r.cpu->priv == RV_S && r.cpu->c.pc == 0x80000100);
    assert((r.cpu->mstatus & (RV_MIE | RV_MPIE | RV_MPP | RV_MPRV)) == (RV_MIE | RV_MPIE));
    rig_call(&r, &rv_h_mret, 0x30200073, 0, 0);
    assert(r.cpu->c.exc_value == 0x30200073 && rig_cause(&r) == RV_EXC_ILLEGAL);
    rig_free(&r);
}

TEST(excp_sret)
{
    struct rig r = rig_trap(RV_S);
    rig_set(&r, 0x141, 0x80000101);
    rig_set(&r, 0x100, RV_SPP);
    rig_call(&r, &rv_h_sret, 0, 0, 0);
    assert(r.cpu->priv == RV_S && r.cpu->c.pc == 0x80000100);
    assert((r.cpu->mstatus & (RV_SIE | RV_SPIE | RV_SPP)) == RV_SPIE);
    rig_call(&r, &rv_h_sret, 0, 0, 0);
    assert(r.cpu->priv == RV_U && (r.cpu->mstatus & (RV_SIE | RV_SPIE)) == (RV_SIE | RV_SPIE));
    rig_call(&r, &rv_h_sret, 0, 0, 0);
    assert(rig_cause(&r) == RV_EXC_ILLEGAL);
    rv_set_priv(r.cpu, RV_S);
    r.cpu->mstatus |= RV_TSR;
    rig_call(&r, &rv_h_sret, 0, 0, 0);
    assert(rig_cause(&r) == RV_EXC_ILLEGAL);
    rv_set_priv(r.cpu, RV_M);
    rig_call(&r, &rv_h_sret, 0, 0, 0);
    assert(rig_cause(&r) == ~0ull && r.cpu->priv == RV_U);
    rig_free(&r);
}

TEST(excp_wfi)
{
    struct rig r = rig_trap(RV_S);
    rig_call(&r, &rv_h_wfi, 0, 0, 0);
    assert(rig_cause(&r) == ~0ull);
    r.cpu->mstatus |= RV_TW;
    rig_call(&r, &rv_h_wfi, 0, 0, 0);
    assert(rig_cause(&r) == RV_EXC_ILLEGAL);
    rv_set_priv(r.cpu, RV_M);
    rig_call(&r, &rv_h_wfi, 0, 0, 0);
    assert(rig_cause(&r) == ~0ull);
    rv_set_priv(r.cpu, RV_U);
    rig_call(&r, &rv_h_wfi, 0, 0, 0);
    assert(rig_cause(&r) == RV_EXC_ILLEGAL);
    rig_free(&r);
}

TEST(excp_calls_and_breakpoints)
{
    static const enum rv_priv privs[] = {RV_U, RV_S, RV_M};
    for (unsigned i = 0; i < ARRAY_LEN(privs); i++) {
        struct rig r = rig_trap(privs[i]);
        rig_call(&r, &rv_h_ecall, 0, 0, 0);
        assert(r.cpu->c.exc_value == 0 && rig_cause(&r) == 8u + privs[i]);
        rig_call(&r, &rv_h_ebreak, 0, 0, 0);
        assert(r.cpu->c.exc_value == 0x80000040 && rig_cause(&r) == RV_EXC_BREAKPOINT);
        rig_free(&r);
    }
}
