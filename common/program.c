#include "common/program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/log.h"

static int failed(const struct news_error *err)
{
    log_error("%s", err->message);
    if (err->code == NEWS_ERR_USAGE) log_error("try --help");
    return news_exit_status(err->code);
}

static bool pass_over(void *user, const char *section, const char *name, const char *value,
                      unsigned long line, struct news_error *err)
{
    (void)user, (void)section, (void)name, (void)value, (void)line, (void)err;
    return true;
}

static bool load_file(const struct program *p, struct options *o, const char *path, bool required,
                      struct news_error *err)
{
    if (!(p->sections || p->profiles) || (!required && access(path, R_OK) != 0))
        return options_load(o, path, required, err);
    return options_load_sections(o, path, pass_over, NULL, err);
}

struct config_file {
    char path[4096]; /* "": there is no place for one */
    bool required;   /* it was named */
};

static void find_file(const struct program *p, int argc, char **argv, struct config_file *f)
{
    char name[64];
    const char *given = options_peek(p->options, argc, argv, "config");
    f->required = given != NULL;
    (void)snprintf(f->path, sizeof f->path, "%s", given ? given : "");
    (void)snprintf(name, sizeof name, "%s.conf", p->name);
    if (!given && !options_config_path(name, f->path, sizeof f->path)) *f->path = '\0';
}

/* The first operand may choose a profile; it is then no operand any more. */
static bool load_profile(const struct program *p, struct options *o, const struct config_file *f,
                         char **argv, int *operand_count, struct news_error *err)
{
    if (!p->profiles || *operand_count == 0 || argv[0][0] != '@') return true;
    if (!*f->path)
        return news_fail(err, NEWS_ERR_CONFIG, "%s: no place for a configuration file is known",
                         argv[0]);
    if (!options_load_profile(o, f->path, argv[0] + 1, err)) return false;
    --*operand_count;
    memmove(argv, argv + 1, (size_t)*operand_count * sizeof *argv);
    return true;
}

static bool read_environment(const struct program *p, struct options *o, struct news_error *err)
{
    for (const char *const *pair = p->environment; pair && *pair; pair += 2) {
        const char *value = getenv(pair[0]);
        if (value && *value && !options_set(o, pair[1], value, err)) return false;
    }
    return true;
}

static int answer(const struct program *p, const char *action)
{
    struct news_error err = {0};
    if (strcmp(action, "version") == 0) {
        printf("%s (Newswire) %s\n", p->name, NEWS_VERSION);
    } else {
        p->usage(stdout);
        options_help(p->options, stdout);
    }
    if (!program_flush_stdout(&err)) return failed(&err);
    return EX_OK;
}

/* A closed descriptor becomes one on which every read or write fails, which is then told. */
static void take_standard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0) (void)open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

int program_start(const struct program *p, struct options *o, void *settings, int argc, char **argv,
                  int *operand_count)
{
    struct news_error err = {0};
    struct config_file file;
    const char *action = NULL;
    take_standard_descriptors();
    log_init(p->name, false);
    if (!options_init(o, p->name, p->options, settings, &err)) return failed(&err);
    action = options_peek_action(p->options, argc, argv);
    if (action) return answer(p, action);
    find_file(p, argc, argv, &file);
    if (((*file.path || file.required) && !load_file(p, o, file.path, file.required, &err)) ||
        !read_environment(p, o, &err) ||
        !options_parse(o, argc, argv, operand_count, &action, &err) ||
        !load_profile(p, o, &file, argv, operand_count, &err))
        return failed(&err);
    return action ? answer(p, action) : -1;
}

bool program_signals(int *fd, struct news_error *err)
{
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
    (void)signal(SIGPIPE, SIG_IGN);
    return program_watch(ends, sizeof ends / sizeof *ends, fd, err);
}

bool program_watch(const int *signals, size_t count, int *fd, struct news_error *err)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < count; i++) {
        struct sigaction was;
        /* Blocked, an ignored signal would come all the same. */
        if (sigaction(signals[i], NULL, &was) == 0 && was.sa_handler != SIG_IGN)
            sigaddset(&set, signals[i]);
    }
    *fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (*fd < 0 || sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return news_fail(err, NEWS_ERR_IO, "signalfd: %s", strerror(errno));
    return true;
}

int program_signal_next(int fd)
{
    struct signalfd_siginfo info;
    return read(fd, &info, sizeof info) == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}

bool program_stdout_ok(struct news_error *err)
{
    if ((fcntl(STDOUT_FILENO, F_GETFL) & O_ACCMODE) != O_RDONLY) return true;
    return news_fail(err, NEWS_ERR_IO, "standard output: %s", strerror(EBADF));
}

bool program_flush_stdout(struct news_error *err)
{
    bool bad = fflush(stdout) != 0 || ferror(stdout) != 0;
    if (!bad || errno == EPIPE) return true;
    return news_fail(err, NEWS_ERR_IO, "standard output: %s", strerror(errno));
}
