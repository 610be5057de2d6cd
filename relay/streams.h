/* relay/streams.h - the stream connections of one reactor: TCP and UNIX sockets between the kernel
 * and the hub.
 *
 * Each turn every connection gets at most one read and one write, so that nobody waits long for
 * somebody else. Threads: the reactor's. Memory: a read buffer of 256 KiB for all of them. */
#ifndef NEWS_RELAY_STREAMS_H
#define NEWS_RELAY_STREAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "relay/hub.h"

struct streams_counts {
    uint64_t bytes_in, bytes_out, connections, refused, lost;
};

struct streams;

struct streams *streams_new(int epoll, struct hub *hub, struct news_error *err);
void streams_free(struct streams *s); /* closes them all; before hub_free(). NULL is fine */
/* An accepted socket, which is ours from now on. One that is refused is told why and closed. */
void streams_take(struct streams *s, int fd, const struct nrp_address *from, int64_t now_us);
/* Writes what the hub has for them. True: some could take more at once. */
bool streams_flush(struct streams *s, int64_t now_us);
bool streams_wait(const struct streams *s); /* the last flush found a socket that was full */
/* Nobody is left: none is open, and none still takes what the kernel has for it. */
bool streams_are_over(const struct streams *s);
/* After the flush: reads again from those that the hub wants input from again, and closes those
 * that only waited for their peer to close. */
void streams_tick(struct streams *s, int64_t now_us);
/* When to call streams_tick() if nothing else happens. */
int64_t streams_deadline(const struct streams *s);
void streams_counts(const struct streams *s, struct streams_counts *out);

#endif
