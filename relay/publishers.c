#include "relay/publishers.h"

#include <stdlib.h>

struct publisher {
    struct roster_entry entry;
    struct log_publisher who;
    struct nrp_replay ids; /* the window packet numbers have fits publish ids as well */
    int64_t heard_us;
};

_Static_assert(sizeof(struct log_publisher) == sizeof(uint32_t) + NRP_ID_SIZE + NRP_NONCE_SIZE,
               "it is compared byte by byte");

bool publishers_init(struct publishers *p, size_t max, const uint64_t secret[2])
{
    p->max = max;
    return roster_init(&p->known, secret);
}

static void forget_oldest(struct publishers *p)
{
    struct publisher *oldest = (struct publisher *)p->known.oldest;
    roster_remove(&p->known, &oldest->entry);
    free(oldest);
}

void publishers_deinit(struct publishers *p)
{
    while (p->known.oldest)
        forget_oldest(p);
    roster_deinit(&p->known);
}

static struct publisher *heard(struct publishers *p, const struct log_publisher *who,
                               int64_t now_us)
{
    struct publisher *known = (struct publisher *)roster_find(&p->known, who, sizeof *who);
    if (!known) return NULL;
    known->heard_us = now_us;
    roster_touch(&p->known, &known->entry);
    return known;
}

static bool is_remembered(const struct nrp_replay *ids, uint64_t id)
{
    return id < ids->top && ids->top - id <= NRP_REPLAY_BITS;
}

bool publishers_took(struct publishers *p, const struct log_publisher *who, uint64_t publish_id,
                     int64_t now_us)
{
    const struct publisher *known = heard(p, who, now_us);
    return known && is_remembered(&known->ids, publish_id) &&
           !nrp_replay_fresh(&known->ids, publish_id);
}

static struct publisher *publisher_new(struct publishers *p, const struct log_publisher *who,
                                       int64_t now_us)
{
    if (p->max == 0) return NULL;
    struct publisher *fresh = calloc(1, sizeof *fresh);
    if (!fresh) return NULL;
    if (p->known.count >= p->max) forget_oldest(p);
    fresh->who = *who;
    fresh->heard_us = now_us;
    roster_put(&p->known, &fresh->entry, &fresh->who, sizeof fresh->who);
    return fresh;
}

void publishers_take(struct publishers *p, const struct log_publisher *who, uint64_t publish_id,
                     int64_t now_us)
{
    struct publisher *known = heard(p, who, now_us);
    if (!known) known = publisher_new(p, who, now_us);
    if (known) nrp_replay_take(&known->ids, publish_id);
}

void publishers_tick(struct publishers *p, int64_t now_us)
{
    const struct publisher *oldest;
    while ((oldest = (const struct publisher *)p->known.oldest) &&
           now_us - oldest->heard_us >= PUBLISHERS_SILENCE_US)
        forget_oldest(p);
}
