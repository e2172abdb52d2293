/* hw/intc/plic.c - RISC-V platform-level interrupt controller.
 *
 * RISC-V PLIC specification 1.0.0; chapters are named as there. Every source has a level-triggered
 * gateway: a raised wire becomes a pending request, which stays although the wire falls, and the
 * next request is made only after the last was completed. Input n is source n (1 to `sources`);
 * output 2h is machine mode of hart h, 2h + 1 its supervisor mode. */
#include "hw/device.h"

enum { SOURCES = 1024, WORDS = SOURCES / 32, CONTEXTS = 128, PRIORITY_MASK = 7 };
/* "Memory Map" */
enum { PENDING = 0x1000, ENABLE = 0x2000, ENABLE_STEP = 0x80, CONTEXT = 0x200000 };
enum { CONTEXT_STEP = 0x1000, THRESHOLD = 0, CLAIM = 4, WINDOW = 0x600000 };

struct plic {
    struct device dev;
    u64 harts, sources;
    u32 wire[WORDS]; /* levels of the inputs: theirs, so neither reset nor saved */
    struct plic_state {
        u32 priority[SOURCES];
        u32 pending[WORDS], claimed[WORDS];
        u32 enable[CONTEXTS][WORDS];
        u32 threshold[CONTEXTS];
    } s;
};

static struct plic *self(struct device *dev) { return container_of(dev, struct plic, dev); }
static u32 contexts(const struct plic *d) { return (u32)(2 * d->harts); }
static u32 words(const struct plic *d) { return (u32)d->sources / 32 + 1; }

/* The sources that exist, among those of word `w`; 0 means "none" and is no source. */
static u32 existing(const struct plic *d, u32 w)
{
    u32 mask = w == words(d) - 1 ? ~0u >> (31 - d->sources % 32) : ~0u;
    return w ? mask : mask & ~1u;
}

/* The enabled pending source of the highest priority, the lowest number first; 0: none. */
static u32 best(const struct plic *d, u32 ctx)
{
    u32 found = 0, priority = 0;
    for (u32 w = 0; w < words(d); w++)
        for (u32 ready = d->s.pending[w] & d->s.enable[ctx][w]; ready; ready &= ready - 1) {
            u32 id = 32 * w + (u32)__builtin_ctz(ready);
            if (d->s.priority[id] > priority) {
                found = id;
                priority = d->s.priority[id];
            }
        }
    return found;
}

static void drive(struct plic *d)
{
    for (u32 ctx = 0; ctx < contexts(d); ctx++) {
        u32 id = best(d, ctx);
        irq_set(&d->dev.irq[ctx], id && d->s.priority[id] > d->s.threshold[ctx]);
    }
}

/* "Interrupt Gateways": raised wires without an unfinished request make one. */
static void forward(struct plic *d, u32 w)
{
    d->s.pending[w] |= d->wire[w] & ~d->s.claimed[w] & existing(d, w);
}

static void plic_irq_in(struct device *dev, int line, bool level)
{
    struct plic *d = self(dev);
    u32 id = (u32)line, w = id / 32, bit = 1u << id % 32;
    if (!id || id > d->sources)
        return;
    d->wire[w] = level ? d->wire[w] | bit : d->wire[w] & ~bit;
    if (!level)
        return;
    forward(d, w);
    drive(d);
}

/* "Interrupt Claim Process": the threshold plays no part. */
static u32 claim(struct plic *d, u32 ctx)
{
    u32 id = best(d, ctx), bit = 1u << id % 32;
    if (id) {
        d->s.pending[id / 32] &= ~bit;
        d->s.claimed[id / 32] |= bit;
        drive(d);
    }
    return id;
}

/* "Interrupt Completion": of a source that is not enabled for the context it is ignored. */
static void complete(struct plic *d, u32 ctx, u32 id)
{
    u32 w = id / 32, bit = 1u << id % 32;
    if (id > d->sources || !(d->s.enable[ctx][w] & bit))
        return;
    d->s.claimed[w] &= ~bit;
    forward(d, w);
    drive(d);
}

/* Where an offset leads: the register file and the numbers inside it. */
struct place {
    enum { NOWHERE, AT_PRIORITY, AT_PENDING, AT_ENABLE, AT_THRESHOLD, AT_CLAIM } reg;
    u32 n, ctx;
};

static struct place decode(const struct plic *d, u32 off)
{
    struct place p = {.n = off / 4};
    if (p.n <= d->sources) {
        p.reg = AT_PRIORITY;
        return p;
    }
    if (off >= PENDING && off < ENABLE) {
        p.n = (off - PENDING) / 4;
        p.reg = p.n < words(d) ? AT_PENDING : NOWHERE;
    } else if (off >= ENABLE && off < CONTEXT) {
        p.ctx = (off - ENABLE) / ENABLE_STEP;
        p.n = off % ENABLE_STEP / 4;
        p.reg = p.ctx < contexts(d) && p.n < words(d) ? AT_ENABLE : NOWHERE;
    } else if (off >= CONTEXT) {
        p.ctx = (off - CONTEXT) / CONTEXT_STEP;
        u32 reg = off % CONTEXT_STEP;
        if (p.ctx < contexts(d))
            p.reg = reg == THRESHOLD ? AT_THRESHOLD : reg == CLAIM ? AT_CLAIM : NOWHERE;
    }
    return p;
}

static u64 plic_read(struct device *dev, u64 off, unsigned size)
{
    struct plic *d = self(dev);
    struct place p = decode(d, (u32)off);
    switch (p.reg) {
    case AT_PRIORITY: return d->s.priority[p.n];
    case AT_PENDING: return d->s.pending[p.n];
    case AT_ENABLE: return d->s.enable[p.ctx][p.n];
    case AT_THRESHOLD: return d->s.threshold[p.ctx];
    case AT_CLAIM: return claim(d, p.ctx);
    case NOWHERE: break;
    }
    guest_error(dev, "read%u of register %#llx", size, (unsigned long long)off);
    return 0;
}

static void plic_write(struct device *dev, u64 off, u64 val, unsigned size)
{
    struct plic *d = self(dev);
    struct place p = decode(d, (u32)off);
    switch (p.reg) {
    case AT_PRIORITY: d->s.priority[p.n] = p.n ? val & PRIORITY_MASK : 0; break;
    case AT_ENABLE: d->s.enable[p.ctx][p.n] = (u32)val & existing(d, p.n); break;
    case AT_THRESHOLD: d->s.threshold[p.ctx] = val & PRIORITY_MASK; break;
    case AT_CLAIM: complete(d, p.ctx, (u32)val); return;
    case AT_PENDING:
    case NOWHERE:
        guest_error(dev, "write%u of register %#llx", size, (unsigned long long)off);
        return;
    }
    drive(d);
}

static const struct mmio_ops regs = {plic_read, plic_write, .min = 4, .max = 4};

static bool plic_init(struct device *dev, struct error *err)
{
    (void)err;
    mmio_add(dev, 0, &regs, WINDOW);
    irq_outputs(dev, (int)contexts(self(dev)));
    return true;
}

static void plic_update(struct device *dev)
{
    struct plic *d = self(dev);
    for (u32 w = 0; w < words(d); w++)
        forward(d, w);
    drive(d);
}

static void plic_restored(struct device *dev)
{
    struct plic *d = self(dev);
    for (u32 w = 0; w < WORDS; w++)
        d->s.pending[w] &= w < words(d) ? existing(d, w) : 0;
    plic_update(dev);
}

static const struct prop props[] = {
    PROP_U64(struct plic, harts, "1", 1, CONTEXTS / 2, "number of harts, two contexts each"),
    PROP_U64(struct plic, sources, "96", 1, SOURCES - 1, "highest interrupt number"),
    {0},
};

#define F(m) FIELD(struct plic_state, m)
DEVICE(plic, .name = "riscv.plic", .doc = "RISC-V platform-level interrupt controller",
       .compatible = "sifive,plic-1.0.0 riscv,plic0", DEVICE_STATE(struct plic, s),
       .fields = FIELDS(F(priority), F(pending), F(claimed), F(enable), F(threshold)),
       .props = props, .rank = RANK_INTC, .irq_in = plic_irq_in, .init = plic_init,
       .reset = plic_update, .restored = plic_restored);
