#include "subscriber/check.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/log.h"
#include "common/text.h"
#include "subscriber/cli.h"
#include "subscriber/store.h"

struct totals {
    uint64_t streams, items, holes, gone;
};

/* news/harbour/...  harbour:19a8c1f2e7b03d44  through 6 of 17, 13 stored  missing 7-9  gone 3
 * (pruned)
 */
static bool print_row(void *user, const struct store_check_row *row)
{
    struct totals *t = user;
    t->streams++;
    t->items += row->stored;
    t->holes += row->holes;
    t->gone += row->gone;
    struct buf topic = {0}, gone = {0}; /* brokers let more through than a terminal should see */
    text_clean(&topic, row->topic, strlen(row->topic), TEXT_ONE_LINE);
    text_clean(&gone, row->gone_list, strlen(row->gone_list), TEXT_ONE_LINE);
    printf("%s  %s:%s  through %llu of %llu, %llu stored", topic.len ? topic.data : "",
           row->publisher, row->epoch, (unsigned long long)row->through,
           (unsigned long long)row->highest, (unsigned long long)row->stored);
    if (*row->hole_list) printf("  missing %s", row->hole_list);
    if (gone.len) printf("  gone %s", gone.data);
    buf_deinit(&topic);
    buf_deinit(&gone);
    return putchar('\n') != EOF;
}

int check_run(const struct settings *s)
{
    const struct db_options db = {.mode = DB_READ, .check = true};
    struct totals t = {0};
    struct news_error err = {0};
    char path[4096];
    struct store *store = settings_store_path(s, path, sizeof path, &err)
                              ? store_open(path, &db, &err)
                              : NULL;
    bool ok = store && store_check(store, print_row, &t, &err);
    store_close(store);
    if (!ok || !program_flush_stdout(&err)) {
        log_error("%s", err.message);
        return news_exit_status(err.code);
    }
    log_error("%llu streams, %llu items, %llu missing, %llu gone for good",
              (unsigned long long)t.streams, (unsigned long long)t.items,
              (unsigned long long)t.holes, (unsigned long long)t.gone);
    if (t.holes > 0) return EX_TEMPFAIL;
    return t.gone > 0 ? EX_DATAERR : EX_OK;
}
