/* Multicast: bodies of items that come once for many sessions. What they are worth is said by
 * SHARED frames in our own session, which have our dseq and the body's digest: so whatever else is
 * sent to the group is of no use to anybody, and what does not come by it is a hole like others. */
#include "common/nrp/client_group.h"

#include <stdlib.h>
#include <string.h>

#include "common/nrp/client_state.h"

#define BODIES       512 /* the relay names none but the last 256 */
#define AWAITED      256
#define SAY_AGAIN_US CLIENT_SECOND
#define SAYS_MAX     5
#define LISTEN_US    (5 * CLIENT_SECOND)
#define SILENCE_US   (CLIENT_SECOND * 7 / 2) /* the relay says something every second */
#define AGAIN_US     (60 * CLIENT_SECOND)
#define MISSED_MOST  8 /* in a row, */
/* and not only because the other socket was read first */
#define MISSED_LEAST_US (CLIENT_SECOND / 4)

/* One ITEM of the group. */
struct body {
    uint8_t digest[NRP_DIGEST_SIZE];
    size_t len;
    uint8_t *frame; /* NULL: none */
};

/* A SHARED whose body has not come. */
struct awaited {
    struct nrp_shared shared; /* dseq 0: none */
};

enum state {
    GROUP_OFF, /* until due_us */
    GROUP_ASKING,
    GROUP_LISTENING, /* told where, but nothing was heard yet */
    GROUP_JOINING,   /* it was */
    GROUP_JOINED,
    GROUP_LEAVING, /* what comes meanwhile is still of use */
};

struct client_group {
    enum state state;
    int64_t due_us; /* of its state: to say it again, or to give it up */
    unsigned said;
    bool open; /* the carrier was told to listen */
    struct nrp_group told;
    struct nrp_cipher *unsealing;
    struct nrp_replay replay;
    int64_t missed_us; /* since when bodies are missed in a row */
    unsigned missed;
    unsigned body_at, awaited_at;
    struct body bodies[BODIES];
    struct awaited awaited[AWAITED];
};

/* --------------------------------------------------------------------------------------- States */

/* What a state says, and what comes when nobody answers. */
static const struct {
    bool says;
    enum nrp_join_step step;
    enum state then;
} states[] = {
    [GROUP_OFF] = {.then = GROUP_ASKING},
    [GROUP_ASKING] = {true, NRP_JOIN_ASK, GROUP_OFF},
    [GROUP_LISTENING] = {.then = GROUP_LEAVING},
    [GROUP_JOINING] = {true, NRP_JOIN_HEARS, GROUP_LEAVING},
    [GROUP_JOINED] = {.then = GROUP_LEAVING},
    [GROUP_LEAVING] = {true, NRP_JOIN_LEAVE, GROUP_OFF},
};

static void say(struct nrp_client *c)
{
    struct client_group *g = c->group;
    struct nrp_frame f = {.type = NRP_JOIN, .join = {.step = (uint8_t)states[g->state].step}};
    if (g->state != GROUP_ASKING) f.join.group_id = g->told.group_id;
    (void)client_send(c, &f);
    g->said++;
    g->due_us = c->now_us + SAY_AGAIN_US;
}

static void forget_bodies(struct client_group *g)
{
    for (unsigned i = 0; i < BODIES; i++)
        free(g->bodies[i].frame);
    memset(g->bodies, 0, sizeof g->bodies);
    memset(g->awaited, 0, sizeof g->awaited);
    nrp_cipher_free(g->unsealing);
    g->unsealing = NULL;
    explicit_bzero(&g->told, sizeof g->told);
    g->replay = (struct nrp_replay){0};
    g->missed = 0;
}

static void hang_up(struct nrp_client *c)
{
    struct client_group *g = c->group;
    forget_bodies(g);
    if (!g->open) return;
    g->open = false;
    c->events.on_group(c->events.user, NULL);
}

static void enter(struct nrp_client *c, enum state next, int64_t wait_us)
{
    struct client_group *g = c->group;
    c->counts.group_joins += next == GROUP_JOINED;
    c->counts.group_leaves += next == GROUP_LEAVING;
    g->state = next;
    g->said = 0;
    g->due_us = wait_us == INT64_MAX ? INT64_MAX : c->now_us + wait_us;
    if (states[next].says) say(c);
    else if (next == GROUP_OFF) hang_up(c);
}

void client_group_begin(struct nrp_client *c)
{
    if (!c->config.multicast || !c->config.datagrams || !c->events.on_group) return;
    c->group = calloc(1, sizeof *c->group);
    if (c->group) enter(c, GROUP_ASKING, 0);
}

void client_group_free(struct nrp_client *c)
{
    if (!c->group) return;
    forget_bodies(c->group);
    free(c->group);
}

/* -------------------------------------------------------------------------- The relay answers */

static void take_offer(struct nrp_client *c, const struct nrp_group *told)
{
    struct client_group *g = c->group;
    struct nrp_handshake_keys keys = {0};
    hang_up(c);
    g->told = *told;
    explicit_bzero(g->told.key, sizeof g->told.key);
    if (c->unsealing) {
        memcpy(keys.prk, told->key, sizeof keys.prk);
        g->unsealing = nrp_cipher_new(&keys, NRP_SEALED, NRP_TO_CLIENT, told->group_id,
                                      c->welcome.epoch);
        explicit_bzero(&keys, sizeof keys);
        if (!g->unsealing) {
            enter(c, GROUP_LEAVING, 0);
            return;
        }
    }
    struct nrp_group_address at = {.port = told->port};
    memcpy(at.ip, told->address, sizeof at.ip);
    g->open = true;
    enter(c, GROUP_LISTENING, LISTEN_US);
    c->events.on_group(c->events.user, &at);
}

/* It is over: because we left, because there is none, or because the relay made a new one. */
static void take_over(struct nrp_client *c)
{
    struct client_group *g = c->group;
    enum state was = g->state;
    if (was == GROUP_LEAVING) {
        enter(c, GROUP_OFF, AGAIN_US);
    } else if (was == GROUP_ASKING) {
        enter(c, GROUP_OFF, INT64_MAX);
    } else if (was != GROUP_OFF) { /* not all at once */
        enter(c, GROUP_OFF, (int64_t)(nrp_random_u64(&c->random) % CLIENT_SECOND));
    }
}

void client_on_group(struct nrp_client *c, const struct nrp_frame *f)
{
    struct client_group *g = c->group;
    const struct nrp_group *told = &f->group;
    if (!g) return;
    bool ours = told->group_id == 0 || told->group_id == g->told.group_id;
    if (told->status == NRP_GROUP_OFFERED && g->state == GROUP_ASKING) take_offer(c, told);
    else if (told->status == NRP_GROUP_JOINED && g->state == GROUP_JOINING && ours)
        enter(c, GROUP_JOINED, SILENCE_US);
    else if (told->status == NRP_GROUP_OVER && ours) take_over(c);
    else if (told->status >= 0x80 && g->state == GROUP_ASKING) enter(c, GROUP_OFF, INT64_MAX);
}

void nrp_client_group_unheard(struct nrp_client *c, int64_t now_us)
{
    c->now_us = now_us;
    if (c->group && client_is_live(c) && c->group->open && c->group->state != GROUP_LEAVING)
        enter(c, GROUP_LEAVING, 0);
}

/* --------------------------------------------------------------------------------------- Bodies */

/* It stays: what the relay retains may be given once more, as such. */
static void hand_in(struct nrp_client *c, const struct body *b, const struct nrp_item *as)
{
    struct nrp_frame f;
    size_t size;
    (void)nrp_frame_read(b->frame, b->len, c->frame_max, &f, &size, NULL); /* it was read before */
    f.item = *as;
    c->group->missed = 0;
    c->counts.shared_heard++;
    client_on_item(c, &f);
}

static struct awaited *find_awaited(struct client_group *g, const uint8_t digest[NRP_DIGEST_SIZE])
{
    for (unsigned i = 0; i < AWAITED; i++) {
        struct awaited *a = &g->awaited[i];
        if (a->shared.item.dseq && memcmp(a->shared.digest, digest, NRP_DIGEST_SIZE) == 0) return a;
    }
    return NULL;
}

/* The newest first: it is most often asked for. */
static const struct body *find_body(const struct client_group *g,
                                    const uint8_t digest[NRP_DIGEST_SIZE])
{
    for (unsigned i = 1; i <= BODIES; i++) {
        const struct body *b = &g->bodies[(g->body_at - i) % BODIES];
        if (b->frame && memcmp(b->digest, digest, NRP_DIGEST_SIZE) == 0) return b;
    }
    return NULL;
}

static void take_body(struct nrp_client *c, const uint8_t *frame, size_t len)
{
    struct client_group *g = c->group;
    struct body *b = &g->bodies[g->body_at % BODIES];
    uint8_t *copy = malloc(len);
    if (!copy) return; /* as if it had not come */
    memcpy(copy, frame, len);
    free(b->frame);
    *b = (struct body){.frame = copy, .len = len};
    g->body_at++;
    nrp_digest(copy, len, b->digest);
    struct awaited *a = find_awaited(g, b->digest);
    if (!a) return;
    const struct nrp_item as = a->shared.item;
    a->shared.item.dseq = 0;
    hand_in(c, b, &as);
}

void client_on_shared(struct nrp_client *c, const struct nrp_frame *f)
{
    struct client_group *g = c->group;
    if (!c->receiver) return; /* nothing was asked for, or not like this */
    const struct body *b = g ? find_body(g, f->shared.digest) : NULL;
    if (b) {
        hand_in(c, b, &f->shared.item);
        return;
    }
    if (g) {
        g->awaited[g->awaited_at++ % AWAITED].shared = f->shared;
        if (g->missed++ == 0) g->missed_us = c->now_us;
        c->counts.shared_missed++;
        if (g->state == GROUP_OFF) enter(c, GROUP_LEAVING, 0); /* the relay thinks we hear it */
    }
    client_on_sent(c, f->shared.item.dseq);
}

/* ---------------------------------------------------------------------- The group's datagrams */

static void heard(struct nrp_client *c)
{
    struct client_group *g = c->group;
    c->counts.group_datagrams++;
    if (g->state == GROUP_LISTENING) enter(c, GROUP_JOINING, 0);
    else if (g->state == GROUP_JOINED) g->due_us = c->now_us + SILENCE_US;
}

/* Nothing but bodies, and that it is there, is the group's to say. */
static bool take_frames(struct nrp_client *c, const uint8_t *bytes, size_t len)
{
    size_t size;
    for (; len && c->phase == CLIENT_UP && c->group->open; bytes += size, len -= size) {
        struct nrp_frame f;
        enum nrp_taken taken = nrp_frame_read(bytes, len, c->frame_max, &f, &size, NULL);
        if (taken == NRP_SKIP) continue;
        if (taken != NRP_TAKEN || (f.type != NRP_ITEM && f.type != NRP_HEARTBEAT)) return false;
        if (f.type == NRP_ITEM) take_body(c, bytes, size);
    }
    return true;
}

static bool unseal(struct client_group *g, const struct nrp_datagram *d, uint8_t *bytes,
                   size_t *len)
{
    if (!g->unsealing) return true;
    *len -= NRP_DATAGRAM_TAG; /* it has one: nrp_datagram_read() */
    return nrp_unseal(g->unsealing, d->packet_number, bytes, NRP_DATAGRAM_HEADER,
                      bytes + NRP_DATAGRAM_HEADER, *len - NRP_DATAGRAM_HEADER, bytes + *len);
}

static bool take_datagram(struct nrp_client *c, uint8_t *bytes, size_t len)
{
    struct client_group *g = c->group;
    struct nrp_datagram d;
    uint8_t flags = NRP_DATAGRAM_MULTICAST | (g->unsealing ? NRP_DATAGRAM_SECURED : 0);
    if (len > c->welcome.datagram_max || !nrp_datagram_read(bytes, len, &d) || d.flags != flags ||
        d.session_id != g->told.group_id || d.packet_number >= NRP_PACKETS_MAX)
        return false;
    if (!nrp_replay_fresh(&g->replay, d.packet_number)) {
        c->counts.group_replays++;
        return true;
    }
    if (!unseal(g, &d, bytes, &len)) return false;
    nrp_replay_take(&g->replay, d.packet_number);
    heard(c);
    return take_frames(c, bytes + NRP_DATAGRAM_HEADER, len - NRP_DATAGRAM_HEADER);
}

void nrp_client_group_input(struct nrp_client *c, int64_t now_us, bool from_relay, uint8_t *bytes,
                            size_t len)
{
    c->now_us = now_us;
    if (!c->group || c->phase != CLIENT_UP || !c->group->open) return;
    if (!from_relay || !take_datagram(c, bytes, len)) c->counts.group_bad++;
}

/* --------------------------------------------------------------------------------------- Timers */

static bool misses(const struct client_group *g)
{
    return g->missed >= MISSED_MOST && g->state == GROUP_JOINED;
}

void client_group_tick(struct nrp_client *c)
{
    struct client_group *g = c->group;
    if (!g) return;
    if (misses(g) && c->now_us >= g->missed_us + MISSED_LEAST_US) {
        enter(c, GROUP_LEAVING, 0);
    } else if (c->now_us >= g->due_us) {
        enum state next = states[g->state].then;
        if (states[g->state].says && g->said < SAYS_MAX) say(c);
        else enter(c, next, AGAIN_US);
    }
}

int64_t client_group_deadline(const struct nrp_client *c)
{
    const struct client_group *g = c->group;
    if (!g) return INT64_MAX;
    int64_t missed_us = misses(g) ? g->missed_us + MISSED_LEAST_US : INT64_MAX;
    return missed_us < g->due_us ? missed_us : g->due_us;
}
