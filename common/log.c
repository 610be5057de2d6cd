#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/text.h"

/* Even if cleaning makes it three times as long, such a line stays below PIPE_BUF: lines of
 * several processes on one pipe do not mix. */
enum { LINE_MAX_BYTES = 1024 };

#define ELLIPSIS "\xE2\x80\xA6"

/* Set once, before there are threads. */
static const char *program_name = "newswire";
static bool is_verbose;
static void (*taker)(void *user, const char *line, bool grave);
static void *taker_user;

void log_init(const char *program, bool verbose)
{
    program_name = program;
    is_verbose = verbose;
}

void log_to(void (*take)(void *user, const char *line, bool grave), void *user)
{
    taker = take;
    taker_user = user;
}

/* Replaces the end of a line that was cut at size bytes with an ellipsis, leaving no part of a
 * character before it. Returns the new length; line has room for it. */
static size_t mark_cut(char *line, size_t size)
{
    size_t len = size - strlen(ELLIPSIS);
    size_t start = len - 1;
    while (start > len - 4 && ((unsigned char)line[start] & 0xC0) == 0x80)
        start--;
    len = start + text_valid_prefix(line + start, len - start);
    memcpy(line + len, ELLIPSIS, strlen(ELLIPSIS));
    return len + strlen(ELLIPSIS);
}

/* "program: message" in line; returns its length, which leaves room for a newline. */
__attribute__((format(printf, 2, 0))) static size_t compose(char line[LINE_MAX_BYTES],
                                                            const char *format, va_list args)
{
    int prefix = taker ? 0 : snprintf(line, LINE_MAX_BYTES, "%.64s: ", program_name);
    size_t used = prefix > 0 ? (size_t)prefix : 0;
    int message = vsnprintf(line + used, LINE_MAX_BYTES - used, format, args);
    size_t len = used + (message > 0 ? (size_t)message : 0);
    return len < LINE_MAX_BYTES ? len : mark_cut(line, LINE_MAX_BYTES - 1);
}

/* Standard error is the last resort: if it cannot be written to, there is nobody to tell. */
static void write_line(const char *line, size_t len)
{
    while (write(STDERR_FILENO, line, len) < 0 && errno == EINTR)
        ;
}

/* "Out of memory" has to get out without any: ASCII stays, all else shows as a question mark. */
static void write_without_memory(char line[LINE_MAX_BYTES], size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (line[i] < ' ' || line[i] > '~') line[i] = '?';
    line[len] = '\n';
    write_line(line, len + 1);
}

__attribute__((format(printf, 1, 0))) static void log_line(const char *format, va_list args,
                                                           bool grave)
{
    int saved_errno = errno;
    char line[LINE_MAX_BYTES];
    size_t len = compose(line, format, args);
    struct buf clean = {0};
    text_clean(&clean, line, len, TEXT_ONE_LINE);
    if (!taker) buf_putc(&clean, '\n');
    if (buf_ok(&clean) && taker) taker(taker_user, clean.data ? clean.data : "", grave);
    else if (buf_ok(&clean)) write_line(clean.data, clean.len);
    else write_without_memory(line, len);
    buf_deinit(&clean);
    errno = saved_errno;
}

void log_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_line(format, args, true);
    va_end(args);
}

void log_note(const char *format, ...)
{
    if (!is_verbose) return;
    va_list args;
    va_start(args, format);
    log_line(format, args, false);
    va_end(args);
}
