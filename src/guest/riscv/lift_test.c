/* guest/riscv/lift_test.c - how units are formed and left, what single instructions do. */
#include <assert.h>
#include "base/bits.h"
#include "guest/riscv/riscv.h"
#include "test/hart.h"

enum { A0 = 10, A1, A2, A3, FA0 = 32 + 10, FA1, FA2, FA3 };
enum { RAM_SIZE = 1 << 20, EBREAK = 0x9002 };

#define CODE(...) (const u16[]){__VA_ARGS__, EBREAK}, sizeof((const u16[]){__VA_ARGS__, EBREAK})
#define WIDE(w) (u16)((w)&0xffff), (u16)((w) >> 16)

static void put_code(struct hart *h, u64 at, const u16 *code, size_t bytes)
{
    memcpy(hart_at(h, at), code, bytes);
}
static u64 *reg(struct hart *h, unsigned r) { return &h->cpu->c.r[r]; }

/* Runs until the ebreak, in every mode; `set` prepares registers, `check` looks. */
static void run(const u16 *code, size_t bytes, void (*set)(struct hart *),
                void (*check)(struct hart *))
{
    for (unsigned i = 0; i < hart_n_modes; i++) {
        struct hart *h = hart_new(RAM_SIZE, &hart_modes[i]);
        put_code(h, HART_RAM, code, bytes);
        set(h);
        bool ended = hart_run(h, 1000);
        assert(ended && h->cpu->c.exc_cause == RV_EXC_BREAKPOINT);
        assert(h->cpu->c.pc == HART_RAM + bytes - 2);
        check(h);
        hart_free(h);
    }
}

/* Lifts at HART_RAM and returns the bytes covered; *n is how many of op there are. */
static unsigned form(struct hart *h, int level, enum ir_opcode op, unsigned *n)
{
    u8 *code = hart_at(h, HART_RAM);
    unsigned len = lift_unit(h->cpu->c.guest, h->ir, HART_RAM, h->cpu->c.tlb->key, code, PAGE_SIZE,
                             NULL, 0, level);
    *n = 0;
    for (u32 i = 1; i < h->ir->n; i++)
        *n += h->ir->ins[i].op == op;
    struct error err;
    assert(ir_verify(h->ir, &err));
    return len;
}

TEST(rows_do_not_overlap)
{
    struct error err;
    u32 mask, value;
    assert(decoder_check(__start_insn_riscv, __stop_insn_riscv, 32, &err));
    assert(decoder_check(__start_insn_riscv, __stop_insn_riscv, 16, &err));
    for (const struct insn *const *i = __start_insn_riscv; i < __stop_insn_riscv; i++) {
        bool wide = insn_picture(*i, 32, &mask, &value);
        bool narrow = insn_picture(*i, 16, &mask, &value);
        assert(wide != narrow && ((value & 3) == 3) == wide);
    }
}

/* ---- units -------------------------------------------------------------------------------- */
/* li a1,0; 1: add a1,a1,a0; addi a0,a0,-1; bnez a0,1b */
static const u16 loop[] = {0x4581, 0x95aa, 0x157d, 0xfd75, 0x9002};
static void set_ten(struct hart *h) { *reg(h, A0) = 10; }
static void sum_is_55(struct hart *h) { assert(*reg(h, A0) == 0 && *reg(h, A1) == 55); }

TEST(loop_runs) { run(loop, sizeof loop, set_ten, sum_is_55); }

TEST(loop_is_inside_the_unit)
{
    struct hart *h = hart_new(RAM_SIZE, hart_modes);
    unsigned n;
    put_code(h, HART_RAM, loop, sizeof loop);
    assert(form(h, 0, IR_brcc, &n) == 2 && n == 0 && h->ir->insns == 1);
    assert(form(h, 1, IR_poll, &n) == 10 && n == 1);
    assert(form(h, 2, IR_exit, &n) == 10 && n == 0); /* only the ebreak leaves */
    hart_free(h);
}

/* beqz a0,2f; li a1,5; j 3f; 2: li a1,7; 3: addi a1,a1,1 */
static const u16 diamond[] = {0xc119, 0x4595, 0xa011, 0x459d, 0x0585, 0x9002};
static void set_zero(struct hart *h) { *reg(h, A0) = 0; }
static void is_6(struct hart *h) { assert(*reg(h, A1) == 6); }
static void is_8(struct hart *h) { assert(*reg(h, A1) == 8); }

TEST(diamond_joins)
{
    run(diamond, sizeof diamond, set_ten, is_6);
    run(diamond, sizeof diamond, set_zero, is_8);
    struct hart *h = hart_new(RAM_SIZE, hart_modes);
    unsigned n;
    put_code(h, HART_RAM, diamond, sizeof diamond);
    assert(form(h, 1, IR_exit, &n) == 6 && n == 2);
    assert(form(h, 2, IR_exit, &n) == 12 && n == 0);
    assert(form(h, 2, IR_poll, &n) == 12 && n == 0);
    hart_free(h);
}

/* A branch into the middle of an instruction of the unit leaves it. */
static void is_5(struct hart *h) { assert(*reg(h, A1) == 5); }
TEST(branch_into_an_instruction)
{
    /* beqz a0,.+4; lui a1,0x45950, whose upper half is c.li a1,5 */
    static const u16 code[] = {0xc111, 0x05b7, 0x4595, 0x9002};
    run(code, sizeof code, set_zero, is_5);
    struct hart *h = hart_new(RAM_SIZE, hart_modes);
    unsigned n;
    put_code(h, HART_RAM, code, sizeof code);
    assert(form(h, 2, IR_exit, &n) == 8 && n == 1);
    hart_free(h);
}

/* beqz a0,1f; nop; 1: addi a1,a1,1; jal ra,1b: no loop inside, since nothing polls at 1 */
TEST(backward_call_leaves)
{
    static const u16 code[] = {0xc111, 0x0001, 0x0585, WIDE(0xfffff0ef)};
    struct hart *h = hart_new(RAM_SIZE, hart_modes);
    unsigned n;
    put_code(h, HART_RAM, code, sizeof code);
    assert(form(h, 2, IR_exit, &n) == 10 && n == 1);
    assert(form(h, 2, IR_br, &n) == 10 && n == 0);
    hart_free(h);
}

/* A page full of branches, and one of what needs many labels: bounded, and shorter on overflow. */
TEST(unit_limits)
{
    struct hart *h = hart_new(RAM_SIZE, hart_modes);
    u16 *code = hart_at(h, HART_RAM);
    unsigned n;
    for (unsigned i = 0; i < PAGE_SIZE / 2; i++)
        code[i] = i & 1 ? 0xc111 : 0x157d;
    assert(form(h, 1, IR_insn, &n) == 128 && n == 64);
    assert(form(h, 2, IR_insn, &n) == 400 && n == 200);
    for (unsigned i = 0; i < PAGE_SIZE / 4; i++) /* sc.d a2,a1,(a0): three labels each */
        ((u32 *)code)[i] = 0x18b5362f;
    assert(form(h, 2, IR_insn, &n) == 4 * n && n >= 100 && n < 200);
    hart_free(h);
}

TEST(instruction_across_pages)
{
    static const u16 code[] = {0x4581, WIDE(0x00158593), 0x9002}; /* li a1,0; addi a1,a1,1 */
    for (unsigned i = 0; i < hart_n_modes; i++) {
        struct hart *h = hart_new(RAM_SIZE, &hart_modes[i]);
        u64 pc = HART_RAM + PAGE_SIZE - 4;
        put_code(h, pc, code, sizeof code);
        const u8 *at = hart_at(h, pc);
        const struct guest *g = h->cpu->c.guest;
        u32 key = h->cpu->c.tlb->key;
        assert(lift_unit(g, h->ir, pc, key, at, 4, at + 4, 64, h->mode->level) == 2);
        assert(lift_unit(g, h->ir, pc + 2, key, at + 2, 2, NULL, 0, h->mode->level) == 0);
        assert(lift_unit(g, h->ir, pc + 2, key, at + 2, 2, at + 4, 1, h->mode->level) == 0);
        assert(lift_unit(g, h->ir, pc + 2, key, at + 2, 2, at + 4, 64, h->mode->level) == 4);
        h->cpu->c.pc = pc;
        bool ended = hart_run(h, 10);
        assert(ended && *reg(h, A1) == 1 && h->cpu->c.pc == HART_RAM + PAGE_SIZE + 2);
        hart_free(h);
    }
}

/* ---- atomics ------------------------------------------------------------------------------ */
static void set_cell(struct hart *h)
{
    *reg(h, A0) = HART_RAM + 0x1000;
    *reg(h, A1) = 77;
    st_le64(hart_at(h, HART_RAM + 0x1000), 0x1122334480000000);
    h->cpu->c.res_addr = ~0ull;
}
/* lr.d a1,(a0); addi a1,a1,1; sc.d a2,a1,(a0); sc.d a3,a1,(a0) */
static void second_sc_fails(struct hart *h)
{
    assert(*reg(h, A2) == 0 && *reg(h, A3) == 1);
    assert(ld_le64(hart_at(h, HART_RAM + 0x1000)) == 0x1122334480000001);
}
TEST(lr_sc)
{
    run(CODE(WIDE(0x100535af), 0x0585, WIDE(0x18b5362f), WIDE(0x18b536af)), set_cell,
        second_sc_fails);
}

/* lr.w a2,(a0); sd a1,0(a0); sc.w a3,a1,(a0) */
static void sc_sees_the_store(struct hart *h)
{
    assert(*reg(h, A2) == 0xffffffff80000000 && *reg(h, A3) == 1);
    assert(ld_le64(hart_at(h, HART_RAM + 0x1000)) == 77);
}
TEST(sc_after_a_store)
{
    run(CODE(WIDE(0x1005262f), 0xe10c, WIDE(0x18b526af)), set_cell, sc_sees_the_store);
}

/* lr.w a2,(a0); sc.w a3,a1,(a0): the negative word compares equal */
static void sc_word_works(struct hart *h)
{
    assert(*reg(h, A3) == 0 && ld_le64(hart_at(h, HART_RAM + 0x1000)) == 0x112233440000004d);
}
TEST(sc_word) { run(CODE(WIDE(0x1005262f), WIDE(0x18b526af)), set_cell, sc_word_works); }

static void raises(const u16 *code, size_t bytes, void (*set)(struct hart *), u64 pc, u64 cause,
                   u64 value)
{
    for (unsigned i = 0; i < hart_n_modes; i++) {
        struct hart *h = hart_new(RAM_SIZE, &hart_modes[i]);
        put_code(h, HART_RAM, code, bytes);
        set(h);
        bool ended = hart_run(h, 100);
        assert(ended && h->cpu->c.exc_cause == cause && h->cpu->c.exc_value == value);
        assert(h->cpu->c.pc == HART_RAM + pc);
        hart_free(h);
    }
}
static void set_odd(struct hart *h) { *reg(h, A0) = HART_RAM + 0x1002; }
TEST(misaligned_atomics)
{
    raises(CODE(0x4581, WIDE(0x1005262f)), set_odd, 2, RV_EXC_LOAD_MISALIGNED, HART_RAM + 0x1002);
    raises(CODE(0x4581, WIDE(0x18b526af)), set_odd, 2, RV_EXC_STORE_MISALIGNED, HART_RAM + 0x1002);
    raises(CODE(0x4581, WIDE(0x06b5262f)), set_odd, 2, RV_EXC_STORE_MISALIGNED, HART_RAM + 0x1002);
}

/* ---- system and floating point ------------------------------------------------------------ */
TEST(illegal_instructions)
{
    raises(CODE(0x4581, 0x0000), set_ten, 2, RV_EXC_ILLEGAL, 0);
    raises(CODE(WIDE(0xffffffff)), set_ten, 0, RV_EXC_ILLEGAL, 0xffffffff);
    raises(CODE(WIDE(0x02c5d553)), set_ten, 0, RV_EXC_ILLEGAL, 0x02c5d553); /* fadd.d with rm 5 */
    raises(CODE(0x6581), set_ten, 0, RV_EXC_ILLEGAL, 0x6581);               /* c.lui a1,0 */
    raises(CODE(WIDE(0x12345573)), set_ten, 0, RV_EXC_ILLEGAL, 0x12345573); /* csrrwi a0,0x123,8 */
}

static void fp_off(struct hart *h)
{
    h->cpu->mstatus &= ~(3ull << 13);
    rv_mode_changed(h->cpu);
}
TEST(float_off)
{
    raises(CODE(0x4581, WIDE(0x02c5f553)), fp_off, 2, RV_EXC_ILLEGAL, 0x02c5f553);
    raises(CODE(0x4581, 0x2108), fp_off, 2, RV_EXC_ILLEGAL, 0x2108); /* c.fld fa0,0(a0) */
}

static void fp_clean(struct hart *h)
{
    h->cpu->mstatus = (h->cpu->mstatus & ~(3ull << 13)) | 2 << 13;
    rv_mode_changed(h->cpu);
    *reg(h, FA1) = 0x3ff0000000000000; /* 1.0 */
    *reg(h, FA2) = 0x3ca0000000000000; /* 2^-53 */
    *reg(h, A0) = HART_RAM + 0x1000;
}
static void is_dirty(struct hart *h) { assert((h->cpu->mstatus >> 13 & 3) == 3); }
static void is_clean(struct hart *h) { assert((h->cpu->mstatus >> 13 & 3) == 2); }
TEST(float_dirty)
{
    run(CODE(WIDE(0x02c5f553)), fp_clean, is_dirty); /* fadd.d fa0,fa1,fa2 */
    run(CODE(WIDE(0xa2c59553)), fp_clean, is_dirty); /* flt.d a0,fa1,fa2: flags */
    /* c.fsd, fclass.d, fmv.x.d */
    run(CODE(0xa10c, WIDE(0xe2059553), WIDE(0xe2058553)), fp_clean, is_clean);
}

static void fp_dirty(struct hart *h)
{
    fp_clean(h);
    h->cpu->mstatus |= 3 << 13;
    rv_mode_changed(h->cpu);
    h->cpu->c.mxcsr &= ~0x3fu;
}
static void one(struct hart *h)
{
    assert(*reg(h, FA0) == 0x3ff0000000000000 && h->cpu->c.mxcsr & 32);
}
static void one_ulp(struct hart *h)
{
    assert(*reg(h, FA0) == 0x3ff0000000000001 && h->cpu->c.mxcsr & 32);
}
TEST(static_rounding)
{
    run(CODE(WIDE(0x02c5f553)), fp_dirty, one);                       /* dyn: nearest even */
    run(CODE(WIDE(0x02c59553)), fp_dirty, one);                       /* rtz */
    run(CODE(WIDE(0x02c5b553)), fp_dirty, one_ulp);                   /* rup */
    run(CODE(WIDE(0x02c5c553)), fp_dirty, one_ulp);                   /* rmm */
    run(CODE(WIDE(0x0021d073), WIDE(0x02c5f553)), fp_dirty, one_ulp); /* csrwi frm,3; dyn */
}

static void start_counting(struct hart *h)
{
    set_ten(h);
    h->cpu->counting = true;
    rv_mode_changed(h->cpu);
}
static void counted_32(struct hart *h) { assert(h->cpu->retired == 32); }
TEST(retired_are_counted) { run(loop, sizeof loop, start_counting, counted_32); }

/* ---- text --------------------------------------------------------------------------------- */
static void shows(u32 word, const char *want)
{
    char text[64];
    u8 code[4];
    st_le32(code, word);
    unsigned len = rv_disasm(0x1000, code, 4, text, sizeof text);
    assert(len == ((word & 3) == 3 ? 4 : 2) && !strcmp(text, want));
}
TEST(disassembly)
{
    shows(0xffb50513, "addi\ta0,a0,-5");
    shows(0xfd75, "c.bnez\ta0,0xffc");
    shows(0x06b6252f, "amoadd.w.aqrl\ta0,a1,(a2)");
    shows(0x6ac5b543, "fmadd.d\tfa0,fa1,fa2,fa3,rup");
    shows(0x02c5f553, "fadd.d\tfa0,fa1,fa2");
    shows(0x0230000f, "fence\tr,rw");
    shows(0x0000, ".half\t0x0000");
    static const u8 addi[] = {0x13, 5, 0xb5, 0xff};
    char tiny[8];
    assert(rv_disasm(0, addi, 4, tiny, sizeof tiny) == 4 && strlen(tiny) == 7);
    assert(rv_disasm(0, addi, 3, tiny, sizeof tiny) == 0);
}
