#include "tests/faults/ledger.h"

#include <jansson.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUSY_MS = 5000, STREAMS = 3 };

#define URI_FORMAT "tag:fault.example,2026:%06u"

bool ledger_init(struct ledger *l, unsigned size)
{
    *l = (struct ledger){.size = size};
    l->entries = calloc(size + 1, sizeof *l->entries);
    return l->entries != NULL;
}

void ledger_deinit(struct ledger *l)
{
    free(l->entries);
    *l = (struct ledger){0};
}

/* --- items ----------------------------------------------------------------------------------- */

/* Text of every kind that an encoder could spoil, of a length of its own; now and then long enough
 * to take several pages of a database. */
static json_t *text_of(unsigned number)
{
    static const char *const words[] = {
        "tide",
        "caf\xc3\xa9",
        "\"quay\"",
        "back\\slash",
        "\xe6\x97\xa5\xe6\x9c\xac",
        "line\nbreak",
        "tab\there",
        "\xf0\x9f\x8c\x8a",
        "</p>&amp;",
        "\xd9\x85\xd8\xb1\xd8\xb3\xd9\x89",
    };
    struct buf text = {0};
    uint32_t x = number * 2654435761u + 1;
    unsigned count = number % 97 == 0 ? 1500 : 5 + number % 40;
    buf_printf(&text, "%u", number);
    for (unsigned i = 0; i < count; i++) {
        x = x * 1664525u + 1013904223u;
        buf_printf(&text, " %s", words[(x >> 16) % (sizeof words / sizeof *words)]);
    }
    json_t *value = json_stringn(text.data, text.len);
    buf_deinit(&text);
    return value;
}

static json_t *bodies_of(unsigned number)
{
    return json_pack("[{s:s, s:s, s:o}]", "role", "main", "contentType", "text/plain", "value",
                     text_of(number));
}

void ledger_write(unsigned number, struct buf *out)
{
    char uri[64], headline[32];
    snprintf(uri, sizeof uri, URI_FORMAT, number);
    snprintf(headline, sizeof headline, "%u", number);
    json_t *item = json_pack("{s:s, s:s, s:s, s:i, s:s, s:[{s:s, s:s}], s:o}", "uri", uri,
                             "version", "1", "versionCreated", "2026-11-16T05:41:07Z", "urgency",
                             (int)(1 + number % STREAMS), "language", "en", "headlines", "role",
                             "main", "value", headline, "bodies", bodies_of(number));
    char *line = json_dumps(item, JSON_COMPACT);
    buf_puts(out, line ? line : "");
    buf_putc(out, '\n');
    free(line);
    json_decref(item);
}

unsigned ledger_feed(struct ledger *l, unsigned count, struct buf *out)
{
    unsigned first = l->fed + 1;
    if (count > l->size - l->fed) return 0;
    for (unsigned i = 0; i < count; i++) {
        l->entries[++l->fed].fed = true;
        ledger_write(l->fed, out);
    }
    return first;
}

void ledger_accept(struct ledger *l, unsigned first, unsigned count)
{
    for (unsigned n = first; n < first + count; n++)
        l->entries[n].accepted = true;
}

unsigned ledger_accepted(const struct ledger *l)
{
    unsigned count = 0;
    for (unsigned n = 1; n <= l->size; n++)
        count += l->entries[n].accepted;
    return count;
}

/* The entry an item belongs to, NULL: it was never fed. */
static struct ledger_entry *entry_of(struct ledger *l, const json_t *item, unsigned *number)
{
    char uri[64];
    const char *text = json_string_value(json_object_get(item, "uri"));
    const char *version = json_string_value(json_object_get(item, "version"));
    if (!text || sscanf(text, URI_FORMAT, number) != 1 || *number == 0 || *number > l->size)
        return NULL;
    snprintf(uri, sizeof uri, URI_FORMAT, *number);
    bool known = strcmp(uri, text) == 0 && version && strcmp(version, "1") == 0;
    return known && l->entries[*number].fed ? &l->entries[*number] : NULL;
}

/* Finds the entry and compares the text; counts what is not as it was fed. */
static struct ledger_entry *look_at(struct ledger *l, const json_t *item, unsigned *number)
{
    struct ledger_entry *entry = entry_of(l, item, number);
    if (!entry) {
        l->foreign++;
        return NULL;
    }
    json_t *expected = bodies_of(*number);
    if (!json_equal(expected, json_object_get(item, "bodies"))) l->wrong++;
    json_decref(expected);
    return entry;
}

/* --- files ----------------------------------------------------------------------------------- */

static sqlite3 *open_database(const char *path)
{
    sqlite3 *db = NULL;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK) {
        sqlite3_busy_timeout(db, BUSY_MS);
        return db;
    }
    sqlite3_close(db);
    return NULL;
}

/* Each row to each(); false when the file cannot be read to its end. */
static bool query(const char *path, const char *sql, void (*each)(void *user, sqlite3_stmt *row),
                  void *user)
{
    sqlite3_stmt *rows = NULL;
    sqlite3 *db = open_database(path);
    int result = SQLITE_ERROR;
    if (db && sqlite3_prepare_v2(db, sql, -1, &rows, NULL) == SQLITE_OK)
        while ((result = sqlite3_step(rows)) == SQLITE_ROW)
            each(user, rows);
    sqlite3_finalize(rows);
    sqlite3_close(db);
    return result == SQLITE_DONE;
}

static json_t *item_in(sqlite3_stmt *row, int column)
{
    const char *bytes = sqlite3_column_blob(row, column);
    return json_loadb(bytes ? bytes : "", (size_t)sqlite3_column_bytes(row, column), 0, NULL);
}

struct reading {
    struct ledger *ledger;
    unsigned first, count, found; /* of interest */
    sqlite3_int64 stream, seq;    /* of the row before */
    unsigned number;
};

static void read_journal_row(void *user, sqlite3_stmt *row)
{
    struct reading *r = user;
    unsigned number = 0;
    json_t *item = item_in(row, 0);
    struct ledger_entry *entry = look_at(r->ledger, item, &number);
    json_decref(item);
    if (!entry) return;
    entry->accepted = true;
    if (number >= r->first && number - r->first < r->count) r->found++;
}

/* A row marked again is there for its number alone: the same version of the same story, numbered
 * anew. */
static void read_store_row(void *user, sqlite3_stmt *row)
{
    struct reading *r = user;
    unsigned number = 0;
    sqlite3_int64 stream = sqlite3_column_int64(row, 0), seq = sqlite3_column_int64(row, 1);
    bool same = stream == r->stream;
    bool again = sqlite3_column_int(row, 2) != 0;
    json_t *item = item_in(row, 3);
    struct ledger_entry *entry = look_at(r->ledger, item, &number);
    json_decref(item);
    if (!same) r->ledger->streams++;
    if (seq != (same ? r->seq + 1 : 1)) r->ledger->holes++;
    if (same && number <= r->number) r->ledger->disorder++;
    r->stream = stream;
    r->seq = seq;
    r->number = number;
    if (entry && !again) entry->stored++;
}

static void begin_reading(struct ledger *l)
{
    l->foreign = l->wrong = l->holes = l->disorder = l->streams = 0;
}

bool ledger_accept_journal(struct ledger *l, const char *path, unsigned first, unsigned count,
                           unsigned *in_journal)
{
    struct reading r = {.ledger = l, .first = first, .count = count};
    begin_reading(l);
    bool ok = query(path, "SELECT bytes FROM item WHERE bytes IS NOT NULL", read_journal_row, &r);
    if (ok && in_journal) *in_journal = r.found;
    return ok;
}

bool ledger_read_store(struct ledger *l, const char *path)
{
    struct reading r = {.ledger = l, .stream = -1};
    begin_reading(l);
    for (unsigned n = 1; n <= l->size; n++)
        l->entries[n].stored = 0;
    return query(path,
                 "SELECT stream, seq, again, bytes FROM item WHERE bytes IS NOT NULL"
                 " ORDER BY stream, seq",
                 read_store_row, &r);
}

bool ledger_read_shown(struct ledger *l, const char *path)
{
    char *line = NULL;
    size_t size = 0;
    unsigned number;
    FILE *file = fopen(path, "r");
    if (!file) return false;
    begin_reading(l);
    for (unsigned n = 1; n <= l->size; n++)
        l->entries[n].shown = 0;
    while (getline(&line, &size, file) > 0) {
        json_t *whole = json_loads(line, 0, NULL);
        struct ledger_entry *entry = look_at(l, json_object_get(whole, "item"), &number);
        if (entry) entry->shown++;
        json_decref(whole);
    }
    free(line);
    fclose(file);
    return true;
}

static void read_count(void *user, sqlite3_stmt *row)
{
    *(unsigned *)user = (unsigned)sqlite3_column_int64(row, 0);
}

unsigned ledger_count_store(const char *path)
{
    unsigned count = 0;
    (void)query(path, "SELECT count(*) FROM item WHERE bytes IS NOT NULL AND NOT again", read_count,
                &count);
    return count;
}

unsigned ledger_count_lines(const char *path)
{
    static char bytes[65536];
    unsigned count = 0;
    FILE *file = fopen(path, "r");
    for (size_t n; file && (n = fread(bytes, 1, sizeof bytes, file)) > 0;)
        for (const char *at = bytes; (at = memchr(at, '\n', n - (size_t)(at - bytes))); at++)
            count++;
    if (file) fclose(file);
    return count;
}

/* --- the verdict ------------------------------------------------------------------------------ */

struct ledger_verdict ledger_judge(const struct ledger *l)
{
    struct ledger_verdict v = {0};
    for (unsigned n = 1; n <= l->size; n++) {
        const struct ledger_entry *e = &l->entries[n];
        bool lost = e->accepted && e->stored == 0, twice = e->stored > 1;
        if (lost && v.lost++ == 0) v.first_lost = n;
        if (twice && v.twice++ == 0) v.first_twice = n;
        v.not_shown += e->accepted && e->shown == 0;
        v.shown_twice += e->shown > 1;
    }
    return v;
}
