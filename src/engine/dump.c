/* engine/dump.c - a unit as guest code, IR before and after the passes, and host code. */
#include <unistd.h>
#include "base/log.h"
#include "engine/priv.h"

static bool dump_wants(const struct engine *e, const char *what)
{
    const char *list = e->opts.dump;
    size_t n = strlen(what);
    while (list && *list) {
        const char *end = strchrnul(list, ',');
        if ((size_t)(end - list) == n && !memcmp(list, what, n))
            return true;
        list = *end ? end + 1 : end;
    }
    return false;
}

static void dump_guest(const struct engine *e, FILE *f, gva pc, unsigned len, const u8 *code)
{
    char text[96];
    for (unsigned off = 0; off < len;) {
        unsigned n = e->guest->disasm(pc + off, code + off, len - off, text, sizeof text);
        if (!n)
            break;
        fprintf(f, "  %016llx  %s\n", (unsigned long long)(pc + off), text);
        off += n;
    }
}

/* Host code goes through binutils' objdump when it is installed; as bytes otherwise. */
static void dump_host(FILE *f, const struct unit *u)
{
    char path[] = "/tmp/myna-dump-XXXXXX", cmd[160], line[256];
    int fd = mkstemp(path);
    if (fd < 0)
        return;
    bool ok = write(fd, u->j.code, u->j.size) == (ssize_t)u->j.size;
    close(fd);
    snprintf(cmd, sizeof cmd,
             "objdump -D -b binary -m i386:x86-64 --adjust-vma=0x%lx %s 2>/dev/null",
             (unsigned long)(uintptr_t)u->j.code, path);
    FILE *p = ok ? popen(cmd, "r") : NULL;
    bool any = false;
    while (p && fgets(line, sizeof line, p))
        if (strchr(line, '\t')) {
            fprintf(f, "  %s", line);
            any = true;
        }
    if (p)
        pclose(p);
    unlink(path);
    for (u32 i = 0; !any && i < u->j.size; i++)
        fprintf(f, "%02x%c", u->j.code[i], i % 32 == 31 ? '\n' : ' ');
}

void dump_unit(struct engine *e, const char *what, const struct ir *ir, const struct unit *u,
               gva pc, unsigned len, const u8 *code)
{
    if (!e->opts.dump || !dump_wants(e, what))
        return;
    FILE *f = log_stream();
    fprintf(f, "---- %s: unit at %016llx, %u bytes\n", what, (unsigned long long)pc, len);
    if (!strcmp(what, "in"))
        dump_guest(e, f, pc, len, code);
    else if (!strcmp(what, "out"))
        dump_host(f, u);
    else
        ir_dump(ir, f);
    fflush(f);
}
