/* common/sync_message.h - what publishers and subscribers say to each other besides news: status,
 * requests for what is missing, answers. docs/sync.md has the exchange.
 *
 *   newswire/status/<publisher>              retained, and the publisher's will
 *   newswire/head/<publisher>                retained, never a will: how far the journal is
 *   newswire/sync/<publisher>/<client id>    a request
 *   newswire/reply/<client id>/<publisher>   its answer: batches and an end
 *
 * All of it is foreign when it is parsed: bounded, checked, refused with a reason. Unknown members
 * are passed over, so that a later version may add some; "v" must be 1. Numbers are integers from 0
 * to 2^63-1, times lie from 1970 to 9999. A topic named twice among positions is there twice, and
 * either may count: it harms nobody but who said it. */
#ifndef NEWS_SYNC_MESSAGE_H
#define NEWS_SYNC_MESSAGE_H

#include "common/arena.h"
#include "common/buf.h"
#include "common/wire_number.h"

#define SYNC_STATUS  "newswire/status/"
#define SYNC_HEAD    "newswire/head/"
#define SYNC_REQUEST "newswire/sync/"
#define SYNC_REPLY   "newswire/reply/"
/* As long as a reply's topic can be: what a payload has to fit beside. */
#define SYNC_REPLY_LONGEST                                                                         \
    SYNC_REPLY "0123456789012345678901234567890123456789012345678901234567890123/"                 \
               "01234567890123456789012345678901"
#define SYNC_ID_SIZE       33           /* of a request, with its NUL: [A-Za-z0-9_.-] */
#define SYNC_CLIENT_SIZE   65           /* of a client id, likewise */
#define SYNC_LIMIT_MAX     5000         /* items of one answer */
#define SYNC_BATCH_BYTES   (256u << 10) /* of one batch, unless a single item is larger */
#define SYNC_MESSAGE_MAX   ((4u << 20) + (48u << 10))
#define SYNC_POSITIONS_MAX 50000    /* topics in one request or end */
#define SYNC_HOLE_MAX      1000000u /* numbers one stream may lack: more is absurd */

/* May this text be a level of those topics? 1 to size - 1 of [A-Za-z0-9_.-]. */
bool sync_name_ok(const char *text, size_t len, size_t size);
/* The publisher and the client of a request's topic, or of a reply's. False: it is neither. */
struct sync_route {
    char publisher[TOPIC_SLUG_MAX + 1];
    char client[SYNC_CLIENT_SIZE];
};
bool sync_route_of_request(const char *topic, struct sync_route *out);
bool sync_route_of_reply(const char *topic, struct sync_route *out);
/* The publisher of a status (or, with prefix SYNC_HEAD, a head) topic. */
bool sync_publisher_of(const char *topic, const char *prefix, char out[TOPIC_SLUG_MAX + 1]);

/* ---- status, head ---- */

/* {"v":1,"state":"online","epoch":"...","items":n,"streams":n,"since":"..."}; a head is written
 * with online true; one without a state is read as such. */
struct sync_status {
    bool online;
    char epoch[WIRE_EPOCH_SIZE];
    uint64_t items;   /* numbers given out in this epoch, over all streams */
    uint64_t streams; /* of this epoch */
    int64_t since_ms; /* the publisher's start, tells two runs apart; DATE_UNKNOWN: not said */
    bool brief;       /* "brief":true: it leaves as soon as nobody asks for anything */
};
void sync_status_write(struct buf *out, const struct sync_status *s);
bool sync_status_parse(const char *bytes, size_t len, struct sync_status *out,
                       struct news_error *err);

/* ---- request ---- */

enum sync_from {
    SYNC_HAVE,  /* what lies beyond the positions; a topic that is not named: from 1 */
    SYNC_LAST,  /* a newcomer: the last n items, over all topics */
    SYNC_SINCE, /* a newcomer: what was accepted since then */
};

struct sync_position {
    const char *topic; /* NUL-terminated */
    uint64_t seq;      /* everything up to it is there (or was declared gone) */
};

/* {"v":1,"id":"...","epoch":"...","filters":["..."],"have":{"topic":seq},"limit":500}, or "last":n,
 * or "since":"2026-11-23T14:00:00Z" in place of have. */
struct sync_request {
    char id[SYNC_ID_SIZE];
    char epoch[WIRE_EPOCH_SIZE];
    const char *filters[TOPIC_FILTERS_MAX]; /* well-formed; at least one */
    size_t filter_count;
    enum sync_from from;
    struct sync_position *have; /* SYNC_HAVE */
    size_t have_count;
    uint64_t last;
    int64_t since_ms;
    unsigned limit;       /* items, 1 to SYNC_LIMIT_MAX (more is taken as that) */
    struct arena *memory; /* of a parsed one: owns filters and have */
};
void sync_request_write(struct buf *out, const struct sync_request *r);
/* The caller owns the answer's memory: sync_request_deinit(). */
bool sync_request_parse(const char *bytes, size_t len, struct sync_request *out,
                        struct news_error *err);
void sync_request_deinit(struct sync_request *r); /* zeroed is fine */

/* ---- answer ---- */

struct sync_missing {
    const char *topic; /* NUL-terminated */
    uint64_t first, last;
    const char *reason; /* "pruned", "toolarge", "denied", "damaged", "killed", or what it says */
};

/* A batch: {"v":1,"id":"...","items":[{"topic":"...","item":{...}},...]}.
 * An end:  {"v":1,"id":"...","through":{"topic":seq},"missing":[["topic",first,last,"reason"]],
 *           "more":false}; with "archive":true by who is not the publisher, and so cannot say that
 * something is gone for good; with "unknown":true when the epoch is not known here. */
struct sync_end {
    struct sync_position *through;
    size_t through_count;
    struct sync_missing *missing;
    size_t missing_count;
    bool more, archive, unknown;
};

void sync_batch_open(struct buf *out, const char *id);
void sync_batch_add(struct buf *out, const char *topic, const char *item, size_t len);
void sync_batch_close(struct buf *out);
void sync_end_write(struct buf *out, const char *id, const struct sync_end *e);

struct sync_item {
    const char *topic; /* NUL-terminated */
    struct json_slice item;
};
struct sync_answer {
    char id[SYNC_ID_SIZE];
    bool is_end;
    struct sync_item *items; /* of a batch, at most SYNC_LIMIT_MAX: sync_batch_next() */
    size_t item_count, taken;
    struct sync_end end;
    struct arena *memory; /* owns items and end */
};
/* *out points into bytes. The caller owns its memory: sync_answer_deinit(). */
bool sync_answer_parse(const char *bytes, size_t len, struct sync_answer *out,
                       struct news_error *err);
void sync_answer_deinit(struct sync_answer *a);
/* The next item of a batch; topic is a well-formed topic name, the item any JSON object:
 * ninjs_check() is the caller's, and whatever that passes is passed here. False: there are no more.
 * A malformed element was refused by sync_answer_parse() already. */
bool sync_batch_next(struct sync_answer *a, char topic[TOPIC_MAX], struct json_slice *item);

#endif
