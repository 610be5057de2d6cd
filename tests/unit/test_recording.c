#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "subscriber/recording.h"
#include "subscriber/view.h"
#include "tests/support/tmpdir.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NOW_MS       INT64_C(1795442527000) /* 2026-11-23T14:02:07Z */
#define LINE(n)                                                                                    \
    "{\"topic\":\"news/a/b/en/5/general\",\"received\":\"2026-11-23T14:02:07Z\","                  \
    "\"retained\":false,\"item\":{\"uri\":\"u:" n "\"}}\n"

/* ------------------------------------------------------------------------------------ Helpers */

struct scene {
    struct tmpdir dir;
    char path[160];
};

static int setup(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    assert_true(tmpdir_make(&s->dir));
    (void)snprintf(s->path, sizeof s->path, "%s/items.ndjson", s->dir.path);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    tmpdir_remove(&s->dir);
    free(s);
    return 0;
}

static struct recording *opened(const struct scene *s)
{
    struct news_error err = {0};
    struct recording *r = recording_new(s->path, &err);
    if (!r) fail_msg("%s", err.message);
    return r;
}

static void put_json(struct recording *r, const char *json)
{
    struct ninjs item;
    struct ninjs_fault fault;
    struct arrival a = {.topic = "news/a/b/en/5/general", .item = &item, .received_ms = NOW_MS};
    if (!ninjs_check(json, strlen(json), &item, &fault)) fail_msg("%s: %s", fault.path, fault.what);
    recording_sink.put(r, &a, 0, NOW_MS);
}

static void put(struct recording *r, const char *number)
{
    char json[64];
    (void)snprintf(json, sizeof json, "{\"uri\":\"u:%s\"}", number);
    put_json(r, json);
}

static void commit(struct recording *r)
{
    struct news_error err = {0};
    if (!recording_sink.committed(r, &err)) fail_msg("%s", err.message);
}

static void write_file(const struct scene *s, const char *bytes, size_t len)
{
    FILE *f = fopen(s->path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static struct buf read_file(const struct scene *s)
{
    struct buf text = {0};
    FILE *f = fopen(s->path, "r");
    assert_non_null(f);
    for (int c; (c = fgetc(f)) != EOF;)
        buf_putc(&text, (char)c);
    fclose(f);
    buf_puts(&text, "");
    return text;
}

static void assert_file(const struct scene *s, const char *expected)
{
    struct buf text = read_file(s);
    assert_string_equal(text.data, expected);
    buf_deinit(&text);
}

/* --------------------------------------------------------------------------------------- Tests */

static void a_committed_item_is_a_line_as_ndjson_has_it(void **state)
{
    struct scene *s = *state;
    struct recording *r = opened(s);
    struct stat info;
    assert_file(s, "");
    put(r, "1");
    put_json(r, "{\"uri\":\"u:2\",\n \"edNote\" : \"a\\u202eb\"}");
    commit(r);
    assert_file(s, LINE("1") "{\"topic\":\"news/a/b/en/5/general\",\"received\":"
                             "\"2026-11-23T14:02:07Z\",\"retained\":false,"
                             "\"item\":{\"uri\":\"u:2\",\"edNote\":\"a\\u202eb\"}}\n");
    recording_sink.free(r);
    assert_int_equal(stat(s->path, &info), 0);
    mode_t mask = umask(0);
    (void)umask(mask);
    assert_int_equal(info.st_mode & 0777, 0666 & ~mask);
}

static void what_is_not_committed_is_not_written_and_undone_for_good(void **state)
{
    struct scene *s = *state;
    struct recording *r = opened(s);
    assert_true(recording_sink.idle(r));
    put(r, "1");
    assert_false(recording_sink.idle(r));
    assert_file(s, "");
    recording_sink.undone(r);
    assert_true(recording_sink.idle(r));
    put(r, "2");
    commit(r);
    assert_true(recording_sink.idle(r));
    commit(r); /* nothing new */
    put(r, "3");
    recording_sink.free(r);
    assert_file(s, LINE("2"));
}

static void a_file_opened_again_is_continued(void **state)
{
    struct scene *s = *state;
    for (int i = 1; i <= 3; i++) {
        char number[16];
        struct recording *r = opened(s);
        (void)snprintf(number, sizeof number, "%d", i);
        put(r, number);
        commit(r);
        recording_sink.free(r);
    }
    assert_file(s, LINE("1") LINE("2") LINE("3"));
}

static void a_crash_anywhere_within_a_line_costs_that_line_alone(void **state)
{
    struct scene *s = *state;
    static const char both[] = LINE("1") LINE("2");
    const size_t line = strlen(LINE("1"));
    for (size_t len = 0; len <= 2 * line; len++) {
        write_file(s, both, len);
        recording_sink.free(opened(s));
        struct buf text = read_file(s);
        /* Whole but for its newline: completed. */
        size_t expected = (len + 1) / line * line;
        if (text.len != expected || strncmp(text.data, both, expected) != 0)
            fail_msg("cut at %zu of %zu: %s", len, 2 * line, text.data);
        buf_deinit(&text);
    }
}

static void a_last_line_that_is_not_ours_is_kept_and_ended(void **state)
{
    struct scene *s = *state;
    static const char *const texts[] = {
        "notes, and no newline", "{\"uri\":\"u:1\"}", "{\"topics\":1", "a\nb", " {\"topic\":",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        char expected[64];
        write_file(s, texts[i], strlen(texts[i]));
        recording_sink.free(opened(s));
        (void)snprintf(expected, sizeof expected, "%s\n", texts[i]);
        assert_file(s, expected);
    }
}

static void a_line_longer_than_any_of_ours_is_kept_and_ended(void **state)
{
    struct scene *s = *state;
    size_t len = 6u << 20;
    char *bytes = malloc(len);
    struct stat info;
    assert_non_null(bytes);
    memset(bytes, 'x', len);
    /* What looks like a line of ours at the start of the part that is looked at. */
    for (size_t at = 0; at + 10 < len; at += 10)
        memcpy(bytes + at, "{\"topic\":\"", 10);
    write_file(s, bytes, len);
    recording_sink.free(opened(s));
    assert_int_equal(stat(s->path, &info), 0);
    assert_int_equal(info.st_size, len + 1);
    free(bytes);
}

static void a_large_line_cut_short_is_cut_away(void **state)
{
    struct scene *s = *state;
    struct recording *r = opened(s);
    struct buf item = {0};
    struct stat info;
    buf_puts(&item, "{\"uri\":\"u:2\",\"edNote\":\"");
    for (size_t i = 0; i < (4u << 20) - 100; i++)
        buf_putc(&item, 'x');
    buf_puts(&item, "\"}");
    put(r, "1");
    put_json(r, item.data);
    commit(r);
    recording_sink.free(r);
    buf_deinit(&item);
    assert_int_equal(stat(s->path, &info), 0);
    assert_int_equal(truncate(s->path, info.st_size - 10), 0);
    recording_sink.free(opened(s));
    assert_file(s, LINE("1"));
}

static void two_processes_do_not_record_into_one_file(void **state)
{
    struct scene *s = *state;
    struct recording *r = opened(s);
    struct news_error err = {0};
    assert_null(recording_new(s->path, &err));
    assert_int_equal(err.code, NEWS_ERR_BUSY);
    assert_non_null(strstr(err.message, s->path));
    put(r, "1");
    commit(r);
    recording_sink.free(r);
    recording_sink.free(opened(s));
    assert_file(s, LINE("1"));
}

static void a_path_that_cannot_be_recorded_to_is_refused_with_its_name(void **state)
{
    struct scene *s = *state;
    char fifo[200], missing[200];
    (void)snprintf(fifo, sizeof fifo, "%s/fifo", s->dir.path);
    (void)snprintf(missing, sizeof missing, "%s/no/such", s->dir.path);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    const struct {
        const char *path, *says;
    } rows[] = {
        {fifo, "not a regular file"},      {"/dev/null", "not a regular file"},
        {s->dir.path, "Is a directory"},   {missing, "No such file or directory"},
        {"", "No such file or directory"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct news_error err = {0};
        assert_null(recording_new(rows[i].path, &err));
        assert_int_equal(err.code, NEWS_ERR_IO);
        if (strncmp(err.message, rows[i].path, strlen(rows[i].path)) != 0 ||
            !strstr(err.message, rows[i].says))
            fail_msg("%s", err.message);
    }
}

static void a_batch_that_cannot_be_written_leaves_nothing_and_the_file_is_named(void **state)
{
    struct scene *s = *state;
    struct recording *r = opened(s);
    struct news_error err = {0};
    const size_t line = strlen(LINE("1"));
    struct rlimit before, small;
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){.rlim_cur = (rlim_t)(2 * line + line / 2), .rlim_max = before.rlim_max};
    put(r, "1");
    commit(r);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    put(r, "2");
    put(r, "3");
    bool written = recording_sink.committed(r, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_false(written);
    assert_int_equal(err.code, NEWS_ERR_IO);
    assert_int_equal(strncmp(err.message, s->path, strlen(s->path)), 0);
    assert_non_null(strstr(err.message, strerror(EFBIG)));
    assert_file(s, LINE("1"));
    recording_sink.free(r);
    assert_file(s, LINE("1"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_committed_item_is_a_line_as_ndjson_has_it),
        TEST(what_is_not_committed_is_not_written_and_undone_for_good),
        TEST(a_file_opened_again_is_continued),
        TEST(a_crash_anywhere_within_a_line_costs_that_line_alone),
        TEST(a_last_line_that_is_not_ours_is_kept_and_ended),
        TEST(a_line_longer_than_any_of_ours_is_kept_and_ended),
        TEST(a_large_line_cut_short_is_cut_away),
        TEST(two_processes_do_not_record_into_one_file),
        TEST(a_path_that_cannot_be_recorded_to_is_refused_with_its_name),
        TEST(a_batch_that_cannot_be_written_leaves_nothing_and_the_file_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
