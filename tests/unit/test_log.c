#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log.h"
#include "common/text.h"

/* Standard error goes into a pipe for the time of a test. */
struct capture {
    int real_stderr, reader;
};

static struct capture capture_begin(void)
{
    struct capture c;
    int ends[2];
    assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    c.reader = ends[0];
    c.real_stderr = dup(STDERR_FILENO);
    assert_true(c.real_stderr >= 0);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    assert_int_equal(close(ends[1]), 0);
    return c;
}

/* Restores standard error; what was written to it, as a string. */
static void capture_end(struct capture *c, char *out, size_t size)
{
    ssize_t len = read(c->reader, out, size - 1);
    assert_true(dup2(c->real_stderr, STDERR_FILENO) >= 0);
    assert_int_equal(close(c->real_stderr), 0);
    assert_int_equal(close(c->reader), 0);
    out[len > 0 ? len : 0] = '\0';
}

static void a_message_is_one_line_with_the_program_in_front(void **state)
{
    (void)state;
    char out[PIPE_BUF];
    struct capture c = capture_begin();
    log_init("newspub", false);
    log_error("cannot open %s: %d", "feed.xml", 7);
    capture_end(&c, out, sizeof out);
    assert_string_equal(out, "newspub: cannot open feed.xml: 7\n");
}

static void take_line(void *user, const char *line, bool grave)
{
    (void)snprintf(user, 64, "%s%s", grave ? "! " : "", line);
}

static void whoever_has_the_terminal_gets_the_lines_instead(void **state)
{
    (void)state;
    char out[PIPE_BUF], taken[64] = "";
    struct capture c = capture_begin();
    log_init("newssub", true);
    log_to(take_line, taken);
    log_error("no \033[31mred");
    assert_string_equal(taken, "! no \xEF\xBF\xBD[31mred"); /* clean, and without the name */
    log_note("by the way");
    assert_string_equal(taken, "by the way");
    log_to(NULL, NULL);
    log_error("and now here");
    capture_end(&c, out, sizeof out);
    assert_string_equal(out, "newssub: and now here\n");
}

static void notes_are_for_the_verbose(void **state)
{
    (void)state;
    char out[PIPE_BUF];
    struct capture c = capture_begin();
    log_init("newssub", false);
    log_note("hidden");
    log_init("newssub", true);
    log_note("shown %s", "once");
    capture_end(&c, out, sizeof out);
    assert_string_equal(out, "newssub: shown once\n");
}

static void a_hostile_message_cannot_write_to_the_terminal(void **state)
{
    (void)state;
    char out[PIPE_BUF];
    struct capture c = capture_begin();
    log_init("newspub", false);
    log_error("topic \"%s\"", "a\033[2J\xC2\x9B\n\rnewspub: all is well\xE2\x80\xAE\xFF");
    capture_end(&c, out, sizeof out);
    assert_string_equal(out, "newspub: topic \"a\xEF\xBF\xBD[2J\xEF\xBF\xBD \xEF\xBF\xBD"
                             "newspub: all is well\xEF\xBF\xBD\"\n");
}

/* Filler of each length around the cut, then a four byte character over and over. */
static void a_long_message_is_cut_between_characters(void **state)
{
    (void)state;
    for (int filler = 0; filler < 4; filler++) {
        char long_text[4096] = "";
        memset(long_text, 'x', (size_t)filler);
        while (strlen(long_text) < sizeof long_text - 5)
            strcat(long_text, "\xF0\x9F\x9A\x80");
        char out[PIPE_BUF];
        struct capture c = capture_begin();
        log_init("newspub", false);
        log_error("%s", long_text);
        capture_end(&c, out, sizeof out);
        size_t len = strlen(out);
        assert_in_range(len, 1000, 1024);
        assert_string_equal(out + len - 4, "\xE2\x80\xA6\n");
        assert_null(strstr(out, "\xEF\xBF\xBD")); /* nothing was left broken */
        assert_int_equal(text_valid_prefix(out, len), len);
    }
}

static void logging_keeps_errno_and_never_fails_loudly(void **state)
{
    (void)state;
    int real_stderr = dup(STDERR_FILENO);
    assert_int_equal(close(STDERR_FILENO), 0);
    errno = ENOENT;
    log_error("nobody hears this");
    int after = errno;
    assert_true(dup2(real_stderr, STDERR_FILENO) >= 0);
    assert_int_equal(close(real_stderr), 0);
    assert_int_equal(after, ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_one_line_with_the_program_in_front),
        cmocka_unit_test(whoever_has_the_terminal_gets_the_lines_instead),
        cmocka_unit_test(notes_are_for_the_verbose),
        cmocka_unit_test(a_hostile_message_cannot_write_to_the_terminal),
        cmocka_unit_test(a_long_message_is_cut_between_characters),
        cmocka_unit_test(logging_keeps_errno_and_never_fails_loudly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
