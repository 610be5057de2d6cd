/* subscriber/store.h - what this subscriber has received: items, positions in their streams, what
 * it has shown, in one SQLite file.
 *
 * An item and its position are written in one transaction; the loop commits it before it lets the
 * acknowledgements go out. Tables stream and item are as common/storage/answer.h wants them, so
 * that an archive can answer from it. Positions of the present session live in positions.h; the
 * store looks one up when it is first met and writes back what changed.
 *
 * Duplicates are known by their number for ever, and stories by (publisher, uri, version). A kill
 * erases the text of all versions and leaves a tombstone: late older versions, and newer ones, only
 * mark their number. A version that its publisher numbers anew is known, but kept under both
 * numbers for who asks an archive. Threads: one. */
#ifndef SUBSCRIBER_STORE_H
#define SUBSCRIBER_STORE_H

#include "common/storage/db.h"
#include "subscriber/positions.h"

struct store;

/* db.owner "newssub". */
struct store *store_open(const char *path, const struct db_options *db, struct news_error *err);
void store_close(struct store *s); /* NULL is fine */
struct db *store_db(const struct store *s);

/* Fine when one is open; whatever writes here begins one itself. */
bool store_begin(struct store *s, struct news_error *err);
bool store_dirty(const struct store *s); /* a transaction is open */
/* Writes the positions that changed (p NULL: none), and commits; nothing to do is done. False:
 * everything since store_begin() is undone, as after store_rollback(); the positions in memory are
 * ahead of the store and may speak of rows that are not there: end, or begin with new ones. */
bool store_commit(struct store *s, struct positions *p, struct news_error *err);
void store_rollback(struct store *s);

/* ---- positions ---- */

/* Fills at from the store, once (store_id 0); keeps what memory has if there is nothing. */
bool store_load_position(struct store *s, struct position *at, struct news_error *err);
/* Every stream of a publisher in that epoch that the store knows, loaded into p. */
bool store_load_publisher(struct store *s, struct positions *p, const char *publisher,
                          const char *epoch, struct news_error *err);

/* ---- items ---- */

struct store_item {
    const char *publisher; /* of the topic; "" when it is not one of ours */
    const char *topic;
    const struct wire_number *number; /* NULL: has none */
    struct position *at;              /* of the number; NULL: has none */
    const struct ninjs *item;
    int64_t received_ms;
};

enum store_answer {
    STORE_NEW,      /* stored; the newest version of its story: to be shown */
    STORE_OLDER,    /* stored; a newer version is there already: not to be shown */
    STORE_KNOWN,    /* this number, or this version of the story, is there */
    STORE_DEAD,     /* its story was killed: only its number was marked */
    STORE_CONFLICT, /* the number is taken by another item: like NEW, but stored without it; the
                       publisher's numbers went back (err says so). What would be OLDER, KNOWN or
                       DEAD without its number is that */
    STORE_FAILED,   /* err: FULL, IO: roll back, acknowledge nothing */
};
/* In the open transaction. Does not touch item->at: the caller marks it, unless FAILED or CONFLICT.
 * *id: the row of NEW, OLDER and CONFLICT. */
enum store_answer store_put(struct store *s, const struct store_item *item, int64_t *id,
                            struct news_error *err);

/* A row as it was stored. */
struct store_row {
    int64_t id;
    const char *topic;
    int64_t received_ms;
    const char *bytes; /* a valid item */
    size_t len;
};
/* Rows that are the newest living version of their story (and kills), ids in first_id.., ascending,
 * until each() returns false. */
bool store_each(struct store *s, int64_t first_id,
                bool (*each)(void *user, const struct store_row *row), void *user,
                struct news_error *err);
/* The id from which on there are n such rows; the first id when there are fewer. */
bool store_last(struct store *s, uint64_t n, int64_t *first_id, struct news_error *err);
/* The first id that was received at or after that time (near it, where the clock was set back); one
 * behind the last when there is none. */
bool store_since(struct store *s, int64_t unix_ms, int64_t *first_id, struct news_error *err);

/* ---- what was shown ---- */

/* Where standard output is a regular file, its length goes with the cursor, so that a restart can
 * cut off what was written but not committed. device and inode tell whether it is the same file. */
struct store_shown {
    int64_t id; /* everything up to it was shown */
    uint64_t device, inode;
    int64_t length; /* -1: not a regular file */
};
bool store_shown(struct store *s, struct store_shown *out, struct news_error *err);
bool store_set_shown(struct store *s, const struct store_shown *shown, struct news_error *err);

/* ---- what sync knows of publishers ---- */

struct store_publisher {
    char epoch[WIRE_EPOCH_SIZE]; /* the last one its status named; "" none */
    uint64_t items;              /* likewise */
};
bool store_publisher(struct store *s, const char *publisher, struct store_publisher *out,
                     struct news_error *err);
bool store_set_publisher(struct store *s, const char *publisher, const struct store_publisher *p,
                         struct news_error *err);
/* This subscriber follows the publisher through filter from its base on: what filter covers and is
 * not known yet starts at number 1. */
bool store_join(struct store *s, const char *publisher, const char *filter, struct news_error *err);
bool store_joined(struct store *s, const char *publisher, const char *filter, bool *out,
                  struct news_error *err); /* covered by a joined one */
/* Epochs of which the store has streams and that are not settled, ascending, except that one. */
bool store_open_epochs(struct store *s, const char *publisher, const char *except,
                       bool (*each)(void *user, const char *epoch), void *user,
                       struct news_error *err);
bool store_settle_epoch(struct store *s, const char *publisher, const char *epoch,
                        struct news_error *err);
/* Numbers that are gone for good; marking the position is the caller's. *news: some of them were
 * not noted before; only those are noted now. */
bool store_gone(struct store *s, struct position *at, uint64_t first, uint64_t last,
                const char *reason, bool *news, struct news_error *err);

/* ---- --check ---- */

/* What the store says of its streams, for people; *holes and *gone count numbers. */
struct store_check_row {
    const char *publisher, *epoch, *topic;
    uint64_t through, highest; /* highest number that came or was named */
    uint64_t stored;           /* numbers with a row, killed ones too */
    uint64_t holes, gone;      /* numbers */
    const char *hole_list;     /* "7-9,12", "" none */
    const char *gone_list;     /* "3-4 (pruned)", "" none */
};
bool store_check(struct store *s, bool (*each)(void *user, const struct store_check_row *row),
                 void *user, struct news_error *err);

#endif
