#include "common/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_deinit(struct buf *b)
{
    free(b->data);
    *b = (struct buf){0};
}

void buf_clear(struct buf *b)
{
    b->failed = false;
    buf_truncate(b, 0);
}

char *buf_reserve(struct buf *b, size_t extra)
{
    if (b->failed) return NULL;
    if (extra < b->size - b->len) return b->data + b->len; /* one byte is kept for the NUL */
    if (extra > SIZE_MAX / 2 - b->len - 1) {
        b->failed = true;
        return NULL;
    }
    size_t need = b->len + extra + 1;
    size_t size = b->size ? b->size : 256;
    while (size < need)
        size += size / 2 + 256;
    char *data = realloc(b->data, size);
    if (!data) {
        b->failed = true;
        return NULL;
    }
    if (!b->data) data[0] = '\0';
    b->data = data;
    b->size = size;
    return data + b->len;
}

void buf_put(struct buf *b, const void *bytes, size_t len)
{
    char *at = buf_reserve(b, len);
    if (!at) return;
    if (len) memcpy(at, bytes, len);
    b->len += len;
    b->data[b->len] = '\0';
}

void buf_puts(struct buf *b, const char *text)
{
    buf_put(b, text, strlen(text));
}

void buf_putc(struct buf *b, char c)
{
    buf_put(b, &c, 1);
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int need = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *at = need < 0 ? NULL : buf_reserve(b, (size_t)need);
    if (at) {
        (void)vsnprintf(at, (size_t)need + 1, format, again);
        b->len += (size_t)need;
    }
    va_end(again);
}

void buf_consume(struct buf *b, size_t len)
{
    if (len >= b->len) {
        buf_truncate(b, 0);
        return;
    }
    memmove(b->data, b->data + len, b->len - len + 1);
    b->len -= len;
}

void buf_truncate(struct buf *b, size_t len)
{
    if (len > b->len) return;
    b->len = len;
    if (b->data) b->data[len] = '\0';
}
