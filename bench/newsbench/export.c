#include "bench/newsbench/export.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/newsbench/html.h"

static bool failed(const char *path, struct news_error *err)
{
    return news_fail(err, NEWS_ERR_IO, "%s: %s", path, strerror(errno));
}

static bool write_csv(const struct result *r, const char *path,
                      bool (*write)(const struct result *, FILE *), struct news_error *err)
{
    FILE *f = fopen(path, "we");
    if (!f) return failed(path, err);
    bool good = write(r, f);
    return (fclose(f) == 0 && good) || failed(path, err);
}

static bool write_html(const struct result *const *results, size_t count, const char *path,
                       struct news_error *err)
{
    FILE *f = fopen(path, "we");
    if (!f) return failed(path, err);
    bool good = report_html(results, count, f);
    return (fclose(f) == 0 && good) || failed(path, err);
}

static bool write_hgrm(const struct result *r, const char *folder, struct news_error *err)
{
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) return failed(folder, err);
    for (size_t i = 0; i < r->run_count; i++) {
        char path[4096];
        const struct run *run = &r->runs[i];
        if (histogram_count(run->response) == 0) continue;
        (void)snprintf(path, sizeof path, "%s/%zu-%s-block%u.hgrm", folder, run->cell,
                       cell_name(&r->plan.cells[run->cell]), run->block + 1);
        FILE *f = fopen(path, "we");
        bool good = f && histogram_write_hgrm(run->response, 1e6, f);
        if (!f || fclose(f) != 0 || !good) return failed(path, err);
    }
    return true;
}

static bool write_tables(const struct result *r, const char *runs, struct news_error *err)
{
    char subscribers[4096];
    (void)snprintf(subscribers, sizeof subscribers, "%s.subscribers", runs);
    return write_csv(r, runs, result_write_runs_csv, err) &&
           write_csv(r, subscribers, result_write_subscribers_csv, err);
}

bool export_results(const struct result *const *results, size_t count,
                    const struct export_paths *to, struct news_error *err)
{
    if (count > 1 && (to->csv || to->hgrm))
        return news_fail(err, NEWS_ERR_USAGE, "--csv and --hgrm are for one result at a time");
    if (to->html && !write_html(results, count, to->html, err)) return false;
    if (to->csv && !write_tables(results[0], to->csv, err)) return false;
    return !to->hgrm || write_hgrm(results[0], to->hgrm, err);
}
