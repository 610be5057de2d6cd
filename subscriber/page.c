#include "subscriber/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

enum {
    MEASURE = 90, /* columns of a line: longer ones are tiring to read */
    LINES_FIRST = 64,
};

static const char cut_note[] = "-- cut here: there is more than a page holds --";

struct paragraph {
    size_t at, len;   /* in the page's text; a byte that belongs to nothing follows */
    size_t label_len; /* its label stands just before at */
    int indent;
    enum theme_element look;
};

struct page {
    struct buf text;
    struct paragraph *paragraphs;
    size_t count, room;
    bool cut;

    struct buf urls; /* each with a NUL behind it */
    size_t links[PAGE_LINKS_MAX];
    size_t link_count;

    struct buf marked, scratch; /* words that stand out; those of a word being compared */

    /* The wrapping: where each line begins in the text. Its paragraph and end are found again when
     * it is drawn, so that a page of many lines costs little. */
    uint32_t *lines;
    size_t line_count, line_room;
    int columns; /* it was made for; 0: none is there */
};

struct page *page_new(void)
{
    return calloc(1, sizeof(struct page));
}

void page_free(struct page *p)
{
    if (!p) return;
    buf_deinit(&p->text);
    buf_deinit(&p->urls);
    buf_deinit(&p->marked);
    buf_deinit(&p->scratch);
    free(p->paragraphs);
    free(p->lines);
    free(p);
}

void page_clear(struct page *p)
{
    buf_clear(&p->text);
    buf_clear(&p->urls);
    p->count = p->link_count = p->line_count = 0;
    p->cut = false;
    p->columns = 0;
}

/* ---- what is on it ---- */

/* Paragraphs count as well: a page of a million empty ones is large. */
static size_t bytes_left(const struct page *p)
{
    size_t used = p->text.len + p->count * sizeof *p->paragraphs;
    return used < PAGE_MAX ? PAGE_MAX - used : 0;
}

static struct paragraph *new_paragraph(struct page *p)
{
    if (p->count == p->room) {
        size_t room = p->room ? 2 * p->room : 16;
        struct paragraph *more = realloc(p->paragraphs, room * sizeof *more);
        if (!more) return NULL;
        p->paragraphs = more;
        p->room = room;
    }
    return &p->paragraphs[p->count];
}

static void add(struct page *p, const struct paragraph *shape, const char *label, const char *text)
{
    struct paragraph *new = new_paragraph(p);
    size_t start = p->text.len;
    p->columns = 0;
    buf_put(&p->text, label, shape->label_len);
    if (new) {
        *new = *shape;
        new->at = p->text.len;
    }
    buf_put(&p->text, text, shape->len);
    buf_putc(&p->text, '\n');
    if (new &&buf_ok(&p->text)) {
        p->count++;
    } else {
        buf_truncate(&p->text, start);
        p->cut = true;
    }
}

void page_add(struct page *p, enum theme_element look, int indent, const char *label,
              const char *text, size_t len)
{
    size_t label_len = label ? strlen(label) : 0;
    size_t needed = sizeof *p->paragraphs + label_len + 1, left = bytes_left(p);
    if (p->cut) return;
    if (needed + len > left) {
        p->cut = true;
        p->columns = 0;
        if (needed > left) return;
        len = text_valid_prefix(text, left - needed);
    }
    const struct paragraph shape = {
        .len = len, .label_len = label_len, .indent = indent, .look = look};
    add(p, &shape, label, text);
}

void page_blank(struct page *p)
{
    if (p->count == 0) return;
    const struct paragraph *last = &p->paragraphs[p->count - 1];
    if (last->len + last->label_len > 0) page_add(p, THEME_TEXT, 0, NULL, "", 0);
}

static bool has_link(const struct page *p, const char *url)
{
    for (size_t i = 0; i < p->link_count; i++)
        if (strcmp(page_link(p, i), url) == 0) return true;
    return false;
}

/* Links have a bound of their own, so that a long text does not cost its links. */
bool page_add_link(struct page *p, const char *url, size_t len)
{
    char label[8];
    size_t at = p->urls.len;
    if (p->link_count == PAGE_LINKS_MAX || !text_url_ok(url, len)) return false;
    text_url(&p->urls, url, len); /* encoded: what is shown is what is opened */
    buf_putc(&p->urls, '\0');
    if (!buf_ok(&p->urls) || has_link(p, p->urls.data + at)) {
        buf_truncate(&p->urls, at);
        return false;
    }
    p->links[p->link_count++] = at;
    int label_len = snprintf(label, sizeof label, "[%d]", (int)(p->link_count % 100));
    const struct paragraph shape = {
        .len = p->urls.len - at - 1, .label_len = (size_t)label_len, .look = THEME_LINK};
    add(p, &shape, label, p->urls.data + at);
    return true;
}

size_t page_link_count(const struct page *p)
{
    return p->link_count;
}

const char *page_link(const struct page *p, size_t i)
{
    return p->urls.data + p->links[i];
}

void page_mark(struct page *p, const char *words)
{
    buf_clear(&p->marked);
    if (words) buf_puts(&p->marked, words);
}

/* ---- lines ---- */

/* Where the text of a paragraph stands, and how wide it may be. In a narrow pane indents and labels
 * take half of it at most. */
struct box {
    int indent, label, text, columns;
};

static struct box box_of(const struct page *p, const struct paragraph *q, int columns)
{
    struct box b = {.indent = q->indent, .text = q->indent};
    if (q->label_len) {
        const char *label = p->text.data + q->at - q->label_len;
        b.text += (int)text_width(label, q->label_len) + 1;
    }
    if (b.text > columns / 2) b.text = columns / 2;
    if (b.indent > b.text) b.indent = b.text;
    b.label = q->label_len && b.text > b.indent ? b.text - b.indent - 1 : 0;
    b.columns = columns - b.text;
    if (b.columns > MEASURE && q->look != THEME_LINK) b.columns = MEASURE;
    if (b.columns < 1) b.columns = 1;
    return b;
}

static bool add_line(struct page *p, size_t at)
{
    if (p->line_count == p->line_room) {
        size_t room = p->line_room ? 2 * p->line_room : LINES_FIRST;
        uint32_t *more = realloc(p->lines, room * sizeof *more);
        if (!more) return false;
        p->lines = more;
        p->line_room = room;
    }
    p->lines[p->line_count++] = (uint32_t)at; /* PAGE_MAX and the links are far below */
    return true;
}

static bool wrap_paragraph(struct page *p, const struct paragraph *q, int columns)
{
    size_t width = (size_t)box_of(p, q, columns).columns, at = 0, next;
    do {
        if (!add_line(p, q->at + at)) return false;
        if (at < q->len) (void)text_wrap(p->text.data + q->at + at, q->len - at, width, &next);
        else next = 0;
        at += next;
    } while (at < q->len);
    return true;
}

static void wrap(struct page *p, int columns)
{
    if (columns < 1) columns = 1;
    if (p->columns == columns) return;
    p->columns = columns;
    p->line_count = 0;
    for (size_t i = 0; i < p->count; i++)
        if (!wrap_paragraph(p, &p->paragraphs[i], columns)) {
            p->cut = true;
            return;
        }
}

size_t page_lines(struct page *p, int columns)
{
    wrap(p, columns);
    return p->line_count + p->cut;
}

/* ---- drawing ---- */

struct pen {
    struct page *page;
    struct screen *screen;
    const struct theme *theme;
    int row, column;
};

static void put(const struct pen *pen, int column, int columns, const char *text, size_t len,
                enum theme_element look)
{
    if (columns <= 0) return;
    screen_put(pen->screen, pen->row, pen->column + column, columns, text, len,
               &pen->theme->styles[look], NULL);
}

/* Words as text_words() has them, with a blank before, in scratch; how many. */
static size_t words_of(struct page *p, const char *text, size_t len)
{
    size_t count = 0;
    buf_clear(&p->scratch);
    buf_putc(&p->scratch, ' ');
    text_words(&p->scratch, text, len);
    for (size_t i = 1; i < p->scratch.len; i++)
        count += p->scratch.data[i] == ' ';
    return count;
}

/* Of one character; marks go with their base. */
static bool is_of_word(struct page *p, const char *text, size_t len)
{
    return words_of(p, text, len) > 0 || text_width(text, len) == 0;
}

/* Bytes of the first word, 0 where none begins. It grows until text_words() makes two of it: where
 * a script has no blanks, each letter is one. */
static size_t first_word(struct page *p, const char *text, size_t len)
{
    size_t at = 0;
    while (at < len) {
        uint32_t code_point;
        size_t step = text_decode(text + at, len - at, &code_point);
        if (!is_of_word(p, text + at, step)) break;
        if (at > 0 && words_of(p, text, at + step) > 1) break;
        at += step;
    }
    return at;
}

static bool is_marked(struct page *p, const char *word, size_t len)
{
    return words_of(p, word, len) == 1 && buf_ok(&p->scratch) &&
           memmem(p->marked.data, p->marked.len, p->scratch.data, p->scratch.len);
}

/* Over the line as it stands: each word at the column it has there. */
static void mark_words(const struct pen *pen, int column, const char *text, size_t len)
{
    for (size_t at = 0, step; at < len; at += step) {
        uint32_t code_point;
        step = first_word(pen->page, text + at, len - at);
        if (step == 0) {
            step = text_decode(text + at, len - at, &code_point);
        } else if (is_marked(pen->page, text + at, step)) {
            int before = (int)text_width(text, at), wide = (int)text_width(text + at, step);
            put(pen, column + before, wide, text + at, step, THEME_MATCH);
        }
    }
}

static int by_start(const void *key, const void *element)
{
    const struct paragraph *q = element;
    size_t at = *(const uint32_t *)key;
    return at < q->at - q->label_len ? -1 : at > q->at + q->len;
}

static void draw_line(const struct pen *pen, size_t line, int columns)
{
    struct page *p = pen->page;
    const struct paragraph *q = bsearch(&p->lines[line], p->paragraphs, p->count,
                                        sizeof *p->paragraphs, by_start);
    struct box b = box_of(p, q, columns);
    size_t at = p->lines[line], len = 0, next;
    if (at < q->at + q->len)
        len = text_wrap(p->text.data + at, q->at + q->len - at, (size_t)b.columns, &next);
    put(pen, 0, b.text, "", 0, THEME_TEXT);
    if (at == q->at && b.label > 0)
        put(pen, b.indent, b.label, p->text.data + q->at - q->label_len, q->label_len, THEME_LABEL);
    int wide = (int)text_width(p->text.data + at, len), room = columns - b.text;
    if (wide > room) wide = room; /* one character that is wider than its line */
    put(pen, b.text, wide, p->text.data + at, len, q->look);
    put(pen, b.text + wide, room - wide, "", 0, THEME_TEXT); /* no underlined blanks */
    if (p->marked.len) mark_words(pen, b.text, p->text.data + at, len);
}

void page_draw(struct page *p, struct screen *s, const struct theme *t, int row, int column,
               int rows, int columns, size_t top)
{
    wrap(p, columns);
    for (int i = 0; i < rows; i++) {
        const struct pen pen = {p, s, t, row + i, column};
        size_t line = top + (size_t)i;
        if (line < p->line_count) draw_line(&pen, line, columns);
        else if (line == p->line_count && p->cut)
            put(&pen, 0, columns, cut_note, sizeof cut_note - 1, THEME_GAP);
        else put(&pen, 0, columns, "", 0, THEME_TEXT);
    }
}
