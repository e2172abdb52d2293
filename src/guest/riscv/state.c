/* guest/riscv/state.c - a hart from `-cpu` to reset: extensions, registers, mode. */
#include <errno.h>
#include "guest/riscv/cpu.h"

/* ---- extensions -------------------------------------------------------------------------- */

struct model { /* what `-cpu` says, by name */
#define _(n, dflt, doc) bool n;
    RV_EXTS(_)
#undef _
};
const struct prop rv_cpu_props[] = {
#define _(n, dflt, doc) PROP_BOOL(struct model, n, dflt, doc),
    RV_EXTS(_)
#undef _
        {0}};

static bool model_word(void *arg, const char *key, const char *value, struct error *err)
{
    if (key)
        return props_set(rv_cpu_props, arg, key, value, err);
    if (!strcmp(value, "max")) { /* all there is, also what costs speed */
        for (const struct prop *p = rv_cpu_props; p->name; p++)
            if (!props_set(rv_cpu_props, arg, p->name, "on", err))
                return false;
        return true;
    }
    return !strcmp(value, "rv64") ||
           error_set(err, EINVAL, "no model '%s'; there are 'rv64' and 'max'", value);
}

static bool consistent(u64 ext, struct error *err)
{
    static const struct {
        u8 ext, needs;
    } rules[] = {
        {RV_EXT_d, RV_EXT_f},          {RV_EXT_sv48, RV_EXT_sv39},   {RV_EXT_sv57, RV_EXT_sv48},
        {RV_EXT_svnapot, RV_EXT_sv39}, {RV_EXT_svpbmt, RV_EXT_sv39},
    };
    if (!(ext >> RV_EXT_c & 1))
        return error_set(err, EINVAL, "extension 'c' cannot be switched off");
    for (unsigned i = 0; i < ARRAY_LEN(rules); i++)
        if (ext >> rules[i].ext & 1 && !(ext >> rules[i].needs & 1))
            return error_set(err, EINVAL, "extension '%s' needs '%s'",
                             rv_cpu_props[rules[i].ext].name, rv_cpu_props[rules[i].needs].name);
    return true;
}

bool rv_init(struct cpu *c, const char *model, struct error *err)
{
    struct rv_cpu *cpu = rv_cpu(c);
    struct model said;
    props_defaults(rv_cpu_props, &said);
    if (model && !opts_parse(model, model_word, &said, err))
        return error_prefix(err, "cpu: ");
    cpu->ext = 0;
#define _(n, dflt, doc) cpu->ext |= (u64)said.n << RV_EXT_##n;
    RV_EXTS(_)
#undef _
    return consistent(cpu->ext, err) || error_prefix(err, "cpu: ");
}

char *rv_isa_string(const struct rv_cpu *cpu)
{
    char *isa = xstrdup("rv64i");
    for (unsigned i = 0; i < RV_EXT_ISA; i++) {
        const char *name = rv_cpu_props[i].name;
        if (!(cpu->ext >> i & 1))
            continue;
        char *longer = xprintf("%s%s%s", isa, name[1] ? "_" : "", name);
        free(isa);
        isa = longer;
    }
    return isa;
}

char *rv_isa_list(const struct rv_cpu *cpu, size_t *len)
{
    char *list = xstrdup("i");
    *len = 2;
    for (unsigned i = 0; i < RV_EXT_ISA; i++) {
        size_t n = strlen(rv_cpu_props[i].name) + 1;
        if (!(cpu->ext >> i & 1))
            continue;
        list = xresize(list, *len + n);
        memcpy(list + *len, rv_cpu_props[i].name, n);
        *len += n;
    }
    return list;
}

const char *rv_mmu_type(const struct rv_cpu *cpu)
{
    return RV_HAS(cpu, sv57)   ? "riscv,sv57"
           : RV_HAS(cpu, sv48) ? "riscv,sv48"
           : RV_HAS(cpu, sv39) ? "riscv,sv39"
                               : "riscv,none";
}

/* ---- registers --------------------------------------------------------------------------- */

/* clang-format off */
#define X_REGS(_)                                                                                  \
    _(zero, 0) _(ra, 1) _(sp, 2) _(gp, 3) _(tp, 4) _(t0, 5) _(t1, 6) _(t2, 7) _(s0, 8) _(s1, 9)    \
    _(a0, 10) _(a1, 11) _(a2, 12) _(a3, 13) _(a4, 14) _(a5, 15) _(a6, 16) _(a7, 17) _(s2, 18)      \
    _(s3, 19) _(s4, 20) _(s5, 21) _(s6, 22) _(s7, 23) _(s8, 24) _(s9, 25) _(s10, 26) _(s11, 27)    \
    _(t3, 28) _(t4, 29) _(t5, 30) _(t6, 31)
#define F_REGS(_)                                                                                  \
    _(ft0, 32) _(ft1, 33) _(ft2, 34) _(ft3, 35) _(ft4, 36) _(ft5, 37) _(ft6, 38) _(ft7, 39)        \
    _(fs0, 40) _(fs1, 41) _(fa0, 42) _(fa1, 43) _(fa2, 44) _(fa3, 45) _(fa4, 46) _(fa5, 47)        \
    _(fa6, 48) _(fa7, 49) _(fs2, 50) _(fs3, 51) _(fs4, 52) _(fs5, 53) _(fs6, 54) _(fs7, 55)        \
    _(fs8, 56) _(fs9, 57) _(fs10, 58) _(fs11, 59) _(ft8, 60) _(ft9, 61) _(ft10, 62) _(ft11, 63)
#define FIELDS(_)                                                                                  \
    _(priv) _(frm) _(mstatus) _(medeleg) _(mideleg) _(mie) _(mtvec) _(mcounteren) _(menvcfg)       \
    _(mscratch) _(mepc) _(mcause) _(mtval) _(stvec) _(scounteren) _(senvcfg) _(sscratch) _(sepc)   \
    _(scause) _(stval) _(satp) _(stimecmp)
/* clang-format on */

enum {
#define _(name, n) SLOT_##name = n,
    X_REGS(_) F_REGS(_)
#undef _
        SLOT_COUNT
};

static const struct ir_slot slots[SLOT_COUNT] = {
#define _(reg, n) {#reg, offsetof(struct cpu, r[n]), I64},
    X_REGS(_)
#undef _
#define _(reg, n) {#reg, offsetof(struct cpu, r[n]), F64},
        F_REGS(_)
#undef _
};

static const struct guest_reg regs[] = {
#define _(reg, n) {#reg, offsetof(struct rv_cpu, c.r[n]), 64},
    X_REGS(_){"pc", offsetof(struct rv_cpu, c.pc), 64}, F_REGS(_)
#undef _
#define _(m) {#m, offsetof(struct rv_cpu, m), 8 * sizeof((struct rv_cpu *)0)->m},
                                                            FIELDS(_)
#undef _
                                                                {NULL, 0, 0}};

/* In order of use in compiled Linux code. */
static const u8 hot[] = {SLOT_sp, SLOT_a0, SLOT_a1, SLOT_a2, SLOT_a3, SLOT_a4, SLOT_a5,
                         SLOT_s0, SLOT_ra, SLOT_s1, SLOT_a6, SLOT_a7, SLOT_t1, SLOT_s2,
                         SLOT_s3, SLOT_t3, SLOT_s4, SLOT_t0, SLOT_s5, SLOT_tp, SLOT_t4,
                         SLOT_s6, SLOT_t5, SLOT_s7, SLOT_t2, SLOT_t6, SLOT_gp, 0};
static const u8 hot_fp[] = {SLOT_fa0, SLOT_fa1, SLOT_fa2, SLOT_fa3, SLOT_fa4, SLOT_fa5,
                            SLOT_ft0, SLOT_ft1, SLOT_ft2, SLOT_ft3, SLOT_fs0, SLOT_fs1,
                            SLOT_fa6, SLOT_fa7, SLOT_ft4, SLOT_ft5, 0};

/* ---- mode -------------------------------------------------------------------------------- */

static u32 key(const struct rv_cpu *cpu)
{
    u32 k = cpu->priv | (u32)cpu->frm << RV_KEY_FRM_SHIFT;
    k |= cpu->mstatus & RV_FS ? RV_KEY_FS : 0;
    k |= (cpu->mstatus & RV_FS) == RV_FS ? RV_KEY_DIRTY : 0;
    k |= rv_counts_instructions(cpu) ? RV_KEY_COUNT : 0;
    return k | (u32)(cpu->ext & ((1ull << RV_EXT_ISA) - 1)) << RV_KEY_EXT_SHIFT;
}

void rv_mode_changed(struct rv_cpu *cpu)
{
    enum rv_priv data = rv_data_priv(cpu);
    bool bare = cpu->priv == RV_M && data == RV_M;
    u32 mode = data;
    if (data == RV_S)
        mode |= cpu->mstatus & RV_SUM ? 4 : 0;
    if (!bare)
        mode |= cpu->mstatus & RV_MXR ? 8 : 0;
    tlb_select(&cpu->c, bare ? 0 : cpu->satp, mode, key(cpu));
}

static u64 do_fpdirty(void *c, u64 a, u64 b, u64 z)
{
    (void)a, (void)b, (void)z;
    rv_cpu(c)->mstatus |= RV_FS;
    rv_mode_changed(rv_cpu(c));
    return 0;
}
const struct ir_helper rv_h_fpdirty = {"fpdirty", do_fpdirty, HELP_FAULT};

/* Priv 3.4, and for what it leaves open: all zero; PBMTE and ADUE on where they exist, for firmware
 * that is older than they are. */
void rv_reset(struct cpu *c)
{
    enum { RESET_PC = 0x1000, MXCSR_DEFAULT = 0x1f80 };
    enum {
        LINES = 1 << RV_IRQ_MSI | 1 << RV_IRQ_MTI | 1 << RV_IRQ_SEI | 1 << RV_IRQ_MEI
    }; /* not ours to clear */
    struct rv_cpu *cpu = rv_cpu(c);
    memset(c->r, 0, sizeof c->r);
    c->pc = RESET_PC;
    c->exc = 0;
    c->mxcsr = MXCSR_DEFAULT;
    c->res_addr = ~0ull;
    __atomic_fetch_and(&c->irq_pending, LINES, __ATOMIC_SEQ_CST);
#define _(m) cpu->m = 0;
    FIELDS(_)
#undef _
    cpu->priv = RV_M;
    cpu->seip = false;
    cpu->stimecmp = ~0ull;
    cpu->menvcfg =
        (RV_HAS(cpu, svpbmt) ? RV_ENV_PBMTE : 0) | (RV_HAS(cpu, svadu) ? RV_ENV_ADUE : 0);
    rv_counter_reset(cpu);
    rv_pmp_reset(cpu);
    rv_mode_changed(cpu);
    rv_timer_update(cpu);
}

static void rv_fini(struct cpu *c) { (void)c; }

GUEST(riscv64, .name = "riscv64", .cpu_size = sizeof(struct rv_cpu), .slots = slots,
      .n_slots = SLOT_COUNT, .hot = hot, .hot_fp = hot_fp, .regs = regs, .min_insn = 1,
      .init = rv_init, .reset = rv_reset, .fini = rv_fini, .flow = rv_flow, .lift = rv_lift,
      .walk = rv_walk, .access_fault = rv_access_fault, .raise = rv_raise,
      .interrupt = rv_interrupt, .wake = rv_wake, .disasm = rv_disasm);
