/* Whatever a server says in its header, it fits, and can be said back to it on one line. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "publisher/http_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_value(const char *value, size_t size)
{
    if (strnlen(value, size) == size || strpbrk(value, "\r\n\x7f")) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_head h;
    const char *at = (const char *)data;
    http_head_init(&h);
    while (size) {
        const char *newline = memchr(at, '\n', size);
        size_t len = newline ? (size_t)(newline - at) + 1 : size;
        http_head_line(&h, at, len, INT64_C(1795442400000));
        at += len;
        size -= len;
    }
    check_value(h.etag, sizeof h.etag);
    check_value(h.modified, sizeof h.modified);
    check_value(h.charset, sizeof h.charset);
    if (http_head_fresh_s(&h) < -1 || h.retry_after_s < -1 || h.age_s < 0) abort();
    return 0;
}
