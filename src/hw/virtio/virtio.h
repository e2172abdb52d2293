/* hw/virtio/virtio.h - what a virtio device sees: requests, features, configuration; never rings.
 * Virtual I/O Device Version 1.2. */
#ifndef HW_VIRTIO_VIRTIO_H
#define HW_VIRTIO_VIRTIO_H
#include <sys/uio.h>
#include "hw/pci/pci.h"

enum { VIRTQ_MAX = 64, VIRTQ_SIZE_MAX = 1024, VIRTIO_CONFIG = 0x100 };
/* Device status, 2.1. */
enum {
    STATUS_ACKNOWLEDGE = 1,
    STATUS_DRIVER = 2,
    STATUS_DRIVER_OK = 4,
    STATUS_FEATURES_OK = 8,
    STATUS_NEEDS_RESET = 64,
    STATUS_FAILED = 128,
};
enum { ISR_QUEUE = 1, ISR_CONFIG = 2 };
#define FEATURE(bit) (1ull << (bit))
enum { F_INDIRECT = 28, F_EVENT_IDX, F_VERSION_1 = 32, F_ACCESS_PLATFORM, F_PACKED };

/* ---- requests ------------------------------------------------------------------------------- */
struct virtio;
/* Guest-visible, saved. Positions of a packed ring hold the wrap counter in bit 15. */
struct virtq_state {
    u64 desc, driver, device; /* addresses of the descriptors and of either side's area */
    u16 size, ready;
    u16 avail, used; /* where the next request is taken and returned */
};
struct virtq {
    struct virtio *v;
    unsigned index;
    u16 size_max;
    struct virtq_state *s;
    u8 *desc, *driver, *device; /* the three parts in host memory; NULL when not ready */
    bool quiet;                 /* the driver was told not to notify */
    unsigned inflight;          /* ring slots taken and not returned */
    u32 epoch;                  /* requests of an earlier one are stale */
};
/* A chain of buffers that the driver made available: first those to read, then those to write.
 * Every buffer is RAM, and was checked. A device that changes writable iov[] changes it back. */
struct virtq_elem {
    u16 id, slots, from;
    u32 epoch;
    u32 written; /* bytes, set by the device before virtq_push */
    int n_out, n_in, max;
    u64 out_len, in_len;
    struct iovec *iov; /* n_out + n_in of max */
    gpa *addr;         /* in the guest */
};
struct virtq_elem *virtq_elem_new(int max); /* room for `max` buffers; free() it */
/* Takes the next request; false: none, and the driver will notify of the next. The device's lock is
 * held for all virtq_ functions. A ring that breaks the rules stops the device: NEEDS_RESET. */
bool virtq_pop(struct virtq *, struct virtq_elem *);
/* Returns `n` requests, which the driver sees at once, and interrupts if it wants that. Stale ones
 * vanish. Every request that was taken is returned, also one that stopped the device. */
void virtq_push(struct virtq *, struct virtq_elem *const *, unsigned n);
/* Puts back the last `n` taken, oldest first, as if never taken. */
void virtq_unpop(struct virtq *, struct virtq_elem *const *, unsigned n);
/* The driver, the queue and the transport are ready for requests. */
bool virtq_live(const struct virtq *);
bool virtq_stale(const struct virtq *, const struct virtq_elem *);
/* Copies from the readable or to the writable buffers at `off`; returns how much fitted. */
u64 virtq_read(const struct virtq_elem *, u64 off, void *buf, u64 len);
u64 virtq_write(const struct virtq_elem *, u64 off, const void *buf, u64 len);

/* For virtio.c: the queue's addresses became valid (false: they are bad), or are no longer. */
bool virtq_map(struct virtq *);
void virtq_unmap(struct virtq *);

/* ---- devices -------------------------------------------------------------------------------- */
/* The .more of a device_class; all but init and fini run under the device's lock. */
struct virtio_class {
    u16 type; /* 5, "Device Types" */
    u32 pci_class;
    u32 config_size;
    bool (*init)(struct virtio *, struct error *); /* back ends; virtio_queue() and v->offered */
    void (*fini)(struct virtio *);                 /* also when init failed or never ran */
    void (*reset)(struct virtio *);                /* own state is zero, all requests are stale */
    /* Requests were made available. False: enough for one call, call again from the loop. */
    bool (*notify)(struct virtio *, struct virtq *);
    void (*config)(struct virtio *, u8 *buf); /* fills config_size bytes */
    void (*config_write)(struct virtio *, u32 off, u32 val, unsigned size); /* NULL: read-only */
};
/* Guest-visible, saved. */
struct virtio_state {
    u64 features; /* accepted by the driver */
    struct virtq_state queue[VIRTQ_MAX];
    u32 device_sel, driver_sel; /* which half of the features is seen */
    u32 generation;             /* of the configuration */
    u16 queue_sel;
    u8 status, isr;
};
struct virtio {
    struct device dev;
    const struct virtio_class *class;
    u64 offered; /* features */
    struct virtq queue[VIRTQ_MAX];
    unsigned n_queues;
    struct irq *irq;
    bool no_dma;      /* the transport does not let the device reach memory */
    bool draining;    /* a reset waits for requests under way */
    struct cond idle; /* a queue's inflight became 0 */
    u64 deferred;     /* queues to be looked at again on the loop */
    struct pci_func pci;
    /* Properties */
    char *slot;
    bool packed, event_idx, indirect_desc, iommu_platform, disable_modern;
    int disable_legacy;
    i64 bootindex;
    /* The saved state begins here; the device's own part follows the struct. */
    _Alignas(8) u8 pci_config[PCI_CONFIG]; /* no padding before `s` */
    struct virtio_state s;
};
static inline struct virtio *to_virtio(struct device *dev)
{
    return container_of(dev, struct virtio, dev);
}
static inline bool virtio_has(const struct virtio *v, int bit) { return v->s.features >> bit & 1; }

extern const char *const virtio_on_off_auto[];

/* For devices. */
void virtio_queue(struct virtio *, unsigned index, u64 size_max); /* in init */
void virtio_config_changed(struct virtio *);
/* The driver broke the protocol: the device stops until it is reset. */
void virtio_broken(struct virtio *, const char *fmt, ...) PRINTF(2, 3);

/* One row per device: its name with "-pci" and with "-device" (memory-mapped) are two classes that
 * differ in the transport. T holds the own state in a member `s` right behind its struct virtio. */
/* clang-format off */
#define VIRTIO_DEVICE(id, T, label, text, vclass, props, ...)                                      \
    _Static_assert(offsetof(T, s) == sizeof(struct virtio), "own state follows struct virtio");    \
    VIRTIO_FLAVOUR(id##_pci, T, label "-pci", text, "pci", virtio_pci, vclass,                     \
                   PROPS(VIRTIO_PCI_PROPS(T), VIRTIO_PROPS(T), props), ##__VA_ARGS__);             \
    VIRTIO_FLAVOUR(id##_mmio, T, label "-device", text, "virtio-mmio", virtio_mmio, vclass,        \
                   PROPS(VIRTIO_MMIO_PROPS(T), VIRTIO_PROPS(T), props), ##__VA_ARGS__)
#define VIRTIO_FLAVOUR(id, T, label, text, on, transport, vclass, proplist, ...)                   \
    DEVICE(id, .name = label, .doc = text, .size = sizeof(T), .bus = on, .more = &vclass,          \
           .state_off = offsetof(T, v.pci_config),                                                 \
           .state_size = (u32)(offsetof(T, s) - offsetof(T, v.pci_config) + sizeof((T *)0)->s),    \
           .fields = FIELDS(VIRTIO_FIELDS, ##__VA_ARGS__), .props = proplist,                      \
           .init = transport##_init, .reset = transport##_reset, .restored = transport##_restored, \
           .fini = virtio_fini)
#define VIRTIO_MMIO_PROPS(T)                                                                       \
    {"bus", NULL, "slot to plug into", offsetof(T, v.slot), PROP_T_STR, 0, 0, NULL}
#define VIRTIO_PCI_PROPS(T)                                                                        \
    PCI_PROPS(T, v.pci),                                                                           \
    {"disable_legacy", "auto", "accepted: there is no legacy interface",                           \
     offsetof(T, v.disable_legacy), PROP_T_ENUM, 0, 0, virtio_on_off_auto},                        \
    {"disable_modern", "off", "only off", offsetof(T, v.disable_modern), PROP_T_BOOL, 0, 0, NULL}
#define VIRTIO_PROPS(T)                                                                            \
    {"bootindex", "-1", "accepted: firmware finds its own order", offsetof(T, v.bootindex),        \
     PROP_T_I64, -1, INT32_MAX, NULL},                                                             \
    {"iommu_platform", "off", "the driver must use the platform's DMA addresses",                  \
     offsetof(T, v.iommu_platform), PROP_T_BOOL, 0, 0, NULL},                                      \
    {"packed", "off", "offer packed rings", offsetof(T, v.packed), PROP_T_BOOL, 0, 0, NULL},       \
    {"event_idx", "on", "offer event indices", offsetof(T, v.event_idx), PROP_T_BOOL, 0, 0, NULL}, \
    {"indirect_desc", "on", "offer indirect descriptors", offsetof(T, v.indirect_desc),            \
     PROP_T_BOOL, 0, 0, NULL}
#define VIRTIO_STATE_FIELD(m)                                                                      \
    {#m, offsetof(struct virtio, s.m) - offsetof(struct virtio, pci_config),                       \
     sizeof((struct virtio *)0)->s.m}
#define VIRTIO_FIELDS                                                                              \
    {"pci_config", 0, PCI_CONFIG}, VIRTIO_STATE_FIELD(features), VIRTIO_STATE_FIELD(queue),        \
    VIRTIO_STATE_FIELD(device_sel), VIRTIO_STATE_FIELD(driver_sel),                                \
    VIRTIO_STATE_FIELD(generation), VIRTIO_STATE_FIELD(queue_sel), VIRTIO_STATE_FIELD(status),     \
    VIRTIO_STATE_FIELD(isr)
/* A member of the own state. */
#define VIRTIO_FIELD(T, m) {#m, offsetof(T, s.m) - offsetof(T, v.pci_config), sizeof((T *)0)->s.m}
/* clang-format on */

/* ---- transports ----------------------------------------------------------------------------- */
bool virtio_init(struct virtio *, struct error *); /* common part of a transport's init */
void virtio_reset(struct virtio *);                /* ... reset: by the machine */
void virtio_restored(struct virtio *);
void virtio_fini(struct device *);
bool virtio_pci_init(struct device *, struct error *);
void virtio_pci_reset(struct device *);
void virtio_pci_restored(struct device *);
bool virtio_mmio_init(struct device *, struct error *);
void virtio_mmio_reset(struct device *);
void virtio_mmio_restored(struct device *);

/* What both transports show, at their own offsets. */
enum virtio_reg {
    REG_NONE,
    REG_DEVICE_SEL,
    REG_DEVICE_FEATURES,
    REG_DRIVER_SEL,
    REG_DRIVER_FEATURES,
    REG_STATUS,
    REG_GENERATION,
    REG_NUM_QUEUES,
    REG_QUEUE_SEL,
    REG_QUEUE_SIZE_MAX,
    REG_QUEUE_SIZE,
    REG_QUEUE_READY,
    REG_QUEUE_NOTIFY,
    REG_DESC_LO,
    REG_DESC_HI,
    REG_DRIVER_LO,
    REG_DRIVER_HI,
    REG_DEVICE_LO,
    REG_DEVICE_HI,
    REG_ISR,
    REG_ISR_ACK,
};
u32 virtio_reg_read(struct virtio *, enum virtio_reg);
void virtio_reg_write(struct virtio *, enum virtio_reg, u32 val);
u32 virtio_config_read(struct virtio *, u64 off, unsigned size);
void virtio_config_write(struct virtio *, u64 off, u32 val, unsigned size);
void virtio_kick(struct virtio *, u32 index); /* the driver's notification */
u8 virtio_isr_take(struct virtio *, u8 mask); /* clears these bits, returns which were set */
void virtio_dma(struct virtio *, bool on);    /* may the device reach memory? */
void virtio_interrupt(struct virtio *, u8 bits);
#endif
