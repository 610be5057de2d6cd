/* The life of one simulation, from its seed to its last check. */
#include "tests/simulator/world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"

/* Enough for any scenario: what goes on for longer goes round in circles. */
enum { EVENTS_MAX = 3000000, PROBES = 2 };

void world_trace(struct world *w, const char *format, ...)
{
    if (!w->verbose) return;
    printf("%12.6f ", (double)(w->now - START_US) / 1e6);
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
}

bool world_has_faults(const struct world *w)
{
    return w->now < w->faults_end;
}

int64_t world_draw(struct world *w, unsigned stream, int64_t least, int64_t most)
{
    return chance_between(&w->chance[stream], least, most);
}

static void fill_random(void *user, void *out, size_t len)
{
    uint8_t *bytes = out;
    for (size_t i = 0; i < len; i += sizeof(uint64_t)) {
        uint64_t word = chance_u64(user);
        memcpy(bytes + i, &word, len - i < sizeof word ? len - i : sizeof word);
    }
}

/* --- before -------------------------------------------------------------------------------- */

static bool init(struct world *w, const char *scenario, int key_fd)
{
    w->now = START_US;
    w->digest = HASH_START;
    w->inbox_end = &w->inbox;
    for (unsigned i = 0; i < CHANCE_COUNT; i++)
        chance_init(&w->chance[i], w->seed, i + 1);
    w->client_random = (struct nrp_random){&w->chance[CHANCE_SECRETS], fill_random};
    w->relay_random = (struct nrp_random){&w->chance[CHANCE_RELAY], fill_random};
    if (!scenario_draw(&w->scenario, scenario, &w->chance[CHANCE_SCENARIO])) return false;
    for (unsigned i = 0; w->readable && i < w->scenario.actor_count; i++)
        if (w->scenario.actors[i].security == NRP_SEALED)
            w->scenario.actors[i].security = NRP_AUTHENTICATED;
    if (w->verbose) scenario_describe(&w->scenario);
    w->faults_end = START_US + w->scenario.faults_us;
    w->end = w->faults_end + QUIET_US;
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", key_fd);
    struct news_error err = {0};
    struct nrp_keys *keys = nrp_keys_read(path, &err);
    w->guard = keys ? guard_new(&w->scenario.guard, keys, &err) : NULL;
    return check(w, I6_REASON, w->guard, "no keys: %s", err.message);
}

static void plan_publication(struct world *w, struct actor *a, int64_t when, size_t size_most)
{
    const struct actor_plan *p = a->plan;
    struct chance *c = &w->chance[CHANCE_WORK];
    struct publication n = {.by = a->index, .attempt = 0};
    n.topic = scenario_topics[chance_between(c, 0, TOPIC_COUNT - 1)];
    n.size = (size_t)chance_between(c, (int64_t)p->size_least, (int64_t)size_most);
    n.acknowledged = chance_of(c, p->acknowledged);
    n.retain = chance_of(c, p->retain);
    unsigned index = oracle_publish(w, n);
    agenda_add(&w->agenda,
               (struct event){.at = when, .kind = EVENT_PUBLISH, .who = a->index, .arg = index});
}

/* Some alone, some in bursts; and a few at the end, when everything is well again. */
static void plan_work(struct world *w, struct actor *a)
{
    struct chance *c = &w->chance[CHANCE_WORK];
    int64_t when = 0;
    for (unsigned i = 0; i < a->plan->item_count; i++) {
        if (i == 0 || chance_of(c, 300))
            when = START_US + chance_between(c, 0, w->scenario.faults_us + 5 * SECOND);
        plan_publication(w, a, when, a->plan->size_most);
    }
    for (unsigned i = 0; i < PROBES; i++)
        plan_publication(w, a, w->end - PROBE_US, a->plan->size_least);
}

static void begin(struct world *w)
{
    relay_start(w);
    for (unsigned i = 0; i < w->scenario.actor_count; i++) {
        actor_init(w, i);
        if (w->actors[i].plan->publishes) plan_work(w, &w->actors[i]);
    }
    for (int i = 0; i < 2; i++)
        agenda_add(&w->agenda,
                   (struct event){.at = START_US + world_draw(w, CHANCE_WORK, 0, 20 * SECOND),
                                  .kind = EVENT_STATUS});
    faults_begin(w);
}

/* --- while --------------------------------------------------------------------------------- */

static void publish_status(struct world *w)
{
    if (!w->hub) return;
    uint8_t payload[64];
    unsigned index = oracle_publish(
        w,
        (struct publication){
            .by = BY_RELAY, .topic = "newswire/relay/1", .size = 40, .retain = true, .attempt = 1});
    size_t len = oracle_payload(w, index, 1, payload);
    hub_publish(w->hub, w->now, w->publications[index].topic, payload, len);
    relay_note_log(w);
    relay_wake(w, w->now);
}

static void ask_again(struct world *w, struct actor *a, unsigned which)
{
    struct interest *n = &a->interests[which];
    n->wanted = true;
    if (!a->up || a->down || a->closing || n->asked) return;
    struct news_error err = {0};
    world_trace(w, "actor %u: takes up %s", a->index, n->filter);
    n->asked = true;
    check(w, I6_REASON, nrp_client_subscribe(a->client, n->filter, a->plan->qos, false, &err),
          "actor %u: subscribe: %s", a->index, err.message);
    actor_wake(a, w->now);
}

static void handle(struct world *w, const struct event *e)
{
    switch ((enum event_kind)e->kind) {
    case EVENT_RELAY_TURN:
        if (w->hub && w->relay_turn_at == e->at) relay_turn(w);
        break;
    case EVENT_RELAY_START: relay_start(w); break;
    case EVENT_ACTOR_TURN:
        if (w->actors[e->who].turn_at == e->at) actor_turn(&w->actors[e->who]);
        break;
    case EVENT_PARCEL_UP:
    case EVENT_PARCEL_DOWN: network_arrived(w, e); break;
    case EVENT_PIPE:
    case EVENT_PIPE_END: wire_arrived(w, e); break;
    case EVENT_ACCEPT: wire_accept(w, w->streams[e->who]); break;
    case EVENT_PUBLISH: actor_add_work(&w->actors[e->who], (unsigned)e->arg); break;
    case EVENT_STATUS: publish_status(w); break;
    case EVENT_FAULT: faults_happen(w, e->who); break;
    case EVENT_REFILTER: ask_again(w, &w->actors[e->who], (unsigned)e->arg); break;
    case EVENT_COUNT: break;
    }
}

bool world_run(struct world *w, const char *scenario, int key_fd)
{
    if (!init(w, scenario, key_fd)) return false;
    begin(w);
    struct event e;
    while (!w->failed && agenda_take(&w->agenda, &e)) {
        if (e.at >= w->end) {
            free(e.parcel);
            break;
        }
        w->now = e.at;
        w->tally.events++;
        handle(w, &e);
        check(w, I9_DEADLINE, w->tally.events < EVENTS_MAX, "no end of events");
    }
    if (!w->failed) {
        w->now = w->end;
        check_end(w);
    }
    w->tally.virtual_us = (uint64_t)(w->now - START_US);
    w->tally.seeds = 1;
    w->tally.failures = w->failed;
    return !w->failed;
}

/* --- after --------------------------------------------------------------------------------- */

void world_free(struct world *w)
{
    for (unsigned i = 0; i < w->scenario.actor_count; i++)
        actor_deinit(&w->actors[i]);
    if (w->hub) relay_stop(w);
    guard_free(w->guard);
    agenda_deinit(&w->agenda);
    for (size_t i = 0; i < w->stream_count; i++)
        wire_free(w->streams[i]);
    for (unsigned d = UP; d <= DOWN; d++)
        for (unsigned i = 0; i < RECORDED; i++)
            free(w->recorded[d][i]);
    for (unsigned i = 0; i < w->era_count; i++)
        free(w->eras[i].entries);
    free(w->streams);
    free(w->books);
    free(w->numberings);
    free(w->publications);
}
