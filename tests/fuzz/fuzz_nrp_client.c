/* Whatever a relay sends after a good handshake: the client keeps its promises. The first byte
 * picks the carrier; then operations of one byte, their arguments behind it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/nrp/client.h"
#include "common/topic.h"

/* An assert that also works in a release build. */
#define PROMISE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) abort();                                                                 \
    } while (0)

#define SESSION     UINT64_C(0x1122334455667788)
#define GROUP       UINT64_C(77)
#define OUTPUT_MOST 4096 /* datagrams in one turn */

struct script {
    const uint8_t *at;
    size_t left;
    struct nrp_client *client;
    int64_t now_us;
    uint64_t packets, tokens;
    bool datagrams, held, accepts, listens;
    uint64_t group_packets;
    unsigned downs;
};

static uint8_t next_byte(struct script *s)
{
    if (!s->left) return 0;
    s->left--;
    return *s->at++;
}

/* ---- what it tells its caller ---- */

static void on_up(void *user, const struct nrp_welcome *w)
{
    (void)w;
    struct script *s = user;
    (void)nrp_client_subscribe(s->client, "a/#", s->accepts, true, NULL);
}

static void on_down(void *user, const struct news_error *why)
{
    struct script *s = user;
    PROMISE(++s->downs == 1);
    PROMISE(!why || memchr(why->message, '\0', sizeof why->message));
}

static void on_item(void *user, const struct nrp_delivery *d)
{
    struct script *s = user;
    char topic[NRP_TOPIC_MAX + 1];
    PROMISE(!s->downs && d->topic_len > 0 && d->topic_len <= NRP_TOPIC_MAX);
    memcpy(topic, d->topic, d->topic_len);
    topic[d->topic_len] = '\0';
    PROMISE(topic_name_ok(topic, NULL) && strlen(topic) == d->topic_len);
    volatile uint8_t sum = 0; /* every byte of it can be read */
    for (size_t i = 0; i < d->payload_len; i++)
        sum = (uint8_t)(sum + d->payload[i]);
    if (s->accepts) nrp_client_accept(s->client, s->now_us);
}

static void on_published(void *user, uint64_t token, unsigned code)
{
    struct script *s = user;
    PROMISE(!s->downs && token < s->tokens && code <= UINT8_MAX);
}

static void on_subscribed(void *user, const char *filter, unsigned code)
{
    struct script *s = user;
    (void)code;
    PROMISE(!s->downs && topic_filter_ok(filter, NULL));
}

static void on_lost(void *user, uint64_t count)
{
    struct script *s = user;
    PROMISE(!s->downs && count > 0);
}

static void on_group(void *user, const struct nrp_group_address *at)
{
    struct script *s = user;
    PROMISE(!s->downs && s->datagrams && (at || s->listens));
    s->listens = at != NULL;
}

/* ---- what the relay says ---- */

static void give(struct script *s, const uint8_t *bytes, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1); /* its own memory, so that reading past it is seen */
    if (!copy) return;
    if (len) memcpy(copy, bytes, len);
    (void)nrp_client_input(s->client, s->now_us, copy, len);
    free(copy);
}

static void give_frames(struct script *s, const uint8_t *frames, size_t len, bool shakes)
{
    uint8_t bytes[NRP_DATAGRAM_HEADER + 1024];
    const struct nrp_datagram d = {
        .flags = shakes ? NRP_DATAGRAM_HANDSHAKE : 0,
        .session_id = shakes ? 0 : SESSION,
        .packet_number = shakes ? 0 : s->packets++,
    };
    if (!s->datagrams) {
        give(s, frames, len);
        return;
    }
    nrp_datagram_write(&d, bytes);
    memcpy(bytes + NRP_DATAGRAM_HEADER, frames, len);
    give(s, bytes, NRP_DATAGRAM_HEADER + len);
}

static void drain(struct script *s)
{
    uint8_t out[NRP_DATAGRAM_MAX];
    size_t len, turns = 0;
    while (s->datagrams && (len = nrp_client_datagram(s->client, s->now_us, out)) > 0)
        PROMISE(len <= sizeof out && ++turns < OUTPUT_MOST);
    (void)nrp_client_pending(s->client, &len);
    PROMISE(len <= (size_t)3 << 20);
    nrp_client_sent(s->client, s->now_us, len);
}

static void turn(struct script *s)
{
    nrp_client_tick(s->client, s->now_us);
    drain(s);
    PROMISE(nrp_client_deadline(s->client) > s->now_us);
}

static void shake(struct script *s)
{
    uint8_t bytes[200];
    const struct nrp_frame challenge = {.type = NRP_CHALLENGE};
    const struct nrp_frame welcome = {.type = NRP_WELCOME,
                                      .welcome = {.session_id = SESSION,
                                                  .epoch = 7,
                                                  .oldest_iseq = 1,
                                                  .last_iseq = 9,
                                                  .item_max = 65536,
                                                  .datagram_max = NRP_DATAGRAM_MAX,
                                                  .ring = 16,
                                                  .lease_ms = 30000,
                                                  .heartbeat_min_ms = 20,
                                                  .heartbeat_max_ms = 1000}};
    turn(s);
    give_frames(s, bytes, nrp_frame_write(&challenge, bytes), true);
    turn(s);
    give_frames(s, bytes, nrp_frame_write(&welcome, bytes), true);
    turn(s);
    PROMISE(nrp_client_is_up(s->client));
}

/* ---- operations ---- */

static void say(struct script *s)
{
    size_t len = next_byte(s) * (size_t)4;
    if (len > s->left) len = s->left;
    give_frames(s, s->at, len, false);
    s->at += len;
    s->left -= len;
}

/* An item that is well-formed, so that what follows numbers is reached. */
static void say_item(struct script *s)
{
    uint8_t bytes[100];
    const struct nrp_frame f = {
        .type = NRP_ITEM,
        .topic = (const uint8_t *)"a/b",
        .topic_len = 3,
        .payload = (const uint8_t *)"xyz",
        .payload_len = 3,
        .item = {.dseq = next_byte(s), .iseq = next_byte(s), .fragment_count = 1},
    };
    give_frames(s, bytes, nrp_frame_write(&f, bytes), false);
}

/* ---- the group ---- */

static struct nrp_frame group_item(uint8_t iseq)
{
    return (struct nrp_frame){.type = NRP_ITEM,
                              .topic = (const uint8_t *)"a/b",
                              .topic_len = 3,
                              .payload = (const uint8_t *)"xyz",
                              .payload_len = 3,
                              .item = {.iseq = iseq, .fragment_count = 1}};
}

static void group_gives(struct script *s, uint8_t *bytes, size_t len)
{
    const struct nrp_datagram d = {
        .flags = NRP_DATAGRAM_MULTICAST, .session_id = GROUP, .packet_number = s->group_packets++};
    nrp_datagram_write(&d, bytes);
    nrp_client_group_input(s->client, s->now_us, true, bytes, NRP_DATAGRAM_HEADER + len);
}

static void say_group(struct script *s)
{
    uint8_t bytes[100], how = next_byte(s);
    const struct nrp_frame f = {
        .type = NRP_GROUP,
        .group = {.group_id = how & 0x40 ? 0 : GROUP, .port = 9, .status = how & 0x83}};
    give_frames(s, bytes, nrp_frame_write(&f, bytes), false);
}

static void group_says_item(struct script *s)
{
    uint8_t bytes[NRP_DATAGRAM_HEADER + 100];
    const struct nrp_frame f = group_item(next_byte(s));
    group_gives(s, bytes, nrp_frame_write(&f, bytes + NRP_DATAGRAM_HEADER));
}

static void group_says_anything(struct script *s)
{
    uint8_t bytes[NRP_DATAGRAM_HEADER + 1024];
    size_t len = next_byte(s) * (size_t)4;
    if (len > s->left) len = s->left;
    memcpy(bytes + NRP_DATAGRAM_HEADER, s->at, len);
    s->at += len;
    s->left -= len;
    group_gives(s, bytes, len);
}

static void say_shared(struct script *s)
{
    uint8_t bytes[100];
    struct nrp_frame f = {.type = NRP_SHARED};
    f.shared.item = (struct nrp_item){
        .dseq = next_byte(s), .iseq = next_byte(s), .fragment_count = 1};
    const struct nrp_frame body = group_item((uint8_t)f.shared.item.iseq);
    nrp_digest(bytes, nrp_frame_write(&body, bytes), f.shared.digest);
    give_frames(s, bytes, nrp_frame_write(&f, bytes), false);
}

static void say_raw(struct script *s)
{
    size_t len = next_byte(s);
    if (len > s->left) len = s->left;
    give(s, s->at, len);
    s->at += len;
    s->left -= len;
}

static void pass_time(struct script *s)
{
    uint8_t step = next_byte(s);
    s->now_us += step < 128 ? step * INT64_C(1000) : (step - 127) * INT64_C(200000);
    turn(s);
}

static void publish(struct script *s)
{
    static const uint8_t payload[256 * 32];
    uint8_t how = next_byte(s);
    const struct nrp_publication p = {
        .topic = "t/u",
        .payload = payload,
        .payload_len = next_byte(s) * (size_t)32,
        .acknowledged = how & 1,
        .retain = how & 2,
        .will = how & 4,
    };
    enum nrp_published published = nrp_client_publish(s->client, s->now_us, &p, s->tokens++, NULL);
    PROMISE(published == NRP_PUB_TAKEN || published == NRP_PUB_FULL ||
            !nrp_client_is_up(s->client));
}

static void subscribe(struct script *s)
{
    static const char *const filters[] = {"a/#", "b/+/c", "#", "$x/#"};
    uint8_t how = next_byte(s);
    if (how & 0x80) (void)nrp_client_unsubscribe(s->client, filters[how % 4], NULL);
    else (void)nrp_client_subscribe(s->client, filters[how % 4], how >> 2 & 1, how & 8, NULL);
}

static void hold(struct script *s)
{
    s->held = !s->held;
    nrp_client_hold(s->client, s->now_us, s->held);
}

static void accept_all(struct script *s)
{
    nrp_client_accept(s->client, s->now_us);
    (void)nrp_client_resume(s->client);
}

static void close_it(struct script *s)
{
    if (next_byte(s) == 0xcc) nrp_client_close(s->client, s->now_us);
}

static void play(struct script *s)
{
    static void (*const operations[])(struct script *) = {
        say,
        say_item,
        pass_time,
        publish,
        subscribe,
        hold,
        accept_all,
        say_raw,
        close_it,
        drain,
        say_group,
        group_says_item,
        group_says_anything,
        say_shared,
    };
    while (s->left && !s->downs)
        operations[next_byte(s) % (sizeof operations / sizeof *operations)](s);
    s->now_us += INT64_C(300000000);
    for (int i = 0; i < 20; i++, s->now_us += INT64_C(60000000))
        turn(s);
    PROMISE(s->downs == 1 || s->held); /* nobody answers */
}

static void fill(void *user, void *out, size_t len)
{
    (void)user;
    memset(out, 7, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct script s = {.at = bytes, .left = len, .now_us = 1000000};
    uint8_t mode = next_byte(&s);
    s.datagrams = mode & 1;
    s.accepts = mode & 2;
    const struct nrp_client_config config = {
        .datagrams = s.datagrams,
        .ordered = mode & 4,
        .multicast = mode & 16,
        .window = 8,
        .item_max = 65536,
        .resume = {.epoch = 7, .iseq = mode & 8 ? 3 : 0},
    };
    const struct nrp_client_events events = {
        &s, on_up, on_down, on_item, on_published, on_subscribed, on_lost, on_group,
    };
    const struct nrp_random random = {NULL, fill};
    s.client = nrp_client_new(&config, &events, &random, s.now_us, NULL);
    if (!s.client) return 0;
    shake(&s);
    play(&s);
    nrp_client_free(s.client);
    return 0;
}
