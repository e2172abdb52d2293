/* board/machine.h - what the boards share: a machine's insides, and what a board has to tell. */
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

struct board {
    const char *name, *guest, *doc;
    u32 size;          /* of the board's struct */
    u64 max_cpus;
    u64 min_memory, max_memory, rom_size;
    /* Devices, wires and address map; back ends are open, CPUs are there. */
    bool (*build)(struct machine *, struct error *);
    /* A device of the user's: makes, sets, places and starts it. */
    bool (*plug)(struct machine *, const char *class_name, const char *id, const char *props, struct error *);
    /* The device tree as the guest will find it, for dumpdtb; owned by the machine. */
    const void *(*tree)(struct machine *, size_t *len);
    /* Loads the guest and sets every CPU to its first instruction: at the start and after each reset. */
    bool (*boot)(struct machine *, struct error *);
    void (*fini)(struct machine *); /* after a failed build too */
};
#define BOARD(id, ...)                                      \
    static const struct board id##_board = {__VA_ARGS__}; \
    REGISTER(board, id##_board)

/* device_new and properties "a=b,c=d" (NULL: none); not started. */
struct device *machine_device(struct machine *, const char *class_name, const char *id, const char *props,
                              struct error *);
#endif
