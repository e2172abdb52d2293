/* test/boards.c - rules for every registered board: it is built, soon, and takes no nonsense. */
#include <assert.h>
#include <libfdt.h>
#include <unistd.h>
#include "base/clock.h"
#include "board/board.h"

enum { SOON_MS = 2000 }; /* it takes 1; under a sanitizer on a busy machine, some hundred */

static void opts_for(struct machine_opts *o, const struct board *b)
{
    struct error err;
    machine_opts_init(o);
    assert(props_set(machine_props, o, "guest", b->guest, &err));
    assert(props_set(machine_props, o, "machine", b->name, &err));
    assert(
        props_set(machine_props, o, "dumpdtb", "/dev/null", &err)); /* a machine without program */
}

TEST(board_is_built_with_any_number_of_cpus)
{
    EACH(board, b)
        for (u64 cpus = 1; cpus <= (*b)->max_cpus; cpus++) {
            struct machine_opts o;
            struct error err = {0};
            opts_for(&o, *b);
            o.cpus = cpus;
            u64 start = clock_host_ns();
            struct machine *m = machine_new(&o, &err);
            if (!m)
                printf("%s: %s\n", (*b)->name, err.msg);
            assert(m && clock_host_ns() - start < SOON_MS * 1000000ull);
            size_t len;
            const void *tree = (*b)->tree(m, &len);
            assert(!fdt_check_full(tree, len));
            machine_free(m);
            machine_opts_fini(&o);
        }
}

static void refused(const struct board *b, const char *prop, const char *value, u64 cpus,
                    u64 memory)
{
    struct machine_opts o;
    struct error err = {0};
    opts_for(&o, b);
    o.cpus = cpus ? cpus : o.cpus;
    o.memory = memory ? memory : o.memory;
    if (prop)
        assert(props_set(machine_props, &o, prop, value, &err));
    struct machine *m = machine_new(&o, &err);
    assert(!m && err.code && *err.msg);
    machine_opts_fini(&o);
}

TEST(board_refuses_nonsense)
{
    EACH(board, b) {
        refused(*b, "cpus", "0", 0, 0);
        refused(*b, NULL, NULL, (*b)->max_cpus + 1, 0);
        refused(*b, NULL, NULL, ~0ull, 0);
        refused(*b, NULL, NULL, 0, (*b)->min_memory - 1);
        refused(*b, NULL, NULL, 0, (*b)->min_memory + 1);
        refused(*b, NULL, NULL, 0, (*b)->max_memory + 4096);
        refused(*b, NULL, NULL, 0, (*b)->max_memory);
        refused(*b, "kernel", "/", 0, 0);
        refused(*b, "kernel", "/nonexistent", 0, 0);
        refused(*b, "bios", "/nonexistent", 0, 0);
        refused(*b, "dtb", "/nonexistent", 0, 0);
        refused(*b, "dtb", "/proc/self/exe", 0, 0);
        refused(*b, "cpu", "nonesuch", 0, 0);
        refused(*b, "guest", "nonesuch", 0, 0);
        refused(*b, "machine", "nonesuch", 0, 0);
        refused(*b, "serial", "nonesuch", 0, 0);
    }
}

/* A part that fails, after others that did not. */
TEST(board_comes_apart_when_a_part_fails)
{
    static const struct {
        enum part_kind kind;
        const char *text;
    } bad[] = {{PART_CHARDEV, "nonesuch"},
               {PART_CHARDEV, "file:/nonexistent/x"},
               {PART_DRIVE, "file=/"},
               {PART_DRIVE, "file=/nonexistent"},
               {PART_DRIVE, "nonesuch=x"},
               {PART_NETDEV, "nonesuch"},
               {PART_NETDEV, "user,x=y"},
               {PART_DEVICE, "nonesuch"},
               {PART_DEVICE, "ns16550"},
               {PART_DEVICE, "virtio-blk-pci,drive=nonesuch"},
               {PART_DEVICE, "virtio-blk-pci,x=y"},
               {PART_DEVICE, "virtio-net-pci,addr=99"}};
    EACH(board, b)
        for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
            struct machine_opts o;
            struct error err = {0};
            opts_for(&o, *b);
            machine_opts_add(&o, PART_CHARDEV, "good", "null");
            machine_opts_add(&o, PART_NETDEV, "n0", "user");
            machine_opts_add(&o, PART_DEVICE, NULL, "virtio-net-pci,netdev=n0");
            machine_opts_add(&o, bad[i].kind, NULL, bad[i].text);
            struct machine *m = machine_new(&o, &err);
            if (m)
                printf("%s: taken\n", bad[i].text);
            assert(!m && err.code && *err.msg);
            machine_opts_fini(&o);
        }
}
