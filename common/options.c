#include "common/options.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"

enum level { LEVEL_DEFAULT, LEVEL_FILE, LEVEL_ENVIRONMENT, LEVEL_PROFILE, LEVEL_ARGV };

static bool is_end(const struct option *row)
{
    return !row->name && !row->help;
}

static const struct option *option_find(const struct option *table, const char *name, size_t len)
{
    for (const struct option *row = table; !is_end(row); row++)
        if (row->name && strlen(row->name) == len && memcmp(row->name, name, len) == 0) return row;
    return NULL;
}

static const struct option *option_of_letter(const struct option *table, char letter)
{
    for (const struct option *row = table; !is_end(row); row++)
        if (row->letter && row->letter == letter) return row;
    return NULL;
}

static bool takes_value(const struct option *row)
{
    return row->type != OPTION_FLAG && row->type != OPTION_ACTION;
}

/* ---- values ---- */

static bool bad_value(const struct option *row, const char *value, const char *want,
                      struct news_error *err)
{
    return news_fail(err, NEWS_ERR_USAGE, "--%s: \"%.60s\" is not %s", row->name, value, want);
}

static bool parse_number(const char *text, const char **end, long long *value)
{
    char *behind;
    errno = 0;
    *value = strtoll(text, &behind, 10);
    *end = behind;
    return behind != text && errno == 0 && !isspace((unsigned char)*text);
}

static bool set_number(const struct option *row, const char *value, long long *field,
                       struct news_error *err)
{
    const char *end;
    long long n;
    char want[64];
    (void)snprintf(want, sizeof want, "a number from %lld to %lld", row->least, row->most);
    if (!parse_number(value, &end, &n) || *end || n < row->least || n > row->most)
        return bad_value(row, value, want, err);
    *field = n;
    return true;
}

bool options_read_time(const char *text, long long *ms)
{
    static const struct {
        const char *unit;
        long long ms;
    } units[] = {{"", 1000},       {"s", 1000},        {"ms", 1},
                 {"m", 60 * 1000}, {"h", 3600 * 1000}, {"d", 24 * 3600 * 1000}};
    const char *end;
    long long n;
    if (!parse_number(text, &end, &n) || n < 0) return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(end, units[i].unit) == 0 && n <= LLONG_MAX / 2 / units[i].ms) {
            *ms = n * units[i].ms;
            return true;
        }
    return false;
}

static bool set_time(const struct option *row, const char *value, long long *field,
                     struct news_error *err)
{
    return options_read_time(value, field) ||
           bad_value(row, value, "a time such as 30, 500ms, 10m, 2h or 7d", err);
}

static bool set_size(const struct option *row, const char *value, long long *field,
                     struct news_error *err)
{
    static const char units[] = "KMGT";
    const char *end;
    long long n;
    bool ok = parse_number(value, &end, &n) && n >= 0;
    const char *unit = ok && *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
    int shift = unit ? 10 * (int)(unit - units + 1) : 0;
    if (!ok || (*end && (!unit || end[1])) || n > (LLONG_MAX >> shift))
        return bad_value(row, value, "a size such as 500M or 2G", err);
    *field = n << shift;
    return true;
}

static bool set_range(const struct option *row, const char *value, struct option_range *field,
                      struct news_error *err)
{
    const char *end;
    long long least, most;
    char want[64];
    (void)snprintf(want, sizeof want, "a range within %lld-%lld", row->least, row->most);
    bool ok = parse_number(value, &end, &least);
    most = least;
    if (ok && *end == '-') ok = parse_number(end + 1, &end, &most);
    if (!ok || *end || least < row->least || most > row->most || least > most)
        return bad_value(row, value, want, err);
    *field = (struct option_range){(int)least, (int)most};
    return true;
}

static bool list_add(const struct option *row, const char *value, struct option_list *field,
                     struct news_error *err)
{
    if (field->count == OPTION_LIST_MAX)
        return news_fail(err, NEWS_ERR_USAGE, "--%s: at most %d values", row->name,
                         OPTION_LIST_MAX);
    field->items[field->count++] = value;
    return true;
}

static bool set_list(struct options *o, const struct option *row, const char *value,
                     struct option_list *field, struct news_error *err)
{
    if (!row->split) return list_add(row, value, field, err);
    for (const char *at = value;; at++) {
        size_t n = strcspn(at, ",");
        const char *one = at[n] ? arena_strndup(o->memory, at, n) : at;
        if (!one) return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        if (n == 0) return bad_value(row, value, "a list of names: one of them is empty", err);
        if (!list_add(row, one, field, err)) return false;
        at += n;
        if (!*at) return true;
    }
}

static bool set_flag(const struct option *row, const char *value, bool *field,
                     struct news_error *err)
{
    static const char *const yes[] = {"", "yes", "true", "on", "1"};
    static const char *const no[] = {"no", "false", "off", "0"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        if (strcmp(value, yes[i]) == 0) return *field = true, true;
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (strcmp(value, no[i]) == 0) return *field = false, true;
    return bad_value(row, value, "yes or no", err);
}

/* value outlives the settings. A level below the one that set it already changes nothing. */
static bool option_set(struct options *o, const struct option *row, const char *value,
                       enum level level, struct news_error *err)
{
    void *field = (char *)o->settings + row->at;
    unsigned char *set_by = &o->level[row - o->table];
    if (*set_by > level) return true;
    if (row->type == OPTION_LIST && *set_by < level) ((struct option_list *)field)->count = 0;
    *set_by = (unsigned char)level;
    switch (row->type) {
    case OPTION_FLAG: return set_flag(row, value, field, err);
    case OPTION_TEXT: *(const char **)field = value; return true;
    case OPTION_NUMBER: return set_number(row, value, field, err);
    case OPTION_TIME: return set_time(row, value, field, err);
    case OPTION_SIZE: return set_size(row, value, field, err);
    case OPTION_RANGE: return set_range(row, value, field, err);
    case OPTION_LIST: return set_list(o, row, value, field, err);
    case OPTION_ACTION: break;
    }
    return news_fail(err, NEWS_ERR_USAGE, "--%s takes no value", row->name);
}

/* ---- sources ---- */

bool options_init(struct options *o, const char *program, const struct option *table,
                  void *settings, struct news_error *err)
{
    *o = (struct options){
        .table = table, .program = program, .settings = settings, .memory = arena_new()};
    if (!o->memory) return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    for (const struct option *row = table; !is_end(row); row++)
        assert(row - table < OPTIONS_MAX);
    for (const struct option *row = table; !is_end(row); row++)
        if (row->fallback && !option_set(o, row, row->fallback, LEVEL_DEFAULT, err)) return false;
    return true;
}

void options_deinit(struct options *o)
{
    arena_free(o->memory);
    o->memory = NULL;
}

bool options_set(struct options *o, const char *name, const char *value, struct news_error *err)
{
    const struct option *row = option_find(o->table, name, strlen(name));
    if (!row) return news_fail(err, NEWS_ERR_USAGE, "there is no option --%s", name);
    return option_set(o, row, value, LEVEL_ENVIRONMENT, err);
}

/* ---- files ---- */

struct load {
    struct options *o;
    FILE *file;
    bool (*on_line)(void *user, const char *section, const char *name, const char *value,
                    unsigned long line, struct news_error *err); /* NULL: there are no sections */
    void *user;
    const char *profile; /* only this section's lines count, as settings; NULL: the others */
    bool found;          /* the profile */
    unsigned long line;    /* of text */
    char text[4096];       /* without the indent */
    bool cut;              /* inih has only the beginning of text: its buffer is short */
    char section[128];     /* "": the first has not begun */
    struct news_error why; /* of a line that inih had nothing against; the first one ends it */
};

static bool set_line(struct load *l, const char *name, const char *value)
{
    const struct option *row = option_find(l->o->table, name, strlen(name));
    if (!row || row->type == OPTION_ACTION || strcmp(name, "config") == 0)
        return news_fail(&l->why, NEWS_ERR_CONFIG, "there is no setting \"%s\"", name);
    const char *copy = arena_strdup(l->o->memory, value);
    if (!copy) return news_fail(&l->why, NEWS_ERR_MEMORY, "out of memory");
    return option_set(l->o, row, copy, l->profile ? LEVEL_PROFILE : LEVEL_FILE, &l->why);
}

/* What follows the name, as inih would have it: without blanks at the ends and " ; comments". */
static const char *long_value(char *text)
{
    char *value = text + strcspn(text, "=:") + 1;
    for (char *c = value; *c; c++)
        if (*c == ';' && isspace((unsigned char)c[-1])) {
            *c = '\0';
            break;
        }
    char *end = value + strlen(value);
    while (end > value && isspace((unsigned char)end[-1]))
        end--;
    *end = '\0';
    return value + strspn(value, " \t");
}

/* inih's own notion of the section is cut to 50 bytes, and it does not tell of an empty one. */
static int load_line(void *user, const char *section, const char *name, const char *value)
{
    struct load *l = user;
    (void)section;
    if (l->cut) value = long_value(l->text);
    if (l->profile) return strcmp(l->section, l->profile) != 0 || set_line(l, name, value);
    if (!*l->section) return set_line(l, name, value);
    return l->on_line(l->user, l->section, name, value, l->line, &l->why);
}

static bool begin_section(struct load *l)
{
    const char *name = l->text + 1;
    size_t len = strcspn(name, "]");
    if (!name[len]) return true; /* inih refuses it */
    const char *after = name + len + 1;
    after += strspn(after, " \t\r\n");
    if (*after && *after != ';' && *after != '#')
        return news_fail(&l->why, NEWS_ERR_CONFIG, "something follows the section's name");
    if (len >= sizeof l->section)
        return news_fail(&l->why, NEWS_ERR_CONFIG, "the section's name is too long");
    memcpy(l->section, name, len);
    l->section[len] = '\0';
    if (l->profile) return l->found = l->found || strcmp(l->section, l->profile) == 0, true;
    if (l->on_line) return l->on_line(l->user, l->section, NULL, NULL, l->line, &l->why);
    return news_fail(&l->why, NEWS_ERR_CONFIG, "there is no section [%s]", l->section);
}

/* The next line whole, in l->text; false: there is none, or it is none of ours. */
static bool read_text(struct load *l)
{
    static const char bom[] = "\xef\xbb\xbf";
    if (!fgets(l->text, sizeof l->text, l->file)) return false;
    size_t len = strlen(l->text);
    l->line++;
    if (len == 0 || (l->text[len - 1] != '\n' && !feof(l->file)))
        return news_fail(&l->why, NEWS_ERR_CONFIG, "the line %s",
                         len + 1 == sizeof l->text ? "is too long" : "holds a NUL byte");
    size_t skip = l->line == 1 && strncmp(l->text, bom, 3) == 0 ? 3 : 0;
    skip += strspn(l->text + skip, " \t");
    memmove(l->text, l->text + skip, len - skip + 1);
    return true;
}

/* inih cuts lines at its buffer and takes an indented one for more of the value above; here a line
 * is a line. */
static char *load_read(char *line, int size, void *user)
{
    struct load *l = user;
    if (l->why.code != NEWS_OK || !read_text(l)) return NULL;
    if (*l->text == '[' && !begin_section(l)) return NULL;
    l->cut = strlen(l->text) >= (size_t)size;
    (void)snprintf(line, (size_t)size, "%s", strchr("#;", *l->text) ? "" : l->text);
    return line;
}

static bool load_file(struct load *l, const char *path, bool required, struct news_error *err)
{
    l->file = fopen(path, "re");
    if (!l->file) {
        if (!required && (errno == ENOENT || errno == ENOTDIR || errno == EACCES)) return true;
        return news_fail(err, NEWS_ERR_CONFIG, "%s: %s", path, strerror(errno));
    }
    for (size_t i = 0; i < OPTIONS_MAX && !l->profile; i++) /* a file read again adds to no list */
        if (l->o->level[i] == LEVEL_FILE) l->o->level[i] = LEVEL_DEFAULT;
    int refused = ini_parse_stream(load_read, l, load_line, l);
    bool unread = ferror(l->file) != 0, failed = l->why.code != NEWS_OK;
    (void)fclose(l->file);
    if (unread) return news_fail(err, NEWS_ERR_CONFIG, "%s: cannot be read", path);
    if (refused > 0 && (!failed || (unsigned long)refused < l->line))
        return news_fail(err, NEWS_ERR_CONFIG, "%s:%d: is not \"name = value\"", path, refused);
    if (refused < 0) return news_fail(err, NEWS_ERR_MEMORY, "%s: out of memory", path);
    if (failed) return news_fail(err, NEWS_ERR_CONFIG, "%s:%lu: %s", path, l->line, l->why.message);
    return true;
}

bool options_load(struct options *o, const char *path, bool required, struct news_error *err)
{
    return load_file(&(struct load){.o = o}, path, required, err);
}

bool options_load_sections(struct options *o, const char *path,
                           bool (*on_line)(void *user, const char *section, const char *name,
                                           const char *value, unsigned long line,
                                           struct news_error *err),
                           void *user, struct news_error *err)
{
    return load_file(&(struct load){.o = o, .on_line = on_line, .user = user}, path, true, err);
}

bool options_load_profile(struct options *o, const char *path, const char *name,
                          struct news_error *err)
{
    struct load l = {.o = o, .profile = name};
    if (!load_file(&l, path, true, err)) return false;
    o->profile = name;
    return l.found || news_fail(err, NEWS_ERR_CONFIG, "%s: there is no section [%s]", path, name);
}

bool options_given(const struct options *o, const char *name)
{
    const struct option *row = option_find(o->table, name, strlen(name));
    return row && o->level[row - o->table] != LEVEL_DEFAULT;
}

/* ---- the command line ---- */

struct parse {
    struct options *o;
    int argc, at; /* at: the argument being read */
    char **argv;
    const char **action;
};

/* row was met; attached is the text behind '=' or the letter, or NULL. */
static bool option_met(struct parse *p, const struct option *row, const char *attached,
                       struct news_error *err)
{
    if (row->type == OPTION_ACTION) {
        if (attached) return news_fail(err, NEWS_ERR_USAGE, "--%s takes no value", row->name);
        if (!*p->action) *p->action = row->name;
        return true;
    }
    if (!takes_value(row)) return option_set(p->o, row, attached ? attached : "", LEVEL_ARGV, err);
    if (!attached && p->at + 1 >= p->argc)
        return news_fail(err, NEWS_ERR_USAGE, "--%s needs a value: %s", row->name, row->argument);
    return option_set(p->o, row, attached ? attached : p->argv[++p->at], LEVEL_ARGV, err);
}

static bool parse_long(struct parse *p, const char *text, struct news_error *err)
{
    size_t len = strcspn(text, "=");
    const struct option *row = option_find(p->o->table, text, len);
    if (!row)
        return news_fail(err, NEWS_ERR_USAGE, "there is no option --%.*s",
                         (int)(len < 60 ? len : 60), text);
    return option_met(p, row, text[len] ? text + len + 1 : NULL, err);
}

static bool parse_letters(struct parse *p, const char *text, struct news_error *err)
{
    for (; *text; text++) {
        const struct option *row = option_of_letter(p->o->table, *text);
        if (!row) return news_fail(err, NEWS_ERR_USAGE, "there is no option -%c", *text);
        if (takes_value(row)) return option_met(p, row, text[1] ? text + 1 : NULL, err);
        if (!option_met(p, row, NULL, err)) return false;
    }
    return true;
}

bool options_parse(struct options *o, int argc, char **argv, int *operand_count,
                   const char **action, struct news_error *err)
{
    struct parse p = {.o = o, .argc = argc, .argv = argv, .action = action};
    int operands = 0;
    bool over = false;
    for (p.at = 1; p.at < argc; p.at++) {
        char *text = argv[p.at];
        if (over || text[0] != '-' || !text[1]) argv[operands++] = text;
        else if (strcmp(text, "--") == 0) over = true;
        else if (!(text[1] == '-' ? parse_long(&p, text + 2, err)
                                  : parse_letters(&p, text + 1, err)))
            return false;
    }
    *operand_count = operands;
    return true;
}

/* Does this argument take the next one as its value? */
static bool takes_next(const struct option *table, const char *text)
{
    if (text[0] != '-' || !text[1] || strchr(text, '=')) return false;
    if (text[1] == '-') {
        const struct option *row = option_find(table, text + 2, strlen(text + 2));
        return row && takes_value(row);
    }
    for (text++; *text; text++) {
        const struct option *row = option_of_letter(table, *text);
        if (row && takes_value(row)) return !text[1];
    }
    return false;
}

/* The value of a letter within a cluster such as "-vcFILE"; next is what follows the cluster. */
static const char *peek_cluster(const struct option *table, const char *cluster, const char *next,
                                const char *name)
{
    for (const char *letter = cluster + 1; *letter; letter++) {
        const struct option *row = option_of_letter(table, *letter);
        if (!row || !takes_value(row)) continue;
        if (strcmp(row->name, name) != 0) return NULL;
        return letter[1] ? letter + 1 : next;
    }
    return NULL;
}

const char *options_peek(const struct option *table, int argc, char **argv, const char *name)
{
    size_t len = strlen(name);
    const char *value = NULL;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const char *text = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL, *found = NULL;
        if (strncmp(text, "--", 2) == 0 && strncmp(text + 2, name, len) == 0) {
            if (text[2 + len] == '=') found = text + 2 + len + 1;
            if (text[2 + len] == '\0') found = next;
        } else if (text[0] == '-' && text[1] != '-') {
            found = peek_cluster(table, text, next, name);
        }
        if (found) value = found;
        if (takes_next(table, text)) i++;
    }
    return value;
}

const char *options_peek_action(const struct option *table, int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const char *text = argv[i];
        bool is_long = strncmp(text, "--", 2) == 0;
        if (text[0] != '-' || !text[1]) continue;
        for (const char *letter = text + 1; *letter; letter++) {
            const struct option *row = is_long ? option_find(table, text + 2, strlen(text + 2))
                                               : option_of_letter(table, *letter);
            if (row && row->type == OPTION_ACTION) return row->name;
            if (is_long || (row && takes_value(row))) break;
        }
        if (takes_next(table, text)) i++;
    }
    return NULL;
}

bool options_check_command(const struct options *o, unsigned command, const char *command_name,
                           struct news_error *err)
{
    for (const struct option *row = o->table; !is_end(row); row++)
        if (row->name && row->commands && !(row->commands & command) &&
            o->level[row - o->table] == LEVEL_ARGV)
            return news_fail(err, NEWS_ERR_USAGE, "--%s does not go with \"%s\"", row->name,
                             command_name);
    return true;
}

/* ---- help ---- */

enum { HELP_COLUMN = 28, HELP_WIDTH = 79 };

/* text from HELP_COLUMN on, the cursor being at column now, wrapped at blanks. */
static void help_text(FILE *out, const char *text, int now)
{
    if (now >= HELP_COLUMN) {
        fputc('\n', out);
        now = 0;
    }
    while (*text) {
        fprintf(out, "%*s", HELP_COLUMN - now, "");
        size_t room = HELP_WIDTH - HELP_COLUMN, n = strlen(text);
        if (n > room) {
            for (n = room; n > 0 && text[n] != ' '; n--)
                ;
            if (n == 0) n = strcspn(text, " "); /* a word longer than the line stays whole */
        }
        fprintf(out, "%.*s\n", (int)n, text);
        text += n;
        while (*text == ' ')
            text++;
        now = 0;
    }
}

void options_help(const struct option *table, FILE *out)
{
    for (const struct option *row = table; !is_end(row); row++) {
        if (!row->name) {
            fprintf(out, "\n%s:\n", row->help);
            continue;
        }
        char letter[8] = "    ", text[1024];
        if (row->letter) (void)snprintf(letter, sizeof letter, "-%c, ", row->letter);
        int n = fprintf(out, "  %s--%s%s%s", letter, row->name, row->argument ? " " : "",
                        row->argument ? row->argument : "");
        (void)snprintf(text, sizeof text,
                       row->fallback && *row->fallback ? "%s (default %s)" : "%s", row->help,
                       row->fallback);
        help_text(out, text, n);
    }
}

bool options_config_path(const char *file, char *out, size_t size)
{
    const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    int n = base && *base == '/'   ? snprintf(out, size, "%s/newswire/%s", base, file)
            : home && *home == '/' ? snprintf(out, size, "%s/.config/newswire/%s", home, file)
                                   : -1;
    return n > 0 && (size_t)n < size;
}
