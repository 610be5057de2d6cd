/* newssub's full screen as a reader meets it: what comes, what changes, what is hidden, folded,
 * missing. (Keys: test_newssub_keys.c; the terminal: test_newssub_terminal.c.) */
#include "tests/integration/reader.h"

enum { COLUMN_OF_MARKS = 28 }; /* of a list of 80 columns */

/* The marks before the headline: "N*u". */
static const char *marks_of(const char *headline)
{
    static char marks[4];
    int row = row_with(headline);
    for (int i = 0; i < 3; i++) {
        const struct vt_cell cell = vt_cell(screen, row, COLUMN_OF_MARKS + i);
        marks[i] = *cell.text ? *cell.text : ' ';
    }
    return marks;
}

#define assert_marks(headline, marks) assert_string_equal(marks_of(headline), marks)

/* ---- what comes --------------------------------------------------------------------------- */

static void items_appear_as_they_come_newest_first_and_unread(void **state)
{
    (void)state;
    start_wire();
    open_reader("--no-store");
    expect("no news yet");
    put_headline("Ferry is late");
    expect_row(1, "Ferry is late");
    put_story("flash", 1, "Bridge is open", ",\"urgency\":1");
    put_headline("Tide is high");
    expect_row(1, "Tide is high");
    expect_row(2, "!!!  Bridge is open");
    expect_row(3, "Ferry is late");
    expect_row(4, "");
    assert_marks("Ferry is late", "N  ");
    assert_marks("Tide is high", "N  ");
    expect("3 unread");
    expect_row(0, "following");
    expect_cursor("Tide is high");
    close_reader();
}

static void who_moves_away_is_left_there_and_told_how_many_came(void **state)
{
    (void)state;
    start_wire();
    open_reader("--no-store");
    put_headline("First");
    put_headline("Second");
    put_headline("Third");
    expect_cursor("Third");
    vt_type(screen, "j");
    expect_row(0, "paused");
    put_headline("Fourth");
    expect_row(0, "+1 new");
    put_headline("Fifth");
    expect_row(0, "+2 new");
    expect_cursor("Second");
    vt_type(screen, ".");
    expect_row(0, "following");
    expect_gone("new ");
    expect_cursor("Fifth");
    put_headline("Sixth");
    expect_cursor("Sixth");
    vt_type(screen, "\r"); /* whoever reads is left alone as well */
    expect_row(0, "paused");
    put_headline("Seventh");
    expect_row(0, "+1 new");
    expect_cursor("Sixth");
    close_reader();
}

static void lines_stand_still_for_who_reads_further_down(void **state)
{
    (void)state;
    start_wire();
    open_reader("--no-store");
    for (int i = 1; i <= 60; i++) {
        char headline[32];
        (void)snprintf(headline, sizeof headline, "Item %02d", i);
        put_headline(headline);
    }
    expect_cursor("Item 60");
    vt_type(screen, "    kkk"); /* four pages down */
    expect_row(0, "paused");
    expect_gone("Item 60");
    struct buf before = {0};
    vt_read(screen);
    for (int row = 1; row < 20; row++)
        buf_puts(&before, vt_row(screen, row));
    for (int i = 1; i <= 30; i++) {
        char headline[32];
        (void)snprintf(headline, sizeof headline, "Later %02d", i);
        put_headline(headline);
    }
    expect_row(0, "+30 new");
    struct buf after = {0};
    for (int row = 1; row < 20; row++)
        buf_puts(&after, vt_row(screen, row));
    assert_string_equal(before.data, after.data);
    buf_deinit(&before);
    buf_deinit(&after);
    close_reader();
}

static void a_wide_screen_shows_the_item_beside_the_list(void **state)
{
    (void)state;
    start_wire();
    open_reader_with(&(struct opening){.rows = 50, .columns = 160}, ARGV("--no-store"));
    put_story("a", 1, "Ferry is late", ",\"bodies\":[{\"value\":\"Fog over the bay.\"}]");
    put_story("b", 1, "Tide is high", ",\"bodies\":[{\"value\":\"Boots are sold out.\"}]");
    expect("Boots are sold out.");
    assert_true(column_of(row_with("Boots"), "Boots") > 70);
    expect_row(1, "Tide is high");
    vt_type(screen, "j");
    expect("Fog over the bay.");
    expect("2 unread"); /* looking is not reading */
    close_reader();
}

/* ---- marks -------------------------------------------------------------------------------- */

static void what_was_read_and_starred_is_so_after_a_restart(void **state)
{
    (void)state;
    start_wire();
    open_reader("--last", "0");
    put_headline("Left alone");
    put_headline("Starred");
    put_headline("Read");
    expect_cursor("Read");
    vt_type(screen, "\r");
    expect("2 unread");
    vt_type(screen, "qj*");
    expect_cursor("N*");
    close_reader();

    open_reader("--last", "0");
    expect("2 unread");
    assert_marks("Left alone", "N  ");
    assert_marks("Starred", "N* ");
    assert_marks(" Read", "   ");
    close_reader();
}

static void with_keep_unread_opening_marks_nothing(void **state)
{
    (void)state;
    start_wire();
    open_reader("--no-store", "--keep-unread");
    put_story("a", 1, "Ferry is late", ",\"bodies\":[{\"value\":\"Fog over the bay.\"}]");
    expect_cursor("Ferry");
    vt_type(screen, "\r");
    expect("Fog over the bay.");
    expect("1 unread");
    vt_type(screen, "N");
    expect("0 unread");
    close_reader();
}

/* ---- corrections, kills, embargoes ---------------------------------------------------------- */

static void a_later_version_stands_where_the_first_stood_with_a_mark(void **state)
{
    (void)state;
    start_wire();
    open_reader("--no-store");
    put_story("a", 1, "Ten boats sank", "");
    put_headline("Second");
    put_headline("Third");
    expect_row(3, "Ten boats sank");
    put_story("a", 2, "Two boats sank", ",\"edNote\":\"CORRECTION: the number\"");
    expect_row(3, "Two boats sank");
    expect_gone("Ten boats sank");
    expect_row(1, "Third");
    assert_marks("Two boats sank", "N u");
    put_story("a", 1, "Ten boats sank", ""); /* late, and dead */
    put_headline("Fourth");
    expect_row(1, "Fourth");
    expect_row(4, "Two boats sank");
    vt_type(screen, "jjj\r");
    expect("UPDATED: version 2");
    expect("CORRECTION: the number");
    close_reader();
}

static void a_star_stays_on_a_story_through_corrections_and_restarts(void **state)
{
    (void)state;
    start_wire();
    open_reader("--last", "0");
    put_story("a", 1, "Ten boats sank", "");
    put_headline("Second");
    expect_row(2, "Ten boats sank");
    vt_type(screen, "j*");
    expect_cursor("N*");
    put_story("a", 2, "Two boats sank", "");
    expect_cursor("Two boats sank");
    assert_marks("Two boats sank", "N*u");
    close_reader();
    open_reader("--last", "0");
    expect("2 unread");
    assert_memory_equal(marks_of("Two boats sank"), "N*", 2);
    close_reader();
}

static void a_correction_reaches_the_reader_while_reading(void **state)
{
    (void)state;
    start_wire();
    open_reader("--no-store");
    put_story("a", 1, "Ten boats sank", ",\"bodies\":[{\"value\":\"All ten of them.\"}]");
    expect_cursor("Ten boats sank");
    vt_type(screen, "\r");
    expect("All ten of them.");
    put_story("a", 2, "Two boats sank", ",\"bodies\":[{\"value\":\"Only two of them.\"}]");
    expect("Only two of them.");
    expect_gone("All ten of them.");
    close_reader();
}

/* Was this text sent, and did the style before it have that SGR parameter? */
static bool sent_in_style(const char *text, int parameter)
{
    const char *at = strstr(vt_bytes(screen, NULL), text), *style = NULL;
    for (const char *s = vt_bytes(screen, NULL); at && (s = strstr(s, "\033[")) && s < at; s += 2)
        if (s[2 + strspn(s + 2, "0123456789;")] == 'm') style = s + 2;
    while (style && atoi(style) != parameter)
        style = strchr("m", style[strspn(style, "0123456789")]) ? NULL : strchr(style, ';') + 1;
    return style != NULL;
}

#define KILL_IT ",\"pubStatus\":\"canceled\",\"edNote\":\"Nothing of it is true.\""

static const char *const store_files[] = {"state/newswire/newssub.store",
                                          "state/newswire/newssub.store-wal"};

/* Neither in the database nor in what is not in it yet; how often. */
static size_t stored(const char *text)
{
    size_t times = 0;
    for (size_t i = 0; i < 2; i++) {
        char path[SETTING_SIZE];
        (void)snprintf(path, sizeof path, "%s/%s", scene->dir.path, store_files[i]);
        times += file_has(path, text);
    }
    return times;
}

static void a_kill_strikes_the_story_and_its_text_is_gone(void **state)
{
    (void)state;
    start_wire();
    open_reader("--last", "0");
    put_story("a", 1, "Mayor drowned ducks",
              ",\"bodies\":[{\"value\":\"The quackery was seen by nobody.\"}]");
    put_headline("Second");
    expect_row(2, "Mayor drowned ducks");
    vt_type(screen, "j\r");
    expect("quackery");
    assert_true(stored("quackery") > 0);
    vt_forget_bytes(screen);
    put_story("a", 2, "Withdrawn", KILL_IT);
    expect("KILLED: Nothing of it is true.");
    expect_gone("quackery");
    expect_gone("ducks");
    expect("KILL Withdrawn");
    expect_row(1, "Second");
    assert_true(sent_in_style("Withdrawn", 2)); /* dim: ncurses strikes nothing out */
    vt_type(screen, "\025");                    /* ^U: the source knows no more */
    expect_row(0, "source");
    expect_gone("ducks");
    vt_type(screen, "q");
    expect_gone("source");
    vt_type(screen, "V");
    expect("there is no other version of it");
    close_reader();
    assert_int_equal(stored("quackery") + stored("drowned ducks") + stored("Mayor"), 0);

    open_reader("--last", "0");
    expect("KILL Withdrawn");
    vt_type(screen, "/quackery\r");
    expect("nothing found");
    close_reader();
}

static void an_embargoed_item_appears_when_its_time_has_come(void **state)
{
    (void)state;
    char until[DATE_RFC3339_SIZE], more[256];
    int64_t until_ms = date_now_ms() / 1000 * 1000 + 3000;
    start_wire();
    open_reader("--no-store");
    date_rfc3339(until_ms, until);
    (void)snprintf(more, sizeof more,
                   ",\"embargoedUntil\":\"%s\",\"bodies\":[{\"value\":\"Not before noon.\"}]",
                   until);
    put_story("a", 1, "Budget speech", more);
    put_headline("Marker");
    expect_row(1, "Marker");
    if (date_now_ms() < until_ms) assert_null(strstr(vt_screen(screen), "Budget speech"));
    expect_row(2, "Budget speech");
    assert_true(date_now_ms() >= until_ms);
    vt_type(screen, "j\r");
    expect("Not before noon.");
    close_reader();
}

static void what_expires_leaves(void **state)
{
    (void)state;
    char until[DATE_RFC3339_SIZE], more[128];
    start_wire();
    open_reader("--no-store");
    date_rfc3339(date_now_ms() + 1500, until);
    (void)snprintf(more, sizeof more, ",\"expires\":\"%s\"", until);
    put_headline("Stays");
    put_story("a", 1, "Ferry leaves at noon", more);
    expect("Ferry leaves at noon");
    expect_gone("Ferry leaves at noon");
    expect("Stays");
    close_reader();
}

/* ---- rules and filters ---------------------------------------------------------------------- */

static void what_a_rule_hides_is_counted_and_can_be_seen(void **state)
{
    (void)state;
    start_wire();
    open_reader("--no-store", "--hide", "headline =~ \"^Horoscope\"");
    put_headline("Horoscope for Monday");
    put_headline("Ferry is late");
    put_headline("Horoscope for Tuesday");
    expect("2 hidden");
    expect_gone("Horoscope");
    expect("1 unread");
    vt_type(screen, "H");
    expect_row(1, "Horoscope for Tuesday");
    expect_row(3, "Horoscope for Monday");
    expect_row(0, "hidden shown");
    vt_type(screen, "H");
    expect_gone("Horoscope");
    expect_cursor("Ferry is late");
    close_reader();
}

/* The mark is at the place of the fault, and goes with the next key. */
static void a_live_filter_shows_where_it_is_wrong_and_then_chooses(void **state)
{
    (void)state;
    start_wire();
    open_reader("--no-store");
    put_story("a", 1, "Ferry is late", ",\"urgency\":2");
    put_story("b", 1, "Tide is high", ",\"urgency\":6");
    expect_row(2, "Ferry is late");
    vt_type(screen, "Furgency ? 3");
    expect("column 9");
    int row = row_with("filter: urgency ? 3");
    assert_int_equal(vt_cell(screen, row, 16).background, 1); /* "?" */
    assert_int_equal(vt_cell(screen, row, 15).background, VT_DEFAULT);
    vt_type(screen, "\b\b\b<= 3");
    expect_gone("column 9");
    vt_type(screen, "\r");
    expect_row(0, "filter: urgency <= 3");
    expect_row(1, "Ferry is late");
    expect_gone("Tide is high");
    expect("1 hidden");
    put_story("c", 1, "Bridge is open", ",\"urgency\":1"); /* and what comes is judged, too */
    put_story("d", 1, "Market is closed", ",\"urgency\":5");
    expect_row(1, "Bridge is open");
    expect("2 hidden");
    vt_type(screen, "\006"); /* ^F */
    expect("Tide is high");
    expect("Market is closed");
    assert_true(row_with("Market is closed") < row_with("Bridge is open"));
    close_reader();
}

/* Entered all the same, it is refused, and what was shown stays. */
static void a_wrong_filter_changes_nothing(void **state)
{
    (void)state;
    start_wire();
    open_reader("--no-store");
    put_headline("Ferry is late");
    expect_cursor("Ferry is late");
    vt_type(screen, "Fheadline = \"Fer\r");
    expect("column ");
    expect_cursor("Ferry is late");
    expect_gone("filter:");
    close_reader();
}

/* The cursor stays where it is, on the item of before, while the list changes around it. */
static void a_filter_keeps_the_place(void **state)
{
    (void)state;
    start_wire();
    open_reader("--no-store");
    for (int i = 1; i <= 40; i++) {
        char headline[32];
        (void)snprintf(headline, sizeof headline, "%s %02d", i % 2 ? "Odd" : "Even", i);
        put_headline(headline);
    }
    expect_cursor("Even 40");
    vt_type(screen, "jjjjjjjjj");
    expect_cursor("Odd 31");
    vt_type(screen, "Fodd\r");
    expect("20 hidden");
    expect_cursor("Odd 31");
    expect_row(0, "5/20");
    vt_type(screen, "\006");
    expect_row(0, "10/40");
    expect_cursor("Odd 31");
    close_reader();
}

/* ---- the same story ------------------------------------------------------------------------- */

static void put_tellings(void)
{
    put("news/harbour/wire/en/5/general",
        "{\"uri\":\"x:storm\",\"headlines\":[{\"value\":\"Storm closes the port\"}],"
        "\"infoSources\":[{\"name\":\"Harbour Wire\"}]}");
    put("news/mirror/city/en/5/general",
        "{\"uri\":\"x:storm\",\"headlines\":[{\"value\":\"Storm closes the port of Alder\"}],"
        "\"infoSources\":[{\"name\":\"Morning Mirror\"}]}");
    put("news/gazette/front/en/5/general",
        "{\"uri\":\"y:1\",\"headlines\":[{\"value\":\"Bakers strike for shorter nights\"}],"
        "\"infoSources\":[{\"name\":\"Gazette\"}],"
        "\"renditions\":[{\"name\":\"web\",\"href\":\"https://x.example/bakers\"}]}");
    put("news/courier/front/en/5/general",
        "{\"uri\":\"z:9\",\"headlines\":[{\"value\":\"Bakers strike for much shorter nights\"}],"
        "\"infoSources\":[{\"name\":\"Courier\"}],"
        "\"renditions\":[{\"name\":\"web\",\"href\":\"https://x.example/bakers\"}]}");
    put("news/end/x/en/5/general", "{\"uri\":\"x:end\",\"headlines\":[{\"value\":\"The end\"}]}");
}

static void the_same_story_from_two_is_one_line_that_names_both(void **state)
{
    (void)state;
    start_wire();
    open_reader("--no-store");
    put_tellings();
    expect_row(1, "The end");
    expect_row(2, "Bakers strike for shorter nights (+1)");
    expect_row(3, "Storm closes the port (+1)");
    expect_row(4, "");
    expect("3 unread");
    vt_type(screen, "jj\r");
    expect("Also from: Morning Mirror");
    expect("Storm closes the port of Alder");
    expect("2 unread");
    vt_type(screen, "K");
    expect("Also from: Courier");
    close_reader();
}

static void with_no_fold_a_story_is_shown_from_each(void **state)
{
    (void)state;
    start_wire();
    open_reader("--no-store", "--no-fold");
    put_tellings();
    expect_row(1, "The end");
    expect_row(2, "Bakers strike for much shorter nights");
    expect_row(3, "Bakers strike for shorter nights");
    expect_row(4, "Storm closes the port of Alder");
    expect_row(5, "Storm closes the port");
    expect("5 unread");
    close_reader();
}

/* ---- looks ---------------------------------------------------------------------------------- */

static void keys_colours_and_highlights_come_from_the_configuration(void **state)
{
    (void)state;
    start_wire();
    const char *conf = scene_file(scene, "newssub.conf",
                                  "bind = x toggle-star\n"
                                  "bind = * none\n"
                                  "colour = unread magenta default bold\n"
                                  "highlight = bold green: headline # \"ferry\"\n"
                                  "columns = %{service}: %{headline}\n"
                                  "newest-last = yes\n");
    open_reader_with(&(struct opening){.rows = 70, .columns = 80}, ARGV("--no-store", "-c", conf));
    put_headline("Ferry is late");
    put_headline("Tide is high");
    put_headline("Marker");
    expect("wire: Marker");
    int ferry = row_with("wire: Ferry is late"), tide = row_with("wire: Tide is high");
    assert_true(ferry < tide && tide < row_with("wire: Marker"));
    const struct vt_cell green = vt_cell(screen, ferry, column_of(ferry, "Ferry"));
    assert_int_equal(green.foreground, 2);
    assert_true(green.bold);
    const struct vt_cell magenta = vt_cell(screen, tide, column_of(tide, "Tide"));
    assert_int_equal(magenta.foreground, 5);
    vt_type(screen, "*x");
    expect_cursor("*");
    vt_type(screen, "*"); /* which does nothing */
    vt_type(screen, "?");
    expect("(toggle-star)");
    expect_row(row_with("(toggle-star)"), " ^B x ");
    close_reader();
}

static bool colours_were_sent(void)
{
    for (const char *s = vt_bytes(screen, NULL); (s = strstr(s, "\033[")); s += 2)
        if (s[2 + strspn(s + 2, "0123456789;")] == 'm')
            for (const char *at = s + 2; *at != 'm'; at += strcspn(at, ";m"), at += *at == ';') {
                int parameter = atoi(at);
                if ((parameter >= 30 && parameter < 39) || (parameter >= 40 && parameter < 49) ||
                    parameter >= 90)
                    return true;
            }
    return false;
}

static void without_colour_urgency_unread_and_killed_can_be_told_apart(void **state)
{
    (void)state;
    start_wire();
    open_reader_with(&(struct opening){.environment = ARGV("NO_COLOR=1")}, ARGV("--no-store"));
    put_story("f", 1, "A flash", ",\"urgency\":1");
    put_story("u", 1, "Urgent", ",\"urgency\":2");
    put_headline("Unread");
    put_headline("Was read");
    put_headline("Marker");
    expect_row(1, "Marker");
    vt_type(screen, "jN");
    expect("4 unread");
    vt_type(screen, ".");
    expect_row(0, "following");
    static const struct {
        const char *headline;
        bool bold, underline, reverse;
    } looks[] = {{"A flash", true, false, true},
                 {"Urgent", true, true, false},
                 {"Unread", true, false, false},
                 {"Was read", false, false, false}};
    for (size_t i = 0; i < sizeof looks / sizeof *looks; i++) {
        int row = row_with(looks[i].headline);
        const struct vt_cell cell = vt_cell(screen, row, column_of(row, looks[i].headline));
        assert_int_equal(cell.bold, looks[i].bold);
        assert_int_equal(cell.underline, looks[i].underline);
        assert_int_equal(cell.reverse, looks[i].reverse);
    }
    assert_false(colours_were_sent());
    close_reader();
}

/* ---- what is missing ------------------------------------------------------------------------ */

static void put_number(int number)
{
    char text[256];
    (void)snprintf(text, sizeof text,
                   "{\"uri\":\"n:%d\",\"headlines\":[{\"value\":\"Number %d\"}],\"altIds\":"
                   "[{\"role\":\"newswire\",\"value\":\"harbour:19a8c1f2e7b03d44:%d\"}]}",
                   number, number, number);
    put(TOPIC, text);
}

static void a_hole_stands_where_it_is_until_it_is_filled(void **state)
{
    (void)state;
    start_wire();
    open_reader("--no-store");
    put_number(1);
    put_number(2);
    put_number(5);
    put_number(6);
    expect_row(1, "Number 6");
    expect_row(2, "Number 5");
    expect_row(3, "2 missing");
    expect_row(3, "3 to 4, asked for");
    expect_row(4, "Number 2");
    expect_row(-1, "missing");
    vt_type(screen, "M");
    expect_row(0, "missing");
    expect("3 to 4");
    vt_type(screen, "q");
    put_number(4);
    put_number(3);
    expect_gone("asked for");
    expect_gone("missing");
    expect("6 unread");
    close_reader();
}

static struct process *start_publisher(void)
{
    struct buf text = {0};
    buf_printf(&text, "broker = %s\npublisher = me\n[drop]\nspool = spool\n",
               broker_url(scene->broker));
    const char *conf = scene_file(scene, "run.conf", text.data);
    buf_deinit(&text);
    struct process *p = scene_start(scene, ARGV(NEWSPUB_PATH, "-v", "run", "-c", conf));
    if (!process_expect_errors(p, ": connected\n", WAIT_MS))
        fail_msg("newspub run is not ready: %s", process_errors(p, NULL));
    return p;
}

static void stop_publisher(struct process *p)
{
    process_signal(p, SIGTERM);
    struct outcome o = scene_wait(p);
    assert_exit(o, 0);
}

static void send_numbers(unsigned first, unsigned last)
{
    struct buf items = {0};
    for (unsigned i = first; i <= last; i++)
        buf_printf(&items, "{\"uri\":\"x:%u\",\"title\":\"Number %u\"}\n", i, i);
    struct outcome o = scene_run(
        scene, items.data,
        ARGV(NEWSPUB_PATH, "-b", broker_url(scene->broker), "send", "--publisher", "me"));
    buf_deinit(&items);
    assert_exit(o, 0);
}

static void what_a_pruned_journal_lacks_is_a_line_and_counted(void **state)
{
    (void)state;
    start_wire();
    struct process *publisher = start_publisher();
    open_reader("--last", "0");
    send_numbers(1, 1);
    expect_row(1, "Number 1");
    close_reader();
    send_numbers(2, 6);
    stop_publisher(publisher);
    struct outcome o = scene_run(
        scene, NULL,
        ARGV(NEWSPUB_PATH, "journal", "prune", "--publisher", "me", "--keep-items", "2"));
    assert_exit(o, 0);
    publisher = start_publisher();
    open_reader("--last", "0");
    expect_row(1, "Number 6");
    expect_row(2, "Number 5");
    expect_row(3, "2 to 4");
    expect_row(3, "gone");
    expect_row(4, "Number 1");
    expect_row(-1, "3 gone");
    expect_row(-1, "1/1 online");
    vt_type(screen, "M");
    expect("pruned");
    vt_type(screen, "q");
    close_reader();
    stop_publisher(publisher);
}

/* Numbers 2 and 3 nobody has any more, and nobody can say how many there were. */
static void a_publisher_without_its_journal_is_told_and_followed(void **state)
{
    (void)state;
    start_wire();
    struct process *publisher = start_publisher();
    open_reader("--last", "0");
    send_numbers(1, 1);
    expect_row(1, "Number 1");
    close_reader();
    send_numbers(2, 3);
    stop_publisher(publisher);
    assert_int_equal(remove(scene_path(scene, "state/newswire/me.journal")), 0);
    publisher = start_publisher();
    send_numbers(4, 5);
    open_reader_with(&(struct opening){.columns = 120}, ARGV("--last", "0"));
    expect_row(1, "Number 5");
    expect_row(2, "Number 4");
    expect_row(3, "Number 1");
    vt_type(screen, "v");
    expect("me started anew; items of its epoch ");
    expect(" that followed what we have may be");
    vt_type(screen, "q");
    send_numbers(6, 6);
    expect_row(1, "Number 6");
    close_reader();
    stop_publisher(publisher);
}

/* ---- the mouse ------------------------------------------------------------------------------ */

static void a_click_selects_a_second_one_opens_the_wheel_moves(void **state)
{
    (void)state;
    start_wire();
    open_reader("--no-store");
    struct buf body = {0};
    buf_puts(&body, ",\"bodies\":[{\"value\":\"");
    for (int i = 1; i <= 60; i++)
        buf_printf(&body, "Line %02d.\\n", i);
    buf_puts(&body, "\"}]");
    for (int i = 1; i <= 20; i++) {
        char headline[32];
        (void)snprintf(headline, sizeof headline, "Item %02d", i);
        put_story(headline, 1, headline, body.data);
    }
    buf_deinit(&body);
    expect_cursor("Item 20");
    assert_true(vt_mouse_mode(screen) > 0);
    vt_click(screen, 4, 40);
    expect_cursor("Item 17");
    expect_row(0, "paused");
    vt_click(screen, 6, 40);
    expect_cursor("Item 15");
    vt_wheel(screen, 6, 40, 1);
    expect_cursor("Item 12");
    vt_wheel(screen, 6, 40, -2);
    expect_cursor("Item 18");
    int row = row_with("Item 15");
    vt_click(screen, row, 40);
    expect_cursor("Item 15");
    vt_click(screen, row, 40);
    expect("Line 01.");
    expect("19 unread");
    vt_wheel(screen, 20, 40, 2);
    expect_gone("Line 01.");
    expect("Line 12.");
    vt_click(screen, 1, 40); /* the list again, whatever is open below it */
    expect("Line 01.");
    close_reader();
}

static void with_no_mouse_the_terminal_keeps_it(void **state)
{
    (void)state;
    start_wire();
    open_reader("--no-store", "--no-mouse");
    assert_int_equal(vt_mouse_mode(screen), 0);
    size_t len;
    const char *bytes = vt_bytes(screen, &len);
    assert_null(memmem(bytes, len, "\033[?1000h", 8));
    close_reader();
}

/* ---- items in other hands ------------------------------------------------------------------- */

static void without_the_option_nothing_goes_into_the_clipboard(void **state)
{
    (void)state;
    start_wire();
    open_reader("--no-store");
    put_story("a", 1, "Ferry is late",
              ",\"renditions\":[{\"name\":\"web\",\"href\":\"https://x.example/a\"}]");
    expect_cursor("Ferry is late");
    vt_type(screen, "y");
    expect("copying is off");
    vt_type(screen, "Y");
    expect("copying is off");
    vt_type(screen, "jv");
    expect_row(0, "messages"); /* by now Y was done, too */
    assert_null(strstr(vt_bytes(screen, NULL), "\033]52"));
    close_reader();
}

static void only_links_of_the_web_are_opened(void **state)
{
    static const char *const links[] = {
        "javascript:alert(1)",         "file:///etc/passwd", "ftp://x.example/", "-new-window",
        "https://x.example/\\n--help", "data:text/html,x",   "http:relative",
    };
    (void)state;
    char command[SETTING_SIZE], script[SETTING_SIZE];
    start_wire();
    const char *opened = scene_path(scene, "opened");
    (void)snprintf(script, sizeof script, "for word; do echo \"<$word>\" >>'%s'; done\n", opened);
    (void)snprintf(command, sizeof command, "sh %s", scene_file(scene, "browser.sh", script));
    open_reader("--no-store", "--browser", command);
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        char headline[32], more[128];
        doing = links[i];
        (void)snprintf(headline, sizeof headline, "Bad link %zu", i);
        (void)snprintf(more, sizeof more, ",\"renditions\":[{\"name\":\"web\",\"href\":\"%s\"}]",
                       links[i]);
        put_story(headline, 1, headline, more);
        expect_cursor(headline);
        vt_type(screen, "o");
        expect("this item has no link");
        vt_type(screen, "u");
        expect("this item has no links");
        vt_type(screen, "1");
    }
    doing = NULL;
    put_story("good", 1, "A good one",
              ",\"renditions\":[{\"name\":\"web\",\"href\":\"http://x.example/a b?c=$HOME;d\"}]");
    expect_cursor("A good one");
    vt_type(screen, "o");
    expect_file(opened, ">\n");
    struct buf words = file_bytes(opened);
    assert_string_equal(words.data, "<http://x.example/a%20b?c=$HOME;d>\n");
    buf_deinit(&words);
    close_reader();
}

static void a_browser_that_cannot_be_started_is_told(void **state)
{
    (void)state;
    start_wire();
    open_reader("--no-store", "--browser", "/nonexistent/browser");
    put_story("a", 1, "Ferry is late",
              ",\"renditions\":[{\"name\":\"web\",\"href\":\"https://x.example/a\"}]");
    expect_cursor("Ferry is late");
    vt_type(screen, "o");
    expect("/nonexistent/browser: No such file or directory");
    close_reader();
}

int main(int argc, char **argv)
{
    if (argc > 1) cmocka_set_test_filter(argv[1]); /* a pattern such as "*kill*" */
    const struct CMUnitTest tests[] = {
        READER_TEST(items_appear_as_they_come_newest_first_and_unread),
        READER_TEST(who_moves_away_is_left_there_and_told_how_many_came),
        READER_TEST(lines_stand_still_for_who_reads_further_down),
        READER_TEST(a_wide_screen_shows_the_item_beside_the_list),
        READER_TEST(what_was_read_and_starred_is_so_after_a_restart),
        READER_TEST(with_keep_unread_opening_marks_nothing),
        READER_TEST(a_later_version_stands_where_the_first_stood_with_a_mark),
        READER_TEST(a_star_stays_on_a_story_through_corrections_and_restarts),
        READER_TEST(a_correction_reaches_the_reader_while_reading),
        READER_TEST(a_kill_strikes_the_story_and_its_text_is_gone),
        READER_TEST(an_embargoed_item_appears_when_its_time_has_come),
        READER_TEST(what_expires_leaves),
        READER_TEST(what_a_rule_hides_is_counted_and_can_be_seen),
        READER_TEST(a_live_filter_shows_where_it_is_wrong_and_then_chooses),
        READER_TEST(a_wrong_filter_changes_nothing),
        READER_TEST(a_filter_keeps_the_place),
        READER_TEST(the_same_story_from_two_is_one_line_that_names_both),
        READER_TEST(with_no_fold_a_story_is_shown_from_each),
        READER_TEST(keys_colours_and_highlights_come_from_the_configuration),
        READER_TEST(without_colour_urgency_unread_and_killed_can_be_told_apart),
        READER_TEST(a_hole_stands_where_it_is_until_it_is_filled),
        READER_TEST(what_a_pruned_journal_lacks_is_a_line_and_counted),
        READER_TEST(a_publisher_without_its_journal_is_told_and_followed),
        READER_TEST(a_click_selects_a_second_one_opens_the_wheel_moves),
        READER_TEST(with_no_mouse_the_terminal_keeps_it),
        READER_TEST(without_the_option_nothing_goes_into_the_clipboard),
        READER_TEST(only_links_of_the_web_are_opened),
        READER_TEST(a_browser_that_cannot_be_started_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
