/* tests/support/peer.h - a server that says what a test tells it to.
 *
 * For what real brokers hardly ever do: odd refusals, take-over messages, broken packets, silence.
 * It has one listening socket and one connection at a time, never blocks, and is driven by the
 * test: peer_serve() each turn. */
#ifndef NEWS_TEST_PEER_H
#define NEWS_TEST_PEER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

struct peer_answer { /* to what came first on a connection */
    const void *bytes;
    size_t len;
    bool close; /* after it */
};

struct peer {
    int listener, connection; /* -1: none */
    int port;
    char url[64];
    unsigned accepted;                 /* connections so far */
    unsigned ended;                    /* of them, by the client */
    struct buf received;               /* on the present connection */
    const struct peer_answer *answers; /* one for each connection; the last for all that follow */
    size_t answer_count;
    bool answered;
};

bool peer_open(struct peer *p, const struct peer_answer *answers, size_t count);
/* Listens with room for nobody: the kernel leaves who connects without an answer. */
bool peer_open_black_hole(struct peer *p);
void peer_close(struct peer *p); /* zeroed or open */
void peer_serve(void *peer);     /* struct peer *, the shape stations_run() wants */
bool peer_send(struct peer *p, const void *bytes, size_t len);
/* The number of whole MQTT packets of this type (1 to 15) in what was received. */
unsigned peer_count_packets(const struct peer *p, unsigned type);

#endif
