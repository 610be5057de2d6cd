/* bench/fanout/bare.h - the limit: a fan-out that does nothing but move bytes.
 *
 * One epoll loop; what publishers send is read into one ring, and once a turn each subscriber is
 * written all it has not had, by one writev. It looks at no message and drops none: publishers
 * wait for the slowest subscriber. */
#ifndef BENCH_FANOUT_BARE_H
#define BENCH_FANOUT_BARE_H

/* Listens on a loopback port (written to standard output with a newline) until it is killed.
 * message_len: publications are read whole, so that those of several publishers do not mix. */
int bare_serve(unsigned long message_len);

#endif
