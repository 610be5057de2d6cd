#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <jansson.h>
#include <sqlite3.h>

#include "common/date.h"
#include "common/text.h"
#include "subscriber/arrival.h"
#include "subscriber/filter.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NOW_MS       INT64_C(1795442527000) /* 2026-11-23T14:02:07Z */
#define HOUR_MS      INT64_C(3600000)

/* ------------------------------------------------------------------------------------ Helpers */

/* An item in both readings: the program's, and a tree for the naive one. */
struct came {
    char topic[TOPIC_MAX];
    char *bytes;
    json_t *tree;
    struct ninjs item;
    struct arrival a;
    struct filter_subject subject;
};

static void come(struct came *c, const char *topic, const char *bytes)
{
    *c = (struct came){.bytes = strdup(bytes), .tree = json_loads(bytes, 0, NULL)};
    (void)snprintf(c->topic, sizeof c->topic, "%s", topic);
    assert_non_null(c->tree);
    if (!arrival_read(&c->a, &c->item, TOPIC_ROOT, c->topic, c->bytes, strlen(c->bytes),
                      NOW_MS - HOUR_MS))
        fail_msg("no item: %s", bytes);
    c->subject = (struct filter_subject){.arrival = &c->a, .now_ms = NOW_MS};
}

static void go(struct came *c)
{
    free(c->bytes);
    json_decref(c->tree);
}

static struct filter *parsed(const char *text)
{
    struct news_error err = {0};
    struct filter *f = filter_new(text, NULL, &err);
    if (!f) fail_msg("%s: %s", text, err.message);
    return f;
}

static enum filter_answer answer(const char *text, const struct came *c)
{
    struct filter *f = parsed(text);
    enum filter_answer a = filter_match(f, &c->subject);
    filter_free(f);
    return a;
}

static int berlin(void **state)
{
    (void)state;
    (void)setenv("TZ", "CET-1", 1);
    tzset();
    return 0;
}

/* ------------------------------------------------------------------------------------- Parsing */

static void a_wrong_expression_is_told_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t at; /* byte */
        const char *says;
    } cases[] = {
        {"urgencyy = 3", 0, "column 1: \"urgencyy\" is no field; did you mean urgency?"},
        {"title = x", 0, "column 1: \"title\" is no field; did you mean headline?"},
        {"xyzzyplugh = x", 0, "column 1: \"xyzzyplugh\" is no field"},
        {"Headline = x", 0, "did you mean headline?"},
        {"storm and urgencyy<3", 10, "column 11: \"urgencyy\" is no field"},
        {"by = \"\xc3\xa9\xc3\xa9\" and urgencyy<3", 16, "column 15: \"urgencyy\""},
        {"headline =", 10, "column 11: = is missing a value"},
        {"headline =~", 11, "column 12: =~ is missing a value"},
        {"headline = and by = x", 11, "column 12: = is missing a value"},
        {"headline = = x", 11, "column 12: = is missing a value"},
        {"(headline =)", 11, "column 12: = is missing a value"},
        {"urgency between 1", 17, "column 18: between wants two values"},
        {"urgency between 1:", 18, "column 19: between is missing a value"},
        {"urgency between :3", 16, "column 17: between is missing a value"},
        {"urgency between 1:x", 18, "column 19: urgency wants a whole number"},
        {"headline between a:b", 9, "column 10: between does not go with headline"},
        {"headline < x", 9, "column 10: < does not go with headline"},
        {"age =~ x", 4, "column 5: =~ does not go with age"},
        {"unread # yes", 7, "column 8: # does not go with unread"},
        {"starred < yes", 8, "column 9: < does not go with starred"},
        {"unread = maybe", 9, "column 10: unread wants yes or no"},
        {"urgency = three", 10, "column 11: urgency wants a whole number"},
        {"urgency = 1234567890123456789", 10, "column 11: urgency wants a whole number"},
        {"age < soon", 6, "column 7: age wants days, or a time such as 2h"},
        {"published > 99:99", 12, "column 13: published wants a time"},
        {"date = 2026-13-45", 7, "column 8: date wants a day"},
        {"time < 25:00", 7, "column 8: time wants a time of day"},
        {"by = \"x", 5, "column 6: this quote is not closed"},
        {"by = \"x\\\"", 5, "column 6: this quote is not closed"},
        {"(storm", 0, "column 1: this parenthesis is not closed"},
        {"(storm (", 7, "column 8: \"and\" or \"or\" is missing before \"(\""},
        {"storm)", 5, "column 6: this parenthesis closes none"},
        {"()", 1, "column 2: a comparison or a word is missing"},
        {"storm and", 9, "column 10: a comparison or a word is missing"},
        {"or storm", 0, "column 1: a comparison or a word is missing"},
        {"not", 3, "column 4: a comparison or a word is missing"},
        {"= 3", 0, "column 1: there is no field before this"},
        {"!= 3", 0, "column 1: there is no field before this"},
        {"\"by\" = x", 5, "column 6: there is no field before this"},
        {"storm harbour", 6, "column 7: \"and\" or \"or\" is missing before \"harbour\""},
        {"storm \"x\"", 6, "column 7: \"and\" or \"or\" is missing before \"\"\""},
        {"\"--\"", 0, "column 1: there is no letter or digit"},
        {"*", 0, "column 1: there is no letter or digit"},
        {"headline # \"\"", 11, "column 12: there is no letter or digit"},
        {"by =~ \"a(b\"", 10, "column 11: missing closing parenthesis"},
        {"by =~ \"\\\"\\\"[b\"", 13, "column 14: missing terminating ]"},
        {"by =~ \\\\\\", 9, "column 10: \\ at end of pattern"},
        {"by =~ a\\Cb", 9, "column 10: using \\C is disabled"},
        {"by =~ \"((a{100}){100}){100}\"", 27, "column 28: regular expression is too large"},
        {"by = \"\xff\"", 6, "column 7: this is not UTF-8"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct news_error err = {0};
        size_t at = SIZE_MAX;
        struct filter *f = filter_new(cases[i].text, &at, &err);
        if (f) fail_msg("%s: was taken", cases[i].text);
        if (!strstr(err.message, cases[i].says) || at != cases[i].at)
            fail_msg("%s: at %zu: %s", cases[i].text, at, err.message);
        assert_int_equal(err.code, NEWS_ERR_USAGE);
    }
}

static char *repeated(const char *before, const char *text, size_t times, const char *after)
{
    struct buf b = {0};
    buf_puts(&b, before);
    for (size_t i = 0; i < times; i++)
        buf_puts(&b, text);
    buf_puts(&b, after);
    return b.data;
}

static void assert_taken(char *text, bool taken, const char *says)
{
    struct news_error err = {0};
    struct filter *f = filter_new(text, NULL, &err);
    if (!f == taken) fail_msg("%.60s...: %s", text, f ? "was taken" : err.message);
    if (!taken) assert_non_null(strstr(err.message, says));
    filter_free(f);
    free(text);
}

static void length_depth_and_number_of_comparisons_are_bounded(void **state)
{
    (void)state;
    assert_taken(repeated("x", "x", FILTER_MAX - 1, ""), true, NULL);
    assert_taken(repeated("x", "x", FILTER_MAX, ""), false, "longer than 4096 bytes");
    char *closed = repeated("x", ")", FILTER_DEPTH_MAX - 1, "");
    assert_taken(repeated("not ", "(", FILTER_DEPTH_MAX - 1, closed), true, NULL);
    free(closed);
    assert_taken(repeated("", "(", FILTER_DEPTH_MAX + 1, "x"), false, "column 101: more than 100");
    assert_taken(repeated("", "!", FILTER_DEPTH_MAX + 1, "x"), false, "column 101: more than 100");
    assert_taken(repeated("", "(", FILTER_MAX, ""), false, "more than 100");
    assert_taken(repeated("x", " or (not x)", 2 * FILTER_DEPTH_MAX, ""), true, NULL);
    assert_taken(repeated("x", " or x", FILTER_NODES_MAX - 1, ""), true, NULL);
    assert_taken(repeated("x", " or x", FILTER_NODES_MAX, ""), false, "more than 256 comparisons");
    assert_taken(repeated("by =~ ", "x", 1024, ""), true, NULL);
    assert_taken(repeated("by =~ ", "x", 1025, ""), false, "column 7: pattern string is longer");
}

static void a_filter_keeps_its_own_text(void **state)
{
    (void)state;
    char text[] = " storm ";
    struct filter *f = parsed(text);
    text[1] = 'x';
    assert_string_equal(filter_text(f), " storm ");
    filter_free(f);
    filter_free(NULL);
}

static void it_is_known_whether_marks_and_time_count(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool marks, age;
    } cases[] = {
        {"", false, false},
        {"urgency < 3 and storm", false, false},
        {"storm or not (unread = yes)", true, false},
        {"starred != no", true, false},
        {"age < 2h and starred = yes", true, true},
        {"published > 2020", false, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct filter *f = parsed(cases[i].text);
        assert_int_equal(filter_asks_marks(f), cases[i].marks);
        assert_int_equal(filter_asks_age(f), cases[i].age);
        filter_free(f);
    }
}

/* ------------------------------------------------------------------------------------ Matching */

static const char full_item[] =
    "{\"uri\":\"tag:harbour.example,2026:1\",\"type\":\"text\",\"version\":\"12\","
    "\"versionCreated\":\"2026-11-23T11:02:07Z\",\"urgency\":3,\"language\":\"de-AT\","
    "\"headlines\":[{\"role\":\"main\",\"value\":\"Imp\\u00f4t: the BUDGET, again\"}],"
    "\"by\":\"Maren Holt\",\"located\":\"S\\u00e3o Paulo\",\"descriptions\":[{\"value\":"
    "\"In short \\u4f53\\u80b2.\"}],\"bodies\":[{\"value\":\"First line.\\nSecond line\"}],"
    "\"infoSources\":[{\"name\":\"Harbour Wire\"}],\"renditions\":[{\"name\":\"web\",\"href\":"
    "\"https://harbour.example/?a=1#top\"}],\"subjects\":[{\"name\":\"Football\"},{\"name\":"
    "\"Formula One\",\"literal\":\"motor racing\"}],\"altIds\":[{\"role\":\"newswire\",\"value\":"
    "\"harbour:0:7\"}]}";

static void every_operator_means_what_the_header_says(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        char full, bare; /* y or n: of the full item, and of one that has nothing but its uri */
    } cases[] = {
        {"", 'y', 'y'},
        {" \t\n", 'y', 'y'},
        /* terms */
        {"budget", 'y', 'n'},
        {"BUDGET", 'y', 'n'},
        {"impot", 'y', 'n'},
        {"b\xc3\xbc"
         "dget",
         'y', 'n'},
        {"budge", 'n', 'n'},
        {"budg*", 'y', 'n'},
        {"\"budg*\"", 'n', 'n'},
        {"udget*", 'n', 'n'},
        {"\"the budget\"", 'y', 'n'},
        {"\"The -- Budget\"", 'y', 'n'},
        {"\"budget the\"", 'n', 'n'},
        {"the-bud*", 'y', 'n'},
        {"\xe4\xbd\x93", 'y', 'n'},
        {"\xe8\x82\xb2", 'y', 'n'},
        {"\xe4\xbd\x93\xe8\x82\xb2", 'y', 'n'},
        {"\xe8\x82\xb2\xe4\xbd\x93", 'n', 'n'},
        {"holt and paulo and wire and short and second", 'y', 'n'},
        {"formula", 'n', 'n'},
        {"headline", 'n', 'n'},
        /* logic */
        {"budget and nothing", 'n', 'n'},
        {"budget or nothing", 'y', 'n'},
        {"not budget", 'n', 'y'},
        {"!budget", 'n', 'y'},
        {"! not budget", 'y', 'n'},
        {"not budget and nothing", 'n', 'n'},
        {"not (budget and nothing)", 'y', 'y'},
        {"nothing and nothing or budget", 'y', 'n'},
        {"budget or nothing and nothing", 'y', 'n'},
        {"(budget or nothing) and nothing", 'n', 'n'},
        {"NOT(budget)OR(budget)", 'y', 'y'},
        {"\"not\" or \"and\"", 'n', 'n'},
        /* equal words */
        {"located = \"sao  PAULO!\"", 'y', 'n'},
        {"located == \"sao paulo\"", 'y', 'n'},
        {"located = sao", 'n', 'n'},
        {"located != sao", 'y', 'y'},
        {"located=\"\"", 'n', 'y'},
        {"located != \"\"", 'y', 'n'},
        {"located = \"-\"", 'n', 'n'},
        {"by=\"Holt Maren\"", 'n', 'n'},
        {"status = usable", 'y', 'y'},
        {"type = Text", 'y', 'n'},
        {"source = harbour", 'n', 'y'},
        /* the same bytes */
        {"uri = tag:harbour.example,2026:1", 'y', 'n'},
        {"uri = TAG:harbour.example,2026:1", 'n', 'n'},
        {"link = https://harbour.example/?a=1#top", 'y', 'n'},
        {"link = \"https://harbour.example/?a=1\"", 'n', 'n'},
        {"number = harbour:0:7", 'y', 'n'},
        {"number = \"harbour 0 7\"", 'n', 'n'},
        {"topic = news/harbour/world-news/de/3/sport/football", 'y', 'n'},
        /* the topic's names */
        {"publisher = Harbour", 'y', 'y'},
        {"publisher = \"h\xc3\xa2rbour!\"", 'y', 'y'},
        {"service = \"World News\"", 'y', 'y'},
        {"service = world", 'n', 'n'},
        {"service = \"\"", 'n', 'n'},
        {"subject = sport", 'y', 'n'},
        {"subject = Football", 'y', 'n'},
        {"subject = sport/football", 'y', 'n'},
        {"subject = medtop:15000000", 'y', 'n'},
        {"subject = sport/tennis", 'n', 'n'},
        {"subject = spor", 'n', 'n'},
        {"subject = sport/foot", 'n', 'n'},
        {"subject = \"Formula One\"", 'n', 'n'},
        {"subject = general", 'n', 'y'},
        {"subject # football", 'y', 'n'},
        {"subject # \"formula one\"", 'y', 'n'},
        {"subject # racing", 'y', 'n'},
        {"subject # \"one motor\"", 'n', 'n'},
        {"subject # \"sport football\"", 'n', 'n'},
        {"subject # foot*", 'y', 'n'},
        {"subject !# foot*", 'n', 'y'},
        {"subject =~ \"^sport/\"", 'y', 'n'},
        /* languages */
        {"language = de", 'y', 'n'},
        {"language = DE-at", 'y', 'n'},
        {"language = de-DE", 'n', 'n'},
        {"language = d", 'n', 'n'},
        {"language = \"\"", 'n', 'y'},
        {"language != de", 'n', 'y'},
        /* regular expressions */
        {"headline =~ \"budget|taxe\"", 'y', 'n'},
        {"headline =~ \"IMP\xc3\x94T\"", 'y', 'n'},
        {"headline =~ ^budget", 'n', 'n'},
        {"headline !~ \"^budget\"", 'y', 'y'},
        {"headline =~ \"\\bbudget\\b\"", 'y', 'n'},
        {"headline =~ \"\\\\bbudget\"", 'y', 'n'},
        {"headline =~ \"\\w+\xc3\xb4t\"", 'y', 'n'},
        {"body =~ \"line.second\"", 'n', 'n'},
        {"body =~ \"(?s)line..second\"", 'y', 'n'},
        {"text =~ \"(?m)^maren holt$\"", 'y', 'n'},
        {"urgency =~ [35]", 'y', 'y'},
        {"by =~ \"\"", 'y', 'y'},
        {"by =~ \"^$\"", 'n', 'y'},
        {"headline # budget", 'y', 'n'},
        {"headline # short", 'n', 'n'},
        {"headline !# short", 'y', 'y'},
        {"body # \"line second\"", 'y', 'n'},
        /* numbers */
        {"urgency = 3", 'y', 'n'},
        {"urgency<=3", 'y', 'n'},
        {"urgency < 3", 'n', 'n'},
        {"urgency > 3", 'n', 'y'},
        {"urgency >= 5", 'n', 'y'},
        {"urgency between 1:3", 'y', 'n'},
        {"urgency between 3 : 1", 'y', 'n'},
        {"urgency between 4:5", 'n', 'y'},
        {"urgency != 3", 'n', 'y'},
        {"version > 9", 'y', 'n'},
        {"version <= 12", 'y', 'n'},
        {"version != 12", 'n', 'y'},
        {"version # 12", 'y', 'n'},
        {"age < 4h", 'y', 'n'},
        {"age < 3h", 'n', 'n'},
        {"age <= 3h", 'y', 'n'},
        {"age > 1", 'n', 'n'},
        {"age < 1", 'y', 'n'},
        {"not age < 1", 'n', 'y'},
        {"age != 3h", 'n', 'y'},
        {"age between 2h:1d", 'y', 'n'},
        {"published >= 2026-11-23", 'y', 'n'},
        {"published > 2026-11-23T11:02:06Z", 'y', 'n'},
        {"published = \"2026-11-23T12:02:07+01:00\"", 'y', 'n'},
        {"published between \"2026-11-23T11:00:00Z\":\"2026-11-23T12:00:00Z\"", 'y', 'n'},
        {"received < 2026-11-23T13:02:08Z", 'y', 'y'},
        {"received < 2026-11-23T13:02:07Z", 'n', 'n'},
        {"date = 2026-11-23", 'y', 'n'},
        {"date between 2026-11-01:2026-11-30", 'y', 'n'},
        {"time >= 12:02 and time < 12:03", 'y', 'n'},
        {"time between \"12:00\":\"13:00\"", 'y', 'n'},
        {"unread = yes", 'n', 'n'},
        {"unread != yes", 'y', 'y'},
        {"starred = no", 'y', 'y'},
        {"(urgency<=3)and(by=\"maren holt\")", 'y', 'n'},
    };
    struct came full, bare;
    come(&full, "news/harbour/world-news/de/3/sport/football", full_item);
    come(&bare, "news/harbour/world-news/und/5/general", "{\"uri\":\"u:1\"}");
    for (size_t i = 0; i < COUNT(cases); i++) {
        char a = "ny?"[answer(cases[i].text, &full)], b = "ny?"[answer(cases[i].text, &bare)];
        if (a != cases[i].full || b != cases[i].bare) fail_msg("%s: %c %c", cases[i].text, a, b);
    }
    go(&full);
    go(&bare);
}

static void marks_are_those_of_the_moment(void **state)
{
    (void)state;
    struct came c;
    struct filter *f = parsed("unread = yes and starred = yes");
    come(&c, "news/a/b/de/3/sport", "{\"uri\":\"u:1\"}");
    c.subject.unread = true;
    assert_int_equal(filter_match(f, &c.subject), FILTER_NO);
    c.subject.starred = true;
    assert_int_equal(filter_match(f, &c.subject), FILTER_YES);
    filter_free(f);
    go(&c);
}

static void a_summary_is_the_body_of_an_item_without_one(void **state)
{
    (void)state;
    struct came c;
    come(&c, "news/a/b/de/3/sport",
         "{\"uri\":\"u:1\",\"descriptions\":[{\"value\":\"in short\"}]}");
    assert_int_equal(answer("body = \"in short\"", &c), FILTER_YES);
    assert_int_equal(answer("\"short in\"", &c), FILTER_NO); /* not there twice */
    go(&c);
}

static void a_field_of_a_foreign_topic_is_empty(void **state)
{
    (void)state;
    struct came c;
    come(&c, "other/topic", "{\"uri\":\"u:1\"}");
    assert_int_equal(answer("publisher = \"\" and subject = \"\"", &c), FILTER_YES);
    assert_int_equal(answer("subject # topic or subject = general", &c), FILTER_NO);
    assert_int_equal(answer("topic =~ ^other", &c), FILTER_YES);
    go(&c);
}

/* What search sees of a field ends with its share; what is cut is equal to nothing. */
static void of_a_long_field_the_beginning_is_looked_at(void **state)
{
    (void)state;
    struct came c;
    char *item = repeated("{\"uri\":\"u:1\",\"by\":\"holt ", "abc ", 5000, "last\"}");
    char *same = repeated("by = \"holt ", "abc ", 510, "\"");
    come(&c, "news/a/b/de/3/sport", item);
    assert_int_equal(answer("by # \"holt abc\"", &c), FILTER_YES);
    assert_int_equal(answer("by # last", &c), FILTER_NO);
    assert_int_equal(answer("last", &c), FILTER_NO);
    assert_int_equal(answer(same, &c), FILTER_NO); /* these are all that is left of it */
    assert_int_equal(answer("by =~ last$", &c), FILTER_YES);
    free(item);
    free(same);
    go(&c);
}

/* ---------------------------------------------------------------------------- Hostile patterns */

static int64_t processor_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void assert_gives_up(const char *text, const struct came *c)
{
    int64_t start_ms = processor_ms();
    enum filter_answer a = answer(text, c);
    int64_t took_ms = processor_ms() - start_ms;
    if (a != FILTER_UNSURE) fail_msg("%s: answers %c", text, "ny?"[a]);
    if (took_ms > 2000) fail_msg("%s: takes %lld ms", text, (long long)took_ms);
}

static void a_hostile_regular_expression_gives_up_soon(void **state)
{
    (void)state;
    static const char *const patterns[] = {
        "(a+)+$",          "((a*)*)*[bc]",    "(a|aa)+$",         "(a*)*[bc]",
        "(.*)*[xq]",       "a*a*a*a*[bc]",    "(a|a)*[bc]",       "(a(?R)?a)+[=~]",
        "(*NO_JIT)(a+)+$", "(?s)(?=.*[=~])a", "(?=(a+))*\\1[=~]", "(?s)a(.{1000}){20}[=~]",
    };
    struct came c;
    char *item = repeated("{\"uri\":\"u:1\",\"edNote\":\"", "a", 100000, "!\"}");
    come(&c, "news/a/b/de/3/sport", item);
    for (size_t i = 0; i < COUNT(patterns); i++) {
        char text[100];
        (void)snprintf(text, sizeof text, "note =~ \"%s\"", patterns[i]);
        assert_gives_up(text, &c);
    }
    free(item);
    go(&c);
}

/* Long texts are searched piece by piece. */
static void a_long_text_is_searched_through(void **state)
{
    (void)state;
    struct came c;
    char *item = repeated("{\"uri\":\"u:1\",\"edNote\":\"a", "\xc3\xa9", 2000, "z\"}");
    come(&c, "news/a/b/de/3/sport", item);
    assert_int_equal(answer("note =~ \"^a\"", &c), FILTER_YES);
    assert_int_equal(answer("note =~ \"\xc3\x89z$\"", &c), FILTER_YES);
    assert_int_equal(answer("note =~ \"(*NO_START_OPT)[^\xc3\xa9"
                            "az]\"",
                            &c),
                     FILTER_NO);
    assert_int_equal(answer("note =~ \"^z\"", &c), FILTER_NO);
    free(item);
    go(&c);
}

static void a_text_beyond_all_bounds_is_not_looked_through(void **state)
{
    (void)state;
    struct came c;
    char *item = repeated("{\"uri\":\"u:1\",\"edNote\":\"", "abcdefgh", 32769, "\"}");
    come(&c, "news/a/b/de/3/sport", item);
    assert_gives_up("note =~ a", &c);
    free(item);
    go(&c);
}

static void what_is_unsure_stays_so_unless_the_rest_decides(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum filter_answer expected;
    } cases[] = {
        {"note =~ x", FILTER_UNSURE},
        {"note !~ x", FILTER_UNSURE},
        {"not note =~ x", FILTER_UNSURE},
        {"note =~ x and urgency = 5", FILTER_UNSURE},
        {"note =~ x and urgency = 4", FILTER_NO},
        {"urgency = 4 and note =~ x", FILTER_NO},
        {"note =~ x or urgency = 5", FILTER_YES},
        {"note =~ x or urgency = 4", FILTER_UNSURE},
        {"not (note =~ x or urgency = 5)", FILTER_NO},
    };
    struct came c;
    char *item = repeated("{\"uri\":\"u:1\",\"edNote\":\"", "abcdefgh", 32769, "\"}");
    come(&c, "news/a/b/de/3/sport", item);
    for (size_t i = 0; i < COUNT(cases); i++)
        if (answer(cases[i].text, &c) != cases[i].expected) fail_msg("%s", cases[i].text);
    free(item);
    go(&c);
}

/* ----------------------------------------------------------------------------- Topics and index */

static void put_names(struct buf *out, const char *level, const struct filter_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        buf_printf(out, "%s%s", i == 0 ? level : ",", names->items[i]);
}

static void the_topic_is_asked_what_it_can_say(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", ""},
        {"storm", ""},
        {"publisher = AFP", " p:afp"},
        {"publisher != AFP", ""},
        {"not publisher != AFP", " p:afp"},
        {"publisher = \"\"", ""},
        {"publisher =~ afp or publisher # afp", ""},
        {"publisher = afp and storm", " p:afp"},
        {"publisher = afp or storm", ""},
        {"publisher = afp or publisher = dpa or publisher = AFP", " p:afp,dpa"},
        {"not (publisher != afp and publisher != dpa)", " p:afp,dpa"},
        {"not (publisher = afp or storm)", ""},
        {"publisher = afp and publisher = dpa", "nothing"},
        {"(publisher = afp or publisher = dpa) and (publisher = dpa or publisher = ap)", " p:dpa"},
        {"service = \"World News\" and language = de-AT", " s:world-news l:de,und"},
        {"language = de or language = fr", " l:de,und,fr"},
        {"language = de and language = fr", " l:und"},
        {"language = und", " l:und"},
        {"language = d or language = de", ""},
        {"subject = Football", " t:sport/football"},
        {"subject = sport and subject = football", " t:sport/football"},
        {"subject = sport and subject = politics", "nothing"},
        {"subject = sport or subject = politics", " t:sport,politics"},
        {"subject # sport", ""},
        {"urgency = 1 and number = x", ""},
        {"publisher = afp and (service = a or service = b) and not subject = sport",
         " p:afp s:a,b"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct filter *f = parsed(cases[i].text);
        struct filter_topics t;
        struct buf out = {0};
        filter_narrow(f, &t);
        buf_puts(&out, t.nothing ? "nothing" : "");
        put_names(&out, " p:", &t.publishers);
        put_names(&out, " s:", &t.services);
        put_names(&out, " l:", &t.languages);
        put_names(&out, " t:", &t.subjects);
        if (strcmp(out.data, cases[i].expected) != 0)
            fail_msg("%s: \"%s\"", cases[i].text, out.data);
        buf_deinit(&out);
        filter_free(f);
    }
}

static void too_many_names_are_any(void **state)
{
    (void)state;
    for (size_t n = TOPIC_FILTERS_MAX; n <= TOPIC_FILTERS_MAX + 1; n++) {
        struct buf text = {0};
        struct filter_topics t;
        for (size_t i = 0; i < n; i++)
            buf_printf(&text, "%sservice = s%zu", i ? " or " : "", i);
        struct filter *f = parsed(text.data);
        filter_narrow(f, &t);
        assert_int_equal(t.services.count, n == TOPIC_FILTERS_MAX ? n : 0);
        assert_false(t.nothing);
        filter_free(f);
        buf_deinit(&text);
    }
}

static void the_index_is_asked_what_it_can_say(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected; /* NULL: nothing */
        bool exact;
    } cases[] = {
        {"", NULL, false},
        {"Imp\xc3\xb4t", "\"impot\"", true},
        {"the-bud*", "\"the bud\"*", true},
        {"\"and\" and \"x\"", "(\"and\" AND \"x\")", true},
        {"a and (b or c)", "(\"a\" AND (\"b\" OR \"c\"))", true},
        {"a or urgency = 1", NULL, false},
        {"a and urgency = 1", "(\"a\")", false},
        {"urgency = 1 and a", "(\"a\")", false},
        {"a and not b", "(\"a\")", false},
        {"not (not a or b)", "(\"a\")", false},
        {"not (not a or not b)", "(\"a\" AND \"b\")", true},
        {"not a", NULL, false},
        {"headline # x or by = \"y z\"", "(\"x\" OR \"y z\")", false},
        {"text = x", "\"x\"", false},
        {"note # x", NULL, false},
        {"headline =~ x", NULL, false},
        {"by = \"\"", NULL, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct filter *f = parsed(cases[i].text);
        struct buf match = {0};
        bool exact = true;
        buf_puts(&match, "x"); /* it is appended */
        bool some = filter_search(f, &match, &exact);
        if (some != (cases[i].expected != NULL) || exact != cases[i].exact ||
            strcmp(match.data + 1, some ? cases[i].expected : "") != 0)
            fail_msg("%s: %s%s", cases[i].text, match.data, exact ? ", exact" : "");
        buf_deinit(&match);
        filter_free(f);
    }
}

static void run_sql(sqlite3 *db, const char *sql)
{
    char *why = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) fail_msg("%s: %s", sql, why);
}

static sqlite3 *index_new(void)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    run_sql(db, "CREATE VIRTUAL TABLE words USING fts5(text, tokenize='unicode61 "
                "remove_diacritics 2'); BEGIN");
    return db;
}

static void index_add(sqlite3 *db, int64_t id, const struct buf *words)
{
    sqlite3_stmt *q;
    assert_int_equal(
        sqlite3_prepare_v2(db, "INSERT INTO words(rowid,text) VALUES(?1,?2)", -1, &q, NULL),
        SQLITE_OK);
    (void)sqlite3_bind_int64(q, 1, id);
    (void)sqlite3_bind_text(q, 2, words->data, (int)words->len, SQLITE_STATIC);
    assert_int_equal(sqlite3_step(q), SQLITE_DONE);
    (void)sqlite3_finalize(q);
}

/* That is what makes a search exact: to FTS5 our words are its words, of whatever script. */
static void the_indexs_tokenizer_leaves_every_word_as_it_is(void **state)
{
    (void)state;
    enum { BLOCK = 1024 };
    sqlite3 *db = index_new();
    sqlite3_stmt *q;
    struct buf all = {0}, indexed = {0}, words = {0};
    for (uint32_t first = 0; first <= 0x10ffff; first += BLOCK) {
        buf_clear(&words);
        for (uint32_t c = first; c < first + BLOCK; c++) {
            char bytes[4];
            text_words(&words, bytes, text_encode(c, bytes));
        }
        if (words.len) index_add(db, first, &words);
        buf_put(&all, words.data, words.len);
    }
    run_sql(db, "CREATE VIRTUAL TABLE terms USING fts5vocab(words, instance)");
    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT term FROM terms ORDER BY doc, offset", -1, &q, NULL),
        SQLITE_OK);
    while (sqlite3_step(q) == SQLITE_ROW)
        buf_printf(&indexed, "%s ", (const char *)sqlite3_column_text(q, 0));
    size_t same = 0;
    while (same < all.len && same < indexed.len && all.data[same] == indexed.data[same])
        same++;
    if (same < all.len || same < indexed.len)
        fail_msg("differs at %zu: \"%.20s\" \"%.20s\"", same, all.data + same, indexed.data + same);
    assert_true(all.len > 500000);
    (void)sqlite3_finalize(q);
    (void)sqlite3_close(db);
    buf_deinit(&all);
    buf_deinit(&indexed);
    buf_deinit(&words);
}

/* --------------------------------------------------------------------- The naive second reading */

static uint64_t seed;

static uint32_t below(uint32_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % n;
}

static const char *pick(const char *const *of, size_t count)
{
    return of[below((uint32_t)count)];
}
#define PICK(array) pick(array, COUNT(array))

/* ---- random items ---- */

static const char *const vocabulary[] = {
    "budget",
    "Imp\xc3\xb4t",
    "storm",
    "port",
    "Ports",
    "the",
    "a",
    "2026",
    "caf\xc3\xa9",
    "\xe4\xbd\x93\xe8\x82\xb2",
    "\xd0\x9c\xd0\xb8\xd1\x80",
    "-",
    "writethru",
    "write-thru",
    "\xc3\x9f",
    "ss",
};
static const char *const publishers[] = {"afp", "dpa", "harbour-wire"};
static const char *const services[] = {"world", "desk-1"};
static const char *const tags[] = {"de", "de-AT", "fr", "FR-ca", "und", "zh-Hant", "x"};
static const char *const subject_names[] = {
    "Sport", "football", "Formula One", "politics/elections", "medtop:15000000", "Politik", "rain"};
static const char *const places[] = {"Paris", "S\xc3\xa3o Paulo", "PARIS", "", "-"};

enum { ITEMS = 80, EXPRESSIONS = 500, NODES_MAX = 15 };

/* What the tree does not tell at once. */
struct sample {
    struct came came;
    bool ours; /* the topic has levels */
    const char *publisher, *service;
    char subject[TOPIC_MAX];
    bool has_made;
    int64_t made_ms;
};

static char *random_text(uint32_t words_max)
{
    struct buf b = {0};
    buf_puts(&b, "");
    for (uint32_t n = below(words_max + 1); n > 0; n--)
        buf_printf(&b, "%s%s", PICK(vocabulary), below(4) ? " " : ", ");
    return b.data;
}

static void set_text(json_t *object, const char *name, char *text)
{
    assert_int_equal(json_object_set_new(object, name, json_string(text)), 0);
    free(text);
}

static void maybe_texts(json_t *object, const char *name, const char *member, uint32_t words_max)
{
    if (below(3) == 0) return;
    json_t *one = json_object(), *array = json_array();
    set_text(one, member, random_text(words_max));
    (void)json_array_append_new(array, one);
    (void)json_object_set_new(object, name, array);
}

static json_t *random_item(struct sample *s, uint32_t number)
{
    char text[DATE_RFC3339_SIZE];
    json_t *o = json_pack("{s:o}", "uri", json_sprintf("u:%u", number % 7));
    maybe_texts(o, "headlines", "value", 5);
    maybe_texts(o, "descriptions", "value", 5);
    maybe_texts(o, "bodies", "value", 12);
    maybe_texts(o, "infoSources", "name", 2);
    if (below(2)) set_text(o, "title", random_text(3));
    if (below(2)) set_text(o, "by", random_text(2));
    if (below(3)) set_text(o, "located", strdup(PICK(places)));
    if (below(3)) set_text(o, "language", strdup(PICK(tags)));
    if (below(3)) (void)json_object_set_new(o, "urgency", json_integer(1 + below(9)));
    if (below(3)) set_text(o, "version", strdup(below(5) ? (below(2) ? "2" : "10") : "1.0"));
    s->has_made = below(4) != 0;
    s->made_ms = NOW_MS - (int64_t)below(96) * HOUR_MS;
    date_rfc3339(s->made_ms, text);
    if (s->has_made) set_text(o, "versionCreated", strdup(text));
    json_t *subjects = json_array();
    for (uint32_t n = below(3); n > 0; n--)
        (void)json_array_append_new(subjects, json_pack("{s:s}", "name", PICK(subject_names)));
    (void)json_object_set_new(o, "subjects", subjects);
    return o;
}

static const char *member_of(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));
    return text ? text : "";
}

static void random_sample(struct sample *s, uint32_t number)
{
    char topic[TOPIC_MAX * 2], language[TOPIC_LANGUAGE_MAX + 1];
    json_t *o = random_item(s, number);
    char *bytes = json_dumps(o, JSON_COMPACT);
    s->ours = below(10) != 0;
    s->publisher = PICK(publishers);
    s->service = PICK(services);
    const char *name = PICK(subject_names);
    topic_subject(name, strlen(name), s->subject, sizeof s->subject);
    (void)topic_language(member_of(o, "language"), language);
    if (below(4) == 0) (void)snprintf(language, sizeof language, "und"); /* an earlier version */
    if (s->ours)
        (void)snprintf(topic, sizeof topic, "news/%s/%s/%s/%u/%s", s->publisher, s->service,
                       language, 1 + below(9), s->subject);
    else (void)snprintf(topic, sizeof topic, "other/%s", s->publisher);
    come(&s->came, topic, bytes);
    s->came.subject.unread = below(2);
    s->came.subject.starred = below(2);
    json_decref(o);
    free(bytes);
}

/* ---- the naive reading of an item ---- */

static const char *first_of(const struct sample *s, const char *name, const char *member)
{
    const json_t *one = json_array_get(json_object_get(s->came.tree, name), 0);
    return one ? member_of(one, member) : NULL;
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static void put_naive(struct buf *out, const struct sample *s, const char *field);

/* The parts of "text", in its order. */
static void put_naive_parts(struct buf *out, const struct sample *s)
{
    static const char *const parts[] = {"headline", "source",      "located",
                                        "by",       "description", "body"};
    for (size_t i = 0; i < COUNT(parts); i++) {
        if (i == 4 && !first_of(s, "bodies", "value")) continue; /* the body is the description */
        put_naive(out, s, parts[i]);
        buf_putc(out, '\n');
    }
}

static void put_local(struct buf *out, const struct sample *s, bool clock)
{
    struct tm tm;
    time_t local = (time_t)(s->made_ms / 1000 + 3600);
    if (!s->has_made || !gmtime_r(&local, &tm)) return;
    if (clock) buf_printf(out, "%02d:%02d", tm.tm_hour, tm.tm_min);
    else buf_printf(out, "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
}

static void put_naive(struct buf *out, const struct sample *s, const char *field)
{
    const json_t *o = s->came.tree;
    const char *headline = first_of(s, "headlines", "value"),
               *body = first_of(s, "bodies", "value"), *source = first_of(s, "infoSources", "name"),
               *description = or_empty(first_of(s, "descriptions", "value"));
    const json_t *urgency = json_object_get(o, "urgency");
    if (!strcmp(field, "text")) put_naive_parts(out, s);
    else if (!strcmp(field, "headline")) buf_puts(out, headline ? headline : member_of(o, "title"));
    else if (!strcmp(field, "description")) buf_puts(out, description);
    else if (!strcmp(field, "body")) buf_puts(out, body ? body : description);
    else if (!strcmp(field, "source")) buf_puts(out, source ? source : s->ours ? s->publisher : "");
    else if (!strcmp(field, "publisher")) buf_puts(out, s->ours ? s->publisher : "");
    else if (!strcmp(field, "service")) buf_puts(out, s->ours ? s->service : "");
    else if (!strcmp(field, "subject")) buf_puts(out, s->ours ? s->subject : "");
    else if (!strcmp(field, "topic")) buf_puts(out, s->came.topic);
    else if (!strcmp(field, "date")) put_local(out, s, false);
    else if (!strcmp(field, "time")) put_local(out, s, true);
    else if (!strcmp(field, "urgency"))
        buf_printf(out, "%d", urgency ? (int)json_integer_value(urgency) : 5);
    else buf_puts(out, member_of(o, field)); /* by, located, language, version, uri */
    buf_puts(out, "");
}

static void put_words(struct buf *out, const char *text)
{
    buf_putc(out, ' ');
    text_words(out, text, strlen(text));
}

/* The words of a subject are those of its parts; "|" is in no word. */
static void put_subject_words(struct buf *out, const struct sample *s)
{
    char levels[TOPIC_MAX];
    size_t i;
    const json_t *one;
    (void)snprintf(levels, sizeof levels, "%s", s->ours ? s->subject : "");
    for (char *level = strtok(levels, "/"); level; level = strtok(NULL, "/")) {
        put_words(out, level);
        buf_putc(out, '|');
    }
    json_array_foreach(json_object_get(s->came.tree, "subjects"), i, one)
    {
        put_words(out, member_of(one, "name"));
        buf_putc(out, '|');
    }
    buf_puts(out, "");
}

/* ---- random comparisons, and the naive answer ---- */

struct question {
    const char *field; /* NULL: a term */
    const char *op;
    char value[200], to[40]; /* to: of between */
    bool star;               /* a word that ends with "*" */
};

static const char *const text_fields[] = {"text", "headline", "description", "body", "source",
                                          "by",   "located",  "uri",         "topic"};
static const char *const level_fields[] = {"publisher", "service", "subject", "language"};
static const char *const number_fields[] = {"urgency",   "version", "age",
                                            "published", "date",    "time"};
static const char *const text_ops[] = {"=", "==", "!=", "=~", "!~", "#", "!#"};
static const char *const number_ops[] = {"=", "!=", "<", ">", "<=", ">=", "between"};

static bool is_one_of(const char *word, const char *const *of, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(word, of[i]) == 0) return true;
    return false;
}

static void random_number(const char *field, char *out, size_t size)
{
    int64_t ms = NOW_MS - (int64_t)below(96) * HOUR_MS;
    char text[DATE_RFC3339_SIZE];
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    date_rfc3339(ms, text);
    if (!strcmp(field, "age")) (void)snprintf(out, size, below(2) ? "%uh" : "%u", below(5));
    else if (!strcmp(field, "published")) (void)snprintf(out, size, "%s", text);
    else if (!strcmp(field, "date")) (void)strftime(out, size, "%Y-%m-%d", gmtime_r(&seconds, &tm));
    else if (!strcmp(field, "time")) (void)strftime(out, size, "%H:%M", gmtime_r(&seconds, &tm));
    else (void)snprintf(out, size, "%u", below(12));
}

static void random_value(struct question *q, const struct sample *s)
{
    struct buf raw = {0};
    char *words = random_text(2);
    put_naive(&raw, s, q->field ? q->field : "headline");
    bool own = below(2) && raw.len < sizeof q->value && !strchr(raw.data, '\n');
    (void)snprintf(q->value, sizeof q->value, "%s", own ? raw.data : words);
    if (is_one_of(q->field ? q->field : "", level_fields, COUNT(level_fields)) && !own)
        (void)snprintf(q->value, sizeof q->value, "%s",
                       below(2)   ? PICK(tags)
                       : below(2) ? PICK(publishers)
                                  : PICK(subject_names));
    buf_deinit(&raw);
    free(words);
}

/* A pattern that a naive reader understands: ASCII letters, perhaps anchored. */
static void random_pattern(struct question *q)
{
    static const char *const letters[] = {"bud", "o", "PORT", "th", "2", "a", "fp"};
    (void)snprintf(q->value, sizeof q->value, "%s%s%s", below(4) ? "" : "^", PICK(letters),
                   below(4) ? "" : "$");
}

static bool has_any_word(const char *text)
{
    struct buf words = {0};
    put_words(&words, text);
    bool any = words.len > 1;
    buf_deinit(&words);
    return any;
}

static void random_words(struct question *q, const struct sample *s)
{
    do
        random_value(q, s);
    while (!has_any_word(q->value));
    if (below(3)) return;
    (void)snprintf(q->value, sizeof q->value, "%s", below(2) ? "bud" : "por");
    q->star = true;
}

static void random_question(struct question *q, const struct sample *s)
{
    *q = (struct question){0};
    switch (below(6)) {
    case 0: q->op = "#"; break;
    case 1: q->field = below(2) ? "unread" : "starred"; break;
    case 2: q->field = PICK(number_fields); break;
    case 3: q->field = PICK(level_fields); break;
    default: q->field = PICK(text_fields); break;
    }
    if (q->field && is_one_of(q->field, number_fields, COUNT(number_fields))) {
        q->op = PICK(number_ops);
        random_number(q->field, q->value, sizeof q->value);
        random_number(q->field, q->to, sizeof q->to);
    } else if (q->field && (!strcmp(q->field, "unread") || !strcmp(q->field, "starred"))) {
        q->op = below(2) ? "=" : "!=";
        (void)snprintf(q->value, sizeof q->value, "%s", below(2) ? "yes" : "no");
    } else {
        if (!q->op) q->op = PICK(text_ops);
        if (strchr(q->op, '~')) random_pattern(q);
        else if (strchr(q->op, '#')) random_words(q, s);
        else random_value(q, s);
    }
}

static bool naive_number(const char *field, const char *text, int64_t *n)
{
    int y, m, d;
    if (!strcmp(field, "published")) return date_parse_rfc3339(text, strlen(text), n);
    if (!strcmp(field, "date")) {
        if (sscanf(text, "%d-%d-%d", &y, &m, &d) != 3) return false;
        *n = (y * 12 + m) * 31 + d;
        return true;
    }
    if (!strcmp(field, "time")) {
        if (sscanf(text, "%d:%d", &y, &m) != 2) return false;
        *n = y * 60 + m;
        return true;
    }
    if (!*text || strspn(text, "0123456789") != strlen(text)) {
        if (strcmp(field, "age") != 0) return false;
        *n = atoll(text) * HOUR_MS; /* written with "h" here */
        return true;
    }
    *n = atoll(text) * (strcmp(field, "age") ? 1 : 24 * HOUR_MS);
    return true;
}

static bool naive_compare(const struct question *q, const struct sample *s)
{
    int64_t have = 0, want, to;
    struct buf raw = {0};
    bool has = s->has_made;
    if (!strcmp(q->field, "age")) have = NOW_MS - s->made_ms;
    else if (!strcmp(q->field, "published")) have = s->made_ms;
    else {
        put_naive(&raw, s, q->field);
        has = naive_number(q->field, raw.data, &have);
        buf_deinit(&raw);
    }
    assert_true(naive_number(q->field, q->value, &want) && naive_number(q->field, q->to, &to));
    if (!strcmp(q->op, "!=")) return !has || have != want;
    if (!has) return false;
    if (!strcmp(q->op, "=")) return have == want;
    if (!strcmp(q->op, "<")) return have < want;
    if (!strcmp(q->op, ">")) return have > want;
    if (!strcmp(q->op, "<=")) return have <= want;
    if (!strcmp(q->op, ">=")) return have >= want;
    return (have >= want && have <= to) || (have >= to && have <= want);
}

static bool naive_equal_words(const char *a, const char *b, bool language)
{
    struct buf x = {0}, y = {0};
    put_words(&x, a); /* of the item */
    put_words(&y, b);
    bool same = y.len == 1 ? strcmp(a, b) == 0
                           : strncmp(x.data, y.data, y.len) == 0 && (language || x.len == y.len);
    buf_deinit(&x);
    buf_deinit(&y);
    return same;
}

static bool naive_equal(const struct question *q, const char *raw)
{
    char slug[TOPIC_SLUG_MAX + 1], path[TOPIC_MAX];
    size_t len = strlen(q->value);
    if (!strcmp(q->field, "uri") || !strcmp(q->field, "topic")) return !strcmp(raw, q->value);
    if (!strcmp(q->field, "publisher") || !strcmp(q->field, "service")) {
        topic_slug(q->value, len, slug);
        return !strcmp(raw, slug);
    }
    if (!strcmp(q->field, "subject")) {
        if (len == 0) return !*raw;
        topic_subject(q->value, len, path, sizeof path);
        size_t n = strlen(path);
        return !strncmp(raw, path, n) && (!raw[n] || raw[n] == '/');
    }
    return naive_equal_words(raw, q->value, !strcmp(q->field, "language"));
}

/* Anchors count at the ends of the text alone, "$" before a last newline as well. */
static bool naive_finds(const char *pattern, const char *raw)
{
    char want[40];
    bool from_start = *pattern == '^', to_end = strchr(pattern, '$') != NULL;
    (void)snprintf(want, sizeof want, "%.*s", (int)strcspn(pattern + from_start, "$"),
                   pattern + from_start);
    size_t len = strlen(want), end = strlen(raw);
    for (const char *at = raw; (at = strcasestr(at, want)); at++) {
        size_t rest = end - (size_t)(at - raw) - len;
        if (from_start && at != raw) continue;
        if (!to_end || rest == 0 || (rest == 1 && raw[end - 1] == '\n')) return true;
    }
    return false;
}

static bool naive_has(const struct question *q, const struct sample *s, const char *raw)
{
    struct buf have = {0}, want = {0};
    if (q->field && !strcmp(q->field, "subject")) put_subject_words(&have, s);
    else put_words(&have, raw);
    put_words(&want, q->value);
    buf_truncate(&want, want.len - q->star);
    bool found = strstr(have.data, want.data) != NULL;
    buf_deinit(&have);
    buf_deinit(&want);
    return found;
}

static bool naive_ask(const struct question *q, const struct sample *s)
{
    struct buf raw = {0};
    bool yes;
    if (q->field && is_one_of(q->field, number_fields, COUNT(number_fields)))
        return naive_compare(q, s);
    if (q->field && (!strcmp(q->field, "unread") || !strcmp(q->field, "starred"))) {
        bool have = *q->field == 'u' ? s->came.subject.unread : s->came.subject.starred;
        return (have == !strcmp(q->value, "yes")) == !strcmp(q->op, "=");
    }
    put_naive(&raw, s, q->field ? q->field : "text");
    if (strchr(q->op, '#')) yes = naive_has(q, s, raw.data);
    else if (strchr(q->op, '~')) yes = naive_finds(q->value, raw.data);
    else yes = naive_equal(q, raw.data);
    buf_deinit(&raw);
    return yes != (*q->op == '!');
}

static void put_quoted(struct buf *out, const char *value)
{
    buf_putc(out, '"');
    for (; *value; value++) {
        if (*value == '"' || *value == '\\') buf_putc(out, '\\');
        buf_putc(out, *value);
    }
    buf_putc(out, '"');
}

static void put_question(struct buf *out, const struct question *q)
{
    const char *blank = below(2) ? " " : "";
    if (q->field && !strcmp(q->op, "between")) {
        buf_printf(out, "%s between \"%s\"%s:%s\"%s\"", q->field, q->value, blank, blank, q->to);
        return;
    }
    if (q->field) buf_printf(out, "%s%s%s%s", q->field, blank, q->op, blank);
    if (q->star) buf_printf(out, "%s*", q->value);
    else put_quoted(out, q->value);
}

/* ---- random expressions ---- */

enum { AND, OR, NOT, LEAF };
struct tree {
    int kind;
    size_t first, second; /* in the pool */
    struct question question;
};
static struct tree pool[NODES_MAX];
static size_t pool_count;

static size_t random_tree(unsigned depth, const struct sample *samples)
{
    size_t at = pool_count++;
    struct tree *t = &pool[at];
    t->kind = depth == 0 ? LEAF : (int)below(4);
    if (t->kind == LEAF) random_question(&t->question, &samples[below(ITEMS)]);
    if (t->kind != LEAF) t->first = random_tree(depth - 1, samples);
    if (t->kind == AND || t->kind == OR) t->second = random_tree(depth - 1, samples);
    return at;
}

/* "and" binds closer: an "or" below it needs parentheses, others may have them. */
static void put_tree(struct buf *out, size_t at, int above)
{
    const struct tree *t = &pool[at];
    bool open = above == NOT || (above == AND && t->kind == OR) || below(4) == 0;
    if (open) buf_putc(out, '(');
    if (t->kind == LEAF) put_question(out, &t->question);
    if (t->kind == NOT) buf_puts(out, below(2) ? "not " : "!");
    if (t->kind != LEAF) put_tree(out, t->first, t->kind);
    if (t->kind == AND || t->kind == OR) {
        buf_puts(out, t->kind == AND ? " and " : " or ");
        put_tree(out, t->second, t->kind);
    }
    if (open) buf_putc(out, ')');
}

static bool naive_tree(size_t at, const struct sample *s)
{
    const struct tree *t = &pool[at];
    switch (t->kind) {
    case AND: return naive_tree(t->first, s) && naive_tree(t->second, s);
    case OR: return naive_tree(t->first, s) || naive_tree(t->second, s);
    case NOT: return !naive_tree(t->first, s);
    default: return naive_ask(&t->question, s);
    }
}

/* ---- what is checked of each pair ---- */

static bool level_is_let_through(const struct filter_names *names, const char *level, bool deeper)
{
    for (size_t i = 0; i < names->count; i++) {
        size_t len = strlen(names->items[i]);
        bool same = strncmp(names->items[i], level, len) == 0;
        if (same && (!level[len] || (deeper && level[len] == '/'))) return true;
    }
    return names->count == 0;
}

/* By the names themselves, and by the filters a broker would be given. */
static bool is_let_through(const struct filter_topics *t, const struct sample *s)
{
    const struct topic_choice choice = {.publishers = t->publishers.items,
                                        .publisher_count = t->publishers.count,
                                        .services = t->services.items,
                                        .service_count = t->services.count,
                                        .languages = t->languages.items,
                                        .language_count = t->languages.count,
                                        .subjects = t->subjects.items,
                                        .subject_count = t->subjects.count,
                                        .urgency_least = 1,
                                        .urgency_most = 9};
    char language[TOPIC_LANGUAGE_MAX + 1] = "";
    static struct topic_filters made;
    struct news_error err = {0};
    if (t->nothing) return false;
    if (!s->ours) /* it may still say its language */
        return t->publishers.count + t->services.count + t->subjects.count == 0;
    (void)sscanf(s->came.topic, "news/%*[^/]/%*[^/]/%8[^/]", language);
    if (!level_is_let_through(&t->publishers, s->publisher, false) ||
        !level_is_let_through(&t->services, s->service, false) ||
        !level_is_let_through(&t->languages, language, false) ||
        !level_is_let_through(&t->subjects, s->subject, true))
        return false;
    if (!topic_filters_make(&choice, &made, &err)) fail_msg("%s", err.message);
    for (size_t i = 0; i < made.count; i++)
        if (topic_matches(made.text[i], s->came.topic)) return true;
    return false;
}

/* Which samples the index finds. */
static void look_up(sqlite3 *db, const char *match, bool found[ITEMS])
{
    sqlite3_stmt *q;
    int rc;
    memset(found, 0, ITEMS * sizeof *found);
    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT rowid FROM words WHERE words MATCH ?1", -1, &q, NULL),
        SQLITE_OK);
    (void)sqlite3_bind_text(q, 1, match, -1, SQLITE_STATIC);
    while ((rc = sqlite3_step(q)) == SQLITE_ROW)
        found[sqlite3_column_int64(q, 0)] = true;
    if (rc != SQLITE_DONE) fail_msg("%s: %s", match, sqlite3_errmsg(db));
    (void)sqlite3_finalize(q);
}

struct tally {
    size_t matched, narrowed, searched, exact;
};

static void check_expression(const char *text, size_t root, const struct sample *samples,
                             sqlite3 *db, struct tally *tally)
{
    struct filter *f = parsed(text);
    struct filter_topics topics;
    struct buf match = {0};
    bool exact, found[ITEMS];
    filter_narrow(f, &topics);
    bool searched = filter_search(f, &match, &exact);
    if (searched) look_up(db, match.data, found);
    for (size_t i = 0; i < ITEMS; i++) {
        const struct sample *s = &samples[i];
        bool expected = naive_tree(root, s);
        bool got = filter_match(f, &s->came.subject) == FILTER_YES;
        if (got != expected)
            fail_msg("%s\non %s %s\nis %d", text, s->came.topic, s->came.bytes, got);
        if (got && !is_let_through(&topics, s)) fail_msg("%s\nexcludes %s", text, s->came.topic);
        if (searched && (got ? !found[i] : exact && found[i]))
            fail_msg("%s\nasks %s, which %s %s", text, match.data, found[i] ? "finds" : "misses",
                     s->came.bytes);
        tally->matched += got;
        tally->narrowed += !is_let_through(&topics, s);
        tally->searched += searched && !found[i];
    }
    tally->exact += exact;
    buf_deinit(&match);
    filter_free(f);
}

static void a_naive_reading_of_random_expressions_agrees(void **state)
{
    (void)state;
    static struct sample samples[ITEMS];
    const char *given = getenv("NEWS_SEED");
    struct tally tally = {0};
    sqlite3 *db = index_new();
    seed = given ? strtoull(given, NULL, 10) : 20261123;
    print_message("NEWS_SEED=%llu\n", (unsigned long long)seed);
    for (uint32_t i = 0; i < ITEMS; i++) {
        struct buf words = {0};
        random_sample(&samples[i], i);
        samples[i].came.subject.arrival = &samples[i].came.a;
        arrival_words(&samples[i].came.a, &words);
        index_add(db, i, &words);
        buf_deinit(&words);
    }
    for (size_t i = 0; i < EXPRESSIONS; i++) {
        struct buf text = {0};
        pool_count = 0;
        size_t root = random_tree(3, samples);
        put_tree(&text, root, OR);
        check_expression(text.data, root, samples, db, &tally);
        buf_deinit(&text);
    }
    /* that it is not all yes, all no, or never asked */
    assert_in_range(tally.matched, EXPRESSIONS * ITEMS / 10, EXPRESSIONS * ITEMS * 9 / 10);
    assert_true(tally.narrowed > EXPRESSIONS && tally.searched > EXPRESSIONS && tally.exact > 10);
    for (size_t i = 0; i < ITEMS; i++)
        go(&samples[i].came);
    (void)sqlite3_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_expression_is_told_with_its_place),
        cmocka_unit_test(length_depth_and_number_of_comparisons_are_bounded),
        cmocka_unit_test(a_filter_keeps_its_own_text),
        cmocka_unit_test(it_is_known_whether_marks_and_time_count),
        cmocka_unit_test(every_operator_means_what_the_header_says),
        cmocka_unit_test(marks_are_those_of_the_moment),
        cmocka_unit_test(a_summary_is_the_body_of_an_item_without_one),
        cmocka_unit_test(a_field_of_a_foreign_topic_is_empty),
        cmocka_unit_test(of_a_long_field_the_beginning_is_looked_at),
        cmocka_unit_test(a_hostile_regular_expression_gives_up_soon),
        cmocka_unit_test(a_long_text_is_searched_through),
        cmocka_unit_test(a_text_beyond_all_bounds_is_not_looked_through),
        cmocka_unit_test(what_is_unsure_stays_so_unless_the_rest_decides),
        cmocka_unit_test(the_topic_is_asked_what_it_can_say),
        cmocka_unit_test(too_many_names_are_any),
        cmocka_unit_test(the_index_is_asked_what_it_can_say),
        cmocka_unit_test(the_indexs_tokenizer_leaves_every_word_as_it_is),
        cmocka_unit_test(a_naive_reading_of_random_expressions_agrees),
    };
    return cmocka_run_group_tests(tests, berlin, NULL);
}
