/* subscriber/tui.h - the full screen: what the keys and the mouse do, and what is drawn.
 *
 * A sink: items of the open batch are kept aside and enter the list when it is committed. Arrival
 * and drawing are apart: a frame is drawn when something changed, at most every 50 ms, and only
 * while the terminal takes it. Work that takes long (loading older items, judging all of them by a
 * new filter, a search) is done in slices between the events of the loop.
 *
 * tui.c is the controller, tui_views.c what is open (the river, search results, pages). A function
 * for each command: tui_move.c, tui_hand.c (browser, clipboard, files, pages), tui_choose.c
 * (filters, searches), tui_command.c (marks, and the tables together). tui_load.c is the background
 * work, tui_draw.c and tui_bars.c the frame, tui_mouse.c the mouse. model.h, page.h, list_row.h,
 * prompt.h and opener.h do the rest. Threads: one. */
#ifndef SUBSCRIBER_TUI_H
#define SUBSCRIBER_TUI_H

#include "subscriber/gaps.h"
#include "subscriber/history.h"
#include "subscriber/rules.h"
#include "subscriber/sink.h"

struct tui;
struct settings;

/* What the status line says; the loop fills it when asked. */
struct tui_status {
    char carrier[64];  /* "mqtt://host" */
    const char *state; /* "connected", "connecting", "offline", "closing" */
    bool up;
    uint64_t holes; /* numbers that are missing and asked for */
    uint64_t gone;  /* numbers that were found to be gone for good since the start */
    size_t publishers, online;
    unsigned long long exec_done, exec_failed;
    bool kept; /* there is a store on disk */
};

struct tui_host {
    void *user;
    void (*status)(void *user, struct tui_status *out);
    void (*quit)(void *user);
    bool (*repeat)(void *user); /* asks publishers for what is missing, now; false: nobody is there */
    /* Was this topic asked for? The store may hold what other choices brought. NULL: all were. */
    bool (*wanted)(void *user, const char *topic);
    /* The store failed: the loop ends with this. Marks are written in a transaction that the loop
     * commits (commit()). */
    bool (*commit)(void *user, struct news_error *err);
};

struct tui_options {
    const struct settings *settings; /* binds, colours, filters by name, columns */
    struct store *store;
    struct history *history;
    struct rules *rules;
    struct gaps *gaps;
    struct tui_host host;
};

/* Takes the terminal and draws the first screen from the store. */
struct tui *tui_new(const struct tui_options *o, struct news_error *err);
void tui_free(struct tui *t);          /* gives the terminal back; NULL is fine */
extern const struct sink_ops tui_sink; /* its self is the struct tui; its poll op adds terminal,
                                          frames and background work to the loop's set */

/* SIGWINCH, SIGTSTP. */
void tui_signal(struct tui *t, int number);
/* Something to say: shown for a while above the status line, kept for the page of messages. clean
 * text of one line. */
void tui_message(struct tui *t, const char *text, bool grave);

#endif
