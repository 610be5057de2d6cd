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
    if (!p->sections || (!required && access(path, R_OK) != 0))
        return options_load(o, path, required, err);
    return options_load_sections(o, path, pass_over, NULL, err);
}

static bool load(const struct program *p, struct options *o, int argc, char **argv,
                 struct news_error *err)
{
    char path[4096], file[64];
    const char *given = options_peek(p->options, argc, argv, "config");
    if (given) return load_file(p, o, given, true, err);
    (void)snprintf(file, sizeof file, "%s.conf", p->name);
    return !options_config_path(file, path, sizeof path) || load_file(p, o, path, false, err);
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
    const char *action = NULL;
    take_standard_descriptors();
    log_init(p->name, false);
    if (!options_init(o, p->name, p->options, settings, &err)) return failed(&err);
    action = options_peek_action(p->options, argc, argv);
    if (action) return answer(p, action);
    if (!load(p, o, argc, argv, &err) || !read_environment(p, o, &err) ||
        !options_parse(o, argc, argv, operand_count, &action, &err))
        return failed(&err);
    return action ? answer(p, action) : -1;
}

bool program_signals(int *fd, struct news_error *err)
{
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct sigaction was;
        /* Blocked, an ignored signal would come all the same. */
        if (sigaction(ends[i], NULL, &was) == 0 && was.sa_handler != SIG_IGN)
            sigaddset(&set, ends[i]);
    }
    (void)signal(SIGPIPE, SIG_IGN);
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
