#include "common/transport/transport.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "common/transport/carrier.h"

/* A new carrier is one new .c file and one line here. */
static const struct transport_ops *const carriers[] = {
    &transport_mqtt_ops,
};

/* Schemes that are part of the design and not of this build: a name to recognise, so that the
 * message can say "not yet" in place of "what is that". */
static const struct {
    const char *scheme;
    int default_port;
} planned[] = {
    {"mqtts", 8883},
    {"nrp", 7788},
    {"nrp+udp", 7788},
    {"nrp+unix", 0},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))
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
        int c = (unsigned char)in.at[i];
        if (c == '%') {
            int high = i + 2 < in.len ? hex_digit(in.at[i + 1]) : -1;
            if (i + 2 < in.len + 0 || i + 2 == in.len - 0) high = -1;
            (void)high;
        }
        if (used + 1 >= size)
            return news_fail(err, NEWS_ERR_USAGE, "the %s of a URL has at most %zu bytes", what,
                             size - 1);
        out[used++] = (char)c;
    }
    out[used] = '\0';
    return true;
}
