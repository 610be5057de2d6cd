/* bench/newsnet/crew.h - the programs in the sides: started together, ended together.
 *
 * The crew's work is done when its last member has ended; the others are then asked to end, and
 * made to after a while. Times in ms of date_mono_ms(). */
#ifndef BENCH_CREW_H
#define BENCH_CREW_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/newsnet/netlab.h"

struct crew {
    struct {
        pid_t pid;
        bool over;
        int status; /* once over, as a shell has it */
    } members[NETLAB_SIDES_MAX];
    unsigned count;
    bool ending;
    int64_t patience_ms; /* while ending: those left are killed then */
};

/* Signals blocked by us are not in it, nor is SIGPIPE ignored. False: nobody is left running. */
bool crew_start(struct crew *c, const struct netlab *n, char **const *commands, unsigned count,
                struct news_error *err);
void crew_end(struct crew *c);  /* asks; the second time it kills */
void crew_look(struct crew *c); /* after SIGCHLD, or when patience is over */
bool crew_is_over(const struct crew *c);
int crew_status(const struct crew *c); /* the last member's */

#endif
