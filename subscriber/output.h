/* subscriber/output.h - standard output that never blocks the loop.
 *
 * What a slow reader has not taken waits in memory; output_full() tells when no more should be
 * added, so that the loop stops reading from the carrier meanwhile. If that lasts longer than the
 * carrier's patience (MQTT: keep alive), the connection ends, and without a store what came meanwhile
 * is lost: the loop says so. */
#ifndef SUBSCRIBER_OUTPUT_H
#define SUBSCRIBER_OUTPUT_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/error.h"

#define OUTPUT_FULL (4u << 20) /* bytes waiting */

struct output {
    struct buf waiting; /* append here, then output_flush() */
    size_t done;        /* of waiting, written already */
    int fd;             /* ours, that does not block; or the one given */
    bool own;           /* it is ours: to be closed */
    size_t chunk; /* of one write; of a descriptor not ours, what cannot block after POLLOUT */
    bool gone;    /* the reader of the pipe has closed it */
};

void output_init(struct output *o, int fd);
void output_deinit(struct output *o);
/* Writes what the reader takes. True: go on (look at gone and output_pending()). False: err. */
bool output_flush(struct output *o, struct news_error *err);
bool output_pending(const struct output *o);
bool output_full(const struct output *o);

#endif
