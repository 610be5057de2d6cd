/* common/transport/background.h - short-lived threads for the calls that block: resolving names,
 * and libmosquitto's connecting. They take no signals, nobody joins them. */
#ifndef NEWS_BACKGROUND_H
#define NEWS_BACKGROUND_H

/* 0, or an errno. */
int background_start(void *(*run)(void *), void *argument);

#endif
