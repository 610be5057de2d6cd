/* subscriber/recording.h - items appended to a file: --record, for `newspub send --replay`.
 *
 * A line an item, as `-o ndjson` prints it, written when its batch is committed, so that the file
 * always ends with a whole line; of a batch that cannot be written, nothing stays. What a crash
 * left of a last line is cut away when the file is opened again; a last line that is whole, or not
 * ours, gets its newline. One process records into a file at a time. Threads: one. */
#ifndef SUBSCRIBER_RECORDING_H
#define SUBSCRIBER_RECORDING_H

#include "subscriber/sink.h"

struct recording;

/* Created when it is not there. NULL: err names the path; code NEWS_ERR_BUSY when another process
 * records into it. */
struct recording *recording_new(const char *path, struct news_error *err);
extern const struct sink_ops recording_sink; /* its self is the struct recording */

#endif
