/* Whatever the bytes are, the promises of common/text.h hold for them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

/* An assert that also works in a release build. */
#define PROMISE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) abort();                                                                 \
    } while (0)

static void check_clean(const struct buf *clean, size_t input_len, enum text_lines lines)
{
    PROMISE(clean->len <= 3 * input_len);
    PROMISE(text_valid_prefix(clean->data, clean->len) == clean->len);
    PROMISE(lines == TEXT_LINES || !memchr(clean->data, '\n', clean->len));
    for (size_t i = 0; i < clean->len; i++) {
        unsigned char byte = (unsigned char)clean->data[i];
        PROMISE((byte >= 0x20 && byte != 0x7F) || byte == '\n');
    }
    struct buf again = {0};
    text_clean(&again, clean->data, clean->len, lines);
    PROMISE(again.len == clean->len);
    PROMISE(clean->len == 0 || memcmp(again.data, clean->data, clean->len) == 0);
    buf_deinit(&again);
}

static void check_fit(const char *text, size_t len, size_t columns)
{
    size_t width;
    size_t fits = text_fit(text, len, columns, &width);
    PROMISE(fits <= len && width <= columns);
    PROMISE(text_width(text, fits) == width);
    PROMISE(width + text_width(text + fits, len - fits) == text_width(text, len));

    struct buf cell = {0};
    text_cell(&cell, text, len, columns, true);
    PROMISE(text_width(cell.data, cell.len) == columns);
    buf_deinit(&cell);
}

/* The lines and what lies between them are the text again; between them lie only blanks and at
 * most one newline. */
static void check_wrap(const char *text, size_t len, size_t columns)
{
    for (size_t at = 0; at < len;) {
        size_t next;
        size_t line = text_wrap(text + at, len - at, columns, &next);
        PROMISE(next > 0 && line <= next && next <= len - at);
        PROMISE(columns < 2 || text_width(text + at, line) <= columns);
        PROMISE(!memchr(text + at, '\n', line));
        PROMISE(text_valid_prefix(text + at, line) == line);
        for (size_t i = line; i < next; i++)
            PROMISE(text[at + i] == ' ' || (text[at + i] == '\n' && i + 1 == next));
        at += next;
    }
}

static void check_url(const char *bytes, size_t len)
{
    struct buf url = {0}, link = {0};
    text_url(&url, bytes, len);
    for (size_t i = 0; i < url.len; i++)
        PROMISE(url.data[i] >= 0x21 && url.data[i] <= 0x7E);
    text_link(&link, bytes, len, "x", 1);
    if (text_url_ok(bytes, len)) {
        PROMISE(url.len <= TEXT_LINK_MAX);
        PROMISE(text_url_ok(url.data, url.len)); /* encoding does not change the verdict */
        PROMISE(link.len == url.len + strlen("\033]8;;\033\\x\033]8;;\033\\"));
    } else {
        PROMISE(link.len == 1);
    }
    buf_deinit(&url);
    buf_deinit(&link);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte chooses the mode, the second the columns. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    enum text_lines lines = data[0] & 1 ? TEXT_LINES : TEXT_ONE_LINE;
    size_t columns = data[1];
    const char *bytes = (const char *)data + 2;
    size_t len = size - 2;

    struct buf clean = {0};
    text_clean(&clean, bytes, len, lines);
    if (clean.len > 0) {
        check_clean(&clean, len, lines);
        check_wrap(clean.data, clean.len, columns);
        const char *newline = memchr(clean.data, '\n', clean.len);
        size_t first_line = newline ? (size_t)(newline - clean.data) : clean.len;
        check_fit(clean.data, first_line, columns);
        (void)text_is_rtl(clean.data, clean.len);
    }
    check_url(bytes, len);
    buf_deinit(&clean);
    return 0;
}
