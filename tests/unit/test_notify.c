#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/date.h"
#include "common/notify.h"
#include "tests/support/tmpdir.h"
#include "tests/support/wait.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ------------------------------------------------------------------------- A service manager */

struct manager {
    struct tmpdir dir;
    int fd;
    char message[4096];
};

static int manager_setup(void **state)
{
    struct manager *m = calloc(1, sizeof *m);
    assert_non_null(m);
    assert_true(tmpdir_make(&m->dir));
    m->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(m->fd >= 0);
    *state = m;
    return 0;
}

static int manager_teardown(void **state)
{
    struct manager *m = *state;
    (void)close(m->fd);
    tmpdir_remove(&m->dir);
    free(m);
    static const char *const variables[] = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"};
    for (size_t i = 0; i < COUNT(variables); i++)
        assert_int_equal(unsetenv(variables[i]), 0);
    return 0;
}

/* Listens there ('@': in the abstract name space) and says so in the environment. */
static void listen_at(struct manager *m, const char *name)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    size_t len = strlen(name);
    assert_true(len < sizeof at.sun_path);
    memcpy(at.sun_path, name, len);
    if (*name == '@') at.sun_path[0] = '\0';
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (*name == '/'));
    assert_int_equal(bind(m->fd, (struct sockaddr *)&at, size), 0);
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
}

static const char *received(struct manager *m)
{
    struct pollfd ready = {.fd = m->fd, .events = POLLIN};
    assert_int_equal(poll(&ready, 1, WAIT_MS), 1);
    ssize_t n = recv(m->fd, m->message, sizeof m->message - 1, 0);
    assert_true(n >= 0);
    m->message[n] = '\0';
    return m->message;
}

/* --------------------------------------------------------------------------------------- Tests */

static void a_socket_in_the_file_system_gets_the_message(void **state)
{
    struct manager *m = *state;
    char path[160];
    (void)snprintf(path, sizeof path, "%s/notify", m->dir.path);
    listen_at(m, path);
    notify("READY=1\nSTATUS=%d sources", 12);
    assert_string_equal(received(m), "READY=1\nSTATUS=12 sources");
    notify("%s", "STOPPING=1");
    assert_string_equal(received(m), "STOPPING=1");
}

static void a_socket_with_an_abstract_name_gets_it_as_well(void **state)
{
    struct manager *m = *state;
    char name[64];
    (void)snprintf(name, sizeof name, "@newswire-notify-%ld", (long)getpid());
    listen_at(m, name);
    notify("READY=1");
    assert_string_equal(received(m), "READY=1");
}

static void a_reload_tells_the_monotonic_time(void **state)
{
    struct manager *m = *state;
    char path[160];
    long long us;
    (void)snprintf(path, sizeof path, "%s/notify", m->dir.path);
    listen_at(m, path);
    int64_t before_ms = date_mono_ms();
    notify_reloading();
    assert_int_equal(sscanf(received(m), "RELOADING=1\nMONOTONIC_USEC=%lld", &us), 1);
    assert_in_range(us / 1000, before_ms, date_mono_ms());
}

static void a_message_that_is_too_long_is_cut(void **state)
{
    struct manager *m = *state;
    char path[160], status[3000];
    (void)snprintf(path, sizeof path, "%s/notify", m->dir.path);
    listen_at(m, path);
    memset(status, 'x', sizeof status - 1);
    status[sizeof status - 1] = '\0';
    notify("STATUS=%s", status);
    assert_int_equal(strlen(received(m)), 1023);
}

/* Without a manager, with one that has gone, or with an address that is none: nothing happens. */
static void nobody_to_tell_is_no_trouble(void **state)
{
    struct manager *m = *state;
    char gone[160], endless[300];
    (void)snprintf(gone, sizeof gone, "%s/gone", m->dir.path);
    memset(endless, '/', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    const char *const addresses[] = {gone, endless, "", "@", "/", "relative", "vsock:2:1234"};
    notify("READY=1");
    for (size_t i = 0; i < COUNT(addresses); i++) {
        assert_int_equal(setenv("NOTIFY_SOCKET", addresses[i], 1), 0);
        notify("READY=1");
    }
}

static void the_watchdog_wants_a_sign_in_half_of_its_limit(void **state)
{
    (void)state;
    char own[32], other[32];
    (void)snprintf(own, sizeof own, "%ld", (long)getpid());
    (void)snprintf(other, sizeof other, "%ld", (long)getpid() + 1);
    const struct {
        const char *limit_us, *pid;
        int ms;
    } cases[] = {
        {NULL, NULL, 0},
        {"", NULL, 0},
        {"30000000", NULL, 15000},
        {"30000000", own, 15000},
        {"30000000", other, 0},
        {"30000000", "", 0},
        {"30000000", "x", 0},
        {"0", NULL, 0},
        {"-5", NULL, 0},
        {"x", NULL, 0},
        {"30s", NULL, 0},
        {"1", NULL, 1},
        {"9223372036854775807", NULL, INT_MAX},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(cases[i].limit_us ? setenv("WATCHDOG_USEC", cases[i].limit_us, 1)
                                           : unsetenv("WATCHDOG_USEC"),
                         0);
        assert_int_equal(
            cases[i].pid ? setenv("WATCHDOG_PID", cases[i].pid, 1) : unsetenv("WATCHDOG_PID"), 0);
        if (notify_watchdog_ms() != cases[i].ms) fail_msg("case %zu: %d", i, notify_watchdog_ms());
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, manager_setup, manager_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_socket_in_the_file_system_gets_the_message),
        TEST(a_socket_with_an_abstract_name_gets_it_as_well),
        TEST(a_reload_tells_the_monotonic_time),
        TEST(a_message_that_is_too_long_is_cut),
        TEST(nobody_to_tell_is_no_trouble),
        TEST(the_watchdog_wants_a_sign_in_half_of_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
