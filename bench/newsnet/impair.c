#include "bench/newsnet/impair.h"

#define NS_PER_MS 1e6

/* --- what makes sense -------------------------------------------------------------------- */

bool impair_check(const struct impairment *is, struct news_error *err)
{
    const struct {
        const char *name;
        double value, most;
    } numbers[] = {
        {"delay (ms)", is->delay_ms, 60000},
        {"jitter (ms)", is->jitter_ms, 60000},
        {"loss (share)", is->loss, 1},
        {"mean run of losses (packets)", is->loss_burst, 1e6},
        {"reorder (share)", is->reorder, 1},
        {"duplicate (share)", is->duplicate, 1},
        {"corrupt (share)", is->corrupt, 1},
        {"rate (kbit/s)", is->rate_kbit, 1e9},
        {"queue (packets)", is->queue_packets, IMPAIR_QUEUE_MAX},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (!(numbers[i].value >= 0 && numbers[i].value <= numbers[i].most)) /* not NAN, either */
            return news_fail(err, NEWS_ERR_USAGE, "%s: %g is not from 0 to %g", numbers[i].name,
                             numbers[i].value, numbers[i].most);
    if (is->rate_kbit > 0 && is->rate_kbit < 1)
        return news_fail(err, NEWS_ERR_USAGE, "rate: below 1 kbit/s a packet takes seconds");
    /* Every run of losses is followed by at least one packet that passes. */
    double burst = is->loss_burst, most = burst / (burst + 1);
    if (burst > 1 && is->loss < 1 && is->loss > most)
        return news_fail(err, NEWS_ERR_USAGE,
                         "losses in runs of %g make at most a share of %.3f, not %.3f", burst, most,
                         is->loss);
    return true;
}

/* --- chance ------------------------------------------------------------------------------ */

enum draw { DRAW_LOSS, DRAW_REORDER, DRAW_JITTER, DRAW_TWICE, DRAW_CORRUPT, DRAW_WHERE, DRAWS = 8 };

/* splitmix64, its counter being packet and purpose. */
static uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint64_t draw(const struct impair *m, enum draw what)
{
    return mix(m->seed + (m->packets * DRAWS + what + 1) * 0x9e3779b97f4a7c15u);
}

static double share(const struct impair *m, enum draw what) /* [0, 1) */
{
    return (double)(draw(m, what) >> 11) * 0x1p-53;
}

/* Gilbert-Elliott, losing everything in the bad state and nothing in the good one: a run of losses
 * goes on with 1 - 1/burst, and one begins as often as makes the share of all losses right. */
static double chance_of_loss(const struct impair *m)
{
    const struct impairment *is = &m->is;
    if (is->loss_burst <= 1 || is->loss >= 1 || m->packets == 0) return is->loss;
    if (m->losing) return 1 - 1 / is->loss_burst;
    return is->loss / (is->loss_burst * (1 - is->loss));
}

/* --- the rate limit ---------------------------------------------------------------------- */

/* When the packet has left the queue; -1: there was no room. The one on the line has a place, too.
 */
static int64_t pass_queue(struct impair *m, int64_t now_ns, size_t len)
{
    unsigned room = m->is.queue_packets ? m->is.queue_packets : IMPAIR_QUEUE_USUAL;
    if (m->is.rate_kbit <= 0) return now_ns;
    while (m->queued > 0 && m->left_ns[m->head] <= now_ns) {
        m->head = (m->head + 1) % IMPAIR_QUEUE_MAX;
        m->queued--;
    }
    if (m->queued >= room) return -1;
    if (m->free_ns < now_ns) m->free_ns = now_ns;
    m->free_ns += (int64_t)((double)len * 8e6 / m->is.rate_kbit + 0.5);
    m->left_ns[(m->head + m->queued++) % IMPAIR_QUEUE_MAX] = m->free_ns;
    return m->free_ns;
}

/* --- all of it --------------------------------------------------------------------------- */

void impair_init(struct impair *m, const struct impairment *is, uint64_t seed, unsigned direction)
{
    m->is = *is;
    m->seed = mix(mix(seed + 0x9e3779b97f4a7c15u) + direction);
    m->packets = 0;
    m->losing = false;
    m->last_due_ns = 0;
    m->head = m->queued = 0;
    m->free_ns = 0;
}

void impair_set(struct impair *m, const struct impairment *is)
{
    m->is = *is;
}

static int64_t due_after(struct impair *m, int64_t sent_ns)
{
    double late_ms = m->is.delay_ms + m->is.jitter_ms * share(m, DRAW_JITTER);
    if (share(m, DRAW_REORDER) < m->is.reorder) return sent_ns;
    int64_t due_ns = sent_ns + (int64_t)(late_ms * NS_PER_MS);
    if (due_ns > m->last_due_ns) m->last_due_ns = due_ns;
    return m->last_due_ns;
}

struct impair_decision impair_decide(struct impair *m, int64_t now_ns, size_t len)
{
    struct impair_decision d = {.fate = IMPAIR_PASSES};
    int64_t sent_ns = pass_queue(m, now_ns, len);
    m->losing = share(m, DRAW_LOSS) < chance_of_loss(m);
    if (sent_ns < 0) {
        d.fate = IMPAIR_QUEUE_FULL;
    } else if (m->losing) {
        d.fate = IMPAIR_LOST;
    } else {
        d.due_ns = due_after(m, sent_ns);
        d.twice = share(m, DRAW_TWICE) < m->is.duplicate;
        d.corrupt = share(m, DRAW_CORRUPT) < m->is.corrupt;
        d.where = draw(m, DRAW_WHERE);
    }
    m->packets++;
    return d;
}

void impair_damage(uint8_t *bytes, size_t len, size_t ip_header, uint64_t where)
{
    if (len <= ip_header) return;
    uint64_t bit = where % ((len - ip_header) * 8);
    bytes[ip_header + bit / 8] ^= (uint8_t)(1u << bit % 8);
}
