#include "subscriber/prompt.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/text.h"
#include "subscriber/keys.h"

enum {
    ENTERED_MAX = 100,   /* lines remembered of each kind */
    CLUSTER_WIDEST = 32, /* columns; what claims more is moved over in parts */
    ZWNJ = 0x200C,
    ZWJ = 0x200D,
};

#define CONTROL(letter) ((letter)&0x1f)

struct entered {
    char *lines[ENTERED_MAX]; /* oldest first */
    size_t count;
};

struct prompt {
    enum prompt_kind kind;
    struct buf title, text, killed; /* killed: what ^Y brings back */
    size_t cursor;                  /* byte of text, between two clusters */
    int joiner;                     /* typed, and waits for what it joins; 0 none */
    struct entered entered[PROMPT_KINDS];
    size_t recalled;  /* which of them is shown; their count: the line being edited */
    struct buf draft; /* that line, while another is shown */

    const char *(*complete)(void *user, const char *prefix, size_t i);
    void *user;
    bool completing;
    size_t word_at, word_len; /* in text: what stands for the word now */
    struct buf word;          /* as it was typed */
    size_t candidate;         /* the one shown, from 1; 0: the word as typed */

    size_t fault_at;
    struct buf fault; /* empty: none */
};

struct prompt *prompt_new(void)
{
    return calloc(1, sizeof(struct prompt));
}

void prompt_free(struct prompt *p)
{
    if (!p) return;
    for (size_t kind = 0; kind < PROMPT_KINDS; kind++)
        for (size_t i = 0; i < p->entered[kind].count; i++)
            free(p->entered[kind].lines[i]);
    struct buf *const buffers[] = {&p->title, &p->text, &p->killed, &p->draft, &p->word, &p->fault};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        buf_deinit(buffers[i]);
    free(p);
}

/* ---- clusters ---- */

/* Bytes of the first grapheme cluster; len at least 1. text_fit() does not cut one: the narrowest
 * line that takes anything takes the first. */
static size_t cluster(const char *text, size_t len)
{
    for (size_t columns = 1; columns <= CLUSTER_WIDEST; columns++) {
        size_t fits = text_fit(text, len, columns, NULL);
        if (fits > 0) return fits;
    }
    uint32_t code_point;
    return text_decode(text, len, &code_point);
}

static size_t after(const struct prompt *p, size_t at)
{
    return at < p->text.len ? at + cluster(p->text.data + at, p->text.len - at) : p->text.len;
}

static size_t before(const struct prompt *p, size_t at)
{
    size_t last = 0;
    for (size_t next = 0; next < at; next = after(p, next))
        last = next;
    return last;
}

/* What was typed may have joined with what follows: never stand within a cluster. */
static void put_cursor(struct prompt *p, size_t at)
{
    size_t boundary = 0;
    while (boundary < at && boundary < p->text.len)
        boundary = after(p, boundary);
    p->cursor = boundary;
}

/* ---- changing the text ---- */

static const char *bytes_of(const struct buf *b)
{
    return b->data ? b->data : "";
}

static void one_line(struct buf *clean)
{
    for (char *at = clean->data; at && (at = strchr(at, '\n'));)
        *at = ' ';
}

/* Replaces len bytes at `at`; all becomes clean. Nothing happens when that does not fit. */
static void splice(struct prompt *p, size_t at, size_t len, const char *bytes, size_t bytes_len)
{
    struct buf raw = {0}, clean = {0}, head = {0};
    buf_put(&raw, bytes_of(&p->text), at);
    buf_put(&raw, bytes, bytes_len);
    text_clean(&head, bytes_of(&raw), raw.len, TEXT_LINES);
    buf_put(&raw, bytes_of(&p->text) + at + len, p->text.len - at - len);
    text_clean(&clean, bytes_of(&raw), raw.len, TEXT_LINES);
    one_line(&clean);
    if (clean.len <= PROMPT_MAX && buf_ok(&raw) && buf_ok(&head) && buf_ok(&clean)) {
        struct buf old = p->text;
        p->text = clean;
        clean = old;
        put_cursor(p, head.len);
    }
    buf_deinit(&raw);
    buf_deinit(&head);
    buf_deinit(&clean);
}

static void set_text(struct prompt *p, const char *text, size_t len)
{
    splice(p, 0, p->text.len, text, len);
    p->cursor = p->text.len;
}

/* Is the code point, alone, nothing to be shown? Marks are not asked: they need a base. */
static bool is_refused(const char *bytes, size_t len)
{
    struct buf clean = {0};
    text_clean(&clean, bytes, len, TEXT_LINES);
    bool refused = clean.len == 3 && memcmp(clean.data, "\xef\xbf\xbd", 3) == 0;
    buf_deinit(&clean);
    return refused;
}

static void type(struct prompt *p, int code)
{
    char bytes[8];
    size_t len = 0;
    if (code == ZWJ || code == ZWNJ) { /* at the end of a text it has no function yet */
        p->joiner = code;
        return;
    }
    if (p->joiner) len = text_encode((uint32_t)p->joiner, bytes);
    p->joiner = 0;
    size_t typed = text_encode((uint32_t)code, bytes + len);
    if (!is_refused(bytes + len, typed)) splice(p, p->cursor, 0, bytes, len + typed);
}

/* Takes from..to out; kept for ^Y where kept is true. */
static void cut(struct prompt *p, size_t from, size_t to, bool kept)
{
    if (from >= to) return;
    if (kept) {
        buf_clear(&p->killed);
        buf_put(&p->killed, p->text.data + from, to - from);
    }
    splice(p, from, to - from, "", 0);
}

/* ---- the keys ---- */

static void go_left(struct prompt *p)
{
    p->cursor = before(p, p->cursor);
}

static void go_right(struct prompt *p)
{
    p->cursor = after(p, p->cursor);
}

static void go_home(struct prompt *p)
{
    p->cursor = 0;
}

static void go_end(struct prompt *p)
{
    p->cursor = p->text.len;
}

static void delete_left(struct prompt *p)
{
    cut(p, before(p, p->cursor), p->cursor, false);
}

static void delete_right(struct prompt *p)
{
    cut(p, p->cursor, after(p, p->cursor), false);
}

static void kill_word(struct prompt *p)
{
    size_t from = p->cursor;
    while (from > 0 && p->text.data[from - 1] == ' ')
        from--;
    while (from > 0 && p->text.data[from - 1] != ' ')
        from--;
    cut(p, from, p->cursor, true);
}

static void kill_left(struct prompt *p)
{
    cut(p, 0, p->cursor, true);
}

static void kill_right(struct prompt *p)
{
    cut(p, p->cursor, p->text.len, true);
}

static void yank(struct prompt *p)
{
    splice(p, p->cursor, 0, bytes_of(&p->killed), p->killed.len);
}

static void recall(struct prompt *p, size_t which)
{
    const struct entered *e = &p->entered[p->kind];
    if (p->recalled == e->count) {
        buf_clear(&p->draft);
        buf_put(&p->draft, bytes_of(&p->text), p->text.len);
    }
    p->recalled = which;
    const char *text = which < e->count ? e->lines[which] : bytes_of(&p->draft);
    set_text(p, text, strlen(text));
}

static void recall_older(struct prompt *p)
{
    if (p->recalled > 0) recall(p, p->recalled - 1);
}

static void recall_newer(struct prompt *p)
{
    if (p->recalled < p->entered[p->kind].count) recall(p, p->recalled + 1);
}

/* ---- completion: each tab shows the next candidate, at last what was typed ---- */

static void begin_completion(struct prompt *p)
{
    static const char borders[] = " ()!=<>~#\"|:";
    bool whole = p->kind == PROMPT_FILE ||
                 p->kind == PROMPT_CHOICE; /* their names may have blanks */
    size_t at = whole ? 0 : p->cursor;
    while (!whole && at > 0 && !strchr(borders, p->text.data[at - 1]))
        at--;
    p->word_at = at;
    p->word_len = p->cursor - at;
    buf_clear(&p->word);
    buf_put(&p->word, bytes_of(&p->text) + at, p->word_len);
    p->candidate = 0;
    p->completing = true;
}

static const char *candidate_at(const struct prompt *p, size_t i)
{
    return p->complete(p->user, bytes_of(&p->word), i);
}

static size_t next_candidate(const struct prompt *p, int step)
{
    enum { CANDIDATES_MAX = 100000 }; /* whoever gives them may not come to an end */
    if (step > 0) return candidate_at(p, p->candidate) ? p->candidate + 1 : 0;
    if (p->candidate > 0) return p->candidate - 1;
    size_t count = 0;
    while (count < CANDIDATES_MAX && candidate_at(p, count))
        count++;
    return count;
}

static void show_candidate(struct prompt *p, int step)
{
    if (!p->complete) return;
    if (!p->completing) begin_completion(p);
    p->candidate = next_candidate(p, step);
    const char *shown = p->candidate ? candidate_at(p, p->candidate - 1) : bytes_of(&p->word);
    if (!shown) return;
    size_t rest = p->text.len - p->word_at - p->word_len;
    splice(p, p->word_at, p->word_len, shown, strlen(shown));
    p->word_len = p->text.len - rest - p->word_at;
    p->cursor = p->word_at + p->word_len;
}

static void complete_next(struct prompt *p)
{
    show_candidate(p, 1);
}

static void complete_previous(struct prompt *p)
{
    show_candidate(p, -1);
}

/* ---- entering ---- */

static void remember(struct prompt *p)
{
    struct entered *e = &p->entered[p->kind];
    const char *text = prompt_text(p);
    if (!*text || (e->count > 0 && strcmp(e->lines[e->count - 1], text) == 0)) return;
    char *line = strdup(text);
    if (!line) return; /* the line itself is entered all the same */
    if (e->count == ENTERED_MAX) {
        free(e->lines[0]);
        memmove(e->lines, e->lines + 1, (ENTERED_MAX - 1) * sizeof *e->lines);
        e->count--;
    }
    e->lines[e->count++] = line;
}

static const struct {
    int code;
    void (*act)(struct prompt *p);
} keys[] = {
    {KEY_CODE_LEFT, go_left},
    {CONTROL('b'), go_left},
    {KEY_CODE_RIGHT, go_right},
    {CONTROL('f'), go_right},
    {KEY_CODE_HOME, go_home},
    {CONTROL('a'), go_home},
    {KEY_CODE_END, go_end},
    {CONTROL('e'), go_end},
    {127, delete_left},
    {CONTROL('h'), delete_left},
    {KEY_CODE_DELETE, delete_right},
    {CONTROL('d'), delete_right},
    {CONTROL('w'), kill_word},
    {CONTROL('u'), kill_left},
    {CONTROL('k'), kill_right},
    {CONTROL('y'), yank},
    {KEY_CODE_UP, recall_older},
    {CONTROL('p'), recall_older},
    {KEY_CODE_DOWN, recall_newer},
    {CONTROL('n'), recall_newer},
    {'\t', complete_next},
    {KEY_CODE_BACKTAB, complete_previous},
};

void prompt_begin(struct prompt *p, enum prompt_kind kind, const char *title, const char *text,
                  const char *(*complete)(void *user, const char *prefix, size_t i), void *user)
{
    p->kind = kind;
    p->complete = complete;
    p->user = user;
    p->completing = false;
    p->joiner = 0;
    p->recalled = p->entered[kind].count;
    buf_clear(&p->fault);
    buf_clear(&p->title);
    buf_puts(&p->title, title);
    buf_clear(&p->text);
    set_text(p, text, strlen(text));
}

static void press(struct prompt *p, int code)
{
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (keys[i].code == code) {
            p->completing = p->completing && (code == '\t' || code == KEY_CODE_BACKTAB);
            p->joiner = 0;
            keys[i].act(p);
            return;
        }
    p->completing = false;
    if (code >= ' ' && code < KEY_CODE_FIRST) type(p, code);
}

enum prompt_answer prompt_key(struct prompt *p, int code, bool pasted)
{
    buf_clear(&p->fault);
    if (pasted) {
        bool blank = code == '\n' || code == '\r' || code == '\t';
        press(p, blank ? ' ' : code < ' ' || code == 127 || code >= KEY_CODE_FIRST ? 0 : code);
        return PROMPT_GOES_ON;
    }
    switch (code) {
    case '\r':
    case '\n': remember(p); return PROMPT_DONE;
    case 27: /* escape */
    case CONTROL('g'): return PROMPT_CANCELED;
    default: press(p, code); return PROMPT_GOES_ON;
    }
}

const char *prompt_text(const struct prompt *p)
{
    return bytes_of(&p->text);
}

void prompt_fault(struct prompt *p, size_t at, const char *message)
{
    buf_clear(&p->fault);
    p->fault_at = at;
    if (!message) return;
    buf_putc(&p->fault, ' '); /* between the line and it */
    text_clean(&p->fault, message, strlen(message), TEXT_ONE_LINE);
}

/* ---- drawing ---- */

/* The byte that is drawn first so that the cursor is seen in room columns. A line that is too long
 * moves by halves of the room: it stands still while the cursor moves within. */
static size_t scrolled(const struct prompt *p, size_t room)
{
    size_t left = text_width(bytes_of(&p->text), p->cursor);
    size_t usable = room > 2 ? room - 2 : 1, half = usable > 1 ? usable / 2 : 1;
    if (left <= usable) return 0;
    size_t skip = (left - usable + half - 1) / half * half;
    return text_fit(p->text.data, p->text.len, skip, NULL);
}

static void draw_fault(const struct prompt *p, struct screen *s, const struct theme *t, int row,
                       int column, int text_columns, int columns, size_t first)
{
    const struct style *style = &t->styles[THEME_ALERT];
    size_t at = p->fault_at < p->text.len ? p->fault_at : p->text.len;
    if (at >= first) {
        int before_it = (int)text_width(bytes_of(&p->text) + first, at - first);
        size_t len = after(p, at) - at;
        int wide = len ? (int)text_width(bytes_of(&p->text) + at, len) : 1;
        if (before_it + wide <= text_columns)
            screen_put(s, row, column + before_it, wide, bytes_of(&p->text) + at, len, style, NULL);
    }
    screen_put(s, row, column + text_columns, columns - text_columns, p->fault.data, p->fault.len,
               style, NULL);
}

void prompt_draw(struct prompt *p, struct screen *s, const struct theme *t, int row, int columns)
{
    const struct style *style = &t->styles[THEME_PROMPT];
    int title = (int)text_width(bytes_of(&p->title), p->title.len);
    if (title > columns / 2) title = columns / 2;
    if (title > 0) screen_put(s, row, 0, title, p->title.data, p->title.len, style, NULL);

    int room = columns - title, message = 0;
    if (room <= 0) return;
    if (p->fault.len) message = (int)text_width(p->fault.data, p->fault.len);
    if (message > room / 2) message = room / 2;
    int text_columns = room - message;
    size_t first = scrolled(p, (size_t)text_columns);
    screen_put(s, row, title, text_columns, bytes_of(&p->text) + first, p->text.len - first,
               &t->styles[THEME_TEXT], NULL);
    if (p->fault.len) draw_fault(p, s, t, row, title, text_columns, room, first);
    int cursor = (int)text_width(bytes_of(&p->text) + first, p->cursor - first);
    screen_cursor(s, row, title + (cursor < text_columns ? cursor : text_columns - 1));
}
