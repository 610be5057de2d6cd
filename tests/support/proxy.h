/* tests/support/proxy.h - stands between an MQTT client and its broker, and goes wrong on demand.
 *
 * A process of its own that dies with the test. It passes whole MQTT packets on, so that it can
 * swallow some of them; what it is told holds before the call returns. No assertions: a proxy that
 * has gone wrong by itself is seen by connections that end. */
#ifndef NEWS_TEST_PROXY_H
#define NEWS_TEST_PROXY_H

#include <stdbool.h>

enum proxy_direction { PROXY_TO_CLIENT, PROXY_TO_SERVER };
enum proxy_packet { PROXY_NOTHING = 0, PROXY_PUBLISH = 3, PROXY_PUBACK = 4 }; /* MQTT 5.0 §2.1.2 */

struct proxy;

/* Listens on a free loopback port for clients of 127.0.0.1:port. NULL: no process or socket. */
struct proxy *proxy_new(int port);
void proxy_free(struct proxy *p); /* NULL is fine */
const char *proxy_url(const struct proxy *p);

/* Resets every present connection, on both sides. */
void proxy_cut(struct proxy *p);
/* Half open: the clients lose their connections, the server keeps them; or the other way round.
 * What the remaining side sends is thrown away. */
void proxy_cut_clients(struct proxy *p);
void proxy_cut_servers(struct proxy *p);
/* Throws packets of that type away, of a PUBLISH only those whose topic begins with prefix (NULL:
 * any). One rule a direction; PROXY_NOTHING ends it. */
void proxy_swallow(struct proxy *p, enum proxy_direction to, enum proxy_packet type,
                   const char *prefix);
/* To the clients, each connection; 0: as fast as it goes. */
void proxy_throttle(struct proxy *p, unsigned bytes_per_s);

struct proxy_counts {
    unsigned accepted, open; /* connections: all so far, present ones */
    unsigned swallowed;      /* packets */
};
struct proxy_counts proxy_counts(struct proxy *p);

#endif
