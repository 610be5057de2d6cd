/* What a client is told, and what is kept of it for the checks. */
#include <stdlib.h>
#include <string.h>

#include "common/topic.h"
#include "tests/simulator/world.h"

void actor_forget_session(struct actor *a)
{
    for (size_t i = 0; i < a->seen_size; i++)
        a->seen[i] &= SEEN_ACCEPTED;
    for (unsigned i = 0; i < FILTERS_MAX; i++) {
        a->interests[i].asked = a->interests[i].answered = false;
        a->interests[i].session_due_from = 0;
    }
    a->lost_session = a->last_dseq = a->dseqs = 0;
    a->will_kept = a->will_armed = false;
}

static void forget_epoch(struct actor *a, uint64_t epoch)
{
    a->epoch = epoch;
    a->lost = 0;
    if (a->seen_size > 0) memset(a->seen, 0, a->seen_size);
    for (unsigned i = 0; i < FILTERS_MAX; i++)
        a->interests[i].due_from = 0;
}

static void on_up(void *user, const struct nrp_welcome *welcome)
{
    struct actor *a = user;
    struct world *w = a->world;
    world_trace(w, "actor %u: up, session %016llx", a->index,
                (unsigned long long)welcome->session_id);
    check(w, I6_REASON, !a->up && !a->down, "actor %u: up twice", a->index);
    a->up = true;
    a->welcome = *welcome;
    if (welcome->epoch != a->epoch) forget_epoch(a, welcome->epoch);
    for (unsigned i = 0; i < a->plan->filter_count; i++) {
        struct interest *n = &a->interests[i];
        if (!n->wanted) continue;
        struct news_error err = {0};
        n->asked = true;
        /* Who comes from another epoch is given all that there is. */
        n->from_oldest = a->resume.iseq > 0 && a->resume.epoch != a->epoch;
        check(w, I6_REASON,
              nrp_client_subscribe(a->client, n->filter, a->plan->qos, a->plan->retained, &err),
              "actor %u: subscribe: %s", a->index, err.message);
    }
}

/* Hints that were forged or damaged may have any text and code; a cookie that waited while the
 * relay was away is no longer good. */
static bool may_be_refused(const struct world *w)
{
    return w->scenario.has[FAULT_FLIP] || w->scenario.has[FAULT_SPOOF] ||
           w->scenario.has[FAULT_TRUNCATE] || w->scenario.has[FAULT_REPLAY] ||
           w->scenario.has[FAULT_FREEZE] || w->scenario.has[FAULT_RESTART];
}

static void on_down(void *user, const struct news_error *why)
{
    struct actor *a = user;
    struct world *w = a->world;
    world_trace(w, "actor %u: down: %s", a->index, why ? why->message : "goodbye");
    check(w, I6_REASON, !a->down, "actor %u: down twice", a->index);
    check(w, I6_REASON, why || a->closing, "actor %u: an end without a reason", a->index);
    bool odd = why && (why->code == NEWS_ERR_PROTOCOL || why->code == NEWS_ERR_DENIED);
    if (a->up || !may_be_refused(w))
        check(w, I6_REASON, !odd, "actor %u: %s", a->index, why ? why->message : "");
    a->refused = odd;
    a->down = true;
}

static void on_item(void *user, const struct nrp_delivery *d)
{
    struct actor *a = user;
    struct world *w = a->world;
    world_trace(w, "actor %u: item %llu dseq %llu%s", a->index, (unsigned long long)d->iseq,
                (unsigned long long)d->dseq, d->flags & NRP_FLAG_RETAIN ? " retained" : "");
    w->tally.delivered++;
    check_item(a, d);
    if (a->accept_at == 0)
        a->accept_at = w->now + 1 + world_draw(w, CHANCE_PROGRAM, 0, a->plan->accept_us);
}

static void on_published(void *user, uint64_t token, unsigned code)
{
    struct actor *a = user;
    struct world *w = a->world;
    unsigned index = (unsigned)(token >> 32), attempt = (unsigned)token;
    struct publication *p = &w->publications[index];
    if (!check(w, I1_LOG,
               index < w->publication_count && p->by == a->index && attempt == p->attempt,
               "actor %u: an answer to what was not asked", a->index))
        return;
    if (p->will) {
        a->will_kept = code == NRP_OK;
        return;
    }
    check(w, I1_LOG, p->state == PUB_SENT, "actor %u: publication %u answered twice", a->index,
          index);
    if (p->acknowledged && a->epoch == w->eras[w->era_count - 1].epoch) {
        bool logged = oracle_is_logged(w, index, attempt);
        /* A repeat may be refused for the moment, though the first of them was taken. */
        bool momentary = code == NRP_CODE_RATE || code == NRP_CODE_SHUTTING_DOWN;
        check(w, I1_LOG, logged == (code == NRP_OK) || momentary,
              "actor %u: publication %u.%u: code %u, %s", a->index, index, attempt, code,
              logged ? "yet it is in the log" : "not in the log");
    }
    p->state = PUB_DONE;
    actor_wake(a, w->now);
}

static struct interest *interest_in(struct actor *a, const char *filter)
{
    for (unsigned i = 0; i < a->plan->filter_count; i++)
        if (strcmp(a->interests[i].filter, filter) == 0) return &a->interests[i];
    return NULL;
}

static void on_subscribed(void *user, const char *filter, unsigned code)
{
    struct actor *a = user;
    struct world *w = a->world;
    struct interest *n = interest_in(a, filter);
    if (code == NRP_CODE_SHUTTING_DOWN) return; /* its GOODBYE follows */
    if (!check(w, I6_REASON, n && code == NRP_OK, "actor %u: %s: code %u", a->index, filter, code))
        return;
    n->answered = true;
    /* An answer that the relay of this epoch gave, though it may be gone by now. */
    const struct era *era = oracle_era(w, a->epoch);
    if (!era || !n->wanted) return;
    bool here = w->hub && a->epoch == relay_log_epoch(w->log);
    uint64_t last = era->count, oldest = here ? relay_log_oldest(w->log) : last + 1;
    if (n->session_due_from == 0) n->session_due_from = last + 1;
    if (n->due_from == 0) n->due_from = n->from_oldest ? oldest : last + 1;
}

static void on_lost(void *user, uint64_t count)
{
    struct actor *a = user;
    world_trace(a->world, "actor %u: lost %llu", a->index, (unsigned long long)count);
    a->lost += count;
    a->lost_session += count;
}

static void on_group(void *user, const struct nrp_group_address *at)
{
    struct actor *a = user;
    world_trace(a->world, "actor %u: listens%s", a->index, at ? "" : " no more");
    a->listens = at != NULL;
}

const struct nrp_client_events actor_events = {
    .on_up = on_up,
    .on_down = on_down,
    .on_item = on_item,
    .on_published = on_published,
    .on_subscribed = on_subscribed,
    .on_lost = on_lost,
    .on_group = on_group,
};
