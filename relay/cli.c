#include "relay/cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/topic.h"
#include "relay/multicast.h"

static void usage(FILE *out)
{
    fputs("Usage: newsrelay [options]\n"
          "       newsrelay keygen [--id N] [--publish FILTER]... [--subscribe FILTER]...\n"
          "\n"
          "Relays news between publishers and subscribers over Newswire's native transport, NRP:\n"
          "TCP, UDP and UNIX sockets. What was published is kept in memory, bounded, so that a\n"
          "subscriber that comes back soon gets what it missed.\n"
          "\n"
          "Without keys anybody may publish and subscribe: then only this machine is served,\n"
          "unless --insecure is given. keygen prints a new line for a key file.\n"
          "\n"
          "SIGHUP reads the keys again, SIGUSR1 prints what was counted, SIGTERM ends.\n",
          out);
}

#define RUN       .commands = NEWSRELAY_RUN
#define KEYGEN    .commands = NEWSRELAY_KEYGEN
#define AT(field) .at = offsetof(struct settings, field)

/* clang-format off: a table reads best with a row for each option. */
static const struct option options[] = {
    {.help = "Where and for whom", RUN},
    {.name = "listen",
     .letter = 'l',
     .type = OPTION_LIST,
     .argument = "URL",
     RUN,
     AT(listen),
     .help = "nrp://[HOST][:7788], nrp+udp://[HOST][:7788] or nrp+unix:///PATH; no HOST: every "
             "address; port 0: any. May be repeated (default nrp://localhost and "
             "nrp+udp://localhost)"},
    {.name = "unix-mode",
     .type = OPTION_TEXT,
     .argument = "MODE",
     .fallback = "0600",
     RUN,
     AT(unix_mode),
     .help = "who may use UNIX sockets, as chmod has it"},
    {.name = "keys",
     .letter = 'k',
     .type = OPTION_TEXT,
     .argument = "FILE",
     RUN,
     AT(keys),
     .help = "the clients' keys, a line each; only its owner may read it. keygen makes lines"},
    {.name = "require",
     .type = OPTION_TEXT,
     .argument = "LEVEL",
     RUN,
     AT(require),
     .help = "what a client has to bring at least: open (nothing), auth (a key), sealed (a key, "
             "and encryption). Default: auth with --keys, else open"},
    {.name = "insecure",
     .type = OPTION_FLAG,
     RUN,
     AT(insecure),
     .help = "serve other machines without keys, too: whoever reaches the relay may publish"},

    {.help = "Limits", RUN},
    {.name = "reactors",
     .type = OPTION_NUMBER,
     .argument = "N",
     .fallback = "1",
     .least = 1,
     .most = 64,
     RUN,
     AT(reactors),
     .help = "threads that serve connections"},
    {.name = "max-item",
     .type = OPTION_SIZE,
     .argument = "SIZE",
     .fallback = "1M",
     RUN,
     AT(item_max),
     .help = "topic and payload of one item"},
    {.name = "sessions",
     .type = OPTION_NUMBER,
     .argument = "N",
     .fallback = "4096",
     .least = 1,
     .most = 1000000,
     RUN,
     AT(sessions),
     .help = "clients at a time"},
    {.name = "per-address",
     .type = OPTION_NUMBER,
     .argument = "N",
     .fallback = "64",
     .least = 1,
     .most = 1000000,
     RUN,
     AT(per_address),
     .help = "of them from one address of another machine"},
    {.name = "subscriptions",
     .type = OPTION_NUMBER,
     .argument = "N",
     .fallback = "64",
     .least = 1,
     .most = 100000,
     RUN,
     AT(subscriptions),
     .help = "of one client"},
    {.name = "handshakes",
     .type = OPTION_NUMBER,
     .argument = "N",
     .fallback = "100",
     .least = 1,
     .most = 1000000,
     RUN,
     AT(handshakes),
     .help = "attempts a second from one address"},
    {.name = "handshakes-all",
     .type = OPTION_NUMBER,
     .argument = "N",
     .fallback = "2000",
     .least = 1,
     .most = 10000000,
     RUN,
     AT(handshakes_all),
     .help = "and from everywhere together"},
    {.name = "publish-rate",
     .type = OPTION_NUMBER,
     .argument = "N",
     .fallback = "0",
     .most = 100000000,
     RUN,
     AT(publish_rate),
     .help = "items a second of one key, or of one address without keys; 0: no limit"},

    {.help = "Slow subscribers", RUN},
    {.name = "queue",
     .type = OPTION_NUMBER,
     .argument = "N",
     .fallback = "1024",
     .least = 1,
     .most = 1000000,
     RUN,
     AT(queue_items),
     .help = "items that wait for one subscriber"},
    {.name = "queue-bytes",
     .type = OPTION_SIZE,
     .argument = "SIZE",
     .fallback = "1M",
     RUN,
     AT(queue_bytes),
     .help = "and their size"},
    {.name = "slow",
     .type = OPTION_TEXT,
     .argument = "POLICY",
     .fallback = "drop-oldest",
     RUN,
     AT(slow_qos0),
     .help = "when a queue is full at QoS 0: drop-oldest, drop-newest, disconnect, or block, "
             "which holds all publishers back and wants --reactors 1"},
    {.name = "slow-qos1",
     .type = OPTION_TEXT,
     .argument = "POLICY",
     .fallback = "disconnect",
     RUN,
     AT(slow_qos1),
     .help = "drop-oldest, drop-newest or disconnect at QoS 1, when what is missing has left the "
             "log, too"},

    {.help = "Memory", RUN},
    {.name = "log-items",
     .type = OPTION_NUMBER,
     .argument = "N",
     .fallback = "10000",
     .least = 1,
     .most = 100000000,
     RUN,
     AT(log_items),
     .help = "items kept for those who come back"},
    {.name = "log-bytes",
     .type = OPTION_SIZE,
     .argument = "SIZE",
     .fallback = "32M",
     RUN,
     AT(log_bytes),
     .help = "and their size"},
    {.name = "retained",
     .type = OPTION_NUMBER,
     .argument = "N",
     .fallback = "10000",
     .most = 10000000,
     RUN,
     AT(retained),
     .help = "topics whose last retained item is kept"},
    {.name = "retained-bytes",
     .type = OPTION_SIZE,
     .argument = "SIZE",
     .fallback = "32M",
     RUN,
     AT(retained_bytes),
     .help = "and their size"},

    {.help = "UDP", RUN},
    {.name = "udp-rate",
     .type = OPTION_SIZE,
     .argument = "SIZE",
     .fallback = "2M",
     RUN,
     AT(udp_rate),
     .help = "bytes a second to one client at most; 0: no limit at all"},
    {.name = "udp-window",
     .type = OPTION_NUMBER,
     .argument = "N",
     .fallback = "1024",
     .least = 64,
     .most = 32768,
     RUN,
     AT(udp_window),
     .help = "frames that can be in flight, and be sent again; a power of two"},
    {.name = "udp-lease",
     .type = OPTION_TIME,
     .argument = "TIME",
     .fallback = "30s",
     RUN,
     AT(udp_lease_ms),
     .help = "a client that was silent for so long is gone"},

    {.name = "multicast",
     .type = OPTION_TEXT,
     .argument = "GROUP[:PORT]",
     RUN,
     AT(multicast),
     .help = "send items once for all clients on this machine or network that ask for it (newssub "
             "--multicast): to this IPv4 group, such as 239.77.0.1, port 7789. It goes no further. "
             "Wants --reactors 1"},
    {.name = "multicast-filter",
     .type = OPTION_TEXT,
     .argument = "FILTER",
     .fallback = "news/#",
     RUN,
     AT(multicast_filter),
     .help = "what goes there"},
    {.name = "multicast-interface",
     .type = OPTION_TEXT,
     .argument = "ADDRESS",
     RUN,
     AT(multicast_interface),
     .help = "the interface it leaves by, as one of its IPv4 addresses (default: that of the "
             "nrp+udp listener, or the route's)"},

    {.help = "Status", RUN},
    {.name = "name",
     .type = OPTION_TEXT,
     .argument = "NAME",
     RUN,
     AT(name),
     .help = "of the topic newswire/relay/NAME (default: the host's)"},
    {.name = "status-every",
     .type = OPTION_TIME,
     .argument = "TIME",
     .fallback = "10s",
     RUN,
     AT(status_ms),
     .help = "how often it is published there if anything happened; 0: never"},

    {.help = "keygen", KEYGEN},
    {.name = "id",
     .type = OPTION_NUMBER,
     .argument = "N",
     .fallback = "1",
     .least = 1,
     .most = 4294967295,
     KEYGEN,
     AT(id),
     .help = "the key's number in its file"},
    {.name = "publish",
     .type = OPTION_LIST,
     .argument = "FILTER",
     KEYGEN,
     AT(publish),
     .help = "it may publish to these topics"},
    {.name = "subscribe",
     .type = OPTION_LIST,
     .argument = "FILTER",
     KEYGEN,
     AT(subscribe),
     .help = "it may subscribe to these"},

    {.help = "General"},
    {.name = "config",
     .letter = 'c',
     .type = OPTION_TEXT,
     .argument = "FILE",
     AT(config),
     .help = "settings as \"name = value\" lines"},
    {.name = "verbose",
     .letter = 'v',
     .type = OPTION_FLAG,
     AT(verbose),
     .help = "say what happens, on standard error"},
    {.name = "version", .letter = 'V', .type = OPTION_ACTION, .help = "print the version"},
    {.name = "help", .letter = 'h', .type = OPTION_ACTION, .help = "print this text"},
    {0},
};
/* clang-format on */

const struct program newsrelay = {.name = "newsrelay", .options = options, .usage = usage};

/* --- what they mean ---------------------------------------------------------------------- */

static bool one_of(const char *option, const char *value, const char *const *words, int *index,
                   struct news_error *err)
{
    char known[128] = "";
    for (int i = 0; words[i]; i++) {
        if (strcmp(words[i], value) == 0) return *index = i, true;
        size_t used = strlen(known);
        (void)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", words[i]);
    }
    return news_fail(err, NEWS_ERR_USAGE, "--%s: \"%.40s\" is none of %s", option, value, known);
}

static bool read_policies(const struct settings *s, struct hub_config *h, struct news_error *err)
{
    static const char *const words[] = {[SLOW_DROP_OLDEST] = "drop-oldest",
                                        [SLOW_DROP_NEWEST] = "drop-newest",
                                        [SLOW_DISCONNECT] = "disconnect",
                                        [SLOW_BLOCK] = "block",
                                        NULL};
    /* At QoS 1 the log is what waits: there is nothing to block for. */
    static const char *const words_qos1[] = {[SLOW_DROP_OLDEST] = "drop-oldest",
                                             [SLOW_DROP_NEWEST] = "drop-newest",
                                             [SLOW_DISCONNECT] = "disconnect",
                                             NULL};
    int qos0, qos1;
    if (!one_of("slow", s->slow_qos0, words, &qos0, err) ||
        !one_of("slow-qos1", s->slow_qos1, words_qos1, &qos1, err))
        return false;
    h->queue_qos0.policy = (enum slow_policy)qos0;
    h->queue_qos1.policy = (enum slow_policy)qos1;
    /* A reactor holds its own publishers back; the others' would go on, and items be lost. */
    if (qos0 != SLOW_BLOCK || s->reactors == 1) return true;
    return news_fail(err, NEWS_ERR_USAGE,
                     "--slow block works with --reactors 1 alone: a reactor cannot hold back the "
                     "publishers of another");
}

static bool read_security(const struct settings *s, struct server_config *c, struct news_error *err)
{
    static const char *const words[] = {
        [NRP_OPEN] = "open", [NRP_AUTHENTICATED] = "auth", [NRP_SEALED] = "sealed", NULL};
    int index = s->keys ? NRP_AUTHENTICATED : NRP_OPEN;
    if (s->require && !one_of("require", s->require, words, &index, err)) return false;
    if (index != NRP_OPEN && !s->keys)
        return news_fail(err, NEWS_ERR_USAGE,
                         "--require %s needs --keys FILE: without keys nobody could come in",
                         s->require);
    c->security_least = (enum nrp_security)index;
    c->hub.security_least = c->security_least;
    c->local_only = index == NRP_OPEN && !s->insecure;
    return true;
}

static bool read_listen(const struct settings *s, struct server_config *c, struct news_error *err)
{
    static const char *const usual[] = {"nrp://localhost", "nrp+udp://localhost"};
    const char *const *urls = s->listen.count ? s->listen.items : usual;
    c->listen_count = s->listen.count ? s->listen.count : sizeof usual / sizeof *usual;
    for (size_t i = 0; i < c->listen_count; i++)
        if (!listen_url_parse(urls[i], &c->listen[i], err)) return false;
    return true;
}

static bool read_mode(const char *text, mode_t *mode, struct news_error *err)
{
    size_t digits = strspn(text, "01234567");
    unsigned long value = strtoul(text, NULL, 8);
    if (digits == 0 || text[digits] || digits > 4 || value > 0777)
        return news_fail(err, NEWS_ERR_USAGE, "--unix-mode: \"%.40s\" is not a mode such as 0660",
                         text);
    *mode = (mode_t)value;
    return true;
}

static bool sizes_ok(const struct settings *s, struct news_error *err)
{
    const struct {
        const char *name;
        long long value, least, most;
    } sizes[] = {
        {"max-item", s->item_max, 1024, 16 << 20},
        {"queue-bytes", s->queue_bytes, 1024, 1LL << 40},
        {"log-bytes", s->log_bytes, 1024, 1LL << 40},
        {"retained-bytes", s->retained_bytes, 0, 1LL << 40},
        {"udp-rate", s->udp_rate, 0, 1LL << 40},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i].value < sizes[i].least || sizes[i].value > sizes[i].most)
            return news_fail(err, NEWS_ERR_USAGE, "--%s: a size from %lld to %lld bytes",
                             sizes[i].name, sizes[i].least, sizes[i].most);
    if (s->udp_lease_ms < 1000 || s->udp_lease_ms > 3600000)
        return news_fail(err, NEWS_ERR_USAGE, "--udp-lease: from 1s to 1h");
    if (s->udp_window & (s->udp_window - 1))
        return news_fail(err, NEWS_ERR_USAGE, "--udp-window: %lld is not a power of two",
                         s->udp_window);
    return true;
}

static void fill_hub(const struct settings *s, struct hub_config *h)
{
    h->item_max = (size_t)s->item_max;
    h->subscriptions_max = (unsigned)s->subscriptions;
    h->queue_qos0.items_max = h->queue_qos1.items_max = (unsigned)s->queue_items;
    h->queue_qos0.bytes_max = h->queue_qos1.bytes_max = (size_t)s->queue_bytes;
    h->sender = sender_defaults;
    h->sender.window = (unsigned)s->udp_window;
    h->lease_us = s->udp_lease_ms * 1000;
    h->sender.rate_cap = s->udp_rate;
    if (s->udp_rate == 0) return;
    if (h->sender.rate_start > s->udp_rate) h->sender.rate_start = s->udp_rate;
    if (h->sender.rate_floor > s->udp_rate) h->sender.rate_floor = s->udp_rate;
}

static void fill_limits(const struct settings *s, struct server_config *c)
{
    unsigned sessions = (unsigned)s->sessions;
    c->guard = (struct guard_limits){
        .sessions_max = sessions,
        .per_address_max = (unsigned)s->per_address,
        .handshakes_per_s = (unsigned)s->handshakes,
        .handshakes_per_s_all = (unsigned)s->handshakes_all,
        .publish_per_s = (unsigned)s->publish_rate,
    };
    c->log = (struct log_config){
        .items_max = (size_t)s->log_items,
        .bytes_max = (size_t)s->log_bytes,
        .retained_max = (size_t)s->retained,
        .retained_bytes_max = (size_t)s->retained_bytes,
        .publishers_max = sessions < 1024 ? 4096 : 4 * (size_t)sessions, /* and those of late */
        .followers = (unsigned)s->reactors,
    };
}

/* A host's name may say what it is for; its domain is nobody's business. */
static void choose_name(const struct settings *s, char out[TOPIC_SLUG_MAX + 1])
{
    char host[256] = "";
    if (!s->name && gethostname(host, sizeof host - 1) == 0) host[strcspn(host, ".")] = '\0';
    const char *name = s->name ? s->name : host;
    topic_slug(name, strlen(name), out);
    if (!*out) topic_slug("relay", strlen("relay"), out);
}

/* --- multicast --------------------------------------------------------------------------- */

static bool has_udp(const struct server_config *c)
{
    for (size_t i = 0; i < c->listen_count; i++)
        if (c->listen[i].kind == LISTEN_UDP) return true;
    return false;
}

static bool read_multicast(const struct settings *s, struct server_config *c,
                           struct news_error *err)
{
    struct group_config *g = &c->hub.group;
    if (!s->multicast && s->multicast_interface)
        return news_fail(err, NEWS_ERR_USAGE, "--multicast-interface goes with --multicast");
    if (!s->multicast) return true;
    if (!multicast_group_parse(s->multicast, &g->address, err)) return false;
    if (!topic_filter_ok(s->multicast_filter, NULL) || *s->multicast_filter == '$')
        return news_fail(err, NEWS_ERR_USAGE, "--multicast-filter: \"%.40s\" is not a topic filter",
                         s->multicast_filter);
    if (s->multicast_interface && !multicast_interface_parse(s->multicast_interface, c->local_only,
                                                             c->multicast_interface, err))
        return false;
    if (s->reactors > 1)
        return news_fail(err, NEWS_ERR_USAGE,
                         "--multicast works with --reactors 1 alone: the others would send the "
                         "same once more");
    if (!has_udp(c))
        return news_fail(err, NEWS_ERR_USAGE,
                         "--multicast needs an nrp+udp:// listener: who is there joins by it");
    g->on = true;
    g->filter = s->multicast_filter;
    g->sealed = s->keys != NULL;
    return true;
}

bool settings_config(const struct settings *s, struct server_config *c, struct news_error *err)
{
    *c = (struct server_config){.keys = s->keys,
                                .reactors = (unsigned)s->reactors,
                                .status_us = s->status_ms * 1000,
                                .hub = hub_defaults};
    fill_hub(s, &c->hub);
    fill_limits(s, c);
    choose_name(s, c->name);
    return sizes_ok(s, err) && read_policies(s, &c->hub, err) &&
           read_mode(s->unix_mode, &c->unix_mode, err) && read_security(s, c, err) &&
           read_listen(s, c, err) && read_multicast(s, c, err);
}
