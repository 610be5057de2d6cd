#include "publisher/http_head.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/date.h"

enum { VALUE_SIZE = 1024 };

void http_head_init(struct http_head *h)
{
    *h = (struct http_head){.max_age_s = -1, .retry_after_s = -1};
}

/* Digits alone; what is larger than any span of time that matters becomes that. */
static bool read_seconds(const char *text, size_t len, int64_t *out)
{
    const int64_t enough = INT64_C(1) << 40;
    int64_t n = 0;
    if (len == 0) return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
        if (n < enough) n = n * 10 + (text[i] - '0');
    }
    *out = n < enough ? n : enough;
    return true;
}

static void keep(char *out, size_t size, const char *value)
{
    if (strlen(value) < size) (void)snprintf(out, size, "%s", value);
}

static void read_etag(struct http_head *h, const char *value, int64_t now_ms)
{
    (void)now_ms;
    keep(h->etag, sizeof h->etag, value);
}

static void read_modified(struct http_head *h, const char *value, int64_t now_ms)
{
    (void)now_ms;
    keep(h->modified, sizeof h->modified, value);
}

/* The next of a list parted by any of separators, without blanks and quotes around its value:
 * "max-age = "60"" is name max-age, value 60. False at the end. */
struct parameter {
    const char *name, *value;
    size_t name_len, value_len;
};

static void trim(const char **at, size_t *len, const char *what)
{
    while (*len && strchr(what, **at))
        (*at)++, (*len)--;
    while (*len && strchr(what, (*at)[*len - 1]))
        (*len)--;
}

static bool next_parameter(const char **list, const char *separators, struct parameter *p)
{
    const char *at = *list + strspn(*list, separators);
    if (*at == '\0') return false;
    size_t len = strcspn(at, separators);
    *list = at + len;
    size_t name = strcspn(at, "=");
    *p = (struct parameter){.name = at, .name_len = name < len ? name : len, .value = at + len};
    if (name < len) {
        p->value = at + name + 1;
        p->value_len = len - name - 1;
    }
    trim(&p->name, &p->name_len, " \t");
    trim(&p->value, &p->value_len, " \t\"'");
    return true;
}

static bool is_named(const struct parameter *p, const char *name)
{
    return p->name_len == strlen(name) && strncasecmp(p->name, name, p->name_len) == 0;
}

static void read_type(struct http_head *h, const char *value, int64_t now_ms)
{
    (void)now_ms;
    struct parameter p;
    while (next_parameter(&value, ";", &p)) {
        if (is_named(&p, "charset") && p.value_len < sizeof h->charset)
            (void)snprintf(h->charset, sizeof h->charset, "%.*s", (int)p.value_len, p.value);
    }
}

static void read_cache_control(struct http_head *h, const char *value, int64_t now_ms)
{
    (void)now_ms;
    struct parameter p;
    while (next_parameter(&value, ",", &p)) {
        if (is_named(&p, "max-age")) (void)read_seconds(p.value, p.value_len, &h->max_age_s);
        if (is_named(&p, "no-cache") || is_named(&p, "no-store")) h->uncacheable = true;
    }
}

static void read_age(struct http_head *h, const char *value, int64_t now_ms)
{
    (void)now_ms;
    (void)read_seconds(value, strlen(value), &h->age_s);
}

static void read_retry_after(struct http_head *h, const char *value, int64_t now_ms)
{
    int64_t at_ms;
    if (read_seconds(value, strlen(value), &h->retry_after_s)) return;
    if (!date_parse_any(value, strlen(value), &at_ms)) return;
    h->retry_after_s = at_ms > now_ms ? (at_ms - now_ms + 999) / 1000 : 0;
}

static const struct {
    const char *name;
    void (*read)(struct http_head *h, const char *value, int64_t now_ms);
} fields[] = {
    {"ETag", read_etag},         {"Last-Modified", read_modified},
    {"Content-Type", read_type}, {"Cache-Control", read_cache_control},
    {"Age", read_age},           {"Retry-After", read_retry_after},
};

static bool has_controls(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) return true;
    }
    return false;
}

void http_head_line(struct http_head *h, const char *line, size_t len, int64_t now_ms)
{
    const char *colon = memchr(line, ':', len);
    if (!colon) return;
    size_t name_len = (size_t)(colon - line);
    const char *at = colon + 1;
    size_t value_len = len - name_len - 1;
    while (value_len && (at[value_len - 1] == '\n' || at[value_len - 1] == '\r'))
        value_len--;
    char value[VALUE_SIZE];
    while (value_len && (*at == ' ' || *at == '\t'))
        at++, value_len--;
    while (value_len && (at[value_len - 1] == ' ' || at[value_len - 1] == '\t'))
        value_len--;
    if (value_len >= sizeof value || has_controls(at, value_len)) return;
    memcpy(value, at, value_len);
    value[value_len] = '\0';
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        bool same = strlen(fields[i].name) == name_len &&
                    strncasecmp(fields[i].name, line, name_len) == 0;
        if (same) fields[i].read(h, value, now_ms);
    }
}

int64_t http_head_fresh_s(const struct http_head *h)
{
    if (h->max_age_s < 0 || h->uncacheable) return -1;
    return h->max_age_s > h->age_s ? h->max_age_s - h->age_s : 0;
}
