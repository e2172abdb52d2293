/* board/sbi.h - the built-in supervisor firmware: SBI 2.0 for harts that start in S-mode.
 *
 * No machine-mode software runs: ecalls from S-mode are answered here, on the calling CPU's
 * thread, and every other trap is delegated to S-mode.
 */
#ifndef BOARD_SBI_H
#define BOARD_SBI_H
#include "engine/engine.h"
#include "hw/device.h"

struct sbi_host { /* the machine around it; called on CPU threads */
    void (*write)(void *arg, const u8 *buf, size_t len); /* console output */
    size_t (*read)(void *arg, u8 *buf,
                   size_t len); /* what was typed, without waiting; NULL: nothing */
    void (*request)(void *arg, enum hw_request, int value); /* as struct hw has it */
    void *arg;
};

struct sbi;
/* For all CPUs the engine has, each a struct rv_cpu. Takes over their traps (engine_trap_hook). */
struct sbi *sbi_new(struct engine *, const struct sbi_host *);
void sbi_free(struct sbi *); /* after the engine stopped */
/* CPU 0 will start at pc in S-mode with a0 = 0 and a1 = dtb; all others are parked until it
 * starts them. The engine is stopped. */
void sbi_boot(struct sbi *, u64 pc, u64 dtb);
#endif
