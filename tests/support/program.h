/* tests/support/program.h - the shipped programs as a test meets them.
 *
 * A scene is what one test has around it: a directory, brokers, processes. scene_setup() and
 * scene_teardown() are cmocka fixtures, so all of it goes with the test however that ends. Unlike
 * the rest of tests/support, what goes wrong here fails the test at once, and what is not
 * installed skips it, out loud. Programs see nothing of the user's: no configuration, no
 * $NEWSWIRE_BROKER, UTC. */
#ifndef NEWS_TEST_PROGRAM_H
#define NEWS_TEST_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "tests/support/broker.h"
#include "tests/support/process.h"
#include "tests/support/tmpdir.h"

#define SCENE_BROKERS   2
#define SCENE_PROCESSES 32
#define SCENE_PATHS     32

struct scene {
    struct tmpdir dir;
    struct broker *broker; /* the first of brokers; NULL: none yet */
    struct broker *brokers[SCENE_BROKERS];
    struct process *processes[SCENE_PROCESSES];
    size_t broker_count, process_count, path_count;
    char paths[SCENE_PATHS][512];
};

int scene_setup(void **state);    /* *state becomes a struct scene */
int scene_teardown(void **state); /* takes it apart again */

/* Says why out loud, and skips. */
__attribute__((noreturn)) void skip_because(const char *why);

/* A broker to configure, and, the easy way, one that runs. */
struct broker *scene_new_broker(struct scene *s, enum broker_kind kind);
const char *scene_start_broker(struct scene *s); /* Mosquitto; returns its URL */
/* Logins for a Mosquitto that is not started yet: name and password in turn, NULL at the end. */
void scene_add_logins(struct scene *s, struct broker *b, const char *const *names_and_passwords);

/* Paths live as long as the scene. */
const char *scene_path(struct scene *s, const char *name);                   /* in its directory */
const char *scene_file(struct scene *s, const char *name, const char *text); /* written there */
const char *scene_source(struct scene *s, const char *path); /* in the source tree */
const char *scene_url_as(struct scene *s, const char *user); /* the broker's URL with a login */

#define ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})

struct launch {
    const char *const *argv;
    struct process_redirect in;     /* zeroed: /dev/null */
    struct process_redirect out;    /* zeroed: a pipe */
    const char *const *environment; /* besides the usual; NULL: nothing */
};
struct process *scene_launch(struct scene *s, const struct launch *l);
struct process *scene_start(struct scene *s, const char *const *argv); /* no input */
struct process *scene_feed(struct scene *s, const char *const *argv);  /* input is a pipe */
/* newssub -v with these arguments, ready: its last filter is subscribed to. */
struct process *scene_subscribe(struct scene *s, const char *newssub, const char *last_filter,
                                const char *const *argv);

struct outcome {
    int status; /* as process_wait() */
    const char *out, *err;
    size_t out_len, err_len;
};
/* Waits for its end and fails the test if that does not come. */
struct outcome scene_wait(struct process *p);
/* Start to end; input may be NULL. */
struct outcome scene_run(struct scene *s, const char *input, const char *const *argv);
struct outcome scene_run_launch(struct scene *s, const struct launch *l);

/* The next line of output; fails the test when none comes. Lives until the next call. */
const char *read_line(struct process *p);
size_t count_of(const char *text, const char *part);
#define count_lines(text) count_of(text, "\n")
/* True once everything written to its standard input has been read. */
bool input_is_read(struct process *p);
/* True once its standard error holds part that often. */
bool expect_errors_times(struct process *p, const char *part, size_t times);

/* A line of newssub -o ndjson or newspub --dry-run, or an item of convert. The caller has the
 * reference. Fails the test when the line is not one JSON object. */
json_t *parse_line(const char *line);
/* The string at a path such as "item.headlines.0.value"; "" when there is none. */
const char *string_at(const json_t *value, const char *path);
/* The next line's headline equals this. */
void expect_headline(struct process *ndjson, const char *headline);

/* Fails with the program's own words. */
#define assert_exit(outcome, expected) program_assert_exit(&(outcome), expected, __FILE__, __LINE__)
#define assert_says(text, part)        program_assert_says(text, part, true, __FILE__, __LINE__)
#define assert_silent_on(text, part)   program_assert_says(text, part, false, __FILE__, __LINE__)
void program_assert_exit(const struct outcome *o, int expected, const char *file, int line);
void program_assert_says(const char *text, const char *part, bool wanted, const char *file,
                         int line);

/* What foreign text must never bring to a terminal or a log: bytes below 0x20 but newline and
 * those in allowed, DEL, C1, bidi controls, line and paragraph separators, bytes that are not
 * UTF-8. NULL: there is none, else where the first stands. */
const char *find_harm(const char *text, size_t len, const char *allowed);
#define assert_harmless(text, len, allowed)                                                        \
    program_assert_harmless(text, len, allowed, __FILE__, __LINE__)
void program_assert_harmless(const char *text, size_t len, const char *allowed, const char *file,
                             int line);

#endif
