#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/text.h"
#include "subscriber/view.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NOW_MS       INT64_C(1795442527000) /* 2026-11-23T14:02:07Z */
#define FSI          "\xe2\x81\xa8"
#define PDI          "\xe2\x81\xa9"
#define SHALOM       "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d"
#define DOT          " \xc2\xb7 "
#define INDENT       "                                   " /* of what stands below a headline */

static const char topic[] = "news/harbour/world/en/3/sport";
static const struct view_screen pipe_screen = {.now_ms = NOW_MS};

/* ------------------------------------------------------------------------------------ Helpers */

static int utc(void **state)
{
    (void)state;
    (void)setenv("TZ", "UTC0", 1);
    tzset();
    return 0;
}

/* What the view says of an item; the caller frees it. */
static struct buf shown_on(const char *spec, const char *on, const char *item, bool retained,
                           const struct view_screen *screen)
{
    struct ninjs n;
    struct ninjs_fault fault;
    struct news_error err = {0};
    struct buf out = {0};
    if (!ninjs_check(item, strlen(item), &n, &fault))
        fail_msg("%s: %s: %s", item, fault.path, fault.what);
    struct arrival a = {.topic = on, .item = &n, .received_ms = NOW_MS, .retained = retained};
    if (!topic_split(TOPIC_ROOT, on, &a.levels)) a.levels = (struct topic_levels){0};
    struct view *v = view_new(spec, &err);
    if (!v) fail_msg("%s: %s", spec, err.message);
    view_put(v, &a, screen, &out);
    view_free(v);
    assert_true(buf_ok(&out));
    return out;
}

static void assert_shows(const char *spec, const char *item, const struct view_screen *screen,
                         const char *expected)
{
    struct buf out = shown_on(spec, topic, item, false, screen);
    if (strcmp(out.data, expected) != 0) fail_msg("%s\n%snot\n%s", item, out.data, expected);
    buf_deinit(&out);
}

#define ITEM(members) "{\"uri\":\"u:1\",\"versionCreated\":\"2026-11-23T09:05:00Z\"," members "}"
#define HARBOUR       "\"infoSources\":[{\"name\":\"Harbour Wire\"}]"
#define HEADLINE(h)   "\"headlines\":[{\"value\":\"" h "\"}]"

/* ------------------------------------------------------------------------------ Lines of text */

static void a_line_has_its_columns(void **state)
{
    (void)state;
    assert_shows("text", ITEM(HARBOUR "," HEADLINE("Ferry sails")), &pipe_screen,
                 "     09:05  Harbour Wire           Ferry sails\n");
    assert_shows("auto", ITEM(HARBOUR "," HEADLINE("Ferry sails")), &pipe_screen,
                 "     09:05  Harbour Wire           Ferry sails\n");
    assert_shows(
        "text",
        "{\"uri\":\"u:1\",\"versionCreated\":\"2025-11-23T09:05:00Z\"," HEADLINE("Ferry sails") "}",
        &pipe_screen, "2025-11-23  harbour                Ferry sails\n");
    assert_shows("text", "{\"uri\":\"u:1\"," HEADLINE("No date") "}", &pipe_screen,
                 "            harbour                No date\n");
    assert_shows("text", ITEM("\"infoSources\":[{\"name\":\"A very long name of a source\"}]"),
                 &pipe_screen, "     09:05  A very long nam\xe2\x80\xa6       \n");
}

static void marks_show_urgency_and_fate(void **state)
{
    (void)state;
    static const struct {
        const char *members, *mark;
    } cases[] = {
        {"\"urgency\":1", "!!! "},
        {"\"urgency\":2", "!!  "},
        {"\"urgency\":3", "!   "},
        {"\"urgency\":4", "    "},
        {"\"urgency\":9", "    "},
        {"\"version\":\"1\"", "    "},
        {"\"version\":\"0\"", "    "},
        {"\"version\":\"2\"", "upd "},
        {"\"version\":\"2\",\"urgency\":1", "!!! "},
        {"\"urgency\":1,\"pubStatus\":\"canceled\"", "KILL"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char item[256], expected[256];
        (void)snprintf(item, sizeof item, ITEM("%s," HEADLINE("h")), cases[i].members);
        (void)snprintf(expected, sizeof expected, "     09:05  harbour           %s h\n",
                       cases[i].mark);
        assert_shows("text", item, &pipe_screen, expected);
    }
}

static void a_second_line_has_place_and_link(void **state)
{
    (void)state;
    assert_shows("text",
                 ITEM(HEADLINE("h") ",\"located\":\"BREST\",\"renditions\":[{\"name\":\"web\","
                                    "\"href\":\"https://a.example/1\"}]"),
                 &pipe_screen,
                 "     09:05  harbour                h\n" INDENT "BREST" DOT
                 "https://a.example/1\n");
    assert_shows("text", ITEM(HEADLINE("h") ",\"located\":\"BREST\""), &pipe_screen,
                 "     09:05  harbour                h\n" INDENT "BREST\n");
}

static void the_note_to_editors_is_shown_of_kills_alone(void **state)
{
    (void)state;
    assert_shows("text", ITEM(HEADLINE("h") ",\"edNote\":\"UPDATES\""), &pipe_screen,
                 "     09:05  harbour                h\n");
    assert_shows("text",
                 ITEM(HEADLINE("h") ",\"located\":\"BREST\",\"edNote\":\"It was a tug\","
                                    "\"pubStatus\":\"canceled\""),
                 &pipe_screen,
                 "     09:05  harbour           KILL h\n" INDENT "BREST" DOT "It was a tug\n");
}

static void colour_stands_around_marked_lines_alone(void **state)
{
    (void)state;
    static const struct view_screen colour = {
        .terminal = true, .colour = true, .columns = 80, .now_ms = NOW_MS};
    assert_shows("text", ITEM("\"urgency\":1," HEADLINE("h")), &colour,
                 "     09:05  harbour           \033[1;31m!!!  h\033[0m\n");
    assert_shows("text", ITEM("\"urgency\":9," HEADLINE("h")), &colour,
                 "     09:05  harbour           \033[2m     h\033[0m\n");
    assert_shows("text", ITEM(HEADLINE("h")), &colour, "     09:05  harbour                h\n");
    assert_shows("text", ITEM(HEADLINE("h") ",\"located\":\"BREST\""), &colour,
                 "     09:05  harbour                h\n"
                 "\033[2m" INDENT "BREST\033[0m\n");
}

static void links_are_only_for_terminals_and_only_to_the_web(void **state)
{
    (void)state;
    static const struct view_screen terminal = {.terminal = true, .now_ms = NOW_MS};
    static const struct {
        const char *href;
        const char *on_terminal, *in_pipe;
    } cases[] = {
        {"https://a.example/1",
         "\033]8;;https://a.example/1\033\\https://a.example/1\033]8;;\033\\",
         "https://a.example/1"},
        {"javascript:alert(1)", NULL, NULL}, /* no line at all */
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        for (int on_terminal = 0; on_terminal <= 1; on_terminal++) {
            char item[256], expected[256];
            (void)snprintf(
                item, sizeof item,
                ITEM(HEADLINE("h") ",\"renditions\":[{\"name\":\"web\",\"href\":\"%s\"}]"),
                cases[i].href);
            const char *shown = on_terminal ? cases[i].on_terminal : cases[i].in_pipe;
            (void)snprintf(expected, sizeof expected,
                           "     09:05  harbour                h\n%s%s%s", shown ? INDENT : "",
                           shown ? shown : "", shown ? "\n" : "");
            assert_shows("text", item, on_terminal ? &terminal : &pipe_screen, expected);
        }
}

/* UAX #9; a pipe gets the text alone. */
static void right_to_left_is_isolated_on_a_terminal_only(void **state)
{
    (void)state;
    static const struct view_screen terminal = {.terminal = true, .now_ms = NOW_MS};
    static const char item[] = ITEM("\"infoSources\":[{\"name\":\"" SHALOM "\"}],\"located\":"
                                    "\"" SHALOM "\"," HEADLINE(SHALOM " abc"));
    assert_shows("text", item, &pipe_screen,
                 "     09:05  " SHALOM "                   " SHALOM " abc\n"
                 "                                   " SHALOM "\n");
    assert_shows("text", item, &terminal,
                 "     09:05  " FSI SHALOM "            " PDI "       " FSI SHALOM " abc" PDI "\n"
                 "                                   " FSI SHALOM PDI "\n");
    assert_shows("text", ITEM(HEADLINE("abc")), &terminal,
                 "     09:05  harbour                abc\n");
}

static const char *next_line(const char *at, size_t *len)
{
    *len = strcspn(at, "\n");
    return at[*len] ? at + *len + 1 : at + *len;
}

static void headlines_wrap_to_the_width_of_the_screen(void **state)
{
    (void)state;
    static const char item[] = ITEM(
        HARBOUR "," HEADLINE("The second ferry found the first ferry at \xe5\x8c\x97\xe4\xba"
                             "\xac where it should not have been, says the harbour master"));
    static const size_t columns[] = {44, 60, 71, 72, 80, 120};
    for (size_t i = 0; i < COUNT(columns); i++) {
        struct view_screen screen = {.terminal = true, .columns = columns[i], .now_ms = NOW_MS};
        struct buf out = shown_on("text", topic, item, false, &screen);
        size_t lines = 0, len;
        for (const char *at = out.data, *next; *at; at = next, lines++) {
            next = next_line(at, &len);
            if (text_width(at, len) > columns[i])
                fail_msg("%zu columns: \"%.*s\"", columns[i], (int)len, at);
            size_t indent = columns[i] < 72 ? 27 : 35;
            if (lines > 0 && strspn(at, " ") != indent)
                fail_msg("%zu columns: \"%.*s\"", columns[i], (int)len, at);
        }
        assert_true(lines > 1);
        buf_deinit(&out);
    }
    struct view_screen tiny = {.terminal = true, .columns = 20, .now_ms = NOW_MS};
    struct buf out = shown_on("text", topic, item, false, &tiny);
    assert_null(strstr(out.data, "\n ")); /* too narrow to wrap: the terminal does it */
    buf_deinit(&out);
}

/* columns: "0: do not wrap"; else no line of ours is longer than the screen. */
static void the_details_wrap_too(void **state)
{
    (void)state;
    static const struct view_screen screen = {.columns = 80, .now_ms = NOW_MS};
    static const char item[] = ITEM(
        HEADLINE("h") ",\"pubStatus\":\"canceled\",\"located\":\"BREST\",\"edNote\":\"KILL: the "
                      "harbour master denies it, and the ferry does not, nor do the winds of the "
                      "night\",\"renditions\":[{\"name\":\"web\",\"href\":"
                      "\"https://a.example/0123456789/0123456789/0123456789\"}]");
    struct buf out = shown_on("text", topic, item, false, &screen);
    size_t longest = 0, len;
    for (const char *at = out.data, *next; *at; at = next) {
        next = next_line(at, &len);
        if (text_width(at, len) > longest) longest = text_width(at, len);
    }
    buf_deinit(&out);
    assert_true(longest <= 80);
}

static void no_control_of_an_item_reaches_the_terminal(void **state)
{
    (void)state;
    static const char hostile[] =
        "\\u001b[2J\\u001b]0;x\\u0007\\r\\b\\n\\t\\u007f\\u0085\\u009b1m\\u202e\\u2066\\u2028"
        "\\u200b\\ufeff\\ue000x";
    static const char *const specs[] = {"text", "tsv", "%{headline}%{note:9}%{link:-9}%{source}"};
    static const struct view_screen screens[] = {
        {.now_ms = NOW_MS}, {.terminal = true, .columns = 80, .now_ms = NOW_MS}};
    char item[4096];
    (void)snprintf(item, sizeof item,
                   "{\"uri\":\"%s\",\"by\":\"%s\",\"located\":\"%s\",\"edNote\":\"%s\","
                   "\"headlines\":[{\"value\":\"%s\"}],\"infoSources\":[{\"name\":\"%s\"}],"
                   "\"renditions\":[{\"name\":\"web\",\"href\":\"https://a.example/%s\"},{\"name\":"
                   "\"enclosure\",\"href\":\"%s\"}],\"subjects\":[{\"name\":\"%s\"}],\"bodies\":[{"
                   "\"value\":\"%s\"}],\"versionCreated\":\"%s\",\"version\":\"%s\"}",
                   hostile, hostile, hostile, hostile, hostile, hostile, hostile, hostile, hostile,
                   hostile, hostile, hostile);
    for (size_t s = 0; s < COUNT(specs); s++)
        for (size_t i = 0; i < COUNT(screens); i++) {
            struct buf out = shown_on(specs[s], "x/\xc2\x9b\xe2\x80\xae", item, false, &screens[i]);
            for (size_t at = 0; at < out.len;) {
                uint32_t c;
                size_t n = text_decode(out.data + at, out.len - at, &c);
                const char *rest = out.data + at + n; /* of our own hyperlink, OSC 8 */
                bool link = c == 0x1b && i == 1 && s == 0 &&
                            (strncmp(rest, "]8;;", 4) == 0 || *rest == '\\');
                bool ours = c == '\n' || (c == '\t' && s == 1) || link;
                bool control = c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x061c ||
                               (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
                               (c >= 0x2066 && c <= 0x2069) || c == 0xfeff || c == 0xe000;
                if (control && !ours) fail_msg("%s: U+%04X", specs[s], c);
                at += n;
            }
            buf_deinit(&out);
        }
}

/* -------------------------------------------------------------------------------------- NDJSON */

static void ndjson_keeps_the_bytes_of_the_item(void **state)
{
    (void)state;
    static const char item[] = "{ \"uri\":\t\"u:1\" ,\"title\":\"caf\\u00e9 \\/ \xc3\xa9\","
                               "\"urgency\":5.0 }";
    struct buf expected = {0}, out = shown_on("ndjson", topic, item, false, &pipe_screen);
    buf_printf(
        &expected,
        "{\"topic\":\"%s\",\"received\":\"2026-11-23T14:02:07Z\",\"retained\":false,\"item\":"
        "%s}\n",
        topic, item);
    assert_string_equal(out.data, expected.data);
    buf_deinit(&out);
    buf_deinit(&expected);
}

static void ndjson_is_one_valid_object_a_line_whatever_comes(void **state)
{
    (void)state;
    static const struct {
        const char *topic, *item;
        bool retained;
    } cases[] = {
        {"x", "{\n\"uri\":\n\"u:1\"\r\n}", false},
        {"x", "\n\n{\"uri\":\"u:1\"}\n", true},
        {"a/\"}\\", "{\"uri\":\"u:1\"}", true},
        {"a/\xe2\x80\xae\xc2\x9b\x7f", "{\"uri\":\"u:1\"}", false},
        {"x", "{\"uri\":\"\x7f\xc2\x9b\xe2\x80\xa8\xe2\x80\xae\xef\xbb\xbf\",\"title\":\"\\n\"}",
         false},
        {"x", "{\"uri\":\"u:1\",\"title\":\"}\\\\\\\"\\n{\"}", false},
        {"x\xff", "{\"uri\":\"u:1\"}", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf out = shown_on("ndjson", cases[i].topic, cases[i].item, cases[i].retained,
                                  &pipe_screen);
        assert_ptr_equal(strchr(out.data, '\n'), out.data + out.len - 1);
        for (size_t at = 0; at + 1 < out.len; at++)
            if ((unsigned char)out.data[at] < 0x20 || out.data[at] == 0x7f)
                fail_msg("case %zu: %s", i, out.data);
        assert_null(strstr(out.data, "\xe2\x80\xae"));
        json_t *line = json_loads(out.data, JSON_REJECT_DUPLICATES, NULL);
        json_t *item = json_loads(cases[i].item, 0, NULL);
        if (!line) fail_msg("case %zu: %s", i, out.data);
        assert_true(json_equal(json_object_get(line, "item"), item));
        assert_int_equal(json_is_true(json_object_get(line, "retained")), cases[i].retained);
        json_decref(line);
        json_decref(item);
        buf_deinit(&out);
    }
}

/* ----------------------------------------------------------------------------------------- TSV */

static void tsv_has_the_nine_fields_of_sfeed(void **state)
{
    (void)state;
    assert_shows("tsv",
                 ITEM("\"headlines\":[{\"value\":\"Ferry\\tsails\"}],\"renditions\":[{\"name\":"
                      "\"web\",\"href\":\"https://a.example/1\"},{\"name\":\"enclosure\",\"href\":"
                      "\"https://a.example/m.mp3\"}],\"bodies\":[{\"value\":\"a\\nb\\\\c\\td\"}],"
                      "\"by\":\"Maren\",\"subjects\":[{\"name\":\"Sport\"},{\"literal\":\"l\"},{"
                      "\"name\":\"Ferries\"}]"),
                 &pipe_screen,
                 "1795424700\tFerry sails\thttps://a.example/1\ta\\nb\\\\c d\tplain\tu:1\tMaren\t"
                 "https://a.example/m.mp3\tSport|Ferries\n");
    assert_shows("tsv", "{\"uri\":\"u:1\"}", &pipe_screen, "\t\t\t\tplain\tu:1\t\t\t\n");
    assert_shows("tsv",
                 "{\"uri\":\"u:1\",\"bodies\":[{\"value\":\"<p>x</p>\",\"contentType\":"
                 "\"text/html\"}]}",
                 &pipe_screen, "\t\t\t<p>x</p>\thtml\tu:1\t\t\t\n");
    assert_shows("tsv", "{\"uri\":\"u:1\",\"descriptions\":[{\"value\":\"d\"}]}", &pipe_screen,
                 "\t\t\td\tplain\tu:1\t\t\t\n");
}

static void the_content_type_of_tsv_is_that_of_the_content(void **state)
{
    (void)state;
    assert_shows("tsv",
                 "{\"uri\":\"u:1\",\"descriptions\":[{\"value\":\"<p>d</p>\",\"contentType\":"
                 "\"text/html\"}]}",
                 &pipe_screen, "\t\t\t<p>d</p>\thtml\tu:1\t\t\t\n");
}

/* sfeed(5): categories are parted by '|', so one within a category must go. */
static void a_bar_within_a_category_parts_nothing(void **state)
{
    (void)state;
    struct buf out = shown_on(
        "tsv", topic, "{\"uri\":\"u:1\",\"subjects\":[{\"name\":\"a|b\"},{\"name\":\"c\"}]}", false,
        &pipe_screen);
    size_t bars = 0;
    for (size_t i = 0; i < out.len; i++)
        bars += out.data[i] == '|';
    buf_deinit(&out);
    assert_int_equal(bars, 1);
}

/* ------------------------------------------------------------------------------ Format strings */

static void formats_put_fields_where_they_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *format, *line;
    } cases[] = {
        {"%{headline}", "Ferry \xe5\x8c\x97\xe4\xba\xac\n"},
        {"%{uri}%{uri}", "u:1u:1\n"},
        {"<%{by}>", "<>\n"},
        {"%{uri:6}|", "u:1   |\n"},
        {"%{uri:-6}|", "   u:1|\n"},
        {"%{uri:3}|", "u:1|\n"},
        {"%{uri:2}|", "u\xe2\x80\xa6|\n"},
        {"%{uri:-2}|", "u\xe2\x80\xa6|\n"},
        {"%{headline:9}|", "Ferry \xe5\x8c\x97\xe2\x80\xa6|\n"},
        {"%{headline:12}|", "Ferry \xe5\x8c\x97\xe4\xba\xac  |\n"},
        {"%{headline:-12}|", "  Ferry \xe5\x8c\x97\xe4\xba\xac|\n"},
        {"%{by:4}|", "    |\n"},
        {"%%%{uri}%%", "%u:1%\n"},
        {"a\\tb\\n\\\\%{uri}", "a\tb\n\\u:1\n"},
        {"%{uri}\\", "u:1\\\n"},
        {"%{uri}\\n", "u:1\n\n"},
        {"{%{uri}}", "{u:1}\n"},
        {"\xe5\x8c\x97 %{uri}", "\xe5\x8c\x97 u:1\n"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_shows(cases[i].format, ITEM(HEADLINE("Ferry \xe5\x8c\x97\xe4\xba\xac")),
                     &pipe_screen, cases[i].line);
}

static void a_malformed_format_is_refused_with_its_fault(void **state)
{
    (void)state;
    static const struct {
        const char *format, *message; /* how it starts */
    } cases[] = {
        {"nope", "-o: \"nope\" is none of auto, text, ndjson, tsv, and no format with %{field}"},
        {"", "-o: \"\" is none of auto, text, ndjson, tsv, and no format with %{field}"},
        {"TEXT", "-o: \"TEXT\" is none of "},
        {"100%", "-o: \"100%\" is none of "},
        {"%{headline", "-o: \"%{\" is not closed by \"}\""},
        {"%{uri} %{", "-o: \"%{\" is not closed by \"}\""},
        {"%{nope}", "-o: there is no field \"nope\"; there are headline source"},
        {"%{}", "-o: there is no field \"\"; there are headline"},
        {"%{URI}", "-o: there is no field \"URI\""},
        {"%{uri:0}", "-o: \"0\" is not a width from 1 to 1000"},
        {"%{uri:}", "-o: \"\" is not a width from 1 to 1000"},
        {"%{uri:x}", "-o: \"x\" is not a width from 1 to 1000"},
        {"%{uri:5x}", "-o: \"5x\" is not a width from 1 to 1000"},
        {"%{uri:1001}", "-o: \"1001\" is not a width from 1 to 1000"},
        {"%{uri:-1001}", "-o: \"-1001\" is not a width from 1 to 1000"},
        {"%{uri:99999999999999999999}", "-o: \"99999999999999999999\" is not a width"},
        {"%{uri}%", "-o: \"%\" is neither \"%%\" nor \"%{\""},
        {"%{uri}%d", "-o: \"%\" is neither \"%%\" nor \"%{\""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct news_error err = {0};
        struct view *v = view_new(cases[i].format, &err);
        if (v) fail_msg("%s was passed", cases[i].format);
        if (strncmp(err.message, cases[i].message, strlen(cases[i].message)) != 0)
            fail_msg("%s: %s", cases[i].format, err.message);
        assert_int_equal(err.code, NEWS_ERR_USAGE);
    }
}

static void the_smallest_of_all_numbers_is_no_width(void **state)
{
    (void)state;
    struct news_error err = {0};
    assert_null(view_new("%{uri:-9223372036854775808}", &err)); /* its labs() is undefined */
    assert_int_equal(err.code, NEWS_ERR_USAGE);
}

static void a_format_has_a_bounded_number_of_parts(void **state)
{
    (void)state;
    struct buf format = {0}, literal = {0};
    struct news_error err = {0};
    for (int i = 0; i < 64; i++)
        buf_puts(&format, "%{uri}");
    struct view *v = view_new(format.data, &err);
    assert_non_null(v);
    view_free(v);
    buf_puts(&format, "%{uri}");
    assert_null(view_new(format.data, &err));
    assert_string_equal(err.message, "-o: too many fields");
    buf_deinit(&format);
    for (int i = 0; i < 63; i++)
        buf_puts(&literal, "%{uri}");
    buf_puts(&literal, " and a text of many letters"); /* one part, however long */
    v = view_new(literal.data, &err);
    bool passed = v != NULL;
    view_free(v);
    buf_deinit(&literal);
    assert_true(passed);
}

static void only_ndjson_shows_what_is_to_be_hidden(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        bool hides;
    } cases[] = {
        {"auto", true}, {"text", true}, {"tsv", true}, {"%{uri}", true}, {"ndjson", false}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct view *v = view_new(cases[i].spec, NULL);
        assert_non_null(v);
        assert_int_equal(view_hides(v), cases[i].hides);
        view_free(v);
    }
    view_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_its_columns),
        cmocka_unit_test(marks_show_urgency_and_fate),
        cmocka_unit_test(a_second_line_has_place_and_link),
        cmocka_unit_test(the_note_to_editors_is_shown_of_kills_alone),
        cmocka_unit_test(colour_stands_around_marked_lines_alone),
        cmocka_unit_test(links_are_only_for_terminals_and_only_to_the_web),
        cmocka_unit_test(right_to_left_is_isolated_on_a_terminal_only),
        cmocka_unit_test(headlines_wrap_to_the_width_of_the_screen),
        cmocka_unit_test(the_details_wrap_too),
        cmocka_unit_test(no_control_of_an_item_reaches_the_terminal),
        cmocka_unit_test(ndjson_keeps_the_bytes_of_the_item),
        cmocka_unit_test(ndjson_is_one_valid_object_a_line_whatever_comes),
        cmocka_unit_test(tsv_has_the_nine_fields_of_sfeed),
        cmocka_unit_test(the_content_type_of_tsv_is_that_of_the_content),
        cmocka_unit_test(a_bar_within_a_category_parts_nothing),
        cmocka_unit_test(formats_put_fields_where_they_are_named),
        cmocka_unit_test(a_malformed_format_is_refused_with_its_fault),
        cmocka_unit_test(a_format_has_a_bounded_number_of_parts),
        cmocka_unit_test(only_ndjson_shows_what_is_to_be_hidden),
        cmocka_unit_test(the_smallest_of_all_numbers_is_no_width),
    };
    return cmocka_run_group_tests(tests, utc, NULL);
}
