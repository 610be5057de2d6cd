/* tests/faults/ledger.h - what went in, what was promised, what came out: the oracle of the fault
 * tests.
 *
 * Items are known by their number: uri, text and stream follow from it. An item is accepted once
 * the publisher confirmed it, by its exit status or by its journal. Then it has to be in the store,
 * once, with its text, and in the output, once; and nothing else may be there. Journals and stores
 * are read as SQLite files, not through the programs that wrote them. Nothing here asserts; reading
 * functions return false when the file cannot be read. */
#ifndef NEWS_TEST_LEDGER_H
#define NEWS_TEST_LEDGER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

struct ledger_entry {
    bool fed, accepted;
    unsigned stored, shown;
};

struct ledger {
    struct ledger_entry *entries; /* by number, from 1 */
    unsigned size, fed;
    /* Of the last ledger_read_...(): */
    unsigned foreign;  /* not ours, or never fed */
    unsigned wrong;    /* the text differs */
    unsigned holes;    /* numbers missing in a stream of the store */
    unsigned disorder; /* a stream in which a later item has the lower number */
    unsigned streams;
};

bool ledger_init(struct ledger *l, unsigned size);
void ledger_deinit(struct ledger *l); /* zeroed is fine */

/* Appends one item as a line of ninjs. */
void ledger_write(unsigned number, struct buf *out);
/* The next count items; returns the first one's number, 0: the ledger is full. */
unsigned ledger_feed(struct ledger *l, unsigned count, struct buf *out);
void ledger_accept(struct ledger *l, unsigned first, unsigned count);
unsigned ledger_accepted(const struct ledger *l);

/* Everything in the journal is accepted. *in_journal (may be NULL): of the items first .. first +
 * count - 1, how many it holds. */
bool ledger_accept_journal(struct ledger *l, const char *path, unsigned first, unsigned count,
                           unsigned *in_journal);
bool ledger_read_store(struct ledger *l, const char *path);
bool ledger_read_shown(struct ledger *l, const char *path); /* the NDJSON file */
/* Quick looks while waiting: items in a store, lines in a file; 0 when there is no such file yet.
 */
unsigned ledger_count_store(const char *path);
unsigned ledger_count_lines(const char *path);

struct ledger_verdict {
    unsigned lost, twice; /* accepted and not stored; stored again */
    unsigned not_shown, shown_twice;
    unsigned first_lost, first_twice; /* their numbers; 0: none */
};
struct ledger_verdict ledger_judge(const struct ledger *l);

#endif
