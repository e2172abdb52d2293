/* blk/blk.h - disks: requests, images, completion. */
#ifndef BLK_BLK_H
#define BLK_BLK_H
#include <sys/uio.h>
#include "base/loop.h"
#include "base/opts.h"

enum blk_op { BLK_READ, BLK_WRITE, BLK_FLUSH, BLK_DISCARD, BLK_ZEROES };
struct blk_req { /* owned by the submitter until done(): called once, later, on the disk's loop */
    enum blk_op op;
    u64 off, len; /* bytes; for READ and WRITE len is the sum of iov */
    struct iovec *iov;
    int niov;
    void (*done)(struct blk_req *, int ret); /* 0 or -errno */
    /* private to blk/ */
    void *priv[8];
};
struct blk_opts { /* rows of blk_props; the same for -drive, -blockdev and `--disk` */
    char *file;   /* path */
    char *format; /* "raw" */
    bool readonly;
    bool unmap; /* discard reaches the file */
    int cache;  /* enum blk_cache */
};
enum blk_cache { CACHE_WRITEBACK, CACHE_NONE, CACHE_WRITETHROUGH, CACHE_UNSAFE, CACHE_DIRECTSYNC };
extern const struct prop blk_props[];

struct blk;
/* Opens and locks the image (OFD locks: two writers are refused); completions run on `loop`. */
struct blk *blk_open(const struct blk_opts *, struct loop *, struct error *);
void blk_close(struct blk *);     /* waits for requests, flushes */
u64 blk_size(const struct blk *); /* bytes */
bool blk_readonly(const struct blk *);
const char *blk_name(const struct blk *);
void blk_submit(struct blk *, struct blk_req *); /* cannot fail: see done(); any thread */
void blk_drain(struct blk *); /* returns when nothing is under way; not on the loop's thread */
/* The same on the loop's thread, or when no loop runs any more: completions run inside. */
void blk_finish(struct blk *);
#endif
