#include "subscriber/model_state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/date.h"
#include "common/hash.h"
#include "common/item.h"

enum { ENTRIES_MAX = 100000 };

/* ---- made and freed ---- */

static size_t power_of_two(size_t least)
{
    size_t n = 1;
    while (n < least)
        n *= 2;
    return n;
}

static bool allocate(struct model *m)
{
    size_t slots = power_of_two(m->entries_max);
    m->mask = slots - 1;
    m->entries = calloc(slots, sizeof *m->entries);
    m->windows = calloc(slots, sizeof *m->windows);
    return m->entries && m->windows && table_init(&m->stories, slots) &&
           table_init(&m->rows, slots) && places_init(&m->visible, slots) &&
           timers_init(&m->timers, slots) && (!m->folds || fold_init(&m->fold, slots));
}

struct model *model_new(const struct model_options *o, struct news_error *err)
{
    struct model *m = calloc(1, sizeof *m);
    if (m) {
        m->rules = o->rules;
        m->folds = o->fold;
        m->entries_max = o->entries_max ? o->entries_max : ENTRIES_MAX;
        m->generation = 1;
        m->stale_at = MODEL_NONE;
        assert(m->entries_max <= UINT32_MAX / 4); /* slots are 32 bits */
    }
    if (!m || !allocate(m)) {
        model_free(m);
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    if (getrandom(&m->seed, sizeof m->seed, GRND_NONBLOCK) < 0) m->seed = 0;
    m->seed ^= HASH_START;
    return m;
}

void model_free(struct model *m)
{
    if (!m) return;
    buf_deinit(&m->text);
    buf_deinit(&m->words);
    fold_deinit(&m->fold);
    timers_deinit(&m->timers);
    places_deinit(&m->visible);
    table_deinit(&m->rows);
    table_deinit(&m->stories);
    free(m->windows);
    free(m->entries);
    free(m);
}

/* ---- who an item is ---- */

static uint64_t not_zero(uint64_t hash)
{
    return hash ? hash : 1;
}

static uint64_t row_key(const struct model *m, int64_t id)
{
    return not_zero(hash_word(m->seed, (uint64_t)id));
}

static const struct buf *read_text(struct model *m, struct json_slice s)
{
    buf_clear(&m->text);
    buf_puts(&m->text, "");
    json_text(&m->text, s);
    return &m->text;
}

/* False: no memory. */
static bool identify(struct model *m, const struct arrival *a, struct identity *who)
{
    const struct buf *text = read_text(m, a->item->member[NINJS_URI]);
    uint64_t publisher = hash_bytes(m->seed, a->levels.publisher ? a->levels.publisher : "",
                                    a->levels.publisher_len);
    *who = (struct identity){.story = not_zero(hash_bytes(publisher, text->data, text->len)),
                             .uri = not_zero(hash_bytes(m->seed, text->data, text->len))};
    if (!m->folds || !buf_ok(text)) return buf_ok(text);
    text = read_text(m, item_link(a->item));
    if (text->len) who->link = not_zero(hash_bytes(m->seed, text->data, text->len));
    if (!buf_ok(text)) return false;
    text = read_text(m, item_headline(a->item));
    sketch_make(&who->sketch, &m->words, text->data, text->len);
    return buf_ok(text) && buf_ok(&m->words);
}

/* ---- where an entry stands ---- */

static bool is_here(const struct model *m, int64_t place)
{
    return place >= m->first && place < m->end && entry_at(m, place)->judged;
}

static bool is_unread(unsigned marks)
{
    return !(marks & HISTORY_READ);
}

static void move_to(struct model *m, int64_t place, enum entry_state state)
{
    struct model_entry *e = entry_at(m, place);
    if (state == e->state) return;
    if (e->visible) {
        places_remove(&m->visible, place);
        m->unread -= is_unread(e->marks);
        m->fresh -= e->fresh;
    }
    m->in_state[e->state]--;
    m->in_state[state]++;
    e->state = (unsigned char)state;
    e->visible = state == STATE_VISIBLE;
    if (e->visible) {
        places_insert(&m->visible, place);
        m->unread += is_unread(e->marks);
        m->fresh += e->fresh;
    }
}

static void set_marks(struct model *m, struct model_entry *e, unsigned marks)
{
    if (e->visible) {
        m->unread -= is_unread(e->marks);
        m->unread += is_unread(marks);
    }
    e->marks = (unsigned char)marks;
}

static void set_fresh(struct model *m, struct model_entry *e, bool fresh)
{
    if (e->visible) {
        m->fresh -= e->fresh;
        m->fresh += fresh;
    }
    e->fresh = fresh;
}

/* Of all that are folded together. */
static void mark_story(struct model *m, int64_t place, unsigned set, unsigned clear)
{
    struct model_entry *e;
    for (int64_t at = entry_at(m, place)->leader; at != MODEL_NONE; at = e->follower) {
        e = entry_at(m, at);
        set_marks(m, e, (e->marks & ~clear) | set);
    }
}

/* Moves the entry to where what is known of it says. */
static void place_entry(struct model *m, int64_t place)
{
    const struct model_entry *e = entry_at(m, place);
    move_to(m, place,
            e->judged != m->generation ? STATE_OUT
            : e->waits                 ? STATE_WAITING
            : e->hidden                ? STATE_HIDDEN
            : e->leader != place       ? STATE_FOLDED
                                       : STATE_VISIBLE);
}

/* A line that moves from one entry to another is as new as it was. */
static void unfold(struct model *m, int64_t place)
{
    int64_t next = fold_leave(m, place);
    if (next == MODEL_NONE) return;
    set_fresh(m, entry_at(m, next), entry_at(m, place)->fresh);
    place_entry(m, next);
}

static void join(struct model *m, int64_t place)
{
    struct model_entry *e = entry_at(m, place), *other;
    int64_t before = fold_join(m, place);
    if (before == MODEL_NONE) return;
    other = entry_at(m, before);
    mark_story(m, place, e->marks | other->marks, 0);
    if (e->leader != place) {
        set_fresh(m, e, false);
        return;
    }
    set_fresh(m, e, e->fresh || other->fresh);
    set_fresh(m, other, false);
    place_entry(m, before);
}

/* Brings chain and list into line with what was found out about the entry. */
static void settle(struct model *m, int64_t place)
{
    const struct model_entry *e = entry_at(m, place);
    bool folds = m->folds && e->judged == m->generation && !e->waits && !e->hidden &&
                 e->status != ITEM_CANCELED;
    if (!folds) unfold(m, place);
    else if (e->leader == place && e->followers == 0) join(m, place);
    place_entry(m, place);
}

/* ---- time ---- */

static struct window read_window(const struct ninjs *item)
{
    struct window w = {0};
    int64_t embargo = item_date_ms(item, NINJS_EMBARGOED_UNTIL);
    int64_t expires = item_date_ms(item, NINJS_EXPIRES);
    if (item_status(item) == ITEM_CANCELED) return w;
    if (item_status(item) == ITEM_WITHHELD) w.from_ms = INT64_MAX;
    else if (item->member[NINJS_EMBARGOED_UNTIL].at)
        w.from_ms = embargo == DATE_UNKNOWN ? INT64_MAX : embargo;
    if (expires != DATE_UNKNOWN) w.until_ms = expires > 0 ? expires : 1;
    return w;
}

/* As arrival_hidden() has it, and when that changes. */
static void watch(struct model *m, int64_t place, int64_t now_ms)
{
    const struct window *w = &m->windows[slot_of(m, place)];
    bool early = w->from_ms && now_ms < w->from_ms;
    bool late = w->until_ms && now_ms >= w->until_ms;
    entry_at(m, place)->waits = early || late;
    timers_set(&m->timers, slot_of(m, place),
               early                  ? w->from_ms
               : w->until_ms && !late ? w->until_ms
                                      : INT64_MAX);
}

bool model_clock(struct model *m, int64_t now_ms, int64_t *next_ms)
{
    bool changed = false;
    while (m->timers.count && timers_due(&m->timers) <= now_ms) {
        int64_t place = place_of(m, timers_first(&m->timers));
        bool waited = entry_at(m, place)->waits;
        watch(m, place, now_ms);
        if (entry_at(m, place)->waits == waited) continue;
        settle(m, place);
        changed = true;
    }
    *next_ms = timers_due(&m->timers);
    return changed;
}

/* ---- judgement ---- */

static bool is_stale(const struct model *m, const struct model_entry *e)
{
    return e->judged && e->judged != m->generation;
}

/* The entry there is stale no more. */
static void pass_stale(struct model *m, int64_t place)
{
    m->stale--;
    if (place != m->stale_at) return;
    if (m->stale == 0) {
        m->stale_at = MODEL_NONE;
        return;
    }
    do
        m->stale_at--;
    while (!is_stale(m, entry_at(m, m->stale_at)));
}

static void judge(struct model *m, int64_t place, const struct arrival *a, int64_t now_ms)
{
    struct model_entry *e = entry_at(m, place);
    struct filter_subject subject = {.arrival = a,
                                     .unread = is_unread(e->marks),
                                     .starred = e->marks & HISTORY_STARRED,
                                     .now_ms = now_ms};
    struct rules_answer answer = rules_judge(m->rules, &subject);
    bool was_stale = is_stale(m, e);
    e->hidden = answer.hidden;
    e->highlight = answer.highlight;
    e->judged = m->generation;
    if (was_stale) pass_stale(m, place);
    watch(m, place, now_ms);
}

void model_judge(struct model *m, int64_t place, const struct arrival *a, int64_t now_ms)
{
    if (!is_here(m, place)) return;
    judge(m, place, a, now_ms);
    settle(m, place);
}

int64_t model_stale(const struct model *m)
{
    return m->stale_at;
}

void model_rejudge(struct model *m, int64_t keep)
{
    bool kept = is_here(m, keep) && entry_at(m, keep)->visible;
    m->generation++;
    m->stale = 0;
    m->stale_at = MODEL_NONE;
    for (int64_t place = m->end - 1; place >= m->first; place--) {
        if (!is_here(m, place)) continue;
        if (m->stale++ == 0) m->stale_at = place;
        fold_alone(m, place);
        if (!kept || place != keep) move_to(m, place, STATE_OUT);
    }
}

/* ---- coming and going ---- */

static void leave(struct model *m, int64_t place)
{
    struct model_entry *e = entry_at(m, place);
    uint32_t slot = slot_of(m, place);
    if (m->folds) fold_forget(m, place);
    unfold(m, place);
    if (is_stale(m, e)) pass_stale(m, place);
    move_to(m, place, STATE_OUT);
    m->in_state[STATE_OUT]--;
    e->judged = 0;
    table_remove(&m->stories, slot);
    table_remove(&m->rows, slot);
    timers_set(&m->timers, slot, INT64_MAX);
    while (m->first < m->end && !entry_at(m, m->first)->judged)
        m->first++;
}

void model_drop(struct model *m, int64_t place)
{
    if (is_here(m, place)) leave(m, place);
}

/* An entry that is not judged yet: take() follows. */
static void begin(struct model *m, int64_t place, int64_t id, unsigned marks, uint64_t story)
{
    *entry_at(m, place) = (struct model_entry){.first_id = id, .marks = (unsigned char)marks};
    fold_alone(m, place);
    table_put(&m->stories, story, slot_of(m, place));
    m->in_state[STATE_OUT]++;
}

/* Notes what tells it from others; a killed one is like nobody any more. */
static void note(struct model *m, int64_t place, const struct identity *who)
{
    struct model_entry *e = entry_at(m, place);
    if (e->status == ITEM_CANCELED) {
        fold_forget(m, place);
        return;
    }
    if (fold_note(m, place, who)) unfold(m, place);
    if (!e->judged) e->marks |= (unsigned char)fold_marks(m, place);
}

/* The version that is shown from now on. */
static void take(struct model *m, int64_t place, const struct arrival *a, int64_t id,
                 const struct identity *who, int64_t now_ms)
{
    struct model_entry *e = entry_at(m, place);
    struct window w = read_window(a->item), *old = &m->windows[slot_of(m, place)];
    bool was_shown = e->state == STATE_VISIBLE || e->state == STATE_FOLDED;
    e->id = id;
    e->time_ms = item_time_ms(a->item);
    e->urgency = (unsigned char)item_urgency(a->item);
    e->status = (unsigned char)item_status(a->item);
    table_remove(&m->rows, slot_of(m, place));
    table_put(&m->rows, row_key(m, id), slot_of(m, place));
    if (w.from_ms != old->from_ms || w.until_ms != old->until_ms) *old = w;
    if (m->folds) note(m, place, who);
    judge(m, place, a, now_ms);
    if (was_shown && e->status == ITEM_CANCELED) e->hidden = false;
    settle(m, place);
}

int64_t model_put(struct model *m, const struct arrival *a, int64_t id, unsigned marks,
                  int64_t now_ms)
{
    bool is_kill = item_status(a->item) == ITEM_CANCELED;
    struct identity who;
    int64_t place;
    if (!identify(m, a, &who)) return MODEL_NONE;
    uint32_t slot = table_find(&m->stories, who.story);
    if (slot != SLOT_NONE) {
        place = place_of(m, slot);
        entry_at(m, place)->updated |= !is_kill;
    } else if (is_kill) {
        return MODEL_NONE;
    } else {
        if (m->end - m->first == (int64_t)m->entries_max) leave(m, m->first);
        place = m->end++;
        begin(m, place, id, marks, who.story);
        entry_at(m, place)->fresh = true;
    }
    take(m, place, a, id, &who, now_ms);
    return place;
}

/* A row that was stored before us: its earlier versions are not told, but its number tells. */
static bool is_later_version(const struct arrival *a)
{
    struct json_slice version = a->item->member[NINJS_VERSION];
    return version.at && !json_is(version, "1") && !json_is(version, "0") &&
           item_status(a->item) != ITEM_CANCELED;
}

bool model_put_older(struct model *m, const struct arrival *a, int64_t id, unsigned marks,
                     int64_t now_ms)
{
    struct identity who;
    if (m->end - m->first == (int64_t)m->entries_max || !identify(m, a, &who)) return false;
    if (table_find(&m->stories, who.story) != SLOT_NONE) return true;
    m->first--;
    begin(m, m->first, id, marks, who.story);
    entry_at(m, m->first)->updated = is_later_version(a);
    take(m, m->first, a, id, &who, now_ms);
    return true;
}

/* ---- looking ---- */

const struct model_entry *model_entry(const struct model *m, int64_t place)
{
    return is_here(m, place) ? entry_at(m, place) : NULL;
}

int64_t model_place(const struct model *m, int64_t id)
{
    uint32_t slot = table_find(&m->rows, row_key(m, id));
    return slot == SLOT_NONE ? MODEL_NONE : place_of(m, slot);
}

int64_t model_first(const struct model *m)
{
    return m->first;
}

int64_t model_end(const struct model *m)
{
    return m->end;
}

size_t model_count(const struct model *m)
{
    return m->visible.count;
}

int64_t model_visible(const struct model *m, size_t i)
{
    return m->visible.at[m->visible.start + i];
}

size_t model_index(const struct model *m, int64_t place)
{
    return places_index(&m->visible, place);
}

size_t model_unread_from(const struct model *m, size_t from, int step)
{
    size_t count = model_count(m);
    if (m->unread == 0) return SIZE_MAX;
    for (size_t i = from + (size_t)step; i < count; i += (size_t)step) /* below 0 is above count */
        if (is_unread(entry_at(m, model_visible(m, i))->marks)) return i;
    return SIZE_MAX;
}

struct model_counts model_counts(const struct model *m)
{
    const size_t *in = m->in_state;
    return (struct model_counts){.entries = in[STATE_OUT] + in[STATE_WAITING] + in[STATE_HIDDEN] +
                                            in[STATE_FOLDED] + in[STATE_VISIBLE],
                                 .visible = in[STATE_VISIBLE],
                                 .unread = m->unread,
                                 .hidden = in[STATE_HIDDEN],
                                 .waiting = in[STATE_WAITING],
                                 .folded = in[STATE_FOLDED],
                                 .fresh = m->fresh,
                                 .stale = m->stale};
}

/* ---- marks ---- */

void model_set_marks(struct model *m, int64_t place, unsigned set, unsigned clear)
{
    if (is_here(m, place)) mark_story(m, place, set, clear);
}

void model_seen(struct model *m, int64_t place)
{
    if (is_here(m, place)) set_fresh(m, entry_at(m, place), false);
}

/* From the newest on, where fresh ones are. */
void model_seen_all(struct model *m)
{
    for (size_t i = model_count(m); i-- > 0 && m->fresh > 0;)
        set_fresh(m, entry_at(m, model_visible(m, i)), false);
}
