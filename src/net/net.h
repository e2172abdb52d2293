/* net/net.h - network back ends: frames in, frames out. */
#ifndef NET_NET_H
#define NET_NET_H
#include "base/loop.h"
#include "base/opts.h"

enum { NET_FRAME_MAX = 65550 };
struct net; /* one back end with at most one card on it */

/* A back end kind: -netdev KIND,key=value... */
struct net_kind {
    const char *name, *doc;
    const struct prop *props;
    const char *list; /* the string that may be given again; joined by commas. NULL: none */
    u32 size;         /* of the object, which begins with struct net */
    bool (*open)(struct net *, struct error *);
    void (*close)(struct net *);
    void (*send)(struct net *, const u8 *frame, u32 len); /* guest to world; on the loop's thread */
    void (*poll)(struct net *); /* the card can take frames again; any thread */
};
REGISTRY(net_kind);
#define NET_KIND(id, ...)                                   \
    static const struct net_kind id##_kind = {__VA_ARGS__}; \
    REGISTER(net_kind, id##_kind)

struct net { /* what card and back end share; fields are set once before the machine runs */
    const struct net_kind *kind;
    char *id;
    struct loop *loop;
    /* The card's side: world to guest, on the loop's thread. False: no room, the back end keeps the
     * frame (or drops it) and waits for poll. */
    bool (*receive)(void *card, const u8 *frame, u32 len);
    void *card;
    struct net_line *line; /* private to net.c */
};
/* text: "user,id=n0,hostfwd=tcp::2222-:22"; the id is required unless dflt_id is given. */
struct net *net_open(const char *text, const char *dflt_id, struct loop *, struct error *);
/* On the loop's thread, or when it runs no more; drops what is queued. */
void net_close(struct net *);
/* Any thread: the frame is copied and posted to the loop. */
void net_send(struct net *, const u8 *frame, u32 len);
#endif
