/* Full disks, lost, old and damaged journals, and two publishers of one name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/faults/cast.h"
#include "tests/support/program.h"
#include "tests/support/wait.h"

/* The exit statuses of docs and README, by sysexits(3). */
enum { IO_FAILED = 74, WAITS_IN_JOURNAL = 75 };

/* ---- a full disk ----------------------------------------------------------------------------- */

static void filler_path(struct cast *c, char out[CAST_PATH])
{
    int n = snprintf(out, CAST_PATH, "%.200s/filler", c->mount);
    assert_true(n > 0 && n < CAST_PATH);
}

/* Everything but the last bytes of the disk is used up. */
static void fill_disk(struct cast *c, off_t bytes_left)
{
    char path[CAST_PATH], block[4096] = {0};
    filler_path(c, path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    off_t size = 0;
    for (ssize_t n; (n = write(fd, block, sizeof block)) > 0;)
        size += n;
    assert_int_equal(ftruncate(fd, size > bytes_left ? size - bytes_left : 0), 0);
    close(fd);
}

static void make_room(struct cast *c)
{
    char path[CAST_PATH];
    filler_path(c, path);
    assert_int_equal(unlink(path), 0);
}

static void prepare_disk(struct cast *c, unsigned items)
{
    cast_prepare(c, items);
    if (!cast_mount(c, "16m")) skip_because("no file system can be mounted here (not root?)");
    cast_start(c);
}

static void put_journal_on_disk(struct cast *c)
{
    char path[CAST_PATH];
    int n = snprintf(path, sizeof path, "%.200s/wire.journal", c->mount);
    assert_true(n > 0 && n < CAST_PATH);
    publisher_use_journal(&c->publisher, path);
}

static bool told_of_full_disk(const struct player *p)
{
    return player_said(p, "No space left") || player_said(p, "full");
}

/* Room for none, for a part, and for another part of a batch. */
static const off_t rooms[] = {0, 100 << 10, 300 << 10};
enum { ROOMS = sizeof rooms / sizeof *rooms, FULL_BATCH = 500 };

static void f11_publisher_on_a_full_disk(void **state)
{
    struct cast *c = *state;
    struct publisher *p = &c->publisher;
    prepare_disk(c, ROOMS * FULL_BATCH);
    put_journal_on_disk(c);
    cast_warm_up(c);
    for (unsigned i = 0; i < ROOMS; i++) {
        fill_disk(c, rooms[i]);
        unsigned first = publisher_send(c, p, FULL_BATCH);
        int status = publisher_settle(c, p, first, FULL_BATCH);
        if (status != IO_FAILED) cast_fail(c, "newspub send on a full disk ended with %d", status);
        if (!told_of_full_disk(&p->send)) cast_fail(c, "newspub send does not say that it is full");
        make_room(c);
        publisher_send_again(c, p);
        assert_int_equal(publisher_settle(c, p, first, FULL_BATCH), 0);
        c->kills++;
    }
    cast_finish(c, "F11 publisher");
}

static void f11_daemon_on_a_full_disk_goes_on_when_there_is_room(void **state)
{
    struct cast *c = *state;
    struct publisher *p = &c->publisher;
    prepare_disk(c, FULL_BATCH);
    put_journal_on_disk(c);
    publisher_stay(c, p, true);
    cast_warm_up(c);
    fill_disk(c, 0);
    unsigned first = publisher_send(c, p, FULL_BATCH);
    int status = publisher_settle(c, p, first, FULL_BATCH);
    if (status == 0 || status == WAITS_IN_JOURNAL)
        cast_fail(c, "newspub send says %d, but the disk is full", status);
    make_room(c);
    publisher_send_again(c, p);
    assert_int_equal(publisher_settle(c, p, first, FULL_BATCH), 0);
    assert_int_equal(p->daemon.starts, 1);
    c->kills++;
    cast_finish(c, "F11 daemon");
}

static bool has_told_or_ended(void *user)
{
    struct player *p = user;
    return told_of_full_disk(p) || player_is_over(p);
}

static void f11_subscriber_on_a_full_disk(void **state)
{
    struct cast *c = *state;
    struct subscriber *s = &c->subscriber;
    prepare_disk(c, FULL_BATCH);
    snprintf(s->store, sizeof s->store, "%.200s/sub.store", c->mount);
    publisher_stay(c, &c->publisher, true);
    cast_warm_up(c);
    fill_disk(c, 50 << 10);
    publisher_bring(c, &c->publisher, FULL_BATCH);
    cast_wait(c, has_told_or_ended, &s->player, "newssub to notice the full disk");
    assert_true(told_of_full_disk(&s->player));
    make_room(c);
    if (player_is_over(&s->player)) {
        int status = player_wait(c, &s->player);
        if (status != IO_FAILED) cast_fail(c, "newssub on a full disk ended with %d", status);
        subscriber_start(c, s, true);
    }
    c->kills++;
    cast_finish(c, "F11 subscriber");
}

/* ---- journals that are lost, old, damaged ---------------------------------------------------- */

/* The journal and what SQLite and newspub keep beside it. */
static void remove_journal(const struct publisher *p)
{
    char pattern[CAST_PATH + 1];
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s*", p->journal);
    if (glob(pattern, 0, NULL, &found) != 0) return;
    for (size_t i = 0; i < found.gl_pathc; i++)
        (void)unlink(found.gl_pathv[i]);
    globfree(&found);
}

static void copy_file(const char *from, const char *to)
{
    struct process *p = NULL;
    assert_int_equal(process_run(ARGV("cp", "-p", from, to), NULL, WAIT_MS, &p), 0);
    process_free(p);
}

static void f12_journal_deleted(void **state)
{
    struct cast *c = *state;
    cast_prepare(c, 300);
    cast_start(c);
    subscriber_start(c, &c->subscriber, true);
    for (unsigned i = 0; i < 3; i++) {
        publisher_bring(c, &c->publisher, 100);
        cast_converge(c, &c->subscriber);
        if (i < 2) remove_journal(&c->publisher);
        c->kills += i < 2;
    }
    cast_finish(c, "F12 journal deleted");
}

/* Its numbers go back: they were given to other items already. */
static void f12_journal_restored_from_an_old_copy(void **state)
{
    struct cast *c = *state;
    struct publisher *p = &c->publisher;
    char copy[CAST_PATH];
    cast_prepare(c, 500);
    cast_start(c);
    cast_path(c, copy, "copy", "");
    subscriber_start(c, &c->subscriber, true);
    publisher_bring(c, p, 100);
    copy_file(p->journal, copy);
    for (unsigned i = 0; i < 2; i++) {
        publisher_bring(c, p, 100);
        cast_converge(c, &c->subscriber);
        remove_journal(p);
        copy_file(copy, p->journal);
        publisher_bring(c, p, 100);
        c->kills++;
    }
    publisher_stay(c, p, true); /* whoever missed something can ask */
    cast_finish(c, "F12 journal restored");
}

static void flip_bit(struct cast *c, const char *path, const char *within)
{
    struct stat info;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0 && fstat(fd, &info) == 0);
    char *bytes = malloc((size_t)info.st_size);
    assert_non_null(bytes);
    assert_int_equal(read(fd, bytes, (size_t)info.st_size), info.st_size);
    size_t at = 100 + cast_random(c, (unsigned)info.st_size - 100); /* behind the magic */
    if (within) {
        char *found = memmem(bytes, (size_t)info.st_size, within, strlen(within));
        assert_non_null(found);
        at = (size_t)(found - bytes) + cast_random(c, (unsigned)strlen(within));
    }
    char flipped = (char)(bytes[at] ^ (1 << cast_random(c, 7)));
    assert_int_equal(pwrite(fd, &flipped, 1, (off_t)at), 1);
    print_message("%s: bit flipped at %zu of %lld\n", strrchr(path, '/') + 1, at,
                  (long long)info.st_size);
    free(bytes);
    close(fd);
}

/* Accepted with nobody to send to, damaged, and then opened again: either it is refused by name, or
 * what is damaged is declared so. */
static void damage_and_deliver(struct cast *c, unsigned i)
{
    enum { BATCH = 20 };
    struct publisher *p = &c->rival;
    char name[32], headline[32], url[64];
    snprintf(name, sizeof name, "flip-%u", i);
    snprintf(url, sizeof url, "mqtt://127.0.0.1:%d", broker_free_port());
    *p = cast_publisher(c, name, name);
    p->patience = "100ms";
    p->url = url;
    unsigned first = publisher_send(c, p, BATCH);
    if (player_wait(c, &p->send) != WAITS_IN_JOURNAL) cast_fail(c, "%s was not kept", name);
    snprintf(headline, sizeof headline, "\"value\":\"%u", first + BATCH / 2);
    flip_bit(c, p->journal, i == 0 ? headline : NULL);
    p->url = broker_url(c->broker);
    int status = publisher_deliver(c, p);
    if (status != 0 && !player_said(&p->send, ".journal"))
        cast_fail(c, "newspub send ended with %d and does not name the journal", status);
    if (status == 0 && !player_said(&p->send, "damaged")) ledger_accept(&c->ledger, first, BATCH);
    c->kills++;
}

static bool accepted_is_stored(void *user)
{
    struct cast *c = user;
    return ledger_read_store(&c->ledger, c->subscriber.store) && ledger_judge(&c->ledger).lost == 0;
}

static void f12_a_flipped_bit_makes_no_wrong_item(void **state)
{
    struct cast *c = *state;
    unsigned rounds = cast_rounds(6);
    cast_prepare(c, rounds * 20);
    cast_start(c);
    subscriber_start(c, &c->subscriber, true);
    for (unsigned i = 0; i < rounds; i++)
        damage_and_deliver(c, i);
    cast_wait(c, accepted_is_stored, c, "what was not damaged");
    struct ledger_verdict v = ledger_judge(&c->ledger);
    if (v.twice || c->ledger.foreign || c->ledger.wrong)
        cast_fail(c, "%u twice, %u foreign, %u wrong", v.twice, c->ledger.foreign, c->ledger.wrong);
    cast_report(c, "F12 flipped bits");
}

/* ---- two publishers of one name -------------------------------------------------------------- */

static void settle_both(struct cast *c, unsigned first, unsigned second, unsigned count)
{
    int one = publisher_settle(c, &c->publisher, first, count);
    int two = publisher_settle(c, &c->rival, second, count);
    if (one != 0 || two != 0) cast_fail(c, "two at once ended with %d and %d", one, two);
}

static void send_both(struct cast *c, unsigned rounds, unsigned count)
{
    for (unsigned i = 0; i < rounds; i++) {
        unsigned first = publisher_send(c, &c->publisher, count);
        unsigned second = publisher_send(c, &c->rival, count);
        settle_both(c, first, second, count);
    }
}

static void f13_two_publishers_on_one_journal(void **state)
{
    struct cast *c = *state;
    cast_prepare(c, 1600);
    cast_start(c);
    c->in_order = false;
    c->rival = cast_publisher(c, c->publisher.name, "rival");
    publisher_use_journal(&c->rival, c->publisher.journal);
    subscriber_start(c, &c->subscriber, true);
    send_both(c, 2, 200); /* one of them owns the journal, the other waits or hands over */
    publisher_stay(c, &c->publisher, true);
    send_both(c, 2, 200);
    publisher_stay(c, &c->rival, false);
    int status = player_wait(c, &c->rival.daemon);
    if (status == 0 || !player_said(&c->rival.daemon, "newspub run"))
        cast_fail(c, "a second daemon ended with %d and did not name the first", status);
    cast_finish(c, "F13 one journal");
}

static void f13_two_publishers_with_a_journal_each(void **state)
{
    struct cast *c = *state;
    cast_prepare(c, 1200);
    cast_start(c);
    c->in_order = false;
    c->rival = cast_publisher(c, c->publisher.name, "rival");
    subscriber_start(c, &c->subscriber, true);
    send_both(c, 3, 200);
    cast_finish(c, "F13 two journals");
    unsigned told = player_said(&c->subscriber.player, "started anew");
    if (told > 20) cast_fail(c, "newssub tells %u times that a publisher started anew", told);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, cast_setup, cast_teardown)

int main(int argc, char **argv)
{
    if (argc > 1) cmocka_set_test_filter(argv[1]); /* a pattern such as "f11*" */
    const struct CMUnitTest tests[] = {
        TEST(f11_publisher_on_a_full_disk),
        TEST(f11_daemon_on_a_full_disk_goes_on_when_there_is_room),
        TEST(f11_subscriber_on_a_full_disk),
        TEST(f12_journal_deleted),
        TEST(f12_journal_restored_from_an_old_copy),
        TEST(f12_a_flipped_bit_makes_no_wrong_item),
        TEST(f13_two_publishers_on_one_journal),
        TEST(f13_two_publishers_with_a_journal_each),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    cast_print_table();
    return failed;
}
