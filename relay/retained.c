#include "relay/retained.h"

#include <stdlib.h>
#include <string.h>

#include "common/topic.h"

struct kept {
    struct roster_entry entry; /* its key is the record's topic */
    struct record *record;
};

bool retained_init(struct retained *k, size_t topics_max, size_t bytes_max,
                   const uint64_t secret[2])
{
    *k = (struct retained){.topics_max = topics_max, .bytes_max = bytes_max};
    return roster_init(&k->topics, secret);
}

static void forget(struct retained *k, struct kept *old)
{
    roster_remove(&k->topics, &old->entry);
    k->bytes -= record_size(old->record);
    record_unref(old->record);
    free(old);
}

void retained_deinit(struct retained *k)
{
    while (k->topics.oldest)
        forget(k, (struct kept *)k->topics.oldest);
    roster_deinit(&k->topics);
}

static bool has_room(const struct retained *k, const struct record *r)
{
    return k->topics.count < k->topics_max && k->bytes <= k->bytes_max &&
           record_size(r) <= k->bytes_max - k->bytes;
}

void retained_keep(struct retained *k, struct record *r)
{
    /* The old one goes in any case: what is not the last any more must not be given as such. */
    struct roster_entry *old = roster_find(&k->topics, record_topic(r), r->topic_len);
    if (old) forget(k, (struct kept *)old);
    if (r->payload_len == 0) return;
    struct kept *kept = has_room(k, r) ? malloc(sizeof *kept) : NULL;
    if (!kept) {
        k->refused++;
        return;
    }
    kept->record = record_ref(r);
    k->bytes += record_size(r);
    roster_put(&k->topics, &kept->entry, record_topic(r), r->topic_len);
}

void retained_visit(const struct retained *k, const char *filter, uint64_t up_to,
                    void (*visit)(void *user, struct record *r), void *user)
{
    if (!strpbrk(filter, "+#")) {
        struct roster_entry *e = roster_find(&k->topics, filter, strlen(filter));
        struct record *r = e ? ((struct kept *)e)->record : NULL;
        if (r && r->iseq <= up_to) visit(user, record_ref(r));
        return;
    }
    for (struct roster_entry *e = k->topics.oldest; e; e = e->newer) {
        struct record *r = ((struct kept *)e)->record;
        if (r->iseq > up_to) return;
        if (topic_matches(filter, record_topic(r))) visit(user, record_ref(r));
    }
}
