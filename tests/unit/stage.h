/* tests/unit/stage.h - for tests of what is drawn: the test runs itself once more in a terminal
 * (tests/support/vt.h), draws there with the real screen, and holds it until a key comes. */
#ifndef NEWS_TEST_STAGE_H
#define NEWS_TEST_STAGE_H

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "subscriber/screen.h"

static inline struct screen *stage_open(struct theme *theme)
{
    struct news_error err = {0};
    struct screen *s = NULL;
    if (theme_init(theme, NULL, 0, &err))
        s = screen_open(&(struct screen_options){true, false}, &err);
    if (s) return s;
    (void)fprintf(stderr, "%s\n", err.message);
    exit(1);
}

static inline void stage_show(struct screen *s)
{
    struct pollfd room = {.fd = screen_fd(s), .events = POLLOUT};
    while (!screen_ready(s))
        (void)poll(&room, 1, 100);
    screen_show(s);
    while (screen_waits(s)) {
        (void)poll(&room, 1, 100);
        (void)screen_ready(s);
    }
}

/* Shows the frame, waits for a key, and leaves. */
static inline void stage_hold(struct screen *s)
{
    char key;
    stage_show(s);
    while (read(STDIN_FILENO, &key, 1) < 0 && errno == EINTR) {
    }
    screen_close(s);
}

#endif
