#include "publisher/presence.h"

#include <stdlib.h>
#include <string.h>

#include "common/date.h"
#include "common/log.h"
#include "common/sync_message.h"

enum {
    FENCE_MOST_MS = 2000, /* a broker that does not let us read our own topics must not stop us */
    SETTLE_MS = 100,      /* between two statuses */
    BURST_MS = 1000,      /* while items flow */
    IDLE_EARLY_MS = 5000, /* while idle, in the first minute and after it */
    IDLE_LATE_MS = 60000,
    EARLY_MS = 60000,
};

struct presence {
    struct journal *journal;
    struct courier *courier;
    bool beacon;
    int64_t since_ms;
    char status_topic[64], head_topic[64];
    struct buf will_payload;
    struct message will;
    void (*put_details)(void *user, struct buf *out);
    void *details_user;

    bool up, passed, probed, stale, rival_told;
    uint64_t items_at_start; /* of the epoch: what other runs gave out */
    int64_t fence_until_ms;

    bool told;           /* on this connection */
    bool forced;         /* say it again, whatever it is */
    uint64_t told_items; /* with the last status */
    int64_t told_ms;
    int64_t idle_ms; /* since when nothing changed */
    int64_t up_ms;
};

static struct sync_status status_now(const struct presence *p, bool online)
{
    struct journal_head head = journal_head(p->journal);
    struct sync_status s = {
        .online = online,
        .items = head.items,
        .streams = head.streams,
        .since_ms = p->since_ms,
        .brief = !p->beacon,
    };
    memcpy(s.epoch, head.epoch, sizeof s.epoch);
    return s;
}

struct presence *presence_new(struct journal *j, bool beacon, int64_t now_ms,
                              struct news_error *err)
{
    struct presence *p = calloc(1, sizeof *p);
    if (!p) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    p->journal = j;
    p->beacon = beacon;
    p->since_ms = now_ms;
    p->items_at_start = journal_head(j).items;
    (void)snprintf(p->status_topic, sizeof p->status_topic, "%s%s", SYNC_STATUS,
                   journal_publisher(j));
    (void)snprintf(p->head_topic, sizeof p->head_topic, "%s%s", SYNC_HEAD, journal_publisher(j));
    return p;
}

void presence_details(struct presence *p, void (*put)(void *user, struct buf *out), void *user)
{
    p->put_details = put;
    p->details_user = user;
}

void presence_free(struct presence *p)
{
    if (!p) return;
    buf_deinit(&p->will_payload);
    free(p);
}

const struct message *presence_will(struct presence *p)
{
    struct sync_status s = status_now(p, false);
    buf_clear(&p->will_payload);
    sync_status_write(&p->will_payload, &s);
    p->will = (struct message){.topic = p->status_topic,
                               .payload = p->will_payload.data,
                               .payload_len = p->will_payload.len,
                               .qos = 1,
                               .retained = true};
    return &p->will;
}

bool presence_attach(struct presence *p, struct courier *c, struct news_error *err)
{
    p->courier = c;
    return link_subscribe(courier_link(c), p->status_topic, 1, err) &&
           link_subscribe(courier_link(c), p->head_topic, 1, err);
}

void presence_up(struct presence *p, int64_t now_mono_ms)
{
    p->up = true;
    p->told = p->probed = false;
    p->fence_until_ms = now_mono_ms + FENCE_MOST_MS;
    p->idle_ms = p->up_ms = now_mono_ms;
}

void presence_down(struct presence *p)
{
    p->up = false;
}

/* ---- saying ---- */

static bool say(struct presence *p, const char *topic, bool online, bool retained)
{
    struct sync_status s = status_now(p, online);
    struct buf payload = {0};
    struct news_error why = {0};
    sync_status_write(&payload, &s);
    if (online && topic == p->status_topic && p->put_details) {
        buf_truncate(&payload, payload.len - 1); /* the brace */
        p->put_details(p->details_user, &payload);
        buf_putc(&payload, '}');
    }
    const struct message m = {.topic = topic,
                              .payload = payload.data,
                              .payload_len = payload.len,
                              .qos = 1,
                              .retained = retained};
    bool taken = buf_ok(&payload) && courier_say(p->courier, &m, &why);
    buf_deinit(&payload);
    if (why.code != NEWS_OK) log_note("%s: %s", topic, why.message);
    return taken;
}

static int64_t next_ms(const struct presence *p, bool busy, bool moved)
{
    /* Who leaves soon says it behind its items: whoever counts them then knows what to ask for. */
    if (!p->told && busy && !p->beacon) return p->up_ms + BURST_MS;
    if (p->forced || !p->told) return 0;
    if (moved) return p->told_ms + (busy ? BURST_MS : SETTLE_MS);
    if (!p->beacon) return INT64_MAX;
    return p->told_ms + (p->told_ms - p->idle_ms < EARLY_MS ? IDLE_EARLY_MS : IDLE_LATE_MS);
}

void presence_turn(struct presence *p, bool busy, int64_t now_mono_ms)
{
    uint64_t items = journal_head(p->journal).items;
    bool moved = items != p->told_items;
    if (!p->up) return;
    if (!p->passed) {
        if (!p->probed) p->probed = say(p, p->head_topic, true, false);
        return;
    }
    if (busy || moved) p->idle_ms = now_mono_ms;
    if (now_mono_ms < next_ms(p, busy, moved)) return;
    /* The head first: a status that came says that the head is there. */
    if ((moved || !p->told) && !say(p, p->head_topic, true, true)) return;
    if (!say(p, p->status_topic, true, true)) return;
    p->told = true;
    p->forced = false;
    p->told_items = items;
    p->told_ms = now_mono_ms;
}

int64_t presence_deadline(const struct presence *p, bool busy, int64_t now_mono_ms)
{
    if (!p->up) return INT64_MAX;
    if (!p->passed) return p->fence_until_ms;
    int64_t next = next_ms(p, busy, journal_head(p->journal).items != p->told_items);
    /* One that is due now was just tried: the answers to other extras make room, and wake us. */
    return next <= now_mono_ms ? now_mono_ms + SETTLE_MS : next;
}

int64_t presence_told_ms(const struct presence *p)
{
    return p->told && p->told_items == journal_head(p->journal).items ? p->told_ms : INT64_MAX;
}

bool presence_leave(struct presence *p)
{
    bool known = p->told && p->told_items == journal_head(p->journal).items;
    return (known || say(p, p->head_topic, true, true)) && say(p, p->status_topic, false, true);
}

/* ---- reading ---- */

bool presence_passed(struct presence *p, int64_t now_mono_ms)
{
    if (p->up && !p->passed && now_mono_ms >= p->fence_until_ms) {
        log_note("%s: did not come back to us; going on without", p->head_topic);
        p->passed = true;
    }
    return p->passed;
}

void presence_renewed(struct presence *p)
{
    p->items_at_start = 0;
    p->stale = false;
    p->told = false;
}

/* Another run's words, retained or live: did it give out numbers that this journal does not know?
 */
static bool is_ahead(const struct presence *p, const struct sync_status *s, bool retained)
{
    struct journal_head head = journal_head(p->journal);
    int order = strcmp(s->epoch, head.epoch);
    if (order == 0) return retained ? s->items > p->items_at_start : s->online;
    return retained && order > 0 && !journal_knows_epoch(p->journal, s->epoch);
}

static void rival(struct presence *p, const struct sync_status *s)
{
    /* The will of an earlier run, late: what is retained is to be ours. Two that live would go on
     * contradicting each other. */
    if (!s->online) p->forced = true;
    if (!s->online || p->rival_told) return;
    p->rival_told = true;
    log_error("%s: another newspub publishes under this name (epoch %s)",
              journal_publisher(p->journal), s->epoch);
}

enum presence_news presence_message(struct presence *p, const struct message *m)
{
    struct sync_status s;
    struct news_error err = {0};
    bool is_status = strcmp(m->topic, p->status_topic) == 0;
    if (!is_status && strcmp(m->topic, p->head_topic) != 0) return PRESENCE_NOT_MINE;
    if (!sync_status_parse(m->payload, m->payload_len, &s, &err)) {
        log_note("%s: refused: %s", m->topic, err.message);
        return PRESENCE_SEEN;
    }
    if (s.since_ms == p->since_ms) {
        if (!is_status && !m->retained) p->passed = true;
        return PRESENCE_SEEN;
    }
    if (!m->retained && is_status) rival(p, &s);
    if (p->stale || !is_ahead(p, &s, m->retained)) return PRESENCE_SEEN;
    p->stale = true;
    return PRESENCE_STALE;
}
