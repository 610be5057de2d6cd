#include "subscriber/lines.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "subscriber/output.h"
#include "subscriber/view.h"

struct lines {
    struct view *view;
    struct view_screen screen;
    struct output output;
    size_t mark; /* of output.waiting: what follows belongs to the open batch */
    struct rules *rules;
    struct news_error why; /* standard output failed */
};

static void look_at_terminal(struct lines *l)
{
    struct winsize size;
    if (l->screen.terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
        l->screen.columns = size.ws_col;
}

static void lines_free(void *self)
{
    struct lines *l = self;
    if (!l) return;
    output_deinit(&l->output);
    view_free(l->view);
    free(l);
}

struct lines *lines_new(const char *spec, struct rules *rules, struct news_error *err)
{
    const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
    struct lines *l = calloc(1, sizeof *l);
    if (!l) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    l->rules = rules;
    l->screen.terminal = isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb") != 0;
    l->screen.colour = l->screen.terminal && !(no_colour && *no_colour);
    output_init(&l->output, STDOUT_FILENO);
    l->view = view_new(spec, err);
    if (l->view) return l;
    lines_free(l);
    return NULL;
}

bool lines_whole(const struct lines *l)
{
    return !view_hides(l->view);
}

static const struct style *look_of(struct lines *l, const struct arrival *a)
{
    if (!l->rules || !l->screen.terminal) return NULL;
    const struct filter_subject s = {.arrival = a, .unread = true, .now_ms = l->screen.now_ms};
    return rules_style(l->rules, rules_highlight(l->rules, &s));
}

static void lines_put(void *self, const struct arrival *a, int64_t id, int64_t now_ms)
{
    struct lines *l = self;
    (void)id;
    l->screen.now_ms = now_ms;
    look_at_terminal(l);
    l->screen.highlight = look_of(l, a);
    view_put(l->view, a, &l->screen, &l->output.waiting);
}

static bool lines_turn(void *self, struct news_error *err)
{
    struct lines *l = self;
    if (l->why.code == NEWS_OK) return true;
    *err = l->why;
    return false;
}

static bool lines_committed(void *self, struct news_error *err)
{
    struct lines *l = self;
    if (l->why.code == NEWS_OK && output_flush(&l->output, &l->why))
        l->mark = l->output.waiting.len;
    return lines_turn(l, err);
}

static void lines_undone(void *self)
{
    struct lines *l = self;
    buf_truncate(&l->output.waiting, l->mark);
}

static bool lines_full(const void *self)
{
    const struct lines *l = self;
    return output_full(&l->output);
}

static bool lines_idle(const void *self)
{
    const struct lines *l = self;
    return !output_pending(&l->output) || l->output.gone || l->why.code != NEWS_OK;
}

static bool lines_gone(const void *self)
{
    const struct lines *l = self;
    return l->output.gone;
}

/* POLLERR: the reader has gone. Nothing of an open batch is ever there while the loop waits. */
static void on_ready(void *user, short revents)
{
    struct lines *l = user;
    struct news_error err;
    if (revents & (POLLERR | POLLHUP)) l->output.gone = true;
    (void)lines_committed(l, &err);
}

static void lines_poll(void *self, struct poll_set *set)
{
    struct lines *l = self;
    if (!l->output.gone)
        poll_set_add(set, STDOUT_FILENO, output_pending(&l->output) ? POLLOUT : 0, on_ready, l);
}

const struct sink_ops lines_sink = {.put = lines_put,
                                    .committed = lines_committed,
                                    .undone = lines_undone,
                                    .full = lines_full,
                                    .idle = lines_idle,
                                    .poll = lines_poll,
                                    .turn = lines_turn,
                                    .gone = lines_gone,
                                    .free = lines_free};
