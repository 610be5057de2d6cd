#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/json.h"

#define COUNT(array)  (sizeof(array) / sizeof *(array))
#define BYTES(string) (string), sizeof(string) - 1

/* ------------------------------------------------------------------------------------ Helpers */

/* The whole text as one value; the fault in *fault when it is refused. */
static bool is_valid(const char *bytes, size_t len, const char **fault)
{
    char *exact = malloc(len ? len : 1); /* no NUL behind it: the sanitizer watches the end */
    assert_non_null(exact);
    memcpy(exact, bytes, len);
    struct json_walk w = json_walk_start(exact, len);
    bool ok = json_walk_any(&w, 0);
    if (ok && (json_walk_peek(&w) != '\0' || w.at != w.end)) {
        w.fault = "something follows";
        ok = false;
    }
    if (fault) *fault = ok ? NULL : w.fault;
    free(exact);
    return ok;
}

static struct json_slice slice(const char *text)
{
    return (struct json_slice){text, strlen(text)};
}

static void assert_buf(struct buf *b, const char *expected)
{
    buf_puts(b, "");
    assert_true(buf_ok(b));
    assert_string_equal(b->data, expected);
    assert_int_equal(b->len, strlen(expected));
    buf_deinit(b);
}

static void assert_slice(struct json_slice s, const char *expected)
{
    struct buf b = {0};
    assert_non_null(s.at);
    buf_put(&b, s.at, s.len);
    assert_buf(&b, expected);
}

static char *nested(size_t levels, const char *open, const char *close, const char *inner)
{
    struct buf b = {0};
    for (size_t i = 0; i < levels; i++)
        buf_puts(&b, open);
    buf_puts(&b, inner);
    for (size_t i = 0; i < levels; i++)
        buf_puts(&b, close);
    return b.data;
}

/* ---------------------------------------------------------------------------- The strict walk */

static void every_kind_of_value_is_passed(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "null",
        "true",
        "false",
        "0",
        "-0",
        "7",
        "-12.5e+3",
        "1E9",
        "0.0",
        "\"\"",
        "\"a\"",
        "[]",
        "{}",
        "[ ]",
        "{ }",
        " [1,2 , 3]\n",
        "{\"a\":1,\"b\":{\"c\":[null]}}",
        "\t\r\n {\"a\" : \"b\" } ",
        "[[],{},\"\",0]",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"",
        "{\"\":1}",
        "\"\x7f\"",
        "\"\xc2\x80\"",
        "\"\xe0\xa0\x80\"",
        "\"\xed\x9f\xbf\"",
        "\"\xee\x80\x80\"",
        "\"\xef\xbf\xbf\"",
        "\"\xf0\x90\x80\x80\"",
        "\"\xf4\x8f\xbf\xbf\"",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        const char *fault;
        if (!is_valid(texts[i], strlen(texts[i]), &fault)) fail_msg("%s: %s", texts[i], fault);
    }
}

static void every_refusal_says_why(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
        const char *fault;
    } cases[] = {
        {BYTES(""), "the text ends too early"},
        {BYTES(" \n"), "the text ends too early"},
        {BYTES("["), "the text ends too early"},
        {BYTES("[1,"), "the text ends too early"},
        {BYTES("{\"a\":"), "the text ends too early"},
        {BYTES("\0"), "a value is expected"},
        {BYTES("[\0]"), "a value is expected"},
        {BYTES("tru"), "a value is expected"},
        {BYTES("nul1"), "a value is expected"},
        {BYTES("[1 2]"), "',' or ']' is expected"},
        {BYTES("[1}"), "',' or ']' is expected"},
        {BYTES("[1"), "',' or ']' is expected"},
        {BYTES("[true\0]"), "',' or ']' is expected"},
        {BYTES("{\"a\":1 \"b\":2}"), "',' or '}' is expected"},
        {BYTES("{\"a\":1]"), "',' or '}' is expected"},
        {BYTES("{\"a\":1"), "',' or '}' is expected"},
        {BYTES("{\"a\":1,}"), "a property name in quotes is expected"},
        {BYTES("{a:1}"), "a property name in quotes is expected"},
        {BYTES("{1:1}"), "a property name in quotes is expected"},
        {BYTES("{"), "a property name in quotes is expected"},
        {BYTES("{\"a\"}"), "':' is expected after a property name"},
        {BYTES("{\"a\" 1}"), "':' is expected after a property name"},
        {BYTES("{\"a\""), "':' is expected after a property name"},
        {BYTES("1 2"), "something follows"},
        {BYTES("{}{}"), "something follows"},
        {BYTES("1\0"), "something follows"},
        {BYTES("\"a"), "the string does not end"},
        {BYTES("\"a\\\""), "the string does not end"},
        {BYTES("\"a\\"), "the string does not end"},
        {BYTES("\"\\x41\""), "unknown escape in a string"},
        {BYTES("\"\\'\""), "unknown escape in a string"},
        {BYTES("\"\\0\""), "unknown escape in a string"},
        {BYTES("\"\\\0\""), "unknown escape in a string"},
        {BYTES("\"\\U0041\""), "unknown escape in a string"},
        {BYTES("\"\\u12\""), "\\u is not followed by four hex digits"},
        {BYTES("\"\\u12g4\""), "\\u is not followed by four hex digits"},
        {BYTES("\"\\u123"), "\\u is not followed by four hex digits"},
        {BYTES("\"\\u+123\""), "\\u is not followed by four hex digits"},
        {BYTES("\"\\u0000\""), "a NUL character (\\u0000) is not allowed"},
        {BYTES("\"\\ud800\""), "half of a surrogate pair stands alone"},
        {BYTES("\"\\ud83d\\u0041\""), "half of a surrogate pair stands alone"},
        {BYTES("\"\\ud83d\\ud83d\""), "half of a surrogate pair stands alone"},
        {BYTES("\"\\ud83dx\\ude00\""), "half of a surrogate pair stands alone"},
        {BYTES("\"\\ude00\\ud83d\""), "half of a surrogate pair stands alone"},
        {BYTES("\"\\udfff\""), "half of a surrogate pair stands alone"},
        {BYTES("\"\\ud83d\\u\""), "half of a surrogate pair stands alone"},
        {BYTES("\"\\ud83d\\ude0"), "half of a surrogate pair stands alone"},
        {BYTES("\"a\nb\""), "a control character stands unescaped in a string"},
        {BYTES("\"\t\""), "a control character stands unescaped in a string"},
        {BYTES("\"\0\""), "a control character stands unescaped in a string"},
        {BYTES("\"\x1f\""), "a control character stands unescaped in a string"},
        {BYTES("\"\x80\""), "the text is not valid UTF-8"},
        {BYTES("\"\xff\""), "the text is not valid UTF-8"},
        {BYTES("\"\xc3\""), "the text is not valid UTF-8"},
        {BYTES("\"\xc3"), "the text is not valid UTF-8"},
        {BYTES("\"\xe2\x82\""), "the text is not valid UTF-8"},
        {BYTES("\"\xc0\xaf\""), "the text is not valid UTF-8"},
        {BYTES("\"\xc1\xbf\""), "the text is not valid UTF-8"},
        {BYTES("\"\xe0\x9f\xbf\""), "the text is not valid UTF-8"},
        {BYTES("\"\xf0\x8f\xbf\xbf\""), "the text is not valid UTF-8"},
        {BYTES("\"\xed\xa0\x80\""), "the text is not valid UTF-8"},
        {BYTES("\"\xed\xbf\xbf\""), "the text is not valid UTF-8"},
        {BYTES("\"\xf4\x90\x80\x80\""), "the text is not valid UTF-8"},
        {BYTES("\"\xf5\x80\x80\x80\""), "the text is not valid UTF-8"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *fault = NULL;
        if (is_valid(cases[i].text, cases[i].len, &fault))
            fail_msg("case %zu was passed: %s", i, cases[i].text);
        if (strcmp(fault, cases[i].fault) != 0)
            fail_msg("case %zu, %s: \"%s\", not \"%s\"", i, cases[i].text, fault, cases[i].fault);
    }
}

/* A byte that starts nothing known is no number either; the message is the reader's first help. */
static void what_starts_no_value_is_not_called_a_number(void **state)
{
    (void)state;
    static const char *const texts[] = {"]", "'a'", "[1,]", "undefined", "\xef\xbb\xbf{}"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        const char *fault = "";
        assert_false(is_valid(texts[i], strlen(texts[i]), &fault));
        if (strcmp(fault, "a value is expected") != 0) fail_msg("%s: \"%s\"", texts[i], fault);
    }
}

static void every_prefix_of_a_valid_text_is_refused(void **state)
{
    (void)state;
    static const char text[] =
        "{\"a\":[1.5e-3,true,null,{\"b\":\"\\ud83d\\ude00 \xf0\x9f\x98\x80 \\n\"}]}";
    assert_true(is_valid(BYTES(text), NULL));
    for (size_t len = 0; len < sizeof text - 1; len++)
        if (is_valid(text, len, NULL)) fail_msg("the first %zu bytes were passed", len);
}

static void numbers_follow_the_grammar_and_are_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *fault; /* NULL: passed */
        double value;
    } cases[] = {
        {"0", NULL, 0},
        {"-0", NULL, 0},
        {"5.0", NULL, 5},
        {"50e-1", NULL, 5},
        {"1E+2", NULL, 100},
        {"-1.25", NULL, -1.25},
        {"0123456789", "a number does not start with 0", 0},
        {"-01", "a number does not start with 0", 0},
        {"00", "a number does not start with 0", 0},
        {"+1", "a number is expected", 0},
        {"-", "a number is expected", 0},
        {".5", "a number is expected", 0},
        {"- 1", "a number is expected", 0},
        {"1.", "a digit is expected after the point", 0},
        {"1.e5", "a digit is expected after the point", 0},
        {"1e", "the exponent is missing or too large", 0},
        {"1e+", "the exponent is missing or too large", 0},
        {"1e1000", "the exponent is missing or too large", 0},
        {"1234567890123456789012345678901234567890", NULL,
         1234567890123456789012345678901234567890.},
        {"12345678901234567890123456789012345678901", "the number is too long", 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *fault;
        bool ok = is_valid(cases[i].text, strlen(cases[i].text), &fault);
        if (ok != !cases[i].fault || (!ok && strcmp(fault, cases[i].fault) != 0))
            fail_msg("%s: %s", cases[i].text, ok ? "passed" : fault);
        double value = 42;
        struct json_walk w = json_walk_start(cases[i].text, strlen(cases[i].text));
        assert_int_equal(json_walk_number(&w, &value), !cases[i].fault);
        if (value != (ok ? cases[i].value : 42)) fail_msg("%s: %g", cases[i].text, value);
    }
}

/* A number beyond a double is infinite to whoever reads the item next, or refused by it. */
static void a_number_too_large_for_a_double_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"1e309", "-1e400", "1e999"};
    for (size_t i = 0; i < COUNT(texts); i++)
        if (is_valid(texts[i], strlen(texts[i]), NULL)) fail_msg("%s was passed", texts[i]);
    assert_true(is_valid(BYTES("1e308"), NULL));
    assert_true(is_valid(BYTES("1e-999"), NULL)); /* nothing but very small */
}

static void depth_is_bounded_for_arrays_and_objects_alike(void **state)
{
    (void)state;
    static const struct {
        const char *open, *close, *inner;
    } shapes[] = {{"[", "]", ""}, {"{\"a\":", "}", "{}"}, {"[{\"a\":", "}]", "1"}};
    static const size_t per_unit[] = {1, 1, 2};
    for (size_t i = 0; i < COUNT(shapes); i++) {
        size_t own = i == 1 ? 1 : 0; /* the innermost {} is a level, too */
        const char *fault = NULL;
        char *fits = nested((JSON_DEPTH_MAX - 2) / per_unit[i] - own, shapes[i].open,
                            shapes[i].close, shapes[i].inner);
        char *deep = nested(JSON_DEPTH_MAX + 1, shapes[i].open, shapes[i].close, shapes[i].inner);
        if (!is_valid(fits, strlen(fits), &fault)) fail_msg("shape %zu: %s", i, fault);
        assert_false(is_valid(deep, strlen(deep), &fault));
        assert_string_equal(fault, "the value is nested too deeply");
        free(fits);
        free(deep);
    }
    char *endless = nested(1000000, "[", "", "");
    assert_false(is_valid(endless, 1000000, NULL)); /* and does not run out of stack */
    free(endless);
}

static void levels_above_the_value_count_too(void **state)
{
    (void)state;
    struct json_walk w = json_walk_start(BYTES("[]"));
    assert_true(json_walk_any(&w, JSON_DEPTH_MAX - 1));
    w = json_walk_start(BYTES("[]"));
    assert_false(json_walk_any(&w, JSON_DEPTH_MAX));
    assert_string_equal(w.fault, "the value is nested too deeply");
}

static void the_same_name_twice_is_refused_however_it_is_written(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
    } cases[] = {
        {"{\"a\":1,\"a\":1}", false},
        {"{\"a\":1,\"b\":2,\"a\":3}", false},
        {"{\"a\":1,\"\\u0061\":1}", false},
        {"{\"\\u0061\":1,\"a\":1}", false},
        {"{\"\\u0061\":1,\"\\u0061\":1}", false},
        {"{\"\":1,\"\":1}", false},
        {"{\"\xc3\xa9\":1,\"\\u00E9\":1}", false},
        {"{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\ude00\":1}", false},
        {"{\"a/b\":1,\"a\\/b\":1}", false},
        {"{\"x\":{\"a\":1,\"a\":1}}", false},
        {"[{\"a\":1,\"a\":1}]", false},
        {"{\"a\":1,\"A\":1}", true},
        {"{\"a\":1,\"aa\":1}", true},
        {"{\"a\":1,\"\":1}", true},
        {"{\"a\":{\"a\":1}}", true},
        {"[{\"a\":1},{\"a\":1}]", true},
        {"{\"\\n\":1,\"n\":1}", true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *fault = NULL;
        bool ok = is_valid(cases[i].text, strlen(cases[i].text), &fault);
        if (ok != cases[i].ok) fail_msg("%s: %s", cases[i].text, ok ? "passed" : fault);
        if (!ok) assert_string_equal(fault, "the same property stands twice in one object");
    }
}

static void an_open_object_has_a_bounded_number_of_properties(void **state)
{
    (void)state;
    for (int count = JSON_OPEN_MAX; count <= JSON_OPEN_MAX + 1; count++) {
        struct buf b = {0};
        const char *fault = NULL;
        buf_putc(&b, '{');
        for (int i = 0; i < count; i++)
            buf_printf(&b, "%s\"n%d\":0", i ? "," : "", i);
        buf_putc(&b, '}');
        assert_int_equal(is_valid(b.data, b.len, &fault), count == JSON_OPEN_MAX);
        if (fault) assert_string_equal(fault, "the object has too many properties");
        buf_deinit(&b);
    }
}

static void line_breaks_and_unsafe_characters_are_noted(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned flags;
    } cases[] = {
        {"{\"a\":\"b\"}", 0},
        {"{ \"a\":\t\"b\" }", 0}, /* blanks do not break a line */
        {"\"\\n\"", 0},
        {"[1,\n2]", JSON_SPACED},
        {"[1,\r2]", JSON_SPACED},
        {"{\"a\"\n:1}", JSON_SPACED},
        {"{\"a\":\n1}", JSON_SPACED},
        {"[\n]", JSON_SPACED},
        {"\"\x7f\"", JSON_UNSAFE},
        {"\"\xc2\x9b\"", JSON_UNSAFE},     /* CSI */
        {"\"\xe2\x80\xae\"", JSON_UNSAFE}, /* RLO */
        {"\"\xe2\x80\xa8\"", JSON_UNSAFE}, /* LINE SEPARATOR */
        {"\"\xe2\x81\xa6\"", JSON_UNSAFE}, /* LRI */
        {"\"\xef\xbb\xbf\"", JSON_UNSAFE}, /* ZWNBSP */
        {"{\"\xd8\x9c\":1}", JSON_UNSAFE}, /* ALM, in a name */
        {"\"\\u202e\\u009b\"", 0},         /* escaped, they do no harm */
        {"\"\xc3\xa9\xe4\xbd\x93\"", 0},
        {"[\"\x7f\",\n1]", JSON_SPACED | JSON_UNSAFE},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct json_walk w = json_walk_start(cases[i].text, strlen(cases[i].text));
        assert_true(json_walk_any(&w, 0));
        if (w.flags != cases[i].flags) fail_msg("%s: %u", cases[i].text, w.flags);
    }
}

static void the_line_of_the_walk_counts_from_one(void **state)
{
    (void)state;
    struct json_walk w = json_walk_start(BYTES("\n[1,\n 2,\n x]"));
    assert_int_equal(json_walk_line(&w), 1);
    assert_false(json_walk_any(&w, 0));
    assert_int_equal(json_walk_line(&w), 4);
}

static void a_string_is_given_without_its_quotes_and_with_its_escapes(void **state)
{
    (void)state;
    struct json_slice s;
    struct json_walk w = json_walk_start(BYTES("  \"a\\n\\\"\" :1"));
    assert_true(json_walk_name(&w, &s));
    assert_slice(s, "a\\n\\\"");
    assert_int_equal(json_walk_peek(&w), '1');
    w = json_walk_start(BYTES("x"));
    s = (struct json_slice){0};
    assert_false(json_walk_string(&w, &s));
    assert_string_equal(w.fault, "a string is expected");
    assert_null(s.at);
}

/* ----------------------------------------------------------------------------- The quick walk */

static void members_and_elements_come_in_order(void **state)
{
    (void)state;
    static const char text[] = " \"a\" : 1 ,\"b\":\"x,}\\\"]\", \"c\" :[1,[2,3]],\"d\":{\"e\":{}} ,"
                               "\"f\":true,\"g\":-1.5e3 ";
    static const char *const expected[][2] = {
        {"\"a\"", "1"},          {"\"b\"", "\"x,}\\\"]\""}, {"\"c\"", "[1,[2,3]]"},
        {"\"d\"", "{\"e\":{}}"}, {"\"f\"", "true"},         {"\"g\"", "-1.5e3"},
    };
    struct buf b = {0};
    buf_printf(&b, "{%s}", text);
    struct json_cursor c = json_inside((struct json_slice){b.data, b.len});
    struct json_slice name, value;
    for (size_t i = 0; i < COUNT(expected); i++) {
        assert_true(json_next_member(&c, &name, &value));
        assert_slice(name, expected[i][0]);
        assert_slice(value, expected[i][1]);
    }
    assert_false(json_next_member(&c, &name, &value));
    assert_false(json_next_member(&c, &name, &value)); /* and stays at the end */
    buf_deinit(&b);

    c = json_inside(slice("[ null,\n{\"a\":[]} , \"]\",[],0 ]"));
    static const char *const elements[] = {"null", "{\"a\":[]}", "\"]\"", "[]", "0"};
    for (size_t i = 0; i < COUNT(elements); i++) {
        assert_true(json_next_element(&c, &value));
        assert_slice(value, elements[i]);
    }
    assert_false(json_next_element(&c, &value));
}

static void nothing_is_inside_of_what_is_empty_or_no_container(void **state)
{
    (void)state;
    static const char *const texts[] = {"[]", "{}", "[ \n ]", "{\t}", "1", "\"[1]\"", "null", ""};
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct json_cursor c = json_inside(slice(texts[i]));
        struct json_slice value;
        if (json_next_element(&c, &value)) fail_msg("%s holds something", texts[i]);
    }
    struct json_cursor c = json_inside((struct json_slice){0});
    struct json_slice value;
    assert_false(json_next_element(&c, &value));
}

static void runs_of_backslashes_do_not_hide_the_end_of_a_string(void **state)
{
    (void)state;
    static const char *const strings[] = {"\"\\\\\"",     "\"\\\\\\\"\"", "\"\\\"\"",
                                          "\"\\\\\\\\\"", "\"\"",         "\"x\\\\\""};
    for (size_t i = 0; i < COUNT(strings); i++) {
        struct buf b = {0};
        buf_printf(&b, "[%s,1]", strings[i]);
        assert_true(is_valid(b.data, b.len, NULL));
        struct json_cursor c = json_inside((struct json_slice){b.data, b.len});
        struct json_slice value;
        assert_true(json_next_element(&c, &value));
        assert_slice(value, strings[i]);
        assert_true(json_next_element(&c, &value));
        assert_slice(value, "1");
        buf_deinit(&b);
    }
}

static void a_member_is_found_by_its_name_alone(void **state)
{
    (void)state;
    struct json_slice o = slice("{\"a\":\"b\",\"b\":{\"c\":1},\"\\u0064\":2,\"c\":3}");
    assert_slice(json_member(o, "a"), "\"b\"");
    assert_slice(json_member(o, "b"), "{\"c\":1}");
    assert_slice(json_member(o, "c"), "3"); /* not the one within b */
    assert_slice(json_member(o, "d"), "2");
    assert_null(json_member(o, "e").at);
    assert_null(json_member(o, "").at);
    assert_null(json_member(slice("[\"a\",1]"), "a").at);
    assert_null(json_member(slice("\"a\""), "a").at);
    assert_null(json_member((struct json_slice){0}, "a").at);
}

static void a_string_is_compared_with_its_escapes_undone(void **state)
{
    (void)state;
    assert_true(json_is(slice("\"main\""), "main"));
    assert_true(json_is(slice("\"m\\u0061in\""), "main"));
    assert_true(json_is(slice("\"a\\/b\""), "a/b"));
    assert_true(json_is(slice("\"\""), ""));
    assert_false(json_is(slice("\"main\""), "mai"));
    assert_false(json_is(slice("\"mai\""), "main"));
    assert_false(json_is(slice("\"\""), "main"));
    assert_false(json_is(slice("5"), "5"));
    assert_false(json_is(slice("null"), ""));
    assert_false(json_is((struct json_slice){0}, ""));
}

static void the_text_of_a_string_is_its_characters(void **state)
{
    (void)state;
    static const struct {
        const char *json, *text;
    } cases[] = {
        {"\"\"", ""},
        {"\"plain\"", "plain"},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
        {"\"x\\u0041y\"", "xAy"},
        {"\"\\u00e9\\u4F53\"", "\xc3\xa9\xe4\xbd\x93"},
        {"\"\\ud83d\\ude00!\"", "\xf0\x9f\x98\x80!"},
        {"\"\\udbff\\udfff\"", "\xf4\x8f\xbf\xbf"},
        {"\"\\uffff\\u07ff\\u0800\"", "\xef\xbf\xbf\xdf\xbf\xe0\xa0\x80"},
        {"5", ""},
        {"[\"a\"]", ""},
        {"true", ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf b = {0};
        json_text(&b, slice(cases[i].json));
        assert_buf(&b, cases[i].text);
    }
    struct buf b = {0};
    buf_puts(&b, "<");
    json_text(&b, slice("\"x\""));
    json_text(&b, (struct json_slice){0});
    assert_buf(&b, "<x"); /* appended */
}

/* ----------------------------------------------------------------------------------- Writing */

static void strings_are_written_with_what_is_unsafe_escaped(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
        const char *json;
    } cases[] = {
        {BYTES(""), "\"\""},
        {BYTES("plain /'"), "\"plain /'\""},
        {BYTES("\"\\"), "\"\\\"\\\\\""},
        {BYTES("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\""},
        {BYTES("\x01\x1b\x1f\x7f"), "\"\\u0001\\u001b\\u001f\\u007f\""},
        {BYTES("a\0b"), "\"a\\u0000b\""},
        {BYTES("\xc2\x80\xc2\x9b\xc2\x9f"), "\"\\u0080\\u009b\\u009f\""},
        {BYTES("\xc2\xa0"), "\"\xc2\xa0\""},
        {BYTES("\xd8\x9c\xe2\x80\x8e\xe2\x80\x8f"), "\"\\u061c\\u200e\\u200f\""},
        {BYTES("\xe2\x80\xa7\xe2\x80\xa8\xe2\x80\xae\xe2\x80\xaf"),
         "\"\xe2\x80\xa7\\u2028\\u202e\xe2\x80\xaf\""},
        {BYTES("\xe2\x81\xa5\xe2\x81\xa6\xe2\x81\xa9\xe2\x81\xaa"),
         "\"\xe2\x81\xa5\\u2066\\u2069\xe2\x81\xaa\""},
        {BYTES("\xef\xbb\xbf"), "\"\\ufeff\""},
        {BYTES("\xe4\xbd\x93\xf0\x9f\x98\x80"), "\"\xe4\xbd\x93\xf0\x9f\x98\x80\""},
        {BYTES("a\xff"
               "b\xc3"),
         "\"a\\ufffdb\\ufffd\""},
        {BYTES("\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf b = {0};
        json_put_string(&b, cases[i].text, cases[i].len);
        assert_buf(&b, cases[i].json);
    }
}

static void whatever_is_written_is_read_back(void **state)
{
    (void)state;
    char text[4];
    for (uint32_t c = 1; c <= 0x10ffff; c += c < 0x3000 ? 1 : 0x3fd) {
        if (c >= 0xd800 && c <= 0xdfff) continue;
        size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        uint32_t rest = c;
        for (size_t i = len - 1; i > 0; i--, rest >>= 6)
            text[i] = (char)(0x80 | (rest & 0x3f));
        text[0] = (char)(len == 1 ? rest : (0xf00u >> len & 0xf0) | rest);
        struct buf json = {0}, back = {0};
        json_put_string(&json, text, len);
        const char *fault;
        if (!is_valid(json.data, json.len, &fault)) fail_msg("U+%04X: %s", c, fault);
        json_text(&back, (struct json_slice){json.data, json.len});
        if (back.len != len || memcmp(back.data, text, len) != 0) fail_msg("U+%04X is lost", c);
        struct json_walk w = json_walk_start(json.data, json.len);
        assert_true(json_walk_any(&w, 0));
        if (w.flags) fail_msg("U+%04X is written raw, but noted as unsafe", c);
        buf_deinit(&json);
        buf_deinit(&back);
    }
}

static void names_and_members_are_parted_by_commas(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_putc(&b, '{');
    json_put_member(&b, "a", "x");
    json_put_member(&b, "absent", NULL);
    json_put_member(&b, "b", "");
    json_put_name(&b, "c");
    buf_puts(&b, "[{");
    json_put_member(&b, "d", "{"); /* a brace in a text is none */
    json_put_member(&b, "e", "y");
    buf_puts(&b, "}]}");
    assert_buf(&b, "{\"a\":\"x\",\"b\":\"\",\"c\":[{\"d\":\"{\",\"e\":\"y\"}]}");
}

static void compact_json_is_one_line_and_nothing_else_changes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *compact;
    } cases[] = {
        {"{}", "{}"},
        {" \n[ ] \t", "[]"},
        {"{ \"a b\" : [ 1 , -2.5e+3 ,\r\n true,\tnull ] }", "{\"a b\":[1,-2.5e+3,true,null]}"},
        {"\"a \\\" b\"", "\"a \\\" b\""},
        {"[\" \\\\\" , \" \"]", "[\" \\\\\",\" \"]"},
        {"\"\\u0041\\/\"", "\"\\u0041\\/\""}, /* the writer's own escapes are kept */
        {"\"\x7f|\xc2\x9b|\xe2\x80\xa8|\xe2\x80\xae|\xef\xbb\xbf\"",
         "\"\\u007f|\\u009b|\\u2028|\\u202e|\\ufeff\""},
        {"{\"\xe2\x80\xae\":\n1}", "{\"\\u202e\":1}"},
        {"\"\xe4\xbd\x93\"", "\"\xe4\xbd\x93\""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf b = {0};
        json_compact(&b, cases[i].text, strlen(cases[i].text));
        struct json_walk w = json_walk_start(b.data, b.len);
        assert_true(json_walk_any(&w, 0));
        assert_int_equal(w.flags, 0);
        assert_buf(&b, cases[i].compact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_value_is_passed),
        cmocka_unit_test(every_refusal_says_why),
        cmocka_unit_test(what_starts_no_value_is_not_called_a_number),
        cmocka_unit_test(every_prefix_of_a_valid_text_is_refused),
        cmocka_unit_test(numbers_follow_the_grammar_and_are_bounded),
        cmocka_unit_test(a_number_too_large_for_a_double_is_refused),
        cmocka_unit_test(depth_is_bounded_for_arrays_and_objects_alike),
        cmocka_unit_test(levels_above_the_value_count_too),
        cmocka_unit_test(the_same_name_twice_is_refused_however_it_is_written),
        cmocka_unit_test(an_open_object_has_a_bounded_number_of_properties),
        cmocka_unit_test(line_breaks_and_unsafe_characters_are_noted),
        cmocka_unit_test(the_line_of_the_walk_counts_from_one),
        cmocka_unit_test(a_string_is_given_without_its_quotes_and_with_its_escapes),
        cmocka_unit_test(members_and_elements_come_in_order),
        cmocka_unit_test(nothing_is_inside_of_what_is_empty_or_no_container),
        cmocka_unit_test(runs_of_backslashes_do_not_hide_the_end_of_a_string),
        cmocka_unit_test(a_member_is_found_by_its_name_alone),
        cmocka_unit_test(a_string_is_compared_with_its_escapes_undone),
        cmocka_unit_test(the_text_of_a_string_is_its_characters),
        cmocka_unit_test(strings_are_written_with_what_is_unsafe_escaped),
        cmocka_unit_test(whatever_is_written_is_read_back),
        cmocka_unit_test(names_and_members_are_parted_by_commas),
        cmocka_unit_test(compact_json_is_one_line_and_nothing_else_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
