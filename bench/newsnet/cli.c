#include "bench/newsnet/cli.h"

#include <stdlib.h>
#include <string.h>

#include "bench/newsnet/impair.h"

static void usage(FILE *out)
{
    fputs("Usage: newsnet [options] -- COMMAND_A... -- COMMAND_B... [-- COMMAND_C...]...\n"
          "\n"
          "Runs each command at an address of its own, A at 10.77.0.1, B at 10.77.0.2 and\n"
          "so on up to H, with a network between them that delays packets, loses them, and\n"
          "whatever else it is told: to all of them alike, each way. Without options it is\n"
          "a good network.\n"
          "\n"
          "Every side is a network namespace: apart from that device and its loopback it\n"
          "has no network. Files and UNIX sockets are shared as ever. What is lost are\n"
          "real packets: the kernel's own TCP and UDP meet what they would meet on a wire.\n"
          "Multicast and broadcast go to all other sides.\n"
          "\n"
          "The same seed treats the n-th packet from one side to another in the same way:\n"
          "its loss, its copy, its share of the jitter.\n"
          "\n"
          "When the last command ends, the others get SIGTERM, and SIGKILL 5 seconds\n"
          "later. SIGINT, SIGTERM or SIGHUP to newsnet end all of them likewise; the\n"
          "second one at once. The last command reads standard input, the others read\n"
          "nothing.\n"
          "\n"
          "At the end standard error tells, for each direction, what passed, what was lost\n"
          "and what did not fit into a queue; and how much later than due the network was\n"
          "with its packets, the median, the 99th percentile and the worst: what is\n"
          "measured through it cannot be more exact than that. A packet's time begins when\n"
          "newsnet has read it.\n"
          "\n"
          "It needs root, or CAP_SYS_ADMIN and CAP_NET_ADMIN; where everybody may open\n"
          "/dev/net/tun, \"unshare -rn newsnet ...\" does without.\n"
          "\n"
          "Exit status: the last command's, 128 + N if signal N ended it; 64 for a wrong\n"
          "command line, 69 where it is not possible (no /dev/net/tun), 70 if the network\n"
          "itself ended, 77 without the privilege.\n"
          "\n"
          "Examples:\n"
          "  newsnet -d 10 -l 5 -- newsrelay -l nrp://10.77.0.1 --insecure -- \\\n"
          "      newssub -b nrp://10.77.0.1\n"
          "  newsnet -d 50ms --rate 1000 --queue 50 -- iperf3 -s -- iperf3 -c 10.77.0.1\n"
          "  newsnet -l 2% --burst 4 --seed 7 -- sleep 1h -- ping -c 10 10.77.0.1\n",
          out);
}

#define AT(field) .at = offsetof(struct settings, field)

/* clang-format off: a table reads best with a row for each option. */
static const struct option options[] = {
    {.help = "The network, each way"},
    {.name = "delay",
     .letter = 'd',
     .type = OPTION_TEXT,
     .argument = "MS",
     .fallback = "0",
     AT(delay),
     .help = "milliseconds, 0.1 or 20; there and back takes twice that"},
    {.name = "jitter",
     .letter = 'j',
     .type = OPTION_TEXT,
     .argument = "MS",
     .fallback = "0",
     AT(jitter),
     .help = "up to so much more, uniform; packets keep their order"},
    {.name = "loss",
     .letter = 'l',
     .type = OPTION_TEXT,
     .argument = "PERCENT",
     .fallback = "0",
     AT(loss),
     .help = "of the packets are lost"},
    {.name = "burst",
     .type = OPTION_TEXT,
     .argument = "N",
     .fallback = "1",
     AT(burst),
     .help = "losses come in runs of N on average (Gilbert-Elliott); 1: each by itself"},
    {.name = "reorder",
     .type = OPTION_TEXT,
     .argument = "PERCENT",
     .fallback = "0",
     AT(reorder),
     .help = "go without the delay, past those before them"},
    {.name = "duplicate",
     .type = OPTION_TEXT,
     .argument = "PERCENT",
     .fallback = "0",
     AT(duplicate),
     .help = "arrive twice"},
    {.name = "corrupt",
     .type = OPTION_TEXT,
     .argument = "PERCENT",
     .fallback = "0",
     AT(corrupt),
     .help = "have one bit turned after their IP header; the receiving kernel finds out by their "
             "checksum and drops them"},
    {.name = "rate",
     .type = OPTION_TEXT,
     .argument = "KBIT",
     .fallback = "0",
     AT(rate),
     .help = "1000 bits a second of IP, from one side to another; 0: no limit"},
    {.name = "queue",
     .type = OPTION_NUMBER,
     .argument = "PACKETS",
     .fallback = "1000",
     .least = 1,
     .most = IMPAIR_QUEUE_MAX,
     AT(queue),
     .help = "that wait for the rate; what comes then does not fit, and is lost"},
    {.name = "seed",
     .letter = 's',
     .type = OPTION_NUMBER,
     .argument = "N",
     .fallback = "1",
     .most = INT64_MAX,
     AT(seed),
     .help = "of all that is left to chance"},

    {.help = "General"},
    {.name = "stats",
     .type = OPTION_TIME,
     .argument = "TIME",
     .fallback = "0",
     AT(stats_ms),
     .help = "tell the counts so often, too; 0: at the end alone"},
    {.name = "config",
     .letter = 'c',
     .type = OPTION_TEXT,
     .argument = "FILE",
     AT(config),
     .help = "settings as \"name = value\" lines"},
    {.name = "verbose",
     .letter = 'v',
     .type = OPTION_FLAG,
     AT(verbose),
     .help = "say what happens, on standard error"},
    {.name = "version", .letter = 'V', .type = OPTION_ACTION, .help = "print the version"},
    {.name = "help", .letter = 'h', .type = OPTION_ACTION, .help = "print this text"},
    {0},
};
/* clang-format on */

const struct program newsnet = {.name = "newsnet", .options = options, .usage = usage};

/* --- what they mean ---------------------------------------------------------------------- */

struct quantity {
    const char *option, *unit; /* the unit may follow the number */
    size_t from, to;           /* in settings, in impairment */
    double most, scale;
};

static bool read_quantity(const struct quantity *q, const char *text, double *value,
                          struct news_error *err)
{
    char *end;
    double number = strtod(text, &end);
    bool ok = end != text && (!*end || (*q->unit && strcmp(end, q->unit) == 0));
    if (!ok || !(number >= 0 && number <= q->most))
        return news_fail(err, NEWS_ERR_USAGE, "--%s: \"%.40s\" is not a number from 0 to %g%s",
                         q->option, text, q->most, q->unit);
    *value = number * q->scale;
    return true;
}

bool settings_impairment(const struct settings *s, struct impairment *out, struct news_error *err)
{
#define FIELDS(text, number) offsetof(struct settings, text), offsetof(struct impairment, number)
    static const struct quantity quantities[] = {
        {"delay", "ms", FIELDS(delay, delay_ms), 60000, 1},
        {"jitter", "ms", FIELDS(jitter, jitter_ms), 60000, 1},
        {"loss", "%", FIELDS(loss, loss), 100, 0.01},
        {"burst", "", FIELDS(burst, loss_burst), 1e6, 1},
        {"reorder", "%", FIELDS(reorder, reorder), 100, 0.01},
        {"duplicate", "%", FIELDS(duplicate, duplicate), 100, 0.01},
        {"corrupt", "%", FIELDS(corrupt, corrupt), 100, 0.01},
        {"rate", "", FIELDS(rate, rate_kbit), 1e9, 1},
    };
#undef FIELDS
    *out = (struct impairment){.queue_packets = (unsigned)s->queue};
    for (size_t i = 0; i < sizeof quantities / sizeof *quantities; i++) {
        const struct quantity *q = &quantities[i];
        const char *const *text = (const void *)((const char *)s + q->from);
        if (!read_quantity(q, *text, (void *)((char *)out + q->to), err)) return false;
    }
    return impair_check(out, err);
}

/* --- commands ---------------------------------------------------------------------------- */

int sides_split(int argc, char **argv, struct sides *s)
{
    int options_end = argc;
    *s = (struct sides){0};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--") != 0) continue;
        if (s->count == 0) options_end = i;
        if (i + 1 == argc || strcmp(argv[i + 1], "--") == 0) s->empty = true;
        if (s->count < NETLAB_SIDES_MAX) s->commands[s->count] = &argv[i + 1];
        s->count++;
        argv[i] = NULL;
    }
    return options_end;
}

bool sides_check(const struct sides *s, struct news_error *err)
{
    if (s->empty) return news_fail(err, NEWS_ERR_USAGE, "a \"--\" without a command after it");
    if (s->count >= 2 && s->count <= NETLAB_SIDES_MAX) return true;
    return news_fail(err, NEWS_ERR_USAGE,
                     "2 to %d commands are wanted, each after a \"--\", not %u", NETLAB_SIDES_MAX,
                     s->count);
}
