#include "common/item.h"

#include <stdlib.h>
#include <string.h>

#include "common/date.h"

enum { HEADLINE_MADE_MAX = 80 }; /* bytes of a headline made of the text's first words */

/* ---- reading ---- */

static bool read_upgraded(const char *bytes, size_t len, struct buf *scratch, struct ninjs *item,
                          struct ninjs_fault *fault)
{
    struct ninjs_fault as_3_1 = *fault;
    buf_clear(scratch);
    if (!item_upgrade(bytes, len, scratch) || !buf_ok(scratch)) {
        *fault = as_3_1;
        return false;
    }
    if (ninjs_check(scratch->data, scratch->len, item, fault)) return true;
    fault->line = 0; /* of the rewritten item: no help to anybody */
    return false;
}

bool item_read(const char *bytes, size_t len, struct buf *scratch, struct ninjs *item,
               struct ninjs_fault *fault)
{
    if (!ninjs_check(bytes, len, item, fault) && !read_upgraded(bytes, len, scratch, item, fault))
        return false;
    if (item->flags == 0) return true;
    struct buf compact = {0};
    json_compact(&compact, item->all.at, item->all.len);
    buf_deinit(scratch);
    *scratch = compact;
    if (!buf_ok(scratch)) {
        *fault = (struct ninjs_fault){.path = "$", .what = "out of memory"};
        return false;
    }
    return ninjs_check(scratch->data, scratch->len, item, fault);
}

/* ---- looking at ---- */

enum item_status item_status(const struct ninjs *item)
{
    struct json_slice s = item->member[NINJS_PUB_STATUS];
    if (json_is(s, "canceled")) return ITEM_CANCELED;
    return json_is(s, "withheld") ? ITEM_WITHHELD : ITEM_USABLE;
}

int item_urgency(const struct ninjs *item)
{
    struct json_slice s = item->member[NINJS_URGENCY];
    return s.at ? (int)strtod(s.at, NULL) : 5; /* checked: 1 to 9, perhaps as 5.0; then , or } */
}

int64_t item_date_ms(const struct ninjs *item, enum ninjs_member which)
{
    struct json_slice s = item->member[which];
    int64_t ms;
    if (!s.at || s.len < 2 || !date_parse_any(s.at + 1, s.len - 2, &ms)) return DATE_UNKNOWN;
    return ms;
}

int64_t item_time_ms(const struct ninjs *item)
{
    int64_t ms = item_date_ms(item, NINJS_VERSION_CREATED);
    return ms != DATE_UNKNOWN ? ms : item_date_ms(item, NINJS_FIRST_CREATED);
}

/* In the array of objects v: the value of the first whose `key` is one of words, else (when
 * or_first) of the first of all. */
static struct json_slice pick(struct json_slice v, const char *key, const char *const *words,
                              const char *value, bool or_first, struct json_slice *whole)
{
    struct json_cursor c = json_inside(v);
    struct json_slice object, first = {0};
    while (json_next_element(&c, &object)) {
        struct json_slice have = json_member(object, key);
        if (!first.at) first = object;
        for (const char *const *w = words; *w; w++)
            if (json_is(have, *w)) {
                if (whole) *whole = object;
                return json_member(object, value);
            }
    }
    if (!or_first || !first.at) return (struct json_slice){0};
    if (whole) *whole = first;
    return json_member(first, value);
}

struct json_slice item_headline(const struct ninjs *item)
{
    static const char *const main_role[] = {"main", NULL};
    struct json_slice s = pick(item->member[NINJS_HEADLINES], "role", main_role, "value", true,
                               NULL);
    return s.at ? s : item->member[NINJS_TITLE];
}

struct json_slice item_description(const struct ninjs *item)
{
    static const char *const plain[] = {"text/plain", NULL};
    return pick(item->member[NINJS_DESCRIPTIONS], "contentType", plain, "value", true, NULL);
}

struct json_slice item_body(const struct ninjs *item, struct json_slice *content_type)
{
    static const char *const plain[] = {"text/plain", NULL};
    struct json_slice whole = {0};
    struct json_slice s = pick(item->member[NINJS_BODIES], "contentType", plain, "value", true,
                               &whole);
    if (content_type) *content_type = json_member(whole, "contentType");
    return s;
}

struct json_slice item_source(const struct ninjs *item)
{
    static const char *const none[] = {NULL};
    return pick(item->member[NINJS_INFO_SOURCES], "role", none, "name", true, NULL);
}

struct json_slice item_link(const struct ninjs *item)
{
    static const char *const web[] = {"web", NULL};
    static const char *const html[] = {"text/html", NULL};
    struct json_slice v = item->member[NINJS_RENDITIONS];
    struct json_slice s = pick(v, "name", web, "href", false, NULL);
    return s.at ? s : pick(v, "contentType", html, "href", false, NULL);
}

struct json_slice item_alt_id(const struct ninjs *item, const char *role)
{
    const char *const words[] = {role, NULL};
    return pick(item->member[NINJS_ALT_IDS], "role", words, "value", false, NULL);
}

/* ---- completing ---- */

static void put_number(struct buf *out, const char *number)
{
    buf_puts(out, "{\"role\":\"newswire\",\"value\":");
    json_put_string(out, number, strlen(number));
    buf_putc(out, '}');
}

/* The altIds with our number last. One of an earlier transmission, perhaps somebody else's, goes:
 * a number belongs to one publisher's stream. */
static void put_alt_ids(struct buf *out, struct json_slice alt_ids, const char *number)
{
    struct json_cursor c = json_inside(alt_ids);
    struct json_slice e;
    buf_putc(out, '[');
    while (json_next_element(&c, &e)) {
        if (json_is(json_member(e, "role"), "newswire")) continue;
        buf_put(out, e.at, e.len);
        buf_putc(out, ',');
    }
    put_number(out, number);
    buf_putc(out, ']');
}

static bool has(const struct ninjs *item, enum ninjs_member m)
{
    return item->member[m].at != NULL;
}

/* The first words of the text: what a reader sees when nobody wrote a headline. */
static size_t first_words(const char *text, size_t len)
{
    size_t n = 0;
    while (n < len && text[n] != '\n')
        n++;
    if (n <= HEADLINE_MADE_MAX) return n;
    n = HEADLINE_MADE_MAX;
    while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--; /* not within a character */
    for (size_t blank = n; blank > HEADLINE_MADE_MAX / 2; blank--)
        if (text[blank] == ' ') return blank;
    return n;
}

static void put_headline(struct buf *out, const struct ninjs *item)
{
    struct json_slice from = item->member[NINJS_TITLE];
    if (!from.at) from = item->member[NINJS_SLUGLINE];
    if (!from.at) from = item_description(item);
    if (!from.at) from = item_body(item, NULL);
    if (!from.at) from = item->member[NINJS_URI];
    struct buf text = {0};
    json_text(&text, from);
    json_put_name(out, "headlines");
    buf_puts(out, "[{\"role\":\"main\",\"value\":");
    json_put_string(out, text.data ? text.data : "", first_words(text.data, text.len));
    buf_puts(out, "}]");
    buf_deinit(&text);
}

static void put_date(struct buf *out, const char *name, int64_t unix_ms)
{
    char text[DATE_RFC3339_SIZE];
    date_rfc3339(unix_ms, text);
    json_put_member(out, name, text);
}

/* A slice of JSON under another name: the version's date is the first date of what has only one. */
static void put_copy(struct buf *out, const char *name, struct json_slice value)
{
    json_put_name(out, name);
    buf_put(out, value.at, value.len);
}

static void put_named(struct buf *out, const char *array, const char *name)
{
    json_put_name(out, array);
    buf_puts(out, "[{\"name\":");
    json_put_string(out, name, strlen(name));
    buf_puts(out, "}]");
}

static void put_dates(struct buf *out, const struct ninjs *item, int64_t now_ms)
{
    bool version = has(item, NINJS_VERSION_CREATED), first = has(item, NINJS_FIRST_CREATED);
    if (!version && first) put_copy(out, "versionCreated", item->member[NINJS_FIRST_CREATED]);
    if (version && !first) put_copy(out, "firstCreated", item->member[NINJS_VERSION_CREATED]);
    if (version || first) return;
    put_date(out, "versionCreated", now_ms);
    put_date(out, "firstCreated", now_ms);
}

static void put_missing(struct buf *out, const struct ninjs *item, const struct item_defaults *d)
{
    if (!has(item, NINJS_STANDARD)) {
        json_put_name(out, "standard");
        buf_puts(out, "{\"name\":\"ninjs\",\"version\":\"" NINJS_RELEASE
                      "\",\"schema\":\"" NINJS_SCHEMA_URI "\"}");
    }
    if (!has(item, NINJS_TYPE)) json_put_member(out, "type", "text");
    if (!has(item, NINJS_VERSION)) json_put_member(out, "version", "1");
    put_dates(out, item, d->now_ms);
    if (!has(item, NINJS_PUB_STATUS)) json_put_member(out, "pubStatus", "usable");
    if (!has(item, NINJS_URGENCY)) {
        json_put_name(out, "urgency");
        buf_printf(out, "%d", d->urgency ? d->urgency : 5);
    }
    if (!has(item, NINJS_LANGUAGE))
        json_put_member(out, "language", d->language ? d->language : "und");
    if (!has(item, NINJS_HEADLINES)) put_headline(out, item);
    if (!has(item, NINJS_SUBJECTS) && d->subject) put_named(out, "subjects", d->subject);
    if (!has(item, NINJS_INFO_SOURCES) && d->source) put_named(out, "infoSources", d->source);
}

void item_write(const struct ninjs *item, const struct item_defaults *d, const char *number,
                struct buf *out)
{
    const char *brace = item->all.at + item->all.len - 1;
    struct json_slice alt_ids = item->member[NINJS_ALT_IDS];
    if (number && alt_ids.at) {
        buf_put(out, item->all.at, (size_t)(alt_ids.at - item->all.at));
        put_alt_ids(out, alt_ids, number);
        const char *rest = alt_ids.at + alt_ids.len;
        buf_put(out, rest, (size_t)(brace - rest));
    } else {
        buf_put(out, item->all.at, (size_t)(brace - item->all.at));
    }
    put_missing(out, item, d);
    if (number && !alt_ids.at) {
        json_put_name(out, "altIds");
        buf_putc(out, '[');
        put_number(out, number);
        buf_putc(out, ']');
    }
    buf_putc(out, '}');
}
