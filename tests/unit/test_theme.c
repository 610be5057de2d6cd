#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "subscriber/theme.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define OWN          STYLE_DEFAULT

static bool parse(const char *text, struct style *out, struct news_error *err)
{
    return style_parse(text, strlen(text), out, err);
}

static void a_style_is_colours_and_attributes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        struct style is;
    } rows[] = {
        {"red", {1, OWN, 0, STYLE_BOLD}},
        {"default", {OWN, OWN, 0, STYLE_BOLD}},
        {"white blue", {7, 4, 0, STYLE_BOLD}},
        {"bright-black bright-white", {8, 15, 0, STYLE_BOLD}},
        {"0 255", {0, 255, 0, STYLE_BOLD}},
        {"default green reverse", {OWN, 2, STYLE_REVERSE, STYLE_REVERSE}},
        {"  yellow\tbold  dim ", {3, OWN, STYLE_BOLD | STYLE_DIM, STYLE_BOLD | STYLE_DIM}},
        {"bold red", {1, OWN, STYLE_BOLD, STYLE_BOLD}},
        {"italic strike blink underline",
         {OWN, OWN, STYLE_ITALIC | STYLE_STRIKE | STYLE_BLINK | STYLE_UNDERLINE,
          STYLE_ITALIC | STYLE_STRIKE | STYLE_BLINK | STYLE_UNDERLINE}},
        {"magenta cyan bold none", {5, 6, 0, 0}},
        {"none underline", {OWN, OWN, STYLE_UNDERLINE, STYLE_UNDERLINE}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct style s = {0};
        struct news_error err = {0};
        if (!parse(rows[i].text, &s, &err)) fail_msg("%s: %s", rows[i].text, err.message);
        if (s.foreground != rows[i].is.foreground || s.background != rows[i].is.background ||
            s.attributes != rows[i].is.attributes || s.plain != rows[i].is.plain)
            fail_msg("%s: %d %d %u %u", rows[i].text, s.foreground, s.background, s.attributes,
                     s.plain);
    }
}

static void what_is_no_style_is_refused_and_named(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"", "there is no colour and no attribute"},
        {"  ", "there is no colour and no attribute"},
        {"redd", "\"redd\" is neither a colour nor an attribute"},
        {"Red", "\"Red\" is neither a colour nor an attribute"},
        {"256", "\"256\" is neither a colour nor an attribute"},
        {"1000", "\"1000\" is neither a colour nor an attribute"},
        {"-1", "\"-1\" is neither a colour nor an attribute"},
        {"bright-7", "\"bright-7\" is neither a colour nor an attribute"},
        {"bright-", "\"bright-\" is neither a colour nor an attribute"},
        {"bright-default", "\"bright-default\" is neither a colour nor an attribute"},
        {"red blue green", "\"green\" is a third colour: there is a foreground and a background"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct style s = {.plain = 99};
        struct news_error err = {0};
        assert_false(parse(rows[i][0], &s, &err));
        assert_string_equal(err.message, rows[i][1]);
        assert_int_equal(err.code, NEWS_ERR_USAGE);
        assert_int_equal(s.plain, 99);
        assert_false(parse(rows[i][0], &s, NULL));
    }
}

static void a_style_ends_where_its_length_says(void **state)
{
    (void)state;
    struct style s;
    assert_true(style_parse("red bold: urgency = 1", 3, &s, NULL));
    assert_int_equal(s.foreground, 1);
    assert_int_equal(s.attributes, 0);
}

static void every_element_has_a_name_and_a_help_line(void **state)
{
    (void)state;
    const char *name, *help, *other;
    for (size_t i = 0; i < THEME_ELEMENTS; i++) {
        assert_true(theme_element_at(i, &name, &help));
        assert_true(name && name[0] && help && help[0]);
        for (size_t k = 0; k < i; k++) {
            assert_true(theme_element_at(k, &other, &help));
            assert_string_not_equal(name, other);
        }
    }
    assert_false(theme_element_at(THEME_ELEMENTS, &name, &help));
}

/* Sixteen colours only; where the background is the terminal's own, no text colour that a dark or
 * a light one would swallow. */
static void the_usual_looks_can_be_read_on_dark_and_on_light_terminals(void **state)
{
    (void)state;
    struct theme t;
    assert_true(theme_init(&t, NULL, 0, NULL));
    for (size_t i = 0; i < THEME_ELEMENTS; i++) {
        const struct style *s = &t.styles[i];
        assert_in_range(s->foreground + 1, 0, 16);
        assert_in_range(s->background + 1, 0, 16);
        if (s->background != STYLE_DEFAULT) {
            assert_int_not_equal(s->foreground, STYLE_DEFAULT);
            continue;
        }
        static const short swallowed[] = {0, 3, 4, 7, 8, 11, 14, 15};
        for (size_t k = 0; k < COUNT(swallowed); k++)
            assert_int_not_equal(s->foreground, swallowed[k]);
    }
}

static void without_colours_what_matters_can_be_told_apart(void **state)
{
    (void)state;
    static const enum theme_element apart[] = {THEME_TEXT,    THEME_UNREAD, THEME_FLASH,
                                               THEME_URGENT,  THEME_HIGH,   THEME_KILLED,
                                               THEME_SELECTED};
    struct theme t;
    assert_true(theme_init(&t, NULL, 0, NULL));
    for (size_t i = 0; i < COUNT(apart); i++)
        for (size_t k = 0; k < i; k++)
            assert_int_not_equal(t.styles[apart[i]].plain, t.styles[apart[k]].plain);
    /* The cursor's line is seen on each of them. */
    for (size_t i = 0; i + 1 < COUNT(apart); i++)
        assert_int_not_equal(t.styles[apart[i]].plain | t.styles[THEME_SELECTED].plain,
                             t.styles[apart[i]].plain);
    assert_int_not_equal(t.styles[THEME_ALERT].plain, t.styles[THEME_BAR].plain);
}

static void changes_replace_the_looks_but_not_the_plain_ones(void **state)
{
    (void)state;
    static const char *const changes[] = {"flash black 214 underline", "unread green",
                                          "flash  white blue"};
    struct theme usual, t;
    assert_true(theme_init(&usual, NULL, 0, NULL));
    assert_true(theme_init(&t, changes, COUNT(changes), NULL));
    assert_int_equal(t.styles[THEME_FLASH].foreground, 7);
    assert_int_equal(t.styles[THEME_FLASH].background, 4);
    assert_int_equal(t.styles[THEME_FLASH].attributes, 0);
    assert_int_equal(t.styles[THEME_FLASH].plain, usual.styles[THEME_FLASH].plain);
    assert_int_equal(t.styles[THEME_UNREAD].foreground, 2);
    assert_int_equal(t.styles[THEME_UNREAD].attributes, 0);
    assert_memory_equal(&t.styles[THEME_TEXT], &usual.styles[THEME_TEXT], sizeof(struct style));
}

static void a_bad_change_is_named(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"", "--colour: it is ELEMENT FOREGROUND [BACKGROUND] [ATTRIBUTE...]"},
        {"flush red", "--colour: there is no element \"flush\""},
        {"flash", "--colour: flash: there is no colour and no attribute"},
        {"flash red blood", "--colour: flash: \"blood\" is neither a colour nor an attribute"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct theme t;
        struct news_error err = {0};
        assert_false(theme_init(&t, &rows[i][0], 1, &err));
        assert_string_equal(err.message, rows[i][1]);
        assert_int_equal(err.code, NEWS_ERR_USAGE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_style_is_colours_and_attributes),
        cmocka_unit_test(what_is_no_style_is_refused_and_named),
        cmocka_unit_test(a_style_ends_where_its_length_says),
        cmocka_unit_test(every_element_has_a_name_and_a_help_line),
        cmocka_unit_test(the_usual_looks_can_be_read_on_dark_and_on_light_terminals),
        cmocka_unit_test(without_colours_what_matters_can_be_told_apart),
        cmocka_unit_test(changes_replace_the_looks_but_not_the_plain_ones),
        cmocka_unit_test(a_bad_change_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
