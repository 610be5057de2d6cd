#include "subscriber/intake.h"

#include <stdlib.h>
#include <string.h>

#include "common/date.h"
#include "common/log.h"
#include "common/text.h"

struct intake {
    struct intake_options options;
    struct intake_events events;
    struct positions *positions;
    struct catchup *catchup; /* NULL: no sync */
    bool up;
    int64_t now_ms;        /* of the message in hand */
    struct news_error why; /* of the open batch; code NEWS_OK: it is well so far */
};

/* ---- what sync says ---- */

static bool publish(void *user, const char *topic, const char *payload, size_t len)
{
    const struct intake *in = user;
    return in->events.publish(in->events.user, topic, payload, len);
}

static void on_gone(void *user, enum catchup_gone what, const char *publisher, const char *epoch,
                    const char *topic, uint64_t first, uint64_t last, const char *reason)
{
    (void)user;
    if (what == CATCHUP_RESTART)
        log_error("%s started anew; items of its epoch %s that followed what we have may be lost",
                  publisher, epoch);
    else if (first == last)
        log_error("%s: number %llu is gone for good (%s)", topic, (unsigned long long)first,
                  reason);
    else
        log_error("%s: numbers %llu to %llu are gone for good (%s)", topic,
                  (unsigned long long)first, (unsigned long long)last, reason);
}

static void on_remark(void *user, const char *publisher, const char *remark)
{
    (void)user;
    log_error("%s: %s", publisher, remark);
}

static void on_presence(void *user, const char *publisher, bool online)
{
    (void)user;
    log_note("%s is %s", publisher, online ? "online" : "offline");
}

/* ---- items ---- */

static void show(struct intake *in, const struct store_item *s, int64_t id, bool retained)
{
    struct arrival a = {
        .topic = s->topic, .item = s->item, .received_ms = s->received_ms, .retained = retained};
    if (!topic_split(in->options.root, s->topic, &a.levels)) a.levels = (struct topic_levels){0};
    in->events.on_show(in->events.user, &a, id);
}

/* Into the store, which knows what was there before. True: its number may be marked. */
static bool keep(struct intake *in, const struct store_item *s, bool retained,
                 struct news_error *err)
{
    int64_t id = 0;
    switch (store_put(in->options.store, s, &id, err)) {
    case STORE_NEW: show(in, s, id, retained); return true;
    case STORE_CONFLICT:
        log_error("%s: %s", s->topic, err->message);
        show(in, s, id, retained);
        return false;
    case STORE_OLDER:
    case STORE_DEAD:
    case STORE_KNOWN: return true;
    case STORE_FAILED: break;
    }
    in->why = *err;
    return false;
}

/* The number's place, as the store or sync know it. NULL: it has none here. */
static struct position *find_position(struct intake *in, const char *topic,
                                      const struct wire_number *n)
{
    struct position *at = positions_of(in->positions, n->publisher, n->epoch, topic);
    if (!at || at->based) return at;
    if (in->options.store && at->store_id == 0 &&
        !store_load_position(in->options.store, at, &in->why))
        return NULL;
    if (at->based) return at;
    if (!in->catchup) position_base(at, n->seq - 1);
    else if (catchup_from_start(in->catchup, n->publisher, topic)) position_base(at, 0);
    return at;
}

static void refuse(struct intake *in, const char *topic, const char *what)
{
    in->events.on_refused(in->events.user, topic, "altIds", what);
}

static void take_numbered(struct intake *in, struct store_item *s, bool retained)
{
    int64_t now = date_mono_ms();
    struct news_error err = {0};
    struct position *at = find_position(in, s->topic, s->number);
    if (in->why.code != NEWS_OK) return;
    enum position_answer known = at ? position_look(at, s->number->seq) : POSITION_NEW;
    if (known == POSITION_ABSURD) {
        refuse(in, s->topic, "its number is too far ahead of the last one");
        return;
    }
    s->at = at;
    if (in->options.store) {
        if (!keep(in, s, retained, &err)) return;
    } else if (known == POSITION_NEW) {
        show(in, s, 0, retained);
    }
    if (!at) return;
    if (known == POSITION_NEW && !position_add(at, s->number->seq, s->number->seq, now)) {
        news_fail(&in->why, NEWS_ERR_MEMORY, "out of memory");
        return;
    }
    if (in->catchup) catchup_item(in->catchup, s->number, at, known == POSITION_NEW, now);
}

/* number NULL: it has none. */
static void take(struct intake *in, const char *topic, const struct ninjs *item,
                 const struct wire_number *number, bool retained)
{
    struct topic_levels levels;
    char publisher[TOPIC_SLUG_MAX + 1] = "";
    struct news_error err = {0};
    struct store_item s = {
        .publisher = publisher, .topic = topic, .item = item, .received_ms = in->now_ms};
    if (in->why.code != NEWS_OK) return;
    if (in->options.store && !store_begin(in->options.store, &in->why)) return;
    if (topic_split(in->options.root, topic, &levels) && levels.publisher_len <= TOPIC_SLUG_MAX)
        memcpy(publisher, levels.publisher, levels.publisher_len);
    /* A number counts only on its own publisher's topics. */
    if (number && strcmp(number->publisher, publisher) == 0) {
        s.number = number;
        take_numbered(in, &s, retained);
    } else if (in->options.store) {
        (void)keep(in, &s, retained, &err);
    } else {
        show(in, &s, 0, retained);
    }
}

static bool on_item(void *user, const char *topic, const struct ninjs *item,
                    const struct wire_number *number, struct news_error *err)
{
    struct intake *in = user;
    take(in, topic, item, number, false);
    if (in->why.code == NEWS_OK) return true;
    if (err) *err = in->why;
    return false;
}

static void take_item(struct intake *in, const struct message *m)
{
    struct ninjs item;
    struct ninjs_fault fault;
    struct wire_number number;
    if (!ninjs_check(m->payload, m->payload_len, &item, &fault))
        in->events.on_refused(in->events.user, m->topic, fault.path, fault.what);
    else take(in, m->topic, &item, wire_number_of(&item, &number) ? &number : NULL, m->retained);
}

/* ---- messages ---- */

static bool begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

void intake_message(struct intake *in, const struct message *m, int64_t now_ms)
{
    struct news_error err = {0};
    bool ok = true;
    if (in->why.code != NEWS_OK) return;
    in->now_ms = now_ms;
    if (!in->catchup || !begins(m->topic, "newswire/")) take_item(in, m);
    else if (begins(m->topic, SYNC_STATUS))
        ok = catchup_status(in->catchup, m->topic, m->payload, m->payload_len, date_mono_ms(),
                            &err);
    else if (begins(m->topic, SYNC_REPLY))
        ok = catchup_reply(in->catchup, m->topic, m->payload, m->payload_len, date_mono_ms(), &err);
    if (!ok) in->why = err;
}

/* ---- life ---- */

static bool start(struct intake *in, struct news_error *err)
{
    const struct catchup_events events = {.user = in,
                                          .publish = publish,
                                          .on_item = on_item,
                                          .on_gone = on_gone,
                                          .on_remark = on_remark,
                                          .on_presence = on_presence};
    in->positions = positions_new(err);
    if (!in->positions) return false;
    if (!in->options.sync) return true;
    in->catchup = catchup_new(&in->options.catchup, &events, in->positions, in->options.store, err);
    return in->catchup != NULL;
}

static void end(struct intake *in)
{
    catchup_free(in->catchup);
    positions_free(in->positions);
    in->catchup = NULL;
    in->positions = NULL;
}

struct intake *intake_new(const struct intake_options *o, const struct intake_events *e,
                          struct news_error *err)
{
    struct intake *in = calloc(1, sizeof *in);
    if (!in) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    in->options = *o;
    in->events = *e;
    if (start(in, err)) return in;
    intake_free(in);
    return NULL;
}

void intake_free(struct intake *in)
{
    if (!in) return;
    end(in);
    free(in);
}

void intake_up(struct intake *in)
{
    in->up = true;
    if (in->catchup) catchup_up(in->catchup, date_mono_ms());
}

void intake_down(struct intake *in)
{
    in->up = false;
    if (in->catchup) catchup_down(in->catchup);
}

/* The positions in memory are ahead of the store now: both start anew from what is on disk. If
 * there were messages in the batch, the connection ends: nothing that is forgotten was
 * acknowledged. */
static void start_over(struct intake *in)
{
    struct news_error err = {0};
    if (in->options.store) store_rollback(in->options.store);
    end(in);
    in->why = (struct news_error){0};
    if (!start(in, &err)) in->why = err; /* every batch fails until there is memory */
    else if (in->up) intake_up(in);
}

bool intake_commit(struct intake *in, struct news_error *err)
{
    struct store *store = in->options.store;
    bool ok = in->why.code == NEWS_OK;
    if (ok && store && store_dirty(store)) ok = store_commit(store, in->positions, &in->why);
    if (ok) return true;
    if (err) *err = in->why;
    start_over(in);
    return false;
}

bool intake_turn(struct intake *in)
{
    struct news_error err = {0};
    if (in->catchup && !catchup_turn(in->catchup, date_mono_ms(), &err)) in->why = err;
    return in->why.code == NEWS_OK;
}

int64_t intake_deadline(const struct intake *in)
{
    return in->catchup ? catchup_deadline(in->catchup) : INT64_MAX;
}

struct catchup *intake_catchup(const struct intake *in)
{
    return in->catchup;
}

struct positions *intake_positions(const struct intake *in)
{
    return in->positions;
}
