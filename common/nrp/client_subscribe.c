#include <stdlib.h>
#include <string.h>

#include "common/nrp/client_state.h"
#include "common/topic.h"

#define RESYNC_US    (5 * CLIENT_SECOND)
#define REQUESTS_MAX (2 * CLIENT_FILTERS_MAX)

/* -------------------------------------------------------------------------- Beginning of it all */

static uint64_t first_floor(const struct nrp_client *c)
{
    const struct nrp_welcome *w = &c->welcome;
    const struct nrp_resume *from = &c->config.resume;
    if (from->iseq && from->epoch != w->epoch) return w->oldest_iseq ? w->oldest_iseq : 1;
    /* A place that this log has not reached cannot be its own: only what comes now. */
    return from->iseq && from->iseq <= w->last_iseq + 1 ? from->iseq : w->last_iseq + 1;
}

void client_subscribe_begin(struct nrp_client *c)
{
    c->accepted_iseq = c->evicted_to = first_floor(c);
    c->ack_due_us = c->report_due_us = INT64_MAX;
    c->resync_us = c->now_us - RESYNC_US; /* the first one at once */
    client_group_begin(c);
}

void client_subscribe_free(struct nrp_client *c)
{
    for (size_t i = 0; i < c->filter_count; i++)
        free(c->filters[i]);
    nrp_receiver_free(c->receiver);
    nrp_floor_free(c->floor);
}

/* The first SUBSCRIBE fixes the QoS, and with it what is remembered. */
static bool open_for(struct nrp_client *c, int qos, struct news_error *err)
{
    const struct nrp_receiver_events events = {c, client_received, client_missing};
    struct nrp_receiver_config config = c->config.receiver;
    if (c->subscribed) return true;
    config.window = c->welcome.ring;
    config.repair = qos > 0;
    config.ordered = c->config.ordered;
    config.item_max = c->frame_max;
    struct nrp_floor *floor = NULL;
    struct nrp_receiver *receiver = NULL;
    if (qos > 0 && !(floor = nrp_floor_new(config.window, c->accepted_iseq, err))) return false;
    if (c->config.datagrams && !(receiver = nrp_receiver_new(&config, &events, err))) {
        nrp_floor_free(floor);
        return false;
    }
    c->floor = floor;
    c->receiver = receiver;
    if (receiver && c->held) nrp_receiver_hold(receiver, c->now_us, true);
    c->qos = qos > 0;
    c->subscribed = true;
    return true;
}

/* ----------------------------------------------------------------------------------- Filters */

static size_t filter_find(const struct nrp_client *c, const char *filter)
{
    size_t i = 0;
    while (i < c->filter_count && strcmp(c->filters[i], filter) != 0)
        i++;
    return i;
}

static void filter_forget(struct nrp_client *c, const char *filter)
{
    size_t i = filter_find(c, filter);
    if (i == c->filter_count) return;
    free(c->filters[i]);
    c->filters[i] = c->filters[--c->filter_count];
}

static bool filter_add(struct nrp_client *c, const char *filter, struct news_error *err)
{
    if (filter_find(c, filter) < c->filter_count) return true;
    if (c->filter_count == CLIENT_FILTERS_MAX)
        return news_fail(err, NEWS_ERR_USAGE, "more than %d filters", CLIENT_FILTERS_MAX);
    char *copy = strdup(filter);
    if (!copy) return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    c->filters[c->filter_count++] = copy;
    return true;
}

static bool filter_ok(const struct nrp_client *c, const char *filter, struct news_error *err)
{
    const struct nrp_frame f = {.type = NRP_SUBSCRIBE, .topic_len = (uint16_t)strlen(filter)};
    if (c->phase != CLIENT_UP) return news_fail(err, NEWS_ERR_UNREACHABLE, "not connected");
    if (!topic_filter_ok(filter, err)) return false;
    size_t room = c->datagram_max - NRP_DATAGRAM_HEADER - NRP_DATAGRAM_TAG;
    if (strlen(filter) > NRP_TOPIC_MAX || (c->config.datagrams && nrp_frame_size(&f) > room))
        return news_fail(err, NEWS_ERR_TOO_LARGE, "a filter of %zu bytes is too long",
                         strlen(filter));
    if (c->requests.count >= REQUESTS_MAX)
        return news_fail(err, NEWS_ERR_UNREACHABLE, "%d requests are unanswered", REQUESTS_MAX);
    return true;
}

/* ----------------------------------------------------------------------------------- Requests */

/* Sends it, or queues it to be sent and repeated. */
static struct client_request *request(struct nrp_client *c, const struct nrp_frame *f,
                                      struct news_error *err)
{
    struct client_request *r = client_request_add(&c->requests, f, c->request_id, false);
    if (r && (c->config.datagrams || client_stream_write(c, f))) return r;
    if (r) client_request_answered(c, &c->requests, r);
    free(r);
    news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    return NULL;
}

static struct nrp_frame subscribe_frame(struct nrp_client *c, const char *filter, bool retained)
{
    struct nrp_frame f = {
        .type = NRP_SUBSCRIBE,
        .topic = (const uint8_t *)filter,
        .topic_len = (uint16_t)strlen(filter),
        .subscribe = {.request_id = ++c->request_id, .qos = (uint8_t)c->qos},
    };
    if (c->config.ordered) f.subscribe.mode |= NRP_MODE_ORDERED;
    if (retained) f.subscribe.mode |= NRP_MODE_RETAINED;
    return f;
}

/* Asks for a filter from the floor; all: every other one is asked for, too. */
static bool walk(struct nrp_client *c, struct nrp_frame *f, bool all, struct news_error *err)
{
    f->subscribe.from_epoch = c->welcome.epoch;
    f->subscribe.from_iseq = nrp_floor_iseq(c->floor);
    struct client_request *r = request(c, f, err);
    if (!r) return false;
    r->walks = true;
    r->resync = all;
    nrp_floor_asked(c->floor, all);
    return true;
}

bool nrp_client_subscribe(struct nrp_client *c, const char *filter, int qos, bool retained,
                          struct news_error *err)
{
    if (!filter_ok(c, filter, err) || !open_for(c, qos, err)) return false;
    bool again = filter_find(c, filter) < c->filter_count;
    if (!filter_add(c, filter, err)) return false;
    struct nrp_frame f = subscribe_frame(c, filter, retained);
    bool asked;
    /* A filter that is there is replaced: what it had not brought yet must come all the same. */
    if (c->floor && (again || c->config.resume.iseq)) {
        asked = walk(c, &f, false, err);
    } else {
        f.subscribe.from_epoch = c->config.resume.epoch;
        f.subscribe.from_iseq = again ? 0 : c->config.resume.iseq;
        asked = request(c, &f, err) != NULL;
    }
    if (!asked && !again) filter_forget(c, filter);
    return asked;
}

bool nrp_client_unsubscribe(struct nrp_client *c, const char *filter, struct news_error *err)
{
    if (!filter_ok(c, filter, err)) return false;
    const struct nrp_frame f = {
        .type = NRP_UNSUBSCRIBE,
        .topic = (const uint8_t *)filter,
        .topic_len = (uint16_t)strlen(filter),
        .unsuback = {.request_id = ++c->request_id},
    };
    if (!request(c, &f, err)) return false;
    filter_forget(c, filter);
    return true;
}

static struct client_request *take_answered(struct nrp_client *c, uint32_t id, uint8_t type)
{
    struct client_request *r = client_request_find(&c->requests, id);
    if (!r || r->frame.type != type) return NULL; /* answered before, or never asked */
    client_request_answered(c, &c->requests, r);
    return r;
}

static bool is_asked_for(const struct nrp_client *c, const char *filter)
{
    for (const struct client_request *r = c->requests.first; r; r = r->next)
        if (strcmp(r->bytes, filter) == 0) return true;
    return false;
}

/* Several filters that go on from one place miss the same items: they are counted once. */
static void count_evicted(struct nrp_client *c, const struct nrp_suback *s)
{
    if (s->status != NRP_SUB_EVICTED || s->start_iseq <= c->evicted_to) return;
    uint64_t beyond = s->start_iseq - c->evicted_to;
    c->evicted_to = s->start_iseq;
    client_tell_lost(c, beyond < s->evicted ? beyond : s->evicted);
}

void client_on_suback(struct nrp_client *c, const struct nrp_frame *f)
{
    const struct nrp_suback *s = &f->suback;
    struct client_request *r = take_answered(c, s->request_id, NRP_SUBSCRIBE);
    if (!r) return;
    bool refused = s->status >= 0x80;
    unsigned code = s->status > 0x80 ? s->status & 0x7fU : NRP_CODE_BAD_FRAME;
    if (r->walks && refused) nrp_floor_refused(c->floor);
    if (r->walks && !refused) nrp_floor_answered(c->floor, s->start_iseq, s->first_dseq);
    /* A resync that is refused (the relay is shutting down) has healed nothing: it stays wanted. */
    if (refused && !r->resync && !is_asked_for(c, r->bytes)) filter_forget(c, r->bytes);
    client_follow_floor(c);
    if (!refused) count_evicted(c, s);
    if ((!r->resync || refused) && client_is_live(c))
        c->events.on_subscribed(c->events.user, r->bytes, refused ? code : NRP_OK);
    free(r);
}

void client_on_unsuback(struct nrp_client *c, const struct nrp_frame *f)
{
    free(take_answered(c, f->unsuback.request_id, NRP_UNSUBSCRIBE));
}

/* --------------------------------------------------------------------------------------- Timers */

static void resync(struct nrp_client *c)
{
    if (!c->filter_count) {
        nrp_floor_forgive(c->floor);
        return;
    }
    c->resync_us = c->now_us;
    c->counts.resyncs++;
    for (size_t i = 0; i < c->filter_count; i++) {
        struct nrp_frame f = subscribe_frame(c, c->filters[i], false);
        struct news_error err;
        if (!walk(c, &f, true, &err)) {
            client_end(c, &err);
            return;
        }
    }
}

/* After every request is answered: a SUBSCRIBE that came late would undo it. */
static bool wants_resync(const struct nrp_client *c)
{
    return c->floor && !c->requests.count && nrp_floor_wants_resync(c->floor);
}

void client_subscribe_tick(struct nrp_client *c)
{
    if (c->phase != CLIENT_UP) return;
    client_items_tick(c);
    client_group_tick(c);
    if (wants_resync(c) && c->now_us >= c->resync_us + RESYNC_US) resync(c);
}

int64_t client_subscribe_deadline(const struct nrp_client *c)
{
    if (c->phase != CLIENT_UP) return INT64_MAX;
    int64_t due = client_items_deadline(c), group = client_group_deadline(c);
    if (group < due) due = group;
    if (wants_resync(c) && c->resync_us + RESYNC_US < due) due = c->resync_us + RESYNC_US;
    return due;
}
