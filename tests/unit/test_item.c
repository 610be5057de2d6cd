#include <dirent.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/date.h"
#include "common/item.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NOW_MS       INT64_C(1795442527000)
#define NOW_TEXT     "2026-11-23T14:02:07Z"

/* ------------------------------------------------------------------------------------ Helpers */

static const struct item_defaults no_defaults = {.now_ms = NOW_MS};

static struct ninjs checked(const char *text)
{
    struct ninjs item;
    struct ninjs_fault fault = {0};
    if (!ninjs_check(text, strlen(text), &item, &fault))
        fail_msg("%s: %s: %s", text, fault.path, fault.what);
    return item;
}

static char *written(const char *text, const struct item_defaults *d, const char *number)
{
    struct ninjs item = checked(text);
    struct buf out = {0};
    item_write(&item, d, number, &out);
    assert_true(buf_ok(&out));
    (void)checked(out.data);
    return out.data;
}

static void assert_writes(const char *text, const struct item_defaults *d, const char *number,
                          const char *expected)
{
    char *out = written(text, d, number);
    if (strcmp(out, expected) != 0) fail_msg("%s\nnot %s", out, expected);
    free(out);
}

static void assert_text(struct json_slice s, const char *expected)
{
    struct buf b = {0};
    if (!expected) {
        if (s.at) fail_msg("%.*s, not nothing", (int)s.len, s.at);
        return;
    }
    json_text(&b, s);
    buf_puts(&b, "");
    assert_string_equal(b.data, expected);
    buf_deinit(&b);
}

/* Equal as JSON: the order of members does not count. */
static void assert_same_json(const char *is, const char *expected)
{
    json_t *a = json_loads(is, JSON_REJECT_DUPLICATES, NULL);
    json_t *b = json_loads(expected, JSON_REJECT_DUPLICATES, NULL);
    if (!a || !b || !json_equal(a, b)) fail_msg("%s\nnot %s", is, expected);
    json_decref(a);
    json_decref(b);
}

#define STANDARD                                                                                   \
    "\"standard\":{\"name\":\"ninjs\",\"version\":\"3.1\",\"schema\":"                             \
    "\"http://www.iptc.org/std/ninjs/ninjs-schema_3.1.json\"}"
/* All that is always written, and not at issue in a test. */
#define COMPLETE                                                                                   \
    "\"uri\":\"u:1\"," STANDARD ",\"type\":\"text\",\"version\":\"1\",\"versionCreated\":\"v\","   \
    "\"firstCreated\":\"f\",\"pubStatus\":\"usable\",\"urgency\":5,\"language\":\"en\","           \
    "\"headlines\":[{\"value\":\"h\"}]"

/* ---------------------------------------------------------------------------------- Completing */

static void what_is_always_written_is_completed(void **state)
{
    (void)state;
    static const struct item_defaults d = {.source = "Harbour \"Wire\"",
                                           .language = "fr",
                                           .subject = "sport",
                                           .urgency = 3,
                                           .now_ms = NOW_MS};
    assert_writes("{\"uri\":\"u:1\"}", &no_defaults, NULL,
                  "{\"uri\":\"u:1\"," STANDARD ",\"type\":\"text\",\"version\":\"1\","
                  "\"versionCreated\":\"" NOW_TEXT "\",\"firstCreated\":\"" NOW_TEXT "\","
                  "\"pubStatus\":\"usable\",\"urgency\":5,\"language\":\"und\","
                  "\"headlines\":[{\"role\":\"main\",\"value\":\"u:1\"}]}");
    assert_writes("{\"uri\":\"u:1\",\"title\":\"t\"}", &d, "harbour:0123456789abcdef:7",
                  "{\"uri\":\"u:1\",\"title\":\"t\"," STANDARD ",\"type\":\"text\","
                  "\"version\":\"1\",\"versionCreated\":\"" NOW_TEXT
                  "\",\"firstCreated\":\"" NOW_TEXT
                  "\",\"pubStatus\":\"usable\",\"urgency\":3,\"language\":\"fr\",\"headlines\":"
                  "[{\"role\":\"main\",\"value\":\"t\"}],\"subjects\":[{\"name\":\"sport\"}],"
                  "\"infoSources\":[{\"name\":\"Harbour \\\"Wire\\\"\"}],\"altIds\":[{\"role\":"
                  "\"newswire\",\"value\":\"harbour:0123456789abcdef:7\"}]}");
}

static void what_is_there_is_not_written_again(void **state)
{
    (void)state;
    static const struct item_defaults d = {
        .source = "other", .language = "fr", .subject = "sport", .urgency = 3, .now_ms = NOW_MS};
    static const char text[] =
        "{" COMPLETE ",\"subjects\":[{\"name\":\"s\"}],\"infoSources\":[{\"name\":\"i\"}]}";
    assert_writes(text, &d, NULL, text);
}

static void an_item_with_one_date_gets_the_other_from_it(void **state)
{
    (void)state;
    static const char *const members[][2] = {
        {"\"versionCreated\":\"2026-01-01T00:00:00Z\"",
         "\"firstCreated\":\"2026-01-01T00:00:00Z\""},
        {"\"firstCreated\":\"not \\u0061 date\"", "\"versionCreated\":\"not \\u0061 date\""},
    };
    for (size_t i = 0; i < COUNT(members); i++) {
        struct buf b = {0};
        buf_printf(&b, "{\"uri\":\"u:1\",%s}", members[i][0]);
        char *out = written(b.data, &no_defaults, NULL);
        if (!strstr(out, members[i][0]) || !strstr(out, members[i][1]) || strstr(out, NOW_TEXT))
            fail_msg("%s", out);
        free(out);
        buf_deinit(&b);
    }
}

static void a_headline_is_made_of_the_first_text_there_is(void **state)
{
    (void)state;
    static const struct {
        const char *members, *headline;
    } cases[] = {
        {"\"title\":\"t\",\"slugline\":\"s\"", "t"},
        {"\"slugline\":\"s\",\"descriptions\":[{\"value\":\"d\"}]", "s"},
        {"\"descriptions\":[{\"value\":\"d\"}],\"bodies\":[{\"value\":\"b\"}]", "d"},
        {"\"bodies\":[{\"contentType\":\"text/html\",\"value\":\"<p>h\"},"
         "{\"contentType\":\"text/plain\",\"value\":\"b\\nsecond line\"}]",
         "b"},
        {"\"title\":\"\\u201cquoted\\u201d\"", "\xe2\x80\x9cquoted\xe2\x80\x9d"},
        {"\"by\":\"x\"", "u:1"},
        /* cut at a blank, within 80 bytes */
        {"\"title\":\"0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 "
         "0123456789 0123456789\"",
         "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789"},
        /* no blank: cut between characters */
        {"\"title\":\"x\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
         "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
         "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
         "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\"",
         "x\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
         "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
         "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
         "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf b = {0};
        buf_printf(&b, "{\"uri\":\"u:1\",%s}", cases[i].members);
        char *out = written(b.data, &no_defaults, NULL);
        struct ninjs item = checked(out);
        assert_text(item_headline(&item), cases[i].headline);
        free(out);
        buf_deinit(&b);
    }
}

/* A reader who sees an empty line sees nothing: blank texts are passed over, leading blanks too. */
static void a_made_headline_is_not_empty_while_there_is_any_text(void **state)
{
    (void)state;
    static const struct {
        const char *members, *headline;
    } cases[] = {
        {"\"title\":\"\",\"slugline\":\"s\"", "s"},
        {"\"bodies\":[{\"value\":\"\\nFirst line\\nsecond\"}]", "First line"},
        {"\"headlines\":[],\"title\":\"t\"", "t"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf b = {0};
        buf_printf(&b, "{\"uri\":\"u:1\",%s}", cases[i].members);
        char *out = written(b.data, &no_defaults, NULL);
        struct ninjs item = checked(out);
        assert_text(item_headline(&item), cases[i].headline);
        free(out);
        buf_deinit(&b);
    }
}

/* DESIGN 2: we always write headlines and infoSources; an empty array is none. */
static void an_empty_array_counts_as_absent(void **state)
{
    (void)state;
    static const struct item_defaults d = {.source = "wire", .subject = "sport", .now_ms = NOW_MS};
    char *out = written("{\"uri\":\"u:1\",\"infoSources\":[],\"subjects\":[ ],\"headlines\":[],"
                        "\"title\":\"t\"}",
                        &d, NULL);
    struct ninjs item = checked(out);
    assert_text(item_source(&item), "wire");
    bool has_headline = strstr(out, "\"headlines\":[{") != NULL;
    free(out);
    assert_true(has_headline);
}

static void the_number_joins_the_alt_ids_that_are_there(void **state)
{
    (void)state;
    static const struct {
        const char *alt_ids, *with_number;
    } cases[] = {
        {"[]", "[{\"role\":\"newswire\",\"value\":\"p:e:1\"}]"},
        {"[ ]", "[{\"role\":\"newswire\",\"value\":\"p:e:1\"}]"},
        {"[{\"role\":\"guid\",\"value\":\"g\"}]",
         "[{\"role\":\"guid\",\"value\":\"g\"},{\"role\":\"newswire\",\"value\":\"p:e:1\"}]"},
        {"[{\"role\":\"newswire\",\"value\":\"other:e:9\"}]",
         "[{\"role\":\"newswire\",\"value\":\"p:e:1\"}]"},
        {"[{\"value\":\"a\"},{\"role\":\"n\\u0065wswire\",\"value\":\"x\"},{\"role\":\"sid\"},"
         "{\"role\":\"newswire\",\"value\":\"y\"}]",
         "[{\"value\":\"a\"},{\"role\":\"sid\"},{\"role\":\"newswire\",\"value\":\"p:e:1\"}]"},
        {"[{ \"value\" : \"a\\/b\" } , {}]",
         "[{ \"value\" : \"a\\/b\" },{},{\"role\":\"newswire\",\"value\":\"p:e:1\"}]"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf in = {0}, out = {0};
        /* in the middle and at the end of the item, under an escaped name, too */
        buf_printf(&in, "{\"altIds\":%s," COMPLETE "}", cases[i].alt_ids);
        buf_printf(&out, "{\"altIds\":%s," COMPLETE "}", cases[i].with_number);
        assert_writes(in.data, &no_defaults, "p:e:1", out.data);
        buf_clear(&in);
        buf_clear(&out);
        buf_printf(&in, "{" COMPLETE ",\"altId\\u0073\" : %s }", cases[i].alt_ids);
        buf_printf(&out, "{" COMPLETE ",\"altId\\u0073\" : %s }", cases[i].with_number);
        assert_writes(in.data, &no_defaults, "p:e:1", out.data);
        buf_deinit(&in);
        buf_deinit(&out);
    }
}

static void without_a_number_the_alt_ids_stay_as_they_are(void **state)
{
    (void)state;
    static const char text[] = "{" COMPLETE
                               ",\"altIds\":[{\"role\":\"newswire\",\"value\":\"other:e:9\"}]}";
    assert_writes(text, &no_defaults, NULL, text);
}

static void an_association_keeps_its_alt_ids(void **state)
{
    (void)state;
#define ASSOCIATION                                                                                \
    ",\"associations\":[{\"name\":\"n\",\"uri\":\"u:2\",\"altIds\":[{\"role\":\"newswire\"}]}]"
    assert_writes("{" COMPLETE ASSOCIATION "}", &no_defaults, "p:e:1",
                  "{" COMPLETE ASSOCIATION
                  ",\"altIds\":[{\"role\":\"newswire\",\"value\":\"p:e:1\"}]}");
#undef ASSOCIATION
}

static void the_original_bytes_are_kept(void **state)
{
    (void)state;
    static const char text[] = "{ \"urgency\" : 5.0 ,\"t\\u0079pe\":\"te\\u0078t\",\"title\":"
                               "\"caf\\u00e9 \\/ \xc3\xa9 \xf0\x9f\x98\x80\",\"renditions\":[{"
                               "\"name\":\"v\",\"duration\":1.50e1}],\"uri\":\"u:1\" }";
    char *out = written(text, &no_defaults, "p:e:1");
    assert_memory_equal(out, text, strlen(text) - 1);
    assert_null(strstr(out, ",\"type\"")); /* known under its escaped name */
    free(out);
}

static void what_was_written_needs_no_completing(void **state)
{
    (void)state;
    static const struct item_defaults d = {
        .source = "s", .language = "fr", .subject = "sport", .urgency = 3, .now_ms = NOW_MS};
    char *once = written("{\"uri\":\"u:1\",\"altIds\":[{\"role\":\"guid\",\"value\":\"g\"}]}", &d,
                         "p:e:1");
    assert_writes(once, &no_defaults, NULL, once);
    assert_writes(once, &no_defaults, "p:e:1", once);
    free(once);
}

/* ----------------------------------------------------------------------------------- Accessors */

static void accessors_prefer_what_is_meant_for_readers(void **state)
{
    (void)state;
    static const struct {
        const char *members;
        const char *headline, *description, *body, *content_type, *source, *link;
    } cases[] = {
        {"\"by\":\"\"", NULL, NULL, NULL, NULL, NULL, NULL},
        {"\"headlines\":[{\"value\":\"a\"},{\"value\":\"b\",\"role\":\"main\"}]", "b", NULL, NULL,
         NULL, NULL, NULL},
        {"\"headlines\":[{\"value\":\"a\",\"role\":\"subhead\"},{\"value\":\"b\"}]", "a", NULL,
         NULL, NULL, NULL, NULL},
        {"\"headlines\":[],\"title\":\"t\"", "t", NULL, NULL, NULL, NULL, NULL},
        {"\"headlines\":[{\"value\":\"h\"}],\"title\":\"t\"", "h", NULL, NULL, NULL, NULL, NULL},
        {"\"headlines\":[{\"value\":\"h\",\"role\":\"m\\u0061in\"}]", "h", NULL, NULL, NULL, NULL,
         NULL},
        {"\"descriptions\":[{\"value\":\"<p>\",\"contentType\":\"text/html\"},{\"value\":\"d\","
         "\"contentType\":\"text/plain\"}]",
         NULL, "d", NULL, NULL, NULL, NULL},
        {"\"bodies\":[{\"value\":\"<p>\",\"contentType\":\"text/html\"},{\"value\":\"b\","
         "\"contentType\":\"text/plain\"}]",
         NULL, NULL, "b", "text/plain", NULL, NULL},
        {"\"bodies\":[{\"value\":\"<p>\",\"contentType\":\"text/html\"}]", NULL, NULL, "<p>",
         "text/html", NULL, NULL},
        {"\"bodies\":[{\"value\":\"b\"}]", NULL, NULL, "b", NULL, NULL, NULL},
        {"\"infoSources\":[{\"name\":\"a\"},{\"name\":\"b\"}]", NULL, NULL, NULL, NULL, "a", NULL},
        {"\"infoSources\":[]", NULL, NULL, NULL, NULL, NULL, NULL},
        {"\"renditions\":[{\"name\":\"enclosure\",\"href\":\"e\"},{\"name\":\"web\",\"href\":\"w\"}"
         "]",
         NULL, NULL, NULL, NULL, NULL, "w"},
        {"\"renditions\":[{\"name\":\"x\",\"href\":\"p\",\"contentType\":\"text/html\"}]", NULL,
         NULL, NULL, NULL, NULL, "p"},
        {"\"renditions\":[{\"name\":\"enclosure\",\"href\":\"e\"}]", NULL, NULL, NULL, NULL, NULL,
         NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf b = {0};
        buf_printf(&b, "{\"uri\":\"u:1\",%s}", cases[i].members);
        struct ninjs item = checked(b.data);
        struct json_slice type;
        assert_text(item_headline(&item), cases[i].headline);
        assert_text(item_description(&item, NULL), cases[i].description);
        assert_text(item_body(&item, &type), cases[i].body);
        assert_text(item_body(&item, NULL), cases[i].body);
        assert_text(type, cases[i].content_type);
        assert_text(item_source(&item), cases[i].source);
        assert_text(item_link(&item), cases[i].link);
        buf_deinit(&b);
    }
}

static void a_web_rendition_without_an_address_hides_no_other(void **state)
{
    (void)state;
    struct ninjs item = checked("{\"uri\":\"u:1\",\"renditions\":[{\"name\":\"web\"},{\"name\":"
                                "\"web\",\"href\":\"w\"}]}");
    assert_text(item_link(&item), "w");
    item = checked("{\"uri\":\"u:1\",\"infoSources\":[{\"uri\":\"x\"},{\"name\":\"n\"}]}");
    assert_text(item_source(&item), "n");
}

static void status_urgency_and_alt_ids_are_read(void **state)
{
    (void)state;
    struct ninjs item = checked("{\"uri\":\"u:1\"}");
    assert_int_equal(item_status(&item), ITEM_USABLE);
    assert_int_equal(item_urgency(&item), 5);
    assert_null(item_alt_id(&item, "guid").at);
    item = checked("{\"uri\":\"u:1\",\"pubStatus\":\"c\\u0061nceled\",\"urgency\":9,\"altIds\":["
                   "{\"value\":\"x\"},{\"role\":\"guid\",\"value\":\"g\"},{\"role\":\"guid\","
                   "\"value\":\"h\"},{\"role\":\"sid\"}]}");
    assert_int_equal(item_status(&item), ITEM_CANCELED);
    assert_int_equal(item_urgency(&item), 9);
    assert_text(item_alt_id(&item, "guid"), "g");
    assert_null(item_alt_id(&item, "sid").at);
    assert_null(item_alt_id(&item, "newswire").at);
    item = checked("{\"uri\":\"u:1\",\"pubStatus\":\"withheld\",\"urgency\":1.0}");
    assert_int_equal(item_status(&item), ITEM_WITHHELD);
    assert_int_equal(item_urgency(&item), 1);
}

/* 1 to 9, says the header; the check passes every spelling of an integer. */
static void the_urgency_is_its_value_and_not_its_first_digit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int urgency;
    } cases[] = {{"0.5e1", 5}, {"50e-1", 5}, {"0.09e2", 9}, {"5.0", 5}, {"3E0", 3}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf b = {0};
        buf_printf(&b, "{\"uri\":\"u:1\",\"urgency\":%s}", cases[i].text);
        struct ninjs item = checked(b.data);
        int urgency = item_urgency(&item);
        buf_deinit(&b);
        if (urgency != cases[i].urgency) fail_msg("%s: %d", cases[i].text, urgency);
    }
}

static void the_time_is_that_of_the_version_else_of_the_first(void **state)
{
    (void)state;
    static const struct {
        const char *members;
        int64_t ms;
    } cases[] = {
        {"\"by\":\"\"", DATE_UNKNOWN},
        {"\"versionCreated\":\"" NOW_TEXT "\"", NOW_MS},
        {"\"firstCreated\":\"" NOW_TEXT "\"", NOW_MS},
        {"\"versionCreated\":\"" NOW_TEXT "\",\"firstCreated\":\"2020-01-01T00:00:00Z\"", NOW_MS},
        {"\"versionCreated\":\"soon\",\"firstCreated\":\"" NOW_TEXT "\"", NOW_MS},
        {"\"versionCreated\":\"Mon, 23 Nov 2026 15:02:07 +0100\"", NOW_MS},
        {"\"versionCreated\":\"soon\"", DATE_UNKNOWN},
        {"\"versionCreated\":\"\"", DATE_UNKNOWN},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf b = {0};
        buf_printf(&b, "{\"uri\":\"u:1\",%s}", cases[i].members);
        struct ninjs item = checked(b.data);
        int64_t ms = item_time_ms(&item);
        buf_deinit(&b);
        if (ms != cases[i].ms) fail_msg("%s: %lld", cases[i].members, (long long)ms);
    }
}

/* System.Text.Json writes every '+' as \u002B, PHP and others escape what they like. An embargo
 * that is not understood is no embargo. */
static void a_date_is_understood_with_escapes_in_it(void **state)
{
    (void)state;
    struct ninjs item = checked("{\"uri\":\"u:1\",\"embargoedUntil\":"
                                "\"2026-11-23T15:02:07\\u002B01:00\",\"expires\":"
                                "\"2026\\u002D11-23T14:02:07Z\"}");
    assert_int_equal(item_date_ms(&item, NINJS_EMBARGOED_UNTIL), NOW_MS);
    assert_int_equal(item_date_ms(&item, NINJS_EXPIRES), NOW_MS);
    assert_int_equal(item_date_ms(&item, NINJS_VERSION_CREATED), DATE_UNKNOWN);
}

/* ------------------------------------------------------------------------------------- Reading */

static void an_item_on_one_line_is_read_in_place(void **state)
{
    (void)state;
    static const char text[] = " { \"uri\" : \"u:1\" } ";
    struct buf scratch = {0};
    struct ninjs item;
    struct ninjs_fault fault;
    assert_true(item_read(text, strlen(text), &scratch, &item, &fault));
    assert_ptr_equal(item.all.at, text + 1);
    assert_int_equal(scratch.len, 0);
    buf_deinit(&scratch);
}

static void an_item_on_many_lines_comes_out_on_one(void **state)
{
    (void)state;
    static const char text[] =
        "{\n  \"uri\": \"u:1\",\r\n  \"title\": \"a \x7f \xe2\x80\xae b\"\n}\n";
    struct buf scratch = {0};
    struct ninjs item;
    struct ninjs_fault fault;
    buf_puts(&scratch, "rubbish of the item before");
    assert_true(item_read(text, strlen(text), &scratch, &item, &fault));
    assert_string_equal(scratch.data, "{\"uri\":\"u:1\",\"title\":\"a \\u007f \\u202e b\"}");
    assert_ptr_equal(item.all.at, scratch.data);
    assert_int_equal(item.flags, 0);
    buf_deinit(&scratch);
}

static void a_refused_item_is_reported_in_the_words_of_its_own_dialect(void **state)
{
    (void)state;
    static const struct {
        const char *text, *path, *what;
        unsigned long line;
    } cases[] = {
        {"{\n\"uri\":\"u:1\",\n\"urgency\":12}", "urgency", "is not between 1 and 9", 3},
        {"{\n\"uri\":\"u:1\",\n\"colour\":12}", "colour", "unknown property", 3},
        {"{\n\"uri\":\"u:1\",\n\"headline\":\"h\",\n\"colour\":12}", "colour", "unknown property",
         0},
        {"[\n1]", "$", "an object is expected", 1},
        {"{\"uri\":\"u:1\",\"headline\":\"h\"", "$", "',' or '}' is expected", 1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf scratch = {0};
        struct ninjs item;
        struct ninjs_fault fault = {0};
        assert_false(item_read(cases[i].text, strlen(cases[i].text), &scratch, &item, &fault));
        if (i != 4) assert_string_equal(fault.path, cases[i].path);
        if (i != 4) assert_string_equal(fault.what, cases[i].what);
        assert_int_equal(fault.line, cases[i].line);
        buf_deinit(&scratch);
    }
}

/* ----------------------------------------------------------------------------------- Upgrading */

static void old_spellings_become_those_of_3_1(void **state)
{
    (void)state;
    static const struct {
        const char *old, *now; /* members besides uri and standard */
    } cases[] = {
        /* 2.x: the names in lower case */
        {"\"pubstatus\":\"usable\",\"versioncreated\":\"v\",\"firstcreated\":\"f\"",
         "\"pubStatus\":\"usable\",\"versionCreated\":\"v\",\"firstCreated\":\"f\""},
        {"\"embargoed\":\"e\",\"ednote\":\"n\"", "\"embargoedUntil\":\"e\",\"edNote\":\"n\""},
        {"\"representationtype\":\"incomplete\"", "\"representationType\":\"partial\""},
        {"\"representationType\":\"complete\"", "\"representationType\":\"full\""},
        {"\"infosources\":[{\"name\":\"n\",\"rel\":\"r\"}]",
         "\"infoSources\":[{\"name\":\"n\",\"role\":\"r\"}]"},
        {"\"headlines\":[{\"value\":\"h\",\"contenttype\":\"text/plain\"}]",
         "\"headlines\":[{\"value\":\"h\",\"contentType\":\"text/plain\"}]"},
        {"\"altids\":[{\"role\":\"sid\",\"value\":\"1\"}]",
         "\"altIds\":[{\"role\":\"sid\",\"value\":\"1\"}]"},
        {"\"renditions\":[{\"name\":\"web\",\"contenttype\":\"text/html\",\"sizeinbytes\":7}]",
         "\"renditions\":[{\"name\":\"web\",\"contentType\":\"text/html\",\"sizeInBytes\":7}]"},
        {"\"trustindicator\":[{\"role\":\"r\"}]", "\"trustIndicators\":[{\"role\":\"r\"}]"},
        {"\"copyrightholder\":\"c\",\"usageterms\":\"t\"",
         "\"copyrightHolder\":\"c\",\"usageTerms\":\"t\""},
        {"\"associations\":[{\"name\":\"a\",\"uri\":\"u:2\",\"pubstatus\":\"withheld\"}]",
         "\"associations\":[{\"name\":\"a\",\"uri\":\"u:2\",\"pubStatus\":\"withheld\"}]"},
        /* words: case is forgiven */
        {"\"pubStatus\":\"CANCELED\"", "\"pubStatus\":\"canceled\""},
        {"\"type\":\"Picture\"", "\"type\":\"picture\""},
        /* 1.x: patterns */
        {"\"headline\":\"h\"", "\"headlines\":[{\"role\":\"main\",\"value\":\"h\"}]"},
        {"\"headline_short\":\"h\"", "\"headlines\":[{\"role\":\"short\",\"value\":\"h\"}]"},
        {"\"body_text\":\"b\",\"body_html\":\"<p>b\"",
         "\"bodies\":[{\"role\":\"text\",\"contentType\":\"text/plain\",\"value\":\"b\"},"
         "{\"role\":\"html\",\"contentType\":\"text/html\",\"value\":\"<p>b\"}]"},
        {"\"body_xhtml\":\"<p/>\"", "\"bodies\":[{\"role\":\"xhtml\",\"contentType\":"
                                    "\"application/xhtml+xml\",\"value\":\"<p/>\"}]"},
        {"\"description_caption\":\"c\"",
         "\"descriptions\":[{\"role\":\"caption\",\"value\":\"c\"}]"},
        /* 1.x: singulars */
        {"\"byline\":\"b\"", "\"by\":\"b\""},
        {"\"person\":[{\"name\":\"p\"}]", "\"people\":[{\"name\":\"p\"}]"},
        {"\"organisation\":[{\"name\":\"o\"}],\"event\":[{\"name\":\"e\"}],\"object\":[{\"name\":"
         "\"o\"}],\"genre\":[{\"name\":\"g\"}]",
         "\"organisations\":[{\"name\":\"o\"}],\"events\":[{\"name\":\"e\"}],\"objects\":[{"
         "\"name\":"
         "\"o\"}],\"genres\":[{\"name\":\"g\"}]"},
        {"\"infosource\":[{\"name\":\"i\"}]", "\"infoSources\":[{\"name\":\"i\"}]"},
        {"\"place\":[{\"name\":\"p\",\"geometry_geojson\":{\"type\":\"Point\",\"coordinates\":"
         "[1,2]}}]",
         "\"places\":[{\"name\":\"p\",\"geoJSON\":{\"type\":\"Point\",\"coordinates\":[1,2]}}]"},
        /* 1.x: concepts with a scheme and a code */
        {"\"subject\":[{\"name\":\"n\",\"scheme\":\"http://cv.example/s/\",\"code\":\"04\"}]",
         "\"subjects\":[{\"name\":\"n\",\"uri\":\"http://cv.example/s/04\"}]"},
        {"\"subject\":[{\"scheme\":\"http://cv.example/s\",\"code\":\"04\"}]",
         "\"subjects\":[{\"uri\":\"http://cv.example/s/04\"}]"},
        {"\"subject\":[{\"scheme\":\"desk\",\"code\":\"04\"}]",
         "\"subjects\":[{\"literal\":\"desk:04\"}]"},
        {"\"subject\":[{\"code\":\"04\"}]", "\"subjects\":[{\"literal\":\"04\"}]"},
        {"\"subject\":[{\"code\":\"http://cv.example/s/04\"}]",
         "\"subjects\":[{\"uri\":\"http://cv.example/s/04\"}]"},
        {"\"subject\":[{\"uri\":\"u\",\"code\":\"04\",\"scheme\":\"desk\"}]",
         "\"subjects\":[{\"uri\":\"u\",\"literal\":\"desk:04\"}]"},
        /* 1.x: objects keyed by name */
        {"\"renditions\":{\"thumb\":{\"href\":\"h\",\"mimetype\":\"image/png\",\"width\":5}}",
         "\"renditions\":[{\"name\":\"thumb\",\"href\":\"h\",\"contentType\":\"image/png\","
         "\"width\":5}]"},
        {"\"associations\":{\"main\":{\"uri\":\"u:2\",\"headline\":\"h\",\"byline\":\"b\"}}",
         "\"associations\":[{\"name\":\"main\",\"uri\":\"u:2\",\"headlines\":[{\"role\":\"main\","
         "\"value\":\"h\"}],\"by\":\"b\"}]"},
        {"\"altids\":{\"sid\":\"7\"}", "\"altIds\":[{\"role\":\"sid\",\"value\":\"7\"}]"},
        {"\"renditions\":{}", "\"renditions\":[]"},
        {"\"subject\":{\"name\":\"one\"}", "\"subjects\":[{\"name\":\"one\"}]"},
        /* both spellings of a list: one list */
        {"\"headline\":\"h\",\"headlines\":[{\"value\":\"i\"}]",
         "\"headlines\":[{\"role\":\"main\",\"value\":\"h\"},{\"value\":\"i\"}]"},
        {"\"headlines\":[{\"value\":\"i\"}],\"headline\":\"h\"",
         "\"headlines\":[{\"value\":\"i\"},{\"role\":\"main\",\"value\":\"h\"}]"},
        {"\"subjects\":[{\"name\":\"a\"}],\"subject\":[{\"name\":\"b\"}]",
         "\"subjects\":[{\"name\":\"a\"},{\"name\":\"b\"}]"},
        /* what agencies add */
        {"\"guid\":\"g\",\"priority\":5", "\"altIds\":[{\"role\":\"guid\",\"value\":\"g\"},{"
                                          "\"role\":\"priority\",\"value\":\"5\"}]"},
        {"\"altids\":[{\"role\":\"sid\",\"value\":\"1\"}],\"guid\":\"g\"",
         "\"altIds\":[{\"role\":\"sid\",\"value\":\"1\"},{\"role\":\"guid\",\"value\":\"g\"}]"},
        {"\"keywords\":[\"a\",\"b\"]", "\"subjects\":[{\"name\":\"a\"},{\"name\":\"b\"}]"},
        {"\"evolvedfrom\":\"u:0\"", "\"associations\":[{\"name\":\"evolvedFrom\",\"rel\":"
                                    "\"evolvedFrom\",\"uri\":\"u:0\"}]"},
        /* numbers keep their value */
        {"\"headline\":\"h\",\"renditions\":[{\"name\":\"v\",\"duration\":29.97}]",
         "\"headlines\":[{\"role\":\"main\",\"value\":\"h\"}],\"renditions\":[{\"name\":\"v\","
         "\"duration\":29.97}]"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf old = {0}, now = {0}, out = {0};
        buf_printf(&old, "{\"uri\":\"u:1\",%s}", cases[i].old);
        buf_printf(&now, "{\"uri\":\"u:1\"," STANDARD ",%s}", cases[i].now);
        (void)checked(now.data);
        if (!item_upgrade(old.data, old.len, &out)) fail_msg("%s: nothing to upgrade", old.data);
        assert_same_json(out.data, now.data);
        struct ninjs item;
        struct ninjs_fault fault;
        struct buf scratch = {0};
        assert_true(item_read(old.data, old.len, &scratch, &item, &fault));
        assert_same_json(item.all.at, now.data);
        buf_deinit(&scratch);
        buf_deinit(&old);
        buf_deinit(&now);
        buf_deinit(&out);
    }
}

static void what_is_already_3_1_or_no_object_is_not_upgraded(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"uri\":\"u:1\"}",
        "{\"uri\":\"u:1\",\"colour\":1}",
        "{" COMPLETE "}",
        "{\"uri\":\"u:1\",\"pubStatus\":\"cancelled\"}", /* IPTC's suite refuses it */
        "[]",
        "\"headline\"",
        "",
        "{\"headline\":\"h\"",
        "{\"headline\":\"h\",\"headline\":\"h\"}",
        "{\"headline\":\"\\u0000\"}",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct buf out = {0};
        bool upgraded = item_upgrade(texts[i], strlen(texts[i]), &out);
        if (upgraded || out.len) fail_msg("%s: %s", texts[i], out.data);
        buf_deinit(&out);
    }
}

static void what_3_1_has_no_place_for_is_named_and_refused(void **state)
{
    (void)state;
    static const struct {
        const char *members, *path;
    } cases[] = {
        {"\"headline\":\"h\",\"colour\":\"x\"", "colour"},
        {"\"byline\":\"b\",\"headline\":5", "headline"},
        {"\"byline\":\"b\",\"headlinex\":\"h\"", "headlinex"},
        {"\"byline\":\"b\",\"keywords\":\"a\"", "keywords"},
        {"\"subject\":[{\"name\":\"n\",\"scheme\":\"s\"}]", "subjects[0].scheme"},
        {"\"subject\":[{\"code\":\"c\",\"literal\":\"l\"}]", "subjects[0].code"},
        {"\"byline\":\"b\",\"people\":[{\"byline\":\"x\"}]", "people[0].byline"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf b = {0}, scratch = {0};
        struct ninjs item;
        struct ninjs_fault fault;
        buf_printf(&b, "{\"uri\":\"u:1\",%s}", cases[i].members);
        if (item_read(b.data, b.len, &scratch, &item, &fault)) fail_msg("%s was passed", b.data);
        assert_string_equal(fault.path, cases[i].path);
        assert_string_equal(fault.what, "unknown property");
        buf_deinit(&b);
        buf_deinit(&scratch);
    }
}

/* Every word of the old item is in the new one, or the old one is refused. */
static void nothing_is_lost_by_upgrading(void **state)
{
    (void)state;
    static const struct {
        const char *members;
        const char *words[3];
    } cases[] = {
        {"\"byline\":\"first\",\"by\":\"second\"", {"first", "second"}},
        {"\"pubstatus\":\"usable\",\"edNote\":\"first\",\"ednote\":\"second\"",
         {"first", "second"}},
        {"\"version\":\"first\",\"Version\":\"second\"", {"first", "second"}},
        {"\"subject\":[{\"code\":\"http://a.example/first\",\"scheme\":\"second\"}]",
         {"first", "second"}},
        {"\"renditions\":{\"first\":{\"name\":\"second\"}}", {"first", "second"}},
        {"\"byline\":\"first\",\"keywords\":[\"second\",5150]", {"first", "second", "5150"}},
        {"\"byline\":\"first\",\"priority\":31.5", {"first", "31.5"}},
        {"\"byline\":\"first\",\"guid\":true", {"first", "true"}},
        {"\"altids\":{\"role\":\"first\",\"value\":\"second\"}", {"first", "second"}},
        {"\"body\":\"first\",\"body_\":\"second\"", {"first", "second"}},
        {"\"service\":[{\"name\":\"first\",\"code\":\"second\"}]", {"first", "second"}},
        {"\"byline\":\"first\",\"guid\":{\"second\":1}", {"first", "second"}},
        {"\"organisation\":[{\"symbols\":[{\"ticker\":\"first\",\"symbol\":\"second\"}]}]",
         {"first", "second"}},
        {"\"headline_a_b\":\"first\",\"description\":\"second\"", {"a_b", "first", "second"}},
    };
    size_t lost = 0;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf b = {0}, scratch = {0};
        struct ninjs item;
        struct ninjs_fault fault;
        buf_printf(&b, "{\"uri\":\"u:1\",%s}", cases[i].members);
        bool read = item_read(b.data, b.len, &scratch, &item, &fault);
        for (size_t w = 0; read && w < 3 && cases[i].words[w]; w++)
            if (!strstr(item.all.at, cases[i].words[w])) {
                print_error("%s is lost from %s\n", cases[i].words[w], b.data);
                lost++;
            }
        buf_deinit(&b);
        buf_deinit(&scratch);
    }
    assert_int_equal(lost, 0);
}

/* {"role": ..., "value": ...} is one alternative id, not two that are called role and value. */
static void a_single_alt_id_may_stand_without_its_array(void **state)
{
    (void)state;
    static const char text[] = "{\"uri\":\"u:1\",\"altids\":{\"role\":\"sid\",\"value\":\"7\"}}";
    struct buf scratch = {0};
    struct ninjs item;
    struct ninjs_fault fault;
    assert_true(item_read(text, strlen(text), &scratch, &item, &fault));
    struct json_slice sid = item_alt_id(&item, "sid");
    assert_text(sid, "7");
    buf_deinit(&scratch);
}

static void an_old_item_nested_without_end_is_refused(void **state)
{
    (void)state;
    struct buf b = {0}, scratch = {0};
    struct ninjs item;
    struct ninjs_fault fault;
    buf_puts(&b, "{\"uri\":\"u\",\"headline\":\"h\"");
    for (int i = 0; i < 1000; i++)
        buf_puts(&b, ",\"associations\":{\"n\":{\"uri\":\"u\",\"headline\":\"h\"");
    for (int i = 0; i < 1000; i++)
        buf_puts(&b, "}}");
    buf_puts(&b, "}");
    assert_false(item_read(b.data, b.len, &scratch, &item, &fault));
    buf_deinit(&b);
    buf_deinit(&scratch);
}

/* ------------------------------------------------------------------------------------ Fixtures */

static struct buf file_read(const char *path)
{
    struct buf b = {0};
    FILE *file = fopen(path, "r");
    if (!file) fail_msg("%s cannot be opened", path);
    for (size_t n = 1; n > 0;) {
        char *at = buf_reserve(&b, 65536);
        assert_non_null(at);
        n = fread(at, 1, 65536, file);
        b.len += n;
        at[n] = '\0';
    }
    (void)fclose(file);
    return b;
}

/* The ninjs ones; the short form and JSON Feed items are read by the publisher. */
static void every_old_fixture_comes_out_as_3_1(void **state)
{
    (void)state;
    const char *source = getenv("NEWS_SOURCE_DIR");
    char path[4096];
    size_t count = 0;
    assert_non_null(source);
    (void)snprintf(path, sizeof path, "%s/tests/fixtures/items/old", source);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (const struct dirent *e; (e = readdir(dir));) {
        if (strncmp(e->d_name, "ninjs-", 6) != 0) continue;
        (void)snprintf(path, sizeof path, "%s/tests/fixtures/items/old/%s", source, e->d_name);
        struct buf b = file_read(path), scratch = {0}, out = {0};
        struct ninjs item;
        struct ninjs_fault fault;
        assert_false(ninjs_check(b.data, b.len, &item, &fault));
        if (!item_read(b.data, b.len, &scratch, &item, &fault))
            fail_msg("%s: %s: %s", e->d_name, fault.path, fault.what);
        item_write(&item, &no_defaults, "p:e:1", &out);
        item = checked(out.data);
        if (item.flags) fail_msg("%s does not come out on one line", e->d_name);
        buf_deinit(&b);
        buf_deinit(&scratch);
        buf_deinit(&out);
        count++;
    }
    (void)closedir(dir);
    assert_true(count > 0);
}

/* -------------------------------------------------------------------------- Changed and compared
 */

static void assert_changes(const char *text, const struct item_change *changes, size_t count,
                           const char *expected)
{
    struct ninjs item = checked(text);
    struct buf out = {0};
    buf_puts(&out, "before ");
    item_change(&item, changes, count, &out);
    assert_string_equal(out.data, expected);
    buf_deinit(&out);
}

static void members_are_replaced_added_and_left_out(void **state)
{
    (void)state;
    const struct item_change changes[] = {{"version", {"\"2\"", 3}},
                                          {"title", {"\"t\"", 3}},
                                          {"by", {NULL, 0}},
                                          {"slugline", {NULL, 0}}};
    assert_changes("{ \"uri\" : \"u:1\" , \"by\":\"x\",\"version\":\"1\" }", changes, 4,
                   "before {\"uri\":\"u:1\",\"version\":\"2\",\"title\":\"t\"}");
    assert_changes("{\"by\":\"x\",\"uri\":\"u:1\"}", changes, 4,
                   "before {\"uri\":\"u:1\",\"version\":\"2\",\"title\":\"t\"}");
    assert_changes("{\"uri\":\"u:1\",\"ver\\u0073ion\":\"1\"}", changes, 1,
                   "before {\"uri\":\"u:1\",\"ver\\u0073ion\":\"2\"}");
    assert_changes("{\"uri\":\"u:1\"}", NULL, 0, "before {\"uri\":\"u:1\"}");
}

static uint64_t hash_of(const char *text)
{
    struct ninjs item = checked(text);
    return item_content_hash(&item);
}

static void items_that_say_the_same_have_the_same_hash(void **state)
{
    (void)state;
    static const char *const same[] = {
        "{\"uri\":\"u:1\",\"by\":\"x\",\"title\":\"t\"}",
        "{\"title\":\"t\",\"by\":\"x\",\"uri\":\"u:2\"}",
        "{\"uri\":\"u:1\",\"by\":\"x\",\"title\":\"t\",\"version\":\"2\",\"standard\":{},"
        "\"versionCreated\":\"2026-11-23\",\"firstCre\\u0061ted\":\"2026-11-23\"}",
        "{\"uri\":\"u:1\",\"by\":\"x\",\"title\":\"t\",\"altIds\":[]}",
        "{\"uri\":\"u:1\",\"by\":\"x\",\"title\":\"t\",\"altIds\":[{\"role\":\"newswire\","
        "\"value\":\"a:b:1\"}]}",
    };
    for (size_t i = 1; i < COUNT(same); i++)
        if (hash_of(same[i]) != hash_of(same[0])) fail_msg("%s", same[i]);
    assert_int_not_equal(hash_of("{\"uri\":\"u:1\"}"), 0);
}

/* Each differs in one place from the first, the last in two that are alike. */
static void items_that_say_something_else_have_another_hash(void **state)
{
    (void)state;
    static const char *const others[] = {
        "{\"uri\":\"u:1\",\"by\":\"x1\",\"title\":\"t1\"}",
        "{\"uri\":\"u:1\",\"by\":\"x1\",\"title\":\"t2\"}",
        "{\"uri\":\"u:1\",\"by\":\"t1\",\"title\":\"x1\"}",
        "{\"uri\":\"u:1\",\"by\":\"x1\"}",
        "{\"uri\":\"u:1\",\"by\":\"x1\",\"title\":\"t1\",\"urgency\":1}",
        "{\"uri\":\"u:1\",\"by\":\"x1\",\"title\":\"t1\",\"pubStatus\":\"canceled\"}",
        "{\"uri\":\"u:1\",\"by\":\"x1\",\"title\":\"t1\",\"altIds\":[{\"value\":\"g\"}]}",
        "{\"uri\":\"u:1\",\"by\":\"x2\",\"title\":\"t2\"}",
    };
    for (size_t i = 0; i < COUNT(others); i++)
        for (size_t k = 0; k < i; k++)
            if (hash_of(others[i]) == hash_of(others[k])) fail_msg("%s, %s", others[i], others[k]);
    char text[128];
    uint64_t seen[200];
    for (unsigned i = 0; i < 200; i++) { /* alike in two places at once */
        (void)snprintf(text, sizeof text, "{\"uri\":\"u\",\"by\":\"%u\",\"title\":\"%u\"}", i, i);
        seen[i] = hash_of(text);
        for (unsigned k = 0; k < i; k++)
            assert_true(seen[i] != seen[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_always_written_is_completed),
        cmocka_unit_test(what_is_there_is_not_written_again),
        cmocka_unit_test(an_item_with_one_date_gets_the_other_from_it),
        cmocka_unit_test(a_headline_is_made_of_the_first_text_there_is),
        cmocka_unit_test(a_made_headline_is_not_empty_while_there_is_any_text),
        cmocka_unit_test(an_empty_array_counts_as_absent),
        cmocka_unit_test(the_number_joins_the_alt_ids_that_are_there),
        cmocka_unit_test(without_a_number_the_alt_ids_stay_as_they_are),
        cmocka_unit_test(an_association_keeps_its_alt_ids),
        cmocka_unit_test(the_original_bytes_are_kept),
        cmocka_unit_test(what_was_written_needs_no_completing),
        cmocka_unit_test(accessors_prefer_what_is_meant_for_readers),
        cmocka_unit_test(a_web_rendition_without_an_address_hides_no_other),
        cmocka_unit_test(status_urgency_and_alt_ids_are_read),
        cmocka_unit_test(the_urgency_is_its_value_and_not_its_first_digit),
        cmocka_unit_test(the_time_is_that_of_the_version_else_of_the_first),
        cmocka_unit_test(a_date_is_understood_with_escapes_in_it),
        cmocka_unit_test(an_item_on_one_line_is_read_in_place),
        cmocka_unit_test(an_item_on_many_lines_comes_out_on_one),
        cmocka_unit_test(a_refused_item_is_reported_in_the_words_of_its_own_dialect),
        cmocka_unit_test(old_spellings_become_those_of_3_1),
        cmocka_unit_test(what_is_already_3_1_or_no_object_is_not_upgraded),
        cmocka_unit_test(what_3_1_has_no_place_for_is_named_and_refused),
        cmocka_unit_test(nothing_is_lost_by_upgrading),
        cmocka_unit_test(a_single_alt_id_may_stand_without_its_array),
        cmocka_unit_test(an_old_item_nested_without_end_is_refused),
        cmocka_unit_test(every_old_fixture_comes_out_as_3_1),
        cmocka_unit_test(members_are_replaced_added_and_left_out),
        cmocka_unit_test(items_that_say_the_same_have_the_same_hash),
        cmocka_unit_test(items_that_say_something_else_have_another_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
