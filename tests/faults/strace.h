/* tests/faults/strace.h - a player under strace: killed at a chosen system call, or recorded, to
 * see in which order it did things. */
#ifndef NEWS_TEST_STRACE_H
#define NEWS_TEST_STRACE_H

#include "tests/faults/cast.h"

/* NULL when programs can be traced here, else a sentence that says why not. */
const char *strace_missing(void);
/* From its next start on: */
void strace_kill_before(struct player *p, const char *call, unsigned nth);
void strace_record(struct player *p, const char *file);
void strace_off(struct player *p);

/* What a recorded newssub did with the items that came by subscription. */
struct strace_order {
    unsigned syncs;        /* of the store, that were done */
    unsigned acknowledged; /* items */
    unsigned unproven;     /* of them, without a sync between their arrival and that */
};
/* store: the store's path. False: the record cannot be read. */
bool strace_read_order(const char *file, const char *store, struct strace_order *out);

#endif
