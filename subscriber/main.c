/* newssub - shows news as it comes. */
#include <string.h>
#include <sysexits.h>

#include "common/buf.h"
#include "common/log.h"
#include "subscriber/check.h"
#include "subscriber/cli.h"
#include "subscriber/receive.h"
#include "subscriber/search.h"

/* The operands behind "search" are one expression, also when a shell has parted it. */
static int search(const struct settings *s, char *const *words, int count)
{
    struct buf expression = {0};
    for (int i = 0; i < count; i++) {
        if (i > 0) buf_putc(&expression, ' ');
        buf_puts(&expression, words[i]);
    }
    int status = search_run(s, expression.len ? expression.data : "");
    buf_deinit(&expression);
    return status;
}

static int run(const struct settings *s, const struct options *o, char *const *operands, int count)
{
    struct news_error err = {0};
    bool searching = count > 0 && strcmp(operands[0], "search") == 0;
    if (searching && !options_check_command(o, NEWSSUB_SEARCH, "search", &err)) {
        log_error("%s", err.message);
        return EX_USAGE;
    }
    if (searching) return search(s, operands + 1, count - 1);
    if (count > 0) {
        log_error("\"%s\" is neither an option nor a command; try --help", operands[0]);
        return EX_USAGE;
    }
    return s->check ? check_run(s) : receive_run(s);
}

int main(int argc, char **argv)
{
    struct settings settings = {0};
    struct options o;
    int operands;
    int status = program_start(&newssub, &o, &settings, argc, argv, &operands);
    if (status < 0) {
        log_init(newssub.name, settings.dial.verbose);
        settings_complete(&settings, &o);
        status = run(&settings, &o, argv, operands);
    }
    options_deinit(&o);
    return status;
}
