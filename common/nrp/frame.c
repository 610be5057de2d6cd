#include "common/nrp/frame.h"

#include <assert.h>

#include "common/nrp/wire.h"

/* ------------------------------------------------------------------------------------- Tables */

#define HAS_TOPIC   0x01
#define HAS_PAYLOAD 0x02
#define IS_ITEM     0x04 /* bounded by item_max, not by NRP_CONTROL_MAX */

struct kind {
    const char *name; /* NULL: no such type */
    uint8_t fixed;    /* bytes */
    uint8_t has;
};

static const struct kind kinds[] = {
    [NRP_HELLO] = {"HELLO", NRP_HELLO_SIZE, 0},
    [NRP_CHALLENGE] = {"CHALLENGE", NRP_NONCE_SIZE + NRP_COOKIE_SIZE, 0},
    [NRP_AUTH] = {"AUTH", NRP_AUTH_SIZE, 0},
    [NRP_WELCOME] = {"WELCOME", NRP_WELCOME_SIZE, 0},
    [NRP_SUBSCRIBE] = {"SUBSCRIBE", 24, HAS_TOPIC},
    [NRP_SUBACK] = {"SUBACK", 32, 0},
    [NRP_UNSUBSCRIBE] = {"UNSUBSCRIBE", 4, HAS_TOPIC},
    [NRP_UNSUBACK] = {"UNSUBACK", 8, 0},
    [NRP_PUBLISH] = {"PUBLISH", 12, HAS_TOPIC | HAS_PAYLOAD | IS_ITEM},
    [NRP_PUBACK] = {"PUBACK", 20, 0},
    [NRP_ITEM] = {"ITEM", NRP_ITEM_PREFIX - NRP_HEADER_SIZE, HAS_TOPIC | HAS_PAYLOAD | IS_ITEM},
    [NRP_ACK] = {"ACK", 8, 0},
    [NRP_NAK] = {"NAK", 0, HAS_PAYLOAD},
    [NRP_GAP] = {"GAP", 20, 0},
    [NRP_PING] = {"PING", 8, 0},
    [NRP_PONG] = {"PONG", 8, 0},
    [NRP_HEARTBEAT] = {"HEARTBEAT", 24, 0},
    [NRP_REPORT] = {"REPORT", 32, 0},
    [NRP_ERROR] = {"ERROR", 8, HAS_PAYLOAD},
    [NRP_GOODBYE] = {"GOODBYE", 8, 0},
    [NRP_JOIN] = {"JOIN", 12, 0},
    [NRP_GROUP] = {"GROUP", 48, 0},
    [NRP_SHARED] = {"SHARED", 20 + NRP_DIGEST_SIZE, 0},
};

static const struct kind *kind_of(unsigned type)
{
    if (type >= sizeof kinds / sizeof *kinds || !kinds[type].name) return NULL;
    return &kinds[type];
}

const char *nrp_type_name(unsigned type)
{
    const struct kind *k = kind_of(type);
    return k ? k->name : "unknown";
}

const char *nrp_code_text(unsigned code)
{
    static const char *const texts[] = {
        [NRP_OK] = "no error",
        [NRP_CODE_VERSION] = "no common version",
        [NRP_CODE_AUTHENTICATION] = "authentication failed",
        [NRP_CODE_BAD_FRAME] = "bad frame",
        [NRP_CODE_TOO_BIG] = "too big",
        [NRP_CODE_BAD_TOPIC] = "bad topic or filter",
        [NRP_CODE_NOT_AUTHORISED] = "not authorised",
        [NRP_CODE_RATE] = "too fast",
        [NRP_CODE_TOO_MANY] = "too many",
        [NRP_CODE_SLOW_CONSUMER] = "slow consumer",
        [NRP_CODE_SHUTTING_DOWN] = "shutting down",
        [NRP_CODE_TAKEN_OVER] = "taken over by another connection",
        [NRP_CODE_TIMEOUT] = "timed out",
    };
    return code < sizeof texts / sizeof *texts ? texts[code] : "unknown code";
}

/* ------------------------------------------------------------------------------------- Reading */

struct header {
    const struct kind *kind; /* NULL: unknown */
    uint8_t type;
    uint16_t topic_len;
    uint32_t length;
};

static enum nrp_taken too_large(struct news_error *err, const char *name, const char *what,
                                size_t size, size_t most)
{
    news_fail(err, NEWS_ERR_TOO_LARGE, "%s: %s of %zu bytes, %zu at most", name, what, size, most);
    return NRP_MALFORMED;
}

static enum nrp_taken refused(struct news_error *err, const char *name, const char *what)
{
    news_fail(err, NEWS_ERR_PROTOCOL, "%s: %s", name, what);
    return NRP_MALFORMED;
}

static size_t length_most(const struct kind *k, size_t item_max)
{
    if (!k || !(k->has & IS_ITEM)) return NRP_CONTROL_MAX;
    return item_max > UINT32_MAX - k->fixed ? UINT32_MAX : k->fixed + item_max;
}

/* NRP_TAKEN when the header may be believed. */
static enum nrp_taken check_header(const struct header *h, size_t item_max, struct news_error *err)
{
    const struct kind *k = h->kind;
    if (!k && h->type < 0x80) {
        news_fail(err, NEWS_ERR_PROTOCOL, "unknown frame type 0x%02x", h->type);
        return NRP_MALFORMED;
    }
    size_t most = length_most(k, item_max);
    if (h->length > most)
        return too_large(err, k ? k->name : "unknown frame", "a length", h->length, most);
    if (!k) return NRP_TAKEN;
    if (h->length < k->fixed) return refused(err, k->name, "the fixed part is cut short");
    size_t rest = h->length - k->fixed;
    if (h->topic_len > rest) return refused(err, k->name, "the topic goes past the end");
    if (h->topic_len > NRP_TOPIC_MAX)
        return too_large(err, k->name, "a topic", h->topic_len, NRP_TOPIC_MAX);
    if (h->topic_len && !(k->has & HAS_TOPIC))
        return refused(err, k->name, "a topic where none belongs");
    if (rest > h->topic_len && !(k->has & HAS_PAYLOAD))
        return refused(err, k->name, "a payload where none belongs");
    return NRP_TAKEN;
}

enum nrp_taken nrp_frame_read(const uint8_t *bytes, size_t len, size_t item_max,
                              struct nrp_frame *f, size_t *size, struct news_error *err)
{
    /* Another protocol on this port may never send eight bytes: the first one tells. */
    if (len && bytes[0] != NRP_VERSION) {
        news_fail(err, NEWS_ERR_PROTOCOL, "not NRP version %d: the first byte is 0x%02x",
                  NRP_VERSION, bytes[0]);
        return NRP_MALFORMED;
    }
    if (len < NRP_HEADER_SIZE) {
        *size = NRP_HEADER_SIZE;
        return NRP_PARTIAL;
    }
    const uint8_t *at = bytes + 1;
    struct header h = {.type = get_u8(&at)};
    h.topic_len = get_u16(&at);
    h.length = get_u32(&at);
    h.kind = kind_of(h.type);
    enum nrp_taken taken = check_header(&h, item_max, err);
    if (taken != NRP_TAKEN) return taken;
    bool whole = len - NRP_HEADER_SIZE >= h.length;
    if (whole && h.kind) {
        f->type = h.type;
        f->topic_len = h.topic_len;
        f->topic = at + h.kind->fixed;
        f->payload = f->topic + h.topic_len;
        f->payload_len = h.length - h.kind->fixed - h.topic_len;
        if (!nrp_fixed_get(at, f))
            return refused(err, h.kind->name,
                           h.type < NRP_PUBLISH ? "the magic is missing" : "no such fragment");
    }
    *size = NRP_HEADER_SIZE + (size_t)h.length;
    if (!whole) return NRP_PARTIAL;
    return h.kind ? NRP_TAKEN : NRP_SKIP;
}

/* ------------------------------------------------------------------------------------- Writing */

size_t nrp_frame_size(const struct nrp_frame *f)
{
    const struct kind *k = kind_of(f->type);
    assert(k);
    return NRP_HEADER_SIZE + (size_t)k->fixed + f->topic_len + f->payload_len;
}

size_t nrp_frame_write(const struct nrp_frame *f, uint8_t *out)
{
    size_t size = nrp_frame_size(f);
    uint8_t *at = out;
    put_header(&at, f->type, f->topic_len, size - NRP_HEADER_SIZE);
    nrp_fixed_put(&at, f);
    put_bytes(&at, f->topic, f->topic_len);
    put_bytes(&at, f->payload, f->payload_len);
    assert((size_t)(at - out) == size);
    return size;
}

#define RANGE_SIZE 10 /* u64 and u16 */

bool nrp_ranges_read(const uint8_t *payload, size_t len, struct nrp_range out[NRP_NAK_RANGES],
                     size_t *count)
{
    size_t n = len / RANGE_SIZE;
    if (!n || n > NRP_NAK_RANGES || len % RANGE_SIZE) return false;
    for (size_t i = 0; i < n; i++) {
        out[i].first = get_u64(&payload);
        out[i].count = get_u16(&payload);
        if (!out[i].count || out[i].first > UINT64_MAX - out[i].count) return false;
    }
    *count = n;
    return true;
}

size_t nrp_ranges_write(const struct nrp_range *ranges, size_t count, uint8_t *out)
{
    for (size_t i = 0; i < count; i++) {
        put_u64(&out, ranges[i].first);
        put_u16(&out, ranges[i].count);
    }
    return count * RANGE_SIZE;
}

/* ----------------------------------------------------------------------------------- Datagrams */

bool nrp_datagram_read(const uint8_t *bytes, size_t len, struct nrp_datagram *out)
{
    if (len < NRP_DATAGRAM_HEADER) return false;
    if (bytes[0] != 'N' || bytes[1] != 'R' || bytes[2] != NRP_VERSION) return false;
    const uint8_t *at = bytes + 3;
    uint8_t flags = get_u8(&at);
    if ((flags & NRP_DATAGRAM_SECURED) && len < NRP_DATAGRAM_HEADER + NRP_DATAGRAM_TAG)
        return false;
    out->flags = flags;
    out->session_id = get_u64(&at);
    out->packet_number = get_u64(&at);
    return true;
}

void nrp_datagram_write(const struct nrp_datagram *d, uint8_t out[NRP_DATAGRAM_HEADER])
{
    put_u8(&out, 'N');
    put_u8(&out, 'R');
    put_u8(&out, NRP_VERSION);
    put_u8(&out, d->flags);
    put_u64(&out, d->session_id);
    put_u64(&out, d->packet_number);
}

size_t nrp_fragment_room(size_t datagram_max)
{
    const size_t overhead = NRP_DATAGRAM_HEADER + NRP_ITEM_PREFIX + NRP_DATAGRAM_TAG;
    return datagram_max > overhead ? datagram_max - overhead : 0;
}

unsigned nrp_fragment_count(size_t body_len, size_t datagram_max)
{
    size_t room = nrp_fragment_room(datagram_max);
    if (!room) return 0;
    size_t count = body_len ? body_len / room + (body_len % room != 0) : 1;
    return count <= NRP_FRAGMENTS_MAX ? (unsigned)count : 0;
}
