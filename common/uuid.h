/* common/uuid.h - identities made where none is given: urn:uuid: (RFC 4122, RFC 9562). */
#ifndef NEWS_UUID_H
#define NEWS_UUID_H

#include <stddef.h>

#define UUID_URN_SIZE 46 /* "urn:uuid:" and 36 characters, with the NUL */

/* Version 4: random. */
void uuid_random(char out[UUID_URN_SIZE]);
/* Version 5 (SHA-1), of several texts in Newswire's own name space: the same texts always give the
 * same uuid. NULL counts as a text of its own, other than "". */
void uuid_of_names(const char *const *names, size_t count, char out[UUID_URN_SIZE]);

#endif
