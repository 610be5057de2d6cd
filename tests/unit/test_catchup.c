#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/date.h"
#include "subscriber/catchup.h"
#include "tests/support/tmpdir.h"

#define EPOCH_1 "19a8c1f2e7b03d41"
#define EPOCH_2 "19a8c1f2e7b03d42"
#define EPOCH_3 "19a8c1f2e7b03d43"
#define A       "news/afp/world/fr/3/sport"
#define B       "news/afp/world/fr/3/politics"
#define START   INT64_C(1000000)

/* A subscriber whose every message, answer and clock tick is written by the test. */
struct reader {
    int64_t now;
    struct positions *positions;
    struct store *store;
    struct catchup *catchup;
    bool refuse; /* to publish */

    char topic[TOPIC_MAX]; /* of the last request */
    struct sync_request request;
    int64_t asked_at;
    unsigned requests;
    unsigned items;      /* taken from answers */
    struct buf gone;     /* "A 3-4 pruned;" */
    struct buf remarks;  /* "publisher: text;" */
    struct buf presence; /* "afp on;" */
};

static bool on_publish(void *user, const char *topic, const char *payload, size_t len)
{
    struct reader *r = user;
    struct news_error err = {0};
    if (r->refuse) return false;
    sync_request_deinit(&r->request);
    if (!sync_request_parse(payload, len, &r->request, &err)) fail_msg("%s", err.message);
    (void)snprintf(r->topic, sizeof r->topic, "%s", topic);
    r->asked_at = r->now;
    r->requests++;
    return true;
}

/* As a program does with a number that came. */
static bool take(struct reader *r, const char *topic, const struct wire_number *n)
{
    struct position *at = positions_of(r->positions, n->publisher, n->epoch, topic);
    struct news_error err = {0};
    assert_non_null(at);
    if (!at->based && r->store && at->store_id == 0)
        assert_true(store_load_position(r->store, at, &err));
    if (!at->based && catchup_from_start(r->catchup, n->publisher, topic)) position_base(at, 0);
    enum position_answer known = position_look(at, n->seq);
    if (known == POSITION_ABSURD) return true;
    if (known == POSITION_NEW) {
        if (r->store) assert_true(store_begin(r->store, &err));
        assert_true(position_add(at, n->seq, n->seq, r->now));
    }
    catchup_item(r->catchup, n, at, known == POSITION_NEW, r->now);
    return true;
}

static bool on_item(void *user, const char *topic, const struct ninjs *item,
                    const struct wire_number *number, struct news_error *err)
{
    struct reader *r = user;
    (void)err;
    assert_non_null(item->member[NINJS_URI].at);
    r->items++;
    return take(r, topic, number);
}

static void on_gone(void *user, enum catchup_gone what, const char *publisher, const char *epoch,
                    const char *topic, uint64_t first, uint64_t last, const char *reason)
{
    struct reader *r = user;
    assert_string_equal(publisher, "afp");
    if (what == CATCHUP_RESTART) buf_printf(&r->gone, "restart %s;", epoch);
    else
        buf_printf(&r->gone, "%s %d-%d %s;", strrchr(topic, '/') + 1, (int)first, (int)last,
                   reason);
}

static void on_remark(void *user, const char *publisher, const char *remark)
{
    struct reader *r = user;
    buf_printf(&r->remarks, "%s: %s;", publisher, remark);
}

static void on_presence(void *user, const char *publisher, bool online)
{
    struct reader *r = user;
    buf_printf(&r->presence, "%s %s;", publisher, online ? "on" : "off");
}

static const struct catchup_options defaults = {
    .client_id = "reader-1",
    .root = "news",
    .filters = (const char *const[]){"news/#"},
    .filter_count = 1,
    .last = 10,
    .since_ms = DATE_UNKNOWN,
    .limit = 4,
    .seed = 7,
};

static void start(struct reader *r, const struct catchup_options *o)
{
    struct news_error err = {0};
    const struct catchup_events events = {.user = r,
                                          .publish = on_publish,
                                          .on_item = on_item,
                                          .on_gone = on_gone,
                                          .on_remark = on_remark,
                                          .on_presence = on_presence};
    r->now = START;
    r->positions = positions_new(&err);
    r->catchup = catchup_new(o, &events, r->positions, r->store, &err);
    if (!r->catchup) fail_msg("%s", err.message);
    catchup_up(r->catchup, r->now);
}

static void end(struct reader *r)
{
    catchup_free(r->catchup);
    positions_free(r->positions);
    sync_request_deinit(&r->request);
    buf_deinit(&r->gone);
    buf_deinit(&r->remarks);
    buf_deinit(&r->presence);
}

static const char *text(const struct buf *b)
{
    return b->len ? b->data : "";
}

/* Time goes on to then; whatever falls due on the way is done at its time. */
static void pass(struct reader *r, int64_t then)
{
    struct news_error err = {0};
    for (int turns = 0;; turns++) {
        if (turns > 100000) fail_msg("it turns without end");
        if (!catchup_turn(r->catchup, r->now, &err)) fail_msg("%s", err.message);
        int64_t next = catchup_deadline(r->catchup);
        if (next > then) break;
        if (next > r->now) r->now = next;
    }
    r->now = then;
    if (!catchup_turn(r->catchup, r->now, &err)) fail_msg("%s", err.message);
}

static void pass_by(struct reader *r, int64_t ms)
{
    pass(r, r->now + ms);
}

static void status_of(struct reader *r, const char *publisher, bool online, const char *epoch,
                      uint64_t items)
{
    struct sync_status s = {.online = online, .items = items, .streams = 2, .since_ms = 1};
    struct buf out = {0};
    struct news_error err = {0};
    char topic[TOPIC_MAX];
    (void)snprintf(s.epoch, sizeof s.epoch, "%s", epoch);
    (void)snprintf(topic, sizeof topic, SYNC_STATUS "%s", publisher);
    sync_status_write(&out, &s);
    assert_true(catchup_status(r->catchup, topic, out.data, out.len, r->now, &err));
    buf_deinit(&out);
    pass_by(r, 0);
}

static void status(struct reader *r, uint64_t items)
{
    status_of(r, "afp", true, EPOCH_1, items);
}

static void live_in(struct reader *r, const char *epoch, const char *topic, uint64_t seq)
{
    struct wire_number n = {.publisher = "afp", .seq = seq};
    (void)snprintf(n.epoch, sizeof n.epoch, "%s", epoch);
    (void)take(r, topic, &n);
    pass_by(r, 0);
}

static void live(struct reader *r, const char *topic, uint64_t seq)
{
    live_in(r, EPOCH_1, topic, seq);
}

static void reply_as(struct reader *r, const char *publisher, const char *payload)
{
    char topic[TOPIC_MAX];
    struct news_error err = {0};
    (void)snprintf(topic, sizeof topic, SYNC_REPLY "reader-1/%s", publisher);
    if (!catchup_reply(r->catchup, topic, payload, strlen(payload), r->now, &err))
        fail_msg("%s", err.message);
    pass_by(r, 0);
}

/* An end to the last request: through and missing are JSON, rest more members. */
static void end_with_id(struct reader *r, const char *id, const char *through, const char *missing,
                        const char *rest)
{
    struct buf b = {0};
    buf_printf(&b, "{\"v\":1,\"id\":\"%s\",\"through\":{%s},\"missing\":[%s],\"more\":%s}", id,
               through, missing, rest);
    reply_as(r, "afp", b.data);
    buf_deinit(&b);
}

static void answer_end(struct reader *r, const char *through, const char *missing, const char *rest)
{
    end_with_id(r, r->request.id, through, missing, rest);
}

static void put_item(struct buf *b, const char *publisher, const char *epoch, const char *topic,
                     uint64_t seq)
{
    struct buf item = {0};
    buf_printf(&item,
               "{\"uri\":\"u:%s:%d\",\"altIds\":[{\"role\":\"newswire\",\"value\":\"%s:%s:%d\"}]}",
               topic, (int)seq, publisher, epoch, (int)seq);
    sync_batch_add(b, topic, item.data, item.len);
    buf_deinit(&item);
}

/* A batch of the numbers first..last of topic. */
static void answer_items(struct reader *r, const char *topic, uint64_t first, uint64_t last)
{
    struct buf b = {0};
    sync_batch_open(&b, r->request.id);
    for (uint64_t seq = first; seq <= last; seq++)
        put_item(&b, "afp", r->request.epoch, topic, seq);
    sync_batch_close(&b);
    reply_as(r, "afp", b.data);
    buf_deinit(&b);
}

static uint64_t through(struct reader *r, const char *topic)
{
    struct position *at = positions_of(r->positions, "afp", EPOCH_1, topic);
    assert_true(at->based);
    return at->through;
}

/* A reader that has joined and has A up to 10, B up to 5, and a status of 15 items. */
static void start_joined(struct reader *r, const struct catchup_options *o)
{
    start(r, o);
    status(r, 15);
    assert_int_equal(r->requests, 1);
    answer_end(r, "\"" A "\":10,\"" B "\":5", "", "false");
    assert_int_equal(through(r, A), 10);
    assert_int_equal(r->requests, 1);
}

static uint64_t claimed(const struct reader *r, const char *topic)
{
    for (size_t i = 0; i < r->request.have_count; i++)
        if (strcmp(r->request.have[i].topic, topic) == 0) return r->request.have[i].seq;
    fail_msg("%s is not in the request", topic);
    return 0;
}

/* ---------------------------------------------------------------------------------- Newcomers */

static void a_newcomer_asks_for_the_last_items_of_the_present_epoch(void **state)
{
    (void)state;
    struct reader r = {0};
    start(&r, &defaults);
    pass_by(&r, 5000);
    assert_int_equal(r.requests, 0); /* nobody is known */
    status(&r, 15);
    assert_int_equal(r.requests, 1);
    assert_string_equal(r.topic, SYNC_REQUEST "afp/reader-1");
    assert_int_equal(r.request.from, SYNC_LAST);
    assert_int_equal(r.request.last, 10);
    assert_int_equal(r.request.limit, 4);
    assert_string_equal(r.request.epoch, EPOCH_1);
    assert_int_equal(r.request.filter_count, 1);
    assert_string_equal(r.request.filters[0], "news/#");
    assert_false(catchup_from_start(r.catchup, "afp", A));
    answer_items(&r, A, 7, 10);
    answer_end(&r, "\"" A "\":10,\"" B "\":0", "", "true");
    assert_int_equal(r.items, 4);
    assert_int_equal(through(&r, A), 10);
    assert_int_equal(r.requests, 2); /* for more, at once */
    assert_int_equal(r.request.from, SYNC_HAVE);
    assert_int_equal(claimed(&r, A), 10);
    assert_int_equal(claimed(&r, B), 0);
    assert_true(catchup_from_start(r.catchup, "afp", A));
    assert_true(catchup_from_start(r.catchup, "afp", "news/afp/new/fr/1/sport"));
    answer_items(&r, B, 1, 3);
    answer_end(&r, "\"" B "\":3", "", "false");
    assert_int_equal(through(&r, B), 3);
    pass_by(&r, 100000);
    assert_int_equal(r.requests, 2);
    assert_string_equal(text(&r.remarks), "");
    end(&r);
}

static void a_newcomer_may_ask_from_now_on_or_since_a_time(void **state)
{
    (void)state;
    struct reader r = {0};
    struct catchup_options o = defaults;
    o.last = 0;
    start(&r, &o);
    status(&r, 15);
    assert_int_equal(r.request.from, SYNC_LAST);
    assert_int_equal(r.request.last, 0);
    end(&r);
    struct reader s = {0};
    o.since_ms = 1700000000000;
    start(&s, &o);
    status(&s, 15);
    assert_int_equal(s.request.from, SYNC_SINCE);
    assert_int_equal(s.request.since_ms, 1700000000000);
    end(&s);
}

static void streams_of_a_newcomer_have_no_holes_until_it_has_joined(void **state)
{
    (void)state;
    struct reader r = {0};
    start(&r, &defaults);
    status(&r, 15);
    live(&r, A, 11);
    live(&r, A, 13);
    live(&r, B, 1); /* a stream younger than the answer */
    live_in(&r, EPOCH_2, A, 500);
    pass_by(&r, 1000);
    assert_int_equal(r.requests, 1);
    assert_int_equal(catchup_totals(r.catchup).holes, 0);
    answer_end(&r, "\"" A "\":10", "", "false");
    assert_int_equal(through(&r, A), 11);
    assert_int_equal(through(&r, B), 1);
    assert_int_equal(positions_of(r.positions, "afp", EPOCH_2, A)->through, 500);
    pass_by(&r, 300); /* 12 does not come */
    assert_int_equal(r.requests, 2);
    assert_int_equal(claimed(&r, A), 11);
    end(&r);
}

static void a_filter_that_is_new_is_joined_beside_the_others(void **state)
{
    (void)state;
    struct tmpdir dir;
    struct news_error err = {0};
    char path[256];
    const struct db_options db = {.mode = DB_OWN, .owner = "test"};
    struct reader r = {0}, s = {0};
    struct catchup_options o = defaults;
    assert_true(tmpdir_make(&dir));
    (void)snprintf(path, sizeof path, "%s/store", dir.path);
    r.store = s.store = store_open(path, &db, &err);
    assert_non_null(r.store);
    o.filters = (const char *const[]){"news/+/+/+/+/sport"};
    start(&r, &o);
    status(&r, 15);
    answer_end(&r, "\"" A "\":10", "", "false");
    assert_true(store_dirty(r.store));
    assert_true(store_commit(r.store, r.positions, &err));
    end(&r);

    o.filters = (const char *const[]){"news/+/+/+/+/sport", "news/+/+/+/+/politics"};
    o.filter_count = 2;
    start(&s, &o);
    status(&s, 20);
    assert_int_equal(s.request.from, SYNC_LAST);
    assert_int_equal(s.request.filter_count, 1);
    assert_string_equal(s.request.filters[0], "news/+/+/+/+/politics");
    assert_true(catchup_from_start(s.catchup, "afp", A));
    assert_false(catchup_from_start(s.catchup, "afp", B));
    answer_end(&s, "\"" B "\":5", "", "false");
    assert_int_equal(s.requests, 2);
    assert_int_equal(s.request.from, SYNC_HAVE);
    assert_int_equal(s.request.filter_count, 2);
    assert_int_equal(claimed(&s, A), 10); /* of the store */
    assert_int_equal(claimed(&s, B), 5);
    assert_true(store_commit(s.store, s.positions, &err));
    end(&s);
    store_close(s.store);
    tmpdir_remove(&dir);
}

static void publishers_that_no_filter_can_match_are_ignored(void **state)
{
    (void)state;
    struct reader r = {0};
    struct catchup_options o = defaults;
    o.filters = (const char *const[]){"news/reuters/#", "$share/g/news/#", "other/afp/#"};
    o.filter_count = 3;
    start(&r, &o);
    status(&r, 15);
    pass_by(&r, 20000);
    assert_int_equal(r.requests, 0);
    assert_int_equal(catchup_totals(r.catchup).publishers, 0);
    status_of(&r, "reuters", true, EPOCH_1, 3);
    assert_int_equal(r.requests, 1);
    assert_int_equal(r.request.filter_count, 1);
    end(&r);
}

static void the_number_of_publishers_is_bounded(void **state)
{
    (void)state;
    struct reader r = {0};
    char name[TOPIC_SLUG_MAX + 1];
    start(&r, &defaults);
    for (int i = 0; i < CATCHUP_PUBLISHERS_MAX + 5; i++) {
        (void)snprintf(name, sizeof name, "p%d", i);
        status_of(&r, name, true, EPOCH_1, 1);
    }
    assert_int_equal(catchup_totals(r.catchup).publishers, CATCHUP_PUBLISHERS_MAX);
    assert_int_equal(catchup_totals(r.catchup).online, CATCHUP_PUBLISHERS_MAX);
    assert_string_equal(text(&r.remarks), "p10000: too many publishers: what this and further ones "
                                          "lose goes unseen;");
    end(&r);
}

/* -------------------------------------------------------------------------------------- Holes */

static void a_hole_is_asked_for_when_it_is_older_than_200_ms(void **state)
{
    (void)state;
    struct reader r = {0};
    start_joined(&r, &defaults);
    live(&r, A, 12);
    pass_by(&r, 199);
    assert_int_equal(r.requests, 1);
    pass_by(&r, 1);
    assert_int_equal(r.requests, 2);
    assert_int_equal(claimed(&r, A), 10);
    answer_items(&r, A, 11, 12);
    answer_end(&r, "\"" A "\":12", "", "false");
    assert_int_equal(through(&r, A), 12);
    pass_by(&r, 1000000);
    assert_int_equal(r.requests, 2);
    end(&r);
}

static void items_that_overtake_each_other_are_not_asked_for(void **state)
{
    (void)state;
    struct reader r = {0};
    start_joined(&r, &defaults);
    for (uint64_t seq = 11; seq < 200; seq += 2) {
        live(&r, A, seq + 1);
        pass_by(&r, 150);
        live(&r, A, seq);
        pass_by(&r, 20);
    }
    assert_int_equal(r.requests, 1);
    end(&r);
}

static void a_lost_tail_is_asked_for_when_the_status_has_moved(void **state)
{
    (void)state;
    struct reader r = {0};
    start_joined(&r, &defaults);
    live(&r, A, 11);
    status(&r, 16); /* all came */
    pass_by(&r, 5000);
    assert_int_equal(r.requests, 1);
    status(&r, 17); /* one is on its way */
    pass_by(&r, 200);
    live(&r, A, 12);
    pass_by(&r, 5000);
    assert_int_equal(r.requests, 1);
    status(&r, 18);
    pass_by(&r, 299);
    assert_int_equal(r.requests, 1);
    pass_by(&r, 301);
    assert_int_equal(r.requests, 2);
    answer_items(&r, B, 6, 6);
    answer_end(&r, "\"" B "\":6", "", "false");
    status(&r, 18);
    pass_by(&r, 100000);
    assert_int_equal(r.requests, 2);
    end(&r);
}

static void a_stream_of_which_nothing_came_is_a_hole(void **state)
{
    (void)state;
    struct reader r = {0};
    start_joined(&r, &defaults);
    status(&r, 17);
    pass_by(&r, 600);
    answer_end(&r, "\"news/afp/new/fr/1/sport\":2", "", "false"); /* its items were lost */
    assert_int_equal(r.requests, 2);
    pass_by(&r, 300);
    assert_int_equal(r.requests, 3);
    assert_int_equal(claimed(&r, "news/afp/new/fr/1/sport"), 0);
    end(&r);
}

static void what_an_end_named_may_still_be_on_its_way(void **state)
{
    (void)state;
    struct reader r = {0};
    start_joined(&r, &defaults);
    live(&r, A, 12);
    pass_by(&r, 200);
    assert_int_equal(r.requests, 2);
    answer_items(&r, A, 11, 11);
    answer_end(&r, "\"" A "\":14", "", "false");
    pass_by(&r, 100);
    live(&r, A, 13);
    live(&r, A, 14);
    pass_by(&r, 100000);
    assert_int_equal(r.requests, 2);
    end(&r);
}

static void a_batch_may_come_behind_its_end(void **state)
{
    (void)state;
    struct reader r = {0};
    start_joined(&r, &defaults);
    live(&r, A, 12);
    pass_by(&r, 200);
    answer_end(&r, "\"" A "\":14", "", "false");
    answer_items(&r, A, 11, 11);
    answer_items(&r, A, 13, 14);
    answer_end(&r, "\"" A "\":20", "", "false"); /* of somebody else */
    pass_by(&r, 100000);
    assert_int_equal(r.requests, 2);
    assert_int_equal(through(&r, A), 14);
    end(&r);
}

static void answers_that_bring_nothing_make_it_wait_longer_and_longer(void **state)
{
    (void)state;
    struct reader r = {0};
    int64_t last = 0, waits[16];
    start_joined(&r, &defaults);
    live(&r, A, 12);
    pass_by(&r, 200);
    for (int i = 0; i < 16; i++) {
        unsigned before = r.requests;
        last = r.now;
        answer_end(&r, "\"" A "\":12", "", "false");
        while (r.requests == before)
            pass_by(&r, 100);
        waits[i] = r.now - last;
    }
    assert_int_equal(waits[0], 300);
    assert_int_equal(waits[1], 1000);
    assert_int_equal(waits[2], 2000);
    assert_int_equal(waits[15], 600000);
    answer_items(&r, A, 11, 11); /* it comes after all */
    answer_end(&r, "\"" A "\":12", "", "false");
    pass_by(&r, 1000000);
    assert_int_equal(through(&r, A), 12);
    assert_int_equal(r.requests, 18);
    end(&r);
}

static void more_without_anything_new_is_no_endless_loop(void **state)
{
    (void)state;
    struct reader r = {0};
    start_joined(&r, &defaults);
    live(&r, A, 12);
    pass_by(&r, 200);
    for (int64_t until = r.now + 60000; r.now < until; pass_by(&r, 10))
        answer_end(&r, "\"" A "\":12", "", "true");
    assert_in_range(r.requests, 5, 10);
    end(&r);
}

/* ---------------------------------------------------------------------------- What is missing */

static void what_is_gone_is_told_once_and_never_asked_for_again(void **state)
{
    (void)state;
    struct reader r = {0};
    start_joined(&r, &defaults);
    live(&r, A, 15);
    live(&r, A, 17);
    pass_by(&r, 200);
    answer_items(&r, A, 18, 18);
    answer_end(&r, "\"" A "\":20,\"" B "\":7",
               "[\"" A "\",11,16,\"pruned\"],[\"" A "\",19,20,\"toolarge\"],[\"" B
               "\",6,6,\"denied\"],[\"" B "\",7,7,\"killed\"]",
               "false");
    assert_string_equal(text(&r.gone), "sport 11-14 pruned;sport 16-16 pruned;"
                                       "sport 19-20 toolarge;politics 6-6 denied;");
    assert_int_equal(through(&r, A), 20);
    assert_int_equal(through(&r, B), 7);
    pass_by(&r, 1000000);
    assert_int_equal(r.requests, 2);
    end(&r);
}

static void a_store_remembers_what_was_told(void **state)
{
    (void)state;
    struct tmpdir dir;
    struct news_error err = {0};
    char path[256];
    const struct db_options db = {.mode = DB_OWN, .owner = "test"};
    struct reader r = {0}, s = {0};
    assert_true(tmpdir_make(&dir));
    (void)snprintf(path, sizeof path, "%s/store", dir.path);
    r.store = s.store = store_open(path, &db, &err);
    assert_non_null(r.store);
    start_joined(&r, &defaults);
    assert_true(store_commit(r.store, r.positions, &err));
    live(&r, A, 12);
    pass_by(&r, 200);
    answer_end(&r, "\"" A "\":12", "[\"" A "\",11,11,\"pruned\"]", "false");
    assert_string_equal(text(&r.gone), "sport 11-11 pruned;");
    assert_true(store_commit(r.store, r.positions, &err));
    end(&r);
    start(&s, &defaults);
    status(&s, 17);
    assert_int_equal(s.request.from, SYNC_HAVE);
    assert_int_equal(claimed(&s, A), 12);
    answer_end(&s, "", "", "false");
    assert_string_equal(text(&s.gone), "");
    end(&s);
    store_close(s.store);
    tmpdir_remove(&dir);
}

/* An archive does not know what the publisher has. */
static void an_archive_closes_only_what_was_killed(void **state)
{
    (void)state;
    struct reader r = {0};
    start_joined(&r, &defaults);
    live(&r, A, 14);
    pass_by(&r, 200);
    answer_end(&r, "\"" A "\":14", "[\"" A "\",11,11,\"killed\"],[\"" A "\",12,12,\"pruned\"]",
               "false,\"archive\":true");
    assert_int_equal(through(&r, A), 11);
    assert_string_equal(text(&r.gone), "");
    pass_by(&r, 2000);
    assert_true(r.requests > 2);
    answer_end(&r, "\"" A "\":9", "", "false,\"archive\":true"); /* it has less: nothing odd */
    assert_string_equal(text(&r.remarks), "");
    end(&r);
}

/* A month away: the hole is wider than anybody's number may jump, but the status vouches for it. */
static void a_long_absence_is_bridged(void **state)
{
    (void)state;
    struct reader r = {0};
    start_joined(&r, &defaults);
    catchup_down(r.catchup);
    catchup_up(r.catchup, r.now);
    status(&r, 5000000);
    answer_items(&r, A, 4000001, 4000002); /* too far ahead for now */
    assert_int_equal(through(&r, A), 10);
    answer_end(&r, "\"" A "\":4000002", "[\"" A "\",11,4000000,\"pruned\"]", "true");
    assert_string_equal(text(&r.gone), "sport 11-4000000 pruned;");
    assert_int_equal(claimed(&r, A), 4000000);
    answer_items(&r, A, 4000001, 4000002);
    answer_end(&r, "\"" A "\":4000002", "", "false");
    assert_int_equal(through(&r, A), 4000002);
    end(&r);
}

/* ------------------------------------------------------------------------------------- Epochs */

static void a_new_epoch_is_asked_for_after_the_old_one_is_finished(void **state)
{
    (void)state;
    struct reader r = {0};
    start_joined(&r, &defaults);
    status_of(&r, "afp", true, EPOCH_2, 1);
    assert_int_equal(r.requests, 2);
    assert_string_equal(r.request.epoch, EPOCH_1);
    assert_int_equal(claimed(&r, A), 10);
    answer_items(&r, A, 11, 11);
    answer_end(&r, "\"" A "\":11", "", "false");
    assert_int_equal(r.requests, 3);
    assert_string_equal(r.request.epoch, EPOCH_2);
    assert_int_equal(r.request.from, SYNC_HAVE);
    assert_int_equal(r.request.have_count, 0);
    answer_items(&r, A, 1, 1);
    answer_end(&r, "\"" A "\":1", "", "false");
    assert_int_equal(positions_of(r.positions, "afp", EPOCH_2, A)->through, 1);
    catchup_down(r.catchup);
    catchup_up(r.catchup, r.now);
    status_of(&r, "afp", true, EPOCH_2, 1);
    assert_string_equal(r.request.epoch, EPOCH_2); /* the old one is settled */
    answer_end(&r, "", "", "false");
    pass_by(&r, 100000);
    assert_int_equal(r.requests, 4);
    assert_string_equal(text(&r.gone), "");
    end(&r);
}

static void an_epoch_nobody_knows_is_told_once(void **state)
{
    (void)state;
    struct reader r = {0};
    start_joined(&r, &defaults);
    for (int i = 0; i < 3; i++) {
        status_of(&r, "afp", true, EPOCH_2, 1);
        if (i == 0) {
            assert_string_equal(r.request.epoch, EPOCH_1);
            answer_end(&r, "", "", "false,\"unknown\":true,\"archive\":true"); /* says nothing */
            assert_string_equal(text(&r.gone), "");
            answer_end(&r, "", "", "false");
        } else if (i == 1) {
            live_in(&r, EPOCH_1, A, 20); /* a latecomer makes it an open one again */
            pass_by(&r, 200);
            assert_string_equal(r.request.epoch, EPOCH_1);
            answer_end(&r, "", "", "false,\"unknown\":true");
            assert_string_equal(text(&r.gone), ""); /* an archive may still know something */
            pass_by(&r, 1000);
            assert_string_equal(text(&r.gone), "restart " EPOCH_1 ";");
        } else {
            assert_string_equal(r.request.epoch, EPOCH_2);
        }
        if (strcmp(r.request.epoch, EPOCH_2) == 0) answer_end(&r, "", "", "false");
        catchup_down(r.catchup);
        catchup_up(r.catchup, r.now);
    }
    status_of(&r, "afp", true, EPOCH_2, 1);
    assert_string_equal(r.request.epoch, EPOCH_2);
    assert_string_equal(text(&r.gone), "restart " EPOCH_1 ";");
    end(&r);
}

static void open_epochs_of_the_store_are_finished_first(void **state)
{
    (void)state;
    struct tmpdir dir;
    struct news_error err = {0};
    char path[256];
    const struct db_options db = {.mode = DB_OWN, .owner = "test"};
    struct reader r = {0}, s = {0}, t = {0};
    assert_true(tmpdir_make(&dir));
    (void)snprintf(path, sizeof path, "%s/store", dir.path);
    r.store = s.store = t.store = store_open(path, &db, &err);
    assert_non_null(r.store);
    start_joined(&r, &defaults);
    assert_true(store_commit(r.store, r.positions, &err));
    end(&r);
    start(&s, &defaults);
    status_of(&s, "afp", true, EPOCH_2, 1);
    assert_string_equal(s.request.epoch, EPOCH_1);
    assert_int_equal(claimed(&s, A), 10);
    answer_end(&s, "", "", "false,\"unknown\":true");
    pass_by(&s, 1000);
    assert_string_equal(text(&s.gone), "restart " EPOCH_1 ";");
    assert_string_equal(s.request.epoch, EPOCH_2);
    assert_true(store_commit(s.store, s.positions, &err));
    end(&s);
    start(&t, &defaults);
    status_of(&t, "afp", true, EPOCH_2, 1);
    assert_string_equal(t.request.epoch, EPOCH_2);
    assert_string_equal(text(&t.gone), "");
    end(&t);
    store_close(t.store);
    tmpdir_remove(&dir);
}

static void two_newspubs_under_one_name_are_remarked(void **state)
{
    (void)state;
    struct reader r = {0};
    start_joined(&r, &defaults);
    for (uint64_t i = 1; i <= 100; i++) { /* around a restart items overtake each other */
        live(&r, A, 10 + i);
        live_in(&r, EPOCH_2, A, i);
    }
    assert_string_equal(text(&r.remarks), "");
    for (uint64_t i = 101; i <= 110; i++) {
        pass_by(&r, 5000);
        live(&r, A, 10 + i);
        live_in(&r, EPOCH_2, A, i);
    }
    assert_string_equal(text(&r.remarks), "afp: two newspubs publish under this name;");
    end(&r);
}

static void many_restarts_are_not_two_newspubs(void **state)
{
    (void)state;
    struct reader r = {0};
    char epoch[WIRE_EPOCH_SIZE];
    start_joined(&r, &defaults);
    for (int i = 0; i < 5 * CATCHUP_EPOCHS_MAX; i++) {
        (void)snprintf(epoch, sizeof epoch, "29a8c1f2e7b0%04x", (unsigned)i);
        live_in(&r, epoch, A, 1);
        live_in(&r, epoch, A, 2);
    }
    assert_string_equal(text(&r.remarks), "");
    end(&r);
}

static void a_status_that_counts_fewer_items_is_asked_about_once(void **state)
{
    (void)state;
    struct reader r = {0};
    start_joined(&r, &defaults);
    for (uint64_t items = 14; items > 8; items--) {
        status(&r, items);
        pass_by(&r, 1000);
        if (r.requests == 2) answer_end(&r, "", "", "false");
    }
    assert_int_equal(r.requests, 2);
    assert_int_equal(claimed(&r, A), 10);
    status_of(&r, "afp", false, EPOCH_1, 3); /* a will may be old */
    pass_by(&r, 100000);
    assert_int_equal(r.requests, 2);
    end(&r);
}

/* ------------------------------------------------------------------------------------ Refused */

static void answers_nobody_asked_for_are_refused(void **state)
{
    (void)state;
    struct reader r = {0};
    struct buf b = {0};
    start_joined(&r, &defaults);
    answer_end(&r, "\"" A "\":12", "", "false"); /* it was answered already */
    assert_string_equal(text(&r.remarks), "");
    live(&r, A, 12);
    pass_by(&r, 200);
    end_with_id(&r, "00112233", "\"" A "\":12", "[\"" A "\",11,11,\"pruned\"]", "false");
    assert_string_equal(text(&r.remarks), "afp: an answer came that nobody asked for;");
    buf_printf(&b, "{\"v\":1,\"id\":\"%s\",\"through\":{},\"missing\":[],\"more\":false}",
               r.request.id);
    reply_as(&r, "reuters", b.data);
    assert_int_equal(catchup_totals(r.catchup).outstanding, 1);
    reply_as(&r, "afp", "{\"v\":1,");
    assert_int_equal(through(&r, A), 10);
    assert_string_equal(text(&r.gone), "");
    answer_end(&r, "\"" A "\":12", "[\"" A "\",11,11,\"pruned\"]", "false"); /* the real one */
    assert_int_equal(through(&r, A), 12);
    buf_deinit(&b);
    end(&r);
}

static void an_end_that_cannot_be_is_refused_as_a_whole(void **state)
{
    (void)state;
    static const struct {
        const char *through, *missing, *remark;
    } table[] = {
        {"\"news/reuters/world/fr/3/sport\":12", "", "names a topic that was not asked for"},
        {"\"news/afp/world/en/3/sport\":12", "", "names a topic that was not asked for"},
        {"\"other/afp/world/fr/3/sport\":12", "", "names a topic that was not asked for"},
        {"\"news/afp\":12", "", "names a topic that was not asked for"},
        {"\"" A "\":9", "", "knows fewer items than came from there: the journal went back"},
        {"\"" A "\":1000000000000", "", "names numbers that cannot be"},
        {"\"" A "\":12", "[\"" A "\",11,13,\"pruned\"]",
         "declares missing what is not in question"},
        {"\"" A "\":12", "[\"" A "\",10,11,\"pruned\"]",
         "declares missing what is not in question"},
        {"\"" A "\":12", "[\"" B "\",6,6,\"pruned\"]", "declares missing what is not in question"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct reader r = {0};
        struct buf through_and = {0}, remark = {0};
        struct catchup_options o = defaults;
        o.filters = (const char *const[]){"news/+/+/fr/#"};
        start_joined(&r, &o);
        live(&r, A, 12);
        pass_by(&r, 200);
        assert_int_equal(r.requests, 2);
        buf_printf(&through_and, "\"" B "\":7,%s", table[i].through);
        answer_end(&r, i < 6 ? through_and.data : table[i].through, table[i].missing, "false");
        buf_printf(&remark, "afp: an answer %s;", table[i].remark);
        assert_string_equal(text(&r.remarks), remark.data);
        assert_int_equal(through(&r, A), 10);
        assert_string_equal(text(&r.gone), "");
        assert_int_equal(catchup_totals(r.catchup).outstanding, 1);
        answer_end(&r, "\"" A "\":12", "[\"" A "\",11,11,\"pruned\"]", "false");
        assert_int_equal(through(&r, A), 12);
        assert_int_equal(catchup_totals(r.catchup).outstanding, 0);
        buf_deinit(&through_and);
        buf_deinit(&remark);
        end(&r);
    }
}

static void a_newcomer_is_not_sent_to_a_number_that_cannot_be(void **state)
{
    (void)state;
    struct reader r = {0};
    start(&r, &defaults);
    status(&r, 15);
    answer_end(&r, "\"" A "\":1000000000000", "", "false");
    assert_string_equal(text(&r.remarks), "afp: an answer names numbers that cannot be;");
    assert_false(catchup_from_start(r.catchup, "afp", A));
    end(&r);
}

static void items_that_were_not_asked_for_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *publisher, *epoch, *topic, *remark;
        unsigned count;
    } table[] = {
        {"reuters", EPOCH_1, A, "an item of an answer has a number that was not asked for", 1},
        {"afp", EPOCH_2, A, "an item of an answer has a number that was not asked for", 1},
        {"afp", EPOCH_1, "news/afp/world/en/3/sport",
         "an answer names a topic that was not asked for", 1},
        {"afp", EPOCH_1, "news/reuters/world/fr/3/sport",
         "an answer names a topic that was not asked for", 1},
        {"afp", EPOCH_1, A, "an answer has more items than were asked for", 5},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct reader r = {0};
        struct buf b = {0}, remark = {0};
        struct catchup_options o = defaults;
        o.filters = (const char *const[]){"news/+/+/fr/#"};
        start_joined(&r, &o);
        live(&r, A, 12);
        pass_by(&r, 200);
        sync_batch_open(&b, r.request.id);
        for (unsigned n = 0; n < table[i].count; n++)
            put_item(&b, table[i].publisher, table[i].epoch, table[i].topic, 11 + n);
        sync_batch_close(&b);
        reply_as(&r, "afp", b.data);
        buf_printf(&remark, "afp: %s;", table[i].remark);
        assert_string_equal(text(&r.remarks), remark.data);
        assert_int_equal(r.items, 0);
        buf_deinit(&b);
        buf_deinit(&remark);
        end(&r);
    }
}

static void the_limit_counts_all_batches_of_an_answer(void **state)
{
    (void)state;
    struct reader r = {0};
    start_joined(&r, &defaults);
    live(&r, A, 20);
    pass_by(&r, 200);
    answer_items(&r, A, 11, 13);
    answer_items(&r, A, 14, 15);
    assert_int_equal(r.items, 3);
    assert_int_equal(through(&r, A), 13);
    end(&r);
}

static void one_item_that_is_not_valid_does_not_cost_the_others(void **state)
{
    (void)state;
    struct reader r = {0};
    struct buf b = {0};
    start_joined(&r, &defaults);
    live(&r, A, 13);
    pass_by(&r, 200);
    sync_batch_open(&b, r.request.id);
    sync_batch_add(&b, A, "{\"nonsense\":1}", 14);
    put_item(&b, "afp", EPOCH_1, A, 11);
    sync_batch_close(&b);
    reply_as(&r, "afp", b.data);
    assert_int_equal(through(&r, A), 11);
    assert_string_equal(text(&r.remarks), "afp: an item of an answer is not valid;");
    buf_deinit(&b);
    end(&r);
}

static void a_remark_is_made_once_a_minute(void **state)
{
    (void)state;
    struct reader r = {0};
    start_joined(&r, &defaults);
    live(&r, A, 12);
    pass_by(&r, 200);
    for (int i = 0; i < 100; i++)
        end_with_id(&r, "00112233", "", "", "false");
    assert_string_equal(text(&r.remarks), "afp: an answer came that nobody asked for;");
    end(&r);
}

/* ------------------------------------------------------------------------------ Time and waits */

static void a_lost_answer_is_asked_for_again_with_doubling_waits(void **state)
{
    (void)state;
    struct reader r = {0};
    start_joined(&r, &defaults);
    live(&r, A, 12);
    pass_by(&r, 200);
    int64_t last = r.asked_at, waits[12];
    for (int i = 0; i < 12; i++) {
        unsigned before = r.requests;
        while (r.requests == before) {
            pass_by(&r, 100);
            if ((r.now - START) % 60000 < 100)
                status(&r, 16); /* it is online, but does not answer */
        }
        waits[i] = r.asked_at - last;
        last = r.asked_at;
    }
    assert_int_equal(waits[0], 5000);
    assert_in_range(waits[1], 5000 + 3750, 10000);
    assert_in_range(waits[2], 5000 + 7500, 15000);
    assert_in_range(waits[11], 5000 + 450000, 605000);
    end(&r);
}

static void a_late_answer_is_taken_while_nothing_else_was_asked(void **state)
{
    (void)state;
    struct reader r = {0};
    start_joined(&r, &defaults);
    live(&r, A, 12);
    pass_by(&r, 5200); /* the second request is out */
    assert_int_equal(r.requests, 3);
    pass_by(&r, 5000); /* given up, too; the third one waits */
    assert_int_equal(catchup_totals(r.catchup).outstanding, 0);
    answer_items(&r, A, 11, 11);
    answer_end(&r, "\"" A "\":12", "", "false");
    assert_int_equal(through(&r, A), 12);
    pass_by(&r, 100000);
    assert_int_equal(r.requests, 3);
    end(&r);
}

static void an_answer_that_goes_on_is_not_given_up(void **state)
{
    (void)state;
    struct reader r = {0};
    start_joined(&r, &defaults);
    live(&r, A, 15);
    pass_by(&r, 200);
    for (uint64_t seq = 11; seq < 15; seq++) {
        pass_by(&r, 4000);
        answer_items(&r, A, seq, seq);
    }
    pass_by(&r, 4000);
    answer_end(&r, "\"" A "\":15", "", "false");
    pass_by(&r, 100000);
    assert_int_equal(r.requests, 2);
    end(&r);
}

static void a_request_that_cannot_leave_is_tried_again(void **state)
{
    (void)state;
    struct reader r = {0};
    start_joined(&r, &defaults);
    live(&r, A, 12);
    r.refuse = true;
    pass_by(&r, 999);
    r.refuse = false;
    assert_int_equal(r.requests, 1);
    pass_by(&r, 201);
    assert_int_equal(r.requests, 2);
    end(&r);
}

static void narrow_filters_ask_at_most_once_a_minute_for_nothing(void **state)
{
    (void)state;
    struct reader r = {0};
    struct catchup_options o = defaults;
    uint64_t items = 15;
    o.filters = (const char *const[]){"news/+/+/+/+/sport"};
    start(&r, &o);
    status(&r, items);
    answer_end(&r, "\"" A "\":10", "", "false");
    for (int64_t until = r.now + 600000; r.now < until;) {
        unsigned before = r.requests;
        pass_by(&r, 5000);
        status(&r, ++items); /* all of it politics */
        pass_by(&r, 0);
        if (r.requests > before) answer_end(&r, "", "", "false");
    }
    assert_in_range(r.requests, 9, 13);
    end(&r);
}

static void the_first_request_waits_a_random_time_within_bounds(void **state)
{
    (void)state;
    int64_t least[2] = {INT64_MAX, INT64_MAX}, most[2] = {0, 0};
    for (unsigned seed = 1; seed <= 200; seed++) {
        struct reader r = {0};
        struct catchup_options o = defaults;
        o.seed = seed;
        o.jitter_first_ms = 200;
        o.jitter_again_ms = 5000;
        start(&r, &o);
        for (int i = 0; i < 2; i++) {
            status(&r, 15);
            live(&r, A, 100 + 10 * (uint64_t)i); /* a hole does not cut the wait short */
            int64_t begin = r.now;
            unsigned before = r.requests;
            pass_by(&r, i ? 5000 : 200);
            assert_int_equal(r.requests, before + 1);
            if (r.asked_at - begin < least[i]) least[i] = r.asked_at - begin;
            if (r.asked_at - begin > most[i]) most[i] = r.asked_at - begin;
            answer_end(&r, "\"" A "\":99", "", "false");
            catchup_down(r.catchup);
            catchup_up(r.catchup, r.now);
        }
        end(&r);
    }
    assert_in_range(least[0], 0, 20);
    assert_in_range(most[0], 180, 200);
    assert_in_range(least[1], 0, 300);
    assert_in_range(most[1], 4700, 5000);
}

static void a_publisher_that_is_offline_is_asked_once_for_an_archive_may_answer(void **state)
{
    (void)state;
    struct reader r = {0};
    start(&r, &defaults);
    status_of(&r, "afp", false, EPOCH_1, 15);
    assert_int_equal(r.requests, 1);
    pass_by(&r, 3600000);
    assert_int_equal(r.requests, 1);
    assert_true(catchup_offline(r.catchup, "afp", r.now));
    status(&r, 15); /* it comes */
    assert_int_equal(r.requests, 2);
    assert_int_equal(r.request.from, SYNC_LAST);
    assert_false(catchup_offline(r.catchup, "afp", r.now));
    assert_string_equal(text(&r.presence), "afp on;");
    end(&r);
}

static void of_a_publisher_that_is_offline_known_holes_are_asked_for_on(void **state)
{
    (void)state;
    struct reader r = {0};
    start_joined(&r, &defaults);
    live(&r, A, 12);
    status_of(&r, "afp", false, EPOCH_1, 17);
    pass_by(&r, 3600000);
    assert_in_range(r.requests, 8, 16);
    assert_string_equal(text(&r.presence), "afp on;afp off;");
    unsigned before = r.requests;
    status(&r, 17);
    assert_int_equal(r.requests, before + 1); /* at once, whatever the wait was */
    end(&r);
}

/* `newspub send`: there for a moment, again and again. */
static void brief_status(struct reader *r, bool online, uint64_t items)
{
    char payload[256];
    struct news_error err = {0};
    (void)snprintf(payload, sizeof payload,
                   "{\"v\":1,\"state\":\"%s\",\"epoch\":\"" EPOCH_1
                   "\",\"items\":%d,\"streams\":2,\"since\":\"2026-11-23T14:00:00Z\","
                   "\"brief\":true}",
                   online ? "online" : "offline", (int)items);
    if (!catchup_status(r->catchup, SYNC_STATUS "afp", payload, strlen(payload), r->now, &err))
        fail_msg("%s", err.message);
    pass_by(r, 20);
}

static void a_publisher_that_leaves_soon_is_asked_at_once_if_anything_is_missing(void **state)
{
    (void)state;
    struct reader r = {0};
    struct catchup_options o = defaults;
    o.jitter_again_ms = 5000;
    start_joined(&r, &o);
    brief_status(&r, false, 15);
    live(&r, A, 11);
    brief_status(&r, true, 16); /* all came */
    brief_status(&r, false, 16);
    pass_by(&r, 3600000);
    assert_int_equal(r.requests, 1);
    live(&r, A, 13); /* a hole, and nobody there to ask */
    brief_status(&r, false, 18);
    pass_by(&r, 3600000);
    assert_true(r.requests > 5);
    unsigned before = r.requests;
    live(&r, A, 14);
    brief_status(&r, true, 18);
    assert_int_equal(r.requests, before + 1);
    answer_items(&r, A, 12, 12);
    answer_end(&r, "\"" A "\":14", "", "false");
    assert_int_equal(through(&r, A), 14);
    live(&r, A, 16); /* the silence before does not count */
    pass_by(&r, 200);
    assert_int_equal(r.requests, before + 2);
    end(&r);
}

static void silence_makes_a_publisher_offline(void **state)
{
    (void)state;
    struct reader r = {0};
    start_joined(&r, &defaults);
    pass_by(&r, 149999);
    assert_false(catchup_offline(r.catchup, "afp", r.now));
    assert_string_equal(text(&r.presence), "afp on;");
    pass_by(&r, 1);
    assert_true(catchup_offline(r.catchup, "afp", r.now));
    assert_string_equal(text(&r.presence), "afp on;afp off;");
    assert_int_equal(catchup_totals(r.catchup).online, 0);
    assert_true(catchup_offline(r.catchup, "reuters", r.now));
    end(&r);
}

static void a_publisher_without_a_status_is_asked_after_a_while(void **state)
{
    (void)state;
    struct reader r = {0};
    start(&r, &defaults);
    live_in(&r, EPOCH_3, A, 5);
    pass_by(&r, 9999);
    assert_int_equal(r.requests, 0);
    pass_by(&r, 1);
    assert_int_equal(r.requests, 1);
    assert_string_equal(r.request.epoch, EPOCH_3);
    assert_int_equal(r.request.from, SYNC_LAST);
    pass_by(&r, 3600000);
    assert_int_equal(r.requests, 1);
    end(&r);
}

static void the_same_seed_asks_the_same(void **state)
{
    (void)state;
    char first[SYNC_ID_SIZE] = "";
    for (int i = 0; i < 2; i++) {
        struct reader r = {0};
        start_joined(&r, &defaults);
        assert_int_equal(strlen(r.request.id), 32);
        if (i == 0) (void)snprintf(first, sizeof first, "%s", r.request.id);
        else assert_string_equal(r.request.id, first);
        end(&r);
    }
}

static void options_that_cannot_be_are_refused(void **state)
{
    (void)state;
    struct news_error err = {0};
    const struct catchup_events events = {0};
    struct catchup_options o = defaults;
    o.client_id = "a/b";
    assert_null(catchup_new(&o, &events, NULL, NULL, &err));
    assert_int_equal(err.code, NEWS_ERR_USAGE);
    o = defaults;
    o.filter_count = TOPIC_FILTERS_MAX + 1;
    assert_null(catchup_new(&o, &events, NULL, NULL, &err));
    catchup_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_newcomer_asks_for_the_last_items_of_the_present_epoch),
        cmocka_unit_test(a_newcomer_may_ask_from_now_on_or_since_a_time),
        cmocka_unit_test(streams_of_a_newcomer_have_no_holes_until_it_has_joined),
        cmocka_unit_test(a_filter_that_is_new_is_joined_beside_the_others),
        cmocka_unit_test(publishers_that_no_filter_can_match_are_ignored),
        cmocka_unit_test(the_number_of_publishers_is_bounded),
        cmocka_unit_test(a_hole_is_asked_for_when_it_is_older_than_200_ms),
        cmocka_unit_test(items_that_overtake_each_other_are_not_asked_for),
        cmocka_unit_test(a_lost_tail_is_asked_for_when_the_status_has_moved),
        cmocka_unit_test(a_stream_of_which_nothing_came_is_a_hole),
        cmocka_unit_test(what_an_end_named_may_still_be_on_its_way),
        cmocka_unit_test(a_batch_may_come_behind_its_end),
        cmocka_unit_test(answers_that_bring_nothing_make_it_wait_longer_and_longer),
        cmocka_unit_test(more_without_anything_new_is_no_endless_loop),
        cmocka_unit_test(what_is_gone_is_told_once_and_never_asked_for_again),
        cmocka_unit_test(a_store_remembers_what_was_told),
        cmocka_unit_test(an_archive_closes_only_what_was_killed),
        cmocka_unit_test(a_long_absence_is_bridged),
        cmocka_unit_test(a_new_epoch_is_asked_for_after_the_old_one_is_finished),
        cmocka_unit_test(an_epoch_nobody_knows_is_told_once),
        cmocka_unit_test(open_epochs_of_the_store_are_finished_first),
        cmocka_unit_test(two_newspubs_under_one_name_are_remarked),
        cmocka_unit_test(many_restarts_are_not_two_newspubs),
        cmocka_unit_test(a_status_that_counts_fewer_items_is_asked_about_once),
        cmocka_unit_test(answers_nobody_asked_for_are_refused),
        cmocka_unit_test(an_end_that_cannot_be_is_refused_as_a_whole),
        cmocka_unit_test(a_newcomer_is_not_sent_to_a_number_that_cannot_be),
        cmocka_unit_test(items_that_were_not_asked_for_are_refused),
        cmocka_unit_test(the_limit_counts_all_batches_of_an_answer),
        cmocka_unit_test(one_item_that_is_not_valid_does_not_cost_the_others),
        cmocka_unit_test(a_remark_is_made_once_a_minute),
        cmocka_unit_test(a_lost_answer_is_asked_for_again_with_doubling_waits),
        cmocka_unit_test(a_late_answer_is_taken_while_nothing_else_was_asked),
        cmocka_unit_test(an_answer_that_goes_on_is_not_given_up),
        cmocka_unit_test(a_request_that_cannot_leave_is_tried_again),
        cmocka_unit_test(narrow_filters_ask_at_most_once_a_minute_for_nothing),
        cmocka_unit_test(the_first_request_waits_a_random_time_within_bounds),
        cmocka_unit_test(a_publisher_that_is_offline_is_asked_once_for_an_archive_may_answer),
        cmocka_unit_test(of_a_publisher_that_is_offline_known_holes_are_asked_for_on),
        cmocka_unit_test(a_publisher_that_leaves_soon_is_asked_at_once_if_anything_is_missing),
        cmocka_unit_test(silence_makes_a_publisher_offline),
        cmocka_unit_test(a_publisher_without_a_status_is_asked_after_a_while),
        cmocka_unit_test(the_same_seed_asks_the_same),
        cmocka_unit_test(options_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
