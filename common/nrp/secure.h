/* common/nrp/secure.h - keys, proofs, cookies, sealed frames and the replay window of NRP/1.
 *
 * libcrypto (OpenSSL 3 EVP) behind a small face; only secure.c knows it. HMAC-SHA256 (RFC 2104),
 * HKDF (RFC 5869), AES-256-GCM (NIST SP 800-38D) with a 16-byte tag. Nonce of a packet: 4 zero
 * bytes and its number u64. Threads: each object belongs to one. Secrets are wiped when freed. */
#ifndef NEWS_NRP_SECURE_H
#define NEWS_NRP_SECURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/nrp/frame.h"

#define NRP_SECRET_SIZE 32
#define NRP_TAG_SIZE    16
#define NRP_PACKETS_MAX                                                                            \
    ((uint64_t)1 << 48) /* a direction ends here: numbers are never used twice */

/* Where randomness comes from: the system's, or a seed in the simulator. */
struct nrp_random {
    void *user;
    void (*fill)(void *user, void *out, size_t len);
};
extern const struct nrp_random nrp_random_system; /* getrandom(2) */
uint64_t nrp_random_u64(const struct nrp_random *r);

/* PRK = HKDF-Extract(client_nonce | server_nonce, psk); auth = Expand(PRK, "nrp1 auth"). */
struct nrp_handshake_keys {
    uint8_t prk[NRP_SECRET_SIZE], auth[NRP_SECRET_SIZE];
};
void nrp_handshake_keys(const uint8_t psk[NRP_SECRET_SIZE],
                        const uint8_t client_nonce[NRP_NONCE_SIZE],
                        const uint8_t server_nonce[NRP_NONCE_SIZE], struct nrp_handshake_keys *out);

/* HMAC(auth key, "c" | HELLO part | server nonce | cookie), and
 * HMAC(auth key, "s" | AUTH's fixed part | WELCOME's without its proof); 16 bytes of each. */
void nrp_auth_proof(const struct nrp_handshake_keys *k, const struct nrp_auth *a,
                    uint8_t out[NRP_PROOF_SIZE]);
void nrp_welcome_proof(const struct nrp_handshake_keys *k, const struct nrp_auth *a,
                       const struct nrp_welcome *w, uint8_t out[NRP_PROOF_SIZE]);
/* The first bytes of SHA-256. */
void nrp_digest(const void *bytes, size_t len, uint8_t out[NRP_DIGEST_SIZE]);
bool nrp_equal(const void *a, const void *b, size_t len); /* in constant time */

/* --- one direction of a session ---------------------------------------------------------- */

struct nrp_cipher;
enum nrp_direction { NRP_TO_RELAY, NRP_TO_CLIENT };

/* The key is Expand(PRK, "nrp1 c2s" or "nrp1 s2c" | session_id | epoch): the session id is in it so
 * that a replayed AUTH never brings back a key whose packet numbers were used. NULL: no memory. */
struct nrp_cipher *nrp_cipher_new(const struct nrp_handshake_keys *k, enum nrp_security security,
                                  enum nrp_direction direction, uint64_t session_id,
                                  uint64_t epoch);
void nrp_cipher_free(struct nrp_cipher *c); /* NULL is fine */

/* NRP_SEALED: encrypts body in place, head is authenticated with it. NRP_AUTHENTICATED: head and
 * body are authenticated as they are. tag is written. False: libcrypto failed (no memory), or no
 * such packet: NRP_PACKETS_MAX. */
bool nrp_seal(struct nrp_cipher *c, uint64_t packet, const uint8_t *head, size_t head_len,
              uint8_t *body, size_t body_len, uint8_t tag[NRP_TAG_SIZE]);
/* The reverse. False: not genuine; body is then of no use. */
bool nrp_unseal(struct nrp_cipher *c, uint64_t packet, const uint8_t *head, size_t head_len,
                uint8_t *body, size_t body_len, const uint8_t tag[NRP_TAG_SIZE]);

/* --- replay ------------------------------------------------------------------------------ */

#define NRP_REPLAY_BITS 1024
struct nrp_replay { /* zeroed: nothing was seen */
    uint64_t top;   /* highest packet number + 1 */
    uint64_t seen[NRP_REPLAY_BITS / 64];
};
/* Could this number be new? Asked before the tag is checked; taken only after it held. */
bool nrp_replay_fresh(const struct nrp_replay *w, uint64_t packet);
void nrp_replay_take(struct nrp_replay *w, uint64_t packet);

/* --- cookies: RFC 9147 section 5.1's idea --------------------------------------------------
 * The relay keeps nothing for a client that has not shown that it receives at its address. cookie =
 * ts u32 (s) | secret index u8 | 0 x 3 | HMAC(secret, ts | address | HELLO part | server
 * nonce)[16]. Two secrets take turns every 60 s; a cookie is good for 10 s, counted from the whole
 * second in which it was made: for 9 s at least. */
struct nrp_address { /* of a peer, whatever carries it: compared byte by byte, so zeroed first */
    uint8_t family;  /* 4, 6; 1: a UNIX socket (no ip, no port) */
    uint8_t ip[16];
    uint16_t port;  /* host order */
    uint32_t scope; /* IPv6 */
};

struct nrp_cookies {
    uint8_t secret[2][NRP_SECRET_SIZE];
    uint8_t current;
    int64_t rotated_us;
};
void nrp_cookies_init(struct nrp_cookies *c, const struct nrp_random *r, int64_t now_us);
/* Rotates when it is time. */
void nrp_cookie_make(struct nrp_cookies *c, const struct nrp_random *r, int64_t now_us,
                     const struct nrp_address *from, const struct nrp_hello *hello,
                     const uint8_t server_nonce[NRP_NONCE_SIZE], uint8_t out[NRP_COOKIE_SIZE]);
bool nrp_cookie_check(const struct nrp_cookies *c, int64_t now_us, const struct nrp_address *from,
                      const struct nrp_auth *a);

#endif
