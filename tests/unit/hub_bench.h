/* tests/unit/hub_bench.h - a hub with its log and guard, and scripted clients that write and read
 * frames one by one. */
#ifndef NEWS_TEST_HUB_BENCH_H
#define NEWS_TEST_HUB_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/buf.h"
#include "relay/hub.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define SECOND       INT64_C(1000000)

struct bench {
    struct relay_log *log;
    struct guard *guard;
    struct hub *hub;
    uint64_t seed;
    int64_t now;
    struct hub_config config;
    struct log_config log_config;
    struct guard_limits limits;
};

static void bench_fill(void *user, void *out, size_t len)
{
    uint64_t *seed = user;
    for (uint8_t *at = out; len > 0; len--) {
        *seed = *seed * 6364136223846793005u + 1442695040888963407u;
        *at++ = (uint8_t)(*seed >> 56);
    }
}

static const char bench_keys[] =
    "1 0101010101010101010101010101010101010101010101010101010101010101 publish=news/# "
    "subscribe=news/#\n"
    "2 0202020202020202020202020202020202020202020202020202020202020202 subscribe=news/a/#\n";

static inline struct nrp_keys *bench_read_keys(const char *text)
{
    char path[] = "/tmp/test_hub_keys_XXXXXX";
    struct news_error err = {0};
    int fd = mkstemp(path);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    struct nrp_keys *keys = nrp_keys_read(path, &err);
    (void)remove(path);
    if (!keys) fail_msg("%s", err.message);
    return keys;
}

/* What a test does not change before bench_open(). */
static inline void bench_init(struct bench *b)
{
    *b = (struct bench){
        .seed = 42,
        .now = 1000 * SECOND,
        .config = hub_defaults,
        .log_config = {.items_max = 10000,
                       .bytes_max = 32 << 20,
                       .retained_max = 1000,
                       .retained_bytes_max = 1 << 20,
                       .publishers_max = 100,
                       .followers = 1},
        .limits = {.sessions_max = 100,
                   .per_address_max = 100,
                   .handshakes_per_s = 1000,
                   .handshakes_per_s_all = 1000},
    };
}

static inline void bench_open(struct bench *b)
{
    struct news_error err = {0};
    struct nrp_random random = {.user = &b->seed, .fill = bench_fill};
    b->log = relay_log_new(&b->log_config, &random, &err);
    b->guard = guard_new(&b->limits, bench_read_keys(bench_keys), &err);
    b->hub = hub_new(&b->config, b->log, 0, b->guard, &random, b->now, &err);
    if (!b->hub) fail_msg("%s", err.message);
}

static inline void bench_close(struct bench *b)
{
    hub_free(b->hub);
    guard_free(b->guard);
    relay_log_free(b->log);
}

static inline struct nrp_address bench_address(uint8_t last)
{
    return (struct nrp_address){
        .family = 4, .ip = {192, 0, 2, last}, .port = (uint16_t)(5000 + last)};
}

static inline struct nrp_frame subscribe_frame(uint32_t id, const char *filter, int qos)
{
    return (struct nrp_frame){.type = NRP_SUBSCRIBE,
                              .topic = (const uint8_t *)filter,
                              .topic_len = (uint16_t)strlen(filter),
                              .subscribe = {.request_id = id, .qos = (uint8_t)qos}};
}

static inline struct nrp_frame publish_frame(uint64_t id, const char *topic, const char *payload,
                                             uint8_t flags)
{
    return (struct nrp_frame){.type = NRP_PUBLISH,
                              .topic = (const uint8_t *)topic,
                              .topic_len = (uint16_t)strlen(topic),
                              .payload = (const uint8_t *)payload,
                              .payload_len = strlen(payload),
                              .publish = {.publish_id = id, .fragment_count = 1, .flags = flags}};
}

static inline void assert_bytes(const uint8_t *bytes, size_t len, const char *text)
{
    if (len != strlen(text) || memcmp(bytes, text, len) != 0)
        fail_msg("\"%.*s\" instead of \"%s\"", (int)len, (const char *)bytes, text);
}

/* What a client needs for its handshake. */
struct credentials {
    enum nrp_security security;
    uint32_t key_id;
    uint8_t secret; /* 32 of it */
    uint8_t name;   /* of the client: its id is 16 of it */
    enum nrp_role role;
};

static inline struct nrp_hello hello_of(const struct credentials *c, uint8_t nonce)
{
    struct nrp_hello h = {.version_min = 1,
                          .version_max = 1,
                          .role = c->role ? (uint8_t)c->role : NRP_ROLE_BOTH,
                          .security = (uint8_t)c->security,
                          .key_id = c->key_id};
    memset(h.client_nonce, nonce, sizeof h.client_nonce);
    memset(h.client_id, c->name, sizeof h.client_id);
    return h;
}

static inline void prove(const struct credentials *c, struct nrp_auth *a,
                         struct nrp_handshake_keys *keys)
{
    uint8_t psk[NRP_SECRET_SIZE];
    if (c->security == NRP_OPEN) return;
    memset(psk, c->secret, sizeof psk);
    nrp_handshake_keys(psk, a->hello.client_nonce, a->challenge.server_nonce, keys);
    nrp_auth_proof(keys, a, a->proof);
}

#endif
