/* base/loop_test.c - tests of the event loop. */
#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/loop.h"
#include "base/thread.h"

/* Handlers write one letter each; a test compares the word they wrote. */
static char trail[64];
static struct loop *loop;

static void mark(void *letter)
{
    size_t n = strlen(trail);
    assert(n + 1 < sizeof(trail));
    trail[n] = *(char *)letter;
    trail[n + 1] = 0;
}

static void setup(void)
{
    loop = loop_new();
    trail[0] = 0;
}

static void repost(void *arg)
{
    mark(arg);
    loop_post(loop, mark, "z");
}

TEST(loop_posts_run_in_order)
{
    setup();
    assert(loop_here(loop) && !loop_poll(loop, 0));
    loop_post(loop, mark, "a");
    loop_post(loop, repost, "b");
    loop_post(loop, mark, "c");
    assert(loop_poll(loop, 10000) && !strcmp(trail, "abc"));
    assert(loop_poll(loop, 10000) && !strcmp(trail, "abcz"));
    assert(!loop_poll(loop, 0));
    loop_post(loop, mark, "dropped");
    loop_free(loop);
}

static struct loop_timer again;

static void rearm(void *arg)
{
    mark(arg);
    loop_timer_set(loop, &again, 0);
}

TEST(loop_timers_fire_in_order_of_time)
{
    struct loop_timer t[4] = {
        {mark, "a", 0, 0}, {mark, "b", 0, 0}, {mark, "c", 0, 0}, {mark, "d", 0, 0}};
    setup();
    clock_fake(1000, 0);
    loop_timer_set(loop, &t[3], 1400);
    loop_timer_set(loop, &t[2], 1300);
    loop_timer_set(loop, &t[0], 1900);
    loop_timer_set(loop, &t[1], 1200);
    loop_timer_set(loop, &t[0], 1100); /* moved */
    loop_timer_stop(loop, &t[3]);
    loop_timer_stop(loop, &t[3]);
    assert(!loop_poll(loop, 0));
    clock_step(200);
    assert(loop_poll(loop, 10000) && !strcmp(trail, "ab"));
    clock_step(1000);
    assert(loop_poll(loop, 10000) && !strcmp(trail, "abc"));
    assert(!loop_poll(loop, 0) && !t[0].index && !t[3].index);
    clock_real();
    loop_free(loop);
}

TEST(loop_timer_in_the_past_waits_a_turn)
{
    struct loop_timer t = {mark, "b", 0, 0};
    again = (struct loop_timer){rearm, "a", 0, 0};
    setup();
    clock_fake(1000, 0);
    loop_timer_set(loop, &again, 500);
    loop_timer_set(loop, &t, 1000);
    assert(loop_poll(loop, 0) && !strcmp(trail, "ab"));
    assert(loop_poll(loop, 0) && !strcmp(trail, "aba"));
    clock_real();
    loop_free(loop);
}

static struct loop_timer victim;

static void stop_victim(void *arg)
{
    mark(arg);
    loop_timer_stop(loop, &victim);
}

TEST(loop_timer_stopped_by_another_due_one)
{
    struct loop_timer t = {stop_victim, "a", 0, 0};
    victim = (struct loop_timer){mark, "v", 0, 0};
    setup();
    loop_timer_set(loop, &t, 1);
    loop_timer_set(loop, &victim, 2);
    assert(loop_poll(loop, 10000) && !strcmp(trail, "a"));
    assert(!loop_poll(loop, 0));
    loop_free(loop);
}

TEST(loop_heap_orders_many)
{
    enum { N = 256 };
    static struct loop_timer t[N];
    u64 seed = 1;
    setup();
    clock_fake(0, 0);
    for (int i = 0; i < N * 4; i++) {
        struct loop_timer *p = &t[(seed = seed * 6364136223846793005 + 1) >> 33 & (N - 1)];
        *p = p->index ? *p : (struct loop_timer){mark, "x", 0, 0};
        if (i % 3)
            loop_timer_set(loop, p, seed >> 40);
        else
            loop_timer_stop(loop, p);
    }
    for (u64 next; next = UINT64_MAX, true;) {
        for (int i = 0; i < N; i++)
            if (t[i].index)
                next = MIN(next, t[i].when_ns);
        if (next == UINT64_MAX)
            break;
        if (next) {
            clock_fake(next - 1, 0);
            assert(!loop_poll(loop, 0));
        }
        clock_fake(next, 0);
        trail[0] = 0;
        assert(loop_poll(loop, 0));
    }
    clock_real();
    loop_free(loop);
}

TEST(loop_deadlines_are_finer_than_a_millisecond)
{
    u64 best = UINT64_MAX;
    setup();
    for (int i = 0; i < 20; i++) { /* the best of some: the machine may be busy */
        struct loop_timer t = {mark, "a", 0, 0};
        u64 due = clock_now_ns() + 200000;
        trail[0] = 0;
        loop_timer_set(loop, &t, due);
        while (!loop_poll(loop, 1000))
            continue;
        assert(clock_now_ns() >= due && !strcmp(trail, "a"));
        best = MIN(best, clock_now_ns() - due);
    }
    assert(best < 700000);
    loop_free(loop);
}

static int fds[2];
static struct loop_fd reader;

static void take_byte(void *arg, u32 events)
{
    char c;
    if (events & EPOLLIN && read(fds[0], &c, 1) == 1)
        mark(&c);
    if (events & EPOLLHUP)
        mark(arg);
}

TEST(loop_fd_pauses_and_resumes)
{
    setup();
    assert(!pipe2(fds, O_CLOEXEC));
    reader = (struct loop_fd){.fd = fds[0], .events = 0, .ready = take_byte, .arg = "h"};
    assert(loop_fd_add(loop, &reader) && write(fds[1], "ab", 2) == 2);
    assert(!loop_poll(loop, 0));
    loop_fd_events(&reader, EPOLLIN);
    assert(loop_poll(loop, 10000) && loop_poll(loop, 10000) && !strcmp(trail, "ab"));
    close(fds[1]);
    loop_fd_events(&reader, 0); /* a hang-up must not be reported either */
    assert(!loop_poll(loop, 0));
    loop_fd_events(&reader, EPOLLIN);
    assert(loop_poll(loop, 10000) && !strcmp(trail, "abh"));
    loop_fd_del(&reader);
    assert(!loop_poll(loop, 0));
    close(fds[0]);
    loop_free(loop);
}

static struct loop_fd *other;

static void delete_other(void *arg, u32 events)
{
    mark(events & EPOLLIN ? arg : "?");
    loop_fd_del(other);
    free(other);
}

static void pause_other(void *arg, u32 events)
{
    mark(events & EPOLLIN ? arg : "?");
    loop_fd_events(other, 0);
}

/* Two descriptors are ready in one turn; the first one's handler is `first`. */
static void two_ready(void (*first)(void *arg, u32 events))
{
    setup();
    assert(!pipe2(fds, O_CLOEXEC) && write(fds[1], "x", 1) == 1);
    int dup_fd = dup(fds[0]);
    other = new(struct loop_fd);
    reader = (struct loop_fd){.fd = fds[0], .events = EPOLLIN, .ready = first, .arg = "f"};
    *other = (struct loop_fd){.fd = dup_fd, .events = EPOLLIN, .ready = take_byte, .arg = "o"};
    assert(loop_fd_add(loop, &reader) && loop_fd_add(loop, other));
    assert(loop_poll(loop, 10000) && !strcmp(trail, "f"));
    loop_fd_del(&reader);
    close(dup_fd);
    close(fds[0]);
    close(fds[1]);
    loop_free(loop);
}

TEST(loop_fd_deleted_by_another_ready_one) { two_ready(delete_other); }

TEST(loop_fd_paused_by_another_ready_one)
{
    two_ready(pause_other);
    free(other);
}

TEST(loop_fd_plain_file_is_refused)
{
    setup();
    struct loop_fd f = {.fd = open("/proc/self/exe", O_RDONLY), .events = EPOLLIN};
    assert(f.fd >= 0 && !loop_fd_add(loop, &f));
    close(f.fd);
    loop_free(loop);
}

static void *run_loop(void *arg)
{
    assert(!loop_here(arg));
    loop_run(arg);
    return NULL;
}

static u32 ran; /* atomic */

static void count(void *arg)
{
    assert(loop_here(arg));
    __atomic_fetch_add(&ran, 1, __ATOMIC_RELEASE);
}

static void wait_ran(u32 n)
{
    for (u64 end = clock_host_ns() + 10000000000; __atomic_load_n(&ran, __ATOMIC_ACQUIRE) < n;) {
        assert(clock_host_ns() < end);
        usleep(100);
    }
}

TEST(loop_is_woken_from_other_threads)
{
    setup();
    ran = 0;
    struct loop_timer late = {count, loop, 0, 0}, soon = {count, loop, 0, 0};
    pthread_t t = thread_start("loop", run_loop, loop);
    for (u32 i = 1; i <= 200; i++) {
        loop_post(loop, count, loop);
        wait_ran(i);
    }
    loop_timer_set(loop, &late, clock_now_ns() + 3600ull * 1000000000);
    loop_timer_set(loop, &soon, clock_now_ns() + 1000000);
    wait_ran(201);
    loop_timer_stop(loop, &late);
    loop_stop(loop);
    thread_join(t);
    loop_free(loop);
}

static long switches(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_nvcsw;
}

TEST(loop_is_not_woken_for_later_deadlines)
{
    setup();
    ran = 0;
    struct loop_timer first = {count, loop, 0, 0}, later = {count, loop, 0, 0};
    pthread_t t = thread_start("loop", run_loop, loop);
    u64 now = clock_now_ns();
    loop_timer_set(loop, &first, now + 3600ull * 1000000000);
    usleep(20000); /* it sleeps now */
    long before = switches();
    for (u64 i = 0; i < 10000; i++)
        loop_timer_set(loop, &later, now + 7200ull * 1000000000 - i);
    assert(switches() - before < 1000);
    loop_timer_stop(loop, &first);
    loop_timer_stop(loop, &later);
    loop_stop(loop);
    thread_join(t);
    loop_free(loop);
}

static void stop_loop(int sig)
{
    if (sig == SIGUSR1)
        loop_stop(loop);
}

TEST(loop_stops_from_a_signal_handler)
{
    setup();
    void (*old)(int) = signal(SIGUSR1, stop_loop);
    raise(SIGUSR1);
    loop_run(loop); /* stopped before it began: returns at once */
    pthread_t t = thread_start("loop", run_loop, loop);
    raise(SIGUSR1);
    thread_join(t);
    signal(SIGUSR1, old);
    loop_free(loop);
}
