/* jit/emit.h - what the files of the back end share: registers, values, the unit being emitted. */
#ifndef JIT_EMIT_H
#define JIT_EMIT_H
#include "jit/jit.h"
#include "jit/x64_asm.h"

enum {
    CPU_BIAS = 128, /* r14 points this far into the CPU struct */
    N_PIN = 8,
    N_TEMP = 2, /* integer registers for guest registers and for values */
    N_FPIN = 8,
    N_FTEMP = 5,
    FRAME_SPILLS = 64,               /* 8-byte spill slots at rsp */
    FRAME_SAVE = FRAME_SPILLS * 8,   /* where thunks save temporaries */
    FRAME_ARG = FRAME_SAVE + 16 * 8, /* third argument of helpers */
    FRAME_SIZE = FRAME_ARG + 8, /* with six pushes and the return address rsp is 16-byte aligned */
    REGS = 32,
};
extern const u8 pin_regs[N_PIN], fpin_regs[N_FPIN], temp_regs[N_TEMP], ftemp_regs[N_FTEMP];

#define CPU_OFF(m) ((i32)offsetof(struct cpu, m) - CPU_BIAS)
static inline struct rm rm_cpu(i64 off) { return rm_mem(R14, off - CPU_BIAS); }

struct jit {
    struct jit_config cfg;
    u8 *rw, *rx; /* two views of one memory object */
    u64 size, used, thunks_end;
    int fd;
    FILE *perf;
    u8 pin[IR_SLOTS];  /* host register that is the slot's home, or NOREG: memory */
    u32 slot_of[REGS]; /* the reverse, ~0 */
    bool avx512;
    /* thunks, executable view */
    const u8 *enter, *leave, *leave_exc, *indirect,
        *next;                          /* next: at cpu->pc, through the jump cache */
    const u8 *load, *store, *amo, *cas; /* slow paths */
    const u8 *call_pure,
        *call_float; /* keep every register but rax, rcx, rdx, xmm0-2; float: cpu->mxcsr is true */
    const u8 *call_state,
        *call_fp; /* guest registers are in their slots meanwhile; fp: cpu->mxcsr is true */
};
enum { K_HI_ONES, K_SIGN64, K_SIGN32, K_NAN64, K_NAN32 }; /* rows of cpu->consts */
static inline struct rm rm_k(int k) { return rm_cpu((i64)offsetof(struct cpu, consts) + 16 * k); }

struct value {
    u8 reg;     /* host register that holds it, or NOREG */
    i16 frame;  /* spill slot, or -1 */
    i16 slot;   /* guest slot in memory that holds it, or -1 */
    bool boxed; /* float32 whose register has ones in bits 63:32 */
};
struct fixup { /* a displacement that waits for a label or a cold stub */
    u8 *site;
    u32 label;
};
struct emit;
struct cold { /* code out of line, emitted after the unit's body */
    void (*emit)(struct emit *, const struct cold *);
    u8 *from[2]; /* displacements that jump here */
    u8 *back;    /* where it returns to */
    u32 ins;     /* instruction it belongs to */
    i32 guest;   /* pc of the guest instruction, from the unit's pc */
    u8 reg[3];
    struct rm mem;
    u64 imm;
};
enum { MAX_COLD = 4096 };
struct emit {
    struct jit *jit;
    const struct ir *ir;
    struct jit_unit *unit;
    struct code c;
    u8 *body; /* unit's first byte */
    struct value v[IR_MAX];
    u32 next_use[IR_MAX][3]; /* where operand k of an instruction is used next; 0: never */
    u32 first_use[IR_MAX];   /* of the instruction's value */
    u32 use[IR_MAX];         /* next use of the value, kept true while emitting */
    val owner[REGS];         /* value in a host register, 0: none */
    val in_slot[IR_SLOTS];   /* value that a memory slot holds */
    u32 locked;              /* host registers in use by the current instruction */
    u64 frames, frames_done; /* spill slots in use; free after the current instruction */
    u32 cur;                 /* instruction being emitted */
    i32 guest;               /* current guest pc, from the unit's pc */
    u8 *label[IR_LABELS];
    struct fixup fix[IR_MAX];
    u32 n_fix;
    struct cold cold[MAX_COLD];
    u32 n_cold;
    struct jit_pc pcs[MAX_COLD];
    u32 n_pcs;
    bool failed; /* out of cold records or spill slots */
};

/* ---- alloc.c: where values are ------------------------------------------------------------------------- */
void alloc_prepare(struct emit *);           /* next uses */
void alloc_begin(struct emit *);               /* of an instruction */
void alloc_scope(struct emit *);             /* a label: no value lives */
unsigned alloc_use(struct emit *, val);      /* in a register, locked */
struct rm alloc_operand(struct emit *, val); /* register or memory, whichever is there; locked */
void alloc_load(struct emit *, unsigned reg, val);  /* copied to a scratch register */
bool alloc_imm(const struct emit *, val, i32 *imm); /* a constant that fits an immediate */
void alloc_operands_done(struct emit *); /* operands that die here give up their registers */
unsigned alloc_def(struct emit *);       /* register for the current instruction's value */
void alloc_get(struct emit *);
void alloc_set(struct emit *);
void alloc_for_call(struct emit *,
                    u32 help_flags); /* values that live on go to where a call spares them */
void alloc_bind(struct emit *, unsigned reg); /* the current value is in this temporary */
static inline bool is_xmm(unsigned r) { return r >= XMM0 && r != NOREG; }
static inline bool is_float(unsigned type) { return type == F32 || type == F64; }

/* ---- emit.c: shared pieces --------------------------------------------------------------------------------- */
struct cold *emit_cold(struct emit *, void (*fn)(struct emit *, const struct cold *), u8 *from);
void emit_note_pc(struct emit *, i32 guest); /* the code position after a call maps to a guest pc */
void emit_goto(struct emit *, u8 *site, const u8 *rx_target);
void emit_call_thunk(struct emit *, const u8 *rx_thunk);
void emit_move(struct emit *, unsigned dst, struct rm src); /* 64 bits, integer or float register */
void emit_set_pc(struct emit *, u64 pc);                    /* cpu->pc = pc, uses rax */
void emit_jump_cache(struct code *); /* rdx = target: jumps if known, else falls through */
void emit_jump_label(struct emit *, u8 *site, u32 label);
static inline const struct ir_ins *cur_ins(const struct emit *e) { return &e->ir->ins[e->cur]; }
static inline u32 width_of(unsigned type) { return type == I32 || type == F32 ? 0 : W; }

/* ---- one function per family ---------------------------------------------------------------------------------- */
void emit_int(struct emit *);     /* x64_int.c */
void emit_mem(struct emit *);     /* x64_mem.c */
void emit_float(struct emit *);   /* x64_fp.c */
void emit_control(struct emit *); /* x64_flow.c */
void emit_compare(struct emit *, unsigned type, unsigned cc, val a, val b, enum x64_cc *out);
bool jit_make_thunks(struct jit *); /* thunks.c */
#endif
