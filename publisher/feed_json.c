#include "publisher/feed.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "publisher/charset.h"
#include "publisher/feed_build.h"

/* Lenient where feeds are careless: numbers for strings, an object for an array of one, members
 * twice. Depth: jansson stops at 2048 levels; below an item's own members nothing is followed. */

/* ---- values ---- */

/* A string or a number as text, at most digits long; NULL when it is neither. */
static const char *as_text(const json_t *value, char digits[32], size_t *len)
{
    if (json_is_string(value)) {
        *len = json_string_length(value);
        return json_string_value(value);
    }
    if (json_is_integer(value)) {
        int n = snprintf(digits, 32, "%lld", (long long)json_integer_value(value));
        *len = (size_t)n;
        return digits;
    }
    if (json_is_real(value)) {
        int n = snprintf(digits, 32, "%.15g", json_real_value(value));
        *len = (size_t)n;
        return digits;
    }
    return NULL;
}

/* Array element i, or the value itself where an array should be. */
static const json_t *element(const json_t *value, size_t i)
{
    return json_is_array(value) ? json_array_get(value, i) : i == 0 ? value : NULL;
}

static int64_t positive(const json_t *value)
{
    double n = json_number_value(value);
    return n > 0 && n < 9e15 ? (int64_t)n : 0;
}

/* ---- members of an item or of the feed ---- */

static const struct member {
    const char *name;
    enum feed_slot slot;
    enum feed_kind kind;
} item_members[] =
    {
        {"id", SLOT_ID, KIND_PLAIN},
        {"url", SLOT_LINK, KIND_PLAIN},
        {"external_url", SLOT_RELATED, KIND_PLAIN},
        {"title", SLOT_TITLE, KIND_HTML},
        {"content_html", SLOT_BODY, KIND_HTML},
        {"content_text", SLOT_BODY, KIND_PLAIN},
        {"summary", SLOT_SUMMARY, KIND_HTML},
        {"date_published", SLOT_PUBLISHED, KIND_PLAIN},
        {"date_modified", SLOT_UPDATED, KIND_PLAIN},
        {"language", SLOT_LANGUAGE, KIND_PLAIN},
},
  feed_members[] = {
      {"title", SLOT_TITLE, KIND_HTML},
      {"home_page_url", SLOT_LINK, KIND_PLAIN},
      {"feed_url", SLOT_ID, KIND_PLAIN},
      {"language", SLOT_LANGUAGE, KIND_PLAIN},
};

static void set_members(struct feed_build *b, struct feed_item *item, const json_t *object,
                        const struct member *members, size_t count)
{
    char digits[32];
    size_t len;
    for (size_t i = 0; i < count; i++) {
        const char *text = as_text(json_object_get(object, members[i].name), digits, &len);
        if (text) feed_set(b, item, members[i].slot, members[i].kind, text, len);
    }
}

/* 1.1 has authors, 1.0 author; documents that serve both say the same twice. */
static void set_authors(struct feed_build *b, struct feed_item *item, const json_t *object)
{
    const json_t *authors = json_object_get(object, "authors"), *author;
    if (!authors) authors = json_object_get(object, "author");
    for (size_t i = 0; (author = element(authors, i)); i++) {
        const json_t *name = json_is_string(author) ? author : json_object_get(author, "name");
        if (json_is_string(name))
            feed_add_author(b, item, json_string_value(name), json_string_length(name));
    }
}

static void set_tags(struct feed_build *b, const json_t *object)
{
    const json_t *tags = json_object_get(object, "tags"), *tag;
    for (size_t i = 0; (tag = element(tags, i)); i++) {
        if (json_is_string(tag)) feed_add_subject(b, json_string_value(tag), NULL, NULL);
    }
}

static void set_media(struct feed_build *b, const json_t *object)
{
    static const char *const images[] = {"image", "banner_image"};
    for (size_t i = 0; i < sizeof images / sizeof *images; i++) {
        const char *url = json_string_value(json_object_get(object, images[i]));
        if (url) (void)feed_add_media(b, "image", url);
    }
    const json_t *attachments = json_object_get(object, "attachments"), *a;
    for (size_t i = 0; (a = element(attachments, i)); i++) {
        const char *url = json_string_value(json_object_get(a, "url"));
        const char *type = json_string_value(json_object_get(a, "mime_type"));
        const json_t *title = json_object_get(a, "title");
        struct draft_media *m = url ? feed_add_media(b, "enclosure", url) : NULL;
        if (!m) continue;
        if (feed_media_type(type)) m->content_type = arena_strdup(b->feed->memory, type);
        m->size = positive(json_object_get(a, "size_in_bytes"));
        if (json_is_string(title))
            m->title = feed_one_line(b, KIND_HTML, json_string_value(title),
                                     json_string_length(title));
    }
}

/* ---- the document ---- */

static void read_item(struct feed_build *b, const json_t *object)
{
    if (!json_is_object(object)) {
        b->feed->skipped++;
        return;
    }
    struct feed_item *item = feed_build_add(b);
    if (!item) return;
    set_members(b, item, object, item_members, sizeof item_members / sizeof *item_members);
    if (!feed_has(item, SLOT_LINK)) /* a pointer to elsewhere that has no page of its own */
        item->slots[SLOT_LINK] = item->slots[SLOT_RELATED];
    set_authors(b, item, object);
    set_tags(b, object);
    set_media(b, object);
}

static struct feed *read_feed(const json_t *root, const struct feed_origin *origin,
                              struct news_error *err)
{
    struct feed_build b;
    struct feed *feed = NULL;
    const char *version = json_string_value(json_object_get(root, "version"));
    const json_t *items = json_object_get(root, "items");
    if (!version || !strstr(version, "jsonfeed.org/version/1")) {
        news_fail(err, NEWS_ERR_DATA, "JSON, but not a JSON Feed: no version of jsonfeed.org");
        return NULL;
    }
    if (feed_build_init(&b, origin)) {
        b.feed->format = strstr(version, "/1.1") ? "JSON Feed 1.1" : "JSON Feed 1.0";
        set_members(&b, &b.channel, root, feed_members, sizeof feed_members / sizeof *feed_members);
        set_authors(&b, &b.channel, root);
        for (size_t i = 0; i < json_array_size(items); i++)
            read_item(&b, json_array_get(items, i));
        feed = feed_finish(&b, err);
    } else {
        news_fail(err, NEWS_ERR_MEMORY, "feed: out of memory");
    }
    feed_build_deinit(&b);
    return feed;
}

struct feed *feed_parse_json(const char *bytes, size_t len, const struct feed_origin *origin,
                             unsigned long *line, struct news_error *err)
{
    struct buf store = {0};
    struct charset_text text;
    struct feed *feed = NULL;
    json_error_t why = {.line = 0};
    if (line) *line = 0;
    if (len > FEED_BYTES_MAX) {
        news_fail(err, NEWS_ERR_TOO_LARGE, "a feed of more than %u MiB", FEED_BYTES_MAX >> 20);
        return NULL;
    }
    if (!charset_to_utf8(bytes, len, NULL, FEED_BYTES_MAX, &store, &text, err)) {
        buf_deinit(&store);
        return NULL;
    }
    json_t *root = json_loadb(text.data, text.len, JSON_ALLOW_NUL, &why);
    if (root) {
        feed = read_feed(root, origin, err);
    } else {
        if (line && why.line > 0) *line = (unsigned long)why.line;
        news_fail(err, NEWS_ERR_DATA, "not JSON: %s", why.text);
    }
    if (feed) feed_note_charset(feed, &text);
    json_decref(root);
    buf_deinit(&store);
    return feed;
}
