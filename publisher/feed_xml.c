#include "common/text.h"
#include "publisher/feed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/SAX2.h>
#include <libxml/parser.h>

#include "publisher/charset.h"
#include "publisher/feed_build.h"
#include "publisher/feed_reader.h"
#include "publisher/feed_repair.h"
#include "publisher/html_entity.h"

enum {
    ENTITIES_MAX = 64,           /* declarations of a document that are remembered */
    ENTITY_VALUE_MAX = 256,      /* bytes; what is longer is no abbreviation */
    EXPANSION_MAX = 1024 * 1024, /* bytes that all references together may add */
    /* Nothing is fetched, nothing from outside is loaded, libxml2's own limits stay on; the bytes
     * are UTF-8 whatever the declaration says. NOENT only lets our get_entity() answer in
     * attributes, too. */
    OPTIONS = XML_PARSE_NONET | XML_PARSE_NOENT | XML_PARSE_IGNORE_ENC,
};

struct declared {             /* an entity of the document's own */
    const char *name, *value; /* value NULL: not one we expand */
};

struct fault {      /* the first error in the markup */
    char what[128]; /* empty: there was none */
    unsigned long line;
};

struct reading { /* of one document, once */
    xmlParserCtxtPtr parser;
    struct feed_reader reader;
    struct declared declared[ENTITIES_MAX];
    size_t declared_count;
    size_t expanded;
    xmlEntity entity; /* the answer of get_entity() */
    char value[8];
    unsigned long refused_line;
    struct fault fault;
};

/* ---- entities ---- */

static void stop(struct reading *g)
{
    g->refused_line = (unsigned long)xmlSAX2GetLineNumber(g->parser);
    xmlStopParser(g->parser);
}

static void refuse(struct reading *g, const char *what)
{
    if (!g->reader.refused[0])
        (void)snprintf(g->reader.refused, sizeof g->reader.refused, "%s", what);
    stop(g);
}

/* A declaration does no harm; only what is referred to is judged. Parameter entities are never
 * expanded: the parser finds none. */
static void on_entity_declared(void *user, const xmlChar *name, int type, const xmlChar *public_id,
                               const xmlChar *system_id, xmlChar *content)
{
    struct reading *g = user;
    struct arena *memory = g->reader.build->feed->memory;
    (void)public_id;
    (void)system_id;
    if (type == XML_INTERNAL_PARAMETER_ENTITY || type == XML_EXTERNAL_PARAMETER_ENTITY ||
        g->declared_count == ENTITIES_MAX)
        return;
    const char *text = (const char *)content;
    bool plain = type == XML_INTERNAL_GENERAL_ENTITY && text && !strpbrk(text, "&<") &&
                 strlen(text) <= ENTITY_VALUE_MAX;
    struct declared *d = &g->declared[g->declared_count++];
    d->name = arena_strdup(memory, (const char *)name);
    d->value = plain ? arena_strdup(memory, text) : NULL;
    if (!d->name || (plain && !d->value)) {
        d->name = "";
        g->reader.build->failed = true;
    }
}

static const struct declared *find_declared(const struct reading *g, const char *name)
{
    for (size_t i = 0; i < g->declared_count; i++) {
        if (strcmp(g->declared[i].name, name) == 0) return &g->declared[i];
    }
    return NULL;
}

/* The document's own short texts and HTML's names; whatever would multiply or read a file is a
 * reason to refuse the document. */
static const char *entity_value(struct reading *g, const char *name)
{
    const struct declared *own = find_declared(g, name);
    if (own && !own->value) {
        refuse(g, "refers to an entity that is external, nested or too long");
        return NULL;
    }
    if (own) {
        g->expanded += strlen(own->value);
        if (g->expanded <= EXPANSION_MAX) return own->value;
        refuse(g, "its entities expand without end");
        return NULL;
    }
    uint32_t c = html_entity_named(name);
    if (!c) return NULL;
    g->value[text_encode(c, g->value)] = '\0';
    return g->value;
}

static xmlEntityPtr get_entity(void *user, const xmlChar *name)
{
    struct reading *g = user;
    if (g->parser->inSubset) return NULL; /* a question of its declaration, not a reference */
    const char *value = entity_value(g, (const char *)name);
    if (!value) return NULL;
    /* Predefined ones go to on_text() as they are, without being parsed. In attributes libxml2
     * 2.9.14 takes only the first byte of those, so there it has to be a general one. */
    bool in_attribute = g->parser->instate == XML_PARSER_ATTRIBUTE_VALUE;
    g->entity = (xmlEntity){
        .type = XML_ENTITY_DECL,
        .name = name,
        .orig = (xmlChar *)g->value, /* else the parser gives it one, which nobody frees */
        .content = (xmlChar *)(uintptr_t)value,
        .length = (int)strlen(value),
        .etype = in_attribute ? XML_INTERNAL_GENERAL_ENTITY : XML_INTERNAL_PREDEFINED_ENTITY,
        .checked = 2, /* nothing in it to expand */
    };
    return &g->entity;
}

/* ---- the parser's events ---- */

/* Once broken, libxml2 2.9.14 drops every reference ("&lt;" too) unless it is told that all is
 * well again. */
static void forget_damage(struct reading *g)
{
    g->parser->wellFormed = 1;
}

static void on_start(void *user, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri,
                     int namespaces, const xmlChar **namespace, int attributes, int defaulted,
                     const xmlChar **attribute)
{
    struct reading *g = user;
    struct feed_name name = {(const char *)local, (const char *)prefix, (const char *)uri};
    struct feed_attributes a = {attribute, attributes};
    (void)namespaces, (void)namespace, (void)defaulted;
    forget_damage(g);
    if (!g->reader.refused[0] && !feed_reader_start(&g->reader, &name, &a)) stop(g);
}

static void on_end(void *user, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri)
{
    struct reading *g = user;
    (void)prefix, (void)uri;
    forget_damage(g);
    if (!g->reader.refused[0]) feed_reader_end(&g->reader, (const char *)local);
}

static void on_text(void *user, const xmlChar *text, int len)
{
    struct reading *g = user;
    forget_damage(g);
    if (!g->reader.refused[0]) feed_reader_text(&g->reader, (const char *)text, (size_t)len);
}

/* A reference that an external subset might have explained: it stays as it was written. */
static void on_reference(void *user, const xmlChar *name)
{
    struct reading *g = user;
    if (name[0] == '#' || g->reader.refused[0]) return;
    feed_reader_text(&g->reader, "&", 1);
    feed_reader_text(&g->reader, (const char *)name, strlen((const char *)name));
    feed_reader_text(&g->reader, ";", 1);
}

/* Keeps the first that breaks the document; namespaces left undeclared do not. */
static void on_error(void *user, xmlErrorPtr e)
{
    struct reading *g = user;
    if (g->fault.what[0] || e->level < XML_ERR_FATAL || !e->message) return;
    (void)snprintf(g->fault.what, sizeof g->fault.what, "%.*s", (int)strcspn(e->message, "\n"),
                   e->message);
    g->fault.line = e->line > 0 ? (unsigned long)e->line : 0;
}

static const xmlSAXHandler events = {
    .initialized = XML_SAX2_MAGIC,
    .startElementNs = on_start,
    .endElementNs = on_end,
    .characters = on_text,
    .cdataBlock = on_text,
    .ignorableWhitespace = on_text,
    .getEntity = get_entity,
    .entityDecl = on_entity_declared,
    .reference = on_reference,
    .serror = on_error,
};

/* ---- a reading ---- */

static bool read_document(struct reading *g, const char *xml, size_t len, bool recover)
{
    g->parser = xmlNewParserCtxt();
    if (!g->parser) return false;
    *g->parser->sax = events;
    g->parser->userData = g;
    /* SAX builds no document, but declared entities get one to live in. */
    xmlFreeDoc(xmlCtxtReadMemory(g->parser, xml, (int)len, NULL, NULL,
                                 recover ? OPTIONS | XML_PARSE_RECOVER : OPTIONS));
    xmlFreeParserCtxt(g->parser);
    return true;
}

struct document {
    const char *xml; /* UTF-8 */
    size_t len;
    unsigned long lines_before; /* xml in what was received */
    const struct feed_origin *origin;
    struct fault fault; /* of the strict reading */
};

/* What reading has come to, as a feed or as an error. */
static struct feed *conclude(struct reading *g, const struct document *d, bool recovered,
                             unsigned long *line, struct news_error *err)
{
    const struct feed_reader *r = &g->reader;
    if (r->refused[0]) {
        *line = g->refused_line + d->lines_before;
        news_fail(err, NEWS_ERR_DATA, "%s", r->refused);
        return NULL;
    }
    if (!r->home) {
        *line = d->fault.line;
        news_fail(err, NEWS_ERR_DATA, "neither a feed nor any other XML: %s",
                  d->fault.what[0] ? d->fault.what : "it is empty");
        return NULL;
    }
    struct feed *feed = feed_finish(r->build, err);
    if (feed && recovered)
        feed_damaged(feed, d->fault.line, "%s",
                     d->fault.what[0] ? d->fault.what : "something stands before the feed");
    return feed;
}

/* Reads d, strictly or recovering what can be. *again: it was read strictly, and no feed came of
 * it that way. */
static struct feed *read_feed(struct document *d, bool recover, bool *again, unsigned long *line,
                              struct news_error *err)
{
    struct feed_build build;
    struct feed *feed = NULL;
    struct reading *g = calloc(1, sizeof *g); /* a deep stack: not for ours */
    bool ready = feed_build_init(&build, d->origin) && g;
    *again = false;
    if (ready) {
        feed_reader_init(&g->reader, &build);
        g->reader.damaged = recover;
        build.recovered = recover;
        ready = read_document(g, d->xml, d->len, recover);
        if (!recover) d->fault = g->fault;
        bool refused_inside = g->reader.refused[0] && g->reader.home;
        *again = ready && !recover && !refused_inside && (g->fault.what[0] || !g->reader.home);
        if (ready && !*again) feed = conclude(g, d, recover, line, err);
        feed_reader_deinit(&g->reader);
    }
    if (!ready) news_fail(err, NEWS_ERR_MEMORY, "feed: out of memory");
    feed_build_deinit(&build);
    free(g);
    return feed;
}

/* Strictly, and when that fails once more after what can be mended was. */
static struct feed *read_text(const struct charset_text *text, const struct feed_origin *origin,
                              unsigned long *line, struct news_error *err)
{
    struct document d = {.xml = text->data, .len = text->len, .origin = origin};
    struct buf repaired = {0};
    bool again;
    while (d.len && strchr(" \t\r\n", *d.xml)) { /* XML 1.0 allows none before its declaration */
        d.lines_before += *d.xml == '\n';
        d.xml++, d.len--;
    }
    struct feed *feed = read_feed(&d, false, &again, line, err);
    if (again) {
        unsigned long dropped;
        d.fault.line += d.lines_before;
        feed_repair(&repaired, d.xml, d.len, &dropped);
        d.xml = repaired.data ? repaired.data : "";
        d.len = repaired.len;
        d.lines_before += dropped;
        feed = read_feed(&d, true, &again, line, err);
    }
    buf_deinit(&repaired);
    return feed;
}

struct feed *feed_parse_xml(const char *bytes, size_t len, const struct feed_origin *origin,
                            unsigned long *line, struct news_error *err)
{
    struct buf store = {0};
    struct charset_text text;
    struct feed *feed = NULL;
    unsigned long at = 0;
    if (len > FEED_BYTES_MAX)
        news_fail(err, NEWS_ERR_TOO_LARGE, "a feed of more than %u MiB", FEED_BYTES_MAX >> 20);
    else if (charset_to_utf8(bytes, len, origin ? origin->charset : NULL, FEED_BYTES_MAX, &store,
                             &text, err))
        feed = read_text(&text, origin, &at, err);
    if (feed) feed_note_charset(feed, &text);
    buf_deinit(&store);
    if (line) *line = at;
    return feed;
}

bool feed_looks_xml(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)bytes[i];
        bool mark = c >= 0xBB && memchr("\xEF\xBB\xBF\xFE\xFF", c, 5); /* of the byte order */
        if (c > ' ' && !mark) return c == '<';
    }
    return false;
}
