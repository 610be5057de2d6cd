#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs what is above */
#include <cmocka.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/text.h"
#include "subscriber/screen.h"
#include "tests/support/tmpdir.h"
#include "tests/support/vt.h"
#include "tests/support/wait.h"

/* This program is its own child: with an argument it plays that scene, on a terminal that the test
 * looks at. */

static const struct style plain = {STYLE_DEFAULT, STYLE_DEFAULT, 0, 0};

/* ---------------------------------------------------------------------------------- The scenes */

static struct screen *open_screen(bool colour)
{
    const struct screen_options o = {.colour = colour, .mouse = true};
    struct news_error err = {0};
    struct screen *s = screen_open(&o, &err);
    if (!s) {
        fprintf(stderr, "%s\n", err.message);
        exit(2);
    }
    return s;
}

static void put(struct screen *s, int row, int column, int columns, const char *text)
{
    screen_put(s, row, column, columns, text, strlen(text), &plain, NULL);
}

/* Shows the frame, however long the terminal needs to take it. */
static void show(struct screen *s)
{
    struct pollfd room = {.fd = STDOUT_FILENO, .events = POLLOUT};
    while (!screen_ready(s))
        (void)poll(&room, 1, 100);
    screen_show(s);
    while (screen_waits(s)) {
        (void)poll(&room, 1, 100);
        (void)screen_ready(s);
    }
}

static bool is_readable(int fd, int timeout_ms)
{
    struct pollfd in = {.fd = fd, .events = POLLIN};
    return poll(&in, 1, timeout_ms) == 1;
}

static void wait_for_a_key(struct screen *s)
{
    struct screen_event event;
    bool gone = false;
    while (!gone && !(screen_event(s, &event, &gone) && event.type == SCREEN_KEY))
        (void)is_readable(screen_fd(s), -1);
}

static const struct {
    const char *text; /* as it came */
    const char *seen; /* in the ten columns it is put into */
} samples[] = {
    {"budget", "budget    "},
    {"budget passes", "budget pas"},
    {"", "          "},
    {"\u6CD5\u56FD\u5E02\u573A", "\u6CD5\u56FD\u5E02\u573A  "},
    {"a\u6CD5\u56FD\u5E02\u573A\u4E0A", "a\u6CD5\u56FD\u5E02\u573A "}, /* no half of the fifth */
    {"\u0628\u064E\u0631\u0646\u0627\u0645\u062C",
     "\u0628\u064E\u0631\u0646\u0627\u0645\u062C    "},
    {"e\u0301\u0302\u0303\u0304\u0305\u0306x", "e\u0301\u0302\u0303\u0304x        "},
    {"\U0001F600 ok", "\U0001F600 ok     "},
    {"\U0001F468\u200D\U0001F469\u200D\U0001F467!", "\U0001F468\U0001F469\U0001F467!   "},
    {"\U0001F44D\U0001F3FD!", "\U0001F44D  !     "},
    {"\u2764\uFE0F!", "\u2764!        "},
    {"1\uFE0F\u20E3!", "1\u20E3!        "},
    {"\U0001F1EB\U0001F1F7!", NULL}, /* terminals differ in which cell has which letter */
    {"\u1112\u1161\u11AB!", "\u1112\u1161\u11AB!       "},
    {"\u0E19\u0E49\u0E33!", NULL},
    {"\u0915\u094D\u200D\u0937!", "\u0915\u094D\u0937!       "},
    {"\x1b[31mred", "\uFFFD[31mred  "},
    {"\xff\xfe", "\uFFFD\uFFFD        "},
};
#define SAMPLES (sizeof samples / sizeof *samples)

static int scene_samples(void)
{
    struct screen *s = open_screen(true);
    for (size_t i = 0; i < SAMPLES; i++) {
        struct buf clean = {0};
        text_clean(&clean, samples[i].text, strlen(samples[i].text), TEXT_ONE_LINE);
        put(s, (int)i, 1, 1, "[");
        put(s, (int)i, 12, 1, "]");
        screen_put(s, (int)i, 2, 10, clean.data ? clean.data : "", clean.len, &plain, NULL);
        buf_deinit(&clean);
    }
    put(s, 23, 75, 20, "edge\u6CD5\u56FD"); /* cut at the terminal's own edge */
    screen_line_down(s, 0, 60, 3, &plain);
    show(s);
    wait_for_a_key(s);
    screen_close(s);
    return 0;
}

/* Every code point between two letters, a screen full of them at a time. */
static int scene_every_code_point(void)
{
    struct screen *s = open_screen(true);
    struct buf text = {0}, clean = {0};
    int row = 0;
    for (uint32_t code_point = 0; code_point <= 0x10FFFF; code_point++) {
        char bytes[4];
        buf_putc(&text, 'a');
        buf_put(&text, bytes, text_encode(code_point, bytes));
        if (code_point % 24 != 23 && code_point != 0x10FFFF) continue;
        text_clean(&clean, text.data, text.len, TEXT_ONE_LINE);
        screen_put(s, row, 0, 80, clean.data, clean.len, &plain, NULL);
        buf_clear(&text);
        buf_clear(&clean);
        row = (row + 1) % 23;
        if (row == 0) show(s);
    }
    put(s, 23, 0, 80, "that was all");
    show(s);
    buf_deinit(&text);
    buf_deinit(&clean);
    wait_for_a_key(s);
    screen_close(s);
    return 0;
}

/* What should never have come so far. */
static int scene_unclean(void)
{
    struct screen *s = open_screen(true);
    for (int i = 0; i < 32; i++) {
        const char control[] = {'a', (char)i, 'b', '\x7f', '\xC2', (char)(0x80 + i), 'c'};
        screen_put(s, i % 20, i / 20 * 20, 20, control, sizeof control, &plain, NULL);
    }
    put(s, 23, 0, 80, "that was all");
    show(s);
    wait_for_a_key(s);
    screen_close(s);
    return 0;
}

static void describe(const struct screen_event *event, char out[64])
{
    switch (event->type) {
    case SCREEN_KEY: snprintf(out, 64, "key %x.", (unsigned)event->code); break;
    case SCREEN_PASTE: snprintf(out, 64, "paste %x.", (unsigned)event->code); break;
    case SCREEN_WHEEL: snprintf(out, 64, "wheel %d.", event->steps); break;
    case SCREEN_CLICK:
        snprintf(out, 64, "%s %d %d.", event->twice ? "twice" : "click", event->row, event->column);
        break;
    }
}

static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGWINCH);
    sigaddset(&set, SIGTSTP);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* To another program, here to ourselves, until it has a line. */
static void lend(struct screen *s)
{
    char line[16];
    screen_suspend(s);
    (void)!write(STDOUT_FILENO, "lent\n", 5);
    (void)!read(STDIN_FILENO, line, sizeof line);
    screen_resume(s);
}

/* False: the end. */
static bool take_signal(struct screen *s, int signals)
{
    struct signalfd_siginfo info;
    if (read(signals, &info, sizeof info) != sizeof info) return true;
    if (info.ssi_signo == SIGWINCH) screen_resized(s);
    if (info.ssi_signo == SIGTSTP) screen_stop(s);
    return info.ssi_signo != SIGTERM;
}

/* Row 0: the last event; row 1: how many there were; row 2: the size. ! asks for things. */
static int scene_events(void)
{
    int signals = open_signals();
    struct screen *s = open_screen(true);
    bool gone = false, goes_on = true;
    char last[64] = "none.", counted[64];
    for (int count = 0; goes_on && !gone;) {
        struct screen_event event;
        while (screen_event(s, &event, &gone)) {
            describe(&event, last);
            count++;
            if (event.type != SCREEN_KEY) continue;
            if (event.code == 'S') lend(s);
            if (event.code == 'B') screen_bell(s);
            if (event.code == 'C') screen_clipboard(s, "h\u00E9llo", 6);
            if (event.code == 'P') screen_cursor(s, 5, 7);
            if (event.code == 'H') screen_cursor(s, -1, 0);
            if (event.code == 'R') screen_redraw(s);
        }
        screen_erase(s);
        put(s, 0, 0, 40, last);
        snprintf(counted, sizeof counted, "events %d.", count);
        put(s, 1, 0, 40, counted);
        snprintf(counted, sizeof counted, "%d x %d.", screen_rows(s), screen_columns(s));
        put(s, 2, 0, 40, counted);
        put(s, screen_rows(s) - 1, screen_columns(s) - 6, 6, "corner");
        if (screen_ready(s)) screen_show(s);
        struct pollfd fds[] = {{.fd = screen_fd(s), .events = POLLIN},
                               {.fd = signals, .events = POLLIN}};
        if (screen_waits(s)) fds[0].events |= POLLOUT;
        (void)poll(fds, 2, -1);
        if (fds[1].revents) goes_on = take_signal(s, signals);
    }
    screen_close(s);
    return gone ? 9 : 0;
}

static const struct style looks[] = {
    {1, STYLE_DEFAULT, STYLE_BOLD, STYLE_BOLD},
    {STYLE_DEFAULT, 4, STYLE_UNDERLINE | STYLE_ITALIC, STYLE_UNDERLINE},
    {12, STYLE_DEFAULT, 0, STYLE_REVERSE},
    {208, 236, STYLE_BLINK, 0},
    {STYLE_DEFAULT, STYLE_DEFAULT, STYLE_REVERSE, STYLE_REVERSE},
    {2, 3, 0, 0},
    {STYLE_DEFAULT, STYLE_DEFAULT, 0, STYLE_UNDERLINE},
};
static const struct style over_look = {5, 6, STYLE_BOLD, STYLE_REVERSE};
#define LOOKS (sizeof looks / sizeof *looks)

/* Left: each look; right: with the other one laid over. */
static int play_looks(bool colour)
{
    struct screen *s = open_screen(colour);
    for (size_t i = 0; i < LOOKS; i++) {
        screen_put(s, (int)i, 0, 5, "look", 4, &looks[i], NULL);
        screen_put(s, (int)i, 10, 5, "look", 4, &looks[i], &over_look);
    }
    put(s, 23, 0, 80, screen_has_colour(s) ? "coloured" : "colourless");
    show(s);
    wait_for_a_key(s);
    screen_close(s);
    return 0;
}

static int scene_looks(void)
{
    return play_looks(true);
}

static int scene_plain_looks(void)
{
    return play_looks(false);
}

/* Frames that differ in every cell, as fast as they are taken; a word when they are not. */
static int scene_flood(void)
{
    int signals = open_signals();
    struct screen *s = open_screen(true);
    bool was_stuck = false, goes_on = true;
    for (unsigned frame = 0; goes_on; frame++) {
        for (int row = 0; row < screen_rows(s) - 1; row++) {
            char text[80];
            for (size_t i = 0; i < sizeof text; i++)
                text[i] = (char)('a' + (frame + i * 7 + (size_t)row) % 26);
            screen_put(s, row, 0, 80, text, sizeof text, &plain, NULL);
        }
        put(s, screen_rows(s) - 1, 0, 80, was_stuck ? "it goes on" : "it flows");
        bool ready = screen_ready(s);
        if (!ready && !was_stuck) fprintf(stderr, "stuck\n");
        was_stuck = was_stuck || !ready;
        screen_show(s);
        if (is_readable(signals, ready ? 0 : 5)) goes_on = take_signal(s, signals);
    }
    screen_close(s);
    return 7;
}

static int scene_possible(void)
{
    struct news_error err = {0};
    bool can = screen_possible(&err);
    printf("%s\n", can ? "possible" : err.message);
    return can ? 0 : 1;
}

/* ncurses must leave the signals alone. */
static int scene_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGTSTP, SIGWINCH};
    struct screen *s = open_screen(true);
    put(s, 0, 0, 10, "x");
    show(s);
    bool same = true;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction action;
        sigaction(numbers[i], NULL, &action);
        same = same && action.sa_handler == SIG_DFL;
    }
    screen_close(s);
    return same ? 0 : 1;
}

/* Ways to die. */
static void die_of_a_fault(void)
{
    volatile char *forbidden = mmap(NULL, 4096, PROT_NONE,
                                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    *forbidden = 1;
}

static int deeper(volatile int *at, int depth)
{
    volatile char room[4096];
    room[0] = (char)*at;
    int below = *at < 0 ? 0 : deeper(at, depth + 1);
    return below + room[0];
}

static void die_of_a_stack_overflow(void)
{
    volatile int at = 0;
    (void)deeper(&at, 0);
}

static void die_of_kill(void)
{
    (void)kill(getpid(), SIGSEGV);
}

static void die_of_exit(void)
{
    exit(3);
}

static void die_while_lent(void)
{
    abort();
}

static const struct {
    const char *name;
    void (*die)(void);
    int status; /* 0: whatever a sanitizer makes of it, but not that */
} deaths[] = {
    {"fault", die_of_a_fault, 128 + SIGSEGV},
    {"overflow", die_of_a_stack_overflow, 128 + SIGSEGV},
    {"kill", die_of_kill, 128 + SIGSEGV},
    {"abort", abort, 128 + SIGABRT},
    {"exit", die_of_exit, 3},
};
#define DEATHS (sizeof deaths / sizeof *deaths)

static int play_death(const char *name)
{
    struct screen *s = open_screen(true);
    put(s, 0, 0, 40, "alive");
    show(s);
    wait_for_a_key(s);
    for (size_t i = 0; i < DEATHS; i++)
        if (strcmp(deaths[i].name, name) == 0) deaths[i].die();
    screen_suspend(s);
    (void)!write(STDOUT_FILENO, "lent\n", 5);
    die_while_lent();
    return 0;
}

/* A child that ends in its own ways leaves the terminal as it is. */
static int scene_forks(void)
{
    struct screen *s = open_screen(true);
    for (int i = 0; i < 2; i++) {
        pid_t pid = fork();
        if (pid == 0 && i == 0) exit(0);
        if (pid == 0) abort();
        (void)waitpid(pid, NULL, 0);
    }
    put(s, 0, 0, 40, "still here");
    show(s);
    wait_for_a_key(s);
    screen_close(s);
    return 0;
}

static const struct {
    const char *name;
    int (*play)(void);
} scenes[] = {
    {"samples", scene_samples}, {"every", scene_every_code_point},
    {"unclean", scene_unclean}, {"events", scene_events},
    {"looks", scene_looks},     {"plain", scene_plain_looks},
    {"flood", scene_flood},     {"possible", scene_possible},
    {"signals", scene_signals}, {"forks", scene_forks},
};

static int play(const char *name)
{
    for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++)
        if (strcmp(scenes[i].name, name) == 0) return scenes[i].play();
    return play_death(name);
}

/* ----------------------------------------------------------------------------------- The stage */

static struct vt *start_with(const char *scene, const char *const *environment)
{
    const char *const argv[] = {"/proc/self/exe", scene, NULL};
    const struct vt_options o = {
        .argv = argv, .environment = environment, .rows = 24, .columns = 80};
    struct vt *v = vt_start(&o);
    assert_non_null(v);
    return v;
}

static struct vt *start(const char *scene)
{
    return start_with(scene, NULL);
}

static void expect(struct vt *v, const char *text)
{
    if (!vt_expect(v, text, WAIT_MS)) fail_msg("not seen: %s; but:\n%s", text, vt_screen(v));
}

/* A key ends it, and it ends well. */
static void end(struct vt *v)
{
    vt_type(v, "q");
    assert_int_equal(vt_wait_end(v, WAIT_MS), 0);
    assert_false(vt_is_alternate(v));
    vt_free(v);
}

static void terminate(struct vt *v)
{
    vt_signal(v, SIGTERM);
    assert_int_equal(vt_wait_end(v, WAIT_MS), 0);
    vt_free(v);
}

/* ------------------------------------------------------------------------------------- Drawing */

static void text_stands_at_its_columns_whatever_it_is_made_of(void **state)
{
    (void)state;
    struct vt *v = start("samples");
    expect(v, "edge");
    for (size_t i = 0; i < SAMPLES; i++) {
        char row[128];
        assert_string_equal(vt_cell(v, (int)i, 1).text, "[");
        assert_string_equal(vt_cell(v, (int)i, 12).text, "]");
        snprintf(row, sizeof row, " [%s]", samples[i].seen ? samples[i].seen : "");
        if (samples[i].seen && strncmp(vt_row(v, (int)i), row, strlen(row)) != 0)
            fail_msg("sample %zu: \"%s\" and not \"%s\"", i, vt_row(v, (int)i), row);
    }
    end(v);
}

static void nothing_is_drawn_half_at_the_edge_of_the_terminal(void **state)
{
    (void)state;
    struct vt *v = start("samples");
    expect(v, "edge");
    assert_string_equal(vt_cell(v, 23, 78).text, "e");
    assert_string_equal(vt_cell(v, 23, 79).text, "");
    assert_string_equal(vt_cell(v, 1, 60).text, "\u2502");
    end(v);
}

/* Bytes of an escape sequence of ncurses or of ours; 0: it is none of them. */
static size_t own_sequence(const char *at, size_t len)
{
    if (len >= 2 && strchr("=>78M", at[1])) return 2;
    if (len >= 3 && (at[1] == '(' || at[1] == ')') && strchr("B0", at[2])) return 3;
    if (len < 3 || at[1] != '[') return 0;
    size_t i = 2;
    while (i < len && strchr("0123456789;?", at[i]))
        i++;
    return i < len && strchr("@ABCDGHJKLMPSTXbdhlmrt", at[i]) ? i + 1 : 0;
}

static bool may_reach_a_terminal(uint32_t code_point)
{
    static const struct {
        uint32_t first, last;
    } never[] = {
        {0x7F, 0x9F},     {0xAD, 0xAD},     {0x61C, 0x61C},     {0x180E, 0x180E},
        {0x200B, 0x200B}, {0x200E, 0x200F}, {0x2028, 0x202E},   {0x2060, 0x206F},
        {0xE000, 0xF8FF}, {0xFDD0, 0xFDEF}, {0xFE0E, 0xFE0F},   {0xFEFF, 0xFEFF},
        {0xFFF9, 0xFFFB}, {0xFFFE, 0xFFFF}, {0xE0000, 0xE007F}, {0xF0000, 0x10FFFF},
    };
    if (code_point < ' ') return code_point && strchr("\r\n\b\t", (int)code_point);
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (code_point >= never[i].first && code_point <= never[i].last) return false;
    return true;
}

/* Returns how many characters there were. */
static size_t check_bytes(struct vt *v)
{
    size_t len, count = 0;
    const char *bytes = vt_bytes(v, &len);
    for (size_t at = 0; at < len;) {
        uint32_t code_point;
        if (bytes[at] == '\033') {
            size_t sequence = own_sequence(bytes + at, len - at);
            if (!sequence) fail_msg("a foreign sequence: ESC %.10s", bytes + at + 1);
            at += sequence;
            continue;
        }
        at += text_decode(bytes + at, len - at, &code_point);
        if (!may_reach_a_terminal(code_point)) fail_msg("U+%04X was sent", code_point);
        count++;
    }
    return count;
}

static void of_all_code_points_only_clean_ones_reach_the_terminal(void **state)
{
    (void)state;
    struct vt *v = start("every");
    if (!vt_expect(v, "that was all", 5 * WAIT_MS)) fail_msg("%s", vt_screen(v));
    assert_true(check_bytes(v) > 150000);
    end(v);
}

static void a_control_that_was_not_cleaned_away_still_does_nothing(void **state)
{
    (void)state;
    struct vt *v = start("unclean");
    expect(v, "that was all");
    check_bytes(v);
    assert_string_equal(vt_row(v, 19), "ab\uFFFDc"); /* 0x13 and C1 are nothing, DEL is seen */
    end(v);
}

static void looks_are_laid_over_one_another(void **state)
{
    (void)state;
    struct vt *v = start("looks");
    expect(v, "coloured");
    struct vt_cell cell = vt_cell(v, 0, 0);
    assert_int_equal(cell.foreground, 1);
    assert_int_equal(cell.background, VT_DEFAULT);
    assert_true(cell.bold && !cell.reverse);
    cell = vt_cell(v, 1, 4); /* the blank behind the word */
    assert_int_equal(cell.background, 4);
    cell = vt_cell(v, 1, 1);
    assert_true(cell.underline && cell.italic);
    assert_int_equal(vt_cell(v, 2, 0).foreground, 12);
    cell = vt_cell(v, 3, 0);
    assert_int_equal(cell.foreground, 208);
    assert_int_equal(cell.background, 236);
    assert_true(cell.blink);
    assert_true(vt_cell(v, 4, 0).reverse);

    cell = vt_cell(v, 0, 10);
    assert_int_equal(cell.foreground, 1); /* style's own stays */
    assert_int_equal(cell.background, 6); /* the other's wins */
    cell = vt_cell(v, 1, 10);
    assert_int_equal(cell.foreground, 5);
    assert_int_equal(cell.background, 6);
    assert_true(cell.bold && cell.underline && cell.italic);
    end(v);
}

static void eight_colours_are_enough(void **state)
{
    (void)state;
    static const char *const environment[] = {"TERM=xterm", NULL};
    struct vt *v = start_with("looks", environment);
    expect(v, "coloured");
    struct vt_cell cell = vt_cell(v, 2, 0);
    assert_int_equal(cell.foreground, 4); /* bright blue */
    assert_true(cell.bold);
    cell = vt_cell(v, 3, 0);
    assert_int_equal(cell.foreground, 3); /* orange */
    assert_int_equal(cell.background, 0); /* a dark grey */
    cell = vt_cell(v, 5, 0);
    assert_int_equal(cell.foreground, 2);
    assert_false(cell.bold);
    end(v);
}

static void check_colourless(struct vt *v)
{
    expect(v, "colourless");
    for (int row = 0; row < (int)LOOKS; row++) {
        assert_int_equal(vt_cell(v, row, 0).foreground, VT_DEFAULT);
        assert_int_equal(vt_cell(v, row, 0).background, VT_DEFAULT);
        assert_true(vt_cell(v, row, 10).reverse);
    }
    assert_true(vt_cell(v, 0, 0).bold);
    assert_true(vt_cell(v, 2, 0).reverse);
    assert_true(vt_cell(v, 6, 0).underline);
    end(v);
}

static void without_colours_plain_attributes_tell_things_apart(void **state)
{
    (void)state;
    static const char *const environment[] = {"TERM=vt100", NULL};
    check_colourless(start("plain"));
    check_colourless(start_with("looks", environment));
}

static void a_locale_that_is_not_utf8_changes_nothing(void **state)
{
    (void)state;
    static const char *const environment[] = {"LC_ALL=C", NULL};
    struct vt *v = start_with("samples", environment);
    expect(v, "[\u6CD5\u56FD\u5E02\u573A  ]");
    end(v);
}

static void the_cursor_is_where_it_was_put_or_hidden(void **state)
{
    (void)state;
    struct vt *v = start("events");
    int row, column;
    expect(v, "none.");
    assert_false(vt_cursor(v, NULL, NULL));
    vt_type(v, "P");
    expect(v, "key 50.");
    assert_true(vt_cursor(v, &row, &column));
    assert_int_equal(row, 5);
    assert_int_equal(column, 7);
    vt_type(v, "H");
    expect(v, "key 48.");
    assert_false(vt_cursor(v, NULL, NULL));
    terminate(v);
}

static void a_redraw_sends_everything_again(void **state)
{
    (void)state;
    struct vt *v = start("events");
    expect(v, "corner");
    vt_forget_bytes(v);
    vt_type(v, "R");
    expect(v, "key 52.");
    assert_non_null(strstr(vt_bytes(v, NULL), "24 x 80."));
    terminate(v);
}

static void bell_and_clipboard_are_sent(void **state)
{
    (void)state;
    struct vt *v = start("events");
    vt_type(v, "BC");
    expect(v, "events 2.");
    assert_int_equal(vt_bells(v), 1);
    assert_non_null(strstr(vt_bytes(v, NULL), "\033]52;c;aMOpbGxv\a"));
    terminate(v);
}

/* --------------------------------------------------------------------------------------- Input */

struct typed {
    const char *key;   /* by name, or */
    const char *bytes; /* as it is sent */
    int code;
};

static const struct typed typed[] = {
    {.bytes = "a", .code = 'a'},
    {.bytes = "\001", .code = 1},
    {.bytes = "\021", .code = 021}, /* Ctrl-Q */
    {.bytes = "\023", .code = 023}, /* Ctrl-S stops no output */
    {.bytes = "\026", .code = 026}, /* Ctrl-V quotes nothing */
    {.bytes = "\r", .code = '\r'},
    {.bytes = "\n", .code = '\n'}, /* Ctrl-J is not Enter */
    {.bytes = "\t", .code = '\t'},
    {.bytes = "\b", .code = 127},
    {.bytes = "\177", .code = 127},
    {.bytes = "\033", .code = 27},
    {.bytes = "\u00E4", .code = 0xE4},
    {.bytes = "\u6CD5", .code = 0x6CD5},
    {.bytes = "\U0001F600", .code = 0x1F600},
    {.bytes = "\xff", .code = 0xFFFD},
    {.bytes = "\033[A", .code = KEY_CODE_UP},
    {.bytes = "\033OA", .code = KEY_CODE_UP},
    {.bytes = "\033[1~", .code = KEY_CODE_HOME},
    {.bytes = "\033[H", .code = KEY_CODE_HOME},
    {.bytes = "\033[4~", .code = KEY_CODE_END},
    {.key = "enter", .code = '\r'},
    {.key = "tab", .code = '\t'},
    {.key = "backtab", .code = KEY_CODE_BACKTAB},
    {.key = "backspace", .code = 127},
    {.key = "escape", .code = 27},
    {.key = "up", .code = KEY_CODE_UP},
    {.key = "down", .code = KEY_CODE_DOWN},
    {.key = "left", .code = KEY_CODE_LEFT},
    {.key = "right", .code = KEY_CODE_RIGHT},
    {.key = "home", .code = KEY_CODE_HOME},
    {.key = "end", .code = KEY_CODE_END},
    {.key = "page-up", .code = KEY_CODE_PAGE_UP},
    {.key = "page-down", .code = KEY_CODE_PAGE_DOWN},
    {.key = "insert", .code = KEY_CODE_INSERT},
    {.key = "delete", .code = KEY_CODE_DELETE},
    {.key = "f1", .code = KEY_CODE_F1},
    {.key = "f5", .code = KEY_CODE_F1 + 4},
    {.key = "f12", .code = KEY_CODE_F12},
};

static void check_keys(const char *term)
{
    const char *const environment[] = {term, NULL};
    struct vt *v = start_with("events", environment);
    expect(v, "none.");
    for (size_t i = 0; i < sizeof typed / sizeof *typed; i++) {
        char wanted[32], count[32];
        if (typed[i].key) assert_true(vt_key(v, typed[i].key));
        else vt_type(v, typed[i].bytes);
        snprintf(count, sizeof count, "events %zu.", i + 1);
        expect(v, count);
        snprintf(wanted, sizeof wanted, "key %x.", (unsigned)typed[i].code);
        if (strcmp(vt_row(v, 0), wanted) != 0)
            fail_msg("%s, key %zu: %s and not %s", term, i, vt_row(v, 0), wanted);
    }
    terminate(v);
}

static void every_key_has_its_code(void **state)
{
    (void)state;
    check_keys("TERM=xterm-256color");
    check_keys("TERM=tmux-256color");
    check_keys("TERM=screen");
}

static void a_character_in_pieces_is_one_key(void **state)
{
    (void)state;
    struct vt *v = start("events");
    expect(v, "none.");
    vt_type(v, "\xF0\x9F");
    vt_type(v, "\x98");
    expect(v, "events 0.");
    vt_type(v, "\x80");
    expect(v, "events 1.");
    expect(v, "key 1f600.");
    terminate(v);
}

/* A paste may hold what looks like commands, like keys, and like the end of a line. */
static void pasted_text_is_no_keys(void **state)
{
    (void)state;
    struct vt *v = start("events");
    expect(v, "none.");
    vt_paste(v, "q\r\033[AS\u6CD5");
    expect(v, "paste 6cd5.");
    expect(v, "events 4.");
    vt_type(v, "a");
    expect(v, "key 61.");
    terminate(v);
}

static void clicks_and_the_wheel_have_their_place(void **state)
{
    (void)state;
    struct vt *v = start("events");
    expect(v, "none.");
    assert_int_not_equal(vt_mouse_mode(v), 0);
    vt_click(v, 3, 9);
    expect(v, "click 3 9.");
    vt_click(v, 4, 70);
    vt_click(v, 4, 70);
    expect(v, "twice 4 70.");
    vt_click(v, 4, 70); /* the third is a first again */
    expect(v, "click 4 70.");
    vt_wheel(v, 4, 70, 10);
    expect(v, "wheel 1.");
    expect(v, "events 14.");
    vt_wheel(v, 4, 70, -1);
    expect(v, "wheel -1.");
    vt_type(v, "\033[M !&"); /* as old terminals say it */
    expect(v, "click 5 0.");
    vt_type(v, "\033[<0;99999;1M\033[<0;1M\033[<35;2;2M\033[<2;2;2Ma"); /* no news, but the key */
    expect(v, "key 61.");
    expect(v, "events 17.");
    vt_signal(v, SIGTERM);
    assert_int_equal(vt_wait_end(v, WAIT_MS), 0);
    assert_int_equal(vt_mouse_mode(v), 0);
    vt_free(v);
}

/* ------------------------------------------------------------------------- The terminal's lives */

static void a_new_size_is_drawn_in(void **state)
{
    static const struct {
        int rows, columns;
    } sizes[] = {{50, 160}, {10, 40}, {24, 80}, {5, 20}, {60, 200}};
    (void)state;
    struct vt *v = start("events");
    expect(v, "24 x 80.");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char size[32];
        vt_resize(v, sizes[i].rows, sizes[i].columns);
        snprintf(size, sizeof size, "%d x %d.", sizes[i].rows, sizes[i].columns);
        expect(v, size);
        assert_true(vt_expect_row(v, sizes[i].rows - 1, "corner", WAIT_MS));
        assert_string_equal(vt_cell(v, sizes[i].rows - 1, sizes[i].columns - 1).text, "r");
    }
    terminate(v);
}

static void assert_same_modes(struct vt *v, const struct termios *before)
{
    struct termios after;
    assert_true(vt_termios(v, &after));
    assert_int_equal(after.c_iflag, before->c_iflag);
    assert_int_equal(after.c_oflag, before->c_oflag);
    assert_int_equal(after.c_cflag, before->c_cflag);
    assert_int_equal(after.c_lflag, before->c_lflag);
    assert_memory_equal(after.c_cc, before->c_cc, sizeof after.c_cc);
}

/* As a new terminal has them. */
static struct termios modes_of_a_shell(void)
{
    static const char *const argv[] = {"true", NULL};
    const struct vt_options o = {.argv = argv, .rows = 24, .columns = 80};
    struct vt *v = vt_start(&o);
    struct termios modes;
    assert_non_null(v);
    assert_int_equal(vt_wait_end(v, WAIT_MS), 0);
    assert_true(vt_termios(v, &modes));
    vt_free(v);
    return modes;
}

static void assert_given_back(struct vt *v, const struct termios *before)
{
    assert_same_modes(v, before);
    assert_false(vt_is_alternate(v));
    assert_true(vt_cursor(v, NULL, NULL));
    assert_int_equal(vt_mouse_mode(v), 0);
    vt_forget_bytes(v);
    vt_paste(v, ""); /* the marks around it would be echoed */
}

static void the_terminal_is_lent_and_taken_again(void **state)
{
    (void)state;
    struct termios before = modes_of_a_shell();
    struct vt *v = start("events");
    expect(v, "none.");
    assert_true(vt_is_alternate(v));
    vt_type(v, "S");
    expect(v, "lent");
    assert_given_back(v, &before);
    vt_type(v, "back\n");
    expect(v, "key 53.");
    assert_true(vt_is_alternate(v));
    vt_click(v, 1, 2);
    expect(v, "click 1 2.");
    vt_key(v, "up"); /* the keypad is ours again */
    expect(v, "key 110000.");
    terminate(v);
}

static bool is_stopped(void *user)
{
    return vt_is_stopped(user);
}

static void ctrl_z_stops_it_and_fg_brings_it_back(void **state)
{
    (void)state;
    struct termios before = modes_of_a_shell();
    struct vt *v = start("events");
    expect(v, "none.");
    for (int i = 0; i < 2; i++) {
        vt_type(v, "\032");
        assert_true(vt_wait(v, is_stopped, v, WAIT_MS));
        vt_read(v);
        assert_given_back(v, &before);
        vt_signal(v, SIGCONT);
        expect(v, "24 x 80.");
        assert_true(vt_is_alternate(v));
    }
    vt_type(v, "a");
    expect(v, "key 61.");
    terminate(v);
}

static void whatever_it_dies_of_the_terminal_is_whole(void **state)
{
    (void)state;
    struct termios before = modes_of_a_shell();
    for (size_t i = 0; i < DEATHS; i++) {
        struct vt *v = start(deaths[i].name);
        expect(v, "alive");
        assert_true(vt_is_alternate(v));
        vt_type(v, "x");
        int status = vt_wait_end(v, WAIT_MS);
#ifdef __SANITIZE_ADDRESS__ /* which handles faults itself, after us */
        assert_int_not_equal(status, 0);
        assert_int_not_equal(status, VT_TIMEOUT);
#else
        assert_int_equal(status, deaths[i].status);
#endif
        assert_given_back(v, &before);
        vt_free(v);
    }
}

static void ctrl_backslash_is_such_a_death_too(void **state)
{
    (void)state;
    struct termios before = modes_of_a_shell();
    struct vt *v = start("events");
    expect(v, "none.");
    vt_type(v, "\034");
    assert_int_equal(vt_wait_end(v, WAIT_MS), 128 + SIGQUIT);
    assert_given_back(v, &before);
    vt_free(v);
}

static void a_lent_terminal_is_left_alone_by_a_crash(void **state)
{
    (void)state;
    struct vt *v = start("lent");
    expect(v, "alive");
    vt_type(v, "x");
    expect(v, "lent");
    vt_wait_end(v, WAIT_MS);
    size_t len;
    const char *bytes = vt_bytes(v, &len);
    const char *lent = memmem(bytes, len, "lent", 4);
    assert_non_null(lent);
    assert_null(memchr(lent, '\033', len - (size_t)(lent - bytes)));
    vt_free(v);
}

static void a_child_does_not_give_the_terminal_back(void **state)
{
    (void)state;
    struct vt *v = start("forks");
    expect(v, "still here");
    assert_true(vt_is_alternate(v));
    end(v);
}

static void signals_stay_the_callers(void **state)
{
    (void)state;
    struct vt *v = start("signals");
    assert_int_equal(vt_wait_end(v, WAIT_MS), 0);
    vt_free(v);
}

static bool has_stuck(void *user)
{
    char line[16] = "";
    FILE *errors = fopen(user, "re");
    if (!errors) return false;
    size_t len = fread(line, 1, sizeof line - 1, errors);
    fclose(errors);
    return len > 0;
}

/* Nobody reads what it draws: it must neither block nor end, and must go on from there. */
static struct vt *start_stuck(const char *errors)
{
    static const char *const argv[] = {"/proc/self/exe", "flood", NULL};
    const struct vt_options o = {.argv = argv, .errors = errors, .rows = 24, .columns = 80};
    struct vt *v = vt_start(&o);
    assert_non_null(v);
    assert_true(wait_until(has_stuck, (void *)(uintptr_t)errors, WAIT_MS));
    return v;
}

static void a_stuck_terminal_blocks_nothing(void **state)
{
    char errors[256];
    const struct tmpdir *dir = *state;
    snprintf(errors, sizeof errors, "%s/errors", dir->path);
    struct vt *v = start_stuck(errors);
    expect(v, "it goes on");
    for (int row = 0; row < 23; row++)
        assert_int_equal(strlen(vt_row(v, row)), 80);
    vt_free(v);
}

static bool is_over(void *user)
{
    return !vt_is_running(user);
}

static void a_stuck_terminal_does_not_keep_it_from_ending(void **state)
{
    char errors[256];
    struct tmpdir *dir = *state;
    snprintf(errors, sizeof errors, "%s/more-errors", dir->path);
    struct termios before = modes_of_a_shell();
    struct vt *v = start_stuck(errors);
    vt_signal(v, SIGTERM);
    assert_true(wait_until(is_over, v, WAIT_MS)); /* without reading */
    assert_int_equal(vt_wait_end(v, WAIT_MS), 7);
    assert_same_modes(v, &before);
    vt_free(v);
}

static void a_window_that_is_closed_is_noticed(void **state)
{
    (void)state;
    static const char *const argv[] = {"sh", "-c", "trap '' HUP; exec \"$0\" events",
                                       "/proc/self/exe", NULL};
    char self[512];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(len > 0);
    self[len] = '\0';
    const char *with_self[] = {argv[0], argv[1], argv[2], self, NULL};
    const struct vt_options o = {.argv = with_self, .rows = 24, .columns = 80};
    struct vt *v = vt_start(&o);
    assert_non_null(v);
    expect(v, "none.");
    vt_hang_up(v);
    assert_int_equal(vt_wait_end(v, WAIT_MS), 9);
    vt_free(v);
}

/* ------------------------------------------------------------------------------------- Refusals */

static void a_terminal_that_cannot_is_refused_with_a_sentence(void **state)
{
    static const struct {
        const char *term, *says;
        int status;
    } cases[] = {
        {"TERM=xterm", "possible", 0},
        {"TERM=linux", "possible", 0},
        {"TERM=vt100", "possible", 0},
        {"TERM=dumb", "TERM=dumb", 1},
        {"TERM=unknown", "TERM=unknown", 1},
        {"TERM=no-such-terminal", "TERM=no-such-terminal", 1},
        {"TERM=", "TERM", 1},
        {"TERM", "TERM", 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const environment[] = {cases[i].term, NULL};
        struct vt *v = start_with("possible", environment);
        assert_int_equal(vt_wait_end(v, WAIT_MS), cases[i].status);
        expect(v, cases[i].says);
        if (strchr(vt_bytes(v, NULL), '\033')) fail_msg("%s: it drew", cases[i].term);
        vt_free(v);
    }
}

static void a_pipe_is_refused(void **state)
{
    (void)state;
    static const char *const argv[] = {"sh", "-c", "\"$0\" possible | cat; exit 5", NULL, NULL};
    char self[512];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(len > 0);
    self[len] = '\0';
    const char *with_self[] = {argv[0], argv[1], argv[2], self, NULL};
    const struct vt_options o = {.argv = with_self, .rows = 24, .columns = 80};
    struct vt *v = vt_start(&o);
    assert_non_null(v);
    assert_int_equal(vt_wait_end(v, WAIT_MS), 5);
    expect(v, "needs a terminal");
    vt_free(v);
}

static int make_directory(void **state)
{
    static struct tmpdir dir;
    *state = &dir;
    return tmpdir_make(&dir) ? 0 : -1;
}

static int remove_directory(void **state)
{
    tmpdir_remove(*state);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1) return play(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_stands_at_its_columns_whatever_it_is_made_of),
        cmocka_unit_test(nothing_is_drawn_half_at_the_edge_of_the_terminal),
        cmocka_unit_test(of_all_code_points_only_clean_ones_reach_the_terminal),
        cmocka_unit_test(a_control_that_was_not_cleaned_away_still_does_nothing),
        cmocka_unit_test(looks_are_laid_over_one_another),
        cmocka_unit_test(eight_colours_are_enough),
        cmocka_unit_test(without_colours_plain_attributes_tell_things_apart),
        cmocka_unit_test(a_locale_that_is_not_utf8_changes_nothing),
        cmocka_unit_test(the_cursor_is_where_it_was_put_or_hidden),
        cmocka_unit_test(a_redraw_sends_everything_again),
        cmocka_unit_test(bell_and_clipboard_are_sent),
        cmocka_unit_test(every_key_has_its_code),
        cmocka_unit_test(a_character_in_pieces_is_one_key),
        cmocka_unit_test(pasted_text_is_no_keys),
        cmocka_unit_test(clicks_and_the_wheel_have_their_place),
        cmocka_unit_test(a_new_size_is_drawn_in),
        cmocka_unit_test(the_terminal_is_lent_and_taken_again),
        cmocka_unit_test(ctrl_z_stops_it_and_fg_brings_it_back),
        cmocka_unit_test(whatever_it_dies_of_the_terminal_is_whole),
        cmocka_unit_test(ctrl_backslash_is_such_a_death_too),
        cmocka_unit_test(a_lent_terminal_is_left_alone_by_a_crash),
        cmocka_unit_test(a_child_does_not_give_the_terminal_back),
        cmocka_unit_test(signals_stay_the_callers),
        cmocka_unit_test(a_stuck_terminal_blocks_nothing),
        cmocka_unit_test(a_stuck_terminal_does_not_keep_it_from_ending),
        cmocka_unit_test(a_window_that_is_closed_is_noticed),
        cmocka_unit_test(a_terminal_that_cannot_is_refused_with_a_sentence),
        cmocka_unit_test(a_pipe_is_refused),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
