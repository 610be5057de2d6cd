/* common/transport/link.h - keeps one of several transports up.
 *
 * The URLs are an order of preference. A link tries the first; when it fails, the next; after the
 * last it waits (full jitter, doubling from 0.5 s to 60 s, reset once a connection has lasted) and
 * starts over. A connection that works is kept until it is lost: only then the preferred URL gets
 * its next chance. Subscriptions are remembered and made again on every connection. Publications
 * are not: whoever owns them sends the unanswered ones again when on_state says UP.
 *
 * Threads and loop: as in transport.h; link_wait() and link_service() take their place. */
#ifndef NEWS_LINK_H
#define NEWS_LINK_H

#include "common/transport/transport.h"

#define LINK_URLS_MAX    16
#define LINK_FILTERS_MAX 128

struct link;

struct link_options {
    struct transport_options transport;
    /* How long the first connection may take in all before the link gives up with
     * NEWS_ERR_UNREACHABLE; 0: never. A link that was up once never gives up for this. */
    int64_t give_up_ms;
    unsigned seed; /* of the jitter; 0: random */
};

struct link_events {
    void *user;
    /* UP: on url. CONNECTING: lost or refused, another attempt will follow: why says what
     * happened, wait_ms how long until then. DOWN: given up for good (or closed): why as in
     * transport.h, NULL after link_close(). Every URL denied (login, taken over) is for good. */
    void (*on_state)(void *user, enum transport_state state, const struct transport_url *url,
                     const struct news_error *why, int wait_ms);
    void (*on_message)(void *user, const struct message *m);
    bool (*on_batch)(void *user);
    void (*on_published)(void *user, uint64_t token, const struct news_error *refused);
    void (*on_subscribed)(void *user, const char *filter, const struct news_error *refused);
    void (*on_lost)(void *user, uint64_t count); /* as in transport.h */
};

/* urls: at least one, copied. NULL when one is malformed or has an unknown scheme. */
struct link *link_open(const char *const *urls, size_t url_count, const struct link_options *o,
                       const struct link_events *events, struct news_error *err);
/* Remembers filter; subscribes at once if up. False: malformed, or LINK_FILTERS_MAX reached. */
bool link_subscribe(struct link *l, const char *filter, int qos, struct news_error *err);
enum transport_answer link_publish(struct link *l, const struct message *m, uint64_t token,
                                   struct news_error *err); /* FULL while not up */
/* As transport_admit(); true while not up: nobody knows. */
bool link_admit(const struct link *l, const struct message *m, struct news_error *err);
/* As transport_payload_max(); SIZE_MAX while not up. */
size_t link_payload_max(const struct link *l, const char *topic, int qos);
const char *link_client_id(const struct link *l); /* of all its connections; lives as long */
void link_set_reading(struct link *l, bool on);
bool link_is_up(const struct link *l);
bool link_was_up(const struct link *l); /* at least once */
struct transport_wait link_wait(const struct link *l);
void link_service(struct link *l, short revents);
void link_close(struct link *l);   /* goodbye; DOWN follows */
void link_destroy(struct link *l); /* NULL is fine */

#endif
