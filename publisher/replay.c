#include "publisher/replay.h"

#include <stdlib.h>
#include <string.h>

#include "common/date.h"

#define WAIT_MAX_MS 1e15 /* thirty thousand years: what it takes to stay clear of overflow */

void replay_init(struct replay *r, double speed)
{
    *r = (struct replay){.speed = speed, .last_ms = DATE_UNKNOWN};
}

bool replay_speed(const char *text, double *speed, struct news_error *err)
{
    char *end;
    size_t digits = strspn(text, "0123456789.");
    double value = strtod(text, &end);
    bool number = digits > 0 && end == text + digits; /* neither hexadecimal nor "1e9" */
    if (*end == 'x') end++;
    if (number && *end == '\0' && value <= REPLAY_SPEED_MAX) {
        *speed = value;
        return true;
    }
    return news_fail(err, NEWS_ERR_USAGE, "--speed: \"%.40s\" is not a number from 0 to %d", text,
                     REPLAY_SPEED_MAX);
}

static double wait_ms(const struct replay *r)
{
    double wait = r->recorded_ms / r->speed;
    return wait < WAIT_MAX_MS ? wait : WAIT_MAX_MS;
}

int64_t replay_next(struct replay *r, int64_t received_ms, int64_t now_mono_ms)
{
    if (r->speed <= 0) return now_mono_ms;
    if (!r->started) r->start_mono_ms = r->due_mono_ms = now_mono_ms;
    r->started = true;
    if (now_mono_ms - r->due_mono_ms >= REPLAY_LATE_MS)
        r->start_mono_ms += now_mono_ms - r->due_mono_ms;
    if (received_ms != DATE_UNKNOWN) {
        if (r->last_ms != DATE_UNKNOWN && received_ms > r->last_ms)
            r->recorded_ms += (double)(received_ms - r->last_ms);
        r->last_ms = received_ms;
    }
    r->due_mono_ms = r->start_mono_ms + (int64_t)wait_ms(r);
    return r->due_mono_ms;
}
