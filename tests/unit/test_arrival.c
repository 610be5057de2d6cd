#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "subscriber/arrival.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NOW_MS       INT64_C(1795442527000) /* 2026-11-23T14:02:07Z */

/* ------------------------------------------------------------------------------------ Helpers */

static const char topic[] = "news/harbour/world/fr/3/sport/football";

struct came {
    struct ninjs item;
    struct arrival a;
};

static void come(struct came *c, const char *on, const char *item)
{
    struct ninjs_fault fault;
    if (!ninjs_check(item, strlen(item), &c->item, &fault))
        fail_msg("%s: %s: %s", item, fault.path, fault.what);
    c->a = (struct arrival){.topic = on, .item = &c->item, .received_ms = NOW_MS};
    if (!topic_split(TOPIC_ROOT, on, &c->a.levels)) c->a.levels = (struct topic_levels){0};
}

static void assert_field(const struct arrival *a, const char *name, const char *expected)
{
    struct buf out = {0};
    const struct field *f = field_find(name, strlen(name));
    if (!f) fail_msg("there is no field %s", name);
    field_clean(f, a, &out);
    buf_puts(&out, "");
    if (strcmp(out.data, expected) != 0) fail_msg("%s: \"%s\"", name, out.data);
    buf_deinit(&out);
}

static int berlin(void **state)
{
    (void)state;
    (void)setenv("TZ", "CET-1", 1);
    tzset();
    return 0;
}

/* --------------------------------------------------------------------------------------- Tests */

static void every_field_shows_its_part_of_the_item(void **state)
{
    (void)state;
    static const char *const fields[][2] = {
        {"headline", "Storm \xe2\x80\x93 all ports"},
        {"source", "Harbour Wire"},
        {"located", "BREST"},
        {"by", "Maren Holt"},
        {"link", "https://harbour.example/1"},
        {"enclosure", "https://harbour.example/1.mp3"},
        {"description", "In short."},
        {"body", "First line. Second."},
        {"note", "UPDATES with winds"},
        {"time", "15:02"},
        {"date", "2026-11-23"},
        {"published", "2026-11-23T14:02:07Z"},
        {"received", "2026-11-23T14:02:07Z"},
        {"publisher", "harbour"},
        {"service", "world"},
        {"subject", "sport/football"},
        {"language", "fr-CA"},
        {"urgency", "3"},
        {"status", "withheld"},
        {"version", "2"},
        {"type", "text"},
        {"uri", "u:1"},
        {"number", "harbour:0:7"},
        {"topic", topic},
    };
    struct came c;
    come(&c, topic,
         "{\"uri\":\"u:1\",\"type\":\"text\",\"version\":\"2\",\"versionCreated\":"
         "\"2026-11-23T14:02:07Z\",\"pubStatus\":\"withheld\",\"urgency\":3,\"language\":\"fr-CA\","
         "\"headlines\":[{\"value\":\"x\"},{\"role\":\"main\",\"value\":\"Storm \\u2013 all "
         "ports\"}],\"by\":\"Maren Holt\",\"located\":\"BREST\",\"descriptions\":[{\"value\":"
         "\"In short.\"}],\"bodies\":[{\"value\":\"First line.\\n\\nSecond.\"}],\"infoSources\":[{"
         "\"name\":\"Harbour Wire\"}],\"renditions\":[{\"name\":\"web\",\"href\":"
         "\"https://harbour.example/1\"},{\"name\":\"enclosure\",\"href\":"
         "\"https://harbour.example/1.mp3\"}],\"edNote\":\"UPDATES with "
         "winds\",\"altIds\":[{\"role\":"
         "\"newswire\",\"value\":\"harbour:0:7\"}]}");
    for (size_t i = 0; i < COUNT(fields); i++)
        assert_field(&c.a, fields[i][0], fields[i][1]);
    size_t count = 0;
    while (field_at(count))
        count++;
    assert_int_equal(count, COUNT(fields)); /* all of them are in this test */
}

static void what_an_item_does_not_say_is_empty_or_its_default(void **state)
{
    (void)state;
    static const char *const fields[][2] = {
        {"headline", ""}, {"source", "harbour"}, {"body", ""},         {"time", ""},
        {"date", ""},     {"urgency", "5"},      {"status", "usable"}, {"number", ""},
        {"language", ""}, {"published", ""},     {"link", ""},
    };
    struct came c;
    come(&c, topic, "{\"uri\":\"u:1\"}");
    for (size_t i = 0; i < COUNT(fields); i++)
        assert_field(&c.a, fields[i][0], fields[i][1]);
    come(&c, topic, "{\"uri\":\"u:1\",\"descriptions\":[{\"value\":\"d\"}],\"title\":\"t\"}");
    assert_field(&c.a, "body", "d");
    assert_field(&c.a, "headline", "t");
}

static void a_topic_of_somebody_else_has_no_levels(void **state)
{
    (void)state;
    struct came c;
    come(&c, "other/topic", "{\"uri\":\"u:1\"}");
    assert_field(&c.a, "publisher", "");
    assert_field(&c.a, "service", "");
    assert_field(&c.a, "subject", "");
    assert_field(&c.a, "source", "");
    assert_field(&c.a, "topic", "other/topic");
}

static void fields_are_clean_and_on_one_line(void **state)
{
    (void)state;
    struct came c;
    come(&c, "x/\xe2\x80\xae",
         "{\"uri\":\"u:1\",\"title\":\"  a\\u001b[2J\\nb\\tc \\u202e\\u009b "
         "\",\"by\":\"\\u2028x\"}");
    assert_field(&c.a, "headline", "a\xef\xbf\xbd[2J b c \xef\xbf\xbd");
    assert_field(&c.a, "by", "x");
    assert_field(&c.a, "topic", "x/");
}

static void fields_are_appended(void **state)
{
    (void)state;
    struct came c;
    struct buf out = {0};
    come(&c, topic, "{\"uri\":\"u:1\"}");
    buf_puts(&out, "<");
    field_clean(field_find("uri", 3), &c.a, &out);
    field_clean(field_find("headline", 8), &c.a, &out);
    buf_putc(&out, '>');
    assert_string_equal(out.data, "<u:1>");
    buf_deinit(&out);
}

static void a_field_is_found_by_its_whole_name(void **state)
{
    (void)state;
    assert_non_null(field_find("uri}", 3));
    assert_ptr_equal(field_find("headline", 8), field_at(0));
    assert_null(field_find("head", 4));
    assert_null(field_find("headlines", 9));
    assert_null(field_find("", 0));
    assert_null(field_find("URI", 3));
    for (size_t i = 0; field_at(i); i++) {
        assert_ptr_equal(field_find(field_at(i)->name, strlen(field_at(i)->name)), field_at(i));
        assert_true(*field_at(i)->help != '\0');
    }
    assert_null(field_at(SIZE_MAX));
}

static void held_embargoed_and_expired_items_are_hidden_but_kills_are_not(void **state)
{
    (void)state;
    static const struct {
        const char *members, *why;
    } cases[] = {
        {"\"by\":\"\"", NULL},
        {"\"pubStatus\":\"usable\"", NULL},
        {"\"pubStatus\":\"withheld\"", "withheld"},
        {"\"pubStatus\":\"canceled\"", NULL},
        {"\"embargoedUntil\":\"2026-11-23T14:02:06Z\"", NULL},
        {"\"embargoedUntil\":\"2026-11-23T14:02:07Z\"", NULL},
        {"\"embargoedUntil\":\"2026-11-23T14:02:08Z\"", "embargoed"},
        {"\"embargoedUntil\":\"2026-11-23T15:02:08+01:00\"", "embargoed"},
        {"\"expires\":\"2026-11-23T14:02:08Z\"", NULL},
        {"\"expires\":\"2026-11-23T14:02:07Z\"", "expired"},
        {"\"expires\":\"2020\"", "expired"},
        {"\"expires\":\"never\"", NULL},
        {"\"embargoedUntil\":\"2027\",\"expires\":\"2020\"", "embargoed"},
        {"\"pubStatus\":\"withheld\",\"embargoedUntil\":\"2027\"", "withheld"},
        {"\"pubStatus\":\"canceled\",\"embargoedUntil\":\"2027\",\"expires\":\"2020\"", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct came c;
        struct buf b = {0};
        buf_printf(&b, "{\"uri\":\"u:1\",%s}", cases[i].members);
        come(&c, topic, b.data);
        const char *why = arrival_hidden(&c.a, NOW_MS);
        buf_deinit(&b);
        if (!why != !cases[i].why || (why && strcmp(why, cases[i].why) != 0))
            fail_msg("%s: %s", cases[i].members, why ? why : "shown");
    }
}

/* DESIGN 2: nothing is published before embargoedUntil. Escapes are another spelling of the same
 * date. */
static void an_embargo_holds_however_its_date_is_written(void **state)
{
    (void)state;
    struct came c;
    come(&c, topic, "{\"uri\":\"u:1\",\"embargoedUntil\":\"2026-11-24T14:00:00\\u002B01:00\"}");
    const char *why = arrival_hidden(&c.a, NOW_MS);
    assert_non_null(why);
    assert_string_equal(why, "embargoed");
}

static void stored_bytes_are_read_as_an_arrival_or_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "x",
                                      "{}",
                                      "{\"uri\":\"u:1\"",
                                      "{\"uri\":\"u:1\"}x",
                                      "{\"uri\":\"u:1\",\"by\":\"\xff\"}"};
    static const char good[] = "{\"uri\":\"u:1\"}";
    struct ninjs item;
    struct arrival a;
    for (size_t i = 0; i < COUNT(bad); i++)
        if (arrival_read(&a, &item, "root", "root/x", bad[i], strlen(bad[i]), NOW_MS))
            fail_msg("%s", bad[i]);
    assert_true(arrival_read(&a, &item, "root", "root/p/s/de/1/sport", good, strlen(good), NOW_MS));
    assert_ptr_equal(a.item, &item);
    assert_int_equal(a.received_ms, NOW_MS);
    assert_false(a.retained);
    assert_field(&a, "publisher", "p");
    assert_field(&a, "subject", "sport");
    assert_true(arrival_read(&a, &item, "news", "root/p/s/de/1/sport", good, strlen(good), NOW_MS));
    assert_field(&a, "publisher", "");
    assert_field(&a, "topic", "root/p/s/de/1/sport");
}

static void assert_words(const char *item, const char *expected)
{
    struct came c;
    struct buf out = {0};
    come(&c, topic, item);
    buf_puts(&out, "<"); /* appended */
    arrival_words(&c.a, &out);
    if (strcmp(out.data + 1, expected) != 0) fail_msg("%s: \"%s\"", item, out.data);
    buf_deinit(&out);
}

static void search_looks_at_six_fields_word_by_word(void **state)
{
    (void)state;
    assert_words("{\"uri\":\"u:1\",\"edNote\":\"note\",\"title\":\"A  Title!\",\"by\":\"Holt\","
                 "\"located\":\"BREST\",\"descriptions\":[{\"value\":\"In short\"}],\"bodies\":[{"
                 "\"value\":\"First.\\nSecond\"}],\"infoSources\":[{\"name\":\"Wire\"}]}",
                 " a title wire brest holt in short first second ");
    assert_words("{\"uri\":\"u:1\"}", " harbour ");
    assert_words("{\"uri\":\"u:1\",\"infoSources\":[{\"name\":\"--\"}]}", " ");
    assert_words("{\"uri\":\"u:1\",\"descriptions\":[{\"value\":\"once\"}]}", " harbour once ");
}

static void search_looks_at_those_fields_as_they_came(void **state)
{
    (void)state;
    struct came c;
    struct buf out = {0};
    come(&c, topic,
         "{\"uri\":\"u:1\",\"title\":\"A  Title!\",\"by\":\"Holt\",\"descriptions\":[{"
         "\"value\":\"x\\ny\"}]}");
    arrival_text(&c.a, &out);
    assert_string_equal(out.data, "A  Title!\nharbour\n\nHolt\nx\ny\n");
    buf_deinit(&out);
}

/* A long body leaves the others their room. What a field has is in the whole, wherever it is cut.
 */
static void words_are_bounded_and_cut_between_words(void **state)
{
    (void)state;
    static const char *const names[] = {"title", "by", "located"};
    static const char *const arrays[] = {"descriptions", "bodies"};
    struct buf item = {0}, word = {0}, all = {0};
    for (size_t i = 0; i < 40000; i++)
        buf_printf(&word, "w%zu ", i);
    buf_puts(&item, "{\"uri\":\"u:1\"");
    for (size_t i = 0; i < COUNT(names); i++)
        buf_printf(&item, ",\"%s\":\"%s\"", names[i], word.data);
    for (size_t i = 0; i < COUNT(arrays); i++)
        buf_printf(&item, ",\"%s\":[{\"value\":\"%s\"}]", arrays[i], word.data);
    buf_printf(&item, ",\"infoSources\":[{\"name\":\"%s\"}]}", word.data);
    struct came c;
    come(&c, topic, item.data);
    arrival_words(&c.a, &all);
    assert_in_range(all.len, ARRIVAL_WORDS_MAX - 100, ARRIVAL_WORDS_MAX);
    assert_int_equal(all.data[all.len - 1], ' ');
    for (size_t i = 0; field_at(i); i++) {
        struct buf one = {0};
        const struct field *f = field_at(i);
        bool whole = field_words(f, &c.a, &one);
        assert_int_equal(whole, f->words_max == 0);
        if (!whole &&
            (one.len > f->words_max || one.data[one.len - 1] != ' ' || !strstr(all.data, one.data)))
            fail_msg("%s: %zu bytes", f->name, one.len);
        buf_deinit(&one);
    }
    buf_deinit(&item);
    buf_deinit(&word);
    buf_deinit(&all);
}

static void one_endless_word_is_cut_away(void **state)
{
    (void)state;
    struct came c;
    struct buf item = {0}, out = {0};
    buf_puts(&item, "{\"uri\":\"u:1\",\"by\":\"");
    for (size_t i = 0; i < 3000; i++)
        buf_putc(&item, 'a');
    buf_puts(&item, "\"}");
    come(&c, topic, item.data);
    assert_false(field_words(field_find("by", 2), &c.a, &out));
    assert_string_equal(out.data, " ");
    assert_true(field_words(field_find("publisher", 9), &c.a, &out));
    assert_string_equal(out.data, "  harbour ");
    buf_deinit(&item);
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_shows_its_part_of_the_item),
        cmocka_unit_test(what_an_item_does_not_say_is_empty_or_its_default),
        cmocka_unit_test(a_topic_of_somebody_else_has_no_levels),
        cmocka_unit_test(fields_are_clean_and_on_one_line),
        cmocka_unit_test(fields_are_appended),
        cmocka_unit_test(a_field_is_found_by_its_whole_name),
        cmocka_unit_test(held_embargoed_and_expired_items_are_hidden_but_kills_are_not),
        cmocka_unit_test(an_embargo_holds_however_its_date_is_written),
        cmocka_unit_test(stored_bytes_are_read_as_an_arrival_or_refused),
        cmocka_unit_test(search_looks_at_six_fields_word_by_word),
        cmocka_unit_test(search_looks_at_those_fields_as_they_came),
        cmocka_unit_test(words_are_bounded_and_cut_between_words),
        cmocka_unit_test(one_endless_word_is_cut_away),
    };
    return cmocka_run_group_tests(tests, berlin, NULL);
}
