/* The tools of the fault tests themselves: a proxy that fails to fail, or a ledger that overlooks a
 * loss, would make every test above them pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/faults/ledger.h"
#include "tests/faults/strace.h"
#include "tests/support/peer.h"
#include "tests/support/proxy.h"
#include "tests/support/tmpdir.h"
#include "tests/support/wait.h"

/* ---- proxy ----------------------------------------------------------------------------------- */

#define PUBLISH_NEWS   "\x30\x08\x00\x06news/a"
#define PUBLISH_STATUS "\x30\x06\x00\x04x/st"
#define PUBACK         "\x40\x02\x00\x07"

struct line { /* client - proxy - server */
    struct peer server;
    struct proxy *proxy;
    int client;
    char received[4096]; /* by the client */
    size_t len;
    bool ended; /* the client's connection, by the other side */
};

static void serve(struct line *l)
{
    peer_serve(&l->server);
    if (l->ended) return;
    ssize_t n = recv(l->client, l->received + l->len, sizeof l->received - l->len, MSG_DONTWAIT);
    if (n > 0) l->len += (size_t)n;
    if (n == 0 || (n < 0 && errno == ECONNRESET)) l->ended = true;
}

static int connect_to(const char *url)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = htons((uint16_t)atoi(strrchr(url, ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static bool server_has_connection(void *user)
{
    struct line *l = user;
    serve(l);
    return l->server.connection >= 0;
}

static int line_setup(void **state)
{
    struct line *l = calloc(1, sizeof *l);
    *state = l;
    if (!l || !peer_open(&l->server, NULL, 0)) return -1;
    l->proxy = proxy_new(l->server.port);
    if (!l->proxy) return -1;
    l->client = connect_to(proxy_url(l->proxy));
    return wait_until(server_has_connection, l, WAIT_MS) ? 0 : -1;
}

static int line_teardown(void **state)
{
    struct line *l = *state;
    close(l->client);
    proxy_free(l->proxy);
    peer_close(&l->server);
    free(l);
    return 0;
}

static void to_server(struct line *l, const char *bytes, size_t len)
{
    assert_int_equal(send(l->client, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

static void to_client(struct line *l, const char *bytes, size_t len)
{
    assert_true(peer_send(&l->server, bytes, len));
}

struct expectation {
    struct line *line;
    size_t at_client, at_server;
};

static bool has_arrived(void *user)
{
    const struct expectation *e = user;
    serve(e->line);
    return e->line->len >= e->at_client && e->line->server.received.len >= e->at_server;
}

static void expect_at_client(struct line *l, const char *bytes, size_t len)
{
    struct expectation e = {l, len, 0};
    assert_true(wait_until(has_arrived, &e, WAIT_MS));
    assert_int_equal(l->len, len);
    assert_memory_equal(l->received, bytes, len);
}

static void expect_at_server(struct line *l, const char *bytes, size_t len)
{
    struct expectation e = {l, 0, len};
    assert_true(wait_until(has_arrived, &e, WAIT_MS));
    assert_int_equal(l->server.received.len, len);
    assert_memory_equal(l->server.received.data, bytes, len);
}

#define BYTES(text) (text), sizeof(text) - 1

static void packets_pass_both_ways_whole_and_in_order(void **state)
{
    struct line *l = *state;
    to_server(l, BYTES("\x30"));
    to_server(l, BYTES("\x08\x00\x06new"));
    to_server(l, BYTES("s/a" PUBACK));
    expect_at_server(l, BYTES(PUBLISH_NEWS PUBACK));
    to_client(l, BYTES(PUBACK PUBLISH_STATUS));
    expect_at_client(l, BYTES(PUBACK PUBLISH_STATUS));
}

static void what_is_swallowed_is_gone_and_counted_and_the_rest_passes(void **state)
{
    struct line *l = *state;
    proxy_swallow(l->proxy, PROXY_TO_CLIENT, PROXY_PUBLISH, "news/");
    proxy_swallow(l->proxy, PROXY_TO_SERVER, PROXY_PUBACK, NULL);
    to_client(l, BYTES(PUBLISH_NEWS PUBLISH_STATUS PUBACK PUBLISH_NEWS PUBLISH_STATUS));
    expect_at_client(l, BYTES(PUBLISH_STATUS PUBACK PUBLISH_STATUS));
    to_server(l, BYTES(PUBLISH_NEWS PUBACK PUBLISH_STATUS));
    expect_at_server(l, BYTES(PUBLISH_NEWS PUBLISH_STATUS));
    assert_int_equal(proxy_counts(l->proxy).swallowed, 3);
    proxy_swallow(l->proxy, PROXY_TO_SERVER, PROXY_NOTHING, NULL);
    to_server(l, BYTES(PUBACK));
    expect_at_server(l, BYTES(PUBLISH_NEWS PUBLISH_STATUS PUBACK));
}

static bool client_has_ended(void *user)
{
    struct line *l = user;
    serve(l);
    return l->ended;
}

static bool server_has_ended(void *user)
{
    struct line *l = user;
    serve(l);
    return l->server.ended > 0;
}

static void a_cut_ends_both_sides_and_the_next_connection_is_new(void **state)
{
    struct line *l = *state;
    proxy_cut(l->proxy);
    assert_int_equal(proxy_counts(l->proxy).open, 0);
    assert_true(wait_until(client_has_ended, l, WAIT_MS));
    assert_true(wait_until(server_has_ended, l, WAIT_MS));
    close(l->client);
    l->client = connect_to(proxy_url(l->proxy));
    l->ended = false;
    to_server(l, BYTES(PUBACK));
    expect_at_server(l, BYTES(PUBACK));
    assert_int_equal(proxy_counts(l->proxy).accepted, 2);
}

/* The client goes on talking to a server that has gone. */
static void a_half_open_connection_takes_what_is_sent_and_gives_nothing(void **state)
{
    struct line *l = *state;
    proxy_cut_servers(l->proxy);
    assert_true(wait_until(server_has_ended, l, WAIT_MS));
    to_server(l, BYTES(PUBLISH_NEWS));
    assert_int_equal(proxy_counts(l->proxy).open, 1);
    serve(l);
    assert_false(l->ended);
    assert_int_equal(l->server.received.len, 0);
    proxy_cut(l->proxy);
    assert_true(wait_until(client_has_ended, l, WAIT_MS));
    assert_int_equal(l->len, 0);
}

static void clients_can_be_cut_off_while_the_server_keeps_them(void **state)
{
    struct line *l = *state;
    proxy_cut_clients(l->proxy);
    assert_true(wait_until(client_has_ended, l, WAIT_MS));
    to_client(l, BYTES(PUBLISH_NEWS));
    assert_int_equal(proxy_counts(l->proxy).open, 1);
    serve(l);
    assert_int_equal(l->server.ended, 0);
}

static void a_throttled_connection_is_slow_and_loses_nothing(void **state)
{
    struct line *l = *state;
    char packet[2 + 100] = "\x30\x64\x00\x06news/a";
    struct buf all = {0};
    proxy_throttle(l->proxy, 20000);
    for (int i = 0; i < 30; i++) {
        packet[50] = (char)i;
        buf_put(&all, packet, sizeof packet);
        to_client(l, packet, sizeof packet);
    }
    serve(l);
    assert_true(l->len < all.len); /* a tenth of a second's worth is on its way */
    expect_at_client(l, all.data, all.len);
    buf_deinit(&all);
}

/* ---- ledger ---------------------------------------------------------------------------------- */

enum { ITEMS = 200 };

struct books {
    struct tmpdir dir;
    struct ledger ledger;
    struct buf fed;
    char store[256], shown[256];
    sqlite3 *db;
};

static int books_setup(void **state)
{
    struct books *b = calloc(1, sizeof *b);
    *state = b;
    if (!b || !tmpdir_make(&b->dir) || !ledger_init(&b->ledger, ITEMS)) return -1;
    snprintf(b->store, sizeof b->store, "%s/store", b->dir.path);
    snprintf(b->shown, sizeof b->shown, "%s/shown", b->dir.path);
    if (sqlite3_open(b->store, &b->db) != SQLITE_OK) return -1;
    return sqlite3_exec(b->db,
                        "CREATE TABLE item(id INTEGER PRIMARY KEY, stream, seq, again, bytes)",
                        NULL, NULL, NULL);
}

static int books_teardown(void **state)
{
    struct books *b = *state;
    sqlite3_close(b->db);
    ledger_deinit(&b->ledger);
    buf_deinit(&b->fed);
    tmpdir_remove(&b->dir);
    free(b);
    return 0;
}

/* An item as it was fed; the first old of it replaced by new. */
static void store_item(struct books *b, unsigned number, int stream, int seq, const char *old,
                       const char *new)
{
    struct buf text = {0}, changed = {0};
    char *sql;
    ledger_write(number, &text);
    const char *at = old ? strstr(text.data, old) : NULL;
    assert_true(!old || at);
    buf_put(&changed, text.data, at ? (size_t)(at - text.data) : text.len - 1);
    if (at)
        buf_printf(&changed, "%s%.*s", new, (int)strlen(at) - 1 - (int)strlen(old),
                   at + strlen(old));
    sql = sqlite3_mprintf("INSERT INTO item(stream, seq, again, bytes)"
                          " VALUES(%d, %d, 0, CAST(%Q AS BLOB))",
                          stream, seq, changed.data);
    assert_int_equal(sqlite3_exec(b->db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_free(sql);
    buf_deinit(&text);
    buf_deinit(&changed);
}

static struct ledger_verdict read_books(struct books *b)
{
    assert_true(ledger_read_store(&b->ledger, b->store));
    return ledger_judge(&b->ledger);
}

static void what_is_stored_as_it_was_fed_is_fine(void **state)
{
    struct books *b = *state;
    assert_int_equal(ledger_feed(&b->ledger, ITEMS, &b->fed), 1);
    assert_int_equal(ledger_feed(&b->ledger, 1, &b->fed), 0);
    ledger_accept(&b->ledger, 1, ITEMS);
    assert_int_equal(ledger_accepted(&b->ledger), ITEMS);
    for (unsigned n = 1; n <= ITEMS; n++)
        store_item(b, n, (int)(n % 2), (int)((n + 1) / 2), NULL, NULL);
    struct ledger_verdict v = read_books(b);
    assert_int_equal(v.lost + v.twice, 0);
    assert_int_equal(b->ledger.foreign + b->ledger.wrong, 0);
    assert_int_equal(b->ledger.holes + b->ledger.disorder, 0);
    assert_int_equal(b->ledger.streams, 2);
    assert_int_equal(ledger_count_store(b->store), ITEMS);
}

static void every_kind_of_fault_in_a_store_is_seen(void **state)
{
    struct books *b = *state;
    (void)ledger_feed(&b->ledger, 20, &b->fed);
    ledger_accept(&b->ledger, 1, 10);
    for (unsigned n = 1; n <= 8; n++) /* 9 and 10 are lost; 11 to 20 were never promised */
        store_item(b, n, 1, (int)n, NULL, NULL);
    struct ledger_verdict v = read_books(b);
    assert_int_equal(v.lost, 2);
    assert_int_equal(v.first_lost, 9);
    store_item(b, 3, 1, 9, NULL, NULL);
    v = read_books(b);
    assert_int_equal(v.twice, 1);
    assert_int_equal(v.first_twice, 3);
    assert_int_equal(b->ledger.disorder, 1);
    assert_int_equal(b->ledger.holes, 0);
    store_item(b, 9, 1, 11, NULL, NULL);
    store_item(b, 10, 2, 2, "tide", "tidy");
    (void)read_books(b);
    assert_int_equal(b->ledger.holes, 2);
    assert_int_equal(b->ledger.wrong, 1);
    store_item(b, 30, 2, 3, NULL, NULL); /* never fed */
    store_item(b, 12, 2, 4, "\"version\":\"1\"", "\"version\":\"2\"");
    (void)read_books(b);
    assert_int_equal(b->ledger.foreign, 2);
}

static void a_number_given_anew_is_no_second_item(void **state)
{
    struct books *b = *state;
    (void)ledger_feed(&b->ledger, 2, &b->fed);
    store_item(b, 1, 1, 1, NULL, NULL);
    store_item(b, 2, 1, 2, NULL, NULL);
    store_item(b, 1, 2, 1, NULL, NULL);
    assert_int_equal(
        sqlite3_exec(b->db, "UPDATE item SET again = 1 WHERE stream = 2", NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(read_books(b).twice, 0);
    assert_int_equal(ledger_count_store(b->store), 2);
    assert_int_equal(b->ledger.holes, 0);
}

static void a_journal_makes_accepted_what_it_holds(void **state)
{
    struct books *b = *state;
    unsigned found = 0;
    (void)ledger_feed(&b->ledger, 10, &b->fed);
    store_item(b, 2, 1, 1, NULL, NULL);
    store_item(b, 7, 1, 2, NULL, NULL);
    assert_true(ledger_accept_journal(&b->ledger, b->store, 5, 6, &found));
    assert_int_equal(found, 1);
    assert_int_equal(ledger_accepted(&b->ledger), 2);
    assert_false(ledger_accept_journal(&b->ledger, b->shown, 1, 10, NULL)); /* no such file */
}

static void lines_that_were_shown_are_counted_and_compared(void **state)
{
    struct books *b = *state;
    struct buf line = {0};
    (void)ledger_feed(&b->ledger, 5, &b->fed);
    ledger_accept(&b->ledger, 1, 3);
    FILE *file = fopen(b->shown, "w");
    assert_non_null(file);
    static const unsigned shown[] = {1, 2, 2, 5};
    for (size_t i = 0; i < 4; i++) {
        buf_clear(&line);
        ledger_write(shown[i], &line);
        fprintf(file, "{\"topic\":\"t\",\"item\":%.*s}\n", (int)line.len - 1, line.data);
    }
    fputs("{\"topic\":\"half a li\n", file);
    fclose(file);
    buf_deinit(&line);
    assert_true(ledger_read_shown(&b->ledger, b->shown));
    struct ledger_verdict v = ledger_judge(&b->ledger);
    assert_int_equal(v.not_shown, 1);
    assert_int_equal(v.shown_twice, 1);
    assert_int_equal(b->ledger.foreign, 1);
    assert_int_equal(ledger_count_lines(b->shown), 5);
}

/* ---- a recorded order -------------------------------------------------------------------------
 */

static void put_hex(FILE *record, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        fprintf(record, "\\x%02x", (unsigned char)bytes[i]);
}

/* A line as strace -f -y -xx writes it. */
static void put_call(FILE *record, const char *name, int fd, const char *path, const char *bytes,
                     size_t len)
{
    fprintf(record, "4711 %s(%d<", name, fd);
    put_hex(record, path, strlen(path));
    fputs(">", record);
    if (bytes) {
        fputs(", \"", record);
        put_hex(record, bytes, len);
        fprintf(record, "\", %zu", len);
    }
    fprintf(record, ") = %zu\n", len);
}

#define ITEM(id)    "\x32\x0b\x00\x06news/a\x00" id "\x00"
#define TAKEN(id)   "\x40\x02\x00" id
#define SOCKET      "socket:[1]"
#define WRITE(text) put_call(record, "write", 7, SOCKET, text, sizeof(text) - 1)
#define READ(text)  put_call(record, "read", 7, SOCKET, text, sizeof(text) - 1)
#define SYNC(path)  put_call(record, "fdatasync", 9, path, NULL, 0)

static void an_acknowledgement_without_a_sync_before_it_is_found_in_a_record(void **state)
{
    struct books *b = *state;
    struct strace_order order;
    FILE *record = fopen(b->shown, "w");
    assert_non_null(record);
    fputs("4711 write(7<", record); /* CONNECT, and another thread in between */
    put_hex(record, SOCKET, strlen(SOCKET));
    fputs(">, \"\\x10\\x00\", 2 <unfinished ...>\n4712 write(5<\\x78>, \"\\x00\", 1) = 1\n",
          record);
    fputs("4711 <... write resumed>)   = 2\n", record);
    READ(ITEM("\x01"));
    READ("\x32");
    READ("\x0b\x00\x06news/a\x00\x02\x00");
    SYNC("/d/s.store-wal");
    WRITE(TAKEN("\x01") TAKEN("\x02"));
    READ(ITEM("\x03"));
    SYNC("/d/other");
    WRITE(TAKEN("\x03")); /* nothing of the store was synced */
    READ(ITEM("\x04"));
    WRITE(TAKEN("\x04"));
    SYNC("/d/s.store-wal"); /* too late */
    fclose(record);
    assert_true(strace_read_order(b->shown, "/d/s.store", &order));
    assert_int_equal(order.syncs, 2);
    assert_int_equal(order.acknowledged, 4);
    assert_int_equal(order.unproven, 2);
}

#define ON_LINE(name)  cmocka_unit_test_setup_teardown(name, line_setup, line_teardown)
#define ON_BOOKS(name) cmocka_unit_test_setup_teardown(name, books_setup, books_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_LINE(packets_pass_both_ways_whole_and_in_order),
        ON_LINE(what_is_swallowed_is_gone_and_counted_and_the_rest_passes),
        ON_LINE(a_cut_ends_both_sides_and_the_next_connection_is_new),
        ON_LINE(a_half_open_connection_takes_what_is_sent_and_gives_nothing),
        ON_LINE(clients_can_be_cut_off_while_the_server_keeps_them),
        ON_LINE(a_throttled_connection_is_slow_and_loses_nothing),
        ON_BOOKS(what_is_stored_as_it_was_fed_is_fine),
        ON_BOOKS(every_kind_of_fault_in_a_store_is_seen),
        ON_BOOKS(a_number_given_anew_is_no_second_item),
        ON_BOOKS(a_journal_makes_accepted_what_it_holds),
        ON_BOOKS(lines_that_were_shown_are_counted_and_compared),
        ON_BOOKS(an_acknowledgement_without_a_sync_before_it_is_found_in_a_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
