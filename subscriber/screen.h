/* subscriber/screen.h - the terminal, and the only module that knows ncurses.
 *
 * Cells are addressed by row and column; text is clean (text.h) and of one line, and is placed
 * character by character at the columns of text_width(). What terminals count in different ways is
 * left out, so that it cannot push what follows: the joiner and the selectors that make pictures of
 * characters, skin tones (blanks stand there), marks beyond the fourth on a base. Right-to-left
 * text is sent in its logical order, as terminals expect it; isolates are not, since many take them
 * for characters of one column.
 *
 * Drawing goes into the next frame, which screen_show() sends. Nothing here waits for the terminal:
 * what it does not take is kept, and no other frame is begun before (screen_ready()).
 *
 * The terminal's state is put back by screen_close(), by screen_suspend(), at exit(), and by a
 * handler when the process dies of a signal it was not asked with (SIGSEGV, SIGABRT, SIGBUS,
 * SIGFPE, SIGILL, SIGQUIT), which then dies of it as it would have. Ctrl-C, Ctrl-Z and Ctrl-\ stay
 * signals; every other key is an event. Signals are the caller's: after SIGWINCH screen_resized(),
 * after SIGTSTP screen_stop(), on SIGHUP it ends. Threads: one; one screen a process. */
#ifndef SUBSCRIBER_SCREEN_H
#define SUBSCRIBER_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"
#include "subscriber/keys.h"
#include "subscriber/theme.h"

struct screen;

/* True when the full screen can be had: standard input and output are terminals, and TERM names one
 * that can address its cells. False: err has the sentence ("TERM=dumb cannot ..."). */
bool screen_possible(struct news_error *err);

struct screen_options {
    bool colour; /* else attributes alone */
    bool mouse;
};
/* Takes the terminal and clears it. STYLE_STRIKE shows as dim: ncurses strikes nothing out. */
struct screen *screen_open(const struct screen_options *o, struct news_error *err);
void screen_close(struct screen *s); /* gives it back; NULL is fine */

int screen_fd(const struct screen *s); /* to poll for input */
int screen_rows(const struct screen *s);
int screen_columns(const struct screen *s);
bool screen_has_colour(const struct screen *s);

/* ---- drawing, into the next frame ---- */

void screen_erase(struct screen *s);
/* text cut or filled with blanks to exactly columns. over, if not NULL, is laid over style: its
 * background where it has one, its foreground where style has none, its attributes added. */
void screen_put(struct screen *s, int row, int column, int columns, const char *text, size_t len,
                const struct style *style, const struct style *over);
void screen_line_down(struct screen *s, int row, int column, int rows, const struct style *style);
/* Where the cursor stands; row -1: it is hidden. */
void screen_cursor(struct screen *s, int row, int column);
/* Does the terminal take a frame now? A stopped or stuck one does not. Sends on what it has not
 * taken of the last one. */
bool screen_ready(struct screen *s);
/* A part of the last frame still waits: poll screen_fd() for POLLOUT, too, then screen_ready(). */
bool screen_waits(const struct screen *s);
/* Never blocks; does nothing while the terminal is not ready: the frame stays for the next time. */
void screen_show(struct screen *s);
void screen_redraw(struct screen *s); /* the whole screen anew with the next frame */

/* ---- input ---- */

enum screen_event_type { SCREEN_KEY, SCREEN_CLICK, SCREEN_WHEEL, SCREEN_PASTE };
struct screen_event {
    enum screen_event_type type;
    int code;        /* SCREEN_KEY, and each character of SCREEN_PASTE (bracketed paste: text for a
                        prompt, never commands) */
    int row, column; /* of the mouse */
    bool twice;      /* a double click */
    int steps;       /* SCREEN_WHEEL: down is positive */
};
/* The next event; false: none is there. *gone: the terminal is (end of file, EIO). */
bool screen_event(struct screen *s, struct screen_event *out, bool *gone);

/* ---- the terminal's other lives ---- */

void screen_resized(struct screen *s);
/* Lends the terminal to another program, and takes it back. */
void screen_suspend(struct screen *s);
void screen_resume(struct screen *s);
/* SIGTSTP: gives the terminal back, stops the process as a shell expects, and returns when it goes
 * on, with the terminal taken again. SIGTSTP is blocked before and after. */
void screen_stop(struct screen *s);
void screen_bell(struct screen *s);
/* OSC 52: text into the terminal's clipboard; text is clean. Not sent when the terminal is not
 * ready or of a kind that may not know it, nor more than 74 994 bytes. */
void screen_clipboard(struct screen *s, const char *text, size_t len);

#endif
