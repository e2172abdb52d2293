/* engine/engine.c - the engine of one machine: its vCPUs, from making to freeing. */
#include <errno.h>
#include "base/log.h"
#include "engine/priv.h"

enum { DEFAULT_CACHE = 128 << 20, MIN_CACHE = 1 << 20, MAX_CACHE = 1 << 30 };

static void kick(struct cpu *c) { vcpu_kick(c->vcpu); }

static bool make_jit(struct engine *e, struct error *err)
{
    u64 size = e->opts.cache_size ? e->opts.cache_size : DEFAULT_CACHE;
    if (size < MIN_CACHE || size > MAX_CACHE)
        return error_set(err, EINVAL, "code memory of %llu bytes is not between %d and %d",
                         (unsigned long long)size, MIN_CACHE, MAX_CACHE);
    struct jit_config cfg = {.slots = e->guest->slots,
                             .n_slots = e->guest->n_slots,
                             .hot = e->guest->hot,
                             .hot_fp = e->guest->hot_fp,
                             .cache_size = size,
                             .perf_map = e->opts.perf_map};
    e->jit = jit_new(&cfg, err);
    return e->jit;
}

struct engine *engine_new(const struct guest *g, struct space *space, struct ram *ram,
                          const struct engine_opts *opts, struct error *err)
{
    struct engine *e = new(struct engine);
    e->guest = g;
    e->space = space;
    e->ram = ram;
    e->opts = *opts;
    mutex_init(&e->lock, RANK_ENGINE, "engine");
    cpu_kick = kick;
    cpu_sync_code = unit_sync_code;
    if (!units_init(e, err) || (opts->mode == ENGINE_JIT && !make_jit(e, err))) {
        engine_free(e);
        return NULL;
    }
    return e;
}

static void free_vcpu(struct vcpu *v)
{
    if (v->cpu->guest->fini)
        v->cpu->guest->fini(v->cpu);
    cpu_fini_tlb(v->cpu);
    mutex_fini(&v->lock);
    cond_fini(&v->wake);
    free(v->cpu);
    free(v->ir);
    free(v);
}

static void report(const struct engine *e)
{
    struct engine_stats s;
    engine_stats(e, &s);
    log_info(
        "%llu units of %llu instructions in %llu bytes of code, %llu flushes, %llu slow accesses",
        (unsigned long long)s.units, (unsigned long long)s.guest_insns,
        (unsigned long long)s.code_bytes, (unsigned long long)s.flushes,
        (unsigned long long)s.slow_mem);
}

void engine_free(struct engine *e)
{
    if (!e)
        return;
    engine_stop(e);
    report(e);
    for (unsigned i = 0; i < e->n_vcpus; i++)
        free_vcpu(e->vcpu[i]);
    units_fini(e);
    jit_free(e->jit);
    mutex_fini(&e->lock);
    free(e);
}

struct cpu *engine_add_cpu(struct engine *e, const char *model, struct error *err)
{
    if (e->n_vcpus == ARRAY_LEN(e->vcpu)) {
        error_set(err, EINVAL, "more than %zu CPUs", ARRAY_LEN(e->vcpu));
        return NULL;
    }
    struct vcpu *v = new(struct vcpu);
    struct cpu *c = xalloc(e->guest->cpu_size);
    v->engine = e;
    v->cpu = c;
    v->last = &v->requests;
    mutex_init(&v->lock, RANK_VCPU, "vcpu");
    cond_init(&v->wake);
    c->vcpu = v;
    c->guest = e->guest;
    c->walk = e->guest->walk;
    c->access_fault = e->guest->access_fault;
    c->space = e->space;
    c->ram = e->ram;
    c->index = (int)e->n_vcpus;
    c->res_addr = ~0ull;
    c->mxcsr = c->host_mxcsr = 0x1f80;
    jit_init_cpu(c);
    if (!e->guest->init(c, model, err)) {
        free_vcpu(v);
        return NULL;
    }
    e->guest->reset(c);
    e->vcpu[e->n_vcpus++] = v;
    return c;
}

unsigned engine_cpus(const struct engine *e) { return e->n_vcpus; }
struct cpu *engine_cpu(struct engine *e, unsigned i) { return e->vcpu[i]->cpu; }

void engine_trap_hook(struct engine *e, bool (*hook)(void *, struct cpu *), void *arg)
{
    e->trap_hook = hook;
    e->trap_arg = arg;
}

void engine_start(struct engine *e)
{
    char name[16];
    __atomic_store_n(&e->quit, false, __ATOMIC_SEQ_CST);
    e->started = true;
    e->running = e->n_vcpus;
    for (unsigned i = 0; i < e->n_vcpus; i++) {
        struct vcpu *v = e->vcpu[i];
        v->paused = false;
        snprintf(name, sizeof name, "cpu%u", i);
        v->thread = thread_start(name, vcpu_main, v);
    }
}

void engine_stop(struct engine *e)
{
    if (!e->started)
        return;
    __atomic_store_n(&e->quit, true, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < e->n_vcpus; i++)
        vcpu_kick(e->vcpu[i]);
    for (unsigned i = 0; i < e->n_vcpus; i++)
        thread_join(e->vcpu[i]->thread);
    e->started = false;
}

void engine_stats(const struct engine *e, struct engine_stats *s)
{
    *s = e->stats;
    s->code_bytes = e->jit ? jit_used(e->jit) : 0;
    for (unsigned i = 0; i < e->n_vcpus; i++)
        s->slow_mem += e->vcpu[i]->cpu->slow_accesses;
}
