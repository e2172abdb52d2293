/* hw/intc/plic_test.c - priorities, thresholds, claim and completion, and level gateways. */
#include "hw/rig.h"

enum { PENDING = 0x1000, ENABLE = 0x2000, THRESHOLD = 0x200000, CLAIM = 0x200004 };
enum { M0, S0, M1, S1 };
static struct rig r;

static u32 get(u64 off) { return (u32)device_read(r.d, 0, off, 4); }
static void set(u64 off, u64 val) { device_write(r.d, 0, off, val, 4); }
static u32 claim(int ctx) { return get(CLAIM + 0x1000 * (u64)ctx); }
static void complete(int ctx, u32 id) { set(CLAIM + 0x1000 * (u64)ctx, id); }
static void enable(int ctx, u32 bits) { set(ENABLE + 0x80 * (u64)ctx, bits); }
static void wire(int line, bool level)
{
    device_lock(r.d);
    r.d->class->irq_in(r.d, line, level);
    device_unlock(r.d);
}
static void begin(void)
{
    rig_init(&r);
    rig_start(&r, "riscv.plic", "harts", "2", NULL);
    for (u64 i = 1; i < 32; i++)
        set(4 * i, 1);
}

TEST(plic_claim_and_complete)
{
    begin();
    enable(S0, 1 << 10);
    wire(10, true);
    assert(r.lines == 1 << S0 && get(PENDING) == 1 << 10);
    assert(claim(M0) == 0 && claim(S0) == 10 && !r.lines && !get(PENDING) && claim(S0) == 0);
    wire(10, false);
    wire(10, true); /* in service: no second request yet */
    assert(!r.lines);
    complete(S0, 10);
    assert(r.lines == 1 << S0 && claim(S0) == 10); /* the wire is up still */
    wire(10, false);
    complete(S0, 10);
    assert(!r.lines && claim(S0) == 0);
    rig_fini(&r);
}

TEST(plic_request_outlives_its_wire)
{
    begin();
    enable(M1, 1 << 3);
    wire(3, true);
    wire(3, false);
    assert(r.lines == 1 << M1 && claim(M1) == 3);
    complete(M1, 3);
    assert(!r.lines);
    rig_fini(&r);
}

TEST(plic_completion_needs_the_enable_bit)
{
    begin();
    enable(S0, 1 << 5);
    wire(5, true);
    assert(claim(S0) == 5);
    enable(S0, 0);
    complete(S0, 5);
    complete(S0, 2000);
    enable(S0, 1 << 5);
    assert(!r.lines); /* still in service */
    complete(S0, 5);
    assert(r.lines == 1 << S0);
    rig_fini(&r);
}

TEST(plic_priorities_and_thresholds)
{
    begin();
    set(4 * 7, 5);
    set(4 * 9, 5);
    set(4 * 8, 3);
    set(4 * 6, 0); /* never interrupts */
    enable(S0, 0xffffffff);
    enable(S1, 1 << 8);
    assert(get(ENABLE + 0x80 * S0) == 0xfffffffe);
    for (int i = 6; i < 10; i++)
        wire(i, true);
    assert(r.lines == (1 << S0 | 1 << S1));
    set(THRESHOLD + 0x1000 * S1, 3);
    assert(r.lines == 1 << S0);
    set(THRESHOLD + 0x1000 * S0, 7);
    assert(!r.lines && claim(S0) == 7); /* claims ignore it */
    set(THRESHOLD + 0x1000 * S0, 4);
    assert(r.lines == 1 << S0 && claim(S0) == 9 && !r.lines && claim(S0) == 8 && claim(S0) == 0);
    set(4 * 8, 0xff);
    assert(get(4 * 8) == 7);
    rig_fini(&r);
}

TEST(plic_last_source_and_beyond)
{
    begin();
    set(4 * 96, 2);
    set(ENABLE + 12, ~0ull);
    assert(get(ENABLE + 12) == 1); /* 96 */
    wire(96, true);
    wire(97, true);
    wire(0, true);
    wire(-1, true);
    assert(r.lines == 1 << M0 && claim(M0) == 96);
    set(0, 5);
    assert(get(0) == 0 && !r.d->guest_errors);
    get(4 * 97);
    set(PENDING, 1);
    get(ENABLE + 0x80 * 4);
    get(THRESHOLD + 0x1000 * 4);
    get(THRESHOLD + 8);
    assert(r.d->guest_errors == 5);
    rig_fini(&r);
}

TEST(plic_wires_survive_reset_and_restore)
{
    struct error err;
    static u8 buf[32768];
    begin();
    enable(S0, 1 << 2 | 1 << 4);
    wire(2, true);
    wire(4, true);
    assert(claim(S0) == 2);
    size_t n = device_save(r.d, buf);
    assert(n <= sizeof buf);
    wire(4, false);
    device_reset(r.d);
    assert(!r.lines && get(PENDING) == 1 << 2);
    assert(device_restore(r.d, buf, n, &err) && r.lines == 1 << S0);
    assert(claim(S0) == 4 && claim(S0) == 0); /* 2 is in service */
    complete(S0, 2);
    assert(claim(S0) == 2);
    rig_fini(&r);
}

/* Two threads pull wires while this one serves: every pull is served, none is lost. */
enum { PULLS = 2000 };
static u32 served[3];
static void *pull(void *arg)
{
    int line = (int)(intptr_t)arg;
    for (u32 i = 0; i < PULLS; i++) {
        wire(line, true);
        while (__atomic_load_n(&served[line], __ATOMIC_ACQUIRE) == i)
            sched_yield();
    }
    return NULL;
}

TEST(plic_serves_threads)
{
    begin();
    memset(served, 0, sizeof served);
    enable(S0, 1 << 1 | 1 << 2);
    pthread_t a = thread_start("pull 1", pull, (void *)1);
    pthread_t b = thread_start("pull 2", pull, (void *)2);
    while (served[1] + served[2] < 2 * PULLS) {
        u32 id = claim(S0);
        if (!id)
            continue;
        wire((int)id, false);
        complete(S0, id);
        __atomic_store_n(&served[id], served[id] + 1, __ATOMIC_RELEASE);
    }
    thread_join(a);
    thread_join(b);
    assert(claim(S0) == 0 && !r.lines);
    rig_fini(&r);
}
