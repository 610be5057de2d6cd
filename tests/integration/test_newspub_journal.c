/* newspub's journal as a user meets it: what is accepted once, kept, corrected, refused, listed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <jansson.h>
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
#include "tests/support/wait.h"

#define DEAD_URL "mqtt://127.0.0.1:1" /* nobody listens there */

enum {
    REFUSED = 65,
    UNAVAILABLE = 69,
    IO_FAILED = 74,
    LATER = 75,
    DENIED = 77,
    CONFIG = 78,
    ON_SIGINT = 130
};

#define SEND(url, ...)   ARGV(NEWSPUB_PATH, "-b", url, "send", "--publisher", "me", __VA_ARGS__)
#define JOURNAL(...)     ARGV(NEWSPUB_PATH, "journal", "--publisher", "me", __VA_ARGS__)
#define ITEM(id, title)  "{\"uri\":\"x:" id "\",\"title\":\"" title "\"}\n"
#define NUMBER_AND_TITLE "%{number} %{version} %{headline}"
#define DEFAULT_JOURNAL  "state/newswire/me.journal"
#define WITHOUT_A_BROKER "--connect-timeout", "200ms", "-"

/* Shows what a format names, a line an item. */
static struct process *watch(struct scene *s, const char *format)
{
    return scene_subscribe(s, NEWSSUB_PATH, "news/#", ARGV("-o", format));
}

static struct outcome send_items(struct scene *s, const char *url, const char *items)
{
    return scene_run(s, items, SEND(url, "-"));
}

static void expect_line(struct process *p, const char *expected)
{
    assert_string_equal(read_line(p), expected);
}

/* Copied out: what a process said goes with its next line. */
static void next_line(struct process *p, char *out, size_t size)
{
    (void)snprintf(out, size, "%s", read_line(p));
}

/* me:EPOCH:7 becomes EPOCH. */
static void epoch_of(const char *number, char epoch[32])
{
    assert_int_equal(sscanf(number, "me:%31[0-9a-f]:", epoch), 1);
}

/* ---- files ---- */

static struct buf read_whole(const char *path)
{
    struct buf all = {0};
    FILE *f = fopen(path, "rb");
    if (!f) fail_msg("%s cannot be read", path);
    char *at;
    size_t n;
    do {
        at = buf_reserve(&all, 1 << 16);
        assert_non_null(at);
        n = fread(at, 1, 1 << 16, f);
        all.len += n;
    } while (n > 0);
    assert_int_equal(fclose(f), 0);
    return all;
}

static void write_whole(const char *path, const struct buf *all)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(all->data, 1, all->len, f), all->len);
    assert_int_equal(fclose(f), 0);
}

static void copy_file(const char *from, const char *to)
{
    struct buf all = read_whole(from);
    write_whole(to, &all);
    buf_deinit(&all);
}

static void patch_file(const char *path, size_t at, const void *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, len, (off_t)at), (ssize_t)len);
    assert_int_equal(close(fd), 0);
}

/* Where in a file a text stands; the test fails when it does not. */
static size_t find_in_file(const char *path, const char *text)
{
    struct buf all = read_whole(path);
    const char *at = memmem(all.data, all.len, text, strlen(text));
    if (!at) fail_msg("\"%s\" is not in %s", text, path);
    size_t offset = (size_t)(at - all.data);
    buf_deinit(&all);
    return offset;
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* ---- what is published, and what is not ---- */

static void the_same_item_is_published_once(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    struct process *sub = watch(s, "%{version} %{headline}");
    for (int i = 0; i < 2; i++) {
        struct outcome o = send_items(s, url, ITEM("a", "one"));
        assert_exit(o, 0);
        assert_string_equal(o.err, "");
    }
    struct outcome o = send_items(s, url, ITEM("b", "two"));
    assert_exit(o, 0);
    expect_line(sub, "1 one");
    expect_line(sub, "1 two");
}

static void changed_content_is_the_next_version_on_the_topic_of_the_first(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    struct process *sub = watch(s, "%{version} %{headline} %{topic}");
    struct outcome o = scene_run(s, ITEM("a", "one"),
                                 SEND(url, "--urgency", "2", "--subject", "sport", "-"));
    assert_exit(o, 0);
    o = scene_run(s, ITEM("a", "one, corrected"),
                  SEND(url, "--urgency", "7", "--subject", "politics", "--service", "other", "-"));
    assert_exit(o, 0);
    expect_line(sub, "1 one news/me/general/und/2/sport");
    expect_line(sub, "2 one, corrected news/me/general/und/2/sport");
}

static void a_story_is_updated_killed_and_then_dead(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    struct process *sub = watch(s, "%{version} %{status} %{headline}|%{note}|%{by}");
    struct outcome o = scene_run(s, NULL,
                                 SEND(url, "--uri", "x:1", "--title", "Bridge", "--by", "A. Keel"));
    assert_exit(o, 0);
    o = scene_run(s, NULL,
                  SEND(url, "--update", "x:1", "--title", "Bridge closed", "--note", "new"));
    assert_exit(o, 0);
    o = scene_run(s, NULL, SEND(url, "--kill", "x:1", "--note", "It stands."));
    assert_exit(o, 0);
    expect_line(sub, "1 usable Bridge||A. Keel");
    expect_line(sub, "2 usable Bridge closed|new|A. Keel");
    expect_line(sub, "3 canceled Bridge closed|It stands.|");

    o = scene_run(s, NULL, SEND(url, "--kill", "x:1", "--note", "again"));
    assert_exit(o, 0); /* it is dead already */
    o = scene_run(s, NULL, SEND(url, "--update", "x:1", "--title", "Bridge open"));
    assert_exit(o, REFUSED);
    assert_says(o.err, "x:1: was killed");
    o = scene_run(s, NULL, SEND(url, "--uri", "x:1", "--title", "Bridge open"));
    assert_exit(o, REFUSED);
    assert_says(o.err, "x:1: was killed");
    o = scene_run(s, NULL, SEND(url, "--kill", "x:unheard-of"));
    assert_exit(o, REFUSED);
    assert_says(o.err, "x:unheard-of");
    o = scene_run(s, NULL, SEND(url, "--uri", "x:2", "--title", "last"));
    assert_exit(o, 0);
    expect_line(sub, "1 usable last||");
}

static bool is_past(void *due_ms)
{
    return date_now_ms() >= *(int64_t *)due_ms;
}

static void an_embargoed_item_is_held_until_it_is_due(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    struct process *sub = watch(s, "%{headline}");
    char due[DATE_RFC3339_SIZE], item[512];
    int64_t due_ms = date_now_ms() + 1500;
    date_rfc3339(due_ms, due);
    (void)snprintf(item, sizeof item,
                   "{\"uri\":\"x:1\",\"headlines\":[{\"value\":\"held\"}],"
                   "\"embargoedUntil\":\"%s\"}\n" ITEM("b", "free"),
                   due);
    struct outcome o = send_items(s, url, item);
    assert_exit(o, LATER);
    assert_says(o.err, "kept in the journal until their embargo ends: 1");
    expect_line(sub, "free");
    assert_true(wait_until(is_past, &due_ms, WAIT_MS));
    o = scene_run(s, NULL, SEND(url, "-"));
    assert_exit(o, 0);
    expect_line(sub, "held");
}

static void an_item_that_has_expired_is_refused(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    struct outcome o = send_items(s, url,
                                  "{\"uri\":\"x:1\",\"headlines\":[{\"value\":\"old\"}],"
                                  "\"expires\":\"2020-01-01T00:00:00Z\"}\n");
    assert_exit(o, REFUSED);
    assert_says(o.err, "x:1: expired at 2020-01-01T00:00:00");
}

/* ---- kept ---- */

static void what_no_broker_took_is_brought_by_the_next_start(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    struct process *sub = watch(s, NUMBER_AND_TITLE);
    struct outcome o = scene_run(s, ITEM("a", "one") ITEM("b", "two"),
                                 SEND(DEAD_URL, WITHOUT_A_BROKER));
    assert_exit(o, LATER);
    assert_says(o.err, "kept in the journal, not yet acknowledged: 2");
    o = scene_run(s, NULL, JOURNAL("list"));
    assert_exit(o, 0);
    assert_int_equal(count_of(o.out, "  waiting  "), 2);
    o = scene_run(s, NULL, SEND(url, "-"));
    assert_exit(o, 0);
    assert_string_equal(o.err, "");
    assert_non_null(strstr(read_line(sub), ":1 1 one"));
    assert_non_null(strstr(read_line(sub), ":2 1 two"));
    o = scene_run(s, NULL, JOURNAL("list"));
    assert_int_equal(count_of(o.out, "  sent      "), 2);
}

/* Every send counts on in the stream where the one before stopped, in one epoch. */
static void numbers_go_on_over_many_sends(void **state)
{
    enum { SENDS = 4 };
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    struct process *sub = watch(s, "%{number} %{topic}");
    for (int i = 0; i < SENDS; i++) {
        char items[256];
        (void)snprintf(items, sizeof items,
                       "{\"id\":\"a%d\",\"title\":\"a\"}\n"
                       "{\"id\":\"b%d\",\"title\":\"b\",\"language\":\"en\"}\n"
                       "{\"id\":\"c%d\",\"title\":\"c\"}\n",
                       i, i, i);
        struct outcome o = send_items(s, url, items);
        assert_exit(o, 0);
    }
    char first[32] = "";
    unsigned last[2] = {0, 0};
    for (int i = 0; i < 3 * SENDS; i++) {
        char line[512], epoch[32];
        unsigned seq;
        next_line(sub, line, sizeof line);
        epoch_of(line, epoch);
        if (!*first) memcpy(first, epoch, sizeof first);
        assert_string_equal(epoch, first);
        assert_int_equal(sscanf(line, "me:%*[0-9a-f]:%u", &seq), 1);
        size_t stream = strstr(line, "/en/") ? 1 : 0;
        assert_int_equal(seq, ++last[stream]);
    }
    assert_int_equal(last[0], 2 * SENDS);
    assert_int_equal(last[1], SENDS);
}

static void a_journal_may_be_anywhere(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    const char *path = scene_path(s, "else/where/news.journal");
    struct outcome o = scene_run(s, ITEM("a", "one"), SEND(url, "--journal", path, "-"));
    assert_exit(o, 0);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_false(exists(scene_path(s, DEFAULT_JOURNAL)));
    o = scene_run(s, NULL, ARGV(NEWSPUB_PATH, "journal", "list", "--journal", path));
    assert_exit(o, 0); /* whoever's it is */
    assert_int_equal(count_lines(o.out), 1);
}

/* The second waits for the first, which has the journal until its input ends. */
static void two_sends_at_once_on_one_journal_both_succeed(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    struct process *sub = watch(s, NUMBER_AND_TITLE);
    struct process *first = scene_feed(s, SEND(url, "-"));
    assert_true(process_puts(first, ITEM("a", "one")));
    assert_non_null(strstr(read_line(sub), ":1 1 one"));

    struct outcome o = scene_run(s, ITEM("b", "two"), SEND(url, "--lock-wait", "0", "-"));
    assert_int_not_equal(o.status, 0);
    assert_says(o.err, "me.journal: in use by newspub send (pid ");
    struct process *second = scene_feed(s, SEND(url, "-"));
    assert_true(process_puts(second, ITEM("b", "two")));
    process_close_input(second);
    assert_int_equal(process_wait(second, 300), PROCESS_TIMEOUT);
    struct process *third = scene_feed(s, SEND(url, "-"));
    assert_int_equal(process_wait(third, 300), PROCESS_TIMEOUT);
    process_signal(third, SIGINT); /* waiting is not being deaf */
    o = scene_wait(third);
    assert_exit(o, ON_SIGINT);
    process_close_input(first);
    o = scene_wait(first);
    assert_exit(o, 0);
    o = scene_wait(second);
    assert_exit(o, 0);
    assert_non_null(strstr(read_line(sub), ":2 1 two"));
}

static void without_a_journal_nothing_is_kept(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    struct process *sub = watch(s, NUMBER_AND_TITLE);
    char first[512], second[512], one[32], other[32];
    for (int i = 0; i < 2; i++) {
        struct outcome o = scene_run(s, ITEM("a", "one"), SEND(url, "--no-journal", "-"));
        assert_exit(o, 0);
    }
    next_line(sub, first, sizeof first);
    assert_non_null(strstr(first, ":1 1 one"));
    epoch_of(first, one);
    struct process *ndjson = watch(s, NUMBER_AND_TITLE); /* the first knows the item by now */
    struct outcome o = scene_run(s, ITEM("a", "one"), SEND(url, "--no-journal", "-"));
    assert_exit(o, 0);
    next_line(ndjson, second, sizeof second);
    assert_non_null(strstr(second, ":1 1 one"));
    epoch_of(second, other);
    assert_string_not_equal(one, other);
    assert_false(exists(scene_path(s, DEFAULT_JOURNAL)));
    o = scene_run(s, ITEM("a", "one"), SEND(DEAD_URL, "--no-journal", WITHOUT_A_BROKER));
    assert_exit(o, UNAVAILABLE);
}

/* ---- refused by the broker ---- */

static void a_denied_topic_is_told_once_and_declared_missing(void **state)
{
    struct scene *s = *state;
    struct broker *b = scene_new_broker(s, BROKER_MOSQUITTO);
    const char *acl = broker_file(b, "acl",
                                  "topic read #\n"
                                  "topic readwrite newswire/#\n"
                                  "topic write news/me/open/#\n");
    broker_add(b, "acl_file %s\n", acl);
    assert_true(broker_start(b));
    const char *url = broker_url(b);
    struct process *sub = scene_subscribe(s, NEWSSUB_PATH, "news/#",
                                          ARGV("--last", "9", "-o", "%{headline}"));
    struct outcome o = scene_run(s,
                                 "{\"id\":\"a\",\"title\":\"one\",\"source\":\"open\"}\n"
                                 "{\"id\":\"b\",\"title\":\"two\",\"source\":\"secret\"}\n"
                                 "{\"id\":\"c\",\"title\":\"three\",\"source\":\"open\"}\n",
                                 SEND(url, "--linger", "1500ms", "-"));
    assert_exit(o, DENIED);
    assert_says(o.err, "news/me/secret/und/5/general: ");
    expect_line(sub, "one");
    expect_line(sub, "three");
    assert_true(process_expect_errors(
        sub, "news/me/secret/und/5/general: number 1 is gone for good (denied)\n", WAIT_MS));
    o = scene_run(s, NULL, SEND(url, "-"));
    assert_exit(o, 0);
    assert_string_equal(o.err, "");
    o = scene_run(s, NULL, JOURNAL("list"));
    assert_says(o.out, "  denied    ");
    assert_int_equal(count_of(process_errors(sub, NULL), "gone for good"), 1);
}

/* An item that is refused as soon as its size is known takes no number at all; one that was taken
 * while no broker had said its limit is declared missing. Neither leaves a hole. */
static void an_item_above_the_packet_limit_leaves_no_hole(void **state)
{
    struct scene *s = *state;
    struct broker *b = scene_new_broker(s, BROKER_MOSQUITTO);
    broker_add(b, "max_packet_size 3000\n");
    assert_true(broker_start(b));
    const char *url = broker_url(b), *store = scene_path(s, "sub.store");
    struct process *sub = scene_subscribe(s, NEWSSUB_PATH, "news/#",
                                          ARGV("--store", store, "-o", "%{headline}", "-n", "2"));
    struct buf items = {0};
    buf_puts(&items, ITEM("a", "one") "{\"id\":\"b\",\"title\":\"large\",\"body\":\"");
    for (int i = 0; i < 4000; i++)
        buf_putc(&items, 'x');
    buf_puts(&items, "\"}\n" ITEM("c", "three"));
    struct outcome o = scene_run(s, items.data, SEND(url, "--linger", "1500ms", "-"));
    buf_deinit(&items);
    assert_exit(o, REFUSED);
    assert_says(o.err, "3000");
    expect_line(sub, "one");
    expect_line(sub, "three");
    o = scene_wait(sub);
    assert_exit(o, 0);
    o = scene_run(s, NULL, SEND(url, "-")); /* it is not tried again */
    assert_exit(o, 0);
    assert_string_equal(o.err, "");

    struct process *later = scene_subscribe(s, NEWSSUB_PATH, "news/#", ARGV("--store", store));
    o = scene_run(s, ITEM("d", "four"), SEND(url, "--linger", "1500ms", "-"));
    assert_exit(o, 0);
    assert_true(process_expect_output(later, "four", WAIT_MS));
    process_signal(later, SIGTERM);
    (void)scene_wait(later);
    o = scene_run(s, NULL, ARGV(NEWSSUB_PATH, "--check", "--store", store));
    assert_silent_on(o.out, "missing");
}

/* ---- epochs ---- */

static void a_journal_that_was_deleted_starts_a_new_epoch(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s), *path = scene_path(s, DEFAULT_JOURNAL);
    struct process *sub = watch(s, NUMBER_AND_TITLE);
    char line[512], first[32], second[32];
    struct outcome o = send_items(s, url, ITEM("a", "one"));
    assert_exit(o, 0);
    next_line(sub, line, sizeof line);
    epoch_of(line, first);
    assert_int_equal(unlink(path), 0);
    o = send_items(s, url, ITEM("b", "two"));
    assert_exit(o, 0);
    next_line(sub, line, sizeof line);
    epoch_of(line, second);
    assert_true(strcmp(first, second) < 0);
    assert_non_null(strstr(line, ":1 1 two"));
}

/* Numbers of the copy were given out before, for other items. */
static void an_old_copy_goes_on_in_a_new_epoch_and_no_item_is_lost(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s), *path = scene_path(s, DEFAULT_JOURNAL);
    const char *copy = scene_path(s, "copy"), *store = scene_path(s, "sub.store");
    char line[512], first[32], second[32];
    struct process *sub = scene_subscribe(s, NEWSSUB_PATH, "news/#",
                                          ARGV("--store", store, "-o", NUMBER_AND_TITLE));
    struct outcome o = send_items(s, url, ITEM("a", "one"));
    assert_exit(o, 0);
    next_line(sub, line, sizeof line);
    copy_file(path, copy);
    o = send_items(s, url, ITEM("b", "two") ITEM("c", "three"));
    assert_exit(o, 0);
    next_line(sub, line, sizeof line);
    next_line(sub, line, sizeof line);
    epoch_of(line, first);

    copy_file(copy, path);
    o = send_items(s, url, ITEM("d", "four") ITEM("e", "five"));
    assert_exit(o, 0);
    assert_says(o.err, "going on as epoch ");
    next_line(sub, line, sizeof line);
    assert_non_null(strstr(line, ":1 1 four"));
    epoch_of(line, second);
    assert_true(strcmp(first, second) < 0);
    assert_says(o.err, second);
    assert_non_null(strstr(read_line(sub), ":2 1 five"));
    o = send_items(s, url, ITEM("f", "six"));
    assert_exit(o, 0);
    assert_string_equal(o.err, "");
    next_line(sub, line, sizeof line);
    assert_non_null(strstr(line, ":3 1 six"));
    process_signal(sub, SIGTERM);
    (void)scene_wait(sub);
    o = scene_run(s, NULL, ARGV(NEWSSUB_PATH, "--check", "--store", store));
    assert_exit(o, 0);
}

/* ---- files that are not to be trusted ---- */

static void a_journal_of_another_publisher_is_refused(void **state)
{
    struct scene *s = *state;
    const char *path = scene_path(s, "a.journal");
    struct outcome o = scene_run(s, ITEM("a", "one"),
                                 SEND(DEAD_URL, "--journal", path, WITHOUT_A_BROKER));
    assert_exit(o, LATER);
    o = scene_run(s, ITEM("a", "one"),
                  ARGV(NEWSPUB_PATH, "-b", DEAD_URL, "send", "--publisher", "you", "--journal",
                       path, WITHOUT_A_BROKER));
    assert_exit(o, CONFIG);
    assert_says(o.err, "belongs to publisher me, not to you");
}

static void expect_journal_is_refused(struct scene *s, const char *url, const char *why)
{
    struct outcome o = send_items(s, url, ITEM("z", "never"));
    assert_exit(o, IO_FAILED);
    assert_says(o.err, DEFAULT_JOURNAL);
    assert_says(o.err, why);
    assert_int_equal(count_lines(o.err), 1);
}

static void a_damaged_or_newer_journal_is_refused_and_named(void **state)
{
    static const unsigned char newer[4] = {0, 0, 0, 99}; /* user_version, fileformat2.html §1.3 */
    struct scene *s = *state;
    const char *url = scene_start_broker(s), *path = scene_path(s, DEFAULT_JOURNAL);
    const char *copy = scene_path(s, "copy");
    char noise[4096];
    memset(noise, 0x5a, sizeof noise);
    struct outcome o = send_items(s, url, ITEM("a", "one"));
    assert_exit(o, 0);
    copy_file(path, copy);

    patch_file(path, 8192, noise, sizeof noise);
    expect_journal_is_refused(s, url, "damaged");
    o = scene_run(s, NULL, JOURNAL("list"));
    assert_int_not_equal(o.status, 0);
    copy_file(copy, path);
    patch_file(path, 0, noise, 100);
    expect_journal_is_refused(s, url, "damaged");
    copy_file(copy, path);
    patch_file(path, 60, newer, sizeof newer);
    expect_journal_is_refused(s, url, "newer version");
    copy_file(copy, path);
    o = send_items(s, url, ITEM("b", "two"));
    assert_exit(o, 0);
}

/* A bit that fell over in an item: the file is sound, its checksum is not. */
static void a_damaged_item_is_told_and_not_sent(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s), *path = scene_path(s, DEFAULT_JOURNAL);
    struct process *sub = watch(s, "%{headline}");
    struct outcome o = scene_run(s, ITEM("a", "one") ITEM("b", "spoilt"),
                                 SEND(DEAD_URL, WITHOUT_A_BROKER));
    assert_exit(o, LATER);
    patch_file(path, find_in_file(path, "spoilt"), "S", 1);
    int64_t start_ms = date_mono_ms();
    o = scene_run(s, NULL, SEND(url, "-"));
    assert_says(o.err, "is damaged, not sent");
    assert_exit(o, 0);
    assert_true(date_mono_ms() - start_ms < 10000); /* it waits for no answer to that one */
    expect_line(sub, "one");
    o = scene_run(s, ITEM("c", "three"), SEND(url, "-"));
    assert_exit(o, 0);
    assert_string_equal(o.err, "");
    expect_line(sub, "three");
}

static void a_place_that_cannot_be_written_is_74(void **state)
{
    struct scene *s = *state;
    const char *file = scene_file(s, "file", "");
    char below[600];
    (void)snprintf(below, sizeof below, "%s/me.journal", file);
    struct outcome o = scene_run(s, ITEM("a", "one"), SEND(DEAD_URL, "--journal", below, "-"));
    assert_exit(o, IO_FAILED);
    assert_says(o.err, below);
}

/* ---- for people ---- */

static void list_show_and_prune_answer_for_the_journal(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    char number[128], uri[128];
    struct outcome o = scene_run(s, NULL, SEND(url, "--uri", "x:1", "--title", "one"));
    assert_exit(o, 0);
    o = send_items(s, url, ITEM("b", "two"));
    assert_exit(o, 0);
    o = scene_run(s, NULL, JOURNAL("list"));
    assert_exit(o, 0);
    assert_int_equal(count_lines(o.out), 2);
    assert_int_equal(sscanf(o.out, "%*s sent %127s news/me/general/und/5/general one", number), 1);

    const char *const wanted[] = {number, "x:1"};
    for (int i = 0; i < 2; i++) {
        o = scene_run(s, NULL, JOURNAL("show", wanted[i]));
        assert_exit(o, 0);
        json_t *line = parse_line(o.out);
        assert_string_equal(string_at(line, "topic"), "news/me/general/und/5/general");
        assert_string_equal(string_at(line, "state"), "sent");
        assert_string_equal(string_at(line, "item.uri"), "x:1");
        (void)snprintf(uri, sizeof uri, "%s", string_at(line, "item.altIds.0.value"));
        assert_string_equal(uri, number);
        json_decref(line);
    }
    o = scene_run(s, NULL, JOURNAL("show", "x:none"));
    assert_exit(o, REFUSED);
    assert_says(o.err, "x:none");
    o = scene_run(s, NULL, JOURNAL("show"));
    assert_int_equal(count_lines(o.out), 2);

    o = scene_run(s, NULL, JOURNAL("prune", "--keep-items", "1"));
    assert_exit(o, 0);
    o = scene_run(s, NULL, JOURNAL("list"));
    assert_int_equal(count_lines(o.out), 1);
    assert_says(o.out, "two");
    o = scene_run(s, NULL, ARGV(NEWSPUB_PATH, "journal", "list", "--publisher", "nobody"));
    assert_exit(o, IO_FAILED);
    assert_says(o.err, "nobody.journal");
}

/* What is not acknowledged is not pruned, whatever is asked. */
static void prune_leaves_what_was_not_sent(void **state)
{
    struct scene *s = *state;
    struct outcome o = scene_run(s, ITEM("a", "one") ITEM("b", "two"),
                                 SEND(DEAD_URL, WITHOUT_A_BROKER));
    assert_exit(o, LATER);
    o = scene_run(s, NULL, JOURNAL("prune", "--keep-items", "1", "--keep-time", "1ms"));
    assert_exit(o, 0);
    o = scene_run(s, NULL, JOURNAL("list"));
    assert_int_equal(count_lines(o.out), 2);
    const char *none = scene_path(s, "none.journal");
    o = scene_run(s, NULL, ARGV(NEWSPUB_PATH, "journal", "prune", "--journal", none));
    assert_exit(o, IO_FAILED);
    assert_false(exists(none));
}

static void list_and_show_are_harmless_whatever_is_in_the_journal(void **state)
{
    struct scene *s = *state;
    struct outcome o = scene_run(
        s,
        "{\"uri\":\"x:\\u001b[31m\\u202e\",\"headlines\":[{\"value\":\"\\u001b[2J\\u0007\\u009b"
        "31m\\u202eevil\\u2028line\\nend\\u0000\\u200f\"}],\"language\":\"e\\u001bn\"}\n"
        "{\"title\":\"\\u001b]0;owned\\u0007 \x7f \xc2\x9b \xe2\x80\xae!\"}\n",
        SEND(DEAD_URL, WITHOUT_A_BROKER));
    assert_harmless(o.err, o.err_len, "");
    o = scene_run(s, NULL, JOURNAL("list"));
    assert_exit(o, 0);
    assert_true(count_lines(o.out) >= 1);
    assert_harmless(o.out, o.out_len, "");
    o = scene_run(s, NULL, JOURNAL("show"));
    assert_exit(o, 0);
    assert_true(count_lines(o.out) >= 1);
    assert_harmless(o.out, o.out_len, "");
    o = scene_run(s, NULL, JOURNAL("show", "\x1b[31m\xe2\x80\xae"));
    assert_harmless(o.err, o.err_len, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(int argc, char **argv)
{
    if (argc > 1) cmocka_set_test_filter(argv[1]); /* a pattern such as "*epoch*" */
    const struct CMUnitTest tests[] = {
        TEST(the_same_item_is_published_once),
        TEST(changed_content_is_the_next_version_on_the_topic_of_the_first),
        TEST(a_story_is_updated_killed_and_then_dead),
        TEST(an_embargoed_item_is_held_until_it_is_due),
        TEST(an_item_that_has_expired_is_refused),
        TEST(what_no_broker_took_is_brought_by_the_next_start),
        TEST(numbers_go_on_over_many_sends),
        TEST(a_journal_may_be_anywhere),
        TEST(two_sends_at_once_on_one_journal_both_succeed),
        TEST(without_a_journal_nothing_is_kept),
        TEST(a_denied_topic_is_told_once_and_declared_missing),
        TEST(an_item_above_the_packet_limit_leaves_no_hole),
        TEST(a_journal_that_was_deleted_starts_a_new_epoch),
        TEST(an_old_copy_goes_on_in_a_new_epoch_and_no_item_is_lost),
        TEST(a_journal_of_another_publisher_is_refused),
        TEST(a_damaged_or_newer_journal_is_refused_and_named),
        TEST(a_damaged_item_is_told_and_not_sent),
        TEST(a_place_that_cannot_be_written_is_74),
        TEST(list_show_and_prune_answer_for_the_journal),
        TEST(prune_leaves_what_was_not_sent),
        TEST(list_and_show_are_harmless_whatever_is_in_the_journal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
