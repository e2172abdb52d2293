/* test/check.c - runs every unit test, each in a process of its own, and counts. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"

enum { TIMEOUT_S = 60, SLOW_MS = 200 };

static bool wanted(const struct test *t, char **words)
{
    if (!*words)
        return true;
    for (; *words; words++)
        if (strstr(t->name, *words) || strstr(t->file, *words))
            return true;
    return false;
}

/* The child ends by exit(), so that the leak checker looks after every single test. */
static int run_forked(const struct test *t)
{
    int status = -1;
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        alarm(TIMEOUT_S);
        t->run();
        exit(0);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid ? status : -1;
}

static bool report(const struct test *t, int status, u64 ms)
{
    const char *file = strstr(t->file, "src/") == t->file ? t->file + 4 : t->file;
    if (status)
        printf("FAIL %s: %s: ", file, t->name);
    else
        printf("ok %s: %s", file, t->name);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        printf("no end after %d s", TIMEOUT_S);
    else if (WIFSIGNALED(status))
        printf("%s", strsignal(WTERMSIG(status)));
    else if (status)
        printf("exit status %d", WEXITSTATUS(status));
    if (ms >= SLOW_MS)
        printf(" (%llu ms)", (unsigned long long)ms);
    printf("\n");
    return !status;
}

/* check [--nofork] [WORD...]: tests whose name or file has one of the words. --nofork: to debug. */
int main(int argc, char **argv)
{
    bool nofork = argc > 1 && !strcmp(argv[1], "--nofork");
    char **words = argv + 1 + nofork;
    int passed = 0, failed = 0;
    EACH(test, t) {
        if (!wanted(*t, words))
            continue;
        u64 start = clock_host_ns();
        int status = 0;
        if (nofork)
            (*t)->run();
        else
            status = run_forked(*t);
        bool ok = report(*t, status, (clock_host_ns() - start) / 1000000);
        passed += ok;
        failed += !ok;
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed || !passed;
}
