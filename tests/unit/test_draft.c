#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/date.h"
#include "common/draft.h"
#include "common/ninjs.h"

#define NOW_MS   INT64_C(1795442527000)
#define NOW_TEXT "2026-11-23T14:02:07Z"
#define STANDARD                                                                                   \
    "\"standard\":{\"name\":\"ninjs\",\"version\":\"3.1\",\"schema\":"                             \
    "\"http://www.iptc.org/std/ninjs/ninjs-schema_3.1.json\"}"
#define HEAD "{\"uri\":\"u:1\"," STANDARD ",\"type\":\"text\","

static void assert_writes(const struct draft *d, const char *expected)
{
    struct buf out = {0};
    struct news_error err = {0};
    struct ninjs item;
    struct ninjs_fault fault;
    if (!draft_write(d, NOW_MS, &out, &err)) fail_msg("%s", err.message);
    if (strcmp(out.data, expected) != 0) fail_msg("%s\nnot %s", out.data, expected);
    if (!ninjs_check(out.data, out.len, &item, &fault)) fail_msg("%s: %s", fault.path, fault.what);
    assert_int_equal(item.flags, 0);
    buf_deinit(&out);
}

static void a_uri_alone_makes_an_item(void **state)
{
    (void)state;
    struct draft d;
    draft_init(&d);
    d.uri = "u:1";
    assert_writes(&d, HEAD "\"versionCreated\":\"" NOW_TEXT "\",\"firstCreated\":\"" NOW_TEXT
                           "\",\"pubStatus\":\"usable\"}");
}

static void nothing_is_written_without_a_uri(void **state)
{
    (void)state;
    static const char *const uris[] = {NULL, ""};
    for (size_t i = 0; i < 2; i++) {
        struct draft d;
        struct buf out = {0};
        struct news_error err = {0};
        draft_init(&d);
        d.uri = uris[i];
        d.title = "t";
        buf_puts(&out, "before");
        assert_false(draft_write(&d, NOW_MS, &out, &err));
        assert_int_equal(err.code, NEWS_ERR_DATA);
        assert_string_equal(err.message, "uri: is required");
        assert_string_equal(out.data, "before");
        buf_deinit(&out);
    }
}

static void everything_a_draft_knows_is_written(void **state)
{
    (void)state;
    struct draft d;
    draft_init(&d);
    d = (struct draft){
        .uri = "u:1",
        .guid = "g",
        .link = "https://a.example/1",
        .related = "https://a.example/2",
        .title = "T",
        .summary = "S\n\nS2",
        .body_text = "B",
        .body_html = "<p>B</p>",
        .by = "Maren",
        .located = "Alder",
        .language = "de-AT",
        .source = "Wire",
        .source_uri = "https://a.example/",
        .copyright = "C",
        .ed_note = "N",
        .version = "7",
        .pub_status = "withheld",
        .published_ms = NOW_MS - 2000,
        .updated_ms = NOW_MS - 1000,
        .embargoed_ms = NOW_MS + 1,
        .expires_ms = NOW_MS + 1000,
        .urgency = 2,
        .subjects = {{.name = "Sport"},
                     {.name = "n", .uri = "http://cv.example/1", .code = "c"},
                     {.name = "same", .code = "same"},
                     {.code = "only"},
                     {.name = NULL}},
        .subject_count = 5,
        .media = {{.name = "enclosure",
                   .href = "https://a.example/m.mp3",
                   .content_type = "audio/mpeg",
                   .title = "M",
                   .size = 5000000000,
                   .width = 640,
                   .height = 480},
                  {.name = "image", .href = "https://a.example/i.png"}},
        .media_count = 2,
    };
    assert_writes(
        &d,
        "{\"uri\":\"u:1\"," STANDARD ",\"type\":\"text\",\"version\":\"7\",\"versionCreated\":"
        "\"2026-11-23T14:02:06Z\",\"firstCreated\":\"2026-11-23T14:02:05Z\",\"pubStatus\":"
        "\"withheld\",\"urgency\":2,\"language\":\"de-AT\",\"headlines\":[{\"role\":\"main\","
        "\"value\":\"T\"}],\"by\":\"Maren\",\"located\":\"Alder\",\"descriptions\":[{\"role\":"
        "\"summary\",\"contentType\":\"text/plain\",\"value\":\"S\\n\\nS2\"}],\"bodies\":[{"
        "\"role\":\"main\",\"contentType\":\"text/plain\",\"value\":\"B\"},{\"role\":\"html\","
        "\"contentType\":\"text/html\",\"value\":\"<p>B</p>\"}],\"subjects\":[{\"name\":\"Sport\"},"
        "{\"name\":\"n\",\"uri\":\"http://cv.example/1\",\"literal\":\"c\"},{\"name\":\"same\"},"
        "{\"literal\":\"only\"},{}],\"infoSources\":[{\"name\":\"Wire\",\"uri\":"
        "\"https://a.example/\"}],\"renditions\":[{\"name\":\"web\",\"href\":"
        "\"https://a.example/1\",\"contentType\":\"text/html\"},{\"name\":\"related\",\"href\":"
        "\"https://a.example/2\"},{\"name\":\"enclosure\",\"href\":\"https://a.example/m.mp3\","
        "\"contentType\":\"audio/mpeg\",\"title\":\"M\",\"width\":640,\"height\":480,"
        "\"sizeInBytes\":5000000000},{\"name\":\"image\",\"href\":\"https://a.example/i.png\"}],"
        "\"altIds\":[{\"role\":\"guid\",\"value\":\"g\"}],\"edNote\":\"N\",\"embargoedUntil\":"
        "\"2026-11-23T14:02:07.001Z\",\"expires\":\"2026-11-23T14:02:08Z\",\"copyrightNotice\":"
        "\"C\"}");
}

static void one_known_date_stands_for_the_other(void **state)
{
    (void)state;
    struct draft d;
    draft_init(&d);
    d.uri = "u:1";
    d.updated_ms = 0;
    assert_writes(&d, HEAD "\"versionCreated\":\"1970-01-01T00:00:00Z\",\"firstCreated\":"
                           "\"1970-01-01T00:00:00Z\",\"pubStatus\":\"usable\"}");
    draft_init(&d);
    d.uri = "u:1";
    d.published_ms = 1000;
    assert_writes(&d, HEAD "\"versionCreated\":\"1970-01-01T00:00:01Z\",\"firstCreated\":"
                           "\"1970-01-01T00:00:01Z\",\"pubStatus\":\"usable\"}");
}

static void texts_are_escaped(void **state)
{
    (void)state;
    struct draft d;
    draft_init(&d);
    d.uri = "u:1";
    d.title = "\"quoted\" \\ \x1b[2J \xe2\x80\xae";
    d.source_uri = "x\ny";
    assert_writes(&d, HEAD "\"versionCreated\":\"" NOW_TEXT "\",\"firstCreated\":\"" NOW_TEXT
                           "\",\"pubStatus\":\"usable\",\"headlines\":[{\"role\":\"main\","
                           "\"value\":\"\\\"quoted\\\" \\\\ \\u001b[2J \\u202e\"}],\"infoSources\":"
                           "[{\"uri\":\"x\\ny\"}]}");
}

static void a_draft_is_appended_to_what_is_there(void **state)
{
    (void)state;
    struct draft d;
    struct buf out = {0};
    draft_init(&d);
    d.uri = "u:1";
    buf_puts(&out, "first line\n");
    assert_true(draft_write(&d, NOW_MS, &out, NULL));
    assert_memory_equal(out.data, "first line\n{\"uri\":\"u:1\"", 21);
    buf_deinit(&out);
}

static void a_full_draft_is_still_an_item(void **state)
{
    (void)state;
    struct draft d;
    struct buf out = {0};
    struct ninjs item;
    struct ninjs_fault fault;
    draft_init(&d);
    d.uri = "u:1";
    for (d.subject_count = 0; d.subject_count < DRAFT_SUBJECTS; d.subject_count++)
        d.subjects[d.subject_count].name = "s";
    for (d.media_count = 0; d.media_count < DRAFT_MEDIA; d.media_count++)
        d.media[d.media_count].name = "m";
    assert_true(draft_write(&d, NOW_MS, &out, NULL));
    assert_true(ninjs_check(out.data, out.len, &item, &fault));
    struct json_cursor c = json_inside(item.member[NINJS_SUBJECTS]);
    struct json_slice e;
    size_t count = 0;
    while (json_next_element(&c, &e))
        count++;
    assert_int_equal(count, DRAFT_SUBJECTS);
    buf_deinit(&out);
}

static void without_memory_nothing_is_left_of_it(void **state)
{
    (void)state;
    struct draft d;
    struct buf out = {0};
    struct news_error err = {0};
    draft_init(&d);
    d.uri = "u:1";
    buf_puts(&out, "kept");
    assert_null(buf_reserve(&out, SIZE_MAX)); /* the buffer has failed */
    assert_false(draft_write(&d, NOW_MS, &out, &err));
    assert_int_equal(err.code, NEWS_ERR_MEMORY);
    assert_string_equal(out.data, "kept");
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_uri_alone_makes_an_item),
        cmocka_unit_test(nothing_is_written_without_a_uri),
        cmocka_unit_test(everything_a_draft_knows_is_written),
        cmocka_unit_test(one_known_date_stands_for_the_other),
        cmocka_unit_test(texts_are_escaped),
        cmocka_unit_test(a_draft_is_appended_to_what_is_there),
        cmocka_unit_test(a_full_draft_is_still_an_item),
        cmocka_unit_test(without_memory_nothing_is_left_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
