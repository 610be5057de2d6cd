#include <stdlib.h>
#include <string.h>

#include "relay/hub_state.h"

static void forget(struct partial *f)
{
    free(f->body);
    *f = (struct partial){0};
}

int64_t fragments_deadline(const struct datagrams *d)
{
    int64_t at = INT64_MAX;
    for (int i = 0; i < PARTIALS_MAX; i++)
        if (d->partials[i].body && d->partials[i].until_us < at) at = d->partials[i].until_us;
    return at;
}

void fragments_expire(struct datagrams *d, int64_t now_us)
{
    for (int i = 0; i < PARTIALS_MAX; i++)
        if (d->partials[i].body && d->partials[i].until_us <= now_us) forget(&d->partials[i]);
}

static struct partial *find(struct datagrams *d, uint64_t publish_id)
{
    for (int i = 0; i < PARTIALS_MAX; i++)
        if (d->partials[i].body && d->partials[i].publish_id == publish_id) return &d->partials[i];
    return NULL;
}

/* An empty one, or else the one that waits longest makes room. */
static struct partial *begin(struct datagrams *d, int64_t now_us, const struct nrp_publish *f)
{
    struct partial *oldest = &d->partials[0];
    for (int i = 1; i < PARTIALS_MAX; i++)
        if (d->partials[i].until_us < oldest->until_us) oldest = &d->partials[i];
    forget(oldest);
    oldest->body = malloc(f->fragment_count * nrp_fragment_room(d->datagram_max));
    if (!oldest->body) return NULL;
    oldest->publish_id = f->publish_id;
    oldest->until_us = now_us + PARTIAL_US;
    oldest->count = f->fragment_count;
    oldest->flags = f->flags;
    return oldest;
}

/* Every fragment but the last is full, and the topic is whole in the first. */
static bool fits(const struct datagrams *d, const struct nrp_frame *f)
{
    size_t room = nrp_fragment_room(d->datagram_max), len = f->topic_len + f->payload_len;
    bool last = f->publish.fragment + 1 == f->publish.fragment_count;
    return f->publish.fragment_count <= NRP_FRAGMENTS_MAX &&
           (f->publish.fragment == 0) == (f->topic_len > 0) &&
           (last ? len > 0 && len <= room : len == room);
}

static bool agrees(const struct partial *part, const struct nrp_publish *f)
{
    return part->count == f->fragment_count &&
           ((part->flags ^ f->flags) & ~(unsigned)NRP_FLAG_DUP) == 0;
}

static void take(struct partial *part, const struct nrp_frame *f, size_t room)
{
    uint8_t *at = part->body + f->publish.fragment * room;
    if (f->topic_len) memcpy(at, f->topic, f->topic_len);
    if (f->payload_len) memcpy(at + f->topic_len, f->payload, f->payload_len);
    if (f->publish.fragment == 0) part->topic_len = f->topic_len;
    if (f->publish.fragment + 1 == part->count) part->last_len = f->topic_len + f->payload_len;
    part->have |= UINT64_C(1) << f->publish.fragment;
}

bool session_fragment(struct hub *h, int64_t now_us, struct peer *p, const struct nrp_frame *f)
{
    size_t room = nrp_fragment_room(p->d->datagram_max);
    if (!fits(p->d, f)) return false;
    if ((f->publish.fragment_count - 1u) * room > h->config.item_max) {
        /* Refused as a whole one would be, by the fragment that has the topic. */
        if (f->publish.fragment == 0)
            session_publish(h, now_us, p, &f->publish, f->topic, f->topic_len, f->payload,
                            h->config.item_max);
        return true;
    }
    struct partial *part = find(p->d, f->publish.publish_id);
    if (!part) part = begin(p->d, now_us, &f->publish);
    if (!part || !agrees(part, &f->publish)) return part == NULL;
    take(part, f, room);
    if (part->have != UINT64_MAX >> (64 - part->count)) return true;
    size_t len = (part->count - 1u) * room + part->last_len;
    session_publish(h, now_us, p, &f->publish, part->body, part->topic_len,
                    part->body + part->topic_len, len - part->topic_len);
    forget(part);
    return true;
}
