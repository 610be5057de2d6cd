/* publisher/handover_wire.h - what both sides of handover.h agree on. */
#ifndef PUBLISHER_HANDOVER_WIRE_H
#define PUBLISHER_HANDOVER_WIRE_H

#include <stdbool.h>
#include <sys/un.h>

#include "common/error.h"
#include "common/ninjs.h"

#define HANDOVER_LINE_MAX (NINJS_BYTES_MAX + (64u << 10)) /* an item and what is said beside it */
#define HANDOVER_READ     (64u << 10)

bool handover_address(const char *journal_path, struct sockaddr_un *out, struct news_error *err);

#endif
