/* ir/ir.h - the intermediate representation: ops, types, the builder, and what runs it.
 *
 * A unit is one array of 16-byte instructions without pointers. An instruction that makes a value
 * is named by its index (`val`; 0 is "none"). Rules the verifier keeps:
 *  - a value is used only after the instruction that makes it and never across a `label`: at a
 *    label all guest state lives in its slots. Code after a conditional branch (`brcc`) is still
 *    the same scope.
 *  - guest instructions begin with `insn`; a guest instruction's `set`s come after its last op that
 *    can fault, so slots always hold the state before the instruction when a fault is taken.
 *  - integer ops of type I32 read the low 32 bits of their inputs and make a value whose upper 32
 *    bits are zero; every integer value is a full 64-bit register. There are no 8 and 16 bit
 *    values.
 *  - `type` is the type of an op's result (an integer op of type I32 still makes a whole register),
 *    except: setcc, setf, ftoi, mov_fi and brcc name the type of their inputs; ste, st, amo and cas
 *    that of the value. Memory ops are I64, or F32/F64 with MOP_FLOAT (ld and st only). amo and cas
 *    make the old value, extended as their mop says. lde and ste never touch a slot's home.
 *  - F32 values have 32 meaningful bits; F64 values 64. A floating-point guest slot is an F64 value
 *    (raw bits); unbox32/box32 go between it and F32 (RISC-V unprivileged, 22.2 NaN boxing).
 *  - a NaN that fadd .. fma make has any sign and payload; fnan gives it its bits, and takes
 *    nothing else, so that it never meets a signaling NaN. fma raises invalid for inf * 0 + NaN
 *    (22.7). ftoi saturates, a NaN as the largest number; its 32-bit results, unsigned ones too,
 *    are sign-extended to 64.
 */
#ifndef IR_IR_H
#define IR_IR_H
#include "base/base.h"

enum ir_type { T_NONE, I32, I64, F32, F64 };

/* What an op does besides making its value */
enum ir_fx {
    FX_PURE = 0,
    FX_WRITE = 1, /* changes state: never removed */
    FX_LEAVE = 2, /* may leave the unit (fault, exit, branch): slots must be true before it */
    FX_END = 4,   /* control never falls through */
    FX_FP = 8,    /* rounds by MXCSR and raises its sticky flags: in order with HELP_FP calls */
};

/* name, inputs, makes a value, effects */
/* clang-format off */
#define IR_OPS(_)                                                                                 \
    _(nop, 0, 0, FX_PURE)                                                                         \
    _(constant, 0, 1, FX_PURE)       /* imm */                                                    \
    _(insn, 0, 0, FX_WRITE)          /* a guest instruction begins: imm = pc, aux = length */     \
    _(get, 0, 1, FX_PURE)            /* aux = slot; ordered against set and call by the builder */\
    _(set, 1, 0, FX_WRITE)           /* aux = slot */                                             \
    _(lde, 0, 1, FX_PURE)            /* field of the CPU struct at byte offset c, type's width */ \
    _(ste, 1, 0, FX_WRITE)           /* likewise; a = value */                                    \
    /* integer, type I32 or I64 */                                                                \
    _(add, 2, 1, FX_PURE)                                                                         \
    _(sub, 2, 1, FX_PURE)                                                                         \
    _(mul, 2, 1, FX_PURE)                                                                         \
    _(mulhu, 2, 1, FX_PURE)                                                                       \
    _(mulhs, 2, 1, FX_PURE)                                                                       \
    _(mulhsu, 2, 1, FX_PURE)         /* a signed, b unsigned */                                   \
    _(divu, 2, 1, FX_PURE)           /* as RISC-V: x/0 = all ones, x%0 = x, min/-1 = min */       \
    _(divs, 2, 1, FX_PURE)                                                                        \
    _(remu, 2, 1, FX_PURE)                                                                        \
    _(rems, 2, 1, FX_PURE)                                                                        \
    _(and, 2, 1, FX_PURE)                                                                         \
    _(or, 2, 1, FX_PURE)                                                                          \
    _(xor, 2, 1, FX_PURE)                                                                         \
    _(andn, 2, 1, FX_PURE)           /* a & ~b */                                                 \
    _(shl, 2, 1, FX_PURE)            /* shift counts are taken modulo the width */                \
    _(shr, 2, 1, FX_PURE)                                                                         \
    _(sar, 2, 1, FX_PURE)                                                                         \
    _(rol, 2, 1, FX_PURE)                                                                         \
    _(ror, 2, 1, FX_PURE)                                                                         \
    _(minu, 2, 1, FX_PURE)                                                                        \
    _(maxu, 2, 1, FX_PURE)                                                                        \
    _(mins, 2, 1, FX_PURE)                                                                        \
    _(maxs, 2, 1, FX_PURE)                                                                        \
    _(clmul, 2, 1, FX_PURE)          /* carry-less product, low 64 bits; I64 only */              \
    _(clmulh, 2, 1, FX_PURE)         /* high 64 bits */                                           \
    _(clz, 1, 1, FX_PURE)            /* of 0: the width */                                        \
    _(ctz, 1, 1, FX_PURE)                                                                         \
    _(popcnt, 1, 1, FX_PURE)                                                                      \
    _(bswap, 1, 1, FX_PURE)                                                                       \
    _(sext8, 1, 1, FX_PURE)          /* extensions make I64 values */                             \
    _(sext16, 1, 1, FX_PURE)                                                                      \
    _(sext32, 1, 1, FX_PURE)                                                                      \
    _(zext8, 1, 1, FX_PURE)                                                                       \
    _(zext16, 1, 1, FX_PURE)                                                                      \
    _(zext32, 1, 1, FX_PURE)                                                                      \
    _(setcc, 2, 1, FX_PURE)          /* aux = enum ir_cc; makes 0 or 1 */                         \
    _(sel, 3, 1, FX_PURE)            /* a != 0 ? b : c */                                         \
    /* guest memory, in program order: a = address, c = displacement (i32), aux = mop */          \
    _(ld, 1, 1, FX_LEAVE)                                                                         \
    _(st, 2, 0, FX_WRITE | FX_LEAVE)  /* b = value */                                             \
    _(amo, 2, 1, FX_WRITE | FX_LEAVE)  /* aux = mop or enum ir_amo << 8; no displacement */       \
    _(cas, 3, 1, FX_WRITE | FX_LEAVE)  /* b = expected, c = new; both make the old value */       \
    _(fence, 0, 0, FX_WRITE)         /* aux: 1 = store-load order needed, 0 = compiler only */    \
    /* floating point; rounding and sticky flags are the guest's, in MXCSR form */                \
    _(fadd, 2, 1, FX_FP)                                                                          \
    _(fsub, 2, 1, FX_FP)                                                                          \
    _(fmul, 2, 1, FX_FP)                                                                          \
    _(fdiv, 2, 1, FX_FP)                                                                          \
    _(fsqrt, 1, 1, FX_FP)                                                                         \
    _(fma, 3, 1, FX_FP)              /* a * b + c; aux: 1 negates a * b, 2 negates c */           \
    _(fnan, 1, 1, FX_PURE)           /* of what fadd .. fma made: NaN becomes the canonical one */ \
    _(fmin, 2, 1, FX_FP)             /* IEEE 754-2019 minimumNumber, -0 < +0, NaN canonical */    \
    _(fmax, 2, 1, FX_FP)                                                                          \
    _(fsgn, 2, 1, FX_PURE)           /* a with aux 0: b's sign, 1: its opposite, 2: both xored */ \
    _(setf, 2, 1, FX_FP)             /* aux = enum ir_fcc; makes an integer 0 or 1 */             \
    _(fcvt, 1, 1, FX_FP)             /* from the other float type; NaN canonical */               \
    _(itof, 1, 1, FX_FP)             /* aux = enum ir_int of the source */                        \
    _(ftoi, 1, 1, FX_FP)             /* aux = enum ir_int of the result, | 8: truncate */         \
    _(unbox32, 1, 1, FX_PURE)        /* F64 to F32: canonical NaN unless the upper half is ones */\
    _(box32, 1, 1, FX_PURE)                                                                       \
    _(mov_if, 1, 1, FX_PURE)         /* integer bits to float */                                  \
    _(mov_fi, 1, 1, FX_PURE)         /* float bits to integer; F32: zero-extended */              \
    /* control */                                                                                 \
    _(label, 0, 0, FX_WRITE)         /* c = label; ends the scope of values */                    \
    _(br, 0, 0, FX_LEAVE | FX_END)   /* c = label */                                              \
    _(brcc, 2, 0, FX_LEAVE)          /* aux = enum ir_cc; c = label */                            \
    _(poll, 0, 0, FX_LEAVE)          /* leave here when asked to; imm = pc to resume */           \
    _(exit, 0, 0, FX_LEAVE | FX_END)  /* imm = next pc, linkable */                               \
    _(exiti, 1, 0, FX_LEAVE | FX_END)  /* a = next pc; aux = enum ir_hint */                      \
    _(exitx, 0, 0, FX_LEAVE | FX_END)  /* to the run loop, aux = reason; the pc was stored */     \
    _(call, 3, 1, FX_WRITE | FX_LEAVE)  /* aux = index in ir->helper; integers, inputs may be 0 */
/* clang-format on */

enum ir_opcode {
#define _(n, i, o, f) IR_##n,
    IR_OPS(_)
#undef _
        IR_COUNT
};
struct ir_opinfo {
    const char *name;
    u8 ins, outs, fx;
};
extern const struct ir_opinfo ir_opinfo[IR_COUNT];

/* clang-format off */
enum ir_cc { /* a condition and its opposite differ in bit 0 */
    CC_EQ, CC_NE, CC_LTU, CC_GEU, CC_LEU, CC_GTU, CC_LTS, CC_GES, CC_LES, CC_GTS, CC_COUNT
};
/* clang-format on */
enum ir_fcc { FCC_EQ, FCC_LT, FCC_LE }; /* EQ quiet; LT, LE signal invalid on any NaN */
enum ir_int { INT_S32, INT_U32, INT_S64, INT_U64 };
enum ir_amo { AMO_SWAP, AMO_ADD, AMO_AND, AMO_OR, AMO_XOR, AMO_MINS, AMO_MAXS, AMO_MINU, AMO_MAXU };
enum ir_hint { HINT_JUMP, HINT_CALL, HINT_RET };
/* mop: how memory is accessed */
enum ir_mop {
    MOP_8 = 0,
    MOP_16 = 1,
    MOP_32 = 2,
    MOP_64 = 3,
    MOP_SIZE = 3,
    MOP_SIGNED = 4,       /* loads: sign-extend to 64 bits */
    MOP_ALIGNED = 8,      /* a misaligned address faults (atomics) */
    MOP_FLOAT = 16,       /* the value is F32 (MOP_32) or F64 (MOP_64) */
    MOP_STORE_PROBE = 32, /* a load that faults as a store does (LR of an AMO, cache-block ops) */
};

typedef u32 val;
struct ir_ins {
    u8 op, type;
    u16 aux;
    u32 a;
    union {
        struct {
            u32 b, c;
        };
        u64 imm;
    };
};
_Static_assert(sizeof(struct ir_ins) == 16, "an instruction is 16 bytes");

/* A C function called from generated code. Floats travel as raw bits. It does no floating-point
 * arithmetic of its own unless HELP_FP. HELP_FAULT: it may set cpu->exc (cpu_raise); the unit then
 * leaves at once. */
typedef u64 ir_fn(void *cpu, u64 a, u64 b, u64 c);
enum ir_help {
    HELP_PURE = 1,   /* result depends on arguments only; no state is touched */
    HELP_READS = 2,  /* reads guest slots */
    HELP_WRITES = 4, /* writes guest slots (and may read them) */
    HELP_FAULT = 8,  /* may raise; cpu->pc is true when it runs */
    HELP_FP = 16,    /* uses cpu->mxcsr, which is true when it runs and reloaded after */
};
struct ir_helper {
    const char *name;
    ir_fn *fn;
    u32 flags;
};

/* Guest registers that ops `get` and `set` name. */
struct ir_slot {
    const char *name;
    u32 off; /* of the 8-byte home in the CPU struct */
    u8 type; /* I64 or F64 */
};

enum { IR_MAX = 8192, IR_LABELS = 512, IR_HELPERS = 64, IR_SLOTS = 128 };
struct ir {
    struct ir_ins ins[IR_MAX];
    u32 n; /* instructions; ins[0] is a nop */
    u32 n_labels;
    u32 n_helpers;
    const struct ir_helper *helper[IR_HELPERS];
    const struct ir_slot *slots;
    u32 n_slots;
    u32 insns;     /* guest instructions */
    u64 pc;        /* of the unit's first guest instruction */
    bool overflow; /* no room left: nothing more is added; retry with fewer guest instructions */
    bool plain;    /* no folding, forwarding, numbering: for tests that compare; kept by ir_start */
    /* builder: value currently known in each slot, value-number table (private to build.c) */
    val known[IR_SLOTS];
    u32 scope;    /* index of the last label */
    u32 fp_scope; /* index of the last call that may change rounding or flags */
    u32 hash[1024];
};

/* ---- builder (build.c, fold.c): folds constants, forwards slots, reuses equal values --------- */
void ir_start(struct ir *, const struct ir_slot *, u32 n_slots, u64 pc);
val ir_const(struct ir *, u64 imm); /* I64 */
val ir_get(struct ir *, u32 slot);
void ir_set(struct ir *, u32 slot, val);
val ir_lde(struct ir *, enum ir_type, u32 off);
void ir_ste(struct ir *, enum ir_type, u32 off, val);
val ir_un(struct ir *, enum ir_opcode, enum ir_type, val a);
val ir_bin(struct ir *, enum ir_opcode, enum ir_type, val a, val b);
/* Any pure op. */
val ir_op(struct ir *, enum ir_opcode, enum ir_type, u16 aux, val a, val b, val c);
val ir_setcc(struct ir *, enum ir_type width, enum ir_cc, val a, val b);
val ir_sel(struct ir *, val cond, val a, val b);
val ir_ld(struct ir *, u16 mop, val addr, i32 disp);
void ir_st(struct ir *, u16 mop, val addr, i32 disp, val v);
val ir_amo(struct ir *, enum ir_amo, u16 mop, val addr, val v);
val ir_cas(struct ir *, u16 mop, val addr, val expected, val v);
void ir_fence(struct ir *, bool full);
u32 ir_newlabel(struct ir *);
void ir_label(struct ir *, u32 label);
void ir_br(struct ir *, u32 label);
void ir_brcc(struct ir *, enum ir_type width, enum ir_cc, val a, val b, u32 label);
void ir_insn(struct ir *, u64 pc, unsigned len);
void ir_poll(struct ir *, u64 pc);
void ir_exit(struct ir *, u64 pc);
void ir_exiti(struct ir *, val pc, enum ir_hint);
void ir_exitx(struct ir *, u16 reason);
val ir_call(struct ir *, const struct ir_helper *, val a, val b, val c);
static inline bool ir_isconst(const struct ir *b, val v, u64 *k)
{
    if (b->ins[v].op != IR_constant)
        return false;
    *k = b->ins[v].imm;
    return true;
}

/* ---- passes, checks, text -------------------------------------------------------------------- */
void ir_optimize(struct ir *); /* dead slot stores, dead values; keeps indices (removed: nop) */
bool ir_verify(const struct ir *, struct error *);
/* The type of the register a value lives in: I64, F32 or F64; T_NONE when there is none. */
enum ir_type ir_type_of(const struct ir *, val);
void ir_dump(const struct ir *, FILE *);
/* One instruction as text; returns buf. */
const char *ir_text(const struct ir *, u32 index, char *buf, size_t size);
/* Reads what ir_dump wrote (helpers by name from `helpers`). */
bool ir_parse(struct ir *, const char *text, const struct ir_slot *, u32 n_slots,
              const struct ir_helper *const *helpers, size_t n_helpers, struct error *);

/* ---- meaning (interp.c): the oracle ---------------------------------------------------------- */
struct ir_machine { /* what a unit runs against */
    void *cpu;      /* slots, lde/ste offsets and helpers refer to it */
    u32 *mxcsr;     /* rounding mode in, sticky flags out (bit layout of x86 MXCSR) */
    u64 *pc;        /* where the pc is stored before faults and helpers */
    const u32 *exc; /* nonzero: a helper or access raised */
    bool (*load)(void *cpu, u64 addr, u16 mop, u64 *out); /* false: raised */
    bool (*store)(void *cpu, u64 addr, u16 mop, u64 v);
    bool (*amo)(void *cpu, u64 addr, u16 aux, u64 v, u64 *old);
    bool (*cas)(void *cpu, u64 addr, u16 mop, u64 expected, u64 v, u64 *old);
    bool (*poll)(void *cpu); /* true: leave */
};
enum ir_end { END_NEXT, END_INDIRECT, END_EXITX, END_FAULT, END_POLL };
struct ir_result {
    enum ir_end end;
    u16 reason; /* END_EXITX */
    u64 pc;     /* next (NEXT, INDIRECT, POLL) or faulting pc */
};
struct ir_result ir_interp(const struct ir *, const struct ir_machine *);
/* One pure integer or float op on raw bits; used by interp, folding and tests. mxcsr may be NULL
 * for integer ops. */
u64 ir_eval(enum ir_opcode, enum ir_type, u16 aux, u64 a, u64 b, u64 c, u32 *mxcsr);
#endif
