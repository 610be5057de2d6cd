#include "bench/newsbench/plan.h"

#include <ini.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"

#define SOURCE_MAX     ((size_t)256 << 10)
#define CELLS_MAX      512
#define VALUES_MAX     64
#define CARRIER_MAX    32
#define BLOCKS_MAX     100
#define LINE_MAX_BYTES 190 /* longer texts go on in indented lines */

/* --- reading ----------------------------------------------------------------------------- */

struct axis { /* one line of [vary] */
    const struct factor *factors[2];
    char values[2][VALUES_MAX][32];
    size_t counts[2];
};

struct reading {
    struct plan *plan;
    struct news_error *err;
    const struct carrier *carriers[CARRIER_MAX];
    size_t carrier_count;
    struct axis axes[sizeof((struct plan *)0)->varied / sizeof *((struct plan *)0)->varied];
    size_t axis_count;
    bool failed;
};

static const struct factor *factor_find(const char *name)
{
    for (const struct factor *f = factors; f->name; f++)
        if (strcmp(f->name, name) == 0) return f;
    return NULL;
}

/* The next word of *at, cut off in place; NULL: no more. */
static char *next_word(char **at)
{
    char *word;
    do
        word = strsep(at, " \t");
    while (word && *word == '\0');
    return word;
}

/* A text may go on over several lines, each indented. */
static bool add_text(char *out, size_t size, const char *value, struct news_error *err)
{
    size_t len = strlen(out);
    int n = snprintf(out + len, size - len, "%s%s", len ? " " : "", value);
    if (n >= 0 && (size_t)n < size - len) return true;
    return news_fail(err, NEWS_ERR_CONFIG, "longer than %zu bytes", size - 1);
}

static bool set_text(struct reading *r, const char *name, const char *value)
{
    struct plan_text *t = &r->plan->text;
    const struct {
        const char *name;
        char *texts[2];
        size_t size;
    } rows[] = {{"title", {t->title[0], t->title[1]}, sizeof t->title[0]},
                {"question", {t->question[0], t->question[1]}, sizeof t->question[0]},
                {"predict", {t->predict[0], t->predict[1]}, sizeof t->predict[0]},
                {"conclude", {t->conclude[0], t->conclude[1]}, sizeof t->conclude[0]},
                {"beware", {t->beware[0], t->beware[1]}, sizeof t->beware[0]}};
    size_t len = strcspn(name, ".");
    int language = strcmp(name + len, ".fr") == 0;
    if (name[len] && !language)
        return news_fail(r->err, NEWS_ERR_CONFIG, "%.60s: languages are English and .fr", name);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strlen(rows[i].name) == len && strncmp(rows[i].name, name, len) == 0)
            return add_text(rows[i].texts[language], rows[i].size, value, r->err);
    return news_fail(r->err, NEWS_ERR_CONFIG, "no plan has \"%.60s\"", name);
}

static bool set_number(const char *name, const char *value, double most, double *out,
                       struct news_error *err)
{
    char *end;
    double number = strspn(value, "0123456789") ? strtod(value, &end) : NAN;
    if (isnan(number) || *end || number != floor(number) || number > most)
        return news_fail(err, NEWS_ERR_CONFIG, "%s: \"%.60s\" is not a whole number up to %.0f",
                         name, value, most);
    *out = number;
    return true;
}

static bool in_head(struct reading *r, const char *name, const char *value)
{
    double number;
    if (strcmp(name, "blocks") == 0) {
        if (!set_number(name, value, BLOCKS_MAX, &number, r->err)) return false;
        r->plan->blocks = (unsigned)number;
        return number >= 1 || news_fail(r->err, NEWS_ERR_CONFIG, "blocks: at least 1");
    }
    if (strcmp(name, "seed") == 0) {
        if (!set_number(name, value, 1e15, &number, r->err)) return false;
        r->plan->seed = (uint64_t)number;
        return true;
    }
    return set_text(r, name, value);
}

static bool set_carriers(struct reading *r, const char *value)
{
    char text[1024], *at = text, *word;
    (void)snprintf(text, sizeof text, "%s", value);
    while ((word = next_word(&at)) != NULL) {
        const struct carrier *c = carrier_find(word);
        if (!c) return news_fail(r->err, NEWS_ERR_CONFIG, "no carrier is called \"%.60s\"", word);
        if (r->carrier_count == CARRIER_MAX)
            return news_fail(r->err, NEWS_ERR_CONFIG, "more than %d carriers", CARRIER_MAX);
        for (size_t i = 0; i < r->carrier_count; i++)
            if (r->carriers[i] == c) return news_fail(r->err, NEWS_ERR_CONFIG, "%s twice", word);
        r->carriers[r->carrier_count++] = c;
    }
    return true;
}

static bool in_base(struct reading *r, const char *name, const char *value)
{
    if (strcmp(name, "carriers") == 0) return set_carriers(r, value);
    const struct factor *f = factor_find(name);
    if (!f) return news_fail(r->err, NEWS_ERR_CONFIG, "no factor is called \"%.60s\"", name);
    return factor_set(f, &r->plan->base, value, r->err);
}

/* Each word is tried, so that the error names this line. */
static bool take_values(struct reading *r, struct axis *a, size_t which, char *text)
{
    struct cell scratch = r->plan->base;
    char *word;
    while ((word = next_word(&text)) != NULL) {
        if (!factor_set(a->factors[which], &scratch, word, r->err)) return false;
        if (a->counts[which] == VALUES_MAX || strlen(word) >= sizeof a->values[0][0])
            return news_fail(r->err, NEWS_ERR_CONFIG, "%s: too many values, or too long ones",
                             a->factors[which]->name);
        (void)snprintf(a->values[which][a->counts[which]++], sizeof a->values[0][0], "%s", word);
    }
    if (a->counts[which] > 0) return true;
    return news_fail(r->err, NEWS_ERR_CONFIG, "%s has no values", a->factors[which]->name);
}

/* "a x b": two parts, the second may be missing; cut off in place. */
static char *after_cross(char *text)
{
    char *cross = strstr(text, " x ");
    if (!cross) return NULL;
    *cross = '\0';
    return cross + strlen(" x ");
}

static bool in_vary(struct reading *r, const char *name, const char *value)
{
    char names[2][256], values[2][2048];
    (void)snprintf(names[0], sizeof names[0], "%s", name);
    (void)snprintf(values[0], sizeof values[0], "%s", value);
    char *second = after_cross(names[0]), *others = after_cross(values[0]);
    if (!second != !others)
        return news_fail(r->err, NEWS_ERR_CONFIG, "%.60s: both sides of = have \" x \", or none",
                         name);
    if (r->axis_count == sizeof r->axes / sizeof *r->axes)
        return news_fail(r->err, NEWS_ERR_CONFIG, "more than %zu lines in [vary]", r->axis_count);
    struct axis *a = &r->axes[r->axis_count++];
    const char *words[2] = {names[0], second};
    char *lists[2] = {values[0], others};
    for (size_t i = 0; i < 2 && words[i]; i++) {
        a->factors[i] = factor_find(words[i]);
        if (!a->factors[i])
            return news_fail(r->err, NEWS_ERR_CONFIG, "no factor is called \"%.60s\"", words[i]);
        if (!take_values(r, a, i, lists[i])) return false;
    }
    return true;
}

static int on_line(void *user, const char *section, const char *name, const char *value)
{
    static const struct {
        const char *section;
        bool (*set)(struct reading *, const char *, const char *);
    } parts[] = {{"", in_head}, {"base", in_base}, {"vary", in_vary}};
    struct reading *r = user;
    for (size_t i = 0; !r->failed && i < sizeof parts / sizeof *parts; i++) {
        if (strcmp(parts[i].section, section) != 0) continue;
        r->failed = !parts[i].set(r, name, value ? value : "");
        return !r->failed;
    }
    if (!r->failed)
        news_fail(r->err, NEWS_ERR_CONFIG, "sections are [base] and [vary], not [%.40s]", section);
    r->failed = true;
    return 0;
}

/* --- cells ------------------------------------------------------------------------------- */

static bool same_conditions(const struct cell *a, const struct cell *b)
{
    for (const struct factor *f = factors; f->name; f++)
        if (factor_value(f, a) != factor_value(f, b)) return false;
    return true;
}

/* Once for each carrier; conditions that are there already are not measured twice. */
static bool add_cells(struct reading *r, const struct cell *conditions)
{
    struct plan *p = r->plan;
    for (size_t i = 0; i < p->cell_count; i++)
        if (same_conditions(&p->cells[i], conditions)) return true;
    if (conditions->slow_subscribers > conditions->subscribers)
        return news_fail(r->err, NEWS_ERR_CONFIG, "%u of %u subscribers cannot be slow",
                         conditions->slow_subscribers, conditions->subscribers);
    for (size_t i = 0; i < r->carrier_count; i++) {
        if (p->cell_count == CELLS_MAX)
            return news_fail(r->err, NEWS_ERR_CONFIG, "more than %d cells", CELLS_MAX);
        p->cells[p->cell_count] = *conditions;
        p->cells[p->cell_count++].carrier = r->carriers[i];
    }
    return true;
}

static bool add_axis(struct reading *r, const struct axis *a)
{
    struct plan *p = r->plan;
    size_t others = a->factors[1] ? a->counts[1] : 1;
    for (size_t i = 0; i < a->counts[0]; i++)
        for (size_t k = 0; k < others; k++) {
            struct cell c = p->base;
            if (!factor_set(a->factors[0], &c, a->values[0][i], r->err)) return false;
            if (a->factors[1] && !factor_set(a->factors[1], &c, a->values[1][k], r->err))
                return false;
            if (!add_cells(r, &c)) return false;
        }
    p->varied[p->varied_count].factors[0] = a->factors[0];
    p->varied[p->varied_count++].factors[1] = a->factors[1];
    return true;
}

static bool make_cells(struct reading *r)
{
    if (r->carrier_count == 0)
        return news_fail(r->err, NEWS_ERR_CONFIG, "[base] names no carriers");
    r->plan->cells = calloc(CELLS_MAX, sizeof *r->plan->cells);
    if (!r->plan->cells) return news_fail(r->err, NEWS_ERR_MEMORY, "out of memory");
    if (!add_cells(r, &r->plan->base)) return false;
    for (size_t i = 0; i < r->axis_count; i++)
        if (!add_axis(r, &r->axes[i])) return false;
    return true;
}

/* --- the whole --------------------------------------------------------------------------- */

static bool set_defaults(struct plan *p, const char *name, const char *text, struct news_error *err)
{
    *p = (struct plan){.blocks = 6, .seed = 1, .source = strdup(text)};
    (void)snprintf(p->name, sizeof p->name, "%s", name);
    if (!p->source) return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    for (const struct factor *f = factors; f->name; f++)
        if (!factor_set(f, &p->base, f->fallback, err)) return false;
    return true;
}

/* inih would cut it, and say nothing. 0: none. */
static int first_long_line(const char *text)
{
    for (int line = 1; *text; line++) {
        size_t len = strcspn(text, "\n");
        if (len > LINE_MAX_BYTES) return line;
        text += len + (text[len] == '\n');
    }
    return 0;
}

bool plan_parse(struct plan *p, const char *name, const char *text, struct news_error *err)
{
    struct news_error why = {0};
    struct reading *r = calloc(1, sizeof *r);
    if (!r || !set_defaults(p, name, text, &why)) {
        free(r);
        return news_fail(err, NEWS_ERR_MEMORY, "%s: out of memory", name);
    }
    r->plan = p;
    r->err = &why;
    int line = first_long_line(text);
    if (line)
        r->failed = !news_fail(&why, NEWS_ERR_CONFIG,
                               "longer than %d bytes: go on in an indented line", LINE_MAX_BYTES);
    else line = ini_parse_string(text, on_line, r);
    bool good = line == 0 && make_cells(r);
    if (line > 0 && !r->failed) news_fail(&why, NEWS_ERR_CONFIG, "not a line of a plan");
    if (line < 0) news_fail(&why, NEWS_ERR_MEMORY, "out of memory");
    free(r);
    if (good) return true;
    plan_deinit(p);
    if (line > 0) return news_fail(err, why.code, "%s:%d: %.200s", name, line, why.message);
    return news_fail(err, why.code, "%s: %.200s", name, why.message);
}

/* "bench/plans/thin-feed.plan" is "thin-feed". */
static void name_of(const char *path, char *out, size_t size)
{
    const char *slash = strrchr(path, '/');
    (void)snprintf(out, size, "%s", slash ? slash + 1 : path);
    char *dot = strrchr(out, '.');
    if (dot && dot != out) *dot = '\0';
}

static bool read_file(const char *path, struct buf *out, struct news_error *err)
{
    FILE *f = fopen(path, "re");
    if (!f) return news_fail(err, NEWS_ERR_IO, "%s: %m", path);
    char *room = buf_reserve(out, SOURCE_MAX + 1);
    if (room) out->len = fread(room, 1, SOURCE_MAX + 1, f);
    bool failed = ferror(f) != 0;
    (void)fclose(f);
    if (!room) return news_fail(err, NEWS_ERR_MEMORY, "%s: out of memory", path);
    if (failed) return news_fail(err, NEWS_ERR_IO, "%s: cannot be read", path);
    if (out->len > SOURCE_MAX || memchr(room, '\0', out->len))
        return news_fail(err, NEWS_ERR_CONFIG, "%s: not a plan: too long, or not text", path);
    buf_puts(out, "\n");
    return buf_ok(out) || news_fail(err, NEWS_ERR_MEMORY, "%s: out of memory", path);
}

bool plan_load(struct plan *p, const char *path, struct news_error *err)
{
    struct buf text = {0};
    *p = (struct plan){0};
    bool good = read_file(path, &text, err) && plan_parse(p, path, text.data, err);
    if (good) name_of(path, p->name, sizeof p->name);
    buf_deinit(&text);
    return good;
}

void plan_deinit(struct plan *p)
{
    free(p->cells);
    free(p->source);
    *p = (struct plan){0};
}

/* --- what is said of it ------------------------------------------------------------------ */

static uint64_t next_random(uint64_t *state) /* splitmix64 */
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

void plan_order(const struct plan *p, unsigned block, size_t *order)
{
    uint64_t state = p->seed * 0x2545f4914f6cdd1du + block;
    for (size_t i = 0; i < p->cell_count; i++) { /* Fisher and Yates, inside out */
        size_t at = (size_t)(next_random(&state) % (i + 1));
        order[i] = order[at];
        order[at] = i;
    }
}

void cell_describe(const struct plan *p, const struct cell *c, char *out, size_t size)
{
    size_t len = 0;
    *out = '\0';
    for (const struct factor *f = factors; f->name && len < size; f++) {
        char value[40];
        if (factor_value(f, c) == factor_value(f, &p->base)) continue;
        factor_print(f, c, value, sizeof value);
        int n = snprintf(out + len, size - len, "%s%s=%s", len ? " " : "", f->name, value);
        len += n > 0 ? (size_t)n : 0;
    }
}

const char *cell_name(const struct cell *c)
{
    return *c->alias ? c->alias : c->carrier->name;
}

bool cell_needs_network(const struct cell *c)
{
    return c->rtt_ms > 0 || c->jitter_ms > 0 || c->loss > 0 || c->reorder > 0 || c->duplicate > 0 ||
           c->corrupt > 0 || c->rate_kbit > 0;
}
