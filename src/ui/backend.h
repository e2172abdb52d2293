/* ui/backend.h - inside ui/: a character back end, and what a kind of back end provides. */
#ifndef UI_BACKEND_H
#define UI_BACKEND_H
#include "base/thread.h"
#include "ui/ui.h"

enum { CHR_INPUT = 4096, CHR_OUTPUT = 1 << 20 };

struct chr {
    const struct chr_kind *kind;
    struct loop *loop;
    char *name;    /* as the user wrote it, for messages */
    bool opened;   /* kind->open succeeded */
    bool keys;     /* Ctrl-A is a command */
    bool terminal; /* the end of input ends the program */

    /* Input: on the loop's thread. */
    struct loop_fd in; /* fd -1: nothing to read from */
    bool in_plain;     /* a plain file: always ready, epoll refuses it */
    bool escaped;      /* the last byte was Ctrl-A */
    u8 input[CHR_INPUT];
    size_t n_input;
    size_t (*can)(void *);
    void (*got)(void *, const u8 *, size_t);
    void (*broke)(void *);
    void *dev;

    /* Output: from any thread, under the lock. */
    struct mutex lock;
    struct loop_fd out; /* fd -1: bytes are dropped; never the same number as `in` */
    u8 *output;         /* waiting: [start, end) of CHR_OUTPUT bytes */
    size_t start, end;
    bool lossy;     /* perhaps nobody listens: never wait for the reader */
    bool stalled;   /* the reader was given up; drop without waiting until it reads again */
    bool gathering; /* `later` is set */
    u64 flushed_ns; /* when the last write was tried */

    struct loop_timer soon, later; /* serve at the next turn; flush a line that does not end */
};

struct chr_kind {
    const char *name, *doc;
    const char *address; /* the property that "kind:ADDRESS" sets; NULL: there is none */
    const struct prop *props;
    u32 size;                                   /* of the object, which begins with struct chr */
    bool (*open)(struct chr *, struct error *); /* properties are set; calls chr_connect */
    void (*close)(struct chr *);                /* after an open that succeeded; may be NULL */
    void (*hangup)(struct chr *);               /* input ended, `in` is gone; may be NULL */
};
REGISTRY(chr_kind);
#define CHR_KIND(id, ...)                                   \
    static const struct chr_kind id##_kind = {__VA_ARGS__}; \
    REGISTER(chr_kind, id##_kind)

/* Takes over descriptors, which differ or are -1; on the loop's thread. */
void chr_connect(struct chr *, int in, int out);
void chr_disconnect(struct chr *); /* closes them; output that waits is dropped */
#endif
