/* newsbench as it is run from a shell: a plan measured, its result shown in every form. The texts
 * of the plan are hostile: they end up in a terminal and in a page for browsers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/program.h"

/* A tag, an attribute's end, an entity, an escape sequence, a right-to-left override. */
#define HOSTILE                                                                                    \
    "<script>alert(1)</script>\" onload=\"x ' &amp; \x1b]0;title\x07 \xe2\x80\xae"                 \
    "end"

#define RUN_MS 120000 /* for both runs of the plan, where the machine is busy */

static const char hostile_plan[] = "title = " HOSTILE "\n"
                                   "title.fr = " HOSTILE "\n"
                                   "question = " HOSTILE "\n"
                                   "predict = " HOSTILE "\n"
                                   "conclude = " HOSTILE "\n"
                                   "beware = " HOSTILE "\n"
                                   "blocks = 1\n"
                                   "[base]\n"
                                   "carriers = floor-tcp nrp-tcp-q1\n"
                                   "subscribers = 2\n"
                                   "rate = 100\n"
                                   "seconds = 1s\n";

struct bench {
    struct scene *scene;
    const char *plan, *json, *html, *csv, *hgrm;
};

static char *contents(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    if (!f) fail_msg("%s is not there", path);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    *len = (size_t)ftell(f);
    rewind(f);
    char *text = calloc(1, *len + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, *len, f), *len);
    fclose(f);
    return text;
}

/* Everything the following looks at is made by one run. */
static struct bench run_hostile(struct scene *s)
{
    struct bench b = {.scene = s,
                      .plan = scene_file(s, "hostile.plan", hostile_plan),
                      .json = scene_path(s, "hostile.json"),
                      .html = scene_path(s, "hostile.html"),
                      .csv = scene_path(s, "hostile.csv"),
                      .hgrm = scene_path(s, "hgrm")};
    struct process *run = scene_start(s, ARGV(NEWSBENCH_PATH, "run", b.plan, "-o", b.json, "--html",
                                              b.html, "--csv", b.csv, "--hgrm", b.hgrm,
                                              "--newsrelay", NEWSRELAY_PATH));
    process_wait(run, RUN_MS);
    const struct outcome o = scene_wait(run);
    if (o.status != 0) fail_msg("status %d: %s", o.status, o.err);
    assert_null(memchr(o.out, '\x1b', o.out_len)); /* a pipe: no colours, and no foreign ones */
    assert_non_null(strstr(o.out, "nrp-tcp-q1"));
    assert_string_equal(o.err, ""); /* and no progress */
    return b;
}

/* ---- the page ---- */

static void assert_well_formed(struct scene *s, const char *html)
{
    const struct outcome o = scene_run(s, NULL, ARGV("xmllint", "--noout", "--nonet", html));
    if (o.status != 0) fail_msg("%s: %s", html, o.err);
}

static void assert_needs_nothing_else(const char *page)
{
    static const char *const outside[] = {"<script", "<link",       "<img", "<iframe",
                                          "@import", "url(http",    "src=", "onload=\"",
                                          "\x1b",    "\xe2\x80\xae"};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
        if (strstr(page, outside[i])) fail_msg("the page contains %s", outside[i]);
}

static void the_page_is_whole_and_nothing_in_it_is_obeyed(void **state)
{
    struct scene *s = *state;
    size_t len;
    const struct bench b = run_hostile(s);
    char *page = contents(b.html, &len);
    assert_int_equal(strlen(page), len);
    assert_well_formed(s, b.html);
    assert_needs_nothing_else(page);
    assert_non_null(strstr(page, "&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert_true(count_of(page, "<svg") > 2);
    assert_int_equal(count_of(page, "<span lang=\"en\">"), count_of(page, "<span lang=\"fr\">"));
    assert_true(count_of(page, "lang=\"fr\"") > 20);
    free(page);
}

static void a_report_shows_again_what_the_run_showed(void **state)
{
    struct scene *s = *state;
    size_t len, again_len, two_len;
    const struct bench b = run_hostile(s);
    const char *again = scene_path(s, "again.html"), *two = scene_path(s, "two.html");
    struct outcome o = scene_run(s, NULL, ARGV(NEWSBENCH_PATH, "report", b.json, "--html", again));
    assert_int_equal(o.status, 0);
    char *page = contents(b.html, &len), *same = contents(again, &again_len);
    assert_string_equal(page, same);

    o = scene_run(s, NULL, ARGV(NEWSBENCH_PATH, "report", b.json, b.json, "--html", two));
    assert_int_equal(o.status, 0);
    char *both = contents(two, &two_len);
    assert_well_formed(s, two);
    assert_true(two_len > len);
    free(page);
    free(same);
    free(both);
}

/* ---- for other programs ---- */

static void rows_and_histograms_are_one_for_each_run(void **state)
{
    struct scene *s = *state;
    size_t len;
    unsigned histograms = 0;
    const struct bench b = run_hostile(s);
    char *rows = contents(b.csv, &len), each[600];
    assert_int_equal(count_lines(rows), 1 + 2); /* the head; carriers */
    free(rows);
    snprintf(each, sizeof each, "%s.subscribers", b.csv);
    rows = contents(each, &len);
    assert_int_equal(count_lines(rows), 1 + 2 * 2);
    free(rows);
    DIR *folder = opendir(b.hgrm);
    assert_non_null(folder);
    for (struct dirent *e; (e = readdir(folder));)
        histograms += strstr(e->d_name, ".hgrm") != NULL;
    closedir(folder);
    assert_int_equal(histograms, 2);
}

/* ---- nonsense ---- */

struct nonsense {
    const char *const *argv;
    int status;
    const char *says;
};

static void nonsense_is_refused_with_its_reason(void **state)
{
    struct scene *s = *state;
    const char *cut = scene_file(s, "cut.json", "{\"newsbench\":1,\"plan\":{"),
               *plan = scene_file(s, "wrong.plan", "[base]\nrat = 5\n");
    const struct nonsense nonsense[] = {
        {ARGV(NEWSBENCH_PATH), 64, "a command is missing"},
        {ARGV(NEWSBENCH_PATH, "bench"), 64, "bench"},
        {ARGV(NEWSBENCH_PATH, "run"), 64, "PLAN is missing"},
        {ARGV(NEWSBENCH_PATH, "run", "smoke", "burst"), 64, "'burst'"},
        {ARGV(NEWSBENCH_PATH, "run", "no-such-plan"), 74, "no-such-plan"},
        {ARGV(NEWSBENCH_PATH, "run", plan), 78, "wrong.plan:2"},
        {ARGV(NEWSBENCH_PATH, "report", cut), 65, "cut.json"},
        {ARGV(NEWSBENCH_PATH, "report", "/nowhere/r.json"), 74, "/nowhere/r.json"},
        {ARGV(NEWSBENCH_PATH, "run", "smoke", "--blocks", "0"), 64, "--blocks"},
    };
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
        const struct outcome o = scene_run(s, NULL, nonsense[i].argv);
        if (o.status != nonsense[i].status || !strstr(o.err, nonsense[i].says))
            fail_msg("%s %s: status %d, %s", nonsense[i].argv[1] ? nonsense[i].argv[1] : "",
                     nonsense[i].argv[1] && nonsense[i].argv[2] ? nonsense[i].argv[2] : "",
                     o.status, o.err);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_page_is_whole_and_nothing_in_it_is_obeyed),
        TEST(a_report_shows_again_what_the_run_showed),
        TEST(rows_and_histograms_are_one_for_each_run),
        TEST(nonsense_is_refused_with_its_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
