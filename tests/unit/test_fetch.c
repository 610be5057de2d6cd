#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/date.h"
#include "publisher/feed.h"
#include "publisher/fetch.h"
#include "publisher/http_head.h"
#include "tests/support/http_server.h"
#include "tests/support/wait.h"

/* ------------------------------------------------------------------------------------ Helpers */

struct route {
    const char *target, *status, *fields, *body;
};

struct got { /* one answer */
    size_t calls;
    int status;
    struct news_error err;
    char final_url[300], moved_to[300], etag[100], modified[100], charset[40];
    int64_t max_age_s, retry_after_s;
    struct buf body;
};

struct scene {
    struct http_server *server;
    struct fetch *fetch;
    struct poll_set *set;
    const struct route *routes;
    void (*script)(const struct http_request *q, struct http_reply *reply); /* instead of routes */
    struct buf heads;                                                       /* of all requests */
    const char *then; /* asked for when the first answer came; for the same user */
    size_t answers;
};

static struct scene *scene; /* the present one: on_done knows only its user */

static void answer(void *user, const struct http_request *q, struct http_reply *reply)
{
    struct scene *s = user;
    buf_puts(&s->heads, q->head);
    if (s->script) {
        s->script(q, reply);
        return;
    }
    const struct route *r = s->routes;
    while (r && r->target && strcmp(r->target, q->target) != 0)
        r++;
    if (r && r->target) http_answer(reply, r->status, r->fields, r->body, strlen(r->body));
    else http_answer(reply, "404 Not Found", "", "nothing", 7);
}

static void start(struct scene *s, const char *url, struct got *got);

static void on_done(void *user, const struct fetch_result *r)
{
    struct got *g = user;
    g->calls++;
    g->status = r->status;
    g->err = r->err;
    (void)snprintf(g->final_url, sizeof g->final_url, "%s", r->final_url);
    (void)snprintf(g->moved_to, sizeof g->moved_to, "%s", r->moved_to);
    (void)snprintf(g->etag, sizeof g->etag, "%s", r->etag);
    (void)snprintf(g->modified, sizeof g->modified, "%s", r->modified);
    (void)snprintf(g->charset, sizeof g->charset, "%s", r->charset);
    g->max_age_s = r->max_age_s;
    g->retry_after_s = r->retry_after_s;
    buf_clear(&g->body);
    if (r->len) buf_put(&g->body, r->body, r->len);
    scene->answers++;
    const char *then = scene->then;
    scene->then = NULL;
    if (then) start(scene, then, g);
}

static struct scene *opened(const struct route *routes)
{
    struct news_error err = {0};
    struct scene *s = scene = calloc(1, sizeof *s);
    assert_non_null(s);
    s->routes = routes;
    s->server = http_server_new(answer, s);
    s->fetch = fetch_new("newspub/0 (+https://example.org)", on_done, &err);
    s->set = poll_set_new(&err);
    assert_true(s->server && s->fetch && s->set);
    return s;
}

static void closed(struct scene *s)
{
    fetch_free(s->fetch);
    http_server_free(s->server);
    poll_set_free(s->set);
    buf_deinit(&s->heads);
    free(s);
}

static void poll_once(struct scene *s, int64_t deadline)
{
    struct news_error err = {0};
    poll_set_clear(s->set);
    http_server_poll(s->server, s->set);
    fetch_poll(s->fetch, s->set);
    poll_set_deadline(s->set, deadline);
    if (!poll_set_wait(s->set, &err)) fail_msg("%s", err.message);
}

static void turn(struct scene *s, int64_t deadline)
{
    poll_once(s, deadline);
    if (date_mono_ms() >= deadline) fail_msg("nothing came of it in time");
}

static void ask(struct scene *s, struct fetch_request r)
{
    struct news_error err = {0};
    if (!r.etag) r.etag = "";
    if (!r.modified) r.modified = "";
    if (!fetch_start(s->fetch, &r, &err)) fail_msg("%s: %s", r.url, err.message);
}

static void start(struct scene *s, const char *url, struct got *got)
{
    ask(s, (struct fetch_request){.url = url, .user = got});
}

static void await(struct scene *s, size_t answers)
{
    int64_t deadline = date_mono_ms() + WAIT_MS;
    while (s->answers < answers)
        turn(s, deadline);
    s->answers = 0;
}

/* The answer to one request for a target of the server. */
static struct got fetched(struct scene *s, const char *target)
{
    struct got got = {0};
    char url[300];
    http_server_url(s->server, NULL, target, url, sizeof url);
    start(s, url, &got);
    await(s, 1);
    assert_int_equal(got.calls, 1);
    assert_int_equal(fetch_running(s->fetch), 0);
    return got;
}

static void assert_url(const struct scene *s, const char *url, const char *target)
{
    char whole[300];
    http_server_url(s->server, NULL, target, whole, sizeof whole);
    assert_string_equal(url, whole);
}

static size_t times(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *at = text; at && (at = strcasestr(at, what)); at++)
        n++;
    return n;
}

/* A limit that a test need not wait for. */
static void hurry(struct scene *s, struct fetch_limits limits)
{
    if (!limits.connect_ms) limits.connect_ms = 5000;
    if (!limits.total_ms) limits.total_ms = 10000;
    if (!limits.stall_s) limits.stall_s = 10;
    if (!limits.bytes) limits.bytes = FEED_BYTES_MAX;
    fetch_limit(s->fetch, &limits);
}

/* --------------------------------------------------------------------------- What is asked for */

static void a_document_comes_with_what_its_header_says(void **state)
{
    (void)state;
    static const struct route routes[] = {
        {"/feed", "200 OK",
         "ETag: W/\"a, b\"\r\nLast-Modified: Mon, 23 Nov 2026 14:02:07 GMT\r\n"
         "Content-Type: application/rss+xml; Charset=\"KOI8-R\"\r\n"
         "Cache-Control: public, max-age=600\r\nAge: 100\r\nSet-Cookie: who=you\r\n",
         "<rss/>"},
        {0}};
    struct scene *s = opened(routes);
    for (int i = 0; i < 2; i++) {
        struct got got = fetched(s, "/feed");
        assert_int_equal(got.status, 200);
        assert_string_equal(got.body.data, "<rss/>");
        assert_string_equal(got.etag, "W/\"a, b\"");
        assert_string_equal(got.modified, "Mon, 23 Nov 2026 14:02:07 GMT");
        assert_string_equal(got.charset, "KOI8-R");
        assert_int_equal(got.max_age_s, 500);
        assert_int_equal(got.retry_after_s, -1);
        assert_url(s, got.final_url, "/feed");
        assert_string_equal(got.moved_to, "");
        buf_deinit(&got.body);
    }
    assert_int_equal(times(s->heads.data, "GET /feed"), 2);
    assert_int_equal(times(s->heads.data, "User-Agent: newspub/0 (+https://example.org)\r\n"), 2);
    assert_int_equal(times(s->heads.data, "gzip"), 2);
    static const char *const never[] = {"Cookie:", "Referer:", "If-None-Match", "If-Modified"};
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        assert_int_equal(times(s->heads.data, never[i]), 0);
    closed(s);
}

static void header_lines_are_read_with_care(void **state)
{
    (void)state;
    static const struct {
        const char *line, *etag, *charset;
        int64_t max_age_s, retry_after_s;
    } rows[] = {
        {"ETag: \"x\"\r\n", "\"x\"", "", -1, -1},
        {"etag:unquoted \t\r\n", "unquoted", "", -1, -1},
        {"ETag: \"a\x01\"\r\n", "", "", -1, -1},
        {"ETag\r\n", "", "", -1, -1},
        {"X-ETag: \"x\"\r\n", "", "", -1, -1},
        {"Content-Type: text/xml\r\n", "", "", -1, -1},
        {"Content-Type: text/xml;charset=utf-8;x=y\r\n", "", "utf-8", -1, -1},
        {"Content-Type: text/xml; charset = 'utf-8'\r\n", "", "utf-8", -1, -1},
        {"Content-Type: ;;;charset=;=\r\n", "", "", -1, -1},
        {"Cache-Control: MAX-AGE=\"60\"\r\n", "", "", 60, -1},
        {"Cache-Control: s-maxage=60, x\r\n", "", "", -1, -1},
        {"Cache-Control: max-age=60, no-cache\r\n", "", "", -1, -1},
        {"Cache-Control: max-age=-60\r\n", "", "", -1, -1},
        {"Cache-Control: max-age=99999999999999999999999\r\n", "", "", INT64_C(1) << 40, -1},
        {"Retry-After: 120\r\n", "", "", -1, 120},
        {"Retry-After: Mon, 23 Nov 2026 14:02:07 GMT\r\n", "", "", -1, 127},
        {"Retry-After: Mon, 23 Nov 2020 14:02:07 GMT\r\n", "", "", -1, 0},
        {"Retry-After: soon\r\n", "", "", -1, -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct http_head h;
        http_head_init(&h);
        http_head_line(&h, rows[i].line, strlen(rows[i].line), INT64_C(1795442400000));
        assert_string_equal(h.etag, rows[i].etag);
        assert_string_equal(h.charset, rows[i].charset);
        assert_int_equal(http_head_fresh_s(&h), rows[i].max_age_s);
        assert_int_equal(h.retry_after_s, rows[i].retry_after_s);
    }
}

static void what_is_too_long_counts_as_not_given(void **state)
{
    (void)state;
    struct http_head h;
    char line[2000];
    for (int len = 500; len < 1900; len += 100) {
        http_head_init(&h);
        (void)snprintf(line, sizeof line, "ETag: \"%0*d\"\r\n", len, 7);
        http_head_line(&h, line, strlen(line), 0);
        assert_int_equal(strlen(h.etag), len == 500 ? 502 : 0);
    }
}

static void validators_go_out_as_they_came_in(void **state)
{
    (void)state;
    static const struct route routes[] = {
        {"/feed", "304 Not Modified", "ETag: \"new\"\r\nCache-Control: max-age=60\r\n", ""}, {0}};
    static const char *const etags[] = {"\"quoted\"", "W/\"weak\"", "bare", "\"a\"-gzip"};
    for (size_t i = 0; i < sizeof etags / sizeof *etags; i++) {
        struct scene *s = opened(routes);
        struct got got = {0};
        char url[300], line[300];
        http_server_url(s->server, NULL, "/feed", url, sizeof url);
        ask(s, (struct fetch_request){.url = url,
                                      .etag = etags[i],
                                      .modified = "Mon, 23 Nov 2026 14:02:07 GMT",
                                      .user = &got});
        await(s, 1);
        assert_int_equal(got.status, 304);
        assert_int_equal(got.body.len, 0);
        assert_string_equal(got.etag, "\"new\"");
        assert_int_equal(got.max_age_s, 60);
        (void)snprintf(line, sizeof line, "If-None-Match: %s\r\n", etags[i]);
        assert_int_equal(times(s->heads.data, line), 1);
        assert_int_equal(
            times(s->heads.data, "If-Modified-Since: Mon, 23 Nov 2026 14:02:07 GMT\r\n"), 1);
        closed(s);
    }
}

static void a_user_name_goes_to_the_server_and_into_no_message(void **state)
{
    (void)state;
    static const struct route routes[] = {{"/feed", "200 OK", "", "x"}, {0}};
    struct scene *s = opened(routes);
    struct got got = {0};
    char url[300], public_url[300], with_user[400];
    http_server_url(s->server, NULL, "/feed", url, sizeof url);
    (void)snprintf(with_user, sizeof with_user, "http://me:s3cret@%s", url + strlen("http://"));
    start(s, with_user, &got);
    await(s, 1);
    assert_int_equal(times(s->heads.data, "Authorization: Basic bWU6czNjcmV0\r\n"), 1);
    buf_deinit(&got.body);
    fetch_public_url(with_user, public_url, sizeof public_url);
    assert_string_equal(public_url, url);
    static const char *const rows[][2] = {
        {"https://example.org/a@b", "https://example.org/a@b"},
        {"https://a@b@example.org?c@d", "https://example.org?c@d"},
        {"a:b@example.org/c", "example.org/c"},
        {"/a/path", "/a/path"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fetch_public_url(rows[i][0], public_url, sizeof public_url);
        assert_string_equal(public_url, rows[i][1]);
    }
    closed(s);
}

static void only_http_and_https_are_asked_for(void **state)
{
    (void)state;
    struct scene *s = opened(NULL);
    static const char *const urls[] = {
        "file:///etc/passwd", "gopher://127.0.0.1/", "ftp://a/b", "feed.xml", "", "http://",
        "http://a b/"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct news_error err = {0};
        struct fetch_request r = {.url = urls[i], .etag = "", .modified = ""};
        assert_false(fetch_start(s->fetch, &r, &err));
        assert_int_equal(err.code, NEWS_ERR_CONFIG);
    }
    assert_int_equal(fetch_running(s->fetch), 0);
    closed(s);
}

/* ---------------------------------------------------------------------------------- Redirects */

static void only_a_chain_of_permanent_redirects_moves_a_feed(void **state)
{
    (void)state;
    static const struct {
        const char *chain; /* first digits stand for statuses */
        bool moved;
    } rows[] = {{"301", true},     {"308", true},      {"302", false},    {"303", false},
                {"307", false},    {"301308", true},   {"301302", false}, {"302301", false},
                {"308307", false}, {"301301301", true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct route routes[5] = {0};
        char targets[5][32], status[4][40], fields[4][80];
        size_t hops = strlen(rows[i].chain) / 3;
        for (size_t h = 0; h <= hops; h++)
            (void)snprintf(targets[h], sizeof targets[h], "/hop%zu", h);
        for (size_t h = 0; h < hops; h++) {
            (void)snprintf(status[h], sizeof status[h], "%.3s Elsewhere", rows[i].chain + 3 * h);
            (void)snprintf(fields[h], sizeof fields[h], "Location: %s\r\nETag: \"no\"\r\n",
                           targets[h + 1] + (h % 2)); /* "/hop1", "hop2": relative either way */
            routes[h] = (struct route){targets[h], status[h], fields[h], "gone on"};
        }
        routes[hops] = (struct route){targets[hops], "200 OK", "", "arrived"};
        struct scene *s = opened(routes);
        struct got got = fetched(s, "/hop0");
        assert_int_equal(got.status, 200);
        assert_string_equal(got.body.data, "arrived");
        assert_string_equal(got.etag, ""); /* of the last answer alone */
        assert_url(s, got.final_url, targets[hops]);
        if (rows[i].moved) assert_url(s, got.moved_to, targets[hops]);
        else assert_string_equal(got.moved_to, "");
        assert_int_equal(times(s->heads.data, "Referer"), 0);
        buf_deinit(&got.body);
        closed(s);
    }
}

static void validators_go_to_the_url_that_gave_them_and_to_no_other(void **state)
{
    (void)state;
    static const struct route routes[] = {{"/old", "302 Found", "Location: /between\r\n", ""},
                                          {"/between", "302 Found", "Location: /new\r\n", ""},
                                          {"/new", "200 OK", "", "x"},
                                          {0}};
    static const char *const owners[] = {"/old", "/between", "/new", "/elsewhere"};
    for (size_t i = 0; i < sizeof owners / sizeof *owners; i++) {
        struct scene *s = opened(routes);
        struct got got = {0};
        char url[300], owner[300], first[300];
        http_server_url(s->server, NULL, "/old", url, sizeof url);
        http_server_url(s->server, NULL, owners[i], owner, sizeof owner);
        ask(s, (struct fetch_request){.url = url,
                                      .etag = "\"e\"",
                                      .modified = "Mon, 23 Nov 2026 14:02:07 GMT",
                                      .validators_url = owner,
                                      .user = &got});
        await(s, 1);
        assert_int_equal(got.status, 200);
        size_t sent = i < 3 ? 1 : 0;
        assert_int_equal(times(s->heads.data, "If-None-Match"), sent);
        assert_int_equal(times(s->heads.data, "If-Modified-Since"), sent);
        (void)snprintf(first, sizeof first, "GET %s HTTP", owners[i]);
        const char *mine = strstr(s->heads.data, first);
        if (sent) {
            assert_non_null(mine);
            assert_true(strstr(mine, "If-None-Match") < strstr(mine, "\r\n\r\n"));
        }
        buf_deinit(&got.body);
        closed(s);
    }
}

static unsigned countdown; /* of redirects to come */

static void go_on_redirecting(const struct http_request *q, struct http_reply *reply)
{
    (void)q;
    if (countdown == 0) {
        http_answer(reply, "200 OK", "", "x", 1);
        return;
    }
    countdown--;
    http_answer(reply, "301 Moved", "Location: /again\r\n", "", 0);
}

static void ten_redirects_are_followed_and_no_more(void **state)
{
    (void)state;
    struct scene *s = opened(NULL);
    s->script = go_on_redirecting;
    countdown = 10;
    struct got got = fetched(s, "/again");
    assert_int_equal(got.status, 200);
    buf_deinit(&got.body);
    countdown = 1000000; /* to itself, for ever */
    got = fetched(s, "/again");
    assert_int_equal(got.status, 0);
    assert_int_equal(got.err.code, NEWS_ERR_DATA);
    assert_string_equal(got.err.message, "more than 10 redirects");
    assert_int_equal(http_server_requests(s->server), 11 + 11);
    closed(s);
}

static void redirects_lead_to_http_alone(void **state)
{
    (void)state;
    static const char *const locations[] = {"file:///etc/passwd", "gopher://127.0.0.1:1/",
                                            "ftp://127.0.0.1/",   "dict://127.0.0.1/d:x",
                                            "nonsense://x",       "http://"};
    for (size_t i = 0; i < sizeof locations / sizeof *locations; i++) {
        char fields[100];
        (void)snprintf(fields, sizeof fields, "Location: %s\r\n", locations[i]);
        const struct route routes[] = {{"/", "302 Found", fields, "x"}, {0}};
        struct scene *s = opened(routes);
        struct got got = fetched(s, "/");
        assert_int_equal(got.status, 0);
        assert_int_equal(got.err.code, NEWS_ERR_DATA);
        assert_string_equal(got.moved_to, "");
        assert_int_equal(got.body.len, 0);
        closed(s);
    }
}

static void a_redirect_to_nowhere_is_an_answer(void **state)
{
    (void)state;
    static const struct route routes[] = {{"/", "301 Moved", "", "x"}, {0}};
    struct scene *s = opened(routes);
    struct got got = fetched(s, "/");
    assert_int_equal(got.status, 301);
    assert_string_equal(got.moved_to, "");
    closed(s);
}

/* ------------------------------------------------------------------------------ Other answers */

static void other_answers_give_their_status_and_no_body(void **state)
{
    (void)state;
    static const struct {
        const char *status, *fields;
        int number;
        int64_t retry_after_s;
    } rows[] = {
        {"404 Not Found", "", 404, -1},
        {"403 Forbidden", "", 403, -1},
        {"410 Gone", "", 410, -1},
        {"429 Too Many Requests", "Retry-After: 120\r\n", 429, 120},
        {"503 Busy", "Retry-After: 0\r\n", 503, 0},
        {"503 Busy", "Retry-After: Thu, 01 Jan 1970 00:00:00 GMT\r\n", 503, 0},
        {"500 Oops", "", 500, -1},
        {"206 Partial Content", "", 206, -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct route routes[] = {{"/", rows[i].status, rows[i].fields, "<rss/>"}, {0}};
        struct scene *s = opened(routes);
        struct got got = fetched(s, "/");
        assert_int_equal(got.status, rows[i].number);
        assert_int_equal(got.retry_after_s, rows[i].retry_after_s);
        assert_int_equal(got.body.len, 0);
        closed(s);
    }
}

static void retry_after_may_be_a_date(void **state)
{
    (void)state;
    char fields[100], date[64];
    time_t then = time(NULL) + 3600;
    (void)strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime(&then));
    (void)snprintf(fields, sizeof fields, "Retry-After: %s\r\n", date);
    const struct route routes[] = {{"/", "503 Busy", fields, ""}, {0}};
    struct scene *s = opened(routes);
    struct got got = fetched(s, "/");
    assert_in_range(got.retry_after_s, 3500, 3600);
    closed(s);
}

static void give_gzip(const struct http_request *q, struct http_reply *reply)
{
    (void)q;
    static const char packed[] =
        "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xb3\x29\x2a\x2e\x56\x28\x4b\x2d\x2a\xce"
        "\xcc\xcf\xb3\x55\x32\xd2\x33\x50\xb2\xb3\x49\xce\x48\xcc\xcb\x4b\xcd\xb1\xb3\x29"
        "\xc9\x2c\xc9\x49\xb5\x2b\x48\x4c\xce\x4e\x4d\xb1\xd1\x87\xf0\x6c\xf4\xe1\xd2\xfa"
        "\x40\xbd\x76\x00\x7d\x4d\x08\xf5\x41\x00\x00\x00";
    http_answer(reply, "200 OK", "Content-Encoding: gzip\r\n", packed, sizeof packed - 1);
}

static void a_packed_document_is_unpacked(void **state)
{
    (void)state;
    struct scene *s = opened(NULL);
    s->script = give_gzip;
    struct got got = fetched(s, "/");
    assert_int_equal(got.status, 200);
    assert_string_equal(got.body.data,
                        "<rss version=\"2.0\"><channel><title>packed</title></channel></rss>");
    buf_deinit(&got.body);
    closed(s);
}

/* Deflate with fixed codes: after a literal 0, each 13 bits (11000101, a length of 258, and 00000,
 * a distance of 1) repeat it 258 times; the pattern closes after 13 bytes. */
static void give_bomb(const struct http_request *q, struct http_reply *reply)
{
    (void)q;
    static char pattern[13 * 1000];
    static const char magic[] = "\x1f\x8b\x08\0\0\0\0\0\0\3";
    const unsigned match = 0x0a3; /* 1100010100000, first bit lowest */
    unsigned char start[3] = {0};
    unsigned bits = 2u | 0x0cu << 3 | match << 11; /* block of fixed codes; literal 00110000 */
    for (size_t i = 0; i < sizeof start; i++)
        start[i] = (unsigned char)(bits >> 8 * i);
    for (size_t bit = 0; bit < sizeof pattern * 8; bit++) {
        if (match >> (bit % 13) & 1) pattern[bit / 8] = (char)(pattern[bit / 8] | 1 << (bit % 8));
    }
    buf_puts(&reply->bytes, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n");
    buf_put(&reply->bytes, magic, 10);
    buf_put(&reply->bytes, start, sizeof start);
    reply->forever = pattern;
    reply->forever_len = sizeof pattern;
}

static void go_on_for_ever(const struct http_request *q, struct http_reply *reply)
{
    static char zeros[65536];
    static const char line[] = "X-More: and more and more and more and more and more\r\n";
    bool head = strcmp(q->target, "/head") == 0;
    const char *status = strcmp(q->target, "/error") == 0 ? "500 Oops" : "200 OK";
    buf_printf(&reply->bytes, "HTTP/1.1 %s\r\n%s", status, head ? "" : "\r\n");
    reply->forever = head ? line : zeros;
    reply->forever_len = head ? sizeof line - 1 : sizeof zeros;
}

static void what_has_no_end_is_cut_off(void **state)
{
    (void)state;
    struct scene *s = opened(NULL);
    s->script = give_bomb;
    struct got got = fetched(s, "/");
    assert_int_equal(got.status, 0);
    assert_int_equal(got.err.code, NEWS_ERR_TOO_LARGE);
    assert_string_equal(got.err.message, "a feed of more than 64 MiB");
    buf_deinit(&got.body);

    s->script = go_on_for_ever;
    got = fetched(s, "/body");
    assert_int_equal(got.err.code, NEWS_ERR_TOO_LARGE);
    buf_deinit(&got.body);
    got = fetched(s, "/head");
    assert_int_equal(got.status, 0);
    assert_int_equal(got.err.code, NEWS_ERR_TOO_LARGE);
    got = fetched(s, "/error"); /* its status is known all the same */
    assert_int_equal(got.status, 500);
    assert_int_equal(got.body.len, 0);
    closed(s);
}

static void a_document_may_be_as_large_as_the_limit(void **state)
{
    (void)state;
    static const struct route routes[] = {
        {"/5", "200 OK", "", "12345"}, {"/6", "200 OK", "", "123456"}, {0}};
    struct scene *s = opened(routes);
    hurry(s, (struct fetch_limits){.bytes = 5});
    struct got got = fetched(s, "/5");
    assert_int_equal(got.status, 200);
    buf_deinit(&got.body);
    got = fetched(s, "/6");
    assert_int_equal(got.err.code, NEWS_ERR_TOO_LARGE);
    buf_deinit(&got.body);
    closed(s);
}

static void break_off(const struct http_request *q, struct http_reply *reply)
{
    bool error = strcmp(q->target, "/404") == 0;
    if (strcmp(q->target, "/nothing") != 0)
        buf_printf(&reply->bytes, "HTTP/1.1 %s\r\nContent-Length: 1000\r\n\r\nonly this",
                   error ? "404 Not Found" : "200 OK");
    reply->close = true;
}

static void half_a_document_is_none(void **state)
{
    (void)state;
    struct scene *s = opened(NULL);
    s->script = break_off;
    struct got got = fetched(s, "/200");
    assert_int_equal(got.status, 0);
    assert_int_equal(got.err.code, NEWS_ERR_UNREACHABLE);
    buf_deinit(&got.body);
    got = fetched(s, "/404");
    assert_int_equal(got.status, 404);
    got = fetched(s, "/nothing");
    assert_int_equal(got.status, 0);
    assert_int_equal(got.err.code, NEWS_ERR_UNREACHABLE);
    closed(s);
}

static void fall_silent(const struct http_request *q, struct http_reply *reply)
{
    if (strcmp(q->target, "/after-head") == 0)
        buf_puts(&reply->bytes, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
    reply->hang = true;
}

static void silence_ends_at_a_deadline(void **state)
{
    (void)state;
    static const struct fetch_limits limits[] = {{.total_ms = 100}, {.stall_s = 1}};
    for (size_t i = 0; i < 2; i++) {
        struct scene *s = opened(NULL);
        s->script = fall_silent;
        hurry(s, limits[i]);
        int64_t before = date_mono_ms();
        struct got got = fetched(s, i ? "/at-once" : "/after-head");
        assert_int_equal(got.status, 0);
        assert_int_equal(got.err.code, NEWS_ERR_UNREACHABLE);
        assert_string_equal(got.err.message, "Timeout was reached"); /* the same each time */
        assert_true(date_mono_ms() - before < 8000);
        closed(s);
    }
}

static void lead_into_silence(const struct http_request *q, struct http_reply *reply)
{
    if (strcmp(q->target, "/") == 0)
        http_answer(reply, "302 Found", "Location: /silence\r\n", "", 0);
    else reply->hang = true;
}

static void the_deadline_is_one_for_all_redirects(void **state)
{
    (void)state;
    struct scene *s = opened(NULL);
    struct got got = {0};
    char url[300];
    s->script = lead_into_silence;
    hurry(s, (struct fetch_limits){.total_ms = 3000});
    http_server_url(s->server, NULL, "/", url, sizeof url);
    int64_t before = date_mono_ms();
    start(s, url, &got);
    http_server_hold(s->server, true);
    while (date_mono_ms() < before + 2700) /* most of it goes by before the redirect */
        poll_once(s, before + 2700);
    http_server_hold(s->server, false);
    await(s, 1);
    assert_string_equal(got.err.message, "Timeout was reached");
    assert_true(date_mono_ms() - before < 2700 + 2500); /* not 3000 more */
    closed(s);
}

static void nobody_there_is_an_answer_as_well(void **state)
{
    (void)state;
    struct scene *s = opened(NULL);
    struct got got = {0};
    char url[300];
    struct http_server *other = http_server_new(answer, s);
    http_server_url(other, NULL, "/", url, sizeof url);
    http_server_free(other); /* nobody listens on its port now */
    start(s, url, &got);
    await(s, 1);
    assert_int_equal(got.status, 0);
    assert_int_equal(got.err.code, NEWS_ERR_UNREACHABLE);
    assert_true(*got.err.message);
    closed(s);
}

/* -------------------------------------------------------------------------------------- Crowds */

enum { CROWD = 200 };

static void a_crowd_of_hosts_is_asked_side_by_side(void **state)
{
    (void)state;
    static const struct route routes[] = {{"/feed", "200 OK", "", "here"}, {0}};
    static struct got got[CROWD];
    struct scene *s = opened(routes);
    memset(got, 0, sizeof got);
    for (size_t i = 0; i < CROWD; i++) {
        char host[32], url[300];
        (void)snprintf(host, sizeof host, "h%zu.localhost", i);
        http_server_url(s->server, host, "/feed", url, sizeof url);
        start(s, url, &got[i]);
    }
    assert_int_equal(fetch_running(s->fetch), CROWD);
    http_server_hold(s->server, true);
    int64_t deadline = date_mono_ms() + WAIT_MS;
    while (http_server_requests(s->server) < FETCH_PARALLEL)
        turn(s, deadline);
    http_server_hold(s->server, false);
    await(s, CROWD);
    for (size_t i = 0; i < CROWD; i++) {
        assert_int_equal(got[i].calls, 1);
        assert_int_equal(got[i].status, 200);
        assert_string_equal(got[i].body.data, "here");
        buf_deinit(&got[i].body);
    }
    assert_int_equal(http_server_requests(s->server), CROWD);
    assert_in_range(http_server_open_most(s->server), 2, FETCH_PARALLEL);
    closed(s);
}

static void one_host_is_asked_twice_at_a_time_and_waiting_costs_no_deadline(void **state)
{
    (void)state;
    static const struct route routes[] = {{"/feed", "200 OK", "", "here"}, {0}};
    static struct got got[CROWD];
    struct scene *s = opened(routes);
    memset(got, 0, sizeof got);
    char url[300];
    http_server_url(s->server, NULL, "/feed", url, sizeof url);
    hurry(s, (struct fetch_limits){.total_ms = 2000});
    for (size_t i = 0; i < CROWD; i++)
        start(s, url, &got[i]);
    http_server_hold(s->server, true);
    int64_t deadline = date_mono_ms() + WAIT_MS;
    while (s->answers < 2) /* the first two run into their deadline */
        turn(s, deadline);
    http_server_hold(s->server, false);
    await(s, CROWD);
    assert_int_equal(http_server_open_most(s->server), FETCH_PER_HOST);
    size_t good = 0;
    for (size_t i = 0; i < CROWD; i++) {
        assert_int_equal(got[i].calls, 1);
        good += got[i].status == 200;
        buf_deinit(&got[i].body);
    }
    assert_int_equal(good, CROWD - 2);
    closed(s);
}

static void what_is_cancelled_is_never_heard_of_again(void **state)
{
    (void)state;
    static const struct route routes[] = {{"/feed", "200 OK", "", "here"}, {0}};
    struct scene *s = opened(routes);
    struct got got[5] = {0};
    char url[300];
    http_server_url(s->server, NULL, "/feed", url, sizeof url);
    for (size_t i = 0; i < 5; i++) /* two run, three wait */
        start(s, url, &got[i]);
    http_server_hold(s->server, true);
    int64_t deadline = date_mono_ms() + WAIT_MS;
    while (http_server_requests(s->server) < 2)
        turn(s, deadline);
    fetch_cancel(s->fetch, &got[0]);
    fetch_cancel(s->fetch, &got[1]);
    fetch_cancel(s->fetch, &got[4]);
    fetch_cancel(s->fetch, s); /* unknown */
    assert_int_equal(fetch_running(s->fetch), 2);
    http_server_hold(s->server, false);
    await(s, 2);
    static const size_t calls[] = {0, 0, 1, 1, 0};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(got[i].calls, calls[i]);
        buf_deinit(&got[i].body);
    }
    start(s, url, &got[0]); /* and is dropped with the rest */
    turn(s, deadline);
    closed(s);
}

static void an_answer_may_start_the_next_fetch(void **state)
{
    (void)state;
    static const struct route routes[] = {{"/first", "200 OK", "", "1"}, {0}};
    struct scene *s = opened(routes);
    struct got got = {0};
    char first[300], second[300];
    http_server_url(s->server, NULL, "/first", first, sizeof first);
    http_server_url(s->server, NULL, "/second", second, sizeof second);
    s->then = second;
    start(s, first, &got);
    await(s, 2);
    assert_int_equal(got.calls, 2);
    assert_int_equal(got.status, 404);
    buf_deinit(&got.body);
    closed(s);
}

int main(void)
{
    /* A proxy of the environment is nothing to these tests. */
    (void)setenv("no_proxy", "*", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_comes_with_what_its_header_says),
        cmocka_unit_test(header_lines_are_read_with_care),
        cmocka_unit_test(what_is_too_long_counts_as_not_given),
        cmocka_unit_test(validators_go_out_as_they_came_in),
        cmocka_unit_test(a_user_name_goes_to_the_server_and_into_no_message),
        cmocka_unit_test(only_http_and_https_are_asked_for),
        cmocka_unit_test(only_a_chain_of_permanent_redirects_moves_a_feed),
        cmocka_unit_test(validators_go_to_the_url_that_gave_them_and_to_no_other),
        cmocka_unit_test(ten_redirects_are_followed_and_no_more),
        cmocka_unit_test(redirects_lead_to_http_alone),
        cmocka_unit_test(a_redirect_to_nowhere_is_an_answer),
        cmocka_unit_test(other_answers_give_their_status_and_no_body),
        cmocka_unit_test(retry_after_may_be_a_date),
        cmocka_unit_test(a_packed_document_is_unpacked),
        cmocka_unit_test(what_has_no_end_is_cut_off),
        cmocka_unit_test(a_document_may_be_as_large_as_the_limit),
        cmocka_unit_test(half_a_document_is_none),
        cmocka_unit_test(silence_ends_at_a_deadline),
        cmocka_unit_test(the_deadline_is_one_for_all_redirects),
        cmocka_unit_test(nobody_there_is_an_answer_as_well),
        cmocka_unit_test(a_crowd_of_hosts_is_asked_side_by_side),
        cmocka_unit_test(one_host_is_asked_twice_at_a_time_and_waiting_costs_no_deadline),
        cmocka_unit_test(what_is_cancelled_is_never_heard_of_again),
        cmocka_unit_test(an_answer_may_start_the_next_fetch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
