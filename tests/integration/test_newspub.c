/* newspub as it ships, with real brokers, files, pipes and signals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/date.h"
#include "tests/support/broker.h"
#include "tests/support/peer.h"
#include "tests/support/process.h"
#include "tests/support/program.h"
#include "tests/support/wait.h"

#define DEAD_URL         "mqtt://127.0.0.1:1" /* nobody listens there */
#define NOT_ACKNOWLEDGED "newspub: not acknowledged, and there is no journal to keep them: "

/* The exit statuses of docs and README, by sysexits(3). */
enum {
    USAGE = 64,
    REFUSED = 65,
    UNAVAILABLE = 69,
    IO_FAILED = 74,
    DENIED = 77,
    CONFIG = 78,
    ON_SIGINT = 130,
    ON_SIGTERM = 143
};

static struct process *subscriber(struct scene *s)
{
    return scene_subscribe(s, NEWSSUB_PATH, "news/#", ARGV("-o", "ndjson"));
}

/* A short-form item as one NDJSON line. */
static void put_item(struct buf *out, const char *id, const char *title)
{
    buf_printf(out, "{\"id\":\"%s\",\"title\":\"%s\",\"language\":\"en\"}\n", id, title);
}

/* Items first .. first + count - 1; their titles are their numbers. The caller frees it. */
static struct buf numbered_items(unsigned first, unsigned count)
{
    struct buf text = {0};
    for (unsigned i = first; i < first + count; i++) {
        char id[32], title[32];
        snprintf(id, sizeof id, "item-%u", i);
        snprintf(title, sizeof title, "%u", i);
        put_item(&text, id, title);
    }
    assert_true(buf_ok(&text));
    return text;
}

/* Items by number, as they come out of a subscriber. */
struct tally {
    unsigned *times;
    unsigned size, distinct, duplicates;
};

static void tally_line(struct tally *t, const char *line)
{
    json_t *value = parse_line(line);
    unsigned long n = strtoul(string_at(value, "item.headlines.0.value"), NULL, 10);
    json_decref(value);
    assert_true(n < t->size);
    if (t->times[n]++) t->duplicates++;
    else t->distinct++;
}

static void tally_until(struct tally *t, struct process *ndjson, unsigned distinct)
{
    while (t->distinct < distinct)
        tally_line(t, read_line(ndjson));
}

/* ---- convert and check ------------------------------------------------------------------ */

static const struct {
    const char *path;
    size_t items;
} samples[] = {
    {"samples/diario-da-barra-pt-latin1.xml", 7},
    {"samples/gaceta-puerto-claro-es.json", 8},
    {"samples/gazette-des-quais-fr.atom", 8},
    {"samples/hafenblatt-de.rdf", 8},
    {"samples/harbour-wire-en.xml", 10},
    {"samples/items.ndjson", 15},
    {"samples/lighthouse-notes-en.json", 6},
    {"samples/market-stall-bare.xml", 6},
    {"samples/neelpur-hi.xml", 3},
    {"samples/old-breakwater-en.atom", 3},
    {"samples/saltmere-courier-091.xml", 6},
    {"samples/sawt-al-marsa-ar.xml", 7},
    {"samples/xinlan-qixiang-zh-gb18030.xml", 3},
    {"samples/xinlan-wanbao-zh-gb2312.xml", 7},
};
enum { SAMPLES = sizeof samples / sizeof *samples };

/* The uris of an output of convert, one a line; each of its lines is looked at. */
static struct buf uris_of(const char *ndjson)
{
    struct buf uris = {0};
    char *copy = strdup(ndjson), *rest = copy;
    for (char *line; (line = strsep(&rest, "\n")) && rest;) {
        json_t *item = parse_line(line);
        assert_string_equal(string_at(item, "standard.name"), "ninjs");
        assert_string_equal(string_at(item, "standard.version"), "3.1");
        assert_true(*string_at(item, "uri") && *string_at(item, "versionCreated"));
        assert_true(*string_at(item, "language") && *string_at(item, "infoSources.0.name"));
        assert_true(json_is_integer(json_object_get(item, "urgency")));
        buf_printf(&uris, "%s\n", string_at(item, "uri"));
        json_decref(item);
    }
    free(copy);
    return uris;
}

static void convert_prints_every_sample_as_one_line_of_ninjs_an_item(void **state)
{
    struct scene *s = *state;
    for (size_t i = 0; i < SAMPLES; i++) {
        const char *path = scene_source(s, samples[i].path);
        struct outcome o = scene_run(s, NULL, ARGV(NEWSPUB_PATH, "convert", path));
        assert_exit(o, 0);
        assert_int_equal(count_lines(o.out), samples[i].items);
        assert_harmless(o.out, o.out_len, "");
        struct buf uris = uris_of(o.out);
        assert_int_equal(count_lines(uris.data), samples[i].items);
        buf_deinit(&uris);
    }
}

static const char **all_samples(struct scene *s, const char *command)
{
    static const char *argv[SAMPLES + 3];
    argv[0] = NEWSPUB_PATH;
    argv[1] = command;
    for (size_t i = 0; i < SAMPLES; i++)
        argv[i + 2] = scene_source(s, samples[i].path);
    return argv;
}

static void convert_gives_an_item_the_same_uri_each_time_and_takes_its_own_output(void **state)
{
    struct scene *s = *state;
    const char **argv = all_samples(s, "convert");
    struct outcome first = scene_run(s, NULL, argv), second = scene_run(s, NULL, argv);
    assert_exit(first, 0);
    assert_exit(second, 0);
    struct buf one = uris_of(first.out), two = uris_of(second.out);
    assert_int_equal(count_lines(one.data), 97);
    assert_string_equal(one.data, two.data);
    buf_deinit(&one);
    buf_deinit(&two);

    struct outcome again = scene_run(s, first.out, ARGV(NEWSPUB_PATH, "convert"));
    assert_exit(again, 0);
    assert_string_equal(again.out, first.out);
    struct outcome checked = scene_run(s, first.out, ARGV(NEWSPUB_PATH, "check", "-"));
    assert_exit(checked, 0);
    assert_string_equal(checked.out, "");
}

/* argv of "newspub check" with every file of a folder in it; the caller frees it. */
static const char **check_folder(const char *folder, size_t *count)
{
    enum { MOST = 256 };
    const char **argv = calloc(MOST, sizeof *argv);
    size_t n = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    assert_non_null(argv);
    argv[n++] = NEWSPUB_PATH;
    argv[n++] = "check";
    for (struct dirent *e; (e = readdir(dir)) && n < MOST - 1;) {
        char *path;
        if (*e->d_name == '.') continue;
        assert_true(asprintf(&path, "%s/%s", folder, e->d_name) > 0);
        argv[n++] = path;
    }
    closedir(dir);
    *count = n - 2;
    return argv;
}

static void check_folder_free(const char **argv)
{
    for (size_t i = 2; argv[i]; i++)
        free((void *)(uintptr_t)argv[i]);
    free(argv);
}

/* Spelled so in ninjs 1.x or 2.x, which newspub takes; and a file without any item. */
static bool is_taken_leniently(const char *path)
{
    static const char *const names[] = {
        "altids-object", "association-not-array",     "headlines-object", "infosource-rel",
        "empty",         "planned-coverage-object",   "subject-scheme",   "type-upper-case",
        "uri-number",    "organisation-symbol-ticker"};
    const char *name = strrchr(path, '/') + 1;
    size_t len = strcspn(name, ".");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == len && strncmp(name, names[i], len) == 0) return true;
    return false;
}

static void check_names_file_line_and_path_of_every_broken_item(void **state)
{
    struct scene *s = *state;
    size_t count;
    const char **argv = check_folder(scene_source(s, "tests/fixtures/items/invalid"), &count);
    assert_true(count > 80);
    struct outcome o = scene_run(s, NULL, argv);
    assert_exit(o, REFUSED);
    assert_string_equal(o.err, "");
    assert_harmless(o.out, o.out_len, "");
    for (size_t i = 2; argv[i]; i++) {
        char prefix[600], path[128], what[200];
        unsigned line = 0;
        snprintf(prefix, sizeof prefix, "%s:", argv[i]);
        const char *at = strstr(o.out, prefix);
        if (!at && is_taken_leniently(argv[i])) continue;
        if (!at) fail_msg("%s is not refused", argv[i]);
        at += strlen(prefix);
        bool whole_file = strstr(at, "holds neither a feed nor items") == at + 1;
        if (!whole_file && sscanf(at, "%u: %127[^: \n]: %199[^\n]", &line, path, what) != 3)
            fail_msg("not FILE:LINE: path: message: %.200s", at);
        assert_true(whole_file || line >= 1);
    }
    check_folder_free(argv);
}

static void check_has_nothing_to_say_of_what_is_right(void **state)
{
    static const char *const folders[] = {"tests/fixtures/items/valid", "tests/fixtures/items/old"};
    struct scene *s = *state;
    for (size_t i = 0; i < 2; i++) {
        size_t count;
        const char **argv = check_folder(scene_source(s, folders[i]), &count);
        assert_true(count > 8);
        struct outcome o = scene_run(s, NULL, argv);
        assert_string_equal(o.out, "");
        assert_string_equal(o.err, "");
        assert_exit(o, 0);
        check_folder_free(argv);
    }
    const char **argv = all_samples(s, "check");
    struct outcome o = scene_run(s, NULL, argv);
    assert_exit(o, 0);
}

static void check_counts_lines_across_a_file_of_many_items(void **state)
{
    struct scene *s = *state;
    const char *file = scene_file(s, "mixed.ndjson",
                                  "{\"title\":\"good\"}\n"
                                  "\n"
                                  "{\"uri\":\"x:1\",\"urgency\":10}\n"
                                  "not json \033[31m at all\n"
                                  "{\"uri\":\"x:2\"}\r\n"
                                  "{\"uri\":\"x:3\",\"bodies\":[{\"value\":1}]}");
    struct outcome o = scene_run(s, NULL, ARGV(NEWSPUB_PATH, "check", file));
    assert_exit(o, REFUSED);
    assert_int_equal(count_lines(o.out), 3);
    assert_says(o.out, "mixed.ndjson:3: urgency: ");
    assert_says(o.out, "mixed.ndjson:4: ");
    assert_says(o.out, "mixed.ndjson:6: bodies[0].value: ");
    assert_harmless(o.out, o.out_len, "");
}

static void a_file_that_cannot_be_read_is_named_and_the_others_still_count(void **state)
{
    struct scene *s = *state;
    const char *good = scene_file(s, "good.ndjson", "{\"title\":\"here\"}\n");
    const char *gone = scene_path(s, "gone.xml");
    struct outcome o = scene_run(s, NULL, ARGV(NEWSPUB_PATH, "convert", gone, good));
    assert_exit(o, IO_FAILED);
    assert_says(o.err, "gone.xml: No such file");
    assert_int_equal(count_lines(o.out), 1);
    o = scene_run(s, NULL, ARGV(NEWSPUB_PATH, "convert", s->dir.path, good));
    assert_exit(o, IO_FAILED);
    assert_says(o.err, "Is a directory");
    assert_int_equal(count_lines(o.out), 1);
}

static void a_full_disk_is_an_error_of_every_command_that_prints(void **state)
{
    struct scene *s = *state;
    const char *file = scene_source(s, "samples/items.ndjson");
    const char *bad = scene_file(s, "bad.ndjson", "{\"urgency\":0}\n");
    const char *const *const commands[] = {
        ARGV(NEWSPUB_PATH, "convert", file),
        ARGV(NEWSPUB_PATH, "check", bad),
        ARGV(NEWSPUB_PATH, "send", "--dry-run", file),
        ARGV(NEWSPUB_PATH, "--help"),
        ARGV(NEWSPUB_PATH, "--version"),
    };
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        struct outcome o = scene_run_launch(
            s, &(struct launch){.argv = commands[i], .out = {PROCESS_FILE, "/dev/full"}});
        assert_exit(o, IO_FAILED);
        assert_says(o.err, "No space left");
    }
}

/* ---- one item, and where it goes -------------------------------------------------------- */

static void options_make_one_item_and_its_topic(void **state)
{
    struct scene *s = *state;
    struct outcome o = scene_run(
        s, NULL,
        ARGV(NEWSPUB_PATH, "send", "--dry-run", "-b", DEAD_URL, "--publisher", "Harbour Wire",
             "--service", "Night Desk", "--lang", "de-AT", "--urgency", "2", "--subject",
             "sport/football", "--title",
             "Caf\xc3\xa9 \"Anker\" er\xc3\xb6"
             "ffnet",
             "--body", "Eins.\n\nZwei.", "--link", "https://harbour.example/41", "--by", "A. Keel",
             "--located", "Port Alder", "--uri", "tag:harbour.example,2026:41"));
    assert_exit(o, 0);
    assert_string_equal(o.err, "");
    assert_int_equal(count_lines(o.out), 1);
    json_t *line = parse_line(o.out);
    static const char *const expected[][2] = {
        {"topic", "news/harbour-wire/night-desk/de/2/sport/football"},
        {"item.uri", "tag:harbour.example,2026:41"},
        {"item.language", "de-AT"},
        {"item.headlines.0.value", "Caf\xc3\xa9 \"Anker\" er\xc3\xb6"
                                   "ffnet"},
        {"item.bodies.0.value", "Eins.\n\nZwei."},
        {"item.bodies.0.contentType", "text/plain"},
        {"item.by", "A. Keel"},
        {"item.located", "Port Alder"},
        {"item.pubStatus", "usable"},
        {"item.version", "1"},
        {"item.infoSources.0.name", "Harbour Wire"},
        {"item.renditions.0.href", "https://harbour.example/41"},
        {"item.altIds.0.role", "newswire"},
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_string_equal(string_at(line, expected[i][0]), expected[i][1]);
    json_t *urgency = json_object_get(json_object_get(line, "item"), "urgency");
    assert_int_equal(json_integer_value(urgency), 2);
    assert_says(string_at(line, "item.altIds.0.value"), "harbour-wire:");
    json_decref(line);
}

static void dry_run_needs_no_broker_and_prints_what_send_would_send(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    struct process *sub = subscriber(s);
    const char *file = scene_source(s, "samples/harbour-wire-en.xml");
    struct outcome dry = scene_run(
        s, NULL, ARGV(NEWSPUB_PATH, "send", "-n", "-b", DEAD_URL, "--publisher", "me", file));
    assert_exit(dry, 0);
    struct outcome sent = scene_run(
        s, NULL, ARGV(NEWSPUB_PATH, "send", "-b", url, "--publisher", "me", file));
    assert_exit(sent, 0);
    assert_string_equal(sent.out, "");
    char *copy = strdup(dry.out), *rest = copy;
    for (int i = 0; i < 10; i++) {
        json_t *would = parse_line(strsep(&rest, "\n")), *did = parse_line(read_line(sub));
        assert_string_equal(string_at(did, "topic"), string_at(would, "topic"));
        /* The wire number is of the run; everything else is the item's. */
        json_object_del(json_object_get(would, "item"), "altIds");
        json_object_del(json_object_get(did, "item"), "altIds");
        assert_true(json_equal(json_object_get(would, "item"), json_object_get(did, "item")));
        json_decref(would);
        json_decref(did);
    }
    assert_string_equal(rest, "");
    free(copy);
}

static void an_item_of_options_arrives(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    struct process *sub = subscriber(s);
    struct outcome o = scene_run(s, NULL,
                                 ARGV(NEWSPUB_PATH, "-b", url, "send", "--publisher", "me",
                                      "--title", "The tide is in", "--subject", "weather"));
    assert_exit(o, 0);
    assert_string_equal(o.out, "");
    assert_string_equal(o.err, "");
    expect_headline(sub, "The tide is in");
}

/* Splits "publisher:epoch:number"; returns the number. */
static unsigned long wire_number(const char *value, char prefix[64])
{
    const char *colon = strrchr(value, ':');
    assert_non_null(colon);
    snprintf(prefix, 64, "%.*s", (int)(colon - value), value);
    assert_int_equal(strspn(strchr(value, ':') + 1, "0123456789abcdef"), 16);
    return strtoul(colon + 1, NULL, 10);
}

static void wire_numbers_count_from_one_without_holes_in_every_topic(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    struct process *sub = subscriber(s);
    const char **files = all_samples(s, "send");
    const char *argv[SAMPLES + 9] = {NEWSPUB_PATH, "-b", url, "--publisher", "me", "--window", "7"};
    memcpy(argv + 7, files + 1, (SAMPLES + 1) * sizeof *argv);
    struct outcome o = scene_run(s, NULL, argv);
    assert_exit(o, 0);
    json_t *last = json_object(); /* by topic */
    char epoch[64] = "", prefix[64];
    for (int i = 0; i < 97; i++) {
        json_t *line = parse_line(read_line(sub));
        const char *topic = string_at(line, "topic");
        json_t *ids = json_object_get(json_object_get(line, "item"), "altIds"), *id;
        unsigned long number = 0;
        size_t k;
        json_array_foreach(ids, k, id)
        {
            if (strcmp(string_at(id, "role"), "newswire") == 0)
                number = wire_number(string_at(id, "value"), prefix);
        }
        if (!*epoch) snprintf(epoch, sizeof epoch, "%s", prefix);
        assert_string_equal(prefix, epoch); /* one run, one epoch */
        assert_int_equal(number, json_integer_value(json_object_get(last, topic)) + 1);
        json_object_set_new(last, topic, json_integer((json_int_t)number));
        json_decref(line);
    }
    assert_true(json_object_size(last) > 20);
    json_decref(last);
}

/* ---- what is refused before it is sent -------------------------------------------------- */

static void one_bad_line_does_not_hold_up_the_good_ones(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    struct process *sub = subscriber(s);
    struct outcome o = scene_run(s,
                                 "{\"title\":\"first\"}\n"
                                 "{\"title\":\"second\",\n"
                                 "{\"title\":\"third\"}\n",
                                 ARGV(NEWSPUB_PATH, "-b", url, "send", "--publisher", "me"));
    assert_exit(o, REFUSED);
    assert_says(o.err, "newspub: standard input:2: ");
    assert_int_equal(count_lines(o.err), 1);
    expect_headline(sub, "first");
    expect_headline(sub, "third");
}

static void a_line_above_4_mib_is_refused_once_and_the_next_one_sent(void **state)
{
    struct scene *s = *state;
    struct buf text = {0};
    buf_puts(&text, "{\"title\":\"before\"}\n{\"title\":\"");
    memset(buf_reserve(&text, 9u << 20), 'x', 9u << 20);
    text.len += 9u << 20;
    buf_puts(&text, "\"}\n{\"title\":\"after\"}\n");
    struct outcome o = scene_run(s, text.data, ARGV(NEWSPUB_PATH, "convert"));
    buf_deinit(&text);
    assert_exit(o, REFUSED);
    assert_int_equal(count_lines(o.err), 1);
    assert_says(o.err, "standard input:2: ");
    assert_int_equal(count_lines(o.out), 2);
    assert_says(o.out, "\"after\"");
}

static void an_item_that_is_sent_again_loses_its_earlier_number(void **state)
{
    struct scene *s = *state;
    struct outcome o = scene_run(
        s,
        "{\"uri\":\"x:1\",\"altIds\":[{\"role\":\"guid\",\"value\":\"g\"},"
        "{\"role\":\"newswire\",\"value\":\"dpa:19a8c1f2e7b03d44:17\"}]}\n",
        ARGV(NEWSPUB_PATH, "send", "-n", "--publisher", "me"));
    assert_exit(o, 0);
    assert_int_equal(count_of(o.out, "\"newswire\""), 1);
    assert_int_equal(count_of(o.out, "\"guid\""), 1);
    assert_silent_on(o.out, "dpa:");
}

static void hostile_options_make_no_hostile_topic(void **state)
{
    struct scene *s = *state;
    struct outcome o = scene_run(s, NULL,
                                 ARGV(NEWSPUB_PATH, "send", "-n", "--publisher", "a/+/#\033[31m",
                                      "--service", "..//\xff", "--subject", "#", "--lang", "+/x",
                                      "--title", "\xff\033]0;x\007"));
    assert_harmless(o.out, o.out_len, "");
    assert_harmless(o.err, o.err_len, "");
    if (o.status == USAGE) return;
    assert_exit(o, 0);
    json_t *line = parse_line(o.out);
    const char *topic = string_at(line, "topic");
    assert_int_equal(strspn(topic, "abcdefghijklmnopqrstuvwxyz0123456789-/"), strlen(topic));
    assert_int_equal(count_of(topic, "//"), 0);
    assert_in_range(count_of(topic, "/"), 5, 6); /* "#" is a narrower subject: its hash */
    json_decref(line);
}

static void an_embargoed_item_is_not_sent_before_its_time(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    struct process *sub = subscriber(s);
    struct outcome o = scene_run(s,
                                 "{\"uri\":\"x:early\",\"embargoedUntil\":\"2999-01-01T00:00:00Z\","
                                 "\"headlines\":[{\"value\":\"too early\"}]}\n"
                                 "{\"uri\":\"x:due\",\"embargoedUntil\":\"2001-01-01T00:00:00Z\","
                                 "\"headlines\":[{\"value\":\"due\"}]}\n",
                                 ARGV(NEWSPUB_PATH, "-b", url, "send", "--no-journal",
                                      "--publisher", "me"));
    assert_exit(o, REFUSED);
    assert_says(o.err, "x:early");
    assert_says(o.err, "embargoed until 2999-01-01T00:00:00Z");
    expect_headline(sub, "due");
    assert_silent_on(process_output(sub, NULL), "too early");
}

/* ---- brokers that cannot be reached, or say no ------------------------------------------- */

/* Processor time of the programs that have ended so far. */
static int64_t children_cpu_ms(void)
{
    struct rusage r;
    assert_int_equal(getrusage(RUSAGE_CHILDREN, &r), 0);
    return (int64_t)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000 +
           (int64_t)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1000;
}

/* Who waits, sleeps: less than half the time on the processor, start of the program included. */
static void expect_unreachable(struct scene *s, const char *url, const char *host_port)
{
    int64_t start_ms = date_mono_ms(), cpu_ms = children_cpu_ms();
    struct outcome o = scene_run(s, NULL,
                                 ARGV(NEWSPUB_PATH, "-b", url, "--connect-timeout", "1500ms",
                                      "send", "--no-journal", "--title", "T", "--publisher",
                                      "me"));
    int64_t took_ms = date_mono_ms() - start_ms;
    assert_exit(o, UNAVAILABLE);
    assert_says(o.err, host_port);
    assert_says(o.err, "nothing was published\n");
    if (took_ms < 1400 || took_ms > 6000) fail_msg("it took %lld ms", (long long)took_ms);
    cpu_ms = children_cpu_ms() - cpu_ms;
    if (cpu_ms > took_ms / 2) fail_msg("%lld ms of CPU while waiting", (long long)cpu_ms);
}

static void an_unreachable_broker_is_named_within_the_connect_timeout(void **state)
{
    struct scene *s = *state;
    char url[64];
    struct peer hole = {0}, silent = {0};
    snprintf(url, sizeof url, "mqtt://127.0.0.1:%d", broker_free_port());
    expect_unreachable(s, url, url + strlen("mqtt://"));

    assert_true(peer_open_black_hole(&hole)); /* no answer to SYN */
    expect_unreachable(s, hole.url, hole.url + strlen("mqtt://"));
    peer_close(&hole);

    assert_true(peer_open(&silent, NULL, 0)); /* connected, but never a CONNACK */
    expect_unreachable(s, silent.url, silent.url + strlen("mqtt://"));
    peer_close(&silent);

    expect_unreachable(s, "mqtt://no-such-host.invalid:1885", "no-such-host.invalid:1885");
}

static void the_next_broker_of_the_list_is_used_when_the_first_is_dead(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    struct process *sub = subscriber(s);
    struct outcome o = scene_run(s, NULL,
                                 ARGV(NEWSPUB_PATH, "-b", DEAD_URL, "-b", url, "send", "--title",
                                      "second choice", "--publisher", "me"));
    assert_exit(o, 0);
    assert_says(o.err, "127.0.0.1:1");
    expect_headline(sub, "second choice");
}

static void the_environment_names_a_broker_and_the_command_line_a_better_one(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    struct process *sub = subscriber(s);
    char good[128];
    snprintf(good, sizeof good, "NEWSWIRE_BROKER=%s", url);
    struct outcome o = scene_run_launch(
        s, &(struct launch){
               .argv = ARGV(NEWSPUB_PATH, "send", "--title", "by name", "--publisher", "me"),
               .environment = ARGV(good)});
    assert_exit(o, 0);
    expect_headline(sub, "by name");
    o = scene_run_launch(s, &(struct launch){.argv = ARGV(NEWSPUB_PATH, "send", "--title", "by -b",
                                                          "--publisher", "me", "-b", url),
                                             .environment = ARGV("NEWSWIRE_BROKER=" DEAD_URL)});
    assert_exit(o, 0);
    assert_string_equal(o.err, "");
    expect_headline(sub, "by -b");
}

static void a_wrong_password_ends_at_once_with_77(void **state)
{
    struct scene *s = *state;
    struct broker *b = scene_new_broker(s, BROKER_MOSQUITTO);
    scene_add_logins(s, b, ARGV("afp", "right"));
    assert_true(broker_start(b));
    const char *url = scene_url_as(s, "afp");
    const char *wrong = scene_file(s, "wrong", "wr0ng-secret\n");
    const char *right = scene_file(s, "right", "right\nsecond line\n");
    struct outcome o = scene_run(
        s, NULL, ARGV(NEWSPUB_PATH, "-b", url, "--password-file", wrong, "send", "--title", "T"));
    assert_exit(o, DENIED);
    assert_says(o.err, "127.0.0.1");
    assert_silent_on(o.err, "wr0ng-secret");
    for (int i = 0; i < 2; i++) {
        const char *version = i ? "4" : "5";
        o = scene_run(s, NULL,
                      ARGV(NEWSPUB_PATH, "-b", url, "--password-file", wrong, "--mqtt", version,
                           "send", "--title", "T"));
        assert_exit(o, DENIED);
    }
    o = scene_run(
        s, NULL,
        ARGV(NEWSPUB_PATH, "-v", "-b", url, "--password-file", right, "send", "--title", "T"));
    assert_exit(o, 0);
    assert_silent_on(o.err, "right\n");
}

static void a_topic_the_broker_denies_is_named_and_the_others_arrive(void **state)
{
    struct scene *s = *state;
    struct broker *b = scene_new_broker(s, BROKER_MOSQUITTO);
    const char *acl = broker_file(b, "acl",
                                  "topic read #\n"
                                  "topic write news/me/open/#\n");
    broker_add(b, "acl_file %s\n", acl);
    assert_true(broker_start(b));
    struct process *sub = subscriber(s);
    const char *input = "{\"title\":\"one\",\"source\":\"open\"}\n"
                        "{\"title\":\"two\",\"source\":\"secret\"}\n"
                        "{\"title\":\"three\",\"source\":\"open\"}\n";
    struct outcome o = scene_run(
        s, input, ARGV(NEWSPUB_PATH, "-b", broker_url(b), "send", "--publisher", "me"));
    assert_exit(o, DENIED);
    assert_says(o.err, "news/me/secret/und/5/general: ");
    assert_says(o.err, "not authorized");
    assert_int_equal(count_lines(o.err), 1);
    expect_headline(sub, "one");
    expect_headline(sub, "three");
}

static void a_password_file_that_others_may_read_is_not_used(void **state)
{
    struct scene *s = *state;
    const char *file = scene_file(s, "password", "secret\n");
    const char *const *const argv = ARGV(NEWSPUB_PATH, "-b", "mqtt://me@127.0.0.1:1",
                                         "--password-file", file, "send", "--title", "T");
    assert_int_equal(chmod(file, 0640), 0);
    struct outcome o = scene_run(s, NULL, argv);
    assert_exit(o, CONFIG);
    assert_says(o.err, "chmod 600");
    assert_silent_on(o.err, "secret");
    assert_int_equal(chmod(file, 0604), 0);
    o = scene_run(s, NULL, argv);
    assert_exit(o, CONFIG);
    o = scene_run(s, NULL,
                  ARGV(NEWSPUB_PATH, "-b", "mqtt://me@192.0.2.1", "--password-file", file, "send",
                       "--title", "T"));
    assert_exit(o, CONFIG); /* not in the clear to another machine */
    assert_silent_on(o.err, "secret");
}

/* ---- limits of the broker --------------------------------------------------------------- */

/* The size of an item's PUBLISH at QoS 1 in MQTT 5, section 3.3, as long as its remaining length
 * takes two bytes. */
static size_t packet_size(const char *topic, size_t payload_len)
{
    return 1 + 2 + 2 + strlen(topic) + 2 + 1 + payload_len;
}

/* The item within a line of newspub --dry-run or newssub -o ndjson: the last member of both. */
static size_t item_length(const char *line)
{
    const char *item = strstr(line, "\"item\":");
    assert_non_null(item);
    return strlen(item) - strlen("\"item\":") - strlen("}");
}

enum { SWEEP = 60, PACKET_MAX = 2000 };

/* Items that differ by one byte, so that packets of every size around the limit are among them. */
static struct buf sweep_items(struct scene *s)
{
    struct outcome o = scene_run(s, "{\"id\":\"sweep-00\",\"title\":\"\xc3\xa9\"}\n",
                                 ARGV(NEWSPUB_PATH, "send", "-n", "--publisher", "me"));
    assert_exit(o, 0);
    char *line = strdup(o.out);
    line[strcspn(line, "\n")] = '\0';
    size_t bare = packet_size("news/me/me/und/5/general", item_length(line));
    free(line);
    struct buf items = {0};
    for (int i = 0; i < SWEEP; i++) {
        buf_printf(&items, "{\"id\":\"sweep-%02d\",\"title\":\"\xc3\xa9", i);
        for (size_t n = bare; n < (size_t)(PACKET_MAX - SWEEP / 2 + i); n++)
            buf_putc(&items, 'x');
        buf_puts(&items, "\"}\n");
    }
    assert_true(buf_ok(&items));
    return items;
}

static void an_item_above_the_brokers_packet_limit_is_refused_exactly(void **state)
{
    struct scene *s = *state;
    struct broker *b = scene_new_broker(s, BROKER_MOSQUITTO);
    broker_add(b, "max_packet_size %d\n", PACKET_MAX);
    assert_true(broker_start(b));
    struct process *sub = subscriber(s);
    struct buf items = sweep_items(s);
    buf_puts(&items, "{\"title\":\"last\"}\n");
    struct outcome o = scene_run(
        s, items.data, ARGV(NEWSPUB_PATH, "-b", broker_url(b), "send", "--publisher", "me"));
    buf_deinit(&items);
    assert_exit(o, REFUSED); /* not 134: libmosquitto aborts one byte above the limit */
    assert_says(o.err, "2000");
    size_t largest = 0, arrived = 0;
    for (const char *text; !strstr(text = read_line(sub), "\"value\":\"last\""); arrived++) {
        json_t *line = parse_line(text);
        size_t size = packet_size(string_at(line, "topic"), item_length(text));
        if (size > largest) largest = size;
        json_decref(line);
    }
    assert_int_equal(largest, PACKET_MAX);
    assert_true(arrived > 10 && arrived < SWEEP);
    char more[64];
    snprintf(more, sizeof more, "%zu more were refused", SWEEP - arrived - 10);
    assert_says(o.err, more);
}

static void an_item_above_the_brokers_message_limit_is_refused_and_the_rest_sent(void **state)
{
    struct scene *s = *state;
    struct broker *b = scene_new_broker(s, BROKER_MOSQUITTO);
    broker_add(b, "message_size_limit 1000\n");
    assert_true(broker_start(b));
    struct process *sub = subscriber(s);
    struct buf items = {0};
    put_item(&items, "a", "before");
    buf_puts(&items, "{\"id\":\"b\",\"title\":\"large\",\"body\":\"");
    for (int i = 0; i < 1000; i++)
        buf_putc(&items, 'x');
    buf_puts(&items, "\"}\n");
    put_item(&items, "c", "after");
    struct outcome o = scene_run(
        s, items.data, ARGV(NEWSPUB_PATH, "-b", broker_url(b), "send", "--publisher", "me"));
    buf_deinit(&items);
    assert_exit(o, REFUSED);
    assert_says(o.err, "too large");
    expect_headline(sub, "before");
    expect_headline(sub, "after");
}

static void a_broker_of_mqtt_3_1_1_alone_needs_no_option(void **state)
{
    struct scene *s = *state;
    struct broker *b = scene_new_broker(s, BROKER_NATS);
    assert_true(broker_start(b));
    const char *url = broker_url(b);
    struct process *sub = subscriber(s);
    struct outcome o = scene_run(
        s, NULL, ARGV(NEWSPUB_PATH, "-b", url, "send", "--title", "3.1.1", "--publisher", "me"));
    assert_exit(o, 0);
    assert_string_equal(o.err, "");
    expect_headline(sub, "3.1.1");
    o = scene_run(s, NULL,
                  ARGV(NEWSPUB_PATH, "-b", url, "--mqtt", "4", "send", "--title", "by hand",
                       "--publisher", "me"));
    assert_exit(o, 0);
    expect_headline(sub, "by hand");
    o = scene_run(s, NULL,
                  ARGV(NEWSPUB_PATH, "-b", url, "--mqtt", "5", "--connect-timeout", "1s", "send",
                       "--title", "never", "--publisher", "me"));
    assert_exit(o, UNAVAILABLE);
    assert_says(o.err, url + strlen("mqtt://"));
}

/* ---- as it goes --------------------------------------------------------------------------- */

static void a_slow_pipe_is_published_line_by_line(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    struct process *sub = subscriber(s);
    struct process *pub = scene_feed(s, ARGV(NEWSPUB_PATH, "-b", url, "send", "--publisher", "me"));
    assert_true(process_puts(pub, "{\"title\":\"one\"}\n"));
    expect_headline(sub, "one");
    assert_true(process_puts(pub, "{\"title\":\"two\"}\n{\"tit"));
    expect_headline(sub, "two");
    assert_true(process_puts(pub, "le\":\"three\"}\n{\"title\":\"without newline\"}"));
    expect_headline(sub, "three");
    assert_true(process_is_running(pub));
    process_close_input(pub);
    expect_headline(sub, "without newline");
    struct outcome o = scene_wait(pub);
    assert_exit(o, 0);
}

static void rate_paces_the_items(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    struct process *sub = subscriber(s);
    struct buf items = numbered_items(1, 9);
    int64_t start_ms = date_mono_ms();
    struct outcome o = scene_run(
        s, items.data, ARGV(NEWSPUB_PATH, "-b", url, "send", "--publisher", "me", "--rate", "20"));
    int64_t took_ms = date_mono_ms() - start_ms;
    buf_deinit(&items);
    assert_exit(o, 0);
    if (took_ms < 380) fail_msg("9 items at 20/s took %lld ms", (long long)took_ms);
    for (int i = 0; i < 9; i++)
        (void)read_line(sub);
}

static void qos_0_is_written_out_before_the_end(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    struct process *sub = subscriber(s);
    struct buf items = numbered_items(1, 500);
    struct outcome o = scene_run(
        s, items.data, ARGV(NEWSPUB_PATH, "-b", url, "--qos", "0", "send", "--publisher", "me"));
    buf_deinit(&items);
    assert_exit(o, 0);
    unsigned times[501] = {0};
    struct tally t = {.times = times, .size = 501};
    tally_until(&t, sub, 500);
    assert_int_equal(t.duplicates, 0);
}

/* ---- replay --------------------------------------------------------------------------------- */

static void succeeds(struct outcome o)
{
    assert_exit(o, 0);
}

/* The next lines of a subscriber as a file. */
static const char *recording_of(struct scene *s, struct process *ndjson, unsigned lines)
{
    struct buf text = {0};
    while (lines-- > 0)
        buf_printf(&text, "%s\n", read_line(ndjson));
    assert_true(buf_ok(&text));
    const char *path = scene_file(s, "recording.ndjson", text.data);
    buf_deinit(&text);
    return path;
}

/* A line for each of these times of a day. */
static const char *recording_at(struct scene *s, const char *const *times)
{
    struct buf text = {0};
    for (unsigned i = 0; times[i]; i++)
        buf_printf(&text,
                   "{\"topic\":\"news/p/wire/en/5/general\",\"received\":\"2026-11-23T%sZ\","
                   "\"retained\":false,\"item\":{\"uri\":\"u:%u\",\"headlines\":"
                   "[{\"role\":\"main\",\"value\":\"%u\"}]}}\n",
                   times[i], i, i);
    assert_true(buf_ok(&text));
    const char *path = scene_file(s, "recording.ndjson", text.data);
    buf_deinit(&text);
    return path;
}

static void expect_replayed(struct process *ndjson, const char *topic, const char *uri,
                            const char *number)
{
    json_t *line = parse_line(read_line(ndjson));
    assert_string_equal(string_at(line, "topic"), topic);
    assert_string_equal(string_at(line, "item.uri"), uri);
    assert_string_equal(string_at(line, "item.version"), "4");
    assert_int_equal(strncmp(string_at(line, "item.altIds.0.value"), number, strlen(number)), 0);
    assert_int_equal(json_array_size(json_object_get(json_object_get(line, "item"), "altIds")), 1);
    json_decref(line);
}

static void a_recording_is_sent_again_under_our_name_to_the_services_of_then(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    struct process *sub = subscriber(s);
    const char *items = "{\"uri\":\"u:1\",\"version\":\"4\",\"urgency\":2,\"language\":\"fr\"}\n"
                        "{\"uri\":\"u:2\",\"version\":\"4\"}\n";
    succeeds(scene_run(s, items,
                       ARGV(NEWSPUB_PATH, "-b", url, "send", "--publisher", "me", "--service",
                            "wire", "--subject", "sport/football")));
    const char *file = recording_of(s, sub, 2);
    static const char *const topics[] = {"news/again/wire/fr/2/sport/football",
                                         "news/again/wire/und/5/sport/football"};

    const char *const *replay = ARGV(NEWSPUB_PATH, "-b", url, "send", "--publisher", "again",
                                     "--replay", file, "--speed", "0");
    succeeds(scene_run(s, NULL, replay));
    expect_replayed(sub, topics[0], "u:1", "again:");
    expect_replayed(sub, topics[1], "u:2", "again:");

    struct outcome o = scene_run(s, NULL, replay);
    assert_exit(o, 0);
    assert_string_equal(o.err, "newspub: 2 were published before: --no-journal sends them again\n");

    succeeds(scene_run(s, NULL,
                       ARGV(NEWSPUB_PATH, "-b", url, "send", "--publisher", "again", "--replay",
                            file, "--speed", "0", "--no-journal", "--service", "other")));
    expect_replayed(sub, "news/again/other/fr/2/sport/football", "u:1", "again:");
    expect_replayed(sub, "news/again/other/und/5/sport/football", "u:2", "again:");
}

static void what_newssub_prints_is_taken_without_replay_too(void **state)
{
    struct scene *s = *state;
    const char *file = recording_at(s, (const char *const[]){"14:00:00", "15:00:00", NULL});
    struct outcome o = scene_run(
        s, NULL, ARGV(NEWSPUB_PATH, "send", "--publisher", "me", "--dry-run", file));
    assert_exit(o, 0);
    assert_int_equal(count_lines(o.out), 2);
    assert_int_equal(count_of(o.out, "{\"topic\":\"news/me/wire/en/5/general\""), 2);
    o = scene_run(s, NULL, ARGV(NEWSPUB_PATH, "convert", file));
    assert_exit(o, 0);
    assert_int_equal(count_of(o.out, "{\"uri\":\"u:"), 2);
    succeeds(scene_run(s, NULL, ARGV(NEWSPUB_PATH, "check", file)));
}

static void a_replay_keeps_the_pauses_divided_by_its_speed(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    struct process *sub = subscriber(s);
    const char *file = recording_at(
        s, (const char *const[]){"14:00:00", "14:01:00", "14:01:00.5", "14:02:00", NULL});
    int64_t start_ms = date_mono_ms();
    succeeds(scene_run(s, NULL,
                       ARGV(NEWSPUB_PATH, "-b", url, "send", "--publisher", "me", "--replay", file,
                            "--speed", "240x")));
    int64_t took_ms = date_mono_ms() - start_ms;
    if (took_ms < 500) fail_msg("two minutes at 240x took %lld ms", (long long)took_ms);
    for (int i = 0; i < 4; i++)
        (void)read_line(sub);
}

static void a_signal_ends_a_replay_within_a_pause_and_tells_what_was_sent(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    struct process *sub = subscriber(s);
    const char *file = recording_at(s, (const char *const[]){"14:00:00", "23:00:00", NULL});
    struct process *pub = scene_start(
        s, ARGV(NEWSPUB_PATH, "-b", url, "send", "--publisher", "me", "--replay", file));
    expect_headline(sub, "0");
    process_signal(pub, SIGINT);
    struct outcome o = scene_wait(pub);
    assert_exit(o, ON_SIGINT);
    assert_says(o.err, "stopped; published: 1");
}

static void a_bad_line_of_a_recording_is_named_and_the_others_are_sent(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    struct process *sub = subscriber(s);
    const char *file = scene_file(s, "bad.ndjson",
                                  "{\"topic\":\"t\",\"item\":{\"title\":\"1\"}}\n"
                                  "{\"topic\":\"t\",\"received\":\"then\",\"item\":{}}\n"
                                  "{\"topic\":\"t\",\"item\":{\"colour\":1}}\n"
                                  "{\"title\":\"4\"}\n"
                                  "{\"topic\":\"t\",\"rec");
    struct outcome o = scene_run(
        s, NULL, ARGV(NEWSPUB_PATH, "-b", url, "send", "--publisher", "me", "--replay", file));
    assert_exit(o, REFUSED);
    assert_says(o.err, "bad.ndjson:2: received: is not a date");
    assert_says(o.err, "bad.ndjson:3: ");
    assert_says(o.err, "bad.ndjson:5: ");
    assert_int_equal(count_lines(o.err), 3);
    expect_headline(sub, "1");
    expect_headline(sub, "4");
}

/* ---- brokers that go away ------------------------------------------------------------------ */

/* What the broker had taken from the socket and not acknowledged when it was killed is sent again
 * to the next one. The publisher is stopped until the subscriber is back, so that it, and not the
 * order in which two clients return, is what is tested. */
static void nothing_is_missing_after_a_broker_was_killed_in_the_middle(void **state)
{
    enum { FIRST = 300, SECOND = 350, ALL = 900 };
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    struct process *sub = subscriber(s);
    struct process *pub = scene_feed(
        s, ARGV(NEWSPUB_PATH, "-v", "-b", url, "send", "--publisher", "me", "--window", "100"));
    unsigned times[ALL + 1] = {0};
    struct tally t = {.times = times, .size = ALL + 1};

    struct buf items = numbered_items(1, FIRST);
    assert_true(process_write(pub, items.data, items.len));
    buf_deinit(&items);
    tally_until(&t, sub, FIRST);
    assert_int_equal(t.duplicates, 0);

    broker_pause(s->broker, true); /* what comes now reaches its socket, and nothing else */
    items = numbered_items(FIRST + 1, SECOND - FIRST);
    assert_true(process_write(pub, items.data, items.len));
    buf_deinit(&items);
    assert_true(input_is_read(pub));
    broker_kill(s->broker);
    assert_true(process_expect_errors(pub, "trying again", WAIT_MS));
    process_signal(pub, SIGSTOP);
    assert_true(broker_start(s->broker));
    assert_true(expect_errors_times(sub, "subscribed to news/#", 2));
    process_signal(pub, SIGCONT);

    items = numbered_items(SECOND + 1, ALL - SECOND);
    assert_true(process_write(pub, items.data, items.len));
    buf_deinit(&items);
    process_close_input(pub);
    struct outcome o = scene_wait(pub);
    assert_exit(o, 0);
    assert_says(o.err, "900 published, 0 published before, 0 refused by the broker, 0 refused before");
    tally_until(&t, sub, ALL);
    print_message("%u duplicates\n", t.duplicates);
    assert_true(t.duplicates <= 100); /* no more than were under way */
}

static void a_broker_killed_under_full_load_leaves_everything_acknowledged(void **state)
{
    enum { ALL = 12000 };
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    struct process *sub = subscriber(s);
    unsigned *times = calloc(ALL + 1, sizeof *times);
    assert_non_null(times);
    struct tally t = {.times = times, .size = ALL + 1};
    struct buf items = numbered_items(1, ALL);
    const char *file = scene_file(s, "many.ndjson", items.data);
    buf_deinit(&items);
    struct process *pub = scene_start(
        s, ARGV(NEWSPUB_PATH, "-v", "-b", url, "send", "--publisher", "me", file));
    tally_until(&t, sub, 1000);
    broker_kill(s->broker);
    assert_true(broker_start(s->broker));
    struct outcome o = scene_wait(pub);
    assert_exit(o, 0);
    assert_says(o.err, "12000 published, 0 published before, 0 refused by the broker, 0 refused before");
    free(times);
}

/* A newspub that is connected to a broker which from now on does nothing. */
static struct process *publisher_of_silent_broker(struct scene *s, const char *drain_timeout)
{
    const char *url = scene_start_broker(s);
    struct process *pub = scene_feed(s, ARGV(NEWSPUB_PATH, "-v", "-b", url, "send",
                                             "--no-journal", "--publisher", "me",
                                             "--drain-timeout", drain_timeout));
    assert_true(process_expect_errors(pub, ": connected\n", WAIT_MS));
    broker_pause(s->broker, true);
    return pub;
}

static void a_silent_broker_ends_in_69_with_the_number_of_items_left(void **state)
{
    struct scene *s = *state;
    struct process *pub = publisher_of_silent_broker(s, "700ms");
    struct buf items = numbered_items(1, 5);
    assert_true(process_write(pub, items.data, items.len));
    buf_deinit(&items);
    int64_t start_ms = date_mono_ms();
    process_close_input(pub);
    struct outcome o = scene_wait(pub);
    int64_t took_ms = date_mono_ms() - start_ms;
    assert_exit(o, UNAVAILABLE);
    assert_says(o.err, NOT_ACKNOWLEDGED "5\n");
    if (took_ms < 500 || took_ms > 8000) fail_msg("it took %lld ms", (long long)took_ms);
}

static void a_signal_brings_home_what_was_taken_and_is_the_exit_status(void **state)
{
    static const int signals[] = {SIGINT, SIGTERM};
    static const int statuses[] = {ON_SIGINT, ON_SIGTERM};
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    struct process *sub = subscriber(s);
    for (int i = 0; i < 2; i++) {
        struct process *pub = scene_feed(
            s, ARGV(NEWSPUB_PATH, "-v", "-b", url, "send", "--publisher", "me"));
        assert_true(process_puts(pub, i == 0 ? "{\"title\":\"taken\"}\n"
                                             : "{\"title\":\"taken, too\"}\n"));
        expect_headline(sub, i == 0 ? "taken" : "taken, too");
        process_signal(pub, signals[i]);
        struct outcome o = scene_wait(pub);
        assert_exit(o, statuses[i]);
        assert_says(o.err, "1 published");
    }
}

static void a_signal_waits_for_what_is_unanswered(void **state)
{
    struct scene *s = *state;
    struct process *pub = publisher_of_silent_broker(s, "30s");
    assert_true(process_puts(pub, "{\"title\":\"one\"}\n{\"title\":\"two\"}\n"));
    assert_true(input_is_read(pub));
    process_signal(pub, SIGINT);
    assert_int_equal(process_wait(pub, 300), PROCESS_TIMEOUT);
    broker_pause(s->broker, false);
    struct outcome o = scene_wait(pub);
    assert_exit(o, ON_SIGINT);
    assert_says(o.err, "2 published");
}

static void a_second_signal_ends_the_wait_and_tells_what_is_left(void **state)
{
    struct scene *s = *state;
    struct process *pub = publisher_of_silent_broker(s, "30s");
    assert_true(process_puts(pub, "{\"title\":\"one\"}\n{\"title\":\"two\"}\n"));
    assert_true(input_is_read(pub));
    process_signal(pub, SIGINT);
    assert_int_equal(process_wait(pub, 300), PROCESS_TIMEOUT);
    process_signal(pub, SIGINT);
    struct outcome o = scene_wait(pub);
    assert_exit(o, UNAVAILABLE);
    assert_says(o.err, NOT_ACKNOWLEDGED "2\n");
}

/* With a broker that was never reached and no --connect-timeout, a supervisor's SIGTERM has to be
 * enough: --drain-timeout bounds the wait. */
static void a_signal_ends_it_also_without_a_broker(void **state)
{
    struct scene *s = *state;
    struct process *pub = scene_start(s, ARGV(NEWSPUB_PATH, "-b", DEAD_URL, "--connect-timeout",
                                              "0", "--drain-timeout", "500ms", "send",
                                              "--no-journal", "--title", "T", "--publisher",
                                              "me"));
    assert_true(process_expect_errors(pub, "trying again", WAIT_MS));
    process_signal(pub, SIGTERM);
    if (process_wait(pub, 8000) == PROCESS_TIMEOUT) fail_msg("%s", "SIGTERM does not end it");
    struct outcome o = scene_wait(pub);
    assert_exit(o, 128 + SIGTERM);
    assert_says(o.err, "nothing was published\n");
}

static void a_lost_broker_that_stays_away_ends_in_69_with_the_number_of_items_left(void **state)
{
    struct scene *s = *state;
    struct process *pub = publisher_of_silent_broker(s, "1s");
    assert_true(process_puts(pub, "{\"title\":\"one\"}\n{\"title\":\"two\"}\n"));
    assert_true(input_is_read(pub));
    broker_kill(s->broker);
    struct outcome o = scene_wait(pub); /* its input is still open */
    assert_exit(o, UNAVAILABLE);
    assert_says(o.err, NOT_ACKNOWLEDGED "2\n");
}

/* A FIFO nobody has opened for writing yet must not block the loop, nor keep signals away. */
static void a_signal_ends_it_while_a_fifo_waits_for_its_writer(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    const char *fifo = scene_path(s, "fifo");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    struct process *pub = scene_start(
        s, ARGV(NEWSPUB_PATH, "-v", "-b", url, "send", "--publisher", "me", fifo));
    (void)process_expect_errors(pub, ": connected\n", 1000);
    process_signal(pub, SIGINT);
    int status = process_wait(pub, 5000);
    if (status == PROCESS_TIMEOUT) fail_msg("%s", "SIGINT does not end it");
    assert_int_equal(status, ON_SIGINT);
}

/* ---- command lines and configuration ------------------------------------------------------ */

static void a_wrong_command_line_is_64_and_says_what_is_wrong(void **state)
{
    struct scene *s = *state;
    const struct {
        const char *const *argv;
        const char *says;
    } cases[] = {
        {ARGV(NEWSPUB_PATH), "which command"},
        {ARGV(NEWSPUB_PATH, "publish"), "\"publish\""},
        {ARGV(NEWSPUB_PATH, "send", "--no-such"), "--no-such"},
        {ARGV(NEWSPUB_PATH, "send", "-x"), "-x"},
        {ARGV(NEWSPUB_PATH, "send", "--urgency", "0"), "1 to 9"},
        {ARGV(NEWSPUB_PATH, "send", "--urgency", "high"), "--urgency"},
        {ARGV(NEWSPUB_PATH, "send", "--rate"), "--rate"},
        {ARGV(NEWSPUB_PATH, "send", "--connect-timeout", "soon"), "--connect-timeout"},
        {ARGV(NEWSPUB_PATH, "send", "--qos", "2"), "--qos"},
        {ARGV(NEWSPUB_PATH, "send", "--mqtt", "6"), "--mqtt"},
        {ARGV(NEWSPUB_PATH, "send", "--mqtt", "3", "--title", "T"), "mqtt"},
        {ARGV(NEWSPUB_PATH, "convert", "--rate", "5"), "\"convert\""},
        {ARGV(NEWSPUB_PATH, "check", "--title", "T"), "\"check\""},
        {ARGV(NEWSPUB_PATH, "send", "--title", "T", "file.xml"), "--title"},
        {ARGV(NEWSPUB_PATH, "send", "--speed", "2", "--title", "T"), "--replay"},
        {ARGV(NEWSPUB_PATH, "send", "--speed", "fast", "--replay", "f"), "\"fast\""},
        {ARGV(NEWSPUB_PATH, "send", "--replay", "f", "g"), "--replay"},
        {ARGV(NEWSPUB_PATH, "send", "--replay", "f", "--kill", "u"), "--replay"},
        {ARGV(NEWSPUB_PATH, "convert", "--replay", "f"), "\"convert\""},
        {ARGV(NEWSPUB_PATH, "send", "-b", "ftp://x", "--title", "T"), "ftp"},
        {ARGV(NEWSPUB_PATH, "send", "-b", "mqtt://x:99999", "--title", "T"), "99999"},
        {ARGV(NEWSPUB_PATH, "send", "-b", "mqtt://a:b@x", "--title", "T"), "password"},
        {ARGV(NEWSPUB_PATH, "send", "--publisher", "", "--title", "T"), "--publisher"},
        {ARGV(NEWSPUB_PATH, "send", "--root", "a/b", "--title", "T"), "--root"},
        {ARGV(NEWSPUB_PATH, "send", "--verbose=perhaps", "--title", "T"), "perhaps"},
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
    static const char *const help[] = {"--help", "-h"}, *const version[] = {"--version", "-V"};
    for (int i = 0; i < 2; i++) {
        struct outcome o = scene_run(s, NULL, ARGV(NEWSPUB_PATH, help[i]));
        assert_exit(o, 0);
        assert_string_equal(o.err, "");
        assert_says(o.out, "Usage: newspub ");
        assert_says(o.out, "--drain-timeout TIME");
        char *copy = strdup(o.out), *rest = copy;
        for (char *line; (line = strsep(&rest, "\n"));)
            if (strlen(line) > 90) fail_msg("wider than a terminal: %s", line);
        free(copy);
        o = scene_run(s, NULL, ARGV(NEWSPUB_PATH, version[i]));
        assert_exit(o, 0);
        assert_string_equal(o.err, "");
        assert_true(strncmp(o.out, "newspub (Newswire) ", 19) == 0);
        assert_int_equal(count_lines(o.out), 1);
    }
    struct outcome o = scene_run(s, NULL, ARGV(NEWSPUB_PATH, "send", "--help"));
    assert_exit(o, 0);
}

static void a_broken_configuration_is_78_and_names_file_and_line(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"publisher = me\nno-such = 1\n", ":2: "},
        {"# comment\n\nurgency = 10\n", ":3: "},
        {"this is not a setting\n", ":1: "},
        {"help = yes\n", ":1: "},
    };
    struct scene *s = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path = scene_file(s, "bad.conf", cases[i].text);
        struct outcome o = scene_run(
            s, NULL, ARGV(NEWSPUB_PATH, "--config", path, "send", "-n", "--title", "T"));
        if (o.status != CONFIG) print_error("case %zu\n", i);
        assert_exit(o, CONFIG);
        assert_says(o.err, "bad.conf");
        assert_says(o.err, cases[i].says);
    }
    struct outcome o = scene_run(
        s, NULL,
        ARGV(NEWSPUB_PATH, "--config", scene_path(s, "none.conf"), "send", "-n", "--title", "T"));
    assert_exit(o, CONFIG);
    assert_says(o.err, "none.conf");
    o = scene_run(s, NULL,
                  ARGV(NEWSPUB_PATH, "--config", scene_file(s, "bad.conf", "x\n"), "--help"));
    assert_exit(o, 0); /* whoever looks for help gets it */
}

static void the_users_configuration_is_read_and_the_command_line_wins(void **state)
{
    struct scene *s = *state;
    assert_int_equal(mkdir(scene_path(s, "config"), 0700), 0);
    assert_int_equal(mkdir(scene_path(s, "config/newswire"), 0700), 0);
    scene_file(s, "config/newswire/newspub.conf",
               "# mine\npublisher = harbour\nservice=desk\nurgency = 3\nlang = fr\n");
    struct outcome o = scene_run(
        s, NULL, ARGV(NEWSPUB_PATH, "send", "-n", "--title", "T", "--urgency", "1"));
    assert_exit(o, 0);
    assert_says(o.out, "\"topic\":\"news/harbour/desk/fr/1/general\"");
}

/* Whoever starts us may have closed descriptors 0 to 2: the next one that is opened, a socket or
 * a signalfd, must not become one of them. */
static void a_closed_standard_input_is_an_error(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    static const char *const commands[] = {"send", "convert"};
    for (int i = 0; i < 2; i++) {
        struct process *p = scene_start(s, ARGV("sh", "-c", "exec \"$0\" -b \"$1\" \"$2\" <&-",
                                                NEWSPUB_PATH, url, commands[i]));
        if (process_wait(p, 5000) == PROCESS_TIMEOUT)
            fail_msg("%s hangs on a closed standard input", commands[i]);
        struct outcome o = scene_wait(p);
        assert_exit(o, IO_FAILED);
        assert_says(o.err, "standard input");
    }
}

static void a_closed_standard_error_harms_nothing(void **state)
{
    struct scene *s = *state;
    const char *url = scene_start_broker(s);
    struct process *sub = subscriber(s);
    struct outcome o = scene_run(s, NULL,
                                 ARGV("sh", "-c",
                                      "exec \"$0\" -v -b \"$1\" send --title T --publisher me 2>&-",
                                      NEWSPUB_PATH, url));
    assert_exit(o, 0);
    expect_headline(sub, "T");
}

/* A daemon's child may have no standard output at all. The next file opened must not become it. */
static void a_closed_standard_output_is_an_error_and_harms_nothing(void **state)
{
    struct scene *s = *state;
    const char *file = scene_file(s, "item.ndjson", "{\"title\":\"T\"}\n");
    struct stat before, after;
    assert_int_equal(stat(file, &before), 0);
    struct outcome o = scene_run(
        s, NULL, ARGV("sh", "-c", "exec \"$0\" convert \"$1\" >&-", NEWSPUB_PATH, file));
    assert_exit(o, IO_FAILED);
    assert_says(o.err, "standard output");
    assert_int_equal(stat(file, &after), 0);
    assert_int_equal(before.st_size, after.st_size);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(int argc, char **argv)
{
    if (argc > 1) cmocka_set_test_filter(argv[1]); /* a pattern such as "*signal*" */
    const struct CMUnitTest tests[] = {
        TEST(convert_prints_every_sample_as_one_line_of_ninjs_an_item),
        TEST(convert_gives_an_item_the_same_uri_each_time_and_takes_its_own_output),
        TEST(check_names_file_line_and_path_of_every_broken_item),
        TEST(check_has_nothing_to_say_of_what_is_right),
        TEST(check_counts_lines_across_a_file_of_many_items),
        TEST(a_file_that_cannot_be_read_is_named_and_the_others_still_count),
        TEST(a_full_disk_is_an_error_of_every_command_that_prints),
        TEST(options_make_one_item_and_its_topic),
        TEST(dry_run_needs_no_broker_and_prints_what_send_would_send),
        TEST(an_item_of_options_arrives),
        TEST(wire_numbers_count_from_one_without_holes_in_every_topic),
        TEST(one_bad_line_does_not_hold_up_the_good_ones),
        TEST(a_line_above_4_mib_is_refused_once_and_the_next_one_sent),
        TEST(an_item_that_is_sent_again_loses_its_earlier_number),
        TEST(hostile_options_make_no_hostile_topic),
        TEST(an_embargoed_item_is_not_sent_before_its_time),
        TEST(an_unreachable_broker_is_named_within_the_connect_timeout),
        TEST(the_next_broker_of_the_list_is_used_when_the_first_is_dead),
        TEST(the_environment_names_a_broker_and_the_command_line_a_better_one),
        TEST(a_wrong_password_ends_at_once_with_77),
        TEST(a_topic_the_broker_denies_is_named_and_the_others_arrive),
        TEST(a_password_file_that_others_may_read_is_not_used),
        TEST(an_item_above_the_brokers_packet_limit_is_refused_exactly),
        TEST(an_item_above_the_brokers_message_limit_is_refused_and_the_rest_sent),
        TEST(a_broker_of_mqtt_3_1_1_alone_needs_no_option),
        TEST(a_slow_pipe_is_published_line_by_line),
        TEST(rate_paces_the_items),
        TEST(a_recording_is_sent_again_under_our_name_to_the_services_of_then),
        TEST(what_newssub_prints_is_taken_without_replay_too),
        TEST(a_replay_keeps_the_pauses_divided_by_its_speed),
        TEST(a_signal_ends_a_replay_within_a_pause_and_tells_what_was_sent),
        TEST(a_bad_line_of_a_recording_is_named_and_the_others_are_sent),
        TEST(qos_0_is_written_out_before_the_end),
        TEST(nothing_is_missing_after_a_broker_was_killed_in_the_middle),
        TEST(a_broker_killed_under_full_load_leaves_everything_acknowledged),
        TEST(a_silent_broker_ends_in_69_with_the_number_of_items_left),
        TEST(a_signal_brings_home_what_was_taken_and_is_the_exit_status),
        TEST(a_signal_waits_for_what_is_unanswered),
        TEST(a_second_signal_ends_the_wait_and_tells_what_is_left),
        TEST(a_signal_ends_it_also_without_a_broker),
        TEST(a_lost_broker_that_stays_away_ends_in_69_with_the_number_of_items_left),
        TEST(a_signal_ends_it_while_a_fifo_waits_for_its_writer),
        TEST(a_wrong_command_line_is_64_and_says_what_is_wrong),
        TEST(help_and_version_answer_on_standard_output),
        TEST(a_broken_configuration_is_78_and_names_file_and_line),
        TEST(the_users_configuration_is_read_and_the_command_line_wins),
        TEST(a_closed_standard_output_is_an_error_and_harms_nothing),
        TEST(a_closed_standard_input_is_an_error),
        TEST(a_closed_standard_error_harms_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
