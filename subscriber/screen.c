#include "subscriber/screen.h"

#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <wchar.h>

#include "common/buf.h"
#include "common/text.h"
#include "subscriber/screen_parts.h"

#define key_name curses_key_name /* keys.h has a function of that name */
#include <ncurses.h>
#undef key_name
#include <term.h>
#undef columns /* term.h makes a macro of the name of each capability */

#define CELLS_MAX     1024  /* rows or columns; what a larger terminal has beyond stays empty */
#define CLIPBOARD_MAX 74994 /* bytes: with all around them the 100 000 that xterm takes */
#define REPLACEMENT   L'\xFFFD'
#define PASTE_ON      "\033[?2004h"
#define PASTE_OFF     "\033[?2004l"
#define MOUSE_ON      "\033[?1000h\033[?1006h" /* buttons and the wheel, in decimal */
#define MOUSE_OFF     "\033[?1006l\033[?1000l"

struct screen {
    SCREEN *curses;
    FILE *output; /* where ncurses writes: a file in memory */
    struct screen_input *input;
    struct buf ending; /* what gives the terminal back */
    bool colour;
    bool like_xterm; /* knows bracketed paste and OSC 52 */
    bool mouse;
    int cursor_row, cursor_column;
    cchar_t cells[CELLS_MAX]; /* of the text that is being put */
};

/* ----------------------------------------------------------------------------- What TERM names */

bool screen_possible(struct news_error *err)
{
    const char *name = getenv("TERM");
    int found;
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return news_fail(err, NEWS_ERR_UNSUPPORTED,
                         "the full screen needs a terminal for input and output");
    if (!name || !*name)
        return news_fail(err, NEWS_ERR_UNSUPPORTED, "the full screen needs TERM, which is not set");
    if (setupterm(name, STDOUT_FILENO, &found) != OK)
        return news_fail(err, NEWS_ERR_UNSUPPORTED,
                         found < 0 ? "TERM=%s: no terminfo database is installed"
                                   : "TERM=%s is a terminal that terminfo does not know, or a "
                                     "generic one: no full screen",
                         name);
    bool able = cursor_address && clear_screen && !hard_copy;
    (void)del_curterm(cur_term);
    return able || news_fail(err, NEWS_ERR_UNSUPPORTED,
                             "TERM=%s cannot place its cursor: no full screen", name);
}

/* What tigetstr() gives, which says no in two ways. */
static bool is_string(const char *capability)
{
    return capability && capability != (const char *)-1;
}

static bool is_like_xterm(void)
{
    static const char *const families[] = {"xterm", "tmux",    "screen",    "rxvt", "foot",
                                           "vte",   "konsole", "alacritty", "st-",  "wezterm"};
    static char enable_paste[] = "BE";
    if (is_string(tigetstr(enable_paste))) return true;
    const char *name = getenv("TERM");
    for (size_t i = 0; name && i < sizeof families / sizeof *families; i++)
        if (strncmp(name, families[i], strlen(families[i])) == 0) return true;
    return false;
}

/* Characters alone: numbers stay those of C, which files and protocols are written in. */
static bool use_utf8(struct news_error *err)
{
    if (setlocale(LC_CTYPE, "") && strcmp(nl_langinfo(CODESET), "UTF-8") == 0) return true;
    return setlocale(LC_CTYPE, "C.UTF-8") ||
           news_fail(err, NEWS_ERR_UNSUPPORTED,
                     "the full screen needs a UTF-8 locale: neither LANG nor C.UTF-8 gives one");
}

/* ------------------------------------------------------------------------------ What was written
 */

/* Moves what ncurses wrote since the last call behind the bytes of out. */
static void take_output(struct screen *s, struct buf *out)
{
    int fd = fileno(s->output);
    off_t written = lseek(fd, 0, SEEK_CUR);
    if (written <= 0) return;
    size_t len = (size_t)written;
    char *room = buf_reserve(out, len);
    if (room && pread(fd, room, len, 0) == written) out->len += len;
    (void)lseek(fd, 0, SEEK_SET);
}

/* What ncurses does not know of, or not as we need it. */
static void put_modes(const struct screen *s, struct buf *out, bool on)
{
    if (s->like_xterm) buf_puts(out, on ? PASTE_ON : PASTE_OFF);
    if (s->mouse) buf_puts(out, on ? MOUSE_ON : MOUSE_OFF);
}

static void send_output(struct screen *s)
{
    struct buf bytes = {0};
    take_output(s, &bytes);
    tty_send(bytes.data, bytes.len);
    buf_deinit(&bytes);
}

/* ----------------------------------------------------------------------------------- Open, close
 */

/* ncurses would handle these, and ignore SIGTSTP for as long as it draws, which loses one that
 * waits to be read. It leaves alone whoever has a handler. */
static const int signals_of_ncurses[] = {SIGINT, SIGTERM, SIGTSTP, SIGWINCH};
#define SIGNALS (sizeof signals_of_ncurses / sizeof *signals_of_ncurses)

static void on_nothing(int number)
{
    (void)number;
}

static SCREEN *open_curses(FILE *output)
{
    const struct sigaction nothing = {.sa_handler = on_nothing};
    struct sigaction ours[SIGNALS];
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    for (size_t i = 0; i < SIGNALS; i++)
        (void)sigaction(signals_of_ncurses[i], &nothing, &ours[i]);
    use_env(FALSE); /* the terminal knows its size better than LINES and COLUMNS */
    SCREEN *curses = newterm(NULL, output, stdin);
    for (size_t i = 0; i < SIGNALS; i++)
        (void)sigaction(signals_of_ncurses[i], &ours[i], NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return curses;
}

static bool start_curses(struct screen *s, const struct screen_options *o, struct news_error *err)
{
    int fd = memfd_create("screen", MFD_CLOEXEC);
    s->output = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!s->output) {
        if (fd >= 0) close(fd);
        return news_fail(err, NEWS_ERR_IO, "screen: no file in memory");
    }
    s->curses = open_curses(s->output);
    if (!s->curses)
        return news_fail(err, NEWS_ERR_UNSUPPORTED, "screen: TERM=%s is refused", getenv("TERM"));
    nonl();        /* nobody translates our line feeds */
    typeahead(-1); /* a frame that was begun is finished */
    s->colour = o->colour && has_colors() && start_color() == OK;
    if (s->colour) (void)use_default_colors();
    s->like_xterm = is_like_xterm();
    s->cursor_row = -1;
    static char mouse_key[] = "kmous";
    s->mouse = o->mouse && is_string(tigetstr(mouse_key));
    s->input = input_new(s->mouse);
    return s->input || news_fail(err, NEWS_ERR_MEMORY, "screen: out of memory");
}

static struct buf *tputs_into;

static int put_byte(int byte)
{
    buf_putc(tputs_into, (char)byte);
    return byte;
}

/* What ends the screen is learnt by ending it before the terminal has seen any of it: it must be at
 * hand when the process crashes. Starting again then is what suspending needs anyway, and takes
 * the terminal's true size, which newterm() did not know. */
static bool rehearse(struct screen *s, struct news_error *err)
{
    (void)doupdate();
    take_output(s, &s->ending);
    buf_clear(&s->ending);
    put_modes(s, &s->ending, false);
    tputs_into = &s->ending;
    if (exit_attribute_mode) (void)tputs(exit_attribute_mode, 1, put_byte);
    (void)endwin();
    take_output(s, &s->ending);
    return buf_ok(&s->ending) || news_fail(err, NEWS_ERR_MEMORY, "screen: out of memory");
}

struct screen *screen_open(const struct screen_options *o, struct news_error *err)
{
    if (!use_utf8(err)) return NULL;
    struct screen *s = calloc(1, sizeof *s);
    if (!s) {
        news_fail(err, NEWS_ERR_MEMORY, "screen: out of memory");
        return NULL;
    }
    if (!tty_open(err) || !start_curses(s, o, err) || !rehearse(s, err)) {
        screen_close(s);
        return NULL;
    }
    screen_resume(s);
    return s;
}

void screen_close(struct screen *s)
{
    if (!s) return;
    if (tty_is_taken()) screen_suspend(s);
    input_free(s->input);
    if (s->curses) delscreen(s->curses);
    if (s->output) (void)fclose(s->output);
    tty_close();
    buf_deinit(&s->ending);
    free(s);
}

int screen_fd(const struct screen *s)
{
    (void)s;
    return STDIN_FILENO;
}

int screen_rows(const struct screen *s)
{
    (void)s;
    return LINES;
}

int screen_columns(const struct screen *s)
{
    (void)s;
    return COLS;
}

bool screen_has_colour(const struct screen *s)
{
    return s->colour;
}

/* ---------------------------------------------------------------------------------------- Looks */

static const struct {
    unsigned style;
    attr_t curses;
} attributes[] = {
    {STYLE_BOLD, A_BOLD},       {STYLE_DIM, A_DIM},
    {STYLE_ITALIC, A_ITALIC},   {STYLE_UNDERLINE, A_UNDERLINE},
    {STYLE_REVERSE, A_REVERSE}, {STYLE_STRIKE, A_DIM}, /* ncurses strikes nothing out */
    {STYLE_BLINK, A_BLINK},
};

enum { BRIGHT = 8, CUBE = 16, GREYS = 232, GREY_STEPS = 24 };

/* One of the 256 in the 16 that every terminal names. */
static int nearest_named(int colour)
{
    static const int greys[] = {0, 8, 7, 15}, levels[] = {0, 95, 135, 175, 215, 255};
    if (colour < CUBE) return colour;
    if (colour >= GREYS) return greys[(colour - GREYS) * 4 / GREY_STEPS];
    int red = levels[(colour - CUBE) / 36], green = levels[(colour - CUBE) / 6 % 6],
        blue = levels[(colour - CUBE) % 6];
    int most = red > green ? red : green;
    if (blue > most) most = blue;
    if (most == 0) return 0;
    int named = (2 * red > most) | (2 * green > most) << 1 | (2 * blue > most) << 2;
    return most > 200 ? named + BRIGHT : named;
}

/* The colour as this terminal has it; *bright: it is one of 8 and should be brighter. */
static int available(int colour, bool *bright)
{
    *bright = false;
    if (colour < 0 || colour < COLORS) return colour;
    colour = nearest_named(colour);
    if (colour < COLORS) return colour;
    *bright = true;
    return colour - BRIGHT;
}

struct look {
    attr_t attributes;
    int pair;
};

static struct look look_of(const struct screen *s, const struct style *style,
                           const struct style *over)
{
    static const struct style nothing = {STYLE_DEFAULT, STYLE_DEFAULT, 0, 0};
    if (!over) over = &nothing;
    unsigned wanted = s->colour ? style->attributes | over->attributes : style->plain | over->plain;
    struct look look = {0};
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
        if (wanted & attributes[i].style) look.attributes |= attributes[i].curses;
    if (!s->colour) return look;

    bool bright, ignored;
    int foreground = style->foreground >= 0 ? style->foreground : over->foreground;
    int background = over->background >= 0 ? over->background : style->background;
    foreground = available(foreground, &bright);
    background = available(background, &ignored);
    if (bright && foreground == COLOR_BLACK) { /* bold black would be black on many */
        foreground = COLOR_WHITE;
        look.attributes |= A_DIM;
    } else if (bright) {
        look.attributes |= A_BOLD;
    }
    if (foreground >= 0 || background >= 0) look.pair = alloc_pair(foreground, background);
    if (look.pair < 0) look.pair = 0;
    return look;
}

/* -------------------------------------------------------------------------------------- Drawing */

/* One cell to be: a character and the marks on it. */
struct glyph {
    wchar_t characters[CCHARW_MAX + 1]; /* ends with 0 */
    size_t count;
};

/* Cells of a text, from left to right. */
struct cells {
    cchar_t *at;
    size_t count;
    size_t columns; /* a wide character takes two */
    struct look look;
    struct glyph glyph; /* the last one, that may still get marks */
};

static void end_glyph(struct cells *c)
{
    if (c->glyph.count == 0) return;
    c->glyph.characters[c->glyph.count] = 0;
    (void)setcchar(&c->at[c->count++], c->glyph.characters, c->look.attributes, 0, &c->look.pair);
    c->glyph.count = 0;
}

static void begin_glyph(struct cells *c, wchar_t character, size_t width)
{
    end_glyph(c);
    c->glyph.characters[0] = character;
    c->glyph.count = 1;
    c->columns += width;
}

static void put_blanks(struct cells *c, size_t columns)
{
    for (size_t i = 0; i < columns; i++)
        begin_glyph(c, L' ', 1);
}

/* A mark that makes a picture of a character, or one of two: terminals do not agree on the columns
 * that leaves, while on those of the characters by themselves they do. */
static bool is_disputed(uint32_t mark)
{
    enum { ZWJ = 0x200D, TEXT_SELECTOR = 0xFE0E, PICTURE_SELECTOR = 0xFE0F };
    return mark == ZWJ || mark == TEXT_SELECTOR || mark == PICTURE_SELECTOR;
}

static void put_mark(struct cells *c, uint32_t mark)
{
    struct glyph *g = &c->glyph;
    if (g->count == 0 || g->count == CCHARW_MAX || is_disputed(mark)) return;
    if (wcwidth((wchar_t)mark) == 0) g->characters[g->count++] = (wchar_t)mark;
}

/* Colours the emoji before it where terminals know that, in its cells; others show a square. */
static bool is_skin_tone(uint32_t code_point)
{
    return code_point >= 0x1F3FB && code_point <= 0x1F3FF;
}

static void put_character(struct cells *c, uint32_t code_point, size_t width)
{
    if (width == 0) {
        put_mark(c, code_point);
    } else if (is_skin_tone(code_point)) {
        put_blanks(c, width);
    } else if (wcwidth((wchar_t)code_point) == (int)width) {
        begin_glyph(c, (wchar_t)code_point, width);
    } else { /* ncurses would count otherwise than we */
        begin_glyph(c, REPLACEMENT, 1);
        put_blanks(c, width - 1);
    }
}

void screen_erase(struct screen *s)
{
    (void)s;
    (void)werase(stdscr);
}

void screen_put(struct screen *s, int row, int column, int columns, const char *text, size_t len,
                const struct style *style, const struct style *over)
{
    if (row < 0 || row >= LINES || column < 0 || column >= COLS) return;
    if (columns > COLS - column) columns = COLS - column;
    if (columns <= 0) return;
    size_t room = (size_t)columns;
    size_t fits = text_fit(text, len, room, NULL);
    struct cells c = {.at = s->cells, .look = look_of(s, style, over)};
    for (size_t at = 0; at < fits;) {
        uint32_t code_point;
        size_t step = text_decode(text + at, fits - at, &code_point);
        put_character(&c, code_point, text_width(text + at, step));
        at += step;
    }
    put_blanks(&c, room - c.columns);
    end_glyph(&c);
    (void)mvwadd_wchnstr(stdscr, row, column, c.at, (int)c.count);
}

void screen_line_down(struct screen *s, int row, int column, int rows, const struct style *style)
{
    for (int i = 0; i < rows; i++)
        screen_put(s, row + i, column, 1, "\xE2\x94\x82", 3, style, NULL);
}

void screen_cursor(struct screen *s, int row, int column)
{
    s->cursor_row = row;
    s->cursor_column = column;
}

bool screen_ready(struct screen *s)
{
    (void)s;
    return tty_ready();
}

bool screen_waits(const struct screen *s)
{
    (void)s;
    return tty_waits();
}

void screen_show(struct screen *s)
{
    if (!tty_ready()) return; /* the next one will have it */
    bool visible = s->cursor_row >= 0 && s->cursor_row < LINES && s->cursor_column >= 0 &&
                   s->cursor_column < COLS;
    (void)curs_set(visible);
    (void)leaveok(stdscr, !visible);
    if (visible) (void)wmove(stdscr, s->cursor_row, s->cursor_column);
    (void)wnoutrefresh(stdscr);
    (void)doupdate();
    send_output(s);
    (void)tty_flush();
}

void screen_redraw(struct screen *s)
{
    (void)s;
    (void)clearok(curscr, TRUE);
}

/* ---------------------------------------------------------------------------------------- Input */

bool screen_event(struct screen *s, struct screen_event *out, bool *gone)
{
    bool any = input_event(s->input, out, gone);
    send_output(s);
    (void)tty_flush();
    *gone = *gone || tty_is_gone();
    return any;
}

/* --------------------------------------------------------------------- The terminal's other lives
 */

static int at_most(int value, int limit)
{
    return value < limit ? value : limit;
}

void screen_resized(struct screen *s)
{
    int rows, columns;
    if (!tty_size(&rows, &columns)) return;
    (void)resizeterm(at_most(rows, CELLS_MAX), at_most(columns, CELLS_MAX));
    screen_redraw(s); /* terminals wrap what they have in ways of their own */
}

void screen_suspend(struct screen *s)
{
    struct buf bytes = {0};
    put_modes(s, &bytes, false);
    (void)endwin();
    take_output(s, &bytes);
    tty_send(bytes.data, bytes.len);
    buf_deinit(&bytes);
    tty_give_back();
}

/* Takes out a sequence that ncurses writes when it goes on: it resets the colours that the user has
 * given the terminal. */
static void drop_palette_reset(struct buf *bytes)
{
    static char name[] = "oc";
    const char *reset = tigetstr(name);
    if (!is_string(reset) || bytes->len == 0) return;
    size_t len = strlen(reset);
    char *at = memmem(bytes->data, bytes->len, reset, len);
    if (!at) return;
    memmove(at, at + len, (size_t)(bytes->data + bytes->len - at) - len);
    buf_truncate(bytes, bytes->len - len);
}

void screen_resume(struct screen *s)
{
    struct buf bytes = {0};
    tty_take(s->ending.data, s->ending.len);
    screen_resized(s);
    (void)doupdate();
    take_output(s, &bytes);
    drop_palette_reset(&bytes);
    put_modes(s, &bytes, true);
    tty_send(bytes.data, bytes.len);
    buf_deinit(&bytes);
    (void)tty_flush();
}

void screen_stop(struct screen *s)
{
    const struct sigaction stop = {.sa_handler = SIG_DFL};
    struct sigaction action;
    sigset_t only, before;
    sigemptyset(&only);
    sigaddset(&only, SIGTSTP);
    screen_suspend(s);
    (void)sigaction(SIGTSTP, &stop, &action);
    (void)kill(getpid(), SIGTSTP);
    (void)pthread_sigmask(SIG_UNBLOCK, &only, &before); /* here it stops, and here it goes on */
    (void)pthread_sigmask(SIG_BLOCK, &only, NULL);
    (void)sigaction(SIGTSTP, &action, NULL);
    screen_resume(s);
}

void screen_bell(struct screen *s)
{
    (void)s;
    if (!tty_ready()) return;
    tty_send("\a", 1);
    (void)tty_flush();
}

/* Appends bytes in base64. */
static void put_base64(struct buf *out, const char *bytes, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t at = 0; at < len; at += 3) {
        size_t have = len - at < 3 ? len - at : 3;
        unsigned group = 0;
        for (size_t i = 0; i < 3; i++)
            group = group << 8 | (i < have ? (unsigned char)bytes[at + i] : 0);
        for (size_t i = 0; i < 4; i++)
            buf_putc(out, i <= have ? digits[group >> (18 - 6 * i) & 63] : '=');
    }
}

void screen_clipboard(struct screen *s, const char *text, size_t len)
{
    if (!s->like_xterm || len > CLIPBOARD_MAX || !tty_ready()) return;
    struct buf sequence = {0};
    buf_puts(&sequence, "\033]52;c;");
    put_base64(&sequence, text, len);
    buf_putc(&sequence, '\a');
    if (buf_ok(&sequence)) tty_send(sequence.data, sequence.len);
    buf_deinit(&sequence);
    (void)tty_flush();
}
