#include "subscriber/view_format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

enum { PARTS_MAX = 64, WIDTH_MAX = 1000 };

struct part {
    const struct field *field; /* NULL: literal text */
    size_t at, len;            /* of the literal in struct format's text */
    size_t columns;            /* 0: as long as it is */
    bool right;                /* fill on the left */
};

struct format {
    struct part parts[PARTS_MAX];
    size_t count;
    struct buf literals;
};

static bool unknown_field(const char *name, size_t len, struct news_error *err)
{
    char names[200];
    size_t used = 0;
    names[0] = '\0';
    for (size_t i = 0; field_at(i) && used < sizeof names; i++) {
        int n = snprintf(names + used, sizeof names - used, " %s", field_at(i)->name);
        used += n > 0 ? (size_t)n : 0;
    }
    return news_fail(err, NEWS_ERR_USAGE, "-o: there is no field \"%.*s\"; there are%s",
                     (int)(len < 30 ? len : 30), name, names);
}

/* text is behind "%{"; *used gets the bytes up to and including "}". */
static bool parse_field(const char *text, struct part *p, size_t *used, struct news_error *err)
{
    const char *close = strchr(text, '}');
    if (!close) return news_fail(err, NEWS_ERR_USAGE, "-o: \"%%{\" is not closed by \"}\"");
    size_t len = (size_t)(close - text), name_len = strcspn(text, ":}");
    *used = len + 1;
    p->field = field_find(text, name_len);
    if (!p->field) return unknown_field(text, name_len, err);
    if (name_len == len) return true;
    char *end;
    long columns = strtol(text + name_len + 1, &end, 10);
    p->right = columns < 0;
    if (end == close && columns != 0 && columns >= -WIDTH_MAX && columns <= WIDTH_MAX) {
        p->columns = (size_t)labs(columns);
        return true;
    }
    return news_fail(err, NEWS_ERR_USAGE, "-o: \"%.*s\" is not a width from 1 to %d",
                     (int)(len - name_len - 1), text + name_len + 1, WIDTH_MAX);
}

static char unescape(char c)
{
    return c == 'n' ? '\n' : c == 't' ? '\t' : c;
}

static bool add_part(struct format *f, const struct part *p, struct news_error *err)
{
    if (f->count == PARTS_MAX) return news_fail(err, NEWS_ERR_USAGE, "-o: too many fields");
    f->parts[f->count++] = *p;
    return true;
}

static bool add_literal(struct format *f, char c, struct news_error *err)
{
    struct part *last = f->count ? &f->parts[f->count - 1] : NULL;
    const struct part fresh = {.at = f->literals.len};
    if ((!last || last->field) && !add_part(f, &fresh, err)) return false;
    f->parts[f->count - 1].len++;
    buf_putc(&f->literals, c);
    return true;
}

static bool parse(struct format *f, const char *text, struct news_error *err)
{
    while (*text) {
        size_t used = 1;
        if (strncmp(text, "%{", 2) == 0) {
            struct part p = {0};
            if (!parse_field(text + 2, &p, &used, err) || !add_part(f, &p, err)) return false;
            text += 2 + used;
            continue;
        }
        char c = *text;
        if (c == '%' && text[1] == '%') {
            used = 2;
        } else if (c == '%') {
            return news_fail(err, NEWS_ERR_USAGE, "-o: \"%%\" is neither \"%%%%\" nor \"%%{\"");
        } else if (c == '\\' && text[1]) {
            c = unescape(text[1]);
            used = 2;
        }
        if (!add_literal(f, c, err)) return false;
        text += used;
    }
    return buf_ok(&f->literals) || news_fail(err, NEWS_ERR_MEMORY, "out of memory");
}

struct format *format_new(const char *text, struct news_error *err)
{
    if (!strstr(text, "%{")) {
        news_fail(err, NEWS_ERR_USAGE,
                  "-o: \"%.60s\" is none of auto, text, ndjson, tsv, and no format with %%{field}",
                  text);
        return NULL;
    }
    struct format *f = calloc(1, sizeof *f);
    if (!f) news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    if (f && !parse(f, text, err)) {
        format_free(f);
        return NULL;
    }
    return f;
}

void format_free(struct format *f)
{
    if (!f) return;
    buf_deinit(&f->literals);
    free(f);
}

static void put_field(const struct part *p, const struct arrival *a, struct buf *out)
{
    struct buf clean = {0};
    field_clean(p->field, a, &clean);
    const char *text = clean.data ? clean.data : "";
    if (p->columns == 0) {
        buf_put(out, text, clean.len);
    } else {
        size_t width = text_width(text, clean.len);
        if (p->right && width < p->columns) buf_printf(out, "%*s", (int)(p->columns - width), "");
        text_cell(out, text, clean.len, p->columns, !p->right);
    }
    buf_deinit(&clean);
}

void format_put(const struct format *f, const struct arrival *a, struct buf *out)
{
    for (size_t i = 0; i < f->count; i++) {
        const struct part *p = &f->parts[i];
        if (p->field) put_field(p, a, out);
        else buf_put(out, f->literals.data + p->at, p->len);
    }
    buf_putc(out, '\n');
}
