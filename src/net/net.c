/* net/net.c - opens network back ends; carries the guest's frames to the loop. */
#include <errno.h>
#include "base/thread.h"
#include "net/frames.h"
#include "net/net.h"

enum { LINE_MAX_BYTES = 4 << 20 }; /* of frames not yet sent; more are dropped, as a wire would */

struct net_line {
    struct mutex lock;
    struct frames in;        /* under the lock */
    struct frames out;       /* the loop's: what it is sending */
    struct loop_timer timer; /* set when `in` is no longer empty */
};

static void send_all(void *arg)
{
    struct net *n = arg;
    struct net_line *l = n->line;
    mutex_lock(&l->lock);
    struct frames empty = l->out;
    l->out = l->in;
    l->in = empty;
    mutex_unlock(&l->lock);
    u32 len;
    for (const u8 *frame; (frame = frames_first(&l->out, &len)); frames_pop(&l->out))
        n->kind->send(n, frame, len);
}

void net_send(struct net *n, const u8 *frame, u32 len)
{
    struct net_line *l = n->line;
    mutex_lock(&l->lock);
    bool first = frames_empty(&l->in);
    bool added = len <= NET_FRAME_MAX && frames_add(&l->in, frame, len, LINE_MAX_BYTES);
    mutex_unlock(&l->lock);
    if (first && added)
        loop_timer_set(n->loop, &l->timer, 0);
}

static const struct net_kind *find_kind(const char *name, struct error *err)
{
    const char *names[32];
    size_t count = 0;
    EACH(net_kind, k) {
        if (!strcmp((*k)->name, name))
            return *k;
        if (count < ARRAY_LEN(names))
            names[count++] = (*k)->name;
    }
    error_unknown(err, "network back end", name, names, count);
    return NULL;
}

static bool set_option(void *arg, const char *key, const char *value, struct error *err)
{
    struct net *n = arg;
    const struct prop *props = n->kind->props;
    if (!key) /* a flag at the front */
        return props_set(props, n, value, "on", err);
    if (!strcmp(key, "id")) {
        free(n->id);
        n->id = xstrdup(value);
        return true;
    }
    char *old = n->kind->list && !strcmp(key, n->kind->list) ? props_get(props, n, key) : NULL;
    char *joined = old ? xprintf("%s,%s", old, value) : NULL;
    bool ok = props_set(props, n, key, joined ? joined : value, err);
    free(joined);
    free(old);
    return ok;
}

static struct net *make(const struct net_kind *kind, struct loop *loop)
{
    struct net *n = xalloc(kind->size);
    n->kind = kind;
    n->loop = loop;
    n->line = new(struct net_line);
    n->line->timer = (struct loop_timer){.fire = send_all, .arg = n};
    mutex_init(&n->line->lock, RANK_BACKEND, "net");
    props_defaults(kind->props, n);
    return n;
}

static void destroy(struct net *n)
{
    loop_timer_stop(n->loop, &n->line->timer);
    mutex_fini(&n->line->lock);
    free(n->line->in.buf);
    free(n->line->out.buf);
    free(n->line);
    props_free(n->kind->props, n);
    free(n->id);
    free(n);
}

struct net *net_open(const char *text, const char *dflt_id, struct loop *loop, struct error *err)
{
    const char *rest = text + strcspn(text, ",");
    char *name = xprintf("%.*s", (int)(rest - text), text);
    const struct net_kind *kind = find_kind(name, err);
    free(name);
    if (!kind)
        return NULL;
    struct net *n = make(kind, loop);
    bool ok = opts_parse(rest + (*rest == ','), set_option, n, err);
    if (ok && !n->id && dflt_id)
        n->id = xstrdup(dflt_id);
    if (ok && !n->id)
        ok = error_set(err, EINVAL, "no id given");
    if (ok && kind->open(n, err))
        return n;
    error_prefix(err, "network '%s': ", n->id ? n->id : kind->name);
    destroy(n);
    return NULL;
}

void net_close(struct net *n)
{
    if (!n)
        return;
    n->kind->close(n);
    destroy(n);
}
