#include "tests/support/program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/date.h"
#include "common/text.h"
#include "tests/support/wait.h"

enum { ENVIRONMENT_MAX = 16, ENVIRONMENT_SIZE = 256 };

/* --- the scene --------------------------------------------------------------------------- */

int scene_setup(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    *state = s;
    return s && tmpdir_make(&s->dir) ? 0 : -1;
}

int scene_teardown(void **state)
{
    struct scene *s = *state;
    if (!s) return 0;
    while (s->process_count > 0)
        process_free(s->processes[--s->process_count]);
    while (s->broker_count > 0)
        broker_free(s->brokers[--s->broker_count]);
    tmpdir_remove(&s->dir);
    free(s);
    *state = NULL;
    return 0;
}

void skip_because(const char *why)
{
    print_message("SKIP: %s\n", why);
    _skip(__FILE__, __LINE__);
    abort(); /* not reached: cmocka jumps */
}

struct broker *scene_new_broker(struct scene *s, enum broker_kind kind)
{
    const char *missing = broker_missing(kind);
    if (missing) skip_because(missing);
    assert_true(s->broker_count < SCENE_BROKERS);
    struct broker *b = broker_new(kind);
    assert_non_null(b);
    s->brokers[s->broker_count++] = b;
    if (!s->broker) s->broker = b;
    return b;
}

const char *scene_start_broker(struct scene *s)
{
    struct broker *b = scene_new_broker(s, BROKER_MOSQUITTO);
    broker_add(b, "max_queued_messages 0\n"); /* no limit: what is lost is then our doing */
    assert_true(broker_start(b));
    return broker_url(b);
}

void scene_add_logins(struct scene *s, struct broker *b, const char *const *names_and_passwords)
{
    char program[512];
    if (!process_exists("mosquitto_passwd", program, sizeof program))
        skip_because("mosquitto_passwd is not installed (apt install mosquitto)");
    const char *file = scene_file(s, "logins", "");
    for (const char *const *pair = names_and_passwords; *pair; pair += 2) {
        struct outcome o = scene_run(s, NULL, ARGV(program, "-b", file, pair[0], pair[1]));
        assert_exit(o, 0);
    }
    broker_add(b, "allow_anonymous false\npassword_file %s\n", file);
}

/* --- paths ------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static const char *path_keep(struct scene *s,
                                                                   const char *format, ...)
{
    assert_true(s->path_count < SCENE_PATHS);
    char *path = s->paths[s->path_count++];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(path, sizeof s->paths[0], format, args);
    va_end(args);
    assert_true(n > 0 && (size_t)n < sizeof s->paths[0]);
    return path;
}

const char *scene_path(struct scene *s, const char *name)
{
    return path_keep(s, "%s/%s", s->dir.path, name);
}

const char *scene_file(struct scene *s, const char *name, const char *text)
{
    assert_true(s->path_count < SCENE_PATHS);
    char *path = s->paths[s->path_count++];
    assert_true(tmpdir_write(&s->dir, name, text, path, sizeof s->paths[0]));
    return path;
}

const char *scene_source(struct scene *s, const char *path)
{
    const char *root = getenv("NEWS_SOURCE_DIR");
    if (!root) fail_msg("%s", "NEWS_SOURCE_DIR is not set: run the tests with ctest");
    return path_keep(s, "%s/%s", root, path);
}

const char *scene_url_as(struct scene *s, const char *user)
{
    return path_keep(s, "mqtt://%s@127.0.0.1:%d", user, broker_port(s->broker));
}

/* --- programs ---------------------------------------------------------------------------- */

struct process *scene_launch(struct scene *s, const struct launch *l)
{
    char home[ENVIRONMENT_SIZE], config[ENVIRONMENT_SIZE], state[ENVIRONMENT_SIZE];
    const char *environment[ENVIRONMENT_MAX] = {
        home, config, state, "NEWSWIRE_BROKER=", "NO_COLOR=", "TZ=UTC0", "TERM=xterm-256color"};
    size_t n = 7;
    snprintf(home, sizeof home, "HOME=%s", s->dir.path);
    snprintf(config, sizeof config, "XDG_CONFIG_HOME=%s/config", s->dir.path);
    snprintf(state, sizeof state, "XDG_STATE_HOME=%s/state", s->dir.path);
    for (const char *const *e = l->environment; e && *e && n < ENVIRONMENT_MAX - 1; e++)
        environment[n++] = *e;
    struct process_options o = {.argv = l->argv,
                                .environment = environment,
                                .in = l->in,
                                .out = l->out,
                                .err = {.stream = PROCESS_PIPE}};
    if (o.out.stream == PROCESS_NULL) o.out.stream = PROCESS_PIPE;
    assert_true(s->process_count < SCENE_PROCESSES);
    struct process *p = process_start(&o);
    if (!p) fail_msg("%s does not start", l->argv[0]);
    s->processes[s->process_count++] = p;
    return p;
}

struct process *scene_start(struct scene *s, const char *const *argv)
{
    return scene_launch(s, &(struct launch){.argv = argv});
}

struct process *scene_feed(struct scene *s, const char *const *argv)
{
    return scene_launch(s, &(struct launch){.argv = argv, .in = {.stream = PROCESS_PIPE}});
}

struct process *scene_subscribe(struct scene *s, const char *newssub, const char *last_filter,
                                const char *const *argv)
{
    const char *whole[32] = {newssub, "-v", "-b", broker_url(s->broker)};
    char wanted[512];
    for (size_t n = 4; *argv && n < 31; n++)
        whole[n] = *argv++;
    snprintf(wanted, sizeof wanted, "subscribed to %s\n", last_filter);
    struct process *p = scene_start(s, whole);
    if (!process_expect_errors(p, wanted, WAIT_MS))
        fail_msg("newssub is not ready: %s", process_errors(p, NULL));
    return p;
}

struct outcome scene_wait(struct process *p)
{
    struct outcome o = {.status = process_wait(p, WAIT_MS)};
    o.out = process_output(p, &o.out_len);
    o.err = process_errors(p, &o.err_len);
    if (o.status == PROCESS_TIMEOUT) fail_msg("it does not end; it said: %.500s", o.err);
    return o;
}

struct outcome scene_run_launch(struct scene *s, const struct launch *l)
{
    return scene_wait(scene_launch(s, l));
}

struct outcome scene_run(struct scene *s, const char *input, const char *const *argv)
{
    if (!input) return scene_wait(scene_start(s, argv));
    struct process *p = scene_feed(s, argv);
    (void)process_puts(p, input); /* one that does not want it all will say so */
    process_close_input(p);
    return scene_wait(p);
}

/* --- what they say ----------------------------------------------------------------------- */

const char *read_line(struct process *p)
{
    const char *line = process_read_line(p, WAIT_MS);
    if (!line) fail_msg("no line came; it said: %.500s", process_errors(p, NULL));
    return line;
}

size_t count_of(const char *text, const char *part)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
        n++;
    return n;
}

/* The pipe itself is asked, through a descriptor of our own. */
static bool pipe_is_empty(void *user)
{
    char path[64];
    int unread = -1;
    snprintf(path, sizeof path, "/proc/%d/fd/0", (int)process_pid(user));
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return false;
    bool ok = ioctl(fd, FIONREAD, &unread) == 0 && unread == 0;
    close(fd);
    return ok;
}

bool input_is_read(struct process *p)
{
    return wait_until(pipe_is_empty, p, WAIT_MS);
}

bool expect_errors_times(struct process *p, const char *part, size_t times)
{
    int64_t deadline_ms = date_mono_ms() + WAIT_MS;
    while (count_of(process_errors(p, NULL), part) < times) {
        if (date_mono_ms() >= deadline_ms || !process_is_running(p)) return false;
        (void)process_expect_errors(p, "\001never\001", 20); /* gathers what comes meanwhile */
    }
    return true;
}

json_t *parse_line(const char *line)
{
    json_error_t why;
    json_t *value = json_loads(line, JSON_REJECT_DUPLICATES, &why);
    if (!value) fail_msg("not JSON (%s): %.300s", why.text, line);
    if (!json_is_object(value)) fail_msg("not an object: %.300s", line);
    return value;
}

const char *string_at(const json_t *value, const char *path)
{
    while (value && *path) {
        char name[64];
        size_t len = strcspn(path, ".");
        snprintf(name, sizeof name, "%.*s", (int)len, path);
        value = json_is_array(value) ? json_array_get(value, (size_t)strtoul(name, NULL, 10))
                                     : json_object_get(value, name);
        path += len + (path[len] == '.');
    }
    return json_is_string(value) ? json_string_value(value) : "";
}

void expect_headline(struct process *ndjson, const char *headline)
{
    json_t *line = parse_line(read_line(ndjson));
    assert_string_equal(string_at(line, "item.headlines.0.value"), headline);
    json_decref(line);
}

void program_assert_exit(const struct outcome *o, int expected, const char *file, int line)
{
    if (o->status == expected) return;
    print_error("exit status %d, expected %d; standard error:\n%.2000s\n", o->status, expected,
                o->err);
    _fail(file, line);
}

void program_assert_says(const char *text, const char *part, bool wanted, const char *file,
                         int line)
{
    if ((strstr(text, part) != NULL) == wanted) return;
    print_error("\"%s\" %s in:\n%.2000s\n", part, wanted ? "is not" : "is", text);
    _fail(file, line);
}

/* --- harm -------------------------------------------------------------------------------- */

static bool is_harmful(uint32_t c, const char *allowed)
{
    static const uint32_t ranges[][2] = {
        {0x7F, 0x9F}, {0x61C, 0x61C}, {0x200E, 0x200F}, {0x2028, 0x202E}, {0x2066, 0x2069},
    };
    if (c < 0x20) return c == 0 || (c != '\n' && !strchr(allowed, (int)c));
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (c >= ranges[i][0] && c <= ranges[i][1]) return true;
    return false;
}

const char *find_harm(const char *text, size_t len, const char *allowed)
{
    if (text_valid_prefix(text, len) < len) return text + text_valid_prefix(text, len);
    for (size_t at = 0; at < len;) {
        uint32_t c;
        size_t step = text_decode(text + at, len - at, &c);
        if (is_harmful(c, allowed)) return text + at;
        at += step;
    }
    return NULL;
}

void program_assert_harmless(const char *text, size_t len, const char *allowed, const char *file,
                             int line)
{
    const char *harm = find_harm(text, len, allowed);
    if (!harm) return;
    size_t left = len - (size_t)(harm - text);
    print_error("at byte %zu of %zu:", (size_t)(harm - text), len);
    for (size_t i = 0; i < left && i < 8; i++)
        print_error(" %02x", (unsigned char)harm[i]);
    print_error("\n");
    _fail(file, line);
}
