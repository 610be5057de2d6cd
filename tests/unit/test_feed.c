#include "publisher/feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/date.h"
#include "publisher/feed_uri.h"

/* ---- reading ---- */

static struct feed *parse(const char *bytes, size_t len, const struct feed_origin *origin,
                          struct news_error *err)
{
    unsigned long line;
    return feed_looks_xml(bytes, len) ? feed_parse_xml(bytes, len, origin, &line, err)
                                      : feed_parse_json(bytes, len, origin, &line, err);
}

static struct buf read_fixture(const char *name)
{
    const char *root = getenv("NEWS_SOURCE_DIR");
    struct buf bytes = {0};
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/tests/fixtures/feeds/%s", root ? root : ".", name);
    FILE *file = fopen(path, "rb");
    if (!file) fail_msg("%s: not there; is NEWS_SOURCE_DIR set?", path);
    for (size_t got = 1; got;) {
        char *room = buf_reserve(&bytes, 4096);
        got = fread(room, 1, 4096, file);
        bytes.len += got;
    }
    fclose(file);
    return bytes;
}

static struct feed *try_fixture(const char *name, struct news_error *err)
{
    struct buf bytes = read_fixture(name);
    struct feed *f = parse(bytes.data, bytes.len, NULL, err);
    buf_deinit(&bytes);
    return f;
}

static struct feed *fixture(const char *name)
{
    struct news_error err = {0};
    struct feed *f = try_fixture(name, &err);
    if (!f) fail_msg("%s: %s", name, err.message);
    return f;
}

static struct feed *document(const char *text)
{
    struct news_error err = {0};
    struct feed *f = parse(text, strlen(text), NULL, &err);
    if (!f) fail_msg("%s\n%s", text, err.message);
    return f;
}

/* ---- asking by name, so that cases are tables ---- */

static const struct {
    const char *name;
    size_t at;
} strings[] = {
    {"uri", offsetof(struct draft, uri)},
    {"guid", offsetof(struct draft, guid)},
    {"link", offsetof(struct draft, link)},
    {"related", offsetof(struct draft, related)},
    {"title", offsetof(struct draft, title)},
    {"summary", offsetof(struct draft, summary)},
    {"body", offsetof(struct draft, body_text)},
    {"html", offsetof(struct draft, body_html)},
    {"by", offsetof(struct draft, by)},
    {"language", offsetof(struct draft, language)},
    {"source", offsetof(struct draft, source)},
    {"source_uri", offsetof(struct draft, source_uri)},
    {"copyright", offsetof(struct draft, copyright)},
};

static const char *put_date(int64_t ms, char out[500])
{
    if (ms == DATE_UNKNOWN) return NULL;
    date_rfc3339(ms, out);
    return out;
}

/* "subject:1", "media:0" and the names above; out is where what is no string is written. */
static const char *field_of(const struct draft *d, const char *name, char out[500])
{
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        if (strcmp(strings[i].name, name) == 0)
            return *(const char *const *)((const char *)d + strings[i].at);
    }
    if (strcmp(name, "published") == 0) return put_date(d->published_ms, out);
    if (strcmp(name, "updated") == 0) return put_date(d->updated_ms, out);
    size_t i = (size_t)(name[strlen(name) - 1] - '0');
    if (strncmp(name, "subject:", 8) == 0) {
        if (i >= d->subject_count) return NULL;
        const struct draft_subject *s = &d->subjects[i];
        (void)snprintf(out, 500, "%s|%s|%s", s->name, s->uri ? s->uri : "", s->code ? s->code : "");
        return out;
    }
    if (strncmp(name, "media:", 6) == 0) {
        if (i >= d->media_count) return NULL;
        const struct draft_media *m = &d->media[i];
        (void)snprintf(out, 500, "%s|%s|%s|%s|%lld|%lldx%lld", m->name, m->href,
                       m->content_type ? m->content_type : "", m->title ? m->title : "",
                       (long long)m->size, (long long)m->width, (long long)m->height);
        return out;
    }
    fail_msg("no field %s", name);
    return NULL;
}

struct expectation {
    size_t item;
    const char *field, *is; /* NULL: not there */
};

static void expect(const char *what, const struct feed *f, const struct expectation *e,
                   size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char out[500];
        if (e[i].item >= f->item_count) fail_msg("%s: only %zu items", what, f->item_count);
        const char *got = field_of(&f->items[e[i].item], e[i].field, out);
        bool same = got && e[i].is ? strcmp(got, e[i].is) == 0 : got == e[i].is;
        if (!same)
            fail_msg("%s: %s of item %zu is\n\"%s\", not\n\"%s\"", what, e[i].field, e[i].item,
                     got ? got : "(none)", e[i].is ? e[i].is : "(none)");
    }
}

#define EXPECT(what, f, e) expect(what, f, e, sizeof(e) / sizeof *(e))

/* One item of RSS 2.0, or whole documents, and one field of the result. */
struct item_case {
    const char *inner;
    const char *field, *is;
};

static void check_items(const char *before, const struct item_case *cases, size_t count,
                        const char *after)
{
    for (size_t i = 0; i < count; i++) {
        struct buf text = {0};
        buf_printf(&text, "%s%s%s", before, cases[i].inner, after);
        struct feed *f = document(text.data);
        struct expectation e = {0, cases[i].field, cases[i].is};
        expect(cases[i].inner, f, &e, 1);
        feed_free(f);
        buf_deinit(&text);
    }
}

#define RSS_BEFORE                                                                                 \
    "<rss version='2.0' xmlns:dc='http://purl.org/dc/elements/1.1/'"                               \
    " xmlns:content='http://purl.org/rss/1.0/modules/content/'"                                    \
    " xmlns:media='http://search.yahoo.com/mrss/'"                                                 \
    " xmlns:feedburner='http://rssnamespace.org/feedburner/ext/1.0'>"                              \
    "<channel><title>Paper</title><link>http://p.example/news/</link><item>"
#define RSS_AFTER        "</item></channel></rss>"
#define RSS_ITEMS(cases) check_items(RSS_BEFORE, cases, sizeof(cases) / sizeof *(cases), RSS_AFTER)
#define DOCUMENTS(cases) check_items("", cases, sizeof(cases) / sizeof *(cases), "")

/* ---- formats ---- */

static void a_podcast_is_read(void **state)
{
    (void)state;
    static const struct expectation e[] = {
        {0, "uri", "https://radio.example/episodes/12"},
        {0, "guid", "radio-12"},
        {0, "link", "https://radio.example/episodes/12"},
        {0, "title", "Episode 12: Tides"},
        {0, "summary", "How tides work."},
        {0, "body", "How tides work.\n\n• Moon\n• Sun"},
        {0, "html", "<p>How <b>tides</b> work.</p><ul><li>Moon</li><li>Sun</li></ul>"},
        {0, "by", "Ada Quay"},
        {0, "language", "en-GB"},
        {0, "source", "Harbour Radio"},
        {0, "source_uri", "https://radio.example/"},
        {0, "copyright", "© Harbour Radio"},
        {0, "published", "2020-03-03T13:00:00Z"},
        {0, "media:0",
         "enclosure|https://cdn.radio.example/12.mp3?x=1&y=2|audio/mpeg||12345678|0x0"},
        {0, "media:1", "image|https://radio.example/art/12.png|||0|0x0"},
    };
    struct feed *f = fixture("podcast.xml");
    assert_string_equal(f->format, "RSS 2.0");
    assert_string_equal(f->title, "Harbour Radio");
    assert_string_equal(f->link, "https://radio.example/");
    assert_string_equal(f->language, "en-GB");
    assert_int_equal(f->item_count, 1);
    assert_int_equal(f->ttl_minutes, 60);
    assert_false(f->damaged);
    EXPECT("podcast", f, e);
    feed_free(f);
}

static void atom_is_read(void **state)
{
    (void)state;
    static const struct expectation e[] = {
        {0, "uri", "tag:atom.example,2020:1"},
        {0, "title", "A xhtml title < one"},
        {0, "link", "https://atom.example/blog/2020/one"},
        {0, "related", "https://other.example/"},
        {0, "published", "2020-03-01T09:00:00Z"},
        {0, "updated", "2020-03-02T10:00:00Z"},
        {0, "by", "Ada Quay"},
        {0, "copyright", "CC BY"},
        {0, "language", "en-US"},
        {0, "summary", "Plain <b> text\nof two lines"},
        {0, "body", "One & two\n\nthree"},
        {0, "html",
         "<div><p class=\"x\">One &amp; <a href=\"y?a=1&amp;b=2\">two</a><br></p>"
         "<img src=\"z.png\"><p>three</p></div>"},
        {0, "subject:0", "Tides|https://atom.example/tags#tides|tides"},
        {0, "subject:1", "Moon||"},
        {0, "media:0", "enclosure|https://atom.example/a.mp3|audio/mpeg||99|0x0"},
        {1, "by", "Zoé, Bob"},
        {1, "language", "fr"},
        {1, "published", "2020-03-02T11:00:00Z"},
        {1, "updated", NULL},
        {1, "body", "Texte sans type & HTML"},
        {2, "title", "Plain <b>"},
        {2, "guid", "3"},
        {2, "source", "Other paper"},
        {2, "source_uri", "https://other.example/"},
        {2, "by", "Eve"},
        {2, "body", NULL},
        {3, "uri", "yt:video:abc"},
        {3, "summary", "Line one\n\nLine two <3"},
        {3, "media:0",
         "enclosure|https://video.example/v/abc|application/x-shockwave-flash||0|640x390"},
        {3, "media:1", "thumbnail|https://img.example/abc.jpg|||0|480x360"},
    };
    struct feed *f = fixture("atom.xml");
    assert_string_equal(f->format, "Atom 1.0");
    assert_string_equal(f->title, "Quay & Tide");
    assert_string_equal(f->link, "https://atom.example/blog/");
    assert_int_equal(f->item_count, 4);
    EXPECT("atom", f, e);
    feed_free(f);
}

static void hours_and_days_to_be_spared_are_read(void **state)
{
    (void)state;
    struct feed *f = document(
        "<rss version='2.0'><channel><title>T</title><skipHours><hour>0</hour><hour>7</hour>"
        "<hour>24</hour><hour>25</hour><hour/></skipHours><skipDays><day>Sunday</day>"
        "<day> saturday </day><day>Someday</day></skipDays><ttl>5</ttl>"
        "<item><title>a</title><hour>9</hour></item></channel></rss>");
    assert_int_equal(f->skip_hours, 1u | 1u << 7);
    assert_int_equal(f->skip_days, 1u | 1u << 6);
    assert_int_equal(f->ttl_minutes, 5);
    assert_string_equal(f->title, "T");
    assert_int_equal(f->item_count, 1);
    feed_free(f);
}

static void rdf_has_its_items_beside_the_channel(void **state)
{
    (void)state;
    static const struct expectation e[] = {
        {0, "uri", "http://dot.example/id/1"},
        {0, "link", "http://dot.example/1"},
        {0, "title", "First dot"},
        {0, "summary", "Text"},
        {0, "by", "penny"},
        {0, "subject:0", "internet||"},
        {0, "language", "en-US"},
        {0, "published", "2020-03-03T10:00:00Z"},
        {0, "source", "Dot"},
        {0, "copyright", "Dot Ltd"},
    };
    struct feed *f = fixture("rdf.xml");
    assert_string_equal(f->format, "RSS 1.0");
    assert_int_equal(f->item_count, 1);
    assert_int_equal(f->ttl_minutes, 15);
    EXPECT("rdf", f, e);
    feed_free(f);
    f = fixture("rss090.xml");
    assert_string_equal(f->format, "RSS 0.90");
    assert_string_equal(f->title, "Old paper");
    assert_int_equal(f->item_count, 1);
    assert_string_equal(f->items[0].link, "http://old.example/1");
    feed_free(f);
}

static void json_feed_is_read(void **state)
{
    (void)state;
    static const struct expectation e[] = {
        {0, "uri", "https://json.example/one"},
        {0, "guid", "1"},
        {0, "link", "https://json.example/one"},
        {0, "related", "https://other.example/x"},
        {0, "title", "Don’t"},
        {0, "summary", "Short."},
        {0, "body", "One & two\n\nthree"},
        {0, "html", "<p>One &amp; two</p><p>three</p>"},
        {0, "published", "2020-03-03T09:00:00Z"},
        {0, "updated", "2020-03-04T10:00:00Z"},
        {0, "by", "Zoé"},
        {0, "language", "fr"},
        {0, "subject:0", "a||"},
        {0, "subject:1", "B||"},
        {0, "subject:2", NULL},
        {0, "media:0", "image|https://json.example/i.png|||0|0x0"},
        {0, "media:1", "image|https://json.example/b.png|||0|0x0"},
        {0, "media:2", "enclosure|https://json.example/a.mp3|audio/mpeg|Sound|1234|0x0"},
        {1, "uri", "https://json.example/2"},
        {1, "title", "Plain <b>text"},
        {1, "by", "Ada Quay, Bob"},
        {1, "language", "en-GB"},
        {1, "html", NULL},
        {2, "link", "https://other.example/y"},
        {2, "guid", "x"},
    };
    struct feed *f = fixture("feed11.json");
    assert_string_equal(f->format, "JSON Feed 1.1");
    assert_string_equal(f->title, "Json & Paper");
    assert_int_equal(f->item_count, 3);
    assert_int_equal(f->skipped, 2);
    EXPECT("json", f, e);
    feed_free(f);
}

static void dialects_of_rss_and_atom_are_recognised(void **state)
{
    (void)state;
#define ONE                                                                                        \
    "<channel><title>P</title><item><title>T</title><link>http://p.example/1</link></item></"      \
    "channel>"
    static const struct {
        const char *document, *format;
    } cases[] = {
        {"<rss version='2.0'>" ONE "</rss>", "RSS 2.0"},
        {"<rss version='0.91'>" ONE "</rss>", "RSS 0.91"},
        {"<rss version='0.92'>" ONE "</rss>", "RSS 0.92"},
        {"<rss>" ONE "</rss>", "RSS"},
        {"<rss version='2.0' xmlns='http://backend.userland.com/rss2'>" ONE "</rss>", "RSS 2.0"},
        {"<rss version='2.0' xmlns='http://nobody.example/ns'>" ONE "</rss>", "RSS 2.0"},
        {"<rss version='2.0' xmlns='http://www.w3.org/2005/Atom'>" ONE "</rss>", "RSS 2.0"},
        {"<RSS VERSION='2.0'><CHANNEL><TITLE>P</TITLE><ITEM><TITLE>T</TITLE>"
         "<LINK>http://p.example/1</LINK></ITEM></CHANNEL></RSS>",
         "RSS 2.0"},
        {"<r:RDF xmlns:r='http://www.w3.org/1999/02/22-rdf-syntax-ns#'"
         " xmlns='http://purl.org/rss/1.0/'><channel r:about='x'><title>P</title></channel>"
         "<item><title>T</title><link>http://p.example/1</link></item></r:RDF>",
         "RSS 1.0"},
        {"<rdf:RDF>" ONE "</rdf:RDF>", "RSS 1.0"},
        {"<feed xmlns='http://www.w3.org/2005/Atom'><title>P</title><entry><title>T</title>"
         "<link href='http://p.example/1'/></entry></feed>",
         "Atom 1.0"},
        {"<a:feed xmlns:a='http://www.w3.org/2005/Atom'><a:title>P</a:title><a:entry>"
         "<a:title>T</a:title><a:link href='http://p.example/1'/></a:entry></a:feed>",
         "Atom 1.0"},
        {"<feed version='0.3' xmlns='http://purl.org/atom/ns#'><title>P</title><entry>"
         "<title mode='escaped' type='text/html'>T</title><link rel='alternate'"
         " href='http://p.example/1'/></entry></feed>",
         "Atom 0.3"},
        {"<feed><title>P</title><entry><title>T</title><link href='http://p.example/1'/></entry>"
         "</feed>",
         "Atom 1.0"},
        {"<!DOCTYPE Channel SYSTEM 'http://127.0.0.1:9/Channel.dtd'><Channel "
         "HREF='http://p.example/'>"
         "<Title>P</Title><Item HREF='http://p.example/1'><Title>T</Title></Item></Channel>",
         "RSS"},
        {"{\"version\":\"https://jsonfeed.org/version/1\",\"title\":\"P\",\"items\":"
         "[{\"title\":\"T\",\"url\":\"http://p.example/1\"}]}",
         "JSON Feed 1.0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static const struct expectation e[] = {
            {0, "title", "T"}, {0, "link", "http://p.example/1"}, {0, "source", "P"}};
        struct feed *f = document(cases[i].document);
        EXPECT(cases[i].document, f, e);
        assert_int_equal(f->item_count, 1);
        assert_string_equal(f->format, cases[i].format);
        assert_false(f->damaged);
        feed_free(f);
    }
}

/* ---- fields ---- */

static void titles_and_texts_go_where_they_belong(void **state)
{
    (void)state;
    static const struct item_case cases[] = {
        {"<title>Q&amp;amp;A &amp;lt;b&amp;gt;</title>", "title", "Q&A <b>"},
        {"<title><![CDATA[<b>Bold</b> &amp; more]]></title>", "title", "Bold & more"},
        {"<title>&lt;![CDATA[Wrapped twice]]&gt;</title>", "title", "Wrapped twice"},
        {"<title> </title><dc:title>Other</dc:title>", "title", "Other"},
        {"<title>x</title><description>a &lt;br&gt; b</description>", "summary", "a\nb"},
        {"<title>x</title><description>a <b>c</b> &amp; d</description>", "summary", "a c & d"},
        {"<title>x</title><description>AT&amp;T</description>", "summary", "AT&T"},
        {"<title>x</title><description><![CDATA[Cut [&#8230;]]]></description>", "summary",
         "Cut […]"},
        {"<title>x</title><description><![CDATA[<p>a]]]]><![CDATA[>b]]></description>", "summary",
         "a]]>b"},
        {"<title>x</title><description/><media:description>m &lt;b&gt;</media:description>",
         "summary", "m <b>"},
        {"<title>x</title><content:encoded>plain</content:encoded>", "html", NULL},
        {"<title>x</title><content:encoded>plain</content:encoded>", "body", "plain"},
        {"<title>x</title><description>same</description><content:encoded>&lt;p&gt;same"
         "</content:encoded>",
         "summary", NULL},
        {"<title>x</title><body xmlns='http://www.w3.org/1999/xhtml'><p>a</p><p>b</p></body>",
         "body", "a\n\nb"},
        {"<title>x</title><yandex:full-text xmlns:yandex='http://news.yandex.ru'>f"
         "</yandex:full-text>",
         "body", "f"},
        {"<description>Only a text, which is longer than eighty characters and therefore is cut at"
         " a word</description>",
         "title", "Only a text, which is longer than eighty characters and therefore is cut at a…"},
        {"<description>&lt;p&gt;One.&lt;/p&gt;&lt;p&gt;Two.</description>", "title", "One."},
        {"<description>無題の記事</description>", "title", "無題の記事"},
        {"<image><title>not this</title><url>http://i.example/</url></image><title>this</title>",
         "title", "this"},
    };
    RSS_ITEMS(cases);
}

static void links_are_completed_and_only_http_is_kept(void **state)
{
    (void)state;
    static const struct item_case cases[] = {
        {"<title>x</title><link>/a b?c=é</link>", "link", "http://p.example/a%20b?c=%C3%A9"},
        {"<title>x</title><link>a</link>", "link", "http://p.example/news/a"},
        {"<title>x</title><link>../a</link>", "link", "http://p.example/a"},
        {"<title>x</title><link>//q.example/a</link>", "link", "http://q.example/a"},
        {"<title>x</title><link>www.q.example/a</link>", "link", "http://www.q.example/a"},
        {"<title>x</title><link>\n https://q.example/a\n/b </link>", "link",
         "https://q.example/a/b"},
        {"<title>x</title><link>javascript:alert(1)</link>", "link", NULL},
        {"<title>x</title><link> JavaScript:alert(1)</link>", "link", NULL},
        {"<title>x</title><link>java\nscript:alert(1)</link>", "link", NULL},
        {"<title>x</title><link>file:///etc/passwd</link>", "link", NULL},
        {"<title>x</title><link>data:text/html,x</link>", "link", NULL},
        {"<title>x</title><link>http://</link>", "link", NULL},
        {"<title>x</title><link>javascript:1</link><guid>http://p.example/7</guid>", "link",
         "http://p.example/7"},
        {"<title>x</title><guid isPermaLink='false'>http://p.example/7</guid>", "link", NULL},
        {"<title>x</title><link xml:base='http://b.example/d/'>e</link>", "link",
         "http://b.example/d/e"},
        {"<title>x</title><link>http://feeds.example/~r/1</link><feedburner:origLink>"
         "http://p.example/1</feedburner:origLink>",
         "link", "http://p.example/1"},
        {"<title>x</title><link href='http://p.example/attr'/>", "link", "http://p.example/attr"},
        {"<title>x</title><enclosure url='javascript:x' type='a/b'/>", "media:0", NULL},
        {"<title>x</title><enclosure url='e.mp3' type='audio/mpeg' length='-1'/>", "media:0",
         "enclosure|http://p.example/news/e.mp3|audio/mpeg||0|0x0"},
    };
    RSS_ITEMS(cases);
}

/* RFC 3986 §5.4, without what is absolute already. */
static void relative_addresses_are_resolved_as_the_rfc_says(void **state)
{
    (void)state;
    static const struct {
        const char *relative, *is;
    } cases[] = {
        {"g", "http://a/b/c/g"},
        {"./g", "http://a/b/c/g"},
        {"g/", "http://a/b/c/g/"},
        {"/g", "http://a/g"},
        {"//g", "http://g"},
        {"?y", "http://a/b/c/d;p?y"},
        {"g?y", "http://a/b/c/g?y"},
        {"#s", "http://a/b/c/d;p?q#s"},
        {"g#s", "http://a/b/c/g#s"},
        {";x", "http://a/b/c/;x"},
        {".", "http://a/b/c/"},
        {"./", "http://a/b/c/"},
        {"..", "http://a/b/"},
        {"../", "http://a/b/"},
        {"../g", "http://a/b/g"},
        {"../..", "http://a/"},
        {"../../g", "http://a/g"},
        {"../../../g", "http://a/g"},
        {"/./g", "http://a/g"},
        {"/../g", "http://a/g"},
        {"g.", "http://a/b/c/g."},
        {"..g", "http://a/b/c/..g"},
        {"./g/.", "http://a/b/c/g/"},
        {"g/../h", "http://a/b/c/h"},
        {"g;x=1/../y", "http://a/b/c/y"},
        {"g?y/../x", "http://a/b/c/g?y/../x"},
        {"a%2Fb", "http://a/b/c/a%2Fb"},
        {"100%", "http://a/b/c/100%25"},
    };
    struct arena *memory = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *got = feed_uri_resolve(memory, cases[i].relative, strlen(cases[i].relative),
                                           "http://a/b/c/d;p?q");
        if (!got || strcmp(got, cases[i].is) != 0)
            fail_msg("%s: %s, not %s", cases[i].relative, got ? got : "nothing", cases[i].is);
    }
    assert_string_equal(feed_uri_resolve(memory, "x", 1, "http://a"), "http://a/x");
    assert_string_equal(feed_uri_resolve(memory, "?x", 2, "https://a"), "https://a/?x");
    arena_free(memory);
}

static void people_dates_and_subjects_are_read(void **state)
{
    (void)state;
    static const struct item_case cases[] = {
        {"<title>x</title><author>ada@p.example (Ada Quay)</author>", "by", "Ada Quay"},
        {"<title>x</title><author>Ada Quay &lt;ada@p.example&gt;</author>", "by", "Ada Quay"},
        {"<title>x</title><author>Ada Quay</author>", "by", "Ada Quay"},
        {"<title>x</title><author><name>Ada</name><email>a@b</email></author>", "by", "Ada"},
        {"<title>x</title><dc:creator>Ada</dc:creator><dc:creator>Bob</dc:creator>"
         "<author>Ada</author>",
         "by", "Ada, Bob"},
        {"<title>x</title><pubDate>Mon, 01 Jun 2020 10:00:00 +0200</pubDate>", "published",
         "2020-06-01T08:00:00Z"},
        {"<title>x</title><dc:date>2020-06-01</dc:date>", "published", "2020-06-01T00:00:00Z"},
        {"<title>x</title><pubDate>rubbish</pubDate><dc:date>2020-06-01</dc:date>", "published",
         "2020-06-01T00:00:00Z"},
        {"<title>x</title><pubDate>yesterday</pubDate>", "published", NULL},
        {"<title>x</title><category>Sea &amp;amp; tide</category>", "subject:0", "Sea & tide||"},
        {"<title>x</title><category domain='http://cv.example/t/'>7</category>", "subject:0",
         "7|http://cv.example/t/7|"},
        {"<title>x</title><category domain='http://cv.example/t'>7</category>", "subject:0", "7||"},
        {"<title>x</title><category>a</category><category>A</category><category> </category>",
         "subject:1", NULL},
        {"<title>x</title><dc:language>pt_br</dc:language>", "language", "pt-BR"},
        {"<title>x</title><dc:language>zh-hans-cn</dc:language>", "language", "zh-Hans-CN"},
        {"<title>x</title><dc:language>english</dc:language>", "language", NULL},
        {"<title>x</title><source url='http://r.example/'>R</source>", "source", "R"},
        {"<title>x</title><source url='http://r.example/'>R</source>", "source_uri",
         "http://r.example/"},
        {"<title>x</title><media:content url='http://i.example/1' medium='image' fileSize='5'"
         " width='3' height='4'><media:title>Boat</media:title></media:content>"
         "<media:credit>Bob</media:credit>",
         "media:0", "image|http://i.example/1||Boat (Bob)|5|3x4"},
        {"<title>x</title><media:content url='http://i.example/1.jpg'/>", "media:0",
         "image|http://i.example/1.jpg|||0|0x0"},
    };
    RSS_ITEMS(cases);
}

static void undeclared_prefixes_and_entities_are_understood(void **state)
{
    (void)state;
    static const struct item_case cases[] = {
        {"<rss><channel><item><title>Caf&eacute;&nbsp;&hellip;</title></item></channel></rss>",
         "title", "Café …"},
        {"<rss><channel><item><title>x</title><dc:creator>Ada</dc:creator></item></channel></rss>",
         "by", "Ada"},
        {"<rss><channel><item><title>x</title><content:encoded>b</content:encoded></item>"
         "</channel></rss>",
         "body", "b"},
        {"<rss xmlns:d='http://purl.org/dc/elements/1.1'><channel><item><title>x</title>"
         "<d:Creator>Ada</d:Creator></item></channel></rss>",
         "by", "Ada"},
        {"<rss xmlns:dc='http://other.example/'><channel><item><title>x</title>"
         "<dc:creator>Ada</dc:creator></item></channel></rss>",
         "by", NULL},
        {"<rss><channel><item><title>It&#146;s</title></item></channel></rss>", "title", "It’s"},
    };
    DOCUMENTS(cases);
}

static void addresses_are_completed_by_the_final_url_first(void **state)
{
    (void)state;
    static const char text[] = "<rss><channel><link>http://p.example/</link><item><title>x</title>"
                               "<link>a</link></item></channel></rss>";
    struct feed_origin origin = {.url = "https://f.example/feeds/all.xml"};
    struct news_error err;
    struct feed *f = feed_parse_xml(text, strlen(text), &origin, NULL, &err);
    assert_non_null(f);
    assert_string_equal(f->items[0].link, "https://f.example/feeds/a");
    feed_free(f);
}

/* Each made an earlier version break its promises (tests/fuzz/fuzz_feed.c). */
static void what_the_fuzzer_found_stays_mended(void **state)
{
    (void)state;
    static const struct item_case cases[] = {
        {"<rss><channel><title><b/>P</title><item><title>x</title></item></channel></rss>",
         "source", "P"},
        {"<rss><channel><item><title>x</title><enclosure url='http://i.example/' type='a\x7F/b'/>"
         "</item></channel></rss>",
         "media:0", "enclosure|http://i.example/|||0|0x0"},
        {"<rss><channel><link>http://p.example\n&gt;&lt;b</link><item><title>x</title><link>a"
         "</link></item></channel></rss>",
         "link", "http://p.example%3E%3Cb/a"},
    };
    DOCUMENTS(cases);
}

/* ---- identity ---- */

static void the_uri_is_the_guid_the_link_or_a_name(void **state)
{
    (void)state;
    static const struct item_case cases[] = {
        {"<title>x</title><guid>tag:p.example,2020:1</guid><link>http://p.example/1</link>", "uri",
         "tag:p.example,2020:1"},
        {"<title>x</title><guid>tag:p.example,2020:1</guid>", "guid", NULL},
        {"<title>x</title><guid isPermaLink='false'>17</guid><link>http://p.example/1</link>",
         "uri", "http://p.example/1"},
        {"<title>x</title><guid>not a: uri</guid><link>http://p.example/1</link>", "uri",
         "http://p.example/1"},
        {"<title>x</title><guid>javascript:1</guid><link>http://p.example/1</link>", "uri",
         "http://p.example/1"},
    };
    RSS_ITEMS(cases);
}

static void names_are_the_same_in_every_run_and_order(void **state)
{
    (void)state;
#define A "<item><title>A</title><guid isPermaLink='false'>1</guid></item>"
#define B "<item><title>B</title><description>b</description></item>"
    struct feed *ab = document("<rss><channel><title>P</title>" A B "</channel></rss>");
    struct feed *ba = document("<rss><channel><title>P</title>" B A "</channel></rss>");
    struct feed *q = document("<rss><channel><title>Q</title>" A B "</channel></rss>");
    assert_string_equal(ab->items[0].uri, ba->items[1].uri);
    assert_string_equal(ab->items[1].uri, ba->items[0].uri);
    assert_memory_equal(ab->items[0].uri, "urn:uuid:", 9);
    assert_int_equal(ab->items[0].uri[9 + 14], '5');
    assert_string_not_equal(ab->items[0].uri, ab->items[1].uri);
    assert_string_not_equal(ab->items[0].uri, q->items[0].uri);
    assert_string_equal(ab->items[0].guid, "1");
    feed_free(ab);
    feed_free(ba);
    feed_free(q);
#undef A
#undef B
}

static void what_a_document_says_twice_is_one_item(void **state)
{
    (void)state;
#define A "<item><title>A</title><link>http://p.example/a</link></item>"
    struct feed *f = document("<rss><channel><title>P</title>" A A A "</channel></rss>");
    assert_int_equal(f->item_count, 1);
    feed_free(f);
#undef A
}

static void items_that_share_an_id_are_told_apart(void **state)
{
    (void)state;
#define ITEM(id, link, title)                                                                      \
    "<item><guid isPermaLink='false'>" id "</guid><link>" link "</link><title>" title              \
    "</title></item>"
    struct feed *f = document(
        "<rss><channel><title>P</title>" ITEM("tag:p,2020:x", "http://p.example/1", "One")
            ITEM("tag:p,2020:x", "http://p.example/2", "Two")
                ITEM("tag:p,2020:y", "http://p.example/3", "Three")
                    ITEM("", "http://p.example/", "Four") ITEM("", "http://p.example/", "Five")
                        ITEM("tag:p,2020:x", "http://p.example/1", "One") "</channel></rss>");
    static const struct expectation e[] = {
        {0, "uri", "http://p.example/1"},
        {0, "guid", "tag:p,2020:x"},
        {1, "uri", "http://p.example/2"},
        {2, "uri", "tag:p,2020:y"},
        {3, "title", "Four"},
        {4, "title", "Five"},
    };
    EXPECT("shared", f, e);
    assert_int_equal(f->item_count, 5);
    assert_memory_equal(f->items[3].uri, "urn:uuid:", 9);
    assert_memory_equal(f->items[4].uri, "urn:uuid:", 9);
    assert_string_not_equal(f->items[3].uri, f->items[4].uri);
    feed_free(f);
#undef ITEM
}

static void items_with_nothing_to_show_are_skipped(void **state)
{
    (void)state;
    struct feed *f = document("<rss><channel><title>P</title><item/><item><link>http://p.example/"
                              "</link></item><item><title>x</title></item></channel></rss>");
    assert_int_equal(f->item_count, 2); /* a bare link is something to open */
    assert_int_equal(f->skipped, 1);
    feed_free(f);
    f = document("<rss><channel><title>Empty</title></channel></rss>");
    assert_int_equal(f->item_count, 0);
    assert_string_equal(f->title, "Empty");
    feed_free(f);
}

/* ---- bytes ---- */

static void encodings_are_found_out(void **state)
{
    (void)state;
    static const struct {
        const char *name, *title, *summary;
    } cases[] = {
        {"latin1.xml", "Fähre für Büsum fällt aus", "Größere Wellen überraschten die Gäste."},
        {"latin1_with_cp1252.xml", "Fähre für Büsum fällt aus",
         "Größere Wellen „überraschten“ die Gäste – 5 €."},
        {"latin1_declared_utf8.xml", "Fähre für Büsum fällt aus",
         "Größere Wellen „überraschten“ die Gäste – 5 €."},
        {"utf8_declared_latin1.xml", "Fähre für Büsum fällt aus",
         "Größere Wellen „überraschten“ die Gäste – 5 €."},
        {"utf8_bom_and_blanks.xml", "Fähre für Büsum fällt aus",
         "Größere Wellen „überraschten“ die Gäste – 5 €."},
        {"utf16le_bom.xml", "Fähre für Büsum fällt aus",
         "Größere Wellen „überraschten“ die Gäste – 5 €."},
        {"utf16be_no_bom.xml", "Fähre für Büsum fällt aus",
         "Größere Wellen „überraschten“ die Gäste – 5 €."},
        {"cp1251.xml", "Ледоход начался раньше срока", "Паромы вернутся на линию в мае."},
        {"koi8r.xml", "Ледоход начался раньше срока", "Паромы вернутся на линию в мае."},
        {"gb2312.xml", "渡轮停航三天", "大雾镕化之前，渡轮不会恢复。"},
        {"shift_jis.xml", "フェリー欠航①", "霧が晴れるまで欠航します。"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct feed *f = fixture(cases[i].name);
        struct expectation e[] = {{0, "title", cases[i].title}, {0, "summary", cases[i].summary}};
        EXPECT(cases[i].name, f, e);
        assert_false(f->damaged);
        feed_free(f);
    }
}

static void broken_bytes_are_reported_and_read_on(void **state)
{
    (void)state;
    static const struct {
        const char *name, *feed, *summary, *fault;
        unsigned long line;
    } cases[] = {
        {"utf8_with_bad_bytes.xml", "Hafenbote",
         "Größere We\uFFFDlen „überraschten“ die Gäste – 5 €.", "1 bytes are not UTF-8", 4},
        {"controls.xml", "Hafenbote", "Größere Wellen „überraschten“ die Gäste – 5 €.",
         "2 control characters were removed", 2},
        {"nul.xml", "Hafenbote", "Größere Wellen „überraschten“ die Gäste – 5 €.",
         "1 control characters were removed", 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct feed *f = fixture(cases[i].name);
        struct expectation e[] = {{0, "summary", cases[i].summary}};
        EXPECT(cases[i].name, f, e);
        assert_string_equal(f->title, cases[i].feed);
        assert_true(f->damaged);
        assert_string_equal(f->fault, cases[i].fault);
        assert_int_equal(f->line, cases[i].line);
        feed_free(f);
    }
}

/* ---- broken markup ---- */

static void bare_ampersands_and_angles_lose_nothing(void **state)
{
    (void)state;
    static const struct expectation e[] = {
        {0, "title", "AT&T & friends, a < b"},
        {0, "link", "http://paper.example/?a=1&b=2"},
        {0, "summary", "First & last"},
        {1, "title", "Line break"},
        {1, "link", "http://paper.example/3"},
        {1, "published", "2020-06-01T10:00:00Z"},
        {2, "title", "After it all &unknown; \uFFFD"},
    };
    struct feed *f = fixture("broken.xml");
    EXPECT("broken", f, e);
    assert_int_equal(f->item_count, 3);
    assert_string_equal(f->title, "Fish & Chips");
    assert_true(f->damaged);
    assert_int_equal(f->line, 2);
    feed_free(f);
}

static void a_cut_off_feed_keeps_what_was_whole(void **state)
{
    (void)state;
    static const struct expectation e[] = {
        {0, "title", "Whole"},
        {0, "summary", "All of it."},
        {1, "title", "Nearly whole"},
        {1, "summary", NULL},
    };
    struct feed *f = fixture("truncated.xml");
    EXPECT("truncated", f, e);
    assert_int_equal(f->item_count, 2);
    assert_true(f->damaged);
    assert_int_equal(f->line, 4);
    feed_free(f);
}

static void an_element_left_open_swallows_nothing(void **state)
{
    (void)state;
    static const struct expectation e[] = {
        {0, "title", "One"},
        {0, "link", "http://paper.example/1"},
        {0, "summary", "First text."},
        {1, "title", "Two"},
        {1, "link", "http://paper.example/2"},
        {1, "summary", "Second text."},
        {2, "title", "Three"},
        {2, "link", "http://paper.example/3"},
        {2, "summary", "Third text."},
    };
    struct feed *f = fixture("unclosed_title.xml");
    EXPECT("unclosed", f, e);
    assert_int_equal(f->item_count, 3);
    assert_true(f->damaged);
    feed_free(f);
}

static void a_start_tag_in_a_text_does_not_reach_the_feed(void **state)
{
    (void)state;
    struct feed *f = document("<rss><channel><title>P</title><item><title>A</title><description>"
                              "an <item> of HTML</description><link>http://p.example/1</link>"
                              "</item><item><title>B</title></item></channel></rss>");
    assert_null(f->link);
    assert_int_equal(f->item_count, 2);
    assert_string_equal(f->items[0].title, "A");
    assert_string_equal(f->items[1].title, "B");
    feed_free(f);
}

static void what_a_server_prints_before_the_feed_is_passed_over(void **state)
{
    (void)state;
    struct feed *f = fixture("preamble.xml");
    assert_int_equal(f->item_count, 1);
    assert_string_equal(f->items[0].title, "One");
    assert_true(f->damaged);
    feed_free(f);
}

/* ---- refusals ---- */

static void what_is_no_feed_is_refused_in_a_clear_sentence(void **state)
{
    (void)state;
    static const struct {
        const char *document, *message;
    } cases[] = {
        {"<!DOCTYPE html><html><head><title>x</title></head></html>", "an HTML page, not a feed"},
        {"<html xmlns='http://www.w3.org/1999/xhtml'/>", "an HTML page, not a feed"},
        {"<opml version='1.0'/>", "not a feed: the outermost element is <opml>"},
        {"<", "neither a feed nor any other XML"},
        {"<?xml version='1.0'?>", "neither a feed nor any other XML"},
        {"{\"version\": \"1\"}", "JSON, but not a JSON Feed"},
        {"[1]", "JSON, but not a JSON Feed"},
        {"{\"version\": \"https://jsonfeed.org/version/1\", \"items\": [", "not JSON: "},
        {"hello", "not JSON: "},
        {"", "not JSON: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct news_error err = {0};
        assert_null(parse(cases[i].document, strlen(cases[i].document), NULL, &err));
        if (strncmp(err.message, cases[i].message, strlen(cases[i].message)) != 0)
            fail_msg("\"%s\": \"%s\", not \"%s\"", cases[i].document, err.message,
                     cases[i].message);
        assert_int_equal(err.code, NEWS_ERR_DATA);
    }
    struct news_error err = {0};
    assert_null(try_fixture("web_page.html", &err));
    assert_string_equal(err.message, "an HTML page, not a feed");
    assert_null(feed_parse_xml("", 0, NULL, NULL, &err));
}

static long resident_kib(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_maxrss;
}

static void entities_that_multiply_or_read_files_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"entity_bomb.xml", "entity_bomb_in_attribute.xml",
                                        "entity_blowup.xml", "entity_small_many.xml",
                                        "external_entity.xml"};
    long before = resident_kib();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct news_error err = {0};
        struct feed *f = try_fixture(names[i], &err);
        if (f) fail_msg("%s: was read", names[i]);
        if (!strstr(err.message, "entit")) fail_msg("%s: %s", names[i], err.message);
    }
    assert_true(resident_kib() - before < 32 * 1024);
}

static void declared_entities_that_do_no_harm_are_read(void **state)
{
    (void)state;
    struct feed *f = fixture("own_entity.xml");
    assert_string_equal(f->items[0].title, "From the News desk ©");
    assert_string_equal(f->items[0].media[0].href, "http://paper.example/caf%C3%A9.mp3");
    assert_false(f->damaged);
    feed_free(f);
    f = fixture("external_parameter_entity.xml");
    assert_string_equal(f->items[0].title, "Reads nothing");
    feed_free(f);
    f = fixture("external_dtd.xml");
    assert_string_equal(f->title, "Café paper");
    assert_string_equal(f->items[0].title, "Naïve © &unknown;");
    feed_free(f);
}

static void depth_is_bounded(void **state)
{
    (void)state;
    struct buf deep = {0};
    struct news_error err = {0};
    unsigned long line = 0;
    buf_puts(&deep, "<rss><channel><item><title>x</title>\n<description>");
    for (int i = 0; i < 100000; i++)
        buf_puts(&deep, "<b>");
    assert_null(feed_parse_xml(deep.data, deep.len, NULL, &line, &err));
    assert_string_equal(err.message, "elements are nested deeper than 200");
    assert_int_equal(line, 2);
    buf_clear(&deep);
    buf_puts(&deep, "{\"version\":\"https://jsonfeed.org/version/1\",\"items\":");
    for (int i = 0; i < 100000; i++)
        buf_putc(&deep, '[');
    assert_null(feed_parse_json(deep.data, deep.len, NULL, &line, &err));
    assert_int_equal(err.code, NEWS_ERR_DATA);
    buf_deinit(&deep);
}

static void sizes_are_bounded(void **state)
{
    (void)state;
    static char huge[FEED_BYTES_MAX + 1]; /* untouched pages: costs nothing */
    struct news_error err = {0};
    assert_null(feed_parse_xml(huge, sizeof huge, NULL, NULL, &err));
    assert_int_equal(err.code, NEWS_ERR_TOO_LARGE);
    assert_null(feed_parse_json(huge, sizeof huge, NULL, NULL, &err));
    assert_int_equal(err.code, NEWS_ERR_TOO_LARGE);

    struct buf text = {0};
    buf_puts(&text, "<rss><channel><item><title>x</title><description>");
    for (size_t i = 0; i < FEED_FIELD_MAX; i++)
        buf_puts(&text, "é");
    buf_puts(&text, "</description></item></channel></rss>");
    struct feed *f = document(text.data);
    assert_int_equal(strlen(f->items[0].summary), FEED_FIELD_MAX);
    feed_free(f);
    buf_clear(&text);
    buf_puts(&text, "<rss><channel>");
    for (size_t i = 0; i < FEED_ITEMS_MAX + 10; i++)
        buf_printf(&text, "<item><title>%zu</title></item>", i);
    buf_puts(&text, "</channel></rss>");
    f = document(text.data);
    assert_int_equal(f->item_count, FEED_ITEMS_MAX);
    assert_true(f->damaged);
    feed_free(f);
    buf_deinit(&text);
}

static void the_first_character_tells_xml(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        bool is;
    } cases[] = {
        {"<rss/>", 6, true},      {" \n<rss/>", 8, true}, {"\xEF\xBB\xBF<a", 5, true},
        {"\xFF\xFE<\0", 4, true}, {"\0<\0a", 4, true},    {"{\"a\":1}", 7, false},
        {"title <b>", 9, false},  {"", 0, false},         {"   ", 3, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(feed_looks_xml(cases[i].bytes, cases[i].len), cases[i].is);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_podcast_is_read),
        cmocka_unit_test(atom_is_read),
        cmocka_unit_test(hours_and_days_to_be_spared_are_read),
        cmocka_unit_test(rdf_has_its_items_beside_the_channel),
        cmocka_unit_test(json_feed_is_read),
        cmocka_unit_test(dialects_of_rss_and_atom_are_recognised),
        cmocka_unit_test(titles_and_texts_go_where_they_belong),
        cmocka_unit_test(links_are_completed_and_only_http_is_kept),
        cmocka_unit_test(relative_addresses_are_resolved_as_the_rfc_says),
        cmocka_unit_test(people_dates_and_subjects_are_read),
        cmocka_unit_test(undeclared_prefixes_and_entities_are_understood),
        cmocka_unit_test(addresses_are_completed_by_the_final_url_first),
        cmocka_unit_test(what_the_fuzzer_found_stays_mended),
        cmocka_unit_test(the_uri_is_the_guid_the_link_or_a_name),
        cmocka_unit_test(names_are_the_same_in_every_run_and_order),
        cmocka_unit_test(what_a_document_says_twice_is_one_item),
        cmocka_unit_test(items_that_share_an_id_are_told_apart),
        cmocka_unit_test(items_with_nothing_to_show_are_skipped),
        cmocka_unit_test(encodings_are_found_out),
        cmocka_unit_test(broken_bytes_are_reported_and_read_on),
        cmocka_unit_test(bare_ampersands_and_angles_lose_nothing),
        cmocka_unit_test(a_cut_off_feed_keeps_what_was_whole),
        cmocka_unit_test(an_element_left_open_swallows_nothing),
        cmocka_unit_test(a_start_tag_in_a_text_does_not_reach_the_feed),
        cmocka_unit_test(what_a_server_prints_before_the_feed_is_passed_over),
        cmocka_unit_test(what_is_no_feed_is_refused_in_a_clear_sentence),
        cmocka_unit_test(entities_that_multiply_or_read_files_are_refused),
        cmocka_unit_test(declared_entities_that_do_no_harm_are_read),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(the_first_character_tells_xml),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
