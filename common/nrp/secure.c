#include "common/nrp/secure.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "common/nrp/wire.h"

/* ---------------------------------------------------------------------------------- Randomness */

static void system_fill(void *user, void *out, size_t len)
{
    (void)user;
    uint8_t *at = out;
    while (len) {
        ssize_t n = getrandom(at, len, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) abort(); /* a guessable nonce or secret is worse than no program */
        at += n;
        len -= (size_t)n;
    }
}

const struct nrp_random nrp_random_system = {.fill = system_fill};

uint64_t nrp_random_u64(const struct nrp_random *r)
{
    uint64_t v;
    r->fill(r->user, &v, sizeof v);
    return v;
}

/* ------------------------------------------------------------------------------ Keys and proofs */

#define SHA256_SIZE 32

static void hmac(const uint8_t *key, size_t key_len, const uint8_t *bytes, size_t len,
                 uint8_t out[SHA256_SIZE])
{
    /* It fails for want of memory alone, and then out would be what anybody can guess. */
    if (!HMAC(EVP_sha256(), key, (int)key_len, bytes, len, out, NULL)) abort();
}

/* The first 16 bytes, which are what stands in frames. */
static void hmac_short(const uint8_t key[NRP_SECRET_SIZE], const uint8_t *bytes, size_t len,
                       uint8_t out[NRP_PROOF_SIZE])
{
    uint8_t full[SHA256_SIZE];
    hmac(key, NRP_SECRET_SIZE, bytes, len, full);
    memcpy(out, full, NRP_PROOF_SIZE);
    OPENSSL_cleanse(full, sizeof full);
}

#define INFO_MAX 32

/* RFC 5869 section 2.3; one block is all that is needed: T(1) = HMAC(PRK, info | 1). */
static void expand(const uint8_t prk[NRP_SECRET_SIZE], const uint8_t *info, size_t len,
                   uint8_t out[NRP_SECRET_SIZE])
{
    uint8_t block[INFO_MAX + 1];
    assert(len <= INFO_MAX);
    memcpy(block, info, len);
    block[len] = 1;
    hmac(prk, NRP_SECRET_SIZE, block, len + 1, out);
}

void nrp_handshake_keys(const uint8_t psk[NRP_SECRET_SIZE],
                        const uint8_t client_nonce[NRP_NONCE_SIZE],
                        const uint8_t server_nonce[NRP_NONCE_SIZE], struct nrp_handshake_keys *out)
{
    static const uint8_t info[] = {'n', 'r', 'p', '1', ' ', 'a', 'u', 't', 'h'};
    uint8_t salt[2 * NRP_NONCE_SIZE];
    memcpy(salt, client_nonce, NRP_NONCE_SIZE);
    memcpy(salt + NRP_NONCE_SIZE, server_nonce, NRP_NONCE_SIZE);
    hmac(salt, sizeof salt, psk, NRP_SECRET_SIZE, out->prk);
    expand(out->prk, info, sizeof info, out->auth);
}

void nrp_auth_proof(const struct nrp_handshake_keys *k, const struct nrp_auth *a,
                    uint8_t out[NRP_PROOF_SIZE])
{
    uint8_t text[1 + NRP_AUTH_SIZE] = {'c'};
    nrp_auth_bytes(a, text + 1);
    hmac_short(k->auth, text, sizeof text - NRP_PROOF_SIZE, out);
}

void nrp_welcome_proof(const struct nrp_handshake_keys *k, const struct nrp_auth *a,
                       const struct nrp_welcome *w, uint8_t out[NRP_PROOF_SIZE])
{
    uint8_t text[1 + NRP_AUTH_SIZE + NRP_WELCOME_SIZE] = {'s'};
    nrp_auth_bytes(a, text + 1);
    nrp_welcome_bytes(w, text + 1 + NRP_AUTH_SIZE);
    hmac_short(k->auth, text, sizeof text - NRP_PROOF_SIZE, out);
}

void nrp_digest(const void *bytes, size_t len, uint8_t out[NRP_DIGEST_SIZE])
{
    uint8_t full[SHA256_SIZE];
    if (!EVP_Digest(bytes, len, full, NULL, EVP_sha256(), NULL)) abort(); /* as in hmac() */
    memcpy(out, full, NRP_DIGEST_SIZE);
}

bool nrp_equal(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}

/* ------------------------------------------------------------------------------------- Sealing */

#define GCM_NONCE_SIZE 12

struct nrp_cipher {
    EVP_CIPHER_CTX *gcm; /* has the key; a packet sets its nonce alone, and allocates nothing */
    bool sealed;
};

static void direction_key(const struct nrp_handshake_keys *k, enum nrp_direction direction,
                          uint64_t session_id, uint64_t epoch, uint8_t out[NRP_SECRET_SIZE])
{
    uint8_t info[8 + 8 + 8], *at = info;
    memcpy(at, direction == NRP_TO_RELAY ? "nrp1 c2s" : "nrp1 s2c", 8);
    at += 8;
    put_u64(&at, session_id);
    put_u64(&at, epoch);
    expand(k->prk, info, sizeof info, out);
}

struct nrp_cipher *nrp_cipher_new(const struct nrp_handshake_keys *k, enum nrp_security security,
                                  enum nrp_direction direction, uint64_t session_id, uint64_t epoch)
{
    assert(security == NRP_AUTHENTICATED || security == NRP_SEALED);
    struct nrp_cipher *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->sealed = security == NRP_SEALED;
    c->gcm = EVP_CIPHER_CTX_new();
    uint8_t key[NRP_SECRET_SIZE];
    direction_key(k, direction, session_id, epoch, key);
    bool ok = c->gcm && EVP_CipherInit_ex(c->gcm, EVP_aes_256_gcm(), NULL, key, NULL, 1) == 1;
    OPENSSL_cleanse(key, sizeof key);
    if (ok) return c;
    nrp_cipher_free(c);
    return NULL;
}

void nrp_cipher_free(struct nrp_cipher *c)
{
    if (!c) return;
    EVP_CIPHER_CTX_free(c->gcm); /* wipes the key; NULL is fine */
    free(c);
}

/* One packet up to its tag: the nonce, what is authenticated only, what is encrypted or decrypted
 * in place. */
static bool run(struct nrp_cipher *c, bool encrypt, uint64_t packet, const uint8_t *head,
                size_t head_len, uint8_t *body, size_t body_len)
{
    uint8_t nonce[GCM_NONCE_SIZE] = {0}, *at = nonce + 4;
    int n;
    if (packet >= NRP_PACKETS_MAX || head_len > INT_MAX || body_len > INT_MAX) return false;
    put_u64(&at, packet);
    if (EVP_CipherInit_ex(c->gcm, NULL, NULL, NULL, nonce, encrypt) != 1) return false;
    if (head_len && EVP_CipherUpdate(c->gcm, NULL, &n, head, (int)head_len) != 1) return false;
    uint8_t *out = c->sealed ? body : NULL; /* NULL: authenticated as it is */
    return !body_len || EVP_CipherUpdate(c->gcm, out, &n, body, (int)body_len) == 1;
}

bool nrp_seal(struct nrp_cipher *c, uint64_t packet, const uint8_t *head, size_t head_len,
              uint8_t *body, size_t body_len, uint8_t tag[NRP_TAG_SIZE])
{
    uint8_t none[NRP_TAG_SIZE]; /* GCM has no last block, but wants to be told where to put it */
    int n;
    return run(c, true, packet, head, head_len, body, body_len) &&
           EVP_CipherFinal_ex(c->gcm, none, &n) == 1 &&
           EVP_CIPHER_CTX_ctrl(c->gcm, EVP_CTRL_AEAD_GET_TAG, NRP_TAG_SIZE, tag) == 1;
}

bool nrp_unseal(struct nrp_cipher *c, uint64_t packet, const uint8_t *head, size_t head_len,
                uint8_t *body, size_t body_len, const uint8_t tag[NRP_TAG_SIZE])
{
    uint8_t expected[NRP_TAG_SIZE], none[NRP_TAG_SIZE];
    int n;
    memcpy(expected, tag, sizeof expected); /* libcrypto takes no const */
    return run(c, false, packet, head, head_len, body, body_len) &&
           EVP_CIPHER_CTX_ctrl(c->gcm, EVP_CTRL_AEAD_SET_TAG, NRP_TAG_SIZE, expected) == 1 &&
           EVP_CipherFinal_ex(c->gcm, none, &n) == 1;
}

/* -------------------------------------------------------------------------------------- Replay */

static uint64_t *replay_word(struct nrp_replay *w, uint64_t packet)
{
    return &w->seen[packet % NRP_REPLAY_BITS / 64];
}

static uint64_t replay_bit(uint64_t packet)
{
    return UINT64_C(1) << (packet % 64);
}

bool nrp_replay_fresh(const struct nrp_replay *w, uint64_t packet)
{
    if (packet >= NRP_PACKETS_MAX) return false;
    if (packet >= w->top) return true;
    if (w->top - packet > NRP_REPLAY_BITS) return false;
    return !(w->seen[packet % NRP_REPLAY_BITS / 64] & replay_bit(packet));
}

void nrp_replay_take(struct nrp_replay *w, uint64_t packet)
{
    if (!nrp_replay_fresh(w, packet)) return;
    if (packet >= w->top) {
        if (packet - w->top >= NRP_REPLAY_BITS) {
            memset(w->seen, 0, sizeof w->seen);
            w->top = packet;
        }
        for (; w->top <= packet; w->top++) /* what these bits stood for has left the window */
            *replay_word(w, w->top) &= ~replay_bit(w->top);
    }
    *replay_word(w, packet) |= replay_bit(packet);
}

/* ------------------------------------------------------------------------------------- Cookies */

#define SECOND_US  INT64_C(1000000)
#define ROTATE_US  (60 * SECOND_US)
#define COOKIE_US  (10 * SECOND_US)
#define STAMP_SIZE 8 /* ts, secret index, zeros; the MAC follows */

static void cookie_mac(const uint8_t secret[NRP_SECRET_SIZE], uint32_t ts,
                       const struct nrp_address *from, const struct nrp_hello *hello,
                       const uint8_t *server_nonce, uint8_t out[NRP_PROOF_SIZE])
{
    uint8_t text[4 + 1 + 16 + 2 + 4 + NRP_HELLO_SIZE + NRP_NONCE_SIZE], *at = text;
    put_u32(&at, ts);
    put_u8(&at, from->family);
    put_bytes(&at, from->ip, sizeof from->ip);
    put_u16(&at, from->port);
    put_u32(&at, from->scope);
    nrp_hello_bytes(hello, at);
    at += NRP_HELLO_SIZE;
    put_bytes(&at, server_nonce, NRP_NONCE_SIZE);
    hmac_short(secret, text, sizeof text, out);
}

void nrp_cookies_init(struct nrp_cookies *c, const struct nrp_random *r, int64_t now_us)
{
    r->fill(r->user, c->secret, sizeof c->secret);
    c->current = 0;
    c->rotated_us = now_us;
}

void nrp_cookie_make(struct nrp_cookies *c, const struct nrp_random *r, int64_t now_us,
                     const struct nrp_address *from, const struct nrp_hello *hello,
                     const uint8_t server_nonce[NRP_NONCE_SIZE], uint8_t out[NRP_COOKIE_SIZE])
{
    if (now_us - c->rotated_us >= ROTATE_US) {
        c->current ^= 1;
        r->fill(r->user, c->secret[c->current], NRP_SECRET_SIZE);
        c->rotated_us = now_us;
    }
    uint32_t ts = (uint32_t)(now_us / SECOND_US);
    put_u32(&out, ts);
    put_u8(&out, c->current);
    put_zeros(&out, 3);
    cookie_mac(c->secret[c->current], ts, from, hello, server_nonce, out);
}

bool nrp_cookie_check(const struct nrp_cookies *c, int64_t now_us, const struct nrp_address *from,
                      const struct nrp_auth *a)
{
    const uint8_t *at = a->challenge.cookie;
    uint32_t ts = get_u32(&at);
    uint8_t index = get_u8(&at);
    if (index > 1 || at[0] || at[1] || at[2]) return false;
    /* Seconds were rounded down when it was made: it lives 9 to 10 s, never longer. */
    int64_t age_us = now_us - ts * SECOND_US;
    if (age_us < 0 || age_us > COOKIE_US) return false;
    uint8_t mac[NRP_PROOF_SIZE];
    cookie_mac(c->secret[index], ts, from, &a->hello, a->challenge.server_nonce, mac);
    return nrp_equal(mac, a->challenge.cookie + STAMP_SIZE, sizeof mac);
}
