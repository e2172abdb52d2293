/* guest/decode.c - turns the pictures of INSN() rows into a tree of switches on bit fields. */
#include "guest/decode.h"

enum { FIELD_MAX = 7, LEAF_MAX = 4 };

struct pattern {
    u32 mask, value;
    const struct insn *insn;
};
struct node {
    u8 shift, bits; /* of the field that chooses among 1 << bits nodes; bits 0: a leaf */
    u16 n;          /* patterns of a leaf */
    u32 first;      /* node, or pattern */
};
struct decoder {
    struct node *node; /* [0] is the root */
    u32 nodes;
    struct pattern *leaf;
    u32 leaves;
};

bool insn_picture(const struct insn *in, unsigned width, u32 *mask, u32 *value)
{
    unsigned n = 0;
    *mask = *value = 0;
    for (const char *s = in->picture; *s; s++) {
        if (*s == ' ')
            continue;
        if (*s != '0' && *s != '1' && *s != '.')
            return false;
        *mask = *mask << 1 | (*s != '.');
        *value = *value << 1 | (*s == '1');
        n++;
    }
    return n == width;
}

/* The lowest run of at most FIELD_MAX bits in `common`. */
static struct node field_of(u32 common)
{
    struct node f = {.shift = (u8)__builtin_ctz(common)};
    while (f.bits < FIELD_MAX && f.shift + f.bits < 32 && common >> (f.shift + f.bits) & 1)
        f.bits++;
    return f;
}

static void make_leaf(struct decoder *d, u32 at, const struct pattern *p, u32 n)
{
    d->node[at] = (struct node){.n = (u16)n, .first = d->leaves};
    d->leaf = xresize(d->leaf, sizeof *d->leaf * (d->leaves + n + 1));
    memcpy(d->leaf + d->leaves, p, sizeof *p * n);
    d->leaves += n;
}

/* Makes node[at] of the patterns p; `tested` bits were switched on above. */
static void build(struct decoder *d, u32 at, const struct pattern *p, u32 n, u32 tested)
{
    u32 common = ~tested;
    for (u32 i = 0; i < n; i++)
        common &= p[i].mask;
    if (n <= LEAF_MAX || !common) {
        make_leaf(d, at, p, n);
        return;
    }
    struct node f = field_of(common);
    u32 kids = 1u << f.bits, field = (kids - 1) << f.shift;
    f.first = d->nodes;
    d->nodes += kids;
    d->node = xresize(d->node, sizeof *d->node * d->nodes);
    d->node[at] = f;
    struct pattern *sub = new_array(struct pattern, n);
    for (u32 k = 0; k < kids; k++) {
        u32 m = 0;
        for (u32 i = 0; i < n; i++)
            if ((p[i].value & field) == k << f.shift)
                sub[m++] = p[i];
        build(d, f.first + k, sub, m, tested | field);
    }
    free(sub);
}

/* More fixed bits first: the special before the general. */
static int by_bits(const void *a, const void *b)
{
    const struct pattern *p = a, *q = b;
    return __builtin_popcount(q->mask) - __builtin_popcount(p->mask);
}

static u32 patterns(const struct insn *const *first, const struct insn *const *end, unsigned width,
                    struct pattern **out)
{
    u32 n = 0;
    *out = new_array(struct pattern, end - first + 1);
    for (const struct insn *const *i = first; i < end; i++) {
        struct pattern p = {.insn = *i};
        if (insn_picture(*i, width, &p.mask, &p.value))
            (*out)[n++] = p;
    }
    qsort(*out, n, sizeof **out, by_bits);
    return n;
}

struct decoder *decoder_new(const struct insn *const *first, const struct insn *const *end,
                            unsigned width)
{
    struct decoder *d = new(struct decoder);
    struct pattern *p;
    u32 n = patterns(first, end, width, &p);
    d->nodes = 1;
    d->node = new(struct node);
    build(d, 0, p, n, 0);
    free(p);
    return d;
}

void decoder_free(struct decoder *d)
{
    if (!d)
        return;
    free(d->node);
    free(d->leaf);
    free(d);
}

const struct insn *decode(const struct decoder *d, u32 word)
{
    const struct node *n = d->node;
    while (n->bits)
        n = d->node + n->first + (word >> n->shift & ((1u << n->bits) - 1));
    for (const struct pattern *p = d->leaf + n->first, *end = p + n->n; p < end; p++)
        if ((word & p->mask) == p->value)
            return p->insn->lift ? p->insn : NULL;
    return NULL;
}

bool decoder_check(const struct insn *const *first, const struct insn *const *end, unsigned width,
                   struct error *err)
{
    struct pattern *p;
    u32 n = patterns(first, end, width, &p);
    bool ok = true;
    for (u32 i = 0; i < n && ok; i++)
        for (u32 j = 0; j < i && ok; j++) {
            u32 both = p[i].mask | p[j].mask, value = p[i].value | p[j].value;
            bool apart = (p[i].value ^ p[j].value) & p[i].mask & p[j].mask;
            bool settled = both == p[j].mask && both != p[i].mask; /* j is more special */
            for (u32 k = 0; k < j && !settled; k++)
                settled = p[k].mask == both && p[k].value == value;
            if (!apart && !settled)
                ok = error_set(err, 22, "%s and %s overlap", p[j].insn->name, p[i].insn->name);
        }
    free(p);
    return ok;
}
