#include "tests/support/wait.h"

#include <limits.h>
#include <poll.h>
#include <stddef.h>

#include "common/date.h"

#define STEP_MS 5

int wait_left_ms(int64_t deadline_mono_ms)
{
    int64_t left = deadline_mono_ms - date_mono_ms();
    if (left <= 0) return 0;
    return left > INT_MAX ? INT_MAX : (int)left;
}

bool wait_until(bool (*condition)(void *user), void *user, int timeout_ms)
{
    int64_t deadline_ms = date_mono_ms() + timeout_ms;
    while (!condition(user)) {
        if (date_mono_ms() >= deadline_ms) return false;
        (void)poll(NULL, 0, STEP_MS);
    }
    return true;
}
