/* Whatever clients send, by stream or by datagram: the hub keeps its bounds, says nothing to an
 * address that did not show itself beyond what that sent, and its deadline never lies behind.
 *
 * The first byte chooses: a stream after an open handshake, datagrams as they come, or what is in
 * the datagrams of an open session. Pairs of bytes are the lengths of what is read at once. */
#include <stdlib.h>
#include <string.h>

#include "relay/hub.h"

/* An assert that also works in a release build. */
#define PROMISE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) abort();                                                                 \
    } while (0)

#define MEMORY_MAX (16u << 20)

struct rig {
    struct relay_log *log;
    struct guard *guard;
    struct hub *hub;
    int64_t now;
    uint8_t last; /* of what is random: never the same for long */
};

static void fill(void *user, void *out, size_t len)
{
    uint8_t *last = user;
    for (uint8_t *at = out; len > 0; len--)
        *at++ = (*last)++;
}

static void open_rig(struct rig *r)
{
    static const struct log_config log = {.items_max = 64,
                                          .bytes_max = 1 << 16,
                                          .retained_max = 16,
                                          .retained_bytes_max = 1 << 14,
                                          .publishers_max = 4,
                                          .followers = 1};
    static const struct guard_limits limits = {.sessions_max = 8,
                                               .per_address_max = 8,
                                               .handshakes_per_s = 100,
                                               .handshakes_per_s_all = 100};
    struct hub_config c = hub_defaults;
    struct nrp_random random = {.user = &r->last, .fill = fill};
    *r = (struct rig){.now = 1000000};
    c.item_max = 4096;
    c.group = (struct group_config){
        .on = true, .address = {.family = 4, .ip = {239, 77, 0, 1}, .port = 9}, .filter = "#"};
    c.queue_qos0.items_max = c.queue_qos1.items_max = 16;
    r->log = relay_log_new(&log, &random, NULL);
    r->guard = guard_new(&limits, NULL, NULL);
    r->hub = hub_new(&c, r->log, 0, r->guard, &random, r->now, NULL);
    PROMISE(r->hub);
}

static void close_rig(struct rig *r)
{
    PROMISE(hub_memory(r->hub) < MEMORY_MAX);
    hub_free(r->hub);
    guard_free(r->guard);
    relay_log_free(r->log);
}

/* The next piece of *data, preceded by its length; copied, because the hub may change it. */
static uint8_t *piece(const uint8_t **data, size_t *size, size_t *len)
{
    if (*size < 2) return NULL;
    size_t want = (size_t)(*data)[0] << 8 | (*data)[1];
    *data += 2, *size -= 2;
    *len = want < *size ? want : *size;
    uint8_t *own = malloc(*len ? *len : 1);
    PROMISE(own);
    memcpy(own, *data, *len);
    *data += *len, *size -= *len;
    return own;
}

/* ---- streams ---- */

static size_t last_written(struct rig *r, struct peer *p, uint8_t *out, size_t size)
{
    struct iovec iov[8];
    size_t len = 0;
    int count = hub_output(r->hub, p, iov, 8);
    for (int i = 0; i < count; i++) {
        size_t part = iov[i].iov_len < size - len ? iov[i].iov_len : size - len;
        memcpy(out + len, iov[i].iov_base, part);
        len += part;
        if (part < iov[i].iov_len) break;
    }
    if (count > 0) hub_sent(r->hub, r->now, p, len);
    return len;
}

static void turn(struct rig *r)
{
    struct peer *p;
    static uint8_t out[300];
    while (hub_follow(r->hub, r->now)) {
    }
    hub_tick(r->hub, r->now);
    while ((p = hub_next_writable(r->hub)))
        (void)last_written(r, p, out, sizeof out); /* a part of it: some are slow */
    PROMISE(hub_deadline(r->hub) > r->now);
}

static void say(struct rig *r, struct peer *p, const struct nrp_frame *f)
{
    uint8_t bytes[256];
    PROMISE(hub_input(r->hub, r->now, p, bytes, nrp_frame_write(f, bytes)));
}

static struct peer *welcomed(struct rig *r)
{
    struct nrp_address from = {.family = 4, .port = 1};
    enum nrp_code code;
    uint8_t out[256];
    size_t size;
    struct nrp_frame f = {.type = NRP_HELLO,
                          .hello = {.version_min = 1, .version_max = 1, .role = NRP_ROLE_BOTH}},
                     answer;
    struct peer *p = hub_accept(r->hub, r->now, &from, NULL, &code);
    PROMISE(p);
    say(r, p, &f);
    size_t len = last_written(r, p, out, sizeof out);
    PROMISE(nrp_frame_read(out, len, 4096, &answer, &size, NULL) == NRP_TAKEN);
    struct nrp_frame auth = {.type = NRP_AUTH,
                             .auth = {.hello = f.hello, .challenge = answer.challenge}};
    say(r, p, &auth);
    len = last_written(r, p, out, sizeof out);
    PROMISE(nrp_frame_read(out, len, 4096, &answer, &size, NULL) == NRP_TAKEN);
    PROMISE(answer.type == NRP_WELCOME);
    return p;
}

static void fuzz_stream(struct rig *r, const uint8_t *data, size_t size)
{
    struct peer *p = welcomed(r);
    size_t len;
    uint8_t *bytes;
    bool open = true;
    while (open && (bytes = piece(&data, &size, &len))) {
        open = hub_input(r->hub, r->now, p, bytes, len);
        free(bytes);
        turn(r);
        PROMISE(open || !peer_wants_input(p));
        r->now += 700000;
    }
    hub_close(r->hub, r->now, p);
    turn(r);
}

/* ---- datagrams ---- */

static void fuzz_datagrams(struct rig *r, const uint8_t *data, size_t size)
{
    struct nrp_address from = {.family = 4, .port = 2}, to;
    uint8_t out[1500], *bytes;
    size_t len, in = 0, sent = 0;
    while ((bytes = piece(&data, &size, &len))) {
        hub_datagram_input(r->hub, r->now, &from, bytes, len);
        free(bytes);
        in += len;
        turn(r);
        while ((len = hub_datagram(r->hub, r->now, out, sizeof out, &to)) > 0)
            sent += len;
        PROMISE(hub_deadline(r->hub) > r->now);
        if (hub_is_empty(r->hub)) PROMISE(sent <= in);
        r->now += 700000;
    }
}

static size_t drain(struct rig *r, uint8_t *out, size_t size)
{
    struct nrp_address to;
    size_t len, first = 0;
    while ((len = hub_datagram(r->hub, r->now, out, size, &to)) > 0)
        if (first == 0) {
            first = len;
            out += len, size -= len;
        }
    return first;
}

/* One handshake datagram of f; the answer, which is of that type. */
static struct nrp_frame ask(struct rig *r, const struct nrp_address *from,
                            const struct nrp_frame *f, unsigned type)
{
    static uint8_t bytes[NRP_DATAGRAM_MAX], out[4000];
    struct nrp_datagram head = {.flags = NRP_DATAGRAM_HANDSHAKE};
    struct nrp_frame answer;
    size_t size;
    memset(bytes, 0, sizeof bytes);
    nrp_datagram_write(&head, bytes);
    (void)nrp_frame_write(f, bytes + NRP_DATAGRAM_HEADER);
    hub_datagram_input(r->hub, r->now, from, bytes, sizeof bytes);
    size_t len = drain(r, out, sizeof out);
    PROMISE(len > NRP_DATAGRAM_HEADER &&
            nrp_frame_read(out + NRP_DATAGRAM_HEADER, len - NRP_DATAGRAM_HEADER, 4096, &answer,
                           &size, NULL) == NRP_TAKEN);
    PROMISE(answer.type == type);
    return answer;
}

static void fuzz_session(struct rig *r, const uint8_t *data, size_t size)
{
    struct nrp_address from = {.family = 4, .port = 2};
    struct nrp_frame hello = {.type = NRP_HELLO,
                              .hello = {.version_min = 1, .version_max = 1, .role = 3}};
    struct nrp_frame answer = ask(r, &from, &hello, NRP_CHALLENGE);
    struct nrp_frame auth = {.type = NRP_AUTH,
                             .auth = {.hello = hello.hello, .challenge = answer.challenge}};
    struct nrp_datagram head = {.session_id = ask(r, &from, &auth, NRP_WELCOME).welcome.session_id};
    uint8_t out[4000], *bytes;
    for (size_t len; (bytes = piece(&data, &size, &len)); head.packet_number++) {
        uint8_t *whole = malloc(NRP_DATAGRAM_HEADER + len);
        PROMISE(whole);
        nrp_datagram_write(&head, whole);
        memcpy(whole + NRP_DATAGRAM_HEADER, bytes, len);
        hub_datagram_input(r->hub, r->now, &from, whole, NRP_DATAGRAM_HEADER + len);
        free(whole);
        free(bytes);
        turn(r);
        (void)drain(r, out, sizeof out);
        PROMISE(hub_deadline(r->hub) > r->now);
        r->now += 700000;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const modes[])(struct rig *, const uint8_t *,
                                 size_t) = {fuzz_stream, fuzz_datagrams, fuzz_session};
    struct rig r;
    if (size == 0) return 0;
    open_rig(&r);
    modes[data[0] % 3](&r, data + 1, size - 1);
    close_rig(&r);
    return 0;
}
