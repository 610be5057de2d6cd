/* common/nrp/client_state.h - what the client's modules share; nobody else includes it.
 *
 * client.c keeps the phases, the table of frames and the timers of the session as a whole;
 * client_handshake.c HELLO to WELCOME; client_stream.c and client_datagram.c turn frames into bytes
 * and back; client_request.c keeps what waits for an answer; client_publish.c,
 * client_subscribe.c and client_items.c are what a session is for; client_group.c is multicast. */
#ifndef NEWS_NRP_CLIENT_STATE_H
#define NEWS_NRP_CLIENT_STATE_H

#include "common/buf.h"
#include "common/nrp/client.h"
#include "common/nrp/client_group.h"
#include "common/nrp/floor.h"

#define CLIENT_OUT_MAX     ((size_t)1 << 20) /* bytes of publications that wait */
#define CLIENT_FILTERS_MAX 64
#define CLIENT_SECOND      INT64_C(1000000)

enum client_phase { /* bits: a frame is allowed in some of them */
                    CLIENT_HELLO_SENT = 1,
                    CLIENT_AUTH_SENT = 2,
                    CLIENT_UP = 4,
                    CLIENT_CLOSING = 8, /* close() was called; publications may still be answered */
                    CLIENT_OVER = 16,
};

/* Bytes that are given away from the front. Zeroed is empty. */
struct client_bytes {
    struct buf buf;
    size_t given;
};
const uint8_t *client_bytes_left(const struct client_bytes *b, size_t *len);
void client_bytes_take(struct client_bytes *b, size_t len);
void client_bytes_deinit(struct client_bytes *b);

/* A publication without acknowledgement: done when output has come to its end. */
struct client_token {
    uint64_t end, token;
};

struct client_request {
    struct client_request *next;
    struct nrp_frame frame; /* all of it; topic and payload lie in bytes */
    uint64_t id, token;     /* id: of the request, or of the publication */
    unsigned fragments;     /* frames it takes */
    unsigned given;         /* of which so many were given out this time */
    unsigned tries;
    int64_t sent_us, rto_us; /* since the last fragment was given out */
    bool resync;             /* not asked for by the caller */
    bool walks;              /* a SUBSCRIBE that goes over the log from the floor */
    size_t size;             /* of topic and payload */
    char bytes[];            /* topic, NUL, payload (streams: without) */
};
struct client_requests {
    struct client_request *first, **end;
    unsigned count;
    size_t bytes;
};

struct client_ping {
    uint64_t token;
    int64_t sent_us;
    bool waiting;        /* for the PONG to token */
    unsigned unanswered; /* sent since anything was heard */
};

struct nrp_client {
    struct nrp_client_config config; /* key is not kept: secret and hello.key_id are */
    struct nrp_client_events events;
    struct nrp_random random;
    enum client_phase phase;
    bool inside; /* in a callback of input: it goes on when that returns */
    int64_t now_us;
    struct nrp_client_counts counts;

    /* handshake */
    uint8_t secret[NRP_SECRET_SIZE];
    struct nrp_hello hello;
    struct nrp_auth auth;
    struct nrp_handshake_keys keys;
    int64_t handshake_end_us, step_due_us;
    unsigned step_tries;
    bool step_due;          /* datagrams: HELLO or AUTH is to be given out */
    struct news_error hint; /* what an unauthenticated answer said; code NEWS_OK: none */
    bool begins_again;      /* datagrams: AUTH was refused: next comes a HELLO, not another AUTH */
    unsigned refusals;      /* AUTHs, each after its own HELLO, that failed to authenticate us */

    /* session */
    struct nrp_welcome welcome;
    size_t frame_max; /* of items that come: one larger than item_max is read, and lost */
    struct nrp_cipher *sealing, *unsealing; /* NULL: open */
    uint64_t sent_packets, received_packets;
    struct nrp_replay replay;
    struct news_error notice; /* the last ERROR's text; code NEWS_OK: none */
    unsigned notice_code;
    int64_t heard_us, traffic_us;
    struct client_ping ping;
    int64_t srtt_us, rttvar_us;
    int64_t close_us; /* since when phase is CLIENT_CLOSING */
    bool goodbye_due, goodbye_said;

    /* output */
    struct client_bytes out;     /* streams: everything; datagrams: QoS 0 publications */
    struct client_bytes control; /* datagrams: small frames that go first */
    struct client_bytes tokens;  /* struct client_token */
    uint64_t out_given;          /* bytes of out, ever */
    uint64_t out_end;            /* bytes put into out, ever */
    uint64_t goodbye_end;        /* streams: where GOODBYE ends */
    size_t datagram_max;

    /* input of streams */
    struct client_bytes partial;

    /* publishing */
    struct client_requests publications;
    uint64_t publish_id;
    unsigned flight, flight_max; /* datagrams: frames given out and unanswered */
    int64_t flight_cut_us;

    /* subscribing */
    struct client_requests requests; /* SUBSCRIBE, UNSUBSCRIBE */
    char *filters[CLIENT_FILTERS_MAX];
    size_t filter_count;
    uint32_t request_id;
    bool subscribed; /* ever; qos is fixed then */
    int qos;
    bool held;
    struct nrp_receiver *receiver; /* datagrams */
    struct nrp_floor *floor;       /* QoS 1 */
    uint64_t last_dseq;            /* streams: came or passed over */
    uint64_t unaccepted;           /* the lowest dseq handed over and not accepted; 0: none */
    uint64_t accepted_iseq;        /* the floor over accepted items */
    uint64_t evicted_to;           /* what left the log below it was reported */
    uint8_t gap_reason;            /* of the GAP being taken; 0: none */
    uint64_t acked;
    int64_t ack_due_us, acked_us, report_due_us, resync_us;
    struct client_group *group; /* NULL: no multicast */
};

/* --- client.c ---------------------------------------------------------------------------- */

/* The end: on_down, once. why NULL: as asked for. */
void client_end(struct nrp_client *c, const struct news_error *why);
__attribute__((format(printf, 3, 4))) void client_fail(struct nrp_client *c, enum news_errc code,
                                                       const char *format, ...);
/* A small frame: streams write it next, datagrams pack it. False: one too many, or no memory: it
 * is forgotten (what matters is sent again). */
bool client_send(struct nrp_client *c, const struct nrp_frame *f);
/* Looks the frame up and calls who takes it. False: it has no place here; err says so. */
bool client_dispatch(struct nrp_client *c, const struct nrp_frame *f, struct news_error *err);
static inline bool client_is_live(const struct nrp_client *c)
{
    return c->phase == CLIENT_UP || c->phase == CLIENT_CLOSING;
}
void client_ping(struct nrp_client *c);
/* Says goodbye when it is time. */
void client_close_step(struct nrp_client *c);
/* on_published for what has been given out. */
void client_settle_tokens(struct nrp_client *c);
void client_rtt_sample(struct nrp_client *c, int64_t rtt_us); /* RFC 6298 section 2 */
int64_t client_rto(const struct nrp_client *c);

/* --- client_handshake.c ------------------------------------------------------------------ */

void client_handshake_begin(struct nrp_client *c);
void client_handshake_tick(struct nrp_client *c);
int64_t client_handshake_deadline(const struct nrp_client *c);
size_t client_handshake_datagram(struct nrp_client *c, uint8_t *out);
/* The next smaller size. False: there is none. */
bool client_handshake_step_down(struct nrp_client *c);
void client_on_challenge(struct nrp_client *c, const struct nrp_frame *f);
void client_on_welcome(struct nrp_client *c, const struct nrp_frame *f);
/* ERROR and GOODBYE, in every phase. */
void client_on_error(struct nrp_client *c, const struct nrp_frame *f);
void client_on_goodbye(struct nrp_client *c, const struct nrp_frame *f);

/* --- client_stream.c --------------------------------------------------------------------- */

void client_stream_input(struct nrp_client *c, uint8_t *bytes, size_t len);
void client_stream_resume(struct nrp_client *c); /* no longer held */
/* Appends f, with its tag if there is one. False: no memory, nothing was appended. */
bool client_stream_write(struct nrp_client *c, const struct nrp_frame *f);

/* --- client_datagram.c ------------------------------------------------------------------- */

void client_datagram_input(struct nrp_client *c, uint8_t *bytes, size_t len);
size_t client_datagram_output(struct nrp_client *c, uint8_t *out);

/* --- client_request.c -------------------------------------------------------------------- */

/* Copies f's topic, and its payload if keep; appends it to l. NULL: no memory. */
struct client_request *client_request_add(struct client_requests *l, const struct nrp_frame *f,
                                          uint64_t id, bool keep);
struct client_request *client_request_find(struct client_requests *l, uint64_t id);
/* Its answer came: takes it out of l and measures. The caller frees it. */
void client_request_answered(struct nrp_client *c, struct client_requests *l,
                             struct client_request *r);
void client_requests_free(struct client_requests *l);
/* Datagrams: repeats what is late, or ends the session. */
void client_requests_tick(struct nrp_client *c, struct client_requests *l);
int64_t client_requests_deadline(const struct client_requests *l);
/* Writes into room bytes what is next of l; returns how many were written. */
size_t client_requests_pack(struct nrp_client *c, struct client_requests *l, uint8_t *out,
                            size_t room);

/* --- client_publish.c -------------------------------------------------------------------- */

/* Fragment i of a whole PUBLISH. */
void client_publish_fragment(const struct nrp_client *c, const struct nrp_frame *whole, unsigned i,
                             struct nrp_frame *out);
void client_on_puback(struct nrp_client *c, const struct nrp_frame *f);

/* --- client_subscribe.c ------------------------------------------------------------------ */

/* What the session's start decides: the floor's place. */
void client_subscribe_begin(struct nrp_client *c);
void client_subscribe_free(struct nrp_client *c);
void client_subscribe_tick(struct nrp_client *c);
int64_t client_subscribe_deadline(const struct nrp_client *c);
void client_on_suback(struct nrp_client *c, const struct nrp_frame *f);
void client_on_unsuback(struct nrp_client *c, const struct nrp_frame *f);

/* --- client_items.c ---------------------------------------------------------------------- */

void client_on_item(struct nrp_client *c, const struct nrp_frame *f);
void client_on_gap(struct nrp_client *c, const struct nrp_frame *f);
void client_on_heartbeat(struct nrp_client *c, const struct nrp_frame *f);
/* Datagrams: an item of this dseq is on its way, but did not come with what says so. */
void client_on_sent(struct nrp_client *c, uint64_t dseq);
/* A NAK that fits into room; 0: none is due. */
size_t client_items_nak(struct nrp_client *c, uint8_t *out, size_t room);
/* The receiver's callbacks. */
void client_received(void *user, const struct nrp_delivery *d);
void client_missing(void *user, uint64_t first_dseq, uint64_t last_dseq);
void client_tell_lost(struct nrp_client *c, uint64_t count);
/* The floor may have moved: what is accepted follows, if nothing waits to be. */
void client_follow_floor(struct nrp_client *c);
void client_items_tick(struct nrp_client *c);
int64_t client_items_deadline(const struct nrp_client *c);

#endif
