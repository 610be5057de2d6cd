#include "common/draft.h"

#include <string.h>

#include "common/date.h"
#include "common/json.h"
#include "common/ninjs.h"

void draft_init(struct draft *d)
{
    memset(d, 0, sizeof *d);
    d->published_ms = d->updated_ms = d->embargoed_ms = d->expires_ms = DATE_UNKNOWN;
}

static void put_number(struct buf *out, const char *name, int64_t value)
{
    if (value <= 0) return;
    json_put_name(out, name);
    buf_printf(out, "%lld", (long long)value);
}

/* Opens the next object of the array called name. */
static void put_object(struct buf *out, const char *name, bool *open)
{
    if (!*open) {
        json_put_name(out, name);
        buf_puts(out, "[{");
    } else {
        buf_puts(out, ",{");
    }
    *open = true;
}

static void put_text(struct buf *out, const char *array, bool *open, const char *role,
                     const char *content_type, const char *value)
{
    if (!value) return;
    put_object(out, array, open);
    json_put_member(out, "role", role);
    json_put_member(out, "contentType", content_type);
    json_put_member(out, "value", value);
    buf_putc(out, '}');
}

static void close_array(struct buf *out, bool open)
{
    if (open) buf_putc(out, ']');
}

static void put_texts(struct buf *out, const struct draft *d)
{
    bool open = false;
    put_text(out, "headlines", &open, "main", NULL, d->title);
    close_array(out, open);
    open = false;
    json_put_member(out, "by", d->by);
    json_put_member(out, "located", d->located);
    put_text(out, "descriptions", &open, "summary", "text/plain", d->summary);
    close_array(out, open);
    open = false;
    put_text(out, "bodies", &open, "main", "text/plain", d->body_text);
    put_text(out, "bodies", &open, "html", "text/html", d->body_html);
    close_array(out, open);
}

static void put_subjects(struct buf *out, const struct draft *d)
{
    bool open = false;
    for (size_t i = 0; i < d->subject_count; i++) {
        const struct draft_subject *s = &d->subjects[i];
        put_object(out, "subjects", &open);
        json_put_member(out, "name", s->name);
        json_put_member(out, "uri", s->uri);
        if (s->code && !(s->name && strcmp(s->name, s->code) == 0))
            json_put_member(out, "literal", s->code);
        buf_putc(out, '}');
    }
    close_array(out, open);
}

static void put_source(struct buf *out, const struct draft *d)
{
    bool open = false;
    if (!d->source && !d->source_uri) return;
    put_object(out, "infoSources", &open);
    json_put_member(out, "name", d->source);
    json_put_member(out, "uri", d->source_uri);
    buf_putc(out, '}');
    close_array(out, open);
}

static void put_renditions(struct buf *out, const struct draft *d)
{
    bool open = false;
    if (d->link) {
        put_object(out, "renditions", &open);
        json_put_member(out, "name", "web");
        json_put_member(out, "href", d->link);
        json_put_member(out, "contentType", "text/html");
        buf_putc(out, '}');
    }
    if (d->related) {
        put_object(out, "renditions", &open);
        json_put_member(out, "name", "related");
        json_put_member(out, "href", d->related);
        buf_putc(out, '}');
    }
    for (size_t i = 0; i < d->media_count; i++) {
        const struct draft_media *m = &d->media[i];
        put_object(out, "renditions", &open);
        json_put_member(out, "name", m->name);
        json_put_member(out, "href", m->href);
        json_put_member(out, "contentType", m->content_type);
        json_put_member(out, "title", m->title);
        put_number(out, "width", m->width);
        put_number(out, "height", m->height);
        put_number(out, "sizeInBytes", m->size);
        buf_putc(out, '}');
    }
    close_array(out, open);
}

static void put_alt_ids(struct buf *out, const struct draft *d)
{
    bool open = false;
    if (!d->guid) return;
    put_object(out, "altIds", &open);
    json_put_member(out, "role", "guid");
    json_put_member(out, "value", d->guid);
    buf_putc(out, '}');
    close_array(out, open);
}

bool draft_write(const struct draft *d, int64_t now_ms, struct buf *out, struct news_error *err)
{
    if (!d->uri || !*d->uri) return news_fail(err, NEWS_ERR_DATA, "uri: is required");
    int64_t first = d->published_ms != DATE_UNKNOWN ? d->published_ms
                    : d->updated_ms != DATE_UNKNOWN ? d->updated_ms
                                                    : now_ms;
    int64_t version = d->updated_ms != DATE_UNKNOWN ? d->updated_ms : first;
    size_t start = out->len;
    buf_putc(out, '{');
    json_put_member(out, "uri", d->uri);
    json_put_name(out, "standard");
    buf_puts(out, NINJS_STANDARD_JSON);
    json_put_member(out, "type", "text");
    json_put_member(out, "version", d->version);
    json_put_date(out, "versionCreated", version);
    json_put_date(out, "firstCreated", first);
    json_put_member(out, "pubStatus", d->pub_status ? d->pub_status : "usable");
    put_number(out, "urgency", d->urgency);
    json_put_member(out, "language", d->language);
    put_texts(out, d);
    put_subjects(out, d);
    put_source(out, d);
    put_renditions(out, d);
    put_alt_ids(out, d);
    json_put_member(out, "edNote", d->ed_note);
    json_put_date(out, "embargoedUntil", d->embargoed_ms);
    json_put_date(out, "expires", d->expires_ms);
    json_put_member(out, "copyrightNotice", d->copyright);
    buf_putc(out, '}');
    if (buf_ok(out)) return true;
    buf_truncate(out, start);
    return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
}
