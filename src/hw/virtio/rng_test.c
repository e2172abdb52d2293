/* hw/virtio/rng_test.c - random bytes, and not more of them than allowed. */
#include "hw/virtio/driver.h"

TEST(rng_fills_buffers)
{
    struct drv g;
    drv_init(&g);
    rig_start(&g.r, "virtio-rng-device", NULL);
    drv_start(&g, 0, 1, 8);
    struct drv_buf a[2] = {drv_room(&g, 16), drv_room(&g, 16)}, big = drv_room(&g, 100000);
    assert(drv_do(&g, 0, a, 2) == 32);
    assert(memcmp(drv_at(&g, a[0].addr), drv_at(&g, a[1].addr), 16));
    assert(drv_do(&g, 0, &big, 1) == 4096 && !drv_at(&g, big.addr)[4096]);
    struct drv_buf out = drv_text(&g, "x", 1);
    assert(drv_do(&g, 0, &out, 1) == 0); /* nowhere to put them */
    drv_fini(&g);
}

TEST(rng_keeps_to_its_rate)
{
    struct drv g;
    u16 id;
    u32 len;
    drv_init(&g);
    rig_start(&g.r, "virtio-rng-device", "max-bytes", "20", "period", "100", NULL);
    drv_start(&g, 0, 1, 8);
    struct drv_buf b = drv_room(&g, 16);
    for (int i = 0; i < 3; i++)
        drv_add(&g, 0, &b, 1);
    drv_kick(&g, 0);
    assert(drv_used(&g, 0, &id, &len) && len == 16 && drv_used(&g, 0, &id, &len) && len == 4);
    rig_step(&g.r, 99000000);
    assert(!drv_used(&g, 0, &id, &len));
    rig_step(&g.r, 1000000);
    assert(drv_used(&g, 0, &id, &len) && len == 16);
    drv_fini(&g);
}
