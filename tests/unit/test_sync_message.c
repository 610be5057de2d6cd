#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "common/date.h"
#include "common/sync_message.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define EPOCH        "01a2b3c4d5e6f789"
#define SINCE        "2026-11-23T14:02:07Z"
#define SINCE_MS     INT64_C(1795442527000)
#define ABC32        "abcdefghijklmnopqrstuvwxyz012345"

/* The members every request has. */
#define HEAD   "\"v\":1,\"id\":\"r1\",\"epoch\":\"" EPOCH "\""
#define FILTER "\"filters\":[\"news/#\"]"
#define LIMIT  "\"limit\":500"

/* ------------------------------------------------------------------------------------ Helpers */

static struct sync_status status_of(const char *text)
{
    struct sync_status s;
    struct news_error err = {0};
    if (!sync_status_parse(text, strlen(text), &s, &err)) fail_msg("%s: %s", text, err.message);
    return s;
}

static struct sync_request request_of(const char *text, size_t len)
{
    struct sync_request r;
    struct news_error err = {0};
    if (!sync_request_parse(text, len, &r, &err)) fail_msg("%.200s: %s", text, err.message);
    return r;
}

static struct sync_answer answer_of(const char *text, size_t len)
{
    struct sync_answer a;
    struct news_error err = {0};
    if (!sync_answer_parse(text, len, &a, &err)) fail_msg("%.200s: %s", text, err.message);
    return a;
}

enum kind { STATUS, REQUEST, ANSWER };

static bool parses(enum kind kind, const char *text, size_t len, struct news_error *err)
{
    struct sync_status s;
    struct sync_request r;
    struct sync_answer a;
    bool ok = false;
    switch (kind) {
    case STATUS: return sync_status_parse(text, len, &s, err);
    case REQUEST:
        ok = sync_request_parse(text, len, &r, err);
        if (ok) sync_request_deinit(&r);
        return ok;
    case ANSWER:
        ok = sync_answer_parse(text, len, &a, err);
        if (ok) sync_answer_deinit(&a);
        return ok;
    }
    return ok;
}

static void assert_refused(enum kind kind, const char *text, const char *why)
{
    struct news_error err = {0};
    size_t len = strlen(text);
    /* Of exactly that size: AddressSanitizer sees a step beyond it. */
    char *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, text, len);
    bool ok = parses(kind, copy, len, &err);
    free(copy);
    if (ok) fail_msg("was taken: %s", text);
    if (err.code != NEWS_ERR_DATA || strcmp(err.message, why) != 0)
        fail_msg("%s: %s", text, err.message);
}

/* Others read what we write, too. */
static void assert_json(const struct buf *text)
{
    json_error_t why;
    json_t *t = json_loadb(text->data, text->len, JSON_REJECT_DUPLICATES, &why);
    if (!t) fail_msg("%s: %s", text->data, why.text);
    json_decref(t);
}

/* -------------------------------------------------------------------------------------- Topics */

static void requests_and_replies_name_publisher_and_client(void **state)
{
    (void)state;
    struct sync_route r;
    assert_true(sync_route_of_request("newswire/sync/harbour-wire/sub_1.A", &r));
    assert_string_equal(r.publisher, "harbour-wire");
    assert_string_equal(r.client, "sub_1.A");
    assert_true(sync_route_of_reply("newswire/reply/sub-2/afp", &r));
    assert_string_equal(r.publisher, "afp");
    assert_string_equal(r.client, "sub-2");
    assert_true(sync_route_of_request("newswire/sync/" ABC32 "/" ABC32 ABC32, &r));
    assert_string_equal(r.client, ABC32 ABC32);
}

static void other_topics_are_neither_requests_nor_replies(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "news/afp/world/fr/3/sport",
        "newswire/sync",
        "newswire/sync/",
        "newswire/sync/afp",
        "newswire/sync/afp/",
        "newswire/sync//me",
        "newswire/sync/afp/me/",
        "newswire/sync/afp/me/too",
        "newswire/sync/afp/me you",
        "newswire/sync/+/me",
        "newswire/sync/afp/#",
        "newswire/sync/\xc3\xa9/me",
        "newswire/sync/" ABC32 "6/me",
        "newswire/sync/afp/" ABC32 ABC32 "6",
        "Newswire/sync/afp/me",
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct sync_route r = {.publisher = "before"};
        if (sync_route_of_request(wrong[i], &r)) fail_msg("%s", wrong[i]);
        assert_string_equal(r.publisher, "before");
    }
    struct sync_route r;
    assert_false(sync_route_of_request("newswire/reply/me/afp", &r));
    assert_false(sync_route_of_reply("newswire/sync/afp/me", &r));
    assert_false(sync_route_of_reply("newswire/reply/" ABC32 ABC32 "6/afp", &r));
    assert_false(sync_route_of_reply("newswire/reply/me/" ABC32 "6", &r));
}

static void a_status_is_of_one_publisher(void **state)
{
    (void)state;
    char publisher[TOPIC_SLUG_MAX + 1] = "before";
    assert_false(sync_publisher_of("newswire/status/afp/x", SYNC_STATUS, publisher));
    assert_false(sync_publisher_of("newswire/status/", SYNC_STATUS, publisher));
    assert_false(sync_publisher_of("newswire/status/a b", SYNC_STATUS, publisher));
    assert_false(sync_publisher_of("newswire/status/" ABC32 "6", SYNC_STATUS, publisher));
    assert_false(sync_publisher_of("newswire/head/afp", SYNC_STATUS, publisher));
    assert_string_equal(publisher, "before");
    assert_true(sync_publisher_of("newswire/status/afp", SYNC_STATUS, publisher));
    assert_string_equal(publisher, "afp");
    assert_true(sync_publisher_of("newswire/head/" ABC32, SYNC_HEAD, publisher));
    assert_string_equal(publisher, ABC32);
}

/* -------------------------------------------------------------------------------------- Status */

static void a_status_reads_as_it_was_written(void **state)
{
    (void)state;
    static const struct sync_status cases[] = {
        {true, EPOCH, 12, 3, SINCE_MS, false},
        {false, "0000000000000000", 0, 0, 0, true},
        {true, "ffffffffffffffff", INT64_MAX, INT64_MAX, SINCE_MS + 123, true},
        {false, EPOCH, 1, 1, DATE_UNKNOWN, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf text = {0};
        sync_status_write(&text, &cases[i]);
        assert_json(&text);
        struct sync_status s = status_of(text.data);
        assert_int_equal(s.online, cases[i].online);
        assert_string_equal(s.epoch, cases[i].epoch);
        assert_int_equal(s.items, cases[i].items);
        assert_int_equal(s.streams, cases[i].streams);
        assert_int_equal(s.since_ms, cases[i].since_ms);
        assert_int_equal(s.brief, cases[i].brief);
        buf_deinit(&text);
    }
}

/* DESIGN 3: what others read and write. */
static void a_status_is_written_as_the_protocol_says(void **state)
{
    (void)state;
    struct buf text = {0};
    sync_status_write(&text, &(struct sync_status){true, EPOCH, 12, 3, SINCE_MS, false});
    assert_string_equal(text.data, "{\"v\":1,\"state\":\"online\",\"epoch\":\"" EPOCH
                                   "\",\"items\":12,\"streams\":3,\"since\":\"" SINCE "\"}");
    buf_deinit(&text);
}

static void a_head_needs_no_state_and_later_versions_may_add_members(void **state)
{
    (void)state;
    struct sync_status s = status_of(" { \"streams\" : 1 ,\n \"new\" : {\"items\":[1,{}]}, \"v\" : "
                                     "1, \"\\u0069tems\":2, \"epoch\":\"" EPOCH "\", \"x\":null,"
                                     "\"have\":3 } \n");
    assert_true(s.online);
    assert_int_equal(s.items, 2);
    assert_int_equal(s.streams, 1);
    assert_int_equal(s.since_ms, DATE_UNKNOWN);
}

static void a_malformed_status_is_refused_with_a_reason(void **state)
{
    (void)state;
#define REST "\"epoch\":\"" EPOCH "\",\"items\":1,\"streams\":1"
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "byte 0: an object is expected"},
        {"[]", "byte 0: an object is expected"},
        {"{", "byte 1: a property name in quotes is expected"},
        {"{\"v\":1," REST "} x", "byte 57: something follows the object"},
        {"{\"v\":1," REST ",}", "byte 56: a property name in quotes is expected"},
        {"{\"v\":1,\"v\":1," REST "}", "byte 12: the same property stands twice in one object"},
        {"{}", "v: is missing"},
        {"{\"v\":2," REST "}", "v: is not 1"},
        {"{\"v\":1.0," REST "}", "v: is not 1"},
        {"{\"v\":\"1\"," REST "}", "v: is not 1"},
        {"{\"v\":1,\"state\":\"up\"," REST "}", "state: is neither online nor offline"},
        {"{\"v\":1,\"state\":true," REST "}", "state: is neither online nor offline"},
        {"{\"v\":1,\"items\":1,\"streams\":1}", "epoch: is missing"},
        {"{\"v\":1,\"epoch\":7,\"items\":1,\"streams\":1}", "epoch: is not 16 hex digits"},
        {"{\"v\":1,\"epoch\":\"01A2B3C4D5E6F789\"}", "epoch: is not 16 hex digits"},
        {"{\"v\":1,\"epoch\":\"" EPOCH "0\"}", "epoch: is not 16 hex digits"},
        {"{\"v\":1,\"epoch\":\"" EPOCH "\"}", "items: is missing"},
        {"{\"v\":1,\"epoch\":\"" EPOCH "\",\"items\":1}", "streams: is missing"},
        {"{\"v\":1," REST ",\"since\":5}", "since: is not an RFC 3339 time from 1970 to 9999"},
        {"{\"v\":1," REST ",\"since\":\"1969-12-31T23:59:59Z\"}",
         "since: is not an RFC 3339 time from 1970 to 9999"},
        {"{\"v\":1," REST ",\"since\":\"9999-12-31T23:59:59-00:01\"}",
         "since: is not an RFC 3339 time from 1970 to 9999"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_refused(STATUS, cases[i].text, cases[i].why);
}

static void numbers_are_integers_without_sign_fraction_or_exponent(void **state)
{
    (void)state;
    static const char *const wrong[] = {"-1",    "-0",      "1.5",  "1.0",
                                        "1e3",   "0e0",     "1E+2", "9223372036854775808",
                                        "\"1\"", "null",    "true", "99999999999999999999",
                                        "[]",    "[\"1\"]", "{}",   "18446744073709551617"};
    char text[200];
    for (size_t i = 0; i < COUNT(wrong); i++) {
        (void)snprintf(text, sizeof text, "{\"v\":1,\"epoch\":\"" EPOCH "\",\"items\":%s}",
                       wrong[i]);
        assert_refused(STATUS, text, "items: is not an integer from 0 to 2^63-1");
    }
    assert_refused(STATUS, "{\"v\":1,\"items\":01}", "byte 15: a number does not start with 0");
}

/* ------------------------------------------------------------------------------------- Request */

static void assert_same_request(const struct sync_request *a, const struct sync_request *b)
{
    assert_string_equal(a->id, b->id);
    assert_string_equal(a->epoch, b->epoch);
    assert_int_equal(a->filter_count, b->filter_count);
    for (size_t i = 0; i < a->filter_count; i++)
        assert_string_equal(a->filters[i], b->filters[i]);
    assert_int_equal(a->from, b->from);
    assert_int_equal(a->have_count, b->have_count);
    for (size_t i = 0; i < a->have_count; i++) {
        assert_string_equal(a->have[i].topic, b->have[i].topic);
        assert_int_equal(a->have[i].seq, b->have[i].seq);
    }
    if (a->from == SYNC_LAST) assert_int_equal(a->last, b->last);
    if (a->from == SYNC_SINCE) assert_int_equal(a->since_ms, b->since_ms);
    assert_int_equal(a->limit, b->limit);
}

static void a_request_reads_as_it_was_written(void **state)
{
    (void)state;
    struct sync_position have[] = {
        {"news/afp/world/fr/3/sport", 17},
        {"quote\" back\\ \xc3\xa9 \xe2\x80\xae", 0}, /* U+202E is escaped on the way */
        {"news/a", INT64_MAX},
        {"news/a", 5}, /* twice: both are handed over */
    };
    struct sync_request cases[] = {
        {.from = SYNC_HAVE, .have = have, .have_count = COUNT(have), .limit = 1},
        {.from = SYNC_HAVE, .limit = 500},
        {.from = SYNC_LAST, .last = 0, .limit = 500},
        {.from = SYNC_LAST, .last = INT64_MAX, .limit = SYNC_LIMIT_MAX},
        {.from = SYNC_SINCE, .since_ms = SINCE_MS, .limit = 7},
        {.from = SYNC_SINCE, .since_ms = 0, .limit = 7},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sync_request *r = &cases[i];
        struct buf text = {0};
        strcpy(r->id, i % 2 ? "r-1.x_Y" : ABC32);
        strcpy(r->epoch, EPOCH);
        r->filters[0] = "news/+/+/fr/#";
        r->filter_count = 1 + i % 2;
        if (r->filter_count == 2) r->filters[1] = "news/\"\xe2\x80\xa8";
        sync_request_write(&text, r);
        if (i != 0) assert_json(&text); /* there a topic stands twice */
        struct sync_request again = request_of(text.data, text.len);
        assert_same_request(r, &again);
        sync_request_deinit(&again);
        buf_deinit(&text);
    }
}

/* DESIGN 4.3. */
static void a_request_is_written_as_the_protocol_says(void **state)
{
    (void)state;
    struct sync_position have[] = {{"news/a", 7}, {"news/b", 0}};
    struct sync_request r = {.id = "r1",
                             .epoch = EPOCH,
                             .filters = {"news/#", "news/+/a"},
                             .filter_count = 2,
                             .from = SYNC_HAVE,
                             .have = have,
                             .have_count = 2,
                             .last = 5,
                             .since_ms = SINCE_MS,
                             .limit = 500};
    static const char *const texts[] = {
        [SYNC_HAVE] = "\"have\":{\"news/a\":7,\"news/b\":0}",
        [SYNC_LAST] = "\"last\":5",
        [SYNC_SINCE] = "\"since\":\"" SINCE "\"",
    };
    for (unsigned from = SYNC_HAVE; from <= SYNC_SINCE; from++) {
        struct buf text = {0};
        char want[300];
        r.from = (enum sync_from)from;
        sync_request_write(&text, &r);
        (void)snprintf(want, sizeof want,
                       "{" HEAD ",\"filters\":[\"news/#\",\"news/+/a\"],%s," LIMIT "}",
                       texts[from]);
        assert_string_equal(text.data, want);
        buf_deinit(&text);
    }
}

static void more_than_the_limit_is_taken_as_the_limit(void **state)
{
    (void)state;
    static const char *const limits[] = {"5000", "5001", "9223372036854775807"};
    for (size_t i = 0; i < COUNT(limits); i++) {
        char text[200];
        (void)snprintf(text, sizeof text, "{" HEAD "," FILTER ",\"last\":1,\"limit\":%s}",
                       limits[i]);
        struct sync_request r = request_of(text, strlen(text));
        assert_int_equal(r.limit, SYNC_LIMIT_MAX);
        sync_request_deinit(&r);
    }
}

static void a_malformed_request_is_refused_with_a_reason(void **state)
{
    (void)state;
#define LAST "\"last\":1," LIMIT
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"{\"v\":1,\"id\":\"" ABC32 "6\"}", "id: is not 1 to 32 of A-Z a-z 0-9 _ . -"},
        {"{\"v\":1,\"id\":\"\"}", "id: is not 1 to 32 of A-Z a-z 0-9 _ . -"},
        {"{\"v\":1,\"id\":\"a/b\"}", "id: is not 1 to 32 of A-Z a-z 0-9 _ . -"},
        {"{\"v\":1,\"id\":\"a\\u0020b\"}", "id: is not 1 to 32 of A-Z a-z 0-9 _ . -"},
        {"{\"v\":1,\"id\":null}", "id: is not 1 to 32 of A-Z a-z 0-9 _ . -"},
        {"{\"v\":1}", "id: is missing"},
        {"{\"v\":1,\"id\":\"r1\",\"epoch\":\"\"}", "epoch: is not 16 hex digits"},
        {"{" HEAD "," LAST "}", "filters: is missing"},
        {"{" HEAD "," LAST ",\"filters\":\"#\"}", "filters: is not an array"},
        {"{" HEAD "," LAST ",\"filters\":{\"#\":1}}", "filters: is not an array"},
        {"{" HEAD "," LAST ",\"filters\":[]}", "filters: is empty"},
        {"{" HEAD "," LAST ",\"filters\":[1]}",
         "filters: a topic is no string, or is longer than 511 bytes"},
        {"{" HEAD "," LAST ",\"filters\":[\"\"]}", "filters: the topic filter is empty"},
        {"{" HEAD "," LAST ",\"filters\":[\"a/#\",\"a#\"]}",
         "filters: \"a#\": '#' must be a whole level"},
        {"{" HEAD "," LAST ",\"filters\":[\"a\\n\"]}",
         "filters: the topic filter holds a control character"},
        {"{" HEAD "," FILTER "," LIMIT "}", "have, last and since are all missing"},
        {"{" HEAD "," FILTER "," LAST ",\"have\":{}}",
         "more than one of have, last and since is given"},
        {"{" HEAD "," FILTER "," LAST ",\"since\":null}",
         "more than one of have, last and since is given"},
        {"{" HEAD "," FILTER "," LIMIT ",\"last\":-1}", "last: is not an integer from 0 to 2^63-1"},
        {"{" HEAD "," FILTER "," LIMIT ",\"since\":\"yesterday\"}",
         "since: is not an RFC 3339 time from 1970 to 9999"},
        {"{" HEAD "," FILTER "," LIMIT ",\"have\":[]}", "have: is not an object"},
        {"{" HEAD "," FILTER "," LIMIT ",\"have\":null}", "have: is not an object"},
        {"{" HEAD "," FILTER "," LIMIT ",\"have\":{\"a\":1.0}}",
         "have: a number is not an integer from 0 to 2^63-1"},
        {"{" HEAD "," FILTER "," LIMIT ",\"have\":{\"a\":{}}}",
         "have: a number is not an integer from 0 to 2^63-1"},
        {"{" HEAD "," FILTER "," LIMIT ",\"have\":{\"a\":1,\"\":1}}",
         "have: the topic name is empty"},
        {"{" HEAD "," FILTER "," LIMIT ",\"have\":{\"a/\\u002b\":1}}",
         "have: the topic name \"a/+\" holds a wildcard"},
        {"{" HEAD "," FILTER "," LIMIT ",\"have\":{\"a\":1,}}",
         "byte 91: a property name in quotes is expected"},
        {"{" HEAD "," FILTER ",\"last\":1}", "limit: is missing"},
        {"{" HEAD "," FILTER ",\"last\":1,\"limit\":0}", "limit: is 0"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_refused(REQUEST, cases[i].text, cases[i].why);
}

/* count positions, their topics of topic_len bytes, and what else belongs to the message. */
static struct buf positions_of(const char *before, size_t count, size_t topic_len)
{
    struct buf text = {0};
    buf_puts(&text, before);
    for (size_t i = 0; i < count; i++)
        buf_printf(&text, "%s\"%0*zu\":%zu", i ? "," : "", (int)topic_len, i, i);
    buf_puts(&text, "}}");
    return text;
}

static struct buf have_of(size_t count, size_t topic_len)
{
    return positions_of("{" HEAD "," FILTER "," LIMIT ",\"have\":{", count, topic_len);
}

static void a_topic_fills_at_most_its_buffer(void **state)
{
    (void)state;
    struct buf fits = have_of(1, TOPIC_MAX - 1), too_long = have_of(1, TOPIC_MAX);
    struct sync_request r = request_of(fits.data, fits.len);
    assert_int_equal(strlen(r.have[0].topic), TOPIC_MAX - 1);
    assert_refused(REQUEST, too_long.data,
                   "have: a topic is no string, or is longer than 511 bytes");
    sync_request_deinit(&r);
    buf_deinit(&fits);
    buf_deinit(&too_long);
}

static void fifty_thousand_positions_are_taken_and_one_more_is_not(void **state)
{
    (void)state;
    struct buf text = have_of(SYNC_POSITIONS_MAX, 60), more = have_of(SYNC_POSITIONS_MAX + 1, 10);
    struct sync_request r = request_of(text.data, text.len);
    assert_int_equal(r.have_count, SYNC_POSITIONS_MAX);
    for (size_t i = 0; i < r.have_count; i++)
        if (r.have[i].seq != i || strtoul(r.have[i].topic, NULL, 10) != i)
            fail_msg("%zu: %s", i, r.have[i].topic);
    assert_refused(REQUEST, more.data, "have: holds more than 50000");
    sync_request_deinit(&r);
    buf_deinit(&text);
    buf_deinit(&more);
}

static void sixty_four_filters_are_taken_and_one_more_is_not(void **state)
{
    (void)state;
    for (int count = TOPIC_FILTERS_MAX; count <= TOPIC_FILTERS_MAX + 1; count++) {
        struct buf text = {0};
        buf_puts(&text, "{" HEAD ",\"last\":1," LIMIT ",\"filters\":[");
        for (int i = 0; i < count; i++)
            buf_printf(&text, "%s\"news/%d/#\"", i ? "," : "", i);
        buf_puts(&text, "]}");
        if (count > TOPIC_FILTERS_MAX) {
            assert_refused(REQUEST, text.data, "filters: holds more than 64");
        } else {
            struct sync_request r = request_of(text.data, text.len);
            assert_int_equal(r.filter_count, TOPIC_FILTERS_MAX);
            assert_string_equal(r.filters[63], "news/63/#");
            sync_request_deinit(&r);
        }
        buf_deinit(&text);
    }
}

static void a_larger_message_is_refused_for_its_size(void **state)
{
    (void)state;
    char *text = malloc(SYNC_MESSAGE_MAX + 1);
    struct news_error err = {0};
    assert_non_null(text);
    memset(text, ' ', SYNC_MESSAGE_MAX + 1);
    int n = snprintf(text, 200, "{\"v\":1,\"epoch\":\"" EPOCH "\",\"items\":1,\"streams\":1}");
    text[n] = ' ';
    assert_true(parses(STATUS, text, SYNC_MESSAGE_MAX, &err));
    assert_false(parses(STATUS, text, SYNC_MESSAGE_MAX + 1, &err));
    assert_int_equal(err.code, NEWS_ERR_TOO_LARGE);
    free(text);
}

/* -------------------------------------------------------------------------------------- Answer */

static void assert_next(struct sync_answer *a, const char *topic, const char *item)
{
    char at[TOPIC_MAX];
    struct json_slice bytes;
    assert_true(sync_batch_next(a, at, &bytes));
    assert_string_equal(at, topic);
    assert_int_equal(bytes.len, strlen(item));
    assert_memory_equal(bytes.at, item, bytes.len);
}

static void a_batch_reads_as_it_was_written(void **state)
{
    (void)state;
    static const struct {
        const char *topic, *item;
    } items[] = {
        {"news/a", "{\"uri\":\"urn:1\"}"},
        {"news/\"quoted\"", "{\"uri\":\"urn:2\",\"x\":[{}, \"]}\"]}"},
        {"news/a", "{}"},
    };
    for (size_t count = 0; count <= COUNT(items); count++) {
        struct buf text = {0};
        char topic[TOPIC_MAX];
        struct json_slice item;
        sync_batch_open(&text, "r1");
        for (size_t i = 0; i < count; i++)
            sync_batch_add(&text, items[i].topic, items[i].item, strlen(items[i].item));
        sync_batch_close(&text);
        assert_json(&text);
        struct sync_answer a = answer_of(text.data, text.len);
        assert_false(a.is_end);
        assert_string_equal(a.id, "r1");
        for (size_t i = 0; i < count; i++)
            assert_next(&a, items[i].topic, items[i].item);
        assert_false(sync_batch_next(&a, topic, &item));
        assert_false(sync_batch_next(&a, topic, &item));
        sync_answer_deinit(&a);
        buf_deinit(&text);
    }
}

/* DESIGN 4.3. */
static void an_answer_is_written_as_the_protocol_says(void **state)
{
    (void)state;
    struct buf text = {0};
    struct sync_position through[] = {{"news/a", 7}, {"news/b", 9}};
    struct sync_missing missing[] = {{"news/a", 1, 3, "pruned"}, {"news/b", 8, 8, "killed"}};
    struct sync_end end = {.through = through,
                           .through_count = 2,
                           .missing = missing,
                           .missing_count = 2,
                           .more = true};
    sync_batch_open(&text, "r1");
    sync_batch_add(&text, "news/a", "{\"uri\":\"u\"}", 11);
    sync_batch_add(&text, "news/b", "{}", 2);
    sync_batch_close(&text);
    assert_string_equal(text.data,
                        "{\"v\":1,\"id\":\"r1\",\"items\":[{\"topic\":\"news/a\","
                        "\"item\":{\"uri\":\"u\"}},{\"topic\":\"news/b\",\"item\":{}}]}");
    buf_clear(&text);
    sync_end_write(&text, "r1", &end);
    assert_string_equal(text.data,
                        "{\"v\":1,\"id\":\"r1\",\"through\":{\"news/a\":7,\"news/b\":9},"
                        "\"missing\":[[\"news/a\",1,3,\"pruned\"],[\"news/b\",8,8,\"killed\"]],"
                        "\"more\":true}");
    buf_clear(&text);
    sync_end_write(&text, "r1", &(struct sync_end){.archive = true, .unknown = true});
    assert_string_equal(text.data, "{\"v\":1,\"id\":\"r1\",\"through\":{},\"missing\":[],"
                                   "\"more\":false,\"archive\":true,\"unknown\":true}");
    buf_deinit(&text);
}

static void an_end_reads_as_it_was_written(void **state)
{
    (void)state;
    static const char reason[] =
        "why? \"because\\of that\" ~ 64 bytes are allowed for it, no more!!!";
    struct sync_position through[] = {{"news/\\\"", INT64_MAX}, {"news/b", 0}};
    struct sync_missing missing[] = {{"news/a", 1, INT64_MAX, reason}, {"news/b", 8, 8, "x"}};
    assert_int_equal(strlen(reason), 64);
    for (unsigned flags = 0; flags < 8; flags++) {
        struct sync_end end = {.through = through,
                               .through_count = 2 - flags % 2,
                               .missing = missing,
                               .missing_count = flags % 3,
                               .more = flags & 1,
                               .archive = flags & 2,
                               .unknown = flags & 4};
        struct buf text = {0};
        sync_end_write(&text, "r.1", &end);
        assert_json(&text);
        struct sync_answer a = answer_of(text.data, text.len);
        assert_true(a.is_end);
        assert_string_equal(a.id, "r.1");
        assert_int_equal(a.end.more, end.more);
        assert_int_equal(a.end.archive, end.archive);
        assert_int_equal(a.end.unknown, end.unknown);
        assert_int_equal(a.end.through_count, end.through_count);
        for (size_t i = 0; i < end.through_count; i++) {
            assert_string_equal(a.end.through[i].topic, through[i].topic);
            assert_int_equal(a.end.through[i].seq, through[i].seq);
        }
        assert_int_equal(a.end.missing_count, end.missing_count);
        for (size_t i = 0; i < end.missing_count; i++) {
            assert_string_equal(a.end.missing[i].topic, missing[i].topic);
            assert_int_equal(a.end.missing[i].first, missing[i].first);
            assert_int_equal(a.end.missing[i].last, missing[i].last);
            assert_string_equal(a.end.missing[i].reason, missing[i].reason);
        }
        buf_deinit(&text); /* what was parsed of an end does not need it */
        assert_string_equal(a.end.through[0].topic, through[0].topic);
        sync_answer_deinit(&a);
    }
}

static void a_malformed_batch_is_refused_as_a_whole(void **state)
{
    (void)state;
#define ID   "\"v\":1,\"id\":\"r1\""
#define GOOD "{\"topic\":\"a\",\"item\":{}}"
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"{" ID "}", "items and through are both missing"},
        {"{" ID ",\"items\":[],\"through\":{}}", "both items and through are given"},
        {"{\"v\":1,\"items\":[]}", "id: is missing"},
        {"{" ID ",\"items\":{}}", "items: is not an array"},
        {"{" ID ",\"items\":7}", "items: is not an array"},
        {"{" ID ",\"items\":[" GOOD ",7]}", "items: an element is not an object"},
        {"{" ID ",\"items\":[" GOOD ",[]]}", "items: an element is not an object"},
        {"{" ID ",\"items\":[" GOOD ",{}]}", "items: an element has no topic or item"},
        {"{" ID ",\"items\":[{\"topic\":\"a\"}]}", "items: an element has no topic or item"},
        {"{" ID ",\"items\":[{\"item\":{}}]}", "items: an element has no topic or item"},
        {"{" ID ",\"items\":[{\"topic\":\"a\",\"item\":[]}]}", "items: an item is not an object"},
        {"{" ID ",\"items\":[{\"topic\":\"a\",\"item\":\"{}\"}]}",
         "items: an item is not an object"},
        {"{" ID ",\"items\":[{\"topic\":\"a/+\",\"item\":{}}]}",
         "items: the topic name \"a/+\" holds a wildcard"},
        {"{" ID ",\"items\":[{\"topic\":\"\",\"item\":{}}]}", "items: the topic name is empty"},
        {"{" ID ",\"items\":[{\"topic\":1,\"item\":{}}]}",
         "items: a topic is no string, or is longer than 511 bytes"},
        {"{" ID ",\"items\":[{\"topic\":\"a\",\"topic\":\"b\",\"item\":{}}]}",
         "items: an element says a thing twice"},
        {"{" ID ",\"items\":[{\"topic\":\"a\",\"item\":{},\"\\u0069tem\":{}}]}",
         "items: an element says a thing twice"},
        {"{" ID ",\"items\":[" GOOD ",]}", "byte 50: a value is expected"},
        {"{" ID ",\"items\":[" GOOD, "byte 49: ',' or ']' is expected"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_refused(ANSWER, cases[i].text, cases[i].why);
}

static void a_malformed_end_is_refused_with_a_reason(void **state)
{
    (void)state;
#define END "\"v\":1,\"id\":\"r1\",\"through\":{},\"more\":false"
    static const char entry[] = "missing: an entry is not [topic, first, last, reason]",
                      numbers[] = "missing: first and last are not integers, 1 <= first <= last",
                      reason[] = "missing: a reason is not 1 to 64 printable ASCII characters";
    static const struct {
        const char *missing, *why;
    } cases[] = {
        {"{}", "missing: is not an array"},
        {"null", "missing: is not an array"},
        {"[7]", entry},
        {"[[]]", entry},
        {"[{\"a\":1,\"b\":2}]", entry},
        {"[[\"a\",1,2]]", entry},
        {"[[\"a\",1,2,\"pruned\",3]]", entry},
        {"[[1,1,2,\"pruned\"]]", "missing: a topic is no string, or is longer than 511 bytes"},
        {"[[\"a/#\",1,2,\"pruned\"]]", "missing: the topic name \"a/#\" holds a wildcard"},
        {"[[\"a\",0,2,\"pruned\"]]", numbers},
        {"[[\"a\",3,2,\"pruned\"]]", numbers},
        {"[[\"a\",\"1\",2,\"pruned\"]]", numbers},
        {"[[\"a\",1,2e0,\"pruned\"]]", numbers},
        {"[[\"a\",1,9223372036854775808,\"pruned\"]]", numbers},
        {"[[\"a\",1,2,\"pruned\"],[\"a\",3,3,\"\"]]", reason},
        {"[[\"a\",1,2,7]]", reason},
        {"[[\"a\",1,2,\"a\\tb\"]]", reason},
        {"[[\"a\",1,2,\"\xc3\xa9\"]]", reason},
        {"[[\"a\",1,2,\"\\u007f\"]]", reason},
        {"[[\"a\",1,2,\"" ABC32 ABC32 "6\"]]", reason},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[300];
        (void)snprintf(text, sizeof text, "{" END ",\"missing\":%s}", cases[i].missing);
        assert_refused(ANSWER, text, cases[i].why);
    }
    assert_refused(ANSWER, "{" END "}", "missing: is missing");
    assert_refused(ANSWER, "{" ID ",\"through\":{},\"missing\":[]}", "more: is missing");
    assert_refused(ANSWER, "{" ID ",\"through\":{},\"missing\":[],\"more\":1}",
                   "more: is neither true nor false");
    assert_refused(ANSWER, "{" END ",\"missing\":[],\"archive\":null}",
                   "archive: is neither true nor false");
    assert_refused(ANSWER, "{" END ",\"missing\":[],\"unknown\":\"yes\"}",
                   "unknown: is neither true nor false");
    assert_refused(ANSWER, "{" ID ",\"through\":[]}", "through: is not an object");
    assert_refused(ANSWER, "{" ID ",\"through\":{\"a\":-1}}",
                   "through: a number is not an integer from 0 to 2^63-1");
}

static void an_end_goes_through_as_many_topics_as_a_request_may_have(void **state)
{
    (void)state;
    static const char before[] = "{" ID ",\"more\":false,\"missing\":[],\"through\":{";
    struct buf text = positions_of(before, SYNC_POSITIONS_MAX, 60);
    struct buf more = positions_of(before, SYNC_POSITIONS_MAX + 1, 10);
    struct sync_answer a = answer_of(text.data, text.len);
    assert_int_equal(a.end.through_count, SYNC_POSITIONS_MAX);
    assert_int_equal(a.end.through[SYNC_POSITIONS_MAX - 1].seq, SYNC_POSITIONS_MAX - 1);
    assert_refused(ANSWER, more.data, "through: holds more than 50000");
    sync_answer_deinit(&a);
    buf_deinit(&text);
    buf_deinit(&more);
}

static void a_batch_has_no_more_items_than_an_answer_may_have(void **state)
{
    (void)state;
    for (size_t count = SYNC_LIMIT_MAX; count <= SYNC_LIMIT_MAX + 1; count++) {
        struct buf text = {0};
        sync_batch_open(&text, "r1");
        for (size_t i = 0; i < count; i++)
            sync_batch_add(&text, "a", "{}", 2);
        sync_batch_close(&text);
        struct news_error err = {0};
        assert_int_equal(parses(ANSWER, text.data, text.len, &err), count == SYNC_LIMIT_MAX);
        buf_deinit(&text);
    }
}

/* An item with associations down to some level; those have a name, too. */
static void put_deep_item(struct buf *out, const char *name, int levels)
{
    buf_printf(out, "{%s\"uri\":\"u\",\"standard\":{\"name\":\"x\"}", name);
    if (levels > 0) {
        buf_puts(out, ",\"associations\":[");
        put_deep_item(out, "\"name\":\"n\",", levels - 1);
        buf_putc(out, ']');
    }
    buf_putc(out, '}');
}

/* One that was refused for an item in it would be asked for again and again. */
static void a_batch_takes_whatever_is_a_valid_item(void **state)
{
    (void)state;
    bool valid = true;
    for (int levels = 0; valid; levels++) {
        struct buf item = {0}, text = {0};
        struct ninjs noted;
        struct ninjs_fault fault;
        assert_true(levels < 2 * JSON_DEPTH_MAX);
        put_deep_item(&item, "", levels);
        valid = ninjs_check(item.data, item.len, &noted, &fault);
        sync_batch_open(&text, "r1");
        sync_batch_add(&text, "a", item.data, item.len);
        sync_batch_close(&text);
        if (valid) {
            struct sync_answer a = answer_of(text.data, text.len);
            assert_next(&a, "a", item.data);
            sync_answer_deinit(&a);
        } else {
            assert_non_null(strstr(fault.what, "nested too deeply"));
        }
        buf_deinit(&item);
        buf_deinit(&text);
    }
}

/* Nesting is the one thing in a message that could cost stack. */
static void a_value_nested_too_deeply_is_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"items", "have", "x"};
    for (size_t n = 0; n < COUNT(names); n++)
        for (int object = 0; object < 2; object++) {
            struct buf text = {0};
            struct news_error err = {0};
            buf_printf(&text, "{" ID ",\"%s\":", names[n]);
            for (int i = 0; i < 100000; i++)
                buf_puts(&text, object ? "{\"a\":" : "[");
            assert_false(parses(ANSWER, text.data, text.len, &err));
            assert_non_null(strstr(err.message, "the value is nested too deeply"));
            buf_deinit(&text);
        }
}

static void a_message_that_is_cut_short_is_refused(void **state)
{
    (void)state;
    static const struct {
        enum kind kind;
        const char *text;
    } cases[] = {
        {STATUS, "{\"v\":1,\"epoch\":\"" EPOCH "\",\"items\":1,\"streams\":1}"},
        {REQUEST, "{" HEAD "," FILTER "," LIMIT ",\"have\":{\"a\":1,\"\\u0062\":2}}"},
        {ANSWER, "{" ID ",\"items\":[" GOOD "]}"},
        {ANSWER, "{" END ",\"missing\":[[\"a\",1,2,\"pruned\"]],\"archive\":true}"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t whole = strlen(cases[i].text);
        for (size_t len = 0; len <= whole; len++) {
            struct news_error err = {0};
            char *copy = malloc(len ? len : 1);
            assert_non_null(copy);
            memcpy(copy, cases[i].text, len);
            bool ok = parses(cases[i].kind, copy, len, &err);
            free(copy);
            if (ok != (len == whole)) fail_msg("%.*s: %s", (int)len, cases[i].text, err.message);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_and_replies_name_publisher_and_client),
        cmocka_unit_test(other_topics_are_neither_requests_nor_replies),
        cmocka_unit_test(a_status_is_of_one_publisher),
        cmocka_unit_test(a_status_reads_as_it_was_written),
        cmocka_unit_test(a_status_is_written_as_the_protocol_says),
        cmocka_unit_test(a_head_needs_no_state_and_later_versions_may_add_members),
        cmocka_unit_test(a_malformed_status_is_refused_with_a_reason),
        cmocka_unit_test(numbers_are_integers_without_sign_fraction_or_exponent),
        cmocka_unit_test(a_request_reads_as_it_was_written),
        cmocka_unit_test(a_request_is_written_as_the_protocol_says),
        cmocka_unit_test(more_than_the_limit_is_taken_as_the_limit),
        cmocka_unit_test(a_malformed_request_is_refused_with_a_reason),
        cmocka_unit_test(a_topic_fills_at_most_its_buffer),
        cmocka_unit_test(fifty_thousand_positions_are_taken_and_one_more_is_not),
        cmocka_unit_test(sixty_four_filters_are_taken_and_one_more_is_not),
        cmocka_unit_test(a_larger_message_is_refused_for_its_size),
        cmocka_unit_test(a_batch_reads_as_it_was_written),
        cmocka_unit_test(an_answer_is_written_as_the_protocol_says),
        cmocka_unit_test(an_end_reads_as_it_was_written),
        cmocka_unit_test(a_malformed_batch_is_refused_as_a_whole),
        cmocka_unit_test(a_malformed_end_is_refused_with_a_reason),
        cmocka_unit_test(an_end_goes_through_as_many_topics_as_a_request_may_have),
        cmocka_unit_test(a_batch_has_no_more_items_than_an_answer_may_have),
        cmocka_unit_test(a_batch_takes_whatever_is_a_valid_item),
        cmocka_unit_test(a_value_nested_too_deeply_is_refused),
        cmocka_unit_test(a_message_that_is_cut_short_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
