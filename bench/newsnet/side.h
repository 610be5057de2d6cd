/* bench/newsnet/side.h - a network namespace with a TUN device as its only way out.
 *
 * The device, "news0", has 10.77.0.(number + 1)/24 and the route for multicast; the loopback device
 * is up. What is sent to the device is read from tun, one IP packet at a time, as it would be on a
 * wire: a TUN without offloads has its segments cut and its checksums filled in by the kernel. */
#ifndef BENCH_SIDE_H
#define BENCH_SIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

struct side {
    int net;     /* the namespace, for setns(); it lives as long as this, or a process in it */
    int tun;     /* the device lives as long as this */
    int devices; /* the namespace's /proc/net/dev */
};

/* The calling process is back in its own namespace when this returns; threads are not moved.
 * NEWS_ERR_DENIED: without the privilege; NEWS_ERR_UNSUPPORTED: not on this machine. */
bool side_open(struct side *s, unsigned number, struct news_error *err);
void side_close(struct side *s); /* also one that failed to open; descriptors below 0 are none */
/* Packets that the kernel dropped at the device, either way, without anybody having seen them. */
uint64_t side_unseen(const struct side *s);

#endif
