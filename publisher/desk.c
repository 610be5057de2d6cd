#include "publisher/desk.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/date.h"
#include "common/hash.h"
#include "common/uuid.h"

#define DAY_MS INT64_C(86400000)

enum {
    URI_SHOWN = 110,     /* bytes of a uri in messages */
    VERSION_DIGITS = 18, /* longer ones say nothing: version + 1 must not overflow */
    CHANGES_MAX = 72,    /* an item has at most 64 properties */
};

struct desk {
    struct journal *journal;
    struct desk_options o;
    struct arena *memory; /* of the held submission that is taken */
    /* Kept from one submission to the next, so that most need no memory of their own. */
    struct buf uri, text, item, spare, newest, names, payload, line, held;
    char topic[TOPIC_MAX]; /* of payload; "" when nothing was accepted */
    uint64_t id;
};

/* One submission on its way through. */
struct work {
    const struct submission *s;
    int64_t now_ms;
    const char *uri;
    struct ninjs item; /* as it is going to be published, but for what item_write() completes */
    struct journal_story story;
    bool known; /* there is such a story */
    bool kill;
    bool older; /* a version below the story's newest */
    uint64_t version;
    uint64_t content, headline, link; /* hashes */
    char version_text[24], version_date[40], first_date[40];
    enum desk_answer answer;
    uint64_t *id;
    struct news_error *err;
};

/* ------------------------------------------------------------------------------------- Answers */

/* The steps below return true while nothing is decided; false: the answer stands. */
static bool answer(struct work *w, enum desk_answer a)
{
    w->answer = a;
    return false;
}

__attribute__((format(printf, 2, 3))) static bool refuse(struct work *w, const char *format, ...)
{
    char why[160];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(why, sizeof why, format, args);
    va_end(args);
    news_fail(w->err, NEWS_ERR_DATA, "%.*s: %s", URI_SHOWN, w->uri, why);
    return answer(w, DESK_REFUSED);
}

static bool failed(struct work *w, const struct news_error *why)
{
    news_fail(w->err, why->code, "%s", why->message);
    return answer(w, DESK_FAILED);
}

static bool no_memory(struct work *w)
{
    return failed(w, &(struct news_error){.code = NEWS_ERR_MEMORY, .message = "out of memory"});
}

/* Of a call on the journal, with the error it was given. */
static bool done(struct work *w, bool ok, const struct news_error *why)
{
    return ok || failed(w, why);
}

/* --------------------------------------------------------------------------------- Small facts */

static uint64_t text_hash(struct desk *d, struct json_slice s)
{
    if (!s.at || s.len <= 2) return 0;
    if (!memchr(s.at, '\\', s.len)) return hash_bytes(HASH_START, s.at + 1, s.len - 2);
    buf_clear(&d->text);
    json_text(&d->text, s);
    return hash_bytes(HASH_START, d->text.data, d->text.len);
}

static void hash_item(struct desk *d, struct work *w)
{
    w->content = item_content_hash(&w->item);
    w->headline = text_hash(d, item_headline(&w->item));
    w->link = text_hash(d, item_link(&w->item));
}

/* False: it says no version. */
static bool own_version(const struct ninjs *item, uint64_t *out)
{
    struct json_slice s = item->member[NINJS_VERSION];
    uint64_t value = 0;
    if (!s.at || s.len < 3 || s.len > VERSION_DIGITS + 2) return false;
    for (size_t i = 1; i + 1 < s.len; i++) {
        if (s.at[i] < '0' || s.at[i] > '9') return false;
        value = value * 10 + (uint64_t)(s.at[i] - '0');
    }
    *out = value;
    return true;
}

static bool by_hand(const struct submission *s)
{
    return !*s->source;
}

static bool is_its_source(const struct work *w)
{
    return strcmp(w->story.source, w->s->source) == 0;
}

static struct json_slice slice_of(const char *text)
{
    return (struct json_slice){text, strlen(text)};
}

static struct json_slice date_value(int64_t unix_ms, char out[40])
{
    char date[DATE_RFC3339_SIZE];
    date_rfc3339(unix_ms, date);
    (void)snprintf(out, 40, "\"%s\"", date);
    return slice_of(out);
}

/* ------------------------------------------------------------------------------------- Stories */

static bool look_up(struct desk *d, struct work *w, const char *uri)
{
    struct news_error why = {0};
    w->uri = uri;
    w->known = journal_story(d->journal, uri, &w->story, &why);
    return w->known || done(w, why.code == NEWS_OK, &why);
}

static bool save_story(struct desk *d, struct work *w)
{
    struct news_error why = {0};
    return done(w, journal_set_story(d->journal, w->uri, &w->story, &why), &why);
}

static bool unhold(struct desk *d, struct work *w, bool *was)
{
    struct news_error why = {0};
    return done(w, journal_unhold(d->journal, w->uri, was, &why), &why);
}

static void note_shown(struct work *w)
{
    w->story.shown = w->content;
    w->story.headline = w->headline;
    w->story.link = w->link;
}

/* Its source shows a story again. Written once a day at most: that is enough to know one that no
 * source shows any more. */
static bool seen_again(struct desk *d, struct work *w, bool same_story)
{
    bool other = same_story && is_its_source(w) && w->story.shown != w->content;
    int64_t age_ms = w->now_ms - w->story.seen_ms;
    if (!other && age_ms >= 0 && age_ms < DAY_MS) return true;
    if (other) note_shown(w);
    w->story.seen_ms = w->now_ms;
    return save_story(d, w);
}

/* The bytes of the newest version in d->newest. *gone: they are pruned or damaged. */
static bool read_newest(struct desk *d, struct work *w, struct ninjs *newest, bool *gone)
{
    struct news_error why = {0};
    struct ninjs_fault fault;
    buf_clear(&d->newest);
    bool have = journal_item_bytes(d->journal, w->story.item, &d->newest, &why);
    *gone = !have || !ninjs_check(d->newest.data, d->newest.len, newest, &fault);
    return have || why.code == NEWS_OK || why.code == NEWS_ERR_DATA || failed(w, &why);
}

/* ------------------------------------------------------------------------------- Changed items */

/* What was made in d->spare becomes the item. */
static bool use_spare(struct desk *d, struct work *w)
{
    struct ninjs_fault fault;
    if (!buf_ok(&d->spare)) return no_memory(w);
    struct buf made = d->spare;
    d->spare = d->item;
    d->item = made;
    if (ninjs_check(made.data, made.len, &w->item, &fault)) return true;
    return refuse(w, "%s: %s", fault.path, fault.what);
}

static bool change(struct desk *d, struct work *w, const struct item_change *changes, size_t count)
{
    buf_clear(&d->spare);
    item_change(&w->item, changes, count, &d->spare);
    return use_spare(d, w);
}

/* The members that make it the story's next version; own_ms: the date it says of itself. Returns
 * how many. */
static size_t next_version(struct work *w, int64_t own_ms, struct item_change changes[2])
{
    w->version = w->story.version + 1;
    (void)snprintf(w->version_text, sizeof w->version_text, "\"%llu\"",
                   (unsigned long long)w->version);
    changes[0] = (struct item_change){"version", slice_of(w->version_text)};
    if (own_ms != DATE_UNKNOWN && own_ms > w->story.version_ms) return 1;
    changes[1] = (struct item_change){"versionCreated", date_value(w->now_ms, w->version_date)};
    return 2;
}

static bool make_next_version(struct desk *d, struct work *w)
{
    struct item_change changes[3];
    size_t count = next_version(w, item_time_ms(&w->item), changes);
    if (w->story.first_ms != DATE_UNKNOWN)
        changes[count++] = (struct item_change){"firstCreated",
                                                date_value(w->story.first_ms, w->first_date)};
    return change(d, w, changes, count);
}

/* ---------------------------------------------------------------------------------- Publishing */

static bool fits(struct desk *d, struct work *w, const char *topic)
{
    if (d->payload.len > NINJS_BYTES_MAX) {
        news_fail(w->err, NEWS_ERR_TOO_LARGE,
                  "%s: the item has %zu bytes once it is complete, more than 4 MiB", topic,
                  d->payload.len);
        return answer(w, DESK_REFUSED);
    }
    if (!d->o.admit || d->o.admit(d->o.user, topic, d->payload.data, d->payload.len, w->err))
        return true;
    return answer(w, DESK_REFUSED);
}

/* Complete, numbered, judged, and only then added: a hole in the numbers means a loss. */
static bool add_item(struct desk *d, struct work *w, const char *topic)
{
    struct news_error why = {0};
    struct wire_number n;
    char number[WIRE_NUMBER_SIZE];
    struct item_defaults defaults = w->s->defaults;
    defaults.now_ms = w->now_ms;
    if (!journal_number(d->journal, topic, &n, &why)) return failed(w, &why);
    wire_number_write(&n, number);
    buf_clear(&d->payload);
    item_write(&w->item, &defaults, number, &d->payload);
    if (!buf_ok(&d->payload)) return no_memory(w);
    if (!fits(d, w, topic) || !done(w,
                                    journal_add(d->journal, topic, &n, d->payload.data,
                                                d->payload.len, w->now_ms, w->id, &why),
                                    &why))
        return false;
    d->id = *w->id;
    (void)snprintf(d->topic, sizeof d->topic, "%s", topic);
    return true;
}

/* As item_write() completes them. */
static void note_dates(struct work *w)
{
    const struct ninjs *item = &w->item;
    bool version = item->member[NINJS_VERSION_CREATED].at,
         first = item->member[NINJS_FIRST_CREATED].at;
    int64_t first_ms = first     ? item_date_ms(item, NINJS_FIRST_CREATED)
                       : version ? item_date_ms(item, NINJS_VERSION_CREATED)
                                 : w->now_ms;
    w->story.version_ms = version ? item_date_ms(item, NINJS_VERSION_CREATED) : first_ms;
    if (!w->known || w->story.first_ms == DATE_UNKNOWN) w->story.first_ms = first_ms;
}

static void start_story(struct work *w)
{
    w->story = (struct journal_story){.first_ms = DATE_UNKNOWN, .version_ms = DATE_UNKNOWN};
    (void)snprintf(w->story.source, sizeof w->story.source, "%s", w->s->source);
}

static bool publish(struct desk *d, struct work *w)
{
    struct news_error why = {0};
    struct journal_story *story = &w->story;
    if (!w->known) {
        start_story(w);
        topic_of_item(&w->s->place, &w->item, story->topic);
    }
    if (!add_item(d, w, story->topic)) return false;
    if (w->s->kind == SUBMIT_ITEM && !unhold(d, w, NULL)) return false; /* it is superseded */
    uint64_t passed = w->older ? w->version : story->version;
    if (w->known && !journal_add_version(d->journal, w->uri, passed, &why)) return failed(w, &why);
    if (!w->older) {
        note_dates(w);
        story->version = w->version;
        story->item = *w->id;
        story->content = w->content;
        story->killed = w->kill;
    }
    if (w->s->kind == SUBMIT_ITEM && is_its_source(w)) note_shown(w);
    story->seen_ms = w->now_ms;
    return save_story(d, w) && answer(w, DESK_ACCEPTED);
}

/* --------------------------------------------------------------------------- Embargo and expiry */

static bool hold(struct desk *d, struct work *w, int64_t due_ms)
{
    struct news_error why = {0};
    buf_clear(&d->line);
    submission_write(&d->line, w->s);
    if (!buf_ok(&d->line)) return no_memory(w);
    return done(w, journal_hold(d->journal, w->uri, due_ms, d->line.data, d->line.len, &why),
                &why) &&
           answer(w, DESK_HELD);
}

static bool is_time(struct desk *d, struct work *w)
{
    const struct ninjs *item = &w->s->item;
    char date[DATE_RFC3339_SIZE];
    int64_t expires_ms = item_date_ms(item, NINJS_EXPIRES);
    int64_t due_ms = item_date_ms(item, NINJS_EMBARGOED_UNTIL);
    if (expires_ms != DATE_UNKNOWN && expires_ms <= w->now_ms) {
        if (w->s->feed) return answer(w, DESK_KNOWN); /* it is listed for a while yet */
        date_rfc3339(expires_ms, date);
        return refuse(w, "expired at %s, not sent", date);
    }
    if (item->member[NINJS_EMBARGOED_UNTIL].at && due_ms == DATE_UNKNOWN)
        return refuse(w, "embargoedUntil: is not a date; not sent");
    return due_ms == DATE_UNKNOWN || due_ms <= w->now_ms || hold(d, w, due_ms);
}

/* --------------------------------------------------------------------------------------- Items */

/* A feed uses the uri for another story: that one gets a uri of its own. */
static bool part_reused(struct desk *d, struct work *w)
{
    const struct journal_story *story = &w->story;
    bool reused = w->known && w->s->feed && !story->killed && is_its_source(w) && w->headline &&
                  story->headline && w->headline != story->headline && w->link && story->link &&
                  w->link != story->link;
    if (!reused) return true;
    if (!seen_again(d, w, false)) return false; /* as long as it is used */
    char urn[UUID_URN_SIZE], value[UUID_URN_SIZE + 2];
    buf_clear(&d->names);
    json_text(&d->names, item_link(&w->item)); /* the headline may be corrected later */
    if (!buf_ok(&d->names)) return no_memory(w);
    uuid_of_names((const char *const[]){w->uri, d->names.data}, 2, urn);
    (void)snprintf(value, sizeof value, "\"%s\"", urn);
    if (!change(d, w, &(struct item_change){"uri", slice_of(value)}, 1)) return false;
    buf_clear(&d->uri);
    buf_puts(&d->uri, urn);
    return buf_ok(&d->uri) ? look_up(d, w, d->uri.data) : no_memory(w);
}

/* Is there anything left to say, of a story that is known? */
static bool is_news(struct desk *d, struct work *w)
{
    const struct journal_story *story = &w->story;
    if (!is_its_source(w) && !by_hand(w->s)) return answer(w, DESK_KNOWN);
    if (story->killed && (w->s->feed || w->kill)) return answer(w, DESK_KNOWN);
    if (story->killed) return refuse(w, "was killed; nothing can be published under it any more");
    bool shown = w->content == story->shown && (w->s->feed || !by_hand(w->s));
    if (w->content != story->content && !shown) return true;
    return seen_again(d, w, true) && answer(w, DESK_KNOWN);
}

/* A lower version that went out before is nothing new; a kill is never lower. */
static bool choose_version(struct desk *d, struct work *w)
{
    uint64_t own = 0;
    struct news_error why = {0};
    bool says = own_version(&w->item, &own), had = false;
    w->version = !w->known && !says ? 1 : own;
    if (!w->known || (says && own > w->story.version)) return true;
    if (!says || own == w->story.version || w->kill) return make_next_version(d, w);
    w->older = true;
    if (!journal_had_version(d->journal, w->uri, own, &had, &why)) return failed(w, &why);
    return !had || answer(w, DESK_KNOWN);
}

static bool take_item(struct desk *d, struct work *w)
{
    w->item = w->s->item;
    w->kill = item_status(&w->item) == ITEM_CANCELED;
    hash_item(d, w);
    buf_clear(&d->uri);
    json_text(&d->uri, w->item.member[NINJS_URI]);
    if (!buf_ok(&d->uri)) return no_memory(w);
    return look_up(d, w, d->uri.data) && part_reused(d, w) && (!w->known || is_news(d, w)) &&
           (w->kill || is_time(d, w)) && choose_version(d, w) && publish(d, w);
}

/* ------------------------------------------------------------------------------------- Updates */

/* The members of the update, names and all, as changes; their names in d->names. What the desk says
 * itself is passed over. */
static size_t changes_of(struct desk *d, const struct ninjs *update, struct item_change *changes,
                         size_t room)
{
    static const enum ninjs_member ours[] = {NINJS_URI, NINJS_STANDARD, NINJS_VERSION};
    struct json_cursor c = json_inside(update->all);
    struct json_slice name, value;
    size_t count = 0;
    buf_clear(&d->names);
    if (!buf_reserve(&d->names, update->all.len)) return 0; /* so that no name moves */
    while (count < room && json_next_member(&c, &name, &value)) {
        bool passed = false;
        for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
            passed = passed || value.at == update->member[ours[i]].at;
        if (passed) continue;
        changes[count++] = (struct item_change){d->names.data + d->names.len, value};
        json_text(&d->names, name);
        buf_putc(&d->names, '\0');
    }
    return count;
}

/* Replaces or adds the version's members among the changes. */
static size_t with_version(struct work *w, struct item_change *changes, size_t count)
{
    struct item_change own[2];
    size_t more = next_version(w, item_date_ms(&w->s->item, NINJS_VERSION_CREATED), own);
    for (size_t i = 0; i < more; i++) {
        size_t at = 0;
        while (at < count && strcmp(changes[at].name, own[i].name) != 0)
            at++;
        changes[at] = own[i];
        if (at == count) count++;
    }
    return count;
}

static bool take_update(struct desk *d, struct work *w)
{
    struct item_change changes[CHANGES_MAX + 2];
    struct ninjs newest;
    bool gone;
    if (!look_up(d, w, w->s->uri)) return false;
    if (!w->known)
        return refuse(w, "was not published from this journal; send the whole item instead");
    if (!is_its_source(w) && !by_hand(w->s)) return answer(w, DESK_KNOWN);
    if (w->story.killed) return refuse(w, "was killed; it cannot be updated any more");
    if (!is_time(d, w) || !read_newest(d, w, &newest, &gone)) return false;
    if (gone) return refuse(w, "is no longer in the journal; send the whole item instead");
    w->item = newest;
    size_t count = changes_of(d, &w->s->item, changes, CHANGES_MAX);
    if (!buf_ok(&d->names)) return no_memory(w);
    if (!change(d, w, changes, with_version(w, changes, count))) return false;
    w->content = item_content_hash(&w->item);
    if (w->content == item_content_hash(&newest)) return answer(w, DESK_KNOWN);
    w->kill = item_status(&w->item) == ITEM_CANCELED;
    return publish(d, w);
}

/* --------------------------------------------------------------------------------------- Kills */

static void put_slice(struct buf *out, const char *name, struct json_slice value)
{
    if (!value.at) return;
    json_put_name(out, name);
    buf_put(out, value.at, value.len);
}

/* The tombstone, in d->spare. newest: with nothing in it when its bytes are gone. */
static void write_kill(struct desk *d, struct work *w, const struct ninjs *newest)
{
    static const struct {
        enum ninjs_member member;
        const char *name;
    } kept[] = {
        {NINJS_TYPE, "type"},
        {NINJS_URGENCY, "urgency"},
        {NINJS_LANGUAGE, "language"},
        {NINJS_HEADLINES, "headlines"},
        {NINJS_INFO_SOURCES, "infoSources"},
    };
    struct item_change version[2];
    struct buf *out = &d->spare;
    size_t count = next_version(w, DATE_UNKNOWN, version);
    buf_clear(out);
    buf_putc(out, '{');
    json_put_member(out, "uri", w->uri);
    for (size_t i = 0; i < count; i++)
        put_slice(out, version[i].name, version[i].value);
    json_put_date(out, "firstCreated", w->story.first_ms);
    json_put_member(out, "pubStatus", "canceled");
    json_put_member(out, "edNote", w->s->note);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        put_slice(out, kept[i].name, newest->member[kept[i].member]);
    buf_putc(out, '}');
}

/* Killed before it was published: there is nothing to take back, but it must not come any more. */
static bool bury(struct desk *d, struct work *w)
{
    start_story(w);
    w->story.killed = true;
    w->story.seen_ms = w->now_ms;
    return save_story(d, w) && answer(w, DESK_KNOWN);
}

static bool take_kill(struct desk *d, struct work *w)
{
    struct ninjs newest = {0};
    bool gone, was_held = false;
    if (!look_up(d, w, w->s->uri)) return false;
    if (w->known && !is_its_source(w) && !by_hand(w->s)) return answer(w, DESK_KNOWN);
    if (!unhold(d, w, &was_held)) return false;
    if (!w->known && was_held) return bury(d, w);
    if (!w->known)
        return refuse(w, "was not published from this journal; send it as an item with pubStatus "
                         "canceled to kill it nevertheless");
    if (w->story.killed) return answer(w, DESK_KNOWN);
    if (!read_newest(d, w, &newest, &gone)) return false;
    if (gone) newest = (struct ninjs){0};
    write_kill(d, w, &newest);
    w->kill = true;
    return use_spare(d, w) && publish(d, w);
}

/* ---------------------------------------------------------------------------------- Everything */

struct desk *desk_new(struct journal *j, const struct desk_options *o, struct news_error *err)
{
    struct desk *d = calloc(1, sizeof *d);
    if (!d) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    d->journal = j;
    d->o = *o;
    return d;
}

void desk_free(struct desk *d)
{
    if (!d) return;
    struct buf *const bufs[] = {&d->uri,   &d->text,    &d->item, &d->spare, &d->newest,
                                &d->names, &d->payload, &d->line, &d->held};
    for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++)
        buf_deinit(bufs[i]);
    arena_free(d->memory);
    free(d);
}

static bool is_ours(struct desk *d, struct work *w)
{
    const char *named = w->s->place.publisher, *ours = journal_publisher(d->journal);
    if (!named || strcmp(named, ours) == 0) return true;
    news_fail(w->err, NEWS_ERR_DATA, "the journal belongs to publisher %s, not to %.32s", ours,
              named);
    return answer(w, DESK_REFUSED);
}

enum desk_answer desk_take(struct desk *d, const struct submission *s, int64_t now_ms, uint64_t *id,
                           struct news_error *err)
{
    static bool (*const take[])(struct desk *, struct work *) = {
        [SUBMIT_ITEM] = take_item, [SUBMIT_UPDATE] = take_update, [SUBMIT_KILL] = take_kill};
    struct work w = {.s = s, .now_ms = now_ms, .id = id, .err = err};
    d->topic[0] = '\0';
    if (is_ours(d, &w)) (void)take[s->kind](d, &w);
    return w.answer;
}

bool desk_accepted(const struct desk *d, struct journal_item *out)
{
    if (!*d->topic) return false;
    *out = (struct journal_item){
        .id = d->id, .topic = d->topic, .bytes = d->payload.data, .len = d->payload.len};
    return true;
}

/* The line of a held submission, in d->held, taken as any other. */
static enum desk_answer take_line(struct desk *d, int64_t now_ms, uint64_t *id,
                                  struct news_error *err)
{
    struct submission s;
    arena_free(d->memory);
    d->memory = arena_new();
    if (!d->memory) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return DESK_FAILED;
    }
    if (!submission_read(d->held.data, d->held.len, d->memory, &s, err)) return DESK_REFUSED;
    return desk_take(d, &s, now_ms, id, err);
}

bool desk_take_held(struct desk *d, int64_t now_ms, int64_t *due_ms, enum desk_answer *decided,
                    uint64_t *id, struct news_error *err)
{
    char uri[NINJS_URI_MAX + 1];
    struct news_error why = {0};
    int64_t due = INT64_MAX;
    bool any = journal_first_held(d->journal, &due, uri, NULL, &why);
    if (why.code == NEWS_OK && (!any || due > now_ms)) {
        *due_ms = due;
        return false;
    }
    *decided = DESK_FAILED;
    if (any && journal_first_held(d->journal, &due, uri, &d->held, &why) &&
        journal_unhold(d->journal, uri, NULL, &why)) {
        *decided = take_line(d, now_ms, id, err);
        due = INT64_MAX;
        (void)journal_first_held(d->journal, &due, uri, NULL, &why);
    }
    *due_ms = due;
    if (why.code == NEWS_OK) return true;
    news_fail(err, why.code, "%s", why.message);
    *decided = DESK_FAILED;
    return true;
}
