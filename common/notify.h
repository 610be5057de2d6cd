/* common/notify.h - tells the service manager how we are: sd_notify(3) without libsystemd.
 *
 * A datagram to the socket in $NOTIFY_SOCKET; nothing when there is none. */
#ifndef NEWS_NOTIFY_H
#define NEWS_NOTIFY_H

/* E.g. "READY=1", "STATUS=12 sources", "STOPPING=1"; lines parted by newlines. */
__attribute__((format(printf, 1, 2))) void notify(const char *format, ...);
/* RELOADING=1 with the monotonic time it wants beside it. */
void notify_reloading(void);
/* From $WATCHDOG_USEC and $WATCHDOG_PID: how often WATCHDOG=1 is wanted, half of the limit; 0
 * never. */
int notify_watchdog_ms(void);

#endif
