#include <string.h>

#include "common/topic.h"
#include "relay/hub_state.h"

/* --- who hears the group -------------------------------------------------------------------- */

static void become(struct hub *h, struct peer *p, enum member member)
{
    group_told(h->group, (member != MEMBER_NONE) - (p->d->member != MEMBER_NONE));
    group_joined(h->group, (member == MEMBER_JOINED) - (p->d->member == MEMBER_JOINED));
    p->d->member = member;
    h->counts.group_members = group_members(h->group);
}

void group_leave(struct hub *h, struct peer *p)
{
    if (h->group && p->d) become(h, p, MEMBER_NONE);
}

/* What its sender asks before an ITEM goes for the first time. */
static bool share(const void *user, struct nrp_frame *item)
{
    const struct peer *p = user;
    return p->d->member == MEMBER_JOINED && group_share(p->hub->group, p->d->member_since, item);
}

static void tell(struct hub *h, struct peer *p, struct nrp_group *g, uint8_t status)
{
    const struct nrp_frame f = {.type = NRP_GROUP, .group = *g};
    struct nrp_frame out = f;
    out.group.status = status;
    peer_control(h, p, &out);
    explicit_bzero(&out, sizeof out);
}

/* --- JOIN ----------------------------------------------------------------------------------- */

/* The key is told to nobody who could not read all of it anyway, and never in clear. */
static enum nrp_code may_join(const struct hub *h, const struct peer *p)
{
    enum nrp_security needed = group_is_sealed(h->group) ? NRP_SEALED : NRP_OPEN;
    if (h->shutting) return NRP_CODE_SHUTTING_DOWN;
    if (p->hello.security != needed || !(p->hello.role & NRP_ROLE_SUBSCRIBE))
        return NRP_CODE_NOT_AUTHORISED;
    if (p->key && !nrp_key_may_subscribe(p->key, group_filter(h->group)))
        return NRP_CODE_NOT_AUTHORISED;
    if (p->from.family != 4 || p->d->datagram_max != group_datagram_max(h->group))
        return NRP_CODE_TOO_BIG; /* it would not hear us, or its fragments are others */
    return NRP_OK;
}

static uint8_t ask(struct hub *h, struct peer *p, const struct nrp_join *j, struct nrp_group *out)
{
    (void)j;
    enum nrp_code code = may_join(h, p);
    if (code != NRP_OK) return (uint8_t)(0x80 + code);
    become(h, p, MEMBER_TOLD);
    group_describe(h->group, out);
    return NRP_GROUP_OFFERED;
}

static uint8_t hears(struct hub *h, struct peer *p, const struct nrp_join *j, struct nrp_group *out)
{
    out->group_id = j->group_id;
    if (p->d->member == MEMBER_NONE || !group_is(h->group, j->group_id)) return NRP_GROUP_OVER;
    if (p->d->member == MEMBER_TOLD) {
        p->d->member_since = group_position(h->group);
        sender_set_share(p->d->sender, share, p);
    }
    become(h, p, MEMBER_JOINED);
    return NRP_GROUP_JOINED;
}

static uint8_t leave(struct hub *h, struct peer *p, const struct nrp_join *j, struct nrp_group *out)
{
    out->group_id = j->group_id;
    become(h, p, MEMBER_NONE);
    return NRP_GROUP_OVER;
}

void session_join(struct hub *h, int64_t now_us, struct peer *p, const struct nrp_frame *f)
{
    static uint8_t (*const steps[])(struct hub *, struct peer *, const struct nrp_join *,
                                    struct nrp_group *) = {
        [NRP_JOIN_LEAVE] = leave, [NRP_JOIN_ASK] = ask, [NRP_JOIN_HEARS] = hears};
    (void)now_us;
    struct nrp_group g = {0};
    if (f->join.step >= sizeof steps / sizeof *steps) {
        h->counts.bad_frames++;
        return;
    }
    uint8_t status = NRP_GROUP_OVER;
    if (h->group && p->d) status = steps[f->join.step](h, p, &f->join, &g);
    tell(h, p, &g, status);
    explicit_bzero(&g, sizeof g);
}

/* --- what goes there ------------------------------------------------------------------------ */

void group_consider(struct hub *h, struct record *r, void *const *found, size_t count)
{
    unsigned hear = 0;
    if (group_members(h->group) < GROUP_LEAST) return;
    for (size_t i = 0; i < count; i++) {
        const struct peer *p = found[i];
        hear += p->live && p->d && p->d->member == MEMBER_JOINED;
    }
    if (hear < GROUP_LEAST || !topic_matches(group_filter(h->group), record_topic(r))) return;
    (void)group_push(h->group, h->now_us, r);
    h->counts.group_refused = group_counts(h->group)->refused;
}

/* Somebody who had the key is no longer welcome: all others are told a new one when they ask. */
void group_replace(struct hub *h)
{
    if (!h->group) return;
    (void)group_renew(h->group); /* no memory: nothing goes there any more */
    for (struct link *l = h->peers.next; l != &h->peers; l = l->next) {
        struct peer *p = link_owner(l, struct peer, all);
        if (!p->d || p->d->member == MEMBER_NONE) continue;
        become(h, p, MEMBER_NONE);
        tell(h, p, &(struct nrp_group){0}, NRP_GROUP_OVER);
    }
}

size_t group_output(struct hub *h, int64_t now_us, uint8_t *out, struct nrp_address *to)
{
    size_t len = group_datagram(h->group, now_us, h->followed, out);
    if (len == 0) return 0;
    *to = h->config.group.address;
    h->counts.group_bodies = group_counts(h->group)->bodies;
    h->counts.group_datagrams = group_counts(h->group)->datagrams;
    return len;
}
