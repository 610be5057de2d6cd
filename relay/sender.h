/* relay/sender.h - the sending end of a datagram session: what goes out next, at what rate, and
 * what can be sent again. The other end is common/nrp/receiver.h.
 *
 * No I/O and no clock. Takes entries from an outbox, cuts them into fragments, remembers the last
 * `window` frames for repair, answers NAKs, paces by a token bucket that follows the receiver's
 * reports, and says with heartbeats where it stands. Units: microseconds; rates in bytes/s of
 * frames. Memory: a ring of references that grows with what is in flight, up to `window` slots, and
 * is freed when an idle session falls silent (10 s after its last data). Threads: one. */
#ifndef NEWS_RELAY_SENDER_H
#define NEWS_RELAY_SENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/nrp/frame.h"
#include "relay/outbox.h"

struct sender_config {
    unsigned window;     /* W: frames in the ring and in flight, a power of two, at least 2 */
    size_t datagram_max; /* decides the size of fragments */
    int64_t rate_start, rate_floor, rate_cap; /* bytes/s; cap 0: no limit at all */
    int64_t heartbeat_min_us, heartbeat_max_us;
    int64_t linger_us; /* a frame resent less ago is not sent again */
    unsigned resends_per_nak;
    int64_t silence_us; /* data sent and nothing heard for so long: heartbeats only */
};
extern const struct sender_config sender_defaults; /* docs/nrp.md: 1024, 128 KiB/s, 16 KiB/s, ... */

struct sender_counts {
    uint64_t frames;   /* ITEMs, each the first time */
    uint64_t resent;   /* ITEMs, again */
    uint64_t repeated; /* of these: not asked for */
    uint64_t naks, gaps, heartbeats;
};

/* One frame to send. The body's parts live until the next call with the sender or its outbox. */
struct sender_frame {
    struct nrp_frame frame; /* ITEM (topic and payload set), its SHARED, GAP or HEARTBEAT */
};

struct sender;

struct sender *sender_new(const struct sender_config *c, int64_t now_us, struct news_error *err);
void sender_free(struct sender *s); /* NULL is fine */
/* share is asked before an ITEM goes for the first time: true, and it has made something else of
 * it, with the same dseq. What is sent again is always the ITEM. */
void sender_set_share(struct sender *s, bool (*share)(const void *user, struct nrp_frame *item),
                      const void *user);

void sender_on_ack(struct sender *s, int64_t now_us, uint64_t cum_dseq);
/* Bad ranges (dseqs never sent) are passed over. */
void sender_on_nak(struct sender *s, int64_t now_us, const struct nrp_range *ranges, size_t count);
void sender_on_report(struct sender *s, int64_t now_us, const struct nrp_report *r);
/* Anything came from the peer: it is there. */
void sender_heard(struct sender *s, int64_t now_us);

/* A HEARTBEAT with the next sender_next(), before anything else: the answer to a PING. */
void sender_heartbeat_now(struct sender *s);

/* The next frame: resends and their gaps first, then the outbox, then a heartbeat if one is due.
 * A gap goes out as soon as its first dseq is in the window, whatever its width; one that is not
 * acknowledged is said again with heartbeats, because a receiver cannot ask for what is beyond its
 * window. An entry is popped when its first fragment goes; the sender keeps the rest.
 * Where the peer's reports tell of loss, the last frame of a thin stream is sent three times: again with
 * the first two heartbeats.
 * room: bytes left in the datagram, header and tag of it taken off; a frame that does not fit is
 * kept for the next call. fragments: those of an outbox entry were counted with
 * nrp_fragment_count(size, datagram_max), and a topic is never longer than
 * nrp_fragment_room().
 * last_iseq goes into heartbeats. False: nothing now. */
bool sender_next(struct sender *s, int64_t now_us, struct outbox *box, size_t room,
                 uint64_t last_iseq, struct sender_frame *out);
/* When sender_next() may have something again, if nothing else happens; INT64_MAX: only an event
 * brings more. Never in the past after sender_next() said false for an empty datagram. */
int64_t sender_deadline(const struct sender *s, const struct outbox *box);
/* Every dseq that was sent is acknowledged, and no record is sent in part. */
bool sender_is_quiet(const struct sender *s);
uint64_t sender_acked(const struct sender *s);
int64_t sender_rate(const struct sender *s);  /* bytes/s; 0: no limit */
size_t sender_memory(const struct sender *s); /* bytes, records not counted */
const struct sender_counts *sender_counts(const struct sender *s);

#endif
