/* What was published, what each log took of it, and what of that is due to whom. */
#include <stdlib.h>
#include <string.h>

#include "common/topic.h"
#include "tests/simulator/world.h"

enum { MARK_SIZE = 12 }; /* publication, attempt, size: the first bytes of each payload */

unsigned oracle_publish(struct world *w, struct publication p)
{
    if (w->publication_count == w->publication_size) {
        w->publication_size = w->publication_size ? 2 * w->publication_size : 128;
        w->publications = realloc(w->publications, w->publication_size * sizeof p);
        if (!w->publications) abort();
    }
    if (p.size < MARK_SIZE) p.size = MARK_SIZE;
    w->publications[w->publication_count] = p;
    return (unsigned)w->publication_count++;
}

size_t oracle_payload(const struct world *w, unsigned publication, unsigned attempt, uint8_t *out)
{
    size_t size = w->publications[publication].size;
    uint32_t mark[3] = {publication, attempt, (uint32_t)size};
    memcpy(out, mark, MARK_SIZE);
    for (size_t i = MARK_SIZE; i < size; i++)
        out[i] = (uint8_t)(publication * 31 + attempt * 17 + i * 7 + i / 256);
    return size;
}

/* Is it what somebody published, byte by byte? */
static bool is_genuine(const struct world *w, const struct record *r, struct entry *out)
{
    static uint8_t expected[1 << 17];
    uint32_t mark[3];
    if (r->payload_len < MARK_SIZE) return false;
    memcpy(mark, record_payload(r), MARK_SIZE);
    if (mark[0] >= w->publication_count || mark[1] > w->publications[mark[0]].attempt) return false;
    const struct publication *p = &w->publications[mark[0]];
    *out = (struct entry){.publication = mark[0], .attempt = mark[1], .flags = r->flags};
    return r->payload_len == oracle_payload(w, mark[0], mark[1], expected) &&
           memcmp(expected, record_payload(r), r->payload_len) == 0 &&
           strcmp(p->topic, record_topic(r)) == 0 &&
           p->retain == ((r->flags & NRP_FLAG_RETAIN) != 0);
}

static void note_attempt(struct world *w, const struct entry *e)
{
    struct publication *p = &w->publications[e->publication];
    if (p->logged_era != w->era_count) {
        p->logged_era = w->era_count;
        p->logged = 0;
    }
    uint64_t bit = e->attempt < 64 ? (uint64_t)1 << e->attempt : 0;
    check(w, I1_LOG, !(p->logged & bit), "publication %u.%u is in the log twice", e->publication,
          e->attempt);
    p->logged |= bit;
}

void oracle_logged(struct world *w, const struct record *r)
{
    struct era *era = &w->eras[w->era_count - 1];
    struct entry e;
    check(w, I1_LOG, r->iseq == era->count + 1, "the log goes from %zu to %llu", era->count,
          (unsigned long long)r->iseq);
    if (!check(w, I1_INVENTION, is_genuine(w, r, &e), "log: nobody published %llu (%s)",
               (unsigned long long)r->iseq, record_topic(r)))
        return;
    world_trace(w, "log: %llu is %u.%u by %u, %u bytes, %s", (unsigned long long)r->iseq,
                e.publication, e.attempt, w->publications[e.publication].by, r->payload_len,
                record_topic(r));
    note_attempt(w, &e);
    if (era->count == era->size) {
        era->size = era->size ? 2 * era->size : 128;
        era->entries = realloc(era->entries, era->size * sizeof e);
        if (!era->entries) abort();
    }
    era->entries[era->count++] = e;
}

const struct era *oracle_era(const struct world *w, uint64_t epoch)
{
    for (unsigned i = w->era_count; i-- > 0;)
        if (w->eras[i].epoch == epoch) return &w->eras[i];
    return NULL;
}

const struct entry *oracle_find(const struct world *w, uint64_t epoch, uint64_t iseq)
{
    const struct era *era = oracle_era(w, epoch);
    return era && iseq > 0 && iseq <= era->count ? &era->entries[iseq - 1] : NULL;
}

bool oracle_is_logged(const struct world *w, unsigned publication, unsigned attempt)
{
    const struct publication *p = &w->publications[publication];
    if (p->logged_era != w->era_count) return false;
    return attempt >= 64 || (p->logged & (uint64_t)1 << attempt);
}

static bool is_due(const struct actor *a, uint64_t iseq, const char *topic, bool session)
{
    for (unsigned i = 0; i < a->plan->filter_count; i++) {
        const struct interest *n = &a->interests[i];
        uint64_t from = session ? n->session_due_from : n->due_from;
        if (n->wanted && from > 0 && from <= iseq && topic_matches(n->filter, topic)) return true;
    }
    return false;
}

static uint64_t missing(const struct actor *a, uint64_t before, enum seen seen, bool session,
                        uint64_t *first)
{
    const struct era *era = oracle_era(a->world, a->epoch);
    uint64_t count = 0;
    *first = 0;
    for (uint64_t iseq = 1; era && iseq <= era->count && iseq < before; iseq++) {
        const char *topic = a->world->publications[era->entries[iseq - 1].publication].topic;
        if (iseq < a->seen_size && (a->seen[iseq] & seen)) continue;
        if (!is_due(a, iseq, topic, session)) continue;
        if (count++ == 0) *first = iseq;
    }
    return count;
}

uint64_t oracle_missing(const struct actor *a, uint64_t before, uint64_t *first)
{
    return missing(a, before, SEEN_ACCEPTED, false, first);
}

uint64_t oracle_missing_session(const struct actor *a, uint64_t *first)
{
    return missing(a, UINT64_MAX, SEEN_NOW, true, first);
}
