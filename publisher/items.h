/* publisher/items.h - the items a command works on: those of its files or of a recording, or the
 * one that --title and its companions describe (with --update, only what they change); and what
 * becomes of each. */
#ifndef PUBLISHER_ITEMS_H
#define PUBLISHER_ITEMS_H

#include "common/item.h"
#include "common/topic.h"
#include "publisher/cli.h"
#include "publisher/input.h"

/* ---- one after the other ---- */

struct items;

/* No files: --replay's, else standard input. The settings and files outlive the answer.
 * oldest_first: as in input.h. */
struct items *items_open(const struct settings *s, char *const *files, int file_count,
                         bool oldest_first, struct news_error *err);
void items_close(struct items *it); /* NULL is fine */
/* As input_next(), over all files. A file that cannot be opened is an INPUT_FAULT of code
 * NEWS_ERR_IO. */
enum input_result items_next(struct items *it, struct ninjs *item, struct news_error *err);
/* After INPUT_MORE: as input_fill() and input_fd(). */
bool items_fill(struct items *it, struct news_error *err);
int items_fd(const struct items *it);
/* Was the last item one of a feed? */
bool items_from_feed(const struct items *it);
/* As input_recorded(). */
const struct recorded *items_recorded(const struct items *it);

/* ---- completed and placed ---- */

struct placing {
    struct topic_place place;
    struct item_defaults defaults;
    char publisher[TOPIC_SLUG_MAX + 1];
};

/* False: the publisher has no name of which a topic level can be made. */
bool placing_init(struct placing *p, const struct settings *s, struct news_error *err);

#endif
