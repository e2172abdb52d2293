/* guest/riscv/lift.c - from instruction bytes to the row that says what they mean. */
#include "base/thread.h"
#include "guest/riscv/riscv.h"

static struct decoder *wide, *narrow; /* 32 and 16 bits */

static void make_decoders(void)
{
    wide = decoder_new(__start_insn_riscv, __stop_insn_riscv, 32);
    narrow = decoder_new(__start_insn_riscv, __stop_insn_riscv, 16);
}

static bool present(const struct insn *in, u32 key)
{
    u32 exts = (1u << RV_EXT_ISA) - 1;
    if (in->needs & exts & ~(key >> RV_KEY_EXT_SHIFT))
        return false;
    return !(in->needs & RV_FP) || key & RV_KEY_FS;
}

const struct insn *rv_decode(const u8 *code, unsigned avail, u32 key, struct args *a, u8 *len)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_decoders);
    *len = 0;
    if (avail < 2 || ((code[0] & 3) == 3 && avail < 4))
        return NULL;
    *len = (code[0] & 3) == 3 ? 4 : 2; /* unpriv 1.5; longer ones do not exist yet */
    *a = (struct args){.word = *len == 4 ? ld_le32(code) : ld_le16(code)};
    const struct insn *in = decode(*len == 4 ? wide : narrow, a->word);
    if (!in || !present(in, key))
        return NULL;
    in->format->decode(a->word, a);
    return in;
}

/* Before the first change of floating-point state mstatus.FS, part of the key, becomes Dirty. */
static bool dirties(const struct insn *in, u32 key)
{
    return in->needs & RV_FP && !(in->needs & RV_FP_QUIET) && !(key & RV_KEY_DIRTY);
}

void rv_flow(gva pc, const u8 *code, unsigned avail, u32 key, struct flow *f)
{
    struct args a;
    const struct insn *in = rv_decode(code, avail, key, &a, &f->len);
    f->kind = FLOW_STOP;
    if (!f->len || !in || dirties(in, key))
        return;
    f->kind = in->format->flow;
    f->target = pc + (u64)a.imm;
    if (f->kind == FLOW_JUMP && a.rd)
        f->kind = FLOW_CALL;
    bool csr = in->format == &riscv_fmt_CSR || in->format == &riscv_fmt_CSRI;
    if (csr && !rv_csr_stops(&a, key))
        f->kind = FLOW_NEXT;
}

static void count(struct lift *l)
{
    u32 off = offsetof(struct rv_cpu, retired);
    val n = ir_lde(l->ir, I64, off);
    ir_ste(l->ir, I64, off, ir_bin(l->ir, IR_add, I64, n, ir_const(l->ir, 1)));
}

void rv_lift(struct lift *l)
{
    struct args a;
    const struct insn *in = rv_decode(l->code, l->len, l->key, &a, &l->len);
    if (in && dirties(in, l->key)) {
        ir_call(l->ir, &rv_h_fpdirty, 0, 0, 0);
        leave_at(l, l->pc, EXITX_NEXT);
        return;
    }
    if (l->key & RV_KEY_COUNT)
        count(l);
    if (in)
        in->lift(l, &a);
    else
        rv_illegal(l, &a);
}
