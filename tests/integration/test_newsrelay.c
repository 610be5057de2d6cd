/* newspub, newssub and newsrelay together, as users meet them: over each carrier, with relays that
 * die and come back, with keys, with refusals. */
#include "tests/integration/relay.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/buf.h"
#include "tests/support/broker.h"
#include "tests/support/station.h"

enum {
    USAGE = 64,
    UNAVAILABLE = 69,
    DENIED = 77,
    CONFIG = 78,
    ON_SIGTERM = 143,
    NUMBERS = 1200, /* no test has more items */
};

#define HEADLINE "-o", "%{headline}"
#define NDJSON   "-o", "ndjson"

/* ---- carriers ---- */

static const enum broker_kind carriers[] = {BROKER_RELAY, BROKER_RELAY_UDP, BROKER_RELAY_UNIX};
static enum broker_kind carrier; /* of the running test */
static struct station listener;

static int setup(void **state)
{
    const enum broker_kind *kind = *state;
    carrier = kind ? *kind : BROKER_RELAY;
    listener = (struct station){0};
    return scene_setup(state);
}

static int teardown(void **state)
{
    station_free(&listener);
    return scene_teardown(state);
}

static struct broker *start_relay(struct scene *s, const char *settings)
{
    struct broker *b = scene_new_broker(s, carrier);
    broker_add(b, "%s", settings);
    assert_true(broker_start(b));
    return b;
}

/* ---- who publishes ---- */

/* Items whose headlines are their numbers, in two streams: even ones are urgent. */
static void write_numbers(struct buf *out, unsigned first, unsigned last)
{
    for (unsigned i = first; i <= last; i++)
        buf_printf(out, "{\"uri\":\"x:%u\",\"title\":\"%u\",\"urgency\":%d}\n", i, i,
                   i % 2 ? 5 : 3);
    assert_true(buf_ok(out));
}

static void send_numbers(struct scene *s, const char *url, unsigned first, unsigned last)
{
    struct buf items = {0};
    write_numbers(&items, first, last);
    struct outcome o = scene_run(
        s, items.data, ARGV(NEWSPUB_PATH, "-b", url, "send", "--no-journal", "--publisher", "me"));
    buf_deinit(&items);
    assert_exit(o, 0);
}

static void configure(struct scene *s, const char *const *urls)
{
    struct buf text = {0};
    for (; *urls; urls++)
        buf_printf(&text, "broker = %s\n", *urls);
    buf_puts(&text, "publisher = me\n[drop]\nspool = spool\n");
    assert_true(buf_ok(&text));
    (void)scene_file(s, "run.conf", text.data);
    buf_deinit(&text);
}

/* newspub run, over the first of the URLs that works; it takes what drop() brings. */
static struct process *start_daemon(struct scene *s, const char *const *urls)
{
    configure(s, urls);
    struct process *p = scene_start(
        s, ARGV(NEWSPUB_PATH, "-v", "run", "-c", scene_path(s, "run.conf")));
    if (!process_expect_errors(p, ": connected\n", WAIT_MS))
        fail_msg("newspub run is not ready: %s", process_errors(p, NULL));
    return p;
}

static bool exists(void *path)
{
    return access(path, F_OK) == 0;
}

/* The daemon's spool gets a file that is whole when it appears. */
static void drop(struct scene *s, unsigned first, unsigned last)
{
    struct buf items = {0};
    char name[64], done[512];
    write_numbers(&items, first, last);
    (void)snprintf(done, sizeof done, "%s/spool/done", s->dir.path);
    assert_true(wait_until(exists, done, WAIT_MS));
    (void)snprintf(name, sizeof name, "spool/%04u.ndjson", first);
    const char *here = scene_file(s, "dropped", items.data);
    assert_int_equal(rename(here, scene_path(s, name)), 0);
    buf_deinit(&items);
}

static void end(struct process *p, int status)
{
    process_signal(p, SIGTERM);
    struct outcome o = scene_wait(p);
    assert_exit(o, status);
}

/* ---- who subscribes ---- */

static struct process *subscribe_at(struct scene *s, const char *url, const char *const *more)
{
    const char *argv[32] = {NEWSSUB_PATH, "-v", "-b", url};
    for (size_t n = 4; *more && n < 31; n++)
        argv[n] = *more++;
    struct process *p = scene_start(s, argv);
    if (!process_expect_errors(p, "subscribed to news/#\n", WAIT_MS))
        fail_msg("newssub is not ready: %s", process_errors(p, NULL));
    return p;
}

/* What came, as numbers. */
struct tally {
    unsigned count, times[NUMBERS + 1];
};

static void take(struct tally *t, unsigned long n)
{
    assert_in_range(n, 1, NUMBERS);
    if (t->times[n]++) fail_msg("%lu came twice", n);
    t->count++;
}

static void take_headlines(struct process *p, struct tally *t, unsigned until)
{
    while (t->count < until) {
        const char *line = process_read_line(p, WAIT_MS);
        if (!line)
            fail_msg("%u items of %u came; it said: %s", t->count, until, process_errors(p, NULL));
        take(t, strtoul(line, NULL, 10));
    }
}

/* It had all of them up to last, each once, and after them nothing. */
static void expect_all(struct process *p, const struct tally *t, unsigned last)
{
    for (unsigned i = 1; i <= last; i++)
        if (!t->times[i]) fail_msg("%u is missing", i);
    end(p, ON_SIGTERM);
    assert_int_equal(count_lines(process_output(p, NULL)), last);
}

/* ---- items come through ---- */

static void every_item_comes_once_and_in_order(void **state)
{
    enum { ITEMS = 200 };
    struct scene *s = *state;
    const char *url = broker_url(start_relay(s, ""));
    struct process *sub = subscribe_at(s, url, ARGV(NDJSON));
    struct tally t = {0};
    unsigned long last[2] = {0}; /* of each stream */
    send_numbers(s, url, 1, ITEMS);
    while (t.count < ITEMS) {
        json_t *line = parse_line(read_line(sub));
        unsigned long n = strtoul(string_at(line, "item.headlines.0.value"), NULL, 10);
        bool odd = strstr(string_at(line, "topic"), "/5/") != NULL;
        assert_int_equal(n % 2, odd);
        take(&t, n);
        if (n < last[odd]) fail_msg("%lu came after %lu", n, last[odd]);
        last[odd] = n;
        json_decref(line);
    }
    expect_all(sub, &t, ITEMS);
}

/* The relay forgets all it had; the journal and the store do not. */
static void a_relay_that_dies_and_comes_back_costs_nothing(void **state)
{
    enum { HALF = 150, ALL = 300 };
    struct scene *s = *state;
    struct broker *relay = start_relay(s, "");
    const char *url = broker_url(relay), *store = scene_path(s, "sub.store");
    struct process *daemon = start_daemon(s, ARGV(url));
    struct process *sub = subscribe_at(s, url, ARGV("--store", store, HEADLINE));
    struct tally t = {0};
    drop(s, 1, 1); /* from here on it follows the publisher */
    take_headlines(sub, &t, 1);
    drop(s, 2, HALF);
    take_headlines(sub, &t, 20);
    broker_kill(relay);
    drop(s, HALF + 1, ALL);
    assert_true(broker_start(relay));
    take_headlines(sub, &t, ALL);
    expect_all(sub, &t, ALL);
    end(daemon, 0);
    struct outcome o = scene_run(s, NULL, ARGV(NEWSSUB_PATH, "--check", "--store", store));
    assert_exit(o, 0);
}

static void an_archive_answers_for_a_publisher_that_is_away(void **state)
{
    struct scene *s = *state;
    const char *url = broker_url(start_relay(s, "")), *store = scene_path(s, "sub.store");
    struct process *archive = subscribe_at(s, url, ARGV("--archive", HEADLINE));
    struct process *daemon = start_daemon(s, ARGV(url));
    struct process *sub = subscribe_at(s, url, ARGV("--store", store, HEADLINE));
    struct tally archived = {0}, t = {0};
    drop(s, 1, 2); /* one of each stream: it follows both */
    take_headlines(sub, &t, 2);
    end(sub, ON_SIGTERM);
    drop(s, 3, 30);
    take_headlines(archive, &archived, 30);
    end(daemon, 0);
    assert_true(process_expect_errors(archive, "me is offline", WAIT_MS));
    sub = subscribe_at(s, url, ARGV("--store", store, HEADLINE));
    take_headlines(sub, &t, 30);
    end(sub, ON_SIGTERM);
    end(archive, ON_SIGTERM);
    struct outcome o = scene_run(s, NULL, ARGV(NEWSSUB_PATH, "--check", "--store", store));
    assert_exit(o, 0);
}

/* ---- retained, and the will ---- */

/* A live message may say what one asks for as a retained one: then retained is false. */
static bool heard(const char *topic, const char *text, bool retained)
{
    for (unsigned i = 0; i < listener.received; i++) {
        const struct station_message *m = &listener.messages[i];
        if ((m->retained || !retained) && strcmp(m->topic, topic) == 0 && m->payload.len &&
            memmem(m->payload.data, m->payload.len, text, strlen(text)))
            return true;
    }
    return false;
}

static void expect_heard(const char *topic, const char *text, bool retained)
{
    while (!heard(topic, text, retained)) {
        if (station_wait(&listener, &listener.received, listener.received + 1)) continue;
        for (unsigned i = 0; i < listener.received; i++) {
            const struct station_message *m = &listener.messages[i];
            print_error("%s%s: %.*s\n", m->topic, m->retained ? " (retained)" : "",
                        (int)m->payload.len, m->payload.data);
        }
        fail_msg("%s does not come on %s", text, topic);
    }
}

static void a_killed_publisher_is_reported_offline(void **state)
{
    struct scene *s = *state;
    const char *url = broker_url(start_relay(s, "udp-lease = 2s\n"));
    struct process *daemon = start_daemon(s, ARGV(url));
    drop(s, 1, 1);
    assert_true(station_up(&listener, url, NULL));
    assert_true(station_subscribe(&listener, "newswire/status/+", 1));
    expect_heard("newswire/status/me", "\"online\"", false);
    process_signal(daemon, SIGKILL);
    expect_heard("newswire/status/me", "\"offline\"", false);
}

/* ---- from one carrier to the next ---- */

/* Both are up once more at this URL. */
static void expect_both_at(struct process *daemon, struct process *sub, const char *url,
                           size_t times)
{
    char connected[400], subscribed[400];
    (void)snprintf(connected, sizeof connected, "%s: connected\n", url);
    (void)snprintf(subscribed, sizeof subscribed, "%s: subscribed to news/#\n", url);
    if (!expect_errors_times(daemon, connected, times))
        fail_msg("newspub is not at %s: %s", url, process_errors(daemon, NULL));
    if (!expect_errors_times(sub, subscribed, times))
        fail_msg("newssub is not at %s: %s", url, process_errors(sub, NULL));
}

static void programs_go_on_over_the_next_carrier_and_come_back(void **state)
{
    struct scene *s = *state;
    const char *mqtt = scene_start_broker(s);
    struct broker *mosquitto = s->broker, *relay = start_relay(s, "");
    char nrp[64], udp[64];
    (void)snprintf(nrp, sizeof nrp, "%s", broker_url_at(BROKER_RELAY, broker_port(relay)));
    (void)snprintf(udp, sizeof udp, "%s", broker_url_at(BROKER_RELAY_UDP, broker_port(relay)));
    struct process *daemon = start_daemon(s, ARGV(mqtt, nrp, udp));
    struct process *sub = subscribe_at(
        s, mqtt, ARGV("-b", nrp, "-b", udp, "--store", scene_path(s, "sub.store"), HEADLINE));
    struct tally t = {0};
    drop(s, 1, 1);
    take_headlines(sub, &t, 1);
    drop(s, 2, 150);
    take_headlines(sub, &t, 20);
    broker_kill(mosquitto);
    drop(s, 151, 250);
    expect_both_at(daemon, sub, nrp, 1);
    take_headlines(sub, &t, 200);
    assert_true(broker_start(mosquitto));
    broker_kill(relay);
    drop(s, 251, 350);
    expect_both_at(daemon, sub, mqtt, 2);
    take_headlines(sub, &t, 350);
    expect_all(sub, &t, 350);
    end(daemon, 0);
}

/* ---- many ---- */

static void two_reactors_bring_everything_to_everybody(void **state)
{
    enum { SUBSCRIBERS = 6, EACH = 100 };
    struct scene *s = *state;
    struct relay r = relay_start(s, ARGV("--reactors", "2"));
    struct process *subs[SUBSCRIBERS];
    struct tally tallies[SUBSCRIBERS] = {0};
    for (size_t i = 0; i < SUBSCRIBERS; i++)
        subs[i] = subscribe_at(s, r.urls[i % 3], ARGV(HEADLINE));
    struct process *pubs[2];
    for (unsigned i = 0; i < 2; i++) {
        struct buf items = {0};
        write_numbers(&items, i * EACH + 1, (i + 1) * EACH);
        const char *file = scene_file(s, i ? "b" : "a", items.data);
        buf_deinit(&items);
        pubs[i] = scene_start(s, ARGV(NEWSPUB_PATH, "-b", r.urls[i], "send", "--no-journal",
                                      "--publisher", i ? "b" : "a", file));
    }
    for (size_t i = 0; i < 2; i++) {
        struct outcome o = scene_wait(pubs[i]);
        assert_exit(o, 0);
    }
    for (size_t i = 0; i < SUBSCRIBERS; i++) {
        take_headlines(subs[i], &tallies[i], 2 * EACH);
        expect_all(subs[i], &tallies[i], 2 * EACH);
    }
    relay_stop(&r);
}

/* ---- keys ---- */

/* A new key file with one line, as keygen prints it. */
static const char *make_key(struct scene *s, const char *name, const char *id, const char *filter)
{
    struct outcome o = scene_run(s, NULL,
                                 ARGV(NEWSRELAY_PATH, "keygen", "--id", id, "--publish", filter,
                                      "--publish", "newswire/#", "--subscribe", filter,
                                      "--subscribe", "newswire/#"));
    assert_exit(o, 0);
    return scene_file(s, name, o.out);
}

static char *read_text(const char *path, char *out, size_t size)
{
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    out[fread(out, 1, size - 1, f)] = '\0';
    (void)fclose(f);
    return out;
}

/* The relay's key file: the two keys, or the first alone. */
static const char *write_keys(struct scene *s, const char *desk, const char *other)
{
    char all[2048], one[1024];
    (void)snprintf(all, sizeof all, "%s", read_text(desk, one, sizeof one));
    if (other) strncat(all, read_text(other, one, sizeof one), sizeof all - strlen(all) - 1);
    return scene_file(s, "relay.keys", all);
}

struct keyed {
    const char *url, *desk, *other, *wrong;
};

static struct keyed start_with_keys(struct scene *s)
{
    struct keyed k = {.desk = make_key(s, "desk", "1", "news/#"),
                      .other = make_key(s, "other", "2", "news/elsewhere/#"),
                      .wrong = make_key(s, "wrong", "1", "news/#")};
    char settings[600];
    (void)snprintf(settings, sizeof settings, "keys = %s\n", write_keys(s, k.desk, k.other));
    k.url = broker_url(start_relay(s, settings));
    return k;
}

static struct outcome send_one(struct scene *s, const char *url, const char *const *login)
{
    const char *argv[16] = {NEWSPUB_PATH,  "-b", url,       "send", "--no-journal",
                            "--publisher", "me", "--title", "1"};
    for (size_t n = 9; *login && n < 15; n++)
        argv[n] = *login++;
    return scene_run(s, NULL, argv);
}

static void a_right_key_opens_sealed_or_clear(void **state)
{
    struct scene *s = *state;
    struct keyed k = start_with_keys(s);
    const char *const *const logins[] = {ARGV("--psk-file", k.desk),
                                         ARGV("--psk-file", k.desk, "--clear")};
    for (size_t i = 0; i < 2; i++) {
        struct process *sub = subscribe_at(
            s, k.url, ARGV(HEADLINE, "--psk-file", k.desk, i ? NULL : "--clear"));
        struct outcome o = send_one(s, k.url, logins[i]);
        assert_exit(o, 0);
        assert_string_equal(read_line(sub), "1");
        end(sub, ON_SIGTERM);
    }
}

static void a_wrong_key_or_none_is_told_and_not_let_in(void **state)
{
    enum { LOGINS = 3 };
    struct scene *s = *state;
    struct keyed k = start_with_keys(s);
    const char *const *const logins[LOGINS] = {
        ARGV("--psk-file", k.wrong), ARGV("--psk-file", k.wrong, "--clear"), ARGV("--qos", "1")};
    struct process *tries[2 * LOGINS];
    for (size_t i = 0; i < LOGINS; i++) {
        const char *const *login = logins[i];
        tries[2 * i] = scene_start(s, ARGV(NEWSPUB_PATH, "-b", k.url, "send", "--no-journal",
                                           "--publisher", "me", "--title", "1", login[0], login[1],
                                           login[2]));
        tries[2 * i + 1] = scene_start(
            s, ARGV(NEWSSUB_PATH, "-b", k.url, HEADLINE, login[0], login[1], login[2]));
    }
    for (size_t i = 0; i < 2 * LOGINS; i++) {
        struct outcome o = scene_wait(tries[i]);
        assert_exit(o, DENIED);
        assert_says(o.err, "the relay refused our key: authentication failed");
        assert_string_equal(o.out, "");
    }
}

static void a_key_for_other_topics_is_refused_for_these(void **state)
{
    struct scene *s = *state;
    struct keyed k = start_with_keys(s);
    struct outcome o = send_one(s, k.url, ARGV("--psk-file", k.other));
    assert_exit(o, DENIED);
    assert_says(o.err, "not authorised");
    o = scene_run(s, NULL, ARGV(NEWSSUB_PATH, "-b", k.url, "--psk-file", k.other, HEADLINE));
    assert_exit(o, DENIED);
    assert_says(o.err, "not authorised");
}

static void a_key_that_is_taken_away_ends_its_session(void **state)
{
    struct scene *s = *state;
    struct keyed k = start_with_keys(s);
    struct process *kept = subscribe_at(s, k.url, ARGV(HEADLINE, "--psk-file", k.desk));
    struct process *ended = scene_start(s, ARGV(NEWSSUB_PATH, "-v", "-b", k.url, "--psk-file",
                                                k.other, "--publisher", "elsewhere", HEADLINE));
    if (!process_expect_errors(ended, "subscribed to news/elsewhere/#\n", WAIT_MS))
        fail_msg("newssub is not ready: %s", process_errors(ended, NULL));
    (void)write_keys(s, k.desk, NULL);
    assert_int_equal(kill(broker_pid(s->broker), SIGHUP), 0);
    struct outcome o = scene_wait(ended);
    assert_exit(o, DENIED);
    assert_says(o.err, "the key was withdrawn");
    o = send_one(s, k.url, ARGV("--psk-file", k.desk));
    assert_exit(o, 0);
    assert_string_equal(read_line(kept), "1");
    assert_int_equal(count_of(process_errors(kept, NULL), ": connected\n"), 1);
}

/* ---- newsrelay's own words ---- */

static void what_cannot_be_meant_is_refused_at_the_start(void **state)
{
    struct scene *s = *state;
    struct relay r = relay_start(s, ARGV("--status-every", "0s"));
    const char *readable = make_key(s, "readable", "1", "#"), *file = scene_file(s, "file", "");
    char on_file[600];
    assert_int_equal(chmod(readable, 0644), 0);
    (void)snprintf(on_file, sizeof on_file, "nrp+unix://%s", file);
    const struct {
        const char *const *argv;
        int status;
        const char *words;
    } table[] = {
        {ARGV(NEWSRELAY_PATH, "--listen", "nrp://0.0.0.0:0"), CONFIG, "--insecure"},
        {ARGV(NEWSRELAY_PATH, "--listen", "nrp+udp://:0"), CONFIG, "--insecure"},
        {ARGV(NEWSRELAY_PATH, "--listen", "nrp://127.0.0.1:0", "--keys", readable), CONFIG,
         "chmod 600"},
        {ARGV(NEWSRELAY_PATH, "--listen", r.urls[0]), UNAVAILABLE, "is in use"},
        {ARGV(NEWSRELAY_PATH, "--listen", r.urls[1]), UNAVAILABLE, "is in use"},
        {ARGV(NEWSRELAY_PATH, "--listen", r.urls[1], "--reactors", "2"), UNAVAILABLE, "is in use"},
        {ARGV(NEWSRELAY_PATH, "--listen", r.urls[2]), UNAVAILABLE, "is in use"},
        {ARGV(NEWSRELAY_PATH, "--listen", on_file), CONFIG, "not a socket"},
        {ARGV(NEWSRELAY_PATH, "--listen", "mqtt://127.0.0.1"), USAGE, "nrp://"},
        {ARGV(NEWSRELAY_PATH, "--slow", "drop-some"), USAGE, "drop-oldest, drop-newest"},
        {ARGV(NEWSRELAY_PATH, "--require", "sealed"), USAGE, "--keys"},
        {ARGV(NEWSRELAY_PATH, "--unix-mode", "0999"), USAGE, "0660"},
        {ARGV(NEWSRELAY_PATH, "publish"), USAGE, "publish"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct outcome o = scene_run(s, NULL, table[i].argv);
        if (o.status != table[i].status) print_error("row %zu\n", i);
        assert_exit(o, table[i].status);
        assert_says(o.err, table[i].words);
        assert_string_equal(o.out, "");
    }
    assert_int_equal(access(file, F_OK), 0);
    relay_stop(&r);
}

static void a_unix_socket_has_its_mode_and_goes_with_the_relay(void **state)
{
    struct scene *s = *state;
    struct sockaddr_un stale = {.sun_family = AF_UNIX};
    struct stat is;
    const char *path = scene_path(s, "relay.sock");
    (void)snprintf(stale.sun_path, sizeof stale.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&stale, sizeof stale), 0);
    assert_int_equal(close(fd), 0); /* the file stays, and nobody is behind it */
    struct relay r = relay_start(s, ARGV("--unix-mode", "0620"));
    assert_int_equal(stat(path, &is), 0);
    assert_true(S_ISSOCK(is.st_mode));
    assert_int_equal(is.st_mode & 0777, 0620);
    relay_stop(&r);
    assert_int_equal(access(path, F_OK), -1);
}

/* The subscriber stands still; the kernel's buffers and the queue have not room for all of it. */
static void what_was_accepted_before_sigterm_still_reaches_a_slow_subscriber(void **state)
{
    enum { ITEMS = 1000, BODY = 8000 };
    struct scene *s = *state;
    struct relay r = relay_start(s, ARGV("--status-every", "0s"));
    struct process *sub = subscribe_at(s, r.urls[0], ARGV(HEADLINE));
    struct buf items = {0};
    struct tally t = {0};
    char body[BODY + 1];
    memset(body, 'x', BODY);
    body[BODY] = '\0';
    for (unsigned i = 1; i <= ITEMS; i++)
        buf_printf(&items, "{\"title\":\"%u\",\"body\":\"%s\"}\n", i, body);
    assert_true(buf_ok(&items));
    process_signal(sub, SIGSTOP);
    struct outcome o = scene_run(
        s, items.data,
        ARGV(NEWSPUB_PATH, "-b", r.urls[0], "send", "--no-journal", "--publisher", "me"));
    buf_deinit(&items);
    assert_exit(o, 0);
    assert_true(relay_count(&r, "delivered") < ITEMS);
    process_signal(r.process, SIGTERM);
    assert_true(process_expect_errors(r.process, "ending", WAIT_MS));
    process_signal(sub, SIGCONT);
    take_headlines(sub, &t, ITEMS);
    o = scene_wait(r.process);
    assert_exit(o, 0);
    expect_all(sub, &t, ITEMS);
}

static void the_counters_come_on_a_signal_and_as_a_retained_status(void **state)
{
    struct scene *s = *state;
    struct relay r = relay_start(s, ARGV("--name", "desk", "--status-every", "100ms"));
    send_numbers(s, r.urls[0], 1, 5);
    assert_true(relay_count(&r, "published") >= 5);
    assert_true(station_up(&listener, r.urls[0], NULL));
    assert_true(station_subscribe(&listener, "newswire/relay/+", 1));
    expect_heard("newswire/relay/desk", "\"published\":", true);
    const struct buf *b = &listener.messages[0].payload;
    char text[4096];
    (void)snprintf(text, sizeof text, "%.*s", (int)b->len, b->data);
    json_t *status = parse_line(text);
    assert_string_equal(string_at(status, "name"), "desk");
    assert_int_equal(json_integer_value(json_object_get(status, "v")), 1);
    assert_true(json_is_integer(json_object_get(status, "queue_bytes")));
    json_decref(status);
    station_free(&listener);
    relay_stop(&r);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define OVER(f, name, i)                                                                           \
    {                                                                                              \
#f "_over_" name, f, setup, teardown, (void *)&carriers[i]                                 \
    }
#define EACH_CARRIER(f) OVER(f, "tcp", 0), OVER(f, "udp", 1), OVER(f, "unix", 2)

int main(int argc, char **argv)
{
    if (argc > 1) cmocka_set_test_filter(argv[1]); /* a pattern such as "*key*" */
    const struct CMUnitTest tests[] = {
        EACH_CARRIER(every_item_comes_once_and_in_order),
        EACH_CARRIER(a_relay_that_dies_and_comes_back_costs_nothing),
        EACH_CARRIER(a_killed_publisher_is_reported_offline),
        EACH_CARRIER(a_right_key_opens_sealed_or_clear),
        OVER(a_wrong_key_or_none_is_told_and_not_let_in, "tcp", 0),
        OVER(a_wrong_key_or_none_is_told_and_not_let_in, "unix", 2),
        EACH_CARRIER(a_key_for_other_topics_is_refused_for_these),
        EACH_CARRIER(a_key_that_is_taken_away_ends_its_session),
        TEST(an_archive_answers_for_a_publisher_that_is_away),
        TEST(programs_go_on_over_the_next_carrier_and_come_back),
        TEST(two_reactors_bring_everything_to_everybody),
        TEST(what_cannot_be_meant_is_refused_at_the_start),
        TEST(a_unix_socket_has_its_mode_and_goes_with_the_relay),
        TEST(what_was_accepted_before_sigterm_still_reaches_a_slow_subscriber),
        TEST(the_counters_come_on_a_signal_and_as_a_retained_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
