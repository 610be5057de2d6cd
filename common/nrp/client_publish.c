#include <stdlib.h>
#include <string.h>

#include "common/nrp/client_state.h"
#include "common/topic.h"

size_t nrp_client_payload_max(const struct nrp_client *c, size_t topic_len)
{
    if (!client_is_live(c)) return SIZE_MAX;
    size_t most = c->welcome.item_max;
    if (c->config.datagrams) {
        size_t room = nrp_fragment_room(c->datagram_max);
        if (topic_len > room) return 0; /* it must be whole in the first fragment */
        if (room * NRP_FRAGMENTS_MAX < most) most = room * NRP_FRAGMENTS_MAX;
    }
    return topic_len < most ? most - topic_len : 0;
}

static bool publication_ok(const struct nrp_client *c, const struct nrp_publication *p,
                           size_t topic_len, struct news_error *err)
{
    if (c->phase != CLIENT_UP) return news_fail(err, NEWS_ERR_UNREACHABLE, "not connected");
    if (!topic_name_ok(p->topic, err)) return false;
    if (topic_len > NRP_TOPIC_MAX ||
        (c->config.datagrams && topic_len > nrp_fragment_room(c->datagram_max)))
        return news_fail(err, NEWS_ERR_TOO_LARGE, "a topic of %zu bytes is too long", topic_len);
    size_t most = nrp_client_payload_max(c, topic_len);
    if (p->payload_len > most)
        return news_fail(err, NEWS_ERR_TOO_LARGE, "a payload of %zu bytes: the relay takes %zu",
                         p->payload_len, most);
    return true;
}

static uint8_t flags_of(const struct nrp_publication *p)
{
    uint8_t flags = p->retain ? NRP_FLAG_RETAIN : 0;
    if (p->acknowledged || p->will) flags |= NRP_FLAG_ACK;
    if (p->will) flags |= NRP_FLAG_WILL;
    return flags;
}

/* ----------------------------------------------------------------------------------- Fragments */

static unsigned fragments_of(const struct nrp_client *c, const struct nrp_frame *whole)
{
    if (!c->config.datagrams) return 1;
    unsigned count = nrp_fragment_count(whole->topic_len + whole->payload_len, c->datagram_max);
    return count ? count : 1;
}

void client_publish_fragment(const struct nrp_client *c, const struct nrp_frame *whole, unsigned i,
                             struct nrp_frame *out)
{
    *out = *whole;
    if (whole->publish.fragment_count <= 1) return;
    size_t room = nrp_fragment_room(c->datagram_max);
    size_t from = i ? i * room - whole->topic_len : 0; /* of the payload */
    size_t most = i ? room : room - whole->topic_len;
    size_t rest = whole->payload_len - from;
    out->publish.fragment = (uint8_t)i;
    out->topic_len = i ? 0 : whole->topic_len;
    out->payload = whole->payload + from;
    out->payload_len = rest < most ? rest : most;
}

/* -------------------------------------------------------------------------------- Taking it on */

static enum nrp_published no_memory(struct news_error *err)
{
    news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    return NRP_PUB_FULL; /* nothing is wrong with it */
}

/* What does not fit waits for room; a single large one finds it in an empty queue. */
static bool out_has_room(const struct nrp_client *c, const struct nrp_frame *f)
{
    size_t waiting;
    (void)client_bytes_left(&c->out, &waiting);
    return !waiting || waiting + nrp_frame_size(f) <= CLIENT_OUT_MAX;
}

/* Datagrams: its fragments one behind the other, or nothing. */
static bool put_fragments(struct nrp_client *c, const struct nrp_frame *whole)
{
    size_t before = c->out.buf.len;
    for (unsigned i = 0; i < whole->publish.fragment_count; i++) {
        struct nrp_frame f;
        client_publish_fragment(c, whole, i, &f);
        size_t size = nrp_frame_size(&f);
        uint8_t *at = (uint8_t *)buf_reserve(&c->out.buf, size);
        if (!at) {
            c->out.buf.failed = false;
            buf_truncate(&c->out.buf, before);
            return false;
        }
        c->out.buf.len += nrp_frame_write(&f, at);
    }
    c->out_end += c->out.buf.len - before;
    return true;
}

/* Room for its token is made first: what was written cannot be taken back. */
static enum nrp_published publish_plain(struct nrp_client *c, const struct nrp_frame *f,
                                        uint64_t token, struct news_error *err)
{
    if (!out_has_room(c, f)) return NRP_PUB_FULL;
    if (!buf_reserve(&c->tokens.buf, sizeof(struct client_token))) {
        c->tokens.buf.failed = false;
        return no_memory(err);
    }
    if (!(c->config.datagrams ? put_fragments(c, f) : client_stream_write(c, f)))
        return no_memory(err);
    const struct client_token t = {.end = c->out_end, .token = token};
    buf_put(&c->tokens.buf, &t, sizeof t);
    return NRP_PUB_TAKEN;
}

static bool window_has_room(const struct nrp_client *c, const struct nrp_frame *f)
{
    const struct client_requests *l = &c->publications;
    if (l->count >= c->config.window) return false;
    if (!c->config.datagrams) return out_has_room(c, f);
    return !l->count || l->bytes + f->topic_len + f->payload_len <= CLIENT_OUT_MAX;
}

static enum nrp_published publish_acknowledged(struct nrp_client *c, const struct nrp_frame *f,
                                               uint64_t token, struct news_error *err)
{
    if (!window_has_room(c, f)) return NRP_PUB_FULL;
    struct client_request *r = client_request_add(&c->publications, f, f->publish.publish_id,
                                                  c->config.datagrams);
    if (!r) return no_memory(err);
    r->token = token;
    r->fragments = f->publish.fragment_count;
    if (c->config.datagrams || client_stream_write(c, f)) return NRP_PUB_TAKEN;
    client_request_answered(c, &c->publications, r);
    free(r);
    return no_memory(err);
}

enum nrp_published nrp_client_publish(struct nrp_client *c, int64_t now_us,
                                      const struct nrp_publication *p, uint64_t token,
                                      struct news_error *err)
{
    size_t topic_len = strlen(p->topic);
    c->now_us = now_us;
    if (!publication_ok(c, p, topic_len, err)) return NRP_PUB_REFUSED;
    struct nrp_frame f = {
        .type = NRP_PUBLISH,
        .topic = (const uint8_t *)p->topic,
        .topic_len = (uint16_t)topic_len,
        .payload = p->payload,
        .payload_len = p->payload_len,
        .publish = {.publish_id = c->publish_id + 1, .fragment_count = 1, .flags = flags_of(p)},
    };
    f.publish.fragment_count = (uint8_t)fragments_of(c, &f);
    bool acknowledged = f.publish.flags & NRP_FLAG_ACK;
    enum nrp_published published = acknowledged ? publish_acknowledged(c, &f, token, err)
                                                : publish_plain(c, &f, token, err);
    if (published != NRP_PUB_TAKEN) return published;
    c->publish_id++;
    c->traffic_us = now_us;
    return NRP_PUB_TAKEN;
}

void client_on_puback(struct nrp_client *c, const struct nrp_frame *f)
{
    struct client_request *r = client_request_find(&c->publications, f->puback.publish_id);
    if (!r) return; /* answered before: its repetition is answered too */
    client_request_answered(c, &c->publications, r);
    uint64_t token = r->token;
    free(r);
    c->traffic_us = c->now_us;
    c->events.on_published(c->events.user, token, f->puback.status);
}
