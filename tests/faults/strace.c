#include "tests/faults/strace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/program.h"

/* Only these calls stop the program (--seccomp-bpf); setpriv binds its life to that of strace. */
#define TRACED    "strace", "-f", "-qq", "--seccomp-bpf"
#define LIFE_LINE "setpriv", "--pdeathsig", "KILL"

const char *strace_missing(void)
{
    struct process *p = NULL;
    int status = process_run(ARGV(TRACED, "-o", "/dev/null", "-e", "trace=none", LIFE_LINE, "true"),
                             NULL, CAST_WAIT, &p);
    process_free(p);
    return status == 0 ? NULL : "strace or setpriv is not installed, or ptrace is not allowed here";
}

static void put_under(struct player *p, const char *const *words)
{
    size_t n = 0;
    for (; words[n]; n++)
        p->under[n] = words[n];
    p->under[n] = NULL;
}

void strace_kill_before(struct player *p, const char *call, unsigned nth)
{
    snprintf(p->words, sizeof p->words, "inject=%s:signal=KILL:when=%u", call, nth);
    put_under(p, ARGV(TRACED, "-o", "/dev/null", "-e", p->words, LIFE_LINE));
}

void strace_record(struct player *p, const char *file)
{
    snprintf(p->words, sizeof p->words, "%s", file);
    put_under(p, ARGV(TRACED, "-o", p->words, "-yxxs", "1000000", "-e",
                      "trace=read,recvfrom,write,sendto,fdatasync,fsync", LIFE_LINE));
}

void strace_off(struct player *p)
{
    p->under[0] = NULL;
}

/* --- reading a record ------------------------------------------------------------------------- */

/* Lines such as: 13830 read(7<\x73...>, "\x32\xf2", 2) = 2 */
struct call {
    char name[16];
    int fd;
    struct buf path, bytes;
    long result;
};

static const char *decode(const char *at, struct buf *out)
{
    unsigned byte;
    buf_clear(out);
    for (; sscanf(at, "\\x%2x", &byte) == 1; at += 4)
        buf_putc(out, (char)byte);
    return at;
}

static bool parse_call(const char *line, struct call *c)
{
    int used = 0;
    const char *result = strrchr(line, '=');
    if (sscanf(line, "%*d %15[a-z](%d<%n", c->name, &c->fd, &used) != 2 || used == 0 || !result)
        return false;
    const char *at = decode(line + used, &c->path);
    buf_clear(&c->bytes);
    if (strncmp(at, ">, \"", 4) == 0) (void)decode(at + 4, &c->bytes);
    c->result = strtol(result + 1, NULL, 10);
    return true;
}

struct observer {
    struct strace_order *order;
    const char *store;
    int broker;         /* the socket's descriptor; -1: not connected */
    struct buf in, out; /* of the connection */
    bool waits[65536];  /* by packet identifier: an item that is not acknowledged */
    unsigned syncs_before[65536];
};

static unsigned two_bytes(const char *at)
{
    return (unsigned)(unsigned char)at[0] << 8 | (unsigned char)at[1];
}

/* An item's PUBLISH (MQTT 5.0 §3.3) or a PUBACK (§3.4), without its fixed header. */
static void see_arrival(struct observer *o, unsigned flags, const char *body, size_t len)
{
    size_t topic_len = two_bytes(body);
    if (!(flags & 6) || len < topic_len + 4 || strncmp(body + 2, "news/", 5) != 0) return;
    unsigned id = two_bytes(body + 2 + topic_len);
    o->waits[id] = true;
    o->syncs_before[id] = o->order->syncs;
}

static void see_acknowledgement(struct observer *o, const char *body)
{
    unsigned id = two_bytes(body);
    if (!o->waits[id]) return;
    o->waits[id] = false;
    o->order->acknowledged++;
    if (o->order->syncs == o->syncs_before[id]) o->order->unproven++;
}

static void see_packets(struct observer *o, struct buf *stream, unsigned type)
{
    for (;;) {
        size_t len = 0, i = 1;
        for (; i < stream->len && i < 5; i++) {
            len |= (size_t)(stream->data[i] & 0x7f) << (7 * (i - 1));
            if (!(stream->data[i] & 0x80)) break;
        }
        if (i >= stream->len || stream->len < i + 1 + len) return;
        unsigned first = (unsigned char)*stream->data;
        if (first >> 4 == type && type == 3) see_arrival(o, first, stream->data + i + 1, len);
        if (first >> 4 == type && type == 4) see_acknowledgement(o, stream->data + i + 1);
        buf_consume(stream, i + 1 + len);
    }
}

static bool is_one_of(const char *name, const char *a, const char *b)
{
    return strcmp(name, a) == 0 || strcmp(name, b) == 0;
}

static void see_call(struct observer *o, const struct call *c)
{
    bool writes = is_one_of(c->name, "write", "sendto");
    if (is_one_of(c->name, "fdatasync", "fsync")) {
        bool of_store = c->result == 0 && c->path.len >= strlen(o->store) &&
                        strncmp(c->path.data, o->store, strlen(o->store)) == 0;
        o->order->syncs += of_store;
        return;
    }
    if (c->result <= 0 || c->bytes.len == 0 || !c->path.len ||
        strncmp(c->path.data, "socket", 6) != 0)
        return;
    if (writes && *c->bytes.data == '\x10') {
        o->broker = c->fd; /* CONNECT */
        buf_clear(&o->in);
        buf_clear(&o->out);
    }
    if (c->fd != o->broker) return;
    buf_put(writes ? &o->out : &o->in, c->bytes.data, (size_t)c->result);
    if (writes) see_packets(o, &o->out, 4);
    else see_packets(o, &o->in, 3);
}

/* A call that another thread interrupts comes in two lines: what stands before "<unfinished ...>",
 * and later, behind "<... write resumed>", the rest. */
struct halves {
    long thread;
    struct buf text;
};
enum { THREADS = 16 };

static struct halves *half_of(struct halves halves[THREADS], long thread)
{
    for (int i = 0; i < THREADS; i++)
        if (halves[i].thread == thread) return &halves[i];
    for (int i = 0; i < THREADS; i++)
        if (halves[i].text.len == 0) {
            halves[i].thread = thread;
            return &halves[i];
        }
    return NULL;
}

/* The whole call, or NULL: not yet. */
static const char *whole_call(struct halves halves[THREADS], const char *line)
{
    const char *cut = strstr(line, " <unfinished ...>"), *rest = strstr(line, " resumed>");
    if (!cut && !rest) return line;
    struct halves *half = half_of(halves, strtol(line, NULL, 10));
    if (!half) return NULL;
    if (cut) {
        buf_clear(&half->text);
        buf_put(&half->text, line, (size_t)(cut - line));
        return NULL;
    }
    if (half->text.len == 0) return NULL;
    buf_puts(&half->text, rest + strlen(" resumed>"));
    half->text.len = 0; /* free for the next; its bytes stay until then */
    return half->text.data;
}

static void see_record(struct observer *o, FILE *record)
{
    struct halves halves[THREADS] = {{0}};
    struct call c = {0};
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, record) > 0) {
        const char *whole = whole_call(halves, line);
        if (whole && parse_call(whole, &c)) see_call(o, &c);
    }
    for (int i = 0; i < THREADS; i++)
        buf_deinit(&halves[i].text);
    buf_deinit(&c.path);
    buf_deinit(&c.bytes);
    free(line);
}

bool strace_read_order(const char *file, const char *store, struct strace_order *out)
{
    struct observer *o = calloc(1, sizeof *o);
    FILE *record = fopen(file, "r");
    *out = (struct strace_order){0};
    bool ok = o && record;
    if (ok) {
        o->order = out;
        o->store = store;
        o->broker = -1;
        see_record(o, record);
        buf_deinit(&o->in);
        buf_deinit(&o->out);
    }
    free(o);
    if (record) fclose(record);
    return ok;
}
