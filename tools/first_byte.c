/* tools/first_byte.c - how long a command takes from its start to its first byte of output.
 *
 * first_byte COUNT COMMAND..: runs it COUNT times, prints the nanoseconds of each run on a line.
 * Part of the bench: a firmware that prints at once makes this the time to the first guest
 * instruction. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static long long run(char **argv)
{
    int out[2];
    char byte;
    if (pipe2(out, O_CLOEXEC))
        return -1;
    long long start = now_ns();
    pid_t pid = vfork();
    if (!pid) {
        dup2(out[1], STDOUT_FILENO);
        execvp(argv[0], argv);
        _exit(127);
    }
    close(out[1]);
    ssize_t n = read(out[0], &byte, 1);
    long long end = now_ns();
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(out[0]);
    return n == 1 ? end - start : -1;
}

int main(int argc, char **argv)
{
    int null = open("/dev/null", O_RDONLY);
    if (argc < 3 || null < 0 || dup2(null, STDIN_FILENO) < 0)
        return 2;
    for (int i = atoi(argv[1]); i > 0; i--) {
        long long ns = run(argv + 2);
        if (ns < 0)
            return 1;
        printf("%lld\n", ns);
    }
    return 0;
}
