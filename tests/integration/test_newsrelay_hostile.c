/* newsrelay against whatever may come to its ports: raw sockets that say what no client of ours
 * says. The limit per address cannot be met here: it does not count this machine. */
#include "tests/integration/relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/date.h"
#include "common/nrp/frame.h"
#include "common/nrp/key.h"
#include "common/nrp/secure.h"

#define TOPIC      "news/me/general/und/5/general"
#define MIB        (1L << 20)
#define FLAT_BYTES (16 * MIB) /* an allocator keeps some of what was freed */

static int open_socket(int type, int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval limit = {.tv_sec = WAIT_MS / 1000};
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void say(int fd, const void *bytes, size_t len)
{
    assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

static bool can_be_read(int fd, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, timeout_ms) > 0;
}

/* The relay closes, whatever it says before. */
static void expect_closed(int fd)
{
    char bytes[4096];
    ssize_t n;
    do
        n = recv(fd, bytes, sizeof bytes, 0);
    while (n > 0);
    if (n < 0 && errno != ECONNRESET) fail_msg("it is not closed: %s", strerror(errno));
    (void)close(fd);
}

static long resident_bytes(const struct relay *r)
{
    char path[64];
    long all, resident = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/statm", (int)process_pid(r->process));
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%ld %ld", &all, &resident), 2);
    (void)fclose(f);
    return resident * sysconf(_SC_PAGESIZE);
}

static void expect_flat(const struct relay *r, long before)
{
    long grown = resident_bytes(r) - before;
    if (grown > FLAT_BYTES) fail_msg("it grew by %ld KiB", grown / 1024);
}

static long cpu_ms(const struct relay *r)
{
    char path[64], text[1024] = "";
    long user = 0, system = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)process_pid(r->process));
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_true(fread(text, 1, sizeof text - 1, f) > 0);
    (void)fclose(f);
    const char *at = strrchr(text, ')');
    assert_non_null(at);
    assert_int_equal(
        sscanf(at, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user, &system), 2);
    return (user + system) * 1000 / sysconf(_SC_CLK_TCK);
}

/* ---- a client by hand ---- */

static struct nrp_hello make_hello(uint8_t name)
{
    struct nrp_hello h = {
        .version_min = 1, .version_max = 1, .role = NRP_ROLE_BOTH, .security = NRP_OPEN};
    memset(h.client_id, name, sizeof h.client_id);
    nrp_random_system.fill(NULL, h.client_nonce, sizeof h.client_nonce);
    return h;
}

static void say_frame(int fd, const struct nrp_frame *f)
{
    uint8_t bytes[8192];
    assert_true(nrp_frame_size(f) <= sizeof bytes);
    say(fd, bytes, nrp_frame_write(f, bytes));
}

static void read_all(int fd, uint8_t *out, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t n = recv(fd, out + at, len - at, 0);
        if (n <= 0) fail_msg("nothing more comes after %zu bytes", at);
        at += (size_t)n;
    }
}

/* The next frame, which lives until the call that follows. */
static struct nrp_frame hear_frame(int fd)
{
    static uint8_t bytes[1 << 17];
    struct nrp_frame f;
    struct news_error err = {0};
    size_t size = NRP_HEADER_SIZE, have = 0;
    enum nrp_taken taken;
    do {
        assert_true(size <= sizeof bytes);
        read_all(fd, bytes + have, size - have);
        have = size;
        taken = nrp_frame_read(bytes, have, sizeof bytes, &f, &size, &err);
    } while (taken == NRP_PARTIAL);
    if (taken != NRP_TAKEN) fail_msg("no frame: %s", err.message);
    return f;
}

static struct nrp_frame expect_frame(int fd, unsigned type)
{
    struct nrp_frame f = hear_frame(fd);
    while (f.type == NRP_PING && type != NRP_PING)
        f = hear_frame(fd);
    if (f.type != type) fail_msg("%s instead of %s", nrp_type_name(f.type), nrp_type_name(type));
    return f;
}

/* A connection with an open session. */
static int join(const struct relay *r, uint8_t name)
{
    int fd = open_socket(SOCK_STREAM, r->tcp_port);
    struct nrp_frame f = {.type = NRP_HELLO, .hello = make_hello(name)};
    say_frame(fd, &f);
    struct nrp_frame auth = {
        .type = NRP_AUTH,
        .auth = {.hello = f.hello, .challenge = expect_frame(fd, NRP_CHALLENGE).challenge}};
    say_frame(fd, &auth);
    (void)expect_frame(fd, NRP_WELCOME);
    return fd;
}

static void subscribe(int fd, int qos)
{
    const struct nrp_frame f = {.type = NRP_SUBSCRIBE,
                                .topic = (const uint8_t *)"news/#",
                                .topic_len = 6,
                                .subscribe = {.request_id = 1, .qos = (uint8_t)qos}};
    say_frame(fd, &f);
    assert_int_equal(expect_frame(fd, NRP_SUBACK).suback.status, 0);
}

static void publish(int fd, uint64_t id, size_t len)
{
    static uint8_t payload[8000];
    assert_true(len <= sizeof payload);
    const struct nrp_frame f = {
        .type = NRP_PUBLISH,
        .topic = (const uint8_t *)TOPIC,
        .topic_len = sizeof TOPIC - 1,
        .payload = payload,
        .payload_len = len,
        .publish = {.publish_id = id, .fragment_count = 1, .flags = NRP_FLAG_ACK}};
    uint8_t bytes[8192];
    say(fd, bytes, nrp_frame_write(&f, bytes));
    struct nrp_frame answer = expect_frame(fd, NRP_PUBACK);
    assert_int_equal(answer.puback.publish_id, id);
    assert_int_equal(answer.puback.status, NRP_OK);
}

/* It serves: a new pair of clients gets an item through. */
static void expect_service(const struct relay *r)
{
    int sub = join(r, 201), pub = join(r, 202);
    subscribe(sub, 1);
    publish(pub, 1, 10);
    assert_int_equal(expect_frame(sub, NRP_ITEM).payload_len, 10);
    (void)close(sub);
    (void)close(pub);
}

/* ---- streams ---- */

static void header(uint8_t out[NRP_HEADER_SIZE], uint8_t version, uint8_t type, uint32_t length)
{
    const uint8_t bytes[] = {version,
                             type,
                             0,
                             0,
                             (uint8_t)(length >> 24),
                             (uint8_t)(length >> 16),
                             (uint8_t)(length >> 8),
                             (uint8_t)length};
    memcpy(out, bytes, sizeof bytes);
}

static void what_is_no_frame_ends_the_connection_at_once(void **state)
{
    struct scene *s = *state;
    struct relay r = relay_start(s, ARGV("--status-every", "0s"));
    static const char http[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                      mqtt[] = "\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04me-1",
                      tls[] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    uint8_t huge[NRP_HEADER_SIZE], unknown[NRP_HEADER_SIZE], later[NRP_HEADER_SIZE],
        ping[NRP_HEADER_SIZE], early[NRP_HEADER_SIZE + 8] = {0};
    header(huge, 1, NRP_HELLO, UINT32_MAX);
    header(unknown, 1, 0x7f, 0);
    header(later, 2, NRP_HELLO, 44);
    header(ping, 1, NRP_PING, 9);
    header(early, 1, NRP_PING, 8); /* a frame, but the handshake comes first */
    const struct {
        const void *bytes;
        size_t len;
    } table[] = {
        {http, sizeof http - 1}, {mqtt, sizeof mqtt - 1},   {tls, sizeof tls - 1},
        {huge, sizeof huge},     {unknown, sizeof unknown}, {later, sizeof later},
        {ping, sizeof ping},     {early, sizeof early},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        int fd = open_socket(SOCK_STREAM, r.tcp_port);
        say(fd, table[i].bytes, table[i].len);
        int64_t start_ms = date_mono_ms();
        expect_closed(fd);
        if (date_mono_ms() - start_ms > 3000) fail_msg("row %zu was waited for", i);
    }
    expect_service(&r);
    relay_stop(&r);
}

/* Refused when the header is there: nobody waits for 4 GiB, or makes room for them. */
static void a_length_out_of_bounds_costs_no_memory(void **state)
{
    enum { TIMES = 200 };
    struct scene *s = *state;
    struct relay r = relay_start(s, ARGV("--status-every", "0s"));
    uint8_t item[NRP_HEADER_SIZE], control[NRP_HEADER_SIZE];
    header(item, 1, NRP_PUBLISH, UINT32_MAX);
    header(control, 1, NRP_SUBSCRIBE, NRP_CONTROL_MAX + 1);
    expect_service(&r);
    long before = resident_bytes(&r);
    for (int i = 0; i < TIMES; i++) {
        int fd = join(&r, 1);
        say(fd, i % 2 ? item : control, NRP_HEADER_SIZE);
        expect_closed(fd);
    }
    expect_flat(&r, before);
    assert_int_equal(relay_count(&r, "bad_frames"), TIMES);
    expect_service(&r);
    relay_stop(&r);
}

static void who_does_not_finish_the_handshake_is_cut_off_after_five_seconds(void **state)
{
    enum { SLOW = 60 };
    struct scene *s = *state;
    struct relay r = relay_start(s, ARGV("--status-every", "0s"));
    int fds[SLOW];
    uint8_t hello[128];
    struct nrp_frame f = {.type = NRP_HELLO, .hello = make_hello(9)};
    size_t len = nrp_frame_write(&f, hello);
    int64_t start_ms = date_mono_ms();
    for (size_t i = 0; i < SLOW; i++) {
        fds[i] = open_socket(SOCK_STREAM, r.tcp_port);
        say(fds[i], hello, i * len / (SLOW - 1)); /* from nothing to all of it */
    }
    expect_service(&r); /* while they sit there */
    for (size_t i = 0; i < SLOW; i++)
        expect_closed(fds[i]);
    int64_t took_ms = date_mono_ms() - start_ms;
    assert_in_range(took_ms, 4000, 9000);
    relay_stop(&r);
}

static void one_session_too_many_is_refused_and_the_others_work(void **state)
{
    enum { SESSIONS = 8 };
    struct scene *s = *state;
    struct relay r = relay_start(s, ARGV("--status-every", "0s", "--sessions", "8"));
    int fds[SESSIONS];
    for (uint8_t i = 0; i < SESSIONS; i++)
        fds[i] = join(&r, (uint8_t)(i + 1));
    int ninth = open_socket(SOCK_STREAM, r.tcp_port);
    struct nrp_frame f = expect_frame(ninth, NRP_ERROR);
    assert_int_equal(f.notice.code, NRP_CODE_TOO_MANY);
    expect_closed(ninth);
    for (size_t i = 1; i < SESSIONS; i++)
        subscribe(fds[i], 1);
    publish(fds[0], 1, 10);
    for (size_t i = 1; i < SESSIONS; i++)
        assert_int_equal(expect_frame(fds[i], NRP_ITEM).payload_len, 10);
    assert_int_equal(relay_count(&r, "refused_total"), 1);
    for (size_t i = 0; i < SESSIONS; i++)
        (void)close(fds[i]);
    relay_stop(&r);
}

/* The limit comes down while it runs: at the start it would have made the relay serve fewer. */
static void without_descriptors_it_serves_whom_it_has_and_does_not_spin(void **state)
{
    enum { WAITING = 20 };
    struct scene *s = *state;
    struct relay r = relay_start(s, ARGV("--status-every", "0s"));
    struct rlimit before, low;
    int sub = join(&r, 1), pub = join(&r, 2), waiting[WAITING];
    subscribe(sub, 1);
    assert_int_equal(prlimit(process_pid(r.process), RLIMIT_NOFILE, NULL, &before), 0);
    low = before;
    low.rlim_cur = 3;
    assert_int_equal(prlimit(process_pid(r.process), RLIMIT_NOFILE, &low, NULL), 0);
    for (size_t i = 0; i < WAITING; i++)
        waiting[i] = open_socket(SOCK_STREAM, r.tcp_port);
    long cpu_before_ms = cpu_ms(&r);
    int64_t until_ms = date_mono_ms() + 1000;
    uint64_t id = 0;
    while (date_mono_ms() < until_ms) {
        publish(pub, ++id, 10);
        assert_int_equal(expect_frame(sub, NRP_ITEM).payload_len, 10);
        assert_false(can_be_read(sub, 50));
    }
    long used_ms = cpu_ms(&r) - cpu_before_ms;
    if (used_ms > 500) fail_msg("it spins: %ld ms of a second", used_ms);
    assert_int_equal(prlimit(process_pid(r.process), RLIMIT_NOFILE, &before, NULL), 0);
    for (size_t i = 0; i < WAITING; i++)
        (void)close(waiting[i]);
    expect_service(&r);
    (void)close(sub);
    (void)close(pub);
    relay_stop(&r);
}

static void one_that_never_reads_holds_nobody_up_and_is_told_what_it_lost(void **state)
{
    enum { ITEMS = 4000, SIZE = 8000 };
    struct scene *s = *state;
    struct relay r = relay_start(s, ARGV("--status-every", "0s", "--queue", "64"));
    int lazy = join(&r, 1), keen = join(&r, 2), pub = join(&r, 3);
    subscribe(lazy, 0);
    subscribe(keen, 0);
    for (uint64_t i = 1; i <= ITEMS; i++) {
        publish(pub, i, SIZE);
        assert_int_equal(expect_frame(keen, NRP_ITEM).item.iseq, i);
    }
    uint64_t next = 1, lost = 0, last = 0;
    while (last < ITEMS) {
        struct nrp_frame f = hear_frame(lazy);
        if (f.type == NRP_PING) continue;
        if (f.type == NRP_GAP) {
            assert_int_equal(f.gap.first_dseq, next);
            assert_int_equal(f.gap.reason, NRP_GAP_POLICY);
            lost += f.gap.last_dseq - f.gap.first_dseq + 1;
            next = f.gap.last_dseq + 1;
            continue;
        }
        assert_int_equal(f.type, NRP_ITEM);
        assert_int_equal(f.item.dseq, next++);
        last = f.item.iseq;
    }
    assert_true(lost > 0);
    assert_int_equal(next, ITEMS + 1);
    assert_int_equal(relay_count(&r, "dropped_oldest"), lost);
    (void)close(lazy);
    (void)close(keen);
    (void)close(pub);
    relay_stop(&r);
}

/* ---- datagrams ---- */

/* A handshake datagram of size bytes with one frame. */
static void say_handshake(int fd, const struct nrp_frame *f, size_t size)
{
    uint8_t bytes[NRP_DATAGRAM_MAX] = {0};
    const struct nrp_datagram d = {.flags = NRP_DATAGRAM_HANDSHAKE};
    nrp_datagram_write(&d, bytes);
    (void)nrp_frame_write(f, bytes + NRP_DATAGRAM_HEADER);
    say(fd, bytes, size);
}

/* The next datagram's size, and the frame it begins with. */
static size_t hear_handshake(int fd, struct nrp_frame *f)
{
    static uint8_t bytes[2048];
    struct nrp_datagram d;
    size_t size;
    ssize_t n = recv(fd, bytes, sizeof bytes, 0);
    assert_true(n > NRP_DATAGRAM_HEADER);
    assert_true(nrp_datagram_read(bytes, (size_t)n, &d));
    assert_int_equal(nrp_frame_read(bytes + NRP_DATAGRAM_HEADER, (size_t)n - NRP_DATAGRAM_HEADER,
                                    4096, f, &size, NULL),
                     NRP_TAKEN);
    return (size_t)n;
}

static struct nrp_auth ask_for_cookie(int fd, const struct nrp_hello *h)
{
    struct nrp_frame f = {.type = NRP_HELLO, .hello = *h};
    say_handshake(fd, &f, NRP_HELLO_DATAGRAM);
    assert_true(hear_handshake(fd, &f) <= NRP_HELLO_DATAGRAM);
    assert_int_equal(f.type, NRP_CHALLENGE);
    return (struct nrp_auth){.hello = *h, .challenge = f.challenge};
}

static void a_small_hello_gets_nothing(void **state)
{
    struct scene *s = *state;
    struct relay r = relay_start(s, ARGV("--status-every", "0s"));
    int fd = open_socket(SOCK_DGRAM, r.udp_port);
    struct nrp_hello hello = make_hello(1);
    const struct nrp_frame f = {.type = NRP_HELLO, .hello = hello};
    say_handshake(fd, &f, NRP_HELLO_DATAGRAM - 1);
    say_handshake(fd, &f, NRP_DATAGRAM_HEADER + nrp_frame_size(&f));
    relay_expect(&r, "bad_datagrams", 2);
    assert_false(can_be_read(fd, 0));
    (void)ask_for_cookie(fd, &hello);
    (void)close(fd);
    relay_stop(&r);
}

static void a_cookie_is_good_for_its_own_port_alone(void **state)
{
    struct scene *s = *state;
    struct relay r = relay_start(s, ARGV("--status-every", "0s"));
    int fd = open_socket(SOCK_DGRAM, r.udp_port), thief = open_socket(SOCK_DGRAM, r.udp_port);
    struct nrp_hello hello = make_hello(1);
    struct nrp_frame f = {.type = NRP_AUTH, .auth = ask_for_cookie(fd, &hello)}, answer;
    say_handshake(thief, &f, NRP_DATAGRAM_MAX);
    relay_expect(&r, "datagrams_in", 2);
    assert_int_equal(relay_count(&r, "sessions_datagram"), 0);
    /* "Ask again", and nothing else: it is smaller than what was sent, and says nothing of keys. */
    assert_true(hear_handshake(thief, &answer) <= NRP_HELLO_DATAGRAM);
    assert_int_equal(answer.type, NRP_ERROR);
    assert_int_equal(answer.notice.code, NRP_CODE_TIMEOUT);
    say_handshake(fd, &f, NRP_DATAGRAM_MAX);
    assert_int_equal(hear_handshake(fd, &answer), NRP_DATAGRAM_MAX);
    assert_int_equal(answer.type, NRP_WELCOME);
    assert_int_equal(relay_count(&r, "sessions_datagram"), 1);
    (void)close(fd);
    (void)close(thief);
    relay_stop(&r);
}

static void noise_does_not_hurt(void **state)
{
    enum { DATAGRAMS = 20000, BATCH = 500 };
    struct scene *s = *state;
    struct relay r = relay_start(s, ARGV("--status-every", "0s"));
    int fd = open_socket(SOCK_DGRAM, r.udp_port);
    unsigned seed = (unsigned)date_now_ms();
    print_message("seed %u\n", seed);
    srandom(seed);
    expect_service(&r);
    long before = resident_bytes(&r);
    for (int i = 0; i < DATAGRAMS; i++) {
        uint8_t bytes[NRP_DATAGRAM_MAX];
        size_t len = 1 + (size_t)random() % sizeof bytes;
        for (size_t at = 0; at < len; at++)
            bytes[at] = (uint8_t)random();
        const struct nrp_datagram d = {.flags = (uint8_t)(i % 4 / 2 * NRP_DATAGRAM_HANDSHAKE)};
        if (i % 2 && len >= NRP_DATAGRAM_HEADER) nrp_datagram_write(&d, bytes);
        say(fd, bytes, len);
        if (i % BATCH == BATCH - 1) (void)relay_count(&r, "bad_datagrams"); /* it keeps up */
    }
    relay_expect(&r, "bad_datagrams", DATAGRAMS / 2);
    expect_flat(&r, before);
    assert_int_equal(relay_count(&r, "sessions_datagram"), 0);
    expect_service(&r);
    (void)close(fd);
    relay_stop(&r);
}

static void a_flood_of_hellos_leaves_memory_flat(void **state)
{
    enum { HELLOS = 20000, BATCH = 250 };
    struct scene *s = *state;
    struct relay r = relay_start(s, ARGV("--status-every", "0s"));
    expect_service(&r);
    long before = resident_bytes(&r);
    for (int i = 0; i < HELLOS / BATCH; i++) {
        int fd = open_socket(SOCK_DGRAM, r.udp_port); /* another port each time */
        for (int k = 0; k < BATCH; k++) {
            const struct nrp_frame f = {.type = NRP_HELLO, .hello = make_hello((uint8_t)k)};
            say_handshake(fd, &f, NRP_HELLO_DATAGRAM);
        }
        struct nrp_frame answer;
        assert_true(hear_handshake(fd, &answer) <= NRP_HELLO_DATAGRAM);
        (void)close(fd);
    }
    assert_int_equal(relay_count(&r, "sessions"), 0);
    expect_flat(&r, before);
    expect_service(&r);
    relay_stop(&r);
}

static void a_sealed_datagram_counts_once(void **state)
{
    struct scene *s = *state;
    struct outcome o = scene_run(s, NULL, ARGV(NEWSRELAY_PATH, "keygen", "--publish", "#"));
    const char *path = scene_file(s, "keys", o.out);
    struct relay r = relay_start(s, ARGV("--status-every", "0s", "--keys", path));
    struct nrp_keys *keys = nrp_keys_read(path, NULL);
    assert_non_null(keys);
    int fd = open_socket(SOCK_DGRAM, r.udp_port);
    struct nrp_hello hello = make_hello(1);
    hello.security = NRP_SEALED;
    hello.key_id = nrp_keys_first(keys)->id;
    struct nrp_frame f = {.type = NRP_AUTH, .auth = ask_for_cookie(fd, &hello)}, answer;
    struct nrp_handshake_keys k;
    nrp_handshake_keys(nrp_keys_first(keys)->secret, hello.client_nonce,
                       f.auth.challenge.server_nonce, &k);
    nrp_auth_proof(&k, &f.auth, f.auth.proof);
    say_handshake(fd, &f, NRP_DATAGRAM_MAX);
    (void)hear_handshake(fd, &answer);
    assert_int_equal(answer.type, NRP_WELCOME);

    uint8_t bytes[256];
    const struct nrp_datagram d = {.flags = NRP_DATAGRAM_SECURED,
                                   .session_id = answer.welcome.session_id};
    const struct nrp_frame item = {.type = NRP_PUBLISH,
                                   .topic = (const uint8_t *)TOPIC,
                                   .topic_len = sizeof TOPIC - 1,
                                   .publish = {.publish_id = 1, .fragment_count = 1}};
    struct nrp_cipher *out = nrp_cipher_new(&k, NRP_SEALED, NRP_TO_RELAY, d.session_id,
                                            answer.welcome.epoch);
    assert_non_null(out);
    nrp_datagram_write(&d, bytes);
    size_t len = nrp_frame_write(&item, bytes + NRP_DATAGRAM_HEADER);
    assert_true(nrp_seal(out, 0, bytes, NRP_DATAGRAM_HEADER, bytes + NRP_DATAGRAM_HEADER, len,
                         bytes + NRP_DATAGRAM_HEADER + len));
    len += NRP_DATAGRAM_HEADER + NRP_TAG_SIZE;
    say(fd, bytes, len);
    relay_expect(&r, "published", 1);
    say(fd, bytes, len);
    say(fd, bytes, len);
    relay_expect(&r, "replays", 2);
    bytes[NRP_DATAGRAM_HEADER - 1] = 1; /* the same under a new number is not genuine */
    say(fd, bytes, len);
    relay_expect(&r, "auth_failures", 1);
    assert_int_equal(relay_count(&r, "published"), 1);
    nrp_cipher_free(out);
    nrp_keys_free(keys);
    (void)close(fd);
    relay_stop(&r);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(int argc, char **argv)
{
    if (argc > 1) cmocka_set_test_filter(argv[1]); /* a pattern such as "*cookie*" */
    const struct CMUnitTest tests[] = {
        TEST(what_is_no_frame_ends_the_connection_at_once),
        TEST(a_length_out_of_bounds_costs_no_memory),
        TEST(who_does_not_finish_the_handshake_is_cut_off_after_five_seconds),
        TEST(one_session_too_many_is_refused_and_the_others_work),
        TEST(without_descriptors_it_serves_whom_it_has_and_does_not_spin),
        TEST(one_that_never_reads_holds_nobody_up_and_is_told_what_it_lost),
        TEST(a_small_hello_gets_nothing),
        TEST(a_cookie_is_good_for_its_own_port_alone),
        TEST(noise_does_not_hurt),
        TEST(a_flood_of_hellos_leaves_memory_flat),
        TEST(a_sealed_datagram_counts_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
