#include "bench/newsbench/cli.h"

static void usage(FILE *out)
{
    fputs("Usage: newsbench run PLAN [options]\n"
          "       newsbench sweep PLAN [options]\n"
          "       newsbench report RESULT... [options]\n"
          "       newsbench plans\n"
          "\n"
          "Measures what MQTT, NRP over TCP and UDP, and plain sockets cost and give for news:\n"
          "latency from the time an item was due, loss, bytes on the wire, CPU. A plan says what\n"
          "is compared; PLAN is a file, or the name of one that newsbench brings (newsbench\n"
          "plans). Servers, publishers and subscribers are started and ended by newsbench. Cells\n"
          "with delay or loss need root and /dev/net/tun, and are skipped without.\n"
          "\n"
          "run     every cell in every block, in a seeded random order\n"
          "sweep   raises the rate by 1.3 until less than 99 % arrive, or p99 is above --slo\n"
          "report  shows results of run once more; with --html as one page\n"
          "plans   the plans there are\n"
          "\n"
          "Begin with: newsbench run default --quick (about two minutes)\n",
          out);
}

#define RUN       .commands = NEWSBENCH_RUN
#define MEASURE   .commands = NEWSBENCH_RUN | NEWSBENCH_SWEEP
#define REPORT    .commands = NEWSBENCH_RUN | NEWSBENCH_REPORT
#define AT(field) .at = offsetof(struct settings, field)

/* clang-format off: a table reads best with a row for each option. */
static const struct option options[] = {
    {.help = "What to measure", MEASURE},
    {.name = "quick",
     .letter = 'q',
     .type = OPTION_FLAG,
     MEASURE,
     AT(quick),
     .help = "three blocks of short runs: indicative, in a few minutes"},
    {.name = "blocks",
     .type = OPTION_NUMBER,
     .argument = "N",
     .least = 1,
     .most = 1000,
     RUN,
     AT(blocks),
     .help = "how often each cell is run (default: as the plan says; a verdict needs 6)"},
    {.name = "seed",
     .type = OPTION_NUMBER,
     .argument = "N",
     .least = 1,
     .most = 1000000000,
     MEASURE,
     AT(seed),
     .help = "of the order, the schedules and the network (default: as the plan says)"},
    {.name = "slo",
     .type = OPTION_TIME,
     .argument = "TIME",
     .fallback = "100ms",
     .commands = NEWSBENCH_SWEEP,
     AT(slo_ms),
     .help = "the p99 latency that sweep must not exceed"},
    {.name = "spin",
     .type = OPTION_FLAG,
     MEASURE,
     AT(spin),
     .help = "publishers wait busily for the last 200 us: more exact where cores are idle"},
    {.name = "mosquitto",
     .type = OPTION_TEXT,
     .argument = "FILE",
     MEASURE,
     AT(mosquitto),
     .help = "the broker to measure (default: from PATH)"},
    {.name = "newsrelay",
     .type = OPTION_TEXT,
     .argument = "FILE",
     MEASURE,
     AT(newsrelay),
     .help = "the relay to measure (default: beside newsbench, or from PATH)"},
    {.help = "Results", REPORT},
    {.name = "output",
     .letter = 'o',
     .type = OPTION_TEXT,
     .argument = "FILE",
     RUN,
     AT(output),
     .help = "the result as JSON, written after each run (default PLAN.json here)"},
    {.name = "resume",
     .type = OPTION_FLAG,
     RUN,
     AT(resume),
     .help = "goes on with the result there is: what was measured is not measured again"},
    {.name = "html",
     .type = OPTION_TEXT,
     .argument = "FILE",
     REPORT,
     AT(html),
     .help = "a page with plots for a browser, English and French, that needs nothing else"},
    {.name = "csv",
     .type = OPTION_TEXT,
     .argument = "FILE",
     REPORT,
     AT(csv),
     .help = "a row for each run; and FILE.subscribers with a row for each subscriber"},
    {.name = "hgrm",
     .type = OPTION_TEXT,
     .argument = "FOLDER",
     REPORT,
     AT(hgrm),
     .help = "a histogram of response latency for each run, as HdrHistogram's tools read it"},
    {.name = "strict",
     .type = OPTION_FLAG,
     REPORT,
     AT(strict),
     .help = "exit with 65 if a run was invalid, or an item was lost without a word"},
    {.help = "General"},
    {.name = "config",
     .type = OPTION_TEXT,
     .argument = "FILE",
     AT(config),
     .help = "settings of this table, a line each"},
    {.name = "verbose",
     .letter = 'v',
     .type = OPTION_FLAG,
     AT(verbose),
     .help = "say what is started and ended"},
    {.name = "version", .letter = 'V', .type = OPTION_ACTION, .help = "print the version"},
    {.name = "help", .letter = 'h', .type = OPTION_ACTION, .help = "print this"},
    {0},
};
/* clang-format on */

const struct program newsbench = {.name = "newsbench", .options = options, .usage = usage};
