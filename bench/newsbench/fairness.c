/* What is done for the sake of fairness, in words and in the files that servers are given. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/newsbench/engine.h"
#include "bench/newsbench/server.h"

static bool add(json_t *facts, const char *name, const char *value)
{
    json_t *fact = json_pack("{s:s, s:s}", "name", name, "value", value);
    return fact && json_array_append_new(facts, fact) == 0;
}

/* As server_start() would write it, but for port and folder, which are each run's own. */
static bool add_config(json_t *facts, const char *carrier)
{
    const struct carrier *c = carrier_find(carrier);
    struct buf text = {0};
    char name[64];
    if (!c || c->server == SERVER_NONE) return true;
    server_config(c, "127.0.0.1", c->server == SERVER_MOSQUITTO ? 1883 : 7788, "FOLDER", &text);
    (void)snprintf(name, sizeof name, "server.conf of %s", carrier);
    bool ok = buf_ok(&text) && add(facts, name, text.data);
    buf_deinit(&text);
    return ok;
}

static bool add_programs(json_t *facts, const struct engine_options *o)
{
    char path[512];
    bool ok = true;
    if (server_find(SERVER_MOSQUITTO, o->mosquitto, path, sizeof path, NULL))
        ok = add(facts, "mosquitto", path);
    if (ok && server_find(SERVER_RELAY, o->newsrelay, path, sizeof path, NULL))
        ok = add(facts, "newsrelay", path);
    return ok;
}

static bool add_settings(json_t *facts, const struct engine_options *o)
{
    static const char *const told[][2] = {
        {"Nagle's algorithm", "off at both ends, but for carriers that are named for it"},
        {"congestion control", "cubic at both ends, set for each socket; a run's note says if not"},
        {"acknowledged deliveries",
         "200 without an answer to one client, both servers and clients"},
        {"queues", "1000 items for one subscriber at either server"},
        {"sessions", "clean; nothing is written to disk"},
        {"newsrelay over UDP", "at most 2 MB/s to one client, as shipped"},
        {"processes", "one for each publisher and for each of up to 20 subscribers; more share 20"},
        {"publishers", "open loop: schedules are made before the run; 10000 items wait at most"},
        {"network", "server and publishers on one side, subscribers on the other"},
    };
    bool ok = true;
    for (size_t i = 0; ok && i < sizeof told / sizeof *told; i++)
        ok = add(facts, told[i][0], told[i][1]);
    ok = ok && add(facts, "the last 200 us before an item", o->spin ? "spent spinning" : "slept");
    return ok && add(facts, "processors",
                     sysconf(_SC_NPROCESSORS_ONLN) < 4 ? "shared by all processes, and few"
                                                       : "shared by all processes");
}

json_t *engine_describe(const struct engine_options *o)
{
    static const char *const configs[] = {"mqtt-q1",     "nrp-tcp-q1",        "nrp-udp-q1",
                                          "nrp-unix-q1", "nrp-tcp-sealed-q1", "mqtt-nagle-q1"};
    json_t *facts = json_array();
    bool ok = facts && add_settings(facts, o) && add_programs(facts, o);
    for (size_t i = 0; ok && i < sizeof configs / sizeof *configs; i++)
        ok = add_config(facts, configs[i]);
    json_t *section = ok ? json_pack("{s:s, s:O}", "section", "Fairness", "facts", facts) : NULL;
    json_decref(facts);
    return section;
}
