/* bench/newsbench/server.h - the server of one run: a mosquitto or a newsrelay of its own, with a
 * configuration file that says what is fair, on a port nobody else has.
 *
 * Ownership: the server owns a temporary folder with its configuration, log, socket and key; all of
 * it goes with it. It dies with newsbench. Threads: the main thread starts and ends it. */
#ifndef BENCH_SERVER_H
#define BENCH_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "bench/newsbench/plan.h"
#include "bench/newsnet/netlab.h"
#include "common/buf.h"
#include "common/error.h"
#include "common/nrp/key.h"

/* Of both servers. Deliveries without an answer to one subscriber, and items that wait for one. */
#define SERVER_INFLIGHT 200
#define SERVER_QUEUE    1000

struct server_setup {
    const struct carrier *carrier; /* server is not SERVER_NONE */
    size_t payload_max;
    const char *program;      /* NULL: server_find() */
    const struct netlab *lab; /* NULL: loopback; else the server is in side 0 */
};

struct bench_server;

/* Where its program is: `given`, or beside newsbench, or in PATH. False: nowhere, err says so. */
bool server_find(enum server kind, const char *given, char *path, size_t size,
                 struct news_error *err);
/* The configuration file, for a server at this address. Folder: of key and socket. */
void server_config(const struct carrier *c, const char *address, unsigned port, const char *folder,
                   struct buf *out);

/* Running, and ready for connections. NULL: err has the last line of its log. */
struct bench_server *server_start(const struct server_setup *s, struct news_error *err);
/* Ends it, and waits until it has. NULL is fine. */
void server_free(struct bench_server *s);
const char *server_url(const struct bench_server *s);
const struct nrp_key *server_key(const struct bench_server *s); /* NULL: none */
pid_t server_pid(const struct bench_server *s);
bool server_alive(struct bench_server *s, struct news_error *err);

/* Faults. */
void server_kill(struct bench_server *s);
bool server_restart(struct bench_server *s, struct news_error *err); /* after a kill, same port */
void server_pause(struct bench_server *s, bool on);

#endif
