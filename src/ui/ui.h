/* ui/ui.h - character back ends: where a serial port's or console's bytes go. */
#ifndef UI_UI_H
#define UI_UI_H
#include "base/loop.h"
#include "base/opts.h"

struct chr; /* one back end with at most one device on it */
/* text: "stdio", "mon:stdio", "null", "file:PATH" or "file,path=PATH", "pty", "pipe:PATH",
 * "unix:PATH,server,nowait", "tcp:HOST:PORT,server,nowait"; "mon:" before any of them gives it the
 * Ctrl-A keys. Opened with `loop`. */
struct chr *chr_open(const char *text, struct loop *, struct error *);
void chr_close(struct chr *); /* flushes what fits, restores the terminal */
/* Any thread; never blocks the caller for long. */
void chr_write(struct chr *, const u8 *buf, size_t len);
/* Input: can() says how many bytes the device takes now, got() delivers; both on the loop's thread.
 * After can() said 0 the device calls chr_ready (any thread) when it has room again. */
void chr_attach(struct chr *, size_t (*can)(void *), void (*got)(void *, const u8 *, size_t),
                void *dev);
void chr_ready(struct chr *);
/* The user asked for a break (Ctrl-A B); on the loop's thread, with chr_attach's dev. */
void chr_on_break(struct chr *, void (*broke)(void *dev));

/* The keys: Ctrl-A X ends, Ctrl-A H helps, Ctrl-A B sends a break, Ctrl-A Ctrl-A sends Ctrl-A.
 * This is what Ctrl-A X and the end of input on a terminal do; on the loop's thread. */
void chr_on_quit(void (*quit)(void *), void *arg);
/* Puts the terminal back; async-signal-safe; also runs at exit. */
void ui_restore_terminal(void);
#endif
