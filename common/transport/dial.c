#include "common/transport/dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/nrp/key.h"

static bool read_first_line(const char *path, char *out, size_t size, struct news_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0) {
        news_fail(err, NEWS_ERR_CONFIG, "%s: %s", path, strerror(errno));
        if (fd >= 0) (void)close(fd);
        return false;
    }
    ssize_t n = read(fd, out, size - 1);
    int why = errno;
    (void)close(fd);
    if (n < 0) return news_fail(err, NEWS_ERR_CONFIG, "%s: %s", path, strerror(why));
    if (S_ISREG(info.st_mode) && (info.st_mode & 077) != 0)
        return news_fail(err, NEWS_ERR_CONFIG,
                         "%s: others may read this password file; run: chmod 600 %s", path, path);
    out[n] = '\0';
    if ((size_t)n == size - 1 && !strchr(out, '\n'))
        return news_fail(err, NEWS_ERR_CONFIG, "%s: the password is too long", path);
    out[strcspn(out, "\r\n")] = '\0';
    if (*out) return true;
    return news_fail(err, NEWS_ERR_CONFIG, "%s: the first line holds no password", path);
}

/* A name that merely starts with "127." is somebody's host. */
static bool is_loopback(const char *host)
{
    struct in_addr v4;
    if (inet_pton(AF_INET, host, &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
    return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0;
}

static size_t broker_count(const struct dial_settings *s)
{
    return s->brokers.count ? s->brokers.count : 1;
}

static const char *broker(const struct dial_settings *s, size_t i)
{
    return s->brokers.count ? s->brokers.items[i] : DIAL_BROKER;
}

const char *dial_first_broker(const struct dial_settings *s)
{
    return broker(s, 0);
}

bool dial_read_password(struct dial_settings *s, struct news_error *err)
{
    bool login = false;
    if (!s->password_file) return true;
    for (size_t i = 0; i < broker_count(s); i++) {
        struct transport_url url;
        if (!transport_url_parse(broker(s, i), &url, err)) return false;
        if (strncmp(url.scheme, "nrp", 3) == 0) continue; /* has keys (--psk-file) */
        if (!*url.user) continue;                         /* no login there, so no password */
        login = true;
        if (strcmp(url.scheme, "mqtt") == 0 && !is_loopback(url.host))
            return news_fail(err, NEWS_ERR_CONFIG,
                             "%s: a password is not sent over an unencrypted connection to "
                             "another machine",
                             url.text);
    }
    if (!login)
        return news_fail(err, NEWS_ERR_USAGE,
                         "--password-file goes with a login in a broker's URL: mqtt://user@host");
    return read_first_line(s->password_file, s->password, sizeof s->password, err);
}

/* *keys stays NULL without --psk-file; else it is the caller's to free. */
static bool read_keys(const struct dial_settings *s, struct nrp_keys **keys, struct news_error *err)
{
    bool relay = false;
    for (size_t i = 0; i < broker_count(s); i++) {
        struct transport_url url;
        if (!transport_url_parse(broker(s, i), &url, err)) return false;
        relay |= strncmp(url.scheme, "nrp", 3) == 0;
    }
    if (s->clear && !s->psk_file)
        return news_fail(err, NEWS_ERR_USAGE, "--clear goes with --psk-file");
    if (!s->psk_file) return true;
    if (!relay)
        return news_fail(err, NEWS_ERR_USAGE, "--psk-file goes with a newsrelay: -b nrp://host");
    *keys = nrp_keys_read(s->psk_file, err);
    return *keys != NULL;
}

static bool has_scheme(const struct dial_settings *s, const char *scheme)
{
    struct transport_url url;
    for (size_t i = 0; i < broker_count(s); i++)
        if (transport_url_parse(broker(s, i), &url, NULL) && strcmp(url.scheme, scheme) == 0)
            return true;
    return false;
}

static bool check(const struct dial_settings *s, struct news_error *err)
{
    if (broker_count(s) > LINK_URLS_MAX)
        return news_fail(err, NEWS_ERR_USAGE, "at most %d brokers", LINK_URLS_MAX);
    if (s->multicast && !has_scheme(s, "nrp+udp"))
        return news_fail(err, NEWS_ERR_USAGE,
                         "--multicast goes with a newsrelay over UDP: -b nrp+udp://host");
    if (s->session && !s->id)
        return news_fail(err, NEWS_ERR_USAGE,
                         "--session needs --id: a session belongs to a client id");
    return true;
}

struct link *dial_open(const struct dial_settings *s, const struct message *will,
                       const struct link_events *events, struct news_error *err)
{
    const char *urls[LINK_URLS_MAX];
    struct nrp_keys *keys = NULL;
    if (!check(s, err) || !read_keys(s, &keys, err)) return NULL;
    for (size_t i = 0; i < broker_count(s); i++)
        urls[i] = broker(s, i);
    struct link_options options = {
        .transport = {.client_id = s->id,
                      .password = *s->password ? s->password : NULL,
                      .window = (unsigned)s->window,
                      .packet_max = DIAL_PACKET_MAX,
                      .keep_session = s->session,
                      .mqtt_version = (int)s->mqtt_version,
                      .key = keys ? nrp_keys_first(keys) : NULL,
                      .clear = s->clear,
                      .multicast = s->multicast,
                      .nagle = s->nagle,
                      .will = will},
        .give_up_ms = s->connect_timeout_ms,
    };
    struct link *l = link_open(urls, broker_count(s), &options, events, err);
    nrp_keys_free(keys); /* the link has its own copy */
    return l;
}
