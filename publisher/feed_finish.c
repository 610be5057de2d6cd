#include "publisher/feed_build.h"

#include <stdlib.h>
#include <string.h>

#include "common/ascii.h"
#include "common/date.h"
#include "publisher/feed_uri.h"
#include "publisher/html_text.h"
#include "publisher/lang_tag.h"
#include "publisher/plain_text.h"

enum { HEADLINE_CHARS = 80 }; /* of the text, where an item has no title */

/* ---- slots as what drafts hold ---- */

static const struct feed_text *filled(const struct feed_item *item, enum feed_slot slot)
{
    return feed_has(item, slot) ? &item->slots[slot] : NULL;
}

static const struct feed_text *either(const struct feed_item *item, enum feed_slot first,
                                      enum feed_slot second)
{
    return filled(item, feed_has(item, first) ? first : second);
}

/* What is in scratch, in the arena; NULL when that is nothing. */
static const char *keep_scratch(struct feed_build *b)
{
    const char *copy = NULL;
    if (!buf_ok(&b->scratch)) {
        b->failed = true;
    } else if (b->scratch.len) {
        copy = arena_strndup(b->feed->memory, b->scratch.data, b->scratch.len);
        if (!copy) b->failed = true;
    }
    return copy;
}

static const char *plain_text(struct feed_build *b, const struct feed_text *t)
{
    if (!t) return NULL;
    buf_clear(&b->scratch);
    if (t->kind == KIND_HTML) html_to_text(&b->scratch, t->data, t->len);
    else plain_write(&b->scratch, t->data, t->len, PLAIN_KEEP);
    return keep_scratch(b);
}

static const char *line(struct feed_build *b, const struct feed_text *t)
{
    return t ? feed_one_line(b, t->kind, t->data, t->len) : NULL;
}

/* An id keeps its characters: it is compared, not read. One too long to be an address is cut. */
static const char *id_line(struct feed_build *b, const struct feed_text *id)
{
    if (!id) return NULL;
    buf_clear(&b->scratch);
    plain_write(&b->scratch, id->data, feed_cut(id->data, id->len, FEED_URI_MAX), PLAIN_FOLD);
    return keep_scratch(b);
}

static const char *address(struct feed_build *b, const struct feed_item *item, enum feed_slot slot,
                           const char *base)
{
    const struct feed_text *t = &item->slots[slot];
    return t->data ? feed_uri_resolve(b->feed->memory, t->data, t->len, base) : NULL;
}

static int64_t date(const struct feed_item *item, enum feed_slot slot)
{
    const struct feed_text *t = &item->slots[slot];
    int64_t ms = DATE_UNKNOWN;
    if (t->data) (void)date_parse_any(t->data, t->len, &ms);
    return ms;
}

static const char *language(struct feed_build *b, const struct feed_item *item, enum feed_slot slot)
{
    const struct feed_text *t = &item->slots[slot];
    char tag[LANG_TAG_SIZE];
    if (!t->data || !lang_tag(t->data, t->len, tag)) return NULL;
    return arena_strdup(b->feed->memory, tag);
}

/* The length of the control character at p that XML or JSON let through, 0 when it is none. */
static size_t control(const char *p)
{
    unsigned char c = (unsigned char)p[0];
    if (c == 0xC2) return (unsigned char)p[1] < 0xA0 ? 2 : 0; /* C1 */
    return (c < ' ' && c != '\t' && c != '\n') || c == 0x7F;
}

static char *next_control(char *p, const char *end)
{
    while (p < end) {
        if (end - p >= 8 && ascii_printable(ascii_load(p))) p += 8;
        else if (control(p)) break;
        else p++;
    }
    return p;
}

/* Markup goes on as it came, less such characters. */
static const char *markup(const struct feed_text *t)
{
    char *text = (char *)(uintptr_t)t->data, *end = text + t->len; /* the arena's copy, ours */
    char *to = next_control(text, end);
    for (char *from = to; from < end;) {
        from += control(from);
        char *stop = next_control(from, end);
        memmove(to, from, (size_t)(stop - from));
        to += stop - from;
        from = stop;
    }
    *to = '\0';
    return text;
}

/* ---- an item ---- */

static void finish_link(struct feed_build *b, const struct feed_item *item, struct draft *d,
                        const char *base)
{
    d->link = address(b, item, SLOT_ORIG_LINK, base);
    if (!d->link) d->link = address(b, item, SLOT_LINK, base);
    if (!d->link) d->link = address(b, item, SLOT_GUID_LINK, NULL);
    d->related = address(b, item, SLOT_RELATED, base);
}

/* The first words of text: up to its first newline, cut between words where that is possible. */
static const char *headline_of(struct feed_build *b, const char *text)
{
    size_t at = 0, chars = 0, word_end = 0;
    for (; text[at] && text[at] != '\n' && chars < HEADLINE_CHARS; chars++) {
        if (text[at] == ' ') word_end = at;
        do
            at++;
        while (((unsigned char)text[at] & 0xC0) == 0x80);
    }
    bool whole = !text[at] || text[at] == '\n';
    if (!whole && word_end && text[at] != ' ') at = word_end;
    buf_clear(&b->scratch);
    buf_put(&b->scratch, text, at);
    if (!whole) buf_puts(&b->scratch, "…");
    return keep_scratch(b);
}

static void finish_texts(struct feed_build *b, const struct feed_item *item, struct draft *d)
{
    const struct feed_text *body = filled(item, SLOT_BODY);
    const struct feed_text *summary = either(item, SLOT_SUMMARY, SLOT_EXTRACT);
    d->title = line(b, either(item, SLOT_TITLE, SLOT_ALT_TITLE));
    d->body_text = plain_text(b, body);
    d->summary = plain_text(b, summary);
    if (d->body_text && body->kind == KIND_HTML && html_has_markup(body->data, body->len))
        d->body_html = markup(body);
    if (d->summary && d->body_text && strcmp(d->summary, d->body_text) == 0) d->summary = NULL;
    const char *text = d->summary ? d->summary : d->body_text;
    if (!d->title && text) d->title = headline_of(b, text);
}

static void finish_dates(struct feed_build *b, const struct feed_item *item, struct draft *d)
{
    d->published_ms = date(item, SLOT_PUBLISHED);
    d->updated_ms = date(item, SLOT_UPDATED);
    if (d->published_ms == DATE_UNKNOWN) d->published_ms = date(item, SLOT_DATE);
    if (d->published_ms == DATE_UNKNOWN) d->published_ms = d->updated_ms;
    bool dated = feed_has(item, SLOT_PUBLISHED) || feed_has(item, SLOT_UPDATED) ||
                 feed_has(item, SLOT_DATE);
    if (dated && d->published_ms == DATE_UNKNOWN) b->feed->bad_dates++;
    /* Stamped before it was published: the clock of a form, not a change. */
    if (d->updated_ms <= d->published_ms) d->updated_ms = DATE_UNKNOWN;
}

static void finish_source(struct feed_build *b, const struct feed_item *item, struct draft *d,
                          const struct draft *channel, const char *base)
{
    d->by = feed_has(item, SLOT_BY) ? item->slots[SLOT_BY].data : channel->by;
    d->copyright = line(b, filled(item, SLOT_RIGHTS));
    if (!d->copyright) d->copyright = channel->copyright;
    d->source = line(b, filled(item, SLOT_SOURCE));
    if (!d->source) {
        d->source = channel->source;
        d->source_uri = channel->source_uri;
    } else {
        d->source_uri = address(b, item, SLOT_SOURCE_URI, base);
    }
    d->language = language(b, item, SLOT_LANGUAGE);
    if (!d->language) d->language = channel->language;
    if (!d->language) d->language = language(b, item, SLOT_INHERITED_LANGUAGE);
}

static void finish_media(struct feed_build *b, struct draft *d, const char *base)
{
    size_t kept = 0;
    for (size_t i = 0; i < d->media_count; i++) {
        struct draft_media m = d->media[i];
        m.href = feed_uri_resolve(b->feed->memory, m.href, strlen(m.href), base);
        if (m.href) d->media[kept++] = m;
    }
    d->media_count = kept;
}

static void finish_item(struct feed_build *b, size_t i, const struct draft *channel,
                        const char *base)
{
    const struct feed_item *item = &b->items[i];
    struct draft *d = &b->feed->items[i];
    finish_link(b, item, d, base);
    finish_texts(b, item, d);
    finish_dates(b, item, d);
    finish_source(b, item, d, channel, base);
    finish_media(b, d, base);
    d->guid = id_line(b, filled(item, SLOT_ID));
}

/* ---- the feed ---- */

/* What items take from their feed. Sets the feed's own fields, too. */
static struct draft finish_channel(struct feed_build *b)
{
    struct feed *f = b->feed;
    struct feed_item *c = &b->channel;
    struct draft d;
    const char *title = line(b, either(c, SLOT_TITLE, SLOT_ALT_TITLE));
    const char *url = b->origin->url;
    draft_init(&d);
    if (url) url = feed_uri_resolve(f->memory, url, strlen(url), NULL);
    f->link = address(b, c, SLOT_LINK, url);
    f->language = language(b, c, SLOT_LANGUAGE);
    if (!f->language) f->language = language(b, c, SLOT_INHERITED_LANGUAGE);
    if (title) f->title = title;
    d.link = url ? url : f->link; /* the base of relative addresses */
    d.source = title;
    d.source_uri = f->link;
    if (!d.source_uri && c->slots[SLOT_ID].data)
        d.source_uri = feed_uri_absolute(f->memory, c->slots[SLOT_ID].data, c->slots[SLOT_ID].len);
    d.by = c->slots[SLOT_BY].data;
    d.copyright = line(b, filled(c, SLOT_RIGHTS));
    d.language = f->language;
    return d;
}

struct feed *feed_finish(struct feed_build *b, struct news_error *err)
{
    struct draft channel = finish_channel(b);
    size_t kept = 0, count = b->feed->item_count;
    for (size_t i = 0; i < count; i++) {
        finish_item(b, i, &channel, channel.link);
        const struct draft *d = &b->feed->items[i];
        bool to_open = (d->link || d->media_count) && !b->recovered;
        if (!d->title && !to_open) continue;
        if (kept != i) {
            b->items[kept] = b->items[i];
            b->feed->items[kept] = b->feed->items[i];
        }
        kept++;
    }
    b->feed->item_count = kept;
    b->feed->skipped += count - kept;
    b->feed->left_out = b->left_out;
    if (b->left_out)
        feed_damaged(b->feed, 0, "%zu items beyond the first %d were left out", b->left_out,
                     FEED_ITEMS_MAX);
    if (b->failed || !feed_identify(b)) {
        news_fail(err, NEWS_ERR_MEMORY, "feed: out of memory");
        return NULL;
    }
    struct feed *f = b->feed;
    b->feed = NULL; /* the caller's now */
    return f;
}
