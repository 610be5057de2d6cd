#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/buf.h"
#include "publisher/input.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NOW_MS       INT64_C(1795442527000)
#define A            "{\"uri\":\"u:a\"}"
#define B            "{\"uri\":\"u:b\"}"
#define C            "{\"uri\":\"u:c\"}"

/* ------------------------------------------------------------------------------------ Helpers */

struct file {
    char path[64];
};

static struct file file_made(const char *bytes, size_t len)
{
    struct file f = {"/tmp/newswire-input-XXXXXX"};
    int fd = mkstemp(f.path);
    assert_true(fd >= 0);
    for (size_t at = 0; at < len;) {
        ssize_t n = write(fd, bytes + at, len - at);
        assert_true(n > 0);
        at += (size_t)n;
    }
    assert_int_equal(close(fd), 0);
    return f;
}

static struct input *opened(const char *path)
{
    struct news_error err = {0};
    struct input *in = input_open(path, NOW_MS, false, &err);
    if (!in) fail_msg("%s", err.message);
    return in;
}

/* One line for each answer of the input: an item's uri, or the message without the file's path. */
static void note_answers(struct input *in, const char *path, struct buf *told)
{
    for (;;) {
        struct ninjs item;
        struct ninjs_fault fault;
        struct news_error err = {0};
        enum input_result r = input_next(in, &item, &err);
        if (r == INPUT_END) {
            assert_int_equal(input_next(in, &item, &err), INPUT_END); /* and stays there */
            return;
        }
        if (r == INPUT_MORE) {
            if (!input_fill(in, &err)) fail_msg("%s", err.message);
        } else if (r == INPUT_ITEM) {
            struct buf text = {0};
            assert_int_equal(item.flags, 0);
            assert_true(ninjs_check(item.all.at, item.all.len, &item, &fault));
            json_text(&text, item.member[NINJS_URI]);
            buf_printf(told, "%s\n", text.data ? text.data : "");
            buf_deinit(&text);
        } else {
            size_t skip = strlen(path);
            assert_int_equal(err.code, NEWS_ERR_DATA);
            if (strncmp(err.message, path, skip) != 0) fail_msg("%s", err.message);
            buf_printf(told, "%s%s\n", r == INPUT_NOTE ? "note" : "", err.message + skip);
        }
    }
}

static struct buf answers(const char *bytes, size_t len)
{
    struct file f = file_made(bytes, len);
    struct buf told = {0};
    struct input *in = opened(f.path);
    note_answers(in, f.path, &told);
    input_close(in);
    (void)unlink(f.path);
    buf_puts(&told, "");
    return told;
}

static void assert_answers(const char *bytes, size_t len, const char *expected)
{
    struct buf told = answers(bytes, len);
    if (strcmp(told.data, expected) != 0)
        fail_msg("%.300s\ngives\n%snot\n%s", bytes, told.data, expected);
    buf_deinit(&told);
}

struct input_case {
    const char *text;
    const char *answers;
};

static void check(const struct input_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_answers(cases[i].text, strlen(cases[i].text), cases[i].answers);
}

#define CHECK(cases) check(cases, COUNT(cases))

/* -------------------------------------------------------------------------------------- NDJSON */

static void each_line_is_an_item(void **state)
{
    (void)state;
    static const struct input_case cases[] = {
        {A "\n" B "\n" C "\n", "u:a\nu:b\nu:c\n"},
        {A "\n" B, "u:a\nu:b\n"}, /* the last newline may lack */
        {A, "u:a\n"},
        {A "\r\n" B "\r\n", "u:a\nu:b\n"},
        {"\xef\xbb\xbf" A "\n" B "\n", "u:a\nu:b\n"},
        {"\n\n  \n" A "\n\n \t\r\n" B "\n\n", "u:a\nu:b\n"},
        {"  " A "  \n\t" B "\n", "u:a\nu:b\n"},
        {"\xef\xbb\xbf\r\n" A "\r\n", "u:a\n"},
    };
    CHECK(cases);
}

/* {"topic":..,"item":..}, as newssub -o ndjson prints it. */
static void an_item_may_stand_in_a_recorded_line(void **state)
{
    (void)state;
#define CAME "{\"topic\":\"news/p/s/en/5/general\",\"received\":\"2026-11-23T14:02:07Z\",\"item\":"
    static const struct input_case cases[] = {
        {CAME A "}\n" CAME B "}\n", "u:a\nu:b\n"},
        {A "\n" CAME B "}\n" C, "u:a\nu:b\nu:c\n"},
        {"[" CAME A "}, " B "]", "u:a\nu:b\n"},
        {"{\n\"topic\": \"t\",\n\"item\":\n" A "}\n", "u:a\n"},
        {CAME "{\"uri\":\"u:x\",\"colour\":1}}\n" CAME B "}\n",
         ":1: colour: unknown property\nu:b\n"},
        {A "\n{\"topic\":\"t\"}\n" B "\n", "u:a\n:2: item: is missing\nu:b\n"},
        {A "\n{\"received\":\"soon\",\"item\":" B "}\n",
         "u:a\n:2: received: is not a date of RFC 3339\n"},
        {"{\n\"topic\": \"t\",\n\"item\":\n{\n\"uri\": 1}}\n", ":5: uri: a string is expected\n"},
    };
#undef CAME
    CHECK(cases);
}

static void how_an_item_came_is_known_for_as_long_as_the_item(void **state)
{
    (void)state;
    static const char text[] = "{\"topic\":\"news/p/s/en/5/general\",\"received\":"
                               "\"2026-11-23T14:02:07Z\",\"item\":" A "}\n" B "\n";
    struct file f = file_made(text, strlen(text));
    struct input *in = opened(f.path);
    struct ninjs item;
    struct news_error err = {0};
    while (input_next(in, &item, &err) == INPUT_MORE)
        assert_true(input_fill(in, &err));
    assert_non_null(input_recorded(in));
    assert_string_equal(input_recorded(in)->topic, "news/p/s/en/5/general");
    assert_int_equal(input_recorded(in)->received_ms, INT64_C(1795442527000));
    assert_int_equal(input_next(in, &item, &err), INPUT_ITEM);
    assert_null(input_recorded(in));
    input_close(in);
    (void)unlink(f.path);
}

static void nothing_gives_nothing(void **state)
{
    (void)state;
    static const struct input_case cases[] = {
        {"", ""}, {"\n", ""}, {" \r\n\t", ""}, {"\xef\xbb\xbf", ""}, {"\xef\xbb\xbf\n", ""}};
    CHECK(cases);
}

static void a_bad_line_is_refused_and_the_others_are_read(void **state)
{
    (void)state;
    static const struct input_case cases[] = {
        {A "\n{\"uri\":\n" B "\n", "u:a\n:2: uri: a string is expected\nu:b\n"},
        {A "\nrubbish\n" B "\n", "u:a\n:2: $: an object is expected\nu:b\n"},
        {A "\n\n{\"uri\":\"u:x\",\"urgency\":12}\n" B "\n",
         "u:a\n:3: urgency: is not between 1 and 9\nu:b\n"},
        {A "\n{\"uri\":\"u:x\",\"headlines\":[{\"role\":\"main\"}]}\n",
         "u:a\n:2: headlines[0].value: is required\n"},
        {A "\n[" B "]\n" C "\n", "u:a\n:2: $: an object is expected\nu:c\n"},
        {A "\n" B " " C "\n", "u:a\n:2: $: something follows the item\n"},
        {A "\n{\"title\":\"t\",\"date\":\"soon\"}\n" B, "u:a\n:2: date: is not a date\nu:b\n"},
        {A "\n{\"uri\":\"\xff\"}\n" B, "u:a\n:2: uri: the text is not valid UTF-8\nu:b\n"},
        {A "\n{\"headline\":\"h\"}\n" B, "u:a\nu:b\n"},
    };
    for (size_t i = 0; i + 1 < COUNT(cases); i++)
        assert_answers(cases[i].text, strlen(cases[i].text), cases[i].answers);
    struct buf told = answers(cases[COUNT(cases) - 1].text, strlen(cases[COUNT(cases) - 1].text));
    assert_non_null(strstr(told.data, "urn:uuid:")); /* the short form gets a uri of its own */
    buf_deinit(&told);
}

static void a_bad_first_line_spoils_no_other(void **state)
{
    (void)state;
    static const struct input_case cases[] = {
        {"{\"uri\":\n" A "\n" B "\n", ":1: uri: a string is expected\nu:a\nu:b\n"},
        {"{\"uri\":\"u:x\",\"colour\":1}\n" A "\n", ":1: colour: unknown property\nu:a\n"},
        {"\n\n{\"uri\":\n" A "\n", ":3: uri: a string is expected\nu:a\n"},
    };
    CHECK(cases);
}

/* Two lines that a crash or a full disk cut are no reason to lose the rest. */
static void several_bad_first_lines_spoil_no_other(void **state)
{
    (void)state;
    static const struct input_case cases[] = {
        {"{\"uri\":\n{\"uri\":\n" A "\n" B "\n",
         ":1: uri: a string is expected\n:2: uri: a string is expected\nu:a\nu:b\n"},
        {"{\"uri\":\n\n" A "\n" B "\n", ":1: uri: a string is expected\nu:a\nu:b\n"},
        {"{\"uri\":\n" A "\r\n" B "\n", ":1: uri: a string is expected\nu:a\nu:b\n"},
    };
    CHECK(cases);
}

/* A log line, a prompt or the tail of a cut line in front of the items. */
static void a_first_line_that_is_no_json_spoils_no_other(void **state)
{
    (void)state;
    static const char text[] = "starting ...\n" A "\n" B "\n";
    struct buf told = answers(text, strlen(text));
    bool read = strstr(told.data, "u:a\nu:b\n") != NULL;
    buf_deinit(&told);
    assert_true(read);
}

static char *long_line(size_t len, size_t *total, const char *before, const char *behind)
{
    struct buf b = {0};
    buf_puts(&b, before);
    size_t start = b.len;
    buf_puts(&b, "{\"uri\":\"u:long\",\"title\":\"");
    char *at = buf_reserve(&b, len);
    assert_non_null(at);
    size_t fill = len - (b.len - start) - 2;
    memset(at, 'x', fill);
    b.len += fill;
    buf_puts(&b, "\"}");
    assert_int_equal(b.len - start, len);
    buf_puts(&b, behind);
    *total = b.len;
    return b.data;
}

static void a_line_beyond_the_bound_is_refused_once(void **state)
{
    (void)state;
    static const struct {
        size_t over;
        const char *behind, *answers;
    } cases[] = {
        {0, "\n" B "\n", "u:a\nu:long\nu:b\n"},
        {1, "\n" B "\n", "u:a\n:2: $: the item is larger than 4 MiB\nu:b\n"},
        {1u << 20, "\n" B "\n", "u:a\n:2: the line is longer than 4 MiB\nu:b\n"},
        {9u << 20, "\n" B "\n", "u:a\n:2: the line is longer than 4 MiB\nu:b\n"},
        {9u << 20, "", "u:a\n:2: the line is longer than 4 MiB\n"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t len;
        char *text = long_line(INPUT_LINE_MAX + cases[i].over, &len, A "\n", cases[i].behind);
        struct buf told = answers(text, len);
        free(text);
        if (strcmp(told.data, cases[i].answers) != 0) fail_msg("%zu: %s", i, told.data);
        buf_deinit(&told);
    }
}

static void a_first_line_beyond_the_bound_spoils_no_other(void **state)
{
    (void)state;
    size_t len;
    char *text = long_line(INPUT_LINE_MAX + (1u << 20), &len, "", "\n" A "\n" B "\n");
    struct buf told = answers(text, len);
    free(text);
    bool read = strstr(told.data, "u:a\nu:b\n") != NULL;
    if (!read) print_error("%s", told.data);
    buf_deinit(&told);
    assert_true(read);
}

/* The answers when the bytes come one at a time; those of the last one may need the end. */
static struct buf answers_in_drops(const char *bytes, size_t len, size_t *before_the_end)
{
    int fds[2];
    char path[32];
    struct buf told = {0};
    struct ninjs item;
    struct news_error err = {0};
    assert_int_equal(pipe(fds), 0);
    (void)snprintf(path, sizeof path, "/dev/fd/%d", fds[0]);
    struct input *in = opened(path);
    *before_the_end = 0;
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(write(fds[1], bytes + i, 1), 1);
        assert_true(input_fill(in, &err));
        for (enum input_result r; (r = input_next(in, &item, &err)) != INPUT_MORE;) {
            if (r == INPUT_END) fail_msg("over after %zu bytes: %s", i + 1, err.message);
            buf_puts(&told, r == INPUT_ITEM ? "item\n" : "fault\n");
            (*before_the_end)++;
        }
    }
    (void)close(fds[1]);
    note_answers(in, path, &told);
    input_close(in);
    (void)close(fds[0]);
    buf_puts(&told, "");
    return told;
}

/* A line is read as it comes: who pipes one item in sees it at once. */
static void lines_are_read_as_they_come(void **state)
{
    (void)state;
    static const char text[] = "\r\n" A "\r\n\n{\"uri\"\n" B "\n" C;
    size_t before_the_end;
    struct buf told = answers_in_drops(text, strlen(text), &before_the_end);
    assert_string_equal(told.data, "item\nfault\nitem\nu:c\n"); /* C waits for the end */
    assert_int_equal(before_the_end, 3);
    buf_deinit(&told);
}

/* What the input is must not be settled by half of a byte order mark or of a tag. */
static void the_kind_of_the_input_is_told_however_its_bytes_come(void **state)
{
    (void)state;
    static const struct {
        const char *text, *answers;
    } cases[] = {
        {"\xef\xbb\xbf" A "\n", "item\n"},
        {"\xef\xbb\xbf\n[" A "]", "u:a\n"},
        {"\xef\xbb\xbf<?xml version=\"1.0\"?>\n<!-- c --><rss version=\"2.0\"><channel><title>F"
         "</title><item><title>One</title><link>https://a.example/1</link></item></channel></rss>",
         "https://a.example/1\n"},
        {" <!-- c --> <rss version=\"2.0\"><channel><title>F</title><item><title>One</title>"
         "<link>https://a.example/1</link></item></channel></rss>",
         "https://a.example/1\n"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t before_the_end;
        struct buf told = answers_in_drops(cases[i].text, strlen(cases[i].text), &before_the_end);
        assert_string_equal(told.data, cases[i].answers);
        buf_deinit(&told);
    }
}

/* ------------------------------------------------------------------------------------ Documents */

static void one_document_is_an_item_or_an_array_of_them(void **state)
{
    (void)state;
    static const struct input_case cases[] = {
        {"{\n  \"uri\": \"u:a\"\n}\n", "u:a\n"},
        {"{\n\"uri\":\n\"u:a\"\n}", "u:a\n"},
        {"\xef\xbb\xbf\n{\r\n  \"uri\": \"u:a\"\r\n}\r\n", "u:a\n"},
        {"[" A "," B "]", "u:a\nu:b\n"},
        {"[\n" A ",\n{\n\"uri\":\"u:b\"\n}\n]\n", "u:a\nu:b\n"},
        {"[]", ""},
        {"[\n]\n", ""},
        {"[" A ",5," B "]", "u:a\n:1: $: an object is expected\nu:b\n"},
        {"[\n" A ",\n\n{\"uri\":\"u:x\",\n\"urgency\":12},\n" B "]",
         "u:a\n:5: urgency: is not between 1 and 9\nu:b\n"},
        {"{\n  \"uri\": \"u:a\",\n  \"colour\": 5\n}\n", ":3: colour: unknown property\n"},
        {"\n\n{\n  \"uri\": \"u:a\",\n  \"colour\": 5\n}\n", ":5: colour: unknown property\n"},
        {"{\n  \"uri\": \"u:a\",\n", ":3: $: a property name in quotes is expected\n"},
        {"{\n  \"uri\": \"u:a\"\n}\n}\n", ":4: $: something follows the JSON document\n"},
        {"[" A "," B, ":1: $: ',' or ']' is expected\n"},
        {"[\n" A "\n" B "]", ":3: $: ',' or ']' is expected\n"},
    };
    CHECK(cases);
}

static void a_pretty_printed_document_may_follow_a_broken_looking_line(void **state)
{
    (void)state;
    static const struct input_case cases[] = {
        {"{ \"uri\": \"u:a\",\n  \"title\": \"t\" }\n", "u:a\n"},
        {"{\n{\n", ":2: $: a property name in quotes is expected\n"},
    };
    CHECK(cases);
}

static void feeds_are_told_by_their_content(void **state)
{
    (void)state;
#define FEED_ITEMS                                                                                 \
    "\"items\":[{\"id\":\"https://a.example/1\",\"title\":\"One\"},{\"id\":"                       \
    "\"https://a.example/2\",\"content_text\":\"Two\"}]"
    static const struct input_case cases[] = {
        {"{\"version\":\"https://jsonfeed.org/version/1.1\",\"title\":\"F\"," FEED_ITEMS "}",
         "https://a.example/1\nhttps://a.example/2\n"},
        {"{\n\"version\":\"https://jsonfeed.org/version/1\",\n\"title\":\"F\",\n" FEED_ITEMS "}\n",
         "https://a.example/1\nhttps://a.example/2\n"},
        {"{\"version\":\"https://jsonfeed.org/version/1.1\",\"title\":\"F\",\"items\":[]}\n", ""},
        {"<?xml version=\"1.0\"?><rss version=\"2.0\"><channel><title>F</title><item><title>One"
         "</title><link>https://a.example/1</link></item></channel></rss>",
         "https://a.example/1\n"},
        {"\xef\xbb\xbf\n<rss version=\"2.0\"><channel><title>F</title><item><title>One</title>"
         "<link>https://a.example/1</link></item></channel></rss>",
         "https://a.example/1\n"},
    };
    CHECK(cases);
}

/* PHP's json_encode(), and with it WordPress, writes every slash as \/ unless told otherwise. */
static void a_json_feed_with_escaped_slashes_is_a_json_feed(void **state)
{
    (void)state;
    static const struct input_case cases[] = {
        {"{\"version\":\"https:\\/\\/jsonfeed.org\\/version\\/1.1\",\"title\":\"F\"," FEED_ITEMS
         "}",
         "https://a.example/1\nhttps://a.example/2\n"},
        {"{\n\"version\":\"https:\\/\\/jsonfeed.org\\/version\\/1.1\",\"title\":\"F\"," FEED_ITEMS
         "}\n",
         "https://a.example/1\nhttps://a.example/2\n"},
    };
    CHECK(cases);
}

static void what_is_no_input_is_refused_once(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        {"garbage", 7},
        {"\0", 1},
        {"\0\1\2\3\xff\xfe", 6},
        {"\x1f\x8b\x08\0\0\0", 6},
        {"\xff\xfe{\0}\0", 6},
        {"5", 1},
        {"\"a\"", 3},
        {"null\n", 5},
        {"<html><body>no feed</body></html>", 33},
        {"{", 1},
        {"[", 1},
        {"{\0}", 3},
        {"[1]\0", 4},
        {"%PDF-1.4\n{\"uri\":", 16},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf told = answers(cases[i].bytes, cases[i].len);
        const char *newline = strchr(told.data, '\n');
        if (*told.data != ':' || !newline || newline[1]) fail_msg("case %zu: \"%s\"", i, told.data);
        buf_deinit(&told);
    }
}

static void random_bytes_are_survived(void **state)
{
    (void)state;
    uint32_t seed = 7;
    char bytes[512];
    for (int round = 0; round < 200; round++) {
        for (size_t i = 0; i < sizeof bytes; i++) {
            seed = seed * 1664525u + 1013904223u;
            bytes[i] = (char)(round % 2 ? seed >> 24 : (uint32_t) "{}[]\",:\n\\u a<>1"[seed >> 28]);
        }
        struct buf told = answers(bytes, sizeof bytes);
        assert_non_null(told.data);
        buf_deinit(&told);
    }
}

/* Twice the items, twice the time; four times is quadratic, and minutes for a large file. */
static double seconds_for(size_t items)
{
    struct buf b = {0};
    buf_putc(&b, '[');
    for (size_t i = 0; i < items; i++)
        buf_printf(&b, "%s{\"uri\":\"u:%zu\",\"title\":\"%0300d\"}\n", i ? "," : "", i, 0);
    buf_putc(&b, ']');
    struct file f = file_made(b.data, b.len);
    buf_deinit(&b);
    struct input *in = opened(f.path);
    clock_t start = clock();
    size_t count = 0;
    struct ninjs item;
    struct news_error err = {0};
    for (enum input_result r; (r = input_next(in, &item, &err)) != INPUT_END;) {
        if (r == INPUT_MORE) assert_true(input_fill(in, &err));
        count += r == INPUT_ITEM;
    }
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    assert_int_equal(count, items);
    input_close(in);
    (void)unlink(f.path);
    return seconds;
}

static void a_long_array_takes_linear_time(void **state)
{
    (void)state;
    double few = seconds_for(1000), many = seconds_for(8000);
    /* 8 times as many: 8 times as long when linear, 64 when not; a slow machine has its floor */
    if (many > 0.3 && many > few * 24) fail_msg("%.2f s, then %.2f s", few, many);
}

/* --------------------------------------------------------------------------------------- Files */

static void a_file_that_cannot_be_read_is_told(void **state)
{
    (void)state;
    struct news_error err = {0};
    assert_null(input_open("/nonexistent/items", NOW_MS, false, &err));
    assert_int_equal(err.code, NEWS_ERR_IO);
    assert_string_equal(err.message, "/nonexistent/items: No such file or directory");
    struct input *in = opened("/");
    assert_false(input_fill(in, &err));
    assert_int_equal(err.code, NEWS_ERR_IO);
    assert_string_equal(err.message, "/: Is a directory");
    input_close(in);
    input_close(NULL);
}

static void nothing_is_read_before_it_is_asked_for(void **state)
{
    (void)state;
    struct file f = file_made(A, strlen(A));
    struct ninjs item;
    struct news_error err = {0};
    struct input *in = opened(f.path);
    assert_true(input_fd(in) > STDERR_FILENO);
    assert_int_equal(input_next(in, &item, &err), INPUT_MORE);
    assert_int_equal(input_next(in, &item, &err), INPUT_MORE);
    input_close(in);
    (void)unlink(f.path);
}

static void standard_input_has_its_name_and_stays_open(void **state)
{
    (void)state;
    static const char text[] = A "\n{\"uri\":5}\n";
    struct file f = file_made(text, strlen(text));
    int saved = dup(STDIN_FILENO), fd = open(f.path, O_RDONLY);
    struct buf told = {0};
    assert_true(saved >= 0 && fd >= 0);
    assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
    struct input *in = opened("-");
    note_answers(in, "standard input", &told);
    input_close(in);
    bool open_still = fcntl(STDIN_FILENO, F_GETFD) >= 0;
    (void)dup2(saved, STDIN_FILENO);
    (void)close(saved);
    (void)close(fd);
    (void)unlink(f.path);
    assert_true(open_still);
    assert_string_equal(told.data, "u:a\n:2: uri: a string is expected\n");
    buf_deinit(&told);
}

static void a_feed_is_turned_around_where_asked(void **state)
{
    (void)state;
    static const char newest_first[] =
        "{\"version\":\"https://jsonfeed.org/version/1.1\",\"title\":\"F\",\"items\":["
        "{\"id\":\"u:3\",\"content_text\":\"3\",\"date_published\":\"2026-11-03T00:00:00Z\"},"
        "{\"id\":\"u:2\",\"content_text\":\"2\",\"date_published\":\"2026-11-02T00:00:00Z\"},"
        "{\"id\":\"u:1\",\"content_text\":\"1\",\"date_published\":\"2026-11-01T00:00:00Z\"}]}";
    struct file f = file_made(newest_first, strlen(newest_first));
    char order[2][16];
    for (int oldest_first = 0; oldest_first <= 1; oldest_first++) {
        struct news_error err = {0};
        struct ninjs item;
        size_t n = 0;
        struct input *in = input_open(f.path, NOW_MS, oldest_first, &err);
        assert_non_null(in);
        for (enum input_result r; (r = input_next(in, &item, &err)) != INPUT_END;) {
            if (r == INPUT_MORE) assert_true(input_fill(in, &err));
            if (r != INPUT_ITEM) continue;
            struct buf body = {0};
            json_text(&body, json_member((struct json_slice){item.member[NINJS_BODIES].at + 1,
                                                             item.member[NINJS_BODIES].len - 2},
                                         "value"));
            assert_int_equal(body.len, 1);
            order[oldest_first][n++] = body.data[0];
            buf_deinit(&body);
        }
        order[oldest_first][n] = '\0';
        input_close(in);
    }
    (void)unlink(f.path);
    assert_string_equal(order[0], "321");
    assert_string_equal(order[1], "123");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_is_an_item),
        cmocka_unit_test(an_item_may_stand_in_a_recorded_line),
        cmocka_unit_test(how_an_item_came_is_known_for_as_long_as_the_item),
        cmocka_unit_test(nothing_gives_nothing),
        cmocka_unit_test(a_bad_line_is_refused_and_the_others_are_read),
        cmocka_unit_test(a_bad_first_line_spoils_no_other),
        cmocka_unit_test(several_bad_first_lines_spoil_no_other),
        cmocka_unit_test(a_first_line_that_is_no_json_spoils_no_other),
        cmocka_unit_test(a_line_beyond_the_bound_is_refused_once),
        cmocka_unit_test(a_first_line_beyond_the_bound_spoils_no_other),
        cmocka_unit_test(lines_are_read_as_they_come),
        cmocka_unit_test(the_kind_of_the_input_is_told_however_its_bytes_come),
        cmocka_unit_test(one_document_is_an_item_or_an_array_of_them),
        cmocka_unit_test(a_pretty_printed_document_may_follow_a_broken_looking_line),
        cmocka_unit_test(feeds_are_told_by_their_content),
        cmocka_unit_test(a_json_feed_with_escaped_slashes_is_a_json_feed),
        cmocka_unit_test(what_is_no_input_is_refused_once),
        cmocka_unit_test(random_bytes_are_survived),
        cmocka_unit_test(a_long_array_takes_linear_time),
        cmocka_unit_test(a_file_that_cannot_be_read_is_told),
        cmocka_unit_test(nothing_is_read_before_it_is_asked_for),
        cmocka_unit_test(standard_input_has_its_name_and_stays_open),
        cmocka_unit_test(a_feed_is_turned_around_where_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
