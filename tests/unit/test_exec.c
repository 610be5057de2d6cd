#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/date.h"
#include "common/log.h"
#include "subscriber/exec.h"
#include "tests/support/tmpdir.h"
#include "tests/support/wait.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NOW_MS       INT64_C(1795442527000) /* 2026-11-23T14:02:07Z */

/* ------------------------------------------------------------------------------------ Helpers */

/* What a test has around it: a directory with scripts, and what was told. */
struct scene {
    struct tmpdir dir;
    struct buf told; /* a line each */
    struct poll_set *set;
    struct exec *exec;
};

static void take_line(void *user, const char *line, bool grave)
{
    struct scene *s = user;
    assert_true(grave);
    buf_printf(&s->told, "%s\n", line);
}

static int setup(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    assert_true(tmpdir_make(&s->dir));
    s->set = poll_set_new(NULL);
    assert_non_null(s->set);
    log_to(take_line, s);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    if (s->exec) exec_sink.free(s->exec);
    log_to(NULL, NULL);
    poll_set_free(s->set);
    buf_deinit(&s->told);
    tmpdir_remove(&s->dir);
    free(s);
    return 0;
}

/* A script in the scene's directory, which is its $0's. */
static void add_script(struct scene *s, const char *name, const char *text)
{
    char path[256];
    assert_true(tmpdir_write(&s->dir, name, text, path, sizeof path));
    assert_int_equal(chmod(path, 0700), 0);
}

/* The command's words behind the path of a script of the scene. */
static void start(struct scene *s, const char *script, const char *words)
{
    struct news_error err = {0};
    char command[1024];
    (void)snprintf(command, sizeof command, "%s/%s %s", s->dir.path, script, words);
    s->exec = exec_new(command, -1, &err);
    if (!s->exec) fail_msg("%s", err.message);
}

static void put(struct scene *s, const char *json)
{
    static const char topic[] = "news/harbour/world/fr/3/sport/football";
    struct ninjs item;
    struct ninjs_fault fault;
    struct arrival a = {.topic = topic, .item = &item, .received_ms = NOW_MS};
    if (!ninjs_check(json, strlen(json), &item, &fault)) fail_msg("%s: %s", fault.path, fault.what);
    assert_true(topic_split(TOPIC_ROOT, topic, &a.levels));
    exec_sink.put(s->exec, &a, 0, NOW_MS);
}

static void put_headline(struct scene *s, const char *headline)
{
    struct buf item = {0};
    buf_puts(&item, "{\"uri\":\"u:1\",\"headlines\":[{\"role\":\"main\",\"value\":");
    json_put_string(&item, headline, strlen(headline));
    buf_puts(&item, "}]}");
    assert_true(buf_ok(&item));
    put(s, item.data);
    buf_deinit(&item);
}

static void commit(struct scene *s)
{
    assert_true(exec_sink.committed(s->exec, NULL));
}

static void turn(struct scene *s)
{
    struct news_error err = {0};
    poll_set_clear(s->set);
    poll_set_deadline(s->set, date_mono_ms() + 1000);
    exec_sink.poll(s->exec, s->set);
    if (!poll_set_wait(s->set, &err)) fail_msg("%s", err.message);
    assert_true(exec_sink.turn(s->exec, &err));
}

static void run_to_the_end(struct scene *s)
{
    int64_t until = date_mono_ms() + 3 * WAIT_MS;
    while (!exec_sink.idle(s->exec)) {
        turn(s);
        assert_true(exec_totals(s->exec).running <= EXEC_PARALLEL);
        assert_true(date_mono_ms() < until);
    }
}

static void run_one(struct scene *s, const char *json)
{
    put(s, json);
    commit(s);
    run_to_the_end(s);
}

static void assert_totals(const struct scene *s, unsigned long long done, unsigned long long failed)
{
    struct exec_totals t = exec_totals(s->exec);
    if (t.done != done || t.failed != failed || t.running || t.waiting)
        fail_msg("%llu done, %llu failed, %zu run, %zu wait\n%s", t.done, t.failed, t.running,
                 t.waiting, s->told.data ? s->told.data : "");
}

/* What a script wrote; the caller frees it. */
static struct buf written(const struct scene *s, const char *name)
{
    char path[256];
    struct buf text = {0};
    (void)snprintf(path, sizeof path, "%s/%s", s->dir.path, name);
    FILE *f = fopen(path, "r");
    if (!f) fail_msg("there is no %s", path);
    for (int c; (c = fgetc(f)) != EOF;)
        buf_putc(&text, (char)c);
    fclose(f);
    buf_puts(&text, "");
    return text;
}

static void assert_written(const struct scene *s, const char *name, const char *expected)
{
    struct buf text = written(s, name);
    assert_string_equal(text.data, expected);
    buf_deinit(&text);
}

static void assert_told(const struct scene *s, const char *part)
{
    if (!s->told.data || !strstr(s->told.data, part))
        fail_msg("\"%s\" is not in:\n%s", part, s->told.data ? s->told.data : "");
}

static size_t lines_in(const struct buf *text)
{
    size_t n = 0;
    for (size_t i = 0; i < text->len; i++)
        n += text->data[i] == '\n';
    return n;
}

/* ------------------------------------------------------------------------------ Words, refusals */

static void a_command_is_split_as_a_shell_would_and_nothing_is_expanded(void **state)
{
    (void)state;
    static const struct {
        const char *command, *words[6];
    } rows[] = {
        {"true", {"true"}},
        {"  a \t b\nc  ", {"a", "b", "c"}},
        {"a 'b c' \"d e\"", {"a", "b c", "d e"}},
        {"a b'c'\"d\"e", {"a", "bcde"}},
        {"a '' \"\" b", {"a", "", "", "b"}},
        {"a \\' \\\" \\\\ b\\ c", {"a", "'", "\"", "\\", "b c"}},
        {"a '\\n' \"\\n\\\"\\\\\\$\\`\"", {"a", "\\n", "\\n\"\\$`"}},
        {"a $HOME `id` * ; | > ~", {"a", "$HOME", "`id`", "*", ";", "|"}},
        {"a \"it's\" '\"'", {"a", "it's", "\""}},
        {"\xc3\xa9 '\xe2\x80\x93'", {"\xc3\xa9", "\xe2\x80\x93"}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct exec_words w;
        struct news_error err = {0};
        if (!exec_split(rows[i].command, &w, &err))
            fail_msg("%s: %s", rows[i].command, err.message);
        for (size_t k = 0; k < COUNT(rows[i].words) && rows[i].words[k]; k++)
            if (k >= w.count || strcmp(w.words[k], rows[i].words[k]) != 0)
                fail_msg("%s: word %zu is not %s", rows[i].command, k, rows[i].words[k]);
        assert_null(w.words[w.count]);
        exec_words_deinit(&w);
        assert_int_equal(w.count, 0);
    }
}

static void a_command_has_at_most_63_words(void **state)
{
    (void)state;
    char command[2 * 64 + 1] = "";
    struct exec_words w;
    struct news_error err = {0};
    for (size_t i = 0; i < 63; i++)
        strcat(command, "a ");
    assert_true(exec_split(command, &w, &err));
    assert_int_equal(w.count, 63);
    exec_words_deinit(&w);
    strcat(command, "b");
    assert_false(exec_split(command, &w, &err));
    assert_int_equal(err.code, NEWS_ERR_USAGE);
}

static void a_command_that_cannot_be_meant_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *command, *says;
    } rows[] = {
        {"", "--exec: the command is empty"},
        {" \t\n", "--exec: the command is empty"},
        {"a 'b", "--exec: the command ends within a quote"},
        {"a \"b", "--exec: the command ends within a quote"},
        {"a \"b\\\"", "--exec: the command ends within a quote"},
        {"a b\\", "--exec: the command ends within a quote"},
        {"a %{nothing}", "--exec: there is no field \"nothing\"; there are headline"},
        {"a b%{headline", "--exec: \"%{\" is not closed"},
        {"a %{headline:x}", "--exec: \"x\" is not a width"},
        {"%{headline} a", "--exec: the program cannot be a field"},
        {"/bin/%{headline}", "--exec: the program cannot be a field"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct news_error err = {0};
        if (exec_new(rows[i].command, -1, &err)) fail_msg("%s: taken", rows[i].command);
        assert_int_equal(err.code, NEWS_ERR_USAGE);
        if (!strstr(err.message, rows[i].says)) fail_msg("%s: %s", rows[i].command, err.message);
    }
}

/* ---------------------------------------------------------------------- What a command is given */

/* Each argument on a line. */
static const char arguments[] = "#!/bin/sh\nprintf '<%s>\\n' \"$@\" >\"${0%/*}/out\"\n";

static void fields_stay_within_their_word_whatever_they_say(void **state)
{
    struct scene *s = *state;
    add_script(s, "arguments", arguments);
    start(s, "arguments", "-- %{headline} '[%{urgency}|%{by}]' 'a\\n%%s 100%' \"%{version:3}\"");
    put_headline(s, "$(id) `id` ; rm -rf \"/\" 'x' * %{body} \\n --help");
    commit(s);
    run_to_the_end(s);
    assert_totals(s, 1, 0);
    assert_written(s, "out",
                   "<-->\n<$(id) `id` ; rm -rf \"/\" 'x' * %{body} \\n --help>\n"
                   "<[5|]>\n<a\\n%%s 100%>\n<   >\n");
}

static void a_word_with_a_field_keeps_its_percents_and_backslashes(void **state)
{
    struct scene *s = *state;
    add_script(s, "arguments", arguments);
    start(s, "arguments", "'%d \\t 5%% %{headline}\\' %");
    put_headline(s, "T");
    commit(s);
    run_to_the_end(s);
    assert_written(s, "out", "<%d \\t 5%% T\\>\n<%>\n");
}

static void words_and_variables_are_clean_and_on_one_line(void **state)
{
    struct scene *s = *state;
    add_script(s, "both",
               "#!/bin/sh\nprintf '%s\\n' \"$1\" \"$NEWSWIRE_HEADLINE\" >\"${0%/*}/out\"\n");
    start(s, "both", "%{headline}");
    put_headline(s, "a\nb\x1b[31m\t\xe2\x80\xaeq\xc2\x9b"
                    "r");
    commit(s);
    run_to_the_end(s);
    struct buf text = written(s, "out");
    assert_int_equal(lines_in(&text), 2);
    assert_null(strpbrk(text.data, "\x1b\t"));
    assert_null(strstr(text.data, "\xe2\x80\xae"));
    assert_null(strstr(text.data, "\xc2\x9b"));
    assert_int_equal(strncmp(text.data, "a b", 3), 0);
    buf_deinit(&text);
}

static void every_field_is_in_the_environment_and_the_item_on_standard_input(void **state)
{
    struct scene *s = *state;
    static const char item[] =
        "{\"uri\":\"u:1\",\"version\":\"2\",\"urgency\":3,\"language\":\"fr\",\n"
        " \"headlines\":[{\"role\":\"main\",\"value\":\"T\"}]}";
    assert_int_equal(setenv("NEWSWIRE_HEADLINE", "of an outer newssub", 1), 0);
    assert_int_equal(setenv("OTHER_SETTING", "inherited", 1), 0);
    add_script(s, "environment", "#!/bin/sh\nenv | sort >\"${0%/*}/out\"\ncat >\"${0%/*}/in\"\n");
    start(s, "environment", "");
    run_one(s, item);
    assert_totals(s, 1, 0);
    struct buf text = written(s, "out");
    for (size_t i = 0; field_at(i); i++) {
        char line[64] = "\nNEWSWIRE_";
        for (const char *c = field_at(i)->name; *c; c++)
            (void)snprintf(line + strlen(line), 2, "%c", *c - 'a' + 'A');
        strcat(line, "=");
        if (!strstr(text.data, line)) fail_msg("no %s in %s", line + 1, text.data);
    }
    static const char *const lines[] = {
        "\nNEWSWIRE_HEADLINE=T\n",
        "\nNEWSWIRE_URGENCY=3\n",
        "\nNEWSWIRE_SUBJECT=sport/football\n",
        "\nNEWSWIRE_PUBLISHER=harbour\n",
        "\nNEWSWIRE_BY=\n",
        "\nOTHER_SETTING=inherited\n",
        "\nNEWSWIRE_RECEIVED=2026-11-23T14:02:07Z\n",
    };
    for (size_t i = 0; i < COUNT(lines); i++)
        if (!strstr(text.data, lines[i])) fail_msg("no %s in %s", lines[i] + 1, text.data);
    assert_null(strstr(text.data, "outer"));
    buf_deinit(&text);
    assert_written(s, "in",
                   "{\"uri\":\"u:1\",\"version\":\"2\",\"urgency\":3,\"language\":\"fr\","
                   "\"headlines\":[{\"role\":\"main\",\"value\":\"T\"}]}\n");
    (void)unsetenv("NEWSWIRE_HEADLINE");
    (void)unsetenv("OTHER_SETTING");
}

static void an_item_of_megabytes_comes_whole_and_its_variables_cut_between_characters(void **state)
{
    struct scene *s = *state;
    enum { CHARACTERS = 500000 };
    struct buf headline = {0};
    buf_putc(&headline, 'x');
    for (size_t i = 0; i < CHARACTERS; i++)
        buf_puts(&headline, "\xe2\x82\xac");
    add_script(s, "sizes",
               "#!/bin/sh\nwc -c | tr -dc 0-9 >\"${0%/*}/in\"\n"
               "printf %s \"$NEWSWIRE_HEADLINE\" >\"${0%/*}/variable\"\n"
               "printf %s \"$1\" >\"${0%/*}/word\"\n");
    start(s, "sizes", "%{headline}");
    put_headline(s, headline.data);
    commit(s);
    run_to_the_end(s);
    assert_totals(s, 1, 0);
    static const char *const names[] = {"variable", "word"};
    for (size_t i = 0; i < COUNT(names); i++) {
        struct buf text = written(s, names[i]);
        assert_int_equal(text.len, 1 + 3 * ((32768 - 1) / 3));
        assert_memory_equal(text.data, headline.data, text.len);
        buf_deinit(&text);
    }
    struct buf in = written(s, "in");
    assert_true(strtoul(in.data, NULL, 10) > headline.len);
    buf_deinit(&in);
    buf_deinit(&headline);
}

static void a_command_has_the_usual_signals_and_no_descriptor_of_ours(void **state)
{
    struct scene *s = *state;
    sigset_t mask, before;
    int leak = fcntl(STDIN_FILENO, F_DUPFD, 50); /* as libraries open them */
    assert_true(leak >= 50);
    assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    (void)sigemptyset(&mask);
    (void)sigaddset(&mask, SIGTERM);
    assert_int_equal(sigprocmask(SIG_BLOCK, &mask, &before), 0);
    add_script(s, "state",
               "#!/bin/sh\nsed -n 's/^Sig[BI][lg][kn]:.//p' /proc/self/status >\"${0%/*}/masks\"\n"
               "ls /proc/$$/fd | tr '\\n' ' ' >\"${0%/*}/fds\"\n");
    start(s, "state", "");
    run_one(s, "{\"uri\":\"u:1\"}");
    assert_int_equal(sigprocmask(SIG_SETMASK, &before, NULL), 0);
    (void)close(leak);
    struct buf masks = written(s, "masks");
    char *at = masks.data;
    for (int i = 0; i < 2; i++) /* blocked, ignored; signals 32 and 33 are glibc's own */
        assert_int_equal(strtoull(at, &at, 16) & ~0x180000000ull, 0);
    assert_string_equal(at, "\n");
    buf_deinit(&masks);
    struct buf fds = written(s, "fds");
    char leaked[16];
    (void)snprintf(leaked, sizeof leaked, " %d ", leak);
    assert_int_equal(strncmp(fds.data, "0 1 ", 4), 0); /* and 10, the script, before 2 */
    assert_null(strstr(fds.data, leaked));
    buf_deinit(&fds);
}

static void what_a_command_says_goes_to_the_descriptor_of_errors(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    char text[32] = "";
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    s->exec = exec_new("sh -c 'echo out; echo err >&2'", fds[1], &err);
    if (!s->exec) fail_msg("%s", err.message);
    run_one(s, "{\"uri\":\"u:1\"}");
    assert_int_equal(read(fds[0], text, sizeof text - 1), 8);
    assert_string_equal(text, "out\nerr\n");
    (void)close(fds[0]);
    (void)close(fds[1]);
}

/* ------------------------------------------------------------------------------------- Failures */

static void a_failure_is_counted_and_told_for_what_it_is(void **state)
{
    struct scene *s = *state;
    static const struct {
        const char *script, *text, *says;
    } rows[] = {
        {"three", "#!/bin/sh\nexit 3\n", "three: ended with status 3\n"},
        {"inner", "#!/bin/sh\nno-such-command-anywhere\n", "inner: ended with status 127\n"},
        {"signal", "#!/bin/sh\nkill -15 $$\n", "signal: ended by signal 15\n"},
        {"shebang", "echo without a first line that says of what\n",
         "shebang: Exec format error\n"},
        {"gone", "#!/no/such/shell\n", "gone: No such file or directory\n"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        add_script(s, rows[i].script, rows[i].text);
        start(s, rows[i].script, "");
        run_one(s, "{\"uri\":\"u:1\"}");
        assert_totals(s, 0, 1);
        assert_told(s, rows[i].says);
        exec_sink.free(s->exec);
        s->exec = NULL;
        buf_clear(&s->told);
    }
}

static void a_command_that_is_not_there_is_told_ten_times_and_then_only_counted(void **state)
{
    struct scene *s = *state;
    start(s, "missing", "");
    for (size_t i = 0; i < 25; i++)
        put(s, "{\"uri\":\"u:1\"}");
    commit(s);
    run_to_the_end(s);
    assert_totals(s, 0, 25);
    assert_told(s, "--exec: ");
    assert_told(s, "missing: No such file or directory; further failures are only counted\n");
    assert_int_equal(lines_in(&s->told), EXEC_TOLD);
}

static void a_command_that_does_not_read_its_input_is_no_failure(void **state)
{
    struct scene *s = *state;
    struct buf item = {0};
    add_script(s, "deaf", "#!/bin/sh\nexec <&-\nexit 0\n");
    start(s, "deaf", "");
    buf_puts(&item, "{\"uri\":\"u:1\",\"edNote\":\"");
    for (size_t i = 0; i < 1 << 20; i++)
        buf_putc(&item, 'x');
    buf_puts(&item, "\"}");
    run_one(s, item.data);
    assert_totals(s, 1, 0);
    buf_deinit(&item);
}

static bool is_gone(void *user)
{
    const pid_t *pid = user;
    return kill(*pid, 0) < 0;
}

static void a_command_that_hangs_is_killed_with_what_it_started(void **state)
{
    struct scene *s = *state;
    add_script(s, "hang",
               "#!/bin/sh\ntrap '' TERM\nsleep 1000 &\necho $! >\"${0%/*}/child\"\n"
               "while :; do wait; done\n");
    start(s, "hang", "");
    exec_set_time(s->exec, 300);
    run_one(s, "{\"uri\":\"u:1\"}");
    assert_totals(s, 0, 1);
    assert_told(s, "hang: killed after 0.3 s\n");
    struct buf text = written(s, "child");
    pid_t child = (pid_t)strtol(text.data, NULL, 10);
    assert_true(child > 1);
    assert_true(wait_until(is_gone, &child, WAIT_MS));
    buf_deinit(&text);
}

static void one_that_hangs_does_not_hold_up_the_others(void **state)
{
    struct scene *s = *state;
    add_script(s, "sometimes",
               "#!/bin/sh\ncase $1 in hang) exec sleep 1000 ;; esac\necho >>\"${0%/*}/out\"\n");
    start(s, "sometimes", "%{headline}");
    put_headline(s, "hang");
    for (size_t i = 0; i < 20; i++)
        put_headline(s, "go on");
    commit(s);
    int64_t until = date_mono_ms() + WAIT_MS;
    while (exec_totals(s->exec).done < 20) {
        turn(s);
        assert_true(date_mono_ms() < until);
    }
    assert_int_equal(exec_totals(s->exec).running, 1);
    assert_false(exec_sink.idle(s->exec));
    assert_null(s->told.data);
}

/* An ignored SIGCHLD is inherited, and would take the status away. */
static void an_ignored_sigchld_hides_no_failure(void **state)
{
    struct scene *s = *state;
    assert_true(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
    add_script(s, "three", "#!/bin/sh\nexit 3\n");
    start(s, "three", "");
    run_one(s, "{\"uri\":\"u:1\"}");
    assert_totals(s, 0, 1);
    assert_told(s, "ended with status 3");
}

/* --------------------------------------------------------------------------------------- Bounds */

/* Each writes how many run at that moment, itself included. */
static void of_a_thousand_items_at_most_four_run_at_once(void **state)
{
    struct scene *s = *state;
    add_script(s, "count",
               "#!/bin/sh\nd=${0%/*}\n: >\"$d/run.$$\"\nset -- \"$d\"/run.*\n"
               "echo $# >>\"$d/out\"\nrm \"$d/run.$$\"\n");
    start(s, "count", "");
    for (size_t i = 0; i < 1000; i++)
        put(s, "{\"uri\":\"u:1\"}");
    commit(s);
    run_to_the_end(s);
    assert_totals(s, 1000, 0);
    struct buf out = written(s, "out");
    assert_int_equal(lines_in(&out), 1000);
    size_t most = 0;
    for (const char *at = out.data; *at; at = strchr(at, '\n') + 1)
        if (strtoul(at, NULL, 10) > most) most = strtoul(at, NULL, 10);
    assert_true(most >= 2 && most <= EXEC_PARALLEL);
    buf_deinit(&out);
}

static void commands_start_in_the_order_of_their_items(void **state)
{
    struct scene *s = *state;
    add_script(s, "append", "#!/bin/sh\nprintf '%s ' \"$1\" >>\"${0%/*}/out\"\n");
    start(s, "append", "%{headline}");
    for (int i = 0; i < 10; i++) {
        char headline[16];
        (void)snprintf(headline, sizeof headline, "%d", i);
        put_headline(s, headline);
        commit(s);
        run_to_the_end(s);
    }
    assert_written(s, "out", "0 1 2 3 4 5 6 7 8 9 ");
}

static void nothing_runs_before_its_batch_is_committed_or_after_it_was_undone(void **state)
{
    struct scene *s = *state;
    add_script(s, "append", "#!/bin/sh\nprintf '%s ' \"$1\" >>\"${0%/*}/out\"\n");
    start(s, "append", "%{headline}");
    assert_true(exec_sink.idle(s->exec));
    put_headline(s, "undone");
    assert_false(exec_sink.idle(s->exec));
    assert_true(exec_sink.turn(s->exec, NULL));
    assert_int_equal(exec_totals(s->exec).running, 0);
    assert_int_equal(exec_totals(s->exec).waiting, 1);
    exec_sink.undone(s->exec);
    assert_true(exec_sink.idle(s->exec));
    put_headline(s, "committed");
    commit(s);
    put_headline(s, "undone, too");
    exec_sink.undone(s->exec);
    run_to_the_end(s);
    assert_written(s, "out", "committed ");
}

static void it_is_full_at_its_bounds_and_no_longer_when_they_run(void **state)
{
    struct scene *s = *state;
    add_script(s, "true", "#!/bin/sh\n");
    start(s, "true", "");
    for (size_t i = 0; i < EXEC_WAITING; i++) {
        assert_false(exec_sink.full(s->exec));
        put(s, "{\"uri\":\"u:1\"}");
        if (i == EXEC_WAITING / 2) commit(s);
    }
    assert_true(exec_sink.full(s->exec));
    commit(s);
    assert_true(exec_sink.full(s->exec));
    turn(s);
    assert_false(exec_sink.full(s->exec));
    exec_sink.free(s->exec);

    start(s, "true", "");
    struct buf item = {0};
    buf_puts(&item, "{\"uri\":\"u:1\",\"edNote\":\"");
    for (size_t i = 0; i < 3 << 20; i++)
        buf_putc(&item, 'x');
    buf_puts(&item, "\"}");
    size_t count = 0;
    while (!exec_sink.full(s->exec) && ++count < EXEC_WAITING)
        put(s, item.data);
    assert_true(count >= 5 && count <= 6); /* 16 MiB */
    buf_deinit(&item);
}

static void what_still_runs_at_the_end_of_all_is_told_to_end(void **state)
{
    struct scene *s = *state;
    add_script(s, "hang",
               "#!/bin/sh\necho $$ >\"${0%/*}/pid\"\nmv \"${0%/*}/pid\" \"${0%/*}/out\"\n"
               "exec sleep 1000\n");
    start(s, "hang", "");
    put(s, "{\"uri\":\"u:1\"}");
    commit(s);
    turn(s);
    assert_int_equal(exec_totals(s->exec).running, 1);
    char path[256];
    (void)snprintf(path, sizeof path, "%s/out", s->dir.path);
    int64_t until = date_mono_ms() + WAIT_MS;
    while (access(path, F_OK) < 0) {
        assert_true(date_mono_ms() < until);
        (void)poll(NULL, 0, 2);
    }
    struct buf text = written(s, "out");
    pid_t pid = (pid_t)strtol(text.data, NULL, 10);
    buf_deinit(&text);
    int pidfd = pidfd_open(pid, 0);
    assert_true(pidfd >= 0);
    exec_sink.free(s->exec);
    s->exec = NULL;
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    assert_int_equal(poll(&ended, 1, WAIT_MS), 1);
    (void)close(pidfd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_is_split_as_a_shell_would_and_nothing_is_expanded),
        cmocka_unit_test(a_command_has_at_most_63_words),
        cmocka_unit_test(a_command_that_cannot_be_meant_is_refused),
        TEST(fields_stay_within_their_word_whatever_they_say),
        TEST(a_word_with_a_field_keeps_its_percents_and_backslashes),
        TEST(words_and_variables_are_clean_and_on_one_line),
        TEST(every_field_is_in_the_environment_and_the_item_on_standard_input),
        TEST(an_item_of_megabytes_comes_whole_and_its_variables_cut_between_characters),
        TEST(a_command_has_the_usual_signals_and_no_descriptor_of_ours),
        TEST(what_a_command_says_goes_to_the_descriptor_of_errors),
        TEST(a_failure_is_counted_and_told_for_what_it_is),
        TEST(a_command_that_is_not_there_is_told_ten_times_and_then_only_counted),
        TEST(a_command_that_does_not_read_its_input_is_no_failure),
        TEST(a_command_that_hangs_is_killed_with_what_it_started),
        TEST(one_that_hangs_does_not_hold_up_the_others),
        TEST(an_ignored_sigchld_hides_no_failure),
        TEST(of_a_thousand_items_at_most_four_run_at_once),
        TEST(commands_start_in_the_order_of_their_items),
        TEST(nothing_runs_before_its_batch_is_committed_or_after_it_was_undone),
        TEST(it_is_full_at_its_bounds_and_no_longer_when_they_run),
        TEST(what_still_runs_at_the_end_of_all_is_told_to_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
