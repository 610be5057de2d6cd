/* tests/simulator/agenda.h - what happens when: a heap of events in virtual time.
 *
 * Events of the same time come in the order in which they were added. */
#ifndef NEWS_SIMULATOR_AGENDA_H
#define NEWS_SIMULATOR_AGENDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/nrp/secure.h"

enum to_group { GROUP_NOT, GROUP_RELAY, GROUP_STRANGER }; /* to it, and from whom */

/* A datagram on its way, or waiting to be read. */
struct parcel {
    struct parcel *next;
    struct nrp_address address; /* of the client's end */
    uint8_t group;              /* enum to_group */
    size_t len;
    uint8_t bytes[];
};
struct parcel *parcel_new(const struct nrp_address *address, const void *bytes, size_t len);

struct event {
    int64_t at;
    uint64_t order;
    unsigned kind; /* enum event_kind */
    unsigned who;  /* actor, stream or fault: the kind tells */
    uint64_t arg;
    struct parcel *parcel; /* owned by the event; NULL: none */
};

struct agenda { /* zeroed: empty */
    struct event *heap;
    size_t count, size;
    uint64_t added;
};

void agenda_deinit(struct agenda *a);
void agenda_add(struct agenda *a, struct event e);
bool agenda_take(struct agenda *a, struct event *out); /* the next; false: nothing is left */

#endif
