#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/date.h"
#include "common/hash.h"
#include "publisher/source.h"
#include "publisher/source_kind.h"
#include "tests/support/tmpdir.h"
#include "tests/support/wait.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define KNOWN_SLOTS  (1u << 18)
#define LATER_MS     31000 /* above the time a source waits before it looks again */

/* ----------------------------------------------------------------------------------- A daemon */

struct story {
    uint64_t hash; /* of uri and headline: what tells two of them apart here */
    char headline[48];
};

struct daemon {
    struct tmpdir dir;
    struct topic_place place;
    struct sources_host host;
    struct config config;
    struct sources *sources;
    struct poll_set *set;
    int64_t skew_ms; /* how much later it is than it is */

    struct story *stories; /* the first committed ones of them are kept */
    size_t committed, pending, size, takes, known, commits;
    struct buf known_slots; /* uint64_t[KNOWN_SLOTS] */

    bool busy;
    size_t busy_after;  /* takes; 0: never */
    int fail_commits;   /* that many to come */
    size_t fail_take;   /* the number of the take that fails; 0: none */
    const char *refuse; /* headlines that begin so */
    void (*on_commit)(struct daemon *d);
    struct submission last; /* of its strings only those of the source are good */
    char last_source[64];

    int real_stderr, log_reader; /* -1: not captured */
    char log[16384];
};

static uint64_t *slot_of(struct daemon *d, uint64_t hash)
{
    uint64_t *slots = (uint64_t *)(void *)d->known_slots.data;
    size_t i = hash % KNOWN_SLOTS;
    while (slots[i] && slots[i] != hash)
        i = (i + 1) % KNOWN_SLOTS;
    return &slots[i];
}

static void roll_back(struct daemon *d)
{
    memset(d->known_slots.data, 0, KNOWN_SLOTS * sizeof(uint64_t));
    d->pending = d->committed;
    for (size_t i = 0; i < d->pending; i++)
        *slot_of(d, d->stories[i].hash) = d->stories[i].hash;
}

static void story_of(const struct submission *s, struct story *story)
{
    struct buf text = {0};
    json_text(&text, item_headline(&s->item));
    (void)snprintf(story->headline, sizeof story->headline, "%s", text.len ? text.data : "");
    json_text(&text, s->item.member[NINJS_URI]);
    story->hash = hash_bytes(HASH_START, text.data, text.len) | 1;
    buf_deinit(&text);
}

static enum desk_answer on_take(void *user, const struct submission *s, struct news_error *err)
{
    struct daemon *d = user;
    struct story story;
    d->takes++;
    story_of(s, &story);
    if (d->fail_take && d->takes == d->fail_take) {
        roll_back(d);
        news_fail(err, NEWS_ERR_FULL, "no room on the disk");
        return DESK_FAILED;
    }
    if (d->refuse && strncmp(story.headline, d->refuse, strlen(d->refuse)) == 0) {
        news_fail(err, NEWS_ERR_DATA, "already expired");
        return DESK_REFUSED;
    }
    d->last = *s;
    (void)snprintf(d->last_source, sizeof d->last_source, "%s", s->source);
    uint64_t *slot = slot_of(d, story.hash);
    if (*slot) {
        d->known++;
        return DESK_KNOWN;
    }
    *slot = story.hash;
    if (d->pending == d->size) {
        d->size = d->size ? 2 * d->size : 64;
        d->stories = realloc(d->stories, d->size * sizeof *d->stories);
        assert_non_null(d->stories);
    }
    d->stories[d->pending++] = story;
    return DESK_ACCEPTED;
}

static bool on_commit(void *user, struct news_error *err)
{
    struct daemon *d = user;
    d->commits++;
    if (d->fail_commits > 0) {
        d->fail_commits--;
        roll_back(d);
        return news_fail(err, NEWS_ERR_FULL, "no room on the disk");
    }
    d->committed = d->pending;
    if (d->on_commit) d->on_commit(d);
    return true;
}

static bool on_is_busy(void *user)
{
    const struct daemon *d = user;
    return d->busy || (d->busy_after && d->takes >= d->busy_after);
}

static int daemon_setup(void **state)
{
    struct daemon *d = calloc(1, sizeof *d);
    assert_non_null(d);
    assert_true(tmpdir_make(&d->dir));
    d->place = (struct topic_place){.publisher = "test"};
    d->host = (struct sources_host){
        .user = d, .place = &d->place, .take = on_take, .commit = on_commit, .is_busy = on_is_busy};
    assert_non_null(buf_reserve(&d->known_slots, KNOWN_SLOTS * sizeof(uint64_t)));
    roll_back(d);
    d->set = poll_set_new(NULL);
    assert_non_null(d->set);
    d->real_stderr = -1;
    *state = d;
    return 0;
}

static const char *log_end(struct daemon *d)
{
    size_t used = strlen(d->log);
    if (d->real_stderr < 0) return d->log;
    ssize_t n = read(d->log_reader, d->log + used, sizeof d->log - 1 - used);
    d->log[used + (n > 0 ? (size_t)n : 0)] = '\0';
    assert_true(dup2(d->real_stderr, STDERR_FILENO) >= 0);
    (void)close(d->real_stderr);
    (void)close(d->log_reader);
    d->real_stderr = -1;
    return d->log;
}

/* What is logged from now on goes to log_end(). */
static void log_begin(struct daemon *d)
{
    int ends[2];
    *d->log = '\0';
    assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    d->log_reader = ends[0];
    d->real_stderr = dup(STDERR_FILENO);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    (void)close(ends[1]);
}

static int daemon_teardown(void **state)
{
    struct daemon *d = *state;
    (void)log_end(d);
    sources_free(d->sources);
    poll_set_free(d->set);
    buf_deinit(&d->known_slots);
    arena_free(d->config.memory);
    free(d->stories);
    tmpdir_remove(&d->dir);
    free(d);
    return 0;
}

/* ---- its sources ---- */

/* Paths are in the daemon's directory, unless absolute. Lives until the daemon ends. */
static const char *path_of(struct daemon *d, const char *name)
{
    if (!d->config.memory) d->config.memory = arena_new();
    char path[512];
    (void)snprintf(path, sizeof path, *name == '/' ? "%.0s%s" : "%s/%s", d->dir.path, name);
    return arena_strdup(d->config.memory, path);
}

static void configure(struct daemon *d, const struct source_config *list, size_t count)
{
    const char *const zero = path_of(d, "");
    assert_non_null(zero);
    d->config.sources = arena_alloc(d->config.memory, (count + 1) * sizeof *list);
    d->config.count = count;
    for (size_t i = 0; i < count; i++) {
        struct source_config *c = &d->config.sources[i];
        *c = list[i];
        c->location = path_of(d, list[i].location);
        if (!c->service) c->service = c->name;
    }
}

static void start(struct daemon *d, const struct source_config *list, size_t count)
{
    struct news_error err = {0};
    configure(d, list, count);
    sources_free(d->sources);
    d->sources = sources_new(&d->host, &d->config, &err);
    if (!d->sources) fail_msg("%s", err.message);
}

#define START(d, ...)                                                                              \
    do {                                                                                           \
        const struct source_config list[] = {__VA_ARGS__};                                         \
        start(d, list, COUNT(list));                                                               \
    } while (0)

#define SPOOL                                                                                      \
    {                                                                                              \
        .name = "drop", .kind = SOURCE_SPOOL, .location = "spool"                                  \
    }
#define FIFO                                                                                       \
    {                                                                                              \
        .name = "pipe", .kind = SOURCE_FIFO, .location = "fifo"                                    \
    }

static void turn(struct daemon *d)
{
    sources_turn(d->sources, date_now_ms() + d->skew_ms);
}

/* As the daemon's loop: turns when something is due or came. False: WAIT_MS passed. */
static bool run_until(struct daemon *d, bool (*condition)(struct daemon *d))
{
    int64_t deadline = date_mono_ms() + WAIT_MS;
    while (!condition(d)) {
        if (date_mono_ms() >= deadline) return false;
        poll_set_clear(d->set);
        sources_poll(d->sources, d->set);
        /* Sources do not know of the other time: what they wait for has come. */
        poll_set_deadline(d->set, d->skew_ms ? date_mono_ms() : deadline);
        assert_true(poll_set_wait(d->set, NULL));
        turn(d);
    }
    return true;
}

static struct source_status status(struct daemon *d, size_t i)
{
    struct source_status s = {0};
    assert_true(sources_status(d->sources, i, &s));
    return s;
}

/* The headlines that are committed, each with a blank behind it. */
static const char *headlines(struct daemon *d)
{
    static char text[65536];
    size_t used = 0;
    *text = '\0';
    for (size_t i = 0; i < d->committed; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s ", d->stories[i].headline);
    return text;
}

/* ---- what is around it ---- */

static void put(struct daemon *d, const char *name, const char *text)
{
    char path[512];
    if (!tmpdir_write(&d->dir, name, text, path, sizeof path)) fail_msg("%s", name);
}

static bool has(struct daemon *d, const char *name)
{
    struct stat is;
    return lstat(path_of(d, name), &is) == 0;
}

static const char *text_of(struct daemon *d, const char *name)
{
    static char text[8192];
    FILE *file = fopen(path_of(d, name), "re");
    if (!file) fail_msg("%s: %s", name, strerror(errno));
    size_t len = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    text[len] = '\0';
    return text;
}

static void rename_in(struct daemon *d, const char *from, const char *to)
{
    assert_int_equal(rename(path_of(d, from), path_of(d, to)), 0);
}

static bool is_idle(struct daemon *d)
{
    return strcmp(status(d, 0).state, "ok") == 0;
}

/* One turn after the other until the first source says that all is well and has come to rest. */
static void settle(struct daemon *d)
{
    assert_true(run_until(d, is_idle));
    turn(d);
    turn(d);
}

static size_t wanted;
static bool has_wanted(struct daemon *d)
{
    return d->committed >= wanted;
}

static void run_until_committed(struct daemon *d, size_t count)
{
    wanted = count;
    if (!run_until(d, has_wanted))
        fail_msg("%zu of %zu: %s; %s", d->committed, count, headlines(d), status(d, 0).state);
}

static const char *leaving;
static bool has_left(struct daemon *d)
{
    return !has(d, leaving);
}

static void run_until_moved(struct daemon *d, const char *name)
{
    leaving = name;
    if (!run_until(d, has_left)) fail_msg("%s stays: %s", name, status(d, 0).state);
}

#define ITEM(uri, title) "{\"uri\":\"u:" uri "\",\"title\":\"" title "\"}\n"

/* -------------------------------------------------------------------------- What all have alike */

static void an_item_has_the_place_and_the_defaults_of_its_source(void **state)
{
    struct daemon *d = *state;
    START(d, {.name = "drop",
              .kind = SOURCE_SPOOL,
              .location = "spool",
              .service = "World Desk",
              .language = "de",
              .subject = "sport",
              .urgency = 2});
    settle(d);
    put(d, "spool/a", ITEM("1", "one"));
    run_until_committed(d, 1);
    assert_int_equal(d->last.kind, SUBMIT_ITEM);
    assert_string_equal(d->last_source, "drop");
    assert_string_equal(d->last.place.publisher, "test");
    assert_string_equal(d->last.place.service, "World Desk");
    assert_string_equal(d->last.place.language, "de");
    assert_string_equal(d->last.place.subject, "sport");
    assert_int_equal(d->last.place.urgency, 2);
    assert_string_equal(d->last.defaults.source, "World Desk");
    assert_string_equal(d->last.defaults.language, "de");
    assert_int_equal(d->last.defaults.urgency, 2);
    assert_false(d->last.feed);
}

static void what_a_source_does_not_say_is_said_for_all(void **state)
{
    struct daemon *d = *state;
    d->place.language = "fr";
    d->place.service = "never";
    d->place.urgency = 3;
    START(d, SPOOL);
    settle(d);
    put(d, "spool/a", ITEM("1", "one"));
    run_until_committed(d, 1);
    assert_string_equal(d->last.place.language, "fr");
    assert_string_equal(d->last.defaults.language, "fr");
    assert_string_equal(d->last.place.service, "drop");
    assert_null(d->last.place.subject);
    assert_int_equal(d->last.defaults.urgency, 3);
}

static void a_source_that_cannot_be_opened_stops_no_other(void **state)
{
    struct daemon *d = *state;
    put(d, "file", "no directory");
    log_begin(d);
    START(d, {.name = "nowhere", .kind = SOURCE_SPOOL, .location = "missing/spool"},
          {.name = "file", .kind = SOURCE_SPOOL, .location = "file"},
          {.name = "pipe", .kind = SOURCE_FIFO, .location = "file"}, SPOOL);
    turn(d);
    put(d, "spool/a", ITEM("1", "one"));
    run_until_committed(d, 1);
    for (int i = 0; i < 5; i++)
        turn(d);
    const char *log = log_end(d);
    for (size_t i = 0; i < 3; i++)
        if (!strstr(status(d, i).state, "looking again every 30 s"))
            fail_msg("%zu: %s", i, status(d, i).state);
    assert_string_equal(status(d, 3).state, "ok");
    assert_string_equal(text_of(d, "file"), "no directory");
    const char *first = strstr(log, "nowhere: "),
               *again = first ? strstr(first + 1, "nowhere: ") : "";
    assert_non_null(first);
    assert_null(again); /* said once */
    assert_non_null(strstr(log, "pipe: "));
    assert_non_null(strstr(log, "is there, and is no FIFO"));
}

static void only_what_is_committed_is_counted_and_refusals_are_told_with_it(void **state)
{
    struct daemon *d = *state;
    char text[2048] = "";
    for (int i = 0; i < 12; i++)
        strcat(text, ITEM("x", "bad"));
    START(d, SPOOL);
    settle(d);
    d->refuse = "bad";
    d->fail_commits = 1;
    put(d, "spool/a", strcat(text, ITEM("1", "one") ITEM("1", "one")));
    log_begin(d);
    while (d->fail_commits) {
        poll_set_clear(d->set);
        sources_poll(d->sources, d->set);
        assert_true(poll_set_wait(d->set, NULL));
        turn(d);
    }
    assert_int_equal(status(d, 0).accepted + status(d, 0).known + status(d, 0).refused, 0);
    d->skew_ms = LATER_MS;
    run_until_committed(d, 1);
    const char *log = log_end(d);
    assert_int_equal(status(d, 0).accepted, 1);
    assert_int_equal(status(d, 0).known, 1);
    assert_int_equal(status(d, 0).refused, 12);
    size_t told = 0;
    for (const char *at = log; (at = strstr(at, ": already expired\n")); at++)
        told++;
    assert_int_equal(told, 10);
    assert_non_null(strstr(log, "drop: 2 more were refused\n"));
}

static void a_reload_keeps_what_stays_and_gives_it_its_new_settings(void **state)
{
    struct daemon *d = *state;
    struct news_error err = {0};
    START(d, SPOOL, {.name = "old", .kind = SOURCE_SPOOL, .location = "old"});
    settle(d);
    put(d, "spool/a", ITEM("1", "one"));
    run_until_committed(d, 1);
    const struct source_config list[] = {
        {.name = "new", .kind = SOURCE_SPOOL, .location = "new"},
        {.name = "drop", .kind = SOURCE_SPOOL, .location = "spool", .service = "s", .urgency = 7},
        {.name = "pipe", .kind = SOURCE_FIFO, .location = "fifo"},
    };
    configure(d, list, COUNT(list));
    assert_true(sources_reload(d->sources, &d->config, &err));
    struct source_status s = status(d, 1);
    assert_string_equal(s.name, "drop");
    assert_int_equal(s.accepted, 1); /* it is the same one */
    assert_string_equal(s.state, "ok");
    assert_false(sources_status(d->sources, 3, &s));
    put(d, "spool/b", ITEM("2", "two"));
    run_until_committed(d, 2);
    assert_string_equal(d->last.place.service, "s");
    assert_int_equal(d->last.place.urgency, 7);
    put(d, "old/a", ITEM("3", "three")); /* nobody reads there any more */
    put(d, "new/a", ITEM("4", "four"));
    run_until_committed(d, 3);
    assert_string_equal(d->last_source, "new");
    assert_true(has(d, "old/a"));
    assert_true(has(d, "fifo"));
}

static void nothing_is_begun_once_they_are_stopped(void **state)
{
    struct daemon *d = *state;
    START(d, SPOOL, FIFO);
    settle(d);
    sources_stop(d->sources);
    put(d, "spool/a", ITEM("1", "one"));
    d->skew_ms = LATER_MS;
    turn(d);
    poll_set_clear(d->set);
    sources_poll(d->sources, d->set);
    poll_set_deadline(d->set, date_mono_ms());
    assert_true(poll_set_wait(d->set, NULL));
    turn(d);
    assert_int_equal(d->takes, 0);
    assert_true(has(d, "spool/a"));
}

/* An idle source must not keep the processor busy. */
static void who_has_nothing_to_do_asks_for_no_turn(void **state)
{
    struct daemon *d = *state;
    START(d, SPOOL, FIFO);
    settle(d);
    put(d, "spool/a", ITEM("1", "one"));
    run_until_committed(d, 1);
    settle(d);
    for (int busy = 0; busy < 2; busy++) {
        d->busy = busy;
        turn(d);
        poll_set_clear(d->set);
        sources_poll(d->sources, d->set);
        int64_t before = date_mono_ms();
        poll_set_deadline(d->set, before + 40);
        assert_true(poll_set_wait(d->set, NULL));
        assert_true(date_mono_ms() - before >= 39);
    }
}

/* -------------------------------------------------------------------------------------- Spools */

static void what_is_in_a_spool_is_taken_in_the_order_of_the_names(void **state)
{
    struct daemon *d = *state;
    assert_int_equal(mkdir(path_of(d, "spool"), 0755), 0);
    assert_int_equal(mkdir(path_of(d, "spool/folder"), 0755), 0);
    put(d, "spool/b", ITEM("2", "two") ITEM("3", "three"));
    put(d, "spool/a", ITEM("1", "one"));
    put(d, "spool/c",
        "[{\"uri\":\"u:4\",\"title\":\"four\"},\n{\"uri\":\"u:5\",\"title\":\"five\"}]");
    put(d, "spool/.hidden", ITEM("6", "six"));
    put(d, "spool/d.tmp", ITEM("7", "seven"));
    put(d, "spool/e.part", ITEM("8", "eight"));
    put(d, "spool/folder/f", ITEM("9", "nine"));
    START(d, SPOOL);
    run_until_committed(d, 5);
    settle(d);
    assert_string_equal(headlines(d), "one two three four five ");
    assert_int_equal(d->commits, 1); /* small files share one */
    assert_true(has(d, "spool/done/a") && has(d, "spool/done/b") && has(d, "spool/done/c"));
    assert_true(has(d, "spool/.hidden") && has(d, "spool/d.tmp") && has(d, "spool/e.part"));
    assert_true(has(d, "spool/folder/f"));
    assert_false(has(d, "spool/a"));
    assert_int_equal(status(d, 0).accepted, 5);
}

static void a_spool_is_made_for_its_owner_alone(void **state)
{
    struct daemon *d = *state;
    static const char *const made[] = {"spool", "spool/done", "spool/failed"};
    struct stat is;
    START(d, SPOOL);
    settle(d);
    for (size_t i = 0; i < COUNT(made); i++) {
        assert_int_equal(stat(path_of(d, made[i]), &is), 0);
        assert_int_equal(is.st_mode & 07777, 0700);
    }
}

static void what_comes_later_is_noticed_however_it_comes(void **state)
{
    struct daemon *d = *state;
    START(d, SPOOL);
    settle(d);
    put(d, "spool/a", ITEM("1", "one")); /* written in place */
    run_until_committed(d, 1);
    put(d, "elsewhere", ITEM("2", "two"));
    rename_in(d, "elsewhere", "spool/b");
    run_until_committed(d, 2);
    put(d, "spool/c.tmp", ITEM("3", "three"));
    turn(d);
    rename_in(d, "spool/c.tmp", "spool/c");
    run_until_committed(d, 3);
    assert_string_equal(headlines(d), "one two three ");
}

static void a_feed_in_a_spool_is_read_from_its_oldest_item(void **state)
{
    struct daemon *d = *state;
    START(d, SPOOL);
    settle(d);
    put(d, "spool/feed.xml",
        "<rss version='2.0'><channel><title>F</title><link>http://f.example/</link>"
        "<item><title>new</title><guid>http://f.example/2</guid>"
        "<pubDate>Tue, 24 Nov 2026 10:00:00 GMT</pubDate></item>"
        "<item><title>old</title><guid>http://f.example/1</guid>"
        "<pubDate>Mon, 23 Nov 2026 10:00:00 GMT</pubDate></item></channel></rss>");
    run_until_committed(d, 2);
    assert_string_equal(headlines(d), "old new ");
    assert_true(d->last.feed);
}

/* A look finds files that are not complete: only who holds them open can know. */
static void a_file_that_is_being_written_is_left_until_it_is_closed(void **state)
{
    struct daemon *d = *state;
    assert_int_equal(mkdir(path_of(d, "spool"), 0755), 0);
    FILE *file = fopen(path_of(d, "spool/slow"), "we");
    assert_non_null(file);
    assert_true(fputs(ITEM("1", "one") "{\"uri\":", file) >= 0);
    assert_int_equal(fflush(file), 0);
    put(d, "spool/whole", ITEM("2", "two"));
    START(d, SPOOL);
    run_until_committed(d, 1);
    settle(d);
    assert_string_equal(headlines(d), "two ");
    assert_true(has(d, "spool/slow"));
    assert_true(fputs("\"u:3\",\"title\":\"three\"}\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    run_until_committed(d, 3);
    settle(d);
    assert_string_equal(headlines(d), "two one three ");
    assert_true(has(d, "spool/done/slow"));
}

static void a_file_with_a_fault_goes_to_failed_and_its_good_items_out(void **state)
{
    struct daemon *d = *state;
    START(d, SPOOL);
    settle(d);
    d->refuse = "late";
    put(d, "spool/mixed",
        ITEM("1", "one") "{\"uri\":1}\n" ITEM("2", "late") ITEM("3", "three") "nonsense\n");
    put(d, "spool/nothing", "");
    put(d, "spool/page", "<html><body>Not found</body></html>");
    log_begin(d);
    run_until_moved(d, "spool/mixed");
    run_until_moved(d, "spool/nothing");
    run_until_moved(d, "spool/page");
    const char *log = log_end(d);
    assert_string_equal(headlines(d), "one three ");
    assert_string_equal(text_of(d, "spool/failed/nothing.error"), "nothing: holds no item\n");
    assert_true(has(d, "spool/failed/page") && has(d, "spool/failed/page.error"));
    const char *why = text_of(d, "spool/failed/mixed.error");
    assert_ptr_equal(strstr(why, "mixed:2: uri: "), why);
    assert_non_null(strstr(why, "\nmixed:3: already expired\n"));
    assert_non_null(strstr(why, "\nmixed:5: "));
    assert_non_null(strstr(log, "drop: mixed:3: already expired\n"));
    assert_non_null(strstr(log, "drop: mixed: moved to failed: 3 refused, 2 items taken\n"));
    assert_int_equal(status(d, 0).refused, 5);

    d->refuse = NULL; /* mended and put back: what is known is no second story */
    rename_in(d, "spool/failed/mixed", "mended");
    put(d, "mended", ITEM("1", "one") ITEM("2", "late") ITEM("3", "three"));
    rename_in(d, "mended", "spool/mixed");
    run_until_committed(d, 3);
    settle(d);
    assert_string_equal(headlines(d), "one three late ");
    assert_true(has(d, "spool/done/mixed"));
}

static void what_is_no_regular_file_is_never_opened(void **state)
{
    struct daemon *d = *state;
    START(d, SPOOL);
    settle(d);
    put(d, "secret", ITEM("1", "secret"));
    assert_int_equal(symlink(path_of(d, "secret"), path_of(d, "spool/link")), 0);
    assert_int_equal(mkfifo(path_of(d, "spool/pipe"), 0600), 0);
    put(d, "spool/real", ITEM("2", "two"));
    run_until_moved(d, "spool/link");
    run_until_moved(d, "spool/pipe");
    run_until_moved(d, "spool/real");
    assert_string_equal(headlines(d), "two ");
    assert_true(has(d, "spool/failed/link") && has(d, "spool/failed/pipe"));
    assert_string_equal(text_of(d, "spool/failed/link.error"), "link: is a symbolic link\n");
    assert_string_equal(text_of(d, "spool/failed/pipe.error"), "pipe: is not a regular file\n");
    assert_true(has(d, "secret"));
}

static void a_name_that_is_taken_gets_a_number(void **state)
{
    struct daemon *d = *state;
    char text[128], name[300], long_name[256];
    START(d, SPOOL);
    settle(d);
    for (unsigned i = 0; i < 103; i++) { /* above 99 it gets the time */
        (void)snprintf(text, sizeof text, "{\"uri\":\"u:%u\",\"title\":\"t%u\"}", i, i);
        put(d, "spool/latest", text);
        run_until_committed(d, i + 1);
    }
    assert_true(has(d, "spool/done/latest") && has(d, "spool/done/latest.1"));
    assert_true(has(d, "spool/done/latest.99") && !has(d, "spool/latest"));
    put(d, "spool/bad", "bad");
    run_until_moved(d, "spool/bad");
    put(d, "spool/bad.error", "bad"); /* whose name is taken by the reason of the other */
    run_until_moved(d, "spool/bad.error");
    put(d, "spool/bad", "bad");
    run_until_moved(d, "spool/bad");
    static const char *const expected[] = {
        "bad", "bad.error", "bad.error.1", "bad.error.1.error", "bad.1", "bad.1.error"};
    for (size_t i = 0; i < COUNT(expected); i++) {
        (void)snprintf(name, sizeof name, "spool/failed/%s", expected[i]);
        if (!has(d, name)) fail_msg("%s is missing", name);
    }
    memset(long_name, 'x', 255);
    long_name[255] = '\0';
    (void)snprintf(name, sizeof name, "spool/%s", long_name);
    put(d, name, "bad");
    run_until_moved(d, name);
    (void)snprintf(name, sizeof name, "spool/failed/%.220s.error", long_name);
    assert_non_null(strstr(text_of(d, name), ": holds neither a feed nor items\n"));
}

static char *many_items(size_t count)
{
    char *text = malloc(count * 48 + 1);
    assert_non_null(text);
    size_t used = 0;
    for (size_t i = 0; i < count; i++)
        used += (size_t)sprintf(text + used, "{\"uri\":\"u:%zu\",\"title\":\"t%zu\"}\n", i, i);
    return text;
}

static void a_large_file_takes_many_turns_and_others_have_theirs_between(void **state)
{
    struct daemon *d = *state;
    enum { MANY = 20000 };
    assert_int_equal(mkdir(path_of(d, "spool"), 0755), 0);
    char *text = many_items(MANY);
    put(d, "spool/large", text);
    free(text);
    START(d, SPOOL, {.name = "other", .kind = SOURCE_SPOOL, .location = "other"});
    turn(d);
    turn(d);
    put(d, "other/a", ITEM("other", "other"));
    size_t most = 0;
    while (d->committed < MANY + 1) {
        size_t before = d->takes;
        poll_set_clear(d->set);
        sources_poll(d->sources, d->set);
        poll_set_deadline(d->set, date_mono_ms() + WAIT_MS);
        assert_true(poll_set_wait(d->set, NULL));
        turn(d);
        if (d->takes - before > most) most = d->takes - before;
        assert_true(d->takes < 2 * MANY);
    }
    assert_in_range(most, 2, SOURCE_BATCH + 1);
    size_t at = 0;
    while (strcmp(d->stories[at].headline, "other") != 0)
        at++;
    assert_true(at < MANY / 2);
    settle(d);
    assert_true(has(d, "spool/done/large"));
}

static void a_batch_that_is_lost_comes_again_and_only_that(void **state)
{
    struct daemon *d = *state;
    assert_int_equal(mkdir(path_of(d, "spool"), 0755), 0);
    char *text = many_items(1200);
    put(d, "spool/a", ITEM("a", "a"));
    put(d, "spool/b", text);
    put(d, "spool/c", ITEM("c", "c"));
    free(text);
    START(d, SPOOL);
    turn(d);
    assert_true(has(d, "spool/done/a"));
    size_t first = d->committed;
    assert_in_range(first, 300, SOURCE_BATCH);
    d->fail_commits = 1;
    turn(d);
    assert_int_equal(d->committed, first);
    assert_string_equal(status(d, 0).state, "no room on the disk; trying again");
    size_t before = d->takes;
    turn(d); /* not at once */
    assert_int_equal(d->takes, before);
    d->skew_ms = LATER_MS;
    d->fail_take = d->takes + 10; /* now the disk is full amid a batch */
    for (int i = 0; i < 4; i++)
        turn(d); /* what is committed is passed over first */
    assert_int_equal(d->takes, before + 10);
    assert_in_range(d->committed, first, first + 9);
    d->skew_ms = 2 * LATER_MS;
    run_until_committed(d, 1202);
    settle(d);
    assert_int_equal(d->known, 0); /* what was committed was not handed in again */
    assert_int_equal(status(d, 0).accepted, 1202);
    assert_true(has(d, "spool/done/b") && has(d, "spool/done/c"));
    for (size_t i = 0; i < 1200; i++) {
        char expected[16];
        (void)snprintf(expected, sizeof expected, "t%zu", i);
        assert_string_equal(d->stories[i + 1].headline, expected);
    }
}

/* The end of a file that took several batches is lost: neither its refusals nor its items are
 * counted twice. */
static void a_file_whose_last_batch_is_lost_fails_as_a_whole(void **state)
{
    struct daemon *d = *state;
    assert_int_equal(mkdir(path_of(d, "spool"), 0755), 0);
    char *text = many_items(700);
    memcpy(text, "{\"uri\":1}", 9); /* the first line: no JSON any more */
    put(d, "spool/a", text);
    free(text);
    START(d, SPOOL);
    turn(d);
    d->fail_commits = 1;
    turn(d);
    assert_true(has(d, "spool/a"));
    d->skew_ms = LATER_MS;
    run_until_committed(d, 699);
    settle(d);
    const char *why = text_of(d, "spool/failed/a.error");
    assert_ptr_equal(strchr(why, '\n'), why + strlen(why) - 1); /* one line */
    assert_int_equal(status(d, 0).refused, 1);
    assert_int_equal(d->known, 0);
}

/* Killed between commit and move: the file is still there, and all of it is known. Items without a
 * uri get the same one again. */
static void a_file_that_was_taken_but_not_moved_is_known_when_it_is_read_again(void **state)
{
    struct daemon *d = *state;
    static const char text[] = ITEM("1",
                                    "one") "{\"title\":\"two\",\"body\":\"Text.\"}\n"
                                           "{\"title\":\"three\",\"link\":\"http://a.example/3\"}\n"
                                           "{\"content_text\":\"four\",\"id\":\"4\"}\n";
    START(d, SPOOL);
    settle(d);
    put(d, "spool/a", text);
    run_until_committed(d, 4);
    settle(d);
    sources_free(d->sources);
    d->sources = NULL;
    rename_in(d, "spool/done/a", "spool/a");
    START(d, SPOOL);
    settle(d);
    assert_int_equal(d->committed, 4);
    assert_int_equal(d->known, 4);
    assert_int_equal(status(d, 0).known, 4);
    assert_true(has(d, "spool/done/a"));
}

static void while_the_host_is_busy_files_stay_where_they_are(void **state)
{
    struct daemon *d = *state;
    START(d, SPOOL);
    settle(d);
    d->busy = true;
    put(d, "spool/a", ITEM("1", "one") ITEM("2", "two") ITEM("3", "three"));
    put(d, "spool/b", ITEM("4", "four"));
    poll_set_clear(d->set);
    sources_poll(d->sources, d->set);
    assert_true(poll_set_wait(d->set, NULL)); /* the event */
    for (int i = 0; i < 5; i++)
        turn(d);
    assert_int_equal(d->takes, 0);
    d->busy = false;
    d->busy_after = 2; /* amid a file */
    turn(d);
    turn(d);
    assert_string_equal(headlines(d), "one two ");
    assert_true(has(d, "spool/a"));
    d->busy_after = 0;
    run_until_committed(d, 4);
    assert_string_equal(headlines(d), "one two three four ");
    assert_int_equal(d->known, 0);
}

static void replace_once(struct daemon *d)
{
    d->on_commit = NULL;
    put(d, "newer", ITEM("2", "two"));
    rename_in(d, "newer", "spool/a");
}

/* The newer file must not be moved away as if it were the one that was read. */
static void a_file_that_is_replaced_while_it_is_read_is_read_as_well(void **state)
{
    struct daemon *d = *state;
    START(d, SPOOL);
    settle(d);
    d->on_commit = replace_once;
    put(d, "spool/a", ITEM("1", "one"));
    run_until_committed(d, 2);
    settle(d);
    assert_string_equal(headlines(d), "one two ");
    assert_true(has(d, "spool/done/a"));
}

static void append_once(struct daemon *d)
{
    FILE *file = fopen(path_of(d, "spool/a"), "ae");
    assert_non_null(file);
    assert_true(fputs(ITEM("last", "last"), file) >= 0);
    assert_int_equal(fclose(file), 0);
    d->on_commit = NULL;
}

static void a_file_that_grows_while_it_is_read_is_read_again(void **state)
{
    struct daemon *d = *state;
    START(d, SPOOL);
    settle(d);
    char *text = many_items(600);
    d->on_commit = append_once;
    put(d, "spool/a", text);
    free(text);
    run_until_committed(d, 601);
    settle(d);
    assert_string_equal(d->stories[600].headline, "last");
    assert_true(has(d, "spool/done/a"));
}

static void remove_done_once(struct daemon *d)
{
    d->on_commit = NULL;
    assert_int_equal(rmdir(path_of(d, "spool/done")), 0);
}

static void a_file_that_cannot_be_moved_is_not_read_over_and_over(void **state)
{
    struct daemon *d = *state;
    START(d, SPOOL);
    settle(d);
    d->on_commit = remove_done_once;
    put(d, "spool/a", ITEM("1", "one"));
    run_until_committed(d, 1);
    assert_non_null(strstr(status(d, 0).state, "a: cannot be moved to done: "));
    for (int i = 0; i < 10; i++)
        turn(d);
    assert_int_equal(d->takes, 1);
    d->skew_ms = LATER_MS;
    settle(d);
    assert_true(has(d, "spool/done/a"));
    assert_int_equal(d->committed, 1);
}

static void a_spool_that_vanishes_comes_back(void **state)
{
    struct daemon *d = *state;
    START(d, SPOOL);
    settle(d);
    static const char *const parts[] = {"spool/done", "spool/failed", "spool"};
    for (size_t i = 0; i < COUNT(parts); i++)
        assert_int_equal(rmdir(path_of(d, parts[i])), 0);
    d->skew_ms = LATER_MS;
    log_begin(d);
    turn(d);
    assert_non_null(strstr(status(d, 0).state, "has gone"));
    assert_false(has(d, "spool"));
    d->skew_ms = 2 * LATER_MS;
    turn(d);
    assert_true(has(d, "spool/failed"));
    put(d, "spool/a", ITEM("1", "one"));
    run_until_committed(d, 1);
    const char *log = log_end(d);
    assert_non_null(strstr(log, "drop: ok\n")); /* the end of trouble is told, too */
}

static void a_spool_that_is_renamed_is_noticed_at_once(void **state)
{
    struct daemon *d = *state;
    START(d, SPOOL);
    settle(d);
    rename_in(d, "spool", "moved");
    poll_set_clear(d->set);
    sources_poll(d->sources, d->set);
    assert_true(poll_set_wait(d->set, NULL));
    turn(d);
    assert_non_null(strstr(status(d, 0).state, "has gone"));
}

/* Above what is kept in memory of a look, the order still holds. */
static void a_spool_with_very_many_files_is_taken_in_order(void **state)
{
    struct daemon *d = *state;
    enum { MANY = 21000 };
    char text[64], expected[16];
    assert_int_equal(mkdir(path_of(d, "spool"), 0755), 0);
    for (int i = 0; i < MANY; i++) {
        int n = i * 7919 % MANY;
        (void)snprintf(text, sizeof text, "{\"uri\":\"u:%05d\",\"title\":\"t%05d\"}", n, n);
        char path[512];
        (void)snprintf(path, sizeof path, "%s/spool/%05d", d->dir.path, n);
        FILE *file = fopen(path, "we");
        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        (void)fclose(file);
    }
    START(d, SPOOL);
    run_until_committed(d, MANY);
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(expected, sizeof expected, "t%05d", i);
        assert_string_equal(d->stories[i].headline, expected);
    }
}

/* --------------------------------------------------------------------------------------- FIFOs */

static int writer(struct daemon *d)
{
    int fd = open(path_of(d, "fifo"), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) fail_msg("%s", strerror(errno));
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void a_fifo_is_made_and_outlives_its_writers(void **state)
{
    struct daemon *d = *state;
    struct stat is;
    START(d, FIFO);
    settle(d);
    assert_int_equal(lstat(path_of(d, "fifo"), &is), 0);
    assert_true(S_ISFIFO(is.st_mode));
    assert_int_equal(is.st_mode & 07777, 0600);
    for (unsigned i = 0; i < 3; i++) {
        char line[64];
        int fd = writer(d);
        (void)snprintf(line, sizeof line, "{\"uri\":\"u:%u\",\"title\":\"t%u\"}\n", i, i);
        say(fd, line);
        (void)close(fd);
        run_until_committed(d, i + 1);
    }
    assert_string_equal(headlines(d), "t0 t1 t2 ");
    assert_string_equal(d->last_source, "pipe");
}

static void half_a_line_waits_for_its_end(void **state)
{
    struct daemon *d = *state;
    START(d, FIFO);
    settle(d);
    int fd = writer(d);
    say(fd, ITEM("1", "one") "\n  \r\n{\"uri\":\"u:2\",");
    run_until_committed(d, 1);
    turn(d);
    say(fd, "\"title\":\"two\"}");
    turn(d);
    assert_int_equal(d->committed, 1);
    say(fd, "\r\n");
    run_until_committed(d, 2);
    (void)close(fd);
    assert_string_equal(headlines(d), "one two ");
    assert_int_equal(status(d, 0).refused, 0);
}

static void the_lines_of_several_writers_mix(void **state)
{
    struct daemon *d = *state;
    int fds[4];
    char line[64];
    START(d, FIFO);
    settle(d);
    for (size_t w = 0; w < COUNT(fds); w++)
        fds[w] = writer(d);
    for (unsigned i = 0; i < 1200; i++) {
        (void)snprintf(line, sizeof line, "{\"uri\":\"u:%u\",\"title\":\"t%u\"}\n", i, i);
        say(fds[i % 4], line);
    }
    run_until_committed(d, 1200);
    for (size_t w = 0; w < COUNT(fds); w++)
        (void)close(fds[w]);
    assert_string_equal(d->stories[1199].headline, "t1199");
    assert_int_equal(status(d, 0).accepted, 1200);
}

static void a_bad_line_is_told_with_its_number_and_passed_over(void **state)
{
    struct daemon *d = *state;
    char expected[512];
    START(d, FIFO);
    settle(d);
    d->refuse = "late";
    log_begin(d);
    int fd = writer(d);
    say(fd, ITEM("1", "one") "\nnonsense\n" ITEM("2", "late") ITEM("3", "three"));
    run_until_committed(d, 2);
    say(fd, "[]\n" ITEM("4", "four"));
    run_until_committed(d, 3);
    (void)close(fd);
    const char *log = log_end(d);
    static const char *const lines[] = {"3: $: ", "4: already expired\n", "6: $: "};
    for (size_t i = 0; i < COUNT(lines); i++) {
        (void)snprintf(expected, sizeof expected, "pipe: %s:%s", path_of(d, "fifo"), lines[i]);
        if (!strstr(log, expected)) fail_msg("no %s in\n%s", expected, log);
    }
    assert_string_equal(headlines(d), "one three four ");
    assert_int_equal(status(d, 0).refused, 3);
}

static int unread(int fd)
{
    int n = -1;
    assert_int_equal(ioctl(fd, FIONREAD, &n), 0);
    return n;
}

/* Nothing that was read is lost, and what was not stays in the pipe. */
static void lines_of_a_lost_batch_come_again_and_the_pipe_is_left_alone(void **state)
{
    struct daemon *d = *state;
    START(d, FIFO);
    settle(d);
    d->fail_commits = 1;
    d->refuse = "late";
    int fd = writer(d);
    say(fd, ITEM("1", "one") ITEM("2", "late") ITEM("3", "three"));
    log_begin(d);
    while (d->fail_commits) {
        poll_set_clear(d->set);
        sources_poll(d->sources, d->set);
        assert_true(poll_set_wait(d->set, NULL));
        turn(d);
    }
    assert_string_equal(status(d, 0).state, "no room on the disk; trying again");
    say(fd, ITEM("4", "four"));
    for (int i = 0; i < 5; i++)
        turn(d);
    assert_int_equal(d->takes, 3);
    assert_true(unread(fd) > 0);
    d->skew_ms = LATER_MS;
    d->fail_take = 5;
    turn(d);
    assert_int_equal(d->committed, 0);
    d->skew_ms = 2 * LATER_MS;
    turn(d);
    run_until_committed(d, 3);
    const char *log = log_end(d);
    (void)close(fd);
    assert_string_equal(headlines(d), "one three four ");
    const char *told = strstr(log, ":2: already expired");
    assert_non_null(told);
    assert_null(strstr(told + 1, ":2: already expired")); /* once, with the batch that counted */
    assert_int_equal(status(d, 0).refused, 1);
    assert_int_equal(d->known, 0);
}

static void while_the_host_is_busy_writers_are_held_back(void **state)
{
    struct daemon *d = *state;
    START(d, FIFO);
    settle(d);
    d->busy = true;
    int fd = writer(d);
    say(fd, ITEM("1", "one") ITEM("2", "two") ITEM("3", "three"));
    for (int i = 0; i < 5; i++)
        turn(d);
    assert_int_equal(d->takes, 0);
    assert_true(unread(fd) > 0);
    d->busy = false;
    d->busy_after = 2;
    run_until_committed(d, 2);
    assert_int_equal(d->takes, 2);
    d->busy_after = 0;
    run_until_committed(d, 3);
    (void)close(fd);
    assert_string_equal(headlines(d), "one two three ");
}

static void write_slowly(struct daemon *d, int fd, const char *bytes, size_t len)
{
    while (len) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0) assert_int_equal(errno, EAGAIN);
        if (n > 0) bytes += n, len -= (size_t)n;
        poll_set_clear(d->set);
        sources_poll(d->sources, d->set);
        poll_set_deadline(d->set, date_mono_ms());
        assert_true(poll_set_wait(d->set, NULL));
        turn(d);
    }
}

static void a_line_above_the_bound_is_refused_and_the_next_one_taken(void **state)
{
    struct daemon *d = *state;
    size_t len = (5u << 20) + 100;
    char *line = malloc(len + 1);
    assert_non_null(line);
    memset(line, 'x', len);
    memcpy(line, "{\"title\":\"", 10);
    line[len - 1] = '\n';
    START(d, FIFO);
    settle(d);
    log_begin(d);
    int fd = writer(d);
    write_slowly(d, fd, line, len);
    free(line);
    say(fd, ITEM("1", "one") "nonsense\n");
    run_until_committed(d, 1);
    while (status(d, 0).refused < 2)
        turn(d);
    const char *log = log_end(d);
    (void)close(fd);
    assert_non_null(strstr(log, ":1: the line is longer than 4 MiB\n"));
    assert_non_null(strstr(log, ":3: "));
    assert_int_equal(status(d, 0).refused, 2);
}

/* The pipe took it, so its writer takes it for delivered. */
static void what_waits_in_the_pipe_is_taken_when_they_are_stopped(void **state)
{
    struct daemon *d = *state;
    START(d, FIFO);
    settle(d);
    d->busy = true;
    int fd = writer(d);
    char line[64];
    for (unsigned i = 0; i < 1100; i++) {
        (void)snprintf(line, sizeof line, "{\"uri\":\"u:%u\",\"title\":\"t%u\"}\n", i, i);
        say(fd, line);
    }
    say(fd, "{\"uri\":");
    log_begin(d);
    sources_stop(d->sources);
    const char *log = log_end(d);
    assert_int_equal(d->committed, 1100);
    assert_non_null(strstr(log, ":1101: the line has no end: 7 bytes are given up\n"));
    assert_int_equal(write(fd, "x", 1), -1); /* nobody would read it */
    assert_int_equal(errno, EPIPE);
    (void)close(fd);
}

static void what_cannot_be_kept_at_the_end_is_told(void **state)
{
    struct daemon *d = *state;
    START(d, FIFO);
    settle(d);
    int fd = writer(d);
    say(fd, ITEM("1", "one") ITEM("2", "two"));
    d->fail_commits = 1;
    log_begin(d);
    sources_stop(d->sources);
    const char *log = log_end(d);
    (void)close(fd);
    assert_non_null(strstr(log, "pipe: 2 lines of "));
    assert_int_equal(d->committed, 0);
}

static void a_fifo_that_is_removed_is_made_again(void **state)
{
    struct daemon *d = *state;
    START(d, FIFO);
    settle(d);
    int old = writer(d);
    say(old, ITEM("1", "one")); /* written before it went: not lost */
    assert_int_equal(unlink(path_of(d, "fifo")), 0);
    d->skew_ms = LATER_MS;
    for (int i = 0; i < 4; i++)
        turn(d);
    assert_int_equal(d->committed, 1);
    int fd = writer(d);
    say(fd, ITEM("2", "two"));
    run_until_committed(d, 2);
    (void)close(fd);
    (void)close(old);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, daemon_setup, daemon_teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_item_has_the_place_and_the_defaults_of_its_source),
        TEST(what_a_source_does_not_say_is_said_for_all),
        TEST(a_source_that_cannot_be_opened_stops_no_other),
        TEST(only_what_is_committed_is_counted_and_refusals_are_told_with_it),
        TEST(a_reload_keeps_what_stays_and_gives_it_its_new_settings),
        TEST(nothing_is_begun_once_they_are_stopped),
        TEST(who_has_nothing_to_do_asks_for_no_turn),
        TEST(what_is_in_a_spool_is_taken_in_the_order_of_the_names),
        TEST(a_spool_is_made_for_its_owner_alone),
        TEST(what_comes_later_is_noticed_however_it_comes),
        TEST(a_feed_in_a_spool_is_read_from_its_oldest_item),
        TEST(a_file_that_is_being_written_is_left_until_it_is_closed),
        TEST(a_file_with_a_fault_goes_to_failed_and_its_good_items_out),
        TEST(what_is_no_regular_file_is_never_opened),
        TEST(a_name_that_is_taken_gets_a_number),
        TEST(a_large_file_takes_many_turns_and_others_have_theirs_between),
        TEST(a_batch_that_is_lost_comes_again_and_only_that),
        TEST(a_file_whose_last_batch_is_lost_fails_as_a_whole),
        TEST(a_file_that_was_taken_but_not_moved_is_known_when_it_is_read_again),
        TEST(while_the_host_is_busy_files_stay_where_they_are),
        TEST(a_file_that_is_replaced_while_it_is_read_is_read_as_well),
        TEST(a_file_that_grows_while_it_is_read_is_read_again),
        TEST(a_file_that_cannot_be_moved_is_not_read_over_and_over),
        TEST(a_spool_that_vanishes_comes_back),
        TEST(a_spool_that_is_renamed_is_noticed_at_once),
        TEST(a_spool_with_very_many_files_is_taken_in_order),
        TEST(a_fifo_is_made_and_outlives_its_writers),
        TEST(half_a_line_waits_for_its_end),
        TEST(the_lines_of_several_writers_mix),
        TEST(a_bad_line_is_told_with_its_number_and_passed_over),
        TEST(lines_of_a_lost_batch_come_again_and_the_pipe_is_left_alone),
        TEST(while_the_host_is_busy_writers_are_held_back),
        TEST(a_line_above_the_bound_is_refused_and_the_next_one_taken),
        TEST(what_waits_in_the_pipe_is_taken_when_they_are_stopped),
        TEST(what_cannot_be_kept_at_the_end_is_told),
        TEST(a_fifo_that_is_removed_is_made_again),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
