#include "publisher/feed_elements.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "publisher/feed_uri.h"

/* ---- items and the feed ---- */

static void set(struct feed_reader *r, enum feed_slot slot, const char *text)
{
    if (text) feed_set(r->build, feed_reader_owner(r), slot, KIND_PLAIN, text, strlen(text));
}

static void address(struct feed_reader *r, enum feed_slot slot, const char *text)
{
    if (text) feed_reader_address(r, slot, text, strlen(text));
}

static void start_channel(struct feed_reader *r, const struct feed_attributes *a)
{
    set(r, SLOT_ID, feed_attribute(r, a, "rdf", "about"));
    set(r, SLOT_LANGUAGE, feed_attribute(r, a, "xml", "lang"));
}

static void start_item(struct feed_reader *r, const struct feed_attributes *a)
{
    struct feed_frame *f = feed_reader_top(r);
    if (!feed_build_add(r->build)) {
        f->place = PLACE_IGNORED;
        return;
    }
    if (!r->item_depth) r->item_depth = r->depth; /* else broken markup left one open */
    r->media = NULL;
    set(r, SLOT_ID, feed_attribute(r, a, "rdf", "about"));
    set(r, SLOT_LANGUAGE, feed_attribute(r, a, "xml", "lang"));
    set(r, SLOT_INHERITED_LANGUAGE, f->lang);
    address(r, SLOT_LINK, feed_attribute(r, a, NULL, "href")); /* CDF */
}

static void start_guid(struct feed_reader *r, const struct feed_attributes *a)
{
    r->permalink = feed_attribute(r, a, NULL, "isPermaLink");
}

static void end_guid(struct feed_reader *r)
{
    bool is_link = !r->permalink || strcasecmp(r->permalink, "false") != 0;
    set(r, SLOT_ID, r->text.data);
    if (is_link) set(r, SLOT_GUID_LINK, r->text.data);
}

/* ---- links ---- */

static struct draft_media *add_media(struct feed_reader *r, const struct feed_attributes *a,
                                     const char *name, const char *href);

/* RSS has the address as text; some write Atom's attribute under RSS's name. */
static void start_rss_link(struct feed_reader *r, const struct feed_attributes *a)
{
    address(r, SLOT_LINK, feed_attribute(r, a, NULL, "href"));
}

static void end_link(struct feed_reader *r)
{
    address(r, SLOT_LINK, r->text.data);
}

static void end_orig_link(struct feed_reader *r)
{
    address(r, SLOT_ORIG_LINK, r->text.data);
}

static void start_atom_link(struct feed_reader *r, const struct feed_attributes *a)
{
    const char *rel = feed_attribute(r, a, NULL, "rel"), *href = feed_attribute(r, a, NULL, "href");
    const char *slash = rel ? strrchr(rel, '/') : NULL; /* relations may be spelt as URIs */
    if (slash) rel = slash + 1;
    if (!rel || strcasecmp(rel, "alternate") == 0) address(r, SLOT_LINK, href);
    else if (r->item_depth && strcasecmp(rel, "related") == 0) address(r, SLOT_RELATED, href);
    else if (r->item_depth && strcasecmp(rel, "enclosure") == 0)
        (void)add_media(r, a, "enclosure", href);
}

static void start_source_link(struct feed_reader *r, const struct feed_attributes *a)
{
    const char *rel = feed_attribute(r, a, NULL, "rel");
    if (!rel || strcasecmp(rel, "alternate") == 0)
        address(r, SLOT_SOURCE_URI, feed_attribute(r, a, NULL, "href"));
}

static void start_rss_source(struct feed_reader *r, const struct feed_attributes *a)
{
    address(r, SLOT_SOURCE_URI, feed_attribute(r, a, NULL, "url"));
}

/* ---- texts ---- */

/* RFC 4287 §3.1. Without a type it should be plain; it is HTML too often to believe that. */
static void start_construct(struct feed_reader *r, const struct feed_attributes *a)
{
    const char *type = feed_attribute(r, a, NULL, "type");
    if (!type) return;
    if (strcasecmp(type, "text") == 0 || strcasecmp(type, "text/plain") == 0 ||
        strcasecmp(type, "plain") == 0)
        r->kind = KIND_PLAIN;
    else if (strcasestr(type, "xhtml")) feed_reader_markup(r);
}

/* RFC 4287 §4.1.3: content may also be elsewhere, or no text at all. */
static void start_content(struct feed_reader *r, const struct feed_attributes *a)
{
    static const char *const texts[] = {"text", "html", "xhtml", "application/xhtml", "plain"};
    const char *type = feed_attribute(r, a, NULL, "type"),
               *mode = feed_attribute(r, a, NULL, "mode");
    bool known = !type;
    for (size_t i = 0; i < sizeof texts / sizeof *texts && !known; i++)
        known = strncasecmp(type, texts[i], strlen(texts[i])) == 0;
    if (!known || (mode && strcasecmp(mode, "base64") == 0))
        feed_reader_top(r)->place = PLACE_IGNORED;
    set(r, SLOT_GUID_LINK, feed_attribute(r, a, NULL, "src")); /* where there is no better link */
    start_construct(r, a);
}

static void start_xhtml(struct feed_reader *r, const struct feed_attributes *a)
{
    (void)a;
    feed_reader_markup(r);
}

/* Media RSS: plain unless it says otherwise, and its lines count. */
static void start_media_text(struct feed_reader *r, const struct feed_attributes *a)
{
    const char *type = feed_attribute(r, a, NULL, "type");
    if (!type || strcasecmp(type, "html") != 0) r->kind = KIND_PLAIN;
}

/* ---- people and subjects ---- */

static void end_author(struct feed_reader *r)
{
    if (r->text.len) feed_add_author(r->build, feed_reader_owner(r), r->text.data, r->text.len);
}

/* RFC 4287 §4.2.1: the source's author counts where the entry has none. */
static void end_source_author(struct feed_reader *r)
{
    if (!feed_has(feed_reader_owner(r), SLOT_BY)) end_author(r);
}

static void start_category(struct feed_reader *r, const struct feed_attributes *a)
{
    r->scheme = feed_attribute(r, a, NULL, "domain");
}

static void end_category(struct feed_reader *r)
{
    if (r->text.len) feed_add_subject(r->build, r->text.data, NULL, r->scheme);
}

static void end_subject(struct feed_reader *r)
{
    r->scheme = NULL;
    end_category(r);
}

static void start_atom_category(struct feed_reader *r, const struct feed_attributes *a)
{
    feed_add_subject(r->build, feed_attribute(r, a, NULL, "label"),
                     feed_attribute(r, a, NULL, "term"), feed_attribute(r, a, NULL, "scheme"));
}

/* ---- media ---- */

static int64_t number(struct feed_reader *r, const struct feed_attributes *a, const char *name)
{
    const char *text = feed_attribute(r, a, NULL, name);
    long long n = text ? strtoll(text, NULL, 10) : 0;
    return n > 0 && n < INT64_MAX ? n : 0;
}

/* The attributes of Atom's and RSS's enclosures and of Media RSS, where each has them. */
static struct draft_media *add_media(struct feed_reader *r, const struct feed_attributes *a,
                                     const char *name, const char *href)
{
    const char *base = feed_reader_top(r)->base;
    const char *whole = href && base
                            ? feed_uri_resolve(r->build->feed->memory, href, strlen(href), base)
                            : NULL;
    struct draft_media *m = href ? feed_add_media(r->build, name, whole ? whole : href) : NULL;
    if (!m) return NULL;
    m->content_type = feed_media_type(feed_attribute(r, a, NULL, "type"));
    m->size = number(r, a, "length");
    if (!m->size) m->size = number(r, a, "fileSize");
    m->width = number(r, a, "width");
    m->height = number(r, a, "height");
    return m;
}

static void start_enclosure(struct feed_reader *r, const struct feed_attributes *a)
{
    (void)add_media(r, a, "enclosure", feed_attribute(r, a, NULL, "url"));
}

/* What kind of medium it is, by what it says of itself or by the end of its address. */
static const char *medium_of(const char *said, const char *url)
{
    static const char *const kinds[] = {"image", "video", "audio"};
    static const struct {
        const char *end, *kind;
    } ends[] = {{".jpg", "image"},  {".jpeg", "image"}, {".png", "image"},  {".gif", "image"},
                {".webp", "image"}, {".mp4", "video"},  {".webm", "video"}, {".mp3", "audio"}};
    for (size_t i = 0; said && i < sizeof kinds / sizeof *kinds; i++) {
        if (strncasecmp(said, kinds[i], strlen(kinds[i])) == 0) return kinds[i];
    }
    size_t len = url && !said ? strcspn(url, "?#") : 0;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t n = strlen(ends[i].end);
        if (len > n && strncasecmp(url + len - n, ends[i].end, n) == 0) return ends[i].kind;
    }
    return "enclosure";
}

static void start_media_content(struct feed_reader *r, const struct feed_attributes *a)
{
    const char *said = feed_attribute(r, a, NULL, "medium"),
               *url = feed_attribute(r, a, NULL, "url");
    if (!said) said = feed_attribute(r, a, NULL, "type");
    r->media = add_media(r, a, medium_of(said, url), url);
    r->caption = r->credit = NULL;
}

static void start_thumbnail(struct feed_reader *r, const struct feed_attributes *a)
{
    (void)add_media(r, a, "thumbnail", feed_attribute(r, a, NULL, "url"));
}

static void start_itunes_image(struct feed_reader *r, const struct feed_attributes *a)
{
    (void)add_media(r, a, "image", feed_attribute(r, a, NULL, "href"));
}

static void end_image_url(struct feed_reader *r)
{
    if (r->text.len) (void)feed_add_media(r->build, "image", r->text.data);
}

/* Caption and credit come in either order, within the medium or beside it. */
static void describe(struct feed_reader *r)
{
    struct buf whole = {0};
    if (!r->media) return;
    if (r->caption && r->credit) buf_printf(&whole, "%s (%s)", r->caption, r->credit);
    else buf_puts(&whole, r->caption ? r->caption : r->credit ? r->credit : "");
    if (whole.len) r->media->title = arena_strndup(r->build->feed->memory, whole.data, whole.len);
    buf_deinit(&whole);
}

static void end_caption(struct feed_reader *r)
{
    if (r->text.len && !r->caption)
        r->caption = feed_one_line(r->build, KIND_HTML, r->text.data, r->text.len);
    describe(r);
}

static void end_credit(struct feed_reader *r)
{
    if (r->text.len && !r->credit)
        r->credit = feed_one_line(r->build, KIND_HTML, r->text.data, r->text.len);
    describe(r);
}

/* Beside a medium it is the medium's, else the item's. */
static void end_media_description(struct feed_reader *r)
{
    if (r->media) end_caption(r);
    else if (r->text.len)
        feed_set(r->build, feed_reader_owner(r), SLOT_EXTRACT, r->kind, r->text.data, r->text.len);
}

/* ---- how often ---- */

static unsigned small_number(const char *text)
{
    unsigned long n = text ? strtoul(text, NULL, 10) : 0;
    return n <= 527040 ? (unsigned)n : 0; /* minutes of a year */
}

static void end_ttl(struct feed_reader *r)
{
    r->build->feed->ttl_minutes = small_number(r->text.data);
}

static void end_period(struct feed_reader *r)
{
    static const struct {
        const char *name;
        unsigned minutes;
    } periods[] = {{"hourly", 60}, {"daily", 1440}, {"weekly", 10080}, {"monthly", 43200}};
    for (size_t i = 0; r->text.len && i < sizeof periods / sizeof *periods; i++) {
        if (strcasestr(r->text.data, periods[i].name) && !r->build->feed->ttl_minutes)
            r->build->feed->ttl_minutes = periods[i].minutes;
    }
}

static void end_frequency(struct feed_reader *r)
{
    unsigned times = small_number(r->text.data);
    if (times > 1) r->build->feed->ttl_minutes /= times;
}

/* RSS 0.91 counted from 1 to 24, RSS 2.0 from 0 to 23: 24 and 0 are the same hour. */
static void end_hour(struct feed_reader *r)
{
    unsigned hour = small_number(r->text.data);
    if (r->text.len && hour <= 24) r->build->feed->skip_hours |= 1u << hour % 24;
}

static void end_day(struct feed_reader *r)
{
    static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                       "Thursday", "Friday", "Saturday"};
    for (size_t i = 0; r->text.len && i < sizeof days / sizeof *days; i++) {
        if (strcasestr(r->text.data, days[i])) r->build->feed->skip_days |= 1u << i;
    }
}

/* ---- the tables ---- */

#define ITEM  FEED_IN(PLACE_ITEM)
#define FEED  FEED_IN(PLACE_FEED)
#define ROOT  FEED_IN(PLACE_ROOT)
#define GROUP FEED_IN(PLACE_GROUP)
#define MEDIA FEED_IN(PLACE_MEDIA)

/* Elements whose text goes into a slot as it is, and all others. */
/* clang-format off */
#define TEXT(name, parents, slot)             {name, parents, PLACE_TEXT, slot, NULL, NULL}
#define OF(name, parents, place, start, end)  {name, parents, place, SLOT_NONE, start, end}
/* clang-format on */

static const struct feed_element rss[] = {
    OF("channel", ROOT, PLACE_FEED, start_channel, NULL),
    /* Broken markup may leave the item before open. */
    OF("item", ROOT | FEED | ITEM, PLACE_ITEM, start_item, NULL),
    TEXT("title", FEED | ITEM, SLOT_TITLE),
    OF("link", FEED | ITEM, PLACE_TEXT, start_rss_link, end_link),
    TEXT("description", ITEM, SLOT_SUMMARY),
    TEXT("abstract", ITEM, SLOT_SUMMARY), /* CDF */
    TEXT("content", ITEM, SLOT_BODY),
    OF("guid", ITEM, PLACE_TEXT, start_guid, end_guid),
    TEXT("pubDate", ITEM, SLOT_PUBLISHED),
    OF("author", ITEM, PLACE_PERSON, NULL, end_author),
    OF("name", FEED_IN(PLACE_PERSON), PLACE_TEXT, NULL, end_author),
    OF("category", ITEM, PLACE_TEXT, start_category, end_category),
    OF("enclosure", ITEM, PLACE_IGNORED, start_enclosure, NULL),
    TEXT("language", FEED | ITEM, SLOT_LANGUAGE),
    TEXT("copyright", FEED | ITEM, SLOT_RIGHTS),
    {"source", ITEM, PLACE_TEXT, SLOT_SOURCE, start_rss_source, NULL},
    OF("ttl", FEED, PLACE_TEXT, NULL, end_ttl),
    OF("skipHours", FEED, PLACE_FEED, NULL, NULL),
    OF("hour", FEED, PLACE_TEXT, NULL, end_hour),
    OF("skipDays", FEED, PLACE_FEED, NULL, NULL),
    OF("day", FEED, PLACE_TEXT, NULL, end_day),
    OF("image", ITEM, PLACE_IMAGE, NULL, NULL),
    OF("url", FEED_IN(PLACE_IMAGE), PLACE_TEXT, NULL, end_image_url),
    {0},
};

static const struct feed_element atom[] = {
    OF("entry", FEED | ITEM, PLACE_ITEM, start_item, NULL),
    {"title", FEED | ITEM, PLACE_TEXT, SLOT_TITLE, start_construct, NULL},
    TEXT("id", FEED | ITEM, SLOT_ID),
    OF("link", FEED | ITEM, PLACE_IGNORED, start_atom_link, NULL),
    TEXT("updated", ITEM, SLOT_UPDATED),
    TEXT("modified", ITEM, SLOT_UPDATED),
    TEXT("published", ITEM, SLOT_PUBLISHED),
    TEXT("issued", ITEM, SLOT_PUBLISHED),
    TEXT("created", ITEM, SLOT_DATE),
    {"summary", ITEM, PLACE_TEXT, SLOT_SUMMARY, start_construct, NULL},
    {"content", ITEM, PLACE_TEXT, SLOT_BODY, start_content, NULL},
    OF("author", FEED | ITEM, PLACE_PERSON, NULL, end_author),
    OF("name", FEED_IN(PLACE_PERSON), PLACE_TEXT, NULL, end_author),
    OF("category", ITEM, PLACE_IGNORED, start_atom_category, NULL),
    {"rights", FEED | ITEM, PLACE_TEXT, SLOT_RIGHTS, start_construct, NULL},
    {"copyright", FEED | ITEM, PLACE_TEXT, SLOT_RIGHTS, start_construct, NULL},
    OF("source", ITEM, PLACE_SOURCE, NULL, NULL),
    {"title", FEED_IN(PLACE_SOURCE), PLACE_TEXT, SLOT_SOURCE, start_construct, NULL},
    OF("link", FEED_IN(PLACE_SOURCE), PLACE_IGNORED, start_source_link, NULL),
    OF("author", FEED_IN(PLACE_SOURCE), PLACE_PERSON, NULL, end_source_author),
    {0},
};

static const struct feed_element dublin_core[] = {
    TEXT("title", FEED | ITEM, SLOT_ALT_TITLE),
    OF("creator", ITEM, PLACE_TEXT, NULL, end_author),
    OF("subject", ITEM, PLACE_TEXT, NULL, end_subject),
    TEXT("date", ITEM, SLOT_DATE),
    TEXT("language", FEED | ITEM, SLOT_LANGUAGE),
    TEXT("rights", FEED | ITEM, SLOT_RIGHTS),
    TEXT("description", ITEM, SLOT_EXTRACT),
    {0},
};

static const struct feed_element dublin_core_terms[] = {
    TEXT("issued", ITEM, SLOT_DATE),
    TEXT("created", ITEM, SLOT_DATE),
    TEXT("modified", ITEM, SLOT_UPDATED),
    OF("creator", ITEM, PLACE_TEXT, NULL, end_author),
    TEXT("language", FEED | ITEM, SLOT_LANGUAGE),
    {0},
};

static const struct feed_element content[] = {
    TEXT("encoded", ITEM, SLOT_BODY),
    {0},
};

static const struct feed_element media[] = {
    OF("content", ITEM | GROUP, PLACE_MEDIA, start_media_content, NULL),
    OF("group", ITEM, PLACE_GROUP, NULL, NULL),
    OF("thumbnail", ITEM | GROUP | MEDIA, PLACE_IGNORED, start_thumbnail, NULL),
    TEXT("title", ITEM | GROUP, SLOT_ALT_TITLE),
    OF("title", MEDIA, PLACE_TEXT, NULL, end_caption),
    OF("description", MEDIA, PLACE_TEXT, NULL, end_caption),
    OF("description", ITEM, PLACE_TEXT, start_media_text, end_media_description),
    {"description", GROUP, PLACE_TEXT, SLOT_EXTRACT, start_media_text, NULL},
    OF("credit", ITEM | GROUP | MEDIA, PLACE_TEXT, NULL, end_credit),
    {0},
};

static const struct feed_element podcast[] = {
    /* Apple's and Google's */
    OF("author", ITEM, PLACE_TEXT, NULL, end_author),
    TEXT("title", ITEM, SLOT_ALT_TITLE),
    TEXT("summary", ITEM, SLOT_EXTRACT),
    TEXT("description", ITEM, SLOT_EXTRACT),
    OF("image", ITEM, PLACE_IGNORED, start_itunes_image, NULL),
    {0},
};

static const struct feed_element redirects[] = {
    /* feedburner, pheedo */
    OF("origLink", ITEM, PLACE_TEXT, NULL, end_orig_link),
    {0},
};

static const struct feed_element yandex[] = {
    TEXT("full-text", ITEM, SLOT_BODY),
    {0},
};

static const struct feed_element xhtml[] = {
    {"body", ITEM, PLACE_TEXT, SLOT_BODY, start_xhtml, NULL},
    {"div", ITEM, PLACE_TEXT, SLOT_BODY, start_xhtml, NULL},
    {0},
};

static const struct feed_element syndication[] = {
    OF("updatePeriod", FEED, PLACE_TEXT, NULL, end_period),
    OF("updateFrequency", FEED, PLACE_TEXT, NULL, end_frequency),
    {0},
};

const struct feed_vocabulary feed_vocabularies[] = {
    {"rss",
     {"http://purl.org/rss/1.0", "http://my.netscape.com/rdf/simple/0.9",
      "http://channel.netscape.com/rdf/simple/0.9", "http://backend.userland.com/rss",
      "http://backend.userland.com/rss2", "http://blogs.law.harvard.edu/tech/rss",
      "http://cyber.law.harvard.edu/rss/rss.html", "http://purl.org/rss/1.0/modules/rss091",
      "http://my.netscape.com/publish/formats/rss-0.91.dtd"},
     rss},
    {"atom",
     {"http://www.w3.org/2005/Atom", "https://www.w3.org/2005/Atom", "http://purl.org/atom/ns",
      "http://purl.org/atom/1.0"},
     atom},
    {"a10", {NULL}, atom},
    {"dc",
     {"http://purl.org/dc/elements/1.1", "http://purl.org/dc/elements/1.0",
      "https://purl.org/dc/elements/1.1", "http://purl.org/metadata/dublin_core"},
     dublin_core},
    {"dcterms", {"http://purl.org/dc/terms"}, dublin_core_terms},
    {"content",
     {"http://purl.org/rss/1.0/modules/content", "https://purl.org/rss/1.0/modules/content"},
     content},
    {"media",
     {"http://search.yahoo.com/mrss", "https://search.yahoo.com/mrss",
      "http://tools.search.yahoo.com/mrss", "http://video.search.yahoo.com/mrss",
      "http://www.rssboard.org/media-rss", "http://search.yahoo.com/mrss/rss.xml"},
     media},
    {"itunes",
     {"http://www.itunes.com/dtds/podcast-1.0.dtd", "https://www.itunes.com/dtds/podcast-1.0.dtd",
      "http://www.itunes.com/dtds/podcast-1.0", "http://example.com/dtds/podcast-1.0.dtd"},
     podcast},
    {"googleplay", {"http://www.google.com/schemas/play-podcasts/1.0"}, podcast},
    {"feedburner",
     {"http://rssnamespace.org/feedburner/ext/1.0", "http://www.pheedo.com/namespace/pheedo"},
     redirects},
    {"pheedo", {NULL}, redirects},
    {"yandex", {"http://news.yandex.ru", "https://news.yandex.ru"}, yandex},
    {"xhtml", {"http://www.w3.org/1999/xhtml"}, xhtml},
    {"sy", {"http://purl.org/rss/1.0/modules/syndication"}, syndication},
    {0},
};
