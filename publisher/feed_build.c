#include "publisher/feed_build.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "publisher/feed_uri.h"
#include "publisher/html_text.h"

enum {
    ITEMS_FIRST = 32,      /* drafts are large; most feeds have fewer */
    LINE_MAX_BYTES = 2000, /* of a title or name: longer ones are text in the wrong place */
    AUTHORS_MAX_BYTES = 300,
};

/* ---- the feed ---- */

bool feed_build_init(struct feed_build *b, const struct feed_origin *origin)
{
    static const struct feed_origin nowhere;
    *b = (struct feed_build){.origin = origin ? origin : &nowhere};
    b->feed = calloc(1, sizeof *b->feed);
    if (!b->feed) return false;
    b->feed->title = "";
    b->feed->format = "";
    b->feed->memory = arena_new();
    return b->feed->memory != NULL;
}

void feed_build_deinit(struct feed_build *b)
{
    buf_deinit(&b->scratch);
    free(b->items);
    feed_free(b->feed);
    *b = (struct feed_build){0};
}

void feed_free(struct feed *f)
{
    if (!f) return;
    free(f->items);
    arena_free(f->memory);
    free(f);
}

void feed_damaged(struct feed *f, unsigned long line, const char *format, ...)
{
    if (f->damaged) return;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(f->fault, sizeof f->fault, format, args);
    va_end(args);
    f->damaged = true;
    f->line = line;
}

void feed_note_charset(struct feed *f, const struct charset_text *text)
{
    if (text->replaced)
        feed_damaged(f, text->bad_line, "%zu bytes are not %s", text->replaced, text->encoding);
    else if (text->removed)
        feed_damaged(f, text->bad_line, "%zu control characters were removed", text->removed);
}

/* ---- items ---- */

static bool grow(struct feed_build *b)
{
    size_t room = b->room ? b->room * 2 : ITEMS_FIRST;
    struct feed_item *items = realloc(b->items, room * sizeof *items);
    if (items) b->items = items;
    struct draft *drafts = realloc(b->feed->items, room * sizeof *drafts);
    if (drafts) b->feed->items = drafts;
    if (!items || !drafts) return false;
    b->room = room;
    return true;
}

struct feed_item *feed_build_add(struct feed_build *b)
{
    size_t i = b->feed->item_count;
    if (i == FEED_ITEMS_MAX) {
        b->left_out++;
        return NULL;
    }
    if (i == b->room && !grow(b)) {
        b->failed = true;
        return NULL;
    }
    b->items[i] = (struct feed_item){0};
    draft_init(&b->feed->items[i]);
    b->feed->item_count++;
    return &b->items[i];
}

struct feed_item *feed_build_item(struct feed_build *b)
{
    return &b->items[b->feed->item_count - 1];
}

struct draft *feed_build_draft(struct feed_build *b)
{
    return &b->feed->items[b->feed->item_count - 1];
}

/* ---- texts ---- */

static bool blank(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] > ' ') return false;
    }
    return true;
}

size_t feed_cut(const char *text, size_t len, size_t max)
{
    if (len <= max) return len;
    while (max && ((unsigned char)text[max] & 0xC0) == 0x80)
        max--;
    return max;
}

/* Some generators escape what they had put in CDATA already: the wrapper arrives as text. */
static void unwrap(const char **text, size_t *len)
{
    static const char open[] = "<![CDATA[", close[] = "]]>";
    const char *start = *text, *end = start + *len;
    while (start < end && (unsigned char)*start <= ' ')
        start++;
    while (end > start && (unsigned char)end[-1] <= ' ')
        end--;
    size_t inner = (size_t)(end - start);
    if (inner < sizeof open + sizeof close - 2 || memcmp(start, open, sizeof open - 1) != 0 ||
        memcmp(end - (sizeof close - 1), close, sizeof close - 1) != 0)
        return;
    *text = start + sizeof open - 1;
    *len = inner - (sizeof open - 1) - (sizeof close - 1);
}

static const char *keep(struct feed_build *b, const char *text, size_t len)
{
    const char *copy = arena_strndup(b->feed->memory, text, len);
    if (!copy) b->failed = true;
    return copy;
}

void feed_set(struct feed_build *b, struct feed_item *item, enum feed_slot slot,
              enum feed_kind kind, const char *text, size_t len)
{
    if (!item || slot == SLOT_NONE || feed_has(item, slot)) return;
    unwrap(&text, &len);
    if (blank(text, len)) return;
    len = feed_cut(text, len, FEED_FIELD_MAX);
    item->slots[slot] = (struct feed_text){keep(b, text, len), len, kind};
}

bool feed_has(const struct feed_item *item, enum feed_slot slot)
{
    return item->slots[slot].data != NULL;
}

const char *feed_one_line(struct feed_build *b, enum feed_kind kind, const char *text, size_t len)
{
    unwrap(&text, &len);
    len = feed_cut(text, len, FEED_FIELD_MAX);
    buf_clear(&b->scratch);
    if (kind == KIND_HTML) html_title(&b->scratch, text, len);
    else html_plain_title(&b->scratch, text, len);
    if (!buf_ok(&b->scratch)) b->failed = true;
    if (b->scratch.len == 0 || b->failed) return NULL;
    return keep(b, b->scratch.data, feed_cut(b->scratch.data, b->scratch.len, LINE_MAX_BYTES));
}

/* ---- authors ---- */

/* The part of "mail (Name)" or "Name <mail>" that is the name; all of it when there is no mail. */
static void find_name(const char **text, size_t *len)
{
    const char *at = memchr(*text, '@', *len), *end = *text + *len;
    const char *open = memchr(*text, '(', *len), *angle = memchr(*text, '<', *len);
    if (!at) return;
    if (open && open > at) {
        const char *close = memchr(open, ')', (size_t)(end - open));
        *text = open + 1;
        *len = (size_t)((close ? close : end) - *text);
    } else if (angle && angle < at && !blank(*text, (size_t)(angle - *text))) {
        *len = (size_t)(angle - *text);
    }
}

/* Whether name stands in list as one of its names. */
static bool named(const char *list, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = strstr(list, name); at; at = strstr(at + 1, name)) {
        bool starts = at == list || (at - list >= 2 && memcmp(at - 2, ", ", 2) == 0);
        if (starts && (at[len] == '\0' || at[len] == ',')) return true;
    }
    return false;
}

/* "Jane (jane@b.example)" is Jane, "jane@b.example" nobody: a byline is a name. */
static const char *without_address(struct feed_build *b, const char *name)
{
    const char *paren = name ? strstr(name, " (") : NULL;
    if (!name || !strchr(name, '@')) return name;
    if (paren && strchr(paren, '@')) return keep(b, name, (size_t)(paren - name));
    return strchr(name, ' ') ? name : NULL;
}

void feed_add_author(struct feed_build *b, struct feed_item *item, const char *text, size_t len)
{
    if (!item) return;
    find_name(&text, &len);
    const char *name = without_address(b, feed_one_line(b, KIND_HTML, text, len));
    struct feed_text *by = &item->slots[SLOT_BY];
    if (!name || (by->data && (named(by->data, name) || by->len > AUTHORS_MAX_BYTES))) return;
    buf_clear(&b->scratch);
    if (by->data) buf_printf(&b->scratch, "%s, ", by->data);
    buf_puts(&b->scratch, name);
    if (!buf_ok(&b->scratch)) b->failed = true;
    else
        *by = (struct feed_text){keep(b, b->scratch.data, b->scratch.len), b->scratch.len,
                                 KIND_PLAIN};
}

/* ---- subjects and media ---- */

/* The scheme's address and the term make the subject's, where the scheme is one that is made to be
 * continued; a term may be an address itself. */
static const char *subject_uri(struct feed_build *b, const char *term, const char *scheme)
{
    const char *uri = feed_uri_absolute(b->feed->memory, term, strlen(term));
    if (uri && strncasecmp(uri, "http", 4) == 0) return uri;
    size_t len = scheme ? strlen(scheme) : 0;
    const char *colon = strchr(term, ':'); /* a QCode: "medtop:15000000" */
    if (colon && len && strcasestr(scheme, "/newscodes/")) term = colon + 1;
    if (len < 2 || !strchr("/#=:", scheme[len - 1])) return NULL;
    buf_clear(&b->scratch);
    buf_put(&b->scratch, scheme, len);
    buf_puts(&b->scratch, term);
    return buf_ok(&b->scratch) ? feed_uri_absolute(b->feed->memory, b->scratch.data, b->scratch.len)
                               : NULL;
}

static bool known_subject(const struct draft *d, const char *name)
{
    for (size_t i = 0; i < d->subject_count; i++) {
        if (strcasecmp(d->subjects[i].name, name) == 0) return true;
    }
    return false;
}

void feed_add_subject(struct feed_build *b, const char *name, const char *term, const char *scheme)
{
    if (!name || blank(name, strlen(name))) name = term;
    if (!term) term = name;
    struct draft *d = feed_build_draft(b);
    const char *shown = name ? feed_one_line(b, KIND_HTML, name, strlen(name)) : NULL;
    if (!shown || known_subject(d, shown) || d->subject_count == DRAFT_SUBJECTS) return;
    const char *code = feed_one_line(b, KIND_HTML, term, strlen(term));
    d->subjects[d->subject_count++] = (struct draft_subject){
        .name = shown,
        .uri = subject_uri(b, term, scheme),
        .code = code && strcmp(code, shown) != 0 ? code : NULL,
    };
}

struct draft_media *feed_add_media(struct feed_build *b, const char *name, const char *href)
{
    struct draft *d = feed_build_draft(b);
    if (d->media_count == DRAFT_MEDIA || blank(href, strlen(href))) return NULL;
    for (size_t i = 0; i < d->media_count; i++) {
        if (strcmp(d->media[i].href, href) == 0) return NULL;
    }
    const char *kept = keep(b, href, strlen(href));
    if (!kept) return NULL;
    struct draft_media *m = &d->media[d->media_count++];
    *m = (struct draft_media){.name = name, .href = kept};
    return m;
}

const char *feed_media_type(const char *text)
{
    if (!text || !strchr(text, '/')) return NULL;
    for (const char *p = text; *p; p++) {
        if (!isalnum((unsigned char)*p) && !strchr("/!#$&^_.+-;=\" ", *p)) return NULL;
    }
    return text;
}
