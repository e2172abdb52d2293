/* board/board.h - machines: made from options, run until the guest or the user ends them. */
#ifndef BOARD_BOARD_H
#define BOARD_BOARD_H
#include "base/opts.h"
#include "engine/engine.h"

/* A back end or a device the user asked for. Back ends are opened before any device is made. */
enum part_kind { PART_CHARDEV, PART_DRIVE, PART_NETDEV, PART_DEVICE };
struct part {
    struct part *next;
    enum part_kind kind;
    char *id;
    char *text; /* as chr_open and net_open read it; blk_props; "DEVICE,property=value,..." */
};
struct machine_opts { /* rows of machine_props, and lists that are no rows */
    char *guest, *machine, *cpu, *kernel, *initrd, *append, *bios, *dtb, *dumpdtb;
    char *serial; /* id of the chardev behind the first serial port; NULL: nothing */
    u64 cpus, memory;
    bool huge_pages, no_reboot;
    struct engine_opts engine;
    struct part *parts; /* in the order they were added */
};
extern const struct prop machine_props[];
void machine_opts_init(struct machine_opts *);
void machine_opts_fini(struct machine_opts *);
/* id NULL: one is made up. Returns the id, which the part owns. */
const char *machine_opts_add(struct machine_opts *, enum part_kind, const char *id,
                             const char *text);

struct machine;
struct board { /* a kind of machine */
    const char *name, *guest, *doc;
    const char *cpu_models;       /* as --cpu takes them, separated by spaces */
    const struct prop *cpu_props; /* what can follow the model: "rv64,sv57=off" */
    u32 size;                     /* of the board's struct, which begins with struct machine */
    u64 max_cpus, min_memory, max_memory;
    u64 rom_size; /* of what the board keeps behind the guest's memory in the same object */
    /* Devices, wires and address map; CPUs are there, back ends are open. */
    bool (*build)(struct machine *, struct error *);
    /* Loads the guest, sets every CPU to its first instruction: at the start, after each reset. */
    bool (*boot)(struct machine *, struct error *);
    const void *(*tree)(struct machine *, size_t *len); /* the device tree of the last boot */
    void (*fini)(struct machine *);                     /* also after a failed build */
};
REGISTRY(board);
#define BOARD(id, ...)                                    \
    static const struct board id##_board = {__VA_ARGS__}; \
    REGISTER(board, id##_board)

/* Everything but the first instruction: opens files and back ends, makes devices, loads the guest.
 * `opts` is borrowed until machine_free. NULL: the error says why. */
struct machine *machine_new(const struct machine_opts *, struct error *);
/* Runs on this thread until the guest powers off, fails, or machine_quit: the exit status. */
int machine_run(struct machine *);
void machine_quit(struct machine *); /* any thread, also from a signal handler */
/* Writes the device tree. */
bool machine_dump_tree(struct machine *, const char *path, struct error *);
void machine_free(struct machine *); /* stops, flushes and closes everything */
#endif
