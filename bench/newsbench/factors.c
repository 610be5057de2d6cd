#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/newsbench/plan.h"

static const char *const arrivals_words[] = {"constant", "poisson", "burst", NULL};
static const char *const fault_words[] = {"none", "kill", "stop", NULL};

#define AT(field) .at = offsetof(struct cell, field)

/* clang-format off: a table reads best with a row for each factor. */
const struct factor factors[] = {
    {"publishers", FACTOR_COUNT, AT(publishers), 1, 64, "1", NULL, "", "publishers", "éditeurs"},
    {"subscribers", FACTOR_COUNT, AT(subscribers), 1, 2000, "10", NULL, "", "subscribers",
     "abonnés"},
    {"rate", FACTOR_NUMBER, AT(rate), 0.1, 1e6, "50", NULL, "items/s", "items a second",
     "articles par seconde"},
    {"seconds", FACTOR_SECONDS, AT(seconds), 0.5, 600, "10s", NULL, "s", "measured time",
     "durée mesurée"},
    {"payload", FACTOR_BYTES, AT(payload), 64, 262144, "512", NULL, "bytes", "payload", "contenu"},
    {"arrivals", FACTOR_WORD, AT(arrivals), 0, 0, "constant", arrivals_words, "", "arrivals",
     "arrivées"},
    {"burst", FACTOR_COUNT, AT(burst_items), 1, 100000, "200", NULL, "items", "items in a burst",
     "articles par rafale"},
    {"rtt", FACTOR_MS, AT(rtt_ms), 0, 10000, "0ms", NULL, "ms", "round trip", "aller-retour"},
    {"jitter", FACTOR_MS, AT(jitter_ms), 0, 10000, "0ms", NULL, "ms", "jitter", "gigue"},
    {"loss", FACTOR_SHARE, AT(loss), 0, 0.9, "0%", NULL, "%", "loss each way",
     "pertes dans chaque sens"},
    {"loss-burst", FACTOR_NUMBER, AT(loss_burst), 1, 100, "1", NULL, "packets",
     "mean run of losses", "longueur moyenne des pertes"},
    {"reorder", FACTOR_SHARE, AT(reorder), 0, 0.9, "0%", NULL, "%", "reordered", "réordonnés"},
    {"duplicate", FACTOR_SHARE, AT(duplicate), 0, 0.9, "0%", NULL, "%", "duplicated", "dupliqués"},
    {"corrupt", FACTOR_SHARE, AT(corrupt), 0, 0.9, "0%", NULL, "%", "damaged", "altérés"},
    {"bandwidth", FACTOR_NUMBER, AT(rate_kbit), 0, 1e7, "0", NULL, "kbit/s", "bandwidth", "débit"},
    {"queue", FACTOR_COUNT, AT(queue_packets), 1, 10000, "1000", NULL, "packets",
     "queue of the bottleneck", "file du goulet"},
    {"slow", FACTOR_COUNT, AT(slow_subscribers), 0, 2000, "0", NULL, "", "slow subscribers",
     "abonnés lents"},
    {"slow-share", FACTOR_SHARE, AT(slow_share), 0.01, 1, "10%", NULL, "%", "what slow ones read",
     "lecture des lents"},
    {"extra", FACTOR_MS, AT(extra_ms), 0, 1000, "0ms", NULL, "ms", "added delay", "délai ajouté"},
    {"fault", FACTOR_WORD, AT(fault), 0, 0, "none", fault_words, "", "fault of the server",
     "panne du serveur"},
    {"fault-seconds", FACTOR_SECONDS, AT(fault_seconds), 0.1, 60, "3s", NULL, "s",
     "the fault lasts", "durée de la panne"},
    {NULL, FACTOR_COUNT, 0, 0, 0, NULL, NULL, NULL, NULL, NULL},
};
/* clang-format on */

/* How numbers of each type are written, and what one of it is in the field's unit. */
static const struct {
    const char *suffix;
    double scale; /* the number written, times this, is the field */
} forms[] = {
    [FACTOR_COUNT] = {"", 1},    [FACTOR_NUMBER] = {"", 1},    [FACTOR_MS] = {"ms", 1},
    [FACTOR_SECONDS] = {"s", 1}, [FACTOR_SHARE] = {"%", 0.01}, [FACTOR_BYTES] = {"", 1},
    [FACTOR_WORD] = {"", 1},
};

static void *field_of(const struct factor *f, const struct cell *c)
{
    return (char *)(uintptr_t)c + f->at;
}

double factor_value(const struct factor *f, const struct cell *c)
{
    const void *field = field_of(f, c);
    switch (f->type) {
    case FACTOR_COUNT: return *(const unsigned *)field;
    case FACTOR_BYTES: return (double)*(const uint64_t *)field;
    case FACTOR_WORD: return *(const int *)field;
    default: return *(const double *)field;
    }
}

static void store(const struct factor *f, struct cell *c, double value)
{
    void *field = field_of(f, c);
    switch (f->type) {
    case FACTOR_COUNT: *(unsigned *)field = (unsigned)value; break;
    case FACTOR_BYTES: *(uint64_t *)field = (uint64_t)value; break;
    case FACTOR_WORD: *(int *)field = (int)value; break;
    default: *(double *)field = value;
    }
}

void factor_print(const struct factor *f, const struct cell *c, char *out, size_t size)
{
    double value = factor_value(f, c);
    if (f->type == FACTOR_WORD) (void)snprintf(out, size, "%s", f->words[(int)value]);
    else (void)snprintf(out, size, "%.10g%s", value / forms[f->type].scale, forms[f->type].suffix);
}

static bool set_word(const struct factor *f, struct cell *c, const char *text,
                     struct news_error *err)
{
    for (int i = 0; f->words[i]; i++) {
        if (strcmp(f->words[i], text) != 0) continue;
        store(f, c, i);
        return true;
    }
    return news_fail(err, NEWS_ERR_CONFIG, "%s: \"%.60s\" is not one of %s, %s, ...", f->name, text,
                     f->words[0], f->words[1]);
}

bool factor_set(const struct factor *f, struct cell *c, const char *text, struct news_error *err)
{
    char *end;
    const char *suffix = forms[f->type].suffix;
    if (f->type == FACTOR_WORD) return set_word(f, c, text, err);
    bool number = isdigit((unsigned char)*text) != 0; /* no hexadecimal, inf or nan */
    double value = number && !strpbrk(text, "xX") ? strtod(text, &end) : NAN;
    if (isnan(value) || strcmp(end, suffix) != 0)
        return news_fail(err, NEWS_ERR_CONFIG, "%s: \"%.60s\" is not a number%s%s", f->name, text,
                         *suffix ? " with " : "", suffix);
    value *= forms[f->type].scale;
    bool whole = f->type == FACTOR_COUNT || f->type == FACTOR_BYTES;
    if (value < f->least || value > f->most || (whole && value != floor(value)))
        return news_fail(err, NEWS_ERR_CONFIG, "%s: %s is not within %.10g to %.10g%s", f->name,
                         text, f->least / forms[f->type].scale, f->most / forms[f->type].scale,
                         suffix);
    store(f, c, value);
    return true;
}
