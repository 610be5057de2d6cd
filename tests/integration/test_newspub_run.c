/* newspub run as a user meets it: sources of every kind, `send` beside it, signals, restarts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/date.h"
#include "tests/support/broker.h"
#include "tests/support/http_server.h"
#include "tests/support/process.h"
#include "tests/support/program.h"
#include "tests/support/station.h"
#include "tests/support/wait.h"

enum { REFUSED = 65, IO_FAILED = 74, LATER = 75, DENIED = 77, CONFIG = 78 };

#define DEFAULT_JOURNAL  "state/newswire/me.journal"
#define SEND(url, ...)   ARGV(NEWSPUB_PATH, "-b", url, "send", "--publisher", "me", __VA_ARGS__)
#define ITEM(uri, title) "{\"uri\":\"x:" uri "\",\"title\":\"" title "\"}\n"

/* ---- a daemon, and who watches it ---- */

/* Its configuration: the broker, the publisher, and what is given. */
static const char *configure(struct scene *s, const char *sources)
{
    struct buf text = {0};
    buf_printf(&text, "broker = %s\npublisher = me\n%s", broker_url(s->broker), sources);
    assert_true(buf_ok(&text));
    const char *path = scene_file(s, "run.conf", text.data);
    buf_deinit(&text);
    return path;
}

static struct process *start_daemon(struct scene *s, const char *conf)
{
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

static struct process *watch(struct scene *s)
{
    return scene_subscribe(s, NEWSSUB_PATH, "news/#", ARGV("-o", "%{version} %{headline}"));
}

static void expect_line(struct process *p, const char *expected)
{
    assert_string_equal(read_line(p), expected);
}

/* How many items the journal has, whatever became of them. */
static size_t count_accepted(struct scene *s)
{
    struct outcome o = scene_run(s, NULL,
                                 ARGV(NEWSPUB_PATH, "journal", "list", "--publisher", "me"));
    assert_exit(o, 0);
    return count_lines(o.out);
}

/* ---- sources ---- */

/* A file that is complete when it appears. */
static void drop(struct scene *s, const char *name, const char *text)
{
    const char *here = scene_file(s, "dropped", text), *there = scene_path(s, name);
    if (rename(here, there) != 0) fail_msg("%s: %s", name, strerror(errno));
}

static bool exists(void *path)
{
    return access(path, F_OK) == 0;
}

static void expect_file(struct scene *s, const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s", scene_path(s, name));
    if (!wait_until(exists, path, WAIT_MS)) fail_msg("%s is not there", name);
}

static void expect_in_file(struct scene *s, const char *name, const char *text)
{
    char all[4096] = "";
    FILE *f = fopen(scene_path(s, name), "r");
    assert_non_null(f);
    (void)!fread(all, 1, sizeof all - 1, f);
    (void)fclose(f);
    assert_says(all, text);
}

static void write_fifo(struct scene *s, const char *name, const char *text)
{
    expect_file(s, name);
    int fd = open(scene_path(s, name), O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
}

/* A feed is first asked within ten seconds, and then at its interval: here it is due now. The
 * journal has no owner meanwhile. */
static void make_due(struct scene *s, const char *name, const char *location)
{
    struct outcome o = scene_run(s, NULL, SEND(broker_url(s->broker), "-"));
    assert_exit(o, 0);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(scene_path(s, DEFAULT_JOURNAL), &db), SQLITE_OK);
    char *sql = sqlite3_mprintf("INSERT INTO source(name, url, moved_to, etag, modified, due_ms,"
                                " read_ms, failures, gone) VALUES(%Q, %Q, '', '', '', 0, 0, 0, 0)"
                                " ON CONFLICT(name) DO UPDATE SET due_ms=0",
                                name, location);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_free(sql);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

#define RSS(items)                                                                                 \
    "<rss version=\"2.0\"><channel><title>Harbour</title>"                                         \
    "<link>https://harbour.example/</link>" items "</channel></rss>"
#define STORY(day, title)                                                                          \
    "<item><title>" title "</title><link>https://harbour.example/" day "</link>"                   \
    "<pubDate>" day " Nov 2026 08:00:00 GMT</pubDate></item>"

/* ---- a web server in the test's own loop ---- */

struct web {
    struct http_server *server;
    struct poll_set *set;
    const char *body;
    char url[128];
};

static struct web web; /* of the running test */

static void web_answer(void *user, const struct http_request *q, struct http_reply *reply)
{
    const struct web *w = user;
    (void)q;
    http_answer(reply, "200 OK", "Content-Type: application/rss+xml\r\n", w->body, strlen(w->body));
}

static void web_open(const char *body)
{
    web.body = body;
    web.server = http_server_new(web_answer, &web);
    web.set = poll_set_new(NULL);
    assert_non_null(web.server);
    assert_non_null(web.set);
    http_server_url(web.server, NULL, "/feed.xml", web.url, sizeof web.url);
}

static void web_close(void)
{
    http_server_free(web.server);
    poll_set_free(web.set);
    web = (struct web){0};
}

static void web_turn(void)
{
    poll_set_clear(web.set);
    http_server_poll(web.server, web.set);
    poll_set_deadline(web.set, date_mono_ms() + 10);
    assert_true(poll_set_wait(web.set, NULL));
}

/* Serves until a process has said this on its standard error. */
static void web_serve(struct process *p, const char *text)
{
    int64_t deadline_ms = date_mono_ms() + WAIT_MS;
    while (!process_expect_errors(p, text, 5)) {
        if (date_mono_ms() >= deadline_ms)
            fail_msg("\"%s\" does not come: %.500s", text, process_errors(p, NULL));
        web_turn();
    }
}

/* ---- sources bring items ---- */

static void every_kind_of_source_is_published_and_a_bad_one_stops_none(void **state)
{
    struct scene *s = *state;
    scene_start_broker(s);
    struct process *sub = watch(s);
    (void)scene_file(s, "feed.xml", RSS(STORY("1", "from a feed")));
    (void)scene_file(s, "bad.xml", "<rss><channel><item><titl");
    const char *conf = configure(s, "[file]\nfeed = feed.xml\n"
                                    "[broken]\nfeed = bad.xml\n"
                                    "[nowhere]\nspool = run.conf/below\n"
                                    "[drop]\nspool = spool\n"
                                    "[pipe]\nfifo = in\n");
    make_due(s, "file", scene_path(s, "feed.xml"));
    make_due(s, "broken", scene_path(s, "bad.xml"));
    struct process *daemon = start_daemon(s, conf);
    expect_line(sub, "1 from a feed");
    assert_true(process_expect_errors(daemon, "newspub: nowhere: ", WAIT_MS));
    assert_true(process_expect_errors(daemon, "newspub: broken: ", WAIT_MS));

    write_fifo(s, "in", "{\"title\":\"from a pipe\"}\nno item\n{\"title\":\"on it goes\"}\n");
    expect_line(sub, "1 from a pipe");
    expect_line(sub, "1 on it goes");
    assert_true(process_expect_errors(daemon, "/in:2: ", WAIT_MS));
    drop(s, "spool/good.ndjson", ITEM("1", "from a spool"));
    expect_line(sub, "1 from a spool");
    expect_file(s, "spool/done/good.ndjson");
    drop(s, "spool/half.ndjson", ITEM("2", "its good half") "{\"headlne\":1}\n");
    expect_line(sub, "1 its good half");
    expect_file(s, "spool/failed/half.ndjson.error");
    expect_file(s, "spool/failed/half.ndjson");
    expect_in_file(s, "spool/failed/half.ndjson.error", "half.ndjson:2: ");
    drop(s, "spool/half.ndjson", ITEM("2", "its good half") ITEM("3", "the mended one"));
    expect_line(sub, "1 the mended one");
    expect_file(s, "spool/done/half.ndjson");
    stop_daemon(daemon);
}

static void a_feed_is_asked_when_it_is_due_and_publishes_what_is_new(void **state)
{
    struct scene *s = *state;
    scene_start_broker(s);
    struct process *sub = watch(s);
    char sources[256];
    web_open(RSS(STORY("2", "two") STORY("1", "one")));
    (void)snprintf(sources, sizeof sources, "[web]\nfeed = %s\n[drop]\nspool = spool\n", web.url);
    const char *conf = configure(s, sources);
    make_due(s, "web", web.url);
    struct process *daemon = start_daemon(s, conf);
    web_serve(daemon, "web: ok, 2 items");
    assert_int_equal(http_server_requests(web.server), 1);
    stop_daemon(daemon);

    daemon = start_daemon(s, conf); /* it is not due again */
    drop(s, "spool/a.ndjson", ITEM("1", "spooled"));
    web_serve(daemon, "a.ndjson: 1 items, done");
    for (int i = 0; i < 20; i++)
        web_turn();
    assert_int_equal(http_server_requests(web.server), 1);
    stop_daemon(daemon);

    web.body = RSS(STORY("1", "one") STORY("2", "two")); /* another order is nothing new */
    make_due(s, "web", web.url);
    daemon = start_daemon(s, conf);
    web_serve(daemon, "web: ok, 2 items");
    stop_daemon(daemon);
    assert_int_equal(count_accepted(s), 3);

    web.body = RSS(STORY("2", "two, corrected") STORY("1", "one"));
    make_due(s, "web", web.url);
    daemon = start_daemon(s, conf);
    web_serve(daemon, "web: ok, 2 items");
    stop_daemon(daemon);
    expect_line(sub, "1 one"); /* oldest first, wherever it stands */
    expect_line(sub, "1 two");
    expect_line(sub, "1 spooled");
    expect_line(sub, "2 two, corrected");
}

static void an_embargo_ends_while_it_runs(void **state)
{
    struct scene *s = *state;
    scene_start_broker(s);
    struct process *sub = watch(s);
    struct process *daemon = start_daemon(s, configure(s, "[drop]\nspool = spool\n"));
    char due[DATE_RFC3339_SIZE], items[512];
    int64_t due_ms = date_now_ms() + 1000;
    date_rfc3339(due_ms, due);
    (void)snprintf(items, sizeof items,
                   "{\"title\":\"held\",\"embargo\":\"%s\"}\n" ITEM("1", "free"), due);
    expect_file(s, "spool/failed");
    drop(s, "spool/a.ndjson", items);
    expect_line(sub, "1 free");
    expect_line(sub, "1 held");
    assert_true(date_now_ms() >= due_ms);
    stop_daemon(daemon);
}

/* ---- send beside it ---- */

#define IDLE_SOURCE "[drop]\nspool = spool\n"

static void send_beside_it_hands_over_and_waits_for_the_broker(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    struct process *sub = watch(s);
    struct process *daemon = start_daemon(s, configure(s, IDLE_SOURCE));
    struct outcome o = scene_run(s, ITEM("1", "one"), SEND(url, "-"));
    assert_exit(o, 0);
    assert_string_equal(o.err, "");
    o = scene_run(s, ITEM("1", "one") ITEM("2", "two"), SEND(url, "-v", "-"));
    assert_exit(o, 0);
    assert_says(o.err, "1 published, 1 published before");
    o = scene_run(s,
                  "{\"title\":\"old\",\"uri\":\"x:old\",\"expires\":\"2020-01-01T00:00:00Z\"}\n"
                  "{\"headlne\":1}\n" ITEM("3", "three"),
                  SEND(url, "-"));
    assert_exit(o, REFUSED);
    assert_says(o.err, "x:old: expired");
    o = scene_run(s, NULL, SEND(url, "--kill", "x:2", "--note", "It was not so."));
    assert_exit(o, 0);
    o = scene_run(s, ITEM("2", "two again"), SEND(url, "-"));
    assert_exit(o, REFUSED);
    assert_says(o.err, "x:2: was killed");
    expect_line(sub, "1 one");
    expect_line(sub, "1 two");
    expect_line(sub, "1 three");
    expect_line(sub, "2 two");
    stop_daemon(daemon);
}

/* The owner of the lock is `newspub send` at first, and then the daemon. */
static void a_send_that_waits_for_another_finds_the_daemon(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s), *conf = configure(s, IDLE_SOURCE);
    struct process *sub = watch(s);
    struct process *first = scene_feed(s, SEND(url, "-"));
    assert_true(process_puts(first, ITEM("1", "one")));
    expect_line(sub, "1 one");
    struct process *second = scene_feed(s, SEND(url, "--lock-wait", "20s", "-"));
    assert_true(process_puts(second, ITEM("2", "two")));
    process_close_input(second);
    assert_int_equal(process_wait(second, 300), PROCESS_TIMEOUT);
    process_signal(second, SIGSTOP); /* so that the daemon is there before it */
    process_close_input(first);
    struct outcome o = scene_wait(first);
    assert_exit(o, 0);
    struct process *daemon = start_daemon(s, conf);
    process_signal(second, SIGCONT);
    o = scene_wait(second);
    assert_exit(o, 0);
    expect_line(sub, "1 two");
    stop_daemon(daemon);
}

/* While the daemon is held up, clients hand in what makes its batch full with the last line of the
 * last of them. Every line has its answer all the same. */
static void clients_that_fill_a_batch_together_are_all_answered(void **state)
{
    enum { CLIENTS = 5, EACH = 100 };
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    struct process *daemon = start_daemon(s, configure(s, IDLE_SOURCE)), *clients[CLIENTS];
    struct process *sub = watch(s);
    for (unsigned i = 0; i < CLIENTS; i++) {
        char item[64];
        (void)snprintf(item, sizeof item, "{\"title\":\"first of %u\"}\n", i);
        clients[i] = scene_feed(s, SEND(url, "-v", "--drain-timeout", "5s", "-"));
        assert_true(process_puts(clients[i], item));
        (void)read_line(sub); /* it is connected */
    }
    process_signal(daemon, SIGSTOP);
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct buf items = {0};
        for (unsigned k = 0; k < EACH; k++)
            buf_printf(&items, "{\"title\":\"item %u of %u\"}\n", k, i);
        assert_true(process_write(clients[i], items.data, items.len));
        buf_deinit(&items);
        assert_true(input_is_read(clients[i]));
    }
    assert_int_equal(process_wait(clients[CLIENTS - 1], 100), PROCESS_TIMEOUT);
    process_signal(daemon, SIGCONT);
    for (unsigned i = 0; i < CLIENTS; i++) {
        process_close_input(clients[i]);
        struct outcome o = scene_wait(clients[i]);
        assert_exit(o, 0);
        assert_says(o.err, " 101 published");
    }
    stop_daemon(daemon);
    assert_int_equal(count_accepted(s), CLIENTS * (EACH + 1));
}

static void send_beside_it_is_told_what_the_broker_denies(void **state)
{
    struct scene *s = *state;
    struct broker *b = scene_new_broker(s, BROKER_MOSQUITTO);
    const char *acl = broker_file(b, "acl",
                                  "topic read #\n"
                                  "topic readwrite newswire/#\n"
                                  "topic write news/me/open/#\n");
    broker_add(b, "acl_file %s\n", acl);
    assert_true(broker_start(b));
    struct process *sub = watch(s);
    struct process *daemon = start_daemon(s, configure(s, IDLE_SOURCE));
    struct outcome o = scene_run(s,
                                 "{\"title\":\"one\",\"source\":\"secret\"}\n"
                                 "{\"title\":\"two\",\"source\":\"open\"}\n",
                                 SEND(broker_url(b), "-"));
    assert_exit(o, DENIED);
    assert_says(o.err, "not authorized");
    expect_line(sub, "1 two");
    stop_daemon(daemon);
}

/* ---- a broker that is away ---- */

static void what_is_taken_while_the_broker_is_away_arrives_afterwards(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    struct process *sub = watch(s);
    struct process *daemon = start_daemon(s, configure(s, IDLE_SOURCE));
    struct outcome o = scene_run(s, ITEM("1", "before"), SEND(url, "-"));
    assert_exit(o, 0);
    expect_line(sub, "1 before");

    broker_kill(s->broker);
    assert_true(process_expect_errors(daemon, "; trying again", WAIT_MS));
    drop(s, "spool/a.ndjson", ITEM("2", "spooled meanwhile"));
    expect_file(s, "spool/done/a.ndjson");
    o = scene_run(s, ITEM("3", "sent meanwhile"), SEND(url, "--drain-timeout", "500ms", "-"));
    assert_exit(o, LATER);
    assert_says(o.err, "handed to the owner of the journal, not yet acknowledged: 1");
    process_signal(daemon, SIGSTOP); /* the subscriber is back first */
    assert_true(broker_start(s->broker));
    assert_true(expect_errors_times(sub, "subscribed to news/#", 2));
    process_signal(daemon, SIGCONT);
    expect_line(sub, "1 spooled meanwhile");
    expect_line(sub, "1 sent meanwhile");
    stop_daemon(daemon);
}

/* ---- one owner ---- */

static void a_second_one_is_refused_with_the_name_of_the_first(void **state)
{
    struct scene *s = *state;
    scene_start_broker(s);
    const char *conf = configure(s, IDLE_SOURCE);
    struct process *daemon = start_daemon(s, conf);
    char owner[64];
    struct outcome o = scene_run(s, NULL, ARGV(NEWSPUB_PATH, "run", "-c", conf));
    assert_exit(o, IO_FAILED);
    (void)snprintf(owner, sizeof owner, "in use by newspub run (pid %ld)",
                   (long)process_pid(daemon));
    assert_says(o.err, owner);
    assert_says(o.err, "me.journal");
    o = scene_run(s, ITEM("1", "one"), SEND(broker_url(s->broker), "-")); /* its socket is left */
    assert_exit(o, 0);
    stop_daemon(daemon);
}

/* ---- signals ---- */

static void a_reload_takes_a_new_source_in_and_a_wrong_file_changes_nothing(void **state)
{
    struct scene *s = *state;
    scene_start_broker(s);
    struct process *sub = watch(s);
    const char *conf = configure(s, IDLE_SOURCE);
    struct process *daemon = start_daemon(s, conf);
    char where[600];
    (void)configure(s, IDLE_SOURCE "[other]\nspool = other\nintervall = 5m\n");
    process_signal(daemon, SIGHUP);
    assert_true(process_expect_errors(daemon, "going on with the old configuration", WAIT_MS));
    (void)snprintf(where, sizeof where, "%s:7: [other] intervall", conf);
    assert_says(process_errors(daemon, NULL), where);
    drop(s, "spool/a.ndjson", ITEM("1", "as before"));
    expect_line(sub, "1 as before");

    (void)configure(s, IDLE_SOURCE "[other]\nspool = other\n");
    process_signal(daemon, SIGHUP);
    assert_true(process_expect_errors(daemon, "read again, 2 sources", WAIT_MS));
    expect_file(s, "other/failed");
    drop(s, "other/b.ndjson", ITEM("2", "from the new one"));
    expect_line(sub, "1 from the new one");
    drop(s, "spool/c.ndjson", ITEM("3", "from the old one"));
    expect_line(sub, "1 from the old one");

    (void)configure(s, "[other]\nspool = other\n");
    process_signal(daemon, SIGHUP);
    assert_true(process_expect_errors(daemon, "read again, 1 source\n", WAIT_MS));
    drop(s, "spool/d.ndjson", ITEM("4", "nobody looks"));
    drop(s, "other/e.ndjson", ITEM("5", "somebody looks"));
    expect_line(sub, "1 somebody looks");
    stop_daemon(daemon);
}

static void a_wrong_configuration_is_78_and_says_where(void **state)
{
    struct scene *s = *state;
    struct outcome o;
    const char *path = scene_file(s, "run.conf", "publisher = me\n[a]\nfeed = x://y\n");
    char where[600];
    (void)snprintf(where, sizeof where, "%s:3: [a] feed: ", path);
    o = scene_run(s, NULL, ARGV(NEWSPUB_PATH, "run", "-c", path));
    assert_exit(o, CONFIG);
    assert_says(o.err, where);
    path = scene_file(s, "run.conf", "publisher = me\n");
    o = scene_run(s, NULL, ARGV(NEWSPUB_PATH, "run", "-c", path));
    assert_exit(o, CONFIG);
    assert_says(o.err, "there is no source in it");
}

static struct station listener;

static int setup(void **state)
{
    listener = (struct station){0};
    return scene_setup(state);
}

static int teardown(void **state)
{
    station_free(&listener);
    web_close();
    return scene_teardown(state);
}

static void listen_to_status(struct scene *s)
{
    station_free(&listener);
    listener = (struct station){0};
    assert_true(station_up(&listener, broker_url(s->broker), NULL));
    assert_true(station_subscribe(&listener, "newswire/status/me", 1));
}

/* Waits for a status in that state. */
static void expect_status(const char *state, bool retained)
{
    char member[64];
    (void)snprintf(member, sizeof member, "\"state\":\"%s\"", state);
    for (unsigned i = 0;; i++) {
        if (!station_wait(&listener, &listener.received, i + 1))
            fail_msg("no status says %s", state);
        const struct station_message *m = &listener.messages[i];
        if (m->retained == retained &&
            memmem(m->payload.data, m->payload.len, member, strlen(member)))
            return;
    }
}

static void a_sigterm_ends_it_within_six_seconds_and_says_offline(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    struct process *daemon = start_daemon(s, configure(s, IDLE_SOURCE));
    listen_to_status(s);
    struct outcome o = scene_run(s, ITEM("1", "one"), SEND(url, "-"));
    assert_exit(o, 0);
    expect_status("online", false);
    int64_t start_ms = date_mono_ms();
    stop_daemon(daemon);
    assert_true(date_mono_ms() - start_ms < 6000);
    listen_to_status(s);
    expect_status("offline", true);

    /* also when the broker does not answer: what is left stays in the journal */
    daemon = start_daemon(s, configure(s, IDLE_SOURCE));
    expect_file(s, "spool/failed");
    broker_pause(s->broker, true);
    drop(s, "spool/a.ndjson", ITEM("2", "two"));
    expect_file(s, "spool/done/a.ndjson");
    start_ms = date_mono_ms();
    process_signal(daemon, SIGTERM);
    o = scene_wait(daemon);
    assert_exit(o, LATER);
    assert_true(date_mono_ms() - start_ms < 8000);
    assert_says(o.err, "kept in the journal, not yet acknowledged: 1");
}

static void its_will_says_offline_when_it_is_killed(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    struct process *sub = watch(s);
    const char *conf = configure(s, IDLE_SOURCE);
    struct process *daemon = start_daemon(s, conf);
    listen_to_status(s);
    struct outcome o = scene_run(s, ITEM("1", "one"), SEND(url, "-"));
    assert_exit(o, 0);
    expect_status("online", false);
    process_signal(daemon, SIGKILL);
    (void)scene_wait(daemon);
    expect_status("offline", false);

    daemon = start_daemon(s, conf); /* what is left of the dead one does not hinder it */
    o = scene_run(s, ITEM("2", "two"), SEND(url, "-"));
    assert_exit(o, 0);
    expect_line(sub, "1 one");
    expect_line(sub, "1 two");
    stop_daemon(daemon);
}

/* ---- a new epoch ---- */

/* The epoch that the last status named. */
static void read_epoch(char epoch[17])
{
    const struct station_message *m = &listener.messages[listener.received - 1];
    char text[256] = "";
    assert_true(m->payload.len < sizeof text);
    memcpy(text, m->payload.data, m->payload.len);
    const char *at = strstr(text, "\"epoch\":\"");
    assert_non_null(at);
    assert_int_equal(sscanf(at, "\"epoch\":\"%16[0-9a-f]\"", epoch), 1);
}

/* In one turn of the loop somebody hands in an item, and a subscriber knows more than the journal.
 */
static void an_item_that_comes_with_the_reason_for_a_new_epoch_is_kept(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    char epoch[17], request[512];
    const char *store = scene_path(s, "sub.store"); /* it knows what comes under a new number */
    struct process *sub = scene_subscribe(s, NEWSSUB_PATH, "news/#",
                                          ARGV("--store", store, "-o", "%{version} %{headline}"));
    struct process *daemon = start_daemon(s, configure(s, IDLE_SOURCE));
    listen_to_status(s);
    struct process *client = scene_feed(s, SEND(url, "-"));
    assert_true(process_puts(client, ITEM("1", "one")));
    expect_line(sub, "1 one");
    expect_status("online", false);
    read_epoch(epoch);
    (void)snprintf(request, sizeof request,
                   "{\"v\":1,\"id\":\"a\",\"epoch\":\"%s\",\"filters\":[\"news/#\"],"
                   "\"have\":{\"news/me/general/und/5/general\":99},\"limit\":5}",
                   epoch);
    process_signal(daemon, SIGSTOP);
    assert_true(process_puts(client, ITEM("2", "two")));
    assert_true(input_is_read(client));
    assert_int_equal(process_wait(client, 100), PROCESS_TIMEOUT);
    assert_true(station_publish(&listener, "newswire/sync/me/somebody", request, 1, false));
    process_signal(daemon, SIGCONT);
    expect_line(sub, "1 two");
    assert_true(process_expect_errors(daemon, "going on as epoch ", WAIT_MS));
    process_close_input(client);
    struct outcome o = scene_wait(client);
    if (o.status != 0) { /* it came first: whose number it is now, nobody can tell */
        assert_exit(o, LATER);
        assert_says(o.err, "not yet acknowledged: 1");
    }
    o = scene_run(s, ITEM("3", "three"), SEND(url, "-"));
    assert_exit(o, 0);
    expect_line(sub, "1 three");
    stop_daemon(daemon);
}

/* ---- the service manager ---- */

static int bind_manager(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    (void)snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

/* Reads what the manager is told until it is this. */
static void expect_word(int manager, const char *word)
{
    int64_t deadline_ms = date_mono_ms() + WAIT_MS;
    char message[1024] = "";
    while (!strstr(message, word)) {
        struct pollfd fd = {.fd = manager, .events = POLLIN};
        if (poll(&fd, 1, wait_left_ms(deadline_ms)) <= 0) fail_msg("%s does not come", word);
        ssize_t n = recv(manager, message, sizeof message - 1, 0);
        assert_true(n >= 0);
        message[n] = '\0';
    }
}

static void the_service_manager_hears_how_it_is(void **state)
{
    struct scene *s = *state;
    scene_start_broker(s);
    const char *path = scene_path(s, "manager"), *conf = configure(s, IDLE_SOURCE);
    char variable[600];
    int manager = bind_manager(path);
    (void)snprintf(variable, sizeof variable, "NOTIFY_SOCKET=%s", path);
    struct process *daemon = scene_launch(
        s, &(struct launch){.argv = ARGV(NEWSPUB_PATH, "run", "-c", conf),
                            .environment = ARGV(variable, "WATCHDOG_USEC=400000")});
    expect_word(manager, "READY=1");
    expect_word(manager, "WATCHDOG=1");
    expect_word(manager, "WATCHDOG=1");
    process_signal(daemon, SIGHUP);
    expect_word(manager, "RELOADING=1");
    expect_word(manager, "READY=1");
    process_signal(daemon, SIGTERM);
    expect_word(manager, "STOPPING=1");
    struct outcome o = scene_wait(daemon);
    assert_exit(o, 0);
    (void)close(manager);
}

/* ---- idling ---- */

/* Processor time of a process, user and system, in milliseconds. */
static long cpu_ms(pid_t pid)
{
    char path[64], text[1024] = "";
    unsigned long user = 0, kernel = 0;
    (void)snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    (void)!fread(text, 1, sizeof text - 1, f);
    (void)fclose(f);
    const char *after_name = strrchr(text, ')');
    assert_non_null(after_name);
    assert_int_equal(
        sscanf(after_name, ") %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu %lu", &user, &kernel),
        2);
    return (long)(user + kernel) * 1000 / sysconf(_SC_CLK_TCK);
}

/* Feeds that wait for their time, a spool, a FIFO, a held item, a client that says nothing. */
static void it_sleeps_while_there_is_nothing_to_do(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    struct process *daemon = start_daemon(s, configure(s, IDLE_SOURCE "[pipe]\nfifo = in\n"
                                                                      "[feed]\nfeed = feed.xml\n"));
    struct outcome o = scene_run(
        s, "{\"title\":\"later\",\"embargo\":\"2199-01-01T00:00:00Z\"}\n" ITEM("1", "one"),
        SEND(url, "-"));
    assert_exit(o, LATER);
    struct process *client = scene_feed(s, SEND(url, "-"));
    assert_true(process_puts(client, ITEM("2", "two")));
    assert_true(input_is_read(client));
    expect_file(s, "in");
    const struct timespec idle = {.tv_sec = 2};
    long before = cpu_ms(process_pid(daemon));
    (void)nanosleep(&idle, NULL);
    long used = cpu_ms(process_pid(daemon)) - before;
    if (used >= 100) fail_msg("%ld ms of processor time in 2 s", used);
    process_close_input(client);
    o = scene_wait(client);
    assert_exit(o, 0);
    stop_daemon(daemon);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
    if (argc > 1) cmocka_set_test_filter(argv[1]); /* a pattern such as "*send*" */
    const struct CMUnitTest tests[] = {
        TEST(every_kind_of_source_is_published_and_a_bad_one_stops_none),
        TEST(a_feed_is_asked_when_it_is_due_and_publishes_what_is_new),
        TEST(an_embargo_ends_while_it_runs),
        TEST(send_beside_it_hands_over_and_waits_for_the_broker),
        TEST(a_send_that_waits_for_another_finds_the_daemon),
        TEST(clients_that_fill_a_batch_together_are_all_answered),
        TEST(send_beside_it_is_told_what_the_broker_denies),
        TEST(what_is_taken_while_the_broker_is_away_arrives_afterwards),
        TEST(a_second_one_is_refused_with_the_name_of_the_first),
        TEST(a_reload_takes_a_new_source_in_and_a_wrong_file_changes_nothing),
        TEST(a_wrong_configuration_is_78_and_says_where),
        TEST(a_sigterm_ends_it_within_six_seconds_and_says_offline),
        TEST(its_will_says_offline_when_it_is_killed),
        TEST(an_item_that_comes_with_the_reason_for_a_new_epoch_is_kept),
        TEST(the_service_manager_hears_how_it_is),
        TEST(it_sleeps_while_there_is_nothing_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
