/* common/transport/mqtt_reason.h - what a broker's reason codes mean for us.
 *
 * MQTT 5.0 section 2.4, the five CONNACK codes of 3.1.1 section 3.2.2.3, and the library's own
 * MOSQ_ERR_ statuses. Pure. */
#ifndef NEWS_MQTT_REASON_H
#define NEWS_MQTT_REASON_H

#include <stdbool.h>

#include "common/error.h"

enum mqtt_answer {
    MQTT_CONNECTION, /* CONNACK and DISCONNECT: is there any use in trying again? */
    MQTT_REQUEST,    /* PUBACK, PUBREC, SUBACK: is this one message, this one filter at fault? */
};

/* Reasons of 128 and more are failures; the codes 1 to 5 only in a 3.1.1 CONNACK. */
bool mqtt_reason_is_failure(enum mqtt_answer answer, int reason);

/* "<what>: not authorized (135)", with the code that tells what may help. */
void mqtt_reason_explain(enum mqtt_answer answer, int reason, const char *what,
                         struct news_error *err);

/* How a connection ended: end is a reason of the broker's DISCONNECT (128 and more) or a status of
 * the library. detail, "" if there is none, is added in parentheses where the library is vague. */
void mqtt_end_explain(int end, int error_number, const char *detail, const char *what,
                      struct news_error *err);

/* The broker knows another version of MQTT only. */
bool mqtt_reason_is_version(int reason);

#endif
