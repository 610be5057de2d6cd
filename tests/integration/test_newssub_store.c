/* newssub --store as a user meets it: away and back, killed, asked what is missing; --archive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/date.h"
#include "tests/support/broker.h"
#include "tests/support/process.h"
#include "tests/support/program.h"
#include "tests/support/station.h"
#include "tests/support/wait.h"

enum { GONE = 65, IO_FAILED = 74, LATER = 75, ON_SIGTERM = 143 };

#define HEADLINE "-o", "%{headline}"
#define TOPIC    "news/me/general/und/5/general"

/* ---- who publishes ---- */

static struct process *start_daemon(struct scene *s)
{
    struct buf text = {0};
    buf_printf(&text, "broker = %s\npublisher = me\n[drop]\nspool = spool\n",
               broker_url(s->broker));
    const char *conf = scene_file(s, "run.conf", text.data);
    buf_deinit(&text);
    struct process *p = scene_start(s, ARGV(NEWSPUB_PATH, "-v", "run", "-c", conf));
    if (!process_expect_errors(p, ": connected\n", WAIT_MS))
        fail_msg("newspub run is not ready: %s", process_errors(p, NULL));
    return p;
}

static void stop_daemon(struct process *p)
{
    process_signal(p, SIGTERM);
    struct outcome o = scene_wait(p);
    assert_exit(o, 0);
}

static void send_text(struct scene *s, const char *items)
{
    struct outcome o = scene_run(
        s, items, ARGV(NEWSPUB_PATH, "-b", broker_url(s->broker), "send", "--publisher", "me"));
    assert_exit(o, 0);
}

/* Items whose headlines are their numbers. */
static void send_numbers(struct scene *s, unsigned first, unsigned last)
{
    struct buf items = {0};
    for (unsigned i = first; i <= last; i++)
        buf_printf(&items, "{\"uri\":\"x:%u\",\"title\":\"%u\"}\n", i, i);
    assert_true(buf_ok(&items));
    send_text(s, items.data);
    buf_deinit(&items);
}

static void prune_to(struct scene *s, const char *items)
{
    struct outcome o = scene_run(
        s, NULL,
        ARGV(NEWSPUB_PATH, "journal", "prune", "--publisher", "me", "--keep-items", items));
    assert_exit(o, 0);
}

/* ---- who subscribes ---- */

static void stop(struct process *sub)
{
    process_signal(sub, SIGTERM);
    struct outcome o = scene_wait(sub);
    assert_exit(o, ON_SIGTERM);
}

static struct process *subscribe(struct scene *s, const char *store)
{
    return scene_subscribe(s, NEWSSUB_PATH, "news/#", ARGV("--store", store, HEADLINE));
}

static void expect_line(struct process *p, const char *expected)
{
    assert_string_equal(read_line(p), expected);
}

static void expect_numbers(struct process *p, unsigned first, unsigned last)
{
    for (unsigned i = first; i <= last; i++) {
        char number[16];
        (void)snprintf(number, sizeof number, "%u", i);
        expect_line(p, number);
    }
}

static struct outcome check(struct scene *s, const char *store)
{
    return scene_run(s, NULL, ARGV(NEWSSUB_PATH, "--check", "--store", store));
}

/* A store that follows the publisher, has shown its first item, and has nobody who writes it. */
static const char *store_with_one(struct scene *s)
{
    const char *store = scene_path(s, "sub.store");
    struct process *sub = subscribe(s, store);
    send_numbers(s, 1, 1);
    expect_numbers(sub, 1, 1);
    stop(sub);
    return store;
}

/* ---- somebody who listens to the exchange ---- */

static struct station listener;

static int setup(void **state)
{
    listener = (struct station){0};
    return scene_setup(state);
}

static int teardown(void **state)
{
    station_free(&listener);
    return scene_teardown(state);
}

static void listen_to(struct scene *s, const char *filter)
{
    assert_true(station_up(&listener, broker_url(s->broker), NULL));
    assert_true(station_subscribe(&listener, filter, 1));
}

static bool heard(unsigned i, const char *text)
{
    const struct buf *b = &listener.messages[i].payload;
    return b->len && memmem(b->data, b->len, text, strlen(text));
}

/* Waits for a message that says so; its index. */
static unsigned expect_heard(const char *text)
{
    for (unsigned i = 0;; i++) {
        if (!station_wait(&listener, &listener.received, i + 1)) fail_msg("nobody says %s", text);
        if (heard(i, text)) return i;
    }
}

static bool ever_heard(const char *text)
{
    for (unsigned i = 0; i < listener.received; i++)
        if (heard(i, text)) return true;
    return false;
}

/* ---- away and back ---- */

static void what_came_while_it_was_away_is_shown_once(void **state)
{
    struct scene *s = *state;
    scene_start_broker(s);
    struct process *daemon = start_daemon(s);
    const char *store = store_with_one(s);
    send_numbers(s, 2, 40);
    struct process *sub = subscribe(s, store);
    expect_numbers(sub, 2, 40);
    stop(sub);
    sub = subscribe(s, store);
    send_numbers(s, 41, 41);
    expect_numbers(sub, 41, 41);
    stop(sub);
    struct outcome o = check(s, store);
    assert_exit(o, 0);
    assert_says(o.out, TOPIC "  me:");
    assert_says(o.out, "through 41 of 41, 41 stored\n");
    stop_daemon(daemon);
}

/* `newspub send` answers, too, while it is there. */
static void a_publisher_that_only_comes_to_send_brings_what_was_missed(void **state)
{
    struct scene *s = *state;
    scene_start_broker(s);
    const char *store = store_with_one(s);
    send_numbers(s, 2, 4);
    struct process *sub = subscribe(s, store);
    send_numbers(s, 5, 5);
    bool seen[6] = {0};
    for (int i = 2; i <= 5; i++) {
        unsigned long n = strtoul(read_line(sub), NULL, 10);
        assert_true(n >= 2 && n <= 5 && !seen[n]);
        seen[n] = true;
    }
    stop(sub);
    struct outcome o = check(s, store);
    assert_exit(o, 0);
}

static void a_count_leaves_the_rest_for_the_next_start(void **state)
{
    struct scene *s = *state;
    scene_start_broker(s);
    struct process *daemon = start_daemon(s);
    const char *store = store_with_one(s), *url = broker_url(s->broker);
    send_numbers(s, 2, 10);
    const struct {
        const char *count, *shown;
    } starts[] = {{"2", "2\n3\n"}, {"3", "4\n5\n6\n"}, {"4", "7\n8\n9\n10\n"}};
    for (size_t i = 0; i < 3; i++) {
        struct outcome o = scene_run(
            s, NULL,
            ARGV(NEWSSUB_PATH, "-b", url, "--store", store, "-n", starts[i].count, HEADLINE));
        assert_exit(o, 0);
        assert_string_equal(o.out, starts[i].shown);
    }
    stop_daemon(daemon);
}

static void a_newcomer_and_a_filled_store_show_what_last_and_since_say(void **state)
{
    struct scene *s = *state;
    scene_start_broker(s);
    struct process *daemon = start_daemon(s);
    const char *url = broker_url(s->broker), *a = scene_path(s, "a.store"),
               *b = scene_path(s, "b.store");
    send_numbers(s, 1, 5);
    const struct {
        const char *store, *option, *value, *count, *shown;
    } starts[] = {
        {a, "--last", "2", "2", "4\n5\n"},
        {b, "--since", "1h", "5", "1\n2\n3\n4\n5\n"},
        {b, "--last", "3", "3", "3\n4\n5\n"},
        {b, "--since", "1h", "5", "1\n2\n3\n4\n5\n"},
    };
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        struct outcome o = scene_run(s, NULL,
                                     ARGV(NEWSSUB_PATH, "-b", url, "--store", starts[i].store,
                                          starts[i].option, starts[i].value, "-n", starts[i].count,
                                          HEADLINE));
        assert_exit(o, 0);
        assert_string_equal(o.out, starts[i].shown);
    }
    struct process *one = subscribe(s, a), *other = subscribe(s, b);
    send_numbers(s, 6, 6);
    expect_numbers(one, 6, 6); /* not what was shown before, nor what was not asked for */
    expect_numbers(other, 6, 6);
    stop_daemon(daemon);
}

/* ---- killed ---- */

struct growth {
    const char *path;
    off_t size;
};

static off_t size_of(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 ? info.st_size : 0;
}

static bool has_grown(void *user)
{
    const struct growth *g = user;
    return size_of(g->path) >= g->size;
}

struct lines {
    const char *path;
    unsigned count;
};

static bool has_lines(void *user)
{
    const struct lines *l = user;
    unsigned count = 0;
    FILE *f = fopen(l->path, "r");
    for (int c; f && (c = getc(f)) != EOF;)
        count += c == '\n';
    if (f) (void)fclose(f);
    return count >= l->count;
}

static struct process *append_to(struct scene *s, const char *store, const char *file)
{
    return scene_start(s,
                       ARGV("sh", "-c", "exec \"$0\" -b \"$1\" --store \"$2\" -o ndjson >>\"$3\"",
                            NEWSSUB_PATH, broker_url(s->broker), store, file));
}

/* Every number from 1 to last stands in the file once, and nothing else. */
static void expect_each_once(const char *file, unsigned last)
{
    unsigned *times = calloc(last + 1, sizeof *times), lines = 0;
    char *line = NULL;
    size_t size = 0;
    FILE *f = fopen(file, "r");
    assert_non_null(f);
    assert_non_null(times);
    for (; getline(&line, &size, f) > 0; lines++) {
        json_t *value = parse_line(line);
        unsigned long n = strtoul(string_at(value, "item.headlines.0.value"), NULL, 10);
        assert_true(n >= 1 && n <= last);
        if (times[n]++) fail_msg("%lu stands there twice", n);
        json_decref(value);
    }
    assert_int_equal(lines, last);
    (void)fclose(f);
    free(line);
    free(times);
}

static void a_file_has_each_item_once_however_often_it_was_killed(void **state)
{
    enum { KILLS = 8, EACH = 150, BYTES = 400 }; /* a line has more */
    struct scene *s = *state;
    scene_start_broker(s);
    struct process *daemon = start_daemon(s);
    const char *store = store_with_one(s), *file = scene_path(s, "out.ndjson");
    unsigned seed = (unsigned)date_now_ms(), last = 1;
    print_message("seed %u\n", seed);
    srandom(seed);
    struct outcome o = scene_run(
        s, NULL,
        ARGV("sh", "-c", "exec \"$0\" -b \"$1\" --store \"$2\" --last 1 -n 1 -o ndjson >>\"$3\"",
             NEWSSUB_PATH, broker_url(s->broker), store, file));
    assert_exit(o, 0);
    for (int i = 0; i < KILLS; i++) {
        send_numbers(s, last + 1, last + EACH);
        last += EACH;
        struct growth g = {file, size_of(file) + random() % (EACH * BYTES)};
        struct process *sub = append_to(s, store, file);
        if (!wait_until(has_grown, &g, WAIT_MS)) fail_msg("it does not grow");
        process_signal(sub, SIGKILL);
        (void)scene_wait(sub);
    }
    struct process *sub = append_to(s, store, file);
    struct lines all = {file, last};
    if (!wait_until(has_lines, &all, WAIT_MS)) fail_msg("not all of them come");
    stop(sub);
    expect_each_once(file, last);
    stop_daemon(daemon);
}

/* ---- gone ---- */

static void what_is_gone_is_told_once_and_check_remembers(void **state)
{
    struct scene *s = *state;
    scene_start_broker(s);
    struct process *daemon = start_daemon(s);
    const char *store = store_with_one(s);
    static const char told[] = TOPIC ": numbers 2 to 4 are gone for good (pruned)\n";
    send_numbers(s, 2, 6);
    stop_daemon(daemon);
    prune_to(s, "2");
    daemon = start_daemon(s);
    struct process *sub = subscribe(s, store);
    expect_numbers(sub, 5, 6);
    assert_true(process_expect_errors(sub, told, WAIT_MS));
    stop(sub);
    struct outcome o = check(s, store);
    assert_exit(o, GONE);
    assert_says(o.out, "gone 2-4 (pruned)");
    assert_silent_on(o.out, "missing");
    assert_says(o.err, "0 missing, 3 gone for good");

    sub = subscribe(s, store);
    send_numbers(s, 7, 7);
    expect_numbers(sub, 7, 7);
    stop(sub);
    assert_silent_on(process_errors(sub, NULL), "gone for good");
    stop_daemon(daemon);
}

/* Somebody who does not ask knows of holes all the same. */
static void check_names_what_is_missing_and_what_may_still_come(void **state)
{
    struct scene *s = *state;
    scene_start_broker(s);
    struct process *daemon = start_daemon(s);
    const char *store = scene_path(s, "sub.store");
    const char *const *const silent = ARGV("--store", store, "--no-sync", HEADLINE);
    struct process *sub = scene_subscribe(s, NEWSSUB_PATH, "news/#", silent);
    send_numbers(s, 1, 1);
    expect_numbers(sub, 1, 1);
    stop(sub);
    send_numbers(s, 2, 3);
    sub = scene_subscribe(s, NEWSSUB_PATH, "news/#", silent);
    send_numbers(s, 4, 4);
    expect_numbers(sub, 4, 4);
    struct outcome o = check(s, store); /* also beside its owner */
    assert_exit(o, LATER);
    assert_says(o.out, "missing 2-3\n");
    stop(sub);
    o = check(s, store);
    assert_exit(o, LATER);

    sub = subscribe(s, store);
    bool first = atoi(read_line(sub)) == 2;
    expect_line(sub, first ? "3" : "2");
    stop(sub);
    o = check(s, store);
    assert_exit(o, 0);
    o = check(s, scene_path(s, "none.store"));
    assert_exit(o, IO_FAILED);
    assert_says(o.err, "none.store");
    stop_daemon(daemon);
}

/* ---- without a store ---- */

/* The broker forgets all it had; what is published before the subscriber is back would be lost. */
static void a_hole_is_filled_while_it_runs_also_without_a_store(void **state)
{
    struct scene *s = *state;
    scene_start_broker(s);
    struct process *daemon = start_daemon(s);
    struct process *sub = scene_subscribe(s, NEWSSUB_PATH, "news/#", ARGV(HEADLINE));
    send_numbers(s, 1, 2);
    expect_numbers(sub, 1, 2);
    broker_kill(s->broker);
    assert_true(process_expect_errors(sub, "; trying again", WAIT_MS));
    process_signal(sub, SIGSTOP);
    assert_true(broker_start(s->broker));
    assert_true(expect_errors_times(daemon, ": connected\n", 2));
    send_numbers(s, 3, 5);
    process_signal(sub, SIGCONT);
    expect_numbers(sub, 3, 5);
    send_numbers(s, 6, 6);
    expect_numbers(sub, 6, 6);
    stop_daemon(daemon);
}

/* ---- a publisher that went back ---- */

static void copy_file(const char *from, const char *to)
{
    char bytes[65536];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    assert_true(in && out);
    for (size_t n; (n = fread(bytes, 1, sizeof bytes, in)) > 0;)
        assert_int_equal(fwrite(bytes, 1, n, out), n);
    assert_int_equal(fclose(in), 0);
    assert_int_equal(fclose(out), 0);
}

/* A subscriber has 1 to 3; the journal only 1, and the broker knows nothing. */
static struct process *put_an_old_copy_back(struct scene *s, const char *store)
{
    const char *journal = scene_path(s, "state/newswire/me.journal"), *copy = scene_path(s, "copy");
    struct process *sub = subscribe(s, store);
    send_numbers(s, 1, 1);
    expect_numbers(sub, 1, 1);
    copy_file(journal, copy);
    send_numbers(s, 2, 3);
    expect_numbers(sub, 2, 3);
    copy_file(copy, journal);
    broker_kill(s->broker);
    assert_true(process_expect_errors(sub, "; trying again", WAIT_MS));
    assert_true(broker_start(s->broker));
    assert_true(expect_errors_times(sub, "subscribed to news/#", 2));
    return sub;
}

static void a_subscriber_that_knows_more_makes_the_publisher_begin_a_new_epoch(void **state)
{
    struct scene *s = *state;
    scene_start_broker(s);
    const char *store = scene_path(s, "sub.store");
    struct process *sub = put_an_old_copy_back(s, store);
    struct process *daemon = start_daemon(s);
    assert_true(process_expect_errors(daemon, "going on as epoch ", WAIT_MS));
    send_numbers(s, 4, 6);
    expect_numbers(sub, 4, 6);
    stop(sub);
    struct outcome o = check(s, store);
    assert_exit(o, 0);
    assert_int_equal(count_of(o.out, "through 3 of 3, 3 stored\n"), 2);
    stop_daemon(daemon);
}

/* Here the publisher has sent its items before it could be told. */
static void numbers_that_came_before_are_told_and_their_items_shown(void **state)
{
    struct scene *s = *state;
    scene_start_broker(s);
    struct process *sub = put_an_old_copy_back(s, scene_path(s, "sub.store"));
    send_numbers(s, 4, 5);
    expect_numbers(sub, 4, 5);
    assert_says(process_errors(sub, NULL), "was another item's before");
    stop(sub);
}

/* ---- one owner ---- */

static void a_second_one_on_its_store_is_refused_with_its_name(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s), *store = scene_path(s, "sub.store");
    struct process *sub = subscribe(s, store);
    char owner[64];
    struct outcome o = scene_run(s, NULL, ARGV(NEWSSUB_PATH, "-b", url, "--store", store));
    assert_exit(o, IO_FAILED);
    (void)snprintf(owner, sizeof owner, "sub.store: in use by newssub (pid %ld)",
                   (long)process_pid(sub));
    assert_says(o.err, owner);
}

/* ---- the archive ---- */

static void an_archive_answers_for_a_publisher_that_is_away_and_only_then(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    struct process *archive = scene_subscribe(s, NEWSSUB_PATH, "news/#",
                                              ARGV("--archive", HEADLINE));
    struct process *daemon = start_daemon(s);
    const char *store = store_with_one(s);
    listen_to(s, "newswire/reply/#");
    send_numbers(s, 2, 3);
    struct process *sub = subscribe(s, store);
    expect_numbers(sub, 2, 3);
    (void)expect_heard("\"through\"");
    stop(sub);
    send_numbers(s, 4, 30);
    expect_numbers(archive, 1, 30);
    stop_daemon(daemon);
    assert_true(process_expect_errors(archive, "me is offline", WAIT_MS));
    (void)station_publish(&listener, "newswire/reply/marker", "marker", 1, false);
    (void)expect_heard("marker");
    assert_false(ever_heard("\"archive\":true"));

    sub = subscribe(s, store);
    expect_numbers(sub, 4, 30);
    (void)expect_heard("\"archive\":true");
    stop(sub);
    struct outcome o = check(s, store);
    assert_exit(o, 0);
    stop(archive);
    o = scene_run(s, NULL, ARGV(NEWSSUB_PATH, "--check", "--archive"));
    assert_exit(o, 0);
    assert_says(o.out, "through 30 of 30, 30 stored\n");
    o = scene_run(s, NULL, ARGV(NEWSSUB_PATH, "-b", url, "--archive", "--no-store"));
    assert_exit(o, 64);
}

/* What is gone only the publisher knows. */
static void an_archive_does_not_say_that_anything_is_gone(void **state)
{
    struct scene *s = *state;
    scene_start_broker(s);
    struct process *daemon = start_daemon(s);
    const char *store = store_with_one(s);
    send_numbers(s, 2, 4);
    struct process *archive = scene_subscribe(s, NEWSSUB_PATH, "news/#",
                                              ARGV("--archive", HEADLINE));
    send_numbers(s, 5, 6); /* it starts behind 4 */
    expect_numbers(archive, 5, 6);
    stop_daemon(daemon);
    assert_true(process_expect_errors(archive, "me is offline", WAIT_MS));
    struct process *sub = subscribe(s, store);
    expect_numbers(sub, 5, 6);
    stop(sub);
    assert_silent_on(process_errors(sub, NULL), "gone");
    struct outcome o = check(s, store);
    assert_exit(o, LATER);
    assert_says(o.out, "missing 2-4\n");

    daemon = start_daemon(s);
    sub = subscribe(s, store);
    expect_numbers(sub, 2, 4);
    stop(sub);
    o = check(s, store);
    assert_exit(o, 0);
    stop_daemon(daemon);
}

/* ---- filters ---- */

#define IN_LANGUAGE(lang, n) "{\"title\":\"" lang n "\",\"language\":\"" lang "\"}\n"

static void narrow_filters_ask_for_what_they_match_alone(void **state)
{
    struct scene *s = *state;
    scene_start_broker(s);
    struct process *daemon = start_daemon(s);
    const char *store = scene_path(s, "sub.store");
    const char *const *const french = ARGV("--store", store, "--lang", "fr", HEADLINE);
    struct process *sub = scene_subscribe(s, NEWSSUB_PATH, "news/+/+/fr/#", french);
    send_text(s, IN_LANGUAGE("en", "1") IN_LANGUAGE("fr", "1"));
    expect_line(sub, "fr1");
    stop(sub);
    send_text(s, IN_LANGUAGE("en", "2") IN_LANGUAGE("fr", "2") IN_LANGUAGE("de", "1"));
    listen_to(s, "newswire/#");
    unsigned before = listener.received;
    sub = scene_subscribe(s, NEWSSUB_PATH, "news/+/+/fr/#", french);
    expect_line(sub, "fr2");
    unsigned request = expect_heard("\"filters\"");
    assert_true(request >= before && heard(request, "[\"news/+/+/fr/#\"]"));
    assert_true(heard(expect_heard("\"items\":["), "fr2"));
    assert_false(ever_heard("en2") || ever_heard("de1"));
    stop(sub);
    struct outcome o = check(s, store);
    assert_exit(o, 0);
    assert_int_equal(count_lines(o.out), 1);
    stop_daemon(daemon);
}

/* A store that followed only French news, and now all. */
static void a_wider_filter_brings_no_history_unless_it_is_asked_for(void **state)
{
    static const char *const options[][2] = {{"--last", "0"}, {"--last", "9"}};
    struct scene *s = *state;
    scene_start_broker(s);
    struct process *daemon = start_daemon(s);
    for (int i = 0; i < 2; i++) {
        const char *store = scene_path(s, i ? "b.store" : "a.store");
        char french[128];
        (void)snprintf(french, sizeof french, "{\"title\":\"fr%d\",\"language\":\"fr\"}\n", i);
        struct process *sub = scene_subscribe(s, NEWSSUB_PATH, "news/+/+/fr/#",
                                              ARGV("--store", store, "--lang", "fr", HEADLINE));
        send_text(s, french);
        (void)read_line(sub);
        stop(sub);
        if (i == 0) send_text(s, IN_LANGUAGE("en", "1") IN_LANGUAGE("en", "2"));
        sub = scene_subscribe(s, NEWSSUB_PATH, "news/#",
                              ARGV("--store", store, HEADLINE, options[i][0], options[i][1]));
        if (i == 1) assert_true(process_expect_output(sub, "en2\n", WAIT_MS));
        send_text(s, i ? IN_LANGUAGE("en", "4") : IN_LANGUAGE("en", "3"));
        assert_true(process_expect_output(sub, i ? "en4\n" : "en3\n", WAIT_MS));
        stop(sub);
        const char *out = process_output(sub, NULL);
        assert_int_equal(count_of(out, "en1\n"), i);
        assert_int_equal(count_of(out, "en2\n"), i);
        struct outcome o = check(s, store);
        assert_exit(o, 0);
    }
    stop_daemon(daemon);
}

/* ---- kills ---- */

static void a_kill_erases_the_text_in_the_store(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s), *store = scene_path(s, "sub.store");
    struct process *daemon = start_daemon(s);
    struct process *sub = scene_subscribe(s, NEWSSUB_PATH, "news/#",
                                          ARGV("--store", store, "-o", "%{status} %{headline}"));
    send_text(s, "{\"uri\":\"x:1\",\"title\":\"Libel\",\"body\":\"the libellous text\"}\n"
                 "{\"uri\":\"x:2\",\"title\":\"Sound\"}\n");
    expect_line(sub, "usable Libel");
    expect_line(sub, "usable Sound");
    struct outcome o = scene_run(s, NULL,
                                 ARGV(NEWSPUB_PATH, "-b", url, "send", "--publisher", "me",
                                      "--kill", "x:1", "--note", "Wrong."));
    assert_exit(o, 0);
    expect_line(sub, "canceled Libel");
    stop(sub);
    o = scene_run(s, NULL,
                  ARGV(NEWSSUB_PATH, "-b", url, "--store", store, "--since", "1h", "-n", "2", "-o",
                       "ndjson"));
    assert_exit(o, 0);
    assert_silent_on(o.out, "libellous");
    assert_says(o.out, "\"pubStatus\":\"canceled\"");
    assert_says(o.out, "Sound");
    o = check(s, store);
    assert_exit(o, 0); /* the killed one is accounted for */
    stop_daemon(daemon);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
    if (argc > 1) cmocka_set_test_filter(argv[1]); /* a pattern such as "*archive*" */
    const struct CMUnitTest tests[] = {
        TEST(what_came_while_it_was_away_is_shown_once),
        TEST(a_publisher_that_only_comes_to_send_brings_what_was_missed),
        TEST(a_count_leaves_the_rest_for_the_next_start),
        TEST(a_newcomer_and_a_filled_store_show_what_last_and_since_say),
        TEST(a_file_has_each_item_once_however_often_it_was_killed),
        TEST(what_is_gone_is_told_once_and_check_remembers),
        TEST(check_names_what_is_missing_and_what_may_still_come),
        TEST(a_hole_is_filled_while_it_runs_also_without_a_store),
        TEST(a_subscriber_that_knows_more_makes_the_publisher_begin_a_new_epoch),
        TEST(numbers_that_came_before_are_told_and_their_items_shown),
        TEST(a_second_one_on_its_store_is_refused_with_its_name),
        TEST(an_archive_answers_for_a_publisher_that_is_away_and_only_then),
        TEST(an_archive_does_not_say_that_anything_is_gone),
        TEST(narrow_filters_ask_for_what_they_match_alone),
        TEST(a_wider_filter_brings_no_history_unless_it_is_asked_for),
        TEST(a_kill_erases_the_text_in_the_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
