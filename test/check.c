/* test/check.c - runs every unit test, or those whose name or file contains an argument. */
#include "base/base.h"

int main(int argc, char **argv)
{
    int n = 0;
    EACH(test, t) {
        bool want = argc < 2;
        for (int i = 1; i < argc; i++)
            want |= strstr((*t)->name, argv[i]) || strstr((*t)->file, argv[i]);
        if (!want)
            continue;
        printf("%s: %s\n", (*t)->file, (*t)->name);
        fflush(stdout);
        (*t)->run();
        n++;
    }
    printf("%d passed, 0 failed\n", n);
    return n ? 0 : 1;
}
