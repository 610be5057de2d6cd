/* common/nrp/frame.h - the frames and datagrams of NRP/1 as they stand on the wire (docs/nrp.md).
 *
 * A frame is an 8-byte header {version u8 = 1, type u8, topic length u16, length u32}, then
 * `length` bytes: a fixed part whose size the type decides, the topic, and the payload, which is
 * what remains. All integers are unsigned and big-endian. Reserved bytes are 0 when written and
 * ignored when read. Nothing here keeps state or allocates; decoded frames point into the bytes
 * they were decoded from. Threads: any. */
#ifndef NEWS_NRP_FRAME_H
#define NEWS_NRP_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define NRP_VERSION       1
#define NRP_PORT          7788
#define NRP_HEADER_SIZE   8
#define NRP_FIXED_MAX     100                    /* the largest fixed part: AUTH's */
#define NRP_ITEM_PREFIX   (NRP_HEADER_SIZE + 20) /* header and fixed part of ITEM */
#define NRP_TOPIC_MAX     511                    /* bytes of a topic or filter */
#define NRP_CONTROL_MAX   4096 /* largest `length` of anything but PUBLISH, ITEM */
#define NRP_NONCE_SIZE    16
#define NRP_ID_SIZE       16
#define NRP_COOKIE_SIZE   24
#define NRP_PROOF_SIZE    16
#define NRP_HELLO_SIZE    44 /* fixed parts that go into proofs and cookies */
#define NRP_AUTH_SIZE     100
#define NRP_WELCOME_SIZE  64
#define NRP_NAK_RANGES    32
#define NRP_FRAGMENTS_MAX 64
#define NRP_DIGEST_SIZE   16 /* of the ITEM a SHARED stands for */
#define NRP_GROUP_KEY     32

enum nrp_type {
    NRP_HELLO = 0x01,
    NRP_CHALLENGE = 0x02,
    NRP_AUTH = 0x03,
    NRP_WELCOME = 0x04,
    NRP_SUBSCRIBE = 0x10,
    NRP_SUBACK = 0x11,
    NRP_UNSUBSCRIBE = 0x12,
    NRP_UNSUBACK = 0x13,
    NRP_PUBLISH = 0x20,
    NRP_PUBACK = 0x21,
    NRP_ITEM = 0x30,
    NRP_ACK = 0x31,
    NRP_NAK = 0x32,
    NRP_GAP = 0x33,
    NRP_PING = 0x40,
    NRP_PONG = 0x41,
    NRP_HEARTBEAT = 0x42,
    NRP_REPORT = 0x43,
    NRP_ERROR = 0x50,
    NRP_GOODBYE = 0x51,
    /* Of multicast. Who does not know types from 0x80 on passes over them: it has none. */
    NRP_JOIN = 0x80,
    NRP_GROUP = 0x81,
    NRP_SHARED = 0x82,
};

/* In ERROR, PUBACK.status, SUBACK.status (refusals: 0x80 + code) and GOODBYE.reason. */
enum nrp_code {
    NRP_OK = 0,
    NRP_CODE_VERSION = 1,
    NRP_CODE_AUTHENTICATION = 2,
    NRP_CODE_BAD_FRAME = 3,
    NRP_CODE_TOO_BIG = 4,
    NRP_CODE_BAD_TOPIC = 5,
    NRP_CODE_NOT_AUTHORISED = 6,
    NRP_CODE_RATE = 7,
    NRP_CODE_TOO_MANY = 8,
    NRP_CODE_SLOW_CONSUMER = 9,
    NRP_CODE_SHUTTING_DOWN = 10,
    NRP_CODE_TAKEN_OVER = 11, /* the same client id came with another connection */
    NRP_CODE_TIMEOUT = 12,
};
const char *nrp_code_text(unsigned code); /* "not authorised"; never NULL */

enum nrp_role { NRP_ROLE_PUBLISH = 1, NRP_ROLE_SUBSCRIBE = 2, NRP_ROLE_BOTH = 3 };
enum nrp_security { NRP_OPEN = 0, NRP_AUTHENTICATED = 1, NRP_SEALED = 2 };

/* SUBSCRIBE.mode */
#define NRP_MODE_ORDERED  0x01
#define NRP_MODE_RETAINED 0x02 /* send what is retained now */

/* SUBACK.status below 0x80 */
enum nrp_sub_status { NRP_SUB_COMPLETE = 0, NRP_SUB_EVICTED = 1, NRP_SUB_OTHER_EPOCH = 2 };

/* flags of PUBLISH and ITEM */
#define NRP_FLAG_RETAIN 0x01 /* PUBLISH: keep it; ITEM: it was kept */
#define NRP_FLAG_ACK    0x02 /* PUBLISH: wants a PUBACK; ITEM: its publisher did (QoS 1) */
#define NRP_FLAG_DUP    0x04 /* PUBLISH: sent before */
#define NRP_FLAG_RESENT 0x08 /* ITEM: sent before with this dseq */
#define NRP_FLAG_WILL                                                                              \
    0x10 /* PUBLISH: keep it, and publish it when this session ends without GOODBYE */

enum nrp_gap_reason {
    NRP_GAP_RING = 1,
    NRP_GAP_POLICY = 2,
    NRP_GAP_EXPIRED = 3,
    NRP_GAP_TOO_BIG = 4
};

struct nrp_hello { /* also the first part of AUTH */
    uint8_t version_min, version_max, role, security;
    uint32_t key_id; /* 0: none */
    uint8_t client_nonce[NRP_NONCE_SIZE];
    uint8_t client_id[NRP_ID_SIZE];
};

struct nrp_challenge {
    uint8_t server_nonce[NRP_NONCE_SIZE];
    uint8_t cookie[NRP_COOKIE_SIZE];
};

struct nrp_auth {
    struct nrp_hello hello;
    struct nrp_challenge challenge; /* as it came */
    uint8_t proof[NRP_PROOF_SIZE];
};

struct nrp_welcome {
    uint64_t session_id, epoch, oldest_iseq, last_iseq;
    uint32_t item_max;     /* bytes of topic and payload */
    uint16_t datagram_max; /* bytes; 0 on streams */
    uint16_t ring;         /* frames the relay can send again: W */
    uint32_t lease_ms;
    uint16_t heartbeat_min_ms, heartbeat_max_ms;
    uint8_t proof[NRP_PROOF_SIZE];
};

struct nrp_subscribe { /* topic: the filter */
    uint32_t request_id;
    uint8_t qos, mode;
    uint64_t from_epoch, from_iseq; /* from_iseq 0: live only */
};

struct nrp_suback {
    uint32_t request_id;
    uint8_t status, qos;
    uint64_t start_iseq; /* the first that can come */
    uint64_t evicted;    /* items asked for that had left the log: unfiltered, an upper bound */
    uint64_t first_dseq; /* what this subscription brings has this dseq or a later one */
};

struct nrp_unsuback { /* and UNSUBSCRIBE, which has the request id alone */
    uint32_t request_id;
    uint8_t status;
};

struct nrp_publish {
    uint64_t publish_id;              /* 1, 2, ... per client nonce; fragments share it */
    uint8_t fragment, fragment_count; /* 0 and 1 where there is one */
    uint8_t flags;
};

struct nrp_puback {
    uint64_t publish_id, iseq;
    uint8_t status;
};

struct nrp_item {
    uint64_t dseq, iseq;
    uint8_t fragment, fragment_count;
    uint8_t flags;
};

struct nrp_range {
    uint64_t first;
    uint16_t count;
};

struct nrp_gap {
    uint64_t first_dseq, last_dseq;
    uint8_t reason;
};

struct nrp_heartbeat {
    uint64_t last_dseq, oldest_dseq, last_iseq;
};

struct nrp_report {
    uint64_t highest_dseq;
    uint32_t received, lost_raw, repaired, duplicates, reordered, jitter_us;
};

struct nrp_notice { /* ERROR (code, request_id; payload: text) and GOODBYE (code, retry_ms) */
    uint16_t code;
    uint32_t request_id; /* or retry_after_ms */
};

/* What a client wants of the relay's group. */
enum nrp_join_step { NRP_JOIN_LEAVE = 0, NRP_JOIN_ASK = 1, NRP_JOIN_HEARS = 2 };

struct nrp_join {
    uint64_t group_id; /* that it hears, or leaves; 0: it asks */
    uint8_t step;
};

/* GROUP.status; 0x80 + code: refused */
enum nrp_group_status {
    NRP_GROUP_OFFERED = 0, /* the rest is filled: listen, and say so */
    NRP_GROUP_JOINED = 1,  /* SHARED may come from now on */
    NRP_GROUP_OVER = 2,    /* it comes no more: there is no such group, or it was left */
};

struct nrp_group {
    uint64_t group_id;          /* the session id in its datagrams */
    uint8_t key[NRP_GROUP_KEY]; /* zeros unless offered in a sealed session */
    uint8_t address[4];         /* IPv4 */
    uint16_t port;
    uint8_t status;
};

/* An ITEM of this session whose body goes to the group. */
struct nrp_shared {
    struct nrp_item item;
    uint8_t digest[NRP_DIGEST_SIZE]; /* nrp_digest() of the ITEM as the group has it */
};

struct nrp_frame {
    uint8_t type;
    uint16_t topic_len;
    const uint8_t *topic, *payload; /* not NUL-terminated */
    size_t payload_len;
    union {
        struct nrp_hello hello;
        struct nrp_challenge challenge;
        struct nrp_auth auth;
        struct nrp_welcome welcome;
        struct nrp_subscribe subscribe;
        struct nrp_suback suback;
        struct nrp_unsuback unsuback; /* UNSUBSCRIBE, UNSUBACK */
        struct nrp_publish publish;
        struct nrp_puback puback;
        struct nrp_item item;
        uint64_t cum_dseq; /* ACK */
        uint64_t token;    /* PING, PONG */
        struct nrp_gap gap;
        struct nrp_heartbeat heartbeat;
        struct nrp_report report;
        struct nrp_notice notice;
        struct nrp_join join;
        struct nrp_group group;
        struct nrp_shared shared;
    };
};

enum nrp_taken {
    NRP_TAKEN,   /* *f is filled, *size bytes were used */
    NRP_PARTIAL, /* more bytes are needed: *size in all, as far as is known (at least 8) */
    NRP_SKIP,    /* an unknown type >= 0x80 of *size bytes: pass over it */
    NRP_MALFORMED,
};

/* Reads the frame at the start of bytes. item_max bounds PUBLISH and ITEM (topic and payload), and
 * NRP_CONTROL_MAX everything else: a longer one is malformed as soon as its header is there, so
 * that nobody waits for it or makes room. Also malformed: another version, a short fixed part, a
 * topic past the end or above NRP_TOPIC_MAX, a topic or payload where the type has none, HELLO or
 * AUTH without its magic, fragment >= fragment_count or more than NRP_FRAGMENTS_MAX of them, an
 * unknown type < 0x80. Topics are not looked at: topic_name_ok() and topic_filter_ok() do that. On
 * NRP_MALFORMED err says what was found; code NEWS_ERR_TOO_LARGE for lengths, else
 * NEWS_ERR_PROTOCOL. */
enum nrp_taken nrp_frame_read(const uint8_t *bytes, size_t len, size_t item_max,
                              struct nrp_frame *f, size_t *size, struct news_error *err);

/* Bytes of f on the wire. */
size_t nrp_frame_size(const struct nrp_frame *f);
/* Writes all of it; out has nrp_frame_size() bytes. Returns that size. */
size_t nrp_frame_write(const struct nrp_frame *f, uint8_t *out);

/* The first NRP_ITEM_PREFIX bytes of an ITEM frame; topic and payload follow elsewhere. */
void nrp_item_prefix(uint8_t out[NRP_ITEM_PREFIX], const struct nrp_item *item, size_t topic_len,
                     size_t payload_len);

/* NAK's payload. read: at most NRP_NAK_RANGES; false when it is no such payload, a count is 0 or
 * a range goes beyond 64 bits. */
bool nrp_ranges_read(const uint8_t *payload, size_t len, struct nrp_range out[NRP_NAK_RANGES],
                     size_t *count);
size_t nrp_ranges_write(const struct nrp_range *ranges, size_t count, uint8_t *out); /* 10 each */

/* Fixed parts as bytes, for proofs and cookies. */
void nrp_hello_bytes(const struct nrp_hello *h, uint8_t out[NRP_HELLO_SIZE]);
void nrp_auth_bytes(const struct nrp_auth *a, uint8_t out[NRP_AUTH_SIZE]);
void nrp_welcome_bytes(const struct nrp_welcome *w, uint8_t out[NRP_WELCOME_SIZE]);

const char *nrp_type_name(unsigned type); /* "SUBSCRIBE"; "unknown" */

/* --- datagrams ---------------------------------------------------------------------------
 * {'N' 'R', version u8 = 1, flags u8, session id u64, packet number u64}, then frames, then a
 * 16-byte tag if the session is secured. In a handshake datagram (session id 0, packet number 0, no
 * tag) one frame is followed by zeros up to its size. */
#define NRP_DATAGRAM_HEADER 20
#define NRP_DATAGRAM_TAG    16
#define NRP_DATAGRAM_MAX    1200 /* as sent unless the path has less */
#define NRP_DATAGRAM_MIN    548
#define NRP_HELLO_DATAGRAM                                                                         \
    256 /* smaller ones are dropped: an answer is never larger than its question */

#define NRP_DATAGRAM_SECURED   0x01
#define NRP_DATAGRAM_HANDSHAKE 0x02
#define NRP_DATAGRAM_MULTICAST 0x04

struct nrp_datagram {
    uint8_t flags;
    uint64_t session_id, packet_number;
};

/* False: too short (for a tag too, if it is secured), or not ours. */
bool nrp_datagram_read(const uint8_t *bytes, size_t len, struct nrp_datagram *out);
void nrp_datagram_write(const struct nrp_datagram *d, uint8_t out[NRP_DATAGRAM_HEADER]);

/* Bytes of topic and payload that fit into one fragment of an ITEM or PUBLISH in a datagram of
 * datagram_max bytes, its tag included (sent or not: sizes do not depend on security). */
size_t nrp_fragment_room(size_t datagram_max);
/* How many fragments; 0: more than NRP_FRAGMENTS_MAX. The topic is in the first, whole; body is
 * topic and payload together. */
unsigned nrp_fragment_count(size_t body_len, size_t datagram_max);

#endif
