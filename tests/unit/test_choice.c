#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/buf.h"
#include "subscriber/choice.h"

/* What is subscribed to with these settings and this filter, parted by blanks. */
static struct choice *choose(const struct settings *s, const char *expression, struct filter **f,
                             struct buf *filters)
{
    struct news_error err = {0};
    *f = expression ? filter_new(expression, NULL, &err) : NULL;
    if (expression && !*f) fail_msg("%s: %s", expression, err.message);
    struct choice *c = choice_new(s, *f, &err);
    for (size_t i = 0; c && i < choice_count(c); i++)
        buf_printf(filters, "%s%s", i ? " " : "", choice_filters(c)[i]);
    if (!c) buf_puts(filters, err.message);
    return c;
}

#define ANY .root = "news", .urgency = {1, 9}

static void options_filters_and_expressions_become_the_narrowest_filters(void **state)
{
    (void)state;
    static const struct {
        struct settings settings;
        const char *expression, *filters;
    } cases[] = {
        {{ANY}, NULL, "news/#"},
        {{ANY, .languages = {{"fr"}, 1}}, NULL, "news/+/+/fr/#"},
        {{ANY, .filters = {{"news/a/#", "news/a/b/#"}, 2}}, NULL, "news/a/#"},
        {{ANY, .publishers = {{"a"}, 1}, .filters = {{"other/#"}, 1}}, NULL, "news/a/# other/#"},
        /* What the expression says of the topic, unless an option says it; the rest is ours. */
        {{ANY}, "publisher = afp and budget", "news/afp/#"},
        {{ANY}, "publisher = afp or budget", "news/#"},
        {{ANY, .publishers = {{"dpa"}, 1}},
         "publisher = afp and subject = sport",
         "news/dpa/+/+/+/sport/#"},
        {{ANY}, "urgency <= 3", "news/#"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf filters = {0};
        struct filter *f;
        struct choice *c = choose(&cases[i].settings, cases[i].expression, &f, &filters);
        if (strcmp(filters.data, cases[i].filters) != 0)
            fail_msg("%zu: %s, not %s", i, filters.data, cases[i].filters);
        choice_free(c);
        filter_free(f);
        buf_deinit(&filters);
    }
}

static void what_nothing_can_match_is_refused(void **state)
{
    (void)state;
    const struct settings s = {ANY};
    struct buf says = {0};
    struct filter *f;
    assert_null(choose(&s, "publisher = afp and publisher = dpa", &f, &says));
    assert_non_null(strstr(says.data, "--filter"));
    filter_free(f);
    buf_deinit(&says);
}

/* A store holds what other choices brought. */
static void a_topic_is_ours_when_a_filter_and_the_choice_behind_it_have_it(void **state)
{
    (void)state;
    const struct settings s = {ANY, .languages = {{"fr"}, 1}, .filters = {{"plain/+"}, 1}};
    struct buf filters = {0};
    struct filter *f;
    struct choice *c = choose(&s, NULL, &f, &filters);
    assert_true(choice_has(c, "news/afp/world/fr/3/sport"));
    assert_false(choice_has(c, "news/afp/world/de/3/sport"));
    assert_true(choice_has(c, "plain/topic"));
    assert_false(choice_has(c, "plain/topic/below"));
    choice_free(c);
    buf_deinit(&filters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_filters_and_expressions_become_the_narrowest_filters),
        cmocka_unit_test(what_nothing_can_match_is_refused),
        cmocka_unit_test(a_topic_is_ours_when_a_filter_and_the_choice_behind_it_have_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
