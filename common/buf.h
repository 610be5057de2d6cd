/* common/buf.h - a growing byte buffer.
 *
 * Always NUL-terminated once anything was put in; the NUL is not counted. Zeroed is empty.
 * Memory: an append that cannot get memory marks the buffer failed and leaves it as it was; every
 * later append is a no-op, so a writer checks buf_ok() once at its end. Sizes in bytes. */
#ifndef NEWS_BUF_H
#define NEWS_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *data; /* NULL while empty */
    size_t len;
    size_t size;
    bool failed;
};

void buf_deinit(struct buf *b); /* frees and zeroes */
void buf_clear(struct buf *b);  /* empties, keeps the memory, forgives a failure */
static inline bool buf_ok(const struct buf *b)
{
    return !b->failed;
}

/* Room for extra more bytes at data + len, or NULL (failed). The caller writes and adds to len. */
char *buf_reserve(struct buf *b, size_t extra);
void buf_put(struct buf *b, const void *bytes, size_t len);
void buf_puts(struct buf *b, const char *text);
void buf_putc(struct buf *b, char c);
__attribute__((format(printf, 2, 3))) void buf_printf(struct buf *b, const char *format, ...);
/* Drops the first len bytes. */
void buf_consume(struct buf *b, size_t len);
/* Cuts back to len bytes (at most what it has). */
void buf_truncate(struct buf *b, size_t len);

#endif
