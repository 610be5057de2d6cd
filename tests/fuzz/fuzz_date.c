/* Whatever the text is, a date that is read can be written and read again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/date.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t ms, again;
    char text[DATE_RFC3339_SIZE];
    (void)date_parse_rfc3339((const char *)data, size, &ms);
    if (!date_parse_any((const char *)data, size, &ms)) return 0;
    date_rfc3339(ms, text);
    /* A zone may carry the last day of 9999, or the first of year 1, over the edge. */
    const int64_t first = INT64_C(-62135596800000), last = INT64_C(253402300799999);
    if (ms < first || ms > last) return 0;
    if (!date_parse_rfc3339(text, strlen(text), &again) || again != ms) abort();
    return 0;
}
