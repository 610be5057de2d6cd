/* publisher/outlet.h - where `newspub send` puts what it has read: into the journal and from there
 * to the broker; to the process that owns the journal; or, with --no-journal, to the broker through
 * memory alone.
 *
 * One interface, one .c file for each. Threads: one. */
#ifndef PUBLISHER_OUTLET_H
#define PUBLISHER_OUTLET_H

#include "publisher/desk.h"
#include "publisher/items.h"

struct outlet_events {
    void *user;
    /* Once for each outlet_put(), in their order, sooner or later; why for REFUSED and FAILED.
     * After FAILED nothing more is taken. */
    void (*on_taken)(void *user, enum desk_answer answer, const struct news_error *why);
    /* The broker has it (refused NULL), or never will. topic NULL: why names it. */
    void (*on_answer)(void *user, const char *topic, const struct news_error *refused);
    void (*on_link)(void *user, enum transport_state state, const struct transport_url *url,
                    const struct news_error *why, int wait_ms);
};

struct outlet {
    const struct outlet_ops *ops;
    struct outlet_events events;
};

struct outlet_ops {
    const char *kept; /* what becomes of items that were taken and not acknowledged */
    int kept_status;  /* and the exit status that says so */
    bool passes_on;   /* to somebody who may go and come back: then another outlet is opened */
    bool keeps;       /* takes submissions also when nobody can be reached */
    bool (*room)(const struct outlet *o); /* for one more submission */
    void (*put)(struct outlet *o, const struct submission *s);
    size_t (*waiting)(const struct outlet *o); /* put or taken before, not answered */
    bool (*was_up)(const struct outlet *o);    /* somebody was there to take it */
    int64_t (*moved_ms)(const struct outlet *o);
    void (*turn)(struct outlet *o); /* what was put is made safe, and goes on its way */
    struct transport_wait (*wait)(const struct outlet *o);
    void (*service)(struct outlet *o, short revents);
    void (*close)(struct outlet *o); /* on_link DOWN follows */
    void (*destroy)(struct outlet *o);
};

/* The settings and the placing outlive the outlet. NULL: err; of outlet_journal() with code
 * NEWS_ERR_BUSY when another process owns the journal. */
struct outlet *outlet_memory(const struct settings *s, const struct placing *p,
                             const struct outlet_events *e, struct news_error *err);
struct outlet *outlet_journal(const struct settings *s, const struct placing *p,
                              const struct outlet_events *e, struct news_error *err);
/* NULL with code NEWS_ERR_UNREACHABLE: nobody takes items for this journal. */
struct outlet *outlet_handover(const struct settings *s, const struct placing *p,
                               const struct outlet_events *e, struct news_error *err);

#endif
