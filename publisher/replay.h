/* publisher/replay.h - when the lines of a recording are due: pure arithmetic, testable without a
 * clock.
 *
 * The first one is due at once, each further one after the time that lay between its coming and
 * that of the one before, divided by the speed. Times that go backwards (two recordings one behind
 * the other), and lines without one, are due with the line before. Who is late by less than
 * REPLAY_LATE_MS catches up; after a longer pause it goes on from there. */
#ifndef PUBLISHER_REPLAY_H
#define PUBLISHER_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

#define REPLAY_LATE_MS   1000
#define REPLAY_SPEED_MAX 1000000

struct replay {
    double speed; /* 0: as fast as it goes */
    bool started;
    int64_t last_ms;       /* when the line before came; DATE_UNKNOWN */
    double recorded_ms;    /* since the first line */
    int64_t start_mono_ms; /* when the first line was due, moved by pauses */
    int64_t due_mono_ms;   /* of the line before */
};

void replay_init(struct replay *r, double speed);
/* "0.5", "60", "60x". False: not a number from 0 to REPLAY_SPEED_MAX. */
bool replay_speed(const char *text, double *speed, struct news_error *err);

/* When the next line, which came at received_ms (DATE_UNKNOWN), is due; the line before has been
 * sent by now. */
int64_t replay_next(struct replay *r, int64_t received_ms, int64_t now_mono_ms);

#endif
