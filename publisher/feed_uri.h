/* publisher/feed_uri.h - addresses as feeds write them, as absolute URIs.
 *
 * Answers are NUL-terminated strings of the arena, or NULL: not usable (or no memory, which the
 * next allocation will find out). Everything outside of a URI's characters is percent-encoded. */
#ifndef NEWS_FEED_URI_H
#define NEWS_FEED_URI_H

#include <stdbool.h>
#include <stddef.h>

#include "common/arena.h"

#define FEED_URI_MAX 4096 /* bytes; longer ones are not addresses but attacks or data */

/* An http or https address: text resolved against base (absolute http(s), may be NULL; RFC 3986
 * §5). Any other scheme gives NULL: javascript:, data: and file: are not links. */
const char *feed_uri_resolve(struct arena *memory, const char *text, size_t len, const char *base);

/* text itself when it is an absolute URI of whatever scheme that can name something ("tag:",
 * "urn:", "http:" with a host), without change; else NULL. */
const char *feed_uri_absolute(struct arena *memory, const char *text, size_t len);

#endif
