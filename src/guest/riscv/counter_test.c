/* guest/riscv/counter_test.c - the timer, counters that run and stop, filters, overflow. */
#include "guest/riscv/rig.h"

static u64 asked; /* the last deadline */
static void note(struct rv_cpu *cpu, u64 when_ns)
{
    (void)cpu;
    asked = when_ns;
}

TEST(counter_supervisor_timer)
{
    struct rig r = rig_new(NULL);
    r.cpu->timer = note;
    rig_set(&r, 0x14d, 10000001);
    assert(asked == ~0ull && !(rig_csr(&r, 0x344) & 1 << RV_IRQ_STI)); /* menvcfg.STCE is off */
    rig_set(&r, 0x30a, RV_ENV_STCE);
    assert(asked == 1000000100 && !(rig_csr(&r, 0x344) & 1 << RV_IRQ_STI));
    rig_set(&r, 0x344, 1 << RV_IRQ_STI); /* not writable now */
    assert(!(rig_csr(&r, 0x344) & 1 << RV_IRQ_STI));
    clock_step(100);
    assert(rig_csr(&r, 0x344) & 1 << RV_IRQ_STI);
    rig_set(&r, 0x304, 1 << RV_IRQ_STI);
    assert(rv_wake(&r.cpu->c));
    rv_csr_write(r.cpu, 0x344, 0); /* does not make the hart forget that it is due */
    assert(rv_wake(&r.cpu->c));
    rig_set(&r, 0x14d, ~0ull);
    assert(asked == ~0ull && !rv_wake(&r.cpu->c));
    rig_free(&r);
}

TEST(counter_cycles_run_and_stop)
{
    struct rig r = rig_new(NULL);
    u64 before = rig_csr(&r, 0xb00);
    clock_step(1000);
    assert(rig_csr(&r, 0xb00) == before + 1000);
    rig_set(&r, 0x320, 1);
    clock_step(1000);
    assert(rig_csr(&r, 0xb00) == before + 1000);
    assert(rig_set(&r, 0xb00, 5) == 5);
    rig_set(&r, 0x320, 0);
    clock_step(7);
    assert(rig_csr(&r, 0xb00) == 12 && rig_csr(&r, 0xc00) == 12);
    rig_free(&r);
}

/* What translated code and the helper do for `csrw minstret, 0; ...; csrr minstret`. */
TEST(counter_instructions_are_exact_once_programmed)
{
    struct rig r = rig_new(NULL);
    clock_step(1000);
    assert(rig_csr(&r, 0xb02) && !(r.cpu->c.tlb->key & RV_KEY_COUNT));
    rv_csr_write(r.cpu, 0xb02, 0);
    assert(r.cpu->c.tlb->key & RV_KEY_COUNT);
    clock_step(1000);
    r.cpu->retired++; /* the reader itself */
    assert(rig_csr(&r, 0xb02) == 0);
    r.cpu->retired += 10;
    assert(rig_csr(&r, 0xb02) == 10);
    cpu_raise(&r.cpu->c, RV_EXC_ILLEGAL, 0);
    rv_raise(&r.cpu->c); /* it does not retire */
    assert(rig_csr(&r, 0xb02) == 9);
    rig_set(&r, 0x320, 4);
    assert(!(r.cpu->c.tlb->key & RV_KEY_COUNT));
    rig_free(&r);
}

TEST(counter_filters)
{
    struct rig r = rig_new(NULL);
    rig_set(&r, 0x323, RV_EVENT_CYCLES | RV_EVENT_MINH | RV_EVENT_UINH);
    clock_step(100);
    assert(rig_csr(&r, 0xb03) == 0);
    rv_set_priv(r.cpu, RV_S);
    clock_step(10);
    rv_set_priv(r.cpu, RV_U);
    clock_step(100);
    rv_set_priv(r.cpu, RV_M);
    assert(rig_csr(&r, 0xb03) == 10);
    rig_set(&r, 0x323, 99); /* an event that there is not */
    clock_step(100);
    assert(rig_csr(&r, 0xb03) == 10);
    rig_free(&r);
}

TEST(counter_overflow_interrupts)
{
    struct rig r = rig_new(NULL);
    r.cpu->timer = note;
    rig_set(&r, 0x323, RV_EVENT_CYCLES);
    rig_set(&r, 0xb03, -50ull);
    assert(asked == clock_now_ns() + 50);
    clock_step(49);
    assert(!(rig_csr(&r, 0x323) & RV_EVENT_OF) && rig_csr(&r, 0x344) == 0);
    clock_step(1);
    assert(rig_csr(&r, 0x344) == 1 << RV_IRQ_LCOFI && rig_csr(&r, 0x323) & RV_EVENT_OF);
    assert(rig_csr(&r, 0xda0) == 1 << 3 && rig_csr(&r, 0xb03) == 0);
    rig_set(&r, 0x344, 0);
    rig_set(&r, 0xb03, -1ull); /* OF is still set: no second interrupt */
    clock_step(10);
    assert(rig_csr(&r, 0x344) == 0);
    rv_set_priv(r.cpu, RV_S);
    assert(rig_csr(&r, 0xda0) == 0); /* mcounteren hides it */
    rig_free(&r);
}

TEST(counter_reset_forgets)
{
    struct rig r = rig_new(NULL);
    rig_set(&r, 0x323, RV_EVENT_INSTRET | RV_EVENT_UINH);
    rig_set(&r, 0x320, 1);
    rv_reset(&r.cpu->c);
    assert(rig_csr(&r, 0x323) == 0 && rig_csr(&r, 0x320) == 0 && !r.cpu->counting &&
           !r.cpu->filtered);
    rig_free(&r);
}
