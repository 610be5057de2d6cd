/* What goes wrong at moments: each kind has its own chance, and so its own timetable. */
#include "tests/simulator/world.h"

static int64_t draw(struct world *w, enum fault f, int64_t least, int64_t most)
{
    return world_draw(w, f, least, most);
}

static struct actor *victim(struct world *w, enum fault f)
{
    return &w->actors[draw(w, f, 0, w->scenario.actor_count - 1)];
}

static bool partition(struct world *w)
{
    struct actor *a = victim(w, FAULT_PARTITION);
    a->partition_until = w->now + draw(w, FAULT_PARTITION, SECOND / 10, 20 * SECOND);
    world_trace(w, "actor %u: partition", a->index);
    if (!a->stream) return true;
    /* TCP sends again: what was written comes when the path is back. */
    for (int d = UP; d <= DOWN; d++)
        if (a->stream->pipes[d].last_at < a->partition_until)
            a->stream->pipes[d].last_at = a->partition_until;
    return true;
}

static bool cut(struct world *w)
{
    struct actor *a = victim(w, FAULT_CUT);
    int64_t client_us = draw(w, FAULT_CUT, 0, 2 * SECOND);
    int64_t relay_us = draw(w, FAULT_CUT, 0, 5 * SECOND);
    if (!a->stream || a->stream->pipes[UP].dead) return false;
    world_trace(w, "actor %u: cut", a->index);
    wire_cut(w, a->stream, client_us, relay_us);
    return true;
}

static bool restart(struct world *w)
{
    bool gently = draw(w, FAULT_RESTART, 0, 1);
    int64_t for_us = draw(w, FAULT_RESTART, SECOND / 20, 4 * SECOND);
    if (!w->hub || w->relay_shutdown_at) return false;
    if (gently) {
        world_trace(w, "relay: shutting down");
        w->relay_shutdown_at = w->now;
        hub_shutdown(w->hub, w->now);
        relay_wake(w, w->now);
        return true;
    }
    relay_stop(w);
    agenda_add(&w->agenda, (struct event){.at = w->now + for_us, .kind = EVENT_RELAY_START});
    return true;
}

static bool freeze(struct world *w)
{
    int64_t most = draw(w, FAULT_FREEZE, 0, 9) ? 4 * SECOND : 45 * SECOND;
    int64_t until = w->now + draw(w, FAULT_FREEZE, SECOND / 100, most);
    struct actor *a = victim(w, FAULT_FREEZE);
    if (draw(w, FAULT_FREEZE, 0, 4) == 0) {
        world_trace(w, "relay: frozen");
        w->relay_frozen_until = until;
    } else {
        world_trace(w, "actor %u: frozen", a->index);
        a->frozen_until = until;
    }
    return true;
}

static bool hold(struct world *w)
{
    struct actor *a = victim(w, FAULT_HOLD);
    int64_t until = w->now + draw(w, FAULT_HOLD, SECOND / 10, 10 * SECOND);
    if (!a->plan->subscribes) return false;
    world_trace(w, "actor %u: holds", a->index);
    a->held_until = until;
    actor_wake(a, w->now);
    return true;
}

static bool crash(struct world *w)
{
    struct actor *a = victim(w, FAULT_CRASH);
    if (!a->client) return false;
    actor_crash(a);
    return true;
}

static bool leave(struct world *w)
{
    struct actor *a = victim(w, FAULT_LEAVE);
    if (!a->up || a->down || a->closing) return false;
    world_trace(w, "actor %u: leaves", a->index);
    a->closing = true;
    nrp_client_close(a->client, w->now);
    actor_wake(a, w->now);
    return true;
}

static bool choose(struct world *w)
{
    struct actor *a = victim(w, FAULT_CHOICE);
    unsigned which = (unsigned)draw(w, FAULT_CHOICE, 0, FILTERS_MAX - 1);
    int64_t back = w->now + draw(w, FAULT_CHOICE, SECOND / 100, 10 * SECOND);
    struct interest *n = &a->interests[which];
    if (which >= a->plan->filter_count || !n->answered || !n->wanted || !a->up || a->closing)
        return false;
    struct news_error err = {0};
    world_trace(w, "actor %u: drops %s", a->index, n->filter);
    check(w, I6_REASON, nrp_client_unsubscribe(a->client, n->filter, &err),
          "actor %u: unsubscribe: %s", a->index, err.message);
    n->wanted = n->asked = n->answered = n->from_oldest = false;
    n->due_from = n->session_due_from = 0;
    actor_wake(a, w->now);
    agenda_add(&w->agenda,
               (struct event){.at = back, .kind = EVENT_REFILTER, .who = a->index, .arg = which});
    return true;
}

static bool spoof(struct world *w)
{
    network_spoof(w); /* counts itself */
    return false;
}

static bool replay(struct world *w)
{
    network_replay(w);
    return false;
}

static bool deafen(struct world *w)
{
    struct actor *a = victim(w, FAULT_GROUP);
    int64_t until = w->now + draw(w, FAULT_GROUP, SECOND / 10, 10 * SECOND);
    if (!a->listens) return false;
    world_trace(w, "actor %u: does not hear the group", a->index);
    a->deaf_until = until;
    return true;
}

static bool (*const happen[FAULT_COUNT])(struct world *) = {
    [FAULT_PARTITION] = partition, [FAULT_CUT] = cut,       [FAULT_RESTART] = restart,
    [FAULT_FREEZE] = freeze,       [FAULT_HOLD] = hold,     [FAULT_CRASH] = crash,
    [FAULT_LEAVE] = leave,         [FAULT_CHOICE] = choose, [FAULT_SPOOF] = spoof,
    [FAULT_REPLAY] = replay,       [FAULT_GROUP] = deafen,
};

static void plan_next(struct world *w, unsigned f)
{
    int64_t at = w->now + draw(w, f, 1, 2 * w->scenario.mean_us[f]);
    if (at < w->faults_end)
        agenda_add(&w->agenda, (struct event){.at = at, .kind = EVENT_FAULT, .who = f});
}

void faults_begin(struct world *w)
{
    for (unsigned f = 0; f < FAULT_COUNT; f++)
        if (w->scenario.has[f] && happen[f]) plan_next(w, f);
}

void faults_happen(struct world *w, unsigned f)
{
    if (happen[f](w)) w->tally.faults[f]++;
    plan_next(w, f);
}
