/* tests/simulator/world.h - one simulation: a relay, clients, the network between them, and what is
 * known about each of them. One seed decides everything; time is virtual. */
#ifndef NEWS_SIMULATOR_WORLD_H
#define NEWS_SIMULATOR_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/nrp/client.h"
#include "relay/hub.h"
#include "tests/simulator/agenda.h"
#include "tests/simulator/chance.h"
#include "tests/simulator/invariants.h"
#include "tests/simulator/scenario.h"

#define START_US ((int64_t)1000000000)
#define SECOND   ((int64_t)1000000)
#define NEVER    INT64_MAX
#define QUIET_US (180 * SECOND) /* after the last fault, until everything has to be well */
#define PROBE_US (60 * SECOND)  /* before the end: the last publications */

enum { CONNECTIONS_MAX = 4096, ERAS_MAX = 64, RECORDED = 16, BY_RELAY = ACTORS_MAX };
enum direction { UP, DOWN }; /* to the relay, to the client */

enum event_kind {
    EVENT_RELAY_TURN,
    EVENT_RELAY_START,
    EVENT_ACTOR_TURN,
    EVENT_PARCEL_UP,
    EVENT_PARCEL_DOWN,
    EVENT_PIPE,     /* who: stream; arg: bytes << 1 | direction */
    EVENT_PIPE_END, /* arg: direction */
    EVENT_ACCEPT,
    EVENT_PUBLISH,
    EVENT_STATUS,
    EVENT_FAULT,
    EVENT_REFILTER,
    EVENT_COUNT,
};

/* --- what was published (oracle.c) -------------------------------------------------------- */

enum published { PUB_WAITING, PUB_SENT, PUB_DONE };

struct publication {
    unsigned by; /* actor, or BY_RELAY */
    const char *topic;
    size_t size;
    bool acknowledged, retain, will;
    enum published state;
    unsigned attempt;    /* the last; 1, 2, ... */
    unsigned logged_era; /* where the attempts below were logged */
    uint64_t logged;     /* attempts, one bit each */
    unsigned will_era;   /* a will that is due: in which era; 0: none is */
    int64_t when;
};

struct entry { /* of the log */
    unsigned publication, attempt;
    uint8_t flags;
};

struct era { /* what one log (epoch) had */
    uint64_t epoch;
    struct entry *entries; /* of iseq 1, 2, ... */
    size_t count, size;
};

/* --- the network --------------------------------------------------------------------------- */

struct link {
    bool burst;
    int64_t busy_until;
};

struct pipe { /* one direction of a stream */
    uint8_t *bytes;
    size_t len, arrived; /* what was written and not read; how much of it is there */
    int64_t last_at;
    bool dead; /* what is written goes nowhere */
    bool end, end_arrived;
};

struct stream {
    unsigned index, actor;
    struct nrp_address address;
    struct peer *peer;
    struct pipe pipes[2]; /* by enum direction */
    bool deaf;            /* the hub reads no more */
    bool full;            /* the relay could not write all: it waits */
};

struct book { /* of an address that datagrams came from (I7) */
    struct nrp_address address;
    uint64_t from, to;
    bool welcomed;
};

struct numbering { /* of a datagram session's packets (I8) */
    uint64_t session_id;
    uint64_t next[2];
    bool readable;           /* not sealed: what follows is known */
    uint64_t highest, acked; /* dseqs */
    bool fragments;          /* items of several: an AUTH that was cut short makes them smaller */
};

/* --- who takes part ------------------------------------------------------------------------ */

struct interest { /* a filter of an actor */
    const char *filter;
    bool wanted, asked, answered, from_oldest;
    uint64_t due_from; /* iseq from which everything is due; 0: nothing is */
    uint64_t session_due_from;
};

enum seen {
    SEEN_NOW = 1,
    SEEN_ACCEPTED = 2,
    SEEN_LATELY = 4
}; /* in this session; ever; since accepting */

struct actor {
    struct world *world;
    unsigned index;
    const struct actor_plan *plan;
    struct link links[2];
    int64_t partition_until, deaf_until; /* the latter: to the group */
    bool listens;                        /* to the group */

    struct nrp_client *client; /* NULL: between two connections */
    bool up, down, closing, refused;
    struct nrp_welcome welcome;
    unsigned connection;
    struct nrp_address address;
    struct stream *stream;
    struct parcel *inbox, **inbox_end;
    unsigned inbox_count;

    int64_t turn_at, connect_at, accept_at, frozen_until, held_until, last_turn;
    bool held;
    unsigned turns_now;

    struct interest interests[FILTERS_MAX];
    struct nrp_resume resume;
    uint64_t epoch; /* of what follows */
    uint8_t *seen;  /* enum seen, by iseq */
    size_t seen_size;
    uint64_t lost, lost_session; /* in this epoch; in this session */
    uint64_t last_dseq, dseqs;   /* handed over: the last, how many */

    unsigned *work; /* publications in order */
    size_t work_count, work_size, work_done;
    unsigned will; /* publication + 1; 0: none */
    bool will_armed, will_kept;
};

struct tally {
    uint64_t seeds, failures, events, virtual_us, datagrams, stream_bytes, delivered;
    uint64_t group_datagrams, group_joins, shared_heard, shared_missed;
    uint64_t faults[FAULT_COUNT];
    uint64_t checks[INVARIANT_COUNT];
};

struct world {
    uint64_t seed;
    bool verbose, readable; /* readable: what would be sealed is authenticated alone */
    int64_t now, faults_end, end;
    struct chance chance[CHANCE_COUNT];
    struct scenario scenario;
    struct agenda agenda;
    struct tally tally;
    uint64_t digest;
    bool failed;
    char failure[400];

    struct nrp_random client_random, relay_random;
    struct relay_log *log;
    struct guard *guard;
    struct hub *hub; /* NULL: it is down */
    int64_t relay_turn_at, relay_frozen_until, relay_last_turn, relay_shutdown_at;
    unsigned relay_turns_now;
    int64_t log_ticked_at;
    struct parcel *inbox, **inbox_end;
    unsigned inbox_count;

    struct actor actors[ACTORS_MAX];
    struct stream **streams;
    size_t stream_count, stream_size;
    struct book *books;
    size_t book_count, book_size;
    struct numbering *numberings;
    size_t numbering_count, numbering_size;
    struct parcel *recorded[2][RECORDED];
    unsigned recorded_count[2];

    struct publication *publications;
    size_t publication_count, publication_size;
    struct era eras[ERAS_MAX];
    unsigned era_count;
};

/* world.c */
/* seed, verbose and readable are set, everything else is zero. */
bool world_run(struct world *w, const char *scenario, int key_fd);
void world_free(struct world *w);
__attribute__((format(printf, 2, 3))) void world_trace(struct world *w, const char *format, ...);
bool world_has_faults(const struct world *w);
int64_t world_draw(struct world *w, unsigned stream, int64_t least, int64_t most);

/* network.c: datagrams */
void network_up(struct world *w, struct actor *a, const uint8_t *bytes, size_t len);
void network_down(struct world *w, const struct nrp_address *to, const uint8_t *bytes, size_t len);
/* To whoever listens. */
void network_group(struct world *w, const uint8_t *bytes, size_t len);
void network_arrived(struct world *w, const struct event *e);
void network_replay(struct world *w);
void network_spoof(struct world *w);

/* pipes.c: streams */
struct stream *wire_open(struct world *w, struct actor *a);
void wire_accept(struct world *w, struct stream *s);
size_t wire_write(struct world *w, struct stream *s, enum direction d, const uint8_t *bytes,
                  size_t len);
/* Takes what arrived, at most len bytes of it. */
size_t wire_read(struct world *w, struct stream *s, enum direction d, uint8_t *out, size_t len);
bool wire_ended(const struct stream *s, enum direction d);
/* That end is closed: what it wrote still arrives, then the end of it. */
void wire_close(struct world *w, struct stream *s, enum direction writes);
/* Nothing arrives any more; each end learns of it so much later. */
void wire_cut(struct world *w, struct stream *s, int64_t client_us, int64_t relay_us);
void wire_arrived(struct world *w, const struct event *e);
void wire_free(struct stream *s);

/* relay.c */
void relay_start(struct world *w);
void relay_wake(struct world *w, int64_t at);
void relay_turn(struct world *w);
void relay_stop(struct world *w); /* at once */
void relay_note_log(struct world *w);

/* actor.c */
void actor_init(struct world *w, unsigned index);
void actor_deinit(struct actor *a);
void actor_wake(struct actor *a, int64_t at);
void actor_turn(struct actor *a);
void actor_crash(struct actor *a);
void actor_add_work(struct actor *a, unsigned publication);
/* actor_events.c */
extern const struct nrp_client_events actor_events;
void actor_forget_session(struct actor *a);

/* faults.c */
void faults_begin(struct world *w);
void faults_happen(struct world *w, unsigned fault);

/* oracle.c */
unsigned oracle_publish(struct world *w, struct publication p);
size_t oracle_payload(const struct world *w, unsigned publication, unsigned attempt, uint8_t *out);
void oracle_logged(struct world *w, const struct record *r);
/* The entry an item is; NULL when nobody published it. */
const struct entry *oracle_find(const struct world *w, uint64_t epoch, uint64_t iseq);
const struct era *oracle_era(const struct world *w, uint64_t epoch);
bool oracle_is_logged(const struct world *w, unsigned publication, unsigned attempt);
/* How many due items of iseq < before were not accepted. */
uint64_t oracle_missing(const struct actor *a, uint64_t before, uint64_t *first);
uint64_t oracle_missing_session(const struct actor *a, uint64_t *first);

#endif
