/* hw/virtio/ring_test.c - good and bad drivers against a device that returns what it reads. */
#include "base/thread.h"
#include "hw/virtio/driver.h"

/* ---- the device: copies the readable bytes to the writable ones, at once or when told to ---- */

enum { HELD = 64, ECHO_BUFFERS = 40 };
struct echo {
    struct virtio v;
    struct echo_state {
        u8 resets;
    } s;
    struct virtq_elem *held[HELD];
    int n_held;
    bool hold;
};

static struct echo *self(struct virtio *v) { return container_of(v, struct echo, v); }

static void answer(struct virtq *q, struct virtq_elem *e)
{
    u8 buf[4096];
    u64 n = virtq_read(e, 0, buf, sizeof buf);
    if (!virtq_stale(q, e))
        e->written = (u32)virtq_write(e, 0, buf, n);
    virtq_push(q, &e, 1);
    free(e);
}

static bool echo_notify(struct virtio *v, struct virtq *q)
{
    for (unsigned n = q->s->size; n; n--) {
        struct virtq_elem *e = virtq_elem_new(ECHO_BUFFERS);
        if (!virtq_pop(q, e)) {
            free(e);
            return true;
        }
        if (self(v)->hold)
            self(v)->held[self(v)->n_held++] = e;
        else
            answer(q, e);
    }
    return false;
}

static bool echo_init(struct virtio *v, struct error *err)
{
    (void)err;
    virtio_queue(v, 0, 64);
    virtio_queue(v, 1, 64);
    return true;
}

static void echo_fini(struct virtio *v)
{
    while (self(v)->n_held)
        free(self(v)->held[--self(v)->n_held]);
}

static const struct virtio_class echo = {
    .type = 63,
    .init = echo_init,
    .fini = echo_fini,
    .notify = echo_notify,
};
#define ECHO_PROPS PROP_BOOL(struct echo, hold, "off", "answer only when the test says so")
VIRTIO_DEVICE(echo, struct echo, "test-echo", "returns what it reads", echo, ECHO_PROPS,
              VIRTIO_FIELD(struct echo, resets));

static void release(struct drv *g, int i)
{
    struct echo *d = self(to_virtio(g->r.d));
    device_lock(g->r.d);
    answer(&d->v.queue[0], d->held[i]);
    d->held[i] = d->held[--d->n_held];
    device_unlock(g->r.d);
}

/* ---- the machine ---------------------------------------------------------------------------- */

#define ALL_FEATURES (FEATURE(F_INDIRECT) | FEATURE(F_EVENT_IDX) | FEATURE(F_PACKED))
static const u64 variants[] = {
    /* both layouts, with and without event indices and indirect tables */
    0,
    FEATURE(F_EVENT_IDX),
    FEATURE(F_INDIRECT),
    FEATURE(F_EVENT_IDX) | FEATURE(F_INDIRECT),
    FEATURE(F_PACKED),
    FEATURE(F_PACKED) | FEATURE(F_EVENT_IDX),
    FEATURE(F_PACKED) | FEATURE(F_INDIRECT),
    ALL_FEATURES,
};

static void open_hold(struct drv *g, u64 features, u16 size, const char *hold)
{
    drv_init(g);
    rig_start(&g->r, "test-echo-device", "packed", "on", "hold", hold, NULL);
    drv_start(g, features, 1, size);
}

static void open_echo(struct drv *g, u64 features, u16 size)
{
    open_hold(g, features, size, "off");
}

/* A request of two texts and two rooms; true: it came back right. */
static bool works(struct drv *g, bool indirect)
{
    u64 heap = g->heap;
    struct drv_buf b[4] = {drv_text(g, "hello, ", 7), drv_text(g, "world", 5), drv_room(g, 3),
                           drv_room(g, 20)};
    u16 want = indirect ? drv_add_indirect(g, 0, b, 4) : drv_add(g, 0, b, 4), id;
    u32 len;
    drv_kick(g, 0);
    bool ok = drv_used(g, 0, &id, &len) && id == want && len == 12 && !drv_used(g, 0, &id, &len) &&
              !memcmp(drv_at(g, b[2].addr), "hel", 3) &&
              !memcmp(drv_at(g, b[3].addr), "lo, world", 9);
    g->heap = heap;
    return ok;
}

TEST(virtq_carries_requests_through_many_wraps)
{
    for (size_t i = 0; i < ARRAY_LEN(variants); i++)
        for (u16 size = 4; size <= 64; size = (u16)(size * 4)) {
            struct drv g;
            open_echo(&g, variants[i], size);
            for (int n = 0; n < 200; n++) {
                assert(works(&g, false));
                if (variants[i] & FEATURE(F_INDIRECT))
                    assert(works(&g, true));
            }
            assert(!drv_broken(&g));
            drv_fini(&g);
        }
}

TEST(virtq_packed_size_need_not_be_a_power_of_two)
{
    struct drv g;
    open_echo(&g, FEATURE(F_PACKED), 7);
    for (int n = 0; n < 100; n++)
        assert(works(&g, false));
    drv_fini(&g);
}

TEST(virtq_split_counters_wrap_at_16_bits)
{
    struct drv g;
    open_echo(&g, FEATURE(F_EVENT_IDX), 4);
    for (int n = 0; n < 66000; n++)
        assert(works(&g, false));
    drv_fini(&g);
}

TEST(virtq_chain_may_end_in_an_indirect_table)
{
    struct drv g;
    open_echo(&g, FEATURE(F_INDIRECT), 8);
    struct drv_buf out = drv_text(&g, "abc", 3), in = drv_room(&g, 3);
    struct drv_buf table = {drv_alloc(&g, 16), 16, false};
    drv_desc(drv_at(&g, table.addr), 0, in, D_WRITE, 0);
    struct drv_buf chain[2] = {out, table};
    drv_add_split(&g, 0, chain, 2, 0);
    st_le16(drv_part(&g, 0, 0) + 16 + 12, D_INDIRECT);
    drv_kick(&g, 0);
    u16 id;
    u32 len;
    assert(drv_used(&g, 0, &id, &len) && len == 3 && !memcmp(drv_at(&g, in.addr), "abc", 3));
    drv_fini(&g);
}

TEST(virtq_returns_in_any_order)
{
    for (size_t v = 0; v < ARRAY_LEN(variants); v++) {
        struct drv g;
        open_hold(&g, variants[v], 16, "on");
        for (int round = 0; round < 20; round++) {
            u16 ids[4], id;
            u32 len;
            for (int i = 0; i < 4; i++) {
                struct drv_buf b[2] = {drv_text(&g, "x", 1), drv_room(&g, 1)};
                ids[i] = drv_add(&g, 0, b, 2);
            }
            drv_kick(&g, 0);
            release(&g, 2); /* the last one takes its place */
            assert(drv_used(&g, 0, &id, &len) && id == ids[2]);
            release(&g, 0);
            assert(drv_used(&g, 0, &id, &len) && id == ids[0]);
            release(&g, 0);
            release(&g, 0);
            assert(drv_used(&g, 0, &id, &len) && id == ids[1 + 2 * (id == ids[3])]);
            assert(drv_used(&g, 0, &id, &len) && !drv_used(&g, 0, &id, &len));
            g.heap = DRV_HEAP;
        }
        drv_fini(&g);
    }
}

/* ---- who tells whom ------------------------------------------------------------------------- */

static bool interrupted(struct drv *g)
{
    bool line = g->r.lines & 1;
    assert(line == !!drv_get(g, R_ISR));
    drv_set(g, R_ACK, 3);
    assert(!(g->r.lines & 1));
    return line;
}

TEST(virtq_interrupts_unless_told_not_to)
{
    struct drv g;
    open_echo(&g, 0, 8);
    assert(works(&g, false) && interrupted(&g));
    st_le16(drv_part(&g, 0, DRV_DRIVER_AREA), 1);
    assert(works(&g, false) && !interrupted(&g));
    drv_fini(&g);

    open_echo(&g, FEATURE(F_PACKED), 8);
    assert(works(&g, false) && interrupted(&g));
    st_le16(drv_part(&g, 0, DRV_DRIVER_AREA) + 2, 1);
    assert(works(&g, false) && !interrupted(&g));
    drv_fini(&g);
}

TEST(virtq_interrupts_at_the_event_index)
{
    struct drv g;
    open_echo(&g, FEATURE(F_EVENT_IDX), 8);
    st_le16(drv_part(&g, 0, DRV_DRIVER_AREA) + 4 + 2 * 8, 2); /* when the third is used */
    for (int i = 0; i < 6; i++)
        assert(works(&g, false) && interrupted(&g) == (i == 2));
    drv_fini(&g);

    open_echo(&g, FEATURE(F_PACKED) | FEATURE(F_EVENT_IDX), 16); /* four slots each */
    u8 *event = drv_part(&g, 0, DRV_DRIVER_AREA);
    st_le16(event + 2, 2);
    st_le16(event, 0x8000 | 9);
    for (int i = 0; i < 4; i++)
        assert(works(&g, false) && interrupted(&g) == (i == 2));
    st_le16(event, 5); /* in the second round, whose wrap counter is 0 */
    for (int i = 0; i < 4; i++)
        assert(works(&g, false) && interrupted(&g) == (i == 1));
    st_le16(event, 0x8000 | 14); /* the last of a round: what follows is in the next */
    for (int i = 0; i < 8; i++)
        assert(works(&g, false) && interrupted(&g) == (i == 3));
    drv_fini(&g);

    open_echo(&g, FEATURE(F_PACKED), 16); /* event indices that were not agreed on */
    st_le16(drv_part(&g, 0, DRV_DRIVER_AREA) + 2, 2);
    st_le16(drv_part(&g, 0, DRV_DRIVER_AREA), 0x8000 | 15);
    assert(works(&g, false) && interrupted(&g));
    drv_fini(&g);
}

TEST(virtq_asks_for_a_notification_when_empty)
{
    struct drv g;
    u8 *area;
    open_echo(&g, 0, 8);
    area = drv_part(&g, 0, DRV_DEVICE_AREA);
    assert(works(&g, false) && ld_le16(area) == 0);
    drv_fini(&g);

    open_echo(&g, FEATURE(F_EVENT_IDX), 8);
    area = drv_part(&g, 0, DRV_DEVICE_AREA);
    for (u16 i = 1; i < 20; i++)
        assert(works(&g, false) && ld_le16(area + 4 + 8 * 8) == i);
    drv_fini(&g);

    open_echo(&g, FEATURE(F_PACKED) | FEATURE(F_EVENT_IDX), 8);
    area = drv_part(&g, 0, DRV_DEVICE_AREA);
    assert(works(&g, false) && ld_le16(area + 2) == 2 && ld_le16(area) == (0x8000 | 4));
    assert(works(&g, false) && ld_le16(area) == 0);
    drv_fini(&g);
}

TEST(virtq_defers_what_is_too_much_for_one_notification)
{
    struct drv g;
    open_echo(&g, 0, 4);
    struct drv_buf b = drv_text(&g, "x", 1);
    for (int i = 0; i < 4; i++)
        drv_add(&g, 0, &b, 1);
    drv_kick(&g, 0); /* as many as the ring holds: the device does not know that this is all */
    assert(ld_le16(drv_part(&g, 0, DRV_DEVICE_AREA)) == 1); /* and asks for no notification */
    for (int i = 0; i < 4; i++) {
        u16 id;
        u32 len;
        assert(drv_used(&g, 0, &id, &len));
    }
    drv_add(&g, 0, &b, 1); /* without notification */
    loop_poll(g.r.hw.loop, 0);
    u16 id;
    u32 len;
    assert(drv_used(&g, 0, &id, &len) && !ld_le16(drv_part(&g, 0, DRV_DEVICE_AREA)));
    drv_fini(&g);
}

/* ---- drivers that break the rules ----------------------------------------------------------- */

/* A fresh device must have stopped, and must work again after a reset. */
static void expect_broken(struct drv *g, const char *what)
{
    drv_kick(g, 0);
    if (!drv_broken(g))
        fprintf(stderr, "not noticed: %s\n", what);
    assert(drv_broken(g));
    assert(drv_get(g, R_ISR) & ISR_CONFIG && g->r.lines);
    g->heap = DRV_HEAP;
    drv_start(g, g->features, 1, 8);
    assert(!g->r.lines && works(g, false));
    drv_fini(g);
}

/* One or two descriptors with this content in a ring of 8. */
static void expect_bad_chain(u64 features, struct drv_buf a, u16 flags_a, struct drv_buf b,
                             u16 flags_b, const char *what)
{
    struct drv g;
    open_echo(&g, features, 8);
    struct drv_buf chain[2] = {a, b};
    drv_add(&g, 0, chain, flags_a & D_NEXT ? 2 : 1);
    u64 at = drv_packed(&g) ? 14 : 12;
    u8 *desc = drv_part(&g, 0, 0);
    st_le16(desc + at, (u16)(flags_a | (drv_packed(&g) ? D_AVAIL : 0)));
    if (flags_a & D_NEXT)
        st_le16(desc + 16 + at, (u16)(flags_b | (drv_packed(&g) ? D_AVAIL : 0)));
    expect_broken(&g, what);
}

TEST(virtq_bad_buffers_stop_the_device)
{
    const struct drv_buf good = {DRV_BASE + DRV_HEAP, 16, false};
    static const struct {
        const char *what;
        struct drv_buf buf;
    } cases[] = {
        {"empty", {DRV_BASE + DRV_HEAP, 0, false}},
        {"below RAM", {0x1000, 16, false}},
        {"beyond RAM", {DRV_BASE + DRV_RAM, 1, false}},
        {"half in RAM", {DRV_BASE + DRV_RAM - 8, 16, false}},
        {"largest", {DRV_BASE + DRV_HEAP, 0xffffffff, true}},
        {"wrapping", {~0ull - 4, 16, true}},
    };
    for (u64 packed = 0; packed < 2; packed++) {
        u64 features = packed << F_PACKED | FEATURE(F_INDIRECT);
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            u16 flags = cases[i].buf.in ? D_WRITE : 0;
            expect_bad_chain(features, cases[i].buf, flags, good, 0, cases[i].what);
            expect_bad_chain(features, good, D_NEXT, cases[i].buf, flags, cases[i].what);
            struct drv g;
            open_echo(&g, features, 8);
            drv_add_indirect(&g, 0, &cases[i].buf, 1);
            expect_broken(&g, cases[i].what);
        }
        expect_bad_chain(features, good, D_WRITE | D_NEXT, good, 0, "readable after writable");
    }
}

TEST(virtq_bad_indirect_tables_stop_the_device)
{
    const struct drv_buf good = {DRV_BASE + DRV_HEAP + 0x1000, 16, false};
    static const struct {
        const char *what;
        struct drv_buf table;
    } cases[] = {
        {"empty table", {DRV_BASE + DRV_HEAP, 0, false}},
        {"half an entry", {DRV_BASE + DRV_HEAP, 24, false}},
        {"table beyond RAM", {DRV_BASE + DRV_RAM - 16, 32, false}},
        {"table nowhere", {16, 16, false}},
        {"table too long", {DRV_BASE + DRV_HEAP, 16 * (VIRTQ_SIZE_MAX + 1), false}},
        {"table of zeroes", {DRV_BASE + DRV_HEAP, 32, false}},
    };
    for (u64 packed = 0; packed < 2; packed++) {
        u64 features = packed << F_PACKED | FEATURE(F_INDIRECT);
        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
            expect_bad_chain(features, cases[i].table, D_INDIRECT, good, 0, cases[i].what);
        expect_bad_chain(features, good, D_INDIRECT | D_NEXT, good, 0, "indirect with next");
        expect_bad_chain(packed << F_PACKED, good, D_INDIRECT, good, 0,
                         "indirect without agreement");

        struct drv g;
        open_echo(&g, features, 8);
        drv_add_indirect(&g, 0, &good, 1); /* a good table, and its length is not */
        st_le32(drv_part(&g, 0, 0) + 8, 16 * (VIRTQ_SIZE_MAX + 1));
        expect_broken(&g, "table longer than any ring");

        open_echo(&g, features, 8); /* a table in a table */
        struct drv_buf inner = {good.addr, 16, false};
        drv_add_indirect(&g, 0, &inner, 1);
        st_le16(drv_at(&g, DRV_BASE + DRV_HEAP) + (packed ? 14 : 12), D_INDIRECT);
        expect_broken(&g, "nested tables");

        struct drv_buf many[ECHO_BUFFERS + 1]; /* more than the device takes */
        open_echo(&g, features, 8);
        for (size_t i = 0; i < ARRAY_LEN(many); i++)
            many[i] = drv_text(&g, "x", 1);
        drv_add_indirect(&g, 0, many, ARRAY_LEN(many));
        expect_broken(&g, "too many buffers");
    }
}

TEST(virtq_bad_links_stop_the_device)
{
    struct drv g;
    struct drv_buf b[2] = {{DRV_BASE + DRV_HEAP, 1, false}, {DRV_BASE + DRV_HEAP, 1, false}};
    for (u16 next = 0; next <= 8; next += 4) { /* itself, unused ones, beyond the table */
        open_echo(&g, 0, 8);
        drv_add(&g, 0, b, 2);
        st_le16(drv_part(&g, 0, 0) + 14, next);
        drv_desc(drv_part(&g, 0, 0), 8, b[0], 0, 0);
        expect_broken(&g, "next");
        open_echo(&g, FEATURE(F_INDIRECT), 8);
        drv_add_indirect(&g, 0, b, 2);
        u8 *table = drv_at(&g, DRV_BASE + DRV_HEAP);
        st_le16(table + 14, next);
        drv_desc(table, 4, b[0], 0, 0);
        drv_desc(table, 8, b[0], 0, 0);
        expect_broken(&g, "next in a table");
    }
    open_echo(&g, FEATURE(F_PACKED), 8); /* eight slots that all have a next one */
    struct drv_buf all[8];
    for (int i = 0; i < 8; i++)
        all[i] = b[0];
    drv_add(&g, 0, all, 8);
    st_le16(drv_part(&g, 0, 0) + 16 * 7 + 14, D_NEXT | D_AVAIL);
    expect_broken(&g, "a packed chain without end");
}

TEST(virtq_bad_indices_stop_the_device)
{
    struct drv g;
    struct drv_buf b = {DRV_BASE + DRV_HEAP, 1, false};
    open_echo(&g, 0, 8);
    for (int i = 0; i < 8; i++)
        drv_add(&g, 0, &b, 1);
    st_le16(drv_part(&g, 0, DRV_DRIVER_AREA) + 2, 9);
    expect_broken(&g, "nine requests in a ring of eight");
    open_echo(&g, 0, 8);
    drv_desc(drv_part(&g, 0, 0), 8, b, 0, 0);
    st_le16(drv_part(&g, 0, DRV_DRIVER_AREA) + 4, 8);
    st_le16(drv_part(&g, 0, DRV_DRIVER_AREA) + 2, 1);
    expect_broken(&g, "descriptor 8 of 8");
}

TEST(virtq_more_requests_than_the_ring_holds_stop_the_device)
{
    for (u64 packed = 0; packed < 2; packed++) {
        struct drv g;
        open_hold(&g, packed << F_PACKED, 4, "on");
        struct drv_buf b = drv_text(&g, "x", 1);
        for (int i = 0; i < 4; i++)
            drv_add(&g, 0, &b, 1);
        drv_kick(&g, 0);
        assert(!drv_broken(&g) && self(to_virtio(g.r.d))->n_held == 4);
        drv_add(&g, 0, &b, 1); /* before any was returned */
        drv_kick(&g, 0);
        assert(drv_broken(&g));
        release(&g, 0); /* goes nowhere, quietly */
        drv_fini(&g);
    }
}

/* ---- status, reset and restore -------------------------------------------------------------- */

TEST(virtio_takes_nothing_before_driver_ok)
{
    struct drv g;
    drv_init(&g);
    rig_start(&g.r, "test-echo-device", NULL);
    drv_negotiate(&g, FEATURE(F_VERSION_1));
    drv_queue(&g, 0, 8);
    assert(!works(&g, false));
    drv_go(&g); /* what was made available before is taken now */
    u16 id;
    u32 len;
    assert(drv_used(&g, 0, &id, &len) && len == 12);
    drv_fini(&g);
}

TEST(virtio_late_answers_after_a_reset_vanish)
{
    struct drv g;
    open_hold(&g, 0, 8, "on");
    struct drv_buf b[2] = {drv_text(&g, "x", 1), drv_room(&g, 1)};
    drv_add(&g, 0, b, 2);
    drv_kick(&g, 0);
    device_reset(g.r.d);
    drv_start(&g, 0, 1, 8);
    drv_add(&g, 0, b, 2);
    drv_kick(&g, 0);
    release(&g, 0); /* of the first life */
    u16 id;
    u32 len;
    assert(!drv_used(&g, 0, &id, &len) && !drv_broken(&g) && !g.r.lines);
    release(&g, 0);
    assert(drv_used(&g, 0, &id, &len));
    drv_fini(&g);
}

static void *reset_as_driver(void *arg)
{
    struct drv *g = arg;
    drv_set(g, R_STATUS, 0);
    assert(drv_get(g, R_STATUS) == 0);
    return NULL;
}

TEST(virtio_reset_by_the_driver_waits_for_requests_under_way)
{
    struct drv g;
    open_hold(&g, 0, 8, "on");
    struct drv_buf b[2] = {drv_text(&g, "x", 1), drv_room(&g, 1)};
    struct virtio *v = to_virtio(g.r.d);
    drv_add(&g, 0, b, 2);
    drv_kick(&g, 0);
    pthread_t t = thread_start("driver", reset_as_driver, &g);
    for (bool waits = false; !waits;) {
        device_lock(g.r.d);
        waits = v->draining;
        device_unlock(g.r.d);
    }
    drv_set(&g, R_STATUS, STATUS_ACKNOWLEDGE); /* of another CPU: ignored */
    release(&g, 0);
    thread_join(t);
    u16 id;
    u32 len;
    assert(!drv_used(&g, 0, &id, &len) && drv_get(&g, R_STATUS) == 0 && !v->queue[0].inflight);
    drv_start(&g, 0, 1, 8);
    drv_fini(&g);
}

TEST(virtio_goes_on_where_it_was_saved)
{
    for (size_t i = 0; i < ARRAY_LEN(variants); i++) {
        struct drv g;
        struct error err;
        open_echo(&g, variants[i], 16);
        for (int n = 0; n < 7; n++)
            works(&g, false);
        struct drv_buf b[2] = {drv_text(&g, "abc", 3), drv_room(&g, 3)};
        size_t n = device_save(g.r.d, NULL);
        u8 *state = xalloc(n);
        device_save(g.r.d, state);
        device_reset(g.r.d);
        drv_add(&g, 0, b, 2); /* found without notification */
        bool ok = device_restore(g.r.d, state, n, &err);
        free(state);
        assert(ok);
        loop_poll(g.r.hw.loop, 0);
        u16 id;
        u32 len;
        assert(drv_used(&g, 0, &id, &len) && len == 3 && works(&g, false));
        drv_fini(&g);
    }
}
