/* bench/newsbench/report.h - a result for people: a table on a terminal, a page for a browser. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "bench/newsbench/result.h"

/* Grouped by guarantee and secrecy; verdicts; warnings; what was skipped. width: of the terminal.
 * colour: none in a pipe or with NO_COLOR. */
bool report_terminal(const struct result *r, FILE *out, unsigned width, bool colour);

#endif
