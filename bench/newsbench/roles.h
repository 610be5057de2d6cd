/* bench/newsbench/roles.h - the processes of a run that are not the server: each publishes, or
 * subscribes, or watches the machine, and writes what it notes to the board.
 *
 * One process for each publisher; one for each subscriber up to ROLES_ALONE of them, else as many
 * processes with several connections each. They die with newsbench, whatever it dies of. Threads:
 * start them from the main thread: the kernel ties their life to the thread that forked them. */
#ifndef BENCH_ROLES_H
#define BENCH_ROLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/newsbench/board.h"
#include "bench/newsbench/plan.h"
#include "bench/newsnet/netlab.h"
#include "common/error.h"
#include "common/nrp/key.h"

#define ROLES_ALONE 20
#define ROLES_MAX   128

enum role { ROLE_PUBLISHER, ROLE_SUBSCRIBER, ROLE_HICCUP };

/* What all of them are told. */
struct role_setup {
    const struct cell *cell;
    struct board *board;
    const char *url;           /* of the server; NULL: none */
    const struct nrp_key *key; /* NULL: none */
    const struct netlab *lab;  /* NULL: loopback. Publishers are in side 0, subscribers in 1 */
    bool spin;                 /* publishers */
};

struct role_process {
    enum role role;
    size_t first, count; /* publishers or subscribers in it */
    pid_t pid;
};

struct roles {
    struct role_process process[ROLES_MAX];
    size_t count;
};

bool roles_start_subscribers(struct roles *r, const struct role_setup *s, struct news_error *err);
bool roles_start_publishers(struct roles *r, const struct role_setup *s, struct news_error *err);
bool roles_start_hiccup(struct roles *r, const struct role_setup *s, struct news_error *err);
/* False: one has ended, which none does by itself; err has its last words. */
bool roles_alive(struct roles *r, const struct board *b, struct news_error *err);
void roles_stop(struct roles *r); /* all of them; zeroed is fine */

/* What the processes do. They return only when they cannot go on; err says why. */
void publisher_role(const struct role_setup *s, size_t number, struct news_error *err);
void subscriber_role(const struct role_setup *s, size_t first, size_t count,
                     struct news_error *err);
/* Asks a mosquitto what it has dropped ($SYS), and notes it on the board. Returns once it has. */
void drops_role(const struct role_setup *s, struct news_error *err);
bool roles_ask_drops(const struct role_setup *s, struct news_error *err); /* at most 2 s */

#endif
