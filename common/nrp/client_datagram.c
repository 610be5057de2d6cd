#include <string.h>

#include "common/nrp/client_state.h"

/* --------------------------------------------------------------------------------------- Input */

/* Frames until the end; the first bad one spoils the rest, which is as if it had been lost. */
static void take_frames(struct nrp_client *c, const uint8_t *bytes, size_t len)
{
    size_t size;
    for (; len && client_is_live(c); bytes += size, len -= size) {
        struct nrp_frame f;
        enum nrp_taken taken = nrp_frame_read(bytes, len, c->frame_max, &f, &size, NULL);
        if (taken == NRP_SKIP) continue;
        if (taken == NRP_TAKEN && client_dispatch(c, &f, NULL)) continue;
        c->counts.bad_datagrams++;
        return;
    }
}

/* Before there is a session: one frame, and zeros behind it. */
static bool take_handshake(struct nrp_client *c, const struct nrp_datagram *d, const uint8_t *bytes,
                           size_t len)
{
    struct nrp_frame f;
    size_t size;
    if (client_is_live(c)) return true; /* an answer that was given twice */
    return d->flags == NRP_DATAGRAM_HANDSHAKE && d->session_id == 0 && d->packet_number == 0 &&
           nrp_frame_read(bytes, len, c->frame_max, &f, &size, NULL) == NRP_TAKEN &&
           client_dispatch(c, &f, NULL);
}

static bool unseal(struct nrp_client *c, const struct nrp_datagram *d, uint8_t *bytes, size_t *len)
{
    if (!c->unsealing) return true;
    if (*len < NRP_DATAGRAM_HEADER + NRP_DATAGRAM_TAG) return false;
    *len -= NRP_DATAGRAM_TAG;
    return nrp_unseal(c->unsealing, d->packet_number, bytes, NRP_DATAGRAM_HEADER,
                      bytes + NRP_DATAGRAM_HEADER, *len - NRP_DATAGRAM_HEADER, bytes + *len);
}

static bool take_session(struct nrp_client *c, const struct nrp_datagram *d, uint8_t *bytes,
                         size_t len)
{
    if (!client_is_live(c)) return true; /* it overtook WELCOME: repaired like a lost one */
    uint8_t expected = c->unsealing ? NRP_DATAGRAM_SECURED : 0;
    if (d->flags != expected || d->session_id != c->welcome.session_id ||
        d->packet_number >= NRP_PACKETS_MAX)
        return false;
    if (!nrp_replay_fresh(&c->replay, d->packet_number)) {
        c->counts.replays++;
        return true;
    }
    if (!unseal(c, d, bytes, &len)) return false;
    nrp_replay_take(&c->replay, d->packet_number);
    c->heard_us = c->now_us;
    c->ping.unanswered = 0;
    take_frames(c, bytes + NRP_DATAGRAM_HEADER, len - NRP_DATAGRAM_HEADER);
    return true;
}

void client_datagram_input(struct nrp_client *c, uint8_t *bytes, size_t len)
{
    struct nrp_datagram d;
    bool good = nrp_datagram_read(bytes, len, &d);
    c->counts.datagrams_in++;
    if (good && (d.flags & NRP_DATAGRAM_HANDSHAKE))
        good = take_handshake(c, &d, bytes + NRP_DATAGRAM_HEADER, len - NRP_DATAGRAM_HEADER);
    else if (good) good = take_session(c, &d, bytes, len);
    if (!good) c->counts.bad_datagrams++;
}

/* -------------------------------------------------------------------------------------- Output */

/* Of our own encoded frames: what its header says (frame.h). */
static size_t encoded_size(const uint8_t *frame, size_t len)
{
    struct nrp_frame f;
    size_t size = len;
    (void)nrp_frame_read(frame, len, UINT16_MAX, &f, &size, NULL);
    return size;
}

/* Moves whole frames that fit from b to out. */
static size_t pack_bytes(struct client_bytes *b, uint8_t *out, size_t room)
{
    size_t len, at = 0;
    const uint8_t *from = client_bytes_left(b, &len);
    while (at < len) {
        size_t size = encoded_size(from + at, len - at);
        if (size > room - at) break;
        memcpy(out + at, from + at, size);
        at += size;
    }
    client_bytes_take(b, at);
    return at;
}

static size_t pack_goodbye(struct nrp_client *c, uint8_t *out, size_t room)
{
    const struct nrp_frame f = {.type = NRP_GOODBYE};
    size_t waiting;
    (void)client_bytes_left(&c->out, &waiting);
    if (!c->goodbye_due || c->goodbye_said || waiting || nrp_frame_size(&f) > room) return 0;
    c->goodbye_said = true;
    return nrp_frame_write(&f, out);
}

/* What goes first: it keeps the session going. */
static size_t pack(struct nrp_client *c, uint8_t *out, size_t room)
{
    size_t at = client_items_nak(c, out, room);
    at += pack_bytes(&c->control, out + at, room - at);
    at += client_requests_pack(c, &c->requests, out + at, room - at);
    at += client_requests_pack(c, &c->publications, out + at, room - at);
    size_t unacknowledged = pack_bytes(&c->out, out + at, room - at);
    c->out_given += unacknowledged;
    at += unacknowledged;
    return at + pack_goodbye(c, out + at, room - at);
}

static size_t seal(struct nrp_client *c, uint8_t *out, size_t len)
{
    if (!c->sealing) return len;
    bool sealed = nrp_seal(c->sealing, c->sent_packets, out, NRP_DATAGRAM_HEADER,
                           out + NRP_DATAGRAM_HEADER, len - NRP_DATAGRAM_HEADER, out + len);
    return sealed ? len + NRP_DATAGRAM_TAG : 0; /* not sealed (no memory): as if it were lost */
}

size_t client_datagram_output(struct nrp_client *c, uint8_t *out)
{
    if (c->goodbye_said) return 0;
    size_t room = c->datagram_max - NRP_DATAGRAM_HEADER - NRP_DATAGRAM_TAG;
    size_t len = pack(c, out + NRP_DATAGRAM_HEADER, room);
    if (!len) return 0;
    const struct nrp_datagram d = {
        .flags = c->sealing ? NRP_DATAGRAM_SECURED : 0,
        .session_id = c->welcome.session_id,
        .packet_number = c->sent_packets,
    };
    nrp_datagram_write(&d, out);
    len = seal(c, out, NRP_DATAGRAM_HEADER + len);
    c->sent_packets++;
    return len;
}
