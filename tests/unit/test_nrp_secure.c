#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/nrp/secure.h"

/* The expected bytes were computed by another implementation of HMAC, HKDF and AES-GCM. */

#define SESSION UINT64_C(0x0102030405060708)
#define EPOCH   UINT64_C(0x1112131415161718)
#define SECOND  INT64_C(1000000)

/* ------------------------------------------------------------------------------------ Helpers */

static void assert_hex(const uint8_t *bytes, size_t len, const char *hex)
{
    char text[256];
    assert_int_equal(strlen(hex), 2 * len);
    for (size_t i = 0; i < len; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    assert_string_equal(text, hex);
}

static void count_up(uint8_t *out, size_t len, unsigned first)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(first + i);
}

static struct nrp_auth an_auth(void)
{
    struct nrp_auth a = {.hello = {.version_min = 1,
                                   .version_max = 2,
                                   .role = NRP_ROLE_BOTH,
                                   .security = NRP_SEALED,
                                   .key_id = 0x01020304}};
    count_up(a.hello.client_nonce, NRP_NONCE_SIZE, 0xa0);
    count_up(a.hello.client_id, NRP_ID_SIZE, 0xc0);
    count_up(a.challenge.server_nonce, NRP_NONCE_SIZE, 0xe0);
    count_up(a.challenge.cookie, NRP_COOKIE_SIZE, 0x10);
    count_up(a.proof, NRP_PROOF_SIZE, 0x30);
    return a;
}

static struct nrp_welcome a_welcome(void)
{
    struct nrp_welcome w = {.session_id = SESSION,
                            .epoch = EPOCH,
                            .oldest_iseq = 0x21,
                            .last_iseq = 0x2122232425262728,
                            .item_max = 1 << 20,
                            .datagram_max = 1200,
                            .ring = 1024,
                            .lease_ms = 30000,
                            .heartbeat_min_ms = 20,
                            .heartbeat_max_ms = 1000};
    count_up(w.proof, NRP_PROOF_SIZE, 0x30);
    return w;
}

static struct nrp_handshake_keys keys_of(const struct nrp_auth *a)
{
    uint8_t psk[NRP_SECRET_SIZE];
    struct nrp_handshake_keys k;
    count_up(psk, sizeof psk, 0);
    nrp_handshake_keys(psk, a->hello.client_nonce, a->challenge.server_nonce, &k);
    return k;
}

static struct nrp_cipher *cipher(enum nrp_security security, enum nrp_direction direction,
                                 uint64_t session_id, uint64_t epoch)
{
    struct nrp_auth a = an_auth();
    struct nrp_handshake_keys k = keys_of(&a);
    struct nrp_cipher *c = nrp_cipher_new(&k, security, direction, session_id, epoch);
    assert_non_null(c);
    return c;
}

static struct nrp_cipher *to_relay(enum nrp_security security)
{
    return cipher(security, NRP_TO_RELAY, SESSION, EPOCH);
}

#define HEAD "head"
#define BODY "body bytes"

struct packet {
    uint8_t head[sizeof HEAD - 1], body[sizeof BODY - 1], tag[NRP_TAG_SIZE];
};

static struct packet sealed(struct nrp_cipher *c, uint64_t number)
{
    struct packet p;
    memcpy(p.head, HEAD, sizeof p.head);
    memcpy(p.body, BODY, sizeof p.body);
    assert_true(nrp_seal(c, number, p.head, sizeof p.head, p.body, sizeof p.body, p.tag));
    return p;
}

static bool unsealed(struct nrp_cipher *c, uint64_t number, struct packet *p)
{
    return nrp_unseal(c, number, p->head, sizeof p->head, p->body, sizeof p->body, p->tag);
}

/* ----------------------------------------------------------------------------- Keys and proofs */

static void handshake_keys_are_those_of_hkdf(void **state)
{
    (void)state;
    struct nrp_auth a = an_auth();
    struct nrp_handshake_keys k = keys_of(&a);
    assert_hex(k.prk, sizeof k.prk,
               "6b644c64a3bbb85a9d4ce8970bab1c6beb52ef8721d9afebaff435642079b1e0");
    assert_hex(k.auth, sizeof k.auth,
               "2874ce89bd02b177ea8843381b93f8b3a218a369f02b728ec0c3861e905b5795");
}

static void proofs_are_those_of_hmac(void **state)
{
    (void)state;
    struct nrp_auth a = an_auth();
    struct nrp_welcome w = a_welcome();
    struct nrp_handshake_keys k = keys_of(&a);
    uint8_t proof[NRP_PROOF_SIZE];
    nrp_auth_proof(&k, &a, proof);
    assert_hex(proof, sizeof proof, "5da9ccd31e156cdd9411730437d79b8c");
    nrp_welcome_proof(&k, &a, &w, proof);
    assert_hex(proof, sizeof proof, "8344adf6c9df958f0ee2ef4d9e88c913");
}

static void a_proof_does_not_depend_on_the_field_it_goes_into(void **state)
{
    (void)state;
    struct nrp_auth a = an_auth();
    struct nrp_welcome w = a_welcome();
    struct nrp_handshake_keys k = keys_of(&a);
    uint8_t before[NRP_PROOF_SIZE], after[NRP_PROOF_SIZE];
    nrp_auth_proof(&k, &a, before);
    struct nrp_auth other = a;
    memset(other.proof, 0, sizeof other.proof);
    nrp_auth_proof(&k, &other, after);
    assert_true(nrp_equal(before, after, sizeof before));
    nrp_welcome_proof(&k, &a, &w, before);
    memset(w.proof, 0, sizeof w.proof);
    nrp_welcome_proof(&k, &a, &w, after);
    assert_true(nrp_equal(before, after, sizeof before));
    nrp_welcome_proof(&k, &other, &w, after); /* but WELCOME answers this AUTH, proof and all */
    assert_false(nrp_equal(before, after, sizeof before));
}

static void bytes_are_equal_or_not(void **state)
{
    (void)state;
    assert_true(nrp_equal("abc", "abc", 3));
    assert_false(nrp_equal("abc", "abd", 3));
    assert_false(nrp_equal("abc", "bbc", 3));
    assert_true(nrp_equal("abc", "abd", 2));
    assert_true(nrp_equal("a", "b", 0));
}

static void the_system_gives_other_numbers_each_time(void **state)
{
    (void)state;
    uint8_t a[300] = {0}, b[300] = {0};
    nrp_random_system.fill(nrp_random_system.user, a, sizeof a);
    nrp_random_system.fill(nrp_random_system.user, b, sizeof b);
    assert_memory_not_equal(a, b, 16);
    assert_memory_not_equal(a + 284, b + 284, 16); /* filled to the end */
    assert_true(nrp_random_u64(&nrp_random_system) != nrp_random_u64(&nrp_random_system));
}

/* ------------------------------------------------------------------------------------- Sealing */

static void a_sealed_packet_is_that_of_aes_gcm(void **state)
{
    (void)state;
    struct nrp_cipher *c = to_relay(NRP_SEALED);
    struct packet p = sealed(c, 5);
    assert_memory_equal(p.head, HEAD, sizeof p.head);
    assert_hex(p.body, sizeof p.body, "76792a2db1c57db884dd");
    assert_hex(p.tag, sizeof p.tag, "7a543dd8669ce1180e9c960d50de3e86");
    nrp_cipher_free(c);
}

static void an_authenticated_packet_stays_readable(void **state)
{
    (void)state;
    struct nrp_cipher *c = to_relay(NRP_AUTHENTICATED);
    struct packet p = sealed(c, 5);
    assert_memory_equal(p.head, HEAD, sizeof p.head);
    assert_memory_equal(p.body, BODY, sizeof p.body);
    assert_hex(p.tag, sizeof p.tag, "bcac6a4be19361f2229431bd90e22668");
    nrp_cipher_free(c);
}

static const enum nrp_security secured[] = {NRP_AUTHENTICATED, NRP_SEALED};

static void what_was_sealed_is_unsealed_at_the_other_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct nrp_cipher *here = to_relay(secured[i]), *there = to_relay(secured[i]);
        for (uint64_t number = 0; number < 100; number++) {
            struct packet p = sealed(here, number);
            assert_true(unsealed(there, number, &p));
            assert_memory_equal(p.body, BODY, sizeof p.body);
        }
        struct packet early = sealed(here, 1000), late = sealed(here, 999); /* in any order */
        assert_true(unsealed(there, 999, &late));
        assert_true(unsealed(there, 1000, &early));
        nrp_cipher_free(here);
        nrp_cipher_free(there);
    }
}

static void a_packet_changed_in_any_bit_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct nrp_cipher *c = to_relay(secured[i]);
        for (size_t bit = 0; bit < 8 * sizeof(struct packet); bit++) {
            struct packet p = sealed(c, 7);
            uint8_t bytes[sizeof p];
            memcpy(bytes, &p, sizeof p);
            bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
            memcpy(&p, bytes, sizeof p);
            assert_false(unsealed(c, 7, &p));
        }
        struct packet p = sealed(c, 7);
        assert_true(unsealed(c, 7, &p)); /* a refusal does no harm to what follows */
        nrp_cipher_free(c);
    }
}

static void a_packet_under_another_number_or_cut_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct nrp_cipher *c = to_relay(secured[i]);
        struct packet p = sealed(c, 7);
        assert_false(unsealed(c, 8, &p));
        p = sealed(c, 7);
        assert_false(nrp_unseal(c, 7, p.head, sizeof p.head, p.body, sizeof p.body - 1, p.tag));
        p = sealed(c, 7);
        assert_false(nrp_unseal(c, 7, p.head, sizeof p.head - 1, p.body, sizeof p.body, p.tag));
        p = sealed(c, 7);
        assert_false(nrp_unseal(c, 7, NULL, 0, NULL, 0, p.tag));
        nrp_cipher_free(c);
    }
}

static void a_frame_without_a_body_has_a_tag_too(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct nrp_cipher *c = to_relay(secured[i]);
        uint8_t head[] = HEAD, tag[NRP_TAG_SIZE];
        assert_true(nrp_seal(c, 3, head, sizeof head, NULL, 0, tag));
        assert_true(nrp_unseal(c, 3, head, sizeof head, NULL, 0, tag));
        head[0] ^= 1;
        assert_false(nrp_unseal(c, 3, head, sizeof head, NULL, 0, tag));
        nrp_cipher_free(c);
    }
}

static void direction_session_epoch_and_mode_have_their_own_keys(void **state)
{
    (void)state;
    struct nrp_cipher *here = to_relay(NRP_SEALED);
    struct nrp_cipher *others[] = {
        cipher(NRP_SEALED, NRP_TO_CLIENT, SESSION, EPOCH),
        cipher(NRP_SEALED, NRP_TO_RELAY, SESSION + 1, EPOCH),
        cipher(NRP_SEALED, NRP_TO_RELAY, SESSION, EPOCH + 1),
        cipher(NRP_AUTHENTICATED, NRP_TO_RELAY, SESSION, EPOCH),
    };
    struct packet p = sealed(here, 5);
    for (size_t i = 0; i < 4; i++) {
        struct packet copy = p, other = sealed(others[i], 5);
        assert_memory_not_equal(other.body, p.body, sizeof p.body);
        assert_memory_not_equal(other.tag, p.tag, sizeof p.tag);
        assert_false(unsealed(others[i], 5, &copy));
        nrp_cipher_free(others[i]);
    }
    nrp_cipher_free(here);
}

static void a_direction_ends_before_its_numbers_do(void **state)
{
    (void)state;
    struct nrp_cipher *c = to_relay(NRP_SEALED);
    struct packet p = sealed(c, NRP_PACKETS_MAX - 1);
    assert_true(unsealed(c, NRP_PACKETS_MAX - 1, &p));
    assert_false(nrp_seal(c, NRP_PACKETS_MAX, p.head, 4, p.body, sizeof p.body, p.tag));
    assert_false(nrp_seal(c, UINT64_MAX, p.head, 4, p.body, sizeof p.body, p.tag));
    nrp_cipher_free(c);
    nrp_cipher_free(NULL);
}

/* -------------------------------------------------------------------------------------- Replay */

static void take_new(struct nrp_replay *w, uint64_t packet)
{
    assert_true(nrp_replay_fresh(w, packet));
    nrp_replay_take(w, packet);
    assert_false(nrp_replay_fresh(w, packet));
}

static void a_number_is_fresh_once(void **state)
{
    (void)state;
    struct nrp_replay w = {0};
    static const uint64_t numbers[] = {0, 2, 1, 63, 64, 65, 62, 1023, 1024, 3, 5000, 4000, 4999};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        take_new(&w, numbers[i]);
    assert_false(nrp_replay_fresh(&w, 4000));
    assert_true(nrp_replay_fresh(&w, 4001));
}

static void the_window_ends_1024_numbers_behind_the_highest(void **state)
{
    (void)state;
    struct nrp_replay w = {0};
    take_new(&w, 1024);
    assert_false(nrp_replay_fresh(&w, 0));
    assert_true(nrp_replay_fresh(&w, 1));
    take_new(&w, 1);
    take_new(&w, 1025); /* its bit was 1's, which has left */
    assert_false(nrp_replay_fresh(&w, 1));
    assert_true(nrp_replay_fresh(&w, 2));
}

static void an_old_number_that_is_taken_all_the_same_changes_nothing(void **state)
{
    (void)state;
    struct nrp_replay w = {0};
    take_new(&w, 3000);
    nrp_replay_take(&w, 2999 - NRP_REPLAY_BITS); /* its bit is 2999's */
    assert_true(nrp_replay_fresh(&w, 2999));
    assert_true(nrp_replay_fresh(&w, 3001));
    assert_int_equal(w.top, 3001);
}

static void a_jump_forgets_what_it_leaves_behind_and_no_more(void **state)
{
    (void)state;
    static const uint64_t jumps[] = {1, 63, 64, 65, 1000, 1023, 1024, 1025, 2048, 100000};
    for (size_t i = 0; i < sizeof jumps / sizeof *jumps; i++) {
        struct nrp_replay w = {0};
        for (uint64_t n = 0; n < 3000; n++)
            nrp_replay_take(&w, n);
        uint64_t top = 2999 + jumps[i];
        take_new(&w, top);
        for (uint64_t n = 0; n < top; n++) {
            bool fresh = n >= 3000 && top - n < NRP_REPLAY_BITS;
            assert_int_equal(nrp_replay_fresh(&w, n), fresh);
        }
    }
}

static void numbers_that_cannot_be_are_never_fresh(void **state)
{
    (void)state;
    struct nrp_replay w = {0};
    assert_false(nrp_replay_fresh(&w, UINT64_MAX));
    assert_false(nrp_replay_fresh(&w, NRP_PACKETS_MAX));
    nrp_replay_take(&w, UINT64_MAX);
    assert_true(nrp_replay_fresh(&w, 0));
    take_new(&w, NRP_PACKETS_MAX - 1);
}

/* ------------------------------------------------------------------------------------- Cookies */

/* Another pattern for each secret. */
static void fill_next(void *user, void *out, size_t len)
{
    uint8_t *next = user, *bytes = out;
    for (size_t i = 0; i < len; i += NRP_SECRET_SIZE)
        memset(bytes + i, (*next)++, NRP_SECRET_SIZE);
}

struct counter {
    uint8_t next;
    struct nrp_random random;
    struct nrp_cookies cookies;
    struct nrp_address from;
    struct nrp_auth auth; /* with the cookie */
};

static void make(struct counter *c, int64_t now_us)
{
    nrp_cookie_make(&c->cookies, &c->random, now_us, &c->from, &c->auth.hello,
                    c->auth.challenge.server_nonce, c->auth.challenge.cookie);
}

static bool good(const struct counter *c, int64_t now_us)
{
    return nrp_cookie_check(&c->cookies, now_us, &c->from, &c->auth);
}

static void start(struct counter *c, int64_t now_us)
{
    memset(c, 0, sizeof *c);
    c->next = 0x55;
    c->random = (struct nrp_random){.user = &c->next, .fill = fill_next};
    c->auth = an_auth();
    c->from = (struct nrp_address){.family = 4, .ip = {192, 0, 2, 1}, .port = 7788};
    nrp_cookies_init(&c->cookies, &c->random, now_us);
}

static void a_cookie_is_stamp_index_and_mac(void **state)
{
    (void)state;
    struct counter c;
    start(&c, 1234 * SECOND);
    make(&c, 1234 * SECOND + 1);
    assert_hex(c.auth.challenge.cookie, NRP_COOKIE_SIZE,
               "000004d2000000005226d17ccdd49ee247c8935f3cc05466");
}

static void a_cookie_is_good_for_ten_seconds(void **state)
{
    (void)state;
    struct counter c;
    start(&c, 100 * SECOND);
    make(&c, 100 * SECOND);
    assert_true(good(&c, 100 * SECOND));
    assert_true(good(&c, 110 * SECOND));
    assert_false(good(&c, 110 * SECOND + SECOND / 10));
    assert_false(good(&c, 99 * SECOND)); /* not made yet */
    make(&c, 100 * SECOND + 900000);
    assert_true(good(&c, 109 * SECOND + 900000)); /* 9 s at least */
    assert_false(good(&c, 110 * SECOND + 900001));
}

static void a_cookie_is_good_for_one_question_from_one_place(void **state)
{
    (void)state;
    struct counter c, other;
    start(&c, 0);
    make(&c, 5 * SECOND);
    assert_true(good(&c, 5 * SECOND));
#define DIFFERS(change)                                                                            \
    do {                                                                                           \
        other = c;                                                                                 \
        other.change;                                                                              \
        assert_false(good(&other, 5 * SECOND));                                                    \
    } while (0)
    DIFFERS(from.family = 6);
    DIFFERS(from.ip[3] = 2);
    DIFFERS(from.ip[15] = 1);
    DIFFERS(from.port = 7789);
    DIFFERS(from.scope = 1);
    DIFFERS(auth.hello.version_max = 3);
    DIFFERS(auth.hello.security = NRP_OPEN);
    DIFFERS(auth.hello.key_id++);
    DIFFERS(auth.hello.client_nonce[0] ^= 1);
    DIFFERS(auth.hello.client_id[15] ^= 1);
    DIFFERS(auth.challenge.server_nonce[0] ^= 1);
    for (size_t i = 0; i < NRP_COOKIE_SIZE; i++)
        DIFFERS(auth.challenge.cookie[i] ^= 1);
    DIFFERS(auth.challenge.cookie[4] = 2); /* there is no third secret */
    DIFFERS(auth.challenge.cookie[4] = 255);
    other = c;
    other.auth.proof[0] ^= 1; /* the proof is another matter */
    assert_true(good(&other, 5 * SECOND));
#undef DIFFERS
}

static void a_cookie_survives_one_rotation(void **state)
{
    (void)state;
    struct counter c;
    start(&c, 0);
    make(&c, 59 * SECOND);
    struct nrp_auth kept = c.auth;
    assert_int_equal(c.cookies.current, 0);
    make(&c, 60 * SECOND);
    assert_int_equal(c.cookies.current, 1);
    assert_true(good(&c, 60 * SECOND));
    c.auth = kept;
    assert_true(good(&c, 61 * SECOND));
}

static void a_cookie_is_dead_after_two_rotations(void **state)
{
    (void)state;
    struct counter c;
    start(&c, 1000 * SECOND);
    make(&c, 1000 * SECOND);
    struct nrp_auth kept = c.auth, other;
    for (int i = 0; i < 2; i++) {
        other = c.auth;
        c.auth = kept;
        assert_true(good(&c, 1000 * SECOND));
        c.auth = other;
        c.cookies.rotated_us -= 60 * SECOND; /* rotates without growing older */
        make(&c, 1000 * SECOND);
    }
    assert_int_equal(c.cookies.current, 0);
    assert_true(good(&c, 1000 * SECOND));
    c.auth = kept;
    assert_false(good(&c, 1000 * SECOND));
}

static void both_secrets_are_random_from_the_start(void **state)
{
    (void)state;
    struct nrp_cookies c = {0};
    nrp_cookies_init(&c, &nrp_random_system, 0);
    assert_memory_not_equal(c.secret[0], c.secret[1], NRP_SECRET_SIZE);
    struct nrp_auth a = an_auth();
    struct counter forged;
    start(&forged, 0);
    memset(forged.cookies.secret, 0, sizeof forged.cookies.secret); /* what was never filled */
    make(&forged, 0);
    a = forged.auth;
    for (uint8_t index = 0; index < 2; index++) {
        a.challenge.cookie[4] = index;
        assert_false(nrp_cookie_check(&c, 0, &forged.from, &a));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handshake_keys_are_those_of_hkdf),
        cmocka_unit_test(proofs_are_those_of_hmac),
        cmocka_unit_test(a_proof_does_not_depend_on_the_field_it_goes_into),
        cmocka_unit_test(bytes_are_equal_or_not),
        cmocka_unit_test(the_system_gives_other_numbers_each_time),
        cmocka_unit_test(a_sealed_packet_is_that_of_aes_gcm),
        cmocka_unit_test(an_authenticated_packet_stays_readable),
        cmocka_unit_test(what_was_sealed_is_unsealed_at_the_other_end),
        cmocka_unit_test(a_packet_changed_in_any_bit_is_refused),
        cmocka_unit_test(a_packet_under_another_number_or_cut_is_refused),
        cmocka_unit_test(a_frame_without_a_body_has_a_tag_too),
        cmocka_unit_test(direction_session_epoch_and_mode_have_their_own_keys),
        cmocka_unit_test(a_direction_ends_before_its_numbers_do),
        cmocka_unit_test(a_number_is_fresh_once),
        cmocka_unit_test(the_window_ends_1024_numbers_behind_the_highest),
        cmocka_unit_test(an_old_number_that_is_taken_all_the_same_changes_nothing),
        cmocka_unit_test(a_jump_forgets_what_it_leaves_behind_and_no_more),
        cmocka_unit_test(numbers_that_cannot_be_are_never_fresh),
        cmocka_unit_test(a_cookie_is_stamp_index_and_mac),
        cmocka_unit_test(a_cookie_is_good_for_ten_seconds),
        cmocka_unit_test(a_cookie_is_good_for_one_question_from_one_place),
        cmocka_unit_test(a_cookie_survives_one_rotation),
        cmocka_unit_test(a_cookie_is_dead_after_two_rotations),
        cmocka_unit_test(both_secrets_are_random_from_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
