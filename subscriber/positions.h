/* subscriber/positions.h - which numbers of each stream came: everything through one number, and
 * ranges beyond it. A hole is what lies between.
 *
 * Memory grows with the streams and the holes, never with the items; both are bounded:
 * POSITIONS_STREAMS_MAX streams, POSITIONS_RANGES_MAX ranges a stream (the farthest is forgotten:
 * what is forgotten comes again and is known by the store). Threads: one. */
#ifndef SUBSCRIBER_POSITIONS_H
#define SUBSCRIBER_POSITIONS_H

#include "common/buf.h"
#include "common/sync_message.h"

#define POSITIONS_STREAMS_MAX 200000
#define POSITIONS_RANGES_MAX  1000

struct number_range {
    uint64_t first, last;
};

struct position {
    char publisher[TOPIC_SLUG_MAX + 1];
    char epoch[WIRE_EPOCH_SIZE];
    const char *topic;
    bool based; /* through means something. Until then only ranges grow: a newcomer does not know
                   yet where it starts */
    uint64_t through;
    struct number_range *ahead; /* ascending, beyond through + 1, never touching each other */
    size_t ahead_count;
    int64_t hole_since_mono_ms; /* when the oldest hole was noticed, or the one before it filled;
                                   0: long ago; INT64_MAX: there is none */
    int64_t store_id;           /* the store's row; 0: not looked up; -1: there is none yet */
    bool dirty;                 /* changed since the store wrote it */
    /* The module's own: the streams that changed. */
    bool listed;
    struct position *next_listed, **list;
};

struct positions;

struct positions *positions_new(struct news_error *err);
void positions_free(struct positions *p); /* NULL is fine */

/* The stream's position, made when it is new (based false); it stays where it is. NULL: no memory,
 * too many streams, or a publisher or epoch that is too long. */
struct position *positions_of(struct positions *p, const char *publisher, const char *epoch,
                              const char *topic);

enum position_answer {
    POSITION_NEW,
    POSITION_KNOWN,  /* came before */
    POSITION_ABSURD, /* SYNC_HOLE_MAX numbers and more beyond the highest: nobody's number. But a
                        newcomer's first number may be any */
};
enum position_answer position_look(const struct position *at, uint64_t seq); /* changes nothing */
/* Marks first..last as there (or as gone for good). False: no memory, or no range of numbers. */
bool position_add(struct position *at, uint64_t first, uint64_t last, int64_t now_mono_ms);
/* A newcomer starts here: through at least that. A hole this brings to light counts as old. */
void position_base(struct position *at, uint64_t through);
bool position_has_hole(const struct position *at);
/* The i-th hole, ascending: numbers between what came. False: there are fewer. */
bool position_hole(const struct position *at, size_t i, struct number_range *out);
uint64_t position_highest(const struct position *at);

/* "7-9,12": ranges as the store keeps them. Taken back they join what is there; what holes are
 * between them count as old. False: no memory, or not such a text. */
void position_put_ahead(const struct position *at, struct buf *out);
bool position_get_ahead(struct position *at, const char *text);

/* All streams, in no order. */
struct position *positions_next(struct positions *p, size_t *cursor); /* *cursor 0 at first */
/* The next one that is dirty, which it is no more then; NULL: none is left. */
struct position *positions_take_dirty(struct positions *p);
size_t positions_count(const struct positions *p);

#endif
