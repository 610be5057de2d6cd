/* Every key of the full screen does what its help says: a walk through the table that the program
 * has its keys from (subscriber/keys.c), with a check for each command. */
#include "subscriber/keys.h"
#include "tests/integration/reader.h"

/* ---- a list of sixty, newest first, and one more that is hidden ---- */

enum { ITEMS = 60 };
#define NEWEST    "Item 60"
#define ITS_TEXT  "The text of 60."
#define ITS_LINK  "https://x.example/60"
#define UNREAD(n) " " #n " unread"

static const char *opened; /* what the browser, a script, was given */
static char browser[SETTING_SIZE];

static void put_items(void)
{
    put_story("hidden", 1, "Hidden one", "");
    for (int i = 1; i <= ITEMS; i++) {
        char uri[16], headline[32], more[256];
        (void)snprintf(uri, sizeof uri, "%d", i);
        (void)snprintf(headline, sizeof headline, "Item %02d", i);
        (void)snprintf(more, sizeof more,
                       ",\"bodies\":[{\"value\":\"The text of %02d.\"}],\"renditions\":"
                       "[{\"name\":\"web\",\"href\":\"https://x.example/%d\"}]",
                       i, i);
        if (i == ITEMS) put_story(uri, 1, "As first told", "");
        put_story(uri, i == ITEMS ? 2 : 1, headline, more);
    }
}

static void open_list(void)
{
    open_reader("--hide", "headline = \"Hidden one\"", "--browser", browser, "--clipboard",
                "--saved-filter", "thirty headline = \"Item 30\"");
}

static void start_with_items(void)
{
    char script[SETTING_SIZE];
    start_wire();
    opened = scene_path(scene, "opened");
    (void)snprintf(script, sizeof script, "echo \"$#: $*\" >>'%s'\n", opened);
    (void)snprintf(browser, sizeof browser, "sh %s", scene_file(scene, "browser.sh", script));
    open_list();
    put_items();
    expect_cursor(NEWEST);
    expect(UNREAD(60));
}

/* A key by its name in the table. */
static void press(const char *name)
{
    int code = 0;
    char byte[5] = "";
    assert_true(key_parse(name, strlen(name), &code));
    if (code < 0x80) {
        byte[0] = (char)code;
        vt_type(screen, byte);
    } else {
        assert_true(vt_key(screen, name));
    }
}

static void to_top(void)
{
    press("home");
    expect_cursor(NEWEST);
}

struct range {
    int least, most;
};

static bool cursor_is_within(void *user)
{
    const struct range *r = user;
    int row = cursor_row();
    const char *text = row > 0 ? strstr(vt_row(screen, row), "Item ") : NULL;
    int number = text ? atoi(text + 5) : 0;
    return number >= r->least && number <= r->most;
}

static void expect_cursor_within(int least, int most)
{
    if (!vt_wait(screen, cursor_is_within, &(struct range){least, most}, WAIT_MS))
        fail_with_screen("the cursor is not", "about there", __FILE__, __LINE__);
}

/* ---- moving ---- */

static void moves_down(const char *key)
{
    to_top();
    press(key);
    expect_cursor("Item 59");
}

static void moves_up(const char *key)
{
    to_top();
    vt_type(screen, "jj");
    expect_cursor("Item 58");
    press(key);
    expect_cursor("Item 59");
}

/* Also while one is read. */
static void goes_to_the_item_below(const char *key)
{
    to_top();
    press("enter");
    expect(ITS_TEXT);
    press(key);
    expect("The text of 59.");
    expect_cursor("Item 59");
    press("q");
    expect_gone("The text of 59.");
    vt_type(screen, "NkN");
    expect(UNREAD(60));
}

static void goes_to_the_item_above(const char *key)
{
    to_top();
    vt_type(screen, "j\r");
    expect("The text of 59.");
    press(key);
    expect(ITS_TEXT);
    expect_cursor(NEWEST);
    press("q");
    expect_gone(ITS_TEXT);
    vt_type(screen, "NjN");
    expect(UNREAD(60));
}

/* The list has 21 or 22 lines: something is said below it, or not. */
static void goes_down_a_page(const char *key)
{
    to_top();
    press(key);
    expect_cursor_within(39, 40);
}

static void goes_up_a_page(const char *key)
{
    press("end");
    expect_cursor("Item 01");
    press(key);
    expect_cursor_within(21, 22);
}

static void goes_down_half_a_page(const char *key)
{
    to_top();
    press(key);
    expect_cursor_within(49, 50);
}

static void goes_up_half_a_page(const char *key)
{
    press("end");
    expect_cursor("Item 01");
    press(key);
    expect_cursor_within(11, 12);
}

static void goes_to_the_top(const char *key)
{
    vt_type(screen, "jjj");
    expect_gone("following");
    press(key);
    expect_cursor(NEWEST);
    expect_row(0, "following");
}

static void goes_to_the_bottom(const char *key)
{
    to_top();
    press(key);
    expect_cursor("Item 01");
    expect_row(0, "60/60");
}

/* Item 59 is read meanwhile. */
static void goes_to_the_next_unread(const char *key)
{
    to_top();
    vt_type(screen, "jNk");
    expect(UNREAD(59));
    expect_cursor(NEWEST);
    press(key);
    expect_cursor("Item 58");
    vt_type(screen, "kN");
    expect(UNREAD(60));
}

static void goes_to_the_previous_unread(const char *key)
{
    to_top();
    vt_type(screen, "jNj");
    expect(UNREAD(59));
    expect_cursor("Item 58");
    press(key);
    expect_cursor(NEWEST);
    vt_type(screen, "jN");
    expect(UNREAD(60));
}

/* It is on one that is unread, so there is none but the one below. */
static void goes_to_any_unread(const char *key)
{
    to_top();
    press("A");
    expect(UNREAD(0));
    vt_type(screen, "jjjjN");
    expect(UNREAD(1));
    to_top();
    press(key);
    expect_cursor("Item 56");
}

static void pauses_and_follows(const char *key)
{
    to_top();
    expect_row(0, "following");
    press(key);
    expect_row(0, "paused");
    press(key);
    expect_row(0, "following");
    vt_type(screen, "jj");
    expect_row(0, "paused");
    press(key);
    expect_row(0, "following");
    expect_cursor(NEWEST);
}

/* ---- reading ---- */

static void opens_the_item(const char *key)
{
    to_top();
    press(key);
    expect(ITS_TEXT);
    expect(UNREAD(59));
    vt_type(screen, "qN");
    expect_gone(ITS_TEXT);
    expect(UNREAD(60));
}

static void expect_quit(void)
{
    assert_int_equal(vt_wait_end(screen, WAIT_MS), 0);
    assert_false(vt_is_alternate(screen));
    vt_free(screen);
    open_list();
    expect_cursor(NEWEST);
}

static void goes_back_and_at_last_quits(const char *key)
{
    to_top();
    vt_type(screen, "/telling of none\r");
    expect("nothing found");
    press(key);
    expect_cursor(NEWEST);
    press("enter");
    expect(ITS_TEXT);
    press("?");
    expect_row(0, "help");
    press(key);
    expect(ITS_TEXT);
    press(key);
    expect_gone(ITS_TEXT);
    vt_type(screen, "N");
    expect(UNREAD(60));
    press(key);
    expect_quit();
}

static void quits_at_once(const char *key)
{
    press("?");
    expect_row(0, "help");
    press(key);
    expect_quit();
}

/* While the item has the focus keys scroll it; with the list's they move in the list. */
static void changes_the_pane(const char *key)
{
    to_top();
    press(key);
    expect(ITS_TEXT);
    press(key);
    press("down");
    expect("The text of 59.");
    press(key);
    press("down");
    press("q");
    expect_gone("The text of");
    expect_cursor("Item 59");
    vt_type(screen, "NkN");
    expect(UNREAD(60));
}

static void changes_the_layout(const char *key)
{
    to_top();
    expect_gone(ITS_TEXT);
    press(key);
    expect("item beside the list");
    expect(ITS_TEXT);
    assert_true(column_of(row_with(ITS_TEXT), ITS_TEXT) > 30);
    press(key);
    expect("item below the list");
    expect_gone(ITS_TEXT);
    press("enter");
    expect(ITS_TEXT);
    expect(" " NEWEST);
    assert_true(row_with(ITS_TEXT) > row_with(" " NEWEST));
    press(key);
    expect("list alone");
    expect_gone("Item 59");
    press("q");
    expect_cursor(NEWEST);
    expect_gone(ITS_TEXT);
    press("N");
    press(key);
    expect("as the width allows");
    expect(UNREAD(60));
}

static void forget_opened(void)
{
    (void)remove(opened);
}

static void opens_the_link(const char *key)
{
    to_top();
    forget_opened();
    press(key);
    expect_file(opened, "1: " ITS_LINK "\n");
    expect(ITS_LINK);
    expect(UNREAD(60));
}

static void opens_the_link_and_marks_read(const char *key)
{
    to_top();
    forget_opened();
    press(key);
    expect_file(opened, "1: " ITS_LINK "\n");
    expect(UNREAD(59));
    press("N");
    expect(UNREAD(60));
}

static void lists_the_links(const char *key)
{
    to_top();
    forget_opened();
    press(key);
    expect_row(0, "links");
    expect("[1] " ITS_LINK);
    press("1");
    expect_file(opened, "1: " ITS_LINK "\n");
    press("q");
    expect_cursor(NEWEST);
}

static bool bytes_have(void *user)
{
    size_t len;
    const char *bytes = vt_bytes(screen, &len);
    return memmem(bytes, len, user, strlen(user)) != NULL;
}

static void expect_bytes(const char *text)
{
    if (!vt_wait(screen, bytes_have, (void *)(uintptr_t)text, WAIT_MS))
        fail_with_screen("the terminal was not sent", text, __FILE__, __LINE__);
}

static void copies_the_link(const char *key)
{
    to_top();
    vt_forget_bytes(screen);
    press(key);
    expect_bytes("\033]52;c;aHR0cHM6Ly94LmV4YW1wbGUvNjA=\a");
    expect("copied: " ITS_LINK);
}

static void copies_headline_and_link(const char *key)
{
    to_top();
    vt_forget_bytes(screen);
    press(key);
    expect_bytes("\033]52;c;SXRlbSA2MCBodHRwczovL3guZXhhbXBsZS82MA==\a");
    expect("copied: " NEWEST " " ITS_LINK);
}

static void gives_the_item_to_a_command(const char *key)
{
    char command[SETTING_SIZE];
    const char *piped = scene_path(scene, "piped");
    to_top();
    press(key);
    expect("pipe to:");
    (void)snprintf(command, sizeof command, "sh -c 'cat >\"$0\"; echo seen by a command' %s\r",
                   piped);
    vt_type(screen, command);
    expect("seen by a command");
    expect("-- done; press a key --");
    vt_type(screen, " ");
    expect_cursor(NEWEST);
    expect_file(piped, "{\"uri\":\"x:60\",\"version\":\"2\",");
}

static void saves_the_item(const char *key)
{
    char name[SETTING_SIZE];
    const char *saved = scene_path(scene, "saved.json");
    to_top();
    press(key);
    expect("save as: item-");
    vt_type(screen, "\025"); /* ^U */
    expect_gone("save as: item-");
    (void)snprintf(name, sizeof name, "%s\r", saved);
    vt_type(screen, name);
    expect("saved as");
    expect_file(saved, "{\"uri\":\"x:60\",\"version\":\"2\",");
}

static void shows_the_item_as_it_came(const char *key)
{
    to_top();
    press(key);
    expect_row(0, "source");
    expect("\"uri\": \"x:60\"");
    expect("\"value\": \"" ITS_TEXT "\"");
    press("q");
    expect_cursor(NEWEST);
}

static void shows_the_other_versions(const char *key)
{
    to_top();
    press(key);
    expect_row(0, "versions");
    expect("As first told");
    press("q");
    expect_cursor(NEWEST);
    expect_gone("As first told");
    press("down");
    press(key);
    expect("there is no other version of it");
}

/* ---- marks ---- */

static void marks_read_and_unread(const char *key)
{
    to_top();
    expect_cursor(" N");
    press(key);
    expect(UNREAD(59));
    press(key);
    expect_cursor(" N");
    expect(UNREAD(60));
}

static void marks_all_read(const char *key)
{
    press(key);
    expect(UNREAD(0));
    to_top();
    press("N");
    expect(UNREAD(1));
}

static void stars_and_takes_the_star_away(const char *key)
{
    to_top();
    press(key);
    expect_cursor("*");
    press(key);
    expect_gone("*");
}

/* ---- choosing ---- */

static void searches(const char *key)
{
    to_top();
    press(key);
    expect("search:");
    vt_type(screen, "30\r");
    expect_row(0, "search: 30");
    expect_row(0, "1 found");
    expect_cursor("Item 30");
    expect_gone("Item 31");
    press("q");
    expect_cursor(NEWEST);
}

static void searches_on(const char *key)
{
    to_top();
    vt_type(screen, "/Item 3*\r");
    expect_row(0, "10 found");
    press(key);
    press(key);
    expect("the whole store was searched");
    expect_row(0, "10 found");
    press("q");
    expect_cursor(NEWEST);
    press(key); /* the last search again */
    expect_row(0, "10 found");
    expect_cursor("Item 39");
    press("q");
    expect_cursor(NEWEST);
}

static void filters(const char *key)
{
    to_top();
    press(key);
    expect("filter:");
    vt_type(screen, "headline = \"Item 30\"\r");
    expect_row(0, "filter: headline");
    expect_gone("Item 31");
    expect_cursor("Item 30");
    press(key); /* to be edited; empty: all */
    vt_type(screen, "\025\r");
    expect_cursor(NEWEST);
    expect_gone("filter: ");
}

static void chooses_a_saved_filter(const char *key)
{
    to_top();
    press(key);
    expect("saved filter");
    vt_type(screen, "th\t");
    expect("thirty");
    vt_type(screen, "\r");
    expect_gone("Item 31");
    expect_cursor("Item 30");
    press("^F");
    expect_cursor(NEWEST);
    press(key);
    vt_type(screen, "none\r");
    expect("there is no saved filter none");
}

static void clears_the_filter(const char *key)
{
    to_top();
    vt_type(screen, "FItem 30\r");
    expect_gone("Item 31");
    press(key);
    expect_cursor(NEWEST);
    expect_row(0, "1/60");
    press(key);
    expect("there is no filter");
}

static void shows_unread_items_only(const char *key)
{
    to_top();
    press("N");
    expect(UNREAD(59));
    press(key);
    expect_row(0, "unread only");
    expect_cursor("Item 59");
    press(key);
    expect_cursor(NEWEST);
    press("N");
    expect(UNREAD(60));
}

static void shows_what_is_hidden(const char *key)
{
    expect("1 hidden");
    press(key);
    expect_row(0, "hidden shown");
    press("end");
    expect_cursor("Hidden one");
    press(key);
    expect_gone("hidden shown");
    press("end");
    expect_cursor("Item 01");
    to_top();
}

static void turns_the_order(const char *key)
{
    to_top();
    expect_row(1, NEWEST);
    press(key);
    expect("newest last");
    expect_row(-3, NEWEST);
    expect_cursor(NEWEST);
    press(key);
    expect("newest first");
    expect_row(1, NEWEST);
}

/* ---- more ---- */

static void asks_publishers(const char *key)
{
    press(key);
    expect("publishers are asked for what is missing");
}

static void shows_what_was_said(const char *key)
{
    press(key);
    expect_row(0, "messages");
    expect("subscribed to newswire/status/+");
    press("q");
    expect_cursor(NEWEST);
}

static void shows_what_is_missing(const char *key)
{
    press(key);
    expect_row(0, "missing");
    expect_gone("Item 59");
    press("q");
    expect_cursor(NEWEST);
}

static void takes_commands_by_name(const char *key)
{
    to_top();
    press(key);
    vt_type(screen, "half-d\t\r");
    expect_cursor_within(49, 50);
    press(key);
    vt_type(screen, "nonsense\r");
    expect("there is no command nonsense");
    to_top();
}

/* All of it is sent again. */
static void draws_anew(const char *key)
{
    to_top();
    vt_read(screen);
    vt_forget_bytes(screen);
    press(key);
    expect_bytes("Item 59");
    expect_bytes("Item 41");
    expect_cursor(NEWEST);
}

static void shows_this_page(const char *key)
{
    press(key);
    expect_row(0, "help");
    expect("Moving");
    press("q");
    expect_cursor(NEWEST);
}

/* ---- the walk ---- */

static void (*const checks[COMMANDS])(const char *key) = {
    [COMMAND_DOWN] = moves_down,
    [COMMAND_UP] = moves_up,
    [COMMAND_NEXT] = goes_to_the_item_below,
    [COMMAND_PREVIOUS] = goes_to_the_item_above,
    [COMMAND_PAGE_DOWN] = goes_down_a_page,
    [COMMAND_PAGE_UP] = goes_up_a_page,
    [COMMAND_HALF_DOWN] = goes_down_half_a_page,
    [COMMAND_HALF_UP] = goes_up_half_a_page,
    [COMMAND_FIRST] = goes_to_the_top,
    [COMMAND_LAST] = goes_to_the_bottom,
    [COMMAND_NEXT_UNREAD] = goes_to_the_next_unread,
    [COMMAND_PREVIOUS_UNREAD] = goes_to_the_previous_unread,
    [COMMAND_RANDOM_UNREAD] = goes_to_any_unread,
    [COMMAND_FOLLOW] = pauses_and_follows,
    [COMMAND_OPEN] = opens_the_item,
    [COMMAND_BACK] = goes_back_and_at_last_quits,
    [COMMAND_QUIT] = quits_at_once,
    [COMMAND_FOCUS] = changes_the_pane,
    [COMMAND_LAYOUT] = changes_the_layout,
    [COMMAND_BROWSE] = opens_the_link,
    [COMMAND_BROWSE_READ] = opens_the_link_and_marks_read,
    [COMMAND_LINKS] = lists_the_links,
    [COMMAND_YANK] = copies_the_link,
    [COMMAND_YANK_HEADLINE] = copies_headline_and_link,
    [COMMAND_PIPE] = gives_the_item_to_a_command,
    [COMMAND_SAVE] = saves_the_item,
    [COMMAND_SOURCE] = shows_the_item_as_it_came,
    [COMMAND_VERSIONS] = shows_the_other_versions,
    [COMMAND_TOGGLE_READ] = marks_read_and_unread,
    [COMMAND_ALL_READ] = marks_all_read,
    [COMMAND_TOGGLE_STAR] = stars_and_takes_the_star_away,
    [COMMAND_SEARCH] = searches,
    [COMMAND_SEARCH_STORE] = searches_on,
    [COMMAND_FILTER] = filters,
    [COMMAND_CHOOSE_FILTER] = chooses_a_saved_filter,
    [COMMAND_CLEAR_FILTER] = clears_the_filter,
    [COMMAND_TOGGLE_UNREAD_ONLY] = shows_unread_items_only,
    [COMMAND_TOGGLE_HIDDEN] = shows_what_is_hidden,
    [COMMAND_ORDER] = turns_the_order,
    [COMMAND_REPEAT] = asks_publishers,
    [COMMAND_MESSAGES] = shows_what_was_said,
    [COMMAND_GAPS] = shows_what_is_missing,
    [COMMAND_LINE] = takes_commands_by_name,
    [COMMAND_REDRAW] = draws_anew,
    [COMMAND_HELP] = shows_this_page,
};

static void walk_keys(enum command c)
{
    char key[KEY_NAME_SIZE], what[128];
    doing = what;
    for (const char *at = command_row(c)->keys; *(at += strspn(at, " ")); at += strcspn(at, " ")) {
        (void)snprintf(key, sizeof key, "%.*s", (int)strcspn(at, " "), at);
        (void)snprintf(what, sizeof what, "%s (%s)", key, command_row(c)->name);
        checks[c](key);
    }
    doing = NULL;
}

static const char *const groups[] = {"Moving", "Reading", "Marks", "Choosing", "More"};

static void walk(const char *group)
{
    start_with_items();
    for (enum command c = COMMAND_NONE + 1; c < COMMANDS; c++)
        if (strcmp(command_row(c)->group, group) == 0) walk_keys(c);
    close_reader();
}

static void every_key_that_moves_does_what_its_help_says(void **state)
{
    (void)state;
    walk("Moving");
}

static void every_key_for_reading_does_what_its_help_says(void **state)
{
    (void)state;
    walk("Reading");
}

static void every_key_that_marks_does_what_its_help_says(void **state)
{
    (void)state;
    walk("Marks");
}

static void every_key_that_chooses_does_what_its_help_says(void **state)
{
    (void)state;
    walk("Choosing");
}

static void every_other_key_does_what_its_help_says(void **state)
{
    (void)state;
    walk("More");
}

/* A new command needs a check here, and its group a walk. */
static void no_command_of_the_table_is_left_out(void **state)
{
    (void)state;
    for (enum command c = COMMAND_NONE + 1; c < COMMANDS; c++) {
        bool walked = false;
        for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
            walked = walked || strcmp(command_row(c)->group, groups[i]) == 0;
        if (!walked || !checks[c]) fail_msg("%s is left out", command_row(c)->name);
    }
}

static void help_has_every_command_with_its_keys(void **state)
{
    (void)state;
    struct news_error err = {0};
    struct keys *keys = keys_new(NULL, 0, &err);
    assert_non_null(keys);
    start_wire();
    open_reader_with(&(struct opening){.rows = 70, .columns = 100}, ARGV("--no-store"));
    press("?");
    expect_row(0, "help");
    for (enum command c = COMMAND_NONE + 1; c < COMMANDS; c++) {
        char name[64];
        (void)snprintf(name, sizeof name, "(%s)", command_row(c)->name);
        expect(name);
        expect_row(row_with(name), command_row(c)->help);
        expect_row(row_with(name), keys_of(keys, c));
    }
    keys_free(keys);
    close_reader();
}

/* newssub ends as it should however it was used: nothing leaks, nothing was overrun. */
static void keys_without_any_item_do_no_harm(void **state)
{
    (void)state;
    start_wire();
    open_reader("--no-store");
    for (enum command c = COMMAND_NONE + 1; c < COMMANDS; c++) {
        if (c == COMMAND_BACK || c == COMMAND_QUIT) continue;
        char line[64];
        (void)snprintf(line, sizeof line, ":%s\r", command_row(c)->name);
        vt_type(screen, line);
        vt_type(screen, "\007"); /* what asks something gets no answer */
        if (c == COMMAND_MESSAGES || c == COMMAND_GAPS || c == COMMAND_HELP) press("q");
    }
    put_headline("Still there");
    expect("Still there");
    close_reader();
}

int main(int argc, char **argv)
{
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        READER_TEST(every_key_that_moves_does_what_its_help_says),
        READER_TEST(every_key_for_reading_does_what_its_help_says),
        READER_TEST(every_key_that_marks_does_what_its_help_says),
        READER_TEST(every_key_that_chooses_does_what_its_help_says),
        READER_TEST(every_other_key_does_what_its_help_says),
        cmocka_unit_test(no_command_of_the_table_is_left_out),
        READER_TEST(help_has_every_command_with_its_keys),
        READER_TEST(keys_without_any_item_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
