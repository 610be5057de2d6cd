#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/buf.h"
#include "publisher/cli.h"
#include "publisher/config.h"
#include "tests/support/tmpdir.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ------------------------------------------------------------------------------------ Helpers */

struct given {
    struct tmpdir dir;
    char path[160];
    struct settings settings;
    struct options options;
    struct config config;
    struct news_error err;
};

static int given_setup(void **state)
{
    struct given *g = calloc(1, sizeof *g);
    assert_non_null(g);
    assert_true(tmpdir_make(&g->dir));
    *state = g;
    return 0;
}

static int given_teardown(void **state)
{
    struct given *g = *state;
    config_deinit(&g->config);
    options_deinit(&g->options);
    tmpdir_remove(&g->dir);
    free(g);
    return 0;
}

static bool read_again(struct given *g, const char *path)
{
    config_deinit(&g->config);
    options_deinit(&g->options);
    memset(&g->settings, 0, sizeof g->settings);
    g->err = (struct news_error){0};
    assert_true(options_init(&g->options, "newspub", newspub.options, &g->settings, &g->err));
    return config_read(path, &g->options, &g->config, &g->err);
}

static bool read_text(struct given *g, const char *text)
{
    assert_true(tmpdir_write(&g->dir, "run.conf", text, g->path, sizeof g->path));
    return read_again(g, g->path);
}

static const struct source_config *read_one(struct given *g, const char *text)
{
    if (!read_text(g, text)) fail_msg("%s\n%s", text, g->err.message);
    assert_int_equal(g->config.count, 1);
    return &g->config.sources[0];
}

/* --------------------------------------------------------------------------------------- Tests */

static void a_section_is_a_source_and_what_precedes_it_is_an_option(void **state)
{
    struct given *g = *state;
    if (!read_text(g, "publisher = afp\nbroker = mqtt://b.example\n\n"
                      "[world]\nfeed = https://news.example/rss?a=b;c\nservice = World Desk\n"
                      "lang = de-AT\nsubject = politics/elections\nurgency = 3\ninterval = 2h\n\n"
                      "[drop-1]\nspool = /var/spool/news\n\n[Pipe]\nfifo = /run/news/in\n"))
        fail_msg("%s", g->err.message);
    assert_string_equal(g->settings.publisher, "afp");
    assert_int_equal(g->settings.dial.brokers.count, 1);
    assert_int_equal(g->config.count, 3);
    const struct source_config *s = g->config.sources;
    assert_string_equal(s[0].name, "world");
    assert_int_equal(s[0].kind, SOURCE_FEED);
    assert_string_equal(s[0].location, "https://news.example/rss?a=b;c");
    assert_string_equal(s[0].service, "World Desk");
    assert_string_equal(s[0].language, "de-AT");
    assert_string_equal(s[0].subject, "politics/elections");
    assert_int_equal(s[0].urgency, 3);
    assert_int_equal(s[0].interval_ms, 7200000);
    assert_int_equal(s[0].line, 4);
    assert_int_equal(s[1].kind, SOURCE_SPOOL);
    assert_string_equal(s[1].location, "/var/spool/news");
    assert_int_equal(s[2].kind, SOURCE_FIFO);
    assert_string_equal(s[2].location, "/run/news/in");
}

static void what_a_source_does_not_say_has_its_default(void **state)
{
    struct given *g = *state;
    const struct source_config *s = read_one(g, "[afp-world]\nfeed = http://news.example\n");
    assert_string_equal(s->service, "afp-world");
    assert_null(s->language);
    assert_null(s->subject);
    assert_int_equal(s->urgency, 0);
    assert_int_equal(s->interval_ms, 15 * 60 * 1000);
}

static void there_may_be_no_source_at_all(void **state)
{
    struct given *g = *state;
    assert_true(read_text(g, "publisher = afp\n"));
    assert_int_equal(g->config.count, 0);
}

/* Wherever the daemon was started: a relative path goes from the file that says it. */
static void a_relative_path_goes_from_the_folder_of_the_file(void **state)
{
    struct given *g = *state;
    char folder[4096], expected[8192], here[4096];
    assert_non_null(realpath(g->dir.path, folder));
    (void)snprintf(expected, sizeof expected, "%s/in/spool", folder);
    assert_string_equal(read_one(g, "[a]\nspool = in/spool\n")->location, expected);
    (void)snprintf(expected, sizeof expected, "%s/../feed.xml", folder);
    assert_string_equal(read_one(g, "[a]\nfeed = ../feed.xml\n")->location, expected);
    assert_string_equal(read_one(g, "[a]\nfeed = /a/feed.xml\n")->location, "/a/feed.xml");

    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(g->dir.path), 0);
    assert_true(tmpdir_write(&g->dir, "run.conf", "[a]\nfifo = pipe\n", g->path, sizeof g->path));
    bool ok = read_again(g, "run.conf");
    assert_int_equal(chdir(here), 0);
    assert_true(ok);
    (void)snprintf(expected, sizeof expected, "%s/pipe", folder);
    assert_string_equal(g->config.sources[0].location, expected);
}

static void what_is_wrong_is_told_with_line_section_and_key(void **state)
{
    struct given *g = *state;
#define A       "[a]\nfeed = http://a.example\n"
#define NAME    "a source's name is at most 63 letters, digits and dashes"
#define ONE     "a source has exactly one of feed, spool and fifo"
#define TIME    ":3: [a] interval: is not a time from 1m to 30d"
#define URGENCY ":3: [a] urgency: is not a number from 1 to 9"
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"nope = 1\n" A, ":1: there is no setting \"nope\""},
        {"[]\n" A, ":1: [] " NAME},
        {"[a b]\nfeed = http://a.example\n", ":1: [a b] " NAME},
        {"[-a]\nfeed = http://a.example\n", ":1: [-a] " NAME},
        {"[a/b]\n", ":1: [a/b] " NAME},
        {"[\xc3\xa9]\n", ":1: [\xc3\xa9] " NAME},
        {"[0123456789012345678901234567890123456789012345678901234567890123]\n",
         ":1: [0123456789012345678901234567890123456789012345678901234567890123] " NAME},
        {A "[b]\nspool = /b\n[a]\nfifo = /c\n", ":5: [a] line 1 has a source of that name"},
        {"[a]\nservice = x\n[b]\nfeed = http://b.example\n",
         ":1: [a] has none of feed, spool and fifo"},
        {A "[b]\n", ":3: [b] has none of feed, spool and fifo"},
        {A "spool = /b\n", ":3: [a] spool: " ONE},
        {A "feed = http://b.example\n", ":3: [a] feed: is given twice"},
        {A "lang = de\nlang = fr\n", ":4: [a] lang: is given twice"},
        {A "colour = red\n", ":3: [a] colour: a source has no such key"},
        {A "feeds = x\n", ":3: [a] feeds: a source has no such key"},
        {"[a]\nfeed =\n", ":2: [a] feed: is empty"},
        {"[a]\nspool =\n", ":2: [a] spool: is empty"},
        {"[a]\nfeed = ftp://a.example\n",
         ":2: [a] feed: is neither an http or https URL nor a path"},
        {"[a]\nfeed = file:///etc/passwd\n",
         ":2: [a] feed: is neither an http or https URL nor a path"},
        {"[a]\nfeed = feed:https://a.example\n",
         ":2: [a] feed: is neither an http or https URL nor a path"},
        {"[a]\nfeed = http://\n", ":2: [a] feed: the URL names no host"},
        {"[a]\nfeed = https:///rss\n", ":2: [a] feed: the URL names no host"},
        {"[a]\nfeed = http://a.example # the best\n",
         ":2: [a] feed: the URL holds a blank or a control"},
        {A "service =\n", ":3: [a] service: is empty"},
        {A "subject =\n", ":3: [a] subject: is empty"},
        {A "lang = german!\n", ":3: [a] lang: is no language tag such as en or de-AT"},
        {A "lang =\n", ":3: [a] lang: is no language tag such as en or de-AT"},
        {A "urgency = 0\n", URGENCY},
        {A "urgency = 10\n", URGENCY},
        {A "urgency =\n", URGENCY},
        {A "interval = 59s\n", TIME},
        {A "interval = 31d\n", TIME},
        {A "interval = soon\n", TIME},
        {A "interval =\n", TIME},
        {"[a]\ninterval = 5m\nspool = /a\n", ":1: [a] interval: only a feed has one"},
        {"[a]\nspool = /a\n[b]\nspool = /a\n", ":3: [b] another source reads the same"},
        {A "nonsense\n", ":3: is not \"name = value\""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char expected[512];
        if (read_text(g, cases[i].text)) fail_msg("%s was passed", cases[i].text);
        (void)snprintf(expected, sizeof expected, "%s%s", g->path, cases[i].message);
        assert_string_equal(g->err.message, expected);
        assert_int_equal(g->err.code, NEWS_ERR_CONFIG);
        assert_null(g->config.sources);
    }
#undef A
#undef NAME
#undef ONE
#undef TIME
#undef URGENCY
}

static void the_bounds_themselves_are_taken(void **state)
{
    struct given *g = *state;
    char text[4096], url[CONFIG_LOCATION_MAX + 2] = "http://a.example/";
    assert_int_equal(read_one(g, "[a]\nfeed = HTTP://a.example\ninterval = 1m\n")->interval_ms,
                     60000);
    assert_int_equal(read_one(g, "[a]\nfeed = x\ninterval = 30d\nurgency = 9\n")->urgency, 9);
    (void)read_one(g, "[012345678901234567890123456789012345678901234567890123456789012]\nfifo=/a");
    memset(url + strlen(url), 'x', sizeof url - 1 - strlen(url));
    (void)snprintf(text, sizeof text, "[a]\nfeed = %s\n", url);
    assert_false(read_text(g, text));
    assert_non_null(strstr(g->err.message, ":2: [a] feed: is too long"));
    url[CONFIG_LOCATION_MAX] = '\0';
    (void)snprintf(text, sizeof text, "[a]\nfeed = %s\n", url);
    assert_string_equal(read_one(g, text)->location, url);
}

static void the_number_of_sources_is_bounded(void **state)
{
    struct given *g = *state;
    struct buf text = {0};
    for (int i = 0; i < CONFIG_SOURCES_MAX; i++)
        buf_printf(&text, "[s%d]\nfifo = /run/%d\n", i, i);
    bool ok = read_text(g, text.data);
    size_t count = g->config.count;
    buf_puts(&text, "[last]\n");
    bool one_more = read_text(g, text.data);
    buf_deinit(&text);
    assert_true(ok);
    assert_int_equal(count, CONFIG_SOURCES_MAX);
    assert_false(one_more);
    assert_non_null(strstr(g->err.message, ":4001: [last] more than 2000 sources"));
}

static void a_missing_file_is_told(void **state)
{
    struct given *g = *state;
    assert_false(read_again(g, "/nonexistent/run.conf"));
    assert_string_equal(g->err.message, "/nonexistent/run.conf: No such file or directory");
    assert_int_equal(g->err.code, NEWS_ERR_CONFIG);
}

/* ----------------------------------------------------------------------- docs/newspub-run.conf */

static void example_path(char path[512])
{
    const char *source = getenv("NEWS_SOURCE_DIR");
    (void)snprintf(path, 512, "%s/docs/newspub-run.conf", source ? source : ".");
}

static void the_example_in_the_documentation_is_accepted(void **state)
{
    struct given *g = *state;
    char path[512];
    example_path(path);
    if (!read_again(g, path)) fail_msg("%s", g->err.message);
    assert_true(g->config.count > 0);
}

/* A line such as "#key = value" shows a key; "# words" explain it. */
static void what_the_example_shows_as_a_comment_is_accepted_as_well(void **state)
{
    struct given *g = *state;
    static const char *const keys[] = {"feed", "spool",   "fifo",    "service",
                                       "lang", "subject", "urgency", "interval"};
    char path[512], line[512];
    struct buf text = {0};
    unsigned seen = 0;
    example_path(path);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        bool shown = *line == '#' && line[1] != ' ' && line[1] != '\n' && line[1] != '#';
        buf_puts(&text, line + shown);
        for (size_t k = 0; k < COUNT(keys); k++) {
            size_t len = strlen(keys[k]);
            if (strncmp(line + shown, keys[k], len) == 0 && line[shown + len] == ' ')
                seen |= 1u << k;
        }
    }
    (void)fclose(file);
    bool ok = read_text(g, text.data);
    buf_deinit(&text);
    if (!ok) fail_msg("%s", g->err.message);
    assert_int_equal(seen, (1u << COUNT(keys)) - 1); /* every key of a source */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, given_setup, given_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_section_is_a_source_and_what_precedes_it_is_an_option),
        TEST(what_a_source_does_not_say_has_its_default),
        TEST(there_may_be_no_source_at_all),
        TEST(a_relative_path_goes_from_the_folder_of_the_file),
        TEST(what_is_wrong_is_told_with_line_section_and_key),
        TEST(the_bounds_themselves_are_taken),
        TEST(the_number_of_sources_is_bounded),
        TEST(a_missing_file_is_told),
        TEST(the_example_in_the_documentation_is_accepted),
        TEST(what_the_example_shows_as_a_comment_is_accepted_as_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
