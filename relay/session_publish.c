#include <stdlib.h>
#include <string.h>

#include "common/topic.h"
#include "relay/hub_state.h"

#define ERROR_EVERY_US INT64_C(1000000) /* refusals of QoS 0 are told no more often */
#define RATE_AGAIN_US  INT64_C(100000)  /* one that publishes too often waits so long */

/* --- answers --- */

static void acknowledge(struct hub *h, struct peer *p, uint64_t id, uint64_t iseq,
                        enum nrp_code code)
{
    struct nrp_frame f = {.type = NRP_PUBACK,
                          .puback = {.publish_id = id, .iseq = iseq, .status = (uint8_t)code}};
    peer_control(h, p, &f);
}

static void refuse(struct hub *h, int64_t now_us, struct peer *p, uint64_t id, bool ack,
                   enum nrp_code code)
{
    h->counts.refused++;
    if (ack) {
        acknowledge(h, p, id, 0, code);
        return;
    }
    if (p->error_us != 0 && now_us < p->error_us + ERROR_EVERY_US) return;
    p->error_us = now_us;
    const char *text = nrp_code_text(code);
    struct nrp_frame f = {.type = NRP_ERROR,
                          .payload = (const uint8_t *)text,
                          .payload_len = strlen(text),
                          .notice = {.code = (uint16_t)code, .request_id = (uint32_t)id}};
    peer_control(h, p, &f);
}

/* --- what may be published --- */

static bool is_reserved(const char *topic)
{
    size_t len = strlen(RESERVED_TOPIC);
    return strncmp(topic, RESERVED_TOPIC, len) == 0 && (topic[len] == '\0' || topic[len] == '/');
}

static enum nrp_code topic_code(const struct peer *p, const uint8_t *bytes, size_t len)
{
    char topic[NRP_TOPIC_MAX + 1];
    if (len == 0 || len > NRP_TOPIC_MAX || memchr(bytes, 0, len)) return NRP_CODE_BAD_TOPIC;
    memcpy(topic, bytes, len);
    topic[len] = '\0';
    if (!topic_name_ok(topic, NULL)) return NRP_CODE_BAD_TOPIC;
    if (is_reserved(topic)) return NRP_CODE_NOT_AUTHORISED;
    bool may = p->key ? nrp_key_may_publish(p->key, topic) : topic[0] != '$';
    return may ? NRP_OK : NRP_CODE_NOT_AUTHORISED;
}

static enum nrp_code publish_code(const struct hub *h, const struct peer *p, const uint8_t *topic,
                                  size_t topic_len, size_t payload_len)
{
    if (h->shutting) return NRP_CODE_SHUTTING_DOWN;
    if (!(p->hello.role & NRP_ROLE_PUBLISH)) return NRP_CODE_NOT_AUTHORISED;
    if (topic_len + payload_len > h->config.item_max) return NRP_CODE_TOO_BIG;
    return topic_code(p, topic, topic_len);
}

/* --- collecting --- */

static void keep_will(struct hub *h, struct peer *p, struct record *r, uint64_t id)
{
    record_unref(p->will);
    p->will = r;
    acknowledge(h, p, id, 0, NRP_OK);
}

void session_publish(struct hub *h, int64_t now_us, struct peer *p, const struct nrp_publish *f,
                     const uint8_t *topic, size_t topic_len, const uint8_t *payload,
                     size_t payload_len)
{
    bool ack = f->flags & (NRP_FLAG_ACK | NRP_FLAG_WILL);
    enum nrp_code code = publish_code(h, p, topic, topic_len, payload_len);
    /* The datagram is as good as lost: its sender asks again, later and less often. */
    if (p->d && h->blocks > 0) return;
    uint8_t flags = f->flags & (NRP_FLAG_RETAIN | NRP_FLAG_ACK);
    if (f->flags & NRP_FLAG_WILL) flags |= NRP_FLAG_ACK;
    struct record *r = NULL;
    if (code == NRP_OK) {
        r = record_new(topic, topic_len, payload, payload_len, flags);
        if (!r) code = NRP_CODE_TOO_MANY;
    }
    if (!r) {
        session_flush(h, now_us, p); /* answers keep the order of their questions */
        refuse(h, now_us, p, f->publish_id, ack, code);
        return;
    }
    p->publishes = true;
    if (f->flags & NRP_FLAG_WILL) {
        session_flush(h, now_us, p);
        keep_will(h, p, r, f->publish_id);
        return;
    }
    h->batch[h->batch_count] = r;
    h->batch_ids[h->batch_count++] = f->publish_id;
    if (h->batch_count == HUB_BATCH) session_flush(h, now_us, p);
}

/* --- appending --- */

static bool wants_ack(const struct record *r)
{
    return r->flags & NRP_FLAG_ACK;
}

static bool append_one(struct hub *h, int64_t now_us, struct peer *p, struct record *r, uint64_t id)
{
    struct log_publisher who = {.key_id = p->key ? p->key->id : 0};
    uint64_t iseq = 0;
    memcpy(who.client_id, p->hello.client_id, sizeof who.client_id);
    memcpy(who.nonce, p->hello.client_nonce, sizeof who.nonce);
    enum log_appended result = relay_log_append(h->log, &who, id, r, now_us, &iseq);
    if (result == LOG_FULL) return false;
    if (result == LOG_APPENDED) h->counts.published++;
    acknowledge(h, p, id, iseq, NRP_OK);
    return true;
}

/* How many of the first `count` the log took: fewer when it is full, or p was doomed. */
static size_t append(struct hub *h, int64_t now_us, struct peer *p, struct record **records,
                     const uint64_t *ids, size_t count)
{
    size_t done = 0;
    while (done < count && !p->doomed) {
        size_t run = done;
        while (run < count && !wants_ack(records[run]))
            run++;
        if (run > done) {
            size_t taken = relay_log_append_many(h->log, records + done, run - done);
            h->counts.published += taken;
            done += taken;
            if (done < run) break;
        } else if (append_one(h, now_us, p, records[done], ids[done])) {
            done++;
        } else {
            break;
        }
    }
    for (size_t i = 0; i < done; i++)
        record_unref(records[i]);
    if (done > 0) h->appended = true;
    return done;
}

/* The log is full, or it publishes too often. A stream waits, and is read no more; what a datagram
 * brought comes again, or was not worth it. */
static void hold(struct hub *h, struct peer *p, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (!p->d && waiting_put(&p->held, h->batch[i], h->batch_ids[i], true)) continue;
        record_unref(h->batch[i]);
        h->counts.refused++;
        if (!p->d) peer_doom(h, p, NRP_CODE_TOO_MANY);
    }
}

/* What is held was paid for: then it waits for the log, else for the guard. */
static void wait_on(struct hub *h, int64_t now_us, struct peer *p)
{
    if (p->held.count == 0 || p->doomed) return;
    if (p->held_paid == 0) {
        p->again_us = now_us + RATE_AGAIN_US;
        peer_arm(h, p, now_us);
    } else if (!link_is_in(&p->aside)) {
        link_append(&h->held, &p->aside);
    }
}

void session_flush(struct hub *h, int64_t now_us, struct peer *p)
{
    size_t count = h->batch_count, allowed = 0, done = 0;
    if (count == 0) return;
    h->batch_count = 0;
    if (p->held.count == 0) { /* else these come after */
        allowed = guard_publish(h->guard, p->key ? p->key->id : 0, &p->from, (unsigned)count,
                                now_us);
        done = append(h, now_us, p, h->batch, h->batch_ids, allowed);
        p->held_paid = allowed - done;
    }
    hold(h, p, done, count);
    wait_on(h, now_us, p);
}

bool session_retry(struct hub *h, int64_t now_us, struct peer *p)
{
    struct waiting *w = &p->held;
    size_t left = w->count - w->at;
    if (left == 0) return true;
    if (p->held_paid == 0)
        p->held_paid = guard_publish(h->guard, p->key ? p->key->id : 0, &p->from, (unsigned)left,
                                     now_us);
    size_t done = append(h, now_us, p, w->records + w->at, w->ids + w->at, p->held_paid);
    w->at += done;
    p->held_paid -= done;
    if (w->at == w->count) {
        waiting_deinit(w);
        return !p->doomed;
    }
    wait_on(h, now_us, p);
    return false;
}

/* --- wills --- */

void session_will(struct hub *h, struct peer *p)
{
    if (!p->will) return;
    if (h->wills.count - h->wills.at >= WILLS_MAX || !waiting_put(&h->wills, p->will, 0, false)) {
        h->counts.refused++;
        return;
    }
    p->will = NULL;
    session_retry_wills(h);
}

void session_retry_wills(struct hub *h)
{
    struct waiting *w = &h->wills;
    if (w->at == w->count) return;
    size_t taken = relay_log_append_many(h->log, w->records + w->at, w->count - w->at);
    for (size_t i = 0; i < taken; i++)
        record_unref(w->records[w->at++]);
    h->counts.wills += taken;
    if (taken > 0) h->appended = true;
    if (w->at == w->count) waiting_deinit(w);
}
