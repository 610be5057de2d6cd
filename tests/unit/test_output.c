#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "subscriber/output.h"

enum { BIG = 1 << 20 };

/* ------------------------------------------------------------------------------------ Helpers */

static void put_pattern(struct output *o, size_t len)
{
    for (size_t i = 0; i < len; i++)
        buf_putc(&o->waiting, (char)('a' + i % 23));
    assert_true(buf_ok(&o->waiting));
}

static size_t read_some(int fd, char *into, size_t size)
{
    ssize_t n = read(fd, into, size);
    assert_true(n > 0);
    return (size_t)n;
}

static void assert_pattern(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != (char)('a' + i % 23)) fail_msg("byte %zu", i);
}

static void flush(struct output *o)
{
    struct news_error err = {0};
    if (!output_flush(o, &err)) fail_msg("%s", err.message);
}

/* --------------------------------------------------------------------------------------- Tests */

static void nothing_waiting_writes_nothing(void **state)
{
    (void)state;
    int fds[2];
    struct output o;
    assert_int_equal(pipe(fds), 0);
    output_init(&o, fds[1]);
    flush(&o);
    assert_false(output_pending(&o));
    assert_false(output_full(&o));
    assert_false(o.gone);
    output_deinit(&o);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void a_slow_reader_gets_every_byte_in_order(void **state)
{
    (void)state;
    int fds[2];
    struct output o;
    char *got = malloc(BIG);
    size_t len = 0;
    assert_non_null(got);
    assert_int_equal(pipe(fds), 0);
    output_init(&o, fds[1]);
    put_pattern(&o, BIG);
    flush(&o); /* returns though nobody reads */
    assert_true(output_pending(&o));
    size_t before = o.done;
    flush(&o);
    assert_int_equal(o.done, before); /* the pipe is full */
    while (len < BIG) {
        len += read_some(fds[0], got + len, BIG - len < 7000 ? BIG - len : 7000);
        flush(&o);
    }
    assert_false(output_pending(&o));
    assert_int_equal(o.waiting.len, 0);
    assert_pattern(got, BIG);
    free(got);
    output_deinit(&o);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void what_is_added_meanwhile_follows(void **state)
{
    (void)state;
    int fds[2];
    struct output o;
    enum { TOTAL = 12 << 20 };
    char *got = malloc(TOTAL);
    size_t put = 0, len = 0;
    assert_non_null(got);
    assert_int_equal(pipe(fds), 0);
    output_init(&o, fds[1]);
    while (len < TOTAL) {
        for (; put < TOTAL && !output_full(&o); put++) /* as the loop does */
            buf_putc(&o.waiting, (char)('a' + put % 23));
        assert_true(o.waiting.len <= 2 * OUTPUT_FULL);
        flush(&o);
        len += read_some(fds[0], got + len, TOTAL - len < 65536 ? TOTAL - len : 65536);
    }
    assert_pattern(got, TOTAL);
    free(got);
    output_deinit(&o);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void it_is_full_at_its_bound_and_not_before(void **state)
{
    (void)state;
    int fds[2];
    struct output o;
    assert_int_equal(pipe(fds), 0);
    output_init(&o, fds[1]);
    put_pattern(&o, OUTPUT_FULL - 1);
    assert_false(output_full(&o));
    buf_putc(&o.waiting, 'x');
    assert_true(output_full(&o));
    flush(&o); /* what the pipe took waits no more */
    assert_false(output_full(&o));
    output_deinit(&o);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void a_closed_reader_is_told_and_no_error(void **state)
{
    (void)state;
    int fds[2];
    struct output o;
    assert_int_equal(pipe(fds), 0);
    output_init(&o, fds[1]);
    put_pattern(&o, 100);
    flush(&o);
    assert_false(o.gone);
    (void)close(fds[0]);
    put_pattern(&o, BIG);
    flush(&o);
    assert_true(o.gone);
    assert_false(output_pending(&o)); /* nobody is going to want it */
    put_pattern(&o, 10);
    flush(&o);
    assert_false(output_pending(&o));
    output_deinit(&o);
    (void)close(fds[1]);
}

static void a_full_disk_is_an_error_with_its_reason(void **state)
{
    (void)state;
    struct output o;
    struct news_error err = {0};
    int fd = open("/dev/full", O_WRONLY);
    assert_true(fd >= 0);
    output_init(&o, fd);
    put_pattern(&o, 100);
    assert_false(output_flush(&o, &err));
    assert_int_equal(err.code, NEWS_ERR_IO);
    assert_string_equal(err.message, "standard output: No space left on device");
    assert_false(o.gone);
    assert_true(output_pending(&o)); /* it was not written */
    output_deinit(&o);
    (void)close(fd);
}

static void a_regular_file_takes_everything_at_once(void **state)
{
    (void)state;
    char path[] = "/tmp/newswire-output-XXXXXX";
    struct output o;
    int fd = mkstemp(path);
    char *got = malloc(BIG);
    assert_true(fd >= 0);
    assert_non_null(got);
    (void)unlink(path);
    output_init(&o, fd);
    put_pattern(&o, BIG);
    flush(&o);
    assert_false(output_pending(&o));
    assert_int_equal(pread(fd, got, BIG, 0), BIG);
    assert_pattern(got, BIG);
    free(got);
    output_deinit(&o);
    (void)close(fd);
}

static void a_descriptor_that_is_not_open_is_an_error(void **state)
{
    (void)state;
    struct output o;
    struct news_error err = {0};
    int fd = dup(STDERR_FILENO);
    assert_true(fd >= 0);
    (void)close(fd);
    output_init(&o, fd);
    put_pattern(&o, 1);
    assert_false(output_flush(&o, &err));
    assert_int_equal(err.code, NEWS_ERR_IO);
    output_deinit(&o);
}

static void the_readers_own_flags_are_not_touched(void **state)
{
    (void)state;
    int fds[2];
    struct output o;
    assert_int_equal(pipe(fds), 0);
    int before = fcntl(fds[1], F_GETFL);
    output_init(&o, fds[1]);
    put_pattern(&o, 100);
    flush(&o);
    assert_int_equal(fcntl(fds[1], F_GETFL), before);
    output_deinit(&o);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void a_failed_buffer_is_out_of_memory(void **state)
{
    (void)state;
    struct output o;
    struct news_error err = {0};
    output_init(&o, STDERR_FILENO);
    assert_null(buf_reserve(&o.waiting, SIZE_MAX));
    assert_false(output_flush(&o, &err));
    assert_int_equal(err.code, NEWS_ERR_MEMORY);
    output_deinit(&o);
}

/* In a child, so that a write that blocks is an answer, not a test that never ends. */
static bool returns_without_a_reader(int fd)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct output o;
        struct news_error err;
        (void)signal(SIGALRM, SIG_DFL);
        (void)alarm(3);
        output_init(&o, fd);
        for (size_t i = 0; i < BIG; i++)
            buf_putc(&o.waiting, 'x');
        bool ok = output_flush(&o, &err) && output_pending(&o);
        _exit(ok ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Ctrl-S, or a terminal at the end of a slow line: the loop must go on, or the connection is lost
 * for want of a keep-alive. */
static void a_terminal_that_was_stopped_does_not_block_the_loop(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) { /* how much a terminal takes depends on the kernel's mood */
        int master, terminal;
        if (openpty(&master, &terminal, NULL, NULL, NULL) != 0) {
            print_message("SKIP: no pseudo-terminals here (is /dev/pts mounted?)\n");
            skip();
        }
        bool returned = returns_without_a_reader(terminal);
        (void)close(master);
        (void)close(terminal);
        assert_true(returned);
    }
}

static void a_socket_that_nobody_reads_does_not_block_the_loop(void **state)
{
    (void)state;
    int fds[2], size = 1; /* the kernel makes it its minimum */
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    (void)setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    bool returned = returns_without_a_reader(fds[0]);
    (void)close(fds[0]);
    (void)close(fds[1]);
    assert_true(returned);
}

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN); /* as program_signals() does */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_waiting_writes_nothing),
        cmocka_unit_test(a_slow_reader_gets_every_byte_in_order),
        cmocka_unit_test(what_is_added_meanwhile_follows),
        cmocka_unit_test(it_is_full_at_its_bound_and_not_before),
        cmocka_unit_test(a_closed_reader_is_told_and_no_error),
        cmocka_unit_test(a_full_disk_is_an_error_with_its_reason),
        cmocka_unit_test(a_regular_file_takes_everything_at_once),
        cmocka_unit_test(a_descriptor_that_is_not_open_is_an_error),
        cmocka_unit_test(the_readers_own_flags_are_not_touched),
        cmocka_unit_test(a_failed_buffer_is_out_of_memory),
        cmocka_unit_test(a_terminal_that_was_stopped_does_not_block_the_loop),
        cmocka_unit_test(a_socket_that_nobody_reads_does_not_block_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
