/* common/nrp/client_group.h - how a client's modules see its place in the relay's group.
 *
 * A client that wants multicast asks (JOIN), is told where (GROUP), listens, and says so when it
 * hears something; then the relay may send SHARED for ITEM. When the group falls silent, or what it
 * should have brought was missed too often, the client leaves, and all is as without.
 * Memory: the last 512 bodies. */
#ifndef NEWS_NRP_CLIENT_GROUP_H
#define NEWS_NRP_CLIENT_GROUP_H

#include <stdint.h>

#include "common/nrp/client.h"

/* The session has begun; nothing, unless multicast is wanted. */
void client_group_begin(struct nrp_client *c);
void client_group_free(struct nrp_client *c);
void client_on_group(struct nrp_client *c, const struct nrp_frame *f);
void client_on_shared(struct nrp_client *c, const struct nrp_frame *f);
void client_group_tick(struct nrp_client *c);
int64_t client_group_deadline(const struct nrp_client *c);

#endif
