/* guest/riscv/csr.c - the control and status registers, a table row each.
 *
 * Specified in priv 2, 3.1 and 10.1, and unpriv 7, 8 and 21.2.
 * Privilege and read-only access are in the number itself (priv 2.1): bits 9:8 and 11:10. A row
 * adds what more must hold (need), where the value lives, which of its bits software may change,
 * and functions where a field and a mask do not tell it all.
 */
#include "base/bits.h"
#include "guest/riscv/cpu.h"

/* ---- conditions beyond privilege --------------------------------------------------------- */

static bool need_fp(const struct rv_cpu *cpu, unsigned n)
{
    (void)n;
    return RV_HAS(cpu, f) && cpu->mstatus & RV_FS;
}

/* Zicntr and Zihpm: mcounteren and scounteren open the counters to lower modes (priv 3.1.11,
 * 10.1.5). */
static bool need_counter(const struct rv_cpu *cpu, unsigned n)
{
    unsigned bit = n & 31;
    if (!(bit < 3 ? RV_HAS(cpu, zicntr) : RV_HAS(cpu, zihpm)))
        return false;
    if (cpu->priv < RV_M && !(cpu->mcounteren >> bit & 1))
        return false;
    return cpu->priv != RV_U || cpu->scounteren >> bit & 1;
}

static bool need_stimecmp(const struct rv_cpu *cpu, unsigned n)
{
    (void)n;
    bool open = cpu->priv == RV_M || (cpu->menvcfg & RV_ENV_STCE && cpu->mcounteren & 2);
    return RV_HAS(cpu, sstc) && open;
}

static bool need_satp(const struct rv_cpu *cpu, unsigned n)
{
    (void)n;
    return cpu->priv == RV_M || !(cpu->mstatus & RV_TVM);
}

static bool need_sscofpmf(const struct rv_cpu *cpu, unsigned n)
{
    (void)n;
    return RV_HAS(cpu, sscofpmf);
}

/* ---- floating point (unpriv 21.2) -------------------------------------------------------- */

/* Sticky flags live in MXCSR: IE ZE OE UE PE at bits 0 2 3 4 5 are NV DZ OF UF NX at 4 3 2 1 0. */
static u64 read_fflags(struct rv_cpu *cpu, unsigned n)
{
    u32 m = cpu->c.mxcsr;
    (void)n;
    return (m & 1) << 4 | (m >> 2 & 1) << 3 | (m >> 3 & 1) << 2 | (m >> 4 & 1) << 1 | (m >> 5 & 1);
}

static void set_fflags(struct rv_cpu *cpu, u64 f)
{
    u64 m = (f >> 4 & 1) | (f >> 3 & 1) << 2 | (f >> 2 & 1) << 3 | (f >> 1 & 1) << 4 | (f & 1) << 5;
    cpu->c.mxcsr = (cpu->c.mxcsr & ~63u) | (u32)m;
}

void rv_set_frm(struct rv_cpu *cpu, unsigned frm)
{
    static const u8 control[8] = {
        [0] = 0, [1] = 3, [2] = 1, [3] = 2}; /* RNE RTZ RDN RUP; others: soft */
    cpu->frm = (u8)frm;
    cpu->c.mxcsr = (cpu->c.mxcsr & ~(3u << 13)) | (u32)control[frm] << 13;
    rv_mode_changed(cpu);
}

static void write_fcsr(struct rv_cpu *cpu, unsigned n, u64 v)
{
    enum { FFLAGS = 1, FRM = 2 };
    cpu->mstatus |= RV_FS;
    if (n != FRM)
        set_fflags(cpu, v);
    rv_set_frm(cpu, n == FFLAGS ? cpu->frm : n == FRM ? v & 7 : v >> 5 & 7);
}

static u64 read_frm(struct rv_cpu *cpu, unsigned n) { return (void)n, cpu->frm; }
static u64 read_fcsr(struct rv_cpu *cpu, unsigned n)
{
    return read_fflags(cpu, n) | (u64)cpu->frm << 5;
}

/* ---- status (priv 3.1.6, 10.1.1) --------------------------------------------------------- */

#define SSTATUS_FIELDS (RV_SIE | RV_SPIE | RV_SPP | RV_FS | RV_SUM | RV_MXR)
#define MSTATUS_FIELDS \
    (SSTATUS_FIELDS | RV_MIE | RV_MPIE | RV_MPP | RV_MPRV | RV_TVM | RV_TW | RV_TSR)
#define UXL_64 (2ull << 32)
#define SXL_64 (2ull << 34)

static u64 read_mstatus(struct rv_cpu *cpu, unsigned n)
{
    u64 dirty = (cpu->mstatus & RV_FS) == RV_FS ? 1ull << 63 : 0;
    (void)n;
    return cpu->mstatus | dirty | UXL_64 | SXL_64;
}

static u64 read_sstatus(struct rv_cpu *cpu, unsigned n)
{
    return read_mstatus(cpu, n) & (SSTATUS_FIELDS | UXL_64 | 1ull << 63);
}

static void set_status(struct rv_cpu *cpu, u64 v, u64 fields)
{
    u64 old = cpu->mstatus;
    v = (old & ~fields) | (v & fields);
    if ((v & RV_MPP) == 2ull << RV_MPP_SHIFT) /* WARL: there is no such mode */
        v = (v & ~RV_MPP) | (old & RV_MPP);
    if (!RV_HAS(cpu, f))
        v &= ~RV_FS;
    cpu->mstatus = v;
    if ((old ^ v) & (RV_FS | RV_SUM | RV_MXR | RV_MPRV | RV_MPP))
        rv_mode_changed(cpu);
    rv_poke(cpu);
}

static void write_mstatus(struct rv_cpu *cpu, unsigned n, u64 v)
{
    (void)n;
    set_status(cpu, v, MSTATUS_FIELDS);
}

static void write_sstatus(struct rv_cpu *cpu, unsigned n, u64 v)
{
    (void)n;
    set_status(cpu, v, SSTATUS_FIELDS);
}

static u64 read_misa(struct rv_cpu *cpu, unsigned n)
{
    u64 misa = 2ull << 62;
    (void)n;
    for (const char *p = "isu"; *p; p++)
        misa |= 1ull << (*p - 'a');
    for (unsigned i = 0; !rv_cpu_props[i].name[1]; i++) /* those of one letter come first */
        misa |= (cpu->ext >> i & 1) << (rv_cpu_props[i].name[0] - 'a');
    return misa;
}

/* ---- interrupts (priv 3.1.9, 10.1.3) ----------------------------------------------------- */

#define IRQ(x) (1ull << RV_IRQ_##x)
#define S_IRQS (IRQ(SSI) | IRQ(STI) | IRQ(SEI) | IRQ(LCOFI))
#define ALL_IRQS (S_IRQS | IRQ(MSI) | IRQ(MTI) | IRQ(MEI))

static u64 implemented(const struct rv_cpu *cpu)
{
    return RV_HAS(cpu, sscofpmf) ? ALL_IRQS : ALL_IRQS & ~IRQ(LCOFI);
}

static u64 read_mip(struct rv_cpu *cpu, unsigned n) { return (void)n, rv_mip(cpu); }
static u64 read_sip(struct rv_cpu *cpu, unsigned n) { return (void)n, rv_mip(cpu) & cpu->mideleg; }
static u64 read_sie(struct rv_cpu *cpu, unsigned n) { return (void)n, cpu->mie & cpu->mideleg; }

static void set_pending(struct rv_cpu *cpu, u64 v, u64 writable)
{
    writable &= implemented(cpu);
    if (writable & IRQ(SEI))
        cpu->seip = v & IRQ(SEI);
    if (cpu->menvcfg & RV_ENV_STCE)
        writable &= ~IRQ(STI);
    writable &= ~IRQ(SEI);
    __atomic_fetch_and(&cpu->c.irq_pending, ~(writable & ~v), __ATOMIC_SEQ_CST);
    __atomic_fetch_or(&cpu->c.irq_pending, writable & v, __ATOMIC_SEQ_CST);
    rv_poke(cpu);
}

static void write_mip(struct rv_cpu *cpu, unsigned n, u64 v)
{
    (void)n;
    set_pending(cpu, v, S_IRQS);
}

static void write_sip(struct rv_cpu *cpu, unsigned n, u64 v)
{
    (void)n;
    set_pending(cpu, v, (IRQ(SSI) | IRQ(LCOFI)) & cpu->mideleg);
}

static void write_mie(struct rv_cpu *cpu, unsigned n, u64 v)
{
    (void)n;
    cpu->mie = v & implemented(cpu);
    rv_poke(cpu);
}

static void write_sie(struct rv_cpu *cpu, unsigned n, u64 v)
{
    write_mie(cpu, n, (cpu->mie & ~cpu->mideleg) | (v & cpu->mideleg));
}

static void write_mideleg(struct rv_cpu *cpu, unsigned n, u64 v)
{
    (void)n;
    cpu->mideleg = v & S_IRQS & implemented(cpu);
    rv_poke(cpu);
}

/* ---- trap set-up ------------------------------------------------------------------------- */

#define EXC(x) (1ull << RV_EXC_##x)
#define MEDELEG_FIELDS                                                                     \
    (EXC(FETCH_MISALIGNED) | EXC(FETCH_ACCESS) | EXC(ILLEGAL) | EXC(BREAKPOINT) |          \
     EXC(LOAD_MISALIGNED) | EXC(LOAD_ACCESS) | EXC(STORE_MISALIGNED) | EXC(STORE_ACCESS) | \
     EXC(ECALL_U) | EXC(ECALL_S) | EXC(FETCH_PAGE) | EXC(LOAD_PAGE) | EXC(STORE_PAGE))

static void set_tvec(u64 *tvec, u64 v)
{
    *tvec = v & 2 ? (v & ~3ull) | (*tvec & 1)
                  : v; /* modes: 0 direct, 1 vectored; others keep the old one */
}

static void write_mtvec(struct rv_cpu *cpu, unsigned n, u64 v)
{
    (void)n, set_tvec(&cpu->mtvec, v);
}
static void write_stvec(struct rv_cpu *cpu, unsigned n, u64 v)
{
    (void)n, set_tvec(&cpu->stvec, v);
}

/* ---- environment, translation, protection ------------------------------------------------ */

static u64 env_fields(const struct rv_cpu *cpu, u64 old, u64 *v)
{
    u64 fields = RV_ENV_FIOM;
    if (RV_HAS(cpu, zicbom))
        fields |= RV_ENV_CBIE | RV_ENV_CBCFE;
    if (RV_HAS(cpu, zicboz))
        fields |= RV_ENV_CBZE;
    if ((*v & RV_ENV_CBIE) == 2ull << 4) /* reserved */
        *v = (*v & ~RV_ENV_CBIE) | (old & RV_ENV_CBIE);
    return fields;
}

static void write_menvcfg(struct rv_cpu *cpu, unsigned n, u64 v)
{
    u64 old = cpu->menvcfg, fields = env_fields(cpu, old, &v);
    (void)n;
    if (RV_HAS(cpu, svadu))
        fields |= RV_ENV_ADUE;
    if (RV_HAS(cpu, svpbmt))
        fields |= RV_ENV_PBMTE;
    if (RV_HAS(cpu, sstc))
        fields |= RV_ENV_STCE;
    cpu->menvcfg = v & fields;
    if ((old ^ cpu->menvcfg) & (RV_ENV_ADUE | RV_ENV_PBMTE))
        tlb_flush(&cpu->c, ~0ull, NULL, 0);
    rv_timer_update(cpu);
    rv_poke(cpu);
}

static void write_senvcfg(struct rv_cpu *cpu, unsigned n, u64 v)
{
    u64 fields = env_fields(cpu, cpu->senvcfg, &v);
    (void)n;
    cpu->senvcfg = v & fields;
}

static void write_satp(struct rv_cpu *cpu, unsigned n, u64 v)
{
    (void)n;
    if (!rv_satp_ok(cpu, v)) /* the whole write has no effect (priv 10.1.11) */
        return;
    cpu->satp = v;
    rv_mode_changed(cpu);
}

static u64 read_pmpcfg(struct rv_cpu *cpu, unsigned n)
{
    return ld_le64(&cpu->pmpcfg[(n & 15) * 4]);
}
static void write_pmpcfg(struct rv_cpu *cpu, unsigned n, u64 v)
{
    rv_pmp_write_cfg(cpu, (n & 15) * 4, v);
}
static u64 read_pmpaddr(struct rv_cpu *cpu, unsigned n) { return cpu->pmpaddr[n & 15]; }
static void write_pmpaddr(struct rv_cpu *cpu, unsigned n, u64 v)
{
    rv_pmp_write_addr(cpu, n & 15, v);
}

/* ---- counters and timers (priv 3.1.10-12, 11, 12) ---------------------------------------- */

static u64 read_counter(struct rv_cpu *cpu, unsigned n) { return rv_counter_read(cpu, n & 31); }
static void write_counter(struct rv_cpu *cpu, unsigned n, u64 v)
{
    rv_counter_write(cpu, n & 31, v);
}
static u64 read_time(struct rv_cpu *cpu, unsigned n) { return (void)cpu, (void)n, rv_time(); }

static u64 read_event(struct rv_cpu *cpu, unsigned n)
{
    rv_counter_overflows(cpu);
    return cpu->counter[n & 31].event;
}

static void write_event(struct rv_cpu *cpu, unsigned n, u64 v)
{
    u64 fields = 0xff;
    if (RV_HAS(cpu, sscofpmf))
        fields |= RV_EVENT_OF | RV_EVENT_MINH | RV_EVENT_SINH | RV_EVENT_UINH;
    rv_counter_event(cpu, n & 31, v & fields);
}

static void write_inhibit(struct rv_cpu *cpu, unsigned n, u64 v)
{
    (void)n;
    rv_counter_inhibit(cpu, (u32)v & ~2u);
}

static u64 read_scountovf(struct rv_cpu *cpu, unsigned n)
{
    u64 set = 0;
    (void)n;
    rv_counter_overflows(cpu);
    for (unsigned i = 3; i < RV_COUNTERS; i++)
        set |= (cpu->counter[i].event >> 63) << i;
    return cpu->priv == RV_M ? set : set & cpu->mcounteren;
}

static void write_stimecmp(struct rv_cpu *cpu, unsigned n, u64 v)
{
    (void)n;
    cpu->stimecmp = v;
    rv_timer_update(cpu);
    rv_poke(cpu);
}

static u64 read_hartid(struct rv_cpu *cpu, unsigned n) { return (void)n, (u64)cpu->c.index; }
static u64 read_zero(struct rv_cpu *cpu, unsigned n) { return (void)cpu, (void)n, 0; }
static u64 read_tinfo(struct rv_cpu *cpu, unsigned n)
{
    return (void)cpu, (void)n, 1; /* no trigger here */
}
static void write_nothing(struct rv_cpu *cpu, unsigned n, u64 v) { (void)cpu, (void)n, (void)v; }

/* ---- the table --------------------------------------------------------------------------- */

enum { ENDS = 1 }; /* a write may change mode, mapping, key or what interrupts are taken */
#define ALL (~0ull)
#define F(m) offsetof(struct rv_cpu, m)

/* clang-format off */
/* first, last, name, need, field, writable bits, read, write, flags */
#define CSRS(_) \
    _(0x001, 0x001, fflags,     need_fp,  0,             0,    read_fflags,  write_fcsr,    0)    \
    _(0x002, 0x002, frm,        need_fp,  0,             0,    read_frm,     write_fcsr,    ENDS) \
    _(0x003, 0x003, fcsr,       need_fp,  0,             0,    read_fcsr,    write_fcsr,    ENDS) \
    _(0xc00, 0xc00, cycle,      need_counter, 0,         0,    read_counter, NULL,          0)    \
    _(0xc01, 0xc01, time,       need_counter, 0,         0,    read_time,    NULL,          0)    \
    _(0xc02, 0xc1f, hpmcounter, need_counter, 0,         0,    read_counter, NULL,          0)    \
    _(0x100, 0x100, sstatus,    NULL,     0,             0,    read_sstatus, write_sstatus, ENDS) \
    _(0x104, 0x104, sie,        NULL,     0,             0,    read_sie,     write_sie,     ENDS) \
    _(0x105, 0x105, stvec,      NULL,     F(stvec),      0,    NULL,         write_stvec,   0)    \
    _(0x106, 0x106, scounteren, NULL,     F(scounteren), ~0u,  NULL,         NULL,          0)    \
    _(0x10a, 0x10a, senvcfg,    NULL,     F(senvcfg),    0,    NULL,         write_senvcfg, 0)    \
    _(0x140, 0x140, sscratch,   NULL,     F(sscratch),   ALL,  NULL,         NULL,          0)    \
    _(0x141, 0x141, sepc,       NULL,     F(sepc),       ~1ull, NULL,        NULL,          0)    \
    _(0x142, 0x142, scause,     NULL,     F(scause),     ALL,  NULL,         NULL,          0)    \
    _(0x143, 0x143, stval,      NULL,     F(stval),      ALL,  NULL,         NULL,          0)    \
    _(0x144, 0x144, sip,        NULL,     0,             0,    read_sip,     write_sip,     ENDS) \
    _(0x14d, 0x14d, stimecmp,   need_stimecmp, F(stimecmp), 0, NULL,         write_stimecmp, ENDS) \
    _(0x180, 0x180, satp,       need_satp, F(satp),      0,    NULL,         write_satp,    ENDS) \
    _(0xda0, 0xda0, scountovf,  need_sscofpmf, 0,        0,    read_scountovf, NULL,        0)    \
    _(0xf11, 0xf13, mvendorid,  NULL,     0,             0,    read_zero,    NULL,          0)    \
    _(0xf14, 0xf14, mhartid,    NULL,     0,             0,    read_hartid,  NULL,          0)    \
    _(0xf15, 0xf15, mconfigptr, NULL,     0,             0,    read_zero,    NULL,          0)    \
    _(0x300, 0x300, mstatus,    NULL,     0,             0,    read_mstatus, write_mstatus, ENDS) \
    _(0x301, 0x301, misa,       NULL,     0,             0,    read_misa,    write_nothing, 0)    \
    _(0x302, 0x302, medeleg,    NULL,     F(medeleg), MEDELEG_FIELDS, NULL,  NULL,          0)    \
    _(0x303, 0x303, mideleg,    NULL,     F(mideleg),    0,    NULL,         write_mideleg, ENDS) \
    _(0x304, 0x304, mie,        NULL,     F(mie),        0,    NULL,         write_mie,     ENDS) \
    _(0x305, 0x305, mtvec,      NULL,     F(mtvec),      0,    NULL,         write_mtvec,   0)    \
    _(0x306, 0x306, mcounteren, NULL,     F(mcounteren), ~0u,  NULL,         NULL,          0)    \
    _(0x30a, 0x30a, menvcfg,    NULL,     F(menvcfg),    0,    NULL,         write_menvcfg, ENDS) \
    _(0x320, 0x320, mcountinhibit, NULL,  F(mcountinhibit), 0, NULL,         write_inhibit, ENDS) \
    _(0x323, 0x33f, mhpmevent,  NULL,     0,             0,    read_event,   write_event,   ENDS) \
    _(0x340, 0x340, mscratch,   NULL,     F(mscratch),   ALL,  NULL,         NULL,          0)    \
    _(0x341, 0x341, mepc,       NULL,     F(mepc),       ~1ull, NULL,        NULL,          0)    \
    _(0x342, 0x342, mcause,     NULL,     F(mcause),     ALL,  NULL,         NULL,          0)    \
    _(0x343, 0x343, mtval,      NULL,     F(mtval),      ALL,  NULL,         NULL,          0)    \
    _(0x344, 0x344, mip,        NULL,     0,             0,    read_mip,     write_mip,     ENDS) \
    _(0x3a0, 0x3a0, pmpcfg0,    NULL,     0,             0,    read_pmpcfg,  write_pmpcfg,  ENDS) \
    _(0x3a2, 0x3a2, pmpcfg2,    NULL,     0,             0,    read_pmpcfg,  write_pmpcfg,  ENDS) \
    _(0x3b0, 0x3bf, pmpaddr,    NULL,     0,             0,    read_pmpaddr, write_pmpaddr, ENDS) \
    _(0x7a0, 0x7a3, trigger,    NULL,     0,             0,    read_zero,    write_nothing, 0)    \
    _(0x7a4, 0x7a4, tinfo,      NULL,     0,             0,    read_tinfo,   write_nothing, 0)    \
    _(0xb00, 0xb00, mcycle,     NULL,     0,             0,    read_counter, write_counter, ENDS) \
    _(0xb02, 0xb1f, mhpmcounter, NULL,    0,             0,    read_counter, write_counter, ENDS)
/* clang-format on */

struct csr {
    bool (*need)(const struct rv_cpu *, unsigned number);
    u32 off, flags;
    u64 writable;
    u64 (*read)(struct rv_cpu *, unsigned number);            /* NULL: the field */
    void (*write)(struct rv_cpu *, unsigned number, u64 val); /* NULL: the field's writable bits */
};

enum {
    ROW_NONE,
#define _(first, last, name, ...) ROW_##name,
    CSRS(_)
#undef _
};
static const struct csr rows[] = {
#define _(first, last, name, need, off, writable, read, write, flags) \
    [ROW_##name] = {need, off, flags, writable, read, write},
    CSRS(_)
#undef _
};
static const u8 row_of[4096] = {
#define _(first, last, name, ...) [first... last] = ROW_##name,
    CSRS(_)
#undef _
};

static u64 *field(struct rv_cpu *cpu, const struct csr *row)
{
    return (u64 *)((char *)cpu + row->off);
}

/* The row, when the hart may access the register now. */
static const struct csr *find(const struct rv_cpu *cpu, unsigned number, bool write)
{
    const struct csr *row = &rows[row_of[number & 4095]];
    if (row == rows || bits(number, 9, 8) > cpu->priv || (write && bits(number, 11, 10) == 3))
        return NULL;
    return !row->need || row->need(cpu, number) ? row : NULL;
}

static u64 get(struct rv_cpu *cpu, const struct csr *row, unsigned number)
{
    return row->read ? row->read(cpu, number) : *field(cpu, row);
}

static void put(struct rv_cpu *cpu, const struct csr *row, unsigned number, u64 v)
{
    u64 *p = field(cpu, row);
    if (row->write)
        row->write(cpu, number, v);
    else
        *p = (*p & ~row->writable) | (v & row->writable);
}

bool rv_csr_read(struct rv_cpu *cpu, unsigned number, u64 *v)
{
    const struct csr *row = find(cpu, number, false);
    if (row)
        *v = get(cpu, row, number);
    return row;
}

bool rv_csr_write(struct rv_cpu *cpu, unsigned number, u64 v)
{
    const struct csr *row = find(cpu, number, true);
    if (row)
        put(cpu, row, number, v);
    return row;
}

bool rv_csr_ends(unsigned number) { return rows[row_of[number & 4095]].flags & ENDS; }

u32 rv_csr_plain(unsigned number)
{
    const struct csr *row = &rows[row_of[number & 4095]];
    bool plain = row->writable == ALL && !row->need && !row->read && !row->write;
    return plain ? row->off : 0;
}

static u64 do_csr(void *c, u64 what, u64 operand, u64 insn)
{
    struct rv_cpu *cpu = rv_cpu(c);
    unsigned number = what & 4095, op = what >> 12 & 3;
    const struct csr *row = find(cpu, number, op != RV_CSR_READ);
    if (!row) {
        cpu_raise(c, RV_EXC_ILLEGAL, insn);
        return 0;
    }
    u64 old = what & RV_CSR_NO_READ ? 0 : get(cpu, row, number), base = old;
    if (row == &rows[ROW_mip]) /* set and clear see SEIP without the external line (priv 3.1.9) */
        base = (old & ~IRQ(SEI)) | (cpu->seip ? IRQ(SEI) : 0);
    switch (op) {
    case RV_CSR_WRITE: put(cpu, row, number, operand); break;
    case RV_CSR_SET: put(cpu, row, number, base | operand); break;
    case RV_CSR_CLEAR: put(cpu, row, number, base & ~operand); break;
    }
    return old;
}
const struct ir_helper rv_h_csr = {"csr", do_csr, HELP_FAULT | HELP_FP};
