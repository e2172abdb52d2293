/* board/machine.h - a machine's insides, for the boards. */
#ifndef BOARD_MACHINE_H
#define BOARD_MACHINE_H
#include "board/board.h"
#include "hw/device.h"

struct machine { /* the board's own struct begins with it */
    const struct board *board;
    const struct machine_opts *opts;
    struct loop *loop;
    struct space *space;
    struct ram *ram; /* opts->memory bytes, then the board's rom_size */
    struct hw hw;
    struct engine *engine;
    struct backend *backends;
    u32 request; /* atomic: REQUEST() of what the guest asked for, 0: nothing */
    int status;
};

/* device_new and properties "a=b,c=d" (NULL: none); not started. */
struct device *machine_device(struct machine *, const char *class_name, const char *id,
                              const char *props, struct error *);
#endif
