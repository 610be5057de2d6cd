/* common/nrp/client.h - one NRP/1 session as a client has it, without I/O.
 *
 * Bytes and the time go in; bytes, callbacks and the next deadline come out. The same code serves
 * streams (TCP, UNIX) and datagrams (UDP); what differs is that datagrams are repaired by
 * receiver.h and requests are repeated. A client is one session: it connects, lives and ends.
 *
 * A turn: give what was read (input), then tick, then take what is to be written (pending/sent, or
 * datagram until 0), then wait for the socket or the deadline. Callbacks run inside input, tick,
 * sent, datagram, hold, lost and close; they may call anything but input, tick, sent, datagram and
 * free. Units: microseconds of one monotonic clock.
 * Threads: one. Memory: bounded by item_max (ours or the relay's), the window, and 1 MiB of
 * unwritten stream. */
#ifndef NEWS_NRP_CLIENT_H
#define NEWS_NRP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/nrp/frame.h"
#include "common/nrp/key.h"
#include "common/nrp/receiver.h"
#include "common/nrp/secure.h"

#define NRP_WINDOW_MAX 512 /* publications without an answer */

/* Where a later connection goes on. Zeroed: only what comes from now on. */
struct nrp_resume {
    uint64_t epoch, iseq; /* everything before iseq was accepted */
};

struct nrp_client_config {
    bool datagrams;
    enum nrp_role role;         /* 0: both */
    enum nrp_security security; /* other than NRP_OPEN needs a key */
    const struct nrp_key *key;  /* copied; NULL: none */
    uint8_t client_id[NRP_ID_SIZE];
    unsigned window;     /* publications without an answer; 0: 200, at most NRP_WINDOW_MAX */
    size_t item_max;     /* the largest item we take, larger ones are lost; 0: 1 MiB */
    size_t datagram_max; /* 0: NRP_DATAGRAM_MAX */
    bool ordered;        /* datagrams: hand over in order, not as they come */
    bool multicast;      /* datagrams: join the relay's group, if it has one and we hear it */
    struct nrp_resume resume;
    int64_t handshake_us; /* in all; 0: 10 s */
    struct nrp_receiver_config
        receiver; /* thresholds for tests; repair, ordered and item_max are set by us */
};

struct nrp_group_address {
    uint8_t ip[4];
    uint16_t port;
};

struct nrp_client_events {
    void *user;
    void (*on_up)(void *user, const struct nrp_welcome *w);
    /* The end, once. why NULL: we said goodbye. Codes: NEWS_ERR_DENIED, _TAKEN_OVER, _UNREACHABLE,
     * _PROTOCOL. */
    void (*on_down)(void *user, const struct news_error *why);
    void (*on_item)(void *user, const struct nrp_delivery *d);
    /* code: NRP_OK or why it was refused. */
    void (*on_published)(void *user, uint64_t token, unsigned code);
    void (*on_subscribed)(void *user, const char *filter, unsigned code);
    /* What QoS 0 lost, or QoS 1 could not get back even from the log (an upper bound then). */
    void (*on_lost)(void *user, uint64_t count);
    /* Listen there, and give what comes to nrp_client_group_input(); NULL: no longer. Never called
     * without config.multicast, nor for the end of the session. */
    void (*on_group)(void *user, const struct nrp_group_address *at);
};

struct nrp_client_counts {
    struct nrp_receiver_counts receiver;
    uint64_t datagrams_in, datagrams_out, bytes_in, bytes_out;
    uint64_t bad_datagrams, replays, requests_repeated, resyncs;
    /* Of the group: what it sent; what was not its own; ITEMs that came by it, and did not. */
    uint64_t group_datagrams, group_bad, group_replays, group_joins, group_leaves;
    uint64_t shared_heard, shared_missed;
    int64_t srtt_us; /* 0: unknown */
};

struct nrp_client;

struct nrp_client *nrp_client_new(const struct nrp_client_config *c,
                                  const struct nrp_client_events *events,
                                  const struct nrp_random *random, int64_t now_us,
                                  struct news_error *err);
void nrp_client_free(struct nrp_client *c); /* NULL is fine */

/* Streams: any bytes in order. Datagrams: one whole datagram. The bytes may be changed (unsealing
 * works in place). False: the session is over (on_down was called). */
bool nrp_client_input(struct nrp_client *c, int64_t now_us, uint8_t *bytes, size_t len);
/* A datagram to the group. from_relay: it has the source address of the session's own. Give these
 * before the session's own where both are there: those refer to them. */
void nrp_client_group_input(struct nrp_client *c, int64_t now_us, bool from_relay, uint8_t *bytes,
                            size_t len);
/* on_group() could not be followed: the session goes on without. */
void nrp_client_group_unheard(struct nrp_client *c, int64_t now_us);
/* The connection was lost or ended, or the datagram could not be sent: on_down follows. */
void nrp_client_lost(struct nrp_client *c, const struct news_error *why);
void nrp_client_tick(struct nrp_client *c, int64_t now_us);
int64_t nrp_client_deadline(const struct nrp_client *c); /* INT64_MAX: none */

/* Streams: what is to be written, and how much was. */
const uint8_t *nrp_client_pending(const struct nrp_client *c, size_t *len);
void nrp_client_sent(struct nrp_client *c, int64_t now_us, size_t len);
/* Datagrams: fills out (datagram_max bytes) with the next one; 0: none now. */
size_t nrp_client_datagram(struct nrp_client *c, int64_t now_us, uint8_t *out);
/* EMSGSIZE: the path takes less; the next smaller size is tried (1200, 1024, 548). A session that
 * is up ends: its fragments were cut to the size agreed upon, and the next one finds a smaller. */
void nrp_client_too_big(struct nrp_client *c);

/* on_subscribed follows. With resume set they go on from where the session is: subscribe to all of
 * them in on_up. The first one fixes the session's QoS, later ones take it as it is. False:
 * not up, ended, malformed, too many. retained: also what the relay keeps under the filter. */
bool nrp_client_subscribe(struct nrp_client *c, const char *filter, int qos, bool retained,
                          struct news_error *err);
bool nrp_client_unsubscribe(struct nrp_client *c, const char *filter, struct news_error *err);

struct nrp_publication {
    const char *topic;
    const void *payload;
    size_t payload_len;
    bool acknowledged; /* QoS 1: repeated until answered; else on_published follows once it was
                          written */
    bool retain;
    bool will; /* kept by the relay until the session ends without a goodbye; acknowledged */
};
enum nrp_published { NRP_PUB_TAKEN, NRP_PUB_FULL, NRP_PUB_REFUSED };
enum nrp_published nrp_client_publish(struct nrp_client *c, int64_t now_us,
                                      const struct nrp_publication *p, uint64_t token,
                                      struct news_error *err);
/* The largest payload for this topic on this session; SIZE_MAX while not up. */
size_t nrp_client_payload_max(const struct nrp_client *c, size_t topic_len);

/* QoS 1: everything given to on_item so far is safe: it may be acknowledged, and resume moves on.
 */
void nrp_client_accept(struct nrp_client *c, int64_t now_us);
struct nrp_resume nrp_client_resume(const struct nrp_client *c);
/* Off: nothing more is handed over (streams: give no input either). */
void nrp_client_hold(struct nrp_client *c, int64_t now_us, bool held);
/* Says goodbye once what was published is written (QoS 1: answered); on_down(NULL) follows. */
void nrp_client_close(struct nrp_client *c, int64_t now_us);
bool nrp_client_is_up(const struct nrp_client *c);
void nrp_client_counts(const struct nrp_client *c, struct nrp_client_counts *out);

#endif
