/* publisher/submission.h - what somebody hands in to be published: an item, a correction, a kill.
 *
 * The same whether it comes from the command line, a feed, a spool, over the socket of a running
 * daemon, or out of the journal where it waited for its embargo to end. */
#ifndef PUBLISHER_SUBMISSION_H
#define PUBLISHER_SUBMISSION_H

#include <stdbool.h>
#include <stddef.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/error.h"
#include "common/item.h"
#include "common/topic.h"

#define SUBMISSION_BYTES_MAX  (NINJS_BYTES_MAX + (64u << 10)) /* of a line */
#define SUBMISSION_SOURCE_MAX 63                              /* bytes of a source's name */

enum submission_kind {
    SUBMIT_ITEM,
    SUBMIT_UPDATE, /* item holds only uri and the members that change */
    SUBMIT_KILL,   /* item is not used */
};

struct submission {
    enum submission_kind kind;
    struct ninjs item;             /* valid ninjs 3.1 */
    const char *uri;               /* SUBMIT_UPDATE, SUBMIT_KILL */
    const char *note;              /* SUBMIT_KILL: why; NULL none */
    struct topic_place place;      /* where a story goes that has no topic yet */
    struct item_defaults defaults; /* language, subject and urgency as in place; now_ms is the
                                      desk's business */
    const char *source; /* the configured source it came from; "" by hand. A story belongs to the
                           source that brought it first */
    bool feed;          /* of a feed: its own id may be used again for another story */
};

/* One JSON object on one line, without the newline:
 * {"v":1,"op":"item|update|kill","uri":..,"note":..,"root":..,"publisher":..,"service":..,
 *  "lang":..,"subject":..,"urgency":n,"by":..,"source":..,"feed":true,"item":{...}}
 * by is defaults.source; what is not known, or "", is left out. */
void submission_write(struct buf *out, const struct submission *s);

/* Foreign bytes: checked like any input, unknown members refused. *out points into bytes and
 * memory. */
bool submission_read(const char *bytes, size_t len, struct arena *memory, struct submission *out,
                     struct news_error *err);

#endif
