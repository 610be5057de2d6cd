/* Whatever a program sends through newsnet: headers lie within the packet, and damage behind them.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bench/newsnet/count.h"
#include "bench/newsnet/impair.h"

#define PROMISE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) abort();                                                                 \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct packet_head h;
    struct netlab_counts c = {0};
    if (!packet_parse(data, size, &h)) return 0;
    PROMISE(h.ip_bytes >= 20 && h.header_bytes >= h.ip_bytes && h.header_bytes <= size);
    count_passed(&c, &h, size);
    PROMISE(c.passed == 1 && c.bytes == size && c.tcp_packets + c.udp_packets <= 1);
    PROMISE(c.tcp_acks == 0 || c.header_bytes == size);
    uint8_t *damaged = malloc(size);
    if (!damaged) return 0;
    memcpy(damaged, data, size);
    impair_damage(damaged, size, h.ip_bytes, data[size - 1] * 0x9e3779b97f4a7c15u);
    PROMISE(memcmp(damaged, data, h.ip_bytes) == 0);
    PROMISE((memcmp(damaged, data, size) != 0) == (size > h.ip_bytes));
    free(damaged);
    return 0;
}
