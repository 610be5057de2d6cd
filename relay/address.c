#include "relay/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static void read_v4(const struct sockaddr_storage *from, struct nrp_address *out)
{
    struct sockaddr_in in;
    memcpy(&in, from, sizeof in);
    out->family = 4;
    out->port = ntohs(in.sin_port);
    memcpy(out->ip, &in.sin_addr, sizeof in.sin_addr);
}

static void read_v6(const struct sockaddr_storage *from, struct nrp_address *out)
{
    struct sockaddr_in6 in;
    memcpy(&in, from, sizeof in);
    out->family = 6;
    out->port = ntohs(in.sin6_port);
    out->scope = in.sin6_scope_id;
    memcpy(out->ip, &in.sin6_addr, sizeof in.sin6_addr);
}

void address_read(const struct sockaddr_storage *from, struct nrp_address *out)
{
    memset(out, 0, sizeof *out); /* padding too: addresses are compared byte by byte */
    if (from->ss_family == AF_INET) read_v4(from, out);
    else if (from->ss_family == AF_INET6) read_v6(from, out);
    else out->family = 1;
}

socklen_t address_write(const struct nrp_address *a, struct sockaddr_storage *out)
{
    if (a->family == 4) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(a->port)};
        memcpy(&in.sin_addr, a->ip, sizeof in.sin_addr);
        memcpy(out, &in, sizeof in);
        return sizeof in;
    }
    struct sockaddr_in6 in = {
        .sin6_family = AF_INET6, .sin6_port = htons(a->port), .sin6_scope_id = a->scope};
    memcpy(&in.sin6_addr, a->ip, sizeof in.sin6_addr);
    memcpy(out, &in, sizeof in);
    return sizeof in;
}

bool address_is_local(const struct nrp_address *a)
{
    static const uint8_t loopback[16] = {[15] = 1};
    if (a->family == 4) return a->ip[0] == 127;
    if (a->family == 6) return memcmp(a->ip, loopback, sizeof loopback) == 0;
    return true;
}

void address_text(const struct nrp_address *a, char out[ADDRESS_TEXT_MAX])
{
    char ip[INET6_ADDRSTRLEN] = "?";
    (void)inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->ip, ip, sizeof ip);
    (void)snprintf(out, ADDRESS_TEXT_MAX, a->family == 4 ? "%s:%u" : "[%s]:%u", ip,
                   (unsigned)a->port);
}
