/* bench/newsbench/export.h - results written to files for people and other programs. */
#ifndef BENCH_EXPORT_H
#define BENCH_EXPORT_H

#include "bench/newsbench/result.h"

struct export_paths { /* NULL: not asked for */
    const char *html; /* one page, a chapter for each result */
    const char *csv;  /* a row for each run; CSV.subscribers: for each subscriber */
    const char *hgrm; /* a folder: a histogram for each run */
};

/* count is at least 1; CSV and histograms are for one result. False: refused, or the file that
 * cannot be written is named. */
bool export_results(const struct result *const *results, size_t count,
                    const struct export_paths *to, struct news_error *err);

#endif
