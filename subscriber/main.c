/* newssub - shows news as it comes. */
#include <sysexits.h>

#include "common/log.h"
#include "subscriber/check.h"
#include "subscriber/cli.h"
#include "subscriber/receive.h"

int main(int argc, char **argv)
{
    struct settings settings = {0};
    struct options o;
    int operands;
    int status = program_start(&newssub, &o, &settings, argc, argv, &operands);
    if (status < 0) {
        log_init(newssub.name, settings.dial.verbose);
        if (operands > 0) {
            log_error("\"%s\" is not an option; try --help", argv[0]);
            status = EX_USAGE;
        } else {
            status = settings.check ? check_run(&settings) : receive_run(&settings);
        }
    }
    options_deinit(&o);
    return status;
}
