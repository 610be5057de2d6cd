/* common/transport/mqtt_limits.h - what a broker takes, and how large our packets are exactly.
 *
 * Pure arithmetic on MQTT 5.0 section 3.3 (PUBLISH) and 3.2.2.3 (CONNACK properties). Sizes in
 * bytes, of whole packets with their fixed header unless called payload. */
#ifndef NEWS_MQTT_LIMITS_H
#define NEWS_MQTT_LIMITS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/transport/transport.h"

struct mqtt_limits {
    int version; /* 5, or 4 for 3.1.1 */
    size_t packet_max;
    unsigned receive_max; /* unacknowledged publications the broker takes */
    int qos_max;
    bool retain;
};

/* What holds until the broker says less: 3.1.1 brokers never say anything. */
struct mqtt_limits mqtt_limits_default(int version);

/* The PUBLISH that carries m, without properties. */
size_t mqtt_publish_size(const struct mqtt_limits *l, size_t topic_len, int qos,
                         size_t payload_len);

/* The largest payload that fits; 0 when not even the topic does. */
size_t mqtt_payload_max(const struct mqtt_limits *l, size_t topic_len, int qos);

/* False when this broker can never take m: why, with the limit. */
bool mqtt_limits_admit(const struct mqtt_limits *l, const struct message *m,
                       struct news_error *err);

#endif
