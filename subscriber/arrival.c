#include "subscriber/arrival.h"

#include <string.h>
#include <time.h>

#include "common/date.h"
#include "common/item.h"
#include "common/text.h"

static void put_local(struct buf *out, int64_t unix_ms, bool time_of_day)
{
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm when;
    char text[64];
    if (unix_ms == DATE_UNKNOWN || !localtime_r(&seconds, &when)) return;
    size_t len = time_of_day ? strftime(text, sizeof text, "%H:%M", &when)
                             : strftime(text, sizeof text, "%Y-%m-%d", &when);
    buf_put(out, text, len);
}

/* ---- of the topic; where it is not one of ours, of the item ---- */

static void publisher(const struct arrival *a, struct buf *out)
{
    if (a->levels.publisher) buf_put(out, a->levels.publisher, a->levels.publisher_len);
}

static void service(const struct arrival *a, struct buf *out)
{
    if (a->levels.service) buf_put(out, a->levels.service, a->levels.service_len);
}

static void subject(const struct arrival *a, struct buf *out)
{
    if (a->levels.subject) buf_put(out, a->levels.subject, a->levels.subject_len);
}

static void topic(const struct arrival *a, struct buf *out)
{
    buf_puts(out, a->topic);
}

static void received(const struct arrival *a, struct buf *out)
{
    char text[DATE_RFC3339_SIZE];
    date_rfc3339(a->received_ms, text);
    buf_puts(out, text);
}

/* ---- of the item ---- */

static void member(const struct arrival *a, enum ninjs_member m, struct buf *out)
{
    json_text(out, a->item->member[m]);
}

static void language(const struct arrival *a, struct buf *out)
{
    member(a, NINJS_LANGUAGE, out);
}

static void urgency(const struct arrival *a, struct buf *out)
{
    buf_printf(out, "%d", item_urgency(a->item));
}

static void headline(const struct arrival *a, struct buf *out)
{
    json_text(out, item_headline(a->item));
}

static void description(const struct arrival *a, struct buf *out)
{
    json_text(out, item_description(a->item, NULL));
}

static void body(const struct arrival *a, struct buf *out)
{
    struct json_slice s = item_body(a->item, NULL);
    json_text(out, s.at ? s : item_description(a->item, NULL));
}

static void by(const struct arrival *a, struct buf *out)
{
    member(a, NINJS_BY, out);
}

static void located(const struct arrival *a, struct buf *out)
{
    member(a, NINJS_LOCATED, out);
}

static void source(const struct arrival *a, struct buf *out)
{
    struct json_slice s = item_source(a->item);
    if (s.at) json_text(out, s);
    else publisher(a, out);
}

static void uri(const struct arrival *a, struct buf *out)
{
    member(a, NINJS_URI, out);
}

/* Only what a browser may be given: a publisher that is not ours may write anything. */
static void put_address(struct json_slice v, struct buf *out)
{
    size_t start = out->len;
    json_text(out, v);
    if (out->len > start && !text_url_ok(out->data + start, out->len - start))
        buf_truncate(out, start);
}

static void link(const struct arrival *a, struct buf *out)
{
    put_address(item_link(a->item), out);
}

static void enclosure(const struct arrival *a, struct buf *out)
{
    struct json_cursor c = json_inside(a->item->member[NINJS_RENDITIONS]);
    struct json_slice e;
    while (json_next_element(&c, &e))
        if (json_is(json_member(e, "name"), "enclosure")) {
            put_address(json_member(e, "href"), out);
            return;
        }
}

static void status(const struct arrival *a, struct buf *out)
{
    static const char *const names[] = {
        [ITEM_USABLE] = "usable", [ITEM_WITHHELD] = "withheld", [ITEM_CANCELED] = "canceled"};
    buf_puts(out, names[item_status(a->item)]);
}

static void version(const struct arrival *a, struct buf *out)
{
    member(a, NINJS_VERSION, out);
}

static void type(const struct arrival *a, struct buf *out)
{
    member(a, NINJS_TYPE, out);
}

static void note(const struct arrival *a, struct buf *out)
{
    member(a, NINJS_ED_NOTE, out);
}

static void number(const struct arrival *a, struct buf *out)
{
    json_text(out, item_alt_id(a->item, "newswire"));
}

static void date(const struct arrival *a, struct buf *out)
{
    put_local(out, item_time_ms(a->item), false);
}

static void clock_time(const struct arrival *a, struct buf *out)
{
    put_local(out, item_time_ms(a->item), true);
}

static void published(const struct arrival *a, struct buf *out)
{
    member(a, NINJS_VERSION_CREATED, out);
}

/* ---- the table ---- */

/* Each field has its share of what search looks at, so that a filter that asks for words of one
 * finds no item that the index does not: a long body takes no room from those behind it. */
enum {
    HEADLINE_WORDS = 4 << 10,
    SOURCE_WORDS = 1 << 10,
    LOCATED_WORDS = 1 << 10,
    BY_WORDS = 2 << 10,
    DESCRIPTION_WORDS = 8 << 10,
    BODY_WORDS = 48 << 10,
    ALL_WORDS = HEADLINE_WORDS + SOURCE_WORDS + LOCATED_WORDS + BY_WORDS + DESCRIPTION_WORDS +
                BODY_WORDS
};
_Static_assert(ALL_WORDS == ARRIVAL_WORDS_MAX, "the shares make the whole");

static const struct field fields[] = {
    {"headline", "the main headline", headline, HEADLINE_WORDS},
    {"source", "who says so: the feed or agency", source, SOURCE_WORDS},
    {"located", "the dateline's place", located, LOCATED_WORDS},
    {"by", "the byline", by, BY_WORDS},
    {"link", "the story's web page", link, 0},
    {"enclosure", "the first enclosure: a recording, a picture", enclosure, 0},
    {"description", "the summary", description, DESCRIPTION_WORDS},
    {"body", "the text, else the summary, on one line", body, BODY_WORDS},
    {"note", "the note to editors", note, 0},
    {"time", "local time of this version, 14:05", clock_time, 0},
    {"date", "local date of this version, 2026-11-23", date, 0},
    {"published", "time of this version as the item has it, RFC 3339", published, 0},
    {"received", "when it came here, RFC 3339", received, 0},
    {"publisher", "from the topic", publisher, 0},
    {"service", "from the topic", service, 0},
    {"subject", "from the topic: sport/football", subject, 0},
    {"language", "BCP 47", language, 0},
    {"urgency", "1 to 9", urgency, 0},
    {"status", "usable, withheld or canceled", status, 0},
    {"version", "of the item", version, 0},
    {"type", "text, picture, ...", type, 0},
    {"uri", "the item's identity", uri, 0},
    {"number", "wire number: publisher:epoch:number", number, 0},
    {"topic", "the whole topic", topic, 0},
};

const struct field *field_find(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (strlen(fields[i].name) == len && memcmp(fields[i].name, name, len) == 0)
            return &fields[i];
    return NULL;
}

const struct field *field_at(size_t i)
{
    return i < sizeof fields / sizeof *fields ? &fields[i] : NULL;
}

void field_clean(const struct field *f, const struct arrival *a, struct buf *out)
{
    struct buf raw = {0};
    f->write(a, &raw);
    if (raw.len) text_clean(out, raw.data, raw.len, TEXT_ONE_LINE);
    buf_deinit(&raw);
}

/* Behind the blank that out ends with. False: there were more than the field's share. */
static bool put_words(const struct field *f, const struct arrival *a, struct buf *out)
{
    struct buf raw = {0};
    size_t start = out->len, end = start + f->words_max - 1;
    f->write(a, &raw);
    if (raw.len) text_words(out, raw.data, raw.len);
    buf_deinit(&raw);
    if (!f->words_max || out->len <= end) return true;
    while (end > start && out->data[end - 1] != ' ')
        end--;
    buf_truncate(out, end);
    return false;
}

bool field_words(const struct field *f, const struct arrival *a, struct buf *out)
{
    buf_putc(out, ' ');
    return put_words(f, a, out);
}

/* ---- the whole ---- */

bool arrival_read(struct arrival *a, struct ninjs *item, const char *root, const char *topic,
                  const char *bytes, size_t len, int64_t received_ms)
{
    struct ninjs_fault fault;
    if (!ninjs_check(bytes, len, item, &fault)) return false;
    *a = (struct arrival){.topic = topic, .item = item, .received_ms = received_ms};
    if (!topic_split(root, topic, &a->levels)) a->levels = (struct topic_levels){0};
    return true;
}

/* A summary that stands for the body would be there twice. */
static bool is_looked_at(const struct field *f, const struct arrival *a)
{
    return f->words_max && (f->write != description || item_body(a->item, NULL).at);
}

void arrival_words(const struct arrival *a, struct buf *out)
{
    buf_putc(out, ' ');
    for (const struct field *f = fields; f < fields + sizeof fields / sizeof *fields; f++)
        if (is_looked_at(f, a)) (void)put_words(f, a, out);
}

void arrival_text(const struct arrival *a, struct buf *out)
{
    for (const struct field *f = fields; f < fields + sizeof fields / sizeof *fields; f++) {
        if (!is_looked_at(f, a)) continue;
        f->write(a, out);
        buf_putc(out, '\n');
    }
}

const char *arrival_hidden(const struct arrival *a, int64_t now_ms)
{
    int64_t embargo = item_date_ms(a->item, NINJS_EMBARGOED_UNTIL);
    int64_t expires = item_date_ms(a->item, NINJS_EXPIRES);
    if (item_status(a->item) == ITEM_CANCELED) return NULL;
    if (item_status(a->item) == ITEM_WITHHELD) return "withheld";
    if (a->item->member[NINJS_EMBARGOED_UNTIL].at && (embargo == DATE_UNKNOWN || embargo > now_ms))
        return "embargoed"; /* also until nobody knows when */
    return expires != DATE_UNKNOWN && expires <= now_ms ? "expired" : NULL;
}
