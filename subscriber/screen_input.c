#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/date.h"
#include "common/text.h"
#include "subscriber/screen_parts.h"

#define key_name curses_key_name /* keys.h has a function of that name */
#include <ncurses.h>
#undef key_name

#define ESCAPE_MS    25   /* a lone Escape is one that nothing follows for so long */
#define TWICE_MS     400  /* between the clicks of a double click */
#define PASTE_END_MS 1000 /* a paste is over, too, when nothing came for so long */

/* Keys of our own among those of ncurses. */
enum { PASTE_BEGIN = KEY_MAX + 1, PASTE_END, MOUSE, OLD_MOUSE };

#define REPORT_MAX 24 /* "BUTTON;COLUMN;ROW" and M, or m when it is let go */

struct screen_input {
    WINDOW *pad; /* reading from a pad draws nothing */
    char bytes[4];
    size_t count; /* of an unfinished character */
    bool pasting;
    int64_t pasted_ms; /* the last character */
    int report;        /* of the mouse, under way: MOUSE or OLD_MOUSE */
    char report_bytes[REPORT_MAX];
    size_t report_count;
    int64_t clicked_ms;
    int clicked_row, clicked_column;
};

/* What terminals send that are not in the mode their terminfo entry is about, too. */
static const struct {
    const char *sequence;
    int key;
} sequences[] = {
    {"\033[200~", PASTE_BEGIN}, {"\033[201~", PASTE_END}, {"\033[A", KEY_UP},
    {"\033OA", KEY_UP},         {"\033[B", KEY_DOWN},     {"\033OB", KEY_DOWN},
    {"\033[C", KEY_RIGHT},      {"\033OC", KEY_RIGHT},    {"\033[D", KEY_LEFT},
    {"\033OD", KEY_LEFT},       {"\033[H", KEY_HOME},     {"\033OH", KEY_HOME},
    {"\033[1~", KEY_HOME},      {"\033[F", KEY_END},      {"\033OF", KEY_END},
    {"\033[4~", KEY_END},       {"\033[Z", KEY_BTAB},
};

static const struct {
    int curses, code;
} keys[] = {
    {KEY_UP, KEY_CODE_UP},
    {KEY_DOWN, KEY_CODE_DOWN},
    {KEY_LEFT, KEY_CODE_LEFT},
    {KEY_RIGHT, KEY_CODE_RIGHT},
    {KEY_HOME, KEY_CODE_HOME},
    {KEY_END, KEY_CODE_END},
    {KEY_PPAGE, KEY_CODE_PAGE_UP},
    {KEY_NPAGE, KEY_CODE_PAGE_DOWN},
    {KEY_IC, KEY_CODE_INSERT},
    {KEY_DC, KEY_CODE_DELETE},
    {KEY_BTAB, KEY_CODE_BACKTAB},
    {KEY_BACKSPACE, 127},
    {KEY_ENTER, '\r'},
};

struct screen_input *input_new(bool mouse)
{
    struct screen_input *in = calloc(1, sizeof *in);
    if (!in) return NULL;
    in->pad = newpad(1, 1);
    if (!in->pad) {
        free(in);
        return NULL;
    }
    (void)meta(in->pad, TRUE); /* eight bits a byte */
    (void)set_escdelay(ESCAPE_MS);
    (void)keypad(in->pad, TRUE);
    (void)nodelay(in->pad, TRUE);
    for (size_t i = 0; i < sizeof sequences / sizeof *sequences; i++)
        (void)define_key(sequences[i].sequence, sequences[i].key);
    if (mouse) {
        (void)define_key("\033[<", MOUSE);
        (void)define_key("\033[M", OLD_MOUSE);
    }
    return in;
}

void input_free(struct screen_input *in)
{
    if (!in) return;
    (void)delwin(in->pad);
    free(in);
}

/* ---------------------------------------------------------------------------------------- Mouse */

/* Reports are read here and not by ncurses, which waits for what may become a double click, and of
 * several that come at once it makes one. */

static bool take_click(struct screen_input *in, struct screen_event *out)
{
    int64_t now_ms = date_mono_ms();
    out->type = SCREEN_CLICK;
    out->twice = out->row == in->clicked_row && out->column == in->clicked_column &&
                 in->clicked_ms > 0 && now_ms - in->clicked_ms <= TWICE_MS;
    in->clicked_ms = out->twice ? 0 : now_ms; /* the third is a first again */
    in->clicked_row = out->row;
    in->clicked_column = out->column;
    return true;
}

static bool take_button(struct screen_input *in, int button, struct screen_event *out)
{
    enum { LEFT = 0, MODIFIERS = 4 + 8 + 16, WHEEL_UP = 64, WHEEL_DOWN = 65 };
    if (out->row >= LINES || out->column >= COLS) return false;
    button &= ~MODIFIERS;
    if (button == LEFT) return take_click(in, out);
    if (button != WHEEL_UP && button != WHEEL_DOWN) return false;
    out->type = SCREEN_WHEEL;
    out->steps = button == WHEEL_UP ? -1 : 1;
    return true;
}

/* Three bytes: the button, the column, the row, each from 32 on, and the places from 33. */
static bool take_old_report(struct screen_input *in, struct screen_event *out)
{
    const unsigned char *bytes = (const unsigned char *)in->report_bytes;
    if (in->report_count < 3) return false;
    in->report = 0;
    if (bytes[0] < 32 || bytes[1] < 33 || bytes[2] < 33) return false;
    out->column = bytes[1] - 33;
    out->row = bytes[2] - 33;
    return take_button(in, bytes[0] - 32, out);
}

static bool take_new_report(struct screen_input *in, struct screen_event *out)
{
    int button, column, row;
    char final = in->report_bytes[in->report_count - 1];
    bool goes_on = (final >= '0' && final <= '9') || final == ';';
    if (goes_on && in->report_count + 1 < REPORT_MAX) return false;
    in->report = 0;
    in->report_bytes[in->report_count] = '\0';
    if (sscanf(in->report_bytes, "%5d;%5d;%5d", &button, &column, &row) != 3 || final != 'M' ||
        column < 1 || row < 1)
        return false;
    out->column = column - 1;
    out->row = row - 1;
    return take_button(in, button, out);
}

static bool take_report_byte(struct screen_input *in, int byte, struct screen_event *out)
{
    in->report_bytes[in->report_count++] = (char)byte;
    return in->report == MOUSE ? take_new_report(in, out) : take_old_report(in, out);
}

/* ----------------------------------------------------------------------------------------- Keys */

/* Not a character. */
static bool take_key(struct screen_input *in, int key, struct screen_event *out)
{
    in->count = 0; /* what is not finished by now will not be */
    in->report = 0;
    if (key == PASTE_BEGIN || key == PASTE_END) {
        in->pasting = key == PASTE_BEGIN;
        in->pasted_ms = date_mono_ms();
        return false;
    }
    if (in->pasting) return false; /* what looks like a key in a pasted text is none */
    if (key == MOUSE || key == OLD_MOUSE) {
        in->report = key;
        in->report_count = 0;
        return false;
    }
    out->type = SCREEN_KEY;
    if (key >= KEY_F(1) && key <= KEY_F(12)) {
        out->code = KEY_CODE_F1 + key - KEY_F(1);
        return true;
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (keys[i].curses == key) {
            out->code = keys[i].code;
            return true;
        }
    return false;
}

static bool take_character(struct screen_input *in, uint32_t code_point, struct screen_event *out)
{
    int64_t now_ms = date_mono_ms();
    if (in->pasting && now_ms - in->pasted_ms > PASTE_END_MS) in->pasting = false;
    in->pasted_ms = now_ms;
    out->type = in->pasting ? SCREEN_PASTE : SCREEN_KEY;
    out->code = code_point == '\b' ? 127 : (int)code_point;
    return true;
}

/* The bytes so far begin a character that needs more of them. */
static bool is_unfinished(const struct screen_input *in)
{
    uint32_t code_point;
    unsigned char lead = (unsigned char)in->bytes[0];
    size_t needs = lead < 0xC2 || lead > 0xF4 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    return in->count < needs && text_decode(in->bytes, in->count, &code_point) == in->count;
}

/* A byte of UTF-8. One that is not shows as U+FFFD; a character that breaks off is dropped. */
static bool take_byte(struct screen_input *in, int byte, struct screen_event *out)
{
    uint32_t code_point;
    in->bytes[in->count++] = (char)byte;
    if (is_unfinished(in)) return false;
    if (text_decode(in->bytes, in->count, &code_point) < in->count) {
        in->count = 0;
        return take_byte(in, byte, out);
    }
    in->count = 0;
    return take_character(in, code_point, out);
}

/* Also when reading fails for ever: EIO comes to a process in the background of a dead session. */
static bool is_gone(int why)
{
    struct pollfd line = {.fd = STDIN_FILENO, .events = POLLIN};
    if (why == EIO) return true;
    return poll(&line, 1, 0) == 1 && line.revents & (POLLHUP | POLLERR | POLLNVAL);
}

bool input_event(struct screen_input *in, struct screen_event *out, bool *gone)
{
    *gone = false;
    for (;;) {
        struct screen_event event = {0};
        errno = 0;
        int key = wgetch(in->pad);
        if (key == ERR) {
            *gone = is_gone(errno);
            return false;
        }
        bool any = key > 0xFF   ? take_key(in, key, &event)
                   : in->report ? take_report_byte(in, key, &event)
                                : take_byte(in, key, &event);
        if (any) {
            *out = event;
            return true;
        }
    }
}
