/* subscriber/exec.h - a command for each item: --exec.
 *
 * The command is split into words once, as a shell would with quotes and backslashes but without
 * expanding anything; no shell is ever run. %{field} within a word becomes the item's field
 * (view_format.h), clean and on one line, and stays within its word; the first word, the program,
 * has none. Every field of arrival.h is in the environment as NEWSWIRE_<FIELD> in capitals,
 * likewise clean; words and variables are cut to 32 KiB. The item itself, as JSON on a line, is its
 * standard input. Output and errors go to errors_fd.
 *
 * At most EXEC_PARALLEL commands run at once and EXEC_WAITING items wait (or 16 MiB); beyond that
 * full() stops the reading. A command that runs longer than EXEC_TIME_MS is killed, with what it
 * started. One that could not be started, ended with another status than 0 or of a signal is a
 * failure: counted, the first EXEC_TOLD told. At the end of the program it waits for all of them;
 * free() ends those that still run. Threads: one. */
#ifndef SUBSCRIBER_EXEC_H
#define SUBSCRIBER_EXEC_H

#include "subscriber/sink.h"

#define EXEC_PARALLEL 4
#define EXEC_WAITING  1000
#define EXEC_TIME_MS  60000
#define EXEC_TOLD     10

struct exec;

/* errors_fd: the caller's; -1 for /dev/null. Fails on a command without words, an open quote, an
 * unknown field. */
struct exec *exec_new(const char *command, int errors_fd, struct news_error *err);
extern const struct sink_ops exec_sink;          /* its self is the struct exec */
void exec_set_time(struct exec *e, int time_ms); /* in place of EXEC_TIME_MS */

struct exec_totals {
    unsigned long long done, failed; /* no command is both */
    size_t running, waiting;
};
struct exec_totals exec_totals(const struct exec *e);

/* ---- words of a command, for whoever else runs one ---- */

struct exec_words {
    char *words[64]; /* NULL-terminated */
    size_t count;
};
/* False: an open quote, a backslash at the end, too many words, none. exec_words_deinit() frees. */
bool exec_split(const char *command, struct exec_words *out, struct news_error *err);
void exec_words_deinit(struct exec_words *w);

#endif
