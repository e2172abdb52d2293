/* ir/dump.c - units as text, and text as units.
 *
 *     unit 0x80000000 labels 1
 *     insn 0x80000000 4
 *         %2 = get.i64 a0
 *         %3 = ld.i64 s32 %2 +16
 *         brcc.i64 ltu %2 %3 L0
 *
 * One form string per op drives both directions, so they cannot disagree.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include "ir/ir.h"

/* Letters of a form: a b c inputs (all named by ins when the form is NULL) · i imm · l aux as a
 * length · x aux as a number · s slot · o field at c · k condition · K float condition · n integer
 * kind · m access · M read-modify-write · d displacement c · L label c · h hint · H helper. */
static const char *const forms[IR_COUNT] = {
    [IR_constant] = "i", [IR_insn] = "il",  [IR_get] = "s",     [IR_set] = "sa",
    [IR_lde] = "o",      [IR_ste] = "oa",   [IR_setcc] = "kab", [IR_ld] = "mad",
    [IR_st] = "madb",    [IR_amo] = "Mab",  [IR_cas] = "mabc",  [IR_fence] = "x",
    [IR_fma] = "xabc",   [IR_fsgn] = "xab", [IR_setf] = "Kab",  [IR_itof] = "na",
    [IR_ftoi] = "na",    [IR_label] = "L",  [IR_br] = "L",      [IR_brcc] = "kabL",
    [IR_poll] = "i",     [IR_exit] = "i",   [IR_exiti] = "ha",  [IR_exitx] = "x",
    [IR_call] = "Habc",
};
static const char *const type_names[] = {"", "i32", "i64", "f32", "f64"};
static const char *const cc_names[] = {"eq",  "ne",  "ltu", "geu", "leu",
                                       "gtu", "lts", "ges", "les", "gts"};
static const char *const fcc_names[] = {"eq", "lt", "le"};
static const char *const int_names[] = {"s32", "u32", "s64", "u64"};
static const char *const amo_names[] = {"swap", "add",  "and",  "or",  "xor",
                                        "mins", "maxs", "minu", "maxu"};
static const char *const hint_names[] = {"jump", "call", "ret"};
static const char *const mop_names[] = {"u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64"};
static const struct {
    u16 bit;
    const char *name;
} mop_flags[] = {{MOP_ALIGNED, ".aligned"}, {MOP_FLOAT, ".float"}, {MOP_STORE_PROBE, ".probe"}};
enum { TRUNCATE = 8 }; /* in aux of ftoi */

static const char *form_of(u8 op)
{
    static const char *const by_inputs[] = {"", "a", "ab", "abc"};
    return forms[op] ? forms[op] : by_inputs[ir_opinfo[op].ins];
}

/* ---- writing --------------------------------------------------------------------------------- */

struct out {
    char *buf;
    size_t size, len;
};

static void PRINTF(2, 3) put(struct out *o, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(o->buf + o->len, o->size - o->len, fmt, ap);
    va_end(ap);
    o->len = MIN(o->len + (size_t)MAX(n, 0), o->size - 1);
}

static void put_name(struct out *o, const char *const *names, size_t n, unsigned i)
{
    put(o, "%s", i < n ? names[i] : "?");
}
#define PUT_NAME(o, names, i) put_name(o, names, ARRAY_LEN(names), i)

static void put_mop(struct out *o, u16 mop)
{
    PUT_NAME(o, mop_names, mop & (MOP_SIZE | MOP_SIGNED));
    for (size_t i = 0; i < ARRAY_LEN(mop_flags); i++)
        if (mop & mop_flags[i].bit)
            put(o, "%s", mop_flags[i].name);
}

static void put_value(struct out *o, val v)
{
    if (v)
        put(o, "%%%u", v);
    else
        put(o, "-");
}

static void put_operand(struct out *o, const struct ir *ir, const struct ir_ins *x, char letter)
{
    switch (letter) {
    case 'a': put_value(o, x->a); break;
    case 'b': put_value(o, x->b); break;
    case 'c': put_value(o, x->c); break;
    case 'i': put(o, "%#" PRIx64, x->imm); break;
    case 'l':
    case 'x': put(o, "%u", x->aux); break;
    case 's': put(o, "%s", x->aux < ir->n_slots ? ir->slots[x->aux].name : "?"); break;
    case 'o': put(o, "@%u", x->c); break;
    case 'k': PUT_NAME(o, cc_names, x->aux); break;
    case 'K': PUT_NAME(o, fcc_names, x->aux); break;
    case 'n':
        PUT_NAME(o, int_names, x->aux & (u16)~TRUNCATE);
        put(o, "%s", x->aux & TRUNCATE ? ".trunc" : "");
        break;
    case 'm': put_mop(o, x->aux); break;
    case 'M':
        PUT_NAME(o, amo_names, x->aux >> 8);
        put(o, ".");
        put_mop(o, x->aux & 0xff);
        break;
    case 'd': put(o, "%+d", (i32)x->c); break;
    case 'L': put(o, "L%u", x->c); break;
    case 'h': PUT_NAME(o, hint_names, x->aux); break;
    case 'H': put(o, "%s", x->aux < ir->n_helpers ? ir->helper[x->aux]->name : "?"); break;
    }
}

const char *ir_text(const struct ir *ir, u32 i, char *buf, size_t size)
{
    const struct ir_ins *x = &ir->ins[i];
    struct out o = {buf, size, 0};
    if (x->op >= IR_COUNT) {
        put(&o, "op %u", x->op);
        return buf;
    }
    if (ir_opinfo[x->op].outs)
        put(&o, "%%%u = ", i);
    put(&o, "%s", ir_opinfo[x->op].name);
    if (x->type && x->type < ARRAY_LEN(type_names))
        put(&o, ".%s", type_names[x->type]);
    for (const char *f = form_of(x->op); *f; f++) {
        put(&o, " ");
        put_operand(&o, ir, x, *f);
    }
    return buf;
}

void ir_dump(const struct ir *ir, FILE *to)
{
    char text[256];
    fprintf(to, "unit %#" PRIx64 " labels %u\n", ir->pc, ir->n_labels);
    for (u32 i = 1; i < ir->n; i++) {
        u8 op = ir->ins[i].op;
        if (op == IR_nop)
            continue;
        fprintf(to, "%s%s\n", op == IR_insn || op == IR_label ? "" : "    ",
                ir_text(ir, i, text, sizeof text));
    }
}

/* ---- reading --------------------------------------------------------------------------------- */

struct in {
    struct ir *ir;
    struct error *err;
    const struct ir_helper *const *helpers;
    size_t n_helpers;
    unsigned line;
    bool has_head;
    char *word[8]; /* of the line, in order */
    unsigned n_words, next;
};

static bool bad(const struct in *in, const char *what)
{
    return error_set(in->err, EINVAL, "line %u: %s", in->line, what);
}

static bool split(struct in *in, char *line)
{
    in->n_words = in->next = 0;
    for (char *save, *w = strtok_r(line, " \t\r", &save); w; w = strtok_r(NULL, " \t\r", &save)) {
        if (in->n_words == ARRAY_LEN(in->word))
            return bad(in, "more words than any instruction has");
        in->word[in->n_words++] = w;
    }
    return true;
}

static const char *take(struct in *in)
{
    return in->next < in->n_words ? in->word[in->next++] : "";
}

static bool number(const char *w, const char *prefix, u64 max, u64 *out)
{
    size_t skip = strlen(prefix);
    char *end;
    if (strncmp(w, prefix, skip) || w[skip] < '0' || w[skip] > '9')
        return false;
    errno = 0;
    *out = strtoull(w + skip, &end, 0);
    return !errno && *out <= max && !*end;
}

static bool get_u32(const char *w, const char *prefix, u32 max, u32 *out)
{
    u64 v;
    if (!number(w, prefix, max, &v))
        return false;
    *out = (u32)v;
    return true;
}

static bool get_aux(const char *w, u16 *out)
{
    u32 v;
    if (!get_u32(w, "", UINT16_MAX, &v))
        return false;
    *out = (u16)v;
    return true;
}

/* Finds the name that w starts with, up to its end or a dot; returns what follows, or NULL. */
static const char *find_name(const char *w, const char *const *names, size_t n, u16 *out)
{
    size_t len = strcspn(w, ".");
    for (size_t i = 0; i < n; i++)
        if (strlen(names[i]) == len && !strncmp(w, names[i], len)) {
            *out = (u16)i;
            return w + len;
        }
    return NULL;
}
#define FIND_NAME(w, names, out) find_name(w, names, ARRAY_LEN(names), out)

static bool is_name(const char *w, const char *const *names, size_t n, u16 *out)
{
    const char *rest = find_name(w, names, n, out);
    return rest && !*rest;
}
#define IS_NAME(w, names, out) is_name(w, names, ARRAY_LEN(names), out)

static bool get_mop(const char *w, u16 *out)
{
    const char *rest = FIND_NAME(w, mop_names, out);
    for (size_t i = 0; rest && i < ARRAY_LEN(mop_flags); i++) {
        size_t len = strlen(mop_flags[i].name);
        if (!strncmp(rest, mop_flags[i].name, len)) {
            *out |= mop_flags[i].bit;
            rest += len;
        }
    }
    return rest && !*rest;
}

static bool get_amo(const char *w, u16 *out)
{
    u16 op, mop;
    const char *rest = FIND_NAME(w, amo_names, &op);
    if (!rest || *rest != '.' || !get_mop(rest + 1, &mop))
        return false;
    *out = (u16)(op << 8 | mop);
    return true;
}

static bool get_int_kind(const char *w, u16 *out)
{
    const char *rest = FIND_NAME(w, int_names, out);
    if (rest && !strcmp(rest, ".trunc")) {
        *out |= TRUNCATE;
        return true;
    }
    return rest && !*rest;
}

static bool get_value(const char *w, u32 *out)
{
    *out = 0;
    return !strcmp(w, "-") || get_u32(w, "%", IR_MAX - 1, out);
}

static bool get_disp(const char *w, u32 *out)
{
    char *end;
    long long v = strtoll(w, &end, 10);
    *out = (u32)v;
    return *w && !*end && v == (i32)v;
}

static bool get_slot(const struct ir *ir, const char *w, u16 *out)
{
    for (u32 i = 0; i < ir->n_slots; i++)
        if (!strcmp(w, ir->slots[i].name)) {
            *out = (u16)i;
            return true;
        }
    return false;
}

static bool get_helper(const struct in *in, const char *w, u16 *out)
{
    struct ir *ir = in->ir;
    for (*out = 0; *out < ir->n_helpers; ++*out)
        if (!strcmp(w, ir->helper[*out]->name))
            return true;
    for (size_t i = 0; i < in->n_helpers && ir->n_helpers < IR_HELPERS; i++)
        if (!strcmp(w, in->helpers[i]->name)) {
            ir->helper[ir->n_helpers++] = in->helpers[i];
            return true;
        }
    return false;
}

static bool get_operand(struct in *in, struct ir_ins *x, char letter)
{
    const char *w = take(in);
    switch (letter) {
    case 'a': return get_value(w, &x->a);
    case 'b': return get_value(w, &x->b);
    case 'c': return get_value(w, &x->c);
    case 'i': return number(w, "", ~0ull, &x->imm);
    case 'l':
    case 'x': return get_aux(w, &x->aux);
    case 's': return get_slot(in->ir, w, &x->aux);
    case 'o': return get_u32(w, "@", UINT32_MAX, &x->c);
    case 'k': return IS_NAME(w, cc_names, &x->aux);
    case 'K': return IS_NAME(w, fcc_names, &x->aux);
    case 'n': return get_int_kind(w, &x->aux);
    case 'm': return get_mop(w, &x->aux);
    case 'M': return get_amo(w, &x->aux);
    case 'd': return get_disp(w, &x->c);
    case 'L': return get_u32(w, "L", IR_LABELS - 1, &x->c);
    case 'h': return IS_NAME(w, hint_names, &x->aux);
    default: return get_helper(in, w, &x->aux);
    }
}

/* "name" or "name.type" */
static bool get_op(struct in *in, struct ir_ins *x)
{
    const char *w = take(in), *dot = strchr(w, '.');
    size_t len = strcspn(w, ".");
    u16 type = T_NONE;
    if (dot && !IS_NAME(dot + 1, type_names, &type))
        return bad(in, "an unknown type");
    x->type = (u8)type;
    for (x->op = 0; x->op < IR_COUNT; x->op++)
        if (strlen(ir_opinfo[x->op].name) == len && !strncmp(w, ir_opinfo[x->op].name, len))
            return true;
    return bad(in, "an unknown op");
}

/* Instructions that were removed left a gap before the value `at`. */
static bool skip_to(struct in *in, u32 at)
{
    struct ir *ir = in->ir;
    if (at < ir->n)
        return bad(in, "values out of order");
    while (ir->n < at)
        ir->ins[ir->n++] = (struct ir_ins){.op = IR_nop};
    return true;
}

static bool parse_ins(struct in *in)
{
    struct ir *ir = in->ir;
    struct ir_ins x = {0};
    u32 at;
    if (in->n_words > 2 && !strcmp(in->word[1], "=")) {
        if (!get_u32(take(in), "%", IR_MAX - 1, &at) || !skip_to(in, at))
            return bad(in, "values are named by rising numbers");
        take(in);
    }
    if (!get_op(in, &x))
        return false;
    if (ir_opinfo[x.op].outs != (in->next == 3))
        return bad(in, "a value without a name, or a name without a value");
    for (const char *f = form_of(x.op); *f; f++)
        if (!get_operand(in, &x, *f))
            return bad(in, "a wrong operand");
    if (in->next != in->n_words)
        return bad(in, "too many operands");
    if (ir->n == IR_MAX)
        return bad(in, "the unit is too long");
    ir->insns += x.op == IR_insn;
    ir->ins[ir->n++] = x;
    return true;
}

/* "unit PC labels N" */
static bool parse_head(struct in *in)
{
    u64 pc;
    if (in->n_words != 4 || strcmp(in->word[0], "unit") || strcmp(in->word[2], "labels") ||
        !number(in->word[1], "", ~0ull, &pc) ||
        !get_u32(in->word[3], "", IR_LABELS, &in->ir->n_labels))
        return bad(in, "expected 'unit PC labels N'");
    in->ir->pc = pc;
    in->has_head = true;
    return true;
}

static bool parse_line(struct in *in, const char *line, size_t len)
{
    char copy[256];
    if (len >= sizeof copy)
        return bad(in, "longer than any instruction");
    memcpy(copy, line, len);
    copy[len] = 0;
    if (!split(in, copy))
        return false;
    if (!in->n_words)
        return true;
    return in->has_head ? parse_ins(in) : parse_head(in);
}

bool ir_parse(struct ir *ir, const char *text, const struct ir_slot *slots, u32 n_slots,
              const struct ir_helper *const *helpers, size_t n_helpers, struct error *err)
{
    struct in in = {.ir = ir, .err = err, .helpers = helpers, .n_helpers = n_helpers};
    ir_start(ir, slots, n_slots, 0);
    while (*text) {
        size_t len = strcspn(text, "\n");
        in.line++;
        if (!parse_line(&in, text, len))
            return false;
        text += len + (text[len] == '\n');
    }
    return true;
}
