/* test/fuzz/fuzz.h - what a fuzz target is: one function, called with one hostile input. */
#ifndef TEST_FUZZ_FUZZ_H
#define TEST_FUZZ_FUZZ_H
#include "base/base.h"

/* Must return 0, free all it took, and give the same answer to the same bytes. The name is libFuzzer's. */
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
#endif
