#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/date.h"
#include "publisher/recorded.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define TOPIC        "news/harbour/world/fr/3/sport/football"
#define ITEM         "{\"uri\":\"u:1\"}"

static void a_line_of_newssub_is_an_item_and_how_it_came(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "{\"topic\":\"" TOPIC "\",\"received\":\"2026-11-23T14:02:07.5Z\",\"retained\":false,"
        "\"item\":" ITEM "}",
        " { \"item\" : " ITEM " ,\n\"retained\":true, \"received\":\"2026-11-23T15:02:07.5+01:00\","
        " \"topic\":\"news\\/harbour\\u002fworld/fr/3/sport/football\" } ",
    };
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct recorded r;
        struct ninjs_fault fault;
        assert_true(recorded_is(lines[i], strlen(lines[i])));
        if (!recorded_read(lines[i], strlen(lines[i]), &r, &fault))
            fail_msg("%s: %s", fault.path, fault.what);
        assert_string_equal(r.topic, TOPIC);
        assert_int_equal(r.received_ms, INT64_C(1795442527500));
        assert_int_equal(r.item.len, strlen(ITEM));
        assert_memory_equal(r.item.at, ITEM, r.item.len);
    }
}

static void all_but_the_item_may_be_missing(void **state)
{
    (void)state;
    static const char line[] = "{\"item\":" ITEM "}";
    struct recorded r;
    struct ninjs_fault fault;
    assert_true(recorded_read(line, strlen(line), &r, &fault));
    assert_string_equal(r.topic, "");
    assert_int_equal(r.received_ms, DATE_UNKNOWN);
}

static void a_topic_that_is_too_long_for_one_of_ours_is_not_known(void **state)
{
    (void)state;
    char line[TOPIC_MAX + 64], topic[TOPIC_MAX + 1];
    for (size_t len = TOPIC_MAX - 1; len <= TOPIC_MAX; len++) {
        struct recorded r;
        struct ninjs_fault fault;
        memset(topic, 'x', len);
        topic[len] = '\0';
        (void)snprintf(line, sizeof line, "{\"topic\":\"%s\",\"item\":" ITEM "}", topic);
        assert_true(recorded_read(line, strlen(line), &r, &fault));
        assert_int_equal(strlen(r.topic), len < TOPIC_MAX ? len : 0);
    }
}

static void what_is_an_item_itself_is_no_such_line(void **state)
{
    (void)state;
    static const char *const lines[] = {
        ITEM,       "{}",        "",       "[]", "{\"title\":\"T\"}", "{\"items\":[]}",
        "{\"topic", "\"topic\"", "{topic",
    };
    for (size_t i = 0; i < COUNT(lines); i++)
        if (recorded_is(lines[i], strlen(lines[i]))) fail_msg("%s", lines[i]);
}

static void what_is_wrong_is_said_with_its_line_and_member(void **state)
{
    (void)state;
    static const struct {
        const char *text, *path, *what;
        unsigned long line;
    } rows[] = {
        {"{\"topic\":1,\"item\":" ITEM "}", "topic", "", 1},
        {"{\"topic\":\"a\n\",\"item\":" ITEM "}", "topic", "", 1},
        {"{\"received\":\"yesterday\",\"item\":" ITEM "}", "received", "is not a date", 1},
        {"{\"received\":\n\"2026-11-23\",\"item\":" ITEM "}", "received", "is not a date", 2},
        {"{\"received\":1,\"item\":" ITEM "}", "received", "", 1},
        {"{\"retained\":0,\"item\":" ITEM "}", "retained", "", 1},
        {"{\"topic\":\"a\"}", "item", "is missing", 1},
        {"{\"item\":\"u:1\"}", "item", "is not an object", 1},
        {"{\"item\":[" ITEM "]}", "item", "is not an object", 1},
        {"{\"item\":{\"uri\":}}", "item", "", 1},
        {"{\"item\":" ITEM ",\"item\":" ITEM "}", "item", "stands twice", 1},
        {"{\"topic\":\"a\",\n\"note\":1}", "note", "unknown", 2},
        {"{\"item\":" ITEM "}}", "$", "something follows", 1},
        {"{\"item\":" ITEM, "$", "", 1},
        {"{}", "item", "is missing", 1},
        {"[]", "$", "is not an object", 1},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct recorded r;
        struct ninjs_fault fault = {0};
        if (recorded_read(rows[i].text, strlen(rows[i].text), &r, &fault))
            fail_msg("%s", rows[i].text);
        if (strcmp(fault.path, rows[i].path) != 0 || !strstr(fault.what, rows[i].what) ||
            !*fault.what || fault.line != rows[i].line)
            fail_msg("%s: line %lu: %s: %s", rows[i].text, fault.line, fault.path, fault.what);
    }
}

/* Every prefix in memory of its own, so that a byte read behind it is seen. */
static void a_line_cut_anywhere_is_refused_within_its_bytes(void **state)
{
    (void)state;
    static const char line[] = "{\"topic\":\"" TOPIC "\",\"received\":\"2026-11-23T14:02:07Z\","
                               "\"retained\":false,\"item\":" ITEM "}";
    for (size_t len = 0; len < sizeof line - 1; len++) {
        struct recorded r;
        struct ninjs_fault fault;
        char *copy = malloc(len ? len : 1);
        assert_non_null(copy);
        memcpy(copy, line, len);
        (void)recorded_is(copy, len);
        assert_false(recorded_read(copy, len, &r, &fault));
        free(copy);
    }
}

static void its_place_is_what_the_topic_says_and_no_more(void **state)
{
    (void)state;
    static const struct {
        const char *topic, *service, *language, *subject;
    } rows[] = {
        {TOPIC, "world", "fr", "sport/football"},
        {"other-root/p/s/de/1/politics", "s", "de", "politics"},
        {"news/p/s/und/5/general", "s", "", ""},
        {"news/p/s/not a tag/5/general/x", "s", "", ""},
        {"news/p/s/aaaaaaaaaaaaaaaaaaaa/5/sport", "s", "", "sport"},
        {"news/p/S\xc3\xa9rvice 1/en/5/sport", "service-1", "en", "sport"},
        {"news/p//en/5/sport", "", "en", "sport"},
        {"news/p/s/en/5", "", "", ""},
        {"somebody/elses/topic", "", "", ""},
        {"", "", "", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct recorded r = {0};
        struct recorded_place p;
        strcpy(r.topic, rows[i].topic);
        recorded_place(&r, &p);
        if (strcmp(p.service, rows[i].service) != 0 || strcmp(p.language, rows[i].language) != 0 ||
            strcmp(p.subject, rows[i].subject) != 0)
            fail_msg("%s: %s, %s, %s", rows[i].topic, p.service, p.language, p.subject);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_of_newssub_is_an_item_and_how_it_came),
        cmocka_unit_test(all_but_the_item_may_be_missing),
        cmocka_unit_test(a_topic_that_is_too_long_for_one_of_ours_is_not_known),
        cmocka_unit_test(what_is_an_item_itself_is_no_such_line),
        cmocka_unit_test(what_is_wrong_is_said_with_its_line_and_member),
        cmocka_unit_test(a_line_cut_anywhere_is_refused_within_its_bytes),
        cmocka_unit_test(its_place_is_what_the_topic_says_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
