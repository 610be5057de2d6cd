#include "subscriber/view.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/date.h"
#include "common/item.h"
#include "common/text.h"
#include "subscriber/view_format.h"
#include "subscriber/view_text.h"
#include "subscriber/view_tsv.h"

typedef void (*put_view)(struct view *v, const struct arrival *a, const struct view_screen *screen,
                         struct buf *out);

struct view {
    put_view put;
    bool hides;
    struct format *format; /* of put_format */
    struct text_row row;   /* of put_text: its buffers */
};

/* One object a line. The item's bytes were checked on arrival, so they go out as they are; only
 * line breaks and characters that would harm a terminal cost a second pass. */
static void put_ndjson(struct view *v, const struct arrival *a, const struct view_screen *screen,
                       struct buf *out)
{
    (void)v, (void)screen;
    char received[DATE_RFC3339_SIZE];
    date_rfc3339(a->received_ms, received);
    buf_puts(out, "{\"topic\":");
    json_put_string(out, a->topic, strlen(a->topic));
    buf_puts(out, ",\"received\":\"");
    buf_puts(out, received);
    buf_puts(out,
             a->retained ? "\",\"retained\":true,\"item\":" : "\",\"retained\":false,\"item\":");
    if (a->item->flags == 0) buf_put(out, a->item->all.at, a->item->all.len);
    else json_compact(out, a->item->all.at, a->item->all.len);
    buf_put(out, "}\n", 2);
}

static void put_tsv(struct view *v, const struct arrival *a, const struct view_screen *screen,
                    struct buf *out)
{
    (void)v, (void)screen;
    view_tsv_put(a, out);
}

static void put_text(struct view *v, const struct arrival *a, const struct view_screen *screen,
                     struct buf *out)
{
    view_text_put(&v->row, a, screen, out);
}

static void put_format(struct view *v, const struct arrival *a, const struct view_screen *screen,
                       struct buf *out)
{
    (void)screen;
    format_put(v->format, a, out);
}

static const struct {
    const char *name;
    put_view put;
    bool hides;
} kinds[] = {
    {"auto", put_text, true},
    {"text", put_text, true},
    {"ndjson", put_ndjson, false},
    {"tsv", put_tsv, true},
};

struct view *view_new(const char *spec, struct news_error *err)
{
    struct view *v = calloc(1, sizeof *v);
    if (!v) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(spec, kinds[i].name) == 0) {
            v->put = kinds[i].put;
            v->hides = kinds[i].hides;
            return v;
        }
    v->put = put_format;
    v->hides = true;
    v->format = format_new(spec, err);
    if (v->format) return v;
    view_free(v);
    return NULL;
}

void view_free(struct view *v)
{
    if (!v) return;
    format_free(v->format);
    text_row_deinit(&v->row);
    free(v);
}

bool view_hides(const struct view *v)
{
    return v->hides;
}

void view_put(struct view *v, const struct arrival *a, const struct view_screen *screen,
              struct buf *out)
{
    v->put(v, a, screen, out);
}
