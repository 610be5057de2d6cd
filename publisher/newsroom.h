/* publisher/newsroom.h - a publisher with a memory: journal, desk, courier, status, answers to
 * those who missed something. What `newspub send` and `newspub run` have in common.
 *
 * Life: newsroom_open() owns the journal. Submissions are taken in batches: newsroom_take() as
 * often as there is something, then newsroom_commit(): only then are they accepted. The courier is
 * filled from the journal alone. On the first connection the fence is passed before any item goes
 * out: the publisher reads its own retained status and head, and if they are ahead of the journal
 * (it was restored from an old copy), a new epoch is made. Loop: newsroom_turn() each turn, then
 * poll newsroom_wait(), then newsroom_service(). Threads: one. */
#ifndef PUBLISHER_NEWSROOM_H
#define PUBLISHER_NEWSROOM_H

#include "common/storage/answer.h"
#include "publisher/cli.h"
#include "publisher/courier.h"
#include "publisher/desk.h"

struct newsroom;

struct newsroom_events { /* any may be NULL */
    void *user;
    /* An accepted item was acknowledged (refused NULL), or never will be. id of newsroom_take(). */
    void (*on_answer)(void *user, uint64_t id, const char *topic, const struct news_error *refused);
    /* Ids changed: every unanswered id counts as lost; all items not done now have ids from
     * first_id on. (A new epoch was made.) */
    void (*on_renewed)(void *user, uint64_t first_id);
    void (*on_link)(void *user, enum transport_state state, const struct transport_url *url,
                    const struct news_error *why, int wait_ms);
    /* Appends members (",\"name\":...") to the status, where it says online. */
    void (*put_details)(void *user, struct buf *out);
};

struct newsroom_options {
    const struct settings *settings; /* outlives the newsroom */
    const char *publisher;           /* a slug */
    const char *owner;               /* "newspub run" */
    bool beacon; /* stays: status while idle, answers, prunes, takes what is due */
};

struct newsroom *newsroom_open(const struct newsroom_options *o, const struct newsroom_events *e,
                               struct news_error *err);
void newsroom_free(struct newsroom *n); /* NULL is fine */
struct journal *newsroom_journal(const struct newsroom *n);
struct link *newsroom_link(const struct newsroom *n);

enum desk_answer newsroom_take(struct newsroom *n, const struct submission *s, uint64_t *id,
                               struct news_error *err);
/* True when a batch is open and should be committed before more is taken. */
bool newsroom_batch_full(const struct newsroom *n);
/* More submissions would run too far ahead of the courier. */
bool newsroom_is_behind(struct newsroom *n);
bool newsroom_commit(struct newsroom *n, struct news_error *err);
void newsroom_rollback(struct newsroom *n);

/* Unacknowledged items in the journal, held ones apart. */
size_t newsroom_waiting(const struct newsroom *n);
size_t newsroom_held(const struct newsroom *n);
int64_t newsroom_moved_ms(const struct newsroom *n); /* as courier_moved_ms() */

void newsroom_turn(struct newsroom *n);
struct transport_wait newsroom_wait(const struct newsroom *n);
void newsroom_service(struct newsroom *n, short revents);
/* Says "offline" and goodbye; on_link DOWN follows. */
void newsroom_close(struct newsroom *n);

#endif
