#include "subscriber/librarian.h"

#include <stdlib.h>
#include <string.h>

#include "common/date.h"
#include "common/log.h"

enum { UNANSWERED_MAX = 8 };

struct librarian {
    struct answerer *answerer;
    struct link *link;
    struct buf payload;
    char topic[TOPIC_MAX];
    bool waits;             /* payload is to be published */
    bool idle;              /* the answerer has nothing */
    uint64_t token, oldest; /* given out last; below oldest: of an earlier connection */
    size_t unanswered;
};

struct librarian *librarian_new(struct store *s, struct link *link, struct news_error *err)
{
    struct librarian *l = calloc(1, sizeof *l);
    if (!l) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    l->link = link;
    l->token = LIBRARIAN_TOKEN;
    l->idle = true;
    l->answerer = answerer_new(store_db(s), true, err);
    if (l->answerer) return l;
    free(l);
    return NULL;
}

void librarian_free(struct librarian *l)
{
    if (!l) return;
    answerer_free(l->answerer);
    buf_deinit(&l->payload);
    free(l);
}

bool librarian_message(struct librarian *l, const struct catchup *c, const struct message *m)
{
    struct sync_route route;
    struct sync_request request = {0};
    struct news_error err = {0};
    if (!sync_route_of_request(m->topic, &route)) return false;
    if (strcmp(route.client, link_client_id(l->link)) == 0) return true; /* our own */
    if (sync_request_parse(m->payload, m->payload_len, &request, &err)) {
        bool ours = catchup_offline(c, route.publisher, date_mono_ms()) ||
                    !catchup_is_present(c, route.publisher, request.epoch);
        sync_request_deinit(&request);
        if (!ours) return true;
    }
    if (!answerer_take(l->answerer, &route, m->payload, m->payload_len, &err))
        log_note("%s: refused: %s", m->topic, err.message);
    l->idle = false;
    return true;
}

void librarian_published(struct librarian *l, uint64_t token)
{
    if (token & LIBRARIAN_TOKEN && token >= l->oldest && l->unanswered > 0) l->unanswered--;
}

void librarian_down(struct librarian *l)
{
    l->unanswered = 0;
    l->oldest = l->token + 1;
}

static bool next(struct librarian *l)
{
    struct news_error err = {0};
    size_t most = link_payload_max(l->link, SYNC_REPLY_LONGEST, 1);
    if (l->waits) return true;
    switch (answerer_next(l->answerer, most, l->topic, &l->payload, &err)) {
    case ANSWER_MESSAGE: l->waits = true; break;
    case ANSWER_LATER: break;
    case ANSWER_FAILED: log_error("%s", err.message); break;
    case ANSWER_IDLE: l->idle = true; break;
    }
    return l->waits;
}

void librarian_turn(struct librarian *l)
{
    while (!l->idle && link_is_up(l->link) && l->unanswered < UNANSWERED_MAX && next(l)) {
        struct news_error err = {0};
        const struct message m = {
            .topic = l->topic, .payload = l->payload.data, .payload_len = l->payload.len, .qos = 1};
        enum transport_answer answer = link_publish(l->link, &m, l->token + 1, &err);
        if (answer == TRANSPORT_FULL) return;
        l->waits = false;
        if (answer == TRANSPORT_REFUSED) {
            log_note("%s: %s", l->topic, err.message);
            continue;
        }
        l->token++;
        l->unanswered++;
    }
}

bool librarian_busy(const struct librarian *l)
{
    return !l->idle && !l->waits && link_is_up(l->link) && l->unanswered < UNANSWERED_MAX;
}
