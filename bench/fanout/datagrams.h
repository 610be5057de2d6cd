/* bench/fanout/datagrams.h - NRP over UDP, one publisher to one subscriber, and what bare datagrams
 * do on the same machine. Each prints one line of name=value. */
#ifndef BENCH_FANOUT_DATAGRAMS_H
#define BENCH_FANOUT_DATAGRAMS_H

/* A process sends `count` datagrams of `size` bytes with sendto(2), as fast as it can; another
 * receives what arrives. */
int datagrams_bare(unsigned long count, unsigned long size);

/* Publishes over TCP, receives over UDP at QoS 1 with common/nrp/client.h, from a newsrelay that
 * listens for both at this port of loopback. rate 0: as fast as it goes, `window` under way. */
int datagrams_relay(const char *port, unsigned long count, unsigned long size, unsigned long rate,
                    unsigned long window);

#endif
