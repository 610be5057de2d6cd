/* Which kind of port, and the kind that is a link to a server. */
#include "bench/newsbench/port.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/transport/link.h"

/* As many unanswered publications as a server has unanswered deliveries: see server.h. */
#define WINDOW 200
/* Far beyond what a carrier puts around a payload. */
#define PACKET_SPARE ((size_t)64 << 10)

void port_topic(size_t stream, char out[PORT_TOPIC_SIZE])
{
    (void)snprintf(out, PORT_TOPIC_SIZE, "newsbench/stream/%07zu", stream % 10000000);
}

bool port_is_floor(const struct carrier *c)
{
    return c->server == SERVER_NONE;
}

struct port *port_open(const struct port_setup *s, const struct port_events *events,
                       struct news_error *err)
{
    return (port_is_floor(s->carrier) ? port_floor_open : port_link_open)(s, events, err);
}

/* --- a link -------------------------------------------------------------------------------- */

struct link_port {
    struct port base;
    struct port_events events;
    struct link *link;
    bool publishes;
};

static void on_state(void *user, enum transport_state state, const struct transport_url *url,
                     const struct news_error *why, int wait_ms)
{
    (void)url, (void)wait_ms;
    struct link_port *p = user;
    static const struct news_error closed = {NEWS_ERR_UNREACHABLE, "closed"};
    if (state == TRANSPORT_UP && p->publishes) p->events.on_up(p->events.user);
    if (state == TRANSPORT_CONNECTING) p->events.on_lost(p->events.user);
    if (state == TRANSPORT_DOWN) p->events.on_over(p->events.user, why ? why : &closed);
}

static void on_message(void *user, const struct message *m)
{
    struct link_port *p = user;
    p->events.on_item(p->events.user, m->payload, m->payload_len);
}

/* A refused one is answered as well: it does not come. */
static void on_published(void *user, uint64_t token, const struct news_error *refused)
{
    (void)refused;
    struct link_port *p = user;
    p->events.on_answer(p->events.user, token);
}

static void on_subscribed(void *user, const char *filter, const struct news_error *refused)
{
    (void)filter;
    struct link_port *p = user;
    if (refused) p->events.on_over(p->events.user, refused);
    else p->events.on_up(p->events.user);
}

#ifdef TRANSPORT_TELLS_LOSSES
static void on_losses(void *user, uint64_t count)
{
    struct link_port *p = user;
    p->events.on_announced(p->events.user, count);
}
#endif

static struct link_port *link_of(struct port *p)
{
    return (struct link_port *)p;
}

static enum transport_answer link_port_publish(struct port *p, const struct message *m,
                                               uint64_t token, struct news_error *err)
{
    return link_publish(link_of(p)->link, m, token, err);
}

static size_t link_port_polls(struct port *p, struct pollfd *out, size_t room, int64_t *deadline_ns)
{
    struct transport_wait w = link_wait(link_of(p)->link);
    if (w.deadline_mono_ms < *deadline_ns / 1000000) *deadline_ns = w.deadline_mono_ms * 1000000;
    if (w.fd < 0 || room == 0) return 0;
    *out = (struct pollfd){.fd = w.fd, .events = w.events};
    return 1;
}

static void link_port_service(struct port *p, const struct pollfd *fds, size_t count)
{
    link_service(link_of(p)->link, count ? fds->revents : 0);
}

static void link_port_set_reading(struct port *p, bool on)
{
    link_set_reading(link_of(p)->link, on);
}

static const struct port_ops link_ops = {.publish = link_port_publish,
                                         .polls = link_port_polls,
                                         .service = link_port_service,
                                         .set_reading = link_port_set_reading};

static bool connect_link(struct link_port *p, const struct port_setup *s, struct news_error *err)
{
    const struct link_options options = {
        .transport = {.window = WINDOW,
                      .packet_max = s->payload_max + PACKET_SPARE,
                      .key = s->key,
                      .clear = s->carrier->secrecy == AUTHENTICATED,
                      .nagle = s->carrier->nagle},
        .give_up_ms = 20000,
    };
    const struct link_events events = {
        .user = p,
        .on_state = on_state,
        .on_message = on_message,
        .on_published = on_published,
        .on_subscribed = on_subscribed,
#ifdef TRANSPORT_TELLS_LOSSES
        .on_lost = on_losses,
#endif
    };
    p->link = link_open(&s->url, 1, &options, &events, err);
    return p->link && (s->publishes || link_subscribe(p->link, s->filter, s->carrier->qos, err));
}

struct port *port_link_open(const struct port_setup *s, const struct port_events *events,
                            struct news_error *err)
{
    struct link_port *p = calloc(1, sizeof *p);
    if (!p) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    p->base.ops = &link_ops;
    p->events = *events;
    p->publishes = s->publishes;
    if (connect_link(p, s, err)) return &p->base;
    link_destroy(p->link);
    free(p);
    return NULL;
}
