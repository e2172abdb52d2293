/* guest/guest.c - the registered instruction sets, and interrupt lines into a CPU. */
#include "guest/guest.h"

void (*cpu_kick)(struct cpu *);
void (*cpu_sync_code)(struct cpu *);

static u64 sync_code(void *c, u64 a, u64 b, u64 d)
{
    (void)a, (void)b, (void)d;
    if (cpu_sync_code)
        cpu_sync_code(c);
    return 0;
}
const struct ir_helper guest_h_sync_code = {"sync_code", sync_code, 0};

const struct guest *guest_find(const char *name)
{
    EACH(guest, g)
        if (!strcmp((*g)->name, name))
            return *g;
    return NULL;
}

void cpu_irq(struct cpu *c, unsigned bit, bool level)
{
    u64 mask = 1ull << bit;
    if (!level) {
        __atomic_fetch_and(&c->irq_pending, ~mask, __ATOMIC_SEQ_CST);
        return;
    }
    __atomic_fetch_or(&c->irq_pending, mask, __ATOMIC_SEQ_CST);
    if (cpu_kick)
        cpu_kick(c);
}
