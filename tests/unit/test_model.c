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
#include "common/item.h"
#include "subscriber/cli.h"
#include "subscriber/model.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NOW          INT64_C(1795442527000) /* 2026-11-23T14:02:07Z */
#define MINUTE       INT64_C(60000)

/* --------------------------------------------------------------------------------- Items */

/* What an item says; NULL and 0: it does not say it. */
struct told {
    const char *publisher, *uri, *headline, *link, *status, *version;
    int urgency;
    int64_t embargo_ms, expires_ms;
    const char *embargo; /* as text */
};

struct news {
    struct buf bytes;
    struct ninjs item;
    struct arrival arrival;
    char topic[64];
};

static void put_date(struct buf *b, const char *name, int64_t ms)
{
    char text[DATE_RFC3339_SIZE];
    if (!ms) return;
    date_rfc3339(ms, text);
    buf_printf(b, ",\"%s\":\"%s\"", name, text);
}

static void tell(struct news *n, const struct told *t)
{
    const char *publisher = t->publisher ? t->publisher : "p";
    *n = (struct news){0};
    (void)snprintf(n->topic, sizeof n->topic, "news/%s/world/en/5/general", publisher);
    buf_printf(&n->bytes, "{\"uri\":\"%s\"", t->uri);
    if (t->headline) buf_printf(&n->bytes, ",\"headlines\":[{\"value\":\"%s\"}]", t->headline);
    if (t->link)
        buf_printf(&n->bytes, ",\"renditions\":[{\"name\":\"web\",\"href\":\"%s\"}]", t->link);
    if (t->status) buf_printf(&n->bytes, ",\"pubStatus\":\"%s\"", t->status);
    if (t->version) buf_printf(&n->bytes, ",\"version\":\"%s\"", t->version);
    if (t->urgency) buf_printf(&n->bytes, ",\"urgency\":%d", t->urgency);
    if (t->embargo) buf_printf(&n->bytes, ",\"embargoedUntil\":\"%s\"", t->embargo);
    put_date(&n->bytes, "embargoedUntil", t->embargo_ms);
    put_date(&n->bytes, "expires", t->expires_ms);
    buf_putc(&n->bytes, '}');
    if (!arrival_read(&n->arrival, &n->item, TOPIC_ROOT, n->topic, n->bytes.data, n->bytes.len,
                      NOW))
        fail_msg("no item: %s", n->bytes.data);
}

/* --------------------------------------------------------------------------------- Models */

struct setup {
    struct rules *rules;
    struct model *model;
    int64_t newest_id, oldest_id;
};

static struct setup setup_with(const struct settings *settings, size_t entries_max, bool fold)
{
    struct setup s = {.rules = rules_new(settings, NULL), .newest_id = 1000, .oldest_id = 1000};
    assert_non_null(s.rules);
    s.model = model_new(
        &(struct model_options){.rules = s.rules, .entries_max = entries_max, .fold = fold}, NULL);
    assert_non_null(s.model);
    return s;
}

static struct setup setup(void)
{
    return setup_with(&(struct settings){0}, 100, true);
}

static void done(struct setup *s)
{
    model_free(s->model);
    rules_free(s->rules);
}

static int64_t put_at(struct setup *s, int64_t now_ms, unsigned marks, struct told t)
{
    struct news n;
    tell(&n, &t);
    int64_t place = model_put(s->model, &n.arrival, ++s->newest_id, marks, now_ms);
    buf_deinit(&n.bytes);
    return place;
}

static int64_t put(struct setup *s, struct told t)
{
    return put_at(s, NOW, 0, t);
}

static bool put_older(struct setup *s, unsigned marks, struct told t)
{
    struct news n;
    tell(&n, &t);
    bool taken = model_put_older(s->model, &n.arrival, --s->oldest_id, marks, NOW);
    buf_deinit(&n.bytes);
    return taken;
}

static void judge(struct setup *s, int64_t place, struct told t)
{
    struct news n;
    tell(&n, &t);
    model_judge(s->model, place, &n.arrival, NOW);
    buf_deinit(&n.bytes);
}

static const struct model_entry *at(const struct setup *s, int64_t place)
{
    const struct model_entry *e = model_entry(s->model, place);
    if (!e) fail_msg("nothing is at %lld", (long long)place);
    return e;
}

static void live(struct setup *s, const char *expression)
{
    rules_set_live(s->rules, expression ? filter_new(expression, NULL, NULL) : NULL);
}

/* ---------------------------------------------------------------------- Places and versions */

static void an_empty_model_has_nothing(void **state)
{
    (void)state;
    struct setup s = setup();
    int64_t next;
    assert_int_equal(model_count(s.model), 0);
    assert_int_equal(model_first(s.model), model_end(s.model));
    assert_null(model_entry(s.model, 0));
    assert_null(model_entry(s.model, MODEL_NONE));
    assert_true(model_place(s.model, 1) == MODEL_NONE);
    assert_true(model_stale(s.model) == MODEL_NONE);
    assert_int_equal(model_index(s.model, 0), 0);
    assert_int_equal(model_unread_from(s.model, 0, 1), SIZE_MAX);
    assert_false(model_clock(s.model, NOW, &next));
    assert_true(next == INT64_MAX);
    model_drop(s.model, 0);
    model_seen(s.model, 0);
    model_seen_all(s.model);
    model_set_marks(s.model, 0, HISTORY_READ, 0);
    model_rejudge(s.model, MODEL_NONE);
    assert_int_equal(model_counts(s.model).entries, 0);
    done(&s);
    model_free(NULL);
}

static void the_newest_place_is_the_highest_and_older_ones_go_below_the_first(void **state)
{
    (void)state;
    struct setup s = setup();
    int64_t a = put(&s, (struct told){.uri = "u:1"}), b = put(&s, (struct told){.uri = "u:2"});
    assert_true(put_older(&s, 0, (struct told){.uri = "u:0"}));
    assert_true(put_older(&s, 0, (struct told){.uri = "u:-1"}));
    assert_true(b == a + 1);
    assert_true(model_first(s.model) == a - 2);
    assert_true(model_end(s.model) == b + 1);
    assert_int_equal(model_count(s.model), 4);
    for (size_t i = 0; i < 4; i++) {
        assert_true(model_visible(s.model, i) == a - 2 + (int64_t)i);
        assert_int_equal(model_index(s.model, a - 2 + (int64_t)i), i);
    }
    assert_int_equal(model_index(s.model, b + 1), 4);
    assert_int_equal(at(&s, a - 2)->id, 998);
    assert_true(model_place(s.model, 998) == a - 2);
    done(&s);
}

static void a_later_version_changes_its_entry_in_place(void **state)
{
    (void)state;
    struct setup s = setup();
    int64_t a = put(&s, (struct told){.uri = "u:1", .urgency = 5});
    put(&s, (struct told){.uri = "u:2"});
    model_seen(s.model, a);
    model_set_marks(s.model, a, HISTORY_READ | HISTORY_STARRED, 0);
    assert_true(put(&s, (struct told){.uri = "u:1", .urgency = 2}) == a);
    const struct model_entry *e = at(&s, a);
    assert_int_equal(e->id, 1003);
    assert_int_equal(e->first_id, 1001);
    assert_int_equal(e->urgency, 2);
    assert_int_equal(e->marks, HISTORY_READ | HISTORY_STARRED);
    assert_true(e->updated);
    assert_false(e->fresh);
    assert_true(model_place(s.model, 1003) == a);
    assert_true(model_place(s.model, 1001) == MODEL_NONE);
    assert_int_equal(model_counts(s.model).entries, 2);
    done(&s);
}

static void the_same_uri_of_two_publishers_is_two_entries(void **state)
{
    (void)state;
    struct setup s = setup_with(&(struct settings){0}, 10, false);
    int64_t a = put(&s, (struct told){.publisher = "a", .uri = "u:1"});
    int64_t b = put(&s, (struct told){.publisher = "b", .uri = "u:1"});
    assert_true(a != b);
    assert_int_equal(model_count(s.model), 2); /* and without folding both are visible */
    assert_int_equal(at(&s, a)->followers, 0);
    done(&s);
}

static void the_oldest_go_when_there_are_too_many(void **state)
{
    (void)state;
    struct setup s = setup_with(&(struct settings){0}, 3, true);
    static const char *const uris[] = {"u:1", "u:2", "u:3", "u:4", "u:5"};
    int64_t first = put(&s, (struct told){.uri = uris[0]});
    for (size_t i = 1; i < 5; i++)
        put(&s, (struct told){.uri = uris[i]});
    assert_int_equal(model_counts(s.model).entries, 3);
    assert_null(model_entry(s.model, first + 1));
    assert_true(model_first(s.model) == first + 2);
    assert_true(model_visible(s.model, 0) == first + 2);
    assert_false(put_older(&s, 0, (struct told){.uri = "u:0"}));
    /* One that has gone is met as for the first time. */
    assert_true(put(&s, (struct told){.uri = uris[0]}) == first + 5);
    done(&s);
}

static void the_version_of_an_older_row_tells_that_it_was_updated(void **state)
{
    (void)state;
    struct setup s = setup();
    assert_true(put_older(&s, 0, (struct told){.uri = "u:1", .version = "1"}));
    assert_true(put_older(&s, 0, (struct told){.uri = "u:2", .version = "2"}));
    assert_true(put_older(&s, 0, (struct told){.uri = "u:3", .version = "2", .status = "canceled"}));
    assert_false(at(&s, -1)->updated);
    assert_true(at(&s, -2)->updated);
    assert_false(at(&s, -3)->updated);
    done(&s);
}

static void an_older_row_of_a_story_that_is_here_is_passed_over(void **state)
{
    (void)state;
    struct setup s = setup();
    put(&s, (struct told){.uri = "u:1", .urgency = 1});
    assert_true(put_older(&s, 0, (struct told){.uri = "u:1", .urgency = 9}));
    assert_int_equal(model_counts(s.model).entries, 1);
    assert_int_equal(at(&s, 0)->urgency, 1);
    done(&s);
}

static void an_entry_that_is_dropped_leaves_a_hole_that_closes_at_the_oldest_end(void **state)
{
    (void)state;
    struct setup s = setup_with(&(struct settings){0}, 3, true);
    int64_t a = put(&s, (struct told){.uri = "u:1"}), b = put(&s, (struct told){.uri = "u:2"}),
            c = put(&s, (struct told){.uri = "u:3"});
    model_drop(s.model, b);
    model_drop(s.model, b);
    assert_null(model_entry(s.model, b));
    assert_int_equal(model_count(s.model), 2);
    assert_true(model_first(s.model) == a);
    assert_true(model_place(s.model, 1002) == MODEL_NONE);
    model_drop(s.model, a);
    assert_true(model_first(s.model) == c);
    assert_true(put_older(&s, 0, (struct told){.uri = "u:1"}));
    assert_true(model_first(s.model) == b);
    model_drop(s.model, c);
    model_drop(s.model, b);
    assert_true(model_first(s.model) == model_end(s.model));
    assert_true(put(&s, (struct told){.uri = "u:9"}) == c + 1);
    done(&s);
}

/* --------------------------------------------------------------------------------- Kills */

static void a_kill_strikes_its_entry_and_stays_visible(void **state)
{
    (void)state;
    struct setup s = setup();
    live(&s, "storm");
    int64_t a = put(&s, (struct told){.uri = "u:1", .headline = "Storm"});
    int64_t b = put(&s, (struct told){.uri = "u:2", .headline = "Calm"});
    assert_true(at(&s, b)->hidden);
    assert_true(put(&s, (struct told){.uri = "u:1", .status = "canceled"}) == a);
    assert_int_equal(at(&s, a)->status, ITEM_CANCELED);
    assert_true(at(&s, a)->visible);
    assert_true(put(&s, (struct told){.uri = "u:2", .status = "canceled"}) == b);
    assert_false(at(&s, b)->visible); /* nobody saw what it takes back */
    assert_int_equal(model_count(s.model), 1);
    done(&s);
}

static void a_kill_of_nothing_we_have_is_ignored_but_one_of_the_history_has_its_place(void **state)
{
    (void)state;
    struct setup s = setup();
    assert_true(put(&s, (struct told){.uri = "u:1", .status = "canceled"}) == MODEL_NONE);
    assert_int_equal(model_counts(s.model).entries, 0);
    assert_true(put_older(&s, 0, (struct told){.uri = "u:1", .status = "canceled"}));
    assert_int_equal(model_count(s.model), 1);
    done(&s);
}

/* -------------------------------------------------------------------------------- Folding */

#define LINK "https://example.org/1"

static void the_same_story_is_one_line(void **state)
{
    (void)state;
    static const struct {
        struct told a, b;
        bool folded;
    } rows[] = {
        {{.publisher = "a", .uri = "u:1", .headline = "One thing"},
         {.publisher = "b", .uri = "u:1", .headline = "Other matter"},
         true},
        {{.publisher = "a", .uri = "u:1", .headline = "One thing"},
         {.publisher = "b", .uri = "u:2", .headline = "One thing"},
         false},
        {{.publisher = "a", .uri = "u:1", .headline = "Storm closes ports", .link = LINK},
         {.publisher = "b", .uri = "u:2", .headline = "Storm closes all", .link = LINK},
         true},
        {{.publisher = "a", .uri = "u:1", .headline = "Storm closes ports", .link = LINK},
         {.publisher = "b", .uri = "u:2", .headline = "Prices rise", .link = LINK},
         false},
        {{.publisher = "a", .uri = "u:1", .headline = "Storm closes ports", .link = LINK},
         {.publisher = "b", .uri = "u:2", .headline = "STORM closes ports", .link = LINK "2"},
         false},
        /* a feed that changes its guids */
        {{.publisher = "a", .uri = "u:1", .headline = "Storm closes ports", .link = LINK},
         {.publisher = "a", .uri = "u:2", .headline = "Storm closes ports", .link = LINK},
         true},
        {{.publisher = "a", .uri = "u:1", .headline = "Storm"},
         {.publisher = "b", .uri = "u:2", .headline = "Storm"},
         false},
        {{.publisher = "a", .uri = "u:1", .link = LINK},
         {.publisher = "b", .uri = "u:2", .link = LINK},
         false},
        /* the same characters, written differently */
        {{.publisher = "a", .uri = "u:\\u00e9", .headline = "One"},
         {.publisher = "b", .uri = "u:\xc3\xa9", .headline = "Two"},
         true},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct setup s = setup();
        int64_t a = put(&s, rows[i].a), b = put(&s, rows[i].b);
        if (at(&s, b)->visible == rows[i].folded) fail_msg("row %zu", i);
        assert_true(at(&s, b)->leader == (rows[i].folded ? a : b));
        assert_true(at(&s, a)->follower == (rows[i].folded ? b : MODEL_NONE));
        assert_int_equal(at(&s, a)->followers, rows[i].folded);
        assert_int_equal(model_counts(s.model).folded, rows[i].folded);
        done(&s);
    }
}

static void headlines_are_near_when_half_of_their_words_are_the_same(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool near;
    } rows[] = {
        {"Storm closes ports", "storm, closes: PORTS!", true},
        {"Storm closes ports", "Ports closed by storm today", false}, /* 2 of 5 */
        {"Storm closes ports", "Ports closed by storm", true},        /* 2 of 4 */
        {"Storm", "Storm closes", true},
        {"Storm", "Storm closes ports", false},
        {"Storm storm storm", "storm", true},
        {"\xc3\x89lys\xc3\xa9"
         "e",
         "Elysee", true},
        {"", "", false},
        {"", "Storm", false},
        {"!?", "!?", false},
        {"\xe5\x8c\x97\xe4\xba\xac\xe5\xa4\xa7", "\xe5\x8c\x97\xe4\xba\xac\xe5\xb0\x8f", true},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *a = rows[i].a, *b = rows[i].b;
        if (model_headlines_near(a, strlen(a), b, strlen(b)) != rows[i].near ||
            model_headlines_near(b, strlen(b), a, strlen(a)) != rows[i].near)
            fail_msg("\"%s\", \"%s\"", a, b);
    }
}

static void an_older_one_takes_the_lead_and_the_marks_are_added_up(void **state)
{
    (void)state;
    struct setup s = setup();
    int64_t b = put(&s, (struct told){.publisher = "b", .uri = "u:1"});
    model_set_marks(s.model, b, HISTORY_READ, 0);
    assert_true(put_older(&s, HISTORY_STARRED, (struct told){.publisher = "a", .uri = "u:1"}));
    int64_t a = model_first(s.model);
    assert_true(at(&s, b)->leader == a);
    assert_int_equal(model_count(s.model), 1);
    assert_true(model_visible(s.model, 0) == a);
    assert_int_equal(at(&s, a)->marks, HISTORY_READ | HISTORY_STARRED);
    assert_int_equal(model_counts(s.model).unread, 0);
    done(&s);
}

static void followers_stand_in_the_order_of_their_places(void **state)
{
    (void)state;
    struct setup s = setup();
    int64_t c = put(&s, (struct told){.publisher = "c", .uri = "u:1"});
    int64_t x = put_at(&s, NOW, 0,
                       (struct told){.publisher = "x", .uri = "u:1", .embargo_ms = NOW + MINUTE}),
            next;
    int64_t d = put(&s, (struct told){.publisher = "d", .uri = "u:1"});
    assert_true(put_older(&s, 0, (struct told){.publisher = "a", .uri = "u:1"}));
    assert_int_equal(at(&s, c - 1)->followers, 2);
    assert_true(at(&s, c)->follower == d);
    assert_true(model_clock(s.model, NOW + MINUTE, &next));
    assert_int_equal(at(&s, c - 1)->followers, 3);
    assert_true(at(&s, c)->follower == x);
    assert_true(at(&s, x)->follower == d);
    assert_true(at(&s, d)->follower == MODEL_NONE);
    assert_int_equal(model_count(s.model), 1);
    done(&s);
}

static void when_the_leader_is_killed_the_next_one_leads_with_its_marks(void **state)
{
    (void)state;
    struct setup s = setup();
    int64_t a = put(&s, (struct told){.publisher = "a", .uri = "u:1"}),
            b = put(&s, (struct told){.publisher = "b", .uri = "u:1"}),
            c = put(&s, (struct told){.publisher = "c", .uri = "u:1"});
    model_set_marks(s.model, a, HISTORY_STARRED, 0);
    model_seen(s.model, a);
    put(&s, (struct told){.publisher = "a", .uri = "u:1", .status = "canceled"});
    assert_true(at(&s, a)->visible && at(&s, b)->visible && !at(&s, c)->visible);
    assert_true(at(&s, a)->leader == a && at(&s, c)->leader == b);
    assert_int_equal(at(&s, a)->followers, 0);
    assert_int_equal(at(&s, b)->followers, 1);
    assert_int_equal(at(&s, b)->marks, HISTORY_STARRED);
    assert_int_equal(model_counts(s.model).fresh, 0); /* the line was seen */
    /* A kill follows nobody and leads nobody. */
    int64_t d = put(&s, (struct told){.publisher = "d", .uri = "u:1"});
    assert_true(at(&s, d)->leader == b);
    done(&s);
}

static void a_follower_that_is_killed_is_visible_by_itself(void **state)
{
    (void)state;
    struct setup s = setup();
    int64_t a = put(&s, (struct told){.publisher = "a", .uri = "u:1"}),
            b = put(&s, (struct told){.publisher = "b", .uri = "u:1"});
    put(&s, (struct told){.publisher = "b", .uri = "u:1", .status = "canceled"});
    assert_true(at(&s, a)->visible && at(&s, b)->visible);
    assert_int_equal(at(&s, a)->followers, 0);
    done(&s);
}

static void when_the_leader_goes_the_next_one_leads(void **state)
{
    (void)state;
    struct setup s = setup_with(&(struct settings){0}, 3, true);
    int64_t a = put(&s, (struct told){.publisher = "a", .uri = "u:1"}),
            b = put(&s, (struct told){.publisher = "b", .uri = "u:1"}),
            c = put(&s, (struct told){.publisher = "c", .uri = "u:1"});
    model_set_marks(s.model, a, HISTORY_READ, 0);
    put(&s, (struct told){.publisher = "a", .uri = "u:2"});
    assert_null(model_entry(s.model, a));
    assert_true(at(&s, b)->visible && at(&s, c)->leader == b);
    assert_int_equal(model_counts(s.model).unread, 1);
    model_drop(s.model, b);
    assert_true(at(&s, c)->visible);
    assert_true(at(&s, c)->leader == c);
    assert_int_equal(at(&s, c)->marks, HISTORY_READ);
    done(&s);
}

static void marks_of_one_are_marks_of_the_whole_story(void **state)
{
    (void)state;
    struct setup s = setup();
    int64_t a = put(&s, (struct told){.publisher = "a", .uri = "u:1"}),
            b = put(&s, (struct told){.publisher = "b", .uri = "u:1"});
    assert_int_equal(model_counts(s.model).unread, 1);
    model_set_marks(s.model, b, HISTORY_READ | HISTORY_STARRED, 0);
    assert_int_equal(at(&s, a)->marks, HISTORY_READ | HISTORY_STARRED);
    model_set_marks(s.model, a, 0, HISTORY_READ);
    assert_int_equal(at(&s, b)->marks, HISTORY_STARRED);
    assert_int_equal(model_counts(s.model).unread, 1);
    done(&s);
}

/* It would come back as new: the one that is read is hidden, and so cannot be followed. */
static void a_story_that_was_read_stays_read_when_another_tells_it(void **state)
{
    (void)state;
    struct setup s = setup();
    int64_t a = put(&s, (struct told){.publisher = "a", .uri = "u:1"});
    model_set_marks(s.model, a, HISTORY_READ, 0);
    rules_set_unread_only(s.rules, true);
    model_rejudge(s.model, MODEL_NONE);
    judge(&s, a, (struct told){.publisher = "a", .uri = "u:1"});
    assert_int_equal(model_count(s.model), 0);
    int64_t b = put(&s, (struct told){.publisher = "b", .uri = "u:1"});
    assert_int_equal(at(&s, b)->marks, HISTORY_READ);
    assert_int_equal(model_count(s.model), 0);
    done(&s);
}

static void a_leader_that_is_hidden_takes_nobody_with_it(void **state)
{
    (void)state;
    struct setup s = setup_with(&(struct settings){.hide = {{"publisher = a"}, 1}}, 10, true);
    int64_t a = put(&s, (struct told){.publisher = "a", .uri = "u:1"}),
            b = put(&s, (struct told){.publisher = "b", .uri = "u:1"});
    assert_false(at(&s, a)->visible);
    assert_true(at(&s, b)->visible);
    assert_int_equal(model_counts(s.model).hidden, 1);
    done(&s);
}

static void a_version_that_tells_another_story_stands_by_itself_again(void **state)
{
    (void)state;
    struct setup s = setup();
    int64_t a = put(
        &s, (struct told){
                .publisher = "a", .uri = "u:1", .headline = "Storm closes ports", .link = LINK});
    int64_t b = put(
        &s, (struct told){
                .publisher = "b", .uri = "u:2", .headline = "Storm closes ports", .link = LINK});
    put(&s, (struct told){.publisher = "b", .uri = "u:2", .headline = "Prices rise", .link = LINK});
    assert_true(at(&s, b)->visible);
    assert_int_equal(at(&s, a)->followers, 0);
    put(&s, (struct told){
                .publisher = "b", .uri = "u:2", .headline = "Storm closes ports", .link = LINK});
    assert_true(at(&s, b)->leader == a);
    put(&s, (struct told){.publisher = "a", .uri = "u:1", .headline = "Prices rise", .link = LINK});
    assert_true(at(&s, a)->visible && at(&s, b)->visible);
    done(&s);
}

static void the_entries_of_one_story_are_bounded(void **state)
{
    (void)state;
    struct setup s = setup_with(&(struct settings){0}, 1000, true);
    for (int i = 0; i < MODEL_FOLD_MAX + 30; i++) {
        char publisher[16];
        (void)snprintf(publisher, sizeof publisher, "p%d", i);
        put(&s, (struct told){.publisher = publisher, .uri = "u:1"});
    }
    assert_int_equal(at(&s, 0)->followers, MODEL_FOLD_MAX - 1);
    assert_int_equal(model_count(s.model), 2);
    assert_int_equal(at(&s, MODEL_FOLD_MAX)->followers, 29);
    done(&s);
}

/* ----------------------------------------------------------------------------------- Time */

static void an_embargo_lifts_and_an_item_expires(void **state)
{
    (void)state;
    struct setup s = setup();
    int64_t next,
        a = put(&s, (struct told){
                        .uri = "u:1", .embargo_ms = NOW + MINUTE, .expires_ms = NOW + 3 * MINUTE});
    int64_t b = put(&s, (struct told){.uri = "u:2", .expires_ms = NOW + 2 * MINUTE});
    assert_int_equal(model_counts(s.model).waiting, 1);
    assert_true(model_visible(s.model, 0) == b);
    assert_false(model_clock(s.model, NOW + MINUTE - 1, &next));
    assert_true(next == NOW + MINUTE);
    assert_true(model_clock(s.model, NOW + MINUTE, &next));
    assert_true(next == NOW + 2 * MINUTE);
    assert_true(model_visible(s.model, 0) == a);
    assert_int_equal(model_counts(s.model).fresh, 2);
    assert_true(model_clock(s.model, NOW + 2 * MINUTE, &next));
    assert_false(at(&s, b)->visible);
    assert_true(model_clock(s.model, NOW + 9 * MINUTE, &next));
    assert_true(next == INT64_MAX);
    assert_int_equal(model_count(s.model), 0);
    assert_int_equal(model_counts(s.model).waiting, 2);
    done(&s);
}

static void a_later_version_and_a_departure_take_their_times_with_them(void **state)
{
    (void)state;
    struct setup s = setup_with(&(struct settings){0}, 2, true);
    int64_t next, a = put(&s, (struct told){.uri = "u:1", .embargo_ms = NOW + MINUTE});
    put(&s, (struct told){.uri = "u:1"});
    assert_true(at(&s, a)->visible);
    assert_false(model_clock(s.model, NOW, &next));
    assert_true(next == INT64_MAX);
    put(&s, (struct told){.uri = "u:2", .expires_ms = NOW + MINUTE});
    put(&s, (struct told){.uri = "u:3"});
    put(&s, (struct told){.uri = "u:4"}); /* u:2 has gone */
    assert_false(model_clock(s.model, NOW + 2 * MINUTE, &next));
    assert_int_equal(model_count(s.model), 2);
    done(&s);
}

static void what_waits_is_what_arrival_hidden_says(void **state)
{
    (void)state;
    static const struct told rows[] = {
        {.uri = "u:1"},
        {.uri = "u:1", .status = "withheld"},
        {.uri = "u:1", .status = "withheld", .expires_ms = NOW + MINUTE},
        {.uri = "u:1", .embargo_ms = NOW + 1},
        {.uri = "u:1", .embargo_ms = NOW},
        {.uri = "u:1", .embargo = "soon"},
        {.uri = "u:1", .expires_ms = NOW},
        {.uri = "u:1", .expires_ms = NOW + 1},
        {.uri = "u:1", .expires_ms = -MINUTE},
        {.uri = "u:1", .embargo_ms = -MINUTE},
        {.uri = "u:1", .embargo_ms = NOW + 2, .expires_ms = NOW + 1},
        {.uri = "u:1", .status = "canceled", .embargo_ms = NOW + 1, .expires_ms = NOW},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int64_t now = NOW - 1; now < NOW + 4; now++) {
            struct setup s = setup();
            struct news n;
            tell(&n, &rows[i]);
            assert_true(model_put_older(s.model, &n.arrival, 1, 0, NOW - 1));
            int64_t next;
            model_clock(s.model, now, &next);
            if (at(&s, -1)->waits != (arrival_hidden(&n.arrival, now) != NULL))
                fail_msg("row %zu at NOW%+d", i, (int)(now - NOW));
            buf_deinit(&n.bytes);
            done(&s);
        }
}

static void an_embargoed_leader_takes_the_lead_when_it_may_be_shown(void **state)
{
    (void)state;
    struct setup s = setup();
    int64_t next,
        a = put(&s, (struct told){.publisher = "a", .uri = "u:1", .embargo_ms = NOW + MINUTE});
    int64_t b = put(&s, (struct told){.publisher = "b", .uri = "u:1"});
    model_set_marks(s.model, b, HISTORY_READ, 0);
    assert_true(at(&s, b)->visible && !at(&s, a)->visible);
    assert_true(model_clock(s.model, NOW + MINUTE, &next));
    assert_true(at(&s, a)->visible && !at(&s, b)->visible);
    assert_int_equal(at(&s, a)->marks, HISTORY_READ);
    done(&s);
}

/* --------------------------------------------------------------------------- Marks and fresh */

static void what_comes_is_fresh_until_it_was_seen(void **state)
{
    (void)state;
    struct setup s = setup();
    put_older(&s, 0, (struct told){.uri = "u:0"});
    int64_t a = put(&s, (struct told){.uri = "u:1"}), b = put(&s, (struct told){.uri = "u:2"});
    put(&s, (struct told){.uri = "u:3", .status = "withheld"});
    put(&s, (struct told){.publisher = "q", .uri = "u:2"}); /* no line of its own */
    assert_int_equal(model_counts(s.model).fresh, 2);
    model_seen(s.model, a);
    assert_int_equal(model_counts(s.model).fresh, 1);
    assert_true(at(&s, b)->fresh);
    model_seen_all(s.model);
    assert_int_equal(model_counts(s.model).fresh, 0);
    assert_false(at(&s, b)->fresh);
    done(&s);
}

static void the_next_unread_one_is_found_in_both_directions(void **state)
{
    (void)state;
    struct setup s = setup();
    static const char *const uris[] = {"u:0", "u:1", "u:2", "u:3", "u:4"};
    for (size_t i = 0; i < 5; i++)
        put_at(&s, NOW, i == 1 || i == 3 ? 0 : HISTORY_READ, (struct told){.uri = uris[i]});
    static const struct {
        size_t from;
        int step;
        size_t found;
    } rows[] = {{0, 1, 1},  {1, 1, 3},  {3, 1, SIZE_MAX},  {SIZE_MAX, 1, 1},
                {4, -1, 3}, {3, -1, 1}, {1, -1, SIZE_MAX}, {5, -1, 3}};
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(model_unread_from(s.model, rows[i].from, rows[i].step), rows[i].found);
    model_set_marks(s.model, 1, HISTORY_READ, 0);
    model_set_marks(s.model, 3, HISTORY_READ, 0);
    assert_int_equal(model_unread_from(s.model, 0, 1), SIZE_MAX);
    done(&s);
}

static void what_becomes_read_stays_under_unread_only_until_all_is_judged_again(void **state)
{
    (void)state;
    struct setup s = setup();
    rules_set_unread_only(s.rules, true);
    int64_t a = put(&s, (struct told){.uri = "u:1"});
    model_set_marks(s.model, a, HISTORY_READ, 0);
    assert_true(at(&s, a)->visible);
    assert_int_equal(model_counts(s.model).unread, 0);
    model_rejudge(s.model, MODEL_NONE);
    judge(&s, a, (struct told){.uri = "u:1"});
    assert_false(at(&s, a)->visible);
    assert_int_equal(model_counts(s.model).hidden, 1);
    done(&s);
}

/* ------------------------------------------------------------------------------ Judged again */

static void nothing_is_visible_until_it_is_judged_again_but_what_is_kept(void **state)
{
    (void)state;
    struct setup s = setup();
    int64_t a = put(&s, (struct told){.uri = "u:1", .headline = "Storm"});
    int64_t b = put(&s, (struct told){.uri = "u:2", .headline = "Calm"});
    int64_t c = put(&s, (struct told){.uri = "u:3", .headline = "Storm"});
    live(&s, "storm");
    model_rejudge(s.model, b);
    assert_int_equal(model_count(s.model), 1);
    assert_true(model_visible(s.model, 0) == b);
    assert_int_equal(model_counts(s.model).stale, 3);
    assert_true(model_stale(s.model) == c);
    judge(&s, c, (struct told){.uri = "u:3", .headline = "Storm"});
    assert_true(model_stale(s.model) == b);
    int64_t d = put(&s, (struct told){.uri = "u:4", .headline = "Storm"}); /* judged as it comes */
    assert_true(model_stale(s.model) == b);
    judge(&s, b, (struct told){.uri = "u:2", .headline = "Calm"});
    assert_true(model_stale(s.model) == a);
    model_drop(s.model, a);
    assert_true(model_stale(s.model) == MODEL_NONE);
    assert_int_equal(model_count(s.model), 2);
    assert_true(model_visible(s.model, 1) == d);
    assert_int_equal(model_counts(s.model).hidden, 1);
    done(&s);
}

static void stories_are_folded_again_as_they_are_judged(void **state)
{
    (void)state;
    struct setup s = setup();
    struct told a = {.publisher = "a", .uri = "u:1"}, b = {.publisher = "b", .uri = "u:1"};
    int64_t first = put(&s, a), second = put(&s, b);
    model_set_marks(s.model, first, HISTORY_READ, 0);
    model_rejudge(s.model, MODEL_NONE);
    judge(&s, second, b);
    assert_true(at(&s, second)->visible);
    judge(&s, first, a);
    assert_true(at(&s, first)->visible && at(&s, second)->leader == first);
    assert_int_equal(model_counts(s.model).unread, 0);
    done(&s);
}

static void the_highlight_is_the_rule_that_matches(void **state)
{
    (void)state;
    struct setup s = setup_with(&(struct settings){.highlight = {{"red: storm", "blue: calm"}, 2}},
                                10, true);
    int64_t a = put(&s, (struct told){.uri = "u:1", .headline = "Calm"});
    assert_int_equal(at(&s, a)->highlight, 2);
    put(&s, (struct told){.uri = "u:1", .headline = "Rain"});
    assert_int_equal(at(&s, a)->highlight, 0);
    done(&s);
}

/* ------------------------------------------------------------------- Against a naive model */

/* The same rules written down straight: plain arrays, everything looked for from one end to the
 * other, texts compared as texts. */

enum { PUBLISHERS = 4, URIS = 24, LINKS = 4, MOST = 40, STEPS = 4000 };

static const char *const publishers[PUBLISHERS] = {"p0", "p1", "p2", "p3"};
static const char *const vocabulary[] = {"storm",  "ports", "budget", "vote",
                                         "strike", "goal",  "prices", "court"};

struct plain {
    int64_t place, leader;
    int64_t id, first_id;
    unsigned publisher, uri, link; /* link 0: none */
    char headline[64];
    int urgency;
    enum item_status status;
    int64_t embargo_ms, expires_ms, due_ms;
    unsigned marks;
    uint64_t noted; /* when it became what it is looked for by; 0: killed */
    bool judged, hidden, waits, fresh, updated, kept;
};

struct plains {
    struct plain entries[MOST];
    size_t count;
    int64_t first, end;
    uint64_t clock;
    size_t filter;
    bool unread_only, show_hidden;
};

struct fuzz {
    struct setup s;
    struct plains p;
    uint64_t random;
    int64_t now_ms, last_date_ms;
};

static unsigned any(struct fuzz *f, unsigned below)
{
    f->random = f->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(f->random >> 33) % below;
}

/* ---- judgement ---- */

static bool has_word(const char *headline, const char *word)
{
    const char *found = strstr(headline, word); /* no word is part of another */
    return found != NULL;
}

static bool urgent(const struct plain *e)
{
    return e->urgency <= 4;
}
static bool no_storm(const struct plain *e)
{
    return !has_word(e->headline, "storm");
}
static bool unread_or_ports(const struct plain *e)
{
    return !(e->marks & HISTORY_READ) || has_word(e->headline, "ports");
}
static bool not_first_publisher(const struct plain *e)
{
    return e->publisher != 0;
}

static const struct {
    const char *expression;
    bool (*matches)(const struct plain *e);
} filters[] = {{NULL, NULL},
               {"urgency <= 4", urgent},
               {"not storm", no_storm},
               {"unread = \"yes\" or ports", unread_or_ports},
               {"publisher != p0", not_first_publisher}};

static bool plain_hides(const struct plains *p, const struct plain *e)
{
    if (p->unread_only && e->marks & HISTORY_READ) return true;
    if (p->filter && !filters[p->filter].matches(e)) return true;
    return !p->show_hidden && has_word(e->headline, "goal");
}

/* ---- chains ---- */

static bool plain_in(const struct plain *e)
{
    return e->kept || (e->judged && !e->waits && !e->hidden);
}

static bool plain_visible(const struct plain *e)
{
    return plain_in(e) && e->leader == e->place;
}

static struct plain *plain_at(struct plains *p, int64_t place)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->entries[i].place == place) return &p->entries[i];
    return NULL;
}

static size_t plain_followers(const struct plains *p, const struct plain *e)
{
    size_t n = 0;
    for (size_t i = 0; i < p->count; i++)
        n += p->entries[i].leader == e->place && p->entries[i].place != e->place;
    return n;
}

static bool plain_near(const char *a, const char *b)
{
    size_t a_count = 0, b_count = 0, common = 0;
    for (size_t i = 0; i < COUNT(vocabulary); i++) {
        a_count += has_word(a, vocabulary[i]);
        b_count += has_word(b, vocabulary[i]);
        common += has_word(a, vocabulary[i]) && has_word(b, vocabulary[i]);
    }
    return common > 0 && common * 2 >= a_count && common * 2 >= b_count;
}

/* Whoever was noted last comes first; 16 are looked at. */
static struct plain *plain_same(struct plains *p, const struct plain *e, bool by_link, bool in)
{
    uint64_t before = UINT64_MAX;
    for (size_t looks = 0; looks < 16; looks++) {
        struct plain *next = NULL;
        for (size_t i = 0; i < p->count; i++) {
            struct plain *c = &p->entries[i];
            bool same = by_link ? e->link && c->link == e->link : c->uri == e->uri;
            if (c != e && c->noted && same && c->noted < before &&
                (!next || c->noted > next->noted))
                next = c;
        }
        if (!next) break;
        before = next->noted;
        if (by_link && !plain_near(e->headline, next->headline)) continue;
        if (!in || plain_in(next)) return next;
    }
    return NULL;
}

static struct plain *plain_like(struct plains *p, const struct plain *e, bool in)
{
    struct plain *same = plain_same(p, e, false, in);
    return same ? same : plain_same(p, e, true, in);
}

static void plain_unfold(struct plains *p, struct plain *e)
{
    struct plain *next = NULL;
    for (size_t i = 0; e->leader == e->place && i < p->count; i++) {
        struct plain *c = &p->entries[i];
        if (c != e && c->leader == e->place && (!next || c->place < next->place)) next = c;
    }
    for (size_t i = 0; next && i < p->count; i++)
        if (&p->entries[i] != e && p->entries[i].leader == e->place)
            p->entries[i].leader = next->place;
    if (next) {
        next->fresh = e->fresh;
        next->kept = false;
    }
    e->leader = e->place;
}

static void plain_join(struct plains *p, struct plain *e)
{
    struct plain *same = plain_like(p, e, true), *before;
    if (!same) return;
    before = plain_at(p, same->leader);
    unsigned marks = e->marks | before->marks;
    int64_t old = before->place, leader = e->place < old ? e->place : old;
    e->leader = leader;
    for (size_t i = 0; i < p->count; i++) {
        if (p->entries[i].leader == old) p->entries[i].leader = leader;
        if (p->entries[i].leader == leader) p->entries[i].marks = marks;
    }
    if (leader == e->place) {
        e->fresh |= before->fresh;
        before->fresh = false;
    } else {
        e->fresh = false;
    }
    if (!before->judged && leader == e->place) before->kept = false;
}

static void plain_settle(struct plains *p, struct plain *e)
{
    e->kept = false;
    if (!plain_in(e) || e->status == ITEM_CANCELED) plain_unfold(p, e);
    else if (e->leader == e->place && plain_followers(p, e) == 0) plain_join(p, e);
}

static void plain_watch(struct plain *e, int64_t now_ms)
{
    bool kill = e->status == ITEM_CANCELED;
    bool early = !kill && (e->status == ITEM_WITHHELD || now_ms < e->embargo_ms);
    bool late = !kill && e->expires_ms && now_ms >= e->expires_ms;
    e->waits = early || late;
    e->due_ms = INT64_MAX;
    if (early && e->status != ITEM_WITHHELD) e->due_ms = e->embargo_ms;
    else if (!kill && !early && !late && e->expires_ms) e->due_ms = e->expires_ms;
    /* Withheld and not expired yet changes nothing when it expires. */
}

static void plain_judge(struct plains *p, struct plain *e, int64_t now_ms)
{
    e->hidden = plain_hides(p, e);
    e->judged = true;
    plain_watch(e, now_ms);
}

static void plain_remove(struct plains *p, struct plain *e)
{
    plain_unfold(p, e);
    *e = p->entries[--p->count];
    int64_t first = p->end;
    for (size_t i = 0; i < p->count; i++)
        if (p->entries[i].place < first) first = p->entries[i].place;
    p->first = first;
}

/* The entry takes what new one says (told has no place of its own yet). */
static void plain_take(struct plains *p, struct plain *e, const struct plain *told, int64_t id,
                       bool is_new, int64_t now_ms)
{
    bool was_in = !is_new && plain_in(e);
    bool differs = is_new || !e->noted || e->link != told->link ||
                   strcmp(e->headline, told->headline) != 0;
    e->id = id;
    e->link = told->link;
    memcpy(e->headline, told->headline, sizeof e->headline);
    e->urgency = told->urgency;
    e->status = told->status;
    e->embargo_ms = told->embargo_ms;
    e->expires_ms = told->expires_ms;
    if (e->status == ITEM_CANCELED) {
        e->noted = 0;
    } else if (differs) {
        e->noted = ++p->clock;
        plain_unfold(p, e);
    }
    if (is_new && e->noted) {
        const struct plain *like = plain_like(p, e, false);
        if (like) e->marks |= like->marks;
    }
    plain_judge(p, e, now_ms);
    if (was_in && e->status == ITEM_CANCELED) e->hidden = false;
    plain_settle(p, e);
}

static struct plain *plain_begin(struct plains *p, int64_t place, const struct plain *told,
                                 int64_t id)
{
    struct plain *e = &p->entries[p->count++];
    *e = (struct plain){.place = place,
                        .leader = place,
                        .first_id = id,
                        .publisher = told->publisher,
                        .uri = told->uri,
                        .marks = told->marks};
    return e;
}

static struct plain *plain_story(struct plains *p, const struct plain *told)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->entries[i].publisher == told->publisher && p->entries[i].uri == told->uri)
            return &p->entries[i];
    return NULL;
}

static int64_t plain_put(struct plains *p, const struct plain *told, int64_t id, int64_t now_ms)
{
    struct plain *e = plain_story(p, told);
    bool is_new = !e;
    if (is_new && told->status == ITEM_CANCELED) return MODEL_NONE;
    if (is_new) {
        if (p->end - p->first == MOST) plain_remove(p, plain_at(p, p->first));
        e = plain_begin(p, p->end++, told, id);
        e->fresh = true;
    } else if (told->status != ITEM_CANCELED) {
        e->updated = true;
    }
    plain_take(p, e, told, id, is_new, now_ms);
    return e->place;
}

static bool plain_put_older(struct plains *p, const struct plain *told, int64_t id, int64_t now_ms)
{
    if (p->end - p->first == MOST) return false;
    if (plain_story(p, told)) return true;
    plain_take(p, plain_begin(p, --p->first, told, id), told, id, true, now_ms);
    return true;
}

static void plain_clock(struct plains *p, int64_t now_ms)
{
    for (;;) {
        struct plain *next = NULL;
        for (size_t i = 0; i < p->count; i++)
            if (!next || p->entries[i].due_ms < next->due_ms) next = &p->entries[i];
        if (!next || next->due_ms > now_ms) return;
        bool waited = next->waits;
        plain_watch(next, now_ms);
        if (next->waits != waited) plain_settle(p, next);
    }
}

static int64_t plain_stale(const struct plains *p)
{
    int64_t newest = MODEL_NONE;
    for (size_t i = 0; i < p->count; i++)
        if (!p->entries[i].judged && p->entries[i].place > newest) newest = p->entries[i].place;
    return newest;
}

static void plain_rejudge(struct plains *p, int64_t keep)
{
    for (size_t i = 0; i < p->count; i++)
        p->entries[i].kept = p->entries[i].place == keep && plain_visible(&p->entries[i]);
    for (size_t i = 0; i < p->count; i++) {
        p->entries[i].judged = false;
        p->entries[i].leader = p->entries[i].place;
    }
}

/* ---- compared ---- */

static void assert_same_entry(const struct fuzz *f, const struct plain *e)
{
    const struct model_entry *m = at(&f->s, e->place);
    assert_int_equal(m->id, e->id);
    assert_int_equal(m->first_id, e->first_id);
    assert_int_equal(m->marks, e->marks);
    assert_int_equal(m->status, e->status);
    assert_int_equal(m->urgency, e->urgency);
    assert_int_equal(m->waits, e->waits);
    assert_int_equal(m->fresh, e->fresh);
    assert_int_equal(m->updated, e->updated);
    assert_int_equal(m->visible, plain_visible(e));
    if (e->judged) assert_int_equal(m->hidden, e->hidden);
    assert_true(m->leader == e->leader);
    assert_int_equal(m->followers, plain_followers(&f->p, e));
    assert_true(model_place(f->s.model, e->id) == e->place);
}

static void assert_chain(const struct fuzz *f, const struct plain *e)
{
    size_t left = plain_followers(&f->p, e);
    int64_t before = e->place;
    for (int64_t place = at(&f->s, e->place)->follower; place != MODEL_NONE; left--) {
        assert_true(left > 0 && place > before);
        assert_true(at(&f->s, place)->leader == e->place);
        before = place;
        place = at(&f->s, place)->follower;
    }
    assert_int_equal(left, 0);
}

static void assert_same_counts(const struct fuzz *f)
{
    struct model_counts is = model_counts(f->s.model), c = {.entries = f->p.count};
    for (size_t i = 0; i < f->p.count; i++) {
        const struct plain *e = &f->p.entries[i];
        c.visible += plain_visible(e);
        c.unread += plain_visible(e) && !(e->marks & HISTORY_READ);
        c.fresh += plain_visible(e) && e->fresh;
        c.waiting += e->judged && e->waits;
        c.hidden += e->judged && !e->waits && e->hidden;
        c.folded += plain_in(e) && e->leader != e->place;
        c.stale += !e->judged;
    }
    assert_memory_equal(&is, &c, sizeof c);
}

static int by_place(const void *a, const void *b)
{
    const struct plain *x = a, *y = b;
    return (x->place > y->place) - (x->place < y->place);
}

static void assert_same_list(struct fuzz *f)
{
    struct model *m = f->s.model;
    int64_t places[MOST];
    bool unread[MOST];
    size_t count = 0;
    for (size_t i = 0; i < f->p.count; i++)
        if (plain_visible(&f->p.entries[i])) {
            unread[count] = !(f->p.entries[i].marks & HISTORY_READ);
            places[count++] = f->p.entries[i].place;
        }
    assert_int_equal(model_count(m), count);
    for (size_t i = 0; i < count; i++) {
        assert_true(model_visible(m, i) == places[i]);
        assert_int_equal(model_index(m, places[i]), i);
    }
    if (count == 0) return;
    size_t from = any(f, (unsigned)count), next = from + 1, last = from - 1;
    while (next < count && !unread[next])
        next++;
    while (last < count && !unread[last])
        last--;
    assert_int_equal(model_unread_from(m, from, 1), next < count ? next : SIZE_MAX);
    assert_int_equal(model_unread_from(m, from, -1), last < count ? last : SIZE_MAX);
}

static void assert_same(struct fuzz *f)
{
    int64_t next, due = INT64_MAX;
    qsort(f->p.entries, f->p.count, sizeof *f->p.entries, by_place);
    assert_true(model_first(f->s.model) == f->p.first && model_end(f->s.model) == f->p.end);
    assert_same_counts(f);
    assert_same_list(f);
    for (size_t i = 0; i < f->p.count; i++) {
        const struct plain *e = &f->p.entries[i];
        assert_same_entry(f, e);
        if (e->leader == e->place) assert_chain(f, e);
        if (e->due_ms < due) due = e->due_ms;
    }
    assert_true(model_stale(f->s.model) == plain_stale(&f->p));
    (void)model_clock(f->s.model, INT64_MIN + 1, &next);
    assert_true(next == due);
}

/* ---- what happens ---- */

static void make_headline(struct fuzz *f, char out[64])
{
    unsigned used = 0;
    size_t len = 0;
    for (unsigned n = any(f, 4); n > 0; n--) {
        unsigned w = any(f, COUNT(vocabulary));
        if (used & 1u << w) continue;
        used |= 1u << w;
        len += (size_t)snprintf(out + len, 64 - len, "%s ", vocabulary[w]);
    }
    out[len ? len - 1 : 0] = '\0';
}

/* Each time is one of its own: what happens at the same time has no order. */
static int64_t make_date(struct fuzz *f)
{
    if (any(f, 6)) return 0;
    if (f->last_date_ms < f->now_ms - 20) f->last_date_ms = f->now_ms - 20;
    return f->last_date_ms += 1 + any(f, 9);
}

static struct plain make(struct fuzz *f, struct news *n)
{
    static const char *const statuses[] = {"usable", "withheld", "canceled"};
    static const char *const links[] = {NULL, "https://l/1", "https://l/2", "https://l/3"};
    struct plain e = {.publisher = any(f, PUBLISHERS),
                      .uri = any(f, URIS),
                      .link = any(f, LINKS),
                      .urgency = (int)any(f, 9) + 1,
                      .embargo_ms = make_date(f),
                      .expires_ms = make_date(f),
                      .marks = any(f, 4) ? 0 : any(f, 4)};
    unsigned status = any(f, 12);
    char uri[16];
    e.status = status > 2 ? ITEM_USABLE : (enum item_status)status;
    make_headline(f, e.headline);
    (void)snprintf(uri, sizeof uri, "u:%u", e.uri);
    tell(n, &(struct told){.publisher = publishers[e.publisher],
                           .uri = uri,
                           .headline = e.headline[0] ? e.headline : NULL,
                           .link = links[e.link],
                           .status = statuses[e.status],
                           .urgency = e.urgency,
                           .embargo_ms = e.embargo_ms,
                           .expires_ms = e.expires_ms});
    return e;
}

/* As the store would give it: what the entry says now. */
static void make_again(const struct plain *e, struct news *n)
{
    char uri[16];
    (void)snprintf(uri, sizeof uri, "u:%u", e->uri);
    tell(n, &(struct told){.publisher = publishers[e->publisher],
                           .uri = uri,
                           .headline = e->headline[0] ? e->headline : NULL,
                           .status = e->status == ITEM_CANCELED ? "canceled" : NULL,
                           .urgency = e->urgency});
}

static void step_put(struct fuzz *f)
{
    struct news n;
    struct plain told = make(f, &n);
    int64_t id = ++f->s.newest_id;
    assert_true(model_put(f->s.model, &n.arrival, id, told.marks, f->now_ms) ==
                plain_put(&f->p, &told, id, f->now_ms));
    buf_deinit(&n.bytes);
}

static void step_put_older(struct fuzz *f)
{
    struct news n;
    struct plain told = make(f, &n);
    int64_t id = --f->s.oldest_id;
    assert_int_equal(model_put_older(f->s.model, &n.arrival, id, told.marks, f->now_ms),
                     plain_put_older(&f->p, &told, id, f->now_ms));
    buf_deinit(&n.bytes);
}

static struct plain *any_entry(struct fuzz *f)
{
    return f->p.count ? &f->p.entries[any(f, (unsigned)f->p.count)] : NULL;
}

static void step_marks(struct fuzz *f)
{
    const struct plain *e = any_entry(f);
    unsigned set = any(f, 4), clear = any(f, 4);
    if (!e) return;
    int64_t leader = e->leader;
    model_set_marks(f->s.model, e->place, set, clear);
    for (size_t i = 0; i < f->p.count; i++)
        if (f->p.entries[i].leader == leader)
            f->p.entries[i].marks = (f->p.entries[i].marks & ~clear) | set;
}

static void step_seen(struct fuzz *f)
{
    struct plain *e = any_entry(f);
    if (!e) return;
    if (any(f, 4)) {
        model_seen(f->s.model, e->place);
        e->fresh = false;
        return;
    }
    model_seen_all(f->s.model);
    for (size_t i = 0; i < f->p.count; i++)
        if (plain_visible(&f->p.entries[i])) f->p.entries[i].fresh = false;
}

static void step_clock(struct fuzz *f)
{
    int64_t next;
    f->now_ms += any(f, 20);
    (void)model_clock(f->s.model, f->now_ms, &next);
    plain_clock(&f->p, f->now_ms);
}

static void step_rejudge(struct fuzz *f)
{
    const struct plain *e = any_entry(f);
    int64_t keep = e && any(f, 2) ? e->place : MODEL_NONE;
    f->p.filter = any(f, COUNT(filters));
    f->p.unread_only = any(f, 4) == 0;
    f->p.show_hidden = any(f, 3) == 0;
    live(&f->s, filters[f->p.filter].expression);
    rules_set_unread_only(f->s.rules, f->p.unread_only);
    rules_show_hidden(f->s.rules, f->p.show_hidden);
    model_rejudge(f->s.model, keep);
    plain_rejudge(&f->p, keep);
}

/* The times are noted already; their text is not asked for again. */
static void judge_again(struct fuzz *f, struct plain *e)
{
    struct news n;
    make_again(e, &n);
    model_judge(f->s.model, e->place, &n.arrival, f->now_ms);
    plain_judge(&f->p, e, f->now_ms);
    plain_settle(&f->p, e);
    buf_deinit(&n.bytes);
}

static void step_judge(struct fuzz *f)
{
    for (unsigned n = any(f, 30); n > 0 && plain_stale(&f->p) != MODEL_NONE; n--)
        judge_again(f, plain_at(&f->p, plain_stale(&f->p)));
}

static void step_judge_any(struct fuzz *f)
{
    if (f->p.count) judge_again(f, any_entry(f));
}

static void step_drop(struct fuzz *f)
{
    struct plain *e = any_entry(f);
    if (!e) return;
    model_drop(f->s.model, e->place);
    plain_remove(&f->p, e);
}

static const struct {
    unsigned weight;
    void (*run)(struct fuzz *f);
} steps[] = {{40, step_put},   {15, step_put_older}, {10, step_marks},
             {5, step_seen},   {10, step_clock},     {3, step_rejudge},
             {10, step_judge}, {3, step_judge_any},  {4, step_drop}};

static void step(struct fuzz *f)
{
    unsigned sum = 0, i = 0;
    for (size_t k = 0; k < COUNT(steps); k++)
        sum += steps[k].weight;
    unsigned pick = any(f, sum);
    for (; pick >= steps[i].weight; i++)
        pick -= steps[i].weight;
    steps[i].run(f);
}

static void it_does_what_a_naive_model_does(void **state)
{
    (void)state;
    const char *said = getenv("NEWS_SEED");
    uint64_t seed = said ? strtoull(said, NULL, 10) : 20261123;
    print_message("NEWS_SEED=%llu\n", (unsigned long long)seed);
    for (unsigned round = 0; round < 5; round++) {
        struct fuzz f = {.random = seed + round, .now_ms = NOW};
        f.s = setup_with(&(struct settings){.hide = {{"goal"}, 1}}, MOST, true);
        for (unsigned i = 0; i < STEPS; i++) {
            step(&f);
            assert_same(&f);
        }
        done(&f.s);
    }
}

/* ---------------------------------------------------------------------------- A million */

/* Digits within the bytes of an item are changed, so that little else than the model works. */
static void renumber(struct news *n, const char *behind, unsigned long number)
{
    char digits[16], *at_digits = strstr(n->bytes.data, behind);
    (void)snprintf(digits, sizeof digits, "%08lu", number);
    memcpy(at_digits + strlen(behind), digits, 8);
}

static size_t resident_bytes(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*u %lu", &pages), 1);
    (void)fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void a_million_items_leave_the_newest_hundred_thousand(void **state)
{
    (void)state;
    struct setup s = setup_with(&(struct settings){0}, 0, true);
    struct news n;
    tell(&n, &(struct told){.uri = "u:00000000",
                            .headline = "Storm 00000000 closes ports",
                            .link = "https://example.org/00000000",
                            .expires_ms = NOW + MINUTE});
    size_t at_start = resident_bytes(), full = 0;
    int64_t began_ms = date_mono_ms();
    for (unsigned long i = 0; i < 1000000; i++) {
        renumber(&n, "u:", i);
        renumber(&n, "org/", i / 2 % 70000); /* some in pairs, some not */
        assert_true(model_put(s.model, &n.arrival, (int64_t)i + 1, 0, NOW) == (int64_t)i);
        if (i == 300000) full = resident_bytes();
    }
    print_message("%lld ms, %zu KiB\n", (long long)(date_mono_ms() - began_ms),
                  (resident_bytes() - at_start) / 1024);
    assert_in_range(full - at_start, 0, 64u << 20);
    assert_true(resident_bytes() < full + (4u << 20));
    struct model_counts c = model_counts(s.model);
    assert_int_equal(c.entries, 100000);
    assert_int_equal(c.visible, 50000);
    assert_int_equal(c.folded, 50000);
    int64_t next;
    assert_true(model_clock(s.model, NOW + MINUTE, &next)); /* all of them at once */
    assert_int_equal(model_counts(s.model).waiting, 100000);
    buf_deinit(&n.bytes);
    done(&s);
}

/* 200 000 items that differ in what stands behind mark; how long that took. */
static int64_t flood(struct setup *s, const struct told *told, const char *mark)
{
    struct news n;
    tell(&n, told);
    int64_t began_ms = date_mono_ms();
    for (unsigned long i = 0; i < 200000; i++) {
        renumber(&n, "u:", i);
        renumber(&n, mark, i);
        assert_true(model_put(s->model, &n.arrival, (int64_t)i + 1, HISTORY_READ, NOW) >= 0);
    }
    assert_int_equal(model_counts(s->model).entries, 100000);
    assert_int_equal(model_unread_from(s->model, 0, 1), SIZE_MAX);
    buf_deinit(&n.bytes);
    return date_mono_ms() - began_ms;
}

/* Every item of some feeds links to the feed's front page. Quadratic, this would take minutes,
 * whether the headlines are the same or have nothing in common. */
static void a_link_that_all_items_have_is_bounded(void **state)
{
    (void)state;
    struct setup s = setup_with(&(struct settings){0}, 0, true);
    assert_in_range(flood(&s,
                          &(struct told){.uri = "u:00000000",
                                         .headline = "Front page",
                                         .link = "https://example.org/"},
                          "u:"),
                    0, 30000);
    assert_in_range(model_count(s.model), 1000, 1001);
    done(&s);
    s = setup_with(&(struct settings){0}, 0, true);
    assert_in_range(flood(&s,
                          &(struct told){.uri = "u:00000000",
                                         .headline = "00000000",
                                         .link = "https://example.org/"},
                          "value\":\""),
                    0, 30000);
    /* Words are compared by 16 bits: one pair in 65 536 is taken for the same. */
    assert_in_range(model_count(s.model), 99900, 100000);
    done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_model_has_nothing),
        cmocka_unit_test(the_newest_place_is_the_highest_and_older_ones_go_below_the_first),
        cmocka_unit_test(a_later_version_changes_its_entry_in_place),
        cmocka_unit_test(the_same_uri_of_two_publishers_is_two_entries),
        cmocka_unit_test(the_oldest_go_when_there_are_too_many),
        cmocka_unit_test(the_version_of_an_older_row_tells_that_it_was_updated),
        cmocka_unit_test(an_older_row_of_a_story_that_is_here_is_passed_over),
        cmocka_unit_test(an_entry_that_is_dropped_leaves_a_hole_that_closes_at_the_oldest_end),
        cmocka_unit_test(a_kill_strikes_its_entry_and_stays_visible),
        cmocka_unit_test(a_kill_of_nothing_we_have_is_ignored_but_one_of_the_history_has_its_place),
        cmocka_unit_test(the_same_story_is_one_line),
        cmocka_unit_test(headlines_are_near_when_half_of_their_words_are_the_same),
        cmocka_unit_test(an_older_one_takes_the_lead_and_the_marks_are_added_up),
        cmocka_unit_test(followers_stand_in_the_order_of_their_places),
        cmocka_unit_test(when_the_leader_is_killed_the_next_one_leads_with_its_marks),
        cmocka_unit_test(a_follower_that_is_killed_is_visible_by_itself),
        cmocka_unit_test(when_the_leader_goes_the_next_one_leads),
        cmocka_unit_test(marks_of_one_are_marks_of_the_whole_story),
        cmocka_unit_test(a_story_that_was_read_stays_read_when_another_tells_it),
        cmocka_unit_test(a_leader_that_is_hidden_takes_nobody_with_it),
        cmocka_unit_test(a_version_that_tells_another_story_stands_by_itself_again),
        cmocka_unit_test(the_entries_of_one_story_are_bounded),
        cmocka_unit_test(an_embargo_lifts_and_an_item_expires),
        cmocka_unit_test(a_later_version_and_a_departure_take_their_times_with_them),
        cmocka_unit_test(what_waits_is_what_arrival_hidden_says),
        cmocka_unit_test(an_embargoed_leader_takes_the_lead_when_it_may_be_shown),
        cmocka_unit_test(what_comes_is_fresh_until_it_was_seen),
        cmocka_unit_test(the_next_unread_one_is_found_in_both_directions),
        cmocka_unit_test(what_becomes_read_stays_under_unread_only_until_all_is_judged_again),
        cmocka_unit_test(nothing_is_visible_until_it_is_judged_again_but_what_is_kept),
        cmocka_unit_test(stories_are_folded_again_as_they_are_judged),
        cmocka_unit_test(the_highlight_is_the_rule_that_matches),
        cmocka_unit_test(it_does_what_a_naive_model_does),
        cmocka_unit_test(a_million_items_leave_the_newest_hundred_thousand),
        cmocka_unit_test(a_link_that_all_items_have_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
