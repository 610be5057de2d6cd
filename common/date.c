#include "common/date.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    MS_PER_SECOND = 1000,
    SECONDS_PER_DAY = 86400,
    TEXT_MAX = 128, /* bytes; what is longer is prose, not a date */
    WORD_MAX = 24,  /* bytes of the longest word that means something, with its NUL */
    NOT_SEEN = -1,
};

static int64_t clock_ms(clockid_t clock)
{
    struct timespec t;
    (void)clock_gettime(clock, &t); /* cannot fail for the two clocks below */
    return (int64_t)t.tv_sec * MS_PER_SECOND + t.tv_nsec / 1000000;
}

int64_t date_now_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

int64_t date_mono_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

/* ---- the calendar ---- */

struct parts { /* what a text said; NOT_SEEN where it said nothing */
    int year, month, day;
    int hour, minute, second, ms;
    int zone_minutes; /* east of Greenwich */
    bool zone;        /* a numeric offset or a known name was seen */
    bool am, pm;
};

static bool leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && leap(year) ? 29 : days[month - 1];
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar. Years are counted from March, so that
 * the leap day is the last of its year. */
static int64_t days_from_civil(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static bool day_exists(const struct parts *p)
{
    return p->year >= 0 && p->year <= 9999 && p->month >= 1 && p->month <= 12 && p->day >= 1 &&
           p->day <= month_days(p->year, p->month);
}

/* 24:00 is the end of the day (ISO 8601), second 60 a leap second: both count on. */
static bool time_exists(const struct parts *p)
{
    if (p->hour == 24) return p->minute == 0 && p->second == 0 && p->ms == 0;
    return p->hour >= 0 && p->hour <= 23 && p->minute >= 0 && p->minute <= 59 && p->second >= 0 &&
           p->second <= 60;
}

static bool parts_to_ms(const struct parts *p, int64_t *unix_ms)
{
    if (!day_exists(p) || !time_exists(p)) return false;
    int64_t seconds = days_from_civil(p->year, p->month, p->day) * SECONDS_PER_DAY +
                      (p->hour * 60 + p->minute - p->zone_minutes) * 60 + p->second;
    *unix_ms = seconds * MS_PER_SECOND + p->ms;
    return true;
}

void date_rfc3339(int64_t unix_ms, char out[DATE_RFC3339_SIZE])
{
    int64_t ms = unix_ms % MS_PER_SECOND;
    if (ms < 0) ms += MS_PER_SECOND;
    time_t seconds = (time_t)((unix_ms - ms) / MS_PER_SECOND);
    struct tm t;
    char fraction[8] = "";
    if (!gmtime_r(&seconds, &t)) t = (struct tm){.tm_year = 70, .tm_mday = 1};
    if (ms) (void)snprintf(fraction, sizeof fraction, ".%03u", (unsigned)ms % MS_PER_SECOND);
    (void)snprintf(out, DATE_RFC3339_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u%sZ",
                   (unsigned)(t.tm_year + 1900) % 10000, (unsigned)(t.tm_mon + 1) % 100,
                   (unsigned)t.tm_mday % 100, (unsigned)t.tm_hour % 100, (unsigned)t.tm_min % 100,
                   (unsigned)t.tm_sec % 100, fraction);
}

/* ---- reading: a cursor over bytes ---- */

struct scan {
    const char *at, *end;
};

struct number {
    int value; /* capped: beyond any date once digits is above 8 */
    int digits;
};

static int peek(const struct scan *s, ptrdiff_t ahead)
{
    return s->end - s->at > ahead ? (unsigned char)s->at[ahead] : 0;
}

static bool accept(struct scan *s, char c)
{
    if (peek(s, 0) != (unsigned char)c) return false;
    s->at++;
    return true;
}

/* At most max digits; more of them are left standing. */
static struct number read_number(struct scan *s, int max)
{
    struct number n = {0, 0};
    while (n.digits < max && isdigit(peek(s, 0))) {
        if (n.digits < 8) n.value = n.value * 10 + (*s->at - '0');
        n.digits++;
        s->at++;
    }
    return n;
}

static bool read_fixed(struct scan *s, int digits, int *value)
{
    struct number n = read_number(s, digits);
    *value = n.value;
    return n.digits == digits;
}

/* The digits after the decimal mark, as milliseconds; what is finer is cut off. */
static bool read_fraction(struct scan *s, int *ms)
{
    static const int scale[] = {0, 100, 10, 1};
    struct number n = read_number(s, 3);
    if (n.digits == 0) return false;
    *ms = n.value * scale[n.digits];
    while (isdigit(peek(s, 0)))
        s->at++;
    return true;
}

/* ---- RFC 3339, strict ---- */

static bool read_strict_offset(struct scan *s, struct parts *p)
{
    if (accept(s, 'Z') || accept(s, 'z')) return true;
    int hours, minutes, sign = peek(s, 0) == '-' ? -1 : 1;
    if (!accept(s, '+') && !accept(s, '-')) return false;
    if (!read_fixed(s, 2, &hours) || !accept(s, ':') || !read_fixed(s, 2, &minutes)) return false;
    p->zone_minutes = sign * (hours * 60 + minutes);
    return hours <= 23 && minutes <= 59;
}

bool date_parse_rfc3339(const char *text, size_t len, int64_t *unix_ms)
{
    struct scan s = {text, text + len};
    struct parts p = {0};
    bool shape = read_fixed(&s, 4, &p.year) && accept(&s, '-') && read_fixed(&s, 2, &p.month) &&
                 accept(&s, '-') && read_fixed(&s, 2, &p.day) &&
                 (accept(&s, 'T') || accept(&s, 't')) && read_fixed(&s, 2, &p.hour) &&
                 accept(&s, ':') && read_fixed(&s, 2, &p.minute) && accept(&s, ':') &&
                 read_fixed(&s, 2, &p.second) && (!accept(&s, '.') || read_fraction(&s, &p.ms)) &&
                 read_strict_offset(&s, &p) && s.at == s.end;
    return shape && p.hour <= 23 && parts_to_ms(&p, unix_ms);
}

/* ---- dates as found in the wild ---- */

/* Lower case, parted and surrounded by blanks. English German French Spanish Portuguese Italian
 * Dutch Scandinavian Russian; "mar" is also a Tuesday, see take_month(). */
static const char *const months[] = {
    " jan january januar jänner jän janvier janv enero ene janeiro gennaio gen januari"
    " янв января январь ",
    " feb february februar feber février fevrier févr fevr fév fev febrero fevereiro febbraio"
    " februari фев февр февраля февраль ",
    " mar march märz maerz mär mrz mars marzo março marco maart mrt мар марта март ",
    " apr april avril avr abril abr aprile апр апреля апрель ",
    " may mai mayo maio maggio mag mei maj май мая ",
    " jun june juni juin junio junho giugno giu июн июня июнь ",
    " jul july juli juillet juil julio julho luglio lug июл июля июль ",
    " aug august août aout aoû agosto ago augustus augusti авг августа август ",
    " sep sept september septembre septiembre setiembre setembro set settembre"
    " сен сент сентября сентябрь ",
    " oct october okt oktober octobre octubre outubro out ottobre ott окт октября октябрь ",
    " nov november novembre noviembre novembro ноя нояб ноября ноябрь ",
    " dec december dez dezember décembre decembre déc diciembre dic dezembro dicembre des"
    " desember дек декабря декабрь ",
};

/* Words that stand between the parts of a date and mean nothing. */
static const char fillers[] = " t de del of the at um à às a las le den il o uhr г в ";

/* Abbreviations are ambiguous; these are the readings that feeds mean. Other single letters
 * (military zones) count as unknown, RFC 5322 §4.3. Hours that follow the season ("ET") are read as
 * standard time. */
static const struct zone {
    const char *name;
    int minutes;
} zones[] = {
    {"z", 0},       {"ut", 0},      {"utc", 0},    {"gmt", 0},    {"wet", 0},     {"est", -300},
    {"edt", -240},  {"et", -300},   {"cst", -360}, {"cdt", -300}, {"ct", -360},   {"mst", -420},
    {"mdt", -360},  {"mt", -420},   {"pst", -480}, {"pdt", -420}, {"pt", -480},   {"akst", -540},
    {"akdt", -480}, {"hst", -600},  {"ast", -240}, {"adt", -180}, {"nst", -210},  {"ndt", -150},
    {"brt", -180},  {"brst", -120}, {"art", -180}, {"clt", -240}, {"clst", -180}, {"bst", 60},
    {"west", 60},   {"cet", 60},    {"cest", 120}, {"met", 60},   {"mest", 120},  {"mez", 60},
    {"mesz", 120},  {"wat", 60},    {"eet", 120},  {"eest", 180}, {"cat", 120},   {"sast", 120},
    {"msk", 180},   {"msd", 240},   {"trt", 180},  {"eat", 180},  {"irst", 210},  {"gst", 240},
    {"pkt", 300},   {"ist", 330},   {"wib", 420},  {"ict", 420},  {"hkt", 480},   {"sgt", 480},
    {"myt", 480},   {"pht", 480},   {"awst", 480}, {"jst", 540},  {"kst", 540},   {"acst", 570},
    {"aest", 600},  {"acdt", 630},  {"aedt", 660}, {"nzst", 720}, {"nzdt", 780},
};

static bool is_letter(int c)
{
    return isalpha(c) || c >= 0x80;
}

/* Lower case of what month names need: ASCII, Latin-1 letters and Cyrillic, in UTF-8. */
static void fold_case(char *w)
{
    for (; *w; w++) {
        unsigned char c = (unsigned char)w[0], next = (unsigned char)w[1];
        if (c < 0x80) {
            w[0] = (char)tolower(c);
        } else if (c == 0xC3 && next >= 0x80 && next <= 0x9E) {
            *++w = (char)(next + 0x20);
        } else if (c == 0xD0 && next >= 0x90 && next <= 0x9F) {
            *++w = (char)(next + 0x20);
        } else if (c == 0xD0 && next >= 0xA0 && next <= 0xAF) {
            w[0] = (char)0xD1;
            *++w = (char)(next - 0x20);
        }
    }
}

/* A run of letters in lower case, dots within it dropped ("p.m."); too long a one reads as "?". */
static void read_word(struct scan *s, char out[WORD_MAX])
{
    size_t len = 0;
    while (is_letter(peek(s, 0)) || (peek(s, 0) == '.' && is_letter(peek(s, 1)))) {
        if (*s->at != '.' && len < WORD_MAX) out[len++] = *s->at;
        s->at++;
    }
    if (len == WORD_MAX) len = (size_t)(stpcpy(out, "?") - out);
    out[len] = '\0';
    fold_case(out);
}

static bool listed(const char *list, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = strstr(list, word); at; at = strstr(at + 1, word)) {
        if (at[-1] == ' ' && at[len] == ' ') return true; /* the lists start and end with a blank */
    }
    return false;
}

/* 1 to 12, or 0. */
static int month_of(const char *word)
{
    for (int i = 0; i < 12; i++) {
        if (listed(months[i], word)) return i + 1;
    }
    return 0;
}

static const struct zone *zone_of(const char *word)
{
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++) {
        if (strcmp(zones[i].name, word) == 0) return &zones[i];
    }
    return NULL;
}

static bool take_meridiem(struct parts *p, const char *word)
{
    if (strcmp(word, "am") != 0 && strcmp(word, "pm") != 0) return false;
    p->am = word[0] == 'a';
    p->pm = word[0] == 'p';
    return true;
}

/* A later month wins: in "Mar, 07 Mai 2019" the first word is a Tuesday. */
static bool take_month(struct parts *p, const char *word)
{
    int month = month_of(word);
    if (month) p->month = month;
    return month != 0;
}

static bool take_zone(struct parts *p, const char *word)
{
    const struct zone *zone = zone_of(word);
    if (zone && !p->zone) p->zone_minutes = zone->minutes;
    if (zone) p->zone = true;
    return zone != NULL;
}

static bool take_word(struct scan *s, struct parts *p, bool first)
{
    char word[WORD_MAX];
    read_word(s, word);
    if (take_meridiem(p, word) || take_month(p, word) || take_zone(p, word)) return true;
    if (listed(fillers, word)) return true;
    /* The first word may be a weekday in any language; one after the clock is a zone we do not
     * know, and a date some hours off is better than none. */
    return first || (p->hour != NOT_SEEN && strlen(word) <= 5);
}

/* After "hour" and its ':' (or the 'h' of French). */
static bool take_clock(struct scan *s, struct parts *p, struct number hour)
{
    if (p->hour != NOT_SEEN || hour.digits > 2) return false;
    struct number minute = read_number(s, 2);
    if (minute.digits == 0) return false;
    p->hour = hour.value;
    p->minute = minute.value;
    if (accept(s, ':')) {
        struct number second = read_number(s, 2);
        if (second.digits == 0) return false;
        p->second = second.value;
        if ((peek(s, 0) == '.' || peek(s, 0) == ',') && isdigit(peek(s, 1))) {
            s->at++;
            return read_fraction(s, &p->ms);
        }
    }
    return true;
}

/* RFC 5322 §4.3: 00-49 is this century, 50-99 and three digits count from 1900. */
static bool take_year(struct parts *p, struct number n)
{
    if (p->year != NOT_SEEN || n.digits < 2 || n.digits > 4) return false;
    p->year = n.value;
    if (n.digits == 2) p->year += n.value < 50 ? 2000 : 1900;
    if (n.digits == 3) p->year += 1900;
    return true;
}

/* Numbers parted by one of - / . with first already read: Y-M-D, Y-M, else D.M.Y, D-M-Y and the
 * American M/D/Y, which gives way when only the other order is possible. */
static bool take_group(struct scan *s, struct parts *p, struct number first)
{
    char mark = *s->at++;
    struct number second = read_number(s, 4), third = {0, 0};
    if (peek(s, 0) == (unsigned char)mark && isdigit(peek(s, 1))) {
        s->at++;
        third = read_number(s, 5);
    }
    if (p->month != NOT_SEEN || p->day != NOT_SEEN) return false;
    if (first.digits == 4) {
        p->month = second.value;
        p->day = third.digits ? third.value : NOT_SEEN;
        return second.digits <= 2 && third.digits <= 2 && take_year(p, first);
    }
    if (first.digits > 2 || second.digits > 2) return false;
    bool month_first = mark == '/' ? first.value <= 12 : second.value > 12;
    p->month = month_first ? first.value : second.value;
    p->day = month_first ? second.value : first.value;
    return take_year(p, third);
}

/* 20030131, 20030131101502, and the clock of 20030131T101502. */
static bool take_compact(struct parts *p, const char *digits, int count)
{
    struct scan s = {digits, digits + count};
    if (p->year == NOT_SEEN && count >= 8) {
        (void)read_fixed(&s, 4, &p->year);
        (void)read_fixed(&s, 2, &p->month);
        (void)read_fixed(&s, 2, &p->day);
    }
    if (s.at == s.end) return true;
    if (p->hour != NOT_SEEN || s.end - s.at < 4) return false;
    (void)read_fixed(&s, 2, &p->hour);
    (void)read_fixed(&s, 2, &p->minute);
    return s.at == s.end || (read_fixed(&s, 2, &p->second) && s.at == s.end);
}

static bool hour_alone(const struct scan *s) /* "10 PM" */
{
    struct scan ahead = *s;
    char word[WORD_MAX];
    (void)accept(&ahead, ' ');
    read_word(&ahead, word);
    return strcmp(word, "am") == 0 || strcmp(word, "pm") == 0;
}

static bool take_loose(struct scan *s, struct parts *p, struct number n)
{
    static const char ordinals[][4] = {"st", "nd", "rd", "th", "er", "º", "ª"};
    if (n.digits > 2 || p->day != NOT_SEEN) {
        if (n.digits <= 2 && p->hour == NOT_SEEN && hour_alone(s)) {
            p->hour = n.value;
            return true;
        }
        return take_year(p, n);
    }
    p->day = n.value;
    for (size_t i = 0; i < sizeof ordinals / sizeof *ordinals; i++) {
        size_t len = strlen(ordinals[i]);
        if ((size_t)(s->end - s->at) >= len && memcmp(s->at, ordinals[i], len) == 0) {
            s->at += len;
            break;
        }
    }
    return true;
}

static bool take_number(struct scan *s, struct parts *p)
{
    const char *digits = s->at;
    struct number n = read_number(s, 15);
    int next = peek(s, 0);
    bool more = isdigit(peek(s, 1));
    bool dated = p->year != NOT_SEEN && p->day != NOT_SEEN;
    if (more && (next == ':' || next == 'h')) {
        s->at++;
        return take_clock(s, p, n);
    }
    if (more && p->year == NOT_SEEN && (next == '-' || next == '/' || next == '.'))
        return take_group(s, p, n);
    if (n.digits == 8 || n.digits == 12 || n.digits == 14 ||
        (dated && (n.digits == 4 || n.digits == 6)))
        return take_compact(p, digits, n.digits);
    return take_loose(s, p, n);
}

/* "+0100", "+01:00", "+1", also behind a name: "GMT+01:00". Without a clock before it the dash
 * only parts words, as in "07-Sep-2002". */
static bool take_sign(struct scan *s, struct parts *p)
{
    int sign = *s->at++ == '-' ? -1 : 1;
    if (p->hour == NOT_SEEN || !isdigit(peek(s, 0))) return sign < 0;
    struct number hours = read_number(s, 4), minutes = {0, 0};
    if (hours.digits > 2) {
        minutes.value = hours.value % 100;
        hours.value /= 100;
    } else if (accept(s, ':')) {
        minutes = read_number(s, 2);
    }
    p->zone = true;
    p->zone_minutes = sign * (hours.value * 60 + minutes.value);
    return hours.value <= 23 && minutes.value <= 59;
}

static bool take_part(struct scan *s, struct parts *p, bool first)
{
    int c = peek(s, 0);
    if (isdigit(c)) return take_number(s, p);
    if (c == '+' || c == '-') return take_sign(s, p);
    if (is_letter(c)) return take_word(s, p, first);
    s->at++;
    return isspace(c) || strchr(",;.()\"", c) != NULL;
}

/* Fills in what may be left out: the time, the day, the month (W3CDTF). */
static bool complete(struct parts *p)
{
    if (p->year < 1 || (p->month == NOT_SEEN && p->day != NOT_SEEN)) return false;
    if (p->month == NOT_SEEN) p->month = 1;
    if (p->day == NOT_SEEN) p->day = 1;
    if (p->hour == NOT_SEEN) p->hour = 0;
    if (p->pm && p->hour < 12) p->hour += 12;
    if (p->am && p->hour == 12) p->hour = 0;
    return true;
}

bool date_parse_any(const char *text, size_t len, int64_t *unix_ms)
{
    struct scan s = {text, text + len};
    struct parts p = {.year = NOT_SEEN, .month = NOT_SEEN, .day = NOT_SEEN, .hour = NOT_SEEN};
    while (s.at < s.end && isspace(peek(&s, 0)))
        s.at++;
    if (s.end - s.at > TEXT_MAX) return false;
    const char *start = s.at;
    while (s.at < s.end) {
        if (!take_part(&s, &p, s.at == start)) return false;
    }
    return complete(&p) && parts_to_ms(&p, unix_ms);
}
