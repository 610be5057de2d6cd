#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/ninjs.h"
#include "common/ninjs_schema.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ------------------------------------------------------------------------------------ Helpers */

struct ninjs_case {
    const char *members; /* besides "uri"; within the braces */
    const char *fault;   /* "path: what"; NULL: valid */
};

static void check_text(const char *text, size_t len, const char *expected)
{
    struct ninjs item;
    struct ninjs_fault fault = {0};
    struct news_error err = {0};
    bool ok = ninjs_check(text, len, &item, &fault);
    if (!ok) assert_false(ninjs_fail(&err, &fault));
    if (ok && expected) fail_msg("%.200s was passed, not \"%s\"", text, expected);
    if (!ok && (!expected || strcmp(err.message, expected) != 0))
        fail_msg("%.200s: \"%s\", not \"%s\"", text, err.message, expected ? expected : "passed");
    if (!ok) assert_int_equal(err.code, NEWS_ERR_DATA);
    if (!ok) assert_true(fault.line > 0);
}

static void check(const struct ninjs_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct buf b = {0};
        buf_printf(&b, "{\"uri\":\"u:1\"%s%s}", *cases[i].members ? "," : "", cases[i].members);
        check_text(b.data, b.len, cases[i].fault);
        buf_deinit(&b);
    }
}

#define CHECK(cases) check(cases, COUNT(cases))

static void assert_member(const struct ninjs *item, enum ninjs_member m, const char *expected)
{
    struct json_slice s = item->member[m];
    assert_non_null(s.at);
    assert_int_equal(s.len, strlen(expected));
    assert_memory_equal(s.at, expected, s.len);
}

/* --------------------------------------------------------------------------- The whole item */

static void an_item_is_an_object_with_a_uri(void **state)
{
    (void)state;
    static const struct {
        const char *text, *fault;
    } cases[] = {
        {"{\"uri\":\"u:1\"}", NULL},
        {" \r\n\t{ \"uri\" : \"u:1\" } \n", NULL},
        {"{}", "uri: is required"},
        {"{\"title\":\"x\"}", "uri: is required"},
        {"{\"uri\":\"\"}", "uri: is empty"},
        {"{\"uri\":1}", "uri: a string is expected"},
        {"{\"uri\":null}", "uri: a string is expected"},
        {"[]", "$: an object is expected"},
        {"\"uri\"", "$: an object is expected"},
        {"", "$: an object is expected"},
        {"{\"uri\":\"u:1\"", "$: ',' or '}' is expected"},
        {"{\"uri\":\"u:1\",}", "$: a property name in quotes is expected"},
        {"{\"uri\":\"u:1\"}x", "$: something follows the item"},
        {"{\"uri\":\"u:1\"}{}", "$: something follows the item"},
        {"{\"uri\":\"u:1\"}\v", "$: something follows the item"},
        {"{uri:\"u:1\"}", "$: a property name in quotes is expected"},
        {"{\"uri\":\"\\ud800\"}", "uri: half of a surrogate pair stands alone"},
        {"{\"uri\":\"\xff\"}", "uri: the text is not valid UTF-8"},
        {"{\"uri\" \"u:1\"}", "$: ':' is expected after a property name"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        check_text(cases[i].text, strlen(cases[i].text), cases[i].fault);
    check_text("{\"uri\":\"u:1\"}\0", 14, "$: something follows the item");
}

static void the_members_stand_where_the_item_says(void **state)
{
    (void)state;
    static const char text[] =
        "\n { \"urgency\" : 3 ,\"uri\":\"u:1\", \"headlines\":[{\"value\":\"h\"}] "
        ",\"v\\u0065rsion\":\"7\",\"associations\":[{\"name\":\"a\","
        "\"uri\":\"u:2\",\"urgency\":9,\"title\":\"t\"}]} \n";
    struct ninjs item;
    struct ninjs_fault fault;
    assert_true(ninjs_check(text, strlen(text), &item, &fault));
    assert_member(&item, NINJS_URGENCY, "3");
    assert_member(&item, NINJS_URI, "\"u:1\"");
    assert_member(&item, NINJS_HEADLINES, "[{\"value\":\"h\"}]");
    assert_member(&item, NINJS_VERSION, "\"7\"");
    assert_null(item.member[NINJS_TITLE].at); /* the association's is not the item's */
    assert_int_equal(*item.all.at, '{');
    assert_int_equal(item.all.at[item.all.len - 1], '}');
    assert_int_equal(item.all.len, strlen(text) - 4);
    assert_int_equal(item.flags, 0);
}

static void line_breaks_count_only_within_the_item(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned flags;
    } cases[] = {
        {"\n\n{\"uri\":\"u:1\"}\r\n", 0},
        {"{\n\"uri\":\"u:1\"}", JSON_SPACED},
        {"{\"uri\":\"u:1\"\r}", JSON_SPACED},
        {"{\"uri\":\"u:1\",\"headlines\":[\n]}", JSON_SPACED},
        {"{\"uri\":\"\xe2\x80\xae\"}", JSON_UNSAFE},
        {"{\"uri\":\"u:1\",\"title\":\"\x7f\"\n}", JSON_SPACED | JSON_UNSAFE},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct ninjs item;
        struct ninjs_fault fault;
        assert_true(ninjs_check(cases[i].text, strlen(cases[i].text), &item, &fault));
        if (item.flags != cases[i].flags) fail_msg("%s: %u", cases[i].text, item.flags);
    }
}

static void sizes_are_bounded(void **state)
{
    (void)state;
    for (size_t over = 0; over <= 1; over++) {
        struct buf b = {0};
        buf_puts(&b, "{\"uri\":\"");
        while (b.len < 8 + NINJS_URI_MAX + over)
            buf_putc(&b, 'u');
        buf_puts(&b, "\"}");
        check_text(b.data, b.len, over ? "uri: is too long" : NULL);
        buf_clear(&b);
        buf_puts(&b, "{\"uri\":\"u:1\",\"title\":\"");
        char *at = buf_reserve(&b, NINJS_BYTES_MAX);
        assert_non_null(at);
        memset(at, 't', NINJS_BYTES_MAX);
        b.len = NINJS_BYTES_MAX + over - 2;
        buf_puts(&b, "\"}");
        assert_int_equal(b.len, NINJS_BYTES_MAX + over);
        check_text(b.data, b.len, over ? "$: the item is larger than 4 MiB" : NULL);
        buf_deinit(&b);
    }
}

/* json_compact() writes an unsafe character as six: an item that is valid must not become invalid
 * by it (item_read() checks again). */
static void a_uri_is_measured_without_its_escapes(void **state)
{
    (void)state;
    struct buf b = {0}, compact = {0};
    buf_puts(&b, "{\"uri\":\"");
    while (b.len < 8 + NINJS_URI_MAX - 100)
        buf_putc(&b, 'u');
    for (int i = 0; i < 100; i++)
        buf_putc(&b, '\x7f');
    buf_puts(&b, "\"}");
    check_text(b.data, b.len, NULL);
    json_compact(&compact, b.data, b.len);
    buf_deinit(&b);
    check_text(compact.data, compact.len, NULL);
    buf_deinit(&compact);
}

/* ---------------------------------------------------------------------------------- Properties */

static void words_numbers_and_ranges_are_checked(void **state)
{
    (void)state;
    static const struct ninjs_case cases[] = {
        {"\"type\":\"text\"", NULL},
        {"\"type\":\"planning\"", NULL},
        {"\"type\":\"te\\u0078t\"", NULL},
        {"\"type\":\"Text\"", "type: is not one of: text audio video picture graphic composite "
                              "component event planning"},
        {"\"type\":\"\"", "type: is not one of: text audio video picture graphic composite "
                          "component event planning"},
        {"\"type\":1", "type: a string is expected"},
        {"\"pubStatus\":\"canceled\"", NULL},
        {"\"pubStatus\":\"cancelled\"", "pubStatus: is not one of: usable withheld canceled"},
        {"\"pubStatus\":\"usable \"", "pubStatus: is not one of: usable withheld canceled"},
        {"\"pubStatus\":\"usabl\"", "pubStatus: is not one of: usable withheld canceled"},
        {"\"pubStatus\":\"usabl\\u0064\"", "pubStatus: is not one of: usable withheld canceled"},
        {"\"representationType\":\"complete\"", "representationType: is not one of: full partial"},
        {"\"urgency\":1", NULL},
        {"\"urgency\":9", NULL},
        {"\"urgency\":5.0", NULL},
        {"\"urgency\":50e-1", NULL},
        {"\"urgency\":0", "urgency: is not between 1 and 9"},
        {"\"urgency\":10", "urgency: is not between 1 and 9"},
        {"\"urgency\":-1", "urgency: is not between 1 and 9"},
        {"\"urgency\":0.1", "urgency: is not an integer"},
        {"\"urgency\":5.5", "urgency: is not an integer"},
        {"\"urgency\":1e99", "urgency: is not an integer"},
        {"\"urgency\":\"5\"", "urgency: a number is expected"},
        {"\"urgency\":null", "urgency: a number is expected"},
        {"\"urgency\":true", "urgency: a number is expected"},
        {"\"urgency\":05", "urgency: a number does not start with 0"},
        {"\"subjects\":[{\"relevance\":0},{\"confidence\":100}]", NULL},
        {"\"subjects\":[{\"relevance\":101}]", "subjects[0].relevance: is not between 0 and 100"},
        {"\"subjects\":[{},{\"confidence\":-1}]",
         "subjects[1].confidence: is not between 0 and 100"},
        {"\"bodies\":[{\"value\":\"\",\"wordCount\":-5}]", NULL}, /* the schema sets no range */
        {"\"bodies\":[{\"value\":\"\",\"wordCount\":1.5}]",
         "bodies[0].wordCount: is not an integer"},
        {"\"renditions\":[{\"name\":\"v\",\"duration\":1.5,\"frameRate\":29.97}]", NULL},
        {"\"renditions\":[{\"name\":\"v\",\"duration\":\"1\"}]",
         "renditions[0].duration: a number is expected"},
        {"\"renditions\":[{\"name\":\"v\",\"width\":9007199254740992}]", NULL},
        {"\"renditions\":[{\"name\":\"v\",\"poi\":{\"x\":1,\"y\":2,\"z\":3}}]",
         "renditions[0].poi.z: unknown property"},
        {"\"renditions\":[{\"name\":\"v\",\"scanType\":\"interlaced\"}]", NULL},
        {"\"renditions\":[{\"name\":\"v\",\"scanType\":\"both\"}]",
         "renditions[0].scanType: is not one of: progressive interlaced"},
        {"\"version\":2", "version: a string is expected"},
        {"\"versionCreated\":\"yesterday\"", NULL}, /* format is an annotation */
        {"\"versionCreated\":1700000000", "versionCreated: a string is expected"},
    };
    CHECK(cases);
}

/* 5.0 is a 5 in JSON Schema, and so is every other way to write it. */
static void an_urgency_outside_its_range_is_not_hidden_by_its_spelling(void **state)
{
    (void)state;
    static const struct ninjs_case cases[] = {
        {"\"urgency\":0.5e1", NULL},
        {"\"urgency\":900e-2", NULL},
        {"\"urgency\":1e1", "urgency: is not between 1 and 9"},
        {"\"urgency\":0.1e1", NULL},
        {"\"urgency\":1e-1", "urgency: is not an integer"},
    };
    CHECK(cases);
}

static void every_object_is_closed(void **state)
{
    (void)state;
    static const struct ninjs_case cases[] = {
        {"\"link\":\"x\"", "link: unknown property"},
        {"\"\":\"x\"", "$: unknown property"},
        {"\"Uri\":\"x\"", "Uri: unknown property"},
        {"\"uri \":\"x\"", "uri : unknown property"},
        {"\"name\":\"x\"", "name: unknown property"}, /* an association's, not an item's */
        {"\"rel\":\"x\"", "rel: unknown property"},
        {"\"standard\":{\"x\":1}", "standard.x: unknown property"},
        {"\"headlines\":[{\"value\":\"\",\"lang\":\"\"}]", "headlines[0].lang: unknown property"},
        {"\"headlines\":[{\"value\":\"\",\"wordCount\":1}]",
         "headlines[0].wordCount: unknown property"},
        {"\"subjects\":[{},{},{\"scheme\":\"\"}]", "subjects[2].scheme: unknown property"},
        {"\"people\":[{\"x\":1}]", "people[0].x: unknown property"},
        {"\"people\":[{\"contactInfo\":[{\"value\":\"\",\"x\":1}]}]",
         "people[0].contactInfo[0].x: unknown property"},
        {"\"people\":[{\"contactInfo\":[{\"address\":{\"x\":1}}]}]",
         "people[0].contactInfo[0].address.x: unknown property"},
        {"\"organisations\":[{\"symbols\":[{\"ticker\":\"\"}]}]",
         "organisations[0].symbols[0].ticker: unknown property"},
        {"\"places\":[{\"x\":1}]", "places[0].x: unknown property"},
        {"\"infoSources\":[{\"rel\":\"\"}]", "infoSources[0].rel: unknown property"},
        {"\"altIds\":[{\"x\":1}]", "altIds[0].x: unknown property"},
        {"\"genres\":[{\"rel\":\"\"}]", "genres[0].rel: unknown property"},
        {"\"trustIndicators\":[{\"x\":1}]", "trustIndicators[0].x: unknown property"},
        {"\"digitalSourceType\":{\"rel\":1}", "digitalSourceType.rel: unknown property"},
        {"\"events\":[{\"x\":1}]", "events[0].x: unknown property"},
        {"\"objects\":[{\"x\":1}]", "objects[0].x: unknown property"},
        {"\"eventDetails\":{\"x\":1}", "eventDetails.x: unknown property"},
        {"\"eventDetails\":{\"organiser\":{\"x\":1}}",
         "eventDetails.organiser.x: unknown property"},
        {"\"plannedCoverage\":[{\"x\":1}]", "plannedCoverage[0].x: unknown property"},
        {"\"plannedCoverage\":[{\"commissioned\":{\"references\":[{\"x\":1}]}}]",
         "plannedCoverage[0].commissioned.references[0].x: unknown property"},
        {"\"plannedCoverage\":[{\"itemCount\":{\"x\":1}}]",
         "plannedCoverage[0].itemCount.x: unknown property"},
        {"\"plannedCoverage\":[{\"audiences\":[{\"x\":1}]}]",
         "plannedCoverage[0].audiences[0].x: unknown property"},
    };
    CHECK(cases);
}

static void arrays_and_objects_are_not_taken_for_each_other(void **state)
{
    (void)state;
    static const struct ninjs_case cases[] = {
        {"\"headlines\":[]", NULL},
        {"\"headlines\":{}", "headlines: an array is expected"},
        {"\"headlines\":\"x\"", "headlines: an array is expected"},
        {"\"headlines\":null", "headlines: an array is expected"},
        {"\"headlines\":[\"x\"]", "headlines[0]: an object is expected"},
        {"\"headlines\":[{\"value\":\"\"},null]", "headlines[1]: an object is expected"},
        {"\"headlines\":[{\"role\":\"main\"}]", "headlines[0].value: is required"},
        {"\"headlines\":[{\"value\":\"\"} {}]", "headlines[0]: ',' or ']' is expected"},
        {"\"headlines\":[{\"value\":\"\"},]", "headlines[1]: an object is expected"},
        {"\"renditions\":[{}]", "renditions[0].name: is required"},
        {"\"standard\":[]", "standard: an object is expected"},
        {"\"standard\":\"ninjs\"", "standard: an object is expected"},
        {"\"plannedCoverage\":[{\"exclAudience\":[\"a\",1]}]",
         "plannedCoverage[0].exclAudience[1]: a string is expected"},
        {"\"people\":[{\"contactInfo\":[{\"address\":{\"lines\":[1]}}]}]",
         "people[0].contactInfo[0].address.lines[0]: a string is expected"},
        {"\"places\":[{\"geoJSON\":{\"type\":\"Point\",\"coordinates\":[1,2]}}]", NULL},
        {"\"places\":[{\"geoJSON\":{\"type\":\"Point\"}}]",
         "places[0].geoJSON: the coordinates do not fit the GeoJSON type"},
        {"\"places\":[{\"geoJSON\":[1 2]}]", "places[0].geoJSON: ',' or ']' is expected"},
    };
    CHECK(cases);
}

static void the_same_property_twice_is_refused(void **state)
{
    (void)state;
    static const struct ninjs_case cases[] = {
        {"\"uri\":\"u:2\"", "uri: stands twice in one object"},
        {"\"u\\u0072i\":\"u:2\"", "u\\u0072i: stands twice in one object"},
        {"\"title\":\"a\",\"title\":\"a\"", "title: stands twice in one object"},
        {"\"headlines\":[{\"value\":\"\",\"value\":\"\"}]",
         "headlines[0].value: stands twice in one object"},
        {"\"headlines\":[{\"value\":\"\"},{\"value\":\"\"}]", NULL},
        {"\"associations\":[{\"name\":\"n\",\"uri\":\"u\",\"rel\":\"r\",\"name\":\"n\"}]",
         "associations[0].name: stands twice in one object"},
    };
    CHECK(cases);
}

/* -------------------------------------------------------------------------------------- Rules */

static void an_association_is_an_item_with_a_name(void **state)
{
    (void)state;
    static const struct ninjs_case cases[] = {
        {"\"associations\":[]", NULL},
        {"\"associations\":[{\"name\":\"n\",\"uri\":\"u\"}]", NULL},
        {"\"associations\":[{\"name\":\"n\",\"uri\":\"u\",\"rel\":\"r\",\"urgency\":3,"
         "\"headlines\":[{\"value\":\"\"}],\"digitalSourceType\":{}}]",
         NULL},
        {"\"associations\":[{\"name\":\"n\",\"uri\":\"u\",\"associations\":[{\"name\":\"m\","
         "\"uri\":\"v\"}]}]",
         NULL},
        {"\"associations\":[{\"uri\":\"u\"}]", "associations[0].name: is required"},
        {"\"associations\":[{\"name\":\"n\"}]", "associations[0].uri: is required"},
        {"\"associations\":[{\"name\":\"n\",\"uri\":\"u\",\"x\":1}]",
         "associations[0].x: unknown property"},
        {"\"associations\":[{\"name\":\"n\",\"uri\":\"u\"},{\"name\":\"n\",\"uri\":\"u\","
         "\"urgency\":10}]",
         "associations[1].urgency: is not between 1 and 9"},
        {"\"associations\":[{\"name\":\"n\",\"uri\":\"u\",\"associations\":[{\"name\":\"m\"}]}]",
         "associations[0].associations[0].uri: is required"},
        {"\"associations\":{\"name\":\"n\",\"uri\":\"u\"}", "associations: an array is expected"},
    };
    CHECK(cases);
}

static char *nested_associations(size_t levels)
{
    struct buf b = {0};
    buf_puts(&b, "{\"uri\":\"u:1\"");
    for (size_t i = 0; i < levels; i++)
        buf_puts(&b, ",\"associations\":[{\"name\":\"n\",\"uri\":\"u\"");
    for (size_t i = 0; i < levels; i++)
        buf_puts(&b, "}]");
    buf_putc(&b, '}');
    return b.data;
}

static void associations_within_associations_end_at_the_bound(void **state)
{
    (void)state;
    static const size_t levels[] = {20, 200, 20000};
    for (size_t i = 0; i < COUNT(levels); i++) {
        char *text = nested_associations(levels[i]);
        struct ninjs item;
        struct ninjs_fault fault;
        assert_int_equal(ninjs_check(text, strlen(text), &item, &fault), i == 0);
        if (i > 0) assert_string_equal(fault.what, "is nested too deeply");
        if (i > 0) assert_true(strlen(fault.path) < sizeof fault.path);
        free(text);
    }
}

/* JSON_DEPTH_MAX counts levels of JSON, and an array is one: what one reader of ours passes, the
 * others (json_walk_any) must not refuse. */
static void the_bound_of_depth_is_the_same_for_items_and_for_json(void **state)
{
    (void)state;
    for (size_t levels = JSON_DEPTH_MAX / 2 - 2; levels < JSON_DEPTH_MAX + 2; levels++) {
        char *text = nested_associations(levels);
        struct ninjs item;
        struct ninjs_fault fault;
        struct json_walk w = json_walk_start(text, strlen(text));
        bool as_json = json_walk_any(&w, 0);
        bool as_item = ninjs_check(text, strlen(text), &item, &fault);
        free(text);
        if (as_item && !as_json) fail_msg("%zu associations: an item, but no JSON", levels);
    }
}

static void some_objects_need_one_of_two(void **state)
{
    (void)state;
    static const char contact[] = "people[0].contactInfo[0]: exactly one of value and address is "
                                  "needed";
    static const char rights[] = "rightsInfo: exactly one of linkedRights and encodedRights is "
                                 "needed";
    static const char dates[] = "eventDetails.dates: exactly one of startDate and "
                                "expectedStartDate, or of endDate and expectedEndDate, is needed";
    static const struct ninjs_case cases[] = {
        {"\"people\":[{\"contactInfo\":[{\"value\":\"v\",\"type\":\"mail\"}]}]", NULL},
        {"\"people\":[{\"contactInfo\":[{\"address\":{}}]}]", NULL},
        {"\"people\":[{\"contactInfo\":[{\"value\":\"v\",\"address\":{}}]}]", contact},
        {"\"people\":[{\"contactInfo\":[{\"role\":\"r\"}]}]", contact},
        {"\"rightsInfo\":{\"linkedRights\":\"l\"}", NULL},
        {"\"rightsInfo\":{\"encodedRights\":\"e\",\"langId\":\"i\"}", NULL},
        {"\"rightsInfo\":{\"linkedRights\":\"l\",\"encodedRights\":\"e\"}", rights},
        {"\"rightsInfo\":{}", rights},
        {"\"rightsInfo\":{\"langId\":\"i\"}", rights},
        {"\"eventDetails\":{\"dates\":{\"startDate\":\"d\"}}", NULL},
        {"\"eventDetails\":{\"dates\":{\"expectedStartDate\":\"2026\"}}", NULL},
        {"\"eventDetails\":{\"dates\":{\"endDate\":\"d\"}}", NULL},
        {"\"eventDetails\":{\"dates\":{\"startDate\":\"d\",\"endDate\":\"d\"}}", NULL},
        {"\"eventDetails\":{\"dates\":{}}", dates},
        {"\"eventDetails\":{\"dates\":{\"expectedDuration\":\"P1D\"}}", dates},
        {"\"eventDetails\":{\"dates\":{\"startDate\":\"d\",\"expectedStartDate\":\"2026\"}}",
         dates},
        {"\"eventDetails\":{\"dates\":{\"startDate\":\"d\",\"expectedStartDate\":\"2026\","
         "\"endDate\":\"d\",\"expectedEndDate\":\"2026\"}}",
         dates},
    };
    CHECK(cases);
}

static void truncated_dates_are_years_months_days_or_full_times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
    } dates[] = {
        {"2026", true},
        {"2026-11", true},
        {"2026-11-23", true},
        {"2026-11-23T14:02:07", true},
        {"2026-11-23T14:02:07Z", true},
        {"2026-11-23T14:02:07.5", true},
        {"2026-11-23T14:02:07.123456789+01:00", true},
        {"2026-11-23T23:59:59-23:59", true},
        {"0000-01-01T00:00:00Z", true},
        {"", false},
        {"202", false},
        {"20266", true},
        {"120266-11-23T14:02:07Z", true},
        {"-0044-03-15", true},
        {"-12026", true},
        {"02026", false},
        {"--2026", false},
        {"+2026", false},
        {"-202", false},
        {"-", false},
        {"20266-", false},
        {"2026-", false},
        {"2026-1", false},
        {"2026-13", false},
        {"2026-00", false},
        {"2026-11-", false},
        {"2026-11-00", false},
        {"2026-11-32", false},
        {"2026-11-23T", false},
        {"2026-11-23T14", false},
        {"2026-11-23T14:02", false},
        {"2026-11-23T24:00:00", false},
        {"2026-11-23T14:60:00", false},
        {"2026-11-23T14:02:60", false},
        {"2026-11-23 14:02:07", false},
        {"2026-11-23T14:02:07.", false},
        {"2026-11-23T14:02:07.Z", false},
        {"2026-11-23T14:02:07z", false},
        {"2026-11-23T14:02:07ZZ", false},
        {"2026-11-23T14:02:07+1:00", false},
        {"2026-11-23T14:02:07+01", false},
        {"2026-11-23T14:02:07+24:00", false},
        {"2026-11-23T14:02:07+01:60", false},
        {"2026-11-23T14:02:07+01:000", false},
        {"2026-11-23T14:02:07+01.00", false},
        {"2O26", false},
        {"Nov 2026", false},
    };
    for (size_t i = 0; i < COUNT(dates); i++) {
        struct buf single = {0}, many = {0};
        buf_printf(&single, "\"eventDetails\":{\"dates\":{\"expectedEndDate\":\"%s\"}}",
                   dates[i].text);
        buf_printf(&many,
                   "\"eventDetails\":{\"dates\":{\"endDate\":\"\",\"recurrence\":"
                   "{\"recurrenceDates\":[\"2026\",\"%s\"]}}}",
                   dates[i].text);
        const struct ninjs_case cases[] = {
            {single.data, dates[i].ok ? NULL
                                      : "eventDetails.dates.expectedEndDate: is not a year, month, "
                                        "day or full time"},
            {many.data, dates[i].ok ? NULL
                                    : "eventDetails.dates.recurrence.recurrenceDates[1]: is not a "
                                      "year, month, day or full time"},
        };
        CHECK(cases);
        buf_deinit(&single);
        buf_deinit(&many);
    }
}

/* Characters may be written as escapes, in a date too (System.Text.Json writes + as \u002B). */
static void a_truncated_date_may_be_written_with_escapes(void **state)
{
    (void)state;
    static const struct ninjs_case cases[] = {
        {"\"eventDetails\":{\"dates\":{\"expectedEndDate\":\"2026-11-23T14:02:07\\u002B01:00\"}}",
         NULL},
        {"\"eventDetails\":{\"dates\":{\"expectedEndDate\":\"2026\\u002d13\"}}",
         "eventDetails.dates.expectedEndDate: is not a year, month, day or full time"},
    };
    CHECK(cases);
}

static void recurrence_is_dates_and_rules(void **state)
{
    (void)state;
#define DATES(recurrence)                                                                          \
    "\"eventDetails\":{\"dates\":{\"endDate\":\"\",\"recurrence\":" recurrence "}}"
    static const struct ninjs_case cases[] = {
        {DATES("{}"), NULL},
        {DATES("{\"recurrenceDates\":[]}"), NULL},
        {DATES("{\"recurrenceDates\":\"2026\"}"),
         "eventDetails.dates.recurrence.recurrenceDates: an array is expected"},
        {DATES("{\"recurrenceRules\":[{\"frequency\":\"weekly\",\"interval\":2,\"count\":3,"
               "\"until\":\"\"}]}"),
         NULL},
        {DATES("{\"recurrenceRules\":[{\"frequency\":\"often\"}]}"),
         "eventDetails.dates.recurrence.recurrenceRules[0].frequency: is not one of: secondly "
         "minutely hourly daily weekly monthly yearly"},
        {DATES("{\"recurrenceRules\":[{\"interval\":\"2\"}]}"),
         "eventDetails.dates.recurrence.recurrenceRules[0].interval: a number is expected"},
    };
#undef DATES
    CHECK(cases);
}

static void property_names_may_be_written_with_escapes(void **state)
{
    (void)state;
    static const struct ninjs_case cases[] = {
        {"\"\\u0074itle\":\"x\"", NULL},
        {"\"headl\\u0069nes\":[{\"v\\u0061lue\":\"x\"}]", NULL},
        {"\"t\\u0069tle\":\"a\",\"title\":\"b\"", "title: stands twice in one object"},
        {"\"t\\u0069tl\":\"a\"", "t\\u0069tl: unknown property"},
        {"\"\\n\":1", "\\n: unknown property"},
    };
    CHECK(cases);
}

/* ------------------------------------------------------------------------- Faults as people see */

static void a_fault_names_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned long line;
    } cases[] = {
        {"{\"uri\":\"u:1\",\"x\":1}", 1},
        {"\n\n{\"uri\":\"u:1\",\n\"x\":1}", 4},
        {"{\n \"uri\":\"u:1\",\n \"urgency\":\n 12\n}\n", 4},
        {"{\n \"uri\":\"u:1\",\n \"type\":\"x\",\n \"title\":\"\"\n}\n", 3},
        {"{\n \"headlines\":[\n  {\"value\":1}\n ],\n \"uri\":\"u:1\"\n}\n", 3},
        {"{\n \"uri\":\"u:1\"\n}\n\nx", 5},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct ninjs item;
        struct ninjs_fault fault;
        assert_false(ninjs_check(cases[i].text, strlen(cases[i].text), &item, &fault));
        if (fault.line != cases[i].line)
            fail_msg("%s: line %lu, not %lu", cases[i].text, fault.line, cases[i].line);
    }
}

static void a_bad_uri_is_reported_on_its_own_line(void **state)
{
    (void)state;
    static const char text[] = "{\n \"uri\":\"\",\n \"title\":\"x\",\n \"by\":\"y\"\n}\n";
    struct ninjs item;
    struct ninjs_fault fault;
    assert_false(ninjs_check(text, strlen(text), &item, &fault));
    assert_string_equal(fault.what, "is empty");
    assert_int_equal(fault.line, 2);
}

static void a_long_path_is_cut_within_its_bound(void **state)
{
    (void)state;
    struct buf b = {0};
    struct ninjs item;
    struct ninjs_fault fault;
    buf_puts(&b, "{\"uri\":\"u:1\",\"");
    for (int i = 0; i < 5000; i++)
        buf_putc(&b, 'x');
    buf_puts(&b, "\":1}");
    assert_false(ninjs_check(b.data, b.len, &item, &fault));
    assert_string_equal(fault.what, "unknown property");
    assert_int_equal(strlen(fault.path), 64);
    buf_deinit(&b);
}

static void a_cut_path_is_still_text(void **state)
{
    (void)state;
    struct buf b = {0};
    struct ninjs item;
    struct ninjs_fault fault;
    buf_puts(&b, "{\"uri\":\"u:1\",\"x");
    for (int i = 0; i < 100; i++)
        buf_puts(&b, "\xc3\xa9");
    buf_puts(&b, "\":1}");
    assert_false(ninjs_check(b.data, b.len, &item, &fault));
    size_t len = strlen(fault.path);
    buf_deinit(&b);
    assert_true(len > 0);
    assert_int_not_equal((unsigned char)fault.path[len - 1], 0xc3); /* half of a character */
}

/* -------------------------------------------------------------------------------- The table */

static void check_object(const struct ninjs_object *o, int depth)
{
    assert_true(o->count <= 64);
    for (size_t i = 0; i < o->count; i++) {
        const struct ninjs_property *p = &o->properties[i];
        assert_non_null(p->name);
        assert_int_equal(strlen(p->name), p->len);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(p->name, o->properties[j].name);
        for (const struct ninjs_object *base = o->base; base; base = base->base)
            for (size_t j = 0; j < base->count; j++)
                assert_string_not_equal(p->name, base->properties[j].name);
        assert_int_equal(p->kind == KIND_ENUM, p->words != NULL);
        assert_int_equal(p->kind == KIND_OBJECT, p->object != NULL);
        if (p->object && depth < 6) check_object(p->object, depth + 1);
    }
}

static void the_table_names_each_property_once(void **state)
{
    (void)state;
    check_object(&ninjs_item, 0);
    assert_string_equal(ninjs_item.properties[NINJS_PLACES].name, "places");
    assert_string_equal(ninjs_item.properties[NINJS_ALT_IDS].name, "altIds");
}

/* ---------------------------------------------------------------------------------- Fixtures */

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

/* Each file of the folder is valid, or none is; returns their number. */
static size_t check_folder(const char *folder, bool valid)
{
    const char *source = getenv("NEWS_SOURCE_DIR");
    char path[4096];
    size_t count = 0;
    if (!source) fail_msg("NEWS_SOURCE_DIR is not set");
    (void)snprintf(path, sizeof path, "%s/tests/fixtures/items/%s", source, folder);
    DIR *dir = opendir(path);
    if (!dir) fail_msg("%s cannot be opened", path);
    for (const struct dirent *e; (e = readdir(dir));) {
        if (*e->d_name == '.') continue;
        (void)snprintf(path, sizeof path, "%s/tests/fixtures/items/%s/%s", source, folder,
                       e->d_name);
        struct buf b = file_read(path);
        struct ninjs item;
        struct ninjs_fault fault = {0};
        bool ok = ninjs_check(b.data, b.len, &item, &fault);
        if (ok != valid)
            fail_msg("%s/%s: %s: %s", folder, e->d_name, fault.path, ok ? "passed" : fault.what);
        buf_deinit(&b);
        count++;
    }
    (void)closedir(dir);
    return count;
}

static void every_valid_fixture_is_passed(void **state)
{
    (void)state;
    assert_true(check_folder("valid", true) > 0);
}

static void every_invalid_fixture_is_refused(void **state)
{
    (void)state;
    assert_true(check_folder("invalid", false) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_item_is_an_object_with_a_uri),
        cmocka_unit_test(the_members_stand_where_the_item_says),
        cmocka_unit_test(line_breaks_count_only_within_the_item),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(a_uri_is_measured_without_its_escapes),
        cmocka_unit_test(words_numbers_and_ranges_are_checked),
        cmocka_unit_test(an_urgency_outside_its_range_is_not_hidden_by_its_spelling),
        cmocka_unit_test(every_object_is_closed),
        cmocka_unit_test(arrays_and_objects_are_not_taken_for_each_other),
        cmocka_unit_test(the_same_property_twice_is_refused),
        cmocka_unit_test(an_association_is_an_item_with_a_name),
        cmocka_unit_test(associations_within_associations_end_at_the_bound),
        cmocka_unit_test(the_bound_of_depth_is_the_same_for_items_and_for_json),
        cmocka_unit_test(some_objects_need_one_of_two),
        cmocka_unit_test(truncated_dates_are_years_months_days_or_full_times),
        cmocka_unit_test(a_truncated_date_may_be_written_with_escapes),
        cmocka_unit_test(recurrence_is_dates_and_rules),
        cmocka_unit_test(property_names_may_be_written_with_escapes),
        cmocka_unit_test(a_fault_names_its_line),
        cmocka_unit_test(a_bad_uri_is_reported_on_its_own_line),
        cmocka_unit_test(a_long_path_is_cut_within_its_bound),
        cmocka_unit_test(a_cut_path_is_still_text),
        cmocka_unit_test(the_table_names_each_property_once),
        cmocka_unit_test(every_valid_fixture_is_passed),
        cmocka_unit_test(every_invalid_fixture_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
