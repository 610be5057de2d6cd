#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "subscriber/arrival.h"
#include "subscriber/cli.h"
#include "subscriber/rules.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ------------------------------------------------------------------------------------ Helpers */

#define TOPIC "news/harbour/world/fr/3/sport"

static const char storm[] = "{\"uri\":\"u:1\",\"urgency\":2,\"headlines\":[{\"value\":"
                            "\"Storm closes the ports\"}]}";
/* No regular expression of nested repetitions gets through this within its limits. */
static const char endless[] =
    "{\"uri\":\"u:2\",\"headlines\":[{\"value\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\"}]}";
#define GIVES_UP "headline =~ \"^(a|aa|aaa)+(a|aa)+$\""

static struct rules *rules_of(const struct settings *s)
{
    struct news_error err = {0};
    struct rules *r = rules_new(s, &err);
    if (!r) fail_msg("%s", err.message);
    return r;
}

static struct rules_answer judged(struct rules *r, const char *bytes, bool unread)
{
    struct ninjs item;
    struct arrival a;
    if (!arrival_read(&a, &item, TOPIC_ROOT, TOPIC, bytes, strlen(bytes), 1000))
        fail_msg("no item: %s", bytes);
    struct filter_subject s = {.arrival = &a, .unread = unread, .now_ms = 2000};
    return rules_judge(r, &s);
}

static bool excluded(struct rules *r, const char *bytes)
{
    struct ninjs item;
    struct arrival a;
    assert_true(arrival_read(&a, &item, TOPIC_ROOT, TOPIC, bytes, strlen(bytes), 1000));
    const struct filter_subject s = {.arrival = &a, .unread = true, .now_ms = 2000};
    return rules_exclude(r, &s);
}

static bool hidden(struct rules *r)
{
    return judged(r, storm, true).hidden;
}

static struct filter *filter_of(const char *text)
{
    struct filter *f = filter_new(text, NULL, NULL);
    assert_non_null(f);
    return f;
}

/* --------------------------------------------------------------------------------------- Tests */

static void without_rules_everything_is_shown_and_nothing_stands_out(void **state)
{
    (void)state;
    struct rules *r = rules_of(&(struct settings){0});
    assert_false(rules_any(r));
    assert_null(rules_filter(r));
    assert_null(rules_live(r));
    assert_false(hidden(r));
    assert_int_equal(judged(r, storm, false).highlight, 0);
    assert_null(rules_style(r, 0));
    assert_null(rules_style(r, 1));
    rules_free(r);
    rules_free(NULL);
}

static void shown_is_only_what_the_filter_matches(void **state)
{
    (void)state;
    struct rules *r = rules_of(&(struct settings){.filter = "urgency <= 2"});
    assert_true(rules_any(r));
    assert_string_equal(filter_text(rules_filter(r)), "urgency <= 2");
    assert_false(hidden(r));
    rules_free(r);
    r = rules_of(&(struct settings){.filter = "urgency = 1"});
    assert_true(hidden(r));
    rules_free(r);
}

static void any_hide_rule_that_matches_hides(void **state)
{
    (void)state;
    struct rules *r = rules_of(&(struct settings){.hide = {{"football", "storm"}, 2}});
    assert_true(rules_any(r));
    assert_true(hidden(r));
    rules_free(r);
    r = rules_of(&(struct settings){.hide = {{"football", "tennis"}, 2}});
    assert_false(hidden(r));
    rules_free(r);
}

static void what_rules_hide_can_be_shown_and_the_live_filter_counts_all_the_same(void **state)
{
    (void)state;
    struct rules *r = rules_of(&(struct settings){.filter = "urgency = 1", .hide = {{"storm"}, 1}});
    assert_true(hidden(r));
    rules_show_hidden(r, true);
    assert_true(rules_shows_hidden(r));
    assert_false(hidden(r));
    assert_true(rules_any(r)); /* the options hide it all the same, from commands and recordings */
    assert_true(excluded(r, storm));
    rules_set_live(r, filter_of("football"));
    assert_true(hidden(r));
    rules_set_live(r, NULL);
    rules_show_hidden(r, false);
    assert_true(hidden(r));
    rules_free(r);
}

static void the_live_filter_comes_goes_and_is_replaced(void **state)
{
    (void)state;
    struct rules *r = rules_of(&(struct settings){.filter = "urgency = 2"});
    rules_set_live(r, filter_of("football"));
    assert_string_equal(filter_text(rules_live(r)), "football");
    assert_true(hidden(r));
    assert_false(excluded(r, storm)); /* which is the screen's, not the options' */
    rules_set_live(r, filter_of("ports"));
    assert_false(hidden(r));
    rules_set_live(r, NULL);
    assert_null(rules_live(r));
    assert_false(hidden(r));
    rules_set_live(r, filter_of("ports")); /* which the rules free */
    rules_free(r);
}

static void unread_only_hides_what_is_read_also_while_the_hidden_is_shown(void **state)
{
    (void)state;
    struct rules *r = rules_of(&(struct settings){0});
    rules_set_unread_only(r, true);
    assert_true(rules_unread_only(r));
    assert_false(rules_any(r)); /* a switch of the screen is not the options' */
    assert_false(judged(r, storm, true).hidden);
    assert_true(judged(r, storm, false).hidden);
    rules_show_hidden(r, true);
    assert_true(judged(r, storm, false).hidden);
    rules_set_unread_only(r, false);
    assert_false(judged(r, storm, false).hidden);
    rules_free(r);
}

static void the_first_highlight_that_matches_gives_its_style(void **state)
{
    (void)state;
    struct rules *r = rules_of(&(struct settings){
        .highlight = {{"blue: football", "bold red: storm", "green: urgency = 2"}, 3}});
    struct rules_answer a = judged(r, storm, true);
    assert_false(rules_any(r)); /* nothing is hidden by what stands out */
    assert_false(a.hidden);
    assert_int_equal(a.highlight, 2);
    assert_int_equal(rules_style(r, a.highlight)->foreground, 1);
    assert_int_equal(rules_style(r, a.highlight)->attributes, STYLE_BOLD);
    assert_non_null(rules_style(r, 3));
    assert_null(rules_style(r, 4));
    rules_free(r);
}

static void an_expression_that_gives_up_hides_nothing_and_is_counted(void **state)
{
    (void)state;
    static const struct settings all[] = {
        {.filter = GIVES_UP}, {.hide = {{GIVES_UP}, 1}}, {.highlight = {{"red: " GIVES_UP}, 1}}};
    for (size_t i = 0; i < COUNT(all); i++) {
        struct rules *r = rules_of(&all[i]);
        struct rules_answer a = judged(r, endless, true);
        assert_false(a.hidden);
        assert_int_equal(a.highlight, 0);
        assert_int_equal(rules_unsure(r), 1);
        (void)judged(r, endless, true);
        assert_int_equal(rules_unsure(r), 2);
        rules_free(r);
    }
    struct rules *r = rules_of(&(struct settings){0});
    rules_set_live(r, filter_of(GIVES_UP));
    assert_false(judged(r, endless, true).hidden);
    assert_int_equal(rules_unsure(r), 1);
    rules_free(r);
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* Columns are those of the whole value, of highlights too. */
static void what_is_wrong_is_said_with_the_option_and_the_column(void **state)
{
    (void)state;
    static const struct {
        struct settings s;
        const char *start;
    } rows[] = {
        {{.filter = "urgency <"}, "--filter: column "},
        {{.hide = {{"football", "( storm"}, 2}}, "--hide: column "},
        {{.hide = {{" "}, 1}}, "--hide: without an expression all would be hidden"},
        {{.highlight = {{"red storm"}, 1}}, "--highlight: it is STYLE: EXPRESSION"},
        {{.highlight = {{"rad: storm"}, 1}}, "--highlight: \"rad\" is neither"},
        {{.highlight = {{": storm"}, 1}}, "--highlight: there is no colour"},
        {{.highlight = {{"red: ) storm"}, 1}}, "--highlight: column 6: "},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct news_error err = {0};
        assert_null(rules_new(&rows[i].s, &err));
        if (!starts_with(err.message, rows[i].start))
            fail_msg("\"%s\", not \"%s...\"", err.message, rows[i].start);
        assert_int_not_equal(err.code, NEWS_OK);
        assert_null(rules_new(&rows[i].s, NULL));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_rules_everything_is_shown_and_nothing_stands_out),
        cmocka_unit_test(shown_is_only_what_the_filter_matches),
        cmocka_unit_test(any_hide_rule_that_matches_hides),
        cmocka_unit_test(what_rules_hide_can_be_shown_and_the_live_filter_counts_all_the_same),
        cmocka_unit_test(the_live_filter_comes_goes_and_is_replaced),
        cmocka_unit_test(unread_only_hides_what_is_read_also_while_the_hidden_is_shown),
        cmocka_unit_test(the_first_highlight_that_matches_gives_its_style),
        cmocka_unit_test(an_expression_that_gives_up_hides_nothing_and_is_counted),
        cmocka_unit_test(what_is_wrong_is_said_with_the_option_and_the_column),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
