#include "relay/status.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "common/json.h"

struct counter {
    const char *name;
    size_t at;
    bool own; /* publishing the status moves it, too */
};

#define COUNTER(label, field)                                                                      \
    {                                                                                              \
        label, offsetof(struct status, field), false                                               \
    }
#define OWN(label, field)                                                                          \
    {                                                                                              \
        label, offsetof(struct status, field), true                                                \
    }

static const struct counter counters[] = {
    OWN("accepted", log.accepted),
    COUNTER("repeated", log.repeated),
    COUNTER("published", io.hub.published),
    COUNTER("refused", io.hub.refused),
    OWN("delivered", io.hub.delivered),
    OWN("delivered_bytes", io.hub.delivered_bytes),
    COUNTER("dropped_oldest", io.hub.dropped_oldest),
    COUNTER("dropped_newest", io.hub.dropped_newest),
    COUNTER("disconnected_slow", io.hub.disconnected_slow),
    OWN("resent", io.hub.resent),
    OWN("naks", io.hub.naks),
    COUNTER("gaps", io.hub.gaps),
    COUNTER("auth_failures", io.hub.auth_failures),
    COUNTER("replays", io.hub.replays),
    COUNTER("bad_datagrams", io.hub.bad_datagrams),
    COUNTER("bad_frames", io.hub.bad_frames),
    COUNTER("handshakes", io.hub.handshakes),
    COUNTER("sessions_stream", io.hub.sessions_stream),
    COUNTER("sessions_datagram", io.hub.sessions_datagram),
    COUNTER("subscriptions", io.hub.subscriptions),
    COUNTER("wills", io.hub.wills),
    OWN("group_bodies", io.hub.group_bodies),
    OWN("group_datagrams", io.hub.group_datagrams),
    COUNTER("group_refused", io.hub.group_refused),
    COUNTER("group_members", io.hub.group_members),
    OWN("shared", io.hub.shared),
    COUNTER("sessions", guard.sessions),
    COUNTER("refused_total", guard.refused_total),
    COUNTER("refused_address", guard.refused_address),
    COUNTER("refused_handshakes", guard.refused_handshakes),
    COUNTER("refused_rate", guard.refused_rate),
    COUNTER("connections", io.streams.connections),
    COUNTER("connections_refused", io.streams.refused),
    COUNTER("connections_lost", io.streams.lost),
    OWN("stream_bytes_in", io.streams.bytes_in),
    OWN("stream_bytes_out", io.streams.bytes_out),
    OWN("datagrams_in", io.udp.datagrams_in),
    OWN("datagram_bytes_in", io.udp.bytes_in),
    OWN("datagrams_out", io.udp.datagrams_out),
    OWN("datagram_bytes_out", io.udp.bytes_out),
    COUNTER("datagrams_truncated", io.udp.truncated),
    COUNTER("send_failed", io.udp.send_failed),
    COUNTER("rcvbuf_dropped", io.udp.rcvbuf_dropped),
    OWN("log_items", log.items),
    OWN("log_bytes", log.bytes),
    OWN("log_evicted", log.evicted),
    OWN("retained", log.retained),
    OWN("retained_bytes", log.retained_bytes),
    OWN("publishers", log.publishers),
    OWN("queue_bytes", io.memory),
};

enum { COUNTERS = sizeof counters / sizeof *counters };

static uint64_t read_counter(const struct status *s, const struct counter *c)
{
    uint64_t value;
    memcpy(&value, (const char *)s + c->at, sizeof value);
    return value;
}

/* All that a reactor counts is a uint64_t. */
void status_add(struct status *s, const struct reactor_counts *one)
{
    enum { WORDS = sizeof *one / sizeof(uint64_t) };
    uint64_t sum[WORDS], more[WORDS];
    _Static_assert(sizeof *one == sizeof sum, "reactor_counts has counters only");
    memcpy(sum, &s->io, sizeof sum);
    memcpy(more, one, sizeof more);
    for (size_t i = 0; i < WORDS; i++)
        sum[i] += more[i];
    memcpy(&s->io, sum, sizeof sum);
}

bool status_changed(const struct status *before, const struct status *now)
{
    for (size_t i = 0; i < COUNTERS; i++)
        if (!counters[i].own &&
            read_counter(before, &counters[i]) != read_counter(now, &counters[i]))
            return true;
    return false;
}

void status_lines(const struct status *s, struct buf *out)
{
    for (size_t i = 0; i < COUNTERS; i++)
        buf_printf(out, "%s %" PRIu64 "\n", counters[i].name, read_counter(s, &counters[i]));
}

void status_json(const struct status *s, const struct status_of *of, struct buf *out)
{
    buf_puts(out, "{\"v\":1");
    json_put_member(out, "name", of->name);
    buf_printf(out, ",\"epoch\":\"%016" PRIx64 "\"", of->epoch);
    json_put_date(out, "since", of->since_ms);
    json_put_date(out, "at", of->now_ms);
    for (size_t i = 0; i < COUNTERS; i++)
        buf_printf(out, ",\"%s\":%" PRIu64, counters[i].name, read_counter(s, &counters[i]));
    buf_putc(out, '}');
}
