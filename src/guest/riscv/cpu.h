/* guest/riscv/cpu.h - a RISC-V hart: its state, its extensions, and what lifted code calls.
 *
 * Chapter numbers are those of the ratified manuals of 20240411: "priv" is volume II, "unpriv"
 * volume I. There is no hypervisor extension, no vector unit and one endianness; XLEN is 64 in
 * every mode.
 */
#ifndef GUEST_RISCV_CPU_H
#define GUEST_RISCV_CPU_H
#include "base/opts.h"
#include "guest/guest.h"

enum rv_priv { RV_U = 0, RV_S = 1, RV_M = 3 };

/* What `-cpu` can switch: name, default, help. In the order of the ISA string (unpriv, naming
 * conventions); the sv rows at the end are not part of it. */
/* clang-format off */
#define RV_EXTS(_)                                                   \
    _(m, "on", "multiply and divide")                                \
    _(a, "on", "atomics")                                            \
    _(f, "on", "single-precision floating point")                    \
    _(d, "on", "double-precision floating point")                    \
    _(c, "on", "compressed instructions")                            \
    _(zicbom, "on", "cache-block management")                        \
    _(zicbop, "on", "cache-block prefetch")                          \
    _(zicboz, "on", "cache-block zero")                              \
    _(zicntr, "on", "cycle, time and instret")                       \
    _(zicond, "on", "conditional zero")                              \
    _(zicsr, "on", "control and status registers")                   \
    _(zifencei, "on", "instruction-fetch fence")                     \
    _(zihintpause, "on", "pause hint")                               \
    _(zihpm, "on", "hardware performance counters")                  \
    _(zba, "on", "address generation")                               \
    _(zbb, "on", "basic bit manipulation")                           \
    _(zbc, "on", "carry-less multiply")                              \
    _(zbs, "on", "single-bit operations")                            \
    _(sscofpmf, "on", "counter overflow interrupts")                 \
    _(sstc, "on", "supervisor timer compare")                        \
    _(svadu, "on", "hardware update of A and D bits")                \
    _(svinval, "on", "fine-grained translation invalidation")        \
    _(svnapot, "on", "64 KiB pages")                                 \
    _(svpbmt, "on", "page-based memory types")                       \
    _(sv39, "on", "39-bit virtual addresses")                        \
    _(sv48, "on", "48-bit virtual addresses")                        \
    _(sv57, "off", "57-bit virtual addresses: one more level to walk at each TLB miss")
/* clang-format on */
enum rv_ext {
#define _(n, dflt, doc) RV_EXT_##n,
    RV_EXTS(_)
#undef _
        RV_EXT_COUNT,
    RV_EXT_ISA = RV_EXT_sv39, /* so many are in the ISA string and in the mode key */
};
#define RV_HAS(cpu, name) ((cpu)->ext >> RV_EXT_##name & 1)

/* The mode key: constant inside a translated unit (struct lift: key). */
enum {
    RV_KEY_PRIV = 3,       /* enum rv_priv */
    RV_KEY_FS = 1 << 2,    /* mstatus.FS is not Off */
    RV_KEY_DIRTY = 1 << 3, /* mstatus.FS is Dirty */
    RV_KEY_FRM_SHIFT = 4,  /* three bits: fcsr.frm as written, also the invalid values */
    RV_KEY_COUNT = 1 << 7, /* each instruction first adds one to rv_cpu.retired */
    RV_KEY_EXT_SHIFT = 8,  /* bit 8 + n: extension n < RV_EXT_ISA */
};
#define RV_KEY_HAS(key, name) ((key) >> (RV_KEY_EXT_SHIFT + RV_EXT_##name) & 1)
_Static_assert(RV_KEY_EXT_SHIFT + RV_EXT_ISA <= 32, "the key is 32 bits");

/* Exception codes (priv 3.1.15) and interrupt numbers, which are also bits of mip. */
enum rv_cause {
    RV_EXC_FETCH_MISALIGNED = 0,
    RV_EXC_FETCH_ACCESS = 1,
    RV_EXC_ILLEGAL = 2,
    RV_EXC_BREAKPOINT = 3,
    RV_EXC_LOAD_MISALIGNED = 4,
    RV_EXC_LOAD_ACCESS = 5,
    RV_EXC_STORE_MISALIGNED = 6,
    RV_EXC_STORE_ACCESS = 7,
    RV_EXC_ECALL_U = 8,
    RV_EXC_ECALL_S = 9,
    RV_EXC_ECALL_M = 11,
    RV_EXC_FETCH_PAGE = 12,
    RV_EXC_LOAD_PAGE = 13,
    RV_EXC_STORE_PAGE = 15,
};
enum rv_irq {
    RV_IRQ_SSI = 1,
    RV_IRQ_MSI = 3,
    RV_IRQ_STI = 5,
    RV_IRQ_MTI = 7,
    RV_IRQ_SEI = 9,
    RV_IRQ_MEI = 11,
    RV_IRQ_LCOFI = 13,
};

enum { RV_COUNTERS = 32, RV_PMPS = 16, RV_TIME_NS = 100 /* one tick of `time`: 10 MHz */ };
enum { RV_CBO_BLOCK = 64 };

struct rv_counter { /* mcycle, minstret, mhpmcounter3.. : one of 32; number 1 is unused */
    u64 value;      /* when it last started, stopped or was written */
    u64 since;      /* its clock then, if it runs */
    u64 event;      /* mhpmevent; of 0 and 2: what they always count */
};
enum { RV_EVENT_CYCLES = 1, RV_EVENT_INSTRET = 2 }; /* all others count nothing */
#define RV_EVENT_OF (1ull << 63)                    /* mhpmevent: overflowed (priv 12, Sscofpmf) */
#define RV_EVENT_MINH (1ull << 62)                  /* does not count in M, S, U */
#define RV_EVENT_SINH (1ull << 61)
#define RV_EVENT_UINH (1ull << 60)
struct rv_pmp { /* one decoded entry: bytes first..last; empty when first > last */
    gpa first, last;
};

struct rv_cpu {
    struct cpu c;  /* r[0..31] = x0..x31 (r[0] is 0), r[32..63] = f0..f31, NaN-boxed */
    u64 retired;   /* instructions, while RV_KEY_COUNT is set */
    u64 ext;       /* bits by enum rv_ext */
    u8 priv;       /* enum rv_priv */
    u8 frm;        /* fcsr.frm; fflags are the sticky bits of c.mxcsr */
    bool counting; /* minstret was written: it counts exactly from now on */
    u64 mstatus, medeleg, mideleg, mie, mtvec, mcounteren, mcountinhibit, menvcfg;
    u64 mscratch, mepc, mcause, mtval;
    u64 stvec, scounteren, senvcfg, sscratch, sepc, scause, stval, satp, stimecmp;
    bool seip; /* mip.SEIP as software wrote it; all other bits are in c.irq_pending */
    struct rv_counter counter[RV_COUNTERS];
    u32 running;  /* counters that count now */
    u32 filtered; /* counters that do not count in some privilege */
    u8 pmpcfg[RV_PMPS];
    u64 pmpaddr[RV_PMPS];
    struct rv_pmp pmp[RV_PMPS];
    bool pmp_open; /* every access of S and U is allowed: skip the search */
    bool pmp_m;    /* a locked entry binds M-mode too */
    /* Asks the board to call cpu_irq(cpu, RV_IRQ_STI, true) at clock_now_ns() == when_ns (~0:
     * never; replaces the last request). NULL: no timer. The hart itself checks what is due. */
    void (*timer)(struct rv_cpu *, u64 when_ns);
    void *timer_arg; /* the board's */
};
static inline struct rv_cpu *rv_cpu(struct cpu *c) { return container_of(c, struct rv_cpu, c); }

/* ---- for lifted code --------------------------------------------------------------------- */
/* Arguments named insn are the instruction's bits, reported in xtval by an illegal-instruction
 * trap. */
enum {
    RV_CSR_READ = 0,
    RV_CSR_WRITE = 1,
    RV_CSR_SET = 2,
    RV_CSR_CLEAR = 3,
    RV_CSR_NO_READ = 1 << 16
};
extern const struct ir_helper
    rv_h_csr; /* number | RV_CSR_op << 12 | RV_CSR_NO_READ, operand, insn: old value */
extern const struct ir_helper rv_h_ecall;
extern const struct ir_helper rv_h_ebreak;
extern const struct ir_helper rv_h_mret; /* insn; sets pc */
extern const struct ir_helper rv_h_sret; /* insn; sets pc */
extern const struct ir_helper rv_h_wfi;  /* insn; raises or does nothing: then exitx EXITX_HALT */
extern const struct ir_helper
    rv_h_sfence; /* vaddr, asid, insn << 32 | rs2 != x0 << 1 | rs1 != x0; also sinval.vma */
extern const struct ir_helper rv_h_illegal; /* insn */
extern const struct ir_helper rv_h_cbo;     /* address, enum rv_cbo, insn */
extern const struct ir_helper rv_h_fpdirty; /* mstatus.FS becomes Dirty; the key changes */
enum rv_cbo {
    RV_CBO_INVAL = 0,
    RV_CBO_CLEAN = 1,
    RV_CBO_FLUSH = 2,
    RV_CBO_ZERO = 4
}; /* as encoded */

/* Must a unit end after an instruction that writes this CSR (mode, mapping or interrupts may
 * change)? */
bool rv_csr_ends(unsigned number);
/* The offset in struct rv_cpu of a CSR that is all storage, for access without a helper; 0: not so.
 * The caller checks privilege: bits 9:8 of the number against the key. */
u32 rv_csr_plain(unsigned number);

/* The lifter's side of GUEST(riscv64): see guest/guest.h. */
void rv_flow(gva pc, const u8 *code, unsigned avail, u32 key, struct flow *);
void rv_lift(struct lift *);
unsigned rv_disasm(gva pc, const u8 *code, unsigned avail, char *out, size_t size);

/* ---- between the files of this folder, and for the board's firmware ---------------------- */
/* Recomputes root, mode and key and selects the context. After each change of priv, satp,
 * mstatus, frm. */
void rv_mode_changed(struct rv_cpu *);
extern const struct prop rv_cpu_props[]; /* the extensions, for `-cpu help` */
bool rv_init(struct cpu *, const char *model, struct error *);
void rv_reset(struct cpu *);
/* "rv64imafdc_zicbom_..." (the caller frees), or the same names NUL-separated with their whole
 * length. */
char *rv_isa_string(const struct rv_cpu *);
char *rv_isa_list(const struct rv_cpu *, size_t *len);
const char *rv_mmu_type(const struct rv_cpu *); /* "riscv,sv57" ...; "riscv,none" */

/* Fields of mstatus (priv 3.1.6) */
#define RV_SIE (1ull << 1)
#define RV_MIE (1ull << 3)
#define RV_SPIE (1ull << 5)
#define RV_MPIE (1ull << 7)
#define RV_SPP (1ull << 8)
#define RV_MPP (3ull << 11)
#define RV_MPP_SHIFT 11
#define RV_FS (3ull << 13)
#define RV_MPRV (1ull << 17)
#define RV_SUM (1ull << 18)
#define RV_MXR (1ull << 19)
#define RV_TVM (1ull << 20)
#define RV_TW (1ull << 21)
#define RV_TSR (1ull << 22)
/* of menvcfg and senvcfg (priv 3.1.18, 10.1.10) */
#define RV_ENV_FIOM 1ull
#define RV_ENV_CBIE (3ull << 4)
#define RV_ENV_CBCFE (1ull << 6)
#define RV_ENV_CBZE (1ull << 7)
#define RV_ENV_ADUE (1ull << 61)
#define RV_ENV_PBMTE (1ull << 62)
#define RV_ENV_STCE (1ull << 63)

/* The privilege that loads and stores have (mstatus.MPRV). */
static inline enum rv_priv rv_data_priv(const struct rv_cpu *cpu)
{
    if (cpu->priv == RV_M && cpu->mstatus & RV_MPRV)
        return (enum rv_priv)(cpu->mstatus >> RV_MPP_SHIFT & 3);
    return (enum rv_priv)cpu->priv;
}

/* csr.c: an access as an instruction of the hart's privilege would do it. False: it is illegal. */
bool rv_csr_read(struct rv_cpu *, unsigned number, u64 *val);
bool rv_csr_write(struct rv_cpu *, unsigned number, u64 val);
void rv_set_frm(struct rv_cpu *, unsigned frm); /* and MXCSR's rounding control */

/* mmu.c, pmp.c */
bool rv_walk(struct cpu *, gva, enum access, struct walk *);
void rv_access_fault(struct cpu *, gva, enum access, bool misaligned);
bool rv_satp_ok(const struct rv_cpu *, u64 satp); /* is the mode one the hart has? */
/* What PMP lets `priv` do with `len` bytes at pa; *whole: the same holds for all of the page
 * around it. */
enum { RV_PMP_R = 1, RV_PMP_W = 2, RV_PMP_X = 4 };
unsigned rv_pmp_allows(const struct rv_cpu *, gpa pa, u64 len, enum rv_priv, bool *whole);
void rv_pmp_write_cfg(struct rv_cpu *, unsigned first, u64 val); /* eight entries from `first` */
void rv_pmp_write_addr(struct rv_cpu *, unsigned n, u64 val);
void rv_pmp_reset(struct rv_cpu *);

/* excp.c */
u64 rv_mip(struct rv_cpu *); /* what mip reads; own thread */
void rv_set_priv(struct rv_cpu *, enum rv_priv);
void rv_raise(struct cpu *);
bool rv_interrupt(struct cpu *);
bool rv_wake(const struct cpu *);
/* Interrupt enables changed: leaves generated code if one is to be taken. */
void rv_poke(struct rv_cpu *);

/* counter.c */
u64 rv_time(void); /* what `time` reads */
u64 rv_counter_read(const struct rv_cpu *, unsigned n);
void rv_counter_write(struct rv_cpu *, unsigned n, u64 val);
void rv_counter_event(struct rv_cpu *, unsigned n, u64 event);
void rv_counter_inhibit(struct rv_cpu *, u64 mcountinhibit);
void rv_counter_mode(struct rv_cpu *);      /* privilege changed: start and stop what it filters */
void rv_counter_overflows(struct rv_cpu *); /* sets OF and LCOFIP for counters that wrapped */
void rv_counter_reset(struct rv_cpu *);
bool rv_counts_instructions(const struct rv_cpu *); /* RV_KEY_COUNT */
void rv_timer_check(struct rv_cpu *);  /* Sstc: makes STI in irq_pending say what the clock says */
void rv_timer_update(struct rv_cpu *); /* stimecmp, STCE or a counter changed: ask the board anew */
#endif
