/* relay/hub.h - all sessions of one reactor, without I/O: bytes, datagrams and the time go in; what
 * is to be written, and the next deadline, come out.
 *
 * The server (server.h) owns sockets and calls; so does the simulator. Reactors share a log and a
 * guard, and nothing else. A turn: give what was read; hub_follow(); hub_tick(); then for each peer
 * of hub_next_writable() write hub_output() and tell hub_sent(); for datagrams, hub_datagram()
 * until 0. Units: microseconds of one monotonic clock. Threads: one for each hub. */
#ifndef NEWS_RELAY_HUB_H
#define NEWS_RELAY_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "common/error.h"
#include "common/nrp/frame.h"
#include "common/nrp/secure.h"
#include "relay/group.h"
#include "relay/guard.h"
#include "relay/log.h"
#include "relay/outbox.h"
#include "relay/sender.h"

struct hub_config {
    size_t item_max;            /* bytes of topic and payload */
    unsigned subscriptions_max; /* of one session */
    struct outbox_limits queue_qos0, queue_qos1;
    struct sender_config sender;
    int64_t handshake_us; /* 5 s: from accept to a valid AUTH */
    int64_t frame_us;     /* 30 s: for a frame that has begun */
    int64_t idle_us;      /* 15 s: then PING on streams; dead after 3 unanswered */
    int64_t lease_us;     /* 30 s: datagram sessions */
    int64_t goodbye_us;   /* 2 s: to say it; after hub_shutdown() without anything that moves */
    int64_t drain_us;     /* 10 s: after hub_shutdown(), at most */
    size_t pass_max;      /* bytes that hub_output() offers at once; an item larger than that
                             is offered whole */
    enum nrp_security security_least; /* what a client must bring at least */
    struct group_config group;        /* multicast */
};
extern const struct hub_config hub_defaults;

struct hub_counts {
    uint64_t published, refused, delivered, delivered_bytes, dropped_oldest, dropped_newest,
        disconnected_slow, resent, naks, gaps, auth_failures, replays, bad_datagrams, bad_frames,
        handshakes, sessions_stream, sessions_datagram, subscriptions, wills;
    /* ITEMs that went to the group, in datagrams; items it had no room for; now; ITEMs saved */
    uint64_t group_bodies, group_datagrams, group_refused, group_members, shared;
};

struct hub;
struct peer; /* a stream connection, or a datagram session */

struct hub *hub_new(const struct hub_config *c, struct relay_log *log, unsigned follower,
                    struct guard *guard, const struct nrp_random *random, int64_t now_us,
                    struct news_error *err);
void hub_free(struct hub *h); /* all peers of it go without a word */

/* --- streams ----------------------------------------------------------------------------- */

/* user: what the server has for it. NULL: refused by a limit (*code) or no memory. */
struct peer *hub_accept(struct hub *h, int64_t now_us, const struct nrp_address *from, void *user,
                        enum nrp_code *code);
void *peer_user(const struct peer *p);
/* Any bytes in order; they may be changed. False: read no more from it; hub_output() may still have
 * a last word, and peer_over() tells when to close. */
bool hub_input(struct hub *h, int64_t now_us, struct peer *p, uint8_t *bytes, size_t len);
/* Does the hub want input from it now? Not while a publisher is held back (log full, SLOW_BLOCK).
 */
bool peer_wants_input(const struct peer *p);
/* Fills at most max iovecs; they live until hub_sent() or any other call for p. */
int hub_output(struct hub *h, struct peer *p, struct iovec *iov, int max);
void hub_sent(struct hub *h, int64_t now_us, struct peer *p, size_t len);
bool peer_over(const struct peer *p); /* everything it had to say is written: hub_close() it */
/* The server closes the socket; p is freed. A will is published unless a GOODBYE came. */
void hub_close(struct hub *h, int64_t now_us, struct peer *p);

/* Streams that have something to write, or are over, since they were last returned; NULL: no more.
 * One comes again when hub_sent() took all that was offered and there is more. One whose socket was
 * full does not, until it is over: the server waits for EPOLLOUT and asks hub_output() again. */
struct peer *hub_next_writable(struct hub *h);

/* --- datagrams --------------------------------------------------------------------------- */

/* bytes may be changed. Nothing is kept for an address that has not returned a cookie. */
void hub_datagram_input(struct hub *h, int64_t now_us, const struct nrp_address *from,
                        uint8_t *bytes, size_t len);
/* The next datagram to send: its bytes, at most size, and where; 0: none now. */
size_t hub_datagram(struct hub *h, int64_t now_us, uint8_t *out, size_t size,
                    struct nrp_address *to);

/* --- both -------------------------------------------------------------------------------- */

/* Takes from the log what it has and queues it for whoever subscribed. True: there may be more
 * (call again after output has been written). */
bool hub_follow(struct hub *h, int64_t now_us);
void hub_tick(struct hub *h, int64_t now_us);
int64_t hub_deadline(const struct hub *h); /* INT64_MAX: none; never in the past after hub_tick() */
/* Did input append to the log since the last call? Then the other reactors want to know. */
bool hub_appended(struct hub *h);
/* The relay's own word (its status), as a retained publication of nobody. */
bool hub_publish(struct hub *h, int64_t now_us, const char *topic, const void *payload, size_t len);
/* Keys were replaced: ends sessions whose key no longer stands. */
void hub_keys_changed(struct hub *h, int64_t now_us);
/* Takes no new sessions and no more publications, drains what is queued, then says GOODBYE (10).
 * hub_is_empty() tells when all are gone. Once nobody has taken anything for goodbye_us, or after
 * drain_us, whoever is left is cut off. */
void hub_shutdown(struct hub *h, int64_t now_us);
bool hub_is_empty(const struct hub *h);
const struct hub_counts *hub_counts(const struct hub *h);
size_t hub_memory(const struct hub *h); /* bytes in queues and rings: for invariants */

#endif
