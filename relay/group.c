#include "relay/group.h"

#include <stdlib.h>
#include <string.h>

#include "relay/pace.h"

#define HEARTBEAT_US 1000000
#define REPORTS_US   1000000
#define BURST        (32 * 1024) /* bytes: as many items as come at once in one turn */

/* A body, sent or to be sent; positions count from the first ever. */
struct body {
    struct record *record; /* NULL: it is sent */
    uint64_t iseq;
    uint8_t fragment, count;
    uint8_t digest[NRP_DIGEST_SIZE];
};

struct group {
    struct group_config c;
    struct group_pacing p;
    struct nrp_random random;
    uint64_t epoch, id;
    uint8_t key[NRP_GROUP_KEY];
    struct nrp_cipher *cipher; /* NULL: open */
    uint64_t packets;
    struct pace pace;
    int64_t beat_us, reported_us; /* the next heartbeat; since when reports are collected */
    bool beat;                    /* it is due */
    struct nrp_report worst;
    unsigned told, joined;
    uint64_t sent, end; /* positions: the next to send, and to fill */
    struct body recent[GROUP_RECENT];
    struct group_counts counts;
};

static struct body *body_at(struct group *g, uint64_t position)
{
    return &g->recent[position % GROUP_RECENT];
}

/* --- its life ------------------------------------------------------------------------------- */

bool group_renew(struct group *g)
{
    struct nrp_handshake_keys keys = {0};
    nrp_cipher_free(g->cipher);
    g->cipher = NULL;
    g->packets = 0;
    g->id = nrp_random_u64(&g->random);
    if (!g->c.sealed) return true;
    g->random.fill(g->random.user, g->key, sizeof g->key);
    memcpy(keys.prk, g->key, sizeof keys.prk);
    g->cipher = nrp_cipher_new(&keys, NRP_SEALED, NRP_TO_CLIENT, g->id, g->epoch);
    explicit_bzero(&keys, sizeof keys);
    return g->cipher != NULL;
}

struct group *group_new(const struct group_config *c, const struct group_pacing *p, uint64_t epoch,
                        const struct nrp_random *random, int64_t now_us, struct news_error *err)
{
    struct group *g = calloc(1, sizeof *g);
    if (!g) {
        (void)news_fail(err, NEWS_ERR_MEMORY, "multicast: out of memory");
        return NULL;
    }
    g->c = *c;
    g->p = *p;
    g->epoch = epoch;
    g->random = *random;
    g->beat_us = g->reported_us = now_us;
    pace_init(&g->pace, p->rate_cap, p->rate_floor, p->rate_cap, BURST, now_us);
    if (group_renew(g)) return g;
    group_free(g);
    (void)news_fail(err, NEWS_ERR_MEMORY, "multicast: out of memory");
    return NULL;
}

void group_free(struct group *g)
{
    if (!g) return;
    for (unsigned i = 0; i < GROUP_RECENT; i++)
        record_unref(g->recent[i].record);
    nrp_cipher_free(g->cipher);
    explicit_bzero(g->key, sizeof g->key);
    free(g);
}

bool group_is_sealed(const struct group *g)
{
    return g->c.sealed;
}

const char *group_filter(const struct group *g)
{
    return g->c.filter;
}

size_t group_datagram_max(const struct group *g)
{
    return g->p.datagram_max;
}

void group_describe(const struct group *g, struct nrp_group *out)
{
    *out = (struct nrp_group){.group_id = g->id, .port = g->c.address.port};
    memcpy(out->address, g->c.address.ip, sizeof out->address);
    memcpy(out->key, g->key, sizeof out->key); /* zeros where it is open */
}

bool group_is(const struct group *g, uint64_t id)
{
    return id == g->id;
}

void group_told(struct group *g, int change)
{
    if (g->told == 0 && change > 0) g->beat_us = INT64_MIN; /* somebody waits to hear it */
    g->told += (unsigned)change;
}

void group_joined(struct group *g, int change)
{
    g->joined += (unsigned)change;
}

unsigned group_members(const struct group *g)
{
    return g->joined;
}

/* Its numbers are not used up; and what is to be sealed can be. */
static bool is_able(const struct group *g)
{
    return g->packets < NRP_PACKETS_MAX && (g->cipher || !g->c.sealed);
}

/* --- bodies --------------------------------------------------------------------------------- */

/* As the group has it: without dseq and flags, which are a session's. */
static struct nrp_frame frame_of(const struct group *g, const struct record *r, unsigned fragment,
                                 unsigned count)
{
    size_t room = nrp_fragment_room(g->p.datagram_max), size = record_size(r);
    size_t from = fragment * room, to = fragment + 1 == count ? size : from + room;
    size_t topic = fragment == 0 ? r->topic_len : 0;
    return (struct nrp_frame){
        .type = NRP_ITEM,
        .topic = topic > 0 ? (const uint8_t *)record_topic(r) : NULL,
        .topic_len = (uint16_t)topic,
        .payload = record_payload(r) + (fragment == 0 ? 0 : from - r->topic_len),
        .payload_len = to - from - topic,
        .item = {.iseq = r->iseq, .fragment = (uint8_t)fragment, .fragment_count = (uint8_t)count},
    };
}

static void add(struct group *g, struct record *r, unsigned fragment, unsigned count)
{
    uint8_t bytes[NRP_DATAGRAM_MAX];
    struct body *b = body_at(g, g->end++);
    struct nrp_frame f = frame_of(g, r, fragment, count);
    *b = (struct body){.record = record_ref(r),
                       .iseq = r->iseq,
                       .fragment = (uint8_t)fragment,
                       .count = (uint8_t)count};
    nrp_digest(bytes, nrp_frame_write(&f, bytes), b->digest);
}

bool group_push(struct group *g, int64_t now_us, struct record *r)
{
    size_t size = record_size(r);
    unsigned count = r->topic_len <= nrp_fragment_room(g->p.datagram_max)
                         ? nrp_fragment_count(size, g->p.datagram_max)
                         : 0;
    bool room = count > 0 && is_able(g) && g->end - g->sent + count <= GROUP_RECENT &&
                pace_allows(&g->pace, now_us, size < BURST ? size : BURST);
    if (!room) {
        g->counts.refused++;
        return false;
    }
    pace_spend(&g->pace, size + count * (size_t)NRP_ITEM_PREFIX);
    for (unsigned i = 0; i < count; i++)
        add(g, r, i, count);
    return true;
}

uint64_t group_position(const struct group *g)
{
    return g->end;
}

/* Bodies lie in the order of iseq and fragment: the log's order is the only one in which they come.
 */
static const struct body *find(const struct group *g, uint64_t since, uint64_t iseq,
                               unsigned fragment)
{
    uint64_t low = g->end > GROUP_RECENT ? g->end - GROUP_RECENT : 0, high = g->end;
    if (low < since) low = since;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        const struct body *b = &g->recent[middle % GROUP_RECENT];
        if (b->iseq == iseq && b->fragment == fragment) return b;
        if (b->iseq < iseq || (b->iseq == iseq && b->fragment < fragment)) low = middle + 1;
        else high = middle;
    }
    return NULL;
}

bool group_share(const struct group *g, uint64_t since, struct nrp_frame *item)
{
    const struct body *b = find(g, since, item->item.iseq, item->item.fragment);
    if (!b || b->count != item->item.fragment_count) return false;
    struct nrp_frame f = {.type = NRP_SHARED, .shared = {.item = item->item}};
    memcpy(f.shared.digest, b->digest, sizeof b->digest);
    *item = f;
    return true;
}

/* --- how fast ------------------------------------------------------------------------------- */

static bool is_worse(const struct nrp_report *a, const struct nrp_report *b)
{
    uint64_t of_a = (uint64_t)a->received + a->lost_raw, of_b = (uint64_t)b->received + b->lost_raw;
    return of_a > 0 && (of_b == 0 || a->lost_raw * of_b > b->lost_raw * of_a);
}

void group_report(struct group *g, int64_t now_us, const struct nrp_report *r)
{
    if (is_worse(r, &g->worst)) g->worst = *r;
    if (now_us < g->reported_us + REPORTS_US) return;
    pace_report(&g->pace, g->worst.received, g->worst.lost_raw);
    g->worst = (struct nrp_report){0};
    g->reported_us = now_us;
}

/* --- datagrams ------------------------------------------------------------------------------ */

void group_tick(struct group *g, int64_t now_us)
{
    if (g->told == 0 || now_us < g->beat_us) return;
    g->beat = true;
    g->beat_us = now_us + HEARTBEAT_US;
}

int64_t group_deadline(const struct group *g)
{
    return g->told > 0 ? g->beat_us : INT64_MAX;
}

static size_t put_bodies(struct group *g, uint8_t *out, size_t room)
{
    size_t used = 0;
    for (; g->sent < g->end; g->sent++) {
        struct body *b = body_at(g, g->sent);
        struct nrp_frame f = frame_of(g, b->record, b->fragment, b->count);
        if (nrp_frame_size(&f) > room - used) break;
        used += nrp_frame_write(&f, out + used);
        record_unref(b->record);
        b->record = NULL;
        g->counts.bodies++;
    }
    return used;
}

static size_t put_frames(struct group *g, int64_t now_us, uint64_t last_iseq, uint8_t *out,
                         size_t room)
{
    size_t used = put_bodies(g, out, room);
    if (used == 0 && g->beat) {
        const struct nrp_frame f = {.type = NRP_HEARTBEAT, .heartbeat = {.last_iseq = last_iseq}};
        used = nrp_frame_write(&f, out);
    }
    if (used > 0) g->beat_us = now_us + HEARTBEAT_US;
    g->beat = false;
    return used;
}

size_t group_datagram(struct group *g, int64_t now_us, uint64_t last_iseq, uint8_t *out)
{
    size_t room = g->p.datagram_max - NRP_DATAGRAM_HEADER - NRP_DATAGRAM_TAG;
    if (!is_able(g)) return 0;
    size_t used = put_frames(g, now_us, last_iseq, out + NRP_DATAGRAM_HEADER, room);
    if (used == 0) return 0;
    struct nrp_datagram head = {
        .flags = NRP_DATAGRAM_MULTICAST, .session_id = g->id, .packet_number = g->packets++};
    if (g->cipher) head.flags |= NRP_DATAGRAM_SECURED;
    nrp_datagram_write(&head, out);
    g->counts.datagrams++;
    if (!g->cipher) return NRP_DATAGRAM_HEADER + used;
    /* Not sealed (no memory) is as good as lost, but never in clear. */
    uint8_t *body = out + NRP_DATAGRAM_HEADER;
    bool sealed = nrp_seal(g->cipher, head.packet_number, out, NRP_DATAGRAM_HEADER, body, used,
                           body + used);
    return sealed ? NRP_DATAGRAM_HEADER + used + NRP_DATAGRAM_TAG : 0;
}

const struct group_counts *group_counts(const struct group *g)
{
    return &g->counts;
}
