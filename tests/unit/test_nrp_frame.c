#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/nrp/frame.h"

#define ITEM_MAX 65536

/* ------------------------------------------------------------------------------------ Helpers */

static size_t from_hex(const char *hex, uint8_t *out)
{
    size_t len = strlen(hex) / 2;
    for (size_t i = 0; i < len; i++) {
        char two[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        out[i] = (uint8_t)strtoul(two, NULL, 16);
    }
    return len;
}

/* A copy that ends where its memory ends, so that reading past it is seen. */
static uint8_t *tight(const uint8_t *bytes, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    if (len) memcpy(copy, bytes, len);
    return copy;
}

static enum nrp_taken read_tight(const uint8_t *bytes, size_t len, size_t *size,
                                 struct news_error *err)
{
    struct nrp_frame f;
    uint8_t *copy = tight(bytes, len);
    enum nrp_taken taken = nrp_frame_read(copy, len, ITEM_MAX, &f, size, err);
    free(copy);
    return taken;
}

/* ------------------------------------------------------------------------------- Every frame */

#define NONCE                                                                                      \
    {                                                                                              \
        0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae,  \
            0xaf                                                                                   \
    }
#define CLIENT_ID                                                                                  \
    {                                                                                              \
        0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xcb, 0xcc, 0xcd, 0xce,  \
            0xcf                                                                                   \
    }
#define SERVER_NONCE                                                                               \
    {                                                                                              \
        0xe0, 0xe1, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xeb, 0xec, 0xed, 0xee,  \
            0xef                                                                                   \
    }
#define COOKIE                                                                                     \
    {                                                                                              \
        0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e,  \
            0x1f, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27                                   \
    }
#define PROOF                                                                                      \
    {                                                                                              \
        0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e,  \
            0x3f                                                                                   \
    }
#define HELLO                                                                                      \
    {                                                                                              \
        .version_min = 1, .version_max = 2, .role = NRP_ROLE_BOTH, .security = NRP_SEALED,         \
        .key_id = 0x01020304, .client_nonce = NONCE, .client_id = CLIENT_ID                        \
    }
#define CHALLENGE                                                                                  \
    {                                                                                              \
        .server_nonce = SERVER_NONCE, .cookie = COOKIE                                             \
    }
#define TEXT(t)    .topic = (const uint8_t *)(t), .topic_len = sizeof(t) - 1
#define PAYLOAD(p) .payload = (const uint8_t *)(p), .payload_len = sizeof(p) - 1

static const struct {
    const char *name, *hex;
    struct nrp_frame frame;
} vectors[] = {
    {"HELLO",
     "010100000000002c4e5250310102030201020304a0a1a2a3a4a5a6a7a8a9aaabacadaeafc0c1c2c3c4c5c6c7"
     "c8c9cacbcccdcecf",
     {.type = NRP_HELLO, .hello = HELLO}},
    {"CHALLENGE",
     "0102000000000028e0e1e2e3e4e5e6e7e8e9eaebecedeeef101112131415161718191a1b1c1d1e1f20212223"
     "24252627",
     {.type = NRP_CHALLENGE, .challenge = CHALLENGE}},
    {"AUTH",
     "01030000000000644e5250310102030201020304a0a1a2a3a4a5a6a7a8a9aaabacadaeafc0c1c2c3c4c5c6c7"
     "c8c9cacbcccdcecfe0e1e2e3e4e5e6e7e8e9eaebecedeeef101112131415161718191a1b1c1d1e1f20212223"
     "24252627303132333435363738393a3b3c3d3e3f",
     {.type = NRP_AUTH, .auth = {.hello = HELLO, .challenge = CHALLENGE, .proof = PROOF}}},
    {"WELCOME",
     "010400000000004001020304050607081112131415161718000000000000002121222324252627280010000004"
     "b0040000007530001403e8303132333435363738393a3b3c3d3e3f",
     {.type = NRP_WELCOME,
      .welcome = {.session_id = 0x0102030405060708,
                  .epoch = 0x1112131415161718,
                  .oldest_iseq = 0x21,
                  .last_iseq = 0x2122232425262728,
                  .item_max = 1 << 20,
                  .datagram_max = 1200,
                  .ring = 1024,
                  .lease_ms = 30000,
                  .heartbeat_min_ms = 20,
                  .heartbeat_max_ms = 1000,
                  .proof = PROOF}}},
    {"SUBSCRIBE",
     "011000060000001e00000007010300001112131415161718000000000000002a6e6577732f23",
     {.type = NRP_SUBSCRIBE,
      TEXT("news/#"),
      .subscribe = {.request_id = 7,
                    .qos = 1,
                    .mode = NRP_MODE_ORDERED | NRP_MODE_RETAINED,
                    .from_epoch = 0x1112131415161718,
                    .from_iseq = 42}}},
    {"SUBACK",
     "01110000000000200000000701010000000000000000002a00000000000000050000000100000000",
     {.type = NRP_SUBACK,
      .suback = {.request_id = 7,
                 .status = NRP_SUB_EVICTED,
                 .qos = 1,
                 .start_iseq = 42,
                 .evicted = 5,
                 .first_dseq = UINT64_C(1) << 32}}},
    {"UNSUBSCRIBE",
     "011200030000000700000008612f2b",
     {.type = NRP_UNSUBSCRIBE, TEXT("a/+"), .unsuback = {.request_id = 8}}},
    {"UNSUBACK",
     "01130000000000080000000885000000",
     {.type = NRP_UNSUBACK, .unsuback = {.request_id = 8, .status = 0x80 + NRP_CODE_BAD_TOPIC}}},
    {"PUBLISH",
     "0120000300000014000000000000000901021700612f6268656c6c6f",
     {.type = NRP_PUBLISH,
      TEXT("a/b"),
      PAYLOAD("hello"),
      .publish = {.publish_id = 9,
                  .fragment = 1,
                  .fragment_count = 2,
                  .flags = NRP_FLAG_RETAIN | NRP_FLAG_ACK | NRP_FLAG_DUP | NRP_FLAG_WILL}}},
    {"PUBACK",
     "01210000000000140000000000000009000000000000002b06000000",
     {.type = NRP_PUBACK,
      .puback = {.publish_id = 9, .iseq = 43, .status = NRP_CODE_NOT_AUTHORISED}}},
    {"ITEM",
     "01300003000000190102030405060708000000000000002c00010b00612f626869",
     {.type = NRP_ITEM,
      TEXT("a/b"),
      PAYLOAD("hi"),
      .item = {.dseq = 0x0102030405060708,
               .iseq = 44,
               .fragment = 0,
               .fragment_count = 1,
               .flags = NRP_FLAG_RETAIN | NRP_FLAG_ACK | NRP_FLAG_RESENT}}},
    {"ACK", "01310000000000081122334455667788", {.type = NRP_ACK, .cum_dseq = 0x1122334455667788}},
    {"NAK",
     "0132000000000014000000000000000500010000000000000009012c",
     {.type = NRP_NAK, PAYLOAD("\0\0\0\0\0\0\0\5\0\1\0\0\0\0\0\0\0\t\1,")}},
    {"GAP",
     "01330000000000140000000000000005000000000000000902000000",
     {.type = NRP_GAP, .gap = {.first_dseq = 5, .last_dseq = 9, .reason = NRP_GAP_POLICY}}},
    {"PING", "014000000000000800000000deadbeef", {.type = NRP_PING, .token = 0xdeadbeef}},
    {"PONG", "014100000000000800000000deadbeef", {.type = NRP_PONG, .token = 0xdeadbeef}},
    {"HEARTBEAT",
     "01420000000000180000000000000064000000000000005a00000000000000c8",
     {.type = NRP_HEARTBEAT, .heartbeat = {.last_dseq = 100, .oldest_dseq = 90, .last_iseq = 200}}},
    {"REPORT",
     "01430000000000200000000000000064000000010000000200000003000000040000000501020304",
     {.type = NRP_REPORT,
      .report = {.highest_dseq = 100,
                 .received = 1,
                 .lost_raw = 2,
                 .repaired = 3,
                 .duplicates = 4,
                 .reordered = 5,
                 .jitter_us = 0x01020304}}},
    {"ERROR",
     "015000000000000b0003000000000007626164",
     {.type = NRP_ERROR, PAYLOAD("bad"), .notice = {.code = NRP_CODE_BAD_FRAME, .request_id = 7}}},
    {"GOODBYE",
     "0151000000000008000a0000000009c4",
     {.type = NRP_GOODBYE, .notice = {.code = NRP_CODE_SHUTTING_DOWN, .request_id = 2500}}},
    {"JOIN",
     "018000000000000c010203040506070802000000",
     {.type = NRP_JOIN, .join = {.group_id = 0x0102030405060708, .step = NRP_JOIN_HEARS}}},
    {"GROUP",
     "01810000000000300102030405060708e0e1e2e3e4e5e6e7e8e9eaebecedeeefa0a1a2a3a4a5a6a7a8a9aaabacad"
     "aeafef4d00011e6d0000",
     {.type = NRP_GROUP,
      .group = {.group_id = 0x0102030405060708,
                .key = {0xe0, 0xe1, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea,
                        0xeb, 0xec, 0xed, 0xee, 0xef, 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5,
                        0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf},
                .address = {239, 77, 0, 1},
                .port = 7789,
                .status = NRP_GROUP_OFFERED}}},
    {"SHARED",
     "01820000000000240102030405060708000000000000002c000102003aba4c3f7c654296311eddd2e228f60b",
     {.type = NRP_SHARED,
      .shared = {.item = {.dseq = 0x0102030405060708,
                          .iseq = 44,
                          .fragment_count = 1,
                          .flags = NRP_FLAG_ACK},
                 .digest = {0x3a, 0xba, 0x4c, 0x3f, 0x7c, 0x65, 0x42, 0x96, 0x31, 0x1e, 0xdd, 0xd2,
                            0xe2, 0x28, 0xf6, 0x0b}}}},
};
#define VECTORS (sizeof vectors / sizeof *vectors)

static void every_frame_is_written_as_the_document_has_it(void **state)
{
    (void)state;
    uint8_t want[256], got[256];
    for (size_t i = 0; i < VECTORS; i++) {
        size_t len = from_hex(vectors[i].hex, want);
        print_message("%s\n", vectors[i].name);
        assert_int_equal(nrp_frame_size(&vectors[i].frame), len);
        assert_int_equal(nrp_frame_write(&vectors[i].frame, got), len);
        assert_memory_equal(got, want, len);
        assert_string_equal(nrp_type_name(vectors[i].frame.type), vectors[i].name);
    }
}

/* Writing is proved above and keeps every field, so what is written again as it was, was read as it
 * is. */
static void every_frame_is_read_back_to_the_same_fields(void **state)
{
    (void)state;
    uint8_t bytes[256], again[256];
    for (size_t i = 0; i < VECTORS; i++) {
        struct nrp_frame f;
        size_t size = 0, len = from_hex(vectors[i].hex, bytes);
        uint8_t *copy = tight(bytes, len);
        print_message("%s\n", vectors[i].name);
        memset(&f, 0xff, sizeof f);
        assert_int_equal(nrp_frame_read(copy, len, ITEM_MAX, &f, &size, NULL), NRP_TAKEN);
        assert_int_equal(size, len);
        assert_int_equal(f.topic_len, vectors[i].frame.topic_len);
        assert_int_equal(f.payload_len, vectors[i].frame.payload_len);
        assert_int_equal(nrp_frame_write(&f, again), len);
        assert_memory_equal(again, bytes, len);
        free(copy);
    }
}

static void a_request_to_unsubscribe_has_status_zero(void **state)
{
    (void)state;
    uint8_t bytes[64];
    struct nrp_frame f;
    size_t size, len = from_hex("011200030000000700000008612f2b", bytes);
    memset(&f, 0xff, sizeof f);
    assert_int_equal(nrp_frame_read(bytes, len, ITEM_MAX, &f, &size, NULL), NRP_TAKEN);
    assert_int_equal(f.unsuback.request_id, 8);
    assert_int_equal(f.unsuback.status, 0);
}

static void the_fields_of_an_item_are_where_they_belong(void **state)
{
    (void)state;
    uint8_t bytes[64];
    struct nrp_frame f;
    size_t size,
        len = from_hex("01300003000000190102030405060708000000000000002c03040b00612f626869", bytes);
    assert_int_equal(nrp_frame_read(bytes, len, ITEM_MAX, &f, &size, NULL), NRP_TAKEN);
    assert_true(f.item.dseq == 0x0102030405060708 && f.item.iseq == 44);
    assert_int_equal(f.item.fragment, 3);
    assert_int_equal(f.item.fragment_count, 4);
    assert_int_equal(f.item.flags, 0x0b);
    assert_ptr_equal(f.topic, bytes + NRP_ITEM_PREFIX);
    assert_ptr_equal(f.payload, bytes + NRP_ITEM_PREFIX + 3);
}

static void a_frame_cut_anywhere_asks_for_what_is_missing(void **state)
{
    (void)state;
    uint8_t bytes[256];
    for (size_t i = 0; i < VECTORS; i++) {
        size_t len = from_hex(vectors[i].hex, bytes);
        for (size_t cut = 0; cut < len; cut++) {
            size_t size = 0;
            assert_int_equal(read_tight(bytes, cut, &size, NULL), NRP_PARTIAL);
            assert_int_equal(size, cut < NRP_HEADER_SIZE ? NRP_HEADER_SIZE : len);
        }
    }
}

static void reserved_bytes_are_ignored_when_read(void **state)
{
    (void)state;
    uint8_t bytes[64], again[64];
    struct nrp_frame f;
    size_t size, len = from_hex("013300000000001400000000000000050000000000000009"
                                "02ffffff",
                                bytes);
    assert_int_equal(nrp_frame_read(bytes, len, ITEM_MAX, &f, &size, NULL), NRP_TAKEN);
    (void)nrp_frame_write(&f, again);
    assert_memory_equal(again, bytes, len - 3);
    assert_memory_equal(again + len - 3, "\0\0\0", 3);
}

static void bytes_after_a_frame_belong_to_the_next_one(void **state)
{
    (void)state;
    uint8_t bytes[64];
    size_t size = 0, first = from_hex("014000000000000800000000deadbeef", bytes);
    size_t second = from_hex("01310000000000081122334455667788", bytes + first);
    assert_int_equal(read_tight(bytes, first + second, &size, NULL), NRP_TAKEN);
    assert_int_equal(size, first);
}

/* ----------------------------------------------------------------------------------- Refusals */

static void what_cannot_be_meant_is_refused_with_a_reason(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        enum news_errc code;
        const char *says;
    } cases[] = {
        {"02", NEWS_ERR_PROTOCOL, "version"},
        {"10", NEWS_ERR_PROTOCOL, "0x10"}, /* MQTT's CONNECT: said before 8 bytes are there */
        {"0240000000000008", NEWS_ERR_PROTOCOL, "version"},
        {"0105000000000000", NEWS_ERR_PROTOCOL, "unknown"},
        {"0100000000000000", NEWS_ERR_PROTOCOL, "unknown"},
        {"017f000000000000", NEWS_ERR_PROTOCOL, "0x7f"},
        {"0152000000000008", NEWS_ERR_PROTOCOL, "0x52"},
        {"0114000000000018", NEWS_ERR_PROTOCOL, "0x14"},
        {"010100000000002b", NEWS_ERR_PROTOCOL, "HELLO: the fixed part"},
        {"0130000000000013", NEWS_ERR_PROTOCOL, "ITEM: the fixed part"},
        {"0151000000000000", NEWS_ERR_PROTOCOL, "GOODBYE: the fixed part"},
        {"0130000400000017", NEWS_ERR_PROTOCOL, "ITEM: the topic"}, /* 3 bytes, 4 of topic */
        {"0110000100000018", NEWS_ERR_PROTOCOL, "SUBSCRIBE: the topic"},
        {"0130020000001000", NEWS_ERR_TOO_LARGE, "511"},
        {"0110020000000300", NEWS_ERR_TOO_LARGE, "511"},
        {"0140000100000009", NEWS_ERR_PROTOCOL, "PING: a topic"},
        {"0132000300000014", NEWS_ERR_PROTOCOL, "NAK: a topic"},
        {"0140000000000009", NEWS_ERR_PROTOCOL, "PING: a payload"},
        {"0110000100000020", NEWS_ERR_PROTOCOL, "SUBSCRIBE: a payload"},
        {"0151000000000009", NEWS_ERR_PROTOCOL, "GOODBYE: a payload"},
        /* too long before their bytes are there: item_max is 65536 */
        {"0130000000010015", NEWS_ERR_TOO_LARGE, "65556"},
        {"012000000001000d", NEWS_ERR_TOO_LARGE, "65548"},
        {"01300000ffffffff", NEWS_ERR_TOO_LARGE, "ITEM"},
        {"0150000000001001", NEWS_ERR_TOO_LARGE, "ERROR"},
        {"01400000ffffffff", NEWS_ERR_TOO_LARGE, "PING"},
        {"01ff000000001001", NEWS_ERR_TOO_LARGE, "4096"},
        {"018000ffffffffff", NEWS_ERR_TOO_LARGE, "4096"},
        /* fixed parts that make no sense */
        {"012000000000000c000000000000000900000000", NEWS_ERR_PROTOCOL,
         "PUBLISH: no such fragment"},
        {"012000000000000c000000000000000902020000", NEWS_ERR_PROTOCOL, "fragment"},
        {"012000000000000c000000000000000900410000", NEWS_ERR_PROTOCOL, "fragment"},
        {"0130000000000014000000000000000100000000000000020100"
         "0000",
         NEWS_ERR_PROTOCOL, "ITEM: no such fragment"},
        {"010100000000002c4e5250320102030201020304a0a1a2a3a4a5a6a7a8a9aaabacadaeafc0c1c2c3c4c5c6c7"
         "c8c9cacbcccdcecf",
         NEWS_ERR_PROTOCOL, "HELLO: the magic"},
    };
    uint8_t bytes[256];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct news_error err = {0};
        size_t size = 0, len = from_hex(cases[i].hex, bytes);
        print_message("%s\n", cases[i].hex);
        assert_int_equal(read_tight(bytes, len, &size, &err), NRP_MALFORMED);
        assert_int_equal(err.code, cases[i].code);
        if (!strstr(err.message, cases[i].says)) fail_msg("%s", err.message);
    }
}

static void the_largest_that_is_allowed_is_waited_for(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        size_t size;
    } cases[] = {
        {"0130000000010014", 8 + 20 + ITEM_MAX}, {"012001ff0001000c", 8 + 12 + ITEM_MAX},
        {"0150000000001000", 8 + 4096},          {"011001ff00000217", 8 + 24 + 511},
        {"01ff000000001000", 8 + 4096},
    };
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t size = 0, len = from_hex(cases[i].hex, bytes);
        assert_int_equal(read_tight(bytes, len, &size, NULL), NRP_PARTIAL);
        assert_int_equal(size, cases[i].size);
    }
}

static void no_limit_on_items_overflows(void **state)
{
    (void)state;
    uint8_t bytes[8];
    struct nrp_frame f;
    size_t size = 0, len = from_hex("01300000ffffffff", bytes);
    assert_int_equal(nrp_frame_read(bytes, len, SIZE_MAX, &f, &size, NULL), NRP_PARTIAL);
    assert_true(size == UINT64_C(0x100000007));
}

static void unknown_types_from_0x80_are_passed_over(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        size_t size;
    } cases[] = {
        {"0190000000000000", 8},
        {"0190ffff00000003aabbcc", 11}, /* its topic length may mean something else by then */
        {"01ff000000000001aa0140", 9},
    };
    uint8_t bytes[16];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t size = 0, len = from_hex(cases[i].hex, bytes);
        assert_int_equal(read_tight(bytes, len, &size, NULL), NRP_SKIP);
        assert_int_equal(size, cases[i].size);
        if (cases[i].size == NRP_HEADER_SIZE) continue;
        assert_int_equal(read_tight(bytes, cases[i].size - 1, &size, NULL), NRP_PARTIAL);
        assert_int_equal(size, cases[i].size);
    }
}

/* ------------------------------------------------------------------------------------ Property */

static uint64_t seed;

static uint64_t draw(void) /* xorshift64 */
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void random_frames_survive_being_written_and_read(void **state)
{
    (void)state;
    static uint8_t text[NRP_TOPIC_MAX + 2000], bytes[4096], again[4096];
    seed = 0x9e3779b97f4a7c15;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)draw();
    for (unsigned n = 0; n < 20000; n++) {
        /* A frame of that kind with random bytes in its fixed part, which is what the wire is. */
        struct nrp_frame f = vectors[draw() % VECTORS].frame, got;
        if (f.topic_len) f.topic = text, f.topic_len = (uint16_t)(draw() % NRP_TOPIC_MAX + 1);
        if (f.payload_len) f.payload = text, f.payload_len = draw() % sizeof text;
        size_t size = nrp_frame_write(&f, bytes), used = 0;
        size_t fixed = size - NRP_HEADER_SIZE - f.topic_len - f.payload_len;
        size_t from = f.type == NRP_HELLO || f.type == NRP_AUTH ? 4 : 0; /* after the magic */
        for (size_t i = from; i < fixed; i++)
            bytes[NRP_HEADER_SIZE + i] = (uint8_t)draw();
        if (f.type == NRP_ITEM || f.type == NRP_SHARED) bytes[24] = 63, bytes[25] = 64;
        if (f.type == NRP_PUBLISH) bytes[16] = (uint8_t)(draw() % 64), bytes[17] = 64;
        assert_int_equal(nrp_frame_read(bytes, size, ITEM_MAX, &got, &used, NULL), NRP_TAKEN);
        assert_int_equal(used, size);
        assert_int_equal(nrp_frame_write(&got, again), size);
        assert_int_equal(nrp_frame_read(again, size, ITEM_MAX, &f, &used, NULL), NRP_TAKEN);
        assert_int_equal(nrp_frame_write(&f, bytes), size); /* reserved bytes are zero by now */
        assert_memory_equal(bytes, again, size);
        assert_memory_equal(got.topic, text, got.topic_len);
        assert_memory_equal(got.payload, text, got.payload_len);
    }
}

/* ------------------------------------------------------------------------------ Parts of frames */

static void the_prefix_of_an_item_is_the_start_of_its_frame(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS; i++) {
        const struct nrp_frame *f = &vectors[i].frame;
        uint8_t whole[64], prefix[NRP_ITEM_PREFIX];
        if (f->type != NRP_ITEM) continue;
        (void)nrp_frame_write(f, whole);
        nrp_item_prefix(prefix, &f->item, f->topic_len, f->payload_len);
        assert_memory_equal(prefix, whole, NRP_ITEM_PREFIX);
        return;
    }
    fail();
}

static void fixed_parts_alone_are_those_of_the_frames(void **state)
{
    (void)state;
    uint8_t whole[128], part[NRP_AUTH_SIZE];
    (void)nrp_frame_write(&vectors[0].frame, whole);
    nrp_hello_bytes(&vectors[0].frame.hello, part);
    assert_memory_equal(part, whole + NRP_HEADER_SIZE, NRP_HELLO_SIZE);
    (void)nrp_frame_write(&vectors[2].frame, whole);
    nrp_auth_bytes(&vectors[2].frame.auth, part);
    assert_memory_equal(part, whole + NRP_HEADER_SIZE, NRP_AUTH_SIZE);
    (void)nrp_frame_write(&vectors[3].frame, whole);
    nrp_welcome_bytes(&vectors[3].frame.welcome, part);
    assert_memory_equal(part, whole + NRP_HEADER_SIZE, NRP_WELCOME_SIZE);
}

static void ranges_of_a_nak_are_written_and_read(void **state)
{
    (void)state;
    const struct nrp_range ranges[] = {{5, 1}, {9, 300}, {0x0102030405060708, 0xffff}};
    struct nrp_range got[NRP_NAK_RANGES];
    uint8_t bytes[30], want[30];
    size_t count = 0;
    assert_int_equal(from_hex("00000000000000050001"
                              "0000000000000009012c"
                              "0102030405060708ffff",
                              want),
                     30);
    assert_int_equal(nrp_ranges_write(ranges, 3, bytes), 30);
    assert_memory_equal(bytes, want, 30);
    assert_true(nrp_ranges_read(bytes, 30, got, &count));
    assert_int_equal(count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_true(got[i].first == ranges[i].first);
        assert_int_equal(got[i].count, ranges[i].count);
    }
}

static void ranges_that_cannot_be_meant_are_refused(void **state)
{
    (void)state;
    struct nrp_range got[NRP_NAK_RANGES];
    uint8_t bytes[(NRP_NAK_RANGES + 1) * 10];
    size_t count = 0;
    memset(bytes, 1, sizeof bytes);
    assert_true(nrp_ranges_read(bytes, sizeof bytes - 10, got, &count));
    assert_int_equal(count, NRP_NAK_RANGES);
    assert_false(nrp_ranges_read(bytes, sizeof bytes, got, &count)); /* too many */
    assert_false(nrp_ranges_read(bytes, 0, got, &count));
    assert_false(nrp_ranges_read(bytes, 9, got, &count));
    assert_false(nrp_ranges_read(bytes, 11, got, &count));
    memset(bytes + 18, 0, 2); /* the second one's count */
    assert_true(nrp_ranges_read(bytes, 10, got, &count));
    assert_false(nrp_ranges_read(bytes, 20, got, &count));
    memset(bytes, 0xff, 10); /* beyond the last number there is */
    assert_false(nrp_ranges_read(bytes, 10, got, &count));
}

static void every_code_has_a_text(void **state)
{
    (void)state;
    for (unsigned code = 0; code <= NRP_CODE_TIMEOUT; code++) {
        assert_non_null(nrp_code_text(code));
        assert_string_not_equal(nrp_code_text(code), "unknown code");
    }
    assert_string_equal(nrp_code_text(NRP_CODE_NOT_AUTHORISED), "not authorised");
    assert_string_equal(nrp_code_text(NRP_CODE_TIMEOUT + 1), "unknown code");
    assert_string_equal(nrp_code_text(UINT32_MAX), "unknown code");
    assert_string_equal(nrp_type_name(0), "unknown");
    assert_string_equal(nrp_type_name(0x14), "unknown");
    assert_string_equal(nrp_type_name(0xff), "unknown");
}

/* ----------------------------------------------------------------------------------- Datagrams */

static void the_header_of_a_datagram_is_written_and_read(void **state)
{
    (void)state;
    const struct nrp_datagram d = {.flags = NRP_DATAGRAM_HANDSHAKE,
                                   .session_id = 0x0102030405060708,
                                   .packet_number = 0x1112131415161718};
    struct nrp_datagram got;
    uint8_t bytes[NRP_DATAGRAM_HEADER], want[NRP_DATAGRAM_HEADER];
    (void)from_hex("4e52010201020304050607081112131415161718", want);
    nrp_datagram_write(&d, bytes);
    assert_memory_equal(bytes, want, sizeof want);
    assert_true(nrp_datagram_read(bytes, sizeof bytes, &got));
    assert_int_equal(got.flags, d.flags);
    assert_true(got.session_id == d.session_id && got.packet_number == d.packet_number);
}

static void datagrams_that_are_not_ours_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        bool ours;
    } cases[] = {
        {"4e52010001020304050607081112131415161718", true},
        {"4e520100010203040506070811121314151617", false}, /* 19 bytes */
        {"", false},
        {"4f52010001020304050607081112131415161718", false},
        {"4e53010001020304050607081112131415161718", false},
        {"4e52020001020304050607081112131415161718", false}, /* version */
        /* secured: no room for its tag */
        {"4e52010101020304050607081112131415161718", false},
        {"4e52010101020304050607081112131415161718000102030405060708090a0b0c0d0e", false},
        {"4e52010101020304050607081112131415161718000102030405060708090a0b0c0d0e0f", true},
    };
    uint8_t bytes[64];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct nrp_datagram d;
        size_t len = from_hex(cases[i].hex, bytes);
        uint8_t *copy = tight(bytes, len);
        print_message("%s\n", cases[i].hex);
        assert_int_equal(nrp_datagram_read(copy, len, &d), cases[i].ours);
        free(copy);
    }
}

static void bodies_are_cut_into_as_few_fragments_as_fit(void **state)
{
    (void)state;
    static const struct {
        size_t body_len, datagram_max;
        unsigned count;
    } cases[] = {
        {0, 1200, 1},
        {1, 1200, 1},
        {1136, 1200, 1},
        {1137, 1200, 2},
        {2272, 1200, 2},
        {4096, 1200, 4},
        {64 * 1136, 1200, 64},
        {64 * 1136 + 1, 1200, 0},
        {484, 548, 1},
        {485, 548, 2},
        {SIZE_MAX, 1200, 0},
        {1, 64, 0},
        {0, 0, 0},
        {64, 65, 64},
        {SIZE_MAX - 64, SIZE_MAX, 1},
        {SIZE_MAX, SIZE_MAX, 2},
    };
    assert_int_equal(nrp_fragment_room(NRP_DATAGRAM_MAX), 1136);
    assert_int_equal(nrp_fragment_room(NRP_DATAGRAM_MIN), 484);
    assert_int_equal(nrp_fragment_room(64), 0);
    assert_int_equal(nrp_fragment_room(0), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(nrp_fragment_count(cases[i].body_len, cases[i].datagram_max),
                         cases[i].count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_frame_is_written_as_the_document_has_it),
        cmocka_unit_test(every_frame_is_read_back_to_the_same_fields),
        cmocka_unit_test(a_request_to_unsubscribe_has_status_zero),
        cmocka_unit_test(the_fields_of_an_item_are_where_they_belong),
        cmocka_unit_test(a_frame_cut_anywhere_asks_for_what_is_missing),
        cmocka_unit_test(reserved_bytes_are_ignored_when_read),
        cmocka_unit_test(bytes_after_a_frame_belong_to_the_next_one),
        cmocka_unit_test(what_cannot_be_meant_is_refused_with_a_reason),
        cmocka_unit_test(the_largest_that_is_allowed_is_waited_for),
        cmocka_unit_test(no_limit_on_items_overflows),
        cmocka_unit_test(unknown_types_from_0x80_are_passed_over),
        cmocka_unit_test(random_frames_survive_being_written_and_read),
        cmocka_unit_test(the_prefix_of_an_item_is_the_start_of_its_frame),
        cmocka_unit_test(fixed_parts_alone_are_those_of_the_frames),
        cmocka_unit_test(ranges_of_a_nak_are_written_and_read),
        cmocka_unit_test(ranges_that_cannot_be_meant_are_refused),
        cmocka_unit_test(every_code_has_a_text),
        cmocka_unit_test(the_header_of_a_datagram_is_written_and_read),
        cmocka_unit_test(datagrams_that_are_not_ours_are_refused),
        cmocka_unit_test(bodies_are_cut_into_as_few_fragments_as_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
