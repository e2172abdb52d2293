/* board/fdt.h - the device tree a guest is given: written node by node, or read from a file. */
#ifndef BOARD_FDT_H
#define BOARD_FDT_H
#include "base/base.h"

struct boot_file;
struct dt;
struct dt *dt_new(void); /* the root node is open */
void dt_free(struct dt *);
/* A flattened tree from a file, checked as a whole. NULL: not one. */
struct dt *dt_read(const struct boot_file *, struct error *);

/* Nodes open and close like brackets; a node's properties come before its child nodes. */
void dt_begin(struct dt *, const char *fmt, ...) PRINTF(2, 3);
void dt_end(struct dt *);
void dt_flag(struct dt *, const char *name);
void dt_u32(struct dt *, const char *name, u32 v);
void dt_str(struct dt *, const char *name, const char *v);
void dt_words(struct dt *, const char *name, const char *words); /* a list of strings */
void dt_bytes(struct dt *, const char *name, const void *v, size_t len);
void dt_cells(struct dt *, const char *name, const u32 *cells, size_t n);
#define DT_CELLS(t, name, ...) \
    dt_cells(t, name, (const u32[]){__VA_ARGS__}, sizeof((const u32[]){__VA_ARGS__}) / sizeof(u32))
#define DT64(v) (u32)((u64)(v) >> 32), (u32)(v) /* an address or size of two cells */
void dt_finish(struct dt *);                    /* closes the root */

/* Sets a property of /chosen in a finished tree. */
bool dt_chosen(struct dt *, const char *name, const void *v, size_t len, struct error *);
/* The flattened tree, which must be finished; valid until it changes. */
const void *dt_data(const struct dt *, size_t *len);
#endif
