#include "tests/unit/hub_bench.h"

/* ------------------------------------------------------------------------------------ Helpers */

struct tap { /* the client's end of a stream */
    struct bench *b;
    struct peer *peer;
    struct buf got; /* what the hub wrote and nobody read yet */
    size_t room;    /* bytes its socket takes; SIZE_MAX: all */
    bool input_over, closed;
    struct credentials who;
    struct nrp_cipher *in, *out;
    uint64_t packets_in, packets_out;
    struct nrp_welcome welcome;
    struct nrp_frame f; /* read last; its parts are in `frame` */
    uint8_t frame[400 * 1024];
};

static struct tap *taps[16];
static size_t tap_count;

static void tap_close(struct tap *t)
{
    if (!t->closed) hub_close(t->b->hub, t->b->now, t->peer);
    t->closed = true;
}

static void done(struct bench *b)
{
    while (tap_count > 0) {
        struct tap *t = taps[--tap_count];
        tap_close(t);
        nrp_cipher_free(t->in);
        nrp_cipher_free(t->out);
        buf_deinit(&t->got);
        free(t);
    }
    bench_close(b);
}

/* A test that failed has left its own. */
static int forget_taps(void **state)
{
    (void)state;
    tap_count = 0;
    return 0;
}

static struct tap *tap_new(struct bench *b)
{
    enum nrp_code code = NRP_OK;
    struct nrp_address from = bench_address(1);
    struct tap *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->b = b;
    t->room = SIZE_MAX;
    t->peer = hub_accept(b->hub, b->now, &from, t, &code);
    assert_non_null(t->peer);
    taps[tap_count++] = t;
    return t;
}

/* Writes what this one's socket takes. */
static void flush_tap(struct bench *b, struct tap *t)
{
    struct iovec iov[16];
    int count = hub_output(b->hub, t->peer, iov, 16);
    size_t sent = 0;
    for (int i = 0; i < count && t->room > 0; i++) {
        size_t len = iov[i].iov_len < t->room ? iov[i].iov_len : t->room;
        buf_put(&t->got, iov[i].iov_base, len);
        sent += len;
        if (t->room != SIZE_MAX) t->room -= len;
    }
    if (count > 0) hub_sent(b->hub, b->now, t->peer, sent);
}

static void turn(struct bench *b)
{
    struct peer *p;
    bool more;
    do {
        more = hub_follow(b->hub, b->now);
        hub_tick(b->hub, b->now);
        while ((p = hub_next_writable(b->hub)))
            flush_tap(b, peer_user(p));
    } while (more);
    assert_true(hub_deadline(b->hub) > b->now);
}

static void later(struct bench *b, int64_t us)
{
    b->now += us;
    turn(b);
}

/* Its socket takes so much more. */
static void open_room(struct tap *t, size_t room)
{
    t->room = room;
    flush_tap(t->b, t);
    turn(t->b);
}

static void give(struct tap *t, const uint8_t *bytes, size_t len)
{
    uint8_t *own = malloc(len); /* the hub may change them, and ASan watches the ends */
    assert_non_null(own);
    memcpy(own, bytes, len);
    t->input_over = !hub_input(t->b->hub, t->b->now, t->peer, own, len);
    free(own);
}

static size_t encode(struct tap *t, const struct nrp_frame *f, uint8_t *out)
{
    size_t size = nrp_frame_write(f, out);
    if (!t->out) return size;
    bool sealed = t->who.security == NRP_SEALED;
    size_t head = sealed ? NRP_HEADER_SIZE : size;
    assert_true(nrp_seal(t->out, t->packets_out++, out, head, out + head, size - head, out + size));
    return size + NRP_TAG_SIZE;
}

static void say_only(struct tap *t, const struct nrp_frame *f)
{
    static uint8_t bytes[400 * 1024];
    give(t, bytes, encode(t, f, bytes));
}

static void say(struct tap *t, struct nrp_frame f)
{
    say_only(t, &f);
    turn(t->b);
}

/* The next frame it got, into t->f; its type, 0: none. */
static unsigned hear(struct tap *t)
{
    struct news_error err = {0};
    size_t size, tag = t->in ? NRP_TAG_SIZE : 0;
    uint8_t *at = t->frame;
    if (t->got.len == 0) return 0;
    size_t len = t->got.len < sizeof t->frame ? t->got.len : sizeof t->frame;
    memcpy(at, t->got.data, len);
    enum nrp_taken taken = nrp_frame_read(at, t->in ? 8 : len, 1 << 20, &t->f, &size, &err);
    if (t->in && size + tag <= len) {
        size_t head = t->who.security == NRP_SEALED ? NRP_HEADER_SIZE : size;
        assert_true(
            nrp_unseal(t->in, t->packets_in++, at, head, at + head, size - head, at + size));
        taken = nrp_frame_read(at, size, 1 << 20, &t->f, &size, &err);
    }
    if (taken == NRP_PARTIAL) return 0;
    if (taken != NRP_TAKEN) fail_msg("%s", err.message);
    buf_consume(&t->got, size + tag);
    return t->f.type;
}

static void expect(struct tap *t, unsigned type)
{
    unsigned got = hear(t);
    if (got != type) fail_msg("%s instead of %s", nrp_type_name(got), nrp_type_name(type));
}

static void expect_nothing(struct tap *t)
{
    expect(t, 0);
}

static void expect_item(struct tap *t, const char *payload)
{
    expect(t, NRP_ITEM);
    assert_bytes(t->f.payload, t->f.payload_len, payload);
}

static void expect_end(struct tap *t, enum nrp_code code)
{
    unsigned type = hear(t);
    if (type == NRP_ERROR) {
        assert_int_equal(t->f.notice.code, code);
        type = hear(t);
    }
    assert_int_equal(type, NRP_GOODBYE);
    assert_int_equal(t->f.notice.code, code);
    expect_nothing(t);
    assert_true(peer_over(t->peer));
    assert_false(peer_wants_input(t->peer));
}

static void hello(struct tap *t, uint8_t nonce)
{
    say(t, (struct nrp_frame){.type = NRP_HELLO, .hello = hello_of(&t->who, nonce)});
}

/* Up to AUTH, which is not said yet. */
static struct nrp_auth authenticate(struct tap *t, uint8_t nonce, struct nrp_handshake_keys *keys)
{
    struct nrp_auth a = {.hello = hello_of(&t->who, nonce)};
    hello(t, nonce);
    expect(t, NRP_CHALLENGE);
    a.challenge = t->f.challenge;
    prove(&t->who, &a, keys);
    return a;
}

static void welcome(struct tap *t, uint8_t nonce)
{
    struct nrp_handshake_keys keys = {0};
    struct nrp_auth a = authenticate(t, nonce, &keys);
    uint8_t proof[NRP_PROOF_SIZE];
    say(t, (struct nrp_frame){.type = NRP_AUTH, .auth = a});
    expect(t, NRP_WELCOME);
    t->welcome = t->f.welcome;
    if (t->who.security == NRP_OPEN) return;
    nrp_welcome_proof(&keys, &a, &t->welcome, proof);
    assert_memory_equal(proof, t->welcome.proof, sizeof proof);
    t->out = nrp_cipher_new(&keys, t->who.security, NRP_TO_RELAY, t->welcome.session_id,
                            t->welcome.epoch);
    t->in = nrp_cipher_new(&keys, t->who.security, NRP_TO_CLIENT, t->welcome.session_id,
                           t->welcome.epoch);
    assert_true(t->in && t->out);
}

static struct tap *tap_as(struct bench *b, struct credentials who)
{
    struct tap *t = tap_new(b);
    t->who = who;
    welcome(t, (uint8_t)tap_count);
    return t;
}

static struct tap *tap_open(struct bench *b)
{
    return tap_as(b, (struct credentials){.name = (uint8_t)(100 + tap_count)});
}

static struct nrp_suback subscribe_from(struct tap *t, uint32_t id, const char *filter, int qos,
                                        uint64_t epoch, uint64_t iseq)
{
    struct nrp_frame f = subscribe_frame(id, filter, qos);
    f.subscribe.from_epoch = epoch;
    f.subscribe.from_iseq = iseq;
    say_only(t, &f);
    flush_tap(t->b, t);
    expect(t, NRP_SUBACK);
    assert_int_equal(t->f.suback.request_id, id);
    return t->f.suback;
}

static struct nrp_suback subscribe(struct tap *t, uint32_t id, const char *filter, int qos)
{
    struct nrp_suback a = subscribe_from(t, id, filter, qos, 0, 0);
    turn(t->b);
    return a;
}

static void publish(struct tap *t, uint64_t id, const char *topic, const char *payload)
{
    say(t, publish_frame(id, topic, payload, 0));
}

/* Numbers as payloads: "1", "2" ... on topic. */
static void publish_numbers(struct tap *t, const char *topic, unsigned first, unsigned last,
                            uint8_t flags)
{
    char payload[16];
    for (unsigned i = first; i <= last; i++) {
        (void)snprintf(payload, sizeof payload, "%u", i);
        say(t, publish_frame(i, topic, payload, flags));
    }
}

static void acknowledge(struct tap *t, uint64_t dseq)
{
    say(t, (struct nrp_frame){.type = NRP_ACK, .cum_dseq = dseq});
}

/* Items with these numbers come one after the other. */
static void expect_numbers(struct tap *t, unsigned first, unsigned last)
{
    char payload[16];
    for (unsigned i = first; i <= last; i++) {
        (void)snprintf(payload, sizeof payload, "%u", i);
        expect_item(t, payload);
    }
}

/* ---------------------------------------------------------------------------------- Handshake */

static const struct credentials modes[] = {
    {.security = NRP_OPEN, .name = 1},
    {.security = NRP_AUTHENTICATED, .key_id = 1, .secret = 1, .name = 1},
    {.security = NRP_SEALED, .key_id = 1, .secret = 1, .name = 1},
};

static void items_travel_in_every_mode(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(modes); i++) {
        struct bench b;
        bench_init(&b);
        bench_open(&b);
        struct tap *t = tap_as(&b, modes[i]);
        assert_int_equal(t->welcome.epoch, relay_log_epoch(b.log));
        assert_int_equal(t->welcome.ring, 1024);
        assert_int_equal(t->welcome.item_max, 256 * 1024);
        struct nrp_suback a = subscribe(t, 7, "news/#", 0);
        assert_int_equal(a.status, NRP_SUB_COMPLETE);
        assert_int_equal(a.start_iseq, 1);
        assert_int_equal(a.first_dseq, 1);
        publish(t, 1, "news/a/b", "first");
        publish(t, 2, "news/a/c", "");
        expect_item(t, "first");
        assert_bytes(t->f.topic, t->f.topic_len, "news/a/b");
        assert_int_equal(t->f.item.dseq, 1);
        assert_int_equal(t->f.item.iseq, 1);
        assert_int_equal(t->f.item.flags, 0);
        expect_item(t, "");
        assert_int_equal(t->f.item.iseq, 2);
        expect_nothing(t);
        done(&b);
    }
}

static void a_stream_may_come_byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(modes); i++) {
        struct bench b;
        uint8_t bytes[512];
        bench_init(&b);
        bench_open(&b);
        struct tap *t = tap_as(&b, modes[i]);
        (void)subscribe(t, 1, "news/#", 0);
        struct nrp_frame one = publish_frame(1, "news/a", "x", 0),
                         two = publish_frame(2, "news/b", "yy", NRP_FLAG_ACK);
        size_t len = encode(t, &one, bytes);
        len += encode(t, &two, bytes + len);
        for (size_t at = 0; at < len; at++)
            give(t, bytes + at, 1);
        turn(&b);
        expect(t, NRP_PUBACK);
        assert_int_equal(t->f.puback.publish_id, 2);
        assert_int_equal(t->f.puback.iseq, 2);
        expect_item(t, "x");
        expect_item(t, "yy");
        assert_int_equal(t->f.item.flags, NRP_FLAG_ACK);
        done(&b);
    }
}

static void a_wrong_key_proof_or_cookie_ends_the_handshake(void **state)
{
    (void)state;
    static const struct credentials unknown = {.security = NRP_SEALED, .key_id = 9, .secret = 1},
                                    wrong = {.security = NRP_SEALED, .key_id = 1, .secret = 7};
    for (int i = 0; i < 5; i++) {
        struct bench b;
        struct nrp_handshake_keys keys = {0};
        bench_init(&b);
        bench_open(&b);
        struct tap *t = tap_new(&b);
        t->who = i == 0 ? unknown : i == 1 ? wrong : modes[i % 3];
        struct nrp_auth a = authenticate(t, 1, &keys);
        if (i == 2) a.proof[15] ^= 1;
        if (i == 3) a.challenge.cookie[23] ^= 1;
        if (i == 4) a.hello.role = NRP_ROLE_PUBLISH; /* not what the cookie is for */
        say(t, (struct nrp_frame){.type = NRP_AUTH, .auth = a});
        /* Of a cookie nothing follows about the key. */
        expect_end(t, i < 3 ? NRP_CODE_AUTHENTICATION : NRP_CODE_TIMEOUT);
        assert_int_equal(hub_counts(b.hub)->auth_failures, i < 3);
        done(&b);
    }
}

static void an_auth_is_good_for_its_own_connection_alone(void **state)
{
    (void)state;
    struct bench b;
    struct nrp_handshake_keys keys = {0};
    bench_init(&b);
    bench_open(&b);
    struct tap *first = tap_new(&b), *second = tap_new(&b);
    first->who = second->who = modes[2];
    struct nrp_auth a = authenticate(first, 1, &keys);
    (void)authenticate(second, 1, &keys);
    say(second, (struct nrp_frame){.type = NRP_AUTH, .auth = a});
    expect_end(second, NRP_CODE_AUTHENTICATION);
    done(&b);
}

static void what_a_hello_may_not_say_is_refused(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct bench b;
        static const enum nrp_code codes[] = {NRP_CODE_VERSION, NRP_CODE_BAD_FRAME,
                                              NRP_CODE_BAD_FRAME, NRP_CODE_AUTHENTICATION};
        bench_init(&b);
        if (i == 3) b.config.security_least = NRP_SEALED;
        bench_open(&b);
        struct tap *t = tap_new(&b);
        struct nrp_hello h = hello_of(&t->who, 1);
        if (i == 0) h.version_min = h.version_max = 2;
        if (i == 1) h.role = 0;
        if (i == 2) h.security = 3;
        say(t, (struct nrp_frame){.type = NRP_HELLO, .hello = h});
        expect_end(t, codes[i]);
        done(&b);
    }
}

static void the_handshake_comes_first_and_once(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_open(&b);
    struct tap *t = tap_new(&b);
    publish(t, 1, "news/a", "x");
    expect_end(t, NRP_CODE_BAD_FRAME);
    t = tap_open(&b);
    hello(t, 1);
    expect_end(t, NRP_CODE_BAD_FRAME);
    assert_true(t->input_over);
    assert_int_equal(relay_log_last(b.log), 0);
    done(&b);
}

static void a_slow_handshake_and_an_unfinished_frame_time_out(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_open(&b);
    struct tap *slow = tap_new(&b), *t = tap_open(&b);
    later(&b, 5 * SECOND - 1);
    expect_nothing(slow);
    later(&b, 1);
    expect_end(slow, NRP_CODE_TIMEOUT);
    give(t, (const uint8_t[]){1, NRP_PING, 0}, 3);
    turn(&b);
    for (int i = 0; i < 29; i++) {
        later(&b, SECOND);
        if (i == 10) give(t, (const uint8_t[]){0, 0}, 2); /* a byte now and then does not help */
    }
    while (hear(t) == NRP_PING) {
    }
    assert_false(peer_over(t->peer));
    later(&b, SECOND);
    expect_end(t, NRP_CODE_TIMEOUT);
    done(&b);
}

static void a_silent_peer_is_asked_three_times_and_cut_off(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_open(&b);
    struct tap *silent = tap_open(&b), *well = tap_open(&b);
    for (int i = 0; i < 3; i++) {
        later(&b, 15 * SECOND);
        expect(silent, NRP_PING);
        expect(well, NRP_PING);
        say(well, (struct nrp_frame){.type = NRP_PONG, .token = well->f.token});
    }
    later(&b, 15 * SECOND);
    expect_nothing(silent);
    assert_true(peer_over(silent->peer));
    assert_false(peer_over(well->peer));
    done(&b);
}

static void frames_that_break_the_rules_end_the_session(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[28];
        size_t len;
        enum nrp_code code;
    } cases[] = {
        {{1, 0x7e, 0, 0, 0, 0, 0, 0}, 8, NRP_CODE_BAD_FRAME},                  /* unknown */
        {{2, NRP_PING, 0, 0, 0, 0, 0, 8}, 8, NRP_CODE_BAD_FRAME},              /* a version */
        {{1, NRP_PUBLISH, 0, 1, 0, 8, 0, 0}, 8, NRP_CODE_TOO_BIG},             /* 512 KiB */
        {{1, NRP_PING, 0, 0, 0, 0, 255, 8}, 8, NRP_CODE_TOO_BIG},              /* 64 KiB */
        {{1, NRP_PING, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0}, 12, NRP_CODE_BAD_FRAME}, /* short */
        {{1, NRP_ITEM, 0, 0, 0, 0, 0, 20, [25] = 1}, 28, NRP_CODE_BAD_FRAME},  /* the relay's */
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bench b;
        bench_init(&b);
        bench_open(&b);
        struct tap *t = tap_open(&b);
        give(t, cases[i].bytes, cases[i].len);
        assert_true(t->input_over);
        turn(&b);
        expect_end(t, cases[i].code);
        done(&b);
    }
}

static void unknown_frames_from_80_on_are_passed_over(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_open(&b);
    struct tap *t = tap_open(&b);
    give(t, (const uint8_t[]){1, 0x90, 0, 0, 0, 0, 0, 2, 9, 9}, 10);
    say(t, (struct nrp_frame){.type = NRP_PING, .token = 77});
    expect(t, NRP_PONG);
    assert_int_equal(t->f.token, 77);
    done(&b);
}

static void a_changed_byte_in_a_secured_stream_ends_it(void **state)
{
    (void)state;
    for (size_t i = 1; i < COUNT(modes); i++) {
        struct bench b;
        uint8_t bytes[128];
        bench_init(&b);
        bench_open(&b);
        struct tap *t = tap_as(&b, modes[i]);
        struct nrp_frame f = publish_frame(1, "news/a", "x", 0);
        size_t len = encode(t, &f, bytes);
        bytes[12] ^= 1;
        give(t, bytes, len);
        turn(&b);
        expect_end(t, NRP_CODE_AUTHENTICATION);
        assert_int_equal(relay_log_last(b.log), 0);
        done(&b);
    }
}

/* ------------------------------------------------------------------------------- Subscriptions */

static void overlapping_filters_bring_an_item_once(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_open(&b);
    struct tap *t = tap_open(&b);
    (void)subscribe(t, 1, "news/#", 0);
    (void)subscribe(t, 2, "news/a", 0);
    (void)subscribe(t, 3, "news/a", 0);
    publish(t, 1, "news/a", "x");
    publish(t, 2, "other", "y");
    expect_item(t, "x");
    expect_nothing(t);
    assert_int_equal(hub_counts(b.hub)->subscriptions, 2);
    struct nrp_frame f = {.type = NRP_UNSUBSCRIBE,
                          .topic = (const uint8_t *)"news/#",
                          .topic_len = 6,
                          .unsuback = {.request_id = 9}};
    say(t, f);
    expect(t, NRP_UNSUBACK);
    assert_int_equal(t->f.unsuback.request_id, 9);
    publish(t, 3, "news/b", "z");
    publish(t, 4, "news/a", "u");
    expect_item(t, "u");
    expect_nothing(t);
    done(&b);
}

static void the_first_subscription_fixes_the_qos(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_open(&b);
    struct tap *t = tap_open(&b);
    assert_int_equal(subscribe(t, 1, "a", 2).status, 0x83);
    assert_int_equal(subscribe(t, 2, "a", 1).status, 0);
    struct nrp_suback a = subscribe(t, 3, "b", 0);
    assert_int_equal(a.status, 0x83);
    assert_int_equal(a.qos, 1);
    assert_int_equal(hub_counts(b.hub)->subscriptions, 1);
    done(&b);
}

static void subscriptions_are_checked_and_counted(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    b.config.subscriptions_max = 2;
    bench_open(&b);
    struct tap *open = tap_open(&b), *keyed = tap_as(&b, modes[2]);
    assert_int_equal(subscribe(open, 1, "a/#/b", 0).status, 0x80 + NRP_CODE_BAD_TOPIC);
    assert_int_equal(subscribe(open, 2, "$share/g/a", 0).status, 0x80 + NRP_CODE_BAD_TOPIC);
    assert_int_equal(subscribe(open, 3, "$SYS/#", 0).status, 0x80 + NRP_CODE_NOT_AUTHORISED);
    assert_int_equal(subscribe(open, 4, "a", 0).status, 0);
    assert_int_equal(subscribe(open, 5, "b", 0).status, 0);
    assert_int_equal(subscribe(open, 6, "c", 0).status, 0x80 + NRP_CODE_TOO_MANY);
    assert_int_equal(subscribe(open, 7, "b", 0).status, 0); /* not one more */
    assert_int_equal(subscribe(keyed, 1, "#", 0).status, 0x80 + NRP_CODE_NOT_AUTHORISED);
    assert_int_equal(subscribe(keyed, 2, "news/+/x", 0).status, 0);
    struct tap *p = tap_as(&b, (struct credentials){.name = 77, .role = NRP_ROLE_PUBLISH});
    assert_int_equal(subscribe(p, 1, "a", 0).status, 0x80 + NRP_CODE_NOT_AUTHORISED);
    done(&b);
}

static void retained_records_come_first_and_flagged(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_open(&b);
    struct tap *t = tap_open(&b), *plain = tap_open(&b);
    say(t, publish_frame(1, "news/a", "old", NRP_FLAG_RETAIN));
    say(t, publish_frame(2, "news/a", "kept", NRP_FLAG_RETAIN));
    publish(t, 3, "news/a", "passing");
    struct nrp_frame f = subscribe_frame(1, "news/#", 0);
    f.subscribe.mode = NRP_MODE_RETAINED;
    say(t, f);
    expect(t, NRP_SUBACK);
    assert_int_equal(t->f.suback.start_iseq, 4);
    expect_item(t, "kept");
    assert_int_equal(t->f.item.flags, NRP_FLAG_RETAIN);
    assert_int_equal(t->f.item.iseq, 2);
    say(t, publish_frame(4, "news/a", "live", NRP_FLAG_RETAIN));
    expect_item(t, "live");
    assert_int_equal(t->f.item.flags, 0);
    expect_nothing(t);
    (void)subscribe(plain, 1, "news/#", 0);
    expect_nothing(plain);
    done(&b);
}

static void a_session_resumes_where_it_says(void **state)
{
    (void)state;
    for (int qos = 0; qos < 2; qos++) {
        struct bench b;
        bench_init(&b);
        b.log_config.items_max = 10;
        bench_open(&b);
        struct tap *t = tap_open(&b), *s = tap_open(&b);
        publish_numbers(t, "n", 1, 20, 0);
        struct nrp_suback a = subscribe_from(s, 1, "n", qos, s->welcome.epoch, 15);
        assert_int_equal(a.status, NRP_SUB_COMPLETE);
        assert_int_equal(a.start_iseq, 15);
        turn(&b);
        publish_numbers(t, "n", 21, 21, 0);
        expect_numbers(s, 15, 21);
        expect_nothing(s);
        s = tap_open(&b);
        a = subscribe_from(s, 1, "n", qos, s->welcome.epoch, 5);
        assert_int_equal(a.status, NRP_SUB_EVICTED);
        assert_int_equal(a.evicted, 7);
        assert_int_equal(a.start_iseq, 12);
        turn(&b);
        expect_numbers(s, 12, 21);
        s = tap_open(&b);
        a = subscribe_from(s, 1, "n", qos, s->welcome.epoch + 1, 5);
        assert_int_equal(a.status, NRP_SUB_OTHER_EPOCH);
        assert_int_equal(a.start_iseq, 12);
        turn(&b);
        expect_numbers(s, 12, 21);
        expect_nothing(s);
        done(&b);
    }
}

static void going_back_for_one_filter_brings_nothing_twice_for_another(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_open(&b);
    struct tap *t = tap_open(&b), *s = tap_open(&b);
    (void)subscribe(s, 1, "a/+", 1);
    publish(t, 1, "a/x", "1");
    publish(t, 2, "b/x", "2");
    publish(t, 3, "a/y", "3");
    expect_item(s, "1");
    expect_item(s, "3");
    struct nrp_suback a = subscribe_from(s, 2, "+/x", 1, 0, 1);
    assert_int_equal(a.first_dseq, 3);
    turn(&b);
    publish(t, 4, "a/x", "4");
    expect_item(s, "2");
    assert_int_equal(s->f.item.dseq, 3);
    expect_item(s, "4");
    expect_nothing(s);
    (void)subscribe_from(s, 3, "a/+", 1, 0, 1); /* a resync brings again what it had */
    turn(&b);
    expect_item(s, "1"); /* and what it shares with "+/x": that may be what was lost */
    expect_item(s, "3");
    expect_item(s, "4");
    expect_nothing(s);
    done(&b);
}

static void what_is_not_followed_yet_is_not_for_a_new_subscriber(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_open(&b);
    struct tap *t = tap_open(&b), *s = tap_open(&b);
    struct nrp_frame f = publish_frame(1, "n", "before", 0);
    say_only(t, &f); /* in the log, and no turn since */
    assert_int_equal(subscribe_from(s, 1, "n", 0, 0, 0).start_iseq, 2);
    publish(t, 2, "n", "after");
    expect_item(s, "after");
    expect_nothing(s);
    done(&b);
}

/* --------------------------------------------------------------------------------- Publishing */

static void a_repeated_publication_is_answered_and_taken_once(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_open(&b);
    struct tap *t = tap_open(&b);
    say(t, publish_frame(1, "n", "x", NRP_FLAG_ACK));
    expect(t, NRP_PUBACK);
    assert_int_equal(t->f.puback.iseq, 1);
    say(t, publish_frame(1, "n", "x", NRP_FLAG_ACK | NRP_FLAG_DUP));
    expect(t, NRP_PUBACK);
    assert_int_equal(t->f.puback.publish_id, 1);
    assert_int_equal(t->f.puback.status, 0);
    assert_int_equal(relay_log_last(b.log), 1);
    done(&b);
}

static void publications_are_refused_with_a_reason(void **state)
{
    (void)state;
    static const struct {
        const char *topic;
        size_t mode;
        enum nrp_code code;
    } cases[] = {
        {"", 0, NRP_CODE_BAD_TOPIC},
        {"a/+", 0, NRP_CODE_BAD_TOPIC},
        {"a\xff", 0, NRP_CODE_BAD_TOPIC},
        {"$SYS/x", 0, NRP_CODE_NOT_AUTHORISED},
        {"newswire/relay", 0, NRP_CODE_NOT_AUTHORISED},
        {"newswire/relay/status", 2, NRP_CODE_NOT_AUTHORISED},
        {"other", 2, NRP_CODE_NOT_AUTHORISED},
        {"newswire/relays", 0, NRP_OK},
        {"news/a", 2, NRP_OK},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bench b;
        bench_init(&b);
        bench_open(&b);
        struct tap *t = tap_as(&b, modes[cases[i].mode]);
        say(t, publish_frame(1, cases[i].topic, "x", NRP_FLAG_ACK));
        expect(t, NRP_PUBACK);
        assert_int_equal(t->f.puback.status, cases[i].code);
        say(t, publish_frame(2, cases[i].topic, "x", 0));
        say(t, publish_frame(3, cases[i].topic, "x", 0));
        if (cases[i].code != NRP_OK) {
            expect(t, NRP_ERROR); /* one a second */
            assert_int_equal(t->f.notice.code, cases[i].code);
            assert_int_equal(t->f.notice.request_id, 2);
        }
        expect_nothing(t);
        assert_int_equal(relay_log_last(b.log), cases[i].code == NRP_OK ? 3 : 0);
        done(&b);
    }
}

static void who_publishes_too_often_waits(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    b.limits.publish_per_s = 5;
    bench_open(&b);
    struct tap *t = tap_open(&b);
    publish_numbers(t, "n", 1, 20, NRP_FLAG_ACK);
    assert_int_equal(relay_log_last(b.log), 5);
    assert_false(peer_wants_input(t->peer));
    for (int i = 0; i < 40; i++)
        later(&b, SECOND / 10);
    assert_true(peer_wants_input(t->peer));
    for (uint64_t id = 1; id <= 20; id++) {
        expect(t, NRP_PUBACK);
        assert_int_equal(t->f.puback.publish_id, id);
        assert_int_equal(t->f.puback.iseq, id);
        assert_int_equal(t->f.puback.status, NRP_OK);
    }
    expect_nothing(t);
    done(&b);
}

/* Nothing is written while so much is handled: the answers do not count against it. */
static void thousands_of_publications_in_one_read_are_all_answered(void **state)
{
    (void)state;
    static uint8_t bytes[256 * 1024];
    struct bench b;
    size_t len = 0;
    bench_init(&b);
    bench_open(&b);
    struct tap *t = tap_open(&b);
    for (uint64_t id = 1; id <= 4000; id++) {
        struct nrp_frame f = publish_frame(id, "n", "x", NRP_FLAG_ACK);
        len += encode(t, &f, bytes + len);
    }
    give(t, bytes, len);
    assert_false(t->input_over);
    assert_false(peer_wants_input(t->peer));
    turn(&b);
    for (uint64_t id = 1; id <= 4000; id++) {
        expect(t, NRP_PUBACK);
        assert_int_equal(t->f.puback.publish_id, id);
    }
    assert_true(peer_wants_input(t->peer));
    done(&b);
}

static void looks_at_all_retained_items_are_spread_over_time(void **state)
{
    (void)state;
    static uint8_t bytes[16 * 1024];
    struct bench b;
    size_t len = 0;
    unsigned answers = 0;
    bench_init(&b);
    bench_open(&b);
    struct tap *t = tap_open(&b);
    for (uint32_t id = 1; id <= 100; id++) {
        struct nrp_frame f = subscribe_frame(id, "n/#", 0);
        f.subscribe.mode = NRP_MODE_RETAINED;
        len += encode(t, &f, bytes + len);
    }
    give(t, bytes, len);
    turn(&b);
    while (hear(t) == NRP_SUBACK)
        answers++;
    assert_int_equal(answers, 4);
    assert_false(peer_wants_input(t->peer));
    for (int i = 0; i < 100; i++)
        later(&b, 2500);
    while (hear(t) == NRP_SUBACK)
        answers++;
    assert_int_equal(answers, 100);
    assert_true(peer_wants_input(t->peer));
    done(&b);
}

static void nobody_unknown_makes_the_relay_wait_for_a_large_frame(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_open(&b);
    struct tap *t = tap_new(&b);
    const uint8_t head[] = {1, NRP_PUBLISH, 0, 1, 0, 3, 0xf0, 0};
    give(t, head, sizeof head);
    turn(&b);
    expect_end(t, NRP_CODE_BAD_FRAME);
    done(&b);
}

static void an_item_larger_than_the_limit_is_refused(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    b.config.item_max = 1000;
    bench_open(&b);
    struct tap *t = tap_open(&b);
    char payload[1001];
    memset(payload, 'x', sizeof payload);
    payload[999] = '\0';
    say(t, publish_frame(1, "n", payload, NRP_FLAG_ACK));
    expect(t, NRP_PUBACK);
    assert_int_equal(t->f.puback.status, NRP_OK);
    payload[999] = 'x';
    payload[1000] = '\0';
    say(t, publish_frame(2, "n", payload, NRP_FLAG_ACK));
    expect_end(t, NRP_CODE_TOO_BIG);
    done(&b);
}

static void a_large_item_goes_through_in_every_mode(void **state)
{
    (void)state;
    static char payload[200 * 1024];
    memset(payload, 'x', sizeof payload - 1);
    for (size_t i = 0; i < COUNT(modes); i++) {
        struct bench b;
        bench_init(&b);
        bench_open(&b);
        struct tap *t = tap_as(&b, modes[i]);
        (void)subscribe(t, 1, "news/#", 0);
        t->room = 1000;
        publish(t, 1, "news/a", payload);
        publish(t, 2, "news/a", "small");
        expect_nothing(t);
        open_room(t, SIZE_MAX);
        expect_item(t, payload);
        expect_item(t, "small");
        done(&b);
    }
}

static void publishers_wait_while_the_log_is_full(void **state)
{
    (void)state;
    for (uint8_t flags = 0; flags <= NRP_FLAG_ACK; flags += NRP_FLAG_ACK) {
        struct bench b;
        static uint8_t bytes[64 * 1024];
        size_t len = 0;
        bench_init(&b);
        b.log_config.bytes_max = 128; /* it takes some more before it is full */
        bench_open(&b);
        struct tap *t = tap_open(&b), *s = tap_open(&b);
        (void)subscribe(s, 1, "n", 0);
        char payload[16];
        for (unsigned i = 1; i <= 400; i++) {
            (void)snprintf(payload, sizeof payload, "%u", i);
            struct nrp_frame f = publish_frame(i, "n", payload, flags);
            len += encode(t, &f, bytes + len);
        }
        give(t, bytes, len);
        assert_false(peer_wants_input(t->peer));
        turn(&b);
        assert_true(peer_wants_input(t->peer));
        expect_numbers(s, 1, 400);
        for (uint64_t i = 1; flags && i <= 400; i++) {
            expect(t, NRP_PUBACK);
            assert_int_equal(t->f.puback.iseq, i);
        }
        done(&b);
    }
}

/* ------------------------------------------------------------------------------ Ends and wills */

static void say_will(struct tap *t)
{
    say(t, publish_frame(1, "news/will", "gone", NRP_FLAG_WILL | NRP_FLAG_ACK | NRP_FLAG_RETAIN));
    expect(t, NRP_PUBACK);
    assert_int_equal(t->f.puback.status, 0);
    assert_int_equal(t->f.puback.iseq, 0);
}

static void a_will_is_published_unless_there_was_a_goodbye(void **state)
{
    (void)state;
    for (int goodbye = 0; goodbye < 2; goodbye++) {
        struct bench b;
        bench_init(&b);
        bench_open(&b);
        struct tap *t = tap_open(&b), *s = tap_open(&b);
        (void)subscribe(s, 1, "news/#", 0);
        say_will(t);
        if (goodbye) {
            say(t, (struct nrp_frame){.type = NRP_GOODBYE});
            assert_true(peer_over(t->peer));
        }
        tap_close(t);
        turn(&b);
        if (!goodbye) {
            expect_item(s, "gone");
            assert_int_equal(s->f.item.flags, NRP_FLAG_ACK);
        }
        expect_nothing(s);
        assert_int_equal(hub_counts(b.hub)->wills, !goodbye);
        done(&b);
    }
}

static void the_same_client_takes_over(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_open(&b);
    struct tap *s = tap_open(&b), *t = tap_as(&b, modes[2]);
    struct credentials open = modes[0];
    (void)subscribe(s, 1, "news/#", 0);
    say_will(t);
    struct tap *without_key = tap_as(&b, open); /* the same id, and no right to it */
    expect_nothing(t);
    struct tap *again = tap_as(&b, modes[2]);
    expect_end(t, NRP_CODE_TAKEN_OVER);
    expect_item(s, "gone");
    say(again, (struct nrp_frame){.type = NRP_PING});
    expect(again, NRP_PONG);
    assert_false(peer_over(without_key->peer));
    assert_int_equal(hub_counts(b.hub)->sessions_stream, 3);
    done(&b);
}

static void withdrawn_keys_end_their_sessions(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_open(&b);
    struct tap *open = tap_open(&b), *one = tap_as(&b, modes[2]);
    struct tap *two = tap_as(
        &b, (struct credentials){.security = NRP_SEALED, .key_id = 2, .secret = 2, .name = 9});
    guard_replace_keys(b.guard, bench_read_keys(strchr(bench_keys, '\n') + 1));
    hub_keys_changed(b.hub, b.now);
    turn(&b);
    expect_end(one, NRP_CODE_AUTHENTICATION);
    expect_nothing(open);
    expect_nothing(two);
    done(&b);
}

static void shutdown_drains_and_says_goodbye(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_open(&b);
    struct tap *t = tap_open(&b), *s = tap_open(&b), *stuck = tap_open(&b), *new = tap_new(&b);
    struct nrp_address from = bench_address(2);
    enum nrp_code code = NRP_OK;
    (void)subscribe(s, 1, "n", 0);
    (void)subscribe(stuck, 1, "n", 0);
    stuck->room = 10;
    struct nrp_frame f = publish_frame(1, "n", "last", 0);
    say_only(t, &f);
    hub_shutdown(b.hub, b.now);
    assert_null(hub_accept(b.hub, b.now, &from, NULL, &code));
    assert_int_equal(code, NRP_CODE_SHUTTING_DOWN);
    turn(&b);
    expect_item(s, "last");
    expect_end(s, NRP_CODE_SHUTTING_DOWN);
    expect_end(t, NRP_CODE_SHUTTING_DOWN);
    expect_end(new, NRP_CODE_SHUTTING_DOWN);
    assert_false(peer_over(stuck->peer));
    later(&b, 2 * SECOND);
    assert_true(peer_over(stuck->peer));
    assert_false(hub_is_empty(b.hub));
    tap_close(s), tap_close(t), tap_close(new), tap_close(stuck);
    assert_true(hub_is_empty(b.hub));
    done(&b);
}

static void a_publication_during_shutdown_is_refused(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_open(&b);
    struct tap *t = tap_open(&b);
    (void)subscribe(t, 1, "n", 0);
    t->room = 0;
    publish(t, 1, "n", "x");
    hub_shutdown(b.hub, b.now);
    say(t, publish_frame(2, "n", "y", NRP_FLAG_ACK));
    open_room(t, SIZE_MAX);
    expect_item(t, "x");
    expect(t, NRP_PUBACK);
    assert_int_equal(t->f.puback.status, NRP_CODE_SHUTTING_DOWN);
    expect_end(t, NRP_CODE_SHUTTING_DOWN);
    done(&b);
}

/* ---------------------------------------------------------------------------- Slow subscribers */

static struct tap *slow_subscriber(struct bench *b, int qos)
{
    struct tap *s = tap_open(b);
    (void)subscribe(s, 1, "n", qos);
    s->room = 0; /* one pass is in the socket's hands, the rest waits */
    return s;
}

static void bench_slow(struct bench *b, enum slow_policy qos0, enum slow_policy qos1,
                       size_t log_items)
{
    bench_init(b);
    b->config.pass_max = 64; /* so that little leaves the outbox */
    b->config.queue_qos0 = (struct outbox_limits){8, 1 << 20, qos0};
    b->config.queue_qos1 = (struct outbox_limits){8, 1 << 20, qos1};
    b->log_config.items_max = log_items;
    bench_open(b);
}

static void drop_oldest_loses_the_oldest_and_says_so(void **state)
{
    (void)state;
    struct bench b;
    bench_slow(&b, SLOW_DROP_OLDEST, SLOW_DISCONNECT, 1000);
    struct tap *t = tap_open(&b), *s = slow_subscriber(&b, 0);
    publish_numbers(t, "n", 1, 20, 0);
    open_room(s, SIZE_MAX);
    expect_numbers(s, 1, 1); /* it was encoded already */
    expect(s, NRP_GAP);
    assert_int_equal(s->f.gap.first_dseq, 2);
    assert_int_equal(s->f.gap.last_dseq, 12);
    assert_int_equal(s->f.gap.reason, NRP_GAP_POLICY);
    expect_numbers(s, 13, 20);
    assert_int_equal(hub_counts(b.hub)->dropped_oldest, 11);
    done(&b);
}

static void drop_newest_loses_the_newest(void **state)
{
    (void)state;
    struct bench b;
    bench_slow(&b, SLOW_DROP_NEWEST, SLOW_DISCONNECT, 1000);
    struct tap *t = tap_open(&b), *s = slow_subscriber(&b, 0);
    publish_numbers(t, "n", 1, 20, 0);
    open_room(s, SIZE_MAX);
    expect_numbers(s, 1, 9);
    expect(s, NRP_GAP);
    assert_int_equal(s->f.gap.first_dseq, 10);
    assert_int_equal(s->f.gap.last_dseq, 20);
    assert_int_equal(hub_counts(b.hub)->dropped_newest, 11);
    done(&b);
}

static void disconnect_ends_a_slow_session(void **state)
{
    (void)state;
    struct bench b;
    bench_slow(&b, SLOW_DISCONNECT, SLOW_DISCONNECT, 1000);
    struct tap *t = tap_open(&b), *s = slow_subscriber(&b, 0), *well = tap_open(&b);
    (void)subscribe(well, 1, "n", 0);
    publish_numbers(t, "n", 1, 20, 0);
    expect_numbers(well, 1, 20);
    open_room(s, SIZE_MAX);
    expect_numbers(s, 1, 1);
    expect_end(s, NRP_CODE_SLOW_CONSUMER);
    assert_int_equal(hub_counts(b.hub)->disconnected_slow, 1);
    done(&b);
}

static void block_stops_the_publisher_and_loses_nothing(void **state)
{
    (void)state;
    struct bench b;
    bench_slow(&b, SLOW_BLOCK, SLOW_DISCONNECT, 1000);
    struct tap *t = tap_open(&b), *s = slow_subscriber(&b, 0);
    assert_true(peer_wants_input(t->peer));
    publish_numbers(t, "n", 1, 20, 0);
    assert_false(peer_wants_input(t->peer));
    assert_true(peer_wants_input(s->peer));
    open_room(s, SIZE_MAX);
    expect_numbers(s, 1, 20);
    assert_true(peer_wants_input(t->peer));
    done(&b);
}

static void a_blocking_session_that_goes_lets_publishers_go_on(void **state)
{
    (void)state;
    struct bench b;
    bench_slow(&b, SLOW_BLOCK, SLOW_DISCONNECT, 1000);
    struct tap *t = tap_open(&b), *s = slow_subscriber(&b, 0);
    publish_numbers(t, "n", 1, 20, 0);
    assert_false(peer_wants_input(t->peer));
    tap_close(s);
    assert_true(peer_wants_input(t->peer));
    done(&b);
}

static void qos_1_falls_behind_and_catches_up_with_nothing_lost(void **state)
{
    (void)state;
    struct bench b;
    bench_slow(&b, SLOW_DROP_OLDEST, SLOW_DISCONNECT, 1000);
    struct tap *t = tap_open(&b), *s = slow_subscriber(&b, 1);
    publish_numbers(t, "n", 1, 300, 0);
    for (int i = 0; i < 10; i++)
        open_room(s, 37);
    publish_numbers(t, "n", 301, 400, 0);
    open_room(s, SIZE_MAX);
    expect_numbers(s, 1, 400);
    assert_int_equal(s->f.item.dseq, 400); /* no dseq was given up */
    publish_numbers(t, "n", 401, 401, 0);
    expect_numbers(s, 401, 401);
    expect_nothing(s);
    done(&b);
}

static void what_left_the_log_costs_qos_1_its_session_or_a_gap(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct bench b;
        bench_slow(&b, SLOW_DROP_OLDEST, i ? SLOW_DROP_OLDEST : SLOW_DISCONNECT, 20);
        struct tap *t = tap_open(&b), *s = slow_subscriber(&b, 1);
        publish_numbers(t, "n", 1, 100, 0);
        open_room(s, SIZE_MAX);
        expect_numbers(s, 1, i == 0 ? 6 : 9);
        if (i == 0) {
            expect_end(s, NRP_CODE_SLOW_CONSUMER);
        } else {
            expect(s, NRP_GAP);
            assert_int_equal(s->f.gap.reason, NRP_GAP_RING);
            /* as wide as the loss can be at most: 71 items left the log */
            assert_int_equal(s->f.gap.last_dseq - s->f.gap.first_dseq + 1, 71);
            expect_numbers(s, 81, 100);
        }
        done(&b);
    }
}

static void no_more_than_the_window_is_given_before_an_ack(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    b.config.sender.window = 16;
    bench_open(&b);
    struct tap *t = tap_open(&b), *s = tap_open(&b);
    (void)subscribe(s, 1, "n", 1);
    publish_numbers(t, "n", 1, 40, 0);
    expect_numbers(s, 1, 16);
    expect_nothing(s);
    acknowledge(s, 99); /* of what was never given: no use */
    expect_nothing(s);
    acknowledge(s, 10);
    expect_numbers(s, 17, 26);
    expect_nothing(s);
    acknowledge(s, 26);
    expect_numbers(s, 27, 40);
    done(&b);
}

static void who_does_not_read_its_answers_is_cut_off(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_open(&b);
    struct tap *t = tap_open(&b);
    t->room = 0;
    for (int i = 0; i < 20000 && peer_wants_input(t->peer); i++)
        say(t, (struct nrp_frame){.type = NRP_PING});
    assert_false(peer_wants_input(t->peer));
    assert_true(hub_memory(b.hub) < 512 * 1024);
    for (int i = 0; i < 4; i++)
        later(&b, b.config.idle_us);
    assert_true(peer_over(t->peer));
    done(&b);
}

static void idle_sessions_keep_little_memory(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_open(&b);
    struct tap *t = tap_open(&b);
    size_t empty = hub_memory(b.hub);
    for (int i = 0; i < 10; i++)
        (void)subscribe(tap_open(&b), 1, "n", 1);
    publish_numbers(t, "n", 1, 100, 0);
    later(&b, 15 * SECOND);
    assert_true(hub_memory(b.hub) - empty < 10 * 2048);
    done(&b);
}

static void the_relays_own_word_is_retained(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_open(&b);
    struct tap *t = tap_open(&b);
    assert_false(hub_appended(b.hub));
    assert_true(hub_publish(b.hub, b.now, "newswire/relay/status", "up", 2));
    assert_true(hub_appended(b.hub));
    assert_false(hub_appended(b.hub));
    turn(&b);
    struct nrp_frame f = subscribe_frame(1, "newswire/relay/#", 0);
    f.subscribe.mode = NRP_MODE_RETAINED;
    say(t, f);
    expect(t, NRP_SUBACK);
    expect_item(t, "up");
    done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(items_travel_in_every_mode, forget_taps),
        cmocka_unit_test_setup(a_stream_may_come_byte_by_byte, forget_taps),
        cmocka_unit_test_setup(a_wrong_key_proof_or_cookie_ends_the_handshake, forget_taps),
        cmocka_unit_test_setup(an_auth_is_good_for_its_own_connection_alone, forget_taps),
        cmocka_unit_test_setup(what_a_hello_may_not_say_is_refused, forget_taps),
        cmocka_unit_test_setup(the_handshake_comes_first_and_once, forget_taps),
        cmocka_unit_test_setup(a_slow_handshake_and_an_unfinished_frame_time_out, forget_taps),
        cmocka_unit_test_setup(a_silent_peer_is_asked_three_times_and_cut_off, forget_taps),
        cmocka_unit_test_setup(frames_that_break_the_rules_end_the_session, forget_taps),
        cmocka_unit_test_setup(unknown_frames_from_80_on_are_passed_over, forget_taps),
        cmocka_unit_test_setup(a_changed_byte_in_a_secured_stream_ends_it, forget_taps),
        cmocka_unit_test_setup(overlapping_filters_bring_an_item_once, forget_taps),
        cmocka_unit_test_setup(the_first_subscription_fixes_the_qos, forget_taps),
        cmocka_unit_test_setup(subscriptions_are_checked_and_counted, forget_taps),
        cmocka_unit_test_setup(retained_records_come_first_and_flagged, forget_taps),
        cmocka_unit_test_setup(a_session_resumes_where_it_says, forget_taps),
        cmocka_unit_test_setup(going_back_for_one_filter_brings_nothing_twice_for_another,
                               forget_taps),
        cmocka_unit_test_setup(what_is_not_followed_yet_is_not_for_a_new_subscriber, forget_taps),
        cmocka_unit_test_setup(a_repeated_publication_is_answered_and_taken_once, forget_taps),
        cmocka_unit_test_setup(publications_are_refused_with_a_reason, forget_taps),
        cmocka_unit_test_setup(who_publishes_too_often_waits, forget_taps),
        cmocka_unit_test_setup(thousands_of_publications_in_one_read_are_all_answered, forget_taps),
        cmocka_unit_test_setup(looks_at_all_retained_items_are_spread_over_time, forget_taps),
        cmocka_unit_test_setup(nobody_unknown_makes_the_relay_wait_for_a_large_frame, forget_taps),
        cmocka_unit_test_setup(an_item_larger_than_the_limit_is_refused, forget_taps),
        cmocka_unit_test_setup(a_large_item_goes_through_in_every_mode, forget_taps),
        cmocka_unit_test_setup(publishers_wait_while_the_log_is_full, forget_taps),
        cmocka_unit_test_setup(a_will_is_published_unless_there_was_a_goodbye, forget_taps),
        cmocka_unit_test_setup(the_same_client_takes_over, forget_taps),
        cmocka_unit_test_setup(withdrawn_keys_end_their_sessions, forget_taps),
        cmocka_unit_test_setup(shutdown_drains_and_says_goodbye, forget_taps),
        cmocka_unit_test_setup(a_publication_during_shutdown_is_refused, forget_taps),
        cmocka_unit_test_setup(drop_oldest_loses_the_oldest_and_says_so, forget_taps),
        cmocka_unit_test_setup(drop_newest_loses_the_newest, forget_taps),
        cmocka_unit_test_setup(disconnect_ends_a_slow_session, forget_taps),
        cmocka_unit_test_setup(block_stops_the_publisher_and_loses_nothing, forget_taps),
        cmocka_unit_test_setup(a_blocking_session_that_goes_lets_publishers_go_on, forget_taps),
        cmocka_unit_test_setup(qos_1_falls_behind_and_catches_up_with_nothing_lost, forget_taps),
        cmocka_unit_test_setup(what_left_the_log_costs_qos_1_its_session_or_a_gap, forget_taps),
        cmocka_unit_test_setup(no_more_than_the_window_is_given_before_an_ack, forget_taps),
        cmocka_unit_test_setup(who_does_not_read_its_answers_is_cut_off, forget_taps),
        cmocka_unit_test_setup(idle_sessions_keep_little_memory, forget_taps),
        cmocka_unit_test_setup(the_relays_own_word_is_retained, forget_taps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
