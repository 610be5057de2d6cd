/* tests/support/vt.h - a terminal to run full-screen programs in: a pseudo-terminal with an
 * emulator behind it (libvterm, which calls itself an xterm), so that a test sees what a person
 * would see.
 *
 * The program is started as a shell with job control starts it: a process group of its own in the
 * foreground, so that Ctrl-C and Ctrl-Z do what they do. It dies with the test. What it draws is
 * read while one of the functions here waits, and only then: a terminal nobody waits on is a stuck
 * one. libvterm 0.1.4 heeds only the first of several modes in one sequence. No assertions: what
 * fails is returned. Rows and columns count from 0. Threads: one. */
#ifndef NEWS_TEST_VT_H
#define NEWS_TEST_VT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <termios.h>

struct vt;

struct vt_options {
    const char *const *argv;        /* NULL at its end; argv[0] is looked up in PATH */
    const char *const *environment; /* "NAME=value" added to the test's own, "NAME" taken out;
                                       NULL: TERM=xterm-256color and LC_ALL=C.UTF-8 */
    const char *errors;             /* a file for standard error; NULL: the terminal */
    int rows, columns;
};

struct vt *vt_start(const struct vt_options *o); /* NULL: errno says why */
void vt_free(struct vt *v);                      /* SIGKILL, if it still runs; NULL is fine */
pid_t vt_pid(const struct vt *v);

/* ---- what a person does */

void vt_type(struct vt *v, const char *bytes); /* as it is; "\033" is Escape, "\r" Enter */
void vt_send(struct vt *v, const void *bytes, size_t len);
/* A key by its name, as the terminal sends it in the mode that it is in: "up", "page-down", "f5",
 * "backtab" ... False: no such key. */
bool vt_key(struct vt *v, const char *name);
void vt_paste(struct vt *v, const char *text); /* bracketed, if the program asked for that */
void vt_click(struct vt *v, int row, int column);
void vt_wheel(struct vt *v, int row, int column, int steps); /* down is positive */
void vt_resize(struct vt *v, int rows, int columns);
void vt_hang_up(struct vt *v); /* the window is closed: nothing more can be done but wait */

/* ---- what a person sees */

/* Reads until condition(user) holds; false after timeout_ms. */
bool vt_wait(struct vt *v, bool (*condition)(void *user), void *user, int timeout_ms);
/* Reads until some row contains text. */
bool vt_expect(struct vt *v, const char *text, int timeout_ms);
bool vt_expect_row(struct vt *v, int row, const char *text, int timeout_ms);
/* Reads until no row contains text. */
bool vt_expect_gone(struct vt *v, const char *text, int timeout_ms);
/* Reads what there is now. */
void vt_read(struct vt *v);

int vt_rows(const struct vt *v);
int vt_columns(const struct vt *v);
/* The row in UTF-8, without blanks at its end; lives until the next call of a vt function. */
const char *vt_row(struct vt *v, int row);
const char *vt_screen(struct vt *v); /* all rows, each ended by a newline; lives likewise */

#define VT_DEFAULT (-1)
struct vt_cell {
    char text[32]; /* the character and its marks; "" blank, or the second half of a wide one */
    int width;
    bool bold, italic, underline, reverse, strike, blink;
    int foreground, background; /* 0 to 255, VT_DEFAULT, or -2: another colour */
};
struct vt_cell vt_cell(struct vt *v, int row, int column);
bool vt_cursor(struct vt *v, int *row, int *column); /* true: it is visible */
bool vt_is_alternate(const struct vt *v);            /* the screen of full-screen programs */
int vt_mouse_mode(const struct vt *v);               /* 0: mouse events are not sent */
size_t vt_bells(const struct vt *v);
/* Every byte the program sent since the start, or since vt_forget_bytes(). */
const char *vt_bytes(const struct vt *v, size_t *len);
void vt_forget_bytes(struct vt *v);
bool vt_termios(const struct vt *v, struct termios *out);

/* ---- the process */

bool vt_is_running(struct vt *v);
bool vt_is_stopped(const struct vt *v); /* by SIGTSTP and the like */
void vt_signal(struct vt *v, int number);
#define VT_TIMEOUT (-1)
/* Reads until the process is over. Its exit status, 128 + the signal it died of, or VT_TIMEOUT. */
int vt_wait_end(struct vt *v, int timeout_ms);

#endif
