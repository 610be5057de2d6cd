#include "common/transport/link.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/date.h"
#include "common/topic.h"
#include "common/transport/carrier.h"

#define BACKOFF_FIRST_MS 500
#define BACKOFF_MOST_MS  60000
/* A connection that lasted so long was a good one: the next failure starts from short waits. */
#define LASTED_MS 30000
/* One take-over may be a restart that overlapped, or ourselves on a connection the broker had not
 * given up yet. Two at short distance are another instance that comes back as we do. */
#define TAKEOVER_WINDOW_MS 60000

/* Brokers before Mosquitto 2.1 close the loser's connection without a word. Who is cut short so
 * often, with nothing failing in between, and chose the id himself, is not alone. */
#define CUTS_MOST    3
#define CUT_SHORT_MS 5000

struct place {
    struct transport_url url;
    struct transport_memory memory;
    bool out; /* for good: it refused us in a way that trying again does not change */
};

struct filter {
    char *text;
    int qos;
};

enum stage {
    WAITING, /* until next_ms, then the place at index is tried */
    TRYING,
    WORKING,
    DONE,
};

struct link {
    struct place places[LINK_URLS_MAX];
    size_t place_count, index;
    struct transport_options options; /* a copy of our own */
    struct link_events events;
    struct filter filters[LINK_FILTERS_MAX];
    size_t filter_count;

    enum stage stage;
    struct transport *transport; /* NULL while waiting */
    bool lost;                   /* the transport said DOWN: it goes once its service() is over */
    bool closing;                /* link_close() was called */
    bool reading;                /* of every transport there will be */
    struct news_error why;       /* the last failure; code NEWS_OK: none */

    int64_t next_ms;
    int64_t give_up_ms; /* INT64_MAX: never, or not any more */
    int64_t up_ms;      /* when the connection came up */
    int64_t takeover_ms;
    bool taken_over; /* at takeover_ms, for the first time */
    bool id_given;   /* by the owner, so that somebody else may use it too */
    unsigned cuts;   /* connections in a row that the broker soon closed */
    int backoff_ms;  /* the next wait is at most this */
    uint64_t random;
};

/* --- small parts ------------------------------------------------------------------------- */

/* xorshift64: the jitter of one process, nothing that must not be guessed. */
static uint64_t next_random(struct link *l)
{
    l->random ^= l->random << 13;
    l->random ^= l->random >> 7;
    l->random ^= l->random << 17;
    return l->random;
}

static void seed_random(struct link *l, unsigned seed)
{
    l->random = seed;
    if (!seed && getrandom(&l->random, sizeof l->random, 0) < 0) l->random = (uintptr_t)l;
    l->random = l->random * 0x9E3779B97F4A7C15u + 1;
    if (!l->random) l->random = 1; /* the one state xorshift does not leave */
}

/* Pitfall 10: full jitter, so that a thousand subscribers of a broker that died do not come back
 * in step; doubling from failure to failure. */
static int next_wait_ms(struct link *l)
{
    int wait_ms = (int)(next_random(l) % (uint64_t)(l->backoff_ms + 1));
    l->backoff_ms = l->backoff_ms > BACKOFF_MOST_MS / 2 ? BACKOFF_MOST_MS : l->backoff_ms * 2;
    return wait_ms;
}

/* The first place from start on that has not refused us for good; place_count: none. */
static size_t next_place(const struct link *l, size_t start)
{
    while (start < l->place_count && l->places[start].out)
        start++;
    return start;
}

static const struct transport_url *current_url(const struct link *l)
{
    return &l->places[l->index].url;
}

static void finish(struct link *l, const struct news_error *why)
{
    if (l->stage == DONE) return;
    transport_destroy(l->transport);
    l->transport = NULL;
    l->stage = DONE;
    l->events.on_state(l->events.user, TRANSPORT_DOWN, current_url(l), why, 0);
}

/* --- after a failure --------------------------------------------------------------------- */

/* Options that do not go together (USAGE) are found out when a carrier is opened with them. */
static bool is_for_good(enum news_errc code)
{
    return code == NEWS_ERR_DENIED || code == NEWS_ERR_UNSUPPORTED || code == NEWS_ERR_USAGE;
}

static bool second_takeover(struct link *l, int64_t now)
{
    if (l->why.code != NEWS_ERR_TAKEN_OVER) return false;
    bool second = l->taken_over && now - l->takeover_ms < TAKEOVER_WINDOW_MS;
    l->taken_over = true;
    l->takeover_ms = now;
    return second;
}

/* The same as a second take-over, told by what it looks like. */
static bool is_fought_over(struct link *l, bool was_up, int64_t now)
{
    bool says_why = strncmp(current_url(l)->scheme, "nrp", 3) == 0; /* a relay tells of take-overs */
    bool cut = was_up && !says_why && l->why.code == NEWS_ERR_UNREACHABLE &&
               now - l->up_ms < CUT_SHORT_MS;
    l->cuts = cut ? l->cuts + 1 : 0;
    if (!l->id_given || l->cuts < CUTS_MOST) return false;
    news_fail(
        &l->why, NEWS_ERR_TAKEN_OVER,
        "%.100s: closed %d times in a row: does another instance use the client id \"%.60s\"?",
        current_url(l)->text, CUTS_MOST, l->options.client_id);
    return true;
}

/* Where to go on and when. A connection that was lost starts over with the preferred place; a
 * failed attempt moves on to the next at once, and waits after the last one. */
static void plan_next(struct link *l, bool was_up, int64_t now)
{
    const struct transport_url *failed = current_url(l);
    size_t next = was_up ? l->place_count : next_place(l, l->index + 1);
    int wait_ms = 0;
    if (next == l->place_count) {
        next = next_place(l, 0);
        wait_ms = next_wait_ms(l);
    }
    l->index = next;
    l->stage = WAITING;
    l->next_ms = now + wait_ms;
    l->events.on_state(l->events.user, TRANSPORT_CONNECTING, failed, &l->why, wait_ms);
}

static void handle_failure(struct link *l)
{
    int64_t now = date_mono_ms();
    bool was_up = l->stage == WORKING;
    if (was_up && now - l->up_ms >= LASTED_MS) l->backoff_ms = BACKOFF_FIRST_MS;
    if (is_for_good(l->why.code)) l->places[l->index].out = true;
    bool fought_over = is_fought_over(l, was_up, now);
    if (fought_over || second_takeover(l, now) || next_place(l, 0) == l->place_count)
        finish(l, &l->why);
    else plan_next(l, was_up, now);
}

static void drop_lost(struct link *l)
{
    transport_destroy(l->transport);
    l->transport = NULL;
    l->lost = false;
    if (l->closing || l->why.code == NEWS_OK) finish(l, NULL);
    else handle_failure(l);
}

/* --- what the transport tells ------------------------------------------------------------ */

/* Subscriptions of one connection live as long as it does; they are made before the owner hears
 * UP, so that what it asks for then is not answered into the void. */
static void subscribe_all(struct link *l)
{
    for (size_t i = 0; i < l->filter_count; i++) {
        struct news_error err;
        if (!transport_subscribe(l->transport, l->filters[i].text, l->filters[i].qos, &err))
            l->events.on_subscribed(l->events.user, l->filters[i].text, &err);
    }
}

static void on_state(void *user, enum transport_state state, const struct news_error *why)
{
    struct link *l = user;
    switch (state) {
    case TRANSPORT_CONNECTING: break;
    case TRANSPORT_UP:
        l->stage = WORKING;
        l->up_ms = date_mono_ms();
        l->give_up_ms = INT64_MAX;
        subscribe_all(l);
        l->events.on_state(l->events.user, TRANSPORT_UP, current_url(l), NULL, 0);
        break;
    case TRANSPORT_DOWN:
        l->lost = true;
        l->why = why ? *why : (struct news_error){0};
        break;
    }
}

static void on_message(void *user, const struct message *m)
{
    struct link *l = user;
    l->events.on_message(l->events.user, m);
}

static bool on_batch(void *user)
{
    struct link *l = user;
    return !l->events.on_batch || l->events.on_batch(l->events.user);
}

static void on_published(void *user, uint64_t token, const struct news_error *refused)
{
    struct link *l = user;
    l->events.on_published(l->events.user, token, refused);
}

static void on_subscribed(void *user, const char *filter, const struct news_error *refused)
{
    struct link *l = user;
    l->events.on_subscribed(l->events.user, filter, refused);
}

static void on_lost(void *user, uint64_t count)
{
    struct link *l = user;
    l->events.on_lost(l->events.user, count);
}

/* --- the loop ---------------------------------------------------------------------------- */

static void try_current(struct link *l)
{
    const struct transport_events events = {
        .user = l,
        .on_state = on_state,
        .on_message = l->events.on_message ? on_message : NULL,
        .on_batch = on_batch,
        .on_published = l->events.on_published ? on_published : NULL,
        .on_subscribed = on_subscribed,
        .on_lost = l->events.on_lost ? on_lost : NULL,
    };
    l->stage = TRYING;
    l->options.memory = &l->places[l->index].memory;
    l->transport = transport_open(current_url(l), &l->options, &events, &l->why);
    if (l->transport) transport_set_reading(l->transport, l->reading);
    else handle_failure(l);
}

static void give_up(struct link *l)
{
    struct news_error why;
    if (l->why.code == NEWS_OK)
        news_fail(&why, NEWS_ERR_UNREACHABLE, "%s: no answer", current_url(l)->text);
    else news_fail(&why, NEWS_ERR_UNREACHABLE, "%s", l->why.message);
    finish(l, &why);
}

void link_service(struct link *l, short revents)
{
    if (l->transport) {
        transport_service(l->transport, revents);
        if (l->lost) drop_lost(l);
    }
    if (l->stage == DONE) return;
    int64_t now = date_mono_ms();
    if (!l->transport && l->closing) finish(l, NULL);
    else if (now >= l->give_up_ms) give_up(l);
    else if (!l->transport && now >= l->next_ms) try_current(l);
}

struct transport_wait link_wait(const struct link *l)
{
    struct transport_wait w = {.fd = -1, .deadline_mono_ms = INT64_MAX};
    if (l->stage == DONE) return w;
    if (l->transport) w = transport_wait(l->transport);
    else w.deadline_mono_ms = l->closing ? 0 : l->next_ms;
    if (l->give_up_ms < w.deadline_mono_ms) w.deadline_mono_ms = l->give_up_ms;
    return w;
}

/* --- requests ---------------------------------------------------------------------------- */

static struct filter *remember(struct link *l, const char *text, struct news_error *err)
{
    for (size_t i = 0; i < l->filter_count; i++)
        if (strcmp(l->filters[i].text, text) == 0) return &l->filters[i];
    if (l->filter_count == LINK_FILTERS_MAX) {
        news_fail(err, NEWS_ERR_USAGE, "at most %d topic filters", LINK_FILTERS_MAX);
        return NULL;
    }
    char *copy = strdup(text);
    if (!copy) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    struct filter *f = &l->filters[l->filter_count++];
    f->text = copy;
    return f;
}

bool link_subscribe(struct link *l, const char *filter, int qos, struct news_error *err)
{
    if (!topic_filter_ok(filter, err)) return false;
    struct filter *f = remember(l, filter, err);
    if (!f) return false;
    f->qos = qos;
    return !link_is_up(l) || transport_subscribe(l->transport, filter, qos, err);
}

enum transport_answer link_publish(struct link *l, const struct message *m, uint64_t token,
                                   struct news_error *err)
{
    if (!link_is_up(l)) return TRANSPORT_FULL;
    return transport_publish(l->transport, m, token, err);
}

bool link_admit(const struct link *l, const struct message *m, struct news_error *err)
{
    return !link_is_up(l) || transport_admit(l->transport, m, err);
}

size_t link_payload_max(const struct link *l, const char *topic, int qos)
{
    return link_is_up(l) ? transport_payload_max(l->transport, topic, qos) : SIZE_MAX;
}

const char *link_client_id(const struct link *l)
{
    return l->options.client_id;
}

void link_set_reading(struct link *l, bool on)
{
    l->reading = on;
    if (l->transport) transport_set_reading(l->transport, on);
}

bool link_is_up(const struct link *l)
{
    return l->stage == WORKING && !l->lost;
}

bool link_was_up(const struct link *l)
{
    return l->up_ms != 0;
}

void link_close(struct link *l)
{
    l->closing = true;
    if (l->transport) transport_close(l->transport);
}

/* --- opening ----------------------------------------------------------------------------- */

static void ignore_state(void *user, enum transport_state state, const struct transport_url *url,
                         const struct news_error *why, int wait_ms)
{
    (void)user, (void)state, (void)url, (void)why, (void)wait_ms;
}

static void ignore_subscribed(void *user, const char *filter, const struct news_error *refused)
{
    (void)user, (void)filter, (void)refused;
}

static bool take_urls(struct link *l, const char *const *urls, size_t count, struct news_error *err)
{
    if (count == 0 || count > LINK_URLS_MAX)
        return news_fail(err, NEWS_ERR_USAGE, "one to %d brokers, not %zu", LINK_URLS_MAX, count);
    for (size_t i = 0; i < count; i++) {
        struct transport_url *url = &l->places[i].url;
        if (!transport_url_parse(urls[i], url, err) || !carrier_exists(url, err)) return false;
    }
    l->place_count = count;
    return true;
}

/* One client id for all connections of a link: coming back is then a take-over from ourselves
 * where the broker has not noticed the loss yet, and an answer finds whoever asked. */
static bool take_options(struct link *l, const struct link_options *o, struct news_error *err)
{
    struct transport_options options = o->transport;
    char id[CARRIER_ID_SIZE];
    l->id_given = options.client_id != NULL;
    if (!options.client_id && !options.keep_session) {
        carrier_make_id(id);
        options.client_id = id;
    }
    return carrier_options_copy(&l->options, &options, err);
}

struct link *link_open(const char *const *urls, size_t url_count, const struct link_options *o,
                       const struct link_events *events, struct news_error *err)
{
    static const struct link_options defaults;
    if (!o) o = &defaults;
    struct link *l = calloc(1, sizeof *l);
    if (!l) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    if (!take_urls(l, urls, url_count, err) || !take_options(l, o, err)) {
        link_destroy(l);
        return NULL;
    }
    l->events = *events;
    if (!l->events.on_state) l->events.on_state = ignore_state;
    if (!l->events.on_subscribed) l->events.on_subscribed = ignore_subscribed;
    l->reading = true;
    l->backoff_ms = BACKOFF_FIRST_MS;
    l->give_up_ms = o->give_up_ms > 0 ? date_mono_ms() + o->give_up_ms : INT64_MAX;
    seed_random(l, o->seed);
    return l; /* the first link_service() connects: next_ms is 0 */
}

void link_destroy(struct link *l)
{
    if (!l) return;
    transport_destroy(l->transport);
    for (size_t i = 0; i < l->filter_count; i++)
        free(l->filters[i].text);
    carrier_options_free(&l->options);
    free(l);
}
