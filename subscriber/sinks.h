/* subscriber/sinks.h - all sinks of the loop together, and who of them gets what: rules, embargoes,
 * and that whoever saw a story sees its correction. */
#ifndef SUBSCRIBER_SINKS_H
#define SUBSCRIBER_SINKS_H

#include "subscriber/rules.h"
#include "subscriber/sink.h"
#include "subscriber/told.h"

enum { SINKS_MAX = 4 };

struct sinks { /* zeroed is empty */
    struct sink list[SINKS_MAX];
    size_t count;
    struct rules *rules; /* the caller's; NULL: none */
    struct told *told;   /* with rules */
    size_t hidden;       /* by rules, or not to be shown yet or any more */
};

/* Takes over what the sink is. */
void sinks_add(struct sinks *s, struct sink sink);
/* Frees the one with that self, if it is there. */
void sinks_drop(struct sinks *s, const void *self);
void sinks_free(struct sinks *s);

/* again: it may have been put before. True: what the user looks at has got it. */
bool sinks_put(struct sinks *s, const struct arrival *a, int64_t id, bool again, int64_t now_ms);
/* What was put before this program began: its corrections are to be seen, too. */
void sinks_recall(struct sinks *s, const struct arrival *a, int64_t now_ms);
/* Each of these asks or tells all of them. */
bool sinks_committed(struct sinks *s, struct news_error *err);
void sinks_undone(struct sinks *s);
bool sinks_full(const struct sinks *s); /* one is */
bool sinks_idle(const struct sinks *s, bool apart); /* all are that are, or are not, apart */
bool sinks_gone(const struct sinks *s); /* one is */
void sinks_poll(struct sinks *s, struct poll_set *set);
bool sinks_turn(struct sinks *s, struct news_error *err);

#endif
