#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/nrp/client.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define MS           INT64_C(1000)
#define SECOND       (1000 * MS)
#define SESSION      UINT64_C(0x1122334455667788)
#define EPOCH        7

/* ------------------------------------------------------------------------- A relay with a script
 */

struct rig {
    struct nrp_client_config config;
    struct nrp_key key;
    struct nrp_client *client;
    struct nrp_random random;
    uint8_t drawn;
    int64_t now;
    struct nrp_welcome welcome;
    /* the relay's side */
    struct nrp_auth auth;
    struct nrp_handshake_keys keys;
    struct nrp_cipher *in, *out;
    uint64_t packets_in, packets_out;
    size_t datagram_len; /* of the last one taken */
    bool wrong_proof;
    struct buf sent;   /* what the client said, as text */
    struct buf events; /* what it told its caller, as text */
    /* what callbacks do */
    bool accept_at_once;
    const char *subscribes; /* in on_up */
};

static void fill(void *user, void *out, size_t len)
{
    struct rig *rig = user;
    memset(out, ++rig->drawn, len);
}

static void on_up(void *user, const struct nrp_welcome *w)
{
    struct rig *rig = user;
    buf_printf(&rig->events, "up %llu\n", (unsigned long long)w->epoch);
    if (rig->subscribes)
        assert_true(nrp_client_subscribe(rig->client, rig->subscribes, 1, false, NULL));
}

static void on_down(void *user, const struct news_error *why)
{
    static const char *const codes[] = {
        [NEWS_ERR_UNREACHABLE] = "unreachable", [NEWS_ERR_PROTOCOL] = "protocol",
        [NEWS_ERR_DENIED] = "denied",           [NEWS_ERR_TAKEN_OVER] = "taken over",
        [NEWS_ERR_MEMORY] = "memory",
    };
    struct rig *rig = user;
    if (why) buf_printf(&rig->events, "down %s: %s\n", codes[why->code], why->message);
    else buf_puts(&rig->events, "down as asked\n");
}

static void on_item(void *user, const struct nrp_delivery *d)
{
    struct rig *rig = user;
    buf_printf(&rig->events, "item %llu %.*s %.*s\n", (unsigned long long)d->iseq,
               (int)d->topic_len, (const char *)d->topic, (int)(d->payload_len % 100),
               (const char *)d->payload);
    if (rig->accept_at_once) nrp_client_accept(rig->client, rig->now);
}

static void on_published(void *user, uint64_t token, unsigned code)
{
    struct rig *rig = user;
    buf_printf(&rig->events, "published %llu %u\n", (unsigned long long)token, code);
}

static void on_subscribed(void *user, const char *filter, unsigned code)
{
    struct rig *rig = user;
    buf_printf(&rig->events, "subscribed %s %u\n", filter, code);
}

static void on_lost(void *user, uint64_t count)
{
    struct rig *rig = user;
    buf_printf(&rig->events, "lost %llu\n", (unsigned long long)count);
}

static void on_group(void *user, const struct nrp_group_address *at)
{
    struct rig *rig = user;
    if (at)
        buf_printf(&rig->events, "listen %d.%d.%d.%d:%d\n", at->ip[0], at->ip[1], at->ip[2],
                   at->ip[3], at->port);
    else buf_puts(&rig->events, "listen no more\n");
}

static void rig_start(struct rig *rig)
{
    const struct nrp_client_events events = {
        rig, on_up, on_down, on_item, on_published, on_subscribed, on_lost, on_group,
    };
    struct news_error err;
    rig->random = (struct nrp_random){rig, fill};
    rig->client = nrp_client_new(&rig->config, &events, &rig->random, rig->now, &err);
    if (!rig->client) fail_msg("%s", err.message);
}

static struct rig rig_of(bool datagrams, enum nrp_security security)
{
    struct rig rig = {
        .config = {.datagrams = datagrams, .security = security},
        .key = {.id = 5, .secret = {1, 2, 3}},
        .now = 1000 * SECOND,
        .accept_at_once = true,
        .welcome = {.session_id = SESSION,
                    .epoch = EPOCH,
                    .oldest_iseq = 1,
                    .last_iseq = 99,
                    .item_max = 65536,
                    .datagram_max = NRP_DATAGRAM_MAX,
                    .ring = 64,
                    .lease_ms = 30000,
                    .heartbeat_min_ms = 20,
                    .heartbeat_max_ms = 1000},
    };
    memset(rig.config.client_id, 'i', NRP_ID_SIZE);
    return rig;
}

static void rig_end(struct rig *rig)
{
    nrp_client_free(rig->client);
    nrp_cipher_free(rig->in);
    nrp_cipher_free(rig->out);
    buf_deinit(&rig->sent);
    buf_deinit(&rig->events);
}

/* ---- what the client says ---- */

static void write_subscribe(struct buf *out, const struct nrp_frame *f)
{
    buf_printf(out, " #%u %.*s qos %u from %llu", f->subscribe.request_id, (int)f->topic_len,
               (const char *)f->topic, f->subscribe.qos,
               (unsigned long long)f->subscribe.from_iseq);
    if (f->subscribe.mode & NRP_MODE_RETAINED) buf_puts(out, " retained");
}

static void write_publish(struct buf *out, const struct nrp_frame *f)
{
    buf_printf(out, " %llu %u/%u %02x %.*s %zu", (unsigned long long)f->publish.publish_id,
               f->publish.fragment, f->publish.fragment_count, f->publish.flags, (int)f->topic_len,
               (const char *)f->topic, f->payload_len);
}

static void write_nak(struct buf *out, const struct nrp_frame *f)
{
    struct nrp_range ranges[NRP_NAK_RANGES];
    size_t count;
    assert_true(nrp_ranges_read(f->payload, f->payload_len, ranges, &count));
    for (size_t i = 0; i < count; i++)
        buf_printf(out, " %llu+%u", (unsigned long long)ranges[i].first, ranges[i].count);
}

static void hear(struct rig *rig, const struct nrp_frame *f)
{
    struct buf *out = &rig->sent;
    buf_puts(out, nrp_type_name(f->type));
    if (f->type == NRP_AUTH) rig->auth = f->auth;
    if (f->type == NRP_SUBSCRIBE) write_subscribe(out, f);
    if (f->type == NRP_UNSUBSCRIBE) buf_printf(out, " #%u", f->unsuback.request_id);
    if (f->type == NRP_PUBLISH) write_publish(out, f);
    if (f->type == NRP_ACK) buf_printf(out, " %llu", (unsigned long long)f->cum_dseq);
    if (f->type == NRP_NAK) write_nak(out, f);
    if (f->type == NRP_JOIN)
        buf_printf(out, " %u of %llu", f->join.step, (unsigned long long)f->join.group_id);
    buf_putc(out, '\n');
}

static size_t head_of(const struct rig *rig, size_t size)
{
    return rig->config.security == NRP_SEALED ? NRP_HEADER_SIZE : size;
}

static void hear_stream(struct rig *rig)
{
    size_t len, size, used = 0;
    const uint8_t *pending = nrp_client_pending(rig->client, &len);
    uint8_t *bytes = malloc(len + 1);
    if (len) memcpy(bytes, pending, len);
    nrp_client_sent(rig->client, rig->now, len);
    for (; used < len; used += size) {
        struct nrp_frame f;
        uint8_t *at = bytes + used;
        assert_true(nrp_frame_read(at, NRP_HEADER_SIZE, 1 << 20, &f, &size, NULL) == NRP_PARTIAL);
        size_t head = head_of(rig, size);
        if (rig->in)
            assert_true(nrp_unseal(rig->in, rig->packets_in++, at, head, at + head, size - head,
                                   at + size));
        assert_true(nrp_frame_read(at, size, 1 << 20, &f, &size, NULL) == NRP_TAKEN);
        hear(rig, &f);
        if (rig->in) size += NRP_TAG_SIZE;
    }
    free(bytes);
}

static bool hear_datagram(struct rig *rig)
{
    uint8_t bytes[2000];
    struct nrp_datagram d;
    struct nrp_frame f;
    size_t len = nrp_client_datagram(rig->client, rig->now, bytes), size;
    if (!len) return false;
    assert_true(nrp_datagram_read(bytes, len, &d));
    rig->datagram_len = len;
    if (d.flags & NRP_DATAGRAM_SECURED) {
        len -= NRP_TAG_SIZE;
        assert_true(nrp_unseal(rig->in, d.packet_number, bytes, NRP_DATAGRAM_HEADER,
                               bytes + NRP_DATAGRAM_HEADER, len - NRP_DATAGRAM_HEADER,
                               bytes + len));
    }
    if (!(d.flags & NRP_DATAGRAM_HANDSHAKE)) {
        assert_int_equal(d.session_id, SESSION);
        assert_int_equal(d.packet_number, rig->packets_in++);
    }
    for (size_t at = NRP_DATAGRAM_HEADER; at < len; at += size) {
        assert_int_equal(nrp_frame_read(bytes + at, len - at, 1 << 20, &f, &size, NULL), NRP_TAKEN);
        hear(rig, &f);
        if (d.flags & NRP_DATAGRAM_HANDSHAKE) break;
    }
    return true;
}

/* Everything it has to say now. */
static void listen(struct rig *rig)
{
    if (!rig->config.datagrams) hear_stream(rig);
    while (rig->config.datagrams && hear_datagram(rig))
        continue;
}

static void assert_text(struct buf *got, const char *expected)
{
    buf_puts(got, "");
    assert_string_equal(got->data, expected);
    buf_clear(got);
}

static void assert_sent(struct rig *rig, const char *expected)
{
    listen(rig);
    assert_text(&rig->sent, expected);
}

static void assert_events(struct rig *rig, const char *expected)
{
    assert_text(&rig->events, expected);
}

/* ---- what the relay says ---- */

static void give_bytes(struct rig *rig, const void *bytes, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    memcpy(copy, bytes, len);
    (void)nrp_client_input(rig->client, rig->now, copy, len);
    free(copy);
}

static void say_stream(struct rig *rig, const struct nrp_frame *f)
{
    uint8_t bytes[5000];
    size_t size = nrp_frame_write(f, bytes), head = head_of(rig, size);
    if (rig->out) {
        assert_true(nrp_seal(rig->out, rig->packets_out++, bytes, head, bytes + head, size - head,
                             bytes + size));
        size += NRP_TAG_SIZE;
    }
    give_bytes(rig, bytes, size);
}

static void say_datagram(struct rig *rig, const struct nrp_frame *f)
{
    uint8_t bytes[5000] = {0};
    bool shakes = f->type == NRP_CHALLENGE || f->type == NRP_WELCOME || !rig->welcome.epoch;
    struct nrp_datagram d = {.flags = NRP_DATAGRAM_HANDSHAKE};
    size_t len = NRP_DATAGRAM_HEADER + nrp_frame_write(f, bytes + NRP_DATAGRAM_HEADER);
    if (!shakes)
        d = (struct nrp_datagram){.flags = rig->out ? NRP_DATAGRAM_SECURED : 0,
                                  .session_id = SESSION,
                                  .packet_number = rig->packets_out++};
    else if (f->type == NRP_WELCOME) len = rig->datagram_len;
    nrp_datagram_write(&d, bytes);
    if (rig->out && !shakes) {
        assert_true(nrp_seal(rig->out, d.packet_number, bytes, NRP_DATAGRAM_HEADER,
                             bytes + NRP_DATAGRAM_HEADER, len - NRP_DATAGRAM_HEADER, bytes + len));
        len += NRP_TAG_SIZE;
    }
    give_bytes(rig, bytes, len);
}

static void say(struct rig *rig, const struct nrp_frame *f)
{
    if (rig->config.datagrams) say_datagram(rig, f);
    else say_stream(rig, f);
}

static void tick(struct rig *rig, int64_t after)
{
    rig->now += after;
    nrp_client_tick(rig->client, rig->now);
}

static void say_challenge(struct rig *rig)
{
    struct nrp_frame f = {.type = NRP_CHALLENGE};
    memset(f.challenge.server_nonce, 's', NRP_NONCE_SIZE);
    memset(f.challenge.cookie, 'c', NRP_COOKIE_SIZE);
    say(rig, &f);
}

static void say_welcome(struct rig *rig)
{
    const struct nrp_welcome *w = &rig->welcome;
    struct nrp_frame f = {.type = NRP_WELCOME, .welcome = *w};
    struct nrp_cipher *out = NULL;
    if (rig->config.security != NRP_OPEN) {
        uint8_t proof[NRP_PROOF_SIZE];
        nrp_handshake_keys(rig->key.secret, rig->auth.hello.client_nonce,
                           rig->auth.challenge.server_nonce, &rig->keys);
        nrp_auth_proof(&rig->keys, &rig->auth, proof);
        assert_memory_equal(proof, rig->auth.proof, sizeof proof);
        nrp_welcome_proof(&rig->keys, &rig->auth, w, f.welcome.proof);
        f.welcome.proof[3] ^= rig->wrong_proof;
        rig->in = nrp_cipher_new(&rig->keys, rig->config.security, NRP_TO_RELAY, w->session_id,
                                 w->epoch);
        out = nrp_cipher_new(&rig->keys, rig->config.security, NRP_TO_CLIENT, w->session_id,
                             w->epoch);
    }
    say(rig, &f);
    rig->out = out;
}

static void shake(struct rig *rig)
{
    if (rig->config.security != NRP_OPEN) rig->config.key = &rig->key;
    rig_start(rig);
    assert_sent(rig, "HELLO\n");
    say_challenge(rig);
    assert_sent(rig, "AUTH\n");
    say_welcome(rig);
}

static void bring_up(struct rig *rig)
{
    shake(rig);
    assert_events(rig, "up 7\n");
    listen(rig); /* a PING on datagrams */
    buf_clear(&rig->sent);
}

static void say_suback(struct rig *rig, uint32_t id, uint8_t status, uint64_t start,
                       uint64_t evicted, uint64_t first_dseq)
{
    say(rig, &(struct nrp_frame){.type = NRP_SUBACK,
                                 .suback = {.request_id = id,
                                            .status = status,
                                            .qos = 1,
                                            .start_iseq = start,
                                            .evicted = evicted,
                                            .first_dseq = first_dseq}});
}

static void say_item_on(struct rig *rig, uint64_t dseq, uint64_t iseq, const char *topic,
                        uint8_t flags)
{
    say(rig, &(struct nrp_frame){
                 .type = NRP_ITEM,
                 .topic = (const uint8_t *)topic,
                 .topic_len = (uint16_t)strlen(topic),
                 .payload = (const uint8_t *)"x",
                 .payload_len = 1,
                 .item = {.dseq = dseq, .iseq = iseq, .fragment_count = 1, .flags = flags}});
}

static void say_item(struct rig *rig, uint64_t dseq, uint64_t iseq)
{
    say_item_on(rig, dseq, iseq, "a", 0);
}

static void say_puback(struct rig *rig, uint64_t id, uint8_t status)
{
    say(rig, &(struct nrp_frame){.type = NRP_PUBACK,
                                 .puback = {.publish_id = id, .iseq = id, .status = status}});
}

static void say_gap(struct rig *rig, uint64_t first, uint64_t last, uint8_t reason)
{
    say(rig,
        &(struct nrp_frame){.type = NRP_GAP,
                            .gap = {.first_dseq = first, .last_dseq = last, .reason = reason}});
}

static void say_notice(struct rig *rig, uint8_t type, uint16_t code, const char *text)
{
    say(rig, &(struct nrp_frame){.type = type,
                                 .notice = {.code = code},
                                 .payload = (const uint8_t *)text,
                                 .payload_len = strlen(text)});
}

/* A session that has subscribed to "a" and was told so. */
static void subscribe(struct rig *rig, int qos)
{
    char expected[64];
    bring_up(rig);
    assert_true(nrp_client_subscribe(rig->client, "a", qos, false, NULL));
    (void)snprintf(expected, sizeof expected, "SUBSCRIBE #1 a qos %d from 0\n", qos);
    assert_sent(rig, expected);
    say_suback(rig, 1, NRP_SUB_COMPLETE, 100, 0, 1);
    assert_events(rig, "subscribed a 0\n");
}

static enum nrp_published publish(struct rig *rig, size_t len, bool acknowledged, uint64_t token)
{
    static const char payload[300000];
    const struct nrp_publication p = {
        .topic = "t", .payload = payload, .payload_len = len, .acknowledged = acknowledged};
    struct news_error err;
    return nrp_client_publish(rig->client, rig->now, &p, token, &err);
}

static uint64_t resume_at(const struct rig *rig)
{
    return nrp_client_resume(rig->client).iseq;
}

/* ----------------------------------------------------------------------------------- Handshake */

static void a_session_comes_up_on_every_carrier_and_security(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        struct rig rig = rig_of(i % 2, (enum nrp_security)(i / 2));
        bring_up(&rig);
        assert_true(nrp_client_is_up(rig.client));
        assert_true(nrp_client_subscribe(rig.client, "a/#", 1, true, NULL));
        assert_sent(&rig, "SUBSCRIBE #1 a/# qos 1 from 0 retained\n");
        say_suback(&rig, 1, NRP_SUB_COMPLETE, 100, 0, 1);
        say_item_on(&rig, 1, 100, "a/b", 0);
        assert_events(&rig, "subscribed a/# 0\nitem 100 a/b x\n");
        assert_int_equal(publish(&rig, 3, true, 42), NRP_PUB_TAKEN);
        assert_sent(&rig, "PUBLISH 1 0/1 02 t 3\n");
        say_puback(&rig, 1, NRP_CODE_RATE);
        assert_events(&rig, "published 42 7\n");
        rig_end(&rig);
    }
}

static void a_relay_that_does_not_know_the_key_is_refused(void **state)
{
    (void)state;
    struct rig rig = rig_of(false, NRP_SEALED);
    rig.wrong_proof = true;
    shake(&rig);
    assert_events(&rig, "down denied: the relay does not know our key: its proof is wrong\n");
    rig_end(&rig);
    /* A datagram could be anybody's: the right one may still come. */
    rig = rig_of(true, NRP_SEALED);
    rig.wrong_proof = true;
    shake(&rig);
    assert_events(&rig, "");
    tick(&rig, 10 * SECOND);
    assert_events(&rig, "down unreachable: the relay does not know our key: its proof is wrong\n");
    rig_end(&rig);
}

static void a_welcome_that_makes_no_sense_is_refused(void **state)
{
    (void)state;
    static const struct nrp_welcome good = {.session_id = SESSION,
                                            .epoch = EPOCH,
                                            .oldest_iseq = 1,
                                            .last_iseq = 99,
                                            .item_max = 65536,
                                            .datagram_max = 1200,
                                            .ring = 64,
                                            .lease_ms = 30000,
                                            .heartbeat_max_ms = 1000};
    for (int i = 0; i < 12; i++) {
        struct rig rig = rig_of(true, NRP_OPEN);
        rig.welcome = good;
        struct nrp_welcome *w = &rig.welcome;
        if (i == 0) w->oldest_iseq = 101;
        if (i == 1) w->item_max = 0;
        if (i == 2) w->ring = 0;
        if (i == 3) w->ring = 63;
        if (i == 4) w->session_id = 0;
        if (i == 5) w->datagram_max = 547;
        if (i == 6) w->datagram_max = 1201;
        if (i == 7) w->lease_ms = 0;
        if (i == 8) w->heartbeat_max_ms = 0;
        if (i == 9) w->last_iseq = UINT64_MAX;
        if (i == 10) w->heartbeat_min_ms = 1001;
        if (i == 11) w->item_max = (64 << 20) + 1;
        shake(&rig);
        assert_false(nrp_client_is_up(rig.client));
        assert_events(&rig, "");
        rig_end(&rig);
    }
    struct rig rig = rig_of(false, NRP_OPEN);
    rig.welcome.ring = 5;
    shake(&rig);
    assert_events(&rig, "down protocol: the relay's WELCOME makes no sense: its ring\n");
    rig_end(&rig);
}

static void a_step_is_repeated_after_1_2_and_4_seconds_then_the_relay_is_unreachable(void **state)
{
    (void)state;
    struct rig rig = rig_of(true, NRP_OPEN);
    static const int64_t waits_s[] = {1, 2, 4};
    rig_start(&rig);
    assert_sent(&rig, "HELLO\n");
    assert_int_equal(rig.datagram_len, NRP_HELLO_DATAGRAM);
    for (size_t i = 0; i < COUNT(waits_s); i++) {
        assert_int_equal(nrp_client_deadline(rig.client), rig.now + waits_s[i] * SECOND);
        tick(&rig, waits_s[i] * SECOND - 1);
        assert_sent(&rig, "");
        tick(&rig, 1);
        assert_sent(&rig, "HELLO\n");
    }
    tick(&rig, 3 * SECOND);
    assert_sent(&rig, "");
    assert_events(&rig, "down unreachable: relay unreachable: it does not answer\n");
    rig_end(&rig);
}

static void unanswered_auths_make_datagrams_smaller(void **state)
{
    (void)state;
    struct rig rig = rig_of(true, NRP_OPEN);
    static const struct {
        int64_t wait_s;
        size_t len;
    } steps[] = {{1, 1200}, {2, 1024}, {4, 548}};
    rig.config.handshake_us = 60 * SECOND;
    rig_start(&rig);
    listen(&rig);
    say_challenge(&rig);
    listen(&rig);
    assert_int_equal(rig.datagram_len, 1200);
    buf_clear(&rig.sent);
    for (size_t i = 0; i < COUNT(steps); i++) {
        tick(&rig, steps[i].wait_s * SECOND);
        assert_sent(&rig, "AUTH\n");
        assert_int_equal(rig.datagram_len, steps[i].len);
    }
    /* EMSGSIZE says the same at once. */
    struct rig other = rig_of(true, NRP_OPEN);
    rig_start(&other);
    listen(&other);
    say_challenge(&other);
    listen(&other);
    nrp_client_too_big(other.client);
    listen(&other);
    assert_int_equal(other.datagram_len, 1024);
    rig_end(&other);
    rig_end(&rig);
}

static void an_error_before_welcome_ends_a_stream_and_is_a_hint_on_datagrams(void **state)
{
    (void)state;
    struct rig rig = rig_of(false, NRP_OPEN);
    rig_start(&rig);
    say_notice(&rig, NRP_ERROR, NRP_CODE_AUTHENTICATION, "no key 5");
    assert_events(&rig, "down denied: the relay refused our key: no key 5\n");
    rig_end(&rig);
    rig = rig_of(true, NRP_OPEN);
    rig.welcome.epoch = 0; /* handshake datagrams */
    rig_start(&rig);
    say_notice(&rig, NRP_ERROR, NRP_CODE_TOO_MANY, "");
    assert_events(&rig, "");
    tick(&rig, 10 * SECOND);
    assert_events(&rig, "down unreachable: the relay is full\n");
    rig_end(&rig);
}

/* What says no to the AUTH that was sent last; the answer to the HELLO that follows. */
static void refuse_auth(struct rig *rig, uint16_t code)
{
    uint64_t epoch = rig->welcome.epoch;
    rig->welcome.epoch = 0; /* handshake datagrams */
    say_notice(rig, NRP_ERROR, code, "");
    say_notice(rig, NRP_ERROR, code, ""); /* it came twice */
    rig->welcome.epoch = epoch;
}

static void a_key_is_wrong_when_two_handshakes_say_so(void **state)
{
    (void)state;
    struct rig rig = rig_of(true, NRP_OPEN);
    rig_start(&rig);
    listen(&rig);
    buf_clear(&rig.sent);
    for (int i = 0; i < 2; i++) {
        refuse_auth(&rig, NRP_CODE_AUTHENTICATION); /* nobody authenticated yet */
        say_challenge(&rig);
        refuse_auth(&rig, NRP_CODE_AUTHENTICATION); /* AUTH was not even sent */
        assert_sent(&rig, "AUTH\n");
        refuse_auth(&rig, NRP_CODE_AUTHENTICATION);
        assert_int_equal(nrp_client_deadline(rig.client), rig.now + SECOND);
        assert_sent(&rig, "");
        assert_events(&rig, "");
        tick(&rig, SECOND);
        assert_sent(&rig, i ? "" : "HELLO\n");
    }
    assert_events(&rig, "down denied: the relay refused our key\n");
    rig_end(&rig);
}

static void one_refusal_of_a_key_is_a_hint(void **state)
{
    (void)state;
    static const uint16_t codes[] = {NRP_CODE_AUTHENTICATION, NRP_CODE_NOT_AUTHORISED,
                                     NRP_CODE_TAKEN_OVER};
    for (size_t i = 0; i < COUNT(codes); i++) {
        struct rig rig = rig_of(true, NRP_OPEN);
        rig_start(&rig);
        listen(&rig);
        say_challenge(&rig);
        listen(&rig);
        refuse_auth(&rig, codes[i]);
        tick(&rig, 10 * SECOND);
        buf_puts(&rig.events, "");
        if (!strstr(rig.events.data, "down unreachable: ")) fail_msg("%s", rig.events.data);
        rig_end(&rig);
    }
    /* And the relay's own word is better. */
    struct rig rig = rig_of(true, NRP_OPEN);
    rig_start(&rig);
    listen(&rig);
    say_challenge(&rig);
    listen(&rig);
    refuse_auth(&rig, NRP_CODE_AUTHENTICATION);
    say_welcome(&rig);
    assert_events(&rig, "up 7\n");
    rig_end(&rig);
}

static void a_stale_cookie_begins_the_handshake_again(void **state)
{
    (void)state;
    struct rig rig = rig_of(true, NRP_SEALED);
    rig.config.key = &rig.key;
    rig_start(&rig);
    for (int i = 0; i < 3; i++) {
        assert_sent(&rig, "HELLO\n");
        say_challenge(&rig);
        assert_sent(&rig, "AUTH\n");
        refuse_auth(&rig, NRP_CODE_TIMEOUT);
        assert_sent(&rig, "");
        tick(&rig, SECOND);
    }
    assert_sent(&rig, "HELLO\n");
    say_challenge(&rig);
    assert_sent(&rig, "AUTH\n");
    say_welcome(&rig);
    assert_events(&rig, "up 7\n");
    rig_end(&rig);
    rig = rig_of(false, NRP_OPEN);
    rig_start(&rig);
    say_notice(&rig, NRP_ERROR, NRP_CODE_TIMEOUT, "");
    assert_events(&rig, "down unreachable: the relay heard nothing of us for too long\n");
    rig_end(&rig);
}

static void a_welcome_to_a_larger_auth_than_the_last_is_passed_over(void **state)
{
    (void)state;
    struct rig rig = rig_of(true, NRP_OPEN);
    rig_start(&rig);
    listen(&rig);
    say_challenge(&rig);
    listen(&rig);
    nrp_client_too_big(rig.client);
    listen(&rig);
    say_welcome(&rig);
    assert_events(&rig, "");
    rig.welcome.datagram_max = 1024;
    say_welcome(&rig);
    assert_events(&rig, "up 7\n");
    rig_end(&rig);
}

static void another_protocol_is_recognised(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *says;
    } cases[] = {
        {"HTTP/1.1 400 Bad Request\r\n",
         "down protocol: that is not an NRP relay but an HTTP server\n"},
        {"SSH-2.0-OpenSSH\r\n", "down protocol: that is not an NRP relay but an SSH server\n"},
        {"\x20\x02\x01\x01", "down protocol: that is not an NRP relay but an MQTT broker\n"},
        {"\x15\x03\x01", "down protocol: that is not an NRP relay but a TLS server\n"},
        {"?", "down protocol: that is not an NRP relay\n"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rig rig = rig_of(false, NRP_OPEN);
        rig_start(&rig);
        give_bytes(&rig, cases[i].bytes, strlen(cases[i].bytes));
        assert_events(&rig, cases[i].says);
        rig_end(&rig);
    }
}

static void what_is_out_of_place_ends_a_stream(void **state)
{
    (void)state;
    static const uint8_t huge[] = {1, NRP_ITEM, 0, 1, 0xff, 0xff, 0xff, 0xff};
    struct rig rig = rig_of(false, NRP_OPEN);
    rig_start(&rig);
    say_item(&rig, 1, 1);
    assert_events(&rig, "down protocol: the relay broke the protocol: a ITEM is out of place\n");
    rig_end(&rig);
    rig = rig_of(false, NRP_OPEN);
    bring_up(&rig);
    say_item(&rig, 1, 1);
    assert_events(&rig, "down protocol: the relay sent items that nobody subscribed to\n");
    rig_end(&rig);
    rig = rig_of(false, NRP_OPEN);
    subscribe(&rig, 1);
    say_suback(&rig, 77, 0, 0, 0, 0); /* unknown: no harm in it */
    say_puback(&rig, 77, 0);
    assert_events(&rig, "");
    give_bytes(&rig, huge, sizeof huge);
    assert_true(strstr(rig.events.data, "down protocol: the relay broke the protocol: "));
    rig_end(&rig);
    rig = rig_of(false, NRP_OPEN);
    subscribe(&rig, 1);
    say_item(&rig, 2, 100);
    assert_events(&rig, "down protocol: the relay's item 2 came where 1 was due\n");
    rig_end(&rig);
}

static void bad_datagrams_are_dropped_and_counted(void **state)
{
    (void)state;
    struct rig rig = rig_of(true, NRP_SEALED);
    struct nrp_client_counts counts;
    subscribe(&rig, 1);
    give_bytes(&rig, "hello", 5);
    uint64_t next = rig.packets_out;
    rig.packets_out = 0; /* a replay */
    say_item(&rig, 1, 100);
    rig.packets_out = next;
    struct nrp_cipher *cipher = rig.out;
    rig.out = NULL; /* not secured */
    say_item(&rig, 1, 100);
    rig.out = cipher;
    assert_events(&rig, "");
    say_item(&rig, 1, 100);
    assert_events(&rig, "item 100 a x\n");
    nrp_client_counts(rig.client, &counts);
    assert_int_equal(counts.bad_datagrams, 2);
    assert_int_equal(counts.replays, 1);
    rig_end(&rig);
    /* An open session takes none that claims to be secured. */
    uint8_t bytes[NRP_DATAGRAM_HEADER];
    const struct nrp_datagram claims = {.flags = NRP_DATAGRAM_SECURED, .session_id = SESSION};
    rig = rig_of(true, NRP_OPEN);
    bring_up(&rig);
    nrp_datagram_write(&claims, bytes);
    give_bytes(&rig, bytes, sizeof bytes);
    nrp_client_counts(rig.client, &counts);
    assert_int_equal(counts.bad_datagrams, 1);
    rig_end(&rig);
}

static void frames_come_in_any_pieces(void **state)
{
    (void)state;
    for (int security = NRP_OPEN; security <= NRP_SEALED; security++) {
        struct rig rig = rig_of(false, (enum nrp_security)security);
        subscribe(&rig, 1);
        struct buf bytes = {0};
        for (uint64_t i = 1; i <= 3; i++) {
            uint8_t one[100];
            struct nrp_frame f = {.type = NRP_ITEM,
                                  .topic = (const uint8_t *)"a",
                                  .topic_len = 1,
                                  .payload = (const uint8_t *)"yy",
                                  .payload_len = 2,
                                  .item = {.dseq = i, .iseq = 99 + i, .fragment_count = 1}};
            size_t size = nrp_frame_write(&f, one), head = head_of(&rig, size);
            if (rig.out)
                assert_true(nrp_seal(rig.out, rig.packets_out++, one, head, one + head, size - head,
                                     one + size));
            buf_put(&bytes, one, size + (rig.out ? NRP_TAG_SIZE : 0));
        }
        size_t step = (size_t)security * 30 + 1; /* 1, 31, 61 */
        for (size_t at = 0; at < bytes.len; at += step)
            give_bytes(&rig, bytes.data + at, bytes.len - at < step ? bytes.len - at : step);
        assert_events(&rig, "item 100 a yy\nitem 101 a yy\nitem 102 a yy\n");
        buf_deinit(&bytes);
        rig_end(&rig);
    }
}

/* ---------------------------------------------------------------------------------- Publishing */

static void the_window_is_full_until_something_is_answered(void **state)
{
    (void)state;
    for (int datagrams = 0; datagrams < 2; datagrams++) {
        struct rig rig = rig_of(datagrams, NRP_OPEN);
        rig.config.window = 2;
        bring_up(&rig);
        assert_int_equal(publish(&rig, 1, true, 1), NRP_PUB_TAKEN);
        assert_int_equal(publish(&rig, 1, true, 2), NRP_PUB_TAKEN);
        assert_int_equal(publish(&rig, 1, true, 3), NRP_PUB_FULL);
        assert_int_equal(publish(&rig, 1, false, 3), NRP_PUB_TAKEN); /* another queue */
        listen(&rig);
        say_puback(&rig, 2, 0);
        assert_int_equal(publish(&rig, 1, true, 4), NRP_PUB_TAKEN);
        assert_int_equal(publish(&rig, 1, true, 5), NRP_PUB_FULL);
        rig_end(&rig);
    }
}

static void what_is_not_acknowledged_is_done_once_it_was_written(void **state)
{
    (void)state;
    struct rig rig = rig_of(false, NRP_OPEN);
    size_t len;
    bring_up(&rig);
    assert_int_equal(publish(&rig, 1, false, 1), NRP_PUB_TAKEN);
    (void)nrp_client_pending(rig.client, &len);
    nrp_client_sent(rig.client, rig.now, len - 1);
    assert_events(&rig, "");
    nrp_client_sent(rig.client, rig.now, 1);
    assert_events(&rig, "published 1 0\n");
    int taken = 0;
    while (publish(&rig, 10000, false, 9) == NRP_PUB_TAKEN)
        taken++;
    assert_int_equal(taken, (1 << 20) / 10022); /* 8 + 12 + 1 + 1 more */
    rig_end(&rig);
    rig = rig_of(true, NRP_OPEN);
    bring_up(&rig);
    assert_int_equal(publish(&rig, 1200, false, 1), NRP_PUB_TAKEN);
    assert_sent(&rig, "PUBLISH 1 0/2 00 t 1135\nPUBLISH 1 1/2 00  65\n");
    assert_events(&rig, "published 1 0\n");
    rig_end(&rig);
}

static void a_publication_that_cannot_fit_is_refused(void **state)
{
    (void)state;
    struct rig rig = rig_of(true, NRP_OPEN);
    rig.welcome.item_max = 1 << 20;
    bring_up(&rig);
    assert_int_equal(nrp_client_payload_max(rig.client, 1), 64 * 1136 - 1);
    assert_int_equal(publish(&rig, 64 * 1136, true, 1), NRP_PUB_REFUSED);
    assert_int_equal(publish(&rig, 64 * 1136 - 1, true, 1), NRP_PUB_TAKEN);
    rig_end(&rig);
    rig = rig_of(false, NRP_OPEN);
    rig_start(&rig);
    assert_int_equal(nrp_client_payload_max(rig.client, 1), SIZE_MAX);
    assert_int_equal(publish(&rig, 1, true, 1), NRP_PUB_REFUSED);
    rig_end(&rig);
}

static void an_unanswered_publication_is_repeated_whole_and_at_last_given_up(void **state)
{
    (void)state;
    struct rig rig = rig_of(true, NRP_OPEN);
    struct nrp_client_counts counts;
    bring_up(&rig);
    assert_int_equal(publish(&rig, 1200, true, 1), NRP_PUB_TAKEN);
    assert_sent(&rig, "PUBLISH 1 0/2 02 t 1135\nPUBLISH 1 1/2 02  65\n");
    int64_t rto = SECOND; /* nothing was measured */
    for (int i = 0; i < 5; i++, rto *= 2) {
        for (int64_t s = 0; s < rto / SECOND; s++) { /* the relay is there all the time */
            tick(&rig, SECOND - 1);
            say_puback(&rig, 99, 0);
            listen(&rig);
            assert_null(strstr(rig.sent.data ? rig.sent.data : "", "PUBLISH"));
            buf_clear(&rig.sent);
            tick(&rig, 1);
        }
        listen(&rig);
        assert_non_null(strstr(rig.sent.data, "PUBLISH 1 0/2 06 t 1135\nPUBLISH 1 1/2 06  65\n"));
        buf_clear(&rig.sent);
    }
    nrp_client_counts(rig.client, &counts);
    assert_int_equal(counts.requests_repeated, 5);
    for (int i = 0; i < 32; i++) {
        say_puback(&rig, 99, 0);
        tick(&rig, SECOND);
        listen(&rig);
    }
    assert_events(&rig, "down unreachable: the relay answers no more: PUBLISH was sent 6 times\n");
    rig_end(&rig);
}

static void repeats_follow_the_round_trip_time(void **state)
{
    (void)state;
    struct rig rig = rig_of(true, NRP_OPEN);
    struct nrp_client_counts counts;
    bring_up(&rig);
    assert_int_equal(publish(&rig, 1, true, 1), NRP_PUB_TAKEN);
    listen(&rig);
    rig.now += 10 * MS;
    say_puback(&rig, 1, 0);
    nrp_client_counts(rig.client, &counts);
    assert_int_equal(counts.srtt_us, 10 * MS);
    assert_int_equal(publish(&rig, 1, true, 2), NRP_PUB_TAKEN);
    listen(&rig);
    buf_clear(&rig.sent);
    assert_int_equal(nrp_client_deadline(rig.client), rig.now + 200 * MS); /* the least */
    tick(&rig, 200 * MS);
    assert_sent(&rig, "PUBLISH 2 0/1 06 t 1\n");
    rig.now += SECOND / 10;
    say_puback(&rig, 2, 0); /* Karn: of which? */
    nrp_client_counts(rig.client, &counts);
    assert_int_equal(counts.srtt_us, 10 * MS);
    rig_end(&rig);
}

static void publications_start_slowly_and_slow_down_after_a_loss(void **state)
{
    (void)state;
    struct rig rig = rig_of(true, NRP_OPEN);
    bring_up(&rig);
    for (uint64_t i = 1; i <= 100; i++)
        assert_int_equal(publish(&rig, 1000, true, i), NRP_PUB_TAKEN);
    uint64_t before = rig.packets_in;
    listen(&rig);
    assert_int_equal(rig.packets_in - before, 16);
    for (uint64_t i = 1; i <= 16; i++)
        say_puback(&rig, i, 0);
    before = rig.packets_in;
    listen(&rig);
    assert_int_equal(rig.packets_in - before, 32);
    tick(&rig, 200 * MS);
    before = rig.packets_in;
    listen(&rig);
    assert_int_equal(rig.packets_in - before, 16);
    rig_end(&rig);
}

/* --------------------------------------------------------------------------------- Subscribing */

static void a_refused_filter_is_said_to_be(void **state)
{
    (void)state;
    struct rig rig = rig_of(false, NRP_OPEN);
    struct news_error err;
    bring_up(&rig);
    assert_true(nrp_client_subscribe(rig.client, "secret/#", 1, false, NULL));
    say_suback(&rig, 1, 0x80 + NRP_CODE_NOT_AUTHORISED, 0, 0, 0);
    say_suback(&rig, 1, 0, 0, 0, 0); /* once */
    assert_events(&rig, "subscribed secret/# 6\n");
    assert_false(nrp_client_subscribe(rig.client, "a/#/b", 1, false, &err));
    rig_end(&rig);
}

static void a_lost_request_is_repeated_with_its_number(void **state)
{
    (void)state;
    struct rig rig = rig_of(true, NRP_OPEN);
    bring_up(&rig);
    assert_true(nrp_client_subscribe(rig.client, "a", 0, false, NULL));
    assert_sent(&rig, "SUBSCRIBE #1 a qos 0 from 0\n");
    /* What is said about one filter is said in order. */
    assert_true(nrp_client_unsubscribe(rig.client, "a", NULL));
    assert_true(nrp_client_subscribe(rig.client, "b", 0, false, NULL));
    assert_sent(&rig, "SUBSCRIBE #3 b qos 0 from 0\n");
    tick(&rig, SECOND);
    listen(&rig);
    assert_non_null(strstr(rig.sent.data, "SUBSCRIBE #1 a qos 0 from 0\n"));
    assert_null(strstr(rig.sent.data, "UNSUBSCRIBE"));
    buf_clear(&rig.sent);
    say_suback(&rig, 1, 0, 100, 0, 1);
    assert_sent(&rig, "UNSUBSCRIBE #2\n");
    rig_end(&rig);
}

static void a_hole_is_asked_for(void **state)
{
    (void)state;
    struct rig rig = rig_of(true, NRP_OPEN);
    subscribe(&rig, 1);
    say_item(&rig, 1, 100);
    for (uint64_t d = 3; d <= 5; d++)
        say_item(&rig, d, 99 + d);
    assert_sent(&rig, "NAK 2+1\n");
    assert_int_equal(resume_at(&rig), 101);
    say_item(&rig, 2, 101);
    assert_int_equal(resume_at(&rig), 105);
    assert_events(&rig, "item 100 a x\nitem 102 a x\nitem 103 a x\nitem 104 a x\nitem 101 a x\n");
    rig_end(&rig);
}

static void what_no_repair_brings_is_fetched_from_the_log_once(void **state)
{
    (void)state;
    struct rig rig = rig_of(true, NRP_OPEN);
    subscribe(&rig, 1);
    say_item(&rig, 1, 100);
    say_gap(&rig, 2, 2, NRP_GAP_RING);
    say_item(&rig, 3, 102);
    assert_int_equal(resume_at(&rig), 101); /* it stands */
    listen(&rig);
    buf_clear(&rig.sent);
    tick(&rig, 0);
    assert_sent(&rig, "SUBSCRIBE #2 a qos 1 from 101\n");
    say_suback(&rig, 2, NRP_SUB_COMPLETE, 101, 0, 4);
    assert_events(&rig, "item 100 a x\nitem 102 a x\n");
    say_item(&rig, 4, 101);
    say_item(&rig, 5, 102);
    say_item(&rig, 6, 103);
    assert_events(&rig, "item 101 a x\nitem 103 a x\n");
    assert_int_equal(resume_at(&rig), 104);
    /* The next one not before five seconds. */
    say_gap(&rig, 7, 7, NRP_GAP_RING);
    listen(&rig);
    buf_clear(&rig.sent);
    tick(&rig, SECOND);
    listen(&rig);
    assert_null(strstr(rig.sent.data, "SUBSCRIBE"));
    tick(&rig, 4 * SECOND);
    listen(&rig);
    assert_non_null(strstr(rig.sent.data, "SUBSCRIBE #3 a qos 1 from 104\n"));
    say_suback(&rig, 3, NRP_SUB_EVICTED, 110, 6, 8);
    assert_events(&rig, "lost 6\n");
    assert_int_equal(resume_at(&rig), 110);
    rig_end(&rig);
}

static void a_loss_without_acknowledgement_is_only_counted(void **state)
{
    (void)state;
    struct rig rig = rig_of(true, NRP_OPEN);
    subscribe(&rig, 0);
    say_item(&rig, 1, 100);
    say_item(&rig, 3, 102);
    say_item(&rig, 2, 101);
    say_item(&rig, 6, 105);
    say_item(&rig, 7, 106);
    say_item(&rig, 8, 107);
    tick(&rig, 250 * MS);
    assert_non_null(strstr(rig.events.data, "lost 2\n"));
    tick(&rig, SECOND);
    listen(&rig);
    assert_non_null(strstr(rig.sent.data, "ACK 8\n"));
    assert_null(strstr(rig.sent.data, "SUBSCRIBE"));
    assert_non_null(strstr(rig.sent.data, "REPORT\n"));
    rig_end(&rig);
}

static void an_item_too_big_for_the_carrier_is_lost_for_good(void **state)
{
    (void)state;
    struct rig rig = rig_of(true, NRP_OPEN);
    subscribe(&rig, 1);
    say_gap(&rig, 1, 1, NRP_GAP_TOO_BIG);
    say_item(&rig, 2, 101);
    assert_events(&rig, "lost 1\nitem 101 a x\n");
    assert_int_equal(resume_at(&rig), 102);
    rig_end(&rig);
}

static void a_gap_on_a_stream_is_a_loss(void **state)
{
    (void)state;
    struct rig rig = rig_of(false, NRP_OPEN);
    subscribe(&rig, 1);
    say_gap(&rig, 1, 3, NRP_GAP_POLICY);
    say_item(&rig, 4, 103);
    assert_events(&rig, "lost 3\nitem 103 a x\n");
    assert_int_equal(resume_at(&rig), 104);
    say_gap(&rig, 5, UINT64_MAX, NRP_GAP_POLICY);
    assert_events(&rig, "down protocol: the relay's GAP goes backwards\n");
    rig_end(&rig);
}

static void only_what_was_accepted_is_acknowledged(void **state)
{
    (void)state;
    for (int datagrams = 0; datagrams < 2; datagrams++) {
        struct rig rig = rig_of(datagrams, NRP_OPEN);
        int64_t later = datagrams ? SECOND : SECOND / 10;
        subscribe(&rig, 1);
        rig.accept_at_once = false;
        for (uint64_t i = 1; i <= 40; i++)
            say_item(&rig, i, 99 + i);
        tick(&rig, later);
        listen(&rig);
        assert_null(strstr(rig.sent.data ? rig.sent.data : "", "ACK"));
        buf_clear(&rig.sent);
        assert_int_equal(resume_at(&rig), 100);
        nrp_client_accept(rig.client, rig.now);
        assert_sent(&rig, "ACK 40\n"); /* half of the relay's 64 */
        assert_int_equal(resume_at(&rig), 140);
        rig.accept_at_once = true;
        say_item(&rig, 41, 140);
        assert_sent(&rig, "");
        tick(&rig, later);
        listen(&rig);
        assert_non_null(strstr(rig.sent.data, "ACK 41\n"));
        rig_end(&rig);
    }
}

static void a_lost_ack_is_said_again_when_a_heartbeat_comes(void **state)
{
    (void)state;
    struct rig rig = rig_of(true, NRP_OPEN);
    const struct nrp_frame beat = {.type = NRP_HEARTBEAT, .heartbeat = {.last_dseq = 1}};
    subscribe(&rig, 1);
    say_item(&rig, 1, 100);
    say(&rig, &beat);
    assert_sent(&rig, "ACK 1\n");
    say(&rig, &beat);
    assert_sent(&rig, "");
    rig.now += SECOND;
    say(&rig, &beat);
    assert_sent(&rig, "ACK 1\n");
    rig_end(&rig);
}

static void nothing_is_handed_over_while_held(void **state)
{
    (void)state;
    for (int datagrams = 0; datagrams < 2; datagrams++) {
        struct rig rig = rig_of(datagrams, NRP_AUTHENTICATED);
        subscribe(&rig, 1);
        nrp_client_hold(rig.client, rig.now, true);
        say_item(&rig, 1, 100);
        say_item(&rig, 2, 101);
        assert_events(&rig, "");
        nrp_client_hold(rig.client, rig.now, false);
        assert_events(&rig, "item 100 a x\nitem 101 a x\n");
        say_item(&rig, 3, 102);
        assert_events(&rig, "item 102 a x\n");
        rig_end(&rig);
    }
}

static void a_later_session_goes_on_where_the_earlier_one_was(void **state)
{
    (void)state;
    struct rig rig = rig_of(false, NRP_OPEN);
    rig.config.resume = (struct nrp_resume){.epoch = EPOCH, .iseq = 50};
    bring_up(&rig);
    assert_true(nrp_client_subscribe(rig.client, "a/#", 1, false, NULL));
    assert_true(nrp_client_subscribe(rig.client, "+/b", 1, false, NULL));
    assert_sent(&rig, "SUBSCRIBE #1 a/# qos 1 from 50\nSUBSCRIBE #2 +/b qos 1 from 50\n");
    say_suback(&rig, 1, NRP_SUB_EVICTED, 60, 10, 1);
    say_item_on(&rig, 1, 60, "a/b", 0);
    say_item_on(&rig, 2, 70, "a/c", 0);
    assert_int_equal(resume_at(&rig), 50); /* the other one's may still come */
    say_suback(&rig, 2, NRP_SUB_EVICTED, 60, 10, 3);
    assert_int_equal(resume_at(&rig), 60);
    say_item_on(&rig, 3, 60, "a/b", 0); /* over it again: it has it */
    say_item_on(&rig, 4, 65, "c/b", 0);
    assert_int_equal(resume_at(&rig), 66);
    assert_events(&rig, "lost 10\nsubscribed a/# 0\nitem 60 a/b x\nitem 70 a/c x\n"
                        "subscribed +/b 0\nitem 65 c/b x\n");
    say_item_on(&rig, 5, 3, "a/b", NRP_FLAG_RETAIN);
    assert_events(&rig, "item 3 a/b x\n");
    assert_int_equal(resume_at(&rig), 66);
    rig_end(&rig);
}

static void a_malformed_topic_is_counted_as_lost(void **state)
{
    (void)state;
    struct rig rig = rig_of(false, NRP_OPEN);
    subscribe(&rig, 1);
    say_item_on(&rig, 1, 100, "a/+", 0);
    assert_events(&rig, "lost 1\n");
    assert_true(nrp_client_is_up(rig.client));
    assert_int_equal(resume_at(&rig), 101);
    rig_end(&rig);
}

static void say_large_item(struct rig *rig, uint64_t dseq, uint64_t iseq, size_t len, uint8_t part,
                           uint8_t parts)
{
    static const uint8_t payload[4000];
    say(rig, &(struct nrp_frame){
                 .type = NRP_ITEM,
                 .topic = (const uint8_t *)"a",
                 .topic_len = part == 0,
                 .payload = payload,
                 .payload_len = len,
                 .item = {.dseq = dseq, .iseq = iseq, .fragment = part, .fragment_count = parts}});
}

static void an_item_too_large_for_us_is_lost_alone(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct rig rig = rig_of(i == 3, (enum nrp_security)(i % 3));
        rig.config.item_max = 1000;
        rig.welcome.item_max = 4001;
        subscribe(&rig, 1);
        say_large_item(&rig, 1, 100, i == 3 ? 600 : 4000, 0, i == 3 ? 2 : 1);
        if (i == 3) say_large_item(&rig, 2, 100, 600, 1, 2);
        assert_events(&rig, "lost 1\n");
        assert_int_equal(resume_at(&rig), 101);
        say_item(&rig, i == 3 ? 3 : 2, 101);
        assert_events(&rig, "item 101 a x\n");
        assert_int_equal(resume_at(&rig), 102);
        tick(&rig, SECOND);
        assert_sent(&rig, i == 3 ? "ACK 3\nREPORT\n" : "ACK 2\n"); /* and no SUBSCRIBE */
        rig_end(&rig);
    }
}

static void nobody_needs_to_hear_of_losses(void **state)
{
    (void)state;
    struct rig rig = rig_of(false, NRP_OPEN);
    const struct nrp_client_events events = {.user = &rig,
                                             .on_up = on_up,
                                             .on_down = on_down,
                                             .on_item = on_item,
                                             .on_published = on_published,
                                             .on_subscribed = on_subscribed};
    subscribe(&rig, 0);
    nrp_client_free(rig.client);
    rig.random = (struct nrp_random){&rig, fill};
    rig.client = nrp_client_new(&rig.config, &events, &rig.random, rig.now, NULL);
    assert_non_null(rig.client);
    say_challenge(&rig);
    say_welcome(&rig);
    assert_true(nrp_client_subscribe(rig.client, "a", 0, false, NULL));
    say_suback(&rig, 1, NRP_SUB_COMPLETE, 100, 0, 1);
    say_gap(&rig, 1, 3, NRP_GAP_POLICY);
    say_item(&rig, 4, 104);
    assert_events(&rig, "up 7\nsubscribed a 0\nitem 104 a x\n");
    rig_end(&rig);
}

static void an_ack_that_found_no_room_is_said_later(void **state)
{
    (void)state;
    struct rig rig = rig_of(false, NRP_OPEN);
    rig.welcome.item_max = 1 << 20;
    subscribe(&rig, 1);
    while (publish(&rig, 200000, false, 1) == NRP_PUB_TAKEN)
        continue;
    for (uint64_t i = 0; i < 50000; i++) /* until no PONG finds room either */
        say(&rig, &(struct nrp_frame){.type = NRP_PING, .token = i});
    for (uint64_t d = 1; d <= 32; d++) /* half of the relay's window */
        say_item(&rig, d, 99 + d);
    listen(&rig);
    assert_null(strstr(rig.sent.data, "ACK"));
    buf_clear(&rig.sent);
    assert_int_equal(nrp_client_deadline(rig.client), rig.now + 100 * MS);
    tick(&rig, 100 * MS);
    assert_sent(&rig, "ACK 32\n");
    rig_end(&rig);
}

/* ----------------------------------------------------------------------------- Life and its end */

static void a_silent_relay_is_asked_three_times_then_lost(void **state)
{
    (void)state;
    struct rig rig = rig_of(false, NRP_OPEN);
    bring_up(&rig);
    tick(&rig, 15 * SECOND);
    assert_sent(&rig, "PING\n");
    say(&rig, &(struct nrp_frame){.type = NRP_PONG, .token = 1});
    tick(&rig, 14 * SECOND);
    assert_sent(&rig, "");
    tick(&rig, SECOND);
    tick(&rig, 5 * SECOND);
    tick(&rig, 5 * SECOND);
    assert_sent(&rig, "PING\nPING\nPING\n");
    tick(&rig, 5 * SECOND);
    assert_events(&rig, "down unreachable: the relay is silent: it answers no PING\n");
    rig_end(&rig);
    rig = rig_of(true, NRP_OPEN);
    bring_up(&rig); /* one PING is out */
    for (int i = 0; i < 6; i++)
        tick(&rig, SECOND), listen(&rig);
    assert_events(&rig, "");
    tick(&rig, SECOND);
    assert_events(&rig, "down unreachable: the relay is silent: it answers no PING\n");
    rig_end(&rig);
}

static void a_goodbye_says_why(void **state)
{
    (void)state;
    static const struct {
        uint16_t code;
        const char *text, *says;
    } cases[] = {
        {NRP_CODE_SHUTTING_DOWN, NULL, "down unreachable: the relay is shutting down\n"},
        {NRP_CODE_TAKEN_OVER, NULL, "down taken over: another connection uses our client id\n"},
        {NRP_CODE_SLOW_CONSUMER, "1024 items",
         "down unreachable: too slow: the relay's queue for us ran over: 1024 items\n"},
        {NRP_CODE_NOT_AUTHORISED, NULL, "down denied: the relay does not allow that\n"},
        {NRP_CODE_BAD_FRAME, NULL, "down protocol: the relay could not read what we sent\n"},
        {999, NULL, "down unreachable: the relay ended the session: unknown (999)\n"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rig rig = rig_of(i % 2, NRP_OPEN);
        bring_up(&rig);
        if (cases[i].text) say_notice(&rig, NRP_ERROR, cases[i].code, cases[i].text);
        assert_true(nrp_client_is_up(rig.client));
        say_notice(&rig, NRP_GOODBYE, cases[i].code, "");
        buf_puts(&rig.events, "");
        if (cases[i].code == 999)
            assert_non_null(
                strstr(rig.events.data, "down unreachable: the relay ended the session"));
        else assert_events(&rig, cases[i].says);
        rig_end(&rig);
    }
}

static void close_waits_for_answers_then_says_goodbye(void **state)
{
    (void)state;
    for (int datagrams = 0; datagrams < 2; datagrams++) {
        struct rig rig = rig_of(datagrams, NRP_OPEN);
        bring_up(&rig);
        assert_int_equal(publish(&rig, 1, true, 1), NRP_PUB_TAKEN);
        assert_int_equal(publish(&rig, 1, false, 2), NRP_PUB_TAKEN);
        nrp_client_close(rig.client, rig.now);
        assert_int_equal(publish(&rig, 1, false, 3), NRP_PUB_REFUSED);
        assert_sent(&rig, "PUBLISH 1 0/1 02 t 1\nPUBLISH 2 0/1 00 t 1\n");
        assert_events(&rig, "published 2 0\n");
        say_puback(&rig, 1, 0);
        assert_events(&rig, "published 1 0\n");
        assert_sent(&rig, "GOODBYE\n");
        assert_events(&rig, "down as asked\n");
        tick(&rig, 10 * SECOND);
        nrp_client_lost(rig.client, NULL);
        assert_events(&rig, "");
        rig_end(&rig);
    }
}

static void close_waits_two_seconds_at_most(void **state)
{
    (void)state;
    for (int datagrams = 0; datagrams < 2; datagrams++) {
        struct rig rig = rig_of(datagrams, NRP_OPEN);
        bring_up(&rig);
        assert_int_equal(publish(&rig, 1, true, 1), NRP_PUB_TAKEN);
        nrp_client_close(rig.client, rig.now);
        listen(&rig);
        tick(&rig, 2 * SECOND - 1);
        listen(&rig);
        assert_null(strstr(rig.sent.data, "GOODBYE"));
        tick(&rig, 1);
        tick(&rig, 0);
        assert_events(&rig, "");
        listen(&rig);
        assert_non_null(strstr(rig.sent.data, "GOODBYE"));
        assert_events(&rig, "down as asked\n");
        rig_end(&rig);
    }
}

static void filters_asked_for_in_on_up_are_sent(void **state)
{
    (void)state;
    struct rig rig = rig_of(true, NRP_SEALED);
    rig.subscribes = "a/#";
    shake(&rig);
    assert_sent(&rig, "PING\nSUBSCRIBE #1 a/# qos 1 from 0\n"); /* in one datagram */
    assert_int_equal(rig.packets_in, 1);
    rig_end(&rig);
}

/* ----------------------------------------------------------------------------------- Multicast */

#define GROUP UINT64_C(77)

static const uint8_t group_key[NRP_GROUP_KEY] = {9, 8, 7};

static void say_group(struct rig *rig, uint8_t status)
{
    struct nrp_frame f = {
        .type = NRP_GROUP,
        .group = {.group_id = GROUP, .address = {239, 77, 0, 1}, .port = 7789, .status = status}};
    if (rig->config.security == NRP_SEALED) memcpy(f.group.key, group_key, sizeof group_key);
    say(rig, &f);
}

/* As the relay makes them. */
static size_t group_bytes(struct rig *rig, uint64_t packet, const struct nrp_frame *f, uint8_t *out)
{
    struct nrp_datagram d = {
        .flags = NRP_DATAGRAM_MULTICAST, .session_id = GROUP, .packet_number = packet};
    size_t head = NRP_DATAGRAM_HEADER, len = nrp_frame_write(f, out + head);
    if (rig->config.security == NRP_SEALED) d.flags |= NRP_DATAGRAM_SECURED;
    nrp_datagram_write(&d, out);
    if (rig->config.security != NRP_SEALED) return head + len;
    struct nrp_handshake_keys keys = {0};
    memcpy(keys.prk, group_key, sizeof group_key);
    struct nrp_cipher *c = nrp_cipher_new(&keys, NRP_SEALED, NRP_TO_CLIENT, GROUP, EPOCH);
    assert_true(nrp_seal(c, packet, out, head, out + head, len, out + head + len));
    nrp_cipher_free(c);
    return head + len + NRP_DATAGRAM_TAG;
}

static void group_gives(struct rig *rig, bool from_relay, uint64_t packet,
                        const struct nrp_frame *f)
{
    uint8_t bytes[2000];
    size_t len = group_bytes(rig, packet, f, bytes);
    nrp_client_group_input(rig->client, rig->now, from_relay, bytes, len);
}

static struct nrp_frame group_item(uint64_t iseq)
{
    return (struct nrp_frame){.type = NRP_ITEM,
                              .topic = (const uint8_t *)"a",
                              .topic_len = 1,
                              .payload = (const uint8_t *)"x",
                              .payload_len = 1,
                              .item = {.iseq = iseq, .fragment_count = 1}};
}

static void group_says(struct rig *rig, uint64_t packet, uint64_t iseq)
{
    const struct nrp_frame f = group_item(iseq);
    group_gives(rig, true, packet, &f);
}

static void group_beats(struct rig *rig, uint64_t packet)
{
    group_gives(rig, true, packet, &(struct nrp_frame){.type = NRP_HEARTBEAT});
}

static void say_shared(struct rig *rig, uint64_t dseq, uint64_t iseq)
{
    uint8_t bytes[200];
    const struct nrp_frame body = group_item(iseq);
    struct nrp_frame f = {
        .type = NRP_SHARED,
        .shared = {.item = {.dseq = dseq, .iseq = iseq, .fragment_count = 1, .flags = 2}}};
    nrp_digest(bytes, nrp_frame_write(&body, bytes), f.shared.digest);
    say(rig, &f);
}

static struct rig member_rig(enum nrp_security security)
{
    struct rig rig = rig_of(true, security);
    rig.config.multicast = true;
    return rig;
}

/* A session that hears the group, and that the relay takes for such. */
static void join(struct rig *rig, int qos)
{
    subscribe(rig, qos);
    say_group(rig, NRP_GROUP_OFFERED);
    assert_events(rig, "listen 239.77.0.1:7789\n");
    group_beats(rig, 0);
    assert_sent(rig, "JOIN 2 of 77\n");
    say_group(rig, NRP_GROUP_JOINED);
}

static struct nrp_client_counts counts_of(const struct rig *rig)
{
    struct nrp_client_counts c;
    nrp_client_counts(rig->client, &c);
    return c;
}

static void a_group_is_asked_for_heard_and_joined(void **state)
{
    (void)state;
    for (int sealed = 0; sealed < 2; sealed++) {
        struct rig rig = member_rig(sealed ? NRP_SEALED : NRP_OPEN);
        shake(&rig);
        assert_events(&rig, "up 7\n");
        assert_sent(&rig, "JOIN 1 of 0\nPING\n");
        assert_true(nrp_client_subscribe(rig.client, "a", 1, false, NULL));
        assert_sent(&rig, "SUBSCRIBE #1 a qos 1 from 0\n");
        say_suback(&rig, 1, NRP_SUB_COMPLETE, 100, 0, 1);
        tick(&rig, SECOND); /* it was lost */
        assert_sent(&rig, "JOIN 1 of 0\n");
        say_group(&rig, NRP_GROUP_OFFERED);
        assert_events(&rig, "subscribed a 0\nlisten 239.77.0.1:7789\n");
        assert_sent(&rig, ""); /* it says nothing before it heard something */
        group_says(&rig, 5, 100);
        assert_sent(&rig, "JOIN 2 of 77\n");
        tick(&rig, SECOND);
        assert_sent(&rig, "JOIN 2 of 77\n");
        say_group(&rig, NRP_GROUP_JOINED);
        assert_events(&rig, ""); /* nothing of it is an item before the session says so */
        say_shared(&rig, 1, 100);
        assert_events(&rig, "item 100 a x\n");
        assert_int_equal(counts_of(&rig).group_joins, 1);
        assert_int_equal(counts_of(&rig).shared_heard, 1);
        rig_end(&rig);
    }
}

static void without_the_option_nothing_is_asked_for(void **state)
{
    (void)state;
    struct rig rig = rig_of(true, NRP_OPEN);
    shake(&rig);
    assert_sent(&rig, "PING\n");
    say_group(&rig, NRP_GROUP_OFFERED);
    say_shared(&rig, 1, 100);
    assert_events(&rig, "up 7\n");
    rig_end(&rig);
}

static void a_body_may_come_after_what_names_it(void **state)
{
    (void)state;
    struct rig rig = member_rig(NRP_SEALED);
    join(&rig, 1);
    say_shared(&rig, 1, 100);
    assert_events(&rig, "");
    group_says(&rig, 1, 100);
    assert_events(&rig, "item 100 a x\n");
    tick(&rig, 100 * MS);
    listen(&rig);
    assert_true(!rig.sent.data || !strstr(rig.sent.data, "NAK"));
    rig_end(&rig);
}

static void a_body_that_does_not_come_is_asked_for_and_once_is_enough(void **state)
{
    (void)state;
    struct rig rig = member_rig(NRP_OPEN);
    join(&rig, 1);
    say_shared(&rig, 1, 100);
    group_says(&rig, 2, 101);
    say_shared(&rig, 2, 101);
    assert_events(&rig, "item 101 a x\n");
    tick(&rig, 50 * MS);
    assert_sent(&rig, "NAK 1+1\n");
    say_item_on(&rig, 1, 100, "a", NRP_FLAG_RESENT);
    assert_events(&rig, "item 100 a x\n");
    group_says(&rig, 1, 100); /* now it is here, too */
    assert_events(&rig, "");
    rig_end(&rig);
}

static void what_qos_0_misses_of_the_group_is_told(void **state)
{
    (void)state;
    struct rig rig = member_rig(NRP_OPEN);
    join(&rig, 0);
    say_shared(&rig, 1, 100);
    tick(&rig, 200 * MS);
    assert_events(&rig, "lost 1\n");
    rig_end(&rig);
}

/* Whoever has the group's key could have sent it: the digest is the session's word. */
static void another_body_under_the_same_number_is_of_no_use(void **state)
{
    (void)state;
    struct rig rig = member_rig(NRP_SEALED);
    join(&rig, 1);
    struct nrp_frame f = group_item(100);
    f.payload = (const uint8_t *)"y";
    group_gives(&rig, true, 1, &f);
    say_shared(&rig, 1, 100);
    assert_events(&rig, "");
    group_says(&rig, 2, 100);
    assert_events(&rig, "item 100 a x\n");
    rig_end(&rig);
}

static void strange_datagrams_to_the_group_are_counted_and_have_no_effect(void **state)
{
    (void)state;
    struct rig rig = member_rig(NRP_SEALED);
    join(&rig, 1);
    uint8_t good[2000], bytes[2000];
    const struct nrp_frame item = group_item(100), ack = {.type = NRP_SUBACK};
    size_t len = group_bytes(&rig, 1, &item, good);
    uint64_t bad = counts_of(&rig).group_bad, replays = counts_of(&rig).group_replays;
    static const size_t places[] = {0, 2, 3, 5, 15, 25, 60};
    for (size_t i = 0; i < COUNT(places); i++) { /* in the header, the frame, the tag */
        memcpy(bytes, good, len);
        bytes[places[i] < len ? places[i] : len - 1] ^= 1;
        nrp_client_group_input(rig.client, rig.now, true, bytes, len);
        assert_int_equal(counts_of(&rig).group_bad, ++bad);
    }
    for (size_t cut = 0; cut < len; cut++) {
        memcpy(bytes, good, len);
        nrp_client_group_input(rig.client, rig.now, true, bytes, cut);
    }
    assert_int_equal(counts_of(&rig).group_bad, bad += len);
    memcpy(bytes, good, len);
    nrp_client_group_input(rig.client, rig.now, false, bytes, len); /* not from the relay */
    assert_int_equal(counts_of(&rig).group_bad, ++bad);
    uint8_t large[NRP_DATAGRAM_MAX + 1] = {0};
    memcpy(large, good, len);
    nrp_client_group_input(rig.client, rig.now, true, large, sizeof large);
    assert_int_equal(counts_of(&rig).group_bad, ++bad);
    group_gives(&rig, true, 9, &ack); /* a member may say nothing but bodies */
    assert_int_equal(counts_of(&rig).group_bad, ++bad);
    assert_sent(&rig, "");
    say_shared(&rig, 1, 100);
    assert_events(&rig, "");
    nrp_client_group_input(rig.client, rig.now, true, good, len);
    assert_events(&rig, "item 100 a x\n");
    group_says(&rig, 1, 100);
    assert_int_equal(counts_of(&rig).group_replays, replays + 1);
    rig_end(&rig);
}

/* The session's datagrams do not come by the group, nor the group's by the session. */
static void a_datagram_belongs_to_one_of_both(void **state)
{
    (void)state;
    struct rig rig = member_rig(NRP_OPEN);
    join(&rig, 1);
    uint8_t bytes[2000];
    const struct nrp_frame item = group_item(100);
    size_t len = group_bytes(&rig, 1, &item, bytes);
    uint64_t bad = counts_of(&rig).bad_datagrams;
    give_bytes(&rig, bytes, len);
    assert_int_equal(counts_of(&rig).bad_datagrams, bad + 1);
    nrp_datagram_write(&(struct nrp_datagram){.session_id = SESSION, .packet_number = 50}, bytes);
    nrp_client_group_input(rig.client, rig.now, true, bytes, len);
    assert_int_equal(counts_of(&rig).group_bad, 1);
    rig_end(&rig);
}

static void a_group_that_falls_silent_is_left_and_asked_for_again_later(void **state)
{
    (void)state;
    struct rig rig = member_rig(NRP_OPEN);
    join(&rig, 1);
    tick(&rig, 3 * SECOND);
    group_beats(&rig, 1);
    tick(&rig, 3 * SECOND);
    listen(&rig);
    buf_clear(&rig.sent);
    tick(&rig, SECOND / 2);
    listen(&rig);
    assert_non_null(strstr(rig.sent.data, "JOIN 0 of 77\n"));
    buf_clear(&rig.sent);
    group_says(&rig, 2, 100); /* what comes meanwhile is of use */
    say_shared(&rig, 1, 100);
    assert_events(&rig, "item 100 a x\n");
    say_group(&rig, NRP_GROUP_OVER);
    assert_events(&rig, "listen no more\n");
    tick(&rig, 59 * SECOND);
    listen(&rig);
    assert_null(strstr(rig.sent.data, "JOIN"));
    tick(&rig, SECOND);
    listen(&rig);
    assert_non_null(strstr(rig.sent.data, "JOIN 1 of 0"));
    rig_end(&rig);
}

/* Its heartbeats come, but what it should bring does not. */
static void a_group_that_brings_nothing_is_left(void **state)
{
    (void)state;
    struct rig rig = member_rig(NRP_OPEN);
    join(&rig, 1);
    for (uint64_t i = 0; i < 8; i++)
        say_shared(&rig, i + 1, i + 100);
    tick(&rig, 249 * MS);
    listen(&rig);
    assert_null(strstr(rig.sent.data, "JOIN"));
    tick(&rig, MS);
    listen(&rig);
    assert_non_null(strstr(rig.sent.data, "JOIN 0 of 77\n"));
    assert_int_equal(counts_of(&rig).group_leaves, 1);
    rig_end(&rig);
}

static void who_hears_nothing_stays_as_it_was(void **state)
{
    (void)state;
    struct rig rig = member_rig(NRP_OPEN);
    subscribe(&rig, 1);
    say_group(&rig, NRP_GROUP_OFFERED);
    buf_clear(&rig.events);
    tick(&rig, 5 * SECOND - 1);
    listen(&rig);
    buf_clear(&rig.sent);
    tick(&rig, 1);
    listen(&rig);
    assert_non_null(strstr(rig.sent.data, "JOIN 0 of 77\n"));
    say_group(&rig, NRP_GROUP_OVER);
    assert_events(&rig, "listen no more\n");
    say_item(&rig, 1, 100);
    assert_events(&rig, "item 100 a x\n");
    rig_end(&rig);
}

static void who_cannot_listen_says_so(void **state)
{
    (void)state;
    struct rig rig = member_rig(NRP_OPEN);
    subscribe(&rig, 1);
    say_group(&rig, NRP_GROUP_OFFERED);
    nrp_client_group_unheard(rig.client, rig.now);
    assert_sent(&rig, "JOIN 0 of 77\n");
    rig_end(&rig);
}

static void a_refusal_is_for_good_and_a_new_group_is_joined_soon(void **state)
{
    (void)state;
    struct rig rig = member_rig(NRP_OPEN);
    subscribe(&rig, 1);
    say_group(&rig, 0x80 + NRP_CODE_NOT_AUTHORISED);
    for (int i = 0; i < 200; i++) {
        tick(&rig, SECOND);
        listen(&rig);
        say(&rig, &(struct nrp_frame){.type = NRP_PING});
    }
    assert_null(strstr(rig.sent.data, "JOIN"));
    assert_events(&rig, "");
    rig_end(&rig);

    rig = member_rig(NRP_OPEN);
    join(&rig, 1);
    say(&rig, &(struct nrp_frame){.type = NRP_GROUP, .group = {.status = NRP_GROUP_OVER}});
    assert_events(&rig, "listen no more\n");
    tick(&rig, SECOND);
    listen(&rig);
    assert_non_null(strstr(rig.sent.data, "JOIN 1 of 0\n"));
    rig_end(&rig);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_comes_up_on_every_carrier_and_security),
        cmocka_unit_test(a_relay_that_does_not_know_the_key_is_refused),
        cmocka_unit_test(a_welcome_that_makes_no_sense_is_refused),
        cmocka_unit_test(a_step_is_repeated_after_1_2_and_4_seconds_then_the_relay_is_unreachable),
        cmocka_unit_test(unanswered_auths_make_datagrams_smaller),
        cmocka_unit_test(an_error_before_welcome_ends_a_stream_and_is_a_hint_on_datagrams),
        cmocka_unit_test(a_key_is_wrong_when_two_handshakes_say_so),
        cmocka_unit_test(one_refusal_of_a_key_is_a_hint),
        cmocka_unit_test(a_stale_cookie_begins_the_handshake_again),
        cmocka_unit_test(a_welcome_to_a_larger_auth_than_the_last_is_passed_over),
        cmocka_unit_test(another_protocol_is_recognised),
        cmocka_unit_test(what_is_out_of_place_ends_a_stream),
        cmocka_unit_test(bad_datagrams_are_dropped_and_counted),
        cmocka_unit_test(frames_come_in_any_pieces),
        cmocka_unit_test(the_window_is_full_until_something_is_answered),
        cmocka_unit_test(what_is_not_acknowledged_is_done_once_it_was_written),
        cmocka_unit_test(a_publication_that_cannot_fit_is_refused),
        cmocka_unit_test(an_unanswered_publication_is_repeated_whole_and_at_last_given_up),
        cmocka_unit_test(repeats_follow_the_round_trip_time),
        cmocka_unit_test(publications_start_slowly_and_slow_down_after_a_loss),
        cmocka_unit_test(a_refused_filter_is_said_to_be),
        cmocka_unit_test(a_lost_request_is_repeated_with_its_number),
        cmocka_unit_test(a_hole_is_asked_for),
        cmocka_unit_test(what_no_repair_brings_is_fetched_from_the_log_once),
        cmocka_unit_test(a_loss_without_acknowledgement_is_only_counted),
        cmocka_unit_test(an_item_too_big_for_the_carrier_is_lost_for_good),
        cmocka_unit_test(a_gap_on_a_stream_is_a_loss),
        cmocka_unit_test(only_what_was_accepted_is_acknowledged),
        cmocka_unit_test(a_lost_ack_is_said_again_when_a_heartbeat_comes),
        cmocka_unit_test(nothing_is_handed_over_while_held),
        cmocka_unit_test(a_later_session_goes_on_where_the_earlier_one_was),
        cmocka_unit_test(a_malformed_topic_is_counted_as_lost),
        cmocka_unit_test(an_item_too_large_for_us_is_lost_alone),
        cmocka_unit_test(nobody_needs_to_hear_of_losses),
        cmocka_unit_test(an_ack_that_found_no_room_is_said_later),
        cmocka_unit_test(a_silent_relay_is_asked_three_times_then_lost),
        cmocka_unit_test(a_goodbye_says_why),
        cmocka_unit_test(close_waits_for_answers_then_says_goodbye),
        cmocka_unit_test(close_waits_two_seconds_at_most),
        cmocka_unit_test(filters_asked_for_in_on_up_are_sent),
        cmocka_unit_test(a_group_is_asked_for_heard_and_joined),
        cmocka_unit_test(without_the_option_nothing_is_asked_for),
        cmocka_unit_test(a_body_may_come_after_what_names_it),
        cmocka_unit_test(a_body_that_does_not_come_is_asked_for_and_once_is_enough),
        cmocka_unit_test(what_qos_0_misses_of_the_group_is_told),
        cmocka_unit_test(another_body_under_the_same_number_is_of_no_use),
        cmocka_unit_test(strange_datagrams_to_the_group_are_counted_and_have_no_effect),
        cmocka_unit_test(a_datagram_belongs_to_one_of_both),
        cmocka_unit_test(a_group_that_falls_silent_is_left_and_asked_for_again_later),
        cmocka_unit_test(a_group_that_brings_nothing_is_left),
        cmocka_unit_test(who_hears_nothing_stays_as_it_was),
        cmocka_unit_test(who_cannot_listen_says_so),
        cmocka_unit_test(a_refusal_is_for_good_and_a_new_group_is_joined_soon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
