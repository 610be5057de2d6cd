/* publisher/journal_command.h - the command that shows and prunes the journal. */
#ifndef PUBLISHER_JOURNAL_COMMAND_H
#define PUBLISHER_JOURNAL_COMMAND_H

struct settings;

/* list: one line an item; show NUMBER|URI...: items as JSON lines; prune: deletes what --keep-time
 * and --keep-items do not keep. */
int journal_run(const struct settings *s, char *const *operands, int count);

#endif
