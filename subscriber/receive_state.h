/* subscriber/receive_state.h - what the loop's two files share: receive.c, the loop, and
 * receive_start.c, which opens everything it needs. */
#ifndef SUBSCRIBER_RECEIVE_STATE_H
#define SUBSCRIBER_RECEIVE_STATE_H

#include "common/poll_set.h"
#include "subscriber/choice.h"
#include "subscriber/exec.h"
#include "subscriber/intake.h"
#include "subscriber/librarian.h"
#include "subscriber/shown.h"
#include "subscriber/sinks.h"
#include "subscriber/tui.h"
#include "subscriber/upkeep.h"

/* Messages go through the intake; what is to be shown is put into the sinks, and let out once the
 * batch is committed: on_batch. */
struct receive {
    const struct settings *settings;
    struct rules *rules;
    struct choice *choice;
    struct sinks sinks;
    bool screen;             /* the full screen is what is wanted */
    struct tui *tui;         /* one of the sinks; NULL: no full screen, or not yet */
    struct exec *exec;       /* likewise */
    bool kept;               /* the store is a file */
    struct store *store;     /* NULL: none */
    struct history *history; /* of the store */
    struct gaps *gaps;       /* of the full screen */
    struct upkeep upkeep;
    struct intake *intake;
    struct librarian *librarian; /* NULL: not an archive */
    struct link *link;
    struct poll_set *set;
    int signal_fd, watch_fd; /* those that end it; those of a terminal, -1 without */
    bool sync;

    const char *url; /* the broker we are connected to; the link's */
    bool failed;     /* a sink */
    bool over;       /* say goodbye, write what is left */
    bool closed;     /* the link is down */
    bool lost;       /* the connection, since it was last up */
    int64_t now_ms;
    int64_t since_ms;     /* --since; DATE_UNKNOWN: not given */
    int64_t stop_mono_ms; /* --for; INT64_MAX: never */
    int64_t close_mono_ms;
    int64_t came_mono_ms, gaps_mono_ms; /* an item last came; the gaps were last looked at */
    long long shown, shown_mark;
    struct shown shown_ids;
    int shown_fd;     /* standard output, where lines go there; else -1 */
    int64_t given_id; /* what was put by the programs before this one */
    unsigned signals; /* that asked for the end */
    char last_words[240];
    uint64_t gone_before; /* numbers known to be gone at the start */
    bool stalled; /* the store takes nothing */
    size_t refused;
    int status;
};

/* ---- receive_start.c ---- */

/* Opens all of it, shows what the store has, subscribes. What a failure leaves behind is for
 * receive_stop(). */
bool receive_start(struct receive *r, struct dial_settings *dial, struct news_error *err);
void receive_stop(struct receive *r);
/* Gives the terminal back, and says there why, when something went wrong. */
void receive_leave_screen(struct receive *r);

/* ---- receive.c ---- */

extern const struct link_events receive_link_events; /* without their user */
extern const struct tui_host receive_host;           /* likewise */
void receive_log(void *user, const char *line, bool grave);
/* What is to be shown, of a batch or of the store. */
void receive_show(void *user, const struct arrival *a, int64_t id);
void receive_refused(void *user, const char *topic, const char *path, const char *what);
bool receive_publish(void *user, const char *topic, const char *payload, size_t len);
/* Lets out what is committed; false: a sink failed, which was told. */
bool receive_let_out(struct receive *r);
bool receive_is_enough(const struct receive *r); /* -n */
/* A slow reader may still want what came, and commands their end: waits until there is room again,
 * or, wholly, until nothing waits any more. A signal ends the wait for the reader, a second one that
 * for commands. */
void receive_drain(struct receive *r, bool wholly);

#endif
