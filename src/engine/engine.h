/* engine/engine.h - virtual CPUs that run: one host thread each, found, translated, executed. */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H
#include "base/thread.h"
#include "guest/guest.h"

struct engine; /* all vCPUs of one machine, and their translations */
struct engine_opts {
    int mode;       /* ENGINE_JIT, ENGINE_INTERP (IR interpreter), ENGINE_CHECK (both, compared) */
    int level;      /* 0: one-instruction units; 1: simple; 2: all optimizations */
    u64 cache_size; /* bytes of code memory; 0: default */
    char *dump;     /* NULL, or what to print of each unit: "in,ir0,ir,out" */
    bool perf_map;  /* write /tmp/perf-PID.map */
};
enum { ENGINE_JIT, ENGINE_INTERP, ENGINE_CHECK };

struct engine *engine_new(const struct guest *, struct space *, struct ram *,
                          const struct engine_opts *, struct error *);
void engine_free(struct engine *); /* stops first */
/* A new CPU, not running; before engine_start. Owned by the engine. */
struct cpu *engine_add_cpu(struct engine *, const char *model, struct error *);
unsigned engine_cpus(const struct engine *);
struct cpu *engine_cpu(struct engine *, unsigned i);
void engine_start(struct engine *); /* starts all threads; CPUs with cpu_hold stay parked */
void engine_stop(struct engine *);  /* returns when no CPU executes; from any thread but a vCPU's */

/* Park a CPU (hart stopped) or release it at pc. Before start, or on the CPU's own thread, or via
 * cpu_call. */
void cpu_park(struct cpu *, bool parked);
/* Runs fn on the CPU's thread at a block boundary, soon; wait: until it ran. Any thread; waiting on
 * oneself runs it at once. */
void cpu_call(struct cpu *, void (*fn)(struct cpu *, void *arg), void *arg, bool wait);
/* Returns when translation has seen every store that came before. On the CPU's own thread, in a
 * trap hook. */
void cpu_fence_code(struct cpu *);
/* Stops all CPUs at a block boundary, runs fn, resumes. Not while holding a lock of rank RANK_VCPU
 * or higher. */
void engine_quiesce(struct engine *, void (*fn)(void *), void *arg);
/* Called on a vCPU's thread before a trap is delivered; true: handled (firmware call), go on at
 * cpu->pc. */
void engine_trap_hook(struct engine *, bool (*hook)(void *arg, struct cpu *), void *arg);

struct engine_stats {
    u64 units, guest_insns, code_bytes, flushes, slow_mem;
};
void engine_stats(const struct engine *, struct engine_stats *);
#endif
