/* hw/pci/pci.h - PCI functions: configuration space, base addresses, INTx; and their bus. */
#ifndef HW_PCI_PCI_H
#define HW_PCI_PCI_H
#include "hw/device.h"

enum { PCI_CONFIG = 256, PCI_BARS = 6, PCI_DEVFNS = 256, PCI_LINES = 4 };
/* Registers of a type 0 header. */
enum {
    PCI_VENDOR = 0x00,
    PCI_DEVICE = 0x02,
    PCI_COMMAND = 0x04,
    PCI_STATUS = 0x06,
    PCI_REVISION = 0x08,
    PCI_CACHE_LINE = 0x0c,
    PCI_HEADER = 0x0e,
    PCI_BAR0 = 0x10,
    PCI_SUB_VENDOR = 0x2c,
    PCI_SUB_DEVICE = 0x2e,
    PCI_CAPS = 0x34,
    PCI_INT_LINE = 0x3c,
    PCI_INT_PIN = 0x3d,
    PCI_FIRST_CAP = 0x40,
};
enum { PCI_COMMAND_IO = 1, PCI_COMMAND_MEM = 2, PCI_COMMAND_MASTER = 4 };
enum { PCI_COMMAND_NO_INTX = 0x400 };
enum { PCI_STATUS_INTX = 8, PCI_STATUS_CAPS = 0x10 };
enum { BAR_IO = 1, BAR_64 = 4, BAR_PREFETCH = 8 }; /* the low bits of the register */

struct pci_id {
    u16 vendor, device, sub_vendor, sub_device;
    u32 class; /* base class, sub-class, programming interface */
    u8 revision;
};

/* A part of a device. Its registers are the device's saved state: `config` points there. */
struct pci_func {
    struct device *dev;
    struct pci_bus *bus; /* NULL: plugged into nothing */
    u8 devfn;            /* slot << 3 | function */
    bool intx;           /* what the bus was told last; under bus->lock */
    u8 *config;
    u8 init[PCI_CONFIG];     /* after reset */
    u8 writable[PCI_CONFIG]; /* bits that a guest may change */
    struct pci_bar {
        u64 size;   /* 0: none */
        int window; /* of dev */
        u8 flags;
    } bar[PCI_BARS];
    unsigned caps_end, last_cap; /* where the next capability goes; the pointer that will name it */
    /* Before a read and after a write of `size` bytes at `off`; may be NULL. */
    void (*touched)(struct device *, unsigned off, unsigned size, bool write);
    /* Properties */
    char *bus_name, *addr, *romfile;
    bool multifunction;
};
/* clang-format off */
#define PCI_PROPS(T, m)                                                                            \
    {"bus", NULL, "PCI bus to plug into", offsetof(T, m.bus_name), PROP_T_STR, 0, 0, NULL},        \
    {"addr", NULL, "slot[.function] in hexadecimal", offsetof(T, m.addr), PROP_T_STR, 0, 0, NULL}, \
    {"romfile", NULL, "accepted: no guest runs option ROMs", offsetof(T, m.romfile), PROP_T_STR,   \
     0, 0, NULL},                                                                                  \
    {"multifunction", "off", "other functions share this slot", offsetof(T, m.multifunction),      \
     PROP_T_BOOL, 0, 0, NULL}
/* clang-format on */

struct pci_range { /* what a bridge lets through: [pci, pci + size) appears at `cpu` */
    gpa cpu;
    u64 pci, size;
};
struct pci_bus {
    struct device *host;
    struct pci_func *func[PCI_DEVFNS];
    struct pci_range io, mem, mem64;
    struct mutex lock; /* of what follows, of func[]->intx, and of the host's outputs */
    unsigned asserted[PCI_LINES];
};

/* In the device's init, in this order: init, then BARs (windows exist already) and capabilities,
 * then plug. A machine without a PCI bus leaves the function unplugged; that is no error. */
void pci_func_init(struct pci_func *, struct device *, u8 *config, const struct pci_id *);
void pci_bar_add(struct pci_func *, int n, int window, unsigned flags);
u8 *pci_cap_add(struct pci_func *, u8 id, unsigned len); /* its bytes in init[], head filled in */
bool pci_plug(struct pci_func *, struct error *err);
/* In the device's reset and restored. */
void pci_func_reset(struct pci_func *);
void pci_func_restored(struct pci_func *);
/* One access of a CPU: 1, 2 or 4 aligned bytes. The device's lock is held. */
u32 pci_config_read(struct pci_func *, unsigned off, unsigned size);
void pci_config_write(struct pci_func *, unsigned off, u32 val, unsigned size);

/* The bus of the host bridge with this id, or of the first one when `name` is NULL; NULL: none. */
struct pci_bus *pci_bus_find(const struct hw *, const char *name);
/* The line that pin A of `devfn` is wired to. */
static inline int pci_line(u8 devfn) { return (devfn >> 3) % PCI_LINES; }
#endif
