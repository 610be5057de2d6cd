#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "subscriber/opener.h"
#include "tests/support/tmpdir.h"
#include "tests/support/vt.h"
#include "tests/support/wait.h"
#include "tests/unit/stage.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ------------------------------------------------------------------------------------ Helpers */

/* Tells how it was called, at once: whoever sees the file sees all of it. */
static const char browser_text[] =
    "#!/bin/sh\n"
    "{ printf '%s\\n' \"$#\" \"$@\"; ls -l /proc/$$/fd/0 /proc/$$/fd/1;\n"
    "  grep -E '^Sig(Blk|Ign)' /proc/self/status; } >\"$OUT.new\"\n"
    "mv \"$OUT.new\" \"$OUT\"\n";

struct scene {
    struct tmpdir dir;
    char browser[256], out[256], none[256];
};

static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    if (!s || !tmpdir_make(&s->dir) ||
        !tmpdir_write(&s->dir, "browser", browser_text, s->browser, sizeof s->browser) ||
        chmod(s->browser, 0700) != 0)
        return -1;
    (void)snprintf(s->out, sizeof s->out, "%s/out", s->dir.path);
    (void)snprintf(s->none, sizeof s->none, "%s/none", s->dir.path);
    (void)setenv("OUT", s->out, 1);
    (void)setenv("DISPLAY", ":7", 1);
    (void)unsetenv("WAYLAND_DISPLAY");
    (void)unsetenv("BROWSER");
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    tmpdir_remove(&s->dir);
    free(s);
    return 0;
}

static bool is_there(void *path)
{
    return access(path, F_OK) == 0;
}

/* What the browser wrote; then it is as if it never had. */
static const char *told(struct scene *s)
{
    static char text[4096];
    if (!wait_until(is_there, s->out, WAIT_MS)) return "(nothing)";
    FILE *f = fopen(s->out, "r");
    size_t len = f ? fread(text, 1, sizeof text - 1, f) : 0;
    text[len] = '\0';
    if (f) (void)fclose(f);
    (void)unlink(s->out);
    return text;
}

static void assert_begins(const char *text, const char *with)
{
    if (strncmp(text, with, strlen(with)) != 0) fail_msg("\"%s\", not \"%s...\"", text, with);
}

static void assert_browses(struct scene *s, const char *browser, const char *url, const char *begin)
{
    struct news_error err = {0};
    if (!opener_browse(NULL, browser, false, url, &err)) fail_msg("%s: %s", url, err.message);
    assert_begins(told(s), begin);
}

/* --------------------------------------------------------------------------------------- Links */

static void a_link_is_one_argument_whatever_is_in_it(void **state)
{
    struct scene *s = *state;
    static const struct {
        const char *url, *argument;
    } cases[] = {
        {"https://a.example/1", "https://a.example/1"},
        {"http://a.example/a b", "http://a.example/a%20b"},
        {"https://a.example/$(touch);`y`&z|'\"", NULL},
        {"https://a.example/%s%n?-x=--y", "https://a.example/%s%n?-x=--y"},
        {"https://a.example/\xc3\xa9", "https://a.example/%C3%A9"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char begin[256];
        const char *argument = cases[i].argument ? cases[i].argument : cases[i].url;
        (void)snprintf(begin, sizeof begin, "1\n%s\n", argument);
        assert_browses(s, s->browser, cases[i].url, begin);
    }
}

static void what_is_no_link_of_the_web_is_never_opened(void **state)
{
    struct scene *s = *state;
    static const char *const urls[] = {
        "",
        "-x",
        "--help",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "ftp://a.example/",
        "https:a.example",
        "https://",
        "https://user@a.example/",
        "https://a.example/\nhttps://b.example/",
        "https://a.example/\033[2J",
        " https://a.example/",
        "data:text/html,x",
    };
    for (size_t i = 0; i < COUNT(urls); i++) {
        struct news_error err = {0};
        assert_false(opener_browse(NULL, s->browser, false, urls[i], &err));
        assert_int_equal(err.code, NEWS_ERR_DATA);
    }
    assert_browses(s, s->browser, "https://a.example/", "1\n"); /* none before was started */
    assert_false(is_there(s->out));
}

static void the_link_stands_where_the_command_says(void **state)
{
    struct scene *s = *state;
    static const struct {
        const char *arguments, *begin;
    } cases[] = {
        {"", "1\nhttps://a.example/\n"},
        {" -new 'a b'", "3\n-new\na b\nhttps://a.example/\n"},
        {" %s -x", "2\nhttps://a.example/\n-x\n"},
        {" '%s' %s", "2\nhttps://a.example/\nhttps://a.example/\n"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char command[512];
        (void)snprintf(command, sizeof command, "'%s'%s", s->browser, cases[i].arguments);
        assert_browses(s, command, "https://a.example/", cases[i].begin);
    }
}

/* "sh -c 'lynx %s'" would run what is in the link. */
static void the_link_is_never_put_into_a_word(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    char command[512];
    (void)snprintf(command, sizeof command, "sh -c '%s %%s'", s->browser);
    assert_false(opener_browse(NULL, command, false, "https://a.example/$(id)", &err));
    assert_non_null(strstr(err.message, "%s has to be a word"));
}

static void the_first_browser_that_can_be_started_is_taken(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    char list[1024];
    (void)snprintf(list, sizeof list, "%s::%s %%s -x:%s", s->none, s->browser, s->none);
    (void)setenv("BROWSER", list, 1);
    assert_browses(s, NULL, "https://a.example/", "2\nhttps://a.example/\n-x\n");
    assert_browses(s, s->browser, "https://a.example/", "1\n"); /* the option is stronger */
    (void)setenv("BROWSER", s->none, 1);
    assert_false(opener_browse(NULL, NULL, false, "https://a.example/", &err));
    assert_non_null(strstr(err.message, strerror(ENOENT)));
    (void)setenv("BROWSER", "::", 1);
    assert_false(opener_browse(NULL, NULL, false, "https://a.example/", &err));
    assert_non_null(strstr(err.message, "names no program"));
}

static void a_browser_that_cannot_be_started_is_told(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    assert_false(opener_browse(NULL, s->none, false, "https://a.example/", &err));
    assert_int_equal(err.code, NEWS_ERR_IO);
    assert_non_null(strstr(err.message, strerror(ENOENT)));
    assert_false(opener_browse(NULL, s->dir.path, false, "https://a.example/", &err));
    assert_non_null(strstr(err.message, strerror(EACCES)));
    assert_false(opener_browse(NULL, "'open", false, "https://a.example/", &err));
}

static void a_browser_beside_us_has_neither_our_terminal_nor_our_signals(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    sigset_t blocked, before;
    (void)sigemptyset(&blocked);
    (void)sigaddset(&blocked, SIGINT);
    (void)sigaddset(&blocked, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &blocked, &before);
    void (*pipe_before)(int) = signal(SIGPIPE, SIG_IGN);
    bool done = opener_browse(NULL, s->browser, false, "https://a.example/", &err);
    (void)signal(SIGPIPE, pipe_before);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    assert_true(done);
    const char *text = told(s);
    assert_non_null(strstr(text, "0 -> /dev/null"));
    assert_non_null(strstr(text, "SigBlk:\t0000000000000000"));
    assert_non_null(strstr(text, "SigIgn:\t0000000000000000"));
}

static void no_browser_becomes_a_zombie(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    for (int i = 0; i < 3; i++)
        assert_browses(s, s->browser, "https://a.example/", "1\n");
    assert_false(opener_browse(NULL, s->none, false, "https://a.example/", &err));
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

/* ------------------------------------------------------------------- On the terminal: a scene */

static int play(const char *what, const char *command, const char *operand)
{
    static const struct style plain = {STYLE_DEFAULT, STYLE_DEFAULT, 0, 0};
    struct theme theme;
    struct news_error err = {0};
    struct screen *s = stage_open(&theme);
    sigset_t keyboard;
    (void)sigemptyset(&keyboard); /* as the program has them: read by signalfd */
    (void)sigaddset(&keyboard, SIGINT);
    (void)sigaddset(&keyboard, SIGTSTP);
    (void)sigprocmask(SIG_BLOCK, &keyboard, NULL);
    screen_put(s, 0, 0, 10, "on stage", 8, &plain, NULL);
    stage_show(s);
    bool done = strcmp(what, "pipe") == 0 ? opener_pipe(s, command, operand, strlen(operand), &err)
                                          : opener_browse(s, command, true, operand, &err);
    sigset_t pending;
    (void)sigpending(&pending);
    bool interrupted = sigismember(&pending, SIGINT) || sigismember(&pending, SIGTSTP);
    const char *line = done ? "it was done" : err.message;
    screen_put(s, 0, 0, 70, line, strlen(line), &plain, NULL);
    screen_put(s, 1, 0, 20, interrupted ? "interrupted" : "calm", interrupted ? 11 : 4, &plain,
               NULL);
    stage_hold(s);
    return 0;
}

static struct vt *watch(const char *what, const char *command, const char *operand)
{
    const char *const argv[] = {"/proc/self/exe", what, command, operand, NULL};
    struct vt *v = vt_start(&(struct vt_options){.argv = argv, .rows = 12, .columns = 80});
    assert_non_null(v);
    return v;
}

static void expect(struct vt *v, const char *text)
{
    if (!vt_expect(v, text, WAIT_MS)) fail_msg("no \"%s\" on\n%s", text, vt_screen(v));
}

static void leave(struct vt *v)
{
    expect(v, "calm");
    assert_true(vt_is_alternate(v));
    vt_type(v, "q");
    assert_int_equal(vt_wait_end(v, WAIT_MS), 0);
    vt_free(v);
}

static void a_command_gets_the_item_and_the_terminal(void **state)
{
    (void)state;
    struct vt *v = watch("pipe", "sed 's/^/got: /'", "{\"uri\":\"u:1\"}");
    expect(v, "got: {\"uri\":\"u:1\"}");
    expect(v, "-- done; press a key --");
    assert_false(vt_is_alternate(v));
    vt_type(v, "x");
    expect(v, "it was done");
    leave(v);
}

static void a_command_that_reads_nothing_does_no_harm(void **state)
{
    (void)state;
    char *item = malloc(100001);
    assert_non_null(item);
    memset(item, 'x', 100000);
    item[100000] = '\0';
    struct vt *v = watch("pipe", "sh -c 'exit 3'", item);
    free(item);
    expect(v, "-- ended with status 3; press a key --");
    vt_type(v, "\003"); /* a key as any other */
    expect(v, "it was done");
    leave(v);
}

static void a_command_that_cannot_be_started_is_told_at_once(void **state)
{
    (void)state;
    struct vt *v = watch("pipe", "/nowhere/at-all", "x");
    expect(v, "/nowhere/at-all: No such file or directory");
    leave(v);
}

static void ctrl_c_ends_the_command_and_not_us(void **state)
{
    (void)state;
    struct vt *v = watch("pipe", "sh -c 'echo ready; exec sleep 1000'", "x");
    expect(v, "ready");
    vt_type(v, "\003");
    expect(v, "-- ended by signal 2; press a key --");
    vt_type(v, "x");
    expect(v, "it was done");
    leave(v);
}

static bool is_stopped(void *v)
{
    return vt_is_stopped(v);
}

static void ctrl_z_stops_the_command_and_us_with_it(void **state)
{
    (void)state;
    struct vt *v = watch("pipe", "sh -c 'echo ready; read line </dev/tty; echo on'", "x");
    expect(v, "ready");
    vt_type(v, "\032");
    assert_true(vt_wait(v, is_stopped, v, WAIT_MS));
    (void)kill(-vt_pid(v), SIGCONT); /* as fg does */
    vt_type(v, "\r");
    expect(v, "-- done; press a key --");
    vt_type(v, "x");
    expect(v, "it was done");
    leave(v);
}

static void a_browser_of_the_terminal_has_it_until_its_end(void **state)
{
    (void)state;
    struct vt *v = watch("browse", "sh -c 'echo \"page $0\"; head -n 1 >/dev/null'",
                         "https://a.example/");
    expect(v, "page https://a.example/");
    assert_false(vt_is_alternate(v));
    vt_type(v, "\r");
    expect(v, "it was done");
    leave(v);
    v = watch("browse", "sh -c 'exit 3'", "https://a.example/");
    expect(v, "browser sh ended with status 3");
    leave(v);
}

/* --------------------------------------------------------------------------------------- Files */

static void a_file_is_written_once_and_never_over_another(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    char text[16] = "";
    struct stat file;
    mode_t before = umask(027);
    bool done = opener_save(s->out, "{}\n", 3, &err);
    (void)umask(before);
    assert_true(done);
    assert_int_equal(stat(s->out, &file), 0);
    assert_int_equal(file.st_mode & 0777, 0640);
    assert_false(opener_save(s->out, "other", 5, &err));
    assert_non_null(strstr(err.message, strerror(EEXIST)));
    FILE *f = fopen(s->out, "r");
    assert_non_null(f);
    assert_int_equal(fread(text, 1, sizeof text, f), 3);
    (void)fclose(f);
    assert_string_equal(text, "{}\n");
    assert_false(opener_save(s->dir.path, "x", 1, &err));
    assert_int_equal(symlink("elsewhere", s->none), 0); /* nor through a link */
    assert_false(opener_save(s->none, "x", 1, &err));
    assert_false(opener_save("/dev/full", "x", 1, &err));
}

int main(int argc, char **argv)
{
    if (argc == 4) return play(argv[1], argv[2], argv[3]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_link_is_one_argument_whatever_is_in_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_link_of_the_web_is_never_opened, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_link_stands_where_the_command_says, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_link_is_never_put_into_a_word, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_first_browser_that_can_be_started_is_taken, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_browser_that_cannot_be_started_is_told, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            a_browser_beside_us_has_neither_our_terminal_nor_our_signals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_browser_becomes_a_zombie, set_up, tear_down),
        cmocka_unit_test(a_command_gets_the_item_and_the_terminal),
        cmocka_unit_test(a_command_that_reads_nothing_does_no_harm),
        cmocka_unit_test(a_command_that_cannot_be_started_is_told_at_once),
        cmocka_unit_test(ctrl_c_ends_the_command_and_not_us),
        cmocka_unit_test(ctrl_z_stops_the_command_and_us_with_it),
        cmocka_unit_test(a_browser_of_the_terminal_has_it_until_its_end),
        cmocka_unit_test_setup_teardown(a_file_is_written_once_and_never_over_another, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
