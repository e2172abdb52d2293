/* mem/ram.c - guest RAM from one memory object that the host fills in page by page. */
#include <errno.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>
#include "base/bits.h"
#include "mem/ram.h"

enum { HUGE_SIZE = 2 << 20 };

/* Reserved huge pages when the host set some aside, else transparent ones where it allows them. */
static bool map_huge(struct ram *r)
{
    r->fd = memfd_create("myna-ram", MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB);
    if (r->fd < 0)
        return false;
    u64 len = align_up(r->size, HUGE_SIZE);
    void *host = MAP_FAILED;
    if (!ftruncate(r->fd, (off_t)len))
        host = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
    if (host == MAP_FAILED) {
        close(r->fd);
        r->fd = -1;
        return false;
    }
    r->host = host;
    r->mapped = len;
    return true;
}

static bool map_small(struct ram *r, struct error *err)
{
    void *host = MAP_FAILED;
    r->fd = memfd_create("myna-ram", MFD_CLOEXEC);
    if (r->fd >= 0 && !ftruncate(r->fd, (off_t)r->size))
        host = mmap(NULL, r->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, r->fd, 0);
    if (host == MAP_FAILED)
        return error_set(err, errno, "%llu MiB of guest memory: %s",
                         (unsigned long long)r->size >> 20, strerror(errno));
    r->host = host;
    r->mapped = r->size;
    return true;
}

static bool size_ok(u64 size, struct error *err)
{
    struct sysinfo si;
    if (!size || size & PAGE_MASK)
        return error_set(err, EINVAL, "guest memory of %llu bytes is not a multiple of %d",
                         (unsigned long long)size, PAGE_SIZE);
    if (sysinfo(&si))
        return error_set(err, errno, "cannot read the host's memory size: %s", strerror(errno));
    u64 have = ((u64)si.totalram + si.totalswap) * si.mem_unit;
    if (size > have)
        return error_set(err, ENOMEM, "%llu MiB of guest memory is more than the host's %llu MiB",
                         (unsigned long long)size >> 20, (unsigned long long)have >> 20);
    return true;
}

struct ram *ram_new(u64 size, bool huge, struct error *err)
{
    if (!size_ok(size, err))
        return NULL;
    struct ram *r = new(struct ram);
    r->size = size;
    r->fd = -1;
    if (!(huge && map_huge(r)) && !map_small(r, err)) {
        ram_free(r);
        return NULL;
    }
    if (huge)
        (void)madvise(r->host, r->mapped, MADV_HUGEPAGE); /* a wish: small pages do as well */
    r->track = new_array(u8, size >> PAGE_BITS);
    return r;
}

void ram_free(struct ram *r)
{
    if (!r)
        return;
    if (r->host)
        munmap(r->host, r->mapped);
    if (r->fd >= 0)
        close(r->fd);
    free(r->track);
    free(r);
}
