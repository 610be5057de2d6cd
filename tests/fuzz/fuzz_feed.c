/* Whatever the bytes are, what publisher/feed.h and common/draft.h promise of drafts holds. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/ninjs.h"
#include "publisher/charset.h"
#include "publisher/feed.h"

/* An assert that also works in a release build. */
#define PROMISE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) abort();                                                                 \
    } while (0)

static void check_text(const char *text, bool one_line)
{
    if (!text) return;
    size_t len = strlen(text);
    for (size_t at = 0, step; at < len; at += step) {
        unsigned char c = (unsigned char)text[at];
        step = charset_sequence(text + at, len - at);
        PROMISE(step);
        PROMISE(c >= ' ' || (!one_line && (c == '\n' || c == '\t')));
        PROMISE(c != 0x7F && !(c == 0xC2 && (unsigned char)text[at + 1] < 0xA0));
    }
}

static void check_address(const char *text)
{
    if (!text) return;
    PROMISE(strncasecmp(text, "http://", 7) == 0 || strncasecmp(text, "https://", 8) == 0);
    for (; *text; text++)
        PROMISE(*text > ' ' && *text < 0x7F);
}

static void check_draft(const struct draft *d)
{
    PROMISE(d->uri && *d->uri);
    PROMISE(d->title ? *d->title != '\0' : d->link || d->media_count); /* to read, or to open */
    const char *const lines[] = {d->uri,    d->guid,     d->title,     d->by,
                                 d->source, d->language, d->copyright, d->source_uri};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        check_text(lines[i], true);
    check_text(d->summary, false);
    check_text(d->body_text, false);
    check_text(d->body_html, false);
    check_address(d->link);
    check_address(d->related);
    for (size_t i = 0; i < d->subject_count; i++) {
        check_text(d->subjects[i].name, true);
        check_text(d->subjects[i].code, true);
    }
    for (size_t i = 0; i < d->media_count; i++) {
        check_address(d->media[i].href);
        check_text(d->media[i].title, true);
        check_text(d->media[i].content_type, true);
    }
}

/* newspub publishes what draft_write() makes without checking it again. */
static void check_written(const struct draft *d)
{
    struct buf out = {0};
    struct ninjs item, noted;
    struct ninjs_fault fault;
    PROMISE(draft_write(d, 0, &out, NULL));
    if (out.len <= NINJS_BYTES_MAX) {
        PROMISE(ninjs_check(out.data, out.len, &item, &fault) && item.flags == 0);
        ninjs_note(out.data, out.len, &noted);
        PROMISE(memcmp(&item, &noted, sizeof item) == 0);
    }
    buf_deinit(&out);
}

static void check_feed(struct feed *f)
{
    if (!f) return;
    PROMISE(f->title && f->format && *f->format);
    check_text(f->title, true);
    for (size_t i = 0; i < f->item_count; i++) {
        check_draft(&f->items[i]);
        check_written(&f->items[i]);
        /* neighbours in the document are never the same item */
        PROMISE(i == 0 || strcmp(f->items[i].uri, f->items[i - 1].uri) != 0);
    }
    feed_free(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct feed_origin origin = {.url = "https://p.example/feed", .charset = "cp1251"};
    const char *bytes = (const char *)data;
    struct news_error err;
    unsigned long line;
    check_feed(feed_parse_xml(bytes, size, size % 2 ? &origin : NULL, &line, &err));
    check_feed(feed_parse_json(bytes, size, size % 2 ? &origin : NULL, &line, &err));
    return 0;
}
