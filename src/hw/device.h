/* hw/device.h - all that a device model may know of the machine around it. */
#ifndef HW_DEVICE_H
#define HW_DEVICE_H
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/opts.h"
#include "base/thread.h"
#include "mem/space.h"

struct device;

/* ---- class: one DEVICE(...) at the end of the device's file --------------------------------- */
/* One member of the guest-visible state, saved by name. */
struct field {
    const char *name;
    u32 off, size;
};
/* clang-format off */
#define FIELD(T, m) {#m, offsetof(T, m), sizeof((T *)0)->m}
#define FIELDS(...) (const struct field[]){__VA_ARGS__, {0}}
/* clang-format on */

struct device_class {
    const char *name, *doc;     /* name as users type it: "goldfish-rtc" */
    const char *compatible;     /* device tree: words, the most special first */
    u32 size;                   /* sizeof the object, which begins with struct device */
    u32 state_off, state_size;  /* the guest-visible part: plain data without padding */
    const struct field *fields; /* every byte of the state */
    const struct prop *props;   /* members outside the state */
    /* These run with the device's lock held, but for init and fini: nobody else sees it then.
     *   init      after properties; declares windows, lines and timers
     *   reset     the state is zero and timers are off; sets what is not so
     *   restored  the state holds any bytes at all; tames them, arms timers, drives lines
     *   fini      also when init failed or never ran
     *   irq_in    a line changed */
    bool (*init)(struct device *, struct error *);
    void (*reset)(struct device *);
    void (*restored)(struct device *);
    void (*fini)(struct device *);
    void (*irq_in)(struct device *, int line, bool level);
    u8 rank;          /* of its lock; 0: RANK_DEVICE. Interrupt controllers: RANK_INTC */
    const char *bus;  /* what it plugs into: NULL (board), "pci", "virtio" */
    const void *more; /* the bus's own class data (struct pci_class, struct virtio_class) */
};
#define DEVICE_STATE(T, m) \
    .size = sizeof(T), .state_off = offsetof(T, m), .state_size = sizeof((T *)0)->m
#define DEVICE(id, ...)                                          \
    static const struct device_class id##_class = {__VA_ARGS__}; \
    REGISTER(device_class, id##_class)
REGISTRY(device_class);

/* ---- registers ------------------------------------------------------------------------------ */
/* Called with the device's lock held, naturally aligned and of `min` to `max` bytes: the dispatcher
 * splits what is wider or misaligned, and widens what is narrower. */
struct mmio_ops {
    u64 (*read)(struct device *, u64 off, unsigned size);
    void (*write)(struct device *, u64 off, u64 val, unsigned size);
    u8 min, max;
};
struct mmio { /* a window; the board or bus maps it with device_map */
    struct device *dev;
    const struct mmio_ops *ops;
    u64 size;
    gpa base; /* where it is mapped; ~0: nowhere */
};

/* ---- interrupt lines ------------------------------------------------------------------------ */
struct irq { /* an output; set() hears of changes only, with the owner's lock held */
    void (*set)(void *to, int line, bool level);
    void *to;
    int line;
    bool level;
};
static inline void irq_set(struct irq *q, bool level) /* any thread, with the owner's lock held */
{
    if (q->level == level)
        return;
    q->level = level;
    if (q->set)
        q->set(q->to, q->line, level);
}

/* ---- timers --------------------------------------------------------------------------------- */
struct timer { /* on clock_now_ns(); fire() runs with the device's lock held */
    struct loop_timer t;
    struct device *dev;
    void (*fire)(struct device *);
    bool on;
    struct timer *next; /* of the same device */
};
void timer_init(struct timer *, struct device *, void (*fire)(struct device *));
void timer_at(struct timer *, u64 when_ns); /* in the past: at the loop's next turn */
void timer_stop(struct timer *);

/* ---- the device ----------------------------------------------------------------------------- */
enum { DEVICE_WINDOWS = 6 };
struct device {
    const struct device_class *class;
    char *id;
    struct hw *hw;
    struct mutex lock;
    struct mmio mmio[DEVICE_WINDOWS];
    struct irq *irq; /* outputs; irq_outputs() in init */
    int n_irq;
    struct timer *timers;
    bool started; /* init succeeded */
    void *bus;    /* the parent, as its kind (struct pci_bus *, struct virtio_transport *) */
    u64 guest_errors;
    struct device *next;
};

struct hw_backend { /* see hw_provide */
    const char *kind;
    char *id;
    void *ptr;
    bool taken;
    struct hw_backend *next;
};

struct blob { /* the "fw_cfg" kind: a file for firmware, named by its id */
    const void *data;
    u32 size;
};

enum hw_request { HW_POWEROFF, HW_RESET, HW_FAIL };
/* What all devices of one machine share. Embedded in the board's machine. */
struct hw {
    struct space *space;    /* RAM and windows */
    struct loop *loop;      /* timers and completions run here */
    struct device *devices; /* in the order they were made */
    struct mutex lock;
    struct hw_backend *backends;
    /* The guest asks for power-off or reset, or reports failure (value). Any thread. */
    void (*request)(void *arg, enum hw_request what, int value);
    void *request_arg;
};

void hw_init(struct hw *, struct space *, struct loop *);
void hw_fini(struct hw *); /* frees all devices, last made first */

/* Back ends by name: the board provides ("chardev", "serial0", a struct chr *), a device's init
 * takes it, once. NULL: none of that name, or it is taken. The board keeps ownership. */
void hw_provide(struct hw *, const char *kind, const char *id, void *backend);
void *hw_take(struct hw *, const char *kind, const char *id, struct error *);

/* ---- for device code ------------------------------------------------------------------------ */
void mmio_add(struct device *, int n, const struct mmio_ops *, u64 size);
void irq_outputs(struct device *, int n); /* in init: `n` unconnected outputs dev->irq[0..n-1] */
/* The guest did what the data sheet forbids: counted, traced, rate limited; stops nothing. */
void guest_error(struct device *, const char *fmt, ...) PRINTF(2, 3);
static inline void device_lock(struct device *d) { mutex_lock(&d->lock); }
static inline void device_unlock(struct device *d) { mutex_unlock(&d->lock); }

/* ---- for boards, buses and tests ------------------------------------------------------------ */
/* device_new gives it the defaults; then device_set; then device_start, which is init and reset.
 * Errors begin with "class 'id': ". hw_fini frees a device that failed like any other. */
const struct device_class *device_class_find(const char *name); /* NULL: unknown */
struct device *device_new(struct hw *, const struct device_class *, const char *id);
bool device_set(struct device *, const char *prop, const char *value, struct error *);
bool device_start(struct device *, struct error *);
struct device *device_find(const struct hw *, const char *id);
void device_reset(struct device *);
void hw_reset(struct hw *); /* all devices; vCPUs are stopped */
bool device_map(struct device *, int window, gpa base, struct error *);
void device_unmap(struct device *, int window);

/* Output `n` of `from` drives input `line` of `to` (its class's irq_in, under `to`'s lock). */
void irq_connect(struct device *from, int n, struct device *to, int line);
/* The same to anything else (a CPU's line): set(to, line, level) runs under `from`'s lock. */
void irq_connect_fn(struct device *from, int n, void (*set)(void *to, int line, bool level),
                    void *to, int line);

/* As a CPU would: through min/max splitting and the lock. Outside the window: 0, dropped. */
u64 device_read(struct device *, int window, u64 off, unsigned size);
void device_write(struct device *, int window, u64 off, u64 val, unsigned size);

/* Saved state: for each field (name length u8, name, size u32, bytes). Save returns the length; out
 * may be NULL. Restore resets first; unknown or cut fields are refused, and it stays reset. */
size_t device_save(struct device *, u8 *out);
bool device_restore(struct device *, const u8 *in, size_t len, struct error *);
#endif
