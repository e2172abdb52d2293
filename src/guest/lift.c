/* guest/lift.c - forms one unit: its instructions, which branches stay inside, how control leaves.
 *
 * The unit lies in one page. It is scanned with guest->flow, then lifted in the order of addresses:
 *  - a direct transfer to an instruction of the unit is a branch to that instruction's label; a
 *    label that is reached backwards polls, so that every loop can be interrupted;
 *  - any other conditional branch leaves through a stub behind the unit's code;
 *  - after an unconditional transfer level 2 goes on at the nearest place ahead that an earlier
 *    branch names, so that the arms of a conditional and the code where they meet share one unit.
 */
#include <assert.h>
#include "guest/guest.h"

enum { STRAIGHT_MAX = 64, UNIT_MAX = 200, INSN_BYTES = 32 };
/* What is known of each byte of the page, from the unit's start */
enum {
    AT_INSN = 1,   /* an instruction of the unit begins here */
    AT_TARGET = 2, /* a branch of the unit goes here */
    AT_LOOP = 4,   /* ... backwards */
    AT_LABEL = 8,  /* has a label already */
};

struct step {
    u16 off;
    u8 len;
};
struct stub { /* where a conditional branch leaves the unit */
    u32 label;
    gva target;
};
struct unit {
    gva pc;
    u32 size; /* bytes that may be looked at */
    u32 n, n_stubs;
    struct step step[UNIT_MAX];
    struct stub stub[UNIT_MAX];
    u8 mark[PAGE_SIZE];
    u16 label[PAGE_SIZE];
};

static void mark_target(struct unit *u, const struct flow *f, u32 off)
{
    gva to = f->target - u->pc;
    if ((f->kind == FLOW_BRANCH || f->kind == FLOW_JUMP) && to < u->size)
        u->mark[to] |= to <= off ? AT_TARGET | AT_LOOP : AT_TARGET;
}

/* The nearest branch target from `off` on, or the unit's size. */
static u32 pending(const struct unit *u, u32 off)
{
    while (off < u->size && !(u->mark[off] & AT_TARGET))
        off++;
    return off;
}

/* Finds the unit's instructions, at most `max`. */
static void scan(struct unit *u, const struct guest *g, u32 key, const u8 *code, u32 max, int level)
{
    memset(u->mark, 0, u->size);
    u->n = u->n_stubs = 0;
    for (u32 off = 0; u->n < max && off < u->size;) {
        struct flow f;
        g->flow(u->pc + off, code + off, u->size - off, key, &f);
        if (!f.len)
            break;
        u->step[u->n++] = (struct step){(u16)off, f.len};
        u->mark[off] |= AT_INSN;
        if (level > 0)
            mark_target(u, &f, off);
        off += f.len;
        if (f.kind != FLOW_NEXT && f.kind != FLOW_BRANCH)
            off = level < 2 ? u->size : pending(u, off);
    }
}

static bool has_label(const struct unit *u, u32 off)
{
    u8 both = AT_INSN | AT_TARGET;
    return (u->mark[off] & both) == both;
}

static u32 label_at(struct unit *u, struct ir *ir, u32 off)
{
    if (!(u->mark[off] & AT_LABEL)) {
        u->mark[off] |= AT_LABEL;
        u->label[off] = (u16)ir_newlabel(ir);
    }
    return u->label[off];
}

/* May the instruction branch there inside the unit? Backwards only where the label polls. */
static bool inside(const struct lift *l, gva target)
{
    const struct unit *u = l->unit;
    gva to = target - u->pc;
    if (to >= u->size || !has_label(u, (u32)to))
        return false;
    return target > l->pc || u->mark[to] & AT_LOOP;
}

void lift_jump(struct lift *l, gva target)
{
    struct unit *u = l->unit;
    if (inside(l, target))
        ir_br(l->ir, label_at(u, l->ir, (u32)(target - u->pc)));
    else
        ir_exit(l->ir, target);
    l->ended = true;
}

void lift_branch(struct lift *l, enum ir_type width, enum ir_cc cc, val a, val b, gva target)
{
    struct unit *u = l->unit;
    u32 label;
    if (inside(l, target)) {
        label = label_at(u, l->ir, (u32)(target - u->pc));
    } else {
        label = ir_newlabel(l->ir);
        u->stub[u->n_stubs++] = (struct stub){label, target};
    }
    ir_brcc(l->ir, width, cc, a, b, label);
}

/* True when control goes on to the next address. */
static bool lift_step(struct unit *u, struct lift *l, const struct step *s, const u8 *code)
{
    l->pc = u->pc + s->off;
    l->code = code + s->off;
    l->len = s->len;
    l->ended = false;
    ir_insn(l->ir, l->pc, s->len);
    l->guest->lift(l);
    return !l->ended;
}

static void lift_steps(struct unit *u, struct lift *l, const u8 *code)
{
    bool live = true; /* control reaches the current step */
    u32 end = 0;
    for (u32 i = 0; i < u->n; i++) {
        const struct step *s = &u->step[i];
        if (live && s->off != end)
            ir_exit(l->ir, u->pc + end);
        live &= s->off == end;
        if (has_label(u, s->off)) {
            ir_label(l->ir, label_at(u, l->ir, s->off));
            if (u->mark[s->off] & AT_LOOP)
                ir_poll(l->ir, u->pc + s->off);
            live = true;
        }
        end = s->off + s->len;
        if (live)
            live = lift_step(u, l, s, code);
    }
    if (live)
        ir_exit(l->ir, u->pc + end);
    for (u32 i = 0; i < u->n_stubs; i++) {
        ir_label(l->ir, u->stub[i].label);
        ir_exit(l->ir, u->stub[i].target);
    }
}

/* Scans and lifts; when the unit is more than struct ir holds, again with half the instructions. */
static unsigned lift_within(const struct guest *g, struct ir *ir, gva pc, u32 key, const u8 *code,
                            u32 size, u32 max, int level)
{
    struct unit u; /* large: what counts is filled in by scan() */
    u.pc = pc;
    u.size = size;
    scan(&u, g, key, code, max, level);
    if (!u.n)
        return 0;
    for (;; scan(&u, g, key, code, u.n / 2, level)) {
        struct lift l = {.ir = ir, .guest = g, .key = key, .unit = &u};
        ir_start(ir, g->slots, g->n_slots, pc);
        lift_steps(&u, &l, code);
        if (!ir->overflow)
            break;
        assert(u.n > 1);
    }
    return u.step[u.n - 1].off + u.step[u.n - 1].len;
}

unsigned lift_unit(const struct guest *g, struct ir *ir, gva pc, u32 key, const u8 *code,
                   unsigned avail, const u8 *next, unsigned next_avail, int level)
{
    static const u32 max[] = {1, STRAIGHT_MAX, UNIT_MAX};
    assert(avail <= PAGE_SIZE);
    unsigned done = lift_within(g, ir, pc, key, code, avail, max[level], level);
    if (done || !next || avail >= INSN_BYTES)
        return done;
    u8 both[INSN_BYTES]; /* the first instruction lies across the page's end: a unit of its own */
    u32 more = MIN(next_avail, INSN_BYTES - avail);
    memcpy(both, code, avail);
    memcpy(both + avail, next, more);
    return lift_within(g, ir, pc, key, both, avail + more, 1, 0);
}
