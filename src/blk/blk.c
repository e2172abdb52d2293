/* blk/blk.c - bounds, the format's map, a worker for each request, completion once on the loop. */
#include <errno.h>
#include "base/log.h"
#include "blk/driver.h"

/* A short read that the host has in its page cache costs less than handing it to a worker. */
enum { WORKERS = 4, CACHED_MAX = 128 << 10 };

static const char *const cache_names[] = {
    [CACHE_WRITEBACK] = "writeback",       [CACHE_NONE] = "none",
    [CACHE_WRITETHROUGH] = "writethrough", [CACHE_UNSAFE] = "unsafe",
    [CACHE_DIRECTSYNC] = "directsync",     NULL,
};
const struct prop blk_props[] = {
    PROP_STR(struct blk_opts, file, NULL, "path of the image or block device"),
    PROP_STR(struct blk_opts, format, "raw", "image format"),
    PROP_BOOL(struct blk_opts, readonly, "off", "the guest may only read"),
    PROP_BOOL(struct blk_opts, unmap, "on", "what the guest discards is freed in the file"),
    PROP_ENUM(struct blk_opts, cache, "writeback", cache_names,
              "host page cache and flushes: writeback, none, writethrough, unsafe, directsync"),
    {0},
};

/* What a request holds while it is ours; lives in blk_req.priv. */
struct job {
    struct work work;
    struct blk *blk;
    struct blk_req *next;
    i64 ret;
};
_Static_assert(sizeof(struct job) <= sizeof((struct blk_req *)0)->priv, "blk_req.priv too small");

static struct job *job(struct blk_req *r) { return (struct job *)r->priv; }

static int transfer(struct blk *b, struct blk_req *r)
{
    bool write = r->op == BLK_WRITE;
    struct span at = {r->iov, 0};
    for (u64 off = r->off, end = r->off + r->len; off < end;) {
        u64 len = end - off, host = 0;
        int ret = 0;
        if (b->driver->map(b, off, &len, &host, write) == WHERE_ZERO)
            span_zero(&at, len);
        else if (write)
            ret = hostfile_write(&b->file, host, len, &at);
        else
            ret = hostfile_read(&b->file, host, len, &at);
        if (ret)
            return ret;
        off += len;
    }
    return 0;
}

/* Discarding and zeroing a range, run by run. */
static int clear(struct blk *b, struct blk_req *r)
{
    for (u64 off = r->off, end = r->off + r->len; off < end;) {
        u64 len = end - off, host = 0;
        b->driver->map(b, off, &len, &host, true);
        int ret = r->op == BLK_DISCARD ? hostfile_discard(&b->file, host, len)
                                       : hostfile_zero(&b->file, host, len);
        if (ret)
            return ret;
        off += len;
    }
    return 0;
}

static int refuse(const struct blk *b, const struct blk_req *r)
{
    u64 end, sum = 0;
    if (r->op == BLK_FLUSH)
        return 0;
    if (r->op != BLK_READ && b->readonly)
        return -EROFS;
    if (!add_ok(r->off, r->len, &end) || end > b->size)
        return -EIO;
    if (r->op != BLK_READ && r->op != BLK_WRITE)
        return 0;
    for (int i = 0; i < r->niov; i++)
        if (!add_ok(sum, r->iov[i].iov_len, &sum))
            return -EINVAL;
    return sum == r->len ? 0 : -EINVAL;
}

static int perform(struct blk *b, struct blk_req *r)
{
    int ret = refuse(b, r);
    if (ret)
        return ret;
    switch (r->op) {
    case BLK_READ:
    case BLK_WRITE: return transfer(b, r);
    case BLK_FLUSH: return b->readonly ? 0 : hostfile_flush(&b->file);
    case BLK_DISCARD:
    case BLK_ZEROES: return clear(b, r);
    }
    return -ENOTSUP;
}

static void job_run(struct work *w)
{
    struct blk_req *r = container_of(w, struct blk_req, priv);
    job(r)->ret = perform(job(r)->blk, r);
}

/* On any thread: hands the request to the loop. The first one of a batch wakes it. */
static void job_done(struct work *w)
{
    struct blk_req *r = container_of(w, struct blk_req, priv);
    struct blk *b = job(r)->blk;
    job(r)->next = NULL;
    mutex_lock(&b->lock);
    bool first = !b->done;
    *b->done_tail = r;
    b->done_tail = &job(r)->next;
    cond_broadcast(&b->idle);
    mutex_unlock(&b->lock);
    if (first)
        loop_timer_set(b->loop, &b->complete, 0);
}

/* Calls done() of all finished requests; on the loop's thread, or with no loop running. */
static void complete(void *arg)
{
    struct blk *b = arg;
    mutex_lock(&b->lock);
    struct blk_req *r = b->done;
    b->done = NULL;
    b->done_tail = &b->done;
    mutex_unlock(&b->lock);
    unsigned n = 0;
    for (struct blk_req *next; r; r = next, n++) {
        next = job(r)->next;
        r->done(r, (int)job(r)->ret);
    }
    mutex_lock(&b->lock);
    b->pending -= n;
    cond_broadcast(&b->idle);
    mutex_unlock(&b->lock);
}

static bool read_cached(struct blk *b, struct blk_req *r)
{
    u64 len = r->len, host = 0;
    return r->op == BLK_READ && len && len <= CACHED_MAX && !refuse(b, r) &&
           b->driver->map(b, r->off, &len, &host, false) == WHERE_FILE && len == r->len &&
           hostfile_read_cached(&b->file, host, len, r->iov, r->niov);
}

void blk_submit(struct blk *b, struct blk_req *r)
{
    *job(r) = (struct job){.work = {job_run, job_done, NULL, NULL}, .blk = b};
    mutex_lock(&b->lock);
    b->pending++;
    mutex_unlock(&b->lock);
    if (read_cached(b, r))
        job_done(&job(r)->work);
    else
        pool_submit(b->pool, &job(r)->work);
}

void blk_drain(struct blk *b)
{
    mutex_lock(&b->lock);
    while (b->pending)
        cond_wait(&b->idle, &b->lock);
    mutex_unlock(&b->lock);
}

void blk_finish(struct blk *b)
{
    mutex_lock(&b->lock);
    while (b->pending) {
        while (!b->done)
            cond_wait(&b->idle, &b->lock);
        mutex_unlock(&b->lock);
        complete(b);
        mutex_lock(&b->lock);
    }
    mutex_unlock(&b->lock);
}

static const struct blk_driver *driver_find(const char *name)
{
    EACH(blk_driver, d)
        if (!strcmp((*d)->name, name))
            return *d;
    return NULL;
}

struct blk *blk_open(const struct blk_opts *o, struct loop *loop, struct error *err)
{
    struct blk *b = new(struct blk);
    b->file.fd = -1;
    mutex_init(&b->lock, RANK_BACKEND, "blk");
    cond_init(&b->idle);
    b->loop = loop;
    b->readonly = o->readonly;
    b->complete = (struct loop_timer){.fire = complete, .arg = b};
    b->done_tail = &b->done;
    if (!o->file || !*o->file) {
        error_set(err, EINVAL, "no file given");
        goto fail;
    }
    b->name = xstrdup(o->file);
    if (!(b->driver = driver_find(o->format ? o->format : "raw"))) {
        error_set(err, EINVAL, "no image format '%s'", o->format);
        goto fail;
    }
    if (!hostfile_open(&b->file, o, err) || !b->driver->open(b, err))
        goto fail;
    b->pool = pool_new(WORKERS);
    return b;
fail:
    if (b->name)
        error_prefix(err, "%s: ", b->name);
    blk_close(b);
    return NULL;
}

void blk_close(struct blk *b)
{
    if (!b)
        return;
    if (b->pool) {
        blk_finish(b);
        pool_free(b->pool);
        loop_timer_stop(b->loop, &b->complete);
        int ret = b->readonly ? 0 : hostfile_flush(&b->file);
        if (ret)
            log_error("%s: flush failed: %s", b->name, strerror(-ret));
    }
    hostfile_close(&b->file);
    cond_fini(&b->idle);
    mutex_fini(&b->lock);
    free(b->name);
    free(b);
}

u64 blk_size(const struct blk *b) { return b->size; }
bool blk_readonly(const struct blk *b) { return b->readonly; }
const char *blk_name(const struct blk *b) { return b->name; }
