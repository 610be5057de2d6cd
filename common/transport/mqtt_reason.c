#include "common/transport/mqtt_reason.h"

#include <mosquitto.h>
#include <stddef.h>
#include <string.h>

/* Pitfall 9: libmosquitto makes one PROTOCOL error of every refused CONNACK, and retries some of
 * them for ever; so the codes are read here.
 *   Connections: DENIED and UNSUPPORTED do not go away by trying again; UNREACHABLE may, here or
 *   at another broker.
 *   Requests: DENIED, TOO_LARGE, DATA and UNSUPPORTED are final for this message or filter;
 *   PENDING may pass; PROTOCOL should not happen. */
static const struct {
    unsigned char reason;
    enum news_errc connection, request;
    const char *name;
} reasons[] = {
    /* CONNACK of 3.1.1 */
    {1, NEWS_ERR_UNSUPPORTED, NEWS_OK, "unacceptable protocol version"},
    {2, NEWS_ERR_DENIED, NEWS_OK, "client id rejected"},
    {3, NEWS_ERR_UNREACHABLE, NEWS_OK, "server unavailable"},
    {4, NEWS_ERR_DENIED, NEWS_OK, "bad user name or password"},
    {5, NEWS_ERR_DENIED, NEWS_OK, "not authorized"},
    /* MQTT 5 */
    {0x80, NEWS_ERR_UNREACHABLE, NEWS_ERR_PROTOCOL, "unspecified error"},
    {0x81, NEWS_ERR_PROTOCOL, NEWS_ERR_PROTOCOL, "malformed packet"},
    {0x82, NEWS_ERR_PROTOCOL, NEWS_ERR_PROTOCOL, "protocol error"},
    {0x83, NEWS_ERR_UNREACHABLE, NEWS_ERR_PROTOCOL, "implementation specific error"},
    {0x84, NEWS_ERR_UNSUPPORTED, NEWS_ERR_PROTOCOL, "unsupported protocol version"},
    {0x85, NEWS_ERR_DENIED, NEWS_ERR_PROTOCOL, "client id not valid"},
    {0x86, NEWS_ERR_DENIED, NEWS_ERR_DENIED, "bad user name or password"},
    {0x87, NEWS_ERR_DENIED, NEWS_ERR_DENIED, "not authorized"},
    {0x88, NEWS_ERR_UNREACHABLE, NEWS_ERR_PENDING, "server unavailable"},
    {0x89, NEWS_ERR_UNREACHABLE, NEWS_ERR_PENDING, "server busy"},
    {0x8A, NEWS_ERR_DENIED, NEWS_ERR_DENIED, "banned"},
    {0x8B, NEWS_ERR_UNREACHABLE, NEWS_ERR_PENDING, "server shutting down"},
    {0x8C, NEWS_ERR_DENIED, NEWS_ERR_DENIED, "bad authentication method"},
    {0x8D, NEWS_ERR_UNREACHABLE, NEWS_ERR_PROTOCOL, "keep alive timeout"},
    {0x8E, NEWS_ERR_TAKEN_OVER, NEWS_ERR_PROTOCOL, "session taken over by the same client id"},
    {0x8F, NEWS_ERR_PROTOCOL, NEWS_ERR_DATA, "topic filter invalid"},
    {0x90, NEWS_ERR_PROTOCOL, NEWS_ERR_DATA, "topic name invalid"},
    {0x91, NEWS_ERR_PROTOCOL, NEWS_ERR_PENDING, "packet identifier in use"},
    {0x92, NEWS_ERR_PROTOCOL, NEWS_ERR_PENDING, "packet identifier not found"},
    {0x93, NEWS_ERR_PROTOCOL, NEWS_ERR_PENDING, "receive maximum exceeded"},
    {0x94, NEWS_ERR_PROTOCOL, NEWS_ERR_PROTOCOL, "topic alias invalid"},
    {0x95, NEWS_ERR_TOO_LARGE, NEWS_ERR_TOO_LARGE, "packet too large"},
    {0x96, NEWS_ERR_UNREACHABLE, NEWS_ERR_PENDING, "message rate too high"},
    {0x97, NEWS_ERR_UNREACHABLE, NEWS_ERR_PENDING, "quota exceeded"},
    {0x98, NEWS_ERR_UNREACHABLE, NEWS_ERR_DENIED, "administrative action"},
    {0x99, NEWS_ERR_PROTOCOL, NEWS_ERR_DATA, "payload format invalid"},
    {0x9A, NEWS_ERR_UNSUPPORTED, NEWS_ERR_UNSUPPORTED, "retain not supported"},
    {0x9B, NEWS_ERR_UNSUPPORTED, NEWS_ERR_UNSUPPORTED, "QoS not supported"},
    {0x9C, NEWS_ERR_UNREACHABLE, NEWS_ERR_PENDING, "use another server"},
    {0x9D, NEWS_ERR_UNREACHABLE, NEWS_ERR_PENDING, "server moved"},
    {0x9E, NEWS_ERR_UNSUPPORTED, NEWS_ERR_UNSUPPORTED, "shared subscriptions not supported"},
    {0x9F, NEWS_ERR_UNREACHABLE, NEWS_ERR_PENDING, "connection rate exceeded"},
    {0xA0, NEWS_ERR_UNREACHABLE, NEWS_ERR_PENDING, "maximum connect time"},
    {0xA1, NEWS_ERR_UNSUPPORTED, NEWS_ERR_UNSUPPORTED, "subscription identifiers not supported"},
    {0xA2, NEWS_ERR_UNSUPPORTED, NEWS_ERR_UNSUPPORTED, "wildcard subscriptions not supported"},
};

bool mqtt_reason_is_failure(enum mqtt_answer answer, int reason)
{
    /* Below 128 a request was taken: 0; 16 nobody listens (pitfall 21); 0, 1, 2 granted QoS. */
    return reason >= 0x80 || (answer == MQTT_CONNECTION && reason != 0);
}

bool mqtt_reason_is_version(int reason)
{
    return reason == 1 || reason == 0x84;
}

void mqtt_reason_explain(enum mqtt_answer answer, int reason, const char *what,
                         struct news_error *err)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (reasons[i].reason != reason) continue;
        enum news_errc code = answer == MQTT_CONNECTION ? reasons[i].connection
                                                        : reasons[i].request;
        news_fail(err, code, "%.160s: %s (%d)", what, reasons[i].name, reason);
        return;
    }
    news_fail(err, NEWS_ERR_PROTOCOL, "%.160s: reason %d of the broker is unknown to us", what,
              reason);
}

/* Pitfall 8: a server's DISCONNECT reaches us as its reason; its reason string is gone by then. */
void mqtt_end_explain(int end, int error_number, const char *detail, const char *what,
                      struct news_error *err)
{
    static const struct {
        int status;
        enum news_errc code;
        const char *text;
    } statuses[] = {
        {MOSQ_ERR_SUCCESS, NEWS_ERR_UNREACHABLE, "the broker said goodbye"},
        {MOSQ_ERR_CONN_LOST, NEWS_ERR_UNREACHABLE, "the connection was closed by the broker"},
        {MOSQ_ERR_NO_CONN, NEWS_ERR_UNREACHABLE, "the connection was lost"},
        {MOSQ_ERR_KEEPALIVE, NEWS_ERR_UNREACHABLE, "no sign of life from the broker"},
        {MOSQ_ERR_PROTOCOL, NEWS_ERR_PROTOCOL, "the broker broke the MQTT protocol"},
        {MOSQ_ERR_MALFORMED_PACKET, NEWS_ERR_PROTOCOL, "the broker sent a malformed packet"},
        {MOSQ_ERR_MALFORMED_UTF8, NEWS_ERR_PROTOCOL, "the broker sent malformed UTF-8"},
        {MOSQ_ERR_NOMEM, NEWS_ERR_MEMORY, "out of memory"},
    };
    if (end >= 0x80) {
        mqtt_reason_explain(MQTT_CONNECTION, end, what, err);
        return;
    }
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        if (statuses[i].status != end) continue;
        news_fail(err, statuses[i].code, "%.100s: %s", what, statuses[i].text);
        return;
    }
    const char *text = end == MOSQ_ERR_ERRNO ? strerror(error_number) : mosquitto_strerror(end);
    news_fail(err, NEWS_ERR_UNREACHABLE, *detail ? "%.100s: %s (%s)" : "%.100s: %s", what, text,
              detail);
}
