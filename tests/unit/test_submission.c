#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "publisher/submission.h"

#define ITEM "{\"uri\":\"u:1\",\"headlines\":[{\"value\":\"H\"}]}"
#define HEAD "{\"v\":1,\"op\":\"item\",\"publisher\":\"afp\","
#define LINE HEAD "\"item\":" ITEM "}"

/* ------------------------------------------------------------------------------------ Helpers */

static int setup(void **state)
{
    *state = arena_new();
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    arena_free(*state);
    return 0;
}

static struct submission read_line(struct arena *memory, const char *line)
{
    struct submission s = {0};
    struct news_error err = {0};
    if (!submission_read(line, strlen(line), memory, &s, &err)) fail_msg("%s", err.message);
    return s;
}

/* From a copy without a NUL, so that the sanitizer sees any step beyond its end. */
static void assert_refused(struct arena *memory, const char *line, const char *why)
{
    struct submission s;
    struct news_error err = {0};
    size_t len = strlen(line);
    char *bytes = malloc(len ? len : 1);
    assert_non_null(bytes);
    memcpy(bytes, line, len);
    if (submission_read(bytes, len, memory, &s, &err)) fail_msg("taken: %s", line);
    free(bytes);
    assert_int_equal(err.code, NEWS_ERR_DATA);
    if (!strstr(err.message, why)) fail_msg("%s: %s, not %s", line, err.message, why);
}

static void assert_text(const char *text, const char *expected)
{
    if (!expected) assert_null(text);
    else assert_string_equal(text, expected);
}

static void assert_same(const struct submission *a, const struct submission *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_text(a->uri, b->uri);
    assert_text(a->note, b->note);
    assert_text(a->place.root, b->place.root);
    assert_text(a->place.publisher, b->place.publisher);
    assert_text(a->place.service, b->place.service);
    assert_text(a->place.language, b->place.language);
    assert_text(a->place.subject, b->place.subject);
    assert_int_equal(a->place.urgency, b->place.urgency);
    assert_text(a->defaults.language, b->place.language);
    assert_text(a->defaults.subject, b->place.subject);
    assert_int_equal(a->defaults.urgency, b->place.urgency);
    assert_text(a->defaults.source, b->defaults.source);
    assert_string_equal(a->source, b->source);
    assert_int_equal(a->feed, b->feed);
    if (b->kind == SUBMIT_KILL) return;
    assert_int_equal(a->item.all.len, b->item.all.len);
    assert_memory_equal(a->item.all.at, b->item.all.at, b->item.all.len);
    assert_int_equal(a->item.member[NINJS_URI].len, b->item.member[NINJS_URI].len);
}

static struct submission example(enum submission_kind kind)
{
    struct submission s = {
        .kind = kind, .place = {.publisher = "afp"}, .defaults = {.source = "AFP"}, .source = ""};
    if (kind != SUBMIT_KILL) ninjs_note(ITEM, strlen(ITEM), &s.item);
    if (kind != SUBMIT_ITEM) s.uri = "u:1";
    return s;
}

static void assert_round_trip(struct arena *memory, const struct submission *s)
{
    struct buf line = {0};
    submission_write(&line, s);
    assert_true(buf_ok(&line));
    assert_null(strchr(line.data, '\n'));
    struct submission back = read_line(memory, line.data);
    assert_same(&back, s);
    buf_deinit(&line);
}

/* --------------------------------------------------------------------------------------- Tests */

static void what_is_written_is_read_back(void **state)
{
    struct submission item = example(SUBMIT_ITEM);
    assert_round_trip(*state, &item);
    item.place = (struct topic_place){.root = "test",
                                      .publisher = "afp-fr",
                                      .service = "World \"desk\"\n\xc3\xa9",
                                      .language = "de-AT",
                                      .subject = "sport/football",
                                      .urgency = 9};
    item.defaults.source = "AFP \\ Paris";
    item.source = "bbc-world";
    item.feed = true;
    assert_round_trip(*state, &item);
    struct submission update = example(SUBMIT_UPDATE);
    assert_round_trip(*state, &update);
    struct submission killed = example(SUBMIT_KILL);
    assert_round_trip(*state, &killed);
    killed.note = "wrong\nfrom start to end";
    assert_round_trip(*state, &killed);
}

static void the_line_is_as_documented(void **state)
{
    (void)state;
    struct buf line = {0};
    struct submission s = example(SUBMIT_ITEM);
    s.source = "bbc";
    s.feed = true;
    s.place.urgency = 3;
    s.place.service = "";
    submission_write(&line, &s);
    assert_string_equal(line.data, HEAD "\"by\":\"AFP\",\"source\":\"bbc\",\"urgency\":3,"
                                        "\"feed\":true,\"item\":" ITEM "}");
    buf_deinit(&line);
}

static void an_item_on_many_lines_is_written_on_one(void **state)
{
    static const char many[] = "{\n \"uri\": \"u:1\",\n \"headlines\": [{\"value\": \"H\"}]\n}";
    struct submission s = example(SUBMIT_ITEM);
    struct ninjs_fault fault;
    struct buf line = {0};
    assert_true(ninjs_check(many, sizeof many - 1, &s.item, &fault));
    submission_write(&line, &s);
    assert_null(strchr(line.data, '\n'));
    struct submission back = read_line(*state, line.data);
    assert_int_equal(back.item.all.len, strlen(ITEM));
    assert_memory_equal(back.item.all.at, ITEM, strlen(ITEM));
    buf_deinit(&line);
}

static void an_item_that_is_not_on_one_line_or_unsafe_is_read_as_one_that_is(void **state)
{
    struct submission s = read_line(*state,
                                    "{\"v\":1,\n\"op\":\"item\",\"publisher\":\"afp\",\"item\":"
                                    "{\n\"uri\":\"u:1\",\"title\":\"\xe2\x80\xae\"}}");
    assert_int_equal(s.item.flags, 0);
    static const char safe[] = "{\"uri\":\"u:1\",\"title\":\"\\u202e\"}";
    assert_int_equal(s.item.all.len, sizeof safe - 1);
    assert_memory_equal(s.item.all.at, safe, sizeof safe - 1);
}

static void members_may_come_in_any_order_and_empty_ones_say_nothing(void **state)
{
    struct submission s = read_line(
        *state, " { \"item\" : " ITEM " , \"service\":\"\", \"note\":\"\",\"source\":\"\","
                "\"feed\":false,\"publisher\":\"a\\u0066p\", \"op\":\"item\",\"v\":1.0} ");
    assert_null(s.place.service);
    assert_null(s.note);
    assert_string_equal(s.source, "");
    assert_string_equal(s.place.publisher, "afp");
    assert_false(s.feed);
}

static void foreign_lines_are_refused_with_a_reason(void **state)
{
    static const struct {
        const char *line, *why;
    } cases[] = {
        {"", "is not a JSON object"},
        {"[]", "is not a JSON object"},
        {"{}", "v: is missing"},
        {"{\"v\":1}", "op: is missing"},
        {"{\"v\":2,\"op\":\"item\"}", "v: is not 1"},
        {"{\"v\":\"1\"}", "v: "},
        {"{\"v\":0}", "v: is not 1"},
        {"{\"v\":1,\"v\":1}", "v: stands twice"},
        {"{\"v\":1,\"op\":\"delete\"}", "op: is not one of: item update kill"},
        {"{\"op\":\"item\",\"op\":\"item\"}", "op: stands twice"},
        {"{\"op\":1}", "op: a string is expected"},
        {"{\"op\":\"a word longer than any\"}", "op: is too long"},
        {"{\"x\":1}", "x: unknown member"},
        {"{\"v\":1,}", "name in quotes"},
        {"{\"v\":1", "'}' is expected"},
        {"{\"v", "string does not end"},
        {LINE "x", "something follows it"},
        {HEAD "\"item\":" ITEM ",\"item\":" ITEM "}", "item: stands twice"},
        {HEAD "\"source\":\"a\",\"source\":\"b\"}", "source: stands twice"},
        {HEAD "\"feed\":true,\"feed\":true}", "feed: stands twice"},
        {HEAD "\"feed\":1}", "feed: a value is expected"},
        {HEAD "\"urgency\":0}", "urgency: is not between 1 and 9"},
        {HEAD "\"urgency\":2.5}", "urgency: is not between 1 and 9"},
        {HEAD "\"urgency\":2,\"urgency\":2}", "urgency: stands twice"},
        {HEAD "\"urgency\":\"2\"}", "urgency: "},
        {HEAD "\"note\":\"\\u0000\"}", "note: "},
        {HEAD "\"note\":\"\xff\"}", "note: the text is not valid UTF-8"},
        {HEAD "\"lang\":\"de_\xc3\xa9\",\"item\":" ITEM "}", "lang: is no language tag"},
        {HEAD "\"root\":\"a/b\",\"item\":" ITEM "}", "root: is not a topic level"},
        {HEAD "\"root\":\"#\",\"item\":" ITEM "}", "root: is not a topic level"},
        {"{\"v\":1,\"op\":\"item\",\"item\":" ITEM "}", "publisher: is missing"},
        {"{\"v\":1,\"op\":\"item\",\"publisher\":\"AFP\",\"item\":" ITEM "}",
         "publisher: is not a"},
        {"{\"v\":1,\"op\":\"item\",\"publisher\":\"a/b\",\"item\":" ITEM "}",
         "publisher: is not a"},
        {HEAD "\"feed\":true}", "item: is missing"},
        {HEAD "\"item\":{\"uri\":\"\"}}", "uri: is empty"},
        {HEAD "\"item\":{}}", "uri: is required"},
        {HEAD "\"item\":{\"uri\":\"u:1\",\"bogus\":1}}", "bogus: unknown property"},
        {HEAD "\"item\":\""
              "x"
              "\"}",
         "an object is expected"},
        {HEAD "\"item\":}", "item: a value is expected"},
        {"{\"v\":1,\"op\":\"kill\"}", "uri: is missing"},
        {"{\"v\":1,\"op\":\"kill\",\"uri\":\"\"}", "uri: is missing"},
        {"{\"v\":1,\"op\":\"update\",\"item\":" ITEM "}", "uri: is missing"},
        {"{\"v\":1,\"op\":\"update\",\"uri\":\"u:1\"}", "item: is missing"},
        {"{\"v\":1,\"op\":\"update\",\"uri\":\"u:2\",\"item\":" ITEM "}", "uri: is not the item's"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused(*state, cases[i].line, cases[i].why);
}

static void texts_are_bounded(void **state)
{
    static const struct {
        const char *name;
        size_t most;
    } cases[] = {{"uri", NINJS_URI_MAX}, {"note", 4096},    {"root", 64},
                 {"publisher", 32},      {"service", 1024}, {"lang", 63},
                 {"subject", 1024},      {"by", 1024},      {"source", SUBMISSION_SOURCE_MAX}};
    char why[64];
    struct submission s;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t more = 0; more < 2; more++) {
            struct buf line = {0};
            struct news_error err = {0};
            buf_printf(&line, "{\"v\":1,\"op\":\"kill\",\"%s\":\"", cases[i].name);
            for (size_t n = 0; n < cases[i].most + more; n++)
                buf_putc(&line, 'a');
            buf_puts(&line, strcmp(cases[i].name, "uri") == 0 ? "\"}" : "\",\"uri\":\"u:1\"}");
            (void)snprintf(why, sizeof why, "%s: is too long", cases[i].name);
            if (more) assert_refused(*state, line.data, why);
            else if (!submission_read(line.data, line.len, *state, &s, &err) &&
                     strstr(err.message, "too long"))
                fail_msg("%s", err.message);
            buf_deinit(&line);
        }
}

static void a_line_without_end_is_refused_for_its_size(void **state)
{
    struct submission s;
    struct news_error err = {0};
    size_t len = SUBMISSION_BYTES_MAX + 1;
    char *line = calloc(1, len);
    assert_non_null(line);
    memset(line, ' ', len);
    assert_false(submission_read(line, len, *state, &s, &err));
    assert_int_equal(err.code, NEWS_ERR_TOO_LARGE);
    assert_false(submission_read(line, len - 1, *state, &s, &err));
    assert_int_equal(err.code, NEWS_ERR_DATA);
    free(line);
}

/* Nothing of it is used when the line is cut anywhere, and no byte behind the cut is looked at. */
static void every_prefix_of_a_line_is_refused(void **state)
{
    struct submission s;
    size_t whole = strlen(LINE);
    for (size_t len = 0; len < whole; len++) {
        char *bytes = malloc(len ? len : 1);
        assert_non_null(bytes);
        memcpy(bytes, LINE, len);
        assert_false(submission_read(bytes, len, *state, &s, NULL));
        free(bytes);
    }
    (void)read_line(*state, LINE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_is_read_back),
        TEST(the_line_is_as_documented),
        TEST(an_item_on_many_lines_is_written_on_one),
        TEST(an_item_that_is_not_on_one_line_or_unsafe_is_read_as_one_that_is),
        TEST(members_may_come_in_any_order_and_empty_ones_say_nothing),
        TEST(foreign_lines_are_refused_with_a_reason),
        TEST(texts_are_bounded),
        TEST(a_line_without_end_is_refused_for_its_size),
        TEST(every_prefix_of_a_line_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
