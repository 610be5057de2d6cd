#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/topic.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* --------------------------------------------------------------------------------------- Slugs */

static void a_slug_is_what_is_left_of_a_text_in_plain_letters(void **state)
{
    (void)state;
    static const struct {
        const char *text, *slug;
    } cases[] = {
        {"Sport", "sport"},
        {"sport-news-24", "sport-news-24"},
        {"  Sport  &  News!  ", "sport-news"},
        {"a/b>c+d#e", "a-b-c-d-e"},
        {"---a---b---", "a-b"},
        {"Caf\xc3\xa9 \xc3\x80 la carte", "cafe-a-la-carte"},
        {"Cafe\xcc\x81", "cafe"}, /* a combining mark */
        {"Stra\xc3\x9f"
         "e",
         "stra-e"},                                    /* \u00df has no decomposition */
        {"\xc4\xb0stanbul", "istanbul"},               /* \u0130 */
        {"d\xc4\xb1\xc5\x9f", "d-s"},                  /* dotless \u0131 is no i */
        {"\xef\xac\x81lm \xef\xac\x83x", "film-ffix"}, /* ligatures */
        {"\xef\xbc\xb3\xef\xbd\x90\xef\xbd\x8f\xef\xbc\x91", "spo1"}, /* full width */
        {"\xe2\x84\xab", "a"},                                        /* ANGSTROM SIGN */
        {"x\xc2\xb2", "x2"},
        {"\xe2\x85\xa3", "iv"}, /* ROMAN NUMERAL FOUR */
        {"\xd0\xa1\xd0\xbf\xd0\xbe\xd1\x80\xd1\x82 24", "24"},
        {"", ""},
        {"0", "0"},
        {"abcdefghijklmnopqrstuvwxyz0123456789", "abcdefghijklmnopqrstuvwxyz012345"},
        {"abcdefghijklmnopqrstuvwxyz01234 6789", "abcdefghijklmnopqrstuvwxyz01234"},
        {"abcdefghijklmnopqrstuvwxyz0123 6789", "abcdefghijklmnopqrstuvwxyz0123-6"},
        {"abcdefghijklmnopqrstuvwxyz012345 ", "abcdefghijklmnopqrstuvwxyz012345"},
        {"abcdefghijklmnopqrstuvwxyz01234\xef\xac\x83", "abcdefghijklmnopqrstuvwxyz01234f"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char slug[TOPIC_SLUG_MAX + 1];
        topic_slug(cases[i].text, strlen(cases[i].text), slug);
        if (strcmp(slug, cases[i].slug) != 0) fail_msg("%s: %s", cases[i].text, slug);
    }
}

static void assert_hash_slug(const char *slug)
{
    assert_int_equal(strlen(slug), 10);
    assert_memory_equal(slug, "x-", 2);
    assert_int_equal(strspn(slug + 2, "0123456789abcdef"), 8);
}

static void a_text_without_plain_letters_becomes_a_hash(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\xd8\xb1\xd9\x8a\xd8\xa7\xd8\xb6\xd8\xa9", /* Arabic */
        "\xe4\xbd\x93\xe8\x82\xb2",                 /* Chinese */
        "\xd0\xa1\xd0\xbf\xd0\xbe\xd1\x80\xd1\x82", /* Cyrillic */
        "\xe0\xa4\x96\xe0\xa5\x87\xe0\xa4\xb2",
        "\xf0\x9f\x9a\x80", /* Hindi, an emoji */
        "---",
        " ",
        "+",
        "#",
        "\xc3\x9f",
        "\xff",
        "\xe4\xbd",
    };
    char slugs[COUNT(texts)][TOPIC_SLUG_MAX + 1];
    for (size_t i = 0; i < COUNT(texts); i++) {
        topic_slug(texts[i], strlen(texts[i]), slugs[i]);
        assert_hash_slug(slugs[i]);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(slugs[i], slugs[j]);
        char again[TOPIC_SLUG_MAX + 1];
        topic_slug(slugs[i], strlen(slugs[i]), again);
        assert_string_equal(again, slugs[i]);
    }
    /* FNV-1a, 32 bits: other programs compute it, too. */
    assert_string_equal(slugs[1], "x-da7b8259");
}

static void only_len_bytes_are_looked_at(void **state)
{
    (void)state;
    char slug[TOPIC_SLUG_MAX + 1];
    topic_slug("sportsman", 5, slug);
    assert_string_equal(slug, "sport");
    topic_slug("sport", 0, slug);
    assert_string_equal(slug, "");
}

static void a_very_long_text_is_cut_at_a_character(void **state)
{
    (void)state;
    char slug[TOPIC_SLUG_MAX + 1], text[2000];
    for (size_t shift = 0; shift < 2; shift++) {
        memset(text, ' ', sizeof text);
        memcpy(text + shift, "start", 5);
        for (size_t i = 10 + shift; i + 1 < sizeof text; i += 2)
            memcpy(text + i, "\xc3\x9f", 2);
        topic_slug(text, sizeof text - 2 + shift, slug);
        assert_string_equal(slug, "start");
    }
}

/* ------------------------------------------------------------------------------------ Subjects */

static void subjects_start_with_a_top_level_of_the_media_topics(void **state)
{
    (void)state;
    static const struct {
        const char *text, *subject;
    } cases[] = {
        {"Sport", "sport"},
        {"SPORTS", "sport"},
        {"Fu\xc3\x9f"
         "ball",
         "sport/football"},
        {"F\xc3\xbatbol", "sport/football"},
        {"soccer", "sport/football"},
        {"\xe4\xbd\x93\xe8\x82\xb2", "sport"},
        {"\xd8\xb1\xd9\x8a\xd8\xa7\xd8\xb6\xd8\xa9", "sport"},
        {"\xd0\xa1\xd0\x9f\xd0\x9e\xd0\xa0\xd0\xa2", "sport"},
        {"medtop:15000000", "sport"},
        {"http://cv.iptc.org/newscodes/mediatopic/11000000", "politics"},
        {"Arts & Culture", "general/arts-culture"},
        {"arts and culture", "arts"},
        {"politics/elections", "politics/elections"},
        {"Politik > Wahlen > Bund", "politics/wahlen/bund"},
        {"sport/football", "sport/football"},
        {"sport//football/", "sport/football"},
        {"soccer/cup", "sport/football/cup"},
        {"sport/a/b/c/d/e", "sport/a/b/c"},
        {"soccer/a/b/c/d", "sport/football/a/b"},
        {"Gardening", "general/gardening"},
        {"Gardening/Roses", "general/gardening/roses"},
        {"a/b/c/d/e", "general/a/b/c"},
        {"general", "general"},
        {"general/x", "general/x"},
        {"General", "general"},
        {"", "general"},
        {"/", "general"},
        {"///", "general"},
        {" / ", "general/x-250c8f7f/x-250c8f7f"},
        {"sport/x/+", "sport/x/x-2e0c9daa"},
        {"\xe5\x9b\xad\xe8\x89\xba", "general/x-e735f557"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char subject[TOPIC_MAX];
        topic_subject(cases[i].text, strlen(cases[i].text), subject, sizeof subject);
        if (strcmp(subject, cases[i].subject) != 0)
            fail_msg("\"%s\": %s, not %s", cases[i].text, subject, cases[i].subject);
    }
}

static void every_subject_is_four_levels_of_slugs_at_most(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "/",
        "a",
        "sport/\xff/\xe4\xbd/b",
        "\xe4\xbd\x93/\xe8\x82\xb2/x/y/z",
        ">>>a>>b",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb/"
        "cccccccccccccccccccccccccccccccccccc/ddddddddddddddddddddddddddddddddddddddddddd/e",
    };
    for (size_t i = 0; i < COUNT(texts); i++)
        for (size_t size = 8; size <= TOPIC_MAX; size *= 2) {
            char subject[TOPIC_MAX];
            memset(subject, '?', sizeof subject);
            topic_subject(texts[i], strlen(texts[i]), subject, size);
            assert_true(strlen(subject) < size);
            size_t levels = 1;
            for (const char *p = subject; *p; p++)
                levels += *p == '/';
            assert_true(levels <= TOPIC_SUBJECTS_MAX);
            assert_int_equal(strspn(subject, "abcdefghijklmnopqrstuvwxyz0123456789-/"),
                             strlen(subject));
        }
}

/* A reader who copies the subject of a topic into --subject gets that subject. */
static void a_subject_leads_to_itself(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "soccer",
        "Gardening/Roses",
        "a/b/c/d",
        "politik/wahlen",
        "wirtschaft/business-and-finance",
        "science/and technology",
        "crime/law and justice",
        "general/general",
        "sport/sport",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        char once[TOPIC_MAX], twice[TOPIC_MAX];
        topic_subject(texts[i], strlen(texts[i]), once, sizeof once);
        topic_subject(once, strlen(once), twice, sizeof twice);
        if (strcmp(once, twice) != 0) fail_msg("%s: %s, then %s", texts[i], once, twice);
    }
}

static void a_code_is_the_same_subject_however_it_is_written(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"15000000", "sport"},
        {"medtop:15000000", "sport"},
        {"http://cv.iptc.org/newscodes/mediatopic/15000000", "sport"},
        {"20001065", "general/20001065"},
        {"medtop:20001065", "general/20001065"},
        {"http://cv.iptc.org/newscodes/mediatopic/20001065", "general/20001065"},
        {"general/20001065", "general/20001065"},
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        char path[TOPIC_MAX];
        topic_subject(texts[i][0], strlen(texts[i][0]), path, sizeof path);
        assert_string_equal(path, texts[i][1]);
    }
}

/* --------------------------------------------------------------------------- The item's topic */

static const struct topic_place harbour = {.publisher = "harbour"};

static void assert_topic(const struct topic_place *place, const char *members, const char *expected)
{
    char text[4096], topic[TOPIC_MAX];
    struct ninjs item;
    struct ninjs_fault fault;
    (void)snprintf(text, sizeof text, "{\"uri\":\"u:1\"%s%s}", *members ? "," : "", members);
    if (!ninjs_check(text, strlen(text), &item, &fault)) fail_msg("%s: %s", text, fault.what);
    topic_of_item(place, &item, topic);
    if (strcmp(topic, expected) != 0) fail_msg("%s: %s, not %s", members, topic, expected);
    assert_true(topic_name_ok(topic, NULL));
}

static void the_topic_is_made_of_what_the_item_says(void **state)
{
    (void)state;
    static const struct {
        const char *members, *topic;
    } cases[] = {
        {"", "news/harbour/general/und/5/general"},
        {"\"language\":\"de-AT\",\"urgency\":3,\"subjects\":[{\"name\":\"Fussball\"}],"
         "\"infoSources\":[{\"name\":\"Hafenblatt\"}]",
         "news/harbour/hafenblatt/de/3/sport/football"},
        {"\"language\":\"FR\"", "news/harbour/general/fr/5/general"},
        {"\"language\":\"zh_Hans\"", "news/harbour/general/zh/5/general"},
        {"\"language\":\"gsw\"", "news/harbour/general/gsw/5/general"},
        {"\"language\":\"\"", "news/harbour/general/und/5/general"},
        {"\"language\":\"x-klingon\"", "news/harbour/general/und/5/general"},
        {"\"language\":\"d\"", "news/harbour/general/und/5/general"},
        {"\"language\":\"english!\"", "news/harbour/general/und/5/general"},
        {"\"language\":\"verylonglanguage\"", "news/harbour/general/und/5/general"},
        {"\"language\":\"\xd1\x80\xd1\x83\"", "news/harbour/general/und/5/general"},
        /* the first subject that leads to a Media Topic decides */
        {"\"subjects\":[{\"name\":\"Roses\"},{\"name\":\"n\",\"uri\":\"medtop:15000000\"},"
         "{\"name\":\"politics\"}]",
         "news/harbour/general/und/5/sport"},
        {"\"subjects\":[{\"literal\":\"politics\"}]", "news/harbour/general/und/5/politics"},
        {"\"subjects\":[{\"name\":\"Roses\"},{\"name\":\"Tulips\"}]",
         "news/harbour/general/und/5/general/roses"},
        {"\"subjects\":[{\"uri\":\"http://a.example/x\"}]", "news/harbour/general/und/5/general"},
        {"\"subjects\":[]", "news/harbour/general/und/5/general"},
        {"\"subjects\":[{\"name\":\"\"},{\"name\":\"Roses\"}]",
         "news/harbour/general/und/5/general/roses"},
        {"\"subjects\":[{\"name\":\"Isr\\u00e4el+#\\/Gaza\"}]",
         "news/harbour/general/und/5/general/israel/gaza"},
        {"\"infoSources\":[{\"name\":\"\xe6\xb8\xaf\"}]", "news/harbour/x-17052f54/und/5/general"},
        {"\"infoSources\":[{\"name\":\"\"}]", "news/harbour/general/und/5/general"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_topic(&harbour, cases[i].members, cases[i].topic);
}

static void the_place_says_what_the_item_does_not(void **state)
{
    (void)state;
    static const struct topic_place place = {.root = "wire",
                                             .publisher = "harbour",
                                             .service = "Foreign Desk",
                                             .language = "fr-CA",
                                             .subject = "soccer",
                                             .urgency = 2};
    assert_topic(&place, "", "wire/harbour/foreign-desk/fr/2/sport/football");
    assert_topic(&place,
                 "\"language\":\"de\",\"urgency\":7,\"subjects\":[{\"name\":\"Roses\"}],"
                 "\"infoSources\":[{\"name\":\"Other\"}]",
                 "wire/harbour/foreign-desk/de/7/general/roses");
}

/* Else no filter of --urgency would ever find the item. */
static void the_urgency_of_a_topic_is_one_to_nine(void **state)
{
    (void)state;
    assert_topic(&harbour, "\"urgency\":0.5e1", "news/harbour/general/und/5/general");
    assert_topic(&harbour, "\"urgency\":90e-1", "news/harbour/general/und/9/general");
}

/* Texts are looked at up to a bound, which must not split a character: then nothing is left. */
static void long_names_still_make_slugs(void **state)
{
    (void)state;
    char members[1024];
    for (size_t pad = 0; pad < 2; pad++) {
        struct buf name = {0};
        buf_puts(&name, "harbour of the long names ");
        for (size_t i = 0; i < pad; i++)
            buf_putc(&name, 'x');
        while (name.len < 400)
            buf_puts(&name, "\xc3\xa9");
        (void)snprintf(members, sizeof members, "\"infoSources\":[{\"name\":\"%s\"}]", name.data);
        buf_deinit(&name);
        assert_topic(&harbour, members,
                     pad ? "news/harbour/harbour-of-the-long-names-xeeeee/und/5/general"
                         : "news/harbour/harbour-of-the-long-names-eeeeee/und/5/general");
    }
}

static void the_levels_of_a_topic_are_found_again(void **state)
{
    (void)state;
    struct topic_levels l;
    assert_true(topic_split("news", "news/harbour/world/fr/3/sport/football", &l));
    assert_int_equal(l.publisher_len, 7);
    assert_memory_equal(l.publisher, "harbour", 7);
    assert_int_equal(l.service_len, 5);
    assert_memory_equal(l.service, "world", 5);
    assert_int_equal(l.language_len, 2);
    assert_memory_equal(l.language, "fr", 2);
    assert_int_equal(l.urgency_len, 1);
    assert_memory_equal(l.urgency, "3", 1);
    assert_int_equal(l.subject_len, 14);
    assert_string_equal(l.subject, "sport/football");
    static const char *const others[] = {
        "news",
        "news/",
        "news/a/b/c/5",
        "news/a/b/c/5/",
        "other/a/b/c/5/d",
        "newsx/a/b/c/5/d",
        "/a/b/c/5/d",
        "",
        "News/a/b/c/5/general",
    };
    for (size_t i = 0; i < COUNT(others); i++)
        if (topic_split("news", others[i], &l)) fail_msg("%s", others[i]);
}

/* STYLE: outputs are set only on success. */
static void a_topic_that_is_not_ours_leaves_the_levels_alone(void **state)
{
    (void)state;
    struct topic_levels l = {0};
    assert_false(topic_split("news", "news/a/b/c/5", &l));
    assert_null(l.publisher);
    assert_null(l.subject);
}

/* ----------------------------------------------------------------- MQTT 5.0 section 4.7 (names) */

static void topic_names_are_text_without_wildcards(void **state)
{
    (void)state;
    static const struct {
        const char *topic;
        bool name, filter;
    } cases[] = {
        {"a", true, true},
        {"/", true, true},
        {"//", true, true},
        {"/a", true, true},
        {"a/", true, true},
        {" ", true, true},
        {"Accounts payable", true, true},
        {"$SYS/x", true, true},
        {"\xe6\xb8\xaf/\xc3\xa9", true, true},
        {"\xf4\x8f\xbf\xbd", true, true},
        {"", false, false},
        {"a\x01", false, false},
        {"a\n", false, false},
        {"a\x7f", false, false},
        {"a\xc2\x9b", false, false},
        {"a\xff", false, false},
        {"a\xc3", false, false},
        {"\xed\xa0\x80", false, false},
        {"\xc0\x80", false, false},
        /* 4.7.1.2 and 4.7.1.3: their own examples */
        {"sport/tennis/player1/#", false, true},
        {"sport/#", false, true},
        {"#", false, true},
        {"sport/tennis/#", false, true},
        {"sport/tennis#", false, false},
        {"sport/tennis/#/ranking", false, false},
        {"sport/tennis/+", false, true},
        {"sport/+", false, true},
        {"+", false, true},
        {"+/tennis/#", false, true},
        {"sport+", false, false},
        {"sport/+/player1", false, true},
        {"+/+", false, true},
        {"/+", false, true},
        {"+/monitor/Clients", false, true},
        {"$SYS/#", false, true},
        {"##", false, false},
        {"#/", false, false},
        {"#/#", false, false},
        {"++", false, false},
        {"+a", false, false},
        {"a+/b", false, false},
        {"a/+b", false, false},
        {"/#", false, true},
        {"//#", false, true},
        /* 4.8.2 */
        {"$share/consumer1/sport/tennis/+", false, true},
        {"$share/g/#", false, true},
        {"$share/g//", true, true},
        {"$share/g//x", true, true},
        {"$share/g/", true, false},
        {"$share/g", true, false},
        {"$share//x", true, false},
        {"$share/", true, false},
        {"$share/g+/x", false, false},
        {"$share/#/x", false, false},
        {"$share/#", false, false},
        {"$share/+/x", false, false},
        {"$share/g/a#", false, false},
        {"$shared/g+/x", false, false},
        {"$shared/+/x", false, true},
        {"$share", true, true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct news_error err = {0};
        bool name = topic_name_ok(cases[i].topic, &err);
        if (!name) assert_true(*err.message != '\0' && err.code == NEWS_ERR_DATA);
        bool filter = topic_filter_ok(cases[i].topic, &err);
        if (name != cases[i].name) fail_msg("name \"%s\": %d", cases[i].topic, name);
        if (filter != cases[i].filter) fail_msg("filter \"%s\": %d", cases[i].topic, filter);
    }
}

/* Section 1.5.4 has them with the control characters; Mosquitto closes the connection over either:
 * mosquitto_validate_utf8(). */
static void noncharacters_are_refused_as_brokers_do(void **state)
{
    (void)state;
    static const char *const topics[] = {"a\xef\xbf\xbf", "a\xef\xbf\xbe", "a\xef\xb7\x90",
                                         "a\xf0\x9f\xbf\xbe"};
    for (size_t i = 0; i < COUNT(topics); i++) {
        if (topic_name_ok(topics[i], NULL)) fail_msg("name %zu", i);
        if (topic_filter_ok(topics[i], NULL)) fail_msg("filter %zu", i);
    }
}

static void a_topic_has_at_most_65535_bytes(void **state)
{
    (void)state;
    char *topic = malloc(65537);
    assert_non_null(topic);
    memset(topic, 'a', 65536);
    topic[65536] = '\0';
    assert_false(topic_name_ok(topic, NULL));
    assert_false(topic_filter_ok(topic, NULL));
    topic[65535] = '\0';
    assert_true(topic_name_ok(topic, NULL));
    assert_true(topic_filter_ok(topic, NULL));
    free(topic);
}

static void filters_match_as_the_standard_says(void **state)
{
    (void)state;
    static const struct {
        const char *filter, *topic;
        bool matches;
    } cases[] = {
        /* 4.7.1.2 */
        {"sport/tennis/player1/#", "sport/tennis/player1", true},
        {"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
        {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
        {"sport/tennis/player1/#", "sport/tennis/player12", false},
        {"sport/tennis/player1/#", "sport/tennis", false},
        {"sport/#", "sport", true},
        {"sport/#", "sports", false},
        {"#", "sport", true},
        {"#", "a/b/c", true},
        {"#", "/", true},
        {"a/#", "a", true},
        {"a/#", "a/", true},
        {"a/b/#", "a", false},
        /* 4.7.1.3 */
        {"sport/tennis/+", "sport/tennis/player1", true},
        {"sport/tennis/+", "sport/tennis/player2", true},
        {"sport/tennis/+", "sport/tennis/player1/ranking", false},
        {"sport/+", "sport", false},
        {"sport/+", "sport/", true},
        {"+/+", "/finance", true},
        {"/+", "/finance", true},
        {"+", "/finance", false},
        {"+", "finance", true},
        {"+/tennis/#", "x/tennis", true},
        {"sport/+/player1", "sport/tennis/player1", true},
        {"sport/+/player1", "sport//player1", true},
        {"sport/+/player1", "sport/player1", false},
        /* 4.7.2 */
        {"#", "$SYS/monitor", false},
        {"+/monitor/Clients", "$SYS/monitor/Clients", false},
        {"$SYS/#", "$SYS/monitor/Clients", true},
        {"$SYS/#", "$SYS", true},
        {"$SYS/monitor/+", "$SYS/monitor/Clients", true},
        {"+", "$SYS", false},
        {"+/$x", "a/$x", true},
        /* 4.7.3 */
        {"ACCOUNTS", "Accounts", false},
        {"Accounts payable", "Accounts payable", true},
        {"/finance", "finance", false},
        {"finance/", "finance", false},
        {"finance", "finance/", false},
        {"/", "/", true},
        {"//", "//", true},
        {"//", "/", false},
        {"/", "//", false},
        {"+/", "a/", true},
        {"/+", "/", true},
        {"+/+/+", "//", true},
        {"+/+", "//", false},
        {"/#", "/", true},
        {"/#", "a", false},
        {"a/+/#", "a/b", true},
        {"a/+/#", "a", false},
        {"+/#", "a", true},
        {"ab", "abc", false},
        {"abc", "ab", false},
        {"a/b", "a/c", false},
        /* 4.8.2 */
        {"$share/consumer1/sport/#", "sport/tennis", true},
        {"$share/consumer1//finance", "/finance", true},
        {"$share/consumer1/sport/#", "consumer1/sport", false},
        {"$share/c/#", "$SYS/x", false},
        {"$share/c/$SYS/#", "$SYS/x", true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_true(topic_filter_ok(cases[i].filter, NULL));
        if (topic_matches(cases[i].filter, cases[i].topic) != cases[i].matches)
            fail_msg("%s and %s", cases[i].filter, cases[i].topic);
    }
}

/* ------------------------------------------------------------------------ The narrowest filters */

#define LIST(name) .name##s = (name), .name##_count = COUNT(name)

static struct topic_filters *made(const struct topic_choice *c)
{
    struct topic_filters *f = calloc(1, sizeof *f);
    struct news_error err = {0};
    assert_non_null(f);
    if (!topic_filters_make(c, f, &err)) fail_msg("%s", err.message);
    assert_true(f->count >= 1 && f->count <= TOPIC_FILTERS_MAX);
    for (size_t i = 0; i < f->count; i++)
        assert_true(topic_filter_ok(f->text[i], NULL));
    return f;
}

static void assert_filters(const struct topic_choice *c, const char *const *expected, size_t count)
{
    struct topic_filters *f = made(c);
    assert_false(f->widened);
    for (size_t i = 0; i < count && i < f->count; i++)
        if (strcmp(f->text[i], expected[i]) != 0) fail_msg("%s, not %s", f->text[i], expected[i]);
    assert_int_equal(f->count, count);
    free(f);
}

#define ASSERT_FILTERS(choice, ...)                                                                \
    do {                                                                                           \
        static const char *const expected_[] = {__VA_ARGS__};                                      \
        assert_filters((choice), expected_, COUNT(expected_));                                     \
    } while (0)

static void filters_are_as_narrow_as_the_choice(void **state)
{
    (void)state;
    static const char *const publisher[] = {"AFP", "harbour wire"}, *const service[] = {"World"};
    static const char *const language[] = {"fr-CA", "de"}, *const subject[] = {"Fussball"};
    struct topic_choice any = {.urgency_least = 1, .urgency_most = 9};
    ASSERT_FILTERS(&any, "news/#");
    any.root = "wire";
    ASSERT_FILTERS(&any, "wire/#");

    struct topic_choice one = {LIST(subject), .urgency_least = 1, .urgency_most = 9};
    ASSERT_FILTERS(&one, "news/+/+/+/+/sport/football/#");

    struct topic_choice two = {LIST(language), .urgency_least = 1, .urgency_most = 2};
    ASSERT_FILTERS(&two, "news/+/+/fr/1/#", "news/+/+/fr/2/#", "news/+/+/de/1/#",
                   "news/+/+/de/2/#");

    struct topic_choice all = {LIST(publisher), LIST(service),      LIST(language),
                               LIST(subject),   .urgency_least = 3, .urgency_most = 3};
    ASSERT_FILTERS(&all, "news/afp/world/fr/3/sport/football/#",
                   "news/afp/world/de/3/sport/football/#",
                   "news/harbour-wire/world/fr/3/sport/football/#",
                   "news/harbour-wire/world/de/3/sport/football/#");
}

static void too_many_combinations_are_widened_to_the_bound(void **state)
{
    (void)state;
    static const char *const publisher[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i"};
    static const char *const language[] = {"de", "fr", "es", "it", "pt", "nl", "pl", "sv"};
    struct topic_choice fits = {LIST(language), .urgency_least = 1, .urgency_most = 8};
    struct topic_filters *f = made(&fits);
    assert_int_equal(f->count, 64);
    assert_false(f->widened);
    free(f);

    struct topic_choice over = {LIST(publisher), LIST(language), .urgency_least = 1,
                                .urgency_most = 9};
    f = made(&over);
    assert_true(f->widened);
    assert_int_equal(f->count, 8); /* the longer list went */
    assert_string_equal(f->text[0], "news/+/+/de/#");
    free(f);

    struct topic_choice far_over = {LIST(publisher), LIST(language), .urgency_least = 2,
                                    .urgency_most = 9};
    f = made(&far_over);
    assert_true(f->widened);
    assert_int_equal(f->count, 64);
    free(f);
}

static void more_words_than_filters_are_widened_away(void **state)
{
    (void)state;
    char words[TOPIC_FILTERS_MAX + 1][8];
    const char *publisher[COUNT(words)];
    for (size_t i = 0; i < COUNT(words); i++) {
        (void)snprintf(words[i], sizeof words[i], "p%zu", i);
        publisher[i] = words[i];
    }
    struct topic_choice c = {LIST(publisher), .urgency_least = 1, .urgency_most = 9};
    struct topic_filters *f = made(&c);
    assert_true(f->widened);
    assert_int_equal(f->count, 1);
    assert_string_equal(f->text[0], "news/#");
    assert_true(topic_chosen(&c, "news/p64/x/und/5/general"));
    assert_false(topic_chosen(&c, "news/p65/x/und/5/general"));
    free(f);
    c.publisher_count = TOPIC_FILTERS_MAX;
    f = made(&c);
    assert_false(f->widened);
    assert_int_equal(f->count, TOPIC_FILTERS_MAX);
    free(f);
}

static void an_empty_word_is_refused(void **state)
{
    (void)state;
    static const char *const publisher[] = {"a", ""};
    struct topic_choice c = {LIST(publisher), .urgency_least = 1, .urgency_most = 9};
    struct topic_filters *f = calloc(1, sizeof *f);
    struct news_error err = {0};
    assert_non_null(f);
    assert_false(topic_filters_make(&c, f, &err));
    assert_int_equal(err.code, NEWS_ERR_USAGE);
    assert_true(*err.message != '\0');
    free(f);
}

/* A language nobody can mean is a mistake to be told, not a choice of items without a language. */
static void a_word_that_is_no_language_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"1", "e", "german-language", "\xd1\x80\xd1\x83"};
    for (size_t i = 0; i < 4; i++) {
        struct topic_choice c = {
            .languages = &bad[i], .language_count = 1, .urgency_least = 1, .urgency_most = 9};
        struct topic_filters *f = calloc(1, sizeof *f);
        assert_non_null(f);
        bool ok = topic_filters_make(&c, f, NULL);
        bool odd = ok && strcmp(f->text[0], "news/+/+/und/#") == 0;
        free(f);
        if (odd) fail_msg("--lang \"%s\" became \"und\"", bad[i]);
    }
}

static const char *const some_publishers[] = {"harbour", "afp", "x"};
static const char *const some_services[] = {"world", "general"};
static const char *const some_languages[] = {"fr", "de", "und"};
static const char *const some_subjects[] = {"sport",    "sport/football", "sport/football/cup",
                                            "politics", "general",        "general/roses"};

/* A few lists of each level, as people type them; {0} is any. */
struct list {
    const char *const words[4];
    size_t count;
};
static const struct list publisher_lists[] = {{{0}, 0}, {{"Harbour"}, 1}, {{"AFP", "x"}, 2}};
static const struct list service_lists[] = {{{0}, 0}, {{"World"}, 1}};
static const struct list language_lists[] = {{{0}, 0}, {{"fr-CA"}, 1}, {{"de", "FR"}, 2}};
static const struct list subject_lists[] = {
    {{0}, 0},          {{"Sport"}, 1},       {{"soccer", "Roses"}, 2}, {{"politics", "general"}, 2},
    {{"sport/fo"}, 1}, {{"football/cup"}, 1}};
static const struct {
    int least, most;
} urgencies[] = {{1, 9}, {1, 3}, {5, 5}};

static size_t hits(const struct topic_filters *f, const char *topic)
{
    size_t n = 0;
    for (size_t i = 0; i < f->count; i++)
        n += topic_matches(f->text[i], topic);
    return n;
}

static void for_each_topic(const struct topic_choice *c, const struct topic_filters *f,
                           void (*check)(const struct topic_choice *, const struct topic_filters *,
                                         const char *))
{
    for (size_t p = 0; p < COUNT(some_publishers); p++)
        for (size_t s = 0; s < COUNT(some_services); s++)
            for (size_t l = 0; l < COUNT(some_languages); l++)
                for (int u = 1; u <= 9; u += 2)
                    for (size_t t = 0; t < COUNT(some_subjects); t++) {
                        char topic[TOPIC_MAX];
                        (void)snprintf(topic, sizeof topic, "news/%s/%s/%s/%d/%s",
                                       some_publishers[p], some_services[s], some_languages[l], u,
                                       some_subjects[t]);
                        check(c, f, topic);
                    }
}

static void check_equal(const struct topic_choice *c, const struct topic_filters *f,
                        const char *topic)
{
    bool chosen = topic_chosen(c, topic);
    size_t n = hits(f, topic);
    if (chosen && n == 0) fail_msg("%s is chosen, but no filter matches it", topic);
    if (!chosen && n > 0 && !f->widened) fail_msg("%s is not chosen, but matched", topic);
}

static void what_is_chosen_is_what_the_filters_match(void **state)
{
    (void)state;
    for (size_t p = 0; p < COUNT(publisher_lists); p++)
        for (size_t s = 0; s < COUNT(service_lists); s++)
            for (size_t l = 0; l < COUNT(language_lists); l++)
                for (size_t t = 0; t < COUNT(subject_lists); t++)
                    for (size_t u = 0; u < COUNT(urgencies); u++) {
                        struct topic_choice c = {.publishers = publisher_lists[p].words,
                                                 .publisher_count = publisher_lists[p].count,
                                                 .services = service_lists[s].words,
                                                 .service_count = service_lists[s].count,
                                                 .languages = language_lists[l].words,
                                                 .language_count = language_lists[l].count,
                                                 .subjects = subject_lists[t].words,
                                                 .subject_count = subject_lists[t].count,
                                                 .urgency_least = urgencies[u].least,
                                                 .urgency_most = urgencies[u].most};
                        struct topic_filters *f = made(&c);
                        for_each_topic(&c, f, check_equal);
                        free(f);
                    }
}

static void widened_filters_let_through_all_that_is_chosen(void **state)
{
    (void)state;
    static const char *const publisher[] = {"harbour", "afp", "a", "b", "c", "d", "e"};
    static const char *const language[] = {"fr", "de", "es", "it"};
    static const char *const subject[] = {"sport", "general/roses", "weather"};
    struct topic_choice c = {LIST(publisher), LIST(language), LIST(subject), .urgency_least = 1,
                             .urgency_most = 5};
    struct topic_filters *f = made(&c);
    assert_true(f->widened);
    for_each_topic(&c, f, check_equal);
    assert_false(topic_chosen(&c, "news/x/world/fr/1/sport"));
    free(f);
}

static void check_once(const struct topic_choice *c, const struct topic_filters *f,
                       const char *topic)
{
    (void)c;
    size_t n = hits(f, topic);
    if (n > 1) fail_msg("%s is matched by %zu filters", topic, n);
}

/* Mosquitto 2.0 sends a message once for each MQTT 5 subscription that matches it (measured:
 * mosquitto_sub -V 5 -t 'a/#' -t 'a/b/#'), so overlapping filters show an item twice. */
static void no_topic_is_matched_by_two_filters(void **state)
{
    (void)state;
    static const struct list overlapping[] = {
        {{"sport", "football"}, 2},
        {{"football", "Sport"}, 2},
        {{"soccer", "Fussball"}, 2},
        {{"general", "roses"}, 2},
    };
    static const char *const language[] = {"de", "de-AT"}, *const publisher[] = {"AFP", "afp"};
    for (size_t i = 0; i < COUNT(overlapping); i++) {
        struct topic_choice c = {.subjects = overlapping[i].words,
                                 .subject_count = overlapping[i].count,
                                 .urgency_least = 1,
                                 .urgency_most = 9};
        struct topic_filters *f = made(&c);
        for_each_topic(&c, f, check_once);
        free(f);
    }
    struct topic_choice c = {LIST(language), LIST(publisher), .urgency_least = 1,
                             .urgency_most = 9};
    struct topic_filters *f = made(&c);
    for_each_topic(&c, f, check_once);
    free(f);
}

static void topics_that_are_not_ours_are_never_chosen(void **state)
{
    (void)state;
    static const struct topic_choice any = {.urgency_least = 1, .urgency_most = 9};
    static const char *const topics[] = {"news",
                                         "news/a/b/c/5",
                                         "other/a/b/c/5/d",
                                         "news/a/b/c/0/d",
                                         "news/a/b/c/10/d",
                                         "news/a/b/c//d",
                                         "news/a/b/c/x/d",
                                         ""};
    for (size_t i = 0; i < COUNT(topics); i++)
        if (topic_chosen(&any, topics[i])) fail_msg("%s", topics[i]);
    assert_true(topic_chosen(&any, "news/a/b/c/5/d"));
}

/* What topic_of_item() and topic_filters_make() cut, topic_split() and topic_chosen() must. */
static void a_long_root_is_the_same_for_all(void **state)
{
    (void)state;
    static const char root[] =
        "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr";
    static const struct topic_place place = {.root = root, .publisher = "p"};
    static const struct topic_choice choice = {.root = root, .urgency_least = 1, .urgency_most = 9};
    struct ninjs item;
    struct ninjs_fault fault;
    char topic[TOPIC_MAX];
    assert_true(ninjs_check("{\"uri\":\"u\"}", 11, &item, &fault));
    topic_of_item(&place, &item, topic);
    struct topic_filters *f = made(&choice);
    bool matched = hits(f, topic) == 1;
    free(f);
    assert_true(matched);
    assert_true(topic_chosen(&choice, topic));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slug_is_what_is_left_of_a_text_in_plain_letters),
        cmocka_unit_test(a_text_without_plain_letters_becomes_a_hash),
        cmocka_unit_test(only_len_bytes_are_looked_at),
        cmocka_unit_test(a_very_long_text_is_cut_at_a_character),
        cmocka_unit_test(subjects_start_with_a_top_level_of_the_media_topics),
        cmocka_unit_test(every_subject_is_four_levels_of_slugs_at_most),
        cmocka_unit_test(a_subject_leads_to_itself),
        cmocka_unit_test(the_topic_is_made_of_what_the_item_says),
        cmocka_unit_test(the_place_says_what_the_item_does_not),
        cmocka_unit_test(the_urgency_of_a_topic_is_one_to_nine),
        cmocka_unit_test(long_names_still_make_slugs),
        cmocka_unit_test(the_levels_of_a_topic_are_found_again),
        cmocka_unit_test(a_topic_that_is_not_ours_leaves_the_levels_alone),
        cmocka_unit_test(topic_names_are_text_without_wildcards),
        cmocka_unit_test(noncharacters_are_refused_as_brokers_do),
        cmocka_unit_test(a_topic_has_at_most_65535_bytes),
        cmocka_unit_test(filters_match_as_the_standard_says),
        cmocka_unit_test(filters_are_as_narrow_as_the_choice),
        cmocka_unit_test(too_many_combinations_are_widened_to_the_bound),
        cmocka_unit_test(more_words_than_filters_are_widened_away),
        cmocka_unit_test(an_empty_word_is_refused),
        cmocka_unit_test(a_word_that_is_no_language_is_refused),
        cmocka_unit_test(what_is_chosen_is_what_the_filters_match),
        cmocka_unit_test(widened_filters_let_through_all_that_is_chosen),
        cmocka_unit_test(no_topic_is_matched_by_two_filters),
        cmocka_unit_test(topics_that_are_not_ours_are_never_chosen),
        cmocka_unit_test(a_code_is_the_same_subject_however_it_is_written),
        cmocka_unit_test(a_long_root_is_the_same_for_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
