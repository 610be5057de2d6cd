/* relay/address.h - addresses between the kernel's form and the protocol's. */
#ifndef NEWS_RELAY_ADDRESS_H
#define NEWS_RELAY_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "common/nrp/secure.h"

#define ADDRESS_TEXT_MAX 80

/* What is neither IPv4 nor IPv6 is a UNIX socket. */
void address_read(const struct sockaddr_storage *from, struct nrp_address *out);
/* Of an IPv4 or IPv6 address; returns its length. */
socklen_t address_write(const struct nrp_address *a, struct sockaddr_storage *out);
/* Loopback or UNIX: nobody on another machine can be there. */
bool address_is_local(const struct nrp_address *a);
/* "127.0.0.1:7788", "[::1]:7788". */
void address_text(const struct nrp_address *a, char out[ADDRESS_TEXT_MAX]);

#endif
