/* newssub's full screen and its terminal: sizes, ends of every kind, floods, text that would do
 * harm, scripts of every direction and width. */
#include "common/text.h"
#include "tests/integration/reader.h"

enum { USAGE = 64, UNAVAILABLE = 69, IO_FAILED = 74 };

static void put_numbered(int first, int last)
{
    for (int i = first; i <= last; i++) {
        char headline[32];
        (void)snprintf(headline, sizeof headline, "Item %02d", i);
        put_headline(headline);
    }
}

/* Who looks at the messages has seen the one that stands over a line. */
static void put_message_away(void)
{
    vt_type(screen, "v");
    expect_row(0, " messages");
    vt_type(screen, "q");
    expect_row(0, " newssub");
}

/* ---- sizes ---------------------------------------------------------------------------------- */

static bool is_redrawn(void *user)
{
    const char *status = user;
    return cursor_row() > 0 && strstr(vt_row(screen, vt_rows(screen) - 1), status);
}

static void the_cursor_is_kept_through_every_size(void **state)
{
    static const struct {
        int rows, columns;
        const char *seen; /* of the cursor's line; NULL: there is no room for any */
    } sizes[] = {{24, 80, "Item 45"},  {10, 40, "Item 45"}, {3, 10, "N"},
                 {2, 9, NULL},         {3, 200, "Item 45"}, {1, 1, NULL},
                 {200, 30, "Item 45"}, {50, 160, "Item 45"}};
    (void)state;
    start_wire();
    open_reader_with(&(struct opening){.rows = 50, .columns = 160}, ARGV("--no-store"));
    put_numbered(1, 60);
    expect_cursor("Item 60");
    put_message_away();
    for (int i = 0; i < 15; i++)
        vt_type(screen, "j");
    expect_cursor("Item 45");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char size[32];
        doing = size;
        (void)snprintf(size, sizeof size, "%dx%d", sizes[i].columns, sizes[i].rows);
        vt_resize(screen, sizes[i].rows, sizes[i].columns);
        if (sizes[i].seen) expect_cursor(sizes[i].seen);
        else if (sizes[i].columns > 1) expect_row(0, "too small");
        if (sizes[i].columns >= 40) expect_row(0, "16/60");
        if (sizes[i].seen)
            assert_true(vt_wait(screen, is_redrawn, (void *)(uintptr_t) " c", WAIT_MS));
    }
    put_headline("Later");
    expect_row(0, "+1 new");
    expect_cursor("Item 45");
    close_reader();
}

/* The item is over the list, then below it, then beside it. */
static void an_open_item_stays_open_through_every_size(void **state)
{
    static const int sizes[][2] = {{10, 40}, {24, 80}, {50, 160}, {4, 20}, {24, 80}};
    (void)state;
    start_wire();
    open_reader("--no-store");
    put_story("a", 1, "Ferry is late", ",\"bodies\":[{\"value\":\"Fog over the bay.\"}]");
    expect_cursor("Ferry is late");
    put_message_away();
    vt_type(screen, "\r");
    expect("Fog over the bay.");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        vt_resize(screen, sizes[i][0], sizes[i][1]);
        expect_row(-1, " 0 unread");
        if (sizes[i][0] == 4) vt_type(screen, ">"); /* two lines are seen of it */
        expect("Fog over the");
    }
    close_reader();
}

/* ---- terminals that cannot ------------------------------------------------------------------ */

static void a_dumb_terminal_gets_a_sentence_or_lines(void **state)
{
    (void)state;
    start_wire();
    const char *errors = scene_path(scene, "newssub.err"), *url = broker_url(scene->broker);
    screen = start_in_terminal(ARGV(NEWSSUB_PATH, "-b", url, "-o", "tui"), ARGV("TERM=dumb"), 24,
                               80);
    assert_int_equal(vt_wait_end(screen, WAIT_MS), UNAVAILABLE);
    assert_true(file_has(errors, "newssub: TERM=dumb "));
    assert_true(file_has(errors, "no full screen"));
    assert_false(vt_is_alternate(screen));
    vt_free(screen);

    screen = start_in_terminal(ARGV(NEWSSUB_PATH, "-v", "-b", url), ARGV("TERM=dumb"), 24, 80);
    expect_file(errors, "no full screen; lines instead");
    expect_file(errors, "subscribed to news/#");
    put_headline("As a line");
    expect("As a line");
    size_t len;
    const char *bytes = vt_bytes(screen, &len);
    assert_harmless(bytes, len, "\r");
    vt_type(screen, "\003");
    assert_int_equal(vt_wait_end(screen, WAIT_MS), 130);
}

static void a_pipe_gets_no_full_screen(void **state)
{
    (void)state;
    start_wire();
    struct outcome o = scene_run(scene, NULL,
                                 ARGV(NEWSSUB_PATH, "-b", broker_url(scene->broker), "-o", "tui"));
    assert_exit(o, UNAVAILABLE);
    assert_says(o.err, "the full screen needs a terminal");
    assert_string_equal(o.out, "");
}

/* ---- ends ----------------------------------------------------------------------------------- */

/* What a terminal is like before any program had it. */
static struct termios untouched(void)
{
    struct termios t;
    struct vt *v = start_in_terminal(ARGV("true"), NULL, 24, 80);
    assert_int_equal(vt_wait_end(v, WAIT_MS), 0);
    assert_true(vt_termios(v, &t));
    vt_free(v);
    return t;
}

static void expect_terminal_as_before(const struct termios *before)
{
    struct termios now;
    size_t len;
    vt_read(screen);
    assert_true(vt_termios(screen, &now));
    assert_int_equal(now.c_iflag, before->c_iflag);
    assert_int_equal(now.c_oflag, before->c_oflag);
    assert_int_equal(now.c_cflag, before->c_cflag);
    assert_int_equal(now.c_lflag, before->c_lflag);
    assert_memory_equal(now.c_cc, before->c_cc, sizeof now.c_cc);
    assert_false(vt_is_alternate(screen));
    assert_true(vt_cursor(screen, NULL, NULL));
    assert_int_equal(vt_mouse_mode(screen), 0);
    const char *bytes = vt_bytes(screen, &len);
    assert_int_equal(count_of(bytes, "\033[?2004h"), count_of(bytes, "\033[?2004l"));
}

/* A sanitizer would end it in a way of its own. */
#define NO_HANDLERS "handle_segv=0:handle_abort=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0"

static void open_plain(void)
{
    open_reader_with(&(struct opening){.environment = ARGV("ASAN_OPTIONS=" NO_HANDLERS,
                                                           "TSAN_OPTIONS=" NO_HANDLERS)},
                     ARGV("--no-store"));
    put_headline("Something");
    expect("Something");
}

static void every_end_leaves_the_terminal_as_it_was_and_says_how(void **state)
{
    static const struct {
        const char *keys;
        int number, status;
    } ends[] = {{"q", 0, 0},
                {"Q", 0, 0},
                {"\003", 0, 128 + SIGINT},
                {"\034", 0, 128 + SIGQUIT},
                {NULL, SIGINT, 128 + SIGINT},
                {NULL, SIGTERM, 128 + SIGTERM},
                {NULL, SIGHUP, 128 + SIGHUP},
                {NULL, SIGSEGV, 128 + SIGSEGV},
                {NULL, SIGABRT, 128 + SIGABRT},
                {NULL, SIGBUS, 128 + SIGBUS},
                {NULL, SIGFPE, 128 + SIGFPE},
                {NULL, SIGILL, 128 + SIGILL}};
    (void)state;
    const struct termios before = untouched();
    start_wire();
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        open_plain();
        assert_true(vt_is_alternate(screen));
        assert_false(vt_cursor(screen, NULL, NULL));
        if (ends[i].keys) vt_type(screen, ends[i].keys);
        else vt_signal(screen, ends[i].number);
        int status = vt_wait_end(screen, WAIT_MS);
        if (status != ends[i].status) print_error("end %zu:\n", i);
        assert_int_equal(status, ends[i].status);
        expect_terminal_as_before(&before);
        vt_free(screen);
        screen = NULL;
    }
}

/* By a signal if the shell passes it on, and else by what reading then says. */
static void a_window_that_is_closed_ends_it(void **state)
{
    (void)state;
    start_wire();
    for (int i = 0; i < 2; i++) {
        open_plain();
        pid_t pid = vt_pid(screen);
        vt_hang_up(screen);
        if (i == 0) (void)kill(pid, SIGHUP);
        int status = vt_wait_end(screen, WAIT_MS);
        assert_true(status == 128 + SIGHUP || status == 0);
        vt_free(screen);
        screen = NULL;
    }
}

static bool is_stopped(void *user)
{
    return vt_is_stopped(user);
}

static void ctrl_z_gives_the_terminal_back_and_fg_takes_it_again(void **state)
{
    (void)state;
    const struct termios before = untouched();
    start_wire();
    open_plain();
    for (int round = 0; round < 2; round++) {
        vt_type(screen, "\032");
        assert_true(vt_wait(screen, is_stopped, screen, WAIT_MS));
        expect_terminal_as_before(&before);
        put_headline(round ? "While away again" : "While away");
        vt_signal(screen, SIGCONT);
        expect(round ? "While away again" : "While away");
        expect("Something");
        assert_true(vt_is_alternate(screen));
        assert_false(vt_cursor(screen, NULL, NULL));
    }
    vt_type(screen, "j");
    expect_cursor("While away");
    close_reader();
}

/* ---- brokers and others --------------------------------------------------------------------- */

static void a_broker_that_went_is_told_and_found_again(void **state)
{
    (void)state;
    start_wire();
    open_reader("--no-store");
    put_headline("Before");
    expect_row(-1, "connected");
    broker_kill(scene->broker);
    expect_row(-1, "offline");
    expect("trying again");
    vt_type(screen, "?"); /* keys are answered all the same */
    expect_row(0, "help");
    vt_type(screen, "q");
    assert_true(broker_start(scene->broker));
    expect_said("subscribed to news/#", 2);
    expect_row(-1, "connected");
    station_free(&wire);
    wire = (struct station){0};
    assert_true(station_up(&wire, broker_url(scene->broker), NULL));
    put_headline("Before"); /* again: it is the same version */
    put_headline("After");
    expect_row(1, "After");
    expect_row(2, "Before");
    expect_row(3, "");
    expect("2 unread");
    close_reader();
}

static void without_any_broker_it_opens_and_quits_at_once(void **state)
{
    (void)state;
    screen = start_in_terminal(ARGV(NEWSSUB_PATH, "-b", "mqtt://127.0.0.1:1", "--no-store"), NULL,
                               24, 80);
    expect("no news yet");
    expect("trying again");
    expect_row(-1, "offline");
    close_reader();
}

static void a_second_one_on_the_same_store_opens_and_keeps_nothing(void **state)
{
    (void)state;
    start_wire();
    open_reader("--last", "0");
    put_headline("Stored");
    expect("Stored");
    expect_gone("not stored");
    struct vt *first = screen;
    open_reader("--last", "0");
    expect_row(-1, "not stored");
    put_headline("For both");
    expect("For both");
    assert_true(vt_expect(first, "For both", WAIT_MS));
    vt_type(screen, "v");
    expect("this window keeps nothing");
    vt_type(screen, "qN");
    expect("0 unread");
    close_reader();
    struct outcome o = scene_run(scene, NULL,
                                 ARGV(NEWSSUB_PATH, "-b", broker_url(scene->broker), "--store",
                                      scene_path(scene, "state/newswire/newssub.store"), "-n",
                                      "1"));
    assert_exit(o, IO_FAILED); /* who names a store wants that one */
    screen = first;
    expect("2 unread");
    close_reader();
    open_reader("--last", "0");
    expect_row(1, "For both");
    expect_row(2, "Stored");
    expect_row(3, "");
    close_reader();
}

/* ---- many ----------------------------------------------------------------------------------- */

enum { FLOOD = 20000 };

static const char *flood_file(void)
{
    struct buf items = {0};
    for (int i = 1; i <= FLOOD; i++)
        buf_printf(&items, "{\"uri\":\"x:%d\",\"title\":\"Number %d\"}\n", i, i);
    assert_true(buf_ok(&items));
    const char *path = scene_file(scene, "flood.ndjson", items.data);
    buf_deinit(&items);
    return path;
}

/* Each uri of the lines once. */
static void check_uris(const char *lines)
{
    bool *seen = calloc(FLOOD + 1, sizeof *seen);
    size_t count = 0;
    assert_non_null(seen);
    for (const char *at = lines; (at = strstr(at, "x:")); count++) {
        long n = strtol(at + 2, (char **)(uintptr_t)&at, 10);
        assert_in_range(n, 1, FLOOD);
        if (seen[n]) fail_msg("%ld is there twice", n);
        seen[n] = true;
    }
    free(seen);
    assert_int_equal(count, FLOOD);
}

static void a_flood_leaves_keys_answered_and_everything_counted_once(void **state)
{
    (void)state;
    unsigned answered = 0;
    start_wire();
    open_reader("--last", "0");
    struct process *publisher = scene_start(
        scene, ARGV(NEWSPUB_PATH, "-b", broker_url(scene->broker), "send", "--no-journal",
                    "--publisher", "me", flood_file()));
    expect("Number ");
    while (process_is_running(publisher)) {
        vt_type(screen, "?");
        expect_row(0, "help");
        vt_type(screen, "q");
        expect_row(0, "newssub");
        answered++;
    }
    struct outcome o = scene_wait(publisher);
    assert_exit(o, 0);
    assert_true(answered > 0);
    expect(" 20000 unread");
    expect_cursor("Number 20000");
    vt_type(screen, ">");
    expect_cursor("Number 1");
    expect_row(0, "20000/20000");
    close_reader();
    o = scene_run(scene, NULL, ARGV(NEWSSUB_PATH, "-o", "%{uri}", "search", "number"));
    assert_exit(o, 0);
    check_uris(o.out);
}

static bool is_over(void *user)
{
    return !vt_is_running(user);
}

/* Nobody reads what it draws: a window that is held, a connection that hangs. */
static void a_stuck_terminal_stops_neither_the_items_nor_the_end(void **state)
{
    enum { STUCK_MS = 1000 }; /* frames enough to fill what lies between it and us */
    (void)state;
    start_wire();
    const char *record = scene_path(scene, "rec.ndjson");
    open_reader_with(&(struct opening){.rows = 100, .columns = 200},
                     ARGV("--no-store", "--record", record));
    struct vt *stuck = screen;
    int64_t until_ms = date_mono_ms() + STUCK_MS;
    screen = NULL; /* from here on it is not read */
    for (int i = 1; date_mono_ms() < until_ms; i++) {
        char headline[128];
        (void)snprintf(headline, sizeof headline, "Item %d: %s", i,
                       "which fills the line to its end, so that much has to be drawn anew");
        put_headline(headline);
        vt_type(stuck, "\014"); /* all of it, even */
        expect_file(record, headline);
    }
    vt_signal(stuck, SIGTERM);
    bool ended = wait_until(is_over, stuck, WAIT_MS);
    screen = stuck;
    assert_true(ended);
    assert_int_equal(vt_wait_end(screen, WAIT_MS), 128 + SIGTERM);
}

/* ---- text that would do harm ---------------------------------------------------------------- */

static const unsigned dangerous[][2] = {
    {0x01, 0x1F},     {0x7F, 0x9F},     {0x61C, 0x61C},   {0x200B, 0x200F}, {0x2028, 0x202E},
    {0x2060, 0x206F}, {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB}, {0xFFFE, 0xFFFF}, {0xE0000, 0xE007F},
};

static void put_code_point(struct buf *out, unsigned c, bool escaped)
{
    char raw[4];
    if (!escaped && c >= 0x20) buf_put(out, raw, text_encode(c, raw));
    else if (c < 0x10000) buf_printf(out, "\\u%04x", c);
    else
        buf_printf(out, "\\u%04x\\u%04x", 0xD800 + ((c - 0x10000) >> 10),
                   0xDC00 + ((c - 0x10000) & 0x3FF));
}

/* What MQTT allows there: no controls, but all that turns text around or hides it. */
#define HOSTILE_TOPIC                                                                              \
    "news/mal\xe2\x80\xaelory/\xe2\x81\xa6x\xe2\x80\xa8\xe2\x80\x8b\xf3\xa0\x81\x81/en/5/general"

#define PAYLOAD "]0;owned[31mz" /* behind an Escape it would be a title and a colour */

/* An item with text in everything that is shown of one. */
static void put_hostile_item(const char *topic, const char *uri, int version, const char *text)
{
    struct buf item = {0};
    buf_printf(&item, "{\"uri\":\"%s\",\"version\":\"%d\",\"headlines\":[{\"value\":\"a%s\"}],",
               uri, version, text);
    buf_printf(&item,
               "\"by\":\"%s\",\"located\":\"%s\",\"edNote\":\"CORRECTION %s\",\"language\":\"%s\","
               "\"versionCreated\":\"%s\",\"descriptions\":[{\"value\":\"%s\"}],",
               text, text, text, text, text, text);
    buf_printf(&item,
               "\"bodies\":[{\"value\":\"%s https://x.example/\",\"contentType\":\"%s\"}],"
               "\"subjects\":[{\"name\":\"%s\"}],\"altIds\":[{\"role\":\"x\",\"value\":\"%s\"}],"
               "\"renditions\":[{\"name\":\"web\",\"href\":\"https://x.example/%s\"},"
               "{\"name\":\"enclosure\",\"href\":\"https://x.example/%s\"}]}",
               text, text, text, text, text, text);
    assert_true(buf_ok(&item));
    put(topic, item.data);
    buf_deinit(&item);
}

/* One for each code point, escaped and raw; returns how many. */
static int put_hostile_items(void)
{
    int count = 0;
    for (size_t i = 0; i < sizeof dangerous / sizeof *dangerous; i++)
        for (unsigned c = dangerous[i][0]; c <= dangerous[i][1]; c++)
            for (int escaped = 0; escaped < (c < 0x20 ? 1 : 2); escaped++, count++) {
                struct buf text = {0};
                char uri[32];
                put_code_point(&text, c, escaped);
                buf_puts(&text, PAYLOAD);
                (void)snprintf(uri, sizeof uri, "h:%d", count);
                put_hostile_item(TOPIC, uri, 1, text.data);
                buf_deinit(&text);
            }
    return count;
}

/* All of them in one text. */
static struct buf every_danger(void)
{
    struct buf text = {0};
    for (size_t i = 0; i < sizeof dangerous / sizeof *dangerous; i++)
        for (unsigned c = dangerous[i][0]; c <= dangerous[i][1]; c++) {
            put_code_point(&text, c, c & 1);
            buf_puts(&text, PAYLOAD " ");
        }
    return text;
}

/* The length of a sequence of ours at the start of text; 0: it is none. Those that ncurses and
 * screen.c write: CSI with a final that draws, moves or sets a mode, a choice of character set,
 * keypad modes, and nothing with a text in it. */
static size_t own_sequence(const char *text)
{
    if (text[0] != '\033') return 0;
    if (text[1] == '[') {
        size_t len = 2 + strspn(text + 2, "?>0123456789;");
        return text[len] && strchr("@ABCDGHJKLMPSTXbdhlmrt", text[len]) ? len + 1 : 0;
    }
    if (text[1] == '(' && strchr("B0", text[2])) return 3;
    return text[1] && strchr("=>78M", text[1]) ? 2 : 0;
}

static void check_code_points(const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        uint32_t c;
        at += text_decode(text + at, len - at, &c);
        for (size_t i = 0; i < sizeof dangerous / sizeof *dangerous; i++)
            if (c >= dangerous[i][0] && c <= dangerous[i][1] && c != '\b' && c != '\r')
                fail_msg("U+%04X was sent", c);
    }
}

static void check_sent_bytes(void)
{
    size_t len;
    const char *bytes = vt_bytes(screen, &len);
    struct buf plain = {0};
    assert_int_equal(strlen(bytes), len);
    for (size_t at = 0; at < len;) {
        size_t ours = own_sequence(bytes + at);
        if (ours == 0) buf_putc(&plain, bytes[at]);
        at += ours ? ours : 1;
    }
    /* The cursor goes left and to a line's start by these; what texts have of them would be seen
     * as text that is not in its place. */
    assert_harmless(plain.data, plain.len, "\b\r");
    check_code_points(plain.data, plain.len);
    buf_deinit(&plain);
}

/* Nothing was moved, overwritten, coloured. */
static void check_hostile_rows(int count)
{
    int seen = 0;
    for (int row = 1; row < vt_rows(screen) - 2; row++) {
        int column = column_of(row, PAYLOAD);
        if (column < 0) continue;
        if (++seen > count) break;
        int headline = column - 1;
        while (headline > 0 && strcmp(vt_cell(screen, row, headline).text, "a") != 0)
            headline--;
        assert_in_range(column - headline, 1, 3); /* shown as something, or left out */
        assert_int_equal(headline, column_of(1, "Marker"));
        assert_int_equal(vt_cell(screen, row, column).foreground, VT_DEFAULT);
    }
    assert_int_equal(seen, count);
}

static void no_dangerous_code_point_reaches_the_terminal(void **state)
{
    static const char *const pages[] = {"\025", "V", "u", "v", "M", "?"};
    char unread[32];
    (void)state;
    start_wire();
    open_reader_with(&(struct opening){.rows = 480, .columns = 100},
                     ARGV("--no-store", "--no-fold"));
    int count = put_hostile_items();
    put_headline("Marker");
    (void)snprintf(unread, sizeof unread, " %d unread", count + 1);
    expect_row(-1, unread); /* the line that is drawn last */
    check_hostile_rows(count);

    struct buf all = every_danger();
    put("news/mallory/x/en/5/general", "{\"uri\":\"x\",\"\\u001b]0;owned\\u0007\\u009b31m\":1}");
    put(HOSTILE_TOPIC, "not an item");
    put_hostile_item(HOSTILE_TOPIC, "h:all", 1, all.data);
    put_hostile_item(HOSTILE_TOPIC, "h:all", 2, all.data);
    buf_deinit(&all);
    expect_row(2, "Marker");
    vt_type(screen, ".\r");
    expect("UPDATED: version 2");
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        doing = pages[i];
        vt_type(screen, pages[i]);
        expect_gone("newssub ");
        vt_type(screen, " <");
        vt_type(screen, i ? "q" : "q/owned\rq"); /* and what was found, with its marks */
        expect_row(0, "newssub");
    }
    doing = NULL;
    quit_reader();
    check_sent_bytes();
}

/* ---- scripts -------------------------------------------------------------------------------- */

/* Arabic, Chinese, marks, emoji of every making: what follows stays in its column. */
static void no_script_moves_what_stands_behind_it(void **state)
{
    static const char *const sources[] = {
        "Plain",
        "\xd8\xb5\xd9\x88\xd8\xaa \xd8\xa7\xd9\x84\xd9\x85\xd8\xb1\xd8\xb3\xd9\x89",
        "\xe6\x96\xb0\xe5\xb2\x9a\xe6\x99\x9a\xe6\x8a\xa5",
        "\xe6\x96\xb0\xe5\xb2\x9a\xe6\x99\x9a\xe6\x8a\xa5\xe6\x96\xb0\xe5\xb2\x9a\xe6\x99\x9a\xe6"
        "\x8a\xa5\xe6\x96\xb0",
        "e\xcc\x81\xcc\x80\xcc\x82 "
        "a\xcc\x83\xcc\x83\xcc\x83\xcc\x83\xcc\x83\xcc\x83\xcc\x83\xcc\x83\xcc\x83",
        "\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7 family",
        "\xf0\x9f\x87\xab\xf0\x9f\x87\xb7 flag",
        "\xf0\x9f\x91\x8d\xf0\x9f\x8f\xbd tone",
        "\xe2\x9d\xa4\xef\xb8\x8f heart",
        "\xe0\xa4\xa8\xe0\xa5\x80\xe0\xa4\xb2\xe0\xa4\xaa\xe0\xa5\x81\xe0\xa4\xb0",
        "\xed\x95\x9c\xea\xb5\xad\xec\x96\xb4",
        "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab jamo",
    };
    enum { SOURCES = sizeof sources / sizeof *sources };
    (void)state;
    start_wire();
    open_reader_with(&(struct opening){.rows = 24, .columns = 160}, ARGV("--no-store"));
    for (size_t i = 0; i < SOURCES; i++) {
        char uri[16], more[256], headline[256];
        (void)snprintf(uri, sizeof uri, "s%zu", i);
        (void)snprintf(headline, sizeof headline, "BEHIND %s", sources[i]);
        (void)snprintf(more, sizeof more,
                       ",\"infoSources\":[{\"name\":\"%s\"}],\"bodies\":[{\"value\":\"%s END\"}]",
                       sources[i], sources[i]);
        put_story(uri, 1, headline, more);
    }
    put_headline("BEHIND Marker");
    expect_row(1, "BEHIND Marker");
    expect_row(SOURCES + 1, "BEHIND");
    int behind = column_of(1, "BEHIND"), border = 160 * 9 / 20;
    for (int i = 0; i <= SOURCES; i++) {
        assert_int_equal(column_of(i + 1, "BEHIND"), behind);
        assert_string_equal(vt_cell(screen, i + 1, border).text, "\xe2\x94\x82");
    }
    for (int i = 0; i < SOURCES; i++) {
        vt_type(screen, "j");
        expect(" END");
        int row = row_with(" END");
        assert_string_equal(vt_cell(screen, row, border).text, "\xe2\x94\x82");
    }
    static const char *const whole[] = {"\xd8\xb5\xd9\x88\xd8\xaa",
                                        "\xe6\x96\xb0\xe5\xb2\x9a\xe6\x99\x9a\xe6\x8a\xa5",
                                        "\xed\x95\x9c\xea\xb5\xad\xec\x96\xb4"};
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        expect(whole[i]);
    close_reader();
}

static void a_pasted_text_is_no_command(void **state)
{
    (void)state;
    start_wire();
    open_reader("--no-store");
    put_headline("Ferry is late");
    expect_cursor("Ferry is late");
    vt_type(screen, "\033[200~QqN\r\033[201~");
    vt_type(screen, "/\033[200~ferry\nis\033[201~ late\r");
    expect_row(0, "search: ferry is late");
    expect_row(0, "1 found");
    expect("1 unread");
    close_reader();
}

int main(int argc, char **argv)
{
    if (argc > 1) cmocka_set_test_filter(argv[1]); /* a pattern such as "*size*" */
    const struct CMUnitTest tests[] = {
        READER_TEST(the_cursor_is_kept_through_every_size),
        READER_TEST(an_open_item_stays_open_through_every_size),
        READER_TEST(a_dumb_terminal_gets_a_sentence_or_lines),
        READER_TEST(a_pipe_gets_no_full_screen),
        READER_TEST(every_end_leaves_the_terminal_as_it_was_and_says_how),
        READER_TEST(a_window_that_is_closed_ends_it),
        READER_TEST(ctrl_z_gives_the_terminal_back_and_fg_takes_it_again),
        READER_TEST(a_broker_that_went_is_told_and_found_again),
        READER_TEST(without_any_broker_it_opens_and_quits_at_once),
        READER_TEST(a_second_one_on_the_same_store_opens_and_keeps_nothing),
        READER_TEST(a_flood_leaves_keys_answered_and_everything_counted_once),
        READER_TEST(a_stuck_terminal_stops_neither_the_items_nor_the_end),
        READER_TEST(no_dangerous_code_point_reaches_the_terminal),
        READER_TEST(no_script_moves_what_stands_behind_it),
        READER_TEST(a_pasted_text_is_no_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
