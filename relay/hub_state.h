/* relay/hub_state.h - what the parts of a hub share. Private to hub*.c, session*.c and peer*.c.
 *
 * hub.c: life of the hub and its peers, deadlines. hub_stream.c, hub_output.c: bytes of streams, in
 * and out. hub_datagram.c: datagrams. hub_dispatch.c: from the log into outboxes. peer.c: what both
 * carriers do with a peer. session*.c: frames, whatever carried them.
 *
 * A peer is freed by hub_close() (streams) or when its last word was sent (datagrams), never while
 * a frame of it is being handled: what ends one meanwhile makes it PEER_ENDING. */
#ifndef NEWS_RELAY_HUB_STATE_H
#define NEWS_RELAY_HUB_STATE_H

#include "common/buf.h"
#include "relay/group.h"
#include "relay/hub.h"
#include "relay/link.h"
#include "relay/registry.h"
#include "relay/roster.h"
#include "relay/timers.h"

#define HUB_BATCH       256         /* records handled at once */
#define HUB_READ_BEHIND 64          /* of the log, by one session that is behind, at once */
#define HUB_READS       8           /* of so many, in one turn */
#define CHUNKS_KEPT     8           /* output buffers kept for the next one who needs one */
#define CONTROL_MAX     (64 * 1024) /* bytes of frames beside the items, of one peer */
#define ANSWERS_KEPT    32          /* to requests, on datagrams */
#define PARTIALS_MAX    4           /* publications in fragments, of one peer */
#define PARTIAL_US      (10 * INT64_C(1000000))
#define READY_MAX       256              /* answers to handshakes, waiting to be sent */
#define RETAINED_MAX    65536            /* retained records that wait for one peer */
#define RETAINED_BYTES  (8 << 20)        /* of them; what is beyond is left out, and counted */
#define WILLS_MAX       64               /* that wait for room in the log */
#define INPUT_MAX       (1 << 20)        /* bytes of a publisher that is held back */
#define RESERVED_TOPIC  "newswire/relay" /* and below: the relay's own */

enum peer_state {
    PEER_HELLO, /* streams only: nothing came yet */
    PEER_AUTH,  /* streams only: challenged */
    PEER_OPEN,
    PEER_ENDING, /* has a last word to say; its session is over */
};

struct subscription {
    char *filter;
    uint64_t start;  /* the first iseq it brings */
    uint64_t walked; /* what was given to the session in [start, walked) is not given again */
    uint64_t again;  /* it was replaced: what is below comes again, whoever else had it */
};

/* Encoded output of a stream; bytes before `at` are written. */
struct chunk {
    uint8_t *bytes; /* NULL: none */
    size_t size, len, at;
};

/* Records that wait: retained ones for a subscriber, or publications while the log is full. */
struct waiting {
    struct record **records;
    uint64_t *ids; /* publish ids, or NULL */
    size_t count, at, size;
};

struct partial { /* a publication of which fragments are missing; body NULL: not in use */
    uint64_t publish_id, have; /* have: a bit for each fragment */
    int64_t until_us;
    uint8_t *body;
    size_t last_len; /* bytes of the last fragment */
    uint16_t topic_len;
    uint8_t count, flags;
};

struct answer {
    uint8_t type; /* NRP_SUBACK or NRP_UNSUBACK; 0: none */
    union {
        struct nrp_suback suback;
        struct nrp_unsuback unsuback;
    };
};

/* Who holds a key cannot push out somebody who has another one, nor can a stranger elsewhere. */
struct client_key {  /* compared and hashed as bytes: no padding */
    uint32_t key_id; /* 0: open, then its address belongs to its name: ids are no secret */
    uint32_t family;
    uint8_t ip[16];
    uint8_t id[NRP_ID_SIZE];
};

enum member { MEMBER_NONE, MEMBER_TOLD, MEMBER_JOINED }; /* of the group */

struct datagrams { /* what a session over datagrams has besides */
    uint64_t session_id;
    struct roster_entry by_id; /* in hub.sessions */
    struct peer *peer;
    size_t datagram_max;
    struct sender *sender;
    struct sender_counts counted; /* what of them is in the hub's counts */
    struct nrp_replay replay;
    struct nrp_auth auth;       /* what it was opened by, */
    struct nrp_welcome welcome; /* and the answer, in case that gets lost */
    struct answer *answers;     /* ANSWERS_KEPT, NULL before the first */
    unsigned answered;
    struct partial partials[PARTIALS_MAX];
    enum member member;
    uint64_t member_since; /* of the group's positions: bodies it may be given */
};

struct peer {
    /* what every delivery looks at */
    bool live;    /* takes what comes; else it is not open, or behind */
    bool behind;  /* reads retained records and the log from `cursor` on */
    bool doomed;  /* to be ended when the records at hand are dispatched */
    bool blocked; /* streams: the socket is full */
    uint8_t qos;  /* of the session, once it has subscribed */
    bool qos_fixed;
    const struct outbox_limits *limits;
    uint64_t gate; /* items from here on need no look at single subscriptions */
    struct outbox box;
    struct link work;    /* in hub.writable or hub.ready */
    struct datagrams *d; /* NULL: a stream */

    struct hub *hub;
    void *user;
    enum peer_state state;
    bool over;      /* nothing more to be written */
    bool entered;   /* counted by the guard */
    bool blocks;    /* SLOW_BLOCK: it is why publishers wait */
    bool publishes; /* has published */
    bool put_off;   /* streams: its input waits for us; see stream_resume() */
    bool resumed;   /* behind since it subscribed, and never for want of room */
    enum nrp_code doom;
    struct link all;   /* in hub.peers */
    struct link aside; /* in hub.held or hub.doomed */
    struct timer timer;
    int64_t since_us, heard_us, frame_us, ends_us,
        error_us; /* frame_us: since when a part of a frame waits; 0: none */
    unsigned pings;
    int64_t again_us; /* when what was put off is tried again; 0: nothing waits for the time */
    int64_t scans_us; /* retained items: how far its looks at all of them are ahead of the clock */

    struct nrp_address from;
    struct nrp_hello hello;
    uint8_t server_nonce[NRP_NONCE_SIZE];
    struct nrp_key *key; /* NULL: open */
    struct client_key client;
    struct roster_entry by_client; /* in hub.clients */
    struct nrp_cipher *in, *out;
    uint64_t packets_in, packets_out;

    struct subscription *subscriptions;
    unsigned subscription_count;
    uint64_t cursor;         /* while behind: every record below it was considered */
    struct waiting retained; /* to be queued before anything else */
    size_t retained_bytes;   /* of these */
    uint64_t given, acked;   /* streams: dseqs */
    struct record *will;

    struct buf input, control; /* a part of a frame; frames that pass the items by */
    struct waiting held;       /* publications that found the log full, or came too often */
    size_t held_paid;          /* how many of these the guard has allowed already */
    struct chunk chunk;
};

struct ready { /* a datagram that answers a handshake; zeros follow up to `padded` bytes */
    struct nrp_address to;
    uint16_t len, padded;
    uint8_t bytes[200];
};

struct hub {
    struct hub_config config;
    struct outbox_limits limits[2]; /* by QoS, as outboxes see them */
    struct relay_log *log;
    unsigned follower;
    struct guard *guard;
    struct nrp_random random;
    struct nrp_cookies cookies;
    struct registry *registry;
    struct group *group; /* NULL: no multicast */
    struct timers timers;
    struct roster clients, sessions; /* by client_key; by session id, of datagrams */
    struct link peers;               /* all */
    struct link writable;            /* streams for hub_next_writable() */
    struct link ready;               /* datagram sessions that have something to send, in turn */
    struct link held;                /* publishers that wait for room in the log */
    struct link doomed;
    size_t peer_count;
    uint64_t followed; /* iseq of the last record that was dispatched */
    unsigned blocks;   /* peers with .blocks */
    bool appended, shutting, cut;
    int64_t now_us; /* of the latest call that brought the time */
    int64_t cut_us, drained_us, log_ticked_us; /* the first two of a shutdown */
    struct waiting wills; /* that found the log full */

    struct record *batch[HUB_BATCH]; /* publications of the call at hand */
    uint64_t batch_ids[HUB_BATCH];
    unsigned batch_count;

    struct chunk kept[CHUNKS_KEPT];
    unsigned kept_count;
    struct ready *handshakes; /* READY_MAX */
    unsigned handshake_at, handshake_count;
    struct hub_counts counts;
};

/* --- peer.c --------------------------------------------------------------------------------- */

struct peer *peer_new(struct hub *h, int64_t now_us, const struct nrp_address *from, void *user);
/* Everything it has, its place in all lists, and itself. Its session was left before. */
void peer_free(struct hub *h, struct peer *p);
/* Queues a frame beside the items. One whose queue is full is cut. */
void peer_control(struct hub *h, struct peer *p, const struct nrp_frame *f);
/* It has something to send. */
void peer_mark(struct hub *h, struct peer *p);
/* An ERROR with that text (NULL: none) and a GOODBYE; the session is over. */
void peer_end(struct hub *h, int64_t now_us, struct peer *p, enum nrp_code code, const char *text);
/* It is over at once, without a word. */
void peer_cut(struct hub *h, int64_t now_us, struct peer *p);
/* Ends it later, when nobody looks through subscribers any more. */
void peer_doom(struct hub *h, struct peer *p, enum nrp_code code);
void peer_end_doomed(struct hub *h, int64_t now_us);
int64_t peer_deadline(const struct peer *p, int64_t now_us);
/* Sees to it that the timer is not later than the deadline. Timers may be early: that costs less
 * than moving one for every byte that comes. */
void peer_arm(struct hub *h, struct peer *p, int64_t now_us);
/* What is due is done; the timer is set anew. The peer may be freed. */
void peer_tick(struct hub *h, struct peer *p, int64_t now_us);

bool waiting_put(struct waiting *w, struct record *r, uint64_t id, bool with_id);
void waiting_deinit(struct waiting *w);

/* The size of the whole frame at the start of these bytes, which are our own. */
size_t peer_control_size(const uint8_t *frame);

/* --- session.c ------------------------------------------------------------------------------ */

/* The handshake is done: others of the same client go, and it is known from now on. */
void session_open(struct hub *h, int64_t now_us, struct peer *p);
struct peer *session_find(const struct hub *h, const struct client_key *client);
/* After hub_shutdown(): the drain goes on. */
void hub_moved(struct hub *h, int64_t now_us);
/* Its end: subscriptions, name, and the will unless it said goodbye. */
void session_leave(struct hub *h, struct peer *p, bool goodbye);
/* A whole frame of an open session, in its clear. False: the session is over. */
bool session_frame(struct hub *h, int64_t now_us, struct peer *p, const struct nrp_frame *f);
/* It broke the rules: that ends it. */
void session_broken(struct hub *h, int64_t now_us, struct peer *p, enum nrp_code code,
                    const char *text);
/* Answers a repeated request as the first time. False: it is a new one. */
bool session_repeat(struct hub *h, struct peer *p, uint8_t type, uint32_t request_id);
void session_answer(struct hub *h, struct peer *p, const struct answer *a);

/* --- session_handshake.c -------------------------------------------------------------------- */

/* Can this HELLO be answered? */
enum nrp_code handshake_hello(const struct hub *h, const struct nrp_hello *hello);
void handshake_challenge(struct hub *h, int64_t now_us, const struct nrp_address *from,
                         const struct nrp_hello *hello, struct nrp_challenge *out);
struct client_key handshake_client(const struct nrp_hello *hello, const struct nrp_address *from);
struct handshake {       /* what a valid AUTH brings */
    struct nrp_key *key; /* to be freed or taken over; NULL: open */
    struct nrp_handshake_keys keys;
};
enum nrp_code handshake_verify(struct hub *h, int64_t now_us, const struct nrp_address *from,
                               const struct nrp_auth *a, struct handshake *out);
/* Makes a session of p: takes the key, fills the WELCOME and makes the ciphers. */
bool handshake_accept(struct hub *h, struct peer *p, const struct nrp_auth *a, struct handshake *hs,
                      struct nrp_welcome *out);
const char *handshake_text(enum nrp_code code);

/* --- session_subscribe.c -------------------------------------------------------------------- */

void session_subscribe(struct hub *h, int64_t now_us, struct peer *p, const struct nrp_frame *f);
void session_unsubscribe(struct hub *h, int64_t now_us, struct peer *p, const struct nrp_frame *f);
void session_forget(struct hub *h, struct peer *p); /* all its subscriptions */
/* It had its share of looks at all retained items: the next SUBSCRIBE of that kind has to wait
 * until *until_us. */
bool session_scanned(const struct peer *p, int64_t now_us, int64_t *until_us);
/* By the subscriptions' starts: is this record (still) to be given? */
bool session_wants(const struct peer *p, uint64_t iseq, const char *topic);

/* --- session_group.c ------------------------------------------------------------------------ */

void session_join(struct hub *h, int64_t now_us, struct peer *p, const struct nrp_frame *f);
void group_leave(struct hub *h, struct peer *p); /* a session of any kind ends */
/* There is a group: r goes there if that is worth it for those whom it is for. */
void group_consider(struct hub *h, struct record *r, void *const *found, size_t count);
void group_replace(struct hub *h); /* another key; everybody joins anew */
size_t group_output(struct hub *h, int64_t now_us, uint8_t *out, struct nrp_address *to);

/* --- session_publish.c ---------------------------------------------------------------------- */

/* Collects it; session_flush() appends. p->held: the log is full, or it publishes too often: read
 * no more. */
void session_publish(struct hub *h, int64_t now_us, struct peer *p, const struct nrp_publish *f,
                     const uint8_t *topic, size_t topic_len, const uint8_t *payload,
                     size_t payload_len);
void session_flush(struct hub *h, int64_t now_us, struct peer *p);
/* What was held back goes on. False: not all of it; it will be tried again. */
bool session_retry(struct hub *h, int64_t now_us, struct peer *p);
void session_will(struct hub *h, struct peer *p); /* publishes it, if there is one */
void session_retry_wills(struct hub *h);

/* --- session_fragments.c -------------------------------------------------------------------- */

/* One fragment of a publication; the last one publishes it. False: it contradicts the others. */
bool session_fragment(struct hub *h, int64_t now_us, struct peer *p, const struct nrp_frame *f);
int64_t fragments_deadline(const struct datagrams *d);
void fragments_expire(struct datagrams *d, int64_t now_us); /* INT64_MAX: all */

/* --- hub_stream.c, hub_output.c, hub_datagram.c
 * ------------------------------------------------------------ */

void stream_free(struct hub *h, struct peer *p);
/* Input that was put off goes on, unless something else holds it back. */
void stream_resume(struct hub *h, int64_t now_us, struct peer *p);
bool stream_has_output(const struct peer *p);
/* Encodes the frames that wait beside the items. False: they do not all fit now. */
bool stream_stage_control(struct hub *h, struct peer *p);
void datagram_free(struct hub *h, struct peer *p);

/* --- hub_dispatch.c ------------------------------------------------------------------------- */

/* Lets p go on from the log (retained records first), as far as its outbox has room. False: nothing
 * to read, or no room. */
bool dispatch_catch_up(struct hub *h, int64_t now_us, struct peer *p);
void dispatch_fall_behind(struct peer *p, uint64_t cursor);
void dispatch_unblock(struct hub *h, struct peer *p); /* publishers need not wait for it */

/* Takes it out, if it is in. */
static inline void roster_leave(struct roster *r, struct roster_entry *e)
{
    if (e->key) roster_remove(r, e);
    e->key = NULL;
}

static inline struct peer *peer_of_work(struct link *l)
{
    return link_owner(l, struct peer, work);
}

#endif
