/* mem/space.h - the guest's physical address map: RAM, and windows that a callback answers. */
#ifndef MEM_SPACE_H
#define MEM_SPACE_H
#include "mem/ram.h"

struct space;
struct space_io { /* an object behind a window; size is 1, 2, 4 or 8; off is inside the window */
    u64 (*read)(void *obj, u64 off, unsigned size);
    void (*write)(void *obj, u64 off, u64 val, unsigned size);
};
struct space_range { /* a copy of one entry of the map */
    gpa base;
    u64 size;
    struct ram *ram; /* NULL: io */
    u64 ram_off;     /* of the first byte in ram */
    bool readonly;   /* writes are dropped */
    const struct space_io *io;
    void *obj;
};
struct space *space_new(void);
void space_free(struct space *);
/* False when the range is empty, wraps, or overlaps one that is there (named in the error). */
bool space_add_ram(struct space *, gpa base, struct ram *, u64 off, u64 size, bool readonly,
                   struct error *);
bool space_add_io(struct space *, gpa base, u64 size, const struct space_io *, void *obj,
                  struct error *);
/* Windows may come and go while the machine runs (PCI BARs); RAM only before it starts. */
void space_remove(struct space *, gpa base);

/* Lock-free, any thread: what is at `addr`? False: nothing. */
bool space_find(const struct space *, gpa addr, struct space_range *out);
/* Host address of `len` contiguous bytes of RAM, or NULL. Writes are reported by ram_written(). */
void *space_ram(const struct space *, gpa addr, u64 len, struct ram **ram, u64 *off);

/* One access of 1, 2, 4 or 8 bytes by a CPU, RAM or device. False: nothing answers (bus error). */
bool space_read(const struct space *, gpa addr, unsigned size, u64 *val);
bool space_write(const struct space *, gpa addr, unsigned size, u64 val);

/* For devices: reach RAM only, any length, any alignment; false: not (wholly) RAM, nothing was
 * moved beyond the first gap. dma_map gives a pointer to at most *len contiguous bytes (shortened),
 * valid until the machine ends; after writing through it call dma_written. */
bool dma_read(const struct space *, gpa addr, void *buf, u64 len);
bool dma_write(const struct space *, gpa addr, const void *buf, u64 len);
void *dma_map(const struct space *, gpa addr, u64 *len, bool write);
void dma_written(const struct space *, gpa addr, u64 len);
#endif
