/* CRC-32C (Castagnoli), a byte at a time: payloads of a bench are few and small. */
#include "bench/newsbench/payload.h"

#define POLYNOMIAL 0x82f63b78u /* reflected */

static uint32_t table[256];

static void fill_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
        table[i] = crc;
    }
}

uint32_t crc32c(const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    uint32_t crc = ~(uint32_t)0;
    if (table[1] == 0) fill_table();
    while (len-- > 0)
        crc = crc >> 8 ^ table[(crc ^ *at++) & 0xff];
    return ~crc;
}
