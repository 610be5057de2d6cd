/* newspub - publishes news items. */
#include <sysexits.h>

#include "common/log.h"
#include "publisher/cli.h"

static int run(const struct settings *s, const struct options *o, char **operands, int count)
{
    struct news_error err = {0};
    if (count == 0) {
        log_error("which command? send, convert or check; try --help");
        return EX_USAGE;
    }
    const struct command *c = command_find(operands[0]);
    if (!c) {
        log_error("there is no command \"%s\"; try --help", operands[0]);
        return EX_USAGE;
    }
    if (!options_check_command(o, c->bit, c->name, &err)) {
        log_error("%s", err.message);
        return EX_USAGE;
    }
    return c->run(s, operands + 1, count - 1);
}

int main(int argc, char **argv)
{
    struct settings settings = {0};
    struct options o;
    int operands;
    int status = program_start(&newspub, &o, &settings, argc, argv, &operands);
    if (status < 0) {
        log_init(newspub.name, settings.dial.verbose);
        status = run(&settings, &o, argv, operands);
    }
    options_deinit(&o);
    return status;
}
