#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/text.h"
#include "subscriber/keys.h"
#include "subscriber/prompt.h"
#include "tests/support/vt.h"
#include "tests/support/wait.h"
#include "tests/unit/stage.h"

#define COUNT(array)    (sizeof(array) / sizeof *(array))
#define CONTROL(letter) ((letter)&0x1f)
#define ENTER           '\r'
#define E_ACUTE         "e\xcc\x81"                            /* e and a combining mark */
#define ZHONG           "\xe4\xb8\xad"                         /* two columns */
#define HANGUL          "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab" /* three letters, one cluster */
#define PERSIAN         "\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xae" /* with a non-joiner */

/* ------------------------------------------------------------------------------------ Helpers */

static int set_up(void **state)
{
    *state = prompt_new();
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    prompt_free(*state);
    return 0;
}

static void begin(struct prompt *p, const char *text)
{
    prompt_begin(p, PROMPT_SEARCH, "search: ", text, NULL, NULL);
}

/* Each character of text as a key, or as pasted. */
static void enter(struct prompt *p, const char *text, bool pasted)
{
    size_t len = strlen(text);
    for (size_t at = 0; at < len;) {
        uint32_t c;
        at += text_decode(text + at, len - at, &c);
        assert_int_equal(prompt_key(p, (int)c, pasted), PROMPT_GOES_ON);
    }
}

static void press(struct prompt *p, const int *codes, size_t count)
{
    for (size_t i = 0; i < count && codes[i]; i++)
        assert_int_equal(prompt_key(p, codes[i], false), PROMPT_GOES_ON);
}

static void enter_line(struct prompt *p, const char *text)
{
    begin(p, text);
    assert_int_equal(prompt_key(p, ENTER, false), PROMPT_DONE);
}

/* ------------------------------------------------------------------------------------ Editing */

static void each_key_edits_as_in_readline(void **state)
{
    struct prompt *p = *state;
    static const struct {
        const char *text;
        int keys[8]; /* then '|' is typed, to see the cursor */
        const char *after;
    } cases[] = {
        {"one two", {0}, "one two|"},
        {"one two", {KEY_CODE_LEFT}, "one tw|o"},
        {"one two", {CONTROL('b'), CONTROL('b'), CONTROL('f')}, "one tw|o"},
        {"one two", {KEY_CODE_LEFT, KEY_CODE_LEFT, KEY_CODE_RIGHT}, "one tw|o"},
        {"one two", {KEY_CODE_RIGHT}, "one two|"},
        {"one two", {KEY_CODE_HOME}, "|one two"},
        {"one two", {CONTROL('a')}, "|one two"},
        {"one two", {CONTROL('a'), KEY_CODE_LEFT}, "|one two"},
        {"one two", {CONTROL('a'), KEY_CODE_END}, "one two|"},
        {"one two", {CONTROL('a'), CONTROL('e')}, "one two|"},
        {"one two", {127}, "one tw|"},
        {"one two", {CONTROL('h'), CONTROL('h')}, "one t|"},
        {"one two", {CONTROL('a'), 127}, "|one two"},
        {"one two", {CONTROL('a'), KEY_CODE_DELETE}, "|ne two"},
        {"one two", {CONTROL('a'), CONTROL('d'), CONTROL('d')}, "|e two"},
        {"one two", {KEY_CODE_DELETE}, "one two|"},
        {"one two  ", {CONTROL('w')}, "one |"},
        {"one two", {CONTROL('w'), CONTROL('w'), CONTROL('w')}, "|"},
        {"one two", {KEY_CODE_LEFT, CONTROL('w')}, "one |o"},
        {"one two", {KEY_CODE_LEFT, CONTROL('u')}, "|o"},
        {"one two", {KEY_CODE_LEFT, CONTROL('k')}, "one tw|"},
        {"one two", {CONTROL('w'), CONTROL('a'), CONTROL('y')}, "two|one "},
        {"one two", {CONTROL('u'), CONTROL('y'), CONTROL('y')}, "one twoone two|"},
        {"one two", {CONTROL('y')}, "one two|"},
        {"", {127, KEY_CODE_LEFT, CONTROL('k'), CONTROL('u'), CONTROL('w')}, "|"},
        {"one", {KEY_CODE_F1, KEY_CODE_PAGE_UP}, "one|"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        prompt_free(p); /* what was killed before is not to come back */
        *state = p = prompt_new();
        assert_non_null(p);
        begin(p, cases[i].text);
        press(p, cases[i].keys, COUNT(cases[i].keys));
        enter(p, "|", false);
        if (strcmp(prompt_text(p), cases[i].after) != 0)
            fail_msg("%zu: \"%s\", not \"%s\"", i, prompt_text(p), cases[i].after);
    }
}

static void clusters_are_moved_over_and_deleted_whole(void **state)
{
    struct prompt *p = *state;
    static const char *const clusters[] = {
        E_ACUTE,
        ZHONG,
        HANGUL,
        "\xf0\x9f\x87\xab\xf0\x9f\x87\xb7",             /* a flag */
        "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x9a\x80", /* two emoji, joined */
    };
    static const int left[] = {KEY_CODE_LEFT}, backspace[] = {127};
    for (size_t i = 0; i < COUNT(clusters); i++) {
        char text[64], expected[64];
        (void)snprintf(text, sizeof text, "a%s", clusters[i]);
        begin(p, "");
        enter(p, text, false);
        assert_string_equal(prompt_text(p), text);
        press(p, backspace, 1);
        assert_string_equal(prompt_text(p), "a");
        begin(p, text);
        press(p, left, 1);
        enter(p, "|", false);
        (void)snprintf(expected, sizeof expected, "a|%s", clusters[i]);
        assert_string_equal(prompt_text(p), expected);
    }
}

static void a_joiner_between_letters_that_join_is_kept(void **state)
{
    struct prompt *p = *state;
    begin(p, "");
    enter(p, PERSIAN, false);
    assert_string_equal(prompt_text(p), PERSIAN);
    begin(p, "");
    enter(p,
          "a\xe2\x80\x8c"
          "b",
          true);
    assert_string_equal(prompt_text(p), "ab");
}

static void enter_ends_and_escape_gives_up(void **state)
{
    struct prompt *p = *state;
    begin(p, "x");
    assert_int_equal(prompt_key(p, 27, false), PROMPT_CANCELED);
    assert_int_equal(prompt_key(p, CONTROL('g'), false), PROMPT_CANCELED);
    assert_int_equal(prompt_key(p, ENTER, false), PROMPT_DONE);
    assert_string_equal(prompt_text(p), "x");
}

/* ------------------------------------------------------------------------------------- Pasting */

static void what_is_pasted_is_text_alone(void **state)
{
    struct prompt *p = *state;
    static const struct {
        int codes[8];
        const char *text;
    } cases[] = {
        {{'a', '\r', 'b'}, "a b"},
        {{'a', '\n', '\t', 'b'}, "a  b"},
        {{'a', 27, '[', '2', 'J'}, "a[2J"},
        {{'a', CONTROL('u'), 'b'}, "ab"},
        {{'a', 127, 'b'}, "ab"},
        {{'a', 0x85, 0x9b, 'b'}, "ab"},
        {{'a', 0x202e, 'b'}, "ab"},
        {{'a', 0x2066, 'b'}, "ab"},
        {{'a', 0x200b, 0xfeff, 'b'}, "ab"},
        {{'a', 0xe000, 'b'}, "ab"},
        {{'a', 0xfffe, 'b'}, "ab"},
        {{'a', 0xd800, 'b'}, "ab"},
        {{'a', KEY_CODE_HOME, 'b'}, "ab"},
        {{'a', 0x2028, 'b'}, "a b"},
        {{0x301, 'a'}, "a"},
        {{'a', -5, 'b'}, "ab"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        begin(p, "");
        for (size_t k = 0; k < COUNT(cases[i].codes) && cases[i].codes[k]; k++)
            assert_int_equal(prompt_key(p, cases[i].codes[k], true), PROMPT_GOES_ON);
        if (strcmp(prompt_text(p), cases[i].text) != 0)
            fail_msg("%zu: \"%s\", not \"%s\"", i, prompt_text(p), cases[i].text);
    }
}

static void the_line_never_grows_beyond_its_bound(void **state)
{
    struct prompt *p = *state;
    begin(p, "");
    for (int i = 0; i < 3 * PROMPT_MAX; i++)
        (void)prompt_key(p, i % 3 ? 'x' : 0x4e2d, true);
    assert_in_range(strlen(prompt_text(p)), PROMPT_MAX - 3, PROMPT_MAX);
    static const int twice[] = {CONTROL('u'), CONTROL('y'), CONTROL('y')};
    press(p, twice, COUNT(twice));
    assert_in_range(strlen(prompt_text(p)), PROMPT_MAX - 3, PROMPT_MAX);
}

static void marks_without_end_stay_bounded(void **state)
{
    struct prompt *p = *state;
    begin(p, "");
    enter(p, "a", true);
    for (int i = 0; i < 1000; i++)
        (void)prompt_key(p, 0x301, true);
    assert_true(strlen(prompt_text(p)) <= 1 + 2 * TEXT_MARKS_MAX);
    assert_int_equal(prompt_key(p, 127, false), PROMPT_GOES_ON);
    assert_string_equal(prompt_text(p), "");
}

/* ------------------------------------------------------------------------------ Entered before */

static void up_and_down_recall_what_was_entered(void **state)
{
    struct prompt *p = *state;
    static const int up[] = {KEY_CODE_UP}, down[] = {CONTROL('n')};
    static const int top[] = {CONTROL('p'), CONTROL('p'), CONTROL('p'), CONTROL('p')};
    enter_line(p, "first");
    enter_line(p, "second");
    enter_line(p, "second"); /* once */
    enter_line(p, "");       /* never */
    begin(p, "dra");
    enter(p, "ft", false);
    press(p, up, 1);
    assert_string_equal(prompt_text(p), "second");
    press(p, top, COUNT(top));
    assert_string_equal(prompt_text(p), "first");
    press(p, down, 1);
    press(p, down, 1);
    press(p, down, 1);
    assert_string_equal(prompt_text(p), "draft");
}

static void each_kind_has_its_own(void **state)
{
    struct prompt *p = *state;
    static const int up[] = {KEY_CODE_UP};
    enter_line(p, "a search");
    prompt_begin(p, PROMPT_FILTER, "filter: ", "", NULL, NULL);
    press(p, up, 1);
    assert_string_equal(prompt_text(p), "");
}

static void the_last_hundred_are_kept(void **state)
{
    struct prompt *p = *state;
    for (int i = 0; i < 150; i++) {
        char line[16];
        (void)snprintf(line, sizeof line, "%d", i);
        enter_line(p, line);
    }
    begin(p, "");
    for (int i = 0; i < 200; i++)
        (void)prompt_key(p, KEY_CODE_UP, false);
    assert_string_equal(prompt_text(p), "50");
}

/* ---------------------------------------------------------------------------------- Completion */

static const char *names(void *user, const char *prefix, size_t i)
{
    static const char *const all[] = {"headline", "help", "located"};
    (void)user;
    for (size_t n = 0; n < COUNT(all); n++)
        if (strncmp(all[n], prefix, strlen(prefix)) == 0 && i-- == 0) return all[n];
    return NULL;
}

static void tab_goes_through_the_candidates_and_back_to_what_was_typed(void **state)
{
    struct prompt *p = *state;
    static const char *const expected[] = {"not (headline", "not (help", "not (he",
                                           "not (headline"};
    static const int tab[] = {'\t'}, back[] = {KEY_CODE_BACKTAB};
    prompt_begin(p, PROMPT_FILTER, "filter: ", "not (he", names, NULL);
    for (size_t i = 0; i < COUNT(expected); i++) {
        press(p, tab, 1);
        assert_string_equal(prompt_text(p), expected[i]);
    }
    press(p, back, 1);
    press(p, back, 1);
    assert_string_equal(prompt_text(p), "not (help");
    enter(p, " l", false); /* another word */
    press(p, tab, 1);
    assert_string_equal(prompt_text(p), "not (help located");
}

static void what_stands_behind_the_word_stays(void **state)
{
    struct prompt *p = *state;
    static const int keys[] = {CONTROL('a'), CONTROL('f'), '\t'};
    prompt_begin(p, PROMPT_FILTER, "filter: ", "l=x", names, NULL);
    press(p, keys, COUNT(keys));
    enter(p, "!", false);
    assert_string_equal(prompt_text(p), "located!=x");
}

static void without_candidates_tab_changes_nothing(void **state)
{
    struct prompt *p = *state;
    static const int tab[] = {'\t', '\t'};
    prompt_begin(p, PROMPT_FILTER, "filter: ", "zz", names, NULL);
    press(p, tab, 2);
    assert_string_equal(prompt_text(p), "zz");
    begin(p, "he");
    press(p, tab, 2);
    assert_string_equal(prompt_text(p), "he");
}

/* ------------------------------------------------------------------------------------- Drawing */

/* What the program does that the tests below look at: a prompt on the first row of a terminal. */
static int scene(const char *text, int left, const char *fault)
{
    struct theme theme;
    struct screen *s = stage_open(&theme);
    struct prompt *p = prompt_new();
    if (!p) return 1;
    begin(p, text);
    for (int i = 0; i < left; i++)
        (void)prompt_key(p, KEY_CODE_LEFT, false);
    if (*fault) prompt_fault(p, 4, fault);
    prompt_draw(p, s, &theme, 0, screen_columns(s));
    stage_hold(s);
    prompt_free(p);
    return 0;
}

static struct vt *draw(const char *text, const char *left, const char *fault, int columns)
{
    const char *const argv[] = {"/proc/self/exe", text, left, fault, NULL};
    struct vt *v = vt_start(&(struct vt_options){.argv = argv, .rows = 3, .columns = columns});
    assert_non_null(v);
    assert_true(vt_expect(v, "search:", WAIT_MS));
    return v;
}

static void finish(struct vt *v)
{
    vt_type(v, "q");
    assert_int_equal(vt_wait_end(v, WAIT_MS), 0);
    vt_free(v);
}

static bool cursor_is_at(struct vt *v, int column)
{
    int row, have;
    return vt_cursor(v, &row, &have) && row == 0 && have == column;
}

static void the_cursor_stands_where_the_next_character_goes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *left;
        const char *row;
        int cursor;
    } cases[] = {
        {"", "0", "search:", 8},
        {"abc", "0", "search: abc", 11},
        {ZHONG ZHONG "b", "1", "search: " ZHONG ZHONG "b", 12},
        {E_ACUTE "b", "1", "search: " E_ACUTE "b", 9},
        /* 32 columns are left; the line moves by halves */
        {"0123456789012345678901234567890123456789", "0", "search: 5678901234567890123456789", 33},
        {"0123456789012345678901234567890123456789", "40",
         "search: 01234567890123456789012345678901", 8},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct vt *v = draw(cases[i].text, cases[i].left, "", 40);
        if (!vt_expect_row(v, 0, cases[i].row, WAIT_MS))
            fail_msg("%zu: \"%s\", not \"%s\"", i, vt_row(v, 0), cases[i].row);
        if (!cursor_is_at(v, cases[i].cursor)) fail_msg("%zu: the cursor is elsewhere", i);
        finish(v);
    }
}

static void a_fault_is_shown_behind_the_line_and_at_its_place(void **state)
{
    (void)state;
    struct vt *v = draw("one two", "0", "what is \033this?", 60);
    assert_true(vt_expect_row(v, 0, "what is \xef\xbf\xbdthis?", WAIT_MS));
    struct vt_cell before = vt_cell(v, 0, 8 + 3), at = vt_cell(v, 0, 8 + 4);
    struct vt_cell after = vt_cell(v, 0, 8 + 5);
    assert_string_equal(at.text, "t");
    assert_true(at.foreground != after.foreground || at.background != after.background ||
                at.reverse != after.reverse || at.bold != after.bold);
    assert_int_equal(before.background, after.background);
    finish(v);
}

static void a_fault_is_gone_with_the_next_key(void **state)
{
    struct prompt *p = *state;
    begin(p, "x");
    prompt_fault(p, 100, "too far"); /* a place that is not there does no harm */
    (void)prompt_key(p, 'y', false);
    prompt_fault(p, 0, NULL);
    assert_string_equal(prompt_text(p), "xy");
}

int main(int argc, char **argv)
{
    if (argc == 4) return scene(argv[1], atoi(argv[2]), argv[3]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_key_edits_as_in_readline, set_up, tear_down),
        cmocka_unit_test_setup_teardown(clusters_are_moved_over_and_deleted_whole, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_joiner_between_letters_that_join_is_kept, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(enter_ends_and_escape_gives_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_pasted_is_text_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_line_never_grows_beyond_its_bound, set_up, tear_down),
        cmocka_unit_test_setup_teardown(marks_without_end_stay_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(up_and_down_recall_what_was_entered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_kind_has_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_last_hundred_are_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tab_goes_through_the_candidates_and_back_to_what_was_typed,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_stands_behind_the_word_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_candidates_tab_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_cursor_stands_where_the_next_character_goes, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_fault_is_shown_behind_the_line_and_at_its_place, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_fault_is_gone_with_the_next_key, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
