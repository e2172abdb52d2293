/* board/virt_riscv.h - the riscv64 `virt` machine: its address map, and what its files share. */
#ifndef BOARD_VIRT_RISCV_H
#define BOARD_VIRT_RISCV_H
#include "board/fdt.h"
#include "board/machine.h"
#include "board/sbi.h"

enum { VIRT_HARTS = 8, VIRT_SLOTS = 8, VIRT_SOURCES = 96, VIRT_TIMEBASE = 10000000 };
enum { IRQ_SLOT0 = 1, IRQ_UART = 10, IRQ_RTC = 11, IRQ_PCI0 = 32 };
#define ROM_BASE 0x1000ull
#define ROM_SIZE 0xf000ull
#define TEST_BASE 0x100000ull
#define RTC_BASE 0x101000ull
#define CLINT_BASE 0x2000000ull
#define PLIC_BASE 0xc000000ull
#define UART_BASE 0x10000000ull
#define SLOT_BASE 0x10001000ull
#define SLOT_STEP 0x1000ull
#define FW_CFG_BASE 0x10100000ull
#define FLASH_BASE 0x20000000ull
#define FLASH_SIZE 0x2000000ull /* each of two */
#define ECAM_BASE 0x30000000ull
#define ECAM_SIZE 0x10000000ull
#define PIO_BASE 0x3000000ull
#define PIO_SIZE 0x10000ull
#define MMIO_BASE 0x40000000ull
#define MMIO_SIZE 0x40000000ull
#define MMIO64_SIZE 0x400000000ull /* naturally aligned, behind the RAM */
#define RAM_BASE 0x80000000ull

struct virt {
    struct machine m;
    struct device *uart, *plic;
    struct sbi *sbi; /* the built-in firmware; NULL: the guest brings its own, or none */
    struct dt *tree;
    struct loop_timer timer[VIRT_HARTS]; /* stimecmp of each hart */
};
static inline struct virt *to_virt(struct machine *m) { return container_of(m, struct virt, m); }

gpa virt_mmio64_base(const struct virt *);
/* A new tree of the machine as it is; /chosen has what belongs to the machine only. */
struct dt *virt_tree(struct virt *);
bool virt_boot(struct machine *, struct error *);
#endif
