#include "common/nrp/floor.h"

#include <stdlib.h>
#include <string.h>

struct came {
    uint64_t dseq, iseq;
};

struct nrp_floor {
    uint64_t iseq;
    uint64_t cum;                  /* dseqs up to it were considered */
    uint64_t moves_from;           /* the floor follows items from this dseq on */
    uint64_t healed_from;          /* losses of lower dseqs come again */
    uint64_t lost_first, lost_top; /* dseqs of those that do not; 0: none */
    uint64_t start; /* older ones have left the log: the floor goes there when all before
                       moves_from is resolved; 0: it did */
    /* SUBSCRIBEs that were asked for together: the unanswered ones, and what the others said. */
    unsigned asked;
    bool all;
    uint64_t start_least, dseq_least, dseq_most;
    unsigned window;
    struct came *came; /* by dseq modulo the window */
    uint64_t seen[NRP_FLOOR_SPAN / 64];
};

struct nrp_floor *nrp_floor_new(unsigned window, uint64_t iseq, struct news_error *err)
{
    struct nrp_floor *f = calloc(1, sizeof *f);
    struct came *came = calloc(window, sizeof *came);
    if (!f || !came) {
        free(f);
        free(came);
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    f->came = came;
    f->window = window;
    f->iseq = iseq;
    return f;
}

void nrp_floor_free(struct nrp_floor *f)
{
    if (!f) return;
    free(f->came);
    free(f);
}

uint64_t nrp_floor_iseq(const struct nrp_floor *f)
{
    return f->iseq;
}

/* ---------------------------------------------------------------------------- What was received */

static uint64_t *word_of(struct nrp_floor *f, uint64_t iseq)
{
    return &f->seen[iseq % NRP_FLOOR_SPAN / 64];
}

static bool see(struct nrp_floor *f, uint64_t iseq)
{
    uint64_t bit = UINT64_C(1) << iseq % 64;
    if (iseq < f->iseq) return false;
    if (iseq - f->iseq >= NRP_FLOOR_SPAN) return true;
    if (*word_of(f, iseq) & bit) return false;
    *word_of(f, iseq) |= bit;
    return true;
}

static void move_to(struct nrp_floor *f, uint64_t iseq)
{
    if (iseq <= f->iseq) return;
    if (iseq - f->iseq >= NRP_FLOOR_SPAN) memset(f->seen, 0, sizeof f->seen);
    else
        for (uint64_t i = f->iseq; i < iseq; i++)
            *word_of(f, i) &= ~(UINT64_C(1) << i % 64);
    f->iseq = iseq;
}

static void follow_start(struct nrp_floor *f)
{
    if (!f->start || f->asked || f->lost_top || f->cum + 1 < f->moves_from) return;
    move_to(f, f->start);
    f->start = 0;
}

bool nrp_floor_item(struct nrp_floor *f, uint64_t dseq, uint64_t iseq)
{
    f->came[dseq & (f->window - 1)] = (struct came){dseq, iseq};
    return see(f, iseq);
}

void nrp_floor_advance(struct nrp_floor *f, uint64_t cum)
{
    if (cum <= f->cum) return;
    /* Only the last `window` can have come; a gap may be longer. */
    uint64_t from = cum - f->cum > f->window ? cum - f->window : f->cum;
    for (uint64_t d = from + 1; d <= cum && d != 0; d++) {
        const struct came *c = &f->came[d & (f->window - 1)];
        bool stands = f->asked || d < f->moves_from || (f->lost_top && d > f->lost_first);
        if (c->dseq == d && !stands && c->iseq < UINT64_MAX) move_to(f, c->iseq + 1);
    }
    f->cum = cum;
    follow_start(f);
}

/* -------------------------------------------------------------------------------------- Losses */

void nrp_floor_lost(struct nrp_floor *f, uint64_t first_dseq, uint64_t last_dseq)
{
    if (last_dseq < f->healed_from) return;
    if (!f->lost_top || first_dseq < f->lost_first) f->lost_first = first_dseq;
    if (last_dseq > f->lost_top) f->lost_top = last_dseq;
}

void nrp_floor_asked(struct nrp_floor *f, bool all)
{
    if (!f->asked++) {
        f->all = all;
        f->start_least = f->dseq_least = UINT64_MAX;
        f->dseq_most = 0;
    }
}

/* All are answered. Between the first and the last of them the session's items go over the log
 * more than once: the floor waits for the last walk, while only losses before the first one are
 * sure to come again. */
static void settle(struct nrp_floor *f)
{
    if (f->dseq_least == UINT64_MAX) return; /* all were refused */
    if (f->dseq_most > f->moves_from) f->moves_from = f->dseq_most;
    if (f->all) {
        f->healed_from = f->dseq_least;
        if (f->lost_top < f->healed_from) f->lost_top = 0;
    }
    if (f->start_least > f->start) f->start = f->start_least;
    follow_start(f);
}

void nrp_floor_answered(struct nrp_floor *f, uint64_t start, uint64_t first_dseq)
{
    if (!f->asked) return;
    if (start < f->start_least) f->start_least = start;
    if (first_dseq < f->dseq_least) f->dseq_least = first_dseq;
    if (first_dseq > f->dseq_most) f->dseq_most = first_dseq;
    if (!--f->asked) settle(f);
}

void nrp_floor_refused(struct nrp_floor *f)
{
    if (f->asked && !--f->asked) settle(f);
}

bool nrp_floor_wants_resync(const struct nrp_floor *f)
{
    return f->lost_top && !f->asked;
}

void nrp_floor_forgive(struct nrp_floor *f)
{
    f->lost_top = 0;
}
