/* net/frames.h - inside net/: frames waiting in line, in one growing buffer. */
#ifndef NET_FRAMES_H
#define NET_FRAMES_H
#include "base/base.h"

struct frames {
    u8 *buf;
    size_t at, end, cap; /* [at, end): u32 length, bytes, ... */
};

/* False: more than `max` bytes would wait. */
static inline bool frames_add(struct frames *f, const u8 *frame, u32 len, size_t max)
{
    size_t need = f->end + sizeof len + len;
    if (need > max)
        return false;
    if (need > f->cap) {
        f->cap = MAX(need, MIN(max, f->cap * 2));
        f->buf = xresize(f->buf, f->cap);
    }
    memcpy(f->buf + f->end, &len, sizeof len);
    memcpy(f->buf + f->end + sizeof len, frame, len);
    f->end = need;
    return true;
}

static inline bool frames_empty(const struct frames *f) { return f->at == f->end; }

/* The first frame; it stays until frames_pop. NULL: none. */
static inline const u8 *frames_first(const struct frames *f, u32 *len)
{
    if (frames_empty(f))
        return NULL;
    memcpy(len, f->buf + f->at, sizeof *len);
    return f->buf + f->at + sizeof *len;
}

static inline void frames_pop(struct frames *f)
{
    u32 len = 0;
    if (frames_first(f, &len))
        f->at += sizeof len + len;
    if (frames_empty(f))
        f->at = f->end = 0;
}
#endif
