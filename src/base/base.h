/* base/base.h - integers, errors, allocation, registries: what every file may assume. */
#ifndef BASE_BASE_H
#define BASE_BASE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t i8;
typedef int16_t i16;
typedef int32_t i32;
typedef int64_t i64;
typedef unsigned __int128 u128;
typedef __int128 i128;
typedef u64 gpa; /* guest physical address */
typedef u64 gva; /* guest virtual address */

#define PRINTF(f, a) __attribute__((format(printf, f, a)))
#define COLD __attribute__((cold, noinline))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(p, T, m) ((T *)((char *)(p)-offsetof(T, m)))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* Sizes that come from guest, file or wire are added and multiplied only with these. */
#define add_ok(a, b, out) (!__builtin_add_overflow(a, b, out))
#define mul_ok(a, b, out) (!__builtin_mul_overflow(a, b, out))

/* Set-up and control failures: lives on the caller's stack, never NULL. Both calls are the value
 * false, and visibly so: the compiler knows that what a failed call did not set is not used. */
struct error {
    int code; /* an errno value */
    char msg[252];
};
void error_put(struct error *e, int code, const char *fmt, ...) PRINTF(3, 4);
void error_put_prefix(struct error *e, const char *fmt, ...) PRINTF(2, 3);
/* clang-format off */
#define error_set(e, ...) ({ error_put(e, __VA_ARGS__); false; })
#define error_prefix(e, ...) ({ error_put_prefix(e, __VA_ARGS__); false; })
/* clang-format on */

/* Zeroed memory that is never NULL: a small allocation that fails ends the process. */
void *xalloc(size_t n);
void *xalloc_array(size_t n, size_t size);
void *xresize(void *p, size_t n); /* what was added is not zeroed */
char *xstrdup(const char *s);
char *xprintf(const char *fmt, ...) PRINTF(1, 2);
#define new(T) ((T *)xalloc(sizeof(T)))
#define new_array(T, n) ((T *)xalloc_array((size_t)(n), sizeof(T)))

/* One line adds an object to a linker section; EACH() walks the section, in no order. */
#define REGISTER(kind, obj)                   \
    static const struct kind *const obj##_reg \
        __attribute__((used, retain, section("reg_" #kind))) = &obj
/* Weak: a program without an object of this kind links too, and its EACH() runs zero times. */
#define REGISTRY(kind)                                                          \
    extern const struct kind *const __start_reg_##kind[] __attribute__((weak)); \
    extern const struct kind *const __stop_reg_##kind[] __attribute__((weak))
#define EACH(kind, p) \
    for (const struct kind *const *p = __start_reg_##kind; p < __stop_reg_##kind; p++)

/* Unit tests register themselves: TEST(name) { assert(...); } in foo_test.c; run by build/check. */
struct test {
    const char *name, *file;
    void (*run)(void);
};
REGISTRY(test);
#define TEST(id)                                                     \
    static void test_##id(void);                                     \
    static const struct test id##_test = {#id, __FILE__, test_##id}; \
    REGISTER(test, id##_test);                                       \
    static void test_##id(void)
#endif
