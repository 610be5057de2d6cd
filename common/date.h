/* common/date.h - times as milliseconds since 1970-01-01T00:00Z, read and written as text.
 *
 * Pure functions; no locale, no global time zone except date_local(). */
#ifndef NEWS_DATE_H
#define NEWS_DATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DATE_UNKNOWN INT64_MIN
#define DATE_RFC3339_SIZE 32 /* enough for any date_rfc3339() with its NUL */

int64_t date_now_ms(void);  /* CLOCK_REALTIME */
int64_t date_mono_ms(void); /* CLOCK_MONOTONIC, for deadlines */

/* RFC 3339 in UTC: "2026-11-23T14:02:07Z", with ".123" only where the milliseconds are not 0.
 * unix_ms: years 0 to 9999. */
void date_rfc3339(int64_t unix_ms, char out[DATE_RFC3339_SIZE]);

/* Strict RFC 3339 date-time (any offset, any fraction). False leaves *unix_ms alone. */
bool date_parse_rfc3339(const char *text, size_t len, int64_t *unix_ms);

/* Dates as found in the wild (spec: feeds): RFC 822 in all its shapes, W3CDTF down to the year,
 * asctime, localised month and day names, 12-hour clocks, Y/M/D. No zone means UTC. False: not a
 * date, or an impossible one (day 99, hour 25, year above 9999). */
bool date_parse_any(const char *text, size_t len, int64_t *unix_ms);

#endif
