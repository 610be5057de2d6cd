/* common/transport/carrier.h - for those who write a carrier: what carriers and link.c share.
 *
 * Programs include transport.h or link.h, never this. */
#ifndef NEWS_CARRIER_H
#define NEWS_CARRIER_H

#include "common/transport/transport.h"

/* Every carrier of this build; transport.c has the table. */
extern const struct transport_ops transport_mqtt_ops, transport_nrp_ops, transport_nrp_udp_ops,
    transport_nrp_unix_ops;

#define CARRIER_ID_SIZE 32
/* A client id nobody else has: "newswire-" and 16 random hex digits. */
void carrier_make_id(char out[CARRIER_ID_SIZE]);

/* False with NEWS_ERR_UNSUPPORTED when the scheme is known, but not in this build. */
bool carrier_exists(const struct transport_url *url, struct news_error *err);

/* Options that outlive what they were made of: copy owns its strings and its will, and has the
 * defaults in place of zeroes. On failure copy holds nothing. */
bool carrier_options_copy(struct transport_options *copy, const struct transport_options *from,
                          struct news_error *err);
void carrier_options_free(struct transport_options *copy); /* wipes the password; zeroed is fine */

#endif
