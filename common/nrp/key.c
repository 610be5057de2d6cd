#include "common/nrp/key.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/topic.h"

#define HEX_SIZE (2 * NRP_SECRET_SIZE + 1)
/* ID, SECRET, and as many of the longest filters as there may be. */
#define LINE_SIZE (2 * NRP_KEY_FILTERS_MAX * (NRP_TOPIC_MAX + 1) + 256)

struct nrp_keys {
    struct arena *memory; /* the keys and their filters */
    struct nrp_key *by_id[NRP_KEYS_MAX];
    size_t count;
    const struct nrp_key *first; /* of the file */
};

/* ------------------------------------------------------------------------------------- Looking */

/* Where the key with this id is, or would be. */
static size_t place_of(const struct nrp_keys *k, uint32_t id)
{
    size_t low = 0, high = k->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (k->by_id[middle]->id < id) low = middle + 1;
        else high = middle;
    }
    return low;
}

const struct nrp_key *nrp_keys_find(const struct nrp_keys *k, uint32_t id)
{
    size_t at = place_of(k, id);
    return at < k->count && k->by_id[at]->id == id ? k->by_id[at] : NULL;
}

const struct nrp_key *nrp_keys_first(const struct nrp_keys *k)
{
    return k->first;
}

size_t nrp_keys_count(const struct nrp_keys *k)
{
    return k->count;
}

bool nrp_key_may_publish(const struct nrp_key *k, const char *topic)
{
    for (size_t i = 0; i < k->publish_count; i++)
        if (topic_matches(k->publish[i], topic)) return true;
    return false;
}

bool nrp_key_may_subscribe(const struct nrp_key *k, const char *filter)
{
    for (size_t i = 0; i < k->subscribe_count; i++)
        if (topic_covers(k->subscribe[i], filter)) return true;
    return false;
}

/* ------------------------------------------------------------------------------------- A line */

static bool id_parse(const char *text, uint32_t *out)
{
    uint64_t id = 0;
    size_t digits = strspn(text, "0123456789");
    if (!digits || digits > 10 || text[digits]) return false;
    for (; *text; text++)
        id = id * 10 + (uint64_t)(*text - '0');
    if (!id || id > UINT32_MAX) return false;
    *out = (uint32_t)id;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static bool secret_parse(const char *text, uint8_t out[NRP_SECRET_SIZE])
{
    if (strlen(text) != HEX_SIZE - 1) return false;
    for (size_t i = 0; i < NRP_SECRET_SIZE; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        out[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

static bool filter_ok(const char *filter, struct news_error *err)
{
    if (strlen(filter) > NRP_TOPIC_MAX)
        return news_fail(err, NEWS_ERR_CONFIG, "a filter has at most %d bytes", NRP_TOPIC_MAX);
    if (strpbrk(filter, " ,"))
        return news_fail(err, NEWS_ERR_CONFIG, "a key's filter has no blank and no comma: \"%s\"",
                         filter);
    struct news_error why;
    return topic_filter_ok(filter, &why) || news_fail(err, NEWS_ERR_CONFIG, "%s", why.message);
}

static bool filters_parse(struct arena *memory, char *list, const char **out, size_t *count,
                          struct news_error *err)
{
    for (char *filter; (filter = strsep(&list, ","));) {
        if (!filter_ok(filter, err)) return false;
        if (*count == NRP_KEY_FILTERS_MAX)
            return news_fail(err, NEWS_ERR_CONFIG, "more than %d filters", NRP_KEY_FILTERS_MAX);
        char *copy = arena_strdup(memory, filter);
        if (!copy) return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        out[(*count)++] = copy;
    }
    return true;
}

static bool right_parse(struct arena *memory, char *word, struct nrp_key *key,
                        struct news_error *err)
{
    char *list = strchr(word, '=');
    if (list) *list++ = '\0';
    if (list && strcmp(word, "publish") == 0)
        return filters_parse(memory, list, key->publish, &key->publish_count, err);
    if (list && strcmp(word, "subscribe") == 0)
        return filters_parse(memory, list, key->subscribe, &key->subscribe_count, err);
    /* What stands there is not quoted: it may be a secret in the wrong place. */
    return news_fail(err, NEWS_ERR_CONFIG,
                     "publish=... or subscribe=... is expected after the key");
}

/* line is cut up. key is zeroed. */
static bool key_parse(struct arena *memory, char *line, struct nrp_key *key, struct news_error *err)
{
    char *rest, *id = strtok_r(line, " \t", &rest), *secret = strtok_r(NULL, " \t", &rest);
    if (!id_parse(id, &key->id))
        return news_fail(err, NEWS_ERR_CONFIG, "a key begins with its id, a number from 1");
    if (!secret || !secret_parse(secret, key->secret))
        return news_fail(err, NEWS_ERR_CONFIG, "the secret is no %d hex digits", HEX_SIZE - 1);
    for (char *word; (word = strtok_r(NULL, " \t", &rest));)
        if (!right_parse(memory, word, key, err)) return false;
    return true;
}

/* -------------------------------------------------------------------------------------- A file */

static bool keys_add(struct nrp_keys *k, char *line, struct news_error *err)
{
    if (k->count == NRP_KEYS_MAX)
        return news_fail(err, NEWS_ERR_CONFIG, "more than %d keys", NRP_KEYS_MAX);
    struct nrp_key *key = arena_alloc(k->memory, sizeof *key);
    if (!key) return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    bool ok = key_parse(k->memory, line, key, err);
    if (ok && nrp_keys_find(k, key->id))
        ok = news_fail(err, NEWS_ERR_CONFIG, "there is a key %" PRIu32 " already", key->id);
    if (!ok) {
        explicit_bzero(key->secret, sizeof key->secret);
        return false;
    }
    size_t at = place_of(k, key->id);
    memmove(k->by_id + at + 1, k->by_id + at, (k->count - at) * sizeof *k->by_id);
    k->by_id[at] = key;
    k->count++;
    if (!k->first) k->first = key;
    return true;
}

struct reader {
    FILE *file;
    unsigned long number;
    char line[LINE_SIZE];
    char buffer[4096]; /* stdio's, ours so that it can be wiped */
};

/* *more: a line is there; false without an error at the end of the file. */
static bool next_line(struct reader *r, bool *more, struct news_error *err)
{
    size_t len = 0;
    int c;
    r->number++;
    while ((c = getc(r->file)) != EOF && c != '\n') {
        if (!c) return news_fail(err, NEWS_ERR_CONFIG, "a NUL byte");
        if (len == sizeof r->line - 1)
            return news_fail(err, NEWS_ERR_CONFIG, "longer than %zu bytes", sizeof r->line - 1);
        r->line[len++] = (char)c;
    }
    if (ferror(r->file)) return news_fail(err, NEWS_ERR_CONFIG, "%s", strerror(errno));
    *more = c != EOF || len;
    if (len && r->line[len - 1] == '\r') len--;
    r->line[len] = '\0';
    return true;
}

static bool read_lines(struct nrp_keys *k, struct reader *r, const char *path,
                       struct news_error *err)
{
    struct news_error why;
    for (bool more = true;;) {
        bool ok = next_line(r, &more, &why);
        if (ok && !more) break;
        bool blank = ok && (*r->line == '#' || !r->line[strspn(r->line, " \t")]);
        if (ok && (blank || keys_add(k, r->line, &why))) continue;
        return news_fail(err, why.code, "%s:%lu: %s", path, r->number, why.message);
    }
    return k->count || news_fail(err, NEWS_ERR_CONFIG, "%s: there is no key in it", path);
}

/* The file opened, if nobody else may read it. */
static FILE *open_private(const char *path, struct news_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0) {
        news_fail(err, NEWS_ERR_CONFIG, "%s: %s", path, strerror(errno));
    } else if (S_ISREG(info.st_mode) && (info.st_mode & 077) != 0) {
        news_fail(err, NEWS_ERR_CONFIG, "%s: others may read this key file; run: chmod 600 %s",
                  path, path);
    } else {
        FILE *file = fdopen(fd, "r");
        if (file) return file;
        news_fail(err, NEWS_ERR_MEMORY, "%s: out of memory", path);
    }
    if (fd >= 0) (void)close(fd);
    return NULL;
}

static bool read_file(struct nrp_keys *k, const char *path, struct news_error *err)
{
    struct reader *r = calloc(1, sizeof *r);
    if (!r) return news_fail(err, NEWS_ERR_MEMORY, "%s: out of memory", path);
    bool ok = false;
    r->file = open_private(path, err);
    if (r->file) {
        (void)setvbuf(r->file, r->buffer, _IOFBF, sizeof r->buffer);
        ok = read_lines(k, r, path, err);
        (void)fclose(r->file);
    }
    explicit_bzero(r, sizeof *r);
    free(r);
    return ok;
}

struct nrp_keys *nrp_keys_read(const char *path, struct news_error *err)
{
    struct nrp_keys *k = calloc(1, sizeof *k);
    if (k) k->memory = arena_new();
    if (!k || !k->memory) {
        news_fail(err, NEWS_ERR_MEMORY, "%s: out of memory", path);
    } else if (read_file(k, path, err)) {
        return k;
    }
    nrp_keys_free(k);
    return NULL;
}

void nrp_keys_free(struct nrp_keys *k)
{
    if (!k) return;
    for (size_t i = 0; i < k->count; i++)
        explicit_bzero(k->by_id[i]->secret, sizeof k->by_id[i]->secret);
    arena_free(k->memory);
    free(k);
}

/* ------------------------------------------------------------------------------------- Making */

static bool filters_ok(const char *const *filters, size_t count, struct news_error *err)
{
    if (count > NRP_KEY_FILTERS_MAX)
        return news_fail(err, NEWS_ERR_CONFIG, "more than %d filters", NRP_KEY_FILTERS_MAX);
    for (size_t i = 0; i < count; i++)
        if (!filter_ok(filters[i], err)) return false;
    return true;
}

static void filters_print(FILE *out, const char *right, const char *const *filters, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)fprintf(out, "%s%s", i ? "," : right, filters[i]);
}

bool nrp_key_make(FILE *out, uint32_t id, const char *const *publish, size_t publish_count,
                  const char *const *subscribe, size_t subscribe_count, struct news_error *err)
{
    uint8_t secret[NRP_SECRET_SIZE];
    char hex[HEX_SIZE];
    if (!id) return news_fail(err, NEWS_ERR_CONFIG, "ids of keys begin with 1");
    if (!filters_ok(publish, publish_count, err) || !filters_ok(subscribe, subscribe_count, err))
        return false;
    nrp_random_system.fill(nrp_random_system.user, secret, sizeof secret);
    for (size_t i = 0; i < sizeof secret; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", secret[i]);
    (void)fprintf(out, "%" PRIu32 " %s", id, hex);
    explicit_bzero(secret, sizeof secret);
    explicit_bzero(hex, sizeof hex);
    filters_print(out, " publish=", publish, publish_count);
    filters_print(out, " subscribe=", subscribe, subscribe_count);
    (void)putc('\n', out);
    if (fflush(out) == 0 && !ferror(out)) return true;
    return news_fail(err, NEWS_ERR_IO, "writing the key: %s", strerror(errno));
}
