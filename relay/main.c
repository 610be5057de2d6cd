/* newsrelay - relays news over the native transport. */
#include <string.h>
#include <sysexits.h>

#include "common/log.h"
#include "relay/cli.h"
#include "relay/keygen.h"

static int refused(const struct news_error *err)
{
    log_error("%s", err->message);
    return news_exit_status(err->code);
}

static int run(const struct settings *s, const struct options *o, char *const *operands, int count)
{
    struct news_error err = {0};
    bool keygen = count > 0 && strcmp(operands[0], "keygen") == 0;
    if (count > keygen) {
        log_error("\"%s\" is neither an option nor a command; try --help", operands[keygen]);
        return EX_USAGE;
    }
    if (!options_check_command(o, keygen ? NEWSRELAY_KEYGEN : NEWSRELAY_RUN,
                               keygen ? "keygen" : "the relay itself", &err))
        return refused(&err);
    if (keygen) return keygen_run(s);
    static struct server_config config; /* large */
    return settings_config(s, &config, &err) ? server_run(&config) : refused(&err);
}

int main(int argc, char **argv)
{
    struct settings settings = {0};
    struct options o;
    int operands;
    int status = program_start(&newsrelay, &o, &settings, argc, argv, &operands);
    if (status < 0) {
        log_init(newsrelay.name, settings.verbose);
        status = run(&settings, &o, argv, operands);
    }
    options_deinit(&o);
    return status;
}
