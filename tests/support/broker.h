/* tests/support/broker.h - real brokers and relays on free loopback ports, one test's own.
 *
 * Usage: broker_new(), broker_file() and broker_add() for its configuration, broker_start(). A
 * broker that is not installed is a reason to skip, which the test says out loud:
 *     const char *missing = broker_missing(BROKER_MOSQUITTO);
 *     if (missing) { print_message("SKIP: %s\n", missing); skip(); }
 * Ports are found by bind(0); a restart has the same port. No assertions here. */
#ifndef NEWS_TEST_BROKER_H
#define NEWS_TEST_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum broker_kind {
    BROKER_MOSQUITTO,
    BROKER_NATS,  /* its MQTT listener: 3.1.1 only */
    BROKER_RELAY, /* our newsrelay, which listens for all three; these differ in broker_url() */
    BROKER_RELAY_UDP,
    BROKER_RELAY_UNIX,
};

/* NULL when it can be started here, else a sentence that says what to install. */
const char *broker_missing(enum broker_kind kind);

struct broker;

/* Not running yet. NULL: no temporary directory or port. */
struct broker *broker_new(enum broker_kind kind);
/* Lines for its configuration file. Mosquitto has a listener and allow_anonymous true already
 * (unless a password_file line is added), per_listener_settings false. */
__attribute__((format(printf, 2, 3))) void broker_add(struct broker *b, const char *format, ...);
/* A file in its directory; returns its path, which lives until the next call. NULL: failed. */
const char *broker_file(struct broker *b, const char *name, const char *text);

/* Returns once it accepts connections. False: it does not; its log is on standard error. */
bool broker_start(struct broker *b);
void broker_stop(struct broker *b);           /* SIGTERM, and waits */
void broker_kill(struct broker *b);           /* SIGKILL: as a crash */
void broker_pause(struct broker *b, bool on); /* SIGSTOP, SIGCONT */
void broker_free(struct broker *b);           /* kills, removes its directory; NULL is fine */

int broker_port(const struct broker *b);
const char *broker_url(const struct broker *b); /* mqtt://127.0.0.1:port, nrp+unix:///path */
/* The same for a server of this kind at another port or, of BROKER_RELAY_UNIX, with nobody there.
 * Lives until the next call. */
const char *broker_url_at(enum broker_kind kind, int port);
pid_t broker_pid(const struct broker *b);

/* A free loopback port. Another process may take it before you do, which is rare enough. */
int broker_free_port(void);

#endif
