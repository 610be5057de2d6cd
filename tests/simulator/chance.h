/* tests/simulator/chance.h - chance that can be repeated: splitmix64, one stream for each use.
 *
 * All streams come from one seed, but no draw in one moves another: with a fault switched off
 * everything else happens as before. */
#ifndef NEWS_SIMULATOR_CHANCE_H
#define NEWS_SIMULATOR_CHANCE_H

#include <stdbool.h>
#include <stdint.h>

struct chance {
    uint64_t state;
};

static inline uint64_t chance_u64(struct chance *c)
{
    uint64_t z = c->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static inline void chance_init(struct chance *c, uint64_t seed, uint64_t stream)
{
    c->state = seed * 0xd1342543de82ef95u ^ stream * 0xa0761d6478bd642fu;
    c->state = chance_u64(c);
}

/* least .. most, both included; least <= most. */
static inline int64_t chance_between(struct chance *c, int64_t least, int64_t most)
{
    return least + (int64_t)(chance_u64(c) % (uint64_t)(most - least + 1));
}

static inline bool chance_of(struct chance *c, unsigned per_mille)
{
    return chance_u64(c) % 1000 < per_mille;
}

#endif
