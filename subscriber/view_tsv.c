#include "subscriber/view_tsv.h"

#include <string.h>

#include "common/date.h"
#include "common/item.h"
#include "common/text.h"

/* The text of v on one line. */
static void put_line(struct buf *out, struct json_slice v)
{
    struct buf raw = {0};
    json_text(&raw, v);
    if (raw.len) text_clean(out, raw.data, raw.len, TEXT_ONE_LINE);
    buf_deinit(&raw);
}

/* sfeed(5): in the content, newline, tab and backslash are written \n, \t and \\. */
static void put_content(struct buf *out, struct json_slice v)
{
    struct buf raw = {0}, clean = {0};
    json_text(&raw, v);
    if (raw.len) text_clean(&clean, raw.data, raw.len, TEXT_LINES);
    for (size_t i = 0; i < clean.len; i++) {
        char c = clean.data[i];
        const char *escape = c == '\n' ? "\\n" : c == '\t' ? "\\t" : c == '\\' ? "\\\\" : NULL;
        if (escape) buf_put(out, escape, 2);
        else buf_putc(out, c);
    }
    buf_deinit(&raw);
    buf_deinit(&clean);
}

static bool is_html(struct json_slice content_type)
{
    return json_is(content_type, "text/html") || json_is(content_type, "application/xhtml+xml");
}

static void put_categories(struct buf *out, const struct ninjs *item)
{
    struct json_cursor c = json_inside(item->member[NINJS_SUBJECTS]);
    struct json_slice e;
    bool first = true;
    while (json_next_element(&c, &e)) {
        struct json_slice name = json_member(e, "name");
        if (!name.at) continue;
        if (!first) buf_putc(out, '|');
        first = false;
        size_t start = out->len;
        put_line(out, name);
        for (char *bar = out->data + start; (bar = strchr(bar, '|'));)
            *bar = '/'; /* sfeed(5) parts categories by bars and has no escape for one */
    }
}

void view_tsv_put(const struct arrival *a, struct buf *out)
{
    struct json_slice content_type = {0};
    struct json_slice content = item_body(a->item, &content_type);
    if (!content.at) content = item_description(a->item, &content_type);
    int64_t when = item_time_ms(a->item);
    if (when != DATE_UNKNOWN) buf_printf(out, "%lld", (long long)(when / 1000));
    buf_putc(out, '\t');
    put_line(out, item_headline(a->item));
    buf_putc(out, '\t');
    field_clean(field_find("link", 4), a, out);
    buf_putc(out, '\t');
    put_content(out, content);
    buf_puts(out, is_html(content_type) ? "\thtml\t" : "\tplain\t");
    put_line(out, a->item->member[NINJS_URI]);
    buf_putc(out, '\t');
    put_line(out, a->item->member[NINJS_BY]);
    buf_putc(out, '\t');
    field_clean(field_find("enclosure", 9), a, out);
    buf_putc(out, '\t');
    put_categories(out, a->item);
    buf_putc(out, '\n');
}
