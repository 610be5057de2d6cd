#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/date.h"
#include "publisher/fetch.h"
#include "publisher/journal.h"
#include "publisher/schedule.h"
#include "publisher/source.h"
#include "publisher/source_kind.h"
#include "tests/support/http_server.h"
#include "tests/support/tmpdir.h"
#include "tests/support/wait.h"

#define MINUTE   INT64_C(60000)
#define INTERVAL (15 * MINUTE)
#define GOOD     "200 OK"

/* ------------------------------------------------------------------------------------ Helpers */

struct route {
    const char *target, *status, *fields, *body;
};

struct bench {
    struct tmpdir dir;
    struct journal *journal;
    struct http_server *server;
    struct poll_set *set;
    struct sources *sources;
    struct topic_place place;
    struct sources_host host;
    char location[400];
    int64_t now; /* of the sources: runs as the test likes */
    struct route routes[4];
    bool silent; /* the server does not answer */
    struct buf heads;

    struct buf taken; /* "uri\n" of each item of the batches that were committed */
    struct buf batch; /* of this one */
    size_t commits;
    const char *refuse;    /* items with that in their uri */
    unsigned fail_commits; /* so many, from now on */
    bool fail_take;        /* the next */
    bool busy;
};

static void answer(void *user, const struct http_request *q, struct http_reply *reply)
{
    struct bench *b = user;
    char etag[100];
    buf_puts(&b->heads, q->head);
    http_field(q, "If-None-Match", etag, sizeof etag);
    if (b->silent) {
        reply->hang = true;
        return;
    }
    for (const struct route *r = b->routes; r->target; r++) {
        if (strcmp(r->target, q->target) != 0) continue;
        bool same = *etag && strstr(r->fields, etag);
        if (same) http_answer(reply, "304 Not Modified", "", "", 0);
        else http_answer(reply, r->status, r->fields, r->body, strlen(r->body));
        return;
    }
    http_answer(reply, "404 Not Found", "", "", 0);
}

static enum desk_answer take(void *user, const struct submission *s, struct news_error *err)
{
    struct bench *b = user;
    struct buf uri = {0};
    if (!journal_begin(b->journal, err)) return DESK_FAILED;
    if (b->fail_take) {
        b->fail_take = false;
        buf_clear(&b->batch);
        journal_rollback(b->journal);
        news_fail(err, NEWS_ERR_FULL, "no room");
        return DESK_FAILED;
    }
    assert_true(s->feed);
    assert_string_equal(s->source, "wire");
    json_text(&uri, s->item.member[NINJS_URI]);
    bool refused = b->refuse && strstr(uri.data, b->refuse);
    if (refused) news_fail(err, NEWS_ERR_DATA, "not wanted");
    else buf_printf(&b->batch, "%s\n", uri.data);
    buf_deinit(&uri);
    return refused ? DESK_REFUSED : DESK_ACCEPTED;
}

static bool commit(void *user, struct news_error *err)
{
    struct bench *b = user;
    if (b->fail_commits) {
        b->fail_commits--;
        buf_clear(&b->batch);
        journal_rollback(b->journal);
        return news_fail(err, NEWS_ERR_FULL, "no room");
    }
    if (!journal_commit(b->journal, err)) return false;
    if (b->batch.len) buf_puts(&b->taken, b->batch.data);
    buf_clear(&b->batch);
    b->commits++;
    return true;
}

static bool is_busy(void *user)
{
    return ((struct bench *)user)->busy;
}

/* Opens the sources: one feed, as after a start of the daemon. */
static void daemon_starts(struct bench *b, const char *location)
{
    struct news_error err = {0};
    memmove(b->location, location, strlen(location) + 1); /* perhaps the one it has */
    struct source_config one = {.name = "wire",
                                .kind = SOURCE_FEED,
                                .location = b->location,
                                .service = "wire",
                                .interval_ms = INTERVAL};
    struct config config = {.sources = &one, .count = 1};
    b->sources = sources_new(&b->host, &config, &err);
    if (!b->sources) fail_msg("%s", err.message);
}

static void daemon_ends(struct bench *b)
{
    sources_stop(b->sources);
    sources_free(b->sources);
    b->sources = NULL;
}

static void daemon_restarts(struct bench *b)
{
    daemon_ends(b);
    daemon_starts(b, b->location);
}

static struct bench *laid_out(void)
{
    struct news_error err = {0};
    char path[200];
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    assert_true(tmpdir_make(&b->dir));
    (void)snprintf(path, sizeof path, "%s/journal", b->dir.path);
    struct journal_options o = {.publisher = "test", .db = {.mode = DB_OWN, .owner = "test"}};
    o.now_ms = date_now_ms();
    b->journal = journal_open(path, &o, &err);
    if (!b->journal) fail_msg("%s", err.message);
    b->server = http_server_new(answer, b);
    b->set = poll_set_new(&err);
    assert_true(b->server && b->set);
    b->place.publisher = "test";
    b->host = (struct sources_host){.user = b,
                                    .place = &b->place,
                                    .journal = b->journal,
                                    .contact = "https://example.org/",
                                    .take = take,
                                    .commit = commit,
                                    .is_busy = is_busy};
    b->now = date_now_ms() + 10000; /* the first ask is spread over so long */
    return b;
}

static void cleared(struct bench *b)
{
    if (b->sources) daemon_ends(b);
    http_server_free(b->server);
    poll_set_free(b->set);
    journal_close(b->journal);
    tmpdir_remove(&b->dir);
    buf_deinit(&b->heads);
    buf_deinit(&b->taken);
    buf_deinit(&b->batch);
    free(b);
}

/* A bench with a server that has one document under "/feed", and a daemon that reads it. */
static struct bench *serving(const char *status, const char *fields, const char *body)
{
    struct bench *b = laid_out();
    char url[300];
    b->routes[0] = (struct route){"/feed", status, fields, body};
    http_server_url(b->server, NULL, "/feed", url, sizeof url);
    daemon_starts(b, url);
    return b;
}

static void turn(struct bench *b)
{
    struct news_error err = {0};
    poll_set_clear(b->set);
    http_server_poll(b->server, b->set);
    sources_poll(b->sources, b->set);
    poll_set_deadline(b->set, date_mono_ms() + 5); /* the clock of the sources is another */
    if (!poll_set_wait(b->set, &err)) fail_msg("%s", err.message);
    sources_turn(b->sources, b->now);
}

static void until_commits(struct bench *b, size_t count)
{
    int64_t deadline = date_mono_ms() + WAIT_MS;
    while (b->commits < count) {
        if (date_mono_ms() > deadline) fail_msg("nothing was committed");
        turn(b);
    }
}

static void until_requests(struct bench *b, size_t count)
{
    int64_t deadline = date_mono_ms() + WAIT_MS;
    while (http_server_requests(b->server) < count) {
        if (date_mono_ms() > deadline) fail_msg("nothing was asked for");
        turn(b);
    }
}

/* Turns in which nothing may happen. */
static void nothing_happens(struct bench *b)
{
    size_t requests = http_server_requests(b->server), commits = b->commits;
    for (int i = 0; i < 5; i++)
        turn(b);
    assert_int_equal(http_server_requests(b->server), requests);
    assert_int_equal(b->commits, commits);
}

static struct journal_source stored(struct bench *b)
{
    struct journal_source facts = {0};
    struct news_error err = {0};
    if (!journal_source(b->journal, "wire", &facts, &err) && err.code) fail_msg("%s", err.message);
    return facts;
}

/* When it is due it is asked for, in one batch. */
static struct journal_source read_once(struct bench *b)
{
    int64_t due = stored(b).due_ms;
    if (due > b->now) b->now = due;
    until_commits(b, b->commits + 1);
    return stored(b);
}

static const char *state_of(struct bench *b)
{
    static struct source_status status;
    assert_true(sources_status(b->sources, 0, &status));
    return status.state;
}

static void assert_state(struct bench *b, const char *what)
{
    if (!strstr(state_of(b), what)) fail_msg("\"%s\" is not in \"%s\"", what, state_of(b));
}

static size_t times(const struct buf *text, const char *what)
{
    size_t n = 0;
    for (const char *at = text->data; at && (at = strstr(at, what)); at++)
        n++;
    return n;
}

static void assert_url(struct bench *b, const char *url, const char *target)
{
    char whole[300];
    http_server_url(b->server, NULL, target, whole, sizeof whole);
    assert_string_equal(url, whole);
}

#define RSS(items)                                                                                 \
    "<rss version=\"2.0\"><channel><title>T</title><link>https://w.example/</link>" items          \
    "</channel></rss>"
#define ITEM(name, date)                                                                           \
    "<item><title>" name "</title><link>https://w.example/" name "</link><pubDate>" date           \
    "</pubDate></item>"
#define TWO                                                                                        \
    RSS(ITEM("new", "Mon, 23 Nov 2026 14:00:00 GMT") ITEM("old", "Sun, 22 Nov 2026 14:00:00 GMT"))
#define TWO_URIS "https://w.example/old\nhttps://w.example/new\n"

/* ---------------------------------------------------------------------- All is well: 200 and 304
 */

static void a_feed_is_read_oldest_first_and_its_validators_kept(void **state)
{
    (void)state;
    struct bench *b = serving(GOOD, "ETag: W/\"1\"\r\nLast-Modified: then\r\n", TWO);
    struct journal_source facts = read_once(b);
    assert_string_equal(b->taken.data, TWO_URIS);
    assert_url(b, facts.url, "/feed");
    assert_string_equal(facts.etag, "W/\"1\"");
    assert_string_equal(facts.modified, "then");
    assert_string_equal(facts.moved_to, "");
    assert_int_equal(facts.due_ms, b->now + INTERVAL);
    assert_int_equal(facts.read_ms, b->now);
    assert_int_equal(facts.failures, 0);
    assert_state(b, "ok, 2 items, next in 15m");
    nothing_happens(b);
    cleared(b);
}

static void what_is_not_new_is_not_sent_again(void **state)
{
    (void)state;
    struct bench *b = serving(GOOD, "ETag: \"1\"\r\n", TWO);
    int64_t read_ms = read_once(b).read_ms;
    struct journal_source facts = read_once(b);
    assert_int_equal(times(&b->heads, "If-None-Match: \"1\"\r\n"), 1);
    assert_string_equal(b->taken.data, TWO_URIS);
    assert_string_equal(facts.etag, "\"1\""); /* a 304 without them leaves them as they are */
    assert_int_equal(facts.due_ms, b->now + INTERVAL);
    assert_int_equal(facts.read_ms, read_ms);
    assert_state(b, "ok, next in 15m");
    b->routes[0] = (struct route){"/feed", "304 Not Modified",
                                  "ETag: \"2\"\r\nLast-Modified: now\r\n", ""};
    facts = read_once(b);
    assert_string_equal(facts.etag, "\"2\"");
    assert_string_equal(facts.modified, "now");
    cleared(b);
}

static void a_not_modified_that_nobody_asked_for_is_a_failure(void **state)
{
    (void)state;
    struct bench *b = serving("304 Not Modified", "", "");
    assert_int_equal(read_once(b).failures, 1);
    assert_state(b, "HTTP 304");
    cleared(b);
}

static void the_feed_and_the_answer_say_how_seldom_to_ask(void **state)
{
    (void)state;
    static const struct {
        const char *fields, *body;
        int64_t wait_ms;
    } rows[] = {
        {"ETag: \"1\"\r\nCache-Control: max-age=1800\r\n", TWO, 30 * MINUTE},
        {"ETag: \"1\"\r\n", RSS("<ttl>45</ttl>"), 45 * MINUTE},
        {"Last-Modified: then\r\n", TWO, INTERVAL},
        {"", TWO, 60 * MINUTE}, /* no validators */
        {"ETag: \"1\"\r\n",
         RSS("<skipDays><day>Monday</day><day>Tuesday</day><day>Wednesday</day>"
             "<day>Thursday</day><day>Friday</day><day>Saturday</day><day>Sunday</day></skipDays>"),
         SCHEDULE_DAY_MS},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bench *b = serving(GOOD, rows[i].fields, rows[i].body);
        assert_int_equal(read_once(b).due_ms, b->now + rows[i].wait_ms);
        cleared(b);
    }
}

static void a_restart_asks_for_nothing_before_its_time(void **state)
{
    (void)state;
    struct bench *b = serving(GOOD, "ETag: \"1\"\r\n", TWO);
    read_once(b);
    daemon_restarts(b);
    nothing_happens(b);
    b->now += INTERVAL - 1;
    nothing_happens(b);
    read_once(b);
    assert_int_equal(times(&b->heads, "If-None-Match: \"1\"\r\n"), 1);
    assert_int_equal(http_server_requests(b->server), 2);
    cleared(b);
}

static void a_due_time_of_a_wrong_clock_is_not_waited_for(void **state)
{
    (void)state;
    struct bench *b = serving(GOOD, "ETag: \"1\"\r\n", TWO);
    read_once(b);
    b->now -= 3650 * SCHEDULE_DAY_MS;
    nothing_happens(b);
    b->now += INTERVAL;
    until_commits(b, b->commits + 1);
    cleared(b);
}

static void another_url_in_the_configuration_starts_anew(void **state)
{
    (void)state;
    struct bench *b = serving(GOOD, "ETag: \"1\"\r\n", TWO);
    char url[300];
    read_once(b);
    daemon_ends(b);
    b->routes[1] = (struct route){"/other", GOOD, "", TWO};
    http_server_url(b->server, NULL, "/other", url, sizeof url);
    daemon_starts(b, url);
    b->now += 10000;
    until_commits(b, b->commits + 1);
    assert_int_equal(times(&b->heads, "GET /other"), 1);
    assert_int_equal(times(&b->heads, "If-None-Match"), 0);
    assert_url(b, stored(b).url, "/other");
    cleared(b);
}

/* ---------------------------------------------------------------------------------- Redirects */

static void a_move_for_good_is_remembered_once_the_new_place_gave_a_feed(void **state)
{
    (void)state;
    struct bench *b = serving("301 Moved", "Location: /new\r\n", "");
    b->routes[1] = (struct route){"/new", GOOD, "", "<html><body>soon</body></html>"};
    struct journal_source facts = read_once(b);
    assert_string_equal(facts.moved_to, "");
    assert_int_equal(facts.failures, 1);
    b->routes[1] = (struct route){"/new", GOOD, "ETag: \"new\"\r\n", TWO};
    facts = read_once(b);
    assert_url(b, facts.url, "/feed");
    assert_url(b, facts.moved_to, "/new");
    assert_string_equal(facts.etag, "\"new\"");
    assert_int_equal(times(&b->heads, "GET /feed"), 2);
    for (int i = 0; i < 2; i++) { /* straight there, also after a restart */
        read_once(b);
        assert_int_equal(times(&b->heads, "GET /feed"), 2);
        assert_int_equal(times(&b->heads, "If-None-Match: \"new\"\r\n"), (size_t)i + 1);
        daemon_restarts(b);
    }
    cleared(b);
}

static void what_is_missing_at_its_new_place_is_looked_for_at_the_old_one(void **state)
{
    (void)state;
    static const char *const statuses[] = {"404 Not Found", "410 Gone"};
    for (size_t i = 0; i < 2; i++) {
        struct bench *b = serving("308 Moved", "Location: /new\r\n", "");
        b->routes[1] = (struct route){"/new", GOOD, "ETag: \"new\"\r\n", TWO};
        assert_url(b, read_once(b).moved_to, "/new");
        b->routes[0] = (struct route){"/feed", GOOD, "ETag: \"old\"\r\n", TWO};
        b->routes[1] = (struct route){"/new", statuses[i], "", ""};
        struct journal_source facts = read_once(b);
        assert_string_equal(facts.moved_to, "");
        assert_string_equal(facts.etag, "");
        assert_false(facts.gone);
        facts = read_once(b);
        assert_int_equal(facts.failures, 0);
        assert_string_equal(facts.etag, "\"old\"");
        cleared(b);
    }
}

static void a_detour_changes_no_address_and_takes_no_validators_along(void **state)
{
    (void)state;
    static const char *const statuses[] = {"302 Found", "303 See Other", "307 Elsewhere"};
    for (size_t i = 0; i < 3; i++) {
        struct bench *b = serving(statuses[i], "Location: /detour\r\nETag: \"no\"\r\n", "");
        b->routes[1] = (struct route){"/detour", GOOD, "ETag: \"1\"\r\n", TWO};
        struct journal_source facts = read_once(b);
        assert_string_equal(facts.moved_to, "");
        assert_string_equal(facts.etag, ""); /* not the address that is asked first */
        read_once(b);
        assert_int_equal(times(&b->heads, "GET /feed"), 2);
        assert_int_equal(times(&b->heads, "If-None-Match: \"1\"\r\n"), 1);
        const char *second = strstr(strstr(b->heads.data, "GET /detour"), "GET /feed");
        assert_non_null(second);
        assert_true(strstr(second, "If-None-Match") > strstr(second, "GET /detour"));
        cleared(b);
    }
}

/* ----------------------------------------------------------------------------------- Failures */

static void gone_is_gone_until_the_configuration_changes(void **state)
{
    (void)state;
    struct bench *b = serving("410 Gone", "", "");
    char url[300];
    assert_true(read_once(b).gone);
    assert_state(b, "gone");
    b->now += 400 * SCHEDULE_DAY_MS;
    nothing_happens(b);
    daemon_restarts(b);
    assert_state(b, "gone");
    nothing_happens(b);
    assert_int_equal(http_server_requests(b->server), 1);
    daemon_ends(b);
    b->routes[1] = (struct route){"/other", GOOD, "", TWO};
    http_server_url(b->server, NULL, "/other", url, sizeof url);
    daemon_starts(b, url);
    until_commits(b, b->commits + 1);
    assert_false(stored(b).gone);
    cleared(b);
}

static void failures_back_off_and_keep_the_last_good_state(void **state)
{
    (void)state;
    static const char *const statuses[] = {"404 Not Found", "403 Forbidden", "401 Who",
                                           "500 Oops",      "503 Busy",      "429 Too Many",
                                           "204 No Content"};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        struct bench *b = serving(GOOD, "ETag: \"1\"\r\n", TWO);
        char said[40];
        read_once(b);
        b->routes[0] = (struct route){"/feed", statuses[i], "", "<html/>"};
        for (unsigned n = 1; n <= 3; n++) {
            struct journal_source facts = read_once(b);
            assert_int_equal(facts.failures, n);
            assert_in_range(facts.due_ms - b->now, (INTERVAL << n) * 3 / 4,
                            (INTERVAL << n) * 5 / 4);
            assert_string_equal(facts.etag, "\"1\"");
            if (n == 2) daemon_restarts(b);
        }
        (void)snprintf(said, sizeof said, "HTTP %.3s, next in", statuses[i]);
        assert_state(b, said);
        b->routes[0] = (struct route){"/feed", GOOD, "ETag: \"1\"\r\n", TWO};
        assert_int_equal(read_once(b).failures, 0);
        assert_int_equal(times(&b->heads, "If-None-Match: \"1\"\r\n"), 4);
        assert_state(b, "ok");
        cleared(b);
    }
}

static void a_server_that_names_a_time_is_left_alone_until_then(void **state)
{
    (void)state;
    static const char *const statuses[] = {"429 Too Many", "503 Busy"};
    for (size_t i = 0; i < 2; i++) {
        struct bench *b = serving(statuses[i], "Retry-After: 7200\r\n", "");
        assert_int_equal(read_once(b).due_ms, b->now + 7200 * 1000);
        assert_state(b, "next in 2h");
        cleared(b);
    }
}

static void nobody_there_is_a_failure(void **state)
{
    (void)state;
    struct bench *b = serving(GOOD, "", TWO);
    http_server_free(b->server);
    b->server = http_server_new(answer, b); /* at another port */
    assert_int_equal(read_once(b).failures, 1);
    assert_string_equal(stored(b).etag, "");
    cleared(b);
}

static void what_is_no_feed_is_said_and_its_validators_are_not_kept(void **state)
{
    (void)state;
    static const struct {
        const char *body, *said;
    } rows[] = {
        {"<!DOCTYPE html><html><body>Welcome</body></html>", "page"},
        {"{\"hello\": 1}", "JSON"},
        {"hello", "neither XML nor JSON"},
        {" \n", "an empty document"},
        {"[1]", "JSON"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bench *b = serving(GOOD, "ETag: \"1\"\r\n", TWO);
        read_once(b);
        b->routes[0] = (struct route){"/feed", GOOD, "ETag: \"2\"\r\n", rows[i].body};
        struct journal_source facts = read_once(b);
        assert_int_equal(facts.failures, 1);
        assert_string_equal(facts.etag, "");
        assert_state(b, rows[i].said);
        assert_string_equal(b->taken.data, TWO_URIS);
        read_once(b);
        assert_int_equal(times(&b->heads, "If-None-Match: \"2\""), 0);
        cleared(b);
    }
}

static void what_is_not_a_url_of_http_is_said(void **state)
{
    (void)state;
    struct bench *b = laid_out();
    daemon_starts(b, "gopher://127.0.0.1/feed");
    assert_int_equal(read_once(b).failures, 1);
    assert_state(b, "http");
    cleared(b);
}

/* --------------------------------------------------------------------------------- Handing in */

/* A feed of count items, newest last. */
static char *long_feed(size_t count)
{
    struct buf text = {0};
    buf_puts(&text, "<rss version=\"2.0\"><channel><title>T</title>");
    for (size_t i = 0; i < count; i++)
        buf_printf(&text, "<item><title>%zu</title><link>https://w.example/%zu</link></item>", i,
                   i);
    buf_puts(&text, "</channel></rss>");
    assert_true(buf_ok(&text));
    return text.data;
}

static void a_long_feed_takes_many_turns_and_is_settled_with_the_last(void **state)
{
    (void)state;
    char *body = long_feed(1200);
    struct bench *b = serving(GOOD, "ETag: \"1\"\r\n", body);
    until_commits(b, 1);
    assert_int_equal(times(&b->taken, "\n"), SOURCE_BATCH);
    assert_string_equal(stored(b).etag, "");
    until_commits(b, 2);
    assert_int_equal(times(&b->taken, "\n"), 2 * SOURCE_BATCH);
    assert_string_equal(stored(b).etag, "");
    until_commits(b, 3);
    assert_int_equal(times(&b->taken, "\n"), 1200);
    assert_string_equal(stored(b).etag, "\"1\"");
    assert_state(b, "ok, 1200 items");
    nothing_happens(b);
    cleared(b);
    free(body);
}

static void what_was_not_committed_comes_again(void **state)
{
    (void)state;
    char *body = long_feed(700);
    for (int way = 0; way < 2; way++) {
        struct bench *b = serving(GOOD, "ETag: \"1\"\r\n", body);
        until_commits(b, 1);
        if (way) b->fail_take = true;
        else b->fail_commits = 2;
        for (int i = 0; i < 4; i++) {
            b->now += 1000;
            turn(b);
        }
        until_commits(b, 2);
        assert_int_equal(times(&b->taken, "\n"), 700);
        assert_int_equal(times(&b->taken, "https://w.example/699\n"), 1);
        assert_string_equal(stored(b).etag, "\"1\"");
        assert_int_equal(http_server_requests(b->server), 1);
        assert_state(b, "ok, 700 items");
        cleared(b);
    }
    free(body);
}

static void an_item_that_is_refused_does_not_stop_the_others(void **state)
{
    (void)state;
    struct bench *b = serving(GOOD, "ETag: \"1\"\r\n", TWO);
    struct source_status status;
    b->refuse = "old";
    assert_string_equal(read_once(b).etag, "\"1\"");
    assert_string_equal(b->taken.data, "https://w.example/new\n");
    assert_true(sources_status(b->sources, 0, &status));
    assert_int_equal(status.accepted, 1);
    assert_int_equal(status.refused, 1);
    cleared(b);
}

static void while_the_daemon_is_busy_nothing_is_asked_or_handed_in(void **state)
{
    (void)state;
    struct bench *b = serving(GOOD, "ETag: \"1\"\r\n", TWO);
    b->busy = true;
    nothing_happens(b);
    b->busy = false;
    until_requests(b, 1);
    b->busy = true;
    for (int i = 0; i < 20; i++)
        turn(b);
    assert_int_equal(b->commits, 0);
    assert_int_equal(b->batch.len, 0);
    b->busy = false;
    until_commits(b, 1);
    assert_string_equal(b->taken.data, TWO_URIS);
    cleared(b);
}

static void a_stop_hands_in_what_was_read_and_drops_what_was_asked(void **state)
{
    (void)state;
    char *body = long_feed(1200);
    struct bench *b = serving(GOOD, "ETag: \"1\"\r\n", body);
    until_commits(b, 1);
    daemon_ends(b);
    assert_int_equal(times(&b->taken, "\n"), 1200);
    assert_string_equal(stored(b).etag, "\"1\"");
    b->silent = true;
    b->now = stored(b).due_ms;
    daemon_starts(b, b->location);
    until_requests(b, 2);
    daemon_ends(b);
    assert_int_equal(stored(b).failures, 0);
    cleared(b);
    free(body);
}

static void a_password_gets_neither_into_items_nor_into_messages(void **state)
{
    (void)state;
    struct bench *b = laid_out();
    char url[300], with_user[320];
    b->routes[0] = (struct route){
        "/feed", GOOD, "",
        "<rss version=\"2.0\"><channel><title>T</title><item><title>a</title><link>/a</link></item>"
        "</channel></rss>"};
    http_server_url(b->server, NULL, "/feed", url, sizeof url);
    (void)snprintf(with_user, sizeof with_user, "http://me:s3cret@%s", url + strlen("http://"));
    daemon_starts(b, with_user);
    read_once(b);
    assert_int_equal(times(&b->heads, "Authorization: Basic"), 1);
    assert_int_equal(times(&b->taken, "127.0.0.1"), 1); /* its link was completed */
    assert_int_equal(times(&b->taken, "s3cret"), 0);
    b->routes[0] = (struct route){"/feed", "301 Moved", "Location: /new\r\n", ""};
    b->routes[1] = (struct route){"/new", GOOD, "", TWO};
    read_once(b);
    assert_int_equal(times(&b->heads, "Authorization: Basic"), 3);
    assert_null(strstr(state_of(b), "s3cret"));
    cleared(b);
}

/* -------------------------------------------------------------------------------------- Files */

static void a_file_is_read_when_it_has_changed(void **state)
{
    (void)state;
    struct bench *b = laid_out();
    char path[200];
    assert_true(tmpdir_write(&b->dir, "feed.xml", RSS(ITEM("a", "")), path, sizeof path));
    daemon_starts(b, path);
    struct journal_source facts = read_once(b);
    assert_string_equal(b->taken.data, "https://w.example/a\n");
    assert_int_equal(facts.due_ms, b->now + INTERVAL);
    assert_true(*facts.etag);
    daemon_restarts(b);
    read_once(b);
    assert_string_equal(b->taken.data, "https://w.example/a\n");
    assert_true(tmpdir_write(&b->dir, "feed.xml", RSS(ITEM("bb", "")), path, sizeof path));
    read_once(b);
    assert_string_equal(b->taken.data, "https://w.example/a\nhttps://w.example/bb\n");
    cleared(b);
}

static void a_file_that_is_missing_may_come_back(void **state)
{
    (void)state;
    struct bench *b = laid_out();
    char path[200];
    assert_true(tmpdir_write(&b->dir, "feed.xml", RSS(ITEM("a", "")), path, sizeof path));
    daemon_starts(b, path);
    read_once(b);
    assert_int_equal(unlink(path), 0);
    for (int i = 0; i < 5; i++) {
        struct journal_source facts = read_once(b);
        assert_int_equal(facts.due_ms, b->now + INTERVAL); /* no back-off */
        assert_state(b, "No such file or directory, next in 15m");
    }
    assert_true(tmpdir_write(&b->dir, "feed.xml", "no feed", path, sizeof path));
    assert_string_equal(read_once(b).etag, "");
    assert_state(b, "neither");
    assert_true(tmpdir_write(&b->dir, "feed.xml", RSS(ITEM("bb", "")), path, sizeof path));
    read_once(b);
    assert_state(b, "ok, 1 item, next");
    daemon_ends(b);
    daemon_starts(b, b->dir.path);
    b->now += 10000;
    until_commits(b, b->commits + 1);
    assert_state(b, "not a file");
    cleared(b);
}

int main(void)
{
    (void)setenv("no_proxy", "*", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_feed_is_read_oldest_first_and_its_validators_kept),
        cmocka_unit_test(what_is_not_new_is_not_sent_again),
        cmocka_unit_test(a_not_modified_that_nobody_asked_for_is_a_failure),
        cmocka_unit_test(the_feed_and_the_answer_say_how_seldom_to_ask),
        cmocka_unit_test(a_restart_asks_for_nothing_before_its_time),
        cmocka_unit_test(a_due_time_of_a_wrong_clock_is_not_waited_for),
        cmocka_unit_test(another_url_in_the_configuration_starts_anew),
        cmocka_unit_test(a_move_for_good_is_remembered_once_the_new_place_gave_a_feed),
        cmocka_unit_test(what_is_missing_at_its_new_place_is_looked_for_at_the_old_one),
        cmocka_unit_test(a_detour_changes_no_address_and_takes_no_validators_along),
        cmocka_unit_test(gone_is_gone_until_the_configuration_changes),
        cmocka_unit_test(failures_back_off_and_keep_the_last_good_state),
        cmocka_unit_test(a_server_that_names_a_time_is_left_alone_until_then),
        cmocka_unit_test(nobody_there_is_a_failure),
        cmocka_unit_test(what_is_no_feed_is_said_and_its_validators_are_not_kept),
        cmocka_unit_test(what_is_not_a_url_of_http_is_said),
        cmocka_unit_test(a_long_feed_takes_many_turns_and_is_settled_with_the_last),
        cmocka_unit_test(what_was_not_committed_comes_again),
        cmocka_unit_test(an_item_that_is_refused_does_not_stop_the_others),
        cmocka_unit_test(while_the_daemon_is_busy_nothing_is_asked_or_handed_in),
        cmocka_unit_test(a_stop_hands_in_what_was_read_and_drops_what_was_asked),
        cmocka_unit_test(a_password_gets_neither_into_items_nor_into_messages),
        cmocka_unit_test(a_file_is_read_when_it_has_changed),
        cmocka_unit_test(a_file_that_is_missing_may_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
