/* relay/guard.h - who may come in, and how much of what: limits, keys and their rates, shared by
 * all reactors.
 *
 * Addresses are counted by IPv4 address, IPv6 /64, or UNIX as one. Threads: any; one lock inside.
 * Keys can be replaced while running (SIGHUP): sessions keep the key they came with until they end,
 * unless it is gone or has another secret, which guard_key_stands() tells. */
#ifndef NEWS_RELAY_GUARD_H
#define NEWS_RELAY_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/nrp/key.h"
#include "common/nrp/secure.h"

struct guard_limits {
    unsigned sessions_max, per_address_max; /* UNIX and loopback addresses: sessions_max alone */
    unsigned handshakes_per_s;     /* per address, not those; burst: as many; 0: no limit */
    unsigned handshakes_per_s_all; /* and as many datagrams that may be forged, beside them */
    unsigned publish_per_s;        /* items, per key (open: per address); 0: no limit */
    uint64_t secret[2]; /* random: nobody can tell which addresses meet in the same places */
};

struct guard;

/* keys: NULL for none. They are the caller's still when NULL is returned. */
struct guard *guard_new(const struct guard_limits *l, struct nrp_keys *keys,
                        struct news_error *err);
void guard_free(struct guard *g); /* frees the keys as well */

/* One more connection, or session of a datagram address; guard_leave() when it ends. *code is set
 * when false. */
bool guard_enter(struct guard *g, const struct nrp_address *from, int64_t now_us,
                 enum nrp_code *code);
void guard_leave(struct guard *g, const struct nrp_address *from);
/* A HELLO or AUTH from there, over a connection or with a good cookie: false when they come too
 * often. Never for UNIX and loopback. */
bool guard_handshake(struct guard *g, const struct nrp_address *from, int64_t now_us);
/* A datagram of a handshake whose address may be forged: counted with all its like, so that nobody
 * uses up what another's address has. Never false for loopback, which cannot be. */
bool guard_hello(struct guard *g, const struct nrp_address *from, int64_t now_us);
/* How many of `wanted` publications may go on now; the rest is held back (streams) or not
 * taken (datagrams: it comes again). */
unsigned guard_publish(struct guard *g, uint32_t key_id, const struct nrp_address *from,
                       unsigned wanted, int64_t now_us);

/* A copy of the key, filters included (guard_key_free()); NULL: none such. */
struct nrp_key *guard_key(struct guard *g, uint32_t id);
void guard_key_free(struct nrp_key *k);
bool guard_key_stands(struct guard *g, const struct nrp_key *k); /* same id, secret and filters */
void guard_replace_keys(struct guard *g, struct nrp_keys *keys); /* takes them */

struct guard_counts {
    uint64_t sessions, refused_total, refused_address, refused_handshakes, refused_rate;
};
void guard_counts(struct guard *g, struct guard_counts *out);

#endif
