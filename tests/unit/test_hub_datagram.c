#include "tests/unit/hub_bench.h"

/* ------------------------------------------------------------------------------------ Helpers */

struct end { /* a client's end, with its own address */
    struct bench *b;
    struct nrp_address at;
    struct credentials who;
    struct nrp_cipher *in, *out;
    uint64_t session_id, packets_out, last_in;
    bool heard_any;
    struct nrp_welcome welcome;
    struct nrp_auth auth;
    uint8_t got[2048]; /* the frames of the datagram that came last */
    size_t len, read;
    struct nrp_frame f;
    uint8_t raw[2048];
    size_t raw_len;
    struct end *other; /* who may get datagrams while this one waits; they are kept for it: */
    uint8_t kept[8][NRP_DATAGRAM_MAX];
    size_t kept_len[8];
    unsigned kept_count;
};

static struct end make_end(struct bench *b, struct credentials who)
{
    struct end e = {.b = b, .at = bench_address(who.name), .who = who};
    return e;
}

static void end_free(struct end *e)
{
    nrp_cipher_free(e->in);
    nrp_cipher_free(e->out);
}

static void send_raw(struct end *e, const uint8_t *bytes, size_t len)
{
    uint8_t *own = malloc(len ? len : 1);
    assert_non_null(own);
    memcpy(own, bytes, len);
    hub_datagram_input(e->b->hub, e->b->now, &e->at, own, len);
    free(own);
}

/* A datagram of these frames; its size. */
static size_t wrap(struct end *e, const struct nrp_frame *frames, size_t count, uint8_t *out)
{
    size_t len = NRP_DATAGRAM_HEADER;
    struct nrp_datagram d = {.flags = e->out ? NRP_DATAGRAM_SECURED : 0,
                             .session_id = e->session_id,
                             .packet_number = e->packets_out++};
    nrp_datagram_write(&d, out);
    for (size_t i = 0; i < count; i++)
        len += nrp_frame_write(&frames[i], out + len);
    if (!e->out) return len;
    size_t head = e->who.security == NRP_SEALED ? NRP_DATAGRAM_HEADER : len;
    assert_true(nrp_seal(e->out, d.packet_number, out, head, out + head, len - head, out + len));
    return len + NRP_DATAGRAM_TAG;
}

static void say(struct end *e, struct nrp_frame f)
{
    uint8_t bytes[2048];
    send_raw(e, bytes, wrap(e, &f, 1, bytes));
}

static void unwrap(struct end *e, const uint8_t *bytes, size_t len)
{
    struct nrp_datagram d;
    uint8_t copy[2048];
    memcpy(copy, bytes, len);
    assert_true(nrp_datagram_read(copy, len, &d));
    assert_true(len <= 1200);
    if (!(d.flags & NRP_DATAGRAM_HANDSHAKE)) {
        assert_int_equal(d.session_id, e->session_id);
        if (e->heard_any) assert_int_equal(d.packet_number, e->last_in + 1);
        e->heard_any = true;
        e->last_in = d.packet_number;
        assert_int_equal(d.flags, e->in ? NRP_DATAGRAM_SECURED : 0);
        if (e->in) {
            len -= NRP_DATAGRAM_TAG;
            size_t head = e->who.security == NRP_SEALED ? NRP_DATAGRAM_HEADER : len;
            assert_true(nrp_unseal(e->in, d.packet_number, copy, head, copy + head, len - head,
                                   copy + len));
        }
    }
    e->len = len - NRP_DATAGRAM_HEADER;
    e->read = 0;
    memcpy(e->got, copy + NRP_DATAGRAM_HEADER, e->len);
}

/* What went to the group instead. */
static struct {
    uint8_t last[2048];
    size_t len;
    unsigned count;
} group_heard;

/* The next datagram, with what goes to the group and the other one put aside. */
static size_t take(struct end *e, struct nrp_address *to)
{
    struct end *o = e->other;
    for (;;) {
        size_t len = hub_datagram(e->b->hub, e->b->now, e->raw, sizeof e->raw, to);
        if (len > 0 && to->ip[0] == 239) {
            memcpy(group_heard.last, e->raw, len);
            group_heard.len = len;
            group_heard.count++;
        } else if (len > 0 && o && memcmp(to, &o->at, sizeof *to) == 0) {
            assert_true(o->kept_count < COUNT(o->kept));
            memcpy(o->kept[o->kept_count], e->raw, len);
            o->kept_len[o->kept_count++] = len;
        } else {
            return len;
        }
    }
}

static bool receive_kept(struct end *e)
{
    if (e->kept_count == 0) return false;
    unwrap(e, e->kept[0], e->kept_len[0]);
    e->kept_count--;
    memmove(e->kept[0], e->kept[1], e->kept_count * sizeof e->kept[0]);
    memmove(e->kept_len, e->kept_len + 1, e->kept_count * sizeof *e->kept_len);
    return true;
}

/* Its next datagram: true. Others must not get any meanwhile, but for the group. */
static bool receive(struct end *e)
{
    struct nrp_address to;
    (void)hub_follow(e->b->hub, e->b->now);
    if (receive_kept(e)) return true;
    e->raw_len = take(e, &to);
    if (e->raw_len == 0) return false;
    assert_memory_equal(&to, &e->at, sizeof to);
    unwrap(e, e->raw, e->raw_len);
    return true;
}

/* The next frame; its type, 0: none. HEARTBEATs are passed over unless asked for. */
static unsigned hear_any(struct end *e)
{
    size_t size;
    if (e->read == e->len && !receive(e)) return 0;
    assert_int_equal(
        nrp_frame_read(e->got + e->read, e->len - e->read, 1 << 20, &e->f, &size, NULL), NRP_TAKEN);
    e->read += size;
    return e->f.type;
}

static unsigned hear(struct end *e)
{
    unsigned type;
    do {
        type = hear_any(e);
    } while (type == NRP_HEARTBEAT);
    return type;
}

static void expect(struct end *e, unsigned type)
{
    unsigned got = type == NRP_HEARTBEAT ? hear_any(e) : hear(e);
    if (got != type) fail_msg("%s instead of %s", nrp_type_name(got), nrp_type_name(type));
}

static void expect_item(struct end *e, const char *payload)
{
    expect(e, NRP_ITEM);
    assert_bytes(e->f.payload, e->f.payload_len, payload);
}

static void later(struct bench *b, int64_t us)
{
    b->now += us;
    hub_tick(b->hub, b->now);
}

static size_t handshake_datagram(const struct nrp_frame *f, uint8_t *out, size_t size)
{
    struct nrp_datagram d = {.flags = NRP_DATAGRAM_HANDSHAKE};
    memset(out, 0, size);
    nrp_datagram_write(&d, out);
    (void)nrp_frame_write(f, out + NRP_DATAGRAM_HEADER);
    return size;
}

static void say_handshake(struct end *e, const struct nrp_frame *f, size_t size)
{
    uint8_t bytes[2048];
    send_raw(e, bytes, handshake_datagram(f, bytes, size));
}

static void say_hello(struct end *e, size_t size)
{
    struct nrp_frame f = {.type = NRP_HELLO, .hello = hello_of(&e->who, e->who.name)};
    say_handshake(e, &f, size);
}

static void say_auth(struct end *e, size_t size)
{
    struct nrp_frame f = {.type = NRP_AUTH, .auth = e->auth};
    say_handshake(e, &f, size);
}

static void challenged(struct end *e, struct nrp_handshake_keys *keys)
{
    say_hello(e, NRP_HELLO_DATAGRAM);
    assert_true(receive(e));
    assert_int_equal(e->raw_len, 68);
    expect(e, NRP_CHALLENGE);
    e->auth = (struct nrp_auth){.hello = hello_of(&e->who, e->who.name),
                                .challenge = e->f.challenge};
    prove(&e->who, &e->auth, keys);
    e->len = e->read = 0;
}

static void welcomed(struct end *e, const struct nrp_handshake_keys *keys)
{
    expect(e, NRP_WELCOME);
    e->len = e->read = 0; /* zeros follow */
    e->welcome = e->f.welcome;
    e->session_id = e->welcome.session_id;
    if (e->who.security == NRP_OPEN || e->in) return;
    e->out = nrp_cipher_new(keys, e->who.security, NRP_TO_RELAY, e->session_id, e->welcome.epoch);
    e->in = nrp_cipher_new(keys, e->who.security, NRP_TO_CLIENT, e->session_id, e->welcome.epoch);
    assert_true(e->in && e->out);
}

static struct end open_end(struct bench *b, struct credentials who)
{
    struct nrp_handshake_keys keys = {0};
    struct end e = make_end(b, who);
    challenged(&e, &keys);
    say_auth(&e, NRP_DATAGRAM_MAX);
    welcomed(&e, &keys);
    assert_int_equal(e.raw_len, NRP_DATAGRAM_MAX);
    return e;
}

static const struct credentials modes[] = {
    {.security = NRP_OPEN, .name = 1},
    {.security = NRP_AUTHENTICATED, .key_id = 1, .secret = 1, .name = 1},
    {.security = NRP_SEALED, .key_id = 1, .secret = 1, .name = 1},
};

static void subscribe(struct end *e, uint32_t id, const char *filter, int qos)
{
    say(e, subscribe_frame(id, filter, qos));
    expect(e, NRP_SUBACK);
    assert_int_equal(e->f.suback.request_id, id);
    assert_int_equal(e->f.suback.status, 0);
}

/* ---------------------------------------------------------------------------------- Handshake */

static void items_travel_in_every_mode(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(modes); i++) {
        struct bench b;
        bench_init(&b);
        bench_open(&b);
        struct end e = open_end(&b, modes[i]);
        assert_int_equal(e.welcome.datagram_max, NRP_DATAGRAM_MAX);
        assert_int_equal(e.welcome.lease_ms, 30000);
        subscribe(&e, 1, "news/#", 1);
        say(&e, publish_frame(1, "news/a", "x", NRP_FLAG_ACK));
        expect(&e, NRP_PUBACK);
        assert_int_equal(e.f.puback.iseq, 1);
        expect_item(&e, "x");
        assert_int_equal(e.f.item.dseq, 1);
        assert_int_equal(hear(&e), 0);
        assert_int_equal(hub_counts(b.hub)->sessions_datagram, 1);
        end_free(&e);
        bench_close(&b);
    }
}

static void nothing_is_kept_or_said_before_a_cookie_comes_back(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_open(&b);
    struct end e = make_end(&b, modes[0]);
    size_t memory = hub_memory(b.hub);
    say_hello(&e, 64 + 8);
    say_hello(&e, NRP_HELLO_DATAGRAM - 1);
    assert_false(receive(&e));
    for (int i = 0; i < 1000; i++)
        say_hello(&e, NRP_HELLO_DATAGRAM);
    assert_int_equal(hub_memory(b.hub), memory);
    unsigned answers = 0;
    for (; receive(&e); answers++)
        assert_true(e.raw_len <= NRP_HELLO_DATAGRAM);
    assert_true(answers > 0 && answers <= 256);
    assert_true(hub_is_empty(b.hub));
    bench_close(&b);
}

static void answers_are_never_larger_than_their_questions(void **state)
{
    (void)state;
    static const size_t sizes[] = {NRP_DATAGRAM_MIN - 1, NRP_DATAGRAM_MIN, 1024, 1200, 1500};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct bench b;
        struct nrp_handshake_keys keys = {0};
        bench_init(&b);
        bench_open(&b);
        struct end e = make_end(&b, modes[0]);
        challenged(&e, &keys);
        say_auth(&e, sizes[i]);
        struct nrp_address to;
        size_t len = hub_datagram(b.hub, b.now, e.raw, sizeof e.raw, &to);
        assert_int_equal(len, sizes[i] < NRP_DATAGRAM_MIN ? 0 : sizes[i]);
        bench_close(&b);
    }
}

static void a_wrong_proof_cookie_or_address_gets_a_hint_alone(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct bench b;
        struct nrp_handshake_keys keys = {0};
        bench_init(&b);
        bench_open(&b);
        struct end e = make_end(&b, modes[2]);
        challenged(&e, &keys);
        if (i == 0) e.auth.proof[0] ^= 1;
        if (i == 1) e.auth.challenge.cookie[20] ^= 1;
        if (i == 2) e.at = bench_address(99);
        say_auth(&e, NRP_DATAGRAM_MAX);
        expect(&e, NRP_ERROR);
        /* Of a cookie nothing follows about the key. */
        assert_int_equal(e.f.notice.code, i ? NRP_CODE_TIMEOUT : NRP_CODE_AUTHENTICATION);
        assert_true(hub_is_empty(b.hub));
        bench_close(&b);
    }
}

static void a_repeated_auth_gets_the_same_welcome(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_open(&b);
    struct end e = open_end(&b, modes[2]), other = make_end(&b, modes[2]);
    uint8_t first[2048];
    memcpy(first, e.raw, e.raw_len);
    hub_publish(b.hub, b.now, "newswire/relay/x", "y", 1); /* last_iseq is another now */
    say_auth(&e, NRP_DATAGRAM_MAX);
    assert_true(receive(&e));
    assert_int_equal(e.raw_len, NRP_DATAGRAM_MAX);
    assert_memory_equal(e.raw, first, e.raw_len);
    e.len = e.read = 0;
    assert_int_equal(hub_counts(b.hub)->sessions_datagram, 1);
    /* After the session's end it makes another one, with other keys. */
    say(&e, (struct nrp_frame){.type = NRP_GOODBYE});
    assert_false(receive(&e));
    assert_true(hub_is_empty(b.hub));
    other.auth = e.auth;
    say_auth(&other, NRP_DATAGRAM_MAX);
    expect(&other, NRP_WELCOME);
    assert_int_not_equal(other.f.welcome.session_id, e.session_id);
    end_free(&e);
    bench_close(&b);
}

static void a_smaller_repeated_auth_makes_the_session_smaller(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(modes); i++) {
        struct bench b;
        struct nrp_handshake_keys keys = {0};
        uint8_t proof[NRP_PROOF_SIZE] = {0};
        bench_init(&b);
        bench_open(&b);
        struct end e = make_end(&b, modes[i]);
        challenged(&e, &keys);
        say_auth(&e, NRP_DATAGRAM_MAX);
        assert_true(receive(&e)); /* as if it were lost */
        say_auth(&e, 1024);
        assert_true(receive(&e));
        assert_int_equal(e.raw_len, 1024);
        welcomed(&e, &keys);
        assert_int_equal(e.welcome.datagram_max, 1024);
        if (i > 0) nrp_welcome_proof(&keys, &e.auth, &e.welcome, proof);
        assert_memory_equal(proof, e.welcome.proof, sizeof proof);
        subscribe(&e, 1, "news/#", 1);
        char large[3000] = {0};
        memset(large, 'x', sizeof large - 1);
        hub_publish(b.hub, b.now, "news/a", large, sizeof large - 1);
        while (receive(&e)) {
            assert_true(e.raw_len <= 1024);
            e.len = e.read = 0;
        }
        say_auth(&e, NRP_DATAGRAM_MIN); /* it is in use: somebody says it again */
        assert_true(receive(&e));
        expect(&e, NRP_WELCOME);
        assert_int_equal(e.f.welcome.datagram_max, 1024);
        end_free(&e);
        bench_close(&b);
    }
}

static void the_same_client_takes_over(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_open(&b);
    struct end old = open_end(&b, modes[0]), new = make_end(&b, modes[0]);
    struct nrp_handshake_keys keys = {0};
    new.at = old.at;
    new.at.port++;
    challenged(&new, &keys);
    say_auth(&new, NRP_DATAGRAM_MAX);
    welcomed(&new, &keys);
    expect(&old, NRP_GOODBYE);
    assert_int_equal(old.f.notice.code, NRP_CODE_TAKEN_OVER);
    assert_int_equal(hub_counts(b.hub)->sessions_datagram, 1);
    bench_close(&b);
}

/* ------------------------------------------------------------------------------------ Sessions */

static void replayed_and_foreign_datagrams_are_dropped(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(modes); i++) {
        struct bench b;
        uint8_t bytes[512];
        bench_init(&b);
        bench_open(&b);
        struct end e = open_end(&b, modes[i]);
        struct nrp_frame f = {.type = NRP_PING, .token = 5};
        size_t len = wrap(&e, &f, 1, bytes);
        send_raw(&e, bytes, len);
        expect(&e, NRP_PONG);
        assert_int_equal(e.f.token, 5);
        expect(&e, NRP_HEARTBEAT);
        send_raw(&e, bytes, len);
        assert_int_equal(hear_any(&e), 0);
        assert_int_equal(hub_counts(b.hub)->replays, 1);
        struct nrp_address own = e.at;
        e.at = bench_address(77);
        send_raw(&e, bytes, wrap(&e, &f, 1, bytes));
        e.at = own;
        len = wrap(&e, &f, 1, bytes);
        bytes[3] ^= NRP_DATAGRAM_SECURED;
        send_raw(&e, bytes, len);
        assert_int_equal(hear_any(&e), 0);
        assert_int_equal(hub_counts(b.hub)->bad_datagrams, 2);
        if (i > 0) {
            len = wrap(&e, &f, 1, bytes);
            bytes[len - 1] ^= 1;
            send_raw(&e, bytes, len);
            assert_int_equal(hub_counts(b.hub)->auth_failures, 1);
            bytes[len - 1] ^= 1; /* the number was not used up by it */
            send_raw(&e, bytes, len);
            expect(&e, NRP_PONG);
        }
        end_free(&e);
        bench_close(&b);
    }
}

static void a_session_without_a_word_ends_with_its_lease(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_open(&b);
    struct end e = open_end(&b, modes[0]), watch = open_end(&b, (struct credentials){.name = 2});
    subscribe(&watch, 1, "news/#", 0);
    say(&e, publish_frame(1, "news/will", "gone", NRP_FLAG_WILL | NRP_FLAG_ACK));
    expect(&e, NRP_PUBACK);
    later(&b, 20 * SECOND);
    say(&e, (struct nrp_frame){.type = NRP_PING});
    say(&watch, (struct nrp_frame){.type = NRP_PING});
    expect(&e, NRP_PONG);
    expect(&e, NRP_HEARTBEAT);
    expect(&watch, NRP_PONG);
    expect(&watch, NRP_HEARTBEAT);
    later(&b, 20 * SECOND);
    say(&watch, (struct nrp_frame){.type = NRP_PING});
    expect(&watch, NRP_PONG);
    assert_int_equal(hub_counts(b.hub)->sessions_datagram, 2);
    expect(&watch, NRP_HEARTBEAT);
    later(&b, 10 * SECOND);
    assert_int_equal(hub_counts(b.hub)->sessions_datagram, 1);
    expect_item(&watch, "gone");
    assert_true(hub_deadline(b.hub) > b.now);
    bench_close(&b);
}

static void repeated_requests_are_answered_again(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_open(&b);
    struct end e = open_end(&b, modes[0]);
    subscribe(&e, 1, "n", 1);
    struct nrp_suback first = e.f.suback;
    say(&e, publish_frame(1, "n", "x", NRP_FLAG_ACK));
    expect(&e, NRP_PUBACK);
    expect_item(&e, "x");
    subscribe(&e, 1, "n", 1);
    assert_int_equal(e.f.suback.start_iseq, first.start_iseq);
    assert_int_equal(e.f.suback.first_dseq, first.first_dseq);
    say(&e, publish_frame(1, "n", "x", NRP_FLAG_ACK | NRP_FLAG_DUP));
    expect(&e, NRP_PUBACK);
    assert_int_equal(e.f.puback.status, 0);
    assert_int_equal(hear(&e), 0);
    bench_close(&b);
}

static void what_was_lost_is_sent_again_when_asked_for(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_open(&b);
    struct end e = open_end(&b, modes[2]);
    subscribe(&e, 1, "news/#", 1);
    say(&e, publish_frame(1, "news/a", "x", 0));
    expect_item(&e, "x");
    later(&b, SECOND);
    uint8_t payload[10];
    struct nrp_range range = {.first = 1, .count = 1};
    size_t len = nrp_ranges_write(&range, 1, payload);
    say(&e, (struct nrp_frame){.type = NRP_NAK, .payload = payload, .payload_len = len});
    expect_item(&e, "x");
    assert_int_equal(e.f.item.flags & NRP_FLAG_RESENT, NRP_FLAG_RESENT);
    assert_int_equal(hub_counts(b.hub)->resent, 1);
    assert_int_equal(hub_counts(b.hub)->delivered, 1);
    end_free(&e);
    bench_close(&b);
}

static void an_idle_session_that_acknowledged_falls_silent(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_open(&b);
    struct end e = open_end(&b, modes[0]);
    subscribe(&e, 1, "n", 1);
    say(&e, publish_frame(1, "n", "x", 0));
    expect_item(&e, "x");
    say(&e, (struct nrp_frame){.type = NRP_ACK, .cum_dseq = 1});
    assert_int_equal(hear_any(&e), 0);
    unsigned beats = 0;
    int64_t start = b.now;
    while (b.now < start + 25 * SECOND) {
        int64_t at = hub_deadline(b.hub);
        if (at > start + 25 * SECOND) break;
        later(&b, at - b.now);
        while (hear_any(&e))
            beats++;
        assert_true(hub_deadline(b.hub) > b.now);
    }
    if (beats < 6 || beats > 39) fail_msg("%u until %lld", beats, (long long)(b.now - start));
    assert_true(b.now < start + 12 * SECOND);
    bench_close(&b);
}

/* ----------------------------------------------------------------------------------- Fragments */

static void say_fragment(struct end *e, uint64_t id, const char *topic, const uint8_t *body,
                         size_t len, unsigned index, unsigned count, uint8_t flags)
{
    size_t room = nrp_fragment_room(NRP_DATAGRAM_MAX), from = index * room;
    size_t part = index + 1 == count ? len - from : room;
    size_t skip = index == 0 ? strlen(topic) : 0; /* body begins with the topic */
    say(e, (struct nrp_frame){.type = NRP_PUBLISH,
                              .topic = body,
                              .topic_len = (uint16_t)skip,
                              .payload = body + from + skip,
                              .payload_len = part - skip,
                              .publish = {.publish_id = id,
                                          .fragment = (uint8_t)index,
                                          .fragment_count = (uint8_t)count,
                                          .flags = flags}});
}

static void fragments_make_one_publication_in_any_order(void **state)
{
    (void)state;
    struct bench b;
    static uint8_t body[3000];
    bench_init(&b);
    bench_open(&b);
    struct end e = open_end(&b, modes[0]);
    subscribe(&e, 1, "n/+", 1);
    memset(body, 'x', sizeof body);
    memcpy(body, "n/1", 3);
    body[2999] = 'y';
    say_fragment(&e, 1, "n/1", body, sizeof body, 2, 3, NRP_FLAG_ACK);
    say_fragment(&e, 1, "n/1", body, sizeof body, 0, 3, NRP_FLAG_ACK);
    say_fragment(&e, 1, "n/1", body, sizeof body, 0, 3, NRP_FLAG_ACK | NRP_FLAG_DUP);
    assert_int_equal(hear(&e), 0);
    say_fragment(&e, 1, "n/1", body, sizeof body, 1, 3, NRP_FLAG_ACK);
    expect(&e, NRP_PUBACK);
    assert_int_equal(e.f.puback.iseq, 1);
    uint8_t again[3000];
    size_t len = 0;
    for (unsigned i = 0; i < 3; i++) {
        expect(&e, NRP_ITEM);
        assert_int_equal(e.f.item.fragment, i);
        assert_int_equal(e.f.item.fragment_count, 3);
        assert_int_equal(e.f.item.dseq, 1 + i);
        if (e.f.topic_len) memcpy(again + len, e.f.topic, e.f.topic_len);
        len += e.f.topic_len;
        memcpy(again + len, e.f.payload, e.f.payload_len);
        len += e.f.payload_len;
    }
    assert_int_equal(len, sizeof body);
    assert_memory_equal(again, body, len);
    bench_close(&b);
}

static void unfinished_publications_are_few_and_forgotten(void **state)
{
    (void)state;
    struct bench b;
    static uint8_t body[3000];
    bench_init(&b);
    bench_open(&b);
    struct end e = open_end(&b, modes[0]);
    size_t memory = hub_memory(b.hub), room = 3 * nrp_fragment_room(NRP_DATAGRAM_MAX);
    memcpy(body, "n/1", 3);
    for (uint64_t id = 1; id <= 10; id++)
        say_fragment(&e, id, "n/1", body, sizeof body, 0, 3, 0);
    assert_true(hub_memory(b.hub) <= memory + 4 * room);
    assert_true(hub_memory(b.hub) > memory);
    (void)hear(&e);
    later(&b, 10 * SECOND);
    assert_int_equal(hub_memory(b.hub), memory);
    bench_close(&b);
}

static void a_publication_too_big_in_fragments_is_refused(void **state)
{
    (void)state;
    struct bench b;
    static uint8_t body[70000];
    bench_init(&b);
    b.config.item_max = 10000;
    bench_open(&b);
    struct end e = open_end(&b, modes[0]);
    memcpy(body, "n/1", 3);
    size_t memory = hub_memory(b.hub);
    say_fragment(&e, 1, "n/1", body, sizeof body, 1, 60, NRP_FLAG_ACK);
    say_fragment(&e, 1, "n/1", body, sizeof body, 0, 60, NRP_FLAG_ACK);
    expect(&e, NRP_PUBACK);
    assert_int_equal(e.f.puback.status, NRP_CODE_TOO_BIG);
    assert_int_equal(hub_memory(b.hub), memory);
    bench_close(&b);
}

static void an_item_of_too_many_fragments_is_a_gap(void **state)
{
    (void)state;
    struct bench b;
    static char payload[100 * 1024];
    bench_init(&b);
    bench_open(&b);
    struct end e = open_end(&b, modes[0]);
    subscribe(&e, 1, "newswire/relay/#", 1);
    memset(payload, 'x', sizeof payload);
    assert_true(hub_publish(b.hub, b.now, "newswire/relay/x", payload, sizeof payload));
    expect(&e, NRP_GAP);
    assert_int_equal(e.f.gap.reason, NRP_GAP_TOO_BIG);
    assert_int_equal(e.f.gap.first_dseq, 1);
    assert_int_equal(e.f.gap.last_dseq, 1);
    assert_int_equal(hear(&e), 0);
    bench_close(&b);
}

/* ------------------------------------------------------------------------------ Many, and ends */

static void qos_1_falls_behind_and_catches_up_with_nothing_lost(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    b.config.queue_qos1.items_max = 8;
    b.config.sender.window = 16;
    b.config.sender.rate_cap = 0;
    bench_open(&b);
    struct end e = open_end(&b, modes[0]);
    subscribe(&e, 1, "#", 1);
    char payload[16];
    for (int i = 1; i <= 200; i++) {
        int len = snprintf(payload, sizeof payload, "%d", i);
        assert_true(hub_publish(b.hub, b.now, "newswire/relay/x", payload, (size_t)len));
        while (hub_follow(b.hub, b.now)) {
        }
    }
    for (int i = 1; i <= 200; i++) {
        (void)snprintf(payload, sizeof payload, "%d", i);
        unsigned type = hear(&e);
        if (type == 0) {
            say(&e, (struct nrp_frame){.type = NRP_ACK, .cum_dseq = (uint64_t)(i - 1)});
            later(&b, SECOND / 100);
            type = hear(&e);
        }
        assert_int_equal(type, NRP_ITEM);
        assert_int_equal(e.f.item.dseq, i);
        assert_bytes(e.f.payload, e.f.payload_len, payload);
    }
    bench_close(&b);
}

static void sessions_take_turns(void **state)
{
    (void)state;
    struct bench b;
    struct end ends[3];
    uint8_t out[2048];
    static char payload[500];
    bench_init(&b);
    bench_open(&b);
    for (uint8_t i = 0; i < 3; i++) {
        ends[i] = open_end(&b, (struct credentials){.name = (uint8_t)(10 + i)});
        subscribe(&ends[i], 1, "#", 0);
    }
    memset(payload, 'x', sizeof payload);
    for (int i = 0; i < 12; i++)
        (void)hub_publish(b.hub, b.now, "newswire/relay/x", payload, sizeof payload);
    (void)hub_follow(b.hub, b.now);
    struct nrp_address to[9];
    for (int i = 0; i < 9; i++) {
        assert_true(hub_datagram(b.hub, b.now, out, sizeof out, &to[i]) > 1000); /* two in each */
        if (i >= 3) assert_int_equal(to[i].port, to[i - 3].port);
    }
    assert_true(to[0].port != to[1].port && to[1].port != to[2].port && to[2].port != to[0].port);
    bench_close(&b);
}

static void shutdown_waits_for_acks_and_says_goodbye(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_open(&b);
    struct end e = open_end(&b, modes[0]);
    subscribe(&e, 1, "n", 1);
    say(&e, publish_frame(1, "n", "x", 0));
    hub_shutdown(b.hub, b.now);
    expect_item(&e, "x");
    assert_int_equal(hear(&e), 0);
    say(&e, (struct nrp_frame){.type = NRP_ACK, .cum_dseq = 1});
    expect(&e, NRP_GOODBYE);
    assert_int_equal(e.f.notice.code, NRP_CODE_SHUTTING_DOWN);
    assert_true(hub_is_empty(b.hub));
    e = make_end(&b, modes[0]);
    say_hello(&e, NRP_HELLO_DATAGRAM);
    expect(&e, NRP_ERROR);
    assert_int_equal(e.f.notice.code, NRP_CODE_SHUTTING_DOWN);
    bench_close(&b);
}

static void who_does_not_acknowledge_is_cut_off_at_shutdown(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_open(&b);
    struct end e = open_end(&b, modes[0]);
    subscribe(&e, 1, "n", 1);
    say(&e, publish_frame(1, "n", "x", 0));
    expect_item(&e, "x");
    hub_shutdown(b.hub, b.now);
    later(&b, 2 * SECOND);
    assert_true(hub_is_empty(b.hub));
    bench_close(&b);
}

static void the_hubs_defaults_for_senders_are_the_senders(void **state)
{
    (void)state;
    assert_memory_equal(&hub_defaults.sender, &sender_defaults, sizeof sender_defaults);
}

/* ---------------------------------------------------------------------------------- Multicast */

static void bench_with_group(struct bench *b, bool sealed)
{
    bench_init(b);
    b->config.group = (struct group_config){
        .on = true,
        .address = {.family = 4, .ip = {239, 77, 0, 1}, .port = 7789},
        .filter = "news/#",
        .sealed = sealed,
    };
    memset(&group_heard, 0, sizeof group_heard);
    bench_open(b);
}

static struct credentials member(bool sealed, uint8_t name)
{
    return sealed ? (struct credentials){.security = NRP_SEALED,
                                         .key_id = 1,
                                         .secret = 1,
                                         .name = name}
                  : (struct credentials){.name = name};
}

static struct nrp_group asked(struct end *e, enum nrp_join_step step, uint64_t id)
{
    say(e, (struct nrp_frame){.type = NRP_JOIN, .join = {.group_id = id, .step = (uint8_t)step}});
    expect(e, NRP_GROUP);
    return e->f.group;
}

static struct nrp_group joined(struct end *e)
{
    struct nrp_group g = asked(e, NRP_JOIN_ASK, 0);
    assert_int_equal(g.status, NRP_GROUP_OFFERED);
    assert_int_equal(asked(e, NRP_JOIN_HEARS, g.group_id).status, NRP_GROUP_JOINED);
    return g;
}

/* The group's last datagram with this key: its first frame. */
static struct nrp_frame group_frame(const struct bench *b, const struct nrp_group *g, bool sealed)
{
    struct nrp_datagram d;
    struct nrp_frame f;
    size_t size, len = group_heard.len;
    uint8_t *at = group_heard.last;
    assert_true(nrp_datagram_read(at, len, &d));
    assert_int_equal(d.session_id, g->group_id);
    assert_int_equal(d.packet_number, group_heard.count - 1);
    assert_int_equal(d.flags, NRP_DATAGRAM_MULTICAST | (sealed ? NRP_DATAGRAM_SECURED : 0));
    if (sealed) {
        struct nrp_handshake_keys keys = {0};
        memcpy(keys.prk, g->key, sizeof g->key);
        struct nrp_cipher *c = nrp_cipher_new(&keys, NRP_SEALED, NRP_TO_CLIENT, g->group_id,
                                              relay_log_epoch(b->log));
        len -= NRP_DATAGRAM_TAG;
        assert_true(nrp_unseal(c, d.packet_number, at, NRP_DATAGRAM_HEADER,
                               at + NRP_DATAGRAM_HEADER, len - NRP_DATAGRAM_HEADER, at + len));
        nrp_cipher_free(c);
    }
    assert_int_equal(nrp_frame_read(at + NRP_DATAGRAM_HEADER, len - NRP_DATAGRAM_HEADER, 1 << 20,
                                    &f, &size, NULL),
                     NRP_TAKEN);
    return f;
}

static void items_go_to_the_group_once_and_are_named_to_each(void **state)
{
    (void)state;
    for (int sealed = 0; sealed < 2; sealed++) {
        struct bench b;
        uint8_t digest[NRP_DIGEST_SIZE], bytes[200];
        bench_with_group(&b, sealed);
        struct end one = open_end(&b, member(sealed, 1)), two = open_end(&b, member(sealed, 2));
        one.other = &two;
        two.other = &one;
        subscribe(&one, 1, "news/#", 1);
        subscribe(&two, 1, "news/a", 0);
        struct nrp_group g = joined(&one);
        assert_true(joined(&two).group_id == g.group_id);
        assert_int_equal(hub_counts(b.hub)->group_members, 2);
        say(&one, publish_frame(1, "news/a", "x", NRP_FLAG_ACK));
        unsigned before = group_heard.count;
        expect(&one, NRP_PUBACK);
        expect(&two, NRP_SHARED);
        assert_int_equal(two.f.shared.item.dseq, 1);
        expect(&one, NRP_SHARED);
        assert_int_equal(group_heard.count, before + 1);
        struct nrp_frame body = group_frame(&b, &g, sealed);
        assert_int_equal(body.type, NRP_ITEM);
        assert_true(body.item.dseq == 0 && body.item.iseq == 1 && body.item.flags == 0);
        assert_bytes(body.payload, body.payload_len, "x");
        nrp_digest(bytes, nrp_frame_write(&body, bytes), digest);
        assert_memory_equal(one.f.shared.digest, digest, sizeof digest);
        assert_memory_equal(two.f.shared.digest, digest, sizeof digest);
        const struct nrp_item *i = &one.f.shared.item;
        assert_true(i->dseq == 1 && i->iseq == 1 && i->fragment_count == 1 &&
                    i->flags == NRP_FLAG_ACK);
        assert_int_equal(hub_counts(b.hub)->shared, 2);
        assert_int_equal(hub_counts(b.hub)->group_bodies, 1);
        assert_int_equal(hub_counts(b.hub)->delivered, 2);
        end_free(&one);
        end_free(&two);
        bench_close(&b);
    }
}

static void what_the_group_did_not_bring_is_sent_again_to_the_one(void **state)
{
    (void)state;
    struct bench b;
    uint8_t ranges[10];
    bench_with_group(&b, false);
    struct end one = open_end(&b, member(false, 1)), two = open_end(&b, member(false, 2));
    one.other = &two;
    two.other = &one;
    subscribe(&one, 1, "news/#", 1);
    subscribe(&two, 1, "news/#", 1);
    joined(&one);
    joined(&two);
    hub_publish(b.hub, b.now, "news/a", "x", 1);
    expect(&one, NRP_SHARED);
    expect(&two, NRP_SHARED);
    unsigned before = group_heard.count;
    nrp_ranges_write(&(struct nrp_range){1, 1}, 1, ranges);
    say(&two, (struct nrp_frame){.type = NRP_NAK, .payload = ranges, .payload_len = 10});
    expect_item(&two, "x");
    assert_true(two.f.item.dseq == 1 && two.f.item.flags & NRP_FLAG_RESENT);
    assert_int_equal(group_heard.count, before);
    bench_close(&b);
}

static void one_alone_and_other_topics_are_served_as_ever(void **state)
{
    (void)state;
    struct bench b;
    bench_with_group(&b, false);
    struct end one = open_end(&b, member(false, 1)), two = open_end(&b, member(false, 2));
    one.other = &two;
    two.other = &one;
    subscribe(&one, 1, "#", 1);
    joined(&one);
    hub_publish(b.hub, b.now, "news/a", "only one", 8);
    expect_item(&one, "only one");
    subscribe(&two, 1, "#", 1);
    hub_publish(b.hub, b.now, "news/a", "two not in it", 13);
    expect_item(&one, "two not in it");
    expect_item(&two, "two not in it");
    joined(&two);
    hub_publish(b.hub, b.now, "other/a", "not its topic", 13);
    expect_item(&two, "not its topic");
    expect_item(&one, "not its topic");
    hub_publish(b.hub, b.now, "news/a", "x", 1);
    expect(&two, NRP_SHARED);
    expect(&one, NRP_SHARED);
    assert_int_equal(asked(&two, NRP_JOIN_LEAVE, 0).status, NRP_GROUP_OVER);
    hub_publish(b.hub, b.now, "news/a", "left", 4);
    expect_item(&one, "left");
    expect_item(&two, "left");
    assert_int_equal(hub_counts(b.hub)->group_bodies, 1);
    assert_int_equal(hub_counts(b.hub)->group_members, 1);
    say(&one, (struct nrp_frame){.type = NRP_GOODBYE});
    assert_int_equal(hub_counts(b.hub)->group_members, 0);
    bench_close(&b);
}

/* Its key opens what all members get: so it is told to nobody in clear, nor to anybody who may
 * not subscribe to all of it. */
static void the_key_is_told_in_sealed_sessions_that_may_read_it_all(void **state)
{
    (void)state;
    static const struct {
        struct credentials who;
        bool sealed, no_group;
        uint8_t status;
    } cases[] = {
        {{.security = NRP_OPEN, .name = 1}, true, false, 0x80 + NRP_CODE_NOT_AUTHORISED},
        {{.security = NRP_AUTHENTICATED, .key_id = 1, .secret = 1, .name = 1},
         true,
         false,
         0x80 + NRP_CODE_NOT_AUTHORISED},
        {{.security = NRP_SEALED, .key_id = 2, .secret = 2, .name = 1},
         true,
         false,
         0x80 + NRP_CODE_NOT_AUTHORISED},
        {{.security = NRP_SEALED, .key_id = 1, .secret = 1, .name = 1, .role = NRP_ROLE_PUBLISH},
         true,
         false,
         0x80 + NRP_CODE_NOT_AUTHORISED},
        {{.security = NRP_SEALED, .key_id = 1, .secret = 1, .name = 1},
         false,
         false,
         0x80 + NRP_CODE_NOT_AUTHORISED},
        {{.security = NRP_SEALED, .key_id = 1, .secret = 1, .name = 1}, true, false, 0},
        {{.security = NRP_OPEN, .name = 1}, false, false, 0},
        {{.security = NRP_OPEN, .name = 1}, false, true, NRP_GROUP_OVER},
    };
    static const uint8_t zeros[NRP_GROUP_KEY];
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bench b;
        bench_with_group(&b, cases[i].sealed);
        if (cases[i].no_group) {
            bench_close(&b);
            bench_init(&b);
            bench_open(&b);
        }
        struct end e = open_end(&b, cases[i].who);
        struct nrp_group g = asked(&e, NRP_JOIN_ASK, 0);
        assert_int_equal(g.status, cases[i].status);
        bool told = memcmp(g.key, zeros, sizeof zeros) != 0;
        assert_int_equal(told, cases[i].sealed && cases[i].status == NRP_GROUP_OFFERED);
        if (g.status != NRP_GROUP_OFFERED) /* nor can it be joined without being told */
            assert_int_equal(asked(&e, NRP_JOIN_HEARS, g.group_id).status, NRP_GROUP_OVER);
        end_free(&e);
        bench_close(&b);
    }
}

static void smaller_datagrams_cannot_join(void **state)
{
    (void)state;
    struct bench b;
    struct nrp_handshake_keys keys = {0};
    bench_with_group(&b, false);
    struct end e = make_end(&b, member(false, 1));
    challenged(&e, &keys);
    say_auth(&e, 600);
    welcomed(&e, &keys);
    assert_int_equal(asked(&e, NRP_JOIN_ASK, 0).status, 0x80 + NRP_CODE_TOO_BIG);
    say(&e, (struct nrp_frame){.type = NRP_JOIN, .join = {.step = 3}});
    assert_int_equal(hear(&e), 0);
    assert_int_equal(hub_counts(b.hub)->bad_frames, 1);
    bench_close(&b);
}

static void the_group_says_every_second_that_it_is_there_while_somebody_listens(void **state)
{
    (void)state;
    struct bench b;
    bench_with_group(&b, true);
    struct end e = open_end(&b, member(true, 1));
    for (int i = 0; i < 5; i++) {
        later(&b, SECOND);
        (void)hear(&e);
    }
    assert_int_equal(group_heard.count, 0);
    struct nrp_group g = asked(&e, NRP_JOIN_ASK, 0);
    for (unsigned i = 1; i < 5; i++) {
        assert_true(hub_deadline(b.hub) <= b.now + SECOND);
        later(&b, i == 1 ? 0 : SECOND);
        (void)hear(&e);
        assert_int_equal(group_heard.count, i);
        assert_int_equal(group_frame(&b, &g, true).type, NRP_HEARTBEAT);
    }
    assert_int_equal(asked(&e, NRP_JOIN_LEAVE, g.group_id).status, NRP_GROUP_OVER);
    later(&b, SECOND);
    (void)hear(&e);
    assert_int_equal(group_heard.count, 4);
    end_free(&e);
    bench_close(&b);
}

/* Who was in it and may not any more has the key still. */
static void a_withdrawn_key_makes_another_group(void **state)
{
    (void)state;
    static const char others[] =
        "1 0101010101010101010101010101010101010101010101010101010101010101 subscribe=news/#\n";
    struct bench b;
    bench_with_group(&b, true);
    guard_replace_keys(
        b.guard,
        bench_read_keys(
            "1 0101010101010101010101010101010101010101010101010101010101010101 subscribe=news/#\n"
            "2 0202020202020202020202020202020202020202020202020202020202020202 "
            "subscribe=news/#\n"));
    struct end one = open_end(&b, member(true, 1));
    struct end two = open_end(
        &b, (struct credentials){.security = NRP_SEALED, .key_id = 2, .secret = 2, .name = 2});
    one.other = &two;
    two.other = &one;
    struct nrp_group old = joined(&one);
    joined(&two);
    guard_replace_keys(b.guard, bench_read_keys(others));
    hub_keys_changed(b.hub, b.now);
    assert_int_equal(hub_counts(b.hub)->group_members, 0);
    expect(&two, NRP_ERROR);
    expect(&two, NRP_GOODBYE);
    expect(&one, NRP_GROUP);
    assert_int_equal(one.f.group.status, NRP_GROUP_OVER);
    struct nrp_group now = joined(&one);
    assert_true(now.group_id != old.group_id);
    assert_memory_not_equal(now.key, old.key, sizeof old.key);
    end_free(&one);
    end_free(&two);
    bench_close(&b);
}

/* There is no feedback of one receiver that could hold a group back: what is beyond its rate goes
 * to each at his own. */
static void what_is_beyond_the_rate_does_not_go_to_the_group(void **state)
{
    (void)state;
    static char payload[1000];
    struct bench b;
    bench_with_group(&b, false);
    struct end one = open_end(&b, member(false, 1)), two = open_end(&b, member(false, 2));
    one.other = &two;
    two.other = &one;
    subscribe(&one, 1, "news/#", 1);
    subscribe(&two, 1, "news/#", 1);
    joined(&one);
    joined(&two);
    memset(payload, 'x', sizeof payload);
    for (int i = 0; i < 400; i++)
        hub_publish(b.hub, b.now, "news/a", payload, sizeof payload);
    while (hub_follow(b.hub, b.now)) {
    }
    const struct hub_counts *c = hub_counts(b.hub);
    assert_true(c->group_refused > 200 && c->group_refused < 400);
    b.now += SECOND;
    uint64_t refused = c->group_refused;
    hub_publish(b.hub, b.now, "news/a", payload, sizeof payload);
    (void)hub_follow(b.hub, b.now);
    assert_int_equal(c->group_refused, refused);
    bench_close(&b);
}

static void fragments_are_shared_one_by_one(void **state)
{
    (void)state;
    static char payload[3000];
    struct bench b;
    bench_with_group(&b, false);
    struct end one = open_end(&b, member(false, 1)), two = open_end(&b, member(false, 2));
    one.other = &two;
    two.other = &one;
    subscribe(&one, 1, "news/#", 1);
    subscribe(&two, 1, "news/#", 1);
    struct nrp_group g = joined(&one);
    joined(&two);
    memset(payload, 'x', sizeof payload);
    hub_publish(b.hub, b.now, "news/a", payload, sizeof payload);
    for (unsigned i = 0; i < 3; i++) {
        expect(&one, NRP_SHARED);
        const struct nrp_item *s = &one.f.shared.item;
        assert_true(s->dseq == i + 1 && s->fragment == i && s->fragment_count == 3);
    }
    struct nrp_frame last = group_frame(&b, &g, false);
    uint8_t bytes[2000], digest[NRP_DIGEST_SIZE];
    nrp_digest(bytes, nrp_frame_write(&last, bytes), digest);
    assert_memory_equal(one.f.shared.digest, digest, sizeof digest);
    assert_int_equal(hub_counts(b.hub)->group_bodies, 3);
    bench_close(&b);
}

/* What came before it listened cannot be named to it. */
static void a_member_is_given_what_came_after_it_joined(void **state)
{
    (void)state;
    struct bench b;
    bench_with_group(&b, false);
    struct end ends[3];
    for (uint8_t i = 0; i < 3; i++)
        ends[i] = open_end(&b, member(false, (uint8_t)(i + 1)));
    ends[0].other = &ends[1];
    ends[1].other = &ends[0];
    for (int i = 0; i < 2; i++) {
        subscribe(&ends[i], 1, "news/#", 1);
        joined(&ends[i]);
    }
    hub_publish(b.hub, b.now, "news/a", "x", 1);
    expect(&ends[0], NRP_SHARED);
    expect(&ends[1], NRP_SHARED);
    joined(&ends[2]);
    struct nrp_frame f = subscribe_frame(1, "news/#", 1);
    f.subscribe.from_iseq = 1;
    say(&ends[2], f);
    expect(&ends[2], NRP_SUBACK);
    expect_item(&ends[2], "x");
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_travel_in_every_mode),
        cmocka_unit_test(nothing_is_kept_or_said_before_a_cookie_comes_back),
        cmocka_unit_test(answers_are_never_larger_than_their_questions),
        cmocka_unit_test(a_wrong_proof_cookie_or_address_gets_a_hint_alone),
        cmocka_unit_test(a_repeated_auth_gets_the_same_welcome),
        cmocka_unit_test(a_smaller_repeated_auth_makes_the_session_smaller),
        cmocka_unit_test(the_same_client_takes_over),
        cmocka_unit_test(replayed_and_foreign_datagrams_are_dropped),
        cmocka_unit_test(a_session_without_a_word_ends_with_its_lease),
        cmocka_unit_test(repeated_requests_are_answered_again),
        cmocka_unit_test(what_was_lost_is_sent_again_when_asked_for),
        cmocka_unit_test(an_idle_session_that_acknowledged_falls_silent),
        cmocka_unit_test(fragments_make_one_publication_in_any_order),
        cmocka_unit_test(unfinished_publications_are_few_and_forgotten),
        cmocka_unit_test(a_publication_too_big_in_fragments_is_refused),
        cmocka_unit_test(an_item_of_too_many_fragments_is_a_gap),
        cmocka_unit_test(qos_1_falls_behind_and_catches_up_with_nothing_lost),
        cmocka_unit_test(sessions_take_turns),
        cmocka_unit_test(shutdown_waits_for_acks_and_says_goodbye),
        cmocka_unit_test(who_does_not_acknowledge_is_cut_off_at_shutdown),
        cmocka_unit_test(the_hubs_defaults_for_senders_are_the_senders),
        cmocka_unit_test(items_go_to_the_group_once_and_are_named_to_each),
        cmocka_unit_test(what_the_group_did_not_bring_is_sent_again_to_the_one),
        cmocka_unit_test(one_alone_and_other_topics_are_served_as_ever),
        cmocka_unit_test(the_key_is_told_in_sealed_sessions_that_may_read_it_all),
        cmocka_unit_test(smaller_datagrams_cannot_join),
        cmocka_unit_test(the_group_says_every_second_that_it_is_there_while_somebody_listens),
        cmocka_unit_test(a_withdrawn_key_makes_another_group),
        cmocka_unit_test(what_is_beyond_the_rate_does_not_go_to_the_group),
        cmocka_unit_test(fragments_are_shared_one_by_one),
        cmocka_unit_test(a_member_is_given_what_came_after_it_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
