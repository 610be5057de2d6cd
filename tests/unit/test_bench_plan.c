#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/newsbench/plan.h"

static void parse(struct plan *p, const char *text)
{
    struct news_error err = {0};
    if (!plan_parse(p, "x.plan", text, &err)) fail_msg("%s", err.message);
}

static void values_are_written_as_they_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *factor, *text;
        double value;
    } rows[] = {{"rate", "2.5", 2.5},       {"rtt", "20ms", 20},        {"loss", "10%", 0.1},
                {"seconds", "1.5s", 1.5},   {"payload", "4096", 4096},  {"fault", "stop", 2},
                {"arrivals", "poisson", 1}, {"subscribers", "500", 500}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cell c = {0};
        char text[40];
        const struct factor *f = factors;
        while (strcmp(f->name, rows[i].factor) != 0)
            f++;
        assert_true(factor_set(f, &c, rows[i].text, NULL));
        assert_true(factor_value(f, &c) - rows[i].value < 1e-12);
        factor_print(f, &c, text, sizeof text);
        assert_string_equal(text, rows[i].text);
    }
}

static void one_factor_at_a_time_and_crossed_ones(void **state)
{
    (void)state;
    struct plan p;
    char text[200];
    parse(&p, "title = A\n  longer title\ntitle.fr = Un titre\nblocks = 4\nseed = 9\n"
              "[base]\ncarriers = mqtt-q1 nrp-tcp-q1\nrate = 5\nloss = 1%\n"
              "[vary]\npayload = 64 512 4096\nrate x loss = 1 5 x 0% 1% 10%\n");
    assert_string_equal(p.text.title[0], "A longer title");
    assert_string_equal(p.text.title[1], "Un titre");
    assert_int_equal(p.blocks, 4);
    assert_int_equal(p.seed, 9);
    /* the base; payloads but the base's own; six pairs but the base's own: for each carrier */
    assert_int_equal(p.cell_count, 2 * (1 + 2 + 5));
    assert_int_equal(p.varied_count, 2);
    assert_string_equal(p.varied[1].factors[1]->name, "loss");
    assert_string_equal(cell_name(&p.cells[1]), "nrp-tcp-q1");
    cell_describe(&p, &p.cells[0], text, sizeof text);
    assert_string_equal(text, "");
    cell_describe(&p, &p.cells[p.cell_count - 1], text, sizeof text);
    assert_string_equal(text, "loss=10%");
    cell_describe(&p, &p.cells[6], text, sizeof text);
    assert_string_equal(text, "rate=1 loss=0%");
    assert_true(cell_needs_network(&p.cells[0]));
    plan_deinit(&p);
}

static void each_block_has_every_cell_once_in_an_order_of_its_own(void **state)
{
    (void)state;
    struct plan p;
    parse(&p, "[base]\ncarriers = mqtt-q1 nrp-tcp-q1\n[vary]\nrate = 1 2 3 4 5 6 7 8 9\n");
    size_t a[40], b[40], c[40], seen[40] = {0};
    plan_order(&p, 0, a);
    plan_order(&p, 0, b);
    plan_order(&p, 1, c);
    assert_int_equal(p.cell_count, 20);
    assert_memory_equal(a, b, p.cell_count * sizeof *a);
    assert_memory_not_equal(a, c, p.cell_count * sizeof *a);
    for (size_t i = 0; i < p.cell_count; i++)
        seen[a[i]]++;
    for (size_t i = 0; i < p.cell_count; i++)
        assert_int_equal(seen[i], 1);
    plan_deinit(&p);
}

static void nonsense_is_refused_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"[base]\ncarriers = mqtt-q1\nrate = fast\n", "x.plan:3: rate: \"fast\" is not a number"},
        {"[base]\nrate = -1\n", "x.plan:2: rate: \"-1\" is not a number"},
        {"[base]\nrate = nan\n", "x.plan:2: rate: \"nan\" is not a number"},
        {"[base]\nrate = 0x10\n", "x.plan:2: rate: \"0x10\" is not a number"},
        {"[base]\nloss = 10\n", "x.plan:2: loss: \"10\" is not a number with %"},
        {"[base]\nloss = 95%\n", "x.plan:2: loss: 95% is not within 0 to 90%"},
        {"[base]\nsubscribers = 1.5\n", "x.plan:2: subscribers: 1.5 is not within 1 to 2000"},
        {"[base]\nfault = earthquake\n", "x.plan:2: fault: \"earthquake\" is not one of"},
        {"[base]\nspeed = 3\n", "x.plan:2: no factor is called \"speed\""},
        {"[base]\ncarriers = pigeon\n", "x.plan:2: no carrier is called \"pigeon\""},
        {"[base]\ncarriers = mqtt-q1 mqtt-q1\n", "x.plan:2: mqtt-q1 twice"},
        {"\n[base]\nrate = 5\n", "x.plan: [base] names no carriers"},
        {"[vary]\nrate x loss = 1 2\n", "x.plan:2: rate x loss: both sides of = have \" x \""},
        {"[vary]\nrate =\n", "x.plan:2: rate has no values"},
        {"[vary]\nrate = 1 2 x\n", "x.plan:2: rate: \"x\" is not a number"},
        {"[more]\nrate = 1\n", "x.plan:2: sections are [base] and [vary], not [more]"},
        {"title.de = Titel\n", "x.plan:1: title.de: languages are English and .fr"},
        {"colour = red\n", "x.plan:1: no plan has \"colour\""},
        {"blocks = 0\n", "x.plan:1: blocks: at least 1"},
        {"blocks = many\n", "x.plan:1: blocks: \"many\" is not a whole number"},
        {"title = A\nsome words\n", "x.plan:2: not a line of a plan"},
        {"[base]\ncarriers = mqtt-q1\nsubscribers = 2\nslow = 3\n",
         "x.plan: 3 of 2 subscribers cannot be slow"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct plan p;
        struct news_error err = {0};
        assert_false(plan_parse(&p, "x.plan", rows[i].text, &err));
        if (strncmp(err.message, rows[i].message, strlen(rows[i].message)) != 0)
            fail_msg("\"%s\", and not \"%s\"", err.message, rows[i].message);
    }
}

static void a_line_that_would_be_cut_is_refused(void **state)
{
    (void)state;
    char text[400] = "\ntitle = ";
    struct plan p;
    struct news_error err = {0};
    memset(text + 9, 'x', 300);
    assert_false(plan_parse(&p, "x.plan", text, &err));
    assert_string_equal(err.message, "x.plan:2: longer than 190 bytes: go on in an indented line");
}

static void every_plan_that_is_shipped_can_be_read(void **state)
{
    (void)state;
    char pattern[512];
    glob_t found;
    (void)snprintf(pattern, sizeof pattern, "%s/bench/plans/*.plan", getenv("NEWS_SOURCE_DIR"));
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    assert_true(found.gl_pathc >= 11);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct plan p;
        struct news_error err = {0};
        if (!plan_load(&p, found.gl_pathv[i], &err)) fail_msg("%s", err.message);
        for (int language = 0; language < 2; language++) {
            assert_true(*p.text.title[language] && *p.text.question[language]);
            assert_true(*p.text.predict[language] && *p.text.conclude[language]);
            assert_true(*p.text.beware[language]);
        }
        assert_null(strchr(p.name, '/'));
        plan_deinit(&p);
    }
    globfree(&found);
}

static void a_file_that_is_none_is_an_error_that_names_it(void **state)
{
    (void)state;
    struct plan p;
    struct news_error err = {0};
    assert_false(plan_load(&p, "/nowhere/x.plan", &err));
    assert_string_equal(err.message, "/nowhere/x.plan: No such file or directory");
    assert_false(plan_load(&p, "/dev/zero", &err));
    assert_string_equal(err.message, "/dev/zero: not a plan: too long, or not text");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_written_as_they_are_read),
        cmocka_unit_test(one_factor_at_a_time_and_crossed_ones),
        cmocka_unit_test(each_block_has_every_cell_once_in_an_order_of_its_own),
        cmocka_unit_test(nonsense_is_refused_with_its_line),
        cmocka_unit_test(a_line_that_would_be_cut_is_refused),
        cmocka_unit_test(every_plan_that_is_shipped_can_be_read),
        cmocka_unit_test(a_file_that_is_none_is_an_error_that_names_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
