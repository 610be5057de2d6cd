#include "subscriber/view_text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/date.h"
#include "common/item.h"
#include "common/text.h"

enum {
    WHEN_COLUMNS = VIEW_WHEN_SIZE - 1,
    SOURCE_COLUMNS = 16,
    NARROW_SOURCE_COLUMNS = 8,
    MARK_COLUMNS = 4,
    NARROW = 72, /* a screen below that many columns */
    HEADLINE_LEAST = 16,
    HEADLINE_MOST = 2000, /* columns in all: one item must not fill the screen for minutes */
};

/* Urgency and fate of an item: what stands before the headline, and its colour. */
enum mark { MARK_NONE, MARK_KILL, MARK_FLASH, MARK_URGENT, MARK_HIGH, MARK_UPDATE, MARK_LOW };

static const struct {
    const char *text, *colour;
} marks[] = {
    [MARK_NONE] = {"", ""},
    [MARK_KILL] = {"KILL", "\033[1;31m"},
    [MARK_FLASH] = {"!!!", "\033[1;31m"},
    [MARK_URGENT] = {"!!", "\033[1;33m"},
    [MARK_HIGH] = {"!", "\033[1m"},
    [MARK_UPDATE] = {"upd", ""},
    [MARK_LOW] = {"", "\033[2m"},
};

#define SEPARATOR " \xc2\xb7 "

static const char dim[] = "\033[2m", plain[] = "\033[0m";

static enum mark mark_of(const struct ninjs *item)
{
    static const enum mark by_urgency[] = {[1] = MARK_FLASH, MARK_URGENT, MARK_HIGH,
                                           MARK_NONE,        MARK_NONE,   MARK_NONE,
                                           MARK_NONE,        MARK_LOW,    MARK_LOW};
    enum mark mark = by_urgency[item_urgency(item)];
    struct json_slice version = item->member[NINJS_VERSION];
    if (item_status(item) == ITEM_CANCELED) return MARK_KILL;
    bool first = !version.at || json_is(version, "1") || json_is(version, "0");
    return mark == MARK_NONE && !first ? MARK_UPDATE : mark;
}

void view_text_when(int64_t when_ms, int64_t now_ms, char out[VIEW_WHEN_SIZE])
{
    time_t when = (time_t)(when_ms / 1000), now = (time_t)(now_ms / 1000);
    struct tm then, today;
    char text[32] = "";
    if (when_ms != DATE_UNKNOWN && localtime_r(&when, &then) && localtime_r(&now, &today)) {
        bool same_day = then.tm_year == today.tm_year && then.tm_yday == today.tm_yday;
        text[strftime(text, sizeof text, same_day ? "%H:%M" : "%Y-%m-%d", &then)] = '\0';
    }
    (void)snprintf(out, VIEW_WHEN_SIZE, "%*.10s", WHEN_COLUMNS, text);
}

/* A field that is right-to-left must not reorder its neighbours (UAX #9): it is isolated, on a
 * terminal; a pipe gets the text alone. */
static void put_isolated(struct buf *out, const char *text, size_t len, bool terminal)
{
    bool isolate = terminal && text_is_rtl(text, len);
    if (isolate) buf_puts(out, "\xe2\x81\xa8"); /* FSI */
    buf_put(out, text, len);
    if (isolate) buf_puts(out, "\xe2\x81\xa9"); /* PDI */
}

static void put_source(struct text_row *row, const struct arrival *a, size_t columns,
                       const struct view_screen *screen, struct buf *out)
{
    buf_clear(&row->field);
    field_clean(field_find("source", 6), a, &row->field);
    buf_clear(&row->line);
    text_cell(&row->line, row->field.data ? row->field.data : "", row->field.len, columns, true);
    put_isolated(out, row->line.data, row->line.len, screen->terminal);
}

/* text over as many lines as it takes, the later ones indented. */
static void put_wrapped(struct buf *out, const char *text, size_t len, size_t indent,
                        size_t columns, const struct view_screen *screen)
{
    if (columns == 0) {
        put_isolated(out, text, len, screen->terminal);
        return;
    }
    for (size_t at = 0, next = 0; at < len; at += next) {
        if (at > 0) buf_printf(out, "\n%*s", (int)indent, "");
        size_t n = text_wrap(text + at, len - at, columns, &next);
        put_isolated(out, text + at, n, screen->terminal);
    }
}

/* A link that does not fit below the headline starts below the source, a longer one at the left. */
static size_t link_indent(size_t indent, size_t width, const struct view_screen *screen)
{
    if (screen->columns == 0 || indent + width <= screen->columns) return indent;
    return WHEN_COLUMNS + 2 + width <= screen->columns ? WHEN_COLUMNS + 2 : 2;
}

static void put_link(struct text_row *row, const struct arrival *a, size_t used, size_t indent,
                     const struct view_screen *screen, struct buf *out)
{
    buf_clear(&row->field);
    field_clean(field_find("link", 4), a, &row->field);
    size_t len = row->field.len, width = text_width(row->field.data, len);
    if (len == 0) return;
    if (used > 0 && (screen->columns == 0 || indent + used + 3 + width <= screen->columns)) {
        buf_puts(out, SEPARATOR);
    } else {
        if (used > 0) buf_putc(out, '\n');
        buf_printf(out, "%*s", (int)link_indent(indent, width, screen), "");
    }
    if (screen->terminal) text_link(out, row->field.data, len, row->field.data, len);
    else put_isolated(out, row->field.data, len, false);
}

/* "PLACE · link": whatever there is of it; of a kill, the reason as well. The note to editors is
 * not for readers otherwise. */
static void put_details(struct text_row *row, const struct arrival *a, size_t indent, size_t room,
                        const struct view_screen *screen, struct buf *out)
{
    buf_clear(&row->line);
    field_clean(field_find("located", 7), a, &row->line);
    if (item_status(a->item) == ITEM_CANCELED) {
        buf_clear(&row->field);
        field_clean(field_find("note", 4), a, &row->field);
        if (row->line.len && row->field.len) buf_puts(&row->line, SEPARATOR);
        buf_put(&row->line, row->field.data ? row->field.data : "", row->field.len);
    }
    size_t start = out->len, used = row->line.len ? text_width(row->line.data, row->line.len) : 0;
    if (screen->colour) buf_puts(out, dim);
    size_t first = out->len;
    if (used > 0) {
        buf_printf(out, "%*s", (int)indent, "");
        put_wrapped(out, row->line.data, row->line.len, indent, room, screen);
    }
    put_link(row, a, used, indent, screen, out);
    if (out->len == first) {
        buf_truncate(out, start); /* nothing to say */
        return;
    }
    if (screen->colour) buf_puts(out, plain);
    buf_putc(out, '\n');
}

/* A style as the terminal wants it (ECMA-48 SGR; 38;5 and 48;5 are xterm's). */
static void write_style(char *out, size_t size, const struct style *style, bool colour)
{
    static const char codes[] = {1, 2, 3, 4, 7, 9, 5}; /* in the order of enum style_attribute */
    unsigned attributes = colour ? style->attributes : style->plain;
    size_t used = (size_t)snprintf(out, size, "\033[0");
    for (size_t i = 0; i < sizeof codes; i++)
        if (attributes >> i & 1) used += (size_t)snprintf(out + used, size - used, ";%d", codes[i]);
    if (colour && style->foreground != STYLE_DEFAULT)
        used += (size_t)snprintf(out + used, size - used, ";38;5;%d", style->foreground);
    if (colour && style->background != STYLE_DEFAULT)
        used += (size_t)snprintf(out + used, size - used, ";48;5;%d", style->background);
    (void)snprintf(out + used, size - used, "m");
}

/* The looks of the headline: a highlight rule's, else its urgency's; "" none. */
static void put_look(char *out, size_t size, const struct view_screen *screen, const char *colour)
{
    *out = '\0';
    if (screen->highlight && screen->terminal)
        write_style(out, size, screen->highlight, screen->colour);
    else if (screen->colour) (void)snprintf(out, size, "%s", colour);
}

void text_row_deinit(struct text_row *row)
{
    buf_deinit(&row->field);
    buf_deinit(&row->line);
}

void view_text_put(struct text_row *row, const struct arrival *a, const struct view_screen *screen,
                   struct buf *out)
{
    bool narrow = screen->columns && screen->columns < NARROW;
    size_t source_columns = narrow ? NARROW_SOURCE_COLUMNS : SOURCE_COLUMNS;
    size_t indent = WHEN_COLUMNS + 2 + source_columns + 2 + MARK_COLUMNS + 1;
    size_t room = screen->columns > indent + HEADLINE_LEAST ? screen->columns - indent : 0;
    enum mark mark = mark_of(a->item);
    char look[64], when[VIEW_WHEN_SIZE];

    view_text_when(item_time_ms(a->item), screen->now_ms, when);
    buf_printf(out, "%s  ", when);
    put_source(row, a, source_columns, screen, out);
    put_look(look, sizeof look, screen, marks[mark].colour);
    buf_printf(out, "  %s%-*s ", look, MARK_COLUMNS, marks[mark].text);
    buf_clear(&row->field);
    field_clean(field_find("headline", 8), a, &row->field);
    buf_clear(&row->line);
    text_cell(&row->line, row->field.data ? row->field.data : "", row->field.len, HEADLINE_MOST,
              false);
    put_wrapped(out, row->line.data ? row->line.data : "", row->line.len, indent, room, screen);
    if (*look) buf_puts(out, plain);
    buf_putc(out, '\n');
    put_details(row, a, indent, room, screen, out);
}
