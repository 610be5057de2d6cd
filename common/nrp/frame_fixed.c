#include "common/nrp/wire.h"

static const uint8_t magic[4] = {'N', 'R', 'P', '1'};

static bool get_hello(const uint8_t **at, struct nrp_hello *h)
{
    if (memcmp(*at, magic, sizeof magic) != 0) return false;
    *at += sizeof magic;
    h->version_min = get_u8(at);
    h->version_max = get_u8(at);
    h->role = get_u8(at);
    h->security = get_u8(at);
    h->key_id = get_u32(at);
    get_bytes(at, h->client_nonce, sizeof h->client_nonce);
    get_bytes(at, h->client_id, sizeof h->client_id);
    return true;
}

static void put_hello(uint8_t **at, const struct nrp_hello *h)
{
    put_bytes(at, magic, sizeof magic);
    put_u8(at, h->version_min);
    put_u8(at, h->version_max);
    put_u8(at, h->role);
    put_u8(at, h->security);
    put_u32(at, h->key_id);
    put_bytes(at, h->client_nonce, sizeof h->client_nonce);
    put_bytes(at, h->client_id, sizeof h->client_id);
}

static void get_challenge(const uint8_t **at, struct nrp_challenge *c)
{
    get_bytes(at, c->server_nonce, sizeof c->server_nonce);
    get_bytes(at, c->cookie, sizeof c->cookie);
}

static void put_challenge(uint8_t **at, const struct nrp_challenge *c)
{
    put_bytes(at, c->server_nonce, sizeof c->server_nonce);
    put_bytes(at, c->cookie, sizeof c->cookie);
}

static bool get_auth(const uint8_t **at, struct nrp_auth *a)
{
    if (!get_hello(at, &a->hello)) return false;
    get_challenge(at, &a->challenge);
    get_bytes(at, a->proof, sizeof a->proof);
    return true;
}

static void put_auth(uint8_t **at, const struct nrp_auth *a)
{
    put_hello(at, &a->hello);
    put_challenge(at, &a->challenge);
    put_bytes(at, a->proof, sizeof a->proof);
}

static void get_welcome(const uint8_t **at, struct nrp_welcome *w)
{
    w->session_id = get_u64(at);
    w->epoch = get_u64(at);
    w->oldest_iseq = get_u64(at);
    w->last_iseq = get_u64(at);
    w->item_max = get_u32(at);
    w->datagram_max = get_u16(at);
    w->ring = get_u16(at);
    w->lease_ms = get_u32(at);
    w->heartbeat_min_ms = get_u16(at);
    w->heartbeat_max_ms = get_u16(at);
    get_bytes(at, w->proof, sizeof w->proof);
}

static void put_welcome(uint8_t **at, const struct nrp_welcome *w)
{
    put_u64(at, w->session_id);
    put_u64(at, w->epoch);
    put_u64(at, w->oldest_iseq);
    put_u64(at, w->last_iseq);
    put_u32(at, w->item_max);
    put_u16(at, w->datagram_max);
    put_u16(at, w->ring);
    put_u32(at, w->lease_ms);
    put_u16(at, w->heartbeat_min_ms);
    put_u16(at, w->heartbeat_max_ms);
    put_bytes(at, w->proof, sizeof w->proof);
}

static void get_subscribe(const uint8_t **at, struct nrp_subscribe *s)
{
    s->request_id = get_u32(at);
    s->qos = get_u8(at);
    s->mode = get_u8(at);
    *at += 2;
    s->from_epoch = get_u64(at);
    s->from_iseq = get_u64(at);
}

static void put_subscribe(uint8_t **at, const struct nrp_subscribe *s)
{
    put_u32(at, s->request_id);
    put_u8(at, s->qos);
    put_u8(at, s->mode);
    put_zeros(at, 2);
    put_u64(at, s->from_epoch);
    put_u64(at, s->from_iseq);
}

static void get_suback(const uint8_t **at, struct nrp_suback *s)
{
    s->request_id = get_u32(at);
    s->status = get_u8(at);
    s->qos = get_u8(at);
    *at += 2;
    s->start_iseq = get_u64(at);
    s->evicted = get_u64(at);
    s->first_dseq = get_u64(at);
}

static void put_suback(uint8_t **at, const struct nrp_suback *s)
{
    put_u32(at, s->request_id);
    put_u8(at, s->status);
    put_u8(at, s->qos);
    put_zeros(at, 2);
    put_u64(at, s->start_iseq);
    put_u64(at, s->evicted);
    put_u64(at, s->first_dseq);
}

static void get_unsubscribe(const uint8_t **at, struct nrp_unsuback *u)
{
    u->request_id = get_u32(at);
    u->status = 0;
}

static void get_unsuback(const uint8_t **at, struct nrp_unsuback *u)
{
    u->request_id = get_u32(at);
    u->status = get_u8(at);
}

static void put_unsuback(uint8_t **at, const struct nrp_unsuback *u)
{
    put_u32(at, u->request_id);
    put_u8(at, u->status);
    put_zeros(at, 3);
}

static bool fragment_ok(unsigned fragment, unsigned count)
{
    return fragment < count && count <= NRP_FRAGMENTS_MAX;
}

static bool get_publish(const uint8_t **at, struct nrp_publish *p)
{
    p->publish_id = get_u64(at);
    p->fragment = get_u8(at);
    p->fragment_count = get_u8(at);
    p->flags = get_u8(at);
    return fragment_ok(p->fragment, p->fragment_count);
}

static void put_publish(uint8_t **at, const struct nrp_publish *p)
{
    put_u64(at, p->publish_id);
    put_u8(at, p->fragment);
    put_u8(at, p->fragment_count);
    put_u8(at, p->flags);
    put_zeros(at, 1);
}

static void get_puback(const uint8_t **at, struct nrp_puback *p)
{
    p->publish_id = get_u64(at);
    p->iseq = get_u64(at);
    p->status = get_u8(at);
}

static void put_puback(uint8_t **at, const struct nrp_puback *p)
{
    put_u64(at, p->publish_id);
    put_u64(at, p->iseq);
    put_u8(at, p->status);
    put_zeros(at, 3);
}

static bool get_item(const uint8_t **at, struct nrp_item *i)
{
    i->dseq = get_u64(at);
    i->iseq = get_u64(at);
    i->fragment = get_u8(at);
    i->fragment_count = get_u8(at);
    i->flags = get_u8(at);
    return fragment_ok(i->fragment, i->fragment_count);
}

static void put_item(uint8_t **at, const struct nrp_item *i)
{
    put_u64(at, i->dseq);
    put_u64(at, i->iseq);
    put_u8(at, i->fragment);
    put_u8(at, i->fragment_count);
    put_u8(at, i->flags);
    put_zeros(at, 1);
}

static void get_gap(const uint8_t **at, struct nrp_gap *g)
{
    g->first_dseq = get_u64(at);
    g->last_dseq = get_u64(at);
    g->reason = get_u8(at);
}

static void put_gap(uint8_t **at, const struct nrp_gap *g)
{
    put_u64(at, g->first_dseq);
    put_u64(at, g->last_dseq);
    put_u8(at, g->reason);
    put_zeros(at, 3);
}

static void get_heartbeat(const uint8_t **at, struct nrp_heartbeat *h)
{
    h->last_dseq = get_u64(at);
    h->oldest_dseq = get_u64(at);
    h->last_iseq = get_u64(at);
}

static void put_heartbeat(uint8_t **at, const struct nrp_heartbeat *h)
{
    put_u64(at, h->last_dseq);
    put_u64(at, h->oldest_dseq);
    put_u64(at, h->last_iseq);
}

static void get_report(const uint8_t **at, struct nrp_report *r)
{
    r->highest_dseq = get_u64(at);
    r->received = get_u32(at);
    r->lost_raw = get_u32(at);
    r->repaired = get_u32(at);
    r->duplicates = get_u32(at);
    r->reordered = get_u32(at);
    r->jitter_us = get_u32(at);
}

static void put_report(uint8_t **at, const struct nrp_report *r)
{
    put_u64(at, r->highest_dseq);
    put_u32(at, r->received);
    put_u32(at, r->lost_raw);
    put_u32(at, r->repaired);
    put_u32(at, r->duplicates);
    put_u32(at, r->reordered);
    put_u32(at, r->jitter_us);
}

static void get_notice(const uint8_t **at, struct nrp_notice *n)
{
    n->code = get_u16(at);
    *at += 2;
    n->request_id = get_u32(at);
}

static void put_notice(uint8_t **at, const struct nrp_notice *n)
{
    put_u16(at, n->code);
    put_zeros(at, 2);
    put_u32(at, n->request_id);
}

static void get_join(const uint8_t **at, struct nrp_join *j)
{
    j->group_id = get_u64(at);
    j->step = get_u8(at);
}

static void put_join(uint8_t **at, const struct nrp_join *j)
{
    put_u64(at, j->group_id);
    put_u8(at, j->step);
    put_zeros(at, 3);
}

static void get_group(const uint8_t **at, struct nrp_group *g)
{
    g->group_id = get_u64(at);
    get_bytes(at, g->key, sizeof g->key);
    get_bytes(at, g->address, sizeof g->address);
    g->port = get_u16(at);
    g->status = get_u8(at);
}

static void put_group(uint8_t **at, const struct nrp_group *g)
{
    put_u64(at, g->group_id);
    put_bytes(at, g->key, sizeof g->key);
    put_bytes(at, g->address, sizeof g->address);
    put_u16(at, g->port);
    put_u8(at, g->status);
    put_zeros(at, 1);
}

static bool get_shared(const uint8_t **at, struct nrp_shared *s)
{
    bool ok = get_item(at, &s->item);
    *at += 1;
    get_bytes(at, s->digest, sizeof s->digest);
    return ok;
}

static void put_shared(uint8_t **at, const struct nrp_shared *s)
{
    put_item(at, &s->item);
    put_bytes(at, s->digest, sizeof s->digest);
}

bool nrp_fixed_get(const uint8_t *from, struct nrp_frame *f)
{
    const uint8_t **at = &from;
    switch (f->type) {
    case NRP_HELLO: return get_hello(at, &f->hello);
    case NRP_CHALLENGE: get_challenge(at, &f->challenge); break;
    case NRP_AUTH: return get_auth(at, &f->auth);
    case NRP_WELCOME: get_welcome(at, &f->welcome); break;
    case NRP_SUBSCRIBE: get_subscribe(at, &f->subscribe); break;
    case NRP_SUBACK: get_suback(at, &f->suback); break;
    case NRP_UNSUBSCRIBE: get_unsubscribe(at, &f->unsuback); break;
    case NRP_UNSUBACK: get_unsuback(at, &f->unsuback); break;
    case NRP_PUBLISH: return get_publish(at, &f->publish);
    case NRP_PUBACK: get_puback(at, &f->puback); break;
    case NRP_ITEM: return get_item(at, &f->item);
    case NRP_ACK: f->cum_dseq = get_u64(at); break;
    case NRP_GAP: get_gap(at, &f->gap); break;
    case NRP_PING:
    case NRP_PONG: f->token = get_u64(at); break;
    case NRP_HEARTBEAT: get_heartbeat(at, &f->heartbeat); break;
    case NRP_REPORT: get_report(at, &f->report); break;
    case NRP_ERROR:
    case NRP_GOODBYE: get_notice(at, &f->notice); break;
    case NRP_JOIN: get_join(at, &f->join); break;
    case NRP_GROUP: get_group(at, &f->group); break;
    case NRP_SHARED: return get_shared(at, &f->shared);
    default: break; /* NAK has none */
    }
    return true;
}

void nrp_fixed_put(uint8_t **at, const struct nrp_frame *f)
{
    switch (f->type) {
    case NRP_HELLO: put_hello(at, &f->hello); break;
    case NRP_CHALLENGE: put_challenge(at, &f->challenge); break;
    case NRP_AUTH: put_auth(at, &f->auth); break;
    case NRP_WELCOME: put_welcome(at, &f->welcome); break;
    case NRP_SUBSCRIBE: put_subscribe(at, &f->subscribe); break;
    case NRP_SUBACK: put_suback(at, &f->suback); break;
    case NRP_UNSUBSCRIBE: put_u32(at, f->unsuback.request_id); break;
    case NRP_UNSUBACK: put_unsuback(at, &f->unsuback); break;
    case NRP_PUBLISH: put_publish(at, &f->publish); break;
    case NRP_PUBACK: put_puback(at, &f->puback); break;
    case NRP_ITEM: put_item(at, &f->item); break;
    case NRP_ACK: put_u64(at, f->cum_dseq); break;
    case NRP_GAP: put_gap(at, &f->gap); break;
    case NRP_PING:
    case NRP_PONG: put_u64(at, f->token); break;
    case NRP_HEARTBEAT: put_heartbeat(at, &f->heartbeat); break;
    case NRP_REPORT: put_report(at, &f->report); break;
    case NRP_ERROR:
    case NRP_GOODBYE: put_notice(at, &f->notice); break;
    case NRP_JOIN: put_join(at, &f->join); break;
    case NRP_GROUP: put_group(at, &f->group); break;
    case NRP_SHARED: put_shared(at, &f->shared); break;
    default: break; /* NAK has none */
    }
}

void nrp_item_prefix(uint8_t out[NRP_ITEM_PREFIX], const struct nrp_item *item, size_t topic_len,
                     size_t payload_len)
{
    put_header(&out, NRP_ITEM, topic_len,
               NRP_ITEM_PREFIX - NRP_HEADER_SIZE + topic_len + payload_len);
    put_item(&out, item);
}

void nrp_hello_bytes(const struct nrp_hello *h, uint8_t out[NRP_HELLO_SIZE])
{
    put_hello(&out, h);
}

void nrp_auth_bytes(const struct nrp_auth *a, uint8_t out[NRP_AUTH_SIZE])
{
    put_auth(&out, a);
}

void nrp_welcome_bytes(const struct nrp_welcome *w, uint8_t out[NRP_WELCOME_SIZE])
{
    put_welcome(&out, w);
}
