#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/options.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define ARGS_MAX     16

/* --------------------------------------------------------------------------- A program's table */

struct settings {
    bool verbose;
    const char *output, *plain;
    long long count, wait_ms, size;
    struct option_range urgency;
    struct option_list topics, languages;
};

enum { SEND = 1, CHECK = 2 };

static const struct option table[] = {
    {.help = "General"},
    {.name = "verbose",
     .letter = 'v',
     .type = OPTION_FLAG,
     .at = offsetof(struct settings, verbose),
     .help = "say more"},
    {.name = "output",
     .letter = 'o',
     .type = OPTION_TEXT,
     .argument = "FORMAT",
     .at = offsetof(struct settings, output),
     .fallback = "auto",
     .help = "how to show items: text, ndjson, tsv, or a format string made of fields and widths"},
    {.name = "plain",
     .type = OPTION_TEXT,
     .argument = "A-VERY-LONG-ARGUMENT-NAME",
     .at = offsetof(struct settings, plain),
     .commands = CHECK,
     .help = "no default"},
    {.help = "Numbers"},
    {.name = "count",
     .letter = 'n',
     .type = OPTION_NUMBER,
     .argument = "N",
     .at = offsetof(struct settings, count),
     .least = 0,
     .most = 1000,
     .fallback = "0",
     .help = "stop after that many"},
    {.name = "for",
     .type = OPTION_TIME,
     .argument = "TIME",
     .at = offsetof(struct settings, wait_ms),
     .help = "stop after that time"},
    {.name = "size",
     .type = OPTION_SIZE,
     .argument = "SIZE",
     .at = offsetof(struct settings, size),
     .help = "no more than that"},
    {.name = "urgency",
     .letter = 'u',
     .type = OPTION_RANGE,
     .argument = "A-B",
     .at = offsetof(struct settings, urgency),
     .least = 1,
     .most = 9,
     .fallback = "1-9",
     .help = "only these"},
    {.name = "topic",
     .letter = 't',
     .type = OPTION_LIST,
     .argument = "FILTER",
     .at = offsetof(struct settings, topics),
     .help = "may be repeated"},
    {.name = "lang",
     .type = OPTION_LIST,
     .split = true,
     .argument = "TAG,...",
     .at = offsetof(struct settings, languages),
     .help = "parted by commas"},
    {.name = "config",
     .type = OPTION_TEXT,
     .argument = "FILE",
     .at = offsetof(struct settings, plain),
     .help = "settings"},
    {.name = "help", .letter = 'h', .type = OPTION_ACTION, .help = "this text"},
    {.name = "version", .type = OPTION_ACTION, .help = "the version"},
    {0},
};

/* ------------------------------------------------------------------------------------ Helpers */

struct run {
    struct options o;
    struct settings s;
    char *argv[ARGS_MAX + 1];
    int argc, operands;
    const char *action;
    struct news_error err;
};

static void run_start(struct run *r)
{
    *r = (struct run){0};
    assert_true(options_init(&r->o, "newstest", table, &r->s, &r->err));
}

/* Parses the words of line, parted by blanks ("~" stands for an empty one). */
static bool run_parse(struct run *r, const char *line)
{
    static char words[1024];
    assert_true(strlen(line) < sizeof words);
    strcpy(words, line);
    r->argc = 0;
    static char program[] = "newstest", empty[] = "";
    r->argv[r->argc++] = program;
    for (char *w = strtok(words, " "); w; w = strtok(NULL, " ")) {
        assert_true(r->argc < ARGS_MAX);
        r->argv[r->argc++] = strcmp(w, "~") == 0 ? empty : w;
    }
    r->argv[r->argc] = NULL;
    return options_parse(&r->o, r->argc, r->argv, &r->operands, &r->action, &r->err);
}

static char *file_made(const char *content)
{
    char *path = strdup("/tmp/newswire-options-XXXXXX");
    assert_non_null(path);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    (void)close(fd);
    return path;
}

/* ------------------------------------------------------------------------------ Command lines */

static void the_table_gives_the_defaults(void **state)
{
    (void)state;
    struct run r;
    run_start(&r);
    assert_true(run_parse(&r, ""));
    assert_false(r.s.verbose);
    assert_string_equal(r.s.output, "auto");
    assert_null(r.s.plain);
    assert_int_equal(r.s.urgency.least, 1);
    assert_int_equal(r.s.urgency.most, 9);
    assert_int_equal(r.s.topics.count, 0);
    assert_int_equal(r.operands, 0);
    assert_null(r.action);
    options_deinit(&r.o);
}

static void options_and_operands_come_in_any_order_and_form(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *output;
        bool verbose;
        long long count;
        const char *operands; /* parted by blanks */
    } cases[] = {
        {"-o text", "text", false, 0, ""},
        {"-otext", "text", false, 0, ""},
        {"--output text", "text", false, 0, ""},
        {"--output=text", "text", false, 0, ""},
        {"--output=", "", false, 0, ""},
        {"--output ~", "", false, 0, ""},
        {"--output=a=b", "a=b", false, 0, ""},
        {"--output -v", "-v", false, 0, ""}, /* a value may look like an option */
        {"-o --", "--", false, 0, ""},
        {"-vn5", "auto", true, 5, ""},
        {"-vn 5", "auto", true, 5, ""},
        {"-vovo", "vo", true, 0, ""},
        {"a -v b", "auto", true, 0, "a b"},
        {"a - b -v", "auto", true, 0, "a - b"},
        {"-v -- -v --output c", "auto", true, 0, "-v --output c"},
        {"a -- -- b", "auto", false, 0, "a -- b"},
        {"--count 3 a --count 4", "auto", false, 4, "a"}, /* the last one stands */
        {"--verbose=no -n0", "auto", false, 0, ""},
        {"--verbose=yes", "auto", true, 0, ""},
        {"-v --verbose=off", "auto", false, 0, ""},
        {"~ a", "auto", false, 0, "~ a"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct run r;
        run_start(&r);
        if (!run_parse(&r, cases[i].line)) fail_msg("%s: %s", cases[i].line, r.err.message);
        char operands[256] = "";
        for (int a = 0; a < r.operands; a++) {
            if (a > 0) strcat(operands, " ");
            strcat(operands, *r.argv[a] ? r.argv[a] : "~");
        }
        if (strcmp(r.s.output, cases[i].output) != 0 || r.s.verbose != cases[i].verbose ||
            r.s.count != cases[i].count || strcmp(operands, cases[i].operands) != 0)
            fail_msg("%s: %s %d %lld \"%s\"", cases[i].line, r.s.output, r.s.verbose, r.s.count,
                     operands);
        options_deinit(&r.o);
    }
}

static void actions_are_told_and_the_first_one_counts(void **state)
{
    (void)state;
    static const struct {
        const char *line, *action;
    } cases[] = {
        {"--help", "help"},
        {"-h", "help"},
        {"-vh", "help"},
        {"--version a", "version"},
        {"--version --help", "version"},
        {"-- --help", NULL},
        {"-o --help", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct run r;
        run_start(&r);
        assert_true(run_parse(&r, cases[i].line));
        if (!r.action != !cases[i].action || (r.action && strcmp(r.action, cases[i].action) != 0))
            fail_msg("%s: %s", cases[i].line, r.action ? r.action : "none");
        options_deinit(&r.o);
    }
}

static void lists_grow_and_are_split_where_the_table_says(void **state)
{
    (void)state;
    struct run r;
    run_start(&r);
    assert_true(run_parse(&r, "-t a,b -tc --topic=d --lang de,fr --lang es,it"));
    assert_int_equal(r.s.topics.count, 3);
    assert_string_equal(r.s.topics.items[0], "a,b");
    assert_string_equal(r.s.topics.items[1], "c");
    assert_string_equal(r.s.topics.items[2], "d");
    static const char *const languages[] = {"de", "fr", "es", "it"};
    assert_int_equal(r.s.languages.count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(r.s.languages.items[i], languages[i]);
    options_deinit(&r.o);
}

/* A script whose variable is unset must not get the whole wire instead of nothing. */
static void an_empty_name_in_a_list_is_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {"--lang=", "--lang=de,,fr", "--lang=de,", "--lang=,"};
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct run r;
        run_start(&r);
        bool passed = run_parse(&r, lines[i]);
        options_deinit(&r.o);
        if (passed) fail_msg("%s was passed", lines[i]);
    }
}

static void a_list_has_a_bounded_number_of_values(void **state)
{
    (void)state;
    char line[OPTION_LIST_MAX * 2 + 32] = "--lang=";
    struct run r;
    for (int i = 0; i < OPTION_LIST_MAX; i++)
        strcat(line, i ? ",x" : "x");
    run_start(&r);
    assert_true(run_parse(&r, line));
    assert_int_equal(r.s.languages.count, OPTION_LIST_MAX);
    options_deinit(&r.o);
    strcat(line, ",x");
    run_start(&r);
    assert_false(run_parse(&r, line));
    assert_string_equal(r.err.message, "--lang: at most 64 values");
    assert_int_equal(r.err.code, NEWS_ERR_USAGE);
    options_deinit(&r.o);
}

static void ranges_and_times_have_their_spellings(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int least, most;
        long long wait_ms;
    } cases[] = {
        {"-u 3", 3, 3, 0},           {"-u 2-4", 2, 4, 0},
        {"-u 9-9", 9, 9, 0},         {"--for 0", 1, 9, 0},
        {"--for 30", 1, 9, 30000},   {"--for 30s", 1, 9, 30000},
        {"--for 500ms", 1, 9, 500},  {"--for 10m", 1, 9, 600000},
        {"--for 2h", 1, 9, 7200000}, {"--for 7d", 1, 9, 604800000},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct run r;
        run_start(&r);
        if (!run_parse(&r, cases[i].line)) fail_msg("%s: %s", cases[i].line, r.err.message);
        if (r.s.urgency.least != cases[i].least || r.s.urgency.most != cases[i].most ||
            r.s.wait_ms != cases[i].wait_ms)
            fail_msg("%s: %d-%d %lld", cases[i].line, r.s.urgency.least, r.s.urgency.most,
                     r.s.wait_ms);
        options_deinit(&r.o);
    }
}

static void sizes_are_of_1024(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        long long size; /* -1: refused */
    } cases[] = {{"--size 0", 0},       {"--size 4096", 4096},
                 {"--size 3k", 3072},   {"--size 500M", 500LL << 20},
                 {"--size 2G", 2LL << 30}, {"--size 1T", 1LL << 40},
                 {"--size -1", -1},     {"--size 2GB", -1},
                 {"--size G", -1},      {"--size 9000000000000000T", -1}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct run r;
        run_start(&r);
        if (run_parse(&r, cases[i].line) != (cases[i].size >= 0) ||
            (cases[i].size >= 0 && r.s.size != cases[i].size))
            fail_msg("%s: %lld %s", cases[i].line, r.s.size, r.err.message);
        options_deinit(&r.o);
    }
}

static void what_is_wrong_is_told_with_the_name_of_the_option(void **state)
{
    (void)state;
#define NUMBER(value) "--count: \"" value "\" is not a number from 0 to 1000"
#define RANGE(value)  "--urgency: \"" value "\" is not a range within 1-9"
#define TIME(value)   "--for: \"" value "\" is not a time such as 30, 500ms, 10m, 2h or 7d"
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"--nope", "there is no option --nope"},
        {"--nope=1", "there is no option --nope"},
        {"--", NULL},
        {"--=x", "there is no option --"},
        {"--outpu text", "there is no option --outpu"}, /* no abbreviations */
        {"--outputs text", "there is no option --outputs"},
        {"-x", "there is no option -x"},
        {"-vx", "there is no option -x"},
        {"--output", "--output needs a value: FORMAT"},
        {"a -o", "--output needs a value: FORMAT"},
        {"-vn", "--count needs a value: N"},
        {"--help=x", "--help takes no value"},
        {"--verbose=maybe", "--verbose: \"maybe\" is not yes or no"},
        {"-n x", NUMBER("x")},
        {"-n ~", NUMBER("")},
        {"-n 5x", NUMBER("5x")},
        {"-n 5.0", NUMBER("5.0")},
        {"-n -1", NUMBER("-1")},
        {"-n 1001", NUMBER("1001")},
        {"-n 99999999999999999999", NUMBER("99999999999999999999")},
        {"-n 0x10", NUMBER("0x10")},
        {"-u 0", RANGE("0")},
        {"-u 10", RANGE("10")},
        {"-u 4-2", RANGE("4-2")},
        {"-u 1-", RANGE("1-")},
        {"-u -4", RANGE("-4")},
        {"-u 1-2-3", RANGE("1-2-3")},
        {"-u 1,2", RANGE("1,2")},
        {"-u 1-4294967298", RANGE("1-4294967298")},
        {"--for x", TIME("x")},
        {"--for -1", TIME("-1")},
        {"--for 1.5h", TIME("1.5h")},
        {"--for 1w", TIME("1w")},
        {"--for ~", TIME("")},
        {"--for 9223372036854775807d", TIME("9223372036854775807d")},
        {"--for 106751991167301d", TIME("106751991167301d")},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct run r;
        run_start(&r);
        bool ok = run_parse(&r, cases[i].line);
        if (ok != !cases[i].message) fail_msg("%s: %s", cases[i].line, ok ? "passed" : "refused");
        if (!ok && strcmp(r.err.message, cases[i].message) != 0)
            fail_msg("%s: %s", cases[i].line, r.err.message);
        if (!ok) assert_int_equal(r.err.code, NEWS_ERR_USAGE);
        options_deinit(&r.o);
    }
#undef NUMBER
#undef RANGE
#undef TIME
}

static void the_file_named_on_the_command_line_is_known_before_it_is_parsed(void **state)
{
    (void)state;
    static const struct {
        const char *words[6];
        const char *value;
    } cases[] = {
        {{"p", "--config", "f"}, "f"},
        {{"p", "--config=f"}, "f"},
        {{"p", "a", "--config=f", "--config=g"}, "g"},
        {{"p", "--config"}, NULL},
        {{"p", "--", "--config=f"}, NULL},
        {{"p", "--output", "--config", "f"}, NULL}, /* the value of --output */
        {{"p", "--output", "--config=f"}, NULL},
        {{"p", "--output=x", "--config=f"}, "f"},
        {{"p", "--configure=f"}, NULL},
        {{"p", "-v", "--config=f"}, "f"},
        {{"p", "-o", "--config=f"}, NULL}, /* the value of -o */
        {{"p", "-vo", "--config=f"}, NULL},
        {{"p", "-ox", "--config=f"}, "f"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char words[6][32];
        char *argv[7] = {0};
        int argc = 0;
        for (; argc < 6 && cases[i].words[argc]; argc++) {
            strcpy(words[argc], cases[i].words[argc]);
            argv[argc] = words[argc];
        }
        const char *value = options_peek(table, argc, argv, "config");
        if (!value != !cases[i].value || (value && strcmp(value, cases[i].value) != 0))
            fail_msg("case %zu, %s %s: %s", i, words[1], argc > 2 ? words[2] : "",
                     value ? value : "none");
    }
}

static void an_option_of_another_command_is_refused(void **state)
{
    (void)state;
    struct run r;
    run_start(&r);
    assert_true(run_parse(&r, "--plain x"));
    assert_true(options_check_command(&r.o, CHECK, "check", &r.err));
    assert_false(options_check_command(&r.o, SEND, "send", &r.err));
    assert_string_equal(r.err.message, "--plain does not go with \"send\"");
    options_deinit(&r.o);
    run_start(&r);
    assert_true(options_set(&r.o, "plain", "x", &r.err)); /* for all commands, in the environment */
    assert_true(run_parse(&r, "-v"));
    assert_true(options_check_command(&r.o, SEND, "send", &r.err));
    options_deinit(&r.o);
}

/* ------------------------------------------------------------------------------------ Sources */

static void each_source_gives_way_to_the_next(void **state)
{
    (void)state;
    char *path = file_made("output = file\ncount = 1\ntopic = f1\ntopic = f2\nlang = de,fr\n");
    struct run r;
    run_start(&r);
    if (!options_load(&r.o, path, true, &r.err)) fail_msg("%s", r.err.message);
    assert_string_equal(r.s.output, "file");
    assert_int_equal(r.s.count, 1);
    assert_int_equal(r.s.topics.count, 2);
    assert_int_equal(r.s.languages.count, 2);
    assert_true(options_set(&r.o, "output", "environment", &r.err));
    assert_true(options_set(&r.o, "topic", "e1", &r.err));
    assert_string_equal(r.s.output, "environment");
    assert_int_equal(r.s.topics.count, 1); /* the whole list is replaced */
    assert_true(run_parse(&r, "-o argv -t a1 -t a2"));
    assert_string_equal(r.s.output, "argv");
    assert_int_equal(r.s.count, 1);
    assert_int_equal(r.s.topics.count, 2);
    assert_string_equal(r.s.topics.items[0], "a1");
    assert_string_equal(r.s.languages.items[1], "fr");
    options_deinit(&r.o);

    run_start(&r); /* the other way round: what came from above stays */
    assert_true(run_parse(&r, "-o argv -t a1"));
    assert_true(options_set(&r.o, "output", "environment", &r.err));
    assert_true(options_load(&r.o, path, true, &r.err));
    assert_string_equal(r.s.output, "argv");
    assert_int_equal(r.s.topics.count, 1);
    assert_int_equal(r.s.count, 1);
    options_deinit(&r.o);
    (void)unlink(path);
    free(path);
}

static void a_profile_wins_over_file_and_environment_but_not_over_argv(void **state)
{
    (void)state;
    char *path = file_made("output = file\ncount = 1\ntopic = f1\n"
                           "[home]\noutput = home\nno-such-name = 1\n"
                           "[work]\noutput = work\ncount = 2\ntopic = w1\ntopic = w2\n"
                           "[other]\ncount = 3\n");
    struct run r;
    run_start(&r);
    assert_false(options_given(&r.o, "count"));
    assert_true(options_set(&r.o, "output", "environment", &r.err));
    assert_true(run_parse(&r, "--count 4"));
    if (!options_load_profile(&r.o, path, "work", &r.err)) fail_msg("%s", r.err.message);
    assert_string_equal(r.s.output, "work"); /* the other section was not even looked at */
    assert_string_equal(r.o.profile, "work");
    assert_int_equal(r.s.count, 4);
    assert_int_equal(r.s.topics.count, 2); /* what stands before the sections is another's */
    assert_true(options_given(&r.o, "count"));
    options_deinit(&r.o);

    run_start(&r);
    assert_false(options_load_profile(&r.o, path, "wor", &r.err));
    assert_int_equal(r.err.code, NEWS_ERR_CONFIG);
    assert_non_null(strstr(r.err.message, path));
    assert_non_null(strstr(r.err.message, "[wor]"));
    assert_false(options_load_profile(&r.o, path, "home", &r.err));
    assert_non_null(strstr(r.err.message, ":6: there is no setting \"no-such-name\""));
    options_deinit(&r.o);
    (void)unlink(path);
    free(path);
}

static void a_file_that_is_read_again_makes_no_list_longer(void **state)
{
    (void)state;
    char *path = file_made("topic = a\ntopic = b\noutput = x\n");
    struct run r;
    run_start(&r);
    for (int i = 0; i < 2; i++) {
        assert_true(options_load(&r.o, path, true, &r.err));
        assert_int_equal(r.s.topics.count, 2);
        assert_string_equal(r.s.topics.items[1], "b");
    }
    assert_true(run_parse(&r, "-t c"));
    assert_true(options_load(&r.o, path, true, &r.err));
    assert_int_equal(r.s.topics.count, 1);
    options_deinit(&r.o);
    (void)unlink(path);
    free(path);
}

static void an_unknown_name_in_the_environment_is_refused(void **state)
{
    (void)state;
    struct run r;
    run_start(&r);
    assert_false(options_set(&r.o, "nope", "x", &r.err));
    assert_string_equal(r.err.message, "there is no option --nope");
    assert_false(options_set(&r.o, "count", "x", &r.err));
    assert_false(options_set(&r.o, "help", "x", &r.err));
    options_deinit(&r.o);
}

static void faults_in_a_file_are_told_with_file_and_line(void **state)
{
    (void)state;
    static const struct {
        const char *content, *message; /* behind FILE; NULL: fine */
    } cases[] = {
        {"", NULL},
        {"# comment\n; comment\n\n  \noutput = x # y\n", NULL},
        {"output = x\r\ncount = 3\r\n", NULL},
        {"verbose =\n", NULL},
        {"verbose = no", NULL},
        {"\n\nnope = 1\n", ":3: there is no setting \"nope\""},
        {"count = x\n", ":1: --count: \"x\" is not a number from 0 to 1000"},
        {"output = a\ncount = 1001\ncount = 2\n",
         ":2: --count: \"1001\" is not a number from 0 to 1000"},
        {"urgency = 0-3\n", ":1: --urgency: \"0-3\" is not a range within 1-9"},
        {"output\n", ":1: is not \"name = value\""},
        {"[section]\noutput = x\n", ":1: there is no section [section]"},
        {"output = x\n[section]\n", ":2: there is no section [section]"}, /* an empty one, too */
        {"output\ncount = x\n", ":1: is not \"name = value\""}, /* the first fault is told */
        {"\xef\xbb\xbfnope = x\n", ":1: there is no setting \"nope\""},
        {"help = x\n", ":1: there is no setting \"help\""},
        {"config = x\n", ":1: there is no setting \"config\""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *path = file_made(cases[i].content), expected[512];
        struct run r;
        run_start(&r);
        bool ok = options_load(&r.o, path, true, &r.err);
        (void)snprintf(expected, sizeof expected, "%s%s", path,
                       cases[i].message ? cases[i].message : "");
        (void)unlink(path);
        free(path);
        if (ok != !cases[i].message) fail_msg("%s: %s", cases[i].content, r.err.message);
        if (!ok) assert_string_equal(r.err.message, expected);
        if (!ok) assert_int_equal(r.err.code, NEWS_ERR_CONFIG);
        options_deinit(&r.o);
    }
}

/* A value cut short, or its rest read as another line, would be worse than a refusal. */
static void a_long_line_of_a_file_is_read_whole_or_refused(void **state)
{
    (void)state;
    static const size_t lengths[] = {150, 185, 186, 187,  188,  189,  190,  191,
                                     192, 195, 200, 2000, 4085, 4086, 4087, 9000};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        size_t len = lengths[i];
        char content[9100] = "output = ", value[9100] = "";
        memset(value, 'x', len);
        value[len / 2] = ' ';
        (void)snprintf(content + 9, sizeof content - 9, "%.9000s ; aside\ncount = 7\n", value);
        if (len >= 4085) strcpy(content + 9 + len, "\ncount = 7\n"); /* to the byte */
        char *path = file_made(content);
        struct run r;
        run_start(&r);
        bool ok = options_load(&r.o, path, true, &r.err);
        (void)unlink(path);
        free(path);
        assert_int_equal(ok, len <= 4085);
        if (ok) assert_string_equal(r.s.output, value);
        if (ok) assert_int_equal(r.s.count, 7);
        if (!ok) assert_non_null(strstr(r.err.message, ":1: the line is too long"));
        options_deinit(&r.o);
    }
}

static void a_byte_that_ends_strings_does_not_hide_the_rest_of_its_line(void **state)
{
    (void)state;
    static const char content[] = "count = 1\noutput = a\0b\n";
    char path[] = "/tmp/newswire-options-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, sizeof content - 1), sizeof content - 1);
    (void)close(fd);
    struct run r;
    run_start(&r);
    bool ok = options_load(&r.o, path, true, &r.err);
    (void)unlink(path);
    assert_false(ok);
    assert_non_null(strstr(r.err.message, ":2: the line holds a NUL byte"));
    options_deinit(&r.o);
}

/* inih takes an indented line for the continuation of the value above it. */
static void an_indented_line_does_not_overwrite_the_one_above(void **state)
{
    (void)state;
    char *path = file_made("output = text\n  count = 7\n");
    struct run r;
    run_start(&r);
    bool ok = options_load(&r.o, path, true, &r.err);
    (void)unlink(path);
    free(path);
    if (ok) assert_string_equal(r.s.output, "text");
    if (ok) assert_int_equal(r.s.count, 7);
    options_deinit(&r.o);
}

/* ----------------------------------------------------------------------------------- Sections */

struct told {
    char lines[1024];
    const char *refuse; /* a name */
};

static bool note_line(void *user, const char *section, const char *name, const char *value,
                      unsigned long line, struct news_error *err)
{
    struct told *t = user;
    size_t used = strlen(t->lines);
    (void)snprintf(t->lines + used, sizeof t->lines - used, "%lu[%s]%s%s%s\n", line, section,
                   name ? name : "", name ? "=" : "", value ? value : "");
    if (!name || !t->refuse || strcmp(name, t->refuse) != 0) return true;
    return news_fail(err, NEWS_ERR_DATA, "%s is not wanted", name);
}

static bool load_sections(struct run *r, const char *content, struct told *t, char expected[512],
                          const char *message)
{
    char *path = file_made(content);
    run_start(r);
    bool ok = options_load_sections(&r->o, path, note_line, t, &r->err);
    (void)snprintf(expected, 512, "%s%s", path, message);
    (void)unlink(path);
    free(path);
    return ok;
}

static void sections_are_told_line_by_line_and_what_precedes_them_is_settings(void **state)
{
    (void)state;
    struct run r;
    struct told t = {0};
    char expected[512];
    if (!load_sections(&r,
                       "output = x\n# a comment\n[one]\nname = value ; aside\n\n  other: v w\n"
                       "[empty]\n[one] ; again\noutput = y\n[a section whose name is longer than "
                       "inih has room for, by far]\nb = c",
                       &t, expected, ""))
        fail_msg("%s", r.err.message);
    assert_string_equal(r.s.output, "x");
    assert_string_equal(t.lines, "3[one]\n4[one]name=value\n6[one]other=v w\n7[empty]\n8[one]\n"
                                 "9[one]output=y\n"
                                 "10[a section whose name is longer than inih has room for, by far]"
                                 "\n11[a section whose name is longer than inih has room for, by "
                                 "far]b=c\n");
    options_deinit(&r.o);
}

static void faults_in_sections_are_told_with_file_and_line(void **state)
{
    (void)state;
    static const struct {
        const char *content, *message;
    } cases[] = {
        {"[a]\nb = c\nbad = d\nbad = e\n", ":3: bad is not wanted"},
        {"nope = 1\n[a]\nb = c\n", ":1: there is no setting \"nope\""},
        {"[a]\nb\nbad = c\n", ":2: is not \"name = value\""},
        {"[a\nb = c\n", ":1: is not \"name = value\""},
        {"[a] b = c\n", ":1: something follows the section's name"},
        {"\n[0123456789012345678901234567890123456789012345678901234567890123456789"
         "0123456789012345678901234567890123456789012345678901234567890123456789]\n",
         ":2: the section's name is too long"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct run r;
        struct told t = {.refuse = "bad"};
        char expected[512];
        bool ok = load_sections(&r, cases[i].content, &t, expected, cases[i].message);
        if (ok) fail_msg("%s was passed", cases[i].content);
        assert_string_equal(r.err.message, expected);
        assert_int_equal(r.err.code, NEWS_ERR_CONFIG);
        options_deinit(&r.o);
    }
    struct run r;
    run_start(&r);
    assert_false(options_load_sections(&r.o, "/nonexistent/a.conf", note_line, NULL, &r.err));
    assert_string_equal(r.err.message, "/nonexistent/a.conf: No such file or directory");
    options_deinit(&r.o);
}

static void times_are_read_for_others_as_well(void **state)
{
    (void)state;
    long long ms = -1;
    assert_true(options_read_time("15m", &ms));
    assert_int_equal(ms, 900000);
    assert_false(options_read_time("15x", &ms));
    assert_false(options_read_time("", &ms));
    assert_false(options_read_time("-1s", &ms));
    assert_int_equal(ms, 900000);
}

static void a_missing_file_is_a_fault_only_where_it_was_asked_for(void **state)
{
    (void)state;
    struct run r;
    run_start(&r);
    assert_true(options_load(&r.o, "/nonexistent/newswire.conf", false, &r.err));
    assert_false(options_load(&r.o, "/nonexistent/newswire.conf", true, &r.err));
    assert_string_equal(r.err.message, "/nonexistent/newswire.conf: No such file or directory");
    assert_int_equal(r.err.code, NEWS_ERR_CONFIG);
    assert_false(options_load(&r.o, "/", true, &r.err)); /* a directory */
    assert_true(strstr(r.err.message, "/: ") == r.err.message);
    options_deinit(&r.o);
}

static void the_configuration_is_where_xdg_says(void **state)
{
    (void)state;
    static const struct {
        const char *xdg, *home, *path;
    } cases[] = {
        {"/x", "/h", "/x/newswire/a.conf"},
        {NULL, "/h", "/h/.config/newswire/a.conf"},
        {"", "/h", "/h/.config/newswire/a.conf"},
        {"relative", "/h", "/h/.config/newswire/a.conf"}, /* to be ignored, says XDG */
        {NULL, NULL, NULL},
        {NULL, "", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char path[64];
        assert_int_equal(cases[i].xdg ? setenv("XDG_CONFIG_HOME", cases[i].xdg, 1)
                                      : unsetenv("XDG_CONFIG_HOME"),
                         0);
        assert_int_equal(cases[i].home ? setenv("HOME", cases[i].home, 1) : unsetenv("HOME"), 0);
        bool ok = options_config_path("a.conf", path, sizeof path);
        assert_int_equal(ok, cases[i].path != NULL);
        if (ok) assert_string_equal(path, cases[i].path);
        if (ok) assert_false(options_config_path("a.conf", path, strlen(cases[i].path)));
        if (ok) assert_true(options_config_path("a.conf", path, strlen(cases[i].path) + 1));
    }
}

/* --------------------------------------------------------------------------------------- Help */

static char *help_of(const struct option *rows)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    options_help(rows, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void help_names_every_option_within_79_columns(void **state)
{
    (void)state;
    char *text = help_of(table);
    for (const struct option *row = table; row->name || row->help; row++) {
        char name[64];
        if (row->name) (void)snprintf(name, sizeof name, "--%s", row->name);
        else (void)snprintf(name, sizeof name, "\n%s:\n", row->help);
        if (!strstr(text, name)) fail_msg("%s is missing", name);
        if (row->argument && !strstr(text, row->argument)) fail_msg("%s is missing", row->argument);
    }
    assert_non_null(strstr(text, "-o, --output FORMAT"));
    assert_non_null(strstr(text, "(default auto)"));
    assert_non_null(strstr(text, "(default 1-9)"));
    assert_null(strstr(text, "default )"));
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
        size_t len = strcspn(line, "\n");
        if (len > 79) fail_msg("%.*s", (int)len, line);
        if (len > 0 && line[len - 1] == ' ') fail_msg("\"%.*s\" ends with a blank", (int)len, line);
    }
    free(text);
}

static void help_breaks_at_blanks_and_keeps_long_words_whole(void **state)
{
    (void)state;
    static const char url[] = "https://harbour.example/a/very/long/path/to/a/page/of/the/manual";
    struct option rows[] = {
        {.name = "a", .letter = 'a', .type = OPTION_FLAG, .help = url},
        {.name = "bb",
         .type = OPTION_FLAG,
         .help = "0123456789 0123456789 0123456789 0123456789 0123456 0123456789"},
        {0},
    };
    char *text = help_of(rows);
    bool whole = strstr(text, url) != NULL;
    bool exact = strstr(text, "0123456789 0123456789 0123456789 0123456789 0123456\n") != NULL;
    free(text);
    assert_true(exact); /* 51 columns fit */
    assert_true(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_gives_the_defaults),
        cmocka_unit_test(options_and_operands_come_in_any_order_and_form),
        cmocka_unit_test(actions_are_told_and_the_first_one_counts),
        cmocka_unit_test(lists_grow_and_are_split_where_the_table_says),
        cmocka_unit_test(an_empty_name_in_a_list_is_refused),
        cmocka_unit_test(a_list_has_a_bounded_number_of_values),
        cmocka_unit_test(ranges_and_times_have_their_spellings),
        cmocka_unit_test(sizes_are_of_1024),
        cmocka_unit_test(what_is_wrong_is_told_with_the_name_of_the_option),
        cmocka_unit_test(the_file_named_on_the_command_line_is_known_before_it_is_parsed),
        cmocka_unit_test(an_option_of_another_command_is_refused),
        cmocka_unit_test(each_source_gives_way_to_the_next),
        cmocka_unit_test(a_profile_wins_over_file_and_environment_but_not_over_argv),
        cmocka_unit_test(a_file_that_is_read_again_makes_no_list_longer),
        cmocka_unit_test(an_unknown_name_in_the_environment_is_refused),
        cmocka_unit_test(faults_in_a_file_are_told_with_file_and_line),
        cmocka_unit_test(a_long_line_of_a_file_is_read_whole_or_refused),
        cmocka_unit_test(a_byte_that_ends_strings_does_not_hide_the_rest_of_its_line),
        cmocka_unit_test(an_indented_line_does_not_overwrite_the_one_above),
        cmocka_unit_test(sections_are_told_line_by_line_and_what_precedes_them_is_settings),
        cmocka_unit_test(faults_in_sections_are_told_with_file_and_line),
        cmocka_unit_test(times_are_read_for_others_as_well),
        cmocka_unit_test(a_missing_file_is_a_fault_only_where_it_was_asked_for),
        cmocka_unit_test(the_configuration_is_where_xdg_says),
        cmocka_unit_test(help_names_every_option_within_79_columns),
        cmocka_unit_test(help_breaks_at_blanks_and_keeps_long_words_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
