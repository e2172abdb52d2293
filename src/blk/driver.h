/* blk/driver.h - inside blk/: the disk, its host file, and what an image format answers. */
#ifndef BLK_DRIVER_H
#define BLK_DRIVER_H
#include "base/pool.h"
#include "base/thread.h"
#include "blk/blk.h"

/* ---- the host file or block device below an image ---------------------------------------------
 * All calls block and may run on several workers at once; they return 0 or -errno. */
struct hostfile {
    int fd;
    u64 size;              /* bytes; grows when the partial last sector is written; atomic */
    u32 align;             /* of offset, length and memory (O_DIRECT); 1: none */
    bool unmap, flush;     /* discard reaches the file; a flush reaches the disk */
    pthread_rwlock_t edge; /* aligned writes share it, read-modify-write of a block excludes them */
};
/* A place in a request's memory, advanced by the calls that use it. */
struct span {
    const struct iovec *iov;
    size_t skip; /* bytes of *iov already used */
};
bool hostfile_open(struct hostfile *, const struct blk_opts *, struct error *);
void hostfile_close(struct hostfile *);
int hostfile_read(struct hostfile *, u64 off, u64 len, struct span *); /* file's end: -EIO */
/* Reads without waiting for the disk; false: not everything is in the host's page cache. */
bool hostfile_read_cached(struct hostfile *, u64 off, u64 len, const struct iovec *, int niov);
int hostfile_write(struct hostfile *, u64 off, u64 len, struct span *);
int hostfile_flush(struct hostfile *);
int hostfile_discard(struct hostfile *, u64 off, u64 len);
int hostfile_zero(struct hostfile *, u64 off, u64 len);
void span_zero(struct span *, u64 len);

/* ---- an image format ------------------------------------------------------------------------- */
enum blk_where { WHERE_FILE, WHERE_ZERO };
struct blk_driver {
    const char *name, *doc;
    bool (*open)(struct blk *, struct error *); /* sets size */
    /* Where do the bytes at `off` live? Cuts *len to what lives there; *host is the offset in the
     * file. Answers from memory, never blocks; a write is answered WHERE_FILE. */
    enum blk_where (*map)(struct blk *, u64 off, u64 *len, u64 *host, bool write);
};
REGISTRY(blk_driver);
#define BLK_DRIVER(id, ...)                                          \
    static const struct blk_driver id##_driver = {#id, __VA_ARGS__}; \
    REGISTER(blk_driver, id##_driver)

/* ---- the disk -------------------------------------------------------------------------------- */
struct blk {
    const struct blk_driver *driver;
    struct hostfile file;
    u64 size; /* what the guest sees: whole sectors */
    bool readonly;
    char *name;
    struct loop *loop;
    struct pool *pool;
    struct mutex lock; /* the rest */
    struct cond idle;
    unsigned pending;                  /* submitted and done() not yet returned */
    struct blk_req *done, **done_tail; /* finished, waiting for the loop */
    struct loop_timer complete;        /* runs their done() */
};
#endif
