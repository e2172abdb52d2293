/* base/thread_test.c - tests of ranked mutexes and condition variables. */
#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/thread.h"

/* Does fn end its process by a failed assert? */
static bool refuses(void (*fn)(void))
{
    pid_t pid = fork();
    int status;
    assert(pid >= 0);
    if (!pid) {
        dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
        prctl(PR_SET_DUMPABLE, 0);
        signal(SIGABRT, SIG_DFL);
        fn();
        _exit(0);
    }
    assert(waitpid(pid, &status, 0) == pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static struct mutex low, high, other;

static void make_locks(void)
{
    mutex_init(&low, RANK_DEVICE, "low");
    mutex_init(&high, RANK_LEAF, "high");
    mutex_init(&other, RANK_LEAF, "other");
}

static void drop_locks(void)
{
    mutex_fini(&low);
    mutex_fini(&high);
    mutex_fini(&other);
}

static void take_two(struct mutex *a, struct mutex *b)
{
    mutex_lock(a);
    mutex_lock(b);
}

static void downward(void) { take_two(&high, &low); }
static void same_rank(void) { take_two(&high, &other); }
static void twice(void) { take_two(&low, &low); }
static void not_held(void) { mutex_unlock(&low); }

TEST(mutex_ranks_only_grow)
{
    make_locks();
    take_two(&low, &high);
    assert(mutex_held(&low) && mutex_held(&high) && !mutex_held(&other));
    mutex_unlock(&low); /* in any order */
    mutex_unlock(&high);
    assert(!mutex_held(&low) && !mutex_held(&high));
    assert(refuses(downward));
    assert(refuses(same_rank));
    assert(refuses(twice));
    assert(refuses(not_held));
    drop_locks();
}

static struct cond changed;
static int turn;

static void *answer(void *arg)
{
    int *count = arg;
    mutex_lock(&low);
    for (int i = 0; i < 100; i++) {
        while (turn != 1)
            cond_wait(&changed, &low);
        ++*count;
        turn = 0;
        cond_signal(&changed);
    }
    mutex_unlock(&low);
    return NULL;
}

TEST(cond_passes_turns)
{
    int count = 0;
    make_locks();
    cond_init(&changed);
    pthread_t t = thread_start("a-name-longer-than-15", answer, &count);
    mutex_lock(&low);
    for (int i = 0; i < 100; i++) {
        turn = 1;
        cond_broadcast(&changed);
        while (turn != 0)
            cond_wait(&changed, &low);
        assert(count == i + 1 && mutex_held(&low));
    }
    mutex_unlock(&low);
    thread_join(t);
    cond_fini(&changed);
    drop_locks();
}

TEST(cond_wait_ends_at_the_deadline)
{
    make_locks();
    cond_init(&changed);
    mutex_lock(&low);
    u64 deadline = clock_host_ns() + 2000000;
    while (cond_wait_until(&changed, &low, deadline))
        continue;
    assert(clock_host_ns() >= deadline && mutex_held(&low));
    mutex_unlock(&low);
    cond_fini(&changed);
    drop_locks();
}
