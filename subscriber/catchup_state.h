/* subscriber/catchup_state.h - what catchup.c, catchup_publishers.c, catchup_ask.c and
 * catchup_answer.c share: publishers, their epochs, the request that is outstanding. Nobody else
 * includes it. Times are monotonic milliseconds; INT64_MAX: never. */
#ifndef SUBSCRIBER_CATCHUP_STATE_H
#define SUBSCRIBER_CATCHUP_STATE_H

#include "subscriber/catchup.h"

enum {
    CATCHUP_BUCKETS = 4096,
    CATCHUP_HOLE_MS = 200,  /* items overtake each other: a younger hole may close by itself */
    CATCHUP_AGAIN_MS = 300, /* for what an end named or a status counted, and is still on its way */
    CATCHUP_BRIEF_MS = 20,  /* before a request to a publisher that leaves soon */
    CATCHUP_ANSWER_MS = 5000,
    CATCHUP_ARCHIVE_MS = 1000, /* for an archive, when the publisher does not know the epoch */
    CATCHUP_LONGEST_MS = 600000,
    CATCHUP_EMPTY_MS = 60000,   /* between requests for a moved status that find nothing */
    CATCHUP_SILENT_MS = 150000, /* two beacons and a half */
    CATCHUP_GRACE_MS = 10000,   /* for a status to come, before it is asked without one */
};

/* A position and a number: what a request said we have, or what is known to exist and not here. */
struct mark {
    struct position *at;
    uint64_t seq;
};

struct marks {
    struct mark *list;
    size_t count, size;
};

struct epoch {
    struct epoch *next;
    char name[WIRE_EPOCH_SIZE];
    bool loaded;  /* the store's streams are among the positions */
    bool live;    /* new items came by subscription */
    bool settled; /* answered to the end by the publisher: not asked on the next connection */
    bool unknown; /* not known to the publisher: never asked again */
    bool restart_told;
    bool official; /* the last end came from the publisher itself */

    bool must;           /* ask at ask_mono_ms whatever the positions say */
    int64_t ask_mono_ms; /* with must false: ask then if there is still something in lacking */
    struct marks lacking;
    unsigned fruitless;       /* ends in a row that brought nothing of what is missing */
    int64_t answered_mono_ms; /* the last end */
    int64_t hole_mono_ms;     /* when the oldest hole since then was noticed */

    uint64_t items;        /* of the last status; the journal's whole count */
    uint64_t counted;      /* how many of them are accounted for: here, or not matching */
    uint64_t recent;       /* new ones since that status */
    bool compared;         /* counted means something */
    int64_t moved_mono_ms; /* when to look whether the status is still ahead of counted */
    int64_t empty_mono_ms; /* the last request for that reason found nothing; INT64_MIN: it did */
};

struct request {
    struct epoch *epoch; /* NULL: no answer is expected */
    /* Nothing is waited for any more, but until the next request its answer is taken: it may be
     * late (expired), and its batches may come behind its end (ended). */
    bool expired, ended;
    char id[SYNC_ID_SIZE];
    bool disowned;       /* the publisher does not know the epoch; an archive may */
    bool joins;          /* a newcomer's: no positions were sent */
    bool moved;          /* asked only because the status has moved */
    uint64_t filters;    /* bit i: of filters[i] */
    struct marks claims; /* ordered by topic: every position in it, and what we said of it */
    uint64_t item_count; /* came so far */
    uint64_t gain;       /* new items, numbers closed, streams based */
    int64_t until_mono_ms;
};

enum remark {
    REMARK_MALFORMED,
    REMARK_STATUS,
    REMARK_UNASKED,
    REMARK_TOPIC,
    REMARK_LIMIT,
    REMARK_ITEM,
    REMARK_NUMBER,
    REMARK_ABSURD,
    REMARK_BACKWARD,
    REMARK_MISSING,
    REMARK_STREAMS,
    REMARK_TWO,
    REMARKS
};

struct publisher {
    struct publisher *next;    /* of all */
    struct publisher *chained; /* of its bucket */
    char name[TOPIC_SLUG_MAX + 1];
    uint64_t filters, joined; /* bit i: filters[i] can match its topics; was joined */
    struct epoch *epochs;     /* the one looked for last is the first */
    struct epoch *present;    /* its status's; until there is one, the first that was seen */
    bool named;               /* present is its status's */
    struct store_publisher stored;

    bool heard; /* a status came on this connection */
    bool online, online_told;
    int64_t silent_mono_ms;
    bool behind_asked; /* on this connection: its status counted fewer items than before */

    int64_t round_due_mono_ms; /* when to begin a round without a status */
    int64_t round_mono_ms;     /* the random wait: nothing is asked before */
    unsigned timeouts;         /* in a row */
    struct request request;

    struct epoch *live; /* of the last new item */
    unsigned returns;   /* how often new items went back to an epoch that was left */
    int64_t returned_mono_ms;
    int64_t remarked_mono_ms[REMARKS];
};

struct catchup {
    struct catchup_options options;
    struct catchup_events events;
    char client_id[SYNC_CLIENT_SIZE], root[TOPIC_ROOT_MAX + 1];
    char *filters[TOPIC_FILTERS_MAX];
    size_t filter_count;
    struct positions *positions;
    struct store *store;

    struct publisher *buckets[CATCHUP_BUCKETS];
    struct publisher *publishers;
    size_t publisher_count;
    bool too_many_told;

    bool up;
    unsigned connections;
    int64_t now_mono_ms, next_mono_ms;
    uint64_t random;
    char id_prefix[17];         /* of all requests: an answer to one of them may come late */
    struct publisher *replying; /* its answer's items are being handed out */
    struct buf out;
};

/* ---- catchup_publishers.c ---- */

/* The publisher, made when it is new. *out NULL: no filter can match its topics, or there are too
 * many. False: the store or memory. */
bool catchup_publisher(struct catchup *c, const char *name, struct publisher **out,
                       struct news_error *err);
struct publisher *catchup_known(const struct catchup *c, const char *name); /* NULL: it is not */
void catchup_publisher_free(struct publisher *p);
/* The epoch, made when it is new. False: no memory. */
bool catchup_epoch(struct publisher *p, const char *name, struct epoch **out,
                   struct news_error *err);
/* After a random wait of at most most_ms all epochs are asked that are not settled. */
bool catchup_round(struct catchup *c, struct publisher *p, int64_t most_ms, struct news_error *err);
/* When something of that epoch is to be asked or looked at. */
int64_t catchup_due(const struct publisher *p, const struct epoch *e);
/* Everything that is known to exist is here. */
bool catchup_complete(struct catchup *c, struct publisher *p, struct epoch *e,
                      struct news_error *err);
bool catchup_settle(struct catchup *c, struct publisher *p, struct epoch *e,
                    struct news_error *err);

bool catchup_matches(const struct catchup *c, uint64_t filters, const char *topic);
/* Is this a stream of that epoch that one of the filters matches? */
bool catchup_follows(const struct catchup *c, const struct publisher *p, const struct epoch *e,
                     uint64_t filters, const struct position *at);
bool catchup_in_store(struct catchup *c, struct news_error *err); /* a transaction is open */
void catchup_remark(struct catchup *c, struct publisher *p, enum remark which);
void catchup_wake(struct catchup *c, int64_t at_mono_ms);
uint64_t catchup_random(struct catchup *c);
int64_t catchup_jitter(struct catchup *c, int64_t most_ms); /* 0 to most_ms */
bool marks_add(struct marks *m, struct position *at, uint64_t seq, struct news_error *err);
void marks_free(struct marks *m);
struct mark *marks_find(const struct marks *m, const char *topic); /* ordered by topic */

/* ---- catchup_ask.c ---- */

/* Sends the request that this epoch needs; or none, if there is nothing to ask for. */
bool catchup_ask(struct catchup *c, struct publisher *p, struct epoch *e, bool moved,
                 struct news_error *err);
/* No answer came. */
void catchup_give_up(struct catchup *c, struct publisher *p);
/* Nobody will say what came last in this epoch: told once, and never asked again. */
bool catchup_forget(struct catchup *c, struct publisher *p, struct epoch *e,
                    struct news_error *err);
void request_end(struct request *r);

#endif
