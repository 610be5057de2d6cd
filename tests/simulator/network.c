/* Datagrams on their way, and all that can become of them. */
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "tests/simulator/world.h"

enum { DATAGRAM_MAX = 2048 };

static bool hit(struct world *w, enum fault f, unsigned per_mille)
{
    if (per_mille == 0 || !world_has_faults(w)) return false;
    /* Drawn whether it counts or not: the stream of a fault follows the datagrams. */
    if (!chance_of(&w->chance[f], per_mille)) return false;
    w->tally.faults[f]++;
    return true;
}

/* What an attacker on the path may change without being able to harm: nothing that an open session
 * believes. Its checksum is UDP's, which the network here does not have. What goes to a group is
 * believed by its digest alone. */
static bool may_flip(const struct actor *a, enum direction d, const uint8_t *bytes, size_t len)
{
    if (a->plan->security != NRP_OPEN) return true;
    if (len < NRP_DATAGRAM_HEADER + NRP_HEADER_SIZE || !(bytes[3] & NRP_DATAGRAM_HANDSHAKE))
        return false;
    return d == UP || bytes[NRP_DATAGRAM_HEADER + 1] == NRP_CHALLENGE;
}

static bool is_lost(struct world *w, const struct actor *a, struct link *l, enum to_group group)
{
    const struct link_plan *plan = &a->plan->link;
    if (world_has_faults(w) && w->now < a->partition_until) {
        w->tally.faults[FAULT_PARTITION]++;
        return true;
    }
    if (world_has_faults(w) && group && w->now < a->deaf_until) return true;
    if (!world_has_faults(w)) l->burst = false;
    else if (plan->burst_begins > 0)
        l->burst = l->burst ? !chance_of(&w->chance[FAULT_BURST], plan->burst_ends)
                            : chance_of(&w->chance[FAULT_BURST], plan->burst_begins);
    if (l->burst) {
        w->tally.faults[FAULT_BURST]++;
        return true;
    }
    return hit(w, FAULT_LOSS, plan->loss);
}

/* When it leaves a link that takes so many bytes a second; NEVER: its queue is full. */
static int64_t leaves_at(struct world *w, const struct link_plan *plan, struct link *l, size_t len)
{
    if (plan->rate == 0 || !world_has_faults(w)) return w->now;
    int64_t begins = l->busy_until > w->now ? l->busy_until : w->now;
    if (begins - w->now > plan->queue_us) {
        w->tally.faults[FAULT_RATE]++;
        return NEVER;
    }
    l->busy_until = begins + (int64_t)len * SECOND / plan->rate;
    return l->busy_until;
}

static void damage(struct world *w, const struct actor *a, enum direction d, struct parcel *p)
{
    const struct link_plan *plan = &a->plan->link;
    if (p->len > 0 && hit(w, FAULT_TRUNCATE, plan->truncate))
        p->len = (size_t)world_draw(w, FAULT_TRUNCATE, 0, (int64_t)p->len - 1);
    if (p->len > 0 && (p->group || may_flip(a, d, p->bytes, p->len)) &&
        hit(w, FAULT_FLIP, plan->flip)) {
        int64_t bit = world_draw(w, FAULT_FLIP, 0, (int64_t)p->len * 8 - 1);
        p->bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void deliver(struct world *w, const struct actor *a, enum direction d, struct parcel *p,
                    int64_t leaves)
{
    const struct link_plan *plan = &a->plan->link;
    int64_t at = leaves + plan->delay_us;
    if (plan->jitter_us > 0 && world_has_faults(w)) {
        at += world_draw(w, FAULT_REORDER, 0, plan->jitter_us);
        w->tally.faults[FAULT_REORDER]++;
    }
    agenda_add(&w->agenda, (struct event){.at = at,
                                          .kind = d == UP ? EVENT_PARCEL_UP : EVENT_PARCEL_DOWN,
                                          .who = a->index,
                                          .parcel = p});
}

static void record(struct world *w, enum direction d, const struct nrp_address *address,
                   const uint8_t *bytes, size_t len, enum to_group group)
{
    if (!w->scenario.has[FAULT_REPLAY] && !w->scenario.has[FAULT_SPOOF]) return;
    /* Not each one: the ring should reach back a while. */
    if (w->recorded_count[d] >= RECORDED && !chance_of(&w->chance[FAULT_REPLAY], 200)) return;
    struct parcel **slot = &w->recorded[d][w->recorded_count[d]++ % RECORDED];
    free(*slot);
    *slot = parcel_new(address, bytes, len);
    (*slot)->group = group;
}

static void carry(struct world *w, struct actor *a, enum direction d,
                  const struct nrp_address *address, const uint8_t *bytes, size_t len,
                  enum to_group group)
{
    const struct link_plan *plan = &a->plan->link;
    struct link *l = &a->links[d];
    w->tally.datagrams++;
    w->digest = hash_bytes(w->digest ^ (uint64_t)w->now, bytes, len);
    if (plan->mtu > 0 && len > plan->mtu) {
        world_trace(w, "%u: %zu bytes are too many for the path", a->index, len);
        w->tally.faults[FAULT_MTU]++;
        return;
    }
    record(w, d, address, bytes, len, group);
    if (is_lost(w, a, l, group)) return;
    int64_t leaves = leaves_at(w, plan, l, len);
    if (leaves == NEVER) return;
    unsigned copies = hit(w, FAULT_DUPLICATE, plan->duplicate) ? 2 : 1;
    for (; copies > 0; copies--) {
        struct parcel *p = parcel_new(address, bytes, len);
        p->group = group;
        damage(w, a, d, p);
        deliver(w, a, d, p, leaves);
    }
}

void network_up(struct world *w, struct actor *a, const uint8_t *bytes, size_t len)
{
    check_sent_up(w, a, bytes, len);
    carry(w, a, UP, &a->address, bytes, len, GROUP_NOT);
}

static struct actor *actor_at(struct world *w, const struct nrp_address *address)
{
    if (address->ip[2] != 0 || address->ip[3] >= w->scenario.actor_count) return NULL;
    return &w->actors[address->ip[3]];
}

void network_down(struct world *w, const struct nrp_address *to, const uint8_t *bytes, size_t len)
{
    check_sent_down(w, to, bytes, len);
    struct actor *a = actor_at(w, to);
    if (!a) return; /* a forged address: nobody is there */
    carry(w, a, DOWN, to, bytes, len, GROUP_NOT);
}

void network_group(struct world *w, const uint8_t *bytes, size_t len)
{
    check_sent_group(w, bytes, len);
    w->tally.group_datagrams++;
    for (unsigned i = 0; i < w->scenario.actor_count; i++)
        if (w->actors[i].listens)
            carry(w, &w->actors[i], DOWN, &w->actors[i].address, bytes, len, GROUP_RELAY);
}

/* Into the socket's queue, if it has room. Takes the parcel. */
static bool queue(struct world *w, struct parcel *p, struct parcel ***end, unsigned *count)
{
    if (*count >= w->scenario.socket_queue) {
        free(p);
        return false;
    }
    **end = p;
    *end = &p->next;
    (*count)++;
    return true;
}

void network_arrived(struct world *w, const struct event *e)
{
    if (e->kind == EVENT_PARCEL_UP) {
        if (!w->hub) free(e->parcel);
        else if (queue(w, e->parcel, &w->inbox_end, &w->inbox_count))
            relay_wake(w, w->now + w->scenario.turn_us);
        return;
    }
    struct actor *a = &w->actors[e->who];
    bool own = memcmp(&e->parcel->address, &a->address, sizeof a->address) == 0;
    bool here = a->client && a->plan->datagrams && (e->parcel->group ? a->listens : own);
    if (!here) free(e->parcel);
    else if (queue(w, e->parcel, &a->inbox_end, &a->inbox_count))
        actor_wake(a, w->now + w->scenario.turn_us);
}

static const struct parcel *recorded(struct world *w, enum direction d, enum fault f)
{
    unsigned count = w->recorded_count[d] < RECORDED ? w->recorded_count[d] : RECORDED;
    if (count == 0) return NULL;
    return w->recorded[d][world_draw(w, f, 0, count - 1)];
}

static void inject(struct world *w, enum direction d, struct parcel *p, enum fault f)
{
    w->tally.faults[f]++;
    agenda_add(&w->agenda, (struct event){.at = w->now + world_draw(w, f, 0, 50000),
                                          .kind = d == UP ? EVENT_PARCEL_UP : EVENT_PARCEL_DOWN,
                                          .who = p->address.ip[3] % w->scenario.actor_count,
                                          .parcel = p});
}

void network_replay(struct world *w)
{
    enum direction d = world_draw(w, FAULT_REPLAY, 0, 1) ? UP : DOWN;
    const struct parcel *p = recorded(w, d, FAULT_REPLAY);
    if (!p) return;
    struct parcel *again = parcel_new(&p->address, p->bytes, p->len);
    again->group = p->group;
    inject(w, d, again, FAULT_REPLAY);
}

/* What the group had, a little different, and as if the relay had sent it or not. */
static bool spoof_group(struct world *w)
{
    const struct parcel *heard = recorded(w, DOWN, FAULT_SPOOF);
    if (!heard || !heard->group) return false;
    struct parcel *p = parcel_new(&heard->address, heard->bytes, heard->len);
    p->group = world_draw(w, FAULT_SPOOF, 0, 1) ? GROUP_RELAY : GROUP_STRANGER;
    p->bytes[world_draw(w, FAULT_SPOOF, 12, (int64_t)p->len - 1)] ^= 1;
    inject(w, DOWN, p, FAULT_SPOOF);
    return true;
}

/* Something that was heard on the path, or noise, from an address that is not its sender's. Towards
 * clients it is noise alone: open sessions have no defence against what is well made. */
void network_spoof(struct world *w)
{
    struct nrp_address from = {.family = 4, .ip = {10, 0, 9, 9}, .port = 9};
    from.port = (uint16_t)world_draw(w, FAULT_SPOOF, 1, 9);
    if (world_draw(w, FAULT_SPOOF, 0, 1) && spoof_group(w)) return;
    const struct parcel *heard = recorded(w, UP, FAULT_SPOOF);
    if (heard && world_draw(w, FAULT_SPOOF, 0, 2) > 0) {
        inject(w, UP, parcel_new(&from, heard->bytes, heard->len), FAULT_SPOOF);
        return;
    }
    uint8_t noise[DATAGRAM_MAX];
    size_t len = (size_t)world_draw(w, FAULT_SPOOF, 1, 600);
    for (size_t i = 0; i < len; i++)
        noise[i] = (uint8_t)world_draw(w, FAULT_SPOOF, 0, 255);
    memcpy(noise, "NR\1\2", 4); /* as far as a parser gets */
    struct actor *a = &w->actors[world_draw(w, FAULT_SPOOF, 0, w->scenario.actor_count - 1)];
    if (a->plan->datagrams && a->plan->security != NRP_OPEN && world_draw(w, FAULT_SPOOF, 0, 1))
        inject(w, DOWN, parcel_new(&a->address, noise, len), FAULT_SPOOF);
    else inject(w, UP, parcel_new(&from, noise, len), FAULT_SPOOF);
}
