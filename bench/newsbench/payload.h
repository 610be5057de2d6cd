/* bench/newsbench/payload.h - what an item of a measurement carries, the same on every carrier.
 *
 * magic 4, CRC-32C of the rest 4, run 8, stream 4, kind 4, number 8, intended 8, sent 8 (big
 * endian; times in ns of CLOCK_MONOTONIC), then bytes nobody can compress, made from the number.
 * Threads: any. */
#ifndef BENCH_PAYLOAD_H
#define BENCH_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAYLOAD_LEAST 64

enum payload_kind { PAYLOAD_BARRIER = 1, PAYLOAD_ITEM = 2, PAYLOAD_END = 3 };

struct payload {
    uint64_t run;
    uint32_t stream; /* the publisher's number, from 0 */
    enum payload_kind kind;
    uint64_t number;
    int64_t intended_ns, sent_ns;
};

/* Exactly len bytes, at least PAYLOAD_LEAST. */
void payload_write(const struct payload *p, uint8_t *out, size_t len);
enum payload_verdict { PAYLOAD_OK, PAYLOAD_FOREIGN /* not ours at all */, PAYLOAD_CORRUPT };
enum payload_verdict payload_read(const uint8_t *bytes, size_t len, struct payload *out);
uint32_t crc32c(const void *bytes, size_t len); /* RFC 3720 appendix B.4 */

#endif
