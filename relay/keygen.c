#include "relay/keygen.h"

#include <sysexits.h>

#include "common/log.h"
#include "common/nrp/key.h"
#include "common/topic.h"
#include "relay/cli.h"

static bool filters_ok(const struct option_list *list, struct news_error *err)
{
    if (list->count > NRP_KEY_FILTERS_MAX)
        return news_fail(err, NEWS_ERR_USAGE, "a key has at most %d filters of a kind",
                         NRP_KEY_FILTERS_MAX);
    for (size_t i = 0; i < list->count; i++)
        if (!topic_filter_ok(list->items[i], err)) {
            err->code = NEWS_ERR_USAGE;
            return false;
        }
    return true;
}

int keygen_run(const struct settings *s)
{
    struct news_error err = {0};
    bool ok = program_stdout_ok(&err) && filters_ok(&s->publish, &err) &&
              filters_ok(&s->subscribe, &err) &&
              nrp_key_make(stdout, (uint32_t)s->id, s->publish.items, s->publish.count,
                           s->subscribe.items, s->subscribe.count, &err) &&
              program_flush_stdout(&err);
    if (ok) return EX_OK;
    log_error("%s", err.message);
    return news_exit_status(err.code);
}
