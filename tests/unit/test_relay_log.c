#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/topic.h"
#include "relay/log.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define SECOND       INT64_C(1000000)
#define BEHIND       65536 /* kept beyond items_max for a follower */

/* ------------------------------------------------------------------------------------ Helpers */

static void fill(void *user, void *out, size_t len)
{
    memset(out, (*(uint8_t *)user)++, len);
}

static const struct log_config small = {
    .items_max = 10,
    .bytes_max = 100000,
    .retained_max = 3,
    .retained_bytes_max = 100,
    .publishers_max = 2,
    .followers = 1,
};

static struct relay_log *fresh(const struct log_config *c)
{
    static uint8_t next;
    struct news_error err;
    struct relay_log *l = relay_log_new(c, &(struct nrp_random){&next, fill}, &err);
    assert_non_null(l);
    return l;
}

static struct record *record(const char *topic, const char *payload, uint8_t flags)
{
    struct record *r = record_new(topic, strlen(topic), payload, strlen(payload), flags);
    assert_non_null(r);
    return r;
}

static enum log_appended append_of(struct relay_log *l, const struct log_publisher *who,
                                   uint64_t id, int64_t at_us, uint64_t *iseq)
{
    struct record *r = record("t", "payload", 0);
    enum log_appended result = relay_log_append(l, who, id, r, at_us, iseq);
    record_unref(r);
    return result;
}

static bool append(struct relay_log *l)
{
    uint64_t iseq;
    return append_of(l, NULL, 0, 0, &iseq) == LOG_APPENDED;
}

static void append_count(struct relay_log *l, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_true(append(l));
}

static void keep(struct relay_log *l, const char *topic, const char *payload)
{
    uint64_t iseq;
    struct record *r = record(topic, payload, NRP_FLAG_RETAIN);
    assert_int_equal(relay_log_append(l, NULL, 0, r, 0, &iseq), LOG_APPENDED);
    record_unref(r);
}

static void unref_all(struct record **records, size_t count)
{
    for (size_t i = 0; i < count; i++)
        record_unref(records[i]);
}

/* How many it took; they must go on from where the follower was. */
static size_t follow(struct relay_log *l, unsigned follower, size_t max)
{
    struct record *out[64];
    size_t taken = 0;
    while (taken < max) {
        uint64_t before = relay_log_followed(l, follower);
        size_t want = max - taken < COUNT(out) ? max - taken : COUNT(out);
        size_t count = relay_log_follow(l, follower, out, want);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(out[i]->iseq, before + 1 + i);
        assert_int_equal(relay_log_followed(l, follower), before + count);
        unref_all(out, count);
        taken += count;
        if (count < want) break;
    }
    return taken;
}

static struct log_counts counts(const struct relay_log *l)
{
    struct log_counts c;
    relay_log_counts(l, &c);
    return c;
}

/* ------------------------------------------------------------------------------------- Records */

static void a_record_holds_topic_and_payload(void **state)
{
    (void)state;
    struct record *r = record_new("news/x", 6, "bytes", 5, NRP_FLAG_ACK);
    assert_string_equal(record_topic(r), "news/x");
    assert_memory_equal(record_payload(r), "bytes", 5);
    assert_int_equal(record_size(r), 11);
    assert_int_equal(r->flags, NRP_FLAG_ACK);
    assert_ptr_equal(record_ref(r), r);
    record_unref(r);
    record_unref(r);
    record_unref(NULL);
    assert_null(record_new("x", (size_t)UINT16_MAX + 1, "", 0, 0));
    assert_null(record_new("x", 1, "", (size_t)UINT32_MAX + 1, 0));
}

/* ---------------------------------------------------------------------------------- Publishing */

static void items_are_numbered_from_one(void **state)
{
    (void)state;
    struct relay_log *l = fresh(&small), *other = fresh(&small);
    assert_int_equal(relay_log_last(l), 0);
    assert_int_equal(relay_log_oldest(l), 1);
    for (uint64_t i = 1; i <= 5; i++) {
        uint64_t iseq;
        assert_int_equal(append_of(l, NULL, 0, 0, &iseq), LOG_APPENDED);
        assert_int_equal(iseq, i);
    }
    assert_int_equal(relay_log_last(l), 5);
    assert_int_equal(relay_log_oldest(l), 1);
    assert_int_not_equal(relay_log_epoch(l), 0);
    assert_int_not_equal(relay_log_epoch(l), relay_log_epoch(other));
    relay_log_free(l);
    relay_log_free(other);
}

static void bad_numbers_of_followers_are_refused(void **state)
{
    (void)state;
    static const unsigned wrong[] = {0, 65};
    uint8_t next = 1;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct log_config c = small;
        struct news_error err;
        c.followers = wrong[i];
        assert_null(relay_log_new(&c, &(struct nrp_random){&next, fill}, &err));
        assert_int_equal(err.code, NEWS_ERR_CONFIG);
    }
}

static void a_publication_is_taken_once(void **state)
{
    (void)state;
    static const struct {
        uint8_t client, nonce;
        uint32_t key;
        uint64_t id;
        enum log_appended expected;
    } rows[] = {
        {1, 1, 0, 1, LOG_APPENDED},
        {1, 1, 0, 1, LOG_REPEATED},
        {1, 1, 0, 3, LOG_APPENDED},
        {1, 1, 0, 2, LOG_APPENDED},
        {1, 1, 0, 3, LOG_REPEATED},
        {1, 1, 0, 2, LOG_REPEATED},
        {1, 2, 0, 1, LOG_APPENDED}, /* another session of it */
        {1, 1, 7, 1, LOG_APPENDED}, /* another's key */
        {1, 1, 7, 1, LOG_REPEATED},
        {1, 1, 0, 1, LOG_REPEATED},
        {1, 1, 0, 5000, LOG_APPENDED},
        {1, 1, 0, 4999, LOG_APPENDED},
        {1, 1, 0, 5000, LOG_REPEATED},
        {1, 1, 0, 3977, LOG_APPENDED}, /* the last that is remembered */
        {1, 1, 0, 3977, LOG_REPEATED},
        {1, 1, 0, 3976, LOG_APPENDED}, /* too long ago to know: rather twice than never */
        {1, 1, 0, 3976, LOG_APPENDED},
        {1, 1, 0, 3, LOG_APPENDED},
        {1, 1, 0, UINT64_MAX, LOG_APPENDED}, /* never remembered */
        {1, 1, 0, UINT64_MAX, LOG_APPENDED},
        {1, 1, 0, 5000, LOG_REPEATED}, /* and nothing of it changed what is */
        {1, 1, 0, 0, LOG_APPENDED},
        {1, 1, 0, 0, LOG_APPENDED}, /* QoS 0 */
    };
    struct log_config c = small;
    c.publishers_max = 3;
    struct relay_log *l = fresh(&c);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct log_publisher who = {
            .key_id = rows[i].key, .client_id = {rows[i].client}, .nonce = {rows[i].nonce}};
        uint64_t iseq = 77;
        if (append_of(l, &who, rows[i].id, 0, &iseq) != rows[i].expected) fail_msg("row %zu", i);
        assert_int_equal(iseq, rows[i].expected == LOG_APPENDED ? relay_log_last(l) : 0);
    }
    assert_int_equal(counts(l).repeated, 8);
    relay_log_free(l);
}

static void a_publisher_is_forgotten_after_ten_minutes_of_silence(void **state)
{
    (void)state;
    struct relay_log *l = fresh(&small);
    struct log_publisher a = {.client_id = {1}}, b = {.client_id = {2}};
    uint64_t iseq;
    (void)append_of(l, &a, 1, 0, &iseq);
    (void)append_of(l, &b, 1, 0, &iseq);
    assert_int_equal(append_of(l, &a, 1, 300 * SECOND, &iseq), LOG_REPEATED);
    relay_log_tick(l, 600 * SECOND - 1);
    assert_int_equal(counts(l).publishers, 2);
    relay_log_tick(l, 600 * SECOND);
    assert_int_equal(counts(l).publishers, 1);
    assert_int_equal(append_of(l, &a, 1, 600 * SECOND, &iseq), LOG_REPEATED);
    assert_int_equal(append_of(l, &b, 1, 600 * SECOND, &iseq), LOG_APPENDED);
    relay_log_free(l);
}

static void of_too_many_publishers_the_one_silent_for_longest_is_forgotten(void **state)
{
    (void)state;
    struct relay_log *l = fresh(&small);
    struct log_publisher who[] = {{.client_id = {1}}, {.client_id = {2}}, {.client_id = {3}}};
    uint64_t iseq;
    (void)append_of(l, &who[0], 1, 1, &iseq);
    (void)append_of(l, &who[1], 1, 2, &iseq);
    (void)append_of(l, &who[0], 2, 3, &iseq);
    (void)append_of(l, &who[2], 1, 4, &iseq);
    assert_int_equal(counts(l).publishers, 2);
    assert_int_equal(append_of(l, &who[0], 1, 5, &iseq), LOG_REPEATED);
    assert_int_equal(append_of(l, &who[1], 1, 6, &iseq), LOG_APPENDED);
    relay_log_free(l);
}

/* ------------------------------------------------------------------------------------- Keeping */

static void the_oldest_leave_when_there_are_too_many(void **state)
{
    (void)state;
    struct relay_log *l = fresh(&small);
    append_count(l, 25);
    assert_int_equal(follow(l, 0, SIZE_MAX), 25);
    assert_int_equal(relay_log_oldest(l), 16);
    assert_int_equal(counts(l).items, 10);
    assert_int_equal(counts(l).evicted, 15);
    assert_int_equal(counts(l).accepted, 25);
    assert_int_equal(counts(l).bytes, 80);
    append_count(l, 1);
    assert_int_equal(follow(l, 0, 1), 1);
    assert_int_equal(relay_log_oldest(l), 17);
    relay_log_free(l);
}

static void the_oldest_leave_when_they_are_too_large_but_one_stays(void **state)
{
    (void)state;
    struct log_config c = small;
    c.bytes_max = 20;
    struct relay_log *l = fresh(&c);
    for (unsigned i = 0; i < 5; i++) {
        append_count(l, 1);
        (void)follow(l, 0, SIZE_MAX);
    }
    assert_int_equal(counts(l).items, 2);
    keep(l, "t", "a payload of which one alone is more than the log has room for");
    (void)follow(l, 0, SIZE_MAX);
    assert_int_equal(counts(l).items, 1);
    assert_true(relay_log_room(l));
    append_count(l, 2);
    (void)follow(l, 0, SIZE_MAX);
    assert_int_equal(counts(l).items, 2);
    relay_log_free(l);
}

static void what_the_slowest_follower_has_not_taken_stays(void **state)
{
    (void)state;
    struct log_config c = small;
    c.followers = 2;
    struct relay_log *l = fresh(&c);
    append_count(l, 5000);
    assert_int_equal(follow(l, 0, SIZE_MAX), 5000);
    assert_int_equal(relay_log_oldest(l), 1);
    assert_int_equal(follow(l, 1, 100), 100);
    assert_int_equal(relay_log_oldest(l), 101);
    assert_int_equal(follow(l, 1, SIZE_MAX), 4900);
    assert_int_equal(counts(l).items, 10);
    assert_int_equal(follow(l, 1, SIZE_MAX), 0);
    relay_log_free(l);
}

static void it_is_full_when_a_follower_is_too_far_behind(void **state)
{
    (void)state;
    struct log_config c = small;
    c.bytes_max = SIZE_MAX;
    struct relay_log *l = fresh(&c);
    append_count(l, small.items_max + BEHIND);
    assert_false(append(l));
    assert_false(relay_log_room(l));
    assert_int_equal(relay_log_last(l), small.items_max + BEHIND);
    assert_int_equal(follow(l, 0, 1), 1);
    assert_true(relay_log_room(l));
    assert_true(append(l));
    assert_false(append(l));
    relay_log_free(l);
}

static void it_is_full_at_twice_its_bytes_as_well(void **state)
{
    (void)state;
    struct log_config c = small;
    c.bytes_max = 40;
    struct relay_log *l = fresh(&c);
    append_count(l, 10); /* of 8 bytes */
    assert_false(append(l));
    assert_int_equal(follow(l, 0, 1), 1);
    assert_true(append(l));
    relay_log_free(l);
}

/* What was refused as full was not published, so the same id must not count as repeated. */
static void a_publication_refused_as_full_can_come_again(void **state)
{
    (void)state;
    struct log_config c = small;
    c.bytes_max = 4;
    struct relay_log *l = fresh(&c);
    struct log_publisher who = {.client_id = {1}};
    uint64_t iseq;
    assert_int_equal(append_of(l, &who, 1, 0, &iseq), LOG_APPENDED);
    assert_int_equal(append_of(l, &who, 2, 0, &iseq), LOG_FULL);
    assert_int_equal(append_of(l, &who, 1, 0, &iseq), LOG_REPEATED);
    assert_int_equal(follow(l, 0, 1), 1);
    assert_int_equal(append_of(l, &who, 2, 0, &iseq), LOG_APPENDED);
    relay_log_free(l);
}

static void many_are_appended_as_far_as_there_is_room(void **state)
{
    (void)state;
    struct log_config c = small;
    c.bytes_max = 40;
    struct relay_log *l = fresh(&c);
    struct record *records[12];
    for (size_t i = 0; i < COUNT(records); i++)
        records[i] = record("t", "payload", 0);
    assert_int_equal(relay_log_append_many(l, records, COUNT(records)), 10);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(records[i]->iseq, i + 1);
    unref_all(records, COUNT(records));
    relay_log_free(l);
}

/* --------------------------------------------------------------------------------- Reading behind
 */

static void reading_tells_what_was_evicted(void **state)
{
    (void)state;
    static const struct {
        uint64_t iseq, to;
        size_t max, count;
        uint64_t next, evicted;
    } rows[] = {
        /* of 25 items, 16 to 25 are left */
        {16, 25, 64, 10, 26, 0}, {16, UINT64_MAX, 64, 10, 26, 0},
        {20, 25, 3, 3, 23, 0},   {20, 22, 64, 3, 23, 0},
        {10, 25, 64, 10, 26, 6}, {10, 25, 2, 2, 18, 6},
        {3, 8, 64, 0, 9, 6},     {0, 25, 64, 10, 26, 15},
        {26, 25, 64, 0, 26, 0},  {26, 30, 64, 0, 26, 0},
        {40, 50, 64, 0, 40, 0},  {5, 4, 64, 0, 5, 0},
        {20, 10, 64, 0, 20, 0},  {UINT64_MAX, UINT64_MAX, 64, 0, UINT64_MAX, 0},
        {20, 25, 0, 0, 20, 0},
    };
    struct relay_log *l = fresh(&small);
    append_count(l, 25);
    (void)follow(l, 0, SIZE_MAX);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct record *out[64];
        uint64_t next, evicted;
        size_t count = relay_log_read(l, rows[i].iseq, rows[i].to, out, rows[i].max, &next,
                                      &evicted);
        if (count != rows[i].count || next != rows[i].next || evicted != rows[i].evicted)
            fail_msg("row %zu: %zu, next %ju, evicted %ju", i, count, (uintmax_t)next,
                     (uintmax_t)evicted);
        for (size_t k = 0; k < count; k++)
            assert_int_equal(out[k]->iseq, next - count + k);
        unref_all(out, count);
    }
    relay_log_free(l);
}

static void an_empty_log_has_nothing_to_read(void **state)
{
    (void)state;
    struct relay_log *l = fresh(&small);
    struct record *out[1];
    uint64_t next, evicted;
    assert_int_equal(relay_log_read(l, 1, 100, out, 1, &next, &evicted), 0);
    assert_int_equal(next, 1);
    assert_int_equal(evicted, 0);
    assert_int_equal(relay_log_follow(l, 0, out, 1), 0);
    relay_log_free(l);
}

/* ------------------------------------------------------------------------------------ Retained */

struct found {
    char text[256];
    uint64_t last_iseq;
};

static void note(void *user, struct record *r)
{
    struct found *f = user;
    size_t len = strlen(f->text);
    (void)snprintf(f->text + len, sizeof f->text - len, "%s=%.*s ", record_topic(r),
                   (int)r->payload_len, (const char *)record_payload(r));
    assert_true(r->iseq > f->last_iseq);
    f->last_iseq = r->iseq;
    record_unref(r);
}

static void assert_retained(struct relay_log *l, const char *filter, uint64_t up_to,
                            const char *expected)
{
    struct found f = {0};
    relay_log_retained(l, filter, up_to, note, &f);
    assert_string_equal(f.text, expected);
}

static void the_last_of_each_topic_is_kept(void **state)
{
    (void)state;
    struct relay_log *l = fresh(&small);
    keep(l, "a/x", "1");
    keep(l, "a/y", "2");
    keep(l, "a/x", "3");
    append_count(l, 1);
    assert_retained(l, "a/x", UINT64_MAX, "a/x=3 ");
    assert_retained(l, "#", UINT64_MAX, "a/y=2 a/x=3 ");
    assert_retained(l, "a/+", 2, "a/y=2 ");
    assert_retained(l, "a/x", 2, "");
    assert_retained(l, "a", UINT64_MAX, "");
    assert_retained(l, "b/#", UINT64_MAX, "");
    assert_int_equal(counts(l).retained, 2);
    assert_int_equal(counts(l).retained_bytes, 8);
    relay_log_free(l);
}

static void it_is_kept_when_it_has_left_the_log(void **state)
{
    (void)state;
    struct relay_log *l = fresh(&small);
    keep(l, "a", "1");
    append_count(l, 100);
    (void)follow(l, 0, SIZE_MAX);
    assert_true(relay_log_oldest(l) > 1);
    assert_retained(l, "#", UINT64_MAX, "a=1 ");
    relay_log_free(l);
}

static void an_empty_payload_removes_what_was_kept(void **state)
{
    (void)state;
    struct relay_log *l = fresh(&small);
    keep(l, "a", "1");
    keep(l, "a", "");
    keep(l, "never", "");
    assert_retained(l, "#", UINT64_MAX, "");
    assert_int_equal(counts(l).retained, 0);
    assert_int_equal(counts(l).retained_refused, 0);
    assert_int_equal(relay_log_last(l), 3);
    relay_log_free(l);
}

static void topics_beyond_the_bound_are_published_but_not_kept(void **state)
{
    (void)state;
    struct relay_log *l = fresh(&small);
    keep(l, "a", "1");
    keep(l, "b", "2");
    keep(l, "c", "3");
    keep(l, "d", "4");
    assert_int_equal(relay_log_last(l), 4);
    assert_int_equal(counts(l).retained_refused, 1);
    keep(l, "b", "5");
    assert_retained(l, "#", UINT64_MAX, "a=1 c=3 b=5 ");
    keep(l, "a", "");
    keep(l, "d", "6");
    assert_retained(l, "#", UINT64_MAX, "c=3 b=5 d=6 ");
    relay_log_free(l);
}

/* Better none than one that is not the last any more. */
static void one_that_became_too_large_takes_the_old_one_with_it(void **state)
{
    (void)state;
    char large[101] = {0};
    memset(large, 'x', sizeof large - 1);
    struct relay_log *l = fresh(&small);
    keep(l, "a", "1");
    keep(l, "a", large);
    assert_retained(l, "#", UINT64_MAX, "");
    assert_int_equal(counts(l).retained_refused, 1);
    assert_int_equal(counts(l).retained_bytes, 0);
    relay_log_free(l);
}

/* ------------------------------------------------------------------------------------- Threads */

enum { APPENDERS = 2, FOLLOWERS = 2, EACH = 20000, BATCH = 16 };

struct worker {
    struct relay_log *log;
    unsigned number;
    size_t wrong;
};

/* Half of them one by one and each a second time, half in batches. */
static void *append_all(void *user)
{
    struct worker *w = user;
    struct log_publisher who = {.client_id = {(uint8_t)w->number}};
    struct record *batch[BATCH];
    for (uint64_t i = 1; i <= EACH / 2; i++) {
        struct record *r = record("t", "payload", NRP_FLAG_RETAIN);
        uint64_t iseq;
        while (relay_log_append(w->log, &who, i, r, 0, &iseq) == LOG_FULL)
            (void)sched_yield();
        w->wrong += relay_log_append(w->log, &who, i, r, 0, &iseq) != LOG_REPEATED;
        record_unref(r);
    }
    for (size_t left = EACH / 2; left > 0;) {
        size_t count = left < BATCH ? left : BATCH, done = 0;
        for (size_t i = 0; i < count; i++)
            batch[i] = record("t", "payload", 0);
        while ((done += relay_log_append_many(w->log, batch + done, count - done)) < count)
            (void)sched_yield();
        unref_all(batch, count);
        left -= count;
    }
    return NULL;
}

static void *follow_all(void *user)
{
    struct worker *w = user;
    struct record *out[BATCH];
    for (uint64_t next = 1; next <= APPENDERS * EACH;) {
        size_t count = relay_log_follow(w->log, w->number, out, BATCH);
        for (size_t i = 0; i < count; i++)
            w->wrong += out[i]->iseq != next++ || record_size(out[i]) != 8;
        unref_all(out, count);
        uint64_t oldest = relay_log_oldest(w->log);
        w->wrong += oldest > next || relay_log_last(w->log) + 1 < next;
        if (count == 0) (void)sched_yield();
    }
    return NULL;
}

static void every_follower_sees_every_item_once_in_order(void **state)
{
    (void)state;
    struct log_config c = small;
    c.bytes_max = 20000; /* so that it is full now and then */
    c.followers = FOLLOWERS;
    struct relay_log *l = fresh(&c);
    struct worker workers[APPENDERS + FOLLOWERS] = {0};
    pthread_t threads[COUNT(workers)];
    for (unsigned i = 0; i < COUNT(workers); i++) {
        bool appends = i < APPENDERS;
        workers[i] = (struct worker){.log = l, .number = appends ? i : i - APPENDERS};
        void *(*run)(void *) = appends ? append_all : follow_all;
        assert_int_equal(pthread_create(&threads[i], NULL, run, &workers[i]), 0);
    }
    for (unsigned i = 0; i < COUNT(workers); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(workers[i].wrong, 0);
    }
    assert_int_equal(relay_log_last(l), APPENDERS * EACH);
    assert_int_equal(counts(l).items, c.items_max);
    relay_log_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_holds_topic_and_payload),
        cmocka_unit_test(items_are_numbered_from_one),
        cmocka_unit_test(bad_numbers_of_followers_are_refused),
        cmocka_unit_test(a_publication_is_taken_once),
        cmocka_unit_test(a_publisher_is_forgotten_after_ten_minutes_of_silence),
        cmocka_unit_test(of_too_many_publishers_the_one_silent_for_longest_is_forgotten),
        cmocka_unit_test(the_oldest_leave_when_there_are_too_many),
        cmocka_unit_test(the_oldest_leave_when_they_are_too_large_but_one_stays),
        cmocka_unit_test(what_the_slowest_follower_has_not_taken_stays),
        cmocka_unit_test(it_is_full_when_a_follower_is_too_far_behind),
        cmocka_unit_test(it_is_full_at_twice_its_bytes_as_well),
        cmocka_unit_test(a_publication_refused_as_full_can_come_again),
        cmocka_unit_test(many_are_appended_as_far_as_there_is_room),
        cmocka_unit_test(reading_tells_what_was_evicted),
        cmocka_unit_test(an_empty_log_has_nothing_to_read),
        cmocka_unit_test(the_last_of_each_topic_is_kept),
        cmocka_unit_test(it_is_kept_when_it_has_left_the_log),
        cmocka_unit_test(an_empty_payload_removes_what_was_kept),
        cmocka_unit_test(topics_beyond_the_bound_are_published_but_not_kept),
        cmocka_unit_test(one_that_became_too_large_takes_the_old_one_with_it),
        cmocka_unit_test(every_follower_sees_every_item_once_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
