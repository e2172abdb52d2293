/* guest/riscv/state_test.c - CPU models, the ISA string, reset, and the key. */
#include "guest/riscv/rig.h"

static bool refused(const char *model, const char *word)
{
    struct rv_cpu *cpu = new(struct rv_cpu);
    struct error err = {0};
    bool ok = rv_init(&cpu->c, model, &err);
    bool named = strstr(err.msg, word);
    if (ok || !named)
        fprintf(stderr, "'%s': %s\n", model, err.msg);
    free(cpu);
    return !ok && named;
}

TEST(state_models)
{
    assert(refused("rv32", "rv32") && refused("rv64,zbx=on", "zb") &&
           refused("rv64,zba=maybe", "maybe"));
    assert(refused("rv64,c=off", "'c'") && refused("rv64,f=off", "'d' needs 'f'"));
    assert(refused("max,sv48=off", "'sv57' needs 'sv48'"));
    struct rig r = rig_new("max,zba=off,no-zbb,sv57=off");
    assert(!RV_HAS(r.cpu, zba) && !RV_HAS(r.cpu, zbb) && RV_HAS(r.cpu, zbs));
    assert(!strcmp(rv_mmu_type(r.cpu), "riscv,sv48"));
    assert(!RV_KEY_HAS(r.cpu->c.tlb->key, zba) && RV_KEY_HAS(r.cpu->c.tlb->key, zbs));
    rig_free(&r);
}

TEST(state_isa_string)
{
    struct rig r = rig_new("rv64,sscofpmf=off");
    char *isa = rv_isa_string(r.cpu);
    assert(!strcmp(isa,
                   "rv64imafdc_zicbom_zicbop_zicboz_zicntr_zicond_zicsr_zifencei_zihintpause_zihpm"
                   "_zba_zbb_zbc_zbs_sstc_svadu_svinval_svnapot_svpbmt"));
    size_t len, at = 0, names = 0;
    char *list = rv_isa_list(r.cpu, &len);
    for (; at < len; at += strlen(list + at) + 1)
        names++;
    assert(at == len && names == 24 && !strcmp(list, "i") && !strcmp(list + 2, "m"));
    free(isa);
    free(list);
    rig_free(&r);
}

TEST(state_reset)
{
    struct rig r = rig_new(NULL);
    rig_open(&r, RV_U);
    cpu_irq(&r.cpu->c, RV_IRQ_SEI, true);
    cpu_irq(&r.cpu->c, RV_IRQ_SSI, true);
    r.cpu->c.r[5] = 1;
    r.cpu->satp = 8ull << 60;
    rv_reset(&r.cpu->c);
    assert(r.cpu->priv == RV_M && r.cpu->c.pc == 0x1000 && !r.cpu->c.r[5] && !r.cpu->satp);
    assert(rig_csr(&r, 0x344) ==
           1 << RV_IRQ_SEI); /* a device holds this line; the other was software's */
    assert(rig_csr(&r, 0x3a0) == 0 && !r.cpu->pmp_open);
    assert((r.cpu->c.tlb->key & 0xff) == RV_M && r.cpu->c.tlb->root == 0);
    rig_free(&r);
}

TEST(state_registers)
{
    const struct guest *g = guest_find("riscv64");
    assert(g && g->n_slots == 64 && !guest_find("riscv"));
    for (unsigned i = 0; i < 64; i++)
        assert(g->slots[i].off == offsetof(struct cpu, r[i]) &&
               g->slots[i].type == (i < 32 ? I64 : F64));
    u64 seen = 0;
    for (const u8 *p = g->hot; *p; p++) {
        assert(*p < 32 && !(seen >> *p & 1));
        seen |= 1ull << *p;
    }
    for (const u8 *p = g->hot_fp; *p; p++)
        assert(*p >= 32 && *p < 64);
    for (const struct guest_reg *p = g->regs; p->name; p++)
        assert(p->off + p->bits / 8u <= g->cpu_size);
}
