#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/date.h"
#include "common/uuid.h"
#include "publisher/desk.h"
#include "tests/support/tmpdir.h"

#define NOW_MS   INT64_C(1795442527000)
#define NOW_TEXT "2026-11-23T14:02:07Z"
#define LATER    "2026-11-23T15:02:07Z"
#define HOUR_MS  INT64_C(3600000)
#define DAY_MS   (24 * HOUR_MS)

/* ------------------------------------------------------------------------------------ Helpers */

struct stage {
    struct tmpdir dir;
    char path[256];
    struct journal *journal;
    struct desk *desk;
    int64_t now_ms;
    uint64_t id; /* of the last accepted */
    struct news_error err;
    struct buf bytes; /* of the item looked at last */
    size_t admit_most;
    char admitted[TOPIC_MAX];
};

static bool admit(void *user, const char *topic, const char *payload, size_t len,
                  struct news_error *err)
{
    struct stage *t = user;
    assert_int_equal(strlen(payload), len);
    (void)snprintf(t->admitted, sizeof t->admitted, "%s", topic);
    if (len <= t->admit_most) return true;
    return news_fail(err, NEWS_ERR_TOO_LARGE, "more than the broker takes");
}

static void start(struct stage *t)
{
    struct news_error err = {0};
    const struct journal_options o = {
        .publisher = "afp", .db = {.mode = DB_OWN, .owner = "test"}, .now_ms = NOW_MS};
    const struct desk_options desk = {.user = t, .admit = admit};
    if (!(t->journal = journal_open(t->path, &o, &err)) ||
        !(t->desk = desk_new(t->journal, &desk, &err)))
        fail_msg("%s", err.message);
}

static int setup(void **state)
{
    struct stage *t = calloc(1, sizeof *t);
    if (!t || !tmpdir_make(&t->dir)) return -1;
    (void)snprintf(t->path, sizeof t->path, "%s/afp.journal", t->dir.path);
    t->now_ms = NOW_MS;
    t->admit_most = SIZE_MAX;
    start(t);
    *state = t;
    return 0;
}

static void stop(struct stage *t)
{
    desk_free(t->desk);
    journal_close(t->journal);
}

static int teardown(void **state)
{
    struct stage *t = *state;
    stop(t);
    buf_deinit(&t->bytes);
    tmpdir_remove(&t->dir);
    free(t);
    return 0;
}

static struct submission submission(const char *source, bool feed)
{
    return (struct submission){.place = {.publisher = "afp", .service = "world"},
                               .defaults = {.source = "AFP"},
                               .source = source,
                               .feed = feed};
}

static enum desk_answer take(struct stage *t, const struct submission *s)
{
    t->err = (struct news_error){0};
    if (!journal_begin(t->journal, &t->err)) fail_msg("%s", t->err.message);
    enum desk_answer a = desk_take(t->desk, s, t->now_ms, &t->id, &t->err);
    if (a == DESK_FAILED) journal_rollback(t->journal);
    else if (!journal_commit(t->journal, &t->err)) fail_msg("%s", t->err.message);
    if ((a == DESK_REFUSED || a == DESK_FAILED) != (t->err.code != NEWS_OK))
        fail_msg("answer %d with \"%s\"", a, t->err.message);
    return a;
}

static void note(struct submission *s, const char *item)
{
    struct ninjs_fault fault;
    if (!ninjs_check(item, strlen(item), &s->item, &fault))
        fail_msg("%s: %s: %s", item, fault.path, fault.what);
}

static enum desk_answer take_from(struct stage *t, const char *source, bool feed, const char *item)
{
    struct submission s = submission(source, feed);
    note(&s, item);
    return take(t, &s);
}

static enum desk_answer by_hand(struct stage *t, const char *item)
{
    return take_from(t, "", false, item);
}

static enum desk_answer from_feed(struct stage *t, const char *item)
{
    return take_from(t, "bbc", true, item);
}

static enum desk_answer update(struct stage *t, const char *item)
{
    struct submission s = submission("", false);
    struct buf uri = {0};
    note(&s, item);
    json_text(&uri, s.item.member[NINJS_URI]);
    s.kind = SUBMIT_UPDATE;
    s.uri = uri.data;
    enum desk_answer a = take(t, &s);
    buf_deinit(&uri);
    return a;
}

static enum desk_answer kill_story(struct stage *t, const char *uri, const char *why)
{
    struct submission s = submission("", false);
    s.kind = SUBMIT_KILL;
    s.uri = uri;
    s.note = why;
    return take(t, &s);
}

#define assert_takes(call, expected)                                                               \
    do {                                                                                           \
        enum desk_answer got_ = (call);                                                            \
        if (got_ != (expected))                                                                    \
            fail_msg("%s: %d, not %d %s", #call, got_, expected, t->err.message);                  \
    } while (0)
#define assert_refused(call, why)                                                                  \
    do {                                                                                           \
        assert_takes(call, DESK_REFUSED);                                                          \
        if (!strstr(t->err.message, why)) fail_msg("%s, not %s", t->err.message, why);             \
    } while (0)

/* The journal's last item: its own bytes, and that it is the one accepted last. */
static struct ninjs last_item(struct stage *t)
{
    struct ninjs item;
    struct ninjs_fault fault;
    assert_int_equal(journal_head(t->journal).last_id, t->id);
    buf_clear(&t->bytes);
    assert_true(journal_item_bytes(t->journal, t->id, &t->bytes, NULL));
    if (!ninjs_check(t->bytes.data, t->bytes.len, &item, &fault))
        fail_msg("%s: %s: %s", t->bytes.data, fault.path, fault.what);
    return item;
}

static void assert_member(struct stage *t, enum ninjs_member m, const char *expected)
{
    struct ninjs item = last_item(t);
    if (!json_is(item.member[m], expected))
        fail_msg("%.*s, not %s", (int)item.member[m].len, item.member[m].at, expected);
}

static void assert_headline(struct stage *t, const char *expected)
{
    struct ninjs item = last_item(t);
    if (!json_is(item_headline(&item), expected)) fail_msg("%s, not %s", t->bytes.data, expected);
}

static void assert_topic(struct stage *t, const char *expected)
{
    struct journal_item item;
    struct wire_number n;
    struct ninjs read = last_item(t);
    assert_true(journal_next(t->journal, t->id - 1, &item, NULL));
    assert_string_equal(item.topic, expected);
    assert_string_equal(t->admitted, expected);
    assert_true(wire_number_of(&read, &n));
    assert_int_equal(n.seq, item.seq);
}

static uint64_t accepted(const struct stage *t)
{
    return journal_head(t->journal).last_id;
}

#define WORLD(urgency, subject) "news/afp/world/und/" urgency "/" subject

#define ITEM(uri, members)            "{\"uri\":\"" uri "\"," members "}"
#define HEADLINE(text)                "\"headlines\":[{\"role\":\"main\",\"value\":\"" text "\"}]"
#define LINK(url)                     "\"renditions\":[{\"name\":\"web\",\"href\":\"" url "\"}]"
#define FEED_ITEM(uri, headline, url) ITEM(uri, HEADLINE(headline) "," LINK(url))

/* --------------------------------------------------------------------- The first publication */

static void a_new_item_is_completed_numbered_and_kept(void **state)
{
    struct stage *t = *state;
    struct wire_number n;
    assert_takes(by_hand(t, ITEM("u:1", HEADLINE("One"))), DESK_ACCEPTED);
    assert_int_equal(t->id, 1);
    assert_topic(t, WORLD("5", "general"));
    struct ninjs item = last_item(t);
    assert_true(wire_number_of(&item, &n));
    assert_string_equal(n.publisher, "afp");
    assert_string_equal(n.epoch, journal_head(t->journal).epoch);
    assert_int_equal(n.seq, 1);
    assert_true(json_is(item_source(&item), "AFP"));
    assert_member(t, NINJS_VERSION, "1");
    assert_member(t, NINJS_VERSION_CREATED, NOW_TEXT);
    assert_member(t, NINJS_FIRST_CREATED, NOW_TEXT);
}

static void the_same_content_again_is_known(void **state)
{
    struct stage *t = *state;
    static const char *const again[] = {
        ITEM("u:1", HEADLINE("One")),
        ITEM("u:1", "\"version\":\"7\"," HEADLINE("One")),
        ITEM("u:1",
             "\"versionCreated\":\"" LATER "\",\"firstCreated\":\"" LATER "\"," HEADLINE("One")),
        "{" HEADLINE("One") ",\"uri\":\"u:1\"}",
        ITEM("u:1", HEADLINE("One") ",\"altIds\":[{\"role\":\"newswire\",\"value\":\"x:y:1\"}]"),
    };
    assert_takes(by_hand(t, again[0]), DESK_ACCEPTED);
    t->now_ms += 400 * DAY_MS; /* never by dates */
    for (size_t i = 0; i < sizeof again / sizeof *again; i++)
        assert_takes(by_hand(t, again[i]), DESK_KNOWN);
    stop(t);
    start(t);
    assert_takes(by_hand(t, again[0]), DESK_KNOWN);
    assert_int_equal(accepted(t), 1);
}

static void another_publisher_is_refused(void **state)
{
    struct stage *t = *state;
    struct submission s = submission("", false);
    note(&s, ITEM("u:1", HEADLINE("One")));
    s.place.publisher = "dpa";
    assert_refused(take(t, &s), "belongs to publisher afp, not to dpa");
}

static void what_cannot_be_sent_draws_no_number(void **state)
{
    struct stage *t = *state;
    t->admit_most = 100;
    assert_takes(by_hand(t, ITEM("u:1", HEADLINE("One"))), DESK_REFUSED);
    assert_int_equal(t->err.code, NEWS_ERR_TOO_LARGE);
    assert_string_equal(t->err.message, "more than the broker takes");
    t->admit_most = SIZE_MAX;
    assert_takes(by_hand(t, ITEM("u:2", HEADLINE("Two"))), DESK_ACCEPTED);
    assert_topic(t, WORLD("5", "general"));
    assert_takes(by_hand(t, ITEM("u:1", HEADLINE("One"))), DESK_ACCEPTED); /* was not noted */
    assert_int_equal(journal_head(t->journal).items, 2);
}

static void an_item_that_is_too_large_once_complete_is_refused(void **state)
{
    struct stage *t = *state;
    struct buf item = {0};
    buf_puts(&item, "{\"uri\":\"u:1\",\"edNote\":\"");
    while (item.len < NINJS_BYTES_MAX - 2)
        buf_putc(&item, 'x');
    buf_puts(&item, "\"}");
    assert_takes(by_hand(t, item.data), DESK_REFUSED);
    assert_int_equal(t->err.code, NEWS_ERR_TOO_LARGE);
    assert_int_equal(accepted(t), 0);
    buf_deinit(&item);
}

/* ------------------------------------------------------------------------------------ Versions */

static void changed_content_becomes_the_next_version_on_the_same_topic(void **state)
{
    struct stage *t = *state;
    assert_takes(by_hand(t, ITEM("u:1", "\"urgency\":3," HEADLINE("One"))), DESK_ACCEPTED);
    t->now_ms += HOUR_MS;
    assert_takes(by_hand(t, ITEM("u:1", "\"urgency\":1,\"subjects\":[{\"name\":\"sport\"}],"
                                        "\"language\":\"fr\"," HEADLINE("Two"))),
                 DESK_ACCEPTED);
    assert_topic(t, WORLD("3", "general"));
    assert_member(t, NINJS_VERSION, "2");
    assert_member(t, NINJS_FIRST_CREATED, NOW_TEXT);
    assert_member(t, NINJS_VERSION_CREATED, LATER);
    assert_headline(t, "Two");
    assert_takes(by_hand(t, ITEM("u:1", HEADLINE("Three"))), DESK_ACCEPTED);
    assert_member(t, NINJS_VERSION, "3");
}

static void the_version_we_have_with_other_content_becomes_the_next(void **state)
{
    struct stage *t = *state;
    assert_takes(by_hand(t, ITEM("u:1", "\"version\":\"4\"," HEADLINE("One"))), DESK_ACCEPTED);
    assert_member(t, NINJS_VERSION, "4");
    assert_takes(by_hand(t, ITEM("u:1", "\"version\":\"4\"," HEADLINE("Two"))), DESK_ACCEPTED);
    assert_member(t, NINJS_VERSION, "5");
}

static void a_version_of_its_own_goes_out_as_it_is(void **state)
{
    struct stage *t = *state;
    static const struct {
        const char *item, *version;
        enum desk_answer answer;
    } cases[] = {
        {ITEM("u:1", "\"version\":\"3\"," HEADLINE("3")), "3", DESK_ACCEPTED},
        {ITEM("u:1", "\"version\":\"20261123\"," HEADLINE("20261123")), "20261123", DESK_ACCEPTED},
        {ITEM("u:1", "\"version\":\"9\"," HEADLINE("9")), "9", DESK_ACCEPTED}, /* lower, and new */
        {ITEM("u:1", "\"version\":\"9\"," HEADLINE("nine")), NULL, DESK_KNOWN},
        {ITEM("u:1", "\"version\":\"3\"," HEADLINE("three")), NULL, DESK_KNOWN},
        {ITEM("u:1", "\"version\":\"20261123\"," HEADLINE("20261123")), NULL, DESK_KNOWN},
        {ITEM("u:1", "\"version\":\"020261124\"," HEADLINE("0")), "020261124", DESK_ACCEPTED},
        {ITEM("u:1", HEADLINE("none")), "20261125", DESK_ACCEPTED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_takes(by_hand(t, cases[i].item), cases[i].answer);
        if (cases[i].version) assert_member(t, NINJS_VERSION, cases[i].version);
    }
}

static void what_is_no_decimal_version_says_none(void **state)
{
    struct stage *t = *state;
    static const char *const odd[] = {"draft", "1.2", "-1", "", "9999999999999999999", "1\\u0031"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        char item[256];
        for (int version = 1; version <= 3; version++) {
            (void)snprintf(item, sizeof item,
                           "{\"uri\":\"u:%zu\",\"version\":\"%s\",\"edNote\":\"%d\"}", i, odd[i],
                           version);
            assert_takes(by_hand(t, item), DESK_ACCEPTED);
            struct ninjs read = last_item(t);
            (void)snprintf(item, sizeof item, "\"version\":\"%s\"", odd[i]);
            if (version == 1) assert_non_null(strstr(t->bytes.data, item)); /* left as it is */
            else assert_int_equal(strtol(read.member[NINJS_VERSION].at + 1, NULL, 10), version);
        }
    }
}

static void a_later_date_of_its_own_is_kept_an_earlier_one_is_not(void **state)
{
    struct stage *t = *state;
    assert_takes(
        by_hand(t, ITEM("u:1", "\"versionCreated\":\"2026-11-20T00:00:00Z\","
                               "\"firstCreated\":\"2026-11-19T00:00:00Z\"," HEADLINE("1"))),
        DESK_ACCEPTED);
    assert_takes(
        by_hand(t, ITEM("u:1", "\"versionCreated\":\"2026-11-21T00:00:00Z\","
                               "\"firstCreated\":\"2026-11-21T00:00:00Z\"," HEADLINE("2"))),
        DESK_ACCEPTED);
    assert_member(t, NINJS_VERSION_CREATED, "2026-11-21T00:00:00Z");
    assert_member(t, NINJS_FIRST_CREATED, "2026-11-19T00:00:00Z");
    assert_takes(
        by_hand(t, ITEM("u:1", "\"versionCreated\":\"2026-11-21T00:00:00Z\"," HEADLINE("3"))),
        DESK_ACCEPTED);
    assert_member(t, NINJS_VERSION_CREATED, NOW_TEXT);
    assert_member(t, NINJS_FIRST_CREATED, "2026-11-19T00:00:00Z");
}

/* ------------------------------------------------------------------------------------- Sources */

static void a_story_belongs_to_the_source_that_brought_it_first(void **state)
{
    struct stage *t = *state;
    assert_takes(take_from(t, "bbc", true, ITEM("u:1", HEADLINE("One"))), DESK_ACCEPTED);
    assert_takes(take_from(t, "cnn", true, ITEM("u:1", HEADLINE("Other"))), DESK_KNOWN);
    assert_takes(take_from(t, "spool", false, ITEM("u:1", "\"pubStatus\":\"canceled\"")),
                 DESK_KNOWN);
    assert_takes(take_from(t, "bbc", true, ITEM("u:1", HEADLINE("Two"))), DESK_ACCEPTED);
    assert_member(t, NINJS_VERSION, "2");
    assert_takes(by_hand(t, ITEM("u:2", HEADLINE("One"))), DESK_ACCEPTED);
    assert_takes(take_from(t, "bbc", true, ITEM("u:2", HEADLINE("Two"))), DESK_KNOWN);
}

static void a_correction_by_hand_is_not_undone_by_its_source(void **state)
{
    struct stage *t = *state;
    static const char first[] = FEED_ITEM("u:1", "Wrnog", "https://a.example/1");
    assert_takes(from_feed(t, first), DESK_ACCEPTED);
    assert_takes(update(t, ITEM("u:1", HEADLINE("Right"))), DESK_ACCEPTED);
    assert_takes(from_feed(t, first), DESK_KNOWN);
    assert_takes(by_hand(t, FEED_ITEM("u:1", "Better", "https://a.example/1")), DESK_ACCEPTED);
    assert_takes(by_hand(t, FEED_ITEM("u:1", "Better", "https://a.example/1")), DESK_KNOWN);
    assert_takes(from_feed(t, first), DESK_KNOWN);
    assert_takes(from_feed(t, FEED_ITEM("u:1", "Better", "https://a.example/1")), DESK_KNOWN);
    assert_takes(from_feed(t, first), DESK_ACCEPTED); /* it said something else in between */
    assert_member(t, NINJS_VERSION, "4");
}

static void what_was_sent_by_hand_can_be_sent_again_after_an_update(void **state)
{
    struct stage *t = *state;
    assert_takes(by_hand(t, ITEM("u:1", HEADLINE("One"))), DESK_ACCEPTED);
    assert_takes(update(t, ITEM("u:1", HEADLINE("Two"))), DESK_ACCEPTED);
    assert_takes(by_hand(t, ITEM("u:1", HEADLINE("One"))), DESK_ACCEPTED);
    assert_member(t, NINJS_VERSION, "3");
}

static void a_feed_that_uses_a_uri_again_tells_another_story(void **state)
{
    struct stage *t = *state;
    static const char second[] = FEED_ITEM("u:1", "Fl\\u00f6te", "https://a.example/2");
    const char *const names[] = {"u:1", "https://a.example/2"};
    char urn[UUID_URN_SIZE];
    uuid_of_names(names, 2, urn);
    assert_takes(from_feed(t, FEED_ITEM("u:1", "One", "https://a.example/1")), DESK_ACCEPTED);
    assert_takes(from_feed(t, second), DESK_ACCEPTED);
    assert_member(t, NINJS_URI, urn);
    assert_member(t, NINJS_VERSION, "1");
    assert_takes(from_feed(t, second), DESK_KNOWN); /* the same each time */
    assert_takes(from_feed(t, FEED_ITEM("u:1", "One", "https://a.example/1")), DESK_KNOWN);
    assert_takes(from_feed(t, FEED_ITEM("u:1", "One!", "https://a.example/1")), DESK_ACCEPTED);
    assert_member(t, NINJS_URI, "u:1");
    assert_takes(from_feed(t, FEED_ITEM("u:1", "One!", "https://a.example/moved")), DESK_ACCEPTED);
    assert_member(t, NINJS_URI, "u:1");
    assert_member(t, NINJS_VERSION, "3");
}

static void only_a_feed_uses_uris_again(void **state)
{
    struct stage *t = *state;
    static const char *const sources[] = {"", "spool"};
    for (size_t i = 0; i < 2; i++) {
        char item[200];
        for (int n = 1; n <= 2; n++) {
            (void)snprintf(item, sizeof item, FEED_ITEM("u:%zu", "%d", "https://a.example/%d"), i,
                           n, n);
            assert_takes(take_from(t, sources[i], false, item), DESK_ACCEPTED);
        }
        assert_member(t, NINJS_VERSION, "2");
    }
}

static void a_story_without_headline_or_link_is_not_told_from_another(void **state)
{
    struct stage *t = *state;
    assert_takes(from_feed(t, FEED_ITEM("u:1", "One", "https://a.example/1")), DESK_ACCEPTED);
    assert_takes(from_feed(t, ITEM("u:1", HEADLINE("Two"))), DESK_ACCEPTED);
    assert_member(t, NINJS_VERSION, "2");
    assert_takes(from_feed(t, FEED_ITEM("u:1", "Three", "https://a.example/3")), DESK_ACCEPTED);
    assert_member(t, NINJS_VERSION, "3");
}

static void a_story_that_is_shown_on_is_not_forgotten(void **state)
{
    struct stage *t = *state;
    struct journal_story story;
    static const char item[] = FEED_ITEM("u:1", "One", "https://a.example/1");
    assert_takes(from_feed(t, item), DESK_ACCEPTED);
    t->now_ms += DAY_MS - 1;
    assert_takes(from_feed(t, item), DESK_KNOWN);
    assert_true(journal_story(t->journal, "u:1", &story, NULL));
    assert_true(story.seen_ms == NOW_MS); /* to the day */
    t->now_ms += 1;
    assert_takes(from_feed(t, item), DESK_KNOWN);
    assert_true(journal_story(t->journal, "u:1", &story, NULL));
    assert_true(story.seen_ms == t->now_ms);
    t->now_ms += DAY_MS; /* also while its uri serves another story */
    assert_takes(from_feed(t, FEED_ITEM("u:1", "Two", "https://a.example/2")), DESK_ACCEPTED);
    assert_true(journal_story(t->journal, "u:1", &story, NULL));
    assert_true(story.seen_ms == t->now_ms);
    assert_int_equal(story.version, 1);
}

/* ------------------------------------------------------------------------------------- Updates */

static void an_update_replaces_members_of_the_newest_version(void **state)
{
    struct stage *t = *state;
    assert_takes(by_hand(t, ITEM("u:1", "\"by\":\"Maren\",\"urgency\":3,\"version\":\"8\","
                                        "\"title\":\"gone\"," HEADLINE("One"))),
                 DESK_ACCEPTED);
    t->now_ms += HOUR_MS;
    assert_takes(
        update(t, ITEM("u:1",
                       HEADLINE("Two") ",\"urgency\":1,\"language\":\"fr\","
                                       "\"subjects\":[{\"name\":\"sport\"}],\"version\":\"99\"")),
        DESK_ACCEPTED);
    assert_topic(t, WORLD("3", "general"));
    assert_member(t, NINJS_VERSION, "9");
    assert_member(t, NINJS_BY, "Maren");
    assert_member(t, NINJS_LANGUAGE, "fr");
    assert_member(t, NINJS_FIRST_CREATED, NOW_TEXT);
    assert_member(t, NINJS_VERSION_CREATED, LATER);
    assert_headline(t, "Two");
    struct ninjs item = last_item(t);
    assert_int_equal(item_urgency(&item), 1);
    assert_takes(
        update(t, ITEM("u:1", "\"b\\u0079\":\"Jon\",\"versionCreated\":\"2026-12-01T00:00:00Z\"")),
        DESK_ACCEPTED);
    assert_member(t, NINJS_BY, "Jon");
    assert_member(t, NINJS_VERSION_CREATED, "2026-12-01T00:00:00Z");
    assert_headline(t, "Two");
}

static void an_update_that_changes_nothing_is_known(void **state)
{
    struct stage *t = *state;
    assert_takes(by_hand(t, ITEM("u:1", HEADLINE("One"))), DESK_ACCEPTED);
    assert_takes(update(t, ITEM("u:1", HEADLINE("One"))), DESK_KNOWN);
    assert_takes(update(t, ITEM("u:1", HEADLINE("Two"))), DESK_ACCEPTED);
    assert_takes(update(t, ITEM("u:1", HEADLINE("Two"))), DESK_KNOWN);
}

static void an_update_needs_a_story_that_is_still_there(void **state)
{
    struct stage *t = *state;
    uint64_t pruned;
    assert_refused(update(t, ITEM("u:1", HEADLINE("x"))),
                   "u:1: was not published from this journal");
    assert_takes(by_hand(t, ITEM("u:1", HEADLINE("One"))), DESK_ACCEPTED);
    assert_takes(by_hand(t, ITEM("u:2", HEADLINE("One"))), DESK_ACCEPTED);
    journal_done(t->journal, 2);
    assert_true(
        journal_prune(t->journal, &(struct journal_keep){.keep_items = 1}, NOW_MS, &pruned, NULL));
    assert_refused(update(t, ITEM("u:1", HEADLINE("x"))),
                   "u:1: is no longer in the journal; send the whole item instead");
    assert_takes(by_hand(t, ITEM("u:1", HEADLINE("x"))), DESK_ACCEPTED);
    assert_member(t, NINJS_VERSION, "2");
}

static void a_source_updates_its_own_stories_only(void **state)
{
    struct stage *t = *state;
    struct submission s = submission("spool", false);
    assert_takes(from_feed(t, ITEM("u:1", HEADLINE("One"))), DESK_ACCEPTED);
    note(&s, ITEM("u:1", HEADLINE("x")));
    s.kind = SUBMIT_UPDATE;
    s.uri = "u:1";
    assert_takes(take(t, &s), DESK_KNOWN);
    s.kind = SUBMIT_KILL;
    assert_takes(take(t, &s), DESK_KNOWN);
    assert_int_equal(accepted(t), 1);
}

/* --------------------------------------------------------------------------------------- Kills */

static void a_kill_takes_back_the_story_where_it_was_published(void **state)
{
    struct stage *t = *state;
    assert_takes(by_hand(t, ITEM("u:1", "\"urgency\":2,\"language\":\"fr\",\"type\":\"picture\","
                                        "\"bodies\":[{\"value\":\"libel\"}]," HEADLINE("One"))),
                 DESK_ACCEPTED);
    t->now_ms += HOUR_MS;
    assert_takes(kill_story(t, "u:1", "Not \"true\""), DESK_ACCEPTED);
    assert_topic(t, "news/afp/world/fr/2/general");
    struct ninjs item = last_item(t);
    assert_int_equal(item_status(&item), ITEM_CANCELED);
    assert_int_equal(item_urgency(&item), 2);
    assert_null(item.member[NINJS_BODIES].at);
    assert_headline(t, "One");
    assert_member(t, NINJS_VERSION, "2");
    assert_member(t, NINJS_ED_NOTE, "Not \"true\"");
    assert_member(t, NINJS_LANGUAGE, "fr");
    assert_member(t, NINJS_TYPE, "picture");
    assert_member(t, NINJS_FIRST_CREATED, NOW_TEXT);
    assert_member(t, NINJS_VERSION_CREATED, LATER);
}

static void what_was_killed_stays_dead(void **state)
{
    struct stage *t = *state;
    assert_takes(from_feed(t, FEED_ITEM("u:1", "One", "https://a.example/1")), DESK_ACCEPTED);
    assert_takes(kill_story(t, "u:1", NULL), DESK_ACCEPTED);
    struct ninjs item = last_item(t);
    assert_null(item.member[NINJS_ED_NOTE].at);
    assert_takes(kill_story(t, "u:1", "again"), DESK_KNOWN);
    assert_takes(by_hand(t, ITEM("u:1", "\"pubStatus\":\"canceled\"")), DESK_KNOWN);
    assert_refused(by_hand(t, ITEM("u:1", "\"version\":\"9\"," HEADLINE("x"))), "u:1: was killed");
    assert_refused(update(t, ITEM("u:1", HEADLINE("x"))), "u:1: was killed");
    assert_takes(from_feed(t, FEED_ITEM("u:1", "One", "https://a.example/1")), DESK_KNOWN);
    assert_takes(from_feed(t, FEED_ITEM("u:1", "Two", "https://a.example/2")), DESK_KNOWN);
    stop(t);
    start(t);
    assert_takes(from_feed(t, FEED_ITEM("u:1", "One", "https://a.example/1")), DESK_KNOWN);
    assert_int_equal(accepted(t), 2);
}

static void an_unknown_uri_cannot_be_killed_but_by_an_item(void **state)
{
    struct stage *t = *state;
    char uri[NINJS_URI_MAX + 1];
    memset(uri, 'u', sizeof uri - 1);
    uri[sizeof uri - 1] = '\0';
    assert_refused(kill_story(t, "u:1", NULL),
                   "u:1: was not published from this journal; send it as an item with pubStatus "
                   "canceled to kill it nevertheless");
    assert_refused(kill_story(t, uri, NULL),
                   "uu: was not published from this journal; send it as an "
                   "item with pubStatus canceled to kill it nevertheless");
    assert_takes(by_hand(t, ITEM("u:1", "\"pubStatus\":\"canceled\",\"expires\":\"2020-01-01\","
                                        "\"embargoedUntil\":\"2036-01-01T00:00:00Z\"")),
                 DESK_ACCEPTED);
    assert_topic(t, WORLD("5", "general"));
    assert_refused(by_hand(t, ITEM("u:1", HEADLINE("x"))), "was killed");
}

static void an_item_that_says_canceled_is_a_kill(void **state)
{
    struct stage *t = *state;
    static const struct {
        const char *uri, *item, *version;
    } cases[] = {
        {"u:0", ITEM("u:0", "\"pubStatus\":\"canceled\"," HEADLINE("Kill")), "6"},
        {"u:1", ITEM("u:1", "\"pubStatus\":\"canceled\",\"version\":\"2\"," HEADLINE("Kill")), "6"},
        {"u:2", ITEM("u:2", "\"pubStatus\":\"canceled\",\"version\":\"5\"," HEADLINE("Kill")), "6"},
        {"u:3", ITEM("u:3", "\"pubStatus\":\"canceled\",\"version\":\"8\"," HEADLINE("Kill")), "8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char item[200];
        (void)snprintf(item, sizeof item,
                       ITEM("%s", "\"version\":\"5\",\"urgency\":3," HEADLINE("One")),
                       cases[i].uri);
        assert_takes(by_hand(t, item), DESK_ACCEPTED);
        assert_takes(by_hand(t, cases[i].item), DESK_ACCEPTED);
        assert_topic(t, WORLD("3", "general"));
        assert_member(t, NINJS_VERSION, cases[i].version);
        assert_member(t, NINJS_PUB_STATUS, "canceled");
        assert_headline(t, "Kill");
        assert_refused(by_hand(t, item), "was killed");
    }
}

static void an_update_that_says_canceled_is_a_kill(void **state)
{
    struct stage *t = *state;
    assert_takes(by_hand(t, ITEM("u:1", HEADLINE("One"))), DESK_ACCEPTED);
    assert_takes(update(t, ITEM("u:1", "\"pubStatus\":\"canceled\"")), DESK_ACCEPTED);
    assert_refused(by_hand(t, ITEM("u:1", HEADLINE("x"))), "was killed");
}

static void a_kill_needs_no_bytes_of_what_it_kills(void **state)
{
    struct stage *t = *state;
    uint64_t pruned;
    assert_takes(by_hand(t, ITEM("u:1", "\"urgency\":3," HEADLINE("One"))), DESK_ACCEPTED);
    journal_done(t->journal, 1);
    assert_true(journal_prune(t->journal, &(struct journal_keep){.keep_ms = 1}, NOW_MS + DAY_MS,
                              &pruned, NULL));
    assert_int_equal(pruned, 1);
    assert_takes(kill_story(t, "u:1", "why"), DESK_ACCEPTED);
    assert_topic(t, WORLD("3", "general"));
    assert_member(t, NINJS_VERSION, "2");
    assert_member(t, NINJS_PUB_STATUS, "canceled");
}

/* ----------------------------------------------------------------------------------- Embargoes */

#define EMBARGOED(until) "\"embargoedUntil\":\"" until "\""

/* Takes what is due; the answer, or -1 when nothing is. */
static int take_held(struct stage *t, int64_t *due_ms)
{
    enum desk_answer a = DESK_FAILED;
    t->err = (struct news_error){0};
    assert_true(journal_begin(t->journal, NULL));
    bool took = desk_take_held(t->desk, t->now_ms, due_ms, &a, &t->id, &t->err);
    assert_true(journal_commit(t->journal, NULL));
    return took ? (int)a : -1;
}

static void an_embargoed_item_is_held_until_it_is_due(void **state)
{
    struct stage *t = *state;
    int64_t due;
    assert_int_equal(take_held(t, &due), -1);
    assert_true(due == INT64_MAX);
    assert_takes(from_feed(t, ITEM("u:1", EMBARGOED(LATER) "," HEADLINE("One"))), DESK_HELD);
    assert_takes(by_hand(t, ITEM("u:2", EMBARGOED("2026-11-23T16:02:07Z") "," HEADLINE("Two"))),
                 DESK_HELD);
    assert_int_equal(accepted(t), 0);
    stop(t);
    start(t);
    assert_int_equal(journal_held(t->journal), 2);
    t->now_ms = NOW_MS + HOUR_MS - 1;
    assert_int_equal(take_held(t, &due), -1);
    assert_true(due == NOW_MS + HOUR_MS);
    t->now_ms = due;
    assert_int_equal(take_held(t, &due), DESK_ACCEPTED);
    assert_true(due == NOW_MS + 2 * HOUR_MS);
    assert_member(t, NINJS_URI, "u:1");
    assert_topic(t, WORLD("5", "general"));
    assert_int_equal(take_held(t, &due), -1);
    t->now_ms += 5 * HOUR_MS;
    assert_int_equal(take_held(t, &due), DESK_ACCEPTED);
    assert_member(t, NINJS_URI, "u:2");
    assert_true(due == INT64_MAX);
    assert_int_equal(journal_held(t->journal), 0);
    assert_takes(take_from(t, "cnn", true, ITEM("u:1", HEADLINE("x"))), DESK_KNOWN); /* bbc's */
}

static void an_embargo_that_is_over_holds_nothing(void **state)
{
    struct stage *t = *state;
    assert_takes(by_hand(t, ITEM("u:1", EMBARGOED(NOW_TEXT))), DESK_ACCEPTED);
    assert_refused(by_hand(t, ITEM("u:2", EMBARGOED("soon"))),
                   "u:2: embargoedUntil: is not a date; not sent");
}

static void a_later_item_replaces_the_one_that_is_held(void **state)
{
    struct stage *t = *state;
    int64_t due;
    assert_takes(by_hand(t, ITEM("u:1", EMBARGOED(LATER) "," HEADLINE("One"))), DESK_HELD);
    assert_takes(by_hand(t, ITEM("u:1", EMBARGOED("2026-11-23T14:30:00Z") "," HEADLINE("Two"))),
                 DESK_HELD);
    assert_int_equal(journal_held(t->journal), 1);
    assert_takes(by_hand(t, ITEM("u:1", HEADLINE("Three"))), DESK_ACCEPTED);
    assert_int_equal(journal_held(t->journal), 0);
    t->now_ms += DAY_MS;
    assert_int_equal(take_held(t, &due), -1);
}

static void a_held_version_follows_the_one_that_is_published(void **state)
{
    struct stage *t = *state;
    int64_t due;
    assert_takes(by_hand(t, ITEM("u:1", HEADLINE("One"))), DESK_ACCEPTED);
    assert_takes(by_hand(t, ITEM("u:1", EMBARGOED(LATER) "," HEADLINE("Two"))), DESK_HELD);
    assert_takes(update(t, ITEM("u:1", "\"by\":\"Maren\"")), DESK_ACCEPTED); /* in between */
    t->now_ms += HOUR_MS;
    assert_int_equal(take_held(t, &due), DESK_ACCEPTED);
    assert_member(t, NINJS_VERSION, "3");
    assert_headline(t, "Two");
}

static void an_update_can_be_embargoed(void **state)
{
    struct stage *t = *state;
    int64_t due;
    assert_takes(by_hand(t, ITEM("u:1", HEADLINE("One"))), DESK_ACCEPTED);
    assert_takes(update(t, ITEM("u:1", EMBARGOED(LATER) "," HEADLINE("Two"))), DESK_HELD);
    assert_takes(kill_story(t, "u:2", NULL), DESK_REFUSED);
    t->now_ms += HOUR_MS;
    assert_int_equal(take_held(t, &due), DESK_ACCEPTED);
    assert_member(t, NINJS_VERSION, "2");
    assert_headline(t, "Two");
}

static void a_kill_drops_what_is_held(void **state)
{
    struct stage *t = *state;
    int64_t due;
    assert_takes(by_hand(t, ITEM("u:1", EMBARGOED(LATER))), DESK_HELD);
    assert_takes(kill_story(t, "u:1", "no"), DESK_KNOWN); /* there is nothing to take back */
    assert_refused(by_hand(t, ITEM("u:1", EMBARGOED(LATER))), "u:1: was killed");
    assert_takes(by_hand(t, ITEM("u:2", HEADLINE("One"))), DESK_ACCEPTED);
    assert_takes(by_hand(t, ITEM("u:2", EMBARGOED(LATER) "," HEADLINE("Two"))), DESK_HELD);
    assert_takes(by_hand(t, ITEM("u:2", "\"pubStatus\":\"canceled\"")), DESK_ACCEPTED);
    assert_int_equal(journal_held(t->journal), 0);
    t->now_ms += DAY_MS;
    assert_int_equal(take_held(t, &due), -1);
    assert_int_equal(accepted(t), 2);
}

static void what_is_refused_when_it_is_due_is_held_no_more(void **state)
{
    struct stage *t = *state;
    int64_t due;
    assert_takes(by_hand(t, ITEM("u:1", EMBARGOED(LATER) ",\"expires\":\"2026-11-23T16:00:00Z\"")),
                 DESK_HELD);
    assert_true(journal_begin(t->journal, NULL));
    assert_true(journal_hold(t->journal, "u:0", NOW_MS, "{\"v\":1,\"op\":", 12, NULL));
    assert_int_equal(take_held(t, &due), DESK_REFUSED);
    assert_int_equal(t->err.code, NEWS_ERR_DATA);
    t->now_ms += DAY_MS;
    assert_int_equal(take_held(t, &due), DESK_REFUSED);
    assert_string_equal(t->err.message, "u:1: expired at 2026-11-23T16:00:00Z, not sent");
    assert_int_equal(journal_held(t->journal), 0);
}

static void a_held_story_under_a_uri_used_again_gets_its_own(void **state)
{
    struct stage *t = *state;
    int64_t due;
    assert_takes(from_feed(t, FEED_ITEM("u:1", "One", "https://a.example/1")), DESK_ACCEPTED);
    assert_takes(from_feed(t, ITEM("u:1", EMBARGOED(LATER) "," HEADLINE("Two") "," LINK(
                                              "https://a.example/2"))),
                 DESK_HELD);
    t->now_ms += HOUR_MS;
    assert_int_equal(take_held(t, &due), DESK_ACCEPTED);
    assert_member(t, NINJS_VERSION, "1");
    assert_int_equal(journal_held(t->journal), 0);
}

static void what_has_expired_is_refused(void **state)
{
    struct stage *t = *state;
    assert_refused(by_hand(t, ITEM("u:1", "\"expires\":\"" NOW_TEXT "\"")),
                   "u:1: expired at " NOW_TEXT ", not sent");
    assert_takes(by_hand(t, ITEM("u:1", "\"expires\":\"" LATER "\"")), DESK_ACCEPTED);
    t->now_ms += DAY_MS;
    assert_takes(by_hand(t, ITEM("u:1", "\"expires\":\"" LATER "\"")), DESK_KNOWN);
}

/* ------------------------------------------------------------------------------ When it is bad */

static void a_journal_that_fails_is_told_apart_from_a_bad_submission(void **state)
{
    struct stage *t = *state;
    struct news_error err = {0};
    if (!db_exec(journal_db(t->journal),
                 "CREATE TEMP TRIGGER full BEFORE INSERT ON item BEGIN"
                 " SELECT raise(FAIL, 'no'); END",
                 &err))
        fail_msg("%s", err.message);
    assert_takes(by_hand(t, ITEM("u:1", HEADLINE("One"))), DESK_FAILED);
    assert_int_equal(t->err.code, NEWS_ERR_IO);
    assert_true(db_exec(journal_db(t->journal), "DROP TRIGGER full", &err));
    assert_takes(by_hand(t, ITEM("u:1", HEADLINE("One"))), DESK_ACCEPTED);
    assert_int_equal(t->id, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_item_is_completed_numbered_and_kept),
        TEST(the_same_content_again_is_known),
        TEST(another_publisher_is_refused),
        TEST(what_cannot_be_sent_draws_no_number),
        TEST(an_item_that_is_too_large_once_complete_is_refused),
        TEST(changed_content_becomes_the_next_version_on_the_same_topic),
        TEST(the_version_we_have_with_other_content_becomes_the_next),
        TEST(a_version_of_its_own_goes_out_as_it_is),
        TEST(what_is_no_decimal_version_says_none),
        TEST(a_later_date_of_its_own_is_kept_an_earlier_one_is_not),
        TEST(a_story_belongs_to_the_source_that_brought_it_first),
        TEST(a_correction_by_hand_is_not_undone_by_its_source),
        TEST(what_was_sent_by_hand_can_be_sent_again_after_an_update),
        TEST(a_feed_that_uses_a_uri_again_tells_another_story),
        TEST(only_a_feed_uses_uris_again),
        TEST(a_story_without_headline_or_link_is_not_told_from_another),
        TEST(a_story_that_is_shown_on_is_not_forgotten),
        TEST(an_update_replaces_members_of_the_newest_version),
        TEST(an_update_that_changes_nothing_is_known),
        TEST(an_update_needs_a_story_that_is_still_there),
        TEST(a_source_updates_its_own_stories_only),
        TEST(a_kill_takes_back_the_story_where_it_was_published),
        TEST(what_was_killed_stays_dead),
        TEST(an_unknown_uri_cannot_be_killed_but_by_an_item),
        TEST(an_item_that_says_canceled_is_a_kill),
        TEST(an_update_that_says_canceled_is_a_kill),
        TEST(a_kill_needs_no_bytes_of_what_it_kills),
        TEST(an_embargoed_item_is_held_until_it_is_due),
        TEST(an_embargo_that_is_over_holds_nothing),
        TEST(a_later_item_replaces_the_one_that_is_held),
        TEST(a_held_version_follows_the_one_that_is_published),
        TEST(an_update_can_be_embargoed),
        TEST(a_kill_drops_what_is_held),
        TEST(what_is_refused_when_it_is_due_is_held_no_more),
        TEST(a_held_story_under_a_uri_used_again_gets_its_own),
        TEST(what_has_expired_is_refused),
        TEST(a_journal_that_fails_is_told_apart_from_a_bad_submission),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
