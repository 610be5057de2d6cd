#include "common/storage/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/hash.h"
#include "common/json.h"

/* Bytes around what a message holds; a little more than sync_message.c writes. */
#define BATCH_FRAME   96u
#define ITEM_FRAME    24u
#define END_FRAME     160u
#define THROUGH_FRAME 24u
#define MISSING_FRAME 120u /* two numbers and a reason */
#define REASON_MAX    64u

enum query { LAST_OF_TOPIC, ANY_STREAM, STREAMS, ABOVE, BELOW, TIME_FROM, ROW, QUERIES };

static const char *const sql[QUERIES] = {
    [LAST_OF_TOPIC] = "SELECT last FROM stream WHERE publisher=?1 AND epoch=?2 AND topic=?3",
    [ANY_STREAM] = "SELECT 1 FROM stream WHERE publisher=?1 AND epoch=?2 LIMIT 1",
    [STREAMS] = "SELECT id, last, topic FROM stream WHERE publisher=?1 AND epoch=?2 AND topic>?3"
                " AND length(CAST(topic AS BLOB))<?4 ORDER BY topic",
    [ABOVE] =
        "SELECT seq, id FROM item WHERE stream=?1 AND seq>?2 AND seq<=?3 ORDER BY seq LIMIT 1",
    [BELOW] = "SELECT seq, id, reason IS NULL FROM item WHERE stream=?1 AND seq<=?2"
              " ORDER BY seq DESC LIMIT 1",
    [TIME_FROM] = "SELECT seq, time_ms FROM item WHERE stream=?1 AND seq>=?2 AND seq<?3"
                  " ORDER BY seq LIMIT 1",
    [ROW] = "SELECT sum, reason, bytes FROM item WHERE id=?1",
};

/* A stream of which this client may lack something. */
struct lag {
    int64_t stream;
    const char *topic;
    uint64_t reached; /* handed out or declared missing up to here; at first what the client has */
    uint64_t last;
    uint64_t seq; /* the row that comes next */
    int64_t id;
    int64_t turn;         /* the smallest in the heap is first: its id, from the end on -id */
    uint32_t topic_bytes; /* as JSON */
    uint32_t missing;     /* its newest range: index + 1; 0 none */
    bool named;           /* END tells how far it was brought */
    bool is_item;         /* the row that comes next has no reason */
};

enum phase { FIND_STREAMS, FIND_LAST, FIND_SINCE, FIND_FIRST, SEND, END };

struct job { /* one client's request */
    struct sync_route route;
    struct sync_request request;
    size_t request_bytes;

    enum phase phase;
    char after[TOPIC_MAX]; /* FIND_STREAMS: the topic it has come to */
    size_t at;             /* the next phases: the lag it has come to */
    uint64_t counted;      /* FIND_LAST: items */
    uint64_t sent;         /* SEND: items */

    struct arena *memory; /* topics, reasons */
    struct lag *lags;
    size_t lag_count, lag_size;
    uint32_t *heap; /* lags by turn */
    size_t heap_count;

    struct sync_missing *missing;
    size_t missing_count, missing_size;
    size_t named, end_bytes; /* of the END to be written */
    bool known, moved, more, unknown;
};

struct answerer {
    struct db *db;
    bool archive;
    char ahead[WIRE_EPOCH_SIZE]; /* of the last request, if it claimed too much; "" */
    bool (*knows)(void *user, const char *publisher, const char *epoch);
    void *user;
    sqlite3_stmt *query[QUERIES];
    struct job *jobs[ANSWER_CLIENTS_MAX]; /* the first ANSWER_TURNS take turns */
    size_t job_count, turn, request_bytes;

    /* of the present answerer_next() */
    long rows; /* left to look up */
    size_t room;
    struct buf *payload;
    size_t batched; /* items in it */
};

/* What a piece of work comes to. */
enum step { STEP_ON, STEP_PAUSE, STEP_FAILED };

static enum step failed_memory(struct news_error *err)
{
    news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    return STEP_FAILED;
}

/* Steps a query whose parameters are bound; the caller resets it when there was a row. */
static bool look_up(struct answerer *a, enum query q, bool *row, struct news_error *err)
{
    a->rows--;
    return db_row(a->db, a->query[q], row, err);
}

static void bind_number(struct answerer *a, enum query q, int index, uint64_t value)
{
    (void)sqlite3_bind_int64(a->query[q], index, (sqlite3_int64)value);
}

static void bind_text(struct answerer *a, enum query q, int index, const char *text)
{
    (void)sqlite3_bind_text(a->query[q], index, text, -1, SQLITE_STATIC);
}

static uint64_t number_of(const struct answerer *a, enum query q, int column)
{
    return (uint64_t)sqlite3_column_int64(a->query[q], column);
}

static void reset(struct answerer *a, enum query q)
{
    (void)sqlite3_reset(a->query[q]);
}

/* ------------------------------------------------------------------------- Which row comes next */

static bool before(const struct job *job, uint32_t a, uint32_t b)
{
    return job->lags[a].turn < job->lags[b].turn;
}

static void heap_push(struct job *job, uint32_t index)
{
    size_t at = job->heap_count++;
    for (; at > 0 && before(job, index, job->heap[(at - 1) / 2]); at = (at - 1) / 2)
        job->heap[at] = job->heap[(at - 1) / 2];
    job->heap[at] = index;
}

static uint32_t heap_pop(struct job *job)
{
    uint32_t first = job->heap[0], moved = job->heap[--job->heap_count];
    size_t at = 0, child;
    for (; (child = 2 * at + 1) < job->heap_count; at = child) {
        if (child + 1 < job->heap_count && before(job, job->heap[child + 1], job->heap[child]))
            child++;
        if (!before(job, job->heap[child], moved)) break;
        job->heap[at] = job->heap[child];
    }
    job->heap[at] = moved;
    return first;
}

/* ------------------------------------------------------------------------ What the END will say */

static void name_stream(struct job *job, struct lag *lag)
{
    if (lag->named) return;
    lag->named = true;
    job->named++;
    job->end_bytes += lag->topic_bytes + THROUGH_FRAME;
}

static void reach(struct job *job, struct lag *lag, uint64_t seq)
{
    lag->reached = seq;
    job->moved = true;
    name_stream(job, lag);
}

/* May this stream be brought on by a row? That can take a position and three ranges: before the
 * row, the row, and behind it. The first one is let through in any case, or nothing would ever
 * move. */
static bool end_has_room(const struct answerer *a, const struct job *job, const struct lag *lag)
{
    size_t need = lag->topic_bytes + THROUGH_FRAME + 3 * (lag->topic_bytes + MISSING_FRAME);
    return !job->moved || (job->end_bytes + need <= a->room && job->named < SYNC_POSITIONS_MAX &&
                           job->missing_count + 3 <= SYNC_POSITIONS_MAX);
}

static bool declare_missing(struct job *job, struct lag *lag, uint64_t first, uint64_t last,
                            const char *reason)
{
    if (lag->missing > 0) {
        struct sync_missing *newest = &job->missing[lag->missing - 1];
        if (newest->last + 1 == first && strcmp(newest->reason, reason) == 0) {
            newest->last = last;
            return true;
        }
    }
    if (job->missing_count == job->missing_size) {
        size_t size = job->missing_size * 2 + 16;
        struct sync_missing *grown = realloc(job->missing, size * sizeof *grown);
        if (!grown) return false;
        job->missing = grown;
        job->missing_size = size;
    }
    const char *copy = arena_strndup(job->memory, reason, strnlen(reason, REASON_MAX));
    if (!copy) return false;
    job->missing[job->missing_count++] = (struct sync_missing){lag->topic, first, last, copy};
    lag->missing = (uint32_t)job->missing_count;
    job->end_bytes += lag->topic_bytes + MISSING_FRAME;
    return true;
}

/* What should stand between two rows, or behind the last, is gone; an archive never had it. */
static bool declare_gap(const struct answerer *a, struct job *job, struct lag *lag, uint64_t last)
{
    if (a->archive || last <= lag->reached) return true;
    return declare_missing(job, lag, lag->reached + 1, last, "pruned");
}

static enum step cut(struct job *job)
{
    job->more = true;
    job->phase = END;
    return STEP_ON;
}

static enum step go_to(struct job *job, enum phase phase)
{
    job->phase = phase;
    job->at = 0;
    job->heap_count = 0;
    return STEP_ON;
}

/* ------------------------------------------------------------------------- The streams concerned
 */

static int by_topic(const void *a, const void *b)
{
    const struct sync_position *p = a, *q = b;
    return strcmp(p->topic, q->topic);
}

/* have is in the order of its topics: answerer_take() sorted it. */
static uint64_t position_claimed(const struct sync_request *r, const char *topic)
{
    const struct sync_position key = {.topic = topic};
    const struct sync_position *found =
        r->have_count ? bsearch(&key, r->have, r->have_count, sizeof key, by_topic) : NULL;
    return found ? found->seq : 0;
}

static bool is_asked_for(const struct sync_request *r, const char *topic)
{
    for (size_t i = 0; i < r->filter_count; i++)
        if (topic_matches(r->filters[i], topic)) return true;
    return false;
}

static struct lag *add_lag(struct job *job, const char *topic)
{
    if (job->lag_count == job->lag_size) {
        size_t size = job->lag_size * 2 + 16;
        struct lag *grown = realloc(job->lags, size * sizeof *grown);
        if (!grown) return NULL;
        job->lags = grown;
        job->lag_size = size;
    }
    struct lag *lag = &job->lags[job->lag_count];
    *lag = (struct lag){.topic = arena_strdup(job->memory, topic)};
    if (!lag->topic) return NULL;
    job->lag_count++;
    return lag;
}

static size_t json_bytes(const char *text)
{
    struct buf b = {0};
    json_put_string(&b, text, strlen(text));
    size_t len = b.len;
    buf_deinit(&b);
    return len;
}

/* One row of STREAMS. */
static bool meet_stream(struct answerer *a, struct job *job, struct news_error *err)
{
    const struct sync_request *r = &job->request;
    const char *topic = (const char *)sqlite3_column_text(a->query[STREAMS], 2);
    bool newcomer = r->from != SYNC_HAVE;
    uint64_t last = number_of(a, STREAMS, 1), have = newcomer ? last : position_claimed(r, topic);
    job->known = true;
    (void)snprintf(job->after, sizeof job->after, "%s", topic);
    if ((!newcomer && have >= last) || !is_asked_for(r, topic)) return true;
    size_t bytes = json_bytes(topic);
    /* A newcomer is told of all streams; those for which there is no room it gets from 1. */
    if (newcomer && (job->end_bytes + bytes + THROUGH_FRAME > a->room / 4 * 3 ||
                     job->named == SYNC_POSITIONS_MAX)) {
        job->more = true;
        return true;
    }
    struct lag *lag = add_lag(job, topic);
    if (!lag) return failed_memory(err) == STEP_ON;
    lag->stream = sqlite3_column_int64(a->query[STREAMS], 0);
    lag->last = last;
    lag->reached = have;
    lag->topic_bytes = (uint32_t)bytes;
    if (newcomer) name_stream(job, lag);
    return true;
}

static enum step streams_found(struct answerer *a, struct job *job, struct news_error *err)
{
    const struct sync_request *r = &job->request;
    job->heap = malloc((job->lag_count + 1) * sizeof *job->heap);
    if (!job->heap) return failed_memory(err);
    job->unknown = !job->known &&
                   !(a->knows && a->knows(a->user, job->route.publisher, job->request.epoch));
    if (r->from == SYNC_LAST && r->last > 0) return go_to(job, FIND_LAST);
    return go_to(job, r->from == SYNC_SINCE ? FIND_SINCE : FIND_FIRST);
}

static enum step find_streams(struct answerer *a, struct job *job, struct news_error *err)
{
    bool row = true, ok = true;
    if (!job->memory && !(job->memory = arena_new())) return failed_memory(err);
    bind_text(a, STREAMS, 1, job->route.publisher);
    bind_text(a, STREAMS, 2, job->request.epoch);
    (void)sqlite3_bind_text(a->query[STREAMS], 3, job->after, -1, SQLITE_TRANSIENT);
    bind_number(a, STREAMS, 4, TOPIC_MAX);
    while (ok && row && a->rows > 0) {
        ok = look_up(a, STREAMS, &row, err);
        if (ok && row) ok = meet_stream(a, job, err);
    }
    reset(a, STREAMS);
    if (!ok) return STEP_FAILED;
    return row ? STEP_PAUSE : streams_found(a, job, err);
}

/* ------------------------------------------------------------------------ Where a newcomer starts
 */

/* The highest row of a stream up to seq, if there is one, into the heap. */
static bool push_below(struct answerer *a, struct job *job, uint32_t index, uint64_t seq,
                       struct news_error *err)
{
    struct lag *lag = &job->lags[index];
    bool row;
    bind_number(a, BELOW, 1, (uint64_t)lag->stream);
    bind_number(a, BELOW, 2, seq);
    if (!look_up(a, BELOW, &row, err)) return false;
    if (!row) return true;
    lag->seq = number_of(a, BELOW, 0);
    lag->turn = -sqlite3_column_int64(a->query[BELOW], 1);
    lag->is_item = number_of(a, BELOW, 2) != 0;
    reset(a, BELOW);
    heap_push(job, index);
    return true;
}

/* From the newest row back, until the number of items is reached. */
static enum step find_last(struct answerer *a, struct job *job, struct news_error *err)
{
    for (; job->at < job->lag_count; job->at++) {
        if (a->rows <= 0) return STEP_PAUSE;
        if (!push_below(a, job, (uint32_t)job->at, job->lags[job->at].last, err))
            return STEP_FAILED;
    }
    while (job->heap_count > 0 && job->counted < job->request.last) {
        if (a->rows <= 0) return STEP_PAUSE;
        uint32_t index = heap_pop(job);
        struct lag *lag = &job->lags[index];
        lag->reached = lag->seq - 1;
        if (lag->is_item) job->counted++;
        if (!push_below(a, job, index, lag->seq - 1, err)) return STEP_FAILED;
    }
    return go_to(job, FIND_FIRST);
}

/* The first row of a stream that is not older than asked for: halves what is left of its numbers.
 */
static bool find_time(struct answerer *a, struct lag *lag, int64_t since_ms, struct news_error *err)
{
    uint64_t low = 1, high = lag->last + 1, first = lag->last + 1;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        bool row;
        bind_number(a, TIME_FROM, 1, (uint64_t)lag->stream);
        bind_number(a, TIME_FROM, 2, middle);
        bind_number(a, TIME_FROM, 3, high);
        if (!look_up(a, TIME_FROM, &row, err)) return false;
        uint64_t seq = row ? number_of(a, TIME_FROM, 0) : 0;
        bool older = row && sqlite3_column_int64(a->query[TIME_FROM], 1) < since_ms;
        reset(a, TIME_FROM);
        if (row && !older) first = seq;
        if (older) low = seq + 1;
        else high = middle;
    }
    lag->reached = first - 1;
    return true;
}

static enum step find_since(struct answerer *a, struct job *job, struct news_error *err)
{
    for (; job->at < job->lag_count; job->at++) {
        if (a->rows <= 0) return STEP_PAUSE;
        if (!find_time(a, &job->lags[job->at], job->request.since_ms, err)) return STEP_FAILED;
    }
    return go_to(job, FIND_FIRST);
}

/* ---------------------------------------------------------------------------------------- Rows */

/* The next row of a stream into the heap. Where there is none, the stream is at its end. */
static bool push_above(struct answerer *a, struct job *job, uint32_t index, struct news_error *err)
{
    struct lag *lag = &job->lags[index];
    bool row;
    if (lag->reached >= lag->last) return true;
    bind_number(a, ABOVE, 1, (uint64_t)lag->stream);
    bind_number(a, ABOVE, 2, lag->reached);
    bind_number(a, ABOVE, 3, lag->last);
    if (!look_up(a, ABOVE, &row, err)) return false;
    if (row) {
        lag->seq = number_of(a, ABOVE, 0);
        lag->id = sqlite3_column_int64(a->query[ABOVE], 1);
        lag->turn = lag->id;
        reset(a, ABOVE);
        heap_push(job, index);
        return true;
    }
    if (!declare_gap(a, job, lag, lag->last)) return failed_memory(err) == STEP_ON;
    reach(job, lag, lag->last);
    return true;
}

static enum step find_first(struct answerer *a, struct job *job, struct news_error *err)
{
    for (; job->at < job->lag_count; job->at++) {
        if (a->rows <= 0) return STEP_PAUSE;
        if (!end_has_room(a, job, &job->lags[job->at])) return cut(job);
        if (!push_above(a, job, (uint32_t)job->at, err)) return STEP_FAILED;
    }
    job->phase = SEND;
    return STEP_ON;
}

/* A reason as the other side takes it: printable ASCII. */
static const char *readable(const char *reason)
{
    for (const char *c = reason; *c; c++)
        if (*c < 0x20 || *c > 0x7e) return "gone";
    return *reason ? reason : "gone";
}

/* The row at hand: why it cannot be handed out; NULL: it can. */
static const char *row_refused(const struct answerer *a, const struct lag *lag, const char *bytes,
                               size_t len)
{
    const char *reason = (const char *)sqlite3_column_text(a->query[ROW], 1);
    if (reason) return readable(reason);
    if (len == 0 || hash_bytes(HASH_START, bytes, len) != number_of(a, ROW, 0)) return "damaged";
    if (BATCH_FRAME + ITEM_FRAME + lag->topic_bytes + len > a->room) return "toolarge";
    return NULL;
}

/* False: it is for the next batch. */
static bool batch_takes(struct answerer *a, const struct job *job, const struct lag *lag,
                        const char *bytes, size_t len)
{
    size_t most = a->room < SYNC_BATCH_BYTES ? a->room : SYNC_BATCH_BYTES;
    if (a->batched > 0 && a->payload->len + ITEM_FRAME + lag->topic_bytes + len > most)
        return false;
    if (a->batched++ == 0) sync_batch_open(a->payload, job->request.id);
    sync_batch_add(a->payload, lag->topic, bytes, len);
    return true;
}

/* Brings the stream on to its next row: handed out, or declared missing. One that was there a
 * moment ago and is not any more was pruned. */
static enum step pass_row(struct answerer *a, struct job *job, struct lag *lag,
                          struct news_error *err)
{
    bool row, ok;
    bind_number(a, ROW, 1, (uint64_t)lag->id);
    if (!look_up(a, ROW, &row, err)) return STEP_FAILED;
    if (!row) {
        ok = declare_gap(a, job, lag, lag->seq);
    } else {
        const char *bytes = sqlite3_column_blob(a->query[ROW], 2);
        size_t len = (size_t)sqlite3_column_bytes(a->query[ROW], 2);
        const char *refused = row_refused(a, lag, bytes, len);
        bool taken = refused || batch_takes(a, job, lag, bytes, len);
        ok = !taken || (declare_gap(a, job, lag, lag->seq - 1) &&
                        (!refused || declare_missing(job, lag, lag->seq, lag->seq, refused)));
        reset(a, ROW);
        if (!taken) return STEP_PAUSE;
        if (!refused) job->sent++;
    }
    if (!ok) return failed_memory(err);
    reach(job, lag, lag->seq);
    return STEP_ON;
}

static enum step send_rows(struct answerer *a, struct job *job, struct news_error *err)
{
    while (job->heap_count > 0) {
        struct lag *lag = &job->lags[job->heap[0]];
        if (job->sent == job->request.limit || !end_has_room(a, job, lag)) return cut(job);
        if (a->rows <= 0) return STEP_PAUSE;
        enum step step = pass_row(a, job, lag, err);
        if (step != STEP_ON) return step;
        if (!push_above(a, job, heap_pop(job), err)) return STEP_FAILED;
    }
    job->phase = END;
    return STEP_ON;
}

static enum step write_end(struct answerer *a, const struct job *job, struct news_error *err)
{
    struct sync_end end = {.missing = job->missing,
                           .missing_count = job->missing_count,
                           .more = job->more,
                           .archive = a->archive,
                           .unknown = job->unknown};
    end.through = malloc((job->named + 1) * sizeof *end.through);
    if (!end.through) return failed_memory(err);
    for (size_t i = 0; i < job->lag_count; i++)
        if (job->lags[i].named)
            end.through[end.through_count++] = (struct sync_position){job->lags[i].topic,
                                                                      job->lags[i].reached};
    sync_end_write(a->payload, job->request.id, &end);
    free(end.through);
    if (!buf_ok(a->payload)) return failed_memory(err);
    if (a->payload->len <= a->room) return STEP_ON;
    news_fail(err, NEWS_ERR_TOO_LARGE, "the end of an answer has %zu bytes, above the limit of %zu",
              a->payload->len, a->room);
    return STEP_FAILED;
}

/* Goes on with a request: STEP_PAUSE with or without items in the batch, STEP_ON at its end. */
static enum step job_run(struct answerer *a, struct job *job, struct news_error *err)
{
    static enum step (*const phases[END])(struct answerer *, struct job *, struct news_error *) = {
        [FIND_STREAMS] = find_streams, [FIND_LAST] = find_last, [FIND_SINCE] = find_since,
        [FIND_FIRST] = find_first,     [SEND] = send_rows,
    };
    enum step step = STEP_ON;
    while (step == STEP_ON && job->phase != END)
        step = phases[job->phase](a, job, err);
    if (step == STEP_FAILED) return step;
    if (a->batched > 0) { /* the END comes next time */
        sync_batch_close(a->payload);
        return buf_ok(a->payload) ? STEP_PAUSE : failed_memory(err);
    }
    return step == STEP_ON ? write_end(a, job, err) : step;
}

/* ------------------------------------------------------------------------------------- Requests */

static void job_free(struct job *job)
{
    if (!job) return;
    sync_request_deinit(&job->request);
    arena_free(job->memory);
    free(job->lags);
    free(job->heap);
    free(job->missing);
    free(job);
}

static void drop_job(struct answerer *a, size_t index)
{
    struct job *job = a->jobs[index];
    a->request_bytes -= job->request_bytes;
    a->job_count--;
    memmove(&a->jobs[index], &a->jobs[index + 1], (a->job_count - index) * sizeof(struct job *));
    job_free(job);
}

/* A client has one request: the one before is forgotten. */
static void forget_client(struct answerer *a, const struct sync_route *route)
{
    for (size_t i = 0; i < a->job_count; i++) {
        const struct sync_route *one = &a->jobs[i]->route;
        if (strcmp(one->client, route->client) == 0 &&
            strcmp(one->publisher, route->publisher) == 0) {
            drop_job(a, i);
            return;
        }
    }
}

static bool knows_epoch(struct answerer *a, const struct job *job, bool *out,
                        struct news_error *err)
{
    bind_text(a, ANY_STREAM, 1, job->route.publisher);
    bind_text(a, ANY_STREAM, 2, job->request.epoch);
    bool ok = look_up(a, ANY_STREAM, out, err);
    reset(a, ANY_STREAM);
    if (ok && !*out) *out = a->knows && a->knows(a->user, job->route.publisher, job->request.epoch);
    return ok;
}

static bool is_ahead(struct answerer *a, const struct job *job, bool *out, struct news_error *err)
{
    const struct sync_request *r = &job->request;
    bool ahead = false, ok = true;
    for (size_t i = 0; ok && !ahead && i < r->have_count; i++) {
        bool row = false;
        bind_text(a, LAST_OF_TOPIC, 1, job->route.publisher);
        bind_text(a, LAST_OF_TOPIC, 2, r->epoch);
        bind_text(a, LAST_OF_TOPIC, 3, r->have[i].topic);
        ok = look_up(a, LAST_OF_TOPIC, &row, err);
        ahead = ok && r->have[i].seq > (row ? number_of(a, LAST_OF_TOPIC, 0) : 0);
        reset(a, LAST_OF_TOPIC);
    }
    *out = ahead;
    return ok && (!ahead || knows_epoch(a, job, out, err));
}

/* Parsed and looked at, but not among the jobs yet. */
static bool prepare_job(struct answerer *a, struct job *job, const char *bytes, size_t len,
                        bool *ahead, struct news_error *err)
{
    struct sync_request *r = &job->request;
    if (!sync_request_parse(bytes, len, r, err)) return false;
    if (r->have_count) qsort(r->have, r->have_count, sizeof *r->have, by_topic);
    job->request_bytes = len;
    job->end_bytes = END_FRAME;
    bool reading = db_in_transaction(a->db);
    if (a->archive) return true; /* nobody asks */
    if (!db_begin_reading(a->db, err)) return false;
    bool looked = is_ahead(a, job, ahead, err);
    return (reading || db_end_reading(a->db, err)) && looked;
}

bool answerer_take(struct answerer *a, const struct sync_route *route, const char *bytes,
                   size_t len, struct news_error *err)
{
    bool ahead = false;
    forget_client(a, route);
    if (a->job_count == ANSWER_CLIENTS_MAX || len > ANSWER_REQUEST_BYTES - a->request_bytes)
        return news_fail(err, NEWS_ERR_BUSY, "too many clients wait for an answer");
    struct job *job = calloc(1, sizeof *job);
    if (!job) return failed_memory(err) == STEP_ON;
    job->route = *route;
    if (!prepare_job(a, job, bytes, len, &ahead, err)) {
        job_free(job);
        return false;
    }
    (void)snprintf(a->ahead, sizeof a->ahead, "%s", ahead ? job->request.epoch : "");
    a->request_bytes += len;
    a->jobs[a->job_count++] = job;
    return true;
}

bool answerer_was_ahead(const struct answerer *a, const char *epoch)
{
    return strcmp(a->ahead, epoch) == 0;
}

bool answerer_pending(const struct answerer *a)
{
    return a->job_count > 0;
}

/* --------------------------------------------------------------------------------------- Answers
 */

/* One reading transaction for all that a call looks up: a view that does not change, and much
 * faster than one for each row. */
static enum step run_in_transaction(struct answerer *a, struct job *job, struct news_error *err)
{
    if (!db_exec(a->db, "BEGIN", err)) return STEP_FAILED;
    enum step step = job_run(a, job, err);
    db_rollback(a->db); /* nothing was written */
    return step;
}

enum answer_result answerer_next(struct answerer *a, size_t payload_max, char topic[TOPIC_MAX],
                                 struct buf *payload, struct news_error *err)
{
    buf_clear(payload);
    if (a->job_count == 0) return ANSWER_IDLE;
    if (db_in_transaction(a->db)) return ANSWER_LATER;
    if (a->turn >= ANSWER_TURNS || a->turn >= a->job_count) a->turn = 0;
    struct job *job = a->jobs[a->turn];
    a->rows = ANSWER_ROWS;
    a->room = payload_max < SYNC_MESSAGE_MAX ? payload_max : SYNC_MESSAGE_MAX;
    a->payload = payload;
    a->batched = 0;
    (void)snprintf(topic, TOPIC_MAX, "%s%s/%s", SYNC_REPLY, job->route.client,
                   job->route.publisher);
    enum step step = run_in_transaction(a, job, err);
    if (step == STEP_PAUSE) a->turn++;
    else drop_job(a, a->turn);
    if (step == STEP_FAILED) {
        buf_clear(payload);
        return ANSWER_FAILED;
    }
    return payload->len > 0 ? ANSWER_MESSAGE : ANSWER_LATER;
}

/* ----------------------------------------------------------------------------------------- Life */

struct answerer *answerer_new(struct db *db, bool archive, struct news_error *err)
{
    struct answerer *a = calloc(1, sizeof *a);
    if (!a) {
        (void)failed_memory(err);
        return NULL;
    }
    a->db = db;
    a->archive = archive;
    for (size_t i = 0; i < QUERIES; i++) {
        a->query[i] = db_prepare(db, sql[i], err);
        if (a->query[i]) continue;
        answerer_free(a);
        return NULL;
    }
    return a;
}

void answerer_on_epoch(struct answerer *a,
                       bool (*knows)(void *user, const char *publisher, const char *epoch),
                       void *user)
{
    a->knows = knows;
    a->user = user;
}

void answerer_free(struct answerer *a)
{
    if (!a) return;
    while (a->job_count > 0)
        drop_job(a, a->job_count - 1);
    for (size_t i = 0; i < QUERIES; i++)
        (void)sqlite3_finalize(a->query[i]);
    free(a);
}
