#include "relay/log.h"

#include <pthread.h>
#include <stdlib.h>

#include "relay/publishers.h"
#include "relay/retained.h"

#define FOLLOWERS_MAX 64
#define RING_FIRST    1024
#define BEHIND_ITEMS  65536 /* kept beyond items_max for a follower that is behind */

struct relay_log {
    struct log_config config;
    uint64_t epoch;
    pthread_mutex_t lock; /* of all that follows; oldest and last may be read without */
    struct record **ring; /* record i is at i & (size - 1) */
    uint64_t size;        /* a power of two */
    uint64_t oldest, last;
    size_t bytes;
    uint64_t followed[FOLLOWERS_MAX];
    uint64_t slowest; /* no follower is behind this; brought up to date when it matters */
    uint64_t repeated, evicted;
    struct retained retained;
    struct publishers publishers;
};

/* A reader changes nothing but the lock itself. */
static struct relay_log *locked(const struct relay_log *l)
{
    struct relay_log *mine = (struct relay_log *)(uintptr_t)l;
    (void)pthread_mutex_lock(&mine->lock);
    return mine;
}

static void unlock(struct relay_log *l)
{
    (void)pthread_mutex_unlock(&l->lock);
}

/* ---- making it ---- */

static bool log_fill(struct relay_log *l, const struct nrp_random *random)
{
    l->ring = calloc(RING_FIRST, sizeof(struct record *));
    l->size = RING_FIRST;
    l->oldest = 1;
    l->epoch = nrp_random_u64(random);
    if (l->epoch == 0) l->epoch = 1; /* 0 means "none" in SUBSCRIBE */
    const struct log_config *c = &l->config;
    uint64_t secret[2] = {nrp_random_u64(random), nrp_random_u64(random)};
    return l->ring && retained_init(&l->retained, c->retained_max, c->retained_bytes_max, secret) &&
           publishers_init(&l->publishers, c->publishers_max, secret);
}

struct relay_log *relay_log_new(const struct log_config *c, const struct nrp_random *random,
                                struct news_error *err)
{
    if (c->followers < 1 || c->followers > FOLLOWERS_MAX) {
        news_fail(err, NEWS_ERR_CONFIG, "log: %u followers, not 1 to %d", c->followers,
                  FOLLOWERS_MAX);
        return NULL;
    }
    struct relay_log *l = calloc(1, sizeof *l);
    if (l) {
        (void)pthread_mutex_init(&l->lock, NULL);
        l->config = *c;
        if (log_fill(l, random)) return l;
        relay_log_free(l);
    }
    news_fail(err, NEWS_ERR_MEMORY, "log: out of memory");
    return NULL;
}

void relay_log_free(struct relay_log *l)
{
    if (!l) return;
    for (uint64_t i = l->oldest; i <= l->last; i++)
        record_unref(l->ring[i & (l->size - 1)]);
    free(l->ring);
    retained_deinit(&l->retained);
    publishers_deinit(&l->publishers);
    (void)pthread_mutex_destroy(&l->lock);
    free(l);
}

uint64_t relay_log_epoch(const struct relay_log *l)
{
    return l->epoch;
}

/* ---- the ring ---- */

static uint64_t ring_count(const struct relay_log *l)
{
    return l->last + 1 - l->oldest;
}

static bool ring_grow(struct relay_log *l)
{
    struct record **bigger = calloc(2 * l->size, sizeof(struct record *));
    if (!bigger) return false;
    for (uint64_t i = l->oldest; i <= l->last; i++)
        bigger[i & (2 * l->size - 1)] = l->ring[i & (l->size - 1)];
    free(l->ring);
    l->ring = bigger;
    l->size *= 2;
    return true;
}

static bool all_took(struct relay_log *l, uint64_t iseq)
{
    if (l->slowest >= iseq) return true;
    uint64_t slowest = l->followed[0];
    for (unsigned i = 1; i < l->config.followers; i++)
        if (l->followed[i] < slowest) slowest = l->followed[i];
    l->slowest = slowest;
    return slowest >= iseq;
}

static bool is_over(const struct relay_log *l)
{
    return ring_count(l) > l->config.items_max || l->bytes > l->config.bytes_max;
}

static void evict(struct relay_log *l)
{
    while (l->oldest < l->last && is_over(l) && all_took(l, l->oldest)) {
        struct record *r = l->ring[l->oldest & (l->size - 1)];
        l->bytes -= record_size(r);
        __atomic_store_n(&l->oldest, l->oldest + 1, __ATOMIC_RELAXED);
        l->evicted++;
        record_unref(r);
    }
}

/* Over the hard cap, and not by its own doing: somebody has not taken the oldest yet. */
static bool is_full(struct relay_log *l)
{
    const struct log_config *c = &l->config;
    bool over = (ring_count(l) >= BEHIND_ITEMS && ring_count(l) - BEHIND_ITEMS >= c->items_max) ||
                l->bytes / 2 >= c->bytes_max;
    return over && ring_count(l) > 0 && !all_took(l, l->oldest);
}

/* False: full, or no memory for a larger ring, which is no different for those who publish. */
static bool ring_push(struct relay_log *l, struct record *r)
{
    if (is_full(l) || (ring_count(l) == l->size && !ring_grow(l))) return false;
    r->iseq = l->last + 1;
    l->ring[r->iseq & (l->size - 1)] = record_ref(r);
    l->bytes += record_size(r);
    __atomic_store_n(&l->last, r->iseq, __ATOMIC_RELEASE);
    if (r->flags & NRP_FLAG_RETAIN) retained_keep(&l->retained, r);
    evict(l);
    return true;
}

/* ---- publishing ---- */

static enum log_appended append(struct relay_log *l, const struct log_publisher *who,
                                uint64_t publish_id, struct record *r, int64_t now_us,
                                uint64_t *iseq)
{
    bool remember = who && publish_id != 0;
    if (remember && publishers_took(&l->publishers, who, publish_id, now_us)) {
        l->repeated++;
        *iseq = 0;
        return LOG_REPEATED;
    }
    if (!ring_push(l, r)) return LOG_FULL;
    if (remember) publishers_take(&l->publishers, who, publish_id, now_us);
    *iseq = r->iseq;
    return LOG_APPENDED;
}

enum log_appended relay_log_append(struct relay_log *l, const struct log_publisher *who,
                                   uint64_t publish_id, struct record *r, int64_t now_us,
                                   uint64_t *iseq)
{
    (void)locked(l);
    enum log_appended result = append(l, who, publish_id, r, now_us, iseq);
    unlock(l);
    return result;
}

size_t relay_log_append_many(struct relay_log *l, struct record *const *records, size_t count)
{
    size_t done = 0;
    (void)locked(l);
    while (done < count && ring_push(l, records[done]))
        done++;
    unlock(l);
    return done;
}

void relay_log_tick(struct relay_log *l, int64_t now_us)
{
    (void)locked(l);
    publishers_tick(&l->publishers, now_us);
    unlock(l);
}

/* ---- following ---- */

static size_t copy_out(const struct relay_log *l, uint64_t from, uint64_t to, struct record **out,
                       size_t max)
{
    size_t count = 0;
    for (uint64_t i = from; i <= to && count < max; i++)
        out[count++] = record_ref(l->ring[i & (l->size - 1)]);
    return count;
}

size_t relay_log_follow(struct relay_log *l, unsigned follower, struct record **out, size_t max)
{
    /* Its own place only this thread writes: when there is nothing new, the lock is left alone. */
    if (l->followed[follower] == relay_log_last(l)) return 0;
    (void)locked(l);
    uint64_t from = l->followed[follower] + 1;
    size_t count = copy_out(l, from, l->last, out, max);
    l->followed[follower] += count;
    evict(l);
    unlock(l);
    return count;
}

uint64_t relay_log_followed(const struct relay_log *l, unsigned follower)
{
    struct relay_log *mine = locked(l);
    uint64_t followed = mine->followed[follower];
    unlock(mine);
    return followed;
}

bool relay_log_room(const struct relay_log *l)
{
    struct relay_log *mine = locked(l);
    bool room = !is_full(mine);
    unlock(mine);
    return room;
}

/* ---- reading behind ---- */

size_t relay_log_read(struct relay_log *l, uint64_t iseq, uint64_t to, struct record **out,
                      size_t max, uint64_t *next, uint64_t *evicted)
{
    (void)locked(l);
    uint64_t from = iseq == 0 ? 1 : iseq, passed = 0;
    if (to > l->last) to = l->last;
    if (from < l->oldest && from <= to) {
        passed = (to < l->oldest ? to + 1 : l->oldest) - from;
        from += passed;
    }
    size_t count = copy_out(l, from, to, out, max);
    unlock(l);
    *next = from + count;
    *evicted = passed;
    return count;
}

uint64_t relay_log_oldest(const struct relay_log *l)
{
    return __atomic_load_n(&l->oldest, __ATOMIC_RELAXED);
}

uint64_t relay_log_last(const struct relay_log *l)
{
    return __atomic_load_n(&l->last, __ATOMIC_ACQUIRE);
}

void relay_log_retained(struct relay_log *l, const char *filter, uint64_t up_to,
                        void (*visit)(void *user, struct record *r), void *user)
{
    (void)locked(l);
    retained_visit(&l->retained, filter, up_to, visit, user);
    unlock(l);
}

void relay_log_counts(const struct relay_log *l, struct log_counts *out)
{
    struct relay_log *mine = locked(l);
    *out = (struct log_counts){
        .accepted = mine->last,
        .repeated = mine->repeated,
        .evicted = mine->evicted,
        .items = ring_count(mine),
        .bytes = mine->bytes,
        .retained = mine->retained.topics.count,
        .retained_bytes = mine->retained.bytes,
        .retained_refused = mine->retained.refused,
        .publishers = mine->publishers.known.count,
    };
    unlock(mine);
}
