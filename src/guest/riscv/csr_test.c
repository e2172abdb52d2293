/* guest/riscv/csr_test.c - which CSRs there are, what their bits keep, and who may touch them. */
#include "guest/riscv/rig.h"

/* WARL masks (priv 2, 3.1, 10.1): bits that keep a one, and bits that always read as one. */
TEST(csr_masks)
{
    static const struct {
        u16 number;
        u64 keeps, fixed;
    } rows[] = {
        {0x300, 0x7e79aa, 0x8000000a00000000}, /* mstatus: SD follows FS */
        {0x100, 0xc6122, 0x8000000200000000},
        {0x301, 0, 0x800000000014112d},
        {0x302, 0xb3ff, 0},
        {0x303, 0x2222, 0},
        {0x304, 0x2aaa, 0},
        {0x306, 0xffffffff, 0},
        {0x106, 0xffffffff, 0},
        {0x30a, 0xe0000000000000f1, 0},
        {0x10a, 0xf1, 0},
        {0x320, 0xfffffffd, 0},
        {0x323, 0xf0000000000000ff, 0},
        {0x340, ~0ull, 0},
        {0x341, ~1ull, 0},
        {0x342, ~0ull, 0},
        {0x343, ~0ull, 0},
        {0x140, ~0ull, 0},
        {0x141, ~1ull, 0},
        {0x3b0, (1ull << 54) - 1, 0},
        {0xb03, ~0ull, 0},
        {0x7a0, 0, 0},
        {0x14d, ~0ull, 0},
    };
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct rig r = rig_new(NULL);
        u64 ones = rig_set(&r, rows[i].number, ~0ull), zeros = rig_set(&r, rows[i].number, 0);
        u64 sd = rows[i].number == 0x300 || rows[i].number == 0x100 ? 1ull << 63 : 0;
        if (ones != (rows[i].keeps | rows[i].fixed) || zeros != (rows[i].fixed & ~sd))
            fprintf(stderr, "csr %#x: %#llx, %#llx\n", rows[i].number, (long long)ones,
                    (long long)zeros);
        assert(ones == (rows[i].keeps | rows[i].fixed));
        assert(zeros == (rows[i].fixed & ~sd));
        rig_free(&r);
    }
}

TEST(csr_reserved_values_are_refused)
{
    struct rig r = rig_new(NULL);
    assert((rig_set(&r, 0x300, 2ull << 11) & RV_MPP) == 0); /* MPP: there is no mode 2 */
    assert((rig_set(&r, 0x300, 1ull << 11) & RV_MPP) == 1 << 11);
    assert((rig_set(&r, 0x300, 2ull << 11) & RV_MPP) == 1 << 11);
    assert(rig_set(&r, 0x305, 0x1001) == 0x1001); /* mtvec: vectored */
    assert(rig_set(&r, 0x305, 0x2002) == 0x2001); /* mode 2 keeps the old mode */
    assert(rig_set(&r, 0x30a, 3 << 4) == 3 << 4);
    assert(rig_set(&r, 0x30a, 2 << 4) == 3 << 4); /* CBIE 2 is reserved */
    assert(rig_set(&r, 0x180, 8ull << 60 | 5) == (8ull << 60 | 5));
    assert(rig_set(&r, 0x180, 7ull << 60 | 6) ==
           (8ull << 60 | 5)); /* satp: no such mode, no effect at all */
    assert(rig_set(&r, 0x180, 10ull << 60 | 0xffffull << 44) == (10ull << 60 | 0xffffull << 44));
    assert(rig_set(&r, 0x3a0, 0x1a) == 0); /* PMP: write without read */
    rig_free(&r);
}

TEST(csr_modes_without_their_extension)
{
    struct rig r = rig_new("rv64,sv57=off,sstc=off,svpbmt=off,f=off,d=off,sscofpmf=off,zicbom=off");
    u64 v;
    assert(rig_set(&r, 0x180, 10ull << 60) == 0);
    assert(rig_set(&r, 0x180, 9ull << 60) == 9ull << 60);
    assert(!rv_csr_read(r.cpu, 0x14d, &v) && !rv_csr_read(r.cpu, 0xda0, &v));
    assert(rig_set(&r, 0x30a, ~0ull) == (RV_ENV_ADUE | RV_ENV_CBZE | RV_ENV_FIOM));
    assert(!(rig_set(&r, 0x300, ~0ull) & RV_FS));
    assert(!rv_csr_read(r.cpu, 3, &v));
    assert(rig_set(&r, 0x304, ~0ull) == 0xaaa);
    assert(rig_set(&r, 0x323, ~0ull) == 0xff);
    rig_free(&r);
}

/* Every number either answers or is refused, in every mode, and refusal follows privilege. */
TEST(csr_privilege)
{
    static const enum rv_priv privs[] = {RV_U, RV_S, RV_M};
    for (unsigned p = 0; p < ARRAY_LEN(privs); p++) {
        struct rig r = rig_new(NULL);
        rig_set(&r, 0x306, ~0ull);
        rig_set(&r, 0x106, ~0ull);
        rig_set(&r, 0x300, RV_FS);
        rv_set_priv(r.cpu, privs[p]);
        for (unsigned n = 0; n < 4096; n++) {
            u64 v;
            bool reads = rv_csr_read(r.cpu, n, &v);
            if ((n >> 8 & 3) > privs[p])
                assert(!reads);
            if (n >> 10 == 3)
                assert(!rv_csr_write(r.cpu, n, 0));
        }
        rig_free(&r);
    }
}

TEST(csr_counters_are_opened_by_the_mode_above)
{
    struct rig r = rig_new(NULL);
    u64 v;
    rv_set_priv(r.cpu, RV_S);
    assert(!rv_csr_read(r.cpu, 0xc00, &v));
    r.cpu->mcounteren = 1 << 1 | 1 << 5;
    assert(rv_csr_read(r.cpu, 0xc01, &v) && v == 1000000000 / 100);
    assert(rv_csr_read(r.cpu, 0xc05, &v) && !rv_csr_read(r.cpu, 0xc00, &v));
    rv_set_priv(r.cpu, RV_U);
    assert(!rv_csr_read(r.cpu, 0xc01, &v));
    r.cpu->scounteren = 1 << 1;
    assert(rv_csr_read(r.cpu, 0xc01, &v) && !rv_csr_read(r.cpu, 0xc05, &v));
    rig_free(&r);
}

TEST(csr_tvm_and_stce_close_to_supervisor)
{
    struct rig r = rig_new(NULL);
    u64 v;
    rv_set_priv(r.cpu, RV_S);
    assert(rv_csr_read(r.cpu, 0x180, &v));
    r.cpu->mstatus |= RV_TVM;
    assert(!rv_csr_read(r.cpu, 0x180, &v) && !rv_csr_write(r.cpu, 0x180, 0));
    assert(!rv_csr_write(r.cpu, 0x14d, 0));
    r.cpu->menvcfg |= RV_ENV_STCE;
    assert(!rv_csr_write(r.cpu, 0x14d, 0));
    r.cpu->mcounteren = 2;
    assert(rv_csr_write(r.cpu, 0x14d, 0));
    rig_free(&r);
}

TEST(csr_floating_point_state)
{
    struct rig r = rig_new(NULL);
    u64 v;
    assert(!rv_csr_read(r.cpu, 3, &v)); /* FS is off */
    rig_set(&r, 0x300, 1ull << 13);
    assert(!(r.cpu->c.tlb->key & RV_KEY_DIRTY) && r.cpu->c.tlb->key & RV_KEY_FS);
    assert(rig_set(&r, 3, 0xffff) == 0xff);
    assert(r.cpu->c.tlb->key & RV_KEY_DIRTY && rig_csr(&r, 0x300) >> 63);
    assert((r.cpu->c.mxcsr & 63) == 0x3d); /* IE ZE OE UE PE, not DE */
    assert(rig_set(&r, 1, 0x10) == 0x10 && (r.cpu->c.mxcsr & 63) == 1);
    assert(rig_csr(&r, 2) == 7);
    static const u8 control[] = {0, 3, 1, 2}; /* RNE RTZ RDN RUP */
    for (unsigned frm = 0; frm < 4; frm++) {
        assert(rig_set(&r, 2, frm) == frm && rig_csr(&r, 1) == 0x10);
        assert((r.cpu->c.mxcsr >> 13 & 3) == control[frm]);
        assert((r.cpu->c.tlb->key >> RV_KEY_FRM_SHIFT & 7) == frm);
    }
    assert(r.cpu->c.mxcsr >> 7 == (0x1f80 >> 7 | 2 << 6));
    rig_free(&r);
}

TEST(csr_instruction_reads_then_writes)
{
    struct rig r = rig_new(NULL);
    enum { SET = RV_CSR_SET << 12, CLEAR = RV_CSR_CLEAR << 12, WRITE = RV_CSR_WRITE << 12 };
    assert(rig_call(&r, &rv_h_csr, 0x340 | WRITE, 0xf0, 0) == 0);
    assert(rig_call(&r, &rv_h_csr, 0x340 | SET, 0x0f, 0) == 0xf0);
    assert(rig_call(&r, &rv_h_csr, 0x340 | CLEAR, 0xf0, 0) == 0xff);
    assert(rig_call(&r, &rv_h_csr, 0x340, 0x55, 0) == 0x0f && rig_csr(&r, 0x340) == 0x0f);
    assert(rig_call(&r, &rv_h_csr, 0xf14, 0x55, 0) == 0 && rig_cause(&r) == ~0ull);
    rig_call(&r, &rv_h_csr, 0xf14 | SET, 0, 0xabcd);
    assert(r.cpu->c.exc_value == 0xabcd && rig_cause(&r) == RV_EXC_ILLEGAL);
    rig_free(&r);
}

/* The external line is seen by reads of mip, but not stored by csrrs (priv 3.1.9). */
TEST(csr_mip_keeps_line_and_software_bit_apart)
{
    struct rig r = rig_new(NULL);
    cpu_irq(&r.cpu->c, RV_IRQ_SEI, true);
    assert(rig_call(&r, &rv_h_csr, 0x344 | RV_CSR_SET << 12, 1 << 1, 0) == 1 << 9);
    assert(rig_csr(&r, 0x344) == (1 << 9 | 1 << 1));
    cpu_irq(&r.cpu->c, RV_IRQ_SEI, false);
    assert(rig_csr(&r, 0x344) == 1 << 1);
    assert(rig_set(&r, 0x344, ~0ull) == 0x2222);
    assert(rig_set(&r, 0x344, 0) == 0);
    rig_free(&r);
}

TEST(csr_supervisor_view_follows_mideleg)
{
    struct rig r = rig_new(NULL);
    rig_set(&r, 0x304, ~0ull);
    rig_set(&r, 0x344, ~0ull);
    assert(rig_csr(&r, 0x104) == 0 && rig_csr(&r, 0x144) == 0);
    rig_set(&r, 0x303, 1 << 1 | 1 << 5);
    assert(rig_csr(&r, 0x104) == 0x22 && rig_csr(&r, 0x144) == 0x22);
    assert(rig_set(&r, 0x144, 0) == 0x20); /* STIP is M's to clear */
    assert(rig_set(&r, 0x104, 0) == 0 && rig_csr(&r, 0x304) == (0x2aaa & ~0x22));
    rig_free(&r);
}

TEST(csr_what_the_lifter_asks)
{
    struct rig r = rig_new(NULL);
    assert(rv_csr_plain(0x140) == offsetof(struct rv_cpu, sscratch) && rv_csr_plain(0x341) == 0);
    assert(rv_csr_plain(0x180) == 0 && rv_csr_plain(0x999) == 0);
    assert(rv_csr_ends(0x180) && rv_csr_ends(0x100) && !rv_csr_ends(0x140) && !rv_csr_ends(0xc00));
    rig_free(&r);
}
