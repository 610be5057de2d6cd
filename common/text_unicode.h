/* common/text_unicode.h - what the text_*.c files share of utf8proc; nobody else includes it. */
#ifndef NEWS_TEXT_UNICODE_H
#define NEWS_TEXT_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <utf8proc.h>

struct range {
    uint32_t first, last;
};

/* ranges are sorted. */
static inline bool range_find(const struct range *ranges, size_t count, uint32_t code_point)
{
    for (size_t i = 0; i < count; i++)
        if (code_point <= ranges[i].last) return code_point >= ranges[i].first;
    return false;
}

static inline const utf8proc_property_t *unicode_property(uint32_t code_point)
{
    return utf8proc_get_property((utf8proc_int32_t)code_point);
}

/* Conjoining Hangul vowels and finals: letters, but they take no column of their own and pile up
 * on the initial before them as marks do. */
static inline bool unicode_is_hangul_tail(const utf8proc_property_t *property)
{
    return property->boundclass == UTF8PROC_BOUNDCLASS_V ||
           property->boundclass == UTF8PROC_BOUNDCLASS_T;
}

#endif
