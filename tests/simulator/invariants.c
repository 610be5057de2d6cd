/* The checks: what a datagram, an item, a turn and the end of it all may be. */
#include "tests/simulator/invariants.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/topic.h"
#include "tests/simulator/world.h"

enum { TURNS_AT_ONCE = 300, FORGED = 9 };

const struct invariant_info invariants[INVARIANT_COUNT] = {
    [I1_INVENTION] = {"I1", "what is handed over was published, byte by byte, and asked for"},
    [I1_TWICE] = {"I1", "nothing is handed over twice, nor once it was accepted"},
    [I1_LOG] = {"I1", "the log has each publication once, and answers are true"},
    [I2_ACCOUNTS] = {"I2", "QoS 0: each dseq is handed over or told to be lost"},
    [I3_ORDER] = {"I3", "ordered: dseqs rise"},
    [I4_MISSING] = {"I4", "at rest nothing due is missing that was not told to be lost"},
    [I4_RESUME] = {"I4", "QoS 1: nothing due before the resume point is missing"},
    [I4_NEEDLESS] = {"I4", "QoS 1: nothing is lost while the log has it"},
    [I5_MEMORY] = {"I5", "queues and rings are within their bounds"},
    [I6_LIVENESS] = {"I6", "at rest all are connected, subscribed and answered"},
    [I6_REASON] = {"I6", "sessions end once, with a reason that can be"},
    [I7_AMPLIFICATION] = {"I7", "an unproved address gets no more bytes than came from it"},
    [I7_STATELESS] = {"I7", "an address that returned no cookie has no session"},
    [I8_NUMBERS] = {"I8", "no packet number twice"},
    [I9_STORM] = {"I9", "at most 6 NAKs for each hole"},
    [I9_DEADLINE] = {"I9", "deadlines are not in the past, and time goes on"},
    [ID_DETERMINED] = {"--", "the same seed gives the same bytes"},
};

bool check(struct world *w, enum invariant i, bool holds, const char *format, ...)
{
    w->tally.checks[i]++;
    if (holds || w->failed) return holds;
    w->failed = true;
    int n = snprintf(w->failure, sizeof w->failure, "%s: %s: at %.6f s: ", invariants[i].name,
                     invariants[i].says, (double)(w->now - START_US) / 1e6);
    va_list args;
    va_start(args, format);
    vsnprintf(w->failure + n, sizeof w->failure - (size_t)n, format, args);
    va_end(args);
    world_trace(w, "FAILED: %s", w->failure);
    return false;
}

/* --- turns --------------------------------------------------------------------------------- */

static size_t relay_bound(const struct world *w)
{
    const struct hub_config *h = &w->scenario.hub;
    size_t queue = h->queue_qos0.bytes_max > h->queue_qos1.bytes_max ? h->queue_qos0.bytes_max
                                                                     : h->queue_qos1.bytes_max;
    size_t items = h->queue_qos0.items_max > h->queue_qos1.items_max ? h->queue_qos0.items_max
                                                                     : h->queue_qos1.items_max;
    size_t peer = queue + 8 * h->item_max + items * 256 + h->pass_max + 256 * 1024 +
                  h->sender.window * (NRP_DATAGRAM_MAX + 512);
    size_t peers = 2 * w->scenario.actor_count;
    for (size_t i = 0; i < w->stream_count; i++)
        peers += w->streams[i]->peer != NULL;
    return (1 << 20) + peers * peer;
}

void check_relay(struct world *w)
{
    size_t memory = hub_memory(w->hub), bound = relay_bound(w);
    check(w, I5_MEMORY, memory <= bound, "relay: %zu bytes of at most %zu", memory, bound);
    int64_t deadline = hub_deadline(w->hub);
    check(w, I9_DEADLINE, deadline >= w->now, "relay: a deadline %lld us ago",
          (long long)(w->now - deadline));
    check(w, I9_DEADLINE, w->relay_turns_now < TURNS_AT_ONCE, "relay: turns without end");
}

void check_actor(struct actor *a)
{
    struct world *w = a->world;
    int64_t deadline = nrp_client_deadline(a->client);
    check(w, I9_DEADLINE, deadline >= w->now, "actor %u: a deadline %lld us ago", a->index,
          (long long)(w->now - deadline));
    check(w, I9_DEADLINE, a->turns_now < TURNS_AT_ONCE, "actor %u: turns without end", a->index);
    if (!a->plan->datagrams) {
        size_t len = 0;
        nrp_client_pending(a->client, &len);
        check(w, I5_MEMORY, len <= (2 << 20), "actor %u: %zu bytes unwritten", a->index, len);
        return;
    }
    struct nrp_client_counts c;
    nrp_client_counts(a->client, &c);
    check(w, I9_STORM, c.receiver.naks <= 6 * c.receiver.holes, "actor %u: %llu NAKs, %llu holes",
          a->index, (unsigned long long)c.receiver.naks, (unsigned long long)c.receiver.holes);
}

/* --- items --------------------------------------------------------------------------------- */

static bool was_asked_for(const struct actor *a, const char *topic)
{
    for (unsigned i = 0; i < a->plan->filter_count; i++)
        if (topic_matches(a->interests[i].filter, topic)) return true;
    return false;
}

static bool is_published(const struct actor *a, const struct nrp_delivery *d)
{
    static uint8_t expected[1 << 17];
    struct world *w = a->world;
    const struct entry *e = oracle_find(w, a->epoch, d->iseq);
    if (!e) return false;
    const struct publication *p = &w->publications[e->publication];
    bool kept = d->flags & NRP_FLAG_RETAIN, acknowledged = d->flags & NRP_FLAG_ACK;
    return d->topic_len == strlen(p->topic) && memcmp(d->topic, p->topic, d->topic_len) == 0 &&
           d->payload_len == p->size && was_asked_for(a, p->topic) && (!kept || p->retain) &&
           acknowledged == ((e->flags & NRP_FLAG_ACK) != 0) &&
           oracle_payload(w, e->publication, e->attempt, expected) == d->payload_len &&
           memcmp(expected, d->payload, d->payload_len) == 0;
}

static void note_seen(struct actor *a, uint64_t iseq)
{
    if (iseq >= a->seen_size) {
        size_t size = 2 * (size_t)iseq + 128;
        a->seen = realloc(a->seen, size);
        if (!a->seen) abort();
        memset(a->seen + a->seen_size, 0, size - a->seen_size);
        a->seen_size = size;
    }
    a->seen[iseq] |= SEEN_NOW | SEEN_LATELY;
}

void check_item(struct actor *a, const struct nrp_delivery *d)
{
    struct world *w = a->world;
    unsigned long long iseq = d->iseq;
    if (!check(w, I1_INVENTION, a->up && !a->down && is_published(a, d),
               "actor %u: item %llu, flags %x, is no such publication", a->index, iseq, d->flags))
        return;
    if (a->plan->ordered || !a->plan->datagrams)
        check(w, I3_ORDER, d->dseq > a->last_dseq, "actor %u: dseq %llu after %llu", a->index,
              (unsigned long long)d->dseq, (unsigned long long)a->last_dseq);
    a->last_dseq = d->dseq;
    unsigned frames = 1;
    if (a->plan->datagrams)
        frames = nrp_fragment_count(d->topic_len + d->payload_len, a->welcome.datagram_max);
    a->dseqs += frames;
    if (d->flags & NRP_FLAG_RETAIN) return;
    bool twice = d->iseq < a->seen_size && (a->seen[d->iseq] & SEEN_NOW);
    check(w, I1_TWICE, !twice, "actor %u: item %llu came twice", a->index, iseq);
    if (a->plan->qos > 0 && a->resume.epoch == a->epoch)
        check(w, I1_TWICE, d->iseq >= a->resume.iseq, "actor %u: item %llu, resumed from %llu",
              a->index, iseq, (unsigned long long)a->resume.iseq);
    note_seen(a, d->iseq);
}

/* --- datagrams ----------------------------------------------------------------------------- */

static struct book *book_of(struct world *w, const struct nrp_address *address)
{
    for (size_t i = w->book_count; i-- > 0;)
        if (memcmp(&w->books[i].address, address, sizeof *address) == 0) return &w->books[i];
    if (w->book_count == w->book_size) {
        w->book_size = w->book_size ? 2 * w->book_size : 32;
        w->books = realloc(w->books, w->book_size * sizeof *w->books);
        if (!w->books) abort();
    }
    w->books[w->book_count] = (struct book){.address = *address};
    return &w->books[w->book_count++];
}

void check_read(struct world *w, const struct nrp_address *from, size_t len)
{
    book_of(w, from)->from += len;
}

static struct numbering *numbering_of(struct world *w, uint64_t session_id)
{
    for (size_t i = w->numbering_count; i-- > 0;)
        if (w->numberings[i].session_id == session_id) return &w->numberings[i];
    if (w->numbering_count == w->numbering_size) {
        w->numbering_size = w->numbering_size ? 2 * w->numbering_size : 32;
        w->numberings = realloc(w->numberings, w->numbering_size * sizeof *w->numberings);
        if (!w->numberings) abort();
    }
    w->numberings[w->numbering_count] = (struct numbering){.session_id = session_id};
    return &w->numberings[w->numbering_count++];
}

static void trace_frame(struct world *w, enum direction d, unsigned actor,
                        const struct nrp_frame *f)
{
    if (!w->verbose) return;
    const char *arrow = d == UP ? "->" : "<-", *name = nrp_type_name(f->type);
    switch (f->type) {
    case NRP_ITEM:
        world_trace(w, "%u %s %s dseq %llu iseq %llu %u/%u flags %x", actor, arrow, name,
                    (unsigned long long)f->item.dseq, (unsigned long long)f->item.iseq,
                    f->item.fragment, f->item.fragment_count, f->item.flags);
        break;
    case NRP_GAP:
        world_trace(w, "%u %s %s %llu..%llu reason %u", actor, arrow, name,
                    (unsigned long long)f->gap.first_dseq, (unsigned long long)f->gap.last_dseq,
                    f->gap.reason);
        break;
    case NRP_SHARED:
        world_trace(w, "%u %s %s dseq %llu iseq %llu %u/%u", actor, arrow, name,
                    (unsigned long long)f->shared.item.dseq,
                    (unsigned long long)f->shared.item.iseq, f->shared.item.fragment,
                    f->shared.item.fragment_count);
        break;
    case NRP_SUBSCRIBE:
        world_trace(w, "%u %s %s %u from %llu", actor, arrow, name, f->subscribe.request_id,
                    (unsigned long long)f->subscribe.from_iseq);
        break;
    case NRP_SUBACK:
        world_trace(w, "%u %s %s %u status %u start %llu evicted %llu first dseq %llu", actor,
                    arrow, name, f->suback.request_id, f->suback.status,
                    (unsigned long long)f->suback.start_iseq, (unsigned long long)f->suback.evicted,
                    (unsigned long long)f->suback.first_dseq);
        break;
    default: /* what is first in the fixed part says most */
        world_trace(w, "%u %s %s %llu", actor, arrow, name, (unsigned long long)f->cum_dseq);
    }
}

static void note_frame(struct numbering *n, const struct nrp_frame *f)
{
    uint64_t dseq = 0;
    switch (f->type) {
    case NRP_ITEM: dseq = f->item.dseq; break;
    case NRP_SHARED: dseq = f->shared.item.dseq; break;
    case NRP_GAP: dseq = f->gap.last_dseq; break;
    case NRP_HEARTBEAT: dseq = f->heartbeat.last_dseq; break;
    case NRP_ACK:
        if (f->cum_dseq > n->acked) n->acked = f->cum_dseq;
        break;
    default: break;
    }
    if (f->type == NRP_ITEM && f->item.fragment_count > 1) n->fragments = true;
    if (f->type == NRP_SHARED && f->shared.item.fragment_count > 1) n->fragments = true;
    if (dseq > n->highest) n->highest = dseq;
}

/* Where frames can be read, what they say of dseqs is kept. */
static void note_frames(struct world *w, enum direction d, const struct actor *a,
                        struct numbering *n, const uint8_t *bytes, size_t len)
{
    if (a->plan->security == NRP_SEALED) return;
    bool secured = a->plan->security != NRP_OPEN;
    size_t end = len - (secured ? NRP_DATAGRAM_TAG : 0), size;
    struct nrp_frame f;
    for (size_t at = NRP_DATAGRAM_HEADER; at < end; at += size) {
        if (nrp_frame_read(bytes + at, end - at, 1 << 20, &f, &size, NULL) != NRP_TAKEN) break;
        note_frame(n, &f);
        trace_frame(w, d, a->index, &f);
    }
    n->readable = true;
}

/* The session's, NULL: a handshake. */
static struct numbering *check_numbers(struct world *w, enum direction d, const uint8_t *bytes,
                                       size_t len)
{
    struct nrp_datagram header;
    if (!check(w, I8_NUMBERS, nrp_datagram_read(bytes, len, &header), "a datagram without header"))
        return NULL;
    if (header.flags & NRP_DATAGRAM_HANDSHAKE) return NULL;
    struct numbering *n = numbering_of(w, header.session_id);
    check(w, I8_NUMBERS, header.packet_number >= n->next[d], "session %016llx: packet %llu again",
          (unsigned long long)header.session_id, (unsigned long long)header.packet_number);
    n->next[d] = header.packet_number + 1;
    return n;
}

void check_sent_up(struct world *w, struct actor *a, const uint8_t *bytes, size_t len)
{
    struct numbering *n = check_numbers(w, UP, bytes, len);
    if (n) note_frames(w, UP, a, n, bytes, len);
}

void check_sent_down(struct world *w, const struct nrp_address *to, const uint8_t *bytes,
                     size_t len)
{
    struct book *b = book_of(w, to);
    struct numbering *n = check_numbers(w, DOWN, bytes, len);
    if (n) {
        check(w, I7_STATELESS, b->welcomed, "a session's datagram to an address without a session");
        note_frames(w, DOWN, &w->actors[to->ip[3] % w->scenario.actor_count], n, bytes, len);
        return;
    }
    bool welcome = len > NRP_DATAGRAM_HEADER + NRP_HEADER_SIZE &&
                   bytes[NRP_DATAGRAM_HEADER + 1] == NRP_WELCOME;
    b->to += len;
    if (!b->welcomed)
        check(w, I7_AMPLIFICATION, b->to <= b->from, "%llu bytes for %llu",
              (unsigned long long)b->to, (unsigned long long)b->from);
    if (!welcome) return;
    check(w, I7_STATELESS, to->ip[2] != FORGED, "a forged address is welcome");
    b->welcomed = true;
}

void check_sent_group(struct world *w, const uint8_t *bytes, size_t len)
{
    (void)check_numbers(w, DOWN, bytes, len);
    bool sealed = w->scenario.hub.group.sealed;
    check(w, I8_NUMBERS, sealed == ((bytes[3] & NRP_DATAGRAM_SECURED) != 0),
          "a group's datagram in clear");
    world_trace(w, "relay: %zu bytes to the group", len);
}

/* --- the end ------------------------------------------------------------------------------- */

static void check_work(struct actor *a)
{
    struct world *w = a->world;
    for (size_t i = 0; i < a->work_count; i++)
        if (!check(w, I6_LIVENESS, w->publications[a->work[i]].state == PUB_DONE,
                   "actor %u: publication %u has no answer", a->index, a->work[i]))
            return;
}

/* Was there an item of so many frames, in datagrams of that size? Of more than can be: 0. */
static bool has_item_of(const struct actor *a, size_t datagram_max, unsigned least, unsigned most)
{
    const struct world *w = a->world;
    if (!a->plan->datagrams) return false;
    for (size_t i = 0; i < w->publication_count; i++) {
        const struct publication *p = &w->publications[i];
        unsigned n = nrp_fragment_count(strlen(p->topic) + p->size, datagram_max);
        if (n >= least && n <= most) return true;
    }
    return false;
}

static void check_subscriber(struct actor *a)
{
    struct world *w = a->world;
    for (unsigned i = 0; i < a->plan->filter_count; i++)
        check(w, I6_LIVENESS, a->interests[i].answered, "actor %u: %s is not subscribed", a->index,
              a->interests[i].filter);
    uint64_t first = 0, missing, lost = a->plan->qos ? a->lost : a->lost_session;
    missing = a->plan->qos ? oracle_missing(a, UINT64_MAX, &first)
                           : oracle_missing_session(a, &first);
    /* Behind, at a held-up relay or for want of room for what is retained, QoS 0 over datagrams:
     * one gap stands for all that left the log. */
    bool vague = a->plan->qos == 0 && a->plan->datagrams &&
                 (w->scenario.hub.queue_qos0.policy == SLOW_BLOCK || a->plan->retained);
    if (vague && lost > 0) missing = 0;
    check(w, I4_MISSING, missing <= lost, "actor %u: %llu missing (first %llu), %llu told",
          a->index, (unsigned long long)missing, (unsigned long long)first,
          (unsigned long long)lost);
    struct log_counts counts;
    relay_log_counts(w->log, &counts);
    if (a->plan->qos > 0 && counts.evicted == 0 && !has_item_of(a, NRP_DATAGRAM_MIN, 0, 0))
        check(w, I4_NEEDLESS, a->lost == 0, "actor %u: %llu lost, the log has everything", a->index,
              (unsigned long long)a->lost);
}

static void check_accounts(struct actor *a)
{
    struct world *w = a->world;
    const struct numbering *n = numbering_of(w, a->welcome.session_id);
    if (!n->readable) return;
    check(w, I6_LIVENESS, n->acked == n->highest, "actor %u: acknowledged %llu of %llu", a->index,
          (unsigned long long)n->acked, (unsigned long long)n->highest);
    size_t size = a->welcome.datagram_max;
    if (a->plan->qos > 0 || has_item_of(a, size, 0, 0)) return;
    if (n->fragments) return; /* dseqs are counted here, not items */
    uint64_t told = a->dseqs + a->lost_session;
    check(w, I2_ACCOUNTS, told == n->highest, "actor %u: %llu handed over + %llu lost of %llu",
          a->index, (unsigned long long)a->dseqs, (unsigned long long)a->lost_session,
          (unsigned long long)n->highest);
}

static void check_will(struct world *w, const struct publication *p, unsigned index)
{
    bool logged = oracle_is_logged(w, index, p->attempt);
    if (p->will_era == w->era_count)
        check(w, I6_LIVENESS, logged, "the will %u of actor %u was forgotten", index, p->by);
    else if (w->actors[p->by].will == index + 1)
        check(w, I1_LOG, !logged, "the will %u of actor %u, who lives, was published", index,
              p->by);
}

void check_end(struct world *w)
{
    check(w, I6_LIVENESS, w->hub != NULL, "the relay did not come back");
    for (size_t i = 0; i < w->publication_count; i++)
        if (w->publications[i].will) check_will(w, &w->publications[i], (unsigned)i);
    for (unsigned i = 0; i < w->scenario.actor_count && !w->failed; i++) {
        struct actor *a = &w->actors[i];
        if (!check(w, I6_LIVENESS, a->up && !a->down && !a->closing, "actor %u is not connected",
                   i))
            return;
        check_work(a);
        if (a->plan->subscribes) check_subscriber(a);
        if (a->plan->subscribes && a->plan->datagrams) check_accounts(a);
    }
}
