/* bench/newsbench/html_parts.h - the parts of the page that report_html() puts together. */
#ifndef BENCH_HTML_PARTS_H
#define BENCH_HTML_PARTS_H

#include <stdbool.h>

#include "bench/newsbench/groups.h"
#include "common/buf.h"

extern const char html_style[]; /* of the page; html_style.c */

/* --- verdicts and numbers (html_tables.c) --- */
struct verdicts { /* every comparison made */
    struct result_pair *pairs;
    size_t count, room;
    bool failed; /* no memory: some are missing */
};
void verdicts_make(struct verdicts *v, const struct result *r);
void verdicts_deinit(struct verdicts *v);
/* A row for each pair of carriers, a column for each figure; over all conditions. */
void html_verdict_table(struct buf *out, const struct groups *g, const struct verdicts *v);
void html_all_verdicts(struct buf *out, const struct groups *g, const struct verdicts *v);
void html_number_table(struct buf *out, const struct groups *g, size_t condition);

/* --- for the sceptic (html_sceptic.c) --- */
/* same: the environment is that of the first result, which was written. */
void html_sceptic(struct buf *out, const struct groups *g, bool same);

#endif
