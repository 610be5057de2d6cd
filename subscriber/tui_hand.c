/* The item in other hands: browser, clipboard, files, commands; and pages about it. */
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "subscriber/opener.h"
#include "subscriber/tui_state.h"

/* ---- links, clipboard ---- */

/* *out zeroed; to be deinitialised whatever the answer. */
static bool take_row(struct tui *t, int64_t id, struct telling *out)
{
    if (telling_read(out, t, id)) return true;
    tui_say(t, false, "this item's text is not kept any more");
    return false;
}

static bool take_item(struct tui *t, struct telling *out)
{
    const struct model_entry *e = list_entry(t, t->list);
    return item_chosen(t) != MODEL_NONE && e && take_row(t, e->id, out);
}

static void put_field(struct buf *out, const char *name, const struct arrival *a)
{
    field_clean(field_find(name, strlen(name)), a, out);
}

/* The item's link; false: it has none, which is said. */
static bool put_link(struct tui *t, const struct arrival *a, struct buf *out)
{
    size_t start = out->len;
    put_field(out, "link", a);
    if (out->len == start) tui_say(t, false, "this item has no link");
    return out->len > start && buf_ok(out);
}

static bool open_url(struct tui *t, const char *url)
{
    struct news_error err = {0};
    const struct settings *s = t->o.settings;
    bool fine = opener_browse(t->screen, s->browser, s->browser_terminal, url, &err);
    tui_say(t, !fine, "%s", fine ? url : err.message);
    return fine;
}

static void browse(struct tui *t)
{
    struct telling item = {0};
    struct buf url = {0};
    if (take_item(t, &item) && put_link(t, &item.arrival, &url)) (void)open_url(t, url.data);
    buf_deinit(&url);
    telling_deinit(&item);
}

static void browse_read(struct tui *t)
{
    browse(t);
    mark_chosen(t, HISTORY_READ, 0);
}

static void yank_with(struct tui *t, bool headline)
{
    struct telling item = {0};
    struct buf text = {0};
    if (!t->o.settings->clipboard) {
        tui_say(t, false,
                "copying is off; the option clipboard turns it on, for terminals that "
                "take OSC 52");
        return;
    }
    if (take_item(t, &item)) {
        if (headline) {
            put_field(&text, "headline", &item.arrival);
            buf_putc(&text, ' ');
        }
        if ((put_link(t, &item.arrival, &text) || headline) && buf_ok(&text)) {
            screen_clipboard(t->screen, text.data, text.len);
            tui_say(t, false, "copied: %s", text.data);
        }
    }
    buf_deinit(&text);
    telling_deinit(&item);
}

static void yank(struct tui *t)
{
    yank_with(t, false);
}

static void yank_headline(struct tui *t)
{
    yank_with(t, true);
}

static struct page *page_of_links(struct tui *t)
{
    if (t->page_kind != TUI_NO_PAGE) return t->page_kind == TUI_LINKS ? t->page.page : NULL;
    return t->item_focus || layout_has_item(t) ? t->item.page : NULL;
}

void hand_link(struct tui *t, const char *number)
{
    struct page *p = page_of_links(t);
    char *end;
    unsigned long n = strtoul(number, &end, 10);
    if (!p || end == number || *end || n == 0 || n > page_link_count(p))
        tui_say(t, false, "there is no link %s", number);
    else (void)open_url(t, page_link(p, n - 1));
}

bool command_digit(struct tui *t, int code)
{
    struct page *p = page_of_links(t);
    char digit[2] = {(char)code, '\0'};
    if (code < '0' || code > '9' || !p) return false;
    if (p == t->item.page) item_refresh(t); /* the cursor may have moved since the last frame */
    if (page_link_count(p) == 0) return false;
    if (page_link_count(p) > 9) prompt_ask(t, PROMPT_LINK, "open link ", digit, NULL);
    else hand_link(t, digit);
    return true;
}

/* ---- files and commands ---- */

static void ask_pipe(struct tui *t)
{
    const struct model_entry *e = list_entry(t, t->list);
    if (item_chosen(t) == MODEL_NONE || !e) return;
    t->prompt_id = e->id;
    prompt_ask(t, PROMPT_PIPE, "pipe to: ", "", NULL);
}

static void ask_file(struct tui *t)
{
    const struct model_entry *e = list_entry(t, t->list);
    char name[48];
    if (item_chosen(t) == MODEL_NONE || !e) return;
    t->prompt_id = e->id;
    (void)snprintf(name, sizeof name, "item-%lld.json", (long long)e->id);
    prompt_ask(t, PROMPT_FILE, "save as: ", name, NULL);
}

void hand_pipe(struct tui *t, const char *command)
{
    struct telling item = {0};
    struct news_error err = {0};
    if (*command && take_row(t, t->prompt_id, &item) &&
        !opener_pipe(t->screen, command, item.bytes.data, item.bytes.len, &err))
        tui_say(t, true, "%s", err.message);
    telling_deinit(&item);
}

/* "~/" is what people type. */
static bool put_path(struct buf *out, const char *path)
{
    const char *home = path[0] == '~' && path[1] == '/' ? getenv("HOME") : NULL;
    if (home) buf_puts(out, home);
    buf_puts(out, home ? path + 1 : path);
    return buf_ok(out);
}

void hand_save(struct tui *t, const char *name)
{
    struct telling item = {0};
    struct news_error err = {0};
    struct buf path = {0};
    if (*name && put_path(&path, name) && take_row(t, t->prompt_id, &item)) {
        bool fine = opener_save(path.data, item.bytes.data, item.bytes.len, &err);
        if (fine) tui_say(t, false, "saved as %s", path.data);
        else tui_say(t, true, "%s", err.message);
    }
    buf_deinit(&path);
    telling_deinit(&item);
}

/* ---- pages ---- */

/* Lets each() make a page of the item's row, or of its other versions. */
static void page_with(struct tui *t,
                      bool (*rows)(struct history *h, int64_t id, history_each each, void *user,
                                   struct news_error *err),
                      history_each each)
{
    const struct model_entry *e = list_entry(t, t->list);
    struct news_error err = {0};
    if (item_chosen(t) == MODEL_NONE || !e) return;
    t->page_kind = TUI_NO_PAGE;
    if (!rows(t->o.history, e->id, each, t, &err)) tui_say(t, true, "%s", err.message);
}

static void source(struct tui *t)
{
    page_with(t, history_row, page_source_row);
}

static void links(struct tui *t)
{
    page_with(t, history_row, page_links_row);
}

static void versions(struct tui *t)
{
    page_with(t, history_versions, page_version_row);
    if (t->page_kind == TUI_NO_PAGE) tui_say(t, false, "there is no other version of it");
}

static void messages(struct tui *t)
{
    page_of_messages(t->page.page, t);
    pane_begin(t, TUI_MESSAGES);
    t->message_until_mono_ms = 0;
}

static void gaps(struct tui *t)
{
    page_of_gaps(t->page.page, t->o.gaps);
    pane_begin(t, TUI_GAPS);
}

static void help(struct tui *t)
{
    page_of_help(t->page.page, t->keys);
    pane_begin(t, TUI_HELP);
}

/* ---- the table ---- */

const struct tui_action tui_hands[] = {
    {COMMAND_BROWSE, browse},
    {COMMAND_BROWSE_READ, browse_read},
    {COMMAND_LINKS, links},
    {COMMAND_YANK, yank},
    {COMMAND_YANK_HEADLINE, yank_headline},
    {COMMAND_PIPE, ask_pipe},
    {COMMAND_SAVE, ask_file},
    {COMMAND_SOURCE, source},
    {COMMAND_VERSIONS, versions},
    {COMMAND_MESSAGES, messages},
    {COMMAND_GAPS, gaps},
    {COMMAND_HELP, help},
    {0},
};
