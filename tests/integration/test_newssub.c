/* newssub as it ships, with real brokers, hostile publishers, pipes that end and terminals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/date.h"
#include "common/text.h"
#include "tests/support/broker.h"
#include "tests/support/peer.h"
#include "tests/support/process.h"
#include "tests/support/program.h"
#include "tests/support/station.h"
#include "tests/support/wait.h"

#define DEAD_URL "mqtt://127.0.0.1:1" /* nobody listens there */

/* The exit statuses of docs and README, by sysexits(3). */
enum {
    USAGE = 64,
    UNAVAILABLE = 69,
    IO_FAILED = 74,
    DENIED = 77,
    CONFIG = 78,
    ON_SIGINT = 130,
    ON_SIGTERM = 143
};

/* ---- a publisher that sends what it likes ------------------------------------------------ */

static struct station wire; /* of the running test */

static int setup(void **state)
{
    wire = (struct station){0};
    return scene_setup(state);
}

static int teardown(void **state)
{
    station_free(&wire);
    wire = (struct station){0};
    return scene_teardown(state);
}

static const char *start_broker(struct scene *s)
{
    const char *url = scene_start_broker(s);
    assert_true(station_up(&wire, url, NULL));
    return url;
}

static void put_bytes(const char *topic, const void *bytes, size_t len, bool retained)
{
    const struct message m = {
        .topic = topic, .payload = bytes, .payload_len = len, .qos = 1, .retained = retained};
    unsigned before = wire.answered + wire.refused;
    struct news_error err = {0};
    if (transport_publish(wire.transport, &m, before + 1, &err) != TRANSPORT_TAKEN)
        fail_msg("%s: %s", topic, err.message);
    if (!station_wait(&wire, &wire.answered, before + 1)) fail_msg("%s: no answer", topic);
}

static void put(const char *topic, const char *text)
{
    put_bytes(topic, text, strlen(text), false);
}

/* An item that shows as its headline. */
static void put_headline(const char *topic, const char *headline)
{
    char text[512];
    snprintf(text, sizeof text, "{\"uri\":\"x:%s\",\"headlines\":[{\"value\":\"%s\"}]}", headline,
             headline);
    put(topic, text);
}

#define TOPIC "news/harbour/wire/en/2/sport/football"

/* Everything a view can show. */
#define KNOWN_ITEM NUMBERED_ITEM("17")
#define NUMBERED_ITEM(number)                                                                      \
    "{\"uri\":\"tag:harbour.example,2026:41\",\"type\":\"text\",\"version\":\"1\","                \
    "\"versionCreated\":\"2026-11-16T05:41:07Z\",\"pubStatus\":\"usable\",\"urgency\":2,"          \
    "\"language\":\"en-GB\","                                                                      \
    "\"headlines\":[{\"role\":\"main\",\"value\":\"Br\\u00fccke \\\"open\\\" \xe6\x97\xa5\"}],"    \
    "\"by\":\"A. Keel\",\"located\":\"Port Alder\","                                               \
    "\"bodies\":[{\"role\":\"main\",\"contentType\":\"text/plain\","                               \
    "\"value\":\"One\\ttab.\\n\\nTwo \\\\ back.\"}],"                                              \
    "\"subjects\":[{\"name\":\"Sport\"},{\"name\":\"football\"}],"                                 \
    "\"renditions\":[{\"name\":\"web\",\"href\":\"https://harbour.example/41\"},"                  \
    "{\"name\":\"enclosure\",\"href\":\"https://harbour.example/41.mp3\"}],"                       \
    "\"infoSources\":[{\"name\":\"Harbour Wire\"}],"                                               \
    "\"altIds\":[{\"role\":\"newswire\",\"value\":\"harbour:19a8c1f2e7b03d44:" number "\"}]}"

/* ---- views -------------------------------------------------------------------------------- */

static void the_views_of_a_known_item_are_these_bytes(void **state)
{
    static const struct {
        const char *view, *expected;
    } cases[] = {
        {"text", "2026-11-16  Harbour Wire      !!   Br\xc3\xbc"
                 "cke \"open\" \xe6\x97\xa5\n"
                 "                                   Port Alder \xc2\xb7 "
                 "https://harbour.example/41\n"},
        {"tsv", "1794807667\tBr\xc3\xbc"
                "cke \"open\" \xe6\x97\xa5\thttps://harbour.example/41\t"
                "One tab.\\n\\nTwo \\\\ back.\tplain\ttag:harbour.example,2026:41\tA. Keel\t"
                "https://harbour.example/41.mp3\tSport|football\n"},
        {"%{urgency}|%{headline:18}|%{headline:-18}|%{headline:9}|%{source:4}|%%\\t.",
         "2|Br\xc3\xbc"
         "cke \"open\" \xe6\x97\xa5  |  Br\xc3\xbc"
         "cke \"open\" \xe6\x97\xa5|"
         "Br\xc3\xbc"
         "cke \"\xe2\x80\xa6|Har\xe2\x80\xa6|%\t.\n"},
        {"%{publisher} %{service} %{subject} %{language} %{status} %{version} %{type} %{date} "
         "%{time} %{published} %{number} %{by}: %{body}",
         "harbour wire sport/football en-GB usable 1 text 2026-11-16 05:41 2026-11-16T05:41:07Z "
         "harbour:19a8c1f2e7b03d44:17 A. Keel: One tab. Two \\ back.\n"},
        {"%{topic}\\n%{uri}", TOPIC "\ntag:harbour.example,2026:41\n"},
    };
    enum { CASES = sizeof cases / sizeof *cases };
    struct scene *s = *state;
    struct process *subs[CASES];
    start_broker(s);
    for (size_t i = 0; i < CASES; i++)
        subs[i] = scene_subscribe(s, NEWSSUB_PATH, "news/#", ARGV("-n", "1", "-o", cases[i].view));
    struct process *ndjson = scene_subscribe(s, NEWSSUB_PATH, "news/#",
                                             ARGV("-n", "1", "-o", "ndjson"));
    put(TOPIC, KNOWN_ITEM);
    for (size_t i = 0; i < CASES; i++) {
        struct outcome o = scene_wait(subs[i]);
        assert_exit(o, 0);
        assert_string_equal(o.out, cases[i].expected);
    }
    struct outcome o = scene_wait(ndjson);
    assert_exit(o, 0);
    static const char head[] = "{\"topic\":\"" TOPIC "\",\"received\":\"";
    static const char tail[] = "\",\"retained\":false,\"item\":" KNOWN_ITEM "}\n";
    assert_memory_equal(o.out, head, strlen(head));
    const char *received = o.out + strlen(head);
    int64_t when_ms = 0;
    size_t len = strcspn(received, "\"");
    assert_true(date_parse_rfc3339(received, len, &when_ms));
    assert_in_range(when_ms, date_now_ms() - 60000, date_now_ms());
    assert_string_equal(received + len, tail);
}

static void an_item_over_many_lines_is_one_line_of_ndjson(void **state)
{
    struct scene *s = *state;
    start_broker(s);
    struct process *sub = scene_subscribe(s, NEWSSUB_PATH, "news/#",
                                          ARGV("-n", "1", "-o", "ndjson"));
    put(TOPIC, "{\r\n  \"uri\" :\n\t\"x:1\"\n}\n");
    struct outcome o = scene_wait(sub);
    assert_exit(o, 0);
    assert_int_equal(count_lines(o.out), 1);
    json_t *line = parse_line(o.out);
    assert_string_equal(string_at(line, "item.uri"), "x:1");
    json_decref(line);
}

static void a_view_that_is_none_is_64_and_says_what_there_is(void **state)
{
    static const struct {
        const char *view, *says;
    } cases[] = {
        {"nonsense", "ndjson"},        {"%{headlines}", "headline"},
        {"%{headline", "not closed"},  {"%{headline:0}", "width"},
        {"%{headline:x}", "width"},    {"%{headline:9999}", "width"},
        {"%d %{headline}", "neither"}, {"", "ndjson"},
    };
    struct scene *s = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct outcome o = scene_run(s, NULL,
                                     ARGV(NEWSSUB_PATH, "-b", DEAD_URL, "-o", cases[i].view));
        assert_exit(o, USAGE);
        assert_says(o.err, cases[i].says);
        assert_string_equal(o.out, "");
    }
}

static void what_is_withheld_embargoed_or_expired_is_for_machines_alone(void **state)
{
    static const struct {
        const char *item;
        bool shown;
    } cases[] = {
        {"{\"uri\":\"x:1\",\"headlines\":[{\"value\":\"h-withheld\"}],"
         "\"pubStatus\":\"withheld\"}",
         false},
        {"{\"uri\":\"x:2\",\"headlines\":[{\"value\":\"h-embargoed\"}],"
         "\"embargoedUntil\":\"2999-01-01T00:00:00Z\"}",
         false},
        {"{\"uri\":\"x:3\",\"headlines\":[{\"value\":\"h-expired\"}],"
         "\"expires\":\"2001-01-01T00:00:00Z\"}",
         false},
        {"{\"uri\":\"x:4\",\"headlines\":[{\"value\":\"h-once-embargoed\"}],"
         "\"embargoedUntil\":\"2001-01-01T00:00:00Z\",\"expires\":\"2999-01-01T00:00:00Z\"}",
         true},
        {"{\"uri\":\"x:5\",\"headlines\":[{\"value\":\"h-killed\"}],\"version\":\"2\","
         "\"pubStatus\":\"canceled\",\"edNote\":\"wrong bridge\"}",
         true},
        {"{\"uri\":\"x:6\",\"headlines\":[{\"value\":\"h-last\"}]}", true},
    };
    enum { CASES = sizeof cases / sizeof *cases, SHOWN = 3 };
    static const char *const views[] = {"text", "tsv", "%{headline}"};
    struct scene *s = *state;
    struct process *subs[3];
    start_broker(s);
    for (size_t i = 0; i < 3; i++)
        subs[i] = scene_subscribe(s, NEWSSUB_PATH, "news/#", ARGV("-n", "3", "-o", views[i]));
    struct process *ndjson = scene_subscribe(s, NEWSSUB_PATH, "news/#",
                                             ARGV("-n", "6", "-o", "ndjson"));
    for (size_t i = 0; i < CASES; i++)
        put(TOPIC, cases[i].item);
    for (size_t i = 0; i < 3; i++) {
        struct outcome o = scene_wait(subs[i]);
        assert_exit(o, 0);
        assert_int_equal(count_of(o.out, "h-"), SHOWN);
        for (size_t k = 0; k < CASES; k++) {
            json_t *item = parse_line(cases[k].item);
            const char *headline = string_at(item, "headlines.0.value");
            if (cases[k].shown) assert_says(o.out, headline);
            else assert_silent_on(o.out, headline);
            json_decref(item);
        }
        if (i == 0) assert_says(o.out, "KILL h-killed\n");
        if (i == 0) assert_says(o.out, "wrong bridge");
    }
    struct outcome o = scene_wait(ndjson);
    assert_exit(o, 0);
    assert_int_equal(count_lines(o.out), CASES);
}

static void retained_is_said_of_what_the_broker_kept(void **state)
{
    struct scene *s = *state;
    start_broker(s);
    put_bytes(TOPIC, KNOWN_ITEM, strlen(KNOWN_ITEM), true);
    struct process *sub = scene_subscribe(s, NEWSSUB_PATH, "news/#",
                                          ARGV("-n", "2", "-o", "ndjson"));
    json_t *kept = parse_line(read_line(sub));
    put_bytes(TOPIC, NUMBERED_ITEM("18"), strlen(KNOWN_ITEM), true);
    json_t *live = parse_line(read_line(sub));
    assert_true(json_is_true(json_object_get(kept, "retained")));
    assert_true(json_is_false(json_object_get(live, "retained")));
    json_decref(kept);
    json_decref(live);
    struct outcome o = scene_wait(sub);
    assert_exit(o, 0);
}

/* docs/wire.md bounds an item at 4 MiB, and Mosquitto without configuration bounds nothing: what
 * newspub says it published has to arrive. */
static void an_item_of_three_mib_arrives(void **state)
{
    enum { SIZE = 3 << 20 };
    struct scene *s = *state;
    const char *url = start_broker(s);
    struct process *sub = scene_subscribe(s, NEWSSUB_PATH, "news/#", ARGV("-o", "%{headline}"));
    struct buf item = {0};
    buf_puts(&item, "{\"title\":\"large\",\"body\":\"");
    memset(buf_reserve(&item, SIZE), 'x', SIZE);
    item.len += SIZE;
    buf_puts(&item, "\"}\n{\"title\":\"small\"}\n");
    struct outcome sent = scene_run(s, item.data,
                                    ARGV(NEWSPUB_PATH, "-b", url, "send", "--publisher", "me"));
    buf_deinit(&item);
    if (sent.status == 65) return; /* or be refused, which is as honest */
    assert_exit(sent, 0);
    assert_string_equal(read_line(sub), "large");
    assert_string_equal(read_line(sub), "small");
}

/* ---- when it ends ------------------------------------------------------------------------- */

static void count_items_are_shown_and_not_one_more(void **state)
{
    struct scene *s = *state;
    const char *url = start_broker(s);
    struct process *sub = scene_subscribe(s, NEWSSUB_PATH, "news/#",
                                          ARGV("-n", "3", "-o", "%{headline}"));
    struct buf items = {0};
    for (int i = 1; i <= 50; i++)
        buf_printf(&items, "{\"title\":\"%d\"}\n", i);
    struct outcome sent = scene_run(s, items.data,
                                    ARGV(NEWSPUB_PATH, "-b", url, "send", "--publisher", "me"));
    buf_deinit(&items);
    assert_exit(sent, 0);
    struct outcome o = scene_wait(sub);
    assert_exit(o, 0);
    assert_string_equal(o.out, "1\n2\n3\n");
}

static void time_that_is_over_is_69_only_if_items_are_missing(void **state)
{
    struct scene *s = *state;
    const char *url = start_broker(s);
    struct process *sub = scene_subscribe(s, NEWSSUB_PATH, "news/#",
                                          ARGV("-n", "5", "--for", "2s", "-o", "%{headline}"));
    put_headline(TOPIC, "one");
    put_headline(TOPIC, "two");
    struct outcome o = scene_wait(sub);
    assert_exit(o, UNAVAILABLE);
    assert_says(o.err, "only 2 of 5");
    assert_string_equal(o.out, "one\ntwo\n");
    o = scene_run(s, NULL, ARGV(NEWSSUB_PATH, "-b", url, "--for", "300ms"));
    assert_exit(o, 0);
    assert_string_equal(o.err, "");
}

static void a_signal_says_goodbye_and_is_the_exit_status(void **state)
{
    static const int signals[] = {SIGINT, SIGTERM};
    static const int statuses[] = {ON_SIGINT, ON_SIGTERM};
    struct scene *s = *state;
    start_broker(s);
    for (int i = 0; i < 2; i++) {
        struct process *sub = scene_subscribe(s, NEWSSUB_PATH, "news/#", ARGV("-o", "%{headline}"));
        put_headline(TOPIC, "seen");
        assert_string_equal(read_line(sub), "seen");
        int64_t start_ms = date_mono_ms();
        process_signal(sub, signals[i]);
        struct outcome o = scene_wait(sub);
        assert_exit(o, statuses[i]);
        assert_says(o.err, "1 shown");
        assert_true(date_mono_ms() - start_ms < 5000);
    }
}

static void a_signal_ends_it_also_without_a_broker(void **state)
{
    struct scene *s = *state;
    struct process *sub = scene_start(s,
                                      ARGV(NEWSSUB_PATH, "-b", DEAD_URL, "--connect-timeout", "0"));
    assert_true(process_expect_errors(sub, "127.0.0.1:1", WAIT_MS));
    process_signal(sub, SIGTERM);
    struct outcome o = scene_wait(sub);
    assert_exit(o, ON_SIGTERM);
}

/* ---- choosing ------------------------------------------------------------------------------ */

static const struct {
    const char *topic, *headline;
} newsroom[] = {
    {"news/afp/world/fr/3/sport/football", "a"},
    {"news/afp/world/fr/5/politics", "b"},
    {"news/afp/desk/en/1/sport", "c"},
    {"news/dpa/world/de/3/weather", "d"},
    {"news/dpa/world/en/9/sport/tennis", "e"},
    {"news/efe/desk/es/4/general/fiesta", "f"},
    {"other/afp/world/fr/3/sport", "g"},
    {"news/afp/world/fr/3", "h"},
    {"elsewhere/x", "i"},
};
enum { NEWSROOM = sizeof newsroom / sizeof *newsroom };

/* Publishes the newsroom to one subscriber with these arguments and, besides, the topic "end":
 * what arrives before that is what it chose. */
static void expect_chosen(struct scene *s, const char *const *flags, const char *expected)
{
    const char *argv[24] = {"-o", "%{headline}", "-t", "end"};
    for (size_t n = 4; *flags; n++)
        argv[n] = *flags++;
    struct process *sub = scene_subscribe(s, NEWSSUB_PATH, "end", argv);
    for (size_t i = 0; i < NEWSROOM; i++)
        put_headline(newsroom[i].topic, newsroom[i].headline);
    put_headline("end", "end");
    struct buf got = {0};
    for (const char *line; strcmp(line = read_line(sub), "end") != 0;)
        buf_puts(&got, line);
    if (strcmp(got.data ? got.data : "", expected) != 0)
        print_error("with %s %s:\n%s", argv[4] ? argv[4] : "", argv[4] && argv[5] ? argv[5] : "",
                    process_errors(sub, NULL));
    assert_string_equal(got.data ? got.data : "", expected);
    buf_deinit(&got);
    process_signal(sub, SIGTERM);
    (void)scene_wait(sub);
}

static void topic_options_choose(void **state)
{
    struct scene *s = *state;
    start_broker(s);
    const struct {
        const char *const *flags;
        const char *expected;
    } cases[] = {
        {ARGV("--publisher", "afp"), "abch"},
        {ARGV("--publisher", "AFP,efe"), "abcfh"},
        {ARGV("--publisher", "dpa", "--publisher", "efe"), "def"},
        {ARGV("--service", "desk"), "cf"},
        {ARGV("--lang", "fr"), "abh"},
        {ARGV("--lang", "fr-CA,de"), "abdh"},
        {ARGV("--subject", "sport"), "ace"},
        {ARGV("--subject", "Sport/Football"), "a"},
        {ARGV("--subject", "fiesta"), "f"},
        {ARGV("--urgency", "1-3"), "acdh"},
        {ARGV("--urgency", "9"), "e"},
        {ARGV("--lang", "fr", "--subject", "sport", "--urgency", "1-4"), "a"},
        {ARGV("--root", "other", "--lang", "fr"), "g"},
        {ARGV("-t", "elsewhere/#"), "i"},
        {ARGV("-t", "news/+/desk/#", "-t", "other/#"), "cfg"},
        {ARGV("--lang", "de", "-t", "elsewhere/+"), "di"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_chosen(s, cases[i].flags, cases[i].expected);
}

static void the_broker_is_asked_for_no_more_than_was_chosen(void **state)
{
    struct scene *s = *state;
    start_broker(s);
    struct process *sub = scene_subscribe(
        s, NEWSSUB_PATH, "news/+/+/de/2/sport/#",
        ARGV("--lang", "fr,de", "--subject", "sport", "--urgency", "1-2"));
    const char *said = process_errors(sub, NULL);
    assert_int_equal(count_of(said, "subscribed to news/"), 4);
    assert_says(said, "subscribed to news/+/+/fr/1/sport/#\n");
    assert_says(said, "subscribed to news/+/+/fr/2/sport/#\n");
    assert_says(said, "subscribed to news/+/+/de/1/sport/#\n");
}

/* 9 publishers times 8 urgencies are more filters than 64. */
static void more_than_64_combinations_are_chosen_here(void **state)
{
    struct scene *s = *state;
    start_broker(s);
    expect_chosen(s, ARGV("--publisher", "p1,p2,p3,p4,p5,p6,p7,p8,dpa", "--urgency", "1-8"), "d");
    expect_chosen(s,
                  ARGV("--publisher", "p1,p2,p3,p4,p5,p6,p7,p8,afp,dpa", "--lang",
                       "ar,en,es,hi,it,pt,zh,de,fr", "--subject", "sport,weather"),
                  "acde");
}

/* expect_chosen() asks for one filter of its own. */
static void sixty_four_combinations_leave_room_for_a_filter_besides(void **state)
{
    struct scene *s = *state;
    start_broker(s);
    expect_chosen(s, ARGV("--publisher", "p1,p2,p3,p4,p5,p6,p7,dpa", "--urgency", "1-8"), "d");
}

/* MQTT 5 section 3.3.4: a broker may send one copy for each filter that matches. */
static void filters_that_overlap_show_an_item_once(void **state)
{
    struct scene *s = *state;
    start_broker(s);
    expect_chosen(s, ARGV("--subject", "sport,sport/football"), "ace");
    expect_chosen(s, ARGV("--lang", "fr", "-t", "news/#"), "abcdefh");
    expect_chosen(s, ARGV("--publisher", "afp,AFP,Afp"), "abch");
}

/* ---- hostile publishers -------------------------------------------------------------------- */

static void put_file(const char *topic, const char *path)
{
    struct buf bytes = {0};
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    for (char *room; (room = buf_reserve(&bytes, 4096));) {
        size_t n = fread(room, 1, 4096, file);
        if (n == 0) break;
        bytes.len += n;
    }
    fclose(file);
    put_bytes(topic, bytes.data ? bytes.data : "", bytes.len, false);
    buf_deinit(&bytes);
}

static size_t put_invalid_fixtures(struct scene *s)
{
    const char *folder = scene_source(s, "tests/fixtures/items/invalid");
    size_t count = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));) {
        char path[1024];
        if (*e->d_name == '.') continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        put_file("news/mallory/x/en/5/general", path);
        count++;
    }
    closedir(dir);
    return count;
}

/* Garbage of every kind; returns how many. */
static size_t put_garbage(void)
{
    static const struct {
        const char *bytes;
        size_t len;
    } small[] = {
        {"", 0},
        {"\0", 1},
        {"\033]0;owned\007\033[2J\033[31m", 19},
        {"\xff\xfe\xfd", 3},
        {"{\"uri\":\"x\033[2Jy\"}", 16},
        {"{\"\033[31mred\":1}", 14},
        {"{\"\\u001b[31mred\\u0007\":1}", 26},
        {"{\"\xe2\x80\xaeiru\":1,\"\xc2\x9b"
         "31m\":2}",
         22},
        {"{\"uri\":\"x\",\"\r\n\":1}", 19},
        {"\xef\xbb\xbf{\"uri\":\"x\"}", 14},
        {"null", 4},
    };
    static char large[300 * 1024];
    size_t n = sizeof small / sizeof *small;
    for (size_t i = 0; i < n; i++)
        put_bytes("news/mallory/x/en/5/general", small[i].bytes, small[i].len, false);
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (char)((i * 2654435761u) >> 13);
    put_bytes("news/mallory/x/en/5/general", large, sizeof large, false);
    memset(large, '[', sizeof large);
    put_bytes("news/mallory/x/en/5/general", large, sizeof large, false);
    memset(large, '\033', sizeof large);
    memcpy(large, "{\"", 2);
    memcpy(large + sizeof large - 5, "\":1}", 5);
    put_bytes("news/mallory/x/en/5/general", large, sizeof large - 1, false);
    return n + 3;
}

static void what_is_no_item_is_refused_without_harm_and_the_next_is_shown(void **state)
{
    static const char *const views[] = {"text", "ndjson", "tsv", "%{headline}"};
    struct scene *s = *state;
    struct process *subs[4];
    start_broker(s);
    for (int i = 0; i < 4; i++)
        subs[i] = scene_subscribe(s, NEWSSUB_PATH, "news/#", ARGV("-n", "2", "-o", views[i]));
    size_t refused = put_invalid_fixtures(s);
    put_headline(TOPIC, "between");
    refused += put_garbage();
    put_headline(TOPIC, "behind");
    for (int i = 0; i < 4; i++) {
        char more[64];
        struct outcome o = scene_wait(subs[i]);
        assert_exit(o, 0);
        assert_says(o.out, "between");
        assert_says(o.out, "behind");
        assert_int_equal(count_lines(o.out), 2);
        assert_harmless(o.out, o.out_len, i == 2 ? "\t" : "");
        assert_harmless(o.err, o.err_len, "");
        assert_int_equal(count_of(o.err, ": refused: "), 10);
        snprintf(more, sizeof more, "%zu more were refused", refused - 10);
        assert_says(o.err, more);
    }
}

/* Each kind of hostile message within the first ten, which are told one by one. */
static void a_refusal_quotes_nothing_that_harms(void **state)
{
    static const char *const hostile[] = {
        "{\"uri\":\"x\",\"\\u001b[31mred\\u0007\":1}",
        "{\"uri\":\"x\",\"\\u009b31m\\u202e\\u2066\\u2028\":1}",
        "{\"uri\":\"x\",\"\xc2\x9b\xe2\x80\xae\xe2\x80\xa8\x7f\":1}",
        "{\"uri\":\"x\",\"\\r\\n\\b\\u000bnewssub: all is well\":1}",
        "{\"uri\":\"x\",\"pubStatus\":\"\\u001b[2J\"}",
        "{\"uri\":\"x\",\"\\u200b\\ufeff\\udb40\\udc41\":1}",
    };
    struct scene *s = *state;
    start_broker(s);
    struct process *sub = scene_subscribe(s, NEWSSUB_PATH, "#", ARGV("-n", "1", "-t", "#"));
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++)
        put("news/mallory/x/en/5/general", hostile[i]);
    put("news/mallory/\xe2\x80\xaertl\xe2\x81\xa6/en/5/x", "not an item");
    put_headline(TOPIC, "good");
    struct outcome o = scene_wait(sub);
    assert_exit(o, 0);
    assert_int_equal(count_of(o.err, ": refused: "), 7);
    /* One line each: nothing can forge a message of ours. */
    assert_int_equal(count_lines(o.err), count_of(o.err, "newssub: ") - 1);
    assert_harmless(o.err, o.err_len, "");
    assert_harmless(o.out, o.out_len, "");
}

static const unsigned dangerous[][2] = {
    {0x01, 0x1F},     {0x7F, 0x9F},     {0x61C, 0x61C},   {0x200B, 0x200F},   {0x2028, 0x202E},
    {0x2060, 0x206F}, {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFF}, {0xE0000, 0xE007F},
};

static void put_code_point(struct buf *out, unsigned c, bool escaped)
{
    char raw[4];
    if (!escaped) buf_put(out, raw, text_encode(c, raw));
    else if (c < 0x10000) buf_printf(out, "\\u%04x", c);
    else
        buf_printf(out, "\\u%04x\\u%04x", 0xD800 + ((c - 0x10000) >> 10),
                   0xDC00 + ((c - 0x10000) & 0x3FF));
}

/* An item with that code point in every text newssub shows. */
static void put_hostile_item(unsigned c, bool escaped)
{
    struct buf bad = {0}, item = {0};
    put_code_point(&bad, c, escaped);
    buf_puts(&bad, "]0;x[31m");
    const char *b = bad.data;
    buf_printf(&item,
               "{\"uri\":\"x:%s\",\"version\":\"%s\",\"headlines\":[{\"value\":\"a%sz\"}],"
               "\"by\":\"%s\",\"located\":\"%s\",\"edNote\":\"%s\",\"language\":\"%s\","
               "\"versionCreated\":\"%s\",\"pubStatus\":\"canceled\",",
               b, b, b, b, b, b, b, b);
    buf_printf(&item,
               "\"bodies\":[{\"value\":\"%s\",\"contentType\":\"%s\"}],"
               "\"descriptions\":[{\"value\":\"%s\"}],\"subjects\":[{\"name\":\"%s\"}],"
               "\"infoSources\":[{\"name\":\"%s\"}],\"altIds\":[{\"role\":\"newswire\",\"value\":"
               "\"%s\"}],\"renditions\":[{\"name\":\"web\",\"href\":\"https://x.example/%s\"},"
               "{\"name\":\"enclosure\",\"href\":\"%s\"}]}",
               b, b, b, b, b, b, b, b);
    assert_true(buf_ok(&item));
    put("news/mallory/x/en/5/general", item.data);
    buf_deinit(&bad);
    buf_deinit(&item);
}

static size_t put_hostile_items(void)
{
    size_t count = 0;
    for (size_t i = 0; i < sizeof dangerous / sizeof *dangerous; i++)
        for (unsigned c = dangerous[i][0]; c <= dangerous[i][1]; c++) {
            put_hostile_item(c, true);
            count++;
            if (c < 0x20) continue; /* JSON takes them escaped only */
            put_hostile_item(c, false);
            count++;
        }
    return count;
}

static void check_hostile_ndjson(const char *out)
{
    char *copy = strdup(out), *rest = copy;
    size_t at = 0;
    for (size_t i = 0; i < sizeof dangerous / sizeof *dangerous; i++)
        for (unsigned c = dangerous[i][0]; c <= dangerous[i][1]; c++)
            for (int raw = 0; raw < (c < 0x20 ? 1 : 2); raw++, at++) {
                struct buf expected = {0};
                buf_putc(&expected, 'a');
                put_code_point(&expected, c, false);
                buf_puts(&expected, "]0;x[31mz");
                json_t *line = parse_line(strsep(&rest, "\n"));
                assert_string_equal(string_at(line, "item.headlines.0.value"), expected.data);
                json_decref(line);
                buf_deinit(&expected);
            }
    free(copy);
}

static void no_dangerous_code_point_reaches_any_view(void **state)
{
    static const char *const views[] = {
        "text", "tsv", "ndjson",
        "%{headline} %{source} %{located:9} %{by:-9} %{link} %{description} %{body} %{note} "
        "%{published} %{language} %{version} %{uri} %{number} %{topic} %{date} %{time}"};
    struct scene *s = *state;
    struct process *subs[4];
    start_broker(s);
    for (int i = 0; i < 4; i++)
        subs[i] = scene_subscribe(s, NEWSSUB_PATH, "end",
                                  ARGV("-o", views[i], "-t", "news/#", "-t", "end"));
    size_t count = put_hostile_items();
    put_headline("end", "the end of it");
    for (int i = 0; i < 4; i++) {
        size_t len;
        assert_true(process_expect_output(subs[i], "the end of it", WAIT_MS));
        process_signal(subs[i], SIGTERM);
        struct outcome o = scene_wait(subs[i]);
        assert_exit(o, ON_SIGTERM);
        const char *out = process_output(subs[i], &len);
        assert_harmless(out, len, i == 1 ? "\t" : "");
        assert_harmless(o.err, o.err_len, "");
        if (i > 0) assert_int_equal(count_lines(out), count + 1);
        if (i == 1) assert_int_equal(count_of(out, "\t"), 8 * (count + 1));
        if (i == 2) check_hostile_ndjson(out);
    }
}

/* ---- readers of the output ----------------------------------------------------------------- */

/* newssub with an end of our own pipe as its standard output, which can be closed. */
static struct process *subscribe_into(struct scene *s, int fd, const char *view)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct process *p = scene_launch(
        s,
        &(struct launch){.argv = ARGV(NEWSSUB_PATH, "-v", "-b", broker_url(s->broker), "-o", view),
                         .out = {PROCESS_FILE, path}});
    assert_true(process_expect_errors(p, "subscribed to news/#\n", WAIT_MS));
    return p;
}

static void a_reader_that_has_enough_ends_it_quietly(void **state)
{
    struct scene *s = *state;
    int ends[2];
    char line[64] = "";
    start_broker(s);
    for (int between = 0; between < 2; between++) {
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        struct process *sub = subscribe_into(s, ends[1], "%{headline}");
        close(ends[1]);
        put_headline(TOPIC, "one");
        assert_int_equal(read(ends[0], line, sizeof line), 4);
        close(ends[0]);
        if (between) put_headline(TOPIC, "two"); /* else: known without another item */
        struct outcome o = scene_wait(sub);
        assert_exit(o, 0);
        assert_silent_on(o.err, "ipe"); /* Broken pipe */
    }
}

static void a_full_disk_is_74_and_the_item_is_not_counted_as_taken(void **state)
{
    struct scene *s = *state;
    start_broker(s);
    struct process *sub = scene_launch(
        s, &(struct launch){.argv = ARGV(NEWSSUB_PATH, "-v", "-b", broker_url(s->broker)),
                            .out = {PROCESS_FILE, "/dev/full"}});
    assert_true(process_expect_errors(sub, "subscribed to news/#\n", WAIT_MS));
    put_headline(TOPIC, "lost");
    struct outcome o = scene_wait(sub);
    assert_exit(o, IO_FAILED);
    assert_says(o.err, "No space left");
    for (int i = 0; i < 2; i++) {
        o = scene_run_launch(
            s, &(struct launch){.argv = ARGV(NEWSSUB_PATH, i ? "--help" : "--version"),
                                .out = {PROCESS_FILE, "/dev/full"}});
        assert_exit(o, IO_FAILED);
    }
}

enum { MANY = 20000 };

static const char *many_items(struct scene *s)
{
    struct buf items = {0};
    for (int i = 1; i <= MANY; i++)
        buf_printf(&items, "{\"id\":\"%d\",\"title\":\"%d\"}\n", i, i);
    const char *path = scene_file(s, "many.ndjson", items.data);
    buf_deinit(&items);
    return path;
}

static void a_slow_reader_gets_everything_in_order(void **state)
{
    struct scene *s = *state;
    const char *url = start_broker(s);
    struct process *sub = scene_subscribe(
        s, NEWSSUB_PATH, "news/#", ARGV("-n", "20000", "-o", "%{number} %{headline} %{uri}"));
    struct outcome sent = scene_run(
        s, NULL, ARGV(NEWSPUB_PATH, "-b", url, "send", "--publisher", "me", many_items(s)));
    assert_exit(sent, 0);
    for (int i = 1; i <= MANY; i++) { /* nothing was read until here */
        const char *line = read_line(sub),
                   *number = strrchr(strtok((char *)(uintptr_t)line, " "), ':');
        assert_non_null(number);
        assert_int_equal(strtol(number + 1, NULL, 10), i);
    }
    struct outcome o = scene_wait(sub);
    assert_exit(o, 0);
    assert_silent_on(o.err, "again"); /* on one connection */
}

static void a_signal_ends_it_although_nobody_reads(void **state)
{
    struct scene *s = *state;
    const char *url = start_broker(s);
    struct process *sub = scene_subscribe(s, NEWSSUB_PATH, "news/#", ARGV("-o", "ndjson"));
    struct outcome sent = scene_run(
        s, NULL, ARGV(NEWSPUB_PATH, "-b", url, "send", "--publisher", "me", many_items(s)));
    assert_exit(sent, 0);
    int status = PROCESS_TIMEOUT;
    int64_t deadline_ms = date_mono_ms() + 10000;
    process_signal(sub, SIGTERM);
    while (process_is_running(sub) && date_mono_ms() < deadline_ms)
        (void)poll(NULL, 0, 5); /* process_wait() would read */
    assert_false(process_is_running(sub));
    status = process_wait(sub, 0);
    assert_int_equal(status, ON_SIGTERM);
}

/* The next descriptor, the broker's socket, must not become the standard output. */
static void a_closed_standard_output_is_an_error_and_no_busy_loop(void **state)
{
    struct scene *s = *state;
    const char *url = start_broker(s);
    struct process *sub = scene_start(
        s, ARGV("sh", "-c", "exec \"$0\" -v -b \"$1\" >&-", NEWSSUB_PATH, url));
    if (process_expect_errors(sub, "subscribed to news/#\n", 2000)) put_headline(TOPIC, "item");
    if (process_wait(sub, 4000) == PROCESS_TIMEOUT)
        fail_msg("%s", "it goes on, and what comes is acknowledged and lost");
    struct outcome o = scene_wait(sub);
    assert_exit(o, IO_FAILED);
    assert_says(o.err, "standard output");
}

/* ---- brokers ------------------------------------------------------------------------------- */

static void a_restarted_broker_is_found_again_and_later_items_are_shown(void **state)
{
    struct scene *s = *state;
    const char *url = start_broker(s);
    struct process *sub = scene_subscribe(s, NEWSSUB_PATH, "news/#", ARGV("-o", "%{headline}"));
    for (int crash = 0; crash < 2; crash++) {
        put_headline(TOPIC, "before");
        assert_string_equal(read_line(sub), "before");
        station_free(&wire);
        wire = (struct station){0};
        if (crash) broker_kill(s->broker);
        else broker_stop(s->broker);
        assert_true(expect_errors_times(sub, "trying again", (size_t)crash + 1));
        assert_true(broker_start(s->broker));
        assert_true(expect_errors_times(sub, "subscribed to news/#\n", (size_t)crash + 2));
        assert_true(station_up(&wire, url, NULL));
    }
    put_headline(TOPIC, "after");
    assert_string_equal(read_line(sub), "after");
    assert_int_equal(count_of(process_errors(sub, NULL), "connected again"), 2);
    process_signal(sub, SIGTERM);
    struct outcome o = scene_wait(sub);
    assert_exit(o, ON_SIGTERM);
}

static void an_unreachable_broker_is_named_within_the_connect_timeout(void **state)
{
    struct scene *s = *state;
    struct peer silent = {0};
    assert_true(peer_open(&silent, NULL, 0));
    const char *const urls[] = {DEAD_URL, silent.url};
    for (int i = 0; i < 2; i++) {
        int64_t start_ms = date_mono_ms();
        struct outcome o = scene_run(
            s, NULL, ARGV(NEWSSUB_PATH, "-b", urls[i], "--connect-timeout", "600ms"));
        assert_exit(o, UNAVAILABLE);
        assert_says(o.err, urls[i] + strlen("mqtt://"));
        assert_true(date_mono_ms() - start_ms < 6000);
    }
    peer_close(&silent);
}

static void the_next_broker_of_the_list_is_used_when_the_first_is_dead(void **state)
{
    struct scene *s = *state;
    const char *url = start_broker(s);
    struct process *sub = scene_start(
        s, ARGV(NEWSSUB_PATH, "-v", "-b", DEAD_URL, "-b", url, "-n", "1", "-o", "%{headline}"));
    assert_true(process_expect_errors(sub, "subscribed to news/#\n", WAIT_MS));
    put_headline(TOPIC, "here");
    struct outcome o = scene_wait(sub);
    assert_exit(o, 0);
    assert_string_equal(o.out, "here\n");
    assert_says(o.err, "127.0.0.1:1");
    char names_the_second[128];
    snprintf(names_the_second, sizeof names_the_second, "%s: subscribed to", url);
    assert_says(o.err, names_the_second);
}

static void a_wrong_password_is_77(void **state)
{
    struct scene *s = *state;
    struct broker *b = scene_new_broker(s, BROKER_MOSQUITTO);
    scene_add_logins(s, b, ARGV("reader", "right"));
    assert_true(broker_start(b));
    const char *url = scene_url_as(s, "reader");
    const char *wrong = scene_file(s, "wrong", "wr0ng-secret\n");
    const char *right = scene_file(s, "right", "right\n");
    struct outcome o = scene_run(s, NULL, ARGV(NEWSSUB_PATH, "-b", url, "--password-file", wrong));
    assert_exit(o, DENIED);
    assert_silent_on(o.err, "wr0ng-secret");
    struct process *sub = scene_start(
        s, ARGV(NEWSSUB_PATH, "-v", "-b", url, "--password-file", right));
    assert_true(process_expect_errors(sub, "subscribed to news/#\n", WAIT_MS));
    assert_int_equal(chmod(right, 0644), 0);
    o = scene_run(s, NULL, ARGV(NEWSSUB_PATH, "-b", url, "--password-file", right));
    assert_exit(o, CONFIG);
}

static void a_broker_of_mqtt_3_1_1_alone_needs_no_option(void **state)
{
    struct scene *s = *state;
    struct broker *b = scene_new_broker(s, BROKER_NATS);
    assert_true(broker_start(b));
    assert_true(station_up(&wire, broker_url(b), NULL));
    struct process *sub = scene_subscribe(s, NEWSSUB_PATH, "news/#", ARGV("-n", "1"));
    put(TOPIC, KNOWN_ITEM);
    struct outcome o = scene_wait(sub);
    assert_exit(o, 0);
    assert_says(o.out, "Harbour Wire");
}

static void a_refused_subscription_is_named_and_77(void **state)
{
    struct scene *s = *state;
    struct broker *b = scene_new_broker(s, BROKER_NATS);
    broker_add(b, "authorization { users = [ { user: reader, password: right, permissions: {"
                  " publish: \">\", subscribe: { allow: [\">\"], deny: [\"news.secret\","
                  " \"news.secret.>\"] } } } ] }\n");
    assert_true(broker_start(b));
    const char *url = scene_url_as(s, "reader");
    const char *password = scene_file(s, "password", "right\n");
    struct outcome o = scene_run(s, NULL,
                                 ARGV(NEWSSUB_PATH, "-b", url, "--password-file", password, "-t",
                                      "news/secret/#", "--for", "10s"));
    assert_exit(o, DENIED);
    assert_says(o.err, "news/secret/#");
}

static void of_two_with_the_same_id_one_gives_way_and_says_so(void **state)
{
    struct scene *s = *state;
    start_broker(s);
    struct process *subs[2];
    for (int i = 0; i < 2; i++)
        subs[i] = scene_subscribe(s, NEWSSUB_PATH, "news/#",
                                  ARGV("--id", "desk-1", "-o", "%{headline}"));
    int64_t deadline_ms = date_mono_ms() + 15000;
    while (process_is_running(subs[0]) && process_is_running(subs[1])) {
        if (date_mono_ms() >= deadline_ms)
            fail_msg("they go on fighting: %.800s", process_errors(subs[0], NULL));
        (void)process_expect_errors(subs[0], "\001never\001", 20);
        (void)process_expect_errors(subs[1], "\001never\001", 20);
    }
    int loser = process_is_running(subs[0]) ? 1 : 0;
    struct outcome o = scene_wait(subs[loser]);
    assert_exit(o, UNAVAILABLE);
    assert_says(o.err, "client id");
    /* The other one is there to stay. */
    struct process *winner = subs[!loser];
    size_t before = count_of(process_errors(winner, NULL), "taken over");
    assert_true(expect_errors_times(winner, "subscribed to news/#\n", before + 1));
    put_headline(TOPIC, "to the winner");
    assert_string_equal(read_line(winner), "to the winner");
}

static void a_session_brings_what_came_while_it_was_away(void **state)
{
    struct scene *s = *state;
    start_broker(s);
    const char *const *const argv = ARGV("--id", "night", "--session", "-n", "1", "-o",
                                         "%{headline}");
    struct process *sub = scene_subscribe(s, NEWSSUB_PATH, "news/#", argv);
    put_headline(TOPIC, "first");
    struct outcome o = scene_wait(sub);
    assert_exit(o, 0);
    put_headline(TOPIC, "while away");
    sub = scene_start(s, ARGV(NEWSSUB_PATH, "-b", broker_url(s->broker), "--id", "night",
                              "--session", "-n", "1", "-o", "%{headline}"));
    o = scene_wait(sub);
    assert_exit(o, 0);
    assert_string_equal(o.out, "while away\n");
}

/* ---- terminals ------------------------------------------------------------------------------ */

struct terminal {
    int master, slave;
    char path[64];
    struct buf seen;
    struct process *process;
};

static void terminal_resize(struct terminal *t, unsigned short columns)
{
    const struct winsize size = {.ws_row = 24, .ws_col = columns};
    assert_int_equal(ioctl(t->master, TIOCSWINSZ, &size), 0);
}

static void terminal_open(struct terminal *t, struct scene *s, unsigned short columns,
                          const char *setting)
{
    struct termios raw;
    *t = (struct terminal){0};
    if (openpty(&t->master, &t->slave, t->path, NULL, NULL) != 0) {
        print_message("SKIP: no pseudo-terminals here (is /dev/pts mounted?)\n");
        skip();
    }
    (void)fcntl(t->master, F_SETFD, FD_CLOEXEC); /* or the program keeps its terminal alive */
    (void)fcntl(t->slave, F_SETFD, FD_CLOEXEC);
    assert_int_equal(tcgetattr(t->slave, &raw), 0);
    cfmakeraw(&raw);
    assert_int_equal(tcsetattr(t->slave, TCSANOW, &raw), 0);
    terminal_resize(t, columns);
    t->process = scene_launch(
        s, &(struct launch){.argv = ARGV(NEWSSUB_PATH, "-v", "-b", broker_url(s->broker)),
                            .out = {PROCESS_FILE, t->path},
                            .environment = ARGV(setting)});
    assert_true(process_expect_errors(t->process, "subscribed to news/#\n", WAIT_MS));
}

/* Reads until text was seen; returns everything that came, until the next call. */
static const char *terminal_expect(struct terminal *t, const char *text)
{
    int64_t deadline_ms = date_mono_ms() + WAIT_MS;
    while (!t->seen.data || !strstr(t->seen.data, text)) {
        struct pollfd fd = {.fd = t->master, .events = POLLIN};
        if (poll(&fd, 1, wait_left_ms(deadline_ms)) <= 0)
            fail_msg("\"%s\" did not come, but: %s", text, t->seen.data ? t->seen.data : "");
        char *room = buf_reserve(&t->seen, 4096);
        ssize_t n = read(t->master, room, 4096);
        assert_true(n > 0);
        t->seen.len += (size_t)n;
        t->seen.data[t->seen.len] = '\0';
    }
    return t->seen.data;
}

static void terminal_close(struct terminal *t)
{
    process_signal(t->process, SIGTERM);
    (void)scene_wait(t->process);
    close(t->master);
    close(t->slave);
    buf_deinit(&t->seen);
}

/* Without colours (SGR) and links (OSC 8), the only sequences there may be, and without the
 * isolates around right-to-left text. */
static struct buf without_sequences(const char *text)
{
    struct buf plain = {0};
    while (*text) {
        size_t sgr = strncmp(text, "\033[", 2) == 0 ? 2 + strspn(text + 2, "0123456789;") : 0;
        if (sgr && text[sgr] == 'm') {
            text += sgr + 1;
        } else if (strncmp(text, "\033]8;", 4) == 0 && strstr(text, "\033\\")) {
            text = strstr(text, "\033\\") + 2;
        } else if (strncmp(text, "\xe2\x81\xa8", 3) == 0 || strncmp(text, "\xe2\x81\xa9", 3) == 0) {
            text += 3;
        } else {
            buf_putc(&plain, *text++);
        }
    }
    return plain;
}

static size_t widest_line(const char *text)
{
    size_t widest = 0;
    for (const char *at = text; *at; at += strcspn(at, "\n"), at += *at == '\n') {
        size_t width = text_width(at, strcspn(at, "\n"));
        if (width > widest) widest = width;
    }
    return widest;
}

#define LONG_HEADLINE                                                                              \
    "Harbour pilots, tug masters and the lighthouse keeper agree that the swing bridge should "    \
    "have been painted before anyone thought of opening it "

static void put_long(const char *last_word)
{
    char text[512];
    snprintf(text, sizeof text,
             "{\"uri\":\"x:l\",\"urgency\":1,\"located\":\"Port Alder\",\"headlines\":[{\"value\":"
             "\"" LONG_HEADLINE "%s\"}],\"renditions\":[{\"name\":\"web\",\"href\":"
             "\"https://harbour.example/41\"}]}",
             last_word);
    put(TOPIC, text);
}

static void a_terminal_gets_colours_links_and_lines_of_its_width(void **state)
{
    struct scene *s = *state;
    struct terminal t;
    start_broker(s);
    terminal_open(&t, s, 100, "TERM=xterm-256color");
    put_long("first.");
    put_headline(TOPIC, "marker-1");
    const char *seen = terminal_expect(&t, "marker-1");
    assert_says(seen, "\033[1;31m");                               /* a flash is red */
    assert_says(seen, "\033]8;;https://harbour.example/41\033\\"); /* and has a link */
    struct buf plain = without_sequences(seen);
    assert_harmless(plain.data, plain.len, "");
    assert_in_range(widest_line(plain.data), 80, 100);
    buf_deinit(&plain);

    buf_clear(&t.seen);
    terminal_resize(&t, 60); /* of what comes from now on */
    put_long("second.");
    put_headline(TOPIC, "marker-2");
    plain = without_sequences(terminal_expect(&t, "marker-2"));
    assert_in_range(widest_line(plain.data), 40, 60);
    buf_deinit(&plain);

    buf_clear(&t.seen);
    terminal_resize(&t, 20); /* too narrow for columns: still there */
    put_long("third.");
    put_headline(TOPIC, "marker-3");
    (void)terminal_expect(&t, "marker-3");
    terminal_close(&t);
}

static void a_terminal_that_hangs_up_ends_it(void **state)
{
    struct scene *s = *state;
    struct terminal t;
    start_broker(s);
    terminal_open(&t, s, 80, "TERM=xterm");
    put_headline(TOPIC, "marker");
    (void)terminal_expect(&t, "marker");
    close(t.slave);
    close(t.master);
    struct outcome o = scene_wait(t.process);
    assert_true(o.status == 0 || o.status == 128 + SIGHUP);
    buf_deinit(&t.seen);
}

static void no_colour_means_no_colour_and_a_dumb_terminal_gets_no_sequence(void **state)
{
    static const struct {
        const char *setting;
        bool links;
    } cases[] = {{"NO_COLOR=1", true}, {"TERM=dumb", false}, {"TERM=", false}};
    struct scene *s = *state;
    start_broker(s);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct terminal t;
        terminal_open(&t, s, 80, cases[i].setting);
        put_long("end.");
        put_headline(TOPIC, "marker");
        const char *seen = terminal_expect(&t, "marker");
        if (strstr(seen, "\033[")) print_error("with %s:\n", cases[i].setting);
        assert_silent_on(seen, "\033[");
        if (cases[i].links) assert_says(seen, "\033]8;;https");
        else assert_silent_on(seen, "\033");
        terminal_close(&t);
    }
}

static void a_pipe_gets_neither_colours_nor_sequences_nor_wrapping(void **state)
{
    struct scene *s = *state;
    start_broker(s);
    struct process *sub = scene_subscribe(s, NEWSSUB_PATH, "news/#", ARGV("-n", "1"));
    put_long("end.");
    struct outcome o = scene_wait(sub);
    assert_exit(o, 0);
    assert_says(o.out, "!!!  " LONG_HEADLINE "end.\n");
    assert_int_equal(count_lines(o.out), 2);
    assert_harmless(o.out, o.out_len, "");
}

static void hostile_items_bring_a_terminal_only_sequences_of_ours(void **state)
{
    struct scene *s = *state;
    struct terminal t;
    start_broker(s);
    terminal_open(&t, s, 80, "TERM=xterm-256color");
    for (unsigned c = 1; c < 0xA0; c++) {
        if (c == 0x20) c = 0x7F;
        put_hostile_item(c, true);
        put_headline(TOPIC, "next");
    }
    put_hostile_item(0x202E, true);
    put_headline(TOPIC, "marker");
    struct buf plain = without_sequences(terminal_expect(&t, "marker"));
    assert_harmless(plain.data, plain.len, "");
    buf_deinit(&plain);
    terminal_close(&t);
}

/* ---- command lines --------------------------------------------------------------------------- */

static void a_wrong_command_line_is_64_and_says_what_is_wrong(void **state)
{
    struct scene *s = *state;
    const struct {
        const char *const *argv;
        const char *says;
    } cases[] = {
        {ARGV(NEWSSUB_PATH, "sport"), "\"sport\""},
        {ARGV(NEWSSUB_PATH, "--no-such"), "--no-such"},
        {ARGV(NEWSSUB_PATH, "--session"), "--id"},
        {ARGV(NEWSSUB_PATH, "-n", "many"), "many"},
        {ARGV(NEWSSUB_PATH, "-n", "-1"), "-1"},
        {ARGV(NEWSSUB_PATH, "--for", "ever"), "--for"},
        {ARGV(NEWSSUB_PATH, "--urgency", "0-3"), "1-9"},
        {ARGV(NEWSSUB_PATH, "--urgency", "4-2"), "1-9"},
        {ARGV(NEWSSUB_PATH, "-t", "news/#/x"), "news/#/x"},
        {ARGV(NEWSSUB_PATH, "-t", "news+"), "news+"},
        {ARGV(NEWSSUB_PATH, "-t", ""), "filter"},
        {ARGV(NEWSSUB_PATH, "-b", "ftp://x"), "ftp"},
        {ARGV(NEWSSUB_PATH, "-b", "mqtt://u:secret@x"), "password"},
        {ARGV(NEWSSUB_PATH, "--root", "a/#/b"), "root"},
        {ARGV(NEWSSUB_PATH, "--root", ""), "root"},
        {ARGV(NEWSSUB_PATH, "--mqtt", "3", "--connect-timeout", "1s"), "mqtt"},
        {ARGV(NEWSSUB_PATH, "--output"), "--output"},
    };
    unsigned wrong = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct outcome o = scene_run(s, NULL, cases[i].argv);
        assert_harmless(o.err, o.err_len, "");
        assert_string_equal(o.out, "");
        if (o.status != USAGE || !strstr(o.err, cases[i].says)) {
            print_error("case %zu: status %d, expected 64 and \"%s\", but it says: %s", i, o.status,
                        cases[i].says, o.err);
            wrong++;
        }
        process_free(s->processes[--s->process_count]); /* there are many of them */
    }
    assert_int_equal(wrong, 0);
}

static void help_and_version_answer_on_standard_output(void **state)
{
    struct scene *s = *state;
    struct outcome o = scene_run(s, NULL, ARGV(NEWSSUB_PATH, "--help"));
    assert_exit(o, 0);
    assert_string_equal(o.err, "");
    assert_says(o.out, "Usage: newssub ");
    assert_says(o.out, "--urgency A-B");
    assert_says(o.out, "  headline ");
    o = scene_run(s, NULL, ARGV(NEWSSUB_PATH, "--version"));
    assert_exit(o, 0);
    assert_string_equal(o.err, "");
    assert_true(strncmp(o.out, "newssub (Newswire) ", 19) == 0);
}

static void a_broken_configuration_is_78_and_names_file_and_line(void **state)
{
    struct scene *s = *state;
    assert_int_equal(mkdir(scene_path(s, "config"), 0700), 0);
    assert_int_equal(mkdir(scene_path(s, "config/newswire"), 0700), 0);
    scene_file(s, "config/newswire/newssub.conf", "lang = fr\nurgency = eleven\n");
    struct outcome o = scene_run(s, NULL, ARGV(NEWSSUB_PATH, "-b", DEAD_URL));
    assert_exit(o, CONFIG);
    assert_says(o.err, "newssub.conf:2: ");
}

static void the_configuration_chooses_and_the_command_line_wins(void **state)
{
    struct scene *s = *state;
    char text[256];
    const char *url = start_broker(s);
    snprintf(text, sizeof text, "broker = %s\nlang = fr,de\noutput = %%{headline}\n", url);
    const char *file = scene_file(s, "my.conf", text);
    struct process *sub = scene_start(
        s, ARGV(NEWSSUB_PATH, "--config", file, "-v", "-n", "1", "--lang", "en"));
    assert_true(process_expect_errors(sub, "subscribed to news/+/+/en/#\n", WAIT_MS));
    assert_silent_on(process_errors(sub, NULL), "/fr/");
    put_headline(TOPIC, "english");
    struct outcome o = scene_wait(sub);
    assert_exit(o, 0);
    assert_string_equal(o.out, "english\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
    if (argc > 1) cmocka_set_test_filter(argv[1]); /* a pattern such as "*signal*" */
    const struct CMUnitTest tests[] = {
        TEST(the_views_of_a_known_item_are_these_bytes),
        TEST(an_item_over_many_lines_is_one_line_of_ndjson),
        TEST(a_view_that_is_none_is_64_and_says_what_there_is),
        TEST(what_is_withheld_embargoed_or_expired_is_for_machines_alone),
        TEST(retained_is_said_of_what_the_broker_kept),
        TEST(an_item_of_three_mib_arrives),
        TEST(count_items_are_shown_and_not_one_more),
        TEST(time_that_is_over_is_69_only_if_items_are_missing),
        TEST(a_signal_says_goodbye_and_is_the_exit_status),
        TEST(a_signal_ends_it_also_without_a_broker),
        TEST(topic_options_choose),
        TEST(the_broker_is_asked_for_no_more_than_was_chosen),
        TEST(more_than_64_combinations_are_chosen_here),
        TEST(sixty_four_combinations_leave_room_for_a_filter_besides),
        TEST(filters_that_overlap_show_an_item_once),
        TEST(what_is_no_item_is_refused_without_harm_and_the_next_is_shown),
        TEST(a_refusal_quotes_nothing_that_harms),
        TEST(no_dangerous_code_point_reaches_any_view),
        TEST(a_reader_that_has_enough_ends_it_quietly),
        TEST(a_full_disk_is_74_and_the_item_is_not_counted_as_taken),
        TEST(a_slow_reader_gets_everything_in_order),
        TEST(a_signal_ends_it_although_nobody_reads),
        TEST(a_closed_standard_output_is_an_error_and_no_busy_loop),
        TEST(a_restarted_broker_is_found_again_and_later_items_are_shown),
        TEST(an_unreachable_broker_is_named_within_the_connect_timeout),
        TEST(the_next_broker_of_the_list_is_used_when_the_first_is_dead),
        TEST(a_wrong_password_is_77),
        TEST(a_broker_of_mqtt_3_1_1_alone_needs_no_option),
        TEST(a_refused_subscription_is_named_and_77),
        TEST(of_two_with_the_same_id_one_gives_way_and_says_so),
        TEST(a_session_brings_what_came_while_it_was_away),
        TEST(a_terminal_gets_colours_links_and_lines_of_its_width),
        TEST(a_terminal_that_hangs_up_ends_it),
        TEST(no_colour_means_no_colour_and_a_dumb_terminal_gets_no_sequence),
        TEST(a_pipe_gets_neither_colours_nor_sequences_nor_wrapping),
        TEST(hostile_items_bring_a_terminal_only_sequences_of_ours),
        TEST(a_wrong_command_line_is_64_and_says_what_is_wrong),
        TEST(help_and_version_answer_on_standard_output),
        TEST(a_broken_configuration_is_78_and_names_file_and_line),
        TEST(the_configuration_chooses_and_the_command_line_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
