#include "publisher/short_form.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/date.h"
#include "common/ninjs.h"
#include "common/text.h"
#include "common/uuid.h"
#include "publisher/feed.h"

enum field_type {
    FIELD_TEXT,    /* const char * of the draft */
    FIELD_LINK,    /* likewise, http or https */
    FIELD_DATE,    /* int64_t */
    FIELD_URGENCY, /* 1..9 */
    FIELD_SUBJECT, /* a string or an array of strings */
};

static const struct field {
    const char *name;
    enum field_type type;
    size_t at;
} fields[] = {
    {"title", FIELD_TEXT, offsetof(struct draft, title)},
    {"headline", FIELD_TEXT, offsetof(struct draft, title)},
    {"body", FIELD_TEXT, offsetof(struct draft, body_text)},
    {"text", FIELD_TEXT, offsetof(struct draft, body_text)},
    {"summary", FIELD_TEXT, offsetof(struct draft, summary)},
    {"description", FIELD_TEXT, offsetof(struct draft, summary)},
    {"link", FIELD_LINK, offsetof(struct draft, link)},
    {"url", FIELD_LINK, offsetof(struct draft, link)},
    {"uri", FIELD_TEXT, offsetof(struct draft, uri)},
    {"id", FIELD_TEXT, offsetof(struct draft, guid)},
    {"by", FIELD_TEXT, offsetof(struct draft, by)},
    {"author", FIELD_TEXT, offsetof(struct draft, by)},
    {"located", FIELD_TEXT, offsetof(struct draft, located)},
    {"source", FIELD_TEXT, offsetof(struct draft, source)},
    {"language", FIELD_TEXT, offsetof(struct draft, language)},
    {"lang", FIELD_TEXT, offsetof(struct draft, language)},
    {"version", FIELD_TEXT, offsetof(struct draft, version)},
    {"edNote", FIELD_TEXT, offsetof(struct draft, ed_note)},
    {"date", FIELD_DATE, offsetof(struct draft, published_ms)},
    {"published", FIELD_DATE, offsetof(struct draft, published_ms)},
    {"updated", FIELD_DATE, offsetof(struct draft, updated_ms)},
    {"embargo", FIELD_DATE, offsetof(struct draft, embargoed_ms)},
    {"expires", FIELD_DATE, offsetof(struct draft, expires_ms)},
    {"urgency", FIELD_URGENCY, offsetof(struct draft, urgency)},
    {"subject", FIELD_SUBJECT, 0},
    {"subjects", FIELD_SUBJECT, 0},
    {"tags", FIELD_SUBJECT, 0},
};

static const struct field *field_find(const char *name)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (strcmp(fields[i].name, name) == 0) return &fields[i];
    return NULL;
}

static bool has_one_of(const json_t *object, const char *const *names)
{
    for (; *names; names++)
        if (json_object_get(object, *names)) return true;
    return false;
}

/* Both have `uri`, `title`, `language` ...: the object is of that form of which it has fewer
 * unknown names, so that a mistake is told in the terms its writer had in mind. */
static bool is_short_form(json_t *object)
{
    size_t unknown_here = 0, unknown_to_ninjs = 0;
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        unknown_here += field_find(name) == NULL;
        unknown_to_ninjs += !ninjs_has_property(name);
    }
    if (unknown_here != unknown_to_ninjs) return unknown_here < unknown_to_ninjs;
    return !json_object_get(object, "uri") &&
           (json_object_get(object, "title") || json_object_get(object, "headline"));
}

static bool is_json_feed_item(const json_t *object)
{
    static const char *const marks[] = {"content_html",
                                        "content_text",
                                        "external_url",
                                        "date_published",
                                        "authors",
                                        "attachments",
                                        NULL};
    return has_one_of(object, marks);
}

/* ---- one field ---- */

static bool wrong(const char *name, const char *what, struct news_error *err)
{
    return news_fail(err, NEWS_ERR_DATA, "%.64s: %s", name, what);
}

static bool set_text(const char *name, const json_t *value, const char **field,
                     struct news_error *err)
{
    if (!json_is_string(value)) return wrong(name, "a string is expected", err);
    if (*field) return wrong(name, "another property says the same", err);
    if (json_string_length(value) > 0) *field = json_string_value(value);
    return true;
}

static bool set_link(const char *name, const json_t *value, const char **field,
                     struct news_error *err)
{
    if (!set_text(name, value, field, err)) return false;
    return !*field || text_url_ok(*field, strlen(*field)) ||
           wrong(name, "is not an http or https URL", err);
}

static bool set_date(const char *name, const json_t *value, int64_t *field, struct news_error *err)
{
    if (!json_is_string(value)) return wrong(name, "a date is expected", err);
    return date_parse_any(json_string_value(value), json_string_length(value), field) ||
           wrong(name, "is not a date", err);
}

static bool set_urgency(const char *name, const json_t *value, int *field, struct news_error *err)
{
    json_int_t n = json_integer_value(value);
    if (!json_is_integer(value) || n < 1 || n > 9)
        return wrong(name, "is not an integer between 1 and 9", err);
    *field = (int)n;
    return true;
}

static bool add_subject(const char *name, const json_t *value, struct draft *d,
                        struct news_error *err)
{
    if (!json_is_string(value)) return wrong(name, "a string is expected", err);
    if (d->subject_count < DRAFT_SUBJECTS)
        d->subjects[d->subject_count++].name = json_string_value(value);
    return true;
}

static bool set_subjects(const char *name, const json_t *value, struct draft *d,
                         struct news_error *err)
{
    if (!json_is_array(value)) return add_subject(name, value, d, err);
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!add_subject(name, json_array_get(value, i), d, err)) return false;
    return true;
}

static bool set_field(const struct field *f, const json_t *value, struct draft *d,
                      struct news_error *err)
{
    void *at = (char *)d + f->at;
    switch (f->type) {
    case FIELD_TEXT: return set_text(f->name, value, at, err);
    case FIELD_LINK: return set_link(f->name, value, at, err);
    case FIELD_DATE: return set_date(f->name, value, at, err);
    case FIELD_URGENCY: return set_urgency(f->name, value, at, err);
    case FIELD_SUBJECT: return set_subjects(f->name, value, d, err);
    }
    return false;
}

/* ---- the whole ---- */

/* A story that has an id of its own, or a link, stays the same one when its text is corrected. For one
 * that has neither, the same text always gets the same uri, so that sending a file twice is no
 * second story. */
static void make_uri(struct draft *d, char made[UUID_URN_SIZE])
{
    const char *parts[] = {d->guid, d->title, d->body_text, d->summary};
    if (d->uri) return;
    d->uri = d->link ? d->link : made;
    if (!d->link) uuid_of_names(parts, d->guid ? 1 : sizeof parts / sizeof *parts, made);
}

static bool read_fields(json_t *object, struct draft *d, struct news_error *err)
{
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        const struct field *f = field_find(name);
        if (!f) return wrong(name, "unknown property", err);
        if (!set_field(f, value, d, err)) return false;
    }
    return true;
}

static enum short_form read_short(json_t *object, int64_t now_ms, struct buf *out,
                                  struct news_error *err)
{
    struct draft d;
    char made[UUID_URN_SIZE];
    draft_init(&d);
    if (!read_fields(object, &d, err)) return SHORT_FORM_WRONG;
    if (!d.title) {
        wrong("title", "is required", err);
        return SHORT_FORM_WRONG;
    }
    make_uri(&d, made);
    return draft_write(&d, now_ms, out, err) ? SHORT_FORM_READ : SHORT_FORM_WRONG;
}

/* A single item is read as the only one of a feed. */
static enum short_form read_feed_item(json_t *object, int64_t now_ms, struct buf *out,
                                      struct news_error *err)
{
    json_t *feed = json_pack("{s:s, s:[O]}", "version", "https://jsonfeed.org/version/1.1", "items",
                             object);
    char *text = feed ? json_dumps(feed, JSON_COMPACT) : NULL;
    json_decref(feed);
    struct feed *f = text ? feed_parse_json(text, strlen(text), &(struct feed_origin){0}, NULL, err)
                          : NULL;
    free(text);
    bool ok = f && f->item_count == 1 && draft_write(&f->items[0], now_ms, out, err);
    if (f && f->item_count != 1) wrong("$", "holds neither text nor an id", err);
    feed_free(f);
    return ok ? SHORT_FORM_READ : SHORT_FORM_WRONG;
}

enum short_form short_form_read(const char *bytes, size_t len, int64_t now_ms, struct buf *out,
                                struct news_error *err)
{
    json_error_t why;
    json_t *object = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &why);
    enum short_form r = SHORT_FORM_NOT;
    if (json_is_object(object)) {
        if (is_json_feed_item(object)) r = read_feed_item(object, now_ms, out, err);
        else if (is_short_form(object)) r = read_short(object, now_ms, out, err);
    }
    json_decref(object);
    return r;
}
