/* relay/link.h - doubly linked rings whose links are a part of what they connect. */
#ifndef NEWS_RELAY_LINK_H
#define NEWS_RELAY_LINK_H

#include <stdbool.h>
#include <stddef.h>

struct link { /* a list's head, or a member; zeroed: a member of no list */
    struct link *prev, *next;
};

#define link_owner(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void link_init(struct link *head)
{
    head->prev = head->next = head;
}

static inline bool link_is_in(const struct link *l)
{
    return l->next != NULL;
}

static inline bool link_is_empty(const struct link *head)
{
    return head->next == head;
}

static inline void link_append(struct link *head, struct link *l)
{
    l->prev = head->prev;
    l->next = head;
    head->prev->next = l;
    head->prev = l;
}

static inline void link_remove(struct link *l) /* of no list: nothing happens */
{
    if (!l->next) return;
    l->prev->next = l->next;
    l->next->prev = l->prev;
    l->prev = l->next = NULL;
}

/* The first, taken out; NULL: empty. */
static inline struct link *link_take(struct link *head)
{
    struct link *l = head->next;
    if (l == head) return NULL;
    link_remove(l);
    return l;
}

#endif
