/* ir/verify.c - checks that a unit keeps the rules of ir.h. */
#include <errno.h>
#include "ir/ir.h"

/* ---- types ----------------------------------------------------------------------------------- */

/* Per op: the types it may have (n none, w I32 or I64, q I64, f F32 or F64, s F32, d F64, e any),
 * its result and its inputs (i integer, f float of its type, o the other float type, s F32, d F64,
 * - none, v as its own type). */
static const struct signature {
    char type, out;
    const char *in;
} signatures[IR_COUNT] = {
    /* clang-format off */
    [IR_nop] = {'n', '-', ""}, [IR_constant] = {'q', 'i', ""}, [IR_insn] = {'n', '-', ""},
    [IR_get] = {'e', 'v', ""}, [IR_set] = {'e', '-', "v"},
    [IR_lde] = {'e', 'v', ""}, [IR_ste] = {'e', '-', "v"},
    [IR_add ... IR_maxs] = {'w', 'i', "ii"}, [IR_clmul ... IR_clmulh] = {'q', 'i', "ii"},
    [IR_clz ... IR_bswap] = {'w', 'i', "i"}, [IR_sext8 ... IR_zext32] = {'q', 'i', "i"},
    [IR_setcc] = {'w', 'i', "ii"}, [IR_sel] = {'q', 'i', "iii"},
    [IR_ld] = {'e', 'v', "i"}, [IR_st] = {'e', '-', "iv"},
    [IR_amo] = {'q', 'i', "ii"}, [IR_cas] = {'q', 'i', "iii"}, [IR_fence] = {'n', '-', ""},
    [IR_fadd ... IR_fdiv] = {'f', 'f', "ff"}, [IR_fsqrt] = {'f', 'f', "f"},
    [IR_fma] = {'f', 'f', "fff"}, [IR_fnan] = {'f', 'f', "f"},
    [IR_fmin ... IR_fsgn] = {'f', 'f', "ff"}, [IR_setf] = {'f', 'i', "ff"},
    [IR_fcvt] = {'f', 'f', "o"}, [IR_itof] = {'f', 'f', "i"}, [IR_ftoi] = {'f', 'i', "f"},
    [IR_unbox32] = {'s', 'f', "d"}, [IR_box32] = {'d', 'f', "s"},
    [IR_mov_if] = {'f', 'f', "i"}, [IR_mov_fi] = {'f', 'i', "f"},
    [IR_label] = {'n', '-', ""}, [IR_br] = {'n', '-', ""}, [IR_brcc] = {'w', '-', "ii"},
    [IR_poll] = {'n', '-', ""}, [IR_exit] = {'n', '-', ""}, [IR_exiti] = {'n', '-', "i"},
    [IR_exitx] = {'n', '-', ""}, [IR_call] = {'q', 'i', "iii"},
    /* clang-format on */
};

static bool is_float(u8 type) { return type == F32 || type == F64; }

static bool allowed(char set, u8 type)
{
    switch (set) {
    case 'n': return type == T_NONE;
    case 'w': return type == I32 || type == I64;
    case 'q': return type == I64;
    case 'f': return is_float(type);
    case 's': return type == F32;
    case 'd': return type == F64;
    default: return type > T_NONE && type <= F64;
    }
}

/* The type of a value that a signature's letter stands for in an instruction of `type`. */
static enum ir_type meant(char letter, u8 type)
{
    switch (letter) {
    case '-': return T_NONE;
    case 'i': return I64;
    case 'o': return type == F32 ? F64 : F32;
    case 's': return F32;
    case 'd': return F64;
    default: return is_float(type) ? type : I64;
    }
}

enum ir_type ir_type_of(const struct ir *ir, val v)
{
    const struct ir_ins *x = &ir->ins[v];
    return meant(signatures[x->op].out, x->type);
}

/* ---- rules ----------------------------------------------------------------------------------- */

struct check {
    const struct ir *ir;
    struct error *err;
    u32 scope;      /* index of the last label */
    bool committed; /* the guest instruction has set a slot */
    bool defined[IR_LABELS], wanted[IR_LABELS];
};

static bool wrong(const struct check *c, u32 i, const char *why)
{
    char text[160];
    return error_set(c->err, EINVAL, "instruction %u, '%s': %s", i,
                     ir_text(c->ir, i, text, sizeof text), why);
}

static bool check_inputs(const struct check *c, u32 i)
{
    const struct ir_ins *x = &c->ir->ins[i];
    u32 in[3] = {x->a, x->b, x->c};
    for (unsigned k = 0; k < ir_opinfo[x->op].ins; k++) {
        if (in[k] == 0 && x->op == IR_call)
            continue;
        if (in[k] <= c->scope || in[k] >= i)
            return wrong(c, i, "an input is no value of this scope");
        if (ir_type_of(c->ir, in[k]) != meant(signatures[x->op].in[k], x->type))
            return wrong(c, i, "an input has the wrong type");
    }
    if (x->op == IR_fnan && (c->ir->ins[x->a].op < IR_fadd || c->ir->ins[x->a].op > IR_fma))
        return wrong(c, i, "the input is no result of arithmetic");
    return true;
}

static bool check_mop(const struct check *c, u32 i)
{
    const struct ir_ins *x = &c->ir->ins[i];
    u16 mop = x->aux & 0xff, size = mop & MOP_SIZE;
    bool real = x->op == IR_ld || x->op == IR_st;
    if (mop & MOP_FLOAT &&
        (!real || mop & MOP_SIGNED || x->type != (size == MOP_32 ? F32 : F64) || size < MOP_32))
        return wrong(c, i, "a float access of another type");
    if (!(mop & MOP_FLOAT) && x->type != I64)
        return wrong(c, i, "an integer access of another type");
    if (mop >> 6 || x->aux >> 8 > (x->op == IR_amo ? AMO_MAXU : 0))
        return wrong(c, i, "an unknown kind of access");
    return true;
}

/* lde and ste name fields that are not slots: the builder forwards slots past them. */
static bool check_field(const struct check *c, u32 i)
{
    const struct ir_ins *x = &c->ir->ins[i];
    u32 size = x->type == I32 || x->type == F32 ? 4 : 8;
    for (u32 s = 0; s < c->ir->n_slots; s++)
        if (x->c < c->ir->slots[s].off + 8 && c->ir->slots[s].off < x->c + size)
            return wrong(c, i, "the field is a slot");
    return true;
}

static bool check_aux(const struct check *c, u32 i)
{
    const struct ir_ins *x = &c->ir->ins[i];
    u32 limit = 1;
    switch (x->op) {
    case IR_ld:
    case IR_st:
    case IR_amo:
    case IR_cas: return check_mop(c, i);
    case IR_lde:
    case IR_ste: return check_field(c, i);
    case IR_get:
    case IR_set:
        if (x->aux < c->ir->n_slots && x->type != c->ir->slots[x->aux].type)
            return wrong(c, i, "a slot of another type");
        limit = c->ir->n_slots;
        break;
    case IR_call: limit = c->ir->n_helpers; break;
    case IR_setcc:
    case IR_brcc: limit = CC_COUNT; break;
    case IR_setf: limit = FCC_LE + 1; break;
    case IR_itof: limit = INT_U64 + 1; break;
    case IR_ftoi: limit = (x->aux & 8) + INT_U64 + 1; break;
    case IR_fma: limit = 4; break;
    case IR_fsgn: limit = 3; break;
    case IR_fence: limit = 2; break;
    case IR_exiti: limit = HINT_RET + 1; break;
    case IR_insn:
    case IR_exitx: return true;
    }
    return x->aux < limit ? true : wrong(c, i, "a wrong variant");
}

static bool check_label(struct check *c, u32 i)
{
    const struct ir_ins *x = &c->ir->ins[i];
    if (x->c >= c->ir->n_labels)
        return wrong(c, i, "a label that was not made");
    if (x->op != IR_label) {
        c->wanted[x->c] = true;
        return true;
    }
    if (c->defined[x->c])
        return wrong(c, i, "the label stands twice");
    c->defined[x->c] = true;
    c->scope = i;
    return true;
}

static bool may_fault(const struct ir *ir, const struct ir_ins *x)
{
    return x->op == IR_ld || x->op == IR_st || x->op == IR_amo || x->op == IR_cas ||
           (x->op == IR_call && ir->helper[x->aux]->flags & HELP_FAULT);
}

/* A guest instruction's sets come after what can fault in it. */
static bool check_order(struct check *c, u32 i)
{
    const struct ir_ins *x = &c->ir->ins[i];
    if (may_fault(c->ir, x) && c->committed)
        return wrong(c, i, "may fault after its guest instruction set a slot");
    if (x->op == IR_set)
        c->committed = true;
    else if (x->op == IR_insn || ir_opinfo[x->op].fx & FX_END)
        c->committed = false;
    return true;
}

static bool check_ins(struct check *c, u32 i)
{
    const struct ir_ins *x = &c->ir->ins[i];
    if (x->op >= IR_COUNT)
        return error_set(c->err, EINVAL, "instruction %u: op %u is none", i, x->op);
    if (!allowed(signatures[x->op].type, x->type))
        return wrong(c, i, "the op has no such type");
    if (!check_aux(c, i) || !check_inputs(c, i) || !check_order(c, i))
        return false;
    return x->op == IR_label || x->op == IR_br || x->op == IR_brcc ? check_label(c, i) : true;
}

bool ir_verify(const struct ir *ir, struct error *err)
{
    struct check c = {.ir = ir, .err = err};
    u32 last = 0;
    if (ir->overflow || ir->n > IR_MAX || ir->n_labels > IR_LABELS || ir->n_slots > IR_SLOTS)
        return error_set(err, EINVAL, "the unit is too large");
    for (u32 i = 1; i < ir->n; i++) {
        if (!check_ins(&c, i))
            return false;
        if (ir->ins[i].op != IR_nop)
            last = i;
    }
    if (!(ir_opinfo[ir->ins[last].op].fx & FX_END))
        return error_set(err, EINVAL, "control falls out of the unit after instruction %u", last);
    for (u32 l = 0; l < ir->n_labels; l++)
        if (c.wanted[l] && !c.defined[l])
            return error_set(err, EINVAL, "label %u does not stand anywhere", l);
    return true;
}
