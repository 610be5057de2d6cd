/* subscriber/sink.h - where items go that are to be shown: lines on standard output, the full
 * screen, a recording, commands. The loop has a few of them and treats them alike.
 *
 * Items are put while their batch is open; committed() lets them out, undone() takes the batch
 * back. Whoever cannot take more says so with full(), and the loop reads no further. Every op may
 * be NULL but put and free. Threads: one. */
#ifndef SUBSCRIBER_SINK_H
#define SUBSCRIBER_SINK_H

#include "common/poll_set.h"
#include "subscriber/arrival.h"

struct sink_ops {
    /* id: the store's row; 0 without a store. */
    void (*put)(void *self, const struct arrival *a, int64_t id, int64_t now_ms);
    /* False: err, it can no more. */
    bool (*committed)(void *self, struct news_error *err);
    void (*undone)(void *self);
    bool (*full)(const void *self);
    /* Nothing waits that the end of the program would lose. */
    bool (*idle)(const void *self);
    /* Adds what it waits for; turn() follows each wait. False: err, it can no more. */
    void (*poll)(void *self, struct poll_set *set);
    bool (*turn)(void *self, struct news_error *err);
    /* It wants no more: the reader of a pipe has closed it. */
    bool (*gone)(const void *self);
    void (*free)(void *self);
};

struct sink {
    const struct sink_ops *ops;
    void *self;
    bool unruled; /* gets what the rules hide, too */
    bool whole;   /* gets what is withheld, embargoed, expired, too */
    bool side;    /* not what the user looks at: gets nothing a second time, and is not counted */
    bool apart;   /* what waits in it does not hold up the record of what was shown */
};

#endif
