/* tests/simulator/scenario.h - who takes part in one simulation, and what goes wrong: all of it
 * drawn from the seed before anything happens. */
#ifndef NEWS_SIMULATOR_SCENARIO_H
#define NEWS_SIMULATOR_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/hub.h"
#include "tests/simulator/chance.h"

enum fault {
    /* of every datagram */
    FAULT_LOSS,
    FAULT_BURST, /* Gilbert-Elliott: everything is lost while it lasts */
    FAULT_REORDER,
    FAULT_DUPLICATE,
    FAULT_TRUNCATE,
    FAULT_FLIP, /* one bit */
    FAULT_RATE, /* a link of so many bytes/s, with a queue that ends */
    FAULT_MTU,
    /* at moments */
    FAULT_PARTITION,
    FAULT_CUT, /* of a stream */
    FAULT_RESTART,
    FAULT_FREEZE, /* nothing runs, relay or client, and then goes on */
    FAULT_HOLD,   /* a consumer takes nothing */
    FAULT_CRASH,  /* a client is gone without a word, and comes back at once */
    FAULT_LEAVE,  /* a client says goodbye, and comes back later */
    FAULT_CHOICE, /* a subscriber drops a filter and takes it up again later */
    FAULT_SPOOF,
    FAULT_REPLAY,
    FAULT_GROUP, /* a client hears nothing of the group */
    FAULT_COUNT,
};
extern const char *const fault_names[FAULT_COUNT];

/* What else is left to chance, beside one stream for each fault. */
enum {
    CHANCE_SCENARIO = FAULT_COUNT,
    CHANCE_SECRETS,
    CHANCE_RELAY,
    CHANCE_WORK,
    CHANCE_PROGRAM,
    CHANCE_ROUTE
};
enum { CHANCE_COUNT = CHANCE_ROUTE + 1 };

enum { ACTORS_MAX = 8, FILTERS_MAX = 3, TOPIC_COUNT = 8 };
extern const char *const scenario_topics[TOPIC_COUNT];

struct link_plan {
    int64_t delay_us, jitter_us;
    int64_t rate; /* bytes/s; 0: no limit */
    int64_t queue_us;
    size_t mtu;    /* 0: no limit */
    bool mtu_told; /* the client's own stack says so (EMSGSIZE) */
    unsigned loss, burst_begins, burst_ends, duplicate, truncate, flip; /* per mille */
};

struct actor_plan {
    bool datagrams, publishes, subscribes, ordered, retained, will, multicast;
    enum nrp_security security;
    uint32_t key_id; /* 0: none */
    int qos;         /* of its subscriptions */
    const char *filters[FILTERS_MAX];
    unsigned filter_count;
    unsigned window;
    size_t datagram_max;
    unsigned item_count, acknowledged, retain; /* publications; of them, per mille */
    size_t size_least, size_most;
    int64_t accept_us; /* at most so long until what came is safe */
    struct link_plan link;
};

struct scenario {
    const char *name;
    bool has[FAULT_COUNT];
    int64_t mean_us[FAULT_COUNT]; /* between two moments of it */
    int64_t faults_us;            /* how long there are faults */
    struct hub_config hub;
    struct log_config log;
    struct guard_limits guard;
    struct actor_plan actors[ACTORS_MAX];
    unsigned actor_count;
    int64_t turn_us; /* how long what came may wait for a turn */
    size_t pipe_size, chunk_most;
    unsigned socket_queue; /* datagrams */
};

/* NULL: any, by the seed. False: no such name. */
bool scenario_draw(struct scenario *s, const char *name, struct chance *c);
void scenario_names(void (*each)(const char *name, const char *text));
void scenario_describe(const struct scenario *s);

#endif
