#include "publisher/charset.h"

#include <ctype.h>
#include <errno.h>
#include <iconv.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "common/ascii.h"

enum {
    DECLARATION_MAX = 1024, /* an XML declaration is looked for in so many bytes */
    NAME_MAX_BYTES = sizeof((struct charset_text *)0)->encoding,
    CONVERT_STEP = 64 * 1024,
};

static const char utf8_name[] = "UTF-8";
static const char replacement[] = "\xEF\xBF\xBD";

/* ---- looking at UTF-8 ---- */

static bool continues(const char *p)
{
    return ((unsigned char)*p & 0xC0) == 0x80;
}

static inline size_t sequence(const char *text, size_t len)
{
    if (len == 0) return 0;
    unsigned char a = (unsigned char)text[0], b = len > 1 ? (unsigned char)text[1] : 0;
    if (a < 0x80) return 1;
    if (a < 0xC2 || a > 0xF4 || len < 2 || !continues(text + 1)) return 0;
    if (a < 0xE0) return 2;
    /* Overlong forms, surrogates and what is beyond U+10FFFF show in the second byte. */
    if ((a == 0xE0 && b < 0xA0) || (a == 0xED && b > 0x9F)) return 0;
    if (len < 3 || !continues(text + 2)) return 0;
    if (a < 0xF0) return 3;
    if ((a == 0xF0 && b < 0x90) || (a == 0xF4 && b > 0x8F)) return 0;
    return len > 3 && continues(text + 3) ? 4 : 0;
}

size_t charset_sequence(const char *text, size_t len)
{
    return sequence(text, len);
}

/* XML 1.0 §2.2: of the C0 controls only these are characters. */
static bool forbidden_control(unsigned char c)
{
    return c < 0x20 && c != '\t' && c != '\n' && c != '\r';
}

static bool noncharacter(const char *p) /* U+FFFE and U+FFFF, which XML forbids */
{
    return (unsigned char)p[0] == 0xEF && (unsigned char)p[1] == 0xBF &&
           (unsigned char)p[2] >= 0xBE;
}

/* The length of the longest prefix that is UTF-8 of XML characters. *ascii becomes false
 * when any of it is not ASCII. */
static size_t good_prefix(const char *text, size_t len, bool *ascii)
{
    size_t at = 0;
    while (at < len) {
        if (len - at >= 8 && ascii_printable(ascii_load(text + at))) {
            at += 8;
            continue;
        }
        size_t step = sequence(text + at, len - at);
        if (step == 0 || (step == 1 && forbidden_control((unsigned char)text[at])) ||
            (step == 3 && noncharacter(text + at)))
            break;
        if (step > 1) *ascii = false;
        at += step;
    }
    return at;
}

struct census { /* of bytes taken for UTF-8 */
    size_t sequences, broken;
};

static struct census count_sequences(const char *text, size_t len)
{
    struct census n = {0, 0};
    for (size_t at = 0; at < len;) {
        size_t step = sequence(text + at, len - at);
        if (step == 0) n.broken++;
        else if (step > 1) n.sequences++;
        at += step ? step : 1;
    }
    return n;
}

/* ---- names of encodings ---- */

/* What is declared, and what is meant by it. */
static const struct alias {
    const char *name, *iconv;
} aliases[] = {
    {"utf8", utf8_name},
    {"utf-8", utf8_name},
    {"iso-8859-1", "CP1252"},
    {"iso8859-1", "CP1252"},
    {"iso_8859-1", "CP1252"},
    {"latin1", "CP1252"},
    {"latin-1", "CP1252"},
    {"iso-8859-9", "CP1254"},
    {"iso-8859-11", "CP874"},
    {"tis-620", "CP874"},
    {"gb2312", "GB18030"},
    {"gb_2312-80", "GB18030"},
    {"gbk", "GB18030"},
    {"x-gbk", "GB18030"},
    {"cp936", "GB18030"},
    {"big5", "BIG5-HKSCS"},
    {"shift_jis", "CP932"},
    {"shift-jis", "CP932"},
    {"sjis", "CP932"},
    {"x-sjis", "CP932"},
    {"windows-31j", "CP932"},
    {"euc-kr", "CP949"},
    {"ks_c_5601-1987", "CP949"},
    {"x-mac-roman", "MACINTOSH"},
    {"x-mac-cyrillic", "MAC-CYRILLIC"},
};

/* Sets in which one character may take several bytes: text in them can look like UTF-8. */
static const char *const multibyte[] = {"GB",       "BIG5",    "CP932", "CP949", "EUC",
                                        "ISO-2022", "ISO2022", "HZ",    "UTF",   "UHC",
                                        "JOHAB",    "SHIFT",   "UCS",   "CP936", "CP950"};

/* Byte order marks and the traces of an unmarked '<', longer ones first where they share a
 * beginning. */
static const struct mark {
    char bytes[4];
    unsigned char len;
    unsigned char skip; /* bytes that are no text */
    const char *iconv;
} marks[] = {
    {{'\xEF', '\xBB', '\xBF'}, 3, 3, utf8_name},
    {{'\xFF', '\xFE', 0, 0}, 4, 4, "UTF-32LE"},
    {{0, 0, '\xFE', '\xFF'}, 4, 4, "UTF-32BE"},
    {{'\xFF', '\xFE'}, 2, 2, "UTF-16LE"},
    {{'\xFE', '\xFF'}, 2, 2, "UTF-16BE"},
    {{'<', 0, 0, 0}, 4, 0, "UTF-32LE"},
    {{0, 0, 0, '<'}, 4, 0, "UTF-32BE"},
    {{'<', 0}, 2, 0, "UTF-16LE"},
    {{0, '<'}, 2, 0, "UTF-16BE"},
    {{'{', 0}, 2, 0, "UTF-16LE"},
    {{0, '{'}, 2, 0, "UTF-16BE"},
};

static const struct mark *find_mark(const char *bytes, size_t len)
{
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        if (len >= marks[i].len && memcmp(bytes, marks[i].bytes, marks[i].len) == 0)
            return &marks[i];
    }
    return NULL;
}

static bool is_multibyte(const char *iconv_name)
{
    for (size_t i = 0; i < sizeof multibyte / sizeof *multibyte; i++) {
        if (strncasecmp(iconv_name, multibyte[i], strlen(multibyte[i])) == 0) return true;
    }
    return false;
}

/* Writes what iconv calls the declared encoding; false when nothing useful is declared. Only plain
 * names pass: iconv would take "//" for options. Documents kept in strings of 16 bits often declare
 * UTF-16 but are not: that shows in their bytes (marks), so the name alone is not believed; and
 * ASCII (RFC 3023's old default for text/xml) is refuted by the bytes for which this is asked. */
static bool encoding_named(const char *name, size_t len, char out[NAME_MAX_BYTES])
{
    while (len && isspace((unsigned char)*name))
        name++, len--;
    while (len && isspace((unsigned char)name[len - 1]))
        len--;
    if (len == 0 || len >= NAME_MAX_BYTES) return false;
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)name[i]) && !strchr("-_.:", name[i])) return false;
    }
    memcpy(out, name, len);
    out[len] = '\0';
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++) {
        if (strcasecmp(out, aliases[i].name) == 0) strcpy(out, aliases[i].iconv);
    }
    if (strcmp(out, utf8_name) == 0) return true;
    if (strncasecmp(out, "UTF", 3) == 0 || strncasecmp(out, "UCS", 3) == 0) return false;
    if (strcasecmp(out, "us-ascii") == 0 || strcasecmp(out, "ascii") == 0) return false;
    iconv_t known = iconv_open(utf8_name, out);
    if (known == (iconv_t)-1) return false;
    iconv_close(known);
    return true;
}

/* The value of encoding="..." in an XML declaration at the start, if there is one. */
static bool declared_in_xml(const char *bytes, size_t len, char out[NAME_MAX_BYTES])
{
    static const char key[] = "encoding";
    if (len > DECLARATION_MAX) len = DECLARATION_MAX;
    const char *start = memmem(bytes, len, "<?xml", 5);
    if (!start) return false;
    const char *end = memmem(start, len - (size_t)(start - bytes), "?>", 2);
    const char *at = end ? memmem(start, (size_t)(end - start), key, sizeof key - 1) : NULL;
    if (!at) return false;
    for (at += sizeof key - 1; at < end && *at != '"' && *at != '\''; at++)
        continue;
    const char *close = at < end ? memchr(at + 1, *at, (size_t)(end - at - 1)) : NULL;
    return close && encoding_named(at + 1, (size_t)(close - at - 1), out);
}

/* ---- deciding ---- */

/* Which encoding bytes are in that bear no mark and are not plain ASCII. good: they are clean
 * UTF-8, which need not be what they mean. */
static void choose(const char *bytes, size_t len, const char *http_charset, bool good,
                   char out[NAME_MAX_BYTES])
{
    char http[NAME_MAX_BYTES], xml[NAME_MAX_BYTES];
    bool said_http = http_charset && encoding_named(http_charset, strlen(http_charset), http);
    bool said_xml = declared_in_xml(bytes, len, xml);
    struct census n = good ? (struct census){.sequences = 1} : count_sequences(bytes, len);
    const char *name = said_http ? http : said_xml ? xml : utf8_name;
    if (n.broken == 0 && n.sequences && !is_multibyte(name)) name = utf8_name;
    /* UTF-8 with damage here and there stays UTF-8; with hardly a whole sequence it is not, and
     * the other declaration, or windows-1252, is the better guess. */
    if (n.broken > n.sequences && strcmp(name, utf8_name) == 0)
        name = said_http && said_xml && strcmp(xml, utf8_name) != 0 ? xml : "CP1252";
    strcpy(out, name);
}

/* ---- changing ---- */

static void note_damage(struct charset_text *t, const char *text, size_t at)
{
    if (t->bad_line) return;
    t->bad_line = 1;
    for (const char *p = text; (p = memchr(p, '\n', (size_t)(text + at - p))); p++)
        t->bad_line++;
}

/* Appends text as UTF-8 of XML characters: what is broken becomes U+FFFD, controls vanish. */
static void put_clean(struct buf *out, const char *text, size_t len, struct charset_text *t)
{
    bool ascii;
    for (size_t at = 0; at < len;) {
        size_t good = good_prefix(text + at, len - at, &ascii);
        buf_put(out, text + at, good);
        at += good;
        if (at == len) break;
        note_damage(t, text, at);
        if (forbidden_control((unsigned char)text[at])) {
            t->removed++;
            at++;
        } else {
            size_t step = sequence(text + at, len - at);
            buf_puts(out, replacement);
            t->replaced++;
            at += step ? step : 1;
        }
    }
}

/* The bytes to pass over where iconv refuses one: UTF-16 must not lose its step. */
static size_t unit_of(const char *encoding)
{
    return strncmp(encoding, "UTF-16", 6) == 0 ? 2 : strncmp(encoding, "UTF-32", 6) == 0 ? 4 : 1;
}

/* Appends the conversion of bytes; each unit that iconv refuses becomes U+FFFD. */
static bool convert(iconv_t cd, const char *bytes, size_t len, size_t max, struct buf *out,
                    struct charset_text *t, struct news_error *err)
{
    size_t unit = unit_of(t->encoding);
    char *in = (char *)(uintptr_t)bytes; /* iconv's prototype lacks the const it keeps to */
    while (len) {
        if (out->len > max)
            return news_fail(err, NEWS_ERR_TOO_LARGE, "larger than %zu bytes as UTF-8", max);
        char *at = buf_reserve(out, CONVERT_STEP);
        if (!at) return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        char *end = at;
        size_t room = CONVERT_STEP, done = iconv(cd, &in, &len, &end, &room);
        int why = errno;
        out->len += (size_t)(end - at);
        out->data[out->len] = '\0';
        if (done != (size_t)-1 || why == E2BIG) continue;
        buf_puts(out, replacement);
        t->replaced++;
        size_t skip = len < unit ? len : unit;
        in += skip;
        len -= skip;
    }
    return true;
}

static bool transcode(const char *bytes, size_t len, size_t max, struct buf *store,
                      struct charset_text *t, struct news_error *err)
{
    iconv_t cd = iconv_open(utf8_name, t->encoding);
    if (cd == (iconv_t)-1)
        return news_fail(err, NEWS_ERR_UNSUPPORTED, "no conversion from %s", t->encoding);
    bool ok = convert(cd, bytes, len, max, store, t, err);
    iconv_close(cd);
    t->data = store->data ? store->data : "";
    t->len = store->len;
    return ok;
}

/* Replaces store and t->data, which may lie in it, by their clean form. */
static bool clean(struct buf *store, struct charset_text *t, struct news_error *err)
{
    struct buf fresh = {0};
    put_clean(&fresh, t->data, t->len, t);
    bool ok = buf_ok(&fresh);
    buf_deinit(store);
    *store = fresh;
    t->data = store->data ? store->data : "";
    t->len = store->len;
    return ok || news_fail(err, NEWS_ERR_MEMORY, "out of memory");
}

bool charset_to_utf8(const char *bytes, size_t len, const char *http_charset, size_t max,
                     struct buf *store, struct charset_text *out, struct news_error *err)
{
    struct charset_text t = {.data = bytes, .len = len, .encoding = "UTF-8"};
    const struct mark *mark = find_mark(bytes, len);
    bool ascii = true;
    if (mark) {
        strcpy(t.encoding, mark->iconv);
        t.data += mark->skip;
        t.len -= mark->skip;
    }
    bool good = good_prefix(t.data, t.len, &ascii) == t.len;
    if (!mark && !(good && ascii)) choose(bytes, len, http_charset, good, t.encoding);
    if (strcmp(t.encoding, utf8_name) != 0) {
        if (!transcode(t.data, t.len, max, store, &t, err)) return false;
        good = good_prefix(t.data, t.len, &ascii) == t.len;
    }
    if (!good && !clean(store, &t, err)) return false;
    if (t.len > max)
        return news_fail(err, NEWS_ERR_TOO_LARGE, "larger than %zu bytes as UTF-8", max);
    *out = t;
    return true;
}
