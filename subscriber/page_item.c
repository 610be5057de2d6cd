#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/date.h"
#include "common/item.h"
#include "common/text.h"
#include "subscriber/list_row.h"
#include "subscriber/page.h"
#include "subscriber/page_text.h"

#define SEPARATOR " \xc2\xb7 "

/* What all that puts together a page needs. */
struct maker {
    struct page *page;
    const struct arrival *arrival;
    int64_t now_ms;
    struct buf line, field, raw; /* line: clean text to be; the others for a moment */
};

static void maker_deinit(struct maker *m)
{
    buf_deinit(&m->line);
    buf_deinit(&m->field);
    buf_deinit(&m->raw);
}

/* ---- parts of lines ---- */

static void add_line(struct maker *m, enum theme_element look)
{
    if (m->line.len) page_add(m->page, look, 0, NULL, m->line.data, m->line.len);
    buf_clear(&m->line);
}

static void put_separated(struct maker *m, const char *text, size_t len)
{
    if (len == 0) return;
    if (m->line.len) buf_puts(&m->line, SEPARATOR);
    buf_put(&m->line, text, len);
}

/* The field in m->field, clean; "" where the item has none. */
static const char *field_of(struct maker *m, const struct arrival *a, const char *name)
{
    buf_clear(&m->field);
    field_clean(field_find(name, strlen(name)), a, &m->field);
    return m->field.len ? m->field.data : "";
}

static void put_field(struct maker *m, const char *name)
{
    const char *text = field_of(m, m->arrival, name);
    put_separated(m, text, strlen(text));
}

static void put_local_time(struct buf *out, int64_t unix_ms)
{
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm when;
    char text[64];
    if (unix_ms == DATE_UNKNOWN || !localtime_r(&seconds, &when)) return;
    buf_put(out, text, strftime(text, sizeof text, "%Y-%m-%d %H:%M", &when));
}

/* ---- who, when, where ---- */

static void add_origin(struct maker *m)
{
    put_field(m, "source");
    buf_clear(&m->field);
    put_local_time(&m->field, item_time_ms(m->arrival->item));
    put_separated(m, m->field.data, m->field.len);
    put_field(m, "located");
    put_field(m, "by");
    add_line(m, THEME_QUIET);
}

/* Desks name an item by its number: "harbour 157". */
static void put_number(struct maker *m)
{
    const char *number = field_of(m, m->arrival, "number"), *last = strrchr(number, ':');
    if (!last) return;
    buf_puts(&m->line, SEPARATOR);
    buf_printf(&m->line, "%.*s %s", (int)strcspn(number, ":"), number, last + 1);
}

static void add_class(struct maker *m)
{
    put_field(m, "language");
    put_field(m, "subject");
    put_separated(m, "urgency ", 8);
    buf_printf(&m->line, "%d", item_urgency(m->arrival->item));
    put_number(m);
    add_line(m, THEME_QUIET);
}

/* ---- status ---- */

/* Is this note to editors one of a correction? Others are not for readers. */
static bool is_correction(struct maker *m, const char *note)
{
    static const char *const stems[] = {" correct", " corrig", " correzion", " rectif",
                                        " korrekt", " korrig", " bericht"};
    buf_clear(&m->raw);
    buf_putc(&m->raw, ' ');
    text_words(&m->raw, note, strlen(note));
    for (size_t i = 0; i < sizeof stems / sizeof *stems && buf_ok(&m->raw); i++)
        if (strstr(m->raw.data, stems[i])) return true;
    return false;
}

static void add_kill(struct maker *m)
{
    const char *note = field_of(m, m->arrival, "note");
    buf_printf(&m->line, "KILLED: %s", *note ? note : "its publisher has withdrawn it");
    add_line(m, THEME_FLASH);
}

static void add_hidden(struct maker *m, const char *hidden)
{
    static const struct {
        const char *hidden, *text;
        enum ninjs_member date;
        enum theme_element look;
    } rows[] = {
        {"withheld", "WITHHELD by its publisher", NINJS_PUB_STATUS, THEME_FLASH},
        {"embargoed", "EMBARGOED until ", NINJS_EMBARGOED_UNTIL, THEME_FLASH},
        {"expired", "EXPIRED ", NINJS_EXPIRES, THEME_QUIET},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(rows[i].hidden, hidden) != 0) continue;
        buf_puts(&m->line, rows[i].text);
        put_local_time(&m->line, item_date_ms(m->arrival->item, rows[i].date));
        add_line(m, rows[i].look);
    }
}

static void add_update(struct maker *m)
{
    struct json_slice version = m->arrival->item->member[NINJS_VERSION];
    if (!version.at || json_is(version, "1") || json_is(version, "0")) return;
    buf_printf(&m->line, "UPDATED: version %s", field_of(m, m->arrival, "version"));
    const char *note = field_of(m, m->arrival, "note");
    if (is_correction(m, note)) put_separated(m, note, strlen(note));
    add_line(m, THEME_UPDATED);
}

/* ---- text ---- */

/* Appends the characters of a description or body, clean. */
static void put_text(struct maker *m, struct json_slice text, struct json_slice content_type,
                     struct buf *out)
{
    struct buf plain = {0}, *from = &m->raw;
    buf_clear(&m->raw);
    json_text(&m->raw, text);
    if (m->raw.len && content_type.at && memmem(content_type.at, content_type.len, "html", 4)) {
        page_text_of_html(&plain, m->raw.data, m->raw.len);
        from = &plain;
    }
    if (from->len) text_clean(out, from->data, from->len, TEXT_LINES);
    buf_deinit(&plain);
}

static void add_paragraphs(struct maker *m, const char *text, size_t len)
{
    while (len > 0) {
        const char *newline = memchr(text, '\n', len);
        size_t line = newline ? (size_t)(newline - text) : len, blank = 0;
        while (blank < line && text[blank] == ' ')
            blank++;
        if (blank == line) page_blank(m->page);
        else page_add(m->page, THEME_TEXT, 0, NULL, text, line);
        line += newline != NULL;
        text += line;
        len -= line;
    }
}

/* Does the text begin with the summary, or tell it word by word? Feeds cut summaries in the middle
 * of a word, so its last one may go on. */
static bool tells(const struct buf *text, const struct buf *summary)
{
    struct buf all = {0}, part = {0};
    buf_putc(&all, ' ');
    text_words(&all, text->len ? text->data : "", text->len);
    buf_putc(&part, ' ');
    text_words(&part, summary->len ? summary->data : "", summary->len);
    if (part.len > 1) buf_truncate(&part, part.len - 1);
    bool found = buf_ok(&all) && buf_ok(&part) && memmem(all.data, all.len, part.data, part.len);
    buf_deinit(&all);
    buf_deinit(&part);
    return found;
}

/* The body, with the summary before it where that says something else. */
static void get_text(struct maker *m, struct buf *text)
{
    struct json_slice type = {0};
    struct buf body = {0}, summary = {0};
    struct json_slice value = item_body(m->arrival->item, &type);
    put_text(m, value, type, &body);
    type = (struct json_slice){0};
    value = item_description(m->arrival->item, &type);
    put_text(m, value, type, &summary);
    if (summary.len && !tells(&body, &summary)) {
        buf_put(text, summary.data, summary.len);
        if (body.len) buf_puts(text, "\n\n");
    }
    if (body.len) buf_put(text, body.data, body.len);
    buf_deinit(&body);
    buf_deinit(&summary);
}

/* ---- links ---- */

static void add_link_of(struct maker *m, struct json_slice href)
{
    buf_clear(&m->raw);
    json_text(&m->raw, href);
    if (m->raw.len) (void)page_add_link(m->page, m->raw.data, m->raw.len);
}

static void add_enclosures(struct maker *m)
{
    struct json_cursor c = json_inside(m->arrival->item->member[NINJS_RENDITIONS]);
    struct json_slice rendition;
    while (json_next_element(&c, &rendition))
        if (json_is(json_member(rendition, "name"), "enclosure"))
            add_link_of(m, json_member(rendition, "href"));
}

static void add_links(struct maker *m, const struct buf *text)
{
    page_blank(m->page);
    add_link_of(m, item_link(m->arrival->item));
    add_enclosures(m);
    size_t at = 0, url_len = 0;
    while (at < text->len && page_link_count(m->page) < PAGE_LINKS_MAX) {
        at += page_text_url(text->data + at, text->len - at, &url_len);
        if (at == text->len) return;
        (void)page_add_link(m->page, text->data + at, url_len);
        at += url_len;
    }
}

/* ---- the same story elsewhere ---- */

static void add_also(struct maker *m, const struct arrival *other)
{
    struct buf headline = {0};
    buf_puts(&headline, field_of(m, m->arrival, "headline"));
    buf_puts(&m->line, field_of(m, other, "source"));
    const char *theirs = field_of(m, other, "headline");
    if (strcmp(theirs, headline.len ? headline.data : "") != 0)
        put_separated(m, theirs, strlen(theirs));
    buf_deinit(&headline);
    page_add(m->page, THEME_TEXT, 0, "Also from:", m->line.data, m->line.len);
    buf_clear(&m->line);
    if (!arrival_hidden(other, m->now_ms)) add_link_of(m, item_link(other->item));
}

/* ---- the item ---- */

static void add_head(struct maker *m, bool killed)
{
    const char *headline = field_of(m, m->arrival, "headline");
    buf_puts(&m->line, *headline ? headline : "(no headline)");
    add_line(m, killed ? THEME_KILLED : THEME_HEADLINE);
    add_origin(m);
    add_class(m);
    page_blank(m->page);
}

static void add_gap(struct maker *m, const struct gap *g)
{
    list_gap_text(&m->line, g);
    add_line(m, THEME_GAP);
}

void page_of_item(struct page *p, const struct page_item *item)
{
    struct maker m = {.page = p, .arrival = item->row->arrival, .now_ms = item->now_ms};
    bool killed = item_status(m.arrival->item) == ITEM_CANCELED;
    const char *hidden = arrival_hidden(m.arrival, item->now_ms);
    bool told = !killed && (!hidden || strcmp(hidden, "expired") == 0);
    struct buf text = {0};
    page_clear(p);
    add_head(&m, killed);
    if (hidden) add_hidden(&m, hidden);
    if (killed) add_kill(&m);
    else add_update(&m);
    for (size_t i = 0; i < item->gap_count; i++)
        add_gap(&m, item->gaps[i]);
    page_blank(p);
    if (told) { /* else nobody is to read it: not yet, or no more */
        get_text(&m, &text);
        add_paragraphs(&m, text.data, text.len);
        add_links(&m, &text);
    }
    page_blank(p);
    for (size_t i = 0; i < item->also_count; i++)
        add_also(&m, item->also[i]);
    buf_deinit(&text);
    maker_deinit(&m);
}

/* ---- the item as JSON ---- */

enum { INDENT = 2 };

/* One line of it: a name, if there is one, and what follows. JSON escapes controls, so that the
 * reader sees what was sent; text_clean() is for the rest. */
static void add_json_line(struct maker *m, unsigned depth, struct json_slice name,
                          struct json_slice value, const char *end)
{
    buf_clear(&m->raw);
    buf_put(&m->raw, name.at, name.len);
    if (name.at) buf_puts(&m->raw, ": ");
    buf_put(&m->raw, value.at, value.len);
    buf_puts(&m->raw, end);
    text_clean(&m->line, m->raw.data, m->raw.len, TEXT_LINES);
    page_add(m->page, THEME_TEXT, (int)(INDENT * depth), NULL, m->line.data, m->line.len);
    buf_clear(&m->line);
}

static bool is_last(struct json_cursor c)
{
    struct json_slice next;
    return !json_next_element(&c, &next);
}

static void add_json(struct maker *m, unsigned depth, struct json_slice name,
                     struct json_slice value, bool last)
{
    const char *end = last ? "" : ",";
    struct json_cursor c = json_inside(value);
    if (!c.at || is_last(c) || depth > JSON_DEPTH_MAX) {
        add_json_line(m, depth, name, value, end);
        return;
    }
    bool is_object = *value.at == '{';
    struct json_slice opening = {value.at, 1}, closing = {value.at + value.len - 1, 1};
    struct json_slice key = {0}, inner;
    add_json_line(m, depth, name, opening, "");
    while ((!is_object || json_next_element(&c, &key)) && json_next_element(&c, &inner))
        add_json(m, depth + 1, key, inner, is_last(c));
    add_json_line(m, depth, (struct json_slice){0}, closing, end);
}

void page_of_source(struct page *p, const struct history_row *row)
{
    struct maker m = {.page = p, .arrival = row->arrival};
    page_clear(p);
    add_json(&m, 0, (struct json_slice){0}, row->arrival->item->all, true);
    maker_deinit(&m);
}

/* ---- help ---- */

enum { KEYS_COLUMNS = 16 };

static void add_command(struct maker *m, const struct keys *k, enum command c)
{
    const struct command_row *row = command_row(c);
    const char *keys = keys_of(k, c);
    buf_clear(&m->field);
    text_clean(&m->field, keys, strlen(keys), TEXT_ONE_LINE);
    buf_clear(&m->raw);
    text_cell(&m->raw, m->field.len ? m->field.data : "", m->field.len, KEYS_COLUMNS, true);
    buf_puts(&m->line, row->help);
    buf_printf(&m->line, " (%s)", row->name);
    page_add(m->page, THEME_TEXT, 2, m->raw.data, m->line.data, m->line.len);
    buf_clear(&m->line);
}

void page_of_help(struct page *p, const struct keys *k)
{
    struct maker m = {.page = p};
    const char *group = "";
    page_clear(p);
    for (enum command c = COMMAND_NONE + 1; c < COMMANDS; c++) {
        if (strcmp(command_row(c)->group, group) != 0) {
            group = command_row(c)->group;
            page_blank(p);
            page_add(p, THEME_HEADLINE, 0, NULL, group, strlen(group));
        }
        add_command(&m, k, c);
    }
    maker_deinit(&m);
}

/* ---- what is missing ---- */

static void add_gap_total(struct maker *m, uint64_t count, const char *of_one, const char *of_many)
{
    if (count == 0) return;
    buf_printf(&m->line, "%" PRIu64 " %s", count, count == 1 ? of_one : of_many);
    add_line(m, THEME_HEADLINE);
}

void page_of_gaps(struct page *p, const struct gaps *g)
{
    static const char nothing[] = "Nothing is missing.";
    struct maker m = {.page = p};
    const struct gap *gap;
    page_clear(p);
    add_gap_total(&m, gaps_holes(g), "item is missing and asked for",
                  "items are missing and asked for");
    add_gap_total(&m, gaps_gone(g), "item is gone for good", "items are gone for good");
    page_blank(p);
    for (size_t i = 0; (gap = gaps_at(g, i)); i++)
        add_gap(&m, gap);
    if (gaps_count(g) == 0) page_add(p, THEME_TEXT, 0, NULL, nothing, sizeof nothing - 1);
    maker_deinit(&m);
}
