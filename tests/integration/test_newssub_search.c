/* newssub around its full screen: the search on the command line, -f, profiles, commands and
 * recordings, with and without a screen. */
#include <sys/stat.h>

#include "tests/integration/reader.h"

enum { USAGE = 64, IO_FAILED = 74, CONFIG = 78, ON_SIGTERM = 143 };

#define HEADLINE "-o", "%{headline}"

static struct process *open_lines(const char *last_filter, const char *const *argv)
{
    return scene_subscribe(scene, NEWSSUB_PATH, last_filter, argv);
}

static void stop(struct process *p)
{
    process_signal(p, SIGTERM);
    struct outcome o = scene_wait(p);
    assert_exit(o, ON_SIGTERM);
}

static void expect_line(struct process *p, const char *line)
{
    assert_string_equal(read_line(p), line);
}

/* ---- search --------------------------------------------------------------------------------- */

static void put_news(void)
{
    put("news/gazette/une/fr/3/general",
        "{\"uri\":\"s:1\",\"version\":\"1\",\"urgency\":3,\"language\":\"fr\","
        "\"headlines\":[{\"value\":\"Budget : l'\xc3\xa9tude des d\xc3\xa9put\xc3\xa9s\"}],"
        "\"renditions\":[{\"name\":\"web\",\"href\":\"https://x.example/1\"}]}");
    put("news/harbour/wire/en/5/general",
        "{\"uri\":\"s:2\",\"version\":\"1\",\"urgency\":5,\"language\":\"en\","
        "\"headlines\":[{\"value\":\"Ferry is late\"}],"
        "\"bodies\":[{\"value\":\"The budget of the port is spent.\"}]}");
    put("news/harbour/wire/en/2/general",
        "{\"uri\":\"s:3\",\"version\":\"1\",\"urgency\":2,\"language\":\"en\","
        "\"headlines\":[{\"value\":\"Tide is high\"}]}");
}

static const struct {
    const char *expression, *headlines;
} searches[] = {
    {"budget", "Budget : l'\xc3\xa9tude des d\xc3\xa9put\xc3\xa9s\nFerry is late\n"},
    {"budget and language = \"fr\"", "Budget : l'\xc3\xa9tude des d\xc3\xa9put\xc3\xa9s\n"},
    {"ETUDE", "Budget : l'\xc3\xa9tude des d\xc3\xa9put\xc3\xa9s\n"},
    {"\"of the port\"", "Ferry is late\n"},
    {"ferr*", "Ferry is late\n"},
    {"headline =~ \"^(ferry|tide)\" and urgency <= 4", "Tide is high\n"},
    {"not budget", "Tide is high\n"},
    {"unread = \"no\"", "Tide is high\n"},
    {"starred = \"yes\"", "Ferry is late\n"},
    {"zeppelin", ""},
};

static void check_searches(void)
{
    for (size_t i = 0; i < sizeof searches / sizeof *searches; i++) {
        struct outcome o = scene_run(
            scene, NULL, ARGV(NEWSSUB_PATH, HEADLINE, "search", searches[i].expression));
        assert_exit(o, 0);
        if (strcmp(o.out, searches[i].headlines) != 0)
            fail_msg("%s finds: %s", searches[i].expression, o.out);
        assert_string_equal(o.err, "");
    }
}

/* What the screen finds, line by line from the top. */
static void check_search_on_screen(const char *expression, const char *const *headlines)
{
    char keys[256];
    (void)snprintf(keys, sizeof keys, "/%s\r", expression);
    vt_type(screen, keys);
    expect_row(0, expression);
    for (int row = 1; *headlines; row++)
        expect_row(row, *headlines++);
    vt_type(screen, "q");
    expect_gone("search:");
}

static void search_finds_the_same_beside_the_screen_and_after_it(void **state)
{
    (void)state;
    start_wire();
    open_reader("--last", "0");
    put_news();
    expect_cursor("Tide is high");
    vt_type(screen, "Nj*");
    expect_cursor("*");
    expect("2 unread");
    check_search_on_screen("budget", ARGV("Ferry is late", "Budget : l'\xc3\xa9tude", ""));
    check_search_on_screen("not budget", ARGV("Tide is high", ""));
    check_search_on_screen("starred = \"yes\"", ARGV("Ferry is late", ""));
    check_searches();
    close_reader();
    check_searches();
}

static void search_has_the_outputs_of_the_feed(void **state)
{
    (void)state;
    start_wire();
    const char *store = scene_path(scene, "sub.store");
    struct process *sub = open_lines("news/#", ARGV("--store", store, HEADLINE));
    put_news();
    assert_true(process_expect_output(sub, "Tide is high\n", WAIT_MS));
    stop(sub);
    const struct {
        const char *view, *has;
    } views[] = {{"text", "Ferry is late\n"},
                 {"tsv", "\tFerry is late\t\tThe budget of the port is spent.\t"},
                 {"%{urgency} %{uri}", "3 s:1\n5 s:2\n"},
                 {"auto", "Ferry is late\n"}};
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        struct outcome o = scene_run(
            scene, NULL,
            ARGV(NEWSSUB_PATH, "--store", store, "-o", views[i].view, "search", "budget"));
        assert_exit(o, 0);
        assert_says(o.out, views[i].has);
        assert_silent_on(o.out, "Tide");
        assert_harmless(o.out, o.out_len, "\t");
    }
    struct outcome o = scene_run(
        scene, NULL, ARGV(NEWSSUB_PATH, "--store", store, "-o", "ndjson", "search", "budget"));
    assert_exit(o, 0);
    assert_int_equal(count_lines(o.out), 2);
    json_t *first = parse_line(strtok(strdupa(o.out), "\n"));
    assert_string_equal(string_at(first, "topic"), "news/gazette/une/fr/3/general");
    assert_string_equal(string_at(first, "item.uri"), "s:1");
    json_decref(first);
}

static void search_takes_words_limits_and_topics(void **state)
{
    (void)state;
    start_wire();
    const char *store = scene_path(scene, "sub.store");
    struct process *sub = open_lines("news/#", ARGV("--store", store, HEADLINE));
    put_news();
    assert_true(process_expect_output(sub, "Tide is high\n", WAIT_MS));
    stop(sub);
    const struct {
        const char *const *argv;
        const char *lines;
    } cases[] = {
        {ARGV("search", "ferry", "and", "late"), "Ferry is late\n"},
        {ARGV("-n", "1", "search", "is"), "Tide is high\n"}, /* the newest */
        {ARGV("--last", "2", "search", "is or budget"), "Ferry is late\nTide is high\n"},
        {ARGV("--since", "1h", "search", "tide"), "Tide is high\n"},
        {ARGV("--since", "2999-01-01", "search", "tide"), ""},
        {ARGV("--publisher", "harbour", "search", "budget"), "Ferry is late\n"},
        {ARGV("-f", "urgency = 2", "search", "is"), "Tide is high\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *argv[16] = {NEWSSUB_PATH, "--store", store, HEADLINE};
        for (size_t n = 0; cases[i].argv[n]; n++)
            argv[n + 5] = cases[i].argv[n];
        struct outcome o = scene_run(scene, NULL, argv);
        assert_exit(o, 0);
        if (strcmp(o.out, cases[i].lines) != 0) fail_msg("case %zu: %s", i, o.out);
    }
}

static void search_says_what_is_wrong(void **state)
{
    (void)state;
    const char *none = scene_path(scene, "none.store");
    const struct {
        const char *expression, *says;
        int status;
    } cases[] = {{"headline = ", "column ", USAGE},
                 {"headlnie = \"x\"", "headlnie", USAGE},
                 {"(a or b", "column ", USAGE},
                 {"headline =~ \"(\"", "column ", USAGE},
                 {"fine", "none.store", IO_FAILED}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct outcome o = scene_run(
            scene, NULL, ARGV(NEWSSUB_PATH, "--store", none, "search", cases[i].expression));
        assert_exit(o, cases[i].status);
        assert_says(o.err, cases[i].says);
        assert_string_equal(o.out, "");
    }
}

/* ---- -f ------------------------------------------------------------------------------------- */

/* What a later version may change, its urgency or its language, is not asked of the topic. */
static void what_the_topic_can_say_is_left_to_the_broker(void **state)
{
    static const struct {
        const char *expression, *filters[3];
    } cases[] = {
        {"language = \"fr\" and headline # \"budget\"", {"news/+/+/fr/#", "news/+/+/und/#"}},
        {"publisher = \"gazette\"", {"news/gazette/#"}},
        {"service = \"une\" and urgency = 3", {"news/+/une/#"}},
        {"publisher = \"gazette\" or publisher = \"mirror\"", {"news/gazette/#", "news/mirror/#"}},
        {"subject = \"general\" and budget and language != \"en\"", {"news/+/+/+/+/general/#"}},
        {"budget and not language = \"en\"", {"news/#"}},
    };
    (void)state;
    start_wire();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t count = 0;
        while (cases[i].filters[count])
            count++;
        struct process *sub = open_lines(cases[i].filters[count - 1],
                                         ARGV("-f", cases[i].expression, "-n", "1", HEADLINE));
        const char *said = process_errors(sub, NULL);
        assert_int_equal(count_of(said, ": subscribed to news/"), count);
        for (size_t k = 0; k < count; k++)
            assert_says(said, cases[i].filters[k]);
        put_news();
        expect_line(sub, "Budget : l'\xc3\xa9tude des d\xc3\xa9put\xc3\xa9s");
        struct outcome o = scene_wait(sub);
        assert_exit(o, 0);
    }
}

static void a_filter_that_is_wrong_or_lets_nothing_through_is_refused(void **state)
{
    static const char *const cases[][2] = {
        {"publisher = \"a\" and publisher = \"b\"", "there is no item that this can match"},
        {"urgency <", "column 10"},
        {"headline =~ \"[\"", "column "},
    };
    (void)state;
    start_wire();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct outcome o = scene_run(
            scene, NULL,
            ARGV(NEWSSUB_PATH, "-b", broker_url(scene->broker), "-f", cases[i][0], HEADLINE));
        assert_exit(o, USAGE);
        assert_says(o.err, cases[i][1]);
    }
}

#define KILL_IT ",\"pubStatus\":\"canceled\",\"edNote\":\"Wrong.\""

/* Of what was never shown, neither is shown. */
static void no_filter_hides_the_correction_or_kill_of_what_was_shown(void **state)
{
    (void)state;
    start_wire();
    struct process *sub = open_lines("news/#",
                                     ARGV("-f", "headline # \"ferry\"", "--hide",
                                          "headline # \"sunk\"", "-o", "%{status} %{headline}"));
    put_story("a", 1, "Ferry is late", "");
    put_story("b", 1, "Tide is high", "");
    put_story("c", 1, "Ferry is early", "");
    put_story("a", 2, "Boat is sunk", "");
    put_story("b", 2, "Tide is low", "");
    put_story("b", 3, "Gone", KILL_IT);
    put_story("c", 2, "Withdrawn", KILL_IT);
    put_story("d", 1, "Ferry was sunk", "");
    put_story("e", 1, "Ferry: the end", "");
    expect_line(sub, "usable Ferry is late");
    expect_line(sub, "usable Ferry is early");
    expect_line(sub, "usable Boat is sunk");
    expect_line(sub, "canceled Withdrawn");
    expect_line(sub, "usable Ferry: the end");
    stop(sub);
}

static void on_the_screen_f_hides_and_h_shows_it(void **state)
{
    (void)state;
    start_wire();
    open_reader_with(&(struct opening){.last_filter = "news/harbour/#"},
                     ARGV("--no-store", "-f", "publisher = \"harbour\" and headline # \"ferry\""));
    put_news();
    put_story("a", 1, "Ferry is early", "");
    expect_row(1, "Ferry is early");
    expect_row(2, "Ferry is late");
    expect_row(3, "");
    expect("1 hidden"); /* the French one did not even come */
    put_story("a", 2, "Withdrawn", KILL_IT);
    expect_row(1, "KILL Withdrawn");
    vt_type(screen, "H");
    expect("Tide is high");
    close_reader();
}

/* ---- profiles ------------------------------------------------------------------------------- */

static const char *write_configuration(const char *text)
{
    assert_int_equal(mkdir(scene_path(scene, "config"), 0700), 0);
    assert_int_equal(mkdir(scene_path(scene, "config/newswire"), 0700), 0);
    return scene_file(scene, "config/newswire/newssub.conf", text);
}

static bool exists(const char *name)
{
    struct stat info;
    char path[SETTING_SIZE];
    (void)snprintf(path, sizeof path, "%s/state/newswire/%s", scene->dir.path, name);
    return stat(path, &info) == 0;
}

static void a_profile_adds_its_section_and_has_its_own_store(void **state)
{
    (void)state;
    start_wire();
    struct buf text = {0};
    buf_printf(&text,
               "broker = mqtt://127.0.0.1:1\n"
               "last = 0\n"
               "hide = tide\n"
               "[sport]\nbroker = mqtt://127.0.0.1:2\nsubject = sport\n"
               "[work]\nbroker = %s\nlang = fr,en\n",
               broker_url(scene->broker));
    (void)write_configuration(text.data);
    buf_deinit(&text);
    screen = start_in_terminal(ARGV(NEWSSUB_PATH, "-v", "@work"), NULL, 24, 80);
    expect("subscribed to news/+/+/");
    vt_type(screen, "v");
    expect("subscribed to news/+/+/fr/#");
    expect("subscribed to news/+/+/en/#");
    vt_type(screen, "q");
    put_news();
    expect_row(1, "Ferry is late");
    expect_row(2, "Budget");
    expect("1 hidden"); /* what stands above all sections counts, too */
    close_reader();
    assert_true(exists("newssub-work.store"));
    assert_false(exists("newssub.store"));
    struct outcome o = scene_run(scene, NULL,
                                 ARGV(NEWSSUB_PATH, "@work", HEADLINE, "search", "ferry"));
    assert_exit(o, 0);
    assert_string_equal(o.out, "Ferry is late\n");
}

/* The file, then the environment, then the profile, then the command line. */
static void a_profile_wins_over_the_environment_and_the_command_line_over_all(void **state)
{
    (void)state;
    start_wire();
    struct buf text = {0};
    buf_printf(&text, "broker = mqtt://127.0.0.1:1\nlang = de\n[work]\nbroker = %s\nlang = fr\n",
               broker_url(scene->broker));
    (void)write_configuration(text.data);
    buf_deinit(&text);
    struct process *sub = scene_launch(
        scene, &(struct launch){
                   .argv = ARGV(NEWSSUB_PATH, "-v", "@work", "--lang", "en", "-n", "1", HEADLINE),
                   .environment = ARGV("NEWSWIRE_BROKER=mqtt://127.0.0.1:3")});
    assert_true(process_expect_errors(sub, "subscribed to news/+/+/en/#", WAIT_MS));
    put_news();
    expect_line(sub, "Ferry is late");
    struct outcome o = scene_wait(sub);
    assert_exit(o, 0);
    assert_silent_on(o.err, "127.0.0.1:1\n");
}

static void a_wrong_profile_is_78_and_names_file_and_section(void **state)
{
    (void)state;
    const char *path = write_configuration("[work]\nlang = fr\n[bad]\nlang = fr\nlnag = en\n");
    struct outcome o = scene_run(scene, NULL, ARGV(NEWSSUB_PATH, "@wrok"));
    assert_exit(o, CONFIG);
    assert_says(o.err, path);
    assert_says(o.err, "[wrok]");
    o = scene_run(scene, NULL, ARGV(NEWSSUB_PATH, "@bad"));
    assert_exit(o, CONFIG);
    assert_says(o.err, path);
    assert_says(o.err, ":5: ");
    assert_says(o.err, "lnag");
    o = scene_run(scene, NULL, ARGV(NEWSSUB_PATH, "@work", "search", "x"));
    assert_exit(o, IO_FAILED); /* a fine profile; it has no store yet */
}

static void settings_that_are_wrong_are_told_before_the_screen_is_taken(void **state)
{
    static const struct {
        const char *option, *value, *says;
    } cases[] = {
        {"--bind", "x nonsense", "nonsense"},
        {"--bind", "hyper-x down", "hyper-x"},
        {"--colour", "nothing red", "nothing"},
        {"--colour", "flash reddish", "reddish"},
        {"--highlight", "bold: urgency <", "column"},
        {"--hide", "(", "column"},
        {"--layout", "diagonal", "diagonal"},
        {"--columns", "%{headlnie}", "headlnie"},
        {"--exec", "'open", "quote"},
        {"-f", "a and", "column"},
    };
    (void)state;
    start_wire();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        screen = start_in_terminal(ARGV(NEWSSUB_PATH, "-b", broker_url(scene->broker), "--no-store",
                                        cases[i].option, cases[i].value),
                                   NULL, 24, 80);
        int status = vt_wait_end(screen, WAIT_MS);
        struct buf errors = file_bytes(scene_path(scene, "newssub.err"));
        if (status != USAGE) fail_msg("%s: %d: %s", cases[i].value, status, errors.data);
        assert_says(errors.data, cases[i].says);
        assert_string_equal(vt_bytes(screen, NULL), "");
        buf_deinit(&errors);
        vt_free(screen);
        screen = NULL;
    }
}

/* ---- commands ------------------------------------------------------------------------------- */

/* A command that writes what it was given as a line of its own. */
static const char *command_into(const char *log)
{
    static char command[2 * SETTING_SIZE];
    const char *script = scene_file(scene, "command.sh",
                                    "read -r item\n"
                                    "printf '%s|%s|%s|%s\\n' \"$2\" \"$NEWSWIRE_HEADLINE\" "
                                    "\"$NEWSWIRE_URGENCY\" \"$item\" >>\"$1\"\n");
    (void)snprintf(command, sizeof command, "sh '%s' '%s' %%{source}:%%{uri}", script, log);
    return command;
}

#define ODD       "Odd $(touch x) 'one' \\\\\\\"`id`; two"
#define ODD_PLAIN "Odd $(touch x) 'one' \\\"`id`; two"

static void put_for_commands(void)
{
    put_story("1", 1, "Ferry is late", ",\"urgency\":2");
    put_story("2", 1, ODD, ",\"urgency\":6");
    put_story("1", 1, "Ferry is late", ",\"urgency\":2"); /* the same again */
    put_story("3", 1, "Withheld", ",\"pubStatus\":\"withheld\"");
    put_story("4", 1, "Horoscope", "");
    put_story("1", 2, "Ferry is on time", ",\"urgency\":2");
}

static void check_commands(const char *log)
{
    expect_file(log, "harbour:x:2|" ODD_PLAIN "|6|{\"uri\":\"x:2\",\"version\":\"1\",");
    expect_file(log, "harbour:x:1|Ferry is late|2|{\"uri\":\"x:1\",\"version\":\"1\",");
    expect_file(log, "harbour:x:1|Ferry is on time|2|{\"uri\":\"x:1\",\"version\":\"2\",");
}

static void check_command_count(const char *log, size_t count)
{
    struct buf lines = file_bytes(log);
    size_t found = count_lines(lines.data);
    buf_deinit(&lines);
    assert_int_equal(found, count);
}

static void a_command_runs_once_for_each_item_with_its_fields(void **state)
{
    (void)state;
    start_wire();
    const char *with_lines = scene_path(scene, "with-lines"),
               *with_screen = scene_path(scene, "with-screen");
    struct process *sub = open_lines(
        "news/#", ARGV(HEADLINE, "--store", scene_path(scene, "sub.store"), "--hide", "horoscope",
                       "--exec", command_into(with_lines)));
    open_reader("--no-store", "--hide", "horoscope", "--exec", command_into(with_screen));
    put_for_commands();
    check_commands(with_screen);
    close_reader();
    check_commands(with_lines);
    stop(sub); /* it waits for the commands that still run */
    check_command_count(with_lines, 3);
    check_command_count(with_screen, 3);
    assert_string_equal(process_output(sub, NULL),
                        "Ferry is late\n" ODD_PLAIN "\nFerry is on time\n");
}

static void commands_that_fail_are_counted_on_the_screen(void **state)
{
    (void)state;
    start_wire();
    open_reader("--no-store", "--exec", "false");
    put_headline("First");
    put_headline("Second");
    expect_row(-1, "2 commands failed");
    expect("Second");
    close_reader();
}

/* Before the first screen nothing is run: what the store has was told by the one before. */
static void a_restart_runs_no_command_again(void **state)
{
    (void)state;
    start_wire();
    const char *log = scene_path(scene, "log");
    for (int i = 0; i < 2; i++) {
        char headline[32], line[64];
        open_reader("--last", "0", "--exec", command_into(log));
        (void)snprintf(headline, sizeof headline, "Number %d", i);
        put_headline(headline);
        (void)snprintf(line, sizeof line, "|%s|", headline);
        expect_file(log, line);
        close_reader();
    }
    check_command_count(log, 2);
}

/* ---- recordings ----------------------------------------------------------------------------- */

static void what_was_recorded_can_be_sent_again(void **state)
{
    (void)state;
    start_wire();
    const char *by_screen = scene_path(scene, "screen.ndjson"),
               *by_lines = scene_path(scene, "lines.ndjson");
    struct process *sub = open_lines("news/#", ARGV(HEADLINE, "--record", by_lines));
    open_reader("--no-store", "--record", by_screen);
    put_news();
    expect_cursor("Tide is high");
    close_reader();
    expect_file(by_lines, "Tide is high");
    stop(sub);
    for (int i = 0; i < 2; i++) {
        const char *file = i ? by_lines : by_screen;
        struct buf lines = file_bytes(file);
        assert_int_equal(count_lines(lines.data), 3);
        buf_deinit(&lines);
        struct process *again = open_lines(
            "news/again/#",
            ARGV("--publisher", "again", "-n", "3", "-o", "%{service} %{urgency} %{headline}"));
        struct outcome o = scene_run(scene, NULL,
                                     ARGV(NEWSPUB_PATH, "-b", broker_url(scene->broker), "send",
                                          "--no-journal", "--publisher", "again", "--replay", file,
                                          "--speed", "0"));
        assert_exit(o, 0);
        expect_line(again, "une 3 Budget : l'\xc3\xa9tude des d\xc3\xa9put\xc3\xa9s");
        expect_line(again, "wire 5 Ferry is late");
        expect_line(again, "wire 2 Tide is high");
        o = scene_wait(again);
        assert_exit(o, 0);
    }
}

static void a_recording_goes_on_where_the_last_one_ended(void **state)
{
    (void)state;
    start_wire();
    const char *file = scene_path(scene, "rec.ndjson");
    for (int i = 0; i < 2; i++) {
        open_reader("--no-store", "--record", file);
        put_headline(i ? "Later" : "Earlier");
        expect(i ? "Later" : "Earlier");
        struct outcome o = scene_run(
            scene, NULL,
            ARGV(NEWSSUB_PATH, "-b", broker_url(scene->broker), HEADLINE, "--record", file));
        assert_exit(o, IO_FAILED); /* one at a time */
        close_reader();
    }
    struct buf lines = file_bytes(file);
    assert_int_equal(count_lines(lines.data), 2);
    assert_true(strstr(lines.data, "Earlier") < strstr(lines.data, "Later"));
    buf_deinit(&lines);
}

int main(int argc, char **argv)
{
    if (argc > 1) cmocka_set_test_filter(argv[1]); /* a pattern such as "*profile*" */
    const struct CMUnitTest tests[] = {
        READER_TEST(search_finds_the_same_beside_the_screen_and_after_it),
        READER_TEST(search_has_the_outputs_of_the_feed),
        READER_TEST(search_takes_words_limits_and_topics),
        READER_TEST(search_says_what_is_wrong),
        READER_TEST(what_the_topic_can_say_is_left_to_the_broker),
        READER_TEST(a_filter_that_is_wrong_or_lets_nothing_through_is_refused),
        READER_TEST(no_filter_hides_the_correction_or_kill_of_what_was_shown),
        READER_TEST(on_the_screen_f_hides_and_h_shows_it),
        READER_TEST(a_profile_adds_its_section_and_has_its_own_store),
        READER_TEST(a_profile_wins_over_the_environment_and_the_command_line_over_all),
        READER_TEST(a_wrong_profile_is_78_and_names_file_and_section),
        READER_TEST(settings_that_are_wrong_are_told_before_the_screen_is_taken),
        READER_TEST(a_command_runs_once_for_each_item_with_its_fields),
        READER_TEST(commands_that_fail_are_counted_on_the_screen),
        READER_TEST(a_restart_runs_no_command_again),
        READER_TEST(what_was_recorded_can_be_sent_again),
        READER_TEST(a_recording_goes_on_where_the_last_one_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
