/* bench/newsbench/text.h - the words of the page, in English and in French: one table.
 *
 * Struct words is one saying in both languages, complete and by value; what is longer than it has
 * room for is cut. Nothing in it is escaped: whoever writes it does that (markup.h). */
#ifndef BENCH_TEXT_H
#define BENCH_TEXT_H

#include <stddef.h>

enum language { ENGLISH, FRENCH, LANGUAGES };

struct words {
    char in[LANGUAGES][400];
};

enum say {
    /* the page */
    SAY_PAGE_TITLE,
    SAY_LANGUAGE_NAME,
    SAY_AT_A_GLANCE,
    SAY_GLANCE_HOW,
    SAY_TOO_NOISY,
    SAY_SILENT_LOSS,
    SAY_NOT_COMPLETE,
    SAY_INDICATIVE,
    SAY_QUESTION,
    SAY_PREDICT,
    SAY_CONCLUDE,
    SAY_BEWARE,
    SAY_OTHER_CONDITIONS,
    SAY_NUMBERS,
    SAY_ALL_COMPARISONS,
    SAY_COMPARISON_COUNT,
    SAY_NO_COMPARISON,
    SAY_SAME_EVERYWHERE,
    SAY_BASE,
    SAY_SCEPTIC,
    SAY_SCEPTIC_INTRO,
    SAY_NOTHING_MEASURED,
    /* verdicts: %1, %2 are carriers or numbers */
    SAY_PAIR,
    SAY_LOWER,
    SAY_HIGHER,
    SAY_NO_DIFFERENCE,
    SAY_TOO_FEW,
    SAY_LOWER_IN,
    SAY_HIGHER_IN,
    SAY_NONE_IN,
    SAY_FEW_IN,
    SAY_PAIR_HEAD,
    SAY_CLASS_HEAD,
    /* classes */
    SAY_BEST_EFFORT,
    SAY_AT_LEAST_ONCE,
    SAY_EXACTLY_ONCE,
    SAY_IN_CLEAR,
    SAY_AUTHENTICATED,
    SAY_SEALED,
    SAY_CLASS,
    /* tables */
    SAY_CARRIER,
    SAY_VALID_BLOCKS,
    SAY_OF,
    SAY_INTERVAL,
    /* plots: a title and how to read it */
    SAY_DOTS,
    SAY_DOTS_HOW,
    SAY_PERCENTILES,
    SAY_PERCENTILES_HOW,
    SAY_OMISSION,
    SAY_OMISSION_HOW,
    SAY_DELIVERY,
    SAY_DELIVERY_HOW,
    SAY_ALL_ARRIVED,
    SAY_WIRE,
    SAY_WIRE_HOW,
    SAY_CPU,
    SAY_CPU_HOW,
    SAY_TIMELINE,
    SAY_TIMELINE_HOW,
    SAY_LOAD,
    SAY_LOAD_HOW,
    SAY_ACHIEVED,
    SAY_ACHIEVED_HOW,
    SAY_AGAINST,
    SAY_AGAINST_HOW,
    SAY_TOO_FEW_ITEMS,
    /* axes and marks */
    SAY_AXIS_UNIT,
    SAY_PERCENTILE,
    SAY_RESPONSE_MS,
    SAY_SHARE_DELIVERED,
    SAY_BYTES_ITEM,
    SAY_CPU_ITEM,
    SAY_SECONDS,
    SAY_ITEMS_OFFERED,
    SAY_ITEMS_ACHIEVED,
    SAY_DIAGONAL,
    SAY_KNEE,
    SAY_FAULT,
    SAY_TRANSPORT,
    SAY_RESPONSE,
    SAY_LOST,
    SAY_SILENT,
    SAY_TWICE,
    SAY_REORDERED,
    SAY_DELIVERED,
    SAY_ANNOUNCED,
    SAY_PAYLOAD,
    SAY_TOPIC,
    SAY_APPLICATION,
    SAY_UNDERNEATH,
    SAY_EVERYTHING_ELSE,
    SAY_PUBLISHER,
    SAY_SUBSCRIBERS,
    SAY_SERVER,
    SAY_SOFTIRQ,
    SAY_SENT_AGAIN,
    SAY_MISSING,
    SAY_INVALID,
    SAY_NOT_RUN,
    SAY_MORE_LINES,
    /* for the sceptic */
    SAY_REPEAT,
    SAY_REPEAT_HOW,
    SAY_SEED,
    SAY_BLOCKS,
    SAY_TOOK,
    SAY_PLAN_SOURCE,
    SAY_ENVIRONMENT,
    SAY_AS_ABOVE,
    SAY_GATES,
    SAY_GATES_HOW,
    SAY_GATE,
    SAY_THRESHOLD,
    SAY_WORST,
    SAY_PASSED,
    SAY_INVALID_RUNS,
    SAY_INVALID_RUNS_NONE,
    SAY_SKIPPED_RUNS,
    SAY_BLOCK,
    SAY_CONDITION,
    SAY_FACTOR_VALUE,
    SAY_ENUMERATION,
    SAY_MS,
    SAY_S,
    SAY_PERCENT,
    SAY_QUANTITY,
    SAY_SATURATED,
    SAY_REASONS,
    SAY_NOTES,
    SAY_COUNT
};

/* From the table; %1 to %4 are replaced by the words given, in the same language. */
struct words words_say(enum say what);
struct words words_fill(enum say what, const struct words *const *with, size_t count);
#define WORDS_FILL(what, ...)                                                                      \
    words_fill(what, (const struct words *const[]){__VA_ARGS__},                                   \
               sizeof((const struct words *const[]){__VA_ARGS__}) / sizeof(const struct words *))

struct words words_plain(const char *text);                       /* the same in both */
struct words words_both(const char *english, const char *french); /* "" or NULL: as the other */
/* Three significant digits (before the point: all), thousands apart, decimal points as each
 * language has them; NAN: a dash. words_count(): whole numbers, every digit of them. */
struct words words_number(double value);
struct words words_count(double value);
struct words words_capital(struct words w);   /* as a sentence begins, but "p99" */
struct words words_unit(const char *english); /* "bytes": of factors and figures */

#endif
