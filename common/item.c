#include "common/item.h"

#include <stdlib.h>
#include <string.h>

#include "common/date.h"
#include "common/hash.h"
#include "common/text.h"

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
    int64_t ms = DATE_UNKNOWN;
    if (!s.at) return ms;
    if (!memchr(s.at, '\\', s.len)) {
        const char *text = s.at + 1; /* as it should be, else as people write it */
        if (!date_parse_rfc3339(text, s.len - 2, &ms)) (void)date_parse_any(text, s.len - 2, &ms);
        return ms;
    }
    struct buf plain = {0};
    json_text(&plain, s);
    if (plain.len) (void)date_parse_any(plain.data, plain.len, &ms);
    buf_deinit(&plain);
    return ms;
}

int64_t item_time_ms(const struct ninjs *item)
{
    int64_t ms = item_date_ms(item, NINJS_VERSION_CREATED);
    return ms != DATE_UNKNOWN ? ms : item_date_ms(item, NINJS_FIRST_CREATED);
}

/* In the array of objects v: the value of the first whose `key` is one of words, else (when
 * or_first) of the first of all. Objects without that value are passed over. */
static struct json_slice pick(struct json_slice v, const char *key, const char *const *words,
                              const char *value, bool or_first, struct json_slice *whole)
{
    struct json_cursor c = json_inside(v);
    struct json_slice object, have, found = {0};
    while (json_next_element(&c, &object)) {
        have = json_member(object, value);
        if (!have.at) continue;
        bool wanted = false;
        for (const char *const *w = words; *w && !wanted; w++)
            wanted = json_is(json_member(object, key), *w);
        if (!wanted && (!or_first || found.at)) continue;
        found = have;
        if (whole) *whole = object;
        if (wanted) break;
    }
    return found;
}

struct json_slice item_headline(const struct ninjs *item)
{
    static const char *const main_role[] = {"main", NULL};
    struct json_slice s = pick(item->member[NINJS_HEADLINES], "role", main_role, "value", true,
                               NULL);
    return s.at ? s : item->member[NINJS_TITLE];
}

/* Of an array of texts the one in plain text, else the first. */
static struct json_slice plain_text(struct json_slice texts, struct json_slice *content_type)
{
    static const char *const plain[] = {"text/plain", NULL};
    struct json_slice whole = {0};
    struct json_slice s = pick(texts, "contentType", plain, "value", true, &whole);
    if (content_type) *content_type = json_member(whole, "contentType");
    return s;
}

struct json_slice item_description(const struct ninjs *item, struct json_slice *content_type)
{
    return plain_text(item->member[NINJS_DESCRIPTIONS], content_type);
}

struct json_slice item_body(const struct ninjs *item, struct json_slice *content_type)
{
    return plain_text(item->member[NINJS_BODIES], content_type);
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

static bool is_empty(struct json_slice v)
{
    struct json_cursor c = json_inside(v);
    struct json_slice e;
    return *v.at == '[' && !json_next_element(&c, &e);
}

/* An empty array says nothing. */
static bool has(const struct ninjs *item, enum ninjs_member m)
{
    return item->member[m].at && !is_empty(item->member[m]);
}

/* The first words of the text: what a reader sees when nobody wrote a headline. */
static size_t first_words(const char *text, size_t len)
{
    size_t n = 0;
    while (n < len && text[n] != '\n')
        n++;
    if (n <= HEADLINE_MADE_MAX) return n;
    n = text_valid_prefix(text, HEADLINE_MADE_MAX);
    for (size_t blank = n; blank > HEADLINE_MADE_MAX / 2; blank--)
        if (text[blank] == ' ') return blank;
    return n;
}

static bool is_markup(struct json_slice content_type)
{
    return content_type.at && memmem(content_type.at, content_type.len, "html", 4);
}

/* The first text there is, from its first line that holds anything. */
static size_t text_for_headline(const struct ninjs *item, struct buf *text)
{
    struct json_slice kind = {0}, body_kind = {0};
    struct json_slice summary = item_description(item, &kind), body = item_body(item, &body_kind);
    const struct json_slice none = {0};
    const struct json_slice sources[] = {
        item->member[NINJS_TITLE], item->member[NINJS_SLUGLINE], is_markup(kind) ? none : summary,
        is_markup(body_kind) ? none : body, item->member[NINJS_URI]};
    size_t blank = 0;
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        buf_clear(text);
        json_text(text, sources[i]);
        blank = text->len ? strspn(text->data, " \t\r\n") : 0;
        if (blank < text->len) return blank;
    }
    return text->len;
}

static void put_headline(struct buf *out, const struct ninjs *item)
{
    struct buf text = {0};
    size_t first = text_for_headline(item, &text);
    const char *at = text.data ? text.data + first : "";
    buf_puts(out, "[{\"role\":\"main\",\"value\":");
    json_put_string(out, at, first_words(at, text.len - first));
    buf_puts(out, "}]");
    buf_deinit(&text);
}

/* A slice of JSON under another name: the version's date is the first date of what has only one. */
static void put_copy(struct buf *out, const char *name, struct json_slice value)
{
    json_put_name(out, name);
    buf_put(out, value.at, value.len);
}

static void put_named(struct buf *out, const char *name)
{
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
    json_put_date(out, "versionCreated", now_ms);
    json_put_date(out, "firstCreated", now_ms);
}

/* The arrays we always write. Where the item has one that is empty, it is filled in its place. */
static const struct {
    enum ninjs_member member;
    const char *name;
} arrays[] = {
    {NINJS_HEADLINES, "headlines"},
    {NINJS_SUBJECTS, "subjects"},
    {NINJS_INFO_SOURCES, "infoSources"},
    {NINJS_ALT_IDS, "altIds"},
};

/* Do we have anything to put into it? */
static bool array_wanted(enum ninjs_member m, const struct item_defaults *d, const char *number)
{
    if (m == NINJS_SUBJECTS) return d->subject != NULL;
    if (m == NINJS_INFO_SOURCES) return d->source != NULL;
    return m == NINJS_HEADLINES || number;
}

static void put_array(struct buf *out, const struct ninjs *item, enum ninjs_member m,
                      const struct item_defaults *d, const char *number)
{
    if (m == NINJS_HEADLINES) put_headline(out, item);
    if (m == NINJS_SUBJECTS) put_named(out, d->subject);
    if (m == NINJS_INFO_SOURCES) put_named(out, d->source);
    if (m == NINJS_ALT_IDS) put_alt_ids(out, item->member[m], number);
}

static void put_missing(struct buf *out, const struct ninjs *item, const struct item_defaults *d,
                        const char *number)
{
    if (!has(item, NINJS_STANDARD)) {
        json_put_name(out, "standard");
        buf_puts(out, NINJS_STANDARD_JSON);
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
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        if (!item->member[arrays[i].member].at && array_wanted(arrays[i].member, d, number)) {
            json_put_name(out, arrays[i].name);
            put_array(out, item, arrays[i].member, d, number);
        }
}

/* The next of those arrays, in the order of the bytes, that is not copied as it is. */
static const struct json_slice *next_filled(const struct ninjs *item, const char *from,
                                            const struct item_defaults *d, const char *number,
                                            enum ninjs_member *which)
{
    const struct json_slice *next = NULL;
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        enum ninjs_member m = arrays[i].member;
        const struct json_slice *s = &item->member[m];
        bool filled = s->at && s->at >= from && array_wanted(m, d, number) &&
                      (m == NINJS_ALT_IDS || is_empty(*s));
        if (!filled || (next && next->at < s->at)) continue;
        next = s;
        *which = m;
    }
    return next;
}

void item_write(const struct ninjs *item, const struct item_defaults *d, const char *number,
                struct buf *out)
{
    const char *at = item->all.at, *brace = item->all.at + item->all.len - 1;
    const struct json_slice *array;
    enum ninjs_member which;
    while ((array = next_filled(item, at, d, number, &which))) {
        buf_put(out, at, (size_t)(array->at - at));
        put_array(out, item, which, d, number);
        at = array->at + array->len;
    }
    buf_put(out, at, (size_t)(brace - at));
    put_missing(out, item, d, number);
    buf_putc(out, '}');
}

/* ---- changing ---- */

static const struct item_change *change_of(const struct item_change *changes, size_t count,
                                           struct json_slice name)
{
    for (size_t i = 0; i < count; i++)
        if (json_is(name, changes[i].name)) return &changes[i];
    return NULL;
}

void item_change(const struct ninjs *item, const struct item_change *changes, size_t count,
                 struct buf *out)
{
    struct json_cursor c = json_inside(item->all);
    struct json_slice name, value;
    bool first = true;
    buf_putc(out, '{');
    while (json_next_member(&c, &name, &value)) {
        const struct item_change *change = change_of(changes, count, name);
        if (change) value = change->value;
        if (!value.at) continue;
        if (!first) buf_putc(out, ',');
        first = false;
        buf_put(out, name.at, name.len);
        buf_putc(out, ':');
        buf_put(out, value.at, value.len);
    }
    for (size_t i = 0; i < count; i++)
        if (changes[i].value.at && !json_member(item->all, changes[i].name).at)
            put_copy(out, changes[i].name, changes[i].value);
    buf_putc(out, '}');
}

/* ---- comparing ---- */

/* Hashes of texts that differ in one place differ by little more than that place: as they are, two
 * such differences could cancel each other out in a sum (the last step of MurmurHash3). */
static uint64_t mix(uint64_t hash)
{
    hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdu;
    hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53u;
    return hash ^ hash >> 33;
}

static uint64_t hash_member(const char *name, size_t name_len, struct json_slice value)
{
    return mix(hash_bytes(hash_bytes(HASH_START, name, name_len), value.at, value.len));
}

/* Members that tell which version this is, not what it says. Told by where they stand, which does
 * not depend on how their names are written. */
static bool tells_version(const struct ninjs *item, const char *value)
{
    static const enum ninjs_member members[] = {NINJS_URI, NINJS_STANDARD, NINJS_VERSION,
                                                NINJS_VERSION_CREATED, NINJS_FIRST_CREATED};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (item->member[members[i]].at == value) return true;
    return false;
}

/* Each by itself, so that our number among them, or an array that held nothing else, counts as
 * absent. */
static uint64_t hash_alt_ids(struct json_slice alt_ids)
{
    struct json_cursor c = json_inside(alt_ids);
    struct json_slice e;
    uint64_t sum = 0;
    while (json_next_element(&c, &e))
        if (!json_is(json_member(e, "role"), "newswire")) sum += hash_member("altIds", 6, e);
    return sum;
}

uint64_t item_content_hash(const struct ninjs *item)
{
    struct json_cursor c = json_inside(item->all);
    struct json_slice name, value;
    uint64_t sum = 0; /* a sum: the order of members says nothing */
    while (json_next_member(&c, &name, &value)) {
        if (tells_version(item, value.at)) continue;
        if (value.at == item->member[NINJS_ALT_IDS].at) sum += hash_alt_ids(value);
        else sum += hash_member(name.at, name.len, value);
    }
    return sum ? sum : 1; /* 0 is left to mean "none" */
}
