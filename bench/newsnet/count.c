#include "bench/newsnet/count.h"

enum { TCP = 6, UDP = 17, TCP_HEADER = 20, UDP_HEADER = 8 };
enum { FLAG_FIN = 1, FLAG_SYN = 2, FLAG_RST = 4, FLAG_ACK = 16 };

static unsigned read_16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static uint32_t read_32(const uint8_t *at)
{
    return (uint32_t)read_16(at) << 16 | read_16(at + 2);
}

/* RFC 9293 §3.1. A header that claims more than there is counts as no header. */
static void parse_tcp(const uint8_t *bytes, size_t len, struct packet_head *out)
{
    if (len < TCP_HEADER) return;
    size_t header = (size_t)(bytes[12] >> 4) * 4;
    unsigned flags = bytes[13] & (FLAG_FIN | FLAG_SYN | FLAG_RST | FLAG_ACK);
    if (header < TCP_HEADER || header > len) return;
    out->header_bytes = (uint16_t)(out->header_bytes + header);
    out->pure_ack = header == len && flags == FLAG_ACK;
}

bool packet_parse(const uint8_t *bytes, size_t len, struct packet_head *out)
{
    if (len < 20 || bytes[0] >> 4 != 4) return false;
    size_t header = (size_t)(bytes[0] & 15) * 4;
    if (header < 20 || header > len || read_16(bytes + 2) != len) return false;
    *out = (struct packet_head){.protocol = bytes[9],
                                .ip_bytes = (uint16_t)header,
                                .header_bytes = (uint16_t)header,
                                .to = read_32(bytes + 16)};
    if (read_16(bytes + 6) & 0x1fff) return true; /* a later fragment: data alone */
    if (out->protocol == TCP) parse_tcp(bytes + header, len - header, out);
    if (out->protocol == UDP && len - header >= UDP_HEADER)
        out->header_bytes = (uint16_t)(header + UDP_HEADER);
    return true;
}

void count_passed(struct netlab_counts *c, const struct packet_head *h, size_t len)
{
    c->passed++;
    c->bytes += len;
    c->header_bytes += h->header_bytes;
    if (h->protocol == TCP) {
        c->tcp_packets++;
        c->tcp_bytes += len;
        c->tcp_acks += h->pure_ack;
    } else if (h->protocol == UDP) {
        c->udp_packets++;
        c->udp_bytes += len;
    }
}
