#include "subscriber/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <time.h>

enum {
    COMPILED_MAX = 32 << 10, /* bytes: (a{1000}){1000} ends here */
    NESTED_MAX = 50,         /* parentheses */
    STACK_FIRST = 32 << 10,  /* bytes of the machine code's own stack */
    STACK_MAX = 256 << 10,   /* likewise */
    HEAP_MAX = 1024,         /* KiB, where there is no machine code */
    DEPTH_MAX = 10000,       /* likewise */
    STEPS_MAX = 50 * 1000,   /* from one place where a match may begin */
    WINDOW = 256,            /* such places between two looks at the clock */
    TIME_MAX_MS = 20,        /* of the processor's time, so that a busy machine changes nothing */
};

struct pattern {
    pcre2_code *code;
    pcre2_match_context *context;
    pcre2_match_data *found; /* nobody asks where: only that there is room for it */
    pcre2_jit_stack *stack;  /* NULL: no machine code on this machine */
};

static pcre2_compile_context *limits_new(void)
{
    pcre2_compile_context *limits = pcre2_compile_context_create(NULL);
    if (!limits) return NULL;
    (void)pcre2_set_max_pattern_length(limits, PATTERN_MAX);
    (void)pcre2_set_parens_nest_limit(limits, NESTED_MAX);
    return limits;
}

static bool compile(struct pattern *p, const char *text, size_t len, size_t *at,
                    struct news_error *err)
{
    pcre2_compile_context *limits = limits_new();
    if (!limits) return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    int why = 0;
    size_t place = 0, size = 0;
    p->code = pcre2_compile((PCRE2_SPTR)text, len,
                            PCRE2_UTF | PCRE2_UCP | PCRE2_CASELESS | PCRE2_NEVER_BACKSLASH_C |
                                PCRE2_USE_OFFSET_LIMIT,
                            &why, &place, limits);
    pcre2_compile_context_free(limits);
    if (p->code) {
        (void)pcre2_pattern_info(p->code, PCRE2_INFO_SIZE, &size);
        if (size <= COMPILED_MAX) return true;
        return news_fail(err, NEWS_ERR_USAGE, "the regular expression is too large");
    }
    PCRE2_UCHAR message[160];
    (void)pcre2_get_error_message(why, message, sizeof message);
    if (at) *at = place < len ? place : len;
    return news_fail(err, NEWS_ERR_USAGE, "%s", (const char *)message);
}

/* Not every machine has a compiler for it: what is left away then is only speed. */
static void compile_further(struct pattern *p)
{
    if (pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE) != 0) return;
    p->stack = pcre2_jit_stack_create(STACK_FIRST, STACK_MAX, NULL);
    if (p->stack) pcre2_jit_stack_assign(p->context, NULL, p->stack);
}

struct pattern *pattern_new(const char *text, size_t len, size_t *at, struct news_error *err)
{
    struct pattern *p = calloc(1, sizeof *p);
    if (at) *at = 0;
    if (!p) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    if (!compile(p, text, len, at, err)) {
        pattern_free(p);
        return NULL;
    }
    p->context = pcre2_match_context_create(NULL);
    p->found = pcre2_match_data_create(1, NULL);
    if (!p->context || !p->found) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        pattern_free(p);
        return NULL;
    }
    (void)pcre2_set_match_limit(p->context, STEPS_MAX);
    (void)pcre2_set_heap_limit(p->context, HEAP_MAX);
    (void)pcre2_set_depth_limit(p->context, DEPTH_MAX);
    compile_further(p);
    return p;
}

void pattern_free(struct pattern *p)
{
    if (!p) return;
    pcre2_jit_stack_free(p->stack); /* NULL is a no-op, here and below */
    pcre2_match_data_free(p->found);
    pcre2_match_context_free(p->context);
    pcre2_code_free(p->code);
    free(p);
}

static int64_t processor_ms(void)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Behind the window's last place, and not within a character. */
static size_t next_window(const char *text, size_t len, size_t last)
{
    size_t next = last + 1;
    while (next < len && ((unsigned char)text[next] & 0xC0) == 0x80)
        next++;
    return next;
}

/* PCRE2 (10.42) counts its steps anew from each place, and its machine code passes over repeated
 * characters without counting: a long text may take as many steps as its length squared. Hence the
 * clock, and windows after which one can look at it. */
enum pattern_answer pattern_find(const struct pattern *p, const char *text, size_t len)
{
    if (len > PATTERN_TEXT_MAX) return PATTERN_GAVE_UP;
    int64_t deadline_ms = len < WINDOW ? 0 : processor_ms() + TIME_MAX_MS;
    uint32_t checked = 0;
    for (size_t from = 0;; checked = PCRE2_NO_UTF_CHECK) {
        size_t last = from + WINDOW - 1;
        (void)pcre2_set_offset_limit(p->context, last);
        int n = pcre2_match(p->code, (PCRE2_SPTR)text, len, from, checked, p->found, p->context);
        if (n >= 0) return PATTERN_FOUND;
        if (n != PCRE2_ERROR_NOMATCH) return PATTERN_GAVE_UP; /* a limit; text that is not UTF-8 */
        if (last >= len) return PATTERN_ABSENT;
        if (processor_ms() > deadline_ms) return PATTERN_GAVE_UP;
        from = next_window(text, len, last);
    }
}
