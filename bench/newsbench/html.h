/* bench/newsbench/html.h - results as a page for a browser, for paper and for a wall. */
#ifndef BENCH_HTML_H
#define BENCH_HTML_H

#include <stdbool.h>
#include <stdio.h>

#include "bench/newsbench/result.h"

/* One self-contained page with inline SVG and CSS, English and French, no script and no network
 * needed; a chapter for each result. It is XML, too. False: no memory, or out cannot be written. */
bool report_html(const struct result *const *results, size_t count, FILE *out);

#endif
