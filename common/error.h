/* common/error.h - the one error type, and the exit codes programs make of it.
 *
 * What can fail takes a struct news_error * last and returns bool or a pointer. The error is
 * filled once, where the failure is known. A NULL error is allowed: the caller does not care. */
#ifndef NEWS_ERROR_H
#define NEWS_ERROR_H

#include <stdbool.h>

enum news_errc {
    NEWS_OK,
    NEWS_ERR_USAGE,       /* the command line */
    NEWS_ERR_DATA,        /* foreign bytes were refused */
    NEWS_ERR_TOO_LARGE,   /* refused for its size alone; the message names the limit */
    NEWS_ERR_UNREACHABLE, /* no connection, or it was lost */
    NEWS_ERR_PROTOCOL,    /* the peer broke the protocol */
    NEWS_ERR_DENIED,      /* the broker refused the login or the topic */
    NEWS_ERR_TAKEN_OVER,  /* another instance uses our client id */
    NEWS_ERR_IO,          /* files and pipes */
    NEWS_ERR_FULL,        /* no room on a disk: nothing was taken, what was taken before is safe */
    NEWS_ERR_BUSY,        /* another process owns the file */
    NEWS_ERR_PENDING,     /* kept, not yet acknowledged */
    NEWS_ERR_CONFIG,      /* the configuration file */
    NEWS_ERR_UNSUPPORTED, /* this carrier cannot do that */
    NEWS_ERR_MEMORY,
};

struct news_error {
    enum news_errc code;
    char message[240]; /* one line, no trailing newline; may quote foreign bytes: log_*() cleans */
};

/* Fills err (if not NULL) and returns false, so that a function can end with it. */
__attribute__((format(printf, 3, 4))) bool news_fail(struct news_error *err, enum news_errc code,
                                                     const char *format, ...);

/* The exit status (sysexits.h) that tells the truth about code. */
int news_exit_status(enum news_errc code);

/* Of two exit statuses the one to end with: the graver of both, EX_OK below all. */
int news_graver_status(int a, int b);

#endif
