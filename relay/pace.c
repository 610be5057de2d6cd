#include "relay/pace.h"

#define TOKEN           1000000 /* of a byte */
#define RATE_MOST       ((int64_t)1 << 40)
#define BURST_PARTS     20 /* of a second: 50 ms */
#define BURST_DATAGRAMS 16

static int64_t clamped(int64_t value, int64_t least, int64_t most)
{
    if (value < least) return least;
    return value > most ? most : value;
}

static int64_t burst(const struct pace *p)
{
    return clamped(p->rate / BURST_PARTS, p->datagram_max, p->datagram_max * BURST_DATAGRAMS) *
           TOKEN;
}

void pace_init(struct pace *p, int64_t start, int64_t floor, int64_t cap, size_t datagram_max,
               int64_t now_us)
{
    p->cap = clamped(cap, 0, RATE_MOST);
    p->floor = clamped(floor, 1, p->cap > 0 ? p->cap : 1);
    p->rate = p->cap > 0 ? clamped(start, p->floor, p->cap) : 0;
    p->datagram_max = (int64_t)datagram_max;
    p->tokens = burst(p);
    p->filled_us = now_us;
}

static void fill(struct pace *p, int64_t now_us)
{
    int64_t elapsed = clamped(now_us - p->filled_us, 0, INT64_MAX);
    int64_t missing = burst(p) - p->tokens; /* less than nothing when the rate fell */
    p->filled_us += elapsed;
    if (elapsed > missing / p->rate) p->tokens += missing;
    else p->tokens += elapsed * p->rate;
}

bool pace_allows(struct pace *p, int64_t now_us, size_t bytes)
{
    if (p->cap == 0) return true;
    fill(p, now_us);
    return p->tokens >= (int64_t)bytes * TOKEN;
}

void pace_spend(struct pace *p, size_t bytes)
{
    if (p->cap > 0) p->tokens -= (int64_t)bytes * TOKEN;
}

int64_t pace_ready(const struct pace *p, size_t bytes)
{
    int64_t missing = (int64_t)bytes * TOKEN - p->tokens;
    if (p->cap == 0 || missing <= 0) return p->filled_us;
    return p->filled_us + (missing + p->rate - 1) / p->rate;
}

void pace_report(struct pace *p, uint32_t received, uint32_t lost)
{
    uint64_t sent = (uint64_t)received + lost;
    if (p->cap == 0 || sent == 0) return;
    uint64_t missing = (uint64_t)lost * 100;
    bool few = missing < sent * 2;
    if (missing > sent * 10) p->rate /= 2;
    else if (few) p->rate += p->slowed ? p->rate / 10 : p->rate;
    p->slowed = p->slowed || !few;
    p->rate = clamped(p->rate, p->floor, p->cap);
}
