#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#include "relay/cli.h"
#include "tests/support/tmpdir.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define WORDS(...)   ((const char *const[]){__VA_ARGS__, NULL})

static struct server_config config; /* large */

/* What a command line makes of the configuration; argv[0] is there already. EX_OK, or the status
 * it is refused with. */
static int configure(const char *const *words, struct news_error *err)
{
    struct settings s = {0};
    struct options o;
    char *argv[24] = {(char *)"newsrelay"};
    int argc = 1, operands;
    for (; words[argc - 1]; argc++)
        argv[argc] = (char *)words[argc - 1];
    int status = program_start(&newsrelay, &o, &s, argc, argv, &operands);
    assert_true(status < 0);
    bool ok = settings_config(&s, &config, err);
    options_deinit(&o);
    return ok ? EX_OK : news_exit_status(err->code);
}

static void the_defaults_serve_this_machine_over_tcp_and_udp(void **state)
{
    (void)state;
    struct news_error err = {0};
    assert_int_equal(configure(WORDS("--name", "Desk 1"), &err), EX_OK);
    assert_int_equal(config.listen_count, 2);
    assert_int_equal(config.listen[0].kind, LISTEN_TCP);
    assert_int_equal(config.listen[1].kind, LISTEN_UDP);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(config.listen[i].host, "localhost");
        assert_int_equal(config.listen[i].port, NRP_PORT);
    }
    assert_true(config.local_only);
    assert_int_equal(config.security_least, NRP_OPEN);
    assert_int_equal(config.reactors, 1);
    assert_int_equal(config.unix_mode, 0600);
    assert_int_equal(config.status_us, 10000000);
    assert_string_equal(config.name, "desk-1");
    assert_int_equal(config.hub.queue_qos0.policy, SLOW_DROP_OLDEST);
    assert_int_equal(config.hub.queue_qos1.policy, SLOW_DISCONNECT);
    assert_true(config.hub.sender.window == 1024 && config.hub.sender.rate_cap == 2 << 20);
}

static void the_default_name_is_a_level_of_a_topic(void **state)
{
    (void)state;
    struct news_error err = {0};
    assert_int_equal(configure(WORDS("--verbose"), &err), EX_OK);
    assert_true(*config.name != '\0');
    assert_null(strpbrk(config.name, "./+#"));
}

static void what_is_required_follows_from_the_keys(void **state)
{
    (void)state;
    static const struct {
        const char *words[5];
        enum nrp_security least;
        bool local_only;
    } cases[] = {
        {{"--insecure"}, NRP_OPEN, false},
        {{"--keys", "k"}, NRP_AUTHENTICATED, false},
        {{"--keys", "k", "--require", "sealed"}, NRP_SEALED, false},
        {{"--keys", "k", "--require", "open"}, NRP_OPEN, true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct news_error err = {0};
        assert_int_equal(configure(cases[i].words, &err), EX_OK);
        assert_int_equal(config.security_least, cases[i].least);
        assert_int_equal(config.hub.security_least, cases[i].least);
        assert_int_equal(config.local_only, cases[i].local_only);
    }
}

static void limits_reach_those_who_keep_them(void **state)
{
    (void)state;
    struct news_error err = {0};
    assert_int_equal(
        configure(WORDS("--sessions=7", "--per-address=3", "--handshakes=5", "--handshakes-all=6",
                        "--publish-rate=9", "--max-item=2K", "--queue=11", "--queue-bytes=4K",
                        "--slow=drop-newest", "--slow-qos1=drop-oldest", "--log-items=12",
                        "--log-bytes=5K", "--retained=13", "--reactors=4", "--subscriptions=14",
                        "--udp-window=128", "--udp-rate=20K"),
                  &err),
        EX_OK);
    assert_int_equal(config.guard.sessions_max, 7);
    assert_int_equal(config.guard.per_address_max, 3);
    assert_int_equal(config.guard.handshakes_per_s, 5);
    assert_int_equal(config.guard.handshakes_per_s_all, 6);
    assert_int_equal(config.guard.publish_per_s, 9);
    assert_int_equal(config.hub.item_max, 2048);
    assert_int_equal(config.hub.subscriptions_max, 14);
    assert_int_equal(config.hub.queue_qos0.items_max, 11);
    assert_int_equal(config.hub.queue_qos1.bytes_max, 4096);
    assert_int_equal(config.hub.queue_qos0.policy, SLOW_DROP_NEWEST);
    assert_int_equal(config.hub.queue_qos1.policy, SLOW_DROP_OLDEST);
    assert_int_equal(config.log.items_max, 12);
    assert_int_equal(config.log.bytes_max, 5120);
    assert_int_equal(config.log.retained_max, 13);
    assert_int_equal(config.log.followers, 4);
    assert_int_equal(config.hub.sender.window, 128);
    assert_int_equal(config.hub.sender.rate_cap, 20480);
    assert_true(config.hub.sender.rate_start <= 20480 && config.hub.sender.rate_floor <= 20480);
}

static void one_reactor_may_hold_publishers_back(void **state)
{
    (void)state;
    struct news_error err = {0};
    assert_int_equal(configure(WORDS("--slow=block"), &err), EX_OK);
    assert_int_equal(config.hub.queue_qos0.policy, SLOW_BLOCK);
}

static void a_group_is_an_address_with_a_port(void **state)
{
    (void)state;
    struct news_error err = {0};
    assert_int_equal(configure(WORDS("--multicast=239.77.0.1"), &err), EX_OK);
    const struct group_config *g = &config.hub.group;
    assert_true(g->on && !g->sealed);
    assert_memory_equal(g->address.ip, ((uint8_t[]){239, 77, 0, 1}), 4);
    assert_true(g->address.family == 4 && g->address.port == 7789);
    assert_string_equal(g->filter, "news/#");
    assert_int_equal(configure(WORDS("--multicast=224.1.2.3:99", "--keys=k", "--insecure",
                                     "--multicast-interface=192.0.2.1", "--multicast-filter=a/+"),
                               &err),
                     EX_OK);
    assert_true(g->sealed && g->address.port == 99);
    assert_string_equal(g->filter, "a/+");
    assert_memory_equal(config.multicast_interface, ((uint8_t[]){192, 0, 2, 1}), 4);
    assert_int_equal(configure(WORDS("-v"), &err), EX_OK);
    assert_false(g->on);
}

static void what_makes_no_sense_is_refused_with_its_reason(void **state)
{
    (void)state;
    static const struct {
        const char *words[3];
        const char *says;
    } cases[] = {
        {{"--require=auth"}, "--keys"},
        {{"--require=perhaps"}, "open, auth, sealed"},
        {{"--slow=wait"}, "drop-oldest, drop-newest, disconnect, block"},
        {{"--slow-qos1=x"}, "--slow-qos1"},
        {{"--slow-qos1=block"}, "drop-oldest, drop-newest, disconnect"},
        {{"--slow=block", "--reactors=2"}, "--reactors 1"},
        {{"--udp-window=1000"}, "power of two"},
        {{"--max-item=10"}, "--max-item"},
        {{"--max-item=1G"}, "--max-item"},
        {{"--unix-mode=0888"}, "--unix-mode"},
        {{"--unix-mode=01777"}, "--unix-mode"},
        {{"--unix-mode="}, "--unix-mode"},
        {{"--multicast=10.0.0.1"}, "one machine's address"},
        {{"--multicast=news.example"}, "no IPv4 group"},
        {{"--multicast=239.77.0.1:0"}, "no IPv4 group"},
        {{"--multicast=239.77.0.1:70000"}, "no IPv4 group"},
        {{"--multicast=239.77.0.1:78x"}, "no IPv4 group"},
        {{"--multicast=ff02::1"}, "no IPv4 group"},
        {{"--multicast=239.77.0.1", "--reactors=2"}, "--reactors 1"},
        {{"--multicast=239.77.0.1", "--listen=nrp://localhost"}, "nrp+udp:// listener"},
        {{"--multicast=239.77.0.1", "--multicast-filter=a/#/b"}, "topic filter"},
        {{"--multicast=239.77.0.1", "--multicast-interface=eth0"}, "IPv4 address"},
        {{"--multicast=239.77.0.1", "--multicast-interface=192.0.2.1"}, "--insecure"},
        {{"--multicast-interface=127.0.0.1"}, "goes with --multicast"},
        {{"-l", "mqtt://localhost"}, "nrp+udp://"},
        {{"-l", "localhost"}, "nrp+udp://"},
        {{"-l", "nrp://::1"}, "brackets"},
        {{"-l", "nrp://[::1"}, "without ']'"},
        {{"-l", "nrp://x:70000"}, "65535"},
        {{"-l", "nrp://x:"}, "65535"},
        {{"-l", "nrp://x:1x"}, "65535"},
        {{"-l", "nrp://[::1]:9/"}, "65535"},
        {{"-l", "nrp://x/path"}, "only a port"},
        {{"-l", "nrp+unix://relative"}, "path is needed"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct news_error err = {0};
        assert_int_equal(configure(cases[i].words, &err), EX_USAGE);
        assert_non_null(strstr(err.message, cases[i].says));
    }
}

static void a_url_has_a_host_a_port_or_a_path(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        struct listen_url is;
    } cases[] = {
        {"nrp://", {LISTEN_TCP, "", NRP_PORT, ""}},
        {"NRP://:0", {LISTEN_TCP, "", 0, ""}},
        {"nrp+udp://[::1]:9", {LISTEN_UDP, "::1", 9, ""}},
        {"nrp://news.example/", {LISTEN_TCP, "news.example", NRP_PORT, ""}},
        {"nrp+unix:///run/a b", {LISTEN_UNIX, "", 0, "/run/a b"}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct news_error err = {0};
        struct listen_url url;
        assert_true(listen_url_parse(cases[i].text, &url, &err));
        assert_int_equal(url.kind, cases[i].is.kind);
        assert_string_equal(url.host, cases[i].is.host);
        assert_int_equal(url.port, cases[i].is.port);
        assert_string_equal(url.path, cases[i].is.path);
    }
}

/* --- sockets ----------------------------------------------------------------------------- */

static struct listeners *try_to_listen(const char *const *urls, bool local_only, unsigned reactors,
                                       struct news_error *err)
{
    struct listen_url parsed[4];
    size_t count = 0;
    for (; urls[count]; count++)
        assert_true(listen_url_parse(urls[count], &parsed[count], err));
    const struct listeners_config c = {.urls = parsed,
                                       .count = count,
                                       .reactors = reactors,
                                       .local_only = local_only,
                                       .unix_mode = 0640};
    return listeners_open(&c, err);
}

static void an_open_relay_does_not_listen_to_other_machines(void **state)
{
    (void)state;
    static const char *const urls[] = {"nrp://0.0.0.0:0", "nrp+udp://:0", "nrp://[::]:0"};
    for (size_t i = 0; i < COUNT(urls); i++) {
        struct news_error err = {0};
        assert_null(try_to_listen(WORDS(urls[i]), true, 1, &err));
        assert_int_equal(news_exit_status(err.code), EX_CONFIG);
        assert_non_null(strstr(err.message, "--insecure"));
    }
    struct news_error err = {0};
    struct listeners *l = try_to_listen(WORDS(urls[0]), false, 1, &err);
    assert_non_null(l);
    listeners_close(l);
}

static void an_address_in_use_is_named(void **state)
{
    (void)state;
    static const char *const schemes[] = {"nrp", "nrp+udp"};
    for (unsigned reactors = 1; reactors <= 2; reactors++)
        for (size_t i = 0; i < COUNT(schemes); i++) {
            struct news_error err = {0};
            char url[64];
            (void)snprintf(url, sizeof url, "%s://127.0.0.1:0", schemes[i]);
            struct listeners *first = try_to_listen(WORDS(url), true, reactors, &err);
            assert_non_null(first);
            const char *bound = listeners_at(first, 0)->text;
            assert_null(try_to_listen(WORDS(bound), true, reactors, &err));
            assert_int_equal(news_exit_status(err.code), EX_UNAVAILABLE);
            assert_non_null(strstr(err.message, bound));
            listeners_close(first);
        }
}

static void each_reactor_has_a_datagram_socket_at_the_same_port(void **state)
{
    (void)state;
    struct news_error err = {0};
    struct listeners *l = try_to_listen(WORDS("nrp+udp://127.0.0.1:0"), true, 3, &err);
    assert_non_null(l);
    assert_int_equal(listeners_count(l), 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(listeners_at(l, i)->reactor, i);
        assert_int_equal(listeners_at(l, i)->address.port, listeners_at(l, 0)->address.port);
    }
    listeners_close(l);
}

static void two_datagram_addresses_of_one_family_are_refused(void **state)
{
    (void)state;
    struct news_error err = {0};
    assert_null(
        try_to_listen(WORDS("nrp+udp://127.0.0.1:0", "nrp+udp://127.0.0.2:0"), true, 1, &err));
    assert_int_equal(news_exit_status(err.code), EX_CONFIG);
    assert_non_null(strstr(err.message, "one nrp+udp address of IPv4"));
}

struct place {
    struct tmpdir dir;
    char path[140], url[160];
};

static void place_make(struct place *p)
{
    assert_true(tmpdir_make(&p->dir));
    (void)snprintf(p->path, sizeof p->path, "%s/s", p->dir.path);
    (void)snprintf(p->url, sizeof p->url, "nrp+unix://%s", p->path);
}

static void a_unix_socket_has_its_mode_and_goes_with_the_relay(void **state)
{
    (void)state;
    struct place p;
    struct stat is;
    struct news_error err = {0};
    place_make(&p);
    mode_t before = umask(0);
    struct listeners *l = try_to_listen(WORDS(p.url), true, 1, &err);
    assert_int_equal(umask(before), 0);
    assert_non_null(l);
    assert_int_equal(stat(p.path, &is), 0);
    assert_int_equal(is.st_mode & 07777, 0640);
    assert_null(try_to_listen(WORDS(p.url), true, 1, &err)); /* in use */
    assert_int_equal(news_exit_status(err.code), EX_UNAVAILABLE);
    assert_int_equal(stat(p.path, &is), 0);
    listeners_close(l);
    assert_int_not_equal(stat(p.path, &is), 0);
    tmpdir_remove(&p.dir);
}

static void a_stale_socket_makes_way_and_a_file_does_not(void **state)
{
    (void)state;
    struct place p;
    struct stat is;
    struct news_error err = {0};
    place_make(&p);
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    memcpy(at.sun_path, p.path, strlen(p.path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(close(fd), 0);
    struct listeners *l = try_to_listen(WORDS(p.url), true, 1, &err);
    assert_non_null(l);
    listeners_close(l);
    FILE *file = fopen(p.path, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    assert_null(try_to_listen(WORDS(p.url), true, 1, &err));
    assert_int_equal(news_exit_status(err.code), EX_CONFIG);
    assert_int_equal(stat(p.path, &is), 0);
    tmpdir_remove(&p.dir);
}

static void a_socket_of_somebody_else_stays_where_ours_was(void **state)
{
    (void)state;
    struct place p;
    struct stat is;
    struct news_error err = {0};
    place_make(&p);
    struct listeners *first = try_to_listen(WORDS(p.url), true, 1, &err);
    assert_non_null(first);
    assert_int_equal(unlink(p.path), 0);
    struct listeners *second = try_to_listen(WORDS(p.url), true, 1, &err);
    assert_non_null(second);
    listeners_close(first);
    assert_int_equal(stat(p.path, &is), 0);
    listeners_close(second);
    tmpdir_remove(&p.dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_defaults_serve_this_machine_over_tcp_and_udp),
        cmocka_unit_test(the_default_name_is_a_level_of_a_topic),
        cmocka_unit_test(what_is_required_follows_from_the_keys),
        cmocka_unit_test(limits_reach_those_who_keep_them),
        cmocka_unit_test(one_reactor_may_hold_publishers_back),
        cmocka_unit_test(a_group_is_an_address_with_a_port),
        cmocka_unit_test(what_makes_no_sense_is_refused_with_its_reason),
        cmocka_unit_test(a_url_has_a_host_a_port_or_a_path),
        cmocka_unit_test(an_open_relay_does_not_listen_to_other_machines),
        cmocka_unit_test(an_address_in_use_is_named),
        cmocka_unit_test(each_reactor_has_a_datagram_socket_at_the_same_port),
        cmocka_unit_test(two_datagram_addresses_of_one_family_are_refused),
        cmocka_unit_test(a_unix_socket_has_its_mode_and_goes_with_the_relay),
        cmocka_unit_test(a_stale_socket_makes_way_and_a_file_does_not),
        cmocka_unit_test(a_socket_of_somebody_else_stays_where_ours_was),
    };
    (void)setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
