/* test/irgen_test.c - random units: optimized ones do what plain ones do; text; shrinking. */
#include <assert.h>
#include "test/irgen.h"

static struct ir plain, folded;

static void build(u64 seed)
{
    plain.plain = true;
    irgen(&plain, seed, &irgen_default);
    irgen(&folded, seed, &irgen_default);
}

static void must_verify(const struct ir *ir, u64 seed)
{
    struct error err = {0};
    if (ir_verify(ir, &err))
        return;
    fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed, err.msg);
    ir_dump(ir, stderr);
    abort();
}

/* A constant target makes an indirect exit a direct one; the pc field is not state while a unit
 * runs. */
static bool same_end(struct ir_result a, struct ir_result b)
{
    bool same_kind = a.end == b.end || (a.end <= END_INDIRECT && b.end <= END_INDIRECT);
    return same_kind && a.reason == b.reason && a.pc == b.pc;
}

static bool same_run(const struct ir *a, const struct ir *b, u64 seed)
{
    static struct irgen_cpu ka, kb;
    irgen_reset(&ka, seed);
    kb = ka;
    struct ir_result ra = irgen_run(a, &ka), rb = irgen_run(b, &kb);
    ka.pc = kb.pc = 0;
    return same_end(ra, rb) && !memcmp(&ka, &kb, sizeof ka);
}

static void compare(u64 seed)
{
    build(seed);
    must_verify(&plain, seed);
    must_verify(&folded, seed);
    assert(folded.n <= plain.n && folded.insns == plain.insns);
    bool same = same_run(&plain, &folded, seed);
    ir_optimize(&folded);
    must_verify(&folded, seed);
    same = same && same_run(&plain, &folded, seed) && same_run(&plain, &folded, ~seed);
    ir_optimize(&plain);
    must_verify(&plain, seed);
    if (same && same_run(&plain, &folded, seed))
        return;
    fprintf(stderr, "seed %llu: plain and optimized units differ\n", (unsigned long long)seed);
    abort();
}

TEST(optimized_units_do_the_same)
{
    for (u64 seed = 1; seed <= 1000; seed++)
        compare(seed);
}

static char *dumped(const struct ir *ir)
{
    char *text;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    assert(f);
    ir_dump(ir, f);
    fclose(f);
    return text;
}

TEST(text_goes_round)
{
    static struct ir again;
    const struct irgen_opts *o = &irgen_default;
    for (u64 seed = 1; seed <= 200; seed++) {
        struct error err = {0};
        build(seed);
        ir_optimize(&folded);
        char *text = dumped(&folded);
        assert(ir_parse(&again, text, o->slots, o->n_slots, o->helpers, o->n_helpers, &err));
        must_verify(&again, seed);
        char *text2 = dumped(&again);
        assert(!strcmp(text, text2) && again.insns >= 1 && same_run(&folded, &again, seed));
        free(text);
        free(text2);
    }
}

/* A translator that takes every sub for an add: true when that shows in this unit. */
static bool wrong_sub_shows(void *arg, const struct ir *ir)
{
    static struct ir wrong;
    wrong = *ir;
    for (u32 i = 1; i < wrong.n; i++)
        if (wrong.ins[i].op == IR_sub)
            wrong.ins[i].op = IR_add;
    return !same_run(ir, &wrong, *(const u64 *)arg);
}

TEST(failing_units_shrink)
{
    int failed = 0;
    for (u64 seed = 1; failed < 3; seed++) {
        build(seed);
        if (!wrong_sub_shows(&seed, &plain))
            continue;
        failed++;
        irgen_shrink(&plain, wrong_sub_shows, &seed);
        must_verify(&plain, seed);
        u32 left = 0;
        for (u32 i = 1; i < plain.n; i++)
            left += plain.ins[i].op != IR_nop;
        assert(wrong_sub_shows(&seed, &plain) && left <= 12);
    }
}
