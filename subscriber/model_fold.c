/* The same story, told by several: who tells it, and who leads. */
#include "subscriber/model_state.h"

#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/text.h"

/* How many of the same uri or link are looked at: there are links that every item of a feed has. */
enum { LOOKS_MAX = 16 };

/* ---- headlines ---- */

static bool has_word(const struct sketch *s, uint16_t word)
{
    for (size_t i = 0; i < SKETCH_WORDS; i++)
        if (s->words[i] == word) return true;
    return false;
}

void sketch_make(struct sketch *s, struct buf *words, const char *text, size_t len)
{
    size_t count = 0;
    *s = (struct sketch){0};
    buf_clear(words);
    text_words(words, text, len);
    size_t at = 0;
    for (const char *blank; count < SKETCH_WORDS && at < words->len; at += 1) {
        blank = memchr(words->data + at, ' ', words->len - at);
        if (!blank) break; /* memory ended within the word */
        size_t word_len = (size_t)(blank - words->data) - at;
        uint16_t word = (uint16_t)hash_bytes(HASH_START, words->data + at, word_len);
        if (word == 0) word = 1;
        if (!has_word(s, word)) s->words[count++] = word;
        at += word_len;
    }
}

static size_t word_count(const struct sketch *s)
{
    size_t n = 0;
    while (n < SKETCH_WORDS && s->words[n])
        n++;
    return n;
}

bool sketch_near(const struct sketch *a, const struct sketch *b)
{
    size_t a_count = word_count(a), b_count = word_count(b), common = 0;
    for (size_t i = 0; i < a_count; i++)
        common += has_word(b, a->words[i]);
    return common > 0 && common * 2 >= a_count && common * 2 >= b_count;
}

bool model_headlines_near(const char *a, size_t a_len, const char *b, size_t b_len)
{
    struct buf words = {0};
    struct sketch first, second;
    sketch_make(&first, &words, a, a_len);
    sketch_make(&second, &words, b, b_len);
    buf_deinit(&words);
    return sketch_near(&first, &second);
}

/* ---- what entries are found by ---- */

bool fold_init(struct fold *f, size_t slots)
{
    f->sketches = calloc(slots, sizeof *f->sketches);
    return f->sketches && table_init(&f->uris, slots) && table_init(&f->links, slots);
}

void fold_deinit(struct fold *f)
{
    table_deinit(&f->uris);
    table_deinit(&f->links);
    free(f->sketches);
}

bool fold_note(struct model *m, int64_t place, const struct identity *who)
{
    struct fold *f = &m->fold;
    uint32_t slot = slot_of(m, place);
    if (f->uris.keys[slot] == who->uri && f->links.keys[slot] == who->link &&
        memcmp(&f->sketches[slot], &who->sketch, sizeof who->sketch) == 0)
        return false;
    fold_forget(m, place);
    table_put(&f->uris, who->uri, slot);
    if (who->link) table_put(&f->links, who->link, slot);
    f->sketches[slot] = who->sketch;
    return true;
}

void fold_forget(struct model *m, int64_t place)
{
    table_remove(&m->fold.uris, slot_of(m, place));
    table_remove(&m->fold.links, slot_of(m, place));
}

static bool is_shown(const struct model_entry *e)
{
    return e->state == STATE_VISIBLE || e->state == STATE_FOLDED;
}

static bool has_room(const struct model *m, const struct model_entry *e)
{
    return entry_at(m, e->leader)->followers < MODEL_FOLD_MAX - 1;
}

/* Who else has this key and tells the same story; in_list: and can be folded with. SLOT_NONE. */
static uint32_t find_in(const struct model *m, const struct table *t, uint32_t slot, bool in_list)
{
    const struct sketch *sketches = m->fold.sketches;
    unsigned looks = 0;
    if (!t->keys[slot]) return SLOT_NONE;
    for (uint32_t s = table_find(t, t->keys[slot]); s != SLOT_NONE; s = table_next(t, s)) {
        if (s == slot) continue;
        if (looks++ == LOOKS_MAX) break;
        if (t == &m->fold.links && !sketch_near(&sketches[s], &sketches[slot])) continue;
        if (!in_list || (is_shown(&m->entries[s]) && has_room(m, &m->entries[s]))) return s;
    }
    return SLOT_NONE;
}

static const struct model_entry *find_same(const struct model *m, int64_t place, bool in_list)
{
    uint32_t slot = slot_of(m, place);
    uint32_t same = find_in(m, &m->fold.uris, slot, in_list);
    if (same == SLOT_NONE) same = find_in(m, &m->fold.links, slot, in_list);
    return same == SLOT_NONE ? NULL : &m->entries[same];
}

unsigned fold_marks(const struct model *m, int64_t place)
{
    const struct model_entry *same = find_same(m, place, false);
    return same ? same->marks : 0;
}

/* ---- chains ---- */

void fold_alone(struct model *m, int64_t place)
{
    struct model_entry *e = entry_at(m, place);
    e->leader = place;
    e->follower = MODEL_NONE;
    e->followers = 0;
}

/* The entry at place leads its chain from now on, of count followers. */
static void lead(struct model *m, int64_t place, size_t count)
{
    entry_at(m, place)->followers = (uint16_t)count;
    for (int64_t at = place; at != MODEL_NONE; at = entry_at(m, at)->follower)
        entry_at(m, at)->leader = place;
}

int64_t fold_join(struct model *m, int64_t place)
{
    const struct model_entry *same = find_same(m, place, true);
    if (!same) return MODEL_NONE;
    int64_t leader = same->leader;
    struct model_entry *e = entry_at(m, place), *before = entry_at(m, leader);
    size_t count = before->followers + 1u;
    before->followers = 0;
    if (place < leader) {
        e->follower = leader;
        lead(m, place, count);
        return leader;
    }
    while (before->follower != MODEL_NONE && before->follower < place)
        before = entry_at(m, before->follower);
    e->follower = before->follower;
    before->follower = place;
    lead(m, leader, count);
    return leader;
}

int64_t fold_leave(struct model *m, int64_t place)
{
    struct model_entry *e = entry_at(m, place), *leader = entry_at(m, e->leader), *before = leader;
    int64_t next = MODEL_NONE;
    if (leader != e) {
        while (before->follower != place)
            before = entry_at(m, before->follower);
        before->follower = e->follower;
        leader->followers--;
    } else if (e->follower != MODEL_NONE) {
        next = e->follower;
        lead(m, next, e->followers - 1u);
    }
    fold_alone(m, place);
    return next;
}
