/* tests/faults/cast.h - who plays in a fault test: a broker, a publisher and a subscriber as they
 * ship, each of which can be killed at any moment and comes back.
 *
 * The publisher is a daemon that stays (to answer those who missed something) and a `newspub send`
 * for each batch of items, on the same journal. The subscriber has a store and writes NDJSON to a
 * file. Randomness comes from one seed, which is printed: NEWS_FAULT_SEED repeats it;
 * NEWS_FAULT_ROUNDS (1 by default) multiplies the rounds, NEWS_FAULT_KEEP leaves the files. What
 * goes wrong fails the test at once, with the last words of every player. */
#ifndef NEWS_TEST_CAST_H
#define NEWS_TEST_CAST_H

#include <stdint.h>

#include "tests/faults/ledger.h"
#include "tests/support/broker.h"
#include "tests/support/process.h"
#include "tests/support/proxy.h"
#include "tests/support/tmpdir.h"

#define CAST_PATH   256
#define CAST_WAIT   150000 /* ms, for everything to come right again: a link waits up to 60 s */
#define CAST_PREFIX 16     /* words of a command to run a program under */

struct player { /* one program, started over and over */
    const char *what;
    struct process *process; /* NULL: is not wanted now */
    char log[CAST_PATH];     /* standard error of all its lives */
    unsigned starts;
    const char *under[CAST_PREFIX]; /* strace and its options; none: by itself */
    char words[CAST_PATH];          /* of them, one that is not a constant */
};

struct publisher {
    struct player daemon, send;
    const char *name, *url;
    const char *patience; /* --connect-timeout of send */
    char journal[CAST_PATH], config[CAST_PATH], input[CAST_PATH], fifo[CAST_PATH];
    bool stays; /* a daemon that ends is started again */
};

struct subscriber {
    struct player player;
    const char *url;
    char store[CAST_PATH], shown[CAST_PATH];
};

struct cast {
    const void *row; /* the test's initial state: of a table */
    struct tmpdir dir;
    struct broker *broker;
    struct proxy *publisher_leg, *subscriber_leg;
    struct publisher publisher, rival;
    struct subscriber subscriber, *crowd;
    size_t crowd_count;
    struct ledger ledger;
    bool in_order; /* items are fed so that their order within a stream is known */
    uint64_t random;
    char mount[CAST_PATH]; /* a small file system of its own; "": none */
    unsigned runs, kills;  /* for the table */
    int64_t converge_ms;
};

int cast_setup(void **state);    /* *state becomes a struct cast */
int cast_teardown(void **state); /* takes it apart again */

/* A broker with Mosquitto's own limits, ready to be configured further; and room for so many items.
 */
void cast_prepare(struct cast *c, unsigned items);
void cast_start(struct cast *c); /* the broker */
void cast_put_proxies(struct cast *c);
/* A file system of that size ("8m") at c->mount. False: not allowed here. */
bool cast_mount(struct cast *c, const char *size);
void cast_path(struct cast *c, char out[CAST_PATH], const char *name, const char *ending);
unsigned cast_rounds(unsigned by_default);
/* From 0 to below - 1. */
unsigned cast_random(struct cast *c, unsigned below);
/* A moment of the seed's choosing, so that a fault can happen anywhere; nothing is awaited by it.
 */
void cast_random_moment(struct cast *c, unsigned most_ms);

/* ---- players ---- */

struct publisher cast_publisher(struct cast *c, const char *name, const char *file);
void publisher_use_journal(struct publisher *p, const char *path); /* in place of its own */
struct subscriber cast_subscriber(struct cast *c, const char *file);

/* The daemon; returns once it is connected, or with wait false at once. */
void publisher_stay(struct cast *c, struct publisher *p, bool wait);
/* Feeds the next count items to a `newspub send` that goes on by itself; returns the first. */
unsigned publisher_send(struct cast *c, struct publisher *p, unsigned count);
/* The same items once more. */
void publisher_send_again(struct cast *c, struct publisher *p);
/* Sends what waits in the journal, and nothing new; the exit status. */
int publisher_deliver(struct cast *c, struct publisher *p);
/* Waits for the end of send and enters what it promised in the ledger; its exit status. */
int publisher_settle(struct cast *c, struct publisher *p, unsigned first, unsigned count);
/* All of it: exit status 0, or the test fails. */
void publisher_bring(struct cast *c, struct publisher *p, unsigned count);

void subscriber_start(struct cast *c, struct subscriber *s,
                      bool wait);                           /* until it has subscribed */
/* Until it has subscribed, in any of its lives. */
void subscriber_await(struct cast *c, const struct subscriber *s);
void subscriber_stop(struct cast *c, struct subscriber *s); /* SIGTERM */
/* An archive that has subscribed: the crowd's first. */
void archive_start(struct cast *c);
/* The cast's own subscriber, started, and the first few items: from then on it follows the
 * publisher, and nothing may be missing. (A newcomer starts with what comes next.) */
void cast_warm_up(struct cast *c);

void player_start(struct cast *c, struct player *p, const char *const *argv, const char *out);
void player_kill(struct cast *c, struct player *p); /* SIGKILL; fine when it does not run */
void player_signal(struct player *p, int number);
/* SIGTERM, and its exit status. */
int player_end(struct cast *c, struct player *p);
/* Its exit status, waiting for it. */
int player_wait(struct cast *c, struct player *p);
unsigned player_said(const struct player *p, const char *text); /* lines, of all its lives */
bool player_is_over(struct player *p);
void broker_crash(struct cast *c); /* SIGKILL, and up again */

/* ---- waiting and judging ---- */

/* Fails the test when condition does not hold within CAST_WAIT; a daemon that ends meanwhile is
 * started again. */
void cast_wait(struct cast *c, bool (*condition)(void *user), void *user, const char *what);
/* Waits until store and output of s have everything accepted. */
void cast_converge(struct cast *c, struct subscriber *s);
/* The verdict on one subscriber, its --check, and fails unless all is well. */
void cast_judge(struct cast *c, struct subscriber *s);
/* Both for the cast's own subscriber, its daemon and subscriber ended; prints the summary. */
void cast_finish(struct cast *c, const char *fault);
/* The line of the table: what cast_judge() found last. */
void cast_report(struct cast *c, const char *fault);
void cast_print_table(void);
__attribute__((noreturn, format(printf, 2, 3))) void cast_fail(struct cast *c, const char *format,
                                                               ...);

#endif
