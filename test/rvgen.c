/* test/rvgen.c - random RISC-V programs.
 *
 * In a block sp, s0 and s1 point into the window, gp at the block's record, and tp counts loops. */
#include <assert.h>
#include "guest/riscv/riscv.h"
#include "test/random.h"
#include "test/rvgen.h"

enum { RA = 1, SP = 2, GP = 3, TP = 4, S0 = 8, S1 = 9, A0 = 10, A7 = 17, FCSR = 64 };
enum { KEEP = 1 << SP | 1 << GP | 1 << TP | 1 << S0 | 1 << S1 }; /* blocks do not write these */
enum { SYS_EXIT = 93, SYS_WRITE = 64, CSR_FFLAGS = 1, CSR_FRM = 2, CSR_FCSR = 3 };
enum { ROWS_MAX = 512 };

static u32 below(u64 *s, u32 n) { return (u32)(random_next(s) % n); }

/* ---- encoding ----------------------------------------------------------------------------- */
static u32 enc_i(u32 op, u32 f3, u32 rd, u32 rs1, i64 v)
{
    return (u32)v << 20 | rs1 << 15 | f3 << 12 | rd << 7 | op;
}
static u32 enc_s(u32 op, u32 f3, u32 rs2, u32 rs1, u32 v)
{
    return v >> 5 << 25 | rs2 << 20 | rs1 << 15 | f3 << 12 | (v & 31) << 7 | op;
}
static u32 addi(u32 rd, u32 rs1, i64 v) { return enc_i(0x13, 0, rd, rs1, v); }

/* Bits of v placed in a word, by pairs (bit of v, bit of word) up to a bit 0 of v. */
static u32 scatter(u32 v, const u8 *pairs)
{
    u32 w = 0;
    for (; *pairs; pairs += 2)
        w |= (v >> pairs[0] & 1) << pairs[1];
    return w;
}
/* clang-format off */
static const u8 j_bits[] = {1,  21, 2,  22, 3,  23, 4,  24, 5,  25, 6,  26, 7,  27,
                            8,  28, 9,  29, 10, 30, 11, 20, 20, 31, 12, 12, 13, 13,
                            14, 14, 15, 15, 16, 16, 17, 17, 18, 18, 19, 19, 0};
static const u8 b_bits[] = {1,  8, 2,  9, 3,  10, 4,  11, 5, 25, 6,  26, 7,
                            27, 8, 28, 9, 29, 10, 30, 11, 7, 12, 31, 0};
static const u8 cj_bits[] = {1, 3, 2, 4, 3, 5,  4,  11, 5,  2,  6, 7,
                             7, 6, 8, 9, 9, 10, 10, 8,  11, 12, 0};
static const u8 cb_bits[] = {1, 3, 2, 4, 3, 10, 4, 11, 5, 2, 6, 5, 7, 6, 8, 12, 0};

/* clang-format on */

/* The same transfer with another distance. */
static u32 retarget(const struct format *f, u32 word, u32 distance)
{
    const u8 *map = cb_bits;
    if (f == &riscv_fmt_J)
        map = j_bits;
    else if (f == &riscv_fmt_B)
        map = b_bits;
    else if (f == &riscv_fmt_CJ)
        map = cj_bits;
    return (word & ~scatter(~0u, map)) | scatter(distance, map);
}

static unsigned size_of(u32 word) { return (word & 3) == 3 ? 4 : 2; }

static const struct insn *row_of(u32 word, struct args *a)
{
    u8 code[4], len;
    st_le32(code, word);
    return rv_decode(code, 4, ~0u << RV_KEY_EXT_SHIFT | RV_KEY_FS, a, &len);
}

/* ---- which rows, which operands ----------------------------------------------------------- */
static struct {
    const struct insn *row;
    u32 mask, value, uses;
} rows[ROWS_MAX];
static u32 n_rows;

static bool is_csr(const struct insn *in)
{
    return in->format == &riscv_fmt_CSR || in->format == &riscv_fmt_CSRI;
}

/* QEMU 7.2 does not have these, and counts on into the upper half in ctzw of a zero. */
static bool oracle_knows(const struct insn *in)
{
    u32 lacks = ZICOND | ZICBOM | ZICBOZ | SVINVAL;
    return !(in->needs & lacks) && strcmp(in->name, "ctzw");
}

static bool usable(const struct insn *in)
{
    if (!in->lift || !oracle_knows(in))
        return false;
    return is_csr(in) || in->format->flow != FLOW_STOP;
}

static void collect_rows(void)
{
    if (n_rows)
        return;
    for (const struct insn *const *i = __start_insn_riscv; i < __stop_insn_riscv; i++)
        if (usable(*i)) {
            assert(n_rows < ROWS_MAX);
            rows[n_rows].row = *i;
            if (!insn_picture(*i, 32, &rows[n_rows].mask, &rows[n_rows].value))
                insn_picture(*i, 16, &rows[n_rows].mask, &rows[n_rows].value);
            n_rows++;
        }
}

const u32 *rvgen_uses(const struct insn *row)
{
    collect_rows();
    for (u32 i = 0; i < n_rows; i++)
        if (rows[i].row == row)
            return &rows[i].uses;
    return NULL;
}

/* Sticky flags freely; the rounding mode only so that it stays a valid one. */
static bool csr_fine(const struct insn *in, const struct args *a)
{
    unsigned op = a->mode & 3;
    if (a->imm == CSR_FFLAGS || op == RV_CSR_CLEAR || (op == RV_CSR_SET && !a->rs1))
        return true;
    return a->imm == CSR_FRM && op == RV_CSR_WRITE && in->format == &riscv_fmt_CSRI && a->rs1 <= 4;
}

static bool acceptable(const struct insn *in, const struct args *a)
{
    const char *show = in->format->show;
    bool atomic = *show == 'q', memory = strstr(show, "(s)") && in->format->flow == FLOW_NEXT;
    if (strchr(show, 'd') && a->rd && KEEP >> a->rd & 1 && in->format != &riscv_fmt_CI16)
        return false;
    if (memory && in->format != &riscv_fmt_PREF &&
        !((atomic ? 1 << SP | 1 << S0 : 1 << SP | 1 << S0 | 1 << S1) >> a->rs1 & 1))
        return false;
    if (strchr(show, 'm') && a->mode > 4 && a->mode != 7)
        return false;
    if (in->format->flow == FLOW_INDIRECT && (KEEP >> a->rs1 & 1 || !a->rs1))
        return false;
    return !is_csr(in) || csr_fine(in, a);
}

static u32 random_word(u32 i, u64 *s, struct args *a)
{
    for (;;) {
        u32 w = (u32)random_next(s);
        if (is_csr(rows[i].row))
            w = (w & 0xfffff) | (1 + below(s, 3)) << 20;
        w = (w & ~rows[i].mask) | rows[i].value;
        if (row_of(w, a) == rows[i].row && acceptable(rows[i].row, a))
            return w;
    }
}

/* ---- items -------------------------------------------------------------------------------- */
/* The SC that follows the LR `lr`: what a reservation holds after a block is nobody's business. */
static u32 matching_sc(u32 lr, u64 *s)
{
    u32 rd = A0 + below(s, 32 - A0);
    return (lr & 0x060ff07f) | 3u << 27 | below(s, 32) << 20 | rd << 7;
}

static void random_item(struct rvgen_item *it, u64 *s)
{
    struct args a;
    u32 i = below(s, n_rows), w = random_word(i, s, &a);
    const struct format *f = rows[i].row->format;
    rows[i].uses++;
    *it = (struct rvgen_item){.word = {w}, .skip = (u8)below(s, 5)};
    if (f->flow == FLOW_BRANCH || f->flow == FLOW_JUMP) {
        it->kind = RVGEN_DIRECT;
    } else if (f->flow == FLOW_INDIRECT) {
        bool adds = f == &riscv_fmt_JR; /* c.jr and c.jalr do not */
        it->kind = RVGEN_INDIRECT;
        it->word[0] = 0x17u | (u32)a.rs1 << 7; /* auipc */
        it->word[1] = adds ? w : addi(a.rs1, a.rs1, 0);
        it->word[2] = adds ? 0 : w;
    } else if (f == &riscv_fmt_LR) {
        it->word[1] = matching_sc(w, s);
    } else if (f == &riscv_fmt_CI16) {
        it->word[1] = addi(SP, SP, -a.imm);
    }
}

/* clang-format off */
static const u64 ints[] = {
    0, 1, ~0ull, 1ull << 31, (1ull << 31) - 1, 1ull << 32, 1ull << 63, (1ull << 63) - 1,
    0xffffffff80000000, 0xff, 0x8000, 64, 31,
};
static const u64 fractions[] = {
    0, 1, ~0ull, 1ull << 51, 1ull << 22, 1ull << 29, (1ull << 29) - 1, 3ull << 28,
};
enum { BIAS = 1023, BIAS32 = 127 };
static const u16 exponents[] = { /* around 1, integer sizes and the limits of both formats */
    0, 1, BIAS - 149, BIAS - 126, BIAS - 1, BIAS, BIAS + 1, BIAS + 30, BIAS + 31, BIAS + 32,
    BIAS + 52, BIAS + 62, BIAS + 63, BIAS + 64, BIAS + 127, 2046, 2047,
};
static const u8 exponents32[] = {
    0, 1, BIAS32 - 1, BIAS32, BIAS32 + 1, BIAS32 + 23, BIAS32 + 30, BIAS32 + 31, BIAS32 + 62,
    BIAS32 + 63, 254, 255,
};
/* clang-format on */

static u64 random_int(u64 *s)
{
    switch (below(s, 4)) {
    case 0: return ints[below(s, ARRAY_LEN(ints))];
    case 1: return (u64)(i64)(i32)random_next(s);
    case 2: return random_next(s) >> below(s, 64);
    default: return random_next(s);
    }
}

/* A third each of double precision, of boxed single precision, and of anything. */
static u64 random_float(u64 *s)
{
    u64 sign = below(s, 2), fraction = random_next(s);
    if (below(s, 2))
        fraction = fractions[below(s, ARRAY_LEN(fractions))];
    u64 exp = exponents[below(s, ARRAY_LEN(exponents))];
    u64 exp32 = exponents32[below(s, ARRAY_LEN(exponents32))];
    u64 single = sign << 31 | exp32 << 23 | bits(fraction, 22, 0);
    switch (below(s, 6)) {
    case 0: return random_next(s);
    case 1: return single; /* not boxed */
    case 2:
    case 3: return single | 0xffffffffull << 32;
    default: return sign << 63 | exp << 52 | bits(fraction, 51, 0);
    }
}

void rvgen_block(struct rvgen_block *b, u64 seed)
{
    u64 s = seed;
    collect_rows();
    u64 middle = RVGEN_WINDOW / 2; /* rvgen_image adds the window's address */
    for (u32 i = 1; i < 32; i++)
        b->reg[i] = random_int(&s);
    b->reg[0] = 0;
    b->reg[SP] = middle & ~15ull;
    b->reg[S0] = middle + 8 * below(&s, 64);
    b->reg[S1] = middle + below(&s, 64);
    for (u32 i = 32; i < FCSR; i++)
        b->reg[i] = random_float(&s);
    b->reg[FCSR] = (below(&s, 2) ? 0 : below(&s, 5)) << 5 | (below(&s, 2) ? 0 : below(&s, 32));
    b->n = 1 + below(&s, RVGEN_ITEMS);
    for (u32 i = 0; i < b->n; i++)
        random_item(&b->item[i], &s);
    b->loop_from = below(&s, b->n);
    b->loop_to = b->loop_from + below(&s, b->n - b->loop_from);
    b->loops = 1 + below(&s, 4);
}

/* ---- the program -------------------------------------------------------------------------- */
struct out {
    u8 *at, *base;
};
static void emit(struct out *o, u32 word)
{
    memcpy(o->at, &word, 4); /* the upper half of a short one is overwritten */
    o->at += size_of(word);
}

/* Every register but gp from or to offset `off` of the record. */
static void move_registers(struct out *o, u32 off, bool store)
{
    u32 fcsr = off + FCSR * 8;
    if (store) {
        for (u32 i = 1; i < 32; i++)
            emit(o, enc_s(0x23, 3, i, GP, off + i * 8));
        for (u32 i = 0; i < 32; i++)
            emit(o, enc_s(0x27, 3, i, GP, off + (32 + i) * 8));
        emit(o, enc_i(0x73, 2, RA, 0, CSR_FCSR));
        emit(o, enc_s(0x23, 3, RA, GP, fcsr));
        return;
    }
    emit(o, enc_i(0x03, 3, RA, GP, fcsr));
    emit(o, enc_i(0x73, 1, 0, RA, CSR_FCSR));
    for (u32 i = 0; i < 32; i++)
        emit(o, enc_i(0x07, 3, i, GP, off + (32 + i) * 8));
    for (u32 i = 1; i < 32; i++)
        if (i != GP)
            emit(o, enc_i(0x03, 3, i, GP, off + i * 8));
}

static u64 address(const struct out *o) { return RVGEN_BASE + (u64)(o->at - o->base); }

static void emit_item(struct out *o, const struct rvgen_item *it, u64 target)
{
    struct args a;
    u32 distance = (u32)(target - address(o));
    for (u32 i = 0; i < 3 && it->word[i]; i++) {
        u32 w = it->word[i];
        if (it->kind == RVGEN_DIRECT)
            w = retarget(row_of(w, &a)->format, w, distance);
        else if (it->kind == RVGEN_INDIRECT && i == 1)
            w = (w & 0xfffff) | distance << 20;
        emit(o, w);
    }
}

static unsigned item_size(const struct rvgen_item *it)
{
    unsigned n = 0;
    for (u32 i = 0; i < 3 && it->word[i]; i++)
        n += size_of(it->word[i]);
    return n;
}

static void emit_block(struct out *o, const struct rvgen_block *b)
{
    u64 addr[RVGEN_ITEMS + 1];
    move_registers(o, offsetof(struct rvgen_record, before), false);
    emit(o, addi(TP, 0, b->loops));
    addr[0] = address(o);
    for (u32 i = 0; i < b->n; i++)
        addr[i + 1] = addr[i] + item_size(&b->item[i]) + (i == b->loop_to ? 8 : 0);
    for (u32 i = 0; i < b->n; i++) {
        emit_item(o, &b->item[i], addr[MIN(i + 1 + b->item[i].skip, b->n)]);
        if (i != b->loop_to)
            continue;
        emit(o, addi(TP, TP, -1));
        u32 back = (u32)(addr[b->loop_from] - address(o));
        emit(o, 0x1063 | TP << 15 | scatter(back, b_bits)); /* bne tp,zero */
    }
    move_registers(o, offsetof(struct rvgen_record, after), true);
    emit(o, addi(GP, GP, sizeof(struct rvgen_record)));
}

/* auipc, addi */
static void emit_address(struct out *o, u32 rd, u64 addr)
{
    u32 d = (u32)(addr - RVGEN_BASE) - (u32)(o->at - o->base);
    emit(o, 0x17 | rd << 7 | ((d + 0x800) & 0xfffff000));
    emit(o, addi(rd, rd, d & 0xfff));
}
static void emit_li(struct out *o, u32 rd, u32 v)
{
    emit(o, 0x37 | rd << 7 | ((v + 0x800) & 0xfffff000));
    emit(o, addi(rd, rd, v & 0xfff));
}

void rvgen_image(struct rvgen_image *im, const struct rvgen_block *b, u32 n, u64 window_seed)
{
    u64 code = align_up((u64)n * 2048 + 4096, PAGE_SIZE);
    u64 window = code + n * sizeof(struct rvgen_record);
    im->data = code;
    im->data_len = n * sizeof(struct rvgen_record) + RVGEN_WINDOW;
    im->len = im->data + im->data_len;
    im->bytes = xalloc(im->len);
    struct out o = {im->bytes, im->bytes};
    emit_address(&o, GP, RVGEN_BASE + im->data);
    for (u32 i = 0; i < n; i++)
        emit_block(&o, &b[i]);
    emit_li(&o, A0, 1);
    emit_address(&o, A0 + 1, RVGEN_BASE + im->data);
    emit_li(&o, A0 + 2, (u32)im->data_len);
    emit(&o, addi(A7, 0, SYS_WRITE));
    emit(&o, 0x73);
    emit(&o, addi(A0, 0, 0));
    emit(&o, addi(A7, 0, SYS_EXIT));
    emit(&o, 0x73);
    assert((u64)(o.at - o.base) <= code);
    struct rvgen_record *r = (void *)(im->bytes + im->data);
    for (u32 i = 0; i < n; i++) {
        memcpy(r[i].before, b[i].reg, sizeof r[i].before);
        r[i].before[SP] += RVGEN_BASE + window;
        r[i].before[S0] += RVGEN_BASE + window;
        r[i].before[S1] += RVGEN_BASE + window;
    }
    for (u64 i = 0; i < RVGEN_WINDOW; i += 8)
        st_le64(im->bytes + window + i, random_float(&window_seed));
}
