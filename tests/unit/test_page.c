#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/date.h"
#include "common/text.h"
#include "subscriber/page.h"
#include "subscriber/page_text.h"
#include "tests/support/vt.h"
#include "tests/support/wait.h"
#include "tests/unit/stage.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NOW_MS       INT64_C(1795442527000) /* 2026-11-23T14:02:07Z */
#define DOT          " \xc2\xb7 "
#define BEIJING      "\xe5\x8c\x97\xe4\xba\xac"

static const char topic[] = "news/harbour/world/en/3/sport/sailing";

/* ------------------------------------------------------------------------------------ Helpers */

static int set_up(void **state)
{
    *state = page_new();
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    page_free(*state);
    return 0;
}

static void add(struct page *p, const char *text)
{
    page_add(p, THEME_TEXT, 0, NULL, text, strlen(text));
}

static bool add_link(struct page *p, const char *url)
{
    return page_add_link(p, url, strlen(url));
}

static struct arrival arrival_of(const char *item, struct ninjs *n)
{
    struct ninjs_fault fault;
    struct arrival a = {.topic = topic, .item = n, .received_ms = NOW_MS};
    if (!ninjs_check(item, strlen(item), n, &fault)) {
        (void)fprintf(stderr, "%s: %s: %s\n", item, fault.path, fault.what);
        abort();
    }
    (void)topic_split(TOPIC_ROOT, topic, &a.levels);
    return a;
}

static void make_item(struct page *p, const char *item)
{
    struct ninjs n;
    struct arrival a = arrival_of(item, &n);
    const struct history_row row = {.arrival = &a, .bytes = item, .len = strlen(item)};
    page_of_item(p, &(struct page_item){.row = &row, .now_ms = NOW_MS});
}

/* ------------------------------------------------------- Scenes: what is drawn in the terminal */

static void scene_wrapped(struct page *p)
{
    page_add(p, THEME_HEADLINE, 0, NULL, "Storm closes every port", 23);
    page_blank(p);
    page_blank(p);
    page_add(p, THEME_TEXT, 2, "Where", "from Brest to Rotterdam", 23);
    add(p, BEIJING BEIJING BEIJING BEIJING BEIJING BEIJING);
    add(p, "one\n\ntwo");
    (void)add_link(p, "https://a.example/1");
}

static void scene_marked(struct page *p)
{
    page_mark(p, " budget \xe4\xba\xac afp ");
    add(p, "(BUDGET), b\xc3\xbc"
           "dget budgets");
    add(p, "AFP" BEIJING "x");
}

#define STORY                                                                                      \
    "\"headlines\":[{\"value\":\"Storm closes every port\"}],\"located\":\"BREST\",\"by\":"        \
    "\"Anna Lind\",\"language\":\"en\",\"urgency\":1,\"versionCreated\":\"2026-11-23T09:05:00Z\"," \
    "\"infoSources\":[{\"name\":\"Harbour Wire\"}],\"altIds\":[{\"role\":\"newswire\",\"value\":"  \
    "\"harbour:0123456789abcdef:157\"}]"

static void scene_story(struct page *p)
{
    static const char item[] =
        "{\"uri\":\"u:1\"," STORY ",\"version\":\"2\",\"edNote\":\"CORRECTS the port\","
        "\"descriptions\":[{\"value\":\"First par\"}],"
        "\"bodies\":[{\"contentType\":\"text/plain\",\"value\":\"First paragraph.\\n\\nSee "
        "https://b.example/x(1), https://a.example/1.\"}],\"renditions\":[{\"name\":"
        "\"enclosure\",\"href\":\"https://c.example/s.mp3\"},{\"name\":\"web\",\"href\":"
        "\"https://a.example/1\"},{\"name\":\"enclosure\",\"href\":\"javascript:1\"}]}";
    static const char same[] =
        "{\"uri\":\"u:2\",\"infoSources\":[{\"name\":\"AFP\"}],\"headlines\":"
        "[{\"value\":\"Storm closes every port\"}]}";
    static const char other[] = "{\"uri\":\"u:3\",\"infoSources\":[{\"name\":\"dpa\"}],"
                                "\"headlines\":[{\"value\":\"Ports closed\"}]}";
    struct ninjs nodes[3];
    const struct arrival a = arrival_of(item, &nodes[0]), b = arrival_of(same, &nodes[1]),
                         c = arrival_of(other, &nodes[2]);
    const struct gap gap = {.topic = topic, .first = 7, .last = 11};
    const struct history_row row = {.arrival = &a, .bytes = item, .len = strlen(item)};
    page_of_item(p, &(struct page_item){.row = &row,
                                        .also = (const struct arrival *const[]){&b, &c},
                                        .also_count = 2,
                                        .gaps = (const struct gap *const[]){&gap},
                                        .gap_count = 1,
                                        .now_ms = NOW_MS});
}

static void scene_killed(struct page *p)
{
    make_item(p,
              "{\"uri\":\"u:1\"," STORY ",\"pubStatus\":\"canceled\",\"version\":\"3\",\"edNote\":"
              "\"It was a tug\",\"bodies\":[{\"value\":\"SECRET https://s.example/\"}]}");
}

static void scene_embargoed(struct page *p)
{
    make_item(p,
              "{\"uri\":\"u:1\"," STORY ",\"embargoedUntil\":\"2026-11-24T08:00:00Z\",\"edNote\":"
              "\"not for readers\",\"bodies\":[{\"value\":\"SECRET\"}]}");
}

static void scene_html(struct page *p)
{
    make_item(p, "{\"uri\":\"u:1\"," STORY ",\"bodies\":[{\"contentType\":\"text/html\",\"value\":"
                 "\"<p>One &amp; <b>two</b></p><script>evil()</script><ul><li>three\"}]}");
}

static void scene_hostile(struct page *p)
{
#define HOSTILE "\\u001b[2J\\u001b]0;x\\u0007\\r\\b\\u009b1m\\u202e\\u2066\\u2028\\u200b\\ue000x"
    make_item(p, "{\"uri\":\"" HOSTILE "\",\"by\":\"" HOSTILE "\",\"located\":\"" HOSTILE
                 "\",\"edNote\":\"KILL " HOSTILE "\",\"version\":\"" HOSTILE "\",\"headlines\":["
                 "{\"value\":\"" HOSTILE "\"}],\"bodies\":[{\"value\":\"" HOSTILE
                 "\"}],\"renditions\":[{\"name\":\"web\",\"href\":\"https://a.example/" HOSTILE
                 "\"}],\"infoSources\":[{\"name\":\"" HOSTILE "\"}]}");
    add(p, "the end");
}

static void scene_source(struct page *p)
{
    static const char item[] = "{\"uri\":\"u:\\u001b1\",\"headlines\":[{\"value\":\"a, b\"}],"
                               "\"subjects\":[ ],\"urgency\":3}";
    struct ninjs n;
    struct arrival a = arrival_of(item, &n);
    page_of_source(p, &(struct history_row){.arrival = &a, .bytes = item, .len = strlen(item)});
}

static void scene_help(struct page *p)
{
    struct news_error err = {0};
    struct keys *k = keys_new((const char *const[]){"f7 random-unread"}, 1, &err);
    if (!k) abort();
    page_of_help(p, k);
    keys_free(k);
}

static void scene_no_gaps(struct page *p)
{
    struct gaps *g = gaps_new(NULL);
    if (!g) abort();
    page_of_gaps(p, g);
    gaps_free(g);
}

static const struct scene {
    const char *name;
    void (*make)(struct page *p);
    int columns, rows, top;
} scenes[] = {
    {"wrapped", scene_wrapped, 20, 20, 0}, {"scrolled", scene_wrapped, 20, 3, 2},
    {"marked", scene_marked, 40, 4, 0},    {"story", scene_story, 80, 24, 0},
    {"killed", scene_killed, 80, 24, 0},   {"embargoed", scene_embargoed, 80, 24, 0},
    {"html", scene_html, 80, 24, 0},       {"hostile", scene_hostile, 80, 24, 0},
    {"source", scene_source, 80, 24, 0},   {"help", scene_help, 80, 200, 0},
    {"gaps", scene_no_gaps, 80, 24, 0},
};

static const struct scene *scene_find(const char *name)
{
    for (size_t i = 0; i < COUNT(scenes); i++)
        if (strcmp(scenes[i].name, name) == 0) return &scenes[i];
    return NULL;
}

static int play(const struct scene *scene)
{
    struct theme theme;
    struct page *p = page_new();
    struct screen *s = stage_open(&theme);
    if (!p || !scene) return 1;
    scene->make(p);
    page_draw(p, s, &theme, 0, 1, scene->rows, scene->columns, (size_t)scene->top);
    stage_hold(s);
    page_free(p);
    return 0;
}

/* A column of the terminal is left free on either side of the page. */
static struct vt *watch(const char *name, const char *last)
{
    const struct scene *scene = scene_find(name);
    const char *const argv[] = {"/proc/self/exe", name, NULL};
    const char *const environment[] = {"TZ=UTC0", "TERM=xterm-256color", "LC_ALL=C.UTF-8", NULL};
    struct vt *v = vt_start(&(struct vt_options){.argv = argv,
                                                 .environment = environment,
                                                 .rows = scene->rows,
                                                 .columns = scene->columns + 2});
    assert_non_null(v);
    if (!vt_expect(v, last, WAIT_MS)) fail_msg("no \"%s\" on\n%s", last, vt_screen(v));
    return v;
}

static void leave(struct vt *v)
{
    vt_type(v, "q");
    assert_int_equal(vt_wait_end(v, WAIT_MS), 0);
    vt_free(v);
}

static void assert_rows(struct vt *v, const char *const *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(vt_row(v, (int)i), rows[i]) != 0)
            fail_msg("row %zu is not \"%s\":\n%s", i, rows[i], vt_screen(v));
}

/* -------------------------------------------------------------------------------------- Layout */

static void text_is_wrapped_behind_indents_and_labels(void **state)
{
    (void)state;
    static const char *const rows[] = {
        " Storm closes every",
        " port",
        "",
        "   Where from Brest",
        "         to Rotterdam",
        " " BEIJING BEIJING BEIJING BEIJING BEIJING,
        " " BEIJING,
        " one",
        "",
        " two",
        " [1] https://a.exampl",
        "     e/1",
    };
    struct vt *v = watch("wrapped", "e/1");
    assert_rows(v, rows, COUNT(rows));
    leave(v);
}

static void a_page_is_drawn_from_any_line_and_filled_with_blanks(void **state)
{
    (void)state;
    static const char *const rows[] = {"", "   Where from Brest", "         to Rotterdam"};
    struct vt *v = watch("scrolled", "to");
    assert_rows(v, rows, COUNT(rows));
    leave(v);
}

static void lines_are_counted_anew_for_each_width(void **state)
{
    struct page *p = *state;
    scene_wrapped(p);
    assert_int_equal(page_lines(p, 20), 12);
    assert_int_equal(page_lines(p, 80), 8);
    assert_int_equal(page_lines(p, 20), 12);
    assert_true(page_lines(p, 1) > 12);
    assert_int_equal(page_lines(p, 0), page_lines(p, 1));
    add(p, "one more");
    assert_int_equal(page_lines(p, 80), 9);
    page_clear(p);
    assert_int_equal(page_lines(p, 80), 0);
    assert_int_equal(page_link_count(p), 0);
}

static void a_line_of_text_is_never_wider_than_eyes_like(void **state)
{
    struct page *p = *state;
    char text[181], url[181] = "https://a.example/";
    memset(text, 'x', 180);
    memset(url + 18, 'x', 162);
    text[180] = url[180] = '\0';
    add(p, text);
    assert_int_equal(page_lines(p, 300), 2);
    assert_true(add_link(p, url)); /* but an address in one piece can be copied */
    assert_int_equal(page_lines(p, 300), 3);
}

static void empty_lines_come_neither_twice_nor_first(void **state)
{
    struct page *p = *state;
    page_blank(p);
    assert_int_equal(page_lines(p, 80), 0);
    add(p, "a");
    page_blank(p);
    page_blank(p);
    assert_int_equal(page_lines(p, 80), 2);
}

static void what_does_not_fit_is_cut_and_links_are_not_lost(void **state)
{
    struct page *p = *state;
    char *text = malloc(PAGE_MAX);
    assert_non_null(text);
    memset(text, 'x', PAGE_MAX);
    page_add(p, THEME_TEXT, 0, NULL, text, PAGE_MAX / 2);
    size_t half = page_lines(p, 64);
    page_add(p, THEME_TEXT, 0, NULL, text, PAGE_MAX);
    size_t whole = page_lines(p, 64);
    assert_in_range(whole, 2 * half - 4, 2 * half + 1);
    page_add(p, THEME_TEXT, 0, NULL, text, 1);
    assert_int_equal(page_lines(p, 64), whole);
    assert_true(add_link(p, "https://a.example/"));
    assert_int_equal(page_lines(p, 64), whole + 1);
    free(text);
}

static void a_million_empty_paragraphs_are_cut_as_well(void **state)
{
    struct page *p = *state;
    for (int i = 0; i < 1000000; i++)
        add(p, "");
    assert_in_range(page_lines(p, 80), 1000, 100000);
}

/* --------------------------------------------------------------------------------------- Links */

static void links_are_of_the_web_encoded_and_each_once(void **state)
{
    struct page *p = *state;
    static const struct {
        const char *url, *taken;
    } cases[] = {
        {"https://a.example/1", "https://a.example/1"},
        {"https://a.example/1", NULL},
        {"http://a.example/a b", "http://a.example/a%20b"},
        {"https://a.example/\xc3\xa9", "https://a.example/%C3%A9"},
        {"https://a.example/%C3%A9", NULL}, /* the same */
        {"javascript:alert(1)", NULL},
        {"file:///etc/passwd", NULL},
        {"-x", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t before = page_link_count(p);
        assert_int_equal(add_link(p, cases[i].url), cases[i].taken != NULL);
        assert_int_equal(page_link_count(p), before + (cases[i].taken != NULL));
        if (cases[i].taken) assert_string_equal(page_link(p, before), cases[i].taken);
    }
    for (int i = 0; i < 2 * PAGE_LINKS_MAX; i++) {
        char url[64];
        (void)snprintf(url, sizeof url, "https://b.example/%d", i);
        (void)add_link(p, url);
    }
    assert_int_equal(page_link_count(p), PAGE_LINKS_MAX);
}

static void addresses_are_found_in_text(void **state)
{
    (void)state;
    static const struct {
        const char *text, *url; /* NULL: none */
    } cases[] = {
        {"see https://a.example/1 now", "https://a.example/1"},
        {"see http://a.example.", "http://a.example"},
        {"(https://a.example/1)", "https://a.example/1"},
        {"https://a.example/x_(1)", "https://a.example/x_(1)"},
        {"[https://a.example/1],", "https://a.example/1"},
        {"<https://a.example/1>", "https://a.example/1"},
        {"\xe8\xa6\x8bhttps://a.example/1\xe3\x80\x82\xe6\x9b\xb4", "https://a.example/1"},
        {"http and https://a.example", "https://a.example"},
        {"xhttp://a.example", NULL},
        {"http:/a.example https:", NULL},
        {"http", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t len = strlen(cases[i].text), url_len = 0;
        size_t at = page_text_url(cases[i].text, len, &url_len);
        if (!cases[i].url) assert_int_equal(at, len);
        else if (strlen(cases[i].url) != url_len ||
                 memcmp(cases[i].text + at, cases[i].url, url_len) != 0)
            fail_msg("%s: %.*s", cases[i].text, (int)url_len, cases[i].text + at);
    }
}

/* ---------------------------------------------------------------------------------------- Words */

static bool is_marked(struct vt *v, int row, int column)
{
    struct vt_cell plain = vt_cell(v, 3, 0), cell = vt_cell(v, row, column);
    return cell.background != plain.background || cell.reverse != plain.reverse;
}

static void searched_words_stand_out_wherever_they_are(void **state)
{
    (void)state;
    static const char *const marked[] = {
        "  xxxxxx   xxxxxx        ", /* of " (BUDGET), büdget budgets" */
        " xxx  x  ",                 /* of " AFP北京x": each of its letters is a word */
    };
    struct vt *v = watch("marked", "AFP");
    for (size_t row = 0; row < COUNT(marked); row++)
        for (size_t i = 0; marked[row][i]; i++)
            if (is_marked(v, (int)row, (int)i) != (marked[row][i] == 'x'))
                fail_msg("row %zu, column %zu", row, i);
    leave(v);
}

/* --------------------------------------------------------------------------------------- Items */

static void an_item_is_told_from_headline_to_links(void **state)
{
    (void)state;
    static const char *const rows[] = {
        " Storm closes every port",
        " Harbour Wire" DOT "2026-11-23 09:05" DOT "BREST" DOT "Anna Lind",
        " en" DOT "sport/sailing" DOT "urgency 1" DOT "harbour 157",
        "",
        " UPDATED: version 2" DOT "CORRECTS the port",
        " 5 missing: harbour/world 7 to 11, asked for",
        "",
        " First paragraph.", /* the summary is its beginning */
        "",
        " See https://b.example/x(1), https://a.example/1.",
        "",
        " [1] https://a.example/1",
        " [2] https://c.example/s.mp3",
        " [3] https://b.example/x(1)",
        "",
        " Also from: AFP",
        " Also from: dpa" DOT "Ports closed",
    };
    struct vt *v = watch("story", "Ports closed");
    assert_rows(v, rows, COUNT(rows));
    assert_true(vt_cell(v, 0, 1).bold);
    leave(v);
}

static void of_a_kill_only_the_reason_is_told(void **state)
{
    (void)state;
    struct vt *v = watch("killed", "KILLED: It was a tug");
    assert_null(strstr(vt_screen(v), "SECRET"));
    assert_null(strstr(vt_screen(v), "s.example"));
    assert_null(strstr(vt_screen(v), "UPDATED"));
    leave(v);
}

static void an_embargo_hides_the_text_and_says_until_when(void **state)
{
    (void)state;
    struct vt *v = watch("embargoed", "EMBARGOED until 2026-11-24 08:00");
    assert_null(strstr(vt_screen(v), "SECRET"));
    assert_null(strstr(vt_screen(v), "not for readers"));
    leave(v);
}

static void a_body_in_html_is_made_readable(void **state)
{
    (void)state;
    struct vt *v = watch("html", "\xe2\x80\xa2 three");
    assert_non_null(strstr(vt_screen(v), " One & two\n"));
    assert_null(strstr(vt_screen(v), "evil"));
    leave(v);
}

static void no_control_of_an_item_reaches_the_terminal(void **state)
{
    (void)state;
    struct vt *v = watch("hostile", "the end");
    size_t len;
    const char *bytes = vt_bytes(v, &len);
    assert_null(memmem(bytes, len, "\033]0;", 4));
    for (size_t at = 0; at < len;) {
        uint32_t c;
        at += text_decode(bytes + at, len - at, &c);
        if ((c >= 0x7f && c <= 0x9f) || c == 0x202e || c == 0x2066 || c == 0x2028 || c == 0x200b ||
            c == 0xe000)
            fail_msg("U+%04X", c);
    }
    leave(v);
}

static void the_source_is_indented(void **state)
{
    (void)state;
    static const char *const rows[] = {
        " {",     "   \"uri\": \"u:\\u001b1\",", "   \"headlines\": [",
        "     {", "       \"value\": \"a, b\"",  "     }",
        "   ],",  "   \"subjects\": [ ],",       "   \"urgency\": 3",
        " }",
    };
    struct vt *v = watch("source", "urgency");
    assert_rows(v, rows, COUNT(rows));
    leave(v);
}

static void help_has_every_command_with_its_keys(void **state)
{
    (void)state;
    struct vt *v = watch("help", "(help)");
    const char *all = vt_screen(v);
    for (enum command c = COMMAND_NONE + 1; c < COMMANDS; c++) {
        char name[64];
        (void)snprintf(name, sizeof name, "(%s)", command_row(c)->name);
        if (!strstr(all, name)) fail_msg("no %s", name);
        assert_non_null(strstr(all, command_row(c)->group));
    }
    assert_non_null(strstr(all, "f7"));
    leave(v);
}

static void when_nothing_is_missing_the_page_says_so(void **state)
{
    (void)state;
    leave(watch("gaps", "Nothing is missing."));
}

/* ---------------------------------------------------------------------------------------- HTML */

static void html_becomes_paragraphs(void **state)
{
    (void)state;
    static const struct {
        const char *html, *text;
    } cases[] = {
        {"plain", "plain"},
        {"<p>one</p><p>two</p>", "one\n\ntwo"},
        {"one<br>two<br/><br><br>three", "one\ntwo\n\nthree"},
        {"  one \n\t two  ", "one two"},
        {"<ul><li>a<li>b</ul>", "\xe2\x80\xa2 a\n\xe2\x80\xa2 b"},
        {"<td>a</td><td>b</td>", "a b"},
        {"a<!-- > hidden -->b", "ab"},
        {"a<!-- open", "a"},
        {"a<script>x</scrip></SCRIPT>b", "ab"},
        {"a<style>x", "a"},
        {"a < b && c > d <3", "a < b && c > d <3"},
        {"a <b no end", "a <b no end"},
        {"<b class=\"x\">bold</b>", "bold"},
        {"&lt;&amp;&#233;&#xE9;&unknown;&", "<&\xc3\xa9\xc3\xa9&unknown;&"},
        {"&#xd800;&#99999999;&#;&#x;", "\xef\xbf\xbd&#99999999;&#;&#x;"},
        {"<", "<"},
        {"</", "</"},
        {"", ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf out = {0};
        page_text_of_html(&out, cases[i].html, strlen(cases[i].html));
        const char *have = out.data ? out.data : "";
        if (strcmp(have, cases[i].text) != 0) fail_msg("%s: \"%s\"", cases[i].html, have);
        buf_deinit(&out);
    }
}

/* Each of these once made some reader of HTML quadratic. */
static void hostile_html_and_addresses_take_linear_time(void **state)
{
    (void)state;
    static const char *const parts[] = {"<a",         "<!--",     "</",    "&#",
                                        "<script>",   "</script", "http",  "http://a.b/))))",
                                        "http://a((", "<p>",      "<style"};
    enum { SIZE = 1 << 20 };
    char *text = malloc(SIZE);
    assert_non_null(text);
    for (size_t i = 0; i < COUNT(parts); i++) {
        struct buf out = {0};
        size_t n = strlen(parts[i]), url_len = 0;
        for (size_t at = 0; at < SIZE; at++)
            text[at] = parts[i][at % n];
        int64_t start = date_mono_ms();
        page_text_of_html(&out, text, SIZE);
        for (size_t at = 0; at < SIZE; at += url_len)
            at += page_text_url(text + at, SIZE - at, &url_len);
        if (date_mono_ms() - start > 2000) fail_msg("\"%s\" again and again takes long", parts[i]);
        buf_deinit(&out);
    }
    free(text);
}

int main(int argc, char **argv)
{
    if (argc == 2) return play(scene_find(argv[1]));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_wrapped_behind_indents_and_labels),
        cmocka_unit_test(a_page_is_drawn_from_any_line_and_filled_with_blanks),
        cmocka_unit_test_setup_teardown(lines_are_counted_anew_for_each_width, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_line_of_text_is_never_wider_than_eyes_like, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(empty_lines_come_neither_twice_nor_first, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_does_not_fit_is_cut_and_links_are_not_lost, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_million_empty_paragraphs_are_cut_as_well, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(links_are_of_the_web_encoded_and_each_once, set_up,
                                        tear_down),
        cmocka_unit_test(addresses_are_found_in_text),
        cmocka_unit_test(searched_words_stand_out_wherever_they_are),
        cmocka_unit_test(an_item_is_told_from_headline_to_links),
        cmocka_unit_test(of_a_kill_only_the_reason_is_told),
        cmocka_unit_test(an_embargo_hides_the_text_and_says_until_when),
        cmocka_unit_test(a_body_in_html_is_made_readable),
        cmocka_unit_test(no_control_of_an_item_reaches_the_terminal),
        cmocka_unit_test(the_source_is_indented),
        cmocka_unit_test(help_has_every_command_with_its_keys),
        cmocka_unit_test(when_nothing_is_missing_the_page_says_so),
        cmocka_unit_test(html_becomes_paragraphs),
        cmocka_unit_test(hostile_html_and_addresses_take_linear_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
