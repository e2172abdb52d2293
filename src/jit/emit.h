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
    MOPS = 64,                      /* all there are */
    FRAME_SPILLS = 64,               /* 8-byte spill slots at rsp */
    FRAME_SAVE = FRAME_SPILLS * 8,   /* where thunks save temporaries */
    FRAME_ARG = FRAME_SAVE + 16 * 8, /* third argument of helpers */
    FRAME_SIZE = FRAME_ARG + 8, /* with six pushes and the return address rsp is 16-byte aligned */
    REGS = 32,
};
extern const u8 pin_regs[N_PIN], fpin_regs[N_FPIN], temp_regs[N_TEMP], ftemp_regs[N_FTEMP];

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
    /* thunks, in the writable view like all addresses while emitting */
    const u8 *enter, *leave, *leave_exc, *indirect;
    const u8 *next;                   /* on at cpu->pc, through the jump cache */
    /* Called with the pc to go on at, and the site to link, as data behind the call */
    const u8 *leave_at, *leave_link, *leave_link_far;
    const u8 *load[MOPS], *store[MOPS], *amo, *cas; /* slow accesses */
    /* read, write: ecx = address, rdx = tag; equal: rcx = addend */
    const u8 *near_fill[2][NEAR_SIZE];
    /* C functions. pure, float: keep every register but rax, rcx, rdx, xmm0-2. state, fp: guest
     * registers are in their slots meanwhile. float, fp: cpu->mxcsr is true. */
    const u8 *call_pure, *call_float, *call_state, *call_fp;
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
    u8 *from;    /* displacement that jumps here */
    u8 *back;    /* where it returns to */
    u32 ins;     /* instruction it belongs to */
    i32 guest;   /* pc of the guest instruction, from the unit's pc */
    u8 reg[3];
    struct rm mem;
    u64 imm;
    const u8 *fill;  /* memory: thunk that refills the near entry */
    u8 *probed;      /* memory: where rcx is the addend */
    void (*slow)(struct emit *, const struct cold *);
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
    u8 pin[IR_SLOTS];        /* the unit's own assignment of registers: map.c */
    u32 slot_of[REGS];
    u32 scale[IR_MAX];       /* how much a use at an instruction weighs: more than 1 in loops */
    i16 value_slot[IR_MAX];  /* the guest register that a value is read from or written to, or -1 */
    u32 near;                /* near entries given out */
    u8 temps[N_TEMP + N_PIN]; /* integer registers for values, n_temps of them */
    u32 n_temps;
    /* registers that differ from the pins; that hold a slot the unit writes */
    u32 remapped, written;
    u8 *label[IR_LABELS + 2]; /* the unit's, and map.c's two subroutines */
    struct fixup fix[IR_MAX];
    u32 n_fix;
    struct cold cold[MAX_COLD];
    u32 n_cold;
    struct jit_pc pcs[MAX_COLD];
    u32 n_pcs;
    bool failed; /* out of places: JIT_CROWDED */
};

/* ---- alloc.c: where values are --------------------------------------------------------------- */
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

/* ---- map.c: registers inside a unit ---------------------------------------------------------- */
enum { TO_PINS = IR_LABELS, FROM_PINS }; /* labels of the subroutines */
void map_choose(struct emit *);
void map_enter(struct emit *); /* from the pins to the unit's registers */
void map_leave(struct emit *);
void map_subroutines(struct emit *); /* the same around calls: nothing is lost */

/* ---- emit.c: shared pieces ------------------------------------------------------------------- */
struct cold *emit_cold(struct emit *, void (*fn)(struct emit *, const struct cold *), u8 *from);
/* Calls a thunk with the pins in place; may_fault: leaves when cpu->exc is set. */
void emit_call_thunk(struct emit *, const u8 *thunk, bool may_fault);
void emit_leave(struct emit *, const u8 *thunk); /* the unit ends: pins in place, jump */
void emit_move(struct emit *, unsigned dst, struct rm src); /* 64 bits, integer or float register */
/* to the run loop, which goes on at pc */
void emit_leave_at(struct emit *, u64 pc);
void emit_set_pc(struct emit *, u64 pc);                    /* cpu->pc = pc, uses rax */
/* ecx = address, rdx = expected tag: compares with its entry of `table`, whose offset is left in
 * rcx. */
void emit_far_probe(struct code *, u32 table);
void emit_jump_cache(struct code *); /* rdx = target: jumps if known, else falls through */
void emit_jump_label(struct emit *, u8 *site, u32 label);
static inline const struct ir_ins *cur_ins(const struct emit *e) { return &e->ir->ins[e->cur]; }
static inline u32 width_of(unsigned type) { return type == I32 || type == F32 ? 0 : W; }

/* ---- one function per family ----------------------------------------------------------------- */
void emit_int(struct emit *);     /* x64_int.c */
void emit_mem(struct emit *);     /* x64_mem.c */
void emit_float(struct emit *);   /* x64_fp.c */
void emit_control(struct emit *); /* x64_flow.c */
void emit_compare(struct emit *, unsigned type, unsigned cc, val a, val b, enum x64_cc *out);
bool jit_make_thunks(struct jit *); /* thunks.c */
void jit_took(struct jit *, u64 used); /* cache.c: code memory is in use up to there */
#endif
