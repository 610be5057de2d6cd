/* tests/simulator/invariants.h - what has to hold, and how often it was looked at. */
#ifndef NEWS_SIMULATOR_INVARIANTS_H
#define NEWS_SIMULATOR_INVARIANTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct world;
struct actor;
struct nrp_address;
struct nrp_delivery;

enum invariant {
    I1_INVENTION,
    I1_TWICE,
    I1_LOG,
    I2_ACCOUNTS,
    I3_ORDER,
    I4_MISSING,
    I4_RESUME,
    I4_NEEDLESS,
    I5_MEMORY,
    I6_LIVENESS,
    I6_REASON,
    I7_AMPLIFICATION,
    I7_STATELESS,
    I8_NUMBERS,
    I9_STORM,
    I9_DEADLINE,
    ID_DETERMINED,
    INVARIANT_COUNT,
};
struct invariant_info {
    const char *name, *says;
};
extern const struct invariant_info invariants[INVARIANT_COUNT];

/* Counts; the first one that does not hold ends the simulation. Returns holds. */
__attribute__((format(printf, 4, 5))) bool check(struct world *w, enum invariant i, bool holds,
                                                 const char *format, ...);

/* After each turn of the relay, of an actor. */
void check_relay(struct world *w);
void check_actor(struct actor *a);
/* When everything should be well. */
void check_end(struct world *w);
/* Each datagram as its sender gives it to the network. */
void check_sent_up(struct world *w, struct actor *a, const uint8_t *bytes, size_t len);
void check_sent_down(struct world *w, const struct nrp_address *to, const uint8_t *bytes,
                     size_t len);
void check_sent_group(struct world *w, const uint8_t *bytes, size_t len);
/* What the relay is about to read. */
void check_read(struct world *w, const struct nrp_address *from, size_t len);
void check_item(struct actor *a, const struct nrp_delivery *d);

#endif
