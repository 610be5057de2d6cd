/* publisher/handover_wire.h - what both sides of handover.h agree on. */
#ifndef PUBLISHER_HANDOVER_WIRE_H
#define PUBLISHER_HANDOVER_WIRE_H

#include <stdbool.h>
#include <sys/un.h>

#include "common/error.h"

#define HANDOVER_READ     (64u << 10)

bool handover_address(const char *journal_path, struct sockaddr_un *out, struct news_error *err);

#endif
