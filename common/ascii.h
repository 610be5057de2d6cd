/* common/ascii.h - eight bytes of text looked at together.
 *
 * Most of any feed is ASCII without anything special in it, and every pass over it costs as much as
 * the parser does; these let a pass step over eight bytes where nothing is to be done. */
#ifndef NEWS_ASCII_H
#define NEWS_ASCII_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define ASCII_ONES (UINT64_C(0x0101010101010101))
#define ASCII_TOPS (ASCII_ONES << 7)

static inline uint64_t ascii_load(const char *p)
{
    uint64_t w;
    memcpy(&w, p, sizeof w);
    return w;
}

/* True when none of eight bytes is beyond ASCII. */
static inline bool ascii_only(uint64_t w)
{
    return (w & ASCII_TOPS) == 0;
}

/* True when each of eight bytes is 0x20 to 0x7E: neither control nor beyond ASCII. */
static inline bool ascii_printable(uint64_t w)
{
    /* Subtracting 0x20 borrows from what is below it, adding 1 carries out of 0x7F. */
    return ((w | (w - ASCII_ONES * 0x20) | (w + ASCII_ONES)) & ASCII_TOPS) == 0;
}

/* True when eight bytes stand for themselves in a JSON string: printable, no quote, no backslash. */
static inline bool ascii_json(uint64_t w)
{
    uint64_t quote = w ^ (ASCII_ONES * '"'), backslash = w ^ (ASCII_ONES * '\\');
    uint64_t special = (quote - ASCII_ONES) & ~quote; /* tops where a byte is zero; a borrow may add */
    special |= (backslash - ASCII_ONES) & ~backslash; /* more above it, which only costs a look */
    return ascii_printable(w) && (special & ASCII_TOPS) == 0;
}

/* Of eight printable bytes, how many at the start form text whose blanks stand singly between other
 * characters: 8, 7 when the last is a blank, whose neighbour is unknown, or 0. */
static inline unsigned ascii_words(uint64_t w)
{
    uint64_t other = w ^ (ASCII_ONES * 0x20); /* zero bytes where the blanks are */
    uint64_t blank = (other - ASCII_ONES) & ~other & ASCII_TOPS;
    if ((blank & (blank << 8)) || (blank & 0x80)) return 0;
    return blank >> 63 ? 7 : 8;
}

#endif
