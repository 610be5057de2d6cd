/* relay/registry.h - who subscribed to what: a trie of topic levels, with the MQTT filter rules
 * (MQTT 5.0 section 4.7).
 *
 * Found subscribers are cached by topic until anything changes, so that the next item of a busy
 * topic costs one hash. Memory is bounded by the subscriptions (their limit is the session's work)
 * and by the cache's size. Threads: one. */
#ifndef NEWS_RELAY_REGISTRY_H
#define NEWS_RELAY_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"

struct registry;

struct registry *registry_new(struct news_error *err);
void registry_free(struct registry *r);

/* The filter is well-formed, of less than TOPIC_MAX bytes, and not shared ("$share/..." is a level
 * like others here); a second time for the same subscriber changes nothing. False: longer, or no
 * memory, of which filters may have a bounded amount. */
bool registry_add(struct registry *r, const char *filter, void *subscriber);
void registry_remove(struct registry *r, const char *filter, void *subscriber);
/* Everybody whose filters match, each once whatever the number of its filters. The array lives
 * until the next call with r. */
void *const *registry_match(struct registry *r, const char *topic, size_t *count);
size_t registry_count(const struct registry *r); /* of (filter, subscriber) pairs */

#endif
