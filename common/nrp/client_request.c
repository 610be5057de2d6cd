#include <stdlib.h>
#include <string.h>

#include "common/nrp/client_state.h"

#define TRIES_MAX   6
#define FLIGHT_MIN  4
#define FLIGHT_MOST 512

/* ---------------------------------------------------------------------------------- The list */

struct client_request *client_request_add(struct client_requests *l, const struct nrp_frame *f,
                                          uint64_t id, bool keep)
{
    size_t payload_len = keep ? f->payload_len : 0;
    struct client_request *r = calloc(1, sizeof *r + f->topic_len + 1 + payload_len);
    if (!r) return NULL;
    char *payload = r->bytes + f->topic_len + 1;
    memcpy(r->bytes, f->topic, f->topic_len);
    if (payload_len) memcpy(payload, f->payload, payload_len);
    r->frame = *f;
    r->frame.topic = (const uint8_t *)r->bytes;
    r->frame.payload = (const uint8_t *)payload;
    r->frame.payload_len = payload_len;
    r->id = id;
    r->fragments = 1;
    r->size = f->topic_len + payload_len;
    if (!l->end) l->end = &l->first;
    *l->end = r;
    l->end = &r->next;
    l->count++;
    l->bytes += r->size;
    return r;
}

struct client_request *client_request_find(struct client_requests *l, uint64_t id)
{
    struct client_request *r = l->first;
    while (r && r->id != id)
        r = r->next;
    return r;
}

static void unlink_request(struct client_requests *l, const struct client_request *r)
{
    struct client_request **at = &l->first;
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    if (!r->next) l->end = at;
    l->count--;
    l->bytes -= r->size;
}

void client_requests_free(struct client_requests *l)
{
    while (l->first) {
        struct client_request *r = l->first;
        l->first = r->next;
        free(r);
    }
    *l = (struct client_requests){0};
}

/* ------------------------------------------------------------------------ Frames in flight */

/* Publications are the only thing a client sends much of. How much of it is under way follows what
 * the path takes: more with each answer, half of it after a loss, once in a round trip. */
static void flight_answered(struct nrp_client *c, const struct client_request *r)
{
    c->flight -= r->given;
    if (r->tries > 1) return;
    c->flight_max += r->fragments;
    if (c->flight_max > FLIGHT_MOST) c->flight_max = FLIGHT_MOST;
}

static void flight_late(struct nrp_client *c, const struct client_request *r)
{
    c->flight -= r->given;
    if (c->now_us < c->flight_cut_us) return;
    c->flight_max = c->flight_max / 2 > FLIGHT_MIN ? c->flight_max / 2 : FLIGHT_MIN;
    c->flight_cut_us = c->now_us + client_rto(c);
}

static bool flight_has_room(const struct nrp_client *c, const struct client_request *r)
{
    if (r->frame.type != NRP_PUBLISH || r->given) return true; /* what has begun is ended */
    return !c->flight || c->flight + r->fragments <= c->flight_max;
}

/* -------------------------------------------------------------------------- Answers and repeats */

void client_request_answered(struct nrp_client *c, struct client_requests *l,
                             struct client_request *r)
{
    unlink_request(l, r);
    if (!c->config.datagrams) return;
    if (r->frame.type == NRP_PUBLISH) flight_answered(c, r);
    /* Karn: which of several tries was answered is not known. */
    if (r->tries == 1 && r->given == r->fragments) client_rtt_sample(c, c->now_us - r->sent_us);
}

static bool is_late(const struct nrp_client *c, const struct client_request *r)
{
    return r->given == r->fragments && c->now_us >= r->sent_us + r->rto_us;
}

static void repeat(struct nrp_client *c, struct client_request *r)
{
    if (r->frame.type == NRP_PUBLISH) {
        flight_late(c, r);
        r->frame.publish.flags |= NRP_FLAG_DUP;
    }
    r->given = 0;
    r->rto_us *= 2;
    c->counts.requests_repeated++;
}

void client_requests_tick(struct nrp_client *c, struct client_requests *l)
{
    if (!c->config.datagrams) return;
    for (struct client_request *r = l->first; r; r = r->next) {
        if (!is_late(c, r)) continue;
        if (r->tries >= TRIES_MAX) {
            client_fail(c, NEWS_ERR_UNREACHABLE, "the relay answers no more: %s was sent %d times",
                        nrp_type_name(r->frame.type), TRIES_MAX);
            return;
        }
        repeat(c, r);
    }
}

int64_t client_requests_deadline(const struct client_requests *l)
{
    int64_t due = INT64_MAX;
    for (const struct client_request *r = l->first; r; r = r->next)
        if (r->tries && r->given == r->fragments && r->sent_us + r->rto_us < due)
            due = r->sent_us + r->rto_us;
    return due;
}

/* ------------------------------------------------------------------------------------- Packing */

/* Datagrams overtake each other: what is said about one filter waits for the answer to what was
 * said about it before. */
static bool waits_for_another(const struct client_requests *l, const struct client_request *r)
{
    if (r->frame.type == NRP_PUBLISH) return false;
    for (const struct client_request *other = l->first; other != r; other = other->next)
        if (strcmp(other->bytes, r->bytes) == 0) return true;
    return false;
}

static void given_out(struct nrp_client *c, struct client_request *r)
{
    if (r->frame.type == NRP_PUBLISH) c->flight++;
    if (++r->given < r->fragments) return;
    if (!r->tries++) r->rto_us = client_rto(c);
    r->sent_us = c->now_us;
}

/* False: the next of its fragments does not fit. */
static bool pack_one(struct nrp_client *c, struct client_request *r, uint8_t *out, size_t room,
                     size_t *at)
{
    while (r->given < r->fragments) {
        struct nrp_frame f = r->frame;
        if (f.type == NRP_PUBLISH) client_publish_fragment(c, &r->frame, r->given, &f);
        if (nrp_frame_size(&f) > room - *at) return false;
        *at += nrp_frame_write(&f, out + *at);
        given_out(c, r);
    }
    return true;
}

size_t client_requests_pack(struct nrp_client *c, struct client_requests *l, uint8_t *out,
                            size_t room)
{
    size_t at = 0;
    for (struct client_request *r = l->first; r; r = r->next) {
        if (r->given == r->fragments || waits_for_another(l, r)) continue;
        if (!flight_has_room(c, r) || !pack_one(c, r, out, room, &at)) break;
    }
    return at;
}
