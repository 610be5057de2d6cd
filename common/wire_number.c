#include "common/wire_number.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "common/item.h"

/* ---- epochs ---- */

/* Milliseconds in 44 bits, then 20 random ones. */
void wire_epoch_make(int64_t now_ms, char out[WIRE_EPOCH_SIZE])
{
    uint64_t random = 0;
    (void)!getrandom(&random, sizeof random, 0);
    uint64_t epoch = (uint64_t)now_ms << 20 | (random & 0xfffff);
    (void)snprintf(out, WIRE_EPOCH_SIZE, "%016llx", (unsigned long long)epoch);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool wire_epoch_ok(const char *text, size_t len)
{
    if (len != WIRE_EPOCH_SIZE - 1) return false;
    for (size_t i = 0; i < len; i++)
        if (!is_digit(text[i]) && (text[i] < 'a' || text[i] > 'f')) return false;
    return true;
}

/* ---- numbers ---- */

static bool publisher_ok(const char *text, size_t len)
{
    if (len < 1 || len > TOPIC_SLUG_MAX) return false;
    for (size_t i = 0; i < len; i++)
        if (!is_digit(text[i]) && (text[i] < 'a' || text[i] > 'z') && text[i] != '-') return false;
    return true;
}

/* One way to write each number: no sign, no zeros in front. */
static bool seq_parse(const char *text, size_t len, uint64_t *seq)
{
    uint64_t value = 0;
    if (len < 1 || len > 19 || text[0] == '0') return false; /* 19 digits do not overflow */
    for (size_t i = 0; i < len; i++) {
        if (!is_digit(text[i])) return false;
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    if (value > WIRE_SEQ_MAX) return false;
    *seq = value;
    return true;
}

void wire_number_write(const struct wire_number *n, char out[WIRE_NUMBER_SIZE])
{
    (void)snprintf(out, WIRE_NUMBER_SIZE, "%s:%s:%llu", n->publisher, n->epoch,
                   (unsigned long long)n->seq);
}

bool wire_number_parse(const char *text, size_t len, struct wire_number *out)
{
    const char *epoch = memchr(text, ':', len), *end = text + len;
    if (!epoch || end - epoch <= WIRE_EPOCH_SIZE || epoch[WIRE_EPOCH_SIZE] != ':') return false;
    size_t publisher_len = (size_t)(epoch++ - text);
    const char *seq_text = epoch + WIRE_EPOCH_SIZE;
    uint64_t seq;
    if (!publisher_ok(text, publisher_len) || !wire_epoch_ok(epoch, WIRE_EPOCH_SIZE - 1) ||
        !seq_parse(seq_text, (size_t)(end - seq_text), &seq))
        return false;
    *out = (struct wire_number){.seq = seq};
    memcpy(out->publisher, text, publisher_len);
    memcpy(out->epoch, epoch, WIRE_EPOCH_SIZE - 1);
    return true;
}

bool wire_number_of(const struct ninjs *item, struct wire_number *out)
{
    struct json_slice v = item_alt_id(item, "newswire");
    if (!v.at || v.len < 2 || *v.at != '"') return false;
    if (!memchr(v.at, '\\', v.len)) return wire_number_parse(v.at + 1, v.len - 2, out);
    struct buf plain = {0};
    json_text(&plain, v);
    bool ok = plain.data && buf_ok(&plain) && wire_number_parse(plain.data, plain.len, out);
    buf_deinit(&plain);
    return ok;
}
