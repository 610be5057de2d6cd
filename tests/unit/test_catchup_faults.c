/* A subscriber and a publisher with a real journal's tables and answers, and between them a carrier
 * that loses, delays and reorders. Time is virtual, chance comes from a seed: a failure names it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/date.h"
#include "common/hash.h"
#include "common/storage/answer.h"
#include "subscriber/catchup.h"
#include "tests/support/tmpdir.h"

enum { EPOCHS = 4, TOPICS = 6, SEQS = 512, FAULTS_MS = 25000 };

static const char *const topics[TOPICS] = {
    "news/afp/world/fr/3/sport",    "news/afp/world/fr/3/politics", "news/afp/world/en/1/sport",
    "news/afp/world/en/1/politics", "news/afp/world/de/5/sport",    "news/afp/local/fr/1/weather",
};

static const struct {
    const char *filters[3];
    size_t count;
} choices[] = {
    {{"news/#"}, 1},
    {{"news/afp/+/fr/#"}, 1},
    {{"news/+/+/fr/#", "news/+/+/en/1/sport"}, 2},
    {{"news/+/+/de/#"}, 1},
};

/* ------------------------------------------------------------------------------------- The world
 */

struct event {
    int64_t at;
    uint64_t order;
    bool to_publisher;
    char topic[TOPIC_MAX];
    char *bytes;
    size_t len;
};

enum fate { NEVER, DUE, HERE, TOLD, KILLED }; /* of a number; DUE: published after joining */

struct world {
    unsigned seed;
    uint64_t random;
    int64_t now;
    bool faulty;
    unsigned loss; /* per cent */
    int64_t delay, reorder;

    struct event *events;
    size_t event_count, event_size;
    uint64_t order;

    struct answerer *answerer;
    bool online;
    int epoch, epochs; /* the present one; how many there are */
    bool forgotten[EPOCHS], restart_told[EPOCHS];
    char epoch_name[EPOCHS][WIRE_EPOCH_SIZE];
    int64_t stream[EPOCHS][TOPICS];
    uint64_t last[EPOCHS][TOPICS], items[EPOCHS];
    int64_t status_at, idle_since;

    const char *const *filters;
    size_t filter_count;
    struct positions *positions;
    struct catchup *catchup;
    struct store *store;
    bool connected;
    unsigned requests, told;
    unsigned char fate[EPOCHS][TOPICS][SEQS], safe[EPOCHS][TOPICS][SEQS];
    bool restart_safe[EPOCHS];
    bool heard[EPOCHS]; /* of what nobody ever named, nothing can be asked */
};

static struct db *journal;

static uint64_t chance(struct world *w, uint64_t below)
{
    uint64_t z = w->random += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % below;
}

#define CHECK(w, condition)                                                                        \
    do {                                                                                           \
        if (!(condition)) fail_msg("seed %u at %d ms: %s", (w)->seed, (int)(w)->now, #condition);  \
    } while (0)

static void sql(const char *text)
{
    struct news_error err = {0};
    if (!db_exec(journal, text, &err)) fail_msg("%s: %s", text, err.message);
}

/* ----------------------------------------------------------------------------------- The carrier
 */

static void carry(struct world *w, bool to_publisher, const char *topic, const char *bytes,
                  size_t len, bool retained)
{
    if (!retained && w->faulty && chance(w, 100) < w->loss) return;
    if (w->event_count == w->event_size) {
        w->event_size = w->event_size * 2 + 64;
        w->events = realloc(w->events, w->event_size * sizeof *w->events);
        assert_non_null(w->events);
    }
    struct event *e = &w->events[w->event_count++];
    e->at = w->now + w->delay + (w->reorder ? (int64_t)chance(w, (uint64_t)w->reorder) : 0);
    e->order = w->order++;
    e->to_publisher = to_publisher;
    (void)snprintf(e->topic, sizeof e->topic, "%s", topic);
    e->bytes = malloc(len + 1);
    assert_non_null(e->bytes);
    memcpy(e->bytes, bytes, len);
    e->len = len;
}

static size_t first_event(const struct world *w)
{
    size_t first = 0;
    for (size_t i = 1; i < w->event_count; i++)
        if (w->events[i].at < w->events[first].at ||
            (w->events[i].at == w->events[first].at && w->events[i].order < w->events[first].order))
            first = i;
    return first;
}

/* --------------------------------------------------------------------------------- The publisher
 */

static bool knows_epoch(void *user, const char *publisher, const char *epoch)
{
    const struct world *w = user;
    (void)publisher;
    return strcmp(epoch, w->epoch_name[w->epoch]) == 0;
}

static void begin_epoch(struct world *w)
{
    w->epoch = w->epochs++;
    (void)snprintf(w->epoch_name[w->epoch], WIRE_EPOCH_SIZE, "19a8%011x%x", w->seed,
                   (unsigned)w->epoch);
}

/* What writes the journal. */
enum { ADD_STREAM, SET_LAST, ADD_ITEM, STATEMENTS };
static const char *const statement_text[STATEMENTS] = {
    [ADD_STREAM] = "INSERT INTO stream(publisher,epoch,topic,last)VALUES('afp',?1,?2,0)",
    [SET_LAST] = "UPDATE stream SET last=?3 WHERE id=?4",
    [ADD_ITEM] = "INSERT INTO item(bytes,reason,seq,stream,time_ms,sum)VALUES(?1,?2,?3,?4,?5,?6)",
};
static sqlite3_stmt *statements[STATEMENTS];

static int64_t write_row(int which, const char *one, const char *other, const int64_t numbers[4])
{
    struct news_error err = {0};
    sqlite3_stmt *s = statements[which];
    if (one) (void)sqlite3_bind_text(s, 1, one, -1, SQLITE_STATIC);
    if (one) (void)sqlite3_bind_text(s, 2, other, -1, SQLITE_STATIC);
    for (int i = 0; numbers && i < sqlite3_bind_parameter_count(s) - 2; i++)
        (void)sqlite3_bind_int64(s, 3 + i, numbers[i]);
    if (!db_run(journal, s, &err)) fail_msg("%s", err.message);
    return sqlite3_last_insert_rowid(db_handle(journal));
}

/* What the journal says of an item that is not to be handed out. */
static const char *pick_reason(struct world *w)
{
    static const char *const reasons[] = {"toolarge", "killed", "denied"};
    return chance(w, 40) == 0 ? reasons[chance(w, 3)] : NULL;
}

static void publish_item(struct world *w)
{
    int t = (int)chance(w, TOPICS), e = w->epoch;
    char bytes[256];
    if (w->last[e][t] + 1 >= SEQS) return;
    uint64_t seq = ++w->last[e][t];
    const char *reason = pick_reason(w);
    if (seq == 1) w->stream[e][t] = write_row(ADD_STREAM, w->epoch_name[e], topics[t], NULL);
    (void)snprintf(
        bytes, sizeof bytes,
        "{\"uri\":\"u:%d:%d\",\"altIds\":[{\"role\":\"newswire\",\"value\":\"afp:%s:%d\"}]}", t,
        (int)seq, w->epoch_name[e], (int)seq);
    int64_t numbers[] = {(int64_t)seq, w->stream[e][t], w->now,
                         (int64_t)hash_bytes(HASH_START, bytes, strlen(bytes))};
    (void)write_row(SET_LAST, NULL, NULL, numbers);
    (void)write_row(ADD_ITEM, bytes, reason, numbers);
    w->items[e]++;
    if (catchup_from_start(w->catchup, "afp", topics[t])) w->fate[e][t][seq] = DUE;
    if (reason && strcmp(reason, "killed") == 0) w->fate[e][t][seq] = KILLED;
    w->safe[e][t][seq] = w->fate[e][t][seq];
    if (!reason && w->online) carry(w, false, topics[t], bytes, strlen(bytes), false);
    w->idle_since = w->now;
    w->status_at = w->now + 2000;
}

static void publish_items(struct world *w, uint64_t count)
{
    sql("BEGIN");
    while (count-- > 0)
        publish_item(w);
    sql("COMMIT");
}

static void send_status(struct world *w, bool retained)
{
    struct sync_status s = {.online = w->online, .items = w->items[w->epoch], .since_ms = 1};
    struct buf out = {0};
    memcpy(s.epoch, w->epoch_name[w->epoch], sizeof s.epoch);
    sync_status_write(&out, &s);
    carry(w, false, SYNC_STATUS "afp", out.data, out.len, retained);
    buf_deinit(&out);
    w->status_at = w->now + (w->now - w->idle_since < 60000 ? 5000 : 60000);
}

static void take_request(struct world *w, const struct event *e)
{
    struct sync_route route;
    struct news_error err = {0};
    CHECK(w, sync_route_of_request(e->topic, &route));
    if (w->online && !answerer_take(w->answerer, &route, e->bytes, e->len, &err))
        fail_msg("seed %u: %s", w->seed, err.message);
    CHECK(w, !answerer_was_ahead(w->answerer, w->epoch_name[w->epoch]));
}

static void answer(struct world *w)
{
    char topic[TOPIC_MAX];
    struct buf payload = {0};
    struct news_error err = {0};
    enum answer_result result;
    while ((result = answerer_next(w->answerer, 4096, topic, &payload, &err)) != ANSWER_IDLE) {
        if (result == ANSWER_FAILED) fail_msg("seed %u: %s", w->seed, err.message);
        if (result == ANSWER_MESSAGE && w->online)
            carry(w, false, topic, payload.data, payload.len, false);
    }
    buf_deinit(&payload);
}

/* -------------------------------------------------------------------------------- The subscriber
 */

static bool on_publish(void *user, const char *topic, const char *payload, size_t len)
{
    struct world *w = user;
    w->requests++;
    carry(w, true, topic, payload, len, false);
    return true;
}

static int epoch_of(const struct world *w, const char *name)
{
    for (int e = 0; e < w->epochs; e++)
        if (strcmp(w->epoch_name[e], name) == 0) return e;
    return -1;
}

static int topic_of(const char *name)
{
    for (int t = 0; t < TOPICS; t++)
        if (strcmp(topics[t], name) == 0) return t;
    return -1;
}

static bool take(struct world *w, const char *topic, const struct wire_number *n)
{
    struct news_error err = {0};
    int e = epoch_of(w, n->epoch), t = topic_of(topic);
    struct position *at = positions_of(w->positions, n->publisher, n->epoch, topic);
    CHECK(w, at && e >= 0 && t >= 0);
    w->heard[e] = true;
    if (w->store) {
        CHECK(w, store_begin(w->store, &err));
        if (!at->based && at->store_id == 0) CHECK(w, store_load_position(w->store, at, &err));
    }
    if (!at->based && catchup_from_start(w->catchup, n->publisher, topic)) position_base(at, 0);
    bool is_new = position_look(at, n->seq) == POSITION_NEW;
    if (is_new) {
        CHECK(w, position_add(at, n->seq, n->seq, w->now));
        if (w->fate[e][t][n->seq] != KILLED) w->fate[e][t][n->seq] = HERE;
    }
    catchup_item(w->catchup, n, at, is_new, w->now);
    return true;
}

static bool on_item(void *user, const char *topic, const struct ninjs *item,
                    const struct wire_number *number, struct news_error *err)
{
    (void)item;
    (void)err;
    return take(user, topic, number);
}

static void on_gone(void *user, enum catchup_gone what, const char *publisher, const char *epoch,
                    const char *topic, uint64_t first, uint64_t last, const char *reason)
{
    struct world *w = user;
    int e = epoch_of(w, epoch);
    (void)publisher;
    CHECK(w, e >= 0);
    if (what == CATCHUP_RESTART) {
        CHECK(w, w->forgotten[e]);
        CHECK(w, !w->restart_told[e]);
        w->restart_told[e] = true;
        return;
    }
    CHECK(w, strcmp(reason, "killed") != 0);
    for (uint64_t seq = first; seq <= last; seq++) {
        unsigned char *fate = &w->fate[e][topic_of(topic)][seq];
        CHECK(w, *fate != HERE && *fate != TOLD);
        if (*fate != KILLED) *fate = TOLD;
        w->told++;
    }
}

static void on_remark(void *user, const char *publisher, const char *remark)
{
    struct world *w = user;
    fail_msg("seed %u at %d ms: %s: %s", w->seed, (int)w->now, publisher, remark);
}

static void on_presence(void *user, const char *publisher, bool online)
{
    (void)user;
    (void)publisher;
    (void)online;
}

static void connect(struct world *w)
{
    if (w->connected) return;
    w->connected = true;
    catchup_up(w->catchup, w->now);
    send_status(w, true);
}

static void disconnect(struct world *w)
{
    if (!w->connected) return;
    w->connected = false;
    catchup_down(w->catchup);
    for (size_t i = 0; i < w->event_count;) {
        if (w->events[i].to_publisher) {
            i++;
            continue;
        }
        free(w->events[i].bytes);
        w->events[i] = w->events[--w->event_count];
    }
}

static void start_subscriber(struct world *w)
{
    struct news_error err = {0};
    struct catchup_options o = {.client_id = "reader",
                                .root = "news",
                                .filters = w->filters,
                                .filter_count = w->filter_count,
                                .last = w->seed % 3 * 5,
                                .since_ms = w->seed % 5 == 4 ? 10000 : DATE_UNKNOWN,
                                .limit = 20,
                                .jitter_first_ms = 200,
                                .jitter_again_ms = 2000,
                                .seed = w->seed};
    const struct catchup_events events = {.user = w,
                                          .publish = on_publish,
                                          .on_item = on_item,
                                          .on_gone = on_gone,
                                          .on_remark = on_remark,
                                          .on_presence = on_presence};
    w->positions = positions_new(&err);
    w->catchup = catchup_new(&o, &events, w->positions, w->store, &err);
    if (!w->catchup) fail_msg("%s", err.message);
}

static void end_subscriber(struct world *w)
{
    catchup_free(w->catchup);
    positions_free(w->positions);
}

static void commit(struct world *w)
{
    struct news_error err = {0};
    if (!w->store || !store_dirty(w->store)) return;
    CHECK(w, store_commit(w->store, w->positions, &err));
    memcpy(w->safe, w->fate, sizeof w->safe);
    memcpy(w->restart_safe, w->restart_told, sizeof w->restart_safe);
}

/* Who had joined only in the lost transaction is a newcomer again. */
static void forget_what_is_not_due(struct world *w)
{
    for (int e = 0; e < w->epochs; e++)
        for (int t = 0; t < TOPICS; t++)
            for (int seq = 0; seq < SEQS && !catchup_from_start(w->catchup, "afp", topics[t]);
                 seq++)
                if (w->fate[e][t][seq] == DUE) w->fate[e][t][seq] = NEVER;
}

/* Killed: what was not committed never came. */
static void crash(struct world *w)
{
    disconnect(w);
    end_subscriber(w);
    store_rollback(w->store);
    memcpy(w->fate, w->safe, sizeof w->fate);
    memcpy(w->restart_told, w->restart_safe, sizeof w->restart_told);
    for (int e = 0; e < w->epochs; e++) /* an epoch without streams is kept in memory alone */
        w->heard[e] = memchr(w->safe[e], HERE, sizeof w->safe[e]) != NULL;
    start_subscriber(w);
    forget_what_is_not_due(w);
    connect(w);
}

/* ----------------------------------------------------------------------------------- What happens
 */

static bool take_status(struct world *w, const struct event *e, struct news_error *err)
{
    struct sync_status s;
    CHECK(w, sync_status_parse(e->bytes, e->len, &s, err));
    w->heard[epoch_of(w, s.epoch)] = true;
    return catchup_status(w->catchup, e->topic, e->bytes, e->len, w->now, err);
}

static void arrive(struct world *w)
{
    size_t i = first_event(w);
    struct event e = w->events[i];
    struct news_error err = {0};
    struct ninjs item;
    struct ninjs_fault fault;
    struct wire_number n;
    bool ok = true;
    w->events[i] = w->events[--w->event_count];
    if (e.to_publisher) take_request(w, &e);
    else if (!w->connected) ok = true;
    else if (strncmp(e.topic, SYNC_STATUS, strlen(SYNC_STATUS)) == 0) ok = take_status(w, &e, &err);
    else if (strncmp(e.topic, SYNC_REPLY, strlen(SYNC_REPLY)) == 0)
        ok = catchup_reply(w->catchup, e.topic, e.bytes, e.len, w->now, &err);
    else if (ninjs_check(e.bytes, e.len, &item, &fault) && wire_number_of(&item, &n)) {
        for (size_t f = 0; f < w->filter_count; f++)
            if (topic_matches(w->filters[f], e.topic)) {
                ok = take(w, e.topic, &n);
                break;
            }
    }
    if (!ok) fail_msg("seed %u: %s", w->seed, err.message);
    free(e.bytes);
}

/* Until then, with everything that falls due on the way at its time. */
static void pass(struct world *w, int64_t then)
{
    struct news_error err = {0};
    for (;;) {
        if (!catchup_turn(w->catchup, w->now, &err)) fail_msg("seed %u: %s", w->seed, err.message);
        answer(w);
        int64_t next = catchup_deadline(w->catchup);
        if (w->online && w->status_at < next) next = w->status_at;
        if (w->event_count && w->events[first_event(w)].at < next)
            next = w->events[first_event(w)].at;
        if (next > then) break;
        if (next > w->now) w->now = next;
        if (w->event_count && w->events[first_event(w)].at <= w->now) arrive(w);
        else if (w->online && w->status_at <= w->now) send_status(w, false);
    }
    w->now = then;
}

static void set_online(struct world *w, bool online)
{
    if (w->online == online) return;
    w->online = online;
    send_status(w, false);
}

static void prune(struct world *w)
{
    char text[160];
    (void)snprintf(text, sizeof text,
                   "DELETE FROM item WHERE time_ms<%d AND stream IN (SELECT id FROM stream WHERE"
                   " epoch LIKE '19a8%011x%%')",
                   (int)(w->now - 15000), w->seed);
    sql(text);
}

/* The publisher loses its journal, or begins a new epoch and keeps the old one. */
static void renew(struct world *w, bool forget)
{
    char text[160];
    if (w->epochs == EPOCHS) return;
    if (forget) {
        (void)snprintf(text, sizeof text,
                       "DELETE FROM item WHERE stream IN (SELECT id FROM stream WHERE epoch='%s')",
                       w->epoch_name[w->epoch]);
        sql(text);
        (void)snprintf(text, sizeof text, "DELETE FROM stream WHERE epoch='%s'",
                       w->epoch_name[w->epoch]);
        sql(text);
        w->forgotten[w->epoch] = true;
    }
    begin_epoch(w);
    send_status(w, false);
}

static void one_fault(struct world *w)
{
    switch (chance(w, 14)) {
    case 0: disconnect(w); break;
    case 1:
    case 2: connect(w); break;
    case 3: set_online(w, false); break;
    case 4:
    case 5: set_online(w, true); break;
    case 6: prune(w); break;
    case 7:
        if (chance(w, 4) == 0) renew(w, chance(w, 2) == 0);
        break;
    case 8:
        if (w->store && chance(w, 2) == 0) crash(w);
        break;
    default: break;
    }
}

/* Faults, while items are published in bursts. */
static void trouble(struct world *w)
{
    w->faulty = true;
    while (w->now < FAULTS_MS) {
        pass(w, w->now + 1 + (int64_t)chance(w, 500));
        publish_items(w, chance(w, 8));
        if (chance(w, 3) == 0) commit(w);
        if (chance(w, 2) == 0) one_fault(w);
    }
    w->faulty = false;
    set_online(w, true);
    connect(w);
    send_status(w, false);
}

static void check_complete(struct world *w)
{
    struct catchup_totals totals = catchup_totals(w->catchup);
    CHECK(w, totals.outstanding == 0 && totals.wanted == 0 && totals.online == 1);
    for (int e = 0; e < w->epochs; e++)
        for (int t = 0; t < TOPICS; t++) {
            bool wanted = false;
            for (size_t f = 0; f < w->filter_count; f++)
                wanted |= topic_matches(w->filters[f], topics[t]);
            if (!wanted) continue;
            struct position *at = positions_of(w->positions, "afp", w->epoch_name[e], topics[t]);
            if (e == w->epoch && w->last[e][t] > 0)
                CHECK(w, at->based && at->through == w->last[e][t] && !position_has_hole(at));
            for (uint64_t seq = 1; seq <= w->last[e][t] && w->heard[e] && !w->forgotten[e]; seq++)
                CHECK(w, w->fate[e][t][seq] != DUE);
        }
}

static void run(unsigned seed, struct store *store)
{
    struct world *w = calloc(1, sizeof *w);
    struct news_error err = {0};
    size_t choice = seed % (sizeof choices / sizeof *choices);
    assert_non_null(w);
    w->seed = seed;
    w->random = seed;
    w->store = store;
    w->filters = choices[choice].filters;
    w->filter_count = choices[choice].count;
    w->loss = (unsigned)chance(w, 40);
    w->delay = 1 + (int64_t)chance(w, 40);
    w->reorder = chance(w, 2) ? 0 : 1 + (int64_t)chance(w, 100);
    w->online = true;
    w->answerer = answerer_new(journal, false, &err);
    if (!w->answerer) fail_msg("%s", err.message);
    answerer_on_epoch(w->answerer, knows_epoch, w);
    begin_epoch(w);
    start_subscriber(w);
    publish_items(w, 30);
    connect(w);
    trouble(w);
    CHECK(w, w->requests < 100);
    pass(w, w->now + 600000); /* the longest wait */
    commit(w);
    check_complete(w);
    unsigned before = w->requests;
    pass(w, w->now + 3600000);
    CHECK(w, w->requests == before); /* nothing moves: nobody asks */
    publish_items(w, 5);
    pass(w, w->now + 70000); /* and it still works */
    commit(w);
    check_complete(w);
    end_subscriber(w);
    answerer_free(w->answerer);
    for (size_t i = 0; i < w->event_count; i++)
        free(w->events[i].bytes);
    free(w->events);
    free(w);
}

/* --------------------------------------------------------------------------------------- Tests */

static struct tmpdir dir;

static int open_journal(void **state)
{
    static const char *const steps[] = {
        "CREATE TABLE meta(name TEXT PRIMARY KEY,value);"
        "CREATE TABLE stream(id INTEGER PRIMARY KEY,publisher TEXT,epoch TEXT,topic TEXT,"
        "last INTEGER);CREATE INDEX stream_of ON stream(publisher,epoch,topic);"
        "CREATE TABLE item(id INTEGER PRIMARY KEY,stream INTEGER,seq INTEGER,time_ms INTEGER,"
        "sum INTEGER,reason TEXT,bytes BLOB);CREATE INDEX item_of ON item(stream,seq);",
        NULL};
    static const struct db_kind kind = {.what = "journal", .application_id = 77, .steps = steps};
    const struct db_options o = {.mode = DB_OWN, .owner = "test"};
    struct news_error err = {0};
    char path[256];
    (void)state;
    if (!tmpdir_make(&dir)) return -1;
    (void)snprintf(path, sizeof path, "%s/journal", dir.path);
    journal = db_open(path, &kind, &o, &err);
    if (!journal) fail_msg("%s", err.message);
    sql("PRAGMA synchronous=OFF");
    for (int i = 0; i < STATEMENTS; i++)
        if (!(statements[i] = db_prepare(journal, statement_text[i], &err)))
            fail_msg("%s", err.message);
    return 0;
}

static int close_journal(void **state)
{
    (void)state;
    for (int i = 0; i < STATEMENTS; i++)
        (void)sqlite3_finalize(statements[i]);
    db_close(journal);
    tmpdir_remove(&dir);
    return 0;
}

static void after_all_faults_everything_is_here_or_told(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 500; seed++)
        run(seed, NULL);
}

static void the_same_with_a_store_and_crashes(void **state)
{
    (void)state;
    for (unsigned seed = 1001; seed <= 1100; seed++) {
        const struct db_options o = {.mode = DB_OWN, .owner = "test"};
        struct news_error err = {0};
        char path[256];
        (void)snprintf(path, sizeof path, "%s/store-%u", dir.path, seed);
        struct store *store = store_open(path, &o, &err);
        if (!store) fail_msg("%s", err.message);
        if (!db_exec(store_db(store), "PRAGMA synchronous=OFF", &err)) fail_msg("%s", err.message);
        run(seed, store);
        store_close(store);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_all_faults_everything_is_here_or_told),
        cmocka_unit_test(the_same_with_a_store_and_crashes),
    };
    return cmocka_run_group_tests(tests, open_journal, close_journal);
}
