/* common/transport/transport.h - one connection to a carrier of news, whichever kind it is.
 *
 * A struct transport is one attempt: it connects, lives, and ends; it never reconnects. Choosing
 * among several URLs, backing off and coming back is link.h's work, on top of this. Programs never
 * ask which kind a transport is. A new carrier is one new .c file and one line in the table that
 * transport_open() searches by URL scheme. Every op is required: a carrier that cannot do
 * something fails with NEWS_ERR_UNSUPPORTED and says so.
 *
 * Threads: everything here, callbacks included, runs on the caller's thread, and callbacks run
 * only inside transport_service(). A callback may subscribe and publish; it must not destroy the
 * transport.
 * Signals: the first MQTT transport makes the process ignore SIGPIPE (libmosquitto writes to
 * sockets without MSG_NOSIGNAL): whoever writes to a pipe looks for EPIPE, and a child that is
 * started gets SIGPIPE back before exec.
 * Loop: poll the fd of transport_wait() for its events until its deadline, then call
 * transport_service() with what poll said; ask again each turn, the fd changes. */
#ifndef NEWS_TRANSPORT_H
#define NEWS_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

struct message {
    const char *topic; /* NUL-terminated */
    const void *payload;
    size_t payload_len;
    int qos;
    bool retained;
};

enum transport_state {
    TRANSPORT_CONNECTING,
    TRANSPORT_UP,   /* subscribe and publish */
    TRANSPORT_DOWN, /* over: refused, lost or closed; destroy it */
};

struct transport_events {
    void *user;
    /* why is NULL for UP and for a close that was asked for. Its code tells what may help:
     * NEWS_ERR_DENIED and NEWS_ERR_TAKEN_OVER do not go away by trying again. */
    void (*on_state)(void *user, enum transport_state state, const struct news_error *why);
    /* m lives for the call only. */
    void (*on_message)(void *user, const struct message *m);
    /* A batch was read: everything given to on_message since the last call is acknowledged to the
     * carrier only after this returns true. False: nothing of it is, and the connection ends (the
     * carrier, or a sync, brings it again). NULL is "true". */
    bool (*on_batch)(void *user);
    /* The answer to one transport_publish(): refused is NULL when the carrier took it. Never
     * called for what is unanswered when the connection ends; the caller sends those again. */
    void (*on_published)(void *user, uint64_t token, const struct news_error *refused);
    /* The answer to one transport_subscribe(). */
    void (*on_subscribed)(void *user, const char *filter, const struct news_error *refused);
    /* The carrier tells that so many messages will not come any more. Not every carrier can: MQTT
     * has no way to say it. */
    void (*on_lost)(void *user, uint64_t count);
};
#define TRANSPORT_TELLS_LOSSES 1

struct nrp_key;

/* What one server's carrier remembers from one connection to the next: where to go on. Zeroed at
 * first; the caller keeps it, for one URL, longer than any transport that was opened with it. */
struct transport_memory {
    uint64_t epoch, position;
};

struct transport_options {
    const char *client_id;  /* NULL: made up, unique */
    const char *username;   /* NULL: from the URL, or none */
    const char *password;   /* NULL: none. Never logged. */
    int keepalive_s;        /* 0: 30 */
    int connect_timeout_ms; /* resolve, connect and be greeted; 0: 10 000 */
    unsigned window;        /* unacknowledged publications at most; 0: 200 */
    size_t packet_max;      /* largest packet we take, announced where the carrier can; 0: 1 MiB */
    bool keep_session;      /* the carrier remembers us between connections (MQTT: clean start 0) */
    int mqtt_version;       /* 5 or 4 (3.1.1); 0: 5, falling back to 3.1.1 when 5 is refused */
    const struct nrp_key *key;       /* of NRP: id and secret; NULL: none */
    bool clear;                      /* with a key: frames are authenticated and stay readable */
    bool multicast;                  /* NRP over UDP: take what the relay sends to a group */
    struct transport_memory *memory; /* NULL: each connection starts anew. Not copied. */
    bool nagle;                      /* leave Nagle's algorithm on (labs and tests) */
    const struct message *will;      /* NULL: none; copied */
};

struct transport_wait {
    int fd;                   /* -1: nothing to poll, the deadline alone */
    short events;             /* of poll(2), to be passed on as they are */
    int64_t deadline_mono_ms; /* call service no later; INT64_MAX: no need */
};

enum transport_answer {
    TRANSPORT_TAKEN,
    TRANSPORT_FULL,    /* the window is full or we are not up: again after on_published */
    TRANSPORT_REFUSED, /* this message can never be sent here: err says why and names the limit */
};

/* A parsed broker URL, e.g. mqtt://[user@]host[:port], nrp+unix:///path. No password in it: a URL
 * with one is refused, since command lines are public. */
struct transport_url {
    char scheme[16];
    char user[64];  /* percent-decoded; "" none */
    char host[256]; /* name, IPv4, or IPv6 without brackets */
    int port;       /* the scheme's default when the URL has none */
    char path[108]; /* of nrp+unix */
    char text[400]; /* as given: for messages */
};

/* A bare "host" or "host:port" means mqtt://. */
bool transport_url_parse(const char *text, struct transport_url *url, struct news_error *err);

struct transport;

struct transport_ops {
    const char *scheme;
    int default_port;
    struct transport *(*open)(const struct transport_url *url, const struct transport_options *o,
                              const struct transport_events *events, struct news_error *err);
    bool (*subscribe)(struct transport *t, const char *filter, int qos, struct news_error *err);
    enum transport_answer (*publish)(struct transport *t, const struct message *m, uint64_t token,
                                     struct news_error *err);
    /* The largest payload this topic can carry at that QoS; SIZE_MAX where there is no limit. */
    size_t (*payload_max)(const struct transport *t, const char *topic, int qos);
    /* Can m be sent here at all? False: err says why and names the limit. */
    bool (*admit)(const struct transport *t, const struct message *m, struct news_error *err);
    void (*set_reading)(struct transport *t, bool on);
    struct transport_wait (*wait)(const struct transport *t);
    void (*service)(struct transport *t, short revents);
    void (*close)(struct transport *t);
    void (*destroy)(struct transport *t);
};

struct transport { /* embedded first in each carrier's own struct */
    const struct transport_ops *ops;
};

/* Starts to connect; on_state follows from transport_service(). NULL: the URL or an option is
 * wrong, or no carrier has this scheme. What options and events point to is copied, except
 * events->user. */
struct transport *transport_open(const struct transport_url *url,
                                 const struct transport_options *options,
                                 const struct transport_events *events, struct news_error *err);

/* on_subscribed follows. False: not up, or the filter is malformed. */
bool transport_subscribe(struct transport *t, const char *filter, int qos, struct news_error *err);
/* Takes a copy of m. token comes back in on_published, once, unless the connection ends first.
 * What is taken is on its way by the next transport_service() at the latest. */
enum transport_answer transport_publish(struct transport *t, const struct message *m,
                                        uint64_t token, struct news_error *err);
size_t transport_payload_max(const struct transport *t, const char *topic, int qos);
/* What transport_publish() would refuse is refused here, without sending anything. */
bool transport_admit(const struct transport *t, const struct message *m, struct news_error *err);
/* Off: no more messages are read until it is on again, so that the carrier holds them back.
 * Acknowledgements of our own publications may wait with them, and so does the carrier's sign of
 * life: off for longer than keepalive_s may end the connection. On at first. */
void transport_set_reading(struct transport *t, bool on);
struct transport_wait transport_wait(const struct transport *t);
void transport_service(struct transport *t, short revents);
/* Says goodbye: what was published goes out first, then DOWN comes without an error. */
void transport_close(struct transport *t);
void transport_destroy(struct transport *t); /* at once, without goodbye; NULL is fine */

#endif
