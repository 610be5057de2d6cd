/* common/log.h - messages to people, on standard error, as "newspub: ...".
 *
 * Only main.c and the loop print. Whatever a message quotes passes text_clean() first, so hostile
 * input cannot write to the terminal through an error. One write(2) a line. Threads: any. */
#ifndef NEWS_LOG_H
#define NEWS_LOG_H

#include <stdbool.h>

void log_init(const char *program, bool verbose);
__attribute__((format(printf, 1, 2))) void log_error(const char *format, ...);
/* Only with --verbose. */
__attribute__((format(printf, 1, 2))) void log_note(const char *format, ...);

/* From now on lines go to take(), without the program's name; clean, of one line, NUL-terminated,
 * alive for the call. grave: by log_error(). NULL: to standard error again. For whoever has taken
 * the terminal. */
void log_to(void (*take)(void *user, const char *line, bool grave), void *user);

#endif
