/* ir/fold.h - between the builder (build.c) and its rules (fold.c). */
#ifndef IR_FOLD_H
#define IR_FOLD_H
#include "ir/ir.h"

/* A value equal to the pure op `x`, or 0 when no rule knows better; x may become a simpler op. */
val fold_op(struct ir *, struct ir_ins *x);
/* Comparison x->aux of x->a and x->b, simplified in place. True: its outcome is in *out. */
bool fold_compare(struct ir *, struct ir_ins *x, bool *out);
/* addr + *disp as another base and displacement, where a constant was added to the address. */
val fold_address(const struct ir *, val addr, i32 *disp);
/* v without extensions that leave its low `bits` bits (8, 16 or 32) as they are. */
val fold_low(const struct ir *, val v, unsigned bits);
#endif
