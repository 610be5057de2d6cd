/* tests/support/process.h - programs that a test runs, talks to, and never leaves behind.
 *
 * A process dies with the test (PR_SET_PDEATHSIG), whatever the test dies of. Its output is
 * gathered while one of the functions here waits. No assertions: what fails is returned, so that
 * this serves every test framework. Threads: start processes on the main thread only; the kernel
 * ties their life to the thread that forked them. */
#ifndef NEWS_TEST_PROCESS_H
#define NEWS_TEST_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum process_stream {
    PROCESS_NULL,    /* /dev/null */
    PROCESS_PIPE,    /* ours to write or read */
    PROCESS_FILE,    /* the path beside it: read, or created and written from its start */
    PROCESS_INHERIT, /* the test's own */
};

struct process_redirect {
    enum process_stream stream;
    const char *path;
};

struct process_options {
    const char *const *argv;              /* NULL at its end; argv[0] is looked up in PATH */
    const char *const *environment;       /* "NAME=value" added to the test's own; NULL: nothing */
    const char *directory;                /* NULL: the test's own */
    struct process_redirect in, out, err; /* zeroed: /dev/null */
};

struct process;

/* NULL: errno says why, also when exec failed. The caller owns it: process_free(). */
struct process *process_start(const struct process_options *o);
pid_t process_pid(const struct process *p);

/* To its standard input. False: it does not read, or was not given a pipe. */
bool process_write(struct process *p, const void *bytes, size_t len);
bool process_puts(struct process *p, const char *text);
void process_close_input(struct process *p);

/* The next line of its standard output without its newline; lives until the next call. NULL: the
 * output ended, or timeout_ms passed. A last line without newline counts. */
const char *process_read_line(struct process *p, int timeout_ms);
/* True when what it printed so far (on standard output, on standard error) contains text. */
bool process_expect_output(struct process *p, const char *text, int timeout_ms);
bool process_expect_errors(struct process *p, const char *text, int timeout_ms);
/* All of it so far, NUL-terminated, also what process_read_line() has passed. */
const char *process_output(const struct process *p, size_t *len); /* len may be NULL */
const char *process_errors(const struct process *p, size_t *len);

#define PROCESS_TIMEOUT (-1)
/* Gathers output until the process is over. Its exit status, 128 + the signal it died of, or
 * PROCESS_TIMEOUT: it still runs. May be asked again. */
int process_wait(struct process *p, int timeout_ms);
bool process_is_running(struct process *p);
void process_signal(struct process *p, int number);
/* SIGKILL, if it still runs. NULL is fine. */
void process_free(struct process *p);

/* Start to end in one call: input (NULL: none) goes in, and the status comes back. The caller owns
 * *p, with the output in it, whatever the status; NULL and PROCESS_TIMEOUT: did not start. */
int process_run(const char *const *argv, const char *input, int timeout_ms, struct process **p);

/* True when a program of this name is in PATH, or there under /usr/sbin (where Debian has its
 * brokers and PATH does not always reach). */
bool process_exists(const char *name, char *path, size_t size);

#endif
