/* subscriber/model.h - the list behind the full screen: which stories there are, in what order,
 * which of them are visible, unread, folded together. No terminal, no database, no text.
 *
 * An entry is a story as one publisher tells it. Its place in the list is where it was when it was
 * first met; a later version or a kill changes it in place. Places are numbers that grow with time
 * and never change; at most entries_max entries are kept, the oldest go first. About 160 bytes
 * an entry with all that finds it, 36 more for one that expires.
 *
 * Visible is what the rules let through (rules.h: hide rules, the live filter), what is not
 * withheld, embargoed or expired, and of stories folded together the leader alone. Hidden entries
 * are counted, never dropped.
 *
 * The same story: entries with the same uri, or with the same link and a nearly equal headline
 * (model_headlines_near()), are folded: the one with the oldest place leads, the others follow it
 * and are not visible. The story's marks are shared: what one of them is marked all are, and when
 * two meet their marks are added up. When the leader is killed or leaves, the next one leads. A
 * kill is visible by itself. What is hidden or waits is not folded: it must not take others with
 * it. Threads: one. */
#ifndef SUBSCRIBER_MODEL_H
#define SUBSCRIBER_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "subscriber/arrival.h"
#include "subscriber/history.h"
#include "subscriber/rules.h"

struct model;

struct model_options {
    struct rules *rules; /* outlives the model */
    size_t entries_max;  /* 0: 100 000 */
    bool fold;
};

#define MODEL_NONE     INT64_MIN /* no place */
#define MODEL_FOLD_MAX 100       /* entries folded together; more stand by themselves */

struct model_entry {
    int64_t id;          /* the store's row of the version that is shown */
    int64_t first_id;    /* of the version that took the place */
    int64_t time_ms;     /* of the version shown; DATE_UNKNOWN */
    int64_t follower;    /* the place of the next entry folded under this one; MODEL_NONE */
    int64_t leader;      /* the place of the one it is folded under; its own: none */
    uint32_t judged;     /* the model's own */
    uint16_t followers;  /* of a leader */
    unsigned char marks; /* enum history_mark */
    unsigned char urgency;
    unsigned char status;    /* enum item_status */
    unsigned char highlight; /* 1 + the rule that matches; 0 none */
    unsigned char state;     /* the model's own */
    bool fresh : 1;          /* came while we looked, and was not the cursor's yet: model_seen() */
    bool updated : 1;        /* a later version than the first */
    bool hidden : 1;         /* by a rule or the live filter */
    bool waits : 1;          /* withheld, embargoed, expired */
    bool visible : 1;
};

struct model *model_new(const struct model_options *o, struct news_error *err);
void model_free(struct model *m); /* NULL is fine */

/* Something came: the newest place, or an older one's next version (a lower or the same version
 * than what is shown never comes here: the store knows). now_ms: embargoes and expiry. marks: of a
 * new entry; a next version keeps those of the one before. A kill of what was visible, or folded
 * under what was, is visible whatever the rules say, until all is judged again.
 * The place; MODEL_NONE: a kill of nothing we have, or no memory. */
int64_t model_put(struct model *m, const struct arrival *a, int64_t id, unsigned marks,
                  int64_t now_ms);
/* A row from before everything that is here, as the history goes backwards. False: enough, there
 * is no room for older ones. A story that is here already is passed over. */
bool model_put_older(struct model *m, const struct arrival *a, int64_t id, unsigned marks,
                     int64_t now_ms);

const struct model_entry *model_entry(const struct model *m, int64_t place); /* NULL: not here */
int64_t model_place(const struct model *m, int64_t id); /* of a row that is shown; MODEL_NONE */
/* The oldest place, and one behind the newest. */
int64_t model_first(const struct model *m);
int64_t model_end(const struct model *m);

/* ---- what is visible, oldest first ---- */

size_t model_count(const struct model *m);
int64_t model_visible(const struct model *m, size_t i); /* the place of the i-th */
/* The first visible one at or behind place; model_count() when there is none. */
size_t model_index(const struct model *m, int64_t place);
/* The next unread one after (step 1) or before (step -1) index from, not counting it; SIZE_MAX. */
size_t model_unread_from(const struct model *m, size_t from, int step);

struct model_counts {
    size_t entries, visible, unread; /* unread: of the visible */
    size_t hidden;                   /* by rules and the live filter */
    size_t waiting, folded;
    size_t fresh; /* of the visible */
    size_t stale; /* not judged yet by the present rules; of the above they are in entries alone
                     (besides what model_rejudge() keeps) */
};
struct model_counts model_counts(const struct model *m);

/* ---- changes ---- */

void model_set_marks(struct model *m, int64_t place, unsigned set, unsigned clear);
void model_seen(struct model *m, int64_t place); /* no longer fresh */
void model_seen_all(struct model *m);

/* The rules changed: nothing is visible until it is judged again, but what keep (MODEL_NONE: none)
 * names, which stays until its own turn. */
void model_rejudge(struct model *m, int64_t keep);
/* The newest entry that is not judged; MODEL_NONE: all are. The caller fetches its text and gives
 * it to model_judge(). */
int64_t model_stale(const struct model *m);
void model_judge(struct model *m, int64_t place, const struct arrival *a, int64_t now_ms);
/* An entry whose text cannot be had any more leaves the list. */
void model_drop(struct model *m, int64_t place);

/* Embargoes that end and items that expire; the time of the next one in *next_ms (INT64_MAX). */
bool model_clock(struct model *m, int64_t now_ms, int64_t *next_ms); /* true: something changed */

/* Half or more of the words of both are the same (text_words(); of the first 16 different words of
 * each, by hash); empty ones never. */
bool model_headlines_near(const char *a, size_t a_len, const char *b, size_t b_len);

#endif
