/* bench/fanout/peer.h - the servers that fan out, as raw clients see them: one row each.
 *
 * Clients here do as little as a client can: messages are encoded once and sent from memory, and
 * since all of a run have one size, deliveries are counted by dividing bytes. That is the same for
 * every peer, so what differs is the server. */
#ifndef BENCH_FANOUT_PEER_H
#define BENCH_FANOUT_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PEER_TOPIC   "news/bench" /* NATS: news.bench */
#define PEER_MESSAGE 8192         /* the largest encoded message */

struct peer_run { /* what a row needs to know of the run */
    size_t payload_len;
    unsigned subscribers;
    int qos;
};

struct peer {
    const char *name;
    /* Say hello on a blocking socket, until messages may flow. False: the server did not agree. */
    bool (*greet_publisher)(int fd, const struct peer_run *run);
    bool (*greet_subscriber)(int fd, const struct peer_run *run);
    /* Encodes publication `number` (from 1) with this payload; returns its size, the same for all.
     */
    size_t (*encode)(uint8_t *out, const uint8_t *payload, uint64_t number,
                     const struct peer_run *run);
    /* Of a delivered message: its size, and where the payload begins in it. */
    size_t (*delivered)(const struct peer_run *run, size_t *payload_at);
    /* Bytes that come back to the publisher for each publication; 0: none. */
    size_t (*answer)(const struct peer_run *run);
    /* What a subscriber says after `total` deliveries, the last of which is at message; bytes
     * written to out, 0: nothing. NULL: never anything. */
    size_t (*acknowledge)(uint8_t *out, const uint8_t *message, uint64_t total,
                          const struct peer_run *run);
    bool qos1; /* can do it */
};

const struct peer *peer_find(const char *name); /* NULL: unknown */
const char *peer_names(void);                   /* "bare, nats, ..." */

#endif
