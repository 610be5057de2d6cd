/* subscriber/opener.h - other programs that get something of an item: the browser a link, a command
 * the item. Never a shell.
 *
 * Links: http and https only (text_url_ok()), percent-encoded, as an argument of its own: where a
 * word of the command is "%s", else the last. The browser is the option's, else $BROWSER (commands
 * parted by ':', the first that can be started), else xdg-open. Without DISPLAY and
 * WAYLAND_DISPLAY, or when told so, it gets the terminal until it ends, and another status than 0
 * is a failure; otherwise it runs beside us with /dev/null. A command that is stopped from the
 * keyboard stops us with it, until both go on.
 * Threads: one. */
#ifndef SUBSCRIBER_OPENER_H
#define SUBSCRIBER_OPENER_H

#include "subscriber/screen.h"

/* browser: a command (exec_split()) or NULL. False: err says why nothing was opened. */
bool opener_browse(struct screen *s, const char *browser, bool terminal, const char *url,
                   struct news_error *err);
/* Runs the command with the item on its standard input, on the terminal; waits for its end, tells
 * its status, then waits for a key, so that its output can be read. */
bool opener_pipe(struct screen *s, const char *command, const char *bytes, size_t len,
                 struct news_error *err);
/* Writes to a file that must not exist yet; 0666 and the umask. */
bool opener_save(const char *path, const char *bytes, size_t len, struct news_error *err);

#endif
