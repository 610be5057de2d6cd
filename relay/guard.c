#include "relay/guard.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "relay/roster.h"

#define VISITORS_MAX  65536
#define RECYCLE_TRIES 16
#define MICRO         INT64_C(1000000)

/* A token bucket that holds one second's worth; zeroed it is full. */
struct bucket {
    int64_t debt; /* millionths of a token that are missing */
    int64_t at_us;
};

/* An address or a key id, as it is looked for. */
struct name {
    uint8_t family; /* of the address; 0: a key */
    uint8_t bytes[16];
};

struct visitor {
    struct roster_entry entry;
    struct name name;
    unsigned sessions;
    struct bucket handshakes, publications;
};

/* Bounded: those for whom there is no place share one visitor. */
struct crowd {
    struct roster known;
    struct visitor overflow;
};

struct guard {
    struct guard_limits limits;
    pthread_mutex_t lock; /* of all that follows */
    struct nrp_keys *keys;
    struct crowd addresses, publishers; /* publishers: by key, where no stranger gets in */
    struct bucket handshakes, hellos;
    struct guard_counts counts;
};

/* ---- buckets ---- */

static void bucket_drain(struct bucket *b, unsigned rate, int64_t now_us)
{
    /* Reactors look at the clock on their own: one may come with a time a little older. */
    int64_t elapsed_us = now_us - b->at_us;
    if (elapsed_us <= 0) return;
    b->at_us = now_us;
    int64_t paid = elapsed_us >= MICRO ? b->debt : elapsed_us * rate;
    b->debt -= paid < b->debt ? paid : b->debt;
}

static unsigned bucket_has(struct bucket *b, unsigned rate, int64_t now_us)
{
    bucket_drain(b, rate, now_us);
    return (unsigned)((rate * MICRO - b->debt) / MICRO);
}

/* rate 0: no limit. */
static unsigned bucket_take(struct bucket *b, unsigned rate, unsigned wanted, int64_t now_us)
{
    if (rate == 0) return wanted;
    unsigned has = bucket_has(b, rate, now_us), taken = wanted < has ? wanted : has;
    b->debt += taken * MICRO;
    return taken;
}

/* ---- visitors ---- */

/* Not to be limited: whoever is on this machine could do worse. */
static bool is_local(const struct nrp_address *a)
{
    static const uint8_t loopback6[16] = {[15] = 1}, mapped[13] = {[10] = 0xff, 0xff, 127};
    if (a->family == 6)
        return memcmp(a->ip, loopback6, sizeof loopback6) == 0 ||
               memcmp(a->ip, mapped, sizeof mapped) == 0;
    return a->family == 1 || (a->family == 4 && a->ip[0] == 127);
}

static struct name name_of_address(const struct nrp_address *a)
{
    static const uint8_t mapped[12] = {[10] = 0xff, 0xff};
    struct name n = {.family = a->family};
    if (a->family == 6 && memcmp(a->ip, mapped, sizeof mapped) == 0) {
        n.family = 4;
        memcpy(n.bytes, a->ip + sizeof mapped, 4);
    } else if (a->family == 6) {
        memcpy(n.bytes, a->ip, 8); /* a /64 is what one household or server gets */
    } else if (a->family == 4) {
        memcpy(n.bytes, a->ip, 4);
    }
    return n;
}

static struct name name_of_key(uint32_t id)
{
    struct name n = {.family = 0};
    memcpy(n.bytes, &id, sizeof id);
    return n;
}

static bool is_idle(const struct guard *g, struct visitor *v, int64_t now_us)
{
    bucket_drain(&v->handshakes, g->limits.handshakes_per_s, now_us);
    bucket_drain(&v->publications, g->limits.publish_per_s, now_us);
    return v->sessions == 0 && v->handshakes.debt == 0 && v->publications.debt == 0;
}

/* Memory for one more: fresh, or of one that would be no different if it came anew. */
static struct visitor *visitor_room(struct guard *g, struct crowd *c, int64_t now_us)
{
    if (c->known.count < VISITORS_MAX) return malloc(sizeof(struct visitor));
    for (int i = 0; i < RECYCLE_TRIES; i++) {
        struct visitor *oldest = (struct visitor *)c->known.oldest;
        if (is_idle(g, oldest, now_us)) {
            roster_remove(&c->known, &oldest->entry);
            return oldest;
        }
        roster_touch(&c->known, &oldest->entry);
    }
    return NULL;
}

static struct visitor *visitor_find(const struct crowd *c, const struct name *name)
{
    return (struct visitor *)roster_find(&c->known, name, sizeof *name);
}

static struct visitor *visitor_of(struct guard *g, struct crowd *c, struct name name,
                                  int64_t now_us)
{
    struct visitor *v = visitor_find(c, &name);
    if (v) {
        roster_touch(&c->known, &v->entry);
        return v;
    }
    v = visitor_room(g, c, now_us);
    if (!v) return &c->overflow;
    *v = (struct visitor){.name = name};
    roster_put(&c->known, &v->entry, &v->name, sizeof v->name);
    return v;
}

static void crowd_deinit(struct crowd *c)
{
    while (c->known.oldest) {
        struct visitor *v = (struct visitor *)c->known.oldest;
        roster_remove(&c->known, &v->entry);
        free(v);
    }
    roster_deinit(&c->known);
}

/* ---- the guard ---- */

struct guard *guard_new(const struct guard_limits *l, struct nrp_keys *keys, struct news_error *err)
{
    struct guard *g = calloc(1, sizeof *g);
    if (g) {
        (void)pthread_mutex_init(&g->lock, NULL);
        g->limits = *l;
        if (roster_init(&g->addresses.known, l->secret) &&
            roster_init(&g->publishers.known, l->secret)) {
            g->keys = keys;
            return g;
        }
        guard_free(g);
    }
    news_fail(err, NEWS_ERR_MEMORY, "guard: out of memory");
    return NULL;
}

void guard_free(struct guard *g)
{
    if (!g) return;
    crowd_deinit(&g->addresses);
    crowd_deinit(&g->publishers);
    nrp_keys_free(g->keys);
    (void)pthread_mutex_destroy(&g->lock);
    explicit_bzero(g, sizeof *g);
    free(g);
}

static enum nrp_code enter(struct guard *g, const struct nrp_address *from, int64_t now_us)
{
    if (g->counts.sessions >= g->limits.sessions_max) {
        g->counts.refused_total++;
        return NRP_CODE_TOO_MANY;
    }
    if (!is_local(from)) {
        struct visitor *v = visitor_of(g, &g->addresses, name_of_address(from), now_us);
        if (v->sessions >= g->limits.per_address_max) {
            g->counts.refused_address++;
            return NRP_CODE_TOO_MANY;
        }
        v->sessions++;
    }
    g->counts.sessions++;
    return NRP_OK;
}

bool guard_enter(struct guard *g, const struct nrp_address *from, int64_t now_us,
                 enum nrp_code *code)
{
    (void)pthread_mutex_lock(&g->lock);
    enum nrp_code result = enter(g, from, now_us);
    (void)pthread_mutex_unlock(&g->lock);
    if (result != NRP_OK) *code = result;
    return result == NRP_OK;
}

void guard_leave(struct guard *g, const struct nrp_address *from)
{
    struct name name = name_of_address(from);
    (void)pthread_mutex_lock(&g->lock);
    if (g->counts.sessions > 0) g->counts.sessions--;
    if (!is_local(from)) {
        /* One with sessions is never recycled: who is not there, or has none, was in the overflow.
         */
        struct visitor *v = visitor_find(&g->addresses, &name);
        if (!v || v->sessions == 0) v = &g->addresses.overflow;
        if (v->sessions > 0) v->sessions--;
    }
    (void)pthread_mutex_unlock(&g->lock);
}

/* All together first: a flood of addresses then cannot fill the crowd either. Only what an
 * address was allowed counts for all, so that one alone does not use it up. */
static bool handshake(struct guard *g, const struct nrp_address *from, int64_t now_us)
{
    const struct guard_limits *l = &g->limits;
    if (l->handshakes_per_s_all && bucket_has(&g->handshakes, l->handshakes_per_s_all, now_us) == 0)
        return false;
    struct visitor *v = visitor_of(g, &g->addresses, name_of_address(from), now_us);
    if (bucket_take(&v->handshakes, l->handshakes_per_s, 1, now_us) == 0) return false;
    (void)bucket_take(&g->handshakes, l->handshakes_per_s_all, 1, now_us);
    return true;
}

bool guard_handshake(struct guard *g, const struct nrp_address *from, int64_t now_us)
{
    if (is_local(from)) return true;
    (void)pthread_mutex_lock(&g->lock);
    bool allowed = handshake(g, from, now_us);
    if (!allowed) g->counts.refused_handshakes++;
    (void)pthread_mutex_unlock(&g->lock);
    return allowed;
}

bool guard_hello(struct guard *g, const struct nrp_address *from, int64_t now_us)
{
    if (is_local(from)) return true;
    (void)pthread_mutex_lock(&g->lock);
    bool allowed = bucket_take(&g->hellos, g->limits.handshakes_per_s_all, 1, now_us) > 0;
    if (!allowed) g->counts.refused_handshakes++;
    (void)pthread_mutex_unlock(&g->lock);
    return allowed;
}

unsigned guard_publish(struct guard *g, uint32_t key_id, const struct nrp_address *from,
                       unsigned wanted, int64_t now_us)
{
    if (g->limits.publish_per_s == 0) return wanted;
    struct crowd *c = key_id ? &g->publishers : &g->addresses;
    struct name name = key_id ? name_of_key(key_id) : name_of_address(from);
    (void)pthread_mutex_lock(&g->lock);
    struct visitor *v = visitor_of(g, c, name, now_us);
    unsigned taken = bucket_take(&v->publications, g->limits.publish_per_s, wanted, now_us);
    g->counts.refused_rate += wanted - taken;
    (void)pthread_mutex_unlock(&g->lock);
    return taken;
}

void guard_counts(struct guard *g, struct guard_counts *out)
{
    (void)pthread_mutex_lock(&g->lock);
    *out = g->counts;
    (void)pthread_mutex_unlock(&g->lock);
}

/* ---- keys ---- */

struct key_copy {
    struct nrp_key key;
    char text[]; /* of its filters */
};

static size_t filters_size(const char *const *filters, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += strlen(filters[i]) + 1;
    return size;
}

static char *filters_move(const char **filters, size_t count, char *to)
{
    for (size_t i = 0; i < count; i++) {
        const char *from = filters[i];
        filters[i] = to;
        to = stpcpy(to, from) + 1;
    }
    return to;
}

static struct nrp_key *key_copy(const struct nrp_key *k)
{
    size_t size = filters_size(k->publish, k->publish_count) +
                  filters_size(k->subscribe, k->subscribe_count);
    struct key_copy *copy = malloc(sizeof *copy + size);
    if (!copy) return NULL;
    copy->key = *k;
    char *to = filters_move(copy->key.publish, k->publish_count, copy->text);
    (void)filters_move(copy->key.subscribe, k->subscribe_count, to);
    return &copy->key;
}

static const struct nrp_key *key_find(const struct guard *g, uint32_t id)
{
    return g->keys ? nrp_keys_find(g->keys, id) : NULL;
}

struct nrp_key *guard_key(struct guard *g, uint32_t id)
{
    (void)pthread_mutex_lock(&g->lock);
    const struct nrp_key *k = key_find(g, id);
    struct nrp_key *copy = k ? key_copy(k) : NULL;
    (void)pthread_mutex_unlock(&g->lock);
    return copy;
}

void guard_key_free(struct nrp_key *k)
{
    if (!k) return;
    explicit_bzero(k->secret, sizeof k->secret);
    free(k); /* the first member of its struct key_copy */
}

static bool same_filters(const char *const *a, size_t a_count, const char *const *b, size_t b_count)
{
    if (a_count != b_count) return false;
    for (size_t i = 0; i < a_count; i++)
        if (strcmp(a[i], b[i]) != 0) return false;
    return true;
}

static bool same_key(const struct nrp_key *a, const struct nrp_key *b)
{
    return nrp_equal(a->secret, b->secret, sizeof a->secret) &&
           same_filters(a->publish, a->publish_count, b->publish, b->publish_count) &&
           same_filters(a->subscribe, a->subscribe_count, b->subscribe, b->subscribe_count);
}

bool guard_key_stands(struct guard *g, const struct nrp_key *k)
{
    (void)pthread_mutex_lock(&g->lock);
    const struct nrp_key *now = key_find(g, k->id);
    bool stands = now && same_key(now, k);
    (void)pthread_mutex_unlock(&g->lock);
    return stands;
}

void guard_replace_keys(struct guard *g, struct nrp_keys *keys)
{
    (void)pthread_mutex_lock(&g->lock);
    struct nrp_keys *old = g->keys;
    g->keys = keys;
    (void)pthread_mutex_unlock(&g->lock);
    nrp_keys_free(old);
}
