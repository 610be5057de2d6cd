#include <stdlib.h>
#include <string.h>

#include "common/topic.h"
#include "relay/hub_state.h"

#define SCAN_US       INT64_C(2500) /* a look at all retained items, of one peer, so often */
#define SCANS_AT_ONCE 4             /* on a stream */

static struct subscription *find(const struct peer *p, const char *filter)
{
    for (unsigned i = 0; i < p->subscription_count; i++)
        if (strcmp(p->subscriptions[i].filter, filter) == 0) return &p->subscriptions[i];
    return NULL;
}

bool session_wants(const struct peer *p, uint64_t iseq, const char *topic)
{
    bool wanted = false, given = false;
    for (unsigned i = 0; i < p->subscription_count; i++) {
        const struct subscription *s = &p->subscriptions[i];
        if (s->start > iseq || !topic_matches(s->filter, topic)) continue;
        if (iseq >= s->walked && iseq < s->again) return true;
        if (iseq < s->walked) given = true;
        else wanted = true;
    }
    return wanted && !given;
}

static enum nrp_code filter_code(const struct hub *h, const struct peer *p,
                                 const struct nrp_frame *f, char filter[NRP_TOPIC_MAX + 1])
{
    if (h->shutting) return NRP_CODE_SHUTTING_DOWN;
    if (f->subscribe.qos > 1 || (p->qos_fixed && f->subscribe.qos != p->qos))
        return NRP_CODE_BAD_FRAME;
    if (!(p->hello.role & NRP_ROLE_SUBSCRIBE)) return NRP_CODE_NOT_AUTHORISED;
    if (f->topic_len == 0 || f->topic_len > NRP_TOPIC_MAX || memchr(f->topic, 0, f->topic_len))
        return NRP_CODE_BAD_TOPIC;
    memcpy(filter, f->topic, f->topic_len);
    filter[f->topic_len] = '\0';
    if (!topic_filter_ok(filter, NULL) || strncmp(filter, "$share/", 7) == 0)
        return NRP_CODE_BAD_TOPIC;
    if (p->key ? !nrp_key_may_subscribe(p->key, filter) : filter[0] == '$')
        return NRP_CODE_NOT_AUTHORISED;
    if (p->subscription_count >= h->config.subscriptions_max && !find(p, filter))
        return NRP_CODE_TOO_MANY;
    if ((f->subscribe.mode & NRP_MODE_RETAINED) && p->retained.count > RETAINED_MAX)
        return NRP_CODE_TOO_MANY;
    return NRP_OK;
}

/* Where it begins: what SUBACK says of it. */
static void begin(const struct hub *h, const struct nrp_subscribe *s, struct nrp_suback *a)
{
    uint64_t oldest = relay_log_oldest(h->log), last = relay_log_last(h->log);
    a->start_iseq = last + 1;
    if (s->from_iseq == 0) return;
    if (s->from_epoch != 0 && s->from_epoch != relay_log_epoch(h->log)) {
        a->status = NRP_SUB_OTHER_EPOCH;
        a->start_iseq = oldest;
    } else if (s->from_iseq < oldest) {
        a->status = NRP_SUB_EVICTED;
        a->evicted = oldest - s->from_iseq;
        a->start_iseq = oldest;
    } else if (s->from_iseq <= last) {
        a->start_iseq = s->from_iseq;
    }
}

static struct subscription *make(struct hub *h, struct peer *p, const char *filter)
{
    struct subscription *s = find(p, filter);
    if (s) return s;
    s = realloc(p->subscriptions, (p->subscription_count + 1) * sizeof *s);
    if (!s) return NULL;
    p->subscriptions = s;
    s += p->subscription_count;
    *s = (struct subscription){.filter = strdup(filter)};
    if (!s->filter || !registry_add(h->registry, filter, p)) {
        free(s->filter);
        return NULL;
    }
    p->subscription_count++;
    h->counts.subscriptions++;
    return s;
}

/* The session goes back to where the new subscription starts; the others had what was between. */
static void go_back(struct hub *h, struct peer *p, struct subscription *s, uint64_t start,
                    bool again)
{
    uint64_t cursor = p->behind ? p->cursor : h->followed + 1;
    s->start = s->walked = start;
    s->again = again && start < cursor ? cursor : 0;
    if (start < cursor) {
        for (unsigned i = 0; i < p->subscription_count; i++) {
            struct subscription *other = &p->subscriptions[i];
            if (other != s && other->walked < cursor) other->walked = cursor;
        }
        if (p->gate < cursor) p->gate = cursor;
        dispatch_fall_behind(p, start);
        p->resumed = true;
    }
    if (p->gate < start) p->gate = start;
}

static void keep_retained(void *user, struct record *r)
{
    struct peer *p = user;
    if (p->retained_bytes + record_size(r) <= RETAINED_BYTES &&
        waiting_put(&p->retained, r, 0, false)) {
        p->retained_bytes += record_size(r);
        return;
    }
    p->hub->counts.dropped_newest++;
    record_unref(r);
}

/* Each look at all retained items has the log's lock: a few at once, then as many as there is time
 * for. On datagrams all filters of a client may come at once. */
static int64_t scans_ahead(const struct peer *p)
{
    return SCAN_US * (p->d ? p->hub->config.subscriptions_max : SCANS_AT_ONCE);
}

bool session_scanned(const struct peer *p, int64_t now_us, int64_t *until_us)
{
    *until_us = p->scans_us + SCAN_US - scans_ahead(p);
    return *until_us > now_us;
}

static void give_retained(struct hub *h, int64_t now_us, struct peer *p, const char *filter,
                          uint64_t up_to)
{
    p->scans_us = (p->scans_us > now_us ? p->scans_us : now_us) + SCAN_US;
    relay_log_retained(h->log, filter, up_to, keep_retained, p);
    int64_t until_us;
    if (p->d || !session_scanned(p, now_us, &until_us)) return;
    p->again_us = until_us; /* what follows on the stream waits */
    peer_arm(h, p, now_us);
}

static enum nrp_code subscribe(struct hub *h, int64_t now_us, struct peer *p,
                               const struct nrp_frame *f, struct nrp_suback *a)
{
    char filter[NRP_TOPIC_MAX + 1];
    enum nrp_code code = filter_code(h, p, f, filter);
    if (code != NRP_OK) return code;
    bool again = find(p, filter) != NULL;
    struct subscription *s = make(h, p, filter);
    if (!s) return NRP_CODE_TOO_MANY;
    p->qos_fixed = true;
    p->qos = f->subscribe.qos;
    p->limits = &h->limits[p->qos];
    begin(h, &f->subscribe, a);
    go_back(h, p, s, a->start_iseq, again);
    if (f->subscribe.mode & NRP_MODE_RETAINED)
        give_retained(h, now_us, p, filter, a->start_iseq - 1);
    if (p->retained.count > 0 && !p->behind) dispatch_fall_behind(p, h->followed + 1);
    return NRP_OK;
}

void session_subscribe(struct hub *h, int64_t now_us, struct peer *p, const struct nrp_frame *f)
{
    int64_t until_us;
    struct answer a = {
        .type = NRP_SUBACK,
        .suback = {.request_id = f->subscribe.request_id, .first_dseq = p->box.next_dseq}};
    if (session_repeat(h, p, NRP_SUBACK, f->subscribe.request_id)) return;
    if (p->d && (f->subscribe.mode & NRP_MODE_RETAINED) && session_scanned(p, now_us, &until_us))
        return; /* as good as lost: the client asks again */
    enum nrp_code code = subscribe(h, now_us, p, f, &a.suback);
    if (code != NRP_OK) a.suback.status = (uint8_t)(0x80 + code);
    a.suback.qos = p->qos;
    session_answer(h, p, &a);
}

static void drop(struct hub *h, struct peer *p, struct subscription *s)
{
    registry_remove(h->registry, s->filter, p);
    free(s->filter);
    *s = p->subscriptions[--p->subscription_count];
    h->counts.subscriptions--;
}

void session_unsubscribe(struct hub *h, int64_t now_us, struct peer *p, const struct nrp_frame *f)
{
    (void)now_us;
    struct answer a = {.type = NRP_UNSUBACK, .unsuback = {.request_id = f->unsuback.request_id}};
    if (session_repeat(h, p, NRP_UNSUBACK, f->unsuback.request_id)) return;
    char filter[NRP_TOPIC_MAX + 1];
    if (f->topic_len > 0 && f->topic_len <= NRP_TOPIC_MAX) {
        memcpy(filter, f->topic, f->topic_len);
        filter[f->topic_len] = '\0';
        struct subscription *s = find(p, filter);
        if (s) drop(h, p, s);
    }
    session_answer(h, p, &a);
}

void session_forget(struct hub *h, struct peer *p)
{
    while (p->subscription_count > 0)
        drop(h, p, &p->subscriptions[p->subscription_count - 1]);
    free(p->subscriptions);
    p->subscriptions = NULL;
}
