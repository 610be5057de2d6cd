#include "bench/newsbench/schedule.h"

#include <math.h>
#include <stdlib.h>

static double uniform(uint64_t *state) /* xorshift64*: in (0, 1] */
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (double)((*state * 0x2545f4914f6cdd1du >> 11) + 1) / 9007199254740992.0;
}

/* The wait from item n to the next, seconds. */
static double wait_constant(const struct schedule_spec *s, size_t n, uint64_t *state)
{
    (void)n, (void)state;
    return 1 / s->rate;
}

static double wait_poisson(const struct schedule_spec *s, size_t n, uint64_t *state)
{
    (void)n;
    return -log(uniform(state)) / s->rate;
}

static double wait_burst(const struct schedule_spec *s, size_t n, uint64_t *state)
{
    (void)state;
    unsigned items = s->burst_items ? s->burst_items : 1;
    return (n + 1) % items == 0 ? items / s->rate : 0;
}

int64_t *schedule_make(const struct schedule_spec *spec, size_t *count)
{
    static double (*const waits[ARRIVALS_COUNT])(const struct schedule_spec *, size_t,
                                                 uint64_t *) = {[ARRIVALS_CONSTANT] = wait_constant,
                                                                [ARRIVALS_POISSON] = wait_poisson,
                                                                [ARRIVALS_BURST] = wait_burst};
    uint64_t state = spec->seed * 0x9e3779b97f4a7c15u + 1;
    size_t size = 1024, n = 0;
    int64_t *due = malloc(size * sizeof *due);
    /* Of constant arrivals n / rate, and not a sum of rounded waits. */
    for (double at = 0; due && at < spec->seconds - 1e-9; n++) {
        if (n == size) {
            int64_t *more = realloc(due, (size *= 2) * sizeof *due);
            if (!more) free(due);
            due = more;
            if (!due) break;
        }
        due[n] = (int64_t)llround(at * 1e9);
        at = spec->arrivals == ARRIVALS_CONSTANT ? (double)(n + 1) / spec->rate
                                                 : at + waits[spec->arrivals](spec, n, &state);
    }
    *count = due ? n : 0;
    return due;
}
