/* tests/integration/reader.h - newssub's full screen as a reader has it: the shipped program in a
 * terminal (tests/support/vt.h), a broker, and a wire to publish on whatever one likes.
 *
 * One of each a test; reader_setup() and reader_teardown() are its fixtures. What is waited for and
 * does not come fails the test at once, with what stands on the screen. */
#ifndef NEWS_TEST_READER_H
#define NEWS_TEST_READER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/date.h"
#include "tests/support/broker.h"
#include "tests/support/process.h"
#include "tests/support/program.h"
#include "tests/support/station.h"
#include "tests/support/tmpdir.h"
#include "tests/support/vt.h"
#include "tests/support/wait.h"

enum { ENVIRONMENT_SETTINGS = 16, SETTING_SIZE = 600, ARGUMENTS = 48 };

static struct scene *scene;
static struct station wire;
static struct vt *screen;
static const char *doing; /* which of many; NULL: the test's name says it */

static inline int reader_setup(void **state)
{
    wire = (struct station){0};
    screen = NULL;
    doing = NULL;
    int failed = scene_setup(state);
    scene = *state;
    return failed;
}

static inline int reader_teardown(void **state)
{
    vt_free(screen);
    screen = NULL;
    station_free(&wire);
    wire = (struct station){0};
    return scene_teardown(state);
}

#define READER_TEST(name) cmocka_unit_test_setup_teardown(name, reader_setup, reader_teardown)

/* ---- what a reader sees ---- */

__attribute__((noreturn)) static inline void fail_with_screen(const char *what, const char *text,
                                                              const char *file, int line)
{
    vt_read(screen);
    if (doing) print_error("%s: ", doing);
    print_error("%s \"%s\"; on the screen:\n", what, text);
    for (int row = 0; row < vt_rows(screen); row++) /* cmocka cuts what is long */
        print_error("%s\n", vt_row(screen, row));
    _fail(file, line);
    abort(); /* not reached: cmocka jumps */
}

static inline void expect_at(const char *text, const char *file, int line)
{
    if (!vt_expect(screen, text, WAIT_MS)) fail_with_screen("there is no", text, file, line);
}

static inline void expect_gone_at(const char *text, const char *file, int line)
{
    if (!vt_expect_gone(screen, text, WAIT_MS)) fail_with_screen("there is", text, file, line);
}

static inline void expect_row_at(int row, const char *text, const char *file, int line)
{
    if (row < 0) row += vt_rows(screen);
    if (!vt_expect_row(screen, row, text, WAIT_MS))
        fail_with_screen("the row is without", text, file, line);
}

/* The line of the list with the cursor, which is the only reversed one; -1: there is none. */
static inline int cursor_row(void)
{
    for (int row = 1; row < vt_rows(screen) - 1; row++)
        if (vt_cell(screen, row, 1).reverse) return row;
    return -1;
}

static inline bool cursor_is_on(void *user)
{
    int row = cursor_row();
    return row > 0 && strstr(vt_row(screen, row), user);
}

static inline void expect_cursor_at(const char *text, const char *file, int line)
{
    if (!vt_wait(screen, cursor_is_on, (void *)(uintptr_t)text, WAIT_MS))
        fail_with_screen("the cursor is not on", text, file, line);
}

#define expect(text)          expect_at(text, __FILE__, __LINE__)
#define expect_gone(text)     expect_gone_at(text, __FILE__, __LINE__)
#define expect_row(row, text) expect_row_at(row, text, __FILE__, __LINE__) /* -1: the last one */
#define expect_cursor(text)   expect_cursor_at(text, __FILE__, __LINE__)

/* The row that has the text; fails when there is none. */
static inline int row_with(const char *text)
{
    for (int row = 0; row < vt_rows(screen); row++)
        if (strstr(vt_row(screen, row), text)) return row;
    fail_with_screen("there is no", text, __FILE__, __LINE__);
}

/* The column in which the text begins, counted in cells. */
static inline int column_of(int row, const char *text)
{
    for (int column = 0; column < vt_columns(screen); column++) {
        size_t at = 0;
        for (int c = column; c < vt_columns(screen) && at < strlen(text); c++) {
            struct vt_cell cell = vt_cell(screen, row, c);
            size_t len = strlen(cell.text);
            if (len == 0 && text[at] == ' ' && cell.width > 0) len = 1;
            else if (strncmp(cell.text, text + at, len) != 0 || len == 0) break;
            at += len;
        }
        if (at == strlen(text)) return column;
    }
    return -1;
}

/* ---- files ---- */

/* All of it; the caller's, and empty when it cannot be read. */
static inline struct buf file_bytes(const char *path)
{
    struct buf bytes = {0};
    FILE *f = fopen(path, "rb");
    for (char *room; f && (room = buf_reserve(&bytes, 65536));) {
        size_t n = fread(room, 1, 65536, f);
        if (n == 0) break;
        bytes.len += n;
    }
    if (f) (void)fclose(f);
    buf_putc(&bytes, '\0');
    bytes.len--;
    return bytes;
}

static inline bool file_has(const char *path, const char *text)
{
    struct buf bytes = file_bytes(path);
    bool has = memmem(bytes.data, bytes.len, text, strlen(text)) != NULL;
    buf_deinit(&bytes);
    return has;
}

struct file_wish {
    const char *path, *text;
};

static inline bool wish_is_granted(void *user)
{
    const struct file_wish *w = user;
    return file_has(w->path, w->text);
}

/* Reads the screen meanwhile, if there is one. */
static inline void expect_file_at(const char *path, const char *text, const char *file, int line)
{
    struct file_wish wish = {path, text};
    bool came = screen ? vt_wait(screen, wish_is_granted, &wish, WAIT_MS)
                       : wait_until(wish_is_granted, &wish, WAIT_MS);
    if (came) return;
    struct buf bytes = file_bytes(path);
    print_error("%s is without \"%s\":\n%.2000s\n", path, text, bytes.data);
    buf_deinit(&bytes);
    _fail(file, line);
}
#define expect_file(path, text) expect_file_at(path, text, __FILE__, __LINE__)

/* ---- starting ---- */

/* What scene_launch() sets, for a terminal; more is added, NULL: nothing. */
static inline struct vt *start_in_terminal(const char *const *argv, const char *const *more,
                                           int rows, int columns)
{
    char home[SETTING_SIZE], config[SETTING_SIZE], state[SETTING_SIZE];
    const char *environment[ENVIRONMENT_SETTINGS] = {
        home, config, state, "NEWSWIRE_BROKER", "NO_COLOR", "TZ=UTC0", "BROWSER", "DISPLAY=:none"};
    size_t n = 8;
    (void)snprintf(home, sizeof home, "HOME=%s", scene->dir.path);
    (void)snprintf(config, sizeof config, "XDG_CONFIG_HOME=%s/config", scene->dir.path);
    (void)snprintf(state, sizeof state, "XDG_STATE_HOME=%s/state", scene->dir.path);
    for (; more && *more && n < ENVIRONMENT_SETTINGS - 1; more++)
        environment[n++] = *more;
    char errors[SETTING_SIZE];
    (void)snprintf(errors, sizeof errors, "%s/newssub.err", scene->dir.path);
    struct vt *v = vt_start(&(struct vt_options){.argv = argv,
                                                 .environment = environment,
                                                 .errors = errors,
                                                 .rows = rows,
                                                 .columns = columns});
    if (!v) fail_msg("%s does not start", argv[0]);
    return v;
}

struct opening {
    int rows, columns;              /* 0: 24 and 80 */
    const char *const *environment; /* besides the usual */
    const char *last_filter;        /* NULL: news/# */
};

/* Waits until it was said that often, on the page of all that was said. */
struct saying {
    const char *text;
    size_t times;
};

static inline bool is_said(void *user)
{
    const struct saying *s = user;
    return count_of(vt_screen(screen), s->text) >= s->times;
}

static inline void expect_said(const char *text, size_t times)
{
    expect_row(0, " newssub");
    vt_type(screen, "v");
    expect_row(0, " messages");
    if (!vt_wait(screen, is_said, &(struct saying){text, times}, WAIT_MS))
        fail_with_screen("nobody said", text, __FILE__, __LINE__);
    vt_type(screen, "q");
    expect_row(0, " newssub");
}

/* newssub -v with these arguments, on the screen and subscribed. */
static inline struct vt *open_reader_with(const struct opening *o, const char *const *argv)
{
    const char *whole[ARGUMENTS] = {NEWSSUB_PATH, "-v", "-b", broker_url(scene->broker)};
    char wanted[256];
    for (size_t n = 4; *argv && n < ARGUMENTS - 1; n++)
        whole[n] = *argv++;
    (void)snprintf(wanted, sizeof wanted, "subscribed to %s",
                   o->last_filter ? o->last_filter : "news/#");
    screen = start_in_terminal(whole, o->environment, o->rows ? o->rows : 24,
                               o->columns ? o->columns : 80);
    expect_said(wanted, 1);
    return screen;
}

#define open_reader(...) open_reader_with(&(struct opening){0}, ARGV(__VA_ARGS__))

/* Ends it as a reader does; what it has sent can still be looked at. */
static inline void quit_reader(void)
{
    vt_type(screen, "Q");
    int status = vt_wait_end(screen, WAIT_MS);
    if (status == 0) return;
    struct buf errors = file_bytes(scene_path(scene, "newssub.err"));
    print_error("exit status %d; it said: %.900s\n", status, errors.data);
    buf_deinit(&errors);
    fail_with_screen("it did not end as it should with", "Q", __FILE__, __LINE__);
}

static inline void close_reader(void)
{
    quit_reader();
    vt_free(screen);
    screen = NULL;
}

static inline void start_wire(void)
{
    (void)scene_start_broker(scene);
    assert_true(station_up(&wire, broker_url(scene->broker), NULL));
}

/* ---- publishing ---- */

#define TOPIC "news/harbour/wire/en/5/general"

static inline void put_bytes(const char *topic, const void *bytes, size_t len)
{
    const struct message m = {.topic = topic, .payload = bytes, .payload_len = len, .qos = 1};
    unsigned before = wire.answered + wire.refused;
    struct news_error err = {0};
    if (transport_publish(wire.transport, &m, before + 1, &err) != TRANSPORT_TAKEN)
        fail_msg("%s: %s", topic, err.message);
    if (!station_wait(&wire, &wire.answered, before + 1)) fail_msg("%s: no answer", topic);
}

static inline void put(const char *topic, const char *text)
{
    put_bytes(topic, text, strlen(text));
}

/* A story's version; more: further members, each after a comma. */
static inline void put_story(const char *uri, int version, const char *headline, const char *more)
{
    struct buf item = {0};
    buf_printf(&item, "{\"uri\":\"x:%s\",\"version\":\"%d\",\"headlines\":[{\"value\":\"%s\"}]%s}",
               uri, version, headline, more);
    assert_true(buf_ok(&item));
    put(TOPIC, item.data);
    buf_deinit(&item);
}

static inline void put_headline(const char *headline)
{
    put_story(headline, 1, headline, "");
}

#endif
