#include "relay/watch.h"

#include <sys/epoll.h>

bool watch_set(int epoll, struct watch *w, uint32_t events)
{
    struct epoll_event wanted = {.events = events, .data.ptr = w};
    if (events == w->events) return true;
    int change = !events ? EPOLL_CTL_DEL : w->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(epoll, change, w->fd, &wanted) != 0) return false;
    w->events = events;
    return true;
}
