/* relay/pace.h - how fast one datagram session is sent to: a token bucket whose rate follows the
 * receiver's reports (AIMD in the spirit of RFC 8085, section 3.1).
 *
 * The bucket holds 50 ms of the rate, but at least one datagram and at most 16. Units: bytes,
 * bytes/s, microseconds. Threads: one. */
#ifndef NEWS_RELAY_PACE_H
#define NEWS_RELAY_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pace {
    int64_t rate, floor, cap; /* cap 0: no limit, and then nothing else matters */
    int64_t datagram_max;
    int64_t
        tokens; /* in bytes/1 000 000, so that a microsecond's worth is whole; may be negative */
    int64_t filled_us;
    bool slowed; /* a report told of loss: from then on with care */
};

void pace_init(struct pace *p, int64_t start, int64_t floor, int64_t cap, size_t datagram_max,
               int64_t now_us);
/* May so many bytes (at most datagram_max) go now? */
bool pace_allows(struct pace *p, int64_t now_us, size_t bytes);
/* They went. Nobody has to ask first: a debt is paid before anything else goes. */
void pace_spend(struct pace *p, size_t bytes);
/* When pace_allows() will say yes, if it has just said no. */
int64_t pace_ready(const struct pace *p, size_t bytes);
/* What the receiver saw: over 10 % missing halves the rate, under 2 % adds a tenth, or doubles it
 * as long as no report told of more. */
void pace_report(struct pace *p, uint32_t received, uint32_t lost);

#endif
