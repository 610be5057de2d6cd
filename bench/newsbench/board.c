#include "bench/newsbench/board.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench/newsbench/schedule.h"

#define MOST_BYTES    ((size_t)8 << 30) /* of address space: pages nobody writes cost nothing */
#define SPARE_RECORDS 1024 /* for duplicates, beside as many again as there are items */
#define ALIGN         64   /* slots of different writers share no cache line */

/* --- schedules ----------------------------------------------------------------------------- */

struct schedules {
    size_t count;
    struct schedule {
        int64_t *due_ns;
        size_t items;
    } * of;
};

static void schedules_free(struct schedules *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->of[i].due_ns);
    free(s->of);
}

/* Several publishers at a constant rate take turns. */
static void stagger(struct schedule *s, double offset_s, double seconds)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->items; i++) {
        int64_t due = s->due_ns[i] + (int64_t)(offset_s * 1e9);
        if ((double)due < seconds * 1e9) s->due_ns[kept++] = due;
    }
    s->items = kept;
}

static bool make_schedules(struct schedules *s, const struct cell *cell, double seconds,
                           uint64_t seed, struct news_error *err)
{
    s->of = calloc(cell->publishers, sizeof *s->of);
    if (!s->of) return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    for (; s->count < cell->publishers; s->count++) {
        struct schedule *one = &s->of[s->count];
        const struct schedule_spec spec = {.arrivals = cell->arrivals,
                                           .rate = cell->rate / cell->publishers,
                                           .seconds = seconds,
                                           .burst_items = cell->burst_items,
                                           .seed = seed + s->count * 0x9e3779b97f4a7c15u};
        one->due_ns = schedule_make(&spec, &one->items);
        if (!one->due_ns) return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        if (one->items > UINT32_MAX)
            return news_fail(err, NEWS_ERR_TOO_LARGE, "more than %u items of one publisher",
                             UINT32_MAX);
        if (cell->arrivals == ARRIVALS_CONSTANT)
            stagger(one, (double)s->count / cell->rate, seconds);
    }
    return true;
}

/* --- the mapping --------------------------------------------------------------------------- */

static size_t aligned(size_t size)
{
    return (size + ALIGN - 1) / ALIGN * ALIGN;
}

static void *cut(char **at, size_t size)
{
    void *piece = *at;
    *at += aligned(size);
    return piece;
}

static size_t records_for(size_t items)
{
    return 2 * items + SPARE_RECORDS;
}

/* False: no number can say it, or far too large. */
static bool total_size(const struct schedules *s, size_t subscribers, size_t *total)
{
    size_t items = 0;
    *total = aligned(sizeof(struct board)) + aligned(s->count * sizeof(struct publisher_slot)) +
             aligned(subscribers * sizeof(struct subscriber_slot));
    for (size_t i = 0; i < s->count; i++) {
        items += s->of[i].items;
        *total += aligned(s->of[i].items * sizeof(int64_t)) +
                  aligned(s->of[i].items * sizeof(struct sent_item));
    }
    size_t each = aligned(records_for(items) * sizeof(struct arrival_record));
    if (subscribers > 0 && each > MOST_BYTES / subscribers) return false;
    *total += each * subscribers;
    return *total <= MOST_BYTES;
}

static void lay_out(struct board *b, const struct schedules *s)
{
    char *at = (char *)b + aligned(sizeof *b);
    size_t items = 0;
    b->publisher = cut(&at, s->count * sizeof *b->publisher);
    b->subscriber = cut(&at, b->subscribers * sizeof *b->subscriber);
    for (size_t i = 0; i < s->count; i++) {
        struct publisher_slot *p = &b->publisher[i];
        p->item_count = s->of[i].items;
        p->due_ns = cut(&at, p->item_count * sizeof *p->due_ns);
        p->items = cut(&at, p->item_count * sizeof *p->items);
        if (p->item_count) memcpy(p->due_ns, s->of[i].due_ns, p->item_count * sizeof *p->due_ns);
        items += p->item_count;
    }
    for (size_t i = 0; i < b->subscribers; i++) {
        b->subscriber[i].room = records_for(items);
        b->subscriber[i].records = cut(&at, records_for(items) * sizeof(struct arrival_record));
    }
}

static struct board *map(const struct schedules *s, size_t subscribers, struct news_error *err)
{
    size_t size;
    if (!total_size(s, subscribers, &size)) {
        news_fail(err, NEWS_ERR_TOO_LARGE, "so many items to so many subscribers are too many");
        return NULL;
    }
    struct board *b = mmap(NULL, size, PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (b == MAP_FAILED) {
        news_fail(err, NEWS_ERR_MEMORY, "%zu bytes for what arrives: out of memory", size);
        return NULL;
    }
    b->size = size;
    b->publishers = s->count;
    b->subscribers = subscribers;
    lay_out(b, s);
    return b;
}

struct board *board_new(const struct cell *cell, const struct board_times *times, uint64_t seed,
                        struct news_error *err)
{
    struct schedules s = {0};
    struct board *b = NULL;
    double end_s = times->warm_up_s + cell->seconds + times->cool_down_s;
    if (make_schedules(&s, cell, end_s, seed, err)) b = map(&s, cell->subscribers, err);
    schedules_free(&s);
    if (!b) return NULL;
    b->from_ns = (int64_t)(times->warm_up_s * 1e9);
    b->to_ns = (int64_t)((times->warm_up_s + cell->seconds) * 1e9);
    b->end_ns = (int64_t)(end_s * 1e9);
    b->dropped = UINT64_MAX;
    return b;
}

void board_free(struct board *b)
{
    if (b) munmap(b, b->size);
}

size_t board_item_count(const struct board *b)
{
    size_t count = 0;
    for (size_t i = 0; i < b->publishers; i++)
        count += b->publisher[i].item_count;
    return count;
}

void board_measured(const struct board *b, size_t publisher, size_t *from, size_t *to)
{
    const struct publisher_slot *p = &b->publisher[publisher];
    size_t at = 0;
    while (at < p->item_count && p->due_ns[at] < b->from_ns)
        at++;
    *from = at;
    while (at < p->item_count && p->due_ns[at] < b->to_ns)
        at++;
    *to = at;
}
