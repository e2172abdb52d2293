/* board/sbi_hart.h - what the files of the built-in firmware share. */
#ifndef BOARD_SBI_HART_H
#define BOARD_SBI_HART_H
#include "board/sbi.h"
#include "guest/riscv/cpu.h"

/* Error codes (SBI 2.0, table 1) */
enum {
    SBI_SUCCESS = 0,
    SBI_FAILED = -1,
    SBI_NOT_SUPPORTED = -2,
    SBI_INVALID_PARAM = -3,
    SBI_DENIED = -4,
    SBI_INVALID_ADDRESS = -5,
    SBI_ALREADY_AVAILABLE = -6,
    SBI_ALREADY_STARTED = -7,
    SBI_ALREADY_STOPPED = -8,
};

/* Firmware events that happen here (SBI 2.0, table 23) */
enum {
    SBI_FW_SET_TIMER = 5,
    SBI_FW_IPI_SENT = 6,
    SBI_FW_IPI_RECEIVED = 7,
    SBI_FW_FENCE_I_SENT = 8,
    SBI_FW_FENCE_I_RECEIVED = 9,
    SBI_FW_SFENCE_SENT = 10,
    SBI_FW_SFENCE_RECEIVED = 11,
    SBI_FW_SFENCE_ASID_SENT = 12,
    SBI_FW_SFENCE_ASID_RECEIVED = 13,
    SBI_FW_EVENTS = 22,
};

/* Counters as the supervisor numbers them: the hardware's 0..31, then the firmware's. */
enum { SBI_FW_COUNTERS = 16, SBI_COUNTERS = RV_COUNTERS + SBI_FW_COUNTERS };
struct sbi_counter {
    u32 event; /* event_idx + 1; 0: free */
    bool running;
    u64 value; /* firmware counters: as struct rv_counter */
    u64 since;
};

struct sbi_fence {    /* what a hart asks of others: it asks one thing at a time */
    u64 start, pages; /* pages 0: all */
    u64 asid;
    bool one_asid;
};

struct sbi_hart {
    struct sbi *sbi;
    struct rv_cpu *cpu;
    u32 state; /* atomic: hart states of SBI 2.0 chapter 9 */
    u64 start_pc, start_arg;
    struct sbi_fence fence;
    u64 fw[SBI_FW_EVENTS]; /* atomic: how often each happened on this hart */
    struct sbi_counter counter[SBI_COUNTERS];
};
struct sbi {
    struct engine *engine;
    struct sbi_host host;
    unsigned harts;
    struct sbi_hart hart[];
};

struct sbi_ret {
    i64 error;
    u64 value;
};
/* One function of an extension; a: a0..a5. Runs on the hart's own thread. */
typedef struct sbi_ret sbi_fn(struct sbi_hart *, const u64 *a);

static inline struct sbi_ret sbi_ok(u64 value) { return (struct sbi_ret){SBI_SUCCESS, value}; }
static inline struct sbi_ret sbi_error(i64 error) { return (struct sbi_ret){error, 0}; }
static inline void sbi_count(struct sbi_hart *h, unsigned event)
{
    __atomic_fetch_add(&h->fw[event], 1, __ATOMIC_RELAXED);
}

/* sbi_pmu.c */
enum { SBI_PMU_FNS = 7 };
extern sbi_fn *const sbi_pmu[SBI_PMU_FNS];
#endif
