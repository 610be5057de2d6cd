#include "relay/hub.h"

#include <stdlib.h>
#include <string.h>

#include "relay/hub_state.h"

#define LOG_TICK_US INT64_C(10000000)

const struct hub_config hub_defaults = {
    .item_max = 256 * 1024,
    .subscriptions_max = 64,
    .queue_qos0 = {.items_max = 1024, .bytes_max = 1 << 20, .policy = SLOW_DROP_OLDEST},
    .queue_qos1 = {.items_max = 1024, .bytes_max = 1 << 20, .policy = SLOW_DISCONNECT},
    .sender = {.window = 1024,
               .datagram_max = NRP_DATAGRAM_MAX,
               .rate_start = 128 * 1024,
               .rate_floor = 64 * 1024,
               .rate_cap = 2 * 1024 * 1024,
               .heartbeat_min_us = 5000,
               .heartbeat_max_us = 1000000,
               .linger_us = 10000,
               .resends_per_nak = 64,
               .silence_us = 5000000},
    .handshake_us = 5000000,
    .frame_us = 30000000,
    .idle_us = 15000000,
    .lease_us = 30000000,
    .goodbye_us = 2000000,
    .drain_us = 10000000,
    .pass_max = 64 * 1024,
    .security_least = NRP_OPEN,
};

static bool init(struct hub *h, int64_t now_us, struct news_error *err)
{
    h->registry = registry_new(err);
    if (!h->registry) return false;
    uint64_t secret[2] = {nrp_random_u64(&h->random), nrp_random_u64(&h->random)};
    h->handshakes = calloc(READY_MAX, sizeof *h->handshakes);
    if (!h->handshakes || !roster_init(&h->clients, secret) || !roster_init(&h->sessions, secret))
        return news_fail(err, NEWS_ERR_MEMORY, "hub: out of memory");
    nrp_cookies_init(&h->cookies, &h->random, now_us);
    if (h->config.group.on) {
        const struct sender_config *s = &h->config.sender;
        const struct group_pacing pacing = {s->datagram_max, s->rate_floor, s->rate_cap};
        h->group = group_new(&h->config.group, &pacing, relay_log_epoch(h->log), &h->random, now_us,
                             err);
        if (!h->group) return false;
    }
    h->followed = relay_log_followed(h->log, h->follower);
    h->limits[0] = h->config.queue_qos0;
    h->limits[1] = h->config.queue_qos1;
    h->limits[1].policy = SLOW_DISCONNECT; /* full is what we want to hear: it falls behind */
    return true;
}

struct hub *hub_new(const struct hub_config *c, struct relay_log *log, unsigned follower,
                    struct guard *guard, const struct nrp_random *random, int64_t now_us,
                    struct news_error *err)
{
    struct hub *h = calloc(1, sizeof *h);
    if (!h) {
        (void)news_fail(err, NEWS_ERR_MEMORY, "hub: out of memory");
        return NULL;
    }
    h->config = *c;
    h->log = log;
    h->follower = follower;
    h->guard = guard;
    h->random = *random;
    h->now_us = h->log_ticked_us = now_us;
    link_init(&h->peers);
    link_init(&h->writable);
    link_init(&h->ready);
    link_init(&h->held);
    link_init(&h->doomed);
    if (init(h, now_us, err)) return h;
    hub_free(h);
    return NULL;
}

void hub_free(struct hub *h)
{
    if (!h) return;
    while (!link_is_empty(&h->peers)) {
        struct peer *p = link_owner(h->peers.next, struct peer, all);
        session_forget(h, p);
        peer_free(h, p);
    }
    while (h->kept_count > 0)
        free(h->kept[--h->kept_count].bytes);
    waiting_deinit(&h->wills);
    registry_free(h->registry);
    group_free(h->group);
    roster_deinit(&h->clients);
    roster_deinit(&h->sessions);
    timers_deinit(&h->timers);
    free(h->handshakes);
    explicit_bzero(&h->cookies, sizeof h->cookies);
    free(h);
}

/* --- time --- */

static void cut_all(struct hub *h, int64_t now_us)
{
    struct link *next;
    h->cut = true;
    for (struct link *l = h->peers.next; l != &h->peers; l = next) {
        struct peer *p = link_owner(l, struct peer, all);
        next = l->next;
        peer_cut(h, now_us, p);
        if (p->d) peer_free(h, p);
    }
}

void hub_tick(struct hub *h, int64_t now_us)
{
    h->now_us = now_us;
    for (struct timer *t; (t = timers_first(&h->timers)) && t->at_us <= now_us;)
        peer_tick(h, link_owner(t, struct peer, timer), now_us);
    if (h->group) group_tick(h->group, now_us);
    if (h->shutting && !h->cut && now_us >= h->cut_us) cut_all(h, now_us);
    if (now_us < h->log_ticked_us + LOG_TICK_US) return;
    h->log_ticked_us = now_us; /* when somebody comes by anyway: nothing waits for it */
    relay_log_tick(h->log, now_us);
}

int64_t hub_deadline(const struct hub *h)
{
    const struct timer *t = timers_first(&h->timers);
    int64_t at = t ? t->at_us : INT64_MAX;
    if (h->group && group_deadline(h->group) < at) at = group_deadline(h->group);
    return h->shutting && !h->cut && h->cut_us < at ? h->cut_us : at;
}

/* --- the relay's own --- */

bool hub_appended(struct hub *h)
{
    bool appended = h->appended;
    h->appended = false;
    return appended;
}

bool hub_publish(struct hub *h, int64_t now_us, const char *topic, const void *payload, size_t len)
{
    struct record *r = record_new(topic, strlen(topic), payload, len, NRP_FLAG_RETAIN);
    h->now_us = now_us;
    if (!r) return false;
    bool taken = relay_log_append_many(h->log, &r, 1) == 1;
    record_unref(r);
    h->appended = h->appended || taken;
    return taken;
}

void hub_keys_changed(struct hub *h, int64_t now_us)
{
    bool any = false;
    h->now_us = now_us;
    for (struct link *l = h->peers.next; l != &h->peers; l = l->next) {
        struct peer *p = link_owner(l, struct peer, all);
        if (p->state != PEER_OPEN || !p->key || guard_key_stands(h->guard, p->key)) continue;
        record_unref(p->will); /* it may say nothing any more, this neither */
        p->will = NULL;
        peer_end(h, now_us, p, NRP_CODE_AUTHENTICATION, "the key was withdrawn");
        any = true;
    }
    if (any) group_replace(h);
}

/* Somebody took something. */
void hub_moved(struct hub *h, int64_t now_us)
{
    int64_t at = now_us + h->config.goodbye_us;
    if (h->shutting) h->cut_us = at < h->drained_us ? at : h->drained_us;
}

void hub_shutdown(struct hub *h, int64_t now_us)
{
    if (h->shutting) return;
    uint64_t last = relay_log_last(h->log); /* what was published before is delivered */
    while (h->followed < last && hub_follow(h, now_us)) {
    }
    h->shutting = true;
    h->drained_us = now_us + h->config.drain_us;
    hub_moved(h, now_us);
    for (struct link *l = h->peers.next; l != &h->peers; l = l->next) {
        struct peer *p = link_owner(l, struct peer, all);
        if (p->state != PEER_OPEN) peer_end(h, now_us, p, NRP_CODE_SHUTTING_DOWN, NULL);
        else peer_mark(h, p);
    }
}

bool hub_is_empty(const struct hub *h)
{
    return h->peer_count == 0;
}

/* --- figures --- */

const struct hub_counts *hub_counts(const struct hub *h)
{
    return &h->counts;
}

static size_t peer_memory(const struct peer *p)
{
    size_t sum = sizeof *p + p->box.bytes + p->box.size * sizeof *p->box.ring + p->input.size +
                 p->control.size + p->chunk.size + p->retained_bytes +
                 (p->retained.size + 2 * p->held.size) * sizeof(void *) +
                 p->subscription_count * sizeof *p->subscriptions;
    for (size_t i = p->held.at; i < p->held.count; i++)
        sum += record_size(p->held.records[i]);
    if (!p->d) return sum;
    sum += sizeof *p->d + sender_memory(p->d->sender) +
           (p->d->answers ? ANSWERS_KEPT * sizeof *p->d->answers : 0);
    for (int i = 0; i < PARTIALS_MAX; i++)
        if (p->d->partials[i].body)
            sum += p->d->partials[i].count * nrp_fragment_room(p->d->datagram_max);
    return sum;
}

size_t hub_memory(const struct hub *h)
{
    size_t sum = READY_MAX * sizeof *h->handshakes + h->kept_count * h->config.pass_max;
    for (const struct link *l = h->peers.next; l != &h->peers; l = l->next)
        sum += peer_memory(link_owner(l, const struct peer, all));
    return sum;
}
