#include "publisher/journal_command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/date.h"
#include "common/item.h"
#include "common/log.h"
#include "common/text.h"
#include "publisher/items.h"
#include "publisher/journal.h"

struct view {
    struct buf line;
    char *const *wanted; /* of show: numbers and uris */
    int wanted_count;
    bool *found;
    const char *publisher;
    uint64_t rows;
};

static bool put_line(struct view *v)
{
    bool written = buf_ok(&v->line) && fwrite(v->line.data, 1, v->line.len, stdout) == v->line.len;
    buf_clear(&v->line);
    return written;
}

/* ---- list ---- */

static void put_headline(struct buf *out, const struct journal_row *row)
{
    struct ninjs item;
    struct ninjs_fault fault;
    struct buf text = {0};
    if (!ninjs_check(row->bytes, row->len, &item, &fault)) {
        buf_puts(out, "(damaged)");
        return;
    }
    json_text(&text, item_headline(&item));
    if (item_status(&item) == ITEM_CANCELED) buf_puts(out, "KILL ");
    if (text.len) text_clean(out, text.data, text.len, TEXT_ONE_LINE);
    buf_deinit(&text);
}

/* 2026-11-23T14:02:07Z  sent  harbour:19a8c1f2e7b03d44:17  news/harbour/...  Headline */
static bool list_row(void *user, const struct journal_row *row)
{
    struct view *v = user;
    char when[DATE_RFC3339_SIZE];
    date_rfc3339(row->accepted_ms / 1000 * 1000, when);
    buf_printf(&v->line, "%s  %-8s  %s:%s:%llu  %s  ", when,
               row->reason ? row->reason
               : row->done ? "sent"
                           : "waiting",
               v->publisher, row->epoch, (unsigned long long)row->seq, row->topic);
    put_headline(&v->line, row);
    buf_putc(&v->line, '\n');
    v->rows++;
    return put_line(v);
}

/* ---- show ---- */

static bool is_wanted(struct view *v, const struct journal_row *row, const struct ninjs *item)
{
    char number[WIRE_NUMBER_SIZE];
    bool wanted = v->wanted_count == 0;
    (void)snprintf(number, sizeof number, "%s:%s:%llu", v->publisher, row->epoch,
                   (unsigned long long)row->seq);
    for (int i = 0; i < v->wanted_count; i++) {
        if (strcmp(v->wanted[i], number) != 0 && !json_is(item->member[NINJS_URI], v->wanted[i]))
            continue;
        wanted = v->found[i] = true;
    }
    return wanted;
}

static bool show_row(void *user, const struct journal_row *row)
{
    struct view *v = user;
    struct ninjs item;
    struct ninjs_fault fault;
    if (!ninjs_check(row->bytes, row->len, &item, &fault) || !is_wanted(v, row, &item)) return true;
    buf_putc(&v->line, '{');
    json_put_member(&v->line, "topic", row->topic);
    json_put_date(&v->line, "accepted", row->accepted_ms);
    json_put_member(&v->line, "state", row->reason ? row->reason : row->done ? "sent" : "waiting");
    json_put_name(&v->line, "item");
    json_compact(&v->line, row->bytes, row->len);
    buf_puts(&v->line, "}\n");
    v->rows++;
    return put_line(v);
}

/* ---- the commands ---- */

static bool look(struct journal *j, struct view *v,
                 bool (*each)(void *user, const struct journal_row *row), struct news_error *err)
{
    v->publisher = journal_publisher(j);
    return journal_each(j, 0, each, v, err);
}

static bool list(struct journal *j, const struct settings *s, struct view *v,
                 struct news_error *err)
{
    (void)s;
    return look(j, v, list_row, err);
}

static bool show(struct journal *j, const struct settings *s, struct view *v,
                 struct news_error *err)
{
    (void)s;
    v->found = calloc((size_t)v->wanted_count + 1, sizeof *v->found);
    if (!v->found) return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    bool ok = look(j, v, show_row, err);
    for (int i = 0; ok && i < v->wanted_count; i++)
        if (!v->found[i])
            ok = news_fail(err, NEWS_ERR_DATA, "%s: is not in the journal", v->wanted[i]);
    free(v->found);
    return ok;
}

static bool prune(struct journal *j, const struct settings *s, struct view *v,
                  struct news_error *err)
{
    const struct journal_keep keep = {s->keep_ms, (uint64_t)s->keep_items};
    uint64_t pruned = 0;
    (void)v;
    if (!journal_prune(j, &keep, date_now_ms(), &pruned, err) || !db_shrink(journal_db(j), err))
        return false;
    log_error("%llu items pruned", (unsigned long long)pruned);
    return true;
}

static const struct {
    const char *name;
    enum db_mode mode;
    bool operands;
    bool (*run)(struct journal *j, const struct settings *s, struct view *v,
                struct news_error *err);
} commands[] = {
    {"list", DB_READ, false, list}, {"show", DB_READ, true, show}, {"prune", DB_OWN, false, prune}};

static bool run(const struct settings *s, size_t which, struct view *v, struct news_error *err)
{
    struct placing placing;
    char path[4096];
    if (!placing_init(&placing, s, err) ||
        !settings_journal_path(s, placing.publisher, path, sizeof path, err))
        return false;
    const struct journal_options o = {
        .publisher = s->publisher ? placing.publisher : NULL,
        .db = {.mode = commands[which].mode,
               .owner = "newspub journal prune",
               .lock_wait_ms = s->lock_wait_ms},
        .now_ms = date_now_ms(),
    };
    /* To prune is not to make one. */
    if (access(path, F_OK) != 0)
        return news_fail(err, NEWS_ERR_IO, "journal %s: %s", path, strerror(errno));
    struct journal *j = journal_open(path, &o, err);
    bool ok = j && commands[which].run(j, s, v, err);
    journal_close(j);
    struct news_error flush = {0};
    if (program_flush_stdout(&flush)) return ok;
    if (ok) *err = flush;
    return false;
}

int journal_run(const struct settings *s, char *const *operands, int count)
{
    const char *name = count > 0 ? operands[0] : "list";
    struct view v = {.wanted = operands + 1, .wanted_count = count > 0 ? count - 1 : 0};
    struct news_error err = {0};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(commands[i].name, name) != 0) continue;
        if (v.wanted_count > 0 && !commands[i].operands) {
            log_error("journal %s takes no operand", name);
            return EX_USAGE;
        }
        bool ok = run(s, i, &v, &err);
        buf_deinit(&v.line);
        if (ok) return EX_OK;
        log_error("%s", err.message);
        return news_exit_status(err.code);
    }
    log_error("journal %s: list, show or prune", name);
    return EX_USAGE;
}
