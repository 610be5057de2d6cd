/* subscriber/model_state.h - what the sources of the model share: its state, and folding.
 *
 * Entries live in a ring: the one at a place has the slot place & mask. first..end-1 are the places
 * in use; one whose entry left is a hole (judged 0) until it is the oldest. */
#ifndef SUBSCRIBER_MODEL_STATE_H
#define SUBSCRIBER_MODEL_STATE_H

#include "common/buf.h"
#include "subscriber/model.h"
#include "subscriber/model_table.h"

/* Where an entry is counted: in one of these. */
enum entry_state {
    STATE_OUT, /* not judged by the present rules */
    STATE_WAITING,
    STATE_HIDDEN,
    STATE_FOLDED,
    STATE_VISIBLE,
    STATES
};

/* What is left of a headline, which is not kept. */
#define SKETCH_WORDS 16
struct sketch {
    uint16_t words[SKETCH_WORDS]; /* hashes of the first different words; 0: there are no more */
};

struct identity {
    uint64_t story, uri, link; /* seeded hashes, never 0 but for a link that there is not */
    struct sketch sketch;
};

struct fold {
    struct table uris, links; /* of all that are not killed, shown or not */
    struct sketch *sketches;  /* by slot */
};

/* When an entry may be shown; all zero: always. */
struct window {
    int64_t from_ms;  /* 0: since ever; INT64_MAX: nobody knows */
    int64_t until_ms; /* 0: for ever */
};

struct model {
    struct rules *rules;
    bool folds;
    size_t entries_max;
    uint64_t seed; /* of hashes: uris and links are foreign */
    uint32_t generation;
    int64_t first, end;
    size_t mask;
    struct model_entry *entries;
    struct window *windows;
    struct table stories, rows;
    struct fold fold;
    struct places visible;
    struct timers timers;
    size_t in_state[STATES], unread, fresh, stale;
    int64_t stale_at; /* the newest that is not judged; MODEL_NONE */
    struct buf text, words;
};

static inline uint32_t slot_of(const struct model *m, int64_t place)
{
    return (uint32_t)((uint64_t)place & m->mask);
}

static inline int64_t place_of(const struct model *m, uint32_t slot)
{
    return m->first + (int64_t)((slot - (uint64_t)m->first) & m->mask);
}

static inline struct model_entry *entry_at(const struct model *m, int64_t place)
{
    return &m->entries[slot_of(m, place)];
}

/* ---- model_fold.c ---- */

bool fold_init(struct fold *f, size_t slots);
void fold_deinit(struct fold *f);

/* The sketch of a headline; words is scratch. */
void sketch_make(struct sketch *s, struct buf *words, const char *text, size_t len);
bool sketch_near(const struct sketch *a, const struct sketch *b);

/* What the entry at place is found by. True: it differs from what was noted before. */
bool fold_note(struct model *m, int64_t place, const struct identity *who);
void fold_forget(struct model *m, int64_t place);
/* The marks of the same story, if there is one: also of one that is not shown. */
unsigned fold_marks(const struct model *m, int64_t place);

/* Chains of entries folded together. Of those that are in the list the oldest leads. */
/* Puts the entry, which is alone, where it belongs. The leader before, if there is a group for it;
 * MODEL_NONE. */
int64_t fold_join(struct model *m, int64_t place);
/* Takes it out. The place that leads in its stead; MODEL_NONE: it did not lead, or nobody followed.
 */
int64_t fold_leave(struct model *m, int64_t place);
/* Nobody's leader or follower, whatever the others say: for chains that are taken apart whole. */
void fold_alone(struct model *m, int64_t place);

#endif
