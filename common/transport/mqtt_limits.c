#include "common/transport/mqtt_limits.h"

#include <string.h>

#define TOPIC_LEN_MAX 65535
#define REMAINING_MAX 268435455u /* what four length bytes can say */
#define LENGTH_BYTES  4
#define RECEIVE_MAX   65535

/* The largest "remaining length" that n + 1 bytes encode (section 1.5.5). */
static const size_t varint_max[LENGTH_BYTES] = {127, 16383, 2097151, REMAINING_MAX};

static size_t varint_size(size_t value)
{
    size_t n = 1;
    while (n < LENGTH_BYTES && value > varint_max[n - 1])
        n++;
    return n;
}

struct mqtt_limits mqtt_limits_default(int version)
{
    return (struct mqtt_limits){
        .version = version,
        .packet_max = 1 + LENGTH_BYTES + (size_t)REMAINING_MAX,
        .receive_max = RECEIVE_MAX,
        .qos_max = 2,
        .retain = true,
    };
}

/* Everything in the packet after its fixed header but the payload. */
static size_t variable_header(const struct mqtt_limits *l, size_t topic_len, int qos)
{
    return 2 + topic_len + (qos > 0 ? 2 : 0) + (l->version == 5 ? 1 : 0);
}

size_t mqtt_publish_size(const struct mqtt_limits *l, size_t topic_len, int qos, size_t payload_len)
{
    size_t remaining = variable_header(l, topic_len, qos) + payload_len;
    return 1 + varint_size(remaining) + remaining;
}

size_t mqtt_payload_max(const struct mqtt_limits *l, size_t topic_len, int qos)
{
    size_t header = variable_header(l, topic_len, qos);
    size_t best = 0;
    /* A longer length field leaves less room, a shorter one cannot count as far: try each. */
    for (size_t n = 1; n <= LENGTH_BYTES && l->packet_max > 1 + n; n++) {
        size_t remaining = l->packet_max - 1 - n;
        if (remaining > varint_max[n - 1]) remaining = varint_max[n - 1];
        if (remaining > header && remaining - header > best) best = remaining - header;
    }
    return best;
}

/* Pitfall 1: a QoS 1 PUBLISH one byte over the broker's limit passes libmosquitto's own check and
 * then aborts the process in its logger. So the size is ours to know, exactly.
 * Pitfall 27: it drops the retained flag silently where the broker has no retained messages. */
bool mqtt_limits_admit(const struct mqtt_limits *l, const struct message *m, struct news_error *err)
{
    size_t topic_len = strlen(m->topic);
    if (topic_len > TOPIC_LEN_MAX)
        return news_fail(err, NEWS_ERR_TOO_LARGE, "a topic of %zu bytes: MQTT takes at most %d",
                         topic_len, TOPIC_LEN_MAX);
    size_t payload_max = mqtt_payload_max(l, topic_len, m->qos);
    /* The payload first: the sum below is safe from overflow for what passes this. */
    if (m->payload_len > payload_max ||
        mqtt_publish_size(l, topic_len, m->qos, m->payload_len) > l->packet_max)
        return news_fail(err, NEWS_ERR_TOO_LARGE,
                         "%.100s: %zu bytes are more than the %zu that fit into the broker's "
                         "largest packet of %zu",
                         m->topic, m->payload_len, payload_max, l->packet_max);
    if (m->qos < 0 || m->qos > 2)
        return news_fail(err, NEWS_ERR_USAGE, "QoS %d: MQTT has 0, 1 and 2", m->qos);
    if (m->qos > l->qos_max)
        return news_fail(err, NEWS_ERR_UNSUPPORTED, "%.100s: this broker takes QoS %d at most",
                         m->topic, l->qos_max);
    if (m->retained && !l->retain)
        return news_fail(err, NEWS_ERR_UNSUPPORTED,
                         "%.100s: this broker keeps no retained messages", m->topic);
    return true;
}
