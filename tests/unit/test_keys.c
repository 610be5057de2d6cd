#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/buf.h"
#include "subscriber/keys.h"

/* ------------------------------------------------------------------------------------ Helpers */

static struct keys *with(const char *bind)
{
    struct news_error err = {0};
    struct keys *k = keys_new(&bind, bind ? 1 : 0, &err);
    if (!k) fail_msg("%s", err.message);
    return k;
}

static void assert_refused(const char *bind, const char *message)
{
    struct news_error err = {0};
    assert_null(keys_new(&bind, 1, &err));
    assert_int_equal(err.code, NEWS_ERR_USAGE);
    assert_string_equal(err.message, message);
}

/* --------------------------------------------------------------------------------------- Tests */

static void every_command_has_a_name_of_its_own_a_help_line_and_a_key(void **state)
{
    (void)state;
    struct keys *k = with(NULL);
    for (enum command c = COMMAND_NONE + 1; c < COMMANDS; c++) {
        const struct command_row *row = command_row(c);
        if (!row->name || !row->help || !row->group) fail_msg("command %d has no row", (int)c);
        assert_int_equal(command_find(row->name, strlen(row->name)), c);
        assert_true(row->help[0] && row->group[0]);
        assert_string_not_equal(keys_of(k, c), "");
    }
    assert_int_equal(command_find("nex", 3), COMMAND_NONE);
    assert_int_equal(command_find("next-", 5), COMMAND_NONE);
    keys_free(k);
    keys_free(NULL);
}

/* A key that two rows name would lose one of them without a word. */
static void no_two_commands_share_a_default_key(void **state)
{
    (void)state;
    struct keys *k = with(NULL);
    for (enum command c = COMMAND_NONE + 1; c < COMMANDS; c++)
        assert_string_equal(keys_of(k, c), command_row(c)->keys);
    keys_free(k);
}

static void newsboats_keys_do_what_they_do_there(void **state)
{
    (void)state;
    static const struct {
        int code;
        enum command command;
    } cases[] = {
        {'\r', COMMAND_OPEN},
        {'q', COMMAND_BACK},
        {'Q', COMMAND_QUIT},
        {'n', COMMAND_NEXT_UNREAD},
        {'p', COMMAND_PREVIOUS_UNREAD},
        {'J', COMMAND_NEXT},
        {'K', COMMAND_PREVIOUS},
        {'N', COMMAND_TOGGLE_READ},
        {'A', COMMAND_ALL_READ},
        {'C', COMMAND_ALL_READ},
        {'K' - '@', COMMAND_RANDOM_UNREAD},
        {'/', COMMAND_SEARCH},
        {'z', COMMAND_SEARCH_STORE},
        {'F', COMMAND_FILTER},
        {'f', COMMAND_CHOOSE_FILTER},
        {'F' - '@', COMMAND_CLEAR_FILTER},
        {'o', COMMAND_BROWSE},
        {'O', COMMAND_BROWSE_READ},
        {'u', COMMAND_LINKS},
        {'s', COMMAND_SAVE},
        {'|', COMMAND_PIPE},
        {'g', COMMAND_ORDER},
        {'G', COMMAND_ORDER},
        {'l', COMMAND_TOGGLE_UNREAD_ONLY},
        {'U' - '@', COMMAND_SOURCE},
        {'B' - '@', COMMAND_TOGGLE_STAR},
        {'L' - '@', COMMAND_REDRAW},
        {'r', COMMAND_REPEAT},
        {':', COMMAND_LINE},
        {'?', COMMAND_HELP},
        {'\t', COMMAND_FOCUS},
        {'j', COMMAND_DOWN},
        {'k', COMMAND_UP},
        {KEY_CODE_DOWN, COMMAND_DOWN},
        {KEY_CODE_PAGE_UP, COMMAND_PAGE_UP},
        {KEY_CODE_HOME, COMMAND_FIRST},
        {' ', COMMAND_PAGE_DOWN},
        {0x4E2D, COMMAND_NONE},
        {0, COMMAND_NONE},
        {-1, COMMAND_NONE},
    };
    struct keys *k = with(NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(keys_command(k, cases[i].code), cases[i].command);
    keys_free(k);
}

static void keys_are_read_and_written_alike(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int code;
        const char *name; /* NULL: as text */
    } cases[] = {
        {"x", 'x', NULL},
        {"X", 'X', NULL},
        {"^", '^', NULL},
        {"\xc3\xa4", 0xE4, NULL},
        {"\xe4\xb8\xad", 0x4E2D, NULL},
        {"^F", 6, NULL},
        {"^f", 6, "^F"},
        {"^@", 0, NULL},
        {"^?", 127, "backspace"},
        {"^M", '\r', "enter"},
        {"^I", '\t', "tab"},
        {"^[", 27, "escape"},
        {"^_", 31, NULL},
        {"space", ' ', NULL},
        {"Page-Down", KEY_CODE_PAGE_DOWN, "page-down"},
        {"backtab", KEY_CODE_BACKTAB, NULL},
        {"f1", KEY_CODE_F1, NULL},
        {"F12", KEY_CODE_F12, "f12"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[KEY_NAME_SIZE];
        int code = -1;
        assert_true(key_parse(cases[i].text, strlen(cases[i].text), &code));
        assert_int_equal(code, cases[i].code);
        key_name(code, name);
        assert_string_equal(name, cases[i].name ? cases[i].name : cases[i].text);
    }
}

static void what_is_no_key_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",    " ",   "\t", "\033", "\177",   "xy",   "^1",           "^^^",      "f0",   "f13",
        "f01", "f1x", "f",  "spac", "spaces", "\xff", "\xc3\xa4\xc3", "\xc2\x80", "\xc3",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int code = -7;
        size_t len = strlen(cases[i]);
        bool is_f = strcmp(cases[i], "f") == 0; /* the letter */
        assert_int_equal(key_parse(cases[i], len, &code), is_f);
        assert_int_equal(code, is_f ? 'f' : -7);
    }
}

static void a_key_is_bound_to_another_command_or_to_none(void **state)
{
    (void)state;
    const char *binds[] = {"x toggle-star", "^P  previous", "j none",
                           "\xc3\xa4 help", "n down",       "n up"};
    struct news_error err = {0};
    struct keys *k = keys_new(binds, sizeof binds / sizeof *binds, &err);
    assert_non_null(k);
    assert_int_equal(keys_command(k, 'x'), COMMAND_TOGGLE_STAR);
    assert_int_equal(keys_command(k, 'P' - '@'), COMMAND_PREVIOUS);
    assert_int_equal(keys_command(k, 'j'), COMMAND_NONE);
    assert_int_equal(keys_command(k, 0xE4), COMMAND_HELP);
    assert_int_equal(keys_command(k, 'n'), COMMAND_UP); /* the last one counts */
    assert_string_equal(keys_of(k, COMMAND_DOWN), "down");
    assert_string_equal(keys_of(k, COMMAND_NEXT_UNREAD), "");
    assert_string_equal(keys_of(k, COMMAND_TOGGLE_STAR), "^B * x");
    keys_free(k);
}

static void a_wrong_bind_is_told_in_a_sentence(void **state)
{
    (void)state;
    assert_refused("", "--bind \"\": a key and a command were expected, such as \"x toggle-star\"");
    assert_refused("x",
                   "--bind \"x\": a key and a command were expected, such as \"x toggle-star\"");
    assert_refused("x up down", "--bind \"x up down\": a key and a command were expected, such as "
                                "\"x toggle-star\"");
    assert_refused("f13 up", "--bind \"f13 up\": there is no key \"f13\"");
    assert_refused("x fly", "--bind \"x fly\": there is no command \"fly\"");
}

/* docs/screen.md has the table as well; this keeps the two alike. */
static void the_documentation_lists_every_command_with_its_keys(void **state)
{
    (void)state;
    struct buf doc = {0}, row = {0};
    const char *root = getenv("NEWS_SOURCE_DIR");
    char line[4096];
    if (!root) fail_msg("NEWS_SOURCE_DIR is not set: run the tests with ctest");
    (void)snprintf(line, sizeof line, "%s/docs/screen.md", root);
    FILE *f = fopen(line, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        buf_puts(&doc, line);
    assert_int_equal(fclose(f), 0);
    for (enum command c = COMMAND_NONE + 1; c < COMMANDS; c++) {
        const struct command_row *r = command_row(c);
        buf_clear(&row);
        buf_puts(&row, "|");
        for (const char *key = r->keys; *key; key += strspn(key, " ")) {
            size_t len = strcspn(key, " ");
            buf_printf(&row, " `%s%.*s`", *key == '|' ? "\\" : "", (int)len, key);
            key += len;
        }
        buf_printf(&row, " | `%s` | %s |\n", r->name, r->help);
        if (!strstr(doc.data, row.data)) fail_msg("docs/screen.md lacks: %s", row.data);
    }
    buf_deinit(&doc);
    buf_deinit(&row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_has_a_name_of_its_own_a_help_line_and_a_key),
        cmocka_unit_test(no_two_commands_share_a_default_key),
        cmocka_unit_test(newsboats_keys_do_what_they_do_there),
        cmocka_unit_test(keys_are_read_and_written_alike),
        cmocka_unit_test(what_is_no_key_is_refused),
        cmocka_unit_test(a_key_is_bound_to_another_command_or_to_none),
        cmocka_unit_test(a_wrong_bind_is_told_in_a_sentence),
        cmocka_unit_test(the_documentation_lists_every_command_with_its_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
