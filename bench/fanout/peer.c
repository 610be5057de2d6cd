#include "bench/fanout/peer.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/nrp/frame.h"

#define TOPIC_LEN    (sizeof PEER_TOPIC - 1)
#define NATS_SUBJECT "news.bench"

/* --- small talk on a blocking socket ----------------------------------------------------- */

static bool say(int fd, const void *bytes, size_t len)
{
    return send(fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static bool hear(int fd, void *out, size_t len)
{
    return recv(fd, out, len, MSG_WAITALL) == (ssize_t)len;
}

/* A line without its end; NULL-terminated. */
static bool hear_line(int fd, char *out, size_t size)
{
    size_t used = 0;
    while (used + 1 < size && hear(fd, out + used, 1)) {
        if (out[used] == '\n') {
            out[used] = '\0';
            return true;
        }
        used++;
    }
    return false;
}

static size_t no_answer(const struct peer_run *run)
{
    (void)run;
    return 0;
}

/* --- bare: bench/fanout/bare.c ----------------------------------------------------------- */

static bool bare_publisher(int fd, const struct peer_run *run)
{
    (void)run;
    return say(fd, "P", 1);
}

static bool bare_subscriber(int fd, const struct peer_run *run)
{
    char ready;
    (void)run;
    return say(fd, "S", 1) && hear(fd, &ready, 1);
}

static size_t bare_encode(uint8_t *out, const uint8_t *payload, uint64_t number,
                          const struct peer_run *run)
{
    (void)number;
    memcpy(out, payload, run->payload_len);
    return run->payload_len;
}

static size_t bare_delivered(const struct peer_run *run, size_t *payload_at)
{
    *payload_at = 0;
    return run->payload_len;
}

/* --- nats -------------------------------------------------------------------------------- */

static bool nats_ping(int fd)
{
    char line[256];
    return say(fd, "PING\r\n", 6) && hear_line(fd, line, sizeof line) && !strncmp(line, "PONG", 4);
}

static bool nats_publisher(int fd, const struct peer_run *run)
{
    static const char hello[] = "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n";
    char info[4096];
    (void)run;
    return hear_line(fd, info, sizeof info) && say(fd, hello, sizeof hello - 1) && nats_ping(fd);
}

static bool nats_subscriber(int fd, const struct peer_run *run)
{
    static const char subscribe[] = "SUB " NATS_SUBJECT " 1\r\n";
    return nats_publisher(fd, run) && say(fd, subscribe, sizeof subscribe - 1) && nats_ping(fd);
}

static size_t nats_encode(uint8_t *out, const uint8_t *payload, uint64_t number,
                          const struct peer_run *run)
{
    (void)number;
    size_t n = (size_t)sprintf((char *)out, "PUB " NATS_SUBJECT " %zu\r\n", run->payload_len);
    memcpy(out + n, payload, run->payload_len);
    memcpy(out + n + run->payload_len, "\r\n", 2);
    return n + run->payload_len + 2;
}

static size_t nats_delivered(const struct peer_run *run, size_t *payload_at)
{
    char head[128];
    *payload_at = (size_t)sprintf(head, "MSG " NATS_SUBJECT " 1 %zu\r\n", run->payload_len);
    return *payload_at + run->payload_len + 2;
}

/* --- redis ------------------------------------------------------------------------------- */

static bool redis_publisher(int fd, const struct peer_run *run)
{
    char line[64];
    (void)run;
    return say(fd, "PING\r\n", 6) && hear_line(fd, line, sizeof line);
}

static bool redis_subscriber(int fd, const struct peer_run *run)
{
    char line[64];
    (void)run;
    if (!say(fd, "SUBSCRIBE " PEER_TOPIC "\r\n", sizeof "SUBSCRIBE " PEER_TOPIC "\r\n" - 1))
        return false;
    for (int lines = 0; lines < 6; lines++) /* *3 $9 subscribe $10 topic :1 */
        if (!hear_line(fd, line, sizeof line)) return false;
    return true;
}

static size_t redis_encode(uint8_t *out, const uint8_t *payload, uint64_t number,
                           const struct peer_run *run)
{
    (void)number;
    size_t n = (size_t)sprintf((char *)out,
                               "*3\r\n$7\r\nPUBLISH\r\n$%zu\r\n" PEER_TOPIC "\r\n$%zu\r\n",
                               TOPIC_LEN, run->payload_len);
    memcpy(out + n, payload, run->payload_len);
    memcpy(out + n + run->payload_len, "\r\n", 2);
    return n + run->payload_len + 2;
}

static size_t redis_delivered(const struct peer_run *run, size_t *payload_at)
{
    char head[128];
    *payload_at = (size_t)sprintf(head, "*3\r\n$7\r\nmessage\r\n$%zu\r\n" PEER_TOPIC "\r\n$%zu\r\n",
                                  TOPIC_LEN, run->payload_len);
    return *payload_at + run->payload_len + 2;
}

static size_t redis_answer(const struct peer_run *run)
{
    char text[32];
    return (size_t)sprintf(text, ":%u\r\n", run->subscribers);
}

/* --- mqtt 3.1.1 -------------------------------------------------------------------------- */

static bool mqtt_publisher(int fd, const struct peer_run *run)
{
    static const uint8_t connect[] = {0x10, 12, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, 0};
    uint8_t connack[4];
    (void)run;
    return say(fd, connect, sizeof connect) && hear(fd, connack, sizeof connack) &&
           connack[0] == 0x20 && connack[3] == 0;
}

static bool mqtt_subscriber(int fd, const struct peer_run *run)
{
    uint8_t subscribe[5 + 2 + TOPIC_LEN] = {0x82,     (uint8_t)(2 + 2 + TOPIC_LEN + 1), 0, 1, 0,
                                            TOPIC_LEN};
    uint8_t suback[5];
    memcpy(subscribe + 6, PEER_TOPIC, TOPIC_LEN);
    subscribe[6 + TOPIC_LEN] = (uint8_t)run->qos;
    return mqtt_publisher(fd, run) && say(fd, subscribe, sizeof subscribe) &&
           hear(fd, suback, sizeof suback) && suback[0] == 0x90 && suback[4] == run->qos;
}

/* Fixed header, topic and, at QoS 1, the packet id; returns where the payload begins. */
static size_t mqtt_head(uint8_t *out, uint64_t number, const struct peer_run *run)
{
    size_t remaining = 2 + TOPIC_LEN + (run->qos ? 2 : 0) + run->payload_len, at = 0;
    out[at++] = run->qos ? 0x32 : 0x30;
    for (; remaining >= 128; remaining /= 128)
        out[at++] = (uint8_t)(remaining % 128 | 128);
    out[at++] = (uint8_t)remaining;
    out[at++] = 0;
    out[at++] = TOPIC_LEN;
    memcpy(out + at, PEER_TOPIC, TOPIC_LEN);
    at += TOPIC_LEN;
    if (!run->qos) return at;
    uint16_t id = (uint16_t)(number % 65535 + 1);
    out[at++] = (uint8_t)(id >> 8);
    out[at++] = (uint8_t)id;
    return at;
}

static size_t mqtt_encode(uint8_t *out, const uint8_t *payload, uint64_t number,
                          const struct peer_run *run)
{
    size_t at = mqtt_head(out, number, run);
    memcpy(out + at, payload, run->payload_len);
    return at + run->payload_len;
}

static size_t mqtt_delivered(const struct peer_run *run, size_t *payload_at)
{
    uint8_t head[64];
    *payload_at = mqtt_head(head, 1, run);
    return *payload_at + run->payload_len;
}

static size_t mqtt_answer(const struct peer_run *run)
{
    return run->qos ? 4 : 0;
}

static size_t mqtt_acknowledge(uint8_t *out, const uint8_t *message, uint64_t total,
                               const struct peer_run *run)
{
    size_t at;
    (void)total;
    if (!run->qos) return 0;
    (void)mqtt_delivered(run, &at);
    const uint8_t puback[4] = {0x40, 2, message[at - 2], message[at - 1]};
    memcpy(out, puback, sizeof puback);
    return sizeof puback;
}

/* --- nrp --------------------------------------------------------------------------------- */

static bool nrp_say(int fd, const struct nrp_frame *f)
{
    uint8_t bytes[512];
    return say(fd, bytes, nrp_frame_write(f, bytes));
}

static bool nrp_hear(int fd, uint8_t *bytes, size_t room, struct nrp_frame *f)
{
    size_t size;
    struct news_error err;
    if (!hear(fd, bytes, NRP_HEADER_SIZE)) return false;
    size_t len = (size_t)bytes[6] << 8 | bytes[7];
    return len + NRP_HEADER_SIZE <= room && hear(fd, bytes + NRP_HEADER_SIZE, len) &&
           nrp_frame_read(bytes, NRP_HEADER_SIZE + len, 65536, f, &size, &err) == NRP_TAKEN;
}

static bool nrp_publisher(int fd, const struct peer_run *run)
{
    (void)run;
    static uint8_t client;
    uint8_t bytes[4096];
    struct nrp_frame f = {.type = NRP_HELLO}, answer;
    f.hello = (struct nrp_hello){.version_min = 1, .version_max = 1, .role = NRP_ROLE_BOTH};
    f.hello.client_id[0] = ++client; /* each its own */
    f.hello.client_id[1] = (uint8_t)getpid();
    f.hello.client_nonce[0] = client;
    if (!nrp_say(fd, &f) || !nrp_hear(fd, bytes, sizeof bytes, &answer) ||
        answer.type != NRP_CHALLENGE)
        return false;
    struct nrp_frame auth = {.type = NRP_AUTH};
    auth.auth = (struct nrp_auth){.hello = f.hello, .challenge = answer.challenge};
    return nrp_say(fd, &auth) && nrp_hear(fd, bytes, sizeof bytes, &answer) &&
           answer.type == NRP_WELCOME;
}

static bool nrp_subscriber(int fd, const struct peer_run *run)
{
    uint8_t bytes[4096];
    struct nrp_frame f = {.type = NRP_SUBSCRIBE,
                          .topic = (const uint8_t *)PEER_TOPIC,
                          .topic_len = TOPIC_LEN,
                          .subscribe = {.request_id = 1, .qos = (uint8_t)run->qos}};
    struct nrp_frame answer;
    return nrp_publisher(fd, run) && nrp_say(fd, &f) &&
           nrp_hear(fd, bytes, sizeof bytes, &answer) && answer.type == NRP_SUBACK &&
           answer.suback.status < 0x80;
}

static size_t nrp_encode(uint8_t *out, const uint8_t *payload, uint64_t number,
                         const struct peer_run *run)
{
    const struct nrp_frame f = {
        .type = NRP_PUBLISH,
        .topic = (const uint8_t *)PEER_TOPIC,
        .topic_len = TOPIC_LEN,
        .payload = payload,
        .payload_len = run->payload_len,
        .publish = {.publish_id = number,
                    .fragment_count = 1,
                    .flags = (uint8_t)(run->qos ? NRP_FLAG_ACK : 0)},
    };
    return nrp_frame_write(&f, out);
}

static size_t nrp_delivered(const struct peer_run *run, size_t *payload_at)
{
    *payload_at = NRP_ITEM_PREFIX + TOPIC_LEN;
    return *payload_at + run->payload_len;
}

static size_t nrp_answer(const struct peer_run *run)
{
    const struct nrp_frame f = {.type = NRP_PUBACK};
    return run->qos ? nrp_frame_size(&f) : 0;
}

static size_t nrp_acknowledge(uint8_t *out, const uint8_t *message, uint64_t total,
                              const struct peer_run *run)
{
    (void)message;
    if (!run->qos || total % 64 != 0) return 0;
    const struct nrp_frame f = {.type = NRP_ACK, .cum_dseq = total};
    return nrp_frame_write(&f, out);
}

/* --- the table --------------------------------------------------------------------------- */

static const struct peer peers[] = {
    {"bare", bare_publisher, bare_subscriber, bare_encode, bare_delivered, no_answer, NULL, false},
    {"mosquitto", mqtt_publisher, mqtt_subscriber, mqtt_encode, mqtt_delivered, mqtt_answer,
     mqtt_acknowledge, true},
    {"nats", nats_publisher, nats_subscriber, nats_encode, nats_delivered, no_answer, NULL, false},
    {"redis", redis_publisher, redis_subscriber, redis_encode, redis_delivered, redis_answer, NULL,
     false},
    {"relay", nrp_publisher, nrp_subscriber, nrp_encode, nrp_delivered, nrp_answer, nrp_acknowledge,
     true},
};

const struct peer *peer_find(const char *name)
{
    for (size_t i = 0; i < sizeof peers / sizeof *peers; i++)
        if (strcmp(peers[i].name, name) == 0) return &peers[i];
    return NULL;
}

const char *peer_names(void)
{
    return "bare, mosquitto, nats, redis, relay";
}
