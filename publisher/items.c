#include "publisher/items.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/date.h"
#include "common/draft.h"
#include "common/text.h"
#include "common/uuid.h"

struct items {
    const struct settings *settings;
    char *const *files;
    int file_count, next;
    int64_t now_ms;
    bool oldest_first;
    struct input *in; /* the open one */
    struct buf made;  /* the item of --title */
    bool made_given;
};

/* What --title and its companions say, as far as it can be judged before there is an item. */
static bool check_made(const struct settings *s, int file_count, struct news_error *err)
{
    const struct {
        bool wrong;
        const char *sentence;
    } rules[] = {
        {s->title && file_count, "--title makes an item; files do not go with it"},
        {s->title && !*s->title, "--title must not be empty"},
        {s->uri && !*s->uri, "--uri must not be empty"},
        {!s->title && !s->update && (s->body || s->link || s->uri || s->by || s->located),
         "--body, --link, --uri, --by and --located describe the item of a --title"},
        {s->update && file_count, "--update changes an item by options; files do not go with it"},
        {s->update && s->uri, "--update says the uri itself"},
        {s->update && !s->title && !s->body && !s->link && !s->by && !s->located && !s->note,
         "--update needs what is to change: --title, --body, --link, --by, --located or --note"},
        {s->link && !text_url_ok(s->link, strlen(s->link)), "--link is not an http or https URL"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].wrong) return news_fail(err, NEWS_ERR_USAGE, "%s", rules[i].sentence);
    return true;
}

struct items *items_open(const struct settings *s, char *const *files, int file_count,
                         bool oldest_first, struct news_error *err)
{
    static char dash[] = "-";
    static char *const standard_input[] = {dash};
    struct items *it = calloc(1, sizeof *it);
    if (!it) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    *it = (struct items){.settings = s,
                         .files = file_count ? files : standard_input,
                         .file_count = file_count ? file_count : 1,
                         .now_ms = date_now_ms(),
                         .oldest_first = oldest_first};
    if (check_made(s, file_count, err)) return it;
    items_close(it);
    return NULL;
}

void items_close(struct items *it)
{
    if (!it) return;
    input_close(it->in);
    buf_deinit(&it->made);
    free(it);
}

/* With --update: the uri and what the options say, nothing else. */
static bool only_changes(struct buf *made, const struct ninjs *item)
{
    static const struct {
        const char *name;
        enum ninjs_member member;
    } kept[] = {
        {"headlines", NINJS_HEADLINES},   {"bodies", NINJS_BODIES},
        {"renditions", NINJS_RENDITIONS}, {"by", NINJS_BY},
        {"located", NINJS_LOCATED},       {"edNote", NINJS_ED_NOTE},
    };
    struct buf changes = {0};
    buf_puts(&changes, "{\"uri\":");
    buf_put(&changes, item->member[NINJS_URI].at, item->member[NINJS_URI].len);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        struct json_slice value = item->member[kept[i].member];
        if (!value.at) continue;
        json_put_name(&changes, kept[i].name);
        buf_put(&changes, value.at, value.len);
    }
    buf_putc(&changes, '}');
    buf_deinit(made);
    *made = changes;
    return buf_ok(made);
}

/* The item of --title or --update, once. */
static enum input_result made_item(struct items *it, struct ninjs *item, struct news_error *err)
{
    const struct settings *s = it->settings;
    char urn[UUID_URN_SIZE];
    struct ninjs_fault fault = {.path = "$", .what = "out of memory"};
    struct draft d;
    if (it->made_given) return INPUT_END;
    it->made_given = true;
    uuid_random(urn);
    draft_init(&d);
    d.uri = s->update ? s->update : s->uri ? s->uri : urn;
    d.title = s->title;
    d.body_text = s->body;
    d.link = s->link;
    d.by = s->by;
    d.located = s->located;
    d.ed_note = s->note;
    if (!draft_write(&d, it->now_ms, &it->made, err)) return INPUT_FAULT;
    if (ninjs_check(it->made.data, it->made.len, item, &fault) &&
        (!s->update ||
         (only_changes(&it->made, item) && ninjs_check(it->made.data, it->made.len, item, &fault))))
        return INPUT_ITEM;
    ninjs_fail(err, &fault);
    return INPUT_FAULT;
}

static const char *next_file(struct items *it)
{
    const char *file = it->files[it->next++];
    return it->settings->replay ? it->settings->replay : file;
}

enum input_result items_next(struct items *it, struct ninjs *item, struct news_error *err)
{
    if (it->settings->title || it->settings->update) return made_item(it, item, err);
    for (;;) {
        if (!it->in) {
            if (it->next == it->file_count) return INPUT_END;
            it->in = input_open(next_file(it), it->now_ms, it->oldest_first, err);
            if (!it->in) return INPUT_FAULT;
        }
        enum input_result r = input_next(it->in, item, err);
        if (r != INPUT_END) return r;
        input_close(it->in);
        it->in = NULL;
    }
}

bool items_fill(struct items *it, struct news_error *err)
{
    if (!it->in || input_fill(it->in, err)) return true;
    input_close(it->in); /* this file is over; the next one has its chance */
    it->in = NULL;
    return false;
}

int items_fd(const struct items *it)
{
    return it->in ? input_fd(it->in) : -1;
}

bool items_from_feed(const struct items *it)
{
    return it->in && input_is_feed(it->in);
}

const struct recorded *items_recorded(const struct items *it)
{
    return it->in ? input_recorded(it->in) : NULL;
}

/* ---- completed and placed ---- */

/* --publisher, else the login, else the user's name. */
static const char *publisher_name(const struct settings *s, struct transport_url *url)
{
    if (s->publisher) return s->publisher;
    if (transport_url_parse(dial_first_broker(&s->dial), url, NULL) && *url->user) return url->user;
    const struct passwd *who = getpwuid(getuid());
    return who ? who->pw_name : "newspub";
}

bool placing_init(struct placing *p, const struct settings *s, struct news_error *err)
{
    struct transport_url url;
    const char *name = publisher_name(s, &url);
    topic_slug(name, strlen(name), p->publisher);
    if (!*p->publisher) return news_fail(err, NEWS_ERR_USAGE, "--publisher must not be empty");
    char language[TOPIC_LANGUAGE_MAX + 1];
    if (!topic_root_ok(s->root, err)) return false;
    if (s->language && !topic_language(s->language, language))
        return news_fail(err, NEWS_ERR_USAGE,
                         "--lang: \"%.60s\" is no language tag such as en or de-AT", s->language);
    p->place = (struct topic_place){.root = s->root,
                                    .publisher = p->publisher,
                                    .service = s->service,
                                    .language = s->language,
                                    .subject = s->subject,
                                    .urgency = (int)s->urgency};
    p->defaults = (struct item_defaults){.source = s->publisher,
                                         .language = s->language,
                                         .subject = s->subject,
                                         .urgency = (int)s->urgency,
                                         .now_ms = date_now_ms()};
    return true;
}
