#include <string.h>

#include "relay/hub_state.h"

const char *handshake_text(enum nrp_code code)
{
    return code == NRP_CODE_VERSION ? "this relay speaks versions 1 to 1" : nrp_code_text(code);
}

enum nrp_code handshake_hello(const struct hub *h, const struct nrp_hello *hello)
{
    if (hello->version_min > NRP_VERSION || hello->version_max < NRP_VERSION)
        return NRP_CODE_VERSION;
    if (hello->role < NRP_ROLE_PUBLISH || hello->role > NRP_ROLE_BOTH) return NRP_CODE_BAD_FRAME;
    if (hello->security > NRP_SEALED) return NRP_CODE_BAD_FRAME;
    if (hello->security < h->config.security_least) return NRP_CODE_AUTHENTICATION;
    return h->shutting ? NRP_CODE_SHUTTING_DOWN : NRP_OK;
}

void handshake_challenge(struct hub *h, int64_t now_us, const struct nrp_address *from,
                         const struct nrp_hello *hello, struct nrp_challenge *out)
{
    h->random.fill(h->random.user, out->server_nonce, NRP_NONCE_SIZE);
    nrp_cookie_make(&h->cookies, &h->random, now_us, from, hello, out->server_nonce, out->cookie);
}

static enum nrp_code verify(struct hub *h, int64_t now_us, const struct nrp_address *from,
                            const struct nrp_auth *a, struct handshake *out)
{
    uint8_t proof[NRP_PROOF_SIZE];
    enum nrp_code code = handshake_hello(h, &a->hello);
    if (code != NRP_OK) return code;
    /* Too old, or not for that address: nothing is said about the key, another HELLO helps. */
    if (!nrp_cookie_check(&h->cookies, now_us, from, a)) return NRP_CODE_TIMEOUT;
    if (a->hello.security == NRP_OPEN) return NRP_OK;
    out->key = guard_key(h->guard, a->hello.key_id);
    if (!out->key) return NRP_CODE_AUTHENTICATION;
    nrp_handshake_keys(out->key->secret, a->hello.client_nonce, a->challenge.server_nonce,
                       &out->keys);
    nrp_auth_proof(&out->keys, a, proof);
    return nrp_equal(proof, a->proof, sizeof proof) ? NRP_OK : NRP_CODE_AUTHENTICATION;
}

enum nrp_code handshake_verify(struct hub *h, int64_t now_us, const struct nrp_address *from,
                               const struct nrp_auth *a, struct handshake *out)
{
    *out = (struct handshake){0};
    enum nrp_code code = verify(h, now_us, from, a, out);
    if (code == NRP_OK) return code;
    guard_key_free(out->key);
    explicit_bzero(out, sizeof *out);
    if (code == NRP_CODE_AUTHENTICATION) h->counts.auth_failures++;
    return code;
}

static void fill_welcome(struct hub *h, const struct peer *p, struct nrp_welcome *w)
{
    const struct hub_config *c = &h->config;
    *w = (struct nrp_welcome){
        .epoch = relay_log_epoch(h->log),
        .oldest_iseq = relay_log_oldest(h->log),
        .last_iseq = relay_log_last(h->log),
        .item_max = (uint32_t)c->item_max,
        .datagram_max = p->d ? (uint16_t)p->d->datagram_max : 0,
        .ring = (uint16_t)c->sender.window,
        .lease_ms = (uint32_t)(c->lease_us / 1000),
        .heartbeat_min_ms = (uint16_t)(c->sender.heartbeat_min_us / 1000),
        .heartbeat_max_ms = (uint16_t)(c->sender.heartbeat_max_us / 1000),
    };
    do {
        w->session_id = nrp_random_u64(&h->random);
    } while (w->session_id == 0); /* 0 is the handshake's */
}

struct client_key handshake_client(const struct nrp_hello *hello, const struct nrp_address *from)
{
    struct client_key k = {.key_id = hello->security == NRP_OPEN ? 0 : hello->key_id};
    if (hello->security == NRP_OPEN) {
        k.family = from->family;
        if (from->family == 4 || from->family == 6) memcpy(k.ip, from->ip, sizeof k.ip);
    }
    memcpy(k.id, hello->client_id, sizeof k.id);
    return k;
}

bool handshake_accept(struct hub *h, struct peer *p, const struct nrp_auth *a, struct handshake *hs,
                      struct nrp_welcome *out)
{
    p->hello = a->hello;
    p->client = handshake_client(&a->hello, &p->from);
    p->key = hs->key;
    hs->key = NULL;
    fill_welcome(h, p, out);
    bool ok = true;
    if (a->hello.security != NRP_OPEN) {
        enum nrp_security s = a->hello.security;
        p->in = nrp_cipher_new(&hs->keys, s, NRP_TO_RELAY, out->session_id, out->epoch);
        p->out = nrp_cipher_new(&hs->keys, s, NRP_TO_CLIENT, out->session_id, out->epoch);
        nrp_welcome_proof(&hs->keys, a, out, out->proof);
        ok = p->in && p->out;
    }
    explicit_bzero(&hs->keys, sizeof hs->keys);
    return ok;
}
