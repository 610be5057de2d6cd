/* publisher/source_kind.h - what the kinds of sources implement, and what they are given.
 *
 * A kind is one .c file and one line in the table of source.c. */
#ifndef PUBLISHER_SOURCE_KIND_H
#define PUBLISHER_SOURCE_KIND_H

#include "publisher/source.h"

struct fetch_result;

#define SOURCE_BATCH 500 /* submissions a source hands in before it lets the others have a turn */

struct source {
    const struct sources_host *host;
    struct source_config config; /* a copy; its strings live as long as the source */
    struct topic_place place;
    struct item_defaults defaults;
    struct fetch *fetch; /* shared by all feeds */
    const struct source_kind_ops *ops;
    void *self; /* the kind's own */
    struct source_status status;
    unsigned long generation; /* marks it during a reload */
};

struct source_kind_ops {
    /* NULL: err; the source stays in the list, and is tried again on a reload. */
    void *(*open)(struct source *s, struct news_error *err);
    void (*close)(void *self); /* nothing half done is left behind; NULL is fine */
    void (*poll)(void *self, struct poll_set *set);
    /* Does what is due, at most SOURCE_BATCH submissions. now_ms: the time of day. */
    void (*turn)(void *self, int64_t now_ms);
    /* The last turn before close: what was read already is handed in, nothing new is begun. NULL:
     * there is never anything. */
    void (*stop)(void *self, int64_t now_ms);
};

extern const struct source_kind_ops source_feed, source_spool, source_fifo;

/* What source.c gives to fetch_new() for all feeds: user of a request is the feed's self. */
void source_feed_fetched(void *self, const struct fetch_result *r);

/* Hands in one item and counts it; why it was refused is said in the log once the batch is
 * committed (the first ten of a batch; the rest are counted). where: "FILE:LINE" or a URL, for the
 * message. After DESK_FAILED the batch is lost: source_commit() will be false, and everything since
 * the last commit is to come again. */
enum desk_answer source_take(struct source *s, const struct ninjs *item, bool feed,
                             const char *where, struct news_error *err);
/* Counts and tells likewise what could not be read as an item; message names the place. */
void source_refuse(struct source *s, const char *message);
/* Ends the batch. False: it is rolled back, the state says why, and the source tries again later.
 */
bool source_commit(struct source *s);
/* Sets the state; logs it as an error or a note when it is another than before. */
__attribute__((format(printf, 3, 4))) void source_say(struct source *s, bool bad,
                                                      const char *format, ...);

#endif
