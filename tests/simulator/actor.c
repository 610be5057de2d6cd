/* A client program: connects, subscribes, publishes, accepts what came, and comes back. */
#include <stdlib.h>
#include <string.h>

#include "tests/simulator/world.h"

enum { READ_MAX = 4096, DATAGRAM_MAX = 2048 };

void actor_init(struct world *w, unsigned index)
{
    struct actor *a = &w->actors[index];
    a->world = w;
    a->index = index;
    a->plan = &w->scenario.actors[index];
    a->inbox_end = &a->inbox;
    a->turn_at = NEVER;
    a->connect_at = w->now + world_draw(w, CHANCE_PROGRAM, 0, SECOND);
    for (unsigned i = 0; i < a->plan->filter_count; i++)
        a->interests[i] = (struct interest){.filter = a->plan->filters[i], .wanted = true};
    actor_wake(a, a->connect_at);
}

static void drop_inbox(struct actor *a)
{
    while (a->inbox) {
        struct parcel *p = a->inbox;
        a->inbox = p->next;
        free(p);
    }
    a->inbox_end = &a->inbox;
    a->inbox_count = 0;
}

static void count_group(struct actor *a)
{
    struct nrp_client_counts c;
    struct tally *t = &a->world->tally;
    if (!a->client) return;
    nrp_client_counts(a->client, &c);
    t->group_joins += c.group_joins;
    t->shared_heard += c.shared_heard;
    t->shared_missed += c.shared_missed;
}

void actor_deinit(struct actor *a)
{
    count_group(a);
    nrp_client_free(a->client);
    drop_inbox(a);
    free(a->seen);
    free(a->work);
}

void actor_wake(struct actor *a, int64_t at)
{
    if (at == NEVER) return;
    if (at < a->frozen_until) at = a->frozen_until;
    if (at < a->world->now) at = a->world->now;
    if (at >= a->turn_at) return;
    a->turn_at = at;
    agenda_add(&a->world->agenda,
               (struct event){.at = at, .kind = EVENT_ACTOR_TURN, .who = a->index});
}

void actor_add_work(struct actor *a, unsigned publication)
{
    if (a->work_count == a->work_size) {
        a->work_size = a->work_size ? 2 * a->work_size : 64;
        a->work = realloc(a->work, a->work_size * sizeof *a->work);
        if (!a->work) abort();
    }
    a->work[a->work_count++] = publication;
    actor_wake(a, a->world->now);
}

/* --- its beginning and its end ------------------------------------------------------------- */

static void fill_key(const struct actor *a, struct nrp_key *key)
{
    struct nrp_key *k = guard_key(a->world->guard, a->plan->key_id);
    if (!k) abort();
    *key = (struct nrp_key){.id = k->id};
    memcpy(key->secret, k->secret, sizeof key->secret);
    guard_key_free(k);
}

static void begin(struct actor *a)
{
    struct world *w = a->world;
    const struct actor_plan *plan = a->plan;
    struct nrp_key key = {0};
    struct nrp_client_config c = {
        .datagrams = plan->datagrams,
        .security = plan->security,
        .window = plan->window,
        .item_max = w->scenario.hub.item_max,
        .datagram_max = plan->datagram_max,
        .ordered = plan->ordered,
        .multicast = plan->multicast,
        .resume = a->resume,
        .receiver = {.window = w->scenario.hub.sender.window},
    };
    if (plan->key_id) {
        fill_key(a, &key);
        c.key = &key;
    }
    memset(c.client_id, (int)a->index + 1, sizeof c.client_id);
    actor_forget_session(a);
    a->connection++;
    a->address = (struct nrp_address){.family = 4, .ip = {10, 0, 0, (uint8_t)a->index}};
    a->address.port = (uint16_t)(1000 + a->connection);
    struct nrp_client_events events = actor_events;
    events.user = a;
    struct news_error err = {0};
    a->client = nrp_client_new(&c, &events, &w->client_random, w->now, &err);
    if (!check(w, I6_LIVENESS, a->client, "actor %u: no client: %s", a->index, err.message)) return;
    if (!plan->datagrams) a->stream = wire_open(w, a);
    if (plan->will)
        a->will = 1 + oracle_publish(w, (struct publication){.by = a->index,
                                                             .topic = scenario_topics[0],
                                                             .acknowledged = true,
                                                             .will = true});
    world_trace(w, "actor %u: connection %u, resume %llu", a->index, a->connection,
                (unsigned long long)a->resume.iseq);
}

static void keep_resume(struct actor *a)
{
    struct world *w = a->world;
    struct nrp_resume r = nrp_client_resume(a->client);
    if (a->plan->qos == 0 || !a->plan->subscribes) return;
    if (r.epoch == a->resume.epoch)
        check(w, I4_RESUME, r.iseq >= a->resume.iseq, "actor %u: resume went back, %llu to %llu",
              a->index, (unsigned long long)a->resume.iseq, (unsigned long long)r.iseq);
    a->resume = r;
    if (r.epoch != a->epoch || r.iseq == 0) return;
    uint64_t first = 0, missing = oracle_missing(a, r.iseq, &first);
    check(w, I4_RESUME, missing <= a->lost,
          "actor %u: resume %llu, but %llu due before it are missing (first %llu), told %llu",
          a->index, (unsigned long long)r.iseq, (unsigned long long)missing,
          (unsigned long long)first, (unsigned long long)a->lost);
}

/* Publications without an answer wait for the next connection; QoS 0 had its chance. */
static void take_back_work(struct actor *a)
{
    for (size_t i = a->work_done; i < a->work_count; i++) {
        struct publication *p = &a->world->publications[a->work[i]];
        if (p->state == PUB_SENT) p->state = p->acknowledged ? PUB_WAITING : PUB_DONE;
    }
}

static void end(struct actor *a, int64_t comes_back)
{
    struct world *w = a->world;
    if (a->will && a->will_kept && !a->closing && a->epoch == w->eras[w->era_count - 1].epoch)
        w->publications[a->will - 1].will_era = w->era_count;
    a->will = 0;
    keep_resume(a);
    take_back_work(a);
    count_group(a);
    nrp_client_free(a->client);
    a->client = NULL;
    a->stream = NULL;
    a->up = a->down = a->closing = a->held = a->listens = false;
    a->accept_at = 0;
    drop_inbox(a);
    a->connect_at = w->now + comes_back;
    actor_wake(a, a->connect_at);
}

void actor_crash(struct actor *a)
{
    struct world *w = a->world;
    if (!a->client) return;
    /* The host vanished, or just the program: then its kernel says so. */
    if (a->stream) wire_cut(w, a->stream, 0, world_draw(w, FAULT_CRASH, 0, 60 * SECOND));
    world_trace(w, "actor %u: crash", a->index);
    end(a, world_draw(w, FAULT_CRASH, 0, SECOND / 10));
}

/* --- its turn ------------------------------------------------------------------------------ */

static void read_datagrams(struct actor *a)
{
    while (a->inbox && !a->down) {
        struct parcel *p = a->inbox;
        a->inbox = p->next;
        if (!a->inbox) a->inbox_end = &a->inbox;
        a->inbox_count--;
        if (p->group)
            nrp_client_group_input(a->client, a->world->now, p->group == GROUP_RELAY, p->bytes,
                                   p->len);
        else nrp_client_input(a->client, a->world->now, p->bytes, p->len);
        free(p);
    }
}

static void read_stream(struct actor *a)
{
    struct world *w = a->world;
    uint8_t bytes[READ_MAX];
    size_t len;
    while (!a->down && !a->held && (len = wire_read(w, a->stream, DOWN, bytes, sizeof bytes)) > 0)
        nrp_client_input(a->client, w->now, bytes, len);
    if (a->down || a->held || !wire_ended(a->stream, DOWN)) return;
    struct news_error err = {0};
    news_fail(&err, NEWS_ERR_UNREACHABLE, "the connection was lost");
    nrp_client_lost(a->client, &err);
}

static bool publish(struct actor *a, unsigned index)
{
    struct world *w = a->world;
    struct publication *p = &w->publications[index];
    static uint8_t payload[1 << 17];
    unsigned attempt = p->attempt + 1;
    struct nrp_publication n = {.topic = p->topic,
                                .payload = payload,
                                .payload_len = oracle_payload(w, index, attempt, payload),
                                .acknowledged = p->acknowledged,
                                .retain = p->retain,
                                .will = p->will};
    struct news_error err = {0};
    p->attempt = attempt; /* callbacks may come before it returns */
    p->state = PUB_SENT;
    switch (nrp_client_publish(a->client, w->now, &n, (uint64_t)index << 32 | attempt, &err)) {
    case NRP_PUB_TAKEN: return true;
    case NRP_PUB_FULL:
        p->attempt--;
        p->state = PUB_WAITING;
        return false;
    case NRP_PUB_REFUSED: break;
    }
    /* Only for its size: fragments are counted. */
    check(w, I6_REASON, p->size > nrp_client_payload_max(a->client, strlen(p->topic)),
          "actor %u: publication %u was refused: %s", a->index, index, err.message);
    p->state = PUB_DONE;
    return true;
}

static void do_work(struct actor *a)
{
    struct world *w = a->world;
    if (!a->up || a->down || a->closing) return;
    if (a->will && !a->will_armed) {
        a->will_armed = true;
        publish(a, a->will - 1);
    }
    while (a->work_done < a->work_count && w->publications[a->work[a->work_done]].state == PUB_DONE)
        a->work_done++;
    for (size_t i = a->work_done; i < a->work_count; i++)
        if (w->publications[a->work[i]].state == PUB_WAITING && !publish(a, a->work[i])) return;
}

static void do_accept(struct actor *a)
{
    struct world *w = a->world;
    if (a->down || a->accept_at == 0 || w->now < a->accept_at) return;
    a->accept_at = 0;
    for (size_t i = 0; i < a->seen_size; i++)
        if (a->seen[i] & SEEN_LATELY) a->seen[i] = SEEN_NOW | SEEN_ACCEPTED;
    nrp_client_accept(a->client, w->now);
}

static void hold(struct actor *a)
{
    bool held = a->world->now < a->held_until && world_has_faults(a->world);
    if (a->down || held == a->held) return;
    a->held = held;
    nrp_client_hold(a->client, a->world->now, held);
}

static void write_all(struct actor *a)
{
    struct world *w = a->world;
    if (a->plan->datagrams) {
        uint8_t bytes[DATAGRAM_MAX];
        size_t len;
        const struct link_plan *link = &a->plan->link;
        while (!w->failed && (len = nrp_client_datagram(a->client, w->now, bytes)) > 0) {
            if (link->mtu > 0 && link->mtu_told && len > link->mtu) {
                w->tally.faults[FAULT_MTU]++;
                nrp_client_too_big(a->client);
            } else {
                network_up(w, a, bytes, len);
            }
        }
        return;
    }
    size_t len, done;
    const uint8_t *bytes;
    while ((bytes = nrp_client_pending(a->client, &len)) && len > 0 &&
           (done = wire_write(w, a->stream, UP, bytes, len)) > 0)
        nrp_client_sent(a->client, w->now, done);
}

static void after(struct actor *a)
{
    if (!a->down) {
        check_actor(a);
        actor_wake(a, nrp_client_deadline(a->client));
        if (a->accept_at) actor_wake(a, a->accept_at);
        if (a->held) actor_wake(a, a->held_until);
        return;
    }
    if (a->stream) wire_close(a->world, a->stream, UP);
    int64_t most = a->refused ? 5 * SECOND : SECOND;
    end(a, world_draw(a->world, CHANCE_PROGRAM, SECOND / 20, most));
}

void actor_turn(struct actor *a)
{
    struct world *w = a->world;
    a->turn_at = NEVER;
    if (w->now < a->frozen_until) {
        actor_wake(a, a->frozen_until);
        return;
    }
    a->turns_now = a->last_turn == w->now ? a->turns_now + 1 : 0;
    a->last_turn = w->now;
    if (!a->client) {
        if (w->now < a->connect_at) actor_wake(a, a->connect_at);
        else begin(a);
        if (!a->client) return;
    }
    hold(a);
    if (a->plan->datagrams) read_datagrams(a);
    else read_stream(a);
    do_accept(a);
    do_work(a);
    if (!a->down) nrp_client_tick(a->client, w->now);
    write_all(a);
    after(a);
}
