#include "common/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <sysexits.h>

bool news_fail(struct news_error *err, enum news_errc code, const char *format, ...)
{
    if (!err) return false;
    err->code = code;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    return false;
}

int news_exit_status(enum news_errc code)
{
    static const int status[] = {
        [NEWS_OK] = EX_OK,
        [NEWS_ERR_USAGE] = EX_USAGE,
        [NEWS_ERR_DATA] = EX_DATAERR,
        [NEWS_ERR_TOO_LARGE] = EX_DATAERR,
        [NEWS_ERR_UNREACHABLE] = EX_UNAVAILABLE,
        [NEWS_ERR_PROTOCOL] = EX_UNAVAILABLE,
        [NEWS_ERR_DENIED] = EX_NOPERM,
        [NEWS_ERR_TAKEN_OVER] = EX_UNAVAILABLE,
        [NEWS_ERR_IO] = EX_IOERR,
        [NEWS_ERR_FULL] = EX_IOERR,
        [NEWS_ERR_BUSY] = EX_IOERR,
        [NEWS_ERR_PENDING] = EX_TEMPFAIL,
        [NEWS_ERR_CONFIG] = EX_CONFIG,
        [NEWS_ERR_UNSUPPORTED] = EX_UNAVAILABLE,
        [NEWS_ERR_MEMORY] = EX_OSERR,
    };
    return (unsigned)code < sizeof status / sizeof *status ? status[code] : EX_SOFTWARE;
}

int news_graver_status(int a, int b)
{
    static const int grave[] = {EX_NOPERM, EX_CONFIG,   EX_USAGE,    EX_UNAVAILABLE, EX_IOERR,
                                EX_OSERR,  EX_SOFTWARE, EX_TEMPFAIL, EX_DATAERR};
    for (size_t i = 0; i < sizeof grave / sizeof *grave; i++)
        if (a == grave[i] || b == grave[i]) return grave[i];
    return a != EX_OK ? a : b;
}
