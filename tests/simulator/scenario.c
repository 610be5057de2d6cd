/* What a seed makes of the table below: small windows, small logs and small queues often, so that
 * edges are reached within seconds. */
#include "tests/simulator/scenario.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MS     ((int64_t)1000)
#define SECOND ((int64_t)1000000)
#define BIT(f) (1u << FAULT_##f)

const char *const fault_names[FAULT_COUNT] = {
    "loss",  "burst",     "reorder", "duplicate", "truncate", "flip", "rate",
    "mtu",   "partition", "cut",     "restart",   "freeze",   "hold", "crash",
    "leave", "choice",    "spoof",   "replay",    "group",
};

const char *const scenario_topics[TOPIC_COUNT] = {
    "news/a/sport",          "news/a/politics", "news/b/sport", "news/b/weather",
    "news/a/sport/football", "news/c",          "other/x/y",    "news/b",
};

static const struct {
    unsigned count;
    const char *filters[FILTERS_MAX];
} choices[] = {
    {1, {"news/#"}},
    {1, {"#"}},
    {2, {"news/+/sport", "news/a/#"}},
    {2, {"news/b/+", "news/b"}},
    {3, {"news/#", "news/a/sport", "+/+/sport/#"}},
    {2, {"other/#", "news/+"}},
};

static const struct preset {
    const char *name, *text;
    unsigned faults, weight;
} presets[] = {
    {"clean", "nothing goes wrong", 0, 2},
    {"loss", "datagrams are lost, one by one and in bursts", BIT(LOSS) | BIT(BURST) | BIT(REORDER),
     4},
    {"mess", "datagrams are lost, doubled and change places",
     BIT(LOSS) | BIT(REORDER) | BIT(DUPLICATE) | BIT(RATE), 3},
    {"damage", "bytes are changed, cut off, forged and sent again",
     BIT(LOSS) | BIT(TRUNCATE) | BIT(FLIP) | BIT(SPOOF) | BIT(REPLAY) | BIT(DUPLICATE), 4},
    {"outage", "paths, connections and programs go away",
     BIT(PARTITION) | BIT(CUT) | BIT(RESTART) | BIT(FREEZE) | BIT(CRASH), 4},
    {"slow", "consumers and paths are too slow",
     BIT(HOLD) | BIT(FREEZE) | BIT(RATE) | BIT(LOSS) | BIT(REORDER), 4},
    {"paths", "paths are narrow", BIT(MTU) | BIT(RATE) | BIT(LOSS) | BIT(CUT), 2},
    {"program", "clients come, go and change their minds",
     BIT(LEAVE) | BIT(CRASH) | BIT(CHOICE) | BIT(CUT) | BIT(LOSS), 3},
    {"group", "some hear the group and some do not",
     BIT(LOSS) | BIT(BURST) | BIT(REORDER) | BIT(DUPLICATE) | BIT(TRUNCATE) | BIT(FLIP) |
         BIT(SPOOF) | BIT(REPLAY) | BIT(GROUP) | BIT(HOLD) | BIT(RESTART) | BIT(CRASH),
     6},
    {"all", "everything at once", (1u << FAULT_COUNT) - 1, 6},
};
enum { PRESETS = sizeof presets / sizeof *presets };

static int64_t between(struct chance *c, int64_t least, int64_t most)
{
    return chance_between(c, least, most);
}

static unsigned one_of(struct chance *c, const unsigned *values, unsigned count)
{
    return values[between(c, 0, count - 1)];
}
#define ONE_OF(c, ...)                                                                             \
    one_of(c, (const unsigned[]){__VA_ARGS__},                                                     \
           (unsigned)(sizeof((const unsigned[]){__VA_ARGS__}) / sizeof(unsigned)))

static const struct preset *preset_of(const char *name, struct chance *c)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < PRESETS; i++)
        sum += presets[i].weight;
    int64_t drawn = between(c, 0, sum - 1); /* drawn even when a name is given */
    for (unsigned i = 0; i < PRESETS; i++) {
        if (name ? strcmp(name, presets[i].name) == 0 : drawn < presets[i].weight)
            return &presets[i];
        drawn -= presets[i].weight;
    }
    return NULL;
}

static void draw_faults(struct scenario *s, const struct preset *p, struct chance *c)
{
    s->name = p->name;
    s->faults_us = between(c, 5, 25) * SECOND;
    for (unsigned f = 0; f < FAULT_COUNT; f++) {
        s->has[f] = (p->faults & 1u << f) && chance_of(c, 700);
        s->mean_us[f] = between(c, 500, 8000) * MS;
    }
    s->mean_us[FAULT_RESTART] += 4 * SECOND;
    s->mean_us[FAULT_SPOOF] /= 10;
    s->mean_us[FAULT_REPLAY] /= 10;
}

static void draw_relay(struct scenario *s, struct chance *c)
{
    struct hub_config *h = &s->hub;
    *h = hub_defaults;
    h->item_max = 64 * 1024;
    h->sender.window = ONE_OF(c, 4, 8, 16, 64, 256);
    if (chance_of(c, 300)) h->sender.rate_cap = 0;
    h->queue_qos0 = (struct outbox_limits){
        .items_max = ONE_OF(c, 4, 16, 64, 256, 1024),
        .bytes_max = ONE_OF(c, 4096, 65536, 1 << 20),
        .policy = ONE_OF(c, SLOW_DROP_OLDEST, SLOW_DROP_NEWEST, SLOW_DISCONNECT, SLOW_BLOCK)};
    h->queue_qos1 = (struct outbox_limits){
        .items_max = ONE_OF(c, 4, 16, 64, 256, 1024),
        .bytes_max = ONE_OF(c, 4096, 65536, 1 << 20),
        .policy = ONE_OF(c, SLOW_DISCONNECT, SLOW_DISCONNECT, SLOW_DROP_OLDEST, SLOW_BLOCK)};
    h->pass_max = ONE_OF(c, 1024, 65536);
    s->log = (struct log_config){.items_max = ONE_OF(c, 8, 32, 10000, 10000),
                                 .bytes_max = ONE_OF(c, 20000, 32 << 20, 32 << 20),
                                 .retained_max = ONE_OF(c, 3, 1000),
                                 .retained_bytes_max = 1 << 20,
                                 .publishers_max = 1024,
                                 .followers = 2};
    s->guard = (struct guard_limits){.sessions_max = 4096,
                                     .per_address_max = 4096,
                                     .handshakes_per_s = 1000,
                                     .handshakes_per_s_all = 10000,
                                     .publish_per_s = chance_of(c, 100) ? 20 : 0};
    s->turn_us = chance_of(c, 500) ? 0 : between(c, 1, 3000);
    s->pipe_size = ONE_OF(c, 2048, 16384, 262144);
    s->chunk_most = ONE_OF(c, 100, 2000, 65536);
    s->socket_queue = ONE_OF(c, 128, 1000);
}

static void draw_link(struct link_plan *l, const struct scenario *s, struct chance *c)
{
    *l = (struct link_plan){.delay_us = between(c, 50, chance_of(c, 300) ? 150000 : 5000)};
    if (s->has[FAULT_REORDER]) l->jitter_us = between(c, 0, 2 * l->delay_us);
    if (s->has[FAULT_LOSS]) l->loss = (unsigned)between(c, 1, chance_of(c, 200) ? 300 : 60);
    if (s->has[FAULT_BURST]) {
        l->burst_begins = (unsigned)between(c, 1, 20);
        l->burst_ends = (unsigned)between(c, 50, 500);
    }
    if (s->has[FAULT_DUPLICATE]) l->duplicate = (unsigned)between(c, 1, 100);
    if (s->has[FAULT_TRUNCATE]) l->truncate = (unsigned)between(c, 1, 50);
    if (s->has[FAULT_FLIP]) l->flip = (unsigned)between(c, 1, 50);
    if (s->has[FAULT_RATE] && chance_of(c, 500)) {
        l->rate = between(c, 8, 200) * 1024;
        l->queue_us = between(c, 20, 1000) * MS;
    }
    if (s->has[FAULT_MTU] && chance_of(c, 600)) {
        l->mtu = ONE_OF(c, 600, 1100);
        l->mtu_told = chance_of(c, 500);
    }
}

/* Items must fit into the window: a receiver hands over whole ones. */
static void draw_items(struct actor_plan *p, const struct scenario *s, struct chance *c)
{
    size_t most = s->hub.sender.window * 300;
    p->item_count = (unsigned)between(c, 5, 60);
    p->size_least = 12;
    p->size_most = (size_t)between(c, 30, 500);
    if (chance_of(c, 200)) {
        p->size_most = 10000;
        p->item_count = p->item_count / 4 + 1;
    }
    if (s->hub.sender.window >= 64 && chance_of(c, 15)) {
        p->size_most = most = 60000; /* too many fragments for small datagrams */
        p->item_count = 5;
    }
    if (p->size_most > most) p->size_most = most;
    p->acknowledged = ONE_OF(c, 0, 500, 1000, 1000);
    p->retain = ONE_OF(c, 0, 0, 200, 1000);
}

static void draw_actor(struct actor_plan *p, const struct scenario *s, struct chance *c)
{
    p->datagrams = chance_of(c, 600);
    p->security = ONE_OF(c, NRP_OPEN, NRP_AUTHENTICATED, NRP_SEALED);
    if (p->security != NRP_OPEN) p->key_id = ONE_OF(c, 1, 2);
    p->window = ONE_OF(c, 1, 8, 200);
    p->datagram_max = ONE_OF(c, 548, 700, 1024, 1200);
    p->will = chance_of(c, 250);
    p->accept_us = ONE_OF(c, 0, 1000, 100000, 400000);
    draw_link(&p->link, s, c);
    if (p->publishes) draw_items(p, s, c);
    if (!p->subscribes) return;
    p->qos = (int)ONE_OF(c, 0, 1, 1);
    p->ordered = chance_of(c, 400);
    p->retained = chance_of(c, 300);
    unsigned choice = (unsigned)between(c, 0, sizeof choices / sizeof *choices - 1);
    p->filter_count = choices[choice].count;
    memcpy(p->filters, choices[choice].filters, sizeof p->filters);
}

/* A group needs some who can hear it. */
static void draw_group(struct scenario *s, struct chance *c, bool wanted)
{
    bool sealed = chance_of(c, 500);
    if (!chance_of(c, 250) && !wanted) return;
    s->hub.group = (struct group_config){
        .on = true,
        .address = {.family = 4, .ip = {239, 77, 0, 1}, .port = 7789},
        .filter = chance_of(c, 700) ? "news/#" : "news/a/#",
        .sealed = sealed,
    };
    for (unsigned i = 0; i < s->actor_count; i++) {
        struct actor_plan *p = &s->actors[i];
        p->multicast = chance_of(c, 900);
        if (!p->subscribes || !chance_of(c, 850)) continue;
        p->datagrams = true;
        p->datagram_max = NRP_DATAGRAM_MAX;
        p->security = sealed ? NRP_SEALED : NRP_OPEN;
        p->key_id = sealed ? 1 : 0;
    }
}

bool scenario_draw(struct scenario *s, const char *name, struct chance *c)
{
    memset(s, 0, sizeof *s);
    const struct preset *p = preset_of(name, c);
    if (!p) return false;
    draw_faults(s, p, c);
    draw_relay(s, c);
    unsigned publishers = (unsigned)between(c, 1, 3), subscribers = (unsigned)between(c, 1, 4);
    s->actor_count = publishers + subscribers;
    for (unsigned i = 0; i < s->actor_count; i++) {
        struct actor_plan *a = &s->actors[i];
        a->publishes = i < publishers;
        a->subscribes = i >= publishers || chance_of(c, 150);
        draw_actor(a, s, c);
    }
    draw_group(s, c, strcmp(p->name, "group") == 0);
    return true;
}

void scenario_names(void (*each)(const char *name, const char *text))
{
    for (unsigned i = 0; i < PRESETS; i++)
        each(presets[i].name, presets[i].text);
}

static void describe_actor(const struct actor_plan *p, unsigned i)
{
    static const char *const securities[] = {"open", "authenticated", "sealed"};
    printf("  actor %u: %s%s, %s, window %u, datagrams of %zu, delay %" PRId64 " us", i,
           p->datagrams ? "datagrams" : "stream", p->multicast ? " (multicast)" : "",
           securities[p->security], p->window, p->datagram_max, p->link.delay_us);
    if (p->publishes) printf(", %u items of %zu..%zu", p->item_count, p->size_least, p->size_most);
    if (p->subscribes) printf(", QoS %d%s:", p->qos, p->ordered ? ", ordered" : "");
    for (unsigned k = 0; k < p->filter_count; k++)
        printf(" %s", p->filters[k]);
    printf("\n");
}

void scenario_describe(const struct scenario *s)
{
    printf("scenario %s: W %u, log of %zu items, %zu bytes; queues %u/%u items, policies %d/%d\n",
           s->name, s->hub.sender.window, s->log.items_max, s->log.bytes_max,
           s->hub.queue_qos0.items_max, s->hub.queue_qos1.items_max, (int)s->hub.queue_qos0.policy,
           (int)s->hub.queue_qos1.policy);
    if (s->hub.group.on)
        printf("  multicast of %s, %s\n", s->hub.group.filter,
               s->hub.group.sealed ? "sealed" : "open");
    printf("  faults for %" PRId64 " s:", s->faults_us / SECOND);
    for (unsigned f = 0; f < FAULT_COUNT; f++)
        if (s->has[f]) printf(" %s", fault_names[f]);
    printf("\n");
    for (unsigned i = 0; i < s->actor_count; i++)
        describe_actor(&s->actors[i], i);
}
