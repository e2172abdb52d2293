/* hw/virtio/virtio_test.c - features, queue registers and status, on a device with one queue. */
#include "hw/virtio/driver.h"

TEST(virtio_refuses_bad_features)
{
    struct drv g;
    drv_init(&g);
    rig_start(&g.r, "virtio-rng-device", NULL);
    assert(drv_offered(&g) == (FEATURE(F_VERSION_1) | FEATURE(F_INDIRECT) | FEATURE(F_EVENT_IDX)));
    assert(!drv_negotiate(&g, 0));
    assert(!drv_negotiate(&g, FEATURE(F_VERSION_1) | FEATURE(F_PACKED)));
    assert(!drv_negotiate(&g, FEATURE(F_VERSION_1) | FEATURE(63)));
    drv_go(&g); /* sets FEATURES_OK as well, and is refused both */
    assert(!(drv_get(&g, R_STATUS) & (STATUS_DRIVER_OK | STATUS_FEATURES_OK)));
    assert(drv_negotiate(&g, FEATURE(F_VERSION_1)));
    drv_set(&g, R_DRIVER_FEATURES, 0xffffffff); /* too late */
    assert(drv_get(&g, R_STATUS) & STATUS_FEATURES_OK);
    drv_set(&g, R_DEVICE_SEL, 2);
    assert(drv_get(&g, R_DEVICE_FEATURES) == 0);
    drv_fini(&g);
}

TEST(virtio_refuses_bad_queues)
{
    static const struct {
        u16 size;
        u64 reg, addr;
        bool packed_too; /* bad for both layouts */
    } cases[] = {
        {5, R_DESC, DRV_BASE, false},
        {8, R_DESC, DRV_BASE + 8, true},
        {8, R_DESC, DRV_BASE - 16, true},
        {8, R_DESC, DRV_BASE + DRV_RAM - 112, true},
        {8, R_DRIVER, DRV_BASE + 1, true},
        {8, R_DEVICE, DRV_BASE + 2, true},
        {8, R_DEVICE, DRV_BASE + DRV_RAM, true},
        {8, R_DRIVER, ~0ull << 32, true},
    };
    for (u64 packed = 0; packed < 2; packed++)
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            struct drv g;
            drv_init(&g);
            rig_start(&g.r, "virtio-rng-device", "packed", "on", NULL);
            drv_negotiate(&g, packed << F_PACKED | FEATURE(F_VERSION_1));
            drv_set(&g, R_QUEUE_SEL, 0);
            drv_set(&g, R_QUEUE_SIZE, cases[i].size);
            for (u64 part = 0; part < 3; part++)
                drv_set(&g, R_DESC + 0x10 * part, (u32)drv_addr(0, part * 0x1000));
            drv_set(&g, cases[i].reg, (u32)cases[i].addr);
            drv_set(&g, cases[i].reg + 4, (u32)(cases[i].addr >> 32));
            drv_set(&g, R_QUEUE_READY, 1);
            assert(drv_broken(&g) == (!packed || cases[i].packed_too));
            assert(drv_get(&g, R_QUEUE_READY) == !drv_broken(&g));
            drv_fini(&g);
        }
}

TEST(virtio_queue_registers_keep_their_limits)
{
    struct drv g;
    drv_init(&g);
    rig_start(&g.r, "virtio-rng-device", NULL);
    assert(drv_get(&g, R_QUEUE_MAX) == 8);
    drv_set(&g, R_QUEUE_SEL, 1);
    assert(drv_get(&g, R_QUEUE_MAX) == 0);
    drv_set(&g, R_QUEUE_READY, 1);
    assert(drv_get(&g, R_QUEUE_READY) == 0);
    drv_queue(&g, 0, 4); /* before FEATURES_OK */
    assert(drv_get(&g, R_QUEUE_READY) == 0 && !drv_broken(&g));
    struct drv_buf b = drv_room(&g, 16);
    drv_start(&g, 0, 1, 4);
    u64 errors = g.r.d->guest_errors;
    drv_set(&g, R_DESC, 0x1000); /* while the queue is in use */
    drv_set(&g, R_QUEUE_SIZE, 8);
    drv_set(&g, R_NOTIFY, 1);
    assert(g.r.d->guest_errors == errors + 3 && drv_do(&g, 0, &b, 1) == 16);
    drv_set(&g, R_QUEUE_READY, 0);
    assert(drv_get(&g, R_QUEUE_READY) == 0);
    drv_queue(&g, 0, 8);
    assert(drv_do(&g, 0, &b, 1) == 16);
    drv_fini(&g);
}
