/* ir/text_test.c - the verifier, the parser and the optimizer on units written as text. */
#include <assert.h>
#include "ir/ir.h"

static const struct ir_slot slots[] = {{"a", 0, I64}, {"b", 8, I64}, {"f", 16, F64}};
static const struct ir_helper pure = {"pure", NULL, HELP_PURE}, reads = {"reads", NULL, HELP_READS},
                              plain = {"plain", NULL, 0}, faults = {"faults", NULL, HELP_FAULT};
static const struct ir_helper *const helpers[] = {&pure, &reads, &plain, &faults};
static struct ir unit;

static bool parse(const char *body, struct error *err)
{
    char *text = xprintf("unit 0x1000 labels 2\n%s", body);
    bool ok = ir_parse(&unit, text, slots, ARRAY_LEN(slots), helpers, ARRAY_LEN(helpers), err);
    free(text);
    return ok;
}

static bool says(const struct error *err, const char *what)
{
    if (strstr(err->msg, what))
        return true;
    fprintf(stderr, "expected '%s', got '%s'\n", what, err->msg);
    return false;
}

TEST(verifier_refuses)
{
    static const struct {
        const char *body, *why;
    } bad[] = {
        {"insn 0x1000 4\n", "falls out of the unit"},
        {"", "falls out of the unit"},
        {"%1 = add.i64 %2 %2\n%2 = constant.i64 1\nexit 0\n", "no value of this scope"},
        {"%1 = constant.i64 1\nlabel L0\nset.i64 a %1\nexit 0\n", "no value of this scope"},
        {"%1 = constant.i64 1\nset.i64 a %1\n%3 = add.i64 %1 %2\nexit 0\n", "wrong type"},
        {"%1 = get.f64 f\n%2 = add.i64 %1 %1\nexit 0\n", "wrong type"},
        {"%1 = get.f64 f\n%2 = fadd.f32 %1 %1\nexit 0\n", "wrong type"},
        {"%1 = get.f64 f\n%2 = fcvt.f64 %1\nexit 0\n", "wrong type"},
        {"%1 = get.f64 f\n%2 = call.i64 pure %1 - -\nexit 0\n", "wrong type"},
        {"%1 = get.f64 f\n%2 = fnan.f64 %1\nexit 0\n", "no result of arithmetic"},
        {"%1 = get.i64 f\nexit 0\n", "slot of another type"},
        {"%1 = constant.i64 1\n%2 = clmul.i32 %1 %1\nexit 0\n", "no such type"},
        {"%1 = constant.i64 1\n%2 = fma.f64 7 %1 %1 %1\nexit 0\n", "wrong variant"},
        {"%1 = constant.i64 1\n%2 = ld.f64 u32.float %1 +0\nexit 0\n", "of another type"},
        {"%1 = constant.i64 1\n%2 = ld.f64 u64 %1 +0\nexit 0\n", "of another type"},
        {"%1 = constant.i64 1\n%2 = amo.i64 add.u64.float %1 %1\nexit 0\n", "of another type"},
        {"%1 = lde.i64 @12\nexit 0\n", "the field is a slot"},
        {"%1 = constant.i64 1\nste.i32 @20 %1\nexit 0\n", "the field is a slot"},
        {"br L0\n", "does not stand anywhere"},
        {"br L2\n", "not made"},
        {"label L1\nlabel L1\nexit 0\n", "stands twice"},
        {"insn 0x1000 4\n%2 = constant.i64 1\nset.i64 a %2\n%4 = ld.i64 u8 %2 +0\nexit 0\n",
         "may fault after"},
        {"insn 0x1000 4\n%2 = constant.i64 1\nset.i64 a %2\n%4 = call.i64 faults - - -\nexit 0\n",
         "may fault"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct error err = {0};
        assert(parse(bad[i].body, &err) && !ir_verify(&unit, &err) && says(&err, bad[i].why));
    }
}

TEST(parser_refuses)
{
    static const struct {
        const char *body, *why;
    } bad[] = {
        {"frob\n", "unknown op"},
        {"%1 = add.i99 %1 %1\n", "unknown type"},
        {"%1 = constant.i64\n", "wrong operand"},
        {"%1 = constant.i64 1x\n", "wrong operand"},
        {"%1 = constant.i64 0x10000000000000000\n", "wrong operand"},
        {"%1 = get.i64 c\n", "wrong operand"},
        {"%1 = ld.i64 u9 %1 +0\n", "wrong operand"},
        {"%1 = ld.i64 u8 %1 +2147483648\n", "wrong operand"},
        {"%1 = amo.i64 frob.u32 %1 %1\n", "wrong operand"},
        {"%1 = ftoi.f64 s32.frob %1\n", "wrong operand"},
        {"%1 = call.i64 nobody - - -\n", "wrong operand"},
        {"br 1\n", "wrong operand"},
        {"exit 0 0\n", "too many operands"},
        {"a b c d e f g h i\n", "more words"},
        {"constant.i64 1\n", "without a name"},
        {"%1 = exit 0\n", "without a value"},
        {"%2 = constant.i64 1\n%1 = constant.i64 1\n", "rising numbers"},
        {"%9999 = constant.i64 1\n", "rising numbers"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct error err = {0};
        assert(!parse(bad[i].body, &err) && says(&err, bad[i].why) && says(&err, "line "));
    }
    struct error err = {0};
    assert(!ir_parse(&unit, "unit x", slots, 3, NULL, 0, &err) && says(&err, "expected 'unit"));
    assert(!ir_parse(&unit, "unit 0 labels 513", slots, 3, NULL, 0, &err) &&
           says(&err, "expected 'unit"));
}

/* Text with random damage is refused or read, and what is read can be verified. */
TEST(damaged_text_is_survived)
{
    static const char good[] = "unit 0x1000 labels 1\n"
                               "insn 0x1000 4\n"
                               "%2 = get.i64 a\n"
                               "%3 = ld.i64 s32.aligned %2 +16\n"
                               "%4 = amo.i64 maxu.u64.aligned %2 %3\n"
                               "%5 = call.i64 faults %2 %3 -\n"
                               "brcc.i64 ltu %2 %3 L0\n"
                               "%7 = ftoi.f64 u32.trunc %5\n"
                               "label L0\n"
                               "exit 0x1004\n";
    u64 seed = 12345;
    for (int i = 0; i < 20000; i++) {
        char text[sizeof good];
        memcpy(text, good, sizeof good);
        for (int k = 0; k < 3; k++) {
            seed = seed * 6364136223846793005 + 1442695040888963407;
            text[(seed >> 33) % (sizeof good - 1)] = good[(seed >> 13) % (sizeof good - 1)];
        }
        struct error err;
        if (ir_parse(&unit, text, slots, ARRAY_LEN(slots), helpers, ARRAY_LEN(helpers), &err))
            ir_verify(&unit, &err);
    }
}

/* ---- the optimizer --------------------------------------------------------------------------- */

static void optimizes(const char *before, const char *after)
{
    struct error err = {0};
    char *text, *want = xprintf("unit 0x1000 labels 2\n%s", after);
    size_t size;
    if (!parse(before, &err) || !ir_verify(&unit, &err)) {
        fprintf(stderr, "%s\n", err.msg);
        abort();
    }
    ir_optimize(&unit);
    FILE *f = open_memstream(&text, &size);
    assert(f);
    ir_dump(&unit, f);
    fclose(f);
    if (strcmp(text, want)) {
        fprintf(stderr, "expected:\n%sgot:\n%s", want, text);
        abort();
    }
    free(text);
    free(want);
}

TEST(overwritten_slots_are_not_stored)
{
    optimizes(
        "%1 = constant.i64 0x1\nset.i64 a %1\n%3 = constant.i64 0x2\nset.i64 a %3\nexit 0x4\n",
        "    %3 = constant.i64 0x2\n    set.i64 a %3\n    exit 0x4\n");
    optimizes("%1 = constant.i64 0x1\nset.i64 a %1\n%3 = get.i64 a\nset.i64 b %3\nset.i64 a "
              "%3\nexit 0x4\n",
              "    %1 = constant.i64 0x1\n    set.i64 a %1\n    %3 = get.i64 a\n    set.i64 b %3\n"
              "    set.i64 a %3\n    exit 0x4\n");
}

TEST(slots_are_true_where_the_unit_may_leave)
{
    static const char *const leaving[] = {"insn 0x1004 4\n    %4 = ld.i64 u8 %1 +0\n", "poll 0x4\n",
                                          "brcc.i64 eq %1 %1 L0\n", "%3 = call.i64 reads - - -\n",
                                          "insn 0x1004 4\n    %4 = call.i64 faults - - -\n"};
    for (size_t i = 0; i < ARRAY_LEN(leaving); i++) {
        bool named = leaving[i][0] == 'i'; /* insn stands at the left, the others not */
        char *text = xprintf(
            "    %%1 = constant.i64 0x1\n    set.i64 a %%1\n%s%s    set.i64 a %%1\nlabel L0\n"
            "    exit 0x4\n",
            named ? "" : "    ", leaving[i]);
        optimizes(text, text);
        free(text);
    }
    optimizes(
        "%1 = constant.i64 0x1\nset.i64 a %1\n%3 = call.i64 plain - - -\nset.i64 a %1\nexit 0x4\n",
        "    %1 = constant.i64 0x1\n    %3 = call.i64 plain - - -\n    set.i64 a %1\n    exit "
        "0x4\n");
}

TEST(dead_values_vanish_but_not_effects)
{
    optimizes("%1 = get.i64 a\n%2 = lde.i64 @64\n%3 = mul.i64 %1 %2\n%4 = call.i64 pure %3 - "
              "-\nexit 0x4\n",
              "    exit 0x4\n");
    optimizes(
        "%1 = get.i64 a\n%2 = ld.i64 u64 %1 +8\n%3 = get.f64 f\n%4 = fadd.f64 %3 %3\nexit 0x4\n",
        "    %1 = get.i64 a\n    %2 = ld.i64 u64 %1 +8\n    %3 = get.f64 f\n    %4 = fadd.f64 %3 "
        "%3\n"
        "    exit 0x4\n");
}

TEST(unreachable_code_vanishes)
{
    optimizes("exit 0x4\n%2 = constant.i64 0x1\nset.i64 a %2\nlabel L1\nexit 0x8\n",
              "    exit 0x4\n");
    optimizes("br L0\n%2 = constant.i64 0x1\nset.i64 a %2\nlabel L0\nexit 0x4\n",
              "label L0\n    exit 0x4\n");
    optimizes("%1 = get.i64 a\nbrcc.i64 eq %1 %1 L0\nlabel L0\nexit 0x4\n",
              "label L0\n    exit 0x4\n");
}
