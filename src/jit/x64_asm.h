/* jit/x64_asm.h - x86-64 encoders (Intel SDM volume 2, chapter 2: instruction format). */
#ifndef JIT_X64_ASM_H
#define JIT_X64_ASM_H
#include "base/base.h"

enum reg {
    RAX,
    RCX,
    RDX,
    RBX,
    RSP,
    RBP,
    RSI,
    RDI,
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15,
    XMM0, /* XMM0 + n */
    NOREG = 255,
};
enum x64_cc {
    X_O,
    X_NO,
    X_B,
    X_AE,
    X_E,
    X_NE,
    X_BE,
    X_A,
    X_S,
    X_NS,
    X_P,
    X_NP,
    X_L,
    X_GE,
    X_LE,
    X_G
};

struct code {            /* where bytes go */
    u8 *p, *start, *end; /* writable view; at the end nothing more is written and full is set */
    bool full;
};

/* An operand that may be memory: a register, or [base + index * scale + disp]. */
struct rm {
    u8 reg; /* NOREG: memory */
    u8 base, index, scale;
    i32 disp;
};
static inline struct rm rm_reg(unsigned r) { return (struct rm){.reg = (u8)r}; }
static inline struct rm rm_sib(unsigned base, unsigned index, unsigned scale, i64 disp)
{
    return (struct rm){NOREG, (u8)base, (u8)index, (u8)scale, (i32)disp};
}
static inline struct rm rm_mem(unsigned base, i64 disp) { return rm_sib(base, NOREG, 1, disp); }

static inline void emit_bytes(struct code *c, const void *v, unsigned n)
{
    if ((size_t)(c->end - c->p) >= n) {
        memcpy(c->p, v, n);
        c->p += n;
    } else
        c->full = true;
}
static inline void emit8(struct code *c, unsigned v) { emit_bytes(c, &v, 1); }
static inline void emit32(struct code *c, u32 v) { emit_bytes(c, &v, 4); }
static inline void emit64(struct code *c, u64 v) { emit_bytes(c, &v, 8); }

static inline unsigned high(unsigned r) { return r == NOREG ? 0 : r >> 3 & 1; }
static inline unsigned rm_b(struct rm m) { return high(m.reg != NOREG ? m.reg : m.base); }
static inline unsigned rm_x(struct rm m) { return m.reg != NOREG ? 0 : high(m.index); }

static inline void emit_modrm(struct code *c, unsigned reg, struct rm m)
{
    reg = (reg & 7) << 3;
    if (m.reg != NOREG) {
        emit8(c, 0xc0 | reg | (m.reg & 7));
        return;
    }
    unsigned mod = m.disp == 0 && (m.base & 7) != RBP ? 0 : m.disp == (i8)m.disp ? 0x40 : 0x80;
    if (m.index != NOREG || (m.base & 7) == RSP) {
        unsigned index = m.index == NOREG ? 4 : m.index & 7;
        emit8(c, mod | reg | 4);
        emit8(c, (unsigned)__builtin_ctz(m.scale) << 6 | index << 3 | (m.base & 7));
    } else
        emit8(c, mod | reg | (m.base & 7));
    if (mod == 0x40)
        emit8(c, (u8)m.disp);
    else if (mod == 0x80)
        emit32(c, (u32)m.disp);
}

/* Flags beside an opcode: 64-bit operands, mandatory prefixes, byte registers, lock. */
enum { W = 1 << 16, P66 = 1 << 17, PF3 = 1 << 18, PF2 = 1 << 19, BYTE = 1 << 20, LOCK = 1 << 21 };

/* Legacy encoding; op: one or two opcode bytes (0x0fXX), or with map 0x38 / 0x3a the third byte. */
static inline void x_op_map(struct code *c, u32 op, unsigned map, unsigned reg, struct rm m)
{
    if (op & LOCK)
        emit8(c, 0xf0);
    if (op & P66)
        emit8(c, 0x66);
    if (op & PF3)
        emit8(c, 0xf3);
    if (op & PF2)
        emit8(c, 0xf2);
    unsigned rex = (op & W ? 8u : 0) | high(reg) << 2 | rm_x(m) << 1 | rm_b(m);
    if (rex || (op & BYTE && (reg >= RSP || (m.reg != NOREG && m.reg >= RSP))))
        emit8(c, 0x40 | rex);
    if (op & 0xff00)
        emit8(c, op >> 8 & 0xff);
    if (map)
        emit8(c, map);
    emit8(c, op & 0xff);
    emit_modrm(c, reg, m);
}
static inline void x_op(struct code *c, u32 op, unsigned reg, struct rm m)
{
    x_op_map(c, op, 0, reg, m);
}
/* VEX encoding. map 1: 0f, 2: 0f38, 3: 0f3a. vvvv: the second source or NOREG. */
static inline void x_vex(struct code *c, u32 op, unsigned map, unsigned reg, unsigned vvvv,
                         struct rm m)
{
    unsigned pp = op & P66 ? 1 : op & PF3 ? 2 : op & PF2 ? 3 : 0;
    unsigned v = (vvvv == NOREG ? 0 : vvvv & 15) ^ 15;
    if (!rm_b(m) && !rm_x(m) && map == 1 && !(op & W)) {
        emit8(c, 0xc5);
        emit8(c, (high(reg) ^ 1) << 7 | v << 3 | pp);
    } else {
        emit8(c, 0xc4);
        emit8(c, (high(reg) ^ 1) << 7 | (rm_x(m) ^ 1) << 6 | (rm_b(m) ^ 1) << 5 | map);
        emit8(c, (op & W ? 0x80u : 0) | v << 3 | pp);
    }
    emit8(c, op & 0xff);
    emit_modrm(c, reg, m);
}
/* EVEX between registers, scalar, unmasked: the AVX-512F unsigned conversions. */
static inline void x_evex(struct code *c, u32 op, unsigned reg, unsigned vvvv, unsigned rm)
{
    unsigned pp = op & P66 ? 1 : op & PF3 ? 2 : op & PF2 ? 3 : 0;
    unsigned v = (vvvv == NOREG ? 0 : vvvv & 15) ^ 15;
    emit8(c, 0x62);
    emit8(c, (high(reg) ^ 1) << 7 | 1 << 6 | (high(rm) ^ 1) << 5 | 1 << 4 | 1);
    emit8(c, (op & W ? 0x80u : 0) | v << 3 | 4 | pp);
    emit8(c, 8);
    emit8(c, op & 0xff);
    emit8(c, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

/* ---- the instructions in use; w: 0 for 32-bit operands, W for 64-bit ones -------------------- */
enum alu { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP };
static inline void x_alu(struct code *c, enum alu op, u32 w, unsigned reg, struct rm m)
{
    x_op(c, ((u32)op * 8 + 3) | w, reg, m);
}
static inline void x_alu_imm(struct code *c, enum alu op, u32 w, struct rm m, i32 imm)
{
    bool small = imm == (i8)imm;
    x_op(c, (small ? 0x83u : 0x81u) | w, op, m);
    if (small)
        emit8(c, (u8)imm);
    else
        emit32(c, (u32)imm);
}
/* A 32-bit move of a register to itself clears its upper half and is kept. */
static inline void x_mov(struct code *c, u32 w, unsigned dst, struct rm src)
{
    if (src.reg != dst || !w)
        x_op(c, 0x8bu | w, dst, src);
}
static inline void x_store(struct code *c, u32 w, struct rm dst, unsigned src)
{
    x_op(c, 0x89u | w, src, dst);
}
static inline void x_lea(struct code *c, u32 w, unsigned dst, struct rm m)
{
    x_op(c, 0x8du | w, dst, m);
}
/* Leaves the flags alone. */
static inline void x_mov_imm(struct code *c, unsigned dst, u64 v)
{
    if (v == (u32)v) {
        if (high(dst))
            emit8(c, 0x41);
        emit8(c, 0xb8 | (dst & 7));
        emit32(c, (u32)v);
    } else if ((i64)v == (i32)v) {
        x_op(c, 0xc7 | W, 0, rm_reg(dst));
        emit32(c, (u32)v);
    } else {
        emit8(c, 0x48 | high(dst));
        emit8(c, 0xb8 | (dst & 7));
        emit64(c, v);
    }
}
static inline void x_zero(struct code *c, unsigned dst) { x_alu(c, ALU_XOR, 0, dst, rm_reg(dst)); }
static inline void x_store_imm(struct code *c, struct rm dst, i32 v) /* 64 bits, sign-extended */
{
    x_op(c, 0xc7 | W, 0, dst);
    emit32(c, (u32)v);
}
static inline void x_push(struct code *c, unsigned r)
{
    if (high(r))
        emit8(c, 0x41);
    emit8(c, 0x50 | (r & 7));
}
static inline void x_pop(struct code *c, unsigned r)
{
    if (high(r))
        emit8(c, 0x41);
    emit8(c, 0x58 | (r & 7));
}
static inline void x_setcc(struct code *c, enum x64_cc cc, unsigned r)
{
    x_op(c, 0x0f90u | cc | BYTE, 0, rm_reg(r));
}
/* Relative jumps: they return the address of the displacement, which x_patch aims. */
static inline u8 *x_rel32(struct code *c)
{
    emit32(c, 0);
    return c->p - 4;
}
static inline u8 *x_jcc(struct code *c, enum x64_cc cc)
{
    emit8(c, 0x0f);
    emit8(c, 0x80 | cc);
    return x_rel32(c);
}
static inline u8 *x_jmp(struct code *c)
{
    emit8(c, 0xe9);
    return x_rel32(c);
}
static inline u8 *x_call(struct code *c)
{
    emit8(c, 0xe8);
    return x_rel32(c);
}
static inline void x_patch(const struct code *c, u8 *site, const u8 *target)
{
    i32 d = (i32)(target - (site + 4));
    if (!c->full)
        memcpy(site, &d, 4);
}
#endif
