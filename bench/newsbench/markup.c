#include "bench/newsbench/markup.h"

#include <string.h>

#include "common/text.h"

static void escape(struct buf *out, const struct buf *clean)
{
    for (size_t i = 0; i < clean->len; i++) {
        switch (clean->data[i]) {
        case '&': buf_puts(out, "&amp;"); break;
        case '<': buf_puts(out, "&lt;"); break;
        case '>': buf_puts(out, "&gt;"); break;
        case '"': buf_puts(out, "&quot;"); break;
        case '\'': buf_puts(out, "&#39;"); break;
        default: buf_putc(out, clean->data[i]);
        }
    }
}

static void put(struct buf *out, const char *text, enum text_lines lines)
{
    struct buf clean = {0};
    text_clean(&clean, text, strlen(text), lines);
    if (!buf_ok(&clean)) out->failed = true;
    escape(out, &clean);
    buf_deinit(&clean);
}

void markup_escaped(struct buf *out, const char *text)
{
    put(out, text, TEXT_ONE_LINE);
}

void markup_lines(struct buf *out, const char *text)
{
    put(out, text, TEXT_LINES);
}

void markup_both(struct buf *out, const char *tag, const char *english, const char *french)
{
    if (strcmp(english, french) == 0) {
        markup_escaped(out, english);
        return;
    }
    buf_printf(out, "<%s lang=\"en\">", tag);
    markup_escaped(out, english);
    buf_printf(out, "</%s><%s lang=\"fr\">", tag, tag);
    markup_escaped(out, french);
    buf_printf(out, "</%s>", tag);
}

void markup_words(struct buf *out, const struct words *w)
{
    markup_both(out, "span", w->in[ENGLISH], w->in[FRENCH]);
}

void markup_say(struct buf *out, enum say what)
{
    const struct words w = words_say(what);
    markup_words(out, &w);
}

void markup_element(struct buf *out, const char *tag, const char *class, const struct words *w)
{
    if (class) buf_printf(out, "<%s class=\"%s\">", tag, class);
    else buf_printf(out, "<%s>", tag);
    markup_words(out, w);
    buf_printf(out, "</%s>\n", tag);
}
