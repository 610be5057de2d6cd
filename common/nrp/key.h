/* common/nrp/key.h - keys that relay and clients share, and what each of them may do.
 *
 * A key file has a line for each key: "ID SECRET [publish=FILTER,...] [subscribe=FILTER,...]", ID a
 * number from 1, SECRET 64 hex digits; '#' begins a comment at the start of a line. What is not
 * named is not allowed. The relay reads them all, a client the first. Only its owner may read it.
 */
#ifndef NEWS_NRP_KEY_H
#define NEWS_NRP_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/error.h"
#include "common/nrp/secure.h"

#define NRP_KEY_FILTERS_MAX 32
#define NRP_KEYS_MAX        4096

struct nrp_key {
    uint32_t id;
    uint8_t secret[NRP_SECRET_SIZE];
    const char *publish[NRP_KEY_FILTERS_MAX], *subscribe[NRP_KEY_FILTERS_MAX];
    size_t publish_count, subscribe_count;
};

struct nrp_keys; /* read-only once made: many threads may read one */

/* Errors name file and line: unreadable, readable by others (refused), malformed, an id twice, a
 * malformed filter. */
struct nrp_keys *nrp_keys_read(const char *path, struct news_error *err);
void nrp_keys_free(struct nrp_keys *k); /* wipes the secrets; NULL is fine */
size_t nrp_keys_count(const struct nrp_keys *k);
const struct nrp_key *nrp_keys_find(const struct nrp_keys *k, uint32_t id); /* NULL: none */
const struct nrp_key *nrp_keys_first(const struct nrp_keys *k);

bool nrp_key_may_publish(const struct nrp_key *k, const char *topic);
/* Does one of the key's filters cover this one (topic_covers())? */
bool nrp_key_may_subscribe(const struct nrp_key *k, const char *filter);

/* Writes a line as nrp_keys_read() takes it, made with fresh randomness. */
bool nrp_key_make(FILE *out, uint32_t id, const char *const *publish, size_t publish_count,
                  const char *const *subscribe, size_t subscribe_count, struct news_error *err);

#endif
