/* test/fuzz/fuzz.h - what a fuzz target is: one function, called with one hostile input. */
#ifndef TEST_FUZZ_FUZZ_H
#define TEST_FUZZ_FUZZ_H
#include "base/base.h"

/* Returns 0, frees all it took, does the same for the same bytes. The name is libFuzzer's. */
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
#endif
