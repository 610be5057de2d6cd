/* subscriber/shown.h - how far the store's items were shown, kept in the store.
 *
 * An item counts as shown once its bytes have left the process. That is recorded with the next
 * commit: a crash in between shows the last batch again, unless standard output is a regular file.
 * A file is cut back to its recorded length at the start, so there nothing is shown twice. */
#ifndef SUBSCRIBER_SHOWN_H
#define SUBSCRIBER_SHOWN_H

#include "subscriber/store.h"

struct shown {
    struct store *store;                    /* NULL: nothing is kept, and all calls do nothing */
    int64_t put_id, committed_id;           /* the last one given to the output; and committed */
    int64_t cut;                            /* bytes cut off the file at the start */
    bool put;                               /* something was, since shown_out() */
    struct store_shown out;                 /* what has left */
    struct store_shown recorded, recording; /* on disk; in the open transaction */
    bool is_recording;
    int64_t recorded_mono_ms;
};

/* Reads the record; after a crash cuts the file behind fd; records the file if it is another than
 * before. */
bool shown_init(struct shown *s, struct store *store, int fd, struct news_error *err);
/* Given to the output: a row of the store, perhaps one that was shown before. */
void shown_put(struct shown *s, int64_t id);
/* Everything given to the output has left through fd. */
void shown_out(struct shown *s, int fd);
/* In a transaction that is about to be committed. */
void shown_record(struct shown *s);
/* Any transaction was committed; or was not, and the rows of it are gone. */
void shown_committed(struct shown *s);
void shown_undo(struct shown *s);
/* When a transaction of its own is due; monotonic, INT64_MAX never. */
int64_t shown_due(const struct shown *s);

#endif
