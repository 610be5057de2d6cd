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

#include "common/ninjs.h"
#include "publisher/short_form.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NOW_MS       INT64_C(1795442527000)
#define NOW_TEXT     "2026-11-23T14:02:07Z"

/* ------------------------------------------------------------------------------------ Helpers */

static json_t *read_as(const char *text, enum short_form expected, const char *message)
{
    struct buf out = {0};
    struct news_error err = {0};
    struct ninjs item;
    struct ninjs_fault fault;
    enum short_form r = short_form_read(text, strlen(text), NOW_MS, &out, &err);
    if (r != expected) fail_msg("%s: %d (%s)", text, (int)r, err.message);
    if (message && strcmp(err.message, message) != 0) fail_msg("%s: %s", text, err.message);
    if (r == SHORT_FORM_WRONG) assert_int_equal(err.code, NEWS_ERR_DATA);
    if (r != SHORT_FORM_READ) return NULL;
    if (!ninjs_check(out.data, out.len, &item, &fault))
        fail_msg("%s: %s: %s", text, fault.path, fault.what);
    assert_int_equal(item.flags, 0);
    json_t *tree = json_loads(out.data, 0, NULL);
    assert_non_null(tree);
    buf_deinit(&out);
    return tree;
}

/* The member at a path such as "headlines.0.value" is that text. */
static void assert_at(json_t *tree, const char *path, const char *expected)
{
    char words[64];
    json_t *at = tree;
    (void)snprintf(words, sizeof words, "%s", path);
    for (char *w = strtok(words, "."); w && at; w = strtok(NULL, "."))
        at = json_is_array(at) ? json_array_get(at, (size_t)atoi(w)) : json_object_get(at, w);
    const char *text = json_string_value(at);
    char number[32];
    if (json_is_integer(at)) {
        (void)snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(at));
        text = number;
    }
    if (!text != !expected || (text && strcmp(text, expected) != 0))
        fail_msg("%s: %s, not %s", path, text ? text : "absent", expected ? expected : "absent");
}

/* --------------------------------------------------------------------------------------- Tests */

static void a_title_is_enough(void **state)
{
    (void)state;
    json_t *t = read_as("{\"title\":\"Ferry sails\"}", SHORT_FORM_READ, NULL);
    assert_at(t, "headlines.0.value", "Ferry sails");
    assert_at(t, "headlines.0.role", "main");
    assert_at(t, "versionCreated", NOW_TEXT);
    assert_memory_equal(json_string_value(json_object_get(t, "uri")), "urn:uuid:", 9);
    json_decref(t);
}

static void every_name_has_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *member, *path, *value;
    } cases[] = {
        {"\"headline\":\"h\"", "headlines.0.value", "h"},
        {"\"title\":\"t\",\"body\":\"b\"", "bodies.0.value", "b"},
        {"\"title\":\"t\",\"text\":\"b\"", "bodies.0.contentType", "text/plain"},
        {"\"title\":\"t\",\"summary\":\"s\"", "descriptions.0.value", "s"},
        {"\"title\":\"t\",\"description\":\"s\"", "descriptions.0.value", "s"},
        {"\"title\":\"t\",\"link\":\"https://a.example/1\"", "renditions.0.href",
         "https://a.example/1"},
        {"\"title\":\"t\",\"url\":\"https://a.example/1\"", "uri", "https://a.example/1"},
        {"\"title\":\"t\",\"url\":\"https://a.example/1\",\"uri\":\"u:1\"", "uri", "u:1"},
        {"\"title\":\"t\",\"id\":\"7\"", "altIds.0.value", "7"},
        {"\"title\":\"t\",\"author\":\"Maren\"", "by", "Maren"},
        {"\"title\":\"t\",\"by\":\"Maren\",\"date\":\"2026\"", "by", "Maren"},
        {"\"title\":\"t\",\"located\":\"BREST\"", "located", "BREST"},
        {"\"title\":\"t\",\"source\":\"Wire\"", "infoSources.0.name", "Wire"},
        {"\"title\":\"t\",\"language\":\"de\"", "language", "de"},
        {"\"title\":\"t\",\"lang\":\"de\"", "language", "de"},
        {"\"title\":\"t\",\"version\":\"3\"", "version", "3"},
        {"\"title\":\"t\",\"edNote\":\"n\"", "edNote", "n"},
        {"\"title\":\"t\",\"date\":\"Mon, 23 Nov 2026 15:02:00 +0100\"", "firstCreated",
         "2026-11-23T14:02:00Z"},
        {"\"title\":\"t\",\"published\":\"2026-11-23\"", "firstCreated", "2026-11-23T00:00:00Z"},
        {"\"title\":\"t\",\"updated\":\"2026-11-23\"", "versionCreated", "2026-11-23T00:00:00Z"},
        {"\"title\":\"t\",\"embargo\":\"2027\"", "embargoedUntil", "2027-01-01T00:00:00Z"},
        {"\"title\":\"t\",\"expires\":\"2027\"", "expires", "2027-01-01T00:00:00Z"},
        {"\"title\":\"t\",\"urgency\":2", "urgency", "2"},
        {"\"title\":\"t\",\"subject\":\"Sport\"", "subjects.0.name", "Sport"},
        {"\"title\":\"t\",\"subjects\":[\"a\",\"b\"]", "subjects.1.name", "b"},
        {"\"title\":\"t\",\"tags\":[\"a\"],\"subject\":\"b\"", "subjects.1.name", "b"},
        {"\"title\":\"t\",\"tags\":[]", "subjects.0.name", NULL},
        {"\"title\":\"t\",\"body\":\"\"", "bodies.0.value", NULL},
        {"\"title\":\"t\",\"uri\":\"\",\"link\":\"\"", "renditions.0.href", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[256];
        (void)snprintf(text, sizeof text, "{%s}", cases[i].member);
        json_t *t = read_as(text, SHORT_FORM_READ, NULL);
        assert_at(t, cases[i].path, cases[i].value);
        json_decref(t);
    }
}

static void the_same_text_always_gets_the_same_uri(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"title\":\"t\",\"body\":\"b\"}",    "{ \"body\": \"b\",\n \"title\": \"t\" }",
        "{\"title\":\"t\",\"body\":\"c\"}",    "{\"title\":\"t\"}",
        "{\"title\":\"t\",\"summary\":\"b\"}", "{\"title\":\"t\",\"body\":\"b\",\"id\":\"7\"}",
    };
    char uris[COUNT(texts)][64];
    for (size_t i = 0; i < COUNT(texts); i++) {
        json_t *t = read_as(texts[i], SHORT_FORM_READ, NULL);
        (void)snprintf(uris[i], sizeof uris[i], "%s", json_string_value(json_object_get(t, "uri")));
        json_decref(t);
        for (size_t j = 0; j < i; j++)
            assert_int_equal(strcmp(uris[i], uris[j]) == 0, i == 1 && j == 0);
    }
}

static void a_corrected_text_under_the_same_id_keeps_its_uri(void **state)
{
    (void)state;
    json_t *one = read_as("{\"id\":\"7\",\"title\":\"Teh tide\"}", SHORT_FORM_READ, NULL);
    json_t *two = read_as("{\"id\":\"7\",\"title\":\"The tide\"}", SHORT_FORM_READ, NULL);
    assert_true(json_equal(json_object_get(one, "uri"), json_object_get(two, "uri")));
    json_decref(one);
    json_decref(two);
}

static void what_is_wrong_is_told_with_its_name(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{\"title\":\"t\",\"body\":\"b\",\"colour\":\"x\"}", "colour: unknown property"},
        {"{\"title\":5,\"body\":\"b\"}", "title: a string is expected"},
        {"{\"title\":\"\",\"body\":\"b\"}", "title: is required"},
        {"{\"body\":\"b\"}", "title: is required"},
        {"{\"title\":\"t\",\"body\":null}", "body: a string is expected"},
        {"{\"title\":\"t\",\"link\":\"javascript:alert(1)\"}", "link: is not an http or https URL"},
        {"{\"title\":\"t\",\"link\":\"/1\"}", "link: is not an http or https URL"},
        {"{\"title\":\"t\",\"url\":5}", "url: a string is expected"},
        {"{\"title\":\"t\",\"body\":\"b\",\"urgency\":0}",
         "urgency: is not an integer between 1 and 9"},
        {"{\"title\":\"t\",\"body\":\"b\",\"urgency\":\"3\"}",
         "urgency: is not an integer between 1 and 9"},
        {"{\"title\":\"t\",\"body\":\"b\",\"urgency\":3.5}",
         "urgency: is not an integer between 1 and 9"},
        {"{\"title\":\"t\",\"date\":\"soon\"}", "date: is not a date"},
        {"{\"title\":\"t\",\"date\":5}", "date: a date is expected"},
        {"{\"title\":\"t\",\"tags\":[\"a\",5]}", "tags: a string is expected"},
        {"{\"title\":\"t\",\"tags\":{}}", "tags: a string is expected"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        (void)read_as(cases[i].text, SHORT_FORM_WRONG, cases[i].message);
}

/* "Two names for one thing" must not drop one of the two texts without a word. */
static void two_names_for_one_thing_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"title\":\"t\",\"headline\":\"h\",\"link\":\"https://a.example/\"}",
        "{\"title\":\"t\",\"body\":\"b\",\"text\":\"c\"}",
        "{\"title\":\"t\",\"link\":\"https://a.example/1\",\"url\":\"https://a.example/2\"}",
    };
    for (size_t i = 0; i < COUNT(texts); i++)
        (void)read_as(texts[i], SHORT_FORM_WRONG, NULL);
}

static void other_things_are_not_the_short_form(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "[]",
        "5",
        "\"title\"",
        "{}",
        "{\"title\":\"t\"",
        "{\"title\":\"t\",\"title\":\"t\"}",
        "{\"colour\":\"x\"}",
        "{\"uri\":\"u:1\",\"urgency\":12}", /* ninjs with a fault, to be told in its terms */
        "{\"uri\":\"u:1\",\"title\":\"t\",\"urgency\":12}",
        "{\"uri\":\"u:1\",\"headlines\":[],\"pubStatus\":\"cancelled\"}",
        "{\"title\":\"\\u0000\"}",
    };
    for (size_t i = 0; i < COUNT(texts); i++)
        (void)read_as(texts[i], SHORT_FORM_NOT, NULL);
}

static void what_was_there_before_is_kept(void **state)
{
    (void)state;
    struct buf out = {0};
    struct news_error err = {0};
    static const char text[] = "{\"title\":\"t\"}", bad[] = "{\"title\":\"t\",\"date\":\"x\"}";
    buf_puts(&out, "before");
    assert_int_equal(short_form_read(bad, strlen(bad), NOW_MS, &out, &err), SHORT_FORM_WRONG);
    assert_string_equal(out.data, "before");
    assert_int_equal(short_form_read(text, strlen(text), NOW_MS, &out, &err), SHORT_FORM_READ);
    assert_memory_equal(out.data, "before{\"uri\":", 13);
    buf_deinit(&out);
}

static void one_item_of_a_json_feed_is_read(void **state)
{
    (void)state;
    json_t *t = read_as("{\"id\":\"https://a.example/1\",\"url\":\"https://a.example/1\",\"title\":"
                        "\"Ferry\",\"content_text\":\"It sails.\",\"date_published\":"
                        "\"2026-11-23T14:02:07Z\",\"tags\":[\"sport\"],\"authors\":[{\"name\":"
                        "\"Maren\"}]}",
                        SHORT_FORM_READ, NULL);
    assert_at(t, "uri", "https://a.example/1");
    assert_at(t, "headlines.0.value", "Ferry");
    assert_at(t, "bodies.0.value", "It sails.");
    assert_at(t, "firstCreated", "2026-11-23T14:02:07Z");
    assert_at(t, "subjects.0.name", "sport");
    assert_at(t, "by", "Maren");
    json_decref(t);
    t = read_as("{\"id\":7,\"content_html\":\"<p>It sails.</p>\"}", SHORT_FORM_READ, NULL);
    assert_at(t, "altIds.0.value", "7");
    json_decref(t);
}

/* Of the short forms and JSON Feed items; ninjs is item.h's. */
static void every_old_fixture_of_ours_is_read(void **state)
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
        if (*e->d_name == '.' || strncmp(e->d_name, "ninjs-", 6) == 0) continue;
        (void)snprintf(path, sizeof path, "%s/tests/fixtures/items/old/%s", source, e->d_name);
        FILE *file = fopen(path, "r");
        char *text = calloc(1, 65536);
        if (!file || !text) fail_msg("%s cannot be read", path);
        size_t len = fread(text, 1, 65535, file);
        (void)fclose(file);
        assert_true(len > 0);
        json_decref(read_as(text, SHORT_FORM_READ, NULL));
        free(text);
        count++;
    }
    (void)closedir(dir);
    assert_true(count > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_title_is_enough),
        cmocka_unit_test(every_name_has_its_place),
        cmocka_unit_test(the_same_text_always_gets_the_same_uri),
        cmocka_unit_test(a_corrected_text_under_the_same_id_keeps_its_uri),
        cmocka_unit_test(what_is_wrong_is_told_with_its_name),
        cmocka_unit_test(two_names_for_one_thing_are_refused),
        cmocka_unit_test(other_things_are_not_the_short_form),
        cmocka_unit_test(what_was_there_before_is_kept),
        cmocka_unit_test(one_item_of_a_json_feed_is_read),
        cmocka_unit_test(every_old_fixture_of_ours_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
