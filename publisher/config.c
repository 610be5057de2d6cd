#include "publisher/config.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/arena.h"
#include "common/topic.h"

#define INTERVAL_LEAST_MS   (60LL * 1000)
#define INTERVAL_MOST_MS    (30LL * 24 * 3600 * 1000)
#define INTERVAL_DEFAULT_MS (15LL * 60 * 1000)

#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"

struct reading {
    struct config config;
    size_t size;   /* room in config.sources */
    unsigned seen; /* keys of the section being read, a bit each */
    char folder[PATH_MAX];
};

static struct source_config *last_source(struct reading *r)
{
    return &r->config.sources[r->config.count - 1];
}

/* ---- keys: each setter returns what is wrong, NULL nothing ---- */

static const char no_memory[] = "out of memory";

static const char *keep(struct reading *r, const char *value, const char **field)
{
    *field = arena_strdup(r->config.memory, value);
    return *field ? NULL : no_memory;
}

static const char *place(struct reading *r, enum source_kind kind, const char *location)
{
    struct source_config *s = last_source(r);
    if (s->location) return "a source has exactly one of feed, spool and fifo";
    if (strlen(location) > CONFIG_LOCATION_MAX) return "is too long";
    s->kind = kind;
    return keep(r, location, &s->location);
}

static const char *place_file(struct reading *r, enum source_kind kind, const char *path)
{
    char absolute[2 * PATH_MAX];
    if (!*path) return "is empty";
    if (*path == '/') return place(r, kind, path);
    int n = snprintf(absolute, sizeof absolute, "%s/%s", r->folder, path);
    if (n < 0 || (size_t)n >= sizeof absolute) return "is too long";
    return place(r, kind, absolute);
}

static const char *url_fault(const char *url)
{
    size_t scheme = strncasecmp(url, "http://", 7) == 0    ? 7
                    : strncasecmp(url, "https://", 8) == 0 ? 8
                                                           : 0;
    if (!scheme) return "is neither an http or https URL nor a path";
    if (!url[scheme] || strchr("/?#", url[scheme])) return "the URL names no host";
    for (const char *c = url; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f) return "the URL holds a blank or a control";
    return NULL;
}

static const char *set_feed(struct reading *r, const char *value)
{
    if (!strstr(value, "://")) return place_file(r, SOURCE_FEED, value);
    const char *fault = url_fault(value);
    return fault ? fault : place(r, SOURCE_FEED, value);
}

static const char *set_spool(struct reading *r, const char *value)
{
    return place_file(r, SOURCE_SPOOL, value);
}

static const char *set_fifo(struct reading *r, const char *value)
{
    return place_file(r, SOURCE_FIFO, value);
}

static const char *set_service(struct reading *r, const char *value)
{
    char slug[TOPIC_SLUG_MAX + 1];
    topic_slug(value, strlen(value), slug);
    return *slug ? keep(r, value, &last_source(r)->service) : "is empty";
}

static const char *set_lang(struct reading *r, const char *value)
{
    char language[TOPIC_LANGUAGE_MAX + 1];
    if (!topic_language(value, language)) return "is no language tag such as en or de-AT";
    return keep(r, value, &last_source(r)->language);
}

static const char *set_subject(struct reading *r, const char *value)
{
    return *value ? keep(r, value, &last_source(r)->subject) : "is empty";
}

static const char *set_urgency(struct reading *r, const char *value)
{
    if (*value < '1' || *value > '9' || value[1]) return "is not a number from 1 to 9";
    last_source(r)->urgency = *value - '0';
    return NULL;
}

static const char *set_interval(struct reading *r, const char *value)
{
    long long ms;
    if (!options_read_time(value, &ms) || ms < INTERVAL_LEAST_MS || ms > INTERVAL_MOST_MS)
        return "is not a time from 1m to 30d";
    last_source(r)->interval_ms = ms;
    return NULL;
}

static const struct key {
    const char *name;
    const char *(*set)(struct reading *r, const char *value);
} keys[] = {
    {"feed", set_feed},       {"spool", set_spool},       {"fifo", set_fifo},
    {"service", set_service}, {"lang", set_lang},         {"subject", set_subject},
    {"urgency", set_urgency}, {"interval", set_interval},
};

static bool read_key(struct reading *r, const char *section, const char *name, const char *value,
                     struct news_error *err)
{
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (strcmp(keys[i].name, name) != 0) continue;
        const char *fault = r->seen & (1u << i) ? "is given twice" : keys[i].set(r, value);
        r->seen |= 1u << i;
        if (!fault) return true;
        return news_fail(err, NEWS_ERR_CONFIG, "[%s] %s: %s", section, name, fault);
    }
    return news_fail(err, NEWS_ERR_CONFIG, "[%s] %.60s: a source has no such key", section, name);
}

/* ---- sections ---- */

static bool grow(struct reading *r)
{
    if (r->config.count < r->size) return true;
    size_t size = r->size ? r->size * 2 : 16;
    struct source_config *wider = arena_alloc(r->config.memory, size * sizeof *wider);
    if (!wider) return false;
    if (r->config.count) memcpy(wider, r->config.sources, r->config.count * sizeof *wider);
    r->config.sources = wider;
    r->size = size;
    return true;
}

static bool begin_source(struct reading *r, const char *name, unsigned long line,
                         struct news_error *err)
{
    size_t len = strlen(name);
    if (len == 0 || len > CONFIG_NAME_MAX || *name == '-' || strspn(name, NAME_CHARACTERS) != len)
        return news_fail(err, NEWS_ERR_CONFIG,
                         "[%s] a source's name is at most %d letters, digits and dashes", name,
                         CONFIG_NAME_MAX);
    for (size_t i = 0; i < r->config.count; i++)
        if (strcmp(r->config.sources[i].name, name) == 0)
            return news_fail(err, NEWS_ERR_CONFIG, "[%s] line %lu has a source of that name", name,
                             r->config.sources[i].line);
    if (r->config.count == CONFIG_SOURCES_MAX)
        return news_fail(err, NEWS_ERR_CONFIG, "[%s] more than %d sources", name,
                         CONFIG_SOURCES_MAX);
    if (!grow(r)) return news_fail(err, NEWS_ERR_MEMORY, "%s", no_memory);
    r->seen = 0;
    r->config.sources[r->config.count++] = (struct source_config){.line = line};
    return !keep(r, name, &last_source(r)->name) ||
           news_fail(err, NEWS_ERR_MEMORY, "%s", no_memory);
}

static bool read_line(void *user, const char *section, const char *name, const char *value,
                      unsigned long line, struct news_error *err)
{
    return name ? read_key(user, section, name, value, err)
                : begin_source(user, section, line, err);
}

/* ---- the whole ---- */

/* What can be said of source i only now that all of it is known; NULL: nothing. */
static const char *source_fault(const struct config *c, size_t i)
{
    const struct source_config *s = &c->sources[i];
    if (!s->location) return "has none of feed, spool and fifo";
    if (s->interval_ms && s->kind != SOURCE_FEED) return "interval: only a feed has one";
    for (size_t k = 0; k < i; k++)
        if (c->sources[k].kind == s->kind && strcmp(c->sources[k].location, s->location) == 0)
            return "another source reads the same";
    return NULL;
}

static bool complete(struct config *c, const char *path, struct news_error *err)
{
    for (size_t i = 0; i < c->count; i++) {
        struct source_config *s = &c->sources[i];
        const char *fault = source_fault(c, i);
        if (fault)
            return news_fail(err, NEWS_ERR_CONFIG, "%s:%lu: [%s] %s", path, s->line, s->name,
                             fault);
        if (!s->service) s->service = s->name;
        if (!s->interval_ms) s->interval_ms = INTERVAL_DEFAULT_MS;
    }
    return true;
}

/* Absolute, so that a source is the same wherever the daemon was started. */
static bool find_folder(const char *path, char folder[PATH_MAX])
{
    char beside[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int len = slash ? (int)(slash - path) : 0;
    int n = slash ? snprintf(beside, sizeof beside, "%.*s/", len, path)
                  : snprintf(beside, sizeof beside, ".");
    if (n < 0 || (size_t)n >= sizeof beside || !realpath(beside, folder)) return false;
    if (strcmp(folder, "/") == 0) *folder = '\0'; /* a slash comes behind it */
    return true;
}

bool config_read(const char *path, struct options *o, struct config *out, struct news_error *err)
{
    struct reading r = {.config.memory = arena_new()};
    bool ok = r.config.memory || news_fail(err, NEWS_ERR_MEMORY, "%s", no_memory);
    if (!find_folder(path, r.folder)) *r.folder = '\0'; /* then the file cannot be read either */
    ok = ok && options_load_sections(o, path, read_line, &r, err) && complete(&r.config, path, err);
    if (ok) *out = r.config;
    else config_deinit(&r.config);
    return ok;
}

void config_deinit(struct config *c)
{
    arena_free(c->memory);
    *c = (struct config){0};
}
