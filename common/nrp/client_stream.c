#include <string.h>

#include "common/nrp/client_state.h"

/* -------------------------------------------------------------------------------------- Output */

static bool seal_frame(struct nrp_client *c, uint8_t *frame, size_t size)
{
    /* Sealed: the header is authenticated, the rest encrypted. Else all of it is authenticated. */
    size_t head = c->config.security == NRP_SEALED ? NRP_HEADER_SIZE : size;
    return c->sent_packets < NRP_PACKETS_MAX && nrp_seal(c->sealing, c->sent_packets, frame, head,
                                                         frame + head, size - head, frame + size);
}

bool client_stream_write(struct nrp_client *c, const struct nrp_frame *f)
{
    size_t size = nrp_frame_size(f), tag = c->sealing ? NRP_TAG_SIZE : 0;
    struct buf *out = &c->out.buf;
    uint8_t *at = (uint8_t *)buf_reserve(out, size + tag);
    if (!at) {
        out->failed = false; /* what it has can still be written */
        return false;
    }
    nrp_frame_write(f, at);
    if (tag && !seal_frame(c, at, size)) return false;
    c->sent_packets++;
    out->len += size + tag;
    c->out_end += size + tag;
    return true;
}

/* --------------------------------------------------------------------------------------- Input */

/* Who answers on ports that are not a relay's. */
static const struct {
    const char *bytes, *who;
} strangers[] = {
    {"HTTP/", " but an HTTP server"},
    {"SSH-", " but an SSH server"},
    {"\x20\x02", " but an MQTT broker"},
    {"\x15\x03", " but a TLS server"},
};

static const char *stranger(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        size_t n = strlen(strangers[i].bytes);
        if (len >= n && memcmp(bytes, strangers[i].bytes, n) == 0) return strangers[i].who;
    }
    return "";
}

static void refuse(struct nrp_client *c, const uint8_t *bytes, size_t len,
                   const struct news_error *err)
{
    if (c->phase == CLIENT_HELLO_SENT && bytes[0] != NRP_VERSION)
        client_fail(c, NEWS_ERR_PROTOCOL, "that is not an NRP relay%s", stranger(bytes, len));
    else client_fail(c, NEWS_ERR_PROTOCOL, "the relay broke the protocol: %s", err->message);
}

/* Bytes of the first frame with its tag, as far as its header tells: its body may be encrypted. */
static bool frame_extent(const struct nrp_client *c, const uint8_t *bytes, size_t len, size_t *need,
                         struct news_error *err)
{
    size_t head = len < NRP_HEADER_SIZE ? len : NRP_HEADER_SIZE;
    struct nrp_frame f;
    if (nrp_frame_read(bytes, head, c->frame_max, &f, need, err) == NRP_MALFORMED) return false;
    if (head == NRP_HEADER_SIZE && c->unsealing) *need += NRP_TAG_SIZE;
    return true;
}

static bool unseal_frame(struct nrp_client *c, uint8_t *frame, size_t size)
{
    size_t head = c->config.security == NRP_SEALED ? NRP_HEADER_SIZE : size;
    return c->received_packets < NRP_PACKETS_MAX &&
           nrp_unseal(c->unsealing, c->received_packets++, frame, head, frame + head, size - head,
                      frame + size);
}

static void take_frame(struct nrp_client *c, uint8_t *bytes, size_t extent)
{
    size_t size = c->unsealing ? extent - NRP_TAG_SIZE : extent;
    struct nrp_frame f;
    struct news_error err = {0};
    if (c->unsealing && !unseal_frame(c, bytes, size)) {
        client_fail(c, NEWS_ERR_PROTOCOL, "a frame is not genuine: it was changed on its way");
        return;
    }
    enum nrp_taken taken = nrp_frame_read(bytes, size, c->frame_max, &f, &size, &err);
    if (taken == NRP_SKIP) return;
    if (taken != NRP_TAKEN || !client_dispatch(c, &f, &err)) refuse(c, bytes, size, &err);
}

/* What is handed over waits while the caller holds; types are never encrypted. */
static bool waits(const struct nrp_client *c, const uint8_t *frame)
{
    return c->held && (frame[1] == NRP_ITEM || frame[1] == NRP_GAP);
}

/* Takes whole frames; returns the bytes of those taken. */
static size_t take_frames(struct nrp_client *c, uint8_t *bytes, size_t len)
{
    size_t used = 0, need;
    struct news_error err;
    while (used < len && c->phase != CLIENT_OVER) {
        if (!frame_extent(c, bytes + used, len - used, &need, &err)) {
            refuse(c, bytes + used, len - used, &err);
            break;
        }
        if (need > len - used || waits(c, bytes + used)) break;
        take_frame(c, bytes + used, need);
        used += need;
    }
    return used;
}

static bool keep(struct nrp_client *c, const uint8_t *bytes, size_t len)
{
    buf_put(&c->partial.buf, bytes, len);
    if (buf_ok(&c->partial.buf)) return true;
    client_fail(c, NEWS_ERR_MEMORY, "out of memory");
    return false;
}

static void take_kept(struct nrp_client *c)
{
    size_t len;
    uint8_t *bytes = (uint8_t *)c->partial.buf.data + c->partial.given;
    (void)client_bytes_left(&c->partial, &len);
    client_bytes_take(&c->partial, take_frames(c, bytes, len));
}

/* Adds to what is kept what its first frame lacks, or all while that frame waits. */
static size_t top_up(struct nrp_client *c, const uint8_t *bytes, size_t len)
{
    size_t kept, need, take = len;
    const uint8_t *at = client_bytes_left(&c->partial, &kept);
    struct news_error err;
    if (frame_extent(c, at, kept, &need, &err) && need > kept && need - kept < len)
        take = need - kept;
    if (keep(c, bytes, take)) take_kept(c);
    return take;
}

void client_stream_input(struct nrp_client *c, uint8_t *bytes, size_t len)
{
    c->inside = true;
    while (len && c->phase != CLIENT_OVER) {
        size_t kept;
        (void)client_bytes_left(&c->partial, &kept);
        size_t used = kept ? top_up(c, bytes, len) : take_frames(c, bytes, len);
        if (!kept && used < len && c->phase != CLIENT_OVER) {
            if (!keep(c, bytes + used, len - used)) break;
            used = len;
        }
        bytes += used;
        len -= used;
    }
    c->inside = false;
}

void client_stream_resume(struct nrp_client *c)
{
    size_t kept;
    (void)client_bytes_left(&c->partial, &kept);
    if (c->inside || !kept || c->phase == CLIENT_OVER) return;
    c->inside = true;
    take_kept(c);
    c->inside = false;
}
