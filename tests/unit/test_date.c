#include "common/date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct date_case {
    const char *text;
    const char *is; /* as date_rfc3339() writes it; NULL: refused */
};

static void check(const struct date_case *cases, size_t count,
                  bool (*parse)(const char *, size_t, int64_t *))
{
    for (size_t i = 0; i < count; i++) {
        const struct date_case *c = &cases[i];
        int64_t ms = 42;
        char written[DATE_RFC3339_SIZE] = "refused";
        if (parse(c->text, strlen(c->text), &ms)) date_rfc3339(ms, written);
        else assert_int_equal(ms, 42); /* outputs are set only on success */
        if (strcmp(written, c->is ? c->is : "refused") != 0)
            fail_msg("\"%s\": %s, not %s", c->text, written, c->is ? c->is : "refused");
    }
}

#define CHECK(cases, parse) check(cases, sizeof(cases) / sizeof *(cases), parse)

static void rfc3339_is_read_strictly(void **state)
{
    (void)state;
    static const struct date_case cases[] = {
        {"2026-11-23T14:02:07Z", "2026-11-23T14:02:07Z"},
        {"2026-11-23t14:02:07z", "2026-11-23T14:02:07Z"},
        {"2026-11-23T14:02:07.5+01:30", "2026-11-23T12:32:07.500Z"},
        {"2026-11-23T14:02:07.123999-08:00", "2026-11-23T22:02:07.123Z"},
        {"2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"},
        {"0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"},
        {"9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"},
        {"1969-12-31T23:59:59.250Z", "1969-12-31T23:59:59.250Z"},
        {"2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"},
        {"2023-02-29T00:00:00Z", NULL},
        {"2026-11-23", NULL},
        {"2026-11-23 14:02:07Z", NULL},
        {"2026-11-23T14:02:07", NULL},
        {"2026-11-23T14:02Z", NULL},
        {"2026-11-23T14:02:07.Z", NULL},
        {"2026-11-23T24:00:00Z", NULL},
        {"2026-11-23T14:02:07+24:00", NULL},
        {"2026-11-23T14:02:07Zx", NULL},
        {" 2026-11-23T14:02:07Z", NULL},
        {"", NULL},
    };
    CHECK(cases, date_parse_rfc3339);
}

static void rfc822_is_read_in_all_its_shapes(void **state)
{
    (void)state;
    static const struct date_case cases[] = {
        {"Thu, 01 Jan 2004 19:48:21 GMT", "2004-01-01T19:48:21Z"},
        {"Thu, 01 Jan 04 19:48:21 GMT", "2004-01-01T19:48:21Z"},
        {"Thu, 01 Jan 98 19:48:21 GMT", "1998-01-01T19:48:21Z"},
        {"01 Jan 2004 19:48 +0100", "2004-01-01T18:48:00Z"},
        {"Thu, 1 Jan 2004", "2004-01-01T00:00:00Z"},
        {"Thu,01 Jan 2004 19:48:21 GMT", "2004-01-01T19:48:21Z"},
        {"Thu , 01 January 2004 , 19:48:21 GMT", "2004-01-01T19:48:21Z"},
        {"Thursday, 01 January 2004 19:48:21 -0530", "2004-01-02T01:18:21Z"},
        {"Thu, Jan 01 2004 19:48:21 GMT", "2004-01-01T19:48:21Z"},
        {"Jan 1st, 2004 9:05 PM", "2004-01-01T21:05:00Z"},
        {"Friday, January 29, 2021 04:42 PM", "2021-01-29T16:42:00Z"},
        {"January 29, 2021 12:10 a.m. EST", "2021-01-29T05:10:00Z"},
        {"29 Jan 2021 10 PM", "2021-01-29T22:00:00Z"},
        {"Mon, 29 Feb 2016 9:0:5 GMT", "2016-02-29T09:00:05Z"},
        {"Thu, 01 Jan 2004 19:48:21", "2004-01-01T19:48:21Z"},
        {"  Thu, 01 Jan 2004\n 19:48:21 GMT\t", "2004-01-01T19:48:21Z"},
        {"01-Jan-2004 19:48:21", "2004-01-01T19:48:21Z"},
        {"01 Jan 2004 19:48:21.250 GMT", "2004-01-01T19:48:21.250Z"},
        {"Thu Jan  1 19:48:21 2004", "2004-01-01T19:48:21Z"},
        {"Thu Jan 01 19:48:21 CET 2004", "2004-01-01T18:48:21Z"},
        {"Thu, 01 Jan 104 00:00:00 GMT", "2004-01-01T00:00:00Z"},
        {"Thu, 01 Jan 2004 24:00:00 GMT", "2004-01-02T00:00:00Z"},
    };
    CHECK(cases, date_parse_any);
}

static void zones_have_names_and_numbers(void **state)
{
    (void)state;
    static const struct date_case cases[] = {
        {"1 Jul 2004 12:00:00 Z", "2004-07-01T12:00:00Z"},
        {"1 Jul 2004 12:00:00 UT", "2004-07-01T12:00:00Z"},
        {"1 Jul 2004 12:00:00 EST", "2004-07-01T17:00:00Z"},
        {"1 Jul 2004 12:00:00 PDT", "2004-07-01T19:00:00Z"},
        {"1 Jul 2004 12:00:00 PT", "2004-07-01T20:00:00Z"},
        {"1 Jul 2004 12:00:00 MEST", "2004-07-01T10:00:00Z"},
        {"1 Jul 2004 12:00:00 CEST", "2004-07-01T10:00:00Z"},
        {"1 Jul 2004 12:00:00 BST", "2004-07-01T11:00:00Z"},
        {"1 Jul 2004 12:00:00 MSK", "2004-07-01T09:00:00Z"},
        {"1 Jul 2004 12:00:00 JST", "2004-07-01T03:00:00Z"},
        {"1 Jul 2004 12:00:00 WHAT", "2004-07-01T12:00:00Z"},
        {"1 Jul 2004 12:00:00 GMT+01:00", "2004-07-01T11:00:00Z"},
        {"1 Jul 2004 12:00:00 GMT-0300", "2004-07-01T15:00:00Z"},
        {"1 Jul 2004 12:00:00 UTC+2", "2004-07-01T10:00:00Z"},
        {"1 Jul 2004 12:00:00 +0200 (CEST)", "2004-07-01T10:00:00Z"},
        {"1 Jul 2004 12:00:00 -05:00", "2004-07-01T17:00:00Z"},
        {"1 Jul 2004 12:00:00 +05", "2004-07-01T07:00:00Z"},
        {"1 Jul 2004 12:00:00 +9900", NULL},
        {"1 Jul 2004 12:00:00 +0199", NULL},
    };
    CHECK(cases, date_parse_any);
}

static void iso_dates_may_be_sloppy_and_short(void **state)
{
    (void)state;
    static const struct date_case cases[] = {
        {"2003", "2003-01-01T00:00:00Z"},
        {"2003-12", "2003-12-01T00:00:00Z"},
        {"2003-12-31", "2003-12-31T00:00:00Z"},
        {"2003-12-31T10:14Z", "2003-12-31T10:14:00Z"},
        {"2003-12-31T10:14:55", "2003-12-31T10:14:55Z"},
        {"2003-12-31T10:14:55-08:00", "2003-12-31T18:14:55Z"},
        {"2003-12-31T10:14:55-0800", "2003-12-31T18:14:55Z"},
        {"2003-12-31 10:14:55.5 +0100", "2003-12-31T09:14:55.500Z"},
        {"2003-12-31 10:14:55 PST", "2003-12-31T18:14:55Z"},
        {"2003-12-31T10:14:55,25Z", "2003-12-31T10:14:55.250Z"},
        {"2003-1-5T1:4:5Z", "2003-01-05T01:04:05Z"},
        {"20031231", "2003-12-31T00:00:00Z"},
        {"20031231T101455Z", "2003-12-31T10:14:55Z"},
        {"20031231101455", "2003-12-31T10:14:55Z"},
        {"2003-12-31T24:00:00Z", "2004-01-01T00:00:00Z"},
    };
    CHECK(cases, date_parse_any);
}

static void numeric_dates_are_read_by_their_mark(void **state)
{
    (void)state;
    static const struct date_case cases[] = {
        {"2020/1/10 14:33:00", "2020-01-10T14:33:00Z"},
        {"2020.01.10 14:33", "2020-01-10T14:33:00Z"},
        {"10.1.2020", "2020-01-10T00:00:00Z"},
        {"10.01.20 14:33", "2020-01-10T14:33:00Z"},
        {"10-01-2020 14:33", "2020-01-10T14:33:00Z"},
        {"1/10/2020 2:33:00 PM", "2020-01-10T14:33:00Z"},
        {"31/1/2020", "2020-01-31T00:00:00Z"},
        {"Fri, 31/01/2020 - 14:33", "2020-01-31T14:33:00Z"},
    };
    CHECK(cases, date_parse_any);
}

static void month_and_day_names_may_be_local(void **state)
{
    (void)state;
    static const struct date_case cases[] = {
        {"Seg, 24 Set 2018 19:42:40 -0300", "2018-09-24T22:42:40Z"},
        {"Mi, 05 Dez 2018 08:00:00 +0100", "2018-12-05T07:00:00Z"},
        {"Di, 3. März 2020 10:15 Uhr", "2020-03-03T10:15:00Z"},
        {"Mar, 07 Mai 2019 10:00:00 +0200", "2019-05-07T08:00:00Z"},
        {"Lundi 1er FÉVRIER 2016 à 14h30", "2016-02-01T14:30:00Z"},
        {"Jeu. 27 août 2015 09:00", "2015-08-27T09:00:00Z"},
        {"mié, 05 de enero de 2011 07:00:00", "2011-01-05T07:00:00Z"},
        {"gio, 15 ott 2020 07:00:00 CEST", "2020-10-15T05:00:00Z"},
        {"vr, 06 mrt 2020 07:00:00 +0100", "2020-03-06T06:00:00Z"},
        {"Вт, 07 Июня 2016 10:00:00 +0300", "2016-06-07T07:00:00Z"},
        {"Пн, 05 Дек 2016 10:00:00 +0300", "2016-12-05T07:00:00Z"},
        {"Qui, 21 Dez 2017 10:00:00 GMT", "2017-12-21T10:00:00Z"},
    };
    CHECK(cases, date_parse_any);
}

static void what_is_no_date_is_refused(void **state)
{
    (void)state;
    static const struct date_case cases[] = {
        {"", NULL},
        {"   ", NULL},
        {"yesterday", NULL},
        {"Thu", NULL},
        {"12:00:00", NULL},
        {"7 2004", NULL},
        {"99 Jan 2004 10:00:00 GMT", NULL},
        {"30 Feb 2004", NULL},
        {"2003-02-30", NULL},
        {"2003-13-01", NULL},
        {"2003-00-10", NULL},
        {"01 Jan 2004 25:00:00 GMT", NULL},
        {"01 Jan 2004 10:61 GMT", NULL},
        {"10000-01-01T00:00:00Z", NULL},
        {"01 Jan 12004 10:00:00", NULL},
        {"123456789012345678901234567890", NULL},
        {"01 Jan 2004 nonsense", NULL},
        {"01 Jan 2004 10:00:00 <b>", NULL},
        {"1.2.3.4.5", NULL},
        {"2004-01-01T10:00:00Z 2005-01-01", NULL},
    };
    CHECK(cases, date_parse_any);
}

static void every_day_is_written_as_it_was_read(void **state)
{
    (void)state;
    const int64_t day = INT64_C(86400000);
    for (int64_t ms = -60000 * day; ms < 200000 * day; ms += 97 * day + 12345678) {
        char text[DATE_RFC3339_SIZE];
        int64_t strict = 0, any = 0;
        date_rfc3339(ms, text);
        assert_true(date_parse_rfc3339(text, strlen(text), &strict));
        assert_true(date_parse_any(text, strlen(text), &any));
        assert_int_equal(strict, ms);
        assert_int_equal(any, ms);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc3339_is_read_strictly),
        cmocka_unit_test(rfc822_is_read_in_all_its_shapes),
        cmocka_unit_test(zones_have_names_and_numbers),
        cmocka_unit_test(iso_dates_may_be_sloppy_and_short),
        cmocka_unit_test(numeric_dates_are_read_by_their_mark),
        cmocka_unit_test(month_and_day_names_may_be_local),
        cmocka_unit_test(what_is_no_date_is_refused),
        cmocka_unit_test(every_day_is_written_as_it_was_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
