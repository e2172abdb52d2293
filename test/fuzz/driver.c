/* test/fuzz/driver.c - random inputs for a fuzz target where libFuzzer is not there. */
#include <dirent.h>
#include <getopt.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/opts.h"
#include "test/fuzz/fuzz.h"
#include "test/random.h"

enum { SIZE_MAX_INPUT = 1 << 16, CORPUS_MAX = 1024 };

struct input {
    size_t size;
    u8 *data;
};

static struct input corpus[CORPUS_MAX];
static size_t n_corpus;
static struct input now; /* what runs: saved by died() */
static u64 state;

static u64 random64(void) { return random_next(&state); }

static void read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f || n_corpus == CORPUS_MAX)
        fatal("cannot take '%s' into the corpus", path);
    struct input *in = &corpus[n_corpus++];
    in->data = xalloc(SIZE_MAX_INPUT);
    in->size = fread(in->data, 1, SIZE_MAX_INPUT, f);
    fclose(f);
}

static void read_path(const char *path)
{
    struct stat st;
    DIR *dir = opendir(path);
    if (!dir) {
        read_file(path);
        return;
    }
    for (struct dirent *e; (e = readdir(dir));) {
        char *child = xprintf("%s/%s", path, e->d_name);
        if (!stat(child, &st) && S_ISREG(st.st_mode))
            read_file(child);
        free(child);
    }
    closedir(dir);
}

/* Changes a few places of a corpus file, or starts from nothing. */
static void make_input(struct input *in, size_t max)
{
    const struct input *from = n_corpus ? &corpus[random64() % n_corpus] : NULL;
    in->size = from && random64() % 8 ? MIN(from->size, max) : random64() % (max + 1);
    for (size_t i = 0; i < in->size; i++)
        in->data[i] = from && i < from->size ? from->data[i] : (u8)random64();
    for (u64 n = random64() % 8; n && in->size; n--) {
        size_t at = random64() % in->size, other = random64() % in->size;
        switch (random64() % 4) {
        case 0: in->data[at] = (u8)random64(); break;
        case 1: in->data[at] ^= (u8)(1u << random64() % 8); break;
        case 2: memmove(in->data + at, in->data + other, in->size - MAX(at, other)); break;
        case 3: in->size = at; break;
        }
    }
}

static void died(int sig)
{
    static const char path[] = "fuzz-crash";
    FILE *f = fopen(path, "wb");
    if (f && fwrite(now.data, 1, now.size, f) == now.size && !fclose(f))
        log_error("%s; the input is in '%s'", strsignal(sig), path);
    signal(sig, SIG_DFL);
    raise(sig);
}

/* driver [-n RUNS] [-s SEED] [-m MAX_BYTES] [-r] [FILE|FOLDER...]; -r: only the files, once. */
int main(int argc, char **argv)
{
    u64 runs = 10000, max = 4096, seed = clock_wall_ns() ^ (u64)getpid() << 32;
    bool replay = false;
    struct error err;
    for (int c; (c = getopt(argc, argv, "n:s:m:r")) != -1;) {
        u64 *to = c == 'n' ? &runs : c == 's' ? &seed : &max;
        if (c == '?' || (c != 'r' && !parse_u64(optarg, to, &err)))
            return 2;
        replay |= c == 'r';
    }
    for (char **path = argv + optind; *path; path++)
        read_path(*path);
    signal(SIGABRT, died);
    signal(SIGSEGV, died);
    printf("seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    state = seed;
    for (u64 i = 0; i < n_corpus; i++) {
        now = corpus[i];
        LLVMFuzzerTestOneInput(now.data, now.size);
    }
    now.data = xalloc(SIZE_MAX_INPUT);
    for (u64 i = 0; i < runs && !replay; i++) {
        make_input(&now, MIN(max, SIZE_MAX_INPUT));
        LLVMFuzzerTestOneInput(now.data, now.size);
    }
    return 0;
}
