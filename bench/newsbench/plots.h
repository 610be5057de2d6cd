/* bench/newsbench/plots.h - the plots of a page. Each writes one or more figures, or nothing when
 * the result has no data for it: true when it wrote something.
 *
 * Medians and intervals are of valid blocks alone. */
#ifndef BENCH_PLOTS_H
#define BENCH_PLOTS_H

#include <stdbool.h>

#include "bench/newsbench/groups.h"
#include "common/buf.h"

/* --- of one condition: a row for each cell (plots_rows.c) --- */
bool plot_blocks(struct buf *out, const struct groups *g, size_t condition);
bool plot_omission(struct buf *out, const struct groups *g, size_t condition);
bool plot_delivery(struct buf *out, const struct groups *g, size_t condition);
bool plot_wire(struct buf *out, const struct groups *g, size_t condition);
bool plot_cpu(struct buf *out, const struct groups *g, size_t condition);

/* --- of one condition: lines (plots_lines.c) --- */
bool plot_percentiles(struct buf *out, const struct groups *g, size_t condition);
bool plot_timeline(struct buf *out, const struct groups *g, size_t condition);

/* --- over conditions: what the plan varies (plots_factor.c) --- */
bool plot_varied(struct buf *out, const struct groups *g, size_t varied);

#endif
