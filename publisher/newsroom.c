#include "publisher/newsroom.h"

#include <stdlib.h>
#include <string.h>

#include "common/date.h"
#include "common/log.h"
#include "publisher/presence.h"

enum {
    BATCH_ITEMS =
        500, /* a transaction: SQLite takes them by the thousand, a reader wants them soon */
    BATCH_BYTES = 4 << 20,
    AHEAD_ITEMS = 2000,    /* that submissions may be ahead of what was sent */
    SAVE_MS = 1000,        /* acknowledgements unsaved: after a crash those are sent again */
    ANSWERED_MS = 500,     /* for the next question of somebody who was answered */
    RETRY_MS = 50,
    GOODBYE_MS = 1000,
    PRUNE_MS = 3600 * 1000,
    HELD_AGAIN_MS = 60 * 1000, /* the journal could not take what was due */
};

struct newsroom {
    struct newsroom_options options;
    struct newsroom_events events;
    struct journal *journal;
    struct desk *desk;
    struct presence *presence;
    struct courier *courier;
    struct answerer *answerer;

    size_t batch_items, batch_bytes; /* of the open transaction */
    bool behind;
    uint64_t run_first_id; /* of what this run accepts */
    uint64_t queued_id;    /* the last one given to the courier */
    bool failed_told;      /* the journal could not be written or read */

    bool claim_met; /* a subscriber knew more than the journal: believed once a run */
    struct buf reply;
    char reply_topic[TOPIC_MAX];
    bool reply_waits; /* to be taken by the courier */
    int64_t answered_ms;

    uint64_t saved_through; /* of the acknowledged ones, on disk */
    int64_t saved_ms, prune_ms;
    int64_t held_due_ms; /* wall clock; INT64_MAX: none */
    bool leaving, closed;
    int64_t leaving_ms; /* since when */
};

/* ---- what goes wrong ---- */

/* Once, until it works again: the loop tries every turn. */
static void journal_trouble(struct newsroom *n, const struct news_error *err)
{
    if (!n->failed_told) log_error("%s", err->message);
    n->failed_told = true;
}

static void prune(struct newsroom *n)
{
    const struct settings *s = n->options.settings;
    const struct journal_keep keep = {s->keep_ms, (uint64_t)s->keep_items};
    struct news_error err = {0};
    uint64_t pruned = 0;
    if (!journal_prune(n->journal, &keep, date_now_ms(), &pruned, &err)) journal_trouble(n, &err);
    if (pruned) log_note("%llu items pruned from the journal", (unsigned long long)pruned);
}

/* What the broker refused while it was served: all in one transaction. */
static void end_refusals(struct newsroom *n)
{
    struct news_error err = {0};
    if (db_in_transaction(journal_db(n->journal)) && !journal_commit(n->journal, &err))
        journal_trouble(n, &err);
}

static void renew(struct newsroom *n, uint64_t from_id)
{
    struct news_error err = {0};
    end_refusals(n);
    size_t moved = 0;
    uint64_t first = journal_head(n->journal).last_id + 1;
    if (!journal_renew_epoch(n->journal, from_id, date_now_ms(), &moved, &err)) {
        journal_trouble(n, &err);
        return;
    }
    log_error("%s: its numbers were given out before, by a newer copy of it or by another "
              "newspub; going on as epoch %s%s",
              db_path(journal_db(n->journal)), journal_head(n->journal).epoch,
              moved ? ", with new numbers for what this run sends" : "");
    courier_reset(n->courier);
    n->queued_id = journal_head(n->journal).done_through;
    if (n->run_first_id < first) n->run_first_id = first;
    presence_renewed(n->presence);
    if (n->events.on_renewed) n->events.on_renewed(n->events.user, first);
}

/* ---- the link ---- */

static void on_link(void *user, enum transport_state state, const struct transport_url *url,
                    const struct news_error *why, int wait_ms)
{
    struct newsroom *n = user;
    if (state == TRANSPORT_UP) presence_up(n->presence, date_mono_ms());
    else presence_down(n->presence);
    if (state == TRANSPORT_DOWN) n->closed = true;
    if (n->events.on_link) n->events.on_link(n->events.user, state, url, why, wait_ms);
}

static void on_answer(void *user, uint64_t id, const char *topic, const struct news_error *refused)
{
    struct newsroom *n = user;
    struct news_error err = {0};
    if (refused) {
        const char *reason = refused->code == NEWS_ERR_TOO_LARGE ? "toolarge" : "denied";
        if (!journal_begin(n->journal, &err) || !journal_refuse(n->journal, id, reason, &err))
            journal_trouble(n, &err);
    }
    if (n->events.on_answer) n->events.on_answer(n->events.user, id, topic, refused);
}

static void on_request(struct newsroom *n, const struct sync_route *route, const struct message *m)
{
    struct news_error err = {0};
    if (strcmp(route->publisher, journal_publisher(n->journal)) != 0) return;
    if (!answerer_take(n->answerer, route, m->payload, m->payload_len, &err)) {
        log_note("%s: refused: %s", m->topic, err.message);
        return;
    }
    if (n->claim_met || !answerer_was_ahead(n->answerer, journal_head(n->journal).epoch)) return;
    n->claim_met = true;
    renew(n, n->run_first_id);
}

static void on_message(void *user, const struct message *m)
{
    struct newsroom *n = user;
    struct sync_route route;
    if (sync_route_of_request(m->topic, &route)) on_request(n, &route, m);
    else if (presence_message(n->presence, m) == PRESENCE_STALE) renew(n, n->run_first_id);
}

static void on_subscribed(void *user, const char *filter, const struct news_error *refused)
{
    (void)user;
    if (refused) log_note("%s: %s", filter, refused->message);
}

/* ---- life ---- */

static bool admit(void *user, const char *topic, const char *payload, size_t len,
                  struct news_error *err)
{
    const struct newsroom *n = user;
    const struct message m = {.topic = topic, .payload = payload, .payload_len = len, .qos = 1};
    return link_admit(courier_link(n->courier), &m, err);
}

static bool open_journal(struct newsroom *n, struct news_error *err)
{
    const struct settings *s = n->options.settings;
    char path[4096];
    const struct journal_options o = {
        .publisher = n->options.publisher,
        .db = {.mode = DB_OWN,
               .owner = n->options.owner,
               .lock_wait_ms = n->options.beacon ? 0 : s->lock_wait_ms,
               .check = true},
        .now_ms = date_now_ms(),
    };
    if (!settings_journal_path(s, n->options.publisher, path, sizeof path, err)) return false;
    n->journal = journal_open(path, &o, err);
    return n->journal != NULL;
}

/* So that a subscriber may join an epoch in which nothing was published yet. */
static bool knows_epoch(void *user, const char *publisher, const char *epoch)
{
    const struct newsroom *n = user;
    return strcmp(publisher, journal_publisher(n->journal)) == 0 &&
           journal_knows_epoch(n->journal, epoch);
}

static bool open_rest(struct newsroom *n, struct news_error *err)
{
    const struct courier_events events = {.user = n,
                                          .on_answer = on_answer,
                                          .on_link = on_link,
                                          .on_message = on_message,
                                          .on_subscribed = on_subscribed};
    const struct desk_options desk = {.user = n, .admit = admit};
    char filter[128];
    n->desk = desk_new(n->journal, &desk, err);
    n->presence = presence_new(n->journal, n->options.beacon, date_now_ms(), err);
    if (n->presence && n->events.put_details)
        presence_details(n->presence, n->events.put_details, n->events.user);
    n->answerer = answerer_new(journal_db(n->journal), false, err);
    if (!n->desk || !n->presence || !n->answerer) return false;
    answerer_on_epoch(n->answerer, knows_epoch, n);
    n->courier = courier_open(&n->options.settings->dial, AHEAD_ITEMS, presence_will(n->presence),
                              &events, err);
    if (!n->courier) return false;
    courier_gate(n->courier, false);
    (void)snprintf(filter, sizeof filter, "%s%s/+", SYNC_REQUEST, n->options.publisher);
    return presence_attach(n->presence, n->courier, err) &&
           link_subscribe(courier_link(n->courier), filter, 1, err);
}

struct newsroom *newsroom_open(const struct newsroom_options *o, const struct newsroom_events *e,
                               struct news_error *err)
{
    struct newsroom *n = calloc(1, sizeof *n);
    if (!n) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    n->options = *o;
    if (e) n->events = *e;
    if (!open_journal(n, err) || !open_rest(n, err)) {
        newsroom_free(n);
        return NULL;
    }
    struct journal_head head = journal_head(n->journal);
    n->run_first_id = head.last_id + 1;
    n->queued_id = n->saved_through = head.done_through;
    n->saved_ms = date_mono_ms();
    return n;
}

void newsroom_free(struct newsroom *n)
{
    struct news_error err = {0};
    if (!n) return;
    if (n->journal && n->batch_items > 0) journal_rollback(n->journal); /* nobody was told */
    if (n->journal) end_refusals(n);
    if (n->journal && !journal_save(n->journal, &err)) journal_trouble(n, &err);
    if (n->journal && n->courier && !n->options.beacon) prune(n);
    courier_free(n->courier);
    answerer_free(n->answerer);
    presence_free(n->presence);
    desk_free(n->desk);
    journal_close(n->journal);
    buf_deinit(&n->reply);
    free(n);
}

struct journal *newsroom_journal(const struct newsroom *n)
{
    return n->journal;
}

struct link *newsroom_link(const struct newsroom *n)
{
    return courier_link(n->courier);
}

/* ---- submissions ---- */

/* What was just accepted need not be read from the file again, if it is the next to go: it is held
 * until its batch is committed. */
static void queue_fresh(struct newsroom *n, uint64_t id)
{
    struct journal_item item;
    struct news_error err = {0};
    if (n->queued_id + 1 != id || !courier_room(n->courier) || !desk_accepted(n->desk, &item))
        return;
    courier_hold(n->courier);
    buf_put(courier_payload(n->courier), item.bytes, item.len);
    if (courier_add(n->courier, item.topic, id, &err)) n->queued_id = id;
}

static void unqueue_fresh(struct newsroom *n)
{
    uint64_t next = journal_head(n->journal).last_id + 1;
    courier_take_back(n->courier, next);
    if (n->queued_id >= next) n->queued_id = next - 1;
}

enum desk_answer newsroom_take(struct newsroom *n, const struct submission *s, uint64_t *id,
                               struct news_error *err)
{
    if (!journal_begin(n->journal, err)) return DESK_FAILED;
    enum desk_answer answer = desk_take(n->desk, s, date_now_ms(), id, err);
    if (answer == DESK_ACCEPTED) queue_fresh(n, *id);
    n->batch_items++;
    n->batch_bytes += s->item.all.len;
    if (answer == DESK_HELD) n->held_due_ms = 0; /* perhaps the first one now: looked at anew */
    return answer;
}

bool newsroom_batch_full(const struct newsroom *n)
{
    return n->batch_items >= BATCH_ITEMS || n->batch_bytes >= BATCH_BYTES;
}

/* Once too far ahead, it is until half of that has gone: so batches are whole ones. */
bool newsroom_is_behind(struct newsroom *n)
{
    size_t most = n->behind ? AHEAD_ITEMS / 2 : AHEAD_ITEMS;
    n->behind = link_is_up(courier_link(n->courier)) && newsroom_waiting(n) > most;
    return n->behind;
}

bool newsroom_commit(struct newsroom *n, struct news_error *err)
{
    n->batch_items = n->batch_bytes = 0;
    if (!journal_commit(n->journal, err)) {
        unqueue_fresh(n);
        if (err && err->code == NEWS_ERR_FULL) n->prune_ms = 0; /* perhaps that makes room */
        return false;
    }
    courier_release(n->courier);
    n->saved_through = journal_head(n->journal).done_through;
    return true;
}

void newsroom_rollback(struct newsroom *n)
{
    n->batch_items = n->batch_bytes = 0;
    journal_rollback(n->journal);
    unqueue_fresh(n);
}

size_t newsroom_waiting(const struct newsroom *n)
{
    return journal_waiting(n->journal);
}

size_t newsroom_held(const struct newsroom *n)
{
    return journal_held(n->journal);
}

int64_t newsroom_moved_ms(const struct newsroom *n)
{
    return courier_moved_ms(n->courier);
}

/* ---- a turn ---- */

static void take_due(struct newsroom *n)
{
    struct news_error err = {0};
    enum desk_answer answer = DESK_KNOWN;
    uint64_t id = 0;
    if (date_now_ms() < n->held_due_ms) return;
    if (!journal_begin(n->journal, &err)) {
        n->held_due_ms = date_now_ms() + HELD_AGAIN_MS;
        journal_trouble(n, &err);
        return;
    }
    for (int i = 0; i < BATCH_ITEMS &&
                    desk_take_held(n->desk, date_now_ms(), &n->held_due_ms, &answer, &id, &err);
         i++) {
        if (answer == DESK_REFUSED) log_error("held until now, and refused: %s", err.message);
        if (answer == DESK_FAILED) break;
    }
    if (answer == DESK_FAILED || !journal_commit(n->journal, &err)) {
        journal_rollback(n->journal);
        n->held_due_ms = date_now_ms() + HELD_AGAIN_MS;
        journal_trouble(n, &err);
    }
}

/* False: there is nothing more, or it cannot be read. */
static bool queue_next(struct newsroom *n)
{
    struct journal_item item;
    struct news_error err = {0};
    if (!journal_next(n->journal, n->queued_id, &item, &err)) {
        if (err.code == NEWS_OK) n->queued_id = journal_head(n->journal).last_id;
        else if (err.code != NEWS_ERR_DATA) journal_trouble(n, &err);
        if (err.code != NEWS_ERR_DATA) return false;
        log_error("%s", err.message); /* damaged: passed over */
    } else {
        buf_put(courier_payload(n->courier), item.bytes, item.len);
        if (!courier_add(n->courier, item.topic, item.id, &err)) return false;
    }
    n->queued_id = item.id;
    return true;
}

/* Only what is committed can be read here: no batch is open when the loop turns. */
static void fill_courier(struct newsroom *n)
{
    struct news_error err = {0};
    struct db *db = journal_db(n->journal);
    uint64_t last_id = journal_head(n->journal).last_id;
    /* What follows the last answer was damaged, or refused by the broker before a crash. */
    if (n->queued_id >= last_id && courier_count(n->courier) == 0)
        journal_done(n->journal, last_id);
    if (!courier_room(n->courier) || n->queued_id >= last_id) return;
    if (!db_begin_reading(db, &err)) {
        journal_trouble(n, &err);
        return;
    }
    while (courier_room(n->courier) && queue_next(n)) {
    }
    if (!db_end_reading(db, &err)) journal_trouble(n, &err);
}

static bool next_reply(struct newsroom *n)
{
    struct news_error err = {0};
    size_t most = link_payload_max(courier_link(n->courier), SYNC_REPLY_LONGEST, 1);
    if (n->reply_waits) return true;
    switch (answerer_next(n->answerer, most, n->reply_topic, &n->reply, &err)) {
    case ANSWER_MESSAGE: n->reply_waits = true; break;
    case ANSWER_FAILED: journal_trouble(n, &err); break;
    case ANSWER_LATER:
    case ANSWER_IDLE: break;
    }
    return n->reply_waits;
}

/* Live items go first: an end that overtook them would tell a newcomer that they are there. */
static void answer(struct newsroom *n, int64_t now)
{
    if (!link_is_up(courier_link(n->courier))) return;
    while (courier_all_sent(n->courier) && next_reply(n)) {
        struct news_error why = {0};
        const struct message m = {.topic = n->reply_topic,
                                  .payload = n->reply.data,
                                  .payload_len = n->reply.len,
                                  .qos = 1};
        if (!courier_say(n->courier, &m, &why)) return;
        if (why.code != NEWS_OK) log_note("%s: %s", n->reply_topic, why.message);
        n->reply_waits = false;
        n->answered_ms = now;
    }
}

static void save(struct newsroom *n, int64_t now)
{
    struct news_error err = {0};
    journal_done(n->journal, courier_done_through(n->courier));
    uint64_t through = journal_head(n->journal).done_through;
    if (through == n->saved_through || now - n->saved_ms < SAVE_MS) return;
    n->saved_ms = now;
    if (!journal_save(n->journal, &err)) {
        journal_trouble(n, &err);
        return;
    }
    n->saved_through = through;
    n->failed_told = false;
}

/* Who comes only to send something stays a moment, for those who see by its status that they missed
 * something before; and until they have it. INT64_MAX: the status was not said yet. */
static int64_t leave_ms(const struct newsroom *n)
{
    int64_t linger = n->options.settings->linger_ms, most, at;
    if (n->options.beacon || linger == 0) return 0;
    most = n->leaving_ms + n->options.settings->drain_timeout_ms;
    at = presence_told_ms(n->presence);
    if (at != INT64_MAX) at += linger;
    if (n->answered_ms > 0 && at < n->answered_ms + ANSWERED_MS) at = n->answered_ms + ANSWERED_MS;
    if (answerer_pending(n->answerer) || n->reply_waits) at = INT64_MAX;
    return at < most ? at : most;
}

static void leave(struct newsroom *n, int64_t now)
{
    struct link *link = courier_link(n->courier);
    bool up = link_is_up(link), awaited = !link_was_up(link) && !n->options.beacon;
    if (!n->leaving || ((up || awaited) && now < leave_ms(n))) return;
    bool patient = now < n->leaving_ms + n->options.settings->drain_timeout_ms + GOODBYE_MS;
    if (up && !presence_leave(n->presence) && patient) return;
    n->leaving = false;
    courier_close(n->courier);
}

void newsroom_turn(struct newsroom *n)
{
    int64_t now = date_mono_ms();
    if (n->closed) return;
    take_due(n);
    if (n->options.beacon && now >= n->prune_ms) {
        n->prune_ms = now + PRUNE_MS;
        prune(n);
    }
    courier_gate(n->courier, presence_passed(n->presence, now));
    fill_courier(n);
    courier_push(n->courier);
    presence_turn(n->presence, courier_count(n->courier) > 0, now);
    answer(n, now);
    leave(n, now);
}

struct transport_wait newsroom_wait(const struct newsroom *n)
{
    struct transport_wait w = courier_wait(n->courier);
    int64_t now = date_mono_ms(), until[4];
    bool unsaved = journal_head(n->journal).done_through != n->saved_through;
    until[0] = presence_deadline(n->presence, courier_count(n->courier) > 0, now);
    until[1] = unsaved ? n->saved_ms + SAVE_MS : INT64_MAX;
    until[2] = n->held_due_ms == INT64_MAX ? INT64_MAX : now + n->held_due_ms - date_now_ms();
    until[3] = n->leaving ? leave_ms(n) : INT64_MAX;
    if (until[3] <= now) until[3] = now + RETRY_MS; /* was just tried: no extra can be said now */
    for (size_t i = 0; i < sizeof until / sizeof *until; i++)
        if (until[i] < w.deadline_mono_ms) w.deadline_mono_ms = until[i];
    if (link_is_up(courier_link(n->courier)) && answerer_pending(n->answerer) && !n->reply_waits &&
        courier_all_sent(n->courier))
        w.deadline_mono_ms = now;
    return w;
}

void newsroom_service(struct newsroom *n, short revents)
{
    courier_service(n->courier, revents);
    end_refusals(n);
    save(n, date_mono_ms());
}

void newsroom_close(struct newsroom *n)
{
    n->leaving = true;
    n->leaving_ms = date_mono_ms();
}
