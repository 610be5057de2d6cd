/* Whatever the bytes are: what ninjs_check() passes is JSON to others too, and stays a valid item
 * through reading, completing, placing and showing. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/item.h"
#include "common/topic.h"
#include "subscriber/view.h"

/* An assert that also works in a release build. */
#define PROMISE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) abort();                                                                 \
    } while (0)

#define NUMBER "harbour:0123456789abcdef:7"

/* jansson alone bounds the size of numbers. NULL then. */
static json_t *tree(const char *bytes, size_t len)
{
    json_error_t why;
    json_t *t = json_loadb(bytes, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    PROMISE(t || json_error_code(&why) == json_error_numeric_overflow);
    return t;
}

static void check_compact(const struct ninjs *item)
{
    struct buf compact = {0};
    struct ninjs again;
    struct ninjs_fault fault;
    json_compact(&compact, item->all.at, item->all.len);
    PROMISE(buf_ok(&compact) && ninjs_check(compact.data, compact.len, &again, &fault));
    PROMISE(again.flags == 0 && again.all.len == compact.len);
    for (size_t i = 0; i < compact.len; i++)
        PROMISE((unsigned char)compact.data[i] >= 0x20 && compact.data[i] != 0x7f);
    json_t *before = tree(item->all.at, item->all.len), *after = tree(compact.data, compact.len);
    PROMISE(!before == !after);
    PROMISE(!before || json_equal(before, after));
    json_decref(before);
    json_decref(after);
    buf_deinit(&compact);
}

static size_t wire_numbers(const struct ninjs *item)
{
    struct json_cursor c = json_inside(item->member[NINJS_ALT_IDS]);
    struct json_slice e;
    size_t n = 0;
    while (json_next_element(&c, &e))
        n += json_is(json_member(e, "role"), "newswire");
    return n;
}

static void check_written(const struct ninjs *item, const char *number)
{
    static const struct item_defaults defaults = {
        .source = "Harbour \"Wire\"", .language = "fr", .urgency = 3, .now_ms = 1795442527000};
    static const enum ninjs_member always[] = {
        NINJS_URI,           NINJS_STANDARD,        NINJS_TYPE,         NINJS_VERSION,
        NINJS_FIRST_CREATED, NINJS_PUB_STATUS,      NINJS_URGENCY,      NINJS_LANGUAGE,
        NINJS_HEADLINES,     NINJS_VERSION_CREATED, NINJS_INFO_SOURCES,
    };
    struct buf out = {0}, twice = {0};
    struct ninjs again;
    struct ninjs_fault fault;
    item_write(item, &defaults, number, &out);
    PROMISE(buf_ok(&out) && ninjs_check(out.data, out.len, &again, &fault));
    PROMISE(again.flags == item->flags);
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        PROMISE(again.member[always[i]].at);
    PROMISE(!number || wire_numbers(&again) == 1);
    PROMISE(!number || json_is(item_alt_id(&again, "newswire"), NUMBER));
    PROMISE(number || wire_numbers(&again) == wire_numbers(item));
    PROMISE(item_status(&again) == item_status(item));
    item_write(&again, &defaults, NULL, &twice); /* nothing is missing now */
    PROMISE(twice.len == out.len && memcmp(twice.data, out.data, out.len) == 0);
    buf_deinit(&out);
    buf_deinit(&twice);
}

static void check_shown(const struct arrival *a, const char *spec, const struct view_screen *screen)
{
    struct view *v = view_new(spec, NULL);
    struct buf out = {0};
    PROMISE(v);
    view_put(v, a, screen, &out);
    PROMISE(buf_ok(&out) && out.len > 0 && out.data[out.len - 1] == '\n');
    bool one_line = memchr(out.data, '\n', out.len) == out.data + out.len - 1;
    PROMISE(one_line || strcmp(spec, "text") == 0);
    for (size_t i = 0; i < out.len; i++) {
        char c = out.data[i];
        bool machine = strcmp(spec, "tsv") == 0 || strcmp(spec, "ndjson") == 0;
        bool ours = c == '\n' || (c == '\t' && machine) || (c == '\033' && screen->terminal);
        PROMISE(ours || ((unsigned char)c >= 0x20 && c != 0x7f));
    }
    if (strcmp(spec, "tsv") == 0) {
        size_t tabs = 0;
        for (size_t i = 0; i < out.len; i++)
            tabs += out.data[i] == '\t';
        PROMISE(tabs == 8);
    }
    if (strcmp(spec, "ndjson") == 0) {
        struct json_walk w = json_walk_start(out.data, out.len - 1);
        PROMISE(json_walk_any(&w, 0) && w.at == w.end && w.flags == 0);
    }
    buf_deinit(&out);
    view_free(v);
}

static void check_views(const struct ninjs *item, const char *topic)
{
    static const struct view_screen screens[] = {
        {0},
        {.columns = 1},
        {.terminal = true, .colour = true, .columns = 80, .now_ms = 1795442527000},
        {.terminal = true, .columns = 40},
    };
    struct arrival a = {.topic = topic, .item = item, .received_ms = 1795442527000};
    if (!topic_split(TOPIC_ROOT, topic, &a.levels)) a.levels = (struct topic_levels){0};
    for (size_t i = 0; i < sizeof screens / sizeof *screens; i++)
        check_shown(&a, "text", &screens[i]);
    check_shown(&a, "tsv", &screens[0]);
    check_shown(&a, "ndjson", &screens[0]);
    check_shown(&a, "%{headline:20}|%{body:-9}|%{description}%{note}%{link}%{by}%{number}%{date}",
                &screens[0]);
    (void)arrival_hidden(&a, 1795442527000);
}

/* The bound of a uri is that of its bytes as written, and escaping makes them six times as many. */
static bool escaping_fits(const struct ninjs *item)
{
    return item->member[NINJS_URI].len * 6 <= NINJS_URI_MAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct topic_place place = {.publisher = "harbour"};
    const char *bytes = (const char *)data;
    struct ninjs item;
    struct ninjs_fault fault;
    struct buf scratch = {0};
    char topic[TOPIC_MAX];
    if (ninjs_check(bytes, size, &item, &fault) && escaping_fits(&item)) {
        check_compact(&item);
        topic_of_item(&place, &item, topic);
        check_views(&item, topic); /* as it would come from a broker */
    }
    if (item_read(bytes, size, &scratch, &item, &fault)) {
        PROMISE(item.flags == 0);
        check_written(&item, NUMBER);
        check_written(&item, NULL);
        topic_of_item(&place, &item, topic);
        struct topic_levels levels;
        PROMISE(topic_name_ok(topic, NULL) && topic_split(TOPIC_ROOT, topic, &levels));
        check_views(&item, topic);
    }
    buf_deinit(&scratch);
    return 0;
}
