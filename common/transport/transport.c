#include "common/transport/transport.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "common/nrp/key.h"
#include "common/transport/carrier.h"

/* A new carrier is one new .c file and one line here. */
static const struct transport_ops *const carriers[] = {
    &transport_mqtt_ops,
    &transport_nrp_ops,
    &transport_nrp_udp_ops,
    &transport_nrp_unix_ops,
};

/* Schemes that are part of the design and not of this build: a name to recognise, so that the
 * message can say "not yet" in place of "what is that". */
static const struct {
    const char *scheme;
    int default_port;
} planned[] = {
    {"mqtts", 8883},
};

#define COUNT(array)   (sizeof(array) / sizeof *(array))
#define DEFAULT_SCHEME "mqtt"
#define PATH_SCHEME    "nrp+unix" /* names a file where the others name a host */

/* --- schemes ----------------------------------------------------------------------------- */

static const struct transport_ops *carrier_of(const char *scheme)
{
    for (size_t i = 0; i < COUNT(carriers); i++)
        if (strcmp(carriers[i]->scheme, scheme) == 0) return carriers[i];
    return NULL;
}

static bool scheme_port(const char *scheme, int *port)
{
    const struct transport_ops *ops = carrier_of(scheme);
    if (ops) {
        *port = ops->default_port;
        return true;
    }
    for (size_t i = 0; i < COUNT(planned); i++) {
        if (strcmp(planned[i].scheme, scheme) != 0) continue;
        *port = planned[i].default_port;
        return true;
    }
    return false;
}

static bool unknown_scheme(const char *scheme, int len, struct news_error *err)
{
    char known[128];
    size_t used = 0;
    for (size_t i = 0; i < COUNT(carriers) + COUNT(planned); i++) {
        const char *name = i < COUNT(carriers) ? carriers[i]->scheme
                                               : planned[i - COUNT(carriers)].scheme;
        int n = snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", name);
        if (n > 0 && (size_t)n < sizeof known - used) used += (size_t)n;
    }
    return news_fail(err, NEWS_ERR_USAGE, "unknown scheme \"%.*s\": known are %s",
                     len > 40 ? 40 : len, scheme, known);
}

bool carrier_exists(const struct transport_url *url, struct news_error *err)
{
    if (carrier_of(url->scheme)) return true;
    return news_fail(err, NEWS_ERR_UNSUPPORTED, "%s: this build does not have %s yet", url->text,
                     url->scheme);
}

/* --- URLs -------------------------------------------------------------------------------- */

/* A run of the text being parsed: nothing is copied before it is known to be good. */
struct span {
    const char *at;
    size_t len;
};

static bool cut_scheme(struct span *rest, struct transport_url *url, struct news_error *err)
{
    const char *mark = memmem(rest->at, rest->len, "://", 3);
    const char *scheme = mark ? rest->at : DEFAULT_SCHEME;
    size_t len = mark ? (size_t)(mark - rest->at) : strlen(DEFAULT_SCHEME);
    if (len >= sizeof url->scheme) return unknown_scheme(scheme, (int)len, err);
    for (size_t i = 0; i < len; i++) { /* RFC 3986 section 3.1: case does not matter */
        char c = scheme[i];
        url->scheme[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    url->scheme[len] = '\0';
    if (!scheme_port(url->scheme, &url->port)) return unknown_scheme(scheme, (int)len, err);
    if (mark) {
        rest->at += len + 3;
        rest->len -= len + 3;
    }
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* Undoes %XX; out gets a NUL. what names the part in messages. The part itself is not quoted: a
 * mistyped password may be in it. */
static bool percent_decode(struct span in, char *out, size_t size, const char *what,
                           struct news_error *err)
{
    size_t used = 0;
    for (size_t i = 0; i < in.len; i++) {
        int byte = (unsigned char)in.at[i];
        if (byte == '%') {
            int high = in.len - i > 2 ? hex_digit(in.at[i + 1]) : -1;
            int low = in.len - i > 2 ? hex_digit(in.at[i + 2]) : -1;
            if (high < 0 || low < 0)
                return news_fail(err, NEWS_ERR_USAGE,
                                 "the %s of a URL has a '%%' without two hex digits", what);
            byte = high * 16 + low;
            i += 2;
        }
        if (byte < 0x20 || byte == 0x7f)
            return news_fail(err, NEWS_ERR_USAGE, "the %s of a URL has a control character", what);
        if (used + 1 >= size)
            return news_fail(err, NEWS_ERR_USAGE, "the %s of a URL has at most %zu bytes", what,
                             size - 1);
        out[used++] = (char)byte;
    }
    out[used] = '\0';
    return true;
}

static bool cut_user(struct span *rest, struct transport_url *url, struct news_error *err)
{
    const char *at = memrchr(rest->at, '@', rest->len);
    if (!at) return true;
    struct span user = {rest->at, (size_t)(at - rest->at)};
    if (memchr(user.at, ':', user.len))
        return news_fail(err, NEWS_ERR_USAGE,
                         "a URL with a password is refused, command lines are public: "
                         "give it in a file (--password-file)");
    rest->len -= user.len + 1;
    rest->at += user.len + 1;
    return percent_decode(user, url->user, sizeof url->user, "user name", err);
}

static bool bad_address(const struct transport_url *url, const char *why, struct news_error *err)
{
    return news_fail(err, NEWS_ERR_USAGE, "%s: %s", url->text, why);
}

/* "[v6]" or a name; what follows it (":port") stays in rest. */
static bool cut_host(struct span *rest, struct transport_url *url, struct news_error *err)
{
    bool bracketed = rest->len > 0 && *rest->at == '[';
    struct span host = *rest;
    if (bracketed) {
        const char *end = memchr(rest->at, ']', rest->len);
        if (!end) return bad_address(url, "'[' without ']'", err);
        host = (struct span){rest->at + 1, (size_t)(end - rest->at) - 1};
        rest->len -= host.len + 2;
        rest->at += host.len + 2;
    } else {
        const char *colon = memchr(rest->at, ':', rest->len);
        if (colon) host.len = (size_t)(colon - rest->at);
        rest->at += host.len;
        rest->len -= host.len;
    }
    if (!percent_decode(host, url->host, sizeof url->host, "host", err)) return false;
    if (!bracketed) return true;

    char address[sizeof url->host];
    strcpy(address, url->host);
    address[strcspn(address, "%")] = '\0'; /* RFC 6874: %25eth0, the zone */
    struct in6_addr binary;
    if (inet_pton(AF_INET6, address, &binary) == 1) return true;
    return bad_address(url, "not an IPv6 address between the brackets", err);
}

static bool host_is_sane(const struct transport_url *url, struct news_error *err)
{
    if (!*url->host) return bad_address(url, "no host", err);
    if (strchr(url->host, ':')) return true; /* IPv6, checked already */
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789.-_";
    if (url->host[strspn(url->host, allowed)] == '\0') return true;
    return bad_address(url, "not a host name", err);
}

static bool take_port(struct span rest, struct transport_url *url, struct news_error *err)
{
    if (rest.len == 0) return true;
    if (*rest.at != ':') return bad_address(url, "only a port may follow the host", err);
    long port = 0;
    for (size_t i = 1; i < rest.len; i++) {
        char c = rest.at[i];
        if (c == ':') return bad_address(url, "an IPv6 address needs brackets: [::1]:1883", err);
        if (c < '0' || c > '9' || port > 65535)
            return bad_address(url, "the port is a number from 1 to 65535", err);
        port = port * 10 + (c - '0');
    }
    if (port < 1 || port > 65535)
        return bad_address(url, "the port is a number from 1 to 65535", err);
    url->port = (int)port;
    return true;
}

static bool take_authority(struct span rest, struct transport_url *url, struct news_error *err)
{
    if (rest.len > 0 && rest.at[rest.len - 1] == '/') rest.len--; /* "mqtt://host/" */
    return cut_host(&rest, url, err) && host_is_sane(url, err) && take_port(rest, url, err);
}

static bool take_path(struct span rest, struct transport_url *url, struct news_error *err)
{
    if (rest.len == 0 || *rest.at != '/')
        return bad_address(url, "a path is needed: " PATH_SCHEME ":///run/news.sock", err);
    return percent_decode(rest, url->path, sizeof url->path, "path", err);
}

bool transport_url_parse(const char *text, struct transport_url *url, struct news_error *err)
{
    struct transport_url parsed = {0};
    struct span rest = {text, strlen(text)};
    if (rest.len >= sizeof parsed.text)
        return news_fail(err, NEWS_ERR_USAGE, "a URL has at most %zu bytes",
                         sizeof parsed.text - 1);
    if (!cut_scheme(&rest, &parsed, err)) return false;
    bool by_path = strcmp(parsed.scheme, PATH_SCHEME) == 0;
    if (!by_path && !cut_user(&rest, &parsed, err)) return false;
    memcpy(parsed.text, text, strlen(text) + 1); /* from here on messages may quote it */
    if (!(by_path ? take_path : take_authority)(rest, &parsed, err)) return false;
    *url = parsed;
    return true;
}

/* --- options ----------------------------------------------------------------------------- */

void carrier_make_id(char out[CARRIER_ID_SIZE])
{
    uint64_t random = 0;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        abort(); /* Linux: cannot happen below 256 bytes once the pool is up, and it blocks before
                  */
    snprintf(out, CARRIER_ID_SIZE, "newswire-%016llx", (unsigned long long)random);
}

static bool copy_text(const char **text)
{
    if (!*text) return true;
    *text = strdup(*text);
    return *text != NULL;
}

/* Id and secret: what a key allows is the server's business. */
static bool copy_key(const struct nrp_key **key)
{
    const struct nrp_key *from = *key;
    if (!from) return true;
    struct nrp_key *copy = calloc(1, sizeof *copy);
    *key = copy;
    if (!copy) return false;
    copy->id = from->id;
    memcpy(copy->secret, from->secret, sizeof copy->secret);
    return true;
}

/* One block: the message, then its topic, then its payload. */
static bool copy_will(const struct message **will)
{
    const struct message *from = *will;
    if (!from) return true;
    size_t topic_size = strlen(from->topic) + 1;
    struct message *copy = malloc(sizeof *copy + topic_size + from->payload_len);
    *will = copy;
    if (!copy) return false;
    char *topic = (char *)(copy + 1);
    memcpy(topic, from->topic, topic_size);
    if (from->payload_len) memcpy(topic + topic_size, from->payload, from->payload_len);
    *copy = *from;
    copy->topic = topic;
    copy->payload = topic + topic_size;
    return true;
}

static void set_defaults(struct transport_options *o)
{
    if (!o->keepalive_s) o->keepalive_s = 30;
    if (!o->connect_timeout_ms) o->connect_timeout_ms = 10000;
    if (!o->window) o->window = 200;
    if (!o->packet_max) o->packet_max = 1 << 20;
}

bool carrier_options_copy(struct transport_options *copy, const struct transport_options *from,
                          struct news_error *err)
{
    *copy = from ? *from : (struct transport_options){0};
    set_defaults(copy);
    /* No short cut: after each of these the field is ours or NULL, so that _free() can follow. */
    bool ok = copy_text(&copy->client_id);
    ok &= copy_text(&copy->username);
    ok &= copy_text(&copy->password);
    ok &= copy_key(&copy->key);
    ok &= copy_will(&copy->will);
    if (ok) return true;
    carrier_options_free(copy);
    return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
}

/* The fields point to const for the sake of callers; what a copy holds came from malloc(). */
static void free_const(const void *memory)
{
    free((void *)(uintptr_t)memory);
}

void carrier_options_free(struct transport_options *copy)
{
    if (copy->password) explicit_bzero((char *)(uintptr_t)copy->password, strlen(copy->password));
    if (copy->key) explicit_bzero((void *)(uintptr_t)copy->key, sizeof *copy->key);
    free_const(copy->key);
    free_const(copy->password);
    free_const(copy->client_id);
    free_const(copy->username);
    free_const(copy->will);
    *copy = (struct transport_options){0};
}

/* --- what programs call ------------------------------------------------------------------ */

static void ignore_state(void *user, enum transport_state state, const struct news_error *why)
{
    (void)user, (void)state, (void)why;
}

static void ignore_message(void *user, const struct message *m)
{
    (void)user, (void)m;
}

static bool accept_batch(void *user)
{
    (void)user;
    return true;
}

static void ignore_published(void *user, uint64_t token, const struct news_error *refused)
{
    (void)user, (void)token, (void)refused;
}

static void ignore_subscribed(void *user, const char *filter, const struct news_error *refused)
{
    (void)user, (void)filter, (void)refused;
}

static void ignore_lost(void *user, uint64_t count)
{
    (void)user, (void)count;
}

struct transport *transport_open(const struct transport_url *url,
                                 const struct transport_options *options,
                                 const struct transport_events *events, struct news_error *err)
{
    if (!carrier_exists(url, err)) return NULL;
    /* Carriers call without asking: what nobody wants to hear goes to a function as well. */
    struct transport_events full = *events;
    if (!full.on_state) full.on_state = ignore_state;
    if (!full.on_message) full.on_message = ignore_message;
    if (!full.on_batch) full.on_batch = accept_batch;
    if (!full.on_published) full.on_published = ignore_published;
    if (!full.on_subscribed) full.on_subscribed = ignore_subscribed;
    if (!full.on_lost) full.on_lost = ignore_lost;
    return carrier_of(url->scheme)->open(url, options, &full, err);
}

bool transport_subscribe(struct transport *t, const char *filter, int qos, struct news_error *err)
{
    return t->ops->subscribe(t, filter, qos, err);
}

enum transport_answer transport_publish(struct transport *t, const struct message *m,
                                        uint64_t token, struct news_error *err)
{
    return t->ops->publish(t, m, token, err);
}

size_t transport_payload_max(const struct transport *t, const char *topic, int qos)
{
    return t->ops->payload_max(t, topic, qos);
}

bool transport_admit(const struct transport *t, const struct message *m, struct news_error *err)
{
    return t->ops->admit(t, m, err);
}

void transport_set_reading(struct transport *t, bool on)
{
    t->ops->set_reading(t, on);
}

struct transport_wait transport_wait(const struct transport *t)
{
    return t->ops->wait(t);
}

void transport_service(struct transport *t, short revents)
{
    t->ops->service(t, revents);
}

void transport_close(struct transport *t)
{
    t->ops->close(t);
}

void transport_destroy(struct transport *t)
{
    if (t) t->ops->destroy(t);
}
