/* tests/support/wait.h - waiting for conditions, never for a fixed time. */
#ifndef NEWS_TEST_WAIT_H
#define NEWS_TEST_WAIT_H

#include <stdbool.h>
#include <stdint.h>

/* Long enough for a loaded machine under valgrind; a test that passes never waits that long. */
#define WAIT_MS 20000

/* True as soon as condition(user) is; false after timeout_ms. Asks every few milliseconds. */
bool wait_until(bool (*condition)(void *user), void *user, int timeout_ms);

/* What is left of a deadline (of date_mono_ms()), for poll(): 0 when it has passed. */
int wait_left_ms(int64_t deadline_mono_ms);

#endif
